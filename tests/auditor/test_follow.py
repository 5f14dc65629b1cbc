"""test_follow.py -- aicert-audit follow: an honest log is followed in silence;
each attack of a lying one is named by the alert that caught it; and whatever
interrupts it, nothing is skipped."""
import json
import os
import signal
import subprocess
import threading
import time

import lying
import certs
import server
from lying import BIN, expect, folder, path, run, write, write_all

KEY = certs.Key()
REGISTRY = certs.Key()
REVOKER = certs.Key()
AICERT = certs.AICERT


def new_log(n=300):
    return lying.Log().fill(KEY, n)


def revocation(kind, d, scope=None, origin=None, index=None, reason=""):
    if scope is None:
        predicate = {"scope": "all", "reason": reason}
    else:
        predicate = {"scope": "from", "from": {"origin": origin,
                                               "index": index},
                     "reason": reason}
    return certs.compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [certs.descriptor(kind, d)],
        "predicateType": AICERT + "/revocation/v1", "predicate": predicate})


def removal(d):
    return certs.compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [certs.descriptor("statement", d)],
        "predicateType": AICERT + "/removal/v1",
        "predicate": {"reason": "a court said so"}})


def state_of(ds, size, origin=lying.ORIGIN, count=None):
    return certs.compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [certs.descriptor("revocations", certs.sha256_hex(
            b"".join(bytes.fromhex(d) for d in ds)))],
        "predicateType": AICERT + "/revocation-state/v1",
        "predicate": {"origin": origin, "treeSize": size,
                      "count": len(ds) if count is None else count}})


def release(root, name="image"):
    pcrs = {"4": "11" * 32, "9": "22" * 32, "11": "33" * 32}
    return certs.compact({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [certs.descriptor("uki", "44" * 32),
                    certs.descriptor("root", root)],
        "predicateType": AICERT + "/image-release/v1",
        "predicate": {"name": name, "version": "1", "debug": False,
                      "stub": "systemd 252",
                      "tuples": [{"firmware": "ovmf", "secureBoot": False,
                                  "pcrs": pcrs}],
                      "containers": []}})


def provenance(key, name, root=None, **more):
    p = json.loads(certs.provenance(key, name, **more))
    if root:
        p["predicate"]["runDetails"]["builder"]["builderDependencies"] = [
            certs.descriptor("image", root)]
    return certs.compact(p)


def D(statement):
    return certs.digest(statement).hex()


class Follower:
    """A server of a log, and a folder in which it is followed."""

    def __init__(self, log, witnesses=(), more=""):
        self.log = log
        self.server = lying.Server(log.files())
        self.top = folder()
        self.state = os.path.join(self.top, "state")
        self.policy = write(os.path.join(self.top, "policy"), log.policy(
            witnesses, "registry %s %s\nrevoker r %s\n" % (
                log.origin, REGISTRY.hex, REVOKER.hex) + more))

    def args(self, *more):
        return ("follow", self.server.url, "--state", self.state, "--policy",
                self.policy, "--threads", "4", *more)

    def look(self, code, *kinds, args=(), env=None, serve=None):
        """One look that ends with code and gives exactly these alerts."""
        if serve is not None:
            self.server.files = serve
        done = run(*self.args("--once", *args), env=env)
        alerts = [json.loads(line) for line in done.stdout.splitlines()]
        got = [a["alert"] for a in alerts]
        assert sorted(got) == sorted(kinds) and done.returncode == code, (
            "%d %s, not %d %s: %s%s" % (done.returncode, got, code,
                                        list(kinds), done.stdout,
                                        done.stderr))
        return alerts

    def serve(self, log, size=None):
        self.server.files = log.files(size)

    def mark(self):
        with open(os.path.join(self.state, "state"), "rb") as f:
            lines = f.read().split(b"\n")
        assert lines[0] == b"aicert-follow/v1"
        return int(lines[2].split()[1])

    def where(self):
        """Everything that is told of the state: checked, accepted size."""
        with open(os.path.join(self.state, "state"), "rb") as f:
            note = f.read().split(b"\n\n", 1)[1]
        return self.mark(), int(note.split(b"\n")[1])


# ---- honest logs ----

