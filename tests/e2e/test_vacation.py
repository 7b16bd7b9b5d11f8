"""Who doesn't read his mail has it answered: once for each sender, and to people alone (RFC 3834, RFC 5230)."""
import email
import email.policy
import time

import pytest

import letters
from pombal import PASSWORDS, Pombal

PEOPLE = [f"p{number}" for number in range(12)]
PASSWORDS.update({name: f"{name}, a password of these tests" for name in ("carol", *PEOPLE)})


@pytest.fixture(scope="module")
def own():
    with Pombal(accounts=("anna", "boris", "carol")) as made:
        made.run("alias", "add", made.name("ania"), made.name("anna"))
        made.run("alias", "add", made.name("team"), made.name("anna"), made.name("carol"))
        made.run("account", "vacation", made.name("anna"), "--on", "--subject", "Férias até sexta", "--text", "Estou de férias.\nAté já.")
        yield made


def letter(server, token, to, sender="boris", **fields):
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()).encode()
    return more + letters.simple(token, server.name(to), server.name(sender))


def forget(server):
    """Everybody may be told anew."""
    server.run("account", "vacation", server.name("anna"), "--on")


def answers(server, account="boris"):
    client = server.imap(account, mailbox="INBOX")
    try:
        found = client.search(None, "HEADER", "Auto-Submitted", "auto-replied")[1][0].split()
        return [email.message_from_bytes(client.fetch(one, "(BODY.PEEK[])")[1][0][1], policy=email.policy.default) for one in found]
    finally:
        client.logout()


def is_answered(server, token, bytes_, *to, account="boris", sender=None, **more):
    """Sends it, and tells whether it was answered, when that is decided."""
    before, offset = len(answers(server, account)), server.log_size()
    server.submit(bytes_, *[server.name(one) for one in to], account=account, sender=sender, **more)
    server.wait_log(r"event=(vacation\.answered|vacation\.unanswered|delivery\.done)", offset)
    server.wait_queue_empty()
    return len(answers(server, account)) > before


def test_answered_once(own, token):
    forget(own)
    assert is_answered(own, token, letter(own, token, "anna"), "anna")
    answer = answers(own)[-1]
    assert answer["Subject"] == "Férias até sexta" and answer["Auto-Submitted"] == "auto-replied"
    assert answer["From"] == own.name("anna") or own.name("anna") in answer["From"]
    assert own.name("boris") in answer["To"] and answer["Return-Path"] == "<>"
    sent = email.message_from_bytes(own.wait_mail(token, "anna")[0])
    assert answer["In-Reply-To"] == sent["Message-ID"] and sent["Message-ID"] in answer["References"]
    assert answer.get_content().replace("\r\n", "\n") == "Estou de férias.\nAté já.\n"
    assert not is_answered(own, token, letter(own, token, "anna"), "anna")
    assert is_answered(own, token, letter(own, token, "anna", sender="carol"), "anna", account="carol")
    own.stop()
    own.start()
    assert not is_answered(own, token, letter(own, token, "anna"), "anna")


def test_at_an_alias_of_its_own(own, token):
    forget(own)
    assert is_answered(own, token, letter(own, token, "ania"), "ania")
    assert own.name("ania") in answers(own)[-1]["From"]
    forget(own)
    assert is_answered(own, token, letter(own, token, "anna").replace(b"anna@", b"anna+x@"), "anna+x")


@pytest.mark.parametrize("fields", [
    {"List_Id": "<x.example>"}, {"Auto_Submitted": "auto-generated"}, {"Precedence": "bulk"}, {"Precedence": "list"}, {"Precedence": "junk"},
    {"X_Auto_Response_Suppress": "All"}, {"Auto_Submitted": "auto-replied"},
], ids=str)
def test_programs_arent(own, token, fields):
    forget(own)
    assert not is_answered(own, token, letter(own, token, "anna", **fields), "anna")


def test_not_by_name(own, token):
    forget(own)
    assert not is_answered(own, token, letter(own, token, "carol"), "anna")
    assert not is_answered(own, token, letter(own, token, "team"), "team")


