#!/usr/bin/python3
"""Bends a good certificate in named ways; each must fail where it is bent.

usage: mutants.py DIR

DIR is as producer.py describes it. Every mutant is made as its dishonest
author would: lines are signed anew with the builder's key and put into a log
of this test's own, so that nothing fails but what the mutant is about.
strangers.py must name exactly the checks listed here. Where AICERT_BIN is
set, aicert-verify must refuse the mutant at the step that makes the first of
them, and accept the unbent copy. Variants, at the end, are unusual and right:
both must accept them.

Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""

import base64
import datetime
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing beside the sources
try:
    import producer
    from producer import b64, compact, hexdigest, sha256
except ImportError as e:
    print("skipped: %s (Debian package python3-cryptography)" % e)
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("AICERT_BIN")


class Model:
    """A copy of DIR in which everything can be changed."""

    def __init__(self, source, top):
        self.top, self.dir = top, top + "/model"
        shutil.copytree(source + "/model", self.dir)
        for name in "builder.pub", "ak-root.pem":
            shutil.copy(source + "/" + name, top)
        with open(source + "/builder.key", "rb") as f:
            self.builder = producer.Builder(f.read())
        with open(self.dir + "/aicert.jsonl", encoding="utf-8") as f:
            bundles = [json.loads(line) for line in f]
        with open(self.dir + "/model.sig", encoding="utf-8") as f:
            self.oms = json.loads(f.read())
        self.payloads = [base64.b64decode(b["dsseEnvelope"]["payload"])
                         for b in bundles]
        proof = bundles[1]["verificationMaterial"]["tlogEntries"][0][
            "inclusionProof"]
        (when, _, _) = times(proof["checkpoint"]["envelope"])
        first = bundles[0]["verificationMaterial"]["tlogEntries"][0]
        self.log = producer.Log("mutants.example")
        self.log.leaves = [sha256(b"leaf %d" % n)
                           for n in range(int(first["logIndex"]) + 3)]
        self.time = when
        self.lines = None

    def edit(self, n, change):
        """Change line n's statement, and nothing else of its bytes."""
        j = json.loads(self.payloads[n])
        assert compact(j) == self.payloads[n], "not as producer.py writes it"
        change(j)
        self.payloads[n] = compact(j)

    def evidence(self, change):
        self.edit(1, lambda j: change(j["predicate"]))

    def provenance(self, change):
        """Change line 1 and let the evidence name its new D."""
        def bind(j):
            d = hexdigest(producer.pae(self.payloads[0]))
            j["subject"][0]["digest"]["sha256"] = d
            j["predicate"]["boundDigest"] = d
        self.edit(0, change)
        self.edit(1, bind)

    def files(self):
        found = {}
        for folder, _, names in os.walk(self.dir):
            for name in names:
                path = os.path.join(folder, name)
                rel = os.path.relpath(path, self.dir)
                if rel not in ("aicert.jsonl", "model.sig"):
                    with open(path, "rb") as f:
                        found[rel] = f.read()
        return found

    def weights(self):
        return self.dir + "/" + min(
            n for n in self.files() if n.endswith(".safetensors"))

    def write(self, entries):
        """Sign, log, let entries bend what the log said, and write all."""
        self.lines = [self.builder.bundle(p) for p in self.payloads]
        self.log.add(self.lines, self.builder.spki, self.time)
        self.log.leaves.append(sha256(b"a later leaf"))
        if entries:
            entries(*[b["verificationMaterial"]["tlogEntries"]
                      for b in self.lines])
        producer.write_certificate(self.dir, self.lines, self.oms)
        producer.write(self.top + "/log-keys", self.log.keys())


def times(note):
    """When the note was cosigned: the blobs with a time in them."""
    for line in note.rsplit("\n\n", 1)[1].splitlines():
        blob = base64.b64decode(line.split(" ")[2])
        if len(blob) == 76:
            return struct.unpack(">4xQ64s", blob) + (line,)
    raise AssertionError("no time cosignature")


def flip(text, at=0):
    """The base64 text with one bit of its bytes changed."""
    data = bytearray(base64.b64decode(text))
    data[at] ^= 1
    return b64(bytes(data))


# ---- the mutants: what is bent, how, where it must show ----

MUTANTS = []


