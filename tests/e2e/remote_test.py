"""Builds on another machine, attacked on their way: each attack against a live
agent ends the connection before one byte of the configuration is sent, and the
message names the check.  Then the network fails at every phase, the builder
leaves and comes back, and the certificate is the same bytes."""

import base64
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.environ["AICERT_SOURCE"], "tests",
                                "producer"))
from agentlib import AICERT, BIN, Agent, Notes, Tpm, must, run

for tool in ("tpm2_quote", "tpm2_pcrextend"):
    if not shutil.which(tool):
        print("skipped: tpm2-tools are not installed")
        sys.exit(77)
note = Notes()
work = tempfile.mkdtemp(prefix="aicert-remote-")
n = 0


def path(name):
    return os.path.join(work, name)


# A configuration that cannot be overlooked on the wire.
JOB = "#" + "secret" * 16000 + """
version: 2
trainer: command
command: [sh, -c, 'for i in 1 2 3 4 5 6 7 8; do echo step $i; sleep 0.25; done;
  head -c 3000000 /dev/urandom >m.bin']
inputs: []
outputs: ['*.bin']
"""
with open(path("job.yaml"), "w") as f:
    f.write(JOB)
must(AICERT, "keygen", path("key"))


def policy(name, tpm, *more, lines=""):
    """A policy that trusts that TPM; returns its path."""
    text = must(AICERT, "policy", "init", "--builder", "me=" + path("key.pub"),
                "--quorum-none", "--tpm-sim", tpm.dir, *more)
    with open(path(name), "w") as f:
        f.write(text + lines)
    return f.name


def build(address, trust, wait=True, out=None, **env):
    global n
    n += 1
    words = [AICERT, "build", path("job.yaml"), "--key", path("key"),
             "--remote", address, "--policy", trust, "--out",
             out or path("out%d" % n)]
    env = {**os.environ, "no_proxy": "127.0.0.1", **env}
    if not wait:
        return subprocess.Popen(words, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=env)
    return run(*words, env=env)


def spki_of(certificate):
    pem = must("openssl", "x509", "-in", certificate, "-pubkey", "-noout")
    return subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"],
                          input=pem.encode(), capture_output=True,
                          check=True).stdout


must("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
     "ec_paramgen_curve:P-256", "-nodes", "-keyout", path("mitm.key"), "-out",
     path("mitm.pem"), "-subj", "/CN=mitm", "-days", "30")
mitm_spki = spki_of(path("mitm.pem"))


