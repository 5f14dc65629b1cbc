"""A measured image, built and booted for the tests: what they share."""
import base64
import hashlib
import http.client
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

BIN = os.environ["AICERT_BIN"]
SOURCE = os.environ["AICERT_SOURCE"]
AICERT = os.path.join(BIN, "aicert")
IMAGE = os.path.join(BIN, "aicert-image")
VERIFY = os.path.join(BIN, "aicert-verify")
BOOT_S = 600 # a machine that does much else emulates slowly
os.environ["PATH"] += ":/usr/sbin:/sbin"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def need():
    for tool in ("qemu-system-x86_64", "swtpm", "mksquashfs", "veritysetup",
                 "mcopy", "sfdisk", "objcopy", "dpkg-deb"):
        if not shutil.which(tool):
            skip(f"{tool} is not installed")
    if not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"):
        skip("ovmf is not installed")
    for name in "aicert-producer", "aicert-image", "image-init":
        if not os.path.exists(os.path.join(BIN, name)):
            skip(f"{name} is not in this build")
    with open(os.path.join(BIN, "aicert-image"), "rb") as f:
        if b"__asan_init" in f.read():
            skip("a build with sanitizers, whose libraries no image has")


def need_all():
    """for tests of many boots, which nobody waits for unasked"""
    if os.environ.get("AICERT_VM") != "all":
        skip("takes many minutes; AICERT_VM=all ctest -L vm runs it")
    need()


def run(*words, **kwargs):
    return subprocess.run(words, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=1800, **kwargs)


def must(*words, **kwargs):
    r = run(*words, **kwargs)
    if r.returncode != 0:
        sys.exit(f"{' '.join(words)}: exit {r.returncode}\n{r.stdout}"
                 f"{r.stderr}")
    return r.stdout


def build(out, *options):
    """vm-image/build; a skip where the packages are not to be had"""
    r = run(os.path.join(SOURCE, "vm-image", "build"), "--out", out,
            "--programs", BIN, *options)
    if r.returncode != 0 and "package sources" in r.stderr:
        skip(r.stderr.strip().splitlines()[-1])
    if r.returncode != 0:
        sys.exit(f"vm-image/build: {r.stdout}{r.stderr}")
    print(r.stdout.strip())


def cached(folder, *options):
    """the same, unless the image there is of these programs and files"""
    digest = hashlib.sha256(repr(options).encode())
    names = [os.path.join(BIN, n) for n in (
        "aicert-producer", "aicert-fetch", "aicert-image", "image-init")]
    for top, _, files in sorted(os.walk(os.path.join(SOURCE, "vm-image"))):
        names += [os.path.join(top, n) for n in sorted(files)
                  if not n.endswith((".c", ".h"))]
    for name in names:
        with open(name, "rb") as f:
            digest.update(name.encode() + b"\0" + f.read())
    mark = os.path.join(folder, "made-of")
    if os.path.exists(mark):
        with open(mark, encoding="ascii") as f:
            if f.read() == digest.hexdigest():
                return folder
    build(folder, *options)
    with open(mark, "w", encoding="ascii") as f:
        f.write(digest.hexdigest())
    return folder


class Vm:
    """aicert-image run, until end()"""

    def __init__(self, folder, disk, *options, tpm=None, more=()):
        os.makedirs(folder, exist_ok=True)
        self.tpm = tpm or os.path.join(folder, "tpm")
        self.console_file = os.path.join(folder, "console")
        port_file = os.path.join(folder, "port")
        if os.path.exists(port_file):
            os.remove(port_file)
        self.began = time.time()
        self.process = subprocess.Popen(
            [IMAGE, "run", disk, "--tpm", self.tpm, "--console",
             self.console_file, "--port-file", port_file, "--time-limit",
             str(BOOT_S), *options, *(["--", *more] if more else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        while not (os.path.exists(port_file) and os.path.getsize(port_file)):
            if self.process.poll() is not None:
                raise RuntimeError(self.process.stdout.read())
            time.sleep(0.05)
        with open(port_file, encoding="ascii") as f:
            self.port = int(f.read())
        self.address = f"127.0.0.1:{self.port}"

    def console(self):
        with open(self.console_file, encoding="utf-8",
                  errors="replace") as f:
            return f.read()

    def runs(self):
        return self.process.poll() is None

    def get(self, target):
        """(status, body), or None where nobody answers yet"""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        c = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30,
                                        context=context)
        try:
            c.request("GET", target)
            r = c.getresponse()
            return r.status, r.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            c.close()

    def attestation(self):
        """what its agent answers, once it does"""
        while self.runs():
            answer = self.get("/attestation?nonce=" + secrets.token_hex(32))
            if answer:
                assert answer[0] == 200, answer
                self.up_s = time.time() - self.began
                return json.loads(answer[1])
            time.sleep(0.2)
        raise RuntimeError("it ended: " + self.process.stdout.read() +
                           self.console()[-2000:])

    def wait_console(self, text):
        """until the console shows the text, or it ended"""
        while text not in self.console():
            if not self.runs():
                return text in self.console()
            time.sleep(0.2)
        return True

    def end(self):
        if self.runs():
            self.process.terminate()
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


class Registry:
    """aicert-registry on loopback, until end()"""

    def __init__(self, folder):
        program = os.path.join(BIN, "aicert-registry")
        must(program, "init", folder, "--origin", "log.example.org")
        self.process = subprocess.Popen(
            [program, "serve", folder, "--listen", "127.0.0.1:0",
             "--accept-unwitnessed-start"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if "http://" in line:
                self.url = "http://" + line.split("http://")[1].split()[0]
                break
        self.keys = os.path.join(folder, "log-keys")
        self.to = ["--registry", self.url, "--log-keys", self.keys]

    def revocations(self):
        """the snapshot, once it has one"""
        for _ in range(600):
            try:
                with urllib.request.urlopen(
                        self.url + "/api/v1/revocations", timeout=60) as r:
                    text = r.read()
            except urllib.error.HTTPError:
                text = b"" # none is stated yet
            if text.count(b"\n") >= 2:
                return text
            time.sleep(0.1)
        raise RuntimeError("no revocation is stated")

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def pcrs(attestation):
    return attestation["quote"]["pcrs"]


def publish_release(folder, image, key):
    """a signed release of the image, and its D"""
    os.makedirs(folder)
    said = must(AICERT, "sign", folder, "--key", key, "--statement",
                os.path.join(image, "release.json"), "--json")
    return (os.path.join(folder, "aicert.jsonl"),
            json.loads(said)["statement"])


def policy(path, tpm, builder, release_d, values, *options):
    """a policy that trusts what it is told: the firmware's PCRs included"""
    text = must(AICERT, "policy", "init", "--builder", f"me={builder}.pub",
                "--ak-root", f"{tpm}/root.pem,simulated", "--image",
                f"aicert={release_d}", *options)
    for i in "01357":
        text += f"pcr {i} {values[i]}\n"
    if "quorum none" not in text:
        text += "quorum none\n"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def unbase64(text):
    return base64.b64decode(text, validate=True)
