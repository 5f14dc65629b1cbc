"""test_find.py -- what is looked up: searches and their pages, the feed,
consistency proofs, proofs to keep, entries, withheld content, pages."""
import html.parser
import json
import re
import urllib.parse
import xml.etree.ElementTree as xml

import certs
import server

API = "/api/v1/"
HOSTILE = "<script>alert('x')</script>\"&"
ATOM = "{http://www.w3.org/2005/Atom}"


def provenance(key, name, dependencies=(), flops=None):
    value = json.loads(certs.provenance(key, name))
    value["predicate"]["buildDefinition"]["resolvedDependencies"] = [
        {"name": n, "uri": "hf://" + n, "digest": {
            "sha256": certs.sha256_hex(n.encode())},
         "annotations": {"role": role, "license": licence}}
        for role, n, licence in dependencies]
    if flops:
        value["predicate"][certs.AICERT + "/compute/v1"] = {"flops": {
            "value": flops, "unit": "FLOP", "assurance": "reported"}}
    return certs.compact(value)


class Log:
    def __init__(self):
        self.r = server.Registry()
        self.r.start(args=("--batch-ms", "0"))
        self.one, self.two = certs.Key(), certs.Key()
        self.statements = []
        for key, *more in [
                (self.one, "a", [("dataset", "text", "MIT"),
                                 ("code", "repo", "Apache-2.0")], "1" + "0" *
                 20),
                (self.one, "b", [("dataset", "text", "MIT"),
                                 ("base_model", "llm", "MIT")], "1" + "0" *
                 24),
                (self.two, "c", [("dataset", "web", "CC0-1.0"),
                                 ("image", "box", "MIT")]),
                (self.two, "d", [("dataset", "text", "CC0-1.0"),
                                 ("dataset", HOSTILE, HOSTILE)],
                 "2" + "0" * 24)]:
            p = provenance(key, *more)
            reply = self.r.post(certs.jsonl(certs.bundle(key, p)))
            assert reply.status == 200, reply.text()
            self.statements.append(p)

    def get(self, path, status=200):
        reply = self.r.get(path)
        assert reply.status == status, (path, reply.status, reply.text())
        return reply

    def find(self, **more):
        reply = json.loads(self.get(API + "search?" + urllib.parse.urlencode(
            more)).body)
        assert reply["treeSize"] == self.r.size()
        for e in reply["entries"]:
            d = certs.digest(self.statements[e["index"]]).hex()
            assert e["statement"] == d and e["predicateType"] == (
                certs.PROVENANCE)
        return [e["index"] for e in reply["entries"]], reply.get("next")

    def end(self):
        self.r.stop()
        self.r.close()


def test_search():
    log = Log()
    digest = "sha256:" + certs.sha256_hex(b"text")
    for asked, found in [
            ({}, [0, 1, 2, 3]), ({"dataset": "text"}, [0, 1, 3]),
            ({"dataset": "hf://text"}, [0, 1, 3]),
            ({"dataset": digest}, [0, 1, 3]),
            ({"base_model": "text"}, []), ({"base_model": "llm"}, [1]),
            ({"code": "repo"}, [0]), ({"image": "box"}, [2]),
            ({"license": "CC0-1.0"}, [2, 3]), ({"license": "MIT"},
                                               [0, 1, 2]),
            ({"builder": log.one.hex}, [0, 1]),
            ({"builder": log.one.hex, "license": "CC0-1.0"}, []),
            ({"builder": log.two.hex, "dataset": "text"}, [3]),
            ({"type": certs.PROVENANCE}, [0, 1, 2, 3]),
            ({"type": certs.EVIDENCE}, []), ({"min_flops": "1e20"},
                                             [0, 1, 3]),
            ({"min_flops": "1.1e20"}, [1, 3]), ({"min_flops": "2e24"}, [3]),
            ({"min_flops": "2.01e24"}, []),
            ({"min_flops": "1", "dataset": "text", "license": "MIT"}, [0, 1]),
            ({"dataset": HOSTILE}, [3]), ({"dataset": "tex"}, []),
            ({"after": "1"}, [2, 3]), ({"after": "3"}, []),
            ({"after": "999"}, []), ({"order": "newest"}, [3, 2, 1, 0]),
            ({"order": "newest", "after": "2"}, [1, 0]),
            ({"order": "newest", "after": "0"}, [])]:
        got, more = log.find(**asked)
        assert got == found and more is None, (asked, got, more)
    for order in "oldest", "newest":
        for limit in 1, 2, 3:
            found, after = [], {}
            while True:
                got, more = log.find(dataset="text", limit=limit,
                                     order=order, **after)
                found += got
                if more is None:
                    break
                after = {"after": more}
            assert found == ([0, 1, 3] if order == "oldest" else
                             [3, 1, 0]), (order, limit, found)
    log.end()


