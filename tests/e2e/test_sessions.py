"""Sessions outlive neither a password, nor disabling, nor removal of their account, on any protocol, whatever they are doing; and
`pombal session` lists and ends them."""
import base64
import imaplib
import os
import re
import signal
import socket
import time

import pytest

from pombal import Pombal, wait_for
from wire import Imap, Scram

LETTER = b"From: someone@elsewhere.example\r\nTo: anna@example.test\r\nSubject: hello\r\nMessage-ID: <one@elsewhere.example>\r\n\r\nfor anna\r\n"
# A second is promised; what the machine that runs this takes for processes to be scheduled comes on top.
AT_ONCE = 1.5


@pytest.fixture(scope="module")
def server():
    with Pombal(accounts=("anna", "boris")) as one:
        yield one


@pytest.fixture
def anna(server):
    """An account of the test's own, with a letter."""
    anna.count += 1
    name = f"anna{anna.count}@example.test"
    server.add_account(name, "the right word")
    server.deliver(LETTER, name)
    return name


anna.count = 0


def disable(server, name):
    server.run("account", "set", name, "--disabled")


def new_password(server, name):
    server.run("account", "password", name, "--password-stdin", stdin="another word\n")


def set_password(server, name):
    server.run("account", "set", name, "--password-stdin", stdin="another word\n")


def remove(server, name):
    server.run("account", "remove", name)


def end(server, name):
    server.run("session", "end", name)


CHANGES = [disable, new_password, set_password, remove, end]


def rest_of(sock, within=AT_ONCE):
    """What comes until the server closes; fails if it doesn't in time."""
    until = time.monotonic() + within
    got = b""
    while True:
        sock.settimeout(max(0.01, until - time.monotonic()))
        try:
            more = sock.recv(65536)
        except (TimeoutError, socket.timeout):
            raise AssertionError(f"the session goes on after {within} s; it said {got[-200:]}")
        except ConnectionError:
            return got
        if not more:
            return got
        got += more


def imap_waiting(server, name):
    return server.imap(name, "the right word", "INBOX").sock


def imap_not_selected(server, name):
    return server.imap(name, "the right word").sock


def imap_idle(server, name):
    sock = server.imap(name, "the right word", "INBOX").sock
    sock.sendall(b"x IDLE\r\n")
    assert b"+ " in sock.recv(1000)
    return sock


def imap_appending(server, name):
    sock = server.imap(name, "the right word").sock
    sock.sendall(b"x APPEND INBOX {10000000}\r\n")
    assert b"+ " in sock.recv(1000)
    sock.sendall(b"x" * 100000)
    return sock


def pop3(server, name):
    return server.pop3(name, "the right word").sock


def submission(server, name):
    return server.submission(name, "the right word").sock


def submission_in_data(server, name):
    session = server.submission(name, "the right word")
    session.mail(name)
    session.rcpt("someone@elsewhere.example")
    session.putcmd("DATA")
    assert session.getreply()[0] == 354
    session.sock.sendall(b"From: " + name.encode() + b"\r\nSubject: half\r\n\r\nhalf")
    return session.sock


@pytest.mark.parametrize("change", CHANGES)
def test_every_session_ends_at_once(server, anna, change):
    opened = [imap_waiting, imap_not_selected, imap_idle, imap_appending, submission, submission_in_data, pop3]
    sessions = [make(server, anna) for make in opened]
    other = server.imap("boris", mailbox="INBOX")
    began = time.monotonic()
    change(server, anna)
    told = [rest_of(sock) for sock in sessions]
    assert time.monotonic() - began < 10
    for make, words in zip(opened, told):
        assert words.startswith({"imap": b"* BYE", "subm": b"421 ", "pop3": b"-ERR"}[make.__name__[:4]]), (make, words)
    assert other.noop()[0] == "OK"
    other.logout()
    ended = re.findall(rf'event=session\.ended .*account={anna} service=(\w+) address=\S+ reason="?([^"\n]*)', server.log())
    assert sorted(service for service, _ in ended) == ["imap"] * 4 + ["pop3"] + ["smtp"] * 2
    assert len({reason for _, reason in ended}) == 1
    assert {disable: "disabled", remove: "no such account", end: "administrator"}.get(change, "another password") in ended[0][1]


