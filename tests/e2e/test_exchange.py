"""Servers find one another through the DNS, wait, retry, give up, and tell the sender."""
import json
import re
import tempfile
import time
from pathlib import Path

import pytest

import letters
from letters import Report
from peers import Drop, ScriptedServer
from pombal import Pombal, new_address, wait_for
from wire import Smtp

MX_PORT = 22525


def peer(names, domain, script=None, **more):
    """A scripted server that is the MX of `domain`."""
    scripted = ScriptedServer(new_address(), MX_PORT, script, **more)
    names.domain(domain, scripted.address)
    return scripted


def unused_domain():
    return letters.token() + ".example"


def bounce(server, token, account="anna", action="failed"):
    """Waits for the one report about the letter with this token."""
    def look():
        session = server.imap(account, mailbox="INBOX")
        try:
            for number in session.search(None, "TEXT", f'"{token}"')[1][0].split():
                letter = session.fetch(number, "(BODY.PEEK[])")[1][0][1]
                if letters.parse(letter).get_content_type() == "multipart/report" and f"Action: {action}".encode() in letter:
                    return letter
        finally:
            session.logout()
    return wait_for(look, f"a report ({action}) about {token}", pause=0.2)


# ---- From one Pombal to another ----

def test_addresses_are_never_run_nor_followed(names, token):
    """What means something to a shell, a path or a command line is a name like others: it is stored under a catch-all, and goes on to the
    next server as it came (without quotes that it doesn't need); nothing is executed, no file is made, no line is put into anything."""
    folder = tempfile.TemporaryDirectory(prefix="p")
    marker = Path(folder.name) / "x"  # short: a local part has 64 bytes at most
    locals_ = ["|touch {m}", "`touch {m}`", "$(touch {m})", ";touch {m};", "&touch {m}", "-oQ{m}", "--data={m}", "../../../..{m}", "{m}", "a>{m}", "!touch {m}",
               "..", ".", "~root", "%00", "a\\\"b", "'; DROP TABLE message; --", "%s%n", "*", "<script>"]
    quoted = ['"' + local.format(m=marker) + '"' for local in locals_] + ["-anna", "|anna", "$HOME", "`id`", "a'b", "{a}", "%27", "a=b"]
    scripted = peer(names, "next.example")
    with Pombal("here.example", options={"resolver": names.resolver, "mx_port": MX_PORT, "relay_networks": ["127.0.0.0/8"]}) as own:
        own.run("domain", "set", own.domain, "--catch-all", own.name("anna"))
        for domain in (own.domain, "next.example"):
            with Smtp(own.address, own.ports["smtp"]) as session:
                for number, local in enumerate(quoted):
                    session.expect(f"MAIL FROM:<{local}@elsewhere.example>", 250)
                    session.expect(f"RCPT TO:<{local}@{domain}>", 250)
                    assert session.data(letters.simple(f"{token} {domain} {number}")).startswith("250"), local
        own.wait_mail(f"{token} {own.domain}", "anna", count=len(quoted))
        own.wait_queue_empty(60)
        sent = {letter["to"][0][4:].rpartition(">")[0]: letter["from"][6:].rpartition(">")[0] for letter in scripted.wait_letters(len(quoted))}
        wanted = {f"{local}@next.example": f"{local}@elsewhere.example" for local in quoted}
        assert {to.replace('"', ""): of.replace('"', "") for to, of in sent.items()} == {to.replace('"', ""): of.replace('"', "") for to, of in wanted.items()}
        for wrong in ('"a\nb"', '"a\rb"', '"a\0b"', "a b", "a\0b", "a>b"):
            with Smtp(own.address, own.ports["smtp"]) as session:
                session.expect("MAIL FROM:<a@b.example>", 250)
                assert not session.say(f"RCPT TO:<{wrong}@{own.domain}>").startswith("2"), wrong
        accounts = {path.name for path in (own.data / "accounts" / own.domain).iterdir()}
        assert "anna" in accounts and all("touch" not in name and not name.startswith(("..", "-", "|")) for name in accounts), accounts
        assert list(Path(folder.name).iterdir()) == []
    folder.cleanup()
    scripted.close()
    assert not scripted.problems



def test_exchange(north, south, token):
    letter = letters.with_attachment(token, 300000, south.name("boris"), north.name("anna"))
    north.submit(letter, south.name("boris"))
    got = south.wait_mail(token, "boris")[0]
    fields, _ = letters.split_trace(got)
    letters.assert_same(got, letter)
    received = [value.decode() for name, value in fields if name == "received"]
    assert len(received) >= 2, fields
    assert f"from {north.hostname}" in received[0] and f"by {south.hostname}" in received[0]
    assert "ESMTPS" in received[0], "TLS was offered, but not used"
    # And back.
    south.submit(letters.simple(token + " back", north.name("anna"), south.name("boris")), north.name("anna"), account="boris")
    north.wait_mail(token + " back", "anna")