def mutant(name, *checks, code=1, step=None):
    """aicert-verify ends with code at step, else at the checks' first."""
    def add(bend):
        MUTANTS.append((name, checks, code, step, bend, None))
        return bend
    return add


def entry_mutant(name, *checks):
    def add(entries):
        MUTANTS.append((name, checks, 1, None, None, entries))
        return entries
    return add


FILES = "files: as model.sig lists them"
SUBJECTS = "line 1: its subjects"
EVIDENCE = "evidence: about D"
CHAIN = "AK: certificate chain"
END_FORM = "END quote: magic"
START_DIGEST, END_DIGEST = "START quote: pcrDigest", "END quote: pcrDigest"
START_EXTRA, END_EXTRA = "START quote: extraData", "END quote: extraData"
PCR14, PCR14_START = "PCR 14 at END", "PCR 14 at START"
PCR8, PCR15 = "PCR 8 is zero", "PCR 15 is"
OTHERS = "every other PCR"
INPUTS, OUTPUTS = "events: the inputs", "events: the outputs"
REQUEST, FIGURES = "events: the request", "events: time and figures"

# Which step of aicert-verify makes a check whose name has this in it.
STEPS = {"events:": 15, "builder's signature": 2, ": leaf": 3,
         ": inclusion": 4, ": checkpoint": 5, ": time": 6, EVIDENCE: 7,
         CHAIN: 8, "AK: restricted": 9, "quote: magic": 10,
         "quote: pcrDigest": 10, "quote: signature": 10, "extraData": 11,
         "quotes: one boot": 11, OTHERS: 11, PCR14_START: 14, PCR14: 14,
         PCR8: 14, PCR15: 14, FILES: 16, SUBJECTS: 16}


def step_of(check):
    return next(step for words, step in STEPS.items() if words in check)


@mutant("one byte of the weights", FILES)
def _(m):
    with open(m.weights(), "r+b") as f:
        f.seek(-1, 2)
        last = f.read(1)
        f.seek(-1, 2)
        f.write(bytes([last[0] ^ 1]))


@mutant("a file more", FILES)
def _(m):
    producer.write(m.dir + "/extra.txt", b"")


@mutant("a file less", FILES, OUTPUTS, step=16)
def _(m):
    os.unlink(m.weights())


@mutant("a file changed and model.sig signed anew",
        SUBJECTS, EVIDENCE, OUTPUTS, step=15)
def _(m):
    with open(m.dir + "/config.json", "ab") as f:
        f.write(b" ")
    m.oms = m.builder.model_sig(producer.oms_statement(m.files())[1])


@mutant("everything by another builder", "line 1: builder's signature",
        "line 2: builder's signature", "model.sig: builder's signature",
        "line 1: leaf", "line 2: leaf")
def _(m):
    m.builder = producer.Builder()
    m.oms = m.builder.model_sig(
        base64.b64decode(m.oms["dsseEnvelope"]["payload"]))


@mutant("line 1 says another run, evidence as it was", EVIDENCE, END_EXTRA,
        step=1)
def _(m):
    m.edit(0, lambda j: j["predicate"]["runDetails"]["metadata"].update(
        invocationId="another"))


@mutant("line 1 says another run, evidence names it", END_EXTRA)
def _(m):
    m.provenance(lambda j: j["predicate"]["runDetails"]["metadata"].update(
        invocationId="another"))


@mutant("line 1 says another command", END_EXTRA, REQUEST)
def _(m):
    m.provenance(lambda j: j["predicate"]["buildDefinition"][
        "externalParameters"].update(command=["true"]))


@mutant("line 1 says less compute", END_EXTRA, FIGURES)
def _(m):
    m.provenance(lambda j: next(iter(j["predicate"][
        producer.AICERT + "/compute/v1"].values())).update(value="0"))


@mutant("line 1 leaves a dependency out", END_EXTRA, INPUTS)
def _(m):
    m.provenance(lambda j: j["predicate"]["buildDefinition"][
        "resolvedDependencies"].pop())


@mutant("line 1 says another checkpoint at the start", START_EXTRA, END_EXTRA)
def _(m):
    note = b64(m.log.checkpoint(m.time).encode())
    m.provenance(lambda j: j["predicate"]["buildDefinition"][
        "internalParameters"].update(logCheckpointAtStart=note))


