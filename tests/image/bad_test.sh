#!/bin/sh
# What vm-image/build and aicert-image run refuse, each with one message that
# says what to do; and what a build leaves behind then: nothing.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
build=$AICERT_SOURCE/vm-image/build
PATH=$PATH:/usr/sbin:/sbin
for tool in mksquashfs veritysetup mcopy sfdisk swtpm qemu-system-x86_64; do
	command -v "$tool" >/dev/null ||
		{ echo "skipped: $tool is not installed"; exit 77; }
done
bad=0
export AICERT_IMAGE_CACHE="$tmp/cache"
mkdir "$tmp/cache" "$tmp/programs" "$tmp/out"
for name in aicert-producer aicert-fetch aicert-image image-init; do
	printf '#!/bin/sh\n' >"$tmp/programs/$name"
	chmod +x "$tmp/programs/$name"
done

# refused CODE SAYS COMMAND...: it ends so, and its last line has these words.
refused() {
	code=$1 says=$2
	shift 2
	status=0
	"$@" >"$tmp/said" 2>&1 || status=$?
	if [ "$status" != "$code" ] || ! sed "/^Try /d" "$tmp/said" | tail -n 1 |
		grep -qF -- "$says"; then
		echo "$*: exit $status, expected $code and \"$says\":"
		cat "$tmp/said"
		bad=1
	fi
}
# without NAME: the programs there are, but for that one.
without() {
	rm -rf "$tmp/bin"
	mkdir "$tmp/bin"
	printf '%s\n' "$PATH" | tr ':' '\n' | while read -r dir; do
		ls "$dir" 2>/dev/null | while read -r name; do
			[ "$name" = "$1" ] || [ -e "$tmp/bin/$name" ] ||
				echo "$dir/$name"
		done
	done | awk -F/ '!seen[$NF]++' | xargs ln -s -t "$tmp/bin"
}

set -- "$build" --out "$tmp/out" --programs "$tmp/programs" --offline
refused 1 "is not in the cache" "$@"
refused 2 "no such option: --fast" "$@" --fast
refused 2 "--version: letters" "$@" --version "1 2"
refused 2 "--version needs a value" "$@" --version
refused 2 "--sign needs" "$@" --sign key
refused 2 "--oci NAME=FILE" "$@" --oci image.tar
refused 2 "--oci NAME=FILE" "$@" --oci ../up=image.tar
refused 1 "cannot be read" "$@" --oci "train=$tmp/none"
refused 1 "is not there; cmake" "$@" --programs "$tmp"

# A package in the cache that is not the one of the list.
while read -r name version arch _; do
	: >"$tmp/cache/${name}_$(echo "$version" | sed 's/:/%3a/')_$arch.deb"
done <"$AICERT_SOURCE/vm-image/packages.lock"
refused 1 "not those of packages.lock" "$@"

# Too little disk; a tool that is not installed.
mkdir "$tmp/small"
cat >"$tmp/small/df" <<'END'
#!/bin/sh
printf 'Filesystem 1024-blocks Used Available\n/dev/x 9 9 200000\n'
END
chmod +x "$tmp/small/df"
refused 1 "195 MB of disk left, 1500 are needed" \
	env PATH="$tmp/small:$PATH" "$@"
without mksquashfs
sed 's|PATH=$PATH:/usr/sbin:/sbin|:|' "$build" >"$tmp/build"
refused 1 "apt-get install squashfs-tools" \
	env PATH="$tmp/bin" sh -c '. /dev/null; cd "$0" && exec sh vm-image/build "$@"' \
	"$AICERT_SOURCE" --out "$tmp/out" --programs "$tmp/programs" \
	--offline

# Neither an archive that has them.
mkdir "$tmp/apt"
printf '#!/bin/sh\necho "E: no such version" >&2\nexit 100\n' >"$tmp/apt/apt-get"
chmod +x "$tmp/apt/apt-get"
rm -r "$tmp/cache"
refused 1 "neither in the cache" env PATH="$tmp/apt:$PATH" \
	sh -c '"$0" "$@" 2>&1 | tr "\n" " "; exit 1' \
	"$build" --out "$tmp/out" --programs "$tmp/programs"
[ -z "$(ls "$tmp/out")" ] || { echo "left behind: $(ls "$tmp/out")"; bad=1; }

# A machine that cannot start.
image=$AICERT_BIN/aicert-image
cd "$tmp"
: >disk
refused 2 "one disk" "$image" run
refused 2 "one disk only" "$image" run disk disk
refused 2 "tcg or kvm" "$image" run disk --accel fast
refused 2 "at least 512" "$image" run disk --memory 5
refused 2 "1 to 65535" "$image" run disk --port 0
refused 2 "no such option" "$image" run disk --fast
refused 2 "cannot be read" "$image" run none --tpm tpm
refused 2 "variables of OVMF" "$image" run disk --tpm tpm --secure-boot none
refused 2 "scratch disk" "$image" run disk --tpm tpm --scratch none
without qemu-system-x86_64
refused 2 "apt-get install qemu-system-x86" env PATH="$tmp/bin" "$image" run \
	disk --tpm tpm
without swtpm
refused 2 "apt-get install swtpm" env PATH="$tmp/bin" "$image" run disk \
	--tpm tpm
# QEMU's own words where it does not start: a port that is taken.
refused 2 "ended before it answered" "$image" run disk --tpm tpm -- -no-such
# Its TPM went with it.
if pgrep -f "tpmstate dir=$tmp/" >"$tmp/left"; then
	echo "still running: swtpm $(cat "$tmp/left")"
	bad=1
fi
exit $bad
