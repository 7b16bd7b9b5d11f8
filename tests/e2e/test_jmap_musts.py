"""What RFC 8620 and 8621 say that a server must do, sentence by sentence, where no other test looks at it: each test names the sections that it reads."""
import base64
import json
import random
import socket

import pytest

from jmap import CORE, MAIL, Jmap, Refused
from pombal import DEADLINE, PASSWORDS
from web import Browser, WebSocket, wait_until_announced

SUBMISSION, VACATION, BLOB, QUOTA = (f"urn:ietf:params:jmap:{one}" for one in ("submission", "vacationresponse", "blob", "quota"))
USING = (CORE, MAIL, SUBMISSION, VACATION, BLOB, QUOTA)


@pytest.fixture
def person(server, token):
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


@pytest.fixture
def jmap(server, person):
    client = Jmap(server, person, using=USING)
    yield client
    client.close()


def letter(subject="hello", more="", body="A line.\r\n"):
    return f"From: Ann <ann@x.example>\r\nTo: bob@y.example\r\nSubject: {subject}\r\nMessage-ID: <{random.getrandbits(64):x}@x.example>\r\n{more}\r\n{body}".encode()


def post(jmap, body, kind="application/json"):
    status, headers, text = jmap.ask("POST", "/jmap/api", body if isinstance(body, bytes) else json.dumps(body), Content_Type=kind)
    return status, headers, json.loads(text)


def problem(jmap, body, kind="application/json"):
    """The kind of problem that a request as a whole is refused with."""
    status, headers, told = post(jmap, body, kind)
    assert status == 400 == told["status"] and headers["Content-Type"] == "application/problem+json" and told["detail"], told
    return told["type"].removeprefix("urn:ietf:params:jmap:error:"), told.get("limit")


def fails(jmap, name, **arguments):
    with pytest.raises(Refused) as error:
        jmap.call(name, **arguments)
    return error.value.type


def set_error(answer, what, key):
    error = (answer[what] or {})[key]
    return error["type"], error.get("properties")


# ---- RFC 8620 §2: the session ----

def test_session(jmap):
    session, core = jmap.session, jmap.session["capabilities"][CORE]
    assert all(core[name] >= least for name, least in {"maxConcurrentUpload": 4, "maxSizeRequest": 10_000_000, "maxConcurrentRequests": 4, "maxCallsInRequest": 16,
                                                       "maxObjectsInGet": 500, "maxObjectsInSet": 500}.items())
    assert core["maxSizeUpload"] > 0 and core["collationAlgorithms"]
    account = session["accounts"][jmap.account]
    assert account["isPersonal"] is True and account["isReadOnly"] is False and account["name"] == session["username"]
    assert CORE not in session["primaryAccounts"] and set(session["primaryAccounts"]) <= set(account["accountCapabilities"]) <= set(session["capabilities"])
    mail = account["accountCapabilities"][MAIL]
    assert mail["maxSizeMailboxName"] >= 100 and mail["maxMailboxesPerEmail"] >= 1 and {"receivedAt"} <= set(mail["emailQuerySortOptions"]) and mail["mayCreateTopLevelMailbox"] is True
    assert session["capabilities"][MAIL] == session["capabilities"][SUBMISSION] == session["capabilities"][VACATION] == {}
    assert {"maxDelayedSend", "submissionExtensions"} == set(account["accountCapabilities"][SUBMISSION]) and account["accountCapabilities"][VACATION] == {}
    for name, variables in {"downloadUrl": ("accountId", "blobId", "type", "name"), "uploadUrl": ("accountId",), "eventSourceUrl": ("types", "closeafter", "ping")}.items():
        assert all("{" + variable + "}" in session[name] for variable in variables)
    status, headers, _ = jmap.ask("GET", "/.well-known/jmap")
    assert status == 200 and "no-store" in headers["Cache-Control"] and headers["Content-Type"] == "application/json"
    assert jmap.request(("Core/echo", {}))["sessionState"] == session["state"]


# ---- RFC 8620 §1.5, §3.3, §3.6.1: requests as a whole ----

@pytest.mark.parametrize("body,kind", [
    (b"", "notJSON"), (b"{", "notJSON"), (b'{"using":[],"using":[],"methodCalls":[]}', "notJSON"), (b'{"using":["\\ud800"],"methodCalls":[]}', "notJSON"),
    (b'{"using":[],"methodCalls":[["Core/echo",{"a":"\\uffff"},"0"]]}', "notJSON"), (b'{"using":[],"methodCalls":[["Core/echo",{"a":"\xff"},"0"]]}', "notJSON"),
    (b'{"using":[],"methodCalls":[["Core/echo",{"\\ud83f\\udffe":0},"0"]]}', "notJSON"), (b'{"using":[],"methodCalls":[["Core/echo",{"a\\u0000":0},"0"]]}', "notRequest"),
    (b'"x"', "notJSON|notRequest"), (b"null", "notJSON|notRequest"), (b"[]", "notRequest"), (b"{}", "notRequest"), (b'{"using":[]}', "notRequest"), (b'{"methodCalls":[]}', "notRequest"),
    (b'{"using":{},"methodCalls":[]}', "notRequest"), (b'{"using":[1],"methodCalls":[]}', "notRequest"), (b'{"using":[],"methodCalls":{}}', "notRequest"),
    (b'{"using":[],"methodCalls":[[]]}', "notRequest"), (b'{"using":[],"methodCalls":[["Core/echo",{}]]}', "notRequest"), (b'{"using":[],"methodCalls":[["Core/echo",[],"0"]]}', "notRequest"),
    (b'{"using":[],"methodCalls":[["Core/echo",{},0]]}', "notRequest"), (b'{"using":[],"methodCalls":[[1,{},"0"]]}', "notRequest"), (b'{"using":[],"methodCalls":[{}]}', "notRequest"),
    (b'{"using":[],"methodCalls":[],"createdIds":[]}', "notRequest"), (b'{"using":[],"methodCalls":[],"createdIds":{"a":1}}', "notRequest"),
    (b'{"using":["urn:none"],"methodCalls":[]}', "unknownCapability"), (b'{"using":["urn:ietf:params:jmap:core","https://x.example/y"],"methodCalls":[]}', "unknownCapability")])
def test_what_is_no_request(jmap, body, kind):
    assert problem(jmap, body)[0] in kind.split("|")


def test_requests(jmap):
    assert problem(jmap, b'{"using":[],"methodCalls":[]}', "text/plain")[0] == "notJSON"
    most = jmap.session["capabilities"][CORE]["maxCallsInRequest"]
    assert problem(jmap, {"using": [CORE], "methodCalls": [["Core/echo", {}, "0"]] * (most + 1)}) == ("limit", "maxCallsInRequest")
    assert len(post(jmap, {"using": [CORE], "methodCalls": [["Core/echo", {}, "0"]] * most})[2]["methodResponses"]) == most
    status, headers, told = post(jmap, {"using": [CORE], "methodCalls": [["Core/echo", {"a": "x\0y", "b": [None, 1.5, True]}, "c\0"]], "more": "ignored"}, "application/json; charset=utf-8")
    assert status == 200 and headers["Content-Type"].startswith("application/json") and told["methodResponses"] == [["Core/echo", {"a": "x\0y", "b": [None, 1.5, True]}, "c\0"]]
    assert "createdIds" not in told and isinstance(told["sessionState"], str)
    told = post(jmap, {"using": [CORE], "methodCalls": [], "createdIds": {"a": "b"}})[2]
    assert told["methodResponses"] == [] and told["createdIds"] == {"a": "b"}
    assert post(jmap, {"using": [], "methodCalls": []})[0] == 200
    status, _, body = jmap.ask("GET", "/jmap/api")
    assert status in (404, 405)


