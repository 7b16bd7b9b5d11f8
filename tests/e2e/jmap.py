"""A JMAP client of the tests' own, over http.client: requests, uploads, downloads."""
import base64
import http.client
import json

from pombal import DEADLINE

CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"


class Refused(AssertionError):
    """A method was answered with an error."""

    def __init__(self, error):
        super().__init__(error)
        self.type = error["type"]


class Jmap:
    """One person's: signed in with name and password in each request."""

    def __init__(self, server, account="anna", password=None, using=(CORE, MAIL)):
        self.server, self.using = server, list(using)
        self.credentials = "Basic " + base64.b64encode(f"{server.name(account)}:{password or server.password(account)}".encode()).decode()
        self.connection = None
        self.session = json.loads(self.ask("GET", "/.well-known/jmap")[2])
        self.account = self.session["primaryAccounts"][MAIL]

    def ask(self, method, path, body=None, **fields):
        """(status, fields, content) of an answer over a connection that stays."""
        for attempt in range(2):
            try:
                if not self.connection:
                    self.connection = http.client.HTTPConnection(self.server.address, self.server.ports["http"], timeout=DEADLINE)
                self.connection.request(method, path, body, {"Authorization": self.credentials, **{name.replace("_", "-"): value for name, value in fields.items()}})
                answer = self.connection.getresponse()
                return answer.status, answer.headers, answer.read()
            except (ConnectionError, http.client.HTTPException):
                self.close()
                if attempt:
                    raise

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def request(self, *calls, using=None):
        """The whole response to calls (name, arguments) or (name, arguments, id)."""
        listed = [[name, {"accountId": self.account, **arguments}, *(rest or [str(at)])] for at, (name, arguments, *rest) in enumerate(calls)]
        status, _, body = self.ask("POST", "/jmap/api", json.dumps({"using": using or self.using, "methodCalls": listed}), Content_Type="application/json")
        assert status == 200, (status, body)
        return json.loads(body)

    def call(self, name, **arguments):
        """The arguments that one call is answered with."""
        answer = self.request((name, arguments))["methodResponses"][0]
        if answer[0] == "error":
            raise Refused(answer[1])
        assert answer[0] == name, answer
        return answer[1]

    def upload(self, content, kind="message/rfc822"):
        path = "/" + self.session["uploadUrl"].split("/", 3)[3].replace("{accountId}", self.account)
        status, _, body = self.ask("POST", path, content, Content_Type=kind)
        assert status == 201, (status, body)
        return json.loads(body)["blobId"]

    def download(self, blob, name="x", kind="application/octet-stream"):
        path = "/" + self.session["downloadUrl"].split("/", 3)[3]
        for key, value in (("{accountId}", self.account), ("{blobId}", blob), ("{name}", name), ("{type}", kind)):
            path = path.replace(key, value)
        status, _, body = self.ask("GET", path)
        return body if status == 200 else None

    # ---- mail ----

    def mailboxes(self):
        return self.call("Mailbox/get", ids=None)["list"]

    def mailbox(self, role):
        return next(one["id"] for one in self.mailboxes() if one["role"] == role)

    def make_mailbox(self, name, **more):
        answer = self.call("Mailbox/set", create={"m": {"name": name, **more}})
        assert answer["notCreated"] is None, answer
        return answer["created"]["m"]["id"]

    def add(self, message, mailboxes, keywords=(), **more):
        """Imports a message; its id."""
        answer = self.call("Email/import", emails={"e": {"blobId": self.upload(message), "mailboxIds": {one: True for one in mailboxes},
                                                         "keywords": {one: True for one in keywords}, **more}})
        assert answer["notCreated"] is None, answer
        return answer["created"]["e"]["id"]

    def make(self, email):
        """Creates an email; what is answered of it."""
        answer = self.call("Email/set", create={"e": email})
        assert answer["notCreated"] is None, answer
        return answer["created"]["e"]

    def email(self, id, *properties, **more):
        answer = self.call("Email/get", ids=[id], **({"properties": list(properties)} if properties else {}), **more)
        return answer["list"][0] if answer["list"] else None

    def query(self, filter=None, sort=None, **more):
        return self.call("Email/query", filter=filter, sort=sort, **more)["ids"]
