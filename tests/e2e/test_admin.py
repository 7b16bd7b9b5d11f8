"""The interface for administration (docs/admin-api.md): every row over HTTP, who may call it and who may not, and what goes wrong."""
import concurrent.futures
import json
import os
import re
import signal
import sqlite3
import time

import pytest

from pombal import PASSWORDS, Pombal, new_address, wait_for
from web import Browser

OTHER = "other.example"
LETTER = "From: a@elsewhere.example\r\nTo: anna@example.test\r\nSubject: one\r\n\r\ntext\r\n"
NUMBER = "38h38gajqhrdn"  # an id that nothing has


@pytest.fixture(scope="module")
def own(names):
    """anna administers the server, boris the domain example.test, carl nothing; OTHER has an account, too."""
    names.domain("far.example", new_address())  # nobody listens there: what is for it waits
    with Pombal(options={"resolver": names.resolver, "mx_port": 22525}) as server:
        for name in ("carl", "dora"):
            PASSWORDS[name] = f"Wort von {name}"
            server.add_account(server.name(name), PASSWORDS[name])
        server.run("domain", "add", OTHER)
        server.add_account(f"eve@{OTHER}", "Evas Wort 1234")
        server.run("account", "set", server.name("anna"), "--administrator", "server")
        server.run("account", "set", server.name("boris"), "--administrator", "domain")
        yield server


class Administrator(Browser):
    def call(self, command, *arguments, status=200, input=None, **options):
        body = {"command": command, "arguments": list(arguments), "options": {name.replace("_", "-"): value for name, value in options.items()}}
        if input is not None:
            body["input"] = input
        answer = self.ask("POST", "/admin/call", body)
        assert status is None or answer.status == status, (command, arguments, answer.status, answer.body)
        return answer.json()

    def result(self, command, *arguments, **options):
        return self.call(command, *arguments, **options)["result"]

    def code(self, command, *arguments, status, **options):
        return self.call(command, *arguments, status=status, **options)["error"]["code"]

    def who(self, status=200):
        answer = self.get("/admin/who")
        assert answer.status == status, answer.body
        return answer.json()


class Program(Administrator):
    """One with a key, which says nothing of pages."""

    def __init__(self, server, key):
        super().__init__(server)
        self.key = key

    def fields(self, method, **more):
        return {"Authorization": f"Bearer {self.key}", **{name.replace("_", "-"): value for name, value in more.items() if value is not None}}


def administrator(server, name):
    browser = Administrator(server)
    browser.sign_in(name)
    return browser


@pytest.fixture(scope="module")
def anna(own):
    return administrator(own, "anna")


@pytest.fixture(scope="module")
def boris(own):
    return administrator(own, "boris")


# ---- Who ----

def test_who_it_is(own, anna, boris):
    told = anna.who()
    assert (told["who"], told["rank"], told["domain"], told["key"]) == (own.name("anna"), "server", None, False) and told["hostname"] == own.hostname
    rows = {row["command"]: row for row in told["commands"]}
    assert rows["queue list"]["changes"] is False and rows["account set"]["changes"] is True and {"administrator", "quota"} <= {option["name"] for option in rows["account set"]["options"]}
    assert not {"init", "serve", "stop", "export", "import", "fsck", "sendmail", "role"} & set(rows)
    told = boris.who()
    assert (told["rank"], told["domain"]) == ("domain", "example.test")
    mine = {row["command"]: row for row in told["commands"]}
    assert set(mine) < set(rows) and "queue list" not in mine and "administrator" not in {option["name"] for option in mine["account set"]["options"]}


def test_who_administers_nothing(own):
    carl = administrator(own, "carl")
    assert carl.who(403)["error"]["code"] == "not_administrator"
    assert carl.code("account list", status=403) == "not_administrator"


def test_strangers(own):
    nobody = Administrator(own)
    assert nobody.who(401)["error"]["code"] == "sign_in"
    assert nobody.code("status", status=401) == "sign_in"
    nobody.cookie = "__Host-pombal=" + "x" * 43
    assert nobody.code("status", status=401) == "sign_in"
    assert nobody.ask("POST", "/admin/call", {"command": "status"}, Authorization="Basic YTpi").status == 401
    assert nobody.ask("POST", "/admin/call", {"command": "status"}, Authorization="Bearer " + "y" * 300).status == 401


