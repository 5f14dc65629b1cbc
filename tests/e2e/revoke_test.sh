#!/bin/bash
# A certificate is revoked in the log that it is in: aicert revoke, the
# registry's state and snapshot, aicert-verify.  Starts a registry and ends it.
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

printf 'a text to copy\n' >text
pin=$(sha256sum text | cut -d' ' -f1)
cat >job.yaml <<YAML
version: 2
trainer: command
command: [sh, -c, "cat /inputs/text /inputs/text > model.bin"]
inputs:
  - {name: text, type: file, uri: text, pin: "sha256:$pin", role: dataset}
outputs: ["*.bin"]
env: {}
YAML
aicert keygen key >/dev/null
aicert-registry init registry --origin log.example.org >/dev/null
: >registry.out
aicert-registry serve registry --listen 127.0.0.1:0 \
	--accept-unwitnessed-start >registry.out 2>registry.err &
registry=$!
url=$(tail -f -n +1 --pid="$registry" registry.out |
	sed -n '/http:/{s/.*\(http:[^ ]*\).*/\1/p;q}')
[ -n "$url" ] || { cat registry.err; exit 1; }
to=(--registry "$url" --log-keys registry/log-keys)
check build 0 . aicert build job.yaml --out model --key key
check publish 0 . aicert publish model "${to[@]}"
aicert policy init --builder me=key.pub --log-keys registry/log-keys \
	--quorum-none --log-time --allow-self-asserted >policy
check "no snapshot" 0 "^VERIFIED" aicert-verify -p policy model
d=$(aicert-verify -p policy -j model | python3 -c \
	'import json, sys; print(json.load(sys.stdin)["statement"])')
check revoke 0 "logged as entry 1" aicert revoke --statement "$d" \
	--sign-with key --reason "wrong data" --out revocation "${to[@]}"
# The registry states it in its own time.
for _ in $(seq 600); do
	curl -sS "$url/api/v1/revocations" >snapshot
	[ "$(wc -l <snapshot)" -ge 2 ] && break
	sleep 0.1
done
check revoked 1 'step 17, revocation: the provenance is revoked .*wrong data' \
	aicert-verify -p policy --revocations snapshot model
check "the snapshot is fetched and kept" 0 "Revocations: 1, of" \
	env XDG_CACHE_HOME="$work/cache" aicert get model "${to[@]}"
check "revoked, as what is kept says" 1 'step 17, revocation.*wrong data' \
	env XDG_CACHE_HOME="$work/cache" aicert-verify -p policy model
head -n 1 snapshot >cut
check "a revocation left out" 1 'has 0 revocations' \
	aicert-verify -p policy --revocations cut model
