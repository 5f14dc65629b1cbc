"""A git server on loopback: the real one, git http-backend, behind HTTP, and
git upload-pack behind git://, of every bare repository below a folder.

    with gitserver.Server(folder) as s: ... s.http + "/name.git", s.git + ...
"""

import http.server
import os
import socketserver
import subprocess
import threading

QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}


def git(*words, cwd=None, input=None, env=None):
    """Run git without anybody's configuration; returns what it prints."""
    return subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words], cwd=cwd,
        input=input, check=True, capture_output=True,
        env={**os.environ, **QUIET, **(env or {})}).stdout.decode().strip()


class Threads(socketserver.ThreadingMixIn):
    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        """A client that is done hangs up."""


class HttpServer(Threads, http.server.HTTPServer):
    pass


class GitServer(Threads, socketserver.TCPServer):
    pass


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while True:
            n = int(self.rfile.readline(), 16)
            body += self.rfile.read(n)
            self.rfile.readline()
            if n == 0:
                return body

    def serve(self):
        owner = self.server.owner
        path, _, query = self.path.partition("?")
        if path.startswith("http://"):  # asked as a proxy
            path = "/" + path.split("/", 3)[3]
        body = self.body = self.read_body()
        owner.seen.append((self.command, self.path, dict(self.headers)))
        if owner.before and owner.before(self):
            return
        env = {
            **os.environ, **QUIET, "GIT_PROJECT_ROOT": owner.folder,
            "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": self.command,
            "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "127.0.0.1",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")
            if owner.protocol == 2 else "",
        }
        end = subprocess.run(["git", "http-backend"], input=body, env=env,
                             capture_output=True)
        head, _, data = end.stdout.partition(b"\r\n\r\n")
        status = 200
        headers = []
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name == "Status":
                status = int(value.split()[0])
            elif name:
                headers.append((name, value))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = serve


class Git(socketserver.StreamRequestHandler):
    def handle(self):
        owner = self.server.owner
        n = int(self.rfile.read(4), 16)
        words = self.rfile.read(n - 4).split(b"\0")
        verb, _, path = words[0].decode().partition(" ")
        folder = os.path.realpath(owner.folder + path)
        if verb != "git-upload-pack" or not folder.startswith(
                os.path.realpath(owner.folder) + "/"):
            return
        owner.seen.append(("git", path, {}))
        env = {**os.environ, **QUIET,
               "GIT_PROTOCOL": words[3].decode() if len(words) > 3 else ""}
        self.connection.setblocking(True)
        subprocess.run(["git", "upload-pack", "--strict", "--timeout=60",
                        folder], stdin=self.connection,
                       stdout=self.connection, stderr=subprocess.DEVNULL,
                       env=env)


class Server:
    def __init__(self, folder, tls=None):
        self.folder = folder
        self.seen = []       # (method, path, headers) of each request
        self.protocol = 2    # 0: as servers of before 2018
        self.before = None   # a function of a request; true: it answered
        self.servers = [HttpServer(("127.0.0.1", 0), Http),
                        GitServer(("127.0.0.1", 0), Git)]
        if tls is not None:
            self.servers[0].socket = tls.wrap_socket(
                self.servers[0].socket, server_side=True)
        for server in self.servers:
            server.owner = self
            threading.Thread(target=server.serve_forever,
                             daemon=True).start()
        ports = [s.server_address[1] for s in self.servers]
        self.http = "%s://127.0.0.1:%d" % (
            "https" if tls else "http", ports[0])
        self.git = "git://127.0.0.1:%d" % ports[1]

    def __enter__(self):
        return self

    def __exit__(self, *args):
        for server in self.servers:
            server.shutdown()
            server.server_close()
