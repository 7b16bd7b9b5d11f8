"""Reverse proxies of Debian's before a server of the tests': nginx and HAProxy, each on ports of its own. Both keep their connections to the server, and
reuse them for whoever comes next."""
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from pombal import environment, free_port, is_open, new_address, wait_for

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 200; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
    upstream pombal {{ server {server}; keepalive 1; }}
    server {{
        listen {listen};
        listen {tls} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{
            proxy_pass http://pombal;
            proxy_bind {source};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 200
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
    http-reuse always
    option forwardfor
frontend web
    bind {listen}
    bind {tls} ssl crt {folder}/both.pem
    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
    http-request set-header X-Forwarded-Proto http if !{{ ssl_fc }}
    default_backend pombal
backend pombal
    server pombal {server} source {source}{protocol}
"""


class Proxy:
    """One before `server`'s http; connects from `source`. `protocol`: HAProxy's words for the PROXY protocol."""

    def __init__(self, kind, server, source, protocol=""):
        self.kind, self.server, self.address = kind, server, new_address()
        self.ports = {"http": free_port(self.address), "https": free_port(self.address)}
        self.domain = server.domain
        self.folder = Path(tempfile.mkdtemp(prefix=f"{kind}-test-"))
        certificate, key = server.certificate
        (self.folder / "both.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
        for name in ("cert.pem", "key.pem"):
            shutil.copy(certificate if name == "cert.pem" else key, self.folder / name)
        text = (NGINX if kind == "nginx" else HAPROXY).format(
            folder=self.folder, listen=f"{self.address}:{self.ports['http']}", tls=f"{self.address}:{self.ports['https']}", server=f"{server.address}:{server.ports['http']}",
            source=source, protocol=protocol, certificate=self.folder / "cert.pem", key=self.folder / "key.pem")
        (self.folder / "conf").write_text(text.lstrip())
        command = ["nginx", "-p", str(self.folder), "-c", str(self.folder / "conf"), "-e", str(self.folder / "error.log")] if kind == "nginx" else ["haproxy", "-db", "-f", str(self.folder / "conf")]
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([shutil.which(command[0], path="/usr/sbin:/usr/bin") or command[0], *command[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment())
        try:
            wait_for(lambda: self.process.poll() is not None or is_open(self.address, self.ports["http"]), f"{kind} to listen")
            assert self.process.poll() is None, (self.folder / "log").read_text() + ((self.folder / "error.log").read_text() if kind == "nginx" else "")
        except BaseException:
            self.close()
            raise

    def name(self, account):
        return self.server.name(account)

    def password(self, account):
        return self.server.password(account)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