def test_methods(jmap):
    """§3.6.2: what is wrong with one call is the answer to that call, and others go on; methods are those of the capabilities that are used."""
    answers = jmap.request(("None/get", {}), ("Core/echo", {}), ("Mailbox/get", {"accountId": "anone"}), ("Mailbox/get", {"accountId": 1}), ("Mailbox/get", {"nothing": 1}),
                           ("Mailbox/get", {"ids": "x"}), ("Mailbox/get", {"ids": [1]}), ("mailbox/get", {}), ("Core/echo", {}, "last"))["methodResponses"]
    assert [answer[1].get("type") for answer in answers] == ["unknownMethod", None, "accountNotFound", "invalidArguments", "invalidArguments", "invalidArguments", "invalidArguments",
                                                             "unknownMethod", None]
    assert [answer[2] for answer in answers] == [*map(str, range(8)), "last"]
    assert jmap.request(("Mailbox/get", {"ids": []}), using=[CORE])["methodResponses"][0][1]["type"] == "unknownMethod"
    told = post(jmap, {"using": [CORE, MAIL], "methodCalls": [["Mailbox/get", {"ids": []}, "0"]]})[2]
    assert told["methodResponses"][0][1]["type"] == "invalidArguments", "accountId is missing"


def test_nul_is_no_text_of_ours(jmap):
    inbox = jmap.mailbox("inbox")
    assert fails(jmap, "Mailbox/get", ids=["m\0"]) == fails(jmap, "Email/query", filter={"text": "a\0"}) == "invalidArguments"
    answer = jmap.call("Mailbox/set", create={"a": {"name": "x\0y"}, "b": {"name": "fine"}}, update={inbox: {"name": "\0"}})
    assert set_error(answer, "notCreated", "a") == ("invalidProperties", ["name"]) == set_error(answer, "notUpdated", inbox) and list(answer["created"]) == ["b"]
    answer = jmap.call("Email/set", create={"a": {"mailboxIds": {inbox: True}, "subject": "\0", "textBody": [{"partId": "1"}], "bodyValues": {"1": {"value": "\0"}}}})
    assert answer["notCreated"]["a"]["type"] == "invalidProperties" and set(answer["notCreated"]["a"]["properties"]) == {"subject", "bodyValues"}
    id = jmap.add(letter("a\0b", more="X-Other: =?utf-8?q?=00=EF=BF=BF?=z\r\n", body="x\0y\uffff\r\n"), [inbox])
    found = jmap.email(id, "subject", "headers", "header:Subject", "header:X-Other:asText", "bodyValues", "preview", fetchAllBodyValues=True)
    assert "\0" not in json.dumps(found) and "\\u0000" not in json.dumps(found) and "\\uffff" not in json.dumps(found)


# ---- RFC 8620 §3.7, §5.3: references ----

def test_references(jmap):
    echo = ("Core/echo", {"list": [{"id": 1, "parts": [{"id": "a"}, {"id": "b"}]}, {"id": 2, "parts": []}], "a/b": {"~": "t"}}, "0")

    def refer(path, of="0", name="Core/echo"):
        answer = jmap.request(echo, ("Core/echo", {"#x": {"resultOf": of, "name": name, "path": path}}))["methodResponses"][1]
        return answer[1]["x"] if answer[0] != "error" else answer[1]["type"]
    assert (refer("/list/*/id"), refer("/list/*/parts/*/id"), refer("/list/1/id"), refer("/a~1b/~0"), refer("/list/0")["id"]) == ([1, 2], ["a", "b"], 2, "t", 1)
    for wrong in ({"path": "/none"}, {"path": "/list/2"}, {"path": "/list/-"}, {"path": "list"}, {"path": "/list/01/id"}, {"path": "/list/*/none"}, {"path": "/list", "of": "9"},
                  {"path": "/list", "name": "Core/other"}, {"path": "/a~2b"}):
        assert refer(**wrong) == "invalidResultReference", wrong
    both = {"ids": [], "#ids": {"resultOf": "0", "name": "Core/echo", "path": "/list"}}
    assert jmap.request(echo, ("Mailbox/get", both))["methodResponses"][1][1]["type"] == "invalidArguments"
    # §3.7: a result that is an error is none of the method's name
    answer = jmap.request(("Email/query", {"filter": {"none": 1}}), ("Email/get", {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}}))["methodResponses"]
    assert answer[0][1]["type"] == "unsupportedFilter" and answer[1][1]["type"] == "invalidResultReference"


def test_creation_ids_hold_across_calls(jmap):
    """§5.3: in mailboxIds, parentId, Email/import, identityId and emailId; and in what the client has given as createdIds."""
    blob = jmap.upload(letter())
    answers = jmap.request(
        ("Mailbox/set", {"create": {"low": {"name": "low", "parentId": "#high"}, "high": {"name": "high"}}}),
        ("Email/import", {"emails": {"mail": {"blobId": blob, "mailboxIds": {"#low": True}}}}),
        ("Email/set", {"update": {"#mail": {"mailboxIds/#high": True, "mailboxIds/#low": None}}}),
        ("Email/get", {"ids": ["#mail"], "properties": ["mailboxIds"]}),
        ("Email/query", {"filter": {"inMailbox": "#high"}}),
        ("Mailbox/set", {"destroy": ["#low"]}))["methodResponses"]
    made = {key: one["id"] for key, one in answers[0][1]["created"].items()}
    assert answers[3][1]["list"][0]["mailboxIds"] == {made["high"]: True} and answers[4][1]["ids"] == [answers[1][1]["created"]["mail"]["id"]] and answers[5][1]["destroyed"] == [made["low"]]
    told = post(jmap, {"using": [CORE, MAIL], "createdIds": {"given": made["high"]}, "methodCalls": [
        ["Mailbox/set", {"accountId": jmap.account, "create": {"k": {"name": "below", "parentId": "#given"}, "lost": {"name": "x", "parentId": "#nobody"}}}, "0"]]})[2]
    answer = told["methodResponses"][0][1]
    assert set_error(answer, "notCreated", "lost") == ("invalidProperties", ["parentId"]) and told["createdIds"] == {"given": made["high"], "k": answer["created"]["k"]["id"]}


# ---- RFC 8620 §5.1, §5.2: /get, /changes ----

@pytest.mark.parametrize("name", ["Mailbox", "Thread", "Email", "Identity", "EmailSubmission", "Quota"])
def test_get_and_changes(jmap, name):
    answer = jmap.call(f"{name}/get", ids=[])
    assert answer["list"] == answer["notFound"] == [] and isinstance(answer["state"], str) and answer["accountId"] == jmap.account
    assert jmap.call(f"{name}/get", ids=["none", "none"])["notFound"] == ["none"], "each once"
    most = jmap.session["capabilities"][CORE]["maxObjectsInGet"]
    assert fails(jmap, f"{name}/get", ids=[f"x{at}" for at in range(most + 1)]) == "requestTooLarge"
    assert fails(jmap, f"{name}/get", ids=[], properties=["none"]) == fails(jmap, f"{name}/get", ids=[], properties="id") == "invalidArguments"
    changes = jmap.call(f"{name}/changes", sinceState=answer["state"])
    assert (changes["oldState"], changes["newState"], changes["hasMoreChanges"]) == (answer["state"], answer["state"], False)
    assert changes["created"] == changes["updated"] == changes["destroyed"] == []
    assert fails(jmap, f"{name}/changes", sinceState="of nobody") == "cannotCalculateChanges"
    for most in (0, -1, "1"):
        assert fails(jmap, f"{name}/changes", sinceState=answer["state"], maxChanges=most) == "invalidArguments"
    assert fails(jmap, f"{name}/changes") == fails(jmap, f"{name}/changes", sinceState=1) == "invalidArguments"


def test_changes_come_in_steps(jmap):
    """§5.2: each step has as many ids as may be, and the last state is the newest; what was made and is gone again needn't be told."""
    state = jmap.call("Mailbox/get", ids=[])["state"]
    made = jmap.call("Mailbox/set", create={f"c{at}": {"name": f"box {at}"} for at in range(7)})["created"]
    jmap.call("Mailbox/set", destroy=[made["c0"]["id"]])
    told, at = set(), state
    while True:
        changes = jmap.call("Mailbox/changes", sinceState=at, maxChanges=2)
        assert len(changes["created"]) + len(changes["updated"]) + len(changes["destroyed"]) <= 2 and changes["oldState"] == at
        told |= set(changes["created"])
        at = changes["newState"]
        if not changes["hasMoreChanges"]:
            break
    assert told == {one["id"] for key, one in made.items() if key != "c0"} and at == jmap.call("Mailbox/get", ids=[])["state"]