def test_cyrillic_address_and_domain_unchanged(north, south, token):
    south.run("account", "add", f"юля@{south.domain}", "--password-stdin", stdin="Слово дня\n")
    letter = letters.simple(token, f"юля@{south.domain}", north.name("anna"), body="Привет\r\n")
    north.submit(letter, f"юля@{south.domain}", mail_options=["SMTPUTF8"])
    session = south.imap("anna")
    session.logout()
    import pombal
    pombal.PASSWORDS["юля"] = "Слово дня"
    letters.assert_same(south.wait_mail(token, "юля")[0], letter)


def test_dead_first_mx(north, south, names, token):
    domain = unused_domain()
    south.run("domain", "add", domain)
    south.add_account(f"boris@{domain}", south.password("boris"))
    names.domain(domain, new_address(), south.address)
    north.submit(letters.simple(token, f"boris@{domain}", north.name("anna")), f"boris@{domain}")
    south.wait_mail(token, f"boris@{domain}")


def test_equal_preference_and_order(north, names, token):
    """The best preference is used first, whatever the order of the records."""
    domain = unused_domain()
    with ScriptedServer(new_address(), MX_PORT) as best, ScriptedServer(new_address(), MX_PORT) as second:
        names.set(**{domain: [f"MX 20 b.{domain}.", f"MX 5 a.{domain}."], f"a.{domain}": [f"A {best.address}"],
                     f"b.{domain}": [f"A {second.address}"]})
        for _ in range(3):
            north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
        best.wait_letters(3)
        assert second.letters == []


def test_without_mx_the_address_counts(north, names, token):
    domain = unused_domain()
    with ScriptedServer(new_address(), MX_PORT) as scripted:
        names.set(**{domain: [f"A {scripted.address}"]})
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
        scripted.wait_letters()


def test_cname(north, names, token):
    domain = unused_domain()
    with ScriptedServer(new_address(), MX_PORT) as scripted:
        names.set(**{domain: [f"CNAME real.{domain}."], f"real.{domain}": [f"MX 10 mx.{domain}."], f"mx.{domain}": [f"A {scripted.address}"]})
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
        assert scripted.wait_letters()[0]["to"][0].startswith(f"TO:<x@{domain}>")


def test_address_literal(north, token):
    with ScriptedServer(new_address(), MX_PORT) as scripted:
        to = f"x@[{scripted.address}]"
        north.submit(letters.simple(token, to, north.name("anna")), to)
        assert scripted.wait_letters()[0]["to"][0].startswith(f"TO:<{to}>")


def test_ipv6(north, names, token):
    try:
        scripted = ScriptedServer("::1", MX_PORT)
    except OSError:
        pytest.skip("no IPv6 here")
    with scripted:
        domain = unused_domain()
        names.domain(domain, "::1")
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}", "x@[IPv6:::1]")
        scripted.wait_letters(2)


def test_null_mx(north, names, token):
    domain = unused_domain()
    names.set(**{domain: ["MX 0 ."]})
    north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
    report = Report(bounce(north, token))
    assert report.recipient(f"x@{domain}")["Status"] == "5.1.10"


def test_unknown_domain(north, token):
    domain = unused_domain()
    north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
    report = Report(bounce(north, token))
    assert report.recipient(f"x@{domain}")["Status"] == "5.1.2"


# ---- Returned ----

def test_bounce(north, south, token):
    to = f"nobody@{south.domain}"
    letter = letters.simple(token, to, north.name("anna"))
    north.submit(letter, to)
    raw = bounce(north, token)
    report = Report(raw)
    recipient = report.recipient(to)
    assert recipient["Action"] == "failed" and recipient["Status"].startswith("5.1."), recipient.items()
    assert "550" in recipient["Diagnostic-Code"] and recipient["Diagnostic-Code"].startswith("smtp;"), recipient.items()
    assert recipient["Remote-MTA"].startswith("dns;")
    assert report.message["Reporting-MTA"].replace(" ", "") == f"dns;{north.hostname}"
    assert report.letter["To"] == north.name("anna")
    assert dict(letters.split_trace(raw)[0])["return-path"] == b"<>"
    assert report.letter["Auto-Submitted"] == "auto-replied"
    assert to in report.text, report.text
    assert token in report.returned_text()
    assert report.letter["Message-ID"] and report.letter["Date"] and report.letter["From"]


