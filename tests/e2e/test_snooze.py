"""Snoozed messages: whoever puts one to sleep, over JMAP or IMAP, it leaves its folder, and comes back to it at its time as a new one; every client sees the same."""
import calendar
import datetime
import time

import pytest

import letters
from jmap import CORE, MAIL, Jmap
from pombal import Pombal, wait_for

SNOOZE = "urn:pombal:params:jmap:snooze"


@pytest.fixture(scope="module")
def own():
    with Pombal(options={"undelete_for": "1d"}) as made:
        yield made


@pytest.fixture
def client(own):
    with Client(own) as made:
        yield made


def later(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Client(Jmap):
    def __init__(self, server, account="anna"):
        super().__init__(server, account, using=(CORE, MAIL, SNOOZE))

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()

    def mailbox(self, role):
        return next((one["id"] for one in self.call("Mailbox/get", ids=None)["list"] if one["role"] == role), None)

    def letter(self, token, mailbox="INBOX", flags="\\Seen"):
        imap = self.server.imap("anna")
        imap.append(mailbox, flags, None, letters.simple(token, self.server.name("anna"), self.server.name("boris")))
        imap.logout()
        return self.find(token)

    def find(self, token):
        return wait_for(lambda: next(iter(self.call("Email/query", filter={"subject": token})["ids"]), None), "the letter")

    def get(self, email, *properties):
        return self.call("Email/get", ids=[email], properties=list(properties or ("mailboxIds", "keywords", "snoozed")))["list"][0]

    def update(self, email, **patch):
        answer = self.call("Email/set", update={email: patch})
        assert answer["updated"] == {email: None}, answer
        return answer

    def refused(self, email, **patch):
        answer = self.call("Email/set", update={email: patch})
        assert not answer["updated"], answer
        return answer["notUpdated"][email]

    def wakes(self, email):
        return wait_for(lambda: self.get(email) if self.get(email)["snoozed"] is None else None, "that it wakes")


def uids(imap, mailbox, *criteria):
    assert imap.select(mailbox)[0] == "OK"
    return imap.uid("SEARCH", None, *criteria)[1][0].split()


def test_the_capability(client):
    assert client.session["capabilities"][SNOOZE] == {} and client.session["accounts"][client.account]["accountCapabilities"][SNOOZE] == {}
    assert "snoozedUntil" in client.session["accounts"][client.account]["accountCapabilities"][MAIL]["emailQuerySortOptions"]


def test_put_to_sleep_by_jmap_and_seen_by_imap(own, client, token):
    email = client.letter(token)
    imap = own.imap("anna")
    inbox, before = client.mailbox("inbox"), uids(imap, "INBOX", "SUBJECT", token)
    state, until = client.call("Email/get", ids=[])["state"], later(3600)
    client.update(email, snoozed={"until": until})
    snoozed = client.mailbox("snoozed")
    got = client.get(email)
    assert list(got["mailboxIds"]) == [snoozed] and got["keywords"] == {"$seen": True}
    assert got["snoozed"] == {"until": until, "moveToMailboxId": inbox, "setKeywords": {"$seen": False}}
    assert client.call("Email/changes", sinceState=state)["updated"] == [email]
    listed = [line.decode() for line in imap.list()[1]]
    assert [line for line in listed if "\\Snoozed" in line and '"Snoozed"' in line or line.endswith(" Snoozed")], listed
    assert uids(imap, "INBOX", "SUBJECT", token) == [] and len(uids(imap, "Snoozed", "SUBJECT", token)) == 1
    imap.select("INBOX")
    client.update(email, **{"snoozed/until": later(1)})
    got = client.wakes(email)
    assert list(got["mailboxIds"]) == [inbox] and got["keywords"] == {}
    assert client.call("Email/query", filter={"inMailbox": snoozed})["ids"] == []
    imap.noop()
    back = imap.uid("SEARCH", None, "SUBJECT", token, "UNSEEN")[1][0].split()
    assert len(back) == 1 and int(back[0]) > int(before[0])
    assert uids(imap, "Snoozed", "ALL") == []
    imap.logout()
    own.wait_log(f"event=message.woken .*account={own.name('anna')}")
    assert own.log().count("event=message.woken") == 1
    assert not own.json("fsck")["problems"]


def test_who_idles_hears_of_it(own, client, token):
    email = client.letter(token)
    imap = own.imap("anna", mailbox="INBOX")
    client.update(email, snoozed={"until": later(3600)})
    imap.noop()
    count = int(imap.untagged_responses.get("EXISTS", [b"0"])[-1])
    imap.send(b"i IDLE\r\n")
    assert imap.readline().startswith(b"+")
    client.update(email, **{"snoozed/until": later(1)})
    while b"EXISTS" not in (line := imap.readline()):
        assert line
    assert int(line.split()[1]) >= count
    imap.send(b"DONE\r\n")
    while not imap.readline().startswith(b"i "):
        pass
    imap.shutdown()
    assert client.get(email)["snoozed"] is None


def test_put_to_sleep_by_imap_and_seen_by_jmap(own, client, token):
    email = client.letter(token)
    client.update(client.letter("before-" + token[::-1]), snoozed={"until": later(3600)})  # so that there is such a mailbox
    imap = own.imap("anna", mailbox="INBOX")
    uid = imap.uid("SEARCH", None, "SUBJECT", f'"{token}"')[1][0].split()[0].decode()
    assert imap.uid("MOVE", uid, "Snoozed")[0] == "OK"
    got = client.get(email)
    assert list(got["mailboxIds"]) == [client.mailbox("snoozed")] and got["snoozed"]["moveToMailboxId"] == client.mailbox("inbox")
    then = datetime.datetime.fromtimestamp(calendar.timegm(time.strptime(got["snoozed"]["until"], "%Y-%m-%dT%H:%M:%SZ")))
    assert (then.hour, then.minute, then.second) == (8, 0, 0) and then.date() == (datetime.datetime.now() + datetime.timedelta(days=1)).date()
    assert email in client.call("Email/query", filter={"isSnoozed": True})["ids"]
    uid = uids(imap, "Snoozed", "SUBJECT", f'"{token}"')[0].decode()
    assert imap.uid("MOVE", uid, "Archive")[0] == "OK"
    got = client.get(email)
    assert got["snoozed"] is None and list(got["mailboxIds"]) == [client.mailbox("archive")] and got["keywords"] == {"$seen": True}
    imap.logout()


def test_another_time_and_back_at_once(own, client, token):
    email = client.letter(token)
    client.update(email, snoozed={"until": later(3600), "setKeywords": {"$flagged": True, "late": True}, "moveToMailboxId": client.mailbox("archive")})
    state, until = client.call("Email/get", ids=[])["state"], later(7200)
    client.update(email, **{"snoozed/until": until})
    assert client.call("Email/changes", sinceState=state)["updated"] == [email]
    assert client.get(email)["snoozed"] == {"until": until, "moveToMailboxId": client.mailbox("archive"), "setKeywords": {"$flagged": True, "late": True, "$seen": False}}
    client.update(email, snoozed=None)
    got = client.get(email)
    assert got["snoozed"] is None and list(got["mailboxIds"]) == [client.mailbox("archive")] and got["keywords"] == {"$flagged": True, "late": True}
    client.update(email, snoozed=None)  # it is awake already


def test_queries(own, client, token):
    first, second, awake = client.letter(token + "a"), client.letter(token + "b"), client.letter(token + "c")
    client.update(first, snoozed={"until": later(9000)})
    client.update(second, snoozed={"until": later(8000)})
    mine = {"operator": "OR", "conditions": [{"subject": token + letter} for letter in "abc"]}
    def query(*conditions, **more):
        return client.call("Email/query", filter={"operator": "AND", "conditions": [mine, *conditions]}, **more)["ids"]
    assert query({"isSnoozed": True}, sort=[{"property": "snoozedUntil"}]) == [second, first]
    assert query({"isSnoozed": True}, sort=[{"property": "snoozedUntil", "isAscending": False}]) == [first, second]
    assert query(sort=[{"property": "snoozedUntil"}]) == [awake, second, first]
    assert query({"isSnoozed": False}) == [awake]
    assert query({"inMailbox": client.mailbox("snoozed"), "isSnoozed": False}) == []


def test_labels_stay(own, client, token):
    email = client.letter(token)
    inbox, archive = client.mailbox("inbox"), client.mailbox("archive")
    client.update(email, **{f"mailboxIds/{archive}": True})
    client.update(email, snoozed={"until": later(3600)})
    assert set(client.get(email)["mailboxIds"]) == {archive, client.mailbox("snoozed")}
    client.update(email, **{"snoozed/until": later(1)})
    assert set(client.wakes(email)["mailboxIds"]) == {archive, inbox}


def test_with_the_mailboxes_that_are_said(own, client, token):
    email = client.letter(token)
    archive = client.mailbox("archive")
    client.update(email, mailboxIds={archive: True}, snoozed={"until": later(3600)})
    assert set(client.get(email)["mailboxIds"]) == {archive, client.mailbox("snoozed")}
    client.update(email, mailboxIds={archive: True}, snoozed=None)
    assert set(client.get(email)["mailboxIds"]) == {archive}


@pytest.mark.parametrize("wrong", [{}, {"until": 1}, {"until": "soon"}, {"until": "2040-01-01T00:00:00Z", "what": 1}, {"until": "2040-01-01T00:00:00Z", "moveToMailboxId": "m"},
                                   {"until": "2040-01-01T00:00:00Z", "setKeywords": {"$seen": 1}}, {"until": "2040-01-01T00:00:00Z", "setKeywords": {"a b": True}}, 1, "x"])
def test_refused(own, client, token, wrong):
    email = client.letter(token)
    assert client.refused(email, snoozed=wrong)["properties"] == ["snoozed"]
    assert list(client.get(email)["mailboxIds"]) == [client.mailbox("inbox")]


def test_gone_while_it_slept(own, client, token):
    email = client.letter(token)
    client.update(email, snoozed={"until": later(2)})
    assert client.call("Email/set", destroy=[email])["destroyed"] == [email]
    time.sleep(3)
    assert client.call("Email/get", ids=[email])["notFound"] == [email]
    assert client.call("Email/query", filter={"subject": token})["ids"] == []


def test_its_mailbox_gone_while_it_slept(own, client, token):
    made = client.call("Mailbox/set", create={"k": {"name": token}})["created"]["k"]["id"]
    email = client.letter(token, token)
    client.update(email, snoozed={"until": later(3600)})
    assert client.get(email)["snoozed"]["moveToMailboxId"] == made
    assert client.call("Mailbox/set", destroy=[made])["destroyed"] == [made]
    client.update(email, **{"snoozed/until": later(1)})  # that is all that changes
    assert list(client.wakes(email)["mailboxIds"]) == [client.mailbox("inbox")]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_missed_while_nobody_served(token, end):
    with Pombal() as own:
        with Client(own) as client:
            email = client.letter(token)
            client.update(email, snoozed={"until": later(3)})
        getattr(own, end)()
        time.sleep(3)
        own.start()
        with Client(own) as client:
            assert list(client.wakes(email)["mailboxIds"]) == [client.mailbox("inbox")]
            assert own.log().count("event=message.woken") == 1
            assert not list((own.data / "accounts" / ".agenda").iterdir())


def test_in_the_language_of_its_owner(token):
    with Pombal() as own:
        own.run("account", "set", own.name("anna"), "--language", "pt")
        with Client(own) as client:
            client.update(client.letter(token), snoozed={"until": later(3600)})
            assert next(one["name"] for one in client.call("Mailbox/get", ids=None)["list"] if one["role"] == "snoozed") == "Adiados"


def test_made_by_imap(token):
    with Pombal(options={"snooze_until": "off"}) as own:
        imap = own.imap("anna")
        assert imap._simple_command("CREATE", "Later", "(USE (\\Snoozed))")[0] == "OK"
        imap.logout()
        with Client(own) as client:
            assert client.mailbox("snoozed")
            email = client.letter(token, "Later")
            assert client.get(email)["snoozed"] is None  # the option is off
            client.update(email, snoozed={"until": later(2)})
            assert list(client.wakes(email)["mailboxIds"]) == [client.mailbox("inbox")]
