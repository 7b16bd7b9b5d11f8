"""What people do with mail over IMAP is learned: for them at once, for everybody when several agree."""
import re
import struct
import threading

import pytest

from pombal import PASSWORDS, Pombal, wait_for

GOOD = "minutes of the meeting about our project, with the plan for next week, the budget, the office, the travel and all names of those who came to see us"
BAD = "cheap pills without prescription, order today and save money, free shipping worldwide, discreet packing, satisfaction guaranteed or your money back"


def letter(token, words):
    return (f"From: Ann <ann@example.org>\r\nTo: you@example.test\r\nSubject: {token}\r\nMessage-ID: <{token}@example.org>\r\n\r\n{words}\r\n").encode()


@pytest.fixture(scope="module")
def house():
    PASSWORDS["clara"] = PASSWORDS["dora"] = PASSWORDS["anna"]
    with Pombal(accounts=("anna", "boris", "clara", "dora"), options={"spam_agree": 3}) as server:
        yield server


def learned(server, account, kind, act, count=1):
    """Does it, and waits until the server says that it has learned so much of that account."""
    before = server.log_size()
    act()
    pattern = rf"training\.learned account={server.name(account)} kind={kind}"
    wait_for(lambda: len(re.findall(pattern, server.log(before))) == count, f"{count} times {pattern}")
    return before


def put(server, account, token, words, mailbox="INBOX"):
    session = server.imap(account)
    assert session.append(mailbox, None, None, letter(token, words))[0] == "OK"
    session.select(mailbox)
    uid = session.uid("search", None, f'(SUBJECT "{token}")')[1][0].split()[-1].decode()
    return session, uid


def totals(path):
    """Of a file in which words are learned: messages of spam and of good mail. It has these numbers twice, the newer with the higher first."""
    if not path.exists():
        return 0, 0
    page = path.read_bytes()[:88]
    return max(struct.unpack_from("<QII", page, at) for at in (40, 64))[1:]


def own(server, account):
    return totals(server.data / "accounts" / "example.test" / account / "tokens")


def test_what_is_moved_is_learned(house, token):
    session, uid = put(house, "anna", token, BAD)
    learned(house, "anna", "spam", lambda: session.uid("MOVE", uid, "Junk"))
    assert own(house, "anna") == (1, 0)
    session.select("Junk")
    uid = session.uid("search", None, f'(SUBJECT "{token}")')[1][0].decode()
    learned(house, "anna", "ham", lambda: session.uid("COPY", uid, "INBOX"))
    assert own(house, "anna") == (0, 1)
    session.logout()


@pytest.mark.parametrize("flags, kind", [("$Junk", "spam"), ("Junk", "spam"), ("$NotJunk", "ham"), ("NonJunk", "ham"), ("\\Answered", "ham")])
def test_flags_say_so_too(house, token, flags, kind):
    session, uid = put(house, "boris", token, f"{BAD} {token}")
    before = own(house, "boris")
    learned(house, "boris", kind, lambda: session.uid("STORE", uid, "+FLAGS", f"({flags})"))
    spam, ham = own(house, "boris")
    assert (spam - before[0], ham - before[1]) == ((1, 0) if kind == "spam" else (0, 1))
    session.logout()


def test_what_old_clients_append_to_junk_is_learned(house, token):
    before = own(house, "boris")[0]
    learned(house, "boris", "spam", lambda: put(house, "boris", token, BAD, "Junk"))
    assert own(house, "boris")[0] == before + 1


def shared(server):
    return totals(server.data / "policy" / "tokens")


def test_one_account_alone_moves_nobody_elses_mail(house, token):
    """Anna calls good mail spam, as much as she likes; only when others agree do everybody's words change."""
    before = shared(house)
    session = house.imap("anna")
    for number in range(120):
        session.append("INBOX", None, None, letter(f"{token}-{number}", f"{GOOD} {token} number{number}"))
    session.select("INBOX")
    uids = session.uid("search", None, f'(SUBJECT "{token}")')[1][0].decode().replace(" ", ",")
    size = learned(house, "anna", "spam", lambda: session.uid("MOVE", uids, "Junk"), 120)
    said = re.findall(r'policy\.vote account=anna@example\.test kind=spam outcome="?([a-z ]+)', house.log(size))
    assert "too many" in said and "learned" not in said
    assert shared(house) == before
    session.logout()
    for account, outcome in (("boris", "counted"), ("clara", "learned")):
        session, uid = put(house, account, f"{token}-{account}", f"{GOOD} {token} number7")
        size = learned(house, account, "spam", lambda: session.uid("MOVE", uid, "Junk"))
        house.wait_log(rf"policy\.vote account={account}\S* kind=spam outcome={outcome}", size)
        session.logout()
    assert shared(house) == (before[0] + 1, before[1])


def test_the_command_line_learns_while_the_server_does(house, token, tmp_path):
    """Neither waits for the other: the command has the store open while people go on."""
    tmp_path.chmod(0o755)
    for number in range(300):
        (tmp_path / f"{number}.eml").write_bytes(letter(f"{token}-c{number}", f"{BAD} {token} {number}"))
    before = shared(house)
    command = threading.Thread(target=house.run, args=("spam", "learn", "--spam", tmp_path))
    command.start()
    for account in ("boris", "clara", "dora"):
        session, uid = put(house, account, f"{token}-{account}", f"{GOOD} {token} together")
        learned(house, account, "ham", lambda: session.uid("MOVE", uid, "Archive"))
        session.logout()
    command.join()
    assert shared(house) == (before[0] + 300, before[1] + 1)
