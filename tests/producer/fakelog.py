"""A log in memory and a registry over it, which can be told to lie.

Python's standard library only: Ed25519 as in RFC 8032, the tree as in RFC 6962,
notes as in C2SP signed-note.  Slow, and for tests alone.
"""
import base64
import hashlib
import http.server
import json
import socket
import threading
import time

Q = 2 ** 255 - 19
ORDER = 2 ** 252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, Q - 2, Q) % Q
BASE_Y = 4 * pow(5, Q - 2, Q) % Q


def _recover_x(y):
    square = (y * y - 1) * pow(CURVE_D * y * y + 1, Q - 2, Q)
    x = pow(square, (Q + 3) // 8, Q)
    if (x * x - square) % Q != 0:
        x = x * pow(2, (Q - 1) // 4, Q) % Q
    return Q - x if x % 2 else x


def _add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % Q
    b = (p[1] + p[0]) * (q[1] + q[0]) % Q
    c = 2 * p[3] * q[3] * CURVE_D % Q
    d = 2 * p[2] * q[2] % Q
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % Q, g * h % Q, f * g % Q, e * h % Q)


def _times(n, p):
    out = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            out = _add(out, p)
        p = _add(p, p)
        n >>= 1
    return out


_x = _recover_x(BASE_Y)
BASE = (_x, BASE_Y, 1, _x * BASE_Y % Q)


def _point(p):
    z = pow(p[2], Q - 2, Q)
    return ((p[1] * z % Q) | ((p[0] * z % Q & 1) << 255)).to_bytes(32, "little")


def _int512(data):
    return int.from_bytes(hashlib.sha512(data).digest(), "little")


class Ed25519:
    def __init__(self, seed):
        h = hashlib.sha512(seed).digest()
        a = int.from_bytes(h[:32], "little")
        self.a = (a & ((1 << 254) - 8)) | (1 << 254)
        self.prefix = h[32:]
        self.public = _point(_times(self.a, BASE))

    def sign(self, text):
        r = _int512(self.prefix + text) % ORDER
        point = _point(_times(r, BASE))
        k = _int512(point + self.public + text) % ORDER
        return point + ((r + k * self.a) % ORDER).to_bytes(32, "little")


def b64(data):
    return base64.b64encode(data).decode()


class NoteKey:
    """An Ed25519 key with a name, of type 1 (log) or 4 (cosigner)."""

    def __init__(self, name, kind, seed):
        self.name, self.kind = name, kind
        self.key = Ed25519(seed)
        self.hash = hashlib.sha256(
            name.encode() + bytes([10, kind]) + self.key.public).digest()

    def vkey(self):
        return "%s+%s+%s" % (self.name, self.hash[:4].hex(),
                             b64(bytes([self.kind]) + self.key.public))

    def line(self, text, now=1795000100):
        if self.kind == 4:
            stamp = now.to_bytes(8, "big")
            message = "cosignature/v1\ntime %d\n%s" % (now, text)
        else:
            stamp, message = b"", text
        blob = self.hash[:4] + stamp + self.key.sign(message.encode())
        return "\u2014 %s %s\n" % (self.name, b64(blob))


def leaf_hash(body):
    return hashlib.sha256(b"\0" + body).digest()


def root_of(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(
        b"\1" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def proof_of(index, leaves):
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if index < k:
        return proof_of(index, leaves[:k]) + [root_of(leaves[k:])]
    return proof_of(index - k, leaves[k:]) + [root_of(leaves[:k])]


def pae_digest(statement):
    kind = "application/vnd.in-toto+json"
    return hashlib.sha256(b"DSSEv1 %d %s %d %s" % (
        len(kind), kind.encode(), len(statement), statement)).digest()


def body_of(line, key_der, digest=None, sig=None):
    envelope = line["dsseEnvelope"]
    digest = digest or pae_digest(base64.b64decode(envelope["payload"]))
    sig = sig or envelope["signatures"][0]["sig"]
    return json.dumps({
        "apiVersion": "0.0.2", "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": b64(digest)},
            "signature": {"content": sig, "verifier": {
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "publicKey": {"rawBytes": b64(key_der)}}}}},
    }, separators=(",", ":")).encode()


