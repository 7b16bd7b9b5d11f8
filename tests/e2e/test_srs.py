"""What strangers send and an alias passes on goes with a reverse-path of ours, so that SPF passes at the next server; a report that comes back to
it is given on to the sender, and nothing else is."""
import base64
import hashlib
import hmac
import re
import smtplib
import sqlite3
import time

import pytest

import letters
from pombal import Pombal, new_address, wait_for
from peers import ScriptedServer

DOMAIN, NEXT = "passing.example", "next.example"


@pytest.fixture(scope="module")
def server(names):
    address = new_address()
    names.set(**{DOMAIN: [f"MX 10 mail.{DOMAIN}.", 'TXT "v=spf1 mx -all"'], f"mail.{DOMAIN}": [f"A {address}"]})
    options = {"resolver": names.resolver, "mx_port": 22525, "send_from": [address], "retry_schedule": ["1s"]}
    with Pombal(DOMAIN, address=address, options=options) as own:
        own.run("domain", "set", DOMAIN, "--catch-all", own.name("boris"))
        yield own


@pytest.fixture(scope="module")
def following(names):
    """The next server, which checks senders."""
    options = {"resolver": names.resolver, "trust_anchors": ["none"], "mx_port": 22525, "sender_checks": True, "retry_schedule": ["1s"]}
    with Pombal(NEXT, options=options) as own:
        names.domain(NEXT, own.address)
        yield own


@pytest.fixture
def sender(names, token):
    """The server of a domain that lets nobody else send for it: TOKEN.example."""
    with ScriptedServer(new_address(), 22525) as peer:
        names.domain(f"{token}.example", peer.address)
        names.set(**{f"{token}.example": [f"MX 10 mx1.{token}.example.", 'TXT "v=spf1 mx -all"']})
        yield peer


@pytest.fixture
def far(names, token):
    """The server of who gets forwarded mail: FAR-TOKEN.example."""
    with ScriptedServer(new_address(), 22525) as peer:
        names.domain(f"far-{token}.example", peer.address)
        yield peer


def send(server, letter, sender, to):
    """As a stranger, on port 25. Gives the reply to RCPT, and the letter is taken if that is 250."""
    with server.smtp() as session:
        session.ehlo()
        assert session.mail(sender)[0] == 250
        code, text = session.rcpt(to)
        if code == 250:
            assert session.data(letter)[0] == 250
        return code, text.decode()


def envelope(peer, number=0):
    commands = [one for session in peer.sessions for one in session["commands"]]
    mails = [re.match(r"MAIL FROM:<([^>]*)>", one)[1] for one in commands if one.startswith("MAIL")]
    rcpts = [re.match(r"RCPT TO:<([^>]*)>", one)[1] for one in commands if one.startswith("RCPT")]
    return mails[number], rcpts[number]


@pytest.fixture
def rewritten(server, sender, far, token):
    """The reverse-path with which a letter from Ann@TOKEN.example was passed on."""
    server.run("alias", "add", f"{token}@{DOMAIN}", f"friend@far-{token}.example")
    code, _ = send(server, letters.simple(token, f"{token}@{DOMAIN}", f"Ann@{token}.example"), f"Ann@{token}.example", f"{token}@{DOMAIN}")
    assert code == 250
    far.wait_letters()
    return envelope(far)[0]


def key_of(server):
    with sqlite3.connect(server.data / "directory/directory.db") as db:
        return db.execute("SELECT value FROM secret WHERE name = 'srs'").fetchone()[0]


