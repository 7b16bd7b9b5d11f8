"""sendmail for every user of the machine: over a socket of the running server, which knows from the kernel whose program it is."""
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from pombal import Pombal, binary, environment, wait_for

NOBODY, OTHER = 65534, 61234  # the second has no name
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be others")


@pytest.fixture(scope="module")
def place():
    """A folder that all users reach, with the program and the socket."""
    folder = Path(tempfile.mkdtemp(prefix="pombal-sendmail-"))
    folder.chmod(0o755)
    shutil.copy(binary(), folder / "pombal")
    (folder / "pombal").chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def own(place):
    with Pombal(options={"sendmail_listen": [str(place / "socket")], "sendmail_rate": 40, "connections_per_address": 5}) as server:
        yield server


def sendmail(place, *arguments, letter=b"", user=NOBODY, status=0, path="socket"):
    done = subprocess.run([place / "pombal", "sendmail", *arguments], input=letter, capture_output=True, user=user, group=user, extra_groups=[],
                          env=environment(POMBAL_SENDMAIL=str(place / path)), cwd="/", timeout=60)
    assert done.returncode == status, done.stderr
    return (done.stdout + done.stderr).decode()


def dialogue(place, *lines, user=NOBODY):
    """What a program gets to hear that speaks to the socket itself."""
    script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\nf=s.makefile('rwb')\nf.readline()\n" \
             "for line in sys.argv[2:]:\n f.write(line.encode()+b'\\r\\n'); f.flush()\n while True:\n  got=f.readline(); print(got.decode().strip())\n" \
             "  if got[3:4]!=b'-': break\n"
    done = subprocess.run(["/usr/bin/python3", "-c", script, place / "socket", *lines], capture_output=True, user=user, group=user, extra_groups=[],
                          timeout=60, cwd="/", text=True)
    return done.stdout.splitlines()


def test_a_letter_of_another_user(own, place, token):
    offset = own.log_size()
    sendmail(place, own.name("boris"), letter=f"Subject: {token}\n\nA line.\n..two dots\n".encode())
    got = own.wait_mail(token, "boris")[0]
    assert b"Return-Path: <nobody@example.test>" in got and b"From: nobody@example.test" in got
    assert b"A line.\r\n..two dots\r\n" in got
    assert b"user 65534" in got
    assert own.wait_log(r"event=message\.accepted.*account=nobody@example\.test", offset)


def test_unqualified_and_system_users(own, place, token):
    sendmail(place, "-i", "boris", "root", letter=f"Subject: {token}\n\nFrom cron\n.\nand more\n".encode())
    assert b"and more" in own.wait_mail(token, "boris")[0]


def test_recipients_from_the_header(own, place, token):
    sendmail(place, "-t", letter=f"To: boris\nBcc: {own.name('anna')}\nSubject: {token}\n\nText\n".encode())
    assert b"Bcc" not in own.wait_mail(token, "anna")[0]
    own.wait_mail(token, "boris")


def test_nobody_writes_as_another(own, place, token):
    letter = f"Subject: {token}\n\nText\n".encode()
    assert "not yours" in sendmail(place, "-f", own.name("anna"), own.name("boris"), letter=letter, status=1)
    assert "not yours" in sendmail(place, own.name("boris"), letter=b"From: " + own.name("anna").encode() + b"\n" + letter, status=1)
    assert "not yours" in sendmail(place, own.name("boris"), letter=b"Sender: " + own.name("anna").encode() + b"\n" + letter, status=1)
    assert own.count_mail(token, "boris") == 0
    sendmail(place, "-f", "nobody@example.test", "boris", letter=b"From: Nobody <nobody@example.test>\n" + letter)
    own.wait_mail(token, "boris")


def test_a_user_without_a_name(own, place, token):
    sendmail(place, "boris", letter=f"Subject: {token}\n\nText\n".encode(), user=OTHER)
    assert b"Return-Path: <uid61234@example.test>" in own.wait_mail(token, "boris")[0]


def test_nothing_else_can_be_done_there(own, place):
    heard = dialogue(place, "EHLO x", "AUTH PLAIN AGFubmEAc2VjcmV0", "STARTTLS", "XWHOAMI", "VRFY anna")
    assert not any(line.startswith(("235", "220")) for line in heard)
    assert "250 nobody@example.test" in heard
    assert not any("AUTH" in line for line in heard if line.startswith("250"))
    assert "root" in sendmail(place, "-bp", status=77) and "root" in sendmail(place, "-q", status=77)
    with socket.create_connection((own.address, own.ports["smtp"])) as other:
        other.recv(1000)
        other.sendall(b"EHLO x\r\n")
        time.sleep(0.1)
        other.recv(4000)
        other.sendall(b"XWHOAMI\r\n")
        assert other.recv(1000).startswith(b"5")


def test_limits(own, place, token):
    held = [socket.socket(socket.AF_UNIX) for _ in range(5)]
    os.setegid(OTHER)
    os.seteuid(OTHER)
    try:
        for one in held:
            one.connect(str(place / "socket"))
            assert one.recv(100).startswith(b"220")
    finally:
        os.seteuid(0)
        os.setegid(0)
    sendmail(place, "boris", letter=b"Subject: x\n\nText\n", user=OTHER, status=75)
    sendmail(place, "boris", letter=f"Subject: {token}\n\nText\n".encode())  # others aren't concerned
    for one in held:
        one.close()
    own.wait_mail(token, "boris")
    lines = ["EHLO x"] + ["MAIL FROM:<uid61235@example.test>", "RSET"] * 41
    heard = dialogue(place, *lines, user=61235)
    assert sum(line.startswith("450 4.7.1") for line in heard) == 1
    sendmail(place, "boris", letter=f"Subject: {token}\n\nText\n".encode())


def test_trusted_users(place, token):
    with Pombal(options={"sendmail_listen": [str(place / "second")], "sendmail_users": ["nobody"]}) as own:
        sendmail(place, "-f", "shop@elsewhere.example", "boris", letter=f"From: Shop <shop@elsewhere.example>\nSubject: {token}\n\nText\n".encode(), path="second")
        assert b"From: Shop" in own.wait_mail(token, "boris")[0]
        own.stop()
        assert "doesn't take letters now" in sendmail(place, "boris", letter=b"Subject: x\n\nText\n", status=75, path="second")
        own.start()  # what a stopped server left there isn't in its way
        sendmail(place, "boris", letter=f"Subject: {token} again\n\nText\n".encode(), path="second")
        wait_for(lambda: own.count_mail(token, "boris") == 2, "the second letter")
