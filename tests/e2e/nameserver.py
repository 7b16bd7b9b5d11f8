"""The DNS of the tests, on loopback addresses: Debian's Knot, serving everything below the root, so that no question leaves this
machine; and a small one that can also answer wrongly."""
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

from pombal import new_address, wait_for

PORT = 5300
A, CNAME, MX = 1, 5, 15


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(kind, data, name=b"\xc0\x0c"):
    return name + struct.pack(">HHIH", kind, 1, 1, len(data)) + data


class NameServer:
    """`absent`: seconds for which it may be kept that something isn't there."""

    def __init__(self, absent=1):
        self.absent = absent
        self.address = new_address()
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-dns-"))
        self.records = {}
        self.serial = 0
        (self.folder / "db").mkdir()
        (self.folder / "knot.conf").write_text(
            f"server:\n  rundir: {self.folder}\n  listen: {self.address}@{PORT}\n  udp-workers: 1\n  tcp-workers: 1\n"
            f"  background-workers: 1\ndatabase:\n  storage: {self.folder}/db\n  journal-db-max-size: 8M\n"
            f"log:\n  - target: stderr\n    any: warning\n    zone: info\nzone:\n  - domain: .\n    file: {self.folder}/root.zone\n"
            "    zonefile-sync: -1\n    journal-content: none\n    semantic-checks: off\n")
        self._write()
        self.log = open(self.folder / "log", "wb")
        knotd = shutil.which("knotd", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen([knotd, "-c", str(self.folder / "knot.conf")], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log)
        self._wait_serial()

    def _write(self):
        self.serial += 1
        lines = ["$TTL 1", f". {self.absent} SOA ns.invalid. hostmaster.invalid. {self.serial} 60 60 600 {self.absent}", ". NS ns.nameserver.example.",
                 f"ns.nameserver.example. A {self.address}"]
        for name, records in self.records.items():
            lines += [f"{name}. {record}" for record in records]
        (self.folder / "root.zone").write_text("\n".join(lines) + "\n")

    def _asked_serial(self):
        """The serial number in the SOA record that is being served, asked for by hand."""
        question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + b"\x00" + b"\x00\x06\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.5)
            try:
                asking.sendto(question, (self.address, PORT))
                answer = asking.recv(4096)
            except OSError:
                return None
        if len(answer) < 50 or answer[7] == 0:
            return None
        where = answer.find(b"\x0ahostmaster")
        end = answer.find(struct.pack(">III", 60, 60, 600), where)  # all three: the number may itself be 60
        return int.from_bytes(answer[end - 4:end], "big") if end > 0 else None

    def _wait_serial(self):
        def served():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            return self._asked_serial() == self.serial
        wait_for(served, "the name server", 10, pause=0.02)

    @property
    def resolver(self):
        """As Pombal's option `resolver` names it."""
        return f"{self.address}@{PORT}"

    def set(self, **names):
        """set(**{"north.example": ["MX 10 mx.north.example.", …]}): replaces the records of names and serves them."""
        self.records.update(names)
        self._write()
        self.process.send_signal(1)
        self._wait_serial()

    def domain(self, name, *hosts):
        """A domain whose MX hosts have these addresses, best first."""
        records = {name: [f"MX {10 * (i + 1)} mx{i + 1}.{name}." for i in range(len(hosts))]}
        for i, address in enumerate(hosts):
            records[f"mx{i + 1}.{name}"] = [f"{'AAAA' if ':' in address else 'A'} {address}"]
        self.set(**records)

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class SmallNameServer:
    """One of our own, without DNSSEC. Answers everything about `hosts` (a domain and its mail server's address); of domains in `evil`
    as the deed there says: deed(query, question, right answer, name) gives the bytes, or None."""

    def __init__(self, address=None, port=0):
        self.address = address or new_address()
        self.hosts, self.evil = {}, {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, port))
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
