"""The system under the server fails for a while. Clients are refused for now (4xx, NO), the log says why, afterwards the
service is back by itself; nothing is lost, no UID means two things."""
import re
import smtplib
import sqlite3
import time

import pytest

import letters
import pombal
from disk import SmallDisk, run
from faults import limit_files, open_files, shim  # noqa: F401 (a fixture)
from load import ACKNOWLEDGED, REFUSED, Ledger, Mover, Numbers, Senders, Sink, Watcher, check_disk, drain, letter, read_boxes, sign_in
from nameserver import SmallNameServer
from placed import PlacedPombal
from pombal import Pombal, new_address, wait_for
from test_kill import ACCOUNTS, OPTIONS

RESTARTS = r"event=role\.ended"


class Trial:
    """Load on a server while something is wrong with it."""

    def __init__(self, server, sink, account):
        self.server, self.sink = server, sink
        self.ledger, self.numbers = Ledger(), Numbers()
        self.offset = server.log_size()
        server.add_account(server.name(account), pombal.PASSWORDS.setdefault(account, "the secret of a mover"))
        self.mover = Mover(server, self.ledger, account, self.numbers)
        self.mover.prepare()
        self.mover.disk_fails = True
        self.watcher = Watcher(server, self.ledger, ACCOUNTS[0], self.numbers)
        self.senders = Senders(server, self.ledger, ACCOUNTS, 6, 10 ** 9, pause=0.05)
        self.log = ""
        self.doubtful = False
        self.began = time.monotonic()

    def __enter__(self):
        for part in (self.mover, self.watcher, self.senders):
            part.start()
        self.taken(20)
        return self

    def taken(self, more, deadline=40):
        """Waits until so many more letters have been acknowledged."""
        goal = self.senders.acknowledged + more
        wait_for(lambda: self.senders.acknowledged >= goal or self.ledger.problems, f"{more} more letters to be taken", deadline)

    def refused(self, more=1, deadline=120):
        goal = self.ledger.count(REFUSED) + more
        wait_for(lambda: self.ledger.count(REFUSED) >= goal, "letters to be refused for now", deadline)

    def __exit__(self, kind, *_):
        self.senders.stopping = self.mover.stopping = self.watcher.stopping = True
        self.log = self.server.log(self.offset)
        if kind:
            return
        self.senders.join(60)
        self.mover.stop()
        self.watcher.stop()
        drain(self.server)
        self.log = self.server.log(self.offset)
        # What the courier couldn't write down it did again, as often as it had to.
        again = [self.began + 0.01 * n for n in range(100 * int(time.monotonic() - self.began))]
        self.ledger.account_for(read_boxes(self.server, ACCOUNTS, self.numbers), self.sink, again, self.doubtful)
        self.mover.check_one_of()
        print(f"\n{self.ledger.count(ACKNOWLEDGED)} acknowledged, {self.ledger.count(REFUSED)} refused of {len(self.ledger.letters)}; "
              f"IMAP: {self.mover.done} changes, {self.mover.refused} refused, {self.mover.lost} answers lost")


@pytest.fixture(scope="module")
def sink():
    shared = Sink(new_address())
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def server(sink, shim):
    with Pombal(options={**OPTIONS, "smarthost": sink.name}, accounts=ACCOUNTS) as shared:
        shared.expected_noise += [r"level=error"]
        yield shared
        shared.stop()
        print("leftover files:", check_disk(shared))


@pytest.fixture(autouse=True)
def fresh(sink):
    sink.arrived.clear()
    yield


def empty(server):
    """Every trial counts from nothing."""
    for account in ACCOUNTS:
        session = sign_in(server, account)
        session.select("INBOX")
        session.store("1:*", "+FLAGS.SILENT", "\\Deleted")
        session.expunge()
        session.logout()


COUNT = iter(range(1000))


@pytest.fixture
def trial(server, sink):
    empty(server)
    return Trial(server, sink, f"t{next(COUNT)}")


@pytest.mark.parametrize("role, calls, error", [
    ("queue", "sync", "EIO"), ("queue", "pwrite", "ENOSPC"), ("queue", "pwrite,write,sync,name", "EIO"),
    ("courier", "sync", "EIO"), ("courier", "sync", "ENOSPC"), ("courier", "pwrite", "ENOSPC"), ("courier", "pwrite", "EIO"),
    ("courier", "write", "ENOSPC"), ("courier", "name", "EIO"),
    ("reader", "sync", "EIO"), ("reader", "pwrite", "ENOSPC"), ("reader", "write,name", "EIO"),
])
def test_disk_errors(server, shim, trial, role, calls, error):
    trial.doubtful = "sync" in calls
    with trial:
        with shim.fault(role, calls, error) as fault:
            time.sleep(2)
        trial.taken(20)
    assert fault.tampered > 0
    words = {"EIO": "Input/output error|disk I/O error", "ENOSPC": "No space left|is full"}[error]
    assert re.search(words, trial.log), trial.log[-3000:]
    if role == "queue":
        assert trial.ledger.count(REFUSED) > 0
    if calls == "sync":
        # What a failed sync leaves behind can't be told: everybody begins anew from what is on the disk.
        assert re.search(r"event=disk\.distrusted", trial.log) and re.search(r"event=server\.begun_anew", trial.log), trial.log[-3000:]


