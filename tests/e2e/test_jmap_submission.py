"""Sending over JMAP (RFC 8621 §6 to §8): identities, submissions and having them back, and what is said while somebody is away."""
import base64
import datetime
import email
import email.policy
import http.client
import json
import os
import signal
import threading
import time

import pytest

import letters
from peers import ScriptedServer
from pombal import DEADLINE, PASSWORDS, Pombal, new_address, tls_context, wait_for

USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:submission", "urn:ietf:params:jmap:vacationresponse",
         "urn:ietf:params:jmap:mdn"]
MX_PORT = 22525
PASSWORDS.setdefault("carol", "carol, a password of these tests")


class Jmap:
    """A client that says who it is with each request."""

    def __init__(self, server, account="anna"):
        self.server, self.account = server, account
        words = f"{server.name(account)}:{server.password(account)}".encode()
        self.authorization = "Basic " + base64.b64encode(words).decode()
        self.session = self.ask("GET", "/.well-known/jmap")
        self.id = next(iter(self.session["accounts"]))

    def ask(self, method, path, body=None):
        connection = http.client.HTTPSConnection(self.server.address, self.server.ports["https"], timeout=DEADLINE, context=tls_context())
        try:
            connection.request(method, path, body and json.dumps(body), {"Authorization": self.authorization, "Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status in (301, 302, 307, 308):
                return self.ask(method, answer.headers["Location"], body)
            assert answer.status == 200, (answer.status, text)
            return json.loads(text)
        finally:
            connection.close()

    def calls(self, *calls):
        using = [one for one in USING if one in self.session["capabilities"]]
        body = {"using": using, "methodCalls": [[name, {"accountId": self.id, **arguments}, str(number)] for number, (name, arguments) in enumerate(calls)]}
        return self.ask("POST", self.session["apiUrl"][self.session["apiUrl"].index("/", 8):], body)["methodResponses"]

    def call(self, name, **arguments):
        answers = self.calls((name, arguments))
        assert len(answers) == 1 and answers[0][0] == name, answers
        return answers[0][1]

    def fails(self, name, **arguments):
        answers = self.calls((name, arguments))
        assert answers[0][0] == "error", answers
        return answers[0][1]["type"]

    def identity(self):
        return self.call("Identity/get", ids=None)["list"][0]["id"]

    def email(self, letter, mailbox="Drafts", flags="\\Draft"):
        """Puts a letter there, and gives its id: that of its file."""
        folder = self.server.data / "accounts" / self.server.domain / self.account / "mail"
        before = set(folder.glob("*/*.eml"))
        client = self.server.imap(self.account)
        client.append(mailbox, flags, None, letter)
        client.logout()
        return "e" + (set(folder.glob("*/*.eml")) - before).pop().stem

    def send(self, email, envelope=None, **more):
        answers = self.calls(("EmailSubmission/set", {"create": {"k": {"identityId": self.identity(), "emailId": email, **({"envelope": envelope} if envelope else {})}}, **more}))
        assert answers[0][0] == "EmailSubmission/set", answers
        return answers

    def sends(self, email, envelope=None, **more):
        answers = self.send(email, envelope, **more)
        assert answers[0][1]["created"], answers
        return answers[0][1]["created"]["k"]

    def is_refused(self, email, envelope=None):
        answer = self.send(email, envelope)[0][1]
        assert not answer["created"], answer
        return answer["notCreated"]["k"]

    def submission(self, identifier):
        return self.call("EmailSubmission/get", ids=[identifier])["list"][0]


@pytest.fixture(scope="module")
def own(names):
    state = {"closed": False}
    scripted = ScriptedServer(new_address(), MX_PORT, lambda verb, argument, session: None if verb != "RCPT" else "550 5.1.1 Nobody here" if "nobody" in argument
                              else "451 4.3.2 Closed today" if state["closed"] else None)
    names.domain("elsewhere.example", scripted.address)
    with Pombal(accounts=("anna", "boris", "carol"), options={"resolver": names.resolver, "mx_port": MX_PORT, "max_recipients": 20, "retry_schedule": ["1h"]}) as made:
        made.run("alias", "add", made.name("ania"), made.name("anna"))
        made.state, made.scripted = state, scripted
        yield made
    scripted.close()


@pytest.fixture
def client(own):
    return Jmap(own)


def envelope(own, *to, sender="anna", **parameters):
    return {"mailFrom": {"email": own.name(sender) if sender else "", "parameters": parameters or None}, "rcptTo": [{"email": one if "@" in one else own.name(one)} for one in to]}


def draft(own, token, *to, sender="anna", **fields):
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()).encode()
    return more + letters.simple(token, own.name(to[0] if to else "boris"), own.name(sender))


# ---- Identities ----

def test_the_session_says_what_there_is(client):
    assert client.session["capabilities"]["urn:ietf:params:jmap:submission"] == {}
    about = client.session["accounts"][client.id]["accountCapabilities"]["urn:ietf:params:jmap:submission"]
    assert about["maxDelayedSend"] == 31536000 and "FUTURERELEASE" in about["submissionExtensions"]
    assert client.session["accounts"][client.id]["accountCapabilities"]["urn:ietf:params:jmap:vacationresponse"] == {}


def test_identities(own, client):
    first = client.call("Identity/get", ids=None)
    default = first["list"][0]
    assert default["email"] == own.name("anna") and default["mayDelete"] is False and default["replyTo"] is None and default["textSignature"] == ""
    made = client.call("Identity/set", create={"k": {"email": own.name("ania"), "name": "Ania", "bcc": [{"name": None, "email": own.name("anna")}]}})
    identifier = made["created"]["k"]["id"]
    assert made["created"]["k"]["mayDelete"] is True and made["oldState"] == first["state"] != made["newState"]
    assert client.call("Identity/changes", sinceState=first["state"])["created"] == [identifier]
    assert client.call("Identity/set", update={identifier: {"name": "A.", "textSignature": "-- \nA."}})["updated"] == {identifier: None}
    got = client.call("Identity/get", ids=[identifier, "nobody"], properties=["name", "email", "textSignature"])
    assert got["list"] == [{"id": identifier, "name": "A.", "email": own.name("ania"), "textSignature": "-- \nA."}] and got["notFound"] == ["nobody"]
    changes = client.call("Identity/changes", sinceState=made["newState"])
    assert changes["updated"] == [identifier] and not changes["created"]
    refused = client.call("Identity/set", update={identifier: {"email": own.name("anna")}}, destroy=[default["id"]])
    assert refused["notUpdated"][identifier]["properties"] == ["email"] and refused["notDestroyed"][default["id"]]["type"] == "forbidden"
    assert client.call("Identity/set", destroy=[identifier])["destroyed"] == [identifier]
    assert client.call("Identity/changes", sinceState=changes["newState"])["destroyed"] == [identifier]
    assert client.fails("Identity/changes", sinceState="no state") == "cannotCalculateChanges"


@pytest.mark.parametrize("identity,wrong", [
    ({"email": "boris@example.test"}, "forbiddenFrom"), ({"email": "x@elsewhere.example"}, "forbiddenFrom"), ({}, "invalidProperties"), ({"email": "anna"}, "invalidProperties"),
    ({"email": "anna@example.test", "name": 1}, "invalidProperties"), ({"email": "anna@example.test", "replyTo": [{"email": 1}]}, "invalidProperties"),
    ({"email": "anna@example.test", "mayDelete": True}, "invalidProperties"), ({"email": "anna@example.test", "what": 1}, "invalidProperties"),
])
def test_identities_that_arent(client, identity, wrong):
    assert client.call("Identity/set", create={"k": identity})["notCreated"]["k"]["type"] == wrong


# ---- Sending ----

def test_sent_and_received(own, client, token):
    identifier = client.email(draft(own, token, Bcc=own.name("carol")))
    made = client.sends(identifier)
    assert made["undoStatus"] == "final" and made["threadId"]
    assert {one["email"] for one in made["envelope"]["rcptTo"]} == {own.name("boris"), own.name("carol")} and made["envelope"]["mailFrom"]["email"] == own.name("anna")
    for account in ("boris", "carol"):
        letter = email.message_from_bytes(own.wait_mail(token, account)[0])
        assert letter["Bcc"] is None and "with HTTP id" in letter["Received"] and letter["Return-Path"] == f"<{own.name('anna')}>"
    status = wait_for(lambda: client.submission(made["id"]) if all(one["delivered"] == "yes" for one in client.submission(made["id"])["deliveryStatus"].values()) else None, "what became of it")
    assert status["deliveryStatus"][own.name("boris")] == {"smtpReply": "250 2.0.0 delivered", "delivered": "yes", "displayed": "unknown"}
    assert status["emailId"] == identifier and status["dsnBlobIds"] == [] and status["undoStatus"] == "final"


def test_signed_and_counted_like_any(own, client, token):
    client.sends(client.email(draft(own, token)), envelope(own, f"{token}@elsewhere.example"))
    got = wait_for(lambda: next((one for one in own.scripted.letters if token in str(one)), None), "the letter elsewhere")
    assert "DKIM-Signature:" in str(got)


def test_another_servers_verdicts(own, client, token):
    made = client.sends(client.email(draft(own, token)), envelope(own, f"{token}@elsewhere.example", "nobody@elsewhere.example"))
    def known():
        all_ = client.submission(made["id"])["deliveryStatus"]
        return all_ if "queued" not in [one["delivered"] for one in all_.values()] else None
    status = wait_for(known, "what became of it")
    assert status[f"{token}@elsewhere.example"]["delivered"] == "unknown" and status[f"{token}@elsewhere.example"]["smtpReply"].startswith("250 ")
    assert status["nobody@elsewhere.example"]["delivered"] == "no" and status["nobody@elsewhere.example"]["smtpReply"].startswith("550 5.1.1 ")
    blob = wait_for(lambda: client.submission(made["id"])["dsnBlobIds"], "the report")[0]
    report = client.call("Email/query", filter={"header": ["Content-Type", "delivery-status"]}, sort=[{"property": "receivedAt", "isAscending": False}])["ids"][0]
    assert client.call("Email/get", ids=[report], properties=["blobId"])["list"][0]["blobId"] == blob
    assert client.submission(made["id"])["mdnBlobIds"] == []


def report_of(own, envelope_id, message_id, to, action):
    return f"""From: mailer-daemon@elsewhere.example\r\nTo: {own.name('anna')}\r\nSubject: report\r\nMIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nIt is so.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r
{f"Original-Envelope-Id: {envelope_id}{chr(13)}{chr(10)}" if envelope_id else ""}Reporting-MTA: dns; mx.elsewhere.example\r\n\r
Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 554 5.0.0 {action} at last\r\n\r
--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id}\r\n\r\n--b--\r\n""".encode()


@pytest.mark.parametrize("by", ["envelope", "message"])
def test_what_other_servers_report_later(own, client, token, by):
    """By the envelope's id, or the message's; and nobody's report of another message says anything."""
    identifier = client.email(draft(own, token, Message_ID=f"<{token}@example.test>"))
    made = client.sends(identifier, envelope(own, f"{token}@elsewhere.example", **({"ENVID": token} if by == "message" else {})))
    wait_for(lambda: client.submission(made["id"])["deliveryStatus"][f"{token}@elsewhere.example"]["delivered"] == "unknown", "that it has gone")
    queued = own.wait_log(rf"event=message.accepted id=(\S+) .*to={token}@elsewhere.example")[1]
    own.deliver(report_of(own, None, f"<other-{token}@example.test>", f"{token}@elsewhere.example", "failed"), sender="")
    own.deliver(report_of(own, queued if by == "envelope" else None, f"<{token}@example.test>", f"{token}@elsewhere.example", "failed"), sender="")
    blobs = wait_for(lambda: client.submission(made["id"])["dsnBlobIds"], "the report")
    status = client.submission(made["id"])["deliveryStatus"][f"{token}@elsewhere.example"]
    assert len(blobs) == 1 and status["delivered"] == "no" and status["smtpReply"] == "554 5.0.0 failed at last"


def test_refused(own, client, token):
    good = client.email(draft(own, token))
    assert client.is_refused("e000000000000000"[:15])["properties"] == ["emailId"]
    assert client.call("EmailSubmission/set", create={"k": {"identityId": "none", "emailId": good}})["notCreated"]["k"]["properties"] == ["identityId"]
    assert client.call("EmailSubmission/set", create={"k": {"identityId": client.identity()}})["notCreated"]["k"]["type"] == "invalidProperties"
    assert client.is_refused(good, envelope(own))["type"] == "noRecipients"
    many = client.is_refused(good, envelope(own, *(f"x{number}@elsewhere.example" for number in range(30))))
    assert many["type"] == "tooManyRecipients" and many["maxRecipients"] == 20
    invalid = client.is_refused(good, envelope(own, "boris", "no address@", "not-there@example.test"))
    assert invalid["type"] == "invalidRecipients" and sorted(invalid["invalidRecipients"]) == ["no address@", "not-there@example.test"]
    assert client.is_refused(good, envelope(own, "boris", sender="boris"))["type"] == "forbiddenMailFrom"
    assert client.is_refused(client.email(draft(own, token, sender="boris")), envelope(own, "boris"))["type"] == "forbiddenFrom"
    assert client.is_refused(good, {"rcptTo": []})["type"] == "invalidProperties"
    assert client.is_refused(good, envelope(own, "boris", WHAT="x"))["type"] == "invalidProperties"
    assert client.is_refused(client.email(b"To: x@elsewhere.example\r\nSubject: x\r\n\r\nx\r\n"))["type"] == "invalidEmail"
    assert client.is_refused(client.email(b"Subject: x\r\nFrom: anna@example.test\r\n\r\nx\r\n"))["type"] == "noRecipients"
    twice = client.is_refused(client.email(b"From: anna@example.test\r\nFrom: boris@example.test\r\nTo: boris@example.test\r\n\r\nx\r\n"), envelope(own, "boris"))
    assert twice["type"] == "invalidEmail" and twice["properties"] == ["from"]
    assert not own.queue()
    assert client.call("EmailSubmission/query", filter={"emailIds": [good]})["ids"] == []


def test_from_another_identity(own, client, token):
    """Who is the identity sends, where the header says somebody else (§7)."""
    made = client.call("Identity/set", create={"k": {"email": own.name("ania")}})["created"]["k"]["id"]
    sent = client.call("EmailSubmission/set", create={"k": {"identityId": made, "emailId": client.email(draft(own, token))}})["created"]["k"]
    assert sent["envelope"]["mailFrom"]["email"] == own.name("ania")
    assert own.wait_mail(token, "boris")


# ---- Later, and never ----

def later(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_later(own, client, token):
    until = later(4)
    made = client.sends(client.email(draft(own, token)), envelope(own, "boris", HOLDUNTIL=until))
    assert made["sendAt"] == until and made["undoStatus"] == "pending"
    assert next(one for one in own.queue() if one["waiting"])["account"] == own.name("anna")
    assert own.count_mail(token, "boris") == 0
    own.wait_mail(token, "boris")
    wait_for(lambda: client.submission(made["id"])["undoStatus"] == "final", "that it is over")
    assert client.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})["notUpdated"][made["id"]]["type"] == "cannotUnsend"


