"""A second producer of certificates, for tests: written from the description
of the formats only, it shares no code with AICert. Its TPM is an RSA key in
memory that says of itself what a TPM would, its log a list of leaves.

Folders of its making, and of the fixture's with the real programs, have the
same files: model/, builder.key, builder.pub, log-keys, ak-root.pem and
trusted_root.json.
"""

import base64
import datetime
import hashlib
import json
import os
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (ec, ed25519, padding,
                                                       rsa)
from cryptography.x509.oid import NameOID, ObjectIdentifier

AICERT = "https://aicert.mithrilsecurity.io"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
IGNORED = ["model.sig", "aicert.jsonl", ".cache/huggingface", ".git",
           ".gitattributes", ".github", ".gitignore"]
PCRS = [n for n in range(16) if n != 10]
UTC = datetime.timezone.utc


def sha256(data):
    return hashlib.sha256(data).digest()


def hexdigest(data):
    return sha256(data).hex()


def b64(data):
    return base64.b64encode(data).decode()


def dumps(j):
    return json.dumps(j, separators=(",", ":"), ensure_ascii=False)


def compact(j):
    return dumps(j).encode()


def stamp(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def pae(payload):
    return b"DSSEv1 28 %s %d %s" % (PAYLOAD_TYPE.encode(), len(payload),
                                    payload)


def raw(public):
    return public.public_bytes(serialization.Encoding.Raw,
                               serialization.PublicFormat.Raw)


def der(public):
    return public.public_bytes(serialization.Encoding.DER,
                               serialization.PublicFormat.SubjectPublicKeyInfo)


class Builder:
    def __init__(self, pem=None):
        self.key = (serialization.load_pem_private_key(pem, None) if pem else
                    ec.generate_private_key(ec.SECP256R1()))
        self.spki = der(self.key.public_key())
        self.pem = self.key.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo)

    def private_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())

    def bundle(self, payload, hint=None, keyid=None):
        hint = b64(sha256(self.spki)) if hint is None else hint
        sig = self.key.sign(pae(payload), ec.ECDSA(hashes.SHA256()))
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "publicKey": {"hint": hint}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": b64(payload), "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": b64(sig),
                                "keyid": hint if keyid is None else keyid}]}}

    def model_sig(self, payload):
        return self.bundle(payload, hexdigest(self.pem), "")


# ---- the log ----

def node(left, right):
    return sha256(b"\x01" + left + right)


def split(n):
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def tree_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(tree_root(leaves[:k]), tree_root(leaves[k:]))