@pytest.mark.parametrize("role", ["smtp", "queue", "courier", "reader"])
def test_descriptors_used_up(server, trial, role):
    pid = server.role_of(role)
    with trial:
        before = limit_files(pid, max(8, open_files(pid) - 3))
        try:
            time.sleep(2)
        finally:
            limit_files(pid, before)
        trial.taken(20)
    assert server.role_of(role) == pid
    assert re.search("Too many open files|unable to open database|descriptors", trial.log) or role == "courier", trial.log[-3000:]


def test_databases_locked(server, trial):
    """By somebody who has them open and goes to lunch."""
    with trial:
        pids = server.role_pids()
        locked = [sqlite3.connect(server.data / path, isolation_level=None)
                  for path in ("queue/queue.db", f"accounts/{server.domain}/{ACCOUNTS[0]}/account.db")]
        for db in locked:
            db.execute("BEGIN EXCLUSIVE")
        try:
            trial.refused()
        finally:
            for db in locked:
                db.execute("ROLLBACK")
                db.close()
        trial.taken(20)
    assert server.role_pids() == pids
    assert re.search("locked", trial.log), trial.log[-3000:]


def test_disk_full(sink):
    with SmallDisk(24) as disk, PlacedPombal(disk.mount_point, options={**OPTIONS, "smarthost": sink.name}, accounts=ACCOUNTS) as server:
        server.expected_noise += [r"level=error"]
        with Trial(server, sink, "full") as trial:
            pids = server.role_pids()
            empty_again = disk.fill()
            trial.refused(5)
            session = sign_in(server, ACCOUNTS[1])
            disk.fill()  # what the databases of accounts gave back that were closed meanwhile
            assert session.append("INBOX", None, None, letter("too-much", 300000))[0] == "NO"
            session.logout()
            time.sleep(1)
            empty_again()
            trial.taken(20)
            assert server.role_pids() == pids
        assert re.search("No space left|is full|disk I/O error", trial.log), trial.log[-3000:]
        server.stop()
        check_disk(server)


def test_dns_gone_and_back():
    """Nothing is returned while there is no DNS, and it goes out when there is again; and a stop doesn't wait for answers."""
    address, target = new_address(), new_address()
    sink = Sink(target)
    options = {**OPTIONS, "resolver": f"{address}@5353", "mx_port": int(sink.name.split(":")[1]), "trust_anchors": ["none"], "retry_for": "1h"}
    with Pombal(options=options, accounts=ACCOUNTS) as server:
        session = server.smtp()
        for number in range(5):
            session.sendmail("sender@elsewhere.example", ["someone@sink.example", server.name(ACCOUNTS[0])], letter(f"dns-{number}"))
        session.quit()
        drained = read_until(server, ACCOUNTS[0], 5)
        assert len(drained) == 5
        assert len(server.queue()) == 5
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 8, "the stop waited for the DNS"
        server.start()
        names = None
        try:
            names = SmallNameServer(address, 5353)
            names.hosts["sink.example"] = target
            server.run("queue", "flush", status=None)
            wait_for(lambda: len(sink.arrived) == 5, "the letters to go out", 60, 0.5)
        finally:
            if names:
                names.close()
    sink.close()


def read_until(server, account, count):
    def arrived():
        session = sign_in(server, account)
        status, detail = session.select("INBOX")
        session.logout()
        return int(detail[0]) >= count
    wait_for(arrived, f"{count} letters")
    return read_boxes(server, [account])[account]


def test_clock_jumps(sink, shim):
    """An hour forward, then two back: whoever counts on the clock (retries, ids, dates, time-outs) goes on."""
    with Pombal(options={**OPTIONS, "smarthost": sink.name}, accounts=ACCOUNTS) as server:
        with Trial(server, sink, "clock") as trial:
            pids = server.role_pids()
            for seconds in (3600, -3600, 0):
                shim.set(clock_offset=seconds)
                trial.taken(60)
                time.sleep(0.5)
            waiting = server.smtp()
            shim.set(clock_offset=3600)
            trial.taken(20)
            assert waiting.noop()[0] == 250, "a session was ended by the clock"
            waiting.quit()
            shim.set(clock_offset=-3600)
            before = len(sink.arrived)
            trial.taken(40)
            wait_for(lambda: len(sink.arrived) > before, "letters to go out after the clock went back", 45)
            assert server.role_pids() == pids
        shim.set(clock_offset=0)
        server.stop()
        check_disk(server)


# ---- Making room ----