def test_updated_properties_of_mailboxes(jmap):
    """RFC 8621 §2.2: counts alone, or null."""
    inbox, state = jmap.mailbox("inbox"), jmap.call("Mailbox/get", ids=[])["state"]
    jmap.add(letter(), [inbox])
    changes = jmap.call("Mailbox/changes", sinceState=state)
    assert changes["updated"] == [inbox] and set(changes["updatedProperties"]) <= {"totalEmails", "unreadEmails", "totalThreads", "unreadThreads"}
    answers = jmap.request(("Mailbox/changes", {"sinceState": state}, "0"), ("Mailbox/get", {"#ids": {"resultOf": "0", "name": "Mailbox/changes", "path": "/updated"},
                           "#properties": {"resultOf": "0", "name": "Mailbox/changes", "path": "/updatedProperties"}}, "1"))["methodResponses"]
    assert answers[1][1]["list"][0]["totalEmails"] == 1
    jmap.call("Mailbox/set", update={inbox: {"sortOrder": 99}})
    assert jmap.call("Mailbox/changes", sinceState=state)["updatedProperties"] is None


# ---- RFC 8620 §5.3: /set ----

def test_set(jmap):
    state = jmap.call("Mailbox/get", ids=[])["state"]
    answer = jmap.call("Mailbox/set")
    assert answer["oldState"] == answer["newState"] == state and all(answer[name] is None for name in ("created", "updated", "destroyed", "notCreated", "notUpdated", "notDestroyed"))
    most = jmap.session["capabilities"][CORE]["maxObjectsInSet"]
    assert fails(jmap, "Mailbox/set", destroy=[f"m{at}" for at in range(most + 1)]) == "requestTooLarge"
    assert fails(jmap, "Mailbox/set", ifInState="other", create={"a": {"name": "a"}}) == "stateMismatch"
    for wrong in ({"create": []}, {"create": {"a": 1}}, {"update": {"a": None}}, {"destroy": "x"}, {"destroy": [1]}, {"ifInState": 1}, {"unknown": 1}, {"create": {"a b": {"name": "x"}}}):
        assert fails(jmap, "Mailbox/set", **wrong) == "invalidArguments", wrong
    answer = jmap.call("Mailbox/set", create={"a": {"name": "set"}})
    box = answer["created"]["a"]
    assert set(box) == {"id", "parentId", "role", "sortOrder", "totalEmails", "unreadEmails", "totalThreads", "unreadThreads", "myRights", "isSubscribed"}
    answer = jmap.call("Mailbox/set", update={box["id"]: {"name": "other"}, "mnone": {"name": "x"}}, destroy=["mnone", box["id"]])
    assert set_error(answer, "notUpdated", box["id"])[0] == "willDestroy" and set_error(answer, "notUpdated", "mnone")[0] in ("notFound", "willDestroy")
    assert set_error(answer, "notDestroyed", "mnone")[0] == "notFound" and answer["destroyed"] == [box["id"]] and answer["updated"] is None


def test_patches(jmap):
    """§5.3: pointers, and what may not be said."""
    inbox = jmap.mailbox("inbox")
    id = jmap.add(letter(), [inbox], ["$seen"])

    def patch(name, of, values):
        answer = jmap.call(f"{name}/set", update={of: values})
        return answer["notUpdated"][of]["type"] if answer["notUpdated"] else None
    assert patch("Email", id, {"keywords/$seen": None, "keywords/a~1b": True}) is None and jmap.email(id, "keywords")["keywords"] == {"a/b": True}
    for wrong in ({"keywords/a/b": True}, {"from/0/name": "x"}, {"none/at/all": 1}, {"/keywords/x": True}, {"keywords": {}, "keywords/x": True}, {"keywords/x~2": True}, {"subject/x": 1},
                  {"mailboxIds/" + inbox + "/x": True}):
        assert patch("Email", id, wrong) == "invalidPatch", wrong
    for wrong in ({"id": "e1"}, {"blobId": "b1"}, {"threadId": "t1"}, {"size": 0}, {"receivedAt": "2020-01-01T00:00:00Z"}, {"subject": "x"}, {"none": 1}, {"keywords/x": 1}, {"keywords/x": False},
                  {"keywords": {"x": False}}, {"mailboxIds": {}}, {"mailboxIds": None}, {"mailboxIds/" + inbox: None}, {"header:X": "y"}, {"preview": "p"}, {"bodyStructure": {}}):
        assert patch("Email", id, wrong) == "invalidProperties", wrong
    whole = jmap.email(id)
    assert patch("Email", id, {key: value for key, value in whole.items() if key in ("id", "blobId", "threadId", "size", "receivedAt", "keywords", "mailboxIds", "subject", "from")}) is None
    box = jmap.make_mailbox("patched")
    for wrong, error in (({"myRights/mayDelete": False}, "invalidProperties"), ({"none/x": 1}, "invalidPatch"), ({"totalEmails": 5}, "invalidProperties"), ({"id": "m1"}, "invalidProperties"),
                         ({"name": None}, "invalidProperties"), ({"role": "none"}, "invalidProperties"), ({"sortOrder": -1}, "invalidProperties"), ({"isSubscribed": 1}, "invalidProperties"),
                         ({"parentId": box}, "invalidProperties"), ({"parentId": "mnone"}, "invalidProperties")):
        assert patch("Mailbox", box, wrong) == error, wrong
    assert patch("Mailbox", box, jmap.call("Mailbox/get", ids=[box])["list"][0]) is None, "a whole object may come back"


# ---- RFC 8620 §5.5, §5.6: /query ----

@pytest.fixture
def sorted_boxes(jmap):
    made = jmap.call("Mailbox/set", create={name: {"name": f"q {name}", "sortOrder": at} for at, name in enumerate("abcdefgh")})["created"]
    return [made[name]["id"] for name in "abcdefgh"]


def test_windows(jmap, sorted_boxes):
    common = {"filter": {"name": "q "}, "sort": [{"property": "sortOrder"}]}

    def query(**more):
        return jmap.call("Mailbox/query", **common, **more)
    answer = query(calculateTotal=True)
    assert answer["ids"] == sorted_boxes and answer["total"] == 8 and answer["position"] == 0 and isinstance(answer["canCalculateChanges"], bool) and answer["queryState"]
    assert "total" not in query()
    a, b, c, d, e, f, g, h = sorted_boxes
    for arguments, ids, position in (({"position": 2, "limit": 2}, [c, d], 2), ({"position": -2}, [g, h], 6), ({"position": -20, "limit": 1}, [a], 0), ({"position": 8}, [], 8), ({"limit": 0}, [], 0),
                                     ({"anchor": d}, [d, e, f, g, h], 3), ({"anchor": d, "anchorOffset": -1, "limit": 2}, [c, d], 2), ({"anchor": d, "anchorOffset": 1, "limit": 1}, [e], 4),
                                     ({"anchor": b, "anchorOffset": -9, "limit": 1}, [a], 0), ({"anchor": c, "position": 7, "limit": 1}, [c], 2), ({"anchorOffset": 5, "limit": 1}, [a], 0),
                                     ({"sort": [{"property": "sortOrder", "isAscending": False}], "limit": 1}, [h], 0)):
        answer = jmap.call("Mailbox/query", **{**common, **arguments})
        assert (answer["ids"], answer["position"] if ids else None) == (ids, position if ids else None), arguments
    assert fails(jmap, "Mailbox/query", **common, anchor="mnone") == "anchorNotFound"
    assert fails(jmap, "Mailbox/query", **common, limit=-1) == fails(jmap, "Mailbox/query", position="1") == fails(jmap, "Mailbox/query", filter=[]) == "invalidArguments"
    answer = query(limit=10 ** 9)
    assert answer["limit"] <= 10 ** 9 and "limit" not in query(limit=3)