def test_growth():
    log = new_log(0)
    f = Follower(log)
    f.look(0)
    for size in (1, 2, 255, 256, 257, 300, 512, 700):
        log.fill(KEY, size - len(log.bodies))
        f.serve(log)
        f.look(0)
        assert f.where() == (size, size)
        f.look(0)
    # A folder is followed as a server is.
    top = write_all(folder(), log.files())
    done = run("follow", top, "--state", folder(), "--policy", f.policy,
               "--once", "--json")
    expect(done, 0)
    assert json.loads(done.stdout) == {
        "treeSize": 700, "checked": 700, "alerts": 0, "fault": False,
        "reached": True}


def test_registry():
    """A real registry, while it grows."""
    r = server.Registry()
    try:
        r.start(args=("--batch-ms", "0"))
        keys = os.path.join(r.dir, "log-keys")
        url = "http://127.0.0.1:%d" % r.port
        state = folder()
        for i in range(3):
            assert r.post(certs.measured(KEY, "m%d" % i)).status == 200
            done = run("follow", url, "--state", state, "--log-keys", keys,
                       "--once", "--json", "--builder", KEY.hex)
            expect(done, 1)
            lines = [json.loads(x) for x in done.stdout.splitlines()]
            assert [x.get("alert") for x in lines] == [
                "watched", "watched", None], lines
            assert lines[-1]["checked"] == 2 * i + 2
        expect(run("follow", url, "--state", state, "--log-keys", keys,
                   "--once"), 0)
        r.stop()
        expect(run("follow", url, "--state", state, "--log-keys", keys,
                   "--once"), 3, "nobody answers")
    finally:
        r.close()


def test_watch():
    """Each kind of thing that is watched for; and nothing beside it."""
    log = new_log(3)
    other = certs.Key()
    root = "77" * 32
    p = json.loads(provenance(other, "watched", root=root))
    p["predicate"]["buildDefinition"]["resolvedDependencies"] = [
        {"name": "d", "uri": "https://data.example.org/set/1",
         "digest": {"sha256": "aa" * 32}, "annotations": {"role": "dataset"}},
        {"name": "b", "uri": "hf://org/base", "digest": {"sha256": "bb" * 32},
         "annotations": {"role": "base_model"}},
        {"name": "c", "uri": "git://code", "digest": {"gitCommit": "cc" * 20},
         "annotations": {"role": "code"}}]
    subject = p["subject"][2]["digest"]["sha256"]
    watched = certs.compact(p)
    log.add(KEY, provenance(KEY, "not watched"))
    r = release(root)
    log.add(other, r)
    index = log.add(KEY, watched)
    log.fill(KEY, 2)
    cases = [
        ("builder " + KEY.hex, 7),
        ("builder " + other.hex, 1),
        ("image " + root, 2),
        ("image " + D(r), 2),
        ("dataset sha256:" + "aa" * 32, 1),
        ("dataset https://data.example.org/set/1", 1),
        ("dataset https://data.example.org/* label", 1),
        ("dataset https://data.example.org/", 0),
        ("dataset sha256:" + "bb" * 32, 0),
        ("base-model sha256:" + "bb" * 32, 1),
        ("base-model hf://org/base", 1),
        ("code gitCommit:" + "cc" * 20, 1),
        ("code sha256:" + "bb" * 32, 0),
        ("input sha256:" + "bb" * 32, 1),
        ("input git://*", 1),
        ("model sha256:" + subject, 1),
        ("model sha256:" + "aa" * 32, 0),
    ]
    for line, n in cases:
        f = Follower(log)
        words = write(os.path.join(f.top, "watch"),
                      "# a list\n\n" + line + "\n")
        alerts = f.look(1 if n else 0, *["watched"] * n,
                        args=("--watch", words))
        if n == 1:
            assert alerts[0]["index"] in (index, index - 1), line
            assert alerts[0]["severity"] == "notice"
            assert alerts[0]["watch"] == (
                "label" if "label" in line else line.split(" ", 1)[1])
        f.look(0, args=("--watch", words))
    f = Follower(log)
    f.look(1, *["watched"] * 3, args=(
        "--dataset", "sha256:" + "aa" * 32, "--base-model", "hf://*",
        "--model", "sha256:" + subject, "--image", "00" * 32))
    # An image that is watched by its release is known after a restart too.
    f = Follower(log)
    f.serve(log, index)
    f.look(1, "watched", args=("--image", D(r)))
    f.serve(log)
    f.look(1, "watched", args=("--image", D(r)))


