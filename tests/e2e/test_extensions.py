"""What the protocols announce is what their tables say, no more and no less, and all of it works; what isn't announced is refused. Each row of a
table has its try here: a new one fails until it has."""
import base64
import re
from pathlib import Path

import pytest

import letters
import pombal
from pombal import Pombal
from wire import Imap, Pop3, Smtp

SOURCE = Path(__file__).resolve().parents[2] / "src"


def b64(text):
    return base64.b64encode(text.encode()).decode()


def rows(path):
    """The name in each row of a file's table, and the rest of the row."""
    return re.findall(r'^\t\{"([^"]+)", (.*)$', (SOURCE / path).read_text(), re.M)


def table(path):
    return {name for name, _ in rows(path)}


@pytest.fixture(scope="module")
def account(server):
    """With two letters in its INBOX."""
    name = letters.token()
    pombal.PASSWORDS[name] = "words for it"
    server.add_account(server.name(name), server.password(name))
    for _ in range(2):
        server.deliver(letters.simple("extensions", server.name(name)), name)
    server.wait_mail("extensions", name, 2)
    return name


# ---- IMAP ----

def imap(server, tls=True):
    return Imap(server.address, server.ports["imaps" if tls else "imap"], tls=tls)


def entered(server, account, mailbox="INBOX"):
    session = imap(server)
    session.ok(f'LOGIN {server.name(account)} "{server.password(account)}"')
    session.ok(f"SELECT {mailbox}")
    return session


def told(session):
    return re.sub(r"AUTH=\S+", "AUTH=", re.search(r"CAPABILITY (.*)", session.ok("CAPABILITY")[0])[1]).split()


def append_two(session):
    session.send("m APPEND INBOX {5+}\r\na:b\r\n {5+}\r\na:b\r\n\r\n")
    return session.until("m")[0].startswith("OK")


def idles(session):
    session.send("i IDLE\r\n")
    line = session.line()
    session.send("DONE\r\n")
    return line.startswith("+") and session.until("i")[0].startswith("OK")


def says(command, pattern=""):
    return lambda session: re.search(pattern, "\n".join(session.ok(command)))


IMAP_USES = {  # by who is in INBOX
    "IMAP4rev1": says("NOOP"), "ID": says("ID NIL", "Pombal"), "ENABLE": says("ENABLE X-NONE", "ENABLED$"), "IDLE": idles,
    "NAMESPACE": says("NAMESPACE", "NAMESPACE"), "CHILDREN": says('LIST "" INBOX', r"\\HasNoChildren"),
    "UIDPLUS": says("UID EXPUNGE 1:*"), "UNSELECT": says("UNSELECT"), "MULTIAPPEND": append_two,
    "MOVE": says("MOVE 1 Archive", "COPYUID"), "LIST-EXTENDED": says('LIST (SUBSCRIBED) "" (INBOX Sent) RETURN (SUBSCRIBED)', "INBOX"),
    "LIST-STATUS": says('LIST "" INBOX RETURN (STATUS (MESSAGES))', "STATUS INBOX"), "SPECIAL-USE": says('LIST (SPECIAL-USE) "" *', r"\\Sent"),
    "CREATE-SPECIAL-USE": says(r"CREATE Starred (USE (\Flagged))"), "COMPRESS=DEFLATE": says("COMPRESS DEFLATE"),
}


def imap_before(server, account, name, password):
    """Those of who hasn't signed in."""
    plain = b64(f"\0{name}\0{password}")
    with imap(server) as session:
        assert {"SASL-IR", "AUTH="} <= set(told(session)) and session.command("STARTTLS")[0].startswith("BAD")
        session.ok("AUTHENTICATE PLAIN " + plain)
    with imap(server) as session:
        assert "LITERAL+" in told(session)
        session.ok(f'LOGIN {{{len(name)}+}}\r\n{name} "{password}"')
    with imap(server, tls=False) as session:
        assert {"LOGINDISABLED", "STARTTLS"} <= set(told(session)) and "AUTH=" not in told(session)
        assert session.command(f'LOGIN {name} "{password}"')[0].startswith("NO") and session.command("AUTHENTICATE PLAIN " + plain)[0].startswith("NO")
        session.ok("STARTTLS")
        session.start_tls()
        assert not {"LOGINDISABLED", "STARTTLS"} & set(told(session))
    return {"SASL-IR", "AUTH=", "LITERAL+", "LOGINDISABLED", "STARTTLS"}


def test_imap(server, account):
    tried = imap_before(server, account, server.name(account), server.password(account))
    with entered(server, account) as session:
        offered = set(told(session))
    for name in offered - tried:
        with entered(server, account) as session:
            assert IMAP_USES[name](session), name
    assert offered | tried == table("imap/extensions.c")
    assert not IMAP_USES.keys() - offered


