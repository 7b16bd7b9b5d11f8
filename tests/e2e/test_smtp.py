"""SMTP and LMTP to the letter, spoken by hand: RFC 5321, 2920, 3030, 1870, 6152, 6531, 3461, 3207, 2033."""
import re
import smtplib

import pytest

import letters
from pombal import Pombal, wait_for
from wire import Smtp


def relay(server, **more):
    return Smtp(server.address, server.ports["smtp"], **more)


def send(smtp, letter, *to, sender="someone@elsewhere.example"):
    smtp.envelope(sender, *to)
    answer = smtp.data(letter)
    assert answer.startswith("250"), answer
    return answer


def test_extensions(server):
    with relay(server) as smtp:
        offered = {line[4:].split()[0] for line in smtp.hello.split("\n")[1:]}
        assert {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "STARTTLS"} <= offered
        assert "AUTH" not in offered
        assert smtp.hello.split("\n")[0][4:].split()[0] == server.hostname
        assert re.search(r"SIZE \d+", smtp.hello)


def test_helo(server, token):
    with relay(server, hello="HELO client.example") as smtp:
        assert smtp.hello.startswith("250 ") and "\n" not in smtp.hello
        send(smtp, letters.simple(token), server.name("anna"))
        assert smtp.say("QUIT").startswith("221")
        assert smtp.is_closed()
    received = dict(letters.split_trace(server.wait_mail(token)[0])[0])["received"].decode()
    assert re.search(r"with SMTP\b", received), received


def test_before_ehlo(server):
    """What RFC 5321 4.1.4 wants answered in a session without EHLO."""
    with relay(server, hello="") as smtp:
        for command, code in (("NOOP", "250"), ("HELP", "214"), ("RSET", "250"), ("VRFY anna", "252"), ("EXPN all", "502"), ("MAIL FROM:<>", "503")):
            assert smtp.say(command).startswith(code), command


@pytest.mark.parametrize("command,code", [
    ("NOOP", "250"), ("NOOP anything at all", "250"), ("RSET", "250"), ("HELP", "214"), ("VRFY anna", "252"), ("FOO", "500"),
    ("EXPN list", "5"), ("ETRN #x' OR 1=1", "5"), ("DATA", "503"), ("RCPT TO:<anna@example.test>", "503"), ("BDAT 0 LAST", "503"),
    ("MAIL FROM:anna@b.example", "250"), ("MAIL FROM:", "501"), ("MAIL FROM:<anna@example.test", "501"), ("MAIL", "501"), ("MAIL FROM:<a b@c.example>", "501"),
    ("MAIL FROM:<a@b.example> FOO=BAR", "555"), ("MAIL FROM:<a@b.example> SIZE=x", "501"), ("MAIL FROM:<a@b.example> BODY=9BIT", "501"),
    ("MAIL FROM:<a@b.example> SIZE=99999999999", "552"), ("MAIL FROM:<a@b..example>", "5"), ("EHLO", "501"), ("STARTTLS now", "501"),
    ("QUIT now", "501"), ("AUTH PLAIN AGEAYgA=", "5"), ("\x00\x01\x02", "5"), ("mAiL fRoM:<a@b.example>", "250"), ("", "500"),
    ("MAIL FROM:<юля@пример.example>", "5"), ("MAIL FROM:<юля@пример.example> SMTPUTF8", "250"), ("MAIL FROM:<>", "250"),
    ("MAIL FROM:<a@b.example> RET=FULL ENVID=a+3Db", "250"), ("MAIL FROM:<a@b.example> RET=SOME", "501"),
    ("MAIL FROM:<a@b.example> RET=FULL RET=HDRS", "501"),
])
def test_commands(server, command, code):
    with relay(server) as smtp:
        answer = smtp.say(command)
        assert answer.startswith(code), answer
        assert re.match(r"\d\d\d[ -]\d\.\d+\.\d+ |(214|500|501|502|220|250)", answer), answer
        if code != "221":
            assert smtp.say("NOOP").startswith("250")


