"""What clients say, for each protocol: a session is a list of units, each the bytes that are sent before an answer is awaited.

A unit is made by a grammar from a random.Random, so the same seed makes the same session, whatever the server answers."""
import base64

import http_grammar
import letters_grammar

DOMAIN = "example.test"
ACCOUNT, PASSWORD = f"anna@{DOMAIN}", "Annas geheimes Wort 1"
NUMBERS = ["0", "1", "2", "3", "7", "*", "4294967295", "4294967296", "18446744073709551616", "-1", "01", ""]
MAILBOXES = ["INBOX", "inbox", "Sent", "Drafts", "Trash", "Fuzz", "Fuzz/a", "Fuzz/a/b", "&BB8EQAQ4BDIENQRC-", "&-", "\"a b\"", "\"\"", "..", "%", "*", "a*",
             "\"a\\\\b\"", "a" * 300, "\"Письма\""]


def plain(account=ACCOUNT, password=PASSWORD):
    return base64.b64encode(f"\0{account}\0{password}".encode()).decode()


def crlf(text):
    return letters_grammar.raw(text) + b"\r\n"


# ---- SMTP, submission, LMTP ----

SENDERS = [ACCOUNT, "", "a@b.example", f"boris@{DOMAIN}", "\"a b\"@b.example", "@x,@y:a@b.example", "юля@пример.example", "a" * 70 + "@b.example", "<"]
RECIPIENTS = [ACCOUNT, ACCOUNT, f"boris@{DOMAIN}", f"anna+x@{DOMAIN}", "postmaster", f"nobody@{DOMAIN}", "x@[127.0.0.1]", "a@b.example", f"\"an na\"@{DOMAIN}", ""]
MAIL_PARAMETERS = ["SIZE=100", "SIZE=99999999999", "BODY=8BITMIME", "BODY=7BIT", "BODY=BINARYMIME", "SMTPUTF8", "RET=FULL", "RET=HDRS", "ENVID=a+20b", "AUTH=<>", "X=Y"]
RCPT_PARAMETERS = ["NOTIFY=SUCCESS,FAILURE", "NOTIFY=NEVER", "ORCPT=rfc822;a+40b", "ORCPT=utf-8;\\x{41}", "NOTIFY="]


def stuffed(text):
    return text.replace(b"\r\n.", b"\r\n..")


def smtp_text(r):
    """A message by DATA or BDAT, as units."""
    content = letters_grammar.letter(r)
    if r.random() < 0.6:
        return [crlf("DATA"), (stuffed(content) if r.random() < 0.8 else content) + r.choice([b"\r\n.\r\n"] * 9 + [b"\n.\n\r\n.\r\n"])]
    cut = r.randrange(len(content) + 1)
    chunks = [content[:cut], content[cut:]]
    return [crlf(f"BDAT {len(chunk) + (r.random() < 0.05)}{' LAST' if chunk is chunks[-1] else ''}") + chunk for chunk in chunks]


def smtp_transaction(r, sender):
    more = "".join(" " + one for one in r.sample(MAIL_PARAMETERS, r.choice([0, 0, 1, 3])))
    units = [crlf(f"MAIL FROM:<{sender if r.random() < 0.7 else r.choice(SENDERS)}>{more}")]
    for _ in range(r.choice([1, 1, 1, 2, 5])):
        more = "".join(" " + one for one in r.sample(RCPT_PARAMETERS, r.choice([0, 0, 0, 1])))
        units.append(crlf(f"RCPT TO:<{r.choice(RECIPIENTS)}>{more}"))
    if r.random() < 0.3:  # in a group, as clients that know PIPELINING do
        units = [b"".join(units)]
    return units + smtp_text(r)


def smtp_other(r):
    return [crlf(r.choice(["NOOP", "NOOP x", "RSET", "VRFY anna", "EXPN x", "HELP", "EHLO again.example", "HELO x", "DATA", "BDAT 0 LAST", "STARTTLS", "AUTH",
                           "AUTH PLAIN " + plain(), "AUTH LOGIN", "*", "", "QUIT", "ETRN x", "BDAT 5\0", "AUTH SCRAM-SHA-256 biwsbj1hLHI9Yg=="]))]


def smtp(r, service):
    units = [crlf(("LHLO" if service == "lmtp" else r.choice(["EHLO", "EHLO", "HELO"])) + " fuzz.example")]
    if service.startswith("submission") and r.random() < 0.9:
        units.append(crlf("AUTH PLAIN " + plain()))
    for _ in range(r.randrange(1, 6)):
        units += smtp_transaction(r, ACCOUNT if service.startswith("submission") else "a@b.example") if r.random() < 0.7 else smtp_other(r)
    return units + [crlf("QUIT")]


# ---- POP3 ----

