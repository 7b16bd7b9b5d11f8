"""App passwords: a password for one program, which may do a part of what its owner may, on every protocol; and what ends them."""
import imaplib
import json
import poplib
import smtplib
import time

import pytest
import requests

from pombal import PASSWORDS, Pombal, tls_context, wait_for
from web import Browser

LETTER = b"From: a@example.test\r\nSubject: one\r\n\r\ntext\r\n"


@pytest.fixture
def person(server, token):
    """An account of the test's own."""
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


def make(server, person, allow=None, name="telephone", days=None):
    more = (["--allow", allow] if allow else []) + (["--days", str(days)] if days else [])
    made = server.json("account", "app-password", "add", server.name(person), "--name", name, *more)
    return made["id"], made["password"]


def listed(server, person):
    return server.json("account", "app-password", "list", server.name(person))


def imap(server, person, password):
    client = imaplib.IMAP4_SSL(server.address, server.ports["imaps"], ssl_context=tls_context())
    client.login(server.name(person), password)
    return client


def pop3(server, person, password):
    client = poplib.POP3_SSL(server.address, server.ports["pop3s"], context=tls_context())
    client.user(server.name(person))
    client.pass_(password)
    return client


def submission(server, person, password):
    client = smtplib.SMTP_SSL(server.address, server.ports["submissions"], context=tls_context())
    client.login(server.name(person), password)
    return client


def get(server, person, password, path="/session", method="GET", **more):
    url = f"https://{server.address}:{server.ports['https']}{path}"
    return requests.request(method, url, auth=(server.name(person), password), verify=False, timeout=30, **more)


def is_ended(client):
    try:
        client.noop()
        return False
    except (imaplib.IMAP4.abort, OSError):
        return True


def test_it_serves_on_every_protocol(server, person):
    number, password = make(server, person)
    assert len(password) == 34 and password.count("-") == 6
    imap(server, person, password).logout()
    imap(server, person, password.replace("-", " ").upper()).logout()
    imap(server, person, password.replace("-", "")).logout()
    pop3(server, person, password).quit()
    submission(server, person, password).quit()
    assert get(server, person, password).json() == {"account": server.name(person)}
    one, = listed(server, person)
    assert one["id"] == number and one["name"] == "telephone" and one["allow"] == "mail send" and one["expires"] is None
    wait_for(lambda: listed(server, person)[0]["used"], "the time of its use")
    imap(server, person, PASSWORDS[person]).logout()


def test_it_is_nobody_elses(server, person):
    _, password = make(server, person)
    with pytest.raises(imaplib.IMAP4.error):
        imap(server, "boris", password)
    assert get(server, "boris", password).status_code == 401


def test_it_is_shown_once_and_kept_nowhere(server, person):
    _, password = make(server, person)
    imap(server, person, password).logout()
    assert password not in json.dumps(listed(server, person)) and password not in server.log()
    for path in (server.data / "directory").iterdir():
        content = path.read_bytes()
        assert password.encode() not in content and password.replace("-", "").encode() not in content


def test_it_makes_nothing_more_of_itself(server, person):
    _, password = make(server, person)
    body = {"password": PASSWORDS[person], "name": "more", "allow": "mail"}
    assert get(server, person, password, "/app-passwords", "POST", json=body).status_code == 403
    assert get(server, person, password, "/app-passwords").status_code == 403
    assert get(server, person, password, "/sessions").status_code == 403
    assert get(server, person, password, "/sessions/all", "DELETE").status_code == 403
    Browser(server).sign_in(person, password, 403)
    browser = Browser(server)
    browser.sign_in(person)
    assert browser.ask("POST", "/app-passwords", {**body, "password": password}).status == 403
    assert [one["name"] for one in listed(server, person)] == ["telephone"]


