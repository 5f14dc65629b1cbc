"""lying.py -- a log in memory and a server of it that can be told to lie: to
fork, shrink, withhold, serve bad tiles, leaves and signatures.  Written from
the formats, sharing no code with the programs."""
import atexit
import gzip
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

# Behind this folder: both have a test_witness.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "..", "registry"))
import certs  # noqa: E402
from certs import b64, sha256  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: E402

BIN = os.path.join(os.environ.get("AICERT_BIN", "build/debug/bin"),
                   "aicert-audit")
ORIGIN = "log.example.org"


class NoteKey:
    """A private key of notes, of type 1 (plain) or 4 (cosignature)."""

    def __init__(self, name, kind=1):
        self.name, self.kind = name, kind
        self.private = ed25519.Ed25519PrivateKey.generate()
        self.pub = self.private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.data = bytes([kind]) + self.pub
        self.id = sha256(name.encode() + b"\n" + self.data)[:4]

    def vkey(self):
        return "%s+%s+%s" % (self.name, self.id.hex(), b64(self.data))

    def line(self, text, when=None):
        blob = self.id
        if self.kind == 4:
            when = int(time.time()) if when is None else when
            blob += when.to_bytes(8, "big")
            text = "cosignature/v1\ntime %d\n%s" % (when, text)
        return "\u2014 %s %s\n" % (
            self.name, b64(blob + self.private.sign(text.encode())))

    def private_text(self):
        seed = self.private.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
            serialization.NoEncryption())
        return "PRIVATE+KEY+%s+%s+%s\n" % (
            self.name, self.id.hex(), b64(bytes([self.kind]) + seed))


def body(text):
    """The text of a checkpoint."""
    return "%s\n%d\n%s\n" % text


class Tree:
    """Leaf hashes with every stored level, so that roots and proofs are
    cheap."""

    def __init__(self, leaves):
        self.levels = [list(leaves)]
        while len(self.levels[-1]) > 1:
            low = self.levels[-1]
            self.levels.append([certs.node_hash(low[i], low[i + 1])
                                for i in range(0, len(low) - 1, 2)])

    def mth(self, start, end):
        """Root over leaves [start, end), by RFC 9162 section 2.1.1."""
        n = end - start
        if n == 0:
            return sha256(b"")
        if n & (n - 1) == 0 and start % n == 0:
            level = n.bit_length() - 1
            if level < len(self.levels) and (
                    start >> level) < len(self.levels[level]):
                return self.levels[level][start >> level]
        if n == 1:
            return self.levels[0][start]
        k = 1
        while 2 * k < n:
            k *= 2
        return certs.node_hash(self.mth(start, start + k),
                               self.mth(start + k, end))

    def consistency(self, m, n):
        """RFC 9162 section 2.1.4.1."""
        def sub(m, start, end, whole):
            n = end - start
            if m == n:
                return [] if whole else [self.mth(start, end)]
            k = 1
            while 2 * k < n:
                k *= 2
            if m <= k:
                return sub(m, start, start + k, whole) + [
                    self.mth(start + k, end)]
            return sub(m - k, start + k, end, False) + [
                self.mth(start, start + k)]
        return sub(m, 0, n, True)


