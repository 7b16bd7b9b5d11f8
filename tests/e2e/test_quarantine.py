"""Quarantine: what strangers send and is set apart is listed, shown safely, let go into the inbox, learned, removed, and gone when its time is over."""
import email.utils
import json
import os
import re
import smtplib
import sqlite3
import time

import pytest

from jmap import CORE, MAIL, Jmap, Refused
from pombal import Pombal, wait_for

LOUD = ("From: \"service@bank.example\" <x@nothing.example>\r\nContent-Type: text/html\r\n\r\n"
        "<form><a href=\"http://bank.example@192.0.2.7/\">bank.example</a></form>\r\n")


@pytest.fixture(scope="module")
def server(names):
    names.set(**{"good.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', 'A 127.0.0.1']})
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "spam_quarantine": "5", "attachment_quarantine": ["iso"]}
    with Pombal("apart.example", options=options) as own:
        yield own


def send(server, message, *to, sender="x@nothing.example"):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail(sender, [server.name(one) for one in to or ("anna",)], message.encode() if isinstance(message, str) else message)


def spam(token, subject="B U Y   N O W !!!"):
    return f"Subject: {subject} {token}\r\nX-Token: {token}\r\n{LOUD}{token}\r\n"


def in_quarantine(server, token, *arguments):
    return [one for one in server.json("quarantine", "list", *arguments) if token in one["subject"]]


def test_what_lies_there_is_listed(server, token):
    send(server, spam(token), "anna", "boris")
    one, = in_quarantine(server, token)
    assert one["sender"] == "x@nothing.example" and sorted(one["recipients"]) == ["anna@apart.example", "boris@apart.example"]
    assert one["points"] >= 5 and one["reason"] in [rule["rule"] for rule in one["rules"]] and all(rule["text"] for rule in one["rules"])
    assert in_quarantine(server, token, "--for", "boris@apart.example") and in_quarantine(server, token, "--for", "apart.example")
    assert not in_quarantine(server, token, "--for", "carol@apart.example") and not in_quarantine(server, token, "--for", "@other.example")
    assert not in_quarantine(server, token, "--for", "x@nothing.example")  # who has sent it
    told = server.run("quarantine", "list", "--language", "ru").stdout
    assert token in told and one["id"] in told and "0 h" in told and re.search("[а-я]", told)
    # what somebody holds by hand isn't there
    send(server, f"From: ann@good.example\r\nTo: anna@apart.example\r\nDate: {email.utils.formatdate()}\r\nMessage-ID: <{token}@good.example>\r\nSubject: slow{token}\r\n\r\nHello.\r\n",
         sender="ann@good.example")
    server.wait_mail("slow" + token)
    server.run("quarantine", "remove", one["id"])
    assert not in_quarantine(server, token)
    assert "admin.quarantine_removed" in server.run("trace", one["id"]).stdout


def test_weighed_anew(server, token):
    """By the rules of now it stays where it is; with other points it would not; and nothing is changed. In a mailbox what our own field tells of it counts."""
    send(server, spam(token))
    one, = in_quarantine(server, token)

    def weighed(*arguments):
        said = server.json("spam", "replay", *arguments)
        return said, [changed for changed in said["messages"] if token in changed["subject"]]
    said, changed = weighed("--quarantine")
    assert said["weighed"] >= 1 and said["before"]["quarantine"] == said["weighed"] and changed == [], said
    said, [changed] = weighed("--quarantine", "--set", "spam_quarantine=900", "--set", "spam_junk=800", "--set", "spam_tag=700")
    assert (changed["id"], changed["before"], changed["after"]) == (one["id"], "quarantine", "inbox") and abs(changed["points"] - one["points"]) < 1.5, (changed, one)
    assert token in server.run("spam", "replay", "--quarantine", "--set", "spam_quarantine=900").stdout
    server.run("quarantine", "release", one["id"])
    server.wait_mail(token)
    said, changed = weighed("--of", server.name("anna"), "--mailbox", "INBOX", "--limit", "50")
    assert changed and changed[0]["before"] == "inbox" and changed[0]["after"] == "quarantine", said
    assert "there is no" in server.run("spam", "replay", "--quarantine", "--set", "spam_nonsense=1", status=1).stderr
    assert "there is no folder" in server.run("spam", "replay", "--of", server.name("anna"), "--mailbox", "Nowhere", status=1).stderr


def test_it_is_shown_safely(server, token):
    hostile = (f"Subject: {token} \x1b]0;owned\x07 \u202e\u0090 x\r\nFrom: x@nothing.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
               "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nRead \x1b[2J this \u202eand that.\r\n"
               "--b\r\nContent-Type: application/octet-stream; name=\"disc\x1b.iso\"\r\nContent-Disposition: attachment; filename=\"disc.iso\"\r\n\r\nSECRET-CONTENT\r\n--b--\r\n").encode()
    send(server, hostile)
    one, = in_quarantine(server, token)
    shown = server.run("quarantine", "show", one["id"]).stdout
    assert "Read ?[2J this and that." in shown and "attached: disc.iso (application/octet-stream, " in shown and "ATTACH_DOUBTFUL_KIND" in shown
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown.replace("\r", "")) and "SECRET-CONTENT" not in shown
    whole = json.loads(server.run("quarantine", "show", one["id"], "--json").stdout)
    assert whole["attached"][0]["name"] == "disc.iso" and "this" in whole["text"][0] and "SECRET-CONTENT" not in json.dumps(whole) and token in whole["header"]
    server.run("quarantine", "remove", "--for", "anna@apart.example")


