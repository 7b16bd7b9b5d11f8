"""The servers that are measured: Pombal, and Postfix with Dovecot in a private configuration, both on loopback and high
ports, with their data under one temporary folder, both syncing as they ship. Each is a process tree of its own, so that
its processor time and memory can be summed."""
import base64
import email.utils
import hashlib
import imaplib
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

PASSWORD = "a-password-for-measuring"
USERS = 10        # accounts that sign in, all the time
ACCOUNTS = 1000   # of a usual server
MANY = 10000
LARGE = "large@example.test"
SINK = 21026
HASH = "{SSHA}" + base64.b64encode(hashlib.sha1(PASSWORD.encode() + b"salt").digest() + b"salt").decode()
SETTLE_MOST = 120  # seconds
TICKS = os.sysconf("SC_CLK_TCK")


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"bench: {what} did not happen within {seconds} s")
        time.sleep(0.02)


def write_maildir(folder, count):
    """Letters of about 4 KiB as they come from others: with signatures, traces, threads and some people in Cc."""
    maildir, made = folder / "maildir", random.Random(1)
    if maildir.exists():
        return maildir
    for name in ("new", "tmp", "cur"):
        (maildir / name).mkdir(parents=True)
    words = "report meeting invoice holiday question release customers tomorrow about the new for our with and".split()
    coded = lambda size: base64.b64encode(made.randbytes(size)).decode()
    message_id = lambda number: f"<{number:08x}.{number * 7919 % 65536:04x}@mail{number % 50}.client.example>"
    for number in range(count):
        when, host = 1600000000 + 600 * number, f"company{number % 313}.example"
        date, signature = email.utils.formatdate(when), coded(256)
        former = message_id(number - number % 4)
        lines = [f"Return-Path: <person{number % 997}@{host}>",
                 f"Received: from mx.{host} (mx.{host} [192.0.2.{number % 250}])", f"\tby mail.example.test with ESMTPS id {number:016x}", f"\tfor <{LARGE}>; {date}",
                 f"Authentication-Results: mail.example.test; spf=pass smtp.mailfrom={host};", f"\tdkim=pass header.d={host}; dmarc=pass",
                 f"Received: from [198.51.100.{number % 200}] by mx.{host}", f"\twith esmtpsa id {number:x}-abc for {LARGE}; {date}",
                 f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={host}; s=s1;", f"\th=from:to:subject:date:message-id; bh={coded(32)};",
                 "\tb=" + "\r\n\t".join(signature[at:at + 72] for at in range(0, len(signature), 72)),
                 f"From: Person {number % 997} <person{number % 997}@{host}>", f"To: Somebody Here <{LARGE}>",
                 "Subject: " + " ".join(made.choice(words) for _ in range(made.randint(2, 9))), f"Date: {date}", f"Message-ID: {message_id(number)}"]
        lines += [f"In-Reply-To: {former}", f"References: {former}"] if number % 4 else []
        lines += [f"Cc: Other <other{number % 77}@client.example>"] if number % 5 == 0 else []
        lines += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "User-Agent: A Client 1.0", ""]
        lines += [" ".join(made.choice(words) for _ in range(10)) for _ in range(40)]
        path = maildir / "cur" / f"{when}.M{number}.bench:2,S"
        path.write_text("\r\n".join(lines) + "\r\n", newline="")
        os.utime(path, (when, when))
    return maildir


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False


def children_of(root):
    """The process and all below it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


class Server:
    """roots(): the pids whose trees make up the server."""
    has_many = True

    def cpu_seconds(self):
        """Of all its processes, and of those that have ended and were waited for."""
        total = 0
        for root in self.roots():
            for pid in children_of(root):
                try:
                    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                total += sum(int(fields[i]) for i in (11, 12, 13, 14))
        return total / TICKS

    def settle(self):
        """Waits until nothing of what was done goes on behind it (mail is indexed, queues are worked off): it isn't the next part's."""
        deadline, before = time.monotonic() + SETTLE_MOST, -1
        while time.monotonic() < deadline and (now := self.cpu_seconds()) > before + 0.02:
            before = now
            time.sleep(1)

    def pss_kib(self):
        total = 0
        for root in self.roots():
            for pid in children_of(root):
                try:
                    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
                except OSError:
                    continue
                total += next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
        return total

    def counters(self):
        """A function that counts all messages in the users' inboxes, over connections kept open."""
        connections = []
        for number in range(USERS):
            connection = imaplib.IMAP4("127.0.0.1", self.imap)
            connection.login(self.user(number), PASSWORD)
            connections.append(connection)

        def count():
            return sum(int(c.status("INBOX", "(MESSAGES)")[1][0].rsplit(b" ", 1)[1].rstrip(b")")) for c in connections)

        return count

    def user(self, number):
        return f"user{number}@example.test"

    def names(self):
        """Of the accounts that sign in all the time: users, who get mail, as many whose mail is only what a part of the benchmark gives them, and
        one with a large mailbox."""
        return [f"{kind}{number}@example.test" for kind in ("user", "drop") for number in range(USERS)] + [LARGE]

    def other_names(self):
        """Of all further accounts: a thousand users in all, and ten thousand more that only get mail."""
        return [self.user(number) for number in range(USERS, ACCOUNTS)] + [f"many{number}@example.test" for number in range(MANY)]

    def found(self, pattern, numbers):
        """How many messages lie in the inboxes of these accounts."""
        total = 0
        for number in numbers:
            connection = imaplib.IMAP4("127.0.0.1", self.imap)
            connection.login(pattern.replace("%d", str(number)), PASSWORD)
            total += int(connection.select()[1][0])
            connection.logout()
        return total


