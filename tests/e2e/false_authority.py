"""A certification authority of our own that speaks just enough of ACME to issue, says what it is told to, and keeps what it was asked: for what pebble doesn't do
(renewal information, profiles, limits) and no honest one would. It looks at nobody, and takes any signature."""
import base64
import http.server
import json
import re
import secrets
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from pombal import new_address


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class FalseAuthority:
    """`answers`: what it says instead, by what is asked: "directory", "account", "order", "authorization", "challenge", "finalize", "certificate", "renewal": a
    function of (handler, payload) that answers, and returns True if that was all."""

    def __init__(self, days=90):
        self.days, self.answers, self.asked, self.renewal = days, {}, [], None
        self.address = new_address()
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-false-authority-"))
        self.folder.chmod(0o755)
        self.trusted, key = self.folder / "trusted.pem", self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", self.trusted, "-days", "2",
                        "-subj", "/CN=authority", "-addext", f"subjectAltName=IP:{self.address}"], check=True, capture_output=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / "ca.key", "-out", self.folder / "ca.pem",
                        "-days", "3000", "-subj", "/CN=false root"], check=True, capture_output=True)
        self.trusted.chmod(0o644)
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def say(self, status, body, kind="application/json", **fields):
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), "Replay-Nonce": secrets.token_urlsafe(12), **fields}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_HEAD(self):
                self.say(200, b"")

            def do_GET(self):
                authority.answer(self, None)

            def do_POST(self):
                signed = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                payload = decode(signed["payload"])
                authority.answer(self, json.loads(payload) if payload else {})
        self.server = http.server.ThreadingHTTPServer((self.address, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.trusted, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://{self.address}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def options(self):
        return {"acme": "yes", "acme_directory": self.url + "/directory", "trusted_certificates": str(self.trusted), "fetch_private_networks": ["127.0.0.0/8"],
                "acme_labels": []}

    def issue(self, request):
        """A chain for the request, in PEM."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "request.der").write_bytes(request)
        (folder / "extensions").write_text("authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        subprocess.run(["openssl", "x509", "-req", "-inform", "DER", "-in", "request.der", "-CA", "../ca.pem", "-CAkey", "../ca.key", "-days", str(self.days), "-copy_extensions", "copy", "-extfile", "extensions",
                        "-out", "chain.pem"], cwd=folder, check=True, capture_output=True)
        return (folder / "chain.pem").read_bytes() + (self.folder / "ca.pem").read_bytes()

    def answer(self, handler, payload):
        what = re.match(r"/(\w+)", handler.path)[1]
        self.asked.append((what, payload if payload is not None else handler.path))
        if what in self.answers and self.answers[what](handler, payload):
            return
        order = {"status": "ready", "authorizations": [], "finalize": self.url + "/finalize"}
        if what == "directory":
            handler.say(200, {"newNonce": self.url + "/nonce", "newAccount": self.url + "/account", "newOrder": self.url + "/order", "renewalInfo": self.url + "/renewal",
                              "meta": {"profiles": {"shortlived": "of six days"}}})
        elif what == "account":
            handler.say(201, {"status": "valid"}, Location=self.url + "/account/1")
        elif what == "order":
            handler.say(201, order, Location=self.url + "/order/1")
        elif what == "finalize":
            self.chain = self.issue(decode(payload["csr"]))
            handler.say(200, {**order, "status": "valid", "certificate": self.url + "/certificate"})
        elif what == "certificate":
            handler.say(200, self.chain, "application/pem-certificate-chain")
        elif what == "renewal" and self.renewal:
            start, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in self.renewal)
            handler.say(200, {"suggestedWindow": {"start": start, "end": end}}, Retry_After="60")
        else:
            handler.say(404, {"type": "urn:ietf:params:acme:error:malformed", "detail": "there is none"})

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
