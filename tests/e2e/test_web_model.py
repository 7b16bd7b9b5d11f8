"""The web mail's data layer, as pages use it, against the real program: web/tests/live/, run by Node. Each of its tests is one here."""
import http.server
import json
import os
import re
import subprocess
import threading

import pytest

from pombal import PASSWORDS, ROOT, Pombal

LIVE = ROOT / "web/tests/live"
TESTS = [(path.name.split(".")[0], name) for path in sorted(LIVE.glob("*.live.ts")) for name in re.findall(r'^test\("([^"]+)"', path.read_text(), re.M)]
PATIENCE = 600


def make_control(server):
    """What the tests in Node can have done with the server."""
    class Control(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                if wanted["what"] == "crash":
                    server.crash()
                elif wanted["what"] == "start":
                    server.start()
                elif wanted["what"] == "deliver":
                    server.deliver(wanted["message"].encode(), wanted["to"])
                else:
                    server.run(*wanted["arguments"])
                status, answer = 200, b"{}"
            except Exception as problem:
                status, answer = 500, repr(problem).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass
    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)


def run_file(name):
    """(what was printed, {test: whether it passed}) of one file, with a server of its own."""
    with Pombal() as server:
        control = make_control(server)
        thread = threading.Thread(target=control.serve_forever, daemon=True)
        thread.start()
        more = {"POMBAL_URL": f"http://{server.address}:{server.ports['http']}", "POMBAL_CONTROL": f"http://127.0.0.1:{control.server_port}",
                **{f"PASSWORD_{who}": password for who, password in PASSWORDS.items()}}
        try:
            done = subprocess.run(["node", "tests/live.js", name], cwd=ROOT / "web", env={**os.environ, **more}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=PATIENCE)
        finally:
            control.shutdown()
            control.server_close()
            thread.join()
    output = done.stdout.decode(errors="replace")
    return output, {name: not failed for failed, name in re.findall(r"^(not )?ok \d+ - (.*)$", output, re.M)}


@pytest.fixture(scope="session")
def results():
    done = {}

    def of(name):
        if name not in done:
            done[name] = run_file(name)
        return done[name]
    return of


@pytest.mark.parametrize("file, name", TESTS)
def test_live(results, file, name):
    output, passed = results(file)
    assert passed.get(name), output