def change_input(predicate):
    log = predicate["inputsLog"]
    n = ['"input_resource"' in line for line in log].index(True)
    log[n] = log[n].replace('"role":"', '"role":"not-')
    return log


@mutant("an input's event changed", PCR14, PCR14_START, INPUTS)
def _(m):
    m.evidence(change_input)


@mutant("an input's event changed and the PCR values with it",
        START_DIGEST, END_DIGEST, INPUTS)
def _(m):
    def change(p):
        log = change_input(p)
        at = [json.loads(e)["event_type"] for e in log].index("start")
        for quote, n in zip(p["quotes"], (at, len(log))):
            pcr = bytes(32)
            for line in log[:n]:
                pcr = sha256(pcr + sha256(line.encode()))
            quote["pcrs"]["14"] = pcr.hex()
    m.evidence(change)


@mutant("an event left out", PCR14, PCR14_START, INPUTS)
def _(m):
    m.evidence(lambda p: p["inputsLog"].pop(1))


@mutant("the outputs' event changed", PCR8, OUTPUTS)
def _(m):
    def change(p):
        p["outputsLog"][0] = p["outputsLog"][0].replace(
            '"count":', '"count":1')
    m.evidence(change)


@mutant("a TLS key that was not measured", PCR15)
def _(m):
    m.evidence(lambda p: p.update(tlsKey=b64(m.builder.spki)))


@mutant("a bit of the START quote's signature", "START quote: signature")
def _(m):
    m.evidence(lambda p: p["quotes"][0].update(
        signature=flip(p["quotes"][0]["signature"], -1)))


@mutant("a bit of the END quote's signature", "END quote: signature")
def _(m):
    m.evidence(lambda p: p["quotes"][1].update(
        signature=flip(p["quotes"][1]["signature"], 100)))


@mutant("START and END exchanged", START_EXTRA, END_EXTRA, "quotes: one boot",
        PCR14, PCR14_START, PCR8)
def _(m):
    def change(p):
        start, end = p["quotes"]
        p["quotes"] = [{**end, "when": "start"}, {**start, "when": "end"}]
    m.evidence(change)


@mutant("a PCR value in both quotes", START_DIGEST, END_DIGEST)
def _(m):
    def change(p):
        for quote in p["quotes"]:
            quote["pcrs"]["4"] = 64 * "1"
    m.evidence(change)


@mutant("a PCR value in the END quote", END_DIGEST, OTHERS)
def _(m):
    m.evidence(lambda p: p["quotes"][1]["pcrs"].update({"7": 64 * "2"}))


@mutant("a byte after the END quote", END_FORM, END_DIGEST, "END quote: signature",
        END_EXTRA, "quotes: one boot", PCR14, PCR8, PCR15, OTHERS)
def _(m):
    m.evidence(lambda p: p["quotes"][1].update(attest=b64(
        base64.b64decode(p["quotes"][1]["attest"]) + b"\0")))


def certify(m, change, attest=lambda a: a):
    """Quotes and chain by a TPM of this test's own, whose CA is trusted."""
    tpm = producer.Tpm(datetime.datetime.fromtimestamp(m.time, producer.UTC))

    def swap(p):
        for n, quote in enumerate(p["quotes"]):
            a = base64.b64decode(quote["attest"])
            a = attest(a) if n == 1 else a
            quote["attest"] = b64(a)
            quote["signature"] = b64(bytes.fromhex("0014000b0100") +
                                     tpm.ak.sign(a, producer.padding.PKCS1v15(),
                                                 producer.hashes.SHA256()))
        chain = [b64(c.public_bytes(producer.serialization.Encoding.DER))
                 for c in tpm.chain]
        p["ak"] = {"public": b64(tpm.public), "certChain": chain}
        change(p)
    m.evidence(swap)
    return tpm


def trust(m, tpm):
    producer.write(m.top + "/ak-root.pem", tpm.chain[-1].public_bytes(
        producer.serialization.Encoding.PEM))


@mutant("an AK under another root", CHAIN, code=3)
def _(m):
    certify(m, lambda p: None)


@mutant("an AK under another root, the trusted one put behind it", CHAIN)
def _(m):
    kept = json.loads(m.payloads[1])["predicate"]["ak"]["certChain"][-1]

    def change(p):
        p["ak"]["certChain"][-1] = kept
    certify(m, change)