class Log:
    """keys: hint of a line to the 91-byte SPKI that it names."""

    def __init__(self, keys):
        self.keys = keys
        self.log = NoteKey("log.example.org", 1, b"\1" * 32)
        self.time = NoteKey("log.example.org/time", 4, b"\2" * 32)
        self.bodies = [b"filler %d" % i for i in range(5)]
        self.stored = {}

    def append(self, line, **other):
        hint = line["verificationMaterial"]["publicKey"]["hint"]
        key = other.pop("key", self.keys[hint])
        self.bodies.append(body_of(line, key, **other))
        return len(self.bodies) - 1

    def entry(self, index, signer=None, origin=None, lines=None):
        leaves = [leaf_hash(b) for b in self.bodies]
        root = root_of(leaves)
        signer = signer or self.log
        text = "%s\n%d\n%s\n" % (origin or signer.name, len(leaves), b64(root))
        if lines is None:
            lines = signer.line(text) + self.time.line(text)
        else:
            lines = "".join(k.line(text) for k in lines)
        return {
            "logIndex": str(index),
            "logId": {"keyId": b64(signer.hash)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "integratedTime": "0",
            "inclusionProof": {
                "logIndex": str(index), "rootHash": b64(root),
                "treeSize": str(len(leaves)),
                "hashes": [b64(h) for h in proof_of(index, leaves)],
                "checkpoint": {"envelope": text + "\n" + lines}},
            "canonicalizedBody": b64(self.bodies[index]),
        }

    def admit(self, lines, **other):
        """What an honest registry answers: the stored line of every D."""
        places = []
        for line in lines:
            d = line["dsseEnvelope"]["payload"]
            hint = line["verificationMaterial"]["publicKey"]["hint"]
            if (d, hint) not in self.stored:
                self.stored[d, hint] = (line, self.append(line, **other))
            places.append(self.stored[d, hint])
        out = []
        for line, index in places:
            line = json.loads(json.dumps(line))
            line["verificationMaterial"]["tlogEntries"] = [self.entry(index)]
            out.append(line)
        return out


def encode(lines):
    return b"".join(json.dumps(line, separators=(",", ":"),
                               ensure_ascii=False).encode() + b"\n"
                    for line in lines)


class Registry:
    """Answers by self.answer(lines), a function that a test sets: it returns
    (status, headers, body), or bytes to be sent raw, or None to hang."""

    def __init__(self, log):
        registry = self
        self.log = log
        self.requests = []
        self.stop = threading.Event()
        self.log_keys = ("# keys\nlog %s\nlog-time %s\n" % (
            log.log.vkey(), log.time.vkey())).encode()
        self.keys_status = 200
        self.gets = {}  # path and query: answer
        self.honest()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def give(self, answer):
                if answer is None:
                    registry.stop.wait(30)
                    self.close_connection = True
                elif isinstance(answer, bytes):
                    self.wfile.write(answer)
                    self.close_connection = True
                elif callable(answer):
                    answer(self)
                    self.close_connection = True
                else:
                    status, headers, body = answer
                    self.send_response(status)
                    for name, value in headers:
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def do_GET(self):
                registry.requests.append(("GET", self.path, self.headers, b""))
                if self.path == "/api/v1/log-keys":
                    self.give((registry.keys_status,
                               [("Content-Type", "text/plain")],
                               registry.log_keys))
                else:
                    self.give(registry.gets.get(self.path, (404, [], b"")))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                registry.requests.append(
                    ("POST", self.path, self.headers, body))
                if self.path != "/api/v1/certificates":
                    self.give((404, [], b""))
                    return
                self.give(registry.answer(
                    [json.loads(line) for line in body.splitlines()]))

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request, client_address):
                pass  # clients that hang up are part of the tests

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05})
        self.thread.start()

    def honest(self):
        self.answer = lambda lines: self.jsonl(self.log.admit(lines))

    @staticmethod
    def jsonl(lines):
        body = lines if isinstance(lines, bytes) else encode(lines)
        return 200, [("Content-Type", "application/jsonl")], body

    def close(self):
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def closed_port():
    """A port of this machine where nobody listens."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


def drip(handler):
    """Headers, then a byte from time to time: alive, and never done."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl"
                        b"\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.2)
