"""Strangers' mail is weighed as it arrives: junk goes where each recipient keeps it, what weighs more is refused, the message says why, and a
stranger can't say it in our place."""
import email
import smtplib

import pytest

import letters
from pombal import PASSWORDS, Pombal

# By form alone 5 to 15 points.
JUNK = ("From: \"service@bank.example\" <x@nothing.example>\r\nSubject: B U Y   N O W !!!\r\nContent-Type: text/html\r\n\r\n"
        "<form><a href=\"http://bank.example@192.0.2.7/\">bank.example</a></form>\r\n")


@pytest.fixture(scope="module")
def server(names):
    names.set(**{"good.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', 'A 127.0.0.1']})
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"]}
    with Pombal("junk.example", options=options) as own:
        yield own


def send(server, message, sender="x@nothing.example", to="anna"):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail(sender, [server.name(to)], message.encode())


def good(token, more=""):
    return (f"{more}From: Ann <ann@good.example>\r\nTo: anna@junk.example\r\nSubject: {token}\r\nMessage-ID: <{token}@good.example>\r\n"
            f"Date: {email.utils.formatdate()}\r\n\r\nShall we meet on Tuesday?\r\n")


def junk(token):
    return f"X-Token: {token}\r\n{JUNK}{token}\r\n"


def test_good_mail_comes_into_the_inbox_and_says_what_it_weighs(server, token):
    send(server, good(token), "ann@good.example")
    mail = email.message_from_bytes(server.wait_mail(token)[0])
    assert mail["X-Spam-Status"].startswith("No, score=") and "SPF_PASS" in mail["X-Spam-Status"] and mail["X-Spam-Flag"] is None


def test_junk_goes_into_junk(server, token):
    offset = server.log_size()
    send(server, junk(token))
    mail = email.message_from_bytes(server.wait_mail(token, mailbox="Junk", header="X-Token")[0])
    assert mail["X-Spam-Flag"] == "YES" and mail["X-Spam-Status"].startswith("Yes, score=") and mail["X-Spam-Level"].startswith("*****")
    assert server.count_mail(token, header="X-Token") == 0
    server.wait_log(r"event=message\.judged.* action=junk points=\d.*LINK_WITH_USER", offset)
    assert "LINK_WITH_USER" in server.run("trace", "x@nothing.example").stdout


def test_a_stranger_cannot_say_it_in_our_place(server, token):
    send(server, good(token, "X-Spam-Status: No, score=-100\r\nX-Spam-Flag: NO\r\nx-spam-level: *\r\n"), "ann@good.example")
    mail = email.message_from_bytes(server.wait_mail(token)[0])
    assert len(mail.get_all("X-Spam-Status")) == 1 and "score=-100" not in mail["X-Spam-Status"] and mail["X-Spam-Flag"] is None


def test_what_weighs_most_is_refused(server, token):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(server, good(token) + letters.GTUBE + "\r\n", "ann@good.example")
    assert refused.value.smtp_code == 550 and b"looks like spam" in refused.value.smtp_error


def test_the_queue_keeps_what_was_found(names, token):
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "spam_quarantine": "5"}
    with Pombal("apart.example", options=options) as own:
        send(own, junk(token))
        message, = own.queue()
        assert message["held"] and not message["junk"] and "LINK_WITH_USER 1.80\n" in message["findings"]
        shown = own.run("queue", "show", message["id"]).stdout
        assert "    LINK_WITH_USER 1.80\n" in shown
        own.run("queue", "release", message["id"])  # somebody has looked at it
        own.wait_mail(token, header="X-Token")


def test_each_account_has_its_own_threshold(names, token):
    """Its own counts more than its domain's, and that more than the server's; one may want nothing in Junk."""
    PASSWORDS["clara"] = PASSWORDS["anna"]
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"]}
    with Pombal("each.example", accounts=("anna", "boris", "clara"), options=options) as own:
        own.run("account", "set", own.name("boris"), "--spam-junk", "14.9")
        own.run("account", "set", own.name("clara"), "--spam-junk", "off")
        assert own.json("account", "show", own.name("boris"))["spam_junk"] == 14.9 and own.json("account", "show", own.name("clara"))["spam_junk"] == "off"
        assert "nothing is junk" in own.run("account", "list").stdout
        with smtplib.SMTP(own.address, own.ports["smtp"], local_hostname="client.example") as session:
            session.sendmail("x@nothing.example", [own.name(account) for account in ("anna", "boris", "clara")], junk(token).encode())
        own.wait_mail(token, mailbox="Junk", header="X-Token")
        own.wait_mail(token, account="boris", header="X-Token")
        own.wait_mail(token, account="clara", header="X-Token")
        own.run("domain", "set", "each.example", "--spam-junk", "14.9")
        own.run("account", "set", own.name("boris"), "--spam-junk", "2")
        send(own, junk(token + "d"))
        send(own, junk(token + "d"), to="boris")
        own.wait_mail(token + "d", header="X-Token")
        own.wait_mail(token + "d", account="boris", mailbox="Junk", header="X-Token")
        own.run("account", "set", own.name("boris"), "--spam-junk", "")
        assert own.json("account", "show", own.name("boris"))["spam_junk"] is None
        for wrong in ("0", "-1", "many", "1001"):
            assert "not a number of points" in own.run("account", "set", own.name("boris"), "--spam-junk", wrong, status=1).stderr


def test_thresholds_and_the_whole_are_options(names, token):
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "spam_junk": "100", "spam_reject": "999"}
    with Pombal("mild.example", options=options) as own:
        send(own, junk(token))
        assert email.message_from_bytes(own.wait_mail(token, header="X-Token")[0])["X-Spam-Status"].startswith("No, score=")
        own.configure(spam_checks=False)
        own.reload()
        send(own, junk(token + "b"))
        assert email.message_from_bytes(own.wait_mail(token + "b", header="X-Token")[0])["X-Spam-Status"] is None
