"""Protocols by hand: lines over a socket, for what no well-behaved client would say."""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import zlib

from pombal import tls_context

DEADLINE = 20


class Wire:
    def __init__(self, address, port, tls=False, context=None):
        self.socket = socket.create_connection((address, port), timeout=DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if tls:
            self.start_tls(context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def start_tls(self, context=None):
        assert self.buffer == b"", f"bytes before TLS: {self.buffer!r}"
        self.socket = (context or tls_context()).wrap_socket(self.socket, server_hostname="mail.example.test")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def read(self, size):
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def line(self):
        """The next line without its CRLF."""
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("utf-8", errors="surrogateescape")

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"closed after {self.buffer!r}")
        self.buffer += data

    def rest(self):
        """Everything until the server closes."""
        try:
            while True:
                self._more()
        except (EOFError, ConnectionResetError, ssl.SSLError):
            data, self.buffer = self.buffer, b""
            return data

    def is_closed(self, deadline=DEADLINE):
        self.socket.settimeout(deadline)
        try:
            self._more()
            return False
        except socket.timeout:
            return False
        except (EOFError, OSError):
            return True

    def silent(self, seconds=0.5):
        """Does the server say nothing for so long?"""
        if self.buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self._more()
            return False
        except socket.timeout:
            return True
        finally:
            self.socket.settimeout(DEADLINE)


class Smtp(Wire):
    def __init__(self, address, port, tls=False, context=None, hello="EHLO client.example"):
        super().__init__(address, port, tls, context)
        self.greeting = self.reply()
        assert self.greeting.startswith("220"), self.greeting
        self.hello = self.say(hello) if hello else None

    def reply(self):
        """One whole reply, its lines joined by newlines."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def say(self, command):
        self.send(command if isinstance(command, bytes) else command.encode() + b"\r\n")
        return self.reply()

    def expect(self, command, code):
        answer = self.say(command)
        assert answer.startswith(str(code)), f"{command!r}: {answer}"
        return answer

    def secure(self, context=None):
        self.expect("STARTTLS", 220)
        self.start_tls(context)
        self.hello = self.say("EHLO client.example")

    def login(self, name, password):
        words = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        return self.say("AUTH PLAIN " + words)

    def envelope(self, sender, *recipients, mail="", rcpt=""):
        self.expect(f"MAIL FROM:<{sender}>{mail}", 250)
        for recipient in recipients:
            self.expect(f"RCPT TO:<{recipient}>{rcpt}", 250)

    def data(self, letter):
        self.expect("DATA", 354)
        self.send(letter + b"\r\n.\r\n" if not letter.endswith(b"\r\n") else letter + b".\r\n")
        return self.reply()


class Imap(Wire):
    def __init__(self, address, port, tls=False, context=None):
        super().__init__(address, port, tls, context)
        self.greeting = self.line()
        self.count = 0

    def command(self, text):
        """Runs a command; gives (its tagged answer without the tag, the untagged lines)."""
        self.count += 1
        tag = f"a{self.count}"
        self.send(f"{tag} {text}\r\n")
        return self.until(tag)

    def until(self, tag):
        untagged = []
        while True:
            line = self.line()
            if line.startswith(tag + " "):
                return line[len(tag) + 1:], untagged
            untagged.append(line)

    def ok(self, text):
        answer, untagged = self.command(text)
        assert answer.startswith("OK"), f"{text}: {answer}"
        return untagged


class CompressedImap(Imap):
    """Signs in, and speaks DEFLATE from then on (RFC 4978)."""

    def __init__(self, address, port, name, password, tls=True):
        self.out = self.into = None
        self.received = 0
        super().__init__(address, port, tls)
        if not tls:
            self.ok("STARTTLS")
            self.start_tls()
        self.ok(f'LOGIN {name} "{password}"')
        self.ok("COMPRESS DEFLATE")
        self.begin()

    def begin(self, flush=zlib.Z_SYNC_FLUSH):
        self.flush, self.out, self.into = flush, zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)

    def send(self, data):
        data = data if isinstance(data, bytes) else data.encode()
        if self.out:
            data = self.out.compress(data) + self.out.flush(self.flush)
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"closed after {self.buffer[-1000:]!r}")
        self.received += len(data)
        self.buffer += self.into.decompress(data) if self.into else data


class Pop3(Wire):
    def __init__(self, address, port, tls=False, context=None):
        super().__init__(address, port, tls, context)
        self.greeting = self.line()

    def say(self, command):
        self.send(command + "\r\n")
        return self.line()

    def ok(self, command):
        answer = self.say(command)
        assert answer.startswith("+OK"), f"{command}: {answer}"
        return answer

    def lines(self):
        found = []
        while True:
            line = self.line()
            if line == ".":
                return found
            found.append(line[1:] if line.startswith(".") else line)

    def capabilities(self):
        self.ok("CAPA")
        return self.lines()


class Scram:
    """A client's side of SCRAM-SHA-256 (RFC 5802, 7677). `binding`: (name, data) for -PLUS; `flag`: the gs2 flag."""

    def __init__(self, name, password, binding=None, flag=None):
        self.password = password.encode()
        flag = flag or (f"p={binding[0]}" if binding else "n")
        self.header = f"{flag},,".encode()
        self.binding = self.header + (binding[1] if binding else b"")
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n={name.replace('=', '=3D').replace(',', '=2C')},r={self.nonce}".encode()

    def first(self):
        return self.header + self.bare

    def final(self, challenge):
        words = dict(part.split("=", 1) for part in challenge.decode().split(","))
        assert words["r"].startswith(self.nonce)
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(words["s"]), int(words["i"]))
        without = b"c=" + base64.b64encode(self.binding) + b",r=" + words["r"].encode()
        exchange = self.bare + b"," + challenge + b"," + without
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), exchange, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature))
        self.server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), exchange, "sha256")
        return without + b",p=" + base64.b64encode(proof)

    def is_server(self, answer):
        """Has the server shown that it knows the password, too?"""
        return answer == b"v=" + base64.b64encode(self.server)
