"""Contacts over JMAP (RFC 9610, RFC 9553), against a real server."""
import base64

import pytest

from jmap import CORE, MAIL, Jmap, Refused
from pombal import PASSWORDS

CONTACTS = "urn:ietf:params:jmap:contacts"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture
def person(server, token):
    """An account of the test's own."""
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


@pytest.fixture
def jmap(server, person):
    client = Jmap(server, person, using=(CORE, MAIL, CONTACTS))
    yield client
    client.close()


def default_book(jmap):
    return next(one["id"] for one in jmap.call("AddressBook/get")["list"] if one["isDefault"])


def card(name, book, **more):
    given, _, surname = name.partition(" ")
    return {"name": {"components": [{"kind": "given", "value": given}, {"kind": "surname", "value": surname}], "isOrdered": True},
            "addressBookIds": {book: True}, **more}


def make(jmap, **cards):
    answer = jmap.call("ContactCard/set", create=cards)
    assert not answer["notCreated"], answer
    return {key: one["id"] for key, one in answer["created"].items()}


def refusal(jmap, object):
    answer = jmap.call("ContactCard/set", create={"k": object})
    assert not answer["created"], answer
    return answer["notCreated"]["k"]


def test_contacts_are_announced(jmap):
    assert jmap.session["capabilities"][CONTACTS] == {}
    assert jmap.session["accounts"][jmap.account]["accountCapabilities"][CONTACTS] == {"maxAddressBooksPerCard": 100, "mayCreateAddressBook": True}
    assert jmap.session["primaryAccounts"][CONTACTS] == jmap.account
    answer = jmap.request(("AddressBook/get", {}), using=[CORE])
    assert answer["methodResponses"][0][1]["type"] == "unknownMethod"


def test_address_books(jmap):
    books = jmap.call("AddressBook/get", ids=None)
    assert len(books["list"]) == 1 and books["notFound"] == []
    first = books["list"][0]
    assert first == {"id": first["id"], "name": "Contacts", "description": None, "sortOrder": 0, "isDefault": True, "isSubscribed": True, "shareWith": None,
                     "myRights": {"mayRead": True, "mayWrite": True, "mayShare": False, "mayDelete": True}}
    made = jmap.call("AddressBook/set", create={"a": {"name": "Verein", "sortOrder": 3}, "b": {"name": ""}, "c": {"name": "x" * 256}, "d": {"name": "x", "id": "k1"},
                                                "e": {"name": "x", "shareWith": {"p": {}}}, "f": {"name": "x", "sortOrder": -1}},
                     update={first["id"]: {"name": "Leute", "description": "alle"}, "none": {"name": "x"}})
    assert set(made["created"]) == {"a"} and set(made["notCreated"]) == {"b", "c", "d", "e", "f"}
    assert all(one["type"] == "invalidProperties" for one in made["notCreated"].values())
    assert made["updated"] == {first["id"]: None} and made["notUpdated"]["none"]["type"] == "notFound"
    second = made["created"]["a"]
    assert second["isDefault"] is False and second["isSubscribed"] is True and "name" not in second
    answer = jmap.call("AddressBook/set", update={first["id"]: {"isDefault": False}, second["id"]: {"none": 1}})
    assert answer["notUpdated"][first["id"]]["properties"] == ["isDefault"] and answer["notUpdated"][second["id"]]["type"] == "invalidProperties"
    answer = jmap.call("AddressBook/set", update={second["id"]: {"sortOrder": None}}, onSuccessSetIsDefault=second["id"])
    assert answer["updated"] == {second["id"]: {"isDefault": True}, first["id"]: {"isDefault": False}}
    changes = jmap.call("AddressBook/changes", sinceState=books["state"])
    assert set(changes["created"]) == {second["id"]} and set(changes["updated"]) == {first["id"]} and changes["destroyed"] == []
    assert jmap.call("AddressBook/get", ids=[second["id"], "k0"], properties=["sortOrder", "isDefault"])["list"] == [
        {"id": second["id"], "sortOrder": 0, "isDefault": True}]
    # the id isn't found: nothing is said
    assert jmap.call("AddressBook/set", onSuccessSetIsDefault="knone")["updated"] is None
    # what is made is made the default
    answer = jmap.call("AddressBook/set", create={"n": {"name": "neu"}}, onSuccessSetIsDefault="#n")
    assert answer["created"]["n"]["isDefault"] is True and answer["updated"] == {second["id"]: {"isDefault": False}}
    # the default goes: another becomes it
    answer = jmap.call("AddressBook/set", destroy=[answer["created"]["n"]["id"]])
    assert answer["updated"] == {first["id"]: {"isDefault": True}}
    with pytest.raises(Refused, match="cannotCalculateChanges"):
        jmap.call("AddressBook/changes", sinceState="99999999")


