"""From how many points on mail is marked, junk, set apart or refused is for each account to say, or its domain: a message for several has one answer,
which is what all agree upon, and whoever would have had it stricter gets his will when it is delivered to him."""
import email
import re
import smtplib

import pytest

from pombal import PASSWORDS, Pombal

NAMES = ("anna", "boris", "clara")
PASSWORDS["clara"] = PASSWORDS["anna"]


@pytest.fixture(scope="module")
def server(names):
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "spam_points": ["SUBJECT_CAPITALS 6", "SPF_NONE 0"]}
    with Pombal("own.example", accounts=NAMES, options=options) as own:
        yield own


@pytest.fixture(autouse=True)
def nothing_set(server):
    yield
    everything = [word for kind in ("tag", "junk", "quarantine", "reject") for word in (f"--spam-{kind}", "")]
    server.run("domain", "set", "own.example", *everything)
    for name in NAMES:
        server.run("account", "set", server.name(name), *everything)
    for one in server.json("quarantine", "list"):
        server.run("quarantine", "remove", one["id"])
    server.wait_queue_empty()


def account(server, name, **thresholds):
    server.run("account", "set", server.name(name), *[word for kind, points in thresholds.items() for word in (f"--spam-{kind}", str(points))])


def spam(token, more=""):
    """Of some seven points."""
    return (f"From: Ann <ann@nothing.example>\r\nTo: anna@own.example\r\nSubject: BUY THIS NOW\r\nMessage-ID: <{token}@nothing.example>\r\n"
            f"Date: {email.utils.formatdate()}\r\nX-Token: {token}\r\n\r\nHello, {token}.\r\n{more}")


def send(server, token, *to, more=""):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail("x@nothing.example", [server.name(one) for one in to], spam(token, more).encode())


def is_refused(server, token, *to):
    try:
        send(server, token, *to)
    except smtplib.SMTPDataError as refused:
        assert refused.smtp_code == 550 and b"looks like spam" in refused.smtp_error
        return True
    return False


def arrived(server, token, name="anna", mailbox="INBOX"):
    return email.message_from_bytes(server.wait_mail(token, account=name, mailbox=mailbox, header="X-Token")[0])


def in_quarantine(server, token):
    return [one for one in server.json("quarantine", "list") if token in server.json("quarantine", "show", one["id"])["header"]]


def test_settings_are_shown_and_checked(server):
    account(server, "anna", tag=1.5, quarantine="off", reject=2)
    shown = server.json("account", "show", server.name("anna"))
    assert (shown["spam_tag"], shown["spam_junk"], shown["spam_quarantine"], shown["spam_reject"]) == (1.5, None, "off", 2)
    listed = server.run("account", "list").stdout
    assert "marked from 1.5 points" in listed and "nothing is set apart" in listed and "refused from 2.0 points" in listed
    server.run("domain", "set", "own.example", "--spam-quarantine", "7", "--spam-reject", "off")
    shown = server.json("domain", "show", "own.example")
    assert (shown["spam_quarantine"], shown["spam_reject"], shown["spam_tag"]) == (7, "off", None)
    assert "set apart from 7.0 points  nothing is refused by points" in server.run("domain", "list").stdout
    for kind in ("tag", "quarantine", "reject"):
        for wrong in ("0", "-1", "many", "1000"):
            assert f"--spam-{kind}: \"{wrong}\" is not a number of points" in server.run("account", "set", server.name("anna"), f"--spam-{kind}", wrong, status=1).stderr


def test_alone_everything_is_as_one_says(server, token):
    assert not is_refused(server, token, "anna")
    assert arrived(server, token, mailbox="Junk")["X-Spam-Flag"] == "YES"
    account(server, "anna", reject=2)
    assert is_refused(server, token + "r", "anna") and not is_refused(server, token + "s", "boris")
    account(server, "anna", reject="", junk="off", tag=1)
    assert not is_refused(server, token + "i", "anna")
    mail = arrived(server, token + "i")
    assert mail["X-Spam-Flag"] is None and "required=1000.0" in mail["X-Spam-Status"]
    server.wait_events(r'event=message\.judged .* action=tag .* thresholds="1\.00 off - -"')
    account(server, "anna", quarantine=6)
    assert not is_refused(server, token + "q", "anna")
    one, = in_quarantine(server, token + "q")
    server.run("quarantine", "release", one["id"])
    arrived(server, token + "q")
    assert server.count_mail(token + "q", mailbox="Junk", header="X-Token") == 0


def test_the_domains_are_inherited_and_overridden(server, token):
    server.run("domain", "set", "own.example", "--spam-reject", "3")
    account(server, "boris", reject="off")
    assert is_refused(server, token, "anna") and not is_refused(server, token + "b", "boris")
    account(server, "anna", reject=12)
    assert not is_refused(server, token + "c", "anna")


