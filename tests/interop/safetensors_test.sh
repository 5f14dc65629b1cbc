#!/bin/bash
# The format's own library reads the language model's weights, and finds in
# them the parameters that our reader finds.  It is installed into CACHE, a
# virtual environment, once.
#
# usage: safetensors_test.sh CHARLM CACHE
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu
charlm=${1-}
mkdir -p "${2:?CACHE}"
cache=$(cd "$2" && pwd)
reader=$(cd "$(dirname "$0")/../examples" && pwd)/read_safetensors.py
version=0.8.0
skip() {
	echo "skipped: $*"
	exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
text=/usr/share/common-licenses/GPL-3
[ -r "$text" ] || skip "no $text"

if [ "$(cat "$cache/installed" 2>/dev/null)" != "$version" ]; then
	/usr/bin/python3 -m venv "$cache/venv" >"$cache/pip.log" 2>&1 ||
	    skip "no python3-venv"
	"$cache/venv/bin/pip" install --disable-pip-version-check --retries 1 \
	    --timeout 30 "safetensors==$version" >>"$cache/pip.log" 2>&1 ||
	    skip "pip could not install safetensors $version:" \
	    "$(tail -n 1 "$cache/pip.log")"
	echo "$version" >"$cache/installed"
fi

mkdir model
"$charlm" --text "$text" --out model --steps 20 >log
cat >read.py <<'END'
import struct, sys
from safetensors import deserialize
tensors = deserialize(open(sys.argv[1], "rb").read())
count = 0
for name, t in tensors:
    assert t["dtype"] == "F32", (name, t["dtype"])
    values = struct.unpack("<%df" % (len(t["data"]) // 4), bytes(t["data"]))
    assert all(v == v and abs(v) < 1e6 for v in values), name
    count += len(values)
print("parameters", count)
END
read_it() {
	"$cache/venv/bin/python" read.py model/model.safetensors
}
read_it
theirs=$(read_it | tr -dc 0-9)
ours=$(/usr/bin/python3 "$reader" model/model.safetensors |
    sed -n 's/^parameters: //p')
echo "parameters: $theirs by the library, $ours by our reader"
[ "$ours" = "$theirs" ] && [ "$theirs" -ge 100000 ]
truncate -s -1 model/model.safetensors
if read_it 2>/dev/null; then
	echo "a byte less is read all the same"
	exit 1
fi
