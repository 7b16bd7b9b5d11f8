"""Signing in with a browser: sessions, what they may, what ends them, and what is told to pages that are open."""
import json
import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pombal import PASSWORDS, Pombal, wait_for
from web import Browser, wait_until_announced
from wire import Wire


def streams(server, person):
    """The connections of a person's that stay, as administrators see them."""
    return [one for one in server.json("session", "list") if one["account"] == server.name(person) and one["protocol"] == "http"]


@pytest.fixture
def person(server, token):
    """An account of the test's own."""
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


@pytest.fixture
def browser(server, person):
    own = Browser(server)
    own.sign_in(person)
    return own


@pytest.fixture
def watcher(server, browser):
    """A browser whose account has been announced to be new."""
    wait_until_announced(server)
    return browser


# ---- Signing in ----

def test_signing_in_and_out(server, person):
    browser = Browser(server)
    assert browser.get("/session").status == 401
    answer = browser.sign_in(person)
    assert answer.json() == {"account": server.name(person)}
    cookie = answer.headers["Set-Cookie"]
    assert re.fullmatch(r"__Host-pombal=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000; Secure", cookie), cookie
    assert answer.headers["Cache-Control"] == "no-store"
    assert browser.get("/session").json() == {"account": server.name(person)}
    gone = browser.ask("DELETE", "/session")
    assert gone.status == 204 and gone.headers["Set-Cookie"].startswith("__Host-pombal=; ") and "Max-Age=0" in gone.headers["Set-Cookie"]
    assert browser.get("/session").status == 401
    assert "sign in again" in browser.get("/session").body.decode()


def test_without_tls_the_cookie_is_another(server, person):
    browser = Browser(server, tls=False)
    cookie = browser.sign_in(person).headers["Set-Cookie"]
    assert re.fullmatch(r"pombal=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000", cookie), cookie
    assert browser.is_signed_in()
    over = Browser(server)
    over.cookie = browser.cookie  # whoever could set it without TLS can't do so for pages over TLS
    assert not over.is_signed_in()


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"name":"x"}', b'{"password":"x"}', b'{"name":"","password":""}', b'{"name":1,"password":2}', b'{"name":["x"],"password":{}}',
    b'{"name":"x","name":"x","password":"x"}', b'{"name":"x","password":"x"} x', b'{"name":"\\u0000","password":"x"}', b'{"name":"\xff","password":"x"}', b"[" * 4096,
    b'{"a":' * 800, b"\0"])
def test_what_makes_no_sense_is_refused(server, body):
    assert Browser(server).ask("POST", "/session", body, Content_Type="application/json").status == 400


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""])
def test_forms_of_other_sites_are_no_json(server, kind):
    browser = Browser(server)
    body = json.dumps({"name": "anna@example.test", "password": PASSWORDS["anna"]})
    assert browser.ask("POST", "/session", body, Content_Type=kind).status == 415
    assert browser.ask("POST", "/session", body, Content_Type="Application/JSON; charset=utf-8").status == 200


def test_wrong_passwords(server, person):
    browser = Browser(server)
    wrong = browser.sign_in(person, "wrong", 401)
    unknown = browser.sign_in("nobody-" + person, "wrong", 401)
    assert wrong.body == unknown.body and wrong.headers["Set-Cookie"] is unknown.headers["Set-Cookie"] is None
    server.wait_log(rf"event=sign_in\.failed .*service=http .*{person}|event=sign_in\.failed .*{person}.*service=http")


def test_a_sign_in_makes_a_new_session(server, person):
    """Whatever cookie somebody has put into the browser before (session fixation)."""
    browser = Browser(server)
    browser.cookie = "__Host-pombal=" + "x" * 43
    browser.sign_in(person)
    first = browser.cookie
    assert first != "__Host-pombal=" + "x" * 43
    browser.sign_in(person)
    assert browser.cookie != first
    browser.cookie = "__Host-pombal=" + "x" * 43
    assert not browser.is_signed_in()


@pytest.mark.parametrize("fields", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": None}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
    {"Origin": "http://evil.example", "Sec_Fetch_Site": None}])
