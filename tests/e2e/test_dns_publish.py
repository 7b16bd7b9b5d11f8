"""`pombal dns publish` against Debian's Knot, which takes changes signed with a key: what is missing is written, what others have chosen stays, and
`domain dns --check` finds it right."""
import json
import re

import pytest

from pombal import Pombal
from zones import ZoneServer

DOMAIN, OTHER = "published.example", "other.example"


@pytest.fixture(scope="module")
def zones():
    served = ZoneServer(DOMAIN, OTHER)
    yield served
    served.close()


@pytest.fixture(scope="module")
def own(zones):
    with Pombal(DOMAIN, options={"resolver": zones.resolver, "trust_anchors": ["none"], "dns_update": [zones.entry(DOMAIN), zones.entry(OTHER)]}, start=False) as server:
        (server.data / "dns.key").write_text(zones.secret + "\n")
        (server.data / "dns.key").chmod(0o600)
        yield server


def publish(server, *more, status=0):
    """Deeds by name and type."""
    done = server.run("dns", "publish", *more, "--json", status=status)
    return {(one["name"], one["type"]): one for one in json.loads(done.stdout)} if done.stdout else done.stderr


def deeds(found):
    return {one["deed"] for one in found.values()}


def check(server, status=0, domain=DOMAIN):
    return {(one["name"], one["type"]): one["state"] for one in json.loads(server.run("domain", "dns", domain, "--check", "--json", status=status).stdout)}


def test_what_is_missing_is_written_and_found_right(own, zones):
    zones.begin_anew(DOMAIN)
    dry = publish(own, DOMAIN, "--dry-run")
    assert deeds(dry) == {"add"}
    assert deeds(publish(own, DOMAIN, "--dry-run")) == {"add"}, "nothing was done"
    done = publish(own, DOMAIN)
    assert deeds(done) == {"add"} and set(done) == set(dry)
    assert set(check(own).values()) == {"right"}
    assert deeds(publish(own, DOMAIN)) == {"nothing"}
    text = own.run("dns", "publish").stdout
    assert re.search(rf"^right +_dmarc\.{DOMAIN}\. TXT$", text, re.M) and "added" not in text
    events = (own.data / "log" / "events.log").read_text()
    assert re.findall(r"event=admin\.dns_published domain=published\.example .*added=(\d+) replaced=0 left=0 by=root", events) == [str(len(done))]


def test_what_others_have_chosen_stays(own, zones):
    zones.begin_anew(DOMAIN, f"{DOMAIN}. MX 10 mx.elsewhere.example.", f'{DOMAIN}. TXT "v=spf1 include:elsewhere.example -all"', f'{DOMAIN}. TXT "verification=1"',
                     f'_dmarc.{DOMAIN}. TXT "v=DMARC1; p=none; rua=mailto:x@elsewhere.example"', f"autoconfig.{DOMAIN}. A 127.0.0.1",
                     f"_smtp._tls.{DOMAIN}. CNAME reports.elsewhere.example.", f"_imaps._tcp.{DOMAIN}. SRV 0 1 993 imap.elsewhere.example.")
    said = own.run("dns", "publish", DOMAIN, status=1)
    assert "must be set right" in said.stderr and len(said.stderr.splitlines()) == 1
    assert "v=spf1 include:elsewhere.example -all" in said.stdout and "--force" in said.stdout
    done = publish(own, DOMAIN, status=1)
    left = {name for name, one in done.items() if one["deed"] == "leave"}
    assert left == {(DOMAIN, "MX"), (DOMAIN, "TXT"), (f"autoconfig.{DOMAIN}", "CNAME"), (f"_smtp._tls.{DOMAIN}", "TXT"), (f"_imaps._tcp.{DOMAIN}", "SRV")}
    assert done[f"_dmarc.{DOMAIN}", "TXT"]["state"] == "right" and deeds(done) == {"leave", "nothing"}, "the rest was written the first time"
    assert deeds(publish(own, DOMAIN, "--force", "--dry-run")) == {"replace", "nothing"}
    forced = publish(own, DOMAIN, "--force")
    assert {name for name, one in forced.items() if one["deed"] == "replace"} == left
    assert set(check(own).values()) == {"right"}
    texts = own.run("domain", "dns", DOMAIN, "--check", "--json").stdout
    assert "elsewhere" not in texts.replace("x@elsewhere.example", "")
    zone = (zones.folder / f"{DOMAIN}.zone").read_text()
    assert "verification=1" in zone and "imap.elsewhere" not in zone, "texts of other uses stay"


def test_several_of_one_kind(own, zones):
    zones.begin_anew(DOMAIN, f'{DOMAIN}. TXT "v=spf1 mx -all"', f'{DOMAIN}. TXT "v=spf1 a -all"')
    assert publish(own, DOMAIN, status=1)[DOMAIN, "TXT"]["state"] == "several"
    assert publish(own, DOMAIN, "--force")[DOMAIN, "TXT"]["deed"] == "replace"
    assert check(own)[DOMAIN, "TXT"] == "right"


def test_authorities_stay_beside_ours(own, zones):
    zones.begin_anew(DOMAIN, f'{DOMAIN}. CAA 0 issue "other.example"')
    assert publish(own, DOMAIN, "--authority", "ca.example", status=1)[DOMAIN, "CAA"]["deed"] == "leave"
    assert publish(own, DOMAIN, "--authority", "ca.example", "--force")[DOMAIN, "CAA"]["deed"] == "add"
    assert {"issue \"other.example\"", "issue \"ca.example\""} <= set(re.findall(r"issue \"[a-z.]+\"", (zones.folder / f"{DOMAIN}.zone").read_text()))