def test_watch_refusals():
    f = Follower(new_log(1))
    for line, word in (
            ("builder", "64 lower-case hex"), ("builder xyz", "64 lower"),
            ("builder " + "A" * 64, "64 lower"), ("nobody x", "expected"),
            ("model hello", "<algorithm>:<hex>"), ("dataset", "or a uri"),
            ("dataset " + "x" * 300, "or a uri"),
            ("code a " + "l" * 300, "label is too long"),
            ("image " + "0" * 63, "64 lower")):
        words = write(os.path.join(f.top, "watch"), "\n" + line + "\n")
        expect(run(*f.args("--once", "--watch", words)), 2, "line 2", word)
    words = write(os.path.join(f.top, "watch"), "input a*\n" * 1025)
    expect(run(*f.args("--once", "--watch", words)), 2, "more than 1024")
    expect(run(*f.args("--once", "--builder", "x y")), 2, "has blanks")
    expect(run(*f.args("--once", "--watch", "/nonexistent")), 2, "cannot use")


# ---- revocations ----

def test_revocations():
    log = new_log(2)
    root, other = "77" * 32, certs.Key()
    rel = release(root)
    log.add(KEY, rel)
    a = provenance(KEY, "a", root=root, measured=True)
    ea = certs.evidence(a)
    b = provenance(other, "b", root="88" * 32)
    log.add(KEY, a)
    log.add(KEY, ea)
    log.add(other, b)
    f = Follower(log)
    f.look(0)

    def logged(statement, signer, kind, affected):
        log.add(signer, statement)
        f.serve(log)
        alert, = f.look(1, kind)
        assert [x["statement"] for x in alert["affected"]] == affected, alert
        assert alert["index"] == len(log.bodies) - 1
        return alert

    logged(revocation("statement", D(a)), KEY, "revocation", [D(a)])
    logged(revocation("statement", D(ea)), KEY, "revocation", [D(a)])
    logged(revocation("statement", D(a), reason="again"), REVOKER,
           "revocation", [D(a)])
    logged(revocation("statement", D(a), reason="stranger"), other,
           "revocation-ignored", [D(a)])
    logged(revocation("key", other.hex), other, "revocation", [D(b)])
    logged(revocation("key", other.hex, reason="2"), KEY,
           "revocation-ignored", [D(b)])
    logged(revocation("key", KEY.hex), REVOKER, "revocation", [D(a)])
    logged(revocation("image-release", D(rel)), KEY, "image-recall", [D(a)])
    logged(revocation("image-release", D(rel), reason="2"), other,
           "revocation-ignored", [D(a)])
    logged(revocation("image-release", "99" * 32), REVOKER, "image-recall",
           [])
    # From an index on: the evidence is the last line that is needed.
    for index, who in ((3, [D(a)]), (4, [D(a)]), (5, [])):
        logged(revocation("key", KEY.hex, "from", lying.ORIGIN, index),
               KEY, "revocation", who)
    # Of another log: for all, here.
    logged(revocation("key", KEY.hex, "from", "other.example.org", 10 ** 6),
           KEY, "revocation", [D(a)])
    # The same by hand, without the network.
    f.server.close()
    for args, code, who in (
            (("--statement", D(a)), 1, [3]), (("--statement", D(ea)), 1, [3]),
            (("--key", KEY.hex), 1, [3]), (("--key", other.hex), 1, [5]),
            (("--image", D(rel)), 1, [3]), (("--image", D(a)), 0, []),
            (("--key", KEY.hex, "--from", "4"), 1, [3]),
            (("--key", KEY.hex, "--from", "5"), 0, []),
            (("--statement", "00" * 32), 0, [])):
        done = expect(run("affected", "--state", f.state, "--json", *args),
                      code)
        assert [json.loads(x)["index"]
                for x in done.stdout.splitlines()] == who, args
    for args in (("--statement", "x"), (), ("--key", KEY.hex, "--image",
                                            D(rel))):
        expect(run("affected", "--state", f.state, *args), 2)
    expect(run("affected", "--state", folder(), "--key", KEY.hex), 2)


def test_revocation_and_its_target_in_one_bundle():
    log = new_log(2)
    a = provenance(KEY, "a")
    log.add(KEY, a)
    log.add(KEY, revocation("statement", D(a)))
    alert, = Follower(log).look(1, "revocation")
    assert [x["index"] for x in alert["affected"]] == [2]


