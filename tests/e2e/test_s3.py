"""The client of object stores (src/s3) and bodies kept with it (src/store/bodies), with two servers: s3rver, which others have written (tests/npm), and one of
our own that is strict, and does on demand what a healthy one never does."""
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from pombal import ROOT, binary
from s3server import BUCKET, KEY, SECRET, S3Server

FOLDER = Path(binary()).parent
TEMPORARY, INVALID, NOT_FOUND, DENIED, FULL = 1, 2, 3, 5, 7  # enum error_kind
LARGE = bytes(range(256)) * 4096 * 11  # 11 MiB: three parts


class Tool:
    def __init__(self, folder, endpoint, key=KEY, secret=SECRET):
        self.credentials = folder / "credentials"
        self.credentials.write_text(f"{key}\n{secret}\n")
        self.endpoint, self.secret = endpoint, secret

    def command(self, *words):
        return [FOLDER / "src/s3/s3_tool", self.endpoint, BUCKET, self.credentials, *map(str, words)]

    def run(self, *words, content=b"", status=0, **settings):
        done = subprocess.run(self.command(*words), input=content, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              env={**os.environ, **{f"S3_{name.upper()}": str(value) for name, value in settings.items()}})
        said = done.stderr.decode()
        assert done.returncode == status, f"{words}: {done.returncode} {said}"
        assert self.secret not in said
        return said if status else done.stdout

    def keys(self, prefix=""):
        return [line.split(" ", 1)[1] for line in self.run("list", prefix).decode().splitlines()]


@pytest.fixture
def ours():
    server = S3Server()
    yield server
    server.close()


@pytest.fixture
def tool(tmp_path, ours):
    return Tool(tmp_path, ours.endpoint)


