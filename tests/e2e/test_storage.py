"""A server whose people's rows are in a PostgreSQL (the option `storage`): everything is as with files."""
import re
import subprocess

import pytest

import letters
from pombal import Pombal, binary, environment, wait_for
from postgresql import Postgresql


@pytest.fixture(scope="module")
def database():
    own = Postgresql()
    yield own
    own.close()


@pytest.fixture(scope="module")
def server(database):
    with Pombal(storage=database.url()) as own:
        yield own


def test_what_is_delivered_is_read(server, database, token):
    letter = letters.with_attachment(token, 20000)
    with server.smtp() as session:
        assert session.sendmail("someone@elsewhere.example", ["anna@example.test"], letter) == {}
    assert letters.split_trace(server.wait_mail(token)[0])[1] == letter
    session = server.pop3()
    count = session.stat()[0]
    assert letters.split_trace(b"\r\n".join(session.retr(count)[1]) + b"\r\n")[1] == letter
    session.quit()
    assert server.count_mail(token, "boris") == 0
    assert not list((server.data / "accounts").glob("**/account.db"))
    assert int(database.ask("SELECT count(*) FROM mail.pombal_part;")) >= 4


def test_mailboxes_and_flags(server, token):
    for number in range(3):
        server.deliver(letters.simple(f"{token} {number}"))
    session = server.imap(mailbox="INBOX")
    assert session.create("work/now")[0] == session.subscribe("work/now")[0] == "OK"
    uids = session.uid("SEARCH", "SUBJECT", f'"{token}"')[1][0].split()
    assert len(uids) == 3
    assert session.uid("STORE", uids[0], "+FLAGS", r"(\Flagged $Important)")[0] == "OK"
    assert session.uid("MOVE", b",".join(uids[:2]), "work/now")[0] == "OK"
    assert session.append("work/now", r"(\Seen)", None, letters.simple(f"{token} appended"))[0] == "OK"
    assert session.rename("work/now", "work/done")[0] == session.select("work/done")[0] == "OK"
    flags = [set(one.split()) - {rb"\Recent"} for one in re.findall(rb"FLAGS \(([^)]*)\)", b" ".join(session.fetch("1:*", "FLAGS")[1]))]
    assert flags == [{rb"\Flagged", b"$Important"}, set(), {rb"\Seen"}]
    assert session.store("2", "+FLAGS", r"\Deleted")[0] == session.expunge()[0] == "OK"
    assert session.status("work/done", "(MESSAGES UIDNEXT)")[1] == [b"work/done (MESSAGES 2 UIDNEXT 4)"]
    session.logout()


def test_idle_hears_of_a_delivery(server, token):
    session = server.imap(mailbox="INBOX")
    session.send(b"x1 IDLE\r\n")
    assert session.readline().startswith(b"+")
    server.deliver(letters.simple(token))
    while b"EXISTS" not in session.readline():
        pass
    session.send(b"DONE\r\n")
    while not session.readline().startswith(b"x1 OK"):
        pass
    session.logout()


def test_the_command_line(server, token, tmp_path):
    server.deliver(letters.simple(token))
    server.wait_mail(token)
    server.run("account", "set", "anna@example.test", "--quota", "1M")
    assert server.run("fsck").stdout
    server.run("export", "anna@example.test", tmp_path / "anna")
    server.run("account", "add", "carla@example.test", "--password-stdin", stdin="one-time-word-4\n")
    server.run("import", "carla@example.test", tmp_path / "anna")
    session = server.imap("carla", password="one-time-word-4", mailbox="INBOX")
    assert session.search(None, "SUBJECT", f'"{token}"')[1][0].split()
    session.logout()
    server.run("account", "remove", "carla@example.test")
    server.run("account", "set", "anna@example.test", "--quota", "0")


def test_a_quota_holds(server, token):
    server.add_account("quota@example.test", "one-time-word-4")
    server.run("account", "set", "quota@example.test", "--quota", "10000")
    session = server.imap("quota", password="one-time-word-4")
    assert session.append("INBOX", None, None, letters.with_attachment(token, 30000))[0] == "NO"
    assert session.append("INBOX", None, None, letters.simple(token))[0] == "OK"
    session.logout()


def test_it_comes_back_when_the_database_does(server, database, token):
    session = server.imap(mailbox="INBOX")
    database.stop()
    server.expected_noise += ["database", "delivery.deferred", "store", "message", "queue"]
    try:
        assert session.status("INBOX", "(MESSAGES)")[0] == "NO"
        with server.smtp() as sending:  # is taken, and waits
            assert sending.sendmail("someone@elsewhere.example", ["boris@example.test"], letters.simple(token)) == {}
    finally:
        database.start()
    wait_for(lambda: session.status("INBOX", "(MESSAGES)")[0] == "OK", "the session to go on")
    session.logout()
    server.run("queue", "flush")
    server.wait_mail(token, "boris")


def init(folder, url):
    return subprocess.run([binary(), "init", "--dev", "--data", folder, "--storage", url], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_what_cannot_be_a_storage_is_refused(database, tmp_path):
    """In one line, before anything is made."""
    for url, says in ((database.url("pombal"), "row-level security"), (database.url("nobody"), "nobody"), (database.url(database="none"), "none"),
                      ("postgresql://mail@127.0.0.1:9/mail", "127.0.0.1"), ("mysql://mail@/mail", "postgresql://"), (database.url() + "#Mail", "small letters")):
        done = init(tmp_path / "data", url)
        assert done.returncode != 0 and says in done.stdout.decode() and done.stdout.decode().count("\n") == 1, done.stdout.decode()
    assert init(tmp_path / "data", database.url() + "#second").returncode == 0
    assert database.ask("SELECT count(*) FROM second_mail.pombal_part;") == "3"
