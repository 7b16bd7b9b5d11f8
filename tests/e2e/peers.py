"""Servers of others that Pombal exchanges mail with: one that plays what a test tells it to, and Debian's Postfix."""
import base64
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

from pombal import environment, free_port, new_address, wait_for


class Drop(Exception):
    """Raised by a script: close the connection without a word."""


class ScriptedServer:
    """An SMTP server that answers as `script` says.

    `script(verb, argument, session)` is asked for each command (and for "GREETING", "END" after the letter, "CONNECT"), and
    gives a reply ("451 4.3.2 Later", lines separated by newlines, or bytes to be sent as they are), None for the usual one,
    or raises Drop. `session` is the dictionary that is kept in `sessions`; accepted letters are in `letters`.
    """

    def __init__(self, address, port, script=None, extensions=("PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"),
                 certificate=None, logins=None):
        self.script = script or (lambda verb, argument, session: None)
        self.extensions = extensions
        self.certificate = certificate
        self.logins = logins
        self.letters, self.sessions, self.problems = [], [], []
        self.open_now = self.most_open = 0
        self.lock = threading.Lock()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(50)
        self.address = address
        self.port = self.listener.getsockname()[1]
        self.ended = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.ended = True
        self.listener.close()
        for session in list(self.sessions):
            try:
                session["socket"].shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            assert not self.problems, self.problems

    def wait_letters(self, count=1, deadline=30):
        wait_for(lambda: len(self.letters) >= count, f"{count} letters at the scripted server (there are {len(self.letters)})", deadline)
        return self.letters

    def _accept(self):
        while not self.ended:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        session = {"socket": peer, "commands": [], "tls": False, "login": None, "number": len(self.sessions)}
        with self.lock:
            self.sessions.append(session)
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
        try:
            self._talk(session)
        except (Drop, OSError, EOFError):
            pass
        except Exception as problem:  # a mistake of the test or a breach of the protocol
            self.problems.append(repr(problem))
        finally:
            with self.lock:
                self.open_now -= 1
            session["socket"].close()

    def _reply(self, session, reply):
        if isinstance(reply, str):
            lines = reply.split("\n")
            reply = "".join(line[:3] + ("-" if i < len(lines) - 1 else " ") + line[4:] + "\r\n" for i, line in enumerate(lines)).encode()
        session["socket"].sendall(reply)

    def _usual(self, verb, argument, session):
        if verb in ("GREETING",):
            return "220 scripted.example ESMTP"
        if verb == "EHLO":
            offered = list(self.extensions)
            if self.certificate and not session["tls"]:
                offered.append("STARTTLS")
            if self.logins is not None:
                offered.append("AUTH PLAIN LOGIN")
            return "\n".join(f"250 {line}" for line in ["scripted.example", *offered])
        if verb == "STARTTLS":
            return "220 2.0.0 Go ahead"
        if verb == "DATA":
            return "354 Go ahead" if session.get("to") else "554 5.5.1 No valid recipients"
        if verb == "QUIT":
            return "221 2.0.0 Bye"
        if verb == "AUTH":
            return None
        return {"END": "250 2.0.0 Taken"}.get(verb, "250 2.0.0 Ok")

    def _talk(self, session):
        if self.script("CONNECT", "", session) == "tls":
            self._start_tls(session)
        self._reply(session, self.script("GREETING", "", session) or self._usual("GREETING", "", session))
        reader = session["socket"].makefile("rb")
        while True:
            line = reader.readline(100000)
            if not line:
                return
            assert line.endswith(b"\r\n"), f"a line without CRLF: {line!r}"
            text = line[:-2].decode("utf-8", errors="surrogateescape")
            session["commands"].append(text)
            verb, _, argument = text.partition(" ")
            verb = verb.upper()
            if verb == "AUTH":
                reply = self.script(verb, argument, session) or self._login(argument, session, reader)
            else:
                reply = self.script(verb, argument, session) or self._usual(verb, argument, session)
            self._reply(session, reply)
            first = reply[:1] if isinstance(reply, str) else reply[:1].decode()
            if verb == "QUIT":
                return
            if verb in ("EHLO", "HELO", "RSET"):
                session["from"], session["to"] = None, []
            elif verb == "MAIL" and first == "2":
                session["from"], session["to"] = argument, []
            elif verb == "RCPT" and first == "2":
                session["to"].append(argument)
            elif verb == "STARTTLS" and first == "2":
                reader.close()
                self._start_tls(session)
                reader = session["socket"].makefile("rb")
            elif verb == "DATA" and first == "3":
                self._letter(session, reader)
            elif verb == "BDAT":
                self._chunk(session, reader, argument)

    def _start_tls(self, session):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, self.certificate))
        session["socket"] = context.wrap_socket(session["socket"], server_side=True)
        session["tls"] = True

    def _letter(self, session, reader):
        lines = []
        while True:
            line = reader.readline()
            if not line:
                raise EOFError
            assert line.endswith(b"\r\n") and b"\r" not in line[:-2], f"a line in DATA with bare CR or LF: {line!r}"
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        session["letter"] = b"".join(lines)
        self._finish(session, "END")

    def _chunk(self, session, reader, argument):
        size, *last = argument.split()
        session["chunks"] = session.get("chunks", b"") + reader.read(int(size))
        if last:
            session["letter"] = session.pop("chunks")

    def _finish(self, session, verb):
        reply = self.script(verb, "", session) or self._usual(verb, "", session)
        self._reply(session, reply)
        if reply[:1] in ("2", b"2"):
            with self.lock:
                self.letters.append({"from": session["from"], "to": list(session["to"]), "letter": session["letter"],
                                     "tls": session["tls"], "login": session["login"], "session": session["number"]})
        session["from"], session["to"] = None, []

    def _login(self, argument, session, reader):
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() == "PLAIN":
            if not initial:
                self._reply(session, "334 ")
                initial = reader.readline().strip().decode()
            _, name, password = base64.b64decode(initial).decode().split("\0")
        elif mechanism.upper() == "LOGIN":
            words = []
            for question in ("Username:", "Password:"):
                self._reply(session, "334 " + base64.b64encode(question.encode()).decode())
                words.append(base64.b64decode(reader.readline().strip()).decode())
            name, password = words
        else:
            return "504 5.5.4 Unknown mechanism"
        session["login"] = (name, password)
        return "235 2.7.0 Welcome" if (self.logins or {}).get(name) == password else "535 5.7.8 Wrong"