def test_another_site_can_do_nothing(server, browser, person, fields):
    if fields == {"Origin": None}:
        fields = {"Origin": None, "Sec_Fetch_Site": None}
    fresh = Browser(server)
    fresh.sign_in(person, status=403, fields=fields)
    assert browser.ask("DELETE", "/session", **fields).status == 403
    assert browser.ask("DELETE", "/sessions/all", **fields).status == 403
    assert browser.is_signed_in()


def test_tokens_are_not_guessed(server, browser):
    name, _, token = browser.cookie.partition("=")
    for wrong in (token[:-1], token + "x", token.swapcase(), "x" * 43, "", "%00" * 10, token[:-1] + "=", "' OR 1=1 --", "x" * 4000):
        browser.cookie = f"{name}={wrong}"
        assert not browser.is_signed_in()
    browser.cookie = f"{name}={token}"
    assert browser.is_signed_in()
    assert token not in server.log()
    assert token.encode() not in (server.data / "directory/directory.db").read_bytes()


# ---- Several accounts in one browser ----

@pytest.fixture
def second(server, token):
    PASSWORDS[f"{token}-2"] = f"Wort-{token}"
    server.add_account(server.name(f"{token}-2"), PASSWORDS[f"{token}-2"])
    return f"{token}-2"


def accounts(browser):
    answer = browser.get("/accounts", Sec_Fetch_Site="same-origin")
    assert answer.status == 200, answer.body
    return [(one["account"], one["at"]) for one in answer.json()["accounts"]]


def beside(browser, account):
    """Signs in to one more; what stands before its paths."""
    own = browser.cookie
    answer = browser.sign_in(account, beside=True)
    browser.cookie = "; ".join(filter(None, [own, browser.cookie]))
    return answer.json()["at"]


def test_nobody_is_told_so(server):
    browser = Browser(server)
    assert accounts(browser) == []
    browser.cookie = "__Host-pombal=" + "x" * 43
    gone = browser.get("/accounts", Sec_Fetch_Site="same-origin")
    assert gone.json() == {"accounts": []} and gone.headers["Set-Cookie"].startswith("__Host-pombal=; ")


@pytest.mark.parametrize("fields", [{}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "none"}, {"Origin": "https://evil.example"}])
def test_another_site_does_not_learn_who_is_signed_in(browser, fields):
    assert browser.get("/accounts", **fields).status == 403


def test_two_accounts_side_by_side(server, browser, person, second):
    at = beside(browser, second)
    assert re.fullmatch(r"/~[0-9a-f]{16}", at)
    assert accounts(browser) == [(server.name(person), ""), (server.name(second), at)]
    assert browser.get("/session").json() == {"account": server.name(person)} and browser.get(at + "/session").json() == {"account": server.name(second)}
    assert browser.get(at + "/.well-known/jmap").json()["username"] == server.name(second)
    own, other = browser.get("/.well-known/jmap").json()["accounts"], browser.get(at + "/.well-known/jmap").json()["accounts"]
    assert not own.keys() & other.keys()
    assert [one["current"] for one in browser.get(at + "/sessions").json()["sessions"]] == [True]
    # One ends without the other.
    gone = browser.ask("DELETE", at + "/session")
    assert gone.status == 204 and re.match(r"__Host-pombal-[0-9a-f]{16}=; .*Max-Age=0", gone.headers["Set-Cookie"])
    assert browser.get(at + "/session").status == 401 and browser.is_signed_in()
    assert accounts(browser) == [(server.name(person), "")]


def test_the_cookie_of_a_seat(server, second):
    browser = Browser(server)
    cookie = browser.sign_in(second, beside=True).headers["Set-Cookie"]
    assert re.fullmatch(r"__Host-pombal-[0-9a-f]{16}=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000; Secure", cookie), cookie
    assert not browser.is_signed_in()  # it stands for its own seat alone


