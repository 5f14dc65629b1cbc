"""server.py -- a registry for a test: made in a folder of its own, started on
a free port, talked to, and ended."""
import atexit
import http.client
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback

import certs

BIN = os.path.join(os.environ.get("AICERT_BIN", "build/debug/bin"),
                   "aicert-registry")
# Logs of tests have no witnesses, but where a test says so.
os.environ.setdefault("AICERT_REGISTRY_ACCEPT_UNWITNESSED_START", "yes")
JSONL = {"Content-Type": "application/jsonl"}


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def text(self):
        return self.body.decode()


class Registry:
    """The directory of a log and, while it runs, its server."""

    def __init__(self, origin="log.example.org", url=None):
        self.top = tempfile.mkdtemp(prefix="aicert-registry-")
        self.dir = os.path.join(self.top, "log")
        self.server = None
        # A test that fails leaves nothing behind either.
        atexit.register(self.close)
        done = run("init", self.dir, "--origin", origin,
                   *(("--url", url) if url else ()))
        assert done.returncode == 0, done.stderr
        with open(os.path.join(self.dir, "log-keys")) as f:
            self.keys = certs.LogKeys(f.read())

    def start(self, kill_at=None, args=()):
        env = dict(os.environ)
        env.pop("AICERT_KILL_AT", None)
        if kill_at:
            env["AICERT_KILL_AT"] = kill_at
        self.server = subprocess.Popen(
            [BIN, "serve", self.dir, "--listen", "127.0.0.1:0", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=env)
        line = self.server.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), (
            line + self.server.stderr.read())
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def wait(self):
        """The exit code of a server that ends, and what it said."""
        err = self.server.communicate(timeout=60)[1]
        code = self.server.returncode
        self.server = None
        return code, err

    def stop(self, said=""):
        """End in order; it must end well, having said that."""
        self.server.send_signal(signal.SIGTERM)
        code, err = self.wait()
        assert code == 0, "exit code %d: %s" % (code, err)
        assert said in err, err

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def request(self, method, path, body=None, headers=None):
        c = self.connect()
        try:
            c.request(method, path, body, headers or {})
            return Reply(c.getresponse())
        finally:
            c.close()

    def get(self, path):
        return self.request("GET", path)

    def post(self, body):
        return self.request("POST", "/api/v1/certificates", body, JSONL)

    def checkpoint(self):
        return certs.Checkpoint(self.get("/checkpoint").text(), self.keys)

    def size(self):
        """Of the published log, as its checkpoint says."""
        return int(self.get("/checkpoint").text().splitlines()[1])

    def rows(self, query, *args):
        """What the database says; the server may run."""
        db = sqlite3.connect("file:%s/registry.db?mode=ro" % self.dir,
                             uri=True)
        try:
            return db.execute(query, args).fetchall()
        finally:
            db.close()

    def write(self, query, *args):
        """Change the database behind the server's back."""
        db = sqlite3.connect(self.dir + "/registry.db", timeout=60)
        try:
            with db:
                db.execute(query, args)
        finally:
            db.close()

    def close(self):
        if self.server is not None:
            self.server.kill()
            self.server.communicate()
            self.server = None
        shutil.rmtree(self.top, ignore_errors=True)


def run(*args, **more):
    """Run the program to its end."""
    return subprocess.run([BIN, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60,
                          **more)


def tile_path(level, index, width=256):
    parts = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        parts.insert(0, "x%03d" % (index % 1000))
    return "/tile/%s/%s%s" % (level, "/".join(parts),
                              "" if width == 256 else ".p/%d" % width)


def read_log(registry):
    """
    Fetch every entry and every tile of the published log as its followers do
    and check them against its checkpoint; the leaf hashes.
    """
    checkpoint = registry.checkpoint()
    leaves = []
    for first in range(0, checkpoint.size, 256):
        n = min(256, checkpoint.size - first)
        data = registry.get(tile_path("entries", first // 256, n)).body
        here = []
        while data:
            length = int.from_bytes(data[:2], "big")
            here.append(certs.leaf_hash(data[2:2 + length]))
            data = data[2 + length:]
        tile = registry.get(tile_path(0, first // 256, n)).body
        assert len(here) == n and b"".join(here) == tile, "bundle or tile"
        leaves += here
    assert certs.tree_root(leaves) == checkpoint.root, "root of the entries"
    level, hashes = 0, leaves
    while len(hashes) >= 256:
        hashes = [certs.tree_root(hashes[i:i + 256])
                  for i in range(0, len(hashes) - 255, 256)]
        level += 1
        for first in range(0, len(hashes), 256):
            part = hashes[first:first + 256]
            tile = registry.get(tile_path(level, first // 256, len(part)))
            assert tile.body == b"".join(part), "tile of level %d" % level
    return leaves


def main(tests):
    """Run the tests, each a function that takes nothing; exit 1 if any fails."""
    if not os.access(BIN, os.X_OK):
        print("skipped: %s is not built" % BIN)
        sys.exit(77)
    failed = 0
    for test in tests:
        name = test.__name__
        began = time.monotonic()
        try:
            test()
            print("ok   %s %.1f s" % (name, time.monotonic() - began),
                  flush=True)
        except Exception:
            failed += 1
            print("FAIL " + name)
            traceback.print_exc(file=sys.stdout)
    print("%d of %d tests passed" % (len(tests) - failed, len(tests)))
    sys.exit(1 if failed else 0)
