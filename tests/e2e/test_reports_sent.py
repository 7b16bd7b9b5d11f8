"""Other domains are told what was made of mail in their names: once, by mail that is signed, to whom has said that he wants it, and to nobody else."""
import email
import email.policy
import gzip
import json
import re
import smtplib
import subprocess
import xml.etree.ElementTree
from pathlib import Path

import pytest

from peers import ScriptedServer
from pombal import Pombal, new_address

NAMESPACE = "{urn:ietf:params:xml:ns:dmarc-2.0}"
TAKES = "v=spf1 ip4:127.0.0.0/8 -all"


@pytest.fixture(scope="module")
def server(names):
    with Pombal("reporter.example", options={"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "mx_port": 22525,
                                             "reports_from": "postmaster@reporter.example", "report_addresses": ["postmaster"]}) as own:
        yield own


@pytest.fixture
def author(names, token):
    """Makes a domain whose mail comes from loopback, with a server for its reports; gives its name and the server."""
    made = []

    def make(rua="mailto:dmarc@{domain}", policy="none", name="a", spf=TAKES, more=""):
        domain = f"{name}-{token}.example"
        peer = ScriptedServer(new_address(), 22525)
        made.append(peer)
        names.domain(domain, peer.address)
        names.set(**{domain: [f"MX 10 mx1.{domain}.", f'TXT "{spf}"'], f"_dmarc.{domain}": [f'TXT "v=DMARC1; p={policy}; rua={rua.format(domain=domain)}{more}"']})
        return domain, peer
    yield make
    for peer in made:
        peer.close()


def send(server, domain, to="anna", sender=None, subject="hello", extra="", helo="client.example"):
    letter = f"From: Someone <x@{domain}>\r\nTo: {server.name(to)}\r\nSubject: {subject}\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n{extra}\r\nHello.\r\n"
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname=helo) as session:
        session.sendmail(f"x@{domain}" if sender is None else sender, [server.name(to)], letter.encode())


def report_now(server):
    offset = server.log_size()
    server.run("reports", "send")
    return offset


def outcome(server, domain, offset):
    server.wait_log(rf"event=report\.sent .*domain={re.escape(domain)} ", offset)
    return [one for one in server.json("reports", "sent", domain)][-1]


