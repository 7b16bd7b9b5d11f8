"""What is kept stays kept: quota, import and export, fsck."""
import mailbox
import os
import re
import signal
import smtplib
import sqlite3

import pytest

import letters
from pombal import Pombal, wait_for
from wire import Smtp


@pytest.fixture(scope="module")
def own():
    with Pombal() as server:
        yield server


def account(server, token, password="one-time-word-4"):
    import pombal
    pombal.PASSWORDS[token] = password
    server.add_account(server.name(token), password)
    return server.name(token)


def folder_of(server, address):
    """The account's folder, found by its name's parts."""
    local, domain = address.split("@")
    return server.data / "accounts" / domain / local


def mail_files(server, address):
    return sorted(folder_of(server, address).glob("mail/*/*.eml"))


# ---- What earlier versions left ----

def test_a_summary_of_an_earlier_version_is_made_anew(own, token):
    """BODYSTRUCTURE is what this version says of a message, however old the mailbox is; who reads it once has it right in the database."""
    name = account(own, token)
    own.deliver(letters.simple(token), token)
    own.deliver(letters.with_attachment(token + " two", 3000), token)
    own.wait_mail(token, token, count=2)
    session = own.imap(token, mailbox="INBOX")
    right = session.fetch("1:*", "(ENVELOPE BODYSTRUCTURE)")
    session.logout()
    own.stop()
    with sqlite3.connect(folder_of(own, name) / "account.db") as database:
        (first, one), (second, two) = database.execute("SELECT id, summary FROM message ORDER BY id").fetchall()
        assert one[0] == two[0] > 1 and one != two
        for id, other in ((first, two), (second, one)):  # says something else of the message, and that it is old
            database.execute("UPDATE message SET summary = ? WHERE id = ?", (bytes([one[0] - 1]) + other[1:], id))
    database.close()
    own.start()
    session = own.imap(token, mailbox="INBOX")
    assert session.fetch("1:*", "(ENVELOPE BODYSTRUCTURE)") == right
    session.logout()
    own.stop()
    assert "0 problems" in own.run("fsck").stdout
    with sqlite3.connect(folder_of(own, name) / "account.db") as database:
        assert database.execute("SELECT summary FROM message ORDER BY id").fetchall() == [(one,), (two,)]
    database.close()
    own.start()


# ---- Quota, disabled accounts ----

def test_quota(own, token):
    name = account(own, token)
    own.run("account", "set", name, "--quota", "20K")
    own.deliver(letters.simple(token + " small"), token)
    own.wait_mail(token + " small", token)
    session = own.imap(token, mailbox="INBOX")
    status, answer = session.append("INBOX", None, None, letters.with_attachment(token + " large", 30000))
    assert status == "NO" and b"OVERQUOTA" in answer[0], answer
    session.logout()
    # Who sends more than fits is told at once.
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        own.submit(letters.with_attachment(token + " returned", 30000, name, own.name("anna")), name)
    assert refused.value.recipients[name][0] == 552
    assert own.count_mail(token, token) == 1
    assert re.search(r"quota", own.run("account", "show", name).stdout, re.I)


def rcpt(server, *names, size=None):
    """What a stranger is told who wants to write to each of them."""
    with Smtp(server.address, server.ports["smtp"]) as session:
        session.expect("MAIL FROM:<a@b.example>" + (f" SIZE={size}" if size else ""), 250)
        return [session.say(f"RCPT TO:<{name}>")[:9] for name in names]


