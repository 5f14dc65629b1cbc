# Shell functions of the scripts beside this file, which is read with `.`;
# $script names the one that reads it.

script=${0##*/}

# say TEXT...: one line for the person who waits.
say() {
	printf '%s\n' "$*"
}

# die TEXT...: what went wrong and what to do about it; ends the script.
die() {
	printf '%s: %s\n' "$script" "$*" >&2
	exit 1
}

# usage TEXT...: the script was called, or stands, where it cannot run.
usage() {
	printf '%s: %s\n' "$script" "$*" >&2
	exit 2
}

# step WHAT COMMAND...: announces a step in one line, with the command that a
# person would type for it.
step() {
	step_what=$1
	shift
	printf '\n== %s: %s\n' "$step_what" "$*"
}

# run WHAT COMMAND...: announces a step and takes it.
run() {
	step "$@"
	shift
	"$@"
}
