"""The queue's disk takes long: clients are told to wait, memory stays bounded, and nothing is lost."""
import threading

import pytest

import letters
from faults import shim  # noqa: F401 (a fixture)
from pombal import Pombal, wait_for
from wire import Smtp, Wire


@pytest.fixture
def server(shim):  # noqa: F811
    with Pombal() as own:
        yield own


def greeting(server):
    with Wire(server.address, server.ports["smtp"]) as wire:
        return wire.line()


def test_slow_disk(server, shim):  # noqa: F811
    token = letters.token()
    waiting, stranger = Smtp(server.address, server.ports["smtp"]), Smtp(server.address, server.ports["submission"])
    senders = [Smtp(server.address, server.ports["smtp"]) for _ in range(80)]  # more than there are workers
    answers = []
    for sender in senders:
        sender.socket.settimeout(120)
        sender.envelope("a@b.example", server.name("anna"))
    threads = [threading.Thread(target=lambda sender=sender: answers.append(sender.data(letters.simple(token)))) for sender in senders]
    with shim.fault("queue", "sync", delay=15):
        for thread in threads:
            thread.start()
        wait_for(lambda: greeting(server).startswith("421 4.3.2"), "new clients to be sent away", 15)
        waiting.expect("MAIL FROM:<a@b.example>", "451 4.3.2")
        waiting.expect("NOOP", 250)
        stranger.expect("NOOP", 250)
    for thread in threads:
        thread.join(120)
    assert len(answers) == 80 and all(answer.startswith("250") for answer in answers), answers
    wait_for(lambda: greeting(server).startswith("220"), "new clients to be welcome again")
    waiting.envelope("a@b.example", server.name("anna"))
    assert waiting.data(letters.simple(token)).startswith("250")
    server.wait_mail(token, count=81, deadline=60)
    for smtp in (waiting, stranger, *senders):
        smtp.close()