def test_bounce_of_one_of_several(north, south, token):
    north.submit(letters.simple(token, "several@x.example", north.name("anna")), south.name("boris"), f"nobody@{south.domain}",
                 north.name("boris"))
    south.wait_mail(token, "boris")
    north.wait_mail(token, "boris")
    report = Report(bounce(north, token))
    assert len(report.recipients) == 1
    report.recipient(f"nobody@{south.domain}")


def relay(north, sender, to, letter, mail="", rcpt=""):
    """Through north's port 25 from a network that may relay."""
    with Smtp(north.address, north.ports["smtp"]) as smtp:
        smtp.envelope(sender, to, mail=mail, rcpt=rcpt)
        answer = smtp.data(letter)
        assert answer.startswith("250"), answer


def test_null_sender_is_never_bounced(north, south, token):
    to = f"nobody@{south.domain}"
    relay(north, "", to, letters.simple(token, to, north.name("anna")))
    north.wait_queue_empty()
    assert north.count_mail(token) == 0 and south.count_mail(token) == 0
    assert north.count_mail(token, "boris") == 0


def test_notify_never(north, south, token):
    to = f"nobody@{south.domain}"
    north.submit(letters.simple(token, to, north.name("anna")), to, rcpt_options=["NOTIFY=NEVER"])
    north.wait_queue_empty()
    session = north.imap("anna", mailbox="INBOX")
    assert session.search(None, "TEXT", f'"{token}"')[1][0] == b""
    session.logout()


def test_notify_success_locally(north, token):
    north.submit(letters.simple(token, north.name("boris"), north.name("anna")), north.name("boris"),
                 mail_options=["RET=HDRS", "ENVID=QQ+2B314"], rcpt_options=["NOTIFY=SUCCESS", "ORCPT=rfc822;b+2Bo@x.example"])
    north.wait_mail(token, "boris")
    report = Report(bounce(north, token, action="delivered"))
    assert report.message["Original-Envelope-Id"] == "QQ+314"
    recipient = report.recipient(north.name("boris"))
    assert recipient["Status"].startswith("2.") and recipient["Original-Recipient"].replace(" ", "") == "rfc822;b+o@x.example"
    assert report.returned.get_content_type() in ("text/rfc822-headers", "message/global-headers")
    assert token in report.returned_text() and "A line." not in report.returned_text()


def test_notify_success_travels_on(north, south, token):
    """The next server offers DSN (north knows south's network): it is asked to report, and does."""
    south.submit(letters.simple(token, north.name("boris"), south.name("anna")), north.name("boris"), rcpt_options=["NOTIFY=SUCCESS"])
    north.wait_mail(token, "boris")
    report = Report(bounce(south, token, action="delivered"))
    assert north.hostname in report.message["Reporting-MTA"]


def test_no_success_report_for_strangers(north, south, names, token):
    """To a server that doesn't know us we are strangers: our own server says that it has handed the letter on. Whose address was forged
    hears nothing, whatever was asked for in his name."""
    north.submit(letters.simple(token, south.name("boris"), north.name("anna")), south.name("boris"), rcpt_options=["NOTIFY=SUCCESS"])
    south.wait_mail(token, "boris")
    assert north.hostname in Report(bounce(north, token, action="relayed")).message["Reporting-MTA"]
    domain = unused_domain()
    with peer(names, domain) as victim:
        with south.smtp() as session:
            session.ehlo()
            assert not session.has_extn("dsn")
            for notify in ("SUCCESS", "SUCCESS,FAILURE,DELAY"):
                session.mail(f"victim@{domain}", ["RET=FULL", "ENVID=x"])
                assert session.rcpt(south.name("boris"), [f"NOTIFY={notify}"])[0] == 250
                assert session.data(letters.simple(token + " forged"))[0] == 250
        south.wait_mail(token + " forged", "boris", count=2)
        south.wait_queue_empty()
        assert victim.letters == []


