"""The power goes: what was on disk at that moment is all there is afterwards. What was acknowledged is there, and what a mail
client has seen means nothing else for ever (UIDs and mod-sequences)."""
import imaplib
import random
import re
import sqlite3
import threading
import time
from collections import Counter

from disk import CutDisk
from load import ACKNOWLEDGED, ANSWER_LOST, Ledger, Mover, Numbers, Senders, Sink, Watcher, drain, read_boxes, setting, sign_in, letter
from placed import PlacedPombal
from pombal import new_address
from test_kill import ACCOUNTS, MOVERS, OPTIONS


class Modseqs:
    """Reads the account's mod-sequences over and over, as a CONDSTORE client would see them: after the cut each means the
    same state of the same message, or nothing."""

    def __init__(self, server, account):
        self.path = server.data / "accounts" / server.domain / account / "account.db"
        self.seen, self.highest, self.stopping = {}, 0, False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def read(self):
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
        try:
            return db.execute("SELECT modseq FROM account").fetchone()[0], \
                db.execute("SELECT modseq, mailbox, uid, message, flags FROM placement").fetchall()
        finally:
            db.close()

    def start(self):
        self.thread.start()

    def _run(self):
        while not self.stopping:
            try:
                highest, rows = self.read()
            except sqlite3.Error:
                return  # the disk has gone
            self.highest = max(self.highest, highest)
            for modseq, *what in rows:
                self.seen.setdefault((modseq, what[0], what[1]), what)
            time.sleep(0.05)

    def stop(self):
        self.stopping = True
        self.thread.join(20)

    def check(self):
        highest, rows = self.read()
        assert highest >= self.highest, f"{highest} after {self.highest}"
        for modseq, *what in rows:
            if modseq <= self.highest:
                assert self.seen.get((modseq, what[0], what[1]), what) == what, f"mod-sequence {modseq} is given again: {what}"


def test_power_cuts():
    cuts, target = setting("CUTS", 2), setting("MESSAGES", 300)
    began = time.monotonic()
    numbers, ledger, sink = Numbers(), Ledger(), Sink(new_address())
    deaths, acknowledged, changes, lost = [], 0, 0, 0
    with CutDisk() as disk, PlacedPombal(disk.mount_point, options={**OPTIONS, "smarthost": sink.name}, accounts=ACCOUNTS + MOVERS) as server:
        movers = [Mover(server, ledger, name, numbers) for name in MOVERS[:2]]
        for mover in movers:
            mover.prepare()
        for number in range(cuts):
            modseqs = [Modseqs(server, name) for name in (ACCOUNTS[0], MOVERS[0])]
            watcher = Watcher(server, ledger, ACCOUNTS[0], numbers)
            senders = Senders(server, ledger, ACCOUNTS, setting("SESSIONS", 20), 10 ** 9)
            for part in (*movers, watcher, senders, *modseqs):
                part.start()
            while senders.acknowledged < target / cuts and not ledger.problems:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 1))
            disk.cut(server.kill_now)
            deaths.append(time.monotonic())
            senders.stopping = True
            for part in (*movers, watcher):
                part.stopping = True
            server.reap()
            for part in (*movers, watcher, *modseqs):
                part.stop()
            senders.join(60)
            acknowledged += senders.acknowledged
            disk.mount_again()
            if number % 2:  # the command line may be the first to see what is left
                server.run("fsck", "--repair", status=None)
            server.start()
            drain(server)
            ledger.account_for(read_boxes(server, ACCOUNTS, numbers), sink, deaths)
            for mover in movers:
                mover.check_one_of()
                changes, lost = changes + mover.done, lost + mover.lost
            for part in modseqs:  # accounts go on from their ceilings when they are first used, which they have been by now
                part.check()
            # What comes now has higher numbers than all that was seen.
            session = sign_in(server, ACCOUNTS[0])
            highest = max(numbers.highest[key] for key in numbers.highest if key[:2] == (ACCOUNTS[0], "INBOX"))
            answer = session.append("INBOX", None, None, letter(f"after-{highest}"))
            assert answer[0] == "OK" and int(answer[1][0].split()[2].rstrip(b"]")) > highest, (answer, highest)
            ledger.note(f"after-{highest}", ACKNOWLEDGED, [ACCOUNTS[0]], [])
            session.logout()
            movers = [mover.again() for mover in movers]
        server.stop()
        left = server.run("fsck", "--repair", status=None).stdout
        server.run("fsck")
        server.start()
        twice = ledger.account_for(read_boxes(server, ACCOUNTS, numbers), sink, deaths)
        server.stop()
    sink.close()
    print(f"\n{cuts} power cuts; {ledger.count(ACKNOWLEDGED)} acknowledged of {len(ledger.letters)}, {ledger.count(ANSWER_LOST)} answers lost, "
          f"{twice} sent twice; {changes} IMAP changes, {lost} answers lost; {len(numbers.shown)} UIDs, "
          f"fsck: {left.strip().splitlines()[-1]}; {time.monotonic() - began:.0f} s")


