"""Submitting with clients of others: swaks, curl, msmtp, gsasl; each mechanism, each kind of TLS; and who may not."""
import base64
import re
import subprocess
import time

import pytest

import letters
from pombal import Pombal, environment, tls_context
from wire import Scram, Smtp


def shell(*command, stdin=b"", status=0, timeout=60):
    done = subprocess.run([str(word) for word in command], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                          env=environment(HOME="/nonexistent"))
    output = done.stdout.decode(errors="replace")
    assert status is None or done.returncode == status, f"{command} ended with {done.returncode}:\n{output}"
    return output


def swaks(server, *options, token="t", account="anna", password=None, port="submission", status=0, sender=None):
    return shell("swaks", "--server", server.address, "--port", server.ports[port], "--ehlo", "client.example",
                 "--from", sender or server.name(account), "--to", server.name("boris"), "--header", f"Subject: {token}",
                 *(["--auth-user", server.name(account), "--auth-password", password or server.password(account)] if account else []),
                 *options, status=status)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("port,tls", [("submission", "-tls"), ("submissions", "--tls-on-connect")])
def test_swaks(server, token, mechanism, port, tls):
    swaks(server, "--auth", mechanism, tls, token=token, port=port)
    server.wait_mail(token, "boris")


@pytest.mark.parametrize("port,tls", [("submission", "-tls"), ("submissions", "--tls-on-connect")])
def test_swaks_wrong_password(server, token, port, tls):
    output = swaks(server, "--auth", "PLAIN", tls, token=token, port=port, password="wrong", status=None)
    assert "535" in output and "250 2.0.0" not in output.split("535")[1], output


def test_swaks_is_offered_no_auth_in_clear(server, token):
    output = swaks(server, "--auth", "PLAIN", token=token, status=None)
    assert not re.search(r"250[- ]AUTH", output), output
    assert "STARTTLS" in output


def test_swaks_without_signing_in(server, token):
    output = swaks(server, "-tls", token=token, account=None, sender=server.name("anna"), status=None)
    assert re.search(r"\b530\b", output), output


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("port,scheme", [("submission", "smtp"), ("submissions", "smtps")])
def test_curl(server, token, tmp_path, mechanism, port, scheme):
    path = tmp_path / "letter"
    path.write_bytes(letters.simple(token, server.name("boris"), server.name("anna")))
    shell("curl", "-sS", "--ssl-reqd", "--url", f"{scheme}://{server.address}:{server.ports[port]}/client.example",
          "--cacert", server.certificate[0], "-k", "--mail-from", server.name("anna"), "--mail-rcpt", server.name("boris"),
          "--user", f"{server.name('anna')}:{server.password('anna')}", "--login-options", f"AUTH={mechanism}", "-T", path)
    server.wait_mail(token, "boris")


def msmtp(server, token, mechanism, port="submission", password=None, status=0):
    return shell("msmtp", "--file=/dev/null", f"--host={server.address}", f"--port={server.ports[port]}", "--tls=on",
                 f"--tls-starttls={'on' if port == 'submission' else 'off'}", "--tls-certcheck=off", f"--auth={mechanism}",
                 f"--user={server.name('anna')}", f"--passwordeval=echo '{password or server.password('anna')}'",
                 f"--from={server.name('anna')}", server.name("boris"),
                 stdin=letters.simple(token, server.name("boris"), server.name("anna")), status=status)


@pytest.mark.parametrize("mechanism", ["plain", "login"])
@pytest.mark.parametrize("port", ["submission", "submissions"])
def test_msmtp(server, token, mechanism, port):
    msmtp(server, token, mechanism, port)
    server.wait_mail(token, "boris")


@pytest.fixture(scope="module")
def bound():
    """A server that offers SCRAM with and without channel binding: msmtp takes what is offered only."""
    with Pombal(options={"scram_over_tls": "bound"}) as own:
        yield own


@pytest.fixture(scope="module")
def msmtp_scram():
    """Debian 13's binds; without that its library fails over TLS 1.3 before it says anything. Debian 12's can't."""
    known = shell("msmtp", "--version").split()
    return "scram-sha-256-plus" if "scram-sha-256-plus" in known else "scram-sha-256"


@pytest.mark.parametrize("port", ["submission", "submissions"])
def test_msmtp_scram(bound, token, msmtp_scram, port):
    msmtp(bound, token, msmtp_scram, port)
    bound.wait_mail(token, "boris")


