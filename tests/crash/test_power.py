"""The power goes: what was on disk at that moment is all there is afterwards. What was acknowledged is there, and what a mail
client has seen means nothing else for ever (UIDs and mod-sequences)."""
import random
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
        for _ in range(cuts):
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