def test_address_books_and_what_is_in_them(jmap):
    first = default_book(jmap)
    second = jmap.call("AddressBook/set", create={"a": {"name": "b"}})["created"]["a"]["id"]
    ids = make(jmap, both={**card("A B", first), "addressBookIds": {first: True, second: True}}, alone=card("C D", second))
    state = jmap.call("ContactCard/get", ids=[])["state"]
    answer = jmap.call("AddressBook/set", destroy=[second])
    assert answer["notDestroyed"][second]["type"] == "addressBookHasContents"
    answer = jmap.call("AddressBook/set", destroy=[second], onDestroyRemoveContents=True)
    assert answer["destroyed"] == [second]
    changes = jmap.call("ContactCard/changes", sinceState=state)
    assert changes["updated"] == [ids["both"]] and changes["destroyed"] == [ids["alone"]]
    answer = jmap.call("ContactCard/get", ids=list(ids.values()), properties=["addressBookIds"])
    assert answer["list"] == [{"id": ids["both"], "addressBookIds": {first: True}}] and answer["notFound"] == [ids["alone"]]


def test_cards_are_made_and_read(jmap):
    book = default_book(jmap)
    answer = jmap.call("ContactCard/set", create={"k": card("Ännchen von Tharau", book, emails={"e1": {"address": "a@b.example", "contexts": {"private": True}}},
                                                         **{"example.com:foo": {"bar": [1]}, "later": 7})})
    made = answer["created"]["k"]
    assert made["@type"] == "Card" and made["version"] == "1.0" and made["uid"].startswith("urn:uuid:") and answer["newState"] != answer["oldState"]
    read = jmap.call("ContactCard/get", ids=[made["id"]])["list"][0]
    assert read["addressBookIds"] == {book: True} and read["example.com:foo"] == {"bar": [1]} and read["later"] == 7
    assert read["name"]["components"][0]["value"] == "Ännchen" and read["uid"] == made["uid"]
    part = jmap.call("ContactCard/get", ids=[made["id"]], properties=["emails", "example.com:foo"])["list"][0]
    assert set(part) == {"id", "emails", "example.com:foo"}
    with pytest.raises(Refused, match="invalidArguments"):
        jmap.call("ContactCard/get", ids=None, properties=["none"])
    assert len(jmap.call("ContactCard/get")["list"]) == 1


def test_what_is_no_card_is_refused(jmap):
    book = default_book(jmap)
    for object, properties in (({**card("A B", book), "id": "c1"}, ["id"]), ({"name": {"full": "x"}}, ["addressBookIds"]), (card("A B", "k0"), ["addressBookIds"]),
                               ({**card("A B", book), "addressBookIds": {book: False}}, ["addressBookIds"]), (card("A B", book, kind="person"), ["kind"]),
                               (card("A B", book, emails={"e": {"address": 1}}), ["emails/e/address"]), (card("A B", book, version="0.9"), ["version"]),
                               (card("A B", book, media={"m": {"kind": "photo", "blobId": "unone"}}), ["media/m"])):
        error = refusal(jmap, object)
        assert error["type"] == "invalidProperties" and error["properties"] == properties, (object, error)
    make(jmap, k=card("A B", book, uid="urn:x"))
    assert refusal(jmap, card("C D", book, uid="urn:x"))["properties"] == ["uid"]
    assert jmap.call("ContactCard/get", ids=None)["list"][0]["uid"] == "urn:x"


