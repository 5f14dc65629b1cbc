"""test_fsck.py -- aicert-audit fsck: clean logs are clean, and each thing that
is wrong is named, with the place."""
import json
import os
import subprocess

import lying
import certs
import server
from lying import expect, folder, path, run, write, write_all

KEY = certs.Key()
LOG = lying.Log().fill(KEY, 600)
FILES = LOG.files()
FOLDER = write_all(folder(), FILES)
POLICY = write(os.path.join(folder(), "policy"), LOG.policy())


def fsck(where, *more, policy=POLICY):
    return run("fsck", where, "--policy", policy, *more)


def damaged(change, *more):
    """fsck of a folder in which change(files) did something."""
    files = dict(FILES)
    change(files)
    return fsck(write_all(folder(), files), *more)


def put(name, data):
    def change(files):
        assert name in files, name
        files[name] = data
    return change


def drop(name):
    return lambda files: files.pop(name)


def flip(name, at):
    data = bytearray(FILES[name])
    data[at] ^= 1
    return put(name, bytes(data))


def test_clean_folder():
    for size in (0, 1, 2, 255, 256, 257, 511, 512, 600):
        top = write_all(folder(), LOG.files(size))
        done = expect(fsck(top), 0, "nothing differs",
                      "%d statements" % size)
        assert ": %d entries" % size in done.stdout
        done = fsck(top, "--json")
        result = json.loads(done.stdout)
        assert result["treeSize"] == size and result["complete"]
        assert result["findings"] == [] and result["statements"] == size


def test_clean_server():
    s = lying.Server(FILES)
    expect(fsck(s.url), 0, "nothing differs", "600 statements")
    # The log has grown meanwhile: where a full tile is, the partial one is not.
    grown = LOG.copy().fill(KEY, 300).files()
    grown["checkpoint"] = FILES["checkpoint"]
    grown[path(1, 0, 2)] = FILES[path(1, 0, 2)]
    s.files = grown
    expect(fsck(s.url), 0, "nothing differs", "600 statements")
    # Failures that pass are passed over.
    s.wrong = {"checkpoint": lambda n: (503, b"") if n < 3 else None,
               path(0, 1): lambda n: (500, b"") if n < 1 else None}
    s.asked = {}
    expect(fsck(s.url), 0, "nothing differs")
    s.close()


def test_registry():
    """A real registry: by its URL, by its directory, and both."""
    r = server.Registry()
    try:
        r.start(args=("--batch-ms", "0"))
        keys = os.path.join(r.dir, "log-keys")
        for i in range(4):
            assert r.post(certs.measured(KEY, "m%d" % i)).status == 200
        url = "http://127.0.0.1:%d" % r.port
        expect(run("fsck", url, "--log-keys", keys), 0, "nothing differs",
               "8 statements")
        expect(run("fsck", r.dir, "--log-keys", keys), 0, "nothing differs",
               "statements not looked at")
        expect(run("fsck", r.dir, "--log-keys", keys, "--statements", url), 0,
               "8 statements")
        r.stop()
        expect(run("fsck", url, "--log-keys", keys), 3, "nobody answers")
    finally:
        r.close()


def test_no_log():
    top = folder()
    expect(fsck(top), 2, "there is no log in")
    expect(fsck("http://127.0.0.1:1/x?y"), 2, "query")
    expect(run("fsck", top, "--policy", "/nonexistent"), 2, "cannot read")
    keys = write(os.path.join(folder(), "keys"), "builder x key.pem\n")
    expect(run("fsck", FOLDER, "--log-keys", keys), 2, "line 1")
    expect(run("fsck"), 2, "name one log")
    expect(run("fsck", top, "--threads", "0"), 2, "--threads wants")
    expect(run("fsck", top, "--what"), 2, "no such option")


def test_wrong_checkpoints():
    other = lying.Log().fill(KEY, 3)
    stranger = lying.NoteKey(lying.ORIGIN)
    empty = lying.Log()
    cases = [
        (b"hello\n", "it is no checkpoint"),
        (b"", "it is no checkpoint"),
        (FILES["checkpoint"][:-2], "it is no checkpoint"),
        (other.checkpoint(), "no signature by the key"),
        (LOG.checkpoint(signer=stranger), "no signature by the key"),
        (FILES["checkpoint"].replace(b"\n600\n", b"\n601\n"),
         "does not hold"),
        (FILES["checkpoint"].replace(b"\n600\n", b"\n0600\n"),
         "it is no checkpoint"),
        (FILES["checkpoint"].replace(b"log.example", b"lag.example"),
         "no \"log\" line"),
    ]
    for note, word in cases:
        expect(damaged(put("checkpoint", note)), 2, word)
    bad = empty.checkpoint(0, root=b"x" * 32)
    expect(fsck(write_all(folder(), {"checkpoint": bad}), policy=write(
        os.path.join(folder(), "p"), empty.policy())), 2, "empty tree")


