#!/usr/bin/env python3
"""Every item of adversarial.list has a test, and every test named there is
one: a row, or a test function, of its program's source."""

import os
import re
import sys

SOURCE = os.environ["AICERT_SOURCE"]
HERE = os.path.join(SOURCE, "tests", "verifier")


def source_of(program):
    """the text of a test program, its adjacent strings joined"""
    folder, name = os.path.split(program)
    path = (os.path.join(SOURCE, "tests", folder, f"test_{name}.c") if folder
            else os.path.join(HERE, f"test_{name}.c"))
    with open(path, encoding="utf-8") as f:
        return re.sub(r'"\s*\n\s*"', "", f.read())


def items_of(ranges):
    for first, last in re.findall(r"([A-Z]\d+)-([A-Z]\d+)", ranges):
        for n in range(int(first[1:]), int(last[1:]) + 1):
            yield f"{first[0]}{n}"


def main():
    wrong, wanted, seen, sources = [], set(), set(), {}
    with open(os.path.join(HERE, "adversarial.list"), encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if line.startswith("#") or not line.strip():
                continue
            fields = [x.strip() for x in line.split(" | ")]
            if fields[0] == "items":
                wanted.update(items_of(fields[1]))
                continue
            if len(fields) != 3:
                sys.exit(f"adversarial.list:{number}: not understood")
            item, program, test = fields
            seen.add(item.split()[0])
            if program not in sources:
                sources[program] = source_of(program)
            if not (f'"{test}"' in sources[program] or
                    f"cmocka_unit_test({test})" in sources[program]):
                wrong.append(f"{number}: {program} has no test \"{test}\"")
    wrong += [f"{item}: no test" for item in sorted(wanted - seen)]
    wrong += [f"{item}: is no item" for item in sorted(seen - wanted)]
    print(f"{len(wanted)} items, {len(seen)} of them with tests")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
