#!/bin/sh
# Tests the example training job as its reader would use it: gradients, the
# same bytes for the same seed, the figures it prints, the files it writes, and
# what it says to wrong input. Also tests that these tests can fail: mutants of
# the gradient's code and of the model file must be found out.
#
# usage: charlm_test.sh CHARLM_BINARY
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -u

text=/usr/share/common-licenses/GPL-3
here=$(cd "$(dirname "$0")" && pwd)
example=$here/../../examples/charlm
reader=$here/read_safetensors.py

if [ $# -ne 1 ] || [ ! -x "$1" ]; then
	echo "usage: charlm_test.sh CHARLM_BINARY" >&2
	exit 1
fi
case $1 in
/*) charlm=$1 ;;
*) charlm=$PWD/$1 ;;
esac
if [ ! -r "$text" ]; then
	echo "skipped: $text is not there (Debian package base-files)"
	exit 77
fi
if ! command -v python3 >/dev/null; then
	echo "skipped: python3 is not there"
	exit 77
fi

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
failures=0

ok() {
	echo "ok: $*"
}

bad() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# expect WHAT COMMAND...: the command succeeds
expect() {
	what=$1
	shift
	if "$@" >out 2>&1; then
		ok "$what"
	else
		bad "$what"
		sed 's/^/    /' out
	fi
}

# refuse WHAT WORDS COMMAND...: it exits 1 or 2 and its error has these words
refuse() {
	what=$1
	words=$2
	shift 2
	"$@" >out 2>err
	code=$?
	if { [ $code -eq 1 ] || [ $code -eq 2 ]; } &&
		grep -qF -e "$words" err; then
		ok "refused: $what"
	else
		bad "refused: $what (exit $code, wanted: $words)"
		sed 's/^/    /' err
	fi
}

same() {
	for f in model.safetensors config.json trainer_state.json; do
		cmp "$1/$f" "$2/$f" || return 1
	done
}

# printed NAME FILE: the number after this name
printed() {
	sed -n "s/^$1  *\\([-0-9.]*\\).*/\\1/p" "$2"
}

# ---- the pins, the gradients ----------------------------------------------

expect "aicert.yaml pins this charlm.c" sh "$example/update-pins" --check
expect "gradients agree with finite differences" "$charlm" --check-gradients
expect "gradients agree with another seed" "$charlm" --check-gradients --seed 7

# mutant WHAT SED-SCRIPT: charlm.c so changed must fail the gradient check
mutant() {
	sed "$2" "$example/charlm.c" >mutant.c
	if cmp -s mutant.c "$example/charlm.c"; then
		bad "mutant of charlm.c: $1: the line to change is gone"
	elif ! cc -std=c17 -O2 -w -o mutant mutant.c -lm; then
		bad "mutant of charlm.c: $1: does not compile"
	else
		./mutant --check-gradients >out 2>&1
		code=$?
		if [ $code -eq 1 ] && grep -q '^gradients DIFFER' out; then
			ok "found out: $1"
		else
			bad "found out: $1 (exit $code)"
		fi
	fi
}

if command -v cc >/dev/null; then
	mutant "wrong derivative of tanh" \
		's/(1 - b->act\[i\] \* b->act\[i\])/(1 - b->act[i])/'
	mutant "dropout forgotten on the way back" \
		's/dh\[i\] \*= b->mask\[i\] \*/dh[i] *=/'
	mutant "hidden bias without gradient" \
		'/add_rows(grad + l->start\[B\]/d'
	mutant "output bias without gradient" \
		'/add_rows(grad + l->start\[C\]/d'
	mutant "softmax gradient off by a thousandth" \
		's/b->target\[i\]\] -= 1;/b->target[i]] -= 0.999f;/'
	mutant "sum instead of mean" \
		's/dlogits\[i\] \/= (float)b->n;/;/'
	mutant "all embedding gradients to one character" \
		's/dembedding + b->context\[i\]\[w\]/dembedding + b->context[i][0]/'
	mutant "hidden weights not transposed" \
		'/transpose(b->turned, param + l->start\[W\]/d'
else
	echo "skipped: mutants of charlm.c: cc is not there"
fi

# ---- same seed, same bytes -------------------------------------------------

for run in a b; do
	expect "short run $run" \
		"$charlm" --text $text --out $run --steps 15 --seed 1
done
expect "short run with another seed" \
	"$charlm" --text $text --out c --steps 15 --seed 2
