"""test_faults.py -- every system call by which follow, mirror and witness touch
a disk fails once, or is the last one before kill -9.

strace records the calls of a run; then each STRIDE-th instance of each call is
failed with EIO and ENOSPC, and killed, in a run of its own from the same start.
After each run another one without faults must end with everything told, copied
or remembered.

usage: test_faults.py [STRIDE]: every STRIDE-th instance, 1 without.
"""
import collections
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import lying
import certs
from lying import BIN, expect, folder, path, run, write, write_all
from test_follow import revocation
from test_witness import LOG, Witness, body

STRIDE = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 1
KEY = certs.Key()
CALLS = ["openat", "open", "read", "pread64", "write", "pwrite64", "fsync",
         "fdatasync", "rename", "renameat", "renameat2", "link", "linkat",
         "mkdir", "fchmod", "unlink", "unlinkat", "rmdir", "close", "flock",
         "fstat", "newfstatat", "ftruncate"]
WRITING = {"openat", "write", "pwrite64", "fsync", "fdatasync", "rename",
           "link", "mkdir"}


def traced(args, inject, trace):
    return ["strace", "-f", "-qq", "-o", trace, "-e",
            "trace=" + ",".join(CALLS), *inject, BIN, *args]


def count(trace):
    with open(trace) as f:
        return collections.Counter(re.findall(r"^\d+ +(\w+)\(", f.read(),
                                              re.M))


