"""A certification authority of the tests' own: Debian's pebble, on loopback addresses, with a certificate that was made just now."""
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from pombal import environment, free_port, is_open, new_address, wait_for


class Authority:
    """`http`, `https`: the ports at which it looks; `resolver`: whom it asks, as Pombal's option has it; `more`: variables of pebble's."""

    def __init__(self, resolver, http, https, **more):
        self.address = new_address()
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-authority-"))
        self.port, self.management = free_port(self.address), free_port(self.address)
        self.trusted = self.folder / "trusted.pem"
        key = self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key), "-out", str(self.trusted), "-days", "2",
                        "-subj", "/CN=authority", "-addext", f"subjectAltName=IP:{self.address}"], check=True, capture_output=True)
        self.trusted.chmod(0o644)
        self.folder.chmod(0o755)
        (self.folder / "config.json").write_text(json.dumps({"pebble": {
            "listenAddress": f"{self.address}:{self.port}", "managementListenAddress": f"{self.address}:{self.management}", "certificate": str(self.trusted),
            "privateKey": str(key), "httpPort": http, "tlsPort": https, "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
        self.resolver, self.more = resolver, more
        self.log = open(self.folder / "log", "ab")
        self.start()

    def start(self, **more):
        self.process = subprocess.Popen(["pebble", "-config", str(self.folder / "config.json"), "-dnsserver", self.resolver.replace("@", ":")],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env=environment(PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT="20", PEBBLE_AUTHZREUSE="0", **{**self.more, **more}))
        wait_for(lambda: is_open(self.address, self.port) and is_open(self.address, self.management), "pebble", 20)

    @property
    def options(self):
        """What a Pombal needs to get certificates here."""
        return {"acme": "yes", "acme_directory": f"https://{self.address}:{self.port}/dir", "trusted_certificates": str(self.trusted),
                "fetch_private_networks": ["127.0.0.0/8"], "resolver": self.resolver, "trust_anchors": ["none"]}

    def root(self):
        """The certificate that all others are to be verified with."""
        context = ssl.create_default_context(cafile=self.trusted)
        context.check_hostname = False
        url = f"https://{self.address}:{self.management}/roots/0"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        path = self.folder / "root.pem"
        path.write_bytes(opener.open(url, timeout=10).read())
        return path

    def said(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)

    def close(self):
        self.stop()
        self.log.close()
        if not os.environ.get("POMBAL_TEST_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
