#!/usr/bin/python3
"""Recomputes a certificate from its files: the whole protocol on a few pages.

usage: strangers.py MODEL_DIR BUILDER_PUB LOG_KEYS AK_ROOT

MODEL_DIR    the model's files, with aicert.jsonl and model.sig among them
BUILDER_PUB  the builder's public key, PEM
LOG_KEYS     the log's keys, the lines "log VKEY" and "log-time VKEY"
AK_ROOT      the certificate of whoever certifies TPM keys, PEM

It shares no code with AICert and decides nothing but whether the arithmetic
holds: which builder, log, TPM maker and boot measurements to trust is a
policy's question. It needs Debian's python3 and python3-cryptography, no
network, and prints one line for each check. Read main() from top to bottom:
each paragraph is one claim, and uses only what those above it established.

Exit code: 0 all checks hold, 1 one does not, 2 wrong usage.
"""

import base64
import contextlib
import datetime
import hashlib
import json
import os
import re
import struct
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.x509.oid import ObjectIdentifier

AICERT = "https://aicert.mithrilsecurity.io"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IGNORED = ["model.sig", "aicert.jsonl", ".cache/huggingface", ".git",
           ".gitattributes", ".github", ".gitignore"]
WEIGHTS = (".safetensors .gguf .bin .pt .pth .ckpt .onnx .h5 .npz .msgpack "
           ".tflite").split()
PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15]  # 10 is IMA's
ZERO = bytes(32)
EKU_AK = ObjectIdentifier("2.23.133.8.3")  # TCG: attestation key certificate

failed = 0


class Wrong(Exception):
    """What was claimed is not so."""


@contextlib.contextmanager
def check(name):
    """One line of the output; what is wrong here stops only this check."""
    global failed
    try:
        yield
        print("ok   " + name)
    except NameError:
        failed += 1
        print("FAIL %s: rests on what failed above" % name)
    except Exception as e:  # anything that malformed input can raise
        failed += 1
        print("FAIL %s: %s: %s" % (name, type(e).__name__, e))


def require(condition, what):
    if not condition:
        raise Wrong(what)


def same(what, got, expected):
    if isinstance(got, bytes) and isinstance(expected, bytes):
        got, expected = got.hex(), expected.hex()
    require(got == expected, "%s is %r, not %r" % (what, got, expected))


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def b64(s):
    data = base64.b64decode(s, validate=True)
    require(base64.b64encode(data).decode() == s, "base64 is not canonical")
    return data


def unjson(s):
    def unique(pairs):
        require(len(dict(pairs)) == len(pairs), "a JSON name occurs twice")
        return dict(pairs)
    return json.loads(s, object_pairs_hook=unique)


def read(path):
    with open(path, "rb") as f:
        return f.read()


# ---- statements: DSSE envelopes in Sigstore bundles ----

def pae(payload):
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(),
                                    len(payload), payload)


class Bundle:
    def __init__(self, line):
        j = unjson(line)
        same("mediaType", j["mediaType"], BUNDLE_TYPE)
        envelope = j["dsseEnvelope"]
        same("payloadType", envelope["payloadType"], PAYLOAD_TYPE)
        same("count of signatures", len(envelope["signatures"]), 1)
        self.hint = j["verificationMaterial"]["publicKey"]["hint"]
        self.entries = j["verificationMaterial"].get("tlogEntries", [])
        self.payload = b64(envelope["payload"])
        self.sig_b64 = envelope["signatures"][0]["sig"]
        self.keyid = envelope["signatures"][0]["keyid"]
        self.d = sha256(pae(self.payload))
        self.statement = unjson(self.payload)
        same("_type", self.statement["_type"],
             "https://in-toto.io/Statement/v1")

    def verify(self, key, hint, keyids):
        same("hint", self.hint, hint)
        if self.keyid not in keyids:
            same("keyid", self.keyid, keyids[0])
        key.verify(b64(self.sig_b64), pae(self.payload),
                   ec.ECDSA(hashes.SHA256()))


# ---- the log: C2SP signed notes over a Merkle tree (RFC 9162) ----

