"""Mail over JMAP (RFC 8621): mailboxes, threads, emails, search snippets, against a real server; and beside IMAP."""
import json
import random
import subprocess
import threading
import time

import pytest

from jmap import Jmap, Refused
from pombal import PASSWORDS, ROOT


@pytest.fixture
def person(server, token):
    """An account of the test's own."""
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


@pytest.fixture
def jmap(server, person):
    client = Jmap(server, person)
    yield client
    client.close()


def letter(subject="hello", body="A line.\r\n", more="", sender="Ann <ann@x.example>", to="Bob <bob@y.example>", id=None):
    number = id or f"{random.getrandbits(64):x}@tests.example"
    return (f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Tue, 10 Jul 2018 11:03:11 +1000\r\nMessage-ID: <{number}>\r\n{more}\r\n{body}").encode()


def refused(answer, what, key):
    """The SetError that an object was refused with."""
    return (answer[what] or {})[key]


# ---- mailboxes (§2) ----

def test_mailboxes_are_listed(jmap):
    boxes = {one["role"]: one for one in jmap.mailboxes()}
    assert {"inbox", "drafts", "sent", "junk", "trash", "archive"} <= set(boxes)
    inbox = boxes["inbox"]
    assert inbox["name"] == "Inbox" and inbox["parentId"] is None and inbox["isSubscribed"] is True and inbox["sortOrder"] >= 0
    assert all(inbox[name] == 0 for name in ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads"))
    assert set(inbox["myRights"]) == {"mayReadItems", "mayAddItems", "mayRemoveItems", "maySetSeen", "maySetKeywords", "mayCreateChild", "mayRename", "mayDelete", "maySubmit"}
    assert inbox["myRights"]["mayDelete"] is False and boxes["trash"]["myRights"]["mayDelete"] is True
    answer = jmap.call("Mailbox/get", ids=[inbox["id"], "mnone"], properties=["name"])
    assert answer["list"] == [{"id": inbox["id"], "name": "Inbox"}] and answer["notFound"] == ["mnone"]
    with pytest.raises(Refused, match="invalidArguments"):
        jmap.call("Mailbox/get", ids=None, properties=["none"])


def test_mailboxes_are_made_changed_and_removed(jmap):
    before = jmap.call("Mailbox/get", ids=[])["state"]
    answer = jmap.call("Mailbox/set", create={"a": {"name": "Ä b", "parentId": None}, "b": {"name": "child", "parentId": "#a", "sortOrder": 7, "isSubscribed": False}})
    assert answer["oldState"] == before and answer["newState"] != before
    a, b = answer["created"]["a"]["id"], answer["created"]["b"]["id"]
    assert answer["created"]["a"]["totalEmails"] == 0 and "myRights" in answer["created"]["a"] and "name" not in answer["created"]["a"]
    child = jmap.call("Mailbox/get", ids=[b])["list"][0]
    assert (child["name"], child["parentId"], child["sortOrder"], child["isSubscribed"]) == ("child", a, 7, False)
    changes = jmap.call("Mailbox/changes", sinceState=before)
    assert set(changes["created"]) == {a, b} and changes["updatedProperties"] is None
    for change in ({"name": "other"}, {"parentId": None}, {"sortOrder": 3}, {"isSubscribed": True}, {"role": "all"}, {"role": None}):
        state = jmap.call("Mailbox/get", ids=[])["state"]
        answer = jmap.call("Mailbox/set", update={b: change})
        assert answer["notUpdated"] is None and b in answer["updated"], (change, answer)
        found = jmap.call("Mailbox/get", ids=[b])["list"][0]
        assert all(found[name] == value for name, value in change.items()), (change, found)
        assert jmap.call("Mailbox/changes", sinceState=state)["updated"].count(b) == 1
    jmap.call("Mailbox/set", update={b: {"parentId": a}})
    answer = jmap.call("Mailbox/set", destroy=[a])
    assert refused(answer, "notDestroyed", a)["type"] == "mailboxHasChild"
    answer = jmap.call("Mailbox/set", destroy=[a, b])
    assert set(answer["destroyed"]) == {a, b} and answer["notDestroyed"] is None
    assert set(jmap.call("Mailbox/changes", sinceState=state)["destroyed"]) >= {a, b}


def test_what_no_mailbox_can_be_is_refused(jmap):
    a, inbox, trash = jmap.make_mailbox("a"), jmap.mailbox("inbox"), jmap.mailbox("trash")
    b = jmap.make_mailbox("b", parentId=a)
    for create, wrong in (({}, "name"), ({"name": ""}, "name"), ({"name": "x/y"}, "name"), ({"name": "x\x01"}, "name"), ({"name": "x" * 256}, "name"), ({"name": "a"}, "name"),
                          ({"name": 1}, "name"), ({"name": "c", "parentId": "mnone"}, "parentId"), ({"name": "c", "role": "trash"}, "role"), ({"name": "c", "role": "none"}, "role"),
                          ({"name": "c", "sortOrder": -1}, "sortOrder"), ({"name": "c", "sortOrder": 1 << 31}, "sortOrder"), ({"name": "c", "isSubscribed": 1}, "isSubscribed"),
                          ({"name": "c", "totalEmails": 0}, "totalEmails"), ({"name": "c", "none": 0}, "none"), ({"name": "c", "role": "inbox"}, "role")):
        error = refused(jmap.call("Mailbox/set", create={"x": create}), "notCreated", "x")
        assert error["type"] == "invalidProperties" and wrong in error["properties"], (create, error)
    for id, update, wrong in ((a, {"parentId": b}, "parentId"), (a, {"parentId": a}, "parentId"), (b, {"name": None}, "name"), (b, {"totalThreads": 9}, "totalThreads"),
                              (b, {"role": "trash"}, "role"), (b, {"id": trash}, "id"), (b, {"myRights/mayDelete": False}, "myRights"), (inbox, {"role": None}, "role")):
        error = refused(jmap.call("Mailbox/set", update={id: update}), "notUpdated", id)
        assert error["type"] == "invalidProperties" and wrong in error["properties"], (update, error)
    assert jmap.call("Mailbox/set", update={b: {"totalEmails": 0, "name": "b"}})["notUpdated"] is None
    assert refused(jmap.call("Mailbox/set", update={"mnone": {"name": "x"}}), "notUpdated", "mnone")["type"] == "notFound"
    assert refused(jmap.call("Mailbox/set", destroy=["mnone"]), "notDestroyed", "mnone")["type"] == "notFound"
    assert refused(jmap.call("Mailbox/set", destroy=[inbox]), "notDestroyed", inbox)["type"] == "forbidden"


def test_names_are_exchanged(jmap):
    a, b = jmap.make_mailbox("left"), jmap.make_mailbox("right")
    answer = jmap.call("Mailbox/set", update={a: {"name": "right"}, b: {"name": "left"}})
    assert answer["notUpdated"] is None, answer
    found = {one["id"]: one["name"] for one in jmap.mailboxes()}
    assert (found[a], found[b]) == ("right", "left")


def test_names_are_in_their_normal_form(jmap):
    answer = jmap.call("Mailbox/set", create={"m": {"name": "cafe\u0301"}})
    id = answer["created"]["m"]["id"]
    assert answer["created"]["m"]["name"] == jmap.call("Mailbox/get", ids=[id])["list"][0]["name"] == "caf\u00e9"
    assert jmap.call("Mailbox/set", update={id: {"name": "A\u030a"}})["updated"] == {id: {"name": "\u00c5"}}


def test_the_inbox_is_one(server, person, jmap):
    inbox = jmap.mailbox("inbox")
    child = jmap.make_mailbox("below", parentId=inbox)
    assert jmap.call("Mailbox/get", ids=[child])["list"][0]["parentId"] == inbox
    for name in ("Inbox", "INBOX", "inbox"):
        assert refused(jmap.call("Mailbox/set", create={"x": {"name": name}}), "notCreated", "x")["type"] == "invalidProperties"
        assert refused(jmap.call("Mailbox/set", update={child: {"name": name, "parentId": None}}), "notUpdated", child)["type"] == "invalidProperties"
    assert jmap.call("Mailbox/set", update={inbox: {"sortOrder": 5, "isSubscribed": False}})["notUpdated"] is None
    with server.imap(person) as imap:
        assert any(b"INBOX/below" in line for line in imap.list()[1])
        imap.create("made/by/imap")
    found = {one["id"]: one for one in jmap.mailboxes()}
    names = {one["name"]: one["id"] for one in found.values()}
    assert found[names["imap"]]["parentId"] == names["by"] and found[names["by"]]["parentId"] == names["made"] and found[names["made"]]["parentId"] is None


def test_a_message_can_be_there_twice(jmap):
    inbox, blob = jmap.mailbox("inbox"), jmap.upload(letter("twice"))
    answer = jmap.call("Email/import", emails={key: {"blobId": blob, "mailboxIds": {inbox: True}} for key in "ab"})
    a, b = (answer["created"][key]["id"] for key in "ab")
    assert a != b
    jmap.call("Email/set", update={a: {"keywords/$seen": True}})
    assert jmap.email(b, "keywords")["keywords"] == {}
    # by its blob an email is imported again, or attached
    again = jmap.call("Email/import", emails={"c": {"blobId": answer["created"]["a"]["blobId"], "mailboxIds": {inbox: True}}})["created"]["c"]["id"]
    assert again not in (a, b) and len(jmap.query({"subject": "twice"})) == 3


def test_objects_made_in_one_request_are_used_in_it(jmap):
    answer = jmap.request(
        ("Mailbox/set", {"create": {"box": {"name": "fresh"}}}),
        ("Email/set", {"create": {"mail": {"mailboxIds": {"#box": True}, "subject": "x"}}}),
        ("Email/set", {"update": {"#mail": {"keywords/$flagged": True, "mailboxIds/#box": True}}}),
        ("Email/query", {"filter": {"inMailbox": "#box"}}),
        ("Email/get", {"ids": ["#mail"], "properties": ["keywords"]}),
        ("Email/set", {"destroy": ["#mail"]}))["methodResponses"]
    id = answer[1][1]["created"]["mail"]["id"]
    assert list(answer[2][1]["updated"]) == [id] and answer[3][1]["ids"] == [id] and answer[4][1]["list"] == [{"id": id, "keywords": {"$flagged": True}}]
    assert answer[5][1]["destroyed"] == [id]


def test_mailboxes_with_emails_are_kept_unless_wanted(jmap):
    box, other = jmap.make_mailbox("full"), jmap.make_mailbox("second")
    only, both = jmap.add(letter(), [box]), jmap.add(letter(), [box, other])
    assert refused(jmap.call("Mailbox/set", destroy=[box]), "notDestroyed", box)["type"] == "mailboxHasEmail"
    assert jmap.call("Mailbox/set", destroy=[box], onDestroyRemoveEmails=True)["destroyed"] == [box]
    assert jmap.email(only) is None and jmap.email(both, "mailboxIds")["mailboxIds"] == {other: True}


def test_mailboxes_are_found(jmap):
    a = jmap.make_mailbox("alpha", sortOrder=2)
    b = jmap.make_mailbox("beta", parentId=a, sortOrder=1)
    c = jmap.make_mailbox("gamma", sortOrder=1, isSubscribed=False)

    def query(filter=None, sort=None, **more):
        return jmap.call("Mailbox/query", filter=filter, sort=sort or [{"property": "sortOrder"}, {"property": "name"}], **more)["ids"]
    assert query({"hasAnyRole": False}) == [b, c, a]
    assert query({"hasAnyRole": False}, [{"property": "name", "isAscending": False}]) == [c, b, a]
    assert query({"hasAnyRole": False}, sortAsTree=True) == [c, a, b]
    assert query({"name": "ET"}) == [b] and query({"name": "ET"}, filterAsTree=True) == []
    assert query({"parentId": a}) == [b] and b not in query({"parentId": None}) and query({"role": "inbox"}) == [jmap.mailbox("inbox")]
    assert query({"isSubscribed": False}) == [c] and set(query({"role": None})) == {a, b, c} and query({}) == query()
    assert query({"operator": "OR", "conditions": [{"name": "alpha"}, {"operator": "AND", "conditions": [{"name": "a"}, {"parentId": a}]}]}) == [b, a]
    assert query({"operator": "NOT", "conditions": [{"hasAnyRole": True}, {"name": "beta"}]}) == [c, a]
    answer = jmap.call("Mailbox/query", filter={"hasAnyRole": False}, sort=[{"property": "name"}], calculateTotal=True, position=1, limit=1)
    assert (answer["ids"], answer["total"], answer["position"]) == ([b], 3, 1)
    changed = jmap.call("Mailbox/set", update={b: {"name": "zeta"}})
    changes = jmap.call("Mailbox/queryChanges", filter={"hasAnyRole": False}, sort=[{"property": "name"}], sinceQueryState=answer["queryState"])
    assert changes["removed"] == [b] and changes["added"] == [{"id": b, "index": 2}] and changed["notUpdated"] is None
    for wrong, error in (({"filter": {"none": 1}}, "unsupportedFilter"), ({"sort": [{"property": "role"}]}, "unsupportedSort"), ({"filter": {"hasAnyRole": "x"}}, "invalidArguments")):
        with pytest.raises(Refused, match=error):
            jmap.call("Mailbox/query", **wrong)


def test_counts_follow_what_happens(jmap):
    box, trash = jmap.make_mailbox("counted"), jmap.mailbox("trash")

    def counts(id):
        found = jmap.call("Mailbox/get", ids=[id])["list"][0]
        return tuple(found[name] for name in ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads"))
    first = jmap.add(letter("one", id="1@count"), [box])
    reply = jmap.add(letter("Re: one", more="In-Reply-To: <1@count>\r\nReferences: <1@count>\r\n"), [box], ["$seen"])
    jmap.add(letter("draft"), [box], ["$draft"])
    assert counts(box) == (3, 1, 2, 1)
    state = jmap.call("Mailbox/get", ids=[])["state"]
    jmap.call("Email/set", update={first: {"keywords/$seen": True}})
    assert counts(box) == (3, 0, 2, 0)
    changes = jmap.call("Mailbox/changes", sinceState=state)
    assert changes["updated"] == [box] and set(changes["updatedProperties"]) == {"totalEmails", "unreadEmails", "totalThreads", "unreadThreads"}
    # the example of §2: an unread one in the trash isn't counted elsewhere
    jmap.call("Email/set", update={first: {"mailboxIds": {trash: True}, "keywords/$seen": None}})
    assert counts(box) == (2, 0, 2, 0) and counts(trash) == (1, 1, 1, 1)
    jmap.call("Email/set", destroy=[first, reply])
    assert counts(box) == (1, 0, 1, 0) and counts(trash) == (0, 0, 0, 0)


# ---- threads (§3) ----

def test_replies_are_threads(jmap):
    inbox, state = jmap.mailbox("inbox"), jmap.call("Thread/get", ids=[])["state"]
    first = jmap.add(letter("plan", id="p1@x"), [inbox], receivedAt="2020-01-01T00:00:00Z")
    second = jmap.add(letter("Re: plan", more="In-Reply-To: <p1@x>\r\n"), [inbox], receivedAt="2019-01-01T00:00:00Z")
    other = jmap.add(letter("something else", more="In-Reply-To: <p1@x>\r\n"), [inbox])
    thread, alone = jmap.email(first, "threadId")["threadId"], jmap.email(other, "threadId")["threadId"]
    assert jmap.email(second, "threadId")["threadId"] == thread != alone
    answer = jmap.call("Thread/get", ids=[thread, alone, "tnone"])
    assert {one["id"]: one["emailIds"] for one in answer["list"]} == {thread: [second, first], alone: [other]} and answer["notFound"] == ["tnone"]
    assert set(jmap.call("Thread/changes", sinceState=state)["created"]) == {thread, alone}
    state = answer["state"]
    jmap.call("Email/set", destroy=[second, other])
    changes = jmap.call("Thread/changes", sinceState=state)
    assert changes["updated"] == [thread] and changes["destroyed"] == [alone] and changes["created"] == []


# ---- emails: get, changes (§4.2, §4.3) ----

ALTERNATIVES = ("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n",
                "--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
                "Caf=C3=A9 & more\r\n--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Caf\u00e9 &amp; <b>more</b></p>\r\n--a--\r\n"
                "--m\r\nContent-Type: application/pdf; name=x.pdf\r\nContent-Disposition: attachment; filename=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--m--\r\n")


def test_an_email_is_shown(jmap):
    inbox = jmap.mailbox("inbox")
    raw = letter("=?utf-8?q?caf=C3=A9?=", ALTERNATIVES[1], "Cc: Friends: c@x.example, d@x.example;\r\n" + ALTERNATIVES[0])
    id = jmap.add(raw, [inbox], ["$seen", "Work"], receivedAt="2018-07-10T01:05:08Z")
    found = jmap.email(id)
    assert set(found) == {"id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc",
                          "replyTo", "subject", "sentAt", "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments"}
    assert found["keywords"] == {"$seen": True, "work": True} and found["mailboxIds"] == {inbox: True} and found["size"] == len(raw) and found["bodyValues"] == {}
    assert (found["subject"], found["sentAt"], found["receivedAt"], found["hasAttachment"], found["preview"]) == (
        "café", "2018-07-10T11:03:11+10:00", "2018-07-10T01:05:08Z", True, "Café & more")
    assert found["from"] == [{"name": "Ann", "email": "ann@x.example"}] and [one["email"] for one in found["cc"]] == ["c@x.example", "d@x.example"] and found["bcc"] is None
    assert [one["type"] for one in found["textBody"] + found["htmlBody"] + found["attachments"]] == ["text/plain", "text/html", "application/pdf"]
    assert set(found["attachments"][0]) == {"partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location"}
    assert found["attachments"][0]["size"] == 5 and found["attachments"][0]["name"] == "x.pdf"
    assert jmap.download(found["blobId"]) == raw and jmap.download(found["attachments"][0]["blobId"]) == b"hello"
    values = jmap.email(id, "bodyValues", "textBody", fetchTextBodyValues=True, bodyProperties=["partId", "type"])
    assert values["bodyValues"] == {values["textBody"][0]["partId"]: {"value": "Café & more", "isEncodingProblem": False, "isTruncated": False}}
    assert [one["value"] for one in jmap.email(id, "bodyValues", fetchHTMLBodyValues=True, maxBodyValueBytes=5)["bodyValues"].values()] == ["<p>Ca"]
    assert len(jmap.email(id, "bodyValues", fetchAllBodyValues=True)["bodyValues"]) == 2
    special = jmap.email(id, "header:Cc:asGroupedAddresses", "header:SUBJECT", "header:from:all", "headers", "bodyStructure")
    assert special["header:Cc:asGroupedAddresses"] == [{"name": "Friends", "addresses": [{"name": None, "email": "c@x.example"}, {"name": None, "email": "d@x.example"}]}]
    assert special["header:SUBJECT"] == " =?utf-8?q?caf=C3=A9?=" and special["header:from:all"] == [" Ann <ann@x.example>"] and special["headers"][0]["name"] == "From"
    assert [one["type"] for one in special["bodyStructure"]["subParts"]] == ["multipart/alternative", "application/pdf"]
    for properties in (["header:From:asDate"], ["header:Subject:asAddresses"], ["nothing"], ["header:"]):
        with pytest.raises(Refused, match="invalidArguments"):
            jmap.call("Email/get", ids=[id], properties=properties)


def test_changes_of_emails_are_told(jmap):
    inbox, archive = jmap.mailbox("inbox"), jmap.mailbox("archive")
    kept, gone = jmap.add(letter(), [inbox]), jmap.add(letter(), [inbox])
    state = jmap.call("Email/get", ids=[])["state"]
    new = jmap.add(letter(), [inbox])
    jmap.call("Email/set", update={kept: {f"mailboxIds/{archive}": True, "keywords/$flagged": True}}, destroy=[gone])
    changes = jmap.call("Email/changes", sinceState=state)
    assert (changes["oldState"], changes["created"], changes["updated"], changes["destroyed"], changes["hasMoreChanges"]) == (state, [new], [kept], [gone], False)
    assert jmap.call("Email/changes", sinceState=changes["newState"])["updated"] == []
    seen, since = {"created": set(), "updated": set(), "destroyed": set()}, state
    for _ in range(10):
        step = jmap.call("Email/changes", sinceState=since, maxChanges=1)
        assert sum(len(step[kind]) for kind in seen) <= 1
        for kind, ids in seen.items():
            ids.update(step[kind])
        since = step["newState"]
        if not step["hasMoreChanges"]:
            break
    assert seen == {"created": {new}, "updated": {kept}, "destroyed": {gone}} and since == changes["newState"]
    with pytest.raises(Refused, match="cannotCalculateChanges"):
        jmap.call("Email/changes", sinceState="nonsense")
    with pytest.raises(Refused, match="invalidArguments"):
        jmap.call("Email/changes", sinceState=state, maxChanges=0)


# ---- emails: query (§4.4) ----

@pytest.fixture
def filled(jmap):
    """Six emails, in the order of their dates."""
    inbox, other = jmap.mailbox("inbox"), jmap.make_mailbox("other")
    pdf = ALTERNATIVES
    ids = [
        jmap.add(letter("apple pie", "Dear customer, the price is right.\r\n", sender="Zoe <a@x.example>", id="q1@x"), [inbox], ["$seen"], receivedAt="2020-01-01T00:00:00Z"),
        jmap.add(letter("Re: apple pie", "I agree.\r\n", "In-Reply-To: <q1@x>\r\n", sender="b@x.example"), [inbox, other], ["$flagged"], receivedAt="2020-01-02T00:00:00Z"),
        jmap.add(letter("banana", pdf[1], pdf[0], sender="Carl <c@x.example>", to="Yves <y@x.example>"), [other], ["$seen", "work"], receivedAt="2020-01-03T00:00:00Z"),
        jmap.add(letter("Fwd: cherry", "x" * 5000 + "\r\n", "X-Special: yes indeed\r\n"), [inbox], ["$answered"], receivedAt="2020-01-04T00:00:00Z"),
        jmap.add(letter("date", "Nothing.\r\n", "Cc: cc-person@x.example\r\nBcc: hidden@x.example\r\n"), [inbox], [], receivedAt="2020-01-05T00:00:00Z"),
        jmap.add(letter("elder", "Content.\r\n"), [inbox], ["$draft", "$seen"], receivedAt="2020-01-06T00:00:00Z"),
    ]
    return jmap, inbox, other, ids


def test_emails_are_filtered(filled):
    jmap, inbox, other, ids = filled
    size = jmap.email(ids[3], "size")["size"]
    cases = [
        (None, [0, 1, 2, 3, 4, 5]), ({}, [0, 1, 2, 3, 4, 5]), ({"inMailbox": other}, [1, 2]), ({"inMailbox": "mnone"}, []), ({"inMailboxOtherThan": [inbox]}, [1, 2]),
        ({"inMailboxOtherThan": [inbox, other]}, []), ({"before": "2020-01-03T00:00:00Z"}, [0, 1]), ({"after": "2020-01-05T00:00:00Z"}, [4, 5]),
        ({"minSize": size}, [3]), ({"maxSize": size, "inMailbox": inbox}, [0, 1, 4, 5]), ({"hasKeyword": "$seen"}, [0, 2, 5]), ({"notKeyword": "$seen"}, [1, 3, 4]),
        ({"hasKeyword": "WORK"}, [2]), ({"someInThreadHaveKeyword": "$flagged"}, [0, 1]), ({"allInThreadHaveKeyword": "$seen"}, [2, 5]),
        ({"noneInThreadHaveKeyword": "$seen"}, [3, 4]), ({"hasAttachment": True}, [2]), ({"hasAttachment": False}, [0, 1, 3, 4, 5]),
        ({"text": "apple"}, [0, 1]), ({"subject": "banana"}, [2]), ({"from": "carl"}, [2]), ({"to": "yves"}, [2]), ({"cc": "cc-person"}, [4]), ({"bcc": "hidden"}, [4]),
        ({"body": "customer"}, [0]), ({"body": "\"price is right\""}, [0]), ({"body": "right price"}, [0]), ({"body": "'right price'"}, []), ({"header": ["X-Special"]}, [3]),
        ({"header": ["x-special", "INDEED"]}, [3]), ({"header": ["X-Special", "no"]}, []), ({"subject": "apple", "inMailbox": other}, [1]),
        ({"operator": "AND", "conditions": [{"inMailbox": inbox}, {"operator": "NOT", "conditions": [{"hasKeyword": "$seen"}, {"hasKeyword": "$flagged"}]}]}, [3, 4]),
        ({"operator": "OR", "conditions": [{"subject": "banana"}, {"hasKeyword": "$draft"}]}, [2, 5]), ({"operator": "OR", "conditions": []}, []),
        ({"operator": "OR", "conditions": [{"hasAttachment": True}, {"inMailbox": other}]}, [1, 2]), ({"operator": "NOT", "conditions": [{"hasAttachment": True}]}, [0, 1, 3, 4, 5]),
    ]
    for filter, expected in cases:
        answer = jmap.call("Email/query", filter=filter, sort=[{"property": "receivedAt"}], calculateTotal=True)
        assert ([ids.index(id) for id in answer["ids"]], answer["total"]) == (expected, len(expected)), filter
        assert [ids.index(id) for id in jmap.query(filter)] == expected[::-1], filter
    for filter, error in (({"none": 1}, "unsupportedFilter"), ({"before": "yesterday"}, "invalidArguments"), ({"minSize": -1}, "invalidArguments"), ({"header": []}, "invalidArguments"),
                          ({"hasAttachment": "x"}, "invalidArguments"), ({"operator": "XOR", "conditions": []}, "invalidArguments"), ({"header": ["a", "b", "c"]}, "invalidArguments")):
        with pytest.raises(Refused, match=error):
            jmap.query(filter)


def test_emails_are_sorted(filled):
    jmap, inbox, other, ids = filled
    cases = [
        ([{"property": "receivedAt", "isAscending": False}], [5, 4, 3, 2, 1, 0]), ([{"property": "size", "isAscending": False}], 3), ([{"property": "size"}], None),
        ([{"property": "from"}, {"property": "receivedAt"}], [3, 4, 5, 1, 2, 0]), ([{"property": "to", "isAscending": False}, {"property": "receivedAt"}], [2, 0, 1, 3, 4, 5]),
        ([{"property": "subject", "collation": "i;ascii-casemap"}, {"property": "receivedAt", "isAscending": False}], [1, 0, 2, 3, 4, 5]),
        ([{"property": "hasKeyword", "keyword": "$seen", "isAscending": False}, {"property": "receivedAt"}], [0, 2, 5, 1, 3, 4]),
        ([{"property": "someInThreadHaveKeyword", "keyword": "$flagged", "isAscending": False}, {"property": "subject"}, {"property": "receivedAt", "isAscending": False}], [1, 0, 2, 3, 4, 5]),
        ([{"property": "allInThreadHaveKeyword", "keyword": "$seen"}, {"property": "receivedAt"}], [0, 1, 3, 4, 2, 5]),
        ([{"property": "sentAt"}, {"property": "receivedAt"}], [0, 1, 2, 3, 4, 5]),
    ]
    for sort, expected in cases:
        found = [ids.index(id) for id in jmap.query(None, sort)]
        sizes = [jmap.email(ids[at], "size")["size"] for at in found] if isinstance(expected, int) or expected is None else None
        if expected is None:
            assert sizes == sorted(sizes)
        elif isinstance(expected, int):
            assert sizes == sorted(sizes, reverse=True)
        else:
            assert found == expected, sort
    for sort, error in (([{"property": "none"}], "unsupportedSort"), ([{"property": "hasKeyword"}], "invalidArguments"), ([{"property": "subject", "collation": "none"}], "unsupportedSort")):
        with pytest.raises(Refused, match=error):
            jmap.query(None, sort)


def test_threads_are_collapsed_and_windows_shown(filled):
    jmap, inbox, other, ids = filled
    newest = [{"property": "receivedAt", "isAscending": False}]
    answer = jmap.call("Email/query", sort=newest, collapseThreads=True, calculateTotal=True)
    assert [ids.index(id) for id in answer["ids"]] == [5, 4, 3, 2, 1] and answer["total"] == 5 and answer["canCalculateChanges"] is True
    assert [ids.index(id) for id in jmap.query({"hasKeyword": "$seen"}, newest, collapseThreads=True)] == [5, 2, 0]
    answer = jmap.call("Email/query", filter={"inMailbox": inbox}, sort=newest, collapseThreads=True, calculateTotal=True, position=1, limit=2)
    assert ([ids.index(id) for id in answer["ids"]], answer["total"], answer["position"]) == ([4, 3], 4, 1)
    for window, expected in (({"position": -2}, [1, 0]), ({"position": 4, "limit": 5}, [1, 0]), ({"position": 9}, []), ({"anchor": ids[3], "limit": 1}, [3]), ({"limit": 0}, []),
                             ({"anchor": ids[3], "anchorOffset": -1, "limit": 2}, [4, 3]), ({"anchor": ids[5], "anchorOffset": -5, "limit": 1}, [5])):
        assert [ids.index(id) for id in jmap.query(None, newest, **window)] == expected, window
    with pytest.raises(Refused, match="anchorNotFound"):
        jmap.query({"inMailbox": other}, newest, anchor=ids[0])


# ---- emails: queryChanges (§4.5): what a client makes of it is what a query says ----

def apply(ids, changes):
    ids = [id for id in ids if id not in set(changes["removed"])]
    for one in sorted(changes["added"], key=lambda added: added["index"]):
        ids.insert(one["index"], one["id"])
    return ids


def test_changes_of_queries_lead_to_the_same(jmap, token):
    """Queries of all kinds, before and after changes by chance."""
    chance = random.Random(token)
    boxes = [jmap.make_mailbox(f"box{at}") for at in range(3)]
    keywords = ["$seen", "$flagged", "work"]
    queries = [
        {"filter": {"inMailbox": boxes[0]}, "sort": [{"property": "receivedAt", "isAscending": False}]},
        {"filter": {"inMailbox": boxes[0]}, "sort": [{"property": "receivedAt", "isAscending": False}], "collapseThreads": True},
        {"filter": {"hasKeyword": "$seen"}, "sort": [{"property": "subject"}, {"property": "receivedAt"}]},
        {"filter": {"someInThreadHaveKeyword": "$flagged"}, "collapseThreads": True},
        {"filter": {"operator": "NOT", "conditions": [{"allInThreadHaveKeyword": "$seen"}]}, "sort": [{"property": "someInThreadHaveKeyword", "keyword": "work"}, {"property": "size"}]},
        {"sort": [{"property": "allInThreadHaveKeyword", "keyword": "$seen"}, {"property": "receivedAt"}], "collapseThreads": True},
        {"filter": {"text": "subject", "inMailbox": boxes[1]}}, {"filter": {"subject": "nothing-such"}, "collapseThreads": True}, {"filter": {"hasAttachment": False}},
    ]
    alive, known = [], {}
    for round in range(12):
        for _ in range(chance.randrange(1, 6)):
            action = chance.randrange(5)
            if action < 2 or not alive:
                thread = chance.randrange(4)
                alive.append(jmap.add(letter(f"Re: subject {thread}", more=f"References: <root-{thread}@x>\r\n"), chance.sample(boxes, chance.randrange(1, 3)),
                                      chance.sample(keywords, chance.randrange(3)), receivedAt=f"2020-01-{chance.randrange(1, 29):02}T00:00:00Z"))
            elif action == 2:
                jmap.call("Email/set", update={chance.choice(alive): {f"keywords/{chance.choice(keywords)}": chance.choice([True, None])}})
            elif action == 3:
                jmap.call("Email/set", update={chance.choice(alive): {"mailboxIds": {box: True for box in chance.sample(boxes, chance.randrange(1, 3))}}})
            else:
                jmap.call("Email/set", destroy=[alive.pop(chance.randrange(len(alive)))])
        for at, query in enumerate(queries):
            now = jmap.call("Email/query", **query)
            if at in known:
                old = known[at]
                changes = jmap.call("Email/queryChanges", **query, sinceQueryState=old["queryState"], calculateTotal=True)
                assert apply(old["ids"], changes) == now["ids"], (round, query, changes)
                assert changes["newQueryState"] == now["queryState"] and changes["total"] == len(now["ids"])
            if chance.random() < 0.6 or at not in known:
                known[at] = now
    with pytest.raises(Refused, match="cannotCalculateChanges"):
        jmap.call("Email/queryChanges", sinceQueryState="nonsense")
    state = jmap.call("Email/query", **queries[0])["queryState"]
    for _ in range(2):
        jmap.add(letter(), [boxes[0]])
    with pytest.raises(Refused, match="tooManyChanges"):
        jmap.call("Email/queryChanges", **queries[0], sinceQueryState=state, maxChanges=1)


def test_kept_results_follow_what_happens(server, person, jmap, token):
    """Of many emails results are kept: after changes by chance they are the same as when they are found anew, as they are with a text that is nowhere."""
    chance = random.Random(token)
    boxes = [jmap.make_mailbox(f"box{at}") for at in range(2)]
    names = ["Ann", "Bea", "Émile", "Жора", "zoe"]
    for number in range(260):
        jmap.add(letter(f"Re: subject {chance.randrange(60)}", sender=f"{chance.choice(names)} <a{chance.randrange(9)}@x.example>", more=f"References: <root-{chance.randrange(90)}@{token}.x>\r\n"),
                 chance.sample(boxes, chance.randrange(1, 3)), chance.sample(["$seen", "$flagged"], chance.randrange(3)), receivedAt=f"2020-01-{chance.randrange(1, 29):02}T00:00:00Z")
    sorts = [[{"property": name, "isAscending": chance.random() < 0.5}] for name in ("receivedAt", "size", "from", "to", "subject", "sentAt")]
    sorts += [[{"property": "subject"}, {"property": "receivedAt", "isAscending": False}], [{"property": "hasKeyword", "keyword": "$flagged"}, {"property": "from"}]]
    queries = [{"filter": filter, "sort": sort, "collapseThreads": collapse} for filter in ({"inMailbox": boxes[0]}, {"notKeyword": "$seen"}, {"hasAttachment": False, "inMailbox": boxes[1]})
               for sort in sorts for collapse in (False, True)]
    queries = [*queries[:4], *chance.sample(queries, 10)]
    everything = {"operator": "NOT", "conditions": [{"text": "nothing-of-the-kind"}]}
    known = {}
    for round in range(5):
        for at, query in enumerate(queries):
            anew = jmap.call("Email/query", **{**query, "filter": {"operator": "AND", "conditions": [query["filter"], everything]}})["ids"]
            found = jmap.call("Email/query", **query, calculateTotal=True, position=0)
            assert found["ids"] == anew and found["total"] == len(anew), (round, query)
            assert jmap.call("Email/query", **query, position=-7)["ids"] == anew[-7:]
            middle = anew[len(anew) // 2]
            assert jmap.call("Email/query", **query, anchor=middle, anchorOffset=-3, limit=9)["ids"] == anew[len(anew) // 2 - 3:][:9]
            if at in known:
                changes = jmap.call("Email/queryChanges", **query, sinceQueryState=known[at]["queryState"])
                assert apply(known[at]["ids"], changes) == anew, (round, query)
            known[at] = found
        for id in chance.sample(anew, 8 if round < 3 else 60):
            action = chance.randrange(3)
            if action == 0:
                jmap.call("Email/set", update={id: {f"keywords/{chance.choice(['$seen', '$flagged'])}": chance.choice([True, None])}})
            elif action == 1:
                jmap.call("Email/set", update={id: {"mailboxIds": {box: True for box in chance.sample(boxes, chance.randrange(1, 3))}}})
            else:
                jmap.call("Email/set", destroy=[id])
                jmap.add(letter(f"subject {chance.randrange(60)}", more=f"References: <root-{chance.randrange(90)}@{token}.x>\r\n"), [chance.choice(boxes)], receivedAt=f"2020-01-{chance.randrange(1, 29):02}T00:00:00Z")


def test_many_changes_are_told_in_steps(jmap):
    """What is kept of them between the steps leads to the same as all at once, also when the client asks for a step again, or something happens meanwhile."""
    inbox = jmap.mailbox("inbox")
    state = jmap.call("Email/get", ids=[])["state"]
    ids = [jmap.add(letter(f"number {number}"), [inbox]) for number in range(40)]
    jmap.call("Email/set", destroy=ids[:5])
    told, steps, at = [], 0, state
    while True:
        step = jmap.call("Email/changes", sinceState=at, maxChanges=4)
        if steps % 3 == 1:
            assert jmap.call("Email/changes", sinceState=at, maxChanges=4)["created"] == step["created"]
        if steps == 2:
            jmap.call("Email/set", update={ids[7]: {"keywords/$seen": True}, ids[39]: {"keywords/$seen": True}})
            jmap.call("Thread/changes", sinceState="1", maxChanges=3)
        told += step["created"]
        assert not set(step["destroyed"]) & set(ids[5:])
        at, steps = step["newState"], steps + 1
        if not step["hasMoreChanges"]:
            break
    assert sorted(told) == sorted(ids[5:]) and set(step["updated"]) <= set(ids)


# ---- emails: set (§4.6) ----

def test_drafts_are_made(jmap):
    drafts = jmap.mailbox("drafts")
    made = jmap.make({"mailboxIds": {drafts: True}, "keywords": {"$seen": True, "$draft": True}, "from": [{"name": "Joe Bloggs", "email": "joe@example.com"}],
                      "subject": "World domination", "receivedAt": "2018-07-10T01:03:11Z", "sentAt": "2018-07-10T11:03:11+10:00",
                      "bodyStructure": {"type": "text/plain", "partId": "bd48", "header:Content-Language": "en"},
                      "bodyValues": {"bd48": {"value": "I have the most brilliant plan.  Let me tell you all about it.  What we do is, we", "isTruncated": False}}})
    assert set(made) == {"id", "blobId", "threadId", "size"}
    found = jmap.email(made["id"], "keywords", "mailboxIds", "from", "subject", "receivedAt", "sentAt", "bodyValues", "size", "messageId", fetchAllBodyValues=True)
    assert found["keywords"] == {"$seen": True, "$draft": True} and found["mailboxIds"] == {drafts: True} and found["size"] == made["size"] and len(found["messageId"]) == 1
    assert (found["subject"], found["receivedAt"], found["sentAt"]) == ("World domination", "2018-07-10T01:03:11Z", "2018-07-10T11:03:11+10:00")
    raw = jmap.download(made["blobId"])
    assert len(raw) == made["size"] and b"\r\nMIME-Version: 1.0\r\n" in raw and b"\r\nContent-Language:en\r\n" in raw and max(map(len, raw.split(b"\r\n"))) <= 998
    image = jmap.upload(bytes(range(256)) * 40, "image/png")
    made = jmap.make({"mailboxIds": {drafts: True}, "to": [{"name": "Jöhn", "email": "john@example.com"}], "subject": "Größe " * 30, "textBody": [{"partId": "t", "type": "text/plain"}],
                      "htmlBody": [{"partId": "h", "type": "text/html"}], "attachments": [{"blobId": image, "type": "image/png", "name": "grün.png", "disposition": "attachment"}],
                      "bodyValues": {"t": {"value": "tëxt\n" * 100}, "h": {"value": "<p>" + "x" * 3000}}})
    found = jmap.email(made["id"], "to", "subject", "bodyValues", "attachments", "hasAttachment", fetchAllBodyValues=True)
    assert found["to"] == [{"name": "Jöhn", "email": "john@example.com"}] and found["subject"] == "Größe " * 30 and found["hasAttachment"] is True
    assert {one["value"] for one in found["bodyValues"].values()} == {"tëxt\n" * 100, "<p>" + "x" * 3000}
    assert found["attachments"][0]["name"] == "grün.png" and jmap.download(found["attachments"][0]["blobId"]) == bytes(range(256)) * 40
    raw = jmap.download(made["blobId"])
    assert raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= 998


def test_what_no_email_can_be_is_refused(jmap):
    drafts = jmap.mailbox("drafts")
    good = {"mailboxIds": {drafts: True}, "textBody": [{"partId": "1", "type": "text/plain"}], "bodyValues": {"1": {"value": "x"}}}
    for change in ({"mailboxIds": {}}, {"mailboxIds": None}, {"mailboxIds": {"mnone": True}}, {"mailboxIds": {drafts: False}}, {"keywords": {"a b": True}}, {"keywords": {"$seen": False}},
                   {"keywords": ["$seen"]}, {"receivedAt": "now"}, {"headers": []}, {"id": "x"}, {"header:From": "a", "from": []}, {"header:Content-Type": "text/plain"},
                   {"bodyStructure": {"partId": "1"}}, {"textBody": [{"partId": "2"}]}, {"bodyValues": {"1": {"value": "x", "isTruncated": True}}}):
        error = refused(jmap.call("Email/set", create={"x": {**good, **change}}), "notCreated", "x")
        assert error["type"] == "invalidProperties", (change, error)
    error = refused(jmap.call("Email/set", create={"x": {**good, "attachments": [{"blobId": "bnone", "type": "a/b"}]}}), "notCreated", "x")
    assert error["type"] == "blobNotFound" and error["notFound"] == ["bnone"]


def test_emails_are_changed(jmap):
    inbox, archive, trash = jmap.mailbox("inbox"), jmap.mailbox("archive"), jmap.mailbox("trash")
    id = jmap.add(letter(), [inbox], ["a"])

    def patch(values):
        answer = jmap.call("Email/set", update={id: values})
        return answer["notUpdated"][id]["type"] if answer["notUpdated"] else (lambda found: (set(found["keywords"]), set(found["mailboxIds"])))(jmap.email(id, "keywords", "mailboxIds"))
    assert patch({"keywords/$seen": True, "keywords/B": True}) == ({"$seen", "a", "b"}, {inbox})
    assert patch({"keywords/a": None, "keywords/x~1y": True}) == ({"$seen", "b", "x/y"}, {inbox})
    assert patch({"keywords": {"$flagged": True}}) == ({"$flagged"}, {inbox})
    assert patch({f"mailboxIds/{archive}": True}) == ({"$flagged"}, {inbox, archive})
    assert patch({f"mailboxIds/{inbox}": None}) == ({"$flagged"}, {archive})
    assert patch({"mailboxIds": {trash: True}, "keywords": None}) == (set(), {trash})
    for wrong, error in (({f"mailboxIds/{trash}": None}, "invalidProperties"), ({"mailboxIds": {}}, "invalidProperties"), ({"mailboxIds/mnone": True}, "invalidProperties"),
                         ({"keywords/a b": True}, "invalidProperties"), ({"keywords/a": False}, "invalidProperties"), ({"subject": "other"}, "invalidProperties"),
                         ({"keywords": {}, "keywords/a": True}, "invalidPatch"), ({"keywords/a/b": True}, "invalidPatch"), ({"none": 1}, "invalidProperties"), ({"size": 1}, "invalidProperties")):
        assert patch(wrong) == error, wrong
    assert patch({"subject": "hello", "id": id}) == (set(), {trash})
    answer = jmap.call("Email/set", update={"eother": {"keywords": {}}}, destroy=["enone", id])
    assert answer["notUpdated"]["eother"]["type"] == "notFound" and answer["notDestroyed"]["enone"]["type"] == "notFound" and answer["destroyed"] == [id]
    state = jmap.call("Email/get", ids=[])["state"]
    assert jmap.call("Email/set", ifInState=state)["newState"] == state
    with pytest.raises(Refused, match="stateMismatch"):
        jmap.call("Email/set", ifInState="0")


def test_many_keywords_are_too_many(jmap):
    id = jmap.add(letter(), [jmap.mailbox("inbox")])
    error = refused(jmap.call("Email/set", update={id: {"keywords": {f"k{at}": True for at in range(500)}}}), "notUpdated", id)
    assert error["type"] == "tooManyKeywords"
    assert jmap.call("Email/set", update={id: {"keywords": {"x" * 255: True}}})["notUpdated"] is None
    assert refused(jmap.call("Email/set", update={id: {"keywords": {"x" * 256: True}}}), "notUpdated", id)["type"] == "invalidProperties"


# ---- emails: copy, import, parse (§4.7-4.9) ----

def test_there_is_nobody_to_copy_from(jmap):
    with pytest.raises(Refused, match="fromAccountNotFound"):
        jmap.call("Email/copy", fromAccountId="a0000000000000", create={})
    with pytest.raises(Refused, match="invalidArguments"):
        jmap.call("Email/copy", fromAccountId=jmap.account, create={})


def test_messages_are_imported(jmap):
    inbox, state = jmap.mailbox("inbox"), jmap.call("Email/get", ids=[])["state"]
    raw = letter("in", more="Received: from a by b; Tue, 10 Jul 2018 12:00:00 +0000\r\nReceived: from c by d; Mon, 09 Jul 2018 12:00:00 +0000\r\n")
    answer = jmap.call("Email/import", ifInState=state, emails={"a": {"blobId": jmap.upload(raw), "mailboxIds": {inbox: True}, "keywords": {"$Seen": True}}})
    made = answer["created"]["a"]
    assert set(made) == {"id", "blobId", "threadId", "size"} and made["size"] == len(raw) and answer["oldState"] == state and answer["newState"] != state
    found = jmap.email(made["id"], "receivedAt", "keywords")
    assert (found["receivedAt"], found["keywords"]) == ("2018-07-10T12:00:00Z", {"$seen": True})
    with pytest.raises(Refused, match="stateMismatch"):
        jmap.call("Email/import", ifInState=state, emails={})
    blob = jmap.upload(raw)
    for wrong in ({"mailboxIds": {inbox: True}}, {"blobId": "unone", "mailboxIds": {inbox: True}}, {"blobId": blob}, {"blobId": blob, "mailboxIds": {}},
                  {"blobId": blob, "mailboxIds": {inbox: True}, "keywords": {"(": True}}, {"blobId": blob, "mailboxIds": {inbox: True}, "receivedAt": 1}):
        assert refused(jmap.call("Email/import", emails={"x": wrong}), "notCreated", "x")["type"] == "invalidProperties", wrong
    nothing = jmap.call("Email/import", emails={"x": {"blobId": jmap.upload(b"no message at all"), "mailboxIds": {inbox: True}}})
    assert refused(nothing, "notCreated", "x")["type"] == "invalidEmail"
    # RFC 6532
    eai = jmap.add("From: Jösé <jösé@exämple.example>\r\nSubject: Größe\r\n\r\nx\r\n".encode(), [inbox])
    assert jmap.email(eai, "from", "subject") == {"id": eai, "from": [{"name": "Jösé", "email": "jösé@exämple.example"}], "subject": "Größe"}


def test_messages_inside_are_parsed(jmap):
    inner = letter("inside", "The body.\r\n").decode()
    id = jmap.add(letter("outside", "--m\r\n\r\ntext\r\n--m\r\nContent-Type: message/rfc822\r\n\r\n" + inner + "\r\n--m--\r\n", "Content-Type: multipart/mixed; boundary=m\r\n"),
                  [jmap.mailbox("inbox")])
    blob = jmap.email(id, "attachments")["attachments"][0]["blobId"]
    noise = jmap.upload(b"\x00\x01 nothing", "application/octet-stream")
    answer = jmap.call("Email/parse", blobIds=[blob, noise, "bnone"], fetchTextBodyValues=True)
    found = answer["parsed"][blob]
    assert set(found) == {"messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt", "hasAttachment", "preview", "bodyValues", "textBody",
                          "htmlBody", "attachments"}
    assert found["subject"] == "inside" and found["bodyValues"]["1"]["value"] == "The body.\n" and answer["notParsable"] == [noise] and answer["notFound"] == ["bnone"]
    assert jmap.download(found["textBody"][0]["blobId"]) == b"The body.\r\n"
    nothing = jmap.call("Email/parse", blobIds=[blob], properties=["id", "mailboxIds", "keywords", "receivedAt", "threadId", "size", "blobId"])["parsed"][blob]
    assert nothing == {"id": None, "mailboxIds": None, "keywords": None, "receivedAt": None, "threadId": None, "size": len(inner), "blobId": blob}
    with pytest.raises(Refused, match="invalidArguments"):
        jmap.call("Email/parse", blobIds=[blob], properties=["header:From:asDate"])


# ---- snippets (§5) ----

def test_snippets_show_what_was_found(jmap):
    inbox = jmap.mailbox("inbox")
    a = jmap.add(letter("The Foo & <co>", "Nothing here.\r\n"), [inbox])
    b = jmap.add(letter("other", "Once upon a time the foo was found here, and 1 < 2.\r\n"), [inbox])
    answer = jmap.call("SearchSnippet/get", filter={"text": "foo"}, emailIds=[a, b, "enone"])
    found = {one["emailId"]: one for one in answer["list"]}
    assert found[a] == {"emailId": a, "subject": "The <mark>Foo</mark> &amp; &lt;co&gt;", "preview": None} and answer["notFound"] == ["enone"]
    assert found[b]["subject"] is None and "<mark>foo</mark>" in found[b]["preview"] and "&lt;" in found[b]["preview"] and len(found[b]["preview"].encode()) <= 255
    answer = jmap.call("SearchSnippet/get", filter=None, emailIds=[a])
    assert answer["list"] == [{"emailId": a, "subject": None, "preview": None}] and answer["notFound"] is None
    with pytest.raises(Refused, match="unsupportedFilter"):
        jmap.call("SearchSnippet/get", filter={"none": 1}, emailIds=[a])


@pytest.mark.parametrize("text, body, expected", [
    ("conn*", "the house of the connections and of the connected", "the house of the <mark>connections</mark> and of the <mark>connected</mark>"),
    ("co", "the house of the connections and the dog", None),
    ("connect", "this is the list of the connections that were made", "this is the list of the <mark>connections</mark> that were made"),
    ("informacoes", "para que não haja informações a mais na casa", "para que não haja <mark>informações</mark> a mais na casa"),
    ("книга", "это не те книги что я и он на столе", "это не те <mark>книги</mark> что я и он на столе"),
    ("会議", "明日の会議があります", "明日の<mark>会議</mark>があります"), ("会", "明日の会議があります", "明日の<mark>会</mark>議があります"),
    ("会議が", "明日の会議があります", "明日の<mark>会議が</mark>あります"), ('"quick brown"', "brown quick, a quick brown fox", "brown quick, a <mark>quick brown</mark> fox"),
    ("straße", "die STRASSE und der Weg", "die <mark>STRASSE</mark> und der Weg"),
])
def test_snippets_mark_what_was_found(jmap, text, body, expected):
    """Beginnings, other forms of a word, without accents, and in scripts without blanks; what the search finds and what is marked is the same."""
    id = jmap.add(letter("nothing", body + "\r\n", "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"), [jmap.mailbox("inbox")])
    for place in ("text", "body"):
        assert jmap.call("Email/query", filter={place: text})["ids"] == ([id] if expected else [])
        shown = jmap.call("SearchSnippet/get", filter={place: text}, emailIds=[id])["list"][0]["preview"]
        assert (shown.strip() if shown else shown) == expected


# ---- hostile mail, and what belongs to others (ATTACKS) ----

EVERYTHING = {"properties": ["headers", "bodyStructure", "textBody", "htmlBody", "attachments", "hasAttachment", "preview", "bodyValues", "subject", "from", "to", "references",
                             "header:X-A:asText:all", "header:To:asGroupedAddresses"],
              "bodyProperties": ["partId", "blobId", "size", "headers", "name", "type", "charset", "cid", "language", "location"], "fetchAllBodyValues": True, "maxBodyValueBytes": 1000}


@pytest.mark.parametrize("message", [
    "".join(f"Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n" for at in range(10000)) + "\r\nx\r\n",
    "".join("Content-Type: message/rfc822\r\n\r\n" for _ in range(10000)) + "Subject: x\r\n\r\nx\r\n",
    "X-A: =?utf-8?q?=C3=A9?=\r\n" * 300000 + "\r\nx\r\n",
    "To: " + "a@x.example,\r\n " * 200000 + "b@x.example\r\n\r\nx\r\n",
    "Subject: " + "=?utf-8?q?a?=\r\n " * 200000 + "\r\n\r\nx\r\n",
    "References: " + "<a@x>\r\n " * 200000 + "\r\n\r\nx\r\n",
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + "--b\r\nContent-Type: text/html\r\n\r\n<a <a <a\r\n" * 20000 + "--b--\r\n",
    "Content-Type: text/html\r\n\r\n" + "<p style=x" * 500000,
    "Content-Type: text/plain; " + "".join(f"name*{at}*=%41;\r\n " for at in range(20000)) + "x=y\r\n\r\nx\r\n",
], ids=["multiparts", "messages", "headers", "addresses", "words", "references", "parts", "tags", "parameters"])
def test_hostile_messages_are_bounded(jmap, message):
    id = jmap.add(message.encode(), [jmap.mailbox("inbox")])
    begun = time.monotonic()
    found = jmap.email(id, *EVERYTHING["properties"], **{name: value for name, value in EVERYTHING.items() if name != "properties"})
    assert found["id"] == id and len(found["preview"]) <= 256 and time.monotonic() - begun < 20
    jmap.call("Email/parse", blobIds=[jmap.email(id, "blobId")["blobId"]], **EVERYTHING)
    assert jmap.query({"text": "nothing-such"}) == []


def test_filters_are_bounded(jmap):
    deep = {"hasKeyword": "$seen"}
    for _ in range(15):
        deep = {"operator": "NOT", "conditions": [deep]}
    assert jmap.query(deep) == []
    for wrong in ({"operator": "NOT", "conditions": [{"operator": "NOT", "conditions": [deep]}]}, {"operator": "OR", "conditions": [{"text": "a"}] * 40},
                  {"operator": "AND", "conditions": [{"hasKeyword": "a"}] * 5000}):
        with pytest.raises(Refused, match="unsupportedFilter"):
            jmap.query(wrong)
    with pytest.raises(Refused, match="unsupportedSort"):
        jmap.query(None, [{"property": "size"}] * 50)


def test_nothing_of_others_is_told(server, person, jmap):
    other = Jmap(server, "boris")
    id = other.add(letter("secret"), [other.mailbox("archive")])
    found = other.email(id, "blobId", "threadId", "attachments", "textBody")
    blob, part, thread, box = found["blobId"], found["textBody"][0]["blobId"], found["threadId"], other.mailbox("archive")
    assert jmap.email(id) is None and jmap.download(blob) is None and jmap.download(part) is None
    assert jmap.call("Thread/get", ids=[thread])["notFound"] == [thread] and jmap.call("Mailbox/get", ids=[box])["notFound"] == [box]
    assert set(jmap.call("Email/parse", blobIds=[blob, part])["notFound"]) == {blob, part}
    assert jmap.call("SearchSnippet/get", filter={"text": "secret"}, emailIds=[id])["notFound"] == [id]
    assert jmap.query({"inMailbox": box}) == [] and jmap.query({"text": "secret"}) == []
    drafts = jmap.mailbox("drafts")
    error = refused(jmap.call("Email/set", create={"x": {"mailboxIds": {drafts: True}, "attachments": [{"blobId": blob, "type": "message/rfc822"}]}}), "notCreated", "x")
    assert error["type"] == "blobNotFound"
    assert refused(jmap.call("Email/set", create={"x": {"mailboxIds": {box: True}}}), "notCreated", "x")["type"] == "invalidProperties"
    answer = jmap.call("Email/set", update={id: {"keywords": {}}}, destroy=[id])
    assert answer["notUpdated"][id]["type"] in ("notFound", "willDestroy") and answer["notDestroyed"][id]["type"] == "notFound"
    assert refused(jmap.call("Mailbox/set", destroy=[box], onDestroyRemoveEmails=True), "notDestroyed", box)["type"] == "notFound"
    assert refused(jmap.call("Email/import", emails={"x": {"blobId": blob, "mailboxIds": {drafts: True}}}), "notCreated", "x")["type"] == "invalidProperties"
    with pytest.raises(Refused, match="accountNotFound"):
        jmap.call("Email/get", accountId=other.account, ids=[id])
    assert other.email(id, "keywords")["keywords"] == {}
    other.close()


# ---- the example of §4.10 ----

def test_a_screen_is_asked_for_at_once(filled):
    jmap, inbox, other, ids = filled
    answer = jmap.request(
        ("Email/query", {"filter": {"inMailbox": inbox}, "sort": [{"isAscending": False, "property": "receivedAt"}], "collapseThreads": True, "position": 0, "limit": 30,
                         "calculateTotal": True}),
        ("Email/get", {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}, "properties": ["threadId"]}),
        ("Thread/get", {"#ids": {"resultOf": "1", "name": "Email/get", "path": "/list/*/threadId"}}),
        ("Email/get", {"#ids": {"resultOf": "2", "name": "Thread/get", "path": "/list/*/emailIds"},
                       "properties": ["threadId", "mailboxIds", "keywords", "hasAttachment", "from", "subject", "receivedAt", "size", "preview"]}))["methodResponses"]
    assert [one[0] for one in answer] == ["Email/query", "Email/get", "Thread/get", "Email/get"]
    assert answer[0][1]["total"] == 4 and {one["id"] for one in answer[3][1]["list"]} == set(ids) - {ids[2]}
    assert all(len(one) == 10 for one in answer[3][1]["list"])


# ---- clients that nobody here wrote (tests/npm) ----

def test_other_clients_read_and_write(server, person):
    script = ROOT / "tests" / "npm" / "jmap.js"
    url = f"http://{server.address}:{server.ports['http']}/.well-known/jmap"
    done = subprocess.run(["node", script, url, server.name(person), server.password(person)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    jam, ts = seen["jam"], seen["ts"]
    assert len(jam["ids"]) == 1 and jam["email"]["subject"] == "uploaded" and jam["email"]["from"] == [{"name": "Ann", "email": "ann@x.example"}]
    assert jam["email"]["keywords"] == {"$seen": True} and jam["email"]["bodyValues"]["1"]["value"] == "The text.\n" and jam["refused"] == "unsupportedFilter"
    assert jam["file"] == "From: Ann <ann@x.example>\r\nSubject: uploaded\r\n\r\nThe text.\r\n"
    assert ts["found"] == ts["created"] == ts["total"] == 1 and ts["in_box"] is True and ts["email"]["subject"] == "Entwürfe" and ts["email"]["preview"] == "ein Text"
    assert ts["email"]["keywords"] == {"$draft": True, "$flagged": True}


# ---- beside IMAP ----

def test_what_imap_has_deleted_is_not_there(server, person, jmap):
    inbox = jmap.mailbox("inbox")
    id = jmap.add(letter("marked"), [inbox], ["$flagged", "label"])
    state = jmap.call("Email/get", ids=[])["state"]
    with server.imap(person) as imap:
        imap.select("INBOX")
        imap.store("1", "+FLAGS", r"(\Deleted)")
        assert jmap.email(id) is None and jmap.query({"inMailbox": inbox}) == [] and jmap.call("Mailbox/get", ids=[inbox])["list"][0]["totalEmails"] == 0
        assert jmap.call("Email/changes", sinceState=state)["destroyed"] == [id]
        imap.store("1", "-FLAGS", r"(\Deleted)")
        assert jmap.email(id, "keywords")["keywords"] == {"$flagged": True, "label": True} and jmap.query({"inMailbox": inbox}) == [id]
        jmap.call("Email/set", update={id: {"keywords": {"$seen": True, "other": True}}})
        assert set(imap.fetch("1", "(FLAGS)")[1][0].split(b"FLAGS (")[1].rstrip(b")").split()) - {b"\\Recent"} == {b"\\Seen", b"other"}


def test_imap_and_jmap_change_the_same_mailbox(server, person, jmap):
    """For a while both add, mark, move and remove; whatever one is told is legal, and in the end both see the same."""
    box = jmap.make_mailbox("shared")
    stop, wrong, ended = time.monotonic() + 15, [], threading.Barrier(4)

    def run(worker):
        try:
            worker(random.Random(worker.__name__))
        except Exception as error:  # noqa: BLE001
            wrong.append(error)
            ended.abort()

    def by_imap(chance):
        with server.imap(person) as imap:
            imap.select("shared")
            while time.monotonic() < stop:
                action = chance.randrange(5)
                uids = imap.uid("SEARCH", "ALL")[1][0].split()
                if action == 0 or not uids:
                    assert imap.append("shared", None, None, letter(f"Re: s{chance.randrange(5)}"))[0] == "OK"
                elif action == 1:
                    imap.uid("STORE", chance.choice(uids), chance.choice(["+FLAGS", "-FLAGS"]), chance.choice([r"(\Seen)", r"(\Flagged)", "(work)", r"(\Deleted)"]))
                elif action == 2:
                    imap.expunge()
                elif action == 3:
                    imap.uid("COPY", chance.choice(uids), chance.choice(["shared", "Archive"]))
                else:
                    imap.noop()
        ended.wait()

    def by_jmap(chance):
        client, state, known = Jmap(server, person), None, set()
        archive = client.mailbox("archive")
        state = client.call("Email/get", ids=[])["state"]
        known = set(client.query())
        while time.monotonic() < stop:
            ids = client.query({"inMailbox": box})
            found = client.call("Email/get", ids=ids, properties=["mailboxIds", "keywords", "threadId"])["list"]
            for one in found:
                assert one["mailboxIds"] and all(one["mailboxIds"].values()) and one["threadId"] and "$deleted" not in one["keywords"], one
            action = chance.randrange(4)
            if action == 0 or not ids:
                made = client.call("Email/set", create={"e": {"mailboxIds": {box: True}, "subject": f"s{chance.randrange(5)}"}})
                assert made["notCreated"] in (None, {"e": {"type": "notFound"}}), made  # removed by another, before it was told
            elif action == 1:
                client.call("Email/set", update={chance.choice(ids): {f"keywords/{chance.choice(['$seen', 'work', '$answered'])}": chance.choice([True, None])}})
            elif action == 2:
                client.call("Email/set", update={chance.choice(ids): {f"mailboxIds/{archive}": True, f"mailboxIds/{box}": chance.choice([True, None])}})
            else:
                client.call("Email/set", destroy=[chance.choice(ids)])
            while True:
                changes = client.call("Email/changes", sinceState=state, maxChanges=20)
                assert not set(changes["created"]) & set(changes["destroyed"])
                known = (known | set(changes["created"]) | set(changes["updated"])) - set(changes["destroyed"])
                state = changes["newState"]
                if not changes["hasMoreChanges"]:
                    break
        ended.wait() # nobody changes anything any more
        changes = client.call("Email/changes", sinceState=state)
        known = (known | set(changes["created"]) | set(changes["updated"])) - set(changes["destroyed"])
        assert known == set(client.query(limit=1000)), "the changes don't lead to what is there"
        client.close()

    threads = [threading.Thread(target=run, args=(worker,)) for worker in (by_imap, by_jmap, by_imap, by_jmap)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    with server.imap(person) as imap:
        imap.select("shared")
        shown = imap.uid("SEARCH", "UNDELETED")[1][0].split()
        unseen = imap.uid("SEARCH", "UNDELETED UNSEEN UNDRAFT")[1][0].split()
    counts = jmap.call("Mailbox/get", ids=[box])["list"][0]
    assert counts["totalEmails"] == len(jmap.query({"inMailbox": box}, limit=1000)) <= len(shown)
    assert counts["unreadEmails"] <= len(unseen)
