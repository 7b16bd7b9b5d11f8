"""Debian's Knot DNS on a loopback address, serving everything below the root, so that no question leaves this machine."""
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from pombal import new_address, wait_for

PORT = 5300


class NameServer:
    def __init__(self):
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
        lines = ["$TTL 1", f". 1 SOA ns.invalid. hostmaster.invalid. {self.serial} 60 60 600 1", ". NS ns.nameserver.example.",
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
        end = answer.find(b"\x00\x00\x00\x3c\x00\x00\x00\x3c", where)
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
