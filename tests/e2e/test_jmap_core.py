"""JMAP's core (RFC 8620) against the real server: the session, requests and their limits, binary data, news of changes; and what attackers try."""
import glob
import http.client
import json
import os
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

from pombal import DEADLINE, Pombal, binary
from web import Browser, WebSocket

CORE = "urn:ietf:params:jmap:core"
BLOB = "urn:ietf:params:jmap:blob"
QUOTA = "urn:ietf:params:jmap:quota"


@pytest.fixture(scope="module")
def server():
    with Pombal(options={"max_message": 8000000, "upload_room": 20000000}) as one:
        yield one


class Client(Browser):
    """One that has signed in, and knows its session."""

    def __init__(self, server, account="anna", tls=False):
        super().__init__(server, tls=tls)
        self.sign_in(account)
        self.session = self.get("/.well-known/jmap").json()
        self.account = self.session["primaryAccounts"][BLOB]

    def request(self, calls, using=(CORE,), **more):
        return self.ask("POST", "/jmap/api", {"using": list(using), "methodCalls": calls, **more})

    def run(self, *calls, using=(CORE, BLOB, QUOTA)):
        answer = self.request([[name, {"accountId": self.account, **arguments}, str(i)] for i, (name, arguments) in enumerate(calls)], using)
        assert answer.status == 200, answer.body
        return [response[1] for response in answer.json()["methodResponses"]]

    def path(self, template, **values):
        url = self.session[template]
        for name, value in {"accountId": self.account, **values}.items():
            url = url.replace("{" + name + "}", urllib.parse.quote(value, safe=""))
        assert url.startswith(self.origin)
        return url[len(self.origin):]

    def upload(self, content, type="application/octet-stream", status=201):
        answer = self.ask("POST", self.path("uploadUrl"), content, Content_Type=type)
        assert answer.status == status, answer.body
        return json.loads(answer.body)

    def download(self, blob, type="text/plain", name="a", **fields):
        return self.get(self.path("downloadUrl", blobId=blob, type=type, name=name), **fields)

    def socket(self):
        """A request's head of an upload that has just begun."""
        own = socket.create_connection((self.server.address, self.port), timeout=DEADLINE)
        own.sendall(f"POST {self.path('uploadUrl')} HTTP/1.1\r\nHost: {self.authority}\r\nCookie: {self.cookie}\r\nOrigin: {self.origin}\r\n"
                    "Content-Type: a/b\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n".encode())
        return own


def kept(server, account="anna"):
    local, domain = server.name(account).split("@")
    return glob.glob(f"{server.data}/accounts/{domain}/{local}/uploads/*")