def test_what_is_no_new_password_ends_nothing(server, anna):
    session = server.imap(anna, "the right word", "INBOX")
    server.run("account", "set", anna, "--name", "Anna", "--quota", "1G", "--enabled")
    server.run("account", "grant", anna, "sales@elsewhere.example")
    time.sleep(0.6)
    assert session.noop()[0] == "OK"
    session.logout()


def test_a_long_answer_stops(server, anna):
    """A client that is being answered gets no further byte, and one that doesn't read doesn't keep its session."""
    big = b"Subject: big\r\n\r\n" + b"0123456789abcdef" * 4 * 1024 * 4 + b"\r\n"
    for _ in range(4):
        server.deliver(big, anna)
    wait_for(lambda: server.imap(anna, "the right word").select("INBOX")[1][0] == b"5", "the letters")
    for reads in (True, False):
        sock = server.imap(anna, "the right word", "INBOX").sock
        sock.sendall(b"".join(b"x%d FETCH 1:* BODY.PEEK[]\r\n" % i for i in range(2000)))
        got = 0
        if reads:
            while got < 3000000:
                got += len(sock.recv(65536))
        else:
            time.sleep(0.3)
        end(server, anna)
        if not reads:
            time.sleep(0.6)
        rest = rest_of(sock)
        assert len(rest) < 40 * 1024 * 1024, "everything was sent"
        wait_for(lambda: server.json("session", "list", anna) == [], "the session to go", 3)


def test_the_new_owner_of_a_name_is_alone(server, anna):
    """An old session must never read, count or change what belongs to the next who has the name. It asks without a pause."""
    sessions = [server.imap(anna, "the right word"), server.imap(anna, "the right word", "INBOX")]
    server.run("account", "remove", anna)
    server.add_account(anna, "new owner")
    server.deliver(LETTER.replace(b"for anna", b"for the next"), anna)
    for session in sessions:
        try:
            for _ in range(3):
                for command in (lambda: session.status("INBOX", "(MESSAGES)"), lambda: session.select("INBOX"), lambda: session.list(),
                                lambda: session.fetch("1:*", "(UID BODY[])"), lambda: session.append("INBOX", None, None, LETTER)):
                    try:
                        status, answer = command()
                    except imaplib.IMAP4.error as refused:
                        if isinstance(refused, imaplib.IMAP4.abort):
                            raise
                        continue
                    assert status != "OK", answer
        except (imaplib.IMAP4.abort, OSError):
            pass
    mine = server.imap(anna, "new owner", "INBOX")
    assert mine.fetch("1:*", "(BODY[])")[1][0][1].endswith(b"for the next\r\n") and mine.select("INBOX")[1] == [b"1"]
    mine.logout()


def test_a_race_for_the_name_is_never_won(server, anna):
    """The same with no time between: the old session keeps asking for INBOX while the account is removed and made anew."""
    session = server.imap(anna, "the right word")
    sock = session.sock
    commands = [["account", "remove", anna], ["account", "add", anna, "--password-stdin"]]
    if os.fork() == 0:
        try:
            server.run(*commands[0])
            server.run(*commands[1], stdin="new owner\n")
            server.deliver(LETTER.replace(b"for anna", b"for the next"), anna)
        finally:
            os._exit(0)
    got = b""
    try:
        sock.settimeout(5)
        for i in range(100000):
            sock.sendall(b"x%d EXAMINE INBOX\r\ny%d FETCH 1:* BODY.PEEK[TEXT]\r\n" % (i, i))
            while b"\r\ny%d " % i not in got and not got.startswith(b"y%d " % i):
                more = sock.recv(65536)
                if not more:
                    raise ConnectionError
                got = got[-10000:] + more
                assert b"for the next" not in got
    except OSError:
        pass
    os.wait()
    assert b"BYE" in got or b"" == got[:0]


def test_signing_in_again_needs_the_new_password(server, anna):
    server.imap(anna, "the right word").logout()  # the password was verified a moment ago
    new_password(server, anna)
    with pytest.raises(imaplib.IMAP4.error):
        server.imap(anna, "the right word")
    server.imap(anna, "another word").logout()
    server.pop3(anna, "another word").quit()


