"""Certificates by themselves: against Debian's pebble, which looks whether names lead here, over real sockets."""
import json
import re
import socket
import ssl
import subprocess

import pytest

from authority import Authority
from nameserver import NameServer
from pombal import PORTS, PORT_BASE, Pombal, tls_context, wait_for
from zones import ZoneServer

HTTP, HTTPS = PORTS["http"] + PORT_BASE, PORTS["https"] + PORT_BASE


@pytest.fixture(scope="module")
def dns():
    server = NameServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def authority(dns):
    with Authority(dns.resolver, HTTP, HTTPS) as server:
        yield server


def served(server, name, service="imaps"):
    """The certificate that who asks for that server gets: its bytes and what it says."""
    with socket.create_connection((server.address, server.ports[service]), 10) as plain, tls_context().wrap_socket(plain, server_hostname=name) as tls:
        return tls.getpeercert(binary_form=True)


def names_of(certificate):
    said = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-ext", "subjectAltName,basicConstraints"], input=certificate, capture_output=True, check=True)
    return set(re.findall(r"(?:DNS|IP Address):([^,\s]+)", said.stdout.decode()))


def key_of(certificate):
    return subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-pubkey"], input=certificate, capture_output=True, check=True).stdout


def verified(server, authority, name, service="imaps"):
    """A client that trusts the authority alone gets on with the server."""
    context = ssl.create_default_context(cafile=authority.root())
    with socket.create_connection((server.address, server.ports[service]), 10) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        return tls.version()


def states(server):
    return {one["certificate"]: one for one in server.json("certificate", "list") if "state" in one}


def lead_here(dns, server, *names):
    dns.set(**{name: [f"A {server.address}"] for name in names})


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_names_get_certificates(dns, authority, challenge):
    """The hostname's, and the domain's with those names that lead here; what doesn't is left out, and said."""
    with Pombal(domain="post.example.test", hostname="mx.post.example.test", start=False) as own:
        lead_here(dns, own, "mx.post.example.test", "mta-sts.post.example.test", "autoconfig.post.example.test")
        dns.set(**{"mail.post.example.test": ["A 127.9.9.9"]})
        own.configure(acme_challenge=[challenge], acme_names=[own.address], **authority.options)
        own.start()
        own.wait_log(r"event=certificate.renewed certificate=mx\.post\.example\.test")
        own.wait_log(r"event=certificate.renewed certificate=post\.example\.test")
        assert names_of(served(own, "mx.post.example.test")) == {"mx.post.example.test", own.address}, "addresses are names, too (RFC 8738)"
        assert names_of(served(own, "mta-sts.post.example.test")) == {"mta-sts.post.example.test", "autoconfig.post.example.test"}
        for service in ("imaps", "submissions", "https"):
            assert verified(own, authority, "mx.post.example.test", service).startswith("TLS")
        with socket.create_connection((own.address, own.ports["imaps"]), 10) as plain, tls_context().wrap_socket(plain) as tls:
            assert "mx.post.example.test" in names_of(tls.getpeercert(binary_form=True)), "also who names no server"
        assert re.search(r"event=certificate.name_left_out certificate=post.example.test name=mail.post.example.test reason=\"it leads elsewhere", own.log())
        assert ("event=tls.challenge" in own.log()) == (challenge == "tls-alpn-01")


@pytest.fixture
def own(dns, authority):
    """One whose hostname has a certificate of the authority's."""
    with Pombal(domain="post.example.test", hostname="mx.post.example.test", start=False) as server:
        lead_here(dns, server, "mx.post.example.test")
        dns.set(**{f"{label}.post.example.test": [] for label in ("mail", "mta-sts", "autoconfig", "autodiscover")})
        server.configure(**authority.options)
        server.start()
        server.wait_log("event=certificate.renewed certificate=mx.post.example.test")
        wait_for(lambda: states(server)["mx.post.example.test"]["due"], "the time to renew")
        yield server


def test_a_new_one_disturbs_nobody(own, authority):
    """It comes into service while a session goes on, with the same key; with --new-key it has the one that was ready, and another is."""
    first, before = served(own, "mx.post.example.test"), states(own)["mx.post.example.test"]
    assert before["state"] == "waiting" and before["failures"] == 0 and before["names"] == ["mx.post.example.test"] and before["key"] != before["next_key"]
    assert before["begins"] < before["due"] < before["ends"] - (before["ends"] - before["begins"]) / 4, "long before its end"
    published = [line.rsplit(" ", 1)[1] for line in own.run("domain", "dns", "post.example.test").stdout.splitlines() if line.startswith("_25._tcp.mx.post.example.test. TLSA 3 1 1 ")]
    assert published == [before["key"], before["next_key"]]
    digest = subprocess.run("openssl x509 -inform DER -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256", shell=True, input=first, capture_output=True, check=True)
    assert digest.stdout.decode().split()[-1] == before["key"]
    session, roles = own.imap(mailbox="INBOX"), own.role_pids()
    assert "mx.post.example.test  until" in own.run("certificate", "renew", "mx.post.example.test").stdout
    second = served(own, "mx.post.example.test")
    assert second != first and key_of(second) == key_of(first)
    own.run("certificate", "renew", "mx.post.example.test", "--new-key")
    third, after = served(own, "mx.post.example.test"), states(own)["mx.post.example.test"]
    assert key_of(third) != key_of(first) and after["key"] == before["next_key"] and after["next_key"] not in (before["key"], before["next_key"])
    assert session.noop()[0] == "OK" and own.role_pids() == roles
    session.logout()
    assert "no such certificate" in own.run("certificate", "renew", "other.example.test", status=1).stderr
    own.configure(acme_keep_key=False)
    own.reload()
    own.run("certificate", "renew")
    assert key_of(served(own, "mx.post.example.test")) not in (key_of(first), key_of(third))


