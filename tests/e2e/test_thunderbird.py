"""Thunderbird, set up by somebody who types name, address and password: it finds the rest by itself, reads and sends. What the DNS says is what
`pombal domain dns` prints."""
import email
import email.policy
import shutil
import subprocess

import pytest

import letters
from pombal import PASSWORDS, Pombal, wait_for
from screen import Screen
from thunderbird import TAB, Thunderbird

DOMAIN, HOST = "setup.example", "mail.setup.example"
HOSTED, MOVED, OFFICE = "hosted.example", "moved.example", "office.example"
# Of which domains the DNS says what: everything, only where mail goes, only where Outlook asks.
PUBLISHED = {DOMAIN: "", HOSTED: "", MOVED: "MX ", OFFICE: "CNAME autodiscover."}
# For which names the server has a certificate: none of the hosted domain's.
NAMES = (HOST, f"autoconfig.{DOMAIN}", f"autodiscover.{DOMAIN}", f"autodiscover.{OFFICE}")
SUBJECT, TEXT = "Ответ", "Это строка."


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with a certification authority, and the server's certificate by it."""
    folder = tmp_path_factory.mktemp("authority")
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    (folder / "names").write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in NAMES))
    for words in ((*new, "-x509", "-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=Authority of the tests", "-days", "9"),
                  (*new, "-keyout", "server.key", "-out", "server.request", "-subj", f"/CN={HOST}"),
                  ("x509", "-req", "-in", "server.request", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-out", "server.pem",
                   "-days", "9", "-extfile", "names")):
        subprocess.run(["openssl", *words], check=True, stderr=subprocess.DEVNULL, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def own(authority, names):
    with Pombal(DOMAIN, hostname=HOST, options={"resolver": names.resolver, "trust_anchors": ["none"]}, start=False) as instance:
        for name in ("server.pem", "server.key"):
            shutil.copy(authority / name, instance.data)
        for name in (HOSTED, MOVED, OFFICE):
            instance.run("domain", "add", name)
        instance.configure(certificates=["server.pem server.key"], http_listen=[f"{instance.address}:80"], https_listen=[f"{instance.address}:443"],
                           http_proxies=["127.0.0.0/8"])
        instance.start()
        instance.deliver(letters.simple("A letter that waits", to=instance.name("boris"), body="This is to be read.\r\n"), "boris")
        instance.wait_mail("A letter that waits", "boris")
        yield instance


def published(own):
    """The addresses of names, and what is to be found of MX and SRV, as Thunderbird has it."""
    hosts, records = {HOST: own.address}, {}
    for domain, beginning in PUBLISHED.items():
        for record in own.json("domain", "dns", domain):
            what, words = f"{record['type']} {record['name']}", record["line"].split()[2:]
            if not what.startswith(beginning):
                continue
            if record["type"] == "CNAME":
                hosts[record["name"]] = hosts[words[0].rstrip(".")]
            elif record["type"] in ("MX", "SRV"):
                records[what] = [{**dict(zip(("prio", "weight", "port"), map(int, words[:-1]))), "host": words[-1].rstrip(".")}]
    return hosts, records


@pytest.fixture(scope="module")
def thunderbird(own, authority, tmp_path_factory):
    with Screen() as screen:
        program = Thunderbird(screen, *published(own), (authority / "authority.pem").read_text(), tmp_path_factory.mktemp("pictures"))
        try:
            yield program
        finally:
            program.close()


def begin_again(thunderbird):
    """Goes back to where name and address are typed."""
    def is_there():
        there = thunderbird.setup.is_shown("email-auto-form")
        if not there:
            thunderbird.setup.try_press("#back")
        return there
    thunderbird.until(is_there, "the beginning of the set-up")


def find(thunderbird, name, address):
    """Types these into the window for a new account, which opens by itself when there is none, and goes on to what was found. It has little patience: what
    isn't answered within two seconds may lead to a question, and within five to nothing; a busy machine gets some more attempts."""
    setup, ends = thunderbird.setup, ("email-config-found", "email-manual-incoming-form", "email-credentials-confirmation")
    setup.type("#realName", name)
    setup.type("#email", address)
    for attempt in range(4):
        if attempt:
            begin_again(thunderbird)
        setup.press("#forward")
        end = thunderbird.until(lambda: next(filter(setup.is_shown, ends), None), "settings to be found")
        if end == "email-config-found":
            return
    raise AssertionError(f"no settings are found, the set-up is at {end}")


def assert_found(own, thunderbird, address, source):
    """`source`: what it says of where the settings are from."""
    expected = {"incomingType": "IMAP", "incomingHost": HOST, "incomingPort": str(own.ports["imaps"]),
                "outgoingType": "SMTP", "outgoingHost": HOST, "outgoingPort": str(own.ports["submissions"]),
                "sharedUsername": address, "sharedSocketType": "SSL/TLS", "sharedAuthenticationType": "Normal Password"}
    assert {part: thunderbird.setup.wait(f"email-config-found #{part}") for part in expected} == expected
    notice = "email-config-found >>> account-hub-header >>> #emailFormNotification"
    if not thunderbird.setup.is_shown(notice + "[open]"):
        thunderbird.setup.press(notice + "Summary", "Account settings found automatically")
    assert source in thunderbird.setup.wait(notice + "Text", "Configuration found")


@pytest.mark.parametrize("domain,source", [(HOSTED, "at email provider"), (MOVED, "at email provider"), (OFFICE, "for a Microsoft Exchange server")])
def test_it_finds_settings(own, thunderbird, domain, source):
    """Of domains that aren't the server's own, too: by autoconfig, by that of the mail server's domain, by Autodiscover; and it asks no question."""
    with thunderbird.explained():
        find(thunderbird, "Hanna", "hanna@" + domain)
        assert_found(own, thunderbird, "hanna@" + domain, source)
        begin_again(thunderbird)


def is_seen(own):
    session = own.imap("boris", mailbox="INBOX")
    found = session.search(None, "SEEN", "HEADER", "Subject", '"A letter that waits"')[1][0]
    session.logout()
    return found


def assert_sent(own, raw):
    letter = email.message_from_bytes(raw, policy=email.policy.default)
    assert (letter["From"], letter["To"], letter["Subject"]) == (f"Борис Годунов <{own.name('boris')}>", own.name("anna"), SUBJECT)
    assert letter.get_body().get_content().strip() == TEXT


def set_up(own, thunderbird):
    find(thunderbird, "Борис Годунов", own.name("boris"))
    assert_found(own, thunderbird, own.name("boris"), "at email provider")
    thunderbird.setup.press("#forward")
    thunderbird.setup.type("email-password-form #password", PASSWORDS["boris"])
    thunderbird.setup.press("#forward")
    thunderbird.setup.press("#forward", "Finish")


def read(own, thunderbird):
    thunderbird.mail.press("#folderTree li .name", "Inbox")
    thunderbird.mail.press("#threadTree tr", "A letter that waits")
    thunderbird.until(lambda: "This is to be read." in thunderbird.letter(), "the letter to be shown")
    wait_for(lambda: is_seen(own), "the letter to be marked as read")


def send(own, thunderbird):
    arrived, sent = own.count_mail("", "anna"), own.count_mail("", "boris", mailbox="Sent")
    thunderbird.mail.press("#folderPaneWriteMessage")
    with thunderbird.other_window() as window:
        thunderbird.wait_cursor("toAddrInput")
        window.type("#toAddrInput", own.name("anna") + ",")
        window.type("#msgSubject", SUBJECT)
        thunderbird.keys(TAB)
        thunderbird.wait_cursor("messageEditor")
        thunderbird.keys(TEXT)
        window.press("#button-send")
    assert_sent(own, own.wait_mail("", "anna", arrived + 1)[-1])
    assert_sent(own, own.wait_mail("", "boris", sent + 1, mailbox="Sent")[-1])


def test_it_is_set_up_reads_and_sends(own, thunderbird):
    address, offset = own.name("boris"), own.log_size()
    with thunderbird.explained():
        set_up(own, thunderbird)
        read(own, thunderbird)
        send(own, thunderbird)
    own.wait_log(rf"event=imap\.signed_in .*account={address} .*tls=yes", offset)
    own.wait_log(rf"event=message\.accepted .*from={address} .*tls=TLSv1\.3 .*account={address}", offset)


# ---- OAuth: as a program that knows this provider, as it knows some others from its makers ----

PROVIDER = """
    const [host, scope] = arguments;
    const { OAuth2Providers } = ChromeUtils.importESModule("resource:///modules/OAuth2Providers.sys.mjs");
    const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
    const origin = `https://${host}`, redirect = "http://127.0.0.1/thunderbird";
    return (async () => {
        const answer = await fetch(`${origin}/oauth/register`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({
            client_name: "Thunderbird", redirect_uris: [redirect], token_endpoint_auth_method: "none", grant_types: ["authorization_code", "refresh_token"],
            response_types: ["code"], scope }) });
        const registered = await answer.json();
        OAuth2Providers.registerProvider({ name: host, clientId: registered.client_id, authorizationEndpoint: `${origin}/oauth/authorize`, tokenEndpoint: `${origin}/oauth/token`,
            issuerIdentifier: origin, redirectionEndpoint: redirect, usePKCE: true, useExternalBrowser: false }, [host], scope);
        const server = MailServices.accounts.allServers.find(one => one.type == "imap");
        server.authMethod = Ci.nsMsgAuthMethod.OAuth2;
        server.forgetPassword();
        server.closeCachedConnections();
        const outgoing = MailServices.outgoingServer.defaultServer;
        outgoing.authMethod = Ci.nsMsgAuthMethod.OAuth2;
        outgoing.forgetPassword();
        outgoing.closeCachedConnections();
        server.getNewMessages(server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox), null, null);
        return registered.client_id;
    })();"""


# The page is another process's: a script of that process fills its form in, and says whether it was there.
ALLOW = """
    const [name, password] = arguments, manager = document.getElementById("requestFrame")?.messageManager;
    if (!manager) return false;
    return new Promise(resolve => {
        const hear = told => { manager.removeMessageListener("tests:filled", hear); resolve(told.data); };
        manager.addMessageListener("tests:filled", hear);
        manager.loadFrameScript("data:application/javascript;charset=utf-8," + encodeURIComponent(`
            const field = name => content.document.querySelector("[name=" + name + "]"), button = content.document.querySelector("button[value=allow]");
            if (button) {
                field("name").value = ${JSON.stringify(name)};
                field("password").value = ${JSON.stringify(password)};
            }
            sendAsyncMessage("tests:filled", !!button);
            button?.click();`), false);
    });"""


def let_in(own, thunderbird):
    """What its user does in the window that shows the server's page."""
    with thunderbird.other_window():
        thunderbird.until(lambda: thunderbird.control.script(ALLOW, own.name("boris"), PASSWORDS["boris"]), "the server's page to ask who it is")


def test_it_is_let_in_with_oauth(own, thunderbird):
    """A browser's page instead of a password that it keeps: then tokens read and send."""
    address = own.name("boris")
    with thunderbird.explained():
        if not thunderbird.control.script("""
                return ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs").MailServices.accounts.allServers.some(one => one.type == "imap")"""):
            set_up(own, thunderbird)
        offset = own.log_size()
        assert thunderbird.control.script(PROVIDER, HOST, "urn:ietf:params:oauth:scope:mail offline_access")
        let_in(own, thunderbird)
        own.wait_log(rf"event=sign_in\.done .*account={address} .*service=imap mechanism=(XOAUTH2|OAUTHBEARER)", offset)
        send(own, thunderbird)
    own.wait_log(rf"event=sign_in\.done .*account={address} .*service=smtp mechanism=(XOAUTH2|OAUTHBEARER)", offset)
