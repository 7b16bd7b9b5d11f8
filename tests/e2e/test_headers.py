"""Headers as they come: not ended, named otherwise, forged. What we let through is read the same by a parser that we did not write."""
import email
import email.policy
import email.utils
import itertools
import random
import re
import subprocess

import pytest

import letters
import mbsync
from peers import ScriptedServer
from pombal import PASSWORDS, Pombal, binary, environment, new_address, tls_context, wait_for
from wire import Smtp

# ---- A header that isn't ended ----

NOT_ENDED = (b"X-Mailer:Tiny Board Mailer\r\nFrom:%s\r\nTo:boris@example.test\r\nSubject:%s\r\nDate:Sat, 03 Nov 2026 10:00:00 +0100\r\n"
             b"Door 3 was opened at 10:00.\r\nBadge %s\r\n")


def not_ended(token, sender=b"door@remote.example"):
    return NOT_ENDED % (sender, token.encode(), token.encode())


def text_of(token):
    return b"Door 3 was opened at 10:00.\r\nBadge %s\r\n" % token.encode()


def by_smtp(server, token, tmp_path):
    with Smtp(server.address, server.ports["smtp"]) as session:
        session.envelope("door@remote.example", server.name("boris"))
        assert session.data(not_ended(token)).startswith("250")


def by_lmtp(server, token, tmp_path):
    server.deliver(not_ended(token), "boris")


def by_submission(server, token, tmp_path):
    server.submit(not_ended(token, server.name("anna").encode()), server.name("boris"))


def by_chunks(server, token, tmp_path):
    letter = not_ended(token)
    with Smtp(server.address, server.ports["smtp"]) as session:
        session.envelope("door@remote.example", server.name("boris"))
        for piece in (letter[:40], letter[40:41], letter[41:-3]):
            session.send(b"BDAT %d\r\n" % len(piece) + piece)
            assert session.reply().startswith("250")
        session.send(b"BDAT 3 LAST\r\n" + letter[-3:])
        assert session.reply().startswith("250")


def by_sendmail(server, token, tmp_path):
    subprocess.run([binary(), "sendmail", "-i", server.name("boris")], input=not_ended(token).replace(b"\r\n", b"\n"), check=True,
                   env=environment(POMBAL_DATA=str(server.data)), timeout=60)


def by_import(server, token, tmp_path):
    box = tmp_path / "in.mbox"
    box.write_bytes(b"From door@remote.example Tue Nov  3 10:00:00 2026\n" + not_ended(token).replace(b"\r\n", b"\n"))
    server.run("import", server.name("boris"), box)


@pytest.mark.parametrize("way", [by_smtp, by_lmtp, by_submission, by_chunks, by_sendmail, by_import])
def test_a_header_that_is_not_ended(server, token, tmp_path, way):
    """Everybody reads the first line that is no field, and what follows, as the text."""
    way(server, token, tmp_path)
    mailbox = "INBOX"
    if way is by_import:
        mailbox = next(name for name in ("INBOX", "in", "INBOX/in") if server.imap("boris").select(f'"{name}"')[0] == "OK" and
                       server.count_mail(token, "boris", f'"{name}"'))
    letter = server.wait_mail(token, "boris", mailbox=mailbox)[0]
    assert letters.parse(letter).get_payload().replace("\n", "\r\n").replace("\r\r", "\r") == text_of(token).decode()
    session = server.imap("boris", mailbox=mailbox)
    found = session.search(None, "BODY", f'"Badge {token}"')[1][0].split()
    assert len(found) == 1
    assert session.fetch(found[0], "(BODY.PEEK[TEXT])")[1][0][1] == text_of(token)
    assert session.search(None, "SUBJECT", f'"{token}"')[1][0].split() == found
    session.logout()