def test_had_back(own, client, token):
    made = client.sends(client.email(draft(own, token)), envelope(own, "boris", HOLDFOR="2"))
    state = client.call("EmailSubmission/get", ids=[])["state"]
    assert client.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})["updated"] == {made["id"]: None}
    assert client.submission(made["id"])["undoStatus"] == "canceled"
    assert client.call("EmailSubmission/changes", sinceState=state)["updated"] == [made["id"]]
    assert not own.queue()
    time.sleep(3)
    assert own.count_mail(token, "boris") == 0
    assert client.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "pending"}})["notUpdated"][made["id"]]["type"] == "invalidProperties"
    assert client.call("EmailSubmission/set", update={made["id"]: {"sendAt": later(5)}})["notUpdated"][made["id"]]["type"] == "invalidProperties"


def test_others_have_nothing_back(own, client, token):
    made = client.sends(client.email(draft(own, token)), envelope(own, "boris", HOLDFOR="3600"))
    other = Jmap(own, "boris")
    assert other.call("EmailSubmission/set", update={made["id"]: {"undoStatus": "canceled"}})["notUpdated"][made["id"]]["type"] == "notFound"
    assert client.call("EmailSubmission/set", destroy=[made["id"]])["destroyed"] == [made["id"]]
    assert [one for one in own.queue() if one["waiting"]]  # destroying the record changes nothing of what was sent
    own.run("queue", "remove", next(one["id"] for one in own.queue()))


