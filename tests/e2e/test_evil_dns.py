"""Answers of the DNS that are late, forged or broken: they cost nobody else anything, and the letter goes when they are right."""
import struct
import time

import pytest

import letters
from conftest import QUICK
from nameserver import CNAME, MX, SmallNameServer, encode, record
from peers import ScriptedServer
from pombal import Pombal, new_address

def header(query, answers=1, flags=0x8580):
    return query[:2] + struct.pack(">HHHHH", flags, 1, answers, 0, 0)


def late(query, question, answer, name):
    time.sleep(30)


def chain(query, question, answer, name):
    return header(query) + question + record(CNAME, encode("a" + name))


DEEDS = {
    "silence": lambda *_: None,
    "late": late,
    "wrong id": lambda query, question, answer, name: bytes([query[0] ^ 1]) + answer[1:],
    "another question": lambda query, question, answer, name: answer[:12] + encode("other.example") + question[-4:] + answer[12 + len(question):],
    "a name that points to itself": lambda query, question, answer, name: header(query) + question + record(MX, b"\0\x0a\xc0" + bytes([12 + len(question) + 14])),
    "a question that points to itself": lambda query, question, answer, name: header(query) + b"\xc0\x0c" + question[-4:],
    "a chain of names": chain,
    "a circle": lambda query, question, answer, name: header(query) + question + record(CNAME, b"\xc0\x0c"),
    "cut off": lambda query, question, answer, name: answer[:-3],
    "lengths that lie": lambda query, question, answer, name: header(query, 65535) + question + b"\xc0\x0c" + struct.pack(">HHIH", MX, 1, 1, 65535) + b"x",
    "server failure": lambda query, question, answer, name: header(query, 0, 0x8582) + question,
    "noise": lambda query, question, answer, name: query[:2] + bytes(range(256)),
}


@pytest.fixture(scope="module")
def dns():
    server = SmallNameServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def sender(dns):
    with Pombal(options={**QUICK, "retry_for": "600s", "resolver": f"{dns.address}@{dns.port}", "mx_port": 22525, "trust_anchors": ["none"]}) as own:
        yield own


def test_evil_answers(sender, dns, token):
    """All at once: nobody is told that the addresses don't exist, another domain is served, and in the end everything arrives."""
    peers = []
    with ScriptedServer(new_address(), 22525) as fine:
        for number, deed in enumerate(DEEDS.values()):
            peers.append(ScriptedServer(new_address(), 22525))
            domain = f"evil{number}.example"
            dns.hosts[domain], dns.evil[domain] = peers[-1].address, deed
            sender.submit(letters.simple(token, f"x@{domain}", sender.name("anna")), f"x@{domain}")
        dns.hosts["good.example"] = fine.address
        sender.submit(letters.simple(token, "x@good.example", sender.name("anna")), "x@good.example")
        fine.wait_letters()
        assert not any(peer.letters for peer in peers)
        assert sender.count_mail("could not be delivered") == 0
        dns.evil.clear()
        for peer in peers:
            peer.wait_letters(deadline=150)
            peer.close()


ROOT_KEY = ". 172800 IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"


def test_a_resolver_that_removes_signatures(names, token, tmp_path):
    """With the root's key at hand every answer would look forged: mail goes all the same, and the administrator hears why and what to do."""
    anchors = tmp_path / "root.key"
    anchors.write_text(ROOT_KEY)
    tmp_path.chmod(0o755)
    with ScriptedServer(new_address(), 22525) as peer:
        names.domain("unsigned.example", peer.address)
        with Pombal(options={**QUICK, "resolver": names.resolver, "mx_port": 22525, "trust_anchors": [str(anchors)]}) as sender:
            sender.expected_noise.append(r"event=dns\.not_validated")
            sender.submit(letters.simple(token, "x@unsigned.example", sender.name("anna")), "x@unsigned.example")
            peer.wait_letters()
            sender.wait_log(r"event=dns\.not_validated .*removes DNSSEC signatures.*trust_anchors")
            found = sender.run("check", "--dns", status=None).stdout
            assert f"the resolver {names.resolver} removes DNSSEC signatures" in found and "package unbound" in found
            offset = sender.log_size()
            sender.reload()
            assert "event=dns.validated" not in sender.log(offset)