def test_a_strangers_text_is_not_returned(south, names, token):
    """The sender may be forged: somebody else would get what a stranger wrote."""
    domain, alias = unused_domain(), f"{token}@{south.domain}"
    with peer(names, domain, lambda verb, argument, session: "550 5.1.1 Nobody" if verb == "RCPT" and "gone@" in argument else None) as scripted:
        south.run("alias", "add", alias, f"gone@{domain}")
        letter = letters.simple(token, alias, f"victim@{domain}")
        with south.smtp() as smtp:
            smtp.sendmail(f"victim@{domain}", [south.name("anna"), alias], letter, rcpt_options=["NOTIFY=SUCCESS,FAILURE"])
        south.wait_mail(token)
        got = scripted.wait_letters()
        south.run("alias", "remove", alias)
        assert len(got) == 1 and b"Action: failed" in got[0]["letter"] and token.encode() in got[0]["letter"]
        assert b"text/rfc822-headers" in got[0]["letter"] and b"A line." not in got[0]["letter"]


def test_reports_in_the_senders_language(north, token):
    """The domain says in which; the part for programs stays as it is."""
    for language, subject in (("ru", "не удалось доставить"), ("pt", "não pôde ser entregue")):
        north.run("domain", "set", north.domain, "--language", language)
        north.submit(letters.simple(token + language, "x@nowhere.invalid", north.name("anna")), "x@nowhere.invalid")
        found = bounce(north, token + language)
        assert subject in letters.parse(found)["Subject"] and Report(found).recipients[0]["Action"] == "failed"
        north.run("domain", "set", north.domain, "--language", "")
    assert "none of the languages" in north.run("domain", "set", north.domain, "--language", "xx", status=1).stderr


def test_reports_in_an_accounts_own_language(north, token):
    name = north.name("anna")
    north.run("domain", "set", north.domain, "--language", "pt")
    north.run("account", "set", name, "--language", "ru")
    assert "language ru" in north.run("account", "show", name).stdout
    assert json.loads(north.run("account", "show", name, "--json").stdout)["language"] == "ru"
    north.submit(letters.simple(token, "x@nowhere.invalid", name), "x@nowhere.invalid")
    assert "не удалось доставить" in letters.parse(bounce(north, token))["Subject"]
    assert "none of the languages" in north.run("account", "set", name, "--language", "xx", status=1).stderr
    north.run("account", "set", name, "--language", "")
    north.run("domain", "set", north.domain, "--language", "")


def test_notify_success_relayed(north, names, token):
    """The next server doesn't know DSN: the report says that the letter was handed on."""
    domain = unused_domain()
    with peer(names, domain, extensions=("8BITMIME",)):
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}", rcpt_options=["NOTIFY=SUCCESS"])
        report = Report(bounce(north, token, action="relayed"))
        assert report.recipient(f"x@{domain}")["Status"].startswith("2.")


def test_dsn_parameters_travel_on(north, names, token):
    domain = unused_domain()
    with peer(names, domain) as scripted:
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}", mail_options=["RET=FULL", "ENVID=id+2B1"],
                     rcpt_options=["NOTIFY=FAILURE,DELAY", f"ORCPT=rfc822;orig@{domain}"])
        [got] = scripted.wait_letters()
    assert "RET=FULL" in got["from"] and "ENVID=id+2B1" in got["from"], got["from"]
    assert re.search(r"NOTIFY=(FAILURE,DELAY|DELAY,FAILURE)", got["to"][0]) and f"ORCPT=rfc822;orig@{domain}" in got["to"][0], got["to"]


# ---- Later ----

def test_temporary_refusal_and_retry(north, names, token):
    domain, times, seen = unused_domain(), [], []

    def busy(verb, argument, session):
        if verb == "RCPT":
            times.append(time.monotonic())
            return "451 4.3.2 Come back later" if len(times) <= 2 or not seen else None
    with peer(names, domain, busy) as scripted:
        letter = letters.simple(token, f"x@{domain}", north.name("anna"))
        north.submit(letter, f"x@{domain}")
        wait_for(lambda: len(times) >= 1, "the first attempt")
        waiting = wait_for(lambda: [one for one in north.queue() if domain in str(one) and "Come back later" in str(one)], "the reason in the list")
        assert len(waiting) == 1
        seen.append(True)
        [got] = scripted.wait_letters()
        letters.assert_same(b"Received: x\r\n" + letters.split_trace(got["letter"])[1], letter)
    # After one second, and another one; the schedule counts whole seconds.
    assert len(times) >= 3 and times[2] - times[0] > 1, times


def test_only_the_refused_one_is_tried_again(north, names, token):
    domain, asked = unused_domain(), []

    def busy(verb, argument, session):
        if verb == "RCPT" and "late@" in argument:
            asked.append(argument)
            return "450 4.2.1 Mailbox busy" if len(asked) == 1 else None
    with peer(names, domain, busy) as scripted:
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"soon@{domain}", f"late@{domain}")
        first, second = scripted.wait_letters(2)
    assert [one.split(">")[0] for one in first["to"]] == [f"TO:<soon@{domain}"]
    assert [one.split(">")[0] for one in second["to"]] == [f"TO:<late@{domain}"]


