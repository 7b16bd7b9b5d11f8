"""What the server writes itself is signed by the domain that it is from: reports of failure and success, and notices. dkimpy verifies them."""
import email
import email.policy
import re

import dkim
import pytest

import letters
from pombal import Pombal

DOMAIN = "author.example"


@pytest.fixture(scope="module")
def server(names):
    with Pombal(DOMAIN, options={"resolver": names.resolver, "mx_port": 22525, "submission_rate": 3, "submission_notice": "1s"}) as own:
        yield own


def must_be_signed(server, letter):
    """By both keys of the domain in its From field (DMARC's strict alignment). Gives the letter, parsed."""
    zone = server.run("domain", "dns", DOMAIN).stdout
    keys = {name: "".join(re.findall(r'"([^"]*)"', text)).encode() for name, text in re.findall(r"^(\S+\._domainkey\.\S+)\. TXT \((.*)\)$", zone, re.M)}
    assert [dkim.DKIM(letter).verify(idx=number, dnsfunc=lambda name, timeout=5: keys[name.decode().rstrip(".")]) for number in range(2)] == [True, True]
    parsed = email.message_from_bytes(letter, policy=email.policy.default)
    assert parsed["From"].addresses[0].addr_spec == f"MAILER-DAEMON@{DOMAIN}"
    assert set(re.findall(r"\bd=([^;]+);", " ".join(parsed.get_all("DKIM-Signature")))) == {DOMAIN}
    return parsed


def test_a_stranger_hears_of_a_failure(server, far, token):
    server.run("alias", "add", f"{token}@{DOMAIN}", f"nobody@{token}.example")
    server.deliver(letters.simple(token, f"{token}@{DOMAIN}", f"sender@{token}.example"), f"{token}@{DOMAIN}", sender=f"sender@{token}.example")
    report = must_be_signed(server, far.wait_letters()[0]["letter"])
    assert report.get_content_type() == "multipart/report" and report["To"].addresses[0].addr_spec == f"sender@{token}.example"


def test_one_of_ours_hears_of_success_elsewhere(server, far, token):
    """Anna's mail goes on to another server, and so do the reports to her."""
    server.run("alias", "add", f"boss-{token}@{DOMAIN}", f"boss@{token}.example")
    server.run("account", "grant", f"anna@{DOMAIN}", f"boss-{token}@{DOMAIN}")
    sender = f"boss-{token}@{DOMAIN}"
    server.submit(letters.simple(token, server.name("boris"), sender), server.name("boris"), sender=sender, rcpt_options=["NOTIFY=SUCCESS"])
    report = must_be_signed(server, far.wait_letters()[0]["letter"])
    assert report["To"].addresses[0].addr_spec == sender and "Action: delivered" in report.as_string()


def test_a_notice_that_an_alias_passes_on(server, far, token):
    """Of mail that is held; to a mailbox here and to another server."""
    thief = f"thief-{token}@{DOMAIN}"
    server.add_account(thief, "a good long password")
    server.run("alias", "add", thief, thief, f"thief@{token}.example")
    with server.submission(thief, "a good long password") as session:
        for number in range(4):
            assert session.sendmail(thief, [server.name("boris")], letters.simple(f"{token}-{number}", server.name("boris"), thief)) == {}
    notice = must_be_signed(server, far.wait_letters()[0]["letter"])
    assert notice["Auto-Submitted"] == "auto-generated" and thief in notice.get_content()


def test_a_stranger_cannot_have_his_letter_signed(server, far, token):
    """Who says that he is our MAILER-DAEMON, through an alias, with the null reverse-path, and as "the courier" in his greeting."""
    server.run("alias", "add", f"{token}@{DOMAIN}", f"friend@{token}.example")
    with server.smtp() as session:
        session.helo("the-courier")
        session.mail("")
        session.rcpt(f"{token}@{DOMAIN}")
        session.data(letters.simple(token, f"{token}@{DOMAIN}", f"MAILER-DAEMON@{DOMAIN}"))
    assert b"DKIM-Signature" not in far.wait_letters()[0]["letter"]
