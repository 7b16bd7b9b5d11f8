"""Reading with clients of others: imaplib, poplib, curl, mutt, mbsync, fetchmail; and what one session does appears in another."""
import email.header
import imaplib
import mailbox
import pathlib
import re
import socket
import subprocess
import time

import pytest

import letters
import mbsync
from pombal import Pombal, environment, tls_context, wait_for
from terminal import in_terminal
from wire import Imap, Pop3

MAILBOXES = {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"}


@pytest.fixture
def own_account(server, token):
    """An account that only this test reads."""
    import pombal
    pombal.PASSWORDS[token] = "Wort für Wort"
    server.add_account(server.name(token), pombal.PASSWORDS[token])
    return token


# ---- imaplib ----

def test_special_use_mailboxes(server, own_account):
    session = server.imap(own_account)
    listing = [line.decode() for line in session.list()[1]]
    assert {re.search(r'"?([^" ]+)"?$', line)[1] for line in listing} == MAILBOXES, listing
    for use in ("Drafts", "Sent", "Junk", "Trash", "Archive"):
        assert any(f"\\{use}" in line and line.rstrip('"').endswith(use) for line in listing), (use, listing)
    status, answer = session.status("INBOX", "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)")
    assert status == "OK" and re.search(rb"MESSAGES 0", answer[0])
    session.logout()


def test_capabilities(server):
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        before = re.search(r"CAPABILITY ([^\]]*)", imap.greeting + " ".join(imap.ok("CAPABILITY")))[1]
        assert "AUTH=PLAIN AUTH=LOGIN" in before and "SCRAM" not in before and "SASL-IR" in before and "LITERAL" in before
        imap.ok(f"LOGIN {server.name('anna')} \"{server.password('anna')}\"")
        after = set(imap.ok("CAPABILITY")[0].split())
    assert {"IMAP4rev1", "IDLE", "NAMESPACE", "UIDPLUS", "MULTIAPPEND", "MOVE", "SPECIAL-USE", "ENABLE", "CHILDREN", "UNSELECT", "ID"} <= after
    assert {"LITERAL+", "LITERAL-"} & after
    with Imap(server.address, server.ports["imap"]) as imap:
        offered = imap.ok("CAPABILITY")[0]
        assert "STARTTLS" in offered and "LOGINDISABLED" in offered and "AUTH=PLAIN" not in offered
        answer, _ = imap.command(f"LOGIN {server.name('anna')} \"{server.password('anna')}\"")
        assert answer.startswith("NO"), answer
        imap.ok("STARTTLS")
        imap.start_tls()
        imap.ok(f"LOGIN {server.name('anna')} \"{server.password('anna')}\"")


def test_imap_login_refused(server):
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        answer, _ = imap.command(f"LOGIN {server.name('anna')} wrong")
        assert answer.startswith("NO") and "AUTHENTICATIONFAILED" in answer, answer
        answer, _ = imap.command("SELECT INBOX")
        assert answer.startswith(("BAD", "NO")), answer


def test_imaplib_mechanisms(server):
    for mechanism, answer in (("PLAIN", lambda _: f"\0{server.name('boris')}\0{server.password('boris')}".encode()),):
        session = imaplib.IMAP4(server.address, server.ports["imap"])
        session.starttls(tls_context())
        assert session.authenticate(mechanism, answer)[0] == "OK"
        session.logout()


def test_a_letter_by_imap(server, own_account, token):
    letter = letters.with_attachment(token, 20000, server.name(own_account))
    server.deliver(letter, own_account)
    server.wait_mail(token, own_account)
    session = server.imap(own_account, mailbox="INBOX")
    status, data = session.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
    described, whole = data[0]
    described += b"".join(part for part in data[1:] if isinstance(part, bytes))
    letters.assert_same(whole, letter)
    assert re.search(rb"RFC822.SIZE %d\b" % len(whole), described), described
    assert b'"octet-stream"' in described.lower() and token.encode() in described
    # Every part as it was sent.
    text = session.fetch("1", "(BODY.PEEK[1])")[1][0][1]
    assert text.decode().startswith("Съешь ещё") and text.endswith("точка\r\n".encode()), text
    attachment = session.fetch("1", "(BODY.PEEK[2])")[1][0][1]
    assert attachment in letter and attachment.endswith(b"\r\n")
    partial = session.fetch("1", "(BODY.PEEK[]<10.20>)")[1][0][1]
    assert partial == whole[10:30]
    fields = session.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT TO)])")[1][0][1]
    assert fields == f"To: <{server.name(own_account)}>\r\nSubject: {token}\r\n\r\n".encode()
    assert session.fetch("1", "(RFC822.HEADER)")[1][0][1] == whole[:whole.index(b"\r\n\r\n") + 4]
    assert b"\\Seen" not in session.fetch("1", "(FLAGS)")[1][0]
    session.fetch("1", "(BODY[TEXT])")
    assert b"\\Seen" in session.fetch("1", "(FLAGS)")[1][0]
    session.logout()


