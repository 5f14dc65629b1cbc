# lib.sh -- for the shell tests of this folder: a certificate taken apart with
# sed and base64, which its compact JSON allows.  Sourced with $dir, a folder
# as producer.py describes it; works in a new $work, which goes at the end.

if [ -z "${dir-}" ]; then
	echo "usage: ${0##*/} DIR..." >&2
	exit 2
fi
if [ ! -d "$dir/model" ]; then
	echo "skipped: there is no $dir; fixture.sh says why"
	exit 77
fi
dir=$(cd "$dir" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
failures=0

skip() {
	echo "skipped: $*"
	exit 77
}

# accepts NAME COMMAND...: it exits with 0.
accepts() {
	local name=$1
	shift
	if "$@" >out 2>&1; then
		echo "ok   $name"
	else
		echo "FAIL $name: $*"
		cat out
		failures=$((failures + 1))
	fi
}

# refuses NAME PATTERN COMMAND...: it does not, and says what is wrong.
refuses() {
	local name=$1 says=$2
	shift 2
	if ! "$@" >out 2>&1 && grep -Eq -- "$says" out; then
		echo "ok   $name is refused"
	else
		echo "FAIL $name: expected a refusal with /$says/: $*"
		cat out
		failures=$((failures + 1))
	fi
}

# string NAME FILE: the value of the first member of that name.
string() {
	grep -o "\"$1\":\"[^\"]*\"" "$2" | head -n 1 | cut -d'"' -f4
}

hex() {
	od -An -v -tx1 | tr -d ' \n'
}

unhex() {
	printf '%b' "$(sed 's/../\\x&/g')"
}

# statement FILE NAME: FILE is a bundle; its parts become NAME, .sig, .pae.
statement() {
	string payload "$1" | base64 -d >"$2"
	string sig "$1" | base64 -d >"$2.sig"
	printf 'DSSEv1 28 application/vnd.in-toto+json %d ' \
	    "$(wc -c <"$2")" | cat - "$2" >"$2.pae"
}

# The quotes and the AK of the statement in file evidence.
quotes() {
	local n=1 when
	for when in start end; do
		grep -o '"attest":"[^"\]*"' evidence | sed -n "${n}p" |
		    cut -d'"' -f4 | base64 -d >"$when.attest"
		grep -o '"signature":"[^"\]*"' evidence | sed -n "${n}p" |
		    cut -d'"' -f4 | base64 -d >"$when.signature"
		grep -o '"pcrs":{[^}]*}' evidence | sed -n "${n}p" |
		    grep -oE '[0-9a-f]{64}' | tr -d '\n' | unhex >"$when.pcrs"
		n=2
	done
	n=0
	sed 's/.*"certChain":\[\([^]]*\)\].*/\1/' evidence | tr ',' '\n' |
	    tr -d '"' | while read -r der; do
		echo "$der" | base64 -d |
		    openssl x509 -inform DER -out "chain$n.pem"
		n=$((n + 1))
	done
	openssl x509 -in chain0.pem -noout -pubkey >ak.pub
}

# sha256 FILE: hex
sha256() {
	openssl dgst -sha256 -r "$1" | cut -d' ' -f1
}

# The file with the last byte of its content changed, as file bent.
bend() {
	head -c -1 "$1" >bent
	tail -c 1 "$1" | tr '\000-\377' '\001-\377\000' >>bent
}

finish() {
	[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
	exit 0
}