def test_it_is_kept_over_a_start(own, authority):
    """A server that is started again serves what it has, and asks for nothing."""
    first, offset = served(own, "mx.post.example.test"), own.log_size()
    files = {path.name: path.stat() for path in (own.data / "certificates" / "acme").iterdir()}
    assert set(files) >= {"account.key", "mx.post.example.test.pem", "mx.post.example.test.next"} and all(one.st_mode & 0o077 == 0 for one in files.values())
    own.stop()
    own.start()
    assert served(own, "mx.post.example.test") == first
    wait_for(lambda: states(own).get("mx.post.example.test", {}).get("due"), "its state")
    assert "certificate.asked" not in own.log(offset)
    # Nor does one whose file was damaged meanwhile fail to start: it gets another.
    own.stop()
    path = own.data / "certificates" / "acme" / "mx.post.example.test.pem"
    path.write_bytes(path.read_bytes()[:500])
    own.expected_noise.append("event=certificate.damaged")
    own.start()
    own.wait_log("event=certificate.renewed certificate=mx.post.example.test", offset)
    assert verified(own, authority, "mx.post.example.test").startswith("TLS")


def test_failures_are_told(dns, authority):
    """Who isn't reached at a name gets no certificate for it, but one for the others; it is said, and tried again later."""
    with Pombal(domain="vain.example.test", hostname="mx.vain.example.test", start=False) as own:
        # The authority is led elsewhere by the same name: it sees the first address, where nobody is.
        dns.set(**{"mx.vain.example.test": ["A 127.8.8.8"], "mta-sts.vain.example.test": ["A 127.8.8.8"]})
        own.configure(**authority.options)
        own.start()
        own.wait_log(r"event=certificate.failed certificate=mx\.vain\.example\.test reason=\"mx.vain.example.test isn't proved: .*mend=\"The authority must reach this server")
        own.wait_log(r"event=certificate.failed certificate=vain\.example\.test ")
        state = states(own)["mx.vain.example.test"]
        assert state["state"] == "failed" and state["failures"] == 1 and state["due"] > 0 and "isn't proved" in state["why"] and not state["there"]
        said = own.run("check", "--no-dns", status=None).stdout
        assert "mx.vain.example.test" in said and "isn't proved" in said
        # What was found out lasts: a new start asks nobody.
        offset = own.log_size()
        own.stop()
        own.start()
        wait_for(lambda: states(own).get("mx.vain.example.test", {}).get("failures") == 1, "its state")
        assert "certificate.asked" not in own.log(offset)
        # Whoever has mended it needn't wait.
        lead_here(dns, own, "mx.vain.example.test")
        assert "until" in own.run("certificate", "renew", "mx.vain.example.test").stdout
        assert verified(own, authority, "mx.vain.example.test").startswith("TLS") and states(own)["mx.vain.example.test"]["failures"] == 0


def test_one_name_alone_fails(dns, authority):
    """A further name that leads nowhere costs the certificate that name only; when it leads here, it has it."""
    with Pombal(domain="part.example.test", hostname="mx.part.example.test", start=False) as own:
        lead_here(dns, own, "mx.part.example.test", "www.part.example.test")
        own.configure(acme_names=["www.part.example.test", "gone.part.example.test"], **authority.options)
        own.start()
        own.wait_log(r"event=certificate.name_left_out certificate=mx.part.example.test name=gone.part.example.test")
        own.wait_log("event=certificate.renewed certificate=mx.part.example.test")
        assert names_of(served(own, "mx.part.example.test")) == {"mx.part.example.test", "www.part.example.test"}
        lead_here(dns, own, "gone.part.example.test")

        def has_it():
            own.reload()  # the DNS is asked at once; that it isn't there may have been kept for a second
            return "gone.part.example.test" in names_of(served(own, "mx.part.example.test"))
        wait_for(has_it, "a certificate with the further name", pause=1)


