"""JMAP and its role's death, and JMAP beside IMAP. Each client knows of everything whether it was acknowledged, and a model of what there may be.

CRASH_JMAP (acknowledged changes), CRASH_WEB_KILLS and CRASH_TOGETHER (seconds) make them long."""
import http.client
import json
import os
import random
import re
import signal
import threading
import time

from jmap import CORE, MAIL, Jmap, Refused
from load import check_disk, drain, setting
from pombal import PASSWORDS, Pombal

CLIENTS = ["j1", "j2", "j3", "j4"]
PASSWORDS.update({name: f"the secret of {name}" for name in [*CLIENTS, "both", "friend"]})
USING = (CORE, MAIL, "urn:ietf:params:jmap:submission")
PATIENCE = 60


class Gone(Exception):
    """The answer was lost, or the server couldn't do it now: nobody knows what has become of it."""


class Once(Jmap):
    """Asks once: what was asked twice would be done twice."""

    def ask(self, method, path, body=None, **fields):
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection(self.server.address, self.server.ports["http"], timeout=PATIENCE)
            self.connection.request(method, path, body, {"Authorization": self.credentials, **{name.replace("_", "-"): value for name, value in fields.items()}})
            answer = self.connection.getresponse()
            status, headers, text = answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Gone from error
        if status in (401, 429) or status >= 500: # auth may be away, too
            raise Gone(status)
        return status, headers, text

    def call(self, name, **arguments):
        try:
            return super().call(name, **arguments)
        except Refused as error:
            if error.type in ("serverUnavailable", "serverFail", "serverPartialFail"):
                raise Gone from error
            raise


