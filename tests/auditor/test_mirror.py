"""test_mirror.py -- aicert-audit mirror: a copy that any web server serves, is
whole whenever its checkpoint says so, and goes on after any interruption."""
import functools
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading

import lying
import certs
import server
from lying import BIN, expect, folder, path, run, write
from test_follow import removal, REGISTRY

KEY = certs.Key()
ARROWS = ("mirror-file", "mirror-statement", "mirror-before-checkpoint",
          "mirror-after-checkpoint")


class Copy:
    def __init__(self, log, size=None):
        self.log = log
        self.server = lying.Server(log.files(size))
        self.dir = os.path.join(folder(), "copy")
        self.policy = write(os.path.join(folder(), "policy"), log.policy(
            more="registry %s %s\n" % (log.origin, REGISTRY.hex)))

    def args(self, *more):
        return ("mirror", self.server.url, self.dir, "--policy", self.policy,
                "--threads", "4", *more)

    def run(self, code, *words, env=None):
        done = expect(run(*self.args("--json"), env=env), code, *words)
        return json.loads(done.stdout) if done.stdout else None

    def fsck(self, code=0, *words):
        return expect(run("fsck", self.dir, "--policy", self.policy), code,
                      *words)

    def size(self):
        try:
            with open(os.path.join(self.dir, "checkpoint"), "rb") as f:
                return int(f.read().split(b"\n")[1])
        except FileNotFoundError:
            return None

    def has(self, name):
        return os.path.exists(os.path.join(self.dir, name))

    def check_promise(self):
        """Whatever the published checkpoint needs is there, now."""
        size = self.size()
        if size is None:
            return
        want = self.log.files(size)
        for name, data in want.items():
            if not name.startswith("tile/"):
                continue
            with open(os.path.join(self.dir, name), "rb") as f:
                assert f.read() == data, name
        self.fsck(0, "%d statements" % size)


def test_grows():
    log = lying.Log()
    c = Copy(log)
    for size in (0, 1, 2, 255, 256, 257, 600, 1030):
        log.fill(KEY, size - len(log.bodies))
        before = c.size() or 0
        c.server.files = log.files()
        c.server.asked = {}
        r = c.run(0)
        assert (r["before"], r["treeSize"]) == (before, size)
        assert r["statements"] == size - before and r["gaps"] == 0
        c.check_promise()
        # Nothing that was there is fetched again, and tiles are not fetched.
        asked = [n for n in c.server.asked if n.startswith("tile/entries")]
        assert len(asked) <= (size - before) // 256 + 2, asked
        # Again, with nothing new.
        c.server.asked = {}
        assert c.run(0)["statements"] == 0
        assert not any("statements" in n for n in c.server.asked)
    # Old partial tiles are gone where full ones are.
    assert not c.has(path(0, 0, 255)) and not c.has(path(0, 0, 255)[:-4])
    assert c.has(path(0, 4, 6)) and c.has(path(1, 0, 4))


def test_any_web_server():
    """The folder behind a plain web server is followed, checked, mirrored."""
    log = lying.Log().fill(KEY, 300)
    c = Copy(log)
    c.run(0)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    s = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=c.dir))
    t = threading.Thread(target=s.serve_forever, daemon=True)
    t.start()
    url = "http://127.0.0.1:%d" % s.server_port
    expect(run("fsck", url, "--policy", c.policy), 0, "300 statements")
    expect(run("follow", url, "--policy", c.policy, "--state", folder(),
               "--once"), 0)
    again = folder()
    expect(run("mirror", url, again, "--policy", c.policy), 0)
    expect(run("fsck", again, "--policy", c.policy), 0, "300 statements")
    expect(run("compare", url, c.server.url, "--policy", c.policy), 0)
    s.shutdown()
    s.server_close()


def test_registry():
    r = server.Registry()
    try:
        r.start(args=("--batch-ms", "0"))
        for i in range(3):
            assert r.post(certs.measured(KEY, "m%d" % i)).status == 200
        keys = os.path.join(r.dir, "log-keys")
        copy = folder()
        expect(run("mirror", "http://127.0.0.1:%d" % r.port, copy,
                   "--log-keys", keys), 0, "6 entries")
        expect(run("fsck", copy, "--log-keys", keys), 0, "6 statements")
        r.stop()
    finally:
        r.close()


def test_gaps():
    log = lying.Log().fill(KEY, 300)
    names = ["api/v1/statements/" + certs.digest(certs.other(
        "filler %d" % i)).hex() for i in (5, 280)]
    c = Copy(log)
    for n in names:
        c.server.files.pop(n)
    r = c.run(1)
    assert r["gaps"] == 2 and r["treeSize"] == 300
    assert not c.has(names[0])
    # Asked for again in each run, also when the log has not grown.
    c.server.wrong[names[0]] = (200, b"not it")
    assert c.run(1)["gaps"] == 2
    c.server.wrong = {}
    c.server.files[names[0]] = log.files()[names[0]]
    r = c.run(1)
    assert (r["gaps"], r["statements"]) == (1, 1) and c.has(names[0]), r
    # A removal by the registry covers the other.
    log.add(KEY, removal(names[1][-64:]))
    c.server.files = log.files()
    c.server.files.pop(names[1])
    assert c.run(1)["gaps"] == 1
    log.add(REGISTRY, removal(names[1][-64:]))
    c.server.files = log.files()
    c.server.files.pop(names[1])
    r = c.run(0)
    assert (r["gaps"], r["removed"]) == (0, 1)
    assert c.run(0)["gaps"] == 0
    c.fsck(0, "1 removed")


