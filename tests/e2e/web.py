"""Browsers of the tests' own: requests with a cookie, event sources, and WebSockets, over http.client and Debian's python3-websockets."""
import asyncio
import http.client
import json
import threading
import time

from pombal import DEADLINE, tls_context


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    def json(self):
        assert self.headers["Content-Type"] == "application/json", self.headers
        return json.loads(self.body)


class Browser:
    """One that has at most one cookie, and says where its pages are from."""

    def __init__(self, server, tls=True, agent=None, source=None):
        self.server, self.tls, self.cookie, self.agent = server, tls, None, agent
        self.source = (source, 0) if source else None
        self.port = server.ports["https" if tls else "http"]
        self.authority = f"{server.address}:{self.port}"
        self.origin = f"http{'s' if tls else ''}://{self.authority}"

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection(self.server.address, self.port, timeout=DEADLINE, source_address=self.source, context=tls_context())
        return http.client.HTTPConnection(self.server.address, self.port, timeout=DEADLINE, source_address=self.source)

    def fields(self, method, **more):
        fields = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"} if method not in ("GET", "HEAD") else {}
        if self.cookie:
            fields["Cookie"] = self.cookie
        if self.agent:
            fields["User-Agent"] = self.agent
        fields.update({name.replace("_", "-"): value for name, value in more.items()})
        return {name: value for name, value in fields.items() if value is not None}

    def ask(self, method, path, body=None, **fields):
        connection = self.connect()
        try:
            if isinstance(body, dict):
                body, fields = json.dumps(body), {"Content_Type": "application/json", **fields}
            connection.request(method, path, body, self.fields(method, **fields))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **fields):
        return self.ask("GET", path, **fields)

    def sign_in(self, account="anna", password=None, status=200, fields=None, **more):
        answer = self.ask("POST", "/session", {"name": self.server.name(account), "password": password or self.server.password(account), **more}, **fields or {})
        assert answer.status == status, (answer.status, answer.body)
        if status == 200:
            self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        return answer

    def sessions(self):
        answer = self.get("/sessions")
        assert answer.status == 200, answer.body
        return answer.json()["sessions"]

    def is_signed_in(self):
        status = self.get("/session").status
        assert status in (200, 401), status
        return status == 200

    def events(self):
        return Events(self)

    def websocket(self, origin=None, cookie=True):
        return WebSocket(self, origin or self.origin, {"Cookie": self.cookie} if cookie and self.cookie else {})


class Events:
    """An event source."""

    def __init__(self, browser):
        self.connection = browser.connect()
        self.connection.request("GET", "/events", headers=browser.fields("GET"))
        self.response = self.connection.getresponse()
        assert self.response.status == 200, (self.response.status, self.response.read())
        assert self.response.headers["Content-Type"] == "text/event-stream"

    def next(self):
        """The next event's name and data; None: the server has closed."""
        event = {}
        while True:
            line = self.response.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if not line and event:
                return event.get("event"), event.get("data")
            name, _, value = line.partition(": ")
            if line and line[0] != ":":
                event[name] = value

    def is_ended(self):
        return self.next() is None

    def close(self):
        self.response.close()
        self.connection.close()


class WebSocket:
    """A client of python3-websockets, in a thread of its own."""

    def __init__(self, browser, origin, headers, path="/socket", protocols=None):
        import websockets
        named = "additional_headers" if int(websockets.__version__.split(".")[0]) >= 14 else "extra_headers"
        more = {named: headers, "proxy": None} if named == "additional_headers" else {named: headers}
        self.closed = websockets.ConnectionClosed
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

        async def connect():
            return await websockets.connect(f"ws{'s' if browser.tls else ''}://{browser.authority}{path}", origin=origin, subprotocols=protocols, max_size=None, ssl=tls_context() if browser.tls else None,
                                            ping_interval=None, open_timeout=DEADLINE, **more)
        try:
            self.socket = self.run(connect())
        except BaseException:
            self.stop()
            raise

    def run(self, job):
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(job, DEADLINE), self.loop).result()

    def next(self):
        return self.run(self.socket.recv())

    def send(self, message):
        self.run(self.socket.send(message))

    def ping(self, data):
        """Sends a ping, and waits for its pong."""
        async def ping():
            return await (await self.socket.ping(data))
        self.run(ping())

    def close_code(self):
        """Waits for the end; the code that the server gave for it."""
        try:
            while True:
                self.next()
        except self.closed as end:
            return end.rcvd.code if end.rcvd else None

    def close(self):
        self.run(self.socket.close())
        self.stop()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def wait_until_announced(server):
    """Until every change of an account that was made so far is announced: it ends what the account has open, and clients come again. Changes are announced
    in their order: after one of boris, whom only this changes, that is over."""
    marker = Browser(server)
    marker.sign_in("boris")
    events = marker.events()
    server.run("account", "set", server.name("boris"), "--name", f"boris {time.monotonic_ns()}")
    while events.next():
        pass
    events.close()