def test_not_from_another_site(own, anna):
    for fields in ({"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"}, {"Origin": None, "Sec_Fetch_Site": None}, {"Origin": "null", "Sec_Fetch_Site": None}):
        answer = anna.ask("POST", "/admin/call", {"command": "status"}, **fields)
        assert answer.status == 403 and answer.json()["error"]["code"] == "other_site"
    assert anna.ask("OPTIONS", "/admin/call", Origin="https://evil.example").headers["Access-Control-Allow-Credentials"] is None


# ---- Rows ----

def test_accounts(own, anna):
    assert anna.call("account add", "new@example.test", input="Ein neues Wort\n", password_stdin=True, name="Neu", quota="1G") == {"text": "", "notes": []}
    shown = anna.result("account show", "new@example.test")
    assert shown["display_name"] == "Neu" and shown["quota_bytes"] == 2**30 and shown["administrator"] == "no"
    assert anna.code("account add", "new@example.test", status=409, input="Ein neues Wort\n", password_stdin=True) == "exists"
    assert anna.code("account add", "weak@example.test", status=422, input="x\n", password_stdin=True) == "invalid"
    assert anna.code("account show", "nobody@example.test", status=422) == "not_found"
    anna.call("account set", "new@example.test", name="Anders", disabled=True)
    assert anna.result("account show", "new@example.test")["enabled"] is False
    anna.call("account remove", "new@example.test")
    assert anna.code("account remove", "new@example.test", status=422) == "not_found"
    own.wait_events(r"event=admin\.account_removed account=new@example\.test .*by=anna@example\.test peer=127\.\S+ command=\"account remove\"")


def test_pages_of_accounts(anna):
    whole = [entry["name"] for entry in anna.result("account list")]
    pages, after = [], {}
    while page := anna.result("account list", limit="2", **after):
        pages += [entry["name"] for entry in page]
        after = {"after": page[-1]["name"]}
    assert pages == whole and len(whole) > 4
    assert [entry["name"] for entry in anna.result("account list", search="ANN")] == ["anna@example.test"]
    assert anna.result("account list", search="%") == [] and anna.result("account list", "example.test", search="_") == []


def test_a_list_is_imported(anna):
    text = "address,name,password\nlist1@example.test,One,Wort Nummer eins\nlist2@example.test,Two,Wort Nummer zwei\n"
    assert anna.call("account import", "-", input=text)["text"].startswith("2 made")
    for name in ("list1", "list2"):
        anna.call("account remove", f"{name}@example.test")


def test_domains_and_aliases(anna):
    anna.call("domain add", "third.example")
    assert "third.example" in [entry["name"] for entry in anna.result("domain list")]
    assert any(record["type"] == "MX" for record in anna.result("domain dns", "third.example"))
    anna.call("alias add", "info@third.example", "anna@example.test")
    anna.call("alias add", "sales@third.example", "anna@example.test")
    first, = anna.result("alias list", "third.example", limit="1")
    second, = anna.result("alias list", "third.example", limit="1", after=first["address"])
    assert {first["address"], second["address"]} == {"info@third.example", "sales@third.example"}
    assert anna.code("domain remove", "third.example", status=422) == "refused"
    for entry in (first, second):
        anna.call("alias remove", entry["address"])
    anna.call("domain remove", "third.example")


def test_the_queue(own, anna):
    for subject in ("q1", "q2", "q3"):
        own.run("sendmail", "-f", own.name("anna"), "one@far.example", stdin=f"Subject: {subject}\n\ntext\n")
    wait_for(lambda: len(anna.result("queue list")) == 3, "three letters in the queue")
    anna.call("queue hold", "@far.example")
    first = anna.result("queue list", limit="2")
    assert len(first) == 2 and first[0]["held"] and first[0]["recipients"][0]["address"] == "one@far.example"
    rest = anna.result("queue list", limit="2", after=first[-1]["id"])
    assert len(rest) == 1 and rest[0]["id"] not in [message["id"] for message in first]
    assert "Subject: q1" in anna.result("queue show", first[0]["id"])["header"]
    assert anna.result("trace", first[0]["id"])
    assert anna.call("queue remove", "@far.example")["text"] == "3 messages removed\n"
    assert anna.result("queue list") == []
    assert anna.code("queue remove", "@far.example", status=422) == "not_found"
    assert anna.code("queue remove", status=400) == "usage"


