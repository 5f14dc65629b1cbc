"""aicert init, pin and check: what they write and say, and that they neither
run anything nor overwrite or leave a file.
"""

import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import gitserver  # noqa: E402
import hub as hubs  # noqa: E402

if not shutil.which("bwrap"):
    print("skipped: bubblewrap is not installed")
    sys.exit(77)
aicert = sys.argv[1]
work = tempfile.mkdtemp(prefix="aicert-pin-")
failures = 0
served = {"/a": b"first\n", "/never": None}
release = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        data = served.get(self.path)
        self.send_response(404 if self.path not in served else 200)
        if data is None and self.path in served:
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"x")
            self.wfile.flush()
            asked.set()
            release.wait(60)
            return
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")


asked = threading.Event()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = "http://127.0.0.1:%d" % server.server_address[1]
environment = {**os.environ, "no_proxy": "127.0.0.1"}


def run(*words):
    return subprocess.run([aicert, *words], cwd=work, capture_output=True,
                          text=True, timeout=200, env=environment)


def note(name, ok, end):
    global failures
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        print(end.returncode, end.stdout, end.stderr, sorted(os.listdir(work)))


def put(name, text):
    with open(os.path.join(work, name), "w") as f:
        f.write(text)


def get(name):
    with open(os.path.join(work, name)) as f:
        return f.read()


def job(inputs, name="job.yaml"):
    put(name, "version: 2\ntrainer: command\n"
        "command: [sh, -c, 'cat /inputs/* > m.bin']\ninputs:\n" + "".join(
            "  - {name: %s, type: %s, uri: '%s', role: code, pin: %s%s}\n" % i
            for i in inputs) + "outputs: [m.bin]\n")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)

# ---- init
end = run("init")
note("init writes a file", end.returncode == 0 and
     get("aicert.yaml").count("#") > 10, end)
written = get("aicert.yaml")
end = run("init")
note("init overwrites nothing", end.returncode == 1 and
     "is there already" in end.stderr and get("aicert.yaml") == written, end)
end = run("init", "no/such/aicert.yaml")
note("init where there is no folder", end.returncode == 1 and
     "cannot write" in end.stderr, end)
end = run("init", "a", "b")
note("init takes one file", end.returncode == 2, end)

# ---- a pin that floats
end = run("build", "aicert.yaml", "--key", "key", "--out", "m")
note("a floating pin without a lock: nothing runs", end.returncode == 1 and
     'aicert.yaml":' in end.stderr and "run: aicert pin" in end.stderr and
     "training" not in end.stderr and
     not os.path.exists(os.path.join(work, "m")), end)
end = run("check")
note("check says so as well", end.returncode == 1 and
     "floats" in end.stderr, end)
if os.path.exists("/usr/share/common-licenses/GPL-3"):
    end = run("pin")
    note("what init writes can be pinned", end.returncode == 0 and
         "new" in end.stdout, end)
    end = run("check")
    note("and checked", end.returncode == 0 and
         "Nothing was fetched or run." in end.stdout, end)
    end = run("build", "aicert.yaml", "--key", "key", "--out", "made")
    note("and built", end.returncode == 0, end)

# ---- pin
put("here", "some text\n")
os.mkdir(os.path.join(work, "folder"))
put("folder/b", "b")
put("folder/a", "a")
tree = sha256(hashlib.sha256(b"a").digest() + hashlib.sha256(b"b").digest())
other = "sha256:" + sha256(b"x")
job([("file", "file", "here", "latest", ""),
     ("tree", "dataset", "folder", "latest", ""),
     ("far", "file", base + "/a", "latest", ", disclose: false"),
     ("packed", "file", "here", "latest", ", compression: gzip"),
     ("fixed", "file", "here", other, "")])
end = run("pin", "job.yaml")
lock = json.loads(get("job.lock")) if end.returncode == 0 else {}
pins = {i["name"]: i["pin"] for i in lock.get("inputs", [])}
note("files, folders, URLs and downloads", pins == {
    "file": "sha256:" + sha256(b"some text\n"), "tree": "sha256:" + tree,
    "far": "sha256:" + sha256(b"first\n"),
    "packed": "download:sha256:" + sha256(b"some text\n")}, end)
note("nothing is left of what was fetched", not [
    f for f in os.listdir(work) if "partial" in f], end)
end = run("pin", "job.yaml", "--json")
note("a second time nothing changed", end.returncode == 0 and all(
    i["was"] == i["pin"] for i in json.loads(end.stdout)["inputs"]), end)
