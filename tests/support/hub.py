"""A model hub on loopback, by the API of Hugging Face's: revision, tree and
resolve.  Unmodified huggingface_hub fetches from it.

    h = hub.Hub(); r = h.add("model", "org/name", {path: bytes or Lfs(bytes)})
    ... h.url ..., r.commit

What it does wrong is in h.wrong, a set of words; see the tests.
"""

import hashlib
import http.server
import json
import socketserver
import threading
import urllib.parse

PAGE = 3  # entries of a page of the list


class Lfs(bytes):
    """A file that is kept apart and named by its SHA-256."""


def blob_id(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Repository:
    def __init__(self, kind, name, files):
        self.kind, self.name, self.files = kind, name, files
        self.commit = hashlib.sha1(repr((kind, name, sorted(
            files.items()))).encode()).hexdigest()

    def entry(self, path):
        data = self.files[path]
        e = {"type": "file", "oid": blob_id(data), "size": len(data),
             "path": path}
        if isinstance(data, Lfs):
            sha = hashlib.sha256(data).hexdigest()
            pointer = ("version https:" "//git-lfs.github.com/spec/v1\n"
                       "oid sha256:%s\nsize %d\n" % (sha, len(data))).encode()
            e["oid"] = blob_id(pointer)
            e["lfs"] = {"oid": sha, "size": len(data),
                        "pointerSize": len(pointer)}
        return e

    def entries(self):
        folders = sorted({p.rsplit("/", 1)[0] for p in self.files
                          if "/" in p})
        return [{"type": "directory", "oid": "0" * 40, "size": 0, "path": f}
                for f in folders] + [self.entry(p)
                                     for p in sorted(self.files)]

    def etag(self, path):
        e = self.entry(path)
        return e["lfs"]["oid"] if "lfs" in e else e["oid"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", headers=(), cut=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.close_connection = True

    def say(self, value, headers=()):
        self.answer(200, json.dumps(value).encode(), [
            ("Content-Type", "application/json"), *headers])

    def error(self, status, code=None):
        self.answer(status, b'{"error": "no"}', [
            ("X-Error-Code", code)] if code else [])

    def find(self, kind, name):
        for r in self.server.hub.repositories:
            if r.kind == kind and r.name == name:
                return r
        return None

    def do_GET(self):
        hub = self.server.hub
        hub.seen.append((self.command, self.path, dict(self.headers)))
        path, _, query = self.path.partition("?")
        path = urllib.parse.unquote(path)
        if path.startswith("/cdn/"):
            return self.give(hub.cdn[path[len("/cdn/"):]])
        if hub.token and self.headers.get(
                "Authorization") != "Bearer " + hub.token:
            return self.error(401)
        words = path.strip("/").split("/")
        if words[0] == "api" and len(words) >= 6:
            return self.api(words, urllib.parse.parse_qs(query))
        kind = "dataset" if words[0] == "datasets" else "model"
        if kind == "dataset":
            words = words[1:]
        if len(words) < 5 or words[2] != "resolve":
            return self.error(404)
        r = self.find(kind, "/".join(words[:2]))
        if r is None or words[3] not in (r.commit, "main"):
            return self.error(404, "RepoNotFound")
        self.resolve(r, "/".join(words[4:]))

    do_HEAD = do_GET

    def api(self, words, query):
        wrong = self.server.hub.wrong
        kind = words[1][:-1]
        r = self.find(kind, "/".join(words[2:4]))
        if r is None or words[5] not in (r.commit, "main"):
            return self.error(404, "RevisionNotFound")
        if "no json" in wrong:
            return self.answer(200, b"<html>")
        if words[4] == "revision":
            sha = "0" * 40 if "sha" in wrong else r.commit
            return self.say({"id": r.name, "sha": sha, "private": False,
                             "siblings": [{"rfilename": p}
                                          for p in sorted(r.files)]}
                            if "expand" not in query else
                            {"id": r.name, "sha": sha})
        if words[4] == "tree":
            return self.tree(r, query)
        self.error(404)

    def tree(self, r, query):
        hub = self.server.hub
        if "endless list" in hub.wrong:
            return self.say([], [("Link", '<%s%s>; rel="next"' % (
                hub.url, self.path))])
        if "huge list" in hub.wrong:
            at = int(query.get("cursor", ["0"])[0])
            page = [{"type": "file", "oid": "0" * 40, "size": 1,
                     "path": "f%d" % (at + i)} for i in range(20000)]
            return self.say(page, [("Link", '<%s%s?recursive=true&cursor=%d>; '
                                    'rel="next"' % (
                                        hub.url, self.path.split("?")[0],
                                        at + 20000))])
        entries = [dict(e, **hub.lie.get(e["path"], {})) for e in r.entries()]
        at = int(query.get("cursor", ["0"])[0])
        headers = []
        if at + PAGE < len(entries):
            base = "http:" "//127.0.0.1:1" if "elsewhere" in hub.wrong \
                else hub.url
            headers = [("Link", '<%s%s?recursive=true&cursor=%d>; rel="next"'
                        % (base, self.path.split("?")[0], at + PAGE))]
        self.say(entries[at:at + PAGE], headers)

    def resolve(self, r, path):
        hub = self.server.hub
        if path not in r.files:
            return self.error(404, "EntryNotFound")
        data = r.files[path]
        self.etag = r.etag(path)
        headers = [("ETag", '"%s"' % self.etag), ("X-Repo-Commit", r.commit)]
        if isinstance(data, Lfs):
            hub.cdn[self.etag] = data
            headers += [("X-Linked-Etag", '"%s"' % self.etag),
                        ("X-Linked-Size", str(len(data))),
                        ("Location", self.path if "loop" in hub.wrong else
                         hub.cdn_url + "/cdn/" + self.etag)]
            return self.answer(302, b"moved", headers)
        self.give(data, headers)

    def give(self, data, headers=()):
        """The bytes, from where a Range says, as far as is meant."""
        hub = self.server.hub
        start = 0
        status = 200
        headers = [*headers, ("Accept-Ranges", "bytes")]
        if "other bytes" in hub.wrong:
            data = bytes(data[:-1]) + bytes([data[-1] ^ 1])
        if "longer" in hub.wrong:
            data += b"x"
        if "shorter" in hub.wrong:
            data = data[:-1]
        asked = self.headers.get("Range")
        if asked and "no ranges" not in hub.wrong:
            start = int(asked[len("bytes="):].split("-")[0])
            headers.append(("Content-Range", "bytes %d-%d/%d" % (
                start, len(data) - 1, len(data))))
            status = 206
        rest = data[start:]
        cut = None
        if "cut" in hub.wrong:
            cut = 0
        elif "breaks" in hub.wrong and len(rest) > hub.piece:
            cut = hub.piece
        self.answer(status, rest, headers, cut)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that is done hangs up."""


class Hub:
    def __init__(self):
        self.repositories, self.seen, self.cdn = [], [], {}
        self.wrong, self.lie = set(), {}
        self.token, self.piece = None, 300000
        # Another host, as far as clients can tell, has the large files.
        self.servers = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
        for server in self.servers:
            server.hub = self
            threading.Thread(target=server.serve_forever,
                             daemon=True).start()
        self.url, self.cdn_url = ("http://127.0.0.1:%d" % s.server_address[1]
                                  for s in self.servers)

    def add(self, kind, name, files):
        r = Repository(kind, name, files)
        self.repositories.append(r)
        return r

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