class NoteKey:
    """A vkey: <name>+<key ID>+base64(type, Ed25519 public key)"""

    def __init__(self, vkey, kind):
        self.name, key_id, data = vkey.split("+", 2)
        data = b64(data)
        require(len(data) == 33 and data[0] == kind, "not a key of that type")
        self.hash = sha256(self.name.encode(), b"\n", data)
        same("key ID", key_id, self.hash[:4].hex())
        self.public = ed25519.Ed25519PublicKey.from_public_bytes(data[1:])

    def blobs(self, note):
        """What follows the key ID in this key's signature lines."""
        text, lines = note.rsplit("\n\n", 1)
        for line in lines.splitlines():
            dash, name, blob = line.split(" ")
            same("a signature line's start", dash, "\u2014")
            blob = b64(blob)
            if name == self.name and blob[:4] == self.hash[:4]:
                yield (text + "\n").encode(), blob[4:]

    def verify_note(self, note):
        text, sig = next(self.blobs(note))
        self.public.verify(sig, text)

    def verify_time(self, note):
        """A tlog-cosignature of type 0x04: when its signer saw the note."""
        text, blob = next(self.blobs(note))
        (t,) = struct.unpack(">Q", blob[:8])
        self.public.verify(blob[8:], b"cosignature/v1\ntime %d\n" % t + text)
        return datetime.datetime.utcfromtimestamp(t)