# Each row with what it takes, and what may come of it; others are above.
ROWS = [
    ("status", [], {}, 200), ("reload", [], {}, 200), ("metrics", [], {}, 200), ("check", [], {"no-dns": True}, 200), ("certificate list", [], {}, 200), ("certificate renew", ["x.example"], {}, 422),
    ("config options", [], {}, 200), ("config", ["hostname"], {}, 200), ("config history", [], {}, 200), ("config set", ["nonsense=1"], {}, 422), ("config undo", ["1000"], {}, 422),
    ("config confirm", [], {}, 422), ("admin key list", [], {}, 200), ("admin key add", [""], {}, 422), ("admin key remove", [NUMBER], {}, 422), ("domain show", ["example.test"], {}, 200),
    ("domain set", ["example.test"], {"language": "en"}, 200), ("domain rotate", [OTHER], {"abort": True}, 422), ("dns publish", ["example.test"], {}, 422), ("dns name", ["mail.example.test"], {}, 200),
    ("domain add", ["example.test"], {}, 409), ("domain remove", ["nowhere.example"], {}, 422), ("domain list", [], {}, 200), ("domain dns", ["example.test"], {}, 200),
    ("account list", [], {}, 200), ("account show", ["dora@example.test"], {}, 200), ("account add", ["dora@example.test"], {"password-stdin": True}, 409),
    ("account set", ["dora@example.test"], {"name": "Dora"}, 200), ("account password", ["dora@example.test"], {"password-stdin": True}, 200), ("account grant", ["dora@example.test", "d@example.test"], {}, 200),
    ("account revoke", ["dora@example.test", "d@example.test"], {}, 200), ("account remove", ["nobody@example.test"], {}, 422),
    ("account app-password add", ["dora@example.test"], {"name": "x"}, 200), ("account app-password list", ["dora@example.test"], {}, 200),
    ("account app-password remove", ["dora@example.test", "all"], {}, 200), ("account import", ["-"], {}, 422), ("account expunged", ["dora@example.test"], {}, 200),
    ("account undelete", ["dora@example.test", NUMBER], {}, 422), ("account use", ["dora@example.test"], {}, 200), ("account vacation", ["dora@example.test"], {"off": True}, 200),
    ("contacts import", ["dora@example.test", "-"], {}, None), ("contacts export", ["dora@example.test"], {}, 200),
    ("alias list", [], {}, 200), ("alias show", ["nobody@example.test"], {}, 422), ("alias add", ["al@example.test", "dora@example.test"], {}, 200),
    ("alias set", ["al@example.test", "dora@example.test"], {}, 200), ("alias remove", ["al@example.test"], {}, 200),
    ("session list", [], {}, 200), ("session end", ["dora@example.test"], {}, 422), ("queue list", [], {}, 200), ("queue show", ["x@y.example"], {}, 422), ("queue flush", [], {}, 200),
    ("queue hold", ["x@y.example"], {}, 422), ("queue release", ["x@y.example"], {}, 422), ("queue remove", ["x@y.example"], {}, 422),
    ("quarantine list", [], {}, 200), ("quarantine show", [NUMBER], {}, 422), ("quarantine release", [NUMBER], {}, 422), ("quarantine learn", [NUMBER], {"ham": True}, 422),
    ("quarantine remove", [NUMBER], {}, 422), ("trace", ["x@y.example"], {}, 422), ("explain", ["-"], {}, 200), ("verify", ["-"], {}, 200), ("spam score", ["-"], {}, 200),
    ("spam learn", ["-"], {"ham": True}, 200), ("spam forget", ["-"], {}, 200), ("reports", [], {"no-names": True}, 200), ("reports sent", [], {}, 200), ("reports send", [], {}, 422),
    ("greylist list", [], {}, 200), ("greylist shutout", [], {}, 200), ("push list", [], {}, 200), ("push key", [], {}, 200),
    ("queue return", ["x@y.example"], {}, 422), ("queue edit", [NUMBER], {"via": "mx.example"}, 422), ("spam replay", [], {"quarantine": True, "set": ["spam_junk=4"]}, 200),
    ("spam replay", [], {"of": "dora@example.test"}, 200), ("spam replay", ["/etc"], {}, 400), ("metrics history", [], {"over": "week"}, 200), ("backup note", ["elsewhere"], {"verified": True}, 200),
    ("backup state", [], {}, 200),
]