@pytest.mark.parametrize("path,code", [
    ("<anna@example.test>", "250"), ("<ANNA@Example.Test>", "250"), ("<anna+detail@example.test>", "250"), ("<postmaster>", "250"),
    ("<Postmaster@example.test>", "250"), ("<\"anna\"@example.test>", "250"), ("<nobody@example.test>", "550"), ("<anna@other.example>", "55"),
    ("<>", "5"), ("<@a.example,@b.example:anna@example.test>", "2"), ("<anna@example.test> NOTIFY=NEVER", "250"),
    ("<anna@example.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;anna+2Bx@example.test", "250"),
    ("<anna@example.test> NOTIFY=NEVER,SUCCESS", "501"), ("<anna@example.test> ORCPT=x", "501"), ("<anna@example.test> FOO", "555"),
    ("<\"\"@example.test>", "5"), ("<anna@example.test", "501"), ("anna@example.test", "250"), ("<anna\x00@example.test>", "5"),
    ("<|/bin/sh@example.test>", "550"), ("<;touch /tmp/x@example.test>", "5"), ("<-anna@example.test>", "550"),
    ("<../../etc/passwd@example.test>", "5"), ("<\"../../x\"@example.test>", "550"), ("<" + "a" * 600 + "@example.test>", "5"),
])
def test_recipients(server, path, code):
    with relay(server) as smtp:
        smtp.expect("MAIL FROM:<a@b.example>", 250)
        answer = smtp.say("RCPT TO:" + path)
        assert answer.startswith(code), answer
        assert smtp.say("NOOP").startswith("250")


@pytest.mark.parametrize("recipient", [
    "victim@other.example", "victim%other.example@example.test", "other.example!victim", "other.example!victim@example.test",
    "@example.test:victim@other.example", "@example.test,@x.example:victim@other.example", "\"victim@other.example\"@example.test",
    "\"victim%other.example\"@example.test", "victim@[192.0.2.1]", "victim@other.example@example.test", "victim@other.example.",
    "victim@other.example%00@example.test", "@a:b@c.example", "postmaster@other.example", "victim@example.test.other.example",
])
@pytest.mark.parametrize("sender", ["", "anna@example.test", "someone@elsewhere.example"])
def test_no_open_relay(server, sender, recipient):
    for port in ("smtp",):
        with Smtp(server.address, server.ports[port]) as smtp:
            smtp.expect(f"MAIL FROM:<{sender}>", 250)
            answer = smtp.say(f"RCPT TO:<{recipient}>")
            assert answer.startswith("5"), f"{recipient}: {answer}"


def test_lmtp_does_not_relay(server):
    with Smtp(server.address, server.ports["lmtp"], hello="LHLO client.example") as smtp:
        smtp.expect("MAIL FROM:<a@b.example>", 250)
        assert smtp.say("RCPT TO:<victim@other.example>").startswith("5")


def test_pipelining(server, token):
    first, second = letters.simple(token + " 1"), letters.simple(token + " 2")
    envelope = f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{server.name('anna')}>\r\nRCPT TO:<nobody@{server.domain}>\r\nDATA\r\n"
    with relay(server) as smtp:
        smtp.send(envelope)
        assert [smtp.reply()[:3] for _ in range(4)] == ["250", "250", "550", "354"]
        # The end of one letter, the whole next envelope, and the next letter in one packet.
        smtp.send(first + b".\r\n" + envelope.encode())
        assert [smtp.reply()[:3] for _ in range(5)] == ["250", "250", "250", "550", "354"]
        smtp.send(second + b".\r\nNOOP\r\nQUIT\r\n")
        assert [smtp.reply()[:3] for _ in range(3)] == ["250", "250", "221"]
    server.wait_mail(token, count=2)


def test_one_byte_at_a_time(server, token):
    with relay(server) as smtp:
        smtp.envelope("a@b.example", server.name("anna"))
        smtp.expect("DATA", 354)
        for byte in letters.simple(token, body="x\r\n..y\r\n") + b".\r\n":
            smtp.send(bytes([byte]))
        assert smtp.reply().startswith("250")
    assert server.wait_mail(token)[0].endswith(b"x\r\n.y\r\n")


