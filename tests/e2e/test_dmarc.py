"""DMARC as OpenDMARC has it, on policies and messages that are drawn by lot, where both follow the same rules (opendmarc.py)."""
import base64
import json
import random
import subprocess

import dkim
import pytest

from opendmarc import OpenDmarc
from pombal import binary

ROUNDS = 120
ADDRESS = "192.0.2.1"


@pytest.fixture
def theirs(names, tmp_path):
    library = OpenDmarc(names.resolver, "lots", tmp_path)
    yield library
    library.close()


@pytest.fixture
def verify(tmp_path, names):
    def run(letter, sender):
        path = tmp_path / "message.eml"
        path.write_bytes(letter)
        done = subprocess.run([binary(), "verify", path, "--resolver", names.resolver, "--ip", ADDRESS, "--helo", "mail.client.example", "--from", sender, "--json"],
                              check=True, stdout=subprocess.PIPE, text=True, timeout=30)
        return json.loads(done.stdout)
    return run


@pytest.fixture
def key(tmp_path):
    """The seed of a key, as dkimpy wants it, and its record."""
    pem = subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519"], check=True, stdout=subprocess.PIPE).stdout
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    public = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=pem, check=True, stdout=subprocess.PIPE).stdout
    return base64.b64encode(der[-32:]), f"v=DKIM1; k=ed25519; p={base64.b64encode(public[-32:]).decode()}"


def draw_record(lot):
    """A policy without what only one of the two knows (np, psd, t, pct as a share)."""
    policies = ("none", "quarantine", "reject", "REJECT")
    tags = [f"p={lot.choice(policies)}"]
    more = [f"sp={lot.choice(policies)}", f"adkim={lot.choice('rs')}", f"aspf={lot.choice('rs')}", f"pct={lot.choice((0, 30, 100))}", "fo=1", "rua=mailto:a@r.example", "x=y"]
    tags += lot.sample(more, lot.randint(0, 5))
    joint = lot.choice(("; ", ";", " ;  "))
    return "v=DMARC1" + joint + joint.join(tags) + lot.choice(("", ";"))


def draw_family(lot, number):
    """Names of one organization, and which of them have which policy."""
    top = f"d{number}.lots"
    names = [top, f"a.{top}", f"b.a.{top}", f"c.{top}"]
    policies = {top: draw_record(lot)} if lot.random() < 0.9 else {}
    if policies and lot.random() < 0.3:
        policies[lot.choice(names[1:])] = draw_record(lot)
    return names, policies


def test_messages_by_lot(names, verify, theirs, key):
    lot = random.Random(20261129)
    families = [draw_family(lot, number) for number in range(ROUNDS)]
    zone = {}
    for family, policies in families:
        for name in family:
            zone[name] = [f"A {ADDRESS}", f'TXT "v=spf1 {lot.choice(("ip4:" + ADDRESS, ""))} -all"']
            zone[f"e._domainkey.{name}"] = [f'TXT "{key[1]}"']
        zone.update({f"_dmarc.{name}": [f'TXT "{record}"'] for name, record in policies.items()})
    names.set(**zone)
    seen = set()
    for number, (family, policies) in enumerate(families):
        strangers = families[number - 1][0] + [f"x{family[0]}"] if number else family  # whose name only ends like it
        author, others = lot.choice(family), family + [lot.choice(strangers[:4])]
        sender = lot.choice(others)
        letter = f"From: Ann <ann@{author}>\r\nTo: bob@other.example\r\nSubject: Hello\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nHi.\r\n".encode()
        signers = []
        for domain in lot.sample(others, lot.choice((0, 0, 1, 2))):
            passes = lot.random() < 0.7
            signature = dkim.sign(letter, b"e", domain.encode(), key[0], signature_algorithm=b"ed25519-sha256", canonicalize=(b"relaxed", b"relaxed"))
            letter = (signature if passes else signature.replace(b"bh=", b"bh=A", 1)) + letter
            signers.append((domain, passes))
        found = verify(letter, f"joe@{sender}")
        dmarc, spf = found["dmarc"], found["spf"]["result"]
        expected = theirs.check(author, (sender, spf == "pass"), signers)
        ours = dmarc["result"] if dmarc["result"] in ("none", "pass") else dmarc["policy"] if dmarc["policy"] != "none" else "p=none"
        told = (author, sender, spf, signers, policies, dmarc)
        assert sorted(one["result"] == "pass" for one in found["dkim"]) == sorted(passes for _, passes in signers), told
        assert (ours, dmarc["spf_aligned"], dmarc["dkim_aligned"]) == expected, (expected, told)
        seen.add(expected)
    assert {answer for answer, _, _ in seen} == {"none", "pass", "p=none", "quarantine", "reject"}
    assert {(spf, signature) for answer, spf, signature in seen if answer == "pass"} == {(True, True), (True, False), (False, True)}
