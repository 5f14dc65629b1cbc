"""test_log.py -- what a registry answers: certificates with proofs that hold,
duplicates, conflicts, lookups, tiles; and a restart that keeps it all."""
import base64
import gzip
import json
import os
import threading
import time
from email.utils import parsedate

import certs
import server
from server import Registry


def with_registry(test):
    def wrapped():
        registry = Registry()
        try:
            test(registry)
        finally:
            registry.close()
    wrapped.__name__ = test.__name__
    return wrapped


@with_registry
def test_empty_log(r):
    r.start()
    c = r.checkpoint()
    assert c.size == 0 and c.root == certs.sha256(b"")
    assert r.get("/tile/0/000").status == 404
    assert r.get("/api/v1/proof/inclusion?index=0").status == 404
    r.stop()


@with_registry
def test_one_line_and_two_lines(r):
    r.start()
    key = certs.Key()
    one = r.post(certs.asserted(key, "a"))
    assert one.status == 200, one.text()
    assert one.headers["Content-Type"] == "application/jsonl"
    assert certs.check_certificate(one.body, r.keys, key) == [0]
    two = r.post(certs.measured(key, "b"))
    assert two.status == 200, two.text()
    assert certs.check_certificate(two.body, r.keys, key) == [1, 2]
    assert len(server.read_log(r)) == 3
    r.stop()


@with_registry
def test_lines_come_back_in_order(r):
    r.start()
    key, stranger = certs.Key(), certs.Key()
    p = certs.provenance(key, "a", measured=True)
    statements = [p, certs.evidence(p), certs.other("x"), certs.other("y")]
    keys = [key, key, stranger, key]
    lines = [certs.bundle(k, s) for k, s in zip(keys, statements)]
    # A line may use the line feed's neighbours; only LF ends it.
    reply = r.post(certs.jsonl(*lines))
    assert reply.status == 200, reply.text()
    answered = reply.body.splitlines()
    assert len(answered) == 4
    for i, line in enumerate(answered):
        index, _, _ = certs.check_line(line, r.keys, keys[i], statements[i])
        assert index == i
    # The certificate has the builder's own further lines before others'.
    got = r.get("/api/v1/certificates/" + certs.digest(p).hex())
    order = [certs.check_line(line, r.keys)[0]
             for line in got.body.splitlines()]
    assert order == [0, 1, 3, 2], order
    r.stop()


@with_registry
def test_duplicates_keep_index_and_signature(r):
    r.start()
    key = certs.Key()
    p = certs.provenance(key, "a", measured=True)
    e = certs.evidence(p)
    first = r.post(certs.jsonl(certs.bundle(key, p), certs.bundle(key, e)))
    assert first.status == 200, first.text()
    # Signed anew: other signatures over the same statements.
    again = r.post(certs.jsonl(certs.bundle(key, p), certs.bundle(key, e)))
    assert again.status == 200 and again.body == first.body
    # What was answered can be posted as it is: its entries are ignored.
    echo = r.post(first.body)
    assert echo.status == 200 and echo.body == first.body
    assert r.checkpoint().size == 2
    r.stop()


@with_registry
def test_duplicates_in_one_batch(r):
    r.start(args=("--batch-ms", "1000"))
    key = certs.Key()
    p = certs.provenance(key, "a")
    replies = [None] * 8

    def post(i):
        replies[i] = r.post(certs.jsonl(certs.bundle(key, p)))

    run_all([lambda i=i: post(i) for i in range(8)])
    assert {x.status for x in replies} == {200}
    assert len({x.body for x in replies}) == 1
    assert r.checkpoint().size == 1
    r.stop()