def test_killed_while_it_waits(own, client, token):
    made = client.sends(client.email(draft(own, token)), envelope(own, "boris", HOLDFOR="4"))
    own.kill()
    own.start()
    own.wait_mail(token, "boris")
    wait_for(lambda: client.submission(made["id"])["undoStatus"] == "final", "that it is over")


# ---- What follows of it ----

def mailbox(client, role):
    return next(one["id"] for one in client.call("Mailbox/get", ids=None)["list"] if one["role"] == role)


def test_moved_when_it_was_sent(own, client, token):
    identifier, drafts, sent = client.email(draft(own, token)), mailbox(client, "drafts"), mailbox(client, "sent")
    patch = {f"mailboxIds/{drafts}": None, f"mailboxIds/{sent}": True, "keywords/$draft": None}
    answers = client.send(identifier, envelope(own, "boris"), onSuccessUpdateEmail={"#k": patch})
    assert [(one[0], one[2]) for one in answers] == [("EmailSubmission/set", "0"), ("Email/set", "0")]
    assert list(answers[1][1]["updated"]) == [identifier] and answers[1][1]["newState"] != answers[1][1]["oldState"]
    got = client.call("Email/get", ids=[identifier], properties=["mailboxIds", "keywords"])["list"][0]
    assert list(got["mailboxIds"]) == [sent] and "$draft" not in got["keywords"]
    own.wait_mail(token, "boris")


