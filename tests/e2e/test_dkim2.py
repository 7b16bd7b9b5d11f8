"""Signatures of the second kind (DKIM2): those of another program, in files and over the wire; and ours, which that program verifies."""
import json
import re
import subprocess
import time

import pytest

import dkim2
from pombal import Pombal, binary

LETTER = (b"From: Ann <ann@one2.example>\r\nTo: list@two2.example\r\nSubject: Dinner and\r\n\tmore\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
          b"Message-ID: <1@one2.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHi  Bob. \r\n\r\n\ttabs\t\r\n--\r\nAnn\r\n\r\n\r\n")
ONE, TWO = ("ann@one2.example", ["list@two2.example"]), ("bounce@two2.example", ["bob@three2.example", "eve@three2.example"])


@pytest.fixture(scope="module")
def keys(tmp_path_factory, names):
    """Private keys by their domains; the public ones are in the DNS."""
    folder, made = tmp_path_factory.mktemp("keys"), {}
    for domain in ("one2.example", "two2.example"):
        made[domain], record = dkim2.make_key(folder, domain)
        names.set(**{f"e._domainkey.{domain}": [f'TXT "{record}"']})
    return made


@pytest.fixture
def sign(keys):
    def run(letter, envelope, **more):
        domain = envelope[0].rpartition("@")[2]
        return dkim2.sign(letter, keys[domain], domain, "e", *envelope, **more)
    return run


@pytest.fixture
def verify(tmp_path, names):
    """What `pombal verify` says of a letter that came in an envelope."""
    def run(message, mail_from, rcpt_to, *, text=False):
        path = tmp_path / "message.eml"
        path.write_bytes(message)
        command = [binary(), "verify", path, "--resolver", names.resolver, "--from", mail_from, "--to", ",".join(rcpt_to), *([] if text else ["--json"])]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=30).stdout
        return said.decode() if text else json.loads(said)["dkim2"]
    return run


def test_what_another_program_signs_verifies(sign, verify):
    one = sign(LETTER, ONE)
    assert verify(one, *ONE)["result"] == "pass"
    two = sign(one, TWO)
    found = verify(two, TWO[0], TWO[1][1:])
    assert found["result"] == "pass" and [each["domain"] for each in found["signatures"]] == ["one2.example", "two2.example"]
    assert [each["recreated"] for each in found["instances"]] == [True]
    assert verify(LETTER, *ONE)["result"] == "none"


def test_what_was_changed_on_the_way_is_undone(sign, verify):
    revised = sign(LETTER, ONE).replace(b"Subject: Dinner", b"Subject: [list] Dinner").replace(b"--\r\nAnn\r\n", b"--\r\nAnn\r\n-- \r\nlist\r\n")
    recipe = json.dumps({"h": {"subject": [{"d": ["Dinner and more"]}]}, "b": [{"c": [1, 5]}]})
    found = verify(sign(revised, TWO, recipe=recipe), *TWO)
    assert found["result"] == "pass" and [each["recreated"] for each in found["instances"]] == [True, True]
    found = verify(sign(revised, TWO, recipe=json.dumps({"h": {"subject": [{"d": ["Lunch"]}]}, "b": [{"c": [1, 5]}]})), *TWO)
    assert found["result"] == "fail" and found["why"].startswith("Message-Instance m=1 header hash") and found["instances"][1]["why"] == "valid"
    found = verify(sign(revised, TWO, recipe='{"h":null,"b":null}'), *TWO)
    assert found["result"] == "pass" and [each["recreated"] for each in found["instances"]] == [False, True]
    asked = sign(LETTER, ONE, flags="donotmodify").replace(b"Hi", b"Ho")
    assert "donotmodify" in verify(sign(asked, TWO, recipe='{"b":null}'), *TWO)["why"]
    asked = sign(LETTER, ONE, flags="feedback , donotexplode")
    assert "donotexplode" in verify(sign(asked, TWO, flags="exploded"), *TWO)["why"]


