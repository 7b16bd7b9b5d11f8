"""A Pombal of the tests' own: made by `pombal init --dev`, served, watched and ended.

Every server gets loopback addresses of its own (127.A.B.C, with A and B from this process's id), so that tests can run side by
side, and so that several servers can listen for SMTP on the same port, as MX records demand. What a server writes to its
standard error is kept and searched for sanitizer reports when it is stopped.
"""
import base64
import imaplib
import json
import os
import poplib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROLES = re.findall(r"^ROLE\(\w+, (\w+),", (ROOT / "src/config/roles.def").read_text(), re.M)
ON_DEMAND = re.findall(r"^ROLE\(\w+, (\w+),.*\.on_demand = true", (ROOT / "src/config/roles.def").read_text(), re.M)
STARTED = [role for role in ROLES if role not in ON_DEMAND]
PORTS = {
    "smtp": 2525, "lmtp": 2424, "submission": 5587, "submissions": 4465, "imap": 1143, "imaps": 1993,
    "pop3": 1110, "pop3s": 1995, "http": 8080, "https": 8443,
}
# Started apart from everything that may run on this machine already.
PORT_BASE = 20000
DEADLINE = 30
# The passwords of the accounts that every test server has, beside alice and bob of `init --dev`.
PASSWORDS = {"anna": "Annas geheimes Wort 1", "boris": "Пароль-Бориса-2"}
BAD_LOG = re.compile(
    r"(ERROR|WARNING): \w+Sanitizer|LeakSanitizer|runtime error:|SUMMARY: \w+Sanitizer|Assertion .* failed|stack smashing|double free|"
    r"corrupted|level=error.* event=role\.ended|event=sandbox\.refused")

imaplib._MAXLINE = 200 * 1024 * 1024
poplib._MAXLINE = 10 * 1024 * 1024


def binary():
    named = os.environ.get("POMBAL")
    if named:
        return named
    for place in ("build-test/pombal", "build-test/src/main/pombal", "build-test/src/pombal", "build/pombal"):
        if (ROOT / place).exists():
            return str(ROOT / place)
    raise RuntimeError("no pombal was built: run `make build` or set $POMBAL")


def wait_for(condition, what, deadline=DEADLINE, pause=0.05):
    """Asks `condition` again and again until it gives something true, which is returned."""
    end = time.monotonic() + deadline
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s in vain for {what}")
        time.sleep(pause)


_address_count = 0


def new_address():
    """A loopback address that nobody else uses: of this process 250, and then 250 of another network."""
    global _address_count
    block, last = divmod(_address_count, 250)
    _address_count += 1
    pid = os.getpid()
    return f"127.{64 + block % 2 * 64 + (pid >> 8) % 64}.{pid % 256}.{last + 2}"


def is_open(address, port):
    try:
        socket.create_connection((address, port), timeout=2).close()
        return True
    except OSError:
        return False


