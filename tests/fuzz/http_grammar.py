"""What clients of HTTP say: requests of every kind, mostly with a session (COOKIE is put in by who sends them), bodies with lengths and in chunks, event
sources, and WebSockets."""
import json

COOKIE = b"@COOKIE@"
HOSTS = ["mail.example.test", "mail.example.test", "mail.example.test:28080", "mta-sts.example.test", "autoconfig.example.test", "127.0.0.1", "[::1]:1", "", "x" * 290, "a@b", "a,b"]
PATHS = ["/", "/page.css", "/dove.svg", "/robots.txt", "/none", "/session", "/session", "/sessions", "/sessions/all", "/sessions/38hab4qklrflj", "/sessions/", "/events", "/socket",
         "/.well-known/mta-sts.txt", "/.well-known/acme-challenge/x", "/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=anna%40example.test", "/mail/config-v1.1.xml",
         "/autodiscover/autodiscover.xml", "/AutoDiscover/autodiscover.json?Protocol=ActiveSync", "/mail.mobileconfig?address=anna%40example.test",
         "/.well-known/user-agent-configuration.json", "*", "//", "/%2e%2e/x", "/%c3%a4?a=%ff&b", "/" + "a/" * 100, "http://mail.example.test/", "/?" + "x" * 5000]
FIELDS = ["Accept-Encoding: gzip, br;q=0.5", "Accept-Encoding: *;q=0", "Range: bytes=1-2", "Range: bytes=-5,7-", "If-None-Match: *", "If-None-Match: W/\"x\", \"y\"", "If-Range: \"x\"", "Connection: close",
          "Connection: keep-alive", "Expect: 100-continue", "Expect: x", "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "Upgrade: h2c", "User-Agent: Mozilla/5.0 Firefox/1", "Cookie: a=b; c",
          "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site", "Origin: https://evil.example", "Transfer-Encoding: chunked", "Content-Length: 3", "X: " + "y" * 3000]
METHODS = ["GET"] * 6 + ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"]
XML = ('<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>anna@example.test</EMailAddress>'
       "<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>")


def request(method, path, host, fields, minor=1):
    return f"{method} {path} HTTP/1.{minor}\r\nHost: {host}\r\n{''.join(field + chr(13) + chr(10) for field in fields)}\r\n".encode("latin-1", "replace")


def common(r, service):
    """The fields of a page of ours that has a session, or some of them."""
    scheme = "https" if service == "https" else "http"
    fields = [f"Cookie: {COOKIE.decode()}"] if r.random() < 0.8 else []
    fields += [f"Origin: {scheme}://mail.example.test"] if r.random() < 0.8 else []
    return fields + r.sample(FIELDS, r.choice([0, 0, 1, 1, 3]))


def chunked(r, body):
    out = b""
    while body:
        size = r.randrange(1, len(body) + 1)
        out += f"{size:x}{r.choice(['', '', ';a=b'])}\r\n".encode() + body[:size] + b"\r\n"
        body = body[size:]
    return out + b"0\r\n" + r.choice([b"", b"", b"X: y\r\n"]) + b"\r\n"


def body_of(r, account, password):
    sign_in = {"name": r.choice([account, account, "nobody@example.test", ""]), "password": r.choice([password, password, "wrong"]), "device": r.choice(["x", "ü", "a\nb", 1])}
    return r.choice([json.dumps(sign_in).encode(), XML.encode(), b"{}", b"[" * 500, b"x" * r.randrange(1, 6000)])


def post(r, service, account, password):
    body, fields = body_of(r, account, password), common(r, service) + [f"Content-Type: {r.choice(['application/json', 'application/json', 'text/xml', 'text/plain'])}"]
    path = r.choice(["/session", "/session", "/autodiscover/autodiscover.xml", r.choice(PATHS)])
    framed = r.random() < 0.4
    head = request("POST", path, r.choice(HOSTS[:2] + [r.choice(HOSTS)]), fields + ["Transfer-Encoding: chunked" if framed else f"Content-Length: {len(body)}"], r.choice([1, 1, 1, 0]))
    body = chunked(r, body) if framed else body
    return [head, body] if r.random() < 0.3 else [head + body]


def frame(r):
    opcode, payload = r.choice([1, 1, 2, 8, 9, 9, 10, 0, 3]), r.choice([b"", b"hello", b"\x03\xe8", b"\xff", b"x" * 125, b"x" * 126, b"y" * 70000])
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big") if len(payload) < 65536 else b"\x7f" + len(payload).to_bytes(8, "big")
    mask = bytes(r.randrange(256) for _ in range(4))
    return bytes([opcode | r.choice([0x80, 0x80, 0x80, 0])]) + bytes([length[0] | 0x80]) + length[1:] + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def websocket(r, service):
    fields = common(r, service) + ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    return [request("GET", "/socket", HOSTS[0], fields), *(frame(r) for _ in range(r.randrange(1, 6)))]


def session(r, service, account, password):
    units = []
    for _ in range(r.randrange(1, 8)):
        units += post(r, service, account, password) if r.random() < 0.3 else [request(r.choice(METHODS), r.choice(PATHS), r.choice(HOSTS[:2] + [r.choice(HOSTS)]), common(r, service), r.choice([1, 1, 1, 0]))]
    if r.random() < 0.2:
        units += websocket(r, service)
    return [b"".join(units)] if r.random() < 0.3 else units
