"""Thunderbird in the hands of somebody who has just installed it: with a profile of the test's own, on a screen that nobody sees, led by its own remote
control (Marionette), which presses and types where a person would.

It has no way to the internet: every connection goes through a proxy of the test's own, which knows the addresses of a few names and keeps what was
asked for. Its questions to the DNS for MX and SRV, which Thunderbird asks of the system's resolver, are answered from the test's records, too.
"""
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from pombal import environment, new_address

DEADLINE = 60
WEB = (80, 443)
CLIENT = "192.0.2.7"  # from where it comes, for web servers: those are kinder to programs of the same machine
TAB = "\ue004"  # as WebDriver writes this key

# What is otherwise than in a profile that Thunderbird makes by itself: no internet, nothing that it would say to its makers, and its console is kept.
PREFERENCES = {
    "network.proxy.type": 1, "network.proxy.socks_remote_dns": True, "network.proxy.socks5_remote_dns": True, "network.proxy.no_proxies_on": "",
    "network.dns.disabled": True, "network.trr.mode": 5,
    "mailnews.auto_config_url": "", "mailnews.start_page.enabled": False, "mail.inappnotifications.enabled": False, "mail.rights.version": 1,
    "services.settings.server": "data:,#", "extensions.update.enabled": False, "datareporting.policy.dataSubmissionEnabled": False,
    "marionette.port": 0, "intl.locale.requested": "en-US", "mail.setup.loglevel": "All", "devtools.console.stdout.chrome": True,
}


# ---- A way to the names that the test knows ----

class Proxy:
    """SOCKS 5 (RFC 1928), and before web servers the PROXY protocol: their http_proxies must have its address. `hosts`: addresses by name.
    `asked`: what was asked for, as (name, port), in order."""

    def __init__(self, hosts):
        self.hosts, self.asked = hosts, []
        self.listener = socket.create_server((new_address(), 0))
        self.address, self.port = self.listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):  # it was closed
            while True:
                threading.Thread(target=self._connect, args=(self.listener.accept()[0],), daemon=True).start()

    def _connect(self, client):
        with client, contextlib.suppress(OSError, EOFError):
            with client.makefile("rb", buffering=0) as stream:
                take(stream, take(stream, 2)[1])
                client.sendall(b"\5\0")
                kind = take(stream, 4)[3]
                name = take(stream, take(stream, 1)[0]).decode() if kind == 3 else socket.inet_ntoa(take(stream, 4))
                port = struct.unpack(">H", take(stream, 2))[0]
            self.asked.append((name, port))
            if name not in self.hosts:
                client.sendall(b"\5\4\0\1" + bytes(6))
                return
            with socket.create_connection((self.hosts[name], port), timeout=DEADLINE, source_address=(self.address, 0)) as server:
                server.settimeout(None)
                if port in WEB:
                    server.sendall(b"PROXY TCP4 %s %s 40000 %d\r\n" % (CLIENT.encode(), CLIENT.encode(), port))
                client.sendall(b"\5\0\0\1" + bytes(6))
                relay(client, server)

    def close(self):
        self.listener.close()


def take(stream, count):
    """So many bytes, or EOFError."""
    data = b""
    while len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def relay(one, other):
    """Carries what each says to the other, until either has ended."""
    ends = {one: other, other: one}
    while True:
        for here in select.select(list(ends), [], [])[0]:
            data = here.recv(65536)
            if not data:
                return
            ends[here].sendall(data)


# ---- Its remote control ----

class Refused(Exception):
    """Marionette can't do what it was told; `kind`: WebDriver's word for why."""

    def __init__(self, said):
        super().__init__(f"{said['error']}: {said['message']}")
        self.kind = said["error"]


