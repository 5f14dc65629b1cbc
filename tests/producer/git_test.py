"""Commits of repositories: what aicert build fetches from git servers, true
ones and such as lie, and what it says of what it will not take.
"""

import base64
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import gitserver  # noqa: E402
from gitserver import git  # noqa: E402

for program in ("bwrap", "git"):
    if not shutil.which(program):
        print("skipped: %s is not installed" % program)
        sys.exit(77)
aicert = sys.argv[1]
work = tempfile.mkdtemp(prefix="aicert-git-")
served = os.path.join(work, "served")
os.mkdir(served)
n = 0
failures = 0
for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy",
             "https_proxy", "all_proxy"):
    os.environ.pop(name, None)


# ---- repositories ----

class Repository:
    """A bare repository below the server, whose trees are written by hand."""

    def __init__(self, name, kind="sha1"):
        self.folder = os.path.join(served, name)
        git("init", "-q", "--bare", "--object-format=" + kind, self.folder)

    def git(self, *words, **more):
        return git("--git-dir", self.folder, *words, **more)

    def blob(self, data):
        return self.git("hash-object", "-w", "--stdin", "--literally",
                        input=data)

    def tree(self, entries):
        """entries: {name: (mode, id)}, in any order."""
        lines = "".join("%s %s %s\t%s\0" % (
            mode, {"040000": "tree", "160000": "commit"}.get(mode, "blob"),
            oid, name) for name, (mode, oid) in entries.items())
        return self.git("mktree", "-z", "--missing", input=lines.encode())

    def files(self, files):
        """The tree of {path: bytes or (mode, bytes or id)}."""
        folders = {}
        entries = {}
        for path, what in files.items():
            head, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(head, {})[rest] = what
                continue
            mode, data = what if isinstance(what, tuple) else ("100644", what)
            entries[path] = (mode, data if isinstance(data, str) else
                             self.blob(data))
        for name, inner in folders.items():
            entries[name] = ("040000", self.files(inner))
        return self.tree(entries)

    def raw_tree(self, content):
        """A tree object of those bytes, whatever git thinks of them."""
        return self.git("hash-object", "-t", "tree", "-w", "--stdin",
                        "--literally", input=content)

    def commit(self, tree, branch="main", *parents):
        oid = self.git("commit-tree", tree, "-m", "what is tested",
                       *sum((["-p", p] for p in parents), []))
        self.git("update-ref", "refs/heads/" + branch, oid)
        return oid


def entry(mode, name, oid):
    return ("%s %s" % (mode, name)).encode() + b"\0" + bytes.fromhex(oid)


# ---- builds ----

def build(uri, pin, more="", command="cp -rL /inputs/code t", outputs="t/**",
          **env):
    global n
    n += 1
    with open(os.path.join(work, "job.yaml"), "w") as f:
        f.write("version: 2\ntrainer: command\ncommand: [sh, -c, \"%s\"]\n"
                "inputs:\n  - {name: code, type: git, uri: \"%s\", role: "
                "code, pin: \"gitCommit:%s\"%s}\noutputs: [\"%s\"]\n" % (
                    command, uri, pin, more, outputs))
    return subprocess.run(
        [aicert, "build", "job.yaml", "--key", "key", "--out", "m%d" % n],
        cwd=work, capture_output=True, text=True, timeout=400,
        env={**os.environ, "no_proxy": "127.0.0.1", **env})


def note(name, ok, end=None):
    global failures
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        if end is not None:
            print(end.returncode, end.stdout, end.stderr)


def dependencies():
    with open(os.path.join(work, "m%d" % n, "aicert.jsonl")) as f:
        line = json.loads(f.readline())
    s = json.loads(base64.b64decode(line["dsseEnvelope"]["payload"]))
    return s["predicate"]["buildDefinition"]["resolvedDependencies"]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def root(files):
    """The OMS root and the manifest of {path: bytes}."""
    order = sorted(files, key=lambda p: p.encode())
    return (sha256(b"".join(hashlib.sha256(files[p]).digest()
                            for p in order)),
            sha256("".join("%s  %s\n" % (sha256(files[p]), p)
                           for p in order).encode()))