class Log:
    """Entries, statements and keys of a log; any of its sizes."""

    def __init__(self, origin=ORIGIN, keys=None):
        self.origin = origin
        self.key = keys.key if keys else NoteKey(origin)
        self.time_key = keys.time_key if keys else NoteKey(origin + "/time", 4)
        self.witnesses = []
        self.bodies, self.statements = [], {}

    def copy(self):
        other = Log(self.origin, self)
        other.witnesses = list(self.witnesses)
        other.bodies = list(self.bodies)
        other.statements = dict(self.statements)
        return other

    def add(self, key, statement, sig=None):
        """Append a leaf; its index."""
        sig = key.sign(statement) if sig is None else sig
        self.bodies.append(certs.leaf_body(statement, sig, key.spki))
        self.statements[certs.digest(statement).hex()] = statement
        return len(self.bodies) - 1

    def fill(self, key, n, name="filler"):
        for i in range(n):
            self.add(key, certs.other("%s %d" % (name, len(self.bodies))))
        return self

    def tree(self, size=None):
        return Tree([certs.leaf_hash(b) for b in self.bodies[:size]])

    def checkpoint(self, size=None, root=None, when=None, signer=None):
        size = len(self.bodies) if size is None else size
        root = self.tree(size).mth(0, size) if root is None else root
        text = "%s\n%d\n%s\n" % (self.origin, size, b64(root))
        lines = (signer or self.key).line(text)
        lines += self.time_key.line(text, when)
        for w in self.witnesses:
            lines += w.line(text, when)
        return (text + "\n" + lines).encode()

    def files(self, size=None, statements=True):
        """path -> bytes, as tlog-tiles lays them out, with statements."""
        size = len(self.bodies) if size is None else size
        out = {"checkpoint": self.checkpoint(size)}
        hashes = [certs.leaf_hash(b) for b in self.bodies[:size]]
        for at in range(0, size, 256):
            n = min(256, size - at)
            out[path("entries", at // 256, n)] = b"".join(
                len(b).to_bytes(2, "big") + b
                for b in self.bodies[at:at + n])
        level = 0
        while hashes:
            for at in range(0, len(hashes), 256):
                part = hashes[at:at + 256]
                out[path(level, at // 256, len(part))] = b"".join(part)
            hashes = [Tree(hashes[i:i + 256]).mth(0, 256)
                      for i in range(0, len(hashes) - 255, 256)]
            level += 1
        if statements:
            for d, s in self.statements.items():
                out["api/v1/statements/" + d] = s
        return out

    def policy(self, witnesses=(), more=""):
        text = "log %s\nlog-time %s\n" % (self.key.vkey(),
                                          self.time_key.vkey())
        for i, w in enumerate(witnesses):
            text += "witness w%d %s\n" % (i, w.vkey())
        if witnesses:
            text += "group all all %s\nquorum all\n" % " ".join(
                "w%d" % i for i in range(len(witnesses)))
        else:
            text += "quorum none\n"
        return text + more


def path(level, index, width=256):
    """Path of a tile, without a leading slash."""
    parts = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        parts.insert(0, "x%03d" % (index % 1000))
    return "tile/%s/%s%s" % (level, "/".join(parts),
                             "" if width == 256 else ".p/%d" % width)


class Server:
    """Serves files, a dict; answers of self.wrong, path -> (status, body) or a
    function of the number of requests for it so far, go before."""

    def __init__(self, files=None):
        owner = self
        self.files = files or {}
        self.wrong = {}
        self.asked = {}
        self.gzip = False
        self.lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # an answer is one packet

            def log_message(self, *args):
                pass

            def do_GET(self):
                name = self.path.lstrip("/")
                with owner.lock:
                    n = owner.asked.get(name, 0)
                    owner.asked[name] = n + 1
                wrong = owner.wrong.get(name)
                if callable(wrong):
                    wrong = wrong(n)
                if wrong is not None:
                    status, data = wrong
                elif name in owner.files:
                    status, data = 200, owner.files[name]
                else:
                    status, data = 404, b"not here\n"
                self.send_response(status)
                if owner.gzip:
                    data = gzip.compress(data, 1)
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05},
                                       daemon=True)
        self.thread.start()
        atexit.register(self.close)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        atexit.unregister(self.close)


def folder():
    """A new folder, gone at the end."""
    d = tempfile.mkdtemp(prefix="aicert-audit-")
    atexit.register(shutil.rmtree, d, True)
    return d


def write(where, data):
    os.makedirs(os.path.dirname(where), exist_ok=True)
    with open(where, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return where


def write_all(top, files):
    for name, data in files.items():
        write(os.path.join(top, name), data)
    return top


def run(*args, env=None, **more):
    """Run the program to its end."""
    return subprocess.run([BIN, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=240,
                          env=dict(os.environ, **(env or {})), **more)


def expect(done, code, *words):
    """It ended with code and said words on stdout or stderr."""
    said = done.stdout + done.stderr
    assert done.returncode == code, "exit code %d, not %d: %s" % (
        done.returncode, code, said)
    for word in words:
        assert word in said, "%r is not in: %s" % (word, said)
    return done


def main(tests):
    """Run the tests; exit 1 if any fails."""
    import traceback
    if not os.access(BIN, os.X_OK):
        print("skipped: %s is not built" % BIN)
        sys.exit(77)
    only = sys.argv[1:]
    failed = 0
    for test in tests:
        if only and test.__name__ not in only:
            continue
        began = time.monotonic()
        try:
            test()
            print("ok   %s %.1f s" % (test.__name__,
                                      time.monotonic() - began), flush=True)
        except Exception:
            failed += 1
            print("FAIL " + test.__name__)
            traceback.print_exc(file=sys.stdout)
    print("%d of %d tests passed" % (len(tests) - failed, len(tests)))
    sys.exit(1 if failed else 0)


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()
