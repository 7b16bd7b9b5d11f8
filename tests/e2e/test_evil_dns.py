"""Answers of the DNS that are late, forged or broken: they cost nobody else anything, and the letter goes when they are right."""
import socket
import struct
import threading
import time

import pytest

import letters
from conftest import QUICK
from peers import ScriptedServer
from pombal import Pombal, new_address

A, CNAME, MX = 1, 5, 15


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(kind, data, name=b"\xc0\x0c"):
    return name + struct.pack(">HHIH", kind, 1, 1, len(data)) + data


class EvilNameServer:
    """Answers everything about `hosts` (a domain and its mail server's address); of domains in `evil` as the deed there says."""

    def __init__(self):
        self.address = new_address()
        self.hosts, self.evil = {}, {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, client = self.socket.recvfrom(4096)
            except OSError:
                return
            threading.Thread(target=self._answer, args=(query, client), daemon=True).start()

    def _answer(self, query, client):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        kind, question = struct.unpack(">H", query[at + 1:at + 3])[0], query[12:at + 5]
        name = ".".join(labels)
        domain = name.removeprefix("mx.")
        records = b""
        if domain in self.hosts and kind == MX and name == domain:
            records = record(MX, struct.pack(">H", 10) + encode("mx." + domain))
        elif domain in self.hosts and kind == A and name != domain:
            records = record(A, socket.inet_aton(self.hosts[domain]))
        answer = query[:2] + struct.pack(">HHHHH", 0x8580 if domain in self.hosts else 0x8583, 1, 1 if records else 0, 0, 0) + question + records
        deed = next((self.evil[one] for one in list(self.evil) if name.endswith(one)), None)
        if deed:
            answer = deed(query, question, answer, name)
        if answer:
            self.socket.sendto(answer, client)

    def close(self):
        self.socket.close()


def header(query, answers=1, flags=0x8580):
    return query[:2] + struct.pack(">HHHHH", flags, 1, answers, 0, 0)


def late(query, question, answer, name):
    time.sleep(30)


def chain(query, question, answer, name):
    return header(query) + question + record(CNAME, encode("a" + name))


DEEDS = {
    "silence": lambda *_: None,
    "late": late,
    "wrong id": lambda query, question, answer, name: bytes([query[0] ^ 1]) + answer[1:],
    "another question": lambda query, question, answer, name: answer[:12] + encode("other.example") + question[-4:] + answer[12 + len(question):],
    "a name that points to itself": lambda query, question, answer, name: header(query) + question + record(MX, b"\0\x0a\xc0" + bytes([12 + len(question) + 14])),
    "a question that points to itself": lambda query, question, answer, name: header(query) + b"\xc0\x0c" + question[-4:],
    "a chain of names": chain,
    "a circle": lambda query, question, answer, name: header(query) + question + record(CNAME, b"\xc0\x0c"),
    "cut off": lambda query, question, answer, name: answer[:-3],
    "lengths that lie": lambda query, question, answer, name: header(query, 65535) + question + b"\xc0\x0c" + struct.pack(">HHIH", MX, 1, 1, 65535) + b"x",
    "server failure": lambda query, question, answer, name: header(query, 0, 0x8582) + question,
    "noise": lambda query, question, answer, name: query[:2] + bytes(range(256)),
}


@pytest.fixture(scope="module")
def dns():
    server = EvilNameServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def sender(dns):
    with Pombal(options={**QUICK, "retry_for": "600s", "resolver": f"{dns.address}@{dns.port}", "mx_port": 22525, "trust_anchors": ["none"]}) as own:
        yield own


def test_evil_answers(sender, dns, token):
    """All at once: nobody is told that the addresses don't exist, another domain is served, and in the end everything arrives."""
    peers = []
    with ScriptedServer(new_address(), 22525) as fine:
        for number, deed in enumerate(DEEDS.values()):
            peers.append(ScriptedServer(new_address(), 22525))
            domain = f"evil{number}.example"
            dns.hosts[domain], dns.evil[domain] = peers[-1].address, deed
            sender.submit(letters.simple(token, f"x@{domain}", sender.name("anna")), f"x@{domain}")
        dns.hosts["good.example"] = fine.address
        sender.submit(letters.simple(token, "x@good.example", sender.name("anna")), "x@good.example")
        fine.wait_letters()
        assert not any(peer.letters for peer in peers)
        assert sender.count_mail("could not be delivered") == 0
        dns.evil.clear()
        for peer in peers:
            peer.wait_letters(deadline=150)
            peer.close()
