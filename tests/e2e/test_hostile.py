"""Letters and clients made to hurt: everything stays bounded, and others are served meanwhile."""
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import letters
from pombal import Pombal, wait_for
from wire import Imap, Smtp, Wire

HEAD = "From: <a@b.example>\r\nTo: <anna@example.test>\r\nSubject: {token}\r\nMIME-Version: 1.0\r\n"


def nested_multipart(levels):
    opening = "".join(f"Content-Type: multipart/mixed; boundary=\"b{i}\"\r\n\r\n--b{i}\r\n" for i in range(levels))
    return opening + "Content-Type: text/plain\r\n\r\ncore\r\n" + "".join(f"--b{i}--\r\n" for i in reversed(range(levels)))


def nested_letters(levels):
    return "Content-Type: message/rfc822\r\n\r\n" * levels + "Subject: core\r\n\r\ncore\r\n"


HOSTILE = {
    "10,000 levels of multipart": nested_multipart(10000),
    "10,000 levels of message/rfc822": nested_letters(10000),
    "one boundary for all levels": "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + "--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 3000,
    "30,000 addresses": "Cc: " + ",\r\n ".join(f"\"N {i}\" <u{i}@d.example>" for i in range(30000)) + "\r\n\r\nx\r\n",
    "one long line of addresses": "Cc: " + "a" * 900000 + "\r\n\r\nx\r\n",
    "groups in groups": "Cc: " + "g:" * 5000 + "a@b.example" + ";" * 5000 + "\r\n\r\nx\r\n",
    "comments in comments": "Cc: " + "(" * 100000 + ")" * 100000 + " a@b.example\r\n\r\nx\r\n",
    "50,000 header fields": "".join(f"X{i}: y\r\n" for i in range(50000)) + "\r\nx\r\n",
    "50,000 parts": "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + "--b\r\n\r\nx\r\n" * 50000 + "--b--\r\n",
    "continuations of RFC 2231": "Content-Type: text/plain; " + "; ".join(f"name*{i}*=%41{i}" for i in reversed(range(20000))) + "\r\n\r\nx\r\n",
    "overlapping continuations": "Content-Disposition: attachment; filename=a; filename*=utf-8''%ff%fe; filename*0=b; filename*0*=c; filename*99999999999=d\r\n\r\nx\r\n",
    "two types": "Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\nx\r\n--b\r\n\r\ny\r\n--a--\r\n",
    "a boundary that begins another": "Content-Type: multipart/mixed; boundary=a\r\n\r\n--aa\r\n\r\nx\r\n--a\r\n\r\ny\r\n--a--\r\n",
    "an endless encoded word": "X-S: =?utf-8?B?" + "QUFB" * 100000 + "?=\r\nSubject2: =?x?Q?=?= =?utf-8?Q?=?=\r\n\r\nx\r\n",
    "broken base64": "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n====QQ=\x01\x02=\r\n!!!!\r\n",
    "folded into emptiness": "X-F:" + "\r\n " * 100000 + "\r\n\r\nx\r\n",
    "many dates and ids": "Date: 99 Foo 99999999999 99:99:99 +9999\r\n" * 1000 + "References: " + "<a@b> " * 50000 + "\r\n\r\nx\r\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_letters(server, token, name):
    import pombal
    pombal.PASSWORDS[token] = "one-time-word-4"
    server.add_account(server.name(token), "one-time-word-4")
    letter = (HEAD.format(token=token) + HOSTILE[name]).encode("latin-1")
    start = time.monotonic()
    with Smtp(server.address, server.ports["smtp"]) as smtp:
        smtp.envelope("a@b.example", server.name(token))
        answer = smtp.data(letter)
    if not answer.startswith("250"):
        assert answer.startswith("5"), answer
        return
    letters.assert_same(server.wait_mail(token, token)[0], letter)
    session = server.imap(token, mailbox="INBOX")
    for wanted in ("(ENVELOPE BODYSTRUCTURE)", "(BODY RFC822.SIZE)", "(BODY.PEEK[HEADER])", "(BODY.PEEK[1])", "(BODY.PEEK[1.1.1.1.1.1.MIME])",
                   "(BODY.PEEK[HEADER.FIELDS (CC DATE)])"):
        status, data = session.fetch("1", wanted)
        assert status == "OK" and data[0] is not None, (wanted, data)
    for keys in (("TEXT", "nothing-of-this"), ("CC", "nothing"), ("HEADER", "X-F", "nothing"), ("BODY", "core")):
        assert session.search(None, *keys)[0] == "OK"
    session.logout()
    assert time.monotonic() - start < 30


def test_idle_clients_hinder_nobody(server, token):
    held = []
    try:
        for number in range(300):
            port = ("smtp", "imap", "pop3", "imaps", "submissions")[number % 5]
            held.append(Wire(server.address, server.ports[port]))
        for number, wire in enumerate(held):
            if number % 5 == 0:
                wire.send("EHLO half a li")
        start = time.monotonic()
        server.submit(letters.simple(token, server.name("boris"), server.name("anna")), server.name("boris"))
        server.wait_mail(token, "boris")
        assert time.monotonic() - start < 15
    finally:
        for wire in held:
            wire.close()


def test_a_client_that_does_not_read(server, token):
    """It gets megabytes and takes none: only its own session waits."""
    import pombal
    pombal.PASSWORDS[token] = "one-time-word-4"
    server.add_account(server.name(token), "one-time-word-4")
    server.deliver(letters.with_attachment(token, 3000000), token)
    server.wait_mail(token, token)
    deaf = Imap(server.address, server.ports["imaps"], tls=True)
    deaf.ok(f"LOGIN {server.name(token)} one-time-word-4")
    deaf.ok("SELECT INBOX")
    for number in range(50):
        deaf.send(f"x{number} FETCH 1 BODY.PEEK[]\r\n")
    other = server.imap(token, mailbox="INBOX")
    start = time.monotonic()
    assert len(other.fetch("1", "(BODY.PEEK[])")[1][0][1]) > 2900000
    assert time.monotonic() - start < 10
    other.logout()
    deaf.close()


def test_connections_that_vanish(server, token):
    """Clients that leave at every point of the dialogue leave nothing behind."""
    words = ["EHLO x.example\r\n", "MAIL FROM:<a@b.example>\r\n", f"RCPT TO:<{server.name('anna')}>\r\n", "DATA\r\n", f"Subject: {token}\r\n\r\nx\r\n.\r"]

    def vanish(count):
        with Wire(server.address, server.ports["smtp"]) as wire:
            wire.send("".join(words[:count]))
            if count % 2:
                wire.line()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(vanish, [count for count in range(len(words) + 1) for _ in range(5)]))
    server.deliver(letters.simple(token + " end"))
    server.wait_mail(token + " end")
    assert server.count_mail(token) == 1