def plain(files):
    return {p: w[1] if isinstance(w, tuple) else w for p, w in files.items()}


def right(name, uri, commit, files, **more):
    end = build(uri, commit, **more)
    note(name, end.returncode == 0, end)
    if end.returncode != 0:
        return []
    d = dependencies()
    want = root(files)
    note(name + ": commit, root and manifest",
         d[0]["digest"] == {"sha256": want[0], "gitCommit": commit} and
         d[0]["annotations"]["manifest"] == want[1], end)
    return d


def wrong(name, uri, commit, says, **more):
    end = build(uri, commit, **more)
    left = [f for f in os.listdir(work) if f.startswith("m%d" % n)]
    note(name, end.returncode == 1 and says in end.stderr and not left and
         "job.yaml\":5:" in end.stderr, end)


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
files = {
    "README": b"read me\n", "train.py": ("100755", b"#!/bin/sh\n"),
    "a.b": b"before the folder a\n", "a/b/c": b"deep\n", "a/z": b"",
    "a0": b"behind it\n", "poetry.lock": b"lock\n", "package-lock.json": b"{}",
    "big.bin": os.urandom(3 << 20), "n\u00e4me with blanks": b"x\n",
    ".gitattributes": b"* filter=evil eol=crlf ident\n",
    "ident": b"$Id$\n", ".gitignore": b"*\n",
    "pointer.bin": b"version https:" b"//git-lfs.github.com/spec/v1\n"
                   b"oid sha256:" + b"0" * 64 + b"\nsize 5\n",
}
server = gitserver.Server(served)
repo = Repository("good.git")
old = repo.commit(repo.files({"old": b"old"}))
good = repo.commit(repo.files(files), "main", old)
repo.commit(repo.files({"new": b"new"}), "main", good)
url = server.http + "/good.git"

# What servers people have do: git clone of what is served is what is there.
clone = os.path.join(work, "clone")
git("clone", "-q", url, clone)
note("git clone fetches from the server of this test",
     git("rev-parse", "HEAD~1", cwd=clone) == good)
shutil.rmtree(clone)

server.seen.clear()
d = right("a commit that no branch names", url, good, plain(files),
          more=", dependencies: poetry")
note("alone", any(path.endswith("git-upload-pack")
                  for _, path, _ in server.seen) and len(d) == 2)
note("its lock file", len(d) == 2 and d[1]["name"] == "code.lock" and
     d[1]["annotations"]["role"] == "lockfile" and
     d[1]["digest"] == {"sha256": sha256(b"lock\n")} and
     d[1]["uri"] == url + "#poetry.lock")
out = os.path.join(work, "m%d" % n, "t")
note("as it is, without filter, ident and line ends",
     open(os.path.join(out, "ident"), "rb").read() == b"$Id$\n")
right("the first commit", url, old, {"old": b"old"})
right("by git:", server.git + "/good.git", good, plain(files))
server.protocol = 0
right("from a server that only gives what it names", url, good, plain(files))
server.protocol = 2
kind256 = Repository("kind256.git", "sha256")
c = kind256.commit(kind256.files(files))
right("a repository of SHA-256", server.http + "/kind256.git", c,
      plain(files))
wrong("a lock file that is not there", url, old, "has no \"poetry.lock\"",
      more=", dependencies: poetry")
d = right("npm", url, good, plain(files), more=", dependencies: npm")
note("its lock", d[1:] and d[1]["digest"] == {"sha256": sha256(b"{}")})

d = right("not disclosed", url, good, plain(files),
          more=", dependencies: npm, disclose: false")
note("nor its lock file", [x["uri"] for x in d] == [
    "urn:aicert:undisclosed", "urn:aicert:undisclosed#package-lock.json"])

# ---- submodules ----

inner = Repository("inner.git")
inner_commit = inner.commit(inner.files({"x": b"inner x\n", "s/y": b"y\n"}))
middle = Repository("middle.git")


def modules(*triples):
    return "".join('[submodule "%s"]\n\tpath = %s\n\turl = %s\n' % t
                   for t in triples).encode()


