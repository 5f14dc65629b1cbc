#!/bin/bash
# Tests what aicert-verify makes of the files: folders, one file, the Hugging
# Face cache, shards, indexes of tensors, and all that can lie about instead.
#
# usage: files_test.sh AICERT_VERIFY WRITE_FIXTURE
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -u
verify=$(realpath "$1")
fixture=$(realpath "$2")
if ! command -v python3 >/dev/null; then
	echo "skipped: python3 is not there"
	exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
failures=0

bad() {
	echo "FAILED: $*"
	sed 's/^/    /' out | head -5
	failures=$((failures + 1))
}

# expect CODE WORDS WHAT ARGS...: exit code, words; no byte that is no text.
expect() {
	want=$1 words=$2 what=$3
	shift 3
	timeout 120 "$verify" --policy policy "$@" >out 2>&1 </dev/null
	code=$?
	[ "$code" -eq "$want" ] || bad "$what: exit code $code, wanted $want"
	grep -qF -- "$words" out || bad "$what: does not say \"$words\""
	[ "$(LC_ALL=C tr -d '\n -~' <out | wc -c)" -eq 0 ] ||
		bad "$what: prints bytes that are no plain text"
}

# model KIND: a model in ./model, its policy in ./policy.
model() {
	chmod -R u+rwx model 2>/dev/null
	rm -rf model
	if [ ! -d "made/$1" ]; then
		mkdir -p "made/$1"
		"$fixture" "$1" "made/$1" "made/$1.policy" || exit 1
	fi
	cp -a "made/$1" model
	cp "made/$1.policy" policy
}

# sha FILE
sha() {
	sha256sum "$1" | cut -c 1-64
}

# ---- One file ----
model right
expect 0 "VERIFIED  (this file alone)" "one file" model/model.safetensors
expect 0 "1 of 3 lines of the manifest; the others are not checked" \
	"one file, what was not checked" model/config.json
"$verify" --json --policy policy model/config.json >out 2>&1
grep -q '"fileAlone":true' out || bad "one file: JSON does not say fileAlone"
(cd model && "$verify" --policy ../policy model.safetensors) >out 2>&1 ||
	bad "one file, from its folder"
mkdir away
cp model/model.safetensors away
expect 2 "there is no aicert.jsonl" "one file without its certificate" \
	away/model.safetensors
expect 0 "(this file alone)" "one file, its certificate named" \
	--certificate model/aicert.jsonl away/model.safetensors
cp model/model.safetensors away/renamed.safetensors
expect 1 'lists no file "renamed.safetensors"' "one file renamed" \
	--certificate model/aicert.jsonl away/renamed.safetensors
cp model/config.json away/model.safetensors
expect 1 'file "model.safetensors" differs' "another file of that name" \
	--certificate model/aicert.jsonl away/model.safetensors
ln -s ../model/model.safetensors away/link
expect 1 'symbolic link: "link"' "one file that is a link" \
	--certificate model/aicert.jsonl away/link
expect 1 'no file that a certificate covers: "aicert.jsonl"' \
	"the certificate itself" model/aicert.jsonl
rm model/config.json
expect 0 "(this file alone)" "one file of an incomplete folder" \
	model/model.safetensors
rm model/model.sig
expect 1 "no model.sig" "one file without model.sig" model/model.safetensors
mkfifo away/fifo
expect 2 "neither a folder nor a file" "a FIFO" \
	--certificate model/aicert.jsonl away/fifo
expect 2 "neither a folder nor a file" "a device" /dev/null
expect 2 "No such file" "no such file" model/absent
expect 2 "Not a directory" "a folder that is a file" policy/model.safetensors

# ---- The certificate elsewhere, or another one ----
model right
mkdir certificate other
mv model/aicert.jsonl model/model.sig certificate
expect 2 "there is no aicert.jsonl" "a folder without certificate" model
expect 0 "3 files" "a certificate in another folder" \
	--certificate certificate/aicert.jsonl model
expect 2 "cannot open \"absent\"" "a named certificate that is not there" \
	--certificate absent model
expect 2 "not a regular file" "a folder as certificate" \
	--certificate certificate model