def test_other_root_and_image():
    """A model in folders is found by both of its roots; a VM image, too."""
    r = server.Registry()
    r.start()
    key = certs.Key()
    names = ["onnx/model.onnx", "onnx.json.bin", "onnx-a.bin"]
    digests = {n: certs.sha256(n.encode()) for n in names}

    def root(order):
        return certs.sha256_hex(b"".join(digests[n] for n in order))
    stated = root(["onnx-a.bin", "onnx.json.bin", "onnx/model.onnx"])
    other = root(["onnx/model.onnx", "onnx-a.bin", "onnx.json.bin"])
    value = json.loads(certs.provenance(key, "folders"))
    value["subject"] = [certs.descriptor("oms-root", stated),
                        value["subject"][1]] + [
        certs.descriptor(n, digests[n].hex()) for n in sorted(names)]
    value["predicate"]["runDetails"]["builder"]["builderDependencies"] = [
        certs.descriptor("image", "ab" * 32)]
    p = certs.compact(value)
    reply = r.post(certs.jsonl(certs.bundle(key, p)))
    assert reply.status == 200, reply.text()
    for digest in stated, other:
        found = json.loads(r.get(API + "by-digest/sha256/" + digest).body)
        assert [s["statement"] for s in found["statements"]] == [
            certs.digest(p).hex()]
    assert root(names) != other
    assert r.get(API + "by-digest/sha256/" + root(names)).status == 404
    found = json.loads(r.get(API + "search?image=sha256:" + "ab" * 32).body)
    assert [e["index"] for e in found["entries"]] == [0]
    r.stop()
    r.close()


def test_feed():
    log = Log()

    def feed(path):
        reply = log.get(path)
        top = xml.fromstring(reply.body)
        assert top.tag == ATOM + "feed"
        for name in "id", "title", "updated", "author", "link":
            assert top.find(ATOM + name) is not None, name
        self_link, = [x.get("href") for x in top.findall(ATOM + "link")
                      if x.get("rel") == "self"]
        assert self_link.endswith(path), (self_link, path)
        more = [x.get("href") for x in top.findall(ATOM + "link")
                if x.get("rel") == "next"]
        entries = top.findall(ATOM + "entry")
        for e in entries:
            for name in "id", "title", "updated", "link", "summary":
                assert e.find(ATOM + name) is not None, name
            assert re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}Z",
                                e.find(ATOM + "updated").text)
        ids = [e.find(ATOM + "id").text for e in entries]
        assert len(ids) == len(set(ids))
        return [int(i.rsplit("/", 1)[1]) for i in ids], more
    assert feed(API + "feed.atom") == ([3, 2, 1, 0], [])
    assert feed(API + "feed.atom?builder=%s&dataset=text" % log.one.hex) == (
        [1, 0], [])
    found, path = [], API + "feed.atom?dataset=text&limit=1"
    while path:
        got, more = feed(path)
        found += got
        path = more[0][more[0].index(API):] if more else None
    assert found == [3, 1, 0], found
    # Whoever asks again before there is something new is told from a cache,
    # and afterwards is not.
    assert feed(API + "feed.atom?dataset=web") == ([2], [])
    p = provenance(log.one, "e", [("dataset", "web", "MIT")])
    assert log.r.post(certs.jsonl(certs.bundle(log.one, p))).status == 200
    assert feed(API + "feed.atom?dataset=web") == ([4, 2], [])
    log.get(API + "feed.atom?dataset=" + urllib.parse.quote(HOSTILE))
    log.end()


