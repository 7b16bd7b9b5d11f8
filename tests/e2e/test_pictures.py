"""What is fetched for people's pages: a letter's pictures, and the word to a mailing list. Who may ask, what may be reached, what comes back, and what its server learns."""
import http.server
import os
import signal
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest

from policyhost import Authority
from pombal import DEADLINE, Pombal, new_address, wait_for
from web import Browser

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082")
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
FOUR_MEGABYTES = 4 * 1024 * 1024


class PictureHost:
    """A web server that letters name. `asked`: (method, path, header fields, body) of what came."""

    def __init__(self):
        self.address, self.asked, self.go = new_address(), [], threading.Event()
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status=200, body=PNG, kind="image/png", **fields):
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **fields}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                host.asked.append((self.command, self.path, dict(self.headers), b""))
                path = self.path.split("?")[0]
                if path == "/svg.png":
                    self.answer(body=SVG)
                elif path == "/html.png":
                    self.answer(body=b"<html><img src=x onerror=alert(1)>")
                elif path == "/named.svg":
                    self.answer(kind="image/svg+xml")
                elif path == "/large":
                    self.answer(body=PNG + bytes(FOUR_MEGABYTES))
                elif path == "/almost":
                    self.answer(body=PNG + bytes(FOUR_MEGABYTES - 64 * 1024))
                elif path == "/missing":
                    self.answer(404)
                elif path == "/loop":
                    self.answer(302, b"", Location="/loop?" + str(time.monotonic()))
                elif path == "/to":
                    self.answer(302, b"", Location=urllib.parse.unquote(self.path.split("?", 1)[1]))
                elif path == "/cookie":
                    self.answer(302, b"", Set_Cookie="seen=1", Location="/pixel.png")
                elif path == "/slow":
                    host.go.wait(DEADLINE)
                    self.answer()
                else:
                    self.answer()

            def do_POST(self):
                host.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.answer(200, b"gone", "text/plain")

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # the other side has gone: its business
                pass

        self.server = Server((self.address, 0), Handler)
        self.origin = f"http://{self.address}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def host():
    shared = PictureHost()
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def own(host):
    """One whose administrator lets that host be reached, though it isn't public."""
    with Pombal(options={"fetch_private_networks": [host.address]}) as server:
        yield server


@pytest.fixture
def reader(own):
    browser = Browser(own, agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
    browser.sign_in()
    return browser


def picture(browser, url, **fields):
    fields = {"Sec_Fetch_Site": "same-origin", "Accept_Language": "pt-BR", "Referer": browser.origin + "/mail/7", **fields}
    return browser.get("/picture?url=" + urllib.parse.quote(url, safe=""), **fields)


def test_a_picture_comes_through_us_and_tells_nothing(own, host, reader):
    answer = picture(reader, host.origin + "/a/pixel.png?x=1&y=%20")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, PNG, "image/png")
    assert answer.headers["Cache-Control"].startswith("private, max-age=") and "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    method, path, fields, _ = host.asked[-1]
    assert (method, path) == ("GET", "/a/pixel.png?x=1&y=%20")
    assert {name.lower() for name in fields} <= {"host", "user-agent", "accept", "connection"}, fields
    assert fields["User-Agent"].startswith("Pombal") and "Firefox" not in str(fields) and "pombal=" not in str(fields)
    wait_for(lambda: "event=fetcher.picture" in own.log_path.read_text(), "the event")
    line = [one for one in own.log_path.read_text().splitlines() if "event=fetcher.picture" in one][-1]
    assert f"host={host.address}" in line and "outcome=done" in line and "pixel" not in line and own.name("anna") not in line


