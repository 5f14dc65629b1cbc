#!/bin/sh
# tessera.sh -- Tessera's POSIX conformance binary with antispam, under its own
# hammer, on this machine: prints one line of JSON.
#
# usage: tessera.sh REGISTRY COUNT SIZE
#   REGISTRY  aicert-registry, which makes the log key
#   COUNT     entries to write
#   SIZE      bytes of an entry
# The programs are built by Go from its module proxy in a temporary folder,
# $AICERT_TESSERA where it is set, which then keeps them.
# Exit code: 0 done, 77 there is no Go or no proxy (the reason is printed).
set -eu

VERSION=v1.0.2
WRITERS=1000
registry=$1
count=$2
size=$3

for go in go /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
	command -v "$go" >/dev/null && break
done
command -v "$go" >/dev/null || { echo "there is no Go"; exit 77; }

top=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || :
	chmod -R u+w "$top" && rm -rf "$top"' EXIT
trap 'exit 1' INT TERM
built=${AICERT_TESSERA:-$top/built}

if [ ! -x "$built/hammer" ]; then
	mkdir -p "$built"
	GOPATH=$top/go GOCACHE=$top/cache GOBIN=$built GOFLAGS=-modcacherw
	export GOPATH GOCACHE GOBIN GOFLAGS
	"$go" install "github.com/transparency-dev/tessera/cmd/conformance/posix@$VERSION" \
		>"$top/said" 2>&1 &&
	"$go" install "github.com/transparency-dev/tessera/internal/hammer@$VERSION" \
		>>"$top/said" 2>&1 || {
		echo "Tessera $VERSION cannot be built: $(tail -n 1 "$top/said")"
		exit 77
	}
fi

# The key of a log of ours has the form that theirs has.
"$registry" init "$top/log" --origin tessera.example >/dev/null
public=$(sed -n 's/^log \([^ ]*\).*/\1/p' "$top/log/log-keys")
mkdir "$top/store"
port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')

"$built/posix" --storage_dir "$top/store" --private_key "$top/log/log.key" \
	--listen "127.0.0.1:$port" --antispam >"$top/server" 2>&1 &
server=$!
tries=0
until python3 -c "import socket
socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || { cat "$top/server" >&2; exit 1; }
	sleep 0.1
done

began=$(date +%s.%N)
"$built/hammer" --log_public_key "$public" \
	--log_url "file://$top/store/" \
	--write_log_url "http://127.0.0.1:$port/" --show_ui=false \
	--num_writers $WRITERS --max_write_ops 1000000 \
	--num_readers_random 0 --num_readers_full 0 --dup_chance 0 \
	--leaf_min_size "$size" --leaf_write_goal "$count" --max_runtime 5m \
	>"$top/hammer" 2>&1 || { tail -n 3 "$top/hammer" >&2; exit 1; }
ended=$(date +%s.%N)
ticks=$(awk '{ print $14 + $15 }' "/proc/$server/stat")
rss=$(awk '/VmHWM/ { print $2 }' "/proc/$server/status")
awk -v a="$began" -v b="$ended" -v n="$count" -v t="$ticks" \
	-v h="$(getconf CLK_TCK)" -v r="$rss" -v v="$VERSION" -v w=$WRITERS \
	'BEGIN { printf "{\"version\":\"%s\",\"entries\":%d,\"writers\":%d," \
	"\"seconds\":%.2f,\"perSecond\":%.0f,\"cpuSeconds\":%.1f," \
	"\"rssMB\":%.0f}\n", v, n, w, b - a, n / (b - a), t / h, r / 1024 }'