@with_registry
def test_further_lines_can_follow(r):
    r.start()
    key, tester = certs.Key(), certs.Key()
    p = certs.provenance(key, "a")
    line = certs.bundle(key, p)
    assert r.post(certs.jsonl(line)).status == 200
    extra = certs.bundle(tester, certs.other("x"))
    reply = r.post(certs.jsonl(line, extra))
    assert reply.status == 200, reply.text()
    assert [certs.check_line(x, r.keys)[0]
            for x in reply.body.splitlines()] == [0, 1]
    # The same further line belongs to a second certificate, too.
    q = certs.provenance(key, "b")
    reply = r.post(certs.jsonl(certs.bundle(key, q), extra))
    assert [certs.check_line(x, r.keys)[0]
            for x in reply.body.splitlines()] == [2, 1]
    for d in (p, q):
        got = r.get("/api/v1/certificates/" + certs.digest(d).hex())
        assert len(got.body.splitlines()) == 2
    # And to a third that is logged already: nothing new but the belonging.
    z = certs.provenance(key, "c")
    assert r.post(certs.jsonl(certs.bundle(key, z))).status == 200
    reply = r.post(certs.jsonl(certs.bundle(key, z), extra))
    assert reply.status == 200
    assert r.checkpoint().size == 4
    got = r.get("/api/v1/certificates/" + certs.digest(z).hex())
    assert len(got.body.splitlines()) == 2
    r.stop()


@with_registry
def test_other_evidence_is_a_conflict(r):
    r.start()
    key = certs.Key()
    p = certs.provenance(key, "a", measured=True)
    stored, late = certs.evidence(p), certs.evidence(p, b"late")
    line = certs.bundle(key, p)
    assert r.post(certs.jsonl(line, certs.bundle(key, stored))).status == 200
    reply = r.post(certs.jsonl(line, certs.bundle(key, late)))
    assert reply.status == 409, reply.text()
    problem = json.loads(reply.body)
    assert problem["stored"] == certs.digest(stored).hex()
    assert problem["type"].endswith("/problem/other-evidence")
    assert r.checkpoint().size == 2
    r.stop()


@with_registry
def test_two_evidences_in_one_batch(r):
    r.start(args=("--batch-ms", "1000"))
    key = certs.Key()
    p = certs.provenance(key, "a", measured=True)
    bodies = [certs.jsonl(certs.bundle(key, p),
                          certs.bundle(key, certs.evidence(p, b"%d" % i)))
              for i in range(6)]
    replies = [None] * 6

    def post(i):
        replies[i] = r.post(bodies[i])

    run_all([lambda i=i: post(i) for i in range(6)])
    codes = sorted(x.status for x in replies)
    assert codes == [200] + [409] * 5, codes
    won = [x for x in replies if x.status == 200][0]
    kept = json.loads(won.body.splitlines()[1])["dsseEnvelope"]["payload"]
    for x in replies:
        if x.status == 409:
            assert json.loads(x.body)["stored"] == certs.digest(
                base64.b64decode(kept)).hex()
    assert r.checkpoint().size == 2
    r.stop()


def run_all(functions):
    threads = [threading.Thread(target=f) for f in functions]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


@with_registry
def test_many_clients(r):
    """600 statements: a full tile, level 1, partial tiles of many sizes."""
    r.start(args=("--batch-ms", "5"))
    key = certs.Key()
    answered = {}
    lock = threading.Lock()

    def client(number):
        c = r.connect()
        for i in range(75):
            name = "%d-%d" % (number, i)
            c.request("POST", "/api/v1/certificates",
                      certs.asserted(key, name), server.JSONL)
            reply = server.Reply(c.getresponse())
            assert reply.status == 200, reply.text()
            line, = reply.body.splitlines()
            index, leaf, checkpoint = certs.check_line(line, r.keys, key)
            with lock:
                assert index not in answered, "an index was given twice"
                answered[index] = leaf
        c.close()

    run_all([lambda n=n: client(n) for n in range(8)])
    assert sorted(answered) == list(range(600))
    leaves = server.read_log(r)
    assert leaves == [answered[i] for i in range(600)]
    # Proofs of any index in any size, the current and earlier ones.
    for index, size in ((0, 1), (0, 600), (255, 256), (255, 257), (256, 257),
                        (511, 512), (599, 600), (300, 513), (17, 300)):
        p = json.loads(r.get("/api/v1/proof/inclusion?index=%d&size=%d"
                             % (index, size)).body)
        root = certs.tree_root(leaves[:size])
        assert bytes.fromhex(p["rootHash"]) == root, (index, size)
        assert bytes.fromhex(p["leafHash"]) == leaves[index]
        assert certs.root_from_proof(
            index, size, leaves[index],
            [bytes.fromhex(h) for h in p["hashes"]]) == root
        assert ("checkpoint" in p) == (size == 600)
    by_hash = json.loads(r.get("/api/v1/proof/inclusion?hash=" +
                               leaves[400].hex()).body)
    assert by_hash["index"] == 400 and by_hash["treeSize"] == 600
    r.stop()
    r.start()
    assert server.read_log(r) == leaves
    r.stop()