def test_destroyed_when_it_was_sent(own, client, token):
    identifier = client.email(draft(own, token))
    answers = client.send(identifier, envelope(own, "boris"), onSuccessDestroyEmail=["#k"])
    assert answers[1][0] == "Email/set" and answers[1][1]["destroyed"] == [identifier]
    assert client.call("Email/get", ids=[identifier])["notFound"] == [identifier]
    own.wait_mail(token, "boris")


def test_nothing_follows_of_what_was_refused(own, client, token):
    identifier = client.email(draft(own, token))
    answers = client.send(identifier, envelope(own), onSuccessUpdateEmail={"#k": {"keywords/$draft": None}}, onSuccessDestroyEmail=["#k"])
    assert len(answers) == 1 and answers[0][1]["notCreated"]
    assert client.call("Email/get", ids=[identifier], properties=["keywords"])["list"][0]["keywords"] == {"$draft": True}
    assert client.fails("EmailSubmission/set", onSuccessUpdateEmail={"#k": 1}) == "invalidArguments"


def test_back_into_drafts_when_it_was_had_back(own, client, token):
    identifier, drafts, sent = client.email(draft(own, token)), mailbox(client, "drafts"), mailbox(client, "sent")
    made = client.sends(identifier, envelope(own, "boris", HOLDFOR="3600"), onSuccessUpdateEmail={"#k": {f"mailboxIds/{drafts}": None, f"mailboxIds/{sent}": True}})
    answers = client.calls(("EmailSubmission/set", {"update": {made["id"]: {"undoStatus": "canceled"}},
                                                    "onSuccessUpdateEmail": {made["id"]: {f"mailboxIds/{drafts}": True, f"mailboxIds/{sent}": None}}}))
    assert answers[1][0] == "Email/set" and list(answers[1][1]["updated"]) == [identifier]
    assert list(client.call("Email/get", ids=[identifier], properties=["mailboxIds"])["list"][0]["mailboxIds"]) == [drafts]