class Marionette:
    """Mozilla's protocol: JSON with its length before it; [0, number, command, parameters] is answered by [1, number, error, result]."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.stream = self.socket.makefile("rb")
        self.count = 0
        assert self._receive()["marionetteProtocol"] == 3

    def _receive(self):
        length = b""
        while not length.endswith(b":"):
            length += take(self.stream, 1)
        return json.loads(take(self.stream, int(length[:-1])))

    def do(self, command, **parameters):
        self.count += 1
        words = json.dumps([0, self.count, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(words), words))
        _, number, error, result = self._receive()
        assert number == self.count
        if error:
            raise Refused(error)
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def script(self, text, *arguments):
        """Runs a function's body with Thunderbird's own rights; gives what it returns."""
        return self.do("WebDriver:ExecuteScript", script=text, args=list(arguments), sandbox="system", newSandbox=False)

    def close(self):
        self.stream.close()
        self.socket.close()


# ---- What is to be seen ----

class Place:
    """A part of what Thunderbird shows, in which elements are named by CSS selectors; ">>>" leads into what an element hides (its shadow root).
    Whatever is done waits until it can be done."""

    FIND = """
        const [first, ...inner] = arguments[0].split(" >>> ");
        return inner.reduce((found, selector) => found.flatMap(one => [...one.shadowRoot?.querySelectorAll(selector) ?? []]),
                            [...document.querySelectorAll(first)]);"""

    def __init__(self, program, before="", frame=None):
        self.program, self.before, self.frame = program, before, frame

    def _elements(self, selector):
        control = self.program.control
        control.do("Marionette:SetContext", value="chrome")
        if self.frame:  # Marionette looks for it where a browser has the content of web pages
            control.do("WebDriver:SwitchToFrame", element=control.script(f"return {self.frame}"))
            control.do("Marionette:SetContext", value="content")
        return [one for element in control.script(self.FIND, self.before + selector) for one in element.values()]

    def _shown(self, selector, text=""):
        """The first element that can be seen and has this text in it; None."""
        do = self.program.control.do
        for element in self._elements(selector):
            if do("WebDriver:IsElementDisplayed", id=element) and text in do("WebDriver:GetElementText", id=element):
                return element
        return None

    def wait(self, selector, text=""):
        """Waits until this is shown; gives its text."""
        def shown():
            element = self._shown(selector, text)
            return element and self.program.control.do("WebDriver:GetElementText", id=element)
        return self.program.until(shown, f"{selector} to show {text!r}")

    def is_shown(self, selector):
        return self._shown(selector) is not None

    def try_press(self, selector, text=""):
        """False: it can't be pressed now."""
        element = self._shown(selector, text)
        if element is None or not self.program.control.do("WebDriver:IsElementEnabled", id=element):
            return False
        self.program.control.do("WebDriver:ElementClick", id=element)
        return True

    def press(self, selector, text=""):
        self.program.until(lambda: self.try_press(selector, text), f"{selector} {text!r} to be pressed")

    def type(self, selector, text):
        """In the place of what stands there."""
        def typed():
            element = self._shown(selector)
            if element is None:
                return False
            self.program.control.do("WebDriver:ElementClear", id=element)
            self.program.control.do("WebDriver:ElementSendKeys", id=element, text=text)
            return True
        self.program.until(typed, f"{selector} to be typed into")