def test_who_may_ask(own, host, reader):
    url, before = host.origin + "/pixel.png", len(host.asked)
    assert picture(Browser(own), url).status == 401
    for site in "cross-site", "same-site", "none":
        assert picture(reader, url, Sec_Fetch_Site=site).status == 403, site
    assert picture(reader, url, Sec_Fetch_Site=None).status == 403
    assert picture(reader, url, Sec_Fetch_Site=None, Origin="https://elsewhere.example").status == 403
    assert reader.ask("POST", "/picture?url=" + url).status == 405
    assert reader.get("/picture", Sec_Fetch_Site="same-origin").status == 400
    assert len(host.asked) == before, "nothing went out"
    assert picture(reader, url).status == 200


@pytest.mark.parametrize("path,status", [("/svg.png", 415), ("/html.png", 415), ("/large", 413), ("/almost", 200), ("/missing", 502), ("/loop", 413), ("/named.svg", 200), ("/cookie", 200)])
def test_what_comes_back(host, reader, path, status):
    answer = picture(reader, host.origin + path)
    assert answer.status == status, answer.body[:100]
    assert (answer.headers["Content-Type"] == "image/png") == (status == 200)
    assert "Set-Cookie" not in answer.headers and "cookie" not in str(host.asked[-1][2]).lower()


# ---- SSRF ----

ELSEWHERE = ["http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/", "http://169.254.169.254/latest/meta-data/",
             "http://0.0.0.0/", "http://0/", "http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://127.1/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
             "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[fe80::1%25lo]/", "http://[fc00::1]/", "http://100.64.0.1/", "http://224.0.0.1/", "http://255.255.255.255/"]
NO_HTTP = ["file:///etc/passwd", "ftp://127.0.0.1/a.png", "gopher://127.0.0.1:25/_HELO", "dict://127.0.0.1:11211/stat", "data:image/png;base64,iVBORw0KGgo=", "//127.0.0.1/", "/etc/passwd",
           "javascript:alert(1)", "http://", "", "http://a:b@127.0.0.1/", "http://127.0.0.1\r\nX: y/", "http://exa mple.test/", "ldap://127.0.0.1/", "unix:/run/x"]


@pytest.mark.parametrize("url", ELSEWHERE + NO_HTTP)
def test_what_is_not_of_the_internet_is_not_reached(own, reader, url):
    """Also straight at this server's own ports, where something would answer."""
    for target in (url, url.replace("127.0.0.1/", f"127.0.0.1:{own.ports['http']}/")):
        answer = picture(reader, target)
        assert answer.status in (400, 403, 502), (target, answer.status, answer.body)
        assert b"127." not in answer.body and b"private" not in answer.body, "nor is it told what is there"


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "file:///etc/passwd", "gopher://127.0.0.1/"])
def test_nor_by_a_redirect(host, reader, url):
    answer = picture(reader, host.origin + "/to?" + urllib.parse.quote(url, safe=""))
    assert answer.status in (400, 403, 502), answer.body


def test_nor_our_own_services(own, host):
    """Without the administrator's exception that very host is refused."""
    with Pombal() as strict:
        browser, before = Browser(strict), len(host.asked)
        browser.sign_in()
        assert picture(browser, host.origin + "/pixel.png").status == 403
        assert picture(browser, f"http://{strict.address}:{strict.ports['http']}/dove.svg").status == 403
        assert len(host.asked) == before


# ---- Much at once ----

def test_an_account_has_so_many_at_once(own, host, reader):
    host.go.clear()
    results, before = [], len(host.asked)
    threads = [threading.Thread(target=lambda: results.append(picture(reader, host.origin + "/slow").status)) for _ in range(6)]
    for one in threads:
        one.start()
    wait_for(lambda: len(host.asked) == before + 6, "six errands")
    assert picture(reader, host.origin + "/pixel.png").status == 429
    other = Browser(own)
    other.sign_in("boris")
    assert picture(other, host.origin + "/pixel.png").status == 200
    host.go.set()
    for one in threads:
        one.join()
    assert results == [200] * 6
    assert picture(reader, host.origin + "/pixel.png").status == 200


