"""What became of a message, told over JMAP to who has sent or got it (EmailStory, docs/jmap.md): of it what concerns him, and to nobody else anything."""
import json
import re

import pytest

import letters
from jmap import CORE, MAIL, Jmap, Refused
from pombal import PASSWORDS, wait_for

STORY = "urn:pombal:params:jmap:story"


def client_of(server, account):
    return Jmap(server, account, using=(CORE, MAIL, STORY))


@pytest.fixture
def people(server, token):
    """Two accounts of the test's own, signed in."""
    made = []
    for name in ("a" + token, "b" + token):
        PASSWORDS[name] = f"Wort-{name}"
        server.add_account(server.name(name), PASSWORDS[name])
        made.append((name, client_of(server, name)))
    yield made
    for _, client in made:
        client.close()


def found(client, token, mailbox="inbox"):
    where = {"subject": token, "inMailbox": client.mailbox(mailbox)}
    return wait_for(lambda: next(iter(client.query(where)), None), "the letter")


def story(client, email, until=None):
    """The rows of an email; until there is such an event, which other processes write."""
    def told():
        one, = client.call("EmailStory/get", ids=[email])["list"]
        assert one["id"] == email and one["isComplete"] is True
        return one["rows"] if until is None or until in [row["event"] for row in one["rows"]] else None
    return wait_for(told, f"the event {until}")


def test_who_gets_a_message_hears_his_own(server, token, people):
    (anna, hers), (boris, his) = people
    assert hers.session["accounts"][hers.account]["accountCapabilities"][STORY] == {}
    server.deliver(letters.simple(token, to=server.name(anna)), anna, boris)
    rows = story(hers, found(hers, token), "filed")
    accepted, = [row for row in rows if row["event"] == "accepted"]
    assert accepted["direction"] == "in" and accepted["from"] == "someone@elsewhere.example" and accepted["size"] > 0 and "127.0.0" in accepted["host"]
    filed, = [row for row in rows if row["event"] == "filed"]
    assert filed["mailbox"] == "INBOX" and [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"]) for row in rows)
    assert server.name(boris) not in json.dumps(rows) and "recipient" not in json.dumps(rows)
    assert [row["event"] for row in story(his, found(his, token), "filed")] == [row["event"] for row in rows]


def test_who_sends_hears_of_each_recipient(server, token, people):
    (anna, hers), (boris, his) = people
    letter = letters.simple(token, to=server.name(boris), sender=server.name(anna))
    server.submit(letter, server.name(boris), server.name(anna), account=anna)
    sent = hers.add(letter, [hers.mailbox("sent")])

    def both_delivered():
        rows = story(hers, sent)
        return rows if len([row for row in rows if row["event"] == "delivered"]) == 2 else None
    rows = wait_for(both_delivered, "what became of both")
    assert [row["direction"] for row in rows if row["event"] == "accepted"] == ["out"]
    assert all(set(row) == {"time", "event", "action"} for row in rows if row["event"] == "judged")  # not what it weighed
    assert {row["recipient"] for row in rows if row["event"] == "delivered"} == {server.name(boris), server.name(anna)}
    assert all(row["status"].startswith("2.") and "host" not in row and "reply" not in row for row in rows if row["event"] == "delivered")
    # who got it hears neither where it was written, nor of the others
    got = story(his, found(his, token), "filed")
    assert [row["event"] for row in got if row["event"] != "weighed"] == ["accepted", "filed"] and got[0]["direction"] == "in" and "host" not in got[0] and server.name(anna) not in json.dumps(got[1:])


def test_nobody_hears_of_anothers(server, token, people):
    (anna, hers), (boris, his) = people
    server.deliver(letters.simple(token, to=server.name(anna)), anna)
    email = found(hers, token)
    story(hers, email, "filed")
    assert his.call("EmailStory/get", ids=[email, "nonsense"]) == {"accountId": his.account, "list": [], "notFound": [email, "nonsense"]}
    # a copy of it, with all that its header says, is still no message of his
    copy = hers.download(hers.email(email, "blobId")["blobId"])
    assert re.search(rb"^Received: .*\n(\s.*\n)*.*id \w{13}", copy, re.M)
    assert his.call("EmailStory/get", ids=[his.add(copy, [his.mailbox("inbox")])])["list"][0]["rows"] == []
    for arguments, kind in (({}, "invalidArguments"), ({"ids": [1]}, "invalidArguments"), ({"ids": [f"e{number}" for number in range(11)]}, "requestTooLarge"),
                            ({"ids": [], "properties": []}, "invalidArguments"), ({"ids": [], "accountId": hers.account}, "accountNotFound")):
        with pytest.raises(Refused) as refused:
            his.call("EmailStory/get", **arguments)
        assert refused.value.type == kind, arguments
