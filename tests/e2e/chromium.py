"""Debian's Chromium without a window, told what to do over the pipe of its debugging protocol. The browser is one that people use: what it refuses is
refused to any page."""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from pombal import environment

PATIENCE = 60


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.messages = []  # of its console, and what it was refused
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def call(self, method, **parameters):
        return self.browser.call(method, parameters, self.session)

    def heard(self, event):
        kind, told = event["method"], event["params"]
        if kind == "Log.entryAdded":
            self.messages.append(told["entry"]["text"])
        elif kind == "Runtime.exceptionThrown":
            self.messages.append(told["exceptionDetails"]["text"])
        elif kind == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.messages.append(str(told["args"]))

    def open(self, url):
        found = self.call("Page.navigate", url=url)
        assert not found.get("errorText"), found
        self.browser.wait(lambda: self.run("document.readyState === 'complete' && location.href") == url, f"{url} to load")

    def run(self, script):
        """What the script's last expression is, promises awaited."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True, allowUnsafeEvalBlockedByCSP=False)
        assert "exceptionDetails" not in found, found["exceptionDetails"].get("exception", found["exceptionDetails"])
        return found["result"].get("value")

    def picture(self):
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])


class Chromium:
    """`hosts`: names that lead to addresses of this machine."""

    def __init__(self, hosts=None):
        self.folder = Path(tempfile.mkdtemp(prefix="chromium-test-"))
        rules = ", ".join(f"MAP {name} {address}" for name, address in (hosts or {}).items())
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()

        def place():  # its ends are 3 and 4
            ends = os.dup(to_read), os.dup(from_write)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                   "--disable-sync", "--no-proxy-server", "--ignore-certificate-errors", "--remote-debugging-pipe", f"--user-data-dir={self.folder}/profile",
                   f"--host-resolver-rules={rules}{', ' if rules else ''}MAP * ~NOTFOUND, EXCLUDE 127.*", "about:blank"]
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False, preexec_fn=place, start_new_session=True,
                                            env=environment(HOME=str(self.folder), XDG_RUNTIME_DIR=str(self.folder)))
        os.close(to_read)
        os.close(from_write)
        self.to, self.source = to_write, from_read
        self.buffer, self.number, self.answers, self.pages = b"", 0, {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _hear(self, seconds):
        if not select.select([self.source], [], [], seconds)[0]:
            return
        data = os.read(self.source, 1 << 20)
        assert data, "chromium has ended: " + (self.folder / "log").read_text(errors="replace")[-3000:]
        *whole, self.buffer = (self.buffer + data).split(b"\0")
        for one in map(json.loads, whole):
            if "id" in one:
                self.answers[one["id"]] = one
            elif one.get("sessionId") in self.pages:
                self.pages[one["sessionId"]].heard(one)

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}"
            self._hear(0.05)

    def call(self, method, parameters=None, session=None):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters or {}, **({"sessionId": session} if session else {})}
        os.write(self.to, json.dumps(message).encode() + b"\0")
        number = self.number
        self.wait(lambda: number in self.answers, method)
        answer = self.answers.pop(number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def page(self):
        """A new one, with nothing of the others' (cookies least of all)."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        return self.page_in(context)

    def page_in(self, context):
        target = self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self.pages[session] = None
        page = Page.__new__(Page)
        self.pages[session] = page
        page.messages, page.context = [], context
        Page.__init__(page, self, session)
        return page

    def close(self):
        """It and its children are a session of their own."""
        if self.process.poll() is None:
            try:
                self.call("Browser.close")
                self.process.wait(20)
            except (AssertionError, OSError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        os.close(self.to)
        os.close(self.source)
        shutil.rmtree(self.folder, ignore_errors=True)