@pytest.fixture
def s3rver(tmp_path):
    """Its port."""
    program = subprocess.Popen(["node", ROOT / "tests" / "npm" / "s3.js", tmp_path / "objects"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    yield int(program.stdout.readline())
    program.stdin.close()
    program.wait(60)
    program.stdout.close()


def use_objects(tool, odd="a/\u00e9 +&<'\"~?#"):
    tool.run("put", "a/one", content=b"one")
    tool.run("put", odd, content=b"")
    tool.run("put", "a/large", content=LARGE)
    tool.run("put", "b", content=b"other")
    assert tool.run("get", "a/one", 0, 3) == b"one" and tool.run("get", "a/one", 1, 1) == b"n"
    assert tool.run("get", "a/large", 0, len(LARGE)) == LARGE and tool.run("get", "a/large", 5 * 1024 * 1024 - 2, 4) == LARGE[5 * 1024 * 1024 - 2:][:4]
    assert tool.run("size", "a/large") == b"%d\n" % len(LARGE)
    assert sorted(tool.keys("a/")) == ["a/large", "a/one", odd]
    tool.run("get", "a/two", 0, 1, status=NOT_FOUND)
    tool.run("size", "a/two", status=NOT_FOUND)
    tool.run("get", "a/one", 1, 3, status=INVALID)
    tool.run("put", "a/one", content=b"anew")
    assert tool.run("get", "a/one", 0, 4) == b"anew"
    tool.run("remove", "a/large")
    tool.run("remove", "a/large", "a/one", odd)
    assert tool.keys() == ["b"]


def keep_bodies(tool):
    done = subprocess.run([FOLDER / "src/store/bodies/bodies_test"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                          env={**os.environ, "POMBAL_TEST_S3": tool.endpoint, "POMBAL_TEST_S3_CREDENTIALS": str(tool.credentials)})
    assert done.returncode == 0, done.stdout.decode()


def test_a_server_of_others(tmp_path, s3rver):
    tool = Tool(tmp_path, f"http://127.0.0.1:{s3rver}", "S3RVER", "S3RVER")
    use_objects(tool, "a/\u00e9 +~?#")  # it escapes '&' twice in lists
    keep_bodies(tool)
    other = Tool(tmp_path, tool.endpoint, "S3RVER", "another")
    assert "SignatureDoesNotMatch" in other.run("put", "c", content=b"x", status=DENIED)
    assert Tool(tmp_path, tool.endpoint, "S3RVER", "S3RVER").keys("c") == []


def test_a_strict_server(ours, tool):
    use_objects(tool)
    assert not ours.uploads


def test_the_bucket_in_the_hosts_name(ours, tool):
    tool.endpoint = f"http://localhost:{ours.port}"
    tool.run("put", "a/b", content=b"x", virtual_host=1)
    assert ours.objects == {"a/b": b"x"} and tool.run("list", "a/", virtual_host=1) == b"1 a/b\n"
    assert [one.partition("?")[0] for one in ours.requests] == ["PUT /a/b", "GET /"]


def test_lists_in_pages(ours, tool):
    ours.page = 3
    names = [f"p/{number:02}" for number in range(10)]
    ours.objects.update({name: b"x" for name in [*names, "q"]})
    assert tool.keys("p/") == names
    ours.page = 1000
    ours.objects.update({f"r/{number}": b"" for number in range(1001)})
    tool.run("remove", *[f"r/{number}" for number in range(1001)])
    assert tool.keys("r/") == [] and sum("?delete=" in one for one in ours.requests) == 2


def test_who_isnt_let_in(tmp_path, ours, tool):
    assert "SignatureDoesNotMatch" in Tool(tmp_path, ours.endpoint, secret="wrong").run("put", "a", content=b"x", status=DENIED)
    assert "InvalidAccessKeyId" in Tool(tmp_path, ours.endpoint, key="WRONG").run("put", "a", content=b"x", status=DENIED)
    assert len(ours.requests) == 2 and not ours.objects  # not tried again
    tool = Tool(tmp_path, ours.endpoint)
    assert "expecting 'us-east-1'" in tool.run("put", "a", status=INVALID, region="eu-west-1")
    ours.region = "eu-west-1"
    tool.run("put", "a", region="eu-west-1")


@pytest.mark.parametrize("hours", [1, -1])
def test_another_clock(ours, tool, hours):
    """Found out once, and kept to, whatever is asked: an answer to HEAD has no words."""
    ours.ahead = hours * 3600
    tool.run("put", "a", content=b"x")
    assert ours.objects == {"a": b"x"} and len(ours.requests) == 2
    assert tool.run("size", "a") == b"1\n"
    tool.run("put", "a", content=LARGE)
    assert len(ours.requests) == 2 + 2 + 1 + 5
    ours.ahead = hours * 48 * 3600
    assert "more than a day apart" in tool.run("put", "b", content=b"x", status=DENIED)


def busy(status, code, **fields):
    return lambda handler: handler.refuse(status, code, **fields)


def test_a_busy_server(ours, tool):
    ours.faults += [("PUT", busy(503, "SlowDown", Retry_After=1)), ("PUT", busy(500, "InternalError")), ("PUT", busy(429, "TooManyRequests", Retry_After="soon"))]
    began = time.monotonic()
    tool.run("put", "a", content=b"x")
    assert time.monotonic() - began >= 1 and len(ours.requests) == 4
    ours.faults += [("PUT", busy(503, "SlowDown"))] * 5
    assert "SlowDown" in tool.run("put", "b", content=b"x", status=TEMPORARY)
    ours.faults += [("PUT", busy(503, "SlowDown", Retry_After=3600))]
    tool.run("put", "b", content=b"x", status=TEMPORARY)
    assert len(ours.requests) == 4 + 5 + 1 and "b" not in ours.objects


def test_a_full_server(ours, tool):
    ours.faults += [("PUT", busy(507, "InsufficientStorage")), ("PUT", busy(403, "QuotaExceeded")), ("partNumber=2", busy(507, "InsufficientStorage"))]
    tool.run("put", "a", content=b"x", status=FULL)
    tool.run("put", "a", content=b"x", status=FULL)
    tool.run("put", "a", content=LARGE, status=FULL)
    assert not ours.objects and not ours.uploads
    assert len(ours.requests) == 1 + 1 + 4  # begun, two parts, given up


def test_answers_cut_short(ours, tool):
    ours.objects["a"] = LARGE

    def truncated(handler):
        status, body, fields = handler.stored()
        handler.answer(status, body[:1000], length=len(body), **fields)
        handler.cut()

    def short(handler):
        status, body, fields = handler.stored()
        handler.answer(status, body[:1000], **fields)

    def long(handler):
        status, body, fields = handler.stored()
        handler.answer(status, body + b"more", **fields)

    def whole(handler):
        handler.answer(200, LARGE)

    ours.faults += [("GET", truncated), ("GET", short), ("GET", lambda handler: handler.cut())]
    assert tool.run("get", "a", 0, len(LARGE)) == LARGE and len(ours.requests) == 4
    ours.faults += [("GET", long), ("GET", whole)]
    tool.run("get", "a", 1, 5000, status=INVALID)
    tool.run("get", "a", 1, 5000, status=INVALID)
    ours.faults += [("GET", truncated)] * 2
    tool.run("get", "a", 0, 5000, status=TEMPORARY, tries=2)


def test_answers_that_are_lost(ours, tool):
    """What was asked is done, and nobody hears of it: asking again changes nothing."""
    def lost(handler):
        answer, handler.answer = handler.answer, lambda *_, **__: None
        handler.serve()
        handler.answer = answer
        handler.cut()

    ours.faults += [("PUT", lost), ("POST", lost), ("partNumber=1", lost), ("POST /pombal-test/large?uploadId=", lost)]
    tool.run("put", "a", content=b"x")
    tool.run("put", "large", content=LARGE)
    assert ours.objects == {"a": b"x", "large": LARGE}
    ours.faults += [("DELETE", lost)]
    tool.run("remove", "a")
    assert list(ours.objects) == ["large"]
    assert not ours.faults


def test_faults_in_good_answers(ours, tool):
    ours.faults += [("?uploadId=", lambda handler: handler.xml("Error", "<Code>InternalError</Code>"))]
    tool.run("put", "large", content=LARGE, status=TEMPORARY)
    assert not ours.objects and not ours.uploads
    ours.faults += [("?delete=", lambda handler: handler.xml("DeleteResult", "<Error><Key>a</Key><Code>AccessDenied</Code></Error>"))]
    tool.run("remove", "a", "b", status=DENIED)
    for answer in (b"<html>", b"", b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", b"<ListBucketResult>" + b"<a>" * 5000,
                   b"<ListBucketResult><Contents><Key>not/p</Key></Contents></ListBucketResult>", b" " * (4 * 1024 * 1024 + 1)):
        ours.faults += [("GET", lambda handler, answer=answer: handler.answer(200, answer))]
        tool.run("list", "p/", status=INVALID)
    endless = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
    ours.faults += [("GET", lambda handler: handler.answer(200, endless))] * 2
    assert "no end" in tool.run("list", "p/", status=INVALID)
    ours.faults += [("GET", lambda handler: handler.answer(301, b"", Location="http://127.0.0.1:1/"))]
    tool.run("get", "a", 0, 1, status=INVALID)
    assert not ours.faults


def test_a_server_that_says_nothing(ours, tool):
    released = threading.Event()

    def silent(handler):
        released.wait(60)
        handler.cut()

    ours.faults += [("PUT", silent)]
    tool.run("put", "a", content=b"x", patience=1, tries=1, status=TEMPORARY)
    released.set()
    assert not ours.objects and len(ours.requests) == 1


def test_killed_while_it_puts(ours, tool):
    """Nothing is seen of an object that isn't whole, and what there is of it is given up later."""
    reached, released = threading.Event(), threading.Event()

    def held(handler):
        reached.set()
        released.wait(60)
        handler.cut()

    ours.faults += [("partNumber=2", held)]
    program = subprocess.Popen(tool.command("put", "p/large"), stdin=subprocess.PIPE)
    program.stdin.write(LARGE)
    program.stdin.close()
    assert reached.wait(60)
    program.kill()
    program.wait(60)
    released.set()
    assert not ours.objects and len(ours.uploads) == 1
    assert tool.run("give-up", "p/", int(time.time()) - 3600) == b"0\n" and tool.run("give-up", "q/", int(time.time()) + 60) == b"0\n"
    ours.page = 2
    ours.uploads.update({str(number): (f"p/{number}", time.time(), {}) for number in range(4)})
    assert tool.run("give-up", "p/", int(time.time()) + 60) == b"5\n"
    assert not ours.uploads


def test_certificates(tmp_path, tool):
    certificate = tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=store", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", certificate, "-out", tmp_path / "public.pem"], check=True, stderr=subprocess.DEVNULL)
    certificate.write_text(certificate.read_text() + (tmp_path / "public.pem").read_text())
    server = S3Server(certificate)
    try:
        tool.endpoint = server.endpoint
        assert "certificate" in tool.run("put", "a", content=b"x", status=DENIED)
        assert not server.requests
        tool.run("put", "a", content=b"x", trusted=tmp_path / "public.pem")
        assert server.objects == {"a": b"x"}
        tool.endpoint = f"https://localhost:{server.port}"
        tool.run("put", "b", content=b"x", trusted=tmp_path / "public.pem", status=DENIED)
    finally:
        server.close()
