"""Letters to send, and how to compare what came out with what went in."""
import email
import email.policy
import hashlib
import random
import re
import uuid
from base64 import encodebytes

# Every filter finds this to be spam.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

# What a server may put in front of a letter on its way.
TRACE_FIELDS = {b"dkim-signature", b"return-path", b"received", b"delivered-to", b"x-original-to", b"envelope-to"}


def token():
    """A word that no other letter has in its subject."""
    return "t" + uuid.uuid4().hex[:20]


def simple(subject, to="anna@example.test", sender="someone@elsewhere.example", body="A line.\r\n", more=""):
    letter = (f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
              f"Message-ID: <{uuid.uuid4().hex}@tests.example>\r\n{more}\r\n{body}")
    return letter.encode()


def with_attachment(subject, size, to="anna@example.test", sender="someone@elsewhere.example", seed=1):
    """A letter in Cyrillic with an attachment, about `size` bytes as it is sent."""
    raw = random.Random(seed).randbytes(max(16, int(size * 57 / 78)))
    encoded = encodebytes(raw).replace(b"\n", b"\r\n")
    head = simple(subject, to, sender, body="", more=(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b1\"\r\n"))
    return b"".join((
        head, b"A preamble.\r\n--=_b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
        "Съешь ещё этих мягких французских булок.\r\n.\r\n..\r\n.точка\r\n".encode(),
        b"\r\n--=_b1\r\nContent-Type: application/octet-stream; name*=utf-8''%D0%B4%D0%BE%D0%BC.bin\r\n"
        b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"=?utf-8?B?0LTQvtC8LmJpbg==?=\"\r\n\r\n",
        encoded, b"\r\n--=_b1--\r\nAn epilogue.\r\n"))


def digest(letter):
    return hashlib.sha256(letter).hexdigest()


def split_trace(letter):
    """Takes the header fields off that servers put in front: ([(name, value)…], the rest)."""
    fields = []
    while True:
        line, found, rest = letter.partition(b"\r\n")
        name = line.split(b":")[0].lower()
        if not found or name not in TRACE_FIELDS:
            return fields, letter
        while rest[:1] in (b" ", b"\t"):
            more, _, rest = rest.partition(b"\r\n")
            line += b"\r\n" + more
        fields.append((name.decode(), line.split(b":", 1)[1].strip()))
        letter = rest


def assert_same(received, sent):
    """Byte for byte what was sent, with nothing but trace fields before it."""
    fields, rest = split_trace(received)
    assert fields, "no trace field at all"
    if digest(rest) != digest(sent):
        at = next((i for i, (a, b) in enumerate(zip(rest, sent)) if a != b), min(len(rest), len(sent)))
        raise AssertionError(f"differs from byte {at} on ({len(rest)} bytes for {len(sent)}): "
                             f"{rest[max(0, at - 40):at + 60]!r} for {sent[max(0, at - 40):at + 60]!r}")


def parse(letter):
    return email.message_from_bytes(letter, policy=email.policy.default)


class Report:
    """A delivery status notification (RFC 3464), taken apart."""

    def __init__(self, letter):
        self.letter = parse(letter)
        message = email.message_from_bytes(letter)
        assert message.get_content_type() == "multipart/report", message.get_content_type()
        assert message.get_param("report-type") == "delivery-status"
        parts = message.get_payload()
        kinds = [part.get_content_type() for part in parts]
        # The second is RFC 6533's, for addresses that aren't ASCII.
        assert kinds[0] == "text/plain" and kinds[1] in ("message/delivery-status", "message/global-delivery-status"), kinds
        self.text = parts[0].get_payload(decode=True).decode()
        groups = parts[1].get_payload()
        if not isinstance(groups, list):
            text = parts[1].get_payload(decode=True).decode()
            groups = [email.message_from_string(group) for group in re.split(r"\r?\n\r?\n", text.strip())]
        elif kinds[1] == "message/global-delivery-status":
            text = parts[1].as_string().partition("\n\n")[2]
            groups = [email.message_from_string(group) for group in re.split(r"\n\n+", text.strip())]
        self.message, self.recipients = groups[0], groups[1:]
        self.returned = parts[2] if len(parts) > 2 else None
        assert self.message["Reporting-MTA"], "no Reporting-MTA"
        assert self.recipients, "no recipient"
        for recipient in self.recipients:
            assert recipient["Final-Recipient"] and recipient["Action"] and recipient["Status"], recipient.items()

    def recipient(self, address):
        for recipient in self.recipients:
            if address.lower() in recipient["Final-Recipient"].lower():
                return recipient
        raise AssertionError(f"{address} isn't in {[r['Final-Recipient'] for r in self.recipients]}")

    def returned_text(self):
        body = self.returned.get_payload()
        return body[0].as_string() if isinstance(body, list) else body
