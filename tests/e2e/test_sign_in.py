"""Signing in by hand, the same over every protocol: what is offered, what is taken, and in which words."""
import base64
import re
import subprocess

import pytest

from pombal import Pombal, binary, environment, tls_context, wait_for
from wire import Imap, Pop3, Scram, Smtp


# What is tried here fails on purpose, and often.
PATIENT = {"auth_failures": 1000, "auth_failures_per_address": 0}


@pytest.fixture(scope="module")
def server():
    with Pombal(options=PATIENT) as own:
        yield own


@pytest.fixture(scope="module")
def offering():
    """A server that offers channel binding."""
    with Pombal(options={**PATIENT, "scram_over_tls": "bound"}) as own:
        yield own

TOKENS = ["OAUTHBEARER", "XOAUTH2"]  # offered over TLS


def encode(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


class Door:
    """A connection over TLS through which mechanisms go, whatever the protocol: `answer` is what the server said last."""

    def __init__(self, server, protocol, context=None):
        self.protocol = protocol
        kind, port = {"smtp": (Smtp, "submissions"), "imap": (Imap, "imaps"), "pop3": (Pop3, "pop3s")}[protocol]
        self.wire = kind(server.address, server.ports[port], tls=True, context=context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def offered(self):
        if self.protocol == "smtp":
            return re.search(r"AUTH (.*)", self.wire.hello)[1].split()
        if self.protocol == "imap":
            return re.findall(r"AUTH=(\S+)", self.wire.ok("CAPABILITY")[0])
        return next(line for line in self.wire.capabilities() if line.startswith("SASL")).split()[1:]

    def begin(self, mechanism, initial=None):
        text = mechanism if initial is None else f"{mechanism} {encode(initial)}"
        return self.say({"smtp": "AUTH ", "imap": "a AUTHENTICATE ", "pop3": "AUTH "}[self.protocol] + text)

    def say(self, line):
        self.wire.send(line + "\r\n")
        self.answer = self.wire.line()
        return self.answer

    def reply(self, data):
        return self.say(encode(data))

    def challenge(self):
        """The server's question, or None if there is none."""
        question = re.match({"smtp": r"334 (.*)", "imap": r"\+ (.*)", "pop3": r"\+ (.*)"}[self.protocol], self.answer)
        return base64.b64decode(question[1]) if question else None

    def is_in(self):
        return bool(re.match({"smtp": "235 ", "imap": "a OK ", "pop3": r"\+OK "}[self.protocol], self.answer))

    def scram(self, exchange, mechanism):
        self.begin(mechanism, exchange.first())
        if self.challenge() is not None:
            self.reply(exchange.final(self.challenge()))
        if self.challenge() is not None:
            assert exchange.is_server(self.challenge())
            self.say("")
        return self.is_in()


def offered(server, protocol="imap"):
    with Door(server, protocol) as door:
        return door.offered()


PROTOCOLS = pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3"])


def tls12():
    import ssl
    context = tls_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@PROTOCOLS
def test_over_tls_scram_is_offered_as_the_option_says(server, offering, protocol):
    """Where nothing is said it isn't: there are clients that pick it, and fail by themselves."""
    wait_for(lambda: offered(offering, protocol) == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN", *TOKENS], "the offer with -PLUS")
    assert offered(server, protocol) == ["PLAIN", "LOGIN", *TOKENS]


def test_the_offer_changes_with_a_reload():
    with Pombal(options={**PATIENT, "scram_over_tls": "offered"}) as own:
        for protocol in ("smtp", "imap", "pop3"):
            wait_for(lambda: offered(own, protocol) == ["SCRAM-SHA-256", "PLAIN", "LOGIN", *TOKENS], "the offer")
        own.configure(scram_over_tls="accepted", plaintext_auth=True)
        own.reload()
        assert offered(own) == ["PLAIN", "LOGIN", *TOKENS]
        with Imap(own.address, own.ports["imap"]) as imap:  # without TLS it spares the password
            assert "AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN" in imap.ok("CAPABILITY")[0]


@PROTOCOLS
def test_scram_is_taken_where_it_is_not_offered(server, protocol):
    with Door(server, protocol) as door:
        assert door.scram(Scram(server.name("anna"), server.password("anna")), "SCRAM-SHA-256"), door.answer
    with Door(server, protocol, tls12()) as door:
        unique = door.wire.socket.get_channel_binding("tls-unique")
        assert door.scram(Scram(server.name("anna"), server.password("anna"), ("tls-unique", unique)), "SCRAM-SHA-256-PLUS"), door.answer
    with Door(server, protocol, tls12()) as door:
        assert not door.scram(Scram(server.name("anna"), server.password("anna"), ("tls-unique", bytes(12))), "SCRAM-SHA-256-PLUS")


@PROTOCOLS
def test_a_client_that_could_bind_gets_in_where_nothing_was_offered(server, offering, protocol):
    """The flag "y" (RFC 5802 section 6): I could, and saw no offer. True here; there somebody in between has taken the offer away."""
    with Door(server, protocol) as door:
        assert door.scram(Scram(server.name("anna"), server.password("anna"), flag="y"), "SCRAM-SHA-256"), door.answer
    with Door(offering, protocol) as door:
        assert not door.scram(Scram(offering.name("anna"), offering.password("anna"), flag="y"), "SCRAM-SHA-256")


@PROTOCOLS
def test_a_claimed_binding_is_proved(server, offering, protocol):
    for one in (server, offering):
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
            for flag in ("p=tls-exporter", "p=tls-unique", "p=tls-server-end-point"):
                with Door(one, protocol) as door:
                    assert not door.scram(Scram(one.name("anna"), one.password("anna"), flag=flag), mechanism), (mechanism, flag)


@PROTOCOLS
@pytest.mark.parametrize("initial", [False, True])
def test_login_asks_in_the_words_that_clients_look_for(server, protocol, initial):
    with Door(server, protocol) as door:
        if initial:
            door.begin("LOGIN", server.name("boris"))
        else:
            door.begin("LOGIN")
            assert door.challenge() == b"Username:", door.answer
            door.reply(server.name("boris"))
        assert door.challenge() == b"Password:", door.answer
        door.reply(server.password("boris"))
        assert door.is_in(), door.answer


# ---- Refusals that need no auth role ----

LONG = "a" * 700 + "@example.test"
# What is said, at the port without TLS or with it, and what the log then has beside protocol and address.
REFUSED = [
    ("smtp", False, ["AUTH PLAIN AGFubmEAc2VjcmV0"], r'mechanism=PLAIN reason="without TLS"'),
    ("imap", False, ["a LOGIN anna@example.test secret"], r'mechanism=password reason="without TLS" name=anna@example.test'),
    ("imap", False, ["a AUTHENTICATE PLAIN AGFubmEAc2VjcmV0"], r'mechanism=PLAIN reason="without TLS"'),
    ("pop3", False, ["USER anna@example.test"], r'mechanism=password reason="without TLS" name=anna@example.test'),
    ("pop3", False, ["AUTH PLAIN AGFubmEAc2VjcmV0"], r'mechanism=PLAIN reason="without TLS"'),
    ("smtp", True, ["AUTH PLAIN " + encode(f"\0{LONG}\0secret")], r'mechanism=PLAIN reason=".*" name=aaaa+'),
    ("imap", True, [f"a LOGIN {LONG} secret"], r'mechanism=password reason=".*" name=aaaa+'),
    ("imap", True, [f"a LOGIN {LONG}{LONG} secret"], r'reason="A name or a password is too long"'),
    ("pop3", True, [f"USER {LONG}"], r'reason="the line is too long" name=aaaa+'),
    ("smtp", True, ["AUTH NTLM"], r'mechanism=NTLM reason="that mechanism is not taken here"'),
    ("imap", True, ["a AUTHENTICATE PLAIN", "*"], r'reason="the client gave up"'),
    ("pop3", True, ["AUTH PLAIN", "&&&&"], r'reason="what was said is not base64, or too long"'),
]


@pytest.fixture(scope="module")
def refusing():
    """A server of its own: after twenty failures from a network some aren't written down."""
    with Pombal(options=PATIENT) as own:
        yield own


@pytest.mark.parametrize("protocol,tls,lines,logged", REFUSED)
def test_every_refused_sign_in_leaves_a_line(refusing, protocol, tls, lines, logged):
    kind, ports = {"smtp": (Smtp, ("submission", "submissions")), "imap": (Imap, ("imap", "imaps")), "pop3": (Pop3, ("pop3", "pop3s"))}[protocol]
    offset = refusing.log_size()
    with kind(refusing.address, refusing.ports[ports[tls]], tls=tls) as wire:
        for line in lines:
            wire.send(line + "\r\n")
            answer = wire.line()
        assert re.match(r"5\d\d |a (NO|BAD) |-ERR ", answer)
        line = refusing.wait_log(r"event=sign_in\.failed.*service=" + protocol + ".*" + logged + ".*", offset)[0]
    assert "secret" not in line and "AGFubmEAc2VjcmV0" not in line and len(line) < 600


def test_who_is_refused_by_the_hundred_is_counted():
    with Pombal(options={"max_errors": 2000}) as own, Pop3(own.address, own.ports["pop3"]) as pop3:
        pop3.send("USER anna\r\n" * 1000)
        for _ in range(1000):
            assert pop3.line().startswith("-ERR")
        assert 0 < len(re.findall("event=sign_in.failed", own.log())) < 100
        assert 'pombal_sign_ins_total{role="reader",outcome="failed"} 1000' in own.run("metrics").stdout


# ---- Names without a domain ----

def signs_in(server, protocol, name, password, mechanism):
    with Door(server, protocol) as door:
        if mechanism == "PLAIN":
            door.begin("PLAIN", f"\0{name}\0{password}")
        elif mechanism == "LOGIN":
            door.begin("LOGIN", name)
            door.reply(password)
        elif mechanism == "SCRAM-SHA-256":
            door.scram(Scram(name, password), mechanism)
        elif protocol == "imap":
            door.say(f'a LOGIN "{name}" "{password}"')
        elif protocol == "pop3":
            door.say("USER " + name)
            door.say("PASS " + password)
        else:
            return True
        return door.is_in()


def test_a_name_without_a_domain_signs_in():
    """Where it is unique; and where it isn't, that of default_domain."""
    with Pombal(options=PATIENT, accounts=("anna",)) as own:
        own.run("domain", "add", "second.test")
        own.add_account("boris@second.test", "the word of boris")
        every = [(protocol, mechanism) for protocol in ("smtp", "imap", "pop3") for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256", "")]
        for protocol, mechanism in every:
            assert signs_in(own, protocol, "anna", own.password("anna"), mechanism), (protocol, mechanism)
            assert signs_in(own, protocol, "Boris", "the word of boris", mechanism), (protocol, mechanism)
        own.add_account("anna@second.test", "another word of anna")
        for protocol, mechanism in every[:4]:
            assert not signs_in(own, protocol, "anna", own.password("anna"), mechanism or "PLAIN")
        own.configure(default_domain="second.test")
        own.reload()
        for protocol, mechanism in every:
            assert signs_in(own, protocol, "anna", "another word of anna", mechanism), (protocol, mechanism)


# ---- Passwords from another server ----

HASHES = {
    "one": "{SHA512-CRYPT}$6$saltsalt$pqxtaP8VN9msji06dnBCbUbaSGTOXyo9jZDqZxik1rPexoqRIW4UKuiD0ZHZchCSd7S4/HoRU8bcFbnz2ihUr.",
    "two": "$2y$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW",
    "three": "$y$j9T$abcdefghijklmnop$TEjqn/axP6s2k870Y8qmsWKT4abEwlBzgTkuGZBqaR6",
    "four": "{SSHA}XcU7ZD+ozcY0NqLtsKNvy+uzXtpzYWx0c2FsdA==",
    "five": "{PBKDF2}$1$saltsaltsaltsalt$5000$0c88ea0cc2df660eb405d426bae433111b53955b",
}


def test_passwords_come_along(tmp_path):
    users = tmp_path / "users"
    users.write_text("".join(f"{name}@example.test:{text}:1000:1000:Number {name}:/home::userdb_quota_rule=*:storage=2G\n"
                             for name, text in HASHES.items()) + "six@example.test:{NTLM}5835048ce94ad0564e29a924a03510ef\nno\n")
    with Pombal(options={**PATIENT, "scram_over_tls": "offered"}, accounts=("anna",)) as own:
        own.add_account("old@example.test", "wonderland")
        done = own.run("account", "import", users, status=1)
        assert "5 made, 0 changed, 0 as they were, 0 passed over, 2 not taken" in done.stdout
        assert re.search(r"^line 6: six@example.test: .*\{NTLM\}", done.stderr, re.M) and "line 7: " in done.stderr
        assert "saltsalt" not in done.stderr + own.log()
        shown = own.json("account", "show", "three@example.test")
        assert shown["display_name"] == "Number three" and shown["quota_bytes"] == 2 << 30
        # SCRAM can't be had of such hashes: it isn't offered while there are some, so that clients choose what works.
        wait_for(lambda: offered(own) == ["PLAIN", "LOGIN", *TOKENS], "SCRAM not to be offered")
        for protocol in ("smtp", "imap", "pop3"):
            assert signs_in(own, protocol, "anna", own.password("anna"), "SCRAM-SHA-256")  # taken all the same
            assert not signs_in(own, protocol, "one", "wonderland", "SCRAM-SHA-256")
        for number, name in enumerate(HASHES):
            protocol, mechanism = [("smtp", "PLAIN"), ("imap", ""), ("pop3", ""), ("imap", "LOGIN"), ("pop3", "PLAIN")][number]
            assert not signs_in(own, protocol, name, "Wonderland", mechanism)
            assert signs_in(own, protocol, name, "wonderland", mechanism), name
        own.wait_log(r"event=password.renewed account=one@example.test")
        wait_for(lambda: "SCRAM-SHA-256" in offered(own), "SCRAM to be offered again")
        for name in HASHES:
            assert signs_in(own, "imap", name, "wonderland", "SCRAM-SHA-256"), name
        # A second time nothing changes, nor does a password that was set since become the old one again.
        own.run("account", "password", "one@example.test", "--password-stdin", stdin="a newer word\n")
        done = own.run("account", "import", users, status=1)
        assert "0 made, 0 changed, 5 as they were" in done.stdout
        assert signs_in(own, "imap", "one", "a newer word", "PLAIN")


def test_a_hash_is_set_by_hand():
    with Pombal(options=PATIENT, accounts=("anna",)) as own:
        own.run("account", "add", "one@example.test", "--hash-stdin", stdin=HASHES["one"] + "\n")
        own.run("account", "password", "anna@example.test", "--hash", HASHES["four"])
        assert signs_in(own, "imap", "one", "wonderland", "PLAIN") and signs_in(own, "imap", "anna", "wonderland", "PLAIN")
        for text, words in (("$2y$31$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW", "too much"), ("{FOO}bar", "{FOO}")):
            done = own.run("account", "add", "two@example.test", "--hash", text, status=1)
            assert words in done.stderr and done.stderr.count("\n") == 1
            own.run("account", "show", "two@example.test", status=1)


def test_short_passwords_are_not_imported(tmp_path):
    """A clear password has to be as long as one that is typed in; what is a hash can't be measured."""
    table = tmp_path / "people.csv"
    table.write_text("email;password\r\nheidi@example.test;short\r\nivan@example.test;{PLAIN}ivan\r\njudy@example.test;long enough\r\n")
    with Pombal(accounts=("anna",), start=False) as own:
        done = own.run("account", "import", table, status=1)
        assert "1 made" in done.stdout
        assert "line 2: heidi@example.test: the password is too short" in done.stderr and "line 3: ivan@example.test: the password is the account's own" in done.stderr
        assert {"heidi@example.test", "ivan@example.test", "judy@example.test"} & {one["name"] for one in own.json("account", "list")} == {"judy@example.test"}
        table.write_text("heidi@example.test:{PLAIN}short\njudy@example.test:{CLEARTEXT}tiny\nanna@example.test:" + HASHES["two"] + "\n")
        done = own.run("account", "import", table, status=1)
        assert done.stderr.count("too short") == 2 and "1 changed" in done.stdout
        assert "too short" in own.run("account", "add", "kim@example.test", "--hash", "{PLAIN}short", status=1).stderr
        assert "too short" in own.run("account", "password", "judy@example.test", "--hash-stdin", stdin="{PLAIN}short\n", status=1).stderr


def test_an_import_that_was_killed_is_repeated(tmp_path):
    """Nothing is half there, and the same file makes what is missing. One who stands in it twice is made once."""
    users = tmp_path / "users"
    count = 450  # more than are made together
    users.write_text("".join(f"many{n}@example.test:{HASHES['two']}::::::userdb_quota_rule=*:storage=1G\n" for n in range(count))
                     + f"many0@example.test:{HASHES['two']}::::::userdb_quota_rule=*:storage=2G\n")
    with Pombal(accounts=("anna",)) as own:
        importing = subprocess.Popen([binary(), "account", "import", str(users), "--data", str(own.data)], env=environment(),
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        made = lambda: sum(one["name"].startswith("many") for one in own.json("account", "list"))
        wait_for(lambda: made() or importing.poll() is not None, "some to be made")
        importing.kill()
        importing.wait()
        there = made()
        done = own.run("account", "import", users, status=None)
        assert f"{count - there} made, 1 changed" in done.stdout or (there == count and "0 made" in done.stdout), (there, done.stdout)
        assert made() == count
        assert own.json("account", "show", "many0@example.test")["quota_bytes"] == 2 << 30
        assert signs_in(own, "imap", f"many{count - 1}", "wonderland", "PLAIN")
        own.stop()
        assert "0 problems" in own.run("fsck").stdout


def test_a_table_is_imported(tmp_path):
    table = tmp_path / "people.csv"
    table.write_text('\ufeffE-Mail;email;Name;Password;Quota\r\n;heidi@example.test;"Müller, ""Heidi""";"semi;colon word";1G\r\n'
                     ";ivan@example.test;Иван;" + HASHES["two"] + ";\r\n;x@elsewhere.test;;word;\r\n", encoding="utf-8")
    with Pombal(options=PATIENT, accounts=("anna",)) as own:
        done = own.run("account", "import", table, status=1)
        assert "2 made" in done.stdout and "line 4: x@elsewhere.test" in done.stderr and "E-Mail" in done.stderr
        assert own.json("account", "show", "heidi@example.test")["display_name"] == 'Müller, "Heidi"'
        assert signs_in(own, "imap", "heidi", "semi;colon word", "PLAIN") and signs_in(own, "imap", "ivan", "wonderland", "LOGIN")
        table.write_text("address,quota\nheidi@example.test,2G\n")
        assert "1 changed" in own.run("account", "import", table).stdout
        assert own.json("account", "show", "heidi@example.test")["quota_bytes"] == 2 << 30
        assert signs_in(own, "imap", "heidi", "semi;colon word", "PLAIN")