def test_every_row_is_called(own, anna):
    """Each does over HTTP what its row says, in a process that can do little: none is refused a call of the system that it needs."""
    listed = {row["command"]: row for row in anna.who()["commands"]}
    assert {name for name, *_ in ROWS} == set(listed), "a row is missing here, or there"
    for name, arguments, options, status in ROWS:
        answer = anna.ask("POST", "/admin/call", {"command": name, "arguments": arguments, "options": options, "input": LETTER})
        told = answer.json()
        assert status in (None, answer.status), (name, answer.status, told)
        if answer.status == 200:
            assert ("result" if listed[name]["json"] and name != "account vacation" else "text") in told and not any("sandbox" in note for note in told["notes"]), (name, told)
        else:
            assert told["error"]["message"] and "\n" not in told["error"]["message"] and not told["error"]["message"].startswith("pombal "), (name, told)


# ---- One domain ----

def foreign(row):
    """Calls of a row that are about another domain."""
    words = row["arguments"].replace("...", "").split()
    if not words:
        return []
    eve, other = f"eve@{OTHER}", OTHER
    values = {"ADDRESS": [eve, f"EVE@{OTHER.upper()}", f"*@{OTHER}", f"@{OTHER}", f"eve@example.test@{OTHER}", f'"x@example.test"@{OTHER}', "eve"],
              "[DOMAIN]": [other, other.upper(), "example.test.evil", "."], "DOMAIN": [other, f"{other}."], "[ACCOUNT|ID]": [eve, NUMBER], "ACCOUNT|ID": [eve, NUMBER],
              "[DOMAIN|FILE]": [other, "/etc/passwd"]}
    more = {"SENDER": "x@example.test", "TARGET": "x@example.test", "ID|all": "all", "ID": NUMBER, "FILE": "-"}
    return [[first, *(more.get(word, "x") for word in words[1:] if not word.startswith("["))] for first in values[words[0]]]


def test_nothing_of_another_domain(own, boris):
    """Every row of which an administrator of one domain has heard, with what isn't his: made from the table itself."""
    before = own.json("account", "list"), own.json("alias", "list"), own.json("domain", "list")
    tried = 0
    for row in boris.who()["commands"]:
        for arguments in foreign(row):
            answer = boris.ask("POST", "/admin/call", {"command": row["command"], "arguments": arguments, "options": {}, "input": "Ein neues Wort\n"})
            if row["command"] == "session list":
                assert answer.json().get("result", []) == [], (row["command"], arguments, answer.body)
            else:
                assert answer.status == 403 and answer.json()["error"]["code"] == "denied", (row["command"], arguments, answer.status, answer.body)
            assert b"eve" not in answer.body.replace(json.dumps(arguments[0]).strip('"').encode(), b""), answer.body
            tried += 1
    assert tried > 100
    assert (own.json("account", "list"), own.json("alias", "list"), own.json("domain", "list")) == before
    own.wait_events(r"event=admin\.denied by=boris@example\.test peer=127\.")


def test_nothing_but_what_is_for_him(own, anna, boris):
    """Rows of administrators of the server: all of them."""
    mine = {row["command"] for row in boris.who()["commands"]}
    theirs = [row for row in anna.who()["commands"] if row["command"] not in mine]
    assert len(theirs) > 30
    for row in theirs:
        assert boris.code(row["command"], *["example.test"] * row["least"], status=403) == "denied", row["command"]


def test_options_that_arent_his(own, boris):
    for command, argument, option, value in (("account set", "dora@example.test", "administrator", "server"), ("account set", "boris@example.test", "administrator", "server"),
                                             ("account add", "f@example.test", "administrator", "domain"), ("account set", "dora@example.test", "rate", "0"),
                                             ("domain set", "example.test", "alias_of", OTHER)):
        assert boris.code(command, argument, status=403, **{option: value}) == "denied", (command, option)
    assert own.json("account", "show", own.name("boris"))["administrator"] == "domain"


def test_he_changes_no_administrator_of_the_server(own, boris):
    """Or he would be one with the next password."""
    anna = own.name("anna")
    for command, arguments in (("account password", [anna]), ("account set", [anna]), ("account remove", [anna.upper()]), ("account app-password add", [anna]), ("session end", [anna]),
                               ("alias add", [anna, "boris@example.test"]), ("account grant", ["boris@example.test", anna]), ("account vacation", [anna])):
        options = {"password_stdin": True} if command == "account password" else {"name": "x"} if command in ("account set", "account app-password add") else {"on": True} if "vacation" in command else {}
        assert boris.code(command, *arguments, status=403, input="Ein neues Wort\n", **options) == "denied", command
    assert Administrator(own).sign_in("anna")


