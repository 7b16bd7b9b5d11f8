"""Clients of IMAP and POP3 made to hurt: before signing in, and against the mailbox that is theirs."""
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import letters
from pombal import Pombal
from wire import Imap, Pop3, Wire

PASSWORD = "one-time-word-5"


@pytest.fixture(scope="module")
def own_account(server):
    """An account that only these tests read."""
    import pombal
    name = letters.token()
    pombal.PASSWORDS[name] = PASSWORD
    server.add_account(server.name(name), PASSWORD)
    return name


@pytest.fixture
def box(server, own_account, token):
    """A mailbox of the test's own."""
    with signed_in(server, own_account) as imap:
        imap.ok(f"CREATE {token}")
    return token


def signed_in(server, account, mailbox=None):
    imap = Imap(server.address, server.ports["imaps"], tls=True)
    imap.ok(f"LOGIN {server.name(account)} {PASSWORD}")
    if mailbox:
        imap.ok(f"SELECT {mailbox}")
    return imap


# ---- Before signing in ----

FLOODS = {
    "a literal of four gigabytes": b"a LOGIN {4294967295+}\r\n" + b"x" * 1000000,
    "many literals": b"a LOGIN " + b"{1000+}\r\n" + (b"x" * 1000 + b" {1000+}\r\n") * 1000,
    "small literals without end": b"a ID (" + b"{1+}\r\nx " * 100000,
    "an endless line": b"a LOGIN " + b"x" * 2000000,
    "an endless quoted string": b'a LOGIN "' + b"\\\\" * 1000000,
    "an endless tag": b"a" * 2000000,
    "commands without sense": b"a FROBNICATE (((\r\n" * 50000,
    "an endless SASL answer": b"a AUTHENTICATE PLAIN\r\n" + b"QUFB" * 500000,
    "an endless first SASL answer": b"a AUTHENTICATE PLAIN " + b"QUFB" * 500000,
}


@pytest.mark.parametrize("name", FLOODS)
def test_imap_floods_before_signing_in(server, own_account, name):
    with Wire(server.address, server.ports["imaps"], tls=True) as imap:
        imap.line()
        try:
            imap.send(FLOODS[name])
        except OSError:
            pass # it has hung up in the middle
        imap.socket.settimeout(20)
        answer = imap.rest()
        assert b"* BYE" in answer or answer == b"", answer[-500:]
    signed_in(server, own_account).close()


POP3_FLOODS = {
    "an endless line": b"x" * 2000000,
    "names without end": b"USER a\r\n" * 50000,
    "an endless SASL answer": b"AUTH PLAIN\r\n" + b"QUFB" * 500000,
    "commands without sense": b"FOO\r\n" * 50000,
    "NUL": b"\0" * 100000 + b"\r\n",
}


@pytest.mark.parametrize("name", POP3_FLOODS)
def test_pop3_floods_before_signing_in(server, own_account, name):
    flood = POP3_FLOODS[name]
    with Wire(server.address, server.ports["pop3s"], tls=True) as pop3:
        pop3.line()
        try:
            pop3.send(flood)
            pop3.send(b"\r\nQUIT\r\n")
        except OSError:
            pass
        pop3.socket.settimeout(20)
        assert b"-ERR" in pop3.rest() or flood.startswith(b"USER")
    server.pop3(own_account).quit()


