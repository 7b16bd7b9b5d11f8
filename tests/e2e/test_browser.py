"""The server's pages in a browser that people use: what they load, and what another site's page can do to who is signed in."""
import http.server
import json
import ssl
import threading

import pytest

from chromium import Chromium
from pombal import Pombal, free_port, new_address

MAIL, SIBLING, EVIL = "mail.example.test", "other.example.test", "evil.example"


class EvilSite:
    """Empty pages at any name, over TLS, so that browsers take it for as good as any."""

    def __init__(self, certificate):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!DOCTYPE html><title>evil</title><link rel=icon href=data:,><body>")

            def log_message(self, *_):
                pass
        self.address = new_address()
        self.port = free_port(self.address)
        self.server = http.server.ThreadingHTTPServer((self.address, self.port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def site():
    with Pombal() as own:
        yield own


@pytest.fixture(scope="module")
def evil(site):
    own = EvilSite(site.certificate)
    yield own
    own.close()


@pytest.fixture(scope="module")
def chromium(site, evil):
    with Chromium({MAIL: site.address, SIBLING: evil.address, EVIL: evil.address}) as own:
        yield own


def origin(site, name=MAIL):
    return f"https://{name}:{site.ports['https']}"


def request(method, url, body=None, **more):
    """A script that asks; it gives status and text, or what went wrong."""
    options = {"method": method, **({"body": json.dumps(body), "headers": {"Content-Type": "application/json"}} if body is not None else {}), **more}
    return f"fetch({json.dumps(url)}, {json.dumps(options)}).then(async a => a.status + ' ' + await a.text(), e => String(e))"


def sign_in(page, site, account="anna"):
    page.open(origin(site) + "/")
    answer = page.run(request("POST", "/session", {"name": site.name(account), "password": site.password(account)}))
    assert answer == '200 {"account":"%s"}' % site.name(account), answer
    return page


def test_the_first_page_loads_without_a_complaint(site, chromium):
    page = chromium.page()
    page.open(origin(site) + "/")
    chromium.wait(lambda: page.run("!!document.querySelector('h1')"), "the page's heading")
    assert page.run("Promise.all([...document.images].map(image => image.decode())).then(() => true)") is True
    assert page.run("document.styleSheets.length") >= 1 and page.run("document.styleSheets[0].cssRules.length") > 0
    assert len(page.picture()) > 3000
    assert page.messages == []


def test_nothing_foreign_runs_in_our_pages(site, chromium, evil):
    page = chromium.page()
    page.open(origin(site) + "/")
    page.run("""{
        window.ran = 0;
        // Browsers that know Trusted Types refuse the first two themselves.
        const attempt = (run) => { try { run(); } catch { } };
        attempt(() => { const at = document.createElement('div'); at.innerHTML = '<img src=x onerror="ran = 1">'; document.body.append(at); });
        attempt(() => { const script = document.createElement('script'); script.textContent = 'ran = 2'; document.body.append(script); });
        attempt(() => { const link = document.createElement('a'); link.href = 'javascript:ran = 3'; document.body.append(link); link.click(); });
    }""")
    assert page.run("new Promise(done => setTimeout(() => done(ran), 300))") == 0
    assert page.run("(() => { try { return eval('1') } catch (e) { return e.name } })()") == "EvalError"
    foreign = f"https://{EVIL}:{evil.port}/"
    assert page.run(request("GET", foreign)).startswith("TypeError")
    assert page.run(f"new Promise(done => {{ const i = new Image(); i.onload = () => done('loaded'); i.onerror = () => done('refused'); i.src = {json.dumps(foreign)} }})") == "refused"
    assert page.run(f"new Promise(done => {{ addEventListener('securitypolicyviolation', e => done(e.effectiveDirective)); const f = document.createElement('form');"
                    f" f.action = {json.dumps(foreign)}; f.method = 'post'; document.body.append(f); f.submit() }})") == "form-action"
    assert any("Content Security Policy" in message for message in page.messages)


def test_a_session_in_a_browser(site, chromium):
    page = sign_in(chromium.page(), site)
    assert page.run("document.cookie") == ""  # no script can read it
    cookies = page.call("Network.getCookies", urls=[origin(site) + "/"])["cookies"]
    assert [(one["name"], one["httpOnly"], one["secure"], one["sameSite"], one["path"], one["domain"]) for one in cookies] == [("__Host-pombal", True, True, "Strict", "/", MAIL)]
    assert page.run(request("GET", "/session")).startswith("200 ")
    sessions = json.loads(page.run(request("GET", "/sessions"))[4:])["sessions"]
    assert [one["device"] for one in sessions if one["current"]] == ["Chrome on Linux"]
    page.open(origin(site) + "/robots.txt")
    page.open(origin(site) + "/")
    assert page.run(request("GET", "/session")).startswith("200 ")
    assert page.run(request("DELETE", "/session")) == "204 "
    assert page.run(request("GET", "/session")).startswith("401 ")
    assert page.call("Network.getCookies", urls=[origin(site) + "/"])["cookies"] == []


def test_news_in_a_page(site, chromium):
    page = sign_in(chromium.page(), site)
    page.run("""{
        window.heard = [];
        const events = new EventSource('/events'), socket = new WebSocket(`wss://${location.host}/socket`);
        events.addEventListener('mail', event => heard.push('event ' + event.data));
        socket.addEventListener('message', event => heard.push('socket ' + event.data));
        window.ready = Promise.all([new Promise(done => events.onopen = done), new Promise(done => socket.onopen = done)]).then(() => true);
        window.ended = new Promise(done => socket.onclose = event => done(event.code));
        window.again = new Promise(done => events.onerror = () => events.onopen = () => done(true));
    } true""")
    assert page.run("ready") is True
    site.deliver(b"Subject: x\r\n\r\nx\r\n", "anna")
    chromium.wait(lambda: len(page.run("heard")) >= 2, "news")
    assert {"event {}", 'socket {"event":"mail"}'} <= set(page.run("heard"))
    # A change of the account ends what is open; the browser comes again by itself with a session that counts.
    site.run("account", "set", site.name("anna"), "--name", "Anna")
    assert page.run("ended") == 1001
    assert page.run("again") is True


def test_a_new_password_ends_a_pages_news(site, chromium):
    site.add_account("carla@example.test", "Carlas-Wort-1")
    page = chromium.page()
    page.open(origin(site) + "/")
    assert page.run(request("POST", "/session", {"name": "carla@example.test", "password": "Carlas-Wort-1"})).startswith("200 ")
    page.run("""{
        window.events = new EventSource('/events');
        window.over = new Promise(done => events.addEventListener('error', () => events.readyState === EventSource.CLOSED && done(true)));
    } true""")
    chromium.wait(lambda: page.run("events.readyState") == 1, "the event source to open")
    site.run("account", "password", "carla@example.test", "--password-stdin", stdin="Carlas-Wort-2\n")
    assert page.run("over") is True  # it has come again, and was told 401
    assert page.run(request("GET", "/session")).startswith("401 ")


@pytest.mark.parametrize("name", [EVIL, SIBLING])
def test_another_sites_page_can_do_nothing(site, chromium, evil, name):
    """Not even one of the same site, which gets SameSite cookies sent."""
    own = sign_in(chromium.page(), site)
    page = chromium.page_in(own.context)
    page.open(f"https://{name}:{evil.port}/")
    target = origin(site)
    # What it asks it can't read, and changes nothing.
    for method, path in (("GET", "/session"), ("DELETE", "/session"), ("DELETE", "/sessions/all"), ("PUT", "/session")):
        assert page.run(request(method, target + path, credentials="include")).startswith("TypeError")
    for more in ({"mode": "no-cors", "credentials": "include"}, {"credentials": "include"}):
        body = {"name": site.name("boris"), "password": site.password("boris")}
        page.run(request("POST", target + "/session", body, **more))
    page.run(f"""{{
        const form = document.createElement('form');
        form.action = '{target}/session'; form.method = 'post'; form.enctype = 'text/plain'; form.target = 'frame';
        form.innerHTML = '<input name=\\'{{"name":"{site.name("boris")}","password":"{site.password("boris")}","x":"\\' value=\\'"}}\\'>';
        const frame = document.createElement('iframe'); frame.name = 'frame'; document.body.append(frame, form); form.submit();
    }}""")
    # It neither opens a WebSocket nor hears events, nor shows a page of ours in a frame.
    assert page.run(f"new Promise(done => {{ const s = new WebSocket('wss://{MAIL}:{site.ports['https']}/socket'); s.onopen = () => done('open'); s.onerror = () => done('refused') }})") == "refused"
    assert page.run(f"new Promise(done => {{ const s = new EventSource('{target}/events', {{withCredentials: true}}); s.onopen = () => done('open'); s.onerror = () => done('refused') }})") == "refused"
    assert page.run(f"""new Promise(done => {{ const f = document.createElement('iframe'); f.onload = () => {{ try {{ done(f.contentWindow.location.href) }} catch (e) {{ done(e.name) }} }};
                        f.src = '{target}/'; document.body.append(f) }})""") == "SecurityError"
    assert page.run(f"new Promise(done => {{ const i = new Image(); i.onload = () => done('loaded'); i.onerror = () => done('refused'); i.src = '{target}/dove.svg' }})") == "refused"
    assert page.run(f"open('{target}/') === null || new Promise(done => setTimeout(() => done(true), 200))") is True
    assert own.run(request("GET", "/session")) == '200 {"account":"%s"}' % site.name("anna")
    cookies = own.call("Network.getCookies", urls=[target + "/"])["cookies"]
    assert len(cookies) == 1
