"""Damage of every kind, planted by hand: `pombal fsck` finds it, `--repair` mends it, and a second look finds nothing."""
import os
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

import letters
from load import observe, sign_in
from pombal import PASSWORDS, Pombal
from test_kill import OPTIONS


def sql(text):
    return lambda place: place.database.execute(text)


def eml(place, which=0):
    return sorted(place.folder.glob("mail/*/*.eml"))[which]


def write_over(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def misplace(place):
    other = place.folder / "mail" / "2001-01"
    other.mkdir(mode=0o700)
    path = eml(place)
    path.rename(other / path.name)


def remove_database(place):
    place.close()
    for path in place.folder.glob("account.db*"):
        path.unlink()


def spoil_database(place):
    place.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    place.close()
    write_over(place.folder / "account.db", 0, b"This is no database at all. " * 400)


def cut_database(place):
    place.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    place.close()
    os.truncate(place.folder / "account.db", 5000)


def spoil_page(place):
    """The root page of the placements, in the middle of a sound file."""
    place.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = place.database.execute("PRAGMA page_size").fetchone()[0]
    page = place.database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'placement'").fetchone()[0]
    place.close()
    write_over(place.folder / "account.db", size * (page - 1), b"\xff" * size)


# kind: (what is done, what fsck says, how many letters the INBOX shows after the repair)
DAMAGE = {
    "file-missing": (lambda place: eml(place).unlink(), "has lost its file", 2),
    "file-cut": (lambda place: os.truncate(eml(place), 100), "is not what was written", 3),
    "file-changed": (lambda place: write_over(eml(place), 300, b"X"), "is not what was written", 3),
    "file-no-message": (lambda place: shutil.copy(eml(place), eml(place).with_name("0000000000001.eml")), "file without a message|wrong folder", 3),
    "file-strange": (lambda place: (place.folder / "mail" / "notes.txt").write_text("x"), "", 3),
    "file-misplaced": (misplace, "wrong folder", 3),
    "summary": (sql("UPDATE message SET summary = X'ff00ff' WHERE id = (SELECT max(id) FROM message)"), "summary .* cannot be read", 3),
    "summary-empty": (sql("UPDATE message SET summary = X'' WHERE id = (SELECT max(id) FROM message)"), "summary .* cannot be read", 3),
    "hash": (sql("UPDATE message SET hash = zeroblob(32) WHERE id = (SELECT max(id) FROM message)"), "is not what was written", 3),
    "placement-no-mailbox": (sql("UPDATE placement SET mailbox = 999 WHERE uid = 2"), "mailbox that doesn't exist", 3),
    "placement-no-message": (sql("DELETE FROM message WHERE id = (SELECT min(id) FROM message)"), "a message that doesn't exist", 3),
    "placement-size": (sql("UPDATE placement SET size = size + 1 WHERE uid = 1"), "another size or date", 3),
    "placement-lost": (sql("DELETE FROM placement WHERE uid = 1"), "wrong count of placements", 3),
    "refs": (sql("UPDATE message SET refs = 7"), "wrong count of placements", 3),
    "shown-and-expunged": (sql("UPDATE message SET expunged = 1"), "shown and expunged", 3),
    "shown-nowhere": (lambda place: place.database.executescript(
        "DELETE FROM placement WHERE uid = 1; UPDATE message SET refs = 0 WHERE id = (SELECT min(id) FROM message);"), "no mailbox shows", 3),
    "counters": (sql("UPDATE mailbox SET messages = 77, unseen = 78, bytes = 1 WHERE name = 'INBOX'"), "counters of mailbox", 3),
    "uidnext-behind": (sql("UPDATE mailbox SET uidnext = 1 WHERE name = 'INBOX'"), "counters of mailbox", 3),
    "ceiling-behind": (sql("UPDATE mailbox SET uid_ceiling = 0 WHERE name = 'INBOX'"), "counters of mailbox", 3),
    "modseq-behind": (sql("UPDATE mailbox SET modseq = 0 WHERE name = 'INBOX'"), "counters of mailbox", 3),
    "account-sums": (sql("UPDATE account SET messages = 5, bytes = 5"), "the account counts", 3),
    "account-numbers": (sql("UPDATE account SET modseq = 1"), "numbers are behind", 3),
    "account-ids": (sql("UPDATE account SET last_id = 1"), "numbers are behind", 3),
    "account-ceiling": (sql("UPDATE account SET modseq_ceiling = 1"), "numbers are behind", 3),
    "account-row": (sql("DELETE FROM account"), "damaged or missing", 3),
    "no-inbox": (sql("UPDATE mailbox SET name = 'Lost' WHERE name = 'INBOX'"), "no INBOX", 0),
    "database-missing": (remove_database, "damaged or missing", 3),
    "database-overwritten": (spoil_database, "damaged or missing", 3),
    "database-cut": (cut_database, "damaged or missing", 3),
    "database-page": (spoil_page, "damaged or missing", 3),
}
for name in DAMAGE:
    PASSWORDS[name] = "the secret of " + name


class Place:
    def __init__(self, server, account):
        self.folder = server.data / "accounts" / server.domain / account
        self.database = sqlite3.connect(self.folder / "account.db", isolation_level=None)

    def close(self):
        self.database.close()


@pytest.fixture(scope="module")
def planted():
    """All the damage at once, each in an account of its own; what fsck says of it, and what remains after its repair."""
    with Pombal(options=OPTIONS, accounts=list(DAMAGE)) as server:
        server.expected_noise += [r"level=error"]
        for number in range(3):
            for account in DAMAGE:  # one by one: recipients of one letter share its file, and its damage
                server.deliver(letters.with_attachment(f"letter {number}", 3000, seed=number), account)
        server.wait_queue_empty()
        for account in DAMAGE:  # letters to who isn't there may wait in arrived/, and have no rows to be damaged
            assert sign_in(server, account).select("INBOX")[1] == [b"3"]
        server.stop()
        assert server.run("fsck").stdout.startswith(f"{3 * len(DAMAGE)} messages, 0 problems")
        for account, (damage, _, _) in DAMAGE.items():
            place = Place(server, account)
            damage(place)
            place.close()
        first = server.run("fsck", status=1).stdout
        server.run("fsck", "--repair", status=None)
        second = server.run("fsck", status=None).stdout
        server.start()
        shown = {}
        for account in DAMAGE:
            session = sign_in(server, account)
            shown[account] = int(session.select("INBOX")[1][0])
            assert len(observe(session, account, "INBOX", whole=True)) == shown[account]
            before = max([0, *observe(session, account, "INBOX")])
            answer = session.append("INBOX", None, None, letters.simple("afterwards"))
            assert answer[0] == "OK" and int(re.search(rb"APPENDUID \d+ (\d+)", answer[1][0])[1]) > before, (account, answer)
            session.logout()
        yield first, second, shown


@pytest.mark.parametrize("account", DAMAGE)
def test_account_damage(planted, account):
    first, second, shown = planted
    _, words, count = DAMAGE[account]
    said = "\n".join(line for line in first.splitlines() if line.startswith(f"{account}@"))
    assert re.search(words, said) and (said or not words), f"fsck says of {account}: {said!r}"
    assert f"{account}@" not in second, second
    assert shown[account] == count


QUEUE_DAMAGE = {
    "no-recipients": ("DELETE FROM recipient WHERE message = {small}", "has no recipients"),
    "no-message": ("INSERT INTO recipient (message, number, address, original, notify, held, next_attempt, expires, last_attempt, attempts, delay_notified,"
                   " last_error) SELECT 12345, number, address, original, notify, held, next_attempt, expires, last_attempt, attempts, delay_notified, last_error"
                   " FROM recipient WHERE message = {small}", "which doesn't exist"),
    "no-body": ("DELETE FROM body WHERE message = {small}", "has no body"),
    "body-size": ("UPDATE body SET bytes = X'61' WHERE message = {small}", "another size"),
    "body-astray": ("INSERT INTO body (message, bytes) VALUES (12345, X'61')", "a body of message"),
    "file-missing": (lambda folder: next(folder.glob("body/*")).unlink(), "is missing"),
    "file-cut": (lambda folder: os.truncate(next(folder.glob("body/*")), 10), "no file of the size"),
    "file-astray": (lambda folder: (folder / "body" / "0000000000001").write_bytes(b"x"), "belongs to no message"),
}


@pytest.fixture(scope="module")
def queue(tmp_path_factory):
    """A stopped server with a small and a large message in its queue, and a copy of the queue."""
    with Pombal(options={**OPTIONS, "smarthost": "127.0.0.1:1", "connect_timeout": "1s", "retry_schedule": ["1h"]}, accounts=[]) as server:
        session = server.smtp()
        for size in (1000, 300000):
            session.sendmail("a@elsewhere.example", ["b@far.example"], letters.with_attachment("letter", size))
        session.quit()
        server.stop()
        kept = tmp_path_factory.mktemp("queue") / "queue"
        shutil.copytree(server.data / "queue", kept)
        yield server, kept


@pytest.mark.parametrize("kind", QUEUE_DAMAGE)
def test_queue_damage(queue, kind):
    server, kept = queue
    folder = server.data / "queue"
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)
    assert server.run("fsck").stdout.startswith("0 messages, 0 problems")
    damage, words = QUEUE_DAMAGE[kind]
    if callable(damage):
        damage(folder)
    else:
        db = sqlite3.connect(folder / "queue.db", isolation_level=None)
        db.execute(damage.format(small=db.execute("SELECT id FROM message WHERE in_file = 0").fetchone()[0]))
        db.close()
    said = server.run("fsck", status=1).stdout
    assert re.search(words, said), said


