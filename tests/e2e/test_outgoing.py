"""A stolen password: what an account sends beyond what it may is held, told of, and let go or removed by a person."""
import email
import email.policy
import os
import shutil
import smtplib
import subprocess
import tempfile
from pathlib import Path

import pytest

import letters
from peers import ScriptedServer
from pombal import Pombal, binary, environment, new_address, tls_context, wait_for

MX_PORT = 22526
HOUR, DAY = 30, 2500


@pytest.fixture(scope="module")
def world(names):
    """A server with limits, and another that gets what it sends."""
    far = ScriptedServer(new_address(), MX_PORT)
    names.domain("victims.example", far.address)
    options = {"resolver": names.resolver, "mx_port": MX_PORT, "submission_rate": HOUR, "submission_rate_day": DAY, "submission_held": 60, "submission_notice": "1s"}
    with Pombal(options=options) as own:
        own.far = far
        yield own
    far.close()


@pytest.fixture
def thief(world, token):
    """An account of the test's own."""
    name = f"{token}@example.test"
    world.run("account", "add", name, "--password-stdin", stdin="a good long password\n")
    return name


def send(world, account, token, count, to="victims.example", each=1, password="a good long password"):
    """`count` letters to `each` recipients; gives the replies to their ends."""
    codes = []
    with world.submission(account, password) as session:
        for number in range(count):
            session.mail(account)
            for one in range(each):
                assert session.rcpt(f"v{number}.{one}.{token}@{to}")[0] == 250
            codes.append(session.data(letters.simple(f"{token} {number}", f"v{number}@{to}", account))[0])
    return codes


def got(world, token):
    return [letter for letter in world.far.letters if token.encode() in letter["letter"]]


def held(world, account):
    return world.json("queue", "list", "--account", account, "--held")


def test_what_is_too_much_is_held(world, thief, token):
    offset = world.log_size()
    assert send(world, thief, token, HOUR + 12) == [250] * (HOUR + 12)
    wait_for(lambda: len(got(world, token)) == HOUR, "what it may send to go out")
    listed = held(world, thief)
    assert len(listed) == 12 and all(one["held"] for one in listed)
    assert listed[0]["held_for"] == f"{HOUR + 1} recipients within an hour, where {HOUR} are allowed"
    text = world.run("queue", "list", "--account", thief).stdout
    assert f"HELD: <{thief}> wrote to {HOUR + 12} recipients within an hour, where {HOUR} are allowed" in text
    assert len([line for line in world.log(offset).splitlines() if "event=message.held" in line and thief in line]) == 12
    # Others aren't delayed.
    world.submit(letters.simple(token + "b", "x@victims.example", world.name("boris")), "x@victims.example", account="boris")
    wait_for(lambda: got(world, token + "b"), "another account's letter")
    # Trace knows.
    assert "held" in world.run("trace", listed[0]["id"]).stdout
    # One of them goes, the others are removed.
    assert "1 message released" in world.run("queue", "release", listed[3]["id"]).stdout
    wait_for(lambda: len(got(world, token)) == HOUR + 2, "the released letter")  # and boris'
    assert "11 messages removed" in world.run("queue", "remove", "--account", thief, "--held").stdout
    assert held(world, thief) == [] and len(got(world, token)) == HOUR + 2


def notices(world, mailbox, account, password="a good long password"):
    """The letters in this mailbox that tell of the account."""
    session = world.imap(mailbox, password, mailbox="INBOX")
    try:
        found = session.search(None, "FROM", "MAILER-DAEMON", "BODY", f'"{account}"')[1][0].split()
        return [email.message_from_bytes(session.fetch(number, "(BODY.PEEK[])")[1][0][1], policy=email.policy.default) for number in found]
    finally:
        session.logout()


@pytest.fixture(scope="module")
def postmaster(world):
    """Its password."""
    world.run("account", "password", "postmaster@example.test", "--password-stdin", stdin="a good long password\n")
    return "postmaster@example.test"


def test_a_stolen_password(world, postmaster, thief, token):
    """A thousand recipients: the first go out, the others are held, owner and postmaster are told, once; nobody else waits."""
    world.run("account", "set", thief, "--language", "ru")
    assert send(world, thief, token, 50, each=20) == [250] * 50
    to_owner = wait_for(lambda: notices(world, thief, thief), "the owner's notice")
    to_postmaster = wait_for(lambda: notices(world, postmaster, thief), "the postmaster's notice")
    assert len(to_owner) == len(to_postmaster) == 1
    text = to_postmaster[0].get_content()
    assert to_postmaster[0]["Subject"] == "Mail from an account is held: has its password been stolen?"
    assert to_postmaster[0]["Auto-Submitted"] == "auto-generated"
    assert f"recipients within an hour: 40 (allowed: {HOUR})" in text and f"The first goes to: v1.0.{token}@victims.example" in text
    assert f"In the name of: {thief}" in text and f"Sent from: client.example [{world.address}" in text.replace("127.0.0.1", world.address)
    for command in (f"pombal queue list --account {thief} --held", f"pombal queue release --account {thief}",
                    f"pombal queue remove --account {thief} --held", f"pombal account password {thief}"):
        assert command in text
    assert "было" not in text and "Письма с вашей учётной записи задержаны" in to_owner[0]["Subject"]
    assert "получателей за час: 40 (позволено: 30)" in to_owner[0].get_content()
    assert len(got(world, token)) == 1 and len(held(world, thief)) == 49
    world.wait_log(rf"event=account\.held account={thief}")
    # Once in an episode.
    assert send(world, thief, token, 1) == [250]
    world.submit(letters.simple(token + "b", world.name("boris"), world.name("boris")), world.name("boris"), account="boris")
    world.wait_mail(token + "b", "boris")
    assert "50 messages released" in world.run("queue", "release", "--account", thief).stdout
    wait_for(lambda: len(got(world, token)) == 51, "all of it")
    assert len(notices(world, thief, thief)) == 1
    # What is held after that is told of again.
    assert send(world, thief, token, 1) == [250]
    wait_for(lambda: len(notices(world, thief, thief)) == 2, "the second notice")
    world.run("queue", "remove", "--account", thief)


