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
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/model_signing.sh"

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