def test_search(server, own_account, token):
    session = server.imap(own_account)
    for number in range(1, 6):
        flags = "(\\Seen)" if number % 2 else "(\\Flagged $Label)"
        letter = letters.simple(f"{token} {number}", server.name(own_account), f"s{number}@x.example", body=f"needle{number} {'x' * number * 100}\r\n")
        status, answer = session.append("INBOX", flags, imaplib.Time2Internaldate(1000000000 + number * 86400), letter)
        assert status == "OK" and b"APPENDUID" in answer[0], answer
    session.select("INBOX")

    def search(*keys):
        status, answer = session.search(None, *keys)
        assert status == "OK", answer
        return answer[0].decode()
    assert search("ALL") == "1 2 3 4 5"
    assert search("SEEN") == "1 3 5" and search("UNSEEN") == "2 4"
    assert search("FLAGGED", "NOT", "FROM", "s2") == "4"
    assert search("OR", "FROM", "s1@", "SUBJECT", f'"{token} 3"') == "1 3"
    assert search("KEYWORD", "$Label") == "2 4" and search("UNKEYWORD", "$Label") == "1 3 5"
    assert search("BODY", "needle5") == "5" and search("TEXT", "s3@x.example") == "3"
    assert search("LARGER", "600", "SMALLER", "650") in ("3", "4", "3 4", "2 3", "")
    assert search("BEFORE", "12-Sep-2001") == "1 2" and search("SINCE", "12-Sep-2001") == "3 4 5" and search("ON", "11-Sep-2001") == "2"
    assert search("SENTSINCE", "22-Nov-2026") == "1 2 3 4 5" and search("SENTBEFORE", "22-Nov-2026") == ""
    assert search("2:*", "(NOT 3)", "UID", "1:4") == "2 4"
    assert search("HEADER", "Message-ID", '""') == "1 2 3 4 5" and search("HEADER", "X-None", '""') == ""
    assert search("DELETED") == "" and search("UNDELETED", "UNANSWERED", "UNDRAFT") == "1 2 3 4 5"
    assert search("TO", own_account, "NEW") in ("", "2 4") and search("CC", "x") == "" and search("BCC", "x") == ""
    status, answer = session.uid("SEARCH", "FLAGGED")
    assert len(answer[0].split()) == 2
    session.literal = "Иголка".encode()
    assert session.search("UTF-8", "BODY")[0] == "OK"
    session.logout()


