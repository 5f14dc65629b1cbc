"""aicert-producer, asked by strangers and by its owner with curl and openssl:
who may ask what, one clear answer to each bad request, and the attestation
checked with tools that share no code with it."""

import base64
import hashlib
import http.server
import json
import os
import secrets
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

from agentlib import JOB, PRODUCER, Agent, Notes, Tpm, must, run

note = Notes()
work = tempfile.mkdtemp(prefix="aicert-agent-")
tpm = Tpm(os.path.join(work, "tpm"))


class Blob(http.server.BaseHTTPRequestHandler):
    """What an object store does with a signed URL."""

    def log_message(self, *args):
        pass

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        put.append((self.path, self.headers.get("x-ms-blob-type"), body))
        self.send_response(403 if "bad" in self.path else 201)
        self.send_header("Content-Length", "0")
        self.end_headers()


put = [None]
must("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
     "ec_paramgen_curve:P-256", "-nodes", "-keyout", work + "/blob.key",
     "-out", work + "/blob.pem", "-subj", "/CN=localhost", "-addext",
     "subjectAltName=IP:127.0.0.1", "-days", "30")
store = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blob)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(work + "/blob.pem", work + "/blob.key")
store.socket = context.wrap_socket(store.socket, server_side=True)
threading.Thread(target=store.serve_forever, daemon=True).start()
blob = "https://127.0.0.1:%d/" % store.server_address[1]
agent = Agent(work, tpm, CURL_CA_BUNDLE=work + "/blob.pem",
              no_proxy="127.0.0.1")
token, other = secrets.token_hex(32), secrets.token_hex(32)


def problem(reply, status, name):
    """Is it an RFC 9457 refusal of that name?"""
    got, headers, body = reply
    try:
        p = json.loads(body)
    except ValueError:
        return False
    return got == status == p["status"] and \
        headers.get("content-type") == "application/problem+json" and \
        p["type"].endswith("/problem/agent/" + name) and p["title"] and \
        p["detail"]


def bad(name, reply, status, kind):
    note(name, problem(reply, status, kind), reply)


# ---- the attestation, by openssl alone ----

def public_key_of_peer():
    """The SPKI of the TLS key, as openssl s_client sees it."""
    pem = subprocess.run(["openssl", "s_client", "-connect", agent.address],
                         input=b"", capture_output=True, timeout=60).stdout
    der = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=pem,
                         capture_output=True, check=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"],
                          input=der, capture_output=True, check=True).stdout


def rsa_key(path, public):
    """The AK of a TPMT_PUBLIC as PEM: RSA 2048, from openssl's own encoder."""
    modulus = public[-256:]
    with open(path + ".asn1", "w") as f:
        f.write("asn1=SEQUENCE:spki\n[spki]\nalg=SEQUENCE:alg\n"
                "key=BITWRAP,SEQUENCE:key\n[alg]\noid=OID:rsaEncryption\n"
                "null=NULL\n[key]\nn=INTEGER:0x%s\ne=INTEGER:65537\n" %
                modulus.hex())
    must("openssl", "asn1parse", "-genconf", path + ".asn1", "-noout", "-out",
         path + ".der")
    must("openssl", "pkey", "-pubin", "-inform", "DER", "-in", path + ".der",
         "-out", path)


