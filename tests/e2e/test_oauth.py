"""OAuth: letting programs in with a browser; tokens on every protocol; what attackers try."""
import base64
import imaplib
import json
import os
import poplib
import smtplib
import sqlite3
import subprocess
import threading
import time

import pytest
import requests

from oauth import BACK, Form, Program, SCOPE, challenge_of
from pombal import PASSWORDS, ROOT, Pombal, tls_context, wait_for
from web import Browser

LETTER = "From: {0}\r\nTo: {0}\r\nSubject: {1}\r\n\r\ntext\r\n"


@pytest.fixture
def person(server, token):
    """An account of the test's own."""
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


@pytest.fixture
def program(server, person):
    return Program(server).sign_in(server.name(person), PASSWORDS[person])


@pytest.fixture
def asking(server):
    """A program that has no tokens yet."""
    return Program(server)


def code_for(program, person):
    return program.code(program.server.name(person), PASSWORDS[person])


def bearer(name, token):
    return f"n,a={name},\1host=x\1port=1\1auth=Bearer {token}\1\1".encode()


def xoauth2(name, token):
    return f"user={name}\1auth=Bearer {token}\1\1".encode()


def imap(server, mechanism, message):
    client = imaplib.IMAP4_SSL(server.address, server.ports["imaps"], ssl_context=tls_context())
    told = []

    def respond(challenge):
        told.append(challenge)
        return message if len(told) == 1 else b"\1"
    try:
        client.authenticate(mechanism, respond)
    except imaplib.IMAP4.error as error:
        return None, told, str(error)
    return client, told, None


def is_ended(client):
    try:
        client.noop()
        return False
    except (imaplib.IMAP4.abort, OSError):
        return True


# ---- The way it goes ----

def test_what_there_is(server, asking):
    told = asking.metadata
    assert told["code_challenge_methods_supported"] == ["S256"] and told["response_types_supported"] == ["code"]
    assert told["token_endpoint_auth_methods_supported"] == ["none"] and told["authorization_response_iss_parameter_supported"] is True
    assert {told[f"{name}_endpoint"] for name in ("authorization", "token", "registration", "revocation")} == {
        f"{asking.issuer}/oauth/{path}" for path in ("authorize", "token", "register", "revoke")}
    resource = asking.ask("GET", "/.well-known/oauth-protected-resource/jmap/session").json()
    assert resource["resource"] == f"{asking.issuer}/jmap/session" and resource["authorization_servers"] == [asking.issuer]
    challenge = asking.ask("GET", "/jmap/session").headers["WWW-Authenticate"]
    assert f'resource_metadata="{asking.issuer}/.well-known/oauth-protected-resource/jmap/session"' in challenge


def test_a_token_serves_on_http(server, person, program):
    assert program.get().json() == {"account": server.name(person)}
    assert program.get("/app-passwords").status_code == 403 and program.get("/sessions").status_code == 403
    assert program.ask("GET", f"/session?access_token={program.access}").status_code == 401


@pytest.mark.parametrize("mechanism,message", [("OAUTHBEARER", bearer), ("XOAUTH2", xoauth2)])
def test_a_token_serves_on_imap(server, person, program, mechanism, message):
    client, _, _ = imap(server, mechanism, message(server.name(person), program.access))
    assert client.select("INBOX")[0] == "OK"
    assert client.append("INBOX", "", None, LETTER.format(server.name(person), "x").encode())[0] == "OK"
    client.logout()
    client, told, error = imap(server, mechanism, message(server.name(person), "nobodys"))
    assert client is None and json.loads(told[1])["status"] == "invalid_token" and json.loads(told[1])["scope"] == SCOPE and "AUTHENTICATIONFAILED" in error
    client, told, error = imap(server, mechanism, message(server.name("boris"), program.access))
    assert client is None, "another's name"
    client, _, _ = imap(server, mechanism, message("", program.access) if mechanism == "XOAUTH2" else f"n,,\1auth=Bearer {program.access}\1\1".encode())
    client.logout()


