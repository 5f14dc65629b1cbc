"""aicert build, killed with SIGKILL at every phase: afterwards there is no
model or a whole one, no process of it lives, and the next run says whether a
new boot is needed.  Its TPM is a software TPM.

A sandbox that is still being set up is bubblewrap's alone: where that is killed
within a moment, its other half waits for ever, before it runs anything of the
job.  Such a one is counted, and ended here.

usage: crash_test.py AICERT [KILLS]: after the outputs are being hashed, KILLS
times, each a little later.
"""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

for tool in ("bwrap", "swtpm", "swtpm_setup"):
    if not shutil.which(tool):
        print("skipped: no", tool)
        sys.exit(77)
aicert = sys.argv[1]
kills = int(sys.argv[2]) if len(sys.argv) > 2 else 12
work = tempfile.mkdtemp(prefix="aicert-crash-")
mark = "%d%d" % (os.getpid(), int.from_bytes(os.urandom(3)))
failures = 0
whole = none = halves = 0
WORDS = [aicert, "build", "job.yaml", "--key", "key", "--tpm-sim", "tpm",
         "--out", "model"]


def alive():
    """Processes of the job; those of a sandbox that never was apart."""
    jobs, halves = [], []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read()
            with open("/proc/%s/wchan" % pid) as f:
                waits = f.read()
        except OSError:
            continue
        if int(pid) == os.getpid() or mark.encode() not in words:
            continue
        half = words.startswith(b"bwrap\0--args\0") and "wait" in waits
        (halves if half else jobs).append(int(pid))
    return jobs, halves


def note(name, ok, *said):
    global failures
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        print(*said)


def model():
    """"none", "whole", or what is wrong with it."""
    path = os.path.join(work, "model")
    if not os.path.exists(path):
        return "none"
    try:
        files = sorted(os.listdir(path))
        if files != ["aicert.jsonl", "m0.bin", "m1.bin", "model.sig"]:
            return str(files)
        with open(os.path.join(path, "model.sig")) as f:
            signed = json.load(f)
        listed = json.loads(base64.b64decode(signed["dsseEnvelope"][
            "payload"]))["predicate"]["resources"]
        for r in listed:
            with open(os.path.join(path, r["name"]), "rb") as f:
                if hashlib.sha256(f.read()).hexdigest() != r["digest"]:
                    return r["name"] + " differs"
    except (OSError, ValueError, KeyError) as e:
        return repr(e)
    end = subprocess.run([aicert, "show", path], capture_output=True)
    return "whole" if end.returncode == 0 and len(listed) == 2 else "no show"


def reset():
    shutil.rmtree(os.path.join(work, "model"), ignore_errors=True)
    for name in os.listdir(work):
        if ".partial-" in name:
            shutil.rmtree(os.path.join(work, name))
    subprocess.run([aicert, "tpm-sim", "reset", "tpm"], cwd=work, check=True,
                   stdout=subprocess.DEVNULL)


def begin():
    return subprocess.Popen(WORDS, cwd=work, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def until(p, word):
    said = []
    for line in p.stderr:
        said.append(line)
        if word in line:
            return True, said
    return False, said


def end(p):
    """Kill it, and see everything of it gone."""
    global halves
    p.send_signal(signal.SIGKILL)
    p.stderr.close()
    p.wait()
    give_up = time.monotonic() + 20
    only_half = 0
    while time.monotonic() < give_up:
        jobs, half = alive()
        if not jobs and not half:
            return True
        # A sandbox with a job in it ends at once, and all of it.
        only_half = only_half + 1 if half and not jobs else 0
        if only_half == 100:
            for pid in half:
                os.kill(pid, signal.SIGKILL)
            halves += len(half)
            return True
        time.sleep(0.02)
    return False


def judge(name, moved):
    """No model or a whole one; a second run needs a new boot, or not."""
    global whole, none
    found = model()
    whole += found == "whole"
    none += found == "none"
    note(name + ": no model, or a whole one", found in ("none", "whole"),
         found)
    shutil.rmtree(os.path.join(work, "model"), ignore_errors=True)
    again = subprocess.run(WORDS, cwd=work, capture_output=True, text=True,
                           timeout=300)
    if moved:
        note(name + ": the next run says that a new boot is needed",
             again.returncode == 1 and "PCR" in again.stderr and
             "aicert tpm-sim reset" in again.stderr and model() == "none",
             again.returncode, again.stderr)
        reset()
        again = subprocess.run(WORDS, cwd=work, capture_output=True,
                               text=True, timeout=300)
    note(name + ": then it works", again.returncode == 0 and
         model() == "whole", again.returncode, again.stderr, model())
    reset()


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
with open(os.path.join(work, "text"), "wb") as f:
    f.write(b"x" * 1000000)
digest = hashlib.sha256(b"x" * 1000000).hexdigest()
with open(os.path.join(work, "job.yaml"), "w") as f:
    f.write("version: 2\ntrainer: command\ncommand: [sh, -c, \"echo begun; "
            "sleep 0.3; cat /inputs/text > m0.bin; echo half; sleep 0.3; "
            "cat /inputs/text > m1.bin; : %s\"]\n"
            "inputs:\n  - {name: text, type: file, uri: text, role: dataset, "
            "pin: 'sha256:%s'}\noutputs: ['*.bin']\n" % (mark, digest))
for verb in ("init", "start"):
    subprocess.run([aicert, "tpm-sim", verb, "tpm"], cwd=work, check=True,
                   stdout=subprocess.DEVNULL)

for name, word, moved in (
        ("killed before the configuration", "earliest time", None),
        ("killed after the inputs", 'input "text"', True),
        ("killed after START", "publish before", True),
        ("killed in the training", "| begun", True),
        ("killed between two outputs", "| half", True),
        ("killed while outputs are hashed", "hashing the outputs", True)):
    p = begin()
    there, said = until(p, word)
    note(name + ": it comes to that", there, "".join(said))
    note(name + ": nothing of it lives", end(p), alive())
    if moved is None:
        # Whether PCR 14 has the configuration yet is a matter of luck.
        reset()
        continue
    judge(name, moved)

# ---- later and later, up to its end
p = begin()
until(p, "hashing the outputs")
at = time.monotonic()
p.stderr.read()
p.wait()
takes = time.monotonic() - at
note("a build that is not killed", p.returncode == 0 and model() == "whole",
     p.returncode, model())
reset()
for i in range(kills):
    p = begin()
    until(p, "hashing the outputs")
    time.sleep(takes * 1.2 * i / kills)
    gone = end(p)
    found = model()
    whole += found == "whole"
    none += found == "none"
    note("killed %.0f ms after the training: %s" % (
        takes * 1200 * i / kills, found), gone and
        found in ("none", "whole"), found, alive())
    reset()
print("%d times no model, %d times a whole one; %d halves of a sandbox" % (
    none, whole, halves))
subprocess.run([aicert, "tpm-sim", "stop", "tpm"], cwd=work,
               stdout=subprocess.DEVNULL)
shutil.rmtree(work)
sys.exit(failures > 0)
