"""HTTP as clients speak it that were not written here, and as nobody should: smuggling, slowness, floods."""
import gzip
import re
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pombal import DEADLINE, Pombal, environment, tls_context
from proxies import Proxy
from web import Browser
from wire import Wire

HOST = "Host: mail.example.test\r\n"
GET = "GET / HTTP/1.1\r\n" + HOST
POST = "POST /session HTTP/1.1\r\n" + HOST
SECOND = "GET /robots.txt HTTP/1.1\r\n" + HOST + "\r\n"
PIECES_ALIKE = [1, 7, 1 << 20]


@pytest.fixture(scope="module")
def web():
    """A server that these tests alone ask."""
    with Pombal() as own:
        yield own


@pytest.fixture(scope="module")
def page(web):
    """The first page, as it is."""
    return Browser(web).get("/", Accept_Encoding=None).body


def answers_of(data, heads=()):
    """The answers in what a server has sent: (status, fields, body). `heads`: the numbers of those to HEAD."""
    found, at = [], 0
    while at < len(data):
        end = data.find(b"\r\n\r\n", at)
        assert end >= 0, f"half an answer: {data[at:]!r}"
        head, at = data[at:end], end + 4
        lines = head.decode("latin-1").split("\r\n")
        status = int(re.fullmatch(r"HTTP/1\.1 (\d\d\d) .+", lines[0])[1])
        fields = dict(line.split(": ", 1) for line in lines[1:])
        length = 0 if len(found) in heads or status in (100, 204, 304) else int(fields["Content-Length"])
        assert len(data) >= at + length, f"half a body after {head!r}: {data[at:]!r}"
        found.append((status, fields, data[at:at + length]))
        at += length
    return found


def say(server, *pieces, port="http", heads=(), shut=False):
    """Sends the pieces; what has been answered when the server closes, which it must by itself if not `shut`."""
    with Wire(server.address, server.ports[port], tls=port == "https") as wire:
        try:
            for piece in pieces:
                wire.send(piece)
            if shut:
                wire.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has hung up in the midst
        return answers_of(wire.rest(), heads)


# ---- curl ----