def test_full_mailboxes_are_known_at_rcpt(own, token):
    """Whoever filled or emptied it, and after everything was restarted; an address that leads to others, too, has room."""
    name, alias, both = account(own, token), f"{token}-alias@{own.domain}", f"{token}-both@{own.domain}"
    own.run("alias", "add", alias, name)
    own.run("alias", "add", both, name, own.name("boris"))
    everybody = (name, alias, f"{token}+detail@{own.domain}", both)
    own.run("account", "set", name, "--quota", "20K")
    assert rcpt(own, *everybody) == ["250 2.1.5"] * 4
    assert rcpt(own, name, alias, both, size=100000) == ["552 5.2.3", "552 5.2.3", "250 2.1.5"]
    # Too large for what is left, though nothing was announced: the sender is told at the end, and no report is made.
    own.deliver(letters.with_attachment(token + " half", 10000), token)
    own.wait_mail(token + " half", token)
    with Smtp(own.address, own.ports["smtp"]) as session:
        session.envelope("a@b.example", name)
        assert session.data(letters.simple(token + " late", body="x\r\n" * 4000)).startswith("452 4.2.2")
    assert rcpt(own, name, size=15000) == ["452 4.2.2"] and rcpt(own, name, size=1000) == ["250 2.1.5"]
    session = own.imap(token)
    assert session.append("INBOX", None, None, letters.with_attachment(token + " append", 3000))[0] == "OK"
    session.logout()
    own.run("account", "set", name, "--quota-messages", "2")
    full = ["452 4.2.2"] * 3 + ["250 2.1.5"]
    assert rcpt(own, *everybody) == full
    pid = own.role_of("auth")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: own.role_pids().get("auth", pid) != pid, "auth to be back")
    own.expected_noise.append(r"event=role\.ended name=auth")
    assert wait_for(lambda: rcpt(own, name) != ["451 4.3.0"] and rcpt(own, *everybody), "an answer") == full
    own.stop()
    own.start()
    assert rcpt(own, *everybody) == full
    session = own.pop3(token)
    session.dele(1)
    session.quit()
    assert rcpt(own, *everybody) == ["250 2.1.5"] * 4
    own.run("account", "set", name, "--quota", "1K")
    assert rcpt(own, *everybody) == full
    own.run("account", "set", name, "--quota", "0", "--quota-messages", "0")
    assert rcpt(own, *everybody) == ["250 2.1.5"] * 4


def test_nothing_queues_up_behind_a_full_mailbox(own, token):
    """Many who send at the same moment are told of the same room; it is given away once. An alias is full when all behind it are."""
    name, other = account(own, token), account(own, token + "-b")
    both = f"{token}-both@{own.domain}"
    own.run("alias", "add", both, name, other)
    for one in (name, other):
        own.run("account", "set", one, "--quota", "1M")
    sessions = [Smtp(own.address, own.ports["smtp"]) for _ in range(8)]
    for number, session in enumerate(sessions):
        session.envelope("a@b.example", f"{token}+{number}@{own.domain}")
    answers = [session.data(letters.simple(token + " heap", body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 5500))[:9] for session in sessions]
    for session in sessions:
        session.close()
    assert answers == ["250 2.0.0"] * 2 + ["452 4.2.2"] * 6
    assert rcpt(own, name, size=400000) == ["452 4.2.2"] and rcpt(own, name, both, size=100000) == ["250 2.1.5"] * 2
    wait_for(lambda: own.count_mail(token + " heap", token) == 2, "both to be delivered")
    assert rcpt(own, name, both, size=400000) == ["452 4.2.2", "250 2.1.5"]
    own.run("account", "set", name, "--quota-messages", "1")
    own.run("account", "set", other, "--quota", "8")
    session = own.imap(token + "-b")
    assert session.append("INBOX", None, None, b"A: b\r\n\r\n")[0] == "OK"
    session.logout()
    assert rcpt(own, name, other, both) == ["452 4.2.2"] * 3


def test_copies_count_what_they_take(own, token):
    """A row for each copy: nobody fills the disk by copying a small mailbox into itself again and again."""
    name = account(own, token)
    own.deliver(letters.simple(token), token)
    own.wait_mail(token, token)
    own.run("account", "set", name, "--quota", "20K")
    session = own.imap(token, mailbox="INBOX")
    answers = [session.copy("1:*", "INBOX") for _ in range(10)]
    assert answers[0][0] == "OK" and answers[-1][0] == "NO" and b"OVERQUOTA" in answers[-1][1][0], answers
    assert len(session.uid("SEARCH", "ALL")[1][0].split()) < 20
    assert session.uid("MOVE", "2:*", "Trash")[0] == "OK"
    session.logout()


