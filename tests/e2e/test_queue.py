"""pombal queue, trace and sendmail: what an administrator sees and does."""
import getpass
import json
import os
import re
import signal
import subprocess

import pytest

import letters
from peers import ScriptedServer
from pombal import Pombal, binary, environment, new_address, wait_for

MX_PORT = 22525


@pytest.fixture(scope="module")
def busy(names):
    """A server with a destination that refuses everything for the time being."""
    state = {"open": False}
    scripted = ScriptedServer(new_address(), MX_PORT, lambda verb, argument, session: "451 4.3.2 Closed today" if verb == "RCPT" and not state["open"] else None)
    names.domain("busy.example", scripted.address)
    with Pombal(options={"resolver": names.resolver, "mx_port": MX_PORT, "retry_schedule": ["1h"]}) as own:
        own.scripted, own.state = scripted, state
        yield own
    scripted.close()


def waiting(server, token):
    """Sends a letter that stays in the queue, and gives its entry there."""
    server.submit(letters.simple(token, f"{token}@busy.example", server.name("anna"), body="The body.\r\n"), f"{token}@busy.example")
    return wait_for(lambda: next((one for one in server.queue() if token in str(one) and "Closed today" in str(one)), None), "the letter in the queue")


def entry(server, identifier):
    return next((one for one in server.queue() if one["id"] == identifier), None)


def test_list_and_show(busy, token):
    one = waiting(busy, token)
    text = busy.run("queue", "list").stdout
    assert one["id"] in text and f"{token}@busy.example" in text and busy.name("anna") in text and "Closed today" in text
    shown = busy.run("queue", "show", one["id"]).stdout
    assert "Closed today" in shown and f"{token}@busy.example" in shown
    detail = busy.json("queue", "show", one["id"])
    assert token in str(detail)
    busy.run("queue", "remove", one["id"])
    assert entry(busy, one["id"]) is None
    busy.run("queue", "show", one["id"], status=1)


def test_tabs_of_a_header_are_shown(busy, token):
    """What would steer the terminal isn't."""
    letter = letters.simple(token, f"{token}@busy.example", busy.name("anna")).replace(b"\r\n\r\n", b"\r\nX-Folded: one\r\n\ttwo\tthree \x1b[2J\r\n\r\n", 1)
    busy.submit(letter, f"{token}@busy.example")
    one = wait_for(lambda: next((one for one in busy.queue() if token in str(one)), None), "the letter in the queue")
    shown = busy.run("queue", "show", one["id"]).stdout
    assert "\n\ttwo\tthree ?[2J\n" in shown and "\x1b" not in shown, shown
    busy.run("queue", "remove", one["id"])


def bodies(server):
    return list((server.data / "queue" / "body").iterdir())


@pytest.fixture(scope="module")
def paused():
    """A server whose courier can be made to wait."""
    with Pombal() as own:
        yield own


