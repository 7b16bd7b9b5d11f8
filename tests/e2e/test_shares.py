"""What one account may take of the reader: memory and time have a stated share, whatever its commands ask for, and others are
served meanwhile. Memory is measured where the system shows it: the most that the role ever had."""
import re
import resource
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import letters
from pombal import Pombal, wait_for
from wire import Imap

MIB = 1 << 20


@pytest.fixture
def own():
    with Pombal(options={"max_command": 1000000, "max_header": 5000000}) as mine:
        yield mine


def signed_in(server, account="anna", mailbox="INBOX"):
    imap = Imap(server.address, server.ports["imaps"], tls=True)
    imap.ok(f"LOGIN {server.name(account)} \"{server.password(account)}\"")
    if mailbox:
        imap.ok(f"SELECT {mailbox}")
    return imap


def ok_line(imap, text):
    answer = imap.command(text)[0]
    assert answer.startswith("OK"), answer[:200]
    return answer


def append(imap, letter):
    imap.send(f"put APPEND INBOX {{{len(letter)}+}}\r\n".encode() + letter + b"\r\n")
    answer = imap.until("put")[0]
    assert answer.startswith("OK"), answer


class Growth:
    """Of the reader's memory, at its height, since now; in MiB."""
    def __init__(self, server):
        self.status = Path(f"/proc/{server.role_of('reader')}/status")
        Path(self.status.parent, "clear_refs").write_text("5")  # the height is counted from here
        self.before = self._height()

    def _height(self):
        return int(re.search(r"VmHWM:\s+(\d+)", self.status.read_text())[1]) >> 10

    def now(self):
        return self._height() - self.before


