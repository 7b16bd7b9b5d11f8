"""An evening at a mail server: what comes and what goes between six and midnight. Each letter ends where a reasonable person would put it, and
`pombal explain` says why."""
import email
import email.message
import email.policy
import email.utils
import io
import re
import smtplib
import subprocess
import zipfile

import dkim
import pytest

import letters
from peers import ScriptedServer
from pombal import Pombal, new_address, wait_for

MX_PORT = 22527
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def make_key(path):
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path], check=True, stderr=subprocess.DEVNULL)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout"], check=True, stdout=subprocess.PIPE, text=True).stdout
    text = "v=DKIM1; p=" + "".join(public.splitlines()[1:-1])
    return ['TXT ' + " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))]


class Evening:
    """The server, who writes to it, and where it sends to."""

    def __init__(self, names, keys):
        self.keys = keys
        self.far = ScriptedServer(new_address(), MX_PORT)
        names.domain("victims.example", self.far.address)
        names.set(**{
            "shop.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', "A 127.0.0.1"], "_dmarc.shop.example": ['TXT "v=DMARC1; p=reject"'],
            "news._domainkey.shop.example": make_key(keys / "shop.example"),
            "bank.example": ['TXT "v=spf1 ip4:192.0.2.1 -all"', "A 127.0.0.1"], "_dmarc.bank.example": ['TXT "v=DMARC1; p=reject"'],
            "friend.example": ['TXT "v=spf1 ip4:192.0.2.1 ~all"', "A 127.0.0.1"], "_dmarc.friend.example": ['TXT "v=DMARC1; p=none"'],
            "news._domainkey.friend.example": make_key(keys / "friend.example"),
            "club.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', "A 127.0.0.1"],
            "alumni.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', "A 127.0.0.1"],
            "stranger.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', "A 127.0.0.1"],
        })
        options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "mx_port": MX_PORT, "submission_rate": 20, "submission_notice": "1s",
                   "attachment_quarantine": ["iso", "com"], "attachment_reject": ["exe"]}
        self.server = Pombal("evening.example", options=options)

    def close(self):
        self.server.close()
        self.far.close()

    def sign(self, message, domain):
        return dkim.sign(message, b"news", domain.encode(), (self.keys / domain).read_bytes(), include_headers=[b"from", b"subject", b"date"]) + message

    def comes(self, message, sender, helo="mx.client.example"):
        """As from a stranger; the reply's code."""
        with smtplib.SMTP(self.server.address, self.server.ports["smtp"], local_hostname=helo) as session:
            session.ehlo()
            session.mail(sender)
            assert session.rcpt("anna@evening.example")[0] == 250
            return session.data(message)[0]

    def explained(self, token):
        """What explain says, for programs and for people."""
        wait_for(lambda: f"<{token}@" in self.server.log() and "event=message.judged" in self.server.log(), "the log")
        wait_for(lambda: re.search(rf"event=message\.(accepted|refused) .*{token}@", self.server.log()), "the letter's end in the log")
        wanted = re.search(rf"msgid=\"?<({token}@[a-z.]+)>", self.server.log()).group(1)
        one, = self.server.json("explain", f"<{wanted}>")
        return one, self.server.run("explain", wanted, "--language", "en").stdout


@pytest.fixture(scope="module")
def evening(names, tmp_path_factory):
    own = Evening(names, tmp_path_factory.mktemp("keys"))
    with own.server:
        yield own
    own.far.close()


def letter(token, author, subject, body, more="", domain=None):
    domain = domain or author.rsplit("@", 1)[1].rstrip(">")
    return (f"{more}From: {author}\r\nTo: anna@evening.example\r\nSubject: {subject}\r\nMessage-ID: <{token}@{domain}>\r\nDate: {email.utils.formatdate()}\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n").encode()


def with_file(token, name, content):
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Joe <joe@stranger.example>", "anna@evening.example", f"The file {token}"
    mail["Message-ID"], mail["Date"] = f"<{token}@stranger.example>", email.utils.formatdate()
    mail.set_content("Here it is.\n")
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes().replace(b"\n", b"\r\n")


def rules(one):
    return {rule["rule"] for rule in one["rules"]}


def test_a_signed_newsletter_is_read(evening, token):
    text = letter(token, "Shop <news@shop.example>", f"What is new {token}", "This week: tea and cups.\r\nhttps://shop.example/tea",
                  "List-Unsubscribe: <https://shop.example/leave>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nPrecedence: bulk\r\n")
    assert evening.comes(evening.sign(text, "shop.example"), "bounces@shop.example") == 250
    evening.server.wait_mail(token)
    one, told = evening.explained(token)
    assert one["action"] == "accept" and {"DMARC_PASS", "DKIM_PASS", "NEWSLETTER"} <= rules(one) and one["points"] < 1
    assert "into the inbox" in told and "List-Unsubscribe" in told


def test_a_forged_bank_is_refused(evening, token):
    text = letter(token, "Your bank <service@bank.example>", f"Your account {token}", "Please confirm your password: http://192.0.2.66/login")
    assert evening.comes(text, "x@stranger.example") == 550
    one, told = evening.explained(token)
    assert one["action"] == "reject" and one["dmarc"] == "fail" and "bank.example" in one["reason"]
    assert "What decided, whatever the points: nothing shows that the message is from bank.example, which wants such mail refused (DMARC)." in told
    assert evening.server.count_mail(token) == 0 and evening.server.count_mail(token, mailbox="Junk") == 0


