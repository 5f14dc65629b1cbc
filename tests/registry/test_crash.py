"""test_crash.py -- kill -9 at every arrow of the write side: whatever was
answered is there after a restart, with its index, and no signed head is
unknown to the database.  Needs a debug build, which has the hooks."""
import base64
import http.client
import os
import signal
import threading

import certs
import server

ARROWS = ["admitted", "pooled", "before-commit", "committed", "signed",
          "tiles", "witnessed", "cosigned", "published", "answered"]
COMMITTED = ARROWS.index("committed")


def killed(r):
    code, _ = r.wait()
    assert code == -signal.SIGKILL, "exit code %d" % code


def heads(r):
    return dict(r.rows("SELECT size, root FROM head"))


def signed(r):
    """Size and root that the signer's state and the checkpoint file state."""
    with open(r.dir + "/signer.state") as f:
        state = f.read().splitlines()
    yield int(state[1]), base64.b64decode(state[2])
    with open(r.dir + "/public/checkpoint") as f:
        c = certs.Checkpoint(f.read(), r.keys)
    yield c.size, c.root


def check_stopped(r, seen):
    """While the server is down: no signed head that the database lacks."""
    known = heads(r)
    for size, root in signed(r):
        assert known.get(size) == root, "a signed head is unknown"
        assert seen.setdefault(size, root) == root, "two heads of one size"


def answer_of(r, body):
    """Post; the answer's body, or None where none came."""
    try:
        reply = r.post(body)
    except (OSError, http.client.HTTPException):
        return None
    assert reply.status == 200, reply.text()
    return reply.body


def crash_at(arrow):
    r = server.Registry()
    try:
        key, seen = certs.Key(), {}
        answered = {}
        bodies = [certs.measured(key, "before %d" % i) for i in range(3)]
        r.start()
        for body in bodies:
            answered[body] = r.post(body).body
        r.stop()
        check_stopped(r, seen)
        size = max(heads(r))
        hit = certs.measured(key, "hit")
        r.start(kill_at=arrow)
        # Several at once: the kill may find a batch of them.
        others = [certs.asserted(key, "beside %d" % i) for i in range(4)]
        got = {}

        def post(body):
            got[body] = answer_of(r, body)

        threads = [threading.Thread(target=post, args=(b,))
                   for b in [hit] + others]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        killed(r)
        check_stopped(r, seen)
        answered.update({b: a for b, a in got.items() if a is not None})
        if arrow != "answered":
            assert got[hit] is None, "answered before it was published"
        if ARROWS.index(arrow) < COMMITTED:
            assert max(heads(r)) == size, "a head before the commit point"
        else:
            assert max(heads(r)) > size
        r.start()
        # The newest committed head is public now, before anything new.
        assert r.checkpoint().size == max(heads(r))
        for body, answer in answered.items():
            again = r.post(body)
            assert again.status == 200 and again.body == answer, arrow
        # Those that were not answered get theirs; nothing is logged twice.
        everything = bodies + [hit] + others
        indices = []
        for body in everything:
            reply = r.post(body)
            assert reply.status == 200, reply.text()
            indices += certs.check_certificate(reply.body, r.keys, key)
        assert sorted(indices) == list(range(len(indices))), indices
        assert len(server.read_log(r)) == len(indices) == 3 * 2 + 2 + 4
        for old, root in seen.items():
            assert heads(r)[old] == root
        r.stop()
        check_stopped(r, seen)
    finally:
        r.close()


def test_at(arrow):
    def test():
        crash_at(arrow)
    test.__name__ = "test_kill_at_" + arrow.replace("-", "_")
    return test


def test_killed_again_while_recovering():
    """Killed at one arrow after another without a good start between."""
    r = server.Registry()
    key, seen = certs.Key(), {}
    bodies = []
    for arrow in ARROWS[::-1] + ARROWS:
        body = certs.asserted(key, arrow + str(len(bodies)))
        bodies.append(body)
        r.start(kill_at=arrow)
        answer_of(r, body)
        killed(r)
        check_stopped(r, seen)
    r.start()
    indices = []
    for body in bodies:
        reply = r.post(body)
        indices += certs.check_certificate(reply.body, r.keys, key)
    assert sorted(indices) == list(range(len(bodies)))
    assert len(server.read_log(r)) == len(bodies)
    r.stop()
    r.close()


def has_hooks():
    """Does the program die where it is told to?"""
    r = server.Registry()
    r.start(kill_at="admitted")
    hooked = answer_of(r, certs.asserted(certs.Key(), "x")) is None
    r.close()
    return hooked


if os.access(server.BIN, os.X_OK) and not has_hooks():
    print("skipped: %s is no debug build, it has no hooks" % server.BIN)
    raise SystemExit(77)
server.main([test_at(a) for a in ARROWS] +
            [test_killed_again_while_recovering])