@pytest.mark.parametrize("size", [20000, 500000])
def test_a_large_letter_is_written_once(paused, token, size):
    """The file that it comes to in the queue is the one that the mailbox has, also in the confined roles; then the queue's name goes."""
    letter = letters.simple(token, body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * (size // 72))
    courier = paused.role_of("courier")
    os.kill(courier, signal.SIGSTOP)
    try:
        paused.deliver(letter, paused.name("anna"), sender="someone@elsewhere.example")
        (queued,) = bodies(paused)
        before = queued.stat()
        assert queued.read_bytes().startswith(b"Return-Path: <someone@elsewhere.example>\r\nReceived: ") and queued.read_bytes().endswith(b"y\r\n")
        shown = paused.run("queue", "show", paused.queue()[0]["id"]).stdout
        assert token in shown and "Return-Path" not in shown
    finally:
        os.kill(courier, signal.SIGCONT)
    paused.wait_mail(token)
    found = [path for path in (paused.data / "accounts").rglob("mail/*/*.eml") if path.stat().st_ino == before.st_ino]
    assert len(found) == 1 and found[0].stat().st_size == before.st_size and found[0].stat().st_mode & 0o777 == 0o600
    wait_for(lambda: not bodies(paused), "the queue's name of the file to go")
    assert found[0].stat().st_nlink <= 2  # the second name, for a while, is among what has just arrived
    with paused.imap(mailbox="INBOX") as client:
        kept = client.fetch(str(client.search(None, "SUBJECT", token)[1][0].split()[-1].decode()), "(RFC822.SIZE BODY.PEEK[])")[1][0]
        assert kept[1] == found[0].read_bytes() and f"RFC822.SIZE {before.st_size}".encode() in kept[0]


def test_other_servers_get_a_large_letter_without_return_path(busy, token):
    busy.state["open"] = True
    try:
        busy.submit(letters.simple(token, f"{token}@busy.example", busy.name("anna"), body="z" * 70 + "\r\n" + "z\r\n" * 10000), f"{token}@busy.example")
        got = wait_for(lambda: next((got for got in busy.scripted.letters if token.encode() in got["letter"]), None), "the letter")
        assert got["letter"].startswith(b"DKIM-Signature: ") and b"\r\nReceived: " in got["letter"] and b"Return-Path" not in got["letter"]
    finally:
        busy.state["open"] = False


def test_flush(busy, token):
    one = waiting(busy, token)
    busy.state["open"] = True
    try:
        busy.run("queue", "flush", one["id"])
        wait_for(lambda: any(token.encode() in got["letter"] for got in busy.scripted.letters), "the flushed letter")
        wait_for(lambda: entry(busy, one["id"]) is None, "the queue to be without it")
    finally:
        busy.state["open"] = False


def test_hold_and_release(busy, token):
    one = waiting(busy, token)
    busy.run("queue", "hold", one["id"])
    held = entry(busy, one["id"])
    assert held["held"] is True, held
    busy.state["open"] = True
    try:
        busy.run("queue", "flush")
        other = token + "x"
        busy.submit(letters.simple(other, f"{other}@busy.example", busy.name("anna")), f"{other}@busy.example")
        wait_for(lambda: any(other.encode() in got["letter"] for got in busy.scripted.letters), "the other letter")
        assert not any(f"Subject: {token}\r\n".encode() in got["letter"] for got in busy.scripted.letters)
        busy.run("queue", "release", one["id"])
        busy.run("queue", "flush", one["id"], status=None)
        wait_for(lambda: any(f"Subject: {token}\r\n".encode() in got["letter"] for got in busy.scripted.letters), "the released letter")
    finally:
        busy.state["open"] = False


def test_queue_commands_on_a_stopped_server(names, token):
    with Pombal(options={"resolver": names.resolver, "mx_port": 1, "retry_schedule": ["1h"]}, accounts=["anna"]) as own:
        own.submit(letters.simple(token, "x@busy.example", own.name("anna")), "x@busy.example")
        own.stop()
        [one] = own.queue()
        own.run("queue", "hold", one["id"])
        own.run("queue", "remove", one["id"])
        assert own.queue() == []


@pytest.mark.parametrize("command", ["show", "hold", "release", "remove"])
def test_unknown_id(busy, command):
    done = busy.run("queue", command, "0000000000000", status=None)
    assert done.returncode in (1, 2) and len(done.stderr.strip().splitlines()) == 1, (done.returncode, done.stderr)


# ---- trace ----

def test_trace(busy, token):
    letter = letters.simple(token, busy.name("boris"), busy.name("anna"))
    message_id = letters.parse(letter)["Message-ID"]
    busy.submit(letter, busy.name("boris"))
    busy.wait_mail(token, "boris")
    for asked in (message_id, message_id.strip("<>")):
        told = wait_for(lambda: "delivery" in busy.run("trace", asked).stdout and busy.run("trace", asked).stdout, f"the trace of {asked}")
        assert busy.name("boris") in told and busy.name("anna") in told, told
    assert message_id.strip("<>") in busy.run("trace", busy.name("boris")).stdout or "delivery" in busy.run("trace", busy.name("boris")).stdout
    assert busy.json("trace", message_id)


def test_trace_of_an_attempt(busy, token):
    one = waiting(busy, token)
    told = busy.run("trace", f"{token}@busy.example").stdout
    assert "Closed today" in told, told
    busy.run("queue", "remove", one["id"])


def test_trace_of_nothing(busy):
    done = busy.run("trace", "nobody-at-all@nowhere.example", status=None)
    assert done.returncode in (0, 1)


# ---- sendmail ----

def sendmail(server, *arguments, letter=b"", name=None, status=0):
    command = [name or binary(), *([] if name else ["sendmail"]), *arguments]
    done = subprocess.run(command, input=letter, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, env=environment(POMBAL_DATA=str(server.data)))
    assert status is None or done.returncode == status, done.stderr.decode()
    return done.stdout.decode()


def test_sendmail_takes_what_postfix_does(server, token):
    """Programs give options out of habit; what nobody knows is a mistake, and nothing is sent."""
    to = server.name("boris")
    habits = ["-Am", "-B8BITMIME", "-C", "/etc/mail.cf", "-G", "-h3", "-I", "-L", "cron", "-m", "-n", "-O", "MaxHopCount=3", "-o7", "-oem",
              "-p", "-R", "hdrs", "-U", "-v", "-X", "/tmp/x"]
    sendmail(server, *habits, "-f", server.name("anna"), to, letter=f"Subject: {token}\n\nText\n".encode())
    server.wait_mail(token, "boris")
    for wrong in ("--nonsense", "--sender=x", "-iz", "-bd", "-k", "-f"):
        sendmail(server, to, wrong, letter=f"Subject: {token}-wrong\n\nText\n".encode(), status=64)
    assert server.count_mail(token + "-wrong", "boris") == 0


def test_sendmail(server, token):
    sendmail(server, "-i", "-f", server.name("anna"), server.name("boris"), letter=f"Subject: {token}\n\nA line.\n.\nAnother.\n".encode())
    [got] = server.wait_mail(token, "boris")
    assert got.endswith(b"A line.\r\n.\r\nAnother.\r\n") and b"\r\nDate: " in got and b"\r\nMessage-ID: " in got.replace(b"Message-Id", b"Message-ID")
    fields, _ = letters.split_trace(got)
    assert dict(fields)["return-path"].decode() == f"<{server.name('anna')}>"


def test_sendmail_dot_ends_without_i(server, token):
    sendmail(server, "-f", server.name("anna"), server.name("boris"), letter=f"Subject: {token}\n\nA line.\n.\nNot this.\n".encode())
    [got] = server.wait_mail(token, "boris")
    assert got.endswith(b"A line.\r\n")


def test_sendmail_t(server, token):
    letter = (f"From: {server.name('anna')}\nTo: Boris <{server.name('boris')}>\nCc: nobody:;\nBcc: {server.name('anna')}\nSubject: {token}\n\nText\n").encode()
    sendmail(server, "-t", "-i", letter=letter)
    [one] = server.wait_mail(token, "boris")
    [two] = server.wait_mail(token, "anna")
    assert b"Bcc" not in one and b"Bcc" not in two


def test_sendmail_t_without_recipients(server):
    sendmail(server, "-t", letter=b"Subject: nobody\n\nText\n", status=None)
    done = subprocess.run([binary(), "sendmail", "-t"], input=b"Subject: nobody\n\nText\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment(POMBAL_DATA=str(server.data)), timeout=60)
    assert done.returncode != 0 and done.stderr


def test_called_as_sendmail_and_mailq(busy, token, tmp_path):
    for name in ("sendmail", "mailq"):
        os.symlink(os.path.abspath(binary()), tmp_path / name)
    sendmail(busy, "-oi", "-oem", "-f", busy.name("anna"), "--", busy.name("boris"), letter=f"Subject: {token}\n\nText\n".encode(), name=str(tmp_path / "sendmail"))
    busy.wait_mail(token, "boris")
    one = waiting(busy, token)
    for listing in (sendmail(busy, "-bp"), sendmail(busy, name=str(tmp_path / "mailq")), sendmail(busy, "-bp", name=str(tmp_path / "sendmail"))):
        assert one["id"] in listing and f"{token}@busy.example" in listing
    busy.run("queue", "remove", one["id"])


def test_sendmail_to_a_stopped_server(token):
    """What sendmail has taken waits in the queue until the server runs."""
    with Pombal(accounts=["anna"], start=False) as own:
        assert sendmail(own, "-bp") == "Mail queue is empty\n"
        sendmail(own, "-f", own.name("anna"), own.name("anna"), letter=f"Subject: {token}\n\nText\n".encode())
        assert len(own.queue()) == 1
        own.start()
        own.wait_mail(token)


def test_mailq_without_an_instance(tmp_path):
    done = subprocess.run([binary(), "sendmail", "-bp", "--data", str(tmp_path)], capture_output=True, text=True, timeout=60, env=environment())
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1, done


def test_sendmail_8bit_and_crlf(server, token):
    sendmail(server, "-i", "-f", server.name("anna"), server.name("boris"), letter=f"Subject: {token}\r\n\r\nПривет\r\n".encode())
    [got] = server.wait_mail(token, "boris")
    assert got.endswith("\r\n\r\nПривет\r\n".encode()) and b"\r\r\n" not in got


def test_sendmail_to_someone_unknown(server, token):
    """A caller that can be told at once is; else the report comes by mail."""
    status = subprocess.run([binary(), "sendmail", "-f", server.name("anna"), f"{token}@{server.domain}"], input=f"Subject: {token}\n\nText\n".encode(),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(POMBAL_DATA=str(server.data)), timeout=60).returncode
    if status == 0:
        wait_for(lambda: re.search(r"Undeliver|Returned|failed|Delivery", str(server.imap("anna", mailbox="INBOX").search(None, "TEXT", f'"{token}"')), re.I)
                 or server.imap("anna", mailbox="INBOX").search(None, "TEXT", f'"{token}"')[1][0], "a report")


def test_what_was_done_to_a_message_is_traced(busy, token):
    """Who held it, released it and removed it: the removal is the trace's end."""
    one = waiting(busy, token)
    busy.wait_log(f"delivery.deferred .*{token}")  # the queue may tell of it before the log does
    for act in ("hold", "release", "flush", "remove"):
        before = busy.log_size()
        busy.run("queue", act, one["id"])
        if act == "flush":  # it is tried once more, and that is written down, too
            busy.wait_log(f"delivery.deferred .*{token}", before)
    [story] = busy.json("trace", one["id"])
    acts = [event for event in story["events"] if event["event"].startswith("admin.")]
    assert [event["event"] for event in acts] == ["admin.queue_held", "admin.queue_released", "admin.queue_flushed", "admin.queue_removed"]
    assert story["events"][-1]["event"] == "admin.queue_removed"
    assert {(event["by"], event["uid"], event["from"]) for event in acts} == {(getpass.getuser(), str(os.getuid()), busy.name("anna"))}
    assert acts[-1]["command"] == "queue remove"
    assert "admin.queue_removed" in busy.run("trace", f"{token}@busy.example").stdout.splitlines()[-1]


def test_given_back_to_its_sender(busy, token):
    """He reads the reason, and its story ends with that he was told."""
    one = waiting(busy, token)
    assert "given back" in busy.run("queue", "return", one["id"], "--reason", "The address is of last year").stdout
    wait_for(lambda: entry(busy, one["id"]) is None, "the queue to be without it")
    with busy.imap("anna", mailbox="INBOX") as client:
        found = wait_for(lambda: client.noop() and client.search(None, "TEXT", f'"{token}@busy.example"')[1][0].split(), "the report")
        report = client.fetch(found[-1].decode(), "(BODY.PEEK[])")[1][0][1]
    assert b"Detail: The address is of last year\r\n" in report and f"Final-Recipient: rfc822; {token}@busy.example\r\nAction: failed\r\n".encode() in report
    busy.wait_log(f"report.queued .*{one['id']}")
    told = [event["event"] for event in json.loads(busy.run("trace", one["id"], "--json").stdout)[0]["events"]]
    assert told.index("admin.queue_returned") < told.index("delivery.failed") < told.index("report.queued"), told


def test_where_a_letter_goes_is_changed(busy, token):
    """To another address; and through another server, which the log names."""
    one = waiting(busy, token)
    assert "name the one" not in busy.run("queue", "edit", one["id"], "--to", busy.name("boris")).stderr
    [got] = busy.wait_mail(token, "boris")
    assert f"{token}@busy.example".encode() in got
    wait_for(lambda: entry(busy, one["id"]) is None, "the queue to be without it")
    two = waiting(busy, token + "b")
    other = ScriptedServer(new_address(), MX_PORT, lambda verb, argument, session: None)
    try:
        busy.run("queue", "edit", two["id"], "--via", f"{other.address}:{MX_PORT}")
        wait_for(lambda: any(token.encode() in got["letter"] for got in other.letters), "the letter at the other server")
        wait_for(lambda: entry(busy, two["id"]) is None, "the queue to be without it")
    finally:
        other.close()
    [edited] = [event for event in json.loads(busy.run("trace", two["id"], "--json").stdout)[0]["events"] if event["event"] == "admin.queue_edited"]
    assert edited["via"] == f"{other.address}:{MX_PORT}" and edited["to"] == f"{token}b@busy.example"
    assert "HOST" in busy.run("queue", "edit", two["id"], "--via", "a b", status=1).stderr


def test_words_about_what_changes_nothing(busy, token):
    """One that isn't held can't be released, one that is can't be held again or tried; what isn't there isn't there."""
    one = waiting(busy, token)
    assert "not held" in busy.run("queue", "release", one["id"], status=1).stderr
    busy.run("queue", "hold", one["id"])
    assert "held already" in busy.run("queue", "hold", f"{token}@busy.example", status=1).stderr
    assert "queue release" in busy.run("queue", "flush", one["id"], status=1).stderr
    busy.run("queue", "remove", one["id"])
    for act in ("release", "hold", "flush", "return", "remove", "show"):
        assert "nothing in the queue" in busy.run("queue", act, one["id"], status=1).stderr
