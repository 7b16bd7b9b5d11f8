"""`pombal check` finds out whether well-known lists name this server's own address; a list that lies, or doesn't answer, says nothing."""
import pytest

from pombal import Pombal

HOST = "mail.listed.example"
OWN = "17.2.0.192"  # 192.0.2.17


@pytest.fixture(scope="module")
def server(names):
    names.set(**{HOST: ["A 192.0.2.17", "AAAA 2001:db8::17", "A 127.0.0.99", "A 10.1.2.3"]})
    with Pombal("listed.example", options={"resolver": names.resolver, "trust_anchors": ["none"]}, start=False) as own:
        yield own


def check(server):
    return server.run("check", "--dns", status=None).stdout


def test_what_is_listed_is_told(server, names):
    six, point = (".".join(reversed(digits)) for digits in ("20010db8000000000000000000000017", "00000000000000000000ffff7f000002"))
    names.set(**{"2.0.0.127.bl.spamcop.net": ["A 127.0.0.2"], f"{OWN}.bl.spamcop.net": ["A 127.0.0.2"],
                 "2.0.0.127.psbl.surriel.com": ["A 127.0.0.2"],
                 # Knows IPv6, by its own test point; and what counts there as a listing isn't the same everywhere.
                 "2.0.0.127.zen.spamhaus.org": ["A 127.0.0.2"], f"{point}.zen.spamhaus.org": ["A 127.0.0.2"],
                 f"{six}.zen.spamhaus.org": ["A 127.0.0.3"], f"{OWN}.zen.spamhaus.org": ["A 127.0.1.2"]})
    said = check(server)
    assert "the address 192.0.2.17 is listed by bl.spamcop.net" in said and "https://www.spamcop.net/" in said
    assert "the address 2001:db8::17 is listed by zen.spamhaus.org" in said
    assert said.count(" is listed by ") == 2


def test_lists_that_lie_are_not_repeated(server, names):
    names.set(**{f"{OWN}.bl.spamcop.net": [], "*.bl.mailspike.net": ["A 127.0.0.2"], "*.b.barracudacentral.org": ["A 127.255.255.254"],
                 f"{OWN}.dnsbl.dronebl.org": ["A 127.0.0.2"]})  # the last has no test point
    said = check(server)
    assert "192.0.2.17 is listed" not in said


def test_off_the_network_nothing_is_claimed(server, names):
    server.configure(resolver="127.0.0.1@1")
    try:
        assert "is listed by" not in check(server)
    finally:
        server.configure(resolver=names.resolver)
