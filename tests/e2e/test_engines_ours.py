"""Scanners and milters that are for mail of our own (for=ours, for=all): what people submit, what networks relay that may, and what programs of this
machine send with sendmail."""
import os
import signal
import smtplib
import threading

import dkim
import pytest

import letters
from engines import EICAR, Clamd, FakeEngine
from milters import FalseMilter, Opendkim, dkim_key
from peers import ScriptedServer
from pombal import Pombal, new_address, wait_for
from test_jmap_submission import Jmap
from test_sendmail import place, sendmail  # noqa: F401 (a fixture)

PORT = 22525


@pytest.fixture(scope="module")
def options(names):
    return {"sender_checks": True, "unknown_sender_domain": "off", "resolver": names.resolver, "trust_anchors": ["none"], "mx_port": PORT, "submission_notice": "1s"}


@pytest.fixture(scope="module")
def clamd():
    with Clamd() as shared:
        yield shared


@pytest.fixture
def far(names, token):
    """A server for TOKEN.example."""
    with ScriptedServer(new_address(), PORT) as peer:
        names.domain(f"{token}.example", peer.address)
        yield peer


def letter(server, token, to=None, body="A line.\r\n", sender=None):
    return letters.simple(token, to or server.name("boris"), sender or server.name("anna"), body=body)


def infected(server, token):
    return letter(server, token, body=EICAR.decode() + "\r\n")


def strangers(server, letter):
    with server.smtp() as session:
        session.sendmail("x@elsewhere.example", [server.name("anna")], letter)


def refusal(send, *arguments):
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        send(*arguments)
    return refused.value.smtp_code, refused.value.smtp_error.decode()


def test_a_virus_that_somebody_submits(clamd, options, token, place):  # noqa: F811
    engines = [f"clamd {clamd.place} for=ours down=defer"]
    more = {"engines": engines, "relay_networks": ["127.0.0.9/32"], "sendmail_listen": [str(place / "engines")]}
    with Pombal("judge.example", options={**options, **more}) as server:
        code, words = refusal(server.submit, infected(server, f"{token}-bad"), server.name("boris"))
        assert code == 550 and words.startswith("5.7.1 the message holds what a scanner calls Eicar-Test-Signature")
        server.submit(letter(server, f"{token}-good"), server.name("boris"))
        got = server.wait_mail(f"{token}-good", "boris")[0]
        assert b"X-Scanned" not in got  # nothing is written into it
        message = server.log().split("event=message.judged id=")[1].split()[0]
        assert "VIRUS_FOUND" in server.run("explain", message).stdout
        # A stranger's isn't shown to it; a network's that may relay is, and so is a program's of this machine.
        strangers(server, infected(server, f"{token}-strange"))
        assert b"X-Scanned" not in server.wait_mail(f"{token}-strange")[0]
        with smtplib.SMTP(server.address, server.ports["smtp"], source_address=("127.0.0.9", 0), timeout=60) as session:
            code, words = refusal(session.sendmail, "printer@judge.example", [server.name("boris")], infected(server, f"{token}-relayed"))
            assert code == 550 and "Eicar-Test-Signature" in words
        if os.geteuid() == 0:
            said = sendmail(place, "-i", server.name("boris"), letter=b"Subject: x\n\n" + EICAR + b"\n", status=1, path="engines")
            assert "Eicar-Test-Signature" in said
        clamd.stop()
        try:
            code, words = refusal(server.submit, letter(server, f"{token}-later"), server.name("boris"))
            assert code == 451 and "can't be scanned" in words
        finally:
            clamd.start()


def test_the_end_of_the_judge(options, token):
    """Where nothing may go without a scanner's word, nothing does; else it goes."""
    def hangs(connection, _):
        ended.wait(120)
    ended = threading.Event()
    with FakeEngine(hangs) as fake, Pombal("judge.example", options={**options, "engines": [f"clamd {fake.place} for=ours down=defer timeout=60"]}) as server:
        server.expected_noise.append(r"event=role\.ended name=policy")
        for number, down in enumerate(("defer", "accept")):
            if number:
                server.configure(engines=[f"clamd {fake.place} for=ours down={down} timeout=60"])
                server.reload()
            with server.submission() as session:
                session.mail(server.name("anna"))
                session.rcpt(server.name("boris"))
                assert session.docmd("DATA")[0] == 354
                session.send(letter(server, f"{token}-{down}") + b".\r\n")
                wait_for(lambda: fake.count > number, "a scanner that is asked")
                os.kill(server.role_of("policy"), signal.SIGKILL)
                code, words = session.getreply()
                assert (code, b"can't be checked" in words) == ((451, True) if down == "defer" else (250, False))
        server.wait_mail(f"{token}-accept", "boris")
        ended.set()


