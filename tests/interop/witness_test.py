#!/usr/bin/env python3
"""witness_test.py -- witnesses of another family: OmniWitness cosigns our log,
and its load tool, which is a client, finds nothing wrong with our witness.

usage: witness_test.py CACHE: where the programs are built, once.
Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "registry"))
import certs
import golang
import server

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

AUDIT = os.path.join(os.environ.get("AICERT_BIN", "build/debug/bin"),
                     "aicert-audit")


def note_key(name):
    """A new key: the text that Go's note tools read, and our policy's."""
    raw = (serialization.Encoding.Raw,)
    key = ed25519.Ed25519PrivateKey.generate()
    seed = key.private_bytes(*raw, serialization.PrivateFormat.Raw,
                             serialization.NoEncryption())
    public = key.public_key().public_bytes(*raw,
                                           serialization.PublicFormat.Raw)

    def key_id(kind):
        return hashlib.sha256(name.encode() + b"\n" + kind + public
                              ).digest()[:4].hex()

    return ("PRIVATE+KEY+%s+%s+%s" % (name, key_id(b"\1"),
                                      certs.b64(b"\1" + seed)),
            "%s+%s+%s" % (name, key_id(b"\4"), certs.b64(b"\4" + public)))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class OmniWitness:
    """It takes no port 0, so that another program may be faster: try again."""

    def __init__(self, top, vkey):
        secret, self.vkey = note_key("omni.example.org")
        with open(top + "/omni.key", "w") as f:
            f.write(secret)
        with open(top + "/logs.yaml", "w") as f:
            f.write("Logs:\n    - Origin: log.example.org\n"
                    "      PublicKey: %s\n"
                    "      URL: http://log.example.org/\n" % vkey)
        for _ in range(5):
            self.port = free_port()
            self.process = subprocess.Popen(
                [PROGRAMS + "/omniwitness", "--listen",
                 "127.0.0.1:%d" % self.port, "--metrics_listen",
                 "127.0.0.1:%d" % free_port(), "--private_key_path",
                 top + "/omni.key", "--additional_logs", top + "/logs.yaml",
                 "--db_file", top + "/omni.db",
                 "--logtostderr"], stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE)
            if self.answers():
                return
            self.end()
        raise AssertionError("OmniWitness did not start: "
                             + self.said.decode(errors="replace"))

    def answers(self):
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
            except OSError:
                time.sleep(0.01)
        return False

    def end(self):
        self.process.kill()
        self.said = self.process.communicate()[1]


def cosigned_by(note, vkey):
    """Size and time of the head that this witness cosigned; None if not."""
    key = certs.NoteKey(vkey)
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    for line in lines.splitlines():
        _, name, blob = line.split(" ")
        blob = certs.unb64(blob)
        if name == key.name and blob[:4] == key.hash[:4]:
            t = int.from_bytes(blob[4:12], "big")
            key.ed25519.verify(blob[12:], b"cosignature/v1\ntime %d\n" % t
                               + text.encode())
            return int(text.splitlines()[1]), t
    return None


def test_omniwitness_cosigns_our_log():
    r = server.Registry()
    with open(r.dir + "/log-keys") as f:
        vkey = re.search("^log (.*)$", f.read(), re.M)[1].split()[0]
    omni = OmniWitness(r.top, vkey)
    try:
        policy = r.top + "/witnesses"
        with open(policy, "w") as f:
            f.write("log %s\nwitness omni %s http://127.0.0.1:%d\n"
                    "quorum omni\n" % (vkey, omni.vkey, omni.port))
        r.start(args=["--witness-policy", policy])
        for i in range(5):
            reply = r.post(certs.asserted(certs.Key(), "m%d" % i))
            assert reply.status == 200, reply.text()
            seen = cosigned_by(r.get("/checkpoint").text(), omni.vkey)
            assert seen is not None and seen[0] == i + 1, seen
            assert abs(seen[1] - time.time()) < 60
        print("  heads of size 1 to 5, cosigned by "
              + omni.vkey.split("+")[0])
        r.server.terminate()
        r.wait()
        # The same log may not take anything back.
        os.rename(r.dir, r.dir + ".older")
        assert server.run("init", r.dir, "--origin", "log.example.org"
                          ).returncode == 0
        for name in os.listdir(r.dir + ".older"):
            if name.endswith(".key"):
                os.replace(r.dir + ".older/" + name, r.dir + "/" + name)
        r.start(args=["--witness-policy", policy])
        reply = r.post(certs.asserted(certs.Key(), "another past"))
        assert reply.status == 503, reply.text()
        print("  begun again from nothing: %s"
              % json.loads(reply.text())["detail"])
        r.server.kill()
        print("  " + r.wait()[1].strip().splitlines()[-1])
    finally:
        omni.end()
        r.close()


def test_load_tool_satisfied_by_our_witness():
    top = server.tempfile.mkdtemp(prefix="aicert-witness-")
    secret = top + "/witness.key"
    subprocess.run([AUDIT, "witness", "keygen", secret, "--name",
                    "witness.example.org"], check=True,
                   stdout=subprocess.DEVNULL)
    said = subprocess.run([PROGRAMS + "/loadtest", "--log_count", "5"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True).stdout
    logs = []
    for vkey in re.findall(r"PublicKey: (\S+)", said):
        logs += ["--log", vkey]
    assert len(logs) == 10, said
    ours = subprocess.Popen(
        [AUDIT, "witness", "--listen", "127.0.0.1:0", "--state",
         top + "/state", "--key", secret, *logs],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = ours.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert url, line
        # Its other end of a run than success is a wrong answer or a late one.
        for _ in range(2):  # the second goes on where the first ended
            load = subprocess.run(
                [PROGRAMS + "/loadtest", "--target", url[0], "--log_count",
                 "5", "--start_qps", "10", "--success_qps", "14",
                 "--timeout", "20s", "--num_extra_sigs", "3", "--logtostderr"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                timeout=240)
            last = load.stderr.strip().splitlines()[-1]
            assert load.returncode == 0, load.stderr[-2000:]
            print("  " + re.sub(r"^\S+ \S+ +\d+ \S+ ", "", last))
    finally:
        ours.kill()
        ours.communicate()
        server.shutil.rmtree(top)


if __name__ == "__main__":
    if not os.access(server.BIN, os.X_OK):
        golang.skip("%s is not built" % server.BIN)
    PROGRAMS = golang.build("go_witness", os.path.abspath(sys.argv[1]), "tool")
    server.main([test_omniwitness_cosigns_our_log,
                 test_load_tool_satisfied_by_our_witness])