def test_an_authority_that_is_away(dns):
    """Is asked again later; a name that isn't its is refused; one that isn't trusted is no authority."""
    with Authority(dns.resolver, HTTP, HTTPS) as authority, Pombal(domain="away.example.test", hostname="mx.away.example.test", start=False) as own:
        lead_here(dns, own, "mx.away.example.test")
        authority.stop()
        own.configure(**authority.options)
        own.start()
        own.wait_log(r"event=certificate.failed certificate=mx.away.example.test reason=\"no connection to .*mend=\"Nothing, if it passes")
        authority.start()
        own.configure(trusted_certificates="")
        own.reload()
        assert "isn't valid" in own.run("certificate", "renew", "mx.away.example.test", status=1).stderr
        own.configure(trusted_certificates=str(authority.trusted), fetch_private_networks=[])
        own.reload()
        wait_for(lambda: states(own), "the acme role")
        assert "fetch_private_networks" in own.run("certificate", "renew", "mx.away.example.test", status=1).stderr
        own.configure(fetch_private_networks=["127.0.0.0/8"])
        own.reload()
        assert "until" in own.run("certificate", "renew", "mx.away.example.test").stdout


def test_who_wants_none_gets_none(dns, authority):
    """Names of no public domain are asked for nowhere by themselves; configured certificates are not doubled."""
    with Pombal(domain="none.example.test", hostname="mx.none.example.test", start=False) as own:
        lead_here(dns, own, "mx.none.example.test")
        own.configure(**{**authority.options, "acme": "auto"})
        own.start()
        own.run("reload")
        assert "no certificate was got" in own.run("certificate", "list").stderr
        assert "gets no certificates" in own.run("certificate", "renew", status=1).stderr
        key, chain = own.data / "certificates" / "own.key", own.data / "certificates" / "own.pem"
        issuer = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"]
        subprocess.run([*issuer, "-keyout", own.data / "ca.key", "-out", own.data / "ca.pem", "-subj", "/CN=ca"], check=True, capture_output=True)
        subprocess.run([*issuer, "-CA", own.data / "ca.pem", "-CAkey", own.data / "ca.key", "-keyout", key, "-out", chain, "-subj", "/CN=own",
                        "-addext", "subjectAltName=DNS:mx.none.example.test"], check=True, capture_output=True)
        own.configure(acme="yes", certificates=["certificates/own.pem certificates/own.key", "certificates/self-signed.pem certificates/self-signed.key"], acme_names=["mx.none.example.test"])
        own.reload()
        wait_for(lambda: "none.example.test" in states(own), "what is left to be asked for")
        assert set(states(own)) == {"none.example.test"} and names_of(served(own, "mx.none.example.test")) == {"mx.none.example.test"}
        assert "certificate.asked" not in own.log()


def test_a_challenge_opens_nothing_else(own):
    """ALPN's acme-tls/1 is for authorities alone: nobody is served over it, and for other names there is no certificate."""
    context = tls_context()
    context.set_alpn_protocols(["acme-tls/1"])
    for service in ("imaps", "https"):
        for name in ("mx.post.example.test", "other.example.test", None):
            with socket.create_connection((own.address, own.ports[service]), 10) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(plain, server_hostname=name).recv(1)


@pytest.fixture
def zones():
    server = ZoneServer("zone.example")
    yield server
    server.close()


def test_names_are_proved_in_the_dns(zones):
    """A wildcard and its own name, by records that are gone afterwards; nobody needs to be reached for that."""
    with Authority(zones.resolver, 1, 1) as authority, Pombal(domain="zone.example", hostname="mx.zone.example", start=False) as own:
        (own.data / "dns.key").write_text(zones.secret + "\n")
        own.configure(**authority.options, acme_challenge=["dns-01"], acme_names=["*.wild.zone.example", "wild.zone.example"], acme_labels=[], acme_dns_wait=0,
                      dns_update=[zones.entry("zone.example")])
        own.start()
        own.wait_log("event=certificate.renewed certificate=mx.zone.example")
        assert names_of(served(own, "mx.zone.example")) == {"mx.zone.example", "*.wild.zone.example", "wild.zone.example"}
        assert verified(own, authority, "any.wild.zone.example").startswith("TLS")
        wait_for(lambda: "_acme-challenge" not in (zones.folder / "zone.example.zone").read_text(), "the records to be removed")
        # The keys of the certificate and of the next come into the DNS, and stay beside those that are used later.
        keys = lambda: set(re.findall(r"^_25\._tcp\.mx\.zone\.example\.\s+\d+\s+TLSA\s+3 1 1 ([0-9A-Fa-f]{64})", (zones.folder / "zone.example.zone").read_text(), re.M))
        before = states(own)["mx.zone.example"]
        assert "TLSA" in own.run("domain", "dns", "zone.example", "--check", status=1).stdout
        own.run("dns", "publish", "zone.example")
        wait_for(lambda: {key.lower() for key in keys()} == {before["key"], before["next_key"]}, "the keys to be written")
        own.run("certificate", "renew", "mx.zone.example", "--new-key")
        found = json.loads(own.run("domain", "dns", "zone.example", "--check", "--json").stdout)
        assert [one["state"] for one in found if one["type"] == "TLSA"] == ["right", "missing"]
        own.run("dns", "publish", "zone.example")
        wait_for(lambda: len(keys()) == 3, "the next key to be written")
        # With a key that the name server doesn't take nothing can be proved.
        (own.data / "dns.key").write_text("QUJDREVGR0hJSktMTU5PUA==\n")
        assert "another secret" in own.run("certificate", "renew", "mx.zone.example", status=1).stderr