def test_the_strict_and_the_mild_in_one_transaction(server, token):
    account(server, "anna", reject=2)
    account(server, "clara", junk="off", reject="off")
    offset = server.log_size()
    assert not is_refused(server, token, "anna", "boris", "clara")
    arrived(server, token, "boris", "Junk")
    arrived(server, token, "clara")
    server.wait_events(r"event=message\.set_apart ")
    one, = in_quarantine(server, token)
    assert one["recipients"] == ["anna@own.example"] and one["sender"] == "x@nothing.example" and one["points"] > 5 and one["reason"] == "SUBJECT_CAPITALS"
    told, = server.json("explain", one["id"])
    assert told["action"] == "quarantine" and told["verdict"] == "quarantine" and told["thresholds"] == {"tag": 3, "junk": 5, "quarantine": 2, "reject": None}
    assert "SUBJECT_CAPITALS" in [rule["rule"] for rule in told["rules"]]
    assert "into quarantine" in server.run("explain", one["id"], "--language", "en").stdout
    assert "message.set_apart" in server.run("trace", one["id"]).stdout and "message.accepted" in server.run("trace", one["id"]).stdout
    assert all(server.count_mail(token, mailbox=box, header="X-Token") == 0 for box in ("INBOX", "Junk"))
    server.run("quarantine", "release", one["id"])
    mail = arrived(server, token)
    assert mail["Return-Path"] == "<x@nothing.example>" and len(mail.get_all("Return-Path")) == 1 and mail.get_payload() == f"Hello, {token}.\r\n"
    server.wait_queue_empty()
    assert server.count_mail(token, mailbox="Junk", header="X-Token") == 0 and not in_quarantine(server, token)
    assert not re.search(r"event=report\.queued", server.log(offset))


def test_all_who_refuse_refuse(server, token):
    account(server, "anna", reject=2)
    account(server, "boris", reject=6)
    assert is_refused(server, token, "anna", "boris") and not is_refused(server, token + "c", "anna", "clara")
    account(server, "clara", quarantine=4)
    assert not is_refused(server, token + "q", "anna", "clara")  # nobody is to see it: it is set apart as it came
    one, = in_quarantine(server, token + "q")
    assert sorted(one["recipients"]) == ["anna@own.example", "clara@own.example"]


def test_an_alias_for_two(server, token):
    server.run("alias", "add", "both@own.example", server.name("anna"), server.name("boris"))
    account(server, "anna", reject=2)
    assert not is_refused(server, token, "both")
    arrived(server, token, "boris", "Junk")
    one, = in_quarantine(server, token)
    assert one["recipients"] == ["anna@own.example"]
    account(server, "boris", reject=3)
    assert is_refused(server, token + "r", "both")
    # who is among the targets of the alias of his name can't be reached alone: it is junk for him
    server.run("alias", "add", server.name("anna"), server.name("anna"), server.name("clara"))
    account(server, "boris", reject="")
    offset = server.log_size()
    assert not is_refused(server, token + "n", "anna")
    arrived(server, token + "n", "anna", "Junk")
    arrived(server, token + "n", "clara", "Junk")
    server.wait_log(r"event=message\.not_set_apart .*no address leads to it alone", offset)
    server.run("alias", "remove", server.name("anna"))
    server.run("alias", "remove", "both@own.example")


def test_what_no_header_names_and_what_is_large(server, token):
    """Recipients are those of the envelope; who is named twice gets one copy."""
    account(server, "boris", quarantine=3)
    server.run("alias", "add", "second@own.example", server.name("boris"))
    assert not is_refused(server, token, "anna", "boris", "second")
    arrived(server, token, "anna", "Junk")
    one, = in_quarantine(server, token)
    send(server, token + "l", "anna", "boris+Drafts", more="A line.\r\n" * 20000)
    arrived(server, token + "l", "anna", "Junk")
    large, = in_quarantine(server, token + "l")
    assert large["recipients"] == ["boris+Drafts@own.example"]
    server.run("quarantine", "release", large["id"])
    assert arrived(server, token + "l", "boris", "Drafts").get_payload().count("A line.") == 20000
    server.run("alias", "remove", "second@own.example")


def test_no_room_in_quarantine(server, token):
    account(server, "anna", quarantine=3)
    server.configure(quarantine_messages=0)
    server.reload()
    offset = server.log_size()
    send(server, token, "anna", "clara")
    arrived(server, token, "anna", "Junk")
    server.wait_log(r"event=message\.not_set_apart .*quarantine is full", offset)
    server.configure(quarantine_messages=20000)
    server.reload()


def test_explain_for_an_account(server, tmp_path, token):
    account(server, "anna", junk=6.5, reject="off")
    assert not is_refused(server, token, "anna")
    server.wait_events(rf"event=message\.accepted .*{token}")
    told, = server.json("explain", f"<{token}@nothing.example>")
    assert told["thresholds"]["junk"] == 6.5 and told["thresholds"]["reject"] is None and told["thresholds"]["quarantine"] == 999
    account(server, "boris", reject=6)
    told, = server.json("explain", f"<{token}@nothing.example>", "--account", server.name("boris"))
    assert told["verdict"] == "reject" and "refused." in told["explanation"] and "Without SUBJECT_CAPITALS" in told["explanation"]
    assert "nobody here has the address" in server.run("explain", f"<{token}@nothing.example>", "--account", "nobody@own.example", status=1).stderr
    letter = tmp_path / "one.eml"
    letter.write_bytes(spam(token).encode())
    assert "refused" in server.run("explain", letter, "--account", server.name("boris"), "--language", "en").stdout
    assert "refused" not in server.run("explain", letter, "--language", "en").stdout.split("\n")[0]