def test_null_and_robots(own, token):
    forget(own)
    assert not is_answered(own, token, letter(own, token, "anna"), "anna", sender="")
    for sender in ("owner-list@lists.example", "list-request@lists.example", "MAILER-DAEMON@x.example"):
        offset = own.log_size()
        own.deliver(letter(own, token, "anna"), "anna", sender=sender)
        own.wait_log(r"event=vacation\.unanswered", offset)
    assert not [one for one in own.queue() if "x.example" in str(one)]


def test_two_that_are_away_end(own, token):
    """Each hears of the other once at most, and then it is quiet."""
    forget(own)
    own.run("account", "vacation", own.name("boris"), "--on", "--text", "Away, too.")
    try:
        before = len(answers(own, "anna"))
        assert is_answered(own, token, letter(own, token, "anna"), "anna")
        time.sleep(1)
        own.wait_queue_empty()
        assert len(answers(own, "anna")) == before
    finally:
        own.run("account", "vacation", own.name("boris"), "--off")


def test_itself(own, token):
    forget(own)
    assert not is_answered(own, token, letter(own, token, "anna", sender="anna"), "anna", account="anna")


def test_times_and_off(own, token):
    try:
        own.run("account", "vacation", own.name("anna"), "--from", "2040-01-01")
        assert "on, later" in own.run("account", "vacation", own.name("anna")).stdout
        assert not is_answered(own, token, letter(own, token, "anna"), "anna")
        own.run("account", "vacation", own.name("anna"), "--from", "", "--to", "2020-01-01T00:00:00Z")
        assert "over" in own.run("account", "vacation", own.name("anna")).stdout
        assert not is_answered(own, token, letter(own, token, "anna"), "anna")
        own.run("account", "vacation", own.name("anna"), "--to", "", "--off")
        assert not is_answered(own, token, letter(own, token, "anna"), "anna")
        assert own.json("account", "vacation", own.name("anna"))["isEnabled"] is False
        own.run("account", "vacation", own.name("anna"), "--from", "yesterday", status=1)
    finally:
        own.run("account", "vacation", own.name("anna"), "--on", "--from", "", "--to", "")
    assert is_answered(own, token, letter(own, token, "anna"), "anna")


def test_nothing_said(own, token):
    own.run("account", "vacation", own.name("carol"), "--on")
    try:
        assert is_answered(own, token, letter(own, token, "carol"), "carol")
        answer = answers(own)[-1]
        assert answer["Subject"] == f"Auto: {token}" or token in answer["Subject"]
        assert "don't read my mail" in answer.get_content()
    finally:
        own.run("account", "vacation", own.name("carol"), "--off")


def test_html(own, token, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<p>Hello <b>there</b></p>")
    own.run("account", "vacation", own.name("carol"), "--on", "--html-file", page)
    try:
        assert is_answered(own, token, letter(own, token, "carol"), "carol")
        answer = answers(own)[-1]
        assert [part.get_content_type() for part in answer.walk()] == ["multipart/alternative", "text/plain", "text/html"]
        assert "Hello there" in answer.get_body(("plain",)).get_content()
    finally:
        own.run("account", "vacation", own.name("carol"), "--off")


def test_after_kills_each_is_answered_once(token):
    """Killed again and again while letters from many come: everybody hears once, and no letter is lost."""
    with Pombal(accounts=("anna", *PEOPLE)) as own:
        own.run("account", "vacation", own.name("anna"), "--on", "--text", "Away.")
        for number, name in enumerate(PEOPLE):
            own.submit(letters.simple(f"{token}-{number}", own.name("anna"), own.name(name)), own.name("anna"), account=name)
            if number % 4 == 3:
                own.kill()
                own.start()
        own.wait_queue_empty(60)
        assert own.count_mail(token, "anna") == len(PEOPLE)
        for name in PEOPLE:
            assert len(answers(own, name)) == 1, name
