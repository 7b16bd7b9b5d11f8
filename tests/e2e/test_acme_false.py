"""Certificates by themselves, from an authority that isn't as it should be, or does what pebble doesn't."""
import re
import subprocess
import time

import pytest

from false_authority import FalseAuthority, decode
from nameserver import NameServer
from pombal import Pombal, wait_for
from zones import ZoneServer

NAME = "mx.false.example.test"


def states(server):
    return {one["certificate"]: one for one in server.json("certificate", "list") if "state" in one}


@pytest.fixture(scope="module", autouse=True)
def names():
    """The name leads somewhere; the authority looks at nobody."""
    server = NameServer()
    server.set(**{NAME: [f"A {server.address}"]})
    _resolvers.append(server.resolver)
    yield
    server.close()


_resolvers = []


def certified(authority, **options):
    """A server whose hostname has a certificate of it."""
    server = Pombal(domain="false.example.test", hostname=NAME, start=False)
    server.configure(**{**authority.options, "resolver": _resolvers[0], "trust_anchors": ["none"], **options})
    server.start()
    server.wait_log(f"event=certificate.renewed certificate={NAME}")
    return server


def test_an_authority_may_say_when():
    """Renewal information (RFC 9773): of its own certificate, by its number; in a window that is over it is renewed at once, and says what it replaces."""
    with FalseAuthority() as authority:
        now = int(time.time())
        authority.renewal = (now + 10 * 86400, now + 12 * 86400)
        with certified(authority) as own:
            wait_for(lambda: authority.renewal[0] <= states(own)[NAME]["due"] <= authority.renewal[1], "the time that the authority says")
            asked = [path for what, path in authority.asked if what == "renewal"]
            said = subprocess.run(["openssl", "x509", "-in", own.data / "certificates/acme" / f"{NAME}.pem", "-noout", "-serial", "-ext", "authorityKeyIdentifier"], capture_output=True, check=True).stdout.decode()
            key, number = (decode(part) for part in asked[0].rsplit("/", 1)[1].split("."))
            assert len(asked) == 1 and int.from_bytes(number, "big") == int(re.search("serial=(.*)", said)[1], 16) and key.hex() in said.replace(":", "").lower()
            # From another start on it is asked anew; what it then says is that it must be replaced.
            own.stop()
            authority.renewal = (now - 7200, now - 3600)
            before = len([1 for what, _ in authority.asked if what == "order"])
            own.start()
            wait_for(lambda: len([1 for what, _ in authority.asked if what == "certificate"]) == 2, "another certificate")
            orders = [payload for what, payload in authority.asked if what == "order"]
            assert len(orders) == before + 1 and orders[-1]["replaces"] == asked[0].rsplit("/", 1)[1]
            authority.renewal = (now + 86400, now + 2 * 86400)


def test_what_was_replaced_is_ordered_anew():
    with FalseAuthority() as authority:
        with certified(authority, acme_profile="shortlived") as own:
            refused = []

            def refuse(handler, payload):
                if "replaces" in payload:
                    refused.append(payload)
                    handler.say(409, {"type": "urn:ietf:params:acme:error:alreadyReplaced", "detail": "it was"})
                return "replaces" in payload
            authority.answers["order"] = refuse
            assert "until" in own.run("certificate", "renew", NAME).stdout
            orders = [payload for what, payload in authority.asked if what == "order"]
            assert len(refused) == 1 and "replaces" not in orders[-1] and orders[-1]["profile"] == "shortlived"
            own.configure(acme_profile="unknown")
            own.reload()
            assert 'no profile "unknown"' in own.run("certificate", "renew", NAME, status=1).stderr


def test_certificates_of_six_days():
    with FalseAuthority(days=6) as authority, certified(authority) as own:
        wait_for(lambda: states(own)[NAME]["due"], "the time to renew")
        state = states(own)[NAME]
        assert 2.7 * 86400 < state["due"] - state["begins"] <= 3 * 86400 and state["ends"] - state["begins"] <= 6 * 86400


