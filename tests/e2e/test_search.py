"""Searching: IMAP's substrings, exactly as the messages have them, with an index and without; what the indexer role does, and what it leaves alone."""
import io
import os
import random
import signal
import time
import zipfile
import zlib

import pytest
from jmap import Jmap
from pombal import ROOT, Pombal, wait_for

COUNT = 230  # an account with fewer than 200 has no index
WORDS = ("house", "garden", "river", "Müller", "naïve", "книга", "столе", "東京都", "会議", "e-mail", "x@y.test", "informações", "3.14", "<b>bold</b>", "a&b")


def letter(number, body, subject="letter"):
    return (f"From: Jürgen <j{number}@example.test>\r\nTo: anna@example.test\r\nSubject: {subject} {number}\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n").encode()


def fill(session, count=COUNT, seed=3):
    chance = random.Random(seed)
    bodies = []
    for number in range(count):
        body = " ".join(chance.choices(WORDS, k=chance.randrange(1, 6)))
        session.append("INBOX", None, None, letter(number, body))
        bodies.append(body)
    return bodies


def index_of(server, account="anna"):
    return server.data / "accounts" / server.domain / account / "search.db"


def search(session, *keys, literal=None):
    if literal is not None:
        session.literal = literal.encode()
    status, answer = session.uid("SEARCH", "CHARSET", "UTF-8", *keys)
    assert status == "OK", answer
    return [int(uid) for uid in answer[0].split()]


@pytest.fixture(scope="module")
def filled():
    with Pombal(options={"log_level": "debug"}) as server:
        session = server.imap("anna", mailbox="INBOX")
        server.bodies = fill(session)
        wait_for(lambda: index_of(server).exists(), "an index", 60)
        wait_for(lambda: server.run("fsck", "--search").returncode == 0, "a sound index")
        session.logout()
        yield server


def expected(server, text):
    """By what the tests know of the letters: white space and case apart."""
    return [number + 1 for number, body in enumerate(server.bodies) if text.lower() in body.lower()]


@pytest.mark.parametrize("text", ["garden", "arde", "MÜLL", "книг", "тол", "京都", "会議", "en riv", "x@y", "ormaç", "3.1", "<B>", "a&b", "use gar", "nowhere to be found", "zz", "e"])
def test_substrings_in_bodies(filled, text):
    session = filled.imap("anna", mailbox="INBOX")
    assert search(session, "BODY", literal=text) == expected(filled, text)
    assert search(session, "NOT", "BODY", literal=text) == [uid for uid in range(1, COUNT + 1) if uid not in expected(filled, text)]
    assert search(session, "OR", "SUBJECT", '"letter 17"', "BODY", literal=text) == sorted(
        {*expected(filled, text), *(n + 1 for n in range(COUNT) if f"letter {n}".startswith("letter 17"))})
    session.logout()


def test_what_is_new_and_what_has_gone(filled):
    session = filled.imap("anna", mailbox="INBOX")
    session.append("INBOX", None, None, letter(1000, "brandnew thing"))
    session.noop()
    assert len(search(session, "BODY", "randne")) == 1
    uid = search(session, "BODY", "brandnew")[0]
    session.uid("STORE", str(uid), "+FLAGS", r"(\Deleted)")
    session.expunge()
    assert search(session, "BODY", "brandnew") == []
    session.create("Work")
    session.uid("COPY", "1:3", "Work")
    session.select("Work")
    first = filled.bodies[0].split()[0]
    assert 1 in search(session, "BODY", literal=first)
    session.delete("Work")
    session.logout()


def test_bad_charset(filled):
    session = filled.imap("anna", mailbox="INBOX")
    status, answer = session.uid("SEARCH", "CHARSET", "KOI8-R", "BODY", "x")
    assert status == "NO" and b"BADCHARSET" in answer[0]
    session.logout()


def test_damage_is_found_and_mended():
    with Pombal() as own:
        session = own.imap("anna", mailbox="INBOX")
        bodies = fill(session)
        own.bodies = bodies
        wait_for(lambda: index_of(own).exists(), "an index", 60)
        session.logout()
        own.stop()
        for ending in ("-wal", "-shm"):
            index_of(own).with_name("search.db" + ending).unlink(missing_ok=True)
        size = max(index_of(own).stat().st_size, 65536)
        index_of(own).write_bytes(b"SQLite format 3\0" + os.urandom(size - 16))
        own.expected_noise.append(r"search\.discarded")
        own.start()
        session = own.imap("anna", mailbox="INBOX")
        assert search(session, "BODY", "arde") == expected(own, "arde")
        session.append("INBOX", None, None, letter(1000, "one more"))
        wait_for(lambda: index_of(own).exists() and "0 problems" in own.run("fsck", "--search", status=None).stdout, "another index", 60)
        assert search(session, "BODY", "arde") == expected(own, "arde")
        session.logout()


