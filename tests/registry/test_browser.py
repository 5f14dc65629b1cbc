"""test_browser.py -- the pages as a person meets them, in Chromium, driven by
chromedriver (W3C WebDriver): style applied under the policy, nothing blocked,
nothing fetched from elsewhere, a search typed in, and no text of strangers run
as markup.  Skipped where Chromium and chromedriver are not installed."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import certs
import server

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>" \
    "document.title='owned'</script>"


def need(*names):
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    print("skipped: %s is not installed (Debian: chromium, chromium-driver)"
          % names[0])
    sys.exit(77)


class Browser:
    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="aicert-browser-")
        self.log = open(self.top + "/chromedriver.log", "wb+")
        # A group of its own, so that nothing of it outlives the test.
        self.driver = subprocess.Popen(
            [need("chromedriver"), "--port=0"], stdout=self.log,
            stderr=subprocess.STDOUT, start_new_session=True,
            env=dict(os.environ, HOME=self.top, TMPDIR=self.top))
        self.port = self.wait_for_port()
        self.session = ""
        value = self.call("POST", "/session", {"capabilities": {
            "alwaysMatch": {
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {
                    "binary": need("chromium", "google-chrome"),
                    "args": ["--headless=new", "--no-sandbox",
                             "--disable-gpu", "--disable-dev-shm-usage",
                             "--user-data-dir=" + self.top + "/profile"]}}}})
        self.session = "/session/" + value["sessionId"]

    def wait_for_port(self):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            self.log.seek(0)
            text = self.log.read().decode()
            if "started successfully on port " in text:
                return int(text.split("started successfully on port ")[1]
                           .split(".")[0])
            assert self.driver.poll() is None, text
            time.sleep(0.05)
        raise AssertionError("chromedriver does not start")

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            "http://127.0.0.1:%d%s%s" % (self.port, self.session, path),
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as e:
            raise AssertionError(e.read()) from None

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script,
                                                   "args": list(args)})

    def find(self, selector):
        return self.call("POST", "/element", {
            "using": "css selector", "value": selector})[ELEMENT]

    def type(self, selector, text):
        self.call("POST", "/element/%s/value" % self.find(selector),
                  {"text": text})

    def click(self, selector):
        self.call("POST", "/element/%s/click" % self.find(selector), {})

    def said(self):
        """What the console got: errors, and what the policy blocked."""
        return [e["message"] for e in self.call(
            "POST", "/se/log", {"type": "browser"})
            if "favicon" not in e["message"]]

    def close(self):
        os.killpg(self.driver.pid, signal.SIGTERM)
        try:
            self.driver.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.driver.pid, signal.SIGKILL)
            self.driver.wait()
        self.log.close()
        shutil.rmtree(self.top, ignore_errors=True)


def check_page(b, r, title):
    assert b.run("return document.title") == title
    assert b.run("return document.querySelectorAll('script,img').length") == 0
    # Its style is applied, and came with it.
    assert b.run("return getComputedStyle(document.body).maxWidth") != "none"
    assert b.run("return performance.getEntriesByType('resource').filter("
                 "e => !e.name.endsWith('/favicon.ico')).length") == 0
    # It fits a telephone: nothing but tables and examples is wider.
    assert b.run("return document.querySelectorAll('h1').length") == 1
    assert b.run("return document.documentElement.lang") == "en"
    # Every field has its label, every link and button a name.
    assert b.run("return [...document.querySelectorAll('input')].every("
                 "e => e.labels.length == 1)")
    assert b.run("return [...document.querySelectorAll('a,button,th')].every("
                 "e => e.textContent.trim() != '')")
    assert b.said() == [], b.said()


def test_pages():
    r = server.Registry()
    r.start()
    key = certs.Key()
    value = json.loads(certs.provenance(key, "model"))
    dependency, = value["predicate"]["buildDefinition"][
        "resolvedDependencies"]
    dependency["name"] = dependency["uri"] = HOSTILE
    dependency["annotations"]["license"] = HOSTILE
    value["predicate"]["buildDefinition"]["externalParameters"][
        "trainer"] = HOSTILE
    value["predicate"][certs.AICERT + "/compute/v1"] = {"flops": {
        "value": "1000", "unit": "FLOP", "assurance": "reported"}}
    p = certs.compact(value)
    for statement in p, certs.provenance(key, "second"):
        reply = r.post(certs.jsonl(certs.bundle(key, statement)))
        assert reply.status == 200, reply.text()
    b = Browser()
    try:
        url = "http://127.0.0.1:%d" % r.port
        b.go(url + "/")
        check_page(b, r, "log.example.org")
        b.click("nav a[href='/search']")
        check_page(b, r, "Search")
        assert b.run("return document.querySelectorAll('tbody tr').length"
                     ) == 2
        b.type("#dataset", HOSTILE)
        b.click("form button")
        check_page(b, r, "Search")
        assert b.run("return document.querySelector('#dataset').value"
                     ) == HOSTILE
        assert b.run("return document.querySelectorAll('tbody tr').length"
                     ) == 1
        b.click("tbody a[href^='/certificate/']")
        check_page(b, r, "Certificate")
        text = b.run("return document.body.innerText")
        assert HOSTILE in text and certs.digest(p).hex() in text
        assert "reported" in text and "self-asserted" in text
        # With the keyboard alone one gets to the first link.
        assert b.run("document.querySelector('a').focus();"
                     "return document.activeElement.tagName") == "A"
    finally:
        b.close()
    r.stop()
    r.close()


need("chromedriver")
need("chromium", "google-chrome")
server.main([test_pages])
