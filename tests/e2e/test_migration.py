"""Mail that comes from elsewhere, in the forms that other programs keep it in: nothing is lost, made two, or seen by nobody."""
import gzip
import imaplib
import shutil
import subprocess

import pytest

from pombal import PASSWORDS, Pombal, tls_context

PASSWORDS["mover"] = "a good long password"


@pytest.fixture(scope="module")
def server():
    with Pombal() as server:
        yield server


@pytest.fixture
def person(server, request):
    return Person(server, f"p{abs(hash(request.node.name)) % 10**8}@example.test")


class Person:
    def __init__(self, server, address):
        self.server, self.address = server, address
        server.add_account(address, PASSWORDS["mover"])

    def bring(self, path, *options, status=0):
        return self.server.run("import", self.address, path, *options, status=status)

    def session(self):
        session = imaplib.IMAP4(self.server.address, self.server.ports["imap"])
        session.starttls(tls_context())
        session.login(self.address, PASSWORDS["mover"])
        return session

    def letters(self, mailbox):
        """(subject, flags without \\Recent) of each."""
        session = self.session()
        count = int(session.select(f'"{mailbox}"', readonly=True)[1][0])
        found = []
        for number in range(1, count + 1):
            data = session.fetch(str(number), "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
            flags = imaplib.ParseFlags(data[0][0]) or imaplib.ParseFlags(data[-1] if isinstance(data[-1], bytes) else b"")
            found.append((data[0][1].decode().partition(":")[2].strip(), {flag.decode() for flag in flags} - {"\\Recent"}))
        session.logout()
        return found

    def text(self, mailbox, number, what="BODY.PEEK[]"):
        session = self.session()
        session.select(f'"{mailbox}"', readonly=True)
        data = session.fetch(str(number), f"({what})")[1]
        session.logout()
        return data[0][1] if isinstance(data[0], tuple) else data[0]

    def mailboxes(self):
        session = self.session()
        names = {line.decode().rpartition(' "/" ')[2].strip('"') for line in session.list()[1]}
        session.logout()
        return names


def letter(subject, *fields, body="Text.\n"):
    return f"From: a@remote.test\nSubject: {subject}\n" + "".join(f"{field}\n" for field in fields) + f"\n{body}"


def maildir(path, **folders):
    for name, files in folders.items():
        folder = path if name == "INBOX" else path / name
        for sub in ("cur", "new", "tmp"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / "cur" / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# ---- mbox ----

def test_a_line_of_a_letter_that_begins_with_from(person, tmp_path):
    box = tmp_path / "box"
    box.write_text("From ann@remote.test Mon Nov  2 10:00:00 2026\n" + letter("fence", body="We spoke.\n\nFrom memory, Tuesday.\nFrom now on I write.\n\nAnn\n"))
    assert "1 messages added" in person.bring(box).stdout
    assert b"\r\n\r\nFrom memory, Tuesday.\r\nFrom now on I write.\r\n\r\nAnn\r\n" in person.text("INBOX", 1)
    assert b'" 2-Nov-2026 10:00:00 +0000"' in person.text("INBOX", 1, "INTERNALDATE")


def test_uw_imap(person, tmp_path):
    box = tmp_path / "box"
    box.write_text("From MAILER-DAEMON Mon Nov  2 09:00:00 2026\n"
                   + letter("DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA", "X-IMAP: 1793606400 0000000003 Important", "Status: RO", body="Not a letter.\n\n")
                   + "From a@remote.test Mon Nov  2 10:00:00 2026\n"
                   + letter("one", "Status: RO", "X-Status: F", "X-Keywords: Important", "X-UID: 1", body="one\n")
                   + "From b@remote.test Mon Nov  2 10:05 2026\n"  # no empty line before it, no seconds
                   + letter("two", "Status: O", "X-Status: ", "X-Keywords:", "X-UID: 2", body="two\n"))
    assert "2 messages added" in person.bring(box).stdout
    assert person.letters("INBOX") == [("one", {"\\Seen", "\\Flagged", "Important"}), ("two", set())]
    assert b"Status" not in person.text("INBOX", 1) and b"X-UID" not in person.text("INBOX", 1)


def test_google_takeout(person, tmp_path):
    box = tmp_path / "All mail.mbox"
    box.write_text("From 1790000000000000000@xxx Mon Nov 02 10:00:00 +0000 2026\nX-GM-THRID: 1\nX-Gmail-Labels: =?UTF-8?Q?Gesendet,Ge=C3=B6ffnet?=\n"
                   + letter("sent", "Return-Path:\n <incoming+x@remote.test>", body="x\n>From quoted\n>>From twice\n\n")
                   + 'From 2@xxx Mon Nov 02 10:00:00 +0130 2026\nX-Gmail-Labels: Inbox,Unread,Starred,"Work, at home"\n' + letter("in")
                   + "\nFrom 3@xxx Mon Nov 02 10:00:00 +0000 2026\nX-Gmail-Labels: =?UTF-8?B?0JrQvtGA0LfQuNC90LA=?=\n" + letter("gone")
                   + "\nFrom 4@xxx Mon Nov 02 10:00:00 +0000 2026\nX-Gmail-Labels: Opened\n" + letter("archived"))
    assert "4 messages added" in person.bring(box).stdout
    assert person.letters("Sent") == [("sent", {"\\Seen"})]
    assert person.text("Sent", 1).endswith(b"x\r\nFrom quoted\r\n>From twice\r\n") and b"Gmail" not in person.text("Sent", 1)
    assert b'" 2-Nov-2026 10:00:00 +0000"' in person.text("Sent", 1, "INTERNALDATE")
    assert person.letters("INBOX") == [("in", {"\\Flagged", "Work,_at_home"})]
    assert b'" 2-Nov-2026 08:30:00 +0000"' in person.text("INBOX", 1, "INTERNALDATE")
    assert person.letters("Trash") == [("gone", {"\\Seen"})] and person.letters("Archive") == [("archived", {"\\Seen"})]
    assert "0 messages added, 4 were there already" in person.bring(box).stdout


def test_separators_without_a_date(person, tmp_path):
    box = tmp_path / "box"
    received = "Received: from x by y; Tue, 3 Nov 2026 12:00:00 +0100"
    box.write_text("From nobody\n" + letter("one", received, "Date: Mon, 2 Nov 2026 10:00:00 +0000", body="From here:\non it goes.\n")
                   + "\nFrom nobody\n" + letter("two", "Date: Mon, 2 Nov 2026 10:00:00 +0000"))
    assert "2 messages added" in person.bring(box).stdout
    assert b'" 3-Nov-2026 11:00:00 +0000"' in person.text("INBOX", 1, "INTERNALDATE")
    assert b'" 2-Nov-2026 10:00:00 +0000"' in person.text("INBOX", 2, "INTERNALDATE")


def test_content_length_and_mmdf(person, tmp_path):
    body = "One.\n\nFrom x@remote.test Mon Nov  2 10:00:00 2026\nnot another letter\n"
    (tmp_path / "cl").write_text("From a@remote.test Mon Nov  2 10:00:00 2026\n" + letter("long", f"Content-Length: {len(body)}", body=body)
                                 + "\nFrom a@remote.test Mon Nov  2 10:00:00 2026\n" + letter("next", "Content-Length: 99999"))
    assert "2 messages added" in person.bring(tmp_path / "cl").stdout
    assert [subject for subject, _ in person.letters("INBOX")] == ["long", "next"]
    (tmp_path / "mmdf").write_text("\1\1\1\1\n" + letter("three") + "\1\1\1\1\n\1\1\1\1\n" + letter("four") + "\1\1\1\1\n")
    assert "2 messages added" in person.bring(tmp_path / "mmdf", "--mailbox", "Other").stdout
    assert [subject for subject, _ in person.letters("Other")] == ["three", "four"]


def test_a_thunderbird_profile(person, tmp_path):
    """A tree of mbox files with indexes beside them; flags in fields of its own; what was removed isn't brought back."""
    mail = tmp_path / "Local Folders"
    (mail / "Arbeit.sbd").mkdir(parents=True)
    dated = "From - Mon Nov  2 10:00:00 2026\n"
    (mail / "Inbox").write_text(dated + letter("read", "X-Mozilla-Status: 0005", "X-Mozilla-Status2: 00000000", "X-Mozilla-Keys: $label1    ")
                                + "\n" + dated + letter("removed", "X-Mozilla-Status: 0009"))
    (mail / "Inbox.msf").write_bytes(b"// <!-- <mdb:mork:z v=\"1.4\"/> -->\n")
    (mail / "Arbeit").write_bytes(b"")
    (mail / "Arbeit.sbd" / "Entwürfe 2026").write_text(dated + letter("draft"))
    (mail / "notes.txt").write_text("no mail at all\n")
    done = person.bring(mail)
    assert "2 messages added" in done.stdout and "1 left" in done.stdout and "notes.txt: no mbox: left" in done.stderr
    assert person.letters("INBOX") == [("read", {"\\Seen", "\\Flagged", "$label1"})]
    assert person.letters("Arbeit/Entw&APw-rfe 2026") == [("draft", set())]
    assert b"X-Mozilla" not in person.text("INBOX", 1)


# ---- Maildir ----

def test_what_is_no_mail_is_named_and_left(person, tmp_path):
    source = maildir(tmp_path / "old", INBOX={"1.x:2,S": letter("real"), "2.x:2,": b"\x00\x01\x02 garbage", "3.x:2,": b"",
                                              "4.x:2,S": gzip.compress(letter("packed").encode()), "5.x:2,": b"BZh91AY&SY", "6.x:2,": letter("nul", body="a\0b\n")})
    done = person.bring(source, status=1)  # what can't be unpacked is a failure: it may be mail
    assert "3 messages added" in done.stdout and "2 left" in done.stdout
    assert "2.x:2,: no mail" in done.stderr and "3.x:2,: empty" in done.stderr and "packed with bzip2" in done.stderr
    assert [subject for subject, _ in person.letters("INBOX")] == ["real", "packed", "nul"]
    assert person.text("INBOX", 3).endswith(b"a\x80b\r\n")


def test_zstd(person, tmp_path):
    zstd = shutil.which("zstd")
    packed = subprocess.run([zstd, "-q"], input=letter("packed").encode(), stdout=subprocess.PIPE, check=True).stdout
    assert "1 messages added" in person.bring(maildir(tmp_path / "old", INBOX={"1.x:2,S": packed})).stdout
    assert person.letters("INBOX") == [("packed", {"\\Seen"})]


def test_a_second_import_brings_flags_and_moves(person, tmp_path):
    source = maildir(tmp_path / "old", INBOX={"1.x:2,": letter("read there"), "2.x:2,S": letter("flagged here"), "3.x:2,S": letter("moved there")},
                     **{".Projects": {"4.x:2,S": letter("stays")}})
    assert "4 messages added" in person.bring(source).stdout
    session = person.session()
    session.select("INBOX")
    session.store("2", "+FLAGS", "(\\Flagged)")
    session.store("3", "+FLAGS", "(mine)")
    session.logout()
    (source / "cur/1.x:2,").rename(source / "cur/1.x:2,RS")
    (source / "cur/2.x:2,S").rename(source / "cur/2.x:2,")
    (source / "cur/3.x:2,S").rename(source / ".Projects/cur/3.x:2,FS")
    done = person.bring(source).stdout
    assert "0 messages added, 3 were there already, 2 have other flags now, 1 moved" in done
    assert person.letters("INBOX") == [("read there", {"\\Seen", "\\Answered"}), ("flagged here", {"\\Flagged"})]
    assert person.letters("Projects") == [("stays", {"\\Seen"}), ("moved there", {"\\Seen", "\\Flagged", "mine"})]
    assert "0 messages added, 4 were there already\n" in person.bring(source).stdout


def test_names_are_mapped(person, tmp_path):
    source = maildir(tmp_path / "old", INBOX={}, **{".&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-": {"1.x:2,S": letter("sent")}, ".Deleted Items": {"2.x:2,S": letter("gone")},
                                                   ".Privat": {"3.x:2,S": letter("private")}, ".a..b": {"4.x:2,S": letter("odd")}, ".caf\udce9": {"5.x:2,S": letter("latin")}})
    person.bring(source, "--map", "Privat=Family/Letters", "--map", "Nothing=Nowhere")
    assert person.letters("Sent") == [("sent", {"\\Seen"})] and person.letters("Trash") == [("gone", {"\\Seen"})]
    assert person.letters("Family/Letters") == [("private", {"\\Seen"})]
    assert person.letters("a/_/b") == [("odd", {"\\Seen"})] and person.letters("caf&AOk-") == [("latin", {"\\Seen"})]


def test_the_use_of_a_mailbox(person, tmp_path):
    session = person.session()
    session.create("Versendet")
    person.server.run("account", "use", person.address, "Versendet", "sent")
    listed = person.server.run("account", "use", person.address).stdout
    assert "Sent           0  Versendet\n" in listed and "none           0  Sent\n" in listed
    assert any(b"\\Sent" in line and b"Versendet" in line for line in session.list()[1])
    session.logout()
    person.server.run("account", "use", person.address, "Versendet", "nonsense", status=1)
    person.server.run("account", "use", person.address, "Nowhere", "Sent", status=1)
    person.bring(maildir(tmp_path / "old", INBOX={}, **{".Gesendet": {"1.x:2,S": letter("sent")}}))
    assert person.letters("Versendet") == [("sent", {"\\Seen"})]


# ---- Export ----

@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_export_loses_no_mailbox_and_is_read_again(person, server, tmp_path, kind):
    names = ["a.b", "a_b", "a/b", "x" * 300, "y" * 300 + "1", "y" * 300 + "2", "Письма", "&quot"]
    session = person.session()
    for name in names:
        quoted = '"' + name.replace("&", "&-").replace("Письма", "&BB8EOARBBEwEPAQw-") + '"'
        assert session.create(quoted)[0] == "OK"
        assert session.append(quoted, "(\\Seen)", None, letter(name[:20] + name[-1:]).replace("\n", "\r\n").encode())[0] == "OK"
    session.logout()
    before = person.mailboxes()
    assert f"{len(names)} messages written" in server.run("export", person.address, tmp_path / "out", "--format", kind).stdout
    again = Person(server, "again-" + person.address)
    assert f"{len(names)} messages added" in again.bring(tmp_path / "out").stdout
    assert {name for name in again.mailboxes() if len(name) < 100} == {name for name in before if len(name) < 100}


def test_export_names_what_it_can_not_write(person, server, tmp_path):
    session = person.session()
    session.create("Work")
    for mailbox in ("INBOX", "Work"):
        session.append(mailbox, None, None, letter("in " + mailbox).replace("\n", "\r\n").encode())
    session.logout()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cur").write_text("in the way")
    done = server.run("export", person.address, tmp_path / "out", status=1)
    assert "INBOX" in done.stderr and "1 messages written" in done.stdout
    assert len(list((tmp_path / "out/.Work/cur").iterdir())) == 1
