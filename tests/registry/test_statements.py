#!/usr/bin/env python3
"""test_statements.py -- statements beside certificates: who may revoke, what
the registry says itself, and what a removal leaves.

Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""
import hashlib
import json
import os
import subprocess
import time

import certs
import server

REVOCATION = certs.AICERT + "/revocation/v1"
REMOVAL = certs.AICERT + "/removal/v1"
STATE = certs.AICERT + "/revocation-state/v1"
RELEASE = certs.AICERT + "/image-release/v1"


def statement(kind, subjects, predicate):
    return certs.compact({
        "_type": "https://in-toto.io/Statement/v1", "subject": subjects,
        "predicateType": kind, "predicate": predicate})


def revocation(name, target, reason="", origin=None):
    predicate = {"scope": "all", "reason": reason}
    if origin:
        predicate = {"scope": "from", "from": {"origin": origin, "index": 3},
                     "reason": reason}
    return statement(REVOCATION, [certs.descriptor(name, target)], predicate)


def release():
    hexes = [certs.sha256_hex(b"%d" % i) for i in range(6)]
    return statement(RELEASE, [
        certs.descriptor("uki", hexes[0]), certs.descriptor("root", hexes[1])],
        {"name": "image", "version": "1", "debug": False, "stub": "252",
         "tuples": [{"firmware": "ovmf", "secureBoot": False, "pcrs": {
             "4": hexes[2], "9": hexes[3], "11": hexes[4]}}],
         "containers": []})


def line(key, s):
    return certs.jsonl(certs.bundle(key, s))


def problem(reply):
    return reply.status, json.loads(reply.body)["type"].rsplit("/", 1)[1]


def wait_for(what, why):
    """The first true value of what(), within a minute."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        got = what()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError("waited in vain for " + why)


def of_type(r, kind):
    return r.rows("SELECT idx, content FROM entry WHERE type = ? ORDER BY idx",
                  kind)


def own_key(r):
    """The fingerprint in the policy line of the registry's own key."""
    with open(r.dir + "/log-keys") as f:
        own = [x.split() for x in f if x.startswith("registry ")]
    assert own[0][1] == "log.example.org", own
    served = r.get("/api/v1/log-keys").text().splitlines()
    assert " ".join(own[0]) in served
    assert os.stat(r.dir + "/statement.key").st_mode & 0o777 == 0o600
    return own[0][2]


def test_kinds():
    """Each kind is logged, answered with its proof, and found again."""
    r = server.Registry()
    r.start(args=("--state-s", "0"))
    key = certs.Key()
    d = certs.digest(certs.provenance(key, "a")).hex()
    assert r.post(certs.asserted(key, "a")).status == 200
    for i, s in enumerate((
            release(), revocation("statement", d, "wrong"),
            revocation("statement", d, "", "log.example.org"),
            revocation("key", key.hex), revocation("image-release", "11" * 32),
            revocation("key", "22" * 32))):
        reply = r.post(line(key, s))
        assert reply.status == 200, reply.text()
        assert certs.check_certificate(reply.body, r.keys, key) == [i + 1]
        # A duplicate gets the same line.
        assert r.post(line(key, s)).body == reply.body
        got = r.get("/api/v1/statements/" + certs.digest(s).hex())
        assert got.body == s
    assert r.checkpoint().size == 7
    r.stop()
    r.close()


def test_strangers():
    """Who is neither signer, revoked key nor revoker is refused, by name."""
    r = server.Registry()
    key, stranger, revoker = certs.Key(), certs.Key(), certs.Key()
    policy = r.top + "/policy"
    with open(policy, "w") as f:
        f.write("quorum none\nrevoker them %s\n" % revoker.hex)
    r.start(args=("--state-s", "0", "--policy", policy))
    d = certs.digest(certs.provenance(key, "a")).hex()
    image = release()
    assert r.post(certs.asserted(key, "a")).status == 200
    assert r.post(line(key, image)).status == 200
    size = r.checkpoint().size
    targets = (("statement", d), ("image-release", certs.digest(image).hex()),
               ("key", key.hex))
    for target in targets:
        reply = r.post(line(stranger, revocation(*target)))
        assert problem(reply) == (403, "authority"), reply.text()
        assert r.checkpoint().size == size
    # The same by the revoker, and by the signer and the key itself.
    for who in revoker, key:
        for target in targets:
            size += 1
            assert r.post(line(who, revocation(*target))).status == 200
            assert r.checkpoint().size == size
    r.stop()
    r.close()