def test_quota_in_messages(own, token):
    name = account(own, token)
    own.run("account", "set", name, "--quota-messages", "2")
    session = own.imap(token)
    assert session.append("INBOX", None, None, letters.simple(token))[0] == "OK"
    assert session.append("INBOX", None, None, letters.simple(token))[0] == "OK"
    assert session.append("INBOX", None, None, letters.simple(token))[0] == "NO"
    session.logout()


def test_disabled_account(own, token):
    name = account(own, token)
    own.run("account", "set", name, "--disabled")
    with own.smtp() as session:
        session.ehlo()
        session.mail("a@b.example")
        assert session.rcpt(name)[0] in range(500, 600)
    import imaplib
    with pytest.raises(imaplib.IMAP4.error):
        own.imap(token)
    own.run("account", "set", name, "--enabled")
    own.imap(token).logout()


def test_granted_sender(own, token):
    import smtplib
    address = f"{token}@other.example"
    with own.submission("anna") as session:
        assert session.mail(address)[0] >= 550
    own.run("account", "grant", own.name("anna"), address)
    own.submit(letters.simple(token, own.name("boris"), address), own.name("boris"), sender=address)
    own.wait_mail(token, "boris")
    own.run("account", "revoke", own.name("anna"), address)
    with pytest.raises(smtplib.SMTPException):
        own.submit(letters.simple(token, own.name("boris"), address), own.name("boris"), sender=address)


# ---- The message files ----

def test_messages_are_plain_files(own, token):
    name = account(own, token)
    letter = letters.with_attachment(token, 10000)
    own.deliver(letter, token)
    [served] = own.wait_mail(token, token)
    [path] = mail_files(own, name)
    assert path.read_bytes() == served
    assert re.fullmatch(r"\d{4}-\d\d", path.parent.name)
    assert path.stat().st_mode & 0o777 == 0o600


def test_one_file_for_many_recipients(own, token):
    first, second = account(own, token + "a"), account(own, token + "b")
    with own.smtp() as session:
        session.sendmail("a@b.example", [first, second], letters.simple(token))
    own.wait_mail(token, token + "a")
    own.wait_mail(token, token + "b")
    [one], [two] = mail_files(own, first), mail_files(own, second)
    assert one.stat().st_ino == two.stat().st_ino


def test_copy_takes_no_room(own, token):
    name = account(own, token)
    own.deliver(letters.with_attachment(token, 50000), token)
    own.wait_mail(token, token)
    session = own.imap(token, mailbox="INBOX")
    session.copy("1", "Archive")
    session.logout()
    assert len(mail_files(own, name)) == 1
    own.wait_mail(token, token, mailbox="Archive")


# ---- fsck ----

def test_fsck_finds_nothing_on_a_good_server(own, token):
    own.deliver(letters.simple(token))
    own.wait_mail(token)
    report = own.json("fsck")
    assert report["problems"] == 0 and report["messages"] > 0, report


@pytest.fixture
def damaged(token):
    """A stopped server with an account of five letters, to be damaged."""
    with Pombal(accounts=["anna"]) as own:
        for number in range(5):
            own.deliver(letters.simple(f"{token} {number}"))
        own.wait_mail(token, count=5)
        session = own.imap("anna", mailbox="INBOX")
        session.store("1", "+FLAGS", "(\\Flagged)")
        session.copy("2", "Archive")
        session.logout()
        own.stop()
        yield own


def test_fsck_finds_a_missing_file(damaged):
    victim = mail_files(damaged, damaged.name("anna"))[2]
    victim.unlink()
    done = damaged.run("fsck", status=1)
    assert victim.stem in done.stdout or victim.name in done.stdout, done.stdout
    damaged.run("fsck", "--repair")
    damaged.run("fsck")


def test_fsck_finds_a_cut_file(damaged):
    victim = mail_files(damaged, damaged.name("anna"))[2]
    os.truncate(victim, 50)
    assert damaged.run("fsck", status=1).stdout


