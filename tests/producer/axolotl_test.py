"""The first AICert's file, end to end: an axolotl configuration, unchanged, by
aicert finetune, from a hub on loopback, in a stand-in for axolotl's image that
records the command it would run, what it got and what it found.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import hub as hubs  # noqa: E402
from ociregistry import Image, entry, folder, hardlink, layer  # noqa: E402

try:
    import yaml
except ImportError:
    print("skipped: no Python module yaml")
    sys.exit(77)
BUSYBOX = "/bin/busybox"
if not shutil.which("bwrap") or not os.path.exists(BUSYBOX) or \
        b"dynamic exec" not in subprocess.run(
            ["ldd", BUSYBOX], capture_output=True).stderr:
    print("skipped: bubblewrap or a static busybox is not installed")
    sys.exit(77)
aicert = sys.argv[1]
work = tempfile.mkdtemp(prefix="aicert-axolotl-")
failures = 0
n = 0
for name in ("http_proxy", "https_proxy", "all_proxy", "HF_TOKEN",
             "HF_ENDPOINT"):
    os.environ.pop(name, None)

# What stands in for accelerate: it writes down how it was called.
ACCELERATE = b"""#!/bin/sh
mkdir -p lora-out/checkpoint-4
for word in accelerate "$@"; do echo "$word"; done > lora-out/command
env | sort > lora-out/env
pwd > lora-out/cwd
cp axolotl.yml lora-out/got.yml
find /inputs -type f | sort > lora-out/found
echo weights > lora-out/adapter_model.safetensors
echo '{"global_step": 4, "total_flos": 2.5e+15, "num_input_tokens_seen": 8192}' \
    > lora-out/checkpoint-4/trainer_state.json
echo thrown away > elsewhere
"""
with open(BUSYBOX, "rb") as f:
    shell = f.read()
image = Image([(layer([
    folder("bin"), entry("bin/busybox", shell, mode=0o755),
    *[hardlink("bin/" + c, "bin/busybox") for c in (
        "sh", "mkdir", "env", "sort", "cp", "find", "cat", "pwd")],
    entry("bin/accelerate", ACCELERATE, mode=0o755)]), None)],
    ["PATH=/bin", "NVIDIA_VISIBLE_DEVICES=all"])
image.layout(os.path.join(work, "image"))
IMAGE = "oci:image@" + image.digest

hub = hubs.Hub()
base = hub.add("model", "TinyOrg/TinyModel-1.1B", {
    "config.json": b"{}", "model.safetensors": hubs.Lfs(os.urandom(100000))})
data = hub.add("dataset", "someone/alpaca_2k", {
    "alpaca_2000.parquet": hubs.Lfs(os.urandom(50000)), "README.md": b"#\n",
    "other.parquet": hubs.Lfs(os.urandom(50000))})
more = hub.add("dataset", "someone/more", {"a/x.json": b"[]", "y.json": b"[]"})

# Written as such files are: empty keys, a key that stands twice, no end of line.
ORIGINAL = """\
base_model: TinyOrg/TinyModel-1.1B@sha1:%s
model_type: LlamaForCausalLM

load_in_8bit: true
strict: false

datasets:
  - path: someone/alpaca_2k@sha1:%s
    name: /alpaca_2000.parquet
    type: alpaca
  - path: someone/more@sha1:%s
    type:
      field_output: "no"
dataset_prepared_path:
val_set_size: 0.05
output_dir: ./lora-out