def test_wrong_statements():
    r = server.Registry()
    r.start(args=("--state-s", "0"))
    key = certs.Key()
    good = revocation("statement", "33" * 32)
    long = revocation("statement", "33" * 32, "x" * 1025)
    state = statement(STATE, [certs.descriptor("revocations", "44" * 32)],
                      {"origin": "log.example.org", "treeSize": 0, "count": 0})
    removal = statement(REMOVAL, [certs.descriptor("statement", "33" * 32)],
                        {"reason": "no"})
    wrong = [
        ("a removal by a builder", line(key, removal), 403, "authority"),
        ("a state by a builder", line(key, state), 403, "authority"),
        ("unknown name of a subject",
         line(key, revocation("model", "33" * 32)), 400, "malformed"),
        ("digest in capitals",
         line(key, revocation("statement", "AB" * 32)), 400, "malformed"),
        ("short digest",
         line(key, revocation("statement", "33" * 31)), 400, "malformed"),
        ("a reason too long", line(key, long), 413, "too-large"),
        ("a control character",
         line(key, revocation("statement", "33" * 32, "a\nb")), 400,
         "malformed"),
        ("another order of members", line(key, good.replace(
            b'"scope":"all","reason":""', b'"reason":"","scope":"all"')),
         400, "malformed"),
        ("an unknown member", line(key, good.replace(
            b'"reason":""', b'"reason":"","by":"me"')), 400, "malformed"),
        ("unknown scope", line(key, good.replace(b'"all"', b'"some"')), 400,
         "malformed"),
        ("two subjects", line(key, good.replace(
            b'],"predicateType"', b',{"name":"statement","digest":{"sha256":'
            b'"' + b"55" * 32 + b'"}}],"predicateType"')), 400, "malformed"),
        ("white space", line(key, good.replace(b'":', b'": ', 1)), 400,
         "malformed"),
        ("no tuples", line(key, release().replace(
            b'"tuples":[{', b'"tuples":[],"x":[{')), 400, "malformed"),
        ("a wrong signature", certs.jsonl(certs.bundle(
            key, good, key.sign(good + b" "))), 422, "signature"),
        ("a statement of an unknown kind",
         line(key, certs.other("x")), 400, "malformed"),
        ("two of them in one post", line(key, good) * 2, 400, "malformed"),
        ("no line feed", line(key, good)[:-1], 400, "malformed"),
    ]
    for name, body, status, kind in wrong:
        reply = r.post(body)
        assert problem(reply) == (status, kind), (name, reply.text())
        assert r.checkpoint().size == 0, name
    assert r.post(line(key, good)).status == 200
    r.stop()
    r.close()


def check_state(r, own, index, content, ds, size):
    s = json.loads(content)
    p = s["predicate"]
    assert p["origin"] == "log.example.org" and p["treeSize"] <= index
    assert p["treeSize"] >= size and p["count"] == len(ds)
    assert s["subject"][0]["digest"]["sha256"] == hashlib.sha256(
        b"".join(ds)).hexdigest()
    spki, = r.rows("SELECT k.spki FROM entry e JOIN key k ON k.id = e.key "
                   "WHERE e.idx = ?", index)[0]
    assert certs.sha256_hex(spki) == own


def test_state_follows_each_revocation():
    r = server.Registry()
    r.start()
    own = own_key(r)
    key = certs.Key()
    ds = []
    for i in range(3):
        s = revocation("statement", "%02d" % i * 32)
        ds.append(certs.digest(s))
        index, = certs.check_certificate(r.post(line(key, s)).body, r.keys)
        rows = wait_for(lambda: len(of_type(r, STATE)) > i and
                        of_type(r, STATE), "a state")
        check_state(r, own, rows[i][0], rows[i][1], ds, index + 1)
    # A certificate is no reason for another, nor is a new start.
    assert r.post(certs.asserted(key, "a")).status == 200
    r.stop()
    assert len(of_type(r, STATE)) == 3
    r.start()
    s = revocation("statement", "33" * 32)
    ds.append(certs.digest(s))
    index, = certs.check_certificate(r.post(line(key, s)).body, r.keys)
    rows = wait_for(lambda: len(of_type(r, STATE)) > 3 and of_type(r, STATE),
                    "a state after the start")
    check_state(r, own, rows[3][0], rows[3][1], ds, index + 1)
    wait_for(lambda: r.checkpoint().size > rows[3][0], "its publication")
    server.read_log(r)
    r.stop()
    r.close()