@with_registry
def test_lookups(r):
    r.start()
    key = certs.Key()
    p = certs.provenance(key, "a", measured=True)
    e = certs.evidence(p)
    reply = r.post(certs.jsonl(certs.bundle(key, p), certs.bundle(key, e)))
    d, de = certs.digest(p).hex(), certs.digest(e).hex()
    got = r.get("/api/v1/statements/" + d)
    assert got.status == 200 and got.body == p
    assert got.headers["Content-Type"] == certs.PAYLOAD_TYPE
    assert r.get("/api/v1/statements/" + de).body == e
    assert r.get("/api/v1/certificates/" + d).body == reply.body
    assert r.get("/api/v1/certificates/%s?key=%s" % (d, key.hex)
                 ).body == reply.body
    assert r.get("/api/v1/certificates/%s?key=%s" % (d, "00" * 32)
                 ).status == 404
    assert r.get("/api/v1/certificates/" + de
                 ).body == reply.body.splitlines(True)[1]
    assert r.get("/api/v1/statements/" + "00" * 32).status == 404
    assert r.get("/api/v1/certificates/" + "00" * 32).status == 404

    def find(alg, value):
        got = r.get("/api/v1/by-digest/%s/%s" % (alg, value))
        if got.status == 404:
            return []
        assert got.status == 200, got.text()
        return [(s["statement"], s["role"], s["index"])
                for s in json.loads(got.body)["statements"]]

    weights = certs.sha256_hex(b"w0a")
    root = certs.sha256_hex(b"roota")
    assert find("sha256", weights) == [(d, "subject", 0)]
    assert find("sha256", root) == [(d, "subject", 0), (de, "subject", 1)]
    assert find("sha256", d) == [(de, "subject", 1)]
    assert find("sha256", certs.sha256_hex(b"data")) == [
        (d, "dependency", 0)]
    assert find("gitCommit", "01" * 20) == [(d, "dependency", 0)]
    assert find("sha1", "01" * 20) == []
    assert find("sha256", "01" * 32) == []
    r.stop()


@with_registry
def test_by_digest_pages(r):
    """More findings than one answer holds."""
    r.start()
    key = certs.Key()
    c = r.connect()
    bodies = [certs.asserted(key, "m%d" % i) for i in range(130)]

    def client(part):
        c = r.connect()
        for body in part:
            c.request("POST", "/api/v1/certificates", body, server.JSONL)
            assert server.Reply(c.getresponse()).status == 200
        c.close()

    run_all([lambda i=i: client(bodies[i::8]) for i in range(8)])
    found, path = [], "/api/v1/by-digest/sha256/" + certs.sha256_hex(b"data")
    start = 0
    while start is not None:
        page = json.loads(r.get("%s?from=%d" % (path, start)).body)
        assert len(page["statements"]) <= 100
        found += [s["index"] for s in page["statements"]]
        start = page.get("next")
    assert found == list(range(130))
    c.close()
    r.stop()