def text_letter(size):
    line = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, und so geht es fort.\r\n".encode()
    return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + line * (size // len(line))


def test_many_texts_in_a_large_letter_are_found_in_one_pass(own):
    with signed_in(own) as imap:
        append(imap, text_letter(15 * MIB) + "Am Ende eine Nadel".encode() + b"\r\n")
        growth, start = Growth(own), time.monotonic()
        keys = " ".join(f'OR BODY "nichts{number}"' for number in range(60))
        assert imap.ok(f"SEARCH {keys} BODY nadel") == ["* SEARCH 1"]
        assert imap.ok('SEARCH BODY "fort. zwölf"') == ["* SEARCH 1"]
        print("SEARCH:", growth.now(), "MiB", time.monotonic() - start, "s")
        assert growth.now() < 160
        assert time.monotonic() - start < 30


def test_a_text_that_lies_across_two_pieces_is_found(own):
    """The text is folded a piece at a time: wherever a border lies, what crosses it isn't missed."""
    with signed_in(own) as imap:
        for shift in (0, 5, 11):
            append(imap, b"Content-Type: text/plain\r\n\r\n" + b"x" * (65536 - 12 + shift) + b"the\r\nneedle" + b"\r\n")
            append(imap, b"Content-Type: text/plain\r\n\r\n" + b"x" * (320 * 1024 - 12 + shift) + b"the needle" + b"\r\n")
        assert imap.ok('SEARCH BODY "the needle"') == ["* SEARCH 1 2 3 4 5 6"]
        assert imap.ok('SEARCH BODY "xthe needle"') == ["* SEARCH 1 2 3 4 5 6"]
        assert imap.ok('SEARCH BODY "the  needles"') == ["* SEARCH"]


def test_searches_beyond_the_share_are_refused(own):
    """As many at a time as fit the account's share; the others hear [LIMIT] and can try again, and nothing of it lasts."""
    with signed_in(own) as imap:
        append(imap, text_letter(16 * MIB))
        growth = Growth(own)
        sessions = [signed_in(own) for _ in range(8)]
        for session in sessions:
            session.send("s SEARCH BODY nowhere\r\n")
        answers = [session.until("s")[0] for session in sessions]
        assert set(answers) <= {"OK SEARCH done", answers[0], *answers} and any(answer.startswith("OK") for answer in answers)
        assert all(answer.startswith(("OK", "NO [LIMIT]")) for answer in answers), answers
        print("8 SEARCHes:", growth.now(), "MiB", answers)
        assert growth.now() < 250
        assert imap.ok("SEARCH BODY sylter") == ["* SEARCH 1"]


def test_quoted_strings_by_the_thousand(own):
    with signed_in(own) as imap:
        growth = Growth(own)
        answer, _ = imap.command("FETCH 1 (BODY.PEEK[HEADER.FIELDS (" + " ".join(['"a"'] * 12000) + ")])")
        assert answer.startswith("BAD")
        assert growth.now() < 40


def fields_letter(size):
    """A header of so many bytes, in as many fields as it can hold."""
    return b"a:\r\n" * (size // 4) + b"Subject: long\r\n\r\nx\r\n"


def test_a_long_header_takes_no_memory(own):
    with signed_in(own) as imap:
        append(imap, fields_letter(4 * MIB))
        growth, start = Growth(own), time.monotonic()
        session = own.imap(mailbox="INBOX")
        text = session.fetch("1", "(BODY.PEEK[HEADER.FIELDS.NOT (Subject)])")[1][0][1]
        assert len(text) == 4 * MIB + 2 and text.endswith(b"a:\r\n\r\n")
        part = session.fetch("1", "(BODY.PEEK[HEADER.FIELDS.NOT (Subject)]<4194300.100>)")[1][0][1]
        assert part == b"a:\r\n\r\n"[-6:]
        assert session.fetch("1", "(BODY.PEEK[HEADER.FIELDS (Subject X-No)])")[1][0][1] == b"Subject: long\r\n\r\n"
        session.logout()
        print("HEADER.FIELDS:", growth.now(), "MiB", time.monotonic() - start, "s")
        assert growth.now() < 40


def test_deaf_clients_with_long_headers(own):
    """Fifty clients ask for a header of 4 MiB and don't read: each is a window and the output that waits."""
    with signed_in(own) as imap:
        append(imap, fields_letter(4 * MIB))
        sessions = [signed_in(own) for _ in range(40)]
        growth = Growth(own)
        for session in sessions:
            session.send("f FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (Subject)]\r\n")
        time.sleep(1)
        imap.ok("NOOP")
        print("40 deaf clients:", growth.now(), "MiB")
        assert growth.now() < 200
        for session in sessions:
            session.close()


def test_headers_by_the_hundred_are_too_much_for_one_command(own):
    names = " ".join(f"x-{number}" for number in range(190))
    items = " ".join(f"BODY.PEEK[HEADER.FIELDS ({names} y-{number})]" for number in range(150))
    with signed_in(own) as imap:
        append(imap, fields_letter(4 * MIB))
        append(imap, b"X-1: there\r\n\r\n")
        start = time.monotonic()
        assert imap.command(f"FETCH 1 ({items})")[0].startswith("NO [LIMIT]")
        imap.ok(f"FETCH 2 ({items})")
        assert time.monotonic() - start < 10


def processor_time(server):
    fields = Path(f"/proc/{server.role_of('reader')}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("how", ["reset", "end"])
def test_work_ends_when_its_client_has_gone(own, how):
    """A search that says nothing for long: who asked for it is gone, and the processor is free soon after."""
    with signed_in(own) as imap:
        append(imap, text_letter(8 * MIB))
        for _ in range(7):
            imap.ok("COPY 1:* INBOX")
    gone = signed_in(own)
    gone.send("s SEARCH " + "OR BODY nothing1 " * 60 + "BODY nothing\r\n")
    time.sleep(0.5)
    if how == "reset":
        gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.close()
    start = time.monotonic()

    def is_quiet():
        before = processor_time(own)
        time.sleep(0.3)
        return processor_time(own) - before < 5
    wait_for(is_quiet, "the search to end", deadline=15)
    print(how, time.monotonic() - start)


def test_others_are_served_while_one_account_works(own):
    """One account searches with more sessions than there are workers: another's commands find one that is free."""
    own.configure(workers=2)
    own.stop()
    own.start()
    with signed_in(own) as imap:
        append(imap, text_letter(4 * MIB))
        for _ in range(7):
            imap.ok("COPY 1:* INBOX")
    greedy = [signed_in(own) for _ in range(6)]
    for session in greedy:
        session.send("s SEARCH " + "OR BODY nothing1 " * 60 + "BODY nothing\r\n")
    with signed_in(own, "boris") as other:
        times = []
        for _ in range(10):
            start = time.monotonic()
            other.ok("NOOP")
            times.append(time.monotonic() - start)
            time.sleep(0.02)  # longer than a worker waits for the next command
        print("NOOPs:", times)
        assert sorted(times)[5] < 0.2 and max(times) < 1, times
    for session in greedy:
        session.close()


def test_a_long_tagged_answer_is_whole(own):
    """COPYUID of so many scattered messages that it is longer than what the output holds at a time."""
    with signed_in(own) as imap:
        imap.ok("APPEND INBOX" + " {8+}\r\nX: y\r\n\r\n" * 100)
        for _ in range(10):
            imap.ok("COPY 1:* INBOX")
        imap.ok("CREATE scattered")
        wanted = range(10001, 102400, 2)
        answer = ok_line(imap, "UID COPY " + ",".join(map(str, wanted)) + " scattered")
        source, target = re.fullmatch(r"OK \[COPYUID \d+ ([\d,]+) (\S+)\] COPY done", answer).groups()
        assert source == ",".join(map(str, wanted)) and target == f"1:{len(wanted)}"
        assert len(answer) > 256 * 1024


def test_large_envelopes_count(own):
    """A letter to 8,000 people: what its envelope takes is borrowed from the share, by clients that don't read their answers, too."""
    letter = b"To: " + b",\r\n ".join(b"u%d@d.example" % i for i in range(8000)) + b"\r\nSubject: many\r\n\r\nx\r\n"
    with signed_in(own) as imap:
        append(imap, letter)
        imap.ok("FETCH 1 ENVELOPE")
        growth = Growth(own)
        sessions = [signed_in(own) for _ in range(40)]
        for session in sessions:
            session.send("f FETCH 1 (ENVELOPE BODYSTRUCTURE)\r\n" * 3)
        time.sleep(2)
        imap.ok("NOOP")
        print("40 envelopes:", growth.now(), "MiB")
        assert growth.now() < 250
        for session in sessions:
            session.close()
        wait_for(lambda: imap.command("FETCH 1 ENVELOPE")[0].startswith("OK"), "the share to be given back")


# ---- APPEND ----

def message_files(server, account):
    folder = server.data / "accounts" / server.domain / account / "mail"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_unfinished_counts_against_the_quota(own):
    """The messages of one APPEND together, and those of several sessions: refused before they are sent, and never on the disk."""
    own.run("account", "set", own.name("anna"), "--quota", "10M")
    half = b"X: y\r\n\r\n" + b"x" * (6 * MIB)
    with signed_in(own) as one, signed_in(own) as other:
        one.send(f"m APPEND INBOX {{{len(half)}+}}\r\n".encode() + half + f" {{{len(half)}}}\r\n".encode())
        assert one.until("m")[0].startswith("NO [OVERQUOTA]")
        one.send(f"m APPEND INBOX {{{len(half)}+}}\r\n".encode() + half[:4 * MIB])
        wait_for(lambda: message_files(own, "anna"), "the first to be written")
        other.send(f"n APPEND INBOX {{{len(half)}}}\r\n")
        assert other.until("n")[0].startswith("NO [OVERQUOTA]")
        other.send(f"o APPEND INBOX {{{len(half)}+}}\r\n".encode() + half + b"\r\n")
        assert other.until("o")[0].startswith("NO [OVERQUOTA]")
        assert sum(path.stat().st_size for path in message_files(own, "anna")) <= 10 * MIB
        one.close()
        wait_for(lambda: not message_files(own, "anna"), "what wasn't finished to go")
        append(other, half)
        other.send(f"n APPEND INBOX {{{len(half)}}}\r\n")
        assert other.until("n")[0].startswith("NO [OVERQUOTA]")


def open_files(server):
    return len(list(Path(f"/proc/{server.role_of('reader')}/fd").iterdir()))


def test_thousands_of_messages_in_one_append(own):
    """There is no limit to their number but memory: neither descriptors nor contents are held until the commit."""
    letter = letters.simple("many") + b"x" * 20000 + b"\r\n"
    with signed_in(own) as imap:
        imap.ok("NOOP")
        growth, files = Growth(own), open_files(own)
        imap.send("m APPEND INBOX")
        for _ in range(1500):
            imap.send(f" {{{len(letter)}+}}\r\n".encode() + letter)
        imap.send(" (\\Seen keyword) {9+}\r\nX: y\r\n")
        wait_for(lambda: len(message_files(own, "anna")) > 1490, "all to be written", deadline=60)
        print("MULTIAPPEND:", growth.now(), "MiB", open_files(own) - files, "files")
        assert growth.now() < 30 and open_files(own) - files < 8
        imap.send("\r\nz\r\n")
        answer = imap.until("m")[0]
        assert re.match(r"OK \[APPENDUID \d+ 1:1501\]", answer), answer
        assert imap.ok("SEARCH KEYWORD keyword") == ["* SEARCH 1501"]


def test_messages_without_end_in_one_append(own):
    """Small ones until the account's share of memory is used up: refused then, and forgotten."""
    own.configure(account_memory=1048576)
    own.reload()
    with signed_in(own) as imap:
        growth = Growth(own)
        imap.socket.settimeout(60)
        imap.send("m APPEND INBOX")
        piece = b" (a b) {8+}\r\nX: y\r\n\r\n" * 1000
        for _ in range(4):
            imap.send(piece)
        imap.send(b"\r\n")
        answer = imap.until("m")[0]
        print("endless MULTIAPPEND:", growth.now(), "MiB", answer)
        assert answer.startswith("NO [LIMIT]")
        assert growth.now() < 60
        assert message_files(own, "anna") == []


def test_a_header_too_long_is_refused_by_append():
    with Pombal(options={"max_header": 100000}) as own, signed_in(own) as imap:
        for letter in (fields_letter(120000), b"X: " + b"y" * 120000):
            imap.send(f"h APPEND INBOX {{{len(letter)}+}}\r\n".encode() + letter + b"\r\n")
            assert imap.until("h")[0].startswith("NO [TOOBIG]")
        append(imap, b"no header at all\r\n" * 20000)
        append(imap, fields_letter(90000))


def test_old_mail_is_mended(own):
    """Lone CRs and LFs, NULs: neither IMAP nor POP3 ever gives them out, and the log says once that something was replaced."""
    old = b"Subject: old\r mail\nX: y\n\na\0b\rc\n.\n\r\r\n.\0\r\n\r"
    kept = b"Subject: old  mail\r\nX: y\r\n\r\na\x80b\r\nc\r\n.\r\n\r\n.\x80\r\n\r\n"
    with signed_in(own) as imap:
        append(imap, old)
    session = own.imap(mailbox="INBOX")
    found = session.fetch("1", "(RFC822.SIZE BODY.PEEK[])")[1][0]
    assert found[1] == kept and f"RFC822.SIZE {len(kept)}".encode() in found[0]
    assert session.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1] == kept.partition(b"\r\n\r\n")[2]
    session.logout()
    pop3 = own.pop3()
    assert b"\r\n".join(pop3.retr(1)[1]) + b"\r\n" == kept
    pop3.quit()
    assert own.log().count("message.nul_replaced") == 1
    # A file that somebody else has written is mended on the way out of POP3.
    path, = message_files(own, "anna")
    path.write_bytes(kept.replace(b"a\x80b\r\n", b"a\0b\rx"))
    pop3 = own.pop3()
    assert b"a\x80b\r\nxc\r\n.\r\n" in b"\r\n".join(pop3.retr(1)[1]) + b"\r\n"
    pop3.quit()


# ---- Descriptors ----

def descriptors(process):
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def time_worked(process):
    """Seconds that a process has worked."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_who_has_no_descriptor_left_waits_quietly(own):
    """The kernel goes on to say that somebody wants in; nobody turns round and round over it, and who is in is served."""
    with signed_in(own) as imap:
        reader = own.role_of("reader")
        limits = resource.prlimit(reader, resource.RLIMIT_NOFILE)
        resource.prlimit(reader, resource.RLIMIT_NOFILE, (descriptors(reader), limits[1]))
        strangers = [socket.create_connection((own.address, own.ports["imap"]), timeout=20) for _ in range(20)]
        own.wait_log("event=accept.failed")
        before = time_worked(reader)
        time.sleep(1)
        assert time_worked(reader) - before < 0.4
        imap.ok("NOOP")
        resource.prlimit(reader, resource.RLIMIT_NOFILE, limits)
        for stranger in strangers:
            assert stranger.recv(4) == b"* OK"
            stranger.close()
        own.expected_noise.append("event=accept.failed")


def test_strangers_take_no_descriptor_that_a_user_needs(own):
    """Connections without end from people who never sign in: some are refused, and who is signed in reads on."""
    own.configure(connections_per_address=0, login_time="60s")
    own.reload()
    with signed_in(own) as imap:
        append(imap, b"X: y\r\n\r\n" + b"z" * 100000)
        imap.ok("UNSELECT")
        reader = own.role_of("reader")
        resource.prlimit(reader, resource.RLIMIT_NOFILE, (400, 400))
        own.configure(max_line=999)  # anything: the limits are looked at anew
        own.reload()
        strangers = []
        for _ in range(500):
            stranger = socket.create_connection((own.address, own.ports["imap"]), timeout=5)
            strangers.append(stranger)
        wait_for(lambda: "connection.refused" in own.log(), "the first to be refused")
        imap.ok("SELECT INBOX")
        for _ in range(3):
            answer = imap.ok("FETCH 1 BODY.PEEK[]")
            assert answer[0].endswith("{100008}") and answer[-1].endswith(")")
        append(imap, b"X: y\r\n\r\n" + b"z" * 300000)
        assert own.log().count("connection.refused") < 10
        assert "accept.failed" not in own.log()
        for stranger in strangers:
            stranger.close()
        wait_for(lambda: Imap(own.address, own.ports["imap"]).greeting.startswith("* OK"), "room for others")