def test_a_token_serves_on_pop3_and_submission(server, person, program, token):
    name = server.name(person)
    line = base64.b64encode(bearer(name, program.access)).decode()
    box = poplib.POP3_SSL(server.address, server.ports["pop3s"], context=tls_context())
    assert "OAUTHBEARER" in box.capa()["SASL"] and "XOAUTH2" in box.capa()["SASL"]
    assert box._shortcmd(f"AUTH OAUTHBEARER {line}").startswith(b"+OK")
    box.quit()
    sender = smtplib.SMTP_SSL(server.address, server.ports["submissions"], context=tls_context())
    sender.ehlo()
    assert "OAUTHBEARER" in sender.esmtp_features["auth"]
    assert sender.docmd("AUTH", f"OAUTHBEARER {line}")[0] == 235
    sender.sendmail(name, [name], LETTER.format(name, token))
    sender.quit()
    server.wait_mail(token, person)
    refused = smtplib.SMTP_SSL(server.address, server.ports["submissions"], context=tls_context())
    refused.ehlo()
    code, told = refused.docmd("AUTH", "XOAUTH2 " + base64.b64encode(xoauth2(name, "nobodys")).decode())
    assert code == 334 and json.loads(base64.b64decode(told))["status"] == "invalid_token"
    assert refused.docmd("")[0] == 535
    refused.close()


def test_curl_signs_in_with_it(server, person, program, token, tmp_path):
    name = server.name(person)
    letter = tmp_path / "letter"
    letter.write_text(LETTER.format(name, token))

    def curl(*arguments):
        return subprocess.run(["curl", "-sSk", "--oauth2-bearer", program.access, "-u", f"{name}:", *arguments], capture_output=True, text=True, timeout=60)
    sent = curl(f"smtps://{server.address}:{server.ports['submissions']}", "--mail-from", name, "--mail-rcpt", name, "-T", str(letter))
    assert sent.returncode == 0, sent.stderr
    server.wait_mail(token, person)
    assert token in curl(f"imaps://{server.address}:{server.ports['imaps']}/INBOX;MAILINDEX=1").stdout
    assert token in curl(f"pop3s://{server.address}:{server.ports['pop3s']}/1").stdout
    assert curl("-f", f"https://{server.address}:{server.ports['https']}/session").returncode == 0
    wrong = subprocess.run(["curl", "-sSk", "--oauth2-bearer", "nobodys", "-u", f"{name}:", f"imaps://{server.address}:{server.ports['imaps']}/"], capture_output=True, timeout=60)
    assert wrong.returncode == 67


def test_openid_client_lets_itself_in(server, person):
    """openid-client (tests/npm) does all that a program does; the page is filled in here."""
    issuer = f"https://{server.address}:{server.ports['https']}"
    program = subprocess.Popen(["node", ROOT / "tests" / "npm" / "oauth.js", issuer, BACK, SCOPE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "NODE_TLS_REJECT_UNAUTHORIZED": "0"})
    page = requests.get(program.stdout.readline().strip(), verify=False, timeout=30)
    form = Form(page.text)
    answer = requests.post(issuer + form.action, {**form.fields, "name": server.name(person), "password": PASSWORDS[person], "answer": "allow"}, headers={"Origin": issuer},
                           verify=False, timeout=30, allow_redirects=False)
    told, errors = program.communicate(answer.headers["Location"] + "\n", timeout=60)
    assert program.returncode == 0, errors
    seen = json.loads(told)
    assert seen["account"] == server.name(person) and seen["refused"] == "invalid_grant" and seen["tokens"]["scope"] == SCOPE + " offline_access"
    assert seen["tokens"]["access_token"] != seen["again"]["access_token"]


def test_an_app_password_is_taken_as_a_token(server, person):
    made = server.json("account", "app-password", "add", server.name(person), "--name", "x", "--allow", "mail-read")
    url = f"https://{server.address}:{server.ports['https']}/session"
    assert requests.get(url, headers={"Authorization": f"Bearer {made['password']}"}, verify=False, timeout=30).json() == {"account": server.name(person)}