@pytest.mark.parametrize("where,what", [
    ("GREETING", "421 4.3.2 Too busy"), ("GREETING", "554 5.3.2 Not here"), ("GREETING", b"nonsense\r\n"), ("GREETING", b"220 " + b"x" * 70000 + b"\r\n"),
    ("GREETING", b"220-a\r\n" * 5000), ("EHLO", "421 4.3.2 Closing"), ("MAIL", "451 4.3.0 Later"), ("DATA", "451 4.3.0 Later"),
    ("END", "452 4.3.1 Disk full"), ("RCPT", "421 4.7.0 Go away"), ("RCPT", b"25"), ("END", b"\x00\xff\r\n"),
    ("GREETING", "drop"), ("EHLO", "drop"), ("MAIL", "drop"), ("RCPT", "drop"), ("DATA", "drop"), ("END", "drop"),
    ("MAIL", b"250-x\r\n550 y\r\n"), ("RCPT", b"999 what\r\n"), ("EHLO", b"250 a\r\n250 b\r\n250 c\r\n"),
], ids=lambda value: repr(value)[:24])
def test_trouble_is_survived(north, names, token, where, what):
    """Whatever the peer does in the first session, the letter gets there in a later one, or is returned: not lost."""
    domain, done = unused_domain(), []

    def troubled(verb, argument, session):
        if verb == where and not done:
            done.append(True)
            if what == "drop":
                raise Drop
            if isinstance(what, bytes):
                session["socket"].sendall(what)
                raise Drop
            if what.startswith("421"):
                session["socket"].sendall(what.encode() + b"\r\n")
                raise Drop
            return what
    with peer(names, domain, troubled) as scripted:
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
        # A host that says it takes no mail at all may be believed.
        permanent = what in (b"250-x\r\n550 y\r\n", "554 5.3.2 Not here")

        def settled():
            return scripted.letters or (permanent and not [one for one in north.queue() if domain in str(one)])
        wait_for(settled, "the letter to arrive", 40, pause=0.2)
        assert len(scripted.letters) <= 1


def test_ehlo_refused_helo_taken(north, names, token):
    domain = unused_domain()
    with peer(names, domain, lambda verb, argument, session: "502 5.5.1 What?" if verb == "EHLO" else None) as scripted:
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
        [got] = scripted.wait_letters()
    assert got["from"] == f"FROM:<{north.name('anna')}>", got["from"]


def test_starttls_used_when_offered(north, names, token):
    domain = unused_domain()
    with peer(names, domain, certificate=north.certificate) as scripted:
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
        assert scripted.wait_letters()[0]["tls"] is True


def test_answers_before_tls_are_dropped(north, names, token):
    """What a man in the middle put behind the 220 isn't taken for the server's words under TLS."""
    domain = unused_domain()

    def injected(verb, argument, session):
        if verb == "STARTTLS" and session["number"] == 0:
            return b"220 go\r\n250-injected\r\n250 SIZE 1\r\n250 ok\r\n250 ok\r\n354 ok\r\n250 ok\r\n"
    with peer(names, domain, injected, certificate=north.certificate) as scripted:
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
        [got] = scripted.wait_letters()
    assert token.encode() in got["letter"]


def test_failing_handshake_is_not_the_end(north, names, token):
    domain = unused_domain()

    def broken(verb, argument, session):
        if verb == "STARTTLS":
            session["socket"].sendall(b"220 go\r\nno TLS at all\r\n")
            raise Drop
    with peer(names, domain, broken, certificate=north.certificate) as scripted:
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
        wait_for(lambda: scripted.letters or len(scripted.sessions) >= 2, "another attempt")


def test_bytes_on_the_wire(north, names, token):
    """Dots are doubled, long lines and 8 bits pass, and what arrives is what was sent."""
    domain = unused_domain()
    letter = letters.simple(token, f"x@{domain}", north.name("anna"), body=".\r\n..\r\n.x\r\nпривет\r\n" + "y" * 990 + "\r\n" + "." * 500 + "\r\n.\r\n")
    with peer(names, domain) as scripted:
        north.submit(letter, f"x@{domain}")
        [got] = scripted.wait_letters()
    letters.assert_same(got["letter"], letter)
    assert "BODY=8BITMIME" in got["from"]


