"""Header fields out of what is kept beside each message (src/message/excerpt.h): the same bytes as from its file, however it came, however
odd it is, and whether they were kept when it came or when somebody asked."""
import contextlib
import itertools
import mailbox
import pathlib
import re
import sqlite3

import pytest

import letters
from jmap import Jmap
from pombal import PASSWORDS, Pombal
from wire import Imap

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNKNOWN = "X-No-Excerpt-Has-This"  # whoever asks for it is answered from the file
THUNDERBIRD = ("From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To Received")
MUTT = ("DATE FROM SENDER SUBJECT TO CC MESSAGE-ID REFERENCES CONTENT-TYPE CONTENT-DESCRIPTION IN-REPLY-TO REPLY-TO LINES LIST-POST LIST-SUBSCRIBE "
        "LIST-UNSUBSCRIBE X-LABEL X-ORIGINAL-TO")
APPLE = ("date subject from to cc message-id in-reply-to references content-type x-priority x-uniform-type-identifier "
         "x-universally-unique-identifier list-id list-unsubscribe bimi-indicator bimi-location x-bimi-indicator-hash authentication-results "
         "dkim-signature")
EVOLUTION = ("DATE FROM TO CC SUBJECT REFERENCES IN-REPLY-TO MESSAGE-ID MIME-VERSION CONTENT-TYPE CONTENT-CLASS X-CALENDAR-ATTACHMENT "
             "X-MAILING-LIST X-LOOP LIST-ID LIST-POST MAILING-LIST ORIGINATOR X-LIST SENDER RETURN-PATH X-BEENTHERE")
SHORT = ["FROM SUBJECT DATE", "subject", "Cc", "received", "References To", THUNDERBIRD, MUTT, EVOLUTION]
LISTS = SHORT + [APPLE, "Authentication-Results", "dkim-signature from"]

ODD = [
    b"Subject: one\r\nSubject: two\r\nFrom: a@x.example\r\nsubject: three\r\n\r\nbody\r\nSubject: of the body\r\n",
    b"SUBJECT:folded\r\n into\r\n\tmany\r\n  \r\n lines\r\nTo: b@x.example\r\n\r\n",
    b"Subject:\r\nFrom: \r\nTo :c@x.example\r\nCc\t : d@x.example\r\n\r\n",
    "Subject: Съешь ещё\r\nFrom: Jörg <j@x.example>\r\n\r\n".encode(),
    b"Subject: \xe4\xf6\xfc \xff\xfe\r\nX-\xe4: \xe4\r\n\r\n",
    b"Subject: header alone\r\n\r\n",
    b"Subject: header without its end",
    b"Subject: header without its empty line\r\n",
    b"X-Only: others\r\n\r\nbody",
    b"\r\nSubject: this is the body\r\n",
    b" Subject: begins with a blank\r\nSubject: two\r\n\r\n",
    b">From a@x.example Mon Nov  2 10:00:00 2026\r\nSubject: behind a separator\r\n\r\n",
    b"Subject: then a line that is no field\r\nnone\r\nFrom: the body\r\n",
    b"Subject" + b" " * 1500 + b": the colon is far away\r\nTo: e@x.example\r\n\r\n",
    b"Subject: " + b"x" * 900 + b"\r\n " + b"y" * 900 + b"\r\nDate: late\r\n\r\n",
    b"References:" + b"".join(b"\r\n <%d@x.example>" % n for n in range(500)) + b"\r\nSubject: many references\r\n\r\n",
    b"To:" + b",\r\n ".join(b" p%d@x.example" % n for n in range(2000)) + b"\r\nSubject: many people\r\n\r\n",
    b"".join(b"Received: from h%d\r\n\tby x.example\r\n" % n for n in range(60)) + b"Subject: far travelled\r\n\r\n",
    b"X-Large:" + b"\r\n x" * 30000 + b"\r\nSubject: behind a large field\r\n\r\n",
    b"Authentication-Results: x.example;\r\n\tspf=pass\r\nDKIM-Signature: v=1; b=" + b"A" * 300 + b"\r\n\tA==\r\nFrom: f@x.example\r\nSubject: signed\r\n\r\n",
    b"DKIM-Signature: v=1; b=" + b"\r\n AAAA" * 3000 + b"\r\nSubject: signed at length\r\nFrom: f@x.example\r\n\r\n",
    b"List-Id: <l.x.example>\r\nList-Post: <mailto:l@x.example>\r\nSubject: [l]\r\nX-Priority: 1\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n",
    b"Subject: A\nFrom: bare@lf.example\n\nbody\n",
]