def test_opendkim_signs_what_is_submitted(options, token, names, far):
    private, public = dkim_key()
    with Opendkim("s", private) as opendkim:
        with Pombal("good.example", options={**options, "engines": [f"milter {opendkim.place} for=ours down=defer"]}) as server:
            server.submit(letter(server, token, f"friend@{token}.example"), f"friend@{token}.example")
            got = far.wait_letters()[0]["letter"]
            keys = {b"sel._domainkey.good.example.": f"v=DKIM1; k=rsa; p={public}".encode()}
            verdicts = [dkim.DKIM(got).verify(idx=number, dnsfunc=lambda name, timeout=5: keys.get(name)) for number, field in enumerate(got.split(b"DKIM-Signature:")[1:])
                        if b"s=sel;" in field.replace(b" ", b"")]
            assert verdicts == [True]


def test_a_milter_changes_what_is_submitted(options, token, far):
    with FalseMilter() as milter, Pombal("judge.example", options={**options, "engines": [f"milter {milter.place} for=all down=defer"]}) as server:
        server.submit(letter(server, f"do-body {token}-body"), server.name("boris"))
        header, _, body = server.wait_mail(f"{token}-body", "boris")[0].partition(b"\r\n\r\n")
        assert body == b"A line.\r\n-- \r\nfiltered\r\n" and b"X-Filter-Saw: 9" in header and b"X-Scanned" not in header
        assert any(f"{token}-body" in line and "user=anna@judge.example" in line for line in milter.told().splitlines())
        code, words = refusal(server.submit, letter(server, f"do-reply {token}"), server.name("boris"))
        assert code == 550 and "the filter dislikes 100% of it" in words
        # Whom its author could have written to may be added.
        server.submit(letter(server, f"do-copy {token}@{token}.example"), server.name("boris"))
        assert far.wait_letters()[0]["to"] == [f"TO:<{token}@{token}.example>"]
        # What is to be looked at is held, and its author hears of it.
        server.submit(letter(server, f"do-quarantine {token}-held"), server.name("boris"))
        held = server.json("queue", "list", "--account", server.name("anna"), "--held")
        assert len(held) == 1 and held[0]["held_for"]
        notice = server.wait_mail("held", "anna")[0]
        assert b"something dangerous" in notice
        server.run("queue", "release", held[0]["id"])
        server.wait_mail(f"{token}-held", "boris")
        # A stranger's is shown to it, too.
        strangers(server, letter(server, f"do-body {token}-strange", server.name("anna"), sender="x@elsewhere.example"))
        assert b"filtered" in server.wait_mail(f"{token}-strange")[0]


def test_a_milter_changes_what_is_sent_over_jmap(options, token, far):
    with FalseMilter() as milter, Pombal("judge.example", options={**options, "engines": [f"milter {milter.place} for=all down=defer"]}) as server:
        client = Jmap(server)

        def send(subject):
            email = client.email(letter(server, subject))
            create = {"identityId": client.identity(), "emailId": email, "envelope": {"mailFrom": {"email": server.name("anna")}, "rcptTo": [{"email": server.name("boris")}]}}
            return client.call("EmailSubmission/set", create={"k": create})

        assert send(f"do-body {token}-body")["created"]
        header, _, body = server.wait_mail(f"{token}-body", "boris")[0].partition(b"\r\n\r\n")
        assert body == b"A line.\r\n-- \r\nfiltered\r\n" and b"X-Filter-Saw: " in header and b"X-Scanned" not in header
        refused = send(f"do-reply {token}")["notCreated"]["k"]
        assert refused["type"] == "forbiddenToSend" and "the filter dislikes 100% of it" in refused["description"]
        made = send(f"do-copy {token}@{token}.example")["created"]["k"]
        assert far.wait_letters()[0]["to"] == [f"TO:<{token}@{token}.example>"]
        assert f"{token}@{token}.example" in made["deliveryStatus"]
        assert send(f"do-quarantine {token}-held")["created"]
        held = server.json("queue", "list", "--account", server.name("anna"), "--held")
        assert len(held) == 1 and held[0]["held_for"]
        server.run("queue", "release", held[0]["id"])
        server.wait_mail(f"{token}-held", "boris")
        large = client.email(letter(server, f"do-body {token}-large", body="A line.\r\n" * 20000))
        create = {"identityId": client.identity(), "emailId": large, "envelope": {"mailFrom": {"email": server.name("anna")}, "rcptTo": [{"email": server.name("boris")}]}}
        assert client.call("EmailSubmission/set", create={"k": create})["created"]
        assert server.wait_mail(f"{token}-large", "boris")[0].endswith(b"-- \r\nfiltered\r\n")