def test_filters_and_sorts_that_arent(jmap):
    for name in ("Mailbox", "Email", "EmailSubmission"):
        assert fails(jmap, f"{name}/query", filter={"none": 1}) == "unsupportedFilter"
        assert fails(jmap, f"{name}/query", sort=[{"property": "none"}]) == "unsupportedSort"
        assert fails(jmap, f"{name}/query", sort=[{"isAscending": True}]) == "invalidArguments"
        assert fails(jmap, f"{name}/query", filter={"operator": "XOR", "conditions": []}) in ("invalidArguments", "unsupportedFilter")
        assert jmap.call(f"{name}/query", filter=None, sort=None)["ids"] is not None and jmap.call(f"{name}/query", filter={}, sort=[])["ids"] is not None
        assert fails(jmap, f"{name}/queryChanges", sinceQueryState="none") == "cannotCalculateChanges"
        assert fails(jmap, f"{name}/queryChanges") == "invalidArguments"
    assert fails(jmap, "Email/query", sort=[{"property": "subject", "collation": "i;none"}]) == "unsupportedSort"
    assert fails(jmap, "Email/query", sort=[{"property": "hasKeyword"}]) in ("invalidArguments", "unsupportedSort")
    assert jmap.call("Email/query", filter={"operator": "NOT", "conditions": [{"operator": "OR", "conditions": [{"hasKeyword": "x"}, {"minSize": 10 ** 9}]}]})["ids"] == []


def test_collations(jmap):
    """§5.5: by i;ascii-casemap what isn't ASCII is as it is; else case counts nowhere."""
    names = ["ä 1", "Ä 2", "B", "a", "_"]
    made = jmap.call("Mailbox/set", create={f"c{at}": {"name": f"k {name}"} for at, name in enumerate(names)})["created"]
    shown = {one["id"]: name for one, name in zip(made.values(), (names[int(key[1:])] for key in made))}

    def order(**by):
        return [shown[id] for id in jmap.call("Mailbox/query", filter={"name": "k "}, sort=[{"property": "name", **by}])["ids"]]
    assert order(collation="i;ascii-casemap") == ["a", "B", "_", "Ä 2", "ä 1"]
    assert order().index("ä 1") + 1 == order().index("Ä 2")


def test_query_changes(jmap, sorted_boxes):
    common = {"filter": {"name": "q "}, "sort": [{"property": "sortOrder"}]}
    before = jmap.call("Mailbox/query", **common)
    jmap.call("Mailbox/set", create={"x": {"name": "q x", "sortOrder": 3}}, update={sorted_boxes[0]: {"sortOrder": 100}}, destroy=[sorted_boxes[5]])
    after = jmap.call("Mailbox/query", **common)
    changes = jmap.call("Mailbox/queryChanges", **common, sinceQueryState=before["queryState"], calculateTotal=True)
    assert changes["oldQueryState"] == before["queryState"] and changes["newQueryState"] == after["queryState"] and changes["total"] == 8
    assert [one["index"] for one in changes["added"]] == sorted(one["index"] for one in changes["added"])
    ids = [id for id in before["ids"] if id not in changes["removed"]]
    for one in changes["added"]:
        ids.insert(one["index"], one["id"])
    assert ids == after["ids"]
    assert fails(jmap, "Mailbox/queryChanges", **common, sinceQueryState=before["queryState"], maxChanges=1) == "tooManyChanges"
    same = jmap.call("Mailbox/queryChanges", **common, sinceQueryState=after["queryState"], upToId=sorted_boxes[1])
    assert same["removed"] == same["added"] == [] and "total" not in same


# ---- RFC 8620 §6: binary data ----

def test_blobs(jmap):
    path = "/" + jmap.session["uploadUrl"].split("/", 3)[3]
    status, headers, body = jmap.ask("POST", path.replace("{accountId}", jmap.account), b"abc", Content_Type="text/x-own; charset=utf-8")
    told = json.loads(body)
    assert status in (200, 201) and headers["Content-Type"] == "application/json" and set(told) == {"accountId", "blobId", "type", "size"}
    assert (told["accountId"], told["type"], told["size"]) == (jmap.account, "text/x-own; charset=utf-8", 3)
    assert jmap.ask("POST", path.replace("{accountId}", "anone"), b"abc", Content_Type="text/plain")[0] == 404
    empty = jmap.upload(b"", "text/plain")
    assert jmap.download(empty) == b"" and jmap.download("unone") is None
    down = "/" + jmap.session["downloadUrl"].split("/", 3)[3].replace("{accountId}", jmap.account).replace("{blobId}", told["blobId"])
    status, headers, body = jmap.ask("GET", down.replace("{type}", "image/png").replace("{name}", "a%20%C3%A4%22.txt"))
    assert (status, body, headers["Content-Type"]) == (200, b"abc", "image/png")
    assert "filename*=UTF-8''a%20%C3%A4%22.txt" in headers["Content-Disposition"] and "immutable" in headers["Cache-Control"] and "private" in headers["Cache-Control"]
    assert jmap.ask("GET", down.replace(jmap.account, "anone").replace("{type}", "a/b").replace("{name}", "x"))[0] == 404


def test_blob_methods(jmap):
    """RFC 9404, and /copy."""
    answer = jmap.call("Blob/upload", create={"a": {"data": [{"data:asText": "one "}, {"data:asBase64": base64.b64encode(b"two").decode()}], "type": "text/plain"},
                                              "b": {"data": [{"data:asText": "x", "data:asBase64": "eA=="}]}, "c": {"data": [{"blobId": "unone"}]}, "d": {}})
    id = answer["created"]["a"]["id"]
    assert answer["created"]["a"] == {"id": id, "type": "text/plain", "size": 7} and {key: one["type"] for key, one in answer["notCreated"].items()} == {
        "b": "invalidProperties", "c": "blobNotFound", "d": "invalidProperties"}
    answer = jmap.call("Blob/get", ids=[id, "unone"], properties=["data:asText", "digest:sha-256", "size"], offset=4, length=10)
    one = answer["list"][0]
    assert one["data:asText"] == "two" and one["size"] == 7 and one["isTruncated"] is True and answer["notFound"] == ["unone"]
    answers = jmap.request(("Blob/upload", {"create": {"k": {"data": [{"data:asText": "three"}]}}}), ("Blob/get", {"ids": ["#k"]}))["methodResponses"]
    assert answers[1][1]["list"][0]["data:asText"] == "three"
    assert fails(jmap, "Blob/lookup", typeNames=["None"], ids=[id]) == "unknownDataType"
    assert jmap.call("Blob/lookup", typeNames=["Email"], ids=[id, "unone"])["notFound"] == ["unone"]
    for method, more in (("Blob/copy", {"blobIds": [id]}), ("Email/copy", {"create": {}})):
        assert fails(jmap, method, fromAccountId="anone", **more) == "fromAccountNotFound" and fails(jmap, method, fromAccountId=jmap.account, **more) == "invalidArguments"
        assert fails(jmap, method, fromAccountId="anone", accountId="anone", **more) == "accountNotFound" and fails(jmap, method, **more) == "invalidArguments"
        assert fails(jmap, method, fromAccountId="anone", none=1, **more) == "invalidArguments"


# ---- RFC 8621 §2: mailboxes ----