def test_mailboxes_copy_move_expunge(server, own_account, token):
    session = server.imap(own_account)
    for number in range(5):
        session.append("INBOX", "(\\Flagged custom)", None, letters.simple(f"{token} {number}"))
    assert session.create("Work")[0] == "OK"
    assert session.create("Work/&BB8EQAQ+BDUEOgRCBEs-")[0] == "OK"
    assert session.create("Work/&BB8EQAQ+BDUEOgRCBEs-")[0] == "NO"
    assert session.subscribe("Work")[0] == "OK"
    assert b"Work" in b"".join(session.lsub()[1])
    session.select("INBOX")
    status, answer = session.uid("COPY", "1:2", "Work")
    assert status == "OK", answer
    status, answer = session.copy("3", '"Nowhere"')
    assert status == "NO" and b"TRYCREATE" in answer[0], answer
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        imap.ok(f"LOGIN {server.name(own_account)} {{{len('Wort für Wort'.encode())}+}}\r\nWort für Wort")
        imap.ok("SELECT INBOX")
        answer, untagged = imap.command("UID MOVE 4 Work")
        assert answer.startswith("OK") and any("COPYUID" in line for line in (answer, *untagged)), (answer, untagged)
        assert "* 4 EXPUNGE" in untagged
        imap.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        imap.ok("STORE 2 +FLAGS (\\Deleted)")
        answer, untagged = imap.command("UID EXPUNGE 1")
        assert answer.startswith("OK") and [line for line in untagged if "EXPUNGE" in line] == ["* 1 EXPUNGE"], untagged
        assert "* 1 EXPUNGE" in imap.ok("EXPUNGE")
        imap.ok("CLOSE")
    session.noop()
    session.select("Work")
    assert session.search(None, "KEYWORD", "custom", "FLAGGED")[1][0] == b"1 2 3"
    session.close()
    assert session.rename("Work", "Play")[0] == "OK"
    names = b"".join(session.list()[1])
    assert b"Play/&BB8EQAQ+BDUEOgRCBEs-" in names and b"Work" not in names
    assert session.delete("Play/&BB8EQAQ+BDUEOgRCBEs-")[0] == "OK"
    assert session.delete("INBOX")[0] == "NO"
    session.select("INBOX")
    assert session.search(None, "ALL")[1][0] == b"1 2"
    session.logout()


def test_idle_sees_a_delivery_at_once(server, own_account, token):
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        imap.ok(f"LOGIN {server.name(own_account)} {{{len('Wort für Wort'.encode())}+}}\r\nWort für Wort")
        imap.ok("SELECT INBOX")
        imap.send("i IDLE\r\n")
        assert imap.line().startswith("+")
        server.deliver(letters.simple(token), own_account)
        start = time.monotonic()
        lines = [imap.line()]
        while not lines[-1].endswith("EXISTS"):
            lines.append(imap.line())
        assert time.monotonic() - start < 20 and lines[-1] == "* 1 EXISTS", lines
        imap.send("DONE\r\n")
        assert imap.until("i")[0].startswith("OK")


def test_what_one_session_does_the_other_sees(server, own_account, token):
    first, second = server.imap(own_account), server.imap(own_account)
    for number in range(3):
        first.append("INBOX", None, None, letters.simple(token))
    first.select("INBOX")
    second.select("INBOX")
    first.store("2", "+FLAGS", "(\\Flagged word)")
    assert second.noop()[0] == "OK"
    seen = b" ".join(line or b"" for line in second.response("FETCH")[1])
    assert b"\\Flagged" in seen and b"word" in seen, seen
    first.store("1", "+FLAGS", "(\\Deleted)")
    first.expunge()
    second.noop()
    assert second.response("EXPUNGE")[1] == [b"1"]
    second.append("INBOX", None, None, letters.simple(token))
    first.noop()
    assert first.response("EXISTS")[1][-1] == b"3"
    first.logout()
    second.logout()


def test_noop_without_news_opens_nothing(server, own_account, token):
    """While nothing changes, a session asks no database: it may even be away."""
    session = server.imap(own_account)
    session.select("INBOX")
    session.noop()
    domain, local = server.name(own_account).split("@")[::-1]
    database = server.data / "accounts" / domain / local / "account.db"
    offset = server.log_size()
    database.rename(database.with_name("away"))
    try:
        for _ in range(3):
            assert session.noop()[0] == "OK"
    finally:
        database.with_name("away").rename(database)
    assert "imap.news_failed" not in server.log(offset)
    server.deliver(letters.simple(token), own_account)
    wait_for(lambda: session.noop() and session.response("EXISTS")[1][-1] == b"1", "the letter")
    session.logout()