class Thunderbird:
    """`hosts`: addresses by name; `records`: {"MX setup.example": [{"prio": …, "host": …}]}, as Thunderbird has them; `authority`: whose certificates
    it trusts (PEM); `pictures`: a folder for what was on the screen when something went wrong."""

    def __init__(self, screen, hosts, records, authority, pictures):
        self.screen, self.pictures = screen, pictures
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-thunderbird-"))
        self.process = self.control = None
        self.proxy = Proxy(hosts)
        self.window = Place(self)
        self.setup = Place(self, before="account-hub-container >>> ")
        self.mail = Place(self, frame="document.getElementById('tabmail').currentTabInfo.chromeBrowser")
        try:
            with self.explained():
                self._start()
                self._connect()
                self._prepare(records, authority)
        except BaseException:  # nobody will close what was never finished
            self.close()
            raise

    def _start(self):
        (self.folder / "profile").mkdir()
        preferences = {**PREFERENCES, "network.proxy.socks": self.proxy.address, "network.proxy.socks_port": self.proxy.port}
        (self.folder / "profile/user.js").write_text("".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()))
        with open(self.folder / "console", "wb") as console:
            self.process = subprocess.Popen(
                ["thunderbird", "--profile", self.folder / "profile", "--no-remote", "--marionette", "--remote-allow-system-access"], stdin=subprocess.DEVNULL,
                stdout=console, stderr=console, start_new_session=True, cwd=self.folder,
                env=environment(HOME=str(self.folder), TMPDIR=str(self.folder), DISPLAY=self.screen.name, MOZ_CRASHREPORTER_DISABLE="1",
                                NO_AT_BRIDGE="1"))

    def _connect(self):
        named = self.folder / "profile/MarionetteActivePort"
        port = self.until(lambda: named.exists() and named.read_text(), "Thunderbird to start")
        self.control = Marionette(int(port))
        self.control.do("WebDriver:NewSession", capabilities={"alwaysMatch": {"unhandledPromptBehavior": "ignore"}})
        self.control.do("Marionette:SetContext", value="chrome")
        self.main = self.control.do("WebDriver:GetWindowHandle")

    def _prepare(self, records, authority):
        self.control.script("""
            const { DNS } = ChromeUtils.importESModule("resource:///modules/DNS.sys.mjs");
            const [records, authority] = arguments;
            DNS.lookup = async (name, type) => records[(type == DNS.MX ? "MX " : "SRV ") + name] ?? [];
            Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(authority, "C,,");
            """, records, "".join(authority.splitlines()[1:-1]))

    def until(self, condition, what):
        """Asks `condition` until it gives something true, which is returned; what Marionette can't do yet, it may be able to later."""
        end, refused = time.monotonic() + DEADLINE, None
        while time.monotonic() < end and self.process.poll() is None:
            try:
                answer = condition()
                if answer:
                    return answer
            except Refused as problem:
                refused = problem
                if problem.kind == "unexpected alert open":
                    break
            time.sleep(0.1)
        raise AssertionError(f"waited in vain for {what}; Marionette has said: {refused}; exit status: {self.process.poll()}")

    @contextlib.contextmanager
    def explained(self):
        """When something fails: prints what a person would look at, the screen, the console, and where Thunderbird has tried to go."""
        try:
            yield
        except BaseException:
            picture = self.screen.picture(self.pictures / f"thunderbird-{time.monotonic_ns()}.png")
            print(f"screen: {picture}\nasked for: {self.proxy.asked}\n---- console ----\n{(self.folder / 'console').read_text(errors='replace')[-8000:]}")
            raise

    def letter(self):
        """The text of the letter that is shown."""
        self.control.do("Marionette:SetContext", value="chrome")
        return self.control.script("""
            return document.getElementById("tabmail").currentAboutMessage.getMessagePaneBrowser().contentDocument.body.innerText""")

    def wait_cursor(self, name):
        """Waits until the cursor is in the element with this id."""
        self.control.do("Marionette:SetContext", value="chrome")
        self.until(lambda: self.control.script("return document.activeElement.id") == name, f"the cursor to be in {name}")

    def keys(self, keys):
        """Presses keys, wherever the cursor is."""
        self.control.do("Marionette:SetContext", value="chrome")
        self.control.do("WebDriver:PerformActions", actions=[{"type": "key", "id": "keys", "actions": [
            {"type": how, "value": key} for key in keys for how in ("keyDown", "keyUp")]}])

    def _other_windows(self):
        return [one for one in self.control.do("WebDriver:GetWindowHandles") if one != self.main]

    @contextlib.contextmanager
    def other_window(self):
        """A window that opens, and is closed by what is done in it."""
        self.control.do("Marionette:SetContext", value="chrome")
        self.control.do("WebDriver:SwitchToWindow", handle=self.until(self._other_windows, "a window to open")[0])
        yield self.window
        self.control.do("Marionette:SetContext", value="chrome")
        self.until(lambda: not self._other_windows(), "the window to be closed")
        self.control.do("WebDriver:SwitchToWindow", handle=self.main)

    def close(self):
        """Ends it, and what it has started."""
        if self.control:
            self.control.close()
        if self.process:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # a group of its own
            self.process.wait()
        self.proxy.close()
        shutil.rmtree(self.folder, ignore_errors=True)