@mutant("a certificate for another AK", "AK: restricted")
def _(m):
    public = json.loads(m.payloads[1])["predicate"]["ak"]["public"]
    trust(m, certify(m, lambda p: p["ak"].update(public=public)))


def attribute_mutant(name, bit):
    def bend(m):
        def change(p):
            public = base64.b64decode(p["ak"]["public"])
            (attributes,) = struct.unpack(">I", public[4:8])
            assert attributes & bit
            p["ak"]["public"] = b64(public[:4] + struct.pack(
                ">I", attributes ^ bit) + public[8:])
        m.evidence(change)
    mutant("an AK that is not " + name, "AK: restricted")(bend)


attribute_mutant("fixedTPM", 0x2)
attribute_mutant("fixedParent", 0x10)
attribute_mutant("sensitiveDataOrigin", 0x20)
attribute_mutant("restricted", 0x10000)
attribute_mutant("for signing", 0x40000)


def attest_mutant(name, change, *checks):
    def bend(m):
        trust(m, certify(m, lambda p: None, change))
    mutant(name, *checks)(bend)


def at(n, *octets):
    """Where octets stand at n in a TPMS_ATTEST with a SHA-256 name."""
    return lambda a: a[:n] + bytes(octets) + a[n + len(octets):]


attest_mutant("a quote that no TPM generated", at(0, 0x41), END_FORM)
attest_mutant("a certification shown as a quote", at(5, 0x17), END_FORM)
attest_mutant("a clock that is not safe", at(92, 0), END_FORM)
attest_mutant("a selection without PCR 7", at(108, 0x7f), END_FORM)
attest_mutant("a quote of the SHA-1 bank", at(106, 4), END_FORM)
attest_mutant("another boot", at(84, 0, 0, 0, 99), "quotes: one boot")


@entry_mutant("the leaf of another statement", "line 1: leaf")
def _(one, two):
    one[:] = two


@entry_mutant("no log entry on line 2", "line 2: leaf", "line 2: inclusion",
              "line 2: checkpoint", "line 2: time", CHAIN)
def _(one, two):
    two.clear()


@entry_mutant("a hash of the proof", "line 1: inclusion")
def _(one, two):
    hashes = one[0]["inclusionProof"]["hashes"]
    hashes[0] = flip(hashes[0])


@entry_mutant("a hash too many", "line 2: inclusion")
def _(one, two):
    two[0]["inclusionProof"]["hashes"].append(b64(bytes(32)))


@entry_mutant("the index of a neighbour", "line 1: inclusion")
def _(one, two):
    one[0]["logIndex"] = two[0]["logIndex"]
    one[0]["inclusionProof"]["logIndex"] = two[0]["logIndex"]


@entry_mutant("the checkpoint's root", "line 1: inclusion",
              "line 1: checkpoint", "line 1: time")
def _(one, two):
    proof = one[0]["inclusionProof"]
    root = flip(proof["rootHash"])
    note = proof["checkpoint"]["envelope"]
    proof["checkpoint"]["envelope"] = note.replace(proof["rootHash"], root)
    proof["rootHash"] = root


def bend_signature(proof, length, at_byte):
    note = proof["checkpoint"]["envelope"]
    for line in note.rsplit("\n\n", 1)[1].splitlines():
        blob = line.split(" ")[2]
        if len(base64.b64decode(blob)) == length:
            note = note.replace(blob, flip(blob, at_byte))
    proof["checkpoint"]["envelope"] = note


@entry_mutant("the checkpoint's signature", "line 2: checkpoint")
def _(one, two):
    bend_signature(two[0]["inclusionProof"], 68, 40)


@entry_mutant("the time's signature", "line 1: time")
def _(one, two):
    bend_signature(one[0]["inclusionProof"], 76, 40)


@entry_mutant("the time", "line 2: time", CHAIN)
def _(one, two):
    bend_signature(two[0]["inclusionProof"], 76, 11)


# ---- what is unusual and right: all must accept it ----

def variant(name, entries=None):
    def add(bend):
        MUTANTS.append((name, (), 0, None, bend, entries))
        return bend
    return add


