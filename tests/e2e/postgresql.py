"""A PostgreSQL of a test's own, on a socket in a folder of its own."""
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = Path("/usr/lib/postgresql")


class Postgresql:
    """Its administrator is `pombal`; `mail` is a role as a server of ours is to have."""

    def __init__(self, *settings):
        self.programs = sorted(PROGRAMS.glob("*/bin"))[-1]
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-sql-", dir="/tmp"))
        os.chmod(self.folder, 0o755)
        self.settings = [word for setting in settings for word in ("-c", setting)]
        self.who = {}
        if os.getuid() == 0:  # it refuses to run as root
            shutil.chown(self.folder, "nobody", "nogroup")
            self.who = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        self.process = None
        subprocess.run([self.programs / "initdb", "-D", self.folder / "data", "-U", "pombal", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self.who)
        self.start()
        complaints = self.run(["CREATE ROLE mail LOGIN;", "CREATE DATABASE mail OWNER mail;"])
        assert not complaints, complaints

    def start(self):
        self.process = subprocess.Popen([self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses=", "-c", "autovacuum=off", "-F",
                                         *self.settings], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.who)
        deadline = time.monotonic() + 60
        while self.run(["SELECT 1;"]):
            assert time.monotonic() < deadline and self.process.poll() is None, "PostgreSQL doesn't start"
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(2)  # SIGINT: connections end at once
        self.process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, statements, database="postgres", user="pombal"):
        """Runs statements, each for itself: gives PostgreSQL's complaints."""
        return self._psql(statements, database, user).stderr.decode()

    def ask(self, statement, database="mail", user="pombal"):
        """What one yields, as psql writes it without ornaments."""
        done = self._psql([statement], database, user)
        assert not done.stderr, done.stderr.decode()
        return done.stdout.decode().strip()

    def _psql(self, statements, database, user):
        return subprocess.run([self.programs / "psql", "-X", "-q", "-A", "-t", "-h", self.folder, "-U", user, "-d", database], input="\n".join(statements).encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)

    def url(self, user="mail", database="mail"):
        return f"postgresql://{user}@/{database}?host={self.folder}"