def test_noop_without_news_takes_no_thread(server, own_account):
    """Whoever asks for news, and there are none, hears so from the loop: threads are for work."""
    def switches():
        tasks = pathlib.Path(f"/proc/{server.role_pids()['reader']}/task").iterdir()
        return sum(int(number) for task in tasks if (task / "comm").read_text().startswith("worker")
                   for number in re.findall(r"_switches:\s+(\d+)", (task / "status").read_text()))
    session = server.imap(own_account)
    session.select("INBOX")
    session.noop()
    before = switches()
    for _ in range(200):
        session.noop()
    assert switches() - before < 100
    session.logout()


def test_idle_sees_a_flag_change(server, own_account, token):
    other = server.imap(own_account)
    other.append("INBOX", None, None, letters.simple(token))
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        imap.ok(f"LOGIN {server.name(own_account)} {{{len('Wort für Wort'.encode())}+}}\r\nWort für Wort")
        imap.ok("SELECT INBOX")
        imap.send("i IDLE\r\n")
        assert imap.line().startswith("+")
        other.select("INBOX")
        other.store("1", "+FLAGS", "(\\Answered)")
        line = imap.line()
        while "FETCH" not in line:
            line = imap.line()
        assert "\\Answered" in line
        imap.send("DONE\r\n")
        imap.until("i")
    other.logout()


def test_multiappend_and_literals(server, own_account, token):
    one, two = letters.simple(token + " 1"), letters.simple(token + " 2")
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        imap.ok(f"LOGIN {server.name(own_account)} {{{len('Wort für Wort'.encode())}+}}\r\nWort für Wort")
        imap.send(f"m APPEND INBOX (\\Seen) {{{len(one)}+}}\r\n".encode() + one + f" (\\Flagged) {{{len(two)}}}\r\n".encode())
        assert imap.line().startswith("+")
        imap.send(two + b"\r\n")
        answer, untagged = imap.until("m")
        assert answer.startswith("OK [APPENDUID "), answer
        assert imap.ok("STATUS INBOX (MESSAGES UNSEEN)") == ["* STATUS INBOX (MESSAGES 2 UNSEEN 1)"]


@pytest.mark.parametrize("line", [
    "a1 LOGIN {4294967295+}", "a1 LOGIN {99999999999999999999}", "a1 LOGIN {100000000}", "a1 LOGIN {-1}", "a1 LOGIN {5", "a1",
    "* NOOP", "a1 FETCH 1 BODY[]", "a1 \x00", "a1 LOGIN \"a\x00b\" c", "a1 LOGIN \"a\\b\" c", "a1 AUTHENTICATE NTLM", "a1 NOOP now", "",
])
def test_broken_commands_before_login(server, line):
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        imap.send(line + "\r\n")
        answer = imap.line()
        assert re.match(r"(a1|\*) (BAD|NO|BYE)", answer), answer
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        imap.ok("NOOP")


def test_lines_without_end_are_logged(server):
    """What is longer than any line may be leaves one line in the log, in each protocol."""
    for port, line in (("imap", b"a LOGIN " + b"x" * 9000), ("pop3", b"USER " + b"x" * 400 + b"\r\n"), ("smtp", b"NOOP " + b"x" * 13000 + b"\r\n"),
                       ("smtp", b"MAIL FROM:<" + b"x" * 3000 + b">\r\n")):
        offset = server.log_size()
        with socket.create_connection((server.address, server.ports[port]), 10) as stranger:
            stranger.recv(1000)
            if line.startswith(b"MAIL"):
                stranger.sendall(b"EHLO x.example\r\n")
                stranger.recv(1000)
            stranger.sendall(line)
            assert stranger.recv(1000)
        server.wait_log(f"event=input.refused .*service={port}.*too long", offset)


