"""What a domain publishes: the lines that `pombal domain dns` prints are read and served by Knot, and `--check` says of each what is wrong with it."""
import base64
import hashlib
import json
import re

import pytest

from pombal import Pombal

DOMAIN = "published.example"


@pytest.fixture(scope="module")
def server(names):
    with Pombal(DOMAIN, options={"resolver": names.resolver}) as own:
        yield own


def zone(server):
    """The printed records by name, as Knot takes them."""
    records = {}
    for line in server.run("domain", "dns", DOMAIN, "--authority", "ca.example").stdout.splitlines():
        if not line.startswith(";"):
            name, record = re.fullmatch(r"(\S+)\. (.*)", line).groups()
            records.setdefault(name, []).append(record)
    return records


def check(server, status):
    """The findings by name and type."""
    found = json.loads(server.run("domain", "dns", DOMAIN, "--authority", "ca.example", "--check", "--json", status=status).stdout)
    return {(one["name"], one["type"]): one for one in found}


def test_what_is_printed_is_read_by_knot_and_found_right(server, names):
    records = zone(server)
    assert {"_submissions._tcp." + DOMAIN, "_imaps._tcp." + DOMAIN, "_mta-sts." + DOMAIN, "_smtp._tls." + DOMAIN, "autoconfig." + DOMAIN} <= set(records)
    names.set(**records)
    found = check(server, 0)
    assert len(found) == sum(len(some) for some in records.values())
    assert {one["state"] for one in found.values()} == {"right"}, found
    keys = [name for name in records if "._domainkey." in name]
    assert len(keys) == 2 and any(record.count('"') == 4 for name in keys for record in records[name])  # the RSA key's text is two strings


def test_each_fault_is_said_with_what_to_do(server, names):
    records = zone(server)
    first, second = sorted(name for name in records if "._domainkey." in name)
    names.set(**records)
    names.set(**{DOMAIN: ["MX 10 elsewhere.example.", 'TXT "v=spf1 mx -all"', 'TXT "v=spf1 -all"', 'CAA 0 issue "other.example"'],
                 first: ['TXT "v=DKIM1; k=rsa; p=AAAA"'], second: [], f"_dmarc.{DOMAIN}": ['TXT "v=DMARC1; p=none"'],
                 f"_imaps._tcp.{DOMAIN}": ["SRV 0 1 993 elsewhere.example."], f"autoconfig.{DOMAIN}": []})
    found = check(server, 1)
    states = {key: found[key]["state"] for key in found}
    assert states[DOMAIN, "MX"] == "different" and "elsewhere.example." in found[DOMAIN, "MX"]["there"]
    assert states[DOMAIN, "TXT"] == "several" and found[DOMAIN, "TXT"]["there"].count("v=spf1") == 2
    assert states[DOMAIN, "CAA"] == "different" and 'issue "other.example"' in found[DOMAIN, "CAA"]["there"]
    assert (states[first, "TXT"], states[second, "TXT"]) == ("different", "missing")
    assert states[f"_dmarc.{DOMAIN}", "TXT"] == "right"  # a policy of one's own
    assert states[f"_imaps._tcp.{DOMAIN}", "SRV"] == "different"
    assert states[f"autoconfig.{DOMAIN}", "CNAME"] == "missing"
    text = server.run("domain", "dns", DOMAIN, "--check", status=1)
    assert "make one record of them" in text.stdout and "another key" in text.stdout and "must be set right" in text.stderr


def test_what_is_only_advised_is_no_fault(server, names):
    records = zone(server)
    names.set(**{name: [] for name in records})
    names.set(**{name: some for name, some in records.items() if name == DOMAIN or "_domainkey" in name or "_dmarc" in name})
    found = check(server, 0)
    assert found[f"_smtp._tls.{DOMAIN}", "TXT"]["state"] == "missing" and not found[f"_smtp._tls.{DOMAIN}", "TXT"]["needed"]


def test_where_mail_clients_find_their_settings(server, names):
    """Their records are there if this server gives the settings itself; the digest is of the document as it will be given."""
    before, address = server.conf_path.read_text(), server.address
    try:
        server.configure(https_listen=[f"{address}:443"], imaps_listen=[f"{address}:993"], submissions_listen=[f"{address}:465"], pop3s_listen=[], provider_name="Die Post")
        records = zone(server)
        host = {"host": server.hostname}
        origin = f"https://{server.hostname}"
        document = {"protocols": {"imap": host, "submit": host, "jmap": {"url": f"{origin}/.well-known/jmap"}},
                    "authentication": {"password": True, "oauth-public": {"issuer": origin}}, "info": {"provider": {"name": "Die Post", "shortName": "Die Post"}}}
        digest = base64.b64encode(hashlib.sha256(json.dumps(document, separators=(",", ":")).encode()).digest()).decode()
        assert records["_ua-auto-config." + DOMAIN] == [f'TXT ( "v=UAAC1; a=sha256; d={digest}" )']
        assert records["ua-auto-config." + DOMAIN] == records["autodiscover." + DOMAIN] == [f"CNAME {server.hostname}."]
        assert records["_autodiscover._tcp." + DOMAIN] == [f"SRV 0 1 443 {server.hostname}."] and records["_pop3s._tcp." + DOMAIN] == ["SRV 0 0 0 ."]
        names.set(**records)
        assert {one["state"] for one in check(server, 0).values()} == {"right"}
        names.set(**{"_ua-auto-config." + DOMAIN: ['TXT "v=UAAC1; a=sha256; d=AAAA"']})
        found = check(server, 1)["_ua-auto-config." + DOMAIN, "TXT"]
        assert found["state"] == "different" and "another document" in found["advice"]
        server.configure(https_listen=[])
        assert not {"_autodiscover._tcp." + DOMAIN, "ua-auto-config." + DOMAIN, "_ua-auto-config." + DOMAIN} & set(zone(server))
    finally:
        server.conf_path.write_text(before)


def test_a_dns_that_is_silent_is_not_taken_for_an_empty_one(server, names):
    server.configure(resolver="127.0.0.1@1")
    try:
        assert {one["state"] for one in check(server, 1).values()} == {"unknown"}
    finally:
        server.configure(resolver=names.resolver)


def test_the_authority_must_be_a_name(server):
    assert "certification authority" in server.run("domain", "dns", DOMAIN, "--authority", "a..b", status=1).stderr
