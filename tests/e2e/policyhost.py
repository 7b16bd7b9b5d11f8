"""Certificates of the tests' own authority, and a web server that gives domains' policies about TLS (MTA-STS)."""
import http.server
import ssl
import subprocess
import threading
import time

from pombal import new_address

PORT = 22443


class Authority:
    """An authority in a folder; `trusted` is its certificate."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name, self.count = folder, name, 0
        self.trusted = folder / f"{name}.pem"
        self._make("-x509", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-days", "30", "-out", self.trusted, key=folder / f"{name}.key")

    @staticmethod
    def _make(*arguments, key):
        subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, *arguments], check=True, stderr=subprocess.DEVNULL)

    def make(self, *names):
        """(chain, key) of a certificate for these names."""
        self.count += 1
        base = self.folder / f"{self.name}-{self.count}"
        key, request, chain, extensions = (base.with_suffix(one) for one in (".key", ".csr", ".crt", ".ext"))
        self._make("-subj", f"/CN=test-{self.count}", "-out", request, key=key)
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names) + "\n")
        subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", self.trusted, "-CAkey", self.folder / f"{self.name}.key", "-CAcreateserial", "-days", "10", "-out", chain,
                        "-extfile", extensions], check=True, stderr=subprocess.DEVNULL)
        return chain, key


class PolicyHost:
    """`policies`: by domain, a text, or (status, header fields, body). `certificates`: by domain, where another is to be shown than the right one. `slow`: seconds that
    an answer takes, by domain. `asked`: the domains that were asked for."""

    def __init__(self, authority):
        self.authority, self.address = authority, new_address()
        self.policies, self.certificates, self.slow, self.asked = {}, {}, {}, []
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                domain = (self.headers["Host"] or "").split(":")[0].removeprefix("mta-sts.")
                host.asked.append(domain)
                time.sleep(host.slow.get(domain, 0))
                found = host.policies.get(domain) if self.path == "/.well-known/mta-sts.txt" else None
                if isinstance(found, str):
                    found = (200, {"Content-Type": "text/plain; charset=utf-8"}, found)
                status, fields, body = found or (404, {"Content-Type": "text/plain"}, "none")
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.contexts = {}
        outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        outer.load_cert_chain(*authority.make("policies.example"))
        outer.sni_callback = self._choose

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request, client_address):  # in the thread of the request: a client may say nothing
                request.settimeout(60)
                try:
                    super().finish_request(outer.wrap_socket(request, server_side=True), client_address)
                except OSError:
                    pass

            def handle_error(self, *_):
                pass

        self.server = Server((self.address, PORT), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _choose(self, socket, name, _):
        domain = (name or "").removeprefix("mta-sts.")
        key = (domain, self.certificates.get(domain))
        if key not in self.contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*(self.certificates.get(domain) or self.authority.make(f"mta-sts.{domain}")))
            self.contexts[key] = context
        socket.context = self.contexts[key]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