@pytest.mark.parametrize("command", [
    "SEARCH " + "(" * 5000 + "ALL" + ")" * 5000, "SEARCH " + "NOT " * 5000 + "ALL", "FETCH " + ",".join(["1:*"] * 5000) + " FLAGS",
    "LIST \"\" " + "%*" * 200, "FETCH 1 " + "(" * 2000 + "FLAGS" + ")" * 2000, "FETCH 4294967295:1 FLAGS", "FETCH 0 FLAGS", "UID FETCH *:* FLAGS",
    "SELECT \"../../etc\"", "CREATE \"a/../b\"", "CREATE \"&bad\"", "CREATE \"\"", "SELECT \"\x7f\"", "STORE 1 FLAGS (\\Nonsense)",
    "FETCH 1 BODY[1.2.3.4.5.6.7.8.9.10.11.12]", "FETCH 1 BODY[]<0.0>", "APPEND INBOX \"32-Foo-2020 00:00:00 +0000\" {1+}\r\nx",
])
def test_hard_commands_are_bounded(server, own_account, command):
    with Imap(server.address, server.ports["imaps"], tls=True) as imap:
        imap.ok(f"LOGIN {server.name(own_account)} {{{len('Wort für Wort'.encode())}+}}\r\nWort für Wort")
        imap.ok("SELECT INBOX")
        start = time.monotonic()
        answer, _ = imap.command(command)
        assert answer.startswith(("OK", "NO", "BAD")) and time.monotonic() - start < 20, answer


# ---- poplib ----

def test_poplib(server, own_account, token):
    sent = [letters.simple(f"{token} {number}", body=f".dot\r\n{number}\r\n") for number in range(3)]
    for number, letter in enumerate(sent):
        server.deliver(letter, own_account)
        server.wait_mail(token, own_account, count=number + 1)
    session = server.pop3(own_account)
    count, size = session.stat()
    assert count == 3
    uids = [line.split()[1] for line in session.uidl()[1]]
    assert len(set(uids)) == 3
    assert sum(int(line.split()[1]) for line in session.list()[1]) == size
    for number in range(3):
        letters.assert_same(b"\r\n".join(session.retr(number + 1)[1]) + b"\r\n", sent[number])
    top = session.top(1, 1)[1]
    assert top[-1] == b".dot" and top[-2] == b""
    session.dele(2)
    session.rset()
    session.dele(1)
    session.quit()
    session = server.pop3(own_account)
    assert session.stat()[0] == 2 and [line.split()[1] for line in session.uidl()[1]] == uids[1:]
    # Without QUIT nothing is removed (RFC 1939 section 6).
    session.dele(1)
    session.close()
    session = wait_for(lambda: try_pop3(server, own_account), "the lock to be free")
    assert session.stat()[0] == 2
    session.quit()


def test_top_of_a_long_header_that_is_not_ended(server, token):
    """A message as a mail client appended it, its header longer than what is read at a time: the body begins with the first line that is no field."""
    import pombal
    pombal.PASSWORDS[token] = "one-time-word-4"
    server.add_account(server.name(token), "one-time-word-4")
    header = [f"X-Field-{number}: {'x' * 60}".encode() for number in range(2000)]
    body = [b"This is no field", b"Neither is this", b"X: but this was one"]
    session = server.imap(token)
    assert session.append("INBOX", None, None, b"\r\n".join(header + body) + b"\r\n")[0] == "OK"
    session.logout()
    session = server.pop3(token)
    for lines in range(4):
        assert session.top(1, lines)[1] == header + body[:lines]
    session.quit()


def try_pop3(server, account):
    import poplib
    try:
        return server.pop3(account)
    except poplib.error_proto:
        return None


def test_pop3_is_exclusive(server, own_account):
    first = server.pop3(own_account)
    import poplib
    with pytest.raises(poplib.error_proto) as refused:
        server.pop3(own_account)
    assert "[IN-USE]" in str(refused.value)
    first.quit()
    wait_for(lambda: try_pop3(server, own_account), "the lock to be free").quit()