def test_made_and_sent_in_one_request(own, client, token):
    drafts = mailbox(client, "drafts")
    letter = {"mailboxIds": {drafts: True}, "keywords": {"$draft": True}, "from": [{"email": own.name("anna")}], "to": [{"name": "Boris", "email": own.name("boris")}],
              "subject": token, "textBody": [{"partId": "1", "type": "text/plain"}], "bodyValues": {"1": {"value": "Hello."}}}
    answers = client.calls(("Email/set", {"create": {"letter": letter}}),
                           ("EmailSubmission/set", {"create": {"k": {"identityId": client.identity(), "emailId": "#letter"}}, "onSuccessDestroyEmail": ["#k"]}))
    assert [one[0] for one in answers] == ["Email/set", "EmailSubmission/set", "Email/set"], answers
    assert answers[1][1]["created"]["k"]["envelope"]["rcptTo"] == [{"email": own.name("boris"), "parameters": None}]
    assert answers[2][1]["destroyed"] == [answers[0][1]["created"]["letter"]["id"]]
    assert b"Hello." in own.wait_mail(token, "boris")[0]


# ---- Both, or neither ----

class Sender(threading.Thread):
    """Sends one email, and hears or doesn't what became of it."""

    def __init__(self, client, identity, email, to):
        super().__init__(daemon=True)
        self.client, self.create, self.made = client, {"identityId": identity, "emailId": email, "envelope": to}, None
        self.start()

    def run(self):
        try:
            self.made = self.client.call("EmailSubmission/set", create={"k": self.create})["created"]["k"]["id"]
        except (OSError, http.client.HTTPException, AssertionError, KeyError, TypeError, ValueError):
            pass