adapter: lora
lora_model_dir:
lora_target_modules: [q_proj, "v_proj"]
learning_rate: 0.0002
eval_sample_packing: false
bf16: auto
eval_sample_packing: true
warmup_steps: 10
seed: 42
special_tokens:
  bos_token: "<s>"
  pad_token:""" % (base.commit, data.commit, more.commit)


def put(name, text):
    path = os.path.join(work, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def get(name):
    with open(os.path.join(work, name)) as f:
        return f.read()


def finetune(*words, text=ORIGINAL):
    global n
    n += 1
    job = "job%d" % n
    put(job + "/aicert.yaml", text)
    shutil.copy(os.path.join(work, "key"), os.path.join(work, job,
                                                        "builder.key"))
    return job, subprocess.run(
        [aicert, "finetune", "--dir", job, *words], cwd=work,
        capture_output=True, text=True, timeout=400,
        env={**os.environ, "no_proxy": "127.0.0.1", "HF_ENDPOINT": hub.url,
             "HF_TOKEN": "hf_that_nobody_may_see"})


def note(name, ok, *said):
    global failures
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        print(*said)


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
job, end = finetune("--image", IMAGE)
note("the file is built as it is", end.returncode == 0, end.stderr)
if end.returncode == 0:
    out = job + "/model/lora-out/"
    note("the command of axolotl", get(out + "command").split("\n") == [
        "accelerate", "launch", "-m", "axolotl.cli.train", "axolotl.yml", ""],
        get(out + "command"))
    note("in the workspace", get(out + "cwd") == "/workspace\n",
         get(out + "cwd"))
    env = dict(l.split("=", 1) for l in get(out + "env").splitlines())
    note("offline", all(env.get(k) == v for k, v in {
        "HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1", "WANDB_MODE": "offline"}.items()) and
        "HF_TOKEN" not in env, env)
    wanted = yaml.safe_load(ORIGINAL)
    wanted["base_model"] = "/inputs/model"
    wanted["datasets"][0] = {"path": "/inputs/dataset/alpaca_2000.parquet",
                             "type": "alpaca"}
    wanted["datasets"][1]["path"] = "/inputs/dataset-2"
    got = yaml.safe_load(get(out + "got.yml"))
    note("axolotl gets the same, but for where the inputs are", got == wanted,
         got, wanted)
    note("which is where they are", get(out + "found").split() == [
        "/inputs/dataset-2/a/x.json", "/inputs/dataset-2/y.json",
        "/inputs/dataset/alpaca_2000.parquet", "/inputs/model/config.json",
        "/inputs/model/model.safetensors"], get(out + "found"))
    note("only the file that is named was fetched", not any(
        "other.parquet" in p for _, p, _ in hub.seen), hub.seen)
    note("what lies elsewhere is no output", sorted(os.listdir(os.path.join(
        work, job, "model"))) == ["aicert.jsonl", "lora-out", "model.sig"])
    text = get(job + "/model/aicert.jsonl")
    s = json.loads(base64.b64decode(json.loads(text.split("\n")[0])[
        "dsseEnvelope"]["payload"]))["predicate"]
    asked = s["buildDefinition"]["externalParameters"]
    note("the certificate: the file as it was", asked["config"] == {
        "name": "aicert.yaml", "sha256": hashlib.sha256(
            ORIGINAL.encode()).hexdigest()}, asked["config"])
    note("what axolotl got", asked["trainer"] == "axolotl" and
         yaml.safe_load(asked["command"][-1]) == wanted, asked["command"])
    note("the image", asked["image"]["pin"] == image.digest, asked["image"])
    note("the repositories and their commits", [
        (i["name"], i["type"], i["role"], i["uri"], i["pin"])
        for i in asked["inputs"]] == [
        (name, kind, role, "https:" "//huggingface.co/" + where,
         "gitCommit:" + r.commit) for name, kind, role, where, r in (
            ("model", "model", "base_model", "TinyOrg/TinyModel-1.1B", base),
            ("dataset", "dataset", "dataset", "datasets/someone/alpaca_2k",
             data),
            ("dataset-2", "dataset", "dataset", "datasets/someone/more",
             more))], asked["inputs"])
    note("outputs, seed", asked["outputs"] == ["lora-out/**"] and
         asked["seed"] == 42, asked)
    figures = {k: (v["value"], v["assurance"]) for k, v in s[
        "https:" "//aicert.mithrilsecurity.io/compute/v1"].items()}
    note("what the trainer reports", {k: figures.get(k) for k in (
        "flops", "tokens", "steps")} == {
        "flops": ("2500000000000000", "reported"),
        "tokens": ("8192", "reported"), "steps": ("4", "reported")}, figures)
    note("no token in anything", "hf_that" not in text + end.stderr + "".join(
        get(out + f) for f in ("env", "got.yml", "command")))

# ---- what is not as it should be: nothing runs
for name, text, words, says in (
        ("another commit", ORIGINAL.replace(base.commit, "0" * 40),
         ("--image", IMAGE), "input \"model\""),
        ("a dataset that floats", ORIGINAL.replace(
            "@sha1:" + data.commit, "@main"), ("--image", IMAGE),
         "aicert.yaml\":8:11: expected repo@sha1:"),
        ("a file that the dataset has not", ORIGINAL.replace(
            "alpaca_2000", "alpaca_3000"), ("--image", IMAGE),
         "input \"dataset\""),
        ("an image without its digest", ORIGINAL, ("--image", "oci:image"),
         "has no digest"),
        ("another image", ORIGINAL, ("--image", "oci:image@sha256:" +
                                     "0" * 64), "image"),
        ("an image that is named twice", "version: 2\ntrainer: command\n"
         "command: [sh]\ninputs: []\noutputs: [m]\nimage: '%s'\n" % IMAGE,
         ("--image", IMAGE), "leave --image out")):
    job, end = finetune(*words, text=text)
    note(name, end.returncode == 1 and says in end.stderr and
         "training;" not in end.stderr and
         sorted(os.listdir(os.path.join(work, job))) == [
             "aicert.yaml", "builder.key"], end.returncode, end.stderr)
hub.close()
shutil.rmtree(work)
sys.exit(failures > 0)