def test_lies():
    log = lying.Log().fill(KEY, 300)
    c = Copy(log)
    c.run(0)
    # A fork: nothing changes, and there is proof.
    fork = log.copy()
    fork.bodies[7] = fork.bodies[8]
    fork.fill(KEY, 100)
    c.server.files = fork.files()
    c.run(1, "signed two pasts")
    expect(run("check-evidence", os.path.join(c.dir, "mirror-split.json"),
               "--policy", c.policy), 0)
    assert c.size() == 300
    # Of the same size; and smaller.
    c.server.files = fork.files(300)
    c.run(1, "signed two pasts")
    c.server.files = log.files(200)
    assert c.run(1)["shrunk"] and c.size() == 300
    # Entries and tiles that are not those of the checkpoint are not kept.
    log.fill(KEY, 400)
    good = log.files()
    for name in (path("entries", 1), path("entries", 2, 188)):
        data = good[name]
        for wrong in (data[:-5] + b"x" + data[-4:], data[:-1], b""):
            c.server.files = dict(good, **{name: wrong})
            c.run(1)
            assert c.size() == 300 and not c.has(name)
        c.server.files = {k: v for k, v in good.items() if k != name}
        c.run(1, "not there")
        c.server.files = dict(good)
        c.server.wrong[name] = (503, b"")
        c.run(3, "503")
        c.server.wrong = {}
        if name == path("entries", 1):
            shutil.rmtree(c.dir)
            c.server.files = log.files(300)
            c.run(0)
    for name in (path(1, 0, 2), path(0, 2, 188)):
        c.server.files = dict(good, **{name: b"x" * len(good[name])})
        c.run(1)
        assert c.size() == 300
    c.server.files = good
    c.run(0)
    c.check_promise()


def test_bad_checkpoints():
    log = lying.Log().fill(KEY, 30)
    c = Copy(log)
    stranger = lying.NoteKey(log.origin)
    good = log.files()
    for note in (b"", b"x", log.checkpoint(signer=stranger),
                 lying.Log("other.example.org").fill(KEY, 3).checkpoint()):
        c.server.files = dict(good, checkpoint=note)
        c.run(1, "cannot be accepted")
        assert c.size() is None
    w = lying.NoteKey("w.example.org", 4)
    c.server.files = good
    policy = write(os.path.join(folder(), "p"), log.policy([w]))
    expect(run("mirror", c.server.url, c.dir, "--policy", policy), 1,
           "quorum")
    c.run(0)
    # The copy is of another log.
    other = lying.Log("other.example.org").fill(KEY, 40)
    s = lying.Server(other.files())
    both = write(os.path.join(folder(), "p"), log.policy() + "log %s\n" %
                 other.key.vkey())
    expect(run("mirror", s.url, c.dir, "--policy", both), 1, "does not hold")
    s.close()


def test_bad_entries_are_copied():
    """The log committed to them: they are evidence too."""
    log = lying.Log().fill(KEY, 3)
    log.bodies.append(b"no leaf")
    c = Copy(log)
    r = c.run(1)
    assert r["bad"] == 1 and r["treeSize"] == 4
    c.fsck(1, "bad-leaf")


def test_damaged_copy():
    log = lying.Log().fill(KEY, 600)
    c = Copy(log)
    c.run(0)
    name = os.path.join(c.dir, path(0, 2, 88))
    with open(name, "rb") as f:
        data = f.read()
    os.chmod(name, 0o644)
    write(name, b"x" + data[1:])
    log.fill(KEY, 1)
    c.server.files = log.files()
    c.run(1, "own checkpoint")
    write(name, data)
    c.run(0)
    c.check_promise()


def test_killed():
    """Killed at each arrow, once and again: what is published is whole, and
    the next run ends it."""
    for arrow in ARROWS:
        log = lying.Log().fill(KEY, 300)
        c = Copy(log, 300)
        for _ in range(3):
            done = run(*c.args(), env={"AICERT_KILL_AT": arrow})
            assert done.returncode == -signal.SIGKILL, arrow
            c.check_promise()
        c.run(0)
        c.check_promise()
        log.fill(KEY, 400)
        c.server.files = log.files()
        for _ in range(3):
            done = run(*c.args(), env={"AICERT_KILL_AT": arrow})
            assert done.returncode in (-signal.SIGKILL, 0), arrow
            c.check_promise()
        c.run(0)
        assert c.size() == 700
        c.check_promise()


def test_kill_9_at_any_time():
    log = lying.Log().fill(KEY, 2000)
    c = Copy(log)
    kills = 0
    for i in range(60):
        p = subprocess.Popen([BIN, *c.args()], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        try:
            p.wait(timeout=0.05 * (1 + i % 7))
            break
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
            kills += 1
            if i % 10 == 0:
                c.check_promise()
    assert kills > 0
    c.run(0)
    c.check_promise()
    # What was fetched before a kill was not fetched again.
    again = [n for n, k in c.server.asked.items()
             if n.startswith("api/") and k > 1 + kills // 2]
    assert len(again) < 1000, len(again)
    assert os.listdir(os.path.join(c.dir, "mirror-parts")) == []


def test_usage():
    expect(run("mirror", "http://127.0.0.1:1"), 2, "name a log and the folder")
    log = lying.Log().fill(KEY, 3)
    c = Copy(log)
    c.server.close()
    c.run(3, "nobody answers")
    assert c.size() is None


if __name__ == "__main__":
    lying.main([v for k, v in sorted(globals().items())
                if k.startswith("test_")])
