"""Servers that tests share. A test that restarts, reloads or fills its server makes one of its own with Pombal(...)."""
import pytest

from nameserver import NameServer
from peers import Postfix, ScriptedServer
from pombal import PASSWORDS, Pombal, new_address
import letters


@pytest.fixture(scope="session")
def server():
    """One server for everybody who only sends and reads: tests tell their letters apart by a token."""
    with Pombal() as shared:
        yield shared


@pytest.fixture
def token():
    return letters.token()


@pytest.fixture(scope="session")
def names():
    """The DNS, for servers with resolver=names.resolver."""
    shared = NameServer()
    yield shared
    shared.close()


# Short times, so that retries, notices and returns are seen within seconds.
QUICK = {
    "retry_schedule": ["1s", "1s", "2s"], "retry_for": "60s", "delay_notice": 0, "connect_timeout": "5s", "reply_timeout": "10s",
}


@pytest.fixture(scope="session")
def north(names):
    with Pombal("north.example", options={**QUICK, "resolver": names.resolver, "mx_port": 22525,
                                          "relay_networks": ["127.0.0.0/8"]}) as shared:
        names.domain("north.example", shared.address)
        yield shared


@pytest.fixture(scope="session")
def south(names):
    with Pombal("south.example", options={**QUICK, "resolver": names.resolver, "mx_port": 22525}) as shared:
        names.domain("south.example", shared.address)
        yield shared


@pytest.fixture(scope="module")
def postfix(north):
    """A Postfix for postfix.example that sends everything else to north."""
    shared = Postfix("postfix.example", (north.address, north.ports["smtp"]), north.certificate)
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def passwords():
    return PASSWORDS


@pytest.fixture
def far(names, token):
    """A server for TOKEN.example, which refuses `nobody`."""
    def script(verb, argument, session):
        return "550 5.1.1 no such user" if verb == "RCPT" and "<nobody@" in argument else None
    with ScriptedServer(new_address(), 22525, script) as peer:
        names.domain(f"{token}.example", peer.address)
        yield peer
