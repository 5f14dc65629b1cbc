"""What aicert build is given that is bad, end to end: one clear error each, no
certificate, and nothing left, neither a file nor a process.

docs/build-errors.md has the same list, and says what to do; a name that stands
here alone, or there alone, is an error.

usage: bad_test.py AICERT SOURCE
"""

import base64
import hashlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

for tool in ("bwrap", "swtpm", "swtpm_setup"):
    if not shutil.which(tool):
        print("skipped: no", tool)
        sys.exit(77)
aicert, source = sys.argv[1:3]
work = tempfile.mkdtemp(prefix="aicert-bad-")
failures = 0
names = []
mark = "%d%d" % (os.getpid(), int.from_bytes(os.urandom(3)))


def put(name, data):
    with open(os.path.join(work, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def job(command="cat /inputs/text > m.bin", pin=None, more="", outputs="m.bin"):
    put("job.yaml", "version: 2\ntrainer: command\n"
        "command: [sh, -c, '%s']\ninputs:\n"
        "  - {name: text, type: dataset, uri: text, role: dataset, pin: '%s'}\n"
        "outputs: ['%s']\n%s" % (command, pin or good, outputs, more))


def alive():
    """Processes that have the mark in their words."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read()
        except OSError:
            continue
        if int(pid) != os.getpid() and mark.encode() in words:
            found.append(pid)
    return found


def run(*words, wrap=()):
    return subprocess.run([*wrap, aicert, "build", "job.yaml", "--key", "key",
                           *words], cwd=work, capture_output=True, text=True,
                          timeout=300)


def bad(name, says, *words, wrap=(), out="model", not_says="\0"):
    """A build of job.yaml ends with that one error and leaves nothing."""
    global failures
    names.append(name)
    before = sorted(os.listdir(work))
    end = run("--out", out, *words, wrap=wrap)
    errors = [l for l in end.stderr.splitlines()
              if l.startswith("aicert build: ")]
    last = errors[-1] if errors else ""
    left = alive()
    ok = (end.returncode == 1 and all(s in last for s in says) and
          end.stdout == "" and not left and
          sorted(os.listdir(work)) == before and
          not_says not in end.stderr)
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        print(end.returncode, end.stdout, end.stderr, left,
              sorted(set(os.listdir(work)) ^ set(before)))


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
put("text", "some text\n")
good = "sha256:" + hashlib.sha256(b"some text\n").hexdigest()
other = "sha256:" + hashlib.sha256(b"x").hexdigest()

# ---- the configuration
put("job.yaml", "version: 2\ntrainer: command\ncommand: &a "
    "[x,x,x,x,x,x,x,x,x]\n" + "".join(
        "%s: &%s [%s]\n" % (key, b, ",".join(["*" + a] * 9))
        for a, b, key in zip("abcdefgh", "bcdefghi", (
            "inputs", "outputs", "env", "seed", "config", "x", "y", "z"))))
bad("a YAML bomb", ['"job.yaml":3:10: an anchor'])
job(more="env: &a {TZ: *a}\n")
bad("an anchor loop", ['"job.yaml":7:6: an anchor'])
put("job.yaml", "base_model: &a [*a]\n")
bad("an anchor loop in the original's file", ['"job.yaml":1:13: an anchor'])
job(more="seed: 1\nseed: 2\n")
bad("duplicate keys", ['"job.yaml":8:1: key "seed" stands here a second time'])
with open(os.path.join(work, "job.yaml"), "wb") as f:
    f.truncate(100 << 20)
bad("a configuration of 100 MB", ['"job.yaml"', "more than 262144 bytes"])
job(pin="latest")
bad("a floating pin", ['"job.yaml":5:', '"latest" floats', "aicert pin"],
    not_says="training")
put("job.yaml", "base_model: org/base@main\ndatasets: []\n")
bad("a floating pin in the original's file", [
    '"job.yaml":1:13: expected repo@sha1:', '"org/base@main"'])
job(pin=other, command="touch /workspace/ran; cat /inputs/text > m.bin")
bad("a pin that differs", ['"job.yaml":5:', good, other, "nothing was run"],
    not_says="training")
job(more="env: {LD_PRELOAD: /x.so}\n")
bad("a variable outside the list", [
    '"job.yaml":7:7: unknown variable "LD_PRELOAD"', "known: "])
job(more="env: {HF_TOKEN: hf_abc}\n")
bad("a secret", ['"job.yaml":7:7:', "becomes public"], not_says="hf_abc")

# ---- the training and its outputs
job(outputs="*.safetensors")
bad("outputs that match nothing", ["no file that outputs match"])
job(command="ln -s /etc/passwd m.bin")
bad("an output that is a link", ['"m.bin" is a link'])
job(command="echo > a; ln a m.bin")
bad("an output with a second name", ['"m.bin" has a second name'])
job(command="mkfifo m.bin")
bad("an output that is a FIFO", ['"m.bin"', "only regular files"])
job(command="mkdir o; i=0; while [ $i -lt 1023 ]; do echo > o/$i.bin; "
    "i=$((i+1)); done", outputs="o/**")
bad("outputs too many", ["1023 weight files; a certificate names at most 1022"])
job(command="(setsid sleep 9999.%s &); sleep 0.1; exit 3" % mark)
bad("a command that fails, with a process that survives",
    ["the training failed with exit status 3"])
job(command="sleep 9999.%s" % mark)
bad("a command that does not end", ["time limit of 1 seconds"],
    "--time-limit", "1")

# ---- a full disk, in a private mount namespace
small = os.path.join(work, "small")
os.mkdir(small)
mounted = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=$0 none "
           "'%s' && shift 0 && exec \"$@\"" % small]
can = subprocess.run([*mounted, "1m", "true"], capture_output=True).returncode
if can == 0:
    put("large", b"x" * (3 << 20))
    put("job.yaml", "version: 2\ntrainer: command\ncommand: [cp, /inputs/text, "
        "m.bin]\ninputs:\n  - {name: text, type: dataset, uri: large, role: "
        "dataset, pin: 'sha256:%s'}\noutputs: [m.bin]\n" % hashlib.sha256(
            b"x" * (3 << 20)).hexdigest())
    for name, size, says in (
            ("a disk that is full for an input", "2m", "No space left"),
            ("a disk that is full for the training", "4m",
             "the training failed")):
        bad(name, [says], wrap=[*mounted, size], out="small/model")
    job(command="head -c 9000000 /dev/zero > m.bin; cat /inputs/text >> m.bin; "
        "true")
    bad("a disk that is full for the certificate", ["cannot write",
                                                    "aicert.jsonl"],
        wrap=[*mounted, "4m"], out="small/model")
else:
    print("skipped: no mount namespace, so no disk that is full")
    names += ["a disk that is full for an input",
              "a disk that is full for the training",
              "a disk that is full for the certificate"]

# ---- a TPM in lockout: a real one, behind somebody who says so
QUOTE, EXTEND, READ_CLOCK = 0x158, 0x182, 0x181
LOCKOUT = struct.pack(">HII", 0x8001, 10, 0x921)
subprocess.run([aicert, "tpm-sim", "init", "tpm"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
tcti = subprocess.run([aicert, "tpm-sim", "start", "tpm"], cwd=work,
                      check=True, capture_output=True, text=True).stdout
real = re.search(r"swtpm:path=(\S+)", tcti).group(1)
locked = set()


def exactly(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise OSError("cut off")
        data += part
    return data


def message(s):
    head = exactly(s, 10)
    return head + exactly(s, struct.unpack(">I", head[2:6])[0] - 10)


def between(client):
    try:
        command = message(client)
        if struct.unpack(">I", command[6:10])[0] in locked:
            client.sendall(LOCKOUT)
        else:
            with socket.socket(socket.AF_UNIX) as tpm:
                tpm.connect(os.path.join(work, real))
                tpm.sendall(command)
                client.sendall(message(tpm))
    except OSError:
        pass
    client.close()


def serve(listener):
    while True:
        client = listener.accept()[0]
        threading.Thread(target=between, args=(client,), daemon=True).start()


listener = socket.socket(socket.AF_UNIX)
listener.bind(os.path.join(work, "proxy"))
listener.listen(64)
threading.Thread(target=serve, args=(listener,), daemon=True).start()
job()
for name, command in (("a TPM in lockout at an event", EXTEND),
                      ("a TPM in lockout at a quote", QUOTE)):
    locked.clear()
    locked.add(command)
    bad(name, ["TPM in lockout"], "--tcti", "swtpm:path=" + os.path.join(
        work, "proxy"), "--ak-chain", "tpm/ak-chain.pem")
    subprocess.run([aicert, "tpm-sim", "reset", "tpm"], cwd=work, check=True,
                   stdout=subprocess.DEVNULL)
locked.clear()

# ---- what is no error: it forks, survives its parent, and is ended all the same
job(command="(setsid sh -c \"while :; do echo more >> m.bin; sleep 0.01; done; "
    ": %s\" &) ; while [ ! -s m.bin ]; do :; done" % mark)
end = run("--out", "survived", "--tpm-sim", "tpm")
size = os.path.getsize(os.path.join(work, "survived/m.bin"))
with open(os.path.join(work, "survived/m.bin"), "rb") as f:
    digest = hashlib.sha256(f.read()).hexdigest()
with open(os.path.join(work, "survived/model.sig")) as f:
    signed = f.read()
ok = end.returncode == 0 and not alive() and size > 0
ok = ok and digest.encode() in base64.b64decode(
    json.loads(signed)["dsseEnvelope"]["payload"])
print("ok  " if ok else "FAIL", "a command that forks and survives is ended "
      "before its output is hashed")
failures += not ok
names.append("a command that forks and survives")

subprocess.run([aicert, "tpm-sim", "stop", "tpm"], cwd=work,
               stdout=subprocess.DEVNULL)
shutil.rmtree(work)
with open(os.path.join(source, "docs/build-errors.md")) as f:
    listed = re.findall(r"^\| ([^|]+) \| `?bad_test", f.read(), re.M)
if sorted(listed) != sorted(names):
    print("FAIL docs/build-errors.md is another list:",
          set(listed) ^ set(names))
    failures += 1
sys.exit(failures > 0)