def test_pop3_capabilities_and_stls(server):
    with Pop3(server.address, server.ports["pop3"]) as pop3:
        offered = pop3.capabilities()
        assert "STLS" in offered and not any(line.startswith("SASL") and "PLAIN" in line for line in offered) and "USER" not in offered, offered
        assert pop3.say("USER " + server.name("boris")).startswith("-ERR")
        pop3.ok("STLS")
        pop3.start_tls()
        offered = pop3.capabilities()
        assert {"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "USER"} <= set(offered) and "STLS" not in offered, offered
        assert any(line.startswith("SASL PLAIN LOGIN") for line in offered)
        pop3.ok("USER " + server.name("boris"))
        assert "[AUTH]" in pop3.say("PASS wrong")
        pop3.ok("USER " + server.name("boris"))
        pop3.ok("PASS " + server.password("boris"))
        pop3.send("STAT\r\nLIST\r\nNOOP\r\nQUIT\r\n")
        assert pop3.line().startswith("+OK") and pop3.line().startswith("+OK")
        pop3.lines()
        assert pop3.line().startswith("+OK") and pop3.line().startswith("+OK")


def test_pop3_sasl(server):
    import base64
    with Pop3(server.address, server.ports["pop3s"], tls=True) as pop3:
        words = base64.b64encode(f"\0{server.name('anna')}\0{server.password('anna')}".encode()).decode()
        assert pop3.say("AUTH PLAIN").startswith("+")
        assert pop3.say("*").startswith("-ERR")
        assert pop3.say("AUTH PLAIN " + words).startswith("+OK")
        pop3.ok("QUIT")


@pytest.mark.parametrize("command", ["RETR 1", "FOO", "", "USER", "PASS", "STAT", "DELE 0", "TOP 1", "AUTH FOO", "x" * 3000, "USER a\x00b"])
def test_pop3_broken_commands(server, command):
    with Pop3(server.address, server.ports["pop3s"], tls=True) as pop3:
        assert pop3.say(command).startswith("-ERR")


# ---- Programs ----

def shell(*command, home, status=0, timeout=60):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=timeout, env=environment(HOME=str(home), TERM="xterm"), cwd=home)
    output = done.stdout
    assert status is None or done.returncode in (status if isinstance(status, tuple) else (status,)), f"{command} ended with {done.returncode}:\n{output}"
    return output


PASSWORD = "one-time-word-4"


@pytest.fixture
def reader(server, token):
    """An account with a password that fits into any configuration file, and three letters."""
    import pombal
    pombal.PASSWORDS[token] = PASSWORD
    server.add_account(server.name(token), PASSWORD)
    sent = [letters.with_attachment(f"{token} {number}", 5000, server.name(token), seed=number) for number in range(3)]
    for number, letter in enumerate(sent):
        server.deliver(letter, token)
        server.wait_mail(token, token, count=number + 1)
    return sent


@pytest.mark.parametrize("scheme,port", [("imaps", "imaps"), ("imap", "imap")])
def test_curl_imap(server, reader, token, tmp_path, scheme, port):
    url = f"{scheme}://{server.address}:{server.ports[port]}"
    options = ["-sS", "-k", "--ssl-reqd", "--user", f"{server.name(token)}:{PASSWORD}"]
    letters.assert_same(shell("curl", *options, f"{url}/INBOX;MAILINDEX=2", home=tmp_path), reader[1])
    assert shell("curl", *options, f"{url}/INBOX?ALL", home=tmp_path).strip() == b"* SEARCH 1 2 3"
    (tmp_path / "new").write_bytes(letters.simple(token + " uploaded"))
    shell("curl", *options, "-T", tmp_path / "new", f"{url}/Drafts", home=tmp_path)
    server.wait_mail(token + " uploaded", token, mailbox="Drafts")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_curl_imap_mechanisms(server, reader, token, tmp_path, mechanism):
    output = shell("curl", "-sS", "-k", "--user", f"{server.name(token)}:{PASSWORD}", "--login-options", f"AUTH={mechanism}",
                   f"imaps://{server.address}:{server.ports['imaps']}", home=tmp_path)
    assert b"INBOX" in output


@pytest.mark.parametrize("scheme,port", [("pop3s", "pop3s"), ("pop3", "pop3")])
def test_curl_pop3(server, reader, token, tmp_path, scheme, port):
    url = f"{scheme}://{server.address}:{server.ports[port]}"
    options = ["-sS", "-k", "--ssl-reqd", "--user", f"{server.name(token)}:{PASSWORD}"]
    assert len(shell("curl", *options, url + "/", home=tmp_path).split(b"\r\n")) >= 3
    letters.assert_same(shell("curl", *options, f"{url}/3", home=tmp_path), reader[2])