def test_what_is_his(own, boris):
    assert {entry["name"] for entry in boris.result("domain list")} == {"example.test"}
    assert all(entry["name"].endswith("@example.test") for entry in boris.result("account list"))
    assert all(entry["account"].endswith("@example.test") for entry in boris.result("session list"))
    boris.call("account add", "his@example.test", input="Ein neues Wort\n", password_stdin=True)
    boris.call("account password", "his@example.test", input="Noch ein Wort\n", password_stdin=True)
    boris.call("alias add", "*@example.test", "his@example.test")
    boris.call("alias remove", "*@example.test")
    boris.call("account remove", "his@example.test")
    boris.call("domain set", "example.test", language="pt")


# ---- Keys ----

def make_key(anna, name, **options):
    made = anna.result("admin key add", name, **options)
    assert made["key"].startswith("pombaladmin_")
    return made["id"], made["key"]


def test_a_key(own, anna):
    number, key = make_key(anna, "script")
    program = Program(own, key)
    assert program.who()["who"] == "script" and program.who()["key"] is True
    program.call("account set", own.name("dora"), name="By a key")
    own.wait_events(r"event=admin\.account_changed account=dora@example\.test .*by=\"key script\" peer=")
    answer = program.ask("POST", "/admin/call", {"command": "status"}, Origin="https://other.example")
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
    preflight = program.ask("OPTIONS", "/admin/call", Origin="https://other.example", Access_Control_Request_Method="POST")
    assert preflight.status == 204 and "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    wait_for(lambda: [entry for entry in anna.result("admin key list") if entry["id"] == number][0]["used"] > 0, "when it was used")
    assert key not in json.dumps(anna.result("admin key list"))
    anna.call("admin key remove", number)
    assert program.who(401)["error"]["code"] == "sign_in" and program.code("status", status=401) == "sign_in"
    assert program.ask("GET", "/session").status == 401


def test_a_key_opens_nothing_else(own, anna):
    number, key = make_key(anna, "else")
    assert Program(own, key).ask("GET", "/jmap/session").status == 401
    anna.call("admin key remove", number)


def test_keys_of_one_domain_and_of_reading(own, anna):
    one, key = make_key(anna, "one domain", domain="example.test")
    assert {entry["name"] for entry in Program(own, key).result("domain list")} == {"example.test"}
    assert Program(own, key).code("account show", f"eve@{OTHER}", status=403) == "denied" and Program(own, key).code("queue list", status=403) == "denied"
    two, key = make_key(anna, "reads", reads=True, days="1")
    assert Program(own, key).result("queue list") == [] and Program(own, key).code("account set", own.name("dora"), status=403, name="x") == "denied"
    assert anna.code("admin key add", "reads", status=409) == "exists" and anna.code("admin key add", "x", status=422, domain="nowhere.example") == "not_found"
    for number in (one, two):
        anna.call("admin key remove", number)


# ---- The end of rights ----

def test_rights_that_are_taken_away(own, anna):
    own.run("account", "set", own.name("carl"), "--administrator", "server")
    carl = administrator(own, "carl")
    assert carl.result("status")
    anna.call("account set", own.name("carl"), administrator="no")
    assert carl.code("status", status=403) == "not_administrator"
    assert carl.is_signed_in()


def test_a_session_that_has_ended(own):
    own.run("account", "set", own.name("carl"), "--administrator", "server")
    carl, again = administrator(own, "carl"), administrator(own, "carl")
    assert carl.ask("DELETE", "/session").status == 204
    assert carl.code("status", status=401) == "sign_in"
    own.run("session", "end", own.name("carl"))
    assert again.code("status", status=401) == "sign_in"
    carl.sign_in("carl")
    own.run("account", "password", own.name("carl"), "--password-stdin", stdin=PASSWORDS["carl"] + "\n")
    assert carl.code("status", status=401) == "sign_in"
    own.run("account", "set", own.name("carl"), "--administrator", "no")