def test_one_account_is_never_answered_with_anothers_session(server, browser, person, second):
    """Whatever cookie stands where: the seat that was asked for is its account's alone."""
    token = browser.cookie.partition("=")[2]
    at = Browser(server).sign_in(second, beside=True).json()["at"]
    browser.cookie = f"__Host-pombal{at[1:].replace('~', '-')}={token}"
    for path in ("/session", "/sessions", "/.well-known/jmap", "/jmap/session", "/app-passwords"):
        assert browser.get(at + path).status == 401, path
    assert browser.ask("POST", at + "/jmap/api", {"using": [], "methodCalls": []}).status == 401
    assert browser.ask("DELETE", at + "/session").status == 401
    assert accounts(browser) == []


def test_as_many_accounts_as_may_be(server, person):
    browser = Browser(server)
    browser.cookie = "; ".join(f"__Host-pombal-{n:016x}={'x' * 43}" for n in range(8))
    browser.sign_in(person, beside=True, status=409)
    assert accounts(browser) == []  # they are over: the browser is told to forget them
    browser.cookie = None
    browser.sign_in(person, beside=True)


def test_wrong_passwords_beside_others(browser, person):
    answer = browser.sign_in(person, "wrong", 401, beside=True)
    assert answer.headers["Set-Cookie"] is None
    assert browser.is_signed_in()


def test_files_have_one_address(server, browser, second):
    at = beside(browser, second)
    for path in ("/", "/robots.txt", "/accounts", "/.well-known/oauth-authorization-server", "/oauth/authorize"):
        assert browser.get(at + path, Sec_Fetch_Site="same-origin").status == 404, path


# ---- The list ----

AGENTS = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": "Firefox on Linux",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0": "Edge on Windows",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36": "Chrome on Android",
    "curl/8.0": "curl",
    "<script>alert(1)</script>": "a browser",
}


def test_devices_are_named(server, person):
    browser = Browser(server)
    browser.sign_in(person, device="Mein Telefon ☎")
    for agent, name in AGENTS.items():
        Browser(server, agent=agent).sign_in(person)
    found = browser.sessions()
    assert {one["device"] for one in found} == {"Mein Telefon ☎", *AGENTS.values()}
    assert [one for one in found if one["current"]] == [one for one in found if one["device"] == "Mein Telefon ☎"]
    for one in found:
        assert one["address"].startswith("127.") and abs(one["created"] - time.time()) < 60 and one["used"] == one["created"]


@pytest.mark.parametrize("device", ["a\nb", "a\rb", "\t", "\x1b[2J", "\x7f", "x" * 101, "ä" * 51, "", 5, None, ["x"]])
def test_what_is_no_name_of_a_device_is_passed_over(server, person, device):
    browser = Browser(server, agent="curl/8")
    browser.sign_in(person, device=device)
    assert [one["device"] for one in browser.sessions()] == ["curl"]


def test_one_is_ended_and_all_are(server, person):
    browsers = [Browser(server) for _ in range(4)]
    for number, browser in enumerate(browsers):
        browser.sign_in(person, device=f"number {number}")
    first, second, third, fourth = browsers
    ids = {one["device"]: one["id"] for one in first.sessions()}
    ended = first.ask("DELETE", "/sessions/" + ids["number 1"])
    assert ended.status == 204 and ended.headers["Set-Cookie"] is None
    assert not second.is_signed_in() and third.is_signed_in()
    assert first.ask("DELETE", "/sessions/" + ids["number 1"]).status == 404
    own = fourth.ask("DELETE", "/sessions/" + ids["number 3"])
    assert own.status == 204 and "Max-Age=0" in own.headers["Set-Cookie"]
    assert not fourth.is_signed_in()
    assert first.ask("DELETE", "/sessions/all").status == 204
    assert not first.is_signed_in() and not third.is_signed_in()


@pytest.mark.parametrize("number", ["", "x", "0", "-1", "all/", "ALL", "00000000000000", "zzzzzzzzzzzzzzzzzzz", "all%00", "%61ll%2f", "1%27"])
def test_what_is_no_session_is_not_ended(server, browser, number):
    assert browser.ask("DELETE", "/sessions/" + number).status in (400, 404)
    assert browser.is_signed_in()


def test_nobody_ends_anothers(server, browser):
    other = Browser(server)
    other.sign_in("anna")
    theirs = [one["id"] for one in other.sessions() if one["current"]][0]
    assert browser.ask("DELETE", "/sessions/" + theirs).status == 404
    assert other.is_signed_in()