def faults(calls, stride=STRIDE):
    """(name, strace options) of every run."""
    n = 0
    for call in sorted(calls):
        for i in range(1, calls[call] + 1):
            n += 1
            if n % stride:
                continue
            kinds = ["error=EIO", "signal=SIGKILL"]
            if call in WRITING:
                kinds.append("error=ENOSPC")
            for kind in kinds:
                yield "%s %d %s" % (call, i, kind), [
                    "-e", "inject=%s:%s:when=%d" % (call, kind, i)]


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def matrix(name, start, args, check):
    """start() -> folder; args(folder) -> arguments; check(folder, fault) runs
    again without faults."""
    trace = os.path.join(folder(), "trace")
    top = start()
    done = subprocess.run(traced(args(top), [], trace), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if "ptrace" in done.stderr:
        skip("strace may not trace here")
    assert done.returncode in (0, 1), done
    calls = count(trace)
    began, runs, hurt = time.monotonic(), 0, 0
    for fault, inject in faults(calls):
        top = start()
        done = subprocess.run(traced(args(top), inject, trace), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(trace) as f:
            text = f.read()
        injected = ("INJECTED" in text or
                    done.returncode == -signal.SIGKILL)
        assert injected, "%s: %s was not injected" % (name, fault)
        runs += 1
        hurt += done.returncode not in (0, 1)
        try:
            check(top, fault, done)
        except Exception as e:
            raise AssertionError("%s: %s: %s" % (name, fault, e))
        shutil.rmtree(top, ignore_errors=True)
    print("%s: %d calls, %d of them failed or killed one by one, %d ended the "
          "run, %.0f s" % (name, sum(calls.values()), runs, hurt,
                           time.monotonic() - began), flush=True)
    assert runs > 0 and hurt > 0


def make_log():
    log = lying.Log().fill(KEY, 260)
    watched = certs.Key()
    log.add(watched, certs.other("by another"))
    log.add(KEY, revocation("key", watched.hex))
    return log, watched


def test_follow():
    log, watched = make_log()
    served = write_all(folder(), log.files())
    missing = os.path.join(served, "api/v1/statements/" + certs.digest(
        certs.other("filler 17")).hex())
    os.unlink(missing)
    policy = write(os.path.join(folder(), "policy"), log.policy())

    def args(top):
        return ("follow", served, "--state", os.path.join(top, "state"),
                "--policy", policy, "--once", "--threads", "1", "--alerts",
                os.path.join(top, "alerts"), "--builder", watched.hex)

    def check(top, fault, done):
        expect(run(*args(top)), 1)
        with open(os.path.join(top, "alerts")) as f:
            lines = f.read()
        # A line may be torn by the fault; what comes after is whole.
        got = set()
        for line in lines.splitlines():
            try:
                got.add(json.loads(line)["alert"])
            except ValueError:
                m = re.search(r'\{"time".*\}$', line)
                if m:
                    got.add(json.loads(m.group(0)[
                        m.group(0).rindex('{"time"'):])["alert"])
        assert {"withheld", "watched"} <= got, (got, lines)
        assert {"revocation-ignored"} <= got, got
        with open(os.path.join(top, "state", "state"), "rb") as f:
            assert b"\nchecked 262\n" in f.read()

    matrix("follow", folder, args, check)


def test_mirror():
    log, _ = make_log()
    served = write_all(folder(), log.files())
    policy = write(os.path.join(folder(), "policy"), log.policy())
    want = {k: v for k, v in log.files().items() if k.startswith("tile/")}

    def args(top):
        return ("mirror", served, os.path.join(top, "copy"), "--policy",
                policy, "--threads", "1")

    def whole(top):
        for name, data in want.items():
            with open(os.path.join(top, "copy", name), "rb") as f:
                assert f.read() == data, name

    def check(top, fault, done):
        # What is published already is whole already.
        if os.path.exists(os.path.join(top, "copy", "checkpoint")):
            whole(top)
            expect(run("fsck", os.path.join(top, "copy"), "--policy", policy),
                   0, "262 statements")
        expect(run(*args(top)), 0)
        whole(top)
        expect(run("fsck", os.path.join(top, "copy"), "--policy", policy), 0,
               "262 statements")

    matrix("mirror", folder, args, check)


SIZES = [0, 5, 9, 9, 20]


def play(port):
    """Post growing checkpoints; the largest size that was cosigned."""
    answered, size = 0, 0
    for new in SIZES[1:]:
        for _ in range(2):
            try:
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                c.request("POST", "/add-checkpoint", body(size, new))
                r = c.getresponse()
                data = r.read()
                c.close()
            except (OSError, http.client.HTTPException):
                return answered
            if r.status == 200:
                answered = size = new
                break
            if r.status == 409:
                size = int(data)
                if size >= new:
                    break
            else:
                assert r.status == 500, (r.status, data)
    return answered


def test_witness():
    base = Witness()
    trace = os.path.join(folder(), "trace")

    def run_once(top, inject):
        port_file = os.path.join(top, "port")
        p = subprocess.Popen(traced(
            ("witness", "--listen", "127.0.0.1:0", "--state",
             os.path.join(top, "state"), "--key", base.key, "--port-file",
             port_file, *base.logs), inject, trace),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # What it prints may be what fails.
        until = time.monotonic() + 60
        while (p.poll() is None and not os.path.exists(port_file) and
               time.monotonic() < until):
            time.sleep(0.01)
        answered = 0
        if os.path.exists(port_file):
            with open(port_file) as f:
                answered = play(int(f.read()))
        # strace ends with what it traces.
        with open(trace) as f:
            pid = re.match(r"(\d+)", f.read())
        if p.poll() is None and pid:
            try:
                os.kill(int(pid.group(1)), signal.SIGKILL)
            except ProcessLookupError:
                pass
        p.communicate(timeout=60)
        return answered

    calls = None
    top = folder()
    assert run_once(top, []) == 20
    calls = count(trace)
    began, runs, hurt = time.monotonic(), 0, 0
    # It makes few calls.
    for fault, inject in faults(calls, (STRIDE + 9) // 10):
        top = folder()
        answered = run_once(top, inject)
        runs += 1
        hurt += answered < 20
        w = Witness()
        w.state, w.key, w.logs = os.path.join(top, "state"), base.key, \
            base.logs
        w.start()
        status, _, note = w.current()
        size = int(note.split(b"\n")[1]) if status == 200 else 0
        assert size >= answered, "%s: cosigned %d, remembers %d" % (
            fault, answered, size)
        # And it goes on from there.
        status, _, data = w.add(body(size, 30))
        assert status == 200, (fault, status, data)
        w.kill()
        shutil.rmtree(top, ignore_errors=True)
    print("witness: %d calls, %d of them failed or killed one by one, %d "
          "ended the run, %.0f s" % (sum(calls.values()), runs, hurt,
                                     time.monotonic() - began), flush=True)
    assert runs > 0 and hurt > 0


if __name__ == "__main__":
    if shutil.which("strace") is None:
        skip("strace is not installed")
    lying.main([test_follow, test_mirror, test_witness])
