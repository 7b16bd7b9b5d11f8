"""pombal spam, pombal explain: what is learned of messages in files, how they are judged by it, and what is said of that."""
import json

import pytest

GOOD = "minutes of the meeting about our project, with the plan for next week"
BAD = "cheap pills without prescription, order today and save money"
ENOUGH = 60


def message(number, words, subject="Hello"):
    return (f"Date: Sat, 28 Nov 2026 23:59:00 +0000\nFrom: Ann <ann@example.org>\nTo: bob@example.test\nSubject: {subject}\n"
            f"Message-ID: <{number}@example.org>\n\n{words} number{number}\n")


@pytest.fixture
def mail(tmp_path):
    tmp_path.chmod(0o755)
    for kind, words in (("ham", GOOD), ("spam", BAD)):
        (tmp_path / kind).mkdir()
        for number in range(ENOUGH):
            (tmp_path / kind / f"{number}.eml").write_text(message(f"{kind}{number}", words))
    return tmp_path


def learned(server, *arguments):
    return json.loads(server.run("spam", *arguments, "--json").stdout)


def test_what_is_learned_is_known_again(server, mail):
    new = mail / "new.eml"
    new.write_text(message("new", BAD))
    assert server.json("spam", "score", new)[0]["unsure"]
    assert learned(server, "learn", "--ham", mail / "ham")["learned"] == ENOUGH
    said = learned(server, "learn", "--spam", mail / "spam")
    assert said["learned"] == said["spam"] == said["ham"] == ENOUGH
    assert learned(server, "learn", "--spam", mail / "spam")["known"] == ENOUGH

    judged = server.json("spam", "score", new, mail / "ham")
    assert judged[0]["verdict"] == "junk" and judged[0]["learned"] > 0.99
    assert {one["verdict"] for one in judged[1:]} == {"inbox"}
    assert "X-Spam-Flag: YES" in server.run("spam", "score", "--fields", new).stdout

    english, russian = (server.run("explain", new, "--language", name).stdout for name in ("en", "ru"))
    assert "into Junk" in english and "BAYES_99" in english and "Without BAYES_99" in english and "pills" in english
    assert "в спам" in russian and "Без BAYES_99" in russian

    # learned as the other kind: the former is undone; forgotten: both are
    assert learned(server, "learn", "--ham", mail / "spam")["changed"] == ENOUGH
    said = learned(server, "forget", mail / "spam", mail / "ham")
    assert said["forgotten"] == 2 * ENOUGH and said["spam"] == said["ham"] == said["tokens"] == 0
    assert learned(server, "forget", mail / "spam")["unknown"] == ENOUGH


def test_a_candidate_is_tried_before_it_counts(server, mail):
    for number in range(3):
        (mail / "spam" / f"{number}.eml").write_text(message(f"loud{number}", BAD, "BUY NOW OR NEVER"))
    candidate = mail / "candidate.conf"
    candidate.write_text('spam_points = {"SUBJECT_CAPITALS 6.5"}\nspam_reject = "6"\n')
    said = json.loads(server.run("spam", "replay", mail, "--config", candidate, "--json").stdout)
    assert said["present"]["spam"]["inbox"] == ENOUGH and said["present"]["ham"]["inbox"] == ENOUGH
    assert said["candidate"]["spam"]["reject"] == 3 and said["candidate"]["ham"]["reject"] == 0
    assert "candidate" in server.run("spam", "replay", mail, "--config", candidate).stdout
    candidate.write_text('spam_points = {"NO_SUCH_RULE 1"}\n')
    assert "no rule" in server.run("spam", "replay", mail, "--config", candidate, status=1).stderr
    candidate.write_text('spam_junk = "much"\n')
    assert "candidate.conf:1" in server.run("spam", "replay", mail, "--config", candidate, status=1).stderr


def test_wrong_use_is_said(server, mail):
    server.run("spam", "learn", mail, status=2)
    server.run("spam", "learn", "--spam", "--ham", mail, status=2)
    server.run("spam", "replay", mail, status=2)
    assert "nowhere" in server.run("spam", "score", mail / "nowhere", status=1).stderr