class Reader(Imap):
    def __init__(self, server, account, mailbox="INBOX"):
        super().__init__(server.address, server.ports["imaps"], tls=True)
        self.ok(f'LOGIN {server.name(account)} "{server.password(account)}"')
        self.ok(f"SELECT {mailbox}")

    def append(self, message, mailbox="INBOX"):
        self.send(f"x APPEND {mailbox} {{{len(message)}+}}\r\n".encode() + message + b"\r\n")
        answer, _ = self.until("x")
        assert answer.startswith("OK"), answer

    def fetch(self, items, messages="1:*"):
        """{number: the literal} of an item that has one."""
        self.count += 1
        tag, found = f"a{self.count}", {}
        self.send(f"{tag} FETCH {messages} ({items})\r\n")
        while not (line := self.line()).startswith(tag + " "):
            if size := re.search(r"\{(\d+)\}$", line):
                found[int(line.split()[1])] = self.read(int(size[1]))
                assert self.line().endswith(")")
        assert line.startswith(f"{tag} OK"), line
        return found

    def fields(self, names, messages="1:*", partial="", kind="HEADER.FIELDS"):
        return self.fetch(f"BODY.PEEK[{kind} ({names})]{partial}", messages)


def subset(header, names, inverted=False):
    """What RFC 3501 §6.4.5 wants of a header: the fields of these names, as they stand, and the empty line."""
    wanted, out, taking = {name.lower().encode() for name in names.split()}, b"", False
    for at, line in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", header)):
        if line in (b"\r\n", b"\n"):
            break
        if at == 0 or line[:1] not in (b" ", b"\t"):
            named = re.match(rb"([!-9;-~]+)[ \t]*:", line[:1024])
            taking = bool(named) and (named[1].lower() in wanted) != inverted
        out += line if taking else b""
    return out + (b"\r\n" if not out or out.endswith(b"\n") else b"\r\n\r\n")


@contextlib.contextmanager
def files_away(server, account):
    """No message can be read from its file."""
    folder = server.data / "accounts" / "example.test" / account
    (folder / "mail").rename(folder / "elsewhere")
    try:
        yield
    finally:
        (folder / "elsewhere").rename(folder / "mail")


@contextlib.contextmanager
def database(server, account):
    found = sqlite3.connect(server.data / "accounts" / "example.test" / account / "account.db", timeout=60)
    try:
        yield found
        found.commit()
    finally:
        found.close()


def count(server, account, table):
    with database(server, account) as found:
        return found.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@pytest.fixture(scope="module")
def odd():
    """A server whose Anna has every odd message, and what the tests of parsers have."""
    with Pombal() as server:
        with Reader(server, "anna") as reader:
            for message in ODD:
                reader.append(message)
            for path in sorted((ROOT / "src/message/corpus").glob("*_fuzz/*")):
                if path.parent.name in ("header_fuzz", "mime_fuzz", "excerpt_fuzz", "downgrade_fuzz") and (content := path.read_bytes().replace(b"\0", b"0")):
                    reader.append(content)
        yield server


