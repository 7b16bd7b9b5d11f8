#!/usr/bin/python3
"""Fuzzing of the whole server: sessions of every protocol, mostly signed in, from a grammar with mutations, against a program that was
built with sanitizers.

It makes a server of its own and holds it to this: no sanitizer speaks, no role is restarted, every session that has said all it has to
say and shut its side is closed within CLOSED_WITHIN seconds, and the server answers ordinary clients all the while. A session's bytes follow
from the seed and its number alone; what goes wrong is told with both, and with the sessions that ran at that time.

  tests/fuzz/sessions.py [--seconds N | --count N] [--seed S] [--clients N] [--only NUMBER]     ($POMBAL: the program)
"""
import argparse
import os
import random
import socket
import ssl
import sys
import threading
import time
from http.client import HTTPException
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import grammar  # noqa: E402
from http_grammar import COOKIE  # noqa: E402
from pombal import BAD_LOG, Pombal, tls_context  # noqa: E402
from web import Browser  # noqa: E402

CLOSED_WITHIN = 30    # what the longest of its commands may take, on a busy machine, under sanitizers
PROBE_EVERY = 2
PROBED_WITHIN = 15
MEMORY_MAX = 3 << 30  # of a role; sanitizers make three of one
OPTIONS = {"auth_failures": 1000, "auth_failures_per_address": 0, "max_message": 1 << 20, "log_level": "warning", "connections_per_address": 0,
           "account_connections": 1000, "retry_for": 5, "retry_schedule": ["1s"], "connect_timeout": "1s", "undelete_for": 1, "max_errors": 1000}


class Found(Exception):
    pass


def receive(wire, seconds):
    """What the server says next; empty: nothing within that time, or the end. The answer changes nothing of what is sent."""
    wire.settimeout(seconds)
    try:
        return wire.recv(65536)
    except (socket.timeout, ssl.SSLWantReadError):
        return b""


def listen(wire, unit):
    """Waits for the answer to a unit that has its end, and until the server says nothing more: what comes next isn't to be ahead of it."""
    if not unit.endswith(b"\n") or not receive(wire, 0.2):
        return
    while receive(wire, 0.015):
        pass


def start_tls(wire, lines):
    for line in lines:
        wire.sendall(line)
        receive(wire, 5)
    return tls_context().wrap_socket(wire, server_hostname="mail.example.test")


def send(r, wire, unit):
    """In one piece, or in several."""
    cuts = sorted(r.randrange(len(unit) + 1) for _ in range(r.choice([0, 0, 0, 0, 1, 3])))
    for low, high in zip([0, *cuts], [*cuts, len(unit)]):
        wire.sendall(unit[low:high])


def drain(wire, end):
    """Reads until the server closes; False: it doesn't before `end`."""
    while time.monotonic() < end:
        wire.settimeout(max(0.01, end - time.monotonic()))
        try:
            if not wire.recv(65536):
                return True
        except socket.timeout:
            return False
    return False


def play(server, r, browsers):
    service, secured, units = grammar.session(r)
    pieces, abrupt = random.Random(r.random()), r.random() < 0.05
    wire = socket.create_connection((server.address, server.ports[service]), timeout=CLOSED_WITHIN)
    try:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain = wire
        if service in ("submissions", "imaps", "pop3s", "https"):
            wire = tls_context().wrap_socket(wire, server_hostname="mail.example.test")
        if service in browsers:
            units = [unit.replace(COOKIE, browsers[service].cookie.encode()) for unit in units]
        else:
            receive(wire, 5)  # the greeting
        if secured:
            wire = start_tls(wire, grammar.START_TLS[service])
        for unit in units:
            send(pieces, wire, unit)
            listen(wire, unit)
        if abrupt:
            return
        plain.settimeout(CLOSED_WITHIN)
        plain.shutdown(socket.SHUT_WR) if plain is wire else socket.socket.shutdown(wire, socket.SHUT_WR)
        if not drain(wire, time.monotonic() + CLOSED_WITHIN):
            raise Found(f"a session of {service} is still open {CLOSED_WITHIN} s after its end")
    except (ConnectionError, ssl.SSLError, BrokenPipeError):
        pass  # the server has closed, which it may
    except OSError as problem:
        if problem.errno not in (32, 104, 107, 9):
            raise
    finally:
        wire.close()


