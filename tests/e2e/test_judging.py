"""Strangers' messages are judged as they come in: what was found out stands in the message, what its author's domain wants refused is
refused, and neither a dead DNS nor the end of the role that judges loses mail."""
import email
import os
import re
import signal
import smtplib
import socket
import subprocess
import threading

import dkim
import pytest

import letters
from pombal import Pombal, new_address, wait_for
from wire import Smtp


@pytest.fixture(scope="module")
def zone(names):
    names.set(**{
        "good.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"'], "_dmarc.good.example": ['TXT "v=DMARC1; p=reject"'],
        "soft.example": ['TXT "v=spf1 ip4:192.0.2.1 ~all"'],
        "hard.example": ['TXT "v=spf1 ip4:192.0.2.1 -all"'],
        "bank.example": ['TXT "v=spf1 ip4:192.0.2.1 -all"'], "_dmarc.bank.example": ['TXT "v=DMARC1; p=reject"'],
        "care.example": ['TXT "v=spf1 -all"'], "_dmarc.care.example": ['TXT "v=DMARC1; p=quarantine"'],
    })
    return names


@pytest.fixture(scope="module")
def judge(zone):
    with Pombal("judge.example", options={"sender_checks": True, "spam_checks": False, "resolver": zone.resolver, "trust_anchors": ["none"]}) as own:
        yield own


def letter(token, domain, body="Hello.\r\n", more=""):
    return f"{more}From: Ann <ann@{domain}>\r\nTo: anna@judge.example\r\nSubject: {token}\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\n{body}".encode()


def send(server, domain, message, sender=None):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail(f"ann@{domain}" if sender is None else sender, [server.name("anna")], message)


def results(server, token, header="Subject", mailbox="INBOX"):
    """Our field of the letter that has the token in that header, which must be the first of its kind, and the letter."""
    mail = email.message_from_bytes(server.wait_mail(token, header=header, mailbox=mailbox)[0])
    found = mail.get_all("Authentication-Results")
    assert found[0].startswith("mail.judge.example;"), found
    return " ".join(found[0].split()), mail


@pytest.mark.parametrize("domain, spf, dmarc", (("good.example", "pass", "pass"), ("soft.example", "softfail", "none"), ("hard.example", "fail", "none"),
                                                ("nothing.example", "none", "none"), ("care.example", "fail", "fail")))
def test_results_stand_in_the_message(judge, token, domain, spf, dmarc):
    offset = judge.log_size()
    send(judge, domain, letter(token, domain))
    field, mail = results(judge, token, mailbox="Junk" if domain == "care.example" else "INBOX")
    assert f"spf={spf} " in field and f"smtp.mailfrom=ann@{domain}" in field and f"dmarc={dmarc} " in field and "iprev=" in field
    assert [name for name, _ in mail.items() if not name.startswith("X-Spam-")][:3] == ["Return-Path", "Authentication-Results", "Received"]
    action = "junk" if domain == "care.example" else "accept"
    judge.wait_log(rf"event=message\.judged.* action={action} points=\S+ spf={spf} dkim=none dmarc={dmarc} ", offset)
    assert f"dmarc={dmarc}" in judge.run("trace", f"ann@{domain}").stdout.replace(" ", "").replace("dmarc:", "dmarc=")


