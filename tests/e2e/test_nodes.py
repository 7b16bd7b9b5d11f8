"""Servers whose queue and directory are in a PostgreSQL that they share (the options queue_storage and directory_storage)."""
import imaplib
import smtplib

import pytest

import letters
from pombal import PASSWORDS, Pombal, wait_for
from postgresql import Postgresql


@pytest.fixture(scope="module")
def database():
    own = Postgresql()
    yield own
    own.close()


@pytest.fixture(scope="module")
def server(database):
    with Pombal(queue_storage=database.url(), directory_storage=database.url()) as own:
        yield own


def may_sign_in(server, password, account="anna"):
    try:
        server.imap(account, password).logout()
    except imaplib.IMAP4.error:
        return False
    return True


def test_mail_goes_its_way(server, database, token):
    """A small letter, and one whose body is in pieces; no row is in a file of the data directory."""
    for number, letter in enumerate((letters.simple(f"{token} 0"), letters.with_attachment(f"{token} 1", 3000000))):
        with server.smtp() as session:
            assert session.sendmail("someone@elsewhere.example", ["anna@example.test"], letter) == {}
        assert letters.split_trace(server.wait_mail(f"{token} {number}")[0])[1] == letter
    wait_for(lambda: database.ask("SELECT count(*) FROM queue.message;") == "0", "the queue to be empty")
    assert database.ask("SELECT count(*) FROM queue.piece;") == database.ask("SELECT count(*) FROM queue.body;") == "0"
    assert not (server.data / "queue/queue.db").exists() and not (server.data / "directory/directory.db").exists()
    assert not list((server.data / "queue/body").iterdir())
    assert int(database.ask("SELECT count(*) FROM directory.account;")) >= 4


def test_another_server_knows_the_same_people(server, database):
    """Whose passwords stay as they are, and whom it hears of at once."""
    with Pombal(queue_storage=database.url(), directory_storage=database.url(), accounts=()) as other:
        assert "password" not in other.init_output
        wait_for(lambda: may_sign_in(other, PASSWORDS["anna"]), "anna to be let in")
        server.run("account", "password", "anna@example.test", "--password-stdin", stdin="another-word-7\n")
        wait_for(lambda: not may_sign_in(other, PASSWORDS["anna"]) and may_sign_in(other, "another-word-7"), "the other server to hear of it")
        server.run("account", "password", "anna@example.test", "--password-stdin", stdin=PASSWORDS["anna"] + "\n")
        assert other.json("queue", "list") == server.json("queue", "list") == []


def test_they_come_back_when_the_database_does(server, database, token):
    """Meanwhile mail is refused for now, and nobody is told that his password is wrong."""
    server.expected_noise += ["database", "directory.failed", "queue", "known", "delivery", "message", "role.ended"]
    database.stop()
    try:
        with server.smtp() as session:
            with pytest.raises((smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)) as refused:
                session.sendmail("someone@elsewhere.example", ["anna@example.test"], letters.simple(token))
        assert " 4" in str(refused.value).replace("(4", " 4")
        with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"):
            server.imap()
    finally:
        database.start()

    def goes_through():
        try:
            with server.smtp() as session:
                return session.sendmail("someone@elsewhere.example", ["anna@example.test"], letters.simple(token)) == {}
        except smtplib.SMTPException:
            return False
    wait_for(goes_through, "mail to be taken again")
    wait_for(lambda: may_sign_in(server, PASSWORDS["anna"]), "anna to be let in again")
    server.wait_mail(token)
