"""witness.py -- a small C2SP tlog-witness for tests: it checks what it cosigns
as an honest one does, and misbehaves in one named way where it is told to.
Written from the specification, sharing no code with the programs.

    Witness("w1", log_vkey)      an honest one, on a free port of loopback
    w.mode = "hang"              from now on it misbehaves, see MODES
"""
import base64
import hashlib
import http.server
import threading
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

MODES = {
    "honest": "as the specification asks",
    "hang": "takes the request and answers when it is released",
    "500": "answers 500", "404": "does not know the log",
    "403": "does not trust its key", "422": "refuses every proof",
    "redirect": "sends elsewhere",
    "garbage": "answers 200 and no note lines",
    "empty": "answers 200 and nothing",
    "long": "answers 200 and a megabyte",
    "stranger": "cosigns by another key under its own name",
    "another head": "cosigns a head of its own",
    "plain": "signs as a log does, without a time",
    "2040": "states the year 2040", "1970": "states the year 1970",
    "two lines": "answers a stranger's line before its own",
    "409 2^60": "says that it cosigned a tree of 2^60",
    "409 larger": "says that it cosigned one leaf more",
    "409 same": "says again and again that it cosigned the size asked for",
    "409 no size": "answers 409 without a size",
    "409 no type": "answers a huge size as plain text",
}


def b64(data):
    return base64.b64encode(data).decode()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def roots_from_consistency(size1, size2, root1, proof):
    """RFC 9162 section 2.1.4.2: the roots that the proof leads to."""
    proof = list(proof)
    if size1 & (size1 - 1) == 0:
        proof.insert(0, root1)
    fn, sn = size1 - 1, size2 - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = proof.pop(0)
    for c in proof:
        assert sn != 0
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            sr = node(sr, c)
        fn >>= 1
        sn >>= 1
    assert sn == 0
    return fr, sr


def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) +
                          public).digest()[:4]


class Refusal(Exception):
    """A status, and the body that goes with it."""


