"""The load of the crash tests, and its book-keeping: who sent what, and what was answered.

Every letter has an id in its header and a checksum of its body. A sender knows one of four things of each letter: it was
acknowledged, it was refused, its answer was lost, or its connection broke before it was whole. What that allows is
stated once, in Ledger.account_for().
"""
import hashlib
import imaplib
import itertools
import os
import random
import re
import socket
import socketserver
import threading
import time
from collections import Counter, defaultdict

from wire import Smtp

ACKNOWLEDGED, REFUSED, ANSWER_LOST, BROKEN = "acknowledged", "refused", "answer lost", "broken"
# What befalls a client whose server dies. imaplib's `abort` is an `error`, but others of those are refusals.
GONE = (OSError, EOFError, imaplib.IMAP4.abort, AssertionError)
LARGE = 200 * 1024  # more than the queue keeps in rows


def setting(name, default):
    return int(os.environ.get("CRASH_" + name, default))


def letter(number, size=1200):
    line = b"%0*d" % (70, random.getrandbits(60)) + b"\r\n"
    body = line * max(1, size // len(line))
    head = (f"From: <sender@elsewhere.example>\r\nTo: <everybody@example.test>\r\nSubject: letter {number}\r\n"
            f"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@crash.example>\r\n"
            f"X-Crash: {number}\r\nX-Sum: {hashlib.sha256(body).hexdigest()}\r\n\r\n")
    return head.encode() + body


def read_letter(data):
    """Its id, or None if it isn't one of ours. It must be whole."""
    head, _, body = data.partition(b"\r\n\r\n")
    number, checksum = re.search(rb"^X-Crash: (\S+)", head, re.M), re.search(rb"^X-Sum: (\w+)", head, re.M)
    if not number:
        return None
    assert hashlib.sha256(body).hexdigest().encode() == checksum[1], f"letter {number[1]} is damaged: {len(body)} bytes"
    return number[1].decode()


class Sink:
    """The mail server of everybody who isn't local: counts what it is given, and when."""

    def __init__(self, address):
        self.arrived = defaultdict(list)  # (id, recipient): times
        self.strays = []
        self.lock = threading.Lock()
        sink = self

        class Session(socketserver.StreamRequestHandler):
            def reply(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def handle(self):
                try:
                    self.talk()
                except OSError:
                    pass

            def talk(self):
                self.reply("220 sink.example ESMTP")
                recipients = []
                for line in self.rfile:
                    verb = line[:4].upper()
                    if verb == b"EHLO":
                        self.reply("250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME")
                    elif verb == b"RCPT":
                        recipients.append(re.search(rb"<(.*?)>", line)[1].decode())
                        self.reply("250 2.1.5 Ok")
                    elif verb == b"DATA":
                        self.reply("354 Go ahead")
                        lines = []
                        for line in self.rfile:
                            if line == b".\r\n":
                                break
                            lines.append(line[1:] if line[:1] == b"." else line)
                        else:
                            return  # broken off: nothing was received
                        sink.take(b"".join(lines), recipients)
                        self.reply("250 2.0.0 Taken")
                    elif verb == b"QUIT":
                        self.reply("221 2.0.0 Bye")
                        return
                    else:
                        if verb in (b"MAIL", b"RSET"):
                            recipients = []
                        self.reply("250 2.0.0 Ok")

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 50

        self.server = Server((address, 0), Session)
        self.name = "%s:%d" % self.server.server_address
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, data, recipients):
        number = read_letter(data)
        with self.lock:
            if number is None:
                self.strays.append(data)
            for recipient in recipients:
                self.arrived[number, recipient].append(time.monotonic())

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.letters = {}  # id: (state, local recipients, remote ones)
        self.problems = []

    def note(self, number, state, local, remote):
        with self.lock:
            self.letters[number] = (state, local, remote)

    def count(self, state):
        with self.lock:
            return sum(entry[0] == state for entry in self.letters.values())

    def account_for(self, boxes, sink, restarts=(), doubtful=False):
        """Every letter by its id. `boxes`: {account: Counter of ids}; `restarts`: when a courier was killed. `doubtful`: syncs
        failed, after which nobody can tell whether what was refused is there: it is as if the answer had been lost."""
        wrong = list(self.problems)
        if sink.strays:
            wrong.append(f"{len(sink.strays)} letters nobody sent, the first: {sink.strays[0][:600]!r}")
        known = set(self.letters)
        for account, ids in boxes.items():
            wrong += [f"{account} has {number}, which nobody sent" for number in ids if number not in known]
        twice = 0
        for number, (state, local, remote) in self.letters.items():
            here = [boxes[account][number] for account in local]
            there = [len(sink.arrived[number, recipient]) for recipient in remote]
            if state == ACKNOWLEDGED and not (all(here) and all(there)):
                wrong.append(f"{number} was acknowledged and is lost: {dict(zip(local, here))} {dict(zip(remote, there))}")
            if state == REFUSED and doubtful:
                state = ANSWER_LOST
            if state in (REFUSED, BROKEN) and any(here + there):
                wrong.append(f"{number} was {state}, and is there: {here} {there}")
            if state == ANSWER_LOST and any(here + there) and not all(here + there):
                wrong.append(f"{number}, whose answer was lost, is half there: {here} {there}")
            if any(count > 1 for count in here):
                wrong.append(f"{number} is there more than once: {dict(zip(local, here))}")
            for recipient in remote:
                times = sink.arrived[number, recipient]
                if len(times) > 1:
                    twice += 1
                    between = sum(times[0] - 60 < moment < times[-1] for moment in restarts)
                    if len(times) > 1 + between:
                        wrong.append(f"{number} went to {recipient} {len(times)} times, with {between} courier deaths before the last")
        assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:40])
        return twice


