"""The mail clients of Debian, with their default settings: each signs in in the way it chooses by itself, and sends or reads a letter.
Only what can't be otherwise is set: where the server is, who signs in, and that its self-signed certificate is good."""
import contextlib
import hashlib
import ssl
import subprocess

import pytest

import letters
import mbsync
import pombal
from screen import Screen
from terminal import in_terminal

# Words as people have them; the second and the third aren't ASCII.
PASSWORDS = {"ascii": "one-time-word-4", "cyrillic": "Пароль-Бориса-2", "portuguese": "Coração-São-João-9"}
EVERY_PASSWORD = pytest.mark.parametrize("kind", PASSWORDS)


def shell(*command, home, stdin=b"", timeout=60, status=0):
    done = subprocess.run([str(word) for word in command], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                          env=pombal.environment(HOME=str(home), TERM="dumb"), cwd=home)
    assert done.returncode == status, f"{command} ended with {done.returncode}:\n{done.stdout.decode(errors='replace')[-4000:]}"
    return done.stdout


def write(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


class Person:
    """Somebody with a letter in the INBOX, at a client of the test's own whose files are in `home`."""

    def __init__(self, server, account, home, token):
        self.server, self.account, self.home, self.token = server, account, home, token
        self.address = server.address
        self.name = server.name(account)
        self.password = server.password(account)
        self.other = server.name("boris")  # to whom the letters go

    def port(self, protocol):
        return self.server.ports[protocol]

    def write(self, name, text):
        return write(self.home / name, text)

    def has_sent(self):
        """Has what the client sent arrived?"""
        return self.server.wait_mail(self.token + " sent", "boris")


@pytest.fixture(scope="module")
def accounts(server):
    for kind, password in PASSWORDS.items():
        pombal.PASSWORDS[kind] = password
        server.add_account(server.name(kind), password)
        server.deliver(letters.simple(f"the {kind} one", to=server.name(kind)), kind)
        server.wait_mail(f"the {kind} one", kind)


@pytest.fixture
def person(server, accounts, token, tmp_path, kind):
    return Person(server, kind, tmp_path, token)


@pytest.fixture
def subject(kind):
    """Of the letter that is there to be read."""
    return f"the {kind} one"


# ---- mutt and neomutt ----

def muttrc(person):
    return person.write("muttrc", f"""\
set imap_user = "{person.name}"
set imap_pass = "{person.password}"
set pop_user = "{person.name}"
set pop_pass = "{person.password}"
set smtp_pass = "{person.password}"
set from = "{person.name}"
set certificate_file = {person.server.certificate[0]}
set ssl_verify_host = no
set mbox_type = mbox
set wait_key = no
set confirmcreate = no
set confirmappend = no
set quit = yes
set move = no
set folder = {person.home}
set header_cache = ""
""")


def user_at(person, protocol):
    return f"{person.name.replace('@', '%40')}@{person.address}:{person.port(protocol)}"


@EVERY_PASSWORD
@pytest.mark.parametrize("scheme,port", [("imaps", "imaps"), ("imap", "imap"), ("pops", "pop3s"), ("pop", "pop3")])
@pytest.mark.parametrize("program", ["mutt", "neomutt"])
def test_mutt_reads(person, subject, program, scheme, port):
    box, offset = person.home / "box", person.server.log_size()
    compresses = program == "mutt" and scheme.startswith("imap")  # Debian 12's neomutt can't
    status, output = in_terminal([program, "-n", "-F", muttrc(person), "-f", f"{scheme}://{person.address}:{person.port(port)}/",
                                  *(["-e", "set imap_deflate"] if compresses else []),
                                  "-e", f"push '<copy-message>{box}<enter><quit>'"], person.home, deadline=40)
    assert status == 0 and box.exists() and subject in box.read_text(), output[-3000:]
    if compresses:
        person.server.wait_log("event=imap.compressed", offset)


@EVERY_PASSWORD
@pytest.mark.parametrize("scheme,port", [("smtps", "submissions"), ("smtp", "submission")])
@pytest.mark.parametrize("program", ["mutt", "neomutt"])
def test_mutt_sends(person, program, scheme, port):
    rc = muttrc(person)
    shell(program, "-n", "-F", rc, "-e", f'set smtp_url = "{scheme}://{user_at(person, port)}/"', "-e", 'set record = ""',
          "-s", person.token + " sent", "--", person.other, home=person.home, stdin=b"A line.\n")
    person.has_sent()


# ---- alpine ----

def pinerc(person):
    server = f"{person.address}:{person.port('imaps')}/ssl/novalidate-cert/user={person.name}"
    return person.write("pinerc", f"""\
personal-name=Somebody
user-domain={person.server.domain}
inbox-path={{{server}}}INBOX
smtp-server={person.address}:{person.port('submissions')}/ssl/novalidate-cert/user={person.name}
default-fcc=""
feature-list=quit-without-confirm,send-without-confirm,quell-user-lookup-in-passwd-file,quell-asking-about-save-password
customized-hdrs=From: {person.name}
last-version-used=9.99
""")


@EVERY_PASSWORD
def test_alpine_reads_and_sends(person):
    down, send = "\x0e", "\x18"
    status, output = in_terminal(["alpine", "-p", pinerc(person), "-i"], person.home, answers=[
        ("PASSWORD: ", person.password + "\r"), ("Preserve password", "n"),
        ("elsewhere", "\r"),                        # the letter's line in the index
        ("A line", "c"),                             # the letter itself
        ("COMPOSE MESSAGE", person.other + 3 * down + person.token + " sent" + send),
        ("PASSWORD: ", person.password + "\r"), ("Preserve password", "n"),
        ("A line", "q")])                            # back at the letter when the own one is sent
    assert status == 0, output[-3000:]
    person.has_sent()


# ---- claws-mail, on a screen that nobody sees ----

@pytest.fixture(scope="module")
def display():
    with Screen() as screen:
        yield screen.name


def claws_folder(person, protocol, port, tls):
    """Its configuration, and a letter that waits in its queue to be sent."""
    folder = person.home / ".claws-mail"
    folder.mkdir()
    write(folder / "accountrc", f"""\
[Account: 1]
account_name=pombal
is_default=1
name=Somebody
address={person.name}
protocol={dict(pop3=0, imap=3)[protocol]}
receive_server={person.address}
user_id={person.name}
password={person.password}
ssl_{protocol.rstrip("3")}={tls}
set_{protocol.rstrip("3")}port=1
{protocol.rstrip("3")}_port={person.port(port)}
receive_at_get_all=1
inbox=#mh/Mailbox/inbox
local_inbox=#mh/Mailbox/inbox
remove_mail=0
smtp_server={person.address}
use_smtp_auth=1
smtp_user_id={person.name}
smtp_password={person.password}
ssl_smtp=1
set_smtpport=1
smtp_port={person.port("submissions")}
ssl_certs_auto_accept=1
""")
    write(folder / "clawsrc", "[Common]\nskip_ssl_cert_check=1\nunsafe_ssl_certs=1\n")
    kinds = {"inbox": "inbox", "outbox": "sent", "draft": "draft", "queue": "queue", "trash": "trash"}
    for name in kinds.values():
        (person.home / "Mailbox" / name).mkdir(parents=True)
    write(folder / "folderlist.xml", '<?xml version="1.0" encoding="UTF-8"?>\n<folderlist><folder type="mh" name="Mailbox" path="Mailbox">' +
          "".join(f'<folderitem type="{kind}" name="{name}" path="{name}"/>' for kind, name in kinds.items()) + "</folder></folderlist>\n")
    (person.home / "Mailbox/queue/1").write_bytes(
        f"PT:0\nS:{person.name}\nSSV:{person.address}\nR:<{person.other}>\nMAID:1\nX-Claws-End-Special-Headers: 1\n".encode() +
        outgoing(person).replace(b"\r\n", b"\n"))
    return folder


@contextlib.contextmanager
def claws(person, folder, display):
    """Starts it, to fetch what there is; gives a function that tells it what to do."""
    command = ["claws-mail", "--alternate-config-dir", folder]
    with open(person.home / "output", "wb") as output, subprocess.Popen(
            [*command, "--receive-all"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=person.home,
            env=pombal.environment(HOME=str(person.home), DISPLAY=display)) as process:
        try:
            yield lambda *words: shell(*command, *words, home=person.home)
        finally:
            process.kill()


@EVERY_PASSWORD
@pytest.mark.parametrize("protocol,port,tls,place", [("imap", "imaps", 1, ".claws-mail/imapcache/*/*/INBOX"), ("pop3", "pop3", 2, "Mailbox/inbox")])
def test_claws_mail(person, subject, display, protocol, port, tls, place):
    folder = claws_folder(person, protocol, port, tls)
    offset = person.server.log_size()

    def fetched():
        if protocol == "imap":
            tell("--select", "#imap/pombal/INBOX/1")
        return any(subject in path.read_text() for path in person.home.glob(place + "/[1-9]*"))

    with claws(person, folder, display) as tell:
        person.server.wait_log(rf"event=sign_in\.done .*account={person.name} .*service={protocol}", offset)
        pombal.wait_for(fetched, "claws-mail to fetch", pause=0.3)
        tell("--send")
        person.has_sent()


# ---- Programs that fetch ----

@EVERY_PASSWORD
def test_mbsync(person, subject):
    rc = mbsync.configuration(person.server, person.name, person.password, person.home)
    offset = person.server.log_size()
    shell("mbsync", "-c", rc, "-a", home=person.home)
    person.server.wait_log("event=imap.compressed", offset)
    assert any(subject in path.read_text() for path in (person.home / "mail/INBOX").glob("[cn]*/*"))


@EVERY_PASSWORD
@pytest.mark.parametrize("protocol,port,tls", [
    ("imap", "imaps", "ssl"), ("imap", "imap", "sslproto tls1.2+"), ("pop3", "pop3s", "ssl"), ("pop3", "pop3", "sslproto tls1.2+")])
def test_fetchmail(person, subject, protocol, port, tls):
    out = person.home / "out"
    mda = write(person.home / "mda", f"#!/bin/sh\nexec cat >> {out}\n")
    mda.chmod(0o700)
    rc = person.write("fetchmailrc", f"""\
set no bouncemail
poll {person.address} proto {protocol} port {person.port(port)}
  user "{person.name}" password "{person.password}" {tls} no sslcertck keep fetchall mda "{mda}"
""")
    shell("fetchmail", "-f", rc, "--nosyslog", "--idfile", person.home / "ids", "--pidfile", person.home / "pid", home=person.home)
    assert subject in out.read_text()


@EVERY_PASSWORD
def test_offlineimap(person, subject):
    certificate = ssl.PEM_cert_to_DER_cert(person.server.certificate[0].read_text())
    rc = person.write("offlineimaprc", f"""\
[general]
accounts = pombal
ui = quiet
metadata = {person.home}/state
[Account pombal]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {person.home}/mail
[Repository far]
type = IMAP
remotehost = {person.address}
remoteport = {person.port("imaps")}
remoteuser = {person.name}
remotepass = {person.password}
ssl = yes
cert_fingerprint = {hashlib.sha256(certificate).hexdigest()}
""")
    shell("offlineimap", "-o", "-c", rc, home=person.home)
    assert any(subject in path.read_text() for path in (person.home / "mail/INBOX").glob("[cn]*/*"))


# Debian 12's getmail can't speak a password that isn't ASCII.
@pytest.mark.parametrize("kind", ["ascii"])
@pytest.mark.parametrize("retriever,port", [("SimpleIMAPSSLRetriever", "imaps"), ("SimplePOP3SSLRetriever", "pop3s")])
def test_getmail(person, subject, retriever, port):
    out = person.home / "out"
    person.write("getmailrc", f"""\
[retriever]
type = {retriever}
server = {person.address}
port = {person.port(port)}
username = {person.name}
password = {person.password}
[destination]
type = MDA_external
path = /usr/bin/tee
arguments = ("{out}",)
ignore_stderr = True
allow_root_commands = True
""")
    shell("getmail", f"--getmaildir={person.home}", "--rcfile=getmailrc", home=person.home)
    assert subject in out.read_text()


# ---- Programs that send, and curl ----

def outgoing(person):
    return letters.simple(person.token + " sent", to=person.other, sender=person.name)


@EVERY_PASSWORD
@pytest.mark.parametrize("port,starttls", [("submissions", "off"), ("submission", "on")])
def test_msmtp(person, port, starttls):
    rc = person.write("msmtprc", f"""\
account default
host {person.address}
port {person.port(port)}
from {person.name}
user {person.name}
password "{person.password}"
auth on
tls on
tls_starttls {starttls}
tls_certcheck off
""")
    shell("msmtp", "-C", rc, person.other, home=person.home, stdin=outgoing(person))
    person.has_sent()


@EVERY_PASSWORD
@pytest.mark.parametrize("port,tls", [("submissions", "--tlsc"), ("submission", "--tls")])
def test_swaks(person, port, tls):
    shell("swaks", "--server", person.address, "--port", person.port(port), tls, "--auth", "--auth-user", person.name, "--auth-password",
          person.password, "--from", person.name, "--to", person.other, "--header", f"Subject: {person.token} sent", home=person.home)
    person.has_sent()


def curl(person, scheme, port, *options):
    return shell("curl", "-sS", "-k", "--ssl-reqd", "--user", f"{person.name}:{person.password}", *options[1:],
                 f"{scheme}://{person.address}:{person.port(port)}/{options[0]}", home=person.home)


@EVERY_PASSWORD
@pytest.mark.parametrize("scheme,port,path", [
    ("imaps", "imaps", "INBOX;MAILINDEX=1"), ("imap", "imap", "INBOX;MAILINDEX=1"), ("pop3s", "pop3s", "1"), ("pop3", "pop3", "1")])
def test_curl_reads(person, subject, scheme, port, path):
    assert subject.encode() in curl(person, scheme, port, path)


@EVERY_PASSWORD
@pytest.mark.parametrize("scheme,port", [("smtps", "submissions"), ("smtp", "submission")])
def test_curl_sends(person, scheme, port):
    path = person.home / "letter"
    path.write_bytes(outgoing(person))
    curl(person, scheme, port, "client.example", "--mail-from", person.name, "--mail-rcpt", person.other, "-T", path)
    person.has_sent()
