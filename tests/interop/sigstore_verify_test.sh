#!/bin/bash
# Sigstore's own verifier for Node reads our certificates; see
# sigstore_verify/verify.js.  The package is installed into CACHE, once.
#
# usage: sigstore_verify_test.sh DIR CACHE
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu
dir=${1-}
mkdir -p "${2:?CACHE}"
cache=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)/sigstore_verify
. "$(dirname "$0")/lib.sh"

command -v node >/dev/null || skip "no node"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip "node $major is older than 20"
command -v npm >/dev/null || skip "no npm"

exec 9>"$cache/lock"
flock 9
if ! cmp -s "$here/package.json" "$cache/installed.json"; then
	cp "$here/package.json" "$cache/"
	(cd "$cache" && npm install --no-package-lock --no-audit --no-fund \
	    --no-update-notifier --ignore-scripts --fetch-retries=1 \
	    --fetch-timeout=30000) >"$cache/npm.log" 2>&1 ||
	    skip "npm could not install @sigstore/verify:" \
	    "$(grep -m 1 -i 'code\|error' "$cache/npm.log" || echo 'see npm.log')"
	cp "$here/package.json" "$cache/installed.json"
fi
flock -u 9
NODE_PATH=$cache/node_modules node "$here/verify.js" "$dir"