@pytest.mark.parametrize("names", LISTS)
def test_the_bytes_are_those_of_the_file(odd, names):
    with Reader(odd, "anna") as reader:
        headers = reader.fetch("BODY.PEEK[HEADER]")
        from_file = reader.fields(f"{names} {UNKNOWN}")
        assert len(headers) >= len(ODD) and from_file == {number: subset(header, names) for number, header in headers.items()}
        assert reader.fields(names) == from_file
        assert reader.fields(names) == from_file  # where the first has kept some
        assert reader.fields(names.swapcase()) == from_file
        inverted = reader.fields(names, kind="HEADER.FIELDS.NOT")
        assert inverted == {number: subset(header, names, inverted=True) for number, header in headers.items()}


@pytest.mark.parametrize("names", ["SUBJECT FROM", "To", APPLE])
def test_parts_of_the_answer(odd, names):
    with Reader(odd, "anna") as reader:
        whole = reader.fields(names)
        for first, most in itertools.product((0, 1, 7, 100, 100000), (1, 9, 5000)):
            parts = {number: content[first:first + most] for number, content in whole.items()}
            assert reader.fields(names, partial=f"<{first}.{most}>") == parts


def test_what_was_not_kept_is_kept_when_it_is_asked_for(odd):
    with Reader(odd, "anna") as reader:
        expected = {names: reader.fields(f"{names} {UNKNOWN}") for names in LISTS}
        total = len(expected[LISTS[0]])
        assert count(odd, "anna", "excerpt") == total
        with database(odd, "anna") as found:
            found.execute("DELETE FROM excerpt WHERE message % 2 = 0")
            found.execute("UPDATE excerpt SET text = X'00' || substr(text, 2)")  # as if another version had made it
            found.execute("DELETE FROM long_excerpt")
        for names, times in itertools.product(SHORT, range(2)):
            assert reader.fields(names) == expected[names]
        assert count(odd, "anna", "excerpt") == total and count(odd, "anna", "long_excerpt") == 0
        for _ in range(2):
            assert reader.fields(APPLE) == expected[APPLE]
        assert count(odd, "anna", "long_excerpt") == total
    assert "0 problems" in odd.run("fsck", "anna@example.test").stdout


def test_together_with_all_else(odd):
    """What else is asked for in the same command is as without."""
    with Reader(odd, "anna") as reader:
        numbers = sorted(reader.fields("Subject"))
        for number in numbers:
            expected = reader.fields(f"Subject {UNKNOWN}", number)[number].decode("utf-8", "surrogateescape")
            reader.send(f"y FETCH {number} (BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (Subject)] RFC822.SIZE BODY.PEEK[]<0.5> ENVELOPE BODY.PEEK[HEADER.FIELDS (Subject)]<0.3>)\r\n")
            lines = []
            while not (line := reader.line()).startswith("y "):
                if size := re.search(r"\{(\d+)\}$", line):
                    line += "\r\n" + reader.read(int(size[1])).decode("utf-8", "surrogateescape")
                lines.append(line)
            assert line.startswith("y OK"), line
            answer = "".join(lines)
            assert f"BODY[HEADER.FIELDS (Subject)] {{{len(expected.encode('utf-8', 'surrogateescape'))}}}\r\n{expected} RFC822.SIZE" in answer
            assert "BODYSTRUCTURE (" in answer and "BODY[]<0> " in answer and " ENVELOPE (" in answer and "BODY[HEADER.FIELDS (Subject)]<0> {" in answer