def test_reading_alone(server, person, token):
    server.deliver(f"Subject: {token}\r\n\r\ntext\r\n".encode(), server.name(person))
    server.wait_mail(token, person)
    _, password = make(server, person, "mail-read")
    client = imap(server, person, password)
    with pytest.raises(imaplib.IMAP4.readonly):  # the client hears what it has got
        client.select("INBOX")
    client = imap(server, person, password)
    client.select("INBOX", readonly=True)
    assert b"text" in client.fetch("1", "(BODY[])")[1][0][1]
    refused = [client.create("More"), client.copy("1", "INBOX"), client.subscribe("INBOX"), client.delete("Trash"),
               client.rename("Trash", "Rubbish"), client.append("INBOX", "", None, LETTER), client.expunge(), client.uid("STORE", "1", "+FLAGS", "(\\Flagged)"), client.uid("MOVE", "1", "Trash")]
    assert {status for status, _ in refused} == {"NO"}, refused
    assert client.noop()[0] == "OK"
    client.close()
    client.logout()
    box = pop3(server, person, password)
    with pytest.raises(poplib.error_proto, match="only read"):
        box.dele(1)
    box.quit()
    whole = imap(server, person, PASSWORDS[person])
    whole.select("INBOX")
    assert whole.fetch("1", "(FLAGS)")[1][0].find(b"\\Seen") == -1
    whole.logout()
    with pytest.raises(smtplib.SMTPAuthenticationError, match="something else"):
        submission(server, person, password)


def test_a_literal_that_is_not_waited_for_is_no_command(server, person):
    _, password = make(server, person, "mail-read")
    client = imap(server, person, password)
    client.send(b"a APPEND INBOX {22+}\r\nb CREATE \"Smuggled\"\r\n \r\nc NOOP\r\n")
    lines = [client.readline() for _ in range(2)]
    assert lines[0].startswith(b"a NO [NOPERM]") and lines[1].startswith(b"c OK"), lines
    assert b"Smuggled" not in repr(client.list()).encode()
    client.logout()


def test_sending_alone(server, person):
    _, password = make(server, person, "send")
    submission(server, person, password).quit()
    with pytest.raises(imaplib.IMAP4.error, match="AUTHORIZATIONFAILED"):
        imap(server, person, password)
    with pytest.raises(poplib.error_proto, match="something else"):
        pop3(server, person, password)
    assert get(server, person, password, "/events").status_code == 403


def test_removing_it_ends_its_sessions_and_no_others(server, person):
    number, password = make(server, person)
    _, kept = make(server, person, name="kept")
    its, others, owners = imap(server, person, password), imap(server, person, kept), imap(server, person, PASSWORDS[person])
    box, sender = pop3(server, person, password), submission(server, person, password)
    server.run("account", "app-password", "remove", server.name(person), number)
    wait_for(lambda: is_ended(its), "the end of its session")
    with pytest.raises((poplib.error_proto, OSError, EOFError)):
        for _ in range(100):
            box.noop()
            time.sleep(0.05)
    with pytest.raises((smtplib.SMTPException, OSError)):
        for _ in range(100):
            if sender.noop()[0] == 421:
                raise smtplib.SMTPServerDisconnected
            time.sleep(0.05)
    time.sleep(0.5)
    assert not is_ended(others) and not is_ended(owners)
    with pytest.raises(imaplib.IMAP4.error):
        imap(server, person, password)
    assert get(server, person, password).status_code == 401


@pytest.mark.parametrize("way", ["password", "disabled"])
def test_what_ends_them_all(server, person, way):
    _, password = make(server, person)
    session = imap(server, person, password)
    if way == "password":
        server.run("account", "password", server.name(person), "--password-stdin", stdin="another word")
    else:
        server.run("account", "set", server.name(person), "--disabled")
        server.run("account", "set", server.name(person), "--enabled")
    wait_for(lambda: is_ended(session), "the end of the session")
    assert listed(server, person) == []
    with pytest.raises(imaplib.IMAP4.error):
        imap(server, person, password)


def test_an_account_made_anew_has_none(server, person):
    _, password = make(server, person)
    server.run("account", "remove", server.name(person), "--yes")
    server.add_account(server.name(person), PASSWORDS[person])
    with pytest.raises(imaplib.IMAP4.error):
        imap(server, person, password)