def pop3(r, _service):
    units = [crlf("USER " + ACCOUNT), crlf("PASS " + PASSWORD)] if r.random() < 0.7 else [crlf("AUTH PLAIN " + plain())]
    for _ in range(r.randrange(1, 15)):
        verb = r.choice(["STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "NOOP", "RSET", "CAPA", "LAST", "XTND", "UTF8", "STLS", "AUTH", "USER x", ""])
        arguments = [r.choice(NUMBERS) for _ in range(r.choice([0, 1, 1, 2]))]
        units.append(crlf(" ".join([verb, *arguments])))
    if r.random() < 0.3:
        units = units[:2] + [b"".join(units[2:])]
    return units + [crlf("QUIT")]


# ---- IMAP ----

def sequence(r):
    return ",".join(r.choice([r.choice(NUMBERS), f"{r.choice(NUMBERS)}:{r.choice(NUMBERS)}", "1:*"]) for _ in range(r.choice([1, 1, 1, 2, 9])))


def astring(r, text):
    kind = r.random()
    if kind < 0.6:
        return letters_grammar.raw("\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"")
    content = letters_grammar.raw(text)
    return (f"{{{len(content)}+}}\r\n" if kind < 0.9 else f"{{{len(content)}}}\r\n").encode() + content


def section(r):
    numbers = ".".join(r.choice(["1", "2", "3", "0", "9999999999"]) for _ in range(r.choice([0, 1, 1, 2, 6])))
    what = r.choice(["", "HEADER", "TEXT", "MIME", "HEADER.FIELDS (Subject \"From\" x)", "HEADER.FIELDS.NOT (Received)", "HEADER.FIELDS ()"])
    partial = r.choice(["", "", "<0.10>", "<5.0>", "<4294967295.1>", "<1>"])
    return f"BODY{r.choice(['', '.PEEK'])}[{'.'.join(one for one in (numbers, what) if one)}]{partial}"


def fetch_items(r):
    items = ["FLAGS", "UID", "ENVELOPE", "BODY", "BODYSTRUCTURE", "INTERNALDATE", "RFC822", "RFC822.SIZE", "RFC822.HEADER", "RFC822.TEXT", "MODSEQ", "BINARY[1]"]
    chosen = [section(r) if r.random() < 0.5 else r.choice(items) for _ in range(r.choice([1, 1, 2, 5]))]
    return r.choice(["ALL", "FAST", "FULL"]) if r.random() < 0.1 else "(" + " ".join(chosen) + ")"


def search_key(r, depth=0):
    if depth < 6 and r.random() < 0.3:
        inside = [search_key(r, depth + 1) for _ in range(2)]
        return r.choice([b"OR " + b" ".join(inside), b"NOT " + inside[0], b"(" + b" ".join(inside) + b")"])
    word = r.choice(letters_grammar.WORDS)
    return r.choice([
        lambda: r.choice([b"ALL", b"SEEN", b"UNDELETED", b"NEW", b"OLD", b"RECENT", b"DRAFT", b"ANSWERED"]),
        lambda: r.choice([b"SUBJECT ", b"FROM ", b"TO ", b"BODY ", b"TEXT ", b"CC ", b"HEADER X-Long ", b"KEYWORD "]) + astring(r, word),
        lambda: r.choice([b"BEFORE ", b"SINCE ", b"ON ", b"SENTON "]) + r.choice([b"1-Jan-2026", b"\"31-Feb-1999\"", b"x"]),
        lambda: r.choice([b"LARGER ", b"SMALLER "]) + r.choice(NUMBERS).encode(), lambda: sequence(r).encode(), lambda: b"UID " + sequence(r).encode(),
    ])()


def flags(r):
    return "(" + " ".join(r.choice(["\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "\\Draft", "\\Recent", "$Forwarded", "word", "\\*", "a" * 200])
                          for _ in range(r.randrange(4))) + ")"


def append(r):
    content = letters_grammar.letter(r)
    return (f"APPEND {r.choice(MAILBOXES)} {flags(r)} {{{len(content)}{r.choice(['', '+'])}}}\r\n").encode() + content


def imap_command(r):
    raw, mailbox, box = letters_grammar.raw, r.choice(MAILBOXES), r.choice(MAILBOXES)
    uid = r.choice(["", "UID "])
    return r.choice([
        lambda: raw(f"{r.choice(['SELECT', 'EXAMINE'])} {r.choice(['INBOX', 'INBOX', mailbox])}"),
        lambda: raw(f"{r.choice(['CREATE', 'DELETE', 'SUBSCRIBE', 'UNSUBSCRIBE'])} {mailbox}"),
        lambda: raw(f"RENAME {mailbox} {box}"),
        lambda: raw(f"{r.choice(['LIST', 'LSUB'])} \"\" {mailbox} {r.choice(['', 'RETURN (CHILDREN SPECIAL-USE)', 'RETURN (STATUS (MESSAGES))'])}"),
        lambda: raw(f"LIST (SPECIAL-USE) \"\" ({mailbox} {box})"),
        lambda: raw(f"STATUS {mailbox} (MESSAGES UIDNEXT UNSEEN RECENT UIDVALIDITY)"),
        lambda: append(r), lambda: append(r),
        lambda: raw(f"{uid}FETCH {sequence(r)} {fetch_items(r)}"), lambda: raw(f"{uid}FETCH 1:* {fetch_items(r)}"), lambda: raw(f"FETCH 1 {fetch_items(r)}"),
        lambda: raw(uid) + b"SEARCH " + r.choice([b"", b"CHARSET UTF-8 ", b"CHARSET X "]) + search_key(r),
        lambda: raw(uid) + b"SEARCH " + search_key(r) + b" " + search_key(r),
        lambda: raw(f"{uid}STORE {sequence(r)} {r.choice(['', '+', '-'])}FLAGS{r.choice(['', '.SILENT'])} {flags(r)}"),
        lambda: raw(f"{uid}{r.choice(['COPY', 'MOVE'])} {sequence(r)} {mailbox}"),
        lambda: raw(r.choice(["NOOP", "CHECK", "CLOSE", "EXPUNGE", "UNSELECT", "CAPABILITY", "NAMESPACE", "ENABLE X", "LOGOUT", f"UID EXPUNGE {sequence(r)}",
                              "IDLE\r\nDONE", "ID NIL", "ID (\"name\" \"fuzz\")", "STARTTLS", "LOGIN a b", "AUTHENTICATE PLAIN", "XYZ"])),
    ])()


def imap(r, _service):
    login = r.choice([crlf(f"a LOGIN {ACCOUNT} \"{PASSWORD}\""), crlf("a AUTHENTICATE PLAIN " + plain()), b"a LOGIN {17+}\r\n" + crlf(f"{ACCOUNT} \"{PASSWORD}\"")])
    units = [login, crlf("b SELECT INBOX")] if r.random() < 0.9 else []
    for number in range(r.randrange(1, 15)):
        units.append(f"c{number} ".encode() + imap_command(r) + b"\r\n")
    if r.random() < 0.3:
        units = units[:2] + [b"".join(units[2:])]
    return units + [crlf("z LOGOUT")]


def http(r, service):
    return http_grammar.session(r, service, ACCOUNT, PASSWORD)


SERVICES = {"http": http, "https": http, "smtp": smtp, "lmtp": smtp, "submission": smtp, "submissions": smtp, "imap": imap, "imaps": imap, "pop3": pop3, "pop3s": pop3}
# What begins TLS where it isn't there from the start, and what the answer to it begins with.
START_TLS = {"smtp": (b"EHLO fuzz.example\r\n", b"STARTTLS\r\n"), "submission": (b"EHLO fuzz.example\r\n", b"STARTTLS\r\n"), "imap": (b"s STARTTLS\r\n",),
             "pop3": (b"STLS\r\n",)}
# Where a password is only taken under TLS.
NEEDS_TLS = {"submission", "imap", "pop3"}


# ---- Mutations ----

SPICE = [b"\0", b"\r", b"\n", b"\r\n", b"\r\n.\r\n", b"\n.\n", b"(", b")", b"\"", b"\\", b"{4294967295}", b"{5+}\r\n", b"{0}\r\n", b"<", b">", b"*", b"%", b"\xff",
         b"\xc3", b" ", b"\t", b"[", b"]", b"A" * 5000, b"(" * 500, b"9" * 40, b"=?utf-8?q?", b"BODY[", b"\x80" * 100]


def mutate(r, unit):
    for _ in range(r.choice([1, 1, 2, 4])):
        at, other = r.randrange(len(unit) + 1), r.randrange(len(unit) + 1)
        low, high = min(at, other), max(at, other)
        high = min(high, low + r.choice([1, 4, 40]))
        unit = r.choice([
            lambda: unit[:at] + r.choice(SPICE) + unit[at:], lambda: unit[:low] + unit[high:], lambda: unit[:high] + unit[low:],
            lambda: unit[:at] + bytes([r.randrange(256)]) + unit[at + 1:], lambda: unit[:at], lambda: unit[:low] + unit[low:high] * r.choice([3, 50]) + unit[high:],
            lambda: unit[:low] + unit[low:high].swapcase() + unit[high:],
        ])()
    return unit


def session(r):
    """(service, TLS by STARTTLS?, units)."""
    service = r.choice(sorted(SERVICES))
    secured = service in START_TLS and (r.random() < 0.9 if service in NEEDS_TLS else r.random() < 0.2)
    units = SERVICES[service](r, service)
    share = r.choice([0, 0.05, 0.05, 0.2, 0.6])
    units = [mutate(r, unit) if r.random() < share else unit for unit in units]
    if r.random() < share:
        r.shuffle(units)
    return service, secured, units