class Postfix:
    """Debian's Postfix with configuration, queue and data of its own, on a high port of a loopback address."""

    def __init__(self, domain, relay, certificate):
        self.domain = domain
        self.address = new_address()
        self.port = free_port(self.address)
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-postfix-"))
        os.chmod(self.folder, 0o755)
        self.conf = self.folder / "conf"
        for name in ("conf", "queue", "data", "boxes"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix", "postfix")
        shutil.chown(self.folder / "boxes", "nobody", "nogroup")
        for source, name in zip(certificate, ("chain.pem", "key.pem")):
            shutil.copy(source, self.conf / name)
        (self.conf / "main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.{domain}
mydomain = {domain}
myorigin = {domain}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_bind_address = 127.0.0.1
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_tls_security_level = may
smtpd_tls_security_level = may
smtpd_tls_chain_files = {self.conf}/key.pem, {self.conf}/chain.pem
relayhost = [{relay[0]}]:{relay[1]}
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = inline:{{ {{ petra@{domain} = petra/ }} }}
virtual_mailbox_base = {self.folder}/boxes
virtual_mailbox_limit = 0
message_size_limit = 100000000
virtual_uid_maps = static:{pwd_id("nobody")}
virtual_gid_maps = static:{pwd_id("nobody", group=True)}
alias_maps =
alias_database =
maillog_file = {self.folder}/maillog
maillog_file_prefixes = {self.folder}
minimal_backoff_time = 1s
queue_run_delay = 1s
""")
        (self.conf / "master.cf").write_text(f"""\
{self.address}:{self.port} inet n - n - - smtpd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
""")
        self.output = open(self.folder / "output", "wb")
        self.postfix = shutil.which("postfix", path="/usr/sbin:" + os.environ["PATH"])
        self.process = subprocess.Popen([self.postfix, "-c", str(self.conf), "start-fg"], stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=self.output, env=environment(), start_new_session=True)

        def answers():
            assert self.process.poll() is None, (self.folder / "output").read_text() + self.log()
            try:
                with socket.create_connection((self.address, self.port), timeout=2) as peer:
                    return peer.recv(3) == b"220"
            except OSError:
                return False
        wait_for(answers, "Postfix")

    def log(self):
        path = self.folder / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def letters(self):
        """What petra has got, as bytes with CRLF."""
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted((self.folder / "boxes/petra/new").glob("*"))]

    def wait_letter(self, token, deadline=30):
        return wait_for(lambda: next((letter for letter in self.letters() if token.encode() in letter), None),
                        f"a letter with {token} at Postfix", deadline)

    def close(self):
        # The script that start-fg runs doesn't hand the signal on: its master is told.
        os.kill(int((self.folder / "queue/pid/master.pid").read_text()), signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def pwd_id(name, group=False):
    import grp
    import pwd
    entry = pwd.getpwnam(name)
    return grp.getgrgid(entry.pw_gid).gr_gid if group else entry.pw_uid
