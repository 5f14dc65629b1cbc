"""golang.py -- builds the Go programs of this folder, for its tests."""
import fcntl
import glob
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NEEDED = (1, 21)  # it fetches the one that go.mod asks for


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def find_go():
    """A go command that is new enough."""
    found = "no go"
    for go in ["go", *sorted(glob.glob("/usr/lib/go-*/bin/go"))]:
        try:
            found = subprocess.run([go, "env", "GOVERSION"], text=True,
                                   stdout=subprocess.PIPE).stdout.strip()
        except OSError:
            continue
        version = re.match(r"go(\d+)\.(\d+)", found)
        if version and tuple(map(int, version.groups())) >= NEEDED:
            return go
    skip(found + ", wanted go%d.%d or newer: scripts/interop-setup gets it"
         % NEEDED)


def build(module, cache, what):
    """
    Build the packages what of a folder here; the folder of the programs, which
    is below cache.
    """
    go = find_go()
    source, programs = cache + "/source", cache + "/bin"
    os.makedirs(cache, exist_ok=True)
    with open(cache + "/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(os.path.join(HERE, module), source)
        for args in (["mod", "tidy"], ["build", "-o", programs + "/", what]):
            done = subprocess.run([go, *args], cwd=source, text=True,
                                  env=dict(os.environ, GOTOOLCHAIN="auto"),
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            if done.returncode == 0:
                continue
            if args[0] == "mod":
                skip("the Go modules cannot be fetched: "
                     + done.stdout.strip().splitlines()[-1])
            print(done.stdout)
            sys.exit(1)
    return programs
