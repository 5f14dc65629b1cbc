# Shell functions of the scripts beside this file, which is read with `.`;
# $script names the one that reads it.

script=${0##*/}
export LC_ALL=C TZ=UTC
umask 022

# Where packages are kept: outside of the source.
cache=${AICERT_IMAGE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/aicert/packages}

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

# deb_file NAME VERSION ARCH: the name of a package's file, as archives have it.
deb_file() {
	printf '%s_%s_%s.deb' "$1" "$(printf %s "$2" | sed 's/:/%3a/')" "$3"
}

# fetch_debs LIST: the packages whose name, version and architecture begin the
# lines of LIST, in the cache; from there, or from this machine's own package
# sources, all those at once.
fetch_debs() {
	mkdir -p "$cache"
	fetch_to=$(mktemp -d "$cache/new.XXXXXX")
	while read -r fetch_name fetch_v fetch_arch _; do
		[ -e "$cache/$(deb_file "$fetch_name" "$fetch_v" "$fetch_arch")" ] ||
			printf '%s=%s\n' "$fetch_name" "$fetch_v"
	done <"$1" >"$fetch_to/missing"
	if [ -s "$fetch_to/missing" ] && ! (
		cd "$fetch_to"
		tr '\n' '\0' <missing | xargs -0 apt-get -qq \
			-o APT::Sandbox::User=root download
	) >"$fetch_to/said" 2>&1; then
		sed 's/^/  apt-get: /' "$fetch_to/said" >&2
		fetch_n=$(wc -l <"$fetch_to/missing")
		fetch_first=$(head -n 1 "$fetch_to/missing")
		rm -rf "$fetch_to"
		die "$fetch_n packages, $fetch_first first, are neither in the" \
			"cache $cache nor all in this machine's package" \
			"sources; apt-get update, or vm-image/lock to take" \
			"the versions of today"
	fi
	find "$fetch_to" -name '*.deb' -exec mv {} "$cache/" ';'
	rm -rf "$fetch_to"
}
