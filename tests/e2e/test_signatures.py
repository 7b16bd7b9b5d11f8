"""Signatures and seals that other programs make (dkimpy, OpenDKIM, Mail::DKIM), as `pombal verify` sees them."""
import base64
import json
import re
import subprocess

import dkim
import pytest

from pombal import binary

LETTER = (b"Received: from a.example by b.example; Mon, 23 Nov 2026 10:00:00 +0000\r\nFrom: Ann <ann@signed.example>\r\nTo: bob@other.example\r\n"
          b"Subject: =?utf-8?q?caf=C3=A9?=  and\r\n\tmore\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@signed.example>\r\n"
          b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHi  Bob. \r\n\r\n\ttabs\tand trailing \t\r\n--\r\nAnn\r\n\r\n\r\n")
FORMS = [(header, body) for header in ("relaxed", "simple") for body in ("relaxed", "simple")]


def txt(text):
    return "TXT " + " ".join(f'"{text[at:at + 200]}"' for at in range(0, len(text), 200))


@pytest.fixture(scope="module")
def keys(tmp_path_factory, names):
    """Private keys by their selectors; the public ones are in the DNS."""
    folder = tmp_path_factory.mktemp("keys")
    made = {}
    for selector, arguments in (("r", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]), ("e", ["ED25519"])):
        made[selector] = folder / f"{selector}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", *arguments, "-out", made[selector]], check=True, stderr=subprocess.DEVNULL)
        public = subprocess.run(["openssl", "pkey", "-in", made[selector], "-pubout", "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout
        text = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}" if selector == "r" else f"v=DKIM1; k=ed25519; p={base64.b64encode(public[-32:]).decode()}"
        names.set(**{f"{selector}._domainkey.signed.example": [txt(text)]})
    return made


@pytest.fixture
def verify(tmp_path, names):
    def run(message):
        path = tmp_path / "message.eml"
        path.write_bytes(message)
        done = subprocess.run([binary(), "verify", path, "--resolver", names.resolver, "--json"], check=True, stdout=subprocess.PIPE, timeout=30)
        return json.loads(done.stdout)
    return run


def results(found):
    return [one["result"] for one in found["dkim"]]


def secret(keys, selector):
    """As dkimpy wants it: RSA in PEM, Ed25519 as the seed in base64."""
    pem = keys[selector].read_bytes()
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    return pem if selector == "r" else base64.b64encode(der[-32:])


def sign(keys, selector, letter=LETTER, form=("relaxed", "relaxed"), **more):
    algorithm = b"rsa-sha256" if selector == "r" else b"ed25519-sha256"
    return dkim.sign(letter, selector.encode(), b"signed.example", secret(keys, selector), canonicalize=tuple(word.encode() for word in form),
                     signature_algorithm=algorithm, **more) + letter


@pytest.mark.parametrize("form", FORMS)
def test_dkimpy_signs(keys, verify, form):
    letter = sign(keys, "e", sign(keys, "r", form=form), form)
    assert results(verify(letter)) == ["pass", "pass"]
    assert results(verify(letter.replace(b"\r\n", b"\n"))) == ["pass", "pass"]  # as a file of this machine has it
    assert results(verify(letter.replace(b"Hi", b"Ho"))) == ["fail", "fail"]
    assert results(verify(letter.replace(b"To: bob", b"To: eve"))) == ["fail", "fail"]
    assert results(verify(b"From: eve@evil.example\r\n" + letter)) != ["pass", "pass"]


def test_a_length_is_no_pass_for_what_was_added(keys, verify):
    letter = sign(keys, "r", length=True)
    assert results(verify(letter)) == ["pass"]
    assert results(verify(letter + b"Buy this!\r\n")) == ["policy"]


@pytest.mark.parametrize("form", FORMS)
def test_mail_dkim_signs(keys, verify, form):
    program = """use Mail::DKIM::Signer; my ($method, $key) = @ARGV;
        my $dkim = Mail::DKIM::Signer->new(Algorithm => "rsa-sha256", Method => $method, Domain => "signed.example", Selector => "r", KeyFile => $key);
        binmode STDIN; { local $/; $dkim->PRINT(<STDIN>); } $dkim->CLOSE; print $dkim->signature->as_string, "\\r\\n";"""
    signed = subprocess.run(["perl", "-e", program, "/".join(form), keys["r"]], input=LETTER, check=True, stdout=subprocess.PIPE, timeout=30).stdout
    assert results(verify(signed + LETTER)) == ["pass"]
    assert results(verify(signed + LETTER.replace(b"Hi", b"Ho"))) == ["fail"]


def test_an_old_algorithm_is_refused(keys, verify):
    """What opendkim-testmsg signs, it signs with SHA-1."""
    signed = subprocess.run(["opendkim-testmsg", "-C", "-d", "signed.example", "-s", "r", "-k", keys["r"]], input=LETTER, check=True, stdout=subprocess.PIPE,
                            timeout=30).stdout
    found = verify(signed)
    assert results(found) == ["permerror"] and "rsa-sha1" in found["dkim"][0]["why"]


def test_a_key_of_opendkim_genkey(tmp_path, names, verify):
    subprocess.run(["opendkim-genkey", "-b", "2048", "-d", "genkey.example", "-s", "g", "-D", tmp_path], check=True, timeout=60)
    zone = (tmp_path / "g.txt").read_text()
    names.set(**{"g._domainkey.genkey.example": ["TXT " + zone[zone.index("(") + 1:zone.index(")")].replace("\n", " ").replace("\t", " ")]})
    pem = (tmp_path / "g.private").read_bytes()
    letter = LETTER.replace(b"signed.example", b"genkey.example")
    assert results(verify(dkim.sign(letter, b"g", b"genkey.example", pem) + letter)) == ["pass"]


def test_what_the_dns_says_of_keys(keys, names, verify):
    letter = sign(keys, "r")
    names.set(**{"gone._domainkey.signed.example": [txt("v=DKIM1; p=")], "small._domainkey.signed.example": [txt("v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAM"
                 "uIyKqUP3kXQzPhcRUMKSxeOpDmOSEvbkhYxtsOiUeqJqcjcQ3qDBpcLXqAAIg5n4hBXTbCfbiCiHRPjI8RJfUCAwEAAQ==")]})
    assert results(verify(letter.replace(b"s=r;", b"s=gone;"))) == ["permerror"]
    assert results(verify(letter.replace(b"s=r;", b"s=nowhere;"))) == ["permerror"]
    found = verify(letter.replace(b"s=r;", b"s=small;"))
    assert results(found) == ["policy"] and "512 bits" in found["dkim"][0]["why"]


def seal(keys, letter, chain):
    fields = dkim.arc_sign(letter, b"r", b"signed.example", secret(keys, "r"), b"signed.example", chain, timestamp="1700000000")
    return b"".join(fields) + letter


def test_dkimpy_seals(keys, verify):
    letter = b"Authentication-Results: signed.example; spf=pass smtp.mailfrom=signed.example\r\n" + LETTER
    assert verify(letter)["arc"]["result"] == "none"
    once = seal(keys, letter, dkim.CV_None)
    assert verify(once)["arc"] == {"result": "pass", "why": "the chain is valid", "seals": ["signed.example"]}
    once = b"Authentication-Results: signed.example; arc=pass\r\n" + once
    twice = seal(keys, once, dkim.CV_Pass)
    assert verify(twice)["arc"]["result"] == "pass" and len(verify(twice)["arc"]["seals"]) == 2
    assert verify(twice.replace(b"Hi", b"Ho"))["arc"]["result"] == "fail"
    changed = re.sub(rb"(i=1; signed\.example;\s+spf=)pass", rb"\1fail", twice)  # one release of dkimpy folds this line, another doesn't
    assert changed != twice and verify(changed)["arc"]["result"] == "fail"
    assert verify(seal(keys, once.replace(b"arc=pass", b"arc=fail"), dkim.CV_Fail))["arc"]["result"] == "fail"


def test_what_people_read(keys, tmp_path, names):
    path = tmp_path / "message.eml"
    path.write_bytes(sign(keys, "r").replace(b"Hi", b"Ho"))
    done = subprocess.run([binary(), "verify", path, "--resolver", names.resolver], check=True, stdout=subprocess.PIPE, text=True, timeout=30)
    assert done.stdout == ("signature of signed.example, key r (2048 bits): fail: the body isn't what was signed\n"
                           "seals: none: the message has no seals\n"
                           "DKIM2: none: the message has no signatures of this kind\n")
