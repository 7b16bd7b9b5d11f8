"""COMPRESS=DEFLATE (RFC 4978), with zlib by hand and with clients that use it by themselves."""
import os
import re
import threading
import time
import zlib

import pytest

import letters
import pombal
from wire import CompressedImap, Imap

EMPTY_BLOCK = b"\0\0\0\xff\xff"


@pytest.fixture
def account(server, token):
    """Only this test's; the same on every protocol."""
    pombal.PASSWORDS[token] = "packed and unpacked"
    server.add_account(server.name(token), server.password(token))
    return token


def sign_in(imap, server, account):
    return imap.command(f'LOGIN {server.name(account)} "{server.password(account)}"')[0]


def compressed(server, account, port="imaps"):
    return CompressedImap(server.address, server.ports[port], server.name(account), server.password(account), tls=port == "imaps")


@pytest.fixture
def session(server, account):
    with compressed(server, account) as imap:
        yield imap


def append(imap, text, mailbox="INBOX"):
    """With a literal that waits for the server's "+"."""
    imap.count += 1
    imap.send(f"a{imap.count} APPEND {mailbox} {{{len(text)}}}\r\n")
    assert imap.line().startswith("+ ")
    imap.send(text + b"\r\n")
    answer, _ = imap.until(f"a{imap.count}")
    assert answer.startswith("OK"), answer


def fetch(imap, number, size):
    imap.count += 1
    imap.send(f"a{imap.count} FETCH {number} BODY.PEEK[]\r\n")
    assert imap.line() == f"* {number} FETCH (BODY[] {{{size}}}"
    text = imap.read(size)
    assert imap.until(f"a{imap.count}")[0].startswith("OK")
    return text


def letter(body):
    return b"Subject: a letter\r\n\r\n" + body + b"\r\n"


def rss(server, role="reader"):
    status = open(f"/proc/{server.role_of(role)}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


def test_when_it_is_offered_and_taken(server, account):
    with Imap(server.address, server.ports["imap"]) as imap:
        assert "COMPRESS" not in imap.greeting
        assert imap.command("COMPRESS DEFLATE")[0] == "BAD Sign in first"
        imap.ok("STARTTLS")
        imap.start_tls()
        assert "COMPRESS" not in imap.ok("CAPABILITY")[0]
        assert " COMPRESS=DEFLATE" in sign_in(imap, server, account)
        assert " COMPRESS=DEFLATE" in imap.ok("CAPABILITY")[0]
        for wrong in ("COMPRESS", "COMPRESS GZIP", "COMPRESS DEFLATE 9", 'COMPRESS "DEFLATE"'):
            assert imap.command(wrong)[0].startswith("BAD"), wrong
        # What stands behind the command could be meant either way: it is taken as what it was when the command came.
        imap.send("b COMPRESS DEFLATE\r\nc NOOP\r\n")
        assert imap.until("b")[0] == "BAD Wait for the answer to COMPRESS"
        assert imap.until("c")[0].startswith("OK")
    with compressed(server, account, "imap") as imap:
        assert "COMPRESS" not in imap.ok("CAPABILITY")[0]
        assert imap.command("COMPRESS DEFLATE")[0].startswith("BAD [COMPRESSIONACTIVE]")
        imap.ok("SELECT INBOX")
        imap.ok("LOGOUT")


@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_FULL_FLUSH])
def test_letters_go_through_both_ways(session, flush):
    session.begin(flush)
    text, noise = letter(b"A line that comes again and again.\r\n" * 60000), letter(os.urandom(3_000_000).hex().encode())
    noise = re.sub(rb"(.{900})", rb"\1\r\n", noise)
    for one in (text, noise):
        append(session, one)
    assert "EXISTS" in " ".join(session.ok("SELECT INBOX"))
    before = session.received
    assert fetch(session, 1, len(text)) == text
    assert session.received - before < len(text) / 20
    assert fetch(session, 2, len(noise)) == noise
    for i in range(50):  # answered one by one, however they come
        session.send("".join(f"x{i}-{j} NOOP\r\n" for j in range(20)))
        for j in range(20):
            assert session.until(f"x{i}-{j}")[0].startswith("OK")


def test_idle_wakes_and_goes_on_after_a_rest(server, session, account):
    session.begin(zlib.Z_PARTIAL_FLUSH)  # as mutt does: what it has said ends in the midst of a byte
    session.ok("SELECT INBOX")
    for i in range(3):
        session.send(f"i{i} IDLE\r\n")
        assert session.line().startswith("+")
        if i == 1:
            time.sleep(2.1)  # its memory is given back within this time
        with Imap(server.address, server.ports["imaps"], tls=True) as other:
            sign_in(other, server, account)
            append(other, letter(b"news"))
        assert session.line() == f"* {i + 1} EXISTS"
        session.send("DONE\r\n")
        assert session.until(f"i{i}")[0].startswith("OK")


def bomb(session, piece, times):
    """Sends the piece so many times over, unless the server hangs up."""
    try:
        for _ in range(times):
            session.socket.sendall(piece)
    except OSError:
        pass


def packed(text):
    out = zlib.compressobj(9, zlib.DEFLATED, -15)
    return out.compress(text) + out.flush(zlib.Z_FULL_FLUSH)


@pytest.mark.parametrize("what", ["one line", "one command", "nothing", "a letter", "commands"])
def test_bombs_are_bounded(server, session, account, what):
    """What a few KiB stand for is as bounded as what comes without compression, in memory and in time."""
    with Imap(server.address, server.ports["imaps"], tls=True) as other:
        sign_in(other, server, "boris")
        before = rss(server)
        mega = 1024 * 1024
        if what == "one line":
            thread = threading.Thread(target=bomb, args=(session, packed(b"a" * 16 * mega), 30))
        elif what == "one command":
            session.send("a SEARCH TEXT ")
            thread = threading.Thread(target=bomb, args=(session, packed(b"a" * 16 * mega), 30))
        elif what == "nothing":
            thread = threading.Thread(target=bomb, args=(session, EMPTY_BLOCK * 20000, 1000))
        elif what == "a letter":
            session.send("a APPEND INBOX {2000000000+}\r\n")
            thread = threading.Thread(target=bomb, args=(session, packed(b"a" * 16 * mega), 60))
        else:
            thread = threading.Thread(target=bomb, args=(session, packed(b"a CAPABILITY\r\n" * 100_000), 1))
        thread.start()
        most = slowest = 0
        for _ in range(30):
            began = time.monotonic()
            other.ok("NOOP")
            slowest = max(slowest, time.monotonic() - began)
            most = max(most, rss(server) - before)
            time.sleep(0.01)
        assert most < 30 * mega, most
        assert slowest < 20, slowest
        if what not in ("commands", "a letter"):
            assert what == "nothing" or b"BYE" in session.rest()
            assert session.is_closed()
        session.close()
        thread.join()


def test_garbage_ends_the_connection(server, session):
    offset = server.log_size()
    session.socket.sendall(b"a1 NOOP\r\n")
    assert session.is_closed()
    server.wait_log("event=input.unreadable .*service=imap", offset)