def test_a_mailing_list_that_breaks_the_signature_is_read(evening, token):
    signed = evening.sign(letter(token, "Friend <friend@friend.example>", f"The walk {token}", "Shall we go on Sunday?"), "friend.example")
    listed = (b"List-Id: Walkers <walkers.club.example>\r\nList-Unsubscribe: <mailto:walkers-leave@club.example>\r\nPrecedence: list\r\n" +
              signed.replace(b"Subject: The walk", b"Subject: [Walkers] The walk") + b"-- \r\nThe walkers of the club\r\n")
    assert evening.comes(listed, "walkers-bounces@club.example") == 250
    evening.server.wait_mail(token)
    one, told = evening.explained(token)
    assert one["action"] in ("accept", "tag") and one["dkim"] == "fail" and one["spf"] == "pass" and "LIST_MAIL" in rules(one)
    assert "into the inbox" in told and "signature doesn't hold" in told


def test_what_a_forwarder_passes_on_is_read(evening, token):
    """The author's SPF fails at the forwarder's address; his signature holds."""
    signed = evening.sign(letter(token, "Friend <friend@friend.example>", f"News {token}", "We have moved."), "friend.example")
    passed_on = f"Received: from mx.friend.example by mail.alumni.example; {email.utils.formatdate()}\r\nX-Forwarded-To: anna@evening.example\r\n".encode() + signed
    assert evening.comes(passed_on, "friend@friend.example") == 250
    evening.server.wait_mail(token)
    one, told = evening.explained(token)
    assert one["action"] in ("accept", "tag") and one["spf"] == "softfail" and one["dkim"] == one["dmarc"] == "pass"
    assert "doubts that this server sends for it" in told and "into the inbox" in told


def test_a_new_correspondent_is_read(evening, token):
    assert evening.comes(letter(token, "Joe <joe@stranger.example>", f"Your talk {token}", "I heard you speak on Monday, and have a question."), "joe@stranger.example") == 250
    evening.server.wait_mail(token)
    one, told = evening.explained(token)
    assert one["action"] == "accept" and one["points"] < 3 and "SPF_PASS" in rules(one) and "With " in told


def test_a_virus_is_not_delivered(evening, token):
    """A program in an archive is refused; one that only its name makes one lies in quarantine, where what is shown of it is harmless."""
    assert evening.comes(with_file(token, "invoice.pdf.exe", EICAR), "joe@stranger.example") == 550
    one, told = evening.explained(token)
    assert one["action"] == "reject" and "ATTACH_REFUSED_KIND" in rules(one) and "invoice.pdf.exe" in told and "What decided" in told
    assert evening.comes(with_file(token + "b", "eicar.com", EICAR), "joe@stranger.example") == 250
    one, told = evening.explained(token + "b")
    assert one["action"] == "quarantine" and "into quarantine" in told and "eicar.com" in told
    listed, = [each for each in evening.server.json("quarantine", "list") if token in each["subject"]]
    assert "EICAR" not in evening.server.run("quarantine", "show", listed["id"]).stdout
    assert evening.server.count_mail(token) == 0
    evening.server.run("quarantine", "remove", listed["id"])


def test_a_zip_bomb_lies_in_quarantine(evening, token):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photos.bmp", b"\0" * (64 << 20))
    policy = evening.server.role_of("policy")
    assert evening.comes(with_file(token, "photos.zip", out.getvalue()), "joe@stranger.example") == 250
    one, told = evening.explained(token)
    assert one["action"] == "quarantine" and "ATTACH_BOMB" in rules(one) and "thousandfold" in told and evening.server.role_of("policy") == policy
    listed, = [each for each in evening.server.json("quarantine", "list") if token in each["subject"]]
    assert listed["reason"] == "ATTACH_BOMB"
    evening.server.run("quarantine", "remove", listed["id"])


def test_a_stolen_password_sends_little(evening, token):
    server = evening.server
    with server.submission("boris") as session:
        for number in range(40):
            session.mail("boris@evening.example")
            session.rcpt(f"v{number}@victims.example")
            assert session.data(letters.simple(f"{token} {number}", f"v{number}@victims.example", "boris@evening.example"))[0] == 250
    wait_for(lambda: sum(token.encode() in each["letter"] for each in evening.far.letters) == 20, "what he may send")
    held = server.json("queue", "list", "--account", "boris@evening.example", "--held")
    assert len(held) == 20 and "21 recipients within an hour" in held[0]["held_for"]
    notice = email.message_from_bytes(server.wait_mail("held", account="boris")[0], policy=email.policy.default)  # … and Boris hears of it
    assert "recipients within an hour" in notice.get_content() and "password" in notice.get_content()
    server.run("queue", "remove", "--account", "boris@evening.example", "--held")


def test_spam_from_our_own_is_held(evening, token):
    """By what it says alone, before it is too much; what others send meanwhile goes on."""
    server = evening.server
    loud = (f"From: anna@evening.example\r\nTo: v@victims.example\r\nSubject: B U Y   N O W {token} !!!\r\nContent-Type: text/html\r\n\r\n"
            "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n").encode()
    server.submit(loud, "v@victims.example")
    held, = server.json("queue", "list", "--account", "anna@evening.example", "--held")
    assert "points of spam" in held["held_for"] and "TEST_OF_FILTERS" in held["findings"]
    told = server.run("explain", held["id"], "--language", "en").stdout
    assert "held until somebody has looked" in told and "GTUBE" in told
    server.submit(letters.simple(f"{token} fine", "v@victims.example", "anna@evening.example"), "v@victims.example")
    wait_for(lambda: any(f"{token} fine".encode() in each["letter"] for each in evening.far.letters), "what is fine")
    mine = re.search(rf"event=message\.judged id=(\w+) .*action=send", server.log()).group(1)
    assert "sent from here" in server.run("explain", mine, "--language", "en").stdout
    server.wait_mail("held")
    server.run("queue", "release", held["id"])  # it was a test of Anna's
    wait_for(lambda: any(b"GTUBE" in each["letter"] for each in evening.far.letters), "what was let go")
