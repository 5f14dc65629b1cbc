"""test_compare.py -- aicert-audit compare and check-evidence: a split view is
proved to anybody, and nothing else is."""
import json
import os

import lying
import certs
import server
from lying import expect, folder, path, run, write, write_all

KEY = certs.Key()
LOG = lying.Log().fill(KEY, 530)
FORK = LOG.copy()
FORK.bodies[300] = certs.leaf_body(certs.other("another"), KEY.sign(
    certs.other("another")), KEY.spki)
FORK.statements[certs.digest(certs.other("another")).hex()] = certs.other(
    "another")
POLICY = write(os.path.join(folder(), "policy"), LOG.policy())


def place(log, size, **more):
    return write_all(folder(), dict(log.files(size), **more))


def compare(a, b, *more):
    out = os.path.join(folder(), "evidence")
    done = run("compare", a, b, "--policy", POLICY, "--evidence", out, *more)
    assert os.path.exists(out) == (done.returncode == 1)
    return done, out


def check(file, policy=POLICY):
    return run("check-evidence", file, "--policy", policy)


def test_consistent():
    for a, b in ((0, 0), (0, 530), (1, 530), (256, 512), (255, 257), (300, 530),
                 (301, 302), (530, 530), (512, 530)):
        done, _ = compare(place(LOG, a), place(LOG, b))
        expect(done, 0, "consistent", "sizes %d and %d" % (a, b))
        done, _ = compare(place(LOG, b), place(LOG, a), "--json")
        assert json.loads(done.stdout)["verdict"] == "consistent"
    # Trees that differ only later begin alike.
    done, _ = compare(place(LOG, 300), place(FORK, 530))
    expect(done, 0)


def test_split_views():
    """Every pair of sizes after the fork is convicted, by folders, by URLs and
    by the checkpoint file of one side."""
    for a, b in ((530, 530), (301, 530), (512, 530), (400, 512), (301, 302),
                 (511, 513)):
        one, two = place(LOG, a), place(FORK, b)
        done, out = compare(one, two)
        expect(done, 1, "SPLIT VIEW of the log " + LOG.origin)
        expect(check(out), 0, "PROVED")
        done, out = compare(two, one, "--json")
        assert json.loads(done.stdout)["verdict"] == "split-view"
        expect(check(out), 0, "PROVED")
    s = lying.Server(FORK.files())
    done, out = compare(os.path.join(place(LOG, 400), "checkpoint"), s.url)
    expect(done, 1, "SPLIT VIEW")
    expect(check(out), 0)
    # It stands without either log, under the key alone.
    keys = write(os.path.join(folder(), "keys"),
                 "log %s\n" % LOG.key.vkey())
    expect(run("check-evidence", out, "--log-keys", keys), 0)
    s.close()


def test_files_alone():
    a = write(os.path.join(folder(), "a"), LOG.checkpoint(400))
    b = write(os.path.join(folder(), "b"), FORK.checkpoint(530))
    c = write(os.path.join(folder(), "c"), FORK.checkpoint(400))
    done, _ = compare(a, b)
    expect(done, 3, "--tiles")
    done, out = compare(a, c)
    expect(done, 1)
    expect(check(out), 0)
    done, out = compare(a, b, "--tiles", place(FORK, 530))
    expect(done, 1)
    expect(check(out), 0)
    # Tiles of the other tree decide nothing.
    done, _ = compare(a, b, "--tiles", place(LOG, 530))
    expect(done, 3, "do not lead to the root")


def test_certificates():
    """A view may be a certificate as the registry answered it."""
    r = server.Registry()
    try:
        r.start(args=("--batch-ms", "0"))
        keys = os.path.join(r.dir, "log-keys")
        one = write(os.path.join(folder(), "aicert.jsonl"), r.post(
            certs.measured(KEY, "a")).body)
        two = write(os.path.join(folder(), "aicert.jsonl"), r.post(
            certs.measured(KEY, "b")).body)
        url = "http://127.0.0.1:%d" % r.port
        expect(run("compare", one, url, "--log-keys", keys), 0,
               "sizes 2 and 4")
        expect(run("compare", two, one, "--tiles", url, "--log-keys", keys), 0)
        bare = write(os.path.join(folder(), "bare"), certs.measured(KEY, "c"))
        expect(run("compare", bare, url, "--log-keys", keys), 2, "not logged")
        write(bare, b"{}\n")
        expect(run("compare", bare, url, "--log-keys", keys), 2,
               "no line of a certificate")
        r.stop()
    finally:
        r.close()


def test_not_decided():
    def drop(*names):
        files = LOG.files(530)
        for n in names:
            files.pop(n)
        return write_all(folder(), files)
    bad = LOG.files(530)
    bad[path(0, 1)] = b"x" * 8192
    small = place(LOG, 300)
    expect(compare(small, write_all(folder(), bad))[0], 3, "do not lead")
    expect(compare(small, drop(path(0, 1)))[0], 3, "not there")
    expect(compare(small, place(LOG, 530, checkpoint=b"x"))[0], 2,
           "no checkpoint")
    other = lying.Log("other.example.org").fill(KEY, 3)
    policy = write(os.path.join(folder(), "p"), LOG.policy() .replace(
        "quorum none\n", "") + other.policy())
    expect(run("compare", small, place(other, 3), "--policy", policy), 2,
           "two logs")
    expect(run("compare", small, "--policy", POLICY), 2, "name two views")
    # Evidence never replaces a file.
    done, out = compare(small, place(LOG, 530))
    write(out, "mine")
    assert run("compare", place(LOG, 530), place(FORK, 530), "--policy",
               POLICY, "--evidence", out).returncode == 2
    with open(out) as f:
        assert f.read() == "mine"


