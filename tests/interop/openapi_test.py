#!/usr/bin/env python3
"""openapi_test.py -- Schemathesis, which nobody here wrote, reads the
registry's OpenAPI document and makes up requests, right and wrong ones: every
answer has a status, type and form that the document knows, none is a 500, and
the log is as it was before.  It is installed into CACHE once.

usage: openapi_test.py CACHE
Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""
import fcntl
import json
import os
import subprocess
import sys

SOURCE = os.environ.get("AICERT_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "tests", "registry"))
import certs
import server

VERSION = "4.32.5"
CHECKS = ("not_a_server_error,status_code_conformance,content_type_conformance,"
          "response_headers_conformance,response_schema_conformance")


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def install(cache):
    os.makedirs(cache, exist_ok=True)
    program = cache + "/venv/bin/schemathesis"
    with open(cache + "/lock", "w") as lock, open(cache + "/log", "w") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(cache + "/installed-" + VERSION):
            return program
        for command in [
                ["/usr/bin/python3", "-m", "venv", cache + "/venv"],
                [cache + "/venv/bin/pip", "install",
                 "--disable-pip-version-check", "--retries", "1", "--timeout",
                 "30", "schemathesis==" + VERSION]]:
            if subprocess.run(command, stdout=log,
                              stderr=subprocess.STDOUT).returncode != 0:
                with open(cache + "/log") as said:
                    skip("schemathesis %s cannot be installed: %s" % (
                        VERSION, (said.read().strip() or "-").splitlines()[-1]))
        open(cache + "/installed-" + VERSION, "w").close()
    return program


def main():
    program = install(os.path.abspath(sys.argv[1]))
    if not os.access(server.BIN, os.X_OK):
        skip(server.BIN + " is not built")
    r = server.Registry()
    r.start()
    key = certs.Key()
    for i in range(3):
        assert r.post(certs.asserted(key, "m%d" % i)).status == 200
    document = r.top + "/openapi.json"
    with open(document, "w") as f:
        f.write(r.get("/api/v1/openapi.json").text())
    before = r.get("/checkpoint").text().splitlines()[:3]
    done = subprocess.run(
        [program, "run", document, "--url", "http://127.0.0.1:%d" % r.port,
         "--phases", "fuzzing,stateful", "--exclude-operation-id", "submit",
         "--max-examples", "25", "--checks", CHECKS, "--no-color"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=240, env=dict(os.environ, HOME=r.top), cwd=r.top)
    print(done.stdout[-3000:])
    assert r.get("/checkpoint").text().splitlines()[:3] == before
    assert json.loads(r.get("/healthz").body)["treeSize"] == 3
    r.stop()
    r.close()
    sys.exit(0 if done.returncode == 0 else 1)


main()