def know_the_same(own, client, token, email):
    """Is there a submission if, and only if, its message was sent? Once it is: then it has come, once."""
    submissions = client.call("EmailSubmission/query", filter={"emailIds": [email]})["ids"]
    assert len(submissions) <= 1
    own.wait_queue_empty()
    assert own.count_mail(token, "boris") == len(submissions)
    if submissions:
        wait_for(lambda: client.submission(submissions[0])["deliveryStatus"][own.name("boris")]["delivered"] == "yes", "what became of it")
    return submissions


@pytest.mark.parametrize("also", [[], ["queue"]])
def test_a_crash_before_the_queue_has_it(token, also):
    with Pombal() as own:
        own.expected_noise = ["event=role.ended"]
        client = Jmap(own)
        email, identity = client.email(draft(own, token)), client.identity()
        queue = own.role_of("queue")
        os.kill(queue, signal.SIGSTOP)
        sender = Sender(client, identity, email, envelope(own, "boris"))
        time.sleep(2)  # it is kept, and on its way into the queue
        for role in ["web", *also]:
            os.kill(own.role_of(role), signal.SIGKILL)
        if not also:
            os.kill(queue, signal.SIGCONT)
        sender.join(60)
        wait_for(lambda: is_answered(client), "the web role")
        know_the_same(own, client, token, email)


def is_answered(client):
    try:
        return client.call("Identity/get", ids=None)["list"]
    except (OSError, http.client.HTTPException, AssertionError):
        return None


def test_crashes_at_any_time(token):
    with Pombal() as own:
        client = Jmap(own)
        emails = [client.email(draft(own, f"{token}-{number}.")) for number in range(8)]
        identity = client.identity()
        for number, email in enumerate(emails):
            sender = Sender(client, identity, email, envelope(own, "boris"))
            time.sleep(0.01 * number)
            own.crash()
            sender.join(60)
            own.start()
            found = know_the_same(own, client, f"{token}-{number}.", email)
            assert sender.made is None or found == [sender.made]


def test_others_are_answered_while_one_waits(token):
    """The queue is silent; there are as many submissions as threads, and none of them holds one."""
    with Pombal(options={"workers": 2}) as own:
        client = Jmap(own)
        emails, identity = [client.email(draft(own, f"{token}-{number}.")) for number in range(4)], client.identity()
        queue = own.role_of("queue")
        os.kill(queue, signal.SIGSTOP)
        senders = [Sender(client, identity, email, envelope(own, "boris")) for email in emails]
        time.sleep(2)
        assert is_answered(client) and all(sender.is_alive() for sender in senders)
        os.kill(queue, signal.SIGCONT)
        for sender in senders:
            sender.join(60)
            assert sender.made
        for number in range(4):
            own.wait_mail(f"{token}-{number}.", "boris")


# ---- Receipts ----

RECEIPT = {"subject": "Read: x", "textBody": "Ich habe es gelesen – danke.", "reportingUA": "test; 1.0", "extensionFields": {"X-Extension": "more"},
           "disposition": {"actionMode": "manual-action", "sendingMode": "mdn-sent-manually", "type": "displayed"}}


