"""certs.py -- makes certificates, and checks logged ones, for the tests of the
registry.  Written from the formats, sharing no code with the program.

Needs the Python package cryptography; a test that lacks it is skipped.
"""
import base64
import hashlib
import json
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
except ImportError:
    print("skipped: the Python package cryptography is not installed "
          "(Debian: python3-cryptography)")
    sys.exit(77)

AICERT = "https://aicert.mithrilsecurity.io"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PROVENANCE = "https://slsa.dev/provenance/v1"
EVIDENCE = AICERT + "/tpm-evidence/v1"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


def sha256(data):
    return hashlib.sha256(data).digest()


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()


def compact(value):
    return json.dumps(value, separators=(",", ":"),
                      ensure_ascii=False).encode()


def pae(statement):
    t = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(t), t, len(statement), statement)


def digest(statement):
    """D of a statement."""
    return sha256(pae(statement))


class Key:
    """A builder's key."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.spki = self.private.public_key().public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo)
        self.hint = b64(sha256(self.spki))
        self.hex = sha256_hex(self.spki)

    def sign(self, statement):
        return self.private.sign(pae(statement), ec.ECDSA(hashes.SHA256()))

    def verify(self, statement, sig):
        self.private.public_key().verify(sig, pae(statement),
                                         ec.ECDSA(hashes.SHA256()))


def descriptor(name, hex_digest):
    return {"name": name, "digest": {"sha256": hex_digest}}


def provenance(key, name, measured=False, weights=1, size=0):
    """The bytes of a provenance about an invented model called name."""
    subjects = [descriptor("oms-root", sha256_hex(b"root" + name.encode())),
                descriptor("oms-manifest",
                           sha256_hex(b"manifest" + name.encode()))]
    for i in range(weights):
        subjects.append(descriptor(
            "w%05d.safetensors" % i,
            sha256_hex(b"w%d" % i + name.encode())))
    return compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": AICERT + "/training/v1",
                "externalParameters": {
                    "config": {"name": "aicert.yaml",
                               "sha256": sha256_hex(name.encode())},
                    "builderKey": key.hex,
                    "version": 2,
                    "trainer": "command",
                    "command": ["./train", name],
                    "inputs": [],
                    "outputs": ["*"],
                    "env": {}},
                "internalParameters": {
                    "sandbox": {"note": "x" * size}, "gpus": []},
                "resolvedDependencies": [{
                    "name": "data", "uri": "file:data",
                    "digest": {"sha256": sha256_hex(b"data"),
                               "gitCommit": "01" * 20},
                    "annotations": {"role": "dataset"}}]},
            "runDetails": {
                "builder": {
                    "id": AICERT + "/builder/" + (
                        "measured/v1" if measured else "self-asserted/v1"),
                    "version": {"aicert": "0.1.0"}},
                "metadata": {"invocationId": name,
                             "startedOn": "2026-11-20T10:00:00Z",
                             "finishedOn": "2026-11-20T11:00:00Z"}}}})


def evidence(about, variant=b""):
    """The bytes of an evidence about a provenance: formed, and invented."""
    root = json.loads(about)["subject"][0]["digest"]["sha256"]
    bound = digest(about).hex()
    pcrs = {str(i): "00" * 32 for i in range(16) if i != 10}
    blob = b64(b"attest" + variant)
    quote = {"attest": blob, "signature": b64(b"signature"), "pcrs": pcrs}
    return compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [descriptor("provenance", bound),
                    descriptor("oms-root", root)],
        "predicateType": EVIDENCE,
        "predicate": {
            "boundDigest": bound,
            "quotes": [dict(when="start", **quote), dict(when="end", **quote)],
            "ak": {"public": b64(b"public"),
                   "certChain": [b64(b"leaf"), b64(b"root")]},
            "inputsLog": ["{}"],
            "outputsLog": ["{}"]}})


def other(name):
    """A statement of a kind that the registry does not read."""
    return compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [descriptor("thing", sha256_hex(name.encode()))],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {"result": "PASSED"}})


def revocation(target, reason, name="statement"):
    """A revocation, everywhere, of what that hex digest names."""
    return compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [descriptor(name, target)],
        "predicateType": AICERT + "/revocation/v1",
        "predicate": {"scope": "all", "reason": reason}})


def revocation_state(origin, size, ds):
    """A state that counts the revocations of those Ds."""
    return compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [descriptor("revocations", sha256_hex(b"".join(ds)))],
        "predicateType": AICERT + "/revocation-state/v1",
        "predicate": {"origin": origin, "treeSize": size,
                      "count": len(ds)}})


def bundle(key, statement, sig=None):
    """One line, without its line feed."""
    sig = key.sign(statement) if sig is None else sig
    return compact({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key.hint},
                                 "tlogEntries": []},
        "dsseEnvelope": {
            "payload": b64(statement), "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": b64(sig), "keyid": key.hint}]}})


def jsonl(*lines):
    return b"".join(line + b"\n" for line in lines)


def measured(key, name, variant=b""):
    """A certificate of two lines."""
    p = provenance(key, name, measured=True)
    return jsonl(bundle(key, p), bundle(key, evidence(p, variant)))


def asserted(key, name, **more):
    """A certificate of one line."""
    return jsonl(bundle(key, provenance(key, name, **more)))


def leaf_body(statement, sig, spki):
    return compact({
        "apiVersion": "0.0.2", "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": b64(
                digest(statement))},
            "signature": {
                "content": b64(sig),
                "verifier": {"keyDetails": "PKIX_ECDSA_P256_SHA_256",
                             "publicKey": {"rawBytes": b64(spki)}}}}}})


# ---- the tree ----

def leaf_hash(body):
    return sha256(b"\0" + body)


def node_hash(left, right):
    return sha256(b"\1" + left + right)


def tree_root(leaves):
    """Root over leaf hashes, by the definition of RFC 9162 section 2.1.1."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return node_hash(tree_root(leaves[:k]), tree_root(leaves[k:]))


