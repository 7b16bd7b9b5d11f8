"""What a message is for one account: by what this person has called spam and good mail, and by whom he or she writes to. Others' mail isn't touched by it."""
import email.utils
import os
import re
import signal
import smtplib

import pytest

from pombal import PASSWORDS, Pombal, wait_for

GOOD = "minutes of the meeting about our project with the plan for next week the budget the office and the travel"
SPAM = "cheap pills without prescription order today and save money free shipping worldwide discreet packing guaranteed"
NEWS = ("our newsletter brings you fresh insights into marketing automation growth hacking funnels webinars leverage synergy "
        "thought leadership quarterly roadmap evangelists onboarding engagement")
# By form alone more than three points, whoever sends it.
ODD = ("Content-Type: text/html\r\n\r\n<form><a href=\"http://bank.example@192.0.2.7/\">bank.example</a></form>"
       "<a href=\"http://user@192.0.2.8/\">other.example</a>\r\n")


@pytest.fixture(scope="module")
def server(names, tmp_path_factory):
    names.set(**{"dear.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', 'A 127.0.0.1'], "otherwise.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', 'A 127.0.0.1']})
    names.set(**{"crowd.example": ['TXT "v=spf1 ip4:127.0.0.0/8 -all"', 'A 127.0.0.1'], "_dmarc.crowd.example": ['TXT "v=DMARC1; p=none"']})
    options = {"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"], "spam_junk": "3"}
    PASSWORDS["clara"] = PASSWORDS["anna"]
    with Pombal("own.example", accounts=("anna", "boris", "clara"), options=options) as own:
        folder = tmp_path_factory.mktemp("words")
        for kind, words in (("ham", GOOD), ("spam", SPAM)):
            for number in range(60):
                (folder / f"{kind}{number}.eml").write_text(f"From: {kind}@{kind}{number}.example\nSubject: {words.split()[number % 9]}\nMessage-ID: <{number}@{kind}>\n\n"
                                                            f"{' '.join(words.split()[number % 7:])}\n")
        folder.chmod(0o755)
        folder.parent.chmod(0o755)
        for kind in ("ham", "spam"):
            own.run("spam", "learn", f"--{kind}", *sorted(folder.glob(f"{kind}*.eml")))
        yield own


def send(server, token, body, *to, sender="ann@dear.example", author=None):
    text = (f"From: Ann <{author or sender}>\r\nTo: you@own.example\r\nSubject: {token}\r\nMessage-ID: <{token}@dear.example>\r\n"
            f"Date: {email.utils.formatdate()}\r\nMIME-Version: 1.0\r\n{body}")
    with smtplib.SMTP(server.address, server.ports["smtp"], local_hostname="client.example") as session:
        session.sendmail(sender, [server.name(account) for account in to or ("anna",)], text.encode())


def news(token):
    return f"Content-Type: text/plain\r\n\r\n{NEWS} {token}\r\n"


def move(server, account, token, source, target):
    session = server.imap(account, mailbox=source)
    uid = session.uid("search", None, f'(SUBJECT "{token}")')[1][0].split()[0].decode()
    offset = server.log_size()
    assert session.uid("MOVE", uid, target)[0] == "OK"
    server.wait_log(rf"training\.learned account={server.name(account)}", offset)
    session.logout()


def test_what_one_moves_into_junk_counts_for_his_mail_alone(server, token):
    send(server, f"{token}-first", news(token), "anna", "boris")
    server.wait_mail(f"{token}-first")
    server.wait_mail(f"{token}-first", account="boris")
    move(server, "anna", f"{token}-first", "INBOX", "Junk")
    offset = server.log_size()
    send(server, f"{token}-next", news(token), "anna", "boris")
    server.wait_mail(f"{token}-next", mailbox="Junk")
    server.wait_mail(f"{token}-next", account="boris")
    server.wait_log(r"delivery\.weighed.* account=anna@own\.example junk=yes .*BAYES_OWN \d", offset)
    assert not re.search(r"delivery\.weighed.* account=boris@own\.example.*BAYES_OWN", server.log(offset))
    shown = server.run("trace", "ann@dear.example").stdout
    assert "BAYES_OWN" in shown
    # … and what is taken out again is good mail for anna.
    for number in ("first", "next"):
        move(server, "anna", f"{token}-{number}", "Junk", "INBOX")
    send(server, f"{token}-last", news(token))
    server.wait_mail(f"{token}-last")


def test_no_account_makes_others_mail_junk(server, token):
    """A hundred votes of one account leave everybody else's mail where it was."""
    session = server.imap("clara")
    for number in range(100):
        letter = f"From: Ann <ann@dear.example>\r\nSubject: {token}-v\r\nMessage-ID: <{number}{token}@x>\r\n\r\n{GOOD} {token} {number}\r\n"
        session.append("INBOX", None, None, letter.encode())
    session.select("INBOX")
    uids = session.uid("search", None, f'(SUBJECT "{token}-v")')[1][0].decode().replace(" ", ",")
    offset = server.log_size()
    assert session.uid("MOVE", uids, "Junk")[0] == "OK"
    session.logout()
    wait_for(lambda: len(re.findall(r"training\.learned account=clara", server.log(offset))) == 100, "a hundred messages learned")
    send(server, token, f"Content-Type: text/plain\r\n\r\n{GOOD} {token}\r\n", "boris")
    server.wait_mail(token, account="boris")


def test_a_domain_gets_a_name_by_several_alone(server, token):
    send(server, token, f"Content-Type: text/plain\r\n\r\nAn offer of {token} for everybody who wants it\r\n", "anna", "boris", "clara", sender="x@crowd.example")
    offset = server.log_size()
    for account in ("anna", "boris", "clara"):
        server.wait_mail(token, account=account)
        assert "event=policy.reputation" not in server.log(offset)
        move(server, account, token, "INBOX", "Junk")
    server.wait_log(r"policy\.reputation domain=crowd\.example kind=spam", offset)


def test_whom_one_has_written_to_arrives(server, token):
    friend = f"friend-{token}@dear.example"
    send(server, f"{token}-before", ODD, "anna", "boris", sender=friend)
    server.wait_mail(f"{token}-before", mailbox="Junk")
    server.submit(f"From: {server.name('anna')}\r\nTo: {friend}\r\nSubject: {token}\r\n\r\nHello\r\n".encode(), friend)
    offset = server.log_size()
    wait_for(lambda: any(message["recipients"][0]["attempts"] for message in server.queue() if friend in str(message)), "an attempt")
    send(server, f"{token}-after", ODD, "anna", "boris", sender=friend)
    server.wait_mail(f"{token}-after")
    server.wait_mail(f"{token}-after", account="boris", mailbox="Junk")
    server.wait_log(r"delivery\.weighed.* account=anna@own\.example junk=no .*KNOWN_CORRESPONDENT -10\.0", offset)
    # Who only writes the name isn't the friend.
    send(server, f"{token}-forged", ODD, sender="x@otherwise.example", author=friend)
    server.wait_mail(f"{token}-forged", mailbox="Junk")


def test_what_a_client_puts_into_sent_says_whom_one_has_written_to(server, token):
    friend = f"pal-{token}@dear.example"
    session = server.imap("anna")
    offset = server.log_size()
    assert session.append("Sent", None, None, f"From: anna@own.example\r\nTo: Pal <{friend}>, other@dear.example\r\nSubject: {token}\r\n\r\nHello\r\n".encode())[0] == "OK"
    session.logout()
    server.wait_log(r"training\.correspondents account=anna@own\.example addresses=2", offset)
    send(server, f"{token}-after", ODD, sender=friend)
    server.wait_mail(f"{token}-after")


def test_a_first_contact_is_one_once(server, token):
    stranger = f"stranger-{token}@dear.example"
    offset = server.log_size()
    send(server, f"{token}-1", f"\r\n{GOOD}\r\n", sender=stranger)
    server.wait_mail(f"{token}-1")
    server.wait_log(r"delivery\.weighed.* account=anna@own\.example junk=no .*FIRST_CONTACT 0\.2", offset)
    offset = server.log_size()
    send(server, f"{token}-2", f"\r\n{GOOD}\r\n", sender=stranger)
    server.wait_mail(f"{token}-2")
    assert "FIRST_CONTACT" not in server.log(offset)


def test_a_policy_role_that_is_somebody_elses_ends_no_courier(names, tmp_path, token):
    """It may cut short the file in which the courier looks up words; the mail arrives all the same."""
    with Pombal("own.example", accounts=("anna",), options={"sender_checks": True, "resolver": names.resolver, "trust_anchors": ["none"]}) as own:
        own.expected_noise.append(r"event=role\.ended name=policy")  # it has the file mapped, its own
        letter = tmp_path / "letter.eml"
        letter.write_text(f"From: x@spam.example\nMessage-ID: <1@x>\n\n{SPAM}\n")
        own.run("spam", "learn", "--spam", letter)
        send(own, f"{token}-first", news(token))
        own.wait_mail(f"{token}-first")
        move(own, "anna", f"{token}-first", "INBOX", "Junk")
        send(own, f"{token}-second", news(token))
        own.wait_mail(f"{token}-second")
        courier = own.role_of("courier")
        os.kill(courier, signal.SIGSTOP)
        try:
            send(own, f"{token}-third", news(token))
            os.truncate(own.data / "policy" / "tokens", 0)
        finally:
            os.kill(courier, signal.SIGCONT)
        own.wait_mail(f"{token}-third")
        assert own.role_of("courier") == courier