def patiently(action):
    """What it gives, as soon as the server is there."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return action()
        except Gone:
            assert time.monotonic() < end, "the server doesn't come back"
            time.sleep(0.05)


class Client(threading.Thread):
    """Changes an account that is its own. `emails`: {subject: (mailbox, keywords)} is all that there is; `ids` are known by subjects, too."""

    def __init__(self, server, name, enough):
        super().__init__(daemon=True)
        self.server, self.name_, self.enough, self.chance = server, name, enough, random.Random(random.random())
        self.emails, self.ids, self.blobs, self.sent, self.doubtful = {}, {}, {}, set(), set()
        self.states, self.done, self.lost, self.count, self.problem = {}, 0, 0, 0, None

    def prepare(self):
        self.jmap = patiently(lambda: Once(self.server, self.name_, using=USING))
        boxes = patiently(self.jmap.mailboxes)
        self.boxes = {role: next(one["id"] for one in boxes if one["role"] == role) for role in ("inbox", "archive", "drafts", "sent")}
        self.identity = patiently(lambda: self.jmap.call("Identity/get", ids=None))["list"][0]["id"]
        self.state = patiently(lambda: self.jmap.call("Email/get", ids=[]))["state"]
        self.known = set()

    def run(self):
        try:
            while not self.enough.is_set():
                self.change()
            self.look()
        except BaseException as error:
            self.problem = error
            self.enough.set()
            raise

    # ---- what there is ----

    def look(self, *candidates):
        """What there is is one of these, and the way from the state that was last known leads there."""
        def read():
            changes, known = [], set(self.known)
            found = self.jmap.request(("Email/query", {"limit": 1000}, "q"), ("Email/get", {"#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
                                      "properties": ["subject", "mailboxIds", "keywords"]}, "g"))["methodResponses"]
            if any(answer[0] == "error" for answer in found):
                raise Gone
            state = self.state
            while True:
                answer = self.jmap.call("Email/changes", sinceState=state, maxChanges=50)
                changes.append(answer)
                known = (known | set(answer["created"]) | set(answer["updated"])) - set(answer["destroyed"])
                state = answer["newState"]
                if not answer["hasMoreChanges"]:
                    return found[1][1], state, known
        got, state, known = patiently(read)
        places = {id: role for role, id in self.boxes.items()}
        there = {one["subject"]: (places[next(iter(one["mailboxIds"]))], frozenset(one["keywords"])) for one in got["list"]}
        assert len(there) == len(got["list"]) and all(len(one["mailboxIds"]) == 1 for one in got["list"]), "something is there twice"
        candidates = candidates or (self.emails,)
        assert there in candidates, f"{self.name_}: {sorted(set(there.items()) ^ set(candidates[0].items()))}"
        ids = {one["id"] for one in got["list"]}
        assert known == ids and got["state"] == state, "the changes don't lead to what is there"
        assert self.states.setdefault(state, there) == there, "a state that was once another"
        self.emails, self.ids, self.state, self.known = there, {one["subject"]: one["id"] for one in got["list"]}, state, ids

    def settle(self, after, ask):
        """Asks for a change that leads to `after`; if the answer was lost it has led there, or to nothing."""
        try:
            answer = ask()
        except Gone:
            self.lost += 1
            self.look(self.emails, after)
            return None
        assert not any(answer.get(name) for name in ("notCreated", "notUpdated", "notDestroyed")), answer
        self.emails = after
        self.done += 1
        if self.chance.random() < 0.2:
            self.look()
        return answer

    # ---- changes ----

    def change(self):
        wanted = self.chance.choice((self.make, self.make, self.bring, self.mark, self.move, self.remove, self.submit, self.upload))
        wanted()

    def subject(self):
        self.count += 1
        return f"{self.name_} {self.count}"

    def make(self):
        subject, box = self.subject(), self.chance.choice(("inbox", "drafts"))
        answer = self.settle({**self.emails, subject: (box, frozenset())}, lambda: self.jmap.call("Email/set", create={"k": {"mailboxIds": {self.boxes[box]: True}, "subject": subject,
                             "from": [{"email": self.jmap.session["username"]}], "to": [{"email": self.server.name("friend")}]}}))
        if answer:
            self.ids[subject] = answer["created"]["k"]["id"]

    def upload(self):
        content = os.urandom(self.chance.choice((10, 5000, 300000)))
        try:
            self.blobs[self.jmap.upload(content, "application/octet-stream")] = content
            self.done += 1
        except Gone:
            self.lost += 1

    def bring(self):
        subject = self.subject()
        message = f"From: x@x.example\r\nSubject: {subject}\r\nMessage-ID: <{subject.replace(' ', '.')}@x.example>\r\n\r\n{'text ' * self.chance.choice((1, 20000))}\r\n".encode()
        try:
            blob = self.jmap.upload(message)
        except Gone:
            self.lost += 1
            return
        answer = self.settle({**self.emails, subject: ("archive", frozenset({"$seen"}))}, lambda: self.jmap.call("Email/import", emails={
            "k": {"blobId": blob, "mailboxIds": {self.boxes["archive"]: True}, "keywords": {"$seen": True}}}))
        if answer:
            self.ids[subject] = answer["created"]["k"]["id"]

    def pick(self):
        known = sorted(set(self.emails) & set(self.ids))
        return self.chance.choice(known) if known else None

    def mark(self):
        subject, keyword, on = self.pick(), self.chance.choice(("$seen", "$flagged", "work")), self.chance.random() < 0.5
        if subject:
            box, keywords = self.emails[subject]
            self.settle({**self.emails, subject: (box, keywords | {keyword} if on else keywords - {keyword})},
                        lambda: self.jmap.call("Email/set", update={self.ids[subject]: {f"keywords/{keyword}": on or None}}))

    def move(self):
        subject, to = self.pick(), self.chance.choice(("inbox", "archive"))
        if subject:
            self.settle({**self.emails, subject: (to, self.emails[subject][1])}, lambda: self.jmap.call("Email/set", update={self.ids[subject]: {"mailboxIds": {self.boxes[to]: True}}}))

    def remove(self):
        subject = self.pick()
        if subject and len(self.emails) > 10:
            self.settle({key: value for key, value in self.emails.items() if key != subject}, lambda: self.jmap.call("Email/set", destroy=[self.ids[subject]]))

    def submit(self):
        subject = next((one for one in sorted(self.emails) if self.emails[one][0] == "drafts" and one in self.ids and one not in self.doubtful), None)
        if not subject:
            return
        self.doubtful.add(subject)

        def ask():
            answers = self.jmap.request(("EmailSubmission/set", {"create": {"s": {"identityId": self.identity, "emailId": self.ids[subject]}},
                                        "onSuccessUpdateEmail": {"#s": {"mailboxIds": {self.boxes["sent"]: True}}}}))["methodResponses"]
            if answers[0][0] == "error" or answers[0][1]["notCreated"] and answers[0][1]["notCreated"]["s"]["type"] == "serverFail":
                raise Gone
            if len(answers) < 2 or answers[1][0] == "error" or answers[1][1]["notUpdated"]:
                assert answers[0][1]["created"], answers
                self.sent.add(subject)
                raise Gone
            return answers[0][1]
        if self.settle({**self.emails, subject: ("sent", self.emails[subject][1])}, ask):
            self.sent.add(subject)

    # ---- afterwards ----

    def check(self):
        self.look()
        for blob, content in self.blobs.items():
            assert patiently(lambda: self.jmap.download(blob)) == content, "an upload that was acknowledged is another, or gone"
        listed = patiently(lambda: self.jmap.call("EmailSubmission/get", ids=None))["list"]
        sent = {one["emailId"] for one in listed}
        assert {self.ids[subject] for subject in self.sent if subject in self.ids} <= sent, "a submission that was acknowledged isn't there"
        self.jmap.close()


def test_killed_web():
    """The role of HTTP is killed again and again, now and then all roles, while clients make, import, mark, move, destroy, upload and submit."""
    target, kills = setting("JMAP", 300), setting("WEB_KILLS", 6)
    enough, killed = threading.Event(), {"web": 0, "all": 0}
    with Pombal(options={"plaintext_auth": True, "log_level": "warning", "connections_per_address": 0}, accounts=[*CLIENTS, "friend"]) as server:
        server.expected_noise += [r"event=role\.ended"]
        clients = [Client(server, name, enough) for name in CLIENTS]
        for client in clients:
            client.prepare()
        for client in clients:
            client.start()
        for number in range(kills):
            end = time.monotonic() + 10 * PATIENCE
            while sum(client.done for client in clients) < target * number // kills and not enough.is_set():
                assert time.monotonic() < end, "nothing goes on"
                time.sleep(0.005)
            time.sleep(random.uniform(0, 0.3))
            pid = server.role_pids().get("web")
            if number % 5 == 4:
                server.crash()
                server.start()
                killed["all"] += 1
            elif pid:
                os.kill(pid, signal.SIGKILL)
                killed["web"] += 1
        while sum(client.done for client in clients) < target and not enough.is_set():
            time.sleep(0.01)
        enough.set()
        for client in clients:
            client.join(2 * PATIENCE)
            assert not client.is_alive() and client.problem is None, client.problem
        for client in clients:
            client.check()
        drain(server)
        friend = Jmap(server, "friend")
        sent = set().union(*(client.sent for client in clients))
        doubtful = set().union(*(client.doubtful for client in clients))
        end = time.monotonic() + PATIENCE
        while True:
            ids = [id for at in range(0, 5000, 1000) for id in friend.query(limit=1000, position=at)]
            arrived = [one["subject"] for at in range(0, len(ids), 500) for one in friend.call("Email/get", ids=ids[at:at + 500], properties=["subject"])["list"]]
            if sent <= set(arrived):
                break
            assert time.monotonic() < end, f"acknowledged and not delivered: {sorted(sent - set(arrived))}"
            time.sleep(0.2)
        assert set(arrived) <= doubtful and len(arrived) == len(set(arrived)), "what nobody sent, or twice"
        friend.close()
        server.stop()
        check_disk(server)
    print(f"\n{sum(client.done for client in clients)} changes acknowledged, {sum(client.lost for client in clients)} answers lost; killed {killed}; {len(sent)} submissions; "
          f"{sum(len(client.blobs) for client in clients)} uploads; {sum(len(client.states) for client in clients)} states")


class Truth:
    """What a mailbox that many change may hold: of each message when it began and ended to be made, marked, removed."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clock = 0
        self.messages = {} # subject: {"made": [from, to], "gone": [from, to], "marks": [(number, from, to)]}

    def now(self):
        with self.lock:
            self.clock += 1
            return self.clock

    def begin(self, subject, what, mark=0):
        at = self.now()
        with self.lock:
            entry = self.messages.setdefault(subject, {"made": None, "gone": None, "marks": [(0, 0, 0)]})
            if what == "marks":
                entry["marks"].append((mark, at, None))
            else:
                entry[what] = [at, None]

    def end(self, subject, what):
        at = self.now()
        with self.lock:
            entry = self.messages[subject]
            if what == "marks":
                number, since, _ = entry["marks"][-1]
                entry["marks"][-1] = (number, since, at)
            else:
                entry[what][1] = at

    def judge(self, who, began, ended, seen):
        """`seen`: {subject: mark} by somebody who looked from `began` to `ended`."""
        with self.lock:
            messages = {subject: {**entry, "marks": list(entry["marks"])} for subject, entry in self.messages.items()}
        for subject, entry in messages.items():
            made, gone = entry["made"], entry["gone"]
            may = made and made[0] < ended and not (gone and gone[1] and gone[1] < began)
            must = made and made[1] and made[1] < began and not (gone and gone[0] < ended)
            assert subject not in seen or may, f"{who} sees {subject}, which isn't there: {entry}, {began} to {ended}"
            assert subject in seen or not must, f"{who} doesn't see {subject}: {entry}, {began} to {ended}"
            if subject in seen:
                least = max((number for number, _, to in entry["marks"] if to is not None and to < began), default=0)
                most = max(number for number, since, _ in entry["marks"] if since < ended)
                assert least <= seen[subject] <= most, f"{who} sees mark {seen[subject]} of {subject}: {entry}, {began} to {ended}"
        assert set(seen) <= set(messages), f"{who} sees what nobody made: {set(seen) - set(messages)}"


