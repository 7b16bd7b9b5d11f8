"""`pombal setup`, as strangers and whoever has the code reach it: JSON over HTTP, without a browser (that is web/tests/setup.end.js)."""
import http.client
import json
import os
import random
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

from pombal import BAD_LOG, PORTS, binary, environment, tls_context, wait_for

GUESSES = 10  # of one address, then it is sent away
PASSWORD = "Ein Wort für Tests 1"


def free_base():
    """A port base of which every port is free."""
    for _ in range(100):
        base = random.randrange(2000, 20000)
        sockets = [socket.socket() for _ in PORTS]
        try:
            for one, port in zip(sockets, PORTS.values()):
                one.bind(("127.0.0.1", base + port))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no ports are free")


class Setup:
    def __init__(self, folder):
        self.data, self.log, self.base = folder / "data", folder / "log", free_base()
        self.clients = iter(range(2, 250))
        self.begin()

    def begin(self):
        offset = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([binary(), "setup", "--dev", "--port-base", str(self.base), "--data", self.data], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment())
        self.code = wait_for(lambda: re.search(rb"^The code: (\S+)$", self.log.read_bytes()[offset:], re.M), "the code", 60).group(1).decode()

    def said(self):
        return self.log.read_text()

    def ask(self, method, path, body=None, code=None, source=None, tls=False, **fields):
        source = (source, 0) if source else None
        where = ("127.0.0.1", self.base + PORTS["https" if tls else "http"])
        client = http.client.HTTPSConnection(*where, timeout=60, source_address=source, context=tls_context()) if tls else http.client.HTTPConnection(*where, timeout=60, source_address=source)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if code:
            headers["Authorization"] = f"Bearer {code}"
        if isinstance(body, dict):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        client.request(method, path, body, headers)
        answer = client.getresponse()
        answer.text = answer.read().decode()
        client.close()
        return answer

    def call(self, command, *arguments, code=None, source=None, given="", **options):
        body = {"command": command, "arguments": list(arguments), "options": options, "input": given}
        return self.ask("POST", "/admin/call", body, code or self.code, source)

    def new_client(self):
        """An address of this machine that hasn't guessed yet."""
        return f"127.0.0.{next(self.clients)}"

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)
        assert not BAD_LOG.search(self.said()), self.said()


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    """One that nobody finishes."""
    own = Setup(tmp_path_factory.mktemp("setup"))
    yield own
    own.end()


def code_of(answer):
    return json.loads(answer.text)["error"]["code"]


def test_the_code_is_its_owners(setup):
    path = setup.data / "run" / "setup-code"
    assert path.read_text() == setup.code and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert re.fullmatch(r"[2-9A-HJKMNP-Z]{4}(-[2-9A-HJKMNP-Z]{4}){2}", setup.code)
    assert not (setup.data / "pombal.conf").exists()


def test_only_the_page_is_served(setup):
    where = setup.ask("GET", "/")
    assert where.status == 303 and where.headers["Location"] == "/admin"
    for path in ("/index.html", "/session", "/accounts", "/jmap/session", "/.well-known/jmap", "/events", "/oauth/authorize", "/mail/config-v1.1.xml", "/frame", "/assets/", "/assets/no", "/robots.txt", "/sw.js"):
        assert setup.ask("GET", path).status == 404, path
    for path in ("/session", "/app-passwords", "/oauth/token", "/jmap/api"):
        assert setup.ask("POST", path, {"name": "x", "password": "y"}, Sec_Fetch_Site="same-origin").status == 404, path
    for service in ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "lmtp"):
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", setup.base + PORTS[service]), 5):
            pass


def test_over_tls_too(setup):
    answer = setup.ask("GET", "/admin/who", code=setup.code, tls=True)
    assert answer.status == 200 and json.loads(answer.text)["rank"] == "setup"


def test_without_the_code(setup):
    for method, path in (("GET", "/admin/who"), ("POST", "/admin/call")):
        answer = setup.ask(method, path, {"command": "init"} if method == "POST" else None, Sec_Fetch_Site="same-origin")
        assert answer.status == 401 and code_of(answer) == "set_up"
    assert setup.ask("POST", "/admin/call", {"command": "init"}).status == 403  # not from a page, and without a code
    for name in ("pombal", "__Host-pombal", "session"):
        assert setup.ask("GET", "/admin/who", source=setup.new_client(), Cookie=f"{name}={setup.code}").status == 401