def test_roles_and_rights(jmap):
    boxes = {one["role"]: one for one in jmap.mailboxes() if one["role"]}
    assert len([one for one in jmap.mailboxes() if one["role"]]) == len(boxes), "each role once"
    answer = jmap.call("Mailbox/set", create={"a": {"name": "a", "role": "drafts"}, "b": {"name": "b", "role": "nonsense"}, "c": {"name": "c", "role": "inbox"}, "d": {"name": ""}, "e": {},
                                              "f": {"name": "f", "totalEmails": 5}, "g": {"name": "g", "none": 1}, "h": {"name": "x" * 2000}, "i": {"name": "a\u0007b"}})
    assert answer["created"] is None
    assert {key: set_error(answer, "notCreated", key) for key in "abcdefghi"} == {key: ("invalidProperties", [name]) for key, name in zip("abcdefghi", (
        "role", "role", "role", "name", "name", "totalEmails", "none", "name", "name"))}
    made = jmap.call("Mailbox/set", create={"x": {"name": "same"}, "y": {"name": "same"}, "z": {"name": "SAME"}})
    assert len(made["created"]) == 2 and len(made["notCreated"]) == 1 and {one["properties"][0] for one in made["notCreated"].values()} == {"name"}
    # §5.3: what is right in the end is right: a role is handed on, whatever comes first
    trash, other = boxes["trash"]["id"], made["created"].popitem()[1]["id"]
    for giver, taker in ((trash, other), (other, trash)):
        for order in ((giver, taker), (taker, giver)):
            answer = jmap.call("Mailbox/set", update={id: {"role": None if id == giver else "trash"} for id in order})
            if answer["notUpdated"] is None:
                giver, taker = taker, giver
            assert answer["notUpdated"] is None, (order, answer)
    assert jmap.call("Mailbox/set", update={jmap.mailbox("inbox"): {"name": "Other"}})["notUpdated"]


def test_destroying_mailboxes(jmap):
    outer = jmap.make_mailbox("outer")
    inner = jmap.make_mailbox("inner", parentId=outer)
    other = jmap.make_mailbox("other")
    both, only = jmap.add(letter("both"), [outer, other]), jmap.add(letter("only"), [outer])
    assert jmap.call("Mailbox/set", destroy=[outer])["notDestroyed"][outer]["type"] == "mailboxHasChild"
    assert jmap.call("Mailbox/set", destroy=[inner])["destroyed"] == [inner]
    assert jmap.call("Mailbox/set", destroy=[outer])["notDestroyed"][outer]["type"] == "mailboxHasEmail"
    assert jmap.call("Mailbox/set", destroy=[outer], onDestroyRemoveEmails=True)["destroyed"] == [outer]
    assert jmap.email(only, "id") is None and jmap.email(both, "mailboxIds")["mailboxIds"] == {other: True}
    assert fails(jmap, "Mailbox/set", destroy=[other], onDestroyRemoveEmails="yes") == "invalidArguments"


# ---- RFC 8621 §3: threads ----

def test_threads_are_by_date(jmap):
    inbox, first = jmap.mailbox("inbox"), f"{random.getrandbits(64):x}@x.example"
    ids = {}
    for at, day in enumerate((3, 1, 2)):
        raw = letter("Re: t" if at else "t", f"In-Reply-To: <{first}>\r\nReferences: <{first}>\r\n")
        ids[day] = jmap.add(raw, [inbox], receivedAt=f"2020-01-0{day}T00:00:00Z")
    thread = jmap.email(ids[1], "threadId")["threadId"]
    answer = jmap.call("Thread/get", ids=[thread, "tnone"])
    assert answer["list"] == [{"id": thread, "emailIds": [ids[1], ids[2], ids[3]]}] and answer["notFound"] == ["tnone"]


# ---- RFC 8621 §4.1, §4.2: what an email says ----

RICH = ("From: =?utf-8?q?J=C3=B6hn?= <john@x.example>, Group: a@x.example, \"B\" <b@x.example>;\r\nTo: undisclosed:;\r\nSubject: =?utf-8?b?w6Q=?=\r\n  more\r\nDate: Tue, 10 Jul 2018 11:03:11 +1000\r\n"
        "Message-ID: <one@x.example>\r\nReferences: <a@x> <b@x>\r\nList-Unsubscribe: <mailto:x@y>, <https://z.example/>\r\nX-Many: 1\r\nX-Many: 2\r\nX-Date: Tue, 10 Jul 2018 11:03:11 +1000\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\nX-Part: p\r\n\r\nGrüße 漢字\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>Hello <b>there</b></p>\r\n--c--\r\n"
        "--b\r\nContent-Type: image/png; name=x.png\r\nContent-Disposition: attachment; filename=\"x.png\"\r\nContent-ID: <cid@x>\r\nContent-Language: en, de\r\nContent-Location: l\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n").encode()


def test_header_forms(jmap):
    id = jmap.add(RICH, [jmap.mailbox("inbox")])

    def get(name):
        return jmap.email(id, name)[name]
    john = {"name": "Jöhn", "email": "john@x.example"}
    assert get("header:from:asAddresses") == [john, {"name": None, "email": "a@x.example"}, {"name": "B", "email": "b@x.example"}] == get("from")
    assert get("header:From:asGroupedAddresses") == [{"name": None, "addresses": [john]}, {"name": "Group", "addresses": [{"name": None, "email": "a@x.example"}, {"name": "B", "email": "b@x.example"}]}]
    assert get("header:To:asGroupedAddresses") == [{"name": "undisclosed", "addresses": []}] and get("to") == []
    assert get("header:Subject") == " =?utf-8?b?w6Q=?=\r\n  more" and get("header:SUBJECT:asText") == get("subject") == "ä  more"
    assert get("header:Message-ID:asMessageIds") == ["one@x.example"] and get("references") == ["a@x", "b@x"]
    assert get("header:Date:asDate") == get("sentAt") == get("header:X-Date:asDate") == "2018-07-10T11:03:11+10:00"
    assert get("header:List-Unsubscribe:asURLs") == ["mailto:x@y", "https://z.example/"]
    assert get("header:X-Many") == " 2" and get("header:X-Many:all") == [" 1", " 2"] and get("header:X-Many:asText:all") == ["1", "2"]
    assert get("header:X-None") is None and get("header:X-None:all") == [] and get("header:X-None:asAddresses:all") == [] and get("cc") is None and get("header:X-Many:asDate") is None
    assert get("headers")[0] == {"name": "From", "value": " =?utf-8?q?J=C3=B6hn?= <john@x.example>, Group: a@x.example, \"B\" <b@x.example>;"}
    for wrong in ("header:From:asDate", "header:From:asText", "header:Subject:asAddresses", "header:Date:asURLs", "header:X:asNone", "header:X:all:asText", "header:", "header", "Subject", "header:Received:asText"):
        assert fails(jmap, "Email/get", ids=[id], properties=[wrong]) == "invalidArguments", wrong
    assert fails(jmap, "Email/get", ids=[id], bodyProperties=["none"]) == "invalidArguments" == fails(jmap, "Email/get", ids=[id], maxBodyValueBytes=-1)


def test_bodies(jmap):
    id = jmap.add(RICH, [jmap.mailbox("inbox")])
    email = jmap.email(id)
    assert set(email) == {"id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo",
                          "subject", "sentAt", "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments"}
    text, html, image = email["textBody"], email["htmlBody"], email["attachments"]
    assert (len(text), len(html), len(image)) == (1, 1, 1) and email["hasAttachment"] is True and email["bodyValues"] == {} and email["preview"].startswith("Grüße")
    assert set(text[0]) == {"partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location"}
    assert (text[0]["type"], text[0]["charset"], text[0]["size"], text[0]["disposition"]) == ("text/plain", "utf-8", len("Grüße 漢字".encode()), None)
    assert image[0] == {**image[0], "type": "image/png", "name": "x.png", "cid": "cid@x", "language": ["en", "de"], "location": "l", "size": 3, "charset": None, "disposition": "attachment"}
    assert jmap.download(image[0]["blobId"]) == b"\0\1\2" and jmap.download(text[0]["blobId"]) == "Grüße 漢字".encode()
    for argument, parts in (("fetchTextBodyValues", text), ("fetchHTMLBodyValues", html), ("fetchAllBodyValues", text + html)):
        assert set(jmap.email(id, "bodyValues", **{argument: True})["bodyValues"]) == {part["partId"] for part in parts}
    for most in (1, 5, 8, 9, 10, 13):
        value = jmap.email(id, "bodyValues", fetchTextBodyValues=True, maxBodyValueBytes=most)["bodyValues"][text[0]["partId"]]
        assert len(value["value"].encode()) <= most and "Grüße 漢字".startswith(value["value"]) and value["isTruncated"] is True and value["isEncodingProblem"] is False
    assert jmap.email(id, "bodyValues", fetchHTMLBodyValues=True, maxBodyValueBytes=11)["bodyValues"][html[0]["partId"]]["value"] == "<p>Hello "
    structure = jmap.email(id, "bodyStructure", bodyProperties=["type", "partId", "header:X-Part:asText", "headers"])["bodyStructure"]
    assert structure["type"] == "multipart/mixed" and structure["partId"] is None and [part["type"] for part in structure["subParts"]] == ["multipart/alternative", "image/png"]
    assert structure["subParts"][0]["subParts"][0]["header:X-Part:asText"] == "p" and {"name": "X-Part", "value": " p"} in structure["subParts"][0]["subParts"][0]["headers"]


