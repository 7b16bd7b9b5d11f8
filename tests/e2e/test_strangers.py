"""How much strangers may do: who speaks before he is greeted, who tries addresses that nobody has, and who sends too much."""
import os
import signal
import smtplib

import pytest

from pombal import Pombal, wait_for
from wire import Wire


def session(server, client):
    connected = smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example", source_address=(client, 0), timeout=60)
    connected.ehlo()
    return connected


def test_who_speaks_first_is_refused():
    with Pombal(options={"greeting_wait": "3s", "harvest_refuse": 20, "harvest_time": "1h"}) as own:
        with Wire(own.address, own.ports["smtp"]) as polite, Wire(own.address, own.ports["smtp"]) as early:
            early.send("EHLO client.example\r\nMAIL FROM:<a@b.example>\r\n")
            with Wire(own.address, own.ports["submission"]) as ours:  # nobody else waits
                assert ours.line().startswith("220")
            assert early.line().startswith("554")
            assert polite.line().startswith("220")
            polite.send("EHLO client.example\r\n")
            assert polite.line().startswith("250")
        own.wait_log(r"event=session\.unsynchronised.* behind=greeting")
        with Wire(own.address, own.ports["smtp"]) as early:
            early.send("EHLO client.example\r\n")
            assert early.line().startswith("554")
        with Wire(own.address, own.ports["smtp"]) as late:
            assert late.line().startswith("421")
        own.wait_events(r"event=network\.shut_out")
        shut_out = own.json("greylist", "shutout")
        assert [(one["network"], one["tried"], one["until"] - one["since"]) for one in shut_out] == [("127.0.0.0/24", 20, 3600)]
        assert "127.0.0.0/24  until 20" in own.run("greylist", "shutout").stdout
        own.expected_noise.append(r"event=role\.ended name=smtp")
        offset = own.log_size()
        os.kill(own.role_of("smtp"), signal.SIGKILL)  # it has them in memory alone
        own.wait_log(r"event=role\.ready name=smtp", offset)
        wait_for(lambda: own.json("greylist", "shutout") == [], "that nobody is shut out any more")


@pytest.fixture(scope="module")
def hunted():
    with Pombal(options={"harvest_slow": 2, "harvest_refuse": 6, "harvest_time": "4s"}) as own:
        yield own


def test_who_guesses_is_slowed_and_refused(hunted):
    offset = hunted.log_size()
    with session(hunted, "127.1.1.1") as first, session(hunted, "127.1.1.2") as second:
        first.mail("a@b.example")
        second.mail("a@b.example")
        answers = [(first, second)[i % 2].rcpt(f"<x{i}@{hunted.domain}>")[0] for i in range(5)]
        assert answers == [550] * 5
        second.rcpt(f"<x9@{hunted.domain}>")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            second.noop()
            second.noop()
    hunted.wait_log(r"event=network\.shut_out.* missed=6 seconds=4", offset)
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        session(hunted, "127.1.1.3")
    assert refused.value.smtp_code == 421
    with session(hunted, "127.1.2.1") as other:  # another network
        other.mail("a@b.example")
        assert other.rcpt(hunted.name("anna"))[0] == 250

    def is_let_in():
        try:
            session(hunted, "127.1.1.1").quit()
            return True
        except smtplib.SMTPConnectError:
            return False
    wait_for(is_let_in, "being let in again")


def test_who_writes_to_people_is_not_taken_for_a_guesser(hunted):
    with session(hunted, "127.1.3.1") as client:
        for i in range(12):
            client.mail("a@b.example")
            assert client.rcpt(f"<x{i}@{hunted.domain}>")[0] == 550
            assert client.rcpt(hunted.name("anna"))[0] == 250
            client.rset()


def test_rates():
    with Pombal(options={"stranger_rates": ["address=3/10", "network=6", "sender=2", "recipient=3"]}) as own:
        with session(own, "127.1.4.1") as client:
            assert client.mail("a@b.example")[0] == 250
            assert [client.rcpt(own.name("anna"))[0], client.rcpt(own.name("boris"))[0]] == [250, 250]
            client.rset()
            assert client.mail("A@b.example")[0] == 250
            client.rset()
            assert client.mail("a@b.example") == (451, b"4.7.1 that is enough from this sender for now, come again later")
            client.rset()
        with session(own, "127.1.4.2") as client:
            client.mail("b@b.example")
            answers = [client.rcpt(own.name("anna"))[0] for _ in range(3)]
            assert answers == [250, 250, 451]
            assert [client.rcpt(own.name("boris"))[0] for _ in range(3)] == [250, 250, 451]
            assert own.wait_log(r'event=recipient\.refused.* reason="451 4\.2\.1 that is enough for this recipient')
        with own.submission() as ours:  # our own people aren't counted
            for _ in range(10):
                ours.mail(own.name("anna"))
                assert ours.rcpt(own.name("boris"))[0] == 250
                ours.rset()
