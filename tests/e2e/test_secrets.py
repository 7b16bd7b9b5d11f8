"""Passwords that were given to a server are not in the memory of those who talk to strangers any more."""
import base64
import json
import re
from pathlib import Path

import pytest

from pombal import Pombal
from web import Browser
from wire import Imap, Pop3, Smtp, Wire

PASSWORD = "correct-horse-9-battery-staple"


def words_of(text):
    """The text and what base64 makes of it, whatever stands before it."""
    raw = text.encode()
    found = {raw}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)
        found.add(encoded[4 if before else 0:len(encoded) // 4 * 4 - 4])
    return found


def found_in_memory(pid, words):
    """Which of the words are in the process's writable memory."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not span or "[vvar]" in line:
                continue
            start, end = int(span[1], 16), int(span[2], 16)
            if end - start > 1 << 32:  # a sanitizer's shadow, which holds no bytes of ours
                continue
            for at in range(start, end, 1 << 22):
                try:
                    memory.seek(at)
                    piece = memory.read(min(1 << 22, end - at))
                except OSError:  # reserved, and never used
                    break
                found |= {word for word in words if word in piece}
    return found


def smtp_plain(server, name, port):
    with Smtp(server.address, server.ports[port], tls=port == "submissions") as smtp:
        if port == "submission":
            smtp.secure()
        smtp.login(name, PASSWORD)
        smtp.expect("NOOP", 250)


def smtp_login(server, name, port):
    with Smtp(server.address, server.ports[port], tls=port == "submissions") as smtp:
        if port == "submission":
            smtp.secure()
        smtp.expect("AUTH LOGIN", 334)
        smtp.expect(base64.b64encode(name.encode()).decode(), 334)
        word = base64.b64encode(PASSWORD.encode())
        smtp.send(word[:20])  # in two pieces, so that a buffer has to grow
        smtp.send(word[20:] + b"\r\n")
        smtp.reply()
        smtp.expect("NOOP", 250)


def imap(server, name, _):
    with Imap(server.address, server.ports["imaps"], tls=True) as session:
        session.command(f'LOGIN {name} "{PASSWORD}"')
        session.command("AUTHENTICATE PLAIN " + base64.b64encode(f"\0{name}\0{PASSWORD}".encode()).decode())
        session.command("NOOP")


def pop3(server, name, _):
    with Pop3(server.address, server.ports["pop3s"], tls=True) as session:
        session.say(f"USER {name}")
        session.say(f"PASS {PASSWORD}")
        session.say("NOOP")


def web(server, name, port):
    """In pieces, in JSON whose strings have to be read anew, with a length and in chunks."""
    browser = Browser(server, tls=port == "https")
    browser.ask("POST", "/session", {"name": name, "password": PASSWORD})
    browser.ask("POST", "/session", '{"password":"' + PASSWORD.replace("-", "\\u002d") + f'", "name":"{name}"}}', Content_Type="application/json")
    browser.ask("POST", "/session", '{"password":"' + PASSWORD, Content_Type="application/json")
    body = json.dumps({"name": name, "password": PASSWORD}).encode()
    with Wire(server.address, server.ports[port], tls=browser.tls) as wire:
        head = "".join(f"{field}: {value}\r\n" for field, value in browser.fields("POST", Content_Type="application/json", Transfer_Encoding="chunked").items())
        wire.send(f"POST /session HTTP/1.1\r\nHost: {browser.authority}\r\n{head}\r\n")
        for at in range(0, len(body), 25):
            wire.send(b"%x\r\n%s\r\n" % (len(body[at:at + 25]), body[at:at + 25]))
        wire.send(b"0\r\n\r\n")
        assert wire.line().split()[1] in ("200", "401")
    browser.get("/")


@pytest.fixture(scope="module")
def own():
    with Pombal(options={"auth_failures": 1000}) as server:
        server.add_account("known@example.test", PASSWORD)
        yield server


@pytest.mark.parametrize("name", ["known@example.test", "nobody@example.test"])
@pytest.mark.parametrize("role,sign_in,port", [("smtp", smtp_plain, "submission"), ("smtp", smtp_plain, "submissions"), ("smtp", smtp_login, "submissions"),
                                               ("reader", imap, "imaps"), ("reader", pop3, "pop3s"), ("web", web, "https"), ("web", web, "http")])
def test_no_password_stays_in_memory(own, role, sign_in, port, name):
    sign_in(own, name, port)
    assert found_in_memory(own.role_of(role), words_of(PASSWORD)) == set()


def test_no_cookie_stays_in_memory():
    """Whoever reads the web role's memory is nobody of those who were there before, nor of those who have just got their cookies."""
    with Pombal() as server:
        browsers = [Browser(server, tls=tls) for tls in (True, False)]
        for browser in browsers:
            browser.sign_in("anna")
        for browser in browsers:
            assert browser.is_signed_in() and len(browser.sessions()) == 2
            browser.events().close()
            browser.get("/", Cookie=None)
        tokens = {browser.cookie.split("=")[1].encode() for browser in browsers}
        assert found_in_memory(server.role_of("web"), tokens | {token[12:] for token in tokens}) == set()


def test_the_search_finds_what_is_there(own):
    """What was not a password is found: the search itself works."""
    hello = "client-with-a-name-of-its-own.example"
    with Smtp(own.address, own.ports["smtp"], hello="EHLO " + hello):
        assert found_in_memory(own.role_of("smtp"), words_of(hello)) == {hello.encode()}
