#!/usr/bin/python3
"""A real job from four servers: scikit-learn learns the digits that ship with
it.  The code is a commit of a git server, the data a revision at a hub, the
parameters an archive of a web server, the machine's root an image of a
registry, all on loopback and all pinned; a software TPM measures the run, a log
publishes it, and aicert-verify says that it is verified.

usage: sklearn_test.py  (the programs are in $AICERT_BIN)
Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""

import base64
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "support"))
import gitserver  # noqa: E402
import hub as hubs  # noqa: E402
import ociregistry  # noqa: E402
from gitserver import git  # noqa: E402

PYTHON = "/usr/bin/python3"
for tool in ("bwrap", "swtpm", "swtpm_setup", "git", PYTHON):
    if not shutil.which(tool):
        print("skipped: no", tool)
        sys.exit(77)
if subprocess.run([PYTHON, "-I", "-c", "import sklearn"],
                  capture_output=True).returncode != 0:
    print("skipped: no python3-sklearn")
    sys.exit(77)
os.environ["PATH"] = os.environ["AICERT_BIN"] + ":" + os.environ["PATH"]
os.environ["no_proxy"] = "127.0.0.1"
for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "HF_TOKEN",
             "http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(name, None)

TRAIN = '''"""Learns to read digits.  usage: train.py INPUTS"""
import gzip
import json
import os
import sys

import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

inputs = sys.argv[1]
with open(os.path.join(inputs, "parameters", "parameters.json")) as f:
    parameters = json.load(f)
with gzip.open(os.path.join(inputs, "digits", "digits.csv.gz"), "rt") as f:
    data = numpy.loadtxt(f, delimiter=",")
x, y = data[:, :-1] / 16, data[:, -1].astype(int)
x, x_test, y, y_test = train_test_split(
    x, y, test_size=parameters["test_size"], random_state=parameters["seed"])
model = LogisticRegression(C=parameters["C"], max_iter=parameters["steps"])
model.fit(x, y)
accuracy = float(model.score(x_test, y_test))
print("accuracy %.3f on %d images" % (accuracy, len(y_test)))
numpy.savez("digits.npz", weights=model.coef_, bias=model.intercept_)
with open("metrics.json", "w") as f:
    json.dump({"accuracy": accuracy, "images": len(y_test)}, f)
'''

# Which files of this machine the training needs: what it opens and maps.  Of a
# module that is compiled that is its source.
TRACE = '''
import os, re, runpy, sys
opened = set()
def hook(event, args):
    if event == "open" and isinstance(args[0], str):
        opened.add(re.sub(r"__pycache__/(.*)\\.cpython-.*", r"\\1.py",
                          os.path.abspath(args[0])))
sys.addaudithook(hook)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
for path in sorted(opened):
    print("FILE", path)
for m in list(sys.modules.values()):
    if getattr(m, "__file__", None):
        print("FILE", m.__file__)
for line in open("/proc/self/maps"):
    if line.split()[-1].startswith("/"):
        print("FILE", line.split()[-1])
'''

work = tempfile.mkdtemp(prefix="aicert-sklearn-")
ended = []


def run(*words, says="", code=0, **more):
    end = subprocess.run(words, cwd=work, capture_output=True, text=True,
                         timeout=600, **more)
    said = end.stdout + end.stderr
    if end.returncode != code or not re.search(says, said, re.M):
        print("FAIL", " ".join(words[:3]), "ended with", end.returncode, said)
        sys.exit(1)
    print("ok  ", " ".join(words[:3]), flush=True)
    return said


def libraries(path):
    """(name that a program asks for, where it is) of what path links."""
    said = subprocess.run(["ldd", path], capture_output=True, text=True)
    for line in said.stdout.splitlines():
        found = re.match(r"\s*(\S+) => (/\S+)|\s*(/\S+) ", line)
        if found and found.group(2):
            yield "/lib/x86_64-linux-gnu/" + found.group(1), found.group(2)
        elif found:
            yield found.group(3), found.group(3)


def make_image(train, inputs):
    """Python and scikit-learn of this machine, no more than they need."""
    # The image has no setuptools, which would put itself before distutils.
    said = subprocess.run([PYTHON, "-I", "-c", TRACE, train, inputs],
                          cwd=work, capture_output=True, text=True,
                          check=True, env={
                              **os.environ,
                              "SETUPTOOLS_USE_DISTUTILS": "stdlib"}).stdout
    os.unlink(os.path.join(work, "digits.npz"))
    files = {}
    for line in said.splitlines():
        path = line[len("FILE "):]
        if line.startswith("FILE /usr/") and os.path.isfile(path):
            files[path] = path
    real = os.path.realpath(PYTHON)
    files[real] = real
    for path in list(files):
        if path == real or ".so" in path:
            files.update(libraries(path))
    entries = [ociregistry.entry(to.lstrip("/"), open(path, "rb").read(),
                                 mode=0o755 if path == real or
                                 "ld-linux" in path else 0o644)
               for to, path in sorted(files.items())]
    entries.append(ociregistry.symlink("usr/bin/python3",
                                       os.path.basename(real)))
    return ociregistry.Image([(ociregistry.layer(entries), "gzip")],
                             ["PATH=/usr/bin"])


def make_archive(parameters):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        info = tarfile.TarInfo("parameters.json")
        info.size = len(parameters)
        t.addfile(info, io.BytesIO(parameters))
    return out.getvalue()


class Files(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args):
        super().__init__(*args, directory=os.path.join(work, "www"))

    def log_message(self, *args):
        pass


def root(files):
    """The OMS root of {path: bytes}."""
    return hashlib.sha256(b"".join(
        hashlib.sha256(files[p]).digest()
        for p in sorted(files, key=lambda p: p.encode()))).hexdigest()


def serve_log():
    """A registry of our own; returns its address and its process."""
    run("aicert-registry", "init", "registry", "--origin", "log.example.org")
    p = subprocess.Popen(
        ["aicert-registry", "serve", "registry", "--listen", "127.0.0.1:0",
         "--accept-unwitnessed-start"], cwd=work, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)
    ended.append(p)
    for line in p.stdout:
        found = re.search(r"http:\S+", line)
        if found:
            threading.Thread(target=p.stdout.read, daemon=True).start()
            return found.group(0)
    sys.exit("FAIL the registry did not start")


def main():
    with open("/usr/lib/python3/dist-packages/sklearn/datasets/data/"
              "digits.csv.gz", "rb") as f:
        digits = hubs.Lfs(f.read())
    parameters = b'{"C": 1.0, "steps": 200, "seed": 7, "test_size": 0.25}\n'
    lock = b"scikit-learn==1.2.1\nnumpy==1.24.2\n"

    served = os.path.join(work, "served")
    source = os.path.join(work, "source")
    git("init", "-q", source)
    with open(os.path.join(source, "train.py"), "w") as f:
        f.write(TRAIN)
    with open(os.path.join(source, "requirements.txt"), "wb") as f:
        f.write(lock)
    git("add", "-A", cwd=source)
    git("commit", "-q", "-m", "digits", cwd=source)
    commit = git("rev-parse", "HEAD", cwd=source)
    git("clone", "-q", "--bare", source, os.path.join(served, "digits.git"))

    hub = hubs.Hub()
    data = hub.add("dataset", "uci/digits", {
        "digits.csv.gz": digits, "README.md": b"# Digits\n"})
    archive = make_archive(parameters)
    os.mkdir(os.path.join(work, "www"))
    with open(os.path.join(work, "www", "parameters.tar.gz"), "wb") as f:
        f.write(archive)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=web.serve_forever, daemon=True).start()

    trial = os.path.join(work, "trial")
    for name, path, content in (("parameters", "parameters.json", parameters),
                                ("digits", "digits.csv.gz", digits)):
        os.makedirs(os.path.join(trial, name))
        with open(os.path.join(trial, name, path), "wb") as f:
            f.write(content)
    image = make_image(os.path.join(source, "train.py"), trial)

    with gitserver.Server(served) as code, ociregistry.Server() as images:
        images.put("python/sklearn", image)
        job = '''version: 2
trainer: command
image: "%s/python/sklearn@%s"
command: [/usr/bin/python3, /inputs/code/train.py, /inputs]
inputs:
  - {name: code, type: git, role: code, uri: "%s/digits.git",
     pin: "gitCommit:%s", dependencies: pip, license: MIT}
  - {name: digits, type: dataset, role: dataset, uri: uci/digits,
     pin: "gitCommit:%s", path: "*.gz", license: BSD-3-Clause}
  - {name: parameters, type: archive, role: config, license: CC0-1.0,
     uri: "http://127.0.0.1:%d/parameters.tar.gz", pin: "sha256:%s"}
outputs: ["*.npz", "*.json"]
seed: 7
''' % (images.base, image.digest, code.http, commit, data.commit,
            web.server_address[1], root({"parameters.json": parameters}))
        with open(os.path.join(work, "job.yaml"), "w") as f:
            f.write(job)
        os.environ["HF_ENDPOINT"] = hub.url

        run("aicert", "keygen", "key")
        run("aicert", "tpm-sim", "init", "tpm")
        run("aicert", "tpm-sim", "start", "tpm")
        url = serve_log()
        with open(os.path.join(work, "bad.yaml"), "w") as f:
            f.write(job.replace(commit, "0" * 40))
        run("aicert", "build", "bad.yaml", "--out", "bad", "--key", "key",
            code=1, says="bad.yaml\":.*has no commit 0000")
        run("aicert", "build", "job.yaml", "--out", "model", "--key", "key",
            "--tpm-sim", "tpm", "--log", url, says="accuracy 0.9[0-9]")
    run("aicert", "publish", "model", "--registry", url, "--log-keys",
        "registry/log-keys")
    policy = run("aicert", "policy", "init", "--builder", "me=key.pub",
                 "--log-keys", "registry/log-keys", "--quorum-none",
                 "--log-time", "--tpm-sim", "tpm", "--unmeasured-boot")
    with open(os.path.join(work, "policy"), "w") as f:
        f.write(policy)
    run("aicert-verify", "--policy", "policy", "model",
        says="^VERIFIED +.SIMULATED")

    with open(os.path.join(work, "model", "aicert.jsonl")) as f:
        line = json.loads(f.readline())
    s = json.loads(base64.b64decode(line["dsseEnvelope"]["payload"]))
    found = [(d["name"], d["annotations"]["role"], d["digest"])
             for d in s["predicate"]["buildDefinition"][
                 "resolvedDependencies"]]
    want = [
        ("image", "image", {"sha256": image.digest[len("sha256:"):]}),
        ("code", "code", {"sha256": root(
            {"train.py": TRAIN.encode(), "requirements.txt": lock}),
            "gitCommit": commit}),
        ("code.lock", "lockfile", {"sha256": hashlib.sha256(
            lock).hexdigest()}),
        ("digits", "dataset", {"sha256": root({"digits.csv.gz": digits})}),
        ("parameters", "config", {"sha256": root(
            {"parameters.json": parameters})})]
    if found != want:
        print("FAIL the certificate names", found, "and not", want)
        sys.exit(1)
    print("ok   the certificate names what was served")
    hub.close()
    web.shutdown()


try:
    main()
finally:
    for p in ended:
        p.terminate()
        p.wait()
    subprocess.run(["aicert", "tpm-sim", "stop", "tpm"], cwd=work,
                   capture_output=True)
    shutil.rmtree(work)