def test_it_expires(server, person):
    browser = Browser(server)
    browser.sign_in(person)
    _, password = make(server, person, days=1)
    assert abs(listed(server, person)[0]["expires"] - time.time() - 24 * 3600) < 60
    session = imap(server, person, password)
    import sqlite3
    with sqlite3.connect(server.data / "directory" / "directory.db") as db:  # a day passes
        db.execute("UPDATE credential SET expires = ? WHERE account = ?", (int(time.time()) - 1, server.name(person)))
    with pytest.raises(imaplib.IMAP4.error):
        imap(server, person, password)
    wait_for(lambda: is_ended(session), "the end of the session", 30)
    assert listed(server, person) == []


def test_their_owner_makes_and_ends_them_himself(server, person):
    browser = Browser(server)
    browser.sign_in(person)
    made = browser.ask("POST", "/app-passwords", {"password": PASSWORDS[person], "name": "Tablet – für Mail", "allow": "mail send", "days": 30})
    assert made.status == 200, made.body
    imap(server, person, made.json()["password"]).logout()
    one, = browser.get("/app-passwords").json()["appPasswords"]
    assert one["id"] == made.json()["id"] and one["name"] == "Tablet – für Mail" and one["expires"] > one["created"]
    assert browser.ask("POST", "/app-passwords", {"password": "wrong", "name": "x", "allow": "mail"}).status == 401
    for body in ({"name": "x", "allow": "mail"}, {"password": PASSWORDS[person], "name": "", "allow": "mail"}, {"password": PASSWORDS[person], "name": "x", "allow": "all"},
                 {"password": PASSWORDS[person], "name": "x\n", "allow": "mail"}, {"password": PASSWORDS[person], "name": "x", "allow": "mail", "days": -1}):
        assert browser.ask("POST", "/app-passwords", body).status == 400
    other = Browser(server)
    other.sign_in("boris")
    assert other.ask("DELETE", f"/app-passwords/{one['id']}").status == 404
    assert browser.ask("DELETE", "/app-passwords/0000000000000").status == 404
    assert browser.ask("DELETE", f"/app-passwords/{one['id']}").status == 204
    assert browser.get("/app-passwords").json()["appPasswords"] == []


def test_a_hundred_are_enough(server, person):
    for number in range(100):
        make(server, person, name=str(number))
    server.run("account", "app-password", "add", server.name(person), "--name", "more", status=1)
    server.run("account", "app-password", "remove", server.name(person), "all")
    make(server, person)


def test_guessing_is_held_back():
    with Pombal(options={"auth_failures": 3, "auth_delay_max": 2}) as own:
        make(own, "anna")
        began = time.monotonic()
        for _ in range(5):
            assert get(own, "anna", "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa").status_code in (401, 429)
        assert time.monotonic() - began > 2


def test_jmap_keeps_to_it(server, person, token):
    def call(password, method, **arguments):
        session = get(server, person, password, "/jmap/session").json()
        account = next(iter(session["accounts"]))
        capabilities = [name for name in session["capabilities"] if name.startswith("urn:ietf:params:jmap:")]
        answer = get(server, person, password, "/jmap/api", "POST", json={"using": capabilities, "methodCalls": [[method, {"accountId": account, **arguments}, "0"]]})
        name, told, _ = answer.json()["methodResponses"][0]
        return told["type"] if name == "error" else name
    _, reading = make(server, person, "mail-read")
    _, sending = make(server, person, "send", name="sending")
    assert call(reading, "Mailbox/get", ids=None) == "Mailbox/get"
    assert call(reading, "Mailbox/set", create={"a": {"name": token}}) == "accountReadOnly"
    assert call(reading, "Email/set", update={}) == "accountReadOnly"
    assert call(sending, "Mailbox/get", ids=None) == "forbidden"
    assert call(sending, "Email/query") == "forbidden"
    assert get(server, person, sending, "/jmap/download/x/y/z").status_code == 403
    assert get(server, person, reading, "/jmap/upload/x/", "POST", data=b"x").status_code == 403
