"""More comes in than goes out: memory stays bounded, clients wait, and everything is there in the end."""
import sqlite3
import threading
import time

import letters
from faults import memory_of, shim  # noqa: F401 (a fixture)
from load import Ledger, Senders, Sink, drain, read_boxes, setting
from pombal import Pombal, new_address, wait_for
from test_kill import ACCOUNTS, OPTIONS

# In KiB, above what a role has at rest. Generous, since sanitizers keep freed memory for a while.
GROWTH_MAX = 96 * 1024


class Peak:
    """The most memory that a role has had."""

    def __init__(self, pid):
        self.pid, self.before = pid, memory_of(pid)
        self.highest, self.stopping = self.before, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping:
            self.highest = max(self.highest, memory_of(self.pid))
            time.sleep(0.05)

    def growth(self):
        self.stopping = True
        self.thread.join()
        return self.highest - self.before


def test_slow_disk(shim):  # noqa: F811
    """Each sync of the queue takes a second: clients get their 250 when it is true, and wait for it meanwhile."""
    sink = Sink(new_address())
    with Pombal(options={**OPTIONS, "smarthost": sink.name}, accounts=ACCOUNTS) as server:
        ledger = Ledger()
        senders = Senders(server, ledger, ACCOUNTS, 60, 10 ** 9)
        peak = Peak(server.role_of("smtp"))
        with shim.fault("queue", "sync", delay=1) as fault:
            senders.start()
            wait_for(lambda: senders.acknowledged >= 60, "letters to be taken, slowly", 60)
        assert fault.tampered > 0
        senders.stopping = True
        senders.join(60)
        growth = peak.growth()
        drain(server)
        ledger.account_for(read_boxes(server, ACCOUNTS), sink)
    sink.close()
    assert growth < GROWTH_MAX, f"smtp grew by {growth} KiB"


def test_long_queue():
    """A queue of many letters that are all due, for a host that is away: the courier takes them piece by piece, and new mail doesn't wait
    for them."""
    many = setting("QUEUED", 20000)
    options = {**OPTIONS, "smarthost": f"{new_address()}:1", "connect_timeout": "1s", "retry_schedule": ["1h"]}
    with Pombal(options=options, accounts=["anna"]) as server:
        session = server.smtp()
        session.sendmail("a@elsewhere.example", ["b@far.example"], letters.with_attachment("letter", 1000))
        session.quit()
        wait_for(lambda: server.queue()[0]["recipients"][0]["attempts"] > 0, "the first attempt")
        server.stop()
        db = sqlite3.connect(server.data / "queue/queue.db", isolation_level=None)
        names = {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in ("message", "recipient", "body")}
        first = db.execute("SELECT id FROM message").fetchone()[0]
        db.execute("BEGIN")
        for table, key in (("message", "id"), ("recipient", "message"), ("body", "message")):
            columns = [f"{first} + n" if name == key else "1" if name == "next_attempt" else name for name in names[table]]
            db.execute(f"WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < ?) "
                       f"INSERT INTO {table} ({', '.join(names[table])}) SELECT {', '.join(columns)} FROM {table}, count WHERE {key} = ?", (many, first))
        db.execute("COMMIT")
        db.close()
        server.start()
        peak = Peak(server.role_of("courier"))
        for number in range(20):
            server.deliver(letters.simple(f"after them {number}"), "anna")
        server.wait_mail("after them", "anna", 20, deadline=60)
        growth = peak.growth()
        server.stop()
    print(f"\n{many} letters in the queue: the courier grew by {growth} KiB")
    assert growth < GROWTH_MAX, f"the courier grew by {growth} KiB"