def test_parse(jmap):
    inner = b"From: a@x.example\r\nSubject: inner\r\n\r\nx\r\n"
    outer = b"Subject: outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--b--\r\n"
    id = jmap.add(outer, [jmap.mailbox("inbox")])
    part = jmap.email(id, "attachments")["attachments"][0]["blobId"]
    nothing = jmap.upload(b"\xff\xfe no message", "application/octet-stream")
    answer = jmap.call("Email/parse", blobIds=[part, nothing, "unone"], properties=["subject", "id", "mailboxIds", "keywords", "threadId", "receivedAt", "from"])
    assert answer["parsed"][part] == {"subject": "inner", "id": None, "mailboxIds": None, "keywords": None, "threadId": None, "receivedAt": None, "from": [{"name": None, "email": "a@x.example"}]}
    assert answer["notParsable"] == [nothing] and answer["notFound"] == ["unone"]
    assert set(jmap.call("Email/parse", blobIds=[part])["parsed"][part]) == {
        "messageId", "inReplyTo", "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt", "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments"}
    assert fails(jmap, "Email/parse", blobIds=[part], properties=["header:From:asDate"]) == "invalidArguments"


# ---- RFC 8621 §4.6: creating ----

def test_what_contradicts_itself(jmap):
    drafts = jmap.mailbox("drafts")
    blob = jmap.upload(b"blob", "text/plain")
    text = {"textBody": [{"partId": "1", "type": "text/plain"}], "bodyValues": {"1": {"value": "x"}}}
    part = {"partId": "1", "type": "text/plain"}
    values = {"bodyValues": {"1": {"value": "x"}}}
    for wrong in ({"headers": []}, {**text, "textBody": [{**part, "headers": []}]}, {"from": [], "header:from:asAddresses": []}, {"header:X": "a", "header:x:asText": "b"},
                  {"header:Subject:asDate": "2020-01-01T00:00:00Z"}, {"header:Content-Type": "text/plain"}, {"header:Content-Language": "en"},
                  {"bodyStructure": part, **text}, {"bodyStructure": part, **values, "attachments": []}, {"bodyStructure": {**part, "header:Subject": "b"}, **values, "subject": "a"},
                  {**text, "textBody": [part, part]}, {**text, "textBody": []}, {**text, "textBody": [{**part, "type": "text/html"}]}, {**values, "htmlBody": [{"partId": "1", "type": "text/plain"}]},
                  {**text, "textBody": [{"partId": "2", "type": "text/plain"}]}, {**text, "textBody": [{**part, "blobId": blob}]}, {"textBody": [{"type": "text/plain"}]},
                  {**text, "textBody": [{**part, "charset": "utf-8"}]}, {**text, "textBody": [{**part, "size": 1}]}, {**text, "textBody": [{**part, "header:Content-Transfer-Encoding": "7bit"}]},
                  {**text, "bodyValues": {"1": {"value": "x", "isTruncated": True}}}, {**text, "bodyValues": {"1": {"value": "x", "isEncodingProblem": True}}}, {**text, "bodyValues": {"1": {}}},
                  {**text, "textBody": [{**part, "cid": "x", "header:Content-ID": "<y>"}]}, {"hasAttachment": True}, {"preview": "x"}, {"blobId": blob}, {"threadId": "t"}, {"size": 1}, {"none": 1},
                  {"header:X": "a\r\nBcc: b"}, {"from": [{"email": "a\r\nb"}]}, {"messageId": ["<a>"]}, {"sentAt": "yesterday"}, {"to": "a@x"}, {"subject": 1}):
        answer = jmap.call("Email/set", create={"k": {"mailboxIds": {drafts: True}, **wrong}})
        error, names = set_error(answer, "notCreated", "k") if answer["notCreated"] else (None, None)
        assert error == "invalidProperties" and names and set(names) <= set(wrong), (wrong, answer)
    answer = jmap.call("Email/set", create={"k": {"mailboxIds": {drafts: True}, "attachments": [{"blobId": "unone", "type": "a/b"}, {"blobId": "bnone", "type": "a/b"}]}})
    assert answer["notCreated"]["k"]["type"] == "blobNotFound" and set(answer["notCreated"]["k"]["notFound"]) == {"unone", "bnone"}


def test_structures_are_made(jmap):
    drafts = jmap.mailbox("drafts")
    blob = jmap.upload(b"\0blob", "image/png")
    made = jmap.make({"mailboxIds": {drafts: True}, "keywords": {"$draft": True, "$Seen": True}, "subject": "s", "header:X-A:asText": "ä", "header:X-Many:all": [" 1", " 2"],
                      "header:Resent-To:asGroupedAddresses": [{"name": "G", "addresses": [{"name": "ü", "email": "u@x.example"}]}, {"name": None, "addresses": [{"email": "v@x.example"}]}],
                      "header:List-Post:asURLs": ["mailto:a@b"], "inReplyTo": ["a@b", "c@d"], "replyTo": None,
                      "bodyStructure": {"type": "multipart/mixed", "header:X-Top": " top", "subParts": [
                          {"type": "multipart/alternative", "subParts": [{"partId": "t", "type": "text/plain", "language": ["de"]}, {"partId": "h", "type": "text/html", "header:X-H:asText": "h"}]},
                          {"blobId": blob, "type": "image/png", "name": "ü.png", "disposition": "inline", "cid": "c@x", "size": 999}]},
                      "bodyValues": {"t": {"value": "one\ntwo\n", "isEncodingProblem": False}, "h": {"value": "<i>ü</i>"}}})
    found = jmap.email(made["id"], "bodyStructure", "bodyValues", "header:X-A:asText", "header:X-Many:all", "header:X-Top", "inReplyTo", "replyTo", "messageId", "sentAt", "keywords",
                       "header:Resent-To:asGroupedAddresses", "header:List-Post:asURLs", fetchAllBodyValues=True)
    parts = found["bodyStructure"]["subParts"]
    assert [part["type"] for part in parts] == ["multipart/alternative", "image/png"] and parts[1]["name"] == "ü.png" and parts[1]["cid"] == "c@x" and parts[1]["size"] == 5
    assert {one["value"] for one in found["bodyValues"].values()} == {"one\ntwo\n", "<i>ü</i>"} and parts[0]["subParts"][0]["language"] == ["de"]
    assert found["header:X-A:asText"] == "ä" and found["header:X-Many:all"] == [" 1", " 2"] and found["header:X-Top"] == " top" and found["inReplyTo"] == ["a@b", "c@d"] and found["replyTo"] is None
    assert found["messageId"] and found["sentAt"] and found["keywords"] == {"$draft": True, "$seen": True} and found["header:List-Post:asURLs"] == ["mailto:a@b"]
    assert found["header:Resent-To:asGroupedAddresses"] == [{"name": "G", "addresses": [{"name": "ü", "email": "u@x.example"}]}, {"name": None, "addresses": [{"name": None, "email": "v@x.example"}]}]
    jmap.make({"mailboxIds": {drafts: True}})