def test_an_exchange_that_waited_for_the_new_password_is_too_late(server, anna):
    """SCRAM read the keys when it began; its end, after the change, proves the old password."""
    scram = Scram(anna, "the right word")
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        imap.send("a AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(scram.first()).decode() + "\r\n")
        challenge = base64.b64decode(imap.line()[2:])
        new_password(server, anna)
        imap.send(base64.b64encode(scram.final(challenge)).decode() + "\r\n")
        answer = imap.line()
        if answer.startswith("+ "):
            imap.send("\r\n")
            answer = imap.line()
        assert answer.startswith("a NO"), answer


@pytest.mark.parametrize("role", ["auth", "reader", "smtp"])
def test_a_change_while_a_role_is_away(server, anna, role):
    """What changes while the auth role is down, it tells when it is back; what a restarted role held is gone anyway."""
    server.expected_noise.append(rf"level=error.* event=role\.ended name={role}")
    sessions = {"reader": imap_idle(server, anna), "smtp": submission(server, anna)}
    pid = server.role_of(role)
    os.kill(pid, signal.SIGSTOP)
    disable(server, anna)
    os.kill(pid, signal.SIGKILL)
    for sock in sessions.values():
        rest_of(sock, 5)
    wait_for(lambda: server.role_pids().get(role) not in (None, pid), "the role to come back")


def test_sessions_are_listed_and_ended(server, anna):
    imap = server.imap(anna, "the right word", "INBOX")
    imap.xatom("ID", '("name" "Test \\"client\\"" "version" "1")')
    imap.sock.sendall(b"x IDLE\r\n")
    imap.sock.recv(1000)
    smtp = server.submission(anna, "the right word")
    found = {entry["protocol"]: entry for entry in server.json("session", "list", anna)}
    assert sorted(found) == ["imap", "smtp"]
    assert found["imap"]["client"] == 'Test "client"' and found["imap"]["doing"] == "IDLE" and not found["imap"]["busy"]
    assert found["smtp"]["client"] == "client.example" and found["smtp"]["tls"].startswith("TLSv1.")
    assert all(entry["account"] == anna and entry["address"].startswith("127.") and abs(entry["since"] - time.time()) < 60
               for entry in found.values())
    assert anna in server.run("session", "list").stdout and "IDLE" in server.run("session", "list", anna).stdout
    assert "1 session ended" in server.run("session", "end", found["smtp"]["id"]).stdout
    assert rest_of(smtp.sock).startswith(b"421 ")
    assert [entry["protocol"] for entry in server.json("session", "list", anna)] == ["imap"]
    assert "1 session ended" in server.run("session", "end", anna.upper()).stdout
    assert rest_of(imap.sock).startswith(b"* BYE")
    assert server.json("session", "list", anna) == []
    assert f"account={anna} count=1 by=" in server.log() + (server.data / "log" / "events.log").read_text()
    assert "no session of" in server.run("session", "end", anna, status=1).stderr
    assert "neither" in server.run("session", "end", "nonsense", status=1).stderr


def test_many_sessions_are_listed():
    """More than a socket's buffer holds."""
    with Pombal(options={"account_connections": 1000, "connections": 2000}) as server:
        sessions = []
        for _ in range(600):
            sock = socket.create_connection((server.address, server.ports["imap"]))
            sock.sendall(b'a LOGIN boris@example.test "x"\r\n')
            sessions.append(sock)
        for sock in sessions:
            sock.close()
        server.configure(plaintext_auth=True)
        server.reload()
        words = server.password("anna").encode()
        sessions = []
        for _ in range(600):
            sock = socket.create_connection((server.address, server.ports["imap"]))
            sock.sendall(b'i ID ("name" "' + b"n" * 1000 + b'")\r\na LOGIN anna@example.test "' + words + b'"\r\n')
            sessions.append(sock)
        for sock in sessions:
            got = b""
            while b"\r\na " not in got:
                got += sock.recv(65536)
            assert b"a OK" in got
        assert len(server.json("session", "list")) == 600
        assert "600 sessions ended" in server.run("session", "end", "anna@example.test").stdout
        for sock in sessions:
            assert b"* BYE" in rest_of(sock, 5)
            sock.close()


def test_without_a_server(tmp_path):
    with Pombal(start=False) as server:
        assert "no server is running" in server.run("session", "list", status=1).stderr