def test_fsck_finds_a_stray_file(damaged, token):
    stray = mail_files(damaged, damaged.name("anna"))[0].parent / "0000000000001.eml"
    stray.write_bytes(letters.simple(f"{token} stray"))
    stray.chmod(0o600)
    assert "0000000000001" in damaged.run("fsck", status=1).stdout
    damaged.run("fsck", "--repair")
    damaged.run("fsck")
    damaged.start()
    assert damaged.count_mail(token) >= 5


@pytest.mark.parametrize("how", ["deleted", "overwritten"])
def test_fsck_rebuilds_a_database(damaged, token, how):
    for path in folder_of(damaged, damaged.name("anna")).glob("account.db*"):
        if how == "deleted":
            path.unlink()
        elif path.name == "account.db":
            path.write_bytes(os.urandom(20000))
        else:
            path.unlink()
    damaged.run("fsck", status=1)
    damaged.run("fsck", "--repair")
    damaged.run("fsck")
    damaged.start()
    session = damaged.imap("anna")
    got = set()
    for name in ("INBOX", "Archive"):
        session.select(name, readonly=True)
        for number in session.search(None, "ALL")[1][0].split():
            got.add(letters.parse(session.fetch(number, "(BODY.PEEK[HEADER])")[1][0][1])["Subject"])
    session.logout()
    assert got == {f"{token} {number}" for number in range(5)}


def test_fsck_finds_a_stray_body_in_the_queue(damaged):
    body = damaged.data / "queue/body"
    body.mkdir(exist_ok=True)
    (body / "0000000000002").write_bytes(b"x")
    assert "0000000000002" in damaged.run("fsck", status=1).stdout
    damaged.run("fsck", "--repair")
    damaged.run("fsck")


def test_database_is_sound(damaged):
    for path in damaged.data.rglob("*.db"):
        assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",), path


# ---- Import and export ----

def maildir(tmp_path, token):
    """A Maildir as others write it, with subfolders, flags, dates, and line ends of Unix; and its four letters."""
    sent = [letters.with_attachment(f"{token} {number}", 3000, seed=number) for number in range(4)]
    box = mailbox.Maildir(tmp_path / "in", create=True)
    for number in range(4):
        letter = mailbox.MaildirMessage(sent[number].replace(b"\r\n", b"\n"))
        letter.set_subdir("cur")
        letter.set_flags(("", "S", "FS", "RT")[number])
        letter.set_date(1000000000 + 86400 * number)
        box.add(letter)
    sub = box.add_folder("Projects")
    sub.add(letters.simple(f"{token} project").replace(b"\r\n", b"\n"))
    return tmp_path / "in", sent


def test_import_maildir(own, token, tmp_path):
    name = account(own, token)
    source, sent = maildir(tmp_path, token)
    own.run("import", name, source)
    session = own.imap(token, mailbox="INBOX")
    assert len(session.search(None, "ALL")[1][0].split()) == 4
    [first] = session.search(None, "SUBJECT", f'"{token} 2"')[1][0].split()
    described = b" ".join(part for line in session.fetch(first, "(FLAGS INTERNALDATE)")[1] for part in ([line] if isinstance(line, bytes) else line))
    assert b"\\Flagged" in described and b"\\Seen" in described and b"2001" in described, described
    whole = session.fetch(first, "(BODY.PEEK[])")[1][0][1]
    assert whole == sent[2]
    session.logout()
    own.wait_mail(f"{token} project", token, mailbox="Projects")


def test_import_twice_adds_nothing(own, token, tmp_path):
    name = account(own, token)
    source, _ = maildir(tmp_path, token)
    own.run("import", name, source)
    own.run("import", name, source)
    assert own.count_mail(token, token) == 4