def tree_path(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return tree_path(m, leaves[:k]) + [tree_root(leaves[k:])]
    return tree_path(m - k, leaves[k:]) + [tree_root(leaves[:k])]


class Log:
    def __init__(self, origin="log.interop.example"):
        self.origin = origin
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.clock = ed25519.Ed25519PrivateKey.generate()
        self.leaves = []

    @staticmethod
    def vkey(name, kind, key):
        data = bytes([kind]) + raw(key.public_key())
        full = sha256(name.encode() + b"\n" + data)
        return full, "%s+%s+%s" % (name, full[:4].hex(), b64(data))

    def keys(self):
        return "log %s\nlog-time %s\n" % (
            self.vkey(self.origin, 1, self.key)[1],
            self.vkey(self.origin + "/time", 4, self.clock)[1])

    def checkpoint(self, time):
        text = ("%s\n%d\n%s\n" % (self.origin, len(self.leaves), b64(
            tree_root(self.leaves) if self.leaves else sha256(b"")))).encode()
        head = b"cosignature/v1\ntime %d\n" % time + text
        lines = ""
        for name, kind, key, blob in (
                (self.origin, 1, self.key, self.key.sign(text)),
                (self.origin + "/time", 4, self.clock,
                 struct.pack(">Q", time) + self.clock.sign(head))):
            full = self.vkey(name, kind, key)[0]
            lines += "\u2014 %s %s\n" % (name, b64(full[:4] + blob))
        return text.decode() + "\n" + lines

    def add(self, bundles, spki, time):
        """Log these bundles together; each gets its entry."""
        bodies = []
        for b in bundles:
            envelope = b["dsseEnvelope"]
            d = sha256(pae(base64.b64decode(envelope["payload"])))
            bodies.append(compact({
                "apiVersion": "0.0.2", "kind": "hashedrekord",
                "spec": {"hashedRekordV002": {
                    "data": {"algorithm": "SHA2_256", "digest": b64(d)},
                    "signature": {
                        "content": envelope["signatures"][0]["sig"],
                        "verifier": {
                            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                            "publicKey": {"rawBytes": b64(spki)}}}}}}))
            self.leaves.append(sha256(b"\x00" + bodies[-1]))
        note = self.checkpoint(time)
        size = len(self.leaves)
        log_id = b64(self.vkey(self.origin, 1, self.key)[0])
        for i, (b, body) in enumerate(zip(bundles, bodies)):
            index = str(size - len(bodies) + i)
            b["verificationMaterial"]["tlogEntries"] = [{
                "logIndex": index, "logId": {"keyId": log_id},
                "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
                "integratedTime": "0",
                "inclusionProof": {
                    "logIndex": index, "rootHash": b64(tree_root(self.leaves)),
                    "treeSize": str(size),
                    "hashes": [b64(h) for h in
                               tree_path(int(index), self.leaves)],
                    "checkpoint": {"envelope": note}},
                "canonicalizedBody": b64(body)}]

    def trusted_root(self):
        log_id = {"keyId": b64(self.vkey(self.origin, 1, self.key)[0])}
        return {
            "mediaType":
                "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://" + self.origin,
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": b64(der(self.key.public_key())),
                    "keyDetails": "PKIX_ED25519",
                    "validFor": {"start": "2026-01-01T00:00:00Z"}},
                "logId": log_id, "checkpointKeyId": log_id}],
            "certificateAuthorities": [], "ctlogs": [],
            "timestampAuthorities": []}


# ---- the TPM and its maker ----

def certificate(subject, key, issuer, issuer_key, now, ca):
    def name(cn):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    b = (x509.CertificateBuilder()
         .subject_name(name(subject)).issuer_name(name(issuer))
         .public_key(key).serial_number(x509.random_serial_number())
         .not_valid_before(now - datetime.timedelta(days=1))
         .not_valid_after(now + datetime.timedelta(days=300))
         .add_extension(x509.BasicConstraints(ca, None), True)
         .add_extension(x509.KeyUsage(
             not ca, False, False, False, False, ca, ca, False, False), True)
         .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
         .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
             issuer_key.public_key()), False))
    if not ca:
        b = b.add_extension(x509.ExtendedKeyUsage(
            [ObjectIdentifier("2.23.133.8.3")]), False)
    return b.sign(issuer_key, hashes.SHA256())


class Tpm:
    """PCRs, and an attestation key certified by a CA named as simulated."""

    def __init__(self, now):
        root, mid, self.ak = [rsa.generate_private_key(65537, 2048)
                              for _ in range(3)]
        names = ["SIMULATED AK", "SIMULATED intermediate", "SIMULATED root"]
        self.chain = [
            certificate(names[0], self.ak.public_key(), names[1], mid, now,
                        False),
            certificate(names[1], mid.public_key(), names[2], root, now, True),
            certificate(names[2], root.public_key(), names[2], root, now,
                        True)]
        self.public = bytes.fromhex(  # RSA 2048, RSASSA SHA-256, restricted
            "0001000b00050472000000100014000b0800000000000100"
        ) + self.ak.public_key().public_numbers().n.to_bytes(256, "big")
        name = b"\x00\x0b" + sha256(self.public)
        self.signer = b"\x00\x0b" + sha256(b"\x40\x00\x00\x0b" + name)
        self.pcrs = {n: bytes(32) for n in PCRS}
        self.clock = 1000

    def extend(self, n, line):
        self.pcrs[n] = sha256(self.pcrs[n] + sha256(line.encode()))

    def quote(self, when, extra):
        def sized(data):
            return struct.pack(">H", len(data)) + data
        self.clock += 1000
        mask = sum(1 << n for n in PCRS).to_bytes(3, "little")
        attest = (b"\xffTCG\x80\x18" + sized(self.signer) + sized(extra) +
                  struct.pack(">QIIBQ", self.clock, 1, 0, 1, 0x20260101) +
                  struct.pack(">IHB", 1, 0x000b, 3) + mask +
                  sized(sha256(b"".join(self.pcrs.values()))))
        signature = bytes.fromhex("0014000b0100") + self.ak.sign(
            attest, padding.PKCS1v15(), hashes.SHA256())
        return {"when": when, "attest": b64(attest),
                "signature": b64(signature),
                "pcrs": {str(n): v.hex() for n, v in self.pcrs.items()}}