def rewrite(m, change):
    """Line 1 as another builder's program would write it, measured so."""
    m.provenance(change)
    bind = sha256(b"AICERT-TPM-BIND-V1\0" +
                  sha256(producer.pae(m.payloads[0])))
    trust(m, certify(m, lambda p: None, at(44, *bind)))


@variant("extensions in the predicate of line 1")
def _(m):
    def change(j):
        j["predicate"]["https://example.org/more/v1"] = {"a": [1, None, "b"]}
        j["predicate"]["runDetails"]["byproducts"] = []
    rewrite(m, change)


@variant("members of line 1 in another order")
def _(m):
    def change(j):
        for name in sorted(j):
            j[name] = j.pop(name)
        for name in reversed(list(j["predicate"])):
            j["predicate"][name] = j["predicate"].pop(name)
    rewrite(m, change)


@variant("a third line of a type that nobody knows")
def _(m):
    m.payloads.append(producer.statement(
        [("provenance", hexdigest(producer.pae(m.payloads[0])))],
        "https://example.org/review/v1", {"stars": 5}))


@variant("signatures of the checkpoint by keys that nobody knows",
         entries=lambda *lines: [sign_more(e[0]) for e in lines])
def _(m):
    pass


def sign_more(entry):
    note = entry["inclusionProof"]["checkpoint"]
    for length in 68, 76, 2432:
        note["envelope"] += "\u2014 witness.example.net/w%d %s\n" % (
            length, b64(bytes(length)))


@variant("no integratedTime at all", entries=lambda *lines: [
    e[0].pop("integratedTime") for e in lines])
def _(m):
    pass


# ---- running them ----

def verify(m):
    """What fails in strangers.py; aicert-verify's exit code and step."""
    run = subprocess.run(
        [HERE + "/strangers.py", m.dir] + [m.top + "/" + name for name in (
            "builder.pub", "log-keys", "ak-root.pem")],
        stdout=subprocess.PIPE, text=True)
    fails = [line[5:] for line in run.stdout.splitlines()
             if line.startswith("FAIL ")]
    if run.returncode != (1 if fails else 0):
        fails.append("exit code %d" % run.returncode)
    if not BIN:
        return fails, None
    with open(m.top + "/policy", "wb") as f:
        subprocess.run(
            [BIN + "/aicert", "policy", "init",
             "--builder", "b=" + m.top + "/builder.pub",
             "--log-keys", m.top + "/log-keys", "--quorum-none", "--log-time",
             "--ak-root", m.top + "/ak-root.pem,simulated",
             "--unmeasured-boot"], stdout=f, check=True)
    run = subprocess.run(
        [BIN + "/aicert-verify", "--json", "--policy", m.top + "/policy",
         m.dir], stdout=subprocess.PIPE)
    failed = [c for c in json.loads(run.stdout)["checks"]
              if c["status"] in ("failed", "not accepted")]
    return fails, (run.returncode, failed[0]["step"] if failed else None)


def judge(source, name, checks, code, step, bend, entries):
    with tempfile.TemporaryDirectory() as top:
        m = Model(source, top)
        if bend:
            bend(m)
        m.write(entries)
        fails, ours = verify(m)
    wrong = ["%s does not fail" % c for c in checks
             if not any(f.startswith(c) for f in fails)]
    wrong += ["fails too: " + f for f in fails
              if not any(f.startswith(c) for c in checks)]
    step = step or min(map(step_of, checks), default=None)
    if ours not in (None, (code, step)):
        wrong.append("aicert-verify: exit code and step %s, not %s" %
                     (ours, (code, step)))
    print("%s %s" % ("FAIL" if wrong else "ok  ", name))
    for line in wrong:
        print("     " + line)
    return not wrong


def main(source):
    good = judge(source, "not bent: signed and logged anew", (), 0, None,
                 None, None)
    passed = [judge(source, *m) for m in MUTANTS]
    print("%d of %d, mutants and variants, are judged as they should be" %
          (sum(passed), len(passed)))
    return 0 if good and all(passed) else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: mutants.py DIR")
    if not os.path.isdir(sys.argv[1] + "/model"):
        print("skipped: there is no %s; fixture.sh says why" % sys.argv[1])
        sys.exit(77)
    sys.exit(main(sys.argv[1]))
