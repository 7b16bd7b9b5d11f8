"""Push subscriptions (RFC 8620 §7.2): who makes one, what is told to it, and how; what push services answer; what ends one; and what attackers try with them."""
import json
import socket
import sqlite3
import time

import pytest

from jmap import CORE, MAIL, Jmap, Refused
from oauth import Program
from pombal import PASSWORDS, ROOT, Pombal, wait_for
from pushservice import PATIENCE, Device, PushService
from test_jmap_transcripts import Dialogue
from web import Browser

EMAIL_PUSH, VAPID = "urn:ietf:params:jmap:emailpush", "urn:ietf:params:jmap:webpush-vapid"
USING = (CORE, MAIL, EMAIL_PUSH)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = PushService(tmp_path_factory.mktemp("push"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def server(service):
    with Pombal(options=service.options) as one:
        yield one


@pytest.fixture
def person(server, token):
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


@pytest.fixture
def path(token):
    return f"/push/{token}"


def letter(token, text="text"):
    return f"From: Somebody <someone@elsewhere.example>\r\nTo: you@example.test\r\nSubject: {token}\r\nMessage-ID: <{token}@elsewhere.example>\r\n\r\n{text}\r\n".encode()


def push_set(client, **arguments):
    status, _, body = client.ask("POST", "/jmap/api", json.dumps({"using": USING, "methodCalls": [["PushSubscription/set", arguments, "0"]]}), Content_Type="application/json")
    assert status == 200, body
    name, answer, _ = json.loads(body)["methodResponses"][0]
    assert name == "PushSubscription/set", answer
    assert "accountId" not in answer and "newState" not in answer
    return answer


def push_get(client, **arguments):
    status, _, body = client.ask("POST", "/jmap/api", json.dumps({"using": USING, "methodCalls": [["PushSubscription/get", arguments, "0"]]}), Content_Type="application/json")
    assert status == 200, body
    name, answer, _ = json.loads(body)["methodResponses"][0]
    if name == "error":
        raise Refused(answer)
    assert "accountId" not in answer and "state" not in answer
    return answer


def ids(client):
    return [one["id"] for one in push_get(client)["list"]]


def subscribe(client, service, path, device=None, **more):
    """One that isn't verified yet: its id."""
    answer = push_set(client, create={"s": {"deviceClientId": "test", "url": service.origin + path, **({"keys": device.keys} if device else {}), **more}})
    assert answer["notCreated"] is None, answer
    return answer["created"]["s"]["id"]


def verified(client, service, path, device=None, **more):
    id = subscribe(client, service, path, device, **more)
    fields, said = service.next(path, device)
    assert said["@type"] == "PushVerification" and said["pushSubscriptionId"] == id and fields["Urgency"] == "high"
    answer = push_set(client, update={id: {"verificationCode": said["verificationCode"]}})
    assert answer["updated"] == {id: None}, answer
    return id


def changed(service, path, device, client, *names):
    """Messages until the named types were told; their states."""
    told = {}
    while not set(names) <= set(told):
        _, said = service.next(path, device)
        assert said["@type"] == "StateChange" and set(said["changed"]) == {client.account}
        told.update(said["changed"][client.account])
    return told


def test_transcript(server, service, person):
    Dialogue(Jmap(server, person, using=USING), service).play(ROOT / "tests/transcripts/jmap-push/subscriptions.txt")


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_subscription_is_verified_and_told(server, service, person, token, path, encrypted):
    client, device = Jmap(server, person), Device() if encrypted else None
    id = subscribe(client, service, path, device, types=["Email", "EmailDelivery", "Mailbox", "Unknown"])
    shown = push_get(client)["list"][0]
    assert shown["id"] == id and shown["verificationCode"] is None and shown["deviceClientId"] == "test" and "url" not in shown and "keys" not in shown
    _, said = service.next(path, device)
    server.deliver(letter(token), server.name(person))
    server.wait_mail(token, person)
    wrong = push_set(client, update={id: {"verificationCode": "AAAAAAAAAAAAAAAAAAAAAA"}})
    assert wrong["notUpdated"][id]["type"] == "invalidProperties" and service.is_quiet(path), "nothing is told before it is verified"
    assert push_set(client, update={id: {"verificationCode": said["verificationCode"]}})["updated"] == {id: None}
    told = changed(service, path, device, client, "Email", "EmailDelivery", "Mailbox")
    assert told["Email"] == client.call("Email/get", ids=[])["state"] and told["Mailbox"] == client.call("Mailbox/get", ids=[])["state"] and "Thread" not in told
    assert push_get(client)["list"][0]["verificationCode"] == said["verificationCode"]
    inbox = client.query()[0]
    assert client.call("Email/set", update={inbox: {"keywords/$flagged": True}})["updated"]
    fields, said = service.next(path, device)
    assert set(said["changed"][client.account]) >= {"Email"} and "EmailDelivery" not in said["changed"][client.account] and fields["Urgency"] == "low"
    assert server.wait_log(rf"event=push\.sent account={server.name(person)} subscription={id[1:]} what=changes host={service.address} status=201")
    assert push_set(client, destroy=[id])["destroyed"] == [id]
    assert ids(client) == []


def test_only_types_that_were_named_are_told(server, service, person, token, path):
    client, device = Jmap(server, person), Device()
    id = verified(client, service, path, device, types=["EmailDelivery"])
    server.deliver(letter(token), server.name(person))
    fields, said = service.next(path, device)
    assert set(said["changed"][client.account]) == {"EmailDelivery"} and fields["Urgency"] == "normal"
    assert push_set(client, update={id: {"types": ["Identity"]}})["updated"] == {id: None}
    email = server.wait_mail(token, person) and client.query()[0]
    assert client.call("Email/set", update={email: {"keywords/$seen": True}})["updated"]
    client.using.append("urn:ietf:params:jmap:submission")
    assert client.call("Identity/set", create={"i": {"name": "Me", "email": server.name(person)}})["created"]
    assert set(changed(service, path, device, client, "Identity")) == {"Identity"}


def test_the_key_is_told_and_can_be_changed(service, token, path):
    with Pombal(options=service.options) as own:
        client, device = Jmap(own), Device()
        key = client.session["capabilities"][VAPID]["applicationServerKey"]
        assert client.session["accounts"][client.account]["accountCapabilities"][EMAIL_PUSH] == {} and VAPID not in client.session["accounts"][client.account]["accountCapabilities"]
        first = subscribe(client, service, path, device)
        fields, said = service.next(path, device)
        assert fields["key"] == key
        assert own.json("push", "key")["applicationServerKey"] == key
        assert own.json("push", "key", "--new")["applicationServerKey"] != key
        again = own.json("push", "key")
        assert again["applicationServerKey"] != key and own.json("push", "key") == again
        own.stop()
        own.start()
        client = Jmap(own)
        assert client.session["capabilities"][VAPID]["applicationServerKey"] == again["applicationServerKey"]
        assert ids(client) == [first], "with the former key it goes on for a while"
        second = subscribe(client, service, path + "-2", device)
        assert service.next(path + "-2", device)[0]["key"] == again["applicationServerKey"]
        own.stop()
        with sqlite3.connect(own.data / "directory/directory.db") as db:
            db.execute("UPDATE push_key SET retired = 1 WHERE retired <> 0")
        own.start()
        assert push_set(Jmap(own), update={first: {"verificationCode": said["verificationCode"]}})["updated"] == {first: None}
        own.deliver(letter(token), own.name("anna"))
        own.wait_log(rf"event=push\.removed account={own.name('anna')} subscription={first[1:]} reason=\"it was made with a key of this server's that is gone\"", deadline=PATIENCE)
        assert ids(Jmap(own)) == [second]


def test_emails_are_told_themselves(server, service, person, token, path):
    client, device = Jmap(server, person), Device()
    inbox, junk = client.mailbox("inbox"), client.mailbox("junk")
    config = {client.account: {"filter": {"operator": "AND", "conditions": [{"inMailbox": inbox}, {"operator": "NOT", "conditions": [{"subject": "silence"}]}]},
                               "properties": ["from", "subject", "id", "preview", "header:X-None:asText"], "urgency": "high"}}
    id = verified(client, service, path, device, types=[], emailPush=config)
    assert push_get(client)["list"][0]["emailPush"] == config
    server.deliver(letter(token + "-silence silence"), server.name(person))
    server.wait_mail(token + "-silence", person)
    server.deliver(letter(token), server.name(person))
    fields, said = service.next(path, device)
    assert fields["Urgency"] == "high" and list(said) == ["@type", "accountId", "emails", "state"] and said["@type"] == "EmailPush" and said["accountId"] == client.account
    assert len(said["emails"]) == 1 and list(said["emails"][0])[:4] == ["from", "subject", "id", "preview"]
    email = said["emails"][0]
    assert email["from"] == [{"name": "Somebody", "email": "someone@elsewhere.example"}] and email["subject"] == token and email["preview"] == "text"
    assert client.email(email["id"], "subject")["subject"] == token
    # What is added elsewhere, is a draft or was read isn't told; what comes next is.
    client.add(letter(token + "-junk"), [junk])
    client.add(letter(token + "-draft"), [inbox], ["$draft"])
    client.add(letter(token + "-seen"), [inbox], ["$seen"])
    client.add(letter(token + "-next"), [inbox])
    _, said = service.next(path, device)
    assert [one["subject"] for one in said["emails"]] == [token + "-next"]
    assert push_set(client, update={id: {"emailPush": None, "types": ["Mailbox"]}})["updated"] == {id: None}
    client.add(letter(token + "-last"), [inbox])
    assert set(changed(service, path, device, client, "Mailbox")) == {"Mailbox"}


def test_emails_go_together_as_far_as_they_fit(server, service, person, token, path):
    client, device = Jmap(server, person), Device()
    inbox = client.mailbox("inbox")
    verified(client, service, path, device, types=[], emailPush={client.account: {"filter": None, "properties": ["subject", "to"]}})
    many = ", ".join(f"someone-{i}@{'x' * 40}.example" for i in range(300))
    client.add(f"From: a@b.example\r\nTo: {many}\r\nSubject: {token} 0\r\n\r\n".encode(), [inbox])
    for i in range(1, 60):
        client.add(f"From: a@b.example\r\nTo: a@b.example\r\nSubject: {token} {i} {'y' * 100}\r\n\r\n".encode(), [inbox])
    seen = []
    while len(seen) < 60:
        _, said = service.next(path, device)
        seen += said["emails"]
    assert sorted(int(one["subject"].split()[1]) for one in seen) == list(range(60)), "each once"
    assert next(one for one in seen if one["subject"].split()[1] == "0") == {"subject": token + " 0"}, "of what is too large there is as much as fits"
    assert all("to" in one for one in seen if one["subject"].split()[1] != "0")


def test_what_is_wrong_is_refused(server, service, person, path):
    client, device = Jmap(server, person), Device()
    good = {"deviceClientId": "test", "url": service.origin + path}
    other = Jmap(server, "boris").account

    def refused(property, **more):
        answer = push_set(client, create={"s": {**good, **more}})
        assert answer["created"] is None and answer["notCreated"]["s"]["type"] == "invalidProperties" and answer["notCreated"]["s"]["properties"] == [property], answer

    for url in ("", "http://127.0.0.1/x", "ftp://a/", "https://", "https://user@host/", "https://host/#x", "https://a b/", "x" * 3000, None, 7, "https://host/" + "x" * 3000):
        refused("url", url=url)
    for keys in ({}, {"p256dh": device.keys["p256dh"]}, {**device.keys, "auth": "AAAA"}, {**device.keys, "p256dh": "BAAA"}, {**device.keys, "more": 1}, [], {**device.keys, "p256dh": device.keys["p256dh"][:-4] + "AAAA"}):
        refused("keys", keys=keys)
    refused("deviceClientId", deviceClientId="")
    refused("deviceClientId", deviceClientId="x" * 300)
    refused("verificationCode", verificationCode="abc")
    refused("expires", expires="2001-01-01T00:00:00Z")
    refused("expires", expires="tomorrow")
    refused("types", types="Email")
    refused("types", types=["x"] * 100)
    refused("unheard", unheard=1)
    refused("keys", emailPush={client.account: {"properties": ["id"]}})
    for config in ({other: {"properties": ["id"]}}, {client.account: {}}, {client.account: {"properties": ["nothing"]}}, {client.account: {"properties": ["id"], "filter": {"unheard": 1}}},
                   {client.account: {"properties": ["id"], "urgency": "now"}}, {client.account: {"properties": ["id"], "filter": {"subject": "x" * 40000}}}, [],
                   {client.account: {"properties": ["id"], "filter": {"operator": "OR", "conditions": [{"text": str(i)} for i in range(6)]}}}):
        refused("emailPush", keys=device.keys, emailPush=config)
    for property in ("url", "keys"):
        with pytest.raises(Refused) as error:
            push_get(client, properties=["id", property])
        assert error.value.type == "forbidden"
    id = subscribe(client, service, path, device)
    for patch in ({"url": "https://elsewhere.example/"}, {"keys": None}, {"deviceClientId": "other"}, {"id": "w1"}, {"verificationCode": "x"}, {"unheard": 1}):
        assert push_set(client, update={id: patch})["notUpdated"][id]["type"] == "invalidProperties", patch
    assert push_set(client, update={"w0000000000000": {"types": None}}, destroy=["nothing"])["notUpdated"]["w0000000000000"]["type"] == "notFound"
    status, _, body = client.ask("POST", "/jmap/api", json.dumps({"using": [CORE], "methodCalls": [["PushSubscription/get", {"accountId": client.account}, "0"]]}), Content_Type="application/json")
    assert json.loads(body)["methodResponses"][0][1]["type"] == "invalidArguments"
    answer = json.loads(client.ask("POST", "/jmap/api", json.dumps({"using": [CORE], "methodCalls": [
        ["PushSubscription/set", {"create": {"s": {**good, "keys": device.keys, "emailPush": {client.account: {"properties": ["id"]}}}}}, "0"]]}), Content_Type="application/json")[2])
    assert answer["methodResponses"][0][1]["notCreated"]["s"]["properties"] == ["emailPush"], "who doesn't say that he uses it has no such property"


def test_they_end_in_time(server, service, person, path):
    client = Jmap(server, person)
    answer = push_set(client, create={"a": {"deviceClientId": "a", "url": service.origin + path}, "b": {"deviceClientId": "b", "url": service.origin + path, "expires": "2999-01-01T00:00:00Z"}})
    for made in answer["created"].values():
        assert 29 * 86400 < time.mktime(time.strptime(made["expires"], "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime()) <= 30 * 86400 + 60
    id = answer["created"]["a"]["id"]
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5))
    assert push_set(client, update={id: {"expires": soon}})["updated"] == {id: None}
    assert list(push_set(client, update={answer["created"]["b"]["id"]: {"expires": None}})["updated"].values())[0]["expires"]
    wait_for(lambda: id not in ids(client), "its end", PATIENCE)
    server.wait_log(rf"event=push\.removed account={server.name(person)} subscription={id[1:]} reason=\"it has expired\"", deadline=PATIENCE)


def test_so_many_are_enough(service, token, path):
    with Pombal(options={**service.options, "push_subscriptions": 3}) as own:
        client = Jmap(own)
        made = [subscribe(client, service, f"{path}-{i}") for i in range(3)]
        answer = push_set(client, create={"s": {"deviceClientId": "test", "url": service.origin + path}})
        assert answer["notCreated"]["s"]["type"] == "overQuota"
        assert push_set(client, destroy=made)["destroyed"] == made
        wait_for(lambda: not list((own.data / "accounts").glob("*/anna/push")), "the mark's end", PATIENCE)


def test_nobody_sees_anothers(server, service, person, path):
    """Not with the same account's other password either."""
    mine, other = Jmap(server, person), Jmap(server, "boris")
    made = server.json("account", "app-password", "add", server.name(person), "--name", "phone", "--allow", "mail-read")
    phone = Jmap(server, person, made["password"])
    id, phones = subscribe(mine, service, path), subscribe(phone, service, path + "-phone")
    assert ids(mine) == [id] and ids(phone) == [phones] and id not in ids(other)
    for client in (phone, other):
        assert push_get(client, ids=[id]) == {"list": [], "notFound": [id]}
        assert push_set(client, update={id: {"types": []}}, destroy=[])["notUpdated"][id]["type"] == "notFound"
        assert push_set(client, destroy=[id])["notDestroyed"][id]["type"] == "notFound"
    assert ids(mine) == [id]


def test_what_it_was_made_with_ends_it(server, service, person, token, path):
    server_name = server.name(person)
    made = server.json("account", "app-password", "add", server_name, "--name", "phone")
    phone, device = Jmap(server, person, made["password"]), Device()
    id = verified(phone, service, path, device, types=["EmailDelivery"])
    browser = Browser(server, tls=False)
    browser.sign_in(person)
    browsers = json.loads(browser.ask("POST", "/jmap/api", {"using": [CORE], "methodCalls": [["PushSubscription/set", {"create": {"s": {
        "deviceClientId": "b", "url": service.origin + path + "-browser"}}}, "0"]]}).body)["methodResponses"][0][1]["created"]["s"]
    assert browsers["expires"] is None, "it lasts as long as the session"
    mine = Jmap(server, person)
    owners = subscribe(mine, service, path + "-own")
    server.run("account", "app-password", "remove", server_name, str(made["id"]))
    server.wait_log(rf"event=push\.removed account={server_name} subscription={id[1:]} reason=\"who made it has no right to it any more\"", deadline=PATIENCE)
    assert browser.ask("DELETE", "/session").status in (200, 204)
    server.wait_log(rf"event=push\.removed account={server_name} subscription={browsers['id'][1:]} ", deadline=PATIENCE)
    assert ids(mine) == [owners]
    server.deliver(letter(token), server_name)
    server.wait_mail(token, person)
    assert service.is_quiet(path), "it isn't told any more"
    server.run("account", "set", server_name, "--disabled")
    server.wait_log(rf"event=push\.removed account={server_name} subscription={owners[1:]} ", deadline=PATIENCE)
    wait_for(lambda: not list((server.data / "accounts").glob(f"*/{person}/push")), "the mark's end", PATIENCE)


def test_push_services_that_refuse(server, service, person, token, path):
    client = Jmap(server, person)
    service.answer.update({f"{path}-{status}": (status, {}) for status in (404, 410)})
    for id in [subscribe(client, service, f"{path}-{status}") for status in (404, 410)]:
        server.wait_log(rf"event=push\.removed account={server.name(person)} subscription={id[1:]} reason=\"its push service knows it no more\"", deadline=PATIENCE)
    wait_for(lambda: ids(client) == [], "their end", PATIENCE)
    for status, fields in ((429, {"Retry-After": "1"}), (500, {}), (301, {"Location": f"https://127.0.0.1:{service.port}/elsewhere"}), (307, {"Location": "http://127.0.0.1/"})):
        here = f"{path}-{status}"
        service.answer[here] = (status, fields)
        id = subscribe(client, service, here)
        service.next(here)
        server.wait_log(rf"event=push\.failed account={server.name(person)} subscription={id[1:]} what=verification host={service.address} status={status} .*again=5", deadline=PATIENCE)
        del service.answer[here]
        assert service.next(here)[1]["@type"] == "PushVerification", "it is tried again"
        assert push_set(client, destroy=[id])["destroyed"] == [id]
    assert service.is_quiet("/elsewhere")


def test_one_message_at_a_time(server, service, person, token, path):
    """What changes while a slow service takes one is told in the next."""
    client, other = Jmap(server, person), Jmap(server, "boris")
    inbox = client.mailbox("inbox")
    verified(client, service, path, types=["Email", "Mailbox"])
    under_way, most, held = [], [], []

    def slow(handler):
        under_way.append(handler)
        most.append(len(under_way))
        wait_for(lambda: held, "being let go", PATIENCE)
        under_way.remove(handler)
        handler.send_response(201)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    service.answer[path] = slow
    for i in range(10):
        client.add(letter(f"{token}-{i}"), [inbox])
    first = service.next(path)[1]
    # Others are served meanwhile.
    verified(other, service, path + "-other", types=["EmailDelivery"])
    held.append(True)
    last = client.call("Email/get", ids=[])["state"]
    said = first
    while said["changed"][client.account].get("Email") != last:
        said = service.next(path)[1]
    assert max(most) == 1 and len(most) < 8, "they are put together"


def test_what_wasnt_told_is_told_after_a_start(service, token, path):
    with Pombal(options=service.options) as own:
        client, device = Jmap(own), Device()
        verified(client, service, path, device, types=["EmailDelivery"], emailPush={client.account: {"filter": None, "properties": ["subject"]}})
        service.answer[path] = (503, {})
        own.deliver(letter(token), own.name("anna"))
        service.next(path, device)
        own.wait_log(r"event=push\.failed .*status=503", deadline=PATIENCE)
        own.stop()
        del service.answer[path]
        while not service.is_quiet(path):
            service.next(path, device)
        own.start()
        said = [service.next(path, device)[1] for _ in range(2)]
        assert [one["@type"] for one in said] == ["EmailPush", "StateChange"] and said[0]["emails"] == [{"subject": token}] and "EmailDelivery" in said[1]["changed"][client.account]
        own.kill()
        own.start()
        own.deliver(letter(token + "-2"), own.name("anna"))
        # What was told just before the kill may not have been written down, and is told again: twice is harmless, never would not be.
        while [one["subject"] for one in service.next(path, device)[1].get("emails", [])][-1:] != [token + "-2"]:
            pass


def test_nothing_inside_is_reached(service, token, path):
    """Of addresses that aren't the internet's none is connected to, by number or by name."""
    with Pombal(options={"trusted_certificates": service.options["trusted_certificates"]}) as own:
        client = Jmap(own)
        for host in ("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
                     "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fc00::1]", "[fe80::1]", "[ff02::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:db8::1]", service.address):
            answer = push_set(client, create={"s": {"deviceClientId": "test", "url": f"https://{host}:{service.port}{path}"}})
            assert answer["created"] is None and answer["notCreated"]["s"]["properties"] == ["url"], (host, answer)
        for number, host in enumerate(("localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost.localdomain")):
            answer = push_set(client, create={"s": {"deviceClientId": "test", "url": f"https://{host}:{service.port}{path}-{number}"}})
            if answer["created"]:
                own.wait_log(rf"event=push\.failed .*subscription={answer['created']['s']['id'][1:]} .*host={host} status=0", deadline=PATIENCE)
        assert all(service.is_quiet(f"{path}-{number}") for number in range(6)) and service.is_quiet(path)


def test_a_service_that_hangs_holds_up_nobody_else(server, service, person, token, path):
    hanging = socket.create_server((service.address, 0))
    client, other, device = Jmap(server, person), Jmap(server, "boris"), Device()
    for i in range(6):
        push_set(client, create={"s": {"deviceClientId": f"h{i}", "url": f"https://{service.address}:{hanging.getsockname()[1]}/{i}"}})
    verified(other, service, path, device, types=["EmailDelivery"])
    server.deliver(letter(token), server.name("boris"))
    assert "EmailDelivery" in changed(service, path, device, other, "EmailDelivery")
    hanging.close()


def test_the_option_turns_it_off(service, token, path):
    with Pombal(options=service.options) as own:
        client = Jmap(own)
        verified(client, service, path, types=["EmailDelivery"])
        own.configure(push=False)
        own.run("reload")
        session = json.loads(client.ask("GET", "/.well-known/jmap")[2])
        assert VAPID not in session["capabilities"] and EMAIL_PUSH not in session["capabilities"]
        assert push_set(client, create={"s": {"deviceClientId": "test", "url": service.origin + path}})["notCreated"]["s"]["type"] == "forbidden"
        own.deliver(letter(token), own.name("anna"))
        own.wait_mail(token)
        own.configure(push=True)
        own.run("reload")
        own.deliver(letter(token + "-2"), own.name("anna"))
        assert set(service.next(path)[1]["changed"][client.account]) == {"EmailDelivery"}, "what has changed meanwhile is told then"
        listed = own.json("push", "list", own.name("anna"))
        assert [one["what"] for one in listed if one["event"] == "push.sent"][:1] == ["verification"] and all(one["account"] == own.name("anna") for one in listed)


def test_a_program_that_was_let_in(server, service, person, path):
    program = Program(server)
    program.sign_in(server.name(person), PASSWORDS[person])
    answer = program.ask("POST", "/jmap/api", json={"using": [CORE], "methodCalls": [["PushSubscription/set", {"create": {"s": {"deviceClientId": "p", "url": service.origin + path}}}, "0"]]},
                         headers={"Authorization": f"Bearer {program.access}"})
    made = answer.json()["methodResponses"][0][1]["created"]["s"]
    assert made["expires"] is None
    assert program.ask("POST", "/oauth/revoke", data={"token": program.access}).status_code == 200
    server.wait_log(rf"event=push\.removed account={server.name(person)} subscription={made['id'][1:]} ", deadline=PATIENCE)
