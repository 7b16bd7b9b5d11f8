"""`pombal check --client`: mail clients' ways to their settings, with a name server and web servers of the tests' own that stand for good and
broken set-ups. Each step that fails is named, with what came instead and how to mend it."""
import base64
import hashlib
import http.server
import json
import ssl
import subprocess
import threading

import pytest

from pombal import Pombal, new_address

DOMAIN, HOST = "setup.example", "mail.setup.example"
HTTPS, HTTP = 28443, 28080
ADDRESS = "anna@" + DOMAIN

CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1"><emailProvider id="setup.example"><domain>setup.example</domain><displayName>x</displayName>
<incomingServer type="imap"><hostname>{host}</hostname><port>{port}</port><socketType>SSL</socketType><username>%EMAILADDRESS%</username>
<authentication>password-cleartext</authentication></incomingServer>
<outgoingServer type="smtp"><hostname>{host}</hostname><port>465</port><socketType>SSL</socketType><username>%EMAILADDRESS%</username>
<authentication>password-cleartext</authentication></outgoingServer></emailProvider></clientConfig>"""
OUTLOOK = """<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
<Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><Account><AccountType>email</AccountType>{inside}</Account></Response></Autodiscover>"""
PROTOCOLS = "<Action>settings</Action>" + "".join(f"<Protocol><Type>{kind}</Type><Server>{HOST}</Server><Port>{port}</Port><SSL>on</SSL></Protocol>" for kind, port in (("IMAP", 993), ("SMTP", 465)))
AGENTS = json.dumps({"protocols": {"imap": {"host": HOST}, "submit": {"host": HOST}}, "authentication": {"password": True}, "info": {"provider": {"name": "x"}}})
RECORD = 'TXT "v=UAAC1; a=sha256; d=%s"' % base64.b64encode(hashlib.sha256(AGENTS.encode()).digest()).decode()


class Web:
    """Web servers at one address, with TLS and without. `pages`: (scheme, host, path without query) to (status, body, {field: value})."""

    def __init__(self, folder, certificate):
        self.address, self.pages, self.asked, self.servers = new_address(), {}, [], []
        for scheme, port in (("https", HTTPS), ("http", HTTP)):
            server = http.server.ThreadingHTTPServer((self.address, port), self._handler(scheme))
            server.daemon_threads = True
            if scheme == "https":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
                server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.servers.append(server)

    def _handler(self, scheme):
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                host = self.headers["Host"].split(":")[0]
                web.asked.append((self.command, scheme, host, self.path, body))
                status, text, fields = (*web.pages.get((scheme, host, self.path.split("?")[0]), (404, "nothing")), {})[:3]
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = answer

            def log_message(self, *words):
                pass
        return Handler

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, stderr=subprocess.DEVNULL, cwd=folder)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Authority of the tests", "-days", "9")
    for name, names in (("good", f"DNS:{DOMAIN},DNS:*.{DOMAIN},DNS:autoconfig.hoster.example"), ("other", "DNS:elsewhere.example")):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.txt").write_text(f"subjectAltName={names}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "9", "-extfile", f"{name}.txt")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def own(names, certificates):
    """Nothing is served: what is asked is the name server and the web servers."""
    with Pombal(DOMAIN, hostname=HOST, options={"resolver": names.resolver, "trust_anchors": ["none"]}, start=False) as instance:
        (instance.folder / "ca.pem").write_bytes((certificates / "ca.pem").read_bytes())
        instance.configure(**{f"{name}_listen": [f"{instance.address}:{port}"] for name, port in (("imaps", 993), ("imap", 143), ("pop3s", 995), ("submissions", 465), ("submission", 587))})
        names.set(**{HOST: [f"A {instance.address}"]})
        yield instance


@pytest.fixture
def web(certificates):
    server = Web(certificates, "good")
    yield server
    server.close()


@pytest.fixture(autouse=True)
def empty(own, names):
    """Each test begins with a domain of which the DNS says nothing."""
    labels = ["", "autoconfig.", "autodiscover.", "ua-auto-config.", "_ua-auto-config.", "imap.", "smtp.", *(f"_{label}._tcp." for label in (
        "autodiscover", "imaps", "imap", "pop3s", "pop3", "submissions", "submission"))]
    names.set(**{label + DOMAIN: [] for label in labels}, **{HOST: [f"A {own.address}"]})


def look(own, status=None, address=ADDRESS, trust=True):
    """{client: (has it found its settings, {step: (state, what, mend)})}"""
    words = ["--trust", own.folder / "ca.pem"] if trust else []
    done = own.run("check", "--client", address, "--json", "--https-port", HTTPS, "--http-port", HTTP, *words, status=status)
    return {one["client"].split(" ")[0]: (one["found"], {step["step"]: (step["state"], step["what"], step["mend"]) for step in one["steps"]}) for one in json.loads(done.stdout)}


FIRST = f"https://autoconfig.{DOMAIN}/mail/config-v1.1.xml?emailaddress=anna%40{DOMAIN}"
SECOND = f"https://{DOMAIN}/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=anna%40{DOMAIN}"
MX_STEP = "the domain of the mail server (MX)"


def publish(names, web, *labels, **more):
    names.set(**{f"{label}.{DOMAIN}" if label else DOMAIN: [f"A {web.address}"] for label in labels}, **more)


def test_nothing_is_there(own):
    """Every step is taken and named, in each client's order."""
    found = look(own, status=1)
    assert {client: one[0] for client, one in found.items()} == {client: False for client in ("Thunderbird", "Outlook", "Apple", "K-9", "clients")}
    thunderbird = found["Thunderbird"][1]
    assert list(thunderbird) == [FIRST, SECOND, FIRST.replace("https:", "http:"), SECOND.replace("https:", "http:"), "Thunderbird's database of providers (ISPDB)", MX_STEP, "Autodiscover"]
    state, what, mend = thunderbird[FIRST]
    assert (state, what) == ("missing", f"autoconfig.{DOMAIN} has no address in the DNS") and f"autoconfig.{DOMAIN}. CNAME {HOST}." in mend
    assert thunderbird["Thunderbird's database of providers (ISPDB)"][0] == "passed over"
    assert list(found["Outlook"][1]) == ["Microsoft's own service", f"https://{DOMAIN}/autodiscover/autodiscover.xml", f"https://autodiscover.{DOMAIN}/autodiscover/autodiscover.xml",
                                         f"http://autodiscover.{DOMAIN}/autodiscover/autodiscover.xml", f"_autodiscover._tcp.{DOMAIN} SRV"]
    assert f"SRV 0 1 443 {HOST}." in found["Outlook"][1][f"_autodiscover._tcp.{DOMAIN} SRV"][2]
    assert list(found["K-9"][1])[0] == FIRST.split("?")[0]
    assert found["clients"][1][f"_imaps._tcp.{DOMAIN} SRV and the like"][1] == "there are no such records for incoming mail"
    text = own.run("check", "--client", ADDRESS, status=1).stdout
    assert "Thunderbird: does not find them" in text and f"  missing      {FIRST}" in text


