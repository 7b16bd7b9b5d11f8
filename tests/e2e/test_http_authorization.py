"""Who says who he is with each request (the field Authorization), with clients that nobody here wrote: requests, urllib, curl."""
import base64
import json
import subprocess
import time
import urllib.request

import pytest
import requests

from pombal import PASSWORDS, Pombal, tls_context
from web import Browser, Events


@pytest.fixture
def person(server, token):
    """An account of the test's own."""
    PASSWORDS[token] = f"Wört:{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


def url(server, path, scheme="https"):
    return f"{scheme}://{server.address}:{server.ports[scheme]}{path}"


def get(server, path, name, password, **more):
    return requests.get(url(server, path), auth=(name.encode(), password.encode()), verify=False, timeout=30, **more)


class ByPassword(Browser):
    """A program that says who it is with each request."""

    def __init__(self, server, name, password):
        super().__init__(server)
        self.authorization = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()

    def fields(self, method, **more):
        return {"Authorization": self.authorization, **{name.replace("_", "-"): value for name, value in more.items()}}


def test_a_name_and_a_password(server, person):
    answer = get(server, "/session", server.name(person), PASSWORDS[person])
    assert answer.status_code == 200 and answer.json() == {"account": server.name(person)}
    assert "Set-Cookie" not in answer.headers
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, url(server, "/"), server.name(person), PASSWORDS[person])
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager), urllib.request.HTTPSHandler(context=tls_context()))
    request = urllib.request.Request(url(server, "/session"))
    # urllib says it in Latin-1, whatever the challenge asks for
    PASSWORDS[person] = f"Wort-{person}"
    server.run("account", "set", server.name(person), "--password-stdin", stdin=PASSWORDS[person])
    manager.add_password(None, url(server, "/"), server.name(person), PASSWORDS[person])
    with opener.open(request, timeout=30) as found:
        assert json.load(found)["account"] == server.name(person)


def test_curl_says_it_when_it_is_asked(server, person):
    def curl(*arguments):
        told = subprocess.run(["curl", "-sk", "-w", "\n%{http_code}", *arguments, url(server, "/session")], capture_output=True, text=True, timeout=30)
        return told.stdout.rsplit("\n", 1)
    assert curl("--anyauth", "-u", f"{server.name(person)}:{PASSWORDS[person]}")[1] == "200"
    assert curl("-u", f"{server.name(person)}:wrong")[1] == "401"
    assert curl("--oauth2-bearer", "nobodys")[1] == "401"


def test_wrong_ones(server, person):
    answer = get(server, "/session", server.name(person), "wrong")
    assert answer.status_code == 401 and 'Basic realm="Pombal", charset="UTF-8"' in answer.headers["WWW-Authenticate"]
    assert get(server, "/session", "nobody@example.test", "wrong").text == answer.text
    assert get(server, "/session", server.name(person), "wrong", headers={"Sec-Fetch-Site": "same-origin"}).headers["WWW-Authenticate"].startswith('Bearer realm="Pombal", resource_metadata=')


def test_no_cookie_counts_beside_it(server, person):
    browser = Browser(server)
    browser.sign_in(person)
    answer = get(server, "/session", server.name(person), "wrong", headers={"Cookie": browser.cookie})
    assert answer.status_code == 401


def test_signing_out_ends_nobodys_sessions(server, person):
    browser = Browser(server)
    browser.sign_in(person)
    program = ByPassword(server, server.name(person), PASSWORDS[person])
    assert program.ask("DELETE", "/session").status == 404
    assert browser.is_signed_in()
    assert program.ask("DELETE", "/sessions/all").status == 204
    assert not browser.is_signed_in()


def test_many_requests_cost_one_hash(server, person):
    program = ByPassword(server, server.name(person), PASSWORDS[person])
    offset = server.log_size()
    assert program.get("/session").status == 200
    began = time.monotonic()
    for _ in range(50):
        assert program.get("/session").status == 200
    spent = time.monotonic() - began
    assert server.log(offset).count("event=sign_in.done") == 1
    assert spent < 50 * 0.2, spent  # a connection of its own each, with TLS, under sanitizers


def test_a_stream_ends_with_the_password(server, person):
    program = ByPassword(server, server.name(person), PASSWORDS[person])
    time.sleep(1)  # the account was announced to be new a moment ago, which ends what is open
    events = Events(program)
    server.run("account", "set", server.name(person), "--password-stdin", stdin="another one")
    assert events.is_ended()
    events.close()
    assert program.get("/events").status == 401


def test_guessing_is_held_back():
    with Pombal(options={"auth_failures": 3, "auth_delay_max": 2}) as own:
        began = time.monotonic()
        assert {get(own, "/session", own.name("anna"), "wrong").status_code for _ in range(5)} <= {401, 429}
        assert time.monotonic() - began > 2
        assert get(own, "/session", own.name("boris"), PASSWORDS["boris"]).status_code == 200


def test_other_origins_get_nothing_by_a_cookie(server, person):
    preflight = requests.options(url(server, "/events"), verify=False, timeout=30, headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"})
    assert preflight.status_code == 204 and preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    preflight = requests.options(url(server, "/sessions"), verify=False, timeout=30, headers={"Origin": "https://app.example", "Access-Control-Request-Method": "GET"})
    assert "Access-Control-Allow-Origin" not in preflight.headers
