"""The documents that mail clients set themselves up from are taken by programs that we did not write: by libxml2 with the schema of the draft,
by Python's readers of XML, property lists and JSON, and by openssl, which verifies a signed profile up to its authority."""
import json
import plistlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree
from pathlib import Path

WRITER = sys.argv[1]
SCHEMA = Path(__file__).parent / "client_config.rng"
# Names as people and attackers have them: quotes, brackets, what ends a CDATA section, control characters, emoji, right-to-left, the longest.
ADDRESSES = ["anna@example.test", "", "jürgen@bücher.example", '"<b>&]]>\'"@example.test', "😀@example.test", "a\x01\x1b[31m\n@example.test", "\u202eevil@example.test",
             "a" * 64 + "@" + "b" * 185 + ".test", "%EMAILADDRESS%%s%n@example.test"]
OUTLOOK = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"


def written(name, address, services="piPIsS", *more):
    return subprocess.run([WRITER, name, address, services, *map(str, more)], check=True, stdout=subprocess.PIPE, timeout=60).stdout


def clean(text):
    return "".join(" " if letter < " " or letter == "\x7f" else letter for letter in text)


def run(*words, stdin=b""):
    done = subprocess.run(list(map(str, words)), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    return done.stdout


def check_client_config(address):
    document = written("client_config", address)
    run("xmllint", "--nonet", "--noout", "--relaxng", SCHEMA, "-", stdin=document)
    provider = tree.fromstring(document).find("emailProvider")
    assert [(one.tag, one.get("type"), one.findtext("port"), one.findtext("socketType")) for one in provider if one.tag.endswith("Server")] == [
        ("incomingServer", "imap", "993", "SSL"), ("incomingServer", "imap", "143", "STARTTLS"), ("incomingServer", "pop3", "995", "SSL"),
        ("incomingServer", "pop3", "110", "STARTTLS"), ("outgoingServer", "smtp", "465", "SSL"), ("outgoingServer", "smtp", "587", "STARTTLS")]
    assert {one.text for one in provider.iter("username")} == {clean(address) or "%EMAILADDRESS%"}
    assert len(provider.findtext("displayName")) <= 60 and len(provider.findtext("displayShortName")) <= 20
    assert [one.text for one in provider.iter("domain")] == ["xn--bcher-kva.example", "bücher.example"]


def check_outlook(address):
    account = tree.fromstring(written("outlook", address)).find(f"{OUTLOOK}Response/{OUTLOOK}Account")
    found = [{part.tag.removeprefix(OUTLOOK): part.text for part in one} for one in account.iter(f"{OUTLOOK}Protocol")]
    assert [(one["Type"], one["Server"], one["Port"], one["SSL"], one["Encryption"]) for one in found] == [
        ("IMAP", "mail.example.test", "993", "on", "SSL"), ("POP3", "mail.example.test", "995", "on", "SSL"), ("SMTP", "mail.example.test", "465", "on", "SSL")]
    assert all(one.get("LoginName", "") == clean(address) for one in found)


def check_profile(address):
    document = written("profile", address, "iPs")
    run("xmllint", "--nonet", "--noout", "-", stdin=document)
    profile = plistlib.loads(document)
    account, = profile["PayloadContent"]
    assert profile["PayloadType"] == "Configuration" and account["PayloadType"] == "com.apple.mail.managed" and profile["PayloadUUID"] != account["PayloadUUID"]
    assert (account["EmailAccountType"], account["IncomingMailServerPortNumber"], account["IncomingMailServerUseSSL"]) == ("EmailTypeIMAP", 143, True)
    assert (account["OutgoingMailServerHostName"], account["OutgoingMailServerPortNumber"]) == ("mail.example.test", 587)
    assert account.get("EmailAddress", "") == account.get("IncomingMailServerUsername", "") == clean(address)
    assert "Password" not in "".join(key for key in account if "Same" not in key)


def check_agents(address):
    document = json.loads(written("agents", address))
    assert document["protocols"] == {name: {"host": "mail.example.test"} for name in ("imap", "pop3", "submit")} and document["authentication"] == {"password": True}
    assert len(document["info"]["provider"]["name"]) <= 60


def check_signature(folder):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-subj", "/CN=Authority", "-days", "9")
    run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "own.key", "-out", folder / "own.csr", "-subj", "/CN=mail.example.test")
    run("openssl", "x509", "-req", "-in", folder / "own.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-out", folder / "own.pem", "-days", "9")
    (folder / "chain.pem").write_bytes((folder / "own.pem").read_bytes() + (folder / "ca.pem").read_bytes())
    (folder / "signed").write_bytes(written("profile", "anna@example.test", "IS", folder / "chain.pem", folder / "own.key"))
    run("openssl", "cms", "-verify", "-inform", "DER", "-in", folder / "signed", "-CAfile", folder / "ca.pem", "-purpose", "any", "-out", folder / "content")
    assert (folder / "content").read_bytes() == written("profile", "anna@example.test", "IS")
    assert plistlib.loads((folder / "content").read_bytes())["PayloadContent"][0]["EmailAddress"] == "anna@example.test"


for address in ADDRESSES:
    for check in (check_client_config, check_outlook, check_profile, check_agents):
        check(address)
with tempfile.TemporaryDirectory() as place:
    check_signature(Path(place))
print(f"ok: {len(ADDRESSES)} names in 4 documents, and a signature")