def test_receipts(own, token):
    writer, reader = Jmap(own, "anna"), Jmap(own, "boris")
    made = writer.sends(writer.email(draft(own, token, Disposition_Notification_To=own.name("anna"))), envelope(own, "boris"))
    own.wait_mail(token, "boris")
    about = reader.call("Email/query", filter={"subject": token})["ids"][0]
    send = {"identityId": reader.identity(), "send": {"k": {"forEmailId": about, **RECEIPT}}, "onSuccessUpdateEmail": {"#k": {"keywords/$mdnsent": True}}}
    answers = reader.calls(("MDN/send", send))
    assert [one[0] for one in answers] == ["MDN/send", "Email/set"] and answers[0][1]["notSent"] is None, answers
    sent = answers[0][1]["sent"]["k"]
    assert sent["finalRecipient"] == f"rfc822; {own.name('boris')}" and sent["originalMessageId"].startswith("<")
    assert reader.calls(("MDN/send", send))[0][1]["notSent"]["k"]["type"] == "mdnAlreadySent"
    letter = email.message_from_bytes(own.wait_mail("Read: x", "anna")[0], policy=email.policy.default)
    assert letter["Return-Path"] == "<>" and letter["In-Reply-To"] == sent["originalMessageId"] and letter.get_content_type() == "multipart/report"
    found = writer.call("Email/query", filter={"subject": "Read"})["ids"][0]
    blob = writer.call("Email/get", ids=[found], properties=["blobId"])["list"][0]["blobId"]
    submission = writer.submission(made["id"])
    assert submission["mdnBlobIds"] == [blob] and submission["dsnBlobIds"] == []
    assert submission["deliveryStatus"][own.name("boris")] == {"smtpReply": "250 2.0.0 delivered", "delivered": "yes", "displayed": "yes"}
    parsed = writer.call("MDN/parse", blobIds=[blob, "b000000000000000"[:14], "none"])
    receipt = parsed["parsed"][blob]
    assert {name: receipt[name] for name in RECEIPT} == {**RECEIPT, "textBody": receipt["textBody"]} and receipt["textBody"].strip() == RECEIPT["textBody"]
    assert receipt["finalRecipient"] == sent["finalRecipient"] and receipt["originalMessageId"] == sent["originalMessageId"] and receipt["error"] is None
    assert receipt["forEmailId"] == writer.call("Email/query", filter={"subject": token})["ids"][0] and receipt["includeOriginalMessage"] is False
    assert parsed["notFound"] == ["b000000000000000"[:14], "none"] and parsed["notParsable"] is None
    original = reader.call("Email/get", ids=[about], properties=["blobId"])["list"][0]["blobId"]
    assert reader.call("MDN/parse", blobIds=[original])["notParsable"] == [original]


def test_receipts_of_ordinary_programs(own, client, token):
    """They come from the reader's own address, since few servers let one submit from the null reverse-path. One about somebody else says nothing."""
    made = client.sends(client.email(draft(own, token, Message_ID=f"<{token}@example.test>")), envelope(own, "boris", "carol"))
    own.wait_mail(token, "boris")
    receipt = f"""From: {{sender}}\r\nTo: {own.name("anna")}\r\nSubject: {{subject}}\r\nMIME-Version: 1.0\r
Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nIt was read.\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r
Final-Recipient: rfc822; {own.name("boris")}\r\nOriginal-Message-ID: <{token}@example.test>\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n"""
    for account in ("carol", "boris"):
        own.submit(receipt.format(sender=own.name(account), subject=f"{account} {token}").encode(), own.name("anna"), account=account)
        own.wait_mail(f"{account} {token}")
        submission = client.submission(made["id"])
        assert len(submission["mdnBlobIds"]) == (account == "boris") and submission["deliveryStatus"][own.name("boris")]["displayed"] == ("yes" if account == "boris" else "unknown")
    assert submission["deliveryStatus"][own.name("carol")]["displayed"] == "unknown"