def test_guessing(setup):
    """A wrong code is held back, and after a few nothing of that address is looked at; others don't suffer."""
    guesser, wrong = setup.new_client(), setup.code[:-1] + ("A" if setup.code[-1] != "A" else "B")
    begun = time.monotonic()
    assert code_of(setup.ask("GET", "/admin/who", code=wrong, source=guesser)) == "sign_in"
    assert time.monotonic() - begun >= 1
    for guess in ("", "-", setup.code[:-1], setup.code + "A", "A" * 256, "A" * 257):
        assert setup.ask("GET", "/admin/who", code=guess or "=", source=setup.new_client()).status in (400, 401), guess
    sockets = []
    for _ in range(GUESSES - 1):  # at the same time, as who is in a hurry does
        one = socket.create_connection(("127.0.0.1", setup.base + PORTS["http"]), 60, (guesser, 0))
        one.sendall(f"GET /admin/who HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {wrong}\r\nConnection: close\r\n\r\n".encode())
        sockets.append(one)
    for one in sockets:
        assert one.recv(12) == b"HTTP/1.1 401"
        one.close()
    for code in (wrong, setup.code):
        answer = setup.ask("GET", "/admin/who", code=code, source=guesser)
        assert answer.status == 429 and code_of(answer) == "too_many"
    assert setup.ask("GET", "/admin/who", code=setup.code.lower().replace("-", "")).status == 200


def test_no_other_site(setup):
    answer = setup.ask("OPTIONS", "/admin/call", Origin="https://evil.example", Access_Control_Request_Method="POST", Access_Control_Request_Headers="authorization")
    assert "Access-Control-Allow-Origin" not in answer.headers
    answer = setup.ask("GET", "/admin/who", code=setup.code, Origin="https://evil.example")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_what_may_be_called(setup):
    for command in ("account list", "account add", "config set", "serve", "init --dev", "setup", "sendmail", ""):
        assert setup.call(command).status in (400, 404), command
    assert setup.ask("POST", "/admin/call", "x" * 9000, setup.code, Content_Type="application/json").status == 413
    assert setup.ask("POST", "/admin/call", "command=init", setup.code, Content_Type="application/x-www-form-urlencoded").status == 415
    assert code_of(setup.ask("POST", "/admin/call", "[" * 3000, setup.code, Content_Type="application/json")) == "malformed"
    for options in ({}, {"domain": "a.example"}, {"domain": "a.example", "hostname": "m.a.example", "administrator": "a", "dev": True}, {"domain": "a.example", "hostname": "m.a.example", "password": "x"}):
        assert code_of(setup.call("init", **options)) == "usage"
    assert code_of(setup.call("dns name", "-x", "y")) == "usage"


@pytest.mark.parametrize("change,why", [
    ({"domain": "--data=/tmp"}, "domain"), ({"domain": "127.0.0.1"}, "name"), ({"domain": "[127.0.0.1]"}, "domain"), ({"hostname": "192.0.2.1"}, "name"), ({"hostname": "no dot"}, "name"),
    ({"administrator": "a b"}, "address"), ({"administrator": "anna@elsewhere.example"}, "isn't of"), ({"given": "short\n"}, "too short"), ({"given": ""}, "empty"),
])
def test_what_init_refuses(setup, change, why):
    """… it says, and nothing is made; it can be said again."""
    wanted = {"domain": "first.example", "hostname": "mail.first.example", "administrator": "anna", "given": f"{PASSWORD}\n", **change}
    answer = setup.call("init", **wanted)
    assert answer.status == 422 and why in json.loads(answer.text)["error"]["message"], answer.text
    assert not (setup.data / "pombal.conf").exists()
    assert setup.ask("GET", "/admin/who", code=setup.code).status == 200


def test_from_killed_to_served(tmp_path):
    """Killed in the middle it goes on with the same code and certificate; once there is a server the code is nothing, and set-up comes never again."""
    own = Setup(tmp_path)
    code, certificate = own.code, (own.data / "certificates/self-signed.pem").read_bytes()
    assert own.ask("GET", "/admin/who", code=code).status == 200
    own.process.send_signal(signal.SIGKILL)
    own.process.wait()
    wait_for(lambda: not os.path.exists(f"/proc/{own.process.pid}"), "its end")
    own.begin()
    assert own.code == code
    made = own.call("init", domain="first.example", hostname="mail.first.example", administrator="anna", given=f"{PASSWORD}\n")
    assert made.status == 200, made.text
    wait_for(lambda: re.search(r"^ready$", own.said(), re.M), "the server", 60)
    assert (own.data / "certificates/self-signed.pem").read_bytes() == certificate
    assert not (own.data / "run/setup-code").exists()
    answer = own.ask("GET", "/admin/who", code=code)
    assert answer.status == 401 and code_of(answer) == "sign_in"
    assert own.call("init", domain="x.example", hostname="mail.x.example", administrator="eve", given=f"{PASSWORD}\n").status == 401
    signed_in = own.ask("POST", "/session", {"name": "anna@first.example", "password": PASSWORD}, Sec_Fetch_Site="same-origin")
    assert signed_in.status == 200
    answer = own.ask("GET", "/admin/who", Cookie=signed_in.headers["Set-Cookie"].split(";")[0])
    assert json.loads(answer.text)["rank"] == "server"
    again = subprocess.run([binary(), "setup", "--dev", "--data", own.data], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False)
    assert again.returncode == 1 and b"holds an instance already" in again.stderr
    listed = subprocess.run([binary(), "alias", "list", "--data", own.data], stdout=subprocess.PIPE, env=environment(), timeout=60, check=True).stdout
    assert b"postmaster@first.example" in listed
    own.end()