def test_who_goes_away_leaves_nothing_behind(own, host, reader):
    host.go.clear()
    before = len(host.asked)
    connections = [reader.connect() for _ in range(6)]
    for connection in connections:
        connection.request("GET", "/picture?url=" + urllib.parse.quote(host.origin + "/slow"), headers=reader.fields("GET", Sec_Fetch_Site="same-origin"))
    wait_for(lambda: len(host.asked) == before + 6, "six errands")
    for connection in connections:
        connection.close()
    host.go.set()
    wait_for(lambda: picture(reader, host.origin + "/pixel.png").status == 200, "room again")


def test_it_starts_again_when_it_was_killed(host):
    with Pombal(options={"fetch_private_networks": [host.address]}) as server:
        browser = Browser(server)
        browser.sign_in()
        assert picture(browser, host.origin + "/pixel.png").status == 200
        server.expected_noise.append(r"role\.ended")
        before = server.role_of("fetcher")
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: server.role_pids().get("fetcher") not in (None, before), "another one")
        wait_for(lambda: picture(browser, host.origin + "/pixel.png").status == 200, "a picture")


# ---- Mailing lists ----

def test_a_list_is_told_over_https_alone(own, host, reader):
    before = len(host.asked)
    assert reader.ask("POST", "/unsubscribe", {"url": host.origin + "/list"}).status == 403
    assert reader.ask("POST", "/unsubscribe", {"url": ""}).status == 400
    assert reader.ask("POST", "/unsubscribe", {"other": 1}).status == 400
    assert reader.ask("POST", "/unsubscribe", "nonsense").status == 415
    assert reader.ask("POST", "/unsubscribe", {"url": "https://x/"}, Sec_Fetch_Site="cross-site").status == 403
    assert Browser(own).ask("POST", "/unsubscribe", {"url": "https://x/"}).status == 401
    assert len(host.asked) == before


def test_a_list_is_told_with_one_click(tmp_path):
    told = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            told.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if self.path != "/moved" else 302)
            self.send_header("Location", "https://localhost/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    authority, address = Authority(tmp_path), new_address()
    server = http.server.ThreadingHTTPServer((address, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain, key = address_certificate(authority, address)
    context.load_cert_chain(chain, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Pombal(options={"fetch_private_networks": [address], "trusted_certificates": str(authority.trusted)}) as own:
        browser = Browser(own)
        browser.sign_in()
        assert browser.ask("POST", "/unsubscribe", {"url": f"https://{address}:{server.server_port}/u?id=7"}).status == 204
        path, fields, body = told[-1]
        assert (path, body, fields["Content-Type"]) == ("/u?id=7", b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded")
        assert not {"cookie", "referer", "origin"} & {name.lower() for name in fields}
        assert browser.ask("POST", "/unsubscribe", {"url": f"https://{address}:{server.server_port}/moved"}).status == 502
        assert len(told) == 2
    server.shutdown()


def address_certificate(authority, address):
    base = authority.folder / "of-address"
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{base}.key", "-subj", "/CN=list", "-out", f"{base}.csr"], check=True, stderr=subprocess.DEVNULL)
    (authority.folder / "of-address.ext").write_text(f"subjectAltName=IP:{address}\n")
    subprocess.run(["openssl", "x509", "-req", "-in", f"{base}.csr", "-CA", authority.trusted, "-CAkey", authority.folder / f"{authority.name}.key", "-CAcreateserial", "-days", "10",
                    "-out", f"{base}.crt", "-extfile", f"{base}.ext"], check=True, stderr=subprocess.DEVNULL)
    return f"{base}.crt", f"{base}.key"


# ---- The page for a letter ----

def test_the_page_for_letters_can_do_nothing(own):
    answer = Browser(own).get("/frame")
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8" and answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert policy.startswith("default-src 'none'; ") and "script" not in policy and "frame-ancestors 'self'" in policy and "form-action 'none'" in policy
    assert "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox" in policy and "img-src blob: data:;" in policy
    assert Browser(own).get("/").headers["X-Frame-Options"] == "DENY"