@pytest.mark.parametrize("port", ["imaps", "pop3s", "submissions", "imap", "pop3", "smtp", "submission", "lmtp"])
def test_noise(server, port):
    """Random bytes, long and short, clear and under TLS."""
    import random
    noise = random.Random(port)
    for size in (1, 10, 1000, 100000):
        try:
            with Wire(server.address, server.ports[port], tls=port.endswith("s")) as wire:
                wire.line()
                wire.send(noise.randbytes(size) + b"\r\n" * 50)
                wire.send(b"a LOGOUT\r\nQUIT\r\n")
                wire.socket.settimeout(5)
                wire.rest()
        except OSError:
            pass

    def alive():
        with Wire(server.address, server.ports[port], tls=port.endswith("s")) as wire:
            return re.match(r"220|\+OK|\* OK", wire.line())
    wait_for(alive, port + " to answer")


# ---- The log ----

def refused_by(server, address, names):
    """From this address somebody writes to each of them, all pipelined, and hears no; 421 ends it where there are too many."""
    with socket.create_connection((server.address, server.ports["smtp"]), 20, source_address=(address, 0)) as stranger:
        replies = stranger.makefile("rb")
        replies.readline()
        stranger.sendall(b"EHLO x.example\r\n")
        while replies.readline()[3:4] == b"-":
            pass
        stranger.sendall(b"MAIL FROM:<a@b.example>\r\n" + b"".join(f"RCPT TO:<{name}>\r\n".encode() for name in names))
        return replies.read() if len(names) >= 20 else [replies.readline() for _ in range(len(names) + 1)]