def check_attestation(doc, nonce, spki):
    """What a stranger finds wrong with it; None: nothing."""
    quote = doc["quote"]
    attest = base64.b64decode(quote["attest"])
    if attest[:6] != b"\xff\x54\x43\x47\x80\x18":
        return "no quote of a TPM"
    n = struct.unpack(">H", attest[6:8])[0]
    at = 8 + n
    n = struct.unpack(">H", attest[at:at + 2])[0]
    extra = attest[at + 2:at + 2 + n]
    if extra != hashlib.sha256(b"AICERT-CHALLENGE-V1\0" + nonce).digest():
        return "the challenge is not this one"
    at += 2 + n + 17 + 8
    if attest[at:at + 10] != bytes.fromhex("00000001000b03fffb00"):
        return "other PCRs are quoted"
    pcrs = b"".join(bytes.fromhex(v) for v in quote["pcrs"].values())
    if attest[at + 12:] != hashlib.sha256(pcrs).digest():
        return "the PCRs are not those"
    key = os.path.join(work, "ak.pem")
    rsa_key(key, base64.b64decode(doc["ak"]["public"]))
    for name, data in (("attest", attest),
                       ("sig", base64.b64decode(quote["signature"])[6:])):
        with open(os.path.join(work, name), "wb") as f:
            f.write(data)
    if run("openssl", "dgst", "-sha256", "-verify", key, "-signature",
           os.path.join(work, "sig"),
           os.path.join(work, "attest")).returncode:
        return "the signature does not hold"
    chain = [base64.b64decode(c) for c in doc["ak"]["certChain"]]
    for i, der in enumerate(chain):
        with open(os.path.join(work, "c%d.pem" % i), "wb") as f:
            f.write(subprocess.run(["openssl", "x509", "-inform", "DER"],
                                   input=der, capture_output=True,
                                   check=True).stdout)
    if run("openssl", "verify", "-x509_strict", "-CAfile",
           os.path.join(tpm.dir, "root.pem"), "-untrusted",
           os.path.join(work, "c1.pem"),
           os.path.join(work, "c0.pem")).returncode:
        return "the chain does not lead to the root"
    if must("openssl", "x509", "-in", os.path.join(work, "c0.pem"),
            "-pubkey", "-noout") != open(key).read():
        return "the AK is not the certified one"
    if base64.b64decode(doc["tlsKey"]) != spki:
        return "the peer has another key"
    for pcr, lines in ((14, doc["inputsLog"]), (8, doc["outputsLog"]),
                       (15, None)):
        at = bytes(32)
        for line in [spki] if lines is None else \
                [text.encode() for text in lines]:
            at = hashlib.sha256(at + hashlib.sha256(line).digest()).digest()
        if at.hex() != quote["pcrs"][str(pcr)]:
            return "PCR %d does not replay" % pcr
    return None


def stranger(name, wanted, doc, nonce, spki):
    found = check_attestation(doc, bytes.fromhex(nonce), spki)
    note("a stranger's script: " + name, found == wanted, found)


spki = public_key_of_peer()
nonce = secrets.token_hex(32)
first = agent.attestation(nonce)
stranger("the attestation holds", None, first, nonce, spki)
stranger("another nonce does not", "the challenge is not this one", first,
         secrets.token_hex(32), spki)
stranger("another key does not", "the peer has another key", first, nonce,
         spki[:-1] + bytes([spki[-1] ^ 1]))
raw = base64.b64decode(first["quote"]["attest"])
note("what is quoted is never the nonce itself",
     bytes.fromhex(nonce) not in raw)
note("before a configuration PCRs 8 and 14 are zero",
     first["quote"]["pcrs"]["8"] == first["quote"]["pcrs"]["14"] == "00" * 32
     and first["inputsLog"] == [])

# ---- strangers ----

for target in ("/status", "/certificate", "/outputs", "/outputs/a.bin"):
    bad("without a token: " + target, agent.curl(target), 401, "token")
    bad("with a made-up token: " + target, agent.curl(target, token=other),
        401, "token")
bad("a run before a configuration", agent.start(other), 401, "token")
note("a 401 says how", agent.curl("/status")[1].get("www-authenticate") ==
     "bearer")

# ---- bad requests, before there is a configuration ----

job = JOB % "echo begun; while [ ! -e go ]; do sleep 0.1; done; " \
    "head -c 70000 /dev/zero >a.bin"
bad("an unknown path", agent.curl("/admin"), 404, "not-found")
bad("a path that climbs", agent.curl("/outputs/../status", "--path-as-is",
                                     token=other), 401, "token")
bad("a wrong method", agent.curl("/attestation?nonce=" + nonce, "-X", "PUT"),
    405, "method")
for name, value in (("none", ""), ("short", "?nonce=abcd"),
                    ("upper case", "?nonce=" + "AB" * 32),
                    ("two", "?nonce=" + "ab" * 32 + "&nonce=" + "ab" * 32),
                    ("one more argument", "?nonce=" + "ab" * 32 + "&x=1")):
    bad("a nonce that is none: " + name, agent.curl("/attestation" + value),
        400, "argument")
where = "/configuration?name=job.yaml&builder=" + "ab" * 32
yaml = ["-H", "Content-Type: application/yaml", "--data-binary"]
time.sleep(2)  # strangers are answered at a rate
bad("a configuration without a token", agent.curl(where, *yaml, job), 401,
    "token")
bad("a token that is none", agent.configure("xyz", job), 401, "token")
bad("a wrong content type", agent.curl(
    where, "-H", "Content-Type: text/html", "--data-binary", job,
    token=token), 415, "media-type")
