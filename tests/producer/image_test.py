"""Container images as the root of a build: from a registry and from a layout,
with the layers one over the other; and what is refused, each with nothing left.
Builds are self-asserted: an image is judged before any TPM is asked.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import ociregistry  # noqa: E402
from ociregistry import (Image, digest, entry, folder, hardlink, index, layer,
                         symlink)  # noqa: E402

if not shutil.which("bwrap"):
    print("skipped: bubblewrap is not installed")
    sys.exit(77)
busybox = "/bin/busybox"
if not os.path.exists(busybox) or b"dynamically" in subprocess.run(
        ["ldd", busybox], capture_output=True).stdout:
    print("skipped: there is no static busybox")
    sys.exit(77)
aicert = sys.argv[1]
work = tempfile.mkdtemp(prefix="aicert-image-")
failures = 0
n = 0
with open(busybox, "rb") as f:
    shell = f.read()

# A root that runs /bin/sh, and something to be taken away above.
base = layer([
    folder("bin"), entry("bin/busybox", shell, mode=0o4755),
    hardlink("bin/sh", "bin/busybox"), hardlink("bin/find", "bin/busybox"),
    symlink("bin/sort", "busybox"), symlink("bin/cat", "/bin/busybox"),
    folder("etc"), entry("etc/version", b"1\n"), entry("etc/gone", b"x"),
    folder("lib"), entry("lib/kept", b"kept\n"), entry("lib/lost", b"x"),
    folder("opaque"), entry("opaque/a", b"x"), entry("opaque/b", b"x"),
    folder("empty"), symlink("opt", "usr/opt"),
    entry("usr/opt/low", b"low\n"), symlink("host", "/etc/hostname"),
    symlink("up", "../../../../etc/passwd"),
    entry("dev/null", type=tarfile.CHRTYPE), folder("root"),
    entry("root/tool", b"#!/bin/sh\necho tool\n", mode=0o755)])
over = layer([
    entry("etc/version", b"2\n"), entry("etc/.wh.gone"),
    entry("lib/.wh.lost"), entry("opaque/new", b"new\n"),
    entry("opaque/.wh..wh..opq"), entry("opt/high", b"high\n"),
    entry(".wh.nothing")])
left = {
    "bin/busybox": shell, "bin/sh": shell, "bin/find": shell,
    "bin/sort@": b"busybox", "bin/cat@": b"/bin/busybox",
    "etc/version": b"2\n", "lib/kept": b"kept\n", "opaque/new": b"new\n",
    "opt@": b"usr/opt", "usr/opt/low": b"low\n", "usr/opt/high": b"high\n",
    "host@": b"/etc/hostname", "up@": b"../../../../etc/passwd",
    "root/tool": b"#!/bin/sh\necho tool\n"}
ENV = ["PATH=/bin", "FROM_IMAGE=yes", "LANG=of-the-image", "HOME=/nowhere"]
whole = Image([(base, "gzip"), (over, None)], ENV)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def tree(files):
    """Root and manifest of a tree, as formats.md section 1 has them."""
    names = sorted(files, key=lambda name: name.encode())
    root = hashlib.sha256(b"".join(hashlib.sha256(files[k]).digest()
                                   for k in names)).hexdigest()
    lines = "".join("%s  %s\n" % (sha256(files[k]), k) for k in names)
    return {"root": root, "manifest": sha256(lines.encode())}


def build(image, command="cat /etc/version > m.bin", inputs="", env="",
          **more):
    global n
    n += 1
    with open(os.path.join(work, "job.yaml"), "w") as f:
        f.write("version: 2\ntrainer: command\nimage: \"%s\"\n"
                "command: [/bin/sh, -c, '%s']\ninputs: [%s]\n"
                "outputs: ['*.bin']\n%s" % (image, command, inputs, env))
    return subprocess.run(
        [aicert, "build", "job.yaml", "--key", "key", "--out", "m%d" % n],
        cwd=work, capture_output=True, text=True, timeout=300,
        env={**os.environ, "no_proxy": "127.0.0.1", **more})


def note(name, ok, end):
    global failures
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        print(end and (end.returncode, end.stdout, end.stderr))


def right(name, image, pin, files=None, says="2\n", **more):
    end = build(image + "@" + pin, **more)
    if end.returncode != 0:
        return note(name, False, end)
    with open(os.path.join(work, "m%d" % n, "aicert.jsonl")) as f:
        line = json.loads(f.readline())
    with open(os.path.join(work, "m%d" % n, "m.bin")) as f:
        model = f.read()
    p = json.loads(base64.b64decode(line["dsseEnvelope"]["payload"]))[
        "predicate"]["buildDefinition"]
    d = p["resolvedDependencies"][0]
    note(name, p["externalParameters"]["image"] == {
        "name": "image", "uri": image, "pin": pin} and
        d["name"] == "image" and d["uri"] == image and
        d["digest"] == {"sha256": pin[len("sha256:"):]} and
        d["annotations"] == {"role": "image", **tree(files or left)} and
        p["internalParameters"]["sandbox"]["root"] == "image" and
        model == says, end)
    if model != says:
        print(repr(model))


def wrong(name, image, *says, line=3, **more):
    end = build(image, **more)
    beside = [f for f in os.listdir(work) if f.startswith("m%d" % n)]
    note(name, end.returncode == 1 and not beside and
         end.stderr.count("job.yaml\":") == 1 and
         all(word in end.stderr for word in says) and
         (line is None or "job.yaml\":%d:" % line in end.stderr), end)


def layers_are_wrong(name, entries, *says, below=()):
    """An image of good layers, and one that is not."""
    image = Image([(base, None)] + [(layer(b), None) for b in below] +
                  [(layer(entries), "gzip")], ENV)
    image.layout(os.path.join(work, "bad"))
    wrong(name, "oci:bad@" + image.digest, "the image: layer %d " % (
        2 + len(below)), *says)
    shutil.rmtree(os.path.join(work, "bad"))


def layout_is(name, image, *says):
    image.layout(os.path.join(work, "bad"))
    wrong(name, "oci:bad@" + image.digest, *says)
    shutil.rmtree(os.path.join(work, "bad"))


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
whole.layout(os.path.join(work, "layout"))

# ---- a layout ----

right("a layout", "oci:layout", whole.digest)
right("a layout by its absolute path", "oci:" + os.path.join(work, "layout"),
      whole.digest)
right("the tree is what the layers make", "oci:layout", whole.digest,
      command="(cd / && find bin etc lib opaque empty opt usr host up root "
      "| sort) > m.bin", says="".join(sorted(
          name.rstrip("@") + "\n" for name in list(left) + [
              "bin", "etc", "lib", "opaque", "empty", "usr", "usr/opt",
              "root"])))
right("the image's variables, but for those of ours", "oci:layout",
      whole.digest,
      command='echo "$PATH $FROM_IMAGE $LANG $HOME $(/root/tool)" > m.bin',
      says="/bin yes C /tmp tool\n", env="env: {LANG: C}\n")
right("links lead nowhere but in the image", "oci:layout", whole.digest,
      command="(cat /host || cat /up || echo neither) > m.bin",
      says="neither\n")
right("the root cannot be written", "oci:layout", whole.digest,
      command="(echo x > /etc/version || echo x > /new || cat /etc/version)"
      " > m.bin 2>/dev/null")
with open(os.path.join(work, "text"), "w") as f:
    f.write("an input\n")
right("inputs beside an image", "oci:layout", whole.digest,
      command="cat /inputs/text > m.bin", says="an input\n",
      inputs="{name: text, type: file, uri: text, role: dataset, pin: sha256:"
      + sha256(b"an input\n") + "}")
many = ", ".join(
    "{name: t%d, type: file, uri: text, role: dataset, pin: sha256:%s}" % (
        i, sha256(b"an input\n")) for i in range(20))
right("twenty inputs beside an image", "oci:layout", whole.digest,
      inputs=many)
if shutil.which("zstd"):
    packed = Image([(base, zstd), (over, "gzip")], ENV)
    packed.layout(os.path.join(work, "zstd"))
    right("layers in zstd", "oci:zstd", packed.digest)
twice = Image([(base, "gzip"), (over, None), (over, None)], ENV)
twice.layout(os.path.join(work, "twice"))
right("a layer twice", "oci:twice", twice.digest)
other = Image([(base, None)], ENV, machine="arm64")
both = index([(other, "arm64"), (whole, "amd64")])
for image in (whole, other):
    image.layout(os.path.join(work, "both"))
with open(os.path.join(work, "both/blobs/sha256", sha256(both)), "wb") as f:
    f.write(both)
right("an index, by its digest", "oci:both", digest(both))

# Layers over layers.
stack = Image([(base, None)] + [(layer(e), None) for e in [
    [entry("d/a", b"1"), entry("d/b", b"1"), symlink("l", "d")],
    [entry("d/.wh.a"), entry("l/c", b"through\n")],
    [entry(".wh.l"), entry("d/a", b"again\n"), hardlink("h", "etc/version")],
    [entry("etc/version", b"after\n"), entry(".wh.etc"),
     entry("f", b"a file\n")],
    [folder("f"), entry("f/in", b"a folder\n"), entry("bin/.wh.find")],
    [entry("./g/..data", b"dots\n"), symlink("o", "/"),
     entry("o/p", b"root\n")],
]], ENV)
stack.layout(os.path.join(work, "stack"))
stacked = {k: v for k, v in {
    **{k: v for k, v in left.items() if k not in (
        "etc/version", "opaque/new", "usr/opt/high", "bin/find")},
    "lib/lost": b"x", "opaque/a": b"x", "opaque/b": b"x",
    "d/a": b"again\n", "d/b": b"1", "d/c": b"through\n", "h": b"1\n",
    "etc/version": b"after\n", "f/in": b"a folder\n", "g/..data": b"dots\n",
    "o@": b"/", "p": b"root\n"}.items()}
right("layers upon layers", "oci:stack", stack.digest, stacked, "after\n")

# ---- a registry ----

with ociregistry.Server() as r, ociregistry.Server(tokens=True) as t:
    for registry in (r, t):
        registry.put("some/name", whole, [both])
    right("a registry", r.base + "/some/name", whole.digest)
    right("a registry, with a tag", r.base + "/some/name:1.0", whole.digest)
    right("a registry, by an index", r.base + "/some/name", digest(both))
    t.seen.clear()
    right("a registry that wants a token", t.base + "/some/name",
          whole.digest)
    note("one token is enough", t.seen.count(("GET", "/token")) == 1, None)
    r.cut = 100000
    right("a connection that breaks", r.base + "/some/name", whole.digest)
    note("it broke", r.cut is None, None)
    for name in whole.blobs:
        t.redirects[name] = r.base + "/v2/some/name/blobs/" + name
    right("blobs that lie elsewhere", t.base + "/some/name", whole.digest)
    t.redirects.clear()

    right("a registry by a proxy", "http://registry.invalid/some/name",
          whole.digest, http_proxy=r.base, no_proxy="")
    wrong("a proxy that is not there", "http://registry.invalid/some/name@" +
          whole.digest, "nobody answers", http_proxy="http://127.0.0.1:1",
          no_proxy="")
    absent = "sha256:" + "0" * 64
    wrong("an image that is not there", r.base + "/some/name@" + absent,
          "the image: ", "answered 404")
    wrong("a repository that is not there", r.base + "/other@" +
          whole.digest, "answered 404")
    config = next(k for k in whole.blobs if b"rootfs" in whole.blobs[k])
    r.lies[config] = whole.blobs[config].replace(b"yes", b"no!")
    wrong("another configuration", r.base + "/some/name@" + whole.digest,
          "should be " + config, digest(r.lies[config]))
    r.lies = {digest(over): over[:-1] + b"x"}
    wrong("another layer", r.base + "/some/name@" + whole.digest,
          "should be " + digest(over))
    r.lies = {digest(over): over + b"x"}
    wrong("a longer layer", r.base + "/some/name@" + whole.digest,
          "larger than")
    r.lies = {digest(over): over[:-512]}
    wrong("a shorter layer", r.base + "/some/name@" + whole.digest,
          "should be " + digest(over))
    r.lies = {whole.digest: stack.manifest}
    r.put("some/name", stack)
    wrong("another manifest", r.base + "/some/name@" + whole.digest,
          "should be " + whole.digest, stack.digest)
    r.lies = {digest(both): index([(stack, "amd64")])}
    wrong("another index", r.base + "/some/name@" + digest(both),
          "should be " + digest(both))
    r.lies = {whole.digest: b"<html>"}
    wrong("no manifest", r.base + "/some/name@" + whole.digest,
          "no strict JSON")
    r.lies = {}

    t.challenge = "Basic realm=\"x\""
    wrong("a registry that wants a password", t.base + "/some/name@" +
          whole.digest, "user and password")
    t.challenge = "Bearer realm=\"file:///etc/passwd\""
    wrong("a token from a file", t.base + "/some/name@" + whole.digest,
          "not understood")
    t.challenge = "Bearer realm=\"http://127.0.0.1:1/token\""
    wrong("a token from nobody", t.base + "/some/name@" + whole.digest,
          "nobody answers")
    t.challenge, t.token_answer = None, b'{"token":"a\\r\\nX: b"}'
    wrong("a token of two lines", t.base + "/some/name@" + whole.digest,
          "no token")
    t.token_answer = b'{"token":"never issued"}'.replace(b" ", b"")
    wrong("a token that does not do", t.base + "/some/name@" +
          whole.digest, "answered 401")

# ---- a registry with TLS, under a CA of its own ----

ca = os.path.join(work, "ca.pem")
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=a test", "-addext", "subjectAltName=IP:127.0.0.1",
                "-keyout", ca + ".key", "-out", ca], check=True,
               capture_output=True)
with open(ca) as a, open(ca + ".key") as b, open(ca + ".both", "w") as both_f:
    both_f.write(b.read() + a.read())
with ociregistry.Server(tokens=True, certificate=ca + ".both") as t:
    t.put("some/name", whole)
    right("a private CA", t.host + "/some/name", whole.digest,
          SSL_CERT_FILE=ca, CURL_CA_BUNDLE="")
    wrong("a CA that nobody knows", t.host + "/some/name@" + whole.digest,
          "no trusted TLS connection")
    t.challenge = "Bearer realm=\"http://127.0.0.1:1/token\""
    wrong("a token from a server without TLS", t.host + "/some/name@" +
          whole.digest, "without TLS", SSL_CERT_FILE=ca, CURL_CA_BUNDLE="")

# ---- what an image is not ----

wrong("an image without its digest", "docker.io/library/debian:12",
      "has no digest")
wrong("an image by another digest", "debian@sha512:" + "0" * 128,
      "has no digest")
wrong("an image by half a digest", "debian@sha256:" + "0" * 32,
      "has no digest")
wrong("a digest in capitals", "debian@sha256:" + "A" * 64, "has no digest")
wrong("no name", "@sha256:" + "0" * 64, "has no digest")
wrong("a name with a space", "de bian@sha256:" + "0" * 64, "is no registry")
wrong("a name in capitals", "Debian@sha256:" + "0" * 64, "is no registry")
wrong("a name that leads elsewhere", "x.org/../y@sha256:" + "0" * 64,
      "is no registry")
wrong("a user in the name", "http://u:p@x.org/y@sha256:" + "0" * 64,
      "is no registry")
wrong("a layout that is not there", "oci:nowhere@" + whole.digest,
      "the image: ")
wrong("another image than the layout has", "oci:layout@sha256:" + "1" * 64,
      "has no blob sha256:" + "1" * 64)
only = index([(other, "arm64")])
with open(os.path.join(work, "both/blobs/sha256", sha256(only)), "wb") as f:
    f.write(only)
wrong("an index without this machine", "oci:both@" + digest(only),
      "no manifest for linux/amd64", "arm64")
layout_is("an image for another machine", other, "not for linux/amd64")
layout_is("a manifest that is an index too", Image(
    [(base, None)], manifest={"manifests": []}), "neither a manifest")
layout_is("a layer that is kept elsewhere", Image([(base, None)], manifest={
    "layers": [{"mediaType": "application/vnd.oci.image.layer."
                "nondistributable.v1.tar", "digest": digest(base),
                "size": len(base)}]}), "nondistributable")
layout_is("a layer of another kind", Image([(base, None)], manifest={
    "layers": [{"mediaType": "text/html", "digest": digest(base),
                "size": len(base)}]}), "text/html")
layout_is("a digest of another kind", Image([(base, None)], manifest={
    "layers": [{"mediaType": ociregistry.LAYER, "digest": "md5:" + "0" * 32,
                "size": 1}]}), "no sha256")
layout_is("a size that is not the layer's", Image([(base, None)], manifest={
    "layers": [{"mediaType": ociregistry.LAYER, "digest": digest(base),
                "size": len(base) + 1}]}), "its manifest says")
layout_is("no layers", Image([]), "has no layer")
layout_is("another number of layers than the configuration's", Image(
    [(base, None)], config={"rootfs": {"type": "layers", "diff_ids": []}}),
    "another number of layers")
layout_is("a variable without a name", Image([(base, None)], ["=x"]),
          "another way than NAME=value")
layout_is("a layer that is no tar", Image([(b"no tar" * 1000, None)]),
          "layer 1 of the image is no whole tar")
layout_is("a layer that is cut off", Image([(base[:100000], None)]),
          "layer 1 of the image is no whole tar")
broken = Image([(base, None), (over, None)])
broken.layout(os.path.join(work, "bad"))
with open(os.path.join(work, "bad/blobs/sha256", sha256(over)), "r+b") as f:
    f.write(b"other")
wrong("a blob that was written over", "oci:bad@" + broken.digest,
      "should be " + digest(over))
os.unlink(os.path.join(work, "bad/blobs/sha256", sha256(over)))
wrong("a blob that is missing", "oci:bad@" + broken.digest,
      "has no blob " + digest(over))
os.symlink("/etc/passwd", os.path.join(work, "bad/blobs/sha256",
                                       sha256(over)))
wrong("a blob that is a link out", "oci:bad@" + broken.digest,
      "should be " + digest(over))
shutil.rmtree(os.path.join(work, "bad"))

# ---- layers that want out ----

layers_are_wrong("../", [entry("../evil", b"x")], "\"../evil\"")
layers_are_wrong("../ in the middle", [entry("a/../../evil", b"x")],
                 "\"a/../../evil\"")
layers_are_wrong("an absolute path", [entry("/etc/evil", b"x")],
                 "\"/etc/evil\"")
layers_are_wrong("a hard link out", [hardlink("h", "../../etc/passwd")],
                 "\"h\"", "leads out of the image")
layers_are_wrong("an absolute hard link", [hardlink("h", "/etc/passwd")],
                 "\"h\"", "leads out of the image")
layers_are_wrong("a hard link to nothing", [hardlink("h", "nothing")],
                 "\"h\"", "not there")
layers_are_wrong("a hard link to a folder", [hardlink("h", "etc")],
                 "\"h\"", "not there")
layers_are_wrong("a hard link to what is gone", [hardlink("h", "etc/gone")],
                 "\"h\"", "not there", below=[[entry("etc/.wh.gone")]])
layers_are_wrong("a device", [entry("etc/d", type=tarfile.BLKTYPE)],
                 "\"etc/d\"", "device")
layers_are_wrong("a FIFO", [entry("f", type=tarfile.FIFOTYPE)], "\"f\"",
                 "FIFO")
layers_are_wrong("a whiteout of ..", [entry("a/.wh...")], "takes no name")
layers_are_wrong("links in a ring", [
    symlink("r1", "r2"), symlink("r2", "r1"), entry("r1/x", b"x")],
    "\"r1/\"", "too many links")
layers_are_wrong("a file below a file", [entry("etc/version/x", b"x")],
                 "not a folder")
layers_are_wrong("a name that is too long", [entry("x" * 256, b"x")],
                 "too long a name")

# Followed within the image, a link out is a way to the image's own files.
inside = Image([(base, None), (layer([
    symlink("out", "../../.."), entry("out/etc/version", b"within\n")]),
    None)], ENV)
inside.layout(os.path.join(work, "inside"))
right("a file behind a link out", "oci:inside", inside.digest, {
    **{k: v for k, v in left.items() if k not in (
        "opaque/new", "usr/opt/high")},
    "lib/lost": b"x", "opaque/a": b"x", "opaque/b": b"x", "etc/gone": b"x",
    "out@": b"../../..", "etc/version": b"within\n"}, "within\n")

# ---- skopeo, unmodified ----

if shutil.which("skopeo"):
    policy = os.path.join(work, "policy.json")
    with open(policy, "w") as f:
        json.dump({"default": [{"type": "insecureAcceptAnything"}]}, f)

    def skopeo(*words):
        end = subprocess.run(["skopeo", "--policy", policy, *words], cwd=work,
                             capture_output=True, text=True,
                             env={**os.environ, "no_proxy": "127.0.0.1"})
        note("skopeo " + words[0], end.returncode == 0, end)

    with ociregistry.Server(tokens=True) as t:
        skopeo("copy", "--dest-tls-verify=false", "--preserve-digests",
               "oci:layout:latest", "docker://%s/pushed/by-skopeo:latest" % t.host)
        right("an image that skopeo pushed", t.base + "/pushed/by-skopeo",
              whole.digest)
        skopeo("copy", "--src-tls-verify=false", "--preserve-digests",
               "docker://%s/pushed/by-skopeo:latest" % t.host,
               "oci:pulled:latest")
        right("an image that skopeo pulled", "oci:pulled", whole.digest)
        skopeo("copy", "--dest-tls-verify=false", "--format", "v2s2",
               "oci:layout:latest", "docker://%s/docker:latest" % t.host)
        data = t.names["docker"]["manifests"]["latest"][1]
        note("in Docker's own words", b"docker.distribution" in data, None)
        right("an image in Docker's own words", t.base + "/docker",
              digest(data))
else:
    print("skipped: skopeo is not installed")

shutil.rmtree(work)
sys.exit(1 if failures else 0)
