"""Milters: OpenDKIM and spamass-milter as Debian ships them, one of the tests' own that does whatever a milter may do, and false ones."""
import email
import json
import smtplib
import struct

import dkim
import pytest

from engines import FakeEngine, Spamd
from milters import FalseMilter, Opendkim, SpamassMilter, dkim_key
from pombal import Pombal, wait_for

@pytest.fixture(scope="module")
def options(names):
    return {"sender_checks": True, "spam_checks": False, "unknown_sender_domain": "off", "resolver": names.resolver, "trust_anchors": ["none"]}


@pytest.fixture(scope="module")
def milter():
    with FalseMilter() as shared:
        yield shared


@pytest.fixture(scope="module")
def filtered(milter, options):
    with Pombal("judge.example", options={**options, "engines": [f"milter {milter.place} timeout=10s down=defer"]}) as server:
        yield server


def letter(subject, token, body=b"Hello.\r\n", more=""):
    return (f"From: Ann <ann@good.example>\r\nTo: anna@judge.example\r\nX-Twice: one\r\nX-Gone: yes\r\nX-Twice: two\r\nSubject: {subject} {token}\r\n{more}\r\n").encode() + body


def send(server, message, *recipients):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example", timeout=120) as session:
        session.sendmail("ann@good.example", [server.name(name) for name in recipients or ("anna",)], message)


def refused(server, message, *recipients):
    with pytest.raises(smtplib.SMTPResponseException) as refusal:
        send(server, message, *recipients)
    return refusal.value.smtp_code, refusal.value.smtp_error.decode()


def arrived(server, token, account="anna"):
    return server.wait_mail(token, account)[0]


def test_it_is_told_what_a_milter_is_told(filtered, milter, token):
    send(filtered, letter("Hi", token, more="X-Folded: a\r\n\tb\r\n"), "anna", "boris")
    arrived(filtered, token)
    line = next(line for line in milter.told().splitlines() if token in line)
    told = line.split(" | ")
    assert told[0].startswith("connect [127.0.0.1] 127.0.0.1 j=") and told[1] == "helo client.example"
    assert told[2:5] == ["mail <ann@good.example> i=True", "rcpt <anna@judge.example>", "rcpt <boris@judge.example>"]
    assert told[5].startswith("header From:") and "header X-Folded:'a\\n\\tb'" in told and not any("Received" in part for part in told)
    assert told[-1] == "body 8"


def test_fields_are_added_changed_and_removed(filtered, token):
    send(filtered, letter("do-fields", token))
    message = email.message_from_bytes(arrived(filtered, token))
    names = [name for name, _ in message.items()]
    assert message["X-Filter-First"] == "at the front\r\n of all" and names.index("X-Filter-First") == names.index("Received") + 1
    assert message["X-Filter-Last"] == "at the end" and message.get_all("X-Twice") == ["one", "changed"] and "X-Gone" not in message
    assert len(message.get_all("Received")) == 1
    results = message.get_all("Authentication-Results")
    assert len(results) == 2 and results[1] == "filter.example; spf=pass" and results[0].startswith("mail.judge.example;")
    assert message["X-Scanned"] == "milter=changed"
    filtered.wait_log("5 changes, 2 left out")


def test_the_body_is_replaced(filtered, token):
    send(filtered, letter("do-body", token, b"Hello.\r\n" * 30000))
    text = arrived(filtered, token)
    header, _, body = text.partition(b"\r\n\r\n")
    assert body == b"Good bye.\r\n" * 30000 + b"-- \r\nfiltered\r\n" and b"\r\nX-Filter-Saw: 240000" in header


def test_the_envelope_is_changed(filtered, token):
    send(filtered, letter("do-envelope", token), "anna", "boris")
    assert arrived(filtered, token).startswith(b"Return-Path: <other@good.example>\r\n")
    filtered.wait_queue_empty()
    assert filtered.count_mail(token, "boris") == 0


@pytest.mark.parametrize("subject, code, words", (("do-reject", 550, "a filter of this server refuses the message"), ("do-reply", 550, "the filter dislikes 100% of it"),
                                                  ("do-tempfail", 451, "a filter of this server can't take")))
def test_a_refusal_has_its_words(filtered, token, subject, code, words):
    said, text = refused(filtered, letter(subject, token))
    assert said == code and words in text


@pytest.mark.parametrize("subject, rule", (("do-quarantine", "MILTER_QUARANTINES"), ("do-discard", "MILTER_DISCARDS"), ("do-empty", "MILTER_CHANGES")))
def test_what_it_wants_away_is_held(filtered, token, subject, rule):
    send(filtered, letter(subject, token))
    held = wait_for(lambda: [entry for entry in filtered.queue() if token in json.dumps(entry) or rule in json.dumps(entry)], f"a held message with {rule}")
    assert held and filtered.count_mail(token) == 0


def test_progress_is_waited_for(filtered, token):
    send(filtered, letter("do-slow", token))
    assert b"\r\nX-Filter-Slow: yes\r\n" in arrived(filtered, token)