def test_a_password_that_was_shown_long_ago(own):
    """And a session that somebody made without one administers nothing."""
    own.run("account", "set", own.name("carl"), "--administrator", "server")
    carl = administrator(own, "carl")
    number, = [session["id"] for session in carl.sessions() if session["current"]]
    with sqlite3.connect(own.data / "directory" / "directory.db") as database:
        database.execute("UPDATE web_session SET proved = proved - 43201 WHERE account = ?", (own.name("carl"),))
    assert carl.result("status") and carl.code("account set", own.name("dora"), status=403, name="x") == "password_needed"
    with sqlite3.connect(own.data / "directory" / "directory.db") as database:
        database.execute("UPDATE web_session SET proved = 0 WHERE account = ?", (own.name("carl"),))
    assert carl.code("status", status=403) == "password_needed" and number
    carl.sign_in("carl")
    carl.call("account set", own.name("dora"), name="x")
    own.run("account", "set", own.name("carl"), "--administrator", "no")


# ---- What isn't a call ----

def test_nonsense(own, anna):
    def post(body, kind="application/json"):
        return anna.ask("POST", "/admin/call", body, Content_Type=kind)
    for body in (b"", b"{", b"[]", b"null", b'{"command": 1}', b'{"command": "status", "more": 1}', b'{"command": "status", "arguments": "x"}', b'{"command":"status","command":"stop"}',
                 b'{"command": "status", "options": {"x": 1}}', b'{"command": "account show", "arguments": ["a\\u0000b"]}', b'{"command": "account show", "arguments": ["a\\nstop"]}',
                 b"[" * 100000, b'{"command": "\xff"}'):
        answer = post(body)
        assert answer.status == 400 and answer.json()["error"]["code"] == "malformed", body[:50]
    assert post(b'{"command": "status"}', "text/plain").status == 415
    assert anna.code("nonsense", status=404) == "no_command" and anna.code("stop", status=404) == "no_command" and anna.code("config revert", status=404) == "no_command"
    assert anna.code("status", "x", status=400) == "usage" and anna.code("account show", status=400) == "usage" and anna.code("status", status=400, nonsense="x") == "usage"
    assert anna.code("account set", own.name("dora"), status=400, disabled="x") == "usage" and anna.code("account set", own.name("dora"), status=400, name=True) == "usage"
    assert anna.code("check", status=400, trust="/etc/passwd") == "usage" and anna.code("account vacation", own.name("dora"), status=400, text_file="/etc/passwd") == "usage"


def test_no_file_is_named(own, anna):
    for command, arguments in (("account import", ["/etc/passwd"]), ("verify", ["/etc/passwd"]), ("spam learn", [str(own.data)]), ("spam score", ["-", "/etc/passwd"]),
                               ("contacts import", ["dora@example.test", "../../pombal.conf"])):
        assert anna.code(command, *arguments, status=400, **({"ham": True} if command == "spam learn" else {})) == "usage", command
    for command in ("explain", "reports"):
        answer = anna.ask("POST", "/admin/call", {"command": command, "arguments": [str(own.conf_path)]})
        assert answer.status == 422 and b"hostname" not in answer.body, answer.body


def test_too_much(own, anna):
    answer = anna.ask("POST", "/admin/call", b'{"command": "status", "input": "' + b"x" * (4 << 20) + b'"}', Content_Type="application/json")
    assert answer.status == 413 and answer.json()["error"]["code"] == "too_large"
    assert anna.code("account show", "x" * 5000, status=400) == "malformed"
    assert anna.result("status")


def test_two_at_once(own, anna):
    """Both are served; what both do is done once, and one hears that it was."""
    own.run("account", "set", own.name("carl"), "--administrator", "server")
    carl = administrator(own, "carl")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            tries = [pool.submit(who.call, "domain add", "twice.example", status=None) for who in (anna, carl)]
            told = [one.result() for one in tries]
            assert sorted("error" in one for one in told) == [False, True] and [one["error"]["code"] for one in told if "error" in one] == ["exists"]
            anna.call("domain remove", "twice.example")
    own.run("account", "set", own.name("carl"), "--administrator", "no")


def test_who_calls_much_is_told_so(own, anna):
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        told = [one.result() for one in [pool.submit(anna.call, "account list", status=None) for _ in range(48)]]
    codes = {one["error"]["code"] for one in told if "error" in one}
    assert codes <= {"too_many"} and any("result" in one for one in told)
    assert anna.result("status")


def test_the_role_is_killed(own, anna):
    """Whoever waits hears so; a moment later all is as it was."""
    own.expected_noise.append(r"event=role\.ended")
    pid = own.role_of("admin")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: own.role_pids().get("admin") not in (None, pid), "the admin role", 30)
    wait_for(lambda: anna.ask("POST", "/admin/call", {"command": "status"}).status == 200, "an answer")


