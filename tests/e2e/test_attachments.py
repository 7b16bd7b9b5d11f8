"""What strangers attach to their mail is looked at as it comes in: programs are refused, also packed and renamed; bombs are bounded and said to be; and
what isn't refused is marked."""
import email
import email.message
import email.policy
import gzip
import io
import json
import smtplib
import tarfile
import zipfile

import pytest

from pombal import Pombal, new_address

PROGRAM = b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0"


@pytest.fixture(scope="module")
def server(names):
    options = {"sender_checks": True, "spam_checks": False, "resolver": names.resolver, "trust_anchors": ["none"]}
    with Pombal("judge.example", options=options) as own:
        yield own


def packed(entries, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def encrypted():
    """An archive whose entry is marked as encrypted."""
    plain = bytearray(packed({"secret.txt": b"123456789012345"}, zipfile.ZIP_STORED))
    plain[6] |= 1
    plain[plain.index(b"PK\1\2") + 8] |= 1
    return bytes(plain)


def tar(name, content):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def nested(depth):
    inner = b"the end"
    for _ in range(depth):
        inner = packed({"a.zip": inner}, zipfile.ZIP_STORED)
    return inner


def letter(token, name, content, kind=("application", "octet-stream")):
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Date"] = "Ann <ann@good.example>", "anna@judge.example", token, "Sat, 28 Nov 2026 10:00:00 +0000"
    mail.set_content("Here it is.\n")
    mail.add_attachment(content, maintype=kind[0], subtype=kind[1], filename=name)
    return mail.as_bytes().replace(b"\n", b"\r\n")


def send(server, message):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail("ann@good.example", [server.name("anna")], message)


REFUSED = {
    "setup.exe": PROGRAM, "invoice.pdf.exe": b"x", "letter.pdf": PROGRAM, "счёт.js": b"x", "x.lnk. ": b"x",
    "photos.zip": packed({"photo.jpg": b"x", "holiday.jpg.scr": PROGRAM}), "deep.zip": packed({"a.zip": packed({"b/c.vbs": b"x"})}),
    "run.tar.xz": tar("bin/run.bat", b"x"), "report.pdf.exe.gz": gzip.compress(PROGRAM),
}


@pytest.mark.parametrize("name", REFUSED)
def test_programs_are_refused(server, token, name):
    offset = server.log_size()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(server, letter(token, name, REFUSED[name]))
    assert refused.value.smtp_code == 550 and refused.value.smtp_error.startswith(b"5.7.1 ") and b"isn't taken here" in refused.value.smtp_error
    assert all(32 <= c < 127 for c in refused.value.smtp_error)
    server.wait_log(r"event=message\.judged.* action=reject .*findings=.*ATTACH_REFUSED_KIND", offset)


MARKED = {
    "secret.zip": (encrypted(), "ATTACH_ENCRYPTED (secret.zip/secret.txt)"),
    "letter.docm": (packed({"[Content_Types].xml": b"<Types/>", "word/vbaProject.bin": b"x"}), "ATTACH_MACROS (letter.docm/word/vbaProject.bin)"),
    "broken.zip": (b"PK\3\4 broken", "ATTACH_UNSCANNABLE (broken.zip: "),
}


@pytest.mark.parametrize("name", MARKED)
def test_what_is_doubtful_is_marked(server, token, name):
    content, said = MARKED[name]
    offset = server.log_size()
    send(server, letter(token, name, content).replace(b"From:", b"X-Attachment-Findings: NOTHING\r\nFrom:", 1))
    mail = email.message_from_bytes(server.wait_mail(token)[0])
    assert len(mail.get_all("X-Attachment-Findings")) == 1 and said in " ".join(mail["X-Attachment-Findings"].split())
    assert next(part for part in mail.walk() if part.get_filename() == name).get_payload(decode=True) == content
    server.wait_log(rf"event=message\.judged.* action=tag .*findings=.*{said.split()[0]}", offset)
    assert said.split()[0] in server.run("trace", "ann@good.example").stdout


def test_ordinary_files_are_not_marked(server, token):
    send(server, letter(token, "notes.zip", packed({"notes.txt": b"hello\n" * 1000, "docs/a.pdf": b"%PDF-1.4 x"})))
    assert email.message_from_bytes(server.wait_mail(token)[0])["X-Attachment-Findings"] is None


BOMBS = {
    "zeros.zip": lambda: packed({"0.txt": bytes(100_000_000)}), "zeros.gz": lambda: gzip.compress(bytes(100_000_000)),
    "many.zip": lambda: packed({f"{i}.txt": bytes(10_000_000) for i in range(10)}), "deep.zip": lambda: nested(100),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_a_finding(server, token, name):
    offset, role = server.log_size(), server.role_of("policy")
    send(server, letter(token, name, BOMBS[name]()))
    server.wait_log(r"event=message\.judged.* action=quarantine .*findings=.*ATTACH_BOMB", offset)
    assert server.role_of("policy") == role
    server.run("queue", "remove", "anna@judge.example", "--held")


def test_what_is_set_apart_is_held_and_let_go(server, token):
    offset = server.log_size()
    send(server, letter(token, "disk.img", b"x" * 1000))
    number = server.wait_log(r"event=message\.held id=(\w+) .*reason=.*set apart", offset).group(1)
    listed = json.loads(server.run("queue", "list", "--held", "--json").stdout)
    assert [message["id"] for message in listed] == [number] and "set apart" in listed[0]["held_for"]
    assert "HELD: set apart" in server.run("queue", "show", number).stdout
    server.run("queue", "release", number)
    mail = email.message_from_bytes(server.wait_mail(token)[0])
    assert mail["X-Attachment-Findings"] == "ATTACH_DOUBTFUL_KIND (disk.img)"


def test_ten_thousand_levels(server, token):
    """… of parts inside one another: a result with a name, and the server goes on."""
    head = f"From: ann@good.example\r\nTo: anna@judge.example\r\nSubject: {token}\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\n"
    levels = "".join(f"Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n" for i in range(10_000))
    offset = server.log_size()
    send(server, (head + levels).encode())
    server.wait_log(r"event=message\.judged.*findings=.*ATTACH_UNSCANNABLE", offset)
    send(server, letter(token + "x", "a.txt", b"x"))
    server.wait_mail(token + "x")


def test_a_large_one_is_looked_at_in_its_file(server, token):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(server, letter(token, "big.zip", packed({"pad.bin": bytes(i * 7 % 251 for i in range(3_000_000)), "z.cmd": b"x"}, zipfile.ZIP_STORED)))
    assert b"big.zip/z.cmd" in refused.value.smtp_error


def test_files_are_replaced_by_a_note(names, token):
    options = {"sender_checks": True, "spam_checks": False, "resolver": names.resolver, "trust_anchors": ["none"], "attachment_strip": ["tmp", "iso"], "attachment_macros": "strip",
               "attachment_quarantine": ["none"]}
    with Pombal("judge.example", options=options) as own:
        for padding in (0, 100_000):  # in memory, and in a file
            mail = email.message_from_bytes(letter(token, "letter.docm", MARKED["letter.docm"][0]))
            for name, content in (("disk.iso", b"x" * 1000 + bytes(padding)), ("notes.txt", b"to be kept")):
                part = email.message.MIMEPart()
                part.set_content(content, maintype="application", subtype="octet-stream", filename=name)
                mail.attach(part)
            send(own, mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        for raw in own.wait_mail(token, count=2):
            got = email.message_from_bytes(raw, policy=email.policy.default)
            text, macros, disk, notes = got.iter_parts()
            assert not got.defects and text.get_content().strip() == "Here it is." and notes.get_content() == b"to be kept"
            assert macros.get_content().startswith('The file "letter.docm" was taken out of this message') and "макросами" in macros.get_content()
            assert disk.get_content_type() == "text/plain" and "disk.iso" in disk.get_content()
            assert "ATTACH_MACROS" in got["X-Attachment-Findings"] and "ATTACH_STRIPPED_KIND (disk.iso)" in got["X-Attachment-Findings"]
        whole = f"From: ann@good.example\r\nSubject: {token}\r\nContent-Type: application/x; name=a.tmp\r\n\r\nx\r\n"
        offset = own.log_size()
        send(own, whole.encode())
        own.wait_log(r"event=message\.held", offset)


def test_people_have_settings_of_their_own(names, token):
    options = {"sender_checks": True, "spam_checks": False, "resolver": names.resolver, "trust_anchors": ["none"],
               "attachment_for": ["anna@judge.example reject=none strip=docm", "judge.example reject=pdf"]}
    with Pombal("judge.example", options=options) as own:
        def give(name, *people):
            with smtplib.SMTP(own.address, own.ports["smtp"], local_hostname="client.example") as session:
                session.sendmail("ann@good.example", [own.name(person) for person in people], letter(token, name, b"x"))

        give("setup.exe", "anna")
        own.wait_mail(token)
        for people in (("boris",), ("anna", "boris")):
            with pytest.raises(smtplib.SMTPDataError):
                give("a.pdf", *people)
        give("a.docm", "anna")
        assert any(b"a.docm" not in mail for mail in own.wait_mail(token, count=2))


def test_options(names, token):
    options = {"sender_checks": True, "spam_checks": False, "resolver": names.resolver, "trust_anchors": ["none"], "attachment_reject": ["pdf", "image/*"], "attachment_macros": "reject",
               "attachment_max": 100_000, "attachment_bomb": "reject"}
    with Pombal("judge.example", options=options) as own:
        send(own, letter(token, "setup.exe", PROGRAM))
        own.wait_mail(token)
        for name, content in (("a.pdf", b"x"), ("a.dat", b"GIF89a\1\0\1\0\0\0\0"), ("a.docm", MARKED["letter.docm"][0]), ("a.txt", bytes(100_001)), ("a.zip", nested(20))):
            with pytest.raises(smtplib.SMTPDataError) as refused:
                send(own, letter(token, name, content))
            assert refused.value.smtp_code == 550 and name.encode() in refused.value.smtp_error


def test_who_is_known_may_attach_anything(server, token):
    server.submit(letter(token, "setup.exe", PROGRAM).replace(b"ann@good.example", server.name("anna").encode()), server.name("anna"))
    assert email.message_from_bytes(server.wait_mail(token)[0])["X-Attachment-Findings"] is None