def faults(report):
    """What the schema (dmarc-2.0.xsd) says is wrong with an aggregate report; empty: it is as it should be."""
    schema = Path(__file__).parent / "dmarc-2.0.xsd"
    done = subprocess.run(["xmllint", "--nonet", "--noout", "--schema", schema, "-"], input=report, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    assert done.returncode in (0, 3), done.stdout.decode()  # 3: it doesn't fit
    return done.stdout.decode().replace("- validates", "").strip() if done.returncode else ""


def attached(letter):
    message = email.message_from_bytes(letter, policy=email.policy.default)
    part, = [one for one in message.walk() if one.get_content_type() == "application/gzip"]
    report = gzip.decompress(part.get_content())
    if report.startswith(b"<?xml"):
        assert not faults(report), (faults(report), report)
    return message, part.get_filename(), report


def rows(report):
    root = xml.etree.ElementTree.fromstring(report)
    assert root.tag == NAMESPACE + "feedback"
    found = []
    for record in root.findall(NAMESPACE + "record"):
        def text(path):
            one = record.find("/".join(NAMESPACE + name for name in path.split("/")))
            return None if one is None else one.text
        found.append({name.split("/")[-1]: text(name) for name in (
            "row/source_ip", "row/count", "row/policy_evaluated/disposition", "row/policy_evaluated/spf", "row/policy_evaluated/dkim",
            "identifiers/header_from", "identifiers/envelope_from", "auth_results/spf/result")} | {"reason": text("row/policy_evaluated/reason/type")})
    return root, found


def test_a_report_arrives_and_counts_are_right(server, author, tmp_path):
    domain, peer = author()
    for _ in range(3):
        send(server, domain)
    send(server, domain, sender="y@elsewhere.example")
    offset = report_now(server)
    letter = peer.wait_letters()[0]["letter"]
    message, name, report = attached(letter)
    sent = outcome(server, domain, offset)
    assert sent["outcome"] == "queued" and sent["messages"] == 4 and sent["rows"] == 2 and sent["to"] == [f"dmarc@{domain}"]
    assert re.fullmatch(rf"Report Domain: {domain}\s+Submitter: mail\.reporter\.example\s+Report-ID: <{re.escape(sent['report'])}>", message["Subject"])
    assert message["From"] == "postmaster@reporter.example" and message["To"] == f"dmarc@{domain}" and message["Auto-Submitted"] == "auto-generated"
    assert name == f"mail.reporter.example!{domain}!{sent['begin']}!{sent['end']}.xml.gz" and sent["end"] > sent["begin"] and sent["begin"] % 86400 == 0
    assert peer.letters[0]["from"].startswith("FROM:<>")
    assert letter.startswith(b"DKIM-Signature:") and b"d=reporter.example" in letter
    root, found = rows(report)
    good, bad = sorted(found, key=lambda row: -int(row["count"]))
    assert good == {"source_ip": "127.0.0.1", "count": "3", "disposition": "none", "spf": "pass", "dkim": "fail", "header_from": domain, "envelope_from": domain,
                    "result": "pass", "reason": None}
    assert bad["count"] == "1" and bad["spf"] == "fail" and bad["envelope_from"] == "elsewhere.example" and bad["disposition"] == "none"
    metadata = root.find(NAMESPACE + "report_metadata")
    assert metadata.find(NAMESPACE + "report_id").text == sent["report"] and metadata.find(NAMESPACE + "email").text == "postmaster@reporter.example"
    assert root.find(NAMESPACE + "policy_published").find(NAMESPACE + "domain").text == domain
    (tmp_path / "letter").write_bytes(letter)  # and as this program reads others' reports
    told, = server.json("reports", tmp_path / "letter")["domains"]
    assert (told["domain"], told["passed"], told["failed"], told["reporters"]) == (domain, 3, 1, ["mail.reporter.example"])
    shown = server.run("reports", "sent", domain).stdout
    assert "4 messages in 2 rows: queued" in shown and f"dmarc@{domain}" in shown
    report_now(server)  # nothing new: nothing is sent twice
    server.wait_queue_empty()
    assert len(peer.letters) == 1


def test_what_was_done_and_why_is_said(server, author):
    refused, one = author(policy="reject", name="r", spf="v=spf1 -all")
    aside, two = author(policy="quarantine", name="q", spf="v=spf1 -all")
    testing, three = author(policy="reject", name="t", spf="v=spf1 -all", more="; t=y")
    with pytest.raises(smtplib.SMTPDataError):
        send(server, refused)
    for domain in (aside, testing):
        send(server, domain)
    report_now(server)
    found = [rows(attached(peer.wait_letters()[0]["letter"])[2])[1][0] for peer in (one, two, three)]
    assert [(row["disposition"], row["reason"], row["spf"], row["result"]) for row in found] == [
        ("reject", None, "fail", "fail"), ("quarantine", None, "fail", "fail"), ("quarantine", "policy_test_mode", "fail", "fail")]


def test_whatever_is_sent_the_report_fits_the_schema(server, author):
    """Reports, signatures of all kinds, and names that nobody expects."""
    domain, peer = author(policy="reject", spf="v=spf1 -all", more="; sp=none; np=quarantine; adkim=s; fo=1:d:s; t=y")
    odd = ["v=1; a=rsa-sha256; d=a<b>&c.example; s=x\"y; h=from; bh=AAAA; b=AAAA", "v=1; a=rsa-sha256; d=two words.example; s=sel; h=from; bh=AAAA; b=AAAA",
           "v=1; a=rsa-sha1; d=old.example; s=s1; h=from; bh=AAAA; b=AAAA", "v=1; a=rsa-sha256; d=пример.example; s=s2; h=from; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA",
           "v=1; a=rsa-sha256; d=none.example; s=s3; h=from; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA", "x"]
    send(server, domain, extra="".join(f"DKIM-Signature: {one}\r\n" for one in odd))
    for sender, helo in (("", "client.example"), ("", "[127.0.0.1]"), ("", "under_score"), ("x@[192.0.2.1]", "client.example"), ("x@short", "client.example")):
        send(server, domain, sender=sender, helo=helo)
    report_now(server)
    _, _, report = attached(peer.wait_letters()[0]["letter"])
    assert b"<domain>old.example</domain>" in report and b"<result>permerror</result>" in report and report.count(b"<record>") >= 4


@pytest.mark.parametrize("old, new", [
    (b"<p>none</p>", b""), (b"<p>none</p>", b"<p>maybe</p>"), (b"<disposition>none</disposition>", b"<disposition>None</disposition>"), (b"<count>", b"<count>-"),
    (b"<count>1</count>", b"<count>0</count>"), (b"<dkim>fail</dkim>", b""), (b"<record>", b"<record><extra/>"), (b"<version>1.0</version>", b"<version>2.0</version>"),
    (b"<scope>mfrom</scope>", b"<scope>helo</scope>"), (b"dmarc-2.0", b"dmarc-3.0"), (b"</report_id>", b" or so</report_id>"), (b"<source_ip>", b"<source_ip>x"),
    (b"<header_from>", b"<header_from>two words "), (b"<result>pass</result>", b"<result>softpass</result>"),
])
def test_the_schema_refuses_what_is_wrong(sample, old, new):
    assert not faults(sample) and old in sample
    assert faults(sample.replace(old, new))


@pytest.fixture(scope="module")
def sample(server, names):
    """One report."""
    with ScriptedServer(new_address(), 22525) as peer:
        domain = "schema.example"
        names.domain(domain, peer.address)
        names.set(**{domain: [f"MX 10 mx1.{domain}.", f'TXT "{TAKES}"'], f"_dmarc.{domain}": [f'TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"']})
        send(server, domain)
        report_now(server)
        yield attached(peer.wait_letters()[0]["letter"])[2]


def test_a_policy_that_is_not_followed_is_said(server, author):
    domain, peer = author(policy="reject", spf="v=spf1 -all")
    server.configure(dmarc_reject=False)
    server.reload()
    try:
        send(server, domain)
    finally:
        server.configure(dmarc_reject=True)
        server.reload()
    report_now(server)
    _, (row,) = rows(attached(peer.wait_letters()[0]["letter"])[2])
    assert (row["disposition"], row["reason"]) == ("quarantine", "local_policy")


def test_others_get_it_only_if_they_want_it(server, author, names):
    victim, at_victim = author(name="v", rua="mailto:none@{domain}")
    taker, at_taker = author(name="w", rua="mailto:none@{domain}")
    evil, at_evil = author(name="e", rua=f"mailto:victim@{victim},mailto:takes@{taker}!1m")
    only, _ = author(name="o", rua=f"mailto:victim@{victim}")
    names.set(**{f"{evil}._report._dmarc.{taker}": ['TXT "v=DMARC1"']})
    send(server, evil)
    send(server, only)
    offset = report_now(server)
    assert outcome(server, only, offset)["outcome"] == "unverified"
    sent = outcome(server, evil, offset)
    assert sent["outcome"] == "queued" and sent["to"] == [f"takes@{taker}"]
    assert at_taker.wait_letters()[0]["letter"]
    server.wait_queue_empty()
    assert not at_victim.letters and not at_evil.letters


def test_who_wants_less_than_it_is_gets_none(server, author):
    domain, peer = author(rua="mailto:dmarc@{domain}!1k")
    send(server, domain)
    assert outcome(server, domain, report_now(server))["outcome"] == "larger than wanted"
    assert not peer.letters


def test_no_reports_about_reports(server, author):
    """Another server's reports, and what goes to the address that ours come from, are nobody's news."""
    domain, peer = author()
    extra = "MIME-Version: 1.0\r\nContent-Type: application/gzip; name=\"a!b!1!2.xml.gz\"\r\nContent-Transfer-Encoding: base64\r\n"
    send(server, domain, sender="", subject="Report Domain: reporter.example", extra=extra, helo=f"mx1.{domain}")
    send(server, domain, to="postmaster")
    other, at_other = author(name="b")
    send(server, other)
    report_now(server)
    assert at_other.wait_letters()
    assert server.json("reports", "sent", domain) == [] and not peer.letters


def test_it_outlives_a_crash(server, author):
    domain, peer = author()
    send(server, domain)
    gathered = server.data / "policy" / "gathered"
    server.stop()
    assert domain in gathered.read_text()
    server.start()
    send(server, domain)
    report_now(server)
    _, (row,) = rows(attached(peer.wait_letters()[0]["letter"])[2])
    assert row["count"] == "2"


def test_without_an_address_nothing_is_gathered(names, author):
    domain, peer = author()
    with Pombal("silent.example", options={"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"]}) as own:
        send(own, domain)
        done = own.run("reports", "send", status=1)
        assert "reports_from is empty" in done.stderr
        assert "reports_from is empty" in own.run("reports", "sent").stdout
        own.stop()
        assert not (own.data / "policy" / "gathered").exists()
    assert not peer.letters


