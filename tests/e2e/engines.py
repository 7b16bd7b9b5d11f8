"""Scanners of others, each started by a test with a configuration of the test's own, and false ones that a test tells what to answer."""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from pombal import environment, free_port, is_open, new_address, wait_for

# In two parts, so that no scanner takes this file for what it is about.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def user():
    return pwd.getpwuid(os.getuid()).pw_name


class Engine:
    """A program of others: its folder, its process, and where it listens."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-engine-"))
        os.chmod(self.folder, 0o755)
        self.address = new_address()
        self.port = free_port(self.address)
        self.output = open(self.folder / "output", "wb")
        self.process = None
        self.start()

    @property
    def place(self):
        return f"{self.address}:{self.port}"

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name

    def spawn(self, *command):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
                                        env=environment(HOME=str(self.folder)), cwd=self.folder, start_new_session=True)
        wait_for(lambda: is_open(self.address, self.port) or self.process.poll() is not None, f"{command[0]} at {self.place}", 60)
        assert self.process.poll() is None, (self.folder / "output").read_text()

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        self.output.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Clamd(Engine):
    """ClamAV's daemon, with one signature: the official test file's."""

    def start(self):
        (self.folder / "db").mkdir(exist_ok=True)
        self.write("db/test.ndb", f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
        self.socket = self.folder / "socket"
        conf = self.write("clamd.conf", f"""DatabaseDirectory {self.folder}/db
LocalSocket {self.socket}
LocalSocketMode 666
TCPSocket {self.port}
TCPAddr {self.address}
User {user()}
StreamMaxLength 1M
MaxThreads 4
""")
        self.spawn("/usr/sbin/clamd", "--foreground", "-c", conf)


class Spamd(Engine):
    """SpamAssassin's daemon, with two rules and without a network."""

    def start(self):
        (self.folder / "rules").mkdir(exist_ok=True)
        self.write("rules/init.pre", "loadplugin Mail::SpamAssassin::Plugin::Check\n")
        self.write("rules/local.cf", "header CHEAP_PILLS Subject =~ /cheap pills/\nscore CHEAP_PILLS 7.5\nheader A_FRIEND Subject =~ /from a friend/\nscore A_FRIEND -4\n")
        self.spawn("/usr/sbin/spamd", "-L", "-x", "-m", "2", "-i", self.place, "-u", user() if os.getuid() else "nobody", f"--siteconfigpath={self.folder}/rules",
                   f"--configpath={self.folder}/rules", "-s", "stderr", "-r", self.folder / "pid")


class Rspamd(Engine):
    """rspamd with a rule of the test's own."""

    def start(self):
        self.write("tlds", "com\norg\nexample\n")
        self.write("rules.lua", """
local function has(task, words)
  local subject = task:get_subject()
  return subject ~= nil and subject:find(words, 1, true) ~= nil
end
rspamd_config:register_symbol({name = 'CHEAP_PILLS', score = 7.5, callback = function(task) return has(task, 'cheap pills') end})
rspamd_config:register_symbol({name = 'KNOWS_THE_CLIENT', score = 0.25, callback = function(task)
  local from, ip, helo = task:get_from('smtp'), task:get_from_ip(), task:get_helo()
  return from ~= nil and from[1].addr == 'ann@good.example' and ip ~= nil and ip:is_valid() and helo == 'client.example'
end})
""")
        conf = self.write("rspamd.conf", f"""
options {{ pidfile = "{self.folder}/pid"; tempdir = "{self.folder}"; hs_cache_dir = "{self.folder}"; cores_dir = ""; url_tld = "{self.folder}/tlds";
  disable_hyperscan = true; filters = ""; control_socket = "{self.folder}/control mode=0600"; dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }} }}
logging {{ type = "console"; level = "info"; }}
lua = "{self.folder}/rules.lua";
worker "normal" {{ bind_socket = "{self.place}"; count = 1; }}
actions {{ reject = 15; "add header" = 6; }}
""")
        self.spawn("rspamd", "-f", "-i", "-c", conf, *(("-u", "root", "-g", "root") if os.getuid() == 0 else ()))


class Cicap(Engine):
    """c-icap with its echo service, which gives back what it gets."""

    def start(self):
        modules = next(Path("/usr/lib").glob("*/c_icap"))
        conf = self.write("c-icap.conf", f"""PidFile {self.folder}/pid
CommandsSocket {self.folder}/control
Port {self.place}
StartServers 1
MaxServers 2
ThreadsPerChild 5
MinSpareThreads 1
MaxSpareThreads 5
ServerLog {self.folder}/log
AccessLog {self.folder}/access
TmpDir {self.folder}
ModulesDir {modules}
ServicesDir {modules}
Service echo srv_echo.so
""")
        self.spawn("/usr/bin/c-icap", "-N", "-f", conf)


class FakeEngine:
    """Listens, and lets `serve(connection, number)` talk to whoever comes, each in a thread; connections are counted."""

    def __init__(self, serve):
        self.serve, self.count, self.problems = serve, 0, []
        self.address = new_address()
        self.listener = socket.create_server((self.address, 0))
        self.place = f"{self.address}:{self.listener.getsockname()[1]}"
        self.ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self._serve, args=(connection, self.count), daemon=True).start()

    def _serve(self, connection, number):
        with connection:
            try:
                self.serve(connection, number)
            except (OSError, EOFError):
                pass
            except Exception as problem:  # a mistake of the test, or a breach of the protocol
                self.problems.append(repr(problem))

    def close(self):
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            assert not self.problems, self.problems


def icap_reader(connection):
    """Serves ICAP over a connection: gives each request's message, whole, after a "100 Continue" where there was a preview; whoever
    iterates answers."""
    stream = connection.makefile("rb")

    def line():
        text = stream.readline()
        if not text:
            raise EOFError
        return text.rstrip(b"\r\n")

    def chunks():
        body = b""
        while True:
            size, _, extension = line().partition(b";")
            part = stream.read(int(size, 16))
            line()
            if not int(size, 16):
                return body, extension.strip() == b"ieof"
            body += part

    while True:
        first = line()
        fields = {}
        while text := line():
            name, _, value = text.partition(b":")
            fields[name.lower()] = value.strip()
        assert first.startswith(b"RESPMOD icap://") and first.endswith(b" ICAP/1.0"), first
        parts = dict(part.strip().split(b"=") for part in fields[b"encapsulated"].split(b","))
        header = stream.read(int(parts[b"res-body"]))
        assert header[int(parts[b"res-hdr"]):].startswith(b"HTTP/1.1 200 OK\r\n")
        body, whole = chunks()
        if not whole:
            connection.sendall(b"ICAP/1.0 100 Continue\r\n\r\n")
            more, _ = chunks()
            body += more
        yield first, body
