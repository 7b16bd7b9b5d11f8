"""What our people send to other servers is signed with their domain's keys: dkimpy, OpenDKIM and Mail::DKIM say so of what arrives."""
import re
import subprocess

import dkim
import pytest

from pombal import Pombal, new_address
from peers import ScriptedServer

LETTER = ("Received: from x by y; Mon, 23 Nov 2026 10:00:00 +0000\r\nFrom: Anna <{sender}>\r\nTo: who@far.example\r\nSubject: signed\r\n"
          "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@signing.example>\r\nMIME-Version: 1.0\r\n"
          "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}")


@pytest.fixture(scope="module")
def server(names):
    with Pombal("signing.example", options={"resolver": names.resolver, "mx_port": 22525, "relay_networks": ["127.0.0.0/8"]}) as own:
        yield own


@pytest.fixture(scope="module")
def zone(server, names):
    """The records that `pombal domain dns` prints, in the DNS. Gives the texts of the keys by their names."""
    texts = {}
    for line in server.run("domain", "dns", "signing.example").stdout.splitlines():
        found = re.fullmatch(r"(\S+)\. TXT \((.*) \)", line)
        if found:
            names.set(**{found[1]: [f"TXT {found[2]}"]})
            texts[found[1]] = "".join(re.findall(r'"([^"]*)"', found[2]))
    assert len([name for name in texts if "._domainkey." in name]) == 2
    return texts


@pytest.fixture
def far(names, token):
    """Makes a server of another domain, `token`.example."""
    def make(**more):
        peer = ScriptedServer(new_address(), 22525, **more)
        names.domain(f"{token}.example", peer.address)
        return peer
    return make


def signatures(letter):
    return re.findall(rb"^DKIM-Signature:", letter, re.M)


def must_verify(letter, zone, tmp_path):
    """All three find every signature valid."""
    def key(name, timeout=5):
        return zone[name.decode().rstrip(".")].encode()
    assert letter.startswith(b"DKIM-Signature:") and len(signatures(letter)) == 2
    assert [dkim.DKIM(letter).verify(idx=number, dnsfunc=key) for number in range(2)] == [True, True]
    (tmp_path / "keys").write_text("".join(f"{name} {text}\n" for name, text in zone.items()))
    (tmp_path / "conf").write_text(f"TestDNSData file:{tmp_path}/keys\nMode v\n")
    (tmp_path / "letter").write_bytes(letter)
    opendkim = subprocess.run(["opendkim", "-x", tmp_path / "conf", "-v", "-t", tmp_path / "letter"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=30)
    assert opendkim.returncode == 0 and "verification (s=" in opendkim.stdout and "succeeded" in opendkim.stdout, opendkim.stdout
    program = """use Mail::DKIM::Verifier; use Mail::DKIM::PublicKey; my %zone; open my $keys, "<", shift; /^(\\S+) (.*)$/ and $zone{$1} = $2 while <$keys>;
        no warnings; *Mail::DKIM::DNS::query = sub { my ($name) = @_; my $text = $zone{$name}; return bless {text => $text}, "Answer" };
        sub Answer::type { "TXT" } sub Answer::txtdata { $_[0]{text} } sub Answer::char_str_list { $_[0]{text} }
        my $verifier = Mail::DKIM::Verifier->new; binmode STDIN; { local $/; $verifier->PRINT(<STDIN>); } $verifier->CLOSE;
        print join(",", map { $_->algorithm . "=" . $_->result } $verifier->signatures), "\\n";"""
    perl = subprocess.run(["perl", "-e", program, tmp_path / "keys"], input=letter, check=True, stdout=subprocess.PIPE, timeout=30).stdout.decode()
    assert "rsa-sha256=pass" in perl, perl


@pytest.mark.parametrize("body", ["Hi.\r\n", "Grüße, привет.\r\n\r\n.dot\r\n..dots \t \r\n\r\n\r\n", "no end of line", "", "x\r\n" * 60000],
                         ids=["short", "utf8", "unended", "empty", "large"])
def test_a_submitted_letter_is_signed(server, zone, far, tmp_path, body, token):
    with far() as peer:
        server.submit(LETTER.format(sender=server.name("anna"), body=body).encode(), f"who@{token}.example")
        must_verify(peer.wait_letters()[0]["letter"], zone, tmp_path)


def test_it_is_signed_as_it_is_sent(server, zone, far, tmp_path, token):
    """To a server without 8BITMIME the letter is written anew, and lines that are too long are, too."""
    with far(extensions=("PIPELINING",)) as peer:
        server.submit(LETTER.format(sender=server.name("anna"), body="Grüße\r\n" + "x" * 5000 + "\r\n").encode(), f"who@{token}.example")
        letter = peer.wait_letters()[0]["letter"]
    assert letter.isascii() and b"quoted-printable" in letter
    must_verify(letter, zone, tmp_path)


def test_a_program_of_this_machine(server, zone, far, tmp_path, token):
    with far() as peer:
        letter = LETTER.format(sender=server.name("anna"), body="from a program\r\n").replace("\r\n", "\n")
        server.run("sendmail", "-i", "-f", server.name("anna"), f"who@{token}.example", stdin=letter)
        must_verify(peer.wait_letters()[0]["letter"], zone, tmp_path)


def test_only_what_our_people_send(server, zone, far, token):
    with far() as peer:
        server.deliver(LETTER.format(sender=server.name("anna"), body="relayed\r\n").encode(), f"who@{token}.example", sender=server.name("anna"))
        assert not signatures(peer.wait_letters()[0]["letter"])


def test_what_is_delivered_here_is_not(server, zone, token):
    server.submit(LETTER.format(sender=server.name("anna"), body="here\r\n").replace("Subject: signed", f"Subject: {token}").encode(), server.name("boris"))
    letter = server.wait_mail(token, account="boris")
    assert b"DKIM-Signature" not in (letter[0] if isinstance(letter, list) else letter)


def test_the_option_switches_it_off(server, zone, far, token):
    server.configure(sign_outgoing="false")
    server.reload()
    try:
        with far() as peer:
            server.submit(LETTER.format(sender=server.name("anna"), body="plain\r\n").encode(), f"who@{token}.example")
            assert not signatures(peer.wait_letters()[0]["letter"])
    finally:
        server.configure(sign_outgoing="true")
        server.reload()


def test_a_removed_domain_has_no_keys(server):
    server.run("domain", "add", "second.example")
    first = server.run("domain", "dns", "second.example").stdout
    assert first.count("_domainkey") == 2 and first == server.run("domain", "dns", "second.example").stdout
    server.run("domain", "remove", "second.example")
    server.run("domain", "add", "second.example")
    assert server.run("domain", "dns", "second.example").stdout != first
    server.run("domain", "remove", "second.example")
    server.run("domain", "dns", "second.example", status=1)