def test_all_find_their_settings(own, names, web):
    publish(names, web, "autoconfig", "autodiscover", "ua-auto-config", **{f"_ua-auto-config.{DOMAIN}": ['TXT "v=UAAC1; a=sha256; d=AAAA"', RECORD],
                                                                          f"_imaps._tcp.{DOMAIN}": [f"SRV 0 1 993 {HOST}."], f"_submissions._tcp.{DOMAIN}": [f"SRV 0 1 465 {HOST}."]})
    web.pages = {("https", "autoconfig." + DOMAIN, "/mail/config-v1.1.xml"): (200, CONFIG.format(host=HOST, port=993)),
                 ("https", "autodiscover." + DOMAIN, "/autodiscover/autodiscover.xml"): (200, OUTLOOK.format(inside=PROTOCOLS)),
                 ("https", "ua-auto-config." + DOMAIN, "/.well-known/user-agent-configuration.json"): (200, AGENTS)}
    found = look(own, status=0)
    assert all(one[0] for one in found.values())
    assert found["Thunderbird"][1] == {FIRST: ("found", f"IMAP {HOST}:993 (TLS), submission {HOST}:465 (TLS)", "")}
    posted = [one for one in web.asked if one[0] == "POST"]
    assert len(posted) == 1 and f"<EMailAddress>{ADDRESS}</EMailAddress>".encode() in posted[0][4]
    assert {one[3] for one in web.asked if "config-v1.1" in one[3]} == {f"/mail/config-v1.1.xml?emailaddress=anna%40{DOMAIN}", "/mail/config-v1.1.xml"}  # K-9 doesn't say who asks
    assert "Thunderbird: finds its settings" in own.run("check", "--client", ADDRESS, "--https-port", HTTPS, "--http-port", HTTP, "--trust", own.folder / "ca.pem").stdout