def test_revocation_states():
    log = new_log(2)
    r1, r2 = (revocation("key", KEY.hex, reason=x) for x in "12")
    log.add(KEY, r1)
    log.add(REGISTRY, state_of([D(r1)], 3))
    log.add(KEY, r2)
    log.add(REGISTRY, state_of([D(r1)], 4))
    log.add(REGISTRY, state_of([D(r1), D(r2)], 5))
    f = Follower(log)
    f.look(1, "revocation", "revocation")
    for wrong in (state_of([D(r1)], 5), state_of([], 5),
                  state_of([D(r2), D(r1)], 5), state_of([D(r1)], 2),
                  state_of([D(r1), D(r2)], 5, count=3),
                  state_of([D(r1), D(r2)], 5, origin="other.example.org"),
                  state_of([D(r1), D(r2)], 1000)):
        log.add(REGISTRY, wrong)
        f.serve(log)
        alert, = f.look(1, "false-revocation-state")
        assert alert["severity"] == "fault"
    # What a stranger says about revocations counts for nothing.
    log.add(KEY, state_of([], 5))
    f.serve(log)
    f.look(0)


# ---- logs that lie ----

def test_forks():
    for size, grown in ((300, 300), (300, 301), (300, 700), (256, 512),
                        (255, 256)):
        log = new_log(size)
        f = Follower(log)
        f.look(0)
        fork = log.copy()
        fork.bodies[size // 2] = fork.bodies[0]
        fork.fill(KEY, grown - size)
        f.serve(fork)
        alert, = f.look(1, "forked")
        assert alert["severity"] == "fault" and f.where() == (size, size)
        # It is evidence for everybody, under the log's key alone.
        keys = write(os.path.join(f.top, "k"), "log %s\n" % log.key.vkey())
        expect(run("check-evidence", alert["evidence"], "--log-keys", keys),
               0)
        # Told once; still wrong; never moved past; one file proves it.
        fork.time_key = lying.NoteKey(fork.origin + "/time", 4)
        f.serve(fork)
        f.look(1)
        assert f.where() == (size, size)
        assert [n for n in os.listdir(f.state) if n.endswith(".split")] == [
            os.path.basename(alert["evidence"])]
        log.fill(KEY, 5)
        f.serve(log)
        alert, = f.look(1, "over")
        assert alert["condition"] == "forked"
        assert f.where() == (size + 5, size + 5)


def test_fork_of_a_smaller_size():
    """A smaller checkpoint that is of another past is a fork, not a cache."""
    log = new_log(300)
    f = Follower(log)
    f.look(0)
    fork = log.copy()
    fork.bodies[10] = fork.bodies[0]
    files = log.files()
    files["checkpoint"] = fork.checkpoint(200)
    f.server.files = files
    alert, = f.look(1, "forked")
    keys = write(os.path.join(f.top, "k"), "log %s\n" % log.key.vkey())
    expect(run("check-evidence", alert["evidence"], "--log-keys", keys), 0)


def test_shrunk():
    log = new_log(300)
    f = Follower(log)
    f.look(0)
    files = log.files()
    files["checkpoint"] = log.checkpoint(299)
    f.server.files = files
    f.look(1, "shrunk")
    f.look(1)
    files["checkpoint"] = log.checkpoint(0)
    f.look(1)
    assert f.where() == (300, 300)
    f.serve(log)
    f.look(1, "over")
    f.look(0)


def test_bad_checkpoints():
    log = new_log(10)
    f = Follower(log)
    f.look(0)
    stranger = lying.NoteKey(lying.ORIGIN)
    other = lying.Log("other.example.org").fill(KEY, 20)
    log.fill(KEY, 1)
    good = log.files()
    for note in (b"", b"hello\n", good["checkpoint"][:-3],
                 log.checkpoint(signer=stranger), other.checkpoint(),
                 good["checkpoint"].replace(b"\n11\n", b"\n12\n"),
                 b"x" * 200000):
        f.server.files = dict(good, checkpoint=note)
        f.look(1, "bad-checkpoint")
        assert f.where() == (10, 10)
        f.look(1)
        f.server.files = {k: v for k, v in good.items() if k != "checkpoint"}
        f.look(1)
        f.serve(log, 10)
        f.look(1, "over")


def test_another_log_of_the_policy():
    log, other = new_log(3), lying.Log("other.example.org").fill(KEY, 20)
    f = Follower(log, more="log %s\n" % other.key.vkey())
    f.look(0)
    f.serve(other)
    alert, = f.look(1, "bad-checkpoint")
    assert "this folder follows" in alert["message"]


def test_quorum():
    log = new_log(10)
    w = [lying.NoteKey("w%d.example.org" % i, 4) for i in range(2)]
    log.witnesses = w
    f = Follower(log, witnesses=w)
    f.look(0)
    log.witnesses = w[:1]
    log.fill(KEY, 5)
    f.serve(log)
    alert, = f.look(1, "no-quorum")
    assert f.where() == (10, 10), "an unwitnessed checkpoint was accepted"
    f.look(1)
    # A cosignature that does not hold is none.
    log.witnesses = [w[0], lying.NoteKey("w1.example.org", 4)]
    f.serve(log)
    f.look(1)
    log.witnesses = w
    f.serve(log)
    f.look(1, "over")
    assert f.where() == (15, 15)


def test_stale():
    log = new_log(10)
    f = Follower(log)
    old = dict(log.files(), checkpoint=log.checkpoint(
        when=int(time.time()) - 4000))
    f.look(1, "stale", serve=old)
    f.look(1)
    assert f.where() == (10, 10)
    f.serve(log)
    f.look(1, "over")
    f = Follower(log)
    f.look(0, args=("--max-age", "5000"), serve=old)
    f.look(0, args=("--max-age", "0"), serve=dict(
        old, checkpoint=log.checkpoint(when=5)))


def test_bad_tiles():
    log = new_log(300)
    f = Follower(log)
    f.look(0)
    log.fill(KEY, 500)
    for name in (path(1, 0, 3), path(0, 3, 32), path(0, 1)):
        for wrong in (b"x" * len(log.files()[name]), b"", None):
            files = log.files()
            if wrong is None:
                files.pop(name)
            else:
                files[name] = wrong
            f.look(1, "bad-tiles", serve=files)
            assert f.where() == (300, 300), name
            f.serve(log, 300)
            f.look(1, "over")
    f.serve(log)
    f.look(0)
    assert f.where() == (800, 800)


def test_bad_entries():
    """What is served as entries is not what the tree has."""
    log = new_log(300)
    f = Follower(log)
    f.look(0)
    log.fill(KEY, 300)
    good = log.files()
    for name, at in ((path("entries", 1), 256), (path("entries", 2, 88), 512)):
        data = good[name]
        for wrong in (data[:-1], data + b"\0\0", b"", None,
                      data[:-5] + b"x" + data[-4:]):
            files = dict(good)
            if wrong is None:
                files.pop(name)
            else:
                files[name] = wrong
            f.look(1, "bad-entry", serve=files)
            assert f.mark() == max(300, at), (name, f.mark())
            f.look(1)
            f.serve(log)
            f.look(1, "over")
            # Again from the beginning.
            f.state = folder()
            f.serve(log, 300)
            f.look(0)


def test_bad_leaves_and_signatures():
    log = new_log(10)
    f = Follower(log)
    f.look(0)
    other, statement = certs.Key(), certs.other("unsigned")
    log.add(KEY, statement, sig=other.sign(statement))
    log.bodies.append(b'{"kind":"dsse"}')
    log.bodies.append(log.bodies[0] + b"\n")
    log.fill(KEY, 2)
    f.serve(log)
    alerts = f.look(1, "bad-signature", "bad-leaf", "bad-leaf")
    assert sorted(a["index"] for a in alerts) == [10, 11, 12]
    assert all(a["severity"] == "fault" for a in alerts)
    f.look(0)
    assert f.where() == (15, 15)


def test_withheld():
    log = new_log(10)
    name = "api/v1/statements/" + D(certs.other("filler 5"))
    f = Follower(log)
    files = log.files()
    statement = files.pop(name)
    alert, = f.look(1, "withheld", serve=files)
    assert alert["index"] == 5 and alert["severity"] == "fault"
    assert alert["key"] == KEY.hex
    f.look(1)  # told once, and still so
    # Another statement in its place is still none.
    f.look(1, serve=dict(files, **{name: b"x"}))
    alert, = f.look(1, "restored", serve=dict(files, **{name: statement}))
    f.look(0)
    # Refused by law is withheld too.
    f = Follower(log)
    f.server.wrong[name] = (451, b"")
    f.look(1, "withheld")


def test_many_withheld():
    """More than are asked for in one look: each has its turn."""
    log = new_log(200)
    f = Follower(log)
    files = {k: v for k, v in log.files().items()
             if not k.startswith("api/")}
    f.look(1, *["withheld"] * 200, serve=files)
    f.look(1)
    f.serve(log)
    seen = set()
    for i in range(12):
        done = run(*f.args("--once"))
        seen |= {json.loads(x)["index"] for x in done.stdout.splitlines()}
        if done.returncode == 0:
            break
    assert seen == set(range(200)), len(seen)
    f.look(0)


def test_removals():
    log = new_log(10)
    d = D(certs.other("filler 5"))
    name = "api/v1/statements/" + d
    files = log.files()
    files.pop(name)
    # A removal by somebody else excuses nothing.
    log.add(KEY, removal(d))
    f = Follower(log)
    files = log.files()
    files.pop(name)
    f.look(1, "withheld", serve=files)
    # Nor one of something else.
    log.add(REGISTRY, removal("00" * 32))
    files = log.files()
    files.pop(name)
    f.look(1, "removal", serve=files)
    # The registry's own does, also after the fact.
    log.add(REGISTRY, removal(d))
    files = log.files()
    files.pop(name)
    f.look(1, "removal", serve=files)
    f.look(0)
    # And for who comes later.
    f = Follower(log)
    f.look(1, "removal", "removal", serve=files)
    f.look(0)
    # fsck says the same.
    s = lying.Server(files)
    expect(run("fsck", s.url, "--policy", f.policy), 0, "1 removed")
    s.close()


def test_bad_content():
    log = new_log(10)
    name = "api/v1/statements/" + D(certs.other("filler 5"))
    f = Follower(log)
    files = log.files()
    alert, = f.look(1, "bad-content", serve=dict(files, **{name: b"x"}))
    assert alert["index"] == 5
    f.look(1)
    f.look(1, "restored", serve=files)
    f.look(0)


# ---- what passes, and what interrupts ----

def test_transient_failures():
    """What cannot be had now is not skipped, and is no alert."""
    log = new_log(300)
    f = Follower(log)
    names = (path("entries", 0), path("entries", 1, 44), "checkpoint",
             "api/v1/statements/" + D(certs.other("filler 200")))
    for name in names:
        f.state = folder()
        for status in (500, 503, 429):
            f.server.wrong = {name: (status, b"")}
            f.look(3)
            if name.startswith("api"):
                assert f.mark() == 0, "skipped what was not checked"
        f.server.wrong = {name: lambda n: (503, b"") if n % 2 == 0 else None}
        f.server.asked = {}
        f.look(0)
        assert f.where() == (300, 300)
    # That lasts is told, once; and that it is over.
    f.server.wrong = {"checkpoint": (503, b"")}
    f.look(1, "unreachable", args=("--patience", "0"))
    f.look(1, args=("--patience", "0"))
    f.server.wrong = {}
    f.look(1, "over")


def test_alert_command():
    log = new_log(5)
    f = Follower(log)
    out = os.path.join(f.top, "out")
    alerts = os.path.join(f.top, "alerts")
    watch = ("--builder", KEY.hex, "--alerts", alerts)
    # Nobody took the alert: the state does not move past it.
    done = run(*f.args("--once", "--on-alert", "false", *watch))
    expect(done, 2, "--on-alert")
    assert not os.path.exists(os.path.join(f.state, "state")) or f.mark() == 0
    done = run(*f.args("--once", "--on-alert",
                       "cat >> '%s'; test $(wc -l < '%s') -lt 3" % (out, out),
                       *watch))
    expect(done, 2)
    assert f.mark() == 0
    # Once it is taken, every one comes; some a second time.
    expect(run(*f.args("--once", "--on-alert", "cat >> '%s'" % out, *watch)),
           1)
    assert f.mark() == 5
    for where in (out, alerts):
        with open(where) as g:
            got = [json.loads(x)["index"] for x in g]
        assert set(got) == set(range(5)), got
        assert got[-5:] == list(range(5))
    # A command that does not read.
    g = Follower(log)
    expect(run(*g.args("--once", "--on-alert", "true", *watch)), 1)


ARROWS = ("follow-ledger-written", "follow-alert-given", "follow-before-mark",
          "follow-after-mark")


def test_killed():
    """Killed at each arrow, again and again: every alert comes at least once,
    in order, and the end is the same."""
    for arrow in ARROWS:
        log = new_log(300)
        log.add(KEY, revocation("key", KEY.hex))
        missing = "api/v1/statements/" + D(certs.other("filler 280"))
        f = Follower(log)
        f.server.files.pop(missing)
        other = certs.Key()
        log.add(other, certs.other("by another"))
        f.server.files.update({k: v for k, v in log.files().items()
                               if k != missing})
        alerts = os.path.join(f.top, "alerts")
        args = f.args("--once", "--alerts", alerts, "--builder", other.hex)
        deaths = 0
        for n in range(1, 100):
            # The n-th passage of the arrow kills.
            done = run(*args, env={"AICERT_KILL_AT": arrow})
            if done.returncode != -signal.SIGKILL:
                break
            deaths += 1
            if deaths == 2:
                # It never gets beyond that arrow: let it pass.
                break
        assert deaths == 2, arrow
        expect(run(*args), 1)
        with open(alerts) as g:
            kinds = [json.loads(x)["alert"] for x in g]
        assert {"revocation", "withheld", "watched"} <= set(kinds), (
            arrow, kinds)
        assert f.where() == (302, 302)
        done = run(*args)
        assert done.returncode == 1 and done.stdout == ""  # still withheld
        expect(run("affected", "--state", f.state, "--key", KEY.hex), 0)


def test_kill_9_at_any_time():
    log = new_log(1500)
    f = Follower(log)
    alerts = os.path.join(f.top, "alerts")
    args = f.args("--once", "--alerts", alerts, "--builder", KEY.hex)
    kills = 0
    for i in range(40):
        p = subprocess.Popen([BIN, *args], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        try:
            p.wait(timeout=0.08 * (1 + i % 5))
            break
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
            kills += 1
    run(*args)
    assert kills > 0
    with open(alerts) as g:
        got = {json.loads(x)["index"] for x in g}
    assert got == set(range(1500)), "skipped %s" % sorted(
        set(range(1500)) - got)
    assert f.where() == (1500, 1500)


def test_damaged_state():
    log = new_log(10)
    f = Follower(log)
    f.look(0)
    where = os.path.join(f.state, "state")
    with open(where, "rb") as g:
        good = g.read()
    for wrong in (b"", good[:-1], good[:40], b"x" + good,
                  good.replace(b"checked 10", b"checked 11"),
                  good.replace(b"checked 10", b"checked 9"),
                  good.replace(b"\n10\n", b"\n9\n")):
        write(where, wrong)
        done = run(*f.args("--once"))
        assert done.returncode in (1, 2), wrong
        if done.returncode == 1:
            # A frontier of other entries is not the log's.
            assert "bad-entry" in done.stdout
    write(where, good)
    f.look(0)
    write(os.path.join(f.state, "ledger"), b"")
    expect(run(*f.args("--once")), 2, "fewer records")


def test_two_at_once_and_usage():
    log = new_log(3)
    f = Follower(log)
    p = subprocess.Popen([BIN, *f.args("--interval", "1")],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while (not os.path.exists(os.path.join(f.state, "state")) and
           time.monotonic() < deadline):
        time.sleep(0.05)
    try:
        expect(run(*f.args("--once")), 2, "another follower runs in it")
    finally:
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=60)
    assert p.returncode == 0
    expect(run("follow", f.server.url), 2, "--state DIR")
    expect(run("follow", "--state", f.state), 2, "name one log")
    expect(run(*f.args("--once", "--interval", "0")), 2, "--interval wants")


def test_daemon():
    """It goes on through failures and growth, and ends when told."""
    log = new_log(5)
    f = Follower(log)
    p = subprocess.Popen([BIN, *f.args("--interval", "1", "--builder",
                                       REVOKER.hex)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(
        json.loads(x) for x in p.stdout))
    reader.start()

    def wait_for(n):
        deadline = time.monotonic() + 60
        while len(lines) < n and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(lines) >= n, (n, lines)

    log.add(REVOKER, certs.other("one"))
    f.serve(log)
    wait_for(1)
    f.server.wrong = {"checkpoint": (503, b"")}
    log.add(REVOKER, certs.other("two"))
    f.serve(log)
    time.sleep(1.5)
    assert len(lines) == 1
    f.server.wrong = {}
    wait_for(2)
    p.send_signal(signal.SIGTERM)
    err = p.stderr.read()
    p.wait(timeout=60)
    reader.join()
    assert p.returncode == 0, err
    assert [x["index"] for x in lines] == [5, 6]


if __name__ == "__main__":
    lying.main([v for k, v in sorted(globals().items())
                if k.startswith("test_")])
