#!/bin/bash
# in-toto's own libraries read the lines of a certificate: securesystemslib
# verifies the envelopes, in-toto-attestation takes the statements and the
# provenance apart by their protobuf schemas, which know no other member.  They
# are installed into CACHE, a virtual environment, once.
#
# usage: in_toto_test.sh DIR CACHE
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu
dir=${1-}
mkdir -p "${2:?CACHE}"
cache=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

wanted="in-toto-attestation==0.9.3 securesystemslib==1.6.0 cryptography==50.0.2"
exec 9>"$cache/lock"
flock 9
if [ "$(cat "$cache/installed" 2>/dev/null)" != "$wanted" ]; then
	/usr/bin/python3 -m venv "$cache/venv" >"$cache/pip.log" 2>&1 ||
	    skip "no python3-venv"
	# shellcheck disable=SC2086
	"$cache/venv/bin/pip" install --disable-pip-version-check --retries 1 \
	    --timeout 30 $wanted >>"$cache/pip.log" 2>&1 ||
	    skip "pip could not install in-toto-attestation:" \
	    "$(tail -n 1 "$cache/pip.log")"
	echo "$wanted" >"$cache/installed"
fi
flock -u 9

# read CERTIFICATE KEY
read_by() {
	"$cache/venv/bin/python3" -B "$here/in_toto.py" "$1" "$2"
}
cert=$dir/model/aicert.jsonl
accepts "the certificate" read_by "$cert" "$dir/builder.pub"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
	openssl pkey -pubout -out other.pub
refuses "another builder's key" 'VerificationError' read_by "$cert" other.pub
# One byte of the statement, and one of the signature.
python3 - "$cert" <<'PYTHON'
import base64, json, sys
with open(sys.argv[1]) as f:
    lines = [json.loads(line) for line in f]


def bend(name, at, change):
    envelope = lines[0]["dsseEnvelope"]
    inside = envelope if at is None else envelope["signatures"][0]
    key, saved = ("payload", envelope["payload"]) if at is None else (
        "sig", inside["sig"])
    raw = bytearray(base64.b64decode(saved))
    change(raw)
    inside[key] = base64.b64encode(raw).decode()
    with open(name, "w") as f:
        f.writelines(json.dumps(line) + "\n" for line in lines)
    inside[key] = saved


def flip(raw):
    raw[-1] ^= 1


def rename(raw):
    i = raw.index(b'"subject"')
    raw[i:i + 9] = b'"subjekt"'


bend("signature", 0, flip)
bend("statement", None, flip)
bend("member", None, rename)
PYTHON
refuses "a signature of another bit" 'VerificationError' \
	read_by signature "$dir/builder.pub"
refuses "a statement of another bit" 'VerificationError' \
	read_by statement "$dir/builder.pub"
refuses "a statement with another member" 'VerificationError' \
	read_by member "$dir/builder.pub"
finish