def wait_until(condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("tls", [True, False])
def test_the_session_says_what_there_is(server, tls):
    client = Client(server, tls=tls)
    session = client.session
    assert session["username"] == server.name("anna") and session["accounts"][client.account]["isPersonal"] and not session["accounts"][client.account]["isReadOnly"]
    for name in ("apiUrl", "uploadUrl", "downloadUrl", "eventSourceUrl"):
        assert session[name].startswith(client.origin + "/")
    assert session["capabilities"][CORE]["maxSizeUpload"] == 8000000 and session["capabilities"][CORE]["collationAlgorithms"]
    assert client.request([["Core/echo", {}, "a"]]).json()["sessionState"] == session["state"]
    assert Client(server, "boris", tls).account != client.account
    assert Browser(server, tls=tls).get("/.well-known/jmap").status == 401


def test_requests_are_answered_as_a_whole(server):
    client = Client(server)
    answer = client.request([["Core/echo", {"a": [{"id": 1}, {"id": [2, 3]}]}, "0"],
                             ["Core/echo", {"#ids": {"resultOf": "0", "name": "Core/echo", "path": "/a/*/id"}}, "1"]], createdIds={"x": "y"}).json()
    assert answer["methodResponses"][1] == ["Core/echo", {"ids": [1, 2, 3]}, "1"] and answer["createdIds"] == {"x": "y"}
    problem = client.request([["Core/echo", {}, str(i)] for i in range(100)])
    assert problem.status == 400 and json.loads(problem.body)["limit"] == "maxCallsInRequest" and problem.headers["Content-Type"] == "application/problem+json"
    for body, kind in ((b"{", "notJSON"), (b"[]", "notRequest"), (b"[" * 100000, "limit"), (b"[" + b"0," * 1000000 + b"0]", "limit")):
        answer = client.ask("POST", "/jmap/api", body, Content_Type="application/json")
        assert answer.status == 400 and json.loads(answer.body)["type"] == f"urn:ietf:params:jmap:error:{kind}"
    answer = client.ask("POST", "/jmap/api", b"{}", Content_Type="text/plain")
    assert answer.status == 400 and json.loads(answer.body)["type"].endswith(":notJSON")


def test_what_is_too_large_isnt_read(server):
    client = Client(server)
    with socket.create_connection((server.address, client.port), timeout=DEADLINE) as own:
        own.sendall(f"POST /jmap/api HTTP/1.1\r\nHost: {client.authority}\r\nCookie: {client.cookie}\r\nOrigin: {client.origin}\r\n"
                    "Content-Type: application/json\r\nContent-Length: 999999999\r\n\r\n".encode())
        assert b'"limit":"maxSizeRequest"' in own.recv(10000)


def test_requests_have_a_share(server):
    """So many of one account at a time; others are served meanwhile."""
    client, other = Client(server), Client(server, "boris")
    most = client.session["capabilities"][CORE]["maxConcurrentRequests"]
    waiting = []
    for _ in range(most):
        own = socket.create_connection((server.address, client.port), timeout=DEADLINE)
        own.sendall(f"POST /jmap/api HTTP/1.1\r\nHost: {client.authority}\r\nCookie: {client.cookie}\r\nOrigin: {client.origin}\r\n"
                    "Content-Type: application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n".encode())
        assert own.recv(1000).startswith(b"HTTP/1.1 100 ")
        waiting.append(own)
    answer = client.request([])
    assert answer.status == 400 and json.loads(answer.body)["limit"] == "maxConcurrentRequests"
    assert other.request([]).status == 200
    for own in waiting:
        own.close()
    wait_until(lambda: client.request([]).status == 200)


def test_what_is_uploaded_is_downloaded(server):
    client = Client(server)
    content = os.urandom(3000000)
    blob = client.upload(content, "image/png")
    assert blob["accountId"] == client.account and blob["type"] == "image/png" and blob["size"] == len(content)
    answer = client.download(blob["blobId"], "text/html", "ä \"b\".html")
    assert answer.status == 200 and answer.body == content and answer.headers["Content-Type"] == "text/html"
    assert answer.headers["Content-Disposition"].startswith("attachment;") and "filename*=UTF-8''%C3%A4%20%22b%22.html" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "private, immutable, max-age=31536000" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    part = client.download(blob["blobId"], Range="bytes=1000-199999")
    assert part.status == 206 and part.body == content[1000:200000] and part.headers["Content-Range"] == "bytes 1000-199999/3000000"
    assert client.download(blob["blobId"], Range="bytes=3000000-").status == 416
    assert client.download(blob["blobId"], If_None_Match=answer.headers["ETag"]).status == 304
    for kind in ("no type\r\nX: y", "text/javascript", "Application/X-JavaScript; charset=utf-8", "text/css", "module/ecmascript"):
        assert client.download(blob["blobId"], kind).headers["Content-Type"] == "application/octet-stream"


def test_blobs_are_their_accounts_alone(server):
    client, other = Client(server), Client(server, "boris")
    blob = client.upload(b"secret")["blobId"]
    assert other.download(blob).status == 404
    assert other.get(client.path("downloadUrl", blobId=blob, type="a/b", name="a")).status == 404
    assert other.ask("POST", client.path("uploadUrl"), b"x", Content_Type="a/b").status == 404
    assert other.run(("Blob/get", {"ids": [blob]}))[0]["notFound"] == [blob]
    for path in (f"/jmap/download/{client.account}/../../etc", f"/jmap/download/{client.account}/u%2F..", f"/jmap/download/{client.account}/"):
        assert client.get(path).status in (400, 404)


def test_a_body_of_unknown_length_is_taken(server):
    client = Client(server)
    pieces = [os.urandom(70000) for _ in range(50)]
    connection = client.connect()
    connection.request("POST", client.path("uploadUrl"), iter(pieces), client.fields("POST", Content_Type="a/b"), encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 201
    assert client.download(json.loads(answer.read())["blobId"]).body == b"".join(pieces)
    connection.request("GET", "/jmap/session", headers=client.fields("GET"))
    assert connection.getresponse().status == 200 # the connection goes on


def test_too_much_leaves_nothing_behind(server):
    client = Client(server)
    before = set(kept(server))
    problem = client.upload(b"x", status=201) and client.ask("POST", client.path("uploadUrl"), bytes(8000001), Content_Type="a/b")
    assert problem.status == 413 and json.loads(problem.body)["limit"] == "maxSizeUpload"
    connection = client.connect()
    try:
        connection.request("POST", client.path("uploadUrl"), iter([bytes(100000)] * 100), client.fields("POST", Content_Type="a/b"), encode_chunked=True)
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass # it was hung up on while it went on
    wait_until(lambda: len(set(kept(server)) - before) == 1)


def test_who_goes_away_leaves_nothing_behind(server):
    client = Client(server)
    own = client.socket()
    assert own.recv(1000).startswith(b"HTTP/1.1 100 ")
    own.sendall(bytes(50000))
    wait_until(lambda: any(path.endswith(".new") for path in kept(server)))
    own.close()
    wait_until(lambda: not any(path.endswith(".new") for path in kept(server)))


def test_uploads_have_a_share_and_a_room(server):
    client = Client(server)
    most = client.session["capabilities"][CORE]["maxConcurrentUpload"]
    waiting = [client.socket() for _ in range(most)]
    for own in waiting:
        assert own.recv(1000).startswith(b"HTTP/1.1 100 ")
    with client.socket() as one:
        assert b'"limit":"maxConcurrentUpload"' in one.recv(10000)
    for own in waiting:
        own.close()
    wait_until(lambda: not any(path.endswith(".new") for path in kept(server)))
    blobs = [client.upload(bytes(6000000))["blobId"] for _ in range(5)]
    assert sum(os.path.getsize(path) for path in kept(server)) <= 20000000
    assert [client.download(blob).status for blob in blobs] == [404, 404, 200, 200, 200] # the oldest went


def test_many_uploads_at_once(server):
    clients = [Client(server, name) for name in ("anna", "boris") for _ in range(3)]
    wrong = []

    def work(client):
        for i in range(10):
            content = os.urandom(20000 + i)
            if client.download(client.upload(content)["blobId"]).body != content:
                wrong.append(client)
    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_uploads_survive_the_role(server):
    client = Client(server)
    blob = client.upload(b"kept")["blobId"]
    server.expected_noise.append("role=master event=role.ended name=web")
    os.kill(server.role_of("web"), 9)

    def is_there():
        try:
            return client.download(blob).body == b"kept"
        except (OSError, http.client.HTTPException):
            return False
    wait_until(is_there)


def test_blobs_in_requests(server):
    """The examples of RFC 9404, §4.1.2 and §4.2.2."""
    client = Client(server)
    uploaded, got, part = client.run(
        ("Blob/upload", {"create": {"b4": {"data": [{"data:asText": "The quick brown fox jumped over the lazy dog."}]},
                                    "cat": {"data": [{"data:asText": "How"}, {"blobId": "#b4", "length": 7, "offset": 3}, {"data:asText": "was t"},
                                                     {"blobId": "#b4", "length": 1, "offset": 1}, {"data:asBase64": "YXQ/"}]},
                                    "bad": {"data": [{"blobId": "#b4", "offset": 40, "length": 30}]}}}),
        ("Blob/get", {"ids": ["#b4", "not-a-blob"], "properties": ["data:asText", "digest:sha", "size"]}),
        ("Blob/get", {"ids": ["#b4"], "properties": ["data:asText", "digest:sha-256"], "offset": 4, "length": 9}))
    assert uploaded["created"]["cat"]["size"] == 19 and uploaded["notCreated"]["bad"]["type"] == "invalidProperties"
    assert client.download(uploaded["created"]["cat"]["id"]).body == b"How quick was that?"
    assert got["list"][0]["digest:sha"] == "wIVPufsDxBzOOALLDSIFKebu+U4=" and got["list"][0]["size"] == 45 and got["notFound"] == ["not-a-blob"]
    assert part["list"][0] == {"id": uploaded["created"]["b4"]["id"], "data:asText": "quick bro", "digest:sha-256": "gdg9INW7lwHK6OQ9u0dwDz2ZY/gubi0En0xlFpKt0OA="}
    blob = client.upload(b"\xff\x00")["blobId"]
    assert client.run(("Blob/get", {"ids": [blob]}))[0]["list"] == [{"id": blob, "data:asBase64": "/wA=", "isEncodingProblem": True, "size": 2}]


def test_quotas(server):
    client = Client(server, "boris")
    assert client.run(("Quota/get", {"ids": None}))[0]["list"] == []
    before = client.run(("Quota/get", {"ids": []}))[0]["state"]
    subprocess.run([binary(), "--data", str(server.data), "account", "set", server.name("boris"), "--quota", "10M"], check=True, capture_output=True)
    got, changes, found = client.run(("Quota/get", {"ids": None}), ("Quota/changes", {"sinceState": before}), ("Quota/query", {"filter": {"resourceType": "octets"}}))
    assert got["list"][0]["hardLimit"] == 10 * 1024 * 1024 and got["list"][0]["resourceType"] == "octets"
    assert changes["created"] == found["ids"] == [got["list"][0]["id"]] and changes["newState"] == got["state"]


def events(client, query):
    connection = client.connect()
    connection.request("GET", f"/jmap/events?{query}", headers=client.fields("GET"))
    answer = connection.getresponse()
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream"
    return answer


def next_event(answer):
    """The next one that has a name."""
    event = {}
    while True:
        line = answer.readline().decode().rstrip("\n")
        if not line and "event" in event:
            return event
        if line and not line.startswith(":"):
            name, value = line.split(": ", 1)
            event[name] = value


def test_event_sources(server):
    client = Client(server)
    stream = events(client, "types=*&closeafter=state&ping=5")
    assert json.loads(next_event(stream)["data"]) == {"interval": 5}
    server.deliver(b"From: a@b.example\r\nSubject: news\r\n\r\nnews\r\n")
    event = next_event(stream)
    while event["event"] == "ping":
        event = next_event(stream)
    change = json.loads(event["data"])
    assert change["@type"] == "StateChange" and list(change["changed"]) == [client.account] and "Email" in change["changed"][client.account]
    assert stream.read() == b"" # closeafter
    connection = client.connect()
    connection.request("GET", "/jmap/events?types=Email&closeafter=state&ping=0", headers={**client.fields("GET"), "Last-Event-ID": "of long ago"})
    assert list(json.loads(next_event(connection.getresponse())["data"])["changed"][client.account]) == ["Email"] # at once: it has missed something


def open_socket(client, protocols=("jmap",)):
    url = urllib.parse.urlsplit(client.session["capabilities"]["urn:ietf:params:jmap:websocket"]["url"])
    assert (url.scheme, url.netloc) == ("wss" if client.tls else "ws", client.authority)
    return WebSocket(client, client.origin, {"Cookie": client.cookie}, url.path, list(protocols))


@pytest.mark.parametrize("tls", [True, False])
def test_websockets(server, tls):
    """RFC 8887: requests one after the other, their problems, and news."""
    client = Client(server, tls=tls)
    socket = open_socket(client)

    def ask(message):
        socket.send(message if isinstance(message, str) else json.dumps(message))
        return json.loads(socket.next())
    request = {"@type": "Request", "id": "R1", "using": [CORE], "methodCalls": [["Core/echo", {"a": "b"}, "c"]]}
    assert ask(request) == {"@type": "Response", "requestId": "R1", "methodResponses": [["Core/echo", {"a": "b"}, "c"]], "sessionState": client.session["state"]}
    assert "requestId" not in ask({name: value for name, value in request.items() if name != "id"})
    problem = ask({**request, "using": ["x:y"]})
    assert problem["@type"] == "RequestError" and problem["requestId"] == "R1" and problem["type"].endswith(":unknownCapability")
    assert ask("{")["type"].endswith(":notJSON") and ask({"@type": "Other"})["type"].endswith(":notRequest")
    large = "x" * 5000000
    assert ask({**request, "methodCalls": [["Core/echo", {"a": large}, "c"]]})["methodResponses"][0][1] == {"a": large}
    socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["Email"]}))
    assert ask(request)["requestId"] == "R1" # so it has been enabled
    server.deliver(b"From: a@b.example\r\nSubject: news\r\n\r\nnews\r\n")
    change = json.loads(socket.next())
    assert change["@type"] == "StateChange" and list(change["changed"][client.account]) == ["Email"]
    known = ask({"@type": "WebSocketPushEnable", "dataTypes": ["Email"], "pushState": "of long ago"})
    assert known["pushState"] == change["pushState"] # it has missed something
    socket.send(json.dumps({"@type": "WebSocketPushDisable"}))
    socket.send(b"binary")
    assert socket.close_code() == 1003
    socket.stop()


def test_websockets_of_others_are_refused(server):
    client = Client(server)
    for protocols, origin in ((["xmpp"], client.origin), (["jmap"], "https://elsewhere.example")):
        with pytest.raises(Exception, match="40[03]"):
            WebSocket(client, origin, {"Cookie": client.cookie}, "/jmap/ws", protocols)


def test_sessions_that_end_end_their_news(server):
    client = Client(server)
    stream, socket = events(client, "types=*"), open_socket(client)
    assert client.ask("DELETE", "/session").status == 204
    assert stream.read() == b"" and socket.close_code() is not None
    socket.stop()
    assert client.request([]).status == 401