@pytest.fixture(scope="module")
def arrived():
    """A server whose Boris has a message by each way: {way: (mailbox, token)}."""
    with Pombal() as server:
        tokens = {way: letters.token() for way in ("smtp", "append", "copy", "move", "import", "jmap", "jmap import")}
        for way in ("smtp", "copy", "move"):
            server.deliver(letters.simple(tokens[way], "boris@example.test", more="X-Other: 1\r\nList-Id: <a.example>\r\n folded\r\n"), server.name("boris"))
            server.wait_mail(tokens[way], "boris")
        box = mailbox.mbox(server.folder / "box")
        box.add(letters.simple(tokens["import"], more="References: <a@x>\r\n\t<b@x>\r\n"))
        box.close()
        server.run("import", server.name("boris"), server.folder / "box")
        jmap = Jmap(server, "boris")
        inbox = jmap.mailbox("inbox")
        jmap.make({"mailboxIds": {inbox: True}, "subject": tokens["jmap"], "from": [{"name": "Bö", "email": "b@x.example"}],
                   "bodyValues": {"t": {"value": "text"}}, "textBody": [{"partId": "t", "type": "text/plain"}]})
        jmap.add(letters.simple(tokens["jmap import"]), [inbox])
        with Reader(server, "boris") as reader:
            reader.append(letters.simple(tokens["append"]))
            for way, verb in (("copy", "COPY"), ("move", "MOVE")):
                number = reader.ok(f"SEARCH SUBJECT {tokens[way]}")[0].split()[-1]
                reader.ok(f"{verb} {number} Archive")
        yield server, {way: ("Archive" if way in ("copy", "move") else "INBOX", token) for way, token in tokens.items()}


@pytest.mark.parametrize("way", ["smtp", "append", "copy", "move", "import", "jmap", "jmap import"])
def test_every_way_in_keeps_what_lists_show(arrived, way):
    server, ways = arrived
    box, token = ways[way]
    with Reader(server, "boris", box) as reader:
        number = int(reader.ok(f"SEARCH SUBJECT {token}")[0].split()[-1])
        expected = {names: reader.fields(f"{names} {UNKNOWN}", number)[number] for names in SHORT}
        assert token.encode() in expected["subject"]
        with files_away(server, "boris"):
            assert {names: reader.fields(names, number)[number] for names in SHORT} == expected


def test_nothing_is_wrong_after_all(arrived):
    assert "0 problems" in arrived[0].run("fsck", "boris@example.test").stdout


def test_an_expunged_message_is_not_told_of(server, token):
    PASSWORDS[token] = "a word of its own"
    server.add_account(server.name(token), PASSWORDS[token])
    with Reader(server, token) as one, Reader(server, token) as other:
        for subject in "abc":
            one.append(letters.simple(subject))
        other.ok("NOOP")
        one.ok("NOOP")
        one.ok("STORE 2 +FLAGS (\\Deleted)")
        one.ok("EXPUNGE")
        assert sorted(other.fields("Subject")) == [1, 3]


def test_who_has_seen_nothing_needs_no_log(server, token):
    """A client has opened a mailbox and asked nothing; then more was expunged than the log tells (RFC 3501 §7.4.1: the numbers stay until it
    can be told)."""
    PASSWORDS[token] = "a word of its own"
    server.add_account(server.name(token), PASSWORDS[token])
    with Reader(server, token) as one:
        for number in range(6):
            one.append(letters.simple(f"s{number}"))
        one.ok("NOOP")
        with Reader(server, token) as other:
            one.ok("STORE 1,3 +FLAGS (\\Deleted)")
            one.ok("EXPUNGE")
            one.append(letters.simple("s6"))
            with database(server, token) as found:
                found.execute("DELETE FROM expunged")
                found.execute("UPDATE mailbox SET log_floor = (SELECT modseq FROM account)")
            answer, lines = other.command("UID SEARCH ALL")
            assert answer.startswith("OK") and lines[0] == "* SEARCH 2 4 5 6", (answer, lines)
            assert sorted(line for line in lines if line.endswith("EXPUNGE")) and any(line.endswith("EXISTS") for line in lines), lines
            fetched = other.fields("Subject")
            assert [fetched[number] for number in sorted(fetched)] == [b"Subject: s%d\r\n\r\n" % number for number in (1, 3, 4, 5, 6)]
            assert sorted(fetched) == [1, 2, 3, 4, 5]
