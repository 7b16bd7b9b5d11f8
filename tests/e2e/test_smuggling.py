"""No byte sequence but CRLF . CRLF ends a letter, and nothing that was said in clear counts under TLS."""
import os
import re
import signal
import socket
import ssl
import time

import pytest

import letters
from pombal import tls_context
from wire import Imap, Pop3, Smtp, Wire

# What some server somewhere takes for the end of a letter.
FAKE_ENDS = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\r\n.\r\r\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n",
    b"\n\n.\n\n", b"\r\r\n.\r\r\n", b"\r\n.\r\x00\n", b"\n.\n\r\n", b"\x00\r\n.\n",
]


def evil(token, victim):
    return (b"MAIL FROM:<admin@example.test>\r\nRCPT TO:<" + victim.encode() + b">\r\nDATA\r\n"
            + letters.simple(token + " smuggled", victim, "admin@example.test") + b"\r\n.\r\n")


def after(server, token):
    """Letters with the token, once everything that was sent before has arrived."""
    end = letters.token()
    server.deliver(letters.simple(end))
    server.wait_mail(end)
    session = server.imap("anna", mailbox="INBOX")
    numbers = session.search(None, "HEADER", "Subject", f'"{token}"')[1][0].split()
    found = [session.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers]
    session.logout()
    return found


@pytest.mark.parametrize("pieces", ["whole", "split"])
@pytest.mark.parametrize("port", ["smtp", "lmtp"])
@pytest.mark.parametrize("end", FAKE_ENDS, ids=lambda end: end.hex())
def test_fake_end_of_data(server, token, end, port, pieces):
    hello = "LHLO client.example" if port == "lmtp" else "EHLO client.example"
    outer = letters.simple(token + " outer", body="text").rstrip(b"\r\n")
    stream = outer + end + evil(token, server.name("anna"))
    with Smtp(server.address, server.ports[port], hello=hello) as smtp:
        smtp.envelope("a@b.example", server.name("anna"))
        smtp.expect("DATA", 354)
        if pieces == "split":  # the packet border stands within the fake end
            cut = len(outer) + len(end) // 2
            smtp.send(stream[:cut])
            time.sleep(0.02)
            smtp.send(stream[cut:])
        else:
            smtp.send(stream)
        answer = smtp.reply()
        assert answer[:1] in "2345", answer
        try:
            smtp.send("QUIT\r\n")
            rest = smtp.rest()
        except OSError:
            rest = b""
        # One answer for the one letter, and then the end: no answer to the smuggled commands.
        assert rest == b"" or (rest.startswith((b"221", b"421")) and rest.count(b"\r\n") == 1), rest
    found = after(server, token)
    assert len(found) == (1 if answer.startswith("250") else 0), (answer, found)
    for letter in found:
        assert letters.parse(letter)["Subject"].endswith("outer")
        bare = letter.replace(b"\r\n", b"")
        assert b"\n" not in bare and b"\r" not in bare, f"a bare CR or LF was stored: {letter!r}"


@pytest.mark.parametrize("end", FAKE_ENDS[:8], ids=lambda end: end.hex())
def test_fake_end_in_bdat(server, token, end):
    letter = letters.simple(token + " outer", body="text") + end + evil(token, server.name("anna"))
    with Smtp(server.address, server.ports["smtp"]) as smtp:
        smtp.envelope("a@b.example", server.name("anna"))
        answer = smtp.say(f"BDAT {len(letter)} LAST\r\n".encode() + letter)
        smtp.send("QUIT\r\n")
        assert smtp.rest().count(b"\r\n") == 1
    found = after(server, token)
    assert len(found) == (1 if answer.startswith("250") else 0), answer


@pytest.mark.parametrize("command", [b"NOOP\nNOOP\r\n", b"NOOP\rNOOP\r\n", b"MAIL FROM:<a@b.example>\nRCPT TO:<anna@example.test>\r\n"])
def test_bare_line_ends_in_commands(server, command):
    with Smtp(server.address, server.ports["smtp"]) as smtp:
        smtp.send(command)
        assert len(smtp.reply()) > 3
        assert smtp.silent(0.3), "a bare CR or LF ended a command line"


# ---- Injection before STARTTLS ----

@pytest.mark.parametrize("port", ["smtp", "submission"])
def test_smtp_commands_before_tls_end_it(server, port):
    with Smtp(server.address, server.ports[port]) as smtp:
        smtp.send("STARTTLS\r\nMAIL FROM:<mallory@evil.example>\r\nNOOP\r\n")
        answer = smtp.rest()
        assert answer.startswith(b"554 5.5.0") and answer.count(b"\r\n") == 1, answer