@with_registry
def test_fixed_documents(r):
    r.start()
    with open(r.dir + "/log-keys") as f:
        assert r.get("/api/v1/log-keys").text() == f.read()
    root = r.get("/trusted_root.json")
    assert root.headers["Content-Type"] == "application/json"
    log, = json.loads(root.body)["tlogs"]
    spki = bytes.fromhex("302a300506032b6570032100") + r.keys.log.pub
    log_id = {"keyId": certs.b64(r.keys.log.hash)}
    created, = r.rows("SELECT created FROM log")[0]
    # The byte form of the interoperability corpus.
    expected = certs.compact({
        "mediaType":
            "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{
            "baseUrl": "https://log.example.org",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": certs.b64(spki), "keyDetails": "PKIX_ED25519",
                "validFor": {"start": time.strftime(
                    "%Y-%m-%dT%H:%M:%SZ", time.gmtime(created))}},
            "logId": log_id, "checkpointKeyId": log_id}],
        "certificateAuthorities": [], "ctlogs": [],
        "timestampAuthorities": []})
    assert root.body == expected, root.text()
    page = r.get("/")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    style = page.text().split("<style>")[1].split("</style>")[0]
    assert "'sha256-%s'" % certs.b64(certs.sha256(style.encode())) in policy
    assert "<script" not in page.text() and "://cdn" not in page.text()
    assert "not judged" in page.text() and "curl" in page.text()
    assert json.loads(r.get("/healthz").body) == {"status": "ok",
                                                  "treeSize": 0}
    r.stop()


@with_registry
def test_headers_and_head(r):
    r.start()
    key = certs.Key()
    r.post(certs.asserted(key, "a"))
    kinds = {
        "/checkpoint": ("text/plain; charset=utf-8", "no-cache"),
        "/tile/0/000.p/1": ("application/octet-stream",
                            "public, max-age=31536000, immutable"),
        "/tile/entries/000.p/1": ("application/octet-stream",
                                  "public, max-age=31536000, immutable"),
    }
    for path, (kind, cache) in kinds.items():
        got, head = r.get(path), r.request("HEAD", path)
        for reply in got, head:
            assert reply.status == 200, path
            assert reply.headers["Content-Type"] == kind, path
            assert reply.headers["Cache-Control"] == cache, path
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
            assert parsedate(reply.headers["Date"])
            assert int(reply.headers["Content-Length"]) == len(got.body)
        assert head.body == b""
    # The same bytes as files, for any web server.
    for path in kinds:
        with open(r.dir + "/public" + path, "rb") as f:
            assert f.read() == r.get(path).body, path
    missing = r.get("/tile/0/000")
    assert missing.status == 404
    assert missing.headers["Cache-Control"] == "no-store"
    r.stop()


@with_registry
def test_old_partial_tiles_stay(r):
    r.start(args=("--batch-ms", "0"))
    key = certs.Key()
    for i in range(3):
        assert r.post(certs.asserted(key, str(i))).status == 200
    for width in 1, 2, 3:
        assert len(r.get("/tile/0/000.p/%d" % width).body) == 32 * width
    assert r.get("/tile/0/000.p/4").status == 404
    r.stop()


@with_registry
def test_superseded_partial_tiles_go(r):
    """Once the full tile is there; what the checkpoint needs never goes."""
    r.start(args=("--batch-ms", "5", "--keep-partial", "0"))
    key = certs.Key()
    assert r.post(certs.asserted(key, "first")).status == 200
    assert r.get("/tile/0/000.p/1").status == 200

    def client(number):
        c = r.connect()
        for i in range(40):
            c.request("POST", "/api/v1/certificates",
                      certs.asserted(key, "%d-%d" % (number, i)),
                      server.JSONL)
            assert server.Reply(c.getresponse()).status == 200
        c.close()
    run_all([lambda n=n: client(n) for n in range(8)])
    tiles = r.dir + "/public/tile/"
    while os.path.exists(tiles + "0/000.p") or os.path.exists(
            tiles + "entries/000.p"):
        time.sleep(0.1)  # until the watch's next round
    assert len(server.read_log(r)) == 321
    assert r.get("/tile/0/001.p/65").status == 200
    assert r.get("/tile/1/000.p/1").status == 200
    r.stop()
    r.start()
    assert len(server.read_log(r)) == 321
    r.stop()


@with_registry
def test_leftovers_go_at_start(r):
    r.start()
    r.post(certs.asserted(certs.Key(), "a"))
    r.stop()
    left = [r.dir + "/" + name for name in (
        "public/checkpoint.aB3xYz", "public/tile/0/000.p/1.aB3xYz",
        "signer.state.aB3xYz")]
    for path in left:
        with open(path, "w") as f:
            f.write("half a fi")
    r.start()
    assert not [path for path in left if os.path.exists(path)]
    r.stop(said="removed 3 temporary files")


