"""Signing in by hand, the same over every protocol: what is offered, what is taken, and in which words."""
import base64
import re

import pytest

from pombal import Pombal, tls_context
from wire import Imap, Pop3, Scram, Smtp


# What is tried here fails on purpose, and often.
PATIENT = {"auth_failures": 1000, "auth_failures_per_address": 0}


@pytest.fixture(scope="module")
def server():
    with Pombal(options=PATIENT) as own:
        yield own


@pytest.fixture(scope="module")
def offering():
    """A server that offers channel binding."""
    with Pombal(options={**PATIENT, "offer_channel_binding": True}) as own:
        yield own


def encode(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


class Door:
    """A connection over TLS through which mechanisms go, whatever the protocol: `answer` is what the server said last."""

    def __init__(self, server, protocol, context=None):
        self.protocol = protocol
        kind, port = {"smtp": (Smtp, "submissions"), "imap": (Imap, "imaps"), "pop3": (Pop3, "pop3s")}[protocol]
        self.wire = kind(server.address, server.ports[port], tls=True, context=context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def offered(self):
        if self.protocol == "smtp":
            return re.search(r"AUTH (.*)", self.wire.hello)[1].split()
        if self.protocol == "imap":
            return re.findall(r"AUTH=(\S+)", self.wire.ok("CAPABILITY")[0])
        return next(line for line in self.wire.capabilities() if line.startswith("SASL")).split()[1:]

    def begin(self, mechanism, initial=None):
        text = mechanism if initial is None else f"{mechanism} {encode(initial)}"
        return self.say({"smtp": "AUTH ", "imap": "a AUTHENTICATE ", "pop3": "AUTH "}[self.protocol] + text)

    def say(self, line):
        self.wire.send(line + "\r\n")
        self.answer = self.wire.line()
        return self.answer

    def reply(self, data):
        return self.say(encode(data))

    def challenge(self):
        """The server's question, or None if there is none."""
        question = re.match({"smtp": r"334 (.*)", "imap": r"\+ (.*)", "pop3": r"\+ (.*)"}[self.protocol], self.answer)
        return base64.b64decode(question[1]) if question else None

    def is_in(self):
        return bool(re.match({"smtp": "235 ", "imap": "a OK ", "pop3": r"\+OK "}[self.protocol], self.answer))

    def scram(self, exchange, mechanism):
        self.begin(mechanism, exchange.first())
        if self.challenge() is not None:
            self.reply(exchange.final(self.challenge()))
        if self.challenge() is not None:
            assert exchange.is_server(self.challenge())
            self.say("")
        return self.is_in()


PROTOCOLS = pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3"])


def tls12():
    import ssl
    context = tls_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@PROTOCOLS
def test_plus_is_offered_where_the_option_says_so(server, offering, protocol):
    with Door(server, protocol) as door:
        assert door.offered() == ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
    with Door(offering, protocol) as door:
        assert door.offered() == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]


@PROTOCOLS
def test_plus_is_taken_where_it_is_not_offered(server, protocol):
    with Door(server, protocol, tls12()) as door:
        unique = door.wire.socket.get_channel_binding("tls-unique")
        assert door.scram(Scram(server.name("anna"), server.password("anna"), ("tls-unique", unique)), "SCRAM-SHA-256-PLUS"), door.answer
    with Door(server, protocol, tls12()) as door:
        assert not door.scram(Scram(server.name("anna"), server.password("anna"), ("tls-unique", bytes(12))), "SCRAM-SHA-256-PLUS")


@PROTOCOLS
def test_a_client_that_could_bind_gets_in_where_nothing_was_offered(server, offering, protocol):
    """The flag "y" (RFC 5802 section 6): I could, and saw no offer. True here; there somebody in between has taken the offer away."""
    with Door(server, protocol) as door:
        assert door.scram(Scram(server.name("anna"), server.password("anna"), flag="y"), "SCRAM-SHA-256"), door.answer
    with Door(offering, protocol) as door:
        assert not door.scram(Scram(offering.name("anna"), offering.password("anna"), flag="y"), "SCRAM-SHA-256")


@PROTOCOLS
def test_a_claimed_binding_is_proved(server, offering, protocol):
    for one in (server, offering):
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
            for flag in ("p=tls-exporter", "p=tls-unique", "p=tls-server-end-point"):
                with Door(one, protocol) as door:
                    assert not door.scram(Scram(one.name("anna"), one.password("anna"), flag=flag), mechanism), (mechanism, flag)


@PROTOCOLS
@pytest.mark.parametrize("initial", [False, True])
def test_login_asks_in_the_words_that_clients_look_for(server, protocol, initial):
    with Door(server, protocol) as door:
        if initial:
            door.begin("LOGIN", server.name("boris"))
        else:
            door.begin("LOGIN")
            assert door.challenge() == b"Username:", door.answer
            door.reply(server.name("boris"))
        assert door.challenge() == b"Password:", door.answer
        door.reply(server.password("boris"))
        assert door.is_in(), door.answer