def test_a_flood_of_refusals_is_counted_not_written():
    """Dictionaries of names, commands without end: a line now and then says how many there were, and nobody else's refusal is hidden."""
    with Pombal() as own:
        for turn in range(30):
            refused_by(own, "127.0.0.1", [f"name{turn}-{i}@{own.domain}" for i in range(25)])
        events = (own.data / "log" / "events.log").read_text()
        assert 60 <= events.count("event=recipient.refused") <= 70
        assert events.count("event=session.given_up") <= 30
        assert int(re.search(r"^pombal_recipients_refused_total\S* (\d+)", own.run("metrics").stdout, re.M)[1]) >= 500
        others = [f"127.0.0.{i}" for i in range(2, 12)]  # one of them may share its place with the first
        for address in others:
            refused_by(own, address, [f"from-{address}@{own.domain}"])
        found = [address for address in others if "recipient.refused" in own.run("trace", f"from-{address}@{own.domain}", status=None).stdout]
        assert len(found) >= 6, found


# ---- TLS, and signing in ----

@pytest.fixture(scope="module")
def large_key(tmp_path_factory):
    """A server whose handshakes are as dear as they get."""
    folder = tmp_path_factory.mktemp("large")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:4096", "-nodes", "-days", "30", "-subj", "/CN=large", "-keyout", folder / "key.pem",
                    "-out", folder / "chain.pem"], check=True, capture_output=True)
    with Pombal(start=False) as own:
        for name in ("key.pem", "chain.pem"):
            (own.data / name).touch(mode=0o600)
            (own.data / name).write_bytes((folder / name).read_bytes())
        own.configure(certificates=["chain.pem key.pem"])
        own.start()
        yield own


def test_handshakes_hold_nobody_up(large_key):
    """Strangers who begin TLS again and again have a thread for it that isn't the loop's: who is signed in gets more answers meanwhile
    than there are handshakes. In the loop each answer would wait for one of each of the eight."""
    own = large_key
    with Imap(own.address, own.ports["imaps"], tls=True) as imap:
        imap.ok(f"LOGIN {own.name('anna')} \"{own.password('anna')}\"")
        floods = [subprocess.Popen(["openssl", "s_time", "-connect", f"{own.address}:{own.ports['imaps']}", "-new", "-time", "3"], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True) for _ in range(8)]
        answers, end = 0, time.monotonic() + 3
        while time.monotonic() < end:
            imap.ok("NOOP")
            answers += 1
        handshakes = sum(int(re.search(r"(\d+) connections in \d+ real seconds", flood.communicate(timeout=60)[0])[1]) for flood in floods)
    assert handshakes > 20 and answers > handshakes, (answers, handshakes)


@pytest.mark.parametrize("protocol", ["imap", "pop3", "submission"])
def test_a_broken_exchange_stops_no_other(server, protocol):
    """Invalid base64 in the middle of one sign-in is that one's trouble: another that has begun goes on, and new ones are taken."""
    import base64
    begin = {"imap": "a AUTHENTICATE PLAIN", "pop3": "AUTH PLAIN", "submission": "AUTH PLAIN"}[protocol]
    good = base64.b64encode(f"\0{server.name('anna')}\0{server.password('anna')}".encode())

    def connect():
        session = Wire(server.address, server.ports[protocol + "s"], tls=True)
        session.line()
        if protocol == "submission":
            session.send(b"EHLO x.example\r\n")
            while session.line()[3:4] == "-":
                pass
        session.send(begin.encode() + b"\r\n")
        assert session.line().startswith(("+", "334"))
        return session

    waiting = connect()
    for broken in (b"====", b"A", b"AA=A", b"\xff\xfe", b"AAAA" * 3000, b"*", b"QUJD\0"):
        with connect() as other:
            other.send(broken + b"\r\n")
            assert not other.line().startswith(("a OK", "+OK", "235"))
    waiting.send(good + b"\r\n")
    answer = waiting.line()
    while protocol == "imap" and answer.startswith("*"):
        answer = waiting.line()
    assert answer.startswith({"imap": "a OK", "pop3": "+OK", "submission": "235"}[protocol]), answer
    waiting.close()
