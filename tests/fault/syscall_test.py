#!/usr/bin/env python3
"""syscall_test.py -- every system call of the sequencer fails once.

The one thread that writes is traced by strace, which counts and injects for a
thread.  A recorded run gives the table of calls; then each instance of each
call is failed with EIO, with ENOSPC where the call can return it, and killed
with SIGKILL, each in a run of its own from the same start.  After each run a
server without faults must have all that was answered.

usage: syscall_test.py [STRIDE]: every STRIDE-th instance, 1 without.
Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import faults
import server

STRIDE = int(sys.argv[1]) if len(sys.argv) > 1 else 1
ENTRIES = 254  # before the run, so that it fills a tile
POSTS = 4
TRIES = 3  # a second may pass within a run, which makes calls of its own
# Waiting for work writes nothing, and ending is not ours to fail.
IGNORED = ["futex", "exit", "exit_group", "madvise", "mprotect", "munmap",
           "mmap", "brk", "rt_sigprocmask", "set_robust_list", "rseq",
           "clock_gettime", "restart_syscall", "gettid", "getpid", "prctl",
           "getrandom"]
# Of those the sequencer makes, by their manual pages.
ENOSPC = {"openat", "open", "write", "pwrite64", "writev", "pwritev", "link",
          "linkat", "mkdir", "mkdirat", "rename", "renameat", "renameat2",
          "fsync", "fdatasync", "sync_file_range", "fallocate", "symlink"}


def sequencer_of(pid):
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, tid)) as f:
            if f.read() == "sequencer\n":
                return tid
    raise AssertionError("no thread called sequencer")


class Run:
    """One run over a copy of the log, with strace on the sequencer."""

    def __init__(self, base, bodies, keys, name, *inject):
        self.top = tempfile.mkdtemp(prefix="aicert-syscall-")
        self.path = faults.copy(base, self.top + "/log")
        self.record, self.trace = self.top + "/record", self.top + "/trace"
        self.keys, self.name = keys, name
        r = faults.At(self.path, keys)
        r.start(args=faults.SERVE)
        pid = r.server.pid
        strace = subprocess.Popen(
            ["strace", "-p", sequencer_of(pid), "-o", self.trace,
             "-e", "trace=!" + ",".join(IGNORED), *inject],
            stderr=subprocess.PIPE, text=True)
        said = strace.stderr.readline()
        assert "attached" in said, said
        client = faults.start_client(r, bodies, self.record)
        assert client.wait(timeout=300) == 0
        # Killed by the injection, or now; the trace is whole either way.
        alive = r.server.poll() is None
        r.kill()
        strace.communicate(timeout=60)
        r.close()
        with open(self.trace) as f:
            text = f.read()
        self.calls = collections.Counter(re.findall(r"^(\w+)\(", text, re.M))
        self.injected = text.count("(INJECTED)")
        if "signal=SIGKILL" in name:
            self.injected = 0 if alive else 1

    def check(self):
        return faults.check(self.path, self.keys, self.record, self.name)

    def close(self):
        shutil.rmtree(self.top, ignore_errors=True)


def kinds_of(call):
    yield "error=EIO"
    if call in ENOSPC:
        yield "error=ENOSPC"
    yield "signal=SIGKILL"


def one(base, bodies, keys, call, kind, n):
    """Inject; how often was it, and did the rest hold?"""
    name = "%s number %d, %s" % (call, n, kind)
    for _ in range(TRIES):
        run = Run(base, bodies, keys, name, "-e",
                  "inject=%s:%s:when=%d" % (call, kind, n))
        try:
            run.check()
        except Exception as e:  # the next instance still counts
            return name, run.injected, e
        finally:
            run.close()
        if run.injected == 1:
            break
    return name, run.injected, None


def test_every_instance():
    top = tempfile.mkdtemp(prefix="aicert-syscall-")
    began = time.monotonic()
    try:
        path, keys = faults.new_log(top)
        faults.fill(path, keys, ENTRIES)
        bodies = faults.write_bodies(top + "/bodies", "run", POSTS)
        first = Run(path, bodies, keys, "the recorded run")
        calls = first.calls
        size = first.check()
        first.close()
        for _ in range(TRIES):
            again = Run(path, bodies, keys, "the same again")
            again.check()
            again.close()
            if again.calls == calls:
                break
        assert again.calls == calls, (calls, again.calls)
        print("  %d entries before, %d after; calls: %s" % (
            ENTRIES, size, ", ".join("%s %d" % c for c in
                                     sorted(calls.items()))), flush=True)
        cases = [(call, kind, n) for call in sorted(calls)
                 for kind in kinds_of(call)
                 for n in range(1, calls[call] + 1)]
        cases = cases[::STRIDE]
        bad, injected = [], collections.Counter()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for name, hit, error in pool.map(
                    lambda c: one(path, bodies, keys, *c), cases):
                injected[name.rsplit(" ", 1)[1]] += hit
                if hit != 1:
                    bad.append("%s: injected %d times" % (name, hit))
                if error is not None:
                    bad.append("%s: %r" % (name, error))
        for line in bad:
            print("  " + line)
        print("  %d instances, every %d. of each kind: injected %s, in %.0f s"
              % (sum(calls.values()), STRIDE, dict(injected),
                 time.monotonic() - began))
        assert not bad and sum(injected.values()) == len(cases)
    finally:
        shutil.rmtree(top)


if __name__ == "__main__":
    if shutil.which("strace") is None:
        print("skipped: no strace")
        sys.exit(77)
    if subprocess.run(["strace", "-o", "/dev/null", "true"],
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: strace may not trace here")
        sys.exit(77)
    server.main([test_every_instance])
