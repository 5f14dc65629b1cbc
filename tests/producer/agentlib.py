"""A live agent for the tests: a simulated TPM, aicert-producer on a free port,
and requests to it as curl makes them."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

BIN = os.environ["AICERT_BIN"]
AICERT = os.path.join(BIN, "aicert")
PRODUCER = os.path.join(BIN, "aicert-producer")

for tool in ("swtpm", "bwrap", "curl", "openssl"):
    if not shutil.which(tool):
        print("skipped: %s is not installed" % tool)
        sys.exit(77)

JOB = """version: 2
trainer: command
command: [sh, -c, '%s']
inputs: []
outputs: ['*.bin']
"""


def run(*words, **kwargs):
    return subprocess.run(words, capture_output=True, text=True, timeout=300,
                          **kwargs)


def must(*words, **kwargs):
    end = run(*words, **kwargs)
    if end.returncode != 0:
        sys.exit("%s: %s%s" % (" ".join(words), end.stdout, end.stderr))
    return end.stdout


class Tpm:
    """A folder with a simulated TPM, started."""

    def __init__(self, folder):
        self.dir = folder
        must(AICERT, "tpm-sim", "init", folder)
        must(AICERT, "tpm-sim", "start", folder)

    def reset(self):
        must(AICERT, "tpm-sim", "reset", self.dir)

    def stop(self):
        run(AICERT, "tpm-sim", "stop", self.dir)


class Agent:
    """aicert-producer serve, until end()."""

    def __init__(self, work, tpm, **env):
        self.work = tempfile.mkdtemp(dir=work)
        port_file = os.path.join(self.work, "port")
        self.log = open(os.path.join(self.work, "log"), "w+")
        self.process = subprocess.Popen(
            [PRODUCER, "serve", "--tpm-sim", tpm.dir, "--listen",
             "127.0.0.1:0", "--work", self.work, "--port-file", port_file],
            stdout=self.log, stderr=self.log, env={**os.environ, **env})
        until = time.time() + 60
        while not (os.path.exists(port_file) and os.path.getsize(port_file)):
            if self.process.poll() is not None or time.time() > until:
                self.end()
                raise RuntimeError("the agent does not start: " + self.said())
            time.sleep(0.02)
        with open(port_file) as f:
            self.port = int(f.read())
        self.address = "127.0.0.1:%d" % self.port
        self.url = "https://" + self.address

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def curl(self, target, *options, token=None):
        """(status, headers, body) of a request."""
        words = ["curl", "-sk", "-D", "-", "--max-time", "60", *options]
        if token:
            words += ["-H", "Authorization: Bearer " + token]
        end = subprocess.run(words + [self.url + target], capture_output=True,
                             timeout=120)
        head, _, body = end.stdout.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, body = body.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        status = int(lines[0].split()[1]) if lines[0] else 0
        return status, dict(line.lower().split(": ", 1)
                            for line in lines[1:] if ": " in line), body

    def attestation(self, nonce=None):
        status, _, body = self.curl("/attestation?nonce=" +
                                    (nonce or secrets.token_hex(32)))
        assert status == 200, (status, body)
        return json.loads(body)

    def configure(self, token, text, builder="ab" * 32, name="job.yaml"):
        return self.curl("/configuration?name=%s&builder=%s" % (name, builder),
                         "-H", "Content-Type: application/yaml",
                         "--data-binary", text, token=token)

    def start(self, token, note=""):
        return self.curl("/run", "-H", "Content-Type: text/plain",
                         "--data-binary", note, token=token)

    def status(self, token):
        status, _, body = self.curl("/status", "-H",
                                    "Accept: application/json", token=token)
        assert status == 200, (status, body)
        return json.loads(body)

    def await_phase(self, token, *phases):
        until = time.time() + 120
        while time.time() < until:
            now = self.status(token)
            if now["phase"] in phases:
                return now
            time.sleep(0.05)
        raise RuntimeError("still %s" % now)


class Notes:
    """What held and what did not."""

    def __init__(self):
        self.failures = 0

    def __call__(self, name, ok, *found):
        print("ok  " if ok else "FAIL", name, flush=True)
        if not ok:
            self.failures += 1
            print(*found, flush=True)

    def end(self):
        print("failures:", self.failures)
        sys.exit(1 if self.failures else 0)
