#!/bin/bash
# A model is made from a model that has its own certificate: aicert build judges
# that first, states its D, and aicert-verify follows the claim.  Each thing that
# can be wrong with it ends before anything runs.  Starts a registry and ends it.
set -eu
PATH=$AICERT_BIN:$PATH
for tool in bwrap curl python3; do
	command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
work=$(mktemp -d)
registry=
finish() {
	[ -z "$registry" ] || { kill -TERM "$registry" 2>/dev/null; wait "$registry" || :; }
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$work"
export HOME=$work XDG_CACHE_HOME=$work/cache
unset AICERT_POLICY

# check NAME CODE PATTERN COMMAND...: it ends so and says so.
check() {
	local name=$1 want=$2 says=$3 got=0
	shift 3
	"$@" >out 2>&1 || got=$?
	if [ "$got" -ne "$want" ] || ! grep -Eq -- "$says" out; then
		echo "FAIL $name: exit code $got, expected $want and /$says/"
		cat out
		exit 1
	fi
	echo "ok   $name"
}

# configure FILE NAME TYPE URI PIN WORD: a training that copies one input.
configure() {
	cat >"$1" <<YAML
version: 2
trainer: command
command: [sh, -c, "cat /inputs/$2$6 > model.bin && echo \$(ls -A /inputs/$2) > note.txt"]
inputs:
  - {name: $2, type: $3, uri: $4, pin: "sha256:$5", role: base_model}
outputs: ["*.bin", "*.txt"]
env: {}
YAML
}

# field MODEL NAME: of its report.
field() {
	aicert-verify -p policy -j "$1" | python3 -c \
		'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"
}

# refused NAME PATTERN FOLDER [OPTION...]: a build from it ends, before all.
refused() {
	local name=$1 says=$2 folder=$3
	shift 3
	configure bad.yaml base certificate "$folder" "$root" /model.bin
	check "$name" 1 "bad.yaml\":5:.*input \"base\": .*$says" \
		aicert build bad.yaml --out bad --key key "$@"
	[ ! -e bad ] || { echo "FAIL $name: something was left"; exit 1; }
	! compgen -G 'bad.partial*' >/dev/null
}

printf 'a text to copy\n' >text
aicert keygen key >/dev/null
aicert keygen other >/dev/null
aicert-registry init registry --origin log.example.org >/dev/null
: >registry.out
aicert-registry serve registry --listen 127.0.0.1:0 \
	--accept-unwitnessed-start >registry.out 2>registry.err &
registry=$!
url=$(tail -f -n +1 --pid="$registry" registry.out |
	sed -n '/http:/{s/.*\(http:[^ ]*\).*/\1/p;q}')
[ -n "$url" ] || { cat registry.err; exit 1; }
to=(--registry "$url" --log-keys registry/log-keys)
aicert policy init --builder me=key.pub --log-keys registry/log-keys \
	--quorum-none --log-time --allow-self-asserted >policy
grep -q '^registry' policy || grep '^registry' registry/log-keys >>policy

configure base.yaml text file text "$(sha256sum text | cut -d' ' -f1)" ''
check "the first model" 0 . aicert build base.yaml --out base --key key
cp -r base unlogged
check "is published" 0 . aicert publish base "${to[@]}"
root=$(field base omsRoot)
d=$(field base statement)

# The right way, by a policy that is named and by one that is found.
configure child.yaml base certificate base "$root" /model.bin
check "a model made from it" 0 "VERIFIED, its certificate is $d" \
	aicert build child.yaml --out child --key key --policy policy
check "its certificate is not among the inputs" 0 . \
	grep -x 'model.bin note.txt' child/note.txt
mkdir -p .config/aicert
cp policy .config/aicert/policy
check "by the policy of the user" 0 "VERIFIED, its certificate is $d" \
	aicert build child.yaml --out child2 --key key
rm -r .config
check "what it was made from is stated" 0 "$d" aicert show child
check "is published as well" 0 . aicert publish child "${to[@]}"
mkdir lineage
check "the claim alone" 0 "^VERIFIED" aicert-verify -p policy child
{ cat policy; echo "require certified-inputs"; } >strict
check "the claim alone, where it is asked for" 3 "not at hand" \
	aicert-verify -p strict child
cp base/aicert.jsonl "lineage/$d.jsonl"
check "step 18 follows it" 0 "1 of 1 claims of inputs to have a certificate hold" \
	aicert-verify -p policy --lineage lineage child

# And all that is wrong.
refused "no policy" "COULD NOT RUN" base
refused "a policy that is not there" "COULD NOT RUN" base --policy nowhere
aicert policy init --builder me=other.pub --log-keys registry/log-keys \
	--quorum-none --log-time --allow-self-asserted >stranger
refused "another builder" "NOT ACCEPTED.*step 2" base --policy stranger
refused "not published" "NOT VERIFIED.*publish" unlogged --policy policy
mkdir bare
cp base/model.bin base/note.txt bare
refused "without a certificate" "COULD NOT RUN|NOT VERIFIED" bare --policy policy
cp -r base changed
printf x >>changed/model.bin
refused "a file that changed" "NOT VERIFIED.*step 16" changed --policy policy
cp -r base extra
printf x >extra/more.bin
refused "a file too many" "NOT VERIFIED.*step 16" extra --policy policy
cp -r base missing
rm missing/note.txt
refused "a file too few" "NOT VERIFIED.*step 16" missing --policy policy
cp -r base forged
python3 - <<'PYTHON'
import base64, json
with open("forged/aicert.jsonl") as f:
    line = json.loads(f.readline())
sig = line["dsseEnvelope"]["signatures"][0]
raw = bytearray(base64.b64decode(sig["sig"]))
raw[-1] ^= 1
sig["sig"] = base64.b64encode(raw).decode()
with open("forged/aicert.jsonl", "w") as f:
    f.write(json.dumps(line, separators=(",", ":")) + "\n")
PYTHON
refused "a signature that is none" "NOT VERIFIED.*step 2" forged --policy policy
cp -r child another
cp base/aicert.jsonl base/model.sig another
refused "another model's certificate" "NOT VERIFIED.*step 16" another \
	--policy policy
refused "another model than the pin" "the pin is sha256:$root" child \
	--policy policy
refused "a folder that is not there" "COULD NOT RUN" nowhere --policy policy
refused "a folder elsewhere" "a folder of this machine" "http://127.0.0.1:1/x" \
	--policy policy

check revoke 0 "logged as entry" aicert revoke --statement "$d" \
	--sign-with key --reason "wrong data" --out revocation "${to[@]}"
for _ in $(seq 600); do
	curl -sS "$url/api/v1/revocations" >snapshot
	[ "$(wc -l <snapshot)" -ge 2 ] && break
	sleep 0.1
done
mkdir -p cache/aicert
cp snapshot cache/aicert/log.example.org.revocations.jsonl
refused "revoked" "NOT VERIFIED.*step 17.*wrong data" base --policy policy