def test_who_asks_to_wait_is_heeded():
    with FalseAuthority() as authority, certified(authority) as own:
        authority.answers["order"] = lambda handler, _: handler.say(429, {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many"}, Retry_After="86400") or True
        assert "too many (rateLimited)" in own.run("certificate", "renew", NAME, status=1).stderr
        assert states(own)[NAME]["due"] > time.time() + 86300
        # The one that there is serves on.
        assert states(own)[NAME]["there"] and states(own)[NAME]["failures"] == 1


def rubbish(handler, _):
    handler.say(200, b'{"status": "ready", "authorizations": "\xff')
    return True


def nowhere(handler, _):
    handler.say(200, {"status": "ready", "authorizations": ["http://169.254.169.254/latest"], "finalize": "file:///etc/passwd"}, Location="https://127.0.0.1:1/\"")
    return True


def elsewhere(handler, _):
    handler.send_response(302)
    handler.send_header("Location", "http://10.0.0.1/")
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


def endless(handler, _):
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"a" * 65536)
    except OSError:
        handler.close_connection = True
    return True


@pytest.fixture(scope="module")
def evil():
    with FalseAuthority() as authority, certified(authority) as server:
        yield authority, server


@pytest.mark.parametrize("deed", [rubbish, nowhere, elsewhere, endless])
@pytest.mark.parametrize("what", ["directory", "account", "order", "finalize", "certificate"])
def test_whatever_it_says(evil, what, deed):
    """Is refused in words, and what there is serves on."""
    authority, own = evil
    before = states(own)[NAME]
    authority.answers = {what: deed}
    role = own.role_of("acme")
    said = own.run("certificate", "renew", NAME, status=None, timeout=250)
    authority.answers = {}
    if (what, deed) == ("account", rubbish):  # of which the Location alone is read
        assert said.returncode == 1
    assert said.returncode == 1 and NAME in said.stderr and len(said.stderr.splitlines()) == 1
    after = states(own)[NAME]
    assert after["ends"] == before["ends"] and own.role_of("acme") == role


def test_chains_that_are_none(evil):
    """Of another key, for other names, or not valid yet: never put into service."""
    authority, own = evil
    before = states(own)[NAME]["ends"]
    other = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-days", "9", "-subj", "/CN=other",
                            "-addext", f"subjectAltName=DNS:{NAME}"], check=True, capture_output=True).stdout
    authority.answers = {"certificate": lambda handler, _: handler.say(200, other, "application/pem-certificate-chain") or True}
    assert "of another key" in own.run("certificate", "renew", NAME, status=1).stderr
    authority.answers = {"certificate": lambda handler, _: handler.say(200, authority.chain + other, "application/pem-certificate-chain") or True}
    assert "isn't signed by the next" in own.run("certificate", "renew", NAME, status=1).stderr
    authority.answers = {}
    assert states(own)[NAME]["ends"] == before
    assert "until" in own.run("certificate", "renew", NAME).stdout


def test_a_record_that_stays():
    """dns-persist-01: written beside those of other authorities, in the place of ours with another account, and left there; where nobody writes it, it is said."""
    zones = ZoneServer("zone.example")
    zones.begin_anew("zone.example", f"mx.zone.example. A {zones.address}", '_validation-persist.mx.zone.example. TXT "other.example; accounturi=https://other.example/7"',
                     '_validation-persist.mx.zone.example. TXT "authority.example; accounturi=https://former.example/7"')
    with FalseAuthority() as authority, Pombal(domain="zone.example", hostname="mx.zone.example", start=False) as own:
        looked = []

        def order(handler, _):
            body = {"status": "ready" if looked else "pending", "authorizations": [authority.url + "/authorization"], "finalize": authority.url + "/finalize"}
            handler.say(200, body, Location=authority.url + "/order/1")
            return True

        def authorization(handler, _):
            challenge = {"type": "dns-persist-01", "url": authority.url + "/challenge", "status": "pending", "issuer-domain-names": ["authority.example", "also.example"]}
            handler.say(200, {"status": "valid" if looked else "pending", "identifier": {"type": "dns", "value": "mx.zone.example"}, "challenges": [challenge]})
            return True

        def challenge(handler, _):
            looked.append((zones.folder / "zone.example.zone").read_text())
            handler.say(200, {"type": "dns-persist-01", "url": authority.url + "/challenge", "status": "processing"})
            return True
        authority.answers = {"order": order, "authorization": authorization, "challenge": challenge}
        (own.data / "dns.key").write_text(zones.secret + "\n")
        own.configure(**authority.options, resolver=zones.resolver, trust_anchors=["none"], acme_challenge=["dns-persist-01"], acme_dns_wait=1, dns_update=[zones.entry("zone.example")])
        own.start()
        own.wait_log("event=certificate.renewed certificate=mx.zone.example")

        def records():
            return set(re.findall(r'^_validation-persist\S*\s+\d+\s+(?:IN\s+)?TXT\s+"([^"]*)"', (zones.folder / "zone.example.zone").read_text(), re.M))
        wanted = {"other.example; accounturi=https://other.example/7", f"authority.example; accounturi={authority.url}/account/1"}
        wait_for(lambda: records() == wanted, "the records")
        looked.clear()
        own.configure(dns_update=[])
        own.reload()
        offset = own.log_size()
        assert "until" in own.run("certificate", "renew", "mx.zone.example").stdout
        own.wait_log('event=certificate.record_wanted name=_validation-persist.mx.zone.example type=TXT value="authority.example; accounturi=', offset)
        assert records() == wanted
    zones.close()