def test_snapshot_brings_back_folders_and_flags():
    PASSWORDS["kept"] = "the secret of kept"
    with Pombal(options=OPTIONS, accounts=["kept"]) as server:
        session = sign_in(server, "kept")
        session.create("Work/Old")
        for number in range(3):
            assert session.append("Work/Old", "(\\Flagged important)", None, letters.simple(f"letter {number}"))[0] == "OK"
        session.logout()
        server.stop()
        folder = server.data / "accounts" / server.domain / "kept"
        name = sorted(Path(folder).glob("mail/*/*.eml"))[-1].stem
        source, target = sqlite3.connect(folder / "account.db"), sqlite3.connect(folder / f"snapshot-{name}.db")
        source.backup(target)  # as the server makes one each day
        source.close()
        target.close()
        os.chmod(folder / f"snapshot-{name}.db", 0o600)
        server.start()
        session = sign_in(server, "kept")
        assert session.append("INBOX", None, None, letters.simple("later than the snapshot"))[0] == "OK"
        session.logout()
        server.stop()
        for path in folder.glob("account.db*"):
            path.unlink()
        server.run("fsck", status=1)
        server.run("fsck", "--repair")
        server.run("fsck")
        server.start()
        session = sign_in(server, "kept")
        assert session.select("Work/Old")[1][0] == b"3"
        assert session.search(None, "FLAGGED", "KEYWORD", "important")[1][0].split() == [b"1", b"2", b"3"]
        assert session.select("INBOX")[1][0] == b"1"
        session.logout()