def curl(server, *arguments, tls=True, status=0):
    done = subprocess.run(["curl", "-sS", "--insecure", "--max-time", str(DEADLINE), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


def url(server, path="/", tls=True):
    return f"http{'s' if tls else ''}://{server.address}:{server.ports['https' if tls else 'http']}{path}"


@pytest.mark.parametrize("tls", [True, False])
def test_curl_fetches_over_one_connection(web, page, tls):
    out = curl(web, "-w", "%{num_connects} %{http_version}\n", "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null", url(web, "/", tls), url(web, "/page.css", tls), url(web, "/none", tls))
    assert out == b"1 1.1\n0 1.1\n0 1.1\n"
    assert curl(web, url(web, "/", tls)) == page
    assert curl(web, "--http1.0", url(web, "/", tls)) == page
    assert curl(web, "--http2", url(web, "/", tls)) == page  # offers h2, and takes what there is
    assert curl(web, "--compressed", url(web, "/", tls)) == page
    assert b"Content-Length: %d\r\n" % len(page) in curl(web, "-I", "-H", "Accept-Encoding: identity", url(web, "/", tls))


def test_curl_asks_otherwise(web, page):
    assert curl(web, "-r", "5-9", url(web)) == page[5:10]
    assert b" 405 " in curl(web, "-i", "-X", "DELETE", url(web, "/robots.txt"))
    assert b"Allow: GET, HEAD, OPTIONS\r\n" in curl(web, "-i", "-X", "OPTIONS", url(web, "/robots.txt"))
    assert b" 204 " in curl(web, "-i", "--request-target", "*", "-X", "OPTIONS", url(web))
    assert b" 431 " in curl(web, "-i", "-H", "X: " + "y" * 20000, url(web))
    assert b" 414 " in curl(web, "-i", url(web, "/" + "x" * 9000))
    assert b" 413 " in curl(web, "-i", "-H", f"Origin: {url(web, '')}", "-d", "x" * 5000, url(web, "/session"))
    assert b" 413 " in curl(web, "-i", "-H", "Transfer-Encoding: chunked", "-H", f"Origin: {url(web, '')}", "-d", "x" * 5000, url(web, "/session"))
    assert b" 501 " in curl(web, "-i", "-X", "BREW", url(web))
    assert b" 417 " in curl(web, "-i", "-H", "Expect: the-unexpected", url(web))


def test_curl_signs_in(web, tmp_path):
    jar, origin = str(tmp_path / "jar"), url(web, "")
    body = '{"name":"anna@example.test","password":"%s"}' % web.password("anna")
    for more in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
        out = curl(web, "-c", jar, "-H", f"Origin: {origin}", "-H", "Content-Type: application/json", "-d", body, *more, url(web, "/session"))
        assert out == b'{"account":"anna@example.test"}'
        assert curl(web, "-b", jar, url(web, "/session")) == out
    assert b" 204 " in curl(web, "-i", "-b", jar, "-c", jar, "-X", "DELETE", "-H", f"Origin: {origin}", url(web, "/session"))
    assert b"sign in" in curl(web, "-b", jar, url(web, "/session"))


# ---- Static files ----

def test_files_are_known_by_their_tags(web, page):
    browser = Browser(web)
    first = browser.get("/")
    tag = first.headers["ETag"]
    assert first.status == 200 and first.body == page and re.fullmatch(r'"[0-9a-f]{16}"', tag) and first.headers["Vary"] == "Accept-Encoding"
    for condition in (tag, "W/" + tag, f'"x", {tag}', "*"):
        known = browser.get("/", If_None_Match=condition)
        assert known.status == 304 and known.body == b"" and known.headers["ETag"] == tag and known.headers["Content-Length"] is None
    assert browser.get("/", If_None_Match='"x"').status == 200
    assert browser.get("/page.css").headers["ETag"] != tag
    assert browser.get("/page.css").headers["Content-Type"] == "text/css; charset=utf-8"
    head = browser.ask("HEAD", "/")
    assert head.status == 200 and head.body == b"" and head.headers["Content-Length"] == str(len(page)) and head.headers["ETag"] == tag


def test_files_come_in_parts(web, page):
    browser = Browser(web)
    size = len(page)
    for given, first, last in (("0-0", 0, 0), ("5-9", 5, 9), (f"{size - 1}-", size - 1, size - 1), ("-7", size - 7, size - 1), ("0-999999", 0, size - 1), (f"-{size + 1}", 0, size - 1)):
        part = browser.get("/", Range="bytes=" + given)
        assert part.status == 206 and part.body == page[first:last + 1] and part.headers["Content-Range"] == f"bytes {first}-{last}/{size}", given
    for given in (f"{size}-", "999999-", "-0"):
        part = browser.get("/", Range="bytes=" + given)
        assert part.status == 416 and part.headers["Content-Range"] == f"bytes */{size}"
    for given in ("bytes=5-4", "bytes=0-1,5-6", "bytes=x", "lines=0-1", "bytes"):
        assert browser.get("/", Range=given).body == page
    tag = browser.get("/").headers["ETag"]
    assert browser.get("/", Range="bytes=0-4", If_Range=tag).status == 206
    assert browser.get("/", Range="bytes=0-4", If_Range='"x"').body == page
    assert browser.get("/", Range="bytes=0-4", If_None_Match=tag).status == 304
    assert browser.ask("HEAD", "/", Range="bytes=0-4").status == 200


def test_files_are_compressed(web, page):
    browser = Browser(web)
    tags = set()
    for accept, coding in ((None, None), ("identity", None), ("gzip", "gzip"), ("br", "br"), ("gzip, br", "br"), ("br;q=0.1, gzip", "gzip"), ("*", "br"), ("*;q=0", None), ("br;q=0,*", "gzip"),
                           ("deflate", None), ("", None), ("GZIP", "gzip"), ("gzip;q=junk", None)):
        answer = browser.get("/", Accept_Encoding=accept)
        assert answer.status == 200 and answer.headers["Content-Encoding"] == coding, accept
        plain = {None: lambda body: body, "gzip": gzip.decompress,
                 "br": lambda body: subprocess.run(["brotli", "-dc"], input=body, stdout=subprocess.PIPE, check=True).stdout}[coding](answer.body)
        assert plain == page
        tags.add((coding, answer.headers["ETag"]))
        assert browser.get("/", Accept_Encoding=accept, If_None_Match=answer.headers["ETag"]).status == 304
    assert len(tags) == len({tag for _, tag in tags}) == 3  # another content, another tag
    assert browser.get("/", Accept_Encoding="gzip", Range="bytes=0-4").status == 200


def test_every_answer_is_careful(web):
    browser = Browser(web)
    for method, path in (("GET", "/"), ("GET", "/none"), ("POST", "/"), ("GET", "/session"), ("POST", "/session"), ("OPTIONS", "/"), ("GET", "/.well-known/mta-sts.txt"), ("GET", "/x/../y")):
        answer = browser.ask(method, path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["X-Frame-Options"] == "DENY", (method, path)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"] and "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Strict-Transport-Security"] and answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Access-Control-Allow-Origin"] is None and answer.headers["Server"] is None
    for path in ("/index.html", "/.git/config", "/page.css/", "/PAGE.css", "//page.css", "/page.css%00", "/%2e%2e/page.css", "/dove.svg%2f", "/a/../page.css", "/\u00e4".encode().decode("latin-1")):
        try:
            assert browser.get(path).status in (400, 404), path
        except UnicodeEncodeError:
            pass


def test_fixed_places(web):
    browser = Browser(web, tls=False)
    assert browser.get("/.well-known/acme-challenge/none").status == 404
    policy = Browser(web).get("/.well-known/mta-sts.txt", Host="MTA-STS.example.test")
    assert policy.status == 200 and policy.headers["Content-Type"] == "text/plain"
    lines = policy.body.decode().splitlines()
    assert lines[0] == "version: STSv1" and "mx: mail.example.test" in lines
    for host in ("mta-sts.elsewhere.example", "example.test", "mta-sts.", "mta-sts.example.test.example.test", "mta-sts.%00"):
        assert Browser(web).get("/.well-known/mta-sts.txt", Host=host).status in (400, 404), host


def test_tls_speaks_http_alone(web):
    def agreed(*offered):
        context = tls_context()
        context.set_alpn_protocols(offered)
        with socket.create_connection((web.address, web.ports["https"]), timeout=DEADLINE) as plain, context.wrap_socket(plain) as own:
            return own.selected_alpn_protocol()
    assert agreed("h2", "http/1.1") == agreed("http/1.1") == "http/1.1"
    with pytest.raises((ssl.SSLError, OSError)):
        agreed("h2")
    with pytest.raises((ssl.SSLError, OSError)):
        agreed("imap")
    with Wire(web.address, web.ports["https"]) as wire:  # clear text to the port for TLS
        wire.send(GET + "\r\n")
        assert b"HTTP/1.1 200" not in wire.rest()


# ---- Where requests end ----

def test_pipelined_requests_are_answered_in_order(web, page):
    requests = [("GET", "/"), ("HEAD", "/"), ("GET", "/none"), ("GET", "/robots.txt"), ("OPTIONS", "/"), ("DELETE", "/"), ("GET", "/page.css"), ("GET", "/session")] * 20
    text = "".join(f"{method} {path} HTTP/1.1\r\n{HOST}\r\n" for method, path in requests)
    heads = {number for number, (method, _) in enumerate(requests) if method == "HEAD"}
    for step in (len(text), 1000, 17):
        pieces = [text[at:at + step] for at in range(0, len(text), step)]
        answers = say(web, *pieces, heads=heads, shut=True)
        assert [status for status, _, _ in answers] == [200, 200, 404, 200, 204, 405, 200, 401] * 20
        assert answers[0][2] == page and answers[3][2] != page


def test_bodies_end_where_they_say(web):
    """Requests with bodies among others; what is in a body is no request."""
    body = SECOND * 3
    good = POST + f"Origin: http://mail.example.test\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    chunked = POST + "Origin: http://mail.example.test\r\nTransfer-Encoding: chunked\r\n\r\n" + f"{len(body):x};x=y\r\n{body}\r\n0\r\nX: y\r\n\r\n"
    found = say(web, (good + chunked + SECOND) * 5, shut=True)
    assert [status for status, _, _ in found] == [415, 415, 200] * 5


CHUNKED = POST + "Origin: http://mail.example.test\r\nTransfer-Encoding: chunked\r\n\r\n"
TAIL = "\r\n\r\n0\r\n\r\n"

# What has been published of one server taking another part of what came for a request than the one before it, and its kin. Each is followed by a request that
# must not be answered.
SMUGGLED = {
    "CL.TE": POST + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "TE.CL": POST + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + "x" * 0x5c + "\r\n0\r\n\r\n",
    "TE twice": POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "TE twice the same": POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE of another case": POST + "tRANSFER-eNCODING: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "TE with trailing junk": POST + "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n",
    "TE with a parameter": POST + "Transfer-Encoding: chunked; q=1\r\n\r\n0\r\n\r\n",
    "TE in quotes": POST + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    "TE list": POST + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "TE list backwards": POST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "TE chunked twice": POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "TE identity": POST + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
    "TE empty": POST + "Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc",
    "TE with a vertical tab": POST + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "TE with a form feed": POST + "Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n",
    "TE with NUL": POST + "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n",
    "TE with a blank before the colon": POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "TE with a tab before the colon": POST + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "TE with a blank before it": POST + " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE with a tab before it": POST + "X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE folded": POST + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "TE folded name": POST + "Transfer-\r\n Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE behind LF": POST + "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE behind CR": POST + "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE behind NUL": POST + "\0Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE with 8 bits": POST + "Transfer-Encoding\xa0: chunked\r\n\r\n0\r\n\r\n",
    "TE in HTTP/1.0": POST.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n",
    "CL twice": POST + "Content-Length: 3\r\nContent-Length: 0\r\n\r\nabc",
    "CL twice the same": POST + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "CL list": POST + "Content-Length: 3, 3\r\n\r\nabc",
    "CL with a sign": POST + "Content-Length: +3\r\n\r\nabc",
    "CL below zero": POST + "Content-Length: -1\r\n\r\nabc",
    "CL in hexadecimal": POST + "Content-Length: 0x3\r\n\r\nabc",
    "CL with blanks": POST + "Content-Length: 1 3\r\n\r\nabc",
    "CL empty": POST + "Content-Length:\r\n\r\nabc",
    "CL too large": POST + "Content-Length: 18446744073709551619\r\n\r\nabc",
    "CL with a comma": POST + "Content-Length: 3,\r\n\r\nabc",
    "CL with a blank before the colon": POST + "Content-Length : 3\r\n\r\nabc",
    "CL folded": POST + "Content-Length:\r\n 3\r\n\r\nabc",
    "CL behind CR": POST + "X: y\rContent-Length: 3\r\n\r\nabc",
    "CL with NUL": POST + "Content-Length: 3\x000\r\n\r\nabc",
    "CL of GET": GET + "Content-Length: 3\r\n\r\nabc",
    "TE of GET": GET + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk in hexadecimal": CHUNKED + "0x1\r\nx" + TAIL,
    "chunk with a sign": CHUNKED + "+1\r\nx" + TAIL,
    "chunk below zero": CHUNKED + "-1\r\nx" + TAIL,
    "chunk too large": CHUNKED + "100000001\r\nx" + TAIL,
    "chunk far too large": CHUNKED + "10000000000000001\r\nx" + TAIL,
    "chunk with blanks": CHUNKED + "1 \r\nx" + TAIL,
    "chunk with an underscore": CHUNKED + "1_0\r\nx" + TAIL,
    "chunk without a size": CHUNKED + "\r\nx" + TAIL,
    "chunk with LF": CHUNKED + "1\nx" + TAIL,
    "chunk with LF in an extension": CHUNKED + "1;a\nx" + TAIL,
    "chunk with CR in an extension": CHUNKED + "1;a\rb\r\nx" + TAIL,
    "chunk with NUL in an extension": CHUNKED + "1;\0\r\nx" + TAIL,
    "chunk with a long extension": CHUNKED + "1;" + "a" * 300 + "\r\nx" + TAIL,
    "chunk that is longer": CHUNKED + "1\r\nxyz" + TAIL,
    "chunk that ends with LF": CHUNKED + "1\r\nx\n0\r\n\r\n",
    "chunks that end with LF": CHUNKED + "0\n\n",
    "chunks whose end ends with LF": CHUNKED + "0\r\n\n",
    "TE in the trailer": CHUNKED + "0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "CL in the trailer": CHUNKED + "0\r\nContent-Length: 100\r\n\r\n",
    "a request in the trailer": CHUNKED + "0\r\nGET /robots.txt HTTP/1.1\r\n\r\n",
    "a trailer that is folded": CHUNKED + "0\r\nX: y\r\n z\r\n\r\n",
    "a trailer without end": CHUNKED + "0\r\n" + "X: y\r\n" * 1000,
    "LF everywhere": GET.replace("\r", "") + "\n",
    "LF after the request": "GET / HTTP/1.1\n" + HOST + "\r\n",
    "LF after a field": GET + "X: y\n\r\n",
    "LF at the end": GET + "\n",
    "CR after a field": GET + "X: y\r\r\n\r\n",
    "CR everywhere": GET.replace("\n", "") + "\r\r\n",
    "folded": GET + "X: y\r\n z\r\n\r\n",
    "a blank before the colon": GET + "X : y\r\n\r\n",
    "a field without a name": GET + ": y\r\n\r\n",
    "a field without a colon": GET + "X\r\n\r\n",
    "NUL in a name": GET + "X\0: y\r\n\r\n",
    "NUL in a value": GET + "X: \0\r\n\r\n",
    "NUL in the target": "GET /\0 HTTP/1.1\r\n" + HOST + "\r\n",
    "a blank first": " " + GET + "\r\n",
    "empty lines first": "\r\n\r\n" + GET + "\r\n",
    "LF first": "\n" + GET + "\r\n",
    "two blanks": GET.replace(" / ", "  / ") + "\r\n",
    "a tab": GET.replace(" / ", "\t/ ") + "\r\n",
    "a blank at the end": "GET / HTTP/1.1 \r\n" + HOST + "\r\n",
    "HTTP/0.9": "GET /\r\n\r\n",
    "HTTP/0.9 with LF": "GET /\n",
    "HTTP/1.": "GET / HTTP/1.\r\n" + HOST + "\r\n",
    "HTTP/1.1x": "GET / HTTP/1.1x\r\n" + HOST + "\r\n",
    "http/1.1": "GET / http/1.1\r\n" + HOST + "\r\n",
    "HTTP/2.0": "GET / HTTP/2.0\r\n" + HOST + "\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\0\0\0\4\0\0\0\0\0",
    "no Host": "GET / HTTP/1.1\r\n\r\n",
    "two Hosts": GET + "Host: other.example\r\n\r\n",
    "two Hosts the same": GET + HOST + "\r\n",
    "Host with a user": "GET / HTTP/1.1\r\nHost: a@mail.example.test\r\n\r\n",
    "Host with a path": "GET / HTTP/1.1\r\nHost: mail.example.test/x\r\n\r\n",
    "Host with two ports": "GET / HTTP/1.1\r\nHost: mail.example.test:80:81\r\n\r\n",
    "Host folded": "GET / HTTP/1.1\r\nHost:\r\n mail.example.test\r\n\r\n",
    "another Host in the target": "GET http://other.example/ HTTP/1.1\r\n" + HOST + "\r\n",
    "a user in the target": "GET http://a@mail.example.test/ HTTP/1.1\r\n" + HOST + "\r\n",
    "another scheme": "GET gopher://mail.example.test/ HTTP/1.1\r\n" + HOST + "\r\n",
    "a target without a slash": "GET robots.txt HTTP/1.1\r\n" + HOST + "\r\n",
    "a fragment": "GET /#x HTTP/1.1\r\n" + HOST + "\r\n",
    "a backslash": "GET /\\x HTTP/1.1\r\n" + HOST + "\r\n",
    "CONNECT": "CONNECT mail.example.test:25 HTTP/1.1\r\n" + HOST + "\r\n",
    "CONNECT to a path": "CONNECT / HTTP/1.1\r\n" + HOST + "\r\n",
    "TRACE": "TRACE / HTTP/1.1\r\n" + HOST + "\r\n",
    "a method of another case": "get / HTTP/1.1\r\n" + HOST + "\r\n",
    "SMTP": "EHLO client.example\r\nMAIL FROM:<a@b.example>\r\n\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "the PROXY protocol": "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + GET + "\r\n",
    "JSON": '{"name":"x"}\r\n\r\n',
    "an expectation": POST + "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("step", PIECES_ALIKE)
@pytest.mark.parametrize("name", SMUGGLED)
def test_what_can_be_read_in_two_ways_is_refused(web, name, step):
    """One answer, that refuses, and the end of the connection; whatever pieces it came in."""
    text = SMUGGLED[name].encode("latin-1")
    found = say(web, *(text[at:at + step] for at in range(0, len(text), step)), SECOND * 3)
    assert len(found) == 1, found
    status, fields, _ = found[0]
    assert 400 <= status < 600 and status != 500 and fields["Connection"] == "close", found


@pytest.mark.parametrize("fields", ["Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", "Upgrade: TLS/1.2\r\nConnection: Upgrade\r\n",
                                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"])
def test_nothing_is_switched_that_nobody_offers(web, fields):
    """A proxy that passes such fields on would stop looking if this server said 101 (h2c smuggling)."""
    found = say(web, GET + fields + "\r\n", SECOND, shut=True)
    assert [status for status, _, _ in found] == [200, 200]
    assert [status for status, _, _ in say(web, "GET /socket HTTP/1.1\r\n" + HOST + fields + "\r\n", SECOND, shut=True)] == [403, 200]


def test_a_body_that_does_not_come(web):
    """The client goes away, or says no more: nothing is answered as if it were whole."""
    for text in (POST + "Origin: http://mail.example.test\r\nContent-Length: 10\r\n\r\nabc", CHUNKED + "5\r\nabc", CHUNKED + "3\r\nabc\r\n", CHUNKED + "0\r\n"):
        assert say(web, text, shut=True) == []


def test_who_expects_is_told_to_go_on(web):
    with Wire(web.address, web.ports["http"]) as wire:
        wire.send(POST + "Origin: http://mail.example.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert (wire.line(), wire.line()) == ("HTTP/1.1 100 Continue", "")
        wire.send("{}")
        assert wire.line().startswith("HTTP/1.1 415 ")
    found = say(web, POST + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert [status for status, _, _ in found] == [403]  # nobody's page: refused before the body


# ---- Slowness, floods ----

def test_header_floods(web):
    for flood in (GET + "X: y\r\n" * 200000, GET + "X: " + "y" * 5000000, "x" * 5000000, "\r\n" * 1000000, GET + "\t" * 100000, GET + "Cookie: " + "a=b; " * 1000000):
        found = say(web, flood)
        assert len(found) <= 1 and all(status in (400, 431) for status, _, _ in found)
    assert Browser(web).get("/").status == 200


def test_slow_clients_are_ended(web):
    """Heads and bodies, a byte now and then, by hundreds: each has its time and no more, and others are served meanwhile."""
    def trickle(text):
        began = time.monotonic()
        with Wire(web.address, web.ports["http"]) as wire:
            try:
                for at, byte in enumerate(text):
                    wire.send(byte)
                    time.sleep(0.5 if at > len(text) - 400 else 0)
            except OSError:
                pass
            data = wire.rest()
        return time.monotonic() - began, answers_of(data) if data else []
    texts = [GET + "X: " + "y" * 400, "y" * 400, POST + "Origin: http://mail.example.test\r\nContent-Length: 4000\r\n\r\n" + "y" * 400, CHUNKED + "1\r\ny\r\n" * 70]
    with ThreadPoolExecutor(120) as pool:
        jobs = [pool.submit(trickle, text) for text in texts for _ in range(30)]
        time.sleep(5)
        assert Browser(web).get("/").status == 200
        for job in jobs:
            took, found = job.result()
            assert 20 < took < 150 and [status for status, _, _ in found] in ([408], []), (took, found)


def test_a_crowd_that_says_nothing(web):
    crowd = []
    try:
        for number in range(1500):
            crowd.append(socket.create_connection((web.address, web.ports["http"]), timeout=DEADLINE))
            if number % 2:
                crowd[-1].sendall(b"GET / HT")
        assert Browser(web).get("/").status == 200
        browser = Browser(web, tls=False)
        browser.sign_in()
        assert browser.is_signed_in()
    finally:
        for one in crowd:
            one.close()


def test_who_does_not_read_waits_alone(web):
    """Requests without end, and nobody who takes the answers: this connection stands still, and goes on when they are taken."""
    count = 20000
    with Wire(web.address, web.ports["http"]) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        text, sent = (SECOND.replace("\r\n\r\n", "\r\nX: " + "y" * 1000 + "\r\n\r\n") * count).encode(), 0
        wire.socket.settimeout(1)
        try:
            while sent < len(text):
                sent += wire.socket.send(text[sent:sent + 100000])
        except socket.timeout:
            pass
        assert sent < len(text)
        assert Browser(web).get("/").status == 200
        wire.socket.settimeout(DEADLINE)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        with ThreadPoolExecutor(1) as pool:
            rest = pool.submit(lambda: (wire.send(text[sent:]), wire.socket.shutdown(socket.SHUT_WR)))
            found = answers_of(wire.rest())
            rest.result()
    assert len(found) == count and {status for status, _, _ in found} == {200}


def test_connections_have_a_largest_number():
    with Pombal(options={"connections_per_address": 10}) as own:
        crowd = [socket.create_connection((own.address, own.ports["http"]), timeout=DEADLINE) for _ in range(10)]
        found = b""
        with Wire(own.address, own.ports["http"]) as wire:
            found = wire.rest()
        assert found.startswith(b"HTTP/1.1 503 ") and b"Retry-After" in found
        for one in crowd:
            one.close()


# ---- Behind proxies ----

@pytest.fixture(scope="module")
def trusting():
    """A server that believes what comes from PROXY_SOURCE, and nobody else."""
    with Pombal(options={"http_proxies": [PROXY_SOURCE + "/32"], "auth_delay_max": 1}) as own:
        yield own


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def proxy(request, trusting):
    own = Proxy(request.param, trusting, PROXY_SOURCE)
    yield own
    own.close()


PROXY_SOURCE = "127.63.0.7"
CLIENT = "127.62.1.9"
OTHER_CLIENT = "127.62.1.10"


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("fields", [{}, {"X_Forwarded_For": "192.0.2.66"}, {"X_Forwarded_For": "192.0.2.66, " + PROXY_SOURCE}, {"X_Forwarded_Proto": "http"}])
def test_proxies_tell_the_client(proxy, trusting, tls, fields):
    """In the list of sessions, in the log; whatever the client himself says."""
    offset = trusting.log_size()
    browser = Browser(proxy, tls=tls, source=CLIENT)
    answer = browser.sign_in(fields=fields)
    assert browser.cookie.startswith("__Host-" if tls else "pombal=") and ("; Secure" in answer.headers["Set-Cookie"]) == tls
    assert (answer.headers["Strict-Transport-Security"] is not None) == tls
    assert [one["address"] for one in browser.sessions() if one["current"]] == [CLIENT]
    browser.sign_in(password="wrong", status=401, fields=fields)
    trusting.wait_log(rf"event=sign_in\.done .*address={CLIENT} .*service=http", offset)
    trusting.wait_log(rf"event=sign_in\.failed .*address={CLIENT} .*service=http", offset)
    assert PROXY_SOURCE not in re.sub(r"(?m)^.*input\.refused.*$", "", trusting.log(offset)) and "192.0.2.66" not in trusting.log(offset)


def test_a_clients_other_kind_of_field_is_not_believed(proxy):
    """Both proxies let Forwarded through as it came: it isn't theirs."""
    browser = Browser(proxy, source=CLIENT)
    assert browser.get("/", Forwarded="for=192.0.2.66;proto=https").status == 400
    assert browser.get("/", Forwarded=f"for={CLIENT}").status == 200


@pytest.mark.parametrize("fields", [{"X_Forwarded_For": "192.0.2.66"}, {"Forwarded": "for=192.0.2.66;proto=https"}, {"X_Forwarded_Proto": "https"}])
def test_others_are_not_believed(trusting, fields):
    browser = Browser(trusting, tls=False, source=CLIENT)
    browser.sign_in(fields=fields)
    assert browser.cookie.startswith("pombal=")
    assert [one["address"] for one in browser.sessions() if one["current"]] == [CLIENT]


def test_guesses_count_for_the_client_behind_a_proxy():
    with Pombal(options={"http_proxies": PROXY_SOURCE, "auth_failures_per_address": 3, "auth_failures": 1000, "auth_delay_max": 4}) as own:
        for kind in ("nginx", "haproxy"):
            before = Proxy(kind, own, PROXY_SOURCE)
            try:
                def took(source):
                    began = time.monotonic()
                    Browser(before, source=source).sign_in(f"nobody-{began}", "wrong", 401)
                    return time.monotonic() - began
                guesses = [took(CLIENT) for _ in range(7 if kind == "nginx" else 1)]
                assert guesses[-1] > 3 and took(OTHER_CLIENT) < guesses[-1], guesses
            finally:
                before.close()


@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2"])
def test_the_proxy_protocol_names_the_client(trusting, version):
    """Of an event source, too, which administrators see."""
    before = Proxy("haproxy", trusting, PROXY_SOURCE, " " + version)
    try:
        browser = Browser(before, tls=False, source=CLIENT)
        browser.sign_in("boris")
        assert [one["address"] for one in browser.sessions() if one["current"]] == [CLIENT]
        events = browser.events()
        assert CLIENT in [one["address"] for one in trusting.json("session", "list") if one["protocol"] == "http" and one["account"] == trusting.name("boris")]
        events.close()
    finally:
        before.close()


def test_without_tls_a_proxys_client_is_sent_to_tls(proxy, trusting):
    """One that isn't of this machine: as another proxy before this one says."""
    connection = Browser(trusting, tls=False, source=PROXY_SOURCE)
    answer = connection.get("/page.css?x", X_Forwarded_For="192.0.2.66", Host="mail.example.test")
    assert answer.status == 308 and answer.headers["Location"] == f"https://mail.example.test:{trusting.ports['https']}/page.css?x"
    assert connection.get("/page.css", X_Forwarded_For="192.0.2.66", X_Forwarded_Proto="https").status == 200
    assert connection.get("/.well-known/acme-challenge/x", X_Forwarded_For="192.0.2.66").status == 404


def test_news_pass_through_proxies(proxy, trusting):
    browser = Browser(proxy, source=CLIENT)
    browser.sign_in()
    events, websocket = browser.events(), browser.websocket()
    trusting.deliver(b"Subject: x\r\n\r\nx\r\n", "anna")
    assert events.next() == ("mail", "{}")
    assert websocket.next() == '{"event":"mail"}'
    websocket.ping(b"through")
    events.close()
    websocket.close()


@pytest.mark.parametrize("name", SMUGGLED)
def test_proxies_and_we_agree_where_requests_end(proxy, name):
    """Whatever the proxy makes of it and passes on: who comes next over the same connection to us gets the answer to what he has asked, and no other."""
    robots = Browser(proxy, tls=False).get("/robots.txt").body
    assert robots.startswith(b"User-agent")
    attack = SMUGGLED[name].encode("latin-1") + b"GET /page.css HTTP/1.1\r\nX: "
    with Wire(proxy.address, proxy.ports["http"]) as wire:
        try:
            wire.send(attack)
            wire.socket.settimeout(0.05)
            wire.rest()
        except OSError:
            pass
    for _ in range(3):
        answer = Browser(proxy, tls=False, source=OTHER_CLIENT).get("/robots.txt")
        assert answer.status == 200 and answer.body == robots