class Appender:
    """A mail client that appends one message after the other, and remembers what it was told of each."""

    def __init__(self, server, account):
        self.account, self.session = account, sign_in(server, account)
        self.told, self.failure, self.stopping = {}, None, False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def _run(self):
        count = len(self.told)
        while not self.stopping:
            number = f"{self.account}-{time.monotonic_ns()}-{count}"
            flags = random.choice((None, "\\Seen", "(\\Flagged $Work)"))
            try:
                answer = self.session.append("INBOX", flags, None, letter(number) + b"x" * random.choice((0, 0, 3000, 30000, 90000 if count % 100 == 0 else 3000)))
            except (imaplib.IMAP4.abort, OSError):
                return  # the power has gone
            if answer[0] != "OK":
                self.failure = answer
                return
            self.told[int(answer[1][0].split()[2].rstrip(b"]"))] = (number, flags)
            count += 1

    def check(self, server):
        """All is there, as it was told, and what comes now is counted after it."""
        assert not self.failure, self.failure
        session = sign_in(server, self.account)
        session.select("INBOX")
        found = {}
        _, parts = session.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (X-Crash)])")
        for part in parts:
            if isinstance(part, tuple):
                found[int(re.search(rb"UID (\d+)", part[0])[1])] = re.search(rb"X-Crash: (\S+)", part[1])[1].decode(), part[0]
        for uid, (number, flags) in self.told.items():
            assert uid in found, f"{number}, UID {uid}, is lost"
            assert found[uid][0] == number and (not flags or flags.strip("()").split()[0].encode() in found[uid][1]), (number, found[uid])
        answer = session.append("INBOX", None, None, letter(f"{self.account}-after"))
        uid = int(answer[1][0].split()[2].rstrip(b"]"))
        assert uid > max(self.told), (uid, max(self.told))
        self.told[uid] = (f"{self.account}-after", None)
        session.logout()


def test_appended_messages():
    restored, told = 0, 0
    with CutDisk(640) as disk, PlacedPombal(disk.mount_point, options={**OPTIONS, "log_level": "info"}, accounts=ACCOUNTS) as server:
        before = {name: {} for name in ACCOUNTS}
        for number in range(setting("CUTS", 2)):
            appenders = [Appender(server, name) for name in ACCOUNTS]
            for one in appenders:
                one.told = before[one.account]
                one.start()
            time.sleep(random.uniform(0.5, 4))
            disk.cut(server.kill_now)
            server.reap()
            for one in appenders:
                one.stopping = True
                one.thread.join(60)
            disk.mount_again()
            offset = server.log_size()
            if number % 2:
                server.run("fsck", "--repair", status=None)
            server.start()
            for one in appenders:
                one.check(server)
            restored += server.log(offset).count("event=message.restored")
            told = sum(len(one.told) for one in appenders)
        server.stop()
        server.run("fsck", "--repair", status=None)  # files of what was under way
        server.run("fsck")
    print(f"\n{told} messages appended, {restored} of them restored from the journal")
