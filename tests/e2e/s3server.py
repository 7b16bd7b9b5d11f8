"""An object store for tests, in memory. It verifies what a strict one does: signatures (Version 4), digests and checksums of bodies, the clock. And it does
what a healthy one never does, when it is told to: `faults` is a list of (part of "METHOD PATH?QUERY", function); the first that fits a request is taken
out of the list, and its function is called with the handler."""
import base64
import hashlib
import hmac
import http.server
import re
import ssl
import threading
import time
import urllib.parse
from datetime import datetime, timezone
from email.utils import formatdate
from html import unescape
from xml.sax.saxutils import escape

KEY, SECRET, BUCKET = "POMBALTEST", "Geheimnis/+of+tests", "pombal-test"
CLOCKS_APART = 15 * 60


class Refused(Exception):
    def __init__(self, status, code, words="no", **fields):
        super().__init__(code)
        self.status, self.code, self.words, self.fields = status, code, words, fields


def hash_of(data):
    return hashlib.sha256(data).hexdigest()


def element(text, name):
    return [unescape(found) for found in re.findall(rf"<{name}>(.*?)</{name}>", text, re.S)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return formatdate(time.time() + self.store.ahead, usegmt=True)

    @property
    def store(self):
        return self.server.store

    def answer(self, status=200, body=b"", length=None, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), str(value))
        if status != 204:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def xml(self, root, inner, status=200, **fields):
        self.answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode(), Content_Type="application/xml", **fields)

    def refuse(self, status, code, words="no", **fields):
        self.xml("Error", f"<Code>{code}</Code><Message>{escape(words)}</Message>", status, **fields)

    def handle_one(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.store.lock:
            self.store.requests.append(f"{self.command} {self.path}")
            fault = next((one for one in self.store.faults if one[0] in f"{self.command} {self.path}"), None)
            if fault:
                self.store.faults.remove(fault)
        if fault:
            fault[1](self)
        else:
            self.serve()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one

    def serve(self):
        try:
            self.verify()
            self.act()
        except Refused as refused:
            self.refuse(refused.status, refused.code, refused.words, **refused.fields)

    # ---- signatures ----

    def verify(self):
        stamp, said = self.headers.get("x-amz-date", ""), self.headers.get("Authorization", "")
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/s3/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", said)
        if not found:
            raise Refused(403, "AccessDenied")
        key, day, region, names, signature = found.groups()
        if key != KEY:
            raise Refused(403, "InvalidAccessKeyId")
        if region != self.store.region:
            raise Refused(400, "AuthorizationHeaderMalformed", f"the region is wrong; expecting '{self.store.region}'")
        if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(names.split(";")):
            raise Refused(403, "AccessDenied", "these must be signed")
        path, _, query = self.path.partition("?")
        pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
        query = "&".join(urllib.parse.quote(name, safe="-_.~") + "=" + urllib.parse.quote(value, safe="-_.~") for name, value in pairs)
        path = urllib.parse.quote(urllib.parse.unquote(path), safe="/-_.~")
        fields = "".join(f"{name}:{' '.join(self.headers[name].split())}\n" for name in names.split(";"))
        text = "\n".join([self.command, path, query, fields, names, self.headers["x-amz-content-sha256"]])
        mac = b"AWS4" + SECRET.encode()
        for step in (day, region, "s3", "aws4_request"):
            mac = hmac.digest(mac, step.encode(), "sha256")
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, f"{day}/{region}/s3/aws4_request", hash_of(text.encode())])
        if hmac.new(mac, text.encode(), "sha256").hexdigest() != signature or not stamp.startswith(day):
            raise Refused(403, "SignatureDoesNotMatch")
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
        if abs(at - time.time() - self.store.ahead) > CLOCKS_APART:
            raise Refused(403, "RequestTimeTooSkewed")
        self.verify_body()

    def verify_body(self):
        if self.headers["x-amz-content-sha256"] != hash_of(self.body):
            raise Refused(400, "XAmzContentSHA256Mismatch")
        for name, digest in (("Content-MD5", hashlib.md5), ("x-amz-checksum-sha256", hashlib.sha256)):
            if name in self.headers and base64.b64decode(self.headers[name]) != digest(self.body).digest():
                raise Refused(400, "BadDigest")

    # ---- what is asked ----

    def act(self):
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        path = urllib.parse.unquote(path)
        if self.headers["Host"].startswith(BUCKET + "."):
            bucket, key = BUCKET, path[1:]
        else:
            bucket, _, key = path[1:].partition("/")
        if bucket != BUCKET:
            raise Refused(404, "NoSuchBucket")
        with self.store.lock:
            if not key:
                self.act_on_bucket()
            elif "uploadId" in self.query or "uploads" in self.query:
                self.act_on_upload(key)
            else:
                self.act_on_object(key)

    def act_on_bucket(self):
        if self.command == "POST" and "delete" in self.query:
            if "Content-MD5" not in self.headers:
                raise Refused(400, "InvalidRequest")
            for key in element(self.body.decode(), "Key"):
                self.store.objects.pop(key, None)
            self.xml("DeleteResult", "")
        elif "uploads" in self.query:
            self.list_uploads()
        elif self.query.get("list-type") == "2":
            self.list_objects()
        else:
            raise Refused(501, "NotImplemented")

    def list_objects(self):
        prefix, after = self.query.get("prefix", ""), self.query.get("continuation-token", "")
        keys = sorted(key for key in self.store.objects if key.startswith(prefix) and key > after)
        page, more = keys[:self.store.page], len(keys) > self.store.page
        inner = "".join(f"<Contents><Key>{escape(key)}</Key><Size>{len(self.store.objects[key])}</Size></Contents>" for key in page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self.xml("ListBucketResult", f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{inner}")

    def list_uploads(self):
        prefix, after = self.query.get("prefix", ""), (self.query.get("key-marker", ""), self.query.get("upload-id-marker", ""))
        found = sorted((key, number, began) for number, (key, began, _) in self.store.uploads.items() if key.startswith(prefix) and (key, number) > after)
        page, more = found[:self.store.page], len(found) > self.store.page
        inner = "".join(f"<Upload><Key>{escape(key)}</Key><UploadId>{number}</UploadId><Initiated>{datetime.fromtimestamp(began, timezone.utc):%Y-%m-%dT%H:%M:%S.000Z}</Initiated></Upload>"
                        for key, number, began in page)
        token = f"<NextKeyMarker>{escape(page[-1][0])}</NextKeyMarker><NextUploadIdMarker>{page[-1][1]}</NextUploadIdMarker>" if more else ""
        self.xml("ListMultipartUploadsResult", f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{inner}")

    def act_on_upload(self, key):
        if self.command == "POST" and "uploads" in self.query:
            number = f"upload+/{len(self.store.requests)}"
            self.store.uploads[number] = (key, time.time(), {})
            return self.xml("InitiateMultipartUploadResult", f"<UploadId>{number}</UploadId>")
        number = self.query["uploadId"]
        if self.store.uploads.get(number, ("",))[0] != key:
            raise Refused(404, "NoSuchUpload")
        parts = self.store.uploads[number][2]
        if self.command == "PUT":
            parts[int(self.query["partNumber"])] = self.body
            return self.answer(ETag=f'"{hashlib.md5(self.body).hexdigest()}"')
        if self.command == "DELETE":
            del self.store.uploads[number]
            return self.answer(204)
        wanted = list(zip(map(int, element(self.body.decode(), "PartNumber")), element(self.body.decode(), "ETag")))
        if wanted != [(one, f'"{hashlib.md5(parts[one]).hexdigest()}"') for one in sorted(parts)]:
            raise Refused(400, "InvalidPart")
        if any(len(parts[one]) < 5 * 1024 * 1024 for one in sorted(parts)[:-1]):
            raise Refused(400, "EntityTooSmall")
        self.store.objects[key] = b"".join(parts[one] for one in sorted(parts))
        del self.store.uploads[number]
        self.xml("CompleteMultipartUploadResult", f"<Key>{escape(key)}</Key>")

    def act_on_object(self, key):
        if self.command == "PUT":
            self.store.objects[key] = self.body
            return self.answer(ETag=f'"{hashlib.md5(self.body).hexdigest()}"')
        if self.command == "DELETE":
            self.store.objects.pop(key, None)
            return self.answer(204)
        if key not in self.store.objects:
            raise Refused(404, "NoSuchKey")
        status, body, fields = self.part_of(self.store.objects[key])
        self.answer(status, body, **fields)

    def part_of(self, content):
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not found:
            return 200, content, {}
        first, last = int(found[1]), min(int(found[2]), len(content) - 1)
        if first > last:
            raise Refused(416, "InvalidRange")
        return 206, content[first:last + 1], {"Content_Range": f"bytes {first}-{last}/{len(content)}"}

    # ---- what faults are made of ----

    def cut(self):
        """Ends the connection as it is."""
        self.close_connection = True
        self.wfile.flush()

    def stored(self):
        """The part that is asked for, and its fields."""
        key = urllib.parse.unquote(self.path.partition("?")[0]).removeprefix(f"/{BUCKET}/")
        return self.part_of(self.store.objects[key])


class S3Server:
    """Runs until close(); `ahead`: seconds that its clock is ahead of ours; `page`: entries in a list's page."""

    def __init__(self, certificate=None):
        self.objects, self.uploads, self.requests, self.faults = {}, {}, [], []
        self.ahead, self.page, self.region = 0, 1000, "us-east-1"
        self.lock = threading.RLock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # clients that go away
        self.server.daemon_threads = True
        self.server.store = self
        self.port = self.server.server_address[1]
        self.endpoint = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
