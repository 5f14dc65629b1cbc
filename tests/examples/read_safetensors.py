#!/usr/bin/env python3
"""Reads a safetensors file strictly and prints its tensors.

Shares no code with the program that wrote it and needs the standard library
only. Follows the format's description: 8 bytes of header length, little
endian; a JSON object; the tensors' bytes, which cover the rest of the file
without gap or overlap. Stricter than the format in three points, which hold for
what is read here: only F32, all numbers finite, the data begins at a multiple
of 8. Where the module "safetensors" is installed, it must agree.

Exit code: 0 if all is well, 1 if the file is wrong, 2 on wrong usage.
"""

import array
import json
import math
import sys

MAX_HEADER = 100_000_000  # the limit of the reference implementation


class Malformed(Exception):
    pass


def require(condition, message):
    if not condition:
        raise Malformed(message)


def unique(pairs):
    names = [name for name, _ in pairs]
    require(len(set(names)) == len(names), "a name occurs twice in the header")
    return dict(pairs)


def is_count(x):
    return type(x) is int and x >= 0


def parse(data):
    """Returns [(name, shape, numbers)] in the order of the data."""
    require(len(data) >= 8, "shorter than the header's length")
    length = int.from_bytes(data[:8], "little")
    require(2 <= length <= MAX_HEADER, f"header length {length} out of range")
    require(8 + length <= len(data), "header longer than the file")
    raw, body = data[8:8 + length], data[8 + length:]
    require(length % 8 == 0, "the data does not begin at a multiple of 8")
    require(raw[:1] == b"{", "the header does not begin with {")
    require(raw.rstrip(b" ")[-1:] == b"}", "the header is padded otherwise "
            "than with spaces")
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as e:
        raise Malformed(f"the header is not JSON: {e}") from None

    metadata = header.pop("__metadata__", {})
    require(isinstance(metadata, dict) and
            all(isinstance(v, str) for v in metadata.values()),
            "__metadata__ is not a map of strings")
    require(header, "no tensors")
    for name, t in header.items():
        require(isinstance(t, dict) and
                set(t) == {"dtype", "shape", "data_offsets"},
                f"{name}: not exactly dtype, shape, data_offsets")
        require(t["dtype"] == "F32", f"{name}: dtype is not F32")
        require(isinstance(t["shape"], list) and
                all(is_count(n) for n in t["shape"]), f"{name}: bad shape")
        require(isinstance(t["data_offsets"], list) and
                len(t["data_offsets"]) == 2 and
                all(is_count(n) for n in t["data_offsets"]),
                f"{name}: bad data_offsets")

    tensors, position = [], 0
    for name, t in sorted(header.items(), key=lambda i: i[1]["data_offsets"]):
        begin, end = t["data_offsets"]
        require(begin == position, f"{name}: begins at {begin}, the data "
                f"before it ends at {position}")
        require(end - begin == 4 * math.prod(t["shape"]),
                f"{name}: {end - begin} bytes do not make shape {t['shape']}")
        require(end <= len(body), f"{name}: ends beyond the file")
        numbers = array.array("f", body[begin:end])
        if sys.byteorder == "big":
            numbers.byteswap()
        require(all(map(math.isfinite, numbers)), f"{name}: not all finite")
        tensors.append((name, t["shape"], numbers))
        position = end
    require(position == len(body), f"{len(body) - position} bytes belong to "
            "no tensor")
    return tensors


def compare_with_module(data, tensors):
    """Returns whether the reference implementation was there to agree."""
    try:
        from safetensors import deserialize
    except ImportError:
        return False
    theirs = {name: (t["shape"], bytes(t["data"]))
              for name, t in deserialize(data)}
    ours = {}
    for name, shape, numbers in tensors:
        little = numbers[:]
        if sys.byteorder == "big":
            little.byteswap()
        ours[name] = (shape, little.tobytes())
    require(theirs == ours, "the module safetensors reads something else")
    return True


def main():
    if len(sys.argv) != 2:
        print("usage: read_safetensors.py FILE", file=sys.stderr)
        return 2
    try:
        with open(sys.argv[1], "rb") as f:
            data = f.read()
        tensors = parse(data)
        agreed = compare_with_module(data, tensors)
    except (OSError, Malformed) as e:
        print(f"{sys.argv[1]}: {e}", file=sys.stderr)
        return 1
    for name, shape, numbers in tensors:
        print(f"{name:20} {'x'.join(map(str, shape)):>10} "
              f"{len(numbers):8} numbers, {min(numbers):8.4f} to "
              f"{max(numbers):8.4f}")
    print(f"parameters: {sum(len(n) for _, _, n in tensors)}")
    print("module safetensors:", "agrees" if agreed else "not installed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