def test_mbsync(server, reader, token, tmp_path):
    conf = mbsync.configuration(server, server.name(token), PASSWORD, tmp_path, "Patterns *\nCreate Both\nExpunge Both")
    shell("mbsync", "-c", conf, "-a", home=tmp_path)
    box = mailbox.Maildir(tmp_path / "mail/INBOX", create=False)
    got = {letter["Subject"]: letter for letter in box}
    assert len(got) == 3
    path = next((tmp_path / "mail/INBOX").glob("new/*"))
    # mbsync adds a field of its own.
    content = re.sub(rb"\nX-TUID: .*\n", b"\n", path.read_bytes()).replace(b"\n", b"\r\n")
    assert any(letters.digest(letters.split_trace(content)[1]) == letters.digest(sent) for sent in reader)
    # Up: a new letter; a flag; a removal.
    drafts = mailbox.Maildir(tmp_path / "mail/Drafts", create=False)
    drafts.add(letters.simple(token + " from below").replace(b"\r\n", b"\n"))
    for key, letter in box.items():
        if letter["Subject"].endswith(" 0"):
            box.discard(key)
        elif letter["Subject"].endswith(" 1"):
            letter.set_subdir("cur")
            letter.add_flag("SF")
            box[key] = letter
    # And down: a flag.
    session = server.imap(token, mailbox="INBOX")
    session.store("3", "+FLAGS", "(\\Answered)")
    shell("mbsync", "-c", conf, "-a", home=tmp_path)
    server.wait_mail(token + " from below", token, mailbox="Drafts")
    session.noop()
    session.select("INBOX")
    assert session.search(None, "ALL")[1][0] == b"1 2"
    assert session.search(None, "FLAGGED", "SEEN", "SUBJECT", f'"{token} 1"')[1][0] == b"1"
    session.logout()
    box = mailbox.Maildir(tmp_path / "mail/INBOX", create=False)
    assert ["R" in letter.get_flags() for letter in box if letter["Subject"].endswith(" 2")] == [True]


@pytest.mark.parametrize("protocol,port", [("imap", "imaps"), ("pop3", "pop3s")])
def test_fetchmail(server, reader, token, tmp_path, protocol, port):
    out = tmp_path / "out"
    script = tmp_path / "mda"
    script.write_text(f"#!/bin/sh\ncat > {out}.$$\n")
    script.chmod(0o755)
    conf = tmp_path / "fetchmailrc"
    conf.write_text(f"""\
set no bouncemail
poll {server.address} proto {protocol} port {server.ports[port]}
  user "{server.name(token)}" password "{PASSWORD}" ssl no sslcertck mda "{script}"
""")
    conf.chmod(0o600)
    output = shell("fetchmail", "-f", conf, "--nosyslog", "--idfile", tmp_path / "ids", "--pidfile", tmp_path / "pid", "-v", home=tmp_path, status=None)
    got = [path.read_bytes() for path in tmp_path.glob("out.*")]
    assert len(got) == 3, output.decode(errors="replace")[-4000:]
    for number in range(3):
        assert any(reader[number].replace(b"\r\n", b"\n")[-3000:] in letter for letter in got), number
    # Fetched letters are removed.
    session = server.imap(token, mailbox="INBOX")
    assert session.search(None, "ALL")[1][0] == b""
    session.logout()


@pytest.mark.parametrize("scheme,port", [("imaps", "imaps"), ("pops", "pop3s")])
def test_mutt(server, reader, token, tmp_path, scheme, port):
    rc = tmp_path / "muttrc"
    kind = scheme[:-1]
    rc.write_text(f"""\
set {kind}_user = "{server.name(token)}"
set {kind}_pass = "{PASSWORD}"
set ssl_verify_host = no
set certificate_file = {server.certificate[0]}
set ssl_verify_dates = no
set folder = {tmp_path}
set record = ""
set header_cache = ""
set mbox_type = mbox
set wait_key = no
set copy = no
set confirmcreate = no
set confirmappend = no
set delete = yes
set quit = yes
set move = no
set mail_check = 0
set read_inc = 0
""")
    command = ["mutt", "-n", "-F", str(rc), "-f", f"{scheme}://{server.address}:{server.ports[port]}/",
               "-e", f"push '<tag-pattern>~A<enter><tag-prefix><copy-message>{tmp_path}/box<enter><quit>'"]
    status, output = in_terminal(command, tmp_path, deadline=30)
    assert status == 0, output[-3000:]
    box = mailbox.mbox(tmp_path / "box", create=False)
    assert sorted(letter["Subject"] for letter in box) == [f"{token} {number}" for number in range(3)], output[-3000:]