def test_a_hundred_sessions_are_kept(server, person):
    first = Browser(server)
    first.sign_in(person)
    for _ in range(100):
        latest = Browser(server)
        latest.sign_in(person)
    assert len(latest.sessions()) == 100
    assert not first.is_signed_in()


def test_sessions_rest_for_a_while_only():
    with Pombal(options={"web_session": 300}) as own:
        browser = Browser(own)
        assert "Max-Age=300;" in browser.sign_in().headers["Set-Cookie"]
        assert browser.is_signed_in()
        own.stop()
        own.run("account", "list")
        import sqlite3
        with sqlite3.connect(own.data / "directory/directory.db") as database:
            database.execute("UPDATE web_session SET used = used - 301")
        own.start()
        assert not browser.is_signed_in()
        browser.sign_in()
        own.stop()
        own.start()
        assert browser.is_signed_in()  # after a restart


# ---- What ends them ----

ENDS = {
    "a new password": lambda server, name: server.run("account", "password", name, "--password-stdin", stdin="another-long-word\n"),
    "disabling": lambda server, name: server.run("account", "set", name, "--disabled"),
    "removal": lambda server, name: server.run("account", "remove", name),
}


@pytest.mark.parametrize("way", ENDS)
def test_sessions_end_with_what_they_rest_on(server, watcher, person, way):
    events, websocket = watcher.events(), watcher.websocket()
    other = Browser(server)
    other.sign_in("anna")
    others = other.events()
    ENDS[way](server, server.name(person))
    assert events.is_ended()
    assert websocket.close_code() in (1001, None)
    assert not watcher.is_signed_in()
    websocket.stop()
    server.deliver(b"Subject: x\r\n\r\nx\r\n", "anna")
    assert others.next() == ("mail", "{}")  # nobody else's has ended
    others.close()


def test_ending_one_ends_its_streams(server, watcher, person):
    one, two = Browser(server), Browser(server)
    one.cookie = watcher.cookie
    two.sign_in(person)
    events, websocket = one.events(), one.websocket()
    current = [session["id"] for session in one.sessions() if session["current"]][0]
    assert two.ask("DELETE", "/sessions/" + current).status == 204
    assert events.is_ended()
    assert websocket.close_code() in (1001, None)
    websocket.stop()
    assert not one.is_signed_in() and two.is_signed_in()


def test_signing_out_ends_streams(server, watcher):
    events = watcher.events()
    assert watcher.ask("DELETE", "/session").status == 204
    assert events.is_ended()


def test_what_ends_while_the_auth_role_is_away():
    with Pombal() as own:
        own.expected_noise.append("event=role.ended")
        one, other = Browser(own), Browser(own)
        one.sign_in("anna")
        other.sign_in("boris")
        events, others = one.events(), other.events()
        os.kill(own.role_of("auth"), signal.SIGKILL)
        own.run("session", "end", next(session["id"] for session in own.json("session", "list", own.name("anna")) if session["protocol"] == "web"))
        assert events.is_ended()
        while others.next():  # who can't tell any more whether it stands ends, too, and comes again
            pass
        wait_for(lambda: other.get("/session").status == 200, "the auth role to be back")
        others = other.events()
        own.deliver(b"Subject: x\r\n\r\nx\r\n", "boris")
        assert others.next() == ("mail", "{}")
        others.close()
        assert not one.is_signed_in()


def test_administrators_see_and_end_streams(server, watcher, person):
    events = watcher.events()
    websocket = watcher.websocket()
    name = server.name(person)
    found = wait_for(lambda: (lambda own: len(own) == 2 and own)(streams(server, person)), "both in the list")
    assert {one["protocol"] for one in found} == {"http"} and {one["doing"] for one in found} == {"/events", "/socket"}, found
    server.run("session", "end", name)
    assert events.is_ended()
    assert websocket.close_code() in (1001, None)
    websocket.stop()
    wait_for(lambda: not streams(server, person), "none in the list")
    assert not watcher.is_signed_in()


