"""An OCI registry on loopback, by the distribution specification 1.1: pull and
push, manifests by tag and digest, blobs with ranges, uploads in one piece or in
parts, anonymous tokens.  And images, from scratch: tar and JSON.

    with ociregistry.Server() as r:
        r.put("some/name", Image([layer([...])]))
        ... r.host + "/some/name@" + digest ...
"""

import gzip
import hashlib
import http.server
import io
import json
import os
import re
import secrets
import ssl
import tarfile
import threading
import urllib.parse

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


# ---- images ----

def entry(name, data=b"", type=tarfile.REGTYPE, link="", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = type, link, mode
    info.size = len(data) if type == tarfile.REGTYPE else 0
    if type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = 1, 3
    return info, data


def folder(name, mode=0o755):
    return entry(name, type=tarfile.DIRTYPE, mode=mode)


def symlink(name, to):
    return entry(name, type=tarfile.SYMTYPE, link=to, mode=0o777)


def hardlink(name, to):
    return entry(name, type=tarfile.LNKTYPE, link=to)


def layer(entries):
    """The tar of (TarInfo, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w",
                      format=tarfile.PAX_FORMAT) as t:
        for info, data in entries:
            t.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return out.getvalue()


class Image:
    """An image of layers, each (tar, packing); its blobs and manifest."""

    def __init__(self, layers, env=(), config=None, manifest=None,
                 machine="amd64"):
        self.blobs, descriptors, diffs = {}, [], []
        for tar, packing in layers:
            data, suffix = tar, ""
            if packing == "gzip":
                data, suffix = gzip.compress(tar, mtime=0), "+gzip"
            elif callable(packing):
                data, suffix = packing(tar), "+zstd"
            diffs.append(digest(tar))
            descriptors.append(self.add(data, LAYER + suffix))
        self.config = {
            "architecture": machine, "os": "linux",
            "config": {"Env": list(env)},
            "rootfs": {"type": "layers", "diff_ids": diffs}, **(config or {})}
        c = self.add(json.dumps(self.config).encode(), CONFIG)
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": c,
            "layers": descriptors, **(manifest or {})}).encode()
        self.digest = digest(self.manifest)

    def add(self, data, type):
        self.blobs[digest(data)] = data
        return {"mediaType": type, "digest": digest(data), "size": len(data)}

    def descriptor(self, **more):
        return {"mediaType": MANIFEST, "digest": self.digest,
                "size": len(self.manifest), **more}

    def layout(self, path):
        """Write it as an OCI layout."""
        blobs = os.path.join(path, "blobs", "sha256")
        os.makedirs(blobs, exist_ok=True)
        for name, data in [*self.blobs.items(),
                           (self.digest, self.manifest)]:
            with open(os.path.join(blobs, name[len("sha256:"):]), "wb") as f:
                f.write(data)
        with open(os.path.join(path, "oci-layout"), "w") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')
        with open(os.path.join(path, "index.json"), "w") as f:
            json.dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
                self.descriptor(annotations={
                    "org.opencontainers.image.ref.name": "latest"})]}, f)


def index(images):
    """The bytes of an index of (image, architecture)."""
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        image.descriptor(platform={"architecture": machine, "os": "linux"})
        for image, machine in images]}).encode()


# ---- the registry ----

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, body=b"", head=False, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = self.server.owner.cut
        if not head and cut is not None and len(body) > cut:
            self.server.owner.cut = None
            self.wfile.write(body[:cut])
            self.close_connection = True
        elif not head:
            self.wfile.write(body)

    def error(self, status, code, **headers):
        self.say(status, json.dumps({"errors": [{"code": code}]}).encode(),
                 self.command == "HEAD", Content_Type="application/json",
                 **headers)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = b""
        while True:
            n = int(self.rfile.readline(), 16)
            out += self.rfile.read(n)
            self.rfile.readline()
            if n == 0:
                return out

    def allowed(self, name, push):
        """Anybody may do anything, with a token that says so."""
        r = self.server.owner
        if not r.tokens:
            return True
        scope = "repository:%s:%s" % (name, "pull,push" if push else "pull")
        given = self.headers.get("Authorization", "")
        had = r.issued.get(given[len("Bearer "):], [])
        if any(s.startswith("repository:%s:" % name) and
               (not push or "push" in s) for s in had):
            return True
        self.body()
        self.error(401, "UNAUTHORIZED", WWW_Authenticate=r.challenge or
                   'Bearer realm="%s/token",service="test",scope="%s"' % (
                       r.base, scope))
        return False

    def token(self, query):
        r = self.server.owner
        token = secrets.token_urlsafe(24)
        r.issued[token] = [s for scope in query.get("scope", [])
                           for s in scope.split()]
        self.say(200, r.token_answer or json.dumps(
            {"token": token, "expires_in": 300}).encode(),
            Content_Type="application/json")

    def serve(self):
        r = self.server.owner
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        head = self.command == "HEAD"
        r.seen.append((self.command, url.path))
        if url.path == "/token":
            return self.token(query)
        if url.path in ("/v2", "/v2/"):
            if r.tokens and "Authorization" not in self.headers:
                return self.error(401, "UNAUTHORIZED", WWW_Authenticate=
                                  'Bearer realm="%s/token",service="test"' %
                                  r.base)
            return self.say(200, b"{}", Content_Type="application/json")
        m = re.fullmatch(r"/v2/(.+?)/(manifests|blobs)/(uploads/[^/]*|[^/]+)",
                         url.path)
        if m is None:
            return self.error(404, "NAME_UNKNOWN")
        name, kind, what = m.groups()
        push = self.command in ("PUT", "POST", "PATCH", "DELETE")
        if not self.allowed(name, push):
            return None
        if kind == "blobs" and what.startswith("uploads/"):
            return self.upload(name, what[len("uploads/"):], query)
        with r.lock:
            store = r.names.setdefault(name, {"manifests": {}, "blobs": {}})
        if self.command == "PUT" and kind == "manifests":
            data = self.body()
            known = (self.headers.get("Content-Type"), data)
            store["manifests"][what] = store["manifests"][digest(data)] = known
            return self.say(201, Location=url.path,
                            Docker_Content_Digest=digest(data))
        if push:
            self.body()
            return self.error(405, "UNSUPPORTED")
        found = store[kind].get(what)
        if found is None:
            return self.error(404, kind.upper()[:-1] + "_UNKNOWN")
        type, data = found if kind == "manifests" else (
            "application/octet-stream", found)
        if what in r.redirects and not head:
            return self.say(307, Location=r.redirects[what])
        data = r.lies.get(what, data)
        asked = self.headers.get("Range")
        if asked and kind == "blobs" and not head:
            start = int(asked[len("bytes="):].split("-")[0])
            return self.say(206, data[start:], Content_Range=
                            "bytes %d-%d/%d" % (start, len(data) - 1,
                                                len(data)))
        return self.say(200, data, head, Content_Type=type, Content_Length=
                        len(data), Docker_Content_Digest=digest(data))

    def upload(self, name, id, query):
        r = self.server.owner
        data = self.body()
        if self.command == "POST":
            id = secrets.token_hex(8)
            r.uploads[id] = b""
        if id not in r.uploads:
            return self.error(404, "BLOB_UPLOAD_UNKNOWN")
        r.uploads[id] += data
        here = "/v2/%s/blobs/uploads/%s" % (name, id)
        if "digest" not in query:
            return self.say(202, Location=here, Docker_Upload_UUID=id,
                            Range="0-%d" % max(len(r.uploads[id]) - 1, 0))
        whole, asked = r.uploads.pop(id), query["digest"][0]
        if digest(whole) != asked:
            return self.error(400, "DIGEST_INVALID")
        with r.lock:
            r.names.setdefault(name, {"manifests": {}, "blobs": {}})[
                "blobs"][asked] = whole
        return self.say(201, Location="/v2/%s/blobs/%s" % (name, asked),
                        Docker_Content_Digest=asked)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = serve


class HttpServer(http.server.ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that has seen enough hangs up."""


class Server:
    def __init__(self, tokens=False, certificate=None):
        self.tokens = tokens
        self.certificate = certificate  # PEM of key and chain: TLS
        self.names, self.uploads, self.issued = {}, {}, {}
        self.seen = []        # (method, path)
        self.cut = None       # the next body longer than that breaks off there
        self.lies = {}        # digest -> other bytes
        self.redirects = {}   # digest -> address
        self.challenge = None
        self.token_answer = None
        self.lock = threading.Lock()

    def __enter__(self):
        self.http = HttpServer(("127.0.0.1", 0), Handler)
        self.http.owner = self
        self.host = "127.0.0.1:%d" % self.http.server_address[1]
        self.base = "http://" + self.host
        if self.certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(self.certificate)
            self.http.socket = tls.wrap_socket(self.http.socket,
                                               server_side=True)
            self.base = "https://" + self.host
        self.thread = threading.Thread(target=self.http.serve_forever,
                                       daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *args):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def put(self, name, image, extra=()):
        """Have an image, and other manifests (bytes) beside it."""
        store = self.names.setdefault(name, {"manifests": {}, "blobs": {}})
        store["blobs"].update(image.blobs)
        store["manifests"][image.digest] = (MANIFEST, image.manifest)
        for data in extra:
            store["manifests"][digest(data)] = (INDEX, data)
