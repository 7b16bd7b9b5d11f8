"""What other servers report about our domains is kept as it comes in by mail, once, and summed up; what proves nothing isn't counted."""
import email.message
import gzip
import io
import smtplib
import zipfile

import pytest

from pombal import Pombal

DAY = 86400
BEGIN = 1795824000


def record(address, count, disposition, dkim, spf, signer="ours.example"):
    return f"""<record><row><source_ip>{address}</source_ip><count>{count}</count><policy_evaluated><disposition>{disposition}</disposition><dkim>{dkim}</dkim>
<spf>{spf}</spf></policy_evaluated></row><identifiers><header_from>ours.example</header_from></identifiers><auth_results><dkim><domain>{signer}</domain>
<selector>s</selector><result>pass</result></dkim><spf><domain>ours.example</domain><result>{spf}</result></spf></auth_results></record>"""


def aggregate(number, *records, head=""):
    return f"""<?xml version="1.0"?>{head}<feedback><report_metadata><org_name>Peer Ltd</org_name><email>dmarc@good.example</email><report_id>{number}</report_id>
<date_range><begin>{BEGIN}</begin><end>{BEGIN + DAY - 1}</end></date_range></report_metadata><policy_published><domain>ours.example</domain><p>none</p>
</policy_published>{"".join(records)}</feedback>""".encode()


def zipped(content):
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("good.example!ours.example.xml", content)
        return file.getvalue()


def letter(content, kind="application/gzip", domain="good.example", subject="Report Domain: ours.example"):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"], message["Date"] = f"dmarc@{domain}", "postmaster@ours.example", subject, "Sat, 28 Nov 2026 10:00:00 +0000"
    message.set_content("A report is attached.")
    main, sub = kind.split("/")
    message.add_attachment(content, maintype=main, subtype=sub, filename="report")
    return message.as_bytes(policy=email.policy.SMTP)


@pytest.fixture(scope="module")
def server(names):
    names.set(**{
        "good.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"'], "_dmarc.good.example": ['TXT "v=DMARC1; p=reject"'],
        "forged.example": ['TXT "v=spf1 -all"'], "1.2.0.192.in-addr.arpa": ["PTR mx.ours.example."], "mx.ours.example": ["A 192.0.2.1"],
    })
    with Pombal("ours.example", options={"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"]}) as own:
        yield own


def send(server, message, sender="dmarc@good.example", to="postmaster"):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail(sender, [server.name(to)], message)


def test_a_report_is_kept_and_summed_up(server):
    first = aggregate("a-1", record("192.0.2.1", 40, "none", "pass", "pass"), record("198.51.100.7", 3, "quarantine", "fail", "fail", "list.example"))
    offset = server.log_size()
    for content, kind in ((gzip.compress(first), "application/gzip"), (zipped(first), "application/x-zip-compressed"), (aggregate("a-2", record("192.0.2.1", 2, "none", "pass", "fail")), "text/xml")):
        send(server, letter(content, kind))
    server.wait_log(r"event=report\.received author=good\.example proved=1 kind=dmarc reporter=\"Peer Ltd\" domain=ours\.example report=a-1 rows=2 outcome=kept", offset)
    server.wait_log(r"event=report\.received .*report=a-1 .*outcome=known", offset)
    told = server.json("reports", "ours.example")
    assert told["unproved"] == 0
    domain, = [one for one in told["domains"] if one["kind"] == "dmarc"]
    assert (domain["domain"], domain["reports"], domain["reporters"], domain["passed"], domain["failed"], domain["policy"]) == ("ours.example", 2, ["Peer Ltd"], 42, 3, "none")
    worst, best = domain["sources"]
    assert (worst["source"], worst["failed"], worst["quarantined"], worst["signer"]) == ("198.51.100.7", 3, 3, "list.example") and "list.example" in worst["advice"]
    assert (best["source"], best["name"], best["passed"], best["dkim"], best["spf"]) == ("192.0.2.1", "mx.ours.example", 42, 42, 40)
    shown = server.run("reports").stdout
    assert "mx.ours.example" in shown and "42 messages passed, 3 failed" in shown and "What to do:" in shown
    assert server.json("reports", "other.example")["domains"] == [] and server.json("reports", "--since", "0")["domains"] == []