def test_data_without_recipients(server):
    with relay(server) as smtp:
        smtp.expect("MAIL FROM:<a@b.example>", 250)
        smtp.expect(f"RCPT TO:<nobody@{server.domain}>", 550)
        assert smtp.say("DATA")[:3] in ("503", "554")


def test_rset_forgets(server):
    with relay(server) as smtp:
        smtp.envelope("a@b.example", server.name("anna"))
        smtp.expect("RSET", 250)
        smtp.expect("DATA", 503)
        smtp.expect("MAIL FROM:<a@b.example>", 250)
        smtp.expect("MAIL FROM:<a@b.example>", 503)
        smtp.expect("EHLO again.example", 250)
        smtp.expect("MAIL FROM:<a@b.example>", 250)


def test_dots(server, token):
    body = "first\r\n.\r\n..\r\n.leading\r\ntrailing.\r\n.\r\n"
    letter = letters.simple(token, body=body)
    server.deliver(letter)
    letters.assert_same(server.wait_mail(token)[0], letter)


def test_several_recipients_get_one_each(server, token):
    server.deliver(letters.simple(token), "anna", "boris", "alice")
    server.wait_mail(token, "anna")
    server.wait_mail(token, "boris")


def test_same_recipient_twice(server, token):
    with relay(server) as smtp:
        send(smtp, letters.simple(token), server.name("anna"), server.name("anna"), server.name("ANNA"))
    server.deliver(letters.simple(token + " end"))
    server.wait_mail(token + " end")
    assert server.count_mail(token) == 2


def test_plus_address(server, token):
    with relay(server) as smtp:
        send(smtp, letters.simple(token), "anna+some.detail@" + server.domain)
    server.wait_mail(token)


def test_postmaster_is_read_by_somebody(server, token):
    with relay(server) as smtp:
        send(smtp, letters.simple(token), "postmaster")
    server.wait_queue_empty()


# ---- BDAT ----

def test_bdat(server, token):
    letter = letters.simple(token, body="one\r\n.\r\ntwo\r\n")
    cut = len(letter) // 2
    with relay(server) as smtp:
        smtp.envelope("a@b.example", server.name("anna"))
        smtp.expect(f"BDAT {cut}\r\n".encode() + letter[:cut], 250)
        smtp.expect(f"BDAT {len(letter) - cut} LAST\r\n".encode() + letter[cut:], 250)
    letters.assert_same(server.wait_mail(token)[0], letter)


def test_bdat_pipelined_with_empty_last_chunk(server, token):
    letter = letters.simple(token)
    with relay(server) as smtp:
        smtp.send(f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{server.name('anna')}>\r\nBDAT {len(letter)}\r\n".encode() + letter
                  + b"BDAT 0 LAST\r\nNOOP\r\n")
        assert [smtp.reply()[:3] for _ in range(5)] == ["250"] * 5
    letters.assert_same(server.wait_mail(token)[0], letter)


def test_bdat_looks_like_commands(server, token):
    letter = letters.simple(token, body="QUIT\r\n.\r\nRSET\r\n")
    with relay(server) as smtp:
        smtp.envelope("a@b.example", server.name("anna"))
        for at in range(0, len(letter), 7):
            smtp.expect(f"BDAT {len(letter[at:at + 7])}\r\n".encode() + letter[at:at + 7], 250)
        smtp.expect("BDAT 0 LAST", 250)
    letters.assert_same(server.wait_mail(token)[0], letter)


@pytest.mark.parametrize("chunk", ["BDAT x", "BDAT", "BDAT 5 FIRST", "BDAT -1 LAST", "BDAT 99999999999999999999 LAST", "BDAT 4294967295 LAST"])
def test_bdat_malformed(server, chunk):
    with relay(server) as smtp:
        smtp.envelope("a@b.example", server.name("anna"))
        answer = smtp.say(chunk)
        assert answer.startswith("5"), answer


def test_bdat_after_refused_recipients_is_swallowed(server):
    """The chunk's bytes follow whether or not it is welcome (RFC 3030 section 4.1)."""
    with relay(server) as smtp:
        smtp.send("BDAT 10 LAST\r\nQUIT\r\nXYZ\n" + "NOOP\r\n")
        assert smtp.reply().startswith("503")
        assert smtp.reply().startswith("250")


