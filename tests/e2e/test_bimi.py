"""Whether the author's domain publishes a logo stands in the message, and `pombal verify` says it; nobody gets one whose domain lets forgeries through."""
import email
import json
import smtplib

import pytest

from pombal import Pombal

GOOD = 'TXT "v=BIMI1; l=https://shop.brand.example/logo.svg; a=https://shop.brand.example/vmc.pem"'


@pytest.fixture(scope="module")
def server(names):
    spf = 'TXT "v=spf1 ip4:127.0.0.0/8 -all"'
    names.set(**{
        "brand.example": [spf], "_dmarc.brand.example": ['TXT "v=DMARC1; p=reject"'], "default._bimi.brand.example": [GOOD],
        "summer._bimi.brand.example": ['TXT "v=BIMI1; l=https://shop.brand.example/summer.svg"'],
        "broken._bimi.brand.example": ['TXT "v=BIMI1; l=http://shop.brand.example/logo.svg"'], "off._bimi.brand.example": ['TXT "v=BIMI1; l=; a="'],
        "loose.example": [spf], "_dmarc.loose.example": ['TXT "v=DMARC1; p=none"'], "default._bimi.loose.example": [GOOD],
    })
    options = {"sender_checks": True, "spam_checks": False, "resolver": names.resolver, "trust_anchors": ["none"]}
    with Pombal("logo.example", options=options) as own:
        yield own


def letter(token, domain, more=""):
    return f"{more}From: Ann <ann@{domain}>\r\nTo: anna@logo.example\r\nSubject: {token}\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\nHello.\r\n".encode()


@pytest.mark.parametrize("domain, selector, found", (
    ("brand.example", None, "bimi=pass (the domain publishes a logo) header.d=brand.example header.selector=default"),
    ("brand.example", "summer", "bimi=pass (the domain publishes a logo) header.d=brand.example header.selector=summer"),
    ("brand.example", "broken", "bimi=permerror "), ("brand.example", "off", "bimi=declined "), ("brand.example", "winter", "bimi=none "),
    ("loose.example", None, "bimi=skipped "), ("nothing.example", None, "bimi=skipped ")))
def test_it_stands_in_the_message(server, token, domain, selector, found):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail(f"ann@{domain}", [server.name("anna")], letter(token, domain, f"BIMI-Selector: v=BIMI1; s={selector};\r\n" if selector else ""))
    field = " ".join(email.message_from_bytes(server.wait_mail(token)[0]).get_all("Authentication-Results")[0].split())
    assert found in field + " "


def test_a_stranger_brings_no_logo_along(server, token):
    """Mail clients would show what these fields say, since a server writes them that has looked."""
    more = "BIMI-Location: v=BIMI1; l=https://evil.example/bank.svg\r\nBIMI-Indicator: PHN2Zz4=\r\n"
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail("ann@nothing.example", [server.name("anna")], letter(token, "nothing.example", more))
    mail = email.message_from_bytes(server.wait_mail(token)[0])
    assert mail["BIMI-Location"] is None and mail["BIMI-Indicator"] is None


def test_the_option_switches_it_off(server, token):
    server.configure(bimi="false")
    server.reload()
    try:
        with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
            session.sendmail("ann@brand.example", [server.name("anna")], letter(token, "brand.example"))
        assert b"bimi=" not in server.wait_mail(token)[0]
    finally:
        server.configure(bimi="true")
        server.reload()


def test_verify_says_it(server, token, tmp_path):
    path = tmp_path / "letter"
    path.write_bytes(letter(token, "brand.example"))
    arguments = ("verify", path, "--ip", "127.0.0.1", "--helo", "client.example", "--from", "ann@brand.example")
    said = server.run(*arguments).stdout
    assert "BIMI: pass: the domain publishes a logo" in said and "logo https://shop.brand.example/logo.svg" in said and "vouched for by https://" in said
    found = json.loads(server.run(*arguments, "--json").stdout)["bimi"]
    assert found["result"] == "pass" and found["logo"].endswith("/logo.svg") and found["domain"] == "brand.example"