def test_smtputf8_where_it_is_unknown(north, names, token):
    domain = unused_domain()
    with peer(names, domain, extensions=("8BITMIME",)) as scripted:
        north.submit(letters.simple(token, f"юля@{domain}", north.name("anna")), f"юля@{domain}", mail_options=["SMTPUTF8"])
        report = Report(bounce(north, token))
        assert scripted.letters == []
    assert report.recipients[0]["Status"] == "5.6.7", report.recipients[0].items()


def test_too_large_for_the_peer(north, names, token):
    domain = unused_domain()
    with peer(names, domain, extensions=("SIZE 1000",)) as scripted:
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna"), body="x" * 900 + "\r\n" + "y" * 900 + "\r\n"), f"x@{domain}")
        report = Report(bounce(north, token))
        assert scripted.letters == []
    assert report.recipient(f"x@{domain}")["Status"] == "5.3.4"


def test_many_letters_few_connections(north, names, token):
    domain = unused_domain()
    with peer(names, domain) as scripted:
        with north.submission() as session:
            for i in range(30):
                session.sendmail(north.name("anna"), [f"x@{domain}"], letters.simple(f"{token} {i}", f"x@{domain}", north.name("anna")))
        got = scripted.wait_letters(30)
        assert len({one["letter"] for one in got}) == 30
        assert scripted.most_open <= 5, scripted.most_open


def test_several_recipients_of_one_domain_share_a_transaction(north, names, token):
    domain = unused_domain()
    with peer(names, domain) as scripted:
        north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), *(f"r{i}@{domain}" for i in range(10)))
        [got] = scripted.wait_letters()
    assert len(got["to"]) == 10


def test_mx_that_points_back(north, names, token):
    """A domain that isn't ours but whose MX we are: the sender hears of it, and nothing goes round and round."""
    domain = unused_domain()
    names.domain(domain, north.address)
    north.submit(letters.simple(token, f"x@{domain}", north.name("anna")), f"x@{domain}")
    report = Report(bounce(north, token))
    report.recipient(f"x@{domain}")


def test_alias_to_another_server(north, south, token):
    north.run("alias", "add", f"{token}@{north.domain}", south.name("boris"), north.name("boris"))
    north.submit(letters.simple(token, "list@x.example", north.name("anna")), f"{token}@{north.domain}")
    south.wait_mail(token, "boris")
    north.wait_mail(token, "boris")


# ---- With servers of their own ----

def test_delay_notice_and_return(names, token):
    domain = unused_domain()
    with Pombal("patient.example", options={"resolver": names.resolver, "mx_port": MX_PORT, "retry_schedule": ["1s"], "retry_for": "6s",
                                            "delay_notice": "2s"}, accounts=["anna"]) as own:
        with peer(names, domain, lambda verb, argument, session: "451 4.7.1 Greylisted" if verb == "RCPT" else None) as scripted:
            own.submit(letters.simple(token, f"x@{domain}", own.name("anna")), f"x@{domain}")
            delayed = Report(bounce(own, token, action="delayed"))
            assert delayed.recipient(f"x@{domain}")["Will-Retry-Until"]
            failed = Report(bounce(own, token, action="failed"))
            recipient = failed.recipient(f"x@{domain}")
            assert recipient["Status"] in ("4.4.7", "5.4.7", "4.7.1") and "Greylisted" in recipient["Diagnostic-Code"], recipient.items()
            own.wait_queue_empty()
            assert sum(command.startswith("RCPT") for one in scripted.sessions for command in one["commands"]) >= 3
        session = own.imap("anna", mailbox="INBOX")
        assert len(session.search(None, "TEXT", f'"{token}"')[1][0].split()) == 2, "exactly one notice and one return"
        session.logout()


def test_schedule_survives_a_restart(names, token):
    domain, times = unused_domain(), []

    def busy(verb, argument, session):
        if verb == "RCPT":
            times.append(time.monotonic())
            return "451 4.3.2 Later" if len(times) == 1 else None
    with Pombal("forgetful.example", options={"resolver": names.resolver, "mx_port": MX_PORT, "retry_schedule": ["4s"]}, accounts=["anna"]) as own:
        with peer(names, domain, busy) as scripted:
            own.submit(letters.simple(token, f"x@{domain}", own.name("anna")), f"x@{domain}")
            wait_for(lambda: times, "the first attempt")
            wait_for(lambda: "Later" in str(own.queue()), "its result in the queue")
            own.stop()
            own.start()
            scripted.wait_letters()
            assert times[1] - times[0] > 3, times


