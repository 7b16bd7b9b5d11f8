"""Milters of others, each started by a test with a configuration of the test's own."""
import os
import subprocess
import sys
from pathlib import Path

from engines import Engine, user


def dkim_key():
    private = subprocess.run(["openssl", "genrsa", "2048"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "PEM"], input=private, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
    return private, "".join(public.splitlines()[1:-1])


class Opendkim(Engine):
    """OpenDKIM, which verifies (mode v; keys come from a file of the test's own in the place of the DNS), or signs for good.example (mode s)."""

    def __init__(self, mode="v", key=b""):
        self.mode, self.key = mode, key
        super().__init__()

    def start(self):
        (self.folder / "key").write_bytes(self.key)
        (self.folder / "key").chmod(0o600)
        self.write("nobody", "192.0.2.1\n")  # who may have it sign without having signed in
        signing = f"Domain good.example\nSelector sel\nRequireSafeKeys no\nKeyFile {self.folder}/key\nInternalHosts {self.folder}/nobody\n" if self.mode == "s" else ""
        (self.folder / "keys").touch()
        conf = self.write("opendkim.conf", f"""Mode {self.mode}
{signing}Socket inet:{self.port}@{self.address}
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