def test_who_proves_nothing_is_not_counted(server):
    before = server.json("reports", "ours.example", "--no-names")
    send(server, letter(gzip.compress(aggregate("f-1", record("192.0.2.66", 1000, "reject", "fail", "fail"))), domain="forged.example"), sender="dmarc@forged.example")
    after = server.json("reports", "ours.example", "--no-names")
    assert after["unproved"] == before["unproved"] + 1 and after["domains"] == before["domains"]
    told = server.json("reports", "ours.example", "--no-names", "--unproved")
    assert any(source["source"] == "192.0.2.66" for source in told["domains"][0]["sources"])


def test_tls_reports(server):
    report = (b'{"organization-name":"Peer","date-range":{"start-datetime":"2026-11-27T00:00:00Z","end-datetime":"2026-11-27T23:59:59Z"},"report-id":"t1","policies":[{"policy":'
              b'{"policy-type":"sts","policy-domain":"ours.example"},"summary":{"total-successful-session-count":9,"total-failure-session-count":2},"failure-details":'
              b'[{"result-type":"certificate-expired","receiving-mx-hostname":"mx.ours.example","failed-session-count":2}]}]}')
    send(server, letter(gzip.compress(report), "application/tlsrpt+gzip"))
    domain, = [one for one in server.json("reports", "ours.example", "--no-names")["domains"] if one["kind"] == "tls"]
    assert (domain["passed"], domain["failed"]) == (9, 2)
    assert domain["sources"][0]["source"] == "mx.ours.example" and domain["sources"][0]["reason"] == "certificate-expired"


def test_hostile_reports(server, token):
    """Bombs, entities and damage are noted and taken as the mail that they are; the role that reads them goes on."""
    pid = server.role_of("policy")
    entities = aggregate("x", record("192.0.2.1", 1, "none", "pass", "pass"), head='<!DOCTYPE f [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>')
    before = server.json("reports", "--no-names")
    for content, kind, why in ((gzip.compress(b"\0" * (100 << 20)), "application/gzip", "more than a report may"), (zipped(b"<a>" * (20 << 20)), "application/zip", "more than a report may"),
                               (entities, "text/xml", "document type"), (b"<a>" * 100000, "text/xml", "nested too deep"), (gzip.compress(entities)[:200], "application/gzip", "damaged")):
        offset = server.log_size()
        send(server, letter(content, kind))
        server.wait_log(rf"event=report\.received .*outcome=unreadable reason=.*{why}", offset)
    assert server.json("reports", "--no-names") == before
    assert server.role_of("policy") == pid


def test_only_at_the_addresses_for_it(server):
    offset = server.log_size()
    before = server.json("reports", "--no-names")
    send(server, letter(gzip.compress(aggregate("b-1", record("192.0.2.9", 1, "none", "pass", "pass")))), to="anna")
    server.wait_log(r"event=message\.judged", offset)
    assert "report.received" not in server.log(offset) and server.json("reports", "--no-names") == before


def test_files(server, tmp_path):
    good, broken = tmp_path / "good.xml.gz", tmp_path / "broken.eml"
    good.write_bytes(gzip.compress(aggregate("c-1", record("192.0.2.1", 5, "none", "pass", "pass"))))
    mail = tmp_path / "mail.eml"
    mail.write_bytes(letter(zipped(aggregate("c-2", record("192.0.2.1", 6, "none", "pass", "pass"))), "application/octet-stream").replace(b'filename="report"', b'filename="r.zip"'))
    broken.write_bytes(letter(b"<feedback>", "text/xml"))
    domain, = server.json("reports", good, mail)["domains"]
    assert (domain["reports"], domain["passed"]) == (2, 11)
    told = server.run("reports", good, broken, status=1)
    assert "broken.eml: it is a DMARC report without a record" in told.stderr and "5 messages passed" in told.stdout
    assert "there is no file" in server.run("reports", good, tmp_path / "nothing", status=1).stderr
    assert "neither a file nor a domain" in server.run("reports", tmp_path / "nothing", status=1).stderr