@with_registry
def test_gzip_bundles(r):
    r.start(args=("--batch-ms", "0"))
    key = certs.Key()
    for i in range(5):
        assert r.post(certs.asserted(key, str(i))).status == 200
    path = "/tile/entries/000.p/5"
    plain = r.get(path)
    assert plain.headers["Content-Encoding"] is None
    assert plain.headers["Vary"] == "Accept-Encoding"
    for accept, coding in [
            ("gzip", "gzip"), ("GZIP", "gzip"), ("deflate, gzip;q=0.5",
                                                 "gzip"),
            ("gzip;q=0", None), ("gzip ; q=0.000", None), ("br", None),
            ("identity", None), ("xgzip", None), ("", None)]:
        for _ in range(2):  # made, and kept
            got = r.request("GET", path, None, {"Accept-Encoding": accept})
            assert got.status == 200
            assert got.headers["Content-Encoding"] == coding, accept
            body = gzip.decompress(got.body) if coding else got.body
            assert body == plain.body, accept
            assert got.headers["Vary"] == "Accept-Encoding"
            assert got.headers["Cache-Control"] == (
                "public, max-age=31536000, immutable")
            assert (got.headers["ETag"] == plain.headers["ETag"]) == (
                coding is None)
            again = r.request("GET", path, None, {
                "Accept-Encoding": accept,
                "If-None-Match": 'W/"x", ' + got.headers["ETag"]})
            assert again.status == 304 and again.body == b""
    # Hashes do not get smaller: tiles come as they are.
    tile = r.request("GET", "/tile/0/000.p/5", None,
                     {"Accept-Encoding": "gzip"})
    assert tile.headers["Content-Encoding"] is None
    assert len(tile.body) == 160
    r.stop()


@with_registry
def test_checkpoint_is_never_stale(r):
    """It is kept between heads, and its tag tells them apart."""
    r.start(args=("--batch-ms", "0"))
    key = certs.Key()
    before = r.get("/checkpoint")
    tag = {"If-None-Match": before.headers["ETag"]}
    assert r.request("GET", "/checkpoint", None, tag).status == 304
    assert r.request("GET", "/checkpoint", None,
                     {"If-None-Match": '"x"'}).status == 200
    for i in range(20):
        reply = r.post(certs.asserted(key, str(i)))
        assert reply.status == 200
        # Answered is published: the very next read has it.
        now = r.request("GET", "/checkpoint", None, tag)
        assert now.status == 200
        assert int(now.text().splitlines()[1]) == i + 1
        tag = {"If-None-Match": now.headers["ETag"]}
    r.stop()


@with_registry
def test_restart_keeps_everything(r):
    r.start()
    key = certs.Key()
    reply = r.post(certs.measured(key, "a"))
    before = r.checkpoint()
    r.stop()
    r.start()
    after = r.checkpoint()
    assert (after.size, after.root) == (before.size, before.root)
    assert after.time >= before.time, "the log's time went back"
    d = certs.digest(base64.b64decode(json.loads(
        reply.body.splitlines()[0])["dsseEnvelope"]["payload"])).hex()
    assert r.get("/api/v1/certificates/" + d).body == reply.body
    assert certs.check_certificate(r.post(certs.asserted(key, "b")).body,
                                   r.keys, key) == [2]
    r.stop()


server.main([
    test_empty_log, test_one_line_and_two_lines,
    test_lines_come_back_in_order, test_duplicates_keep_index_and_signature,
    test_duplicates_in_one_batch, test_further_lines_can_follow,
    test_other_evidence_is_a_conflict, test_two_evidences_in_one_batch,
    test_many_clients, test_lookups, test_by_digest_pages,
    test_fixed_documents, test_headers_and_head, test_old_partial_tiles_stay,
    test_superseded_partial_tiles_go, test_leftovers_go_at_start,
    test_gzip_bundles, test_checkpoint_is_never_stale,
    test_restart_keeps_everything,
])