def test_a_policy_id_of_an_older_policy_is_replaced(own, zones):
    zones.begin_anew(DOMAIN, f"mta-sts.{DOMAIN}. CNAME {own.hostname}.", f'_mta-sts.{DOMAIN}. TXT "v=STSv1; id=1"')
    assert publish(own, DOMAIN)[f"_mta-sts.{DOMAIN}", "TXT"]["deed"] == "replace"
    assert deeds(publish(own, DOMAIN)) == {"nothing"}
    zones.begin_anew(DOMAIN, f"mta-sts.{DOMAIN}. CNAME elsewhere.example.", f'_mta-sts.{DOMAIN}. TXT "v=STSv1; id=1"')
    assert publish(own, DOMAIN, status=1)[f"_mta-sts.{DOMAIN}", "TXT"]["deed"] == "nothing", "that policy is somebody else's"


def test_another_mode_is_another_policy(own, zones):
    zones.begin_anew(DOMAIN)
    publish(own, DOMAIN)
    own.configure(mta_sts_mode="enforce", mta_sts_hosts=["backup.example.net", "*.example.org"], mta_sts_max_age="2w")
    try:
        assert {"mode: enforce", "mx: *.example.org", "max_age: 1209600"} <= {line.strip("; ") for line in own.run("domain", "dns", DOMAIN).stdout.splitlines()}
        found = publish(own, DOMAIN)
        assert [name for name, one in found.items() if one["deed"] != "nothing"] == [(f"_mta-sts.{DOMAIN}", "TXT")]
        for name, value, words in (("mta_sts_mode", "strict", "testing"), ("mta_sts_hosts", ["*.*.example"], "host name"), ("mta_sts", "yes", "off")):
            own.configure(**{name: value})
            said = own.run("config", status=1).stderr
            assert re.search(r"pombal\.conf:\d+: ", said) and name in said and words in said
            own.configure(mta_sts_mode="enforce", mta_sts_hosts=["backup.example.net"], mta_sts="on")
    finally:
        own.configure(mta_sts_mode="testing", mta_sts_hosts=[], mta_sts_max_age="1w", mta_sts="on")


def test_all_domains(own, zones):
    zones.begin_anew(DOMAIN)
    zones.begin_anew(OTHER)
    own.run("domain", "add", OTHER)
    own.run("domain", "add", "unserved.example")
    found = publish(own)
    assert {one["domain"] for one in found.values()} == {DOMAIN, OTHER} and deeds(found) == {"add"}
    assert set(check(own, domain=OTHER).values()) == {"right"}
    assert "no name server that takes changes is configured for unserved.example" in own.run("dns", "publish", "unserved.example", status=1).stderr
    assert "nobody.example" in own.run("dns", "publish", "nobody.example", status=1).stderr


def test_a_key_that_is_not_the_servers(own, zones):
    zones.begin_anew(DOMAIN)
    try:
        (own.data / "wrong.key").write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
        own.configure(dns_update=[zones.entry(DOMAIN, secret="wrong.key")])
        assert "another secret for the key \"pombal\"" in own.run("dns", "publish", DOMAIN, status=1).stderr
        own.configure(dns_update=[zones.entry(DOMAIN, key="nobody")])
        assert "doesn't know the key \"nobody\"" in own.run("dns", "publish", DOMAIN, status=1).stderr
        (own.data / "wrong.key").chmod(0o644)
        own.configure(dns_update=[zones.entry(DOMAIN, secret="wrong.key")])
        assert "wrong.key is open to other users" in own.run("check", "--no-dns", status=1).stdout
        own.configure(dns_update=[zones.entry(DOMAIN, secret="missing.key")])
        assert "missing.key" in own.run("check", "--no-dns", status=1).stdout
        assert "missing.key" in own.run("dns", "publish", DOMAIN, status=1).stderr
    finally:
        own.configure(dns_update=[zones.entry(DOMAIN), zones.entry(OTHER)])


def test_a_server_that_is_away(own, zones):
    zones.stop()
    try:
        said = own.run("dns", "publish", DOMAIN, status=1).stderr
        assert f"the name server {zones.resolver}" in said and "Connection refused" in said
    finally:
        zones.start()


def test_a_change_of_keys_is_published(own, zones):
    zones.begin_anew(DOMAIN)
    publish(own, DOMAIN)
    begun = own.run("domain", "rotate", DOMAIN).stdout
    assert f"These records are published at the name server {zones.resolver}" in begun
    assert set(check(own).values()) == {"right"}
    keys = [name for name, _ in check(own) if "._domainkey." in name]
    assert len(keys) == 4
    own.run("domain", "rotate", DOMAIN)
    assert "sign from now on" in own.run("domain", "rotate", DOMAIN, "--now").stdout
    own.run("domain", "rotate", DOMAIN, "--now")
    ended = own.run("domain", "rotate", DOMAIN, "--now").stdout
    assert "removed at the name server" in ended
    zone = (zones.folder / f"{DOMAIN}.zone").read_text()
    assert zone.count("v=DKIM1") == 2
    assert set(check(own).values()) == {"right"}


@pytest.mark.parametrize("algorithm", ["hmac-sha384", "hmac-sha512"])
def test_other_algorithms_and_signed_questions(algorithm):
    zones = ZoneServer(DOMAIN, algorithm=algorithm, signed_questions=True)
    try:
        with Pombal(DOMAIN, options={"resolver": zones.resolver, "trust_anchors": ["none"], "dns_update": [zones.entry(DOMAIN)]}, start=False) as server:
            (server.data / "dns.key").write_text(zones.secret)
            assert deeds(publish(server)) == {"add"}
            assert deeds(publish(server)) == {"nothing"}
    finally:
        zones.close()