class Fuzz:
    def __init__(self, server, seed, clients):
        self.server, self.seed, self.clients = server, seed, clients
        self.lock = threading.Lock()
        self.next, self.done, self.running, self.problems = 0, 0, {}, []
        self.roles = server.role_pids()
        self.browsers = {"http": Browser(server, tls=False), "https": Browser(server)}
        self.sign_browsers_in()

    def sign_browsers_in(self):
        """Sessions of HTTP end one another: their cookies are renewed."""
        for browser in self.browsers.values():
            if not browser.cookie or not browser.is_signed_in():
                browser.sign_in("anna")

    def session(self, number):
        return random.Random(f"{self.seed}/{number}")

    def work(self, more):
        while True:
            with self.lock:
                if self.problems or not more(self.next):
                    return
                number, self.next = self.next, self.next + 1
                self.running[number] = time.monotonic()
            try:
                play(self.server, self.session(number), self.browsers)
            except Exception as problem:  # noqa: BLE001: whatever it is, it is what this program looks for
                self.found(f"session {number}: {problem!r}")
            with self.lock:
                self.running.pop(number)
                self.done += 1

    def found(self, what):
        with self.lock:
            self.problems.append(f"{what} (sessions that ran: {sorted(self.running)})")

    def look(self):
        """Is everything as it must be, and does the server answer?"""
        bad = BAD_LOG.search(self.server.log())
        if bad:
            self.found("in the log: " + self.server.log()[max(0, bad.start() - 300):bad.start() + 4000])
        if self.server.role_pids() != self.roles:
            self.found("a role was restarted")
        for name, pid in self.roles.items():
            held = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            if held > MEMORY_MAX:
                self.found(f"{name} holds {held} bytes")
        try:
            self.sign_browsers_in()
        except (OSError, AssertionError, HTTPException) as problem:
            self.found(f"browsers aren't served: {problem!r}")
        for service, hello in (("smtp", b"220"), ("imap", b"* OK"), ("pop3", b"+OK")):
            try:
                with socket.create_connection((self.server.address, self.server.ports[service]), timeout=PROBED_WITHIN) as probe:
                    if not probe.recv(4096).startswith(hello):
                        self.found(f"{service} greets otherwise")
            except OSError as problem:
                self.found(f"{service} doesn't answer: {problem!r}")

    def run(self, more):
        workers = [threading.Thread(target=self.work, args=(more,), daemon=True) for _ in range(self.clients)]
        for worker in workers:
            worker.start()
        looked = time.monotonic()
        while any(worker.is_alive() for worker in workers):
            time.sleep(0.05)
            if time.monotonic() - looked > PROBE_EVERY and not self.problems:
                self.look()
                looked = time.monotonic()
        self.look()


def fuzz(seed, seconds=None, count=None, clients=8, only=None):
    """Gives (sessions that ran, what was found)."""
    with Pombal(accounts=("anna", "boris"), options=OPTIONS) as server:
        run = Fuzz(server, seed, clients)
        end = time.monotonic() + (seconds or 0)
        if only is not None:
            run.next = only
            run.clients = 1
            run.run(lambda number: number == only)
        else:
            run.run(lambda number: number < count if count else time.monotonic() < end)
        return run.done, run.problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(1 << 32)))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--only", type=int)
    given = parser.parse_args()
    print(f"== sessions: seed {given.seed}", flush=True)
    done, problems = fuzz(given.seed, given.seconds, given.count, given.clients, given.only)
    for problem in problems:
        print(f"== sessions: seed {given.seed}: {problem}")
    print(f"== sessions: {done} ran, {'nothing found' if not problems else 'something was found'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