# ---- The configuration ----

def test_options_are_listed(anna):
    rows = {row["name"]: row for row in anna.result("config options")}
    assert rows["workers"]["kind"] == "number" and rows["workers"]["default"] == 64 and rows["workers"]["least"] == 1 and rows["hostname"]["set"] is True and rows["imap_listen"]["kind"] == "list"
    assert set(rows) == set(anna.result("config"))


def test_a_setting_is_changed_and_undone(own, anna):
    before = own.conf_path.read_text()
    made = anna.result("config set", "workers=63", "log_keep=9")
    assert {row["option"]: row["after"] for row in made["changed"]} == {"workers": "63", "log_keep": "9"} and made["confirm_by"] is None
    assert own.json("config")["workers"] == 63
    assert anna.code("config set", "workers=63", status=409) == "exists"
    for wrong in ("workers=0", "nonsense=1", "workers", "hostname=a b", "workers=5 hostname=\"x.example\""):
        assert anna.code("config set", "log_keep=8", wrong, status=422) in ("invalid", "not_found"), wrong
    assert own.json("config")["log_keep"] == 9, "all or none"
    first = anna.result("config history")[0]
    assert first["number"] == made["number"] and first["by"] == own.name("anna") and first["peer"].startswith("127.") and first["state"] == "kept"
    anna.call("config undo", str(made["number"]))
    assert own.json("config")["workers"] == 64 and own.json("config")["log_keep"] == 10
    assert own.conf_path.read_text().count("\n") == before.count("\n")
    own.wait_events(r"event=admin\.config_undone number=\d+ options=\"log_keep workers\"")


def test_a_change_is_taken_back_unless_confirmed(own, anna):
    anna.call("config set", "workers=62", confirm="60")
    assert anna.result("config history")[0]["state"] == "waiting"
    assert anna.code("config set", "workers=61", status=422) == "refused"
    anna.call("config confirm")
    assert own.json("config")["workers"] == 62 and anna.code("config confirm", status=422) == "not_found"
    made = anna.result("config set", "workers=60", confirm="1")
    wait_for(lambda: own.json("config")["workers"] == 62, "the change to be taken back")
    wait_for(lambda: anna.result("config history")[0]["state"] == "taken back", "the history to say so")
    assert anna.result("config history")[0]["number"] == made["number"]
    own.wait_events(r"event=admin\.config_taken_back number=\d+")


def test_a_change_that_cuts_the_connection_heals(own):
    """The listener goes from under who has asked for it; nothing is done by anybody, and it comes back."""
    with Pombal(accounts=["anna"]) as cut:
        cut.run("account", "set", cut.name("anna"), "--administrator", "server")
        anna = administrator(cut, "anna")
        port = cut.ports["https"]
        anna.call("config set", f'https_listen={{"{cut.address}:{port + 17}"}}', confirm="4")

        def served():
            try:
                return anna.ask("GET", "/admin/who").status == 200
            except OSError:
                return False
        cut.wait_log(r"event=server\.unlistening service=https")
        cut.wait_events(r"event=admin\.config_taken_back")
        wait_for(served, "the listener to be there again", 60)
        assert anna.result("config history")[0]["state"] == "taken back"


def test_a_change_is_taken_back_after_a_restart():
    with Pombal(accounts=["anna"]) as own:
        own.run("account", "set", own.name("anna"), "--administrator", "server")
        administrator(own, "anna").call("config set", "workers=61", confirm="2")
        own.crash()
        time.sleep(2.1)
        own.start()
        assert own.json("config")["workers"] == 64
        assert administrator(own, "anna").result("config history")[0]["state"] == "taken back"
        # One with which it can't start at all goes at once, however long it may wait.
        administrator(own, "anna").call("config set", "workers=61", confirm="3600")
        own.crash()
        broken = own.conf_path.read_bytes() + b"nonsense = 1\n"
        path, = [path for path in (own.data / "history").iterdir() if path.name == (own.data / "history" / "waiting").read_text().strip()]
        text = path.read_bytes()
        size = int(re.search(rb"^after (\d+)$", text, re.M)[1])
        path.write_bytes(text.replace(b"after %d\n" % size, b"after %d\n" % len(broken), 1)[:-size] + broken)
        own.conf_path.write_bytes(broken)
        own.start()
        assert own.json("config")["workers"] == 64