@pytest.mark.parametrize("page,state,what,mend", [
    ((404, "nothing"), "missing", "answers 404", "give /mail/config-v1.1.xml, or pass it on"),
    ((401, ""), "missing", "answers 401", "without a password"),
    ((200, "<!DOCTYPE html><html><body>Welcome</body></html>"), "wrong", "document type", "instead of a page"),
    ((200, "<clientConfig><emailProvider id='x'>"), "wrong", "not well-formed XML", "this server makes"),
    ((200, CONFIG.format(host=HOST, port=993).replace("<socketType>SSL</socketType>", "")), "wrong", "how TLS begins", "this server makes"),
    ((200, "x" * 70000), "missing", "larger than 65536 bytes", ""),
    ((302, "", {"Location": "http://autoconfig.setup.example/mail/config-v1.1.xml"}), "missing", "answers 302", ""),
    ((302, "", {"Location": "/mail/config-v1.1.xml"}), "missing", "on and on", ""),
])
def test_what_came_instead(own, names, web, page, state, what, mend):
    """The first step fails, the second is found."""
    publish(names, web, "autoconfig", "")
    web.pages = {("https", "autoconfig." + DOMAIN, "/mail/config-v1.1.xml"): page,
                 ("https", DOMAIN, "/.well-known/autoconfig/mail/config-v1.1.xml"): (200, CONFIG.format(host=HOST, port=993))}
    found, steps = look(own)["Thunderbird"]
    assert found and list(steps) == [FIRST, SECOND] and steps[SECOND][0] == "found"
    assert steps[FIRST][0] == state and what in steps[FIRST][1] and mend in steps[FIRST][2], steps[FIRST]


@pytest.mark.parametrize("config,what", [
    (CONFIG.format(host="imap.other.example", port=993), "it leads to imap.other.example, which is not this server"),
    (CONFIG.format(host=HOST, port=1993), "it names IMAP at port 1993 with TLS, which isn't offered here"),
])
def test_settings_of_another_server(own, names, web, config, what):
    """A client takes what it finds first: the second step isn't taken."""
    publish(names, web, "autoconfig", "")
    web.pages = {("https", "autoconfig." + DOMAIN, "/mail/config-v1.1.xml"): (200, config),
                 ("https", DOMAIN, "/.well-known/autoconfig/mail/config-v1.1.xml"): (200, CONFIG.format(host=HOST, port=993))}
    found, steps = look(own, status=1)["Thunderbird"]
    assert not found and list(steps) == [FIRST] and steps[FIRST][:2] == ("elsewhere", what)


def test_a_certificate_of_another_name(own, names, certificates, web):
    publish(names, web, "autoconfig")
    assert "isn't valid" in look(own, trust=False)["Thunderbird"][1][FIRST][1]  # an authority that isn't trusted
    web.close()
    other = Web(certificates, "other")
    try:
        publish(names, other, "autoconfig")
        state, what, mend = look(own)["Thunderbird"][1][FIRST]
        assert state == "missing" and "certificate of autoconfig.setup.example is one of another name" in what and f"certificate for autoconfig.{DOMAIN}" in mend
    finally:
        other.close()


def test_nobody_listens(own, names):
    names.set(**{f"autoconfig.{DOMAIN}": [f"A {new_address()}"]})
    state, what, mend = look(own)["Thunderbird"][1][FIRST]
    assert state == "missing" and "Connection refused" in what and "Let a web server answer at autoconfig.setup.example, port 443" in mend


def test_over_http_it_counts_and_is_warned_of(own, names, web):
    publish(names, web, "autoconfig")
    web.pages = {("http", "autoconfig." + DOMAIN, "/mail/config-v1.1.xml"): (200, CONFIG.format(host=HOST, port=993))}
    found, steps = look(own)["Thunderbird"]
    assert found and "over http anybody" in steps[FIRST.replace("https:", "http:")][2] and steps[FIRST][1] == f"autoconfig.{DOMAIN} answers 404"