def trickle(server, port, text):
    """Sends a byte now and then until it is hung up on; how long that took."""
    start = time.monotonic()
    with Wire(server.address, server.ports[port]) as wire:
        try:
            for byte in text:
                wire.send(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            pass
        assert wire.is_closed() or wire.is_closed()
    return time.monotonic() - start


def test_slow_clients_must_sign_in_in_time():
    """One byte at a time, by hundreds, is no way to stay (ATTACKS: slow sessions)."""
    with Pombal(options={"login_time": "3s"}, accounts=[]) as own:
        with ThreadPoolExecutor(100) as pool:
            jobs = [pool.submit(trickle, own, port, b"a" * 600) for port in ("imap", "pop3") for _ in range(50)]
            time.sleep(1)
            with Imap(own.address, own.ports["imap"]) as imap:
                imap.ok("NOOP")
            for job in jobs:
                assert job.result() < 45


def guess(own, protocol, name):
    """A wrong password; gives the answer and how long it took."""
    start = time.monotonic()
    if protocol == "imap":
        with Imap(own.address, own.ports["imaps"], tls=True) as imap:
            answer = imap.command(f"LOGIN {name} wrong")[0]
    else:
        with Pop3(own.address, own.ports["pop3s"], tls=True) as pop3:
            pop3.ok(f"USER {name}")
            answer = pop3.say("PASS wrong")
    return answer, time.monotonic() - start


def test_guessing_is_slowed_down():
    with Pombal(options={"auth_failures": 4, "auth_delay_max": "3s"}) as own:
        # Whoever guesses can't tell an account from none ...
        for protocol, code in (("imap", "[AUTHENTICATIONFAILED]"), ("pop3", "[AUTH]")):
            known, unknown = guess(own, protocol, own.name("anna")), guess(own, protocol, own.name("nobody"))
            assert known[0] == unknown[0] and code in known[0], (known, unknown)
        # ... and soon waits.
        took = [guess(own, protocol, own.name("anna"))[1] for protocol in ("imap", "pop3", "imap", "pop3")]
        assert took[-1] > 1.5, took


# ---- Names ----

NAMES = [
    "../boris/INBOX", "..", ".", "a/../../boris", "/etc/passwd", "a//b", "a/", "//", "INBOX/../x", "~boris/INBOX", "user.boris", "#shared/x",
    "boris@example.test/INBOX", "&AAA-", "&ANg", "&2AA-", "&AOk-&AOk-", "&AAo-x", "%s%n", "-rf", "a\\\\b", "\\\"", "x" * 1001, "y/" * 40 + "y", "&-&-",
]


def test_no_name_leads_out_of_the_account(server, own_account):
    """Whatever a name is, commands with it end, others' mail stays away, and no file comes to be outside of the account."""
    folder = server.data / "accounts"
    before = {path.name for path in folder.parent.iterdir()}
    with signed_in(server, own_account) as imap:
        for name in NAMES:
            for command in (f'SELECT "{name}"', f'CREATE "{name}"', f'SUBSCRIBE "{name}"', f'LIST "" "{name}"', f'LSUB "" "{name}"', f'STATUS "{name}" (MESSAGES)',
                            f'APPEND "{name}" {{10+}}\r\nA: b\r\n\r\nxx', f'RENAME "{name}" Other', 'RENAME Other "x"', f'DELETE "{name}"', "DELETE x"):
                answer, untagged = imap.command(command)
                assert answer.startswith(("OK", "NO", "BAD")), (command, answer)
                assert all(re.match(r"\* (FLAGS|OK|0 EXISTS|0 RECENT|LIST|LSUB|STATUS .* 0\))", line) for line in untagged), (command, untagged)
            imap.ok("NOOP")
        assert all(".." not in line for line in imap.ok('LIST "" *'))
    assert {path.name for path in folder.parent.iterdir()} == before
    mail = folder / server.domain / own_account
    kept = {path.name for path in mail.iterdir() if not re.fullmatch(r"snapshot-\w+\.db(-wal|-shm|-journal|\.new)?", path.name)}  # whose time may have come
    assert kept <= {"account.db", "account.db-wal", "account.db-shm", "mail", "arrived"}, kept


# ---- One's own mailbox ----

def test_thousands_of_keywords_and_fields(server, own_account, box):
    """As many names as a session can bring: linear time, in keywords as in fields to FETCH."""
    with signed_in(server, own_account) as imap:
        imap.ok(f"APPEND {box} {{{len(letters.simple('x'))}+}}\r\n" + letters.simple("x").decode())
        imap.ok(f"SELECT {box}")
        start = time.monotonic()
        for first in range(0, 3000, 90):
            imap.ok(f"STORE 1 FLAGS ({' '.join(f'word{number}' for number in range(first, first + 90))})")
        assert imap.command(f"STORE 1 FLAGS ({' '.join(f'w{number}' for number in range(3000))})")[0].startswith("NO [LIMIT]")
        assert imap.command(f"STORE 1 +FLAGS ({'w' * 300})")[0].startswith("NO [LIMIT]")
        fields = " ".join(f"X{number}" for number in range(9000))
        assert imap.command(f"FETCH 1 BODY.PEEK[HEADER.FIELDS ({fields})]")[0].startswith(("OK", "BAD"))
        assert imap.command("FETCH 1 (" + " ".join(f"BODY.PEEK[]<{number}.1>" for number in range(2500)) + ")")[0].startswith(("OK", "BAD"))
        assert time.monotonic() - start < 30


HUGE = {
    "200,000 addresses": b"To: " + b",\r\n ".join(b'"N %d" <u%d@d.example>' % (i, i) for i in range(200000)),
    "a field of ten megabytes": b"To: " + b"(" * 10000000,
    "300,000 fields": b"".join(b"X-%d: y\r\n" % i for i in range(300000)) + b"Y: z",
    "300,000 destination fields": b"Cc: a@b.example\r\n" * 300000 + b"Y: z",
    "a million continuations": b"Content-Type: text/plain; " + b"".join(b"name*%d=x;" % i for i in range(1000000)),
    "a million folds": b"X-F:" + b"\r\n a" * 1000000,
    "a million encoded words": b"Comments: " + b"=?utf-8?q?a?= " * 500000,
    "a million delimiters": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\n" * 1000000,
    "ten megabytes of base64": b"Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUFB" * 2500000,
}


@pytest.fixture(scope="module")
def wide():
    """A server that takes headers of any size."""
    with Pombal(options={"max_header": 104857600}) as own:
        yield own


@pytest.mark.parametrize("name", HUGE)
def test_huge_letters_by_append(wide, token, name):
    """Where max_header allows it, huge headers come by APPEND: time and memory stay bounded."""
    letter = b"From: <a@b.example>\r\nSubject: huge\r\nMIME-Version: 1.0\r\n" + HUGE[name] + b"\r\n\r\nx\r\n"
    server, box = wide, token
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        imap.ok(f'LOGIN {server.name("anna")} "{server.password("anna")}"')
        imap.ok(f"CREATE {box}")
        start = time.monotonic()
        imap.ok(f"APPEND {box} {{{len(letter)}+}}\r\n" + letter.decode("latin-1"))
        imap.ok(f"SELECT {box}")
        for command in ("FETCH 1 (ENVELOPE BODYSTRUCTURE)", "FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]", "SEARCH OR TO nobody TEXT nothing-of-this",
                        "SEARCH HEADER X-F nothing"):
            imap.ok(command)
        assert time.monotonic() - start < 60
        session = server.imap(mailbox=box)
        assert session.fetch("1", "(BODY.PEEK[])")[1][0][1] == letter
        session.logout()


SEVERAL = {
    "several From": (b"From: <one@b.example>\r\nFrom: <two@b.example>\r\n", ["one"]),
    "a group in From": (b"From: Us: <one@b.example>, <two@b.example>;\r\n", ["Us", "one", "two"]),
    "comments in From": (b"From: (<no@x.example>) <one@b.example> (two@b.example)\r\n", ["one"]),
    "an address for a name": (b'From: "boss@bank.example" <one@b.example>\r\n', ["one"]),
    "an encoded @": (b"From: =?utf-8?q?boss=40bank.example?= <one@b.example>\r\n", ["one"]),
    "an encoded address alone": (b"From: =?utf-8?b?Ym9zc0BiYW5rLmV4YW1wbGU=?=\r\n", None),
    "a bare CR": (b"From: <one@b.example>\rFrom: <two@b.example>\r\n", None),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_whose_letter_it_is(server, own_account, box, name):
    """ENVELOPE and SEARCH see the same authors, and the answer stays IMAP."""
    field, authors = SEVERAL[name]
    letter = field + b"Subject: x\r\n\r\nx\r\n"
    with signed_in(server, own_account) as imap:
        imap.ok(f"APPEND {box} {{{len(letter)}+}}\r\n" + letter.decode("latin-1"))
        imap.ok(f"SELECT {box}")
        session = server.imap(own_account, mailbox=box)
        status, data = session.fetch("1", "(ENVELOPE)")
        assert status == "OK"
        envelope = b"".join(part if isinstance(part, bytes) else b" ".join(part) for part in data)
        session.logout()
        if authors is None:
            return
        found = re.search(rb'"x" \((\(.*?\))\) \(\(', envelope)[1].decode()
        assert re.findall(r'\((?:NIL|"[^"]*") NIL "([^"]*)" ', found) == authors, envelope
        for local in ("one", "two"):
            assert imap.ok(f"SEARCH FROM <{local}@b.example>") == ["* SEARCH 1" if local in authors else "* SEARCH"]


def test_news_do_not_gather_for_a_deaf_idle_client(server, own_account, box):
    """It waits for news and doesn't take them: it gets what had room on the way, and then how things stand in the end."""
    keywords = " ".join(f"{number}" + "k" * 90 for number in range(10))
    letter = letters.simple("x").decode()
    with signed_in(server, own_account) as other, signed_in(server, own_account) as deaf:
        for _ in range(5):
            other.ok(f"APPEND {box}" + f" {{{len(letter)}+}}\r\n{letter}" * 100)
        other.ok(f"SELECT {box}")
        deaf.ok(f"SELECT {box}")
        deaf.send("i IDLE\r\n")
        assert deaf.line().startswith("+")
        for number in range(100): # a letter's news are a kilobyte at every second time: 25 MB
            other.ok(f"STORE 1:* {'+-'[number % 2]}FLAGS.SILENT ({keywords})")
        other.ok("STORE 1 +FLAGS (\\Flagged)")
        deaf.send("DONE\r\n")
        size, end = 0, b""
        while b"i OK IDLE done\r\n" not in end:
            data = deaf.socket.recv(65536)
            assert data
            size += len(data)
            end = (end + data)[-1000000:]
        assert size < 20000000, size
        assert b"* 1 FETCH (UID 1 FLAGS (\\Flagged" in end
