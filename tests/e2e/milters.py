"""Milters of others, each started by a test with a configuration of the test's own."""
import os
import sys
from pathlib import Path

from engines import Engine, user


class Opendkim(Engine):
    """OpenDKIM, which verifies; keys come from a file of the test's own in the place of the DNS."""

    def start(self):
        (self.folder / "keys").touch()
        conf = self.write("opendkim.conf", f"""Mode v
Socket inet:{self.port}@{self.address}
UserID {user()}
AuthservID filter.example
AlwaysAddARHeader yes
PidFile {self.folder}/pid
TestPublicKeys {self.folder}/keys
""")
        self.spawn("/usr/sbin/opendkim", "-f", "-x", conf)


class SpamassMilter(Engine):
    """spamass-milter, which asks a spamd and writes what that says into the message."""

    def __init__(self, spamd):
        self.spamd = spamd
        super().__init__()

    def start(self):
        self.spawn("/usr/sbin/spamass-milter", "-p", f"inet:{self.port}@{self.address}", "-r", "20", "--", "-d", self.spamd.address, "-p", self.spamd.port)


class FalseMilter(Engine):
    """false_milter.py: does what a message's subject says."""

    def start(self):
        self.spawn(sys.executable, Path(__file__).parent / "false_milter.py", f"inet:{self.port}@{self.address}")

    def told(self):
        return (self.folder / "output").read_text(errors="replace")
