"""The JSON Schema that editors use says what aicert check says, of right files
and of wrong ones; where it cannot see what is wrong, that is written here.

usage: schema_test.py AICERT SOURCE
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError as e:
    print("skipped: no Python module", e.name)
    sys.exit(77)
if not shutil.which("bwrap"):
    print("skipped: bubblewrap is not installed")
    sys.exit(77)
aicert, source = sys.argv[1:3]
failures = 0
with open(os.path.join(source, "docs/aicert.yaml.schema.json")) as f:
    schema = json.load(f)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)

PIN = "sha256:" + "0123456789abcdef" * 4
SHA = "0123456789abcdef0123456789abcdef01234567"
HEAD = "version: 2\ntrainer: command\ncommand: [sh, -c, run]\n"
REST = "type: file, uri: u, role: code, pin: '%s'" % PIN
GOOD = HEAD + "inputs:\n  - {name: a, " + REST + "}\noutputs: ['*.bin']\n"
BASE = "base_model: org/base@sha1:%s\n" % SHA
DATA = "datasets: [{path: 'org/data@sha1:%s', type: alpaca}]\n" % SHA


def one(text):
    return HEAD + "inputs:\n  - {" + text + "}\noutputs: [m]\n"


right = {
    "a model with its certificate": one(
        "name: a, type: certificate, uri: u, role: base_model, pin: '%s'" %
        PIN),
    "a whole file": GOOD + "env: {OMP_NUM_THREADS: 2, TZ: ''}\nseed: 7\n",
    "the least": HEAD + "inputs: []\noutputs: [m]\n",
    "words that are numbers": "version: 2\ntrainer: command\ninputs: []\n"
    "command: [a, 1, 0.5, true]\noutputs: [m]\n",
    "several lines in a command": "version: 2\ntrainer: command\ninputs: []\n"
    "command: [sh, -c, \"a\\nb\\tc\"]\noutputs: [m]\n",
    "a URL": one("name: a, type: file, uri: 'https://example.org/a@b', "
                 "role: code, pin: '%s'" % PIN),
    "a compression": one("name: a, " + REST + ", compression: gzip"),
    "the pin of a download": one(
        "name: a, type: file, uri: u, role: code, pin: 'download:%s', "
        "compression: zstd" % PIN),
    "an archive": one("name: a, type: archive, uri: u, role: code, pin: '%s'"
                      % PIN),
    "an archive by its download": one(
        "name: a, type: archive, uri: u, role: code, pin: 'download:%s'" % PIN),
    "a licence": one("name: a, license: MIT, " + REST),
    "not disclosed": one("name: a, disclose: false, " + REST),
    "a commit": one("name: a, type: git, uri: 'https://example.org/a.git', "
                    "role: code, dependencies: pip, pin: 'gitCommit:%s'"
                    % SHA),
    "files of a hub": one("name: a, type: model, uri: org/a, role: base_model, "
                          "path: ['*.json', 'b/**'], pin: 'gitCommit:%s'"
                          % SHA),
    "an image": GOOD + "image: 'example.org/a/b@%s'\n" % PIN,
    "hf-trainer": GOOD.replace("trainer: command", "trainer: hf-trainer"),
    "axolotl by an input": "version: 2\ntrainer: axolotl\nconfig: a\n"
    "inputs:\n  - {name: a, " + REST + "}\n",
    "axolotl by a command": GOOD.replace("trainer: command",
                                         "trainer: axolotl"),
    "a repository": one("name: a, type: git, uri: 'https://example.org/r', "
                        "role: code, pin: 'gitCommit:%s'" % SHA),
    "a repository with a lock file": one(
        "name: a, type: git, uri: 'git://example.org/r', role: code, "
        "dependencies: pip, pin: 'gitCommit:%s'" % SHA),
    "a model of a hub": one("name: a, type: model, uri: org/name, role: "
                            "base_model, pin: 'gitCommit:%s'" % SHA),
    "files of a dataset": one("name: a, type: dataset, uri: org/name, role: "
                              "dataset, path: ['*.json', a/**], "
                              "pin: 'gitCommit:%s'" % SHA),
    "a file of a dataset": one(
        "name: a, type: dataset, uri: 'https://example.org/datasets/o/n', "
        "role: dataset, path: a.json, pin: 'gitCommit:%s'" % SHA),
    "a model in a folder": one("name: a, type: model, uri: folder, role: "
                               "base_model, pin: '%s'" % PIN),
    "an image": GOOD + "image: 'example.org/a/b:tag@%s'\n" % PIN,
    "an image in a folder": GOOD + "image: 'oci:folder@%s'\n" % PIN,
    "globs": HEAD + "inputs: []\noutputs: ['**/*.bin', 'a/b?', '.x', 'a..b']\n",
}
wrong = {
    "nothing": "",
    "a list": "- a\n",
    "version 1": GOOD.replace("version: 2", "version: 1"),
    "version 3": GOOD.replace("version: 2", "version: 3"),
    "a version in quotes": GOOD.replace("version: 2", "version: '2'"),
    "no version": GOOD.replace("version: 2\n", ""),
    "no trainer": GOOD.replace("trainer: command\n", ""),
    "an unknown trainer": GOOD.replace("trainer: command", "trainer: comand"),
    "a trainer without a preset": GOOD.replace("trainer: command",
                                               "trainer: trl"),
    "no inputs": HEAD + "outputs: [m]\n",
    "no outputs": HEAD + "inputs: []\n",
    "no command": GOOD.replace("command: [sh, -c, run]\n", ""),
    "an empty command": GOOD.replace("[sh, -c, run]", "[]"),
    "a command that is a string": GOOD.replace("[sh, -c, run]", "run"),
    "a program without a name": GOOD.replace("[sh, -c, run]", "['', a]"),
    "an escape in a command": GOOD.replace("run]", "\"a\\x1bb\"]"),
    "a list in a command": GOOD.replace("run]", "[run]]"),
    "a configuration of a command": GOOD + "config: a\n",
    "axolotl with both": GOOD.replace("trainer: command", "trainer: axolotl")
    + "config: a\n",
    "axolotl with neither": "version: 2\ntrainer: axolotl\ninputs: []\n",
    "an unknown key": GOOD + "gpu: 1\n",
    "a key of another case": GOOD + "Seed: 1\n",
    "a name with a slash": one("name: a/b, " + REST),
    "a name in capitals": one("name: A, " + REST),
    "a name that climbs": one("name: .., " + REST),
    "a long name": one("name: " + "a" * 129 + ", " + REST),
    "no pin": one("name: a, type: file, uri: u, role: code"),
    "an empty pin": one("name: a, type: file, uri: u, role: code, pin: "),
    "a short pin": one("name: a, type: file, uri: u, role: code, pin: "
                       "'sha256:01'"),
    "a pin in capitals": one("name: a, type: file, uri: u, role: code, pin: '"
                             + "sha256:" + "0123456789ABCDEF" * 4 + "'"),
    "a pin of another kind": one("name: a, type: file, uri: u, role: code, "
                                 "pin: 'sha1:%s'" % SHA),
    "a download that is not unpacked": one(
        "name: a, type: file, uri: u, role: code, pin: 'download:%s'" % PIN),
    "an unknown type": one("name: a, type: fil, uri: u, role: code, pin: '%s'"
                           % PIN),
    "an unknown role": one("name: a, type: file, uri: u, role: x, pin: '%s'"
                           % PIN),
    "an unknown key of an input": one("name: a, foo: b, " + REST),
    "an unknown compression": one("name: a, compression: gz, " + REST),
    "an unknown manager": one("name: a, type: git, uri: 'https://example.org/a'"
                              ", role: code, dependencies: cargo, "
                              "pin: 'gitCommit:%s'" % SHA),
    "a path that climbs": one("name: a, type: model, uri: org/a, path: ../b, "
                              "role: base_model, pin: 'gitCommit:%s'" % SHA),
    "a short commit": one("name: a, type: git, uri: 'https://example.org/a', "
                          "role: code, pin: 'gitCommit:01234567'"),
    "an image without a digest": GOOD + "image: example.org/a/b\n",
    "a compressed archive": one(
        "name: a, type: archive, uri: u, role: code, compression: gzip, "
        "pin: '%s'" % PIN),
    "a repository by its files": one(
        "name: a, type: git, uri: 'https://example.org/r', role: code, "
        "pin: '%s'" % PIN),
    "a repository of this machine": one(
        "name: a, type: git, uri: folder, role: code, pin: 'gitCommit:%s'"
        % SHA),
    "a file by a commit": one("name: a, type: file, uri: u, role: code, pin: "
                              "'gitCommit:%s'" % SHA),
    "a short commit": one("name: a, type: git, uri: 'https://example.org/r', "
                          "role: code, pin: 'gitCommit:0123'"),
    "a lock file of a file": one("name: a, dependencies: pip, " + REST),
    "a lock file of nobody": one(
        "name: a, type: git, uri: 'https://example.org/r', role: code, "
        "dependencies: cargo, pin: 'gitCommit:%s'" % SHA),
    "files of a file": one("name: a, path: b, " + REST),
    "files that climb": one("name: a, type: model, uri: org/name, role: "
                            "base_model, path: ../x, pin: 'gitCommit:%s'" % SHA),
    "no files": one("name: a, type: model, uri: org/name, role: base_model, "
                    "path: [], pin: 'gitCommit:%s'" % SHA),
    "a hub's model that is compressed": one(
        "name: a, type: model, uri: org/name, role: base_model, "
        "compression: gzip, pin: 'gitCommit:%s'" % SHA),
    "a model of three parts": one(
        "name: a, type: model, uri: a/b/c, role: base_model, "
        "pin: 'gitCommit:%s'" % SHA),
    "an image without its digest": GOOD + "image: example.org/a:tag\n",
    "an image of a short digest": GOOD + "image: 'a@sha256:01'\n",
    "disclose as a word": one("name: a, disclose: maybe, " + REST),
    "a password in a URL": one("name: a, type: file, role: code, "
                               "uri: 'https://me:pw@example.org/x', "
                               "pin: '%s'" % PIN),
    "an input that is a string": HEAD + "inputs: [a]\noutputs: [m]\n",
    "outputs that climb": HEAD + "inputs: []\noutputs: [../m]\n",
    "outputs that climb within": HEAD + "inputs: []\noutputs: [a/../m]\n",
    "outputs from the root": HEAD + "inputs: []\noutputs: [/etc/passwd]\n",
    "outputs that are empty": HEAD + "inputs: []\noutputs: []\n",
    "outputs with a line feed": HEAD + "inputs: []\noutputs: [\"a\\nb\"]\n",
    "a variable not of the list": GOOD + "env: {LD_PRELOAD: x}\n",
    "a secret": GOOD + "env: {HF_TOKEN: x}\n",
    "a variable with a line feed": GOOD + "env: {TZ: \"a\\nb\"}\n",
    "a variable that is a list": GOOD + "env: {TZ: [a]}\n",
    "a list for env": GOOD + "env: [TZ]\n",
    "a negative seed": GOOD + "seed: -1\n",
    "a large seed": GOOD + "seed: 9007199254740992\n",
    "a seed that is a word": GOOD + "seed: x\n",
    "a seed in quotes": GOOD + "seed: '7'\n",
    "the original, floating": "base_model: org/base\n" + DATA,
    "the original, by a branch": "base_model: org/base@main\n" + DATA,
    "the original, of three parts": "base_model: a/b/c@sha1:%s\n" % SHA + DATA,
    "the original without data": BASE,
    "the original, its data floating": BASE + "datasets: [{path: a/b}]\n",
    "the original, its data without a path": BASE + "datasets: [{type: a}]\n",
    "the original, its output elsewhere": BASE + DATA + "output_dir: /x\n",
    "the original, its output above": BASE + DATA + "output_dir: ../x\n",
    "the original and version 2": "version: 2\n" + BASE,
}
# What no schema can say, or what YAML's readers do not show one.
ours_alone = {
    "a key twice": GOOD + "seed: 1\nseed: 1\n",
    "a bomb of aliases": GOOD + "env: {TZ: &a x}\n",
    "a tag": GOOD + "seed: !!int 1\n",
    "two inputs of one name": HEAD + "inputs:\n" + 2 * (
        "  - {name: a, " + REST + "}\n") + "outputs: [m]\n",
    "axolotl, configured by no input": "version: 2\ntrainer: axolotl\n"
    "config: b\ninputs:\n  - {name: a, " + REST + "}\n",
    "a file of another machine": one("name: a, type: file, role: code, "
                                     "uri: 'file://host/x', pin: '%s'" % PIN),
}
work = tempfile.mkdtemp(prefix="aicert-schema-")


def note(name, ok, *said):
    global failures
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        print(*said)


def ours(text):
    path = os.path.join(work, "aicert.yaml")
    with open(path, "w") as f:
        f.write(text)
    end = subprocess.run([aicert, "check", path], capture_output=True,
                         text=True, timeout=100)
    return end.returncode == 0, end.stderr


def theirs(text):
    # An empty value is nothing, and what stands twice is read once.
    errors = list(validator.iter_errors(yaml.safe_load(text)))
    return not errors, "; ".join(e.message for e in errors)[:300]


for name, text in right.items():
    (we, why), (they, how) = ours(text), theirs(text)
    note("right: " + name, we and they, why, how)
for name, text in wrong.items():
    (we, why), (they, how) = ours(text), theirs(text)
    note("wrong: " + name, not we and not they, we, why, they, how)
for name, text in ours_alone.items():
    (we, why), (they, how) = ours(text), theirs(text)
    note("wrong, seen by us alone: " + name, not we and they, we, why, how)
# Whatever its inputs become, the original's file is of its form.
original = (BASE + DATA + "output_dir: ./lora-out\nlora_model_dir:\n"
            "test_datasets: [{path: 'a@sha1:%s', name: /x.json}]\n" % SHA)
note("right: the original", theirs(original)[0], theirs(original))
for floating in ("latest", "branch:main", "tag:v1.0", "revision:main"):
    text = GOOD if floating == "latest" else one(
        "name: a, role: code, pin: '%s', " % PIN + (
            "type: model, uri: org/name" if floating == "revision:main" else
            "type: git, uri: 'https://example.org/r'"))
    text = text.replace("'%s'" % PIN, "'%s'" % floating)
    note("right: the pin " + floating, theirs(text)[0] and
         "floats" in ours(text)[1], ours(text), theirs(text))

# The words of the schema are those of the sources.
with open(os.path.join(source, "producer/fetch_yaml.c")) as f:
    parser = f.read()
with open(os.path.join(source, "producer/rules.c")) as f:
    rules = f.read()


def words(text, name):
    found = re.search(r"\b%s\[\] = \{(.*?)\};" % name, text, re.S).group(1)
    return set(re.findall(r'"([^"]+)"', found))


v2 = schema["$defs"]["version2"]["properties"]
entry = schema["$defs"]["input"]["properties"]
for name, found, listed in (
        ("keys", words(parser, "top_keys"), set(v2)),
        ("keys of an input", words(parser, "in_keys"), set(entry)),
        ("types", words(parser, "types"), set(entry["type"]["enum"])),
        ("roles", words(parser, "roles"), set(entry["role"]["enum"])),
        ("compressions", words(parser, "compressions"),
         set(entry["compression"]["enum"])),
        ("trainers", words(parser, "trainers") | {"axolotl"},
         set(v2["trainer"]["enum"])),
        ("variables", words(rules, "variables"),
         set(v2["env"]["properties"]))):
    note("the same " + name, found == listed, found ^ listed)
shutil.rmtree(work)
sys.exit(failures > 0)
