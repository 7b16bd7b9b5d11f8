"""quarantine_digest: once a day each person hears of what came for him and was set apart, in his language, and never of a virus."""
import email
import email.policy
import re
import smtplib
import sqlite3

import pytest

import letters
from pombal import Pombal

LOUD = ("Content-Type: text/html\r\n\r\n<form><a href=\"http://bank.example@192.0.2.7/\">bank.example</a></form>\r\n")


@pytest.fixture
def own(names):
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "spam_quarantine": "4", "attachment_quarantine": ["iso"]}
    with Pombal("digest.example", options=options, accounts=("anna", "boris")) as server:
        yield server


def spam(server, subject, *to):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail("x@nothing.example", list(to), f"From: \"service@bank.example\" <x@nothing.example>\r\nSubject: {subject}\r\n{LOUD}".encode())


def digests(server, account, count):
    found = [email.message_from_bytes(one, policy=email.policy.default) for one in server.wait_mail("", account=account, count=count, header="Auto-Submitted")]
    return found


def begin(server):
    """A time of the day that is over at any time of it."""
    server.configure(quarantine_digest="00:00")
    server.reload()
    server.submit(letters.simple("poke", server.name("boris"), server.name("anna")), server.name("boris"))


def test_each_person_gets_one_letter(own, token):
    own.run("alias", "add", "sales@digest.example", "anna@digest.example", "boris@digest.example")
    own.run("alias", "add", "away@digest.example", "someone@elsewhere.example")
    own.run("account", "set", "boris@digest.example", "--language", "ru")
    hostile = f"=?utf-8?q?B_U_Y__N_O_W=0D=0AX-Evil:_yes?= see http://evil.example/ {token}"
    spam(own, hostile, "anna@digest.example")
    spam(own, f"second {token}", "sales@digest.example", "anna@digest.example", "away@digest.example")
    begin(own)
    anna, = digests(own, "anna", 1)
    assert anna["Subject"].endswith("quarantine: 2") or anna["Subject"].endswith("quarantine: 3")
    text = anna.get_content()
    ids = [one["id"] for one in own.json("quarantine", "list")]
    assert all(number in text for number in ids) and f"second {token}" in text and "Points: " in text and "service@bank.example" in text
    assert "://" not in text and "\nX-Evil" not in text and "postmaster@digest.example" in text and "pombal quarantine release ID" in text and "after 30 days" in text
    assert anna["From"].addresses[0].username == "MAILER-DAEMON" and anna["Return-Path"] == "<>"
    boris, = digests(own, "boris", 1)
    assert "карантине: 1" in boris["Subject"] and "Тема: second" in boris.get_content() and re.search("Причина: [а-яА-Я]", boris.get_content())
    assert len(own.wait_log(r"event=quarantine\.told.*(?:\n.*)*event=quarantine\.told").group(0)) > 0
    # Nobody hears twice, nor a second time a day; nor after a restart.
    spam(own, f"third {token}", "anna@digest.example")
    own.stop()
    own.start()
    own.submit(letters.simple("after", own.name("boris"), own.name("anna")), own.name("boris"))
    own.wait_mail("after", account="boris")
    assert len(digests(own, "anna", 1)) == 1
    # The next day.
    own.stop()
    with sqlite3.connect(own.data / "queue" / "queue.db") as db:
        db.execute("UPDATE recipient SET told = told - 86400 WHERE told > 0")
    db.close()
    own.start()
    again = digests(own, "anna", 2)
    assert any(f"third {token}" in one.get_content() and one["Subject"].endswith(": 1") for one in again)


def test_who_may_release_his_own_is_told_how(own, token):
    own.run("alias", "add", "sales@digest.example", "anna@digest.example", "boris@digest.example")
    own.run("account", "set", "boris@digest.example", "--language", "pt")
    own.configure(quarantine_release="own")
    spam(own, f"mine {token}", "anna@digest.example")
    spam(own, f"ours {token}", "sales@digest.example")
    begin(own)
    anna, = digests(own, "anna", 1)
    mine, ours = re.search(rf"mine {token}.*", anna.get_content(), re.S)[0].split("Subject: ours")
    assert "Only the postmaster" not in mine and "Only the postmaster can let this one through." in ours
    assert "let it through yourself" in ours and "only the postmaster lets through. If you want one of them, write to postmaster@digest.example" in ours
    boris, = digests(own, "boris", 1)
    assert "Só o postmaster pode deixar passar esta." in boris.get_content() and "Se quiser alguma, escreva para postmaster@digest.example" in boris.get_content()


def test_of_a_virus_nobody_is_told(own, token):
    spam(own, f"bad {token}", "anna@digest.example")
    own.stop()
    with sqlite3.connect(own.data / "queue" / "queue.db") as db:
        db.execute("UPDATE message SET findings = findings || 'VIRUS_FOUND 0.00 clamd: Eicar' || char(10)")
    db.close()
    own.start()
    spam(own, f"only spam {token}", "boris@digest.example")
    begin(own)
    boris, = digests(own, "boris", 1)
    assert f"only spam {token}" in boris.get_content()
    own.wait_mail("poke", account="boris")
    assert own.count_mail("", account="anna", header="Auto-Submitted") == 0