def test_state_daily():
    """Here every second, without any revocation."""
    r = server.Registry()
    r.start(args=("--state-s", "1"))
    own = own_key(r)
    rows = wait_for(lambda: len(of_type(r, STATE)) > 1 and of_type(r, STATE),
                    "states")
    check_state(r, own, rows[0][0], rows[0][1], [], 0)
    r.stop()
    r.close()


def test_age_outlives_a_restart():
    """A state that a server made is as old for the next one."""
    r = server.Registry()
    r.start(args=("--state-s", "9"))
    first = wait_for(lambda: of_type(r, STATE), "a state")
    began = time.monotonic()
    assert len(first) == 1
    for _ in range(3):
        r.stop()
        r.start(args=("--state-s", "9"))
        r.post(certs.asserted(certs.Key(), "x"))
    wait_for(lambda: len(of_type(r, STATE)) > 1, "the next one")
    assert 7 <= time.monotonic() - began, time.monotonic() - began
    # One that is too old by then is made anew at the start.
    r.stop()
    count = len(of_type(r, STATE))
    time.sleep(2)
    r.start(args=("--state-s", "1"))
    began = time.monotonic()
    wait_for(lambda: len(of_type(r, STATE)) > count, "a new one")
    r.stop()
    # A revocation has its state at once, whatever the age.
    r.start(args=("--state-s", "604800"))
    count = len(of_type(r, STATE))
    r.post(line(certs.Key(), revocation("statement", "33" * 32)))
    wait_for(lambda: len(of_type(r, STATE)) > count, "that of a revocation")
    r.stop()
    r.close()


def remove(r, d, reason="asked to"):
    return server.run("remove", r.dir, "--statement", d, "--reason", reason)


def test_removal():
    r = server.Registry()
    r.start(args=("--state-s", "0"))
    own = own_key(r)
    key = certs.Key()
    content = certs.provenance(key, "a")
    d = certs.digest(content).hex()
    body = certs.asserted(key, "a")
    assert r.post(body).status == 200
    assert r.post(certs.asserted(key, "b")).status == 200
    leaves = server.read_log(r)
    path = "/api/v1/proof/inclusion?index=0&size=2"
    proof = json.loads(r.get(path).body)["hashes"]
    done = remove(r, d)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: of_type(r, REMOVAL), "the removal")
    wait_for(lambda: r.checkpoint().size == 3, "its publication")
    index, said = of_type(r, REMOVAL)[0]
    assert json.loads(said)["subject"] == [certs.descriptor("statement", d)]
    assert json.loads(said)["predicate"] == {"reason": "asked to"}
    spki, = r.rows("SELECT k.spki FROM entry e JOIN key k ON k.id = e.key "
                   "WHERE e.idx = ?", index)[0]
    assert certs.sha256_hex(spki) == own
    # The content is nowhere, the leaf and its proof stay.
    for of in "statements/", "certificates/":
        reply = r.get("/api/v1/" + of + d)
        assert problem(reply) == (451, "removed"), reply.text()
    assert problem(r.post(body)) == (451, "removed")
    assert server.read_log(r)[:2] == leaves
    assert json.loads(r.get(path).body)["hashes"] == proof
    assert r.rows("SELECT length(content) FROM entry WHERE idx = 0") == [(0,)]
    assert r.get("/api/v1/statements/" + certs.digest(
        certs.provenance(key, "b")).hex()).status == 200
    # The request is gone once it is done; a second one is refused.
    wait_for(lambda: not os.listdir(r.dir + "/removals"), "the file to go")
    done = remove(r, d)
    assert done.returncode == 1 and "withheld already" in done.stderr
    assert r.checkpoint().size == 3
    r.stop()
    r.close()


def test_removal_while_stopped():
    """What is asked for while no server runs happens at the next start."""
    r = server.Registry()
    key = certs.Key()
    r.start(args=("--state-s", "0"))
    assert r.post(certs.asserted(key, "a")).status == 200
    r.stop()
    d = certs.digest(certs.provenance(key, "a")).hex()
    assert remove(r, d).returncode == 0
    again = remove(r, d)
    assert again.returncode == 1 and "already" in again.stderr
    r.start(args=("--state-s", "0"))
    wait_for(lambda: r.get("/api/v1/statements/" + d).status == 451, "451")
    r.stop()
    r.close()