middle_files = {
    "m": b"middle\n", ".gitmodules": modules(("in", "deep/in",
                                              "../inner.git")),
    "deep/in": ("160000", inner_commit)}
middle_commit = middle.commit(middle.files(middle_files))
outer = Repository("outer.git")
outer_files = {
    "o": b"outer\n", "mid.a": b"before\n",
    ".gitmodules": modules(("mid", "mid", server.http + "/middle.git"),
                           ("again", "again", "./../inner.git")),
    "mid": ("160000", middle_commit), "again": ("160000", inner_commit)}
outer_commit = outer.commit(outer.files(outer_files))
whole = {
    "o": b"outer\n", "mid.a": b"before\n",
    ".gitmodules": outer_files[".gitmodules"], "mid/m": b"middle\n",
    "mid/.gitmodules": middle_files[".gitmodules"],
    "mid/deep/in/x": b"inner x\n", "mid/deep/in/s/y": b"y\n",
    "again/x": b"inner x\n", "again/s/y": b"y\n"}
right("submodules in submodules", server.http + "/outer.git", outer_commit,
      whole)


def module_case(name, says, text, oid=None):
    bad = Repository("module-%d.git" % n)
    c = bad.commit(bad.files({
        "f": b"f\n", ".gitmodules": text,
        "sub": ("160000", oid or inner_commit)}))
    wrong(name, server.http + "/" + os.path.basename(bad.folder), c, says)


module_case("a submodule without an address", "\"sub\" is a submodule whose "
            "address", b"")
module_case("a submodule of this machine", "is not fetched",
            modules(("s", "sub", "/etc")))
module_case("a submodule by file:", "is not fetched",
            modules(("s", "sub", "file://" + inner.folder)))
module_case("a submodule by ssh", "is not fetched",
            modules(("s", "sub", "git@example.org:a/b")))
module_case("a submodule by a program", "is not fetched",
            modules(("s", "sub", "ext::sh -c 'touch /tmp/x'")))
module_case("a submodule whose address is an option", "is not fetched",
            modules(("s", "sub", "--upload-pack=touch x")))
module_case("a submodule above its server", "is not fetched",
            modules(("s", "sub", "../../../../../x.git")))
module_case("a submodule that has no such commit", "has no commit " + good,
            modules(("s", "sub", "../inner.git")), good)
# ---- what a server may do ----

wrong("no such commit", url, "12" * 20, "has no commit " + "12" * 20)
wrong("a tree for a commit", url, repo.files(files), "")
wrong("a commit of the other kind", url, "34" * 32, "")
wrong("no such repository", server.http + "/absent.git", good, "git cannot "
      "fetch commit")
wrong("nobody there", "http://127.0.0.1:1/x.git", good, "git cannot fetch")
wrong("nobody there by git:", "git://127.0.0.1:1/x.git", good, "git cannot "
      "fetch")