expect "short run that prints no sample" \
	"$charlm" --text $text --out d --steps 15 --seed 1 --sample 0
expect "one step" "$charlm" --text $text --out e --steps 1
expect "same seed, same bytes" same a b
expect "the sample's length changes no file" same a d
for f in model.safetensors config.json; do
	if cmp -s a/$f c/$f; then
		bad "another seed, another $f"
	else
		ok "another seed, another $f"
	fi
done
expect "the model of one step can be read" python3 "$reader" e/model.safetensors

# Every byte value occurs here: the largest vocabulary.
python3 -c 'import sys
sys.stdout.buffer.write(bytes(i * i // 7 % 256 for i in range(20000)))' >binary
expect "any bytes are a text" "$charlm" --text binary --out f --steps 5
expect "their model can be read" python3 "$reader" f/model.safetensors

# ---- wrong input -----------------------------------------------------------

: >empty
head -c 5000 $text >small
mkdir full
ln -s /dev/full full/model.safetensors
refuse "no arguments" "are needed" "$charlm"
refuse "no output directory" "are needed" "$charlm" --text $text
refuse "no text" "are needed" "$charlm" --out x
refuse "unknown option" "unrecognized option" "$charlm" --speed
refuse "stray argument" "unexpected argument" \
	"$charlm" --text $text --out x more
refuse "text not there" "cannot open text nothing" \
	"$charlm" --text nothing --out x
refuse "text is a directory" "cannot read text" "$charlm" --text . --out x
refuse "empty text" "too small: 0 bytes" "$charlm" --text empty --out x
refuse "small text" "too small: 5000 bytes" "$charlm" --text small --out x
refuse "seed is a word" "--seed wants" \
	"$charlm" --text $text --out x --seed lucky
refuse "negative seed" "--seed wants" "$charlm" --text $text --out x --seed -1
refuse "seed with a tail" "--seed wants" \
	"$charlm" --text $text --out x --seed 42x
refuse "seed that JSON cannot hold" "--seed wants" \
	"$charlm" --text $text --out x --seed 9007199254740992
refuse "no steps" "--steps wants" "$charlm" --text $text --out x --steps 0
refuse "too many steps" "--steps wants" \
	"$charlm" --text $text --out x --steps 99999999999999999999
refuse "too long a sample" "--sample wants" \
	"$charlm" --text $text --out x --sample 1000001
refuse "output is a file" "not a directory" "$charlm" --text $text --out small
refuse "output below nothing" "cannot create directory" \
	"$charlm" --text $text --out nothing/x
refuse "output below a file" "cannot create directory" \
	"$charlm" --text $text --out small/x
refuse "full disk" "cannot write full/model.safetensors" \
	"$charlm" --text $text --out full --steps 1
refuse "full standard output" "cannot write to standard output" \
	sh -c '"$0" --check-gradients >/dev/full' "$charlm"
if [ "$(id -u)" -eq 0 ]; then
	echo "skipped: directory without write permission: root may write"
else
	mkdir -m 0555 closed
	refuse "directory without write permission" "cannot write to directory" \
		"$charlm" --text $text --out closed
fi
if [ -e x ]; then
	bad "wrong input leaves nothing behind"
else
	ok "wrong input leaves nothing behind"
fi
expect "--help" "$charlm" --help

# ---- the whole training ----------------------------------------------------

if "$charlm" --text $text --out whole >whole.out 2>&1; then
	ok "the whole training"
else
	bad "the whole training"
fi
sed 's/^/    /' whole.out

python3 - $text "$(printed parameters whole.out)" \
	"$(printed 'unigram entropy' whole.out)" \
	"$(printed 'held-out loss' whole.out)" \
	"$(printed difference whole.out)" >out 2>&1 <<'PYTHON'
import collections, json, math, sys

text = open(sys.argv[1], "rb").read()
parameters = int(sys.argv[2])
entropy, loss, difference = map(float, sys.argv[3:])

counts = collections.Counter(text)
ours = -sum(n / len(text) * math.log(n / len(text)) for n in counts.values())
assert abs(ours - entropy) < 1e-4, f"the entropy is {ours}, not {entropy}"
assert abs(entropy - loss - difference) < 2e-4, "the difference is another"
assert difference >= 1.0, f"only {difference} nat below the unigram entropy"
assert parameters >= 100_000, f"only {parameters} parameters"

config = json.load(open("whole/config.json"))
assert config["vocab"] == sorted(counts), "the vocabulary is another"
assert config["vocab_size"] == len(counts)
assert config["num_parameters"] == parameters
assert config["seed"] == 42

state = json.load(open("whole/trainer_state.json"))
log = state["log_history"]
tokens = state["num_input_tokens_seen"]
assert state["global_step"] == state["max_steps"] == log[-1]["step"]
assert tokens == state["global_step"] * state["train_batch_size"]
assert state["total_flos"] == 6 * parameters * tokens
assert abs(log[-1]["eval_loss"] - loss) < 1e-4
assert len(log) == 10
for name in "loss", "eval_loss":
    assert log[0][name] - log[-1][name] > 0.5, f"{name} does not fall"
PYTHON
code=$?
expect "its figures: 1.0 nat, 100000 parameters, files that agree" \
	sh -c "cat out; exit $code"

if python3 "$reader" whole/model.safetensors >read.out 2>&1; then
	ok "its model is a strict safetensors file"
else
	bad "its model is a strict safetensors file"
fi
sed 's/^/    /' read.out
expect "as many parameters are in it as printed" grep -qx \
	"parameters: $(printed parameters whole.out)" read.out

# ---- the reader refuses what is wrong --------------------------------------

python3 - e/model.safetensors <<'PYTHON' || bad "making mutants"
import json, math, os, struct, sys

data = open(sys.argv[1], "rb").read()
length = int.from_bytes(data[:8], "little")
header, body = json.loads(data[8:8 + length]), data[8 + length:]
names = [n for n in header if n != "__metadata__"]
os.mkdir("mutants")


def write(what, new):
    with open(f"mutants/{what}", "wb") as f:
        f.write(new)


def build(what, change=lambda h: None, new_body=body, pad=b" ", text=None):
    h = json.loads(json.dumps(header))
    change(h)
    raw = (text or json.dumps(h)).encode()
    raw += pad * (-len(raw) % 8)
    write(what, len(raw).to_bytes(8, "little") + raw + new_body)


def first(member, value):
    def change(h):
        h[names[0]][member] = value
    return change


def shift(h):
    for n in names[1:]:
        h[n]["data_offsets"] = [x + 4 for x in h[n]["data_offsets"]]


def overlap(h):
    h[names[1]]["data_offsets"] = h[names[0]]["data_offsets"]
    h[names[1]]["shape"] = h[names[0]]["shape"]


rows, cols = header[names[0]]["shape"]
build("right")
write("empty", b"")
write("shorter than the length", data[:7])
write("header cut", data[:8 + length // 2])
write("header length too large", b"\xff" * 8 + data[8:])
write("header length zero", bytes(8) + data[8:])
write("last byte cut", data[:-1])
write("byte added", data + b"\0")
write("header not a multiple of 8",
      (length - 1).to_bytes(8, "little") + data[8:7 + length] + body)
build("padded with zeros", text=json.dumps(header) + "\0" * 3)
build("header is not JSON", text="{]}")
write("header is not UTF-8", (8).to_bytes(8, "little") + b'{"\xff":1}')
build("name twice", text=json.dumps(header)[:-1] + "," +
      json.dumps({names[0]: header[names[0]]})[1:])
build("gap", shift, new_body=body + bytes(4))
build("overlap", overlap)
build("tensor left out", lambda h: h.pop(names[-1]))
build("no tensors", lambda h: [h.pop(n) for n in names], new_body=b"")
build("shape too large", first("shape", [rows + 1, cols]))
build("negative shape", first("shape", [-rows, -cols]))
build("shape of true", first("shape", [True, rows * cols]))
build("other dtype", first("dtype", "F16"))
build("unknown member", first("note", "x"))
build("metadata not strings", lambda h: h.update(__metadata__={"n": 1}))
for what, x in ("not a number", math.nan), ("infinite", -math.inf):
    build(what, new_body=body[:400] + struct.pack("<f", x) + body[404:])
PYTHON
expect "right, so the others are wrong by their mutation" \
	python3 "$reader" mutants/right
rm -f mutants/right
for m in mutants/*; do
	refuse "safetensors: ${m#mutants/}" "$m: " python3 "$reader" "$m"
done

if [ $failures -ne 0 ]; then
	echo "$failures failed"
	exit 1
fi
echo "all passed"