def evidence(smaller, larger, hashes):
    return certs.compact({
        "type": certs.AICERT + "/split-view/v1",
        "checkpoints": [smaller.decode(), larger.decode()],
        "hashes": [certs.b64(h) for h in hashes]}) + b"\n"


def test_evidence_that_proves_nothing():
    ftree, tree = FORK.tree(), LOG.tree()
    proof = ftree.consistency(400, 530)
    good = evidence(LOG.checkpoint(400), FORK.checkpoint(530), proof)
    where = folder()

    def verdict(data, code, word, policy=POLICY):
        f = write(os.path.join(where, "e"), data)
        expect(check(f, policy), code, word)

    verdict(good, 0, "PROVED")
    stranger = lying.NoteKey(LOG.origin)
    other = lying.Log("other.example.org").fill(KEY, 530)
    both = write(os.path.join(where, "both"), LOG.policy().replace(
        "quorum none\n", "") + other.policy())
    unsigned = (LOG.checkpoint(400).split(b"\n\n")[0] + b"\n\n" +
                stranger.line("x\n").encode())
    cases = [
        ("the same checkpoint twice", evidence(
            LOG.checkpoint(400), LOG.checkpoint(400), []), "same tree"),
        ("the same tree, cosigned at another time", evidence(
            LOG.checkpoint(400, when=5), LOG.checkpoint(400, when=6), []),
         "same tree"),
        ("consistent heads, their own proof", evidence(
            LOG.checkpoint(400), LOG.checkpoint(530),
            tree.consistency(400, 530)), "are consistent"),
        ("consistent heads, hashes of the fork", evidence(
            LOG.checkpoint(400), LOG.checkpoint(530), proof),
         "do not lead to the root of the larger"),
        ("consistent heads, invented hashes", evidence(
            LOG.checkpoint(400), LOG.checkpoint(530),
            [b"x" * 32] * len(proof)), "do not lead"),
        ("an unsigned checkpoint", evidence(
            unsigned, FORK.checkpoint(530), proof), "no signature by the key"),
        ("a checkpoint by another key", evidence(
            LOG.checkpoint(400, signer=stranger), FORK.checkpoint(530), proof),
         "no signature by the key"),
        ("a signature that does not hold", evidence(
            LOG.checkpoint(400).replace(b"\n400\n", b"\n401\n"),
            FORK.checkpoint(530), proof), "does not hold"),
        ("no hashes for different sizes", evidence(
            LOG.checkpoint(400), FORK.checkpoint(530), []), "no 0 hashes"),
        ("one hash too many", evidence(
            LOG.checkpoint(400), FORK.checkpoint(530), proof + [b"x" * 32]),
         "hashes can lead"),
        ("hashes for one size", evidence(
            LOG.checkpoint(530), FORK.checkpoint(530), proof),
         "need no hashes"),
        ("the larger first", evidence(
            FORK.checkpoint(530), LOG.checkpoint(400), proof),
         "not in order of size"),
        ("the empty tree", evidence(
            LOG.checkpoint(0), FORK.checkpoint(530), proof),
         "begins with the empty one"),
        ("a log that the policy does not know", evidence(
            other.checkpoint(400), other.checkpoint(530), proof),
         "no \"log\" line"),
        ("text", b"hello\n", "no evidence"),
        ("nothing", b"", "no evidence"),
        ("another type", good.replace(b"split-view/v1", b"split-view/v2"),
         "no evidence"),
        ("an unknown member", good.replace(b"{", b'{"a":1,', 1),
         "no evidence"),
        ("three checkpoints", good.replace(b"],\"hashes\"",
                                           b",\"x\"],\"hashes\""),
         "no evidence"),
        ("a hash of 31 bytes", good.replace(
            certs.b64(proof[0]).encode(), certs.b64(b"x" * 31).encode()),
         "no evidence"),
        ("70 hashes", evidence(LOG.checkpoint(400), FORK.checkpoint(530),
                               [b"x" * 32] * 70), "no evidence"),
    ]
    for name, data, word in cases:
        try:
            verdict(data, 1, word)
        except AssertionError as e:
            raise AssertionError(name + ": " + str(e))
    verdict(evidence(LOG.checkpoint(400), other.checkpoint(530), proof), 1,
            "different logs", both)
    expect(check(os.path.join(where, "none")), 2, "cannot read")
    expect(run("check-evidence", os.path.join(where, "e"), "--policy",
               "/nonexistent"), 2)
    # One changed character anywhere never proves anything else.
    for i in range(0, len(good), 37):
        changed = good[:i] + bytes([good[i] ^ 1]) + good[i + 1:]
        done = check(write(os.path.join(where, "e"), changed))
        # A time cosignature is not part of the proof.
        assert done.returncode == 1 or (
            done.returncode == 0 and b"/time" in good[i - 200:i + 40]), (
                i, good[i - 10:i + 10], done.stdout)


if __name__ == "__main__":
    lying.main([v for k, v in sorted(globals().items())
                if k.startswith("test_")])