def test_import_is_seen_at_once(own, token, tmp_path):
    from wire import Imap
    name = account(own, token)
    with Imap(own.address, own.ports["imaps"], tls=True) as imap:
        imap.ok(f"LOGIN {name} one-time-word-4")
        imap.ok("SELECT INBOX")
        imap.send("i IDLE\r\n")
        assert imap.line().startswith("+")
        own.run("import", name, maildir(tmp_path, token)[0])
        while imap.line() != "* 4 EXISTS":
            pass
        imap.send("DONE\r\n")
        imap.until("i")


def test_import_mbox(own, token, tmp_path):
    name = account(own, token)
    box = mailbox.mbox(tmp_path / "in.mbox", create=True)
    for number in range(3):
        letter = mailbox.mboxMessage(letters.simple(f"{token} {number}", body="text\r\nFrom here on\r\n>From there\r\n").replace(b"\r\n", b"\n"))
        letter.set_flags(("", "RO", "ROF")[number])
        box.add(letter)
    box.close()
    own.run("import", name, tmp_path / "in.mbox", "--mailbox", "Old/Stuff")
    session = own.imap(token, mailbox="Old/Stuff")
    assert session.search(None, "SEEN")[1][0] == b"2 3" and session.search(None, "FLAGGED")[1][0] == b"3"
    assert b"From here on" in session.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1]
    session.logout()


def fill(server, token):
    """An account with letters of all kinds in several mailboxes; gives {mailbox: {(flags, letter)}}."""
    name = account(server, token)
    session = server.imap(token)
    session.create("Work/Projects")
    content = {"INBOX": set(), "Work/Projects": set(), "Archive": set()}
    for number, (box, flags) in enumerate([("INBOX", ""), ("INBOX", "\\Seen"), ("Work/Projects", "\\Flagged \\Seen"), ("Archive", "\\Answered"), ("Archive", "\\Draft")]):
        letter = letters.simple(f"{token} {number}", body=f"From me\r\n>From you\r\n\r\nFrom {'x' * number}\r\nпривет\r\n.\r\n")
        assert session.append(box, f"({flags})", "\"01-Feb-2003 04:05:06 +0000\"", letter)[0] == "OK"
        content[box].add((" ".join(sorted(flags.split())), letter))
    session.logout()
    return name, content


def content_of(server, account_name, boxes):
    session = server.imap(account_name)
    found = {}
    for box in boxes:
        assert session.select(box, readonly=True)[0] == "OK", box
        found[box] = set()
        for number in session.search(None, "ALL")[1][0].split():
            data = session.fetch(number, "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
            described = b" ".join(part if isinstance(part, bytes) else part[0] for part in data)
            flags = set(re.search(rb"FLAGS \(([^)]*)\)", described)[1].decode().split()) - {"\\Recent"}
            assert b"01-Feb-2003 04:05:06 +0000" in described or b"Feb-2003" in described, described
            found[box].add((" ".join(sorted(flags)), data[0][1]))
    session.logout()
    return found


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_export_and_import_again(own, token, tmp_path, form):
    name, content = fill(own, token)
    own.run("export", name, tmp_path / "out", "--format", form)
    back = account(own, token + "b")
    if form == "maildir":
        others = mailbox.Maildir(tmp_path / "out", create=False)
        assert len(others) == 2
        own.run("import", back, tmp_path / "out")
    else:
        for path in sorted((tmp_path / "out").iterdir()):
            assert len(mailbox.mbox(path, create=False)) == 1 or "INBOX" in path.name or "Archive" in path.name
        for box in content:
            [path] = [path for path in (tmp_path / "out").iterdir() if path.name.replace(".mbox", "").replace(".", "/").lower() == box.lower()]
            own.run("import", back, path, "--mailbox", box, "--format", "mbox")
    assert content_of(own, token + "b", content) == content


@pytest.mark.parametrize("arguments", [
    ["import", "nobody@example.test", "."], ["import", "anna@example.test", "/nonexistent"], ["export", "nobody@example.test", "out"],
    ["export", "anna@example.test", "out", "--mailbox", "Nowhere"], ["fsck", "nobody@example.test"],
])
def test_refusals(own, arguments, tmp_path):
    done = own.run(*arguments, status=1, cwd=tmp_path)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
