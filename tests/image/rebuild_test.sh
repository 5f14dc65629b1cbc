#!/bin/sh
# vm-image/rebuild-check: two builds from the cache without a network are the
# same, every byte; and where a program differs between them, it is named.
set -eu
[ "${AICERT_VM-}" = all ] || {
	echo "skipped: builds four images; AICERT_VM=all ctest -L vm runs it"
	exit 77
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
PATH=$PATH:/usr/sbin:/sbin
for tool in mksquashfs veritysetup mcopy sfdisk objcopy; do
	command -v "$tool" >/dev/null ||
		{ echo "skipped: $tool is not installed"; exit 77; }
done
mkdir "$tmp/programs"
for name in aicert-producer aicert-fetch aicert-image image-init; do
	cp "$AICERT_BIN/$name" "$tmp/programs/" ||
		{ echo "skipped: $name is not in this build"; exit 77; }
done
check=$AICERT_SOURCE/vm-image/rebuild-check
status=0
"$check" --programs "$tmp/programs" >"$tmp/said" 2>&1 || status=$?
cat "$tmp/said"
if [ "$status" = 2 ] && grep -q "is not in the cache" "$tmp/said"; then
	echo "skipped: the packages are not in the cache; vm-image/build"
	exit 77
fi
[ "$status" = 0 ]
grep -q "^the same, every byte" "$tmp/said"

# A builder whose clock gets into the image: kmod's index of modules.
mkdir "$tmp/bin"
cat >"$tmp/bin/depmod" <<END
#!/bin/sh
$(command -v depmod) "\$@"
date +%N >"\$2/lib/modules/\$3/modules.builtin.bin"
END
chmod +x "$tmp/bin/depmod"
status=0
PATH="$tmp/bin:$PATH" "$check" --programs "$tmp/programs" \
	>"$tmp/said" 2>&1 || status=$?
cat "$tmp/said"
[ "$status" = 1 ]
grep -q "root/usr/lib/modules/.*/modules.builtin.bin" "$tmp/said"
