#!/bin/bash
# CycloneDX's own validator accepts the bill of materials of our certificates;
# see cyclonedx/validate.js.  The package is installed into CACHE, once.
#
# usage: cyclonedx_test.sh DIR CACHE
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu
dir=${1-}
mkdir -p "${2:?CACHE}"
cache=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)/cyclonedx
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
	    --no-update-notifier --ignore-scripts --omit=optional \
	    --fetch-retries=1 --fetch-timeout=30000) >"$cache/npm.log" 2>&1 ||
	    skip "npm could not install @cyclonedx/cyclonedx-library:" \
	    "$(grep -m 1 -i 'code\|error' "$cache/npm.log" || echo 'see npm.log')"
	cp "$here/package.json" "$cache/installed.json"
fi
flock -u 9
export NODE_PATH=$cache/node_modules

"$AICERT_BIN/aicert" export "$dir/model" --format cyclonedx \
    --name 'acme/"small" <model>' >bom.json
accepts "the bill of materials" node "$here/validate.js" bom.json
sed 's/"urn:uuid:/&x/' bom.json >serial.json
refuses "a serial number that is none" "not valid" \
    node "$here/validate.js" serial.json
sed 's/"type":"machine-learning-model"/"type":"model"/' bom.json >type.json
refuses "an unknown type" "not valid" node "$here/validate.js" type.json
sed 's/"alg":"SHA-256"/"alg":"SHA-255"/' bom.json >alg.json
refuses "an unknown hash" "not valid" node "$here/validate.js" alg.json
sed 's/"modelParameters":{/&"x":1,/' bom.json >member.json
refuses "an unknown member" "not valid" node "$here/validate.js" member.json
exit $((failures > 0))