def test_dns_gone(token):
    """No answer from the DNS is no reason to return anything."""
    with Pombal("deaf.example", options={"resolver": f"{new_address()}@5300", "retry_schedule": ["1s"]}, accounts=["anna"]) as own:
        own.submit(letters.simple(token, "x@somewhere.example", own.name("anna")), "x@somewhere.example", own.name("anna"))
        own.wait_mail(token)
        wait_for(lambda: "somewhere.example" in str(own.queue()), "the letter to wait")
        assert own.count_mail(token) == 1


# ---- Through a smarthost ----

@pytest.fixture
def spoke(names):
    """A server that sends everything through somebody: made without being started."""
    with Pombal("spoke.example", accounts=["anna"], start=False,
                options={"resolver": names.resolver, "retry_schedule": ["1s"], "smarthost_user": "spoke", "smarthost_password_file": "smarthost",
                         "smarthost_unverified_password": True}) as own:
        (own.data / "smarthost").write_text("a secret of two\n")
        (own.data / "smarthost").chmod(0o600)
        yield own


def test_smarthost_of_ones_own_kind(spoke, south, token):
    name = f"{token}@{south.domain}"
    south.add_account(name, "a secret of two")
    spoke.configure(smarthost=f"{south.address}:{south.ports['submission']}", smarthost_user=name, smarthost_tls="opportunistic")
    spoke.start()
    # The account at the smarthost may send as ours.
    south.run("account", "grant", name, "anna@spoke.example")
    spoke.submit(letters.simple(token, south.name("boris"), "anna@spoke.example"), south.name("boris"))
    got = south.wait_mail(token, "boris")[0]
    assert b"ESMTPSA" in got


def test_smarthost_signs_in(spoke, token):
    with ScriptedServer(new_address(), 0, logins={"spoke": "a secret of two"}, certificate=spoke.certificate) as scripted:
        spoke.configure(smarthost=f"{scripted.address}:{scripted.port}", smarthost_tls="opportunistic")
        spoke.start()
        spoke.submit(letters.simple(token, "x@far.example", spoke.name("anna")), "x@far.example", "y@further.example")
        got = scripted.wait_letters()[0]
        assert got["login"] == ("spoke", "a secret of two") and got["tls"] is True


def test_smarthost_gets_no_password_in_clear(spoke, token):
    with ScriptedServer(new_address(), 0, logins={"spoke": "a secret of two"}) as scripted:
        spoke.configure(smarthost=f"{scripted.address}:{scripted.port}", smarthost_tls="opportunistic")
        spoke.start()
        spoke.submit(letters.simple(token, "x@far.example", spoke.name("anna")), "x@far.example")
        wait_for(lambda: len(scripted.sessions) >= 2, "another attempt")
        assert not any(session["login"] for session in scripted.sessions) and len(spoke.queue()) == 1


def test_smarthost_refuses_password(spoke, token):
    with ScriptedServer(new_address(), 0, logins={"spoke": "another"}, certificate=spoke.certificate) as scripted:
        spoke.configure(smarthost=f"{scripted.address}:{scripted.port}", smarthost_tls="opportunistic")
        spoke.start()
        spoke.submit(letters.simple(token, "x@far.example", spoke.name("anna")), "x@far.example")
        wait_for(lambda: sum(session["login"] is not None for session in scripted.sessions) >= 2,
                 "another attempt: our own mistake is no reason to return letters")
        assert scripted.letters == [] and len(spoke.queue()) == 1


@pytest.mark.parametrize("tls", ["none", "opportunistic"])
def test_smarthost_password_needs_verified_tls(spoke, tls):
    """Refused by check and at start, unless an option says so."""
    spoke.configure(smarthost="smart.example:587", smarthost_tls=tls, smarthost_unverified_password=False)
    assert "smarthost_user needs smarthost_tls" in spoke.run("check", status=1).stdout
    assert "smarthost_user needs smarthost_tls" in spoke.run("serve", status=1).stderr


@pytest.mark.parametrize("offers", [True, False])
def test_smarthost_that_cant_be_trusted(spoke, token, offers):
    """With TLS required, neither a stripped STARTTLS nor an unknown certificate gets the password or the letter."""
    with ScriptedServer(new_address(), 0, logins={"spoke": "a secret of two"}, certificate=spoke.certificate if offers else None) as scripted:
        spoke.configure(smarthost=f"{scripted.address}:{scripted.port}", smarthost_tls="starttls")
        spoke.start()
        spoke.submit(letters.simple(token, "x@far.example", spoke.name("anna")), "x@far.example")
        wait_for(lambda: len(scripted.sessions) >= 2, "another attempt")
        assert scripted.letters == []
        assert not any(command.upper().startswith(("AUTH", "MAIL")) for session in scripted.sessions for command in session["commands"])
        scripted.problems.clear()