def test_cards_are_changed(jmap):
    book = default_book(jmap)
    id = make(jmap, k=card("A B", book, emails={"e1": {"address": "a@b"}}))["k"]
    other = jmap.call("AddressBook/set", create={"a": {"name": "b"}})["created"]["a"]["id"]
    state = jmap.call("ContactCard/get", ids=[])["state"]
    answer = jmap.call("ContactCard/set", ifInState=state, update={id: {"emails/e2": {"address": "c@d"}, "emails/e1": None, f"addressBookIds/{other}": True}})
    assert answer["updated"] == {id: None}
    read = jmap.call("ContactCard/get", ids=[id])["list"][0]
    assert read["emails"] == {"e2": {"address": "c@d"}} and read["addressBookIds"] == {book: True, other: True}
    for patch, kind in (({"emails/e9/address": "x@y"}, "invalidPatch"), ({"id": "c1"}, "invalidProperties"), ({"addressBookIds": {}}, "invalidProperties"),
                        ({"uid": None}, "invalidProperties"), ({"emails/e2/pref": 0}, "invalidProperties")):
        assert jmap.call("ContactCard/set", update={id: patch})["notUpdated"][id]["type"] == kind, patch
    assert jmap.call("ContactCard/get", ids=[id])["list"][0] == read
    with pytest.raises(Refused, match="stateMismatch"):
        jmap.call("ContactCard/set", ifInState=state, destroy=[id])
    answer = jmap.call("ContactCard/set", destroy=[id, "cnone"])
    assert answer["destroyed"] == [id] and answer["notDestroyed"]["cnone"]["type"] == "notFound"


def test_photos(jmap):
    book = default_book(jmap)
    upload = jmap.upload(PNG, "image/png")
    text = jmap.upload(b"no image", "image/png")
    assert refusal(jmap, card("A B", book, media={"p": {"kind": "photo", "blobId": text, "mediaType": "image/png"}}))["properties"] == ["media/p"]
    answer = jmap.call("ContactCard/set", create={"k": card("A B", book, media={"p": {"kind": "photo", "blobId": upload}}), "l": card("C D", book, media={
        "p": {"kind": "photo", "uri": "data:image/png;base64," + base64.b64encode(PNG).decode()}, "w": {"kind": "logo", "uri": "https://x.example/l.png"}})})
    first, second = answer["created"]["k"], answer["created"]["l"]
    blob = first["media"]["p"]["blobId"]
    assert blob != upload and first["media"]["p"]["mediaType"] == "image/png" and second["media"]["p"]["blobId"] == blob and "uri" not in second["media"]["p"]
    assert jmap.download(blob) == PNG
    read = jmap.call("ContactCard/get", ids=[second["id"]])["list"][0]["media"]
    assert read == second["media"] and read["w"] == {"kind": "logo", "uri": "https://x.example/l.png"}
    # it stays while something else is changed, and goes with the last that has it
    assert jmap.call("ContactCard/set", update={first["id"]: {"name/full": "A"}})["updated"] == {first["id"]: None}
    assert jmap.call("ContactCard/set", destroy=[second["id"]])["destroyed"] == [second["id"]]
    assert jmap.download(blob) == PNG
    assert jmap.call("ContactCard/set", update={first["id"]: {"media": None}})["updated"] == {first["id"]: None}
    assert jmap.download(blob) is None


def test_photos_of_others_are_nobodys(server, jmap):
    book = default_book(jmap)
    blob = jmap.call("ContactCard/set", create={"k": card("A B", book, media={"p": {"kind": "photo", "blobId": jmap.upload(PNG)}})})["created"]["k"]["media"]["p"]["blobId"]
    other = Jmap(server, using=(CORE, MAIL, CONTACTS))
    assert other.download(blob) is None
    assert refusal(other, card("A B", default_book(other), media={"p": {"kind": "photo", "blobId": blob}}))["properties"] == ["media/p"]
    other.close()


def query(jmap, filter=None, sort=None):
    return jmap.call("ContactCard/query", filter=filter, sort=sort)["ids"]


