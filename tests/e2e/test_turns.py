"""Other servers that are dead, silent or slow, many at a time: mail to those that work goes out as if they weren't there."""
import contextlib
import itertools
import os
import resource
import socket
import time

import pytest

import letters
from crowd import PORT, Crowd
from nameserver import SmallNameServer
from peers import ScriptedServer
from pombal import Pombal, wait_for

_counter = itertools.count()


def new_address():
    """More loopback addresses than the other tests have need of."""
    number = next(_counter)
    return f"127.{128 + os.getpid() % 127}.{number // 250}.{number % 250 + 1}"


class Blackholes:
    """Addresses whose port answers nothing: whoever connects waits."""

    def __init__(self, addresses):
        self.sockets = []
        for address in addresses:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, PORT))
            listener.listen(0)
            self.sockets.append(listener)
            for _ in range(2):  # its queue is full from here on
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex((address, PORT))
                self.sockets.append(client)

    def close(self):
        for one in self.sockets:
            one.close()


@pytest.fixture(scope="module")
def names():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most if 0 < most < 16384 else 16384, most))
    shared = SmallNameServer()
    yield shared
    shared.close()


@contextlib.contextmanager
def sending(names, **options):
    with Pombal(options={"resolver": f"{names.address}@{names.port}", "trust_anchors": ["none"], "mx_port": PORT, "drain_time": "120s", "max_recipients": 10000,
                         **options}) as server:
        yield server


def send(server, domains, account="anna"):
    """One letter to somebody at each domain; returns when it was begun: it may be there before the acknowledgement is."""
    start = time.monotonic()
    server.submit(letters.simple("turns", f"x@{domains[0]}", server.name(account)), *[f"x@{domain}" for domain in domains], account=account)
    return start


def domains_at(names, kind, addresses):
    made = {f"{kind}{number}.turns.example": address for number, address in enumerate(addresses)}
    names.hosts.update(made)
    return list(made)


def assert_quick(crowd, addresses, start, seconds):
    """Quick is well below what those others take who are waited for: minutes."""
    wait_for(lambda: all(crowd.taken.get(address, 0) > start for address in addresses), "every letter to be taken", seconds, pause=0.02)
    late = max(crowd.taken[address] for address in addresses) - start
    print(f"\nthe last of {len(addresses)} letters was taken after {late * 1000:.0f} ms")


def test_half_of_a_thousand_are_dead(names):
    """Refusing, swallowing what is sent to them, or silent after the banner. First nobody knows which; later mail comes one by one."""
    fine, refusing, dark, silent = ([new_address() for _ in range(count)] for count in (500, 166, 167, 167))
    crowd, mutes, holes = Crowd(fine), Crowd(silent, greets=False), Blackholes(dark)
    with sending(names) as server:
        dead = domains_at(names, "refusing", refusing) + domains_at(names, "dark", dark) + domains_at(names, "silent", silent)
        good = domains_at(names, "fine", fine)
        mixed = [domain for pair in zip(dead, good) for domain in pair]
        assert_quick(crowd, fine, send(server, mixed), 60)  # as fast as a thousand names are looked up, and the test's servers answer
        send(server, dead, "boris")
        for number in range(0, 500, 100):
            assert_quick(crowd, [fine[number]], send(server, [good[number]]), 20)
        fresh = new_address()
        newcomer = Crowd([fresh])
        assert_quick(newcomer, [fresh], send(server, domains_at(names, "fresh", [fresh])), 20)
        start = time.monotonic()
        server.stop()
        assert time.monotonic() - start < 60  # nobody waits for them to the end of drain_time
    for one in (crowd, mutes, holes, newcomer):
        one.close()


@pytest.mark.parametrize("deliveries", [12, 50])
def test_tarpits(names, deliveries):
    """Ten servers that answer just before each deadline, with many letters for each; another one gets its mail meanwhile."""
    addresses, fine = [new_address() for _ in range(8 if deliveries == 12 else 10)], new_address()
    tarpits, crowd = Crowd(addresses, pause=3), Crowd([fine])
    with sending(names, deliveries=deliveries, reply_timeout="4s") as server:
        slow, good = domains_at(names, f"tar{deliveries}-", addresses), domains_at(names, f"good{deliveries}-", [fine])
        for _ in range(20):
            send(server, slow, "boris")
        for _ in range(3):
            assert_quick(crowd, [fine], send(server, good), 20)
        assert len(server.queue()) >= 15
    tarpits.close()
    crowd.close()


def test_domains_behind_one_tarpit(names):
    """Twenty domains whose mail goes to one address that says nothing."""
    mute, fine = new_address(), new_address()
    tarpit, crowd = Crowd([mute], greets=False), Crowd([fine])
    with sending(names, deliveries=12) as server:
        slow, good = domains_at(names, "one", [mute] * 20), domains_at(names, "another", [fine])
        send(server, slow, "boris")
        assert_quick(crowd, [fine], send(server, good), 20)
    tarpit.close()
    crowd.close()


def test_a_session_ends(names, token):
    """A server that takes its time with each reply gets no more than session_timeout of it."""
    def slowly(verb, argument, session):
        if verb in ("END", "GREETING"):
            return None
        time.sleep(0.7)
        return None
    address = new_address()
    names.hosts["slowly.turns.example"] = address
    with ScriptedServer(address, PORT, slowly, extensions=()) as peer, \
            sending(names, reply_timeout="1s", session_timeout="2s", retry_schedule=["1h"]) as server:
        send(server, ["slowly.turns.example"])
        wait_for(lambda: "timed out" in repr(server.queue()), "the attempt to end", 10)
        assert not peer.letters
        server.configure(session_timeout="20s")
        server.reload()
        server.run("queue", "flush")
        peer.wait_letters()


def test_a_letter_under_way_is_not_cut_off(names):
    """While the server stops, sessions that only wait end; a text that is being sent is sent to its end."""
    def last(verb, argument, session):
        if verb == "END":
            time.sleep(1)
    slow, mute = new_address(), new_address()
    tarpit = Crowd([mute], greets=False)
    names.hosts.update({"ending.turns.example": slow, "mute.turns.example": mute})
    with ScriptedServer(slow, PORT, last) as peer, sending(names) as server:
        send(server, ["ending.turns.example", "mute.turns.example"])
        wait_for(lambda: peer.sessions and "DATA" in peer.sessions[0]["commands"], "the text")
        start = time.monotonic()
        server.stop()
        assert time.monotonic() - start < 60
        assert len(peer.letters) == 1
        server.start()
        wait_for(lambda: [one["recipients"][0]["address"] for one in server.queue()] == ["x@mute.turns.example"], "one recipient to be left")
        time.sleep(0.5)
        assert len(peer.letters) == 1
    tarpit.close()
