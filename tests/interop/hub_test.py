#!/usr/bin/python3
"""Unmodified huggingface_hub fetches from the hub of our tests what aicert
build fetches from it: so that hub speaks the real protocol.

usage: hub_test.py CACHE
Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""

import fcntl
import os
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "support"))
import hub as hubs  # noqa: E402

VERSION = "2.4.0"

CLIENT = """
import sys, os
from huggingface_hub import hf_hub_download, snapshot_download, HfApi
kind, name, commit, to = sys.argv[1:]
print(snapshot_download(name, repo_type=kind, revision=commit, local_dir=to))
one = hf_hub_download(name, sorted(os.listdir(to))[-1], repo_type=kind,
                      revision=commit, cache_dir=to + ".cache")
assert os.path.getsize(one) > 0
tree = HfApi().list_repo_tree(name, repo_type=kind, revision=commit,
                              recursive=True)
assert len(list(tree)) > 4
"""


def install(cache):
    with open(os.path.join(cache, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        program = os.path.join(cache, "venv", "bin", "python")
        stamp = os.path.join(cache, "installed")
        if os.path.exists(stamp) and open(stamp).read() == VERSION:
            return program
        for words in (["/usr/bin/python3", "-m", "venv", cache + "/venv"],
                      [cache + "/venv/bin/pip", "install", "--retries", "1",
                       "--disable-pip-version-check", "--timeout", "30",
                       "huggingface_hub==" + VERSION]):
            end = subprocess.run(words, capture_output=True, text=True)
            if end.returncode != 0:
                print("skipped: cannot install huggingface_hub %s: %s" % (
                    VERSION, (end.stderr or end.stdout).strip()[-200:]))
                sys.exit(77)
        with open(stamp, "w") as f:
            f.write(VERSION)
        return program


cache = os.path.abspath(sys.argv[1])
os.makedirs(cache, exist_ok=True)
python = install(cache)
hub = hubs.Hub()
files = {"config.json": b'{"a": 1}', "w/one.bin": hubs.Lfs(b"1" * 700000),
         "w/deep/two.txt": b"two\n", "zeta.safetensors": hubs.Lfs(b"z" * 999)}
failures = 0
for kind in ("model", "dataset"):
    r = hub.add(kind, "org/name", files)
    with tempfile.TemporaryDirectory(prefix="aicert-hub-") as work:
        to = os.path.join(work, "got")
        env = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": work,
               "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1",
               "no_proxy": "127.0.0.1"}
        end = subprocess.run([python, "-c", CLIENT, kind, r.name, r.commit,
                              to], env=env, capture_output=True, text=True,
                             timeout=300)
        same = end.returncode == 0 and all(
            open(os.path.join(to, p), "rb").read() == d
            for p, d in files.items())
        print("ok  " if same else "FAIL", "huggingface_hub fetches a", kind)
        if not same:
            failures += 1
            print(end.stdout, end.stderr)
hub.close()
sys.exit(1 if failures else 0)