class Witness:
    def __init__(self, name, log_vkey):
        self.name = name
        self.log_name, _, key = log_vkey.split("+", 2)
        key = base64.b64decode(key)
        self.log_id = key_id(self.log_name, key[0], key[1:])
        self.log_key = ed25519.Ed25519PublicKey.from_public_bytes(key[1:])
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.size, self.root = 0, hashlib.sha256(b"").digest()
        self.requests = []  # (old, size) of each
        self.moved = threading.Condition()
        self.released = threading.Event()
        self.port = 0
        self.up()

    # ---- its life ----

    def up(self):
        """Listen again, on the port it had."""
        witness = self
        self.mode = "honest"

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer goes out at once

            def do_POST(self):
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                kind, status, answer = "text/plain", 200, b""
                if witness.mode == "gone":
                    raise ConnectionError
                try:
                    assert self.path == "/add-checkpoint", self.path
                    answer = witness.answer(body)
                except Refusal as r:
                    status, answer = r.args
                    if status == 409 and witness.mode != "409 no type":
                        kind = "text/x.tlog.size"
                self.send_response(status)
                if witness.mode == "redirect":
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        self.url = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self.server.serve_forever,
                         kwargs={"poll_interval": 0.05}, daemon=True).start()

    def down(self):
        """Nobody answers any more, on old connections neither."""
        self.mode = "gone"
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    # ---- what it signs ----

    def public(self, key=None):
        return (key or self.key).public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def vkey(self, kind=4):
        return "%s+%s+%s" % (self.name,
                             key_id(self.name, kind, self.public()).hex(),
                             b64(bytes([kind]) + self.public()))

    def line(self, text, when, key=None, name=None):
        """A cosignature line."""
        key, name = key or self.key, name or self.name
        sig = key.sign(b"cosignature/v1\ntime %d\n" % when + text)
        blob = key_id(name, 4, self.public(key)) + when.to_bytes(8, "big")
        return ("\u2014 %s %s\n" % (name, b64(blob + sig))).encode()

    def wait_for(self, done, seconds=60):
        """Wait until done(self) holds."""
        with self.moved:
            return self.moved.wait_for(lambda: done(self), seconds)

    # ---- add-checkpoint ----

    def answer(self, body):
        mode = self.mode
        head, note = body.split(b"\n\n", 1)
        lines = head.decode().split("\n")
        text, _, sigs = note.rpartition(b"\n\n")
        text += b"\n"
        old = int(lines[0].split(" ")[1])
        assert lines[0] == "old %d" % old
        proof = [base64.b64decode(h, validate=True) for h in lines[1:]]
        assert len(proof) <= 63
        origin, size, root = text.decode().splitlines()[:3]
        size, root = int(size), base64.b64decode(root)
        with self.moved:
            self.requests.append((old, size))
            self.moved.notify_all()
        if mode == "hang":
            self.released.wait(120)
        if mode in ("500", "404", "403", "422"):
            raise Refusal(int(mode), b"")
        if mode == "redirect":
            raise Refusal(307, b"")
        if mode == "409 2^60" or mode == "409 no type":
            raise Refusal(409, b"%d\n" % 2 ** 60)
        if mode == "409 larger":
            raise Refusal(409, b"%d\n" % (size + 1))
        if mode == "409 same":
            raise Refusal(409, b"%d\n" % old)
        if mode == "409 no size":
            raise Refusal(409, b"")
        self.check(origin, old, size, root, proof, text, sigs)
        now = int(time.time())
        if mode == "garbage":
            return b"\x00\xff not a line\n"
        if mode == "empty":
            return b""
        if mode == "long":
            return b"\n" * 2 ** 20
        if mode == "stranger":
            return self.line(text, now, ed25519.Ed25519PrivateKey.generate())
        if mode == "another head":
            return self.line(text.replace(b"\n%d\n" % size,
                                          b"\n%d\n" % (size + 1)), now)
        if mode == "plain":
            blob = key_id(self.name, 4, self.public()) + self.key.sign(text)
            return ("\u2014 %s %s\n" % (self.name, b64(blob))).encode()
        if mode == "2040":
            return self.line(text, 2208988800)
        if mode == "1970":
            return self.line(text, 1)
        first = b""
        if mode == "two lines":
            first = self.line(text, now, ed25519.Ed25519PrivateKey.generate(),
                              "stranger.example")
        return first + self.line(text, now)

    def check(self, origin, old, size, root, proof, text, sigs):
        if origin != self.log_name:
            raise Refusal(404, b"")
        good = False
        for line in sigs.decode().splitlines():
            _, name, blob = line.split(" ")
            blob = base64.b64decode(blob)
            if name == self.log_name and blob[:4] == self.log_id:
                try:
                    self.log_key.verify(blob[4:], text)
                    good = True
                except InvalidSignature:
                    raise Refusal(403, b"")
        if not good:
            raise Refusal(403, b"")
        if old > size:
            raise Refusal(400, b"")
        with self.moved:
            if old != self.size:
                raise Refusal(409, b"%d\n" % self.size)
            if old == 0 or old == size:
                if proof or (old == size and root != self.root):
                    raise Refusal(422, b"")
            else:
                try:
                    got = roots_from_consistency(old, size, self.root, proof)
                except (AssertionError, IndexError):
                    raise Refusal(422, b"")
                if got != (self.root, root):
                    raise Refusal(422, b"")
            self.size, self.root = size, root
            self.moved.notify_all()


def policy(log_vkey, witnesses, need):
    """A tlog-policy: so many of these witnesses, and their URLs."""
    lines = ["log " + log_vkey]
    lines += ["witness %s %s %s" % (w.name.split(".")[0], w.vkey(), w.url)
              for w in witnesses]
    lines += ["group all-of-them %s %s" % (
        need, " ".join(w.name.split(".")[0] for w in witnesses)),
        "quorum all-of-them"]
    return "\n".join(lines) + "\n"