def root_from_proof(index, size, leaf, proof):
    """RFC 9162 section 2.1.3.2."""
    assert index < size, "index beyond the tree"
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        assert sn != 0, "proof too long"
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            r = node_hash(r, p)
        fn >>= 1
        sn >>= 1
    assert sn == 0, "proof too short"
    return r


# ---- notes ----

class NoteKey:
    """The key of a vkey."""

    def __init__(self, vkey):
        self.name, key_id, data = vkey.split("+", 2)
        data = unb64(data)
        self.type, self.pub = data[0], data[1:]
        self.hash = sha256(self.name.encode() + b"\n" + data)
        assert self.hash[:4].hex() == key_id, "key id of " + vkey
        self.ed25519 = ed25519.Ed25519PublicKey.from_public_bytes(self.pub)


class LogKeys:
    """The policy lines of a log."""

    def __init__(self, text):
        words = [line.split() for line in text.splitlines()]
        self.log = NoteKey([w[1] for w in words if w[0] == "log"][0])
        self.time = NoteKey([w[1] for w in words if w[0] == "log-time"][0])
        self.witnesses = []  # NoteKeys of those that may cosign


class Checkpoint:
    """A checkpoint whose two signatures hold, and its witnesses'."""

    def __init__(self, note, keys):
        text, lines = note.rsplit("\n\n", 1)
        text += "\n"
        self.text = text
        self.origin, size, root = text.splitlines()
        self.size, self.root = int(size), unb64(root)
        assert str(self.size) == size and len(self.root) == 32
        assert lines.endswith("\n")
        by = {}
        for line in lines.splitlines():
            dash, name, blob = line.split(" ")
            assert dash == "\u2014"
            by[name] = unb64(blob)
        assert list(by)[:2] == [keys.log.name, keys.time.name], "signers"
        self.cosigned = {}
        for name in list(by)[2:]:
            key, = [w for w in keys.witnesses if w.name == name]
            self.cosigned[name] = self.check_cosignature(by[name], key, text)
        blob = by[keys.log.name]
        assert blob[:4] == keys.log.hash[:4] and len(blob) == 68
        assert self.origin == keys.log.name
        keys.log.ed25519.verify(blob[4:], text.encode())
        self.time = self.check_cosignature(by[keys.time.name], keys.time,
                                           text)

    @staticmethod
    def check_cosignature(blob, key, text):
        """Its time."""
        assert blob[:4] == key.hash[:4] and len(blob) == 76
        when = int.from_bytes(blob[4:12], "big")
        key.ed25519.verify(
            blob[12:], b"cosignature/v1\ntime %d\n" % when + text.encode())
        return when


def check_line(line, keys, key=None, statement=None):
    """Check one logged line; its index, leaf hash and checkpoint."""
    b = json.loads(line)
    entry, = b["verificationMaterial"]["tlogEntries"]
    envelope = b["dsseEnvelope"]
    payload = unb64(envelope["payload"])
    sig = unb64(envelope["signatures"][0]["sig"])
    proof = entry["inclusionProof"]
    if statement is not None:
        assert payload == statement, "another statement was answered"
    body = unb64(entry["canonicalizedBody"])
    if key is not None:
        key.verify(payload, sig)
        assert body == leaf_body(payload, sig, key.spki), "leaf body"
    checkpoint = Checkpoint(proof["checkpoint"]["envelope"], keys)
    index = int(entry["logIndex"])
    assert entry["logIndex"] == proof["logIndex"]
    assert entry["kindVersion"] == {"kind": "hashedrekord",
                                    "version": "0.0.2"}
    assert entry["integratedTime"] == "0"
    assert unb64(entry["logId"]["keyId"]) == keys.log.hash
    assert int(proof["treeSize"]) == checkpoint.size
    assert unb64(proof["rootHash"]) == checkpoint.root
    root = root_from_proof(index, checkpoint.size, leaf_hash(body),
                           [unb64(h) for h in proof["hashes"]])
    assert root == checkpoint.root, "the proof does not lead to the root"
    return index, leaf_hash(body), checkpoint


def check_certificate(answer, keys, key=None):
    """Check every line of an answered certificate; their indices."""
    assert answer.endswith(b"\n")
    return [check_line(line, keys, key)[0]
            for line in answer.splitlines()]