def test_it_is_let_go_into_the_inbox_and_learned(server, token):
    send(server, spam(token, "Meeting"))
    one, = in_quarantine(server, token)
    before = json.loads(server.run("spam", "learn", "--ham", server.data / "pombal.conf", "--json").stdout)  # another text, for its totals
    said = server.run("quarantine", "release", one["id"], "--learn").stdout
    assert "1 message let go" in said
    server.wait_mail(token, header="X-Token")
    assert server.count_mail(token, mailbox="Junk", header="X-Token") == 0
    after = json.loads(server.run("spam", "learn", "--ham", server.data / "pombal.conf", "--json").stdout)
    assert after["ham"] == before["ham"] + 1 and after["known"] == 1
    assert re.search("admin.quarantine_released.*learned: ham", server.run("trace", one["id"]).stdout)
    # learned without being moved, and as the other kind when it is removed
    send(server, spam(token + "b"))
    other, = in_quarantine(server, token + "b")
    assert "1 message learned as spam" in server.run("quarantine", "learn", "--spam", other["id"]).stdout
    assert in_quarantine(server, token + "b")
    assert "1 message removed" in server.run("quarantine", "remove", "--learn", "--for", "apart.example").stdout


def test_wrong_use_is_said(server, token):
    send(server, spam(token))
    one, = in_quarantine(server, token)
    for arguments in (["release"], ["remove"], ["learn", one["id"]], ["learn", "--spam", "--ham", one["id"]], ["learn", "--spam"]):
        server.run("quarantine", *arguments, status=2)
    for arguments in (["show", "nonsense"], ["release", "nonsense"], ["remove", "0000000000000"], ["release", "--for", "nobody@apart.example"], ["list", "--for", ""],
                      ["learn", "--ham", "3kx00000000zz"]):
        done = server.run("quarantine", *arguments, status=1)
        assert done.stdout == "" and len(done.stderr.splitlines()) == 1, arguments
    server.run("quarantine", "release", one["id"])
    done = server.run("quarantine", "release", one["id"], status=1)  # it isn't there any more
    assert "quarantine" in done.stderr


def test_it_is_gone_when_its_time_is_over(server, token):
    for one in server.json("quarantine", "list"):
        server.run("quarantine", "remove", one["id"])
    send(server, spam(token), "anna", "boris")
    send(server, spam(token + "young"))
    old, young = in_quarantine(server, token)
    server.stop()
    with sqlite3.connect(server.data / "queue" / "queue.db") as db:
        db.execute("UPDATE message SET arrived = arrived - 31 * 86400 WHERE id = (SELECT MIN(id) FROM message WHERE reason = 3)")
    db.close()
    offset = server.log_size()
    server.start()
    server.wait_log(rf"event=quarantine\.expired id={old['id']}", offset)
    wait_for(lambda: [one["id"] for one in in_quarantine(server, token)] == [young["id"]], "the older one is gone")
    assert "report" not in server.run("trace", old["id"]).stdout  # nobody was told
    server.run("quarantine", "remove", young["id"])


def test_there_is_a_limit_of_its_own(names, token):
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "spam_quarantine": "5", "quarantine_messages": 1, "submission_held": 0}
    with Pombal("full.example", options=options) as own:
        send(own, spam(token))
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(own, spam(token + "b"))
        assert refused.value.smtp_code == 452
        own.run("quarantine", "release", "--for", "anna@full.example")
        own.wait_mail(token, header="X-Token")
        send(own, spam(token + "c"))
        assert len(in_quarantine(own, token + "c")) == 1
        own.run("quarantine", "remove", "--for", "full.example")


QUARANTINE = "urn:pombal:params:jmap:quarantine"


def own_of(server, account="anna"):
    return Jmap(server, account, using=(CORE, MAIL, QUARANTINE, "urn:pombal:params:jmap:story"))