class Middle:
    """A server with a key of its own that answers challenges by answer(nonce),
    and writes down everything else that it is asked."""

    def __init__(self, answer):
        self.answer = answer
        self.greeted, self.others = 0, b""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path("mitm.pem"), path("mitm.key"))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(plain,),
                             daemon=True).start()

    def talk(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as s:
                self.exchange(s)
        except (OSError, ssl.SSLError):
            pass

    def exchange(self, s):
        data = b""
        while True:
            more = s.recv(65536)
            if not more:
                break
            data += more
            self.others = data
            if b"\r\n\r\n" not in data:
                continue
            head, _, rest = data.partition(b"\r\n\r\n")
            target = head.split(b" ")[1].decode()
            if not target.startswith("/attestation?nonce=") or rest:
                break
            self.greeted += 1
            body = json.dumps(self.answer(target.split("=")[1]),
                              separators=(",", ":")).encode()
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n" % len(body) + body)
            data = self.others = b""
        s.settimeout(10)
        while data and len(data) < 90000:
            more = s.recv(65536)
            if not more:
                break
            data += more
            self.others = data


def attack(name, answer, trust, says):
    middle = Middle(answer)
    end = build(middle.address, trust)
    note("%s: refused (%s)" % (name, says), end.returncode == 1 and
         says in end.stderr and "was sent nothing more" in end.stderr, end)
    note("%s: not one byte more" % name, middle.greeted >= 1 and
         middle.others == b"", middle.greeted, middle.others[:300])
    note("%s: nothing is left here" % name, not [
        p for p in os.listdir(work) if p.startswith("out%d" % n)])
    middle.socket.close()


a, b, c = (Tpm(path(x)) for x in "abc")
trust_a = policy("trust-a", a, "--unmeasured-boot")
trust_c = policy("trust-c", c, "--unmeasured-boot")
leaf = hashlib.sha256(spki_of(os.path.join(a.dir, "ak-chain.pem"))).hexdigest()
agent = Agent(work, a)
other = Agent(work, b)

# ---- a live agent behind somebody ----

attack("a proxy with its own key", agent.attestation, trust_a,
       "step 14, events replay to the PCRs: the key of this connection is not "
       "the one in PCR 15")


def swapped(nonce):
    doc = agent.attestation(nonce)
    doc["tlsKey"] = base64.b64encode(mitm_spki).decode()
    return doc


attack("a swapped TLS key", swapped, trust_a,
       "step 14, events replay to the PCRs: the events do not replay to PCR 15")
both = policy("trust-ab", a, "--unmeasured-boot", lines="ak-root %s other "
              "simulated unmeasured-boot\nvm %s\n" % (hashlib.sha256(
                  subprocess.run(["openssl", "x509", "-in", os.path.join(
                      b.dir, "root.pem"), "-outform", "DER"],
                      capture_output=True, check=True).stdout).hexdigest(),
                      leaf))
attack("a quote relayed from another machine", other.attestation, both,
       "is on no vm line")
attack("an AK of an untrusted root", other.attestation, trust_a,
       "step 8, AK certificate chain")
old = agent.attestation(secrets.token_hex(32))
attack("a replayed quote", lambda nonce: old, trust_a,
       "step 10, quotes: the quote answers another challenge")


def changed(nonce):
    doc = agent.attestation(nonce)
    doc["quote"]["pcrs"]["4"] = "11" * 32
    return doc


attack("a PCR that was not quoted", changed, trust_a, "step 10, quotes: ")
attack("no JSON at all", lambda nonce: "hello", trust_a,
       "what it shows of itself is")

# ---- a machine that is not as it should be: a TPM, asked by tpm2-tools ----

tcti = must(AICERT, "tpm-sim", "reset", c.dir).strip()
env = {**os.environ, "TPM2TOOLS_TCTI": tcti}
PCRS = "sha256:" + ",".join(str(i) for i in range(16) if i != 10)


def extend(pcr, data):
    must("tpm2_pcrextend", "%d:sha256=%s" % (pcr, hashlib.sha256(
        data).hexdigest()), env=env)


def quoted(extra):
    """What an agent on c would answer, with that extraData."""
    must("tpm2_quote", "-c", "0x81000003", "-l", PCRS, "-q", extra, "-m",
         path("m"), "-s", path("s"), env=env)
    must("tpm2_readpublic", "-c", "0x81000003", "-f", "tss", "-o",
         path("pub"), env=env)
    text = must("tpm2_pcrread", PCRS, env=env)
    pcrs = {line.split(":")[0].strip(): line.split("0x")[1].lower()
            for line in text.splitlines() if "0x" in line}
    pem = open(os.path.join(c.dir, "ak-chain.pem")).read()
    chain = [part.split("-----END")[0].replace("\n", "")
             for part in pem.split("CERTIFICATE-----\n")[1::2]]

    def b64(name, skip=0):
        with open(path(name), "rb") as f:
            return base64.b64encode(f.read()[skip:]).decode()
    return {"quote": {"when": "challenge", "attest": b64("m"),
                      "signature": b64("s"), "pcrs": pcrs},
            "ak": {"public": b64("pub", 2), "certChain": chain},
            "inputsLog": [], "outputsLog": [],
            "tlsKey": base64.b64encode(mitm_spki).decode()}


def tagged(nonce):
    return quoted(hashlib.sha256(b"AICERT-CHALLENGE-V1\0" +
                                 bytes.fromhex(nonce)).hexdigest())


extend(15, mitm_spki)
middle = Middle(tagged)
end = build(middle.address, trust_c)
note("the same machine is let in where all is right (so the rest is what is "
     "refused)", b"POST /configuration" in middle.others and
     b"secretsecret" in middle.others, end, middle.others[:200])
middle.socket.close()
for left in ("out%d.remote" % n,):
    if os.path.exists(path(left)):
        os.unlink(path(left))
attack("a quote over a raw nonce", quoted, trust_c,
       "step 10, quotes: the quote is over the bare nonce, without the tag")
extend(14, b"something")
attack("something in PCR 14 that nobody names", tagged, trust_c,
       "step 14, events replay to the PCRs: the events do not replay to PCR 14")
must(AICERT, "tpm-sim", "reset", c.dir)
extend(15, mitm_spki)
extend(8, b"outputs of another run")
attack("something in PCR 8", tagged, trust_c,
       "step 14, events replay to the PCRs: the events do not replay to PCR 8")
must(AICERT, "tpm-sim", "reset", c.dir)
extend(15, mitm_spki)
extend(4, b"another image")
attack("a wrong PCR: another image was booted", tagged,
       policy("strict", c), "step 12, boot log: PCR 4 is ")

# ---- clocks ----

must(os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-o",
     path("clock.so"), os.path.join(os.environ["AICERT_SOURCE"], "tests",
                                    "support", "clock.c"))
with open(path("offset"), "w") as f:
    f.write(str(-int(time.time()) + 1000))
if "asan" in run("ldd", AICERT).stdout:
    print("skipped: a client with a clock of 1970: sanitizers allow no "
          "preloading")
else:
    end = build(agent.address, trust_a, LD_PRELOAD=path("clock.so"),
                CLOCK_FILE=f.name)
    note("a client with a clock of 1970: one clear answer", end.returncode == 1
         and "step 8, AK certificate chain" in end.stderr, end)
note("none of it changed anything", agent.attestation()["inputsLog"] == [])

# ---- a stranger was first ----

other.configure(secrets.token_hex(32), JOB)
end = build(other.address, policy("trust-b", b, "--unmeasured-boot"))
note("a stranger was first: seen, and nothing is sent", end.returncode == 1 and
     "somebody else has sent this machine a configuration" in end.stderr, end)
other.end()


# ---- the network ----

class Wire:
    """A TCP proxy that counts, and that tears connections."""

    def __init__(self, port):
        self.port, self.up, self.down = port, [], []
        self.budget = None  # bytes of a connection's answers; None: all
        self.pairs = []
        self.on_answer = None
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                client.close()
                continue
            i = len(self.up)
            self.up.append(0)
            self.down.append(0)
            self.pairs.append((client, server))
            for counts, x, y in ((self.up, client, server),
                                 (self.down, server, client)):
                threading.Thread(target=self.carry, args=(counts, i, x, y),
                                 daemon=True).start()

    def carry(self, counts, i, x, y):
        try:
            while True:
                data = x.recv(16384)
                if not data:
                    break
                counts[i] += len(data)
                if counts is self.down and self.budget and \
                        counts[i] > self.budget:
                    break
                if counts is self.down and self.on_answer:
                    self.on_answer(self, i, data)
                y.sendall(data)
        except OSError:
            pass
        for s in (x, y):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def tear(self):
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


# A machine that is restarted once it was attested.
wire = Wire(agent.port)
rebooted = threading.Event()


def reboot(wire, i, data):
    """The answer to the challenge goes through; then the machine is gone."""
    global agent
    if rebooted.is_set() or wire.down[i] < 4000:
        return
    rebooted.set()
    wire.pairs[i][0].sendall(data)
    wire.tear()
    agent.end()
    a.reset()
    agent = Agent(work, a)
    wire.port = agent.port
    raise OSError("torn")


wire.on_answer = reboot
end = build(wire.address, trust_a)
note("restarted between attestation and configuration: refused",
     end.returncode == 1 and rebooted.is_set() and
     "another TLS key than on the first connection" in end.stderr, end)
note("restarted: no configuration on any connection", len(wire.up) > 1 and
     max(wire.up[1:]) < 4000, wire.up)
note("restarted: the new boot has none", agent.attestation()["inputsLog"] == [])
wire.socket.close()
for left in os.listdir(work):
    if left.startswith("out"):
        os.unlink(path(left))

# Torn at every phase, every 400 kB and every half second.
wire = Wire(agent.port)
wire.budget = 400000
out = path("model")
process = build(wire.address, trust_a, wait=False, out=out)
stop = threading.Event()


def tearing():
    while not stop.wait(0.5):
        wire.tear()


tearer = threading.Thread(target=tearing)
tearer.start()
try:
    said = process.communicate(timeout=240)
finally:
    stop.set()
    tearer.join()
note("a network that fails at every phase: the build goes on",
     process.returncode == 0 and len(wire.up) > 5, said, wire.up)
note("and every line of the training was seen once, in order",
     [line for line in said[1].splitlines() if line.startswith("  | ")] ==
     ["  | step %d" % i for i in range(1, 9)], said)
wire.socket.close()


def payloads(folder):
    with open(os.path.join(folder, "aicert.jsonl")) as f:
        return [base64.b64decode(json.loads(line)["dsseEnvelope"]["payload"])
                for line in f]


def same_bytes(name, agent, token, folder):
    told = json.loads(agent.curl("/certificate", token=token)[2])
    note(name, payloads(folder) == [base64.b64decode(told[k]) for k in (
        "provenance", "evidence")])


end = run(os.path.join(BIN, "aicert-verify"), "--policy", trust_a, out)
note("what came verifies but for the log", end.returncode == 1 and
     "aicert publish" in end.stdout + end.stderr, end)
note("and no state is left", not os.path.exists(out + ".remote") and
     not os.path.exists(out + ".partial"))
agent.end()

# ---- leaving, and coming back ----

a.reset()
agent = Agent(work, a)
out = path("again")
process = build(agent.address, trust_a, wait=False, out=out)
for line in process.stderr:
    if "step 2" in line:
        break
with open(out + ".remote") as f:
    token = json.load(f)["token"]
note("the way back is the builder's alone",
     os.stat(out + ".remote").st_mode & 0o777 == 0o600)
process.send_signal(signal.SIGINT)
said = process.communicate(timeout=60)[1]
note("Ctrl-C leaves the build to itself", process.returncode == 1 and
     "aicert attach" in said and not os.path.exists(out), said)
note("and it goes on", agent.status(token)["phase"] in ("training", "outputs",
                                                        "done"))
agent.await_phase(token, "done")
end = run(AICERT, "attach", out, "--upload-to",
          "https://127.0.0.1:1/{path}?sv=1&sig=2")
note("an upload to nowhere fails by name, and the way back stays",
     end.returncode == 1 and "cannot send" in end.stderr and
     "sig=2" not in end.stderr and not os.path.exists(out), end)
end = run(AICERT, "attach", out)
note("aicert attach comes back and fetches it", end.returncode == 0 and
     os.path.exists(os.path.join(out, "m.bin")), end)
same_bytes("the certificate is the same bytes", agent, token, out)
end = run(AICERT, "attach", out)
note("a second time there is nothing to come back to", end.returncode == 1 and
     "that build is done" in end.stderr, end)
end = run(AICERT, "attach", path("never"))
note("and to a build that never was", end.returncode == 1 and
     "no build leads to" in end.stderr, end)
agent.end()

# ---- a job that fails, and one that cannot be built ----

a.reset()
agent = Agent(work, a)
with open(path("job.yaml"), "w") as f:
    f.write(JOB.replace("inputs: []", "inputs:\n  - {name: a, type: file, uri:"
                        " /etc/hosts, role: dataset, pin: 'sha256:%s'}" %
                        ("ab" * 32)))
end = build(agent.address, trust_a)
note("an input of the builder's own machine is refused", end.returncode == 1
     and "lies on the builder's own machine" in end.stderr, end)
with open(path("job.yaml"), "w") as f:
    f.write(JOB.replace("head -c", "exit 7; head -c"))
end = build(agent.address, trust_a)
note("a training that fails is said so", end.returncode == 1 and
     "exit status 7" in end.stderr and not [
         p for p in os.listdir(work) if p.startswith("out%d" % n)], end)
agent.end()
for tpm in (a, b, c):
    tpm.stop()
shutil.rmtree(work)
note.end()
