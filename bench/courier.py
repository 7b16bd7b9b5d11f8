#!/usr/bin/python3
"""Measures how fast refusals of other servers become bounces: letters with as many different senders wait in the queue, and the one
server that all mail goes to refuses every recipient.

    bench/courier.py [--program build/pombal] [--letters N]

Prints how many bounces a second were queued, from the first to the last, and the courier's processor time for each, all that goes
with it included: the refusal, the bounce, and its delivery into the sender's mailbox."""
import argparse
import asyncio
import contextlib
import datetime
import pathlib
import re
import smtplib
import sqlite3
import tempfile
import threading

import servers

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Refuser:
    """An SMTP server on SINK's port that lets nobody be written to."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", servers.SINK))
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    @staticmethod
    async def serve(reader, writer):
        replies = {b"EHLO": b"250-refuser\r\n250 PIPELINING\r\n", b"RCPT": b"550 5.1.1 No such person\r\n", b"DATA": b"554 5.5.1 No recipients\r\n",
                   b"QUIT": b"221 Bye\r\n"}
        writer.write(b"220 refuser\r\n")
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(replies.get(line[:4].upper(), b"250 OK\r\n"))
                if line[:4].upper() == b"QUIT":
                    break
        writer.close()


def fill(server, count):
    """Makes `count` letters, each of a sender of its own, out of one that waits."""
    server.start()
    session = smtplib.SMTP("127.0.0.1", server.smtp)
    session.sendmail("user0@example.test", ["nobody@refusing.example"], b"Subject: refused\r\n\r\n" + b"A line of text.\r\n" * 100)
    session.quit()
    database = sqlite3.connect(server.data / "queue/queue.db", isolation_level=None)
    servers.wait_for(lambda: database.execute("SELECT attempts FROM recipient").fetchone() == (1,), 10, "the first attempt")
    server.stop()
    first = database.execute("SELECT id FROM message").fetchone()[0]
    database.execute("BEGIN")
    for table, key in (("message", "id"), ("recipient", "message"), ("body", "message")):
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        values = {key: f"{first} + n", "next_attempt": "1", "attempts": "0", "sender": f"'user' || (n % {servers.USERS}) || '+' || n || '@example.test'"}
        database.execute(f"WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {count}) INSERT INTO {table} "
                         f"({', '.join(names)}) SELECT {', '.join(values.get(name, name) for name in names)} FROM {table}, count WHERE {key} = {first}")
    database.execute("COMMIT")
    database.close()


def courier_pid(server):
    return next(pid for pid in servers.children_of(server.process.pid)[1:]
                if b"courier" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() + pathlib.Path(f"/proc/{pid}/comm").read_bytes())


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / servers.TICKS


def measure(program, count):
    with tempfile.TemporaryDirectory(prefix="pombal-bench-") as folder:
        server = servers.Pombal(pathlib.Path(folder), program)
        fill(server, count)
        refuser = Refuser()
        events = server.data / "log/events.log"
        server.start()
        pid = courier_pid(server)

        def times(event):
            return [datetime.datetime.fromisoformat(stamp) for stamp in re.findall(rf"time=(\S+?)Z [^\n]*event={re.escape(event)} ", events.read_text())]
        try:
            servers.wait_for(lambda: len(times("report.queued")) >= count, 300, "bounces")
            servers.wait_for(lambda: len(times("delivery.done")) >= count, 300, "their delivery")
            queued, cpu = sorted(times("report.queued")), processor_seconds(pid)
        finally:
            server.stop()
        refuser.server.close()
        return count / (queued[-1] - queued[0]).total_seconds(), cpu / count * 1000


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--program", type=pathlib.Path, default=ROOT / "build/pombal")
    arguments.add_argument("--letters", type=int, default=3000)
    given = arguments.parse_args()
    rate, cpu = measure(given.program.resolve(), given.letters)
    print(f"{rate:,.0f} bounces a second, {cpu:.2f} ms of the courier's processor time each")


if __name__ == "__main__":
    main()
