"""Letters that a grammar makes: headers of every kind, MIME nested a few levels, in every encoding, with line ends that are mostly right."""
import base64

WORDS = ["anna", "boris@example.test", "Привет", "=?utf-8?q?a=C3=A9?=", "=?iso-2022-jp?b?GyRCJCIbKEI=?=", "\"Doe, John\"", "(a (b) c)", "<>", ";", ",", ":",
         "Re:", "<1@x>", "text/plain", "a=b", "\\", "\"", "=?x?y?z?=", "x" * 80, "\udcff\udcfe", "1 Jan 2026 00:00:00 +0000", "[1.2.3.4]"]
FIELDS = ["From", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Received", "Sender", "Reply-To", "Return-Path",
          "Content-Type", "Content-Disposition", "Content-Transfer-Encoding", "Content-Language", "Content-ID", "Status", "X-Long", "Resent-From",
          "Authentication-Results", "List-Id", "", " ", "A B"]
TYPES = ["text/plain", "text/html", "multipart/mixed", "multipart/alternative", "message/rfc822", "message/global", "image/png", "application/pdf",
         "multipart/report", "text", "/", "message/delivery-status"]
CHARSETS = ["utf-8", "iso-8859-1", "iso-2022-jp", "koi8-r", "utf-7", "gb18030", "none", "us-ascii", "utf-16"]
ENCODINGS = ["7bit", "8bit", "base64", "quoted-printable", "binary", "x-uuencode", "BASE64 (c)"]


def raw(text):
    return text.encode("utf-8", errors="surrogateescape")


def line_end(r):
    return r.choice(["\r\n"] * 60 + ["\n", "\r", "\r\r\n", "\r\n\r\n", "\r\n ", "\r\n\t", "\0", ""])


def words(r, most=6):
    return " ".join(r.choice(WORDS) for _ in range(r.randrange(most)))


def parameters(r):
    names = ["boundary", "charset", "name", "filename", "filename*", "name*0*", "name*1", "name*0", "type", "format"]
    return "".join(f";{r.choice([' ', '', chr(13) + chr(10) + ' '])}{r.choice(names)}={r.choice([words(r, 2), chr(34) + words(r, 2) + chr(34)])}"
                   for _ in range(r.randrange(4)))


def field(r):
    name = r.choice(FIELDS)
    if name == "Content-Type":
        return f"{name}: {r.choice(TYPES)}{parameters(r)}\r\n"
    return f"{name}:{r.choice([' ', '', '  ', chr(9)])}{words(r)}{line_end(r)}"


def text(r):
    lines = [r.choice(["A line.", ".", "..", ".x", "From x", "-- ", "--edge", "--edge--", words(r), "x" * r.choice([10, 76, 998, 1200]), ""])
             + line_end(r) for _ in range(r.randrange(8))]
    return "".join(lines)


def body(r, encoding):
    if encoding == "base64":
        return base64.encodebytes(r.randbytes(r.randrange(300))).decode().replace("\n", "\r\n") + r.choice(["", "=", "!!", "\r\n"])
    return text(r)


def part(r, depth):
    """A MIME part with its header."""
    boundary = r.choice(["edge", "edge2", "ed ge", "e" * 70, "", "edge" + str(depth)])
    encoding = r.choice(ENCODINGS)
    header = "".join(field(r) for _ in range(r.randrange(3)))
    if depth < 5 and r.random() < 0.4:
        kind = r.choice(["mixed", "alternative", "digest", "report"])
        inside = "".join(f"--{boundary}{line_end(r)}{part(r, depth + 1)}" for _ in range(r.randrange(4)))
        end = r.choice([f"--{boundary}--\r\n", "", f"--{boundary} --\r\n"])
        return f"{header}Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n\r\n{text(r)}{inside}{end}{text(r)}"
    if depth < 5 and r.random() < 0.2:
        return f"{header}Content-Type: message/rfc822\r\n\r\n{letter_text(r, depth + 1)}"
    return (f"{header}Content-Type: text/{r.choice(['plain', 'html'])}; charset={r.choice(CHARSETS)}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
            f"{body(r, encoding)}\r\n")


def letter_text(r, depth=0):
    return "".join(field(r) for _ in range(r.randrange(8))) + "MIME-Version: 1.0\r\n" * (r.random() < 0.8) + part(r, depth)


def letter(r):
    return raw(letter_text(r))