def test_data_amid_bdat(server, token):
    with relay(server) as smtp:
        smtp.envelope("a@b.example", server.name("anna"))
        smtp.expect(b"BDAT 4\r\nA: b", 250)
        smtp.expect("DATA", 503)


def test_binarymime_needs_bdat(server, token):
    with relay(server) as smtp:
        smtp.expect("MAIL FROM:<a@b.example> BODY=BINARYMIME", 250)
        smtp.expect(f"RCPT TO:<{server.name('anna')}>", 250)
        smtp.expect("DATA", 503)


# ---- Letters of every kind ----

def test_8bit_and_cyrillic(server, token):
    letter = letters.simple(token, body="Привет, мир!\r\n" + "я" * 400 + "\r\n",
                            more="Subject2: Тема письма\r\nContent-Type: text/plain; charset=utf-8\r\n")
    letter = letter + bytes(range(128, 256)) + b"\r\n"
    server.deliver(letter)
    letters.assert_same(server.wait_mail(token)[0], letter)


def test_smtputf8(server, token):
    with server.smtp() as session:
        session.ehlo()
        code, text = session.mail("юля@пример.example", ["SMTPUTF8", "BODY=8BITMIME"])
        assert code == 250, text
        assert session.rcpt(server.name("anna"))[0] == 250
        assert session.data(letters.simple(token, sender="юля@пример.example"))[0] == 250
    got = server.wait_mail(token)[0]
    assert dict(letters.split_trace(got)[0])["return-path"].decode() == "<юля@пример.example>"
    assert re.search(rb"with UTF8SMTP", got)


def test_smtplib_with_options(server, token):
    with server.smtp() as session:
        refused = session.sendmail("a@b.example", [server.name("anna"), server.name("boris")], letters.simple(token),
                                   mail_options=["BODY=8BITMIME", "RET=HDRS", "ENVID=x+2Dy"], rcpt_options=["NOTIFY=FAILURE,DELAY"])
        assert refused == {}
    server.wait_mail(token)


@pytest.mark.parametrize("letter", [
    b"", b"\r\n", b"no header at all\r\n", b"Subject: only a header", b"A:\r\n\r\n", b" folded from the start\r\n\r\nx\r\n", b":\r\n\r\n",
    b"Subject: \xff\xfe\r\n\r\n\x80\r\n", b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n",
])
def test_odd_letters_are_kept_as_they_are(server, letter):
    mark = letters.token()
    session = server.imap("anna", mailbox="INBOX")
    before = int(session.untagged_responses.get("EXISTS", [b"0"])[-1])
    with relay(server) as smtp:
        smtp.envelope(f"{mark}@b.example", server.name("anna"))
        smtp.expect("DATA", 354)
        smtp.send((letter + b"\r\n" if letter and not letter.endswith(b"\r\n") else letter) + b".\r\n")
        answer = smtp.reply()
    assert answer.startswith("250"), answer
    session.logout()
    [got] = server.wait_mail(f"<{mark}@b.example>", header="Return-Path")
    whole = letter if letter.endswith(b"\r\n") or not letter else letter + b"\r\n"
    assert got.endswith((whole, whole + b"\r\n"))  # a header that wasn't ended has its empty line now
    assert before >= 0


# ---- TLS ----

def test_starttls(server, token):
    with relay(server) as smtp:
        smtp.secure()
        assert "STARTTLS" not in smtp.hello
        smtp.expect("STARTTLS", 503)
        send(smtp, letters.simple(token), server.name("anna"))
    received = dict(letters.split_trace(server.wait_mail(token)[0])[0])["received"].decode()
    assert "with ESMTPS" in received and "TLS" in received, received


def test_starttls_forgets_what_was_said(server):
    with relay(server) as smtp:
        smtp.expect("MAIL FROM:<a@b.example>", 250)
        answer = smtp.say("STARTTLS")
        if answer.startswith("220"):
            smtp.start_tls()
            smtp.expect("RCPT TO:<anna@example.test>", 503)
            smtp.expect("MAIL FROM:<a@b.example>", 503)  # EHLO comes first again
        else:
            assert answer.startswith("503")