def test_import(jmap):
    inbox = jmap.mailbox("inbox")
    blob = jmap.upload(letter())
    nothing = jmap.upload(b"", "text/plain")
    for wrong, error in (({}, ("invalidProperties", ["mailboxIds"])), ({"blobId": blob, "mailboxIds": {}}, ("invalidProperties", ["mailboxIds"])), ({"blobId": blob, "mailboxIds": {"mnone": True}}, ("invalidProperties", ["mailboxIds"])),
                         ({"blobId": "unone", "mailboxIds": {inbox: True}}, ("invalidProperties", ["blobId"])), ({"mailboxIds": {inbox: True}}, ("invalidProperties", ["blobId"])),
                         ({"blobId": blob, "mailboxIds": {inbox: True}, "keywords": {"a b": True}}, ("invalidProperties", ["keywords"])),
                         ({"blobId": blob, "mailboxIds": {inbox: True}, "receivedAt": "now"}, ("invalidProperties", ["receivedAt"])), ({"blobId": nothing, "mailboxIds": {inbox: True}}, ("invalidEmail", None))):
        answer = jmap.call("Email/import", emails={"k": wrong})
        assert set_error(answer, "notCreated", "k") == error and answer["created"] is None, wrong
    assert fails(jmap, "Email/import") == fails(jmap, "Email/import", emails=[]) == "invalidArguments"


# ---- RFC 8621 §5: snippets ----

def test_snippets(jmap):
    id = jmap.add(letter("fo<o needle", body="before needle & after\r\n"), [jmap.mailbox("inbox")])
    other = jmap.add(letter("nothing"), [jmap.mailbox("inbox")])
    answer = jmap.call("SearchSnippet/get", filter={"text": "needle"}, emailIds=[id, other, "enone"])
    one, two = answer["list"]
    assert one == {"emailId": id, "subject": "fo&lt;o <mark>needle</mark>", "preview": one["preview"]} and "<mark>needle</mark> &amp; after" in one["preview"] and len(one["preview"].encode()) <= 255
    assert two == {"emailId": other, "subject": None, "preview": None} and answer["notFound"] == ["enone"]
    assert jmap.call("SearchSnippet/get", filter=None, emailIds=[id]) == {"accountId": jmap.account, "list": [{"emailId": id, "subject": None, "preview": None}], "notFound": None}
    assert fails(jmap, "SearchSnippet/get", filter={"none": 1}, emailIds=[id]) == "unsupportedFilter" and fails(jmap, "SearchSnippet/get", filter=None) == "invalidArguments"


# ---- RFC 8621 §6 to §8 ----

def test_identities(jmap):
    first = jmap.call("Identity/get", ids=None)["list"][0]
    assert first == {"id": first["id"], "name": first["name"], "email": jmap.session["username"], "replyTo": None, "bcc": None, "textSignature": "", "htmlSignature": "", "mayDelete": False}
    answer = jmap.call("Identity/set", create={"a": {"email": first["email"], "name": "A", "replyTo": [{"name": None, "email": "r@x.example"}]}, "b": {"name": "no address"}, "c": {"email": "stranger@x.example"},
                                               "d": {"email": first["email"], "id": "x"}, "e": {"email": first["email"], "mayDelete": True}, "f": {"email": first["email"], "bcc": [{"email": 1}]}})
    made = answer["created"]["a"]
    assert set(made) == {"id", "bcc", "textSignature", "htmlSignature", "mayDelete"} and made["mayDelete"] is True
    assert {key: set_error(answer, "notCreated", key) for key in "bcdef"} == {"b": ("invalidProperties", ["email"]), "c": ("forbiddenFrom", None), "d": ("invalidProperties", ["id"]),
                                                                              "e": ("invalidProperties", ["mayDelete"]), "f": ("invalidProperties", ["bcc"])}
    answer = jmap.call("Identity/set", update={made["id"]: {"textSignature": "-- \nA", "replyTo": None}, first["id"]: {"email": "other@x.example"}}, destroy=[first["id"]])
    assert answer["updated"] == {made["id"]: None} and set_error(answer, "notUpdated", first["id"])[0] in ("invalidProperties", "willDestroy") and set_error(answer, "notDestroyed", first["id"])[0] == "forbidden"
    assert set_error(jmap.call("Identity/set", update={made["id"]: {"email": "other@x.example"}}), "notUpdated", made["id"]) == ("invalidProperties", ["email"])
    assert set_error(jmap.call("Identity/set", update={made["id"]: {"replyTo/0/name": "x"}}), "notUpdated", made["id"])[0] == "invalidPatch"
    assert jmap.call("Identity/set", destroy=[made["id"]])["destroyed"] == [made["id"]]


def test_submissions(jmap):
    drafts, me = jmap.mailbox("drafts"), jmap.session["username"]
    identity = jmap.call("Identity/get", ids=None)["list"][0]["id"]
    email = jmap.make({"mailboxIds": {drafts: True}, "from": [{"email": me}], "to": [{"email": me}], "subject": "s"})["id"]
    nobody = jmap.make({"mailboxIds": {drafts: True}, "from": [{"email": me}], "subject": "s"})["id"]
    of_other = jmap.make({"mailboxIds": {drafts: True}, "from": [{"email": "stranger@x.example"}], "to": [{"email": me}]})["id"]
    without = jmap.make({"mailboxIds": {drafts: True}, "to": [{"email": me}]})["id"]
    good = {"identityId": identity, "emailId": email}
    to = {"rcptTo": [{"email": me}]}
    for wrong, error in (({"emailId": email}, "invalidProperties"), ({"identityId": identity}, "invalidProperties"), ({**good, "identityId": "inone"}, "invalidProperties"), ({**good, "emailId": "enone"}, "invalidProperties"),
                         ({**good, "undoStatus": "pending"}, "invalidProperties"), ({**good, "sendAt": "2020-01-01T00:00:00Z"}, "invalidProperties"), ({**good, "envelope": 1}, "invalidProperties"),
                         ({**good, "emailId": nobody}, "noRecipients"), ({**good, "emailId": of_other}, "forbiddenFrom"), ({**good, "emailId": without}, "invalidEmail"),
                         ({**good, "envelope": {"mailFrom": {"email": "stranger@x.example"}, **to}}, "forbiddenMailFrom"), ({**good, "envelope": {"mailFrom": {"email": me}, "rcptTo": []}}, "noRecipients"),
                         ({**good, "envelope": {"mailFrom": {"email": me}, "rcptTo": [{"email": "no address"}]}}, "invalidRecipients")):
        answer = jmap.call("EmailSubmission/set", create={"k": wrong})
        assert set_error(answer, "notCreated", "k")[0] == error, (wrong, answer)
        if error == "invalidRecipients":
            assert answer["notCreated"]["k"]["invalidRecipients"] == ["no address"]
    sent = jmap.mailbox("sent")
    answers = jmap.request(("EmailSubmission/set", {"create": {"k": good}, "onSuccessUpdateEmail": {"#k": {f"mailboxIds/{drafts}": None, f"mailboxIds/{sent}": True, "keywords/$draft": None}}}),
                           ("EmailSubmission/get", {"ids": ["#k"]}))["methodResponses"]
    made, shown = answers[0][1]["created"]["k"], answers[2][1]["list"][0]
    assert [answer[0] for answer in answers] == ["EmailSubmission/set", "Email/set", "EmailSubmission/get"] and answers[1][1]["updated"] == {email: None} and answers[1][2] == answers[0][2]
    assert set(shown) == {"id", "identityId", "emailId", "threadId", "envelope", "sendAt", "undoStatus", "deliveryStatus", "dsnBlobIds", "mdnBlobIds"} and set(made) == set(shown) - {"identityId", "emailId"}
    assert shown["envelope"] == {"mailFrom": {"email": me, "parameters": None}, "rcptTo": [{"email": me, "parameters": None}]} and shown["dsnBlobIds"] == shown["mdnBlobIds"] == []
    assert set(shown["deliveryStatus"][me]) == {"smtpReply", "delivered", "displayed"} and shown["undoStatus"] in ("final", "pending")
    for wrong, error in (({"undoStatus": "pending"}, "invalidProperties"), ({"emailId": "e1"}, "invalidProperties"), ({"undoStatus": "canceled"}, "cannotUnsend")):
        if not (wrong == {"undoStatus": "pending"} and shown["undoStatus"] == "pending"):
            assert set_error(jmap.call("EmailSubmission/set", update={shown["id"]: wrong}), "notUpdated", shown["id"])[0] == error, wrong
    for filter, found in (({"emailIds": [email]}, True), ({"identityIds": [identity]}, True), ({"threadIds": [shown["threadId"]]}, True), ({"undoStatus": "canceled"}, False), ({"before": "2000-01-01T00:00:00Z"}, False),
                          ({"after": "2000-01-01T00:00:00Z"}, True), ({"operator": "NOT", "conditions": [{"emailIds": [email]}]}, False)):
        assert (jmap.call("EmailSubmission/query", filter=filter, sort=[{"property": "sentAt"}, {"property": "emailId"}, {"property": "threadId"}])["ids"] == [shown["id"]]) is found, filter
    assert jmap.call("EmailSubmission/set", destroy=[shown["id"]])["destroyed"] == [shown["id"]] and jmap.email(email, "id")


