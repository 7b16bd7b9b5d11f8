"""Who stands at the door: lists in the DNS are asked and believed only while they answer as they should, and what is wrong with a client's names is
written down, counted, or a reason to refuse."""
import os
import signal
import smtplib
import socket
import subprocess

import pytest

from pombal import Pombal
from wire import Smtp

LISTS = ["bad.list 4 do=reject answers=127.0.0.2-127.0.0.9", "count.list 1.5 answers=127.0.0.x&6,127.0.0.x&8:2", "good.list -2", "liar.list 4 do=reject",
         "closed.list 4 do=reject", "domains.list 3 kind=sender,links,helo"]


def address_list(zone, **more):
    """The records of a list that answers as RFC 5782 wants it."""
    return {f"2.0.0.127.{zone}": ["A 127.0.0.2"], **{f"{name}.{zone}": records for name, records in more.items()}}


@pytest.fixture(scope="module")
def zone(names):
    names.set(**{
        **address_list("bad.list", **{"66.0.0.127": ["A 127.0.0.4", 'TXT "See https://bad.list/66"'], "67.0.0.127": ["A 127.0.1.1"]}),
        **address_list("count.list", **{"66.0.0.127": ["A 127.0.0.12"], "67.0.0.127": ["A 127.0.0.12"]}),
        **address_list("good.list", **{"68.0.0.127": ["A 127.0.3.1"]}),
        "*.liar.list": ["A 127.0.0.2"],
        "*.closed.list": ["A 127.255.255.254"],
        "test.domains.list": ["A 127.0.0.2"], "spam.example.domains.list": ["A 127.0.0.2"], "shop.example.domains.list": ["A 127.0.0.2"],
        "sender.example": ["MX 10 mx.sender.example."], "null.example": ["MX 0 ."], "client.example": ["A 127.0.0.66"],
    })
    return names


def options(zone, **more):
    return {"sender_checks": True, "spam_checks": False, "resolver": zone.resolver, "trust_anchors": ["none"], "dns_lists": LISTS, **more}


@pytest.fixture(scope="module")
def door(zone):
    with Pombal("door.example", options=options(zone)) as own:
        yield own


def send(server, token, client="127.0.0.70", sender="ann@sender.example", helo="client.example", body="Hello.\r\n"):
    letter = f"From: {sender}\r\nTo: anna@door.example\r\nSubject: {token}\r\n\r\n{body}".encode()
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname=helo, source_address=(client, 0)) as session:
        session.sendmail(sender, [server.name("anna")], letter)


def findings(server, offset):
    return server.wait_log(r'event=message\.judged.* findings=(.*)', offset).group(1)


def test_who_is_listed_is_refused(door, token):
    """… before the text, but by postmaster and abuse."""
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(door, token, "127.0.0.66")
    answer = b"5.7.1 127.0.0.66 is listed by bad.list: See https://bad.list/66"
    assert refused.value.recipients == {door.name("anna"): (550, answer)}
    door.wait_log(r'event=recipient\.refused.* reason="550 5\.7\.1 127\.0\.0\.66 is listed by bad\.list')
    with smtplib.SMTP(door.address, door.ports["smtp"], local_hostname="client.example", source_address=("127.0.0.66", 0)) as session:
        session.ehlo()
        session.mail("ann@sender.example")
        assert session.rcpt("<abuse@door.example>")[0] == 550 and session.rcpt("<anna@elsewhere.example>")[0] == 550
        assert session.rcpt("<nobody@door.example>") == (550, answer)  # who is refused doesn't hear whom there is
        assert session.rcpt("<postmaster>")[0] == 250
        assert session.data(f"From: ann@sender.example\r\nSubject: {token}\r\n\r\nUnlist me.\r\n")[0] == 250


