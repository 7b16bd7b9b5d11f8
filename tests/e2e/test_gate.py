"""Who is let in before the text: lists of who is allowed and denied, by the server, a domain and an address; and who is told to come again."""
import base64
import os
import smtplib
import socket
import sqlite3

import pytest

import letters
from pombal import Pombal, tls_context, wait_for

PROGRAM = "MIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=x.exe\r\nContent-Disposition: attachment; filename=x.exe\r\n"


def field(value):
    """A value in MaxMind's format."""
    if isinstance(value, str):
        return bytes([0x40 | len(value)]) + value.encode()
    if isinstance(value, dict):
        return bytes([0xe0 | len(value)]) + b"".join(field(name) + field(content) for name, content in value.items())
    if isinstance(value, list):
        return bytes([len(value), 4]) + b"".join(map(field, value))
    return bytes([0xc4]) + value.to_bytes(4, "big")


def country_file(path, address, code):
    """A file that knows the country of one address."""
    bits = [int.from_bytes(socket.inet_aton(address), "big") >> (31 - i) & 1 for i in range(32)]
    tree = b""
    for i, bit in enumerate(bits):
        further = i + 1 if i < 31 else len(bits) + 16
        sides = [len(bits), len(bits)]
        sides[bit] = further
        tree += b"".join(side.to_bytes(3, "big") for side in sides)
    number = lambda value: bytes([0xa2]) + value.to_bytes(2, "big")
    metadata = {"node_count": 32, "database_type": "Test", "languages": ["en"], "description": {"en": "x"}}
    more = {"record_size": 24, "ip_version": 4, "binary_format_major_version": 2, "binary_format_minor_version": 0}
    written = bytes([0xe0 | (len(metadata) + len(more) + 1)]) + field(metadata)[1:] + b"".join(field(name) + number(value) for name, value in more.items())
    written += field("build_epoch") + bytes([1, 2, 1])
    path.write_bytes(tree + bytes(16) + field({"country": {"iso_code": code}}) + b"\xab\xcd\xefMaxMind.com" + written)


@pytest.fixture(scope="module")
def zone(names):
    names.set(**{
        "sender.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', "MX 10 mx.sender.example."],
        "forged.example": ['TXT "v=spf1 ip4:192.0.2.1 -all"'], "nothing.example": ["A 127.0.0.9"],
        "88.0.0.127.in-addr.arpa": ["PTR mx.sender.example."], "mx.sender.example": ["A 127.0.0.88"],
        "2.0.0.127.bad.list": ["A 127.0.0.2"], "82.0.0.127.bad.list": ["A 127.0.0.2"],
    })
    return names


def options(zone, **more):
    return {"sender_checks": True, "resolver": zone.resolver, "trust_anchors": ["none"], "unknown_helo": "off", "client_without_name": "off", "unknown_sender_domain": "off", **more}


@pytest.fixture(scope="module")
def gate(zone, tmp_path_factory):
    path = tmp_path_factory.mktemp("countries") / "country.mmdb"
    country_file(path, "127.0.0.83", "XX")
    with Pombal("gate.example", accounts=("anna", "boris"), options=options(
            zone, dns_lists=["bad.list 20 do=reject"], country_file=str(path),
            access_deny=["127.0.0.81", "127.0.1.0/24", "spam.example", "country=XX"], access_allow=["sender.example", "127.0.1.7", "forged.example"],
            access_for=["anna@gate.example allow=spam.example deny=127.0.0.84", "gate.example deny=nothing.example"])) as own:
        yield own


def letter(token, sender, more="", body="Hello.\r\n"):
    return f"From: {sender}\r\nTo: anna@gate.example\r\nSubject: {token}\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{token}@other.example>\r\n{more}\r\n{body}".encode()


def send(server, token, client, sender="ann@other.example", to="anna", **more):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example", source_address=(client, 0)) as session:
        session.sendmail(sender, [server.name(to)], letter(token, sender, **more))


def refusal(server, client, sender="ann@other.example", to="anna"):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(server, letters.token(), client, sender, to)
    return refused.value.recipients[server.name(to)]


def test_points_refuse_at_rcpt_unless_the_recipient_wants_more(zone, token):
    with Pombal("mild.example", accounts=("anna", "boris"), options=options(zone, dns_lists=["bad.list 20"])) as own:
        own.run("account", "set", own.name("boris"), "--spam-reject", "off")
        with smtplib.SMTP(own.address, own.ports["smtp"], local_hostname="client.example", source_address=("127.0.0.82", 0)) as session:
            refused = session.sendmail("ann@other.example", [own.name("anna"), own.name("boris"), "anna+x@mild.example"], letter(token, "ann@other.example"))
        assert set(refused) == {own.name("anna"), "anna+x@mild.example"} and all(code == 550 and b"say too much against you" in said for code, said in refused.values())
        own.wait_mail(token, account="boris", mailbox="Junk")


def test_who_is_denied_is_refused_at_rcpt(gate):
    offset = gate.log_size()
    assert refusal(gate, "127.0.0.81") == (550, b"5.7.1 mail from 127.0.0.81 is not taken here")
    assert refusal(gate, "127.0.1.20") == (550, b"5.7.1 mail from 127.0.1.0/24 is not taken here")
    assert refusal(gate, "127.0.0.80", "ann@sub.spam.example", "boris") == (550, b"5.7.1 mail from spam.example is not taken here")
    assert refusal(gate, "127.0.0.83") == (550, b"5.7.1 mail from country=XX is not taken here")
    gate.wait_log(r'event=recipient\.refused.* reason="550 5\.7\.1 mail from country=XX is not taken here"', offset)


