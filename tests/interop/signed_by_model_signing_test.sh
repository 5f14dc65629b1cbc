#!/bin/bash
# aicert-verify accepts a model.sig that OpenSSF's model_signing made, and both
# are of one mind about what has become of the files; where they are not, it is
# on purpose, and said in docs/DESIGN.md.
#
# usage: signed_by_model_signing_test.sh CACHE AICERT_VERIFY WRITE_FIXTURE
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu
mkdir -p "${1:?CACHE}"
cache=$(cd "$1" && pwd)
verify=$(realpath "$2")
fixture=$(realpath "$3")
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
mkdir "$dir/model"
. "$here/lib.sh"
trap 'rm -rf "$work" "$dir"' EXIT
. "$here/model_signing.sh"
bin=$cache/venv/bin

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem \
	2>/dev/null
openssl pkey -in key.pem -pubout -out key.pub

# Names whose order is another by their parts than by their characters.
mkdir -p right/onnx
echo a >right/onnx/model.onnx
echo b >right/onnx.json
echo c >right/onnx-a
: >right/empty.json
head -c 100000 /dev/zero >right/model.safetensors
mkdir right/.git
echo git >right/.git/config
# What is in the certificate's name is ignored before it is there.
"$bin/model_signing" sign key --private_key key.pem \
	--signature right/model.sig --ignore-paths right/aicert.jsonl \
	--ignore-paths right/.cache/huggingface right >out 2>&1 ||
	{ cat out; exit 1; }
"$fixture" foreign right policy key.pem

ours() {
	timeout 60 "$verify" --policy policy model
}
theirs() {
	"$bin/model_signing" verify key --signature model/model.sig \
		--public_key key.pub "$@" model
}

# both accepts|refuses WHAT: of the folder model, which is then fresh again.
both() {
	"$1" "$2, model_signing" ${3:+"$3"} theirs
	"$1" "$2, aicert-verify" ${3:+"$4"} ours
	fresh
}
fresh() {
	rm -rf model
	cp -a right model
}
fresh

both accepts "what model_signing signed"
echo x >>model/onnx.json
both refuses "a file changed" 'Hash mismatch' 'file "onnx.json" differs'
: >model/onnx.json
both refuses "a file emptied" 'Hash mismatch' 'file "onnx.json" differs'
rm model/onnx-a
both refuses "a file less" 'Missing files' 'missing file "onnx-a"'
rm model/empty.json
both refuses "an empty file less" 'Missing files' 'missing file "empty.json"'
echo x >model/extra
both refuses "a file more" 'Extra files' 'extra file "extra"'
: >model/onnx/extra
both refuses "an empty file more" 'Extra files' 'extra file "onnx/extra"'
mv model/onnx-a model/onnx-b
both refuses "a file renamed" 'Extra files|Missing files' 'onnx-'
mv model/onnx-a saved
mv model/onnx.json model/onnx-a
mv saved model/onnx.json
both refuses "two files exchanged" 'Hash mismatch' 'differs'
mkdir model/onnx/.git
echo x >model/onnx/.git/config
both refuses "a .git further down" 'Extra files' 'extra file "onnx/.git/config"'
mkdir model/folder
both accepts "an empty folder more"
echo x >>model/.git/config
echo x >model/.gitignore
both accepts "what git has"
mkdir -p model/.cache/huggingface
echo x >model/.cache/huggingface/lock
both accepts "what the Hugging Face client leaves"
mv model/onnx-a away
ln -s ../away model/onnx-a
both refuses "a link to a file" 'symlink' 'symbolic link: "onnx-a"'
ln -s ../away model/link
both refuses "a link more" 'symlink' 'symbolic link: "link"'
mv model/onnx folder
ln -s ../folder model/onnx
both refuses "a link to a folder" 'symlink' 'symbolic link: "onnx"'
rm -rf folder
mkfifo model/pipe
both refuses "a FIFO" 'Cannot use|special file' 'neither a file nor a folder'
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
	openssl pkey -pubout -out other.pub
mv key.pub kept.pub
mv other.pub key.pub
refuses "another key, model_signing" 'mismatch|failed' theirs
mv kept.pub key.pub

# ---- Where they differ, on purpose ----

# A link whose target has the right bytes: only model_signing can be told to
# follow it, to wherever it leads.
"$bin/model_signing" sign key --private_key key.pem --allow_symlinks \
	--signature model/model.sig --ignore-paths model/aicert.jsonl model \
	>out 2>&1 || { cat out; exit 1; }
accepts "links allowed, model_signing" theirs
refuses "links allowed, aicert-verify" 'step 1' ours
fresh
# What the signer left out is not covered by anybody.
"$bin/model_signing" sign key --private_key key.pem \
	--signature model/model.sig --ignore-paths model/aicert.jsonl \
	--ignore-paths model/onnx.json model >out 2>&1 || { cat out; exit 1; }
accepts "a file that the signer left out, model_signing" theirs
refuses "a file that the signer left out, aicert-verify" 'step 1' ours
fresh
# Both are told to overlook what is not listed.
echo x >model/extra
accepts "a file more, asked for, model_signing" theirs --ignore_unsigned_files
accepts "a file more, asked for, aicert-verify" timeout 60 "$verify" \
	--policy policy --allow-extra extra model
fresh

# Shards: its program has no way to verify them, its library has.
rm -rf sharded
cp -a right sharded
# A certificate names every shard of a weight file; here are no others.
rm -r sharded/aicert.jsonl sharded/model.sig sharded/onnx* sharded/empty.json
cp sharded/model.safetensors sharded/model-2.onnx
cat >shards.py <<'END'
import pathlib, sys
import model_signing as ms
folder = pathlib.Path(sys.argv[2])
hashing = ms.hashing.Config().use_shard_serialization(
    shard_size=30000).set_ignored_paths(paths=["model.sig", "aicert.jsonl"])
if sys.argv[1] == "sign":
    ms.signing.Config().use_elliptic_key_signer(private_key="key.pem") \
        .set_hashing_config(hashing).sign(folder, folder / "model.sig")
else:
    ms.verifying.Config().use_elliptic_key_verifier(public_key="key.pub") \
        .set_hashing_config(hashing).verify(folder, folder / "model.sig")
END
"$bin/python" shards.py sign sharded >out 2>&1 || { cat out; exit 1; }
"$fixture" foreign sharded policy key.pem
rm -rf model
cp -a sharded model
accepts "shards, model_signing's library" "$bin/python" shards.py verify model
accepts "shards, aicert-verify" ours
printf X | dd of=model/model.safetensors bs=1 seek=65000 conv=notrunc status=none
refuses "a shard changed, model_signing's library" 'Hash mismatch' \
	"$bin/python" shards.py verify model
refuses "a shard changed, aicert-verify" \
	'shard "model.safetensors:60000:90000" differs' ours
finish