def test_a_killed_indexer_leaves_nothing_behind():
    with Pombal() as own:
        own.expected_noise.append(r"event=role\.ended.*signal 9")
        session = own.imap("anna", mailbox="INBOX")
        own.bodies = fill(session)
        for pause in (0.2, 0.5, 1, 3.1, 3.2):
            time.sleep(pause)
            pid = own.role_of("indexer")
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: own.role_pids().get("indexer") not in (None, pid), "the indexer", 15)
            assert search(session, "BODY", "arde") == expected(own, "arde")
        wait_for(lambda: index_of(own).exists(), "an index", 60)
        assert search(session, "BODY", "arde") == expected(own, "arde")
        session.logout()


def test_turned_off():
    with Pombal(options={"search_index": False}) as own:
        session = own.imap("anna", mailbox="INBOX")
        own.bodies = fill(session)
        time.sleep(5)
        assert not index_of(own).exists()
        own.configure(search_index=True)
        own.reload()
        wait_for(lambda: index_of(own).exists(), "an index", 60)
        own.configure(search_index=False)
        own.reload()
        wait_for(lambda: not index_of(own).exists(), "the index to be removed", 30)
        assert search(session, "BODY", "arde") == expected(own, "arde")
        session.logout()


FILTERS = [
    {"from": "jurgen"}, {"from": "j17@example.test"}, {"to": "anna"}, {"cc": "carla"}, {"bcc": "secret"}, {"subject": "letter"}, {"subject": "gard*"}, {"body": "informacoes"},
    {"text": "книга"}, {"text": "東京"}, {"text": "会議"}, {"text": '"house garden"'}, {"text": "hou* river"}, {"header": ["X-Number", "7"]}, {"header": ["X-Seventh"]},
    {"hasAttachment": True}, {"hasAttachment": False}, {"minSize": 600}, {"maxSize": 600}, {"before": "2024-02-01T00:00:00Z"}, {"after": "2024-02-01T00:00:00Z"},
    {"hasKeyword": "$flagged"}, {"notKeyword": "$seen"}, {"allInThreadHaveKeyword": "$seen"}, {"someInThreadHaveKeyword": "$flagged"}, {"noneInThreadHaveKeyword": "$flagged"},
    {"from": "jurgen", "hasAttachment": True, "before": "2024-05-01T00:00:00Z"}, {"operator": "OR", "conditions": [{"subject": "garden"}, {"text": "naive", "hasAttachment": True}]},
    {"operator": "NOT", "conditions": [{"text": "house"}, {"hasAttachment": True}]}, {"text": "the-name-of-a-file"},
]
SORTS = ["receivedAt", "size", "from", "to", "subject", "sentAt"]


def test_filters_and_orders_are_the_same_with_an_index_and_without():
    """All conditions of RFC 8621, and what is sorted by, over JMAP; some letters come when there is an index already, and aren't in it at once."""
    from email.message import EmailMessage
    chance = random.Random(5)
    with Pombal() as own:
        client = Jmap(own, "anna")
        boxes = [client.mailbox("inbox"), client.make_mailbox("other")]

        def add(number):
            message = EmailMessage()
            message["From"] = f"{chance.choice(['Jürgen', 'Zoë', 'Борис', 'ann', 'Émile'])} <j{number}@example.test>"
            message["To"] = f"{chance.choice(['Anna', 'Éva', 'bea'])} <anna@example.test>"
            message["Cc"], message["Bcc"] = ("Carla <carla@x.example>", "secret@x.example") if number % 9 == 0 else ("d@x.example", "e@x.example")
            message["Subject"] = f"{chance.choice(['Re: ', '', 'Fwd: '])}{chance.choice(['letter', 'garden', 'Сад', 'über'])} {chance.randrange(30)}"
            message["Date"] = f"{chance.randrange(1, 29)} Jan 20{chance.randrange(10, 25)} 10:00:00 +0000"
            message["Message-ID"] = f"<{number}@filters.example>"
            message["X-Number"] = str(number)
            if number % 7 == 0:
                message["X-Seventh"] = "yes"
            if number % 5 == 0 and number:
                message["In-Reply-To"] = f"<{number - 1}@filters.example>"
            message.set_content(" ".join(chance.choices(WORDS, k=chance.randrange(1, 20))))
            if number % 6 == 0:
                message.add_attachment(b"nothing", maintype="application", subtype="octet-stream", filename="the-name-of-a-file.bin")
            client.add(message.as_bytes(), chance.sample(boxes, chance.randrange(1, 3)), chance.sample(["$seen", "$flagged"], chance.randrange(3)),
                       receivedAt=f"2024-0{chance.randrange(1, 7)}-{chance.randrange(1, 29):02}T00:00:00Z")

        def ask():
            """Everything but what is kept: each order of its own with a text that is nowhere."""
            everything = {"operator": "NOT", "conditions": [{"text": "nothing-of-the-kind"}]}
            found = [client.call("Email/query", filter={"operator": "AND", "conditions": [filter, everything]})["ids"] for filter in FILTERS]
            return found + [client.call("Email/query", filter={"operator": "AND", "conditions": [{"inMailbox": box}, everything]}, sort=[{"property": name, "isAscending": up}])["ids"]
                            for name in SORTS for up in (True, False) for box in boxes]

        for number in range(620):  # an order of more than 500 is asked of the index
            add(number)
        wait_for(lambda: own.run("fsck", "--search").returncode == 0 and index_of(own).with_name("search.at").exists(), "an index", 60)
        for number in range(620, 640):
            add(number)
        with_index = ask()
        own.configure(search_index=False)
        own.reload()
        wait_for(lambda: not index_of(own).exists(), "no index", 60)
        without = ask()
        for at, (one, other) in enumerate(zip(with_index, without)):
            assert one == other, FILTERS[at] if at < len(FILTERS) else f"order {at - len(FILTERS)}"
            assert one, FILTERS[at]
        client.close()