def waiting(client, token):
    """Those that somebody sees over JMAP, by the newest."""
    ids = client.call("QuarantinedEmail/query")["ids"]
    return [one for one in client.call("QuarantinedEmail/get", ids=ids)["list"] if token in (one["subject"] or "")]


def refusal(client, name, **arguments):
    with pytest.raises(Refused) as refused:
        client.call("QuarantinedEmail/" + name, **arguments)
    return refused.value.type


def test_each_sees_and_lets_go_his_own_over_jmap(server, token):
    server.configure(quarantine_release="own")
    server.run("reload")
    anna, boris = own_of(server), own_of(server, "boris")
    assert anna.session["accounts"][anna.account]["accountCapabilities"][QUARANTINE] == {"mayRelease": True}
    server.run("alias", "add", f"{token}@apart.example", "anna@apart.example")
    server.run("alias", "add", f"all-{token}@apart.example", "anna@apart.example", "boris@apart.example")
    send(server, spam(token, "=?utf-8?Q?Gr=C3=BC=C3=9Fe?="), "anna", "boris")
    send(server, spam(token), f"{token}", f"all-{token}")
    one, = [each for each in waiting(anna, token) if each["subject"].startswith("Grüße")]
    assert one["recipient"] == "anna@apart.example" and one["sender"] == "x@nothing.example" and one["from"] == [{"name": "service@bank.example", "email": "x@nothing.example"}]
    assert one["points"] >= 5 and one["reason"] in [each["rule"] for each in one["findings"]] and all(each["text"] for each in one["findings"]) and one["mayRelease"] is True
    # what the rules mean, in the language that is asked for; else in the account's
    english = {each["rule"]: each["text"] for each in one["findings"]}
    request = {"using": ["urn:ietf:params:jmap:core", QUARANTINE], "methodCalls": [["QuarantinedEmail/get", {"accountId": anna.account, "ids": [one["id"]]}, "0"]]}
    russian = json.loads(anna.ask("POST", "/jmap/api", json.dumps(request), **{"Content-Type": "application/json", "Accept-Language": "xx, ru-RU;q=0.9, en;q=0.5"})[2])["methodResponses"][0][1]["list"][0]["findings"]
    assert all(each["text"] != english[each["rule"]] and re.search("[а-я]", each["text"]) for each in russian) and len(russian) == len(english)
    assert one["receivedAt"] < one["goneAt"] and one["messageId"] is None and one["size"] > 100
    assert "boris" not in json.dumps(one) and anna.call("QuarantinedEmail/get", ids=[one["id"]], properties=["size"])["list"] == [{"id": one["id"], "size": one["size"]}]
    # by whatever address it came; what came for several isn't one's own to let go
    assert sorted((each["recipient"], each["mayRelease"]) for each in waiting(anna, token)) == sorted(
        [("anna@apart.example", True), (f"{token}@apart.example", True), (f"all-{token}@apart.example", False)])
    assert sorted(each["recipient"] for each in waiting(boris, token)) == [f"all-{token}@apart.example", "boris@apart.example"]
    several = next(each["id"] for each in waiting(boris, token) if each["recipient"].startswith("all-"))
    assert boris.call("QuarantinedEmail/release", ids=[several])["notReleased"][several]["type"] == "forbidden"
    # nobody's else
    assert boris.call("QuarantinedEmail/get", ids=[one["id"], "q1-1", "nonsense"])["notFound"] == [one["id"], "q1-1", "nonsense"]
    assert boris.call("QuarantinedEmail/release", ids=[one["id"]])["notReleased"][one["id"]]["type"] == "notFound"
    assert boris.call("QuarantinedEmail/set", destroy=[one["id"]])["notDestroyed"][one["id"]]["type"] == "notFound"
    assert refusal(boris, "query", accountId=anna.account) == "accountNotFound"
    # let go: for anna alone
    offset = server.log_size()
    answer = anna.call("QuarantinedEmail/release", ids=[one["id"], one["id"]])
    assert answer["released"] == [one["id"]] and answer["notReleased"] is None
    server.wait_mail(token, header="X-Token")
    server.wait_log("event=quarantine.released .*account=anna@apart.example", offset)
    assert server.count_mail(token, mailbox="Junk", header="X-Token") == 0 and server.count_mail(token, "boris", header="X-Token") == 0
    assert anna.call("QuarantinedEmail/get", ids=[one["id"]])["notFound"] == [one["id"]]
    # and what became of it is told: why it lay there, and that it was let go
    email, = wait_for(lambda: anna.query({"header": ["X-Token", token]}), "the email")

    def told():
        rows = anna.call("EmailStory/get", ids=[email])["list"][0]["rows"]
        return rows if "filed" in [row["event"] for row in rows] else None
    rows = wait_for(told, "what became of it")
    assert sorted(row["event"] for row in rows) == ["accepted", "filed", "judged", "released"] and "boris" not in json.dumps(rows)
    judged, = [row for row in rows if row["event"] == "judged"]
    assert judged["action"] == "quarantine" and judged["points"] == one["points"] and judged["spf"] and [each["rule"] for each in judged["findings"]]
    # removed: boris', who was the last
    two, = [each for each in waiting(boris, token) if each["recipient"].startswith("boris")]
    assert boris.call("QuarantinedEmail/set", destroy=[two["id"]])["destroyed"] == [two["id"]]
    assert [each["recipients"] for each in in_quarantine(server, token)] == [[f"{token}@apart.example", f"all-{token}@apart.example"]]
    assert boris.call("QuarantinedEmail/set", create={"a": {}}, update={several: {}})["notCreated"]["a"]["type"] == "forbidden"
    for name, arguments, kind in (("query", {"filter": {"text": "x"}}, "unsupportedFilter"), ("query", {"sort": [{"property": "size"}]}, "unsupportedSort"), ("get", {}, "requestTooLarge"),
                                  ("release", {}, "invalidArguments"), ("release", {"ids": [f"q{number}" for number in range(1001)]}, "requestTooLarge")):
        assert refusal(anna, name, **arguments) == kind, name
    server.run("quarantine", "remove", "--for", "apart.example")
    for client in (anna, boris):
        client.close()