# ---- With Debian's Postfix ----

def test_from_postfix(north, postfix, token):
    import smtplib
    letter = letters.with_attachment(token, 200000, north.name("anna"), "petra@postfix.example")
    with smtplib.SMTP(postfix.address, postfix.port) as session:
        session.sendmail("petra@postfix.example", [north.name("anna")], letter, mail_options=["BODY=8BITMIME"])
    got = north.wait_mail(token)[0]
    letters.assert_same(got, letter)
    assert b"mail.postfix.example" in got and b"ESMTPS" in got


def test_to_postfix(north, postfix, names, token):
    """Postfix listens on a port of its own, so it is reached through a server whose mx_port is that."""
    names.domain("postfix.example", postfix.address)
    letter = letters.with_attachment(token, 200000, "petra@postfix.example", "anna@sender.example")
    with Pombal("sender.example", options={"resolver": names.resolver, "mx_port": postfix.port}, accounts=["anna"]) as own:
        own.submit(letter, "petra@postfix.example")
        letters.assert_same(postfix.wait_letter(token), letter)
        # Unknown there: Postfix's words come back.
        own.submit(letters.simple(token, "nobody@postfix.example", own.name("anna")), "nobody@postfix.example")
        report = Report(bounce(own, token))
        assert "550" in report.recipient("nobody@postfix.example")["Diagnostic-Code"]


def test_postfix_hears_about_unknown_recipients(north, postfix, token):
    import smtplib
    with smtplib.SMTP(postfix.address, postfix.port) as session:
        session.sendmail("petra@postfix.example", [f"nobody@{north.domain}"], letters.simple(token))
    got = postfix.wait_letter(token)
    assert b"550" in got and b"multipart/report" in got


# ---- To servers that take less ----

def test_text_for_a_server_without_8bitmime(names, token):
    """Long lines and letters outside of ASCII arrive as they were meant, in a form that the server takes."""
    import email
    import email.policy
    text = "Привет, мир! " * 400 + "\r\nenough\r\n"
    html = "<p>" + "Olá " * 40000 + "</p>\r\n"  # so much lies in a file of its own
    letter = (f"From: Анна <anna@plain.example>\r\nTo: x@old.example\r\nSubject: Отчёт {token}\r\nMIME-Version: 1.0\r\n"
              "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
              f"Content-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n"
              f"Content-Transfer-Encoding: 8bit\r\n\r\n{html}\r\n--b--\r\n").encode()
    with ScriptedServer(new_address(), 22525, extensions=("SIZE 1000000", "PIPELINING")) as peer:
        names.domain("old.example", peer.address)
        with Pombal("plain.example", accounts=["anna"], options={"resolver": names.resolver, "mx_port": 22525}) as own:
            own.submit(letter, "x@old.example")
            got = peer.wait_letters()[0]
    assert "BODY" not in got["from"] and f"SIZE={len(got['letter'])}" in got["from"]
    assert got["letter"].isascii() and b"\0" not in got["letter"] and max(map(len, got["letter"].split(b"\r\n"))) <= 998
    read = email.message_from_bytes(got["letter"], policy=email.policy.default)
    assert token in read["Subject"] and "Отчёт" in read["Subject"] and "Анна" in read["From"]
    assert read.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() == text.replace("\r\n", "\n").strip()
    assert read.get_body(("html",)).get_content().replace("\r\n", "\n").strip() == html.replace("\r\n", "\n").strip()


def test_an_ascii_message_to_an_idn_recipient(names, token):
    """Goes to a server without SMTPUTF8, with A-labels; what has UTF-8 in a header comes back."""
    with ScriptedServer(new_address(), 22525, extensions=("8BITMIME",)) as peer:
        names.domain("xn--e1afmkfd.example", peer.address)
        with Pombal("plain.example", accounts=["anna"], options={"resolver": names.resolver, "mx_port": 22525}) as own:
            own.submit(letters.simple(token, "x@elsewhere.example", own.name("anna")), "x@пример.example", mail_options=["SMTPUTF8"])
            got = peer.wait_letters()[0]
            assert got["to"] == ["TO:<x@xn--e1afmkfd.example>"] and b"for <x@xn--e1afmkfd.example>" in got["letter"]
            own.submit("Subject: Привет\r\n\r\nx\r\n".encode(), "x@пример.example", mail_options=["SMTPUTF8"])
            assert b"Status: 5.6.9" in own.wait_mail("could not be delivered")[0]
