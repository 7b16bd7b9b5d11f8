"""pombal explain MESSAGE-ID: what was found of a message when it came, in words, and what would have turned the verdict."""
import email.utils
import re
import smtplib

import pytest

import letters
from pombal import Pombal

JUNK = ("From: \"service@bank.example\" <x@nothing.example>\r\nSubject: B U Y   N O W !!!\r\nContent-Type: text/html\r\n\r\n"
        "<form><a href=\"http://bank.example@192.0.2.7/\">bank.example</a></form>\r\n")


@pytest.fixture(scope="module")
def server(names):
    names.set(**{"good.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', 'A 127.0.0.1'],
                 "_dmarc.bank.example": ['TXT "v=DMARC1; p=reject"'], "bank.example": ['A 127.0.0.9']})
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "attachment_quarantine": ["iso"]}
    with Pombal("why.example", options=options) as own:
        yield own


def send(server, message, sender="x@nothing.example", to="anna"):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail(sender, [server.name(to)], message.encode())


def judged(server, token):
    server.wait_events(rf"event=message\.(accepted|refused).*{token}")
    return server.json("explain", f"<{token}@m.example>")


def test_junk_is_explained_in_three_languages(server, token):
    send(server, f"Message-ID: <{token}@m.example>\r\n{JUNK}")
    one, = judged(server, token)
    assert one["action"] == one["verdict"] == "junk" and one["points"] >= one["thresholds"]["junk"] and not one["reason"].startswith("nothing")
    link, = [rule for rule in one["rules"] if rule["rule"] == "LINK_WITH_USER"]
    assert link["points"] == 1.8 and "false domain" in link["text"]
    assert abs(sum(rule["points"] for rule in one["rules"]) - one["points"]) < 0.001
    english = server.run("explain", f"{token}@m.example", "--language", "en").stdout  # without <>
    assert f"{one['id']}  20" in english and "from <x@nothing.example> to anna@why.example" in english
    assert re.search(r"points: into Junk\.\n.*LINK_WITH_USER.*false domain.*ithout .* it would have had [0-9.]+: into the inbox.*points more", english, re.S)
    assert "в спам" in server.run("explain", one["id"], "--language", "ru_RU.UTF-8").stdout
    assert "para o lixo" in server.run("explain", one["id"], "--language", "pt").stdout


def test_what_was_refused_for_another_reason_than_points(server, token):
    forged = f"From: The bank <office@bank.example>\r\nTo: anna@why.example\r\nSubject: {token}\r\nMessage-ID: <{token}@m.example>\r\nDate: {email.utils.formatdate()}\r\n\r\nYour account.\r\n"
    with pytest.raises(smtplib.SMTPDataError):
        send(server, forged)
    one, = judged(server, token)
    assert one["action"] == "reject" and one["dmarc"] == "fail" and "bank.example, which wants such mail refused" in one["reason"]
    told = server.run("explain", f"<{token}@m.example>", "--language", "en").stdout
    assert "refused.\n" in told and "What decided, whatever the points: nothing shows that the message is from bank.example" in told


def test_what_is_in_the_queue_and_came_twice(server, token):
    """What waits has the longer list of findings; the same Message-ID that comes again is told of again."""
    disc = (f"From: ann@good.example\r\nTo: anna@why.example\r\nMessage-ID: <{token}@m.example>\r\nDate: {email.utils.formatdate()}\r\nMIME-Version: 1.0\r\n"
            "Content-Type: application/octet-stream; name=\"music; HTML_ONLY 9.99.iso\"\r\nContent-Disposition: attachment; filename=\"music; HTML_ONLY 9.99.iso\"\r\n\r\nx\r\n")
    send(server, disc, "ann@good.example")
    one, = judged(server, token)
    kind, = [rule for rule in one["rules"] if rule["rule"] == "ATTACH_DOUBTFUL_KIND"]
    assert one["action"] == "quarantine" and "set apart" in kind["text"] and kind["detail"] == "music; HTML_ONLY 9.99.iso"
    server.run("queue", "remove", one["id"])
    again, = judged(server, token)  # from the log alone
    assert [rule["rule"] for rule in again["rules"]] == [rule["rule"] for rule in one["rules"]] and again["points"] == one["points"]
    send(server, disc, "ann@good.example")
    server.wait_events(rf"event=message\.accepted.*{token}.*\n(.*\n)*.*event=message\.accepted.*{token}")
    assert len(server.json("explain", f"{token}@m.example")) == 2
    server.run("queue", "remove", "--held")


def test_what_cannot_be_explained(server, token):
    for wrong in ("nothing-such@m.example", "<nothing-such@m.example>", "/nowhere/at-all", "0", "x" * 2000):
        done = server.run("explain", wrong, status=1)
        assert done.stdout == "" and "no message of that id is known" in done.stderr and len(done.stderr.splitlines()) == 1
    server.deliver(letters.simple(token), "boris@why.example")
    server.wait_mail(token, account="boris")
    own = re.search(r"event=message\.accepted id=(\w+) .*to=boris@why\.example", server.log()).group(1)
    assert "wasn't judged" in server.run("explain", own, status=1).stderr
