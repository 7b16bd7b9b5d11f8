"""Scanners of others: ClamAV, SpamAssassin, rspamd and c-icap as Debian ships them, and false ones that answer whatever they please."""
import email
import smtplib

import pytest

from engines import EICAR, Cicap, Clamd, Rspamd, Spamd
from pombal import Pombal


@pytest.fixture(scope="module")
def clamd():
    with Clamd() as shared:
        yield shared


@pytest.fixture(scope="module")
def spamd():
    with Spamd() as shared:
        yield shared


@pytest.fixture(scope="module")
def rspamd():
    with Rspamd() as shared:
        yield shared


@pytest.fixture(scope="module")
def cicap():
    with Cicap() as shared:
        yield shared


def test_check_says_whether_each_answers(clamd, spamd, rspamd, cicap):
    engines = [f"clamd {clamd.place}", f"clamd {clamd.socket} name=local", f"icap {cicap.place} service=echo", f"spamd {spamd.place}", f"rspamd {rspamd.place}",
               "clamd 127.0.0.1:1 down=defer", f"icap {cicap.place} service=nothing", f"spamd {clamd.place} down=tag"]
    with Pombal("judge.example", start=False, options={"engines": engines}) as server:
        answers = [line for line in server.run("check", "--no-dns", status=1).stdout.splitlines() if " at " in line]
    assert [answer.split(",")[0] for answer in answers] == [
        f"note: clamd at {clamd.place} answers: clean", f"note: local at {clamd.socket} answers: clean", f"note: icap at {cicap.place} answers: clean",
        f"note: spamd at {spamd.place} answers: 0.00 points", f"note: rspamd at {rspamd.place} answers: 0.00 points",
        "error: clamd at 127.0.0.1:1: connecting: Connection refused; as long as it is so",
        f"warning: icap at {cicap.place}: ICAP 404 Service not found; as long as it is so",
        f"warning: spamd at {clamd.place}: it doesn't answer like spamd; as long as it is so"]
    assert answers[5].endswith("mail is deferred") and answers[6].endswith("mail is taken without it") and answers[7].endswith("mail is taken with a mark")


@pytest.mark.parametrize("entry, words", (
    ("clam 127.0.0.1:3310", '"clam" is no kind of engine'), ("clamd localhost:3310", "is neither an address with a port"),
    ("clamd 127.0.0.1:3310 timeout=1h", "timeout: \"1h\" is not a time of 1s to 10m"), ("icap 127.0.0.1:1344", "needs the path of its service"),
    ("spamd 127.0.0.1:783 down=never", "down: \"never\" is not accept, tag or defer"), ("spamd 127.0.0.1:783 slow", "\"slow\" is no setting of an engine")))
def test_a_wrong_entry_is_refused_with_its_line(entry, words):
    with Pombal("judge.example", start=False, accounts=()) as server:
        server.configure(engines=[entry])
        refused = server.run("config", status=1).stderr
        assert words in refused and "pombal.conf:" in refused


@pytest.fixture(scope="module")
def scanned(names, clamd, spamd, rspamd, cicap):
    engines = [f"clamd {clamd.socket} down=defer", f"icap {cicap.place} service=echo name=second", f"spamd {spamd.place}", f"rspamd {rspamd.place} weight=0.5"]
    with Pombal("judge.example", options={"sender_checks": True, "unknown_sender_domain": "off", "resolver": names.resolver, "trust_anchors": ["none"], "engines": engines}) as server:
        yield server


def letter(subject, body=b"Hello.\r\n", more=b""):
    return (f"From: Ann <ann@good.example>\r\nTo: anna@judge.example\r\nX-Scanned: by somebody else\r\nSubject: {subject}\r\n\r\n").encode() + more + body


def send(server, message):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example", timeout=120) as session:
        session.sendmail("ann@good.example", [server.name("anna")], message)


def test_all_are_asked_and_a_virus_is_refused(scanned, clamd, token):
    send(scanned, letter(f"cheap pills {token}", b"x" * 70 + b"\r\n" + b"Hello.\r\n" * 4000))
    fields = email.message_from_bytes(scanned.wait_mail(token, mailbox="Junk")[0]).get_all("X-Scanned")
    assert [" ".join(field.split()) for field in fields] == ["clamd=clean; second=clean; spamd=points (7.50); rspamd=points (7.75)"]
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(scanned, letter("a gift", EICAR + b"\r\n"))
    assert refused.value.smtp_code == 550 and b"5.7.1" in refused.value.smtp_error and b"Eicar-Test-Signature" in refused.value.smtp_error
    clamd.stop()
    try:
        with pytest.raises(smtplib.SMTPDataError) as deferred:
            send(scanned, letter("later"))
        assert deferred.value.smtp_code == 451 and b"can't be scanned" in deferred.value.smtp_error
    finally:
        clamd.start()