def test_what_isnt_plain_spam_isnt_ones_own_to_let_go(server, token):
    server.configure(quarantine_release="own")
    server.run("reload")
    anna = own_of(server)
    send(server, f"Subject: {token}\r\nFrom: x@nothing.example\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=disc.iso\r\n"
                 "Content-Disposition: attachment; filename=disc.iso\r\n\r\nx\r\n")
    one, = waiting(anna, token)
    assert one["mayRelease"] is False and one["reason"] == "ATTACH_DOUBTFUL_KIND"
    assert anna.call("QuarantinedEmail/release", ids=[one["id"]])["notReleased"][one["id"]]["type"] == "forbidden"
    send(server, spam(token + "b"))
    two, = waiting(anna, token + "b")
    assert two["mayRelease"] is True
    # the option counts at once
    server.configure(quarantine_release="nobody")
    assert "quarantine_release: at once" in server.run("reload").stdout
    two, = waiting(anna, token + "b")
    assert two["mayRelease"] is False and anna.call("QuarantinedEmail/release", ids=[two["id"]])["notReleased"][two["id"]]["type"] == "forbidden"
    assert anna.call("QuarantinedEmail/set", destroy=[two["id"]])["notDestroyed"][two["id"]]["type"] == "forbidden"
    assert len(in_quarantine(server, token)) == 2
    server.run("quarantine", "remove", "--for", "apart.example")
    anna.close()


def test_a_long_list_is_read_in_steps(server, token):
    """As many as are there, each once, in order of arrival, or as many as are wanted; of large messages only what is shown."""
    count = int(os.environ.get("QUARANTINE_LISTED", "1500"))
    send(server, spam(token))
    send(server, spam(token, "L A R G E") + "x" * 70 + "\r\n" + "Hello.\r\n" * 400000)
    wait_for(lambda: len(in_quarantine(server, token)) == 2, "two in quarantine")
    with sqlite3.connect(server.data / "queue/queue.db", timeout=60) as db:
        (first,), = db.execute("SELECT MIN(id) FROM message WHERE findings LIKE '%' AND id IN (SELECT message FROM body) AND reason <> 0")
        for table, key in (("message", "id"), ("body", "message"), ("recipient", "message")):
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(f"{column} + number.n" if column == key else column for column in columns)
            db.execute(f"WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?) INSERT INTO {table} SELECT {values} FROM {table}, number WHERE {key} = ?", (count, first))
    began = time.monotonic()
    listed = json.loads(server.run("quarantine", "list", "--json", timeout=900).stdout)
    print(f"{len(listed)} listed in {time.monotonic() - began:.1f} s")
    assert len(listed) >= count + 2 and len({one["id"] for one in listed}) == len(listed)
    assert [one["id"] for one in server.json("quarantine", "list", "--limit", "300")] == [one["id"] for one in listed[:300]]
    assert server.json("quarantine", "list", "--limit", "1", "--for", "anna@apart.example") == listed[:1]
    assert "takes a number" in server.run("quarantine", "list", "--limit", "x", status=None).stderr
    server.run("quarantine", "remove", "--for", "anna@apart.example", timeout=1800)