def test_wrong_removals():
    r = server.Registry()
    for args, code in (
            (("--statement", "00" * 32, "--reason", "x"), 1),
            (("--statement", "00" * 31, "--reason", "x"), 2),
            (("--statement", "AB" * 32, "--reason", "x"), 2),
            (("--statement", "", "--reason", "x"), 2),
            (("--statement", "00" * 32), 2),
            (("--reason", "x"), 2),
            (("--statement", "00" * 32, "--reason", "a\nb"), 2),
            (("--statement", "00" * 32, "--reason", "x" * 1025), 2),
            (("--statement", "00" * 32, "--reason", "x", "--to", "y"), 2),
            (("--statement", "00" * 32, "--reason", "x", "--fail-open"), 2)):
        done = server.run("remove", r.dir, *args)
        assert done.returncode == code, (args, done.returncode, done.stderr)
    assert not os.path.exists(r.dir + "/removals")
    r.close()


def test_key_files():
    """Without its key, or with one that others can read, it does not start."""
    r = server.Registry()
    path = r.dir + "/statement.key"
    os.chmod(path, 0o644)
    done = server.run("serve", r.dir, "--listen", "127.0.0.1:0",
                      "--accept-unwitnessed-start")
    assert done.returncode == 1 and "chmod 600" in done.stderr, done.stderr
    os.chmod(path, 0o600)
    with open(path, "w") as f:
        f.write("no key\n")
    done = server.run("serve", r.dir, "--listen", "127.0.0.1:0",
                      "--accept-unwitnessed-start")
    assert done.returncode == 1 and "P-256" in done.stderr, done.stderr
    os.unlink(path)
    done = server.run("serve", r.dir, "--listen", "127.0.0.1:0",
                      "--accept-unwitnessed-start")
    assert done.returncode == 1 and "statement.key" in done.stderr
    r.close()


def bodies(path):
    """The certificates of a file of bench_load, and whether each is wrong."""
    with open(path, "rb") as f:
        data = f.read()
    while data:
        n = int.from_bytes(data[:8], "little")
        wrong = int.from_bytes(data[8:12], "little")
        yield wrong, data[80:80 + n]
        data = data[80 + n + -n % 8:]


def test_evidence():
    """--admit evidence judges by the policy; --admit signed does not."""
    maker = os.path.join(os.path.dirname(server.BIN), "bench_load")
    r = server.Registry()
    policy = r.top + "/policy"
    subprocess.run([maker, "make", r.top + "/certs", "6", "2048", policy],
                   check=True, timeout=120)
    made = [body for _, body in bodies(r.top + "/certs")]
    with open(policy) as f:
        text = f.read()
    unknown = r.top + "/unknown"
    with open(unknown, "w") as f:
        f.write(text.replace("ak-root ", "ak-root " + "0" * 64 + " x\n#"))
    self_asserted = certs.asserted(certs.Key(), "a")
    invented = certs.measured(certs.Key(), "b")
    done = server.run("serve", r.dir, "--listen", "127.0.0.1:0",
                      "--accept-unwitnessed-start", "--admit", "evidence")
    assert done.returncode == 1 and "--policy" in done.stderr, done.stderr
    r.start(args=("--admit", "evidence", "--policy", policy))
    for body, said in ((self_asserted, "self-asserted"),
                       (invented, "step ")):
        reply = r.post(body)
        assert problem(reply) == (422, "evidence"), reply.text()
        assert said in json.loads(reply.body)["detail"], reply.text()
    lines = made[1].splitlines(keepends=True)
    other = made[2].splitlines(keepends=True)
    assert problem(r.post(lines[0] + other[1])) == (422, "disagreement")
    assert r.checkpoint().size == 0
    reply = r.post(made[0])
    assert reply.status == 200, reply.text()
    certs.check_certificate(reply.body, r.keys)
    r.stop()
    r.start(args=("--admit", "evidence", "--policy", unknown))
    reply = r.post(made[1])
    assert problem(reply) == (422, "evidence"), reply.text()
    assert "step 8" in json.loads(reply.body)["detail"], reply.text()
    r.stop()
    with open(policy, "a") as f:
        f.write("allow self-asserted\n")
    r.start(args=("--admit", "evidence", "--policy", policy))
    # Now it is judged as far as it says anything that can be.
    reply = r.post(self_asserted)
    assert problem(reply) == (422, "evidence"), reply.text()
    assert "step 15" in json.loads(reply.body)["detail"], reply.text()
    r.stop()
    r.start()
    assert r.post(made[1]).status == 200 and r.post(invented).status == 200
    r.stop()
    r.close()


server.main([test_kinds, test_strangers, test_wrong_statements,
             test_state_follows_each_revocation, test_state_daily, test_age_outlives_a_restart,
             test_removal, test_removal_while_stopped, test_wrong_removals,
             test_key_files, test_evidence])