def mark_of(words):
    """The number of the keyword v…; 0: it has none yet."""
    return max((int(word[1:]) for word in words if word[:1] == "v" and word[1:].isdigit()), default=0)


class Together:
    """The four workers of the test below, on one mailbox."""

    def __init__(self, server, seconds):
        self.server, self.truth, self.stop, self.problems, self.looks, self.late, self.changes = server, Truth(), time.monotonic() + seconds, [], 0, 0, 0
        self.client = Jmap(server, "both")
        self.box = self.client.make_mailbox("shared")

    def go_on(self):
        return time.monotonic() < self.stop and not self.problems

    def run(self, *workers):
        def guarded(worker):
            try:
                worker()
            except BaseException as error: # noqa: BLE001
                self.problems.append(error)
        threads = [threading.Thread(target=guarded, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.problems, self.problems[0]

    def act(self, subject, what, action, mark=0):
        self.truth.begin(subject, what, mark)
        action()
        self.truth.end(subject, what)
        self.changes += 1

    def by_imap(self):
        chance, own, count = random.Random(random.random()), {}, 0
        with self.server.imap("both") as imap:
            imap.select("shared")
            while self.go_on():
                wanted = chance.randrange(4)
                if wanted == 0 or not own:
                    count += 1
                    subject, told = f"imap {count}", []
                    self.act(subject, "made", lambda: told.append(imap.append("shared", None, None, f"Subject: {subject}\r\n\r\nx\r\n".encode())[1][0]))
                    own[subject] = [re.search(rb"APPENDUID \d+ (\d+)", told[0])[1].decode(), 0]
                    continue
                subject = chance.choice(sorted(own))
                uid = own[subject][0]
                if wanted == 1 and len(own) > 5:
                    def remove():
                        assert imap.uid("STORE", uid, "+FLAGS", r"(\Deleted)")[0] == imap.expunge()[0] == "OK"
                    self.act(subject, "gone", remove)
                    del own[subject]
                else:
                    number = own[subject][1] = own[subject][1] + 1
                    self.act(subject, "marks", lambda: imap.uid("STORE", uid, "+FLAGS", f"(v{number})"), number)

    def by_jmap(self):
        chance, own, count, client = random.Random(random.random()), {}, 0, Jmap(self.server, "both")
        while self.go_on():
            wanted = chance.randrange(4)
            if wanted == 0 or not own:
                count += 1
                subject, made = f"jmap {count}", []
                self.act(subject, "made", lambda: made.append(client.make({"mailboxIds": {self.box: True}, "subject": subject})["id"]))
                own[subject] = [made[0], 0]
                continue
            subject = chance.choice(sorted(own))
            id = own[subject][0]
            if wanted == 1 and len(own) > 5:
                self.act(subject, "gone", lambda: client.call("Email/set", destroy=[id]))
                del own[subject]
            else:
                number = own[subject][1] = own[subject][1] + 1
                self.act(subject, "marks", lambda: client.call("Email/set", update={id: {f"keywords/v{number}": True}}), number)
        client.close()

    def look_by_imap(self):
        """A session hears of what others do a little later: it has to come to what is so, and not to show it at once."""
        late_since = None
        with self.server.imap("both") as imap:
            imap.select("shared", readonly=True)
            while self.go_on() or late_since:
                began = self.truth.now()
                imap.noop()
                seen = {}
                data = imap.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
                for one in data:
                    if isinstance(one, tuple):
                        words = one[0].split(b"FLAGS (")[1].split(b")")[0].decode().split()
                        if "\\Deleted" not in words:
                            seen[one[1].strip().decode().removeprefix("Subject: ")] = mark_of(words)
                try:
                    self.truth.judge("IMAP", began, self.truth.now(), seen)
                    self.looks += 1
                    late_since = None
                except AssertionError:
                    late_since = late_since or time.monotonic()
                    self.late += 1
                    if time.monotonic() > late_since + PATIENCE or self.problems:
                        raise

    def look_by_jmap(self):
        client = Jmap(self.server, "both")
        known, state = {}, client.call("Email/get", ids=[])["state"]
        while self.go_on():
            began = self.truth.now()
            ids = client.query({"inMailbox": self.box}, limit=1000)
            got = client.call("Email/get", ids=ids, properties=["subject", "keywords"])
            self.truth.judge("JMAP", began, self.truth.now(), {one["subject"]: mark_of(one["keywords"]) for one in got["list"]})
            # … and so it looks to who follows the changes alone
            began = self.truth.now()
            while True:
                answers = client.request(("Email/changes", {"sinceState": state, "maxChanges": 30}, "c"),
                                         ("Email/get", {"#ids": {"resultOf": "c", "name": "Email/changes", "path": "/created"}, "properties": ["subject", "keywords"]}, "g"),
                                         ("Email/get", {"#ids": {"resultOf": "c", "name": "Email/changes", "path": "/updated"}, "properties": ["subject", "keywords"]}, "g"))["methodResponses"]
                changes = answers[0][1]
                known.update({one["id"]: one for answer in answers[1:] for one in answer[1]["list"]})
                for id in [*changes["destroyed"], *(id for answer in answers[1:] for id in answer[1]["notFound"])]: # some have gone since
                    known.pop(id, None)
                state = changes["newState"]
                if not changes["hasMoreChanges"]:
                    break
            self.truth.judge("who follows", began, self.truth.now(), {one["subject"]: mark_of(one["keywords"]) for one in known.values()})
            self.looks += 1
        client.close()


def test_imap_and_jmap_together():
    """Two change a mailbox, one by IMAP and one by JMAP, each their own messages; others look meanwhile: what they see is what could be there at that time, and nothing else."""
    with Pombal(options={"plaintext_auth": True, "connections_per_address": 0}, accounts=["both"]) as server:
        both = Together(server, setting("TOGETHER", 15))
        both.run(both.by_imap, both.by_jmap, both.look_by_imap, both.look_by_jmap)
        began = both.truth.now()
        ids = both.client.query({"inMailbox": both.box}, limit=1000)
        assert both.client.call("Mailbox/get", ids=[both.box])["list"][0]["totalEmails"] == both.client.call("Email/query", filter={"inMailbox": both.box}, calculateTotal=True)["total"]
        got = both.client.call("Email/get", ids=ids, properties=["subject", "keywords"])["list"]
        both.truth.judge("JMAP, in the end,", began, both.truth.now(), {one["subject"]: mark_of(one["keywords"]) for one in got})
        both.client.close()
    print(f"\n{both.changes} changes, {both.looks} looks, {both.late} of IMAP at what others had changed a moment ago")
