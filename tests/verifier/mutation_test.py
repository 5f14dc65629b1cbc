#!/usr/bin/env python3
"""The mutation run: mutation_test.py PROGRAM...

Each program is a test of the verifier in which checks can be switched off.
With the one check off that refuses an input, the input is accepted, or stands
in mutation.list, or one of mutation_*.list, with the reason.  Each check of
verifier/ refuses some input alone, or stands there with the reason."""

import collections
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ["AICERT_SOURCE"]


def run(programs):
    """program -> (row, checks) of every refused input"""
    found, skipped = collections.defaultdict(set), set()
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        for program in programs:
            done = subprocess.run([program], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True,
                                  env={**os.environ,
                                       "AICERT_MUTATION_LOG": log})
            if done.returncode == 77:
                print(f"{program}: {done.stdout.strip()}")
                skipped.add(os.path.basename(program)
                            .removeprefix("mutate_"))
            elif done.returncode != 0:
                print(done.stdout)
                sys.exit(f"{program}: exit {done.returncode} "
                         "with every check on")
        with open(log, encoding="utf-8") as f:
            for line in f:
                program, row, checks = (x.strip() for x in line.split(" |", 2))
                found[program.removeprefix("mutate_")].add((row, checks))
    return found, skipped


def read_list(path, lines, rows, checks):
    reason = None
    for number, line in enumerate(lines, 1):
        line = line.strip()
        fields = tuple(x.strip() for x in line.split(" |"))
        if not line:
            reason = None
        elif line.startswith("# "):
            reason = line
        elif reason is None:
            sys.exit(f"{path}:{number}: gives no reason")
        elif fields[0] == "check" and len(fields) == 2:
            checks.add(fields[1])
        elif len(fields) == 3:
            rows.add(fields)
        else:
            sys.exit(f"{path}:{number}: not understood")


def listed():
    """rows and checks that the lists excuse"""
    rows, checks = set(), set()
    for path in sorted(glob.glob(os.path.join(HERE, "mutation*.list"))):
        with open(path, encoding="utf-8") as f:
            read_list(path, f, rows, checks)
    return rows, checks


def named():
    """every check, and where it is"""
    where = collections.defaultdict(list)
    for path in sorted(glob.glob(os.path.join(SOURCE, "verifier", "*.c"))):
        with open(path, encoding="utf-8") as f:
            for name in re.findall(r"\bCHECK\(\s*(\w+)\s*,", f.read()):
                where[name].append(os.path.basename(path))
    return where


def main():
    wrong = []
    (found, skipped), (rows, excused), where = (run(sys.argv[1:]), listed(),
                                                named())
    alone, several, total = set(), 0, 0
    for program, inputs in found.items():
        for row, checks in inputs:
            total += 1
            if checks in where:
                alone.add(checks)
                continue
            several += 1
            if (program, row, checks) in rows:
                rows.discard((program, row, checks))
                continue
            wrong.append(f"{program} | {row} | {checks}\n    expected: with "
                         "the check that refuses it off it is accepted")
    for row in sorted(r for r in rows if r[0] not in skipped):
        wrong.append(" | ".join(row) + "\n    is listed, and not seen")
    for name, files in sorted(where.items()):
        if len(files) > 1:
            wrong.append(f"{name}: names {len(files)} checks, in "
                         + ", ".join(files))
        if name not in alone and name not in excused:
            wrong.append(f"{name} ({files[0]}): refuses nothing alone")
        if name in alone and name in excused:
            wrong.append(f"{name}: is listed, and refuses an input alone")
    for name in sorted(excused - set(where)):
        wrong.append(f"{name}: is listed, and is no check")
    print(f"{len(where)} checks, {len(alone)} of which refuse some input "
          f"alone; {total} kinds of refused input, {several} of them refused "
          "by more than one check or by a parser")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