served["/a"] = b"second\n"
end = run("pin", "job.yaml")
note("what changed is shown with both values", end.returncode == 0 and
     "was      sha256:" + sha256(b"first\n") in end.stdout and
     "changed  sha256:" + sha256(b"second\n") in end.stdout and
     end.stdout.count("changed") == 1, end)
job([("file", "file", "here", "latest", ""),
     ("far", "file", base + "/a", "latest", ", disclose: false")])
end = run("pin", "job.yaml")
note("what does not float any more is gone", end.returncode == 0 and
     '"tree"\n  gone' in end.stdout, end)
end = run("check", "job.yaml", "--json")
said = json.loads(end.stdout) if end.returncode == 0 else {}
note("check: public is what the certificate says", said and [
    (i["uri"], i["pin"]) for i in said["public"]["inputs"]] == [
        ("here", "sha256:" + sha256(b"some text\n")),
        ("urn:aicert:undisclosed", "sha256:" + sha256(b"second\n"))], end)
note("check: where it is fetched from", said and said["reads"] == [
    {"name": "file", "path": "here"}, {"name": "far", "uri": base + "/a"}],
     end)
before = set(os.listdir(work))
end = run("build", "job.yaml", "--key", "key", "--out", "far")
note("a build takes what the lock says", end.returncode == 0, end)
text = get("far/aicert.jsonl") if end.returncode == 0 else base
note("what is not disclosed is in no line", base not in text, end)
served["/a"] = b"third\n"
end = run("build", "job.yaml", "--key", "key", "--out", "m")
note("a build takes what the lock says, and nothing newer",
     end.returncode == 1 and sha256(b"second\n") in end.stderr and
     sha256(b"third\n") in end.stderr and "nothing was run" in end.stderr and
     set(os.listdir(work)) == before | {"far"}, end)

# ---- a lock that is wrong
good = get("job.lock")
for name, text, says in (
        ("of another uri", good.replace('"uri":"here"', '"uri":"there"'),
         "the lock is of"),
        ("of another reference", good.replace(
            '"reference":"latest"', '"reference":"branch:main"', 1),
         "the lock is of"),
        ("without the input", good.replace('"name":"file"', '"name":"x"'),
         "no lock says"),
        ("with a pin that floats", good.replace(
            '"pin":"sha256:', '"pin":"latest:', 1), "writes it anew"),
        ("with an input twice", good.replace('"name":"far"',
                                             '"name":"file"'),
         "writes it anew"),
        ("of another version", good.replace('"version":1', '"version":2'),
         "writes it anew"),
        ("with a further member", good.replace('"version":1',
                                               '"version":1,"a":1'),
         "writes it anew"),
        ("that is cut off", good[:-5], "writes it anew"),
        ("that is empty", "", "writes it anew"),
        ("that is YAML", "version: 1\n", "writes it anew")):
    put("job.lock", text)
    end = run("check", "job.yaml")
    note("a lock " + name, end.returncode == 1 and says in end.stderr, end)
end = run("pin", "job.yaml")
note("pin writes a lock anew that cannot be read", end.returncode == 0 and
     json.loads(get("job.lock"))["inputs"][0]["name"] == "file", end)

