"""What an alias passes on is sealed (ARC), if wanted: dkimpy finds the chain valid, and a Pombal that trusts the sealer takes what DMARC would have refused."""
import re
import smtplib
import subprocess

import dkim
import pytest

from peers import ScriptedServer
from pombal import Pombal, new_address

FORWARDER, TRUSTING = "sealing.example", "believing.example"
OPTIONS = {"trust_anchors": ["none"], "mx_port": 22525, "sender_checks": True, "retry_schedule": ["1s"]}


@pytest.fixture(scope="module")
def server(names):
    with Pombal(FORWARDER, options={"resolver": names.resolver, "arc_seal": True, **OPTIONS}) as own:
        names.domain(FORWARDER, own.address)
        names.set(**{"honest.example": ['TXT "v=spf1 ip4:127.0.0.1 -all"'], "_dmarc.honest.example": ['TXT "v=DMARC1; p=reject"']})
        yield own


@pytest.fixture(scope="module")
def zone(server, names):
    """The texts of the sealer's keys by their names, which are in the DNS, too; of another sealer, as well."""
    texts = {}
    for line in server.run("domain", "dns", FORWARDER).stdout.splitlines():
        found = re.fullmatch(r"(\S+)\. TXT \((.*) \)", line)
        if found and "._domainkey." in found[1]:
            names.set(**{found[1]: [f"TXT {found[2]}"]})
            texts[found[1]] = "".join(re.findall(r'"([^"]*)"', found[2]))
    return texts


@pytest.fixture(scope="module")
def list_key(names, zone):
    """The private key of a mailing list that seals, too."""
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    public = subprocess.run(["openssl", "pkey", "-pubout"], input=key, check=True, stdout=subprocess.PIPE).stdout.decode()
    text = "v=DKIM1; p=" + "".join(public.splitlines()[1:-1])
    names.set(**{"seal._domainkey.lists.example": ["TXT " + " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))]})
    zone["seal._domainkey.lists.example"] = text
    return key


@pytest.fixture
def far(names, token):
    with ScriptedServer(new_address(), 22525) as peer:
        names.domain(f"{token}.example", peer.address)
        yield peer


def letter(token, author="ann@honest.example", body="Hello.\r\n"):
    return (f"From: Ann <{author}>\r\nTo: friend@{FORWARDER}\r\nSubject: {token}\r\nMessage-ID: <{token}@honest.example>\r\n"
            f"Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\n{body}").encode()


def send(server, message, to):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail("ann@honest.example", [to], message)


def chain(message, zone):
    """What dkimpy says of it: the result, and how each set is."""
    result, sets, _ = dkim.arc_verify(message, dnsfunc=lambda name, timeout=5: zone[name.decode().rstrip(".")].encode())
    return result, [(one["instance"], one["as-domain"], one["cv"], one["as-valid"]) for one in sets]


@pytest.mark.parametrize("body", ["Hello.\r\n", "", "Grüße \t \r\n\r\n.\r\n\r\n\r\n", "x\r\n" * 60000], ids=["short", "empty", "utf8", "large"])
def test_what_is_passed_on_is_sealed(server, zone, far, token, body):
    server.run("alias", "add", f"{token}@{FORWARDER}", f"friend@{token}.example")
    send(server, letter(token, body=body), f"{token}@{FORWARDER}")
    got = far.wait_letters()[0]["letter"]
    assert chain(got, zone) == (b"pass", [(1, FORWARDER.encode(), b"none", True)])
    assert re.search(rb"ARC-Authentication-Results: i=1; mail\.sealing\.example;.*?\sdmarc=pass", got, re.S)
    changed = got.replace(b"From: Ann", b"From: Eve")
    assert chain(changed, zone)[0] == b"fail"


def test_a_chain_goes_on(server, zone, list_key, far, token):
    """A list has sealed it before, and changed nothing since."""
    server.run("alias", "add", f"{token}@{FORWARDER}", f"friend@{token}.example")
    message = b"Authentication-Results: mx.lists.example; dmarc=pass header.from=honest.example\r\n" + letter(token)
    message = b"".join(dkim.arc_sign(message, b"seal", b"lists.example", list_key, b"mx.lists.example")) + message
    send(server, message, f"{token}@{FORWARDER}")
    got = far.wait_letters()[0]["letter"]
    assert chain(got, zone) == (b"pass", [(2, FORWARDER.encode(), b"pass", True), (1, b"lists.example", b"none", True)])


def test_a_broken_chain_does_not(server, zone, list_key, far, token):
    server.run("alias", "add", f"{token}@{FORWARDER}", f"friend@{token}.example")
    message = b"Authentication-Results: mx.lists.example; dmarc=pass header.from=honest.example\r\n" + letter(token)
    message = b"".join(dkim.arc_sign(message, b"seal", b"lists.example", list_key, b"mx.lists.example")) + message
    send(server, message.replace(b"Hello", b"Buy"), f"{token}@{FORWARDER}")
    got = far.wait_letters()[0]["letter"]
    assert got.count(b"ARC-Seal:") == 1 and b"arc=fail" in got


def test_nobody_can_have_his_own_results_sealed(server, zone, far, token):
    server.run("alias", "add", f"{token}@{FORWARDER}", f"friend@{token}.example")
    send(server, b"Authentication-Results: mail.sealing.example; dmarc=pass header.from=bank.example\r\n" + letter(token, "ann@nowhere.example"), f"{token}@{FORWARDER}")
    assert b"bank.example" not in far.wait_letters()[0]["letter"]


def test_who_trusts_it_takes_what_it_passes_on(server, zone, names, token):
    """SPF no longer speaks for the author, and nothing else does; the seal does."""
    with Pombal(TRUSTING, options={"resolver": names.resolver, "arc_trusted": [FORWARDER], **OPTIONS}) as last:
        names.domain(TRUSTING, last.address)
        server.run("alias", "add", f"{token}@{FORWARDER}", last.name("anna"))
        send(server, letter(token), f"{token}@{FORWARDER}")
        got = last.wait_mail(token)
        got = got[0] if isinstance(got, list) else got
        assert re.search(rb"dmarc=fail \([^)]*taken all the same", re.sub(rb"\s+", b" ", got)) and b"arc=pass" in got, got


def test_it_is_off_without_the_option(server, zone, far, token):
    server.configure(arc_seal=False)
    server.reload()
    try:
        server.run("alias", "add", f"{token}@{FORWARDER}", f"friend@{token}.example")
        send(server, letter(token), f"{token}@{FORWARDER}")
        assert b"ARC-" not in far.wait_letters()[0]["letter"]
    finally:
        server.configure(arc_seal=True)
        server.reload()