def test_imap_commands_before_tls_are_lost(server):
    with Imap(server.address, server.ports["imap"]) as imap:
        imap.send("a STARTTLS\r\nb NOOP\r\nc CAPABILITY\r\n")
        assert imap.line().startswith("a OK")
        imap.start_tls()
        assert imap.silent()
        imap.ok("NOOP")


def test_pop3_commands_before_tls_are_lost(server):
    with Pop3(server.address, server.ports["pop3"]) as pop3:
        pop3.send("STLS\r\nCAPA\r\nUSER mallory\r\n")
        assert pop3.line().startswith("+OK")
        pop3.start_tls()
        assert pop3.silent()
        assert pop3.say("PASS x").startswith("-ERR")


@pytest.mark.parametrize("port", ["smtp", "submission", "imap", "pop3"])
def test_garbage_instead_of_a_handshake(server, port):
    with Wire(server.address, server.ports[port]) as wire:
        wire.line()
        if port in ("smtp", "submission"):
            wire.send("EHLO x.example\r\n")
            while wire.line().startswith("250-"):
                pass
        wire.send({"imap": "a STARTTLS\r\n", "pop3": "STLS\r\n"}.get(port, "STARTTLS\r\n"))
        while not wire.line().startswith(("220", "+OK", "a OK")):
            pass
        wire.send(b"GET / HTTP/1.0\r\n\r\n" * 10)
        assert wire.is_closed() or wire.rest() is not None
    with Wire(server.address, server.ports[port]) as wire:
        assert wire.line()


# ---- Input that didn't wait for an answer (RFC 2920 section 3.1; more of it in tests/transcripts/smtp/synchronisation.txt) ----

def test_nothing_is_said_before_the_greeting(server):
    """What is there when a client is greeted came before it: here the server is held still until it is."""
    smtp = server.role_of("smtp")
    os.kill(smtp, signal.SIGSTOP)
    try:
        wire = Wire(server.address, server.ports["smtp"])
        wire.send("EHLO client.example\r\nMAIL FROM:<a@b.example>\r\n")
    finally:
        os.kill(smtp, signal.SIGCONT)
    with wire:
        assert re.fullmatch(rb"554 5\.5\.0 [^\r]*\r\n", wire.rest())


def test_nothing_is_said_before_the_greeting_over_tls(server):
    """The first command in the same packet as the end of the handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = tls_context().wrap_bio(incoming, outgoing, server_hostname="mail.example.test")
    with socket.create_connection((server.address, server.ports["submissions"]), timeout=20) as wire:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                wire.sendall(outgoing.read())
                incoming.write(wire.recv(65536))
        tls.write(b"EHLO client.example\r\nAUTH PLAIN AGEAYg==\r\n")
        wire.sendall(outgoing.read())
        said = b""
        while not said.endswith(b"\r\n"):
            try:
                said += tls.read(4096)
            except ssl.SSLWantReadError:
                incoming.write(wire.recv(65536))
        assert said.startswith(b"554 5.5.0"), said


@pytest.mark.parametrize("port", ["smtp", "submission", "lmtp"])
def test_the_text_of_a_refused_letter_is_not_run(server, token, port):
    """A client that doesn't look at answers (a tricked one) says its text whatever we say."""
    with Smtp(server.address, server.ports[port], hello="LHLO client.example" if port == "lmtp" else "EHLO client.example") as smtp:
        smtp.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n" + evil(token, server.name("anna")) + b"QUIT\r\n")
        replies = smtp.rest().split(b"\r\n")
        assert len(replies) == 4 and replies[2].startswith(b"554 5.5.0") and replies[3] == b"", replies
    assert after(server, token) == []


@pytest.mark.parametrize("port, name", [("imaps", "imap"), ("pop3s", "pop3"), ("submissions", None)])
def test_tls_that_was_led_astray_ends(server, port, name):
    """A browser whose connection was turned to a mail port, where our certificate is good, names its own protocols (ALPN)."""
    def begin(*names):
        context = tls_context()
        if names:
            context.set_alpn_protocols(names)
        with socket.create_connection((server.address, server.ports[port]), timeout=20) as wire, context.wrap_socket(wire) as tls:
            return tls.recv(1) in (b"*", b"+", b"2"), tls.selected_alpn_protocol()

    with pytest.raises(ssl.SSLError, match="(?i)no_application_protocol|no application protocol"):
        begin("h2", "http/1.1")
    assert begin() == (True, None)
    if name:
        assert begin("http/1.1", name) == (True, name)
