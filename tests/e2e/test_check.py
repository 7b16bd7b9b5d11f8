"""`pombal check`: what is wrong is named, with how to mend it."""
import json
import os
import shutil
import signal
import subprocess

import pytest

from pombal import Pombal, wait_for


@pytest.fixture
def own():
    with Pombal("check.example", start=False) as instance:
        yield instance


def findings(instance, *arguments, status=None):
    found = json.loads(instance.run("check", "--json", *arguments, status=status).stdout)
    return [(one["level"], one["what"]) for one in found if one["mend"]]


def assert_found(instance, level, words, *arguments):
    found = findings(instance, *arguments)
    assert any(one == level and words in what for one, what in found), found


def test_nothing_is_wrong(own):
    assert findings(own, status=0) == []
    own.start()
    assert findings(own, status=0) == []


def test_files_open_to_others(own):
    for name, words in (("directory/directory.db", "open to other users"), ("queue", "open to other users"), ("pombal.conf", "can be written")):
        path = own.data / name
        mode = path.stat().st_mode & 0o777
        path.chmod(mode | 0o022)
        assert_found(own, "error", words)
        own.run("check", status=1)
        path.chmod(mode)
    assert findings(own) == []


def make_certificate(own, *arguments):
    folder = own.data / "certificates"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "other.key",
                    "-out", folder / "other.pem", *arguments], check=True, stderr=subprocess.DEVNULL)
    os.chmod(folder / "other.key", 0o600)


def test_certificates(own):
    own.configure(certificates=["certificates/other.pem certificates/other.key"])
    make_certificate(own, "-subj", "/CN=elsewhere.example", "-addext", "subjectAltName=DNS:elsewhere.example", "-days", "90")
    assert_found(own, "warning", "is not for mail.check.example")
    make_certificate(own, "-subj", "/CN=mail.check.example", "-addext", "subjectAltName=DNS:mail.check.example", "-days", "3")
    assert_found(own, "warning", "other.pem expires in ")
    make_certificate(own, "-subj", "/CN=mail.check.example", "-addext", "subjectAltName=DNS:mail.check.example", "-days", "90")
    assert findings(own) == []
    (own.data / "certificates/other.key").chmod(0o644)
    assert_found(own, "error", "can be read by other users")
    (own.data / "certificates/other.key").chmod(0o600)
    shutil.copy(own.data / "certificates/self-signed.key", own.data / "certificates/other.key")
    assert_found(own, "error", "other.pem")  # chain and key don't belong together
    own.configure(certificates=[])
    assert_found(own, "error", "there is no certificate")
    own.configure(certificates=[], submissions_listen=[], imaps_listen=[], pop3s_listen=[])
    assert_found(own, "warning", "there is no certificate")


def test_a_port_in_use(own):
    with Pombal("other.example", address=own.address):
        assert_found(own, "error", "is in use")


def test_roles_that_do_not_run(own):
    own.expected_noise.append(r"event=role\.ended")
    own.start()
    os.kill(own.role_of("reader"), signal.SIGKILL)
    wait_for(lambda: ("warning", "the role reader was started again 1 times") in findings(own), "the restart to be found")


def test_dns(names):
    with Pombal("dnscheck.example", options={"resolver": names.resolver}, start=False) as own:
        assert findings(own) == []  # on loopback nobody asks for records
        assert_found(own, "error", "mail.dnscheck.example, has no address", "--dns")
        names.set(**{"mail.dnscheck.example": [f"A {own.address}"]})
        assert_found(own, "warning", "no name that leads back", "--dns")
        assert_found(own, "warning", "dnscheck.example has no MX record", "--dns")


def test_addresses_that_lead_to_nobody(own):
    own.run("alias", "add", "lost@check.example", "gone@check.example")
    own.run("alias", "add", "found@check.example", "anna@check.example")
    own.run("alias", "add", "self@check.example", "self@check.example")
    own.run("alias", "add", "partly@check.example", "anna@check.example", "self@check.example", "gone@check.example")
    own.run("domain", "add", "caught.example", "--catch-all", "nobody@check.example")
    own.run("alias", "add", "postmaster@caught.example", "anna@check.example")
    assert sorted(findings(own, status=0)) == [
        ("warning", "the alias lost@check.example leads to nobody"),
        ("warning", "the alias partly@check.example leads to gone@check.example, which is nobody's address"),
        ("warning", "the alias self@check.example leads to nobody"),
        ("warning", "the catch-all nobody@check.example of caught.example is nobody's address")]