def answer(status, headers=(), body=b""):
    def before(request):
        request.send_response(status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        return True
    return before


server.before = answer(401, [("WWW-Authenticate", "Basic realm=x")])
wrong("a server that asks for a password", url, good, "git cannot fetch")
server.before = answer(302, [("Location", "/loop/info/refs")])
wrong("redirects without end", url, good, "git cannot fetch")
server.before = answer(302, [("Location", "file://" + repo.folder)])
wrong("a redirect to this machine", url, good, "git cannot fetch")
server.before = answer(500)
wrong("a server in trouble", url, good, "git cannot fetch")
server.before = answer(200, [("Content-Type", "text/html")], b"<html>")
wrong("a page for a repository", url, good, "has no commit")


def other_served(request):
    """Another commit's objects, whatever is asked for."""
    if request.command != "POST" or b"ls-refs" in request.body:
        return False
    end = subprocess.run(
        ["git", "--git-dir", inner.folder, "pack-objects", "--all",
         "--stdout", "-q"], input=b"", capture_output=True)
    data = b"000dpackfile\n"
    for i in range(0, len(end.stdout), 60000):
        part = b"\1" + end.stdout[i:i + 60000]
        data += b"%04x" % (len(part) + 4) + part
    return answer(200, [("Content-Type",
                         "application/x-git-upload-pack-result")],
                  data + b"0000")(request)


server.before = other_served
wrong("a server that gives another commit's objects", url, good, "")


def cut(request):
    if request.command == "POST" and b"want " in request.body:
        return answer(200, [("Content-Type",
                             "application/x-git-upload-pack-result")],
                      b"000dpackfile\n0020\1PACK\0\0\0\2\0\0\0\3garbage")(
                          request)
    return False


server.before = cut
wrong("a pack that is cut off", url, good, "git cannot fetch")
server.before = None

# ---- what a commit may hold ----


def tree_case(name, says, content=None, make=None):
    bad = Repository("tree-%d.git" % n)
    tree = make(bad) if make else bad.files(content)
    c = bad.commit(tree)
    wrong(name, server.http + "/" + os.path.basename(bad.folder), c, says)


tree_case("a link", "\"d/l\" is a link", {"a": b"a", "d/l": ("120000",
                                                        b"/etc/passwd")})
tree_case("an old mode", "make the tree", {"a": ("100664", b"a")})
tree_case("no file", "no file", make=lambda r: r.raw_tree(b""))
tree_case("capitals alone", "\"README\" and \"readme\" differ",
          {"README": b"1", "readme": b"2"})
tree_case("capitals of a folder alone", "differ in capitals only",
          {"Lib/a": b"1", "lib/b": b"2"})
tree_case("a folder called .git", "keeps for itself",
          make=lambda r: r.raw_tree(entry("40000", ".git",
                                          r.files({"config": b"x"}))))
tree_case("a file called .GIT", "keeps for itself",
          make=lambda r: r.raw_tree(entry("100644", ".GIT", r.blob(b"x"))))
tree_case("a name that leads out", "is no path",
          make=lambda r: r.raw_tree(entry("40000", "..",
                                          r.files({"x": b"x"}))))
tree_case("a name with a slash", "make the tree",
          make=lambda r: r.raw_tree(entry("100644", "a/b", r.blob(b"x"))))
tree_case("a name twice", "second time",
          make=lambda r: r.raw_tree(entry("100644", "a", r.blob(b"x")) +
                                    entry("100644", "a", r.blob(b"y"))))
tree_case("names out of order", "make the tree",
          make=lambda r: r.raw_tree(entry("100644", "b", r.blob(b"x")) +
                                    entry("100644", "a", r.blob(b"y"))))
tree_case("an empty folder", "make the tree",
          make=lambda r: r.raw_tree(entry("100644", "a", r.blob(b"x")) +
                                    entry("40000", "b", r.raw_tree(b""))))
tree_case("a name of control characters", "is no path",
          make=lambda r: r.raw_tree(entry("100644", "a\nb", r.blob(b"x"))))
tree_case("an empty name", "",
          make=lambda r: r.raw_tree(entry("100644", "", r.blob(b"x"))))


def bomb(r):
    """Ten folders of ten, six deep: a million files in seven objects."""
    tree = r.files({str(i): b"x" for i in range(10)})
    for _ in range(5):
        tree = r.tree({str(i): ("040000", tree) for i in range(10)})
    return tree


tree_case("a tree of a million files", "more than 131072 files", make=bomb)

# ---- ways to a server ----

key = os.path.join(work, "tls.pem")
made = subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
     "ec_paramgen_curve:P-256", "-nodes", "-keyout", key + ".key", "-out",
     key, "-days", "2", "-subj", "/CN=localhost", "-addext",
     "subjectAltName=IP:127.0.0.1"], capture_output=True)
if made.returncode == 0:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(key, key + ".key")
    with gitserver.Server(served, tls) as s:
        wrong("a CA that nobody named", s.http + "/good.git", good,
              "git cannot fetch")
        right("a CA by SSL_CERT_FILE", s.http + "/good.git", good,
              plain(files), SSL_CERT_FILE=key)
else:
    print("skipped: openssl cannot make a certificate")
server.seen.clear()
right("a proxy", "http://host.invalid/good.git", good, plain(files),
      http_proxy=server.http)
note("asked as a proxy", server.seen[0][1].startswith("http://host.invalid/"))

server.__exit__()
shutil.rmtree(work)
sys.exit(1 if failures else 0)