# ---- the certificate ----

def event(kind, spec, resolved):
    return dumps({"event_type": kind,
                  "content": {"spec": spec, "resolved": resolved}})


def oms_statement(files):
    """The manifest of {name: bytes} and its root."""
    names = sorted(files)
    root = hexdigest(b"".join(sha256(files[n]) for n in names))
    return root, compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files", "hash_type": "sha256",
                "allow_symlinks": False, "ignore_paths": IGNORED},
            "resources": [{"name": n, "algorithm": "sha256",
                           "digest": hexdigest(files[n])} for n in names]}})


def statement(subjects, kind, predicate):
    return compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": n, "digest": {"sha256": d}} for n, d in subjects],
        "predicateType": kind, "predicate": predicate})


def make(files, builder, tpm, log, now, image=None, tls=None):
    """A certificate for {name: bytes}: lines 1 and 2, and model.sig.

    log is None where others shall log it; then START has no checkpoint.
    image is the manifest of a container, tls a public key that the machine
    made, both bytes, where the run had them.
    """
    config = b"version: 2\n# the request itself is in externalParameters\n"
    code = b"print('a model')\n"
    tree = sorted({"a.txt": b"some\n", "b/c.txt": b"text\n"}.items())
    tree_root_hex = hexdigest(b"".join(sha256(data) for _, data in tree))
    tree_manifest = hexdigest(b"".join(
        b"%s  %s\n" % (hexdigest(data).encode(), name.encode())
        for name, data in tree))
    request = {
        "config": {"name": "aicert.yaml", "sha256": hexdigest(config)},
        "builderKey": hexdigest(builder.spki),
        "version": 2, "trainer": "command",
        "command": ["python3", "/inputs/code", "--name", "\u00e9t\u00e9\""],
        "inputs": [
            {"name": "code", "type": "file", "uri": "file:///code.py",
             "pin": "sha256:" + hexdigest(code), "role": "code",
             "license": "Apache-2.0"},
            {"name": "text", "type": "dataset", "uri": "file:///text",
             "pin": "sha256:" + tree_root_hex, "role": "dataset"}],
        "outputs": ["*"], "env": {"LANG": "C.UTF-8"}, "seed": 7}
    if image:
        request["image"] = {"name": "image", "uri": "oci://example.org/image",
                            "pin": "sha256:" + hexdigest(image)}
    found = [
        {"sha256": hexdigest(code), "bytes": len(code)},
        {"sha256": tree_root_hex, "manifest": tree_manifest,
         "bytes": sum(len(data) for _, data in tree)}]
    inputs_log, outputs_log = [], []
    if tls:
        tpm.pcrs[15] = sha256(tpm.pcrs[15] + sha256(tls))

    def record(pcr, where, *what):
        where.append(event(*what))
        tpm.extend(pcr, where[-1])

    record(14, inputs_log, "configuration", request,
           {"sha256": hexdigest(config), "builderKey": request["builderKey"]})
    kinds = len(found) * ["input_resource"]
    specs = request["inputs"]
    if image:
        kinds = ["input_image"] + kinds
        specs = [request["image"]] + specs
        found = [{"sha256": hexdigest(image), "root": hexdigest(b"a root"),
                  "manifest": hexdigest(b"a tree")}] + found
    for kind, spec, resolved in zip(kinds, specs, found):
        record(14, inputs_log, kind, spec, resolved)
    note = log.checkpoint(int(now.timestamp())).encode() if log else b""
    quotes = [tpm.quote("start", sha256(
        b"AICERT-START-V1\x00" + sha256(config) + sha256(note)))]
    record(14, inputs_log, "start", {}, {"attest": hexdigest(
        base64.b64decode(quotes[0]["attest"]))})
    times = {"startedOn": stamp(now),
             "finishedOn": stamp(now + datetime.timedelta(seconds=3))}
    record(14, inputs_log, "timing", {}, {**times, "wallSeconds": "3.25"})
    compute = {"cpuSeconds": {"value": "2.5", "unit": "s",
                              "assurance": "measured"},
               "total_flos": {"value": "1000000", "unit": "FLOP",
                              "assurance": "reported"}}
    record(14, inputs_log, "compute_consumed", {}, compute)

    root, manifest = oms_statement(files)
    weights = [n for n in sorted(files) if n.endswith(".safetensors")]
    record(8, outputs_log, "outputs", {"globs": request["outputs"]}, {
        "root": root, "manifest": hexdigest(manifest), "count": len(files),
        "bytes": sum(map(len, files.values())),
        "weights": [{"name": n, "sha256": hexdigest(files[n]),
                     "bytes": len(files[n])} for n in weights]})

    dependencies = []
    for spec, r in zip(specs, found):
        notes = {"role": spec.get("role", "image")}
        for source, members in (spec, ["license"]), (
                r, ["root", "manifest", "bytes"]):
            notes.update({m: source[m] for m in members if m in source})
        dependencies.append({"name": spec["name"], "uri": spec["uri"],
                             "digest": {"sha256": r["sha256"]},
                             "annotations": notes})
    provenance = statement(
        [("oms-root", root), ("oms-manifest", hexdigest(manifest))] +
        [(n, hexdigest(files[n])) for n in weights],
        "https://slsa.dev/provenance/v1", {
            "buildDefinition": {
                "buildType": AICERT + "/training/v1",
                "externalParameters": request,
                "internalParameters": {
                    "sandbox": {"network": "none"}, "gpus": [],
                    **({"logCheckpointAtStart": b64(note)} if log else {})},
                "resolvedDependencies": dependencies},
            "runDetails": {
                "builder": {"id": AICERT + "/builder/measured/v1",
                            "version": {"stranger": "1"}},
                "metadata": {"invocationId": "made-by-a-stranger", **times}},
            AICERT + "/compute/v1": compute})
    d = sha256(pae(provenance))
    quotes.append(tpm.quote("end", sha256(b"AICERT-TPM-BIND-V1\x00" + d)))
    evidence = statement(
        [("provenance", d.hex()), ("oms-root", root)],
        AICERT + "/tpm-evidence/v1", {
            "boundDigest": d.hex(), "quotes": quotes,
            "ak": {"public": b64(tpm.public), "certChain": [
                b64(c.public_bytes(serialization.Encoding.DER))
                for c in tpm.chain]},
            "inputsLog": inputs_log, "outputsLog": outputs_log,
            **({"tlsKey": b64(tls)} if tls else {})})
    lines = [builder.bundle(provenance), builder.bundle(evidence)]
    if log:
        log.add(lines, builder.spki, int(now.timestamp()) + 10)
    return lines, builder.model_sig(manifest)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def write_certificate(model, lines, model_sig):
    write(model + "/aicert.jsonl", "".join(dumps(b) + "\n" for b in lines))
    write(model + "/model.sig", dumps(model_sig))
