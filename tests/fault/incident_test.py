#!/usr/bin/env python3
"""incident_test.py -- what ended other people's logs, done to ours.

- A log reloaded after a fatal error, the reload failed as well, and tiles were
  missing for ever: here every call of a restart that has a head to publish
  fails once, after a first crash.
- A full disk damaged a database: here the disk is filled up under load.
- An overloaded store lost entries that were promised: here syncs are slow and
  more clients come than the queue holds.

usage: incident_test.py [STRIDE]: every STRIDE-th call of the restart.
Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
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
import tempfile
import threading
import time

STRIDE = int(sys.argv[1]) if len(sys.argv) > 1 else 1

# Mounts of ours are seen by nobody else and end with us.
if os.environ.get("AICERT_OWN_MOUNTS") != str(os.getpid()):
    own = ["--mount", "--propagation", "private"]
    if os.getuid() != 0:
        own += ["--user", "--map-root-user"]
    if subprocess.run(["unshare", *own, "true"]).returncode != 0:
        print("skipped: no mount namespace of our own")
        sys.exit(77)
    os.environ["AICERT_OWN_MOUNTS"] = str(os.getpid())
    os.execvp("unshare", ["unshare", *own, sys.executable, "-B", *sys.argv])

import faults
import server
import certs

# What a restart reads and writes the log with.
CALLS = ["openat", "read", "pread64", "write", "pwrite64", "fsync",
         "fdatasync", "link", "linkat", "rename", "mkdir", "close"]


def start_under(path, keys, *strace):
    """
    Start under strace; is it up?  Ends it either way.  What strace wrote.
    """
    trace = tempfile.NamedTemporaryFile(prefix="aicert-trace-")
    port = trace.name + "-port"
    p = subprocess.Popen(
        ["strace", "-o", trace.name, *strace, server.BIN, "serve", path,
         "--listen", "127.0.0.1:0", "--port-file", port, *faults.SERVE],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Not by what it prints: that is one of the calls that fail.
    while p.poll() is None and not os.path.exists(port):
        time.sleep(0.02)
    up = os.path.exists(port)
    if up:
        os.unlink(port)
    children = []
    if p.returncode is None:
        # strace itself holds signals back.
        with open("/proc/%d/task/%d/children" % (p.pid, p.pid)) as f:
            children = [int(child) for child in f.read().split()]
    try:
        for child in children:
            os.kill(child, signal.SIGTERM)
        p.communicate(timeout=60)
    finally:
        # Nothing outlives the test, whatever went wrong with it.
        if p.poll() is None:
            for child in children:
                os.kill(child, signal.SIGKILL)
            p.kill()
    with open(trace.name) as f:
        return up, f.read()


def test_restart_fails_after_a_crash():
    top = tempfile.mkdtemp(prefix="aicert-incident-")
    path, keys = faults.new_log(top)
    faults.fill(path, keys, 254)
    bodies = faults.write_bodies(top + "/bodies", "crash", 2)
    record = top + "/record"
    r = faults.At(path, keys)
    r.start(kill_at="committed", args=["--batch-ms", "200"])
    client = faults.start_client(r, bodies, record)
    assert client.wait(timeout=60) == 0
    r.wait()
    r.close()
    assert faults.answers(record) == {}, "answered before it was public"
    # From the first call that touches the log on; before that it is libraries.
    up, text = start_under(faults.copy(path, top + "/whole"), keys)
    assert up
    begin = text.index(top)
    before = collections.Counter(re.findall(r"^(\w+)\(", text[:begin], re.M))
    calls = collections.Counter(re.findall(r"^(\w+)\(", text, re.M))
    cases = [(c, n) for c in CALLS
             for n in range(before[c] + 1, calls[c] + 1)][::STRIDE]
    assert cases
    refused = injected = 0
    for call, n in cases:
        broken = faults.copy(path, top + "/broken")
        up, text = start_under(broken, keys, "-e",
                               "inject=%s:error=EIO:when=%d" % (call, n))
        refused += not up
        injected += "(INJECTED)" in text
        size = faults.check(broken, keys, record, "%s %d" % (call, n))
        assert size >= 255, "the committed head is gone"
        shutil.rmtree(broken)
    print("  %d of %d calls failed, %d of these starts were refused"
          % (injected, len(cases), refused))
    # Its last calls may belong to ending, whose order is free.
    assert injected >= len(cases) * 9 // 10 and refused > 0
    shutil.rmtree(top)


def test_full_disk():
    top = tempfile.mkdtemp(prefix="aicert-incident-")
    disk = top + "/disk"
    os.mkdir(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk],
                   check=True)
    path, keys = faults.new_log(disk)
    record = top + "/record"
    answered = 0
    for i in range(40):
        bodies = faults.write_bodies(top + "/bodies", "fill %d" % i, 50)
        r = faults.At(path, keys)
        if not r.start_or_fail():
            r.close()
            break
        client = faults.start_client(r, bodies, record)
        assert client.wait(timeout=300) == 0
        ended = r.server.poll() is not None
        said = r.kill()
        r.close()
        if ended:
            assert "aicert-registry: " in said, said
            answered = len(faults.answers(record))
            break
    else:
        raise AssertionError("the disk did not fill up")
    # Still full: it must say so and harm nothing.
    r = faults.At(path, keys)
    if r.start_or_fail():
        r.kill()
    r.close()
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    size = faults.check(path, keys, record, "the full disk")
    print("  %d answered before the disk was full, %d entries after"
          % (answered, size))
    subprocess.run(["umount", disk], check=True)
    shutil.rmtree(top)


def test_overload():
    """Syncs are slow; 64 clients post what they can."""
    top = tempfile.mkdtemp(prefix="aicert-incident-")
    path, keys = faults.new_log(top)
    r = faults.At(path, keys)
    r.start(args=["--batch-ms", "0", "--batch-max", "16"])
    tid = next(t for t in os.listdir("/proc/%d/task" % r.server.pid)
               if open("/proc/%d/task/%s/comm"
                       % (r.server.pid, t)).read() == "sequencer\n")
    strace = subprocess.Popen(
        ["strace", "-p", tid, "-o", "/dev/null", "-e",
         "inject=fsync,fdatasync:delay_enter=50000"],
        stderr=subprocess.PIPE, text=True)
    assert "attached" in strace.stderr.readline()
    key, mutex = certs.Key(), threading.Lock()
    got, counts = {}, collections.Counter()
    todo = [certs.asserted(key, "load %d" % i) for i in range(128)]

    def client():
        while True:
            with mutex:
                if not todo:
                    return
                body = todo.pop()
            try:
                reply = r.post(body)
            except (OSError, http.client.HTTPException):
                counts["none"] += 1
                continue
            with mutex:
                counts[reply.status] += 1
                if reply.status == 200:
                    got[body] = reply.body
                else:
                    assert reply.status in (429, 503), reply.text()
                    assert reply.headers["Retry-After"]

    threads = [threading.Thread(target=client) for _ in range(64)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    r.kill()
    strace.communicate(timeout=60)
    r.close()
    record = top + "/record"
    with open(record, "w") as f:
        for body, answer in got.items():
            f.write(json.dumps({"body": body.decode(), "status": 200,
                                "answer": answer.decode()}) + "\n")
    assert got
    print("  answers by status: %s; %d entries after"
          % (dict(counts), faults.check(path, keys, record, "the load")))
    shutil.rmtree(top)


POOL = 16384  # certificates that may wait (registry/sequence.c)
MANY = 1000   # in one request


def test_full_queue():
    """
    More is posted than may wait while the disk is slow: what finds no room is
    told to come later, and everything that was answered is there, also after
    the end of the process.
    """
    top = tempfile.mkdtemp(prefix="aicert-incident-")
    path, keys = faults.new_log(top)
    r = faults.At(path, keys)
    r.start()
    key = certs.Key()
    many = [[certs.asserted(key, "many %d %d" % (n, i)) for i in range(MANY)]
            for n in range(POOL // MANY + 8)]
    tid = next(t for t in os.listdir("/proc/%d/task" % r.server.pid)
               if open("/proc/%d/task/%s/comm"
                       % (r.server.pid, t)).read() == "sequencer\n")
    strace = subprocess.Popen(
        ["strace", "-p", tid, "-o", "/dev/null", "-e",
         "inject=fsync,fdatasync:delay_enter=1000000"],
        stderr=subprocess.PIPE, text=True)
    assert "attached" in strace.stderr.readline()
    answers, failed, told = {}, [], []
    mutex = threading.Lock()

    def post_many(bodies):
        c = http.client.HTTPConnection("127.0.0.1", r.port, timeout=600)
        c.request("POST", "/api/v1/certificates",
                  json.dumps([b.decode() for b in bodies]),
                  {"Content-Type": "application/json"})
        reply = server.Reply(c.getresponse())
        c.close()
        with mutex:
            if reply.status != 200:
                failed.append(reply.text())
            else:
                answers.update(zip(bodies, json.loads(reply.body)))

    threads = [threading.Thread(target=post_many, args=(b,)) for b in many]
    for t in threads:
        t.start()
    # Somebody alone finds it full as well, and is told when to come again.
    n = 0
    while not told and any(t.is_alive() for t in threads):
        c = http.client.HTTPConnection("127.0.0.1", r.port, timeout=0.5)
        try:
            c.request("POST", "/api/v1/certificates",
                      certs.asserted(key, "alone %d" % n), server.JSONL)
            reply = server.Reply(c.getresponse())
            if reply.status == 503:
                told.append(reply)
        except TimeoutError:
            pass  # it waits in the queue
        c.close()
        n += 1
    strace.terminate()
    strace.communicate(timeout=60)
    for t in threads:
        t.join()
    assert not failed, failed[0]
    assert told, "the queue was never full"
    assert json.loads(told[0].body)["type"].endswith("/problem/busy")
    assert int(told[0].headers["Retry-After"]) >= 1
    counts = collections.Counter(a["status"] for a in answers.values())
    assert set(counts) == {200, 503} and counts[200] >= POOL, counts
    for a in answers.values():
        assert a["status"] == 200 or (
            a["problem"]["type"].endswith("/problem/busy")), a
    # Who was told so posts again, and is in.
    late = next(b for b, a in answers.items() if a["status"] == 503)
    again = r.post(late)
    assert again.status == 200, again.text()
    answers[late] = {"status": 200, "certificate": again.text()}
    r.kill()
    r = faults.At(path, keys)
    r.start(args=faults.SERVE)
    leaves = server.read_log(r)
    indexes = set()
    for i, (body, a) in enumerate(answers.items()):
        if a["status"] != 200:
            continue
        entry, = json.loads(a["certificate"])["verificationMaterial"][
            "tlogEntries"]
        index = int(entry["logIndex"])
        indexes.add(index)
        assert leaves[index] == certs.leaf_hash(
            certs.unb64(entry["canonicalizedBody"])), "another entry"
        if i % 100 == 0:
            assert r.post(body).text() == a["certificate"]
            certs.check_line(a["certificate"].encode(), keys)
    assert len(indexes) == counts[200] + 1
    print("  %d answered, %d told to come later, %d entries after"
          % (counts[200], counts[503], len(leaves)))
    faults.fsck(r)
    r.stop()
    r.close()
    shutil.rmtree(top)


if __name__ == "__main__":
    if shutil.which("strace") is None:
        print("skipped: no strace")
        sys.exit(77)
    server.main([test_restart_fails_after_a_crash, test_full_disk,
                 test_overload, test_full_queue])