def test_implicit_tls_speaks_first(server):
    with Smtp(server.address, server.ports["submissions"], tls=True) as smtp:
        assert smtp.hello.startswith("250")


# ---- LMTP ----

def test_lmtp_answers_for_each_recipient(server, token):
    with Smtp(server.address, server.ports["lmtp"], hello="LHLO client.example") as smtp:
        smtp.expect("MAIL FROM:<a@b.example>", 250)
        smtp.expect(f"RCPT TO:<{server.name('anna')}>", 250)
        smtp.expect(f"RCPT TO:<nobody@{server.domain}>", 550)
        smtp.expect(f"RCPT TO:<{server.name('boris')}>", 250)
        smtp.expect("DATA", 354)
        smtp.send(letters.simple(token) + b".\r\n")
        assert smtp.reply().startswith("250")
        assert smtp.reply().startswith("250")
        assert smtp.say("NOOP").startswith("250")
    server.wait_mail(token)
    server.wait_mail(token, "boris")


def test_lmtp_wants_lhlo(server):
    with Smtp(server.address, server.ports["lmtp"], hello=None) as smtp:
        assert smtp.say("EHLO x.example").startswith("5")
        assert smtp.say("HELO x.example").startswith("5")
        assert smtp.say("LHLO x.example").startswith("250")
    with relay(server, hello=None) as smtp:
        assert smtp.say("LHLO x.example").startswith("5")


def test_lmtp_smtplib(server, token):
    """With one recipient: smtplib doesn't read the further answers that LMTP gives."""
    with smtplib.LMTP(server.address, server.ports["lmtp"]) as session:
        assert session.sendmail("a@b.example", [server.name("anna")], letters.simple(token)) == {}
    server.wait_mail(token)


# ---- Limits ----

@pytest.fixture(scope="module")
def small():
    with Pombal(options={"max_message": "64K", "max_header": "4K", "max_recipients": 5, "max_errors": 5, "max_received": 5,
                         "smtp_idle": "2s", "max_messages_per_session": 2, "connections_per_address": 12, "smtp_total": "12s"}) as own:
        yield own


def test_too_large_announced(small):
    with relay(small) as smtp:
        assert "SIZE 65536" in smtp.hello
        smtp.expect("MAIL FROM:<a@b.example> SIZE=70000", 552)
        smtp.expect("MAIL FROM:<a@b.example> SIZE=60000", 250)


def test_too_large_sent(small):
    with relay(small) as smtp:
        smtp.envelope("a@b.example", small.name("anna"))
        answer = smtp.data(letters.simple("large", body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 2000))
        assert answer.startswith("552"), answer
        assert smtp.say("NOOP").startswith("250")


def test_too_large_in_chunks(small):
    with relay(small) as smtp:
        smtp.envelope("a@b.example", small.name("anna"))
        chunk = b"Subject: large\r\n\r\n" + b"x" * 40000
        answers = [smtp.say(f"BDAT {len(chunk)}\r\n".encode() + chunk) for _ in range(2)]
        assert answers[0].startswith("250") and answers[1].startswith("552"), answers


def test_header_too_large(small):
    with relay(small) as smtp:
        smtp.envelope("a@b.example", small.name("anna"))
        answer = smtp.data(letters.simple("header", more="".join(f"X-{i}: {'x' * 60}\r\n" for i in range(100))))
        assert answer.startswith("55"), answer


def test_too_many_recipients(small):
    with relay(small) as smtp:
        smtp.expect("MAIL FROM:<a@b.example>", 250)
        answers = [smtp.say(f"RCPT TO:<anna+{i}@{small.domain}>")[:3] for i in range(7)]
        assert answers == ["250"] * 5 + ["452"] * 2


def test_too_many_errors(small):
    with relay(small) as smtp:
        smtp.send("FOO\r\n" * 20)
        answer = smtp.rest()
    assert answer.count(b"\r\n500 ") + answer.startswith(b"500") <= 6 and b"421" in answer, answer