def test_one_account_that_cannot_be_checked_keeps_no_other_from_it():
    PASSWORDS["second"] = "the secret of second"
    with Pombal(options=OPTIONS, accounts=["second"]) as server:
        server.stop()
        place = Place(server, "second")
        place.database.execute("UPDATE account SET messages = 5")
        place.close()
        done = server.run("fsck", "nobody@example.test", "second@example.test", status=1)
        assert "second@example.test: the account counts 5 messages" in done.stdout, done.stdout
        assert "nobody@example.test" in done.stderr, done.stderr


def contents(folder):
    """Every file below that holds something, but for the index that SQLite makes anew with each opening."""
    files = {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file() and not path.name.endswith("-shm")}
    return {path: held for path, held in files.items() if held}


def test_a_torn_copy_is_told_and_left_as_it_is():
    """What a power cut has taken is a problem, as often as one asks; only a repair lets it go, and says so."""
    PASSWORDS["torn"] = "the secret of torn"
    with Pombal(options=OPTIONS, accounts=["torn"]) as server:
        session = sign_in(server, "torn")
        for number in range(5):
            assert session.append("INBOX", None, None, letters.simple(f"letter {number}"))[0] == "OK"
        session.logout()
        server.stop()
        place = Place(server, "torn")
        place.database.execute("UPDATE account SET durable_id = 0")
        place.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        place.close()
        state = server.data / "run/state"
        state.write_text(state.read_text().replace("clean", "running"))
        files = sorted(place.folder.glob("mail/*/*.eml"))
        os.truncate(files[1], 0)
        files[3].unlink()
        before = contents(server.data / "accounts")
        for _ in range(2):
            said = server.run("fsck", "torn@example.test", status=1).stdout
            assert "is not what was written" in said and "has lost its file" in said and "5 messages, 2 problems, 0 repaired" in said, said
        assert contents(server.data / "accounts") == before and "running" in state.read_text()
        said = server.run("fsck", "--repair", "torn@example.test").stdout
        assert len(re.findall("was not on disk when the machine stopped", said)) == 2 and "2 problems, 2 repaired" in said, said
        assert "3 messages, 0 problems" in server.run("fsck", "torn@example.test").stdout
