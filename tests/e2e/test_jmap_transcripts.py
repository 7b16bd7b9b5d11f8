"""Dialogues over JMAP, in tests/transcripts/jmap: the examples of RFC 8620 and 8621, and what follows from them, as a person reads them.

A line that begins with a letter and a colon belongs to the dialogue, and the following lines of that letter go on with it; all others are prose.

    U {name}: a message, which is uploaded: its blob is {name}
    C: what the client sends: a list of method calls, or a whole request, as JSON
    S: what the server responds: the same, as a pattern. `S 400:` says which status another answer has.
    P /path: what it sends to a push service (tests/transcripts/jmap-push, which test_push.py plays)

In what is sent {name} stands for what it was found to be. In a pattern a string that is {name} is whatever is there at first, and the same from then on, also as the
name of a member; {any} is anything, {number}, {text} and {date} what they say, and a text may have `...` for a part of it. An object with the member "..." may have more members, a list with
"..." at its end more items. {account} and {address} are there from the beginning; accountId is said for whoever doesn't say it."""
import json
import re

import pytest

from jmap import CORE, MAIL, Jmap
from pombal import PASSWORDS, ROOT

FOLDER = ROOT / "tests" / "transcripts" / "jmap"
USING = [CORE, MAIL, *(f"urn:ietf:params:jmap:{one}" for one in ("submission", "vacationresponse"))]
LINE = re.compile(r"([CSUP])( [^:]*)?: ?(.*)")
NAME = re.compile(r"\{([a-z][a-z0-9 ]*)\}")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
KINDS = {"any": lambda value: True, "number": lambda value: isinstance(value, int) and not isinstance(value, bool), "text": lambda value: isinstance(value, str),
         "date": lambda value: isinstance(value, str) and DATE.fullmatch(value)}


def steps(path):
    """(line, letter, what stands behind it, text) of each step."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = LINE.fullmatch(line)
        if not match:
            found.append((number, None, None, ""))
            continue
        letter, more, text = match.groups()
        if found and found[-1][1] == letter and not more and found[-1][3]:
            found[-1] = (*found[-1][:3], found[-1][3] + "\n" + text)
        else:
            found.append((number, letter, (more or "").strip(), text))
    return [one for one in found if one[1]]


class Dialogue:
    def __init__(self, client, service=None):
        self.client, self.names, self.status, self.answer = client, {"account": client.account, "address": client.session["username"]}, None, None
        self.service = service
        if service:
            self.names["origin"] = service.origin

    def put(self, value):
        """The value with what names stand for."""
        if isinstance(value, str):
            return NAME.sub(lambda match: self.names[match.group(1)], value)
        if isinstance(value, list):
            return [self.put(one) for one in value]
        if isinstance(value, dict):
            return {self.put(key): self.put(one) for key, one in value.items()}
        return value

    def upload(self, more, text):
        self.names[NAME.fullmatch(more).group(1)] = self.client.upload(self.put(text).replace("\n", "\r\n").encode() + b"\r\n")

    def send(self, text):
        said = json.loads(text, strict=False)
        if isinstance(said, list):
            for call in said:
                call[1].setdefault("accountId", "{account}")
            said = {"using": USING, "methodCalls": said}
            self.calls_only = True
        else:
            self.calls_only = False
        self.status, _, body = self.client.ask("POST", "/jmap/api", json.dumps(self.put(said)), Content_Type="application/json")
        self.answer = json.loads(body)

    def expect(self, more, text):
        assert self.status == int(more or 200), (self.status, self.answer)
        answer = self.answer["methodResponses"] if self.calls_only and self.status == 200 else self.answer
        wrong = self.compare(json.loads(text, strict=False), answer, "")
        assert not wrong, f"{wrong}\n{json.dumps(answer, indent=1, ensure_ascii=False)}"

    def expect_pushed(self, path, text):
        _, said = self.service.next(path)
        wrong = self.compare(json.loads(text), said, "")
        assert not wrong, f"{wrong}\n{said}"

    def play(self, path):
        for line, letter, more, text in steps(path):
            try:
                {"U": self.upload, "C": lambda _, said: self.send(said), "S": self.expect, "P": self.expect_pushed}[letter](more, text)
            except (AssertionError, ValueError, KeyError) as error:
                pytest.fail(f"{path.name}:{line}: {error}")
        self.client.close()

    def compare(self, wanted, got, where):
        """What is wrong, or nothing."""
        if isinstance(wanted, str):
            return self.compare_text(wanted, got, where)
        if isinstance(wanted, list) and isinstance(got, list):
            more = wanted[-1:] == ["..."]
            items = wanted[:-1] if more else wanted
            if len(got) < len(items) or (len(got) > len(items) and not more):
                return f"{where}: {len(got)} items, not {len(items)}"
            return next(filter(None, (self.compare(one, got[at], f"{where}/{at}") for at, one in enumerate(items))), None)
        if isinstance(wanted, dict) and isinstance(got, dict):
            return self.compare_members(wanted, got, where)
        return None if wanted == got and type(wanted) is type(got) else f"{where}: {got!r}, not {wanted!r}"

    def compare_text(self, wanted, got, where):
        match = NAME.fullmatch(wanted)
        if match and match.group(1) in KINDS:
            return None if KINDS[match.group(1)](got) else f"{where}: {got!r} is no {match.group(1)}"
        if match and match.group(1) not in self.names:
            if not isinstance(got, str) or not got or got in self.names.values():
                return f"{where}: {got!r} is nothing new"
            self.names[match.group(1)] = got
            return None
        wanted = self.put(wanted)
        if isinstance(got, str) and re.fullmatch(".*".join(map(re.escape, wanted.split("..."))), got, re.S):
            return None
        return f"{where}: {got!r}, not {wanted!r}"

    def compare_members(self, wanted, got, where):
        left = dict(got)
        for key, value in wanted.items():
            if key == "...":
                continue
            match = NAME.fullmatch(key)
            if match and match.group(1) not in self.names:
                self.names[match.group(1)] = next((name for name in left if name not in self.names.values()), None)
            name = self.put(key)
            if name not in left:
                return f"{where}: there is no {name}"
            wrong = self.compare(value, left.pop(name), f"{where}/{name}")
            if wrong:
                return wrong
        return f"{where}: there is more: {sorted(left)}" if left and "..." not in wanted else None


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.txt")))
def test_transcript(server, token, name):
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    Dialogue(Jmap(server, token, using=USING)).play(FOLDER / name)
