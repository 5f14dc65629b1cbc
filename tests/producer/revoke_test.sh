#!/bin/bash
# aicert revoke from the command line: the statement it makes, and what it
# refuses.
set -u
PATH=$AICERT_BIN:$PATH
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 1
failures=0
d=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
aicert keygen k >/dev/null && aicert keygen other >/dev/null || exit 1
fingerprint=$(aicert keygen third | head -n 1)

# makes WHAT WANTED ARGS...: the statement, as it is signed, and by k.
makes() {
	local what=$1 want=$2
	shift 2
	if ! aicert revoke --sign-with k "$@" >line 2>said ||
	    ! python3 - "$want" <<'END'
import base64, hashlib, json, subprocess, sys
text = open("line").read()
assert text.endswith("}\n") and text.count("\n") == 1
line = json.loads(text)
payload = base64.b64decode(line["dsseEnvelope"]["payload"])
assert payload.decode() == sys.argv[1], payload
pae = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
assert hashlib.sha256(pae).hexdigest() in open("said").read()
open("pae", "wb").write(pae)
open("sig", "wb").write(base64.b64decode(
    line["dsseEnvelope"]["signatures"][0]["sig"]))
subprocess.run(["openssl", "dgst", "-sha256", "-verify", "k.pub",
                "-signature", "sig", "pae"], check=True,
               stdout=subprocess.DEVNULL)
assert line["verificationMaterial"]["tlogEntries"] == []
END
	then
		echo "FAILED: $what"
		cat said
		failures=$((failures + 1))
	fi
}

# refuses CODE WORDS WHAT ARGS...
refuses() {
	local want=$1 words=$2 what=$3 code
	shift 3
	aicert revoke "$@" >out 2>said
	code=$?
	if [ $code -ne "$want" ] || ! grep -qF -- "$words" said || [ -s out ]
	then
		echo "FAILED: $what: exit code $code, wanted $want and $words"
		cat said
		failures=$((failures + 1))
	fi
}

subject() {
	printf '{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"%s","digest":{"sha256":"%s"}}],"predicateType":"https://aicert.mithrilsecurity.io/revocation/v1","predicate":' "$1" "$2"
}
makes statement "$(subject statement $d){\"scope\":\"all\",\"reason\":\"\"}}" \
	--statement $d
makes image "$(subject image-release $d){\"scope\":\"all\",\"reason\":\"a \\\"b\\\"\"}}" \
	--image $d --reason 'a "b"'
makes key "$(subject key "$fingerprint"){\"scope\":\"from\",\"from\":{\"origin\":\"log.example.org\",\"index\":0},\"reason\":\"é\"}}" \
	--key third.pub --from log.example.org:0 --reason é
makes fingerprint "$(subject key "$fingerprint"){\"scope\":\"all\",\"reason\":\"\"}}" \
	--key "$fingerprint"
aicert revoke --sign-with k --statement $d --out file 2>/dev/null
[ "$(wc -l <file)" = 1 ] || { echo "FAILED: --out"; failures=1; }

refuses 2 'name one thing to revoke' 'nothing named' --sign-with k
refuses 2 'name one thing to revoke' 'two named' --sign-with k --statement $d \
	--image $d
refuses 2 'name the key to sign with' 'no key' --statement $d
refuses 2 '64 lower-case hex digits' 'a short D' --sign-with k --statement 00
refuses 2 '64 lower-case hex digits' 'D in capitals' --sign-with k \
	--statement "${d^^}"
refuses 2 'is neither' 'a key that is none' --sign-with k --key none.pub
refuses 2 'is neither' 'a private key' --sign-with k --key k
refuses 2 '--from takes' 'no index' --sign-with k --statement $d --from log
refuses 2 '--from takes' 'no origin' --sign-with k --statement $d --from :1
refuses 2 '--from takes' 'a negative index' --sign-with k --statement $d \
	--from log:-1
refuses 2 '--from takes' 'an index over 2^53 - 1' --sign-with k \
	--statement $d --from log:9007199254740992
refuses 2 'go together' 'no log keys' --sign-with k --statement $d \
	--registry http://127.0.0.1:1
refuses 2 'a word too many' 'a word' --sign-with k --statement $d now
refuses 1 'plain text' 'a reason of two lines' --sign-with k --statement $d \
	--reason $'a\nb'
refuses 1 'plain text' 'an escape sequence' --sign-with k --statement $d \
	--reason $'\033[2J'
refuses 1 'plain text' 'a long reason' --sign-with k --statement $d \
	--reason "$(printf '%01025d' 0)"
refuses 1 'key' 'no such key file' --sign-with none --statement $d
refuses 1 'key' 'a public key to sign with' --sign-with k.pub --statement $d
refuses 1 'cannot write' 'a folder that is not there' --sign-with k \
	--statement $d --out none/file
[ $failures -eq 0 ]