def test_what_is_on_a_full_disk_can_be_removed():
    """Nothing is left, not a page, before each step: after a restart, when no database has a log that has room in it."""
    with SmallDisk(64) as disk, PlacedPombal(disk.mount_point, options={"smarthost": "127.0.0.1:1", "retry_schedule": ["1h"]}, accounts=["anna", "boris"]) as server:
        for number in range(60):
            server.submit(letters.with_attachment(f"waiting {number}", 3000, "x@far.example", server.name("anna")), "x@far.example")
        with open(disk.mount_point / "old.mbox", "wb") as mbox:
            for number in range(1500):
                mbox.write(b"From x Mon Jan  1 00:00:00 2024\nSubject: %d\n\nx\n\n" % number)
        server.run("import", server.name("anna"), disk.mount_point / "old.mbox")
        server.run("import", server.name("anna"), disk.mount_point / "old.mbox", "--mailbox", "Archive")
        wait_for(lambda: len(server.queue()) == 60, "the queue")
        server.stop()
        for path in server.data.rglob("*.db"):
            with sqlite3.connect(path) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.close()
        server.start()
        wait_for(lambda: all((server.data / folder / ".reserve").stat().st_size == 4 << 20 for folder in ("accounts", "queue", "directory")), "the reserves")
        disk.fill()

        def full(step):
            """Takes what the step before has left over, then the step."""
            with open(disk.mount_point / "more", "ab", buffering=0) as more:
                try:
                    while True:
                        more.write(b"x" * 4096)
                except OSError:
                    pass
            return step()
        with pytest.raises(AssertionError):  # there is no room for anything else
            full(lambda: server.add_account("carla@example.test", "a word or two"))
        session = full(lambda: server.imap(mailbox="INBOX"))
        assert full(lambda: session.append("INBOX", None, None, letters.with_attachment("new", 300000)))[0] == "NO"
        assert full(lambda: session.store("1:1000", "+FLAGS.SILENT", "(\\Deleted)"))[0] == "OK"
        status, removed = full(session.expunge)
        assert status == "OK" and len(removed) == 1000
        assert full(lambda: session._simple_command("MOVE", "1:200", "Trash"))[0] == "OK"
        assert full(lambda: session.delete("Archive"))[0] == "OK"
        session.logout()
        assert "60 messages removed" in full(lambda: server.run("queue", "remove", "@far.example")).stdout
        full(lambda: server.run("account", "remove", server.name("boris")))
        assert full(lambda: server.imap(mailbox="INBOX")).untagged_responses["EXISTS"] == [b"300"]
        (disk.mount_point / "more").unlink()
        (disk.mount_point / "filler").unlink()
        server.stop()
        server.start()
        wait_for(lambda: (server.data / "accounts/.reserve").stat().st_size == 4 << 20, "the reserve to be whole again")
        assert "0 problems" in server.run("fsck").stdout


def test_policy_on_a_full_disk(tmp_path):
    """What the policy role keeps (who was told to come again, what others are to be told, what was learned, names that domains have) has no room:
    strangers' mail is judged and arrives all the same, and is kept again when there is room."""
    names = SmallNameServer(port=5353)
    names.hosts["good.example"] = "127.0.0.1"
    options = {"resolver": f"{names.address}@5353", "trust_anchors": ["none"], "sender_checks": True, "greylist": "all", "greylist_delay": "1s", "reports_from": "postmaster@example.test",
               "unknown_sender_domain": "off", "plaintext_auth": True}
    with Pombal(options=options, accounts=ACCOUNTS[:2], start=False) as server, SmallDisk(4) as disk:
        folder = server.data / "policy"
        run("mount", "--bind", disk.mount_point, folder)
        disk.mount_point.chmod(0o700)
        try:
            empty_again = disk.fill()
            server.start()
            server.expected_noise += [r"level=error", r"level=warning"]
            pids = server.role_pids()

            def arrives(subject, sender):
                text = letter(subject).replace(b"\r\n\r\n", b"\r\nX-Filler: words that are learned\r\n\r\n", 1)
                said = set()

                def taken():
                    with server.smtp() as session:
                        try:
                            session.sendmail(sender, [server.name(ACCOUNTS[0])], text)
                            return True
                        except smtplib.SMTPRecipientsRefused as refused:
                            said.update(code for code, _ in refused.recipients.values())
                            return False
                wait_for(taken, f"{subject} to be taken", 60, 0.5)
                assert said <= {450, 451}, said
                return said

            assert arrives("full-one", "a@good.example")  # he is told to come again, which is remembered
            arrives("full-two", "a@good.example")
            read_until(server, ACCOUNTS[0], 2)
            session = sign_in(server, ACCOUNTS[0])
            session.create("Junk")
            session.select("INBOX")
            assert session.copy("1", "Junk")[0] == "OK"  # it is learned, or not
            session.logout()
            arrives("full-three", "a@good.example")
            read_until(server, ACCOUNTS[0], 3)
            wait_for(lambda: re.search(r"policy\.vote .*outcome=failed|No space left", server.log()), "that the log says so", 90)
            assert server.role_pids() == pids
            empty_again()
            arrives("full-four", "b@good.example")
            read_until(server, ACCOUNTS[0], 4)
            server.stop()
            assert "good.example" in (folder / "greylist").read_text()
        finally:
            if server.process:
                server.stop()
            run("umount", "-l", folder, check=False)
    names.close()