def test_the_mail_servers_domain_is_asked(own, names, web):
    names.set(**{DOMAIN: ["MX 20 mx.far.example.", "MX 10 mx1.hoster.example."], "autoconfig.hoster.example": [f"A {web.address}"]})
    web.pages = {("https", "autoconfig.hoster.example", "/mail/config-v1.1.xml"): (200, CONFIG.format(host=HOST, port=993))}
    found = look(own)
    assert list(found["Thunderbird"][1])[-1] == f"https://autoconfig.hoster.example/mail/config-v1.1.xml?emailaddress=anna%40{DOMAIN}" and found["Thunderbird"][0]
    assert list(found["K-9"][1])[-1] == "https://autoconfig.hoster.example/mail/config-v1.1.xml" and found["K-9"][0]
    names.set(**{DOMAIN: [f"MX 10 {HOST}."]})
    assert look(own)["Thunderbird"][1][MX_STEP][:2] == ("passed over", f"{HOST} is not in another domain: there is nothing else to ask")


def test_what_one_client_knows_and_another_does_not(own, names, web):
    publish(names, web, "autoconfig")
    web.pages = {("https", "autoconfig." + DOMAIN, "/mail/config-v1.1.xml"): (200, CONFIG.format(host=HOST, port=995).replace("imap", "pop3"))}
    found = look(own)
    assert found["Thunderbird"][1][FIRST] == ("found", f"POP3 {HOST}:995 (TLS), submission {HOST}:465 (TLS)", "")
    assert found["K-9"][1][FIRST.split("?")[0]][:2] == ("wrong", "it names no server for IMAP with TLS")


def test_outlooks_detours(own, names, web):
    """A redirect of http, one in the XML, an SRV record; errors are no settings."""
    path, plain = "/autodiscover/autodiscover.xml", f"http://autodiscover.{DOMAIN}/autodiscover/autodiscover.xml"
    publish(names, web, "autodiscover", "")
    web.pages = {("https", DOMAIN, path): (200, "<Autodiscover><Response><Error><ErrorCode>600</ErrorCode><Message>Invalid Request</Message></Error></Response></Autodiscover>"),
                 ("http", "autodiscover." + DOMAIN, path): (302, "", {"Location": f"https://{DOMAIN}/moved"}),
                 ("https", DOMAIN, "/moved"): (200, OUTLOOK.format(inside=f"<Action>redirectUrl</Action><RedirectUrl>https://{DOMAIN}/at-last</RedirectUrl>")),
                 ("https", DOMAIN, "/at-last"): (200, OUTLOOK.format(inside=PROTOCOLS))}
    found, steps = look(own)["Outlook"]
    assert found and steps[f"https://{DOMAIN}{path}"][:2] == ("wrong", "what it answers can't be used: it says error 600: Invalid Request")
    assert steps[plain][0] == "found" and list(steps)[-1] == plain
    web.pages = {("https", "autodiscover." + DOMAIN, path): (200, OUTLOOK.format(inside="<RedirectAddr>anna@other.example</RedirectAddr>"))}
    found, steps = look(own)["Outlook"]
    assert not found and steps[f"https://autodiscover.{DOMAIN}{path}"][:2] == ("elsewhere", "it sends clients on to the address anna@other.example")
    web.pages = {("https", DOMAIN, "/loop"): (200, OUTLOOK.format(inside=f"<RedirectUrl>https://{DOMAIN}/loop</RedirectUrl>")),
                 ("http", "autodiscover." + DOMAIN, path): (302, "", {"Location": f"https://{DOMAIN}/loop"})}
    assert "on and on" in look(own)["Outlook"][1][plain][1]
    web.pages["https", DOMAIN, "/loop"] = (200, OUTLOOK.format(inside=f"<RedirectUrl>http://{DOMAIN}/plain</RedirectUrl>"))
    assert f"http://{DOMAIN}/plain" in look(own)["Outlook"][1][plain][1] and not any(one[3] == "/plain" for one in web.asked)
    names.set(**{f"_autodiscover._tcp.{DOMAIN}": ["SRV 20 1 443 nowhere.example.", f"SRV 10 1 443 autodiscover.{DOMAIN}."]})
    web.pages = {}
    assert look(own)["Outlook"][1][f"_autodiscover._tcp.{DOMAIN} SRV"][1] == f"autodiscover.{DOMAIN} answers 404"


