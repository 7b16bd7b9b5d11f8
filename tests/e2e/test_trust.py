"""A mailing list changes a message, so that DMARC fails: it is taken if the list is trusted and its seal (ARC, made by dkimpy) says that it passed there."""
import json
import smtplib
import subprocess

import dkim
import pytest

from pombal import Pombal


@pytest.fixture(scope="module")
def keys(names, tmp_path_factory):
    """Private keys of sealers, whose records are in the DNS."""
    folder, keys = tmp_path_factory.mktemp("keys"), {}
    for domain in ("list.example", "relay.example", "stranger.example"):
        path = folder / domain
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path], check=True, stderr=subprocess.DEVNULL)
        public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout"], check=True, stdout=subprocess.PIPE, text=True).stdout
        text = "v=DKIM1; p=" + "".join(public.splitlines()[1:-1])
        names.set(**{f"seal._domainkey.{domain}": ["TXT " + " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))]})
        keys[domain] = path.read_bytes()
    names.set(**{"strict.example": ['TXT "v=spf1 ip4:192.0.2.1 -all"'], "_dmarc.strict.example": ['TXT "v=DMARC1; p=reject"']})
    return keys


@pytest.fixture(scope="module")
def server(names, keys):
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "arc_trusted": ["List.example", "relay.example"]}
    with Pombal("trusting.example", options=options) as own:
        yield own


def letter(token, author="ann@strict.example"):
    return (f"From: Ann <{author}>\r\nTo: list@list.example\r\nSubject: {token}\r\nMessage-ID: <{token}@strict.example>\r\n"
            f"Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\nHello.\r\n-- \r\nThe list's footer.\r\n").encode()


def seal(message, keys, domain, found):
    """Sealed by that domain, which says that it has found that."""
    message = f"Authentication-Results: mx.{domain}; {found}\r\n".encode() + message
    return b"".join(dkim.arc_sign(message, b"seal", domain.encode(), keys[domain], f"mx.{domain}".encode())) + message


PASSED = "dmarc=pass header.from=strict.example; spf=pass smtp.mailfrom=strict.example"


def send(server, message):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail("bounces@list.example", [server.name("anna")], message)


def must_be_refused(server, message):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(server, message)
    assert refused.value.smtp_code == 550 and b"DMARC" in refused.value.smtp_error


def test_a_trusted_list_vouches(server, keys, token):
    send(server, seal(letter(token), keys, "list.example", PASSED))
    mail = b" ".join(server.wait_mail(token)[0].split())
    assert b"arc=pass " in mail and b"dmarc=fail (" in mail and b"arc=pass as[1].d=list.example as[1].s=seal said dmarc=pass" in mail
    assert b"DMARC_" not in mail


@pytest.mark.parametrize("found", ("spf=pass smtp.mailfrom=ann@strict.example", "dkim=pass header.d=strict.example", "spf=fail smtp.mailfrom=x.example; dkim=pass header.d=strict.example"))
def test_or_what_dmarc_would_be_made_of(server, keys, token, found):
    send(server, seal(letter(token), keys, "list.example", found))
    server.wait_mail(token)


def test_two_trusted_ones_in_a_row(server, keys, token):
    send(server, seal(seal(letter(token), keys, "relay.example", PASSED), keys, "list.example", "arc=pass; dmarc=fail header.from=strict.example"))
    assert b"as[1].d=relay.example" in server.wait_mail(token)[0]


@pytest.mark.parametrize("found", ("dmarc=fail header.from=strict.example", "none", "dmarc=pass header.from=other.example", "spf=pass smtp.mailfrom=list.example",
                                   "dkim=pass header.d=notstrict.example", "dmarc=pass"))
def test_a_seal_that_does_not_say_it(server, keys, token, found):
    must_be_refused(server, seal(letter(token), keys, "list.example", found))


def test_whom_nobody_trusts(server, keys, token):
    """Neither first nor last: the last could have put others' seals on a text of its own."""
    must_be_refused(server, seal(letter(token), keys, "stranger.example", PASSED))
    must_be_refused(server, seal(seal(letter(token), keys, "list.example", PASSED), keys, "stranger.example", "arc=pass"))
    must_be_refused(server, seal(seal(letter(token), keys, "stranger.example", PASSED), keys, "list.example", "arc=pass"))


def test_a_chain_that_is_broken(server, keys, token):
    sealed = seal(letter(token), keys, "list.example", PASSED)
    must_be_refused(server, sealed.replace(b"Hello.", b"Send me money."))
    must_be_refused(server, sealed.replace(b"header.from=strict", b"header.from=Strict"))
    must_be_refused(server, sealed.replace(b"Ann <ann@", b"Bob <bob@"))


def test_nobody_is_trusted_by_default(server, keys, token):
    server.configure(arc_trusted=[])
    server.reload()
    try:
        must_be_refused(server, seal(letter(token), keys, "list.example", PASSED))
    finally:
        server.configure(arc_trusted=["List.example", "relay.example"])
        server.reload()


def test_verify_says_it(server, keys, token, tmp_path):
    path = tmp_path / "letter"
    path.write_bytes(seal(letter(token), keys, "list.example", PASSED))
    arguments = ("verify", path, "--ip", "127.0.0.1", "--helo", "client.example", "--from", "bounces@list.example")
    said = server.run(*arguments).stdout
    assert "wanted: reject, to be done: none" in said and "taken all the same: arc=pass as[1].d=list.example" in said
    found = json.loads(server.run(*arguments, "--json").stdout)
    assert found["dmarc"]["result"] == "fail" and found["dmarc"]["disposition"] == "none" and found["override"].startswith("arc=pass ")
