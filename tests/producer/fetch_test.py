"""Files over HTTP, and out of their compression: what aicert build fetches,
from a server that breaks off, redirects, lies and stalls.  Builds are
self-asserted: what is fetched is judged before any TPM is asked.
"""

import base64
import gzip
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

if not shutil.which("bwrap"):
    print("skipped: bubblewrap is not installed")
    sys.exit(77)
aicert = sys.argv[1]

text = b"".join(b"line %d of a file that is fetched\n" % i
                for i in range(40000))
packed = gzip.compress(text)
seen = []  # (path, Range) of each request


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def body(self, data, status=200, cut=None, headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            self.close_connection = True

    def ranged(self, data, cut):
        """Break off after cut bytes; go on where a Range says."""
        asked = self.headers.get("Range")
        if asked is None:
            return self.body(data, cut=cut)
        start = int(asked[len("bytes="):].split("-")[0])
        end = "bytes %d-%d/%d" % (start, len(data) - 1, len(data))
        rest = data[start:]
        self.body(rest, 206, cut if cut < len(rest) else None,
                  [("Content-Range", end)])

    def do_GET(self):
        seen.append((self.path, self.headers.get("Range")))
        match self.path:
            case "/plain":
                self.body(text)
            case "/gzip":
                self.body(packed)
            case "/empty":
                self.body(b"")
            case "/broken":
                self.ranged(text, 300000)
            case "/broken-gzip":
                self.ranged(packed, len(packed) // 2)
            case "/norange":
                first = ("/norange", None) not in seen[:-1]
                self.body(text, cut=300000 if first else None)
            case "/never":
                self.body(text, cut=0)
            case "/shrunk":
                if self.headers.get("Range"):
                    self.body(b"", 416)
                else:
                    self.body(text, cut=300000)
            case "/moved":
                self.body(b"gone there", 302, headers=[
                    ("Location", "/plain")])
            case "/loop":
                self.body(b"", 302, headers=[("Location", "/loop")])
            case "/away":
                self.body(b"", 302, headers=[
                    ("Location", "file:///etc/passwd")])
            case "/error":
                self.body(b"no", 500)
            case "/forbidden":
                self.body(b"no", 403)
            case "/cut-gzip":
                self.body(packed[:-9])
            case "/bad-gzip":
                self.body(packed[:5000] + b"\0" * 50 + packed[5050:])
            case _:
                self.body(b"not here", 404)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that is done hangs up."""


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = "http://127.0.0.1:%d" % server.server_address[1]
work = tempfile.mkdtemp(prefix="aicert-fetch-")
n = 0
failures = 0


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def build(inputs, **env):
    """Run a build of inputs (uri, digest, compression); returns its end."""
    global n
    n += 1
    with open(os.path.join(work, "job.yaml"), "w") as f:
        f.write("version: 2\ntrainer: command\n"
                "command: [sh, -c, 'cat /inputs/* > m.bin']\ninputs:\n")
        for i, (uri, digest, compression) in enumerate(inputs):
            f.write("  - {name: i%03d, type: file, uri: \"%s\", role: dataset,"
                    " pin: \"%s\"%s}\n" % (
                        i, uri, digest if ":" in digest else
                        "sha256:" + digest, ", compression: " + compression
                        if compression else ""))
        f.write("outputs: ['*.bin']\n")
    return subprocess.run(
        [aicert, "build", "job.yaml", "--key", "key", "--out", "m%d" % n],
        cwd=work, capture_output=True, text=True, timeout=200,
        env={**os.environ, "no_proxy": "127.0.0.1", **env})


def note(name, ok, end):
    global failures
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        print(end and (end.returncode, end.stdout, end.stderr))


def statement():
    with open(os.path.join(work, "m%d" % n, "aicert.jsonl")) as f:
        line = json.loads(f.readline())
    return json.loads(base64.b64decode(line["dsseEnvelope"]["payload"]))


def right(name, inputs, **env):
    end = build(inputs, **env)
    note(name, end.returncode == 0, end)
    if end.returncode != 0:
        return [{}] * len(inputs)
    dependencies = statement()["predicate"]["buildDefinition"][
        "resolvedDependencies"]
    model = open(os.path.join(work, "m%d" % n, "m.bin"), "rb").read()
    note(name + ": in order", len(dependencies) == len(inputs) and all(
        d["name"] == "i%03d" % i and d["digest"]["sha256"] == (
            plain if ":" in inputs[i][1] else inputs[i][1])
        for i, d in enumerate(dependencies)) and len(model) > 0, end)
    return [d["annotations"] for d in dependencies]


def wrong(name, uri, says, compression=None, digest=sha256(text)):
    end = build([(uri, digest, compression)])
    left = [f for f in os.listdir(work) if f.startswith("m%d" % n)]
    note(name, end.returncode == 1 and says in end.stderr and not left and
         re.search("job.yaml\":5:[0-9]+: input \"i000\"", end.stderr), end)


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
plain, whole = sha256(text), sha256(packed)
with open(os.path.join(work, "local.gz"), "wb") as f:
    f.write(packed)

a = right("a file", [(base + "/plain", plain, None)])
note("a file that is not packed has no download", "download" not in a[0], None)
a = right("gzip", [(base + "/gzip", plain, "gzip")])
note("both digests", a[0].get("download") == {
    "sha256": whole, "bytes": len(packed)}, None)
a = right("gzip of this machine", [("local.gz", plain, "gzip")])
note("both of its digests", a[0].get("download") == {
    "sha256": whole, "bytes": len(packed)}, None)
a = right("pinned by its download", [(base + "/gzip", "download:sha256:" +
                                      whole, "gzip")])
note("both digests of it", a[0].get("download") == {
    "sha256": whole, "bytes": len(packed)}, None)
if shutil.which("zstd"):
    subprocess.run(["zstd", "-q", "-o", os.path.join(work, "local.zst")],
                   input=text, check=True)
    right("zstd", [("local.zst", plain, "zstd")])
else:
    print("skipped: zstd is not installed")
seen.clear()
right("a connection that breaks", [(base + "/broken", plain, None)])
note("taken up where it broke", seen[1:2] == [("/broken", "bytes=300000-")],
     None)
right("a download that breaks", [(base + "/broken-gzip", plain, "gzip")])
right("a server without ranges", [(base + "/norange", plain, None)])
right("a redirect", [(base + "/moved", plain, None)])
right("twenty at once, and files of this machine", [
    (base + "/broken", plain, None) if i % 4 == 0 else
    (base + "/gzip", plain, "gzip") if i % 4 == 1 else
    ("local.gz", whole, None) if i % 4 == 2 else
    (base + "/plain", plain, None) for i in range(20)])

wrong("an absent file", base + "/nothing", "answered 404")
wrong("a forbidden file", base + "/forbidden", "answered 403")
wrong("a server in trouble", base + "/error", "answered 500")
wrong("a connection that always breaks", base + "/never", "ended before")
wrong("a file that shrinks", base + "/shrunk", "became shorter")
wrong("redirects without end", base + "/loop", "more than 10 times")
wrong("a redirect to a file of the host", base + "/away",
      "cannot get an answer")
wrong("nobody there", "http://127.0.0.1:1/x", "nobody answers")
wrong("no such host", "http://host.invalid/x", "no such host")
wrong("other bytes than the pin", base + "/plain", "sha256:" + plain,
      digest=sha256(b"x"))
wrong("no bytes", base + "/empty", "sha256:" + sha256(b""))
wrong("not compressed", base + "/plain", "not", "gzip")
wrong("the other compression", base + "/gzip", "not", "zstd")
wrong("compressed data cut off", base + "/cut-gzip", "not whole", "gzip")
wrong("compressed data damaged", base + "/bad-gzip", "not", "gzip")
wrong("no bytes to unpack", base + "/empty", "not", "gzip")
wrong("what is packed has another digest", base + "/gzip", "sha256:" + plain,
      "gzip", digest=whole)

wrong("what is unpacked has the digest that the download should have",
      base + "/gzip", "download:sha256:" + whole, "gzip",
      digest="download:sha256:" + plain)

server.shutdown()
shutil.rmtree(work)
sys.exit(1 if failures else 0)