@pytest.mark.parametrize("change,wrong", [
    ({"disposition": None}, "invalidProperties"), ({"disposition": {**RECEIPT["disposition"], "type": "eaten"}}, "invalidProperties"), ({"forEmailId": "e0"}, "notFound"),
    ({"extensionFields": {"Disposition": "x"}}, "invalidProperties"), ({"extensionFields": {"X": "a\r\nBcc: b@c"}}, "invalidProperties"), ({"mdnGateway": "x"}, "invalidProperties"),
], ids=str)
def test_receipts_that_arent(own, client, token, change, wrong):
    about = client.email(draft(own, token, Disposition_Notification_To=own.name("boris")), mailbox="INBOX", flags=None)
    answer = client.call("MDN/send", identityId=client.identity(), send={"k": {"forEmailId": about, **RECEIPT, **change}})
    assert answer["notSent"]["k"]["type"] == wrong and answer["sent"] is None


def test_no_receipt_is_asked_for(own, client, token):
    about = client.email(draft(own, token), mailbox="INBOX", flags=None)
    assert client.call("MDN/send", identityId=client.identity(), send={"k": {"forEmailId": about, **RECEIPT}})["notSent"]["k"]["type"] == "notFound"
    assert client.fails("MDN/send", identityId="none", send={"k": {"forEmailId": about, **RECEIPT}}) == "invalidArguments"


# ---- Asking ----

def test_query(own, client, token):
    emails = [client.email(draft(own, f"{token}-{number}")) for number in range(3)]
    state = client.call("EmailSubmission/query")["queryState"]
    made = [client.sends(one, envelope(own, "boris"))["id"] for one in emails]
    mine = {"emailIds": emails}
    assert client.call("EmailSubmission/query", filter=mine, sort=[{"property": "emailId"}])["ids"] == made
    assert client.call("EmailSubmission/query", filter=mine, sort=[{"property": "emailId", "isAscending": False}], limit=2, calculateTotal=True)["ids"] == made[:0:-1]
    assert client.call("EmailSubmission/query", filter={"operator": "NOT", "conditions": [{"identityIds": [client.identity()]}]})["ids"].count(made[0]) == 0
    assert client.call("EmailSubmission/query", filter={"operator": "AND", "conditions": [mine, {"undoStatus": "final"}, {"before": later(100)}, {"after": later(-100)}]})["ids"] == made
    assert client.call("EmailSubmission/query", filter={**mine, "before": later(-100)})["ids"] == []
    changes = client.call("EmailSubmission/queryChanges", sinceQueryState=state, sort=[{"property": "sentAt"}])
    assert set(made) <= {one["id"] for one in changes["added"]}
    assert client.fails("EmailSubmission/query", sort=[{"property": "size"}]) == "unsupportedSort"
    assert client.fails("EmailSubmission/query", filter={"what": 1}) == "unsupportedFilter"
    own.wait_queue_empty()


# ---- Away ----

def test_vacation(own, client, token):
    got = client.call("VacationResponse/get", ids=None)
    assert [one["id"] for one in got["list"]] == ["singleton"] and got["list"][0]["isEnabled"] is False
    done = client.call("VacationResponse/set", update={"singleton": {"isEnabled": True, "subject": "Away", "textBody": "Back soon.", "toDate": later(3600)}})
    assert done["updated"] == {"singleton": None} and done["newState"] != done["oldState"]
    assert client.call("VacationResponse/get", ids=["singleton", "x"])["notFound"] == ["x"]
    assert own.json("account", "vacation", own.name("anna"))["textBody"] == "Back soon."
    own.submit(letters.simple(token, own.name("anna"), own.name("boris")), own.name("anna"), account="boris")
    answer = email.message_from_bytes(own.wait_mail("Away", "boris")[0], policy=email.policy.default)
    assert answer["Auto-Submitted"] == "auto-replied" and "Back soon." in answer.get_content()
    assert client.call("VacationResponse/set", update={"other": {}})["notUpdated"]["other"]["type"] == "notFound"
    refused = client.call("VacationResponse/set", create={"k": {}}, destroy=["singleton"])
    assert refused["notCreated"]["k"]["type"] == refused["notDestroyed"]["singleton"]["type"] == "singleton"
    refused = client.call("VacationResponse/set", update={"singleton": {"fromDate": "tomorrow", "isEnabled": 1}})["notUpdated"]["singleton"]
    assert sorted(refused["properties"]) == ["fromDate", "isEnabled"]
    assert client.call("VacationResponse/set", update={"singleton": {"isEnabled": False, "toDate": None}})["updated"]
