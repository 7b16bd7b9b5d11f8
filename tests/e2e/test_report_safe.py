"""report_safe: junk comes as it is, inside of a report as a message, or as plain text; what is learned of it is learned of the message inside."""
import email
import email.policy
import smtplib

import pytest

from pombal import Pombal

BODY = "<form><a href=\"http://bank.example@192.0.2.7/\">bank.example</a></form>\r\n"


def junk(token, filler=""):
    return (f"X-Spam-Wrapped: 1\r\nReceived: from x.example by y.example; Sat, 28 Nov 2026 10:00:00 +0000\r\nFrom: \"service@bank.example\" <x@nothing.example>\r\n"
            f"To: anna@safe.example\r\nSubject: B U Y   N O W !!!\r\nX-Token: {token}\r\nMessage-ID: <{token}@nothing.example>\r\n"
            f"Content-Type: text/html\r\n\r\n{BODY}{token} r\xe9sum\xe9\r\n{filler}").encode("latin-1")


def send(server, message, *to):
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail("x@nothing.example", [server.name(one) for one in to or ("anna",)], message, mail_options=["BODY=8BITMIME"])


@pytest.fixture(scope="module")
def server(names):
    with Pombal("safe.example", options={"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"]}) as own:
        yield own


def setting(server, value):
    server.configure(report_safe=value)
    server.reload()


def arrived(server, token, account="anna"):
    """The letter that is, or holds, the one with this token."""
    raw = server.wait_mail(f"{token}@", account=account, mailbox="Junk", header="Message-ID")[0]
    return raw, email.message_from_bytes(raw, policy=email.policy.default)


def test_none(server, token):
    setting(server, 0)
    send(server, junk(token))
    raw, mail = arrived(server, token)
    assert mail["X-Spam-Flag"] == "YES" and mail["X-Token"] == token and mail["X-Spam-Wrapped"] is None and BODY.encode() in raw


def test_as_a_message(server, token):
    setting(server, 1)
    server.run("account", "set", "boris@safe.example", "--language", "ru")
    send(server, junk(token), "anna", "boris")
    raw, mail = arrived(server, token)
    assert mail["X-Spam-Flag"] == "YES" and mail["X-Spam-Status"].startswith("Yes, score=") and mail["From"].addresses[0].addr_spec == "x@nothing.example"
    assert mail["Subject"].startswith("B U Y") and mail["To"] and mail["Message-ID"] and mail["X-Token"] is None and mail["Return-Path"] == "<x@nothing.example>"
    report, inside = mail.iter_parts()
    text = report.get_content()
    assert "looks like junk" in text and "LINK_WITH_USER" in text and "false domain" in text and "into Junk" in text
    assert inside.get_content_type() == "message/rfc822" and inside.get_content()["X-Token"] == token
    assert f"X-Token: {token}\r\n".encode() in raw and f"{token} r\xe9sum\xe9\r\n".encode("latin-1") in raw  # byte by byte
    _, other = arrived(server, token, "boris")
    assert "похоже на спам" in next(other.iter_parts()).get_content()
    server.run("fsck")


def test_as_text_and_from_a_file(server, token):
    setting(server, 2)
    send(server, junk(token, f"{'x' * 70}\r\n" * 5000))  # the queue keeps it as a file
    raw, mail = arrived(server, token)
    report, inside = mail.iter_parts()
    assert inside.get_content_type() == "text/plain" and len(list(mail.walk())) == 3 and raw.count(b"x" * 70) == 5000
    assert f"X-Token: {token}\r\n".encode() in raw
    assert raw.rstrip().endswith(b"--") and raw.count(mail.get_boundary().encode()) == 4


def test_what_is_inside_is_learned(server, token, tmp_path):
    setting(server, 1)
    send(server, junk(token))
    raw, _ = arrived(server, token)
    tmp_path.chmod(0o755)
    (tmp_path / "wrapped.eml").write_bytes(raw)
    rules = {one["rule"] for one in server.json("spam", "score", tmp_path / "wrapped.eml")[0]["rules"]}
    assert "LINK_WITH_USER" in rules and "NAME_IS_OTHER_ADDRESS" in rules
    with server.imap(mailbox="Junk") as session:
        number = session.search(None, "HEADER", "Message-ID", f'"{token}@"')[1][0].split()[-1]
        offset = server.log_size()
        session.xatom("MOVE", number.decode(), "INBOX")
    server.wait_log(r"event=training\.learned .*kind=ham", offset)


def test_good_mail_stays_as_it_is(server, token):
    setting(server, 1)
    send(server, f"From: x@nothing.example\r\nTo: anna@safe.example\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{token}@m.example>\r\nSubject: {token}\r\n\r\nHello.\r\n".encode())
    mail = email.message_from_bytes(server.wait_mail(token)[0])
    assert not mail.is_multipart()