class Senders:
    """Sessions that send letters until `target` are acknowledged."""
    numbers = itertools.count(1)  # never the same id twice, whoever sends

    def __init__(self, server, ledger, accounts, sessions, target, pause=0):
        self.server, self.ledger, self.accounts, self.target, self.pause = server, ledger, accounts, target, pause
        self.acknowledged = 0
        self.lock = threading.Lock()
        self.stopping = False
        self.threads = [threading.Thread(target=self._run, args=(which,), daemon=True) for which in range(sessions)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def is_done(self):
        return self.acknowledged >= self.target

    def join(self, deadline):
        end = time.monotonic() + deadline
        for thread in self.threads:
            thread.join(max(0, end - time.monotonic()))
        assert not any(thread.is_alive() for thread in self.threads), f"only {self.acknowledged} letters were taken in {deadline} s"

    def _run(self, which):
        try:
            while not self.is_done() and not self.stopping:
                try:
                    with Smtp(self.server.address, self.server.ports["smtp"]) as session:
                        for _ in range(random.randrange(1, 12)):
                            if self.is_done() or self.stopping:
                                break
                            self._send(session, which)
                            time.sleep(self.pause)
                except GONE:
                    time.sleep(random.uniform(0.02, 0.3))
        except Exception as problem:  # a mistake of the test
            self.ledger.problems.append(f"sender {which}: {problem!r}")

    def _send(self, session, which):
        number = f"{which}-{next(self.numbers)}"
        local = random.sample(self.accounts, random.randrange(0, min(4, len(self.accounts)) + 1))
        remote = [f"person{random.randrange(100)}-{n}@sink.example" for n in range(random.randrange(0 if local else 1, 3))]
        state = BROKEN
        data = letter(number, LARGE if random.random() < 0.02 else random.choice((300, 1200, 4000, 20000)))
        self.ledger.note(number, state, local, remote)
        try:
            answer = session.say("MAIL FROM:<sender@elsewhere.example>")
            for recipient in [self.server.name(name) for name in local] + remote:
                answer = session.say(f"RCPT TO:<{recipient}>") if answer.startswith("250") else answer
            answer = session.say("DATA") if answer.startswith("250") else answer
            if not answer.startswith("354"):
                state = REFUSED
                session.say("RSET")
                return
            session.send(data)
            state = ANSWER_LOST
            session.send(b".\r\n")
            answer = session.reply()
            state = ACKNOWLEDGED if answer.startswith("250") else REFUSED
            if state == ACKNOWLEDGED:
                with self.lock:
                    self.acknowledged += 1
        finally:
            self.ledger.note(number, state, local, remote)
        if state == REFUSED:
            time.sleep(random.uniform(0.02, 0.2))


class Numbers:
    """What clients were shown: a UID means one message for ever, and grows."""

    def __init__(self):
        self.shown = {}
        self.highest = Counter()
        self.lock = threading.Lock()

    def note(self, account, mailbox, validity, uid, number):
        with self.lock:
            before = self.shown.setdefault((account, mailbox, validity, uid), number)
            assert before == number, f"UID {uid} of {account}'s {mailbox} was {before} and is {number}"
            self.highest[account, mailbox, validity] = max(uid, self.highest[account, mailbox, validity])


def sign_in(server, account):
    session = imaplib.IMAP4(server.address, server.ports["imap"], timeout=30)
    session.login(server.name(account), server.password(account))
    return session


def observe(session, account, mailbox, numbers=None, whole=False):
    """{uid: id} of the mailbox as it is now."""
    status, detail = session.select(mailbox)
    assert status == "OK", detail
    validity = session.response("UIDVALIDITY")[1][0]
    if detail[0] == b"0":
        return {}
    status, parts = session.uid("FETCH", "1:*", "(UID BODY.PEEK[])" if whole else "(UID BODY.PEEK[HEADER.FIELDS (X-Crash)])")
    assert status == "OK", parts
    found = {}
    for part in parts:
        if not isinstance(part, tuple):
            continue
        uid = int(re.search(rb"UID (\d+)", part[0])[1])
        if whole:
            number = read_letter(part[1])
        else:
            named = re.search(rb"X-Crash: (\S+)", part[1])
            number = named and named[1].decode()
        if numbers:
            numbers.note(account, mailbox, validity, uid, number)
        found[uid] = number
    return found


class Mover:
    """A mail client that appends, copies, moves and expunges, and knows after each command what its mailboxes hold; after
    one whose answer was lost, it knows two possibilities."""
    BOXES = ("Red", "Green", "Blue")

    def __init__(self, server, ledger, account, numbers):
        self.server, self.ledger, self.account, self.numbers = server, ledger, account, numbers
        self.model = {box: frozenset() for box in self.BOXES}
        self.count = self.done = self.refused = self.lost = 0
        self.stopping = False
        self.session = None
        self.possible = [self.model]
        self.disk_fails = False  # then NO may mean "done, but perhaps not durably"
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        self.stopping = True
        self.thread.join(90)
        assert not self.thread.is_alive(), "a mail client hangs"

    def prepare(self):
        self.session = sign_in(self.server, self.account)
        for box in self.BOXES:
            assert self.session.create(box)[0] == "OK"

    def look(self, whole=False):
        """What the mailboxes hold now: {mailbox: {uid: id}}."""
        return {box: observe(self.session, self.account, box, self.numbers, whole) for box in self.BOXES}

    def _ids(self, seen):
        for box, ids in seen.items():
            assert len(set(ids.values())) == len(ids), f"{self.account}'s {box} shows a message twice: {sorted(ids.values())}"
        return {box: frozenset(ids.values()) for box, ids in seen.items()}

    def _run(self):
        self.possible = [self.model]
        while not self.stopping:
            try:
                if self.session is None:
                    self.session = sign_in(self.server, self.account)
                seen = self.look()
                now = self._ids(seen)
                if now not in self.possible:
                    raise RuntimeError(f"{self.account} holds {now}\nand may hold {self.possible}")
                self.model = now
                self.possible = [now]
                for _ in range(8):
                    if self.stopping:
                        break
                    act, after = self._choose(seen)
                    self.possible = [self.model, after]
                    answer = act()
                    if answer == "OK":
                        self.model = after
                        self.done += 1
                    else:
                        self.refused += 1
                        time.sleep(0.1)
                    if answer == "OK" or not self.disk_fails:
                        self.possible = [self.model]
                    seen = self.look()
                    now = self._ids(seen)
                    if now not in self.possible:
                        raise RuntimeError(f"after {answer} {self.account} holds {now}\nand may hold {self.possible}")
                    if answer != "OK" and self.disk_fails and len(self.possible) > 1:
                        break  # what holds is seen after signing in again
                    self.model = now
            except (imaplib.IMAP4.abort, OSError, EOFError):
                self.lost += len(self.possible) > 1
                self._drop()
                time.sleep(random.uniform(0.05, 0.3))
            except imaplib.IMAP4.error as refusal:
                # signing in while the auth role is away, or another "try again later"
                self.refused += 1
                self._drop()
                time.sleep(0.2)
                if "BAD" in str(refusal):
                    self.ledger.problems.append(f"{self.account}: {refusal}")
            except AssertionError as problem:
                if "UID" in str(problem) or "twice" in str(problem):
                    self.ledger.problems.append(str(problem))
                    return
                self._drop()  # SELECT or FETCH was refused for now
                time.sleep(0.2)
            except Exception as problem:
                self.ledger.problems.append(f"{self.account}: {problem!r}")
                return
        self._drop()

    def check_one_of(self):
        """At the end: what is known, or, if the last answer was lost, either of two."""
        self.session = sign_in(self.server, self.account)
        now = self._ids(self.look(whole=True))
        self.session.logout()
        assert now in self.possible, f"{self.account} holds {now}\nand may hold {self.possible}"
        self.model = now

    def again(self):
        """The same client, to be started once more."""
        other = Mover(self.server, self.ledger, self.account, self.numbers)
        other.model, other.count, other.disk_fails = self.model, self.count, self.disk_fails
        return other

    def _drop(self):
        try:
            if self.session:
                self.session.shutdown()
        except OSError:
            pass
        self.session = None

    def _choose(self, seen):
        box, other = random.sample(self.BOXES, 2)
        held, free = seen[box], set(seen[other].values())
        some = [uid for uid, number in held.items() if number not in free]
        random.shuffle(some)
        some = sorted(some[:random.randrange(1, 6)])
        ids = frozenset(held[uid] for uid in some)
        uids = ",".join(map(str, some))
        kind = random.random()
        total = sum(map(len, seen.values()))
        if not some or (kind < 0.4 and total < 120):
            self.count += 1
            number = f"{self.account}-{self.count}"
            return lambda: self.session.append(box, None, None, letter(number))[0], {**self.model, box: self.model[box] | {number}}
        self.session.select(box)
        if kind < 0.6:
            return lambda: self.session.uid("COPY", uids, other)[0], {**self.model, other: self.model[other] | ids}
        if kind < 0.8:
            return lambda: self.session.uid("MOVE", uids, other)[0], {**self.model, other: self.model[other] | ids, box: self.model[box] - ids}

        def expunge():
            if self.session.uid("STORE", uids, "+FLAGS.SILENT", "(\\Deleted)")[0] != "OK":
                return "NO"
            return self.session.uid("EXPUNGE", uids)[0]
        return expunge, {**self.model, box: self.model[box] - ids}


class Watcher:
    """A mail client that keeps looking into an INBOX, and remembers every UID."""

    def __init__(self, server, ledger, account, numbers):
        self.server, self.ledger, self.account, self.numbers = server, ledger, account, numbers
        self.stopping, self.looks = False, 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def _run(self):
        session = None
        while not self.stopping:
            try:
                session = session or sign_in(self.server, self.account)
                observe(session, self.account, "INBOX", self.numbers)
                self.looks += 1
                time.sleep(0.1)
            except AssertionError as problem:
                if "UID" in str(problem):
                    self.ledger.problems.append(str(problem))
                    return
                session = None
            except (imaplib.IMAP4.error, OSError, EOFError):
                session = None
                time.sleep(0.1)

    def stop(self):
        self.stopping = True
        self.thread.join(60)


def drain(server, deadline=120):
    """Waits until the queue is empty, without the patience that a queue has."""
    end = time.monotonic() + deadline
    while server.queue():
        assert time.monotonic() < end, f"still queued: {str(server.queue())[:1500]}"
        server.run("queue", "flush", status=None)
        time.sleep(0.5)


def read_boxes(server, accounts, numbers=None, mailbox="INBOX"):
    """{account: Counter of the ids in its INBOX}, each letter whole."""
    boxes = {}
    for account in accounts:
        session = sign_in(server, account)
        boxes[account] = Counter(observe(session, account, mailbox, numbers, whole=True).values())
        session.logout()
    return boxes


def check_disk(server):
    """With the server stopped: queue and accounts are as fsck wants them, but for files that a killed process had named and
    not yet put into the database: nobody was told of them, nobody sees them."""
    first = server.run("fsck", "--json", status=None)
    problems = __import__("json").loads(first.stdout)["found"]
    worse = [problem for problem in problems if not problem["what"].startswith("a file without a message")
             and "belongs to no message" not in problem["what"]]
    assert not worse, worse
    if problems:
        server.run("fsck", "--repair")
    server.run("fsck")
    return len(problems)