def test_cards_are_found(jmap):
    book = default_book(jmap)
    other = jmap.call("AddressBook/set", create={"a": {"name": "b"}})["created"]["a"]["id"]
    ids = make(
        jmap,
        a=card("Jane Doe", book, uid="urn:jane", kind="individual", created="2020-01-01T00:00:00Z", updated="2021-01-01T00:00:00Z", nicknames={"n": {"name": "Jay"}},
               organizations={"o": {"name": "ABC, Inc."}}, emails={"e": {"address": "jane@abc.example", "label": "office"}}, keywords={"tennis": True}),
        b=card("Žofie Nová", other, phones={"p": {"number": "tel:+1-555-0100", "label": "car"}}, created="2022-01-01T00:00:00Z",
               addresses={"x": {"components": [{"kind": "locality", "value": "Praha"}], "full": "Praha 1"}}, notes={"n": {"note": "likes \"big blue\" boats"}}),
        c={"name": {"full": "The group"}, "kind": "group", "members": {"urn:jane": True}, "addressBookIds": {other: True}, "created": "2021-01-01T00:00:00Z",
           "onlineServices": {"s": {"service": "Mastodon", "user": "@group@x.example"}}})
    a, b, c = (ids[key] for key in "abc")
    for filter, found in (({}, {a, b, c}), ({"inAddressBook": other}, {b, c}), ({"uid": "urn:jane"}, {a}), ({"uid": "urn:JANE"}, set()), ({"hasMember": "urn:jane"}, {c}),
                          ({"kind": "group"}, {c}), ({"kind": "individual"}, {a, b}), ({"createdBefore": "2021-01-01T00:00:00Z"}, {a}),
                          ({"createdAfter": "2021-01-01T00:00:00Z"}, {b, c}), ({"updatedAfter": "2000-01-01T00:00:00Z"}, {a}), ({"updatedBefore": "2000-01-01T00:00:00Z"}, set()),
                          ({"text": "tennis"}, {a}), ({"text": "PRAHA boats"}, {b}), ({"text": "praha tennis"}, set()), ({"name": "doe JANE"}, {a}), ({"name": "group"}, {c}),
                          ({"name/given": "jane"}, {a}), ({"name/given": "doe"}, set()), ({"name/surname": "nová"}, {b}), ({"name/surname2": "x"}, set()), ({"nickname": "jay"}, {a}),
                          ({"organization": "abc"}, {a}), ({"email": "abc.example"}, {a}), ({"email": "OFFICE"}, {a}), ({"phone": "555-0100"}, {b}), ({"phone": "car"}, {b}),
                          ({"onlineService": "mastodon @group"}, {c}), ({"address": "praha"}, {b}), ({"note": "'big blue'"}, {b}), ({"note": "blue big"}, {b}),
                          ({"note": "'blue big'"}, set()), ({"note": "\"\\\"big\""}, {b}), ({"name": "jane", "email": "nobody"}, set()),
                          ({"operator": "OR", "conditions": [{"name": "jane"}, {"kind": "group"}]}, {a, c}), ({"operator": "NOT", "conditions": [{"name": "jane"}, {"kind": "group"}]}, {b}),
                          ({"operator": "AND", "conditions": [{"inAddressBook": other}, {"operator": "NOT", "conditions": [{"kind": "group"}]}]}, {b})):
        assert set(query(jmap, filter)) == found, filter
    assert query(jmap, sort=[{"property": "created"}]) == [a, c, b] and query(jmap, sort=[{"property": "updated", "isAscending": False}])[0] == a
    assert query(jmap, sort=[{"property": "name/given"}]) == [c, a, b] and query(jmap, sort=[{"property": "name/surname", "isAscending": False}]) == [b, a, c]
    for filter, error in (({"none": "x"}, "unsupportedFilter"), ({"name": 1}, "invalidArguments"), ({"createdAfter": "yesterday"}, "invalidArguments")):
        with pytest.raises(Refused, match=error):
            query(jmap, filter)
    with pytest.raises(Refused, match="unsupportedSort"):
        query(jmap, sort=[{"property": "none"}])
    answer = jmap.call("ContactCard/query", sort=[{"property": "created"}], anchor=c, anchorOffset=-1, limit=2, calculateTotal=True)
    assert answer["ids"] == [a, c] and answer["total"] == 3 and answer["position"] == 0 and answer["canCalculateChanges"] is True


def test_query_changes(jmap):
    book = default_book(jmap)
    ids = make(jmap, **{f"k{i}": card(f"N{i} S{9 - i}", book) for i in range(5)})
    asked = {"filter": {"name": "n"}, "sort": [{"property": "name/surname"}]}
    before = jmap.call("ContactCard/query", **asked)
    new = make(jmap, n=card("Nora S55", book), o=card("Other X", book))
    jmap.call("ContactCard/set", destroy=[ids["k1"]], update={ids["k2"]: {"name/components": [{"kind": "given", "value": "Xx"}]}, ids["k3"]: {"kind": "org"}})
    changes = jmap.call("ContactCard/queryChanges", sinceQueryState=before["queryState"], calculateTotal=True, **asked)
    known = [id for id in before["ids"] if id not in changes["removed"]]
    for one in changes["added"]:
        known.insert(one["index"], one["id"])
    now = jmap.call("ContactCard/query", **asked)
    assert known == now["ids"] and changes["newQueryState"] == now["queryState"] and changes["total"] == len(known) and new["n"] in known
    with pytest.raises(Refused, match="tooManyChanges"):
        jmap.call("ContactCard/queryChanges", sinceQueryState=before["queryState"], maxChanges=1, **asked)
    with pytest.raises(Refused, match="cannotCalculateChanges"):
        jmap.call("ContactCard/queryChanges", sinceQueryState="x", **asked)