def test_msmtp_scram_wrong_password(bound, token, msmtp_scram):
    output = msmtp(bound, token, msmtp_scram, password="wrong", status=None)
    assert "535" in output, output


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
@pytest.mark.parametrize("protocol,port", [("smtp", "submission"), ("imap", "imap")])
def test_gsasl(server, mechanism, protocol, port):
    status, output = gsasl(server, mechanism, protocol, port)
    assert status == 0 and re.search(r"^235 |^\S+ OK ", output.split("AUTH")[-1], re.M), output


def gsasl(server, mechanism, protocol, port, password=None):
    done = subprocess.run(["gsasl", "--" + protocol, "--connect", f"{server.address}:{server.ports[port]}", "--mechanism", mechanism,
                           "--authentication-id", server.name("anna"), "--authorization-id=", "--password",
                           password or server.password("anna"), "--x509-ca-file=", "--verbose",
                           # Having channel binding and not using it is a contradiction to gsasl.
                           *([] if mechanism.endswith("-PLUS") else ["--no-cb"])],
                          input=b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, env=environment())
    return done.returncode, done.stdout.decode(errors="replace")


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_gsasl_wrong_password(server, mechanism):
    status, output = gsasl(server, mechanism, "smtp", "submission", password="wrong")
    assert status != 0 and not re.search(r"^235", output, re.M), output


def connect(server, port="submissions", context=None):
    smtp = Smtp(server.address, server.ports[port], tls=port == "submissions", context=context)
    if port == "submission":
        smtp.secure(context)
    return smtp


def scram(smtp, exchange, mechanism):
    """One SCRAM exchange over SMTP; gives the last reply."""
    answer = smtp.say(f"AUTH {mechanism} {base64.b64encode(exchange.first()).decode()}")
    if not answer.startswith("334"):
        return answer
    answer = smtp.say(base64.b64encode(exchange.final(base64.b64decode(answer[4:]))).decode())
    if answer.startswith("334"):
        assert exchange.is_server(base64.b64decode(answer[4:]))
        answer = smtp.say("")
    return answer


def tls12():
    import ssl
    context = tls_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def test_scram_shows_both_sides(server):
    with connect(server) as smtp:
        answer = scram(smtp, Scram(server.name("boris"), server.password("boris")), "SCRAM-SHA-256")
        assert answer.startswith("235"), answer


def test_scram_with_channel_binding(server):
    with connect(server, context=tls12()) as smtp:
        assert "SCRAM-SHA-256-PLUS" not in smtp.hello  # taken all the same
        unique = smtp.socket.get_channel_binding("tls-unique")
        answer = scram(smtp, Scram(server.name("anna"), server.password("anna"), ("tls-unique", unique)), "SCRAM-SHA-256-PLUS")
        assert answer.startswith("235"), answer


def test_scram_with_wrong_channel_binding(server):
    with connect(server, context=tls12()) as smtp:
        answer = scram(smtp, Scram(server.name("anna"), server.password("anna"), ("tls-unique", b"0" * 12)), "SCRAM-SHA-256-PLUS")
        assert answer.startswith("5"), answer


def test_mechanisms_offered(server):
    with Smtp(server.address, server.ports["submission"]) as smtp:
        assert "AUTH" not in smtp.hello and "STARTTLS" in smtp.hello
        smtp.secure()
        offered = re.search(r"AUTH (.*)", smtp.hello)[1].split()
        assert "STARTTLS" not in smtp.hello
    assert offered == ["PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"]


@pytest.mark.parametrize("arguments,code", [
    ("PLAIN", 334), ("PLAIN =", 5), ("PLAIN !!!", 5), ("PLAIN " + "A" * 9000, 5), ("NTLM TlRMTVNTUAAB", 504), ("EXTERNAL =", 504),
    ("CRAM-MD5", 504), ("", 501), ("PLAIN AGFubmEAd3Jvbmc= extra", 501), ("SCRAM-SHA-256 bixh", 5), ("LOGIN *", 5), ("PLAIN AAAA", 5),
])
def test_broken_auth(server, arguments, code):
    with connect(server) as smtp:
        answer = smtp.say(f"AUTH {arguments}".strip())
        assert answer.startswith(str(code)), answer
        if answer.startswith("334"):
            assert smtp.say("*").startswith("501")
        assert smtp.say("NOOP").startswith("250")


def test_auth_order(server):
    with connect(server) as smtp:
        assert smtp.say(f"MAIL FROM:<{server.name('anna')}>").startswith("530")
        assert smtp.login(server.name("anna"), server.password("anna")).startswith("235")
        assert smtp.login(server.name("anna"), server.password("anna")).startswith("503")
        smtp.envelope(server.name("anna"), server.name("boris"))
        assert smtp.say("AUTH PLAIN").startswith("503")