def test_released_together(world, thief, token):
    assert send(world, thief, token, 1, each=HOUR + 1) == [250]
    assert send(world, thief, token, 2) == [250, 250]
    assert len(held(world, thief)) == 3 and not got(world, token)
    assert "3 messages released" in world.run("queue", "release", "--account", thief).stdout
    wait_for(lambda: len(got(world, token)) == 3, "all of it")
    wait_for(lambda: world.json("queue", "list", "--account", thief) == [], "the queue to be without it")


def test_all_ways_in_are_counted_together_and_across_restarts(world, thief, token):
    assert send(world, thief, token, 1, each=HOUR - 1) == [250]
    with smtplib.SMTP(world.address, world.ports["submission"], timeout=30) as session:
        session.starttls(context=tls_context())
        session.login(thief, "a good long password")
        assert session.sendmail(thief, [f"last.{token}@victims.example"], letters.simple(token, "x@victims.example", thief)) == {}
    wait_for(lambda: len(got(world, token)) == 2, "what it may send")
    world.stop()
    world.start()
    assert send(world, thief, token, 1) == [250]
    assert len(held(world, thief)) == 1
    world.run("queue", "remove", "--account", thief)


def test_what_is_held_is_bounded(world, thief, token):
    offset = world.log_size()
    codes = send(world, thief, token, HOUR + 60 + 5)
    assert codes == [250] * (HOUR + 60) + [452] * 5, codes
    assert len(held(world, thief)) == 60
    world.wait_log(r"event=message\.refused.*452 4\.7\.1", offset)
    world.run("queue", "remove", "--account", thief, "--held")
    assert send(world, thief, token, 1) == [250]  # held, and there is room again
    assert len(held(world, thief)) == 1
    world.run("queue", "remove", "--account", thief, "--held")


def test_commands_want_to_be_told_which(world, thief):
    for command in ("hold", "release", "remove"):
        assert "meant" in world.run("queue", command, status=2).stderr
        assert thief in world.run("queue", command, "--account", thief, status=1).stderr


def test_an_account_may_send_more_or_less(world, thief, token):
    world.run("account", "set", thief, "--rate", "3", "--rate-day", "0")
    entry = world.json("account", "show", thief)
    assert (entry["rate"], entry["rate_day"]) == (3, 0)
    assert "3 recipients an hour  any number of recipients a day" in world.run("account", "show", thief).stdout
    assert send(world, thief, token, 4) == [250] * 4
    assert len(held(world, thief)) == 1
    with world.submission(thief, "a good long password") as session:  # a receipt goes with the null reverse-path, and counts
        assert session.sendmail("", [f"r.{token}@victims.example"], letters.simple(token, "x@victims.example", thief)) == {}
    assert len(held(world, thief)) == 2
    world.run("account", "set", thief, "--rate", "0")
    assert send(world, thief, token, HOUR + 5) == [250] * (HOUR + 5)
    assert len(held(world, thief)) == 2
    world.run("account", "set", thief, "--rate", "")
    assert world.json("account", "show", thief)["rate"] is None
    assert send(world, thief, token, 1) == [250]
    assert held(world, thief)[2]["held_for"].endswith(f"where {HOUR} are allowed")
    assert "not a number" in world.run("account", "set", thief, "--rate", "many", status=1).stderr
    world.run("queue", "remove", "--account", thief)
    assert send(world, world.name("anna"), token + "a", 1, password=world.password("anna")) == [250]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another")
def test_sendmail_is_counted(names, token):
    """What a program of this machine sends over the socket is its user's; that of trusted users isn't counted."""
    folder = Path(tempfile.mkdtemp(prefix="pombal-outgoing-"))
    folder.chmod(0o755)
    shutil.copy(binary(), folder / "pombal")
    (folder / "pombal").chmod(0o755)
    try:
        with Pombal(options={"sendmail_listen": [str(folder / "socket")], "sendmail_users": ["daemon"], "submission_rate": 2,
                             "submission_notice": "1s"}) as own:
            def sendmail(user):
                done = subprocess.run([folder / "pombal", "sendmail", own.name("boris")], input=f"Subject: {token}\n\nx\n".encode(), user=user, group=user,
                                      extra_groups=[], env=environment(POMBAL_SENDMAIL=str(folder / "socket")), cwd="/", timeout=60, capture_output=True)
                assert done.returncode == 0, done.stderr
            for _ in range(3):
                sendmail(65534)
            own.wait_mail(token, "boris", count=2)
            assert [one["account"] for one in own.queue() if one["held"]] == ["nobody@example.test"]
            own.wait_log(r"event=account\.held account=nobody@example\.test")
            for _ in range(3):
                sendmail(1)
            own.wait_mail(token, "boris", count=5)
            own.run("queue", "release", "--account", "nobody@example.test")
            own.wait_mail(token, "boris", count=6)
    finally:
        shutil.rmtree(folder)