def make_key(path, bits):
    """A key and the record that goes with it."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", path], check=True, stderr=subprocess.DEVNULL)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout"], check=True, stdout=subprocess.PIPE, text=True).stdout
    text = "v=DKIM1; p=" + "".join(public.splitlines()[1:-1])
    return ['TXT ' + " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))]


@pytest.mark.parametrize("size", (100, 300_000))
def test_a_large_message_is_judged_by_its_file(judge, token, zone, size, tmp_path):
    key = tmp_path / "key.pem"
    zone.set(**{f"k{size}._domainkey.bank.example": make_key(key, 2048)})
    message = letter(token, "bank.example", "A line of the newsletter.\r\n" * (size // 27 + 1))
    signed = dkim.sign(message, f"k{size}".encode(), b"bank.example", key.read_bytes()) + message
    send(judge, "bank.example", signed, sender="bounce@soft.example")
    field, mail = results(judge, token)
    assert "dkim=pass " in field and "header.d=bank.example" in field and "dmarc=pass " in field
    assert mail.get_payload() == message.split(b"\r\n\r\n", 1)[1].decode()
    with pytest.raises(smtplib.SMTPDataError) as refused:  # what was signed was changed
        send(judge, "bank.example", signed.replace(b"newsletter", b"newsLetter"), sender="bounce@soft.example")
    assert refused.value.smtp_code == 550


def test_hostile_signatures(judge, token, zone, tmp_path):
    """What was added to a signed letter doesn't pass, nor does a key that anybody could break; what comes by the thousand costs little."""
    zone.set(**{f"{name}._domainkey.hard.example": make_key(tmp_path / name, bits) for name, bits in (("fit", 2048), ("small", 512))})
    message = letter(token, "hard.example")

    def sign(selector, **options):
        return dkim.sign(message, selector.encode(), b"hard.example", (tmp_path / selector).read_bytes(), include_headers=[b"from", b"subject"], **options)

    def signed(selector, **options):
        return sign(selector, **options) + message

    cases = {
        "as it is": (signed("fit"), "dkim=pass "),
        "a body behind l=": (signed("fit", length=True) + b"Pay to another account.\r\n", "dkim=policy "),
        "a second From": (b"From: Eve <eve@evil.example>\r\n" + signed("fit"), "dkim="),
        "a second Subject": (b"Subject: other\r\n" + signed("fit"), "dkim="),
        "a small key": (signed("small"), "dkim=policy "),
        "a thousand": (sign("fit") * 1000 + message, "dkim=pass "),
        "sixty sets": (b"".join(f"ARC-Seal: i={i}; a=rsa-sha256; d=hard.example; s=fit; cv=pass; b=AAAA\r\nARC-Message-Signature: i={i}; a=rsa-sha256; "
                                f"d=hard.example; s=fit; h=from; bh=AAAA; b=AAAA\r\nARC-Authentication-Results: i={i}; x.example; spf=pass\r\n".encode()
                                for i in range(60, 0, -1)) + message, "arc=fail "),
    }
    for number, (what, (text, wanted)) in enumerate(cases.items()):
        send(judge, "hard.example", b"X-Case: %s-%d-\r\n" % (token.encode(), number) + text)
        field, _ = results(judge, f"{token}-{number}-", header="X-Case")
        assert wanted in field, (what, field)
        assert ("dkim=pass " in field) == (what in ("as it is", "a thousand")), (what, field)
        assert field.count("dkim=") <= 9, (what, field)


def test_what_the_domain_wants_refused_is_refused(judge, token):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(judge, "soft.example", letter(token, "bank.example"))
    assert refused.value.smtp_code == 550 and refused.value.smtp_error.startswith(b"5.7.1 ") and b"bank.example" in refused.value.smtp_error
    with Smtp(judge.address, judge.ports["smtp"]) as session:  # by BDAT; and the session goes on
        for domain, code in (("bank.example", "550"), ("good.example", "250")):
            session.envelope("x@good.example", judge.name("anna"))
            text = letter(token, domain)
            session.send(b"BDAT %d LAST\r\n" % len(text) + text)
            assert session.reply().startswith(code)


