"""What `pombal verify` says of a message's sender: SPF as python3-spf says it, on policies that are drawn by lot; DMARC; the address's name; each
with its steps."""
import ipaddress
import json
import random
import subprocess

import pytest
import spf

from pombal import binary

LETTER = b"From: Ann <ann@policy.example>\r\nTo: bob@other.example\r\nSubject: Hello\r\n\r\nHi.\r\n"
ROUNDS = 150
CLIENTS = ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.65", "198.51.100.9", "203.0.113.5", "2001:db8::1", "2001:db8::2", "2001:db8:1::1")
HOSTS = [f"h{i}.lot.example" for i in range(4)]


@pytest.fixture
def verify(tmp_path, names):
    def run(client, sender, letter=LETTER, helo="mail.client.example", arguments=("--json",)):
        path = tmp_path / "message.eml"
        path.write_bytes(letter)
        done = subprocess.run([binary(), "verify", path, "--resolver", names.resolver, "--ip", client, "--helo", helo, "--from", sender, *arguments],
                              check=True, stdout=subprocess.PIPE, text=True, timeout=30)
        return json.loads(done.stdout) if arguments else done.stdout
    return run


class Zone(dict):
    """{name: [(type, value)]}, for Knot, and for python3-spf in place of its resolver."""

    def serve(self, names):
        names.set(**{name: [f'{kind} "{value}"' if kind == "TXT" else f"MX 10 {value}." if kind == "MX" else f"{kind} {value}." if kind == "PTR"
                            else f"{kind} {value}" for kind, value in records] for name, records in self.items()})

    def look_up(self, name, kind, *_, **__):
        for found, value in self.get(name.rstrip(".").lower(), []):
            if found == kind:
                yield (name, kind), (10, value) if kind == "MX" else [value.encode()] if kind == "TXT" else value


def draw_term(lot, domain):
    host, net = lot.choice(HOSTS), f"192.0.2.{lot.choice((1, 2, 3, 64))}"
    qualifier = lot.choice(("", "", "", "-", "~", "?", "+"))
    return qualifier + lot.choice((
        f"ip4:{net}", f"ip4:{net}/{lot.choice((0, 24, 26, 30, 32))}", f"ip6:2001:db8::{lot.randint(1, 3)}/{lot.choice((32, 126, 128))}", "a", "mx", f"a:{host}", f"mx:{host}",
        f"a:{host}/{lot.choice((24, 30))}", f"mx/{lot.choice((26, 32))}//{lot.choice((64, 128))}", f"include:s{lot.randint(0, 2)}.{domain}", "exists:%{i}.ok.lot.example",
        "exists:%{l}.user.lot.example", "exists:%{ir}.%{v}.%{d2}", "a:%{h}", f"ptr:{lot.choice(('lot.example', 'else.example'))}", "all", "a:%{o}", "exists:%{l1r-}.user.lot.example",
    ))


def draw_policy(lot, domain, subpolicy):
    terms = [draw_term(lot, domain) for _ in range(lot.randint(1, 5))]
    if subpolicy:
        terms = [term for term in terms if "include" not in term]
    if lot.random() < 0.6:
        terms.append(lot.choice(("-all", "~all", "?all", "all")))
    elif not subpolicy and lot.random() < 0.5:
        terms.append(f"redirect=s0.{domain}")
    if lot.random() < 0.06:
        terms.insert(lot.randint(0, len(terms)), lot.choice(("moo", "ip4:1.2.3", "a:x", "all:x", "ip4:1.2.3.4/33", "include", "exists:%{x}.example")))
    return "v=spf1 " + " ".join(terms)


def draw_zone(lot):
    zone = Zone({host: [("A", f"192.0.2.{i + 1}"), ("A", "198.51.100.9"), ("AAAA", f"2001:db8::{i + 1}"), ("MX", HOSTS[i - 1])] for i, host in enumerate(HOSTS)})
    zone["192.0.2.1.ok.lot.example"] = zone["joe.user.lot.example"] = [("A", "127.0.0.2")]
    for client in CLIENTS:  # all but one lie; each has a name, since python3-spf counts it against the policy when a client has none
        zone[ipaddress.ip_address(client).reverse_pointer] = [("PTR", HOSTS[0])]
    for i in range(ROUNDS):
        domain = f"d{i}.example"
        zone[domain] = [("A", f"192.0.2.{lot.randint(1, 4)}"), ("AAAA", "2001:db8::2"), ("MX", lot.choice(HOSTS)), ("TXT", draw_policy(lot, domain, False))]
        for k in range(3):
            zone[f"s{k}.{domain}"] = [("A", "192.0.2.7"), ("AAAA", "2001:db8::7"), ("MX", HOSTS[k]), ("TXT", draw_policy(lot, domain, True))]
    return zone