def test_each_sees_what_the_one_before_has_made(milter, options, token):
    engines = [f"milter {milter.place} name=first", f"milter {milter.place} name=second"]
    with Pombal("judge.example", options={**options, "engines": engines}) as server:
        send(server, letter("do-body", token))
        body = arrived(server, token).partition(b"\r\n\r\n")[2]
        assert body == b"Good bye.\r\n-- \r\nfiltered\r\n-- \r\nfiltered\r\n"


def test_who_is_added_could_have_been_written_to(filtered, token):
    send(filtered, letter("do-archive", token))
    arrived(filtered, token)
    arrived(filtered, token, "boris")
    for other in ("nobody-at-all@judge.example", "someone@elsewhere.example"):
        filtered.wait_log(f'message.recipient_not_added.*{other}')


def test_who_is_added_has_his_thresholds_as_well(milter, options, token):
    """He has no say in whether it is taken: what he would have refused is set apart for him."""
    options = {**options, "spam_checks": True, "spam_points": ["MISSING_DATE 1.5"], "engines": [f"milter {milter.place} timeout=10s down=defer"]}
    with Pombal("judge.example", options=options) as own:
        own.run("account", "set", own.name("boris"), "--spam-reject", "2")
        send(own, letter("do-archive", token))
        own.wait_log(r"event=message\.set_apart .*account=boris@judge\.example")
        arrived(own, token)
        assert [one["recipients"] for one in own.json("quarantine", "list")] == [["boris@judge.example"]] and own.count_mail(token, "boris") == 0


def test_check_asks_them(milter, options):
    engines = [f"milter {milter.place}", "milter 127.0.0.1:1 name=gone"]
    with Pombal("judge.example", start=False, options={**options, "engines": engines}) as server:
        said = server.run("check", "--no-dns", status=None).stdout
        assert f"milter at {milter.place} answers: clean" in said and "gone at 127.0.0.1:1: connecting: Connection refused" in said


def test_opendkim_verifies_what_was_signed(options, token):
    key = dkim_key()
    with Opendkim() as opendkim:
        opendkim.stop()
        (opendkim.folder / "keys").write_text(f"sel._domainkey.good.example v=DKIM1; k=rsa; p={key[1]}\n")
        opendkim.start()
        with Pombal("judge.example", options={**options, "engines": [f"milter {opendkim.place} down=defer"]}) as server:
            plain = letter("signed", token)
            signature = dkim.sign(plain, b"sel", b"good.example", key[0])
            send(server, signature + plain)
            results = email.message_from_bytes(arrived(server, token)).get_all("Authentication-Results")
            ours = [" ".join(result.split()) for result in results if result.startswith("filter.example")]
            assert len(ours) == 1 and "dkim=pass" in ours[0] and "header.d=good.example" in ours[0]
            send(server, signature + plain.replace(b"Hello", b"Hallo").replace(token.encode(), token.encode() + b"x"))
            results = email.message_from_bytes(arrived(server, token + "x")).get_all("Authentication-Results")
            assert "dkim=fail" in next(result for result in results if result.startswith("filter.example"))


def test_spamass_milter_writes_what_spamd_says(options, token):
    with Spamd() as spamd, SpamassMilter(spamd) as spamass:
        with Pombal("judge.example", options={**options, "engines": [f"milter {spamass.place} down=defer timeout=60s"]}) as server:
            send(server, letter("cheap pills", token))
            header = arrived(server, token).partition(b"\r\n\r\n")[0].decode()
            assert "X-Scanned: milter=changed" in header


# ---- False ones ----


def packet(connection):
    return take(connection, struct.unpack(">I", take(connection, 4))[0])


def take(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def say(connection, command, data=b""):
    connection.sendall(struct.pack(">I", len(data) + 1) + command + data)


def negotiate(connection):
    assert packet(connection).startswith(b"O\0\0\0\6")
    say(connection, b"O", struct.pack(">III", 6, 0x1ff, 0x27f))
    while packet(connection)[:1] != b"E":
        pass


def hangs(connection, _):
    negotiate(connection)
    connection.recv(1)


def dies(connection, _):
    negotiate(connection)
    say(connection, b"h", b"X-Half\0done\0")


def rubbish(connection, _):
    connection.sendall(b"220 mail.example ESMTP\r\n" * 100)
    connection.recv(1)


def never_ends(connection, _):
    negotiate(connection)
    while True:
        say(connection, b"p")
        say(connection, b"h", b"X-More\0and more\0")


@pytest.mark.parametrize("serve, words", ((hangs, "hasn't answered in time"), (dies, "closed the connection"), (rubbish, "doesn't answer like a milter"),
                                          (never_ends, "wants too much changed")))
def test_one_that_fails_is_dealt_with_as_configured(options, token, serve, words):
    with FakeEngine(serve) as fake:
        engines = [f"milter {fake.place} timeout=2s down=tag name=odd"]
        with Pombal("judge.example", options={**options, "engines": engines}) as server:
            send(server, letter("Hi", token))
            header = arrived(server, token).partition(b"\r\n\r\n")[0]
            assert b"X-Half" not in header and b"X-More" not in header and b"X-Scanned: odd=" in header
            server.wait_log(words)
            server.configure(engines=[f"milter {fake.place} timeout=2s down=defer name=odd"])
            server.reload()
            code, text = refused(server, letter("Hi", token))
            assert code == 451 and "try again later" in text
