"""A long queue: other servers that are slow hold up nobody else, memory stays bounded, and people can look at it."""
import json
import re
import sqlite3
import threading
import time
from pathlib import Path

import pytest

import letters
from peers import ScriptedServer
from pombal import Pombal, new_address, wait_for

COUNT = 20000
BODY = b"From: <x@elsewhere.example>\r\nSubject: one of many\r\n\r\nx\r\n"


def fill(server, domains):
    """Puts messages that are due into the queue of a stopped server."""
    now, first = int(time.time()), 4_000_000_000_000_000
    rows = [(first + i, f"u{i}@{domains[i % len(domains)]}") for i in range(COUNT)]
    db = sqlite3.connect(server.data / "queue/queue.db")
    with db:
        db.executemany("INSERT INTO message (id, sender, body_kind, smtputf8, require_tls, ret, envid, account, client, arrived, size, in_file)"
                       " VALUES (?, 'x@elsewhere.example', 0, 0, 0, 0, '', '', '', ?, ?, 0)", [(row[0], now - 10, len(BODY)) for row in rows])
        db.executemany("INSERT INTO body (message, bytes) VALUES (?, ?)", [(row[0], BODY) for row in rows])
        db.executemany("INSERT INTO recipient (message, number, address, original, notify, held, next_attempt, expires, last_attempt, attempts,"
                       " delay_notified, last_error) VALUES (?, 1, ?, '', 0, 0, ?, ?, 0, 0, 0, '')",
                       [(*row, now - 10, now + 400000) for row in rows])
    db.close()


def memory(server, role):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.role_of(role)}/status").read_text())[1]) >> 10


@pytest.fixture(scope="module")
def long_queue(names):
    """A server with thousands of messages for servers that take a connection and never say a word."""
    silence = threading.Event()
    peers, domains = [], []
    for number in range(3):
        address = new_address()
        peers.append(ScriptedServer(address, 22525, lambda verb, _, session: silence.wait() and None))
        domains.append(f"silent{number}.example")
        names.domain(domains[-1], address)
    with Pombal(options={"resolver": names.resolver, "mx_port": 22525, "drain_time": "1s"}) as server:
        server.stop()
        fill(server, domains)
        server.start()
        yield server
        silence.set()
        for peer in peers:
            peer.close()


def test_what_is_delivered_here_does_not_wait(long_queue, token):
    for number in range(3):
        start = time.monotonic()
        long_queue.deliver(letters.simple(f"{token}{number}"))
        long_queue.wait_mail(f"{token}{number}")
        assert time.monotonic() - start < 30
    assert memory(long_queue, "courier") < 500


def test_other_servers_get_theirs(long_queue, names, token):
    address = new_address()
    names.domain(token + ".example", address)
    with ScriptedServer(address, 22525) as peer:
        long_queue.submit(letters.simple(token, f"x@{token}.example", long_queue.name("anna")), f"x@{token}.example")
        peer.wait_letters()


def test_listing(long_queue):
    """Every message once; those that are put off have not been tried."""
    listing = json.loads(long_queue.run("queue", "list", "--json", timeout=120).bytes)
    assert len({entry["id"] for entry in listing}) == len(listing) >= COUNT
    assert all(entry["recipients"][0]["attempts"] == 0 for entry in listing)

    def put_off():
        db = sqlite3.connect(long_queue.data / "queue/queue.db")
        late = db.execute("SELECT count(*) FROM recipient WHERE attempts = 0 AND last_error LIKE '%turn%'").fetchone()[0]
        db.close()
        return late > COUNT // 2
    wait_for(put_off, "most of them to be put off", 120)
    events = (long_queue.data / "log/events.log").read_text()
    assert 1 <= events.count("event=delivery.crowded") < 10  # no line for each
    assert events.count("for its turn") == 0


def test_hold_and_remove_many(long_queue):
    assert re.match(r"\d+ messages held", long_queue.run("queue", "hold", "@silent0.example", timeout=120).stdout)
    removed = long_queue.run("queue", "remove", "@silent0.example", timeout=120).stdout
    assert int(removed.split()[0]) == COUNT // 3 + 1
    assert not [entry for entry in json.loads(long_queue.run("queue", "list", "@silent0.example", "--json").bytes)]
