#!/bin/bash
# OpenSSF's model_signing accepts model.sig, and no file changed, added or
# gone.  It is installed into CACHE, a virtual environment, once.
#
# usage: model_signing_test.sh DIR CACHE
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu
dir=${1-}
mkdir -p "${2:?CACHE}"
cache=$(cd "$2" && pwd)
. "$(dirname "$0")/lib.sh"
version=1.1.1
openssl=26.4.0 # 1.1.1 imports it and does not ask for it

exec 9>"$cache/lock"
flock 9
if [ "$(cat "$cache/installed" 2>/dev/null)" != "$version" ]; then
	/usr/bin/python3 -m venv "$cache/venv" >"$cache/pip.log" 2>&1 ||
	    skip "no python3-venv"
	"$cache/venv/bin/pip" install --disable-pip-version-check --retries 1 \
	    --timeout 30 "model-signing==$version" "pyOpenSSL==$openssl" >>"$cache/pip.log" 2>&1 ||
	    skip "pip could not install model-signing $version:" \
	    "$(tail -n 1 "$cache/pip.log")"
	echo "$version" >"$cache/installed"
fi
flock -u 9

cp -R "$dir/model" model
verify() {
	"$cache/venv/bin/model_signing" verify key --signature model/model.sig \
	    --public_key "$dir/builder.pub" model
}
accepts "model.sig" verify
changed=$(find model -type f ! -name model.sig ! -name aicert.jsonl |
    sort | tail -n 1)
cp "$changed" saved
echo >>"$changed"
refuses "a file changed" 'Verification failed' verify
mv saved "$changed"
echo >model/extra
refuses "a file more" 'Verification failed' verify
mv "$changed" gone
mv model/extra "$changed"
rm "$changed"
refuses "a file less" 'Verification failed' verify
mv gone "$changed"
accepts "everything as it was" verify
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
    openssl pkey -pubout -out other.pub
dir=$work
mv other.pub builder.pub
refuses "another builder's key" 'mismatch|failed' verify
finish
