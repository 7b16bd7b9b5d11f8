"""Emails that were removed for good are listed and brought back over JMAP while they are kept (RecoverableEmail, docs/jmap.md)."""
import pytest

import letters
from jmap import CORE, MAIL, Jmap, Refused
from pombal import PASSWORDS

RECOVERY = "urn:pombal:params:jmap:recovery"


@pytest.fixture
def person(server, token):
    """An account of the test's own."""
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


@pytest.fixture
def jmap(server, person):
    client = Jmap(server, person, using=(CORE, MAIL, RECOVERY))
    yield client
    client.close()


def destroy(jmap, *ids):
    assert sorted(jmap.call("Email/set", destroy=list(ids))["destroyed"]) == sorted(ids)


def get(jmap, *ids, **more):
    return jmap.call("RecoverableEmail/get", ids=list(ids), **more)["list"]


def letter(server, person, subject):
    return letters.simple(subject, server.name(person), "friend@elsewhere.example")


def test_what_was_removed_comes_back_as_what_it_was(server, person, jmap):
    assert jmap.session["accounts"][jmap.account]["accountCapabilities"][RECOVERY] == {"keptFor": 604800}
    work = jmap.make_mailbox("Work")
    email = jmap.add(letter(server, person, "=?utf-8?Q?Gr=C3=BC=C3=9Fe?="), [work], ["$seen", "$flagged"])
    before = jmap.email(email, "blobId", "threadId", "size", "receivedAt", "subject", "from", "to", "preview", "hasAttachment")
    assert jmap.call("RecoverableEmail/query")["ids"] == [] and get(jmap, email) == []  # it is there
    destroy(jmap, email)
    state = jmap.call("Email/get", ids=[])["state"]
    found = jmap.call("RecoverableEmail/query", calculateTotal=True)
    assert found["ids"] == [email] and found["total"] == 1 and found["canCalculateChanges"] is False
    one, = get(jmap, email)
    assert one["subject"] == "Grüße" and one["from"][0]["email"] == "friend@elsewhere.example" and one["mailboxId"] == work
    assert {key: one[key] for key in before if key in one} == {key: before[key] for key in before if key in one} and set(before) - set(one) == {"blobId"}
    assert one["removedAt"] < one["goneAt"]
    assert get(jmap, email, properties=["subject"]) == [{"id": email, "subject": "Grüße"}]
    answer = jmap.call("RecoverableEmail/restore", ids=[email, email, "e0000000000001", "nonsense"])
    assert answer["restored"] == {email: {"mailboxIds": {work: True}}}
    assert {id: error["type"] for id, error in answer["notRestored"].items()} == {"e0000000000001": "notFound", "nonsense": "notFound"}
    back = jmap.email(email, "mailboxIds", "keywords", "subject", "blobId")
    assert back == {"id": email, "mailboxIds": {work: True}, "keywords": {}, "subject": "Grüße", "blobId": before["blobId"]}
    assert email in jmap.call("Email/changes", sinceState=state)["created"]
    assert jmap.call("RecoverableEmail/query")["ids"] == []
    assert jmap.call("RecoverableEmail/restore", ids=[email])["notRestored"][email]["type"] == "notFound"


def test_where_it_comes_back_to(server, person, jmap):
    gone, kept = jmap.make_mailbox("Gone"), jmap.make_mailbox("Kept")
    inbox, trash = jmap.mailbox("inbox"), jmap.mailbox("trash")
    emails = [jmap.add(letter(server, person, f"letter {place}"), [place]) for place in (gone, trash, kept)]
    destroy(jmap, *emails)
    assert jmap.call("Mailbox/set", destroy=[gone])["destroyed"] == [gone]
    assert {one["id"]: one["mailboxId"] for one in get(jmap, *emails)} == dict(zip(emails, (None, trash, kept)))
    answer = jmap.call("RecoverableEmail/restore", ids=emails)
    assert [list(answer["restored"][one]["mailboxIds"]) for one in emails] == [[inbox], [inbox], [kept]]
    destroy(jmap, *emails)
    answer = jmap.call("RecoverableEmail/restore", ids=emails, mailboxId=kept)
    assert [list(answer["restored"][one]["mailboxIds"]) for one in emails] == [[kept]] * 3 and answer["notRestored"] is None


def test_a_long_list_in_windows(server, person, jmap):
    inbox = jmap.mailbox("inbox")
    emails = [jmap.add(letter(server, person, f"letter {number}"), [inbox]) for number in range(7)]
    for email in emails:
        destroy(jmap, email)
    whole = jmap.call("RecoverableEmail/query")["ids"]
    assert sorted(whole) == sorted(emails)
    assert jmap.call("RecoverableEmail/query", position=2, limit=3)["ids"] == whole[2:5]
    assert jmap.call("RecoverableEmail/query", anchor=whole[4], limit=10)["ids"] == whole[4:]


def test_what_is_refused(server, person, jmap):
    email = jmap.add(letter(server, person, "mine"), [jmap.mailbox("inbox")])
    destroy(jmap, email)
    for name, arguments, kind in (("query", {"filter": {"text": "x"}}, "unsupportedFilter"), ("query", {"sort": [{"property": "size"}]}, "unsupportedSort"),
                                  ("get", {}, "requestTooLarge"), ("get", {"ids": [email], "properties": ["bodyValues"]}, "invalidArguments"),
                                  ("restore", {}, "invalidArguments"), ("restore", {"ids": [1]}, "invalidArguments"), ("restore", {"ids": [email], "mailboxId": "m1"}, "invalidArguments"),
                                  ("restore", {"ids": [f"e{number}" for number in range(1001)]}, "requestTooLarge"), ("restore", {"ids": [email], "to": "x"}, "invalidArguments")):
        with pytest.raises(Refused) as refused:
            jmap.call("RecoverableEmail/" + name, **arguments)
        assert refused.value.type == kind, (name, arguments)
    # what is another's can't be named, nor found
    other = Jmap(server, "boris", using=(CORE, MAIL, RECOVERY))
    with pytest.raises(Refused) as refused:
        other.call("RecoverableEmail/restore", accountId=jmap.account, ids=[email])
    assert refused.value.type == "accountNotFound"
    assert other.call("RecoverableEmail/get", ids=[email])["notFound"] == [email]
    assert other.call("RecoverableEmail/restore", ids=[email])["notRestored"][email]["type"] == "notFound"
    other.close()
    # who may only read lists, and changes nothing; and there must be room
    made = server.json("account", "app-password", "add", server.name(person), "--name", "reader", "--allow", "mail-read")
    reader = Jmap(server, person, password=made["password"], using=(CORE, MAIL, RECOVERY))
    assert reader.call("RecoverableEmail/query")["ids"] == [email]
    with pytest.raises(Refused) as refused:
        reader.call("RecoverableEmail/restore", ids=[email])
    assert refused.value.type == "accountReadOnly"
    reader.close()
    server.run("account", "set", server.name(person), "--quota", "100")
    assert jmap.call("RecoverableEmail/restore", ids=[email])["notRestored"][email]["type"] == "overQuota"
