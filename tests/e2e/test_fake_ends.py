"""Fake ends of data by the thousand, by every way in, against a model of what is right that shares nothing with the server: which of them are
refused, what is kept of the others, byte by byte, and what the next server gets.

The cases are all sequences of CR, LF, NUL and dot up to a length, and some longer ones drawn from a fixed seed, each followed by commands
that would bring another letter. POMBAL_SMUGGLING=5 makes all up to that length (3,900 by each of eight ways)."""
import itertools
import os
import random
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from peers import ScriptedServer
from pombal import Pombal, new_address, tls_context
from wire import DEADLINE, Smtp

SYMBOLS = [b"\r", b"\n", b"\r\n", b".", b"\0"]
LENGTH = int(os.environ.get("POMBAL_SMUGGLING", "3"))
DRAWN = 60
END = b"\r\n.\r\n"
FRIEND = "127.0.0.77"  # an address that may relay
MX_PORT = 22526


def cases(seed):
    found = [b"".join(one) for length in range(1, LENGTH + 1) for one in itertools.product(SYMBOLS, repeat=length)]
    drawn = random.Random(seed)
    while len(found) < DRAWN + len(SYMBOLS) ** LENGTH:
        found.append(b"".join(drawn.choice(SYMBOLS) for _ in range(drawn.randrange(LENGTH + 1, 9))))
    return [case for case in dict.fromkeys(found) if END not in b"x" + case + b"x"]


# ---- What is right ----

def right(content, mends, stuffed):
    """What is kept of a message's content, its last line ended; None: it is refused."""
    if b"\0" in content or re.search(rb"\r(?!\n)", content):
        return None
    if not mends and re.search(rb"(?<!\r)\n", content):
        return None
    lines = re.split(rb"\r?\n", content)
    if stuffed:
        lines = [line[1:] if line.startswith(b".") else line for line in lines]
    kept = b"\r\n".join(lines)
    return kept if kept.endswith(b"\r\n") else kept + b"\r\n"


def letter(token, number, case, to):
    """A letter in whose text the case stands, and behind it what would be commands; up to the true end."""
    return (f"From: <anna@example.test>\r\nTo: <{to}>\r\nSubject: {token} {number}\r\nMessage-ID: <{token}.{number}@x>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
            "\r\na").encode() + case + (f"MAIL FROM:<anna@example.test>\r\nRCPT TO:<{to}>\r\nDATA\r\nSubject: {token} smuggled\r\n\r\nx\r\n").encode()


# ---- The ways in ----

class Way:
    """How a client comes: the port, what it says first, and from where. `mends`: LF alone is made whole."""

    def __init__(self, name, port, mends, chunks=False, source=None, to="anna@example.test"):
        self.name, self.port, self.mends, self.chunks, self.source, self.to = name, port, mends, chunks, source, to

    def connect(self, server):
        class Client(Smtp):
            def __init__(client):
                client.buffer = b""
                client.socket = socket.create_connection((server.address, server.ports[self.port]), DEADLINE, (self.source or "127.0.0.1", 0))
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.port == "submissions":
                    client.start_tls(tls_context())
                assert client.reply().startswith("220")
                client.expect("LHLO client.example" if self.port == "lmtp" else "EHLO client.example", 250)
                if self.port == "submissions":
                    assert client.login("anna@example.test", server.password("anna")).startswith("235")
        return Client()

    def hand_in(self, client, content, cuts):
        """The answer to the one letter."""
        client.send(f"MAIL FROM:<anna@example.test>\r\nRCPT TO:<{self.to}>\r\n")
        assert client.reply().startswith("250") and client.reply().startswith("250")
        if self.chunks:
            chunks = [content[:cuts[0]], content[cuts[0]:]]
            stream = b"".join(f"BDAT {len(chunk)}{last}\r\n".encode() + chunk for chunk, last in zip(chunks, ("", " LAST")))
        else:
            client.expect("DATA", 354)
            stream = content + b".\r\n"
        for low, high in zip([0, *cuts], [*cuts, len(stream)]):  # borders of packets anywhere
            client.send(stream[low:high])
        first = client.reply() if self.chunks else None
        answer = client.reply()
        if first and not first.startswith("250"):  # refused with its first chunk; the second is out of turn
            assert answer.startswith("503"), answer
            answer = first
        assert client.say("NOOP").startswith("250 2.0.0 ok"), "more than one letter was answered"
        return answer