def test_tokens_are_refreshed(server, person, program):
    first = program.tokens
    second = program.refresh()
    assert second.status_code == 200
    program.tokens = second.json()
    assert program.tokens["refresh_token"] != first["refresh_token"] and program.tokens["access_token"] != first["access_token"]
    assert program.get().status_code == 200 and program.get(token=first["access_token"]).status_code == 200
    assert program.refresh(scope="urn:of:nobody").json()["error"] == "invalid_scope"
    assert program.refresh().status_code == 200


def test_private_schemes(server, person):
    program = Program(server, redirect="org.example.app:/back?x=1")
    program.sign_in(server.name(person), PASSWORDS[person])
    assert program.get().status_code == 200


def test_the_page_is_plain_and_speaks_its_readers_language(server, asking):
    page = asking.page()
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "form-action 'self' http://127.0.0.1:*" in policy and "frame-ancestors 'none'" in policy
    assert page.headers["X-Frame-Options"] == "DENY" and page.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in page.headers
    assert 'lang="en"' in page.text and "Mail Program" in page.text
    assert 'lang="ru"' in asking.page({"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}).content.decode()
    assert 'lang="pt"' in asking.page({"Accept-Language": "de, pt-BR;q=0.9"}).content.decode()
    assert Form(asking.page(login_hint="anna@example.test").text).fields["name"] == ["anna@example.test"]


def test_who_says_no(server, person, asking):
    form = Form(asking.page().text)
    assert asking.back(asking.answer(form, "", "", "deny"))["error"] == "access_denied"
    wrong = asking.answer(form, server.name(person), "wrong")
    assert wrong.status_code == 401 and "is wrong" in wrong.text and "wrong\"" not in wrong.text
    made = server.json("account", "app-password", "add", server.name(person), "--name", "x")
    assert asking.answer(form, server.name(person), made["password"]).status_code == 403


# ---- What ends it ----

def test_it_is_listed_and_ended_by_its_owner(server, person, program):
    browser = Browser(server)
    browser.sign_in(person)
    one, = browser.get("/app-passwords").json()["appPasswords"]
    assert one["kind"] == "oauth" and one["name"] == "Mail Program" and one["allow"] == "mail send"
    client, _, _ = imap(server, "XOAUTH2", xoauth2(server.name(person), program.access))
    assert browser.ask("DELETE", f"/app-passwords/{one['id']}").status == 204
    wait_for(lambda: is_ended(client), "the end of its session")
    assert program.get().status_code == 401 and program.refresh().json() == {"error": "invalid_grant"}


def test_it_is_listed_and_ended_by_administrators(server, person, program):
    one, = [one for one in server.json("session", "list", server.name(person)) if one["protocol"] == "oauth"]
    assert one["client"] == "Mail Program"
    client, _, _ = imap(server, "XOAUTH2", xoauth2(server.name(person), program.access))
    server.run("session", "end", one["id"])
    wait_for(lambda: is_ended(client), "the end of its session")
    assert program.get().status_code == 401


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoking(server, person, program, which):
    other = Program(server).sign_in(server.name(person), PASSWORDS[person])
    client, _, _ = imap(server, "XOAUTH2", xoauth2(server.name(person), program.access))
    assert program.ask("POST", "/oauth/revoke", data={"token": program.tokens[which]}).status_code == 200
    wait_for(lambda: is_ended(client), "the end of its session")
    assert program.get().status_code == 401 and program.refresh().status_code == 400
    assert other.get().status_code == 200
    assert program.ask("POST", "/oauth/revoke", data={"token": "nobodys"}).status_code == 200
    assert program.ask("POST", "/oauth/revoke", data={}).status_code == 400


@pytest.mark.parametrize("way", ["password", "disabled", "removed"])
def test_what_ends_all(server, person, program, way):
    client, _, _ = imap(server, "XOAUTH2", xoauth2(server.name(person), program.access))
    code = code_for(Program(server), person) if way == "password" else None
    if way == "password":
        server.run("account", "password", server.name(person), "--password-stdin", stdin="another word")
    elif way == "disabled":
        server.run("account", "set", server.name(person), "--disabled")
    else:
        server.run("account", "remove", server.name(person), "--yes")
    wait_for(lambda: is_ended(client), "the end of its session")
    assert program.get().status_code == 401 and program.refresh().json() == {"error": "invalid_grant"}
    if way == "removed":
        server.add_account(server.name(person), PASSWORDS[person])
        assert program.get().status_code == 401 and program.refresh().status_code == 400
    if code:
        assert program.exchange(code).status_code == 400


def test_access_tokens_are_over_after_an_hour(server, person, program):
    client, _, _ = imap(server, "XOAUTH2", xoauth2(server.name(person), program.access))
    with sqlite3.connect(server.data / "directory" / "directory.db") as db:  # an hour passes
        db.execute("UPDATE access_token SET expires = ? WHERE credential IN (SELECT id FROM credential WHERE account = ?)", (int(time.time()) - 1, server.name(person)))
    assert program.get().status_code == 401 and 'error="invalid_token"' in program.get().headers["WWW-Authenticate"]
    assert not is_ended(client), "who is signed in stays so"
    program.tokens = program.refresh().json()
    assert program.get().status_code == 200


# ---- Attacks ----

def test_a_code_is_used_once(server, person, asking):
    code = code_for(asking, person)
    tokens = asking.exchange(code).json()
    assert asking.get(token=tokens["access_token"]).status_code == 200
    assert asking.exchange(code).json() == {"error": "invalid_grant"}
    assert asking.get(token=tokens["access_token"]).status_code == 401, "what came of it has ended"
    assert asking.refresh(tokens["refresh_token"]).status_code == 400


def test_a_code_is_its_programs_alone(server, person, asking):
    other = Program(server, "Another")
    code = code_for(asking, person)
    assert other.exchange(code, code_verifier=asking.verifier).json() == {"error": "invalid_grant"}
    assert asking.exchange(code, client_id="").status_code == 400
    assert asking.exchange(code, redirect_uri=BACK).json() == {"error": "invalid_grant"}, "another redirect URI than the code's"
    assert asking.exchange(code, code_verifier="x" * 43).json() == {"error": "invalid_grant"}
    assert asking.exchange(code, code_verifier="").json() == {"error": "invalid_request"}
    assert asking.exchange(code, code_verifier=challenge_of(asking.verifier)).json() == {"error": "invalid_grant"}
    assert asking.exchange(code).status_code == 200


@pytest.mark.parametrize("changed,error", [
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"), ({"code_challenge_method": "plain"}, "invalid_request"), ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"), ({"response_type": "token"}, "unsupported_response_type"), ({"response_type": "code token"}, "unsupported_response_type"),
    ({"response_type": None}, "invalid_request"), ({"scope": "everything"}, "invalid_scope"), ({"resource": "https://evil.example/jmap"}, "invalid_target"),
    ({"resource": "https://{0}@evil.example/"}, "invalid_target"), ({"resource": ["imaps://{0}:993", "imaps://evil.example"]}, "invalid_target"), ({"scope": [SCOPE, SCOPE]}, "invalid_request"),
])
def test_what_is_asked_wrongly_is_sent_back(server, asking, changed, error):
    changed = {name: [one.format(server.address) for one in value] if isinstance(value, list) else value and value.format(server.address) for name, value in changed.items()}
    assert asking.back(asking.page(**changed))["error"] == error


def test_resources_of_ours(server, asking):
    assert asking.page(resource=[f"imaps://{server.address}:993", f"https://{server.address}:{server.ports['https']}/jmap/session"]).status_code == 200


@pytest.mark.parametrize("redirect", [
    "https://evil.example/", "http://127.0.0.1.evil.example/back", "http://127.0.0.1@evil.example/back", "http://127.0.0.1:49152/other", "http://127.0.0.1:49152/back/../x", "http://localhost:1/back",
    "http://127.0.0.1:49152/back#x", "http://127.0.0.1:x@evil.example/back", "javascript:alert(1)", "//evil.example", "", None, "http://127.0.0.1:49152/back\r\nX: y", "org.example:/back",
])
def test_nobody_is_sent_elsewhere(server, person, asking, redirect):
    page = asking.page(redirect_uri=redirect)
    assert page.status_code == 400 and "Location" not in page.headers and "evil" not in page.text
    form = Form(asking.page().text)
    answer = asking.answer(form, server.name(person), PASSWORDS[person], redirect_uri=redirect or "")
    assert answer.status_code == 400 and "Location" not in answer.headers


@pytest.mark.parametrize("client", ["", "open", "x" * 200, None, "x" * 2000])
def test_unknown_programs(server, asking, client):
    page = asking.page(client_id=client)
    assert page.status_code == 400 and "Location" not in page.headers


@pytest.mark.parametrize("uri", ["https://evil.example/", "http://localhost/", "myapp:/back", "http://127.0.0.1", "javascript:/a.b", "http://127.0.0.1/#x", "org.example:/" + "x" * 300, 7, None])
def test_what_is_not_registered(server, asking, uri):
    answer = asking.ask("POST", "/oauth/register", json={"redirect_uris": [BACK, uri], "client_name": "x"})
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_redirect_uri"


@pytest.mark.parametrize("body", [{}, {"redirect_uris": []}, {"redirect_uris": BACK}, {"redirect_uris": [BACK], "token_endpoint_auth_method": "client_secret_basic"},
                                  {"redirect_uris": [BACK], "response_types": ["token"]}, {"redirect_uris": [BACK], "client_name": "x" * 101}, {"redirect_uris": [BACK], "client_name": "a\nb"}, []])
def test_malformed_registrations(server, asking, body):
    assert asking.ask("POST", "/oauth/register", json=body).status_code == 400


def test_registrations_cost_nothing(server, asking):
    sizes = [sum(path.stat().st_size for path in (server.data / "directory").iterdir())]
    for number in range(200):
        assert asking.ask("POST", "/oauth/register", json={"redirect_uris": [BACK], "client_name": f"x{number}"}).status_code == 201
    sizes.append(sum(path.stat().st_size for path in (server.data / "directory").iterdir()))
    assert sizes[1] - sizes[0] < 64 * 1024 and asking.page().status_code == 200


def test_names_are_shown_as_text(server):
    page = Program(server, '<img src=x onerror="alert(1)">&"\'').page(state='"><script>', login_hint="<b>")
    assert "&lt;img src=x onerror=&quot;" in page.text and Form(page.text).fields["state"] == ['"><script>']


@pytest.mark.parametrize("fields", [{"origin": "https://evil.example"}, {"site": "cross-site"}, {"origin": "null"}, {"site": "same-site"}])
def test_no_other_site_allows_anything(server, person, asking, fields):
    answer = asking.answer(Form(asking.page().text), server.name(person), PASSWORDS[person], **fields)
    assert answer.status_code == 403 and "Location" not in answer.headers


def test_a_link_allows_nothing(server, person, asking):
    page = asking.page(name=server.name(person), password=PASSWORDS[person], answer="allow")
    assert page.status_code == 200 and PASSWORDS[person] not in page.text


def test_a_former_refresh_token_ends_all(server, person, program):
    stolen = program.tokens["refresh_token"]
    program.tokens = program.refresh().json()
    client, _, _ = imap(server, "XOAUTH2", xoauth2(server.name(person), program.access))
    assert program.refresh(stolen).json() == {"error": "invalid_grant"}
    assert program.refresh().json() == {"error": "invalid_grant"} and program.get().status_code == 401
    wait_for(lambda: is_ended(client), "the end of its session")


def test_a_refresh_token_is_its_programs_alone(server, program):
    other = Program(server, "Another")
    assert other.refresh(program.tokens["refresh_token"]).json() == {"error": "invalid_grant"}
    assert program.refresh(program.tokens["refresh_token"][:-1] + "x", client_id=other.client).status_code == 400
    assert program.refresh().status_code == 200


@pytest.mark.parametrize("fields", [{}, {"grant_type": "password", "username": "x", "password": "y"}, {"grant_type": "client_credentials"}, {"grant_type": "authorization_code"},
                                    {"grant_type": "refresh_token"}, {"grant_type": ["refresh_token", "refresh_token"]}])
def test_other_grants(server, asking, fields):
    answer = asking.ask("POST", "/oauth/token", data=fields)
    assert answer.status_code == 400 and answer.json()["error"] in ("invalid_request", "unsupported_grant_type")


def test_secrets_are_kept_nowhere(server, program):
    for path in (server.data / "directory").iterdir():
        content = path.read_bytes()
        assert not any(token.encode() in content for token in program.tokens.values() if isinstance(token, str) and len(token) > 40)
    assert program.access not in server.log() and program.tokens["refresh_token"] not in server.log()


def test_no_token_goes_in_clear_text(server, person, program):
    client = imaplib.IMAP4(server.address, server.ports["imap"])
    assert "AUTH=OAUTHBEARER" not in client.capabilities and "AUTH=XOAUTH2" not in client.capabilities
    with pytest.raises(imaplib.IMAP4.error):
        client.authenticate("XOAUTH2", lambda _: xoauth2(server.name(person), program.access))
    client.shutdown()


def test_where_it_is_off():
    with Pombal(options={"oauth": "no"}) as own:
        issuer = f"https://{own.address}:{own.ports['https']}"
        for method, path in (("GET", "/.well-known/oauth-authorization-server"), ("GET", "/oauth/authorize"), ("POST", "/oauth/token"), ("POST", "/oauth/revoke"), ("POST", "/oauth/register"),
                             ("GET", "/.well-known/oauth-protected-resource")):
            assert requests.request(method, issuer + path, verify=False, timeout=30, json={"redirect_uris": [BACK]} if "register" in path else None).status_code == 404
        assert "AUTH=XOAUTH2" not in own.imap("anna").capabilities


def test_guessing_is_held_back():
    with Pombal(options={"auth_failures_per_address": 3, "auth_delay_max": 2}) as own:
        began = time.monotonic()
        for _ in range(6):
            answer = requests.get(f"https://{own.address}:{own.ports['https']}/session", headers={"Authorization": "Bearer " + "x" * 43}, verify=False, timeout=30)
            assert answer.status_code in (401, 429)
        assert time.monotonic() - began > 2


@pytest.mark.parametrize("guess", [{"grant_type": "refresh_token"}, {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": "v" * 43}])
def test_guessing_codes_and_refresh_tokens_is_held_back(guess):
    """As guessing passwords is: the answers come later and later, then nothing is looked at any more; other networks, and other ways to sign in, don't wait for it."""
    with Pombal(options={"auth_failures_per_address": 3, "auth_delay_max": 2}) as own:
        program = Program(own)
        program.sign_in(own.name("anna"), PASSWORDS["anna"])
        told, began = [], time.monotonic()
        for at in range(6):
            answer = program.token(**guess, code="c" * 43, refresh_token=f"{at:086}")
            told.append((answer.status_code, answer.json()["error"]))
            if answer.status_code == 429:
                assert int(answer.headers["Retry-After"]) > 0
                break
        else:
            sent = []

            def send(number):
                sent.append(program.token(**guess, code="c" * 43, refresh_token=f"{number:086}").status_code)
            threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            told += [(status, "temporarily_unavailable" if status == 429 else "invalid_grant") for status in sent]
        assert set(told) <= {(400, "invalid_grant"), (429, "temporarily_unavailable")} and (400, "invalid_grant") in told
        assert time.monotonic() - began > 2 and (429, "temporarily_unavailable") in told
        assert "event=oauth.refused" in own.log() and "event=sign_in.throttled" in own.log()
        assert program.get().status_code == 200, "a token that is right is looked at"