def test_quorum():
    log = LOG.copy()
    w = lying.NoteKey("w.example.org", 4)
    policy = write(os.path.join(folder(), "policy"), log.policy([w]))
    top = write_all(folder(), log.files())
    expect(fsck(top, policy=policy), 1, "no-quorum checkpoint")
    log.witnesses = [w]
    expect(fsck(write_all(folder(), log.files()), policy=policy), 0)


def test_bundles():
    bundle = path("entries", 1)
    last = path("entries", 2, 88)
    expect(damaged(drop(bundle)), 1, "missing-bundle " + bundle)
    expect(damaged(drop(last)), 1, "missing-bundle " + last)
    expect(damaged(put(bundle, FILES[bundle][:-1])), 1,
           "bad-bundle " + bundle)
    expect(damaged(put(bundle, FILES[bundle] + b"\0\0")), 1,
           "bad-bundle " + bundle)
    expect(damaged(put(bundle, b"")), 1, "bad-bundle " + bundle)
    # A byte of an entry: the tile and the tree above convict the bundle.
    for name, at, index in ((bundle, 300, 256), (last, 300, 512)):
        done = expect(damaged(flip(name, at)), 1,
                      "bad-entry %s entry %d" % (name, index),
                      "agrees with the tile")
        assert "bad-tile" not in done.stdout
        assert "bad-root" not in done.stdout
    # Two entries change places.
    size = int.from_bytes(FILES[bundle][:2], "big") + 2
    assert FILES[bundle][size:2 * size][:2] == FILES[bundle][:2]
    swapped = (FILES[bundle][size:2 * size] + FILES[bundle][:size] +
               FILES[bundle][2 * size:])
    expect(damaged(put(bundle, swapped)), 1, "entry 256", "entry 257")


def test_tiles():
    low, last, above = path(0, 1), path(0, 2, 88), path(1, 0, 2)
    expect(damaged(drop(low)), 1, "missing-tile " + low)
    expect(damaged(drop(above)), 1, "missing-tile " + above)
    expect(damaged(put(low, FILES[low][:-32])), 1, "bad-tile " + low)
    expect(damaged(put(low, FILES[low] + b"\0" * 32)), 1, "bad-tile " + low)
    expect(damaged(put(low, b"")), 1, "bad-tile " + low)
    for name, index in ((low, 256), (last, 512)):
        done = expect(damaged(flip(name, 5)), 1,
                      "bad-tile %s entry %d" % (name, index))
        assert "bad-entry" not in done.stdout
        assert "bad-root" not in done.stdout
    expect(damaged(flip(above, 40)), 1, "bad-tile " + above, "hash 1",
           "1 of 2 hashes")
    # Neither bundle nor tile: it cannot be derived any more, and says so.
    def both(files):
        files.pop(low)
        files.pop(path("entries", 1))
    expect(damaged(both), 1, "could not go on to the end")


def test_partials_of_earlier_sizes():
    """They are served too: each must be a beginning of what came after."""
    for name in (path(0, 2, 17), path(0, 1, 200), path("entries", 2, 17),
                 path("entries", 0, 255), path(1, 0, 1)):
        whole = [n for n in (path(*k) for k in (
            (0, 2, 88), (0, 1), ("entries", 2, 88), ("entries", 0),
            (1, 0, 2))) if n.split(".p")[0] == name.split(".p")[0]][0]
        n = int(name.rsplit("/", 1)[1])
        data, cut = FILES[whole], 0
        if "entries" in name:
            for _ in range(n):
                cut += 2 + int.from_bytes(data[cut:cut + 2], "big")
        else:
            cut = 32 * n
        right = data[:cut]
        expect(damaged(lambda f: f.update({name: right})), 0)
        for wrong in (right[:-1], right + b"\0", b"",
                      right[:-1] + bytes([right[-1] ^ 1])):
            expect(damaged(lambda f: f.update({name: wrong})), 1, name,
                   "1 findings", "not the beginning")
    # Of a size to come there is nothing to compare it with.
    name = path(0, 2, 89)
    expect(damaged(lambda f: f.update({name: b"x" * 89 * 32})), 0)