bad("a configuration of no form", agent.configure(token, "{{{"), 422,
    "configuration")
bad("an unknown key", agent.configure(token, job + "colour: red\n"), 422,
    "configuration")
bad("an input on the builder's own machine", agent.configure(
    token, job.replace("inputs: []", "inputs:\n  - {name: a, type: file, uri: "
                       "/etc/hosts, role: dataset, pin: 'sha256:%s'}" %
                       ("ab" * 32))), 422, "configuration")
with open(os.path.join(work, "big"), "w") as f:
    f.write("#" * 300000)
bad("an oversized configuration", agent.configure(token, "@" + f.name), 413,
    "too-large")
bad("a builder that is none", agent.configure(token, job, builder="zz"), 400,
    "argument")
bad("a name with a slash", agent.configure(token, job, name="a%2fb"), 400,
    "argument")
end = run("curl", "-sk", "--tls-max", "1.2", agent.url + "/status")
note("TLS 1.2 is refused", end.returncode == 35, end.returncode)


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(
        ("127.0.0.1", agent.port), timeout=90))


def ends(name, data, wrap=True):
    """Half a request: the connection ends, by itself and in time."""
    s = tls() if wrap else socket.create_connection(
        ("127.0.0.1", agent.port), timeout=90)
    began = time.time()
    s.sendall(data)
    try:
        got = s.recv(4096)
        while got and s.recv(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        got = b""
    took = time.time() - began
    note("%s: ended after %.0f s" % (name, took), took < 80 and
         not got.startswith(b"HTTP/1.1 2"), got)
    s.close()


threads = []
for name, data, wrap in (
        ("half a request line", b"GET /att", True),
        ("half a header", b"GET /status HTTP/1.1\r\nHost: x\r\nAut", True),
        ("half a body", b"POST /configuration?name=a&builder=" + b"ab" * 32 +
         b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/yaml\r\n"
         b"Authorization: Bearer " + b"cd" * 32 +
         b"\r\nContent-Length: 1000\r\n\r\nversion", True),
        ("nothing", b"", True),
        ("no TLS", b"GET / HTTP/1.1\r\n\r\n", False)):
    threads.append(threading.Thread(target=ends, args=(name, data, wrap)))
    threads[-1].start()
for thread in threads:
    thread.join()
now = agent.attestation(nonce)
note("none of that changed anything", now["inputsLog"] == [] and
     now["quote"]["pcrs"] == first["quote"]["pcrs"], now)

# ---- the owner, and a stranger beside him ----

status, _, body = agent.configure(token, job)
note("a configuration is taken", status == 201, status, body)
bad("a second one, by a stranger", agent.configure(other, job), 409, "taken")
bad("a second one, by the owner", agent.configure(token, job), 409, "taken")
bad("a run by a stranger", agent.start(other), 401, "token")
bad("a status for a stranger", agent.curl("/status", token=other), 401,
    "token")
bad("a certificate before it exists", agent.curl("/certificate", token=token),
    404, "not-yet")
bad("an upload before there is something", agent.curl(
    "/upload?path=a.bin", "-H", "Content-Type: text/plain", "--data-binary",
    blob, token=token), 404, "not-yet")
bad("outputs before they exist", agent.curl("/outputs", token=token), 404,
    "not-yet")
bad("a checkpoint that is none", agent.start(token, "hello"), 422,
    "checkpoint")
bad("an oversized checkpoint", agent.start(token, "@" + os.path.join(
    work, "big")), 413, "too-large")
status, _, body = agent.start(token)
note("the run begins", status == 202, status, body)
bad("a second run", agent.start(token), 409, "running")
agent.await_phase(token, "training")
nonce = secrets.token_hex(32)
stranger("an attestation while it trains", None, agent.attestation(nonce),
         nonce, spki)
folder = [os.path.join(agent.work, d) for d in os.listdir(agent.work)
          if d.startswith("build-")][0]
open(os.path.join(folder, "workspace", "go"), "w").close()
agent.await_phase(token, "done")
status, headers, body = agent.curl("/certificate", token=token)
result = {k: base64.b64decode(v) for k, v in json.loads(body).items()}
s = json.loads(result["provenance"])
note("the certificate is there, unsigned", status == 200 and
     sorted(result) == ["evidence", "oms", "provenance"], status)
note("and says whose it is", s["predicate"]["buildDefinition"][
    "externalParameters"]["builderKey"] == "ab" * 32, s)
evidence = json.loads(result["evidence"])["predicate"]
note("and which key the machine had",
     base64.b64decode(evidence["tlsKey"]) == spki)
bad("a certificate for a stranger", agent.curl("/certificate", token=other),
    401, "token")
files = json.loads(agent.curl("/outputs", token=token)[2])["files"]
note("the list of outputs", [f["path"] for f in files] == ["a.bin"] and
     files[0]["bytes"] == 70000, files)
status, headers, body = agent.curl("/outputs/a.bin", token=token)
note("an output, with its digests", status == 200 and body == bytes(70000) and
     headers["etag"] == '"%s"' % hashlib.sha256(body).hexdigest() and
     headers["repr-digest"].split(":")[1] == base64.b64encode(
         hashlib.sha256(body).digest()).decode().lower(), headers)
status, headers, body = agent.curl("/outputs/a.bin", "-r", "69990-",
                                   token=token)
note("the end of it", status == 206 and len(body) == 10 and
     headers["content-range"] == "bytes 69990-69999/70000", headers)
bad("what is behind the end", agent.curl("/outputs/a.bin", "-r", "70000-",
                                         token=token), 416, "range")
for path in ("b.bin", "go", "%2e%2e/x", "a.bin%00", "a.bin/", "/etc/passwd"):
    reply = agent.curl("/outputs/" + path, "--path-as-is", token=token)
    note("no output: " + path, problem(reply, 404, "not-found") or
         problem(reply, 400, "argument"), reply)

# ---- an output on its way to a signed URL ----

def upload(url, path="a.bin", token=token):
    return agent.curl("/upload?path=" + path, "-H", "Content-Type: text/plain",
                      "--data-binary", url, token=token)


def uploaded(url):
    reply = upload(url)
    note("an upload begins", reply[0] == 202, reply)
    until = time.time() + 60
    while time.time() < until:
        now = agent.status(token)["upload"]
        if now["state"] != "running":
            return now
        time.sleep(0.05)


now = uploaded(blob + "models/a.bin?sv=2022-11-02&sr=c&sig=secret%3D")
note("to Azure Blob: a BlockBlob", now == {"path": "a.bin", "state": "done"} and
     put[-1] == ("/models/a.bin?sv=2022-11-02&sr=c&sig=secret%3D", "BlockBlob",
                 bytes(70000)), now, put[-1])
now = uploaded(blob + "bucket/a.bin?X-Amz-Signature=secret")
note("to S3: as it is", now["state"] == "done" and
     put[-1][1] is None, now)
now = uploaded(blob + "bad?X-Amz-Signature=secret")
note("refused there: said so, without the URL", now["state"] == "failed" and
     "403" in now["text"] and "secret" not in now["text"], now)
bad("not by HTTPS", upload("http://127.0.0.1/a"), 400, "argument")
bad("no such output", upload(blob, "b.bin"), 404, "not-found")
bad("by a stranger", upload(blob, token=other), 401, "token")

# ---- events ----

events = run("curl", "-skN", "--max-time", "2", "-H",
             "Authorization: Bearer " + token, agent.url + "/status").stdout
again = run("curl", "-skN", "--max-time", "2", "-H", "Last-Event-ID: 4", "-H",
            "Authorization: Bearer " + token, agent.url + "/status").stdout
note("events from the beginning", events.startswith("id: 1\nevent: phase\n")
     and '"line":"begun"' in events and '"phase":"done"' in events, events)
note("events from where one left off", again.startswith("id: 5\n") and
     events.endswith(again), again)

# ---- a flood ----

flood = subprocess.run(
    ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}\n"] +
    [agent.url + "/attestation?nonce=" + nonce] * 1 +
    ["--next", "-sk", "-o", "/dev/null", "-w", "%{http_code}\n",
     agent.url + "/status"] * 80, capture_output=True, text=True).stdout
note("strangers who ask too often hear 429", "429" in flood and
     "401" in flood, flood)
note("their owner is answered all the same",
     agent.status(token)["phase"] == "done")

note("one boot is for one build: a second start refuses",
     run(PRODUCER, "serve", "--tpm-sim", tpm.dir, "--listen", "127.0.0.1:0",
         "--work", work).returncode == 1)
note("it stays up, and ends in order", agent.end() == 0, agent.said())
note("nothing of the build is left", not [
    d for d in os.listdir(agent.work) if d.startswith("build-")])
tpm.stop()
shutil.rmtree(work)
note.end()