def test_a_header_that_is_not_ended_goes_on_ended(names, token):
    """The next server, which may not mend it, gets the empty line; so does mbsync, which refuses letters without one."""
    scripted = ScriptedServer(new_address(), 22525)
    names.domain("next.example", scripted.address)
    with Pombal(options={"resolver": names.resolver, "mx_port": 22525}) as own:
        own.submit(not_ended(token, own.name("anna").encode()), "door@next.example")
        letter = scripted.wait_letters()[0]["letter"]
        assert letter.endswith(b"+0100\r\n\r\n" + text_of(token)), letter
    scripted.close()
    assert not scripted.problems


def test_mbsync_takes_a_header_that_was_not_ended(server, token, tmp_path):
    PASSWORDS[token] = "a word of its own"
    server.add_account(server.name(token), PASSWORDS[token])
    with Smtp(server.address, server.ports["smtp"]) as session:
        session.envelope("door@remote.example", server.name(token))
        assert session.data(not_ended(token)).startswith("250")
    server.wait_mail(token, token)
    rc = mbsync.configuration(server, server.name(token), PASSWORDS[token], tmp_path)
    done = subprocess.run(["mbsync", "-c", rc, "-a"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, env=environment(HOME=str(tmp_path)))
    got = [path.read_bytes() for path in (tmp_path / "mail/INBOX/new").iterdir()]
    assert done.returncode == 0 and len(got) == 1, done.stdout
    assert got[0].replace(b"\r\n", b"\n").endswith(b"\n\n" + text_of(token).replace(b"\r\n", b"\n")), got[0]


# ---- Writing as another ----

OWN, OTHER = "anna@example.test", "boris@example.test"

# Bodies of a From or Sender field that somebody could read as somebody else's.
HOSTILE = [
    "{o} <{a}>", "<{a}> <{o}>", "<{o}> <{a}>", "<{a}>{o}", "<{a}>\\,<{o}>", "<@b,@x:{a}>", "<@{o},@x:{a}>", "anna(x){o}", "{a}({o})", "({o}) {a}", "{a} ({o}",
    "({o} {a})", '"{o}" <{a}>', '"{o}', '"{a}" <{o}', "{a},{o}", "{o},{a}", "{a};{o}", "{a}:{o}", "x:{a};", "x:{o};", "x:{a},{o};", "{a} {o}", "<{a}", "{a}>", "<<{o}>{a}>",
    "<{a}\r\n >,<{o}>", "{a}\r\n ,{o}", "\r\n {a}", "\r\n \r\n {a}", " \r\n {o}", "=?utf-8?q?{o}?= <{a}>", "=?utf-8?q?=3C{o}=3E?= <{a}>", "=?utf-8?q?a,{o},b?= <{a}>",
    "=?utf-8?q?<{o}>?= <{a}>", "=?utf-8?b?{o}?= <{a}>", "=?utf-8?q?x?= <{o}>", '"a\\" <{o}>, \\"b" <{a}>', '"a\\\\" <{o}>, "b" <{a}>', "a\\\" <{o}>, <{a}>", "[{o}] <{a}>",
    "{a}, [{o}]", "{a}@{o}", "anna@[{o}]", "anna@example.test.", "anna@ example . test", "anna.@example.test", '"anna"@example.test', '"an"na@example.test', "anna@example.test (a) (b)",
    "an\x00na <{a}>", "{o}\x00 <{a}>", "\x0b{o}\x0c <{a}>", "\x1c{o} <{a}>", "a\x85<{o}> <{a}>", "a\u2028<{o}> <{a}>", "a\u00a0{o} <{a}>", "Jörg <{a}>", "＜{o}＞ <{a}>", "{o}＜{a}＞",
    "Doe, Jane <{a}>", "Jane (Sales) <{a}>", "Joe Q. Public <{a}>", "Email: x <{a}>", "=?utf-8?Q?Email:_Dire=C3=A7=C3=A3o?= <{a}>", "=?utf-8?Q?Doe,_J=C3=B6rg?= <{a}>",
    "=?utf-8?Q?Jane_(Sales)?= <{a}>", "<>", "", "()", "@", "<@>", ",", ",,{a},,", "{o},", "undisclosed-recipients:;", "A" * 70000 + " <{o}>", "A" * 70000 + ", <{a}>",
    "(" * 3000 + ")" * 3000 + "<{a}>", '"' + "x" * 70000 + '" <{o}>', "%41nna@example.test", "boris%example.test@example.test", "{a}\r\n\t<{o}>", "\t{a}", "mailto:{o}", "<mailto:{a}>",
]
# Whole headers, with a place for the letter's own From.
HEADERS = [
    "From\r\n : <{o}>\r\nFrom: {a}\r\n", ": x\r\nFrom: {a}\r\n", ": x\r\nFrom: {o}\r\n", "From : {a}\r\n", "From\t: {a}\r\n", "From : {o}\r\n", " From: {o}\r\nFrom: {a}\r\n",
    "FROM: {a}\r\n", "from: {o}\r\n", "From: {a}\r\nFROM: {o}\r\n", "From: {a}\r\n \r\nFrom: {o}\r\n", "From: {a}\r\nSender: {a}\r\nSender: {o}\r\n", "Fr\x00om: {o}\r\nFrom: {a}\r\n",
    "From: {a}\r\nX\r\n y: z\r\nFrom: {o}\r\n", "From: {a}\r\n\tFrom: {o}\r\n", "From:{a}\r\nFrom{o}\r\n", ">From: {o}\r\nFrom: {a}\r\n", "From {o}\r\nFrom: {a}\r\n",
    "From {o} Mon Nov  2 10:00:00 2026\r\nFrom: {a}\r\n", "X: y\r\nFrom {o} Mon Nov  2 10:00:00 2026\r\n <{o}>\r\nFrom: {a}\r\n", "From;: {o}\r\nFrom: {a}\r\n", "Fröm: {o}\r\nFrom: {a}\r\n",
    "From: {a}\r\nReturn-Path: <{o}>\r\n", "X: a\x0bFrom: {o}\r\nFrom: {a}\r\n", "X: a\x1eFrom: {o}\r\nFrom: {a}\r\n", "X: a\u2028From: {o}\r\nFrom: {a}\r\n", "X: a\x85From: {o}\r\nFrom: {a}\r\n",
    "Subject: x\r\n\r\nFrom: {o}\r\n", "Content-Type: message/rfc822\r\n\r\nFrom: {o}\r\n", "no header\r\nFrom: {o}\r\n", "From\r\n", "From:\r\nFrom: {o}\r\n", "X:" + "y" * 2000 + "\r\nFrom: {a}\r\n",
]
PIECES = [OWN, OTHER, "<", ">", ",", ";", ":", '"', "(", ")", "\\", " ", "\r\n ", "\t", "=?utf-8?q?", "?=", "@", "Ann", "[", "]", ".", "=40", "=2C", "\r\n : ", "é", "anna", "=?utf-8?b?", "'"]


def hostile_headers():
    for form, field in itertools.product(HOSTILE, ("From", "Sender")):
        body = form.format(a=OWN, o=OTHER)
        yield f"From: {OWN}\r\nSender: {body}\r\n" if field == "Sender" else f"From: {body}\r\n"
    for form in HEADERS:
        yield form.format(a=OWN, o=OTHER)
    chance = random.Random(20261128)
    for _ in range(300):
        yield "From: " + "".join(chance.choice(PIECES) for _ in range(chance.randrange(2, 12))) + "\r\n"


def seen_authors(letter):
    """Whom Python's parsers see as the authors, whichever of its policies they follow."""
    found = set()
    message = email.message_from_bytes(letter)
    fields = [str(value) for name in ("From", "Sender") for value in message.get_all(name, [])]
    found |= {address for _, address in email.utils.getaddresses(fields)}
    for policy in (email.policy.default, email.policy.SMTP):
        message = email.message_from_bytes(letter, policy=policy)
        for name in ("From", "Sender"):
            for value in message.get_all(name, []):
                found |= {address.addr_spec for address in value.addresses}
    return found


def test_nobody_writes_as_another():
    """Some hundred hostile forms: what is taken names nobody but its writer, to Python's parsers and to ours."""
    options = {"max_errors": 100000, "max_messages_per_session": 100000}
    with Pombal(options=options) as own:
        with Smtp(own.address, own.ports["submissions"], tls=True, context=tls_context()) as session:
            assert session.login(own.name("anna"), own.password("anna")).startswith("235")
            taken = 0
            for number, header in enumerate(hostile_headers()):
                session.envelope(OWN, OTHER, mail=" SMTPUTF8 BODY=8BITMIME")
                answer = session.data(f"Subject: n{number}\r\n{header}\r\ntext\r\n".encode())
                assert re.match(r"250 |55[04] 5\.[67]\.\d |554 5\.6\.0", answer), (header[:200], answer)
                taken += answer.startswith("250")
        wait_for(lambda: not own.queue(), "the letters to be delivered", 60)
        mailbox = own.imap("boris", mailbox="INBOX")
        got = [part[1] for part in mailbox.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)]
        assert len(got) == taken > 50
        for letter in got:
            authors = {address.lower() for address in seen_authors(letter)}
            assert authors == {OWN}, (authors, letter[letter.index(b"Subject:") - 300:][:900])
        envelopes = b" ".join(part if isinstance(part, bytes) else b" ".join(part) for part in mailbox.fetch("1:*", "(ENVELOPE)")[1])
        assert b'NIL "anna" "example.test"' in envelopes and not re.search(rb'NIL "boris" "example.test"', envelopes, re.I)
        mailbox.logout()