def test_unknown_and_known_accounts_get_one_answer(server):
    with connect(server) as smtp:
        unknown = smtp.login("nobody@" + server.domain, "wrong")
        known = smtp.login(server.name("anna"), "wrong")
    assert unknown == known and unknown.startswith("535")


@pytest.mark.parametrize("sender", ["boris@example.test", "someone@elsewhere.example", "postmaster@example.test"])
def test_sender_must_be_ones_own(server, sender):
    with server.submission("anna") as session:
        code, text = session.mail(sender)
        assert 550 <= code < 560, (code, text)


@pytest.mark.parametrize("sender", ["anna+lists@example.test", "Anna@EXAMPLE.test"])
def test_sender_with_detail(server, sender):
    with server.submission("anna") as session:
        code, text = session.mail(sender)
        assert code == 250, text


def test_from_of_another_is_refused_or_marked(server, token):
    """A signed-in user cannot send as another: the From field, too."""
    with server.submission("anna") as session:
        session.mail(server.name("anna"))
        session.rcpt(server.name("boris"))
        code, text = session.data(letters.simple(token, server.name("boris"), server.name("boris")))
    if code == 250:
        got = letters.parse(server.wait_mail(token, "boris")[0])
        assert got["Sender"] and server.name("anna") in got["Sender"], got.items()
    else:
        assert 550 <= code < 560, text


def test_date_and_message_id_are_added(server, token):
    letter = f"From: <{server.name('anna')}>\r\nTo: <{server.name('boris')}>\r\nSubject: {token}\r\n\r\nText\r\n".encode()
    server.submit(letter, server.name("boris"))
    got = letters.parse(server.wait_mail(token, "boris")[0])
    assert len(got.get_all("Date")) == 1 and got["Date"].datetime
    assert len(got.get_all("Message-ID")) == 1 and re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", got["Message-ID"].strip())


def test_date_and_message_id_are_kept(server, token):
    letter = letters.simple(token, server.name("boris"), server.name("anna"))
    server.submit(letter, server.name("boris"))
    letters.assert_same(server.wait_mail(token, "boris")[0], letter)


def test_received_tells_the_way(server, token):
    server.submit(letters.simple(token, server.name("boris"), server.name("anna")), server.name("boris"))
    fields, _ = letters.split_trace(server.wait_mail(token, "boris")[0])
    received = " ".join(value.decode() for name, value in fields if name == "received")
    assert "from client.example" in received and f"by {server.hostname}" in received
    assert re.search(r"with (UTF8SMTPSA|ESMTPSA)\b", received), received
    assert re.search(r"\bid \S+", received) and re.search(r";\s+\w{3}, \d+ \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", received), received
    paths = [value for name, value in fields if name == "return-path"]
    assert paths == [f"<{server.name('anna')}>".encode()], fields


def test_certificate_is_for_the_hostname(server):
    """With the certificate that `init` made as the only trusted one, and its name checked."""
    context = tls_context(server.certificate[0], name_checked=True)
    import socket
    with socket.create_connection((server.address, server.ports["submissions"])) as plain:
        with context.wrap_socket(plain, server_hostname=server.hostname) as secured:
            assert secured.recv(3) == b"220"


def test_guessing_is_slowed_down(token):
    with Pombal(options={"auth_failures": 2, "auth_failures_per_address": 2, "auth_delay_max": "3s"}) as own:
        took = []
        for _ in range(6):
            start = time.monotonic()
            with connect(own) as smtp:
                answer = smtp.login(own.name("anna"), "wrong")
            assert answer[:1] in "45", answer
            took.append(time.monotonic() - start)
        assert took[5] >= 0.5, took  # at the least: a busy machine only adds to it
        # Somebody else from the same address may be held back, too, but not for ever.
        start = time.monotonic()
        with connect(own) as smtp:
            answer = smtp.login(own.name("boris"), own.password("boris"))
        assert answer.startswith("235") or answer.startswith("454"), answer
        assert time.monotonic() - start < 30


def test_many_clients_at_once(server, token):
    from concurrent.futures import ThreadPoolExecutor

    def send(number):
        server.submit(letters.simple(f"{token} {number}", server.name("boris"), server.name("anna")), server.name("boris"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(16)))
    got = server.wait_mail(token, "boris", count=16)
    assert sorted(int(letters.parse(letter)["Subject"].split()[1]) for letter in got) == list(range(16))