def test_gzip():
    s = lying.Server(FILES)
    s.gzip = True
    expect(fsck(s.url), 0, "600 statements")
    # What unpacks to more than it may be is not taken in.
    s.files = dict(FILES, **{path("entries", 1): b"\0" * (64 << 20)})
    expect(fsck(s.url, "--no-statements"), 1, "bad-bundle")
    s.close()


def test_progress():
    """On a terminal it says how far it is, how fast, and how long yet."""
    top = write_all(folder(), FILES)
    ours, theirs = os.openpty()
    p = subprocess.Popen([lying.BIN, "fsck", top, "--policy", POLICY],
                         stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
    out = p.communicate()[0]
    os.close(ours)
    assert p.returncode == 0 and b"nothing differs" in out
    for word in (b"600 of 600 entries", b"/s, ", b" s to go"):
        assert word in seen, (word, seen)


def test_root():
    """A checkpoint signed for another root: only the root differs."""
    done = expect(damaged(put("checkpoint", LOG.checkpoint(
        root=b"x" * 32))), 1, "bad-root checkpoint")
    assert done.stdout.count("bad-") == 1


def test_leaves():
    """What is logged and no leaf, or no signature, although the tree holds."""
    cases = [
        (lambda b: b + b" ", "bad-leaf"),
        (lambda b: b.replace(b'"apiVersion":"0.0.2"',
                             b'"apiVersion":"0.0.1"'), "bad-leaf"),
        (lambda b: b.replace(b":", b": ", 1), "bad-leaf"),
        (lambda b: b"", "bad-leaf"),
        (lambda b: b"\0" * 65535, "bad-leaf"),
        (lambda b: LOG.bodies[1].replace(
            LOG.bodies[1][LOG.bodies[1].index(b'"digest":"') + 10:][:44],
            LOG.bodies[2][LOG.bodies[2].index(b'"digest":"') + 10:][:44]),
         "bad-signature"),
    ]
    for change, kind in cases:
        log = LOG.copy()
        log.bodies[300] = change(log.bodies[300])
        done = expect(fsck(write_all(folder(), log.files())), 1,
                      "%s %s entry 300" % (kind, path("entries", 1)))
        assert "1 findings" in done.stdout, done.stdout
    log = LOG.copy()
    other = certs.Key()
    statement = certs.other("by somebody else")
    log.add(KEY, statement, sig=other.sign(statement))
    expect(fsck(write_all(folder(), log.files())), 1, "bad-signature",
           "entry 600")
    off_curve = certs.Key()
    off_curve.spki = off_curve.spki[:-1] + bytes([off_curve.spki[-1] ^ 1])
    log = LOG.copy()
    log.add(off_curve, statement)
    expect(fsck(write_all(folder(), log.files())), 1, "bad-signature",
           "entry 600")


def test_statements():
    d = certs.digest(certs.other("filler 301")).hex()
    e = certs.digest(certs.other("filler 302")).hex()
    name = "api/v1/statements/" + d
    expect(damaged(drop(name)), 1, "withheld " + name + " entry 301",
           "no removal")
    expect(damaged(put(name, FILES["api/v1/statements/" + e])), 1,
           "bad-content", "entry 301", e)
    expect(damaged(put(name, FILES[name] + b" ")), 1, "bad-content")
    expect(damaged(put(name, b"")), 1, "bad-content")
    expect(damaged(put(name, b"x" * (1 << 20 | 1))), 1, "bad-content",
           "larger than")
    expect(damaged(drop(name), "--no-statements"), 0)
    # By HTTP: withheld by law, gone, not found; a server in trouble is none.
    s = lying.Server(FILES)
    for status in (404, 410, 451):
        s.wrong = {name: (status, b"no")}
        expect(fsck(s.url), 1, "withheld " + name + " entry 301")
    s.wrong = {name: (200, b"not it")}
    expect(fsck(s.url), 1, "bad-content")
    s.wrong = {name: (503, b"later")}
    expect(fsck(s.url), 3, "503")
    s.close()


if __name__ == "__main__":
    lying.main([v for k, v in sorted(globals().items())
                if k.startswith("test_")])