def made_by_hand(key, domain, local, days_ago=0):
    """As srs.h describes it."""
    day = int(time.time() // 86400 - days_ago) % 1024
    digits = "abcdefghijklmnopqrstuvwxyz234567"
    text = f"{digits[day // 32]}{digits[day % 32]}={domain}={local}"
    mac = hmac.new(key, b"SRS0" + text.lower().encode(), hashlib.sha256).digest()
    return f"SRS0={base64.b32encode(mac[:5]).decode().lower()}={text}@{DOMAIN}"


def test_spf_passes_at_the_next_server(server, following, sender, token):
    server.run("alias", "add", f"{token}@{DOMAIN}", following.name("anna"))
    assert send(server, letters.simple(token, f"{token}@{DOMAIN}", f"ann@{token}.example"), f"ann@{token}.example", f"{token}@{DOMAIN}")[0] == 250
    letter = following.wait_mail(token)[0].decode()
    assert re.search(rf"^Return-Path: <SRS0=\w{{8}}=\w\w={token}\.example=ann@{DOMAIN}>", letter), letter[:300]
    assert re.search(rf"spf=pass .*smtp\.mailfrom=\"SRS0=[^ ]*@{DOMAIN}\"", re.sub(r"\s+", " ", letter)), letter[:900]
    server.wait_log(rf"event=sender\.rewritten .*from=ann@{token}\.example as=\"?SRS0=")


def test_it_is_made_as_documented(server, rewritten, token):
    assert rewritten == made_by_hand(key_of(server), f"{token}.example", "Ann")


@pytest.mark.parametrize("change", [str, str.lower, str.upper], ids=["same", "lower", "upper"])
def test_a_report_is_given_on(server, rewritten, sender, token, change):
    """By servers that keep the case of letters, and those that don't."""
    local, _, domain = rewritten.rpartition("@")
    assert send(server, letters.simple(f"report-{token}", sender="MAILER-DAEMON@far.example"), "", f"{change(local)}@{domain}")[0] == 250
    assert f"report-{token}".encode() in sender.wait_letters()[0]["letter"]
    assert envelope(sender) == ("", f"{'Ann' if change is str else change('Ann')}@{f'{token}.example' if change is str else change(f'{token}.example')}")
    server.wait_queue_empty()


def test_our_own_report_goes_to_the_sender(server, sender, names, token):
    with ScriptedServer(new_address(), 22525, lambda verb, argument, session: "550 5.1.1 no" if verb == "RCPT" else None) as refusing:
        names.domain(f"far-{token}.example", refusing.address)
        server.run("alias", "add", f"{token}@{DOMAIN}", f"friend@far-{token}.example")
        send(server, letters.simple(token, f"{token}@{DOMAIN}", f"ann@{token}.example"), f"ann@{token}.example", f"{token}@{DOMAIN}")
        sender.wait_letters()
    assert envelope(sender) == ("", f"ann@{token}.example")


def test_what_was_rewritten_before(server, sender, far, token):
    """Leads from the last server straight to the first."""
    server.run("alias", "add", f"{token}@{DOMAIN}", f"friend@far-{token}.example")
    first = f"SRS0=HHHH=TT=else.example=bob@{token}.example"
    send(server, letters.simple(token, f"{token}@{DOMAIN}", "bob@else.example"), first, f"{token}@{DOMAIN}")
    far.wait_letters()
    second = envelope(far)[0]
    assert re.fullmatch(rf"SRS1=\w{{8}}={token}\.example==HHHH=TT=else\.example=bob@{DOMAIN}", second)
    assert send(server, letters.simple(token), "", second)[0] == 250
    sender.wait_letters()
    assert envelope(sender) == ("", first)


def test_a_copy_here_and_there(server, sender, far, token):
    server.run("alias", "add", f"{token}@{DOMAIN}", server.name("anna"), f"friend@far-{token}.example")
    send(server, letters.simple(token, f"{token}@{DOMAIN}", f"ann@{token}.example"), f"ann@{token}.example", f"{token}@{DOMAIN}")
    far.wait_letters()
    assert re.fullmatch(rf"SRS0=.*={token}\.example=ann@{DOMAIN}", envelope(far)[0])
    assert b"Return-Path: <ann@" in server.wait_mail(token)[0]


def test_what_is_ours_goes_as_it_is(server, far, token):
    server.run("alias", "add", f"{token}@{DOMAIN}", f"friend@far-{token}.example")
    server.submit(letters.simple(token, f"{token}@{DOMAIN}", server.name("anna")), f"{token}@{DOMAIN}")
    far.wait_letters()
    assert envelope(far)[0] == server.name("anna")


def test_the_option_switches_it_off(server, far, token):
    server.run("alias", "add", f"{token}@{DOMAIN}", f"friend@far-{token}.example")
    server.configure(srs="false")
    server.reload()
    try:
        send(server, letters.simple(token), f"ann@{token}.example", f"{token}@{DOMAIN}")
        far.wait_letters()
        assert envelope(far)[0] == f"ann@{token}.example"
    finally:
        server.configure(srs="true")
        server.reload()


def test_forged_addresses_are_refused(server, rewritten, token):
    """Also by a domain whose catch-all takes everything else; and a true one takes nothing but reports."""
    local, _, domain = rewritten.rpartition("@")
    other = "b" if local[5] != "b" else "c"
    forged = [f"SRS0=aaaaaaaa=aa=victim.example=v@{domain}", f"{local[:5]}{other}{local[6:]}@{domain}", f"{local}x@{domain}", f"{local.replace(token, 'victim')}@{domain}",
              f"SRS1=aaaaaaaa=victim.example==x@{domain}", f"SRS0=@{domain}", f"SRS1==@{domain}", f"SRS0={'=' * 150}@{domain}", f'"SRS0=a"@{domain}',
              made_by_hand(b"\0" * 32, f"{token}.example", "Ann")]
    for address in forged:
        code, text = send(server, b"", "", address)
        assert code == 550 and "5.1.1" in text, address
    assert send(server, b"", "x@elsewhere.example", rewritten) == (550, "5.7.1 this address takes nothing but reports about mail that was forwarded")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        server.submit(letters.simple(token), rewritten)
    assert send(server, letters.simple(token), "", server.name("whoever"))[0] == 250  # the catch-all is there


def test_an_old_address_is_refused(server, sender, token):
    key = key_of(server)
    assert send(server, b"", "", made_by_hand(key, f"{token}.example", "ann", days_ago=23))[0] == 550
    assert send(server, letters.simple(token), "", made_by_hand(key, f"{token}.example", "ann", days_ago=20))[0] == 250
    sender.wait_letters()


def test_a_loop_of_forwards_ends(server, following, sender, token):
    """Two servers that forward to each other: at some time one refuses, and one report finds its way to the sender."""
    server.run("alias", "add", f"{token}@{DOMAIN}", f"{token}@{NEXT}")
    following.run("alias", "add", f"{token}@{NEXT}", f"{token}@{DOMAIN}")
    send(server, letters.simple(token, f"{token}@{DOMAIN}", f"ann@{token}.example"), f"ann@{token}.example", f"{token}@{DOMAIN}")
    sender.wait_letters(deadline=60)
    assert envelope(sender) == ("", f"ann@{token}.example")
    wait_for(lambda: not server.queue() and not following.queue(), "the queues to be empty")
    assert len(sender.letters) == 1