def test_the_address_is_one(server):
    for wrong in ("nobody", "a@b@c", "a b@c.example", "<a@b.example>", "a@[127.0.0.1]"):
        server.configure(reports_from=wrong)
        done = server.run("config", status=1)
        assert "reports_from" in done.stderr, wrong
    server.configure(reports_from="postmaster@reporter.example")


# ---- TLS ----

def tls_part(letter):
    message = email.message_from_bytes(letter, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report" and message.get_param("report-type") == "tlsrpt"
    part, = [one for one in message.walk() if one.get_content_type() == "application/tlsrpt+gzip"]
    return message, part.get_filename(), json.loads(gzip.decompress(part.get_payload(decode=True)))


@pytest.fixture
def receiver(names, token):
    """Makes a domain whose server takes mail, and wants TLS reports at another's; gives its name and its server."""
    made = []

    def make(name, wants=True, **more):
        domain = f"{name}-{token}.example"
        made.append(ScriptedServer(new_address(), 22525, **more))
        names.domain(domain, made[-1].address)
        if wants:
            names.set(**{f"_smtp._tls.{domain}": [f'TXT "v=TLSRPTv1; rua=https://{domain}/tls,mailto:tls@{domain}"']})
        return domain, made[-1]
    yield make
    for peer in made:
        peer.close()


def test_tls_reports(server, receiver, tmp_path):
    with_tls = dict(extensions=("STARTTLS", "8BITMIME"), certificate=server.certificate)
    good, at_good = receiver("good", **with_tls)
    plain, at_plain = receiver("plain", extensions=("8BITMIME",))
    broken, at_broken = receiver("broken", extensions=("STARTTLS", "8BITMIME"), script=lambda verb, argument, session: b"220 go on\r\n250 no\r\n" if verb == "STARTTLS" else None)
    silent, at_silent = receiver("silent", wants=False, **with_tls)
    for domain, peer in ((good, at_good), (plain, at_plain), (broken, at_broken), (silent, at_silent)):
        server.submit(f"From: {server.name('anna')}\r\nTo: x@{domain}\r\nSubject: hello\r\n\r\nHello.\r\n".encode(), f"x@{domain}")
        peer.wait_letters()
    offset = report_now(server)
    found = {}
    for domain, peer in ((good, at_good), (plain, at_plain), (broken, at_broken)):
        letter = [one for one in peer.wait_letters(2) if b"Report Domain" in one["letter"]][0]["letter"]
        message, name, report = tls_part(letter)
        sent = outcome(server, domain, offset)
        assert (sent["kind"], sent["outcome"], sent["to"]) == ("tls", "queued", [f"tls@{domain}"])
        assert message["TLS-Report-Domain"] == domain and message["TLS-Report-Submitter"] == "mail.reporter.example"
        assert name == f"mail.reporter.example!{domain}!{sent['begin']}!{sent['end']}.json.gz" and report["report-id"] == sent["report"]
        assert letter.startswith(b"DKIM-Signature:") and report["contact-info"] == "postmaster@reporter.example"
        policy, = report["policies"]
        assert policy["policy"] == {"policy-type": "no-policy-found", "policy-domain": domain}
        found[domain] = policy
        (tmp_path / "letter").write_bytes(letter)
        told, = server.json("reports", tmp_path / "letter")["domains"]
        assert told["kind"] == "tls" and told["passed"] + told["failed"] == sent["messages"]
    assert found[good]["summary"] == {"total-successful-session-count": 1, "total-failure-session-count": 0} and "failure-details" not in found[good]
    assert found[plain]["summary"] == {"total-successful-session-count": 0, "total-failure-session-count": 1}
    assert found[plain]["failure-details"] == [{"result-type": "starttls-not-supported", "failed-session-count": 1, "receiving-mx-hostname": f"mx1.{plain}",
                                               "receiving-ip": at_plain.address}]
    assert found[broken]["failure-details"][0]["result-type"] == "validation-failure"
    server.wait_queue_empty()
    assert server.json("reports", "sent", silent) == [] and len(at_silent.letters) == 1