def test_what_was_removed_leaves_the_index():
    with Pombal() as own:
        session = own.imap("anna", mailbox="INBOX")
        fill(session)
        for number in range(30):
            session.append("INBOX", None, None, letter(2000 + number, "unmistakable"))
        wait_for(lambda: index_of(own).exists() and b"mistakable" in indexed_words(own), "an index", 60)
        session.noop()
        session.uid("STORE", f"{COUNT + 1}:*", "+FLAGS", r"(\Deleted)")
        session.expunge()
        wait_for(lambda: b"mistakable" not in indexed_words(own), "what has gone to leave", 180)
        session.logout()
        assert "0 problems" in own.run("fsck", "--search").stdout


def document(text):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f"<w:document><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>")
    return packed.getvalue()


def indexed_words(server):
    """The words of the index as they stand in its file, where each lacks the beginning that it shares with the one before it."""
    return index_of(server).read_bytes() + (index_of(server).with_name("search.db-wal").read_bytes() if index_of(server).with_name("search.db-wal").exists() else b"")


def test_attached_documents_and_bombs():
    """Text of an office document is indexed; one that unpacks without end costs its own process alone."""
    from email.message import EmailMessage
    with Pombal() as own:
        session = own.imap("anna", mailbox="INBOX")
        message = EmailMessage()
        message["Subject"] = "documents"
        message.set_content("see the attachment")
        message.add_attachment(document("extraordinary"), maintype="application", subtype="octet-stream", filename="report.docx")
        bomb = io.BytesIO()
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("word/document.xml", b"<p>" + b"a" * (300 << 20))
        message.add_attachment(bomb.getvalue(), maintype="application", subtype="octet-stream", filename="bomb.docx")
        paper = (ROOT / "src/extract/corpus/extract_fuzz/chromium.pdf").read_bytes()
        message.add_attachment(paper, maintype="application", subtype="pdf", filename="paper.pdf")
        page = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>> 2 0 obj<</Type/Pages/Kids[3 0 R]>> 3 0 obj<</Type/Page/Contents 4 0 R>> 4 0 obj<</Filter/FlateDecode>>stream\n"
        message.add_attachment(page + zlib.compress(b" " * (300 << 20)) + b"\nendstream", maintype="application", subtype="pdf", filename="bomb.pdf")
        message.add_attachment(paper.replace(b"trailer\n<<", b"trailer\n<</Encrypt 99 0 R ") if b"trailer\n<<" in paper else page, maintype="application", subtype="pdf", filename="secret.pdf")
        session.append("INBOX", None, None, message.as_bytes())
        own.bodies = fill(session)
        wait_for(lambda: index_of(own).exists() and b"aordinar" in indexed_words(own), "the document's text in the index", 90)
        session.logout()
        client = Jmap(own, "anna")
        for words in ("extraordinary", "французских булок", '"мягких французских"', "informações reunião", "uberrasch*", '"left cell"'):
            assert len(client.call("Email/query", filter={"text": words})["ids"]) == 1, words
            assert len(client.call("Email/query", filter={"body": words})["ids"]) == 1, words
        client.close()
