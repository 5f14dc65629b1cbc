# Shell functions of the lint tests, which read this file with `.`.  A lint
# test looks at the source tree $AICERT_SOURCE and prints each fault in a line
# that names its file.

cd "$AICERT_SOURCE"

# The rooms that stand.
rooms() {
	for room in common merkle cert verifier producer registry auditor \
		vm-image; do
		[ ! -d "$room" ] || echo "$room"
	done
}

# The C files of the rooms.
room_files() {
	# shellcheck disable=SC2046
	find $(rooms) -name '*.[ch]' | sort
}

# Every file that is written by hand.
written_files() {
	for folder in $(rooms) .ci bench cmake docs examples fuzz man scripts \
		tests; do
		[ ! -d "$folder" ] || find "$folder" -type f \
			! -path '*/corpus/*' ! -path '*/__pycache__/*'
	done
	find . -maxdepth 1 -type f \( -name '*.md' -o -name 'CMake*' \)
}

# report LOOK: exit 1 with what LOOK prints, 0 where it prints nothing; what
# its programs complain of counts.
report() {
	found=$(set +e; "$@" 2>&1) || :
	[ -n "$found" ] || exit 0
	printf '%s\n' "$found"
	exit 1
}

# skip WHY...: the test cannot run here.
skip() {
	echo "skipped: $*"
	exit 77
}