def test_commands_behind_one_that_waits(door, token):
    """RCPT by the dozen in one packet: each gets its own answer, in order."""
    with socket.create_connection((door.address, door.ports["smtp"]), source_address=("127.0.0.66", 0)) as client:
        stream = client.makefile("rwb")
        stream.readline()
        stream.write(b"HELO client.example\r\n")
        stream.flush()
        stream.readline()
        who = ["anna", "postmaster", "boris", "nobody", "postmaster", "anna"]
        stream.write(b"MAIL FROM:<ann@sender.example>\r\n" + b"".join(f"RCPT TO:<{one}@door.example>\r\n".encode() for one in who) + b"DATA\r\n")
        stream.flush()
        assert [stream.readline()[:3] for _ in range(8)] == [b"250", b"550", b"250", b"550", b"550", b"250", b"550", b"354"]
        stream.write(f"Subject: {token}\r\n\r\nHello.\r\n.\r\nQUIT\r\n".encode())
        stream.flush()
        assert stream.readline()[:3] == b"250"


def test_the_end_of_who_answers_at_the_gate(zone, token):
    """Its recipient is taken: the text is judged later. Nobody else waits."""
    with Pombal("door.example", options=options(zone)) as own:
        own.expected_noise.append(r"event=role\.ended name=policy")
        pid = own.role_of("policy")
        os.kill(pid, signal.SIGSTOP)
        with Smtp(own.address, own.ports["smtp"]) as session:
            session.expect("MAIL FROM:<ann@sender.example>", 250)
            session.send(f"RCPT TO:<{own.name('anna')}>\r\n")
            with Smtp(own.address, own.ports["smtp"]) as other:
                other.expect("NOOP", 250)
            os.kill(pid, signal.SIGKILL)
            assert session.reply().startswith("250")


def test_answers_count(door, token):
    offset = door.log_size()
    send(door, token, "127.0.0.67")
    found = findings(door, offset)
    assert "LISTED_ADDRESS 3.50 127.0.0.67 by count.list (127.0.0.12)" in found and "bad.list" not in found
    door.wait_mail(token)


def test_a_list_that_lies_is_not_believed(door, token):
    send(door, token)
    door.wait_mail(token)
    assert "lists what no list may list" in door.wait_log(r"event=dns_list\.off.* zone=liar\.list.*").group(0)
    assert "through this resolver" in door.wait_log(r"event=dns_list\.off.* zone=closed\.list.*").group(0)
    told = door.run("check", "--dns", status=None).stdout
    assert "the list liar.list is not believed: it lists what no list may list" in told
    assert "the list closed.list is not believed" in told and "bad.list" not in told


def test_good_lists_and_domains(door, token):
    offset = door.log_size()
    send(door, token, "127.0.0.68", "ann@spam.example", body="See http://www.shop.example/x and https://fine.example.\r\n")
    found = findings(door, offset)
    assert "LISTED_GOOD -2.00 127.0.0.68 by good.list" in found
    assert "LISTED_SENDER 3.00 spam.example by domains.list" in found and "LISTED_LINK 3.00 shop.example by domains.list" in found
    door.wait_mail(token)


@pytest.mark.parametrize("helo, sender, rules", (
    ("client.example", "ann@sender.example", ("CLIENT_NO_NAME 1.00",)), ("nowhere.example", "ann@nowhere.example", ("HELO_UNKNOWN 0.50", "SENDER_UNKNOWN 2.00")),
    ("client", "ann@null.example", ("HELO_SHORT 0.50", "SENDER_UNKNOWN 2.00")), ("[127.0.0.70]", "ann@short", ("SENDER_SHORT 2.00",))))
def test_names_are_looked_at(door, token, helo, sender, rules):
    offset = door.log_size()
    send(door, token, helo=helo, sender=sender)
    found = findings(door, offset)
    assert all(rule in found for rule in rules), found
    assert "HELO" in found or not any("HELO" in rule for rule in rules)
    door.wait_mail(token)


def test_names_are_refused_and_permitted(zone, token):
    own_lists = ["good.list -2 do=permit"]
    with Pombal("door.example", options=options(zone, dns_lists=own_lists, unknown_sender_domain="reject", client_without_name="off")) as own:
        told = subprocess.run(["swaks", "--server", own.address, "--port", str(own.ports["smtp"]), "--helo", "client.example", "--from", "ann@nowhere.example", "--to",
                               own.name("anna"), "--local-interface", "127.0.0.70"], stdout=subprocess.PIPE, text=True, timeout=60)
        assert "550 5.7.1 the sender's domain takes no mail: nowhere.example" in told.stdout
        send(own, token, "127.0.0.68", "ann@nowhere.example")
        own.wait_mail(token)