def inclusion_root(leaf, index, size, proof):
    """The tree's root, by RFC 9162 section 2.1.3.2."""
    require(0 <= index < size, "the index is not in the tree")
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        require(sn != 0, "the proof is too long")
        if fn & 1 or fn == sn:
            r = sha256(b"\x01", p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01", r, p)
        fn, sn = fn >> 1, sn >> 1
    require(sn == 0, "the proof is too short")
    return r


def leaf_body(d, sig_b64, spki):
    """Rekor v2's hashedrekord, canonical JSON."""
    e = base64.b64encode
    return (b'{"apiVersion":"0.0.2","kind":"hashedrekord","spec":'
            b'{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"'
            b'%s"},"signature":{"content":"%s","verifier":{"keyDetails":'
            b'"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"%s"}}}}}}'
            % (e(d), sig_b64.encode(), e(spki)))


# ---- the TPM: TPMS_ATTEST of a quote (TPM 2.0 part 2, section 10.12) ----

class Quote:
    def __init__(self, j):
        self.attest = b64(j["attest"])
        self.signature = b64(j["signature"])
        same("the PCRs shown", list(j["pcrs"]), [str(n) for n in PCRS])
        self.pcrs = {int(n): bytes.fromhex(v) for n, v in j["pcrs"].items()}
        self.left = self.attest
        self.magic, self.type = self.take(">IH")
        self.signer = self.sized()
        self.extra = self.sized()
        (self.clock, self.resets, self.restarts, self.safe,
         self.firmware) = self.take(">QIIBQ")
        self.banks, self.alg, octets = self.take(">IHB")
        self.selection = self.take("%ds" % octets)[0]
        self.digest = self.sized()
        same("bytes after the TPMS_ATTEST", self.left, b"")

    def take(self, form):
        n = struct.calcsize(form)
        fields, self.left = struct.unpack(form, self.left[:n]), self.left[n:]
        return fields

    def sized(self):  # a TPM2B
        (n,) = self.take(">H")
        return self.take("%ds" % n)[0]

    def check_form(self):
        same("magic", hex(self.magic), "0xff544347")  # TPM_GENERATED_VALUE
        same("type", hex(self.type), "0x8018")        # TPM_ST_ATTEST_QUOTE
        same("selections", self.banks, 1)
        same("the bank's algorithm", self.alg, 0x000b)  # SHA-256
        mask = sum(1 << n for n in PCRS)
        same("selection", self.selection, mask.to_bytes(3, "little"))
        same("safe", self.safe, 1)

    def verify(self, key):
        same("TPMT_SIGNATURE's head", self.signature[:6],  # RSASSA, SHA-256
             bytes.fromhex("0014000b0100"))
        key.verify(self.signature[6:], self.attest, padding.PKCS1v15(),
                   hashes.SHA256())


def replay(lines):
    pcr = ZERO
    for line in lines:
        pcr = sha256(pcr, sha256(line.encode()))
    return pcr


class Event:
    def __init__(self, line):
        j = unjson(line)
        same("an event's members", list(j), ["event_type", "content"])
        self.type = j["event_type"]
        self.spec, self.resolved = j["content"]["spec"], j["content"]["resolved"]


def model_files(top):
    """(name, digest, size) of every file, in order of code points."""
    found = []
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            rel = os.path.relpath(path, top)
            if any(rel == i or rel.startswith(i + "/") for i in IGNORED):
                continue
            require(os.path.isfile(path) and not os.path.islink(path),
                    "%r is not a regular file" % rel)
            data = read(path)
            found.append((rel, sha256(data).hex(), len(data)))
    return sorted(found)


def check_logged(name, line, spki, log, clock):
    """One statement's place in the log; when the log's clock saw it."""
    with check(name + ": leaf is about this D, signature and key"):
        same("count of log entries", len(line.entries), 1)
        entry = line.entries[0]
        body = b64(entry["canonicalizedBody"])
        same("leaf", body, leaf_body(line.d, line.sig_b64, spki))
        same("kind", entry["kindVersion"],
             {"kind": "hashedrekord", "version": "0.0.2"})
        same("log", b64(entry["logId"]["keyId"]), log.hash)
    with check(name + ": inclusion proof leads to the checkpoint's root"):
        proof = entry["inclusionProof"]
        note = proof["checkpoint"]["envelope"]
        origin, size, head = note.split("\n")[:3]
        same("origin", origin, log.name)
        same("logIndex", proof["logIndex"], entry["logIndex"])
        same("treeSize", proof["treeSize"], size)
        same("rootHash", proof["rootHash"], head)
        same("root", inclusion_root(
            sha256(b"\x00", body), int(entry["logIndex"]), int(size),
            [b64(h) for h in proof["hashes"]]), b64(head))
    with check(name + ": checkpoint's signature by the log"):
        log.verify_note(note)
    with check(name + ": time, by the log's clock key"):
        seen = clock.verify_time(note)
        print("     logged by %sZ at index %s" %
              (seen.isoformat(), entry["logIndex"]))
        return seen


def main(model, builder_pub, log_keys, ak_root):
    # Whom the reader trusts, from outside the model.
    pem = read(builder_pub)
    builder = serialization.load_pem_public_key(pem)
    spki = builder.public_bytes(serialization.Encoding.DER,
                                serialization.PublicFormat.SubjectPublicKeyInfo)
    hint = base64.b64encode(sha256(spki)).decode()
    keys = [line.split() for line in read(log_keys).decode().splitlines()]
    log = NoteKey([k[1] for k in keys if k[:1] == ["log"]][0], 0x01)
    clock = NoteKey([k[1] for k in keys if k[:1] == ["log-time"]][0], 0x04)
    root_cert = x509.load_pem_x509_certificate(read(ak_root))

    # The certificate: line 1 says what was made from what, line 2 carries
    # what a TPM signed about it, model.sig lists the files.
    with check("certificate: two bundles or more, and model.sig"):
        text = read(os.path.join(model, "aicert.jsonl")).decode()
        require(text.endswith("\n"), "the last line does not end")
        one, two = [Bundle(line) for line in text.splitlines()[:2]]
        oms = Bundle(read(os.path.join(model, "model.sig")))
        same("line 1's type", one.statement["predicateType"],
             "https://slsa.dev/provenance/v1")
        same("line 2's type", two.statement["predicateType"],
             AICERT + "/tpm-evidence/v1")
        same("model.sig's type", oms.statement["predicateType"],
             "https://model_signing/signature/v1.0")
    if failed:
        return 1  # there is nothing to read below

    # The files: the manifest names every file and its digest; its root is
    # the digest over the digests, in that order.
    with check("files: as model.sig lists them, none missing, none extra"):
        files = model_files(model)
        listed = oms.statement["predicate"]["resources"]
        same("the list", [(r["name"], r["digest"]) for r in listed],
             [(name, digest) for name, digest, _ in files])
        same("algorithms", {r["algorithm"] for r in listed}, {"sha256"})
        same("serialization", oms.statement["predicate"]["serialization"],
             {"method": "files", "hash_type": "sha256",
              "allow_symlinks": False, "ignore_paths": IGNORED})
    with check("files: OMS root"):
        root = sha256(*[bytes.fromhex(r["digest"]) for r in
                        oms.statement["predicate"]["resources"]]).hex()
        same("model.sig's subject", oms.statement["subject"],
             [{"name": "model", "digest": {"sha256": root}}])
    with check("line 1: its subjects are the root, the manifest, the weights"):
        manifest = hashlib.sha256(oms.payload).hexdigest()
        names = [r["name"] for r in listed]
        kept = [n for n in names if n.endswith(tuple(WEIGHTS))] or names
        weights = [r for r in listed if r["name"] in kept]
        same("subjects", [(s["name"], s["digest"]) for s in
                          one.statement["subject"]],
             [("oms-root", {"sha256": root}),
              ("oms-manifest", {"sha256": manifest})] +
             [(r["name"], {"sha256": r["digest"]}) for r in weights])

    # The builder: one key signs D = SHA-256(PAE(statement)) of all three.
    with check("line 1: builder's signature"):
        print("     D of line 1 is " + one.d.hex())
        one.verify(builder, hint, ["", hint])
    with check("line 2: builder's signature"):
        two.verify(builder, hint, ["", hint])
    with check("model.sig: builder's signature"):
        oms.verify(builder, sha256(pem).hex(), [""])
    with check("line 1: names the builder's key"):
        external = one.statement["predicate"]["buildDefinition"][
            "externalParameters"]
        same("builderKey", external["builderKey"], sha256(spki).hex())

    # The log: everybody sees the same leaf, under a signed tree head.
    check_logged("line 1", one, spki, log, clock)
    seen = check_logged("line 2", two, spki, log, clock)

    # The evidence is about that line 1 and those files.
    with check("evidence: about D of line 1 and the root"):
        evidence = two.statement["predicate"]
        same("subjects", two.statement["subject"],
             [{"name": "provenance", "digest": {"sha256": one.d.hex()}},
              {"name": "oms-root", "digest": {"sha256": root}}])
        same("boundDigest", evidence["boundDigest"], one.d.hex())

    # Whose TPM: a chain to the root, valid when line 2 was logged, to a key
    # that signs nothing but what the TPM itself has to say.
    with check("AK: certificate chain to the root, at the time of logging"):
        chain = [x509.load_der_x509_certificate(b64(c))
                 for c in evidence["ak"]["certChain"]]
        same("the chain's last certificate",
             chain[-1].fingerprint(hashes.SHA256()),
             root_cert.fingerprint(hashes.SHA256()))
        for n, cert in enumerate(chain):
            issuer = chain[min(n + 1, len(chain) - 1)]
            same("issuer", cert.issuer, issuer.subject)
            issuer.public_key().verify(
                cert.signature, cert.tbs_certificate_bytes,
                padding.PKCS1v15(), cert.signature_hash_algorithm)
            require(cert.not_valid_before <= seen <=
                    cert.not_valid_after, "not valid at that time")
            ca = [e.value.ca for e in cert.extensions
                  if isinstance(e.value, x509.BasicConstraints)]
            same("certificate authority", any(ca), n > 0)
            usage = cert.extensions.get_extension_for_class(x509.KeyUsage)
            require(usage.critical and (usage.value.key_cert_sign if n else
                                        usage.value.digital_signature),
                    "the key usage is not right")
        eku = chain[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        require(EKU_AK in list(eku.value), "not for an attestation key")
    with check("AK: restricted signing key of the TPM, the certified one"):
        ak = chain[0].public_key()
        public = b64(evidence["ak"]["public"])
        kind, name_alg, attributes, policy = struct.unpack(">HHIH", public[:10])
        same("TPMT_PUBLIC's type and name", (kind, name_alg), (0x1, 0xb))
        # fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign
        same("attributes", hex(attributes & 0x50032), "0x50032")
        same("decrypt", hex(attributes & 0x20000), "0x0")
        same("parameters and modulus", public[10 + policy:],
             bytes.fromhex("00100014000b0800000000000100") +
             ak.public_numbers().n.to_bytes(256, "big"))

    # What the TPM signed: PCR values, at START and at END, each with a
    # nonce that nobody chose.
    quotes = {}
    for n, when in enumerate(["start", "end"]):
        with check("%s quote: magic, type, selection" % when.upper()):
            same("when", [q["when"] for q in evidence["quotes"]],
                 ["start", "end"])
            quotes[when] = Quote(evidence["quotes"][n])
            quotes[when].check_form()
        with check("%s quote: pcrDigest of the values shown" % when.upper()):
            same("pcrDigest", quotes[when].digest,
                 sha256(*quotes[when].pcrs.values()))
        with check("%s quote: signature by the AK" % when.upper()):
            quotes[when].verify(ak)
    with check("START quote: extraData from configuration and checkpoint"):
        start = quotes["start"]
        internal = one.statement["predicate"]["buildDefinition"][
            "internalParameters"]
        head = b64(internal.get("logCheckpointAtStart", ""))
        same("extraData", start.extra, sha256(
            b"AICERT-START-V1\x00",
            bytes.fromhex(external["config"]["sha256"]), sha256(head)))
    with check("START checkpoint: absent, another log's, or before line 1"):
        origin, size = (head.decode().split("\n") + [""])[:2]
        if origin == log.name:
            log.verify_note(head.decode())
            require(int(size) <= int(one.entries[0]["logIndex"]),
                    "it is later than line 1")
    with check("END quote: extraData from D of line 1"):
        end = quotes["end"]
        same("extraData", end.extra, sha256(b"AICERT-TPM-BIND-V1\x00", one.d))
    with check("quotes: one boot of one TPM, its clock running on"):
        for what in "resets", "restarts", "firmware", "signer":
            same(what, getattr(end, what), getattr(start, what))
        require(start.clock < end.clock, "the clock stood still")

    # What the PCRs say: they are the digest of the logs of events.
    with check("PCR 14 at END is the inputs' log"):
        inputs_log = evidence["inputsLog"]
        same("PCR 14", end.pcrs[14], replay(inputs_log))
    with check("PCR 14 at START is that log before the event start"):
        events = [Event(line) for line in inputs_log]
        at = [e.type for e in events].index("start")
        same("PCR 14", start.pcrs[14], replay(inputs_log[:at]))
        same("attest", events[at].resolved["attest"],
             hashlib.sha256(start.attest).hexdigest())
    with check("PCR 8 is zero at START and the outputs' log at END"):
        same("PCR 8 at START", start.pcrs[8], ZERO)
        same("PCR 8 at END", end.pcrs[8], replay(evidence["outputsLog"]))
    with check("PCR 15 is the TLS key, or zero without one"):
        tls = evidence.get("tlsKey")
        same("PCR 15", end.pcrs[15],
             sha256(ZERO, sha256(b64(tls))) if tls else ZERO)
    with check("every other PCR is the same at START and END"):
        for n in PCRS:
            if n not in (8, 14):
                same("PCR %d" % n, end.pcrs[n], start.pcrs[n])

    # What the events say is what line 1 says, and nothing else happened.
    with check("events: their grammar"):
        order = " ".join(e.type for e in events)
        require(re.fullmatch(
            "configuration( input_image)?( input_resource)* start timing "
            "compute_consumed", order), "order of events: " + order)
        (outputs,) = [Event(line) for line in evidence["outputsLog"]]
        same("PCR 8's event", outputs.type, "outputs")
    with check("events: the request is line 1's externalParameters"):
        same("externalParameters", events[0].spec, external)
        same("resolved", events[0].resolved,
             {"sha256": external["config"]["sha256"],
              "builderKey": external["builderKey"]})
    with check("events: the inputs are line 1's resolvedDependencies"):
        inputs = [e for e in events if e.type.startswith("input_")]
        asked = ([external["image"]] if "image" in external else [])
        same("inputs' specs", [e.spec for e in inputs],
             asked + external["inputs"])
        dependencies = one.statement["predicate"]["buildDefinition"].get(
            "resolvedDependencies", [])
        same("count of dependencies", len(dependencies), len(inputs))
        for e, d in zip(inputs, dependencies):
            r, notes = e.resolved, d.get("annotations", {})
            same("uri", d["uri"], e.spec["uri"])
            for member in "sha256", "gitCommit":
                same(member, d["digest"].get(member), r.get(member))
            for member in "manifest", "root", "bytes":
                same(member, notes.get(member), r.get(member))
            for member in "license", "certificate":
                same(member, notes.get(member), e.spec.get(member))
            same("role", notes["role"], e.spec.get("role", "image"))
            if e.spec["pin"].startswith("sha256:"):
                same("pin", e.spec["pin"], "sha256:" + r["sha256"])
    with check("events: the outputs are the files"):
        sizes = {name: n for name, _, n in files}
        same("globs", outputs.spec, {"globs": external["outputs"]})
        same("outputs", outputs.resolved, {
            "root": root, "manifest": manifest, "count": len(listed),
            "bytes": sum(sizes.values()),
            "weights": [{"name": r["name"], "sha256": r["digest"],
                         "bytes": sizes[r["name"]]} for r in weights]})
    with check("events: time and figures are line 1's"):
        run = one.statement["predicate"]["runDetails"]
        same("compute", one.statement["predicate"][AICERT + "/compute/v1"],
             events[-1].resolved)
        for member in "startedOn", "finishedOn":
            same(member, run["metadata"][member],
                 events[-2].resolved[member])
        same("builder.id", run["builder"]["id"],
             AICERT + "/builder/measured/v1")

    print("%s: %s" % (model, "every check holds" if failed == 0 else
                      "%d checks FAIL" % failed))
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 5:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