def test_policies_by_lot(names, verify, monkeypatch):
    lot = random.Random(20261129)
    zone = draw_zone(lot)
    zone.serve(names)
    monkeypatch.setattr(spf, "DNSLookup", zone.look_up)
    seen = set()
    for i in range(ROUNDS):
        client = lot.choice(CLIENTS)
        sender = lot.choice(("joe", "joe-x", "ann")) + f"@d{i}.example"
        # Strict is as the RFC has it; without it, more than ten terms pass.
        theirs = spf.query(i=client, s=sender, h=HOSTS[1], receiver="r.example", strict=True)
        expected = theirs.check()[0]
        found = verify(client, sender, helo=HOSTS[1])["spf"]
        assert found["result"] == expected, (client, sender, {name: records for name, records in zone.items() if name.endswith(f"d{i}.example")}, found)
        seen.add(expected)
    assert seen >= {"pass", "fail", "softfail", "neutral", "permerror"}


def test_names_with_odd_bytes_are_asked_for(names, verify):
    names.set(**{"odd.example": ['TXT "v=spf1 a:b:c/%%d%_e.odd.example -all"'], r"b\058c/\037d\032e.odd.example": ["A 192.0.2.1"]})
    assert verify("192.0.2.1", "joe@odd.example")["spf"]["result"] == "pass"


def test_dmarc_and_the_name_of_the_address(names, verify):
    names.set(**{"policy.example": ['TXT "v=spf1 ip4:192.0.2.1 -all"'], "_dmarc.policy.example": ['TXT "v=DMARC1; p=reject; sp=quarantine"'],
                 "mail.policy.example": ['TXT "v=spf1 ip4:192.0.2.50 -all"', "A 192.0.2.50"], "50.2.0.192.in-addr.arpa": ["PTR mail.policy.example."],
                 "51.2.0.192.in-addr.arpa": ["PTR mail.policy.example."]})
    found = verify("192.0.2.50", "ann@mail.policy.example")
    assert found["dmarc"]["result"] == "pass" and found["dmarc"]["spf_aligned"] and found["iprev"] == {"result": "pass", "name": "mail.policy.example"}
    found = verify("192.0.2.51", "eve@elsewhere.example")
    assert (found["spf"]["result"], found["dmarc"]["result"], found["dmarc"]["disposition"], found["iprev"]["result"]) == ("none", "fail", "reject", "fail")
    assert "dmarc=fail" in found["field"] and "header.from=policy.example" in found["field"]
    found = verify("192.0.2.52", "", LETTER.replace(b"@policy", b"@sub.policy"), helo="mail.policy.example")
    assert (found["spf"]["result"], found["dmarc"]["disposition"], found["iprev"]["result"]) == ("fail", "quarantine", "permerror")
    assert "smtp.helo=mail.policy.example" in found["field"]


def test_every_step_is_said(names, verify):
    names.set(**{"steps.example": ['TXT "v=spf1 include:inner.example mx -all exp=why.example"', "MX 10 nowhere.example."], "inner.example": ['TXT "v=spf1 ip4:192.0.2.9 ~all"'],
                 "why.example": ['TXT "%{i} is not ours"'], "_dmarc.steps.example": ['TXT "v=DMARC1; p=quarantine; t=y"']})
    told = verify("192.0.2.1", "joe@steps.example", LETTER.replace(b"policy", b"steps"), arguments=())
    for line in ('SPF: fail: steps.example: "-all" matches', "    inner.example  ip4:192.0.2.9  doesn't match", "  steps.example  include:inner.example  doesn't match: it says softfail",
                 "  The domain says: 192.0.2.1 is not ours", "DMARC: fail: nothing vouches for steps.example, and steps.example says quarantine, testing",
                 "  wanted: quarantine, to be done: none"):
        assert line in told.splitlines(), told


def test_a_dead_dns_is_temporary(verify, names, tmp_path):
    path = tmp_path / "message.eml"
    path.write_bytes(LETTER)
    done = subprocess.run([binary(), "verify", path, "--resolver", "127.0.0.1@9", "--ip", "192.0.2.1", "--from", "joe@policy.example", "--json"], check=True,
                          stdout=subprocess.PIPE, timeout=90)
    found = json.loads(done.stdout)
    assert (found["spf"]["result"], found["dmarc"]["result"], found["dmarc"]["disposition"], found["iprev"]["result"]) == ("temperror", "temperror", "none", "temperror")
