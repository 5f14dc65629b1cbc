#!/usr/bin/env python3
"""go_test.py -- Go's checksum-database packages, Tessera's client and fsck,
and sigstore-go read a log of ours, and refuse it bent.  See go/*/main.go.

usage: go_test.py CACHE: where the programs are built, once.
Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""
import base64
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "registry"))
import certs
import golang
import server

NPOSTS = 300      # more than one full tile of entries


def program(name, *args, lines=b""):
    return subprocess.run([os.path.join(PROGRAMS, name), *args],
                          input=lines, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120)


class Log:
    """A registry with entries, and what its readers are given."""

    def __init__(self):
        self.registry = server.Registry().start(args=["--batch-ms", "5"])
        self.key = certs.Key()
        self.url = "http://127.0.0.1:%d" % self.registry.port
        self.top = self.registry.top
        lines = []
        with open(os.path.join(self.top, "log-keys"), "w") as f:
            f.write(self.registry.get("/api/v1/log-keys").text())
        self.vkey = self.words("log")[0]
        for i in range(NPOSTS):
            if i == 20:
                self.old = self.write("old", self.registry.get(
                    "/checkpoint").body)
            reply = self.registry.post(certs.measured(self.key, "m%d" % i)
                                       if i % 50 == 0 else
                                       certs.asserted(self.key, "m%d" % i))
            assert reply.status == 200, reply.text()
            lines.append(reply.body)
        self.lines = b"".join(lines)
        self.root = self.write("root.json", self.registry.get(
            "/trusted_root.json").body)
        self.pem = self.write("key.pem", self.pem_of(self.key))
        self.public = os.path.join(self.registry.dir, "public")

    def words(self, kind):
        with open(os.path.join(self.top, "log-keys")) as f:
            return [line.split()[1] for line in f
                    if line.split()[:1] == [kind]]

    def write(self, name, data):
        path = os.path.join(self.top, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    @staticmethod
    def pem_of(key):
        text = base64.encodebytes(key.spki).decode()
        return ("-----BEGIN PUBLIC KEY-----\n%s-----END PUBLIC KEY-----\n"
                % text).encode()

    def bent(self, name, path, change):
        """A copy of the public folder with one file changed."""
        copy = os.path.join(self.top, name)
        shutil.copytree(self.public, copy)
        file = os.path.join(copy, path)
        os.chmod(file, 0o644)
        with open(file, "r+b") as f:
            data = change(f.read())
            f.seek(0)
            f.truncate()
            f.write(data)
        return copy

    @functools.lru_cache(None)
    def bent_folders(self):
        flip = lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:]
        return [("a flipped hash in a full tile",
                 self.bent("tile", "tile/0/000", flip)),
                ("a flipped byte in a full bundle",
                 self.bent("bundle", "tile/entries/000", flip)),
                ("a flipped hash in the upper tile",
                 self.bent("upper", "tile/1/000.p/1",
                           lambda d: bytes([d[0] ^ 1]) + d[1:])),
                ("a checkpoint with another root",
                 self.bent("root", "checkpoint", lambda d: re.sub(
                     rb"\n(.)(.{43})\n",
                     lambda m: b"\n" + (b"B" if m[1] == b"A" else b"A")
                     + m[2] + b"\n", d, count=1)))]


def expect(name, done, good):
    said = done.stdout.decode(errors="replace").strip()
    if (done.returncode == 0) != good:
        raise AssertionError("%s: exit code %d: %s"
                             % (name, done.returncode, said))
    print("  %s: %s" % (name, said.splitlines()[-1] if said else "refused"))


class Served:
    """A folder behind a plain web server."""

    def __init__(self, folder):
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=self.server.serve_forever).start()

    def __enter__(self):
        return "http://127.0.0.1:%d" % self.server.server_address[1]

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_sumdb_reads_the_log():
    expect("sumdb", program("sumdb", LOG.url, LOG.vkey, LOG.old,
                            lines=LOG.lines), True)


def test_sumdb_reads_the_plain_files():
    with Served(LOG.public) as url:
        expect("sumdb", program("sumdb", url, LOG.vkey, LOG.old,
                                lines=LOG.lines), True)


def other_log():
    """The same origin and entries of its own, under keys of its own."""
    other = server.Registry().start()
    assert other.post(certs.asserted(LOG.key, "else")).status == 200
    return other


def test_sumdb_refuses():
    for name, folder in LOG.bent_folders():
        with Served(folder) as url:
            expect(name, program("sumdb", url, LOG.vkey, LOG.old,
                                 lines=LOG.lines), False)
    other = other_log()
    keys = other.get("/api/v1/log-keys").text()
    vkey = re.search("^log (.*)", keys, re.M)[1].split()[0]
    expect("another log's key",
           program("sumdb", LOG.url, vkey, LOG.old, lines=LOG.lines), False)
    old = LOG.write("else", other.get("/checkpoint").body)
    expect("another log's past",
           program("sumdb", LOG.url, LOG.vkey, old, lines=LOG.lines), False)
    line = json.loads(LOG.lines.splitlines()[0])
    proof = line["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    proof["hashes"] = proof["hashes"][:-1] + [certs.b64(bytes(32))]
    expect("a line with a bent proof",
           program("sumdb", LOG.url, LOG.vkey, LOG.old,
                   lines=certs.compact(line) + b"\n"), False)
    other.stop()


def test_tessera_reads_the_log():
    expect("over HTTP", program("tessera", LOG.url, LOG.vkey, LOG.old), True)


def test_tessera_reads_the_plain_files():
    expect("files", program("tessera", "file://" + LOG.public, LOG.vkey,
                            LOG.old), True)


def test_tessera_refuses():
    for name, folder in LOG.bent_folders():
        expect(name, program("tessera", "file://" + folder, LOG.vkey,
                             LOG.old), False)


def test_sigstore_go_reads_the_lines():
    expect("sigstore-go", program("sigstore", LOG.root, LOG.pem,
                                  lines=LOG.lines), True)


def test_sigstore_go_refuses():
    stranger = LOG.write("stranger.pem", LOG.pem_of(certs.Key()))
    expect("a stranger's key",
           program("sigstore", LOG.root, stranger, lines=LOG.lines), False)
    other = other_log()
    root = LOG.write("other.json", other.get("/trusted_root.json").body)
    other.stop()
    expect("another log's root",
           program("sigstore", root, LOG.pem, lines=LOG.lines), False)
    first = LOG.lines.splitlines()[0]
    for name, change in (
            ("no entry", lambda e: e.clear()),
            ("another index", lambda e: e[0].update(logIndex="1")),
            ("a bent proof", lambda e: e[0]["inclusionProof"].update(
                hashes=[certs.b64(bytes(32))])),
            ("a bent body", lambda e: e[0].update(
                canonicalizedBody=certs.b64(certs.unb64(
                    e[0]["canonicalizedBody"]).replace(b"0.0.2", b"0.0.3"))))):
        line = json.loads(first)
        change(line["verificationMaterial"]["tlogEntries"])
        expect(name, program("sigstore", LOG.root, LOG.pem,
                             lines=certs.compact(line) + b"\n"), False)


if __name__ == "__main__":
    if not os.access(server.BIN, os.X_OK):
        golang.skip("%s is not built" % server.BIN)
    PROGRAMS = golang.build("go", os.path.abspath(sys.argv[1]), "./...")
    LOG = Log()
    server.main([test_sumdb_reads_the_log,
                 test_sumdb_reads_the_plain_files,
                 test_sumdb_refuses,
                 test_tessera_reads_the_log,
                 test_tessera_reads_the_plain_files,
                 test_tessera_refuses,
                 test_sigstore_go_reads_the_lines,
                 test_sigstore_go_refuses])
