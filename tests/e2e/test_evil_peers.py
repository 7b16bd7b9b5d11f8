"""Servers that mean no good, as the courier meets them: nothing they do costs a letter, or another destination its time."""
import time

import pytest

import letters
from conftest import QUICK
from peers import Drop, ScriptedServer
from pombal import Pombal, new_address, wait_for

_count = 0


@pytest.fixture(scope="module")
def sender(names):
    with Pombal(options={**QUICK, "resolver": names.resolver, "mx_port": 22525, "reply_timeout": "2s", "connect_timeout": "2s"}) as own:
        yield own


def domain(names, *peers):
    global _count
    _count += 1
    name = f"evil{_count}.example"
    names.domain(name, *[peer.address for peer in peers])
    return name


def drip(session, text, pause=0.1):
    """One byte after the other, without an end."""
    while True:
        for byte in text:
            session["socket"].sendall(bytes([byte]))
            time.sleep(pause)


def silence(session):
    time.sleep(60)


def flood(text):
    def pour(session):
        while True:
            session["socket"].sendall(text * 100)
    return pour


DEEDS = {
    "silence": silence,
    "a byte at a time": lambda session: drip(session, b"2"),
    "a line at a time": lambda session: drip(session, b"250-x\r\n", 0.05),
    "lines without end": flood(b"250-x\r\n"),
    "a line without end": flood(b"250 " + b"x" * 1000),
    "an announcement of more": lambda session: session["socket"].sendall(b"250-x\r\n") or silence(session),
    "binary": lambda session: session["socket"].sendall(bytes(range(256)) * 20) or silence(session),
    "empty lines": flood(b"\r\n"),
    "bare line ends": lambda session: session["socket"].sendall(b"250-a\n250-b\r250 c\n") or silence(session),
    "NUL": lambda session: session["socket"].sendall(b"450 \0\0\0\r\0\n") or silence(session),
}


@pytest.mark.parametrize("where", ["GREETING", "RCPT", "END"])
@pytest.mark.parametrize("deed", DEEDS)
def test_replies(sender, names, token, where, deed):
    """The first session goes wrong; a later one takes the letter."""
    done = []

    def evil(verb, argument, session):
        if verb == where and not done:
            done.append(True)
            DEEDS[deed](session)
            raise Drop
    with ScriptedServer(new_address(), 22525, evil) as peer:
        name = domain(names, peer)
        sender.submit(letters.simple(token, f"x@{name}", sender.name("anna")), f"x@{name}")
        for got in peer.wait_letters(deadline=60):
            assert token.encode() in got["letter"]
        assert 1 <= len(peer.letters) <= 2  # what was answered in a way that can't be understood may have been taken


@pytest.mark.parametrize("deed", ["silence", "a byte at a time", "binary", "drop"])
@pytest.mark.parametrize("where", ["STARTTLS", "handshake", "EHLO"])
def test_broken_tls(sender, names, token, where, deed):
    """TLS that is offered and doesn't work: the letter goes without."""
    def evil(verb, argument, session):
        if where in ("STARTTLS", "handshake") and verb == "STARTTLS":
            session["socket"].sendall(b"220 go\r\n" if where == "handshake" else b"")
        elif not (where == "EHLO" and verb == "EHLO" and session["tls"]):
            return None
        if deed != "drop":
            DEEDS[deed](session)
        raise Drop
    with ScriptedServer(new_address(), 22525, evil, certificate=sender.certificate) as peer:
        name = domain(names, peer)
        sender.submit(letters.simple(token, f"x@{name}", sender.name("anna")), f"x@{name}")
        assert peer.wait_letters(deadline=60)[0]["tls"] is False


@pytest.mark.parametrize("reply", [b"\r\n250 OK id=1\r\n", b"\r\n\r\n250-OK\r\n\r\n250 id=1\r\n", b"250OK\r\n", b"250 " + b"x" * 10000 + b"\r\n", b"hm\r\n250 OK\r\n"])
def test_an_odd_reply_after_the_final_dot(sender, names, token, reply):
    """The message was taken: it isn't sent again."""
    with ScriptedServer(new_address(), 22525, lambda verb, argument, session: reply if verb == "END" else None) as peer:
        name = domain(names, peer)
        sender.submit(letters.simple(token, f"x@{name}", sender.name("anna")), f"x@{name}")
        wait_for(lambda: name not in repr(sender.queue()), "the letter to be settled")
        assert [command for session in peer.sessions for command in session["commands"] if command == "DATA"] == ["DATA"]


def test_a_reply_that_never_makes_sense(sender, names, token):
    """Three copies at most, and then the sender hears that it may have arrived."""
    with ScriptedServer(new_address(), 22525, lambda verb, argument, session: b"what?\r\n" if verb == "END" else None) as peer:
        name = domain(names, peer)
        sender.submit(letters.simple(token, f"x@{name}", sender.name("anna")), f"x@{name}")
        wait_for(lambda: name not in repr(sender.queue()), "the letter to be settled")
        found = [letter for letter in sender.wait_mail("could not be delivered") if name.encode() in letter]
        assert b"Status: 5.4.2" in found[0] and b"It may have been delivered all the same" in found[0]
        assert sum(command == "DATA" for session in peer.sessions for command in session["commands"]) == 3


def test_others_are_served_meanwhile(sender, names, token):
    """While a server answers byte by byte, another gets its letter."""
    slow = ScriptedServer(new_address(), 22525, lambda verb, argument, session: drip(session, b"220-x\r\n"))
    with slow, ScriptedServer(new_address(), 22525) as fine:
        evil, good = domain(names, slow), domain(names, fine)
        for number in range(20):
            sender.submit(letters.simple(token, f"x{number}@{evil}", sender.name("anna")), f"x{number}@{evil}")
        sender.submit(letters.simple(token, f"x@{good}", sender.name("anna")), f"x@{good}")
        fine.wait_letters()
        assert slow.most_open <= 5  # connections_per_destination


def test_another_host_is_asked_when_the_first_is_evil(sender, names, token):
    first = ScriptedServer(new_address(), 22525, lambda verb, argument, session: drip(session, b"5"))
    with first, ScriptedServer(new_address(), 22525) as second:
        name = domain(names, first, second)
        sender.submit(letters.simple(token, f"x@{name}", sender.name("anna")), f"x@{name}")
        second.wait_letters()