def test_each_fault_has_its_words(sign, verify):
    one = sign(LETTER, ONE)
    old = sign(LETTER, ONE, made=int(time.time()) - 15 * 86400)
    cases = [
        (one.replace(b"Hi ", b"Ho "), *ONE, "fail", "body hash"),
        (one.replace(b"Dinner", b"Lunch"), *ONE, "fail", "header hash"),
        (one, ONE[0], ["eve@evil.example"], "permerror", "RCPT TO <eve@evil.example> did not match"),
        (one, "eve@one2.example", ONE[1], "permerror", "MAIL FROM <eve@one2.example> did not match"),
        (one.replace(b"; m=1;", b"; m=1; x=y;", 1), *ONE, "fail", "DKIM2-Signature i=1 public key e._domainkey.one2.example incorrect signature"),
        (one.replace(b" i=1;", b" i=2;", 1), *ONE, "permerror", "DKIM2-Signature i=1 missing"),
        (re.sub(rb"Message-Instance:[^\r]*\r\n", b"", one), *ONE, "permerror", "Message-Instance m=1 missing"),
        (one.replace(b"s=e:", b"s=none:"), *ONE, "permerror", "DKIM2-Signature i=1 public key none._domainkey.one2.example does not exist"),
        (old, *ONE, "permerror", "DKIM2-Signature i=1 signature expired"),
        (sign(one, ("x@two2.example", ["bob@three2.example"]))[:-4], "x@two2.example", ["bob@three2.example"], "pass", "the chain is valid"),  # empty lines at the end
    ]
    for letter, mail_from, rcpt_to, result, words in cases:
        found = verify(letter, mail_from, rcpt_to)
        assert found["result"] == result and words in found["why"], (found, words)


def test_verify_says_every_step(sign, verify):
    said = verify(sign(sign(LETTER, ONE), TWO), *TWO, text=True)
    assert "DKIM2 i=1 of one2.example, from <ann@one2.example> to <list@two2.example>, message m=1: valid" in said
    assert "DKIM2 i=2 of two2.example, from <bounce@two2.example> to <bob@three2.example>, <eve@three2.example>, message m=1: valid" in said
    assert "DKIM2 m=1: valid" in said and "DKIM2: pass: the chain is valid" in said


# ---- over the wire ----

@pytest.fixture(scope="module")
def server(names):
    options = {"resolver": names.resolver, "trust_anchors": ["none"], "mx_port": 22525, "sender_checks": True, "dkim2": "warn", "retry_schedule": ["1s"]}
    with Pombal("two2.example", options=options) as own:
        names.domain("two2.example", own.address)
        own.run("alias", "add", "list@two2.example", own.name("boris"))
        yield own


def send(server, letter, mail_from, rcpt_to):
    """As a stranger, on port 25. Gives the reply to the text."""
    with server.smtp() as session:
        session.ehlo()
        assert session.mail(mail_from)[0] == 250 and session.rcpt(rcpt_to)[0] == 250
        return session.data(letter)


def arrived(server, token, account):
    got = server.wait_mail(token, account=account)
    return got[0] if isinstance(got, list) else got


def test_the_server_tells_what_a_chain_is_worth(server, sign, token):
    letter = sign(LETTER.replace(b"Dinner", token.encode()), (ONE[0], [server.name("anna")]))
    assert send(server, letter, ONE[0], server.name("anna"))[0] == 250
    got = arrived(server, token, "anna")
    assert re.search(rb"dkim2=pass \(the chain is valid\)\s+header\.d=one2\.example", got), got


def test_what_is_played_to_another_is_found(server, sign, token):
    letter = sign(LETTER.replace(b"Dinner", token.encode()), (ONE[0], [server.name("anna")]))
    assert send(server, letter, ONE[0], server.name("boris"))[0] == 250
    got = arrived(server, token, "boris")
    assert b"dkim2=permerror (RCPT TO <boris@two2.example> did not match)" in re.sub(rb"\s+", b" ", got), got
    assert re.search(rb"X-Spam-Status:[^:]*DKIM2_BROKEN", got), got


def test_a_broken_chain_can_be_refused(server, sign, token):
    server.configure(dkim2="reject")
    server.reload()
    try:
        letter = sign(LETTER.replace(b"Dinner", token.encode()), (ONE[0], [server.name("anna")]))
        code, text = send(server, letter, ONE[0], server.name("boris"))
        assert code == 550 and b"DKIM2" in text and b"did not match" in text
        assert send(server, letter, ONE[0], server.name("anna"))[0] == 250
        arrived(server, token, "anna")
    finally:
        server.configure(dkim2="warn")
        server.reload()
