"""test_together.py -- the whole of it: a registry that three aicert-audit
witnesses cosign, followed, mirrored and checked under a quorum of two."""
import http.client
import json
import os
import signal
import subprocess
import time

import lying
import certs
import server
from lying import BIN, expect, folder, run, write

KEY = certs.Key()


class Witness:
    def __init__(self, name, vkey):
        self.top, self.name = folder(), name
        self.key = os.path.join(self.top, "key")
        self.vkey = expect(run("witness", "keygen", self.key, "--name", name),
                           0).stdout.strip()
        self.args = ["--state", os.path.join(self.top, "state"), "--key",
                     self.key, "--log", vkey]
        self.port, self.process = 0, None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [BIN, "witness", "--listen", "127.0.0.1:%d" % self.port,
             *self.args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        lying.atexit.register(self.stop)
        line = self.process.stdout.readline()
        assert line.startswith("listening on"), (
            line + self.process.stderr.read())
        self.port = int(line.rsplit(":", 1)[1])

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=60)
            self.process = None


def test_together():
    r = server.Registry()
    with open(os.path.join(r.dir, "log-keys")) as f:
        keys = f.read()
    vkey = keys.split()[1]
    witnesses = [Witness("w%d.example.org/1" % i, vkey) for i in range(3)]
    quorum = "".join(
        "witness w%d %s http://127.0.0.1:%d\n" % (i, w.vkey, w.port)
        for i, w in enumerate(witnesses))
    quorum += "group two 2 w0 w1 w2\nquorum two\n"
    policy = write(os.path.join(folder(), "policy"),
                   "log %s\n" % vkey + quorum)
    state, copy = folder(), folder()
    r.start(args=("--batch-ms", "0", "--witness-policy", policy))
    url = "http://127.0.0.1:%d" % r.port

    def post(name):
        reply = r.post(certs.measured(KEY, name))
        assert reply.status == 200, reply.text()

    def all_is_well(size):
        done = run("follow", url, "--state", state, "--policy", policy,
                   "--once", "--json")
        expect(done, 0)
        assert json.loads(done.stdout)["checked"] == size
        expect(run("fsck", url, "--policy", policy), 0,
               "%d statements" % size)
        expect(run("mirror", url, copy, "--policy", policy), 0)
        expect(run("fsck", copy, "--policy", policy), 0,
               "%d statements" % size)
        expect(run("compare", url, copy, "--policy", policy), 0)

    try:
        post("a")
        all_is_well(2)
        # One of three may fail; that it comes back needs nobody's help.
        witnesses[1].stop()
        post("b")
        all_is_well(4)
        witnesses[1].start()
        for name in "cdef":
            post(name)
        all_is_well(12)
        # With one alone nothing is published, and nobody is told otherwise.
        witnesses[0].stop()
        witnesses[2].stop()
        assert r.post(certs.measured(KEY, "g")).status == 503
        expect(run("follow", url, "--state", state, "--policy", policy,
                   "--once"), 0)
        witnesses[0].start()
        witnesses[2].start()
        for _ in range(60):
            reply = r.post(certs.measured(KEY, "g"))
            if reply.status == 200:
                break
            time.sleep(0.5)
        assert reply.status == 200, reply.text()
        all_is_well(14)
        # Each witness's own view is one of the same log.
        note = write(os.path.join(folder(), "note"), server.Reply(
            ask(witnesses[1].port, certs.sha256_hex(b"log.example.org"))).body)
        expect(run("compare", note, url, "--log-keys", os.path.join(
            r.dir, "log-keys")), 0)
    finally:
        for w in witnesses:
            w.stop()
        r.close()


def test_revocation_and_removal():
    """What the registry itself says of its log is what the auditor finds."""
    r = server.Registry()
    keys, state = os.path.join(r.dir, "log-keys"), folder()
    copy = folder()
    r.start(args=("--batch-ms", "0"))
    url = "http://127.0.0.1:%d" % r.port

    def follow(*kinds):
        """Look until these alerts were given, and no fault."""
        got, until = [], time.monotonic() + 60
        while True:
            done = run("follow", url, "--state", state, "--log-keys", keys,
                       "--once")
            assert done.returncode in (0, 1), done.stderr
            got += [json.loads(x) for x in done.stdout.splitlines()]
            assert all(a["severity"] == "notice" for a in got), got
            names = sorted(a["alert"] for a in got)
            if names == sorted(kinds):
                return got
            assert len(names) < len(kinds) and time.monotonic() < until, (
                names, kinds)
            time.sleep(0.2)

    try:
        one, two = (certs.provenance(KEY, n) for n in "ab")
        for p in (one, two):
            assert r.post(certs.jsonl(certs.bundle(KEY, p))).status == 200
        follow()
        revocation = certs.compact({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [certs.descriptor("statement",
                                         certs.digest(one).hex())],
            "predicateType": certs.AICERT + "/revocation/v1",
            "predicate": {"scope": "all", "reason": "wrong data"}})
        reply = r.post(certs.jsonl(certs.bundle(KEY, revocation)))
        assert reply.status == 200, reply.text()
        alert, = follow("revocation")
        assert [a["index"] for a in alert["affected"]] == [0]
        # Its states of revocation, of which one is logged now, are right.
        until = time.monotonic() + 60
        while not r.rows("SELECT 1 FROM entry WHERE type LIKE ?",
                         "%revocation-state/v1"):
            assert time.monotonic() < until, "no state was logged"
            time.sleep(0.1)
        follow()
        # A removal excuses what is withheld, for who was there and who comes.
        done = subprocess.run(
            [server.BIN, "remove", r.dir, "--statement",
             certs.digest(two).hex(), "--reason", "a court said so"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60)
        assert done.returncode == 0, done.stderr
        follow("removal")
        assert r.get("/api/v1/statements/" +
                     certs.digest(two).hex()).status == 451
        expect(run("fsck", url, "--log-keys", keys), 0, "1 removed")
        expect(run("mirror", url, copy, "--log-keys", keys), 0, "1 removed")
        expect(run("fsck", copy, "--log-keys", keys), 0, "1 removed")
        state = folder()
        follow("revocation", "removal")
        # Without the registry's line nobody may withhold.
        with open(keys) as f:
            alone = write(os.path.join(folder(), "alone"), "".join(
                x for x in f if not x.startswith("registry ")))
        expect(run("fsck", url, "--log-keys", alone), 1, "withheld")
    finally:
        r.close()


def ask(port, origin_hash):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("GET", "/%s/checkpoint" % origin_hash)
    return c.getresponse()


if __name__ == "__main__":
    lying.main([test_together, test_revocation_and_removal])