WAYS = [Way(name + ("-bdat" if chunks else ""), port, mends, chunks, source)
        for name, port, mends, source in (("stranger", "smtp", False, None), ("network", "smtp", True, FRIEND), ("submission", "submissions", True, None),
                                          ("lmtp", "lmtp", True, None))
        for chunks in (False, True)]


@pytest.fixture(scope="module")
def world(names):
    with ScriptedServer(new_address(), MX_PORT, extensions=("PIPELINING", "8BITMIME", "SIZE 10000000")) as peer:
        names.domain("peer.example", peer.address)
        with Pombal(options={"resolver": names.resolver, "mx_port": MX_PORT, "max_errors": 100000, "relay_networks": [FRIEND + "/32"],
                             "connections_per_destination": 5}) as server:
            yield server, peer


def run_cases(server, way, token, wanted):
    """Hands in every case; gives what must be kept, by its number."""
    kept, drawn = {}, random.Random(way.name)
    client = way.connect(server)
    for number, case in enumerate(wanted):
        content = letter(token, number, case, way.to)
        if number % 200 == 199:
            client.close()
            client = way.connect(server)
        cuts = sorted(drawn.randrange(len(content)) for _ in range(2))
        answer = way.hand_in(client, content, cuts)
        model = right(content, way.mends, not way.chunks)
        assert answer.startswith("250 2.0.0" if model else "550 5.6.0"), (way.name, case, answer)
        if model:
            kept[number] = model
    client.close()
    return kept


def assert_kept(whole, kept, token):
    """Each letter that came is one of those that were handed in, as it should be."""
    got = {}
    for one in whole:
        assert b"\0" not in one and not re.search(rb"\r(?!\n)|(?<!\r)\n", one), one
        number = int(re.search(rf"^Subject: {token} (\d+)\r$".encode(), one, re.M)[1])
        assert number not in got, f"letter {number} came twice"
        got[number] = one
    assert got.keys() == kept.keys()
    for number, one in got.items():
        assert one.split(b"\r\n\r\n", 1)[1] == kept[number].split(b"\r\n\r\n", 1)[1], (one, kept[number])


def test_every_way_in(world, token):
    server, _ = world
    wanted = cases("in")
    with ThreadPoolExecutor(len(WAYS)) as pool:
        results = {way.name: pool.submit(run_cases, server, way, f"{token}-{way.name}", wanted) for way in WAYS}
        results = {name: result.result() for name, result in results.items()}
    server.wait_queue_empty(60)
    session = server.imap("anna", mailbox="INBOX")
    whole = [part[1] for part in session.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)]
    session.logout()
    assert sum(map(len, results.values())) == len(whole)
    for way in WAYS:
        mark = f"Subject: {token}-{way.name} ".encode()
        assert_kept([one for one in whole if mark in one.split(b"\r\n\r\n", 1)[0]], results[way.name], f"{token}-{way.name}")


def test_nothing_is_smuggled_out(world, token):
    """What was mended, or came in chunks without its dots stuffed, goes on as the one letter that it is."""
    server, peer = world
    ways = [Way("out", "smtp", True, False, FRIEND, "x@peer.example"), Way("out-bdat", "smtp", True, True, FRIEND, "x@peer.example")]
    for way in ways:
        before, name = len(peer.letters), f"{token}-{way.name}"
        wanted = [case for case in cases("out") if b"\n" in case or b"." in case]
        kept = run_cases(server, way, name, wanted)
        got = peer.wait_letters(before + len(kept), 60)[before:]
        assert all(one["to"] == ["TO:<x@peer.example>"] for one in got)
        assert_kept([one["letter"] for one in got], kept, name)
    assert not peer.problems, peer.problems


def test_sendmail(world, token):
    """Lines end with LF for programs; what they write otherwise is theirs to mend, but a NUL, and none is lost without -i but behind the dot."""
    server, _ = world
    kept = {}
    for number, case in enumerate(random.Random("sendmail").sample(cases("sendmail"), 12)):
        content = letter(f"{token}-s", number, case, "anna@example.test")
        done = server.run("sendmail", "-i", "anna@example.test", stdin=content, status=1 if b"\0" in case else 0)
        assert ("NUL" in done.stderr) == (b"\0" in case)
        if b"\0" not in case:
            kept[number] = b"\r\n".join(re.split(rb"\r\n|\r|\n", content))
    server.wait_queue_empty(60)
    session = server.imap("anna", mailbox="INBOX")
    numbers = session.search(None, "SUBJECT", f'"{token}-s"')[1][0].split()
    whole = [session.fetch(one, "(BODY.PEEK[])")[1][0][1] for one in numbers]
    session.logout()
    assert_kept(whole, kept, f"{token}-s")