# ---- Addresses as devices and docomo write them ----

def test_addresses_of_devices_go_in_and_out(names, token):
    scripted = ScriptedServer(new_address(), 22525)
    names.domain("docomo.example", scripted.address)
    with Pombal(options={"resolver": names.resolver, "mx_port": 22525}) as own:
        with Smtp(own.address, own.ports["smtp"]) as session:
            for number, (sender, recipient) in enumerate([
                    ("<taro..yama.@docomo.example>", f"<{own.name('anna')}>"), ("a@remote.example", own.name("anna")), ("< a@remote.example >", f"< {own.name('anna')} >"),
                    ("<cron@web_01.remote.example>", f"<{own.name('anna')}.>"), ("<a@remote.example.>", own.name("anna") + ".")]):
                session.expect(f"MAIL FROM:{sender}", 250)
                session.expect(f"RCPT TO:{recipient}", 250)
                assert session.data(letters.simple(f"{token} {number}")).startswith("250")
        got = own.wait_mail(token, count=5)
        paths = sorted(letters.parse(letter)["Return-Path"] for letter in got)
        assert paths == ['<"taro..yama."@docomo.example>', "<a@remote.example>", "<a@remote.example>", "<a@remote.example>", "<cron@web_01.remote.example>"]
        # An answer to such a letter, and one to an address in a To field.
        with Smtp(own.address, own.ports["submissions"], tls=True, context=tls_context()) as session:
            assert session.login(own.name("anna"), own.password("anna")).startswith("235")
            session.envelope(own.name("anna"), "taro..yama.@docomo.example")
            assert session.data(letters.simple(token, "taro..yama.@docomo.example", own.name("anna"))).startswith("250")
        scripted.wait_letters()
        subprocess.run([binary(), "sendmail", "-i", "-t"], check=True, env=environment(POMBAL_DATA=str(own.data)), timeout=60,
                       input=f"To: Taro <taro..yama.@docomo.example>\nSubject: {token}\n\ntext\n".encode())
        scripted.wait_letters(2)
        commands = [command for session in scripted.sessions for command in session["commands"] if command.startswith("RCPT")]
        assert len(commands) == 2 and all(command.startswith('RCPT TO:<"taro..yama."@docomo.example>') for command in commands), commands
    scripted.close()
    assert not scripted.problems
