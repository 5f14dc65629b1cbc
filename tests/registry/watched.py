"""watched.py -- a registry with witnesses, for the tests of what they are for."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))

import certs
import server
import witness

os.environ.pop("AICERT_REGISTRY_ACCEPT_UNWITNESSED_START", None)


class Watched(server.Registry):
    """A log with so many witnesses, of which need must cosign."""

    def __init__(self, n=3, need=2, url=None):
        super().__init__(url=url)
        with open(self.dir + "/log-keys") as f:
            self.vkey = f.read().split()[1]
        self.witnesses = [witness.Witness("w%d.example" % i, self.vkey)
                          for i in range(n)]
        self.keys.witnesses = [certs.NoteKey(w.vkey())
                               for w in self.witnesses]
        self.need = need
        self.policy = os.path.join(self.top, "witnesses")
        self.write_policy()
        self.key = certs.Key()
        self.err = os.path.join(self.top, "stderr")

    def write_policy(self):
        with open(self.policy, "w") as f:
            f.write(witness.policy(self.vkey, self.witnesses, self.need))

    def serve(self, *args, kill_at=None):
        self.start(kill_at, args=("--witness-policy", self.policy, "--log", "json",
                         *args))
        return self

    def submit(self, name):
        return self.post(certs.asserted(self.key, name))

    def logged(self, name):
        """Post until it is logged; its index and checkpoint."""
        reply = self.submit(name)
        deadline = time.monotonic() + 60
        while reply.status == 503 and time.monotonic() < deadline:
            reply = self.submit(name)
        assert reply.status == 200, reply.text()
        index, _, checkpoint = certs.check_line(
            reply.body.splitlines()[0], self.keys, self.key)
        return index, checkpoint

    def end(self):
        """Stop; the messages, each a line of JSON."""
        self.server.send_signal(server.signal.SIGTERM)
        code, err = self.wait()
        assert code == 0, (code, err)
        return [json.loads(line) for line in err.splitlines()]

    def close(self):
        super().close()
        for w in getattr(self, "witnesses", []):
            if w.port:
                w.down()
                w.port = 0

    def committed(self):
        return self.rows("SELECT max(size) FROM head")[0][0]


def refused(reply, name):
    assert reply.status == 503, reply.text()
    assert int(reply.headers["Retry-After"]) > 0
    problem = json.loads(reply.text())
    assert problem["type"].endswith("/problem/" + name), problem
    assert "index" in problem["detail"], problem


def said(messages, event, *words):
    for m in messages:
        if m["event"] == event and all(w in m["text"] for w in words):
            assert set(m) == {"time", "level", "event", "text"}, m
            return m
    raise AssertionError((event, words, messages))