def test_changes_come_in_steps(jmap):
    book = default_book(jmap)
    state = jmap.call("ContactCard/get", ids=[])["state"]
    ids = make(jmap, **{f"k{i}": card(f"N{i} S", book) for i in range(7)})
    jmap.call("ContactCard/set", destroy=[ids["k0"]])
    told, more = set(), True
    while more:
        answer = jmap.call("ContactCard/changes", sinceState=state, maxChanges=2)
        assert len(answer["created"]) <= 2 and answer["updated"] == answer["destroyed"] == []
        told |= set(answer["created"])
        state, more = answer["newState"], answer["hasMoreChanges"]
    assert told == set(ids.values()) - {ids["k0"]}
    assert jmap.call("ContactCard/get", ids=[])["state"] == state


def test_there_is_nothing_to_copy_from(jmap):
    with pytest.raises(Refused, match="fromAccountNotFound"):
        jmap.call("ContactCard/copy", fromAccountId="anobody", create={})


def test_references_and_restart(server, jmap):
    answer = jmap.request(("AddressBook/set", {"create": {"b": {"name": "x"}}}), ("ContactCard/set", {"create": {"c": card("A B", "#b")}}), ("ContactCard/get", {"ids": ["#c"]}))
    made = answer["methodResponses"]
    assert made[2][1]["list"][0]["addressBookIds"] == {made[0][1]["created"]["b"]["id"]: True}


VCARDS = """BEGIN:VCARD\r
VERSION:3.0\r
FN:Dr. John Appleseed\r
N:Appleseed;John;;Dr.;\r
EMAIL;type=INTERNET;type=WORK;type=pref:john@apple.example\r
item1.TEL:555-0101\r
item1.X-ABLabel:_$!<Assistant>!$_\r
X-ODD;X-P=1:kept\r
PHOTO;ENCODING=b;TYPE=PNG:%s\r
UID:one\r
END:VCARD\r
BEGIN:VCARD\r
VERSION:2.1\r
N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCller;J=F6rg\r
END:VCARD\r
BEGIN:VCARD\r
no end""" % base64.b64encode(PNG).decode()


def test_files_of_vcards(server, jmap, person, tmp_path):
    name = server.name(person)
    (tmp_path / "a.vcf").write_text(VCARDS)
    done = server.run("contacts", "import", name, tmp_path / "a.vcf")
    assert done.stdout == "2 new, 0 replaced, 1 refused\n" and "has no end" in done.stderr
    john = jmap.call("ContactCard/get", ids=query(jmap, {"uid": "one"}))["list"][0]
    assert list(john["addressBookIds"]) == [default_book(jmap)] and jmap.download(next(iter(john["media"].values()))["blobId"]) == PNG
    assert query(jmap, {"name": "müller"}) != []
    assert server.run("contacts", "import", name, tmp_path / "a.vcf").stdout == "0 new, 2 replaced, 1 refused\n"
    before = {one["uid"]: {key: value for key, value in one.items() if key not in ("id", "addressBookIds")} for one in jmap.call("ContactCard/get")["list"]}
    out = server.run("contacts", "export", name).stdout
    assert out.count("BEGIN:VCARD") == 2 and "X-ODD;X-P=1:kept" in out
    old = server.run("contacts", "export", name, "--old").stdout
    assert old.count("VERSION:3.0") == 2 and "ENCODING=b" in old.replace("\n ", "")
    # all of it comes back
    jmap.call("ContactCard/set", destroy=query(jmap))
    (tmp_path / "b.vcf").write_text(out)
    assert server.run("contacts", "import", name, tmp_path / "b.vcf").stdout == "2 new, 0 replaced, 0 refused\n"
    assert {one["uid"]: {key: value for key, value in one.items() if key not in ("id", "addressBookIds")} for one in jmap.call("ContactCard/get")["list"]} == before