def free_port(address):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def tls_context(verify=None, name_checked=False):
    """For clients of servers with self-signed certificates; `verify`: the certificate file to trust, else any."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if verify:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(verify)
        context.check_hostname = name_checked
    return context


def environment(**more):
    """The environment for children: no proxies, no user configuration, one language."""
    keep = {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith("POMBAL")}
    keep.update({"LC_ALL": "C.UTF-8", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"})
    # Freed memory needn't be kept for long here: the machine that runs this may be small.
    keep["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "quarantine_size_mb=8")
    keep.update(more)
    return keep


def children(pid):
    """Ids of the processes below this one."""
    below = []
    for task in Path("/proc").glob("[0-9]*"):
        try:
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            below.append(int(task.name))
            below.extend(children(int(task.name)))
    return below


class Pombal:
    def __init__(self, domain="example.test", hostname=None, options=None, address=None, accounts=("anna", "boris"), start=True, storage=None, queue_storage=None, directory_storage=None):
        self.domain = domain
        self.hostname = hostname or "mail." + domain
        self.address = address or new_address()
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-test-"))
        os.chmod(self.folder, 0o755)
        self.data = self.folder / "data"
        self.log_path = self.folder / "log"
        self.log_path.touch()
        self.process = None
        self.storages = {"storage": storage, "queue-storage": queue_storage, "directory-storage": directory_storage}
        self.expected_noise = []  # patterns of log lines that look bad but belong to the test
        self.ports = {name: port + PORT_BASE for name, port in PORTS.items()}
        try:
            self._make(options or {}, accounts)
            if start:
                self.start()
        except BaseException:  # nobody will close what was never finished
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _make(self, options, accounts):
        made = self.run("init", "--domain", self.domain, "--hostname", self.hostname, "--dev", "--port-base", str(PORT_BASE), *(word for name, url in self.storages.items() if url for word in (f"--{name}", url)))
        self.init_output = made.stdout + made.stderr
        conf = self.conf_path.read_text()
        self.conf_path.write_text(conf.replace("127.0.0.1:", self.address + ":"))
        if options:
            self.configure(**options)
        for name in accounts:
            self.add_account(f"{name}@{self.domain}", PASSWORDS[name])

    # ---- The command line ----

    def run(self, *arguments, stdin=None, status=0, timeout=60, data=True, **more):
        """Runs `pombal` on this data directory and checks its exit status (None: any)."""
        command = [binary(), *map(str, arguments)]
        if data:
            command += ["--data", str(self.data)]
        if isinstance(stdin, str):
            stdin = stdin.encode()
        done = subprocess.run(command, input=stdin if stdin is not None else b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, env=environment(), **more)
        done.bytes = done.stdout
        done.stdout = done.stdout.decode(errors="replace")
        done.stderr = done.stderr.decode(errors="replace")
        assert not BAD_LOG.search(done.stderr), done.stderr
        if status is not None:
            assert done.returncode == status, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json").stdout)

    def add_account(self, address, password):
        self.run("account", "add", address, "--password-stdin", stdin=password + "\n")

    @property
    def conf_path(self):
        return self.data / "pombal.conf"

    def configure(self, **options):
        """Sets options in pombal.conf, in the place of what it says about them."""
        kept = []
        lines = iter(self.conf_path.read_text().splitlines())
        for line in lines:
            named = re.match(r"\s*(\w+)\s*\+?=", line)
            if named and named[1] in options:
                while "{" in line and "}" not in line:
                    line += next(lines)
                continue
            kept.append(line)
        for name, value in options.items():
            if isinstance(value, bool):
                text = "true" if value else "false"
            elif isinstance(value, int):
                text = str(value)
            elif isinstance(value, (list, tuple)):
                text = "{" + ", ".join(f'"{entry}"' for entry in value) + "}"
            else:
                text = f'"{value}"'
            kept.append(f"{name} = {text}")
        self.conf_path.write_text("\n".join(kept) + "\n")

    # ---- The process ----

    def log(self, offset=0):
        with open(self.log_path, "rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def log_size(self):
        return self.log_path.stat().st_size

    def wait_log(self, pattern, offset=0, deadline=DEADLINE):
        return wait_for(lambda: re.search(pattern, self.log(offset), re.M), f"a log line with {pattern}", deadline)

    def wait_events(self, pattern):
        """In the file that commands read; the standard error has a line a little earlier."""
        events = self.data / "log" / "events.log"
        wait_for(lambda: re.search(pattern, events.read_text(errors="replace"), re.M), f"an event with {pattern}")

    def start(self, wait=True):
        offset = self.log_size()
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([binary(), "serve", "--data", str(self.data)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        env=environment(), start_new_session=True)
        log.close()
        if wait:
            def ready():
                assert self.process.poll() is None, f"serve ended with {self.process.returncode}:\n{self.log(offset)}"
                return re.search(r"^ready$", self.log(offset), re.M)
            wait_for(ready, "`ready`:\n" + self.log(offset))
        return self

    def stop(self, deadline=20):
        """SIGTERM; asserts that it ends by itself, with status 0, leaving nobody behind."""
        if self.process is None:
            return
        process, self.process = self.process, None
        below = children(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(deadline)
        except subprocess.TimeoutExpired:
            for pid in (process.pid, *below):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
            raise AssertionError(f"serve didn't end within {deadline} s of SIGTERM:\n{self.log()[-3000:]}")
        assert process.returncode == 0, f"serve ended with {process.returncode}:\n{self.log()[-3000:]}"
        for pid in below:
            wait_for(lambda: not Path(f"/proc/{pid}").exists(), f"role process {pid} to end", 5)

    def kill(self):
        """The end of a server that doesn't behave: the master and its roles, by their ids."""
        if self.process is not None and self.process.poll() is None:
            self.crash()

    def crash(self):
        """Kills the master and every role at once, as a power cut would."""
        process, self.process = self.process, None
        pids = [process.pid, *children(process.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        process.wait()

    def check_log(self):
        for line in self.log().splitlines():
            if BAD_LOG.search(line) and not any(re.search(noise, line) for noise in self.expected_noise):
                at = self.log().index(line)
                raise AssertionError("in the server's log:\n" + self.log()[at:at + 6000])

    def close(self):
        """The end of a test server: stops it and looks through what it said."""
        try:
            if self.process is not None:
                self.stop()
            self.check_log()
        finally:
            if os.environ.get("POMBAL_TEST_KEEP"):
                print("kept", self.folder)
            else:
                shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("---- log ----\n" + self.log()[-8000:])
            self.check_log_quietly()
        self.close()

    def check_log_quietly(self):
        """After a failed test: still end the server, but don't hide the test's own failure."""
        try:
            if self.process is not None:
                self.stop()
        except AssertionError as problem:
            print(problem)

    def role_pids(self):
        """{"smtp": pid, …} of the running roles."""
        found = {}
        for pid in children(self.process.pid):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                words += Path(f"/proc/{pid}/comm").read_text()
            except OSError:
                continue
            for role in ROLES:
                if re.search(rf"\b{role}\b", words.replace(str(self.folder), "")):
                    found.setdefault(role, pid)  # not what a role has started itself
        return found

    def reload(self):
        offset = self.log_size()
        self.process.send_signal(signal.SIGHUP)
        try:
            done = self.wait_log(r"event=reload\.(done|failed)", offset)
        except AssertionError as vain:
            raise AssertionError(f"{vain}\n{self.condition(offset)}") from None
        assert done[1] == "done", self.condition(offset)

    def condition(self, offset):
        """What a person would look at first: what its roles do, what their threads wait for, and what the log has said since."""
        said = subprocess.run([binary(), "status", "--data", str(self.data)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=DEADLINE, env=environment(), check=False).stdout.decode(errors="replace")
        for pid in (self.process.pid, *children(self.process.pid)):
            for task in Path(f"/proc/{pid}/task").glob("*"):
                try:
                    said += f"{pid} {task.name} {(task / 'comm').read_text().strip()}: {(task / 'wchan').read_text()} {(task / 'syscall').read_text()}"
                except OSError:
                    continue
        return f"{said}---- log ----\n{self.log(offset)[-8000:]}"

    def role_of(self, role):
        return wait_for(lambda: self.role_pids().get(role), f"the {role} role")

    @property
    def certificate(self):
        """The path of the certificate that `init` made."""
        named = re.search(r'certificates\s*=\s*\{?\s*"(\S+) (\S+)"', self.conf_path.read_text())
        return self.data / named[1], self.data / named[2]

    # ---- Its clients ----

    def name(self, account):
        return account if "@" in account else f"{account}@{self.domain}"

    def password(self, account):
        return PASSWORDS[account.split("@")[0]]

    def imap(self, account="anna", password=None, mailbox=None):
        session = imaplib.IMAP4_SSL(self.address, self.ports["imaps"], ssl_context=tls_context(), timeout=DEADLINE)
        session.authenticate("PLAIN", lambda _: f"\0{self.name(account)}\0{password or self.password(account)}".encode())
        if mailbox:
            status, detail = session.select(mailbox)
            assert status == "OK", detail
        return session

    def pop3(self, account="anna", password=None):
        session = poplib.POP3_SSL(self.address, self.ports["pop3s"], context=tls_context(), timeout=DEADLINE)
        session.utf8 = False
        session.encoding = "UTF-8"
        session.user(self.name(account))
        session.pass_(password or self.password(account))
        return session

    def smtp(self):
        return smtplib.SMTP(self.address, self.ports["smtp"], local_hostname="client.example", timeout=DEADLINE)

    def submission(self, account="anna", password=None):
        session = smtplib.SMTP_SSL(self.address, self.ports["submissions"], local_hostname="client.example",
                                   context=tls_context(), timeout=DEADLINE)
        session.ehlo()
        # smtplib takes ASCII passwords only.
        words = f"\0{self.name(account)}\0{password or self.password(account)}".encode()
        code, text = session.docmd("AUTH", "PLAIN " + base64.b64encode(words).decode())
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, text)
        return session

    def deliver(self, letter, *to, sender="someone@elsewhere.example"):
        """Hands a letter in over LMTP, to several accounts if wanted; returns when the server has taken it for each."""
        from wire import Smtp
        names = [self.name(one) for one in to or ("anna",)]
        with Smtp(self.address, self.ports["lmtp"], hello="LHLO client.example") as session:
            session.envelope(sender, *names, mail=" BODY=8BITMIME")
            answers = [session.data(re.sub(rb"^\.", b"..", letter, flags=re.M)), *(session.reply() for _ in names[1:])]
        assert all(answer.startswith("250") for answer in answers), answers

    def submit(self, letter, *to, account="anna", sender=None, mail_options=(), rcpt_options=()):
        with self.submission(account) as session:
            refused = session.sendmail(sender if sender is not None else self.name(account), list(to), letter,
                                       mail_options=["BODY=8BITMIME", *mail_options], rcpt_options=rcpt_options)
        assert refused == {}, refused

    def wait_mail(self, token, account="anna", count=1, mailbox="INBOX", deadline=DEADLINE, header="Subject"):
        """Waits until `count` letters with `token` in that header are in the mailbox; returns their bytes."""
        session = self.imap(account)
        try:
            def arrived():
                session.select(mailbox, readonly=True)
                found = session.search(None, "HEADER", header, f'"{token}"')[1][0].split()
                return found if len(found) >= count else None
            numbers = wait_for(arrived, f"{count} letters with {token} in {account}'s {mailbox}:\n", deadline)
            assert len(numbers) == count, f"{len(numbers)} letters with {token} instead of {count}"
            return [session.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers]
        finally:
            session.logout()

    def count_mail(self, token, account="anna", mailbox="INBOX", header="Subject"):
        session = self.imap(account, mailbox=mailbox)
        found = session.search(None, "HEADER", header, f'"{token}"')[1][0].split()
        session.logout()
        return len(found)

    def queue(self):
        """The queue as a list of dictionaries."""
        listing = self.json("queue", "list")
        return listing if isinstance(listing, list) else next(value for value in listing.values() if isinstance(value, list))

    def wait_queue_empty(self, deadline=DEADLINE):
        wait_for(lambda: not self.queue(), "the queue to be empty", deadline, pause=0.2)