mkfifo pipe
expect 2 "not a regular file" "a FIFO as certificate" --certificate pipe model
"$fixture" shards other other.policy || exit 1
cat certificate/aicert.jsonl other/aicert.jsonl >two
cp certificate/model.sig .
expect 1 "step 1" "two certificates for one model" --certificate two model
cp certificate/* model
expect 1 "step" "the certificate of another model" \
	--certificate other/aicert.jsonl model
truncate -s 5G model/aicert.jsonl
expect 2 "aicert.jsonl: " "a certificate of 5 GB" model
truncate -s 5G model/model.sig
cp certificate/aicert.jsonl model
expect 2 "model.sig: " "a model.sig of 5 GB" model

# ---- Extra files ----
model right
mkdir -p model/docs/a
echo x >model/README.md
echo x >model/docs/a/b.txt
expect 1 'extra file "README.md"' "extra files" model
expect 1 'extra file "docs/a/b.txt"' "one of them allowed" \
	--allow-extra README.md model
expect 1 'extra file "docs/a/b.txt"' "a glob of one folder" \
	--allow-extra '*.md' --allow-extra 'docs/*' model
expect 0 "3 files, none missing or different; 2 extra, as allowed" \
	"both allowed" --allow-extra '*.md' --allow-extra 'docs/**' model
ln -s README.md model/link.md
expect 1 'symbolic link: "link.md"' "a link is not allowed as extra" \
	--allow-extra '**' model
rm model/link.md model/config.json
expect 1 'missing file "config.json"' "what is missing is not allowed" \
	--allow-extra '**' model
model right
echo x >>model/config.json
expect 1 'file "config.json" differs' "what differs is not allowed" \
	--allow-extra '**' model
model right
mkdir -p model/sub/.git model/sub/.cache/huggingface
echo x >model/sub/.git/config
expect 1 'extra file "sub/.git/config"' "ignored at the top only" model
rm -r model/sub/.git
echo x >model/sub/aicert.jsonl
expect 1 'extra file "sub/aicert.jsonl"' "a certificate further down" model

# ---- The Hugging Face cache ----
# cache KIND: a model of KIND as the cache has it; $rev is its folder.
cache() {
	model "$1"
	rm -rf cache
	repo=cache/models--org--name
	rev=$repo/snapshots/0123
	mkdir -p $repo/blobs $repo/refs $rev
	for file in model/*; do
		blob=$(sha "$file")
		cp "$file" "$repo/blobs/$blob"
		ln -s "../../blobs/$blob" "$rev/$(basename "$file")"
	done
}
cache right
expect 0 "3 files, none missing, extra or different" "a revision" $rev
expect 0 "(this file alone)" "a file of a revision" $rev/model.safetensors
(cd $rev && "$verify" --policy "$tmp/policy" .) >out 2>&1 ||
	bad "a revision, from within"
ln -s "$PWD/$rev" tip
expect 0 "3 files" "a link to the revision" tip
echo x >>"$repo/blobs/$(sha model/config.json)"
expect 1 'file "config.json" differs' "a blob that differs" $rev
cache right
rm "$repo/blobs/$(sha model/config.json)"
expect 2 'cannot read: "config.json"' "a blob that is gone" $rev

# refuse WHAT TARGET: config.json is a link to TARGET.
refuse() {
	cache right
	ln -sfn "$2" $rev/config.json
	expect 1 'symbolic link, not into the blobs of its model: "config.json"' \
		"a link $1" $rev
}
hash=$(sha model/config.json)
refuse "out of the cache" "$tmp/model/config.json"
refuse "to another model's blobs" \
	"../../../models--org--name/blobs/$hash"
refuse "by its full path" "$tmp/$repo/blobs/$hash"
refuse "beneath blobs" "../../blobs/../blobs/$hash"
refuse "to no hash" "../../blobs/config.json"
refuse "with more behind the hash" "../../blobs/$hash/x"
refuse "one folder too far up" "../../../blobs/$hash"
refuse "one folder too few" "../blobs/$hash"
refuse "to the blobs themselves" "../../blobs"
refuse "to a file beside it" "model.safetensors"
refuse "to nothing" "../../blobs/"
cache right
mkdir "$repo/elsewhere"
mv $rev "$repo/elsewhere/0123"
expect 1 'symbolic link: "config.json"' "not in snapshots" \
	"$repo/elsewhere/0123"
cache right
mv "$repo/blobs" "$repo/store"
ln -s store "$repo/blobs"
expect 1 'symbolic link: "config.json"' "blobs are a link" $rev
cache right
rm "$repo/blobs/$hash"
ln -s "$tmp/model/config.json" "$repo/blobs/$hash"
expect 1 'link to what is no file: "config.json"' "a blob that is a link" $rev

# ---- Shards ----
model shards
expect 0 "1 files, none missing, extra or different, in 4 shards" "shards" model
expect 0 "in 4 shards" "shards of one file" model/model.safetensors
printf X | dd of=model/model.safetensors bs=1 seek=650 conv=notrunc status=none
expect 1 'shard "model.safetensors:600:900" differs' "a byte of a shard" model
model shards
echo x >>model/model.safetensors
expect 1 "longer or shorter than its shards" "a byte more" model
truncate -s 900 model/model.safetensors
expect 1 "longer or shorter than its shards" "a shard less" model
rm model/model.safetensors
expect 1 'missing file "model.safetensors"' "no file of shards" model
model shards
: >model/empty
expect 0 "1 empty, which shards do not list" "an empty file beside" model
echo x >model/extra
expect 1 'extra file "extra"' "a file more beside shards" model

# ---- Indexes of tensors ----
model index
expect 0 "3 files" "an index" model
for wrong in absent:'names "model-2.safetensors"' \
	no-weights:'names "config.json"' number:'names what is no file' \
	up:'names "../model.safetensors"' empty:'has no map' \
	twice:'is no index of tensors'; do
	model "index-${wrong%%:*}"
	expect 1 "${wrong#*:}" "an index, ${wrong%%:*}" model
done
expect 0 "(this file alone)" "one file beside a wrong index" \
	model/model.safetensors

# ---- What else can lie in a folder ----
model right
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("model/socket")'
expect 1 'neither a file nor a folder: "socket"' "a socket" model
rm model/socket
if mknod model/device c 1 3 2>/dev/null; then
	expect 1 'neither a file nor a folder: "device"' "a device" model
	rm model/device
else
	echo "note: no device could be made"
fi
mv model/config.json config.json
ln config.json model/config.json
expect 0 "3 files" "a hard link" model
chmod 500 model
chmod 400 model/*
expect 0 "3 files" "everything read-only" model
chmod -R u+w model
ln -s nowhere model/b
mkfifo model/a
expect 1 '"a"' "of two faults the first by name" model
rm model/a model/b

model right
chmod 755 "$tmp"
chmod -R a+rX model policy
chmod 0 model/config.json
if [ "$(id -u)" -ne 0 ]; then
	expect 2 'cannot read: "config.json": Permission denied' \
		"a file that may not be read" model
elif setpriv --reuid=65534 --regid=65534 --clear-groups "$verify" --version \
	>/dev/null 2>&1; then
	setpriv --reuid=65534 --regid=65534 --clear-groups "$verify" \
		--policy policy model >out 2>&1
	[ $? -eq 2 ] || bad "a file that may not be read: another exit code"
	grep -qF 'cannot read: "config.json": Permission denied' out ||
		bad "a file that may not be read: does not say so"
	chmod 644 model/config.json
	mkdir -m 0 model/closed
	setpriv --reuid=65534 --regid=65534 --clear-groups "$verify" \
		--policy policy model >out 2>&1
	[ $? -eq 2 ] || bad "a folder that may not be read: another exit code"
	grep -qF 'cannot read: "closed": Permission denied' out ||
		bad "a folder that may not be read: does not say so"
else
	echo "note: nobody else to run as: permissions are not tested"
fi

model right
python3 -c '
import os
os.chdir("model")
for i in range(3000):
    os.mkdir("d")
    os.chdir("d")
open("file", "w").close()'
expect 1 "a name that no model's file may have" "a tree of 3,000 levels" model
model right
python3 -c '
import os
os.mkdir("model/many")
for i in range(100000):
    open("model/many/%06d" % i, "w").close()'
expect 1 'extra file "many/000000"' "100,000 files more" model
expect 0 "100000 extra" "100,000 files more, allowed" \
	--allow-extra 'many/*' model
rm -rf model/many

# changing NAME CHANGE: of config.json all the while that it is read; CHANGE is
# Python, of a file f that is open and a number n that goes up.
changing() {
	model right
	truncate -s 2G model/config.json
	"$verify" --no-sandbox --policy policy model/config.json >out 2>&1 &
	pid=$!
	python3 -c '
import os, sys
with open("model/config.json", "r+b", buffering=0) as f:
    n = 0
    while os.path.exists("/proc/" + sys.argv[1] + "/exe"):
        n += 1
        exec(sys.argv[2])' $pid "$2" &
	changer=$!
	wait $pid
	code=$?
	wait $changer
	[ "$code" -eq 1 ] || bad "$1: exit code $code"
	grep -qF 'the file changed while it was read: "config.json"' out ||
		bad "$1: does not say so"
}

changing "a file that changes" 'os.utime(f.fileno(), ns=(n, n))'
changing "a file that is written to" 'f.seek(n % 4096); f.write(b"x")'
changing "a file that is cut" 'f.truncate((2 << 30) - n)'
rm -f model/config.json

# Nothing of the progress in a pipe; a rate and the time left on a terminal.
model right
truncate -s 1G model/config.json
"$verify" --policy policy model/config.json 2>err >out
[ ! -s err ] || bad "progress in a pipe"
python3 -c '
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "--policy", "policy",
                           "model/config.json"])
said = b""
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    said += got
os.waitpid(pid, 0)
open("said", "wb").write(said)' "$verify"
grep -q 'MiB/s' said && grep -q 's left' said ||
	bad "no progress on a terminal"

if [ "$failures" -ne 0 ]; then
	echo "$failures failures"
	exit 1
fi
echo "all passed"