def test_a_document_without_its_digest(own, names, web):
    publish(names, web, "ua-auto-config")
    web.pages = {("https", "ua-auto-config." + DOMAIN, "/.well-known/user-agent-configuration.json"): (200, AGENTS)}
    step = f"https://ua-auto-config.{DOMAIN}/.well-known/user-agent-configuration.json"
    assert look(own)["Apple"][1][step][1] == f"there is no digest of it at _ua-auto-config.{DOMAIN}"
    names.set(**{f"_ua-auto-config.{DOMAIN}": ['TXT "v=UAAC1; a=sha256; d=AAAA"']})
    state, what, mend = look(own)["Apple"][1][step]
    assert (state, what) == ("wrong", f"the digest at _ua-auto-config.{DOMAIN} is another document's") and "`pombal domain dns setup.example`" in mend
    names.set(**{f"_ua-auto-config.{DOMAIN}": [RECORD]})
    assert look(own)["Apple"][0]


def test_guesses_and_srv_records(own, names):
    names.set(**{f"imap.{DOMAIN}": [f"A {own.address}"], f"_imaps._tcp.{DOMAIN}": [f"SRV 0 1 993 {HOST}."], f"_submissions._tcp.{DOMAIN}": ["SRV 0 0 0 ."]})
    found = look(own)
    apple = {step: what for step, (_, what, _) in found["Apple"][1].items()}
    assert "it leads here" in apple[f"a guess: imap.{DOMAIN}"] and "it leads here" in apple[f"a guess: mail.{DOMAIN}"] and "there is no such name" in apple[f"a guess: smtp.{DOMAIN}"]
    assert not found["Apple"][0] and HOST in found["Apple"][1]["a profile"][2]
    assert found["clients"][1][f"_imaps._tcp.{DOMAIN} SRV and the like"][1] == "there are no such records for outgoing mail"
    names.set(**{f"imap.{DOMAIN}": ["A 127.9.9.9"]})
    assert look(own)["Apple"][1][f"a guess: imap.{DOMAIN}"][:2] == ("wrong", "it leads to another server")


def test_a_domain_of_others_leads_to_no_address_in_here(own, names, web):
    """Only a domain of ours may lead to addresses that aren't public."""
    names.set(**{"autoconfig.foreign.example": [f"A {web.address}"]})
    state, what, _ = look(own, address="anna@foreign.example")["Thunderbird"][1]["https://autoconfig.foreign.example/mail/config-v1.1.xml?emailaddress=anna%40foreign.example"]
    assert state == "missing" and "no public one" in what and not web.asked


def test_a_domain_with_umlauts(own, names, web):
    """It is asked for by its A-labels, and its document names it so; the address goes as UTF-8."""
    own.run("domain", "add", "bücher.example")
    names.set(**{"autoconfig.xn--bcher-kva.example": [f"A {web.address}"]})
    web.pages = {("https", "autoconfig.xn--bcher-kva.example", "/mail/config-v1.1.xml"): (200, "")}
    steps = look(own, address="jürgen@bücher.example")["Thunderbird"][1]
    first = "https://autoconfig.xn--bcher-kva.example/mail/config-v1.1.xml?emailaddress=j%C3%BCrgen%40b%C3%BCcher.example"
    assert list(steps)[0] == first and "certificate of autoconfig.xn--bcher-kva.example is one of another name" in steps[first][1]


def test_what_others_say_steers_no_terminal(own, names, web):
    publish(names, web, "autodiscover")
    evil = "<Autodiscover><Response><Error><ErrorCode>1</ErrorCode><Message>&#27;[31m&#10;found  all‮</Message></Error></Response></Autodiscover>"
    web.pages = {("https", "autodiscover." + DOMAIN, "/autodiscover/autodiscover.xml"): (200, evil)}
    done = own.run("check", "--client", ADDRESS, "--https-port", HTTPS, "--http-port", HTTP, "--trust", own.folder / "ca.pem", status=1)
    assert "\x1b" not in done.stdout and "‮" not in done.stdout and "it says error 1:" in done.stdout and "\nfound" not in done.stdout


def test_a_dns_that_is_away(own, names):
    own.configure(resolver="127.0.0.1@1")
    try:
        assert "the DNS can't be asked" in own.run("check", "--client", ADDRESS, status=1).stderr
    finally:
        own.configure(resolver=names.resolver)


@pytest.mark.parametrize("words", [["--client", "nobody"], ["--client", ADDRESS, "--https-port", "70000"], ["--client", ADDRESS, "--http-port", "x"], ["--client", ADDRESS, "--trust", "/nowhere"]])
def test_wrong_words(own, words):
    done = own.run("check", *words, status=1)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