def test_imap_verbs_belong_to_extensions():
    verbs = re.findall(r'^\t\{"(\w+)", .*, "([^"]+)"\},$', (SOURCE / "imap/verbs.c").read_text(), re.M)
    belong = [(name, extension) for name, extension in verbs if not extension.startswith("RFC")]
    assert ("IDLE", "IDLE") in belong and {extension for _, extension in belong} <= table("imap/extensions.c")


def test_imap_switched_off():
    """By its option an extension goes, and what belongs to it."""
    switched = {name: re.search(r"OPTION\((\w+)\)", rest)[1] for name, rest in rows("imap/extensions.c") if "OPTION(" in rest}
    assert "COMPRESS=DEFLATE" in switched
    verbs = dict(re.findall(r'^\t\{"(\w+)", .*, "([^"]+)"\},$', (SOURCE / "imap/verbs.c").read_text(), re.M))
    with Pombal(options={option: False for option in switched.values()}) as own, entered(own, "anna") as session:
        assert not switched.keys() & set(told(session))
        for verb, extension in verbs.items():
            if extension in switched:
                assert session.command(f"{verb} X")[0] == "BAD Unknown command"


# ---- SMTP ----

def announced(hello):
    return {line[4:].split()[0] for line in hello.split("\n")[1:]}


def group(session):
    session.send("MAIL FROM:<>\r\nRCPT TO:<nobody-at-all@example.test>\r\nRSET\r\n")
    return [session.reply()[:3] for _ in range(3)][::2] == ["250", "250"]


def replies(*pairs):
    return lambda session: all(session.expect(command, code) for command, code in pairs)


SMTP_USES = {
    "PIPELINING": group, "SIZE": replies(("MAIL FROM:<> SIZE=9999999999", 552)), "8BITMIME": replies(("MAIL FROM:<> BODY=8BITMIME", 250)),
    "SMTPUTF8": replies(("MAIL FROM:<> SMTPUTF8", 250)), "CHUNKING": replies(("MAIL FROM:<>", 250), (b"BDAT 3\r\na:b", 503)),
    "BINARYMIME": replies(("MAIL FROM:<> BODY=BINARYMIME", 250)), "STARTTLS": replies(("STARTTLS", 220)),
    "FUTURERELEASE": replies(("MAIL FROM:<> HOLDFOR=60", 250)), "DSN": replies(("MAIL FROM:<> RET=HDRS ENVID=x", 250)), "ENHANCEDSTATUSCODES": replies(("RSET", "250 2.0.0")),
}


@pytest.mark.parametrize("port", ["smtp", "submission", "submissions", "lmtp"])
def test_smtp(server, account, port):
    name, password, tls = server.name(account), server.password(account), port == "submissions"
    connect = lambda: Smtp(server.address, server.ports[port], tls=tls, hello="LHLO x" if port == "lmtp" else "EHLO x")
    with connect() as session:
        offered = announced(session.hello)
        if tls:
            assert "STARTTLS" not in offered
            session.expect("STARTTLS", 5)
        if "AUTH" not in offered:
            assert session.login(name, password)[0] == "5"
    for extension in offered:
        with connect() as session:
            if port == "submissions":
                assert session.login(name, password).startswith("235")
            if port == "submission" and extension not in ("STARTTLS", "ENHANCEDSTATUSCODES"):
                session.secure()
                assert session.login(name, password).startswith("235")
            assert extension == "AUTH" or SMTP_USES[extension](session), extension
    assert offered <= table("smtp/extensions.c")
    assert port != "submissions" or offered | {"STARTTLS"} == table("smtp/extensions.c")


# ---- POP3 ----

def test_pop3(server, account):
    name, password = server.name(account), server.password(account)
    of_table = {line.split()[0] for line in table("pop3/cmd_capa.c")}
    with Pop3(server.address, server.ports["pop3"]) as session:
        offered = {line.split()[0] for line in session.capabilities()}
        assert "STLS" in offered and not {"USER", "SASL"} & offered
        assert session.say(f"USER {name}").startswith("-ERR") and session.say("AUTH PLAIN").startswith("-ERR")
        session.ok("STLS")
        session.start_tls()
        secure = {line.split()[0] for line in session.capabilities()}
        assert secure | {"STLS"} == of_table and "STLS" not in secure
        assert session.say("STLS").startswith("-ERR")
        session.ok("AUTH PLAIN " + b64(f"\0{name}\0{password}"))
        inside = {line.split()[0] for line in session.capabilities()}
        assert inside <= of_table
        session.send("TOP 1 0\r\nUIDL\r\nNOOP\r\n")  # PIPELINING
        for _ in range(2):
            assert session.line().startswith("+OK")
            session.lines()
        assert session.line().startswith("+OK")
    with Pop3(server.address, server.ports["pop3s"], tls=True) as session:
        session.ok(f"USER {name}")
        assert session.say("PASS wrong").startswith("-ERR [AUTH]")  # RESP-CODES, AUTH-RESP-CODE
        session.ok(f"USER {name}")
        session.ok(f"PASS {password}")