def test_vacation(jmap):
    answer = jmap.call("VacationResponse/get", ids=None)
    assert answer["list"] == [{"id": "singleton", "isEnabled": False, "fromDate": None, "toDate": None, "subject": None, "textBody": None, "htmlBody": None}] and answer["notFound"] == []
    assert jmap.call("VacationResponse/get", ids=["singleton", "x"], properties=["isEnabled"])["list"] == [{"id": "singleton", "isEnabled": False}]
    answer = jmap.call("VacationResponse/set", create={"a": {"isEnabled": True}}, destroy=["singleton", "other"])
    assert set_error(answer, "notCreated", "a")[0] == set_error(answer, "notDestroyed", "singleton")[0] == "singleton" and set_error(answer, "notDestroyed", "other")[0] == "notFound"
    answer = jmap.call("VacationResponse/set", update={"singleton": {"isEnabled": True, "fromDate": "2020-01-01T00:00:00Z", "toDate": None, "subject": "away", "textBody": "t", "htmlBody": "<p>h"}})
    assert answer["updated"] == {"singleton": None} and answer["newState"] != answer["oldState"]
    one = jmap.call("VacationResponse/get", ids=["singleton"])["list"][0]
    assert one == {"id": "singleton", "isEnabled": True, "fromDate": "2020-01-01T00:00:00Z", "toDate": None, "subject": "away", "textBody": "t", "htmlBody": "<p>h"}
    for wrong, error in (({"isEnabled": 1}, "invalidProperties"), ({"fromDate": "2020-01-01"}, "invalidProperties"), ({"fromDate": "2020-01-01T00:00:00+01:00"}, "invalidProperties"), ({"none": 1}, "invalidProperties"),
                         ({"id": "x"}, "invalidProperties"), ({"subject": 1}, "invalidProperties"), ({"none/x": 1}, "invalidPatch")):
        assert set_error(jmap.call("VacationResponse/set", update={"singleton": wrong}), "notUpdated", "singleton")[0] == error, wrong
    assert set_error(jmap.call("VacationResponse/set", update={"x": {}}), "notUpdated", "x")[0] == "notFound"
    assert jmap.call("VacationResponse/set", update={"singleton": {"isEnabled": False, "subject": None}})["updated"] == {"singleton": None}


# ---- RFC 8620 §7, RFC 8621 §1.5, RFC 8887: news ----

class Socket:
    def __init__(self, server, person):
        wait_until_announced(server)
        browser = Browser(server)
        browser.sign_in(person)
        self.own = WebSocket(browser, browser.origin, {"Cookie": browser.cookie}, "/jmap/ws", ["jmap"])

    def send(self, message):
        self.own.send(message if isinstance(message, str) else json.dumps(message))

    def read(self):
        return json.loads(self.own.next())

    def close(self):
        self.own.close()


def test_deliveries_are_news(server, person, jmap):
    """The state of EmailDelivery is another when an email has come, and not when one was changed or is gone."""
    id = jmap.add(letter("first"), [jmap.mailbox("inbox")])
    news = Socket(server, person)
    try:
        news.send({"@type": "WebSocketPushEnable", "dataTypes": ["EmailDelivery", "Email"], "pushState": "x"})
        before = news.read()["changed"][jmap.account]
        assert set(before) == {"EmailDelivery", "Email"}
        jmap.call("Email/set", update={id: {"keywords/$seen": True}})
        assert set(news.read()["changed"][jmap.account]) == {"Email"}
        jmap.call("Email/set", destroy=[id])
        assert set(news.read()["changed"][jmap.account]) == {"Email"}
        jmap.add(letter("second"), [jmap.mailbox("inbox")])
        assert news.read()["changed"][jmap.account]["EmailDelivery"] != before["EmailDelivery"]
    finally:
        news.close()


def test_a_socket_says_what_is_wrong(server, person, jmap):
    own = Socket(server, person)
    try:
        for message, kind, id in (("{", "notJSON", None), ("[]", "notRequest", None), ({"@type": "None"}, "notRequest", None), ({"@type": "Request", "id": "a"}, "notRequest", "a"),
                                  ({"@type": "Request", "id": "b", "using": ["urn:none"], "methodCalls": []}, "unknownCapability", "b"),
                                  ({"@type": "Request", "id": "c", "using": [CORE], "methodCalls": [["Core/echo", {}, "0"]] * 1000}, "limit", "c")):
            own.send(message)
            answer = own.read()
            assert (answer["@type"], answer["type"], answer["requestId"]) == ("RequestError", f"urn:ietf:params:jmap:error:{kind}", id) and answer["status"] == 400, answer
        own.send({"@type": "Request", "id": "d", "using": [CORE], "methodCalls": [["Core/echo", {"x": 1}, "0"]], "createdIds": {}})
        answer = own.read()
        assert answer == {"@type": "Response", "requestId": "d", "methodResponses": [["Core/echo", {"x": 1}, "0"]], "createdIds": {}, "sessionState": answer["sessionState"]}
        own.send({"@type": "Request", "using": [CORE], "methodCalls": []})
        assert "requestId" not in own.read()
        own.send({"@type": "WebSocketPushEnable", "dataTypes": None})
        jmap.add(letter(), [jmap.mailbox("inbox")])
        change = own.read()
        assert change["@type"] == "StateChange" and change["pushState"] and {"Email", "Mailbox", "Thread"} <= set(change["changed"][jmap.account])
        own.send({"@type": "WebSocketPushDisable"})
        own.send({"@type": "Request", "id": "e", "using": [CORE], "methodCalls": []})
        while (answer := own.read())["@type"] == "StateChange":
            pass
        assert answer["requestId"] == "e"
    finally:
        own.close()


def test_an_event_source_ends_after_a_state(server):
    jmap = Jmap(server)
    path = "/" + jmap.session["eventSourceUrl"].split("/", 3)[3].replace("{types}", "Mailbox,Email").replace("{closeafter}", "state").replace("{ping}", "0")
    with socket.create_connection((server.address, server.ports["http"]), timeout=DEADLINE) as own:
        own.sendall(f"GET {path} HTTP/1.1\r\nHost: {server.address}\r\nAuthorization: {jmap.credentials}\r\nAccept: text/event-stream\r\n\r\n".encode())
        stream = own.makefile("rb")
        head = []
        while (line := stream.readline().strip()):
            head.append(line.lower())
        assert b" 200 " in head[0] + b" " and b"content-type: text/event-stream" in b"\n".join(head)
        jmap.add(letter(), [jmap.mailbox("inbox")])
        text = stream.read().decode()
    assert "event: state" in text and "id: " in text
    change = json.loads(next(line[6:] for line in text.splitlines() if line.startswith("data: {")))
    assert change["@type"] == "StateChange" and set(change["changed"]) == {jmap.account} and set(change["changed"][jmap.account]) <= {"Mailbox", "Email"}
