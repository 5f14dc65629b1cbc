"""Read a certificate by in-toto's libraries alone: every envelope verifies under
the builder's key, every statement is of its schema, and the first is a
provenance by the schema of SLSA.

usage: in_toto.py CERTIFICATE KEY
"""

import base64
import hashlib
import json
import sys

import in_toto_attestation.predicates.provenance.v1.provenance_pb2 as slsa
import in_toto_attestation.v1.statement_pb2 as statement_pb2
from cryptography.hazmat.primitives.serialization import (
    Encoding, PublicFormat, load_pem_public_key)
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

with open(sys.argv[2], "rb") as f:
    key = load_pem_public_key(f.read())
der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
kinds = []
with open(sys.argv[1]) as f:
    lines = f.read().splitlines()
for line in lines:
    envelope = Envelope.from_dict(json.loads(line)["dsseEnvelope"])
    # The hint is nobody's proof: whatever it says, it is this key that counts.
    builder = SSlibKey(next(iter(envelope.signatures)), "ecdsa",
                       "ecdsa-sha2-nistp256", {"public": pem.decode()})
    envelope.verify([builder], 1)
    assert envelope.payload_type == "application/vnd.in-toto+json"
    assert list(envelope.signatures)[0] in (
        "", base64.b64encode(hashlib.sha256(der).digest()).decode())
    pb = json_format.Parse(envelope.payload, statement_pb2.Statement())
    statement = Statement.copy_from_pb(pb)
    statement.validate()
    kinds.append(pb.predicate_type)
    if pb.predicate_type == "https://slsa.dev/provenance/v1":
        predicate = json.loads(envelope.payload)["predicate"]
        extension = [k for k in predicate
                     if k not in ("buildDefinition", "runDetails")]
        assert all(k.startswith("https://") for k in extension), extension
        p = json_format.ParseDict(
            {k: v for k, v in predicate.items() if k not in extension},
            slsa.Provenance())
        assert p.build_definition.build_type and p.run_details.builder.id
        assert all(d.digest["sha256"]
                   for d in p.build_definition.resolved_dependencies)
assert kinds[0] == "https://slsa.dev/provenance/v1", kinds
print(len(lines), "statements:", ", ".join(kinds))
