"""Models and datasets of a hub: what aicert build fetches from one on
loopback, and what it says of one that lies, breaks off or leads elsewhere.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import hub as hubs  # noqa: E402

if not shutil.which("bwrap"):
    print("skipped: bubblewrap is not installed")
    sys.exit(77)
aicert = sys.argv[1]
TOKEN = "hf_that_nobody_may_see"
work = tempfile.mkdtemp(prefix="aicert-hub-")
n = 0
failures = 0
for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy",
             "https_proxy", "all_proxy", "HF_TOKEN", "HF_ENDPOINT"):
    os.environ.pop(name, None)


def build(inputs, **env):
    """inputs: (type, uri, commit, more)."""
    global n
    n += 1
    with open(os.path.join(work, "job.yaml"), "w") as f:
        f.write("version: 2\ntrainer: command\n"
                "command: [sh, -c, 'cp -rL /inputs t']\ninputs:\n")
        for i, (kind, uri, commit, more) in enumerate(inputs):
            f.write("  - {name: i%d, type: %s, uri: \"%s\", role: other, pin: "
                    "\"gitCommit:%s\"%s}\n" % (i, kind, uri, commit, more))
        f.write("outputs: ['t/**']\n")
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


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def root(files):
    """The OMS root and the manifest of {path: bytes}."""
    order = sorted(files, key=lambda p: p.encode())
    return (sha256(b"".join(hashlib.sha256(files[p]).digest()
                            for p in order)),
            sha256("".join("%s  %s\n" % (sha256(files[p]), p)
                           for p in order).encode()))


def right(name, inputs, wanted, **env):
    end = build(inputs, **env)
    note(name, end.returncode == 0, end)
    if end.returncode != 0:
        return ""
    with open(os.path.join(work, "m%d" % n, "aicert.jsonl")) as f:
        certificate = f.read()
    s = json.loads(base64.b64decode(json.loads(certificate.split("\n")[0])[
        "dsseEnvelope"]["payload"]))
    d = s["predicate"]["buildDefinition"]["resolvedDependencies"]
    note(name + ": root and manifest", [
        (x["digest"], x["annotations"]["manifest"]) for x in d] == [
            ({"sha256": r}, m) for r, m in map(root, wanted)], end)
    return json.dumps(s) + end.stdout + end.stderr


def wrong(name, says, what=(), lie=None, commit=None, uri=None, more="",
          kind="model", **env):
    hub.wrong, hub.lie = set(what), lie or {}
    end = build([(kind, uri or "org/model", commit or model.commit, more)],
                HF_ENDPOINT=hub.url, **env)
    hub.wrong, hub.lie = set(), {}
    left = [f for f in os.listdir(work) if f.startswith("m%d" % n)]
    note(name, end.returncode == 1 and says in end.stderr and not left and
         "job.yaml\":5:" in end.stderr and TOKEN not in end.stderr, end)


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
hub = hubs.Hub()
files = {
    "config.json": b'{"a": 1}', "README.md": b"# Model\n", "empty": b"",
    "model.safetensors": hubs.Lfs(os.urandom(1 << 20)),
    "onnx/model.onnx": hubs.Lfs(os.urandom(70000)),
    "onnx/deep/x y+z%20#?.txt": "with blanks and \u00e4\n".encode(),
    "onnx/\u00e4.txt": b"umlaut\n"}
model = hub.add("model", "org/model", files)
data = {"train.jsonl": hubs.Lfs(b'{"text": "a"}\n' * 40000),
        "dev/x.jsonl": b"{}\n"}
dataset = hub.add("dataset", "org/data", data)

right("a model and a dataset", [
    ("model", "org/model", model.commit, ""),
    ("dataset", "org/data", dataset.commit, "")], [files, data],
    HF_ENDPOINT=hub.url)
right("by their URLs", [
    ("model", hub.url + "/org/model", model.commit, ""),
    ("dataset", hub.url + "/datasets/org/data", dataset.commit, "")],
    [files, data])
hub.seen.clear()
right("only the files asked for", [
    ("model", "org/model", model.commit, ", path: [\"*.json\", onnx/**]"),
    ("dataset", "org/data", dataset.commit, ", path: dev/x.jsonl")],
    [{p: d for p, d in files.items() if p == "config.json" or
      p.startswith("onnx/")}, {"dev/x.jsonl": data["dev/x.jsonl"]}],
    HF_ENDPOINT=hub.url + "/")
note("and no other", not any("safetensors" in p or "train" in p
                             for _, p, _ in hub.seen))
hub.seen.clear()
hub.wrong = {"breaks"}
right("a connection that breaks", [("model", "org/model", model.commit, "")],
      [files], HF_ENDPOINT=hub.url)
note("taken up where it broke", [h["Range"] for _, p, h in hub.seen
                                 if "Range" in h and "/cdn/" in p] ==
     ["bytes=%d-" % (300000 * i) for i in (1, 2, 3)])
hub.wrong = {"breaks", "no ranges"}
hub.piece = 600000
wrong("a connection that breaks at the same place always", "ended before",
      {"breaks", "no ranges"})
hub.piece = 300000
hub.wrong = set()

hub.token = TOKEN
hub.seen.clear()
said = right("a token", [("model", "org/model", model.commit, "")], [files],
             HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN)
note("it is nowhere in what is said and signed", said and TOKEN not in said)
note("nor in any file that is left", subprocess.run(
    ["grep", "-rq", TOKEN, work]).returncode == 1)
cdn = [h for _, p, h in hub.seen if p.startswith("/cdn/")]
note("nor given to where the hub redirects to", len(cdn) >= 2 and not any(
    "Authorization" in h for h in cdn))
wrong("no token", "set HF_TOKEN")
wrong("another token", "may not read it", HF_TOKEN="hf_other")
wrong("a token with a line feed", "no token", HF_TOKEN="a\nX-Evil: 1")
wrong("a list that goes on elsewhere", "which is not the hub", {"elsewhere"},
      HF_TOKEN=TOKEN)
note("which the token was not sent to", not any(
    h.get("Host", "").endswith(":1") for _, _, h in hub.seen))
hub.token = None

wrong("another commit", "says that this revision is \"" + "0" * 40, {"sha"})
wrong("no such revision", "no such repository or revision", commit="12" * 20)
wrong("no such repository", "no such repository or revision",
      uri="org/absent")
wrong("a dataset that is a model", "no such repository", kind="dataset")
wrong("LFS bytes that are not of their id", "other bytes than its LFS id",
      {"other bytes"}, more=", path: \"*.safetensors\"")
wrong("bytes that are not of their id", "other bytes than its git id",
      {"other bytes"}, more=", path: config.json")
wrong("a file that is longer", "is longer than", {"longer"})
wrong("a file that is shorter", "is shorter than", {"shorter"})
wrong("a connection that always breaks", "ended before", {"cut"},
      more=", path: config.json")
wrong("redirects without end", "redirected more than", {"loop"})
wrong("a list without an end", "without an end", {"endless list"})
wrong("a list of too many files", "more than 131072 files", {"huge list"})
wrong("no JSON", "no JSON", {"no json"})
for path in ("../x", "/etc/passwd", "a/../../x", "a//b", "a\nb", ".", ""):
    wrong("a path %r" % path, "is no path", lie={"empty": {"path": path}})
wrong("a path a second time", "second time",
      lie={"empty": {"path": "config.json", "oid":
                     hubs.blob_id(files["config.json"]), "size": 8}})
wrong("an entry without a path", "without a path",
      lie={"empty": {"path": None}})
wrong("an entry of another type", "neither a file nor a folder",
      lie={"empty": {"type": "link"}})
wrong("an id that is none", "no id and length", lie={"empty": {"oid": "x"}})
wrong("a length that is none", "no id and length",
      lie={"empty": {"size": -1}})
wrong("an LFS id of another length", "no id and length",
      lie={"model.safetensors": {"lfs": {"oid": "00" * 20, "size": 1}}})
wrong("no file that matches", "no file at the hub matches",
      more=", path: \"*.nothing\"")
wrong("nobody there", "nobody answers", uri="http://127.0.0.1:1/a/b")
wrong("no repository's address", "OWNER/NAME", uri=hub.url + "/a/b/c")

hub.close()
shutil.rmtree(work)
sys.exit(1 if failures else 0)