# ---- Byte for byte ----

@pytest.fixture(scope="module")
def forty_megabytes():
    return letters.with_attachment("forty megabytes", 40 * 1024 * 1024)


def submitted_and_read(server, letter, token):
    """In by submission, out by IMAP and POP3: the same bytes."""
    import pombal
    pombal.PASSWORDS[token] = PASSWORD
    server.add_account(server.name(token), PASSWORD)
    server.submit(letter, server.name(token))
    server.wait_queue_empty(60)
    session = server.imap(token, mailbox="INBOX")
    by_imap = session.fetch("1", "(BODY.PEEK[])")[1][0][1]
    session.logout()
    letters.assert_same(by_imap, letter)
    pop3 = server.pop3(token)
    by_pop3 = b"\r\n".join(pop3.retr(1)[1]) + b"\r\n"
    pop3.quit()
    assert letters.digest(by_pop3) == letters.digest(by_imap)


def test_forty_megabytes(server, token, forty_megabytes):
    submitted_and_read(server, forty_megabytes.replace(b"someone@elsewhere.example", server.name("anna").encode()), token)


@pytest.mark.parametrize("size", [100, 4096, 131071, 131072, 131073, 200000, 1000003])
def test_sizes_around_the_borders(server, token, size):
    submitted_and_read(server, letters.with_attachment(token, size, sender=server.name("anna")), token)


def test_8bit_by_both(server, token):
    letter = letters.simple(token, sender=server.name("anna"), more="Subject: \xe9\xe8 raw\r\n").replace("é".encode(), b"\xe9") + bytes(range(128, 256)) * 4 + b"\r\n"
    submitted_and_read(server, letter, token)


def test_cyrillic_by_both(server, token):
    head = f"Subject: {email.header.Header('Тема ' + token, 'utf-8').encode()}\r\n"
    letter = (f"From: Анна <{server.name('anna')}>\r\nTo: <x@y.example>\r\n{head}Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{token}@x>\r\n"
              "Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: 8bit\r\n\r\n").encode() + "Привет\r\n".encode("koi8-r")
    submitted_and_read(server, letter, token)
    session = server.imap(token, mailbox="INBOX")
    session.literal = "Тема".encode()
    assert session.search("UTF-8", "SUBJECT")[1][0] == b"1"
    session.literal = "Привет".encode()
    assert session.search("UTF-8", "BODY")[1][0] == b"1"
    session.logout()


# ---- Limits ----

def test_login_must_come_soon():
    with Pombal(options={"login_time": "1s"}, accounts=[]) as own:
        with Imap(own.address, own.ports["imap"]) as imap, Pop3(own.address, own.ports["pop3"]) as pop3:
            assert imap.rest().startswith(b"* BYE")
            assert pop3.rest()[:4] in (b"-ERR", b"")


def test_keys_are_agreed_on_against_tomorrows_computers(server):
    """ML-KEM where OpenSSL has it (3.5, Debian 13), beside an elliptic curve; the curve alone elsewhere."""
    listed = subprocess.run(["openssl", "list", "-kem-algorithms"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    group = "X25519MLKEM768" if "X25519MLKEM768" in listed else "X25519"
    done = subprocess.run(["openssl", "s_client", "-connect", f"{server.address}:{server.ports['imaps']}", "-groups", group], input="a LOGOUT\r\n",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, env=environment())
    assert done.returncode == 0 and re.search(rf"(Server Temp Key|group): {group}\b", done.stdout), done.stdout[-2000:]
