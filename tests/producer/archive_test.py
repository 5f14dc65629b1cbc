"""Archives as inputs of a build: what is right is unpacked and measured as the
folder it was, and each bad entry is refused by its name, with nothing left.
Builds are self-asserted: inputs are judged before any TPM is asked.
"""

import base64
import bz2
import gzip
import hashlib
import http.server
import io
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
import zlib

if not shutil.which("bwrap"):
    print("skipped: bubblewrap is not installed")
    sys.exit(77)
aicert = sys.argv[1]
work = tempfile.mkdtemp(prefix="aicert-archive-")
failures = 0
n = 0

# The tree that every right archive holds.
tree = {"README": b"two files and a program\n", "data/empty": b"",
        "data/rows.csv": b"".join(b"%d,%d\n" % (i, i * i)
                                  for i in range(50000)),
        "run.sh": b"#!/bin/sh\necho ran\n", "Größe/ж.txt": b"names in UTF-8\n"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def digests(files):
    """OMS root and manifest of a tree, as formats.md section 1 has them."""
    names = sorted(files, key=lambda name: name.encode())
    root = hashlib.sha256(b"".join(hashlib.sha256(files[k]).digest()
                                   for k in names))
    lines = "".join("%s  %s\n" % (sha256(files[k]), k) for k in names)
    return root.hexdigest(), sha256(lines.encode())


# ---- archives, from scratch ----

def entry(name, data=b"", type=tarfile.REGTYPE, link="", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = type, link, mode
    info.size = len(data) if type == tarfile.REGTYPE else 0
    if type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = 1, 3
    return info, data


def tar(entries, format=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as t:
        for info, data in entries:
            t.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return out.getvalue()


def right_tar(before="", format=tarfile.PAX_FORMAT):
    """The tree, with folders, empty ones too, in another order than names."""
    entries = [entry(before or "./", type=tarfile.DIRTYPE, mode=0o755),
               entry(before + "empty", type=tarfile.DIRTYPE, mode=0o700),
               entry(before + "data", type=tarfile.DIRTYPE, mode=0o755)]
    for name in sorted(tree, reverse=True):
        entries.append(entry(before + name, tree[name],
                             mode=0o4755 if name == "run.sh" else 0o600))
    return tar(entries, format)


def zipped(entries):
    """A zip of (name, bytes, mode with its type)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.create_system = 3
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, data)
    return out.getvalue()


def right_zip():
    return zipped([("data/", b"", 0o40755)] + [
        (name, tree[name], 0o100755 if name == "run.sh" else 0o100644)
        for name in tree])


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


def zip_with(flag):
    """A zip whose one entry says that it is encrypted."""
    data = bytearray(zipped([("secret", b"not for you", 0o100644)]))
    for at in (data.index(b"PK\3\4") + 6, data.index(b"PK\1\2") + 8):
        data[at] |= flag
    return bytes(data)


# ---- a server and a build ----

served = {}


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        data = served[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass  # a client that has seen enough hangs up


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = "http://127.0.0.1:%d" % server.server_address[1]


def build(uri, pin, more=""):
    global n
    n += 1
    with open(os.path.join(work, "job.yaml"), "w") as f:
        f.write("version: 2\ntrainer: command\n"
                "command: [sh, -c, '(cd /inputs/a && find . ! -type d "
                "-printf \"%%m %%p\\n\" | sort && ./run.sh) > m.bin']\n"
                "inputs:\n  - {name: a, type: archive, uri: \"%s\","
                " role: dataset, pin: \"%s\"%s}\n"
                "outputs: ['*.bin']\n" % (uri, pin, more))
    return subprocess.run(
        [aicert, "build", "job.yaml", "--key", "key", "--out", "m%d" % n],
        cwd=work, capture_output=True, text=True, timeout=300,
        env={**os.environ, "no_proxy": "127.0.0.1"})


def note(name, ok, end):
    global failures
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        print(end and (end.returncode, end.stdout, end.stderr))


def put(name, data):
    path = os.path.join(work, name)
    with open(path, "wb") as f:
        f.write(data)
    return name


listing = "".join(sorted(
    "%s ./%s\n" % ("555" if name == "run.sh" else "444", name)
    for name in tree)) + "ran\n"


def right(name, data, files=None, pin=None, remote=False):
    if remote:
        served["/" + name.replace(" ", "-")] = data
        uri = base + "/" + name.replace(" ", "-")
    else:
        uri = put("archive", data)
    root, manifest = digests(files or tree)
    end = build(uri, pin or "sha256:" + root)
    if end.returncode != 0:
        return note(name, False, end)
    with open(os.path.join(work, "m%d" % n, "aicert.jsonl")) as f:
        line = json.loads(f.readline())
    statement = json.loads(base64.b64decode(line["dsseEnvelope"]["payload"]))
    d = statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    note(name + ": tree and archive are stated",
         d["digest"] == {"sha256": root} and
         d["annotations"]["manifest"] == manifest and
         d["annotations"]["download"] == {
             "sha256": sha256(data), "bytes": len(data)}, end)
    with open(os.path.join(work, "m%d" % n, "m.bin")) as f:
        seen = f.read()
    want = "".join(sorted(seen[:-4].splitlines(True))) + "ran\n"
    note(name + ": the training sees it", want == "".join(sorted(
        listing[:-4].splitlines(True))) + "ran\n", end)


def wrong(name, data, *says, pin="sha256:" + "0" * 64, more="", line=5):
    end = build(put("archive", data), pin, more)
    left = [f for f in os.listdir(work) if f.startswith("m%d" % n)]
    note(name, end.returncode == 1 and not left and
         end.stderr.count("job.yaml\":") == 1 and
         all(word in end.stderr for word in says) and
         "job.yaml\":%d:" % line in end.stderr, end)


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
plain = right_tar()
ok = ("README", b"x", 0o100644)
good = entry("README", b"x")

right("tar", plain)
right("tar with ./ before each name", right_tar("./"))
right("tar by GNU", right_tar(format=tarfile.GNU_FORMAT))
right("tar in gzip", gzip.compress(plain))
right("tar in bzip2", bz2.compress(plain))
right("tar in xz", lzma.compress(plain))
if shutil.which("zstd"):
    right("tar in zstd", zstd(plain))
else:
    print("skipped: zstd is not installed")
right("zip", right_zip())
right("an archive from a server", gzip.compress(plain), remote=True)
packed = gzip.compress(plain)
right("pinned by its bytes", packed, pin="download:sha256:" + sha256(packed))

# What the tree or the archive should have been.
root = digests(tree)[0]
wrong("another tree than the pin", plain, "sha256:" + root,
      "sha256:" + "0" * 64)
wrong("another archive than the pin", plain, "download:sha256:" +
      sha256(plain), pin="download:sha256:" + "1" * 64)
wrong("a pin of the archive where one of the tree is meant", plain,
      "sha256:" + root, "sha256:" + sha256(plain),
      pin="sha256:" + sha256(plain))

# Paths that lead out, by any way of writing them.
for name, path in [
        ("..", ".."), ("../ before a file", "../evil"),
        ("../ in the middle", "a/../../evil"),
        ("../ behind ./", "./../evil"), ("an absolute path", "/etc/evil"),
        ("two slashes", "a//evil"), (". in the middle", "a/./evil"),
        ("a newline in a name", "ev\nil")]:
    wrong(name, tar([good, entry(path, b"x")]), "leads out of the archive",
          "evil" if "evil" in path else "ev" if "ev" in path else "..")
wrong("a folder that leads out", tar([
    good, entry("../evil/", type=tarfile.DIRTYPE)]), "\"../evil\"")
wrong("../ in a zip", zipped([ok, ("../evil", b"x", 0o100644)]),
      "\"../evil\"")
wrong("an absolute path in a zip", zipped([ok, ("/evil", b"x", 0o100644)]),
      "\"/evil\"")
wrong("a name that is not UTF-8", tar([good, entry("ev\udce9il", b"x")],
                                      tarfile.GNU_FORMAT), "its entry \"ev")

# What data has not.
wrong("a link", tar([good, entry("l", type=tarfile.SYMTYPE, link="README")]),
      "its entry \"l\"", "symbolic link")
wrong("a link out", tar([
    good, entry("l", type=tarfile.SYMTYPE, link="/etc/passwd")]),
    "its entry \"l\"", "symbolic link")
wrong("a link, then a file through it", tar([
    good, entry("l", type=tarfile.SYMTYPE, link=".."), entry("l/evil", b"x")]),
    "its entry \"l\"", "symbolic link")
wrong("a hard link", tar([
    good, entry("h", type=tarfile.LNKTYPE, link="README")]),
    "its entry \"h\"", "hard link")
wrong("a hard link out", tar([
    good, entry("h", type=tarfile.LNKTYPE, link="../../etc/passwd")]),
    "its entry \"h\"", "hard link")
wrong("a character device", tar([good, entry("d", type=tarfile.CHRTYPE)]),
      "its entry \"d\"", "device")
wrong("a block device", tar([good, entry("d", type=tarfile.BLKTYPE)]),
      "its entry \"d\"", "device")
wrong("a FIFO", tar([good, entry("f", type=tarfile.FIFOTYPE)]),
      "its entry \"f\"", "FIFO")
wrong("a link in a zip", zipped([ok, ("l", b"/etc/passwd", 0o120777)]),
      "its entry \"l\"", "symbolic link")
wrong("an encrypted entry", zip_with(1), "its entry \"secret\"", "encrypted")

# The recorder's: what stands there already.
wrong("a file twice", tar([good, entry("a/b", b"1"), entry("a/b", b"2")]),
      "\"a/b\"", "second time")
wrong("a file twice, once with ./", tar([
    entry("a", b"1"), entry("./a", b"1")]), "\"a\"", "second time")
wrong("a file in a file", tar([entry("a", b"1"), entry("a/b", b"1")]),
      "\"a/b\"", "not a folder")
wrong("a file where a folder is", tar([entry("a/b", b"1"), entry("a", b"1")]),
      "\"a\"", "second time")

# Bombs.
zeros = bytes(1 << 20)


def bomb(level):
    """200 MiB of one file in some kilobytes."""
    c = bz2.BZ2Compressor(level)
    info = tarfile.TarInfo("zeros")
    info.size = 200 << 20
    out = [c.compress(info.tobuf())]
    out += [c.compress(zeros) for _ in range(200)]
    return b"".join(out + [c.compress(bytes(1024)), c.flush()])


wrong("a file a million times its archive", bomb(9), "\"zeros\"",
      "too large")
wrong("more files than a certificate holds", lzma.compress(b"".join(
    tarfile.TarInfo("f%d" % i).tobuf() for i in range(131073)) +
    bytes(1024), preset=0), "more than 131072 files")
wrong("folders without end", lzma.compress(
    entry("d", type=tarfile.DIRTYPE)[0].tobuf() * 600000 + bytes(1024),
    preset=0), "more than 524288 entries")

# No archive, or not a whole one.
wrong("no bytes", b"", "no whole archive")
wrong("text", tree["data/rows.csv"], "no whole archive")
wrong("text in gzip", gzip.compress(tree["data/rows.csv"]),
      "no whole archive")
wrong("gzip twice", gzip.compress(gzip.compress(plain)), "more than once")
wrong("cut off in a file", plain[:len(plain) // 2], "cannot be read")
wrong("gzip cut off", gzip.compress(plain)[:-2000], "data/rows.csv")
wrong("a zip cut off", right_zip()[:-30], "no whole archive")
wrong("a zip with another byte", right_zip().replace(
    zlib.compress(tree["README"], 6)[2:-4], b"\0" * len(
        zlib.compress(tree["README"], 6)[2:-4])), "README")
wrong("folders only", tar([entry("d", type=tarfile.DIRTYPE)]),
      "without a file")
wrong("a cpio archive", subprocess.run(
    ["cpio", "-o", "--quiet"], input=b"job.yaml\n", cwd=work,
    stdout=subprocess.PIPE).stdout if shutil.which("cpio") else
    b"070707" + b"0" * 70, "no whole archive")
wrong("a key that archives do not have", plain, "compression",
      more=", compression: gzip")

server.shutdown()
shutil.rmtree(work)
sys.exit(1 if failures else 0)
