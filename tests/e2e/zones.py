"""A name server of a zone's own that takes changes over the network, signed with a key: Debian's Knot on a loopback address."""
import base64
import os
import shutil
import subprocess

from nameserver import PORT, NameServer


class ZoneServer(NameServer):
    """As NameServer, which it also is for the root, with a zone for each of `zones` that the key `pombal` may change."""

    def __init__(self, *zones, algorithm="hmac-sha256", signed_questions=False):
        self.zones, self.algorithm, self.signed_questions = zones, algorithm, signed_questions
        self.secret = base64.b64encode(os.urandom(32)).decode()
        self.contents = {zone: [] for zone in zones}
        super().__init__()

    def _write(self):
        super()._write()
        (self.folder / "knot.conf").write_text(
            f"server:\n  rundir: {self.folder}\n  listen: {self.address}@{PORT}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
            f"database:\n  storage: {self.folder}/db\n  journal-db-max-size: 8M\nlog:\n  - target: stderr\n    any: warning\n    zone: info\n"
            f"key:\n  - id: pombal\n    algorithm: {self.algorithm}\n    secret: {self.secret}\n"
            f"acl:\n  - id: changes\n    key: pombal\n    action: [update{', query' if self.signed_questions else ''}]\n"
            f"zone:\n  - domain: .\n    file: {self.folder}/root.zone\n    zonefile-sync: -1\n    journal-content: none\n    semantic-checks: off\n"
            + "".join(f"  - domain: {zone}\n    file: {self.folder}/{zone}.zone\n    acl: changes\n    zonefile-sync: 0\n    journal-content: none\n" for zone in self.zones))
        for zone, records in self.contents.items():
            (self.folder / f"{zone}.zone").write_text("\n".join(
                ["$TTL 1", f"{zone}. 1 SOA ns.{zone}. hostmaster.{zone}. 1 60 60 600 1", f"{zone}. NS ns.{zone}.", f"ns.{zone}. A {self.address}", *records]) + "\n")

    def entry(self, zone, key="pombal", secret="dns.key"):
        """As Pombal's option `dns_update` has it."""
        return f"{zone} {self.resolver} key={key} secret={secret} algorithm={self.algorithm} ttl=1s"

    def begin_anew(self, zone, *records):
        """The zone holds these records and nothing else."""
        self.stop()
        self.contents[zone] = list(records)
        self._write()
        self.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def start(self):
        knotd = shutil.which("knotd", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen([knotd, "-c", str(self.folder / "knot.conf")], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self._wait_serial()

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
