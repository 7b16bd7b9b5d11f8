"""SCRAM-SHA-256 (RFC 5802, 7677) over IMAP, step by step, so that a test can wait in the midst of it."""
import base64
import hashlib
import hmac
import os
import re
import socket
import ssl

from pombal import DEADLINE, tls_context


def _line(sock):
    got = b""
    while not got.endswith(b"\r\n"):
        more = sock.recv(1)
        if not more:
            raise ConnectionError(got)
        got += more
    return got.decode()


class Imap:
    def __init__(self, server, name, password):
        plain = socket.create_connection((server.address, server.ports["imaps"]), timeout=DEADLINE)
        self.sock = tls_context().wrap_socket(plain)
        _line(self.sock)
        self.password = password.encode()
        self.first = f"n={name},r={base64.b64encode(os.urandom(18)).decode()}"
        self._send(b"a AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(b"n,," + self.first.encode()))
        self.challenge = base64.b64decode(_line(self.sock)[2:]).decode()

    def _send(self, line):
        self.sock.sendall(line + b"\r\n")

    def finish(self):
        """Says the proof; True: signed in."""
        nonce, salt, count = re.match(r"r=([^,]*),s=([^,]*),i=(\d+)", self.challenge).groups()
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(salt), int(count))
        key = hmac.digest(salted, b"Client Key", "sha256")
        last = f"c=biws,r={nonce}"
        signature = hmac.digest(hashlib.sha256(key).digest(), f"{self.first},{self.challenge},{last}".encode(), "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
        self._send(base64.b64encode(f"{last},p={proof}".encode()))
        answer = _line(self.sock)
        if answer.startswith("+ "):
            self._send(b"")
            answer = _line(self.sock)
        return answer.startswith("a OK")