class Sink:
    """Postfix's smtp-sink, which both servers relay to; with `refuse`, it refuses that command for good."""

    def __init__(self, refuse=None):
        how = ["-f", refuse] if refuse else []
        self.process = subprocess.Popen(["smtp-sink", "-u", "nobody", "-c", *how, f"127.0.0.1:{SINK}", "1000"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        bufsize=0)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.messages = 0
        wait_for(lambda: answers(SINK), 10, "smtp-sink's banner")

    def count(self):
        """How many messages it has taken."""
        said = self.process.stdout.read()
        found = re.findall(rb"mesg=(\d+)", said or b"")
        self.messages = int(found[-1]) if found else self.messages
        return self.messages

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Pombal(Server):
    def __init__(self, folder, program, name="Pombal"):
        self.name = name
        self.data = folder / "pombal"
        self.program = program
        base = 20000
        run = lambda *arguments, **more: subprocess.run([program, *arguments, "--data", self.data], check=True, stdout=subprocess.DEVNULL, **more)
        run("init", "--dev", "--port-base", str(base))
        self.smtp, self.imap, self.imaps, self.pop3, self.http = base + 2525, base + 1143, base + 1993, base + 1110, base + 8080
        self.configure("log_level = error\nconnections_per_address = 0\naccount_connections = 20000\nplaintext_auth = true\n"
                       "max_messages_per_session = 10000000\nrelay_networks = {\"127.0.0.0/8\"}\nsmarthost_tls = \"none\"\n"
                       f"smarthost = \"127.0.0.1:{SINK}\"\n")
        for name in self.names():
            run("account", "add", name, "--password-stdin", input=PASSWORD.encode())
        table = folder / "people"
        table.write_text("".join(f"{name}:{HASH}\n" for name in self.other_names()))
        nothing_synced = {**os.environ, "LD_PRELOAD": "libeatmydata.so"}  # no power cut is expected while they are made
        if subprocess.run([program, "account", "import", table, "--data", self.data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=nothing_synced).returncode:
            self.has_many = False  # an older program: one by one, and not all
            for name in self.other_names()[:ACCOUNTS - USERS]:
                run("account", "add", name, "--password-stdin", input=PASSWORD.encode())

    def configure(self, wanted):
        names = "|".join(re.findall(r"^\w+", wanted, re.M))
        conf = self.data / "pombal.conf"
        conf.write_text(re.sub(rf"^({names}) = .*\n", "", conf.read_text(), flags=re.M) + "\n" + wanted)  # each option is set once

    def fill(self, maildir):
        """Gives the large mailbox these letters."""
        subprocess.run([self.program, "import", LARGE, maildir, "--data", self.data], check=True, stdout=subprocess.DEVNULL)

    def send_to_domains(self, names, port):
        """From now on mail goes to each domain's own server, at this port, and not to the sink."""
        self.configure(f'smarthost = ""\nresolver = "{names.address}@{names.port}"\ntrust_anchors = {{"none"}}\nmx_port = {port}\n')
        self.stop()
        self.start()

    def start(self):
        start = time.monotonic()
        self.process = subprocess.Popen([self.program, "serve", "--data", self.data], stdout=subprocess.DEVNULL)
        wait_for(lambda: answers(self.smtp), 10, "Pombal's banner")
        return time.monotonic() - start

    def queued(self):
        """How many messages wait in the queue."""
        database = sqlite3.connect(f"file:{self.data}/queue/queue.db?mode=ro", uri=True)
        count = database.execute("SELECT count(*) FROM message").fetchone()[0]
        database.close()
        return count

    def roots(self):
        return [self.process.pid]

    def role(self, name):
        """The process of a role."""
        return next(pid for pid in children_of(self.process.pid) if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0" + name.encode() + b"\0"))

    def is_indexed(self, account="drop0"):
        """Does nothing wait to be indexed in this account, which has mail to search?"""
        index = self.data / "accounts/example.test" / account / "search.db"
        if not index.exists():
            return False
        database = sqlite3.connect(f"file:{index}?mode=ro", uri=True)
        waiting, documents = (database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("waiting", "document"))
        database.close()
        return documents > 0 and waiting == 0

    def threads(self, role):
        return len(os.listdir(f"/proc/{self.role(role)}/task"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class PostfixDovecot(Server):
    name = "Postfix + Dovecot"

    def __init__(self, folder):
        self.folder = folder / "postfix-dovecot"
        self.smtp, self.imap, self.imaps, self.pop3, self.lmtp = 21025, 21143, 21993, 21110, 21024
        self.write_postfix()
        self.write_dovecot(folder)

    def write_postfix(self):
        self.config, queue, data = (self.folder / name for name in ("postfix", "queue", "data"))
        for path in (self.config, queue, data):
            path.mkdir(parents=True)
        for parent in (self.folder, self.folder.parent):
            parent.chmod(0o755)
        shutil.chown(data, "postfix")
        (self.config / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
maillog_file = /dev/null
maillog_file_prefixes = /dev
myhostname = mail.example.test
mydestination =
virtual_mailbox_domains = example.test
virtual_mailbox_maps = static:all
virtual_transport = lmtp:inet:127.0.0.1:{self.lmtp}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{SINK}
smtpd_client_connection_count_limit = 0
smtpd_recipient_restrictions = permit_mynetworks, reject
alias_maps =
alias_database =
default_process_limit = 200
""")
        master = pathlib.Path("/usr/share/postfix/master.cf.dist").read_text().splitlines()
        lines = []
        for line in master:
            if line.startswith("smtp      inet"):
                line = f"127.0.0.1:{self.smtp} inet n - n - - smtpd"
            elif line and not line[0].isspace() and not line.startswith("#"):
                fields = line.split()
                if len(fields) >= 8 and fields[4] == "y":
                    fields[4] = "n"
                line = " ".join(fields)
            lines.append(line)
        (self.config / "master.cf").write_text("\n".join(lines) + "\n")

    def write_dovecot(self, folder):
        home, run = self.folder / "mail", self.folder / "run"
        home.mkdir()
        run.mkdir()
        user = pwd.getpwnam("mail")
        shutil.chown(home, user.pw_uid, user.pw_gid)
        users = self.folder / "users"
        users.write_text("".join(f"{name}:{{PLAIN}}{PASSWORD}::::::\n" for name in self.names() + self.other_names()))
        key, chain = folder / "key.pem", folder / "chain.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                        "-out", chain, "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
        (self.folder / "dovecot.conf").write_text(f"""
base_dir = {run}
log_path = /dev/null
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{chain}
ssl_key = <{key}
disable_plaintext_auth = no
mail_location = maildir:{home}/%u
mail_uid = {user.pw_uid}
mail_gid = {user.pw_gid}
first_valid_uid = 1
mail_max_userip_connections = 20000
auth_cache_size = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {users}
}}
userdb {{
  driver = static
  args = uid={user.pw_uid} gid={user.pw_gid} home={home}/%u
}}
service imap-login {{
  client_limit = 20000
  process_min_avail = 2
  service_count = 0
  inet_listener imap {{
    port = {self.imap}
  }}
  inet_listener imaps {{
    port = {self.imaps}
  }}
}}
service pop3-login {{
  service_count = 0
  inet_listener pop3 {{
    port = {self.pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service imap {{
  process_limit = 12000
  service_count = 1000
}}
service anvil {{
  client_limit = 40000
}}
service auth {{
  client_limit = 40000
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {self.lmtp}
  }}
}}
""")

    def start(self):
        start = time.monotonic()
        self.dovecot = subprocess.Popen(["dovecot", "-F", "-c", self.folder / "dovecot.conf"])
        subprocess.run(["postfix", "-c", self.config, "start"], check=True, capture_output=True)
        wait_for(lambda: answers(self.smtp) and answers(self.imap), 20, "the banner of Postfix and Dovecot")
        self.postfix = int((self.folder / "queue" / "pid" / "master.pid").read_text())
        return time.monotonic() - start

    def fill(self, maildir):
        """As Pombal's; the files themselves, under names of their own."""
        user, place = pwd.getpwnam("mail"), self.folder / "mail" / LARGE
        for folder in (place, *(place / name for name in ("new", "tmp", "cur"))):
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, user.pw_uid, user.pw_gid)
        for path in (maildir / "cur").iterdir():
            shutil.chown(path, user.pw_uid, user.pw_gid)
            os.link(path, place / "cur" / path.name)

    def send_to_domains(self, names, port):
        """As Pombal's; the addresses come out of a table."""
        table = self.config / "transport"
        table.write_text("".join(f"/@{re.escape(domain)}$/ smtp:[{address}]:{port}\n" for domain, address in names.hosts.items()))
        subprocess.run(["postconf", "-c", self.config, "-e", f"transport_maps = regexp:{table}"], check=True)
        self.stop()
        self.start()

    def queued(self):
        return sum(len(files) for part in ("maildrop", "incoming", "active", "deferred") for _, _, files in os.walk(self.folder / "queue" / part))

    def roots(self):
        return [self.dovecot.pid, self.postfix]

    def stop(self):
        subprocess.run(["postfix", "-c", self.config, "stop"], capture_output=True)
        self.dovecot.send_signal(signal.SIGTERM)
        self.dovecot.wait(30)
