"""Signatures of the second kind (DKIM2): those of another program, in files and over the wire; and ours, which that program verifies."""
import base64
import json
import re
import subprocess
import time

import pytest

import dkim2
from peers import ScriptedServer
from pombal import Pombal, binary, new_address

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


# ---- signing ----

SIGNING = {"trust_anchors": ["none"], "mx_port": 22525, "sender_checks": True, "retry_schedule": ["1s"], "dkim2": "warn", "dkim2_sign": True}


def start(names, domain):
    """A server that signs, with its domain's records in the DNS. Gives it, and the texts of its keys."""
    own = Pombal(domain, options={"resolver": names.resolver, **SIGNING})
    own.__enter__()
    records = {}
    for line in own.run("domain", "dns", domain).stdout.splitlines():
        found = re.fullmatch(r"(\S+)\. TXT \((.*) \)", line)
        if found and "._domainkey." in found[1]:
            names.set(**{found[1]: [f"TXT {found[2]}"]})
            records[found[1]] = "".join(re.findall(r'"([^"]*)"', found[2]))
    names.domain(domain, own.address)
    assert len(records) == 2
    return own, records


@pytest.fixture(scope="module")
def signer(names):
    own, records = start(names, "four2.example")
    yield own, records
    own.__exit__(None, None, None)


@pytest.fixture(scope="module")
def forwarder(names):
    own, records = start(names, "five2.example")
    yield own, records
    own.__exit__(None, None, None)


def checked(peer, records, folder, count=1):
    """The letters that came, each with its envelope's sender and only recipient, and what its signatures say, all of them right."""
    def bare(text):
        return re.search(r"<([^>]*)>", text)[1]
    found = [(bare(one["from"]), *map(bare, one["to"]), one["letter"]) for one in peer.wait_letters(count)]
    return [(mail_from, rcpt_to, letter, dkim2.must_verify(letter, mail_from, [rcpt_to], records, folder)) for mail_from, rcpt_to, letter in found]


def write(sender, token, to="who@far.example"):
    return LETTER.replace(b"ann@one2.example", sender.encode()).replace(b"list@two2.example", to.encode()).replace(b"Dinner", token.encode())


def test_what_our_people_send_is_signed(signer, far, token, tmp_path):
    server, records = signer
    server.submit(write(server.name("anna"), token), f"who@{token}.example")
    (mail_from, _, letter, said), = checked(far, records, tmp_path)
    assert mail_from == server.name("anna") and letter.count(b"DKIM-Signature:") == 2  # the other kind, as ever
    assert len(said) == 1 and said[0]["d"] == "four2.example" and len(said[0]["s"].split(",")) == 2 and "f" not in said[0]


def test_nobody_is_told_who_else_gets_it(signer, far, token, tmp_path):
    server, records = signer
    to = [f"{name}@{token}.example" for name in ("one", "two", "three")]
    server.submit(write(server.name("anna"), token), *to)
    got = checked(far, records, tmp_path, 3)
    assert sorted(rcpt_to for _, rcpt_to, _, _ in got) == sorted(to)
    for _, rcpt_to, _, said in got:
        assert dkim2.paths(said[0]["rt"]) == [rcpt_to] and said[0]["f"] == "exploded"


def test_what_we_write_ourselves_is_signed(signer, far, token, tmp_path):
    """A report has no sender in its envelope: From's domain signs."""
    server, records = signer
    server.run("alias", "add", f"{token}@four2.example", f"nobody@{token}.example")
    server.deliver(write(f"sender@{token}.example", token), f"{token}@four2.example", sender=f"sender@{token}.example")
    (mail_from, _, report, said), = checked(far, records, tmp_path)
    assert mail_from == "" and said[0]["d"] == "four2.example" and b"multipart/report" in report


def test_what_is_passed_on_is_signed_by_who_passes_it_on(signer, forwarder, far, token, tmp_path):
    """From one Pombal by way of another to a third server: two signatures, one state of the message."""
    (first, keys), (second, more) = signer, forwarder
    second.run("alias", "add", f"{token}@five2.example", f"friend@{token}.example")
    first.submit(write(first.name("anna"), token), f"{token}@five2.example")
    (mail_from, _, letter, said), = checked(far, {**keys, **more}, tmp_path)
    assert mail_from.startswith("SRS0=") and mail_from.endswith("@five2.example")
    assert [(one["d"], one["m"]) for one in said] == [("four2.example", "1"), ("five2.example", "1")]
    assert b"dkim2=pass" in letter  # what the second made of the first


def test_what_is_passed_on_to_several_is_signed_for_each(signer, forwarder, far, token, tmp_path):
    (first, keys), (second, more) = signer, forwarder
    second.run("alias", "add", f"{token}@five2.example", f"a@{token}.example", f"b@{token}.example")
    first.submit(write(first.name("anna"), token), f"{token}@five2.example")
    for _, rcpt_to, _, said in checked(far, {**keys, **more}, tmp_path, 2):
        assert len(said) == 2 and said[1]["f"] == "exploded" and dkim2.paths(said[1]["rt"]) == [rcpt_to]


def test_another_pombal_is_content_with_it(signer, forwarder, token):
    (first, _), (second, _) = signer, forwarder
    first.submit(write(first.name("anna"), token), second.name("boris"))
    assert b"dkim2=pass (the chain is valid)" in re.sub(rb"\s+", b" ", arrived(second, token, "boris"))


def test_what_nobody_has_signed_is_passed_on_as_it_is(forwarder, far, token):
    server, _ = forwarder
    server.run("alias", "add", f"{token}@five2.example", f"friend@{token}.example")
    assert send(server, write("ann@one2.example", token), "ann@one2.example", f"{token}@five2.example")[0] == 250
    assert b"DKIM2-Signature" not in far.wait_letters()[0]["letter"]


@pytest.fixture(scope="module")
def sender(names):
    """The server of one2.example."""
    with ScriptedServer(new_address(), 22525) as peer:
        names.domain("one2.example", peer.address)
        yield peer


@pytest.mark.parametrize("flag", ["donotexplode", "donotmodify"])
def test_what_those_before_ask_is_heard(forwarder, sign, far, sender, token, flag):
    """Neither to several, nor changed for a server that takes no 8-bit text, is it sent on; its sender hears of it."""
    server, _ = forwarder
    server.run("alias", "add", f"{token}@five2.example", *([f"a@{token}.example", f"b@{token}.example"] if flag == "donotexplode" else [f"a@{token}.example"]))
    far.extensions = ("PIPELINING",)
    letter = sign(write("ann@one2.example", token).replace(b"Hi", "Grüße".encode()), (ONE[0], [f"{token}@five2.example"]), flags=flag)
    before = len(sender.letters)
    assert send(server, letter, ONE[0], f"{token}@five2.example")[0] == 250
    assert flag.encode() in sender.wait_letters(before + 1)[before]["letter"]
    assert not far.letters


def test_what_is_changed_on_the_way_is_said_to_be(signer, forwarder, far, token, tmp_path):
    (first, keys), (second, more) = signer, forwarder
    second.run("alias", "add", f"{token}@five2.example", f"a@{token}.example")
    far.extensions = ("PIPELINING",)
    first.submit(write(first.name("anna"), token).replace(b"Hi", "Grüße".encode()), f"{token}@five2.example")
    (_, _, letter, said), = checked(far, {**keys, **more}, tmp_path)
    assert letter.isascii() and [one["m"] for one in said] == ["1", "2"]
    assert json.loads(base64.b64decode(dkim2.tags(dkim2.in_order(letter, b"message-instance", "m")[1][2])["r"])) == {"h": None, "b": None}
