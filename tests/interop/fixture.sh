#!/bin/bash
# Makes the certificates that the tests of this folder read, in folders as
# producer.py describes them:
#
#   OUT/made       by the second producer, in a log of its own
#   OUT/published  by the second producer, published to our registry by ours
#   OUT/built      by our programs alone: a tiny job under a simulated TPM
#
# usage: fixture.sh OUT, with our programs in $AICERT_BIN.  Ends whatever it
# starts.  Exit code: 0 made, 1 failed, 77 skipped (the reason is printed).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?OUT}"
out=$(cd "$1" && pwd)
PATH=$AICERT_BIN:$PATH
rm -rf "$out/made" "$out/published" "$out/built"
/usr/bin/python3 -c 'import cryptography' 2>/dev/null ||
    { echo "skipped: no python3-cryptography"; exit 77; }
"$here/make_model.py" "$out/made"
for tool in swtpm swtpm_setup bwrap curl; do
	command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done

work=$(mktemp -d)
registry=
finish() {
	if [ -n "$registry" ]; then
		kill -TERM "$registry" 2>/dev/null || :
		wait "$registry" || :
	fi
	aicert tpm-sim stop "$work/tpm" >/dev/null 2>&1 || :
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$work"

aicert-registry init registry --origin log.example.org
aicert-registry serve registry --listen 127.0.0.1:0 \
    --accept-unwitnessed-start >registry.out 2>registry.err &
registry=$!
url=$(tail -f -n +1 --pid="$registry" registry.out |
    sed -n '/http:/{s/.*\(http:[^ ]*\).*/\1/p;q}')
[ -n "$url" ] || { cat registry.err; exit 1; }

# What the registry says of itself.
complete() {
	curl -sS --fail "$url/api/v1/log-keys" >"$1/log-keys"
	curl -sS --fail "$url/trusted_root.json" >"$1/trusted_root.json"
}

# Another's certificate first, so that proofs of the second are not trivial.
"$here/make_model.py" published --unlogged
aicert publish published/model --registry "$url" --log-keys registry/log-keys
complete published

printf 'a text to learn from\n' >text
mkdir tree
printf 'one\n' >tree/a
printf 'two\n' >tree/b
pin=$(sha256sum text | cut -d' ' -f1)
tree=$({ sha256sum tree/a | cut -d' ' -f1 && sha256sum tree/b | cut -d' ' -f1; } |
    tr -d '\n' | sed 's/../\\x&/g' | xargs -0 printf '%b' | sha256sum | cut -d' ' -f1)
cat >job.yaml <<END
version: 2
trainer: command
command: [sh, -c, "cat /inputs/text /inputs/text > m.safetensors && echo '{}' > config.json"]
inputs:
  - {name: text, type: file, uri: text, pin: "sha256:$pin", role: dataset, license: CC0-1.0}
  - {name: more, type: dataset, uri: tree, pin: "sha256:$tree", role: dataset}
outputs: ["*.safetensors", "*.json"]
env: {}
seed: 1
END
mkdir built
aicert tpm-sim init tpm
aicert tpm-sim start tpm
aicert keygen built/builder.key
mv built/builder.key.pub built/builder.pub
aicert build job.yaml --out built/model --key built/builder.key \
    --tpm-sim tpm --log "$url"
aicert publish built/model --registry "$url" --log-keys registry/log-keys
cp tpm/root.pem built/ak-root.pem
complete built

mv built published "$out/"
