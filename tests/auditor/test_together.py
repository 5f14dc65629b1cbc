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


def ask(port, origin_hash):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("GET", "/%s/checkpoint" % origin_hash)
    return c.getresponse()


if __name__ == "__main__":
    lying.main([test_together])
