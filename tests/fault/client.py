#!/usr/bin/env python3
"""client.py -- posts certificates to a registry, one after the other, and
records what was answered, durably, before it goes on.

usage: client.py URL BODIES RECORD

Begins with a second of the clock: the log's signer keeps the last second that
it stated, so that only then two runs make the same calls.

BODIES holds one body a line, in JSON.  RECORD gets a line of JSON for each answer: the body posted, the status, the
answer.  Ends when all is posted or the server answers no more; exit code 0.
"""
import http.client
import json
import os
import sys
import time
import urllib.parse


def main(url, bodies, record):
    where = urllib.parse.urlsplit(url)
    with open(bodies) as f:
        todo = [json.loads(line) for line in f]
    time.sleep(1 - time.time() % 1)
    with open(record, "a") as out:
        for body in todo:
            try:
                c = http.client.HTTPConnection(where.hostname, where.port,
                                               timeout=60)
                c.request("POST", "/api/v1/certificates", body,
                          {"Content-Type": "application/jsonl"})
                r = c.getresponse()
                answer = {"body": body, "status": r.status,
                          "answer": r.read().decode()}
                c.close()
            except (OSError, http.client.HTTPException):
                return
            out.write(json.dumps(answer) + "\n")
            out.flush()
            os.fsync(out.fileno())


if __name__ == "__main__":
    main(*sys.argv[1:])