def check_consistency(size1, size2, root1, root2, proof):
    """RFC 9162 section 2.1.4.2."""
    if size1 == size2:
        assert proof == [] and root1 == root2
        return
    if size1 & (size1 - 1) == 0:
        proof = [root1] + proof
    fn, sn = size1 - 1, size2 - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        assert sn != 0
        if fn & 1 or fn == sn:
            fr, sr = certs.node_hash(c, fr), certs.node_hash(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = certs.node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    assert fr == root1 and sr == root2 and sn == 0


def test_consistency():
    log = Log()
    for i in range(7):
        assert log.r.post(certs.asserted(log.one, "x%d" % i)).status == 200
    leaves = server.read_log(log.r)
    n = len(leaves)
    for size2 in range(1, n + 1):
        for size1 in range(1, size2 + 1):
            p = json.loads(log.get(API + "proof/consistency?from=%d&to=%d" % (
                size1, size2)).body)
            assert (p["from"], p["to"]) == (size1, size2)
            root1, root2 = (bytes.fromhex(p[k])
                            for k in ("fromRootHash", "rootHash"))
            assert root1 == certs.tree_root(leaves[:size1])
            assert root2 == certs.tree_root(leaves[:size2])
            check_consistency(size1, size2, root1, root2,
                              [bytes.fromhex(h) for h in p["hashes"]])
            assert ("checkpoint" in p) == (size2 == n)
    p = json.loads(log.get(API + "proof/consistency?from=3").body)
    assert p["to"] == n
    assert certs.Checkpoint(p["checkpoint"], log.r.keys).size == n
    log.end()


def test_entries_and_kept_proofs():
    log = Log()
    leaves = server.read_log(log.r)
    for i, statement in enumerate(log.statements):
        e = json.loads(log.get(API + "entries/%d" % i).body)
        body = certs.unb64(e["body"])
        assert e["statement"] == certs.digest(statement).hex()
        assert certs.leaf_hash(body) == leaves[i]
        assert e["leafHash"] == leaves[i].hex() and not e["withheld"]
        proof = log.get(API + "entries/%d/tlog-proof" % i).text()
        head, note = proof.split("\n\n", 1)
        first, index, *hashes = head.split("\n")
        assert first == "c2sp.org/tlog-proof@v1" and index == "index %d" % i
        checkpoint = certs.Checkpoint(note, log.r.keys)
        # Under the head that it was first published with, for ever.
        assert checkpoint.size == i + 1
        assert certs.root_from_proof(
            i, checkpoint.size, leaves[i],
            [certs.unb64(h) for h in hashes]) == checkpoint.root
    log.end()


def test_withheld():
    log = Log()
    r, p = log.r, log.statements[2]
    d = certs.digest(p)
    leaves = server.read_log(r)
    r.write("INSERT INTO removed (d, entry) VALUES (?, 3)", d)
    r.write("UPDATE entry SET content = x'' WHERE d = ?", d)
    for path in "statements/", "certificates/":
        reply = log.get(API + path + d.hex(), 451)
        problem = json.loads(reply.body)
        assert problem["type"].endswith("/problem/removed")
        assert "entry 3 " in problem["detail"]
        assert reply.headers["Cache-Control"] == "no-store"
        assert b"hf://web" not in reply.body
    # Posted again, it is not given out either.
    again = r.post(certs.jsonl(certs.bundle(log.two, p)))
    assert again.status == 451, again.status
    e = json.loads(log.get(API + "entries/2").body)
    assert e["withheld"] and e["removal"] == 3
    page = log.get("/certificate/" + d.hex()).text()
    assert "withheld" in page and "hf://web" not in page
    # The leaf, its proofs and its place stay.
    assert server.read_log(r) == leaves
    log.get(API + "entries/2/tlog-proof")
    assert log.find(image="box")[0] == [2]
    log.end()


class Page(html.parser.HTMLParser):
    """Checks that every element is closed and nothing runs or is fetched."""
    VOID = {"meta", "link", "input", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.ids, self.labels = [], set(), set(), set()
        self.links = []
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert tag not in ("script", "img", "iframe", "object", "base"), tag
        assert not [a for a in attrs if a.startswith("on")], attrs
        assert "style" not in attrs, attrs
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "input":
            self.ids.add(attrs["id"])
        if tag == "label":
            self.labels.add(attrs["for"])
        if tag in ("a", "form", "link"):
            url = attrs.get("href") or attrs.get("action")
            assert url.startswith("/"), url
            self.links.append(url)
        if tag == "html":
            assert attrs["lang"] == "en"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def test_pages():
    log = Log()
    seen, todo = set(), ["/"]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        reply = log.get(path)
        if not reply.headers["Content-Type"].startswith("text/html"):
            continue
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        style = reply.text().split("<style>")[1].split("</style>")[0]
        assert "'sha256-%s'" % certs.b64(
            certs.sha256(style.encode())) in policy
        page = Page(reply.text())
        assert page.ids == page.labels, "a field without label"
        assert {"main", "h1", "nav"} <= page.seen
        todo += page.links
    # From the front page one gets to every certificate.
    for p in log.statements:
        assert "/certificate/" + certs.digest(p).hex() in seen
    hostile = log.get("/certificate/" + certs.digest(
        log.statements[3]).hex()).text()
    assert "&lt;script&gt;alert(&#39;x&#39;)" in hostile
    assert "<td>reported</td>" in hostile
    one = log.get("/certificate/%s?key=%s" % (
        certs.digest(log.statements[0]).hex(), log.one.hex)).text()
    assert "hf://text" in one and "self-asserted" in one
    log.get("/certificate/%s?key=%s" % (
        certs.digest(log.statements[0]).hex(), log.two.hex), 404)
    found = log.get("/search?dataset=text&code=&builder=").text()
    assert found.count("/certificate/") == 3
    log.end()


server.main([test_search, test_other_root_and_image, test_feed,
             test_consistency, test_entries_and_kept_proofs, test_withheld,
             test_pages])