@pytest.mark.parametrize("size", (50_000, 150_000, 500_000, 1_000_000))
def test_a_large_header_hides_no_author(judge, token, size):
    """The author's domain is found however much stands before it."""
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(judge, "soft.example", letter(token, "bank.example", more=("X-Padding: " + "x" * 87 + "\r\n") * (size // 100)))
    assert refused.value.smtp_code == 550 and b"bank.example" in refused.value.smtp_error


def test_forged_results_are_removed(judge, token):
    send(judge, "hard.example", letter(token, "hard.example", more="Authentication-Results: mail.judge.example; spf=pass smtp.mailfrom=hard.example\r\n"))
    field, mail = results(judge, token)
    assert "spf=fail" in field and len(mail.get_all("Authentication-Results")) == 1


def test_who_is_known_is_not_judged(judge, token):
    offset = judge.log_size()
    judge.submit(letters.simple(token, judge.name("anna"), judge.name("anna")), judge.name("anna"))
    judge.deliver(letter(token, "bank.example"), "anna")
    assert all(b"mail.judge.example;" not in mail for mail in judge.wait_mail(token, count=2))
    assert "message.judged" not in judge.log(offset)


def test_swaks(judge, token):
    told = subprocess.run(["swaks", "--server", judge.address, "--port", str(judge.ports["smtp"]), "--helo", "client.example", "--from", "ann@good.example", "--to",
                           judge.name("anna"), "--header", f"Subject: {token}"], stdout=subprocess.PIPE, text=True, timeout=60)
    assert told.returncode == 0, told.stdout
    assert "dmarc=pass" in results(judge, token)[0]


def test_a_refusal_is_an_option(zone, token):
    with Pombal("judge.example", options={"sender_checks": True, "spam_checks": False, "resolver": zone.resolver, "trust_anchors": ["none"], "dmarc_reject": False}) as own:
        send(own, "bank.example", letter(token, "bank.example"))
        assert "dmarc=fail " in results(own, token, mailbox="Junk")[0]


def test_a_dead_dns_loses_no_mail(token):
    with Pombal("judge.example", options={"sender_checks": True, "spam_checks": False, "resolver": f"{new_address()}@9", "trust_anchors": ["none"]}) as own:
        send(own, "good.example", letter(token, "good.example"))
        field, _ = results(own, token)
        assert "spf=temperror " in field and "dmarc=temperror " in field


class LateNames:
    """A DNS that answers nothing until it is told to, and then that there is no such name."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((new_address(), 0))
        self.resolver = "{}@{}".format(*self.socket.getsockname())
        self.asked, self.open = set(), threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, client = self.socket.recvfrom(4096)
            except OSError:
                return
            end = query.index(b"\0", 12) + 5
            self.asked.add(query[12:end - 5].lower())
            if self.open.is_set():
                self.socket.sendto(query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + query[12:end], client)


def test_who_waits_for_the_dns_waits_without_a_thread(token):
    """More messages than there may ever be threads are judged at the same time, and those of others meanwhile."""
    many, names = 150, LateNames()
    with Pombal("judge.example", options={"sender_checks": True, "spam_checks": False, "resolver": names.resolver, "trust_anchors": ["none"], "connections_per_address": 0}) as own:
        waiting = [Smtp(own.address, own.ports["smtp"]) for _ in range(many)]
        for number, session in enumerate(waiting):
            session.envelope(f"ann@waits{number}.example", own.name("anna"))
            session.expect("DATA", 354)
            session.send(letter(token, f"waits{number}.example") + b".\r\n")
        wait_for(lambda: sum(b"waits%d" % number in b" ".join(names.asked) for number in (0, many - 1)) == 2 and
                 len({name for name in names.asked if b"waits" in name and b"_dmarc" not in name}) == many, "all questions", 60)
        assert len(os.listdir(f"/proc/{own.role_of('policy')}/task")) < 30
        names.open.set()
        for session in waiting:
            assert session.reply().startswith("250")
            session.close()
    names.socket.close()


def hang(server):
    """Stops the role that judges in mid-work; returns its process."""
    pid = server.role_of("policy")
    os.kill(pid, signal.SIGSTOP)
    return pid


@pytest.mark.parametrize("accept", (False, True))
def test_the_end_of_the_judge(zone, token, accept):
    """Whose message was being judged is told to come again, or is taken with a mark; the next is judged by a new one."""
    with Pombal("judge.example", options={"sender_checks": True, "spam_checks": False, "resolver": zone.resolver, "trust_anchors": ["none"], "accept_unchecked": accept}) as own:
        own.expected_noise.append(r"event=role\.ended name=policy")
        pid = hang(own)
        with Smtp(own.address, own.ports["smtp"]) as session:
            session.envelope("ann@good.example", own.name("anna"))
            session.expect("DATA", 354)
            session.send(letter(token, "good.example") + b".\r\n")
            with Smtp(own.address, own.ports["smtp"]) as other:  # nobody else waits
                other.expect("NOOP", 250)
            os.kill(pid, signal.SIGKILL)
            assert session.reply().startswith("250" if accept else "451")
        if accept:
            field = email.message_from_bytes(own.wait_mail(token)[0])["Authentication-Results"]
            assert field == "mail.judge.example; none"
            assert "action=unchecked" in own.log() and "UNCHECKED" in own.run("trace", "ann@good.example").stdout
            assert "couldn't be checked" in own.run("explain", re.search(r"message\.judged id=(\S+)", own.log())[1]).stdout
        else:
            assert own.count_mail(token) == 0
        again = token + "again"

        def judged():
            try:
                send(own, "good.example", letter(again, "good.example"))
                return True
            except smtplib.SMTPDataError as refused:
                assert refused.smtp_code == 451
                return False
        wait_for(judged, "a new judge", 20)
        assert "dmarc=pass" in results(own, again)[0]
