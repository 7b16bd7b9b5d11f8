"""A program that is let in with OAuth, and the browser of its user, over requests. It does what the RFCs have programs do, and checks what they have them check."""
import base64
import hashlib
import html.parser
import secrets
import urllib.parse

import requests

SCOPE = "urn:ietf:params:oauth:scope:mail"
BACK = "http://127.0.0.1/back"


def challenge_of(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Form(html.parser.HTMLParser):
    """The fields of a page's form, and whether anything on it could run."""

    def __init__(self, text):
        super().__init__()
        self.fields, self.tags, self.text, self.action, self.method = {}, set(), text, None, None
        self.feed(text)
        assert "script" not in self.tags and "iframe" not in self.tags

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        attributes = dict(attributes)
        assert not any(name.startswith("on") or name == "style" for name in attributes), attributes
        if tag == "form":
            self.action, self.method = attributes["action"], attributes["method"]
        if tag == "input":
            self.fields.setdefault(attributes["name"], []).append(attributes.get("value", ""))


class Program:
    def __init__(self, server, name="Mail Program", redirect=BACK, used=None):
        self.server, self.name, self.redirect = server, name, used or redirect.replace("127.0.0.1/", "127.0.0.1:49152/")
        self.issuer = f"https://{server.address}:{server.ports['https']}"
        self.metadata = self.ask("GET", "/.well-known/oauth-authorization-server").json()
        assert self.metadata["issuer"] == self.issuer
        registered = self.ask("POST", "/oauth/register", json={"redirect_uris": [redirect], "client_name": name, "token_endpoint_auth_method": "none",
                                                              "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "scope": SCOPE})
        assert registered.status_code == 201, registered.text
        self.client = registered.json()["client_id"]
        self.verifier, self.state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        self.tokens = None

    def ask(self, method, path, **more):
        return requests.request(method, self.issuer + path if path.startswith("/") else path, verify=False, timeout=30, allow_redirects=False, **more)

    def parameters(self, **changed):
        all_ = {"response_type": "code", "client_id": self.client, "redirect_uri": self.redirect, "code_challenge": challenge_of(self.verifier), "code_challenge_method": "S256",
                "state": self.state, "scope": SCOPE, **changed}
        return {name: value for name, value in all_.items() if value is not None}

    def page(self, headers=None, **changed):
        """What the browser is shown, or the answer that sends it elsewhere."""
        return self.ask("GET", "/oauth/authorize", params=self.parameters(**changed), headers=headers)

    def answer(self, form, name, password, answer="allow", origin=None, site="same-origin", **changed):
        fields = {**form.fields, "name": name, "password": password, "answer": answer, **changed}
        headers = {"Origin": self.issuer if origin is None else origin, "Sec-Fetch-Site": site}
        return self.ask("POST", form.action, data=fields, headers=headers)

    def back(self, answer):
        """The parameters with which the browser was sent back."""
        assert answer.status_code == 303, (answer.status_code, answer.text)
        where = answer.headers["Location"]
        assert where.startswith(self.redirect), where
        told = dict(urllib.parse.parse_qsl(where[len(self.redirect):].lstrip("?&"), strict_parsing=True))
        assert told["iss"] == self.issuer and told.get("state") == self.state
        return told

    def code(self, name, password, **changed):
        page = self.page(**changed)
        assert page.status_code == 200, page.text
        return self.back(self.answer(Form(page.text), name, password))["code"]

    def token(self, **fields):
        return self.ask("POST", "/oauth/token", data={"client_id": self.client, **fields})

    def exchange(self, code, **changed):
        return self.token(**{"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect, "code_verifier": self.verifier, **changed})

    def refresh(self, token=None, **changed):
        return self.token(**{"grant_type": "refresh_token", "refresh_token": token or self.tokens["refresh_token"], **changed})

    def sign_in(self, name, password):
        """All of it: afterwards it has tokens."""
        answer = self.exchange(self.code(name, password))
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()
        assert self.tokens["token_type"] == "Bearer" and self.tokens["expires_in"] == 3600 and self.tokens["scope"] == SCOPE + " offline_access"
        assert answer.headers["Cache-Control"] == "no-store"
        return self

    @property
    def access(self):
        return self.tokens["access_token"]

    def get(self, path="/session", token=None):
        return self.ask("GET", path, headers={"Authorization": f"Bearer {token or self.access}"})
