#!/usr/bin/python3
"""Makes a model with a certificate by the second producer, producer.py.

usage: make_model.py OUT_DIR [--unlogged]

With its own log; or for others to log, then of a run in a container on a
machine with a TLS key. aicert-verify must accept either, under a policy that
trusts the keys.
"""

import datetime
import os
import struct
import sys

sys.dont_write_bytecode = True  # nothing beside the sources
import producer


def main(out, logged):
    now = datetime.datetime.now(producer.UTC).replace(microsecond=0)
    header = producer.compact({"w": {
        "dtype": "F32", "shape": [4], "data_offsets": [0, 16]}})
    files = {
        "model.safetensors": struct.pack("<Q", len(header)) + header +
        struct.pack("<4f", 1, 2, 3, 4),
        "config.json": b'{"a":1}\n',
        "sub/empty": b"",
        "sub/\u00e9t\u00e9.txt": b"a name in UTF-8\n",
    }
    builder, tpm, log = producer.Builder(), producer.Tpm(now), producer.Log()
    log.leaves = [producer.sha256(b"\x00other %d" % n) for n in range(5)]
    if logged:
        lines, model_sig = producer.make(files, builder, tpm, log, now)
    else:
        lines, model_sig = producer.make(
            files, builder, tpm, None, now, image=b"an image's manifest",
            tls=producer.Builder().spki)

    for name, data in files.items():
        producer.write("%s/model/%s" % (out, name), data)
    producer.write_certificate(out + "/model", lines, model_sig)
    producer.write(out + "/builder.key", builder.private_pem())
    os.chmod(out + "/builder.key", 0o600)
    producer.write(out + "/builder.pub", builder.pem)
    if logged:
        producer.write(out + "/log-keys", log.keys())
        producer.write(out + "/trusted_root.json",
                       producer.dumps(log.trusted_root()))
    producer.write(out + "/ak-root.pem", tpm.chain[-1].public_bytes(
        producer.serialization.Encoding.PEM))


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[2:] not in ([], ["--unlogged"]):
        sys.exit("usage: make_model.py OUT_DIR [--unlogged]")
    main(sys.argv[1], len(sys.argv) == 2)