# ---- branches, tags and revisions
if shutil.which("git"):
    bare = os.path.join(work, "git", "r.git")
    gitserver.git("init", "--bare", bare)
    tree = gitserver.git("mktree", cwd=bare, input=(
        "100644 blob %s\tf\n" % gitserver.git(
            "hash-object", "-w", "--stdin", cwd=bare, input=b"x")).encode())

    def commit(text, ref):
        c = gitserver.git("commit-tree", "-m", text, tree, cwd=bare)
        gitserver.git("update-ref", ref, c, cwd=bare)
        return c

    first = commit("first", "refs/heads/main")
    gitserver.git("tag", "-a", "-m", "a tag", "v1", first, cwd=bare)
    second = commit("second", "refs/heads/next/x")
    commit("another", "refs/heads/a/main")
    hub = hubs.Hub()
    model = hub.add("model", "org/name", {"f": b"x"})
    environment["HF_ENDPOINT"] = hub.url
    with gitserver.Server(os.path.join(work, "git")) as server:
        far = server.http + "/r.git"
        job([("main", "git", far, "'branch:main'", ", dependencies: pip"),
             ("next", "git", server.git + "/r.git", "'branch:next/x'", ""),
             ("tag", "git", far, "'tag:v1'", ""),
             ("model", "model", "org/name", "'revision:main'", "")])
        end = run("pin", "job.yaml")
        lock = json.loads(get("job.lock")) if end.returncode == 0 else {}
        note("branches, a tag with a message, a hub's revision", [
            (i["name"], i["pin"]) for i in lock.get("inputs", [])] == [
            ("main", "gitCommit:" + first), ("next", "gitCommit:" + second),
            ("tag", "gitCommit:" + first),
            ("model", "gitCommit:" + model.commit)], end)
        end = run("check", "job.yaml", "--json")
        said = json.loads(end.stdout) if end.returncode == 0 else {}
        note("and what a build would ask for", said and [
            (i["name"], i["pin"]) for i in said["public"]["inputs"]] == [
            ("main", "gitCommit:" + first), ("main.lock",
                                             "gitCommit:" + first),
            ("next", "gitCommit:" + second), ("tag", "gitCommit:" + first),
            ("model", "gitCommit:" + model.commit)], end)
        moved = commit("moved", "refs/heads/main")
        end = run("pin", "job.yaml")
        note("a branch that moved", end.returncode == 0 and
             "was      gitCommit:" + first in end.stdout and
             "changed  gitCommit:" + moved in end.stdout and
             end.stdout.count("changed") == 1, end)
        kept = get("job.lock")
        for name, entry, says in (
                ("no such branch", ("a", "git", far, "'branch:none'", ""),
                 "has no refs/heads/none"),
                ("a part of a branch's name", ("a", "git", far, "'branch:x'",
                                               ""), "has no refs/heads/x"),
                ("no such tag", ("a", "git", far, "'tag:main'", ""),
                 "has no refs/tags/main"),
                ("no such repository", ("a", "git", server.http + "/s.git",
                                        "'branch:main'", ""), "cannot be"),
                ("no such revision", ("a", "model", "org/name",
                                      "'revision:none'", ""), "404"),
                ("latest of git", ("a", "git", far, "latest", ""),
                 "gitCommit:"),
                ("a revision of git", ("a", "git", far, "'revision:main'",
                                       ""), "pin"),
                ("a branch of a hub", ("a", "model", "org/name",
                                       "'branch:main'", ""), "pin")):
            job([entry])
            end = run("pin", "job.yaml")
            note(name, end.returncode == 1 and says in end.stderr and
                 get("job.lock") == kept, end)
        hub.wrong = {"sha"}
        job([("a", "model", "org/name", "'revision:main'", "")])
        end = run("pin", "job.yaml")
        note("a hub's word is taken as it is, and checked by the build",
             end.returncode == 0 and "gitCommit:" + "0" * 40 in end.stdout,
             end)
    hub.close()
else:
    print("no git: branches and tags are not tried")
job([("file", "file", "here", "latest", ""),
     ("far", "file", base + "/a", "latest", ", disclose: false")])
run("pin", "job.yaml")

# ---- what cannot be pinned
good = get("job.lock")
for name, entry, says in (
        ("a file that is not there", ("a", "file", "gone", "latest", ""),
         "No such file"),
        ("a URL that is not there", ("a", "file", base + "/b", "latest", ""),
         "404"),
        ("a branch of a file", ("a", "file", "here", "'branch:main'", ""),
         "only a git, model or dataset"),
        ("a reference with an option", ("a", "file", "here",
                                        "'branch:--upload-pack=x'", ""),
         "expected a pin"),
        ("a branch without a name", ("a", "file", "here", "'branch:'", ""),
         "expected a pin"),
        ("an empty folder", ("a", "file", "empty", "latest", ""),
         "empty folder")):
    os.makedirs(os.path.join(work, "empty"), exist_ok=True)
    job([entry])
    end = run("pin", "job.yaml")
    note(name, end.returncode == 1 and says in end.stderr and
         'job.yaml":5:' in end.stderr and get("job.lock") == good and
         not [f for f in os.listdir(work) if "partial" in f], end)

# ---- an interruption
job([("a", "file", base + "/never", "latest", "")])
p = subprocess.Popen([aicert, "pin", "job.yaml"], cwd=work, text=True,
                     stderr=subprocess.PIPE, env=environment)
asked.wait(60)
p.send_signal(signal.SIGINT)
said = p.stderr.read()
p.wait()
release.set()
note("an interruption leaves the lock, and nothing else", p.returncode == 1 and
     "interrupted" in said and get("job.lock") == good and
     not [f for f in os.listdir(work) if "partial" in f],
     subprocess.CompletedProcess([], p.returncode, "", said))
job([("fixed", "file", "here", other, "")])
end = run("pin", "job.yaml")
note("where nothing floats there is no lock", end.returncode == 0 and
     not os.path.exists(os.path.join(work, "job.lock")), end)
shutil.rmtree(work)
sys.exit(failures > 0)