def test_what_a_domain_and_an_address_deny(gate, token):
    assert refusal(gate, "127.0.0.84") == (550, b"5.7.1 mail from 127.0.0.84 is not taken by anna@gate.example")
    assert refusal(gate, "127.0.0.80", "ann@nothing.example", "boris") == (550, b"5.7.1 mail from nothing.example is not taken by gate.example")
    send(gate, token, "127.0.0.84", to="boris")
    gate.wait_mail(token, "boris")


def test_postmaster_hears_everybody(gate, token):
    with smtplib.SMTP(gate.address, gate.ports["smtp"], local_hostname="client.example", source_address=("127.0.0.81", 0)) as session:
        session.sendmail("ann@spam.example", ["postmaster@gate.example"], letter(token, "ann@spam.example"))


def test_who_is_allowed_passes_lists_and_score(gate, token):
    """… by his address, or by a name that SPF proves; whoever only says that name is refused when the text has come."""
    assert refusal(gate, "127.0.0.82") == (550, b"5.7.1 127.0.0.82 is listed by bad.list")
    send(gate, token, "127.0.1.7", body=letters.GTUBE + "\r\n")
    send(gate, token, "127.0.0.82", "ann@sender.example", body=letters.GTUBE + "\r\n")
    assert len(gate.wait_mail(token, count=2)) == 2
    assert "ALLOWED 0.00 127.0.1.7" in gate.log() and "ALLOWED 0.00 sender.example" in gate.log()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(gate, token, "127.0.0.82", "ann@forged.example")
    assert refused.value.smtp_error == b"5.7.1 127.0.0.82 is listed by bad.list"


def test_who_is_allowed_passes_no_check_of_attachments(gate, token):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(gate, token, "127.0.1.7", more=PROGRAM, body="MZ\r\n")
    assert refused.value.smtp_code == 550


def test_who_comes_again_is_let_in(zone, token):
    with Pombal("gate.example", options=options(zone, greylist="suspicious", greylist_delay="3s")) as own:
        send(own, letters.token(), "127.0.0.88", "ann@sender.example")  # nothing is suspicious of him
        code, text = refusal(own, "127.0.0.85", "ann@nothing.example")
        assert code == 451 and text.startswith(b"4.7.1 come again in ") and b"(PTR)" in text
        assert refusal(own, "127.0.0.86", "bob@nothing.example")[0] == 451

        def let_in():
            try:
                send(own, token, "127.0.0.86", "ann@nothing.example")  # the same network
                return True
            except smtplib.SMTPRecipientsRefused as refused:
                assert refused.recipients[own.name("anna")][0] == 451
                return False
        wait_for(let_in, "being let in", pause=0.5)
        own.wait_mail(token)
        send(own, token, "127.0.0.85", "bob@nothing.example")  # who is known waits no more
        own.wait_mail(token, count=2)
        assert refusal(own, "127.0.0.85", "ann@else.example")[0] == 451
        own.stop()
        kept = (own.data / "policy" / "greylist").read_text()
        assert "127.0.0.0/24 nothing.example " in kept and "127.0.0.0/24 sender.example " in kept and kept.count("known") == 2
        own.start()
        send(own, token, "127.0.0.87", "ann@nothing.example")
        own.wait_mail(token, count=3)


def submit(server, client, count, token):
    """Anna writes to so many people elsewhere, from that address."""
    words = base64.b64encode(f"\0{server.name('anna')}\0{server.password('anna')}".encode()).decode()
    with smtplib.SMTP_SSL(server.address, server.ports["submissions"], local_hostname="client.example", context=tls_context(), source_address=(client, 0)) as session:
        session.ehlo()
        assert session.docmd("AUTH", "PLAIN " + words)[0] == 235
        session.sendmail(server.name("anna"), [f"{token}{number}@far.example" for number in range(count)], letter(token, server.name("anna")))


def test_a_newer_file_of_countries_counts(zone, tmp_path, token):
    """It is put into the place of the one that was there, as those do who renew it; and an account's countries belong to its habit."""
    path = tmp_path / "country.mmdb"
    tmp_path.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    country_file(path, "127.0.0.83", "XX")
    with Pombal("gate.example", accounts=("anna",), options=options(zone, country_file=str(path), access_deny=["country=YY"], submission_habit=10, submission_rate=1000, submission_rate_day=1000)) as own:
        submit(own, "127.0.0.83", 10, token)
        send(own, f"{token}-first", "127.0.0.85")
        offset = own.log_size()
        country_file(tmp_path / "newer", "127.0.0.85", "YY")
        os.replace(tmp_path / "newer", path)
        own.wait_log(r"event=countries\.changed", offset)
        own.wait_log(r"event=role\.ready name=policy", offset)
        assert refusal(own, "127.0.0.85") == (550, b"5.7.1 mail from country=YY is not taken here")
        with sqlite3.connect(own.data / "queue/queue.db", timeout=30) as db:  # eight days pass
            seen = db.execute("SELECT kind, what FROM habit_seen").fetchall()
            assert (3, "XX") in seen, seen
            db.execute("UPDATE habit_seen SET first = first - 8, last = last - 8")
            db.execute("UPDATE habit SET day = day - 8")
            for day in range(1, 8):
                db.execute("INSERT INTO habit (account, day, recipients, held, strangers) SELECT account, day + ?, 10, 0, 0 FROM habit WHERE day = (SELECT MIN(day) FROM habit)", (day,))
        submit(own, "127.0.0.85", 51, f"{token}b")
        held = own.json("queue", "list", "--account", own.name("anna"), "--held")
        assert [one["held_for"] for one in held] == ["51 recipients in a day, where from a country that is new for it 50 are expected"]