def test_administrators_see_and_end_browsers(server, watcher, person):
    """Whether a page is open or not; one of several by its number."""
    other = Browser(server, agent="curl/8")
    other.sign_in(person)
    found = [one for one in server.json("session", "list", server.name(person)) if one["protocol"] == "web"]
    assert len(found) == 2 and {one["client"] for one in found} == {"curl", "a browser"}
    assert {one["id"] for one in found} == {one["id"] for one in watcher.sessions()}
    events = other.events()
    server.run("session", "end", next(one["id"] for one in found if one["client"] == "curl"))
    assert events.is_ended()
    assert not other.is_signed_in() and watcher.is_signed_in()


def test_what_was_refused_is_nobodys_connection(server, watcher, person):
    """A WebSocket that doesn't come about leaves a connection behind that is like any other."""
    browser, connection = watcher, watcher.connect()
    connection.request("GET", "/socket", headers=browser.fields("POST"))
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 426
    assert not streams(server, person)
    connection.request("GET", "/session", headers=browser.fields("GET"))
    assert connection.getresponse().status == 200
    connection.close()


# ---- Throttling ----

def test_guessing_is_held_back():
    with Pombal(options={"auth_failures": 3, "auth_delay_max": 2}) as own:
        browser = Browser(own)
        began = time.monotonic()
        for _ in range(5):
            browser.sign_in("anna", "wrong", 401)
        assert time.monotonic() - began > 2
        with ThreadPoolExecutor(20) as pool:
            found = {pool.submit(lambda: Browser(own).ask("POST", "/session", {"name": "anna@example.test", "password": "wrong"}).status).result() for _ in range(3)}
        assert found <= {401, 429}
        Browser(own).sign_in("boris")


def test_guessing_over_imap_counts_for_http_too():
    with Pombal(options={"auth_failures": 3, "auth_delay_max": 3}) as own:
        for _ in range(5):
            with pytest.raises(Exception):
                own.imap("anna", "wrong")
        began = time.monotonic()
        Browser(own).sign_in("anna", "wrong", 401)
        assert time.monotonic() - began > 1


# ---- News ----

def test_news_of_a_letter(server, watcher, person):
    events, websocket = watcher.events(), watcher.websocket()
    server.deliver(b"Subject: news\r\n\r\nx\r\n", person)
    assert events.next() == ("mail", "{}")
    assert json.loads(websocket.next()) == {"event": "mail"}
    events.close()
    websocket.close()
    wait_for(lambda: not streams(server, person), "both to be gone")


def test_nobody_hears_of_anothers_mail(server, watcher):
    other = Browser(server)
    other.sign_in("boris")
    events = other.events()
    wire, _ = raw_websocket(watcher)
    server.deliver(b"Subject: x\r\n\r\nx\r\n", "boris")
    assert events.next() == ("mail", "{}")
    wire.send(frame(9, b"x"))
    assert take_frame(wire) == (0x8a, b"x")  # what was to be said before would have come before
    wire.close()
    events.close()


def test_changes_over_imap_are_told(server, watcher, person):
    events = watcher.events()
    with server.imap(person) as imap:
        imap.append("INBOX", None, None, b"Subject: x\r\n\r\nx\r\n")
        assert events.next() == ("mail", "{}")
    events.close()


def test_streams_need_a_session(server):
    stranger = Browser(server)
    assert stranger.get("/events").status == 401
    assert stranger.get("/socket", Upgrade="websocket", Connection="Upgrade", Origin=stranger.origin).status == 401
    stranger.cookie = "__Host-pombal=" + "x" * 43
    assert stranger.get("/events").status == 401


# ---- WebSocket ----

def raw_websocket(browser, **more):
    """A WebSocket by hand, behind its handshake."""
    wire = Wire(browser.server.address, browser.port, tls=browser.tls)
    fields = {"Host": browser.authority, "Origin": browser.origin, "Cookie": browser.cookie, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **more}
    wire.send("GET /socket HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n")
    status = wire.line()
    while wire.line():
        pass
    return wire, int(status.split()[1])


def frame(opcode, payload=b"", last=True, masked=True):
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big") if len(payload) < 65536 else b"\x7f" + len(payload).to_bytes(8, "big")
    head = bytes([opcode | 0x80 * last, length[0] | 0x80 * masked]) + length[1:]
    mask = b"\1\2\3\4"
    return head + (mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if masked else payload)