def test_line_too_long(small):
    with relay(small) as smtp:
        smtp.send("NOOP " + "x" * 100000 + "\r\n")
        answer = smtp.rest() if smtp.is_closed(1) else smtp.reply().encode()
        assert answer.startswith((b"500", b"421", b"")), answer


def test_endless_line_is_cut_off(small):
    with relay(small) as smtp:
        with pytest.raises((ConnectionError, OSError)):
            for _ in range(200):
                smtp.send("x" * 65536)
            smtp.socket.settimeout(10)
            while smtp.socket.recv(65536):
                pass
            raise ConnectionError


def test_long_body_line(small):
    """RFC 5321 allows 998; longer ones from a sloppy client are either kept or refused, never cut."""
    mark = letters.token()
    letter = letters.simple(mark, body="x" * 5000 + "\r\n")
    with relay(small) as smtp:
        smtp.envelope("a@b.example", small.name("anna"))
        answer = smtp.data(letter)
    if answer.startswith("250"):
        letters.assert_same(small.wait_mail(mark)[0], letter)
    else:
        assert answer.startswith("5"), answer


def test_silence_ends_it(small):
    with relay(small) as smtp:
        answer = smtp.rest()
        assert answer.startswith(b"421"), answer


def test_silence_amid_data_ends_it(small):
    with relay(small) as smtp:
        smtp.envelope("a@b.example", small.name("anna"))
        smtp.expect("DATA", 354)
        smtp.send("Subject: half")
        answer = smtp.rest()
        assert answer == b"" or answer.startswith(b"421"), answer


def test_too_many_letters(small, token):
    with relay(small) as smtp:
        for i in range(2):
            send(smtp, letters.simple(token), small.name("anna"))
        answer = smtp.say("MAIL FROM:<a@b.example>")
        assert answer.startswith("4"), answer


def test_memory_for_what_comes_in(token):
    """Many messages at once may take so much memory; who comes too late is told to try again, and nobody else is harmed."""
    with Pombal(options={"receiving_memory": 1000000}) as own:
        sessions = [Smtp(own.address, own.ports["smtp"]) for _ in range(90)]  # what is larger goes to a file
        answers = []
        for smtp in sessions:
            smtp.envelope("a@b.example", own.name("anna"))
            answers.append(smtp.say(b"BDAT 15000\r\n" + letters.simple(token, body="x" * 70 + "\r\n").ljust(15000, b"y")))
        assert answers[0].startswith("250") and answers[-1].startswith("451 4.3.2"), answers
        assert sessions[0].say(b"BDAT 2 LAST\r\n\r\n").startswith("250")
        for smtp in sessions:
            smtp.close()

        def taken():
            with Smtp(own.address, own.ports["smtp"]) as smtp:
                smtp.envelope("a@b.example", own.name("anna"))
                return smtp.data(letters.simple(token)).startswith("250")
        wait_for(taken, "memory to be free again")
        own.wait_mail(token, count=2)


def test_loop_is_noticed(small, token):
    received = "".join(f"Received: from a{i}.example by b{i}.example; Sun, 22 Nov 2026 10:00:0{i} +0000\r\n" for i in range(6))
    with relay(small) as smtp:
        smtp.envelope("a@b.example", small.name("anna"))
        smtp.expect("DATA", 354)
        smtp.send(received.encode() + letters.simple(token) + b".\r\n")
        answer = smtp.reply()
    assert answer.startswith("554 5.4.6"), answer


def test_too_many_connections(small):
    from wire import Wire
    held, refused = [], 0
    try:
        for _ in range(20):
            wire = Wire(small.address, small.ports["smtp"])
            held.append(wire)
            try:
                refused += not wire.line().startswith("220")
            except (EOFError, ConnectionError):
                refused += 1
        assert refused >= 8, refused
    finally:
        for wire in held:
            wire.close()
    from pombal import wait_for

    def welcome():
        try:
            with Wire(small.address, small.ports["smtp"]) as wire:
                return wire.line().startswith("220")
        except (EOFError, ConnectionError):
            return False
    wait_for(welcome, "connections to be welcome again")
