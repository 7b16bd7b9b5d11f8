"""A letter that is to be sent later (FUTURERELEASE, RFC 4865): it waits in the queue, and nowhere else, until its time."""
import datetime
import email
import time

import pytest

import letters
from pombal import Pombal, wait_for
from wire import Smtp

HOUR = 3600


@pytest.fixture(scope="module")
def own():
    with Pombal() as made:
        yield made


def later(server, token, *options, to="boris", **more):
    server.submit(letters.simple(token, server.name(to), server.name("anna")), server.name(to), mail_options=options, **more)
    return wait_for(lambda: next((one for one in server.queue() if server.name(to) in str(one) and one["waiting"]), None), "the letter in the queue")


def utc(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def has(server, token, account="boris"):
    return server.count_mail(token, account) > 0


def test_offered_where_people_submit(own):
    with Smtp(own.address, own.ports["submission"]) as session:
        keyword, longest, until = next(line[4:].split() for line in session.hello.split("\n") if "FUTURERELEASE" in line)
        assert int(longest) == 31536000
        ahead = datetime.datetime.fromisoformat(until.replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
        assert abs(ahead.total_seconds() - int(longest)) < 60
    with Smtp(own.address, own.ports["smtp"]) as session:
        assert "FUTURERELEASE" not in session.hello
        session.expect("MAIL FROM:<x@elsewhere.example> HOLDFOR=60", 555)


@pytest.mark.parametrize("say", [lambda: "HOLDFOR=4", lambda: f"HOLDUNTIL={utc(4)}"])
def test_it_comes_at_its_time(own, token, say):
    begun = time.monotonic()
    one = later(own, token, say())
    assert not one["held"] and one["release"] > time.time()
    assert "waits until" in own.run("queue", "list", one["id"]).stdout
    assert not has(own, token)
    own.wait_mail(token, "boris")
    assert time.monotonic() - begun >= 2.9
    own.wait_log(f"event=message.waits id={one['id']}")


def test_a_stop_in_between_changes_nothing(token):
    with Pombal() as own:
        later(own, token, "HOLDFOR=20")
        own.stop()
        own.start()
        assert not has(own, token)
        own.wait_mail(token, "boris")


def test_after_a_kill(token):
    with Pombal() as own:
        later(own, token, "HOLDFOR=4")
        own.kill()
        own.start()
        own.wait_mail(token, "boris")


def test_people_can_send_it_at_once(own, token):
    one = later(own, token, f"HOLDFOR={HOUR}")
    own.run("queue", "flush")
    own.run("queue", "release", "--account", own.name("anna"), status=1)  # nothing is held
    time.sleep(1)
    assert not has(own, token)
    own.run("queue", "release", one["id"])
    own.wait_mail(token, "boris")


def test_removed_it_never_comes(own, token):
    one = later(own, token, "HOLDFOR=2")
    own.run("queue", "remove", one["id"])
    time.sleep(3)
    assert not has(own, token)


def test_report(own, token):
    """The report says what was asked for, and times of delivery count from its release."""
    until = utc(3)
    later(own, token, f"HOLDUNTIL={until}", "RET=HDRS", rcpt_options=("NOTIFY=SUCCESS",))
    own.wait_mail(token, "boris")
    letter = email.message_from_bytes(own.wait_mail("MAILER-DAEMON", "anna", header="From")[0])
    status = next(part for part in letter.walk() if part.get_content_type() == "message/delivery-status")
    about, whom = status.get_payload()
    assert about["Future-Release-Request"] == f"until; {until}"
    assert whom["Action"] == "delivered"


def test_only_so_many_wait(token):
    with Pombal(options={"future_release_messages": 2}) as own:
        for number in range(2):
            own.submit(letters.simple(f"{token}-{number}", own.name("boris"), own.name("anna")), own.name("boris"), mail_options=(f"HOLDFOR={HOUR}",))
        with Smtp(own.address, own.ports["submission"]) as session:
            session.secure()
            assert session.login(own.name("anna"), own.password("anna")).startswith("235")
            session.envelope(own.name("anna"), own.name("boris"), mail=f" HOLDFOR={HOUR}")
            assert session.data(letters.simple(token, own.name("boris"), own.name("anna"))).startswith("452 4.7.1 ")
        own.submit(letters.simple(token, own.name("boris"), own.name("anna")), own.name("boris"))
        own.wait_mail(token, "boris")