def take_frame(wire):
    first, length = wire.read(2)
    return first, wire.read(length)


def test_pings_are_answered(server, watcher):
    websocket = watcher.websocket()
    websocket.ping(b"are you there")
    websocket.close()
    wire, status = raw_websocket(watcher)
    assert status == 101
    wire.send(frame(9, b"x" * 125) + frame(10) + frame(9))
    assert take_frame(wire) == (0x8a, b"x" * 125)
    assert take_frame(wire) == (0x8a, b"")
    for byte in frame(9, b"in pieces"):
        wire.send(bytes([byte]))
    assert take_frame(wire) == (0x8a, b"in pieces")
    wire.send(frame(8, (1000).to_bytes(2, "big") + b"bye"))
    assert take_frame(wire) == (0x88, (1000).to_bytes(2, "big"))
    assert wire.rest() == b""
    wire.close()


BROKEN = {
    "not masked": (frame(1, b"x", masked=False), 1002),
    "reserved bits": (b"\xf1\x80\1\2\3\4", 1002),
    "an unknown opcode": (frame(3, b"x"), 1002),
    "an unknown control": (frame(11), 1002),
    "a ping in parts": (frame(9, b"x", last=False), 1002),
    "a large ping": (frame(9, b"x" * 126), 1002),
    "what continues nothing": (frame(0, b"x"), 1002),
    "a message within another": (frame(1, b"x", last=False) + frame(1, b"x"), 1002),
    "half a code": (frame(8, b"x"), 1002),
    "binary": (frame(2, b"x"), 1003),
    "no UTF-8": (frame(1, b"\xff"), 1007),
    "no UTF-8 in parts": (frame(1, b"\xc3", last=False) + frame(0, b"x"), 1007),
    "a large frame": (b"\x81\xff" + (256 * 1024 + 1).to_bytes(8, "big") + b"\1\2\3\4", 1009),
    "a gigantic frame": (b"\x81\xff" + b"\xff" * 8 + b"\1\2\3\4", 1009),
    "a large message": (frame(1, b"x" * 65000, last=False) + frame(0, b"x" * 65000, last=False) * 4, 1009),
    "what nobody wants to hear": (frame(1, b"hello"), 1008),
    "in parts": (frame(1, b"hel", last=False) + frame(9) + frame(0, b"lo"), 1008),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_websockets_are_closed(server, watcher, name):
    sent, code = BROKEN[name]
    wire, _ = raw_websocket(watcher)
    try:
        wire.send(sent)
        wire.send(frame(9, b"never answered") * 10)
    except OSError:
        pass
    found = take_frame(wire)
    while found[0] == 0x8a:
        found = take_frame(wire)
    assert found == (0x88, code.to_bytes(2, "big"))
    assert wire.rest() == b""
    wire.close()


@pytest.mark.parametrize("fields", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_site_opens_no_websocket(server, watcher, fields):
    assert raw_websocket(watcher, **fields)[1] == 403


@pytest.mark.parametrize("fields", [{"Sec-WebSocket-Key": "short"}, {"Sec-WebSocket-Version": "8"}, {"Upgrade": "h2c"}, {"Connection": "close"}])
def test_what_is_no_websocket(server, watcher, fields):
    assert raw_websocket(watcher, **fields)[1] == 426


def test_who_does_not_read_is_let_go(server, watcher, person):
    """Pings without end from a client that takes no answer: his connection ends, and nobody else's."""
    wire, _ = raw_websocket(watcher)
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.socket.settimeout(1)
    other = watcher.events()
    pings = frame(9, b"x" * 125) * 5000
    with pytest.raises(OSError):  # full, or hung up
        for _ in range(1000):
            wire.socket.sendall(pings)
    wait_for(lambda: len(streams(server, person)) == 1, "the silent one to be gone", 120, pause=0.5)
    server.deliver(b"Subject: x\r\n\r\nx\r\n", person)
    assert other.next() == ("mail", "{}")
    other.close()
    wire.close()
