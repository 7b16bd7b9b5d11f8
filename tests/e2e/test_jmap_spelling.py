"""Words are checked by the server, with the dictionaries that are installed, and a person's own words are his on every device (Spelling, docs/jmap.md)."""
import pytest

from jmap import CORE, MAIL, Jmap, Refused
from pombal import PASSWORDS

SPELLING = "urn:pombal:params:jmap:spelling"
ALL = ["ru", "pt-PT", "pt-BR", "en-GB", "en-US"]


@pytest.fixture
def person(server, token):
    """An account of the test's own."""
    PASSWORDS[token] = f"Wort-{token}"
    server.add_account(server.name(token), PASSWORDS[token])
    return token


@pytest.fixture
def jmap(server, person):
    client = Jmap(server, person, using=(CORE, MAIL, SPELLING))
    yield client
    client.close()


def wrong(jmap, words, *languages, **more):
    return [one["word"] for one in jmap.call("Spelling/check", words=words, languages=list(languages), **more)["wrong"]]


def test_words_are_checked(jmap):
    about = jmap.session["accounts"][jmap.account]["accountCapabilities"][SPELLING]
    assert about == {"languages": ALL, "maxWords": 1000, "maxWordLength": 64, "maxSuggestions": 8, "maxSuggested": 20, "maxPersonalWords": 5000}
    assert wrong(jmap, ["colour", "color", "wrod", "wrod", "don’t", "4th", "x" * 65, "<b>"], "en-US") == ["colour", "wrod"]
    assert wrong(jmap, ["colour", "color"], "en-US", "en-GB") == []
    assert wrong(jmap, ["привет", "превет", "coração", "corasão", "ônibus", "autocarro"], "ru", "pt-PT", "PT-br") == ["превет", "corasão"]
    answer = jmap.call("Spelling/check", words=["превет", "wrod", "word"], languages=["ru", "en-GB"], suggestions=8)["wrong"]
    assert [one["word"] for one in answer] == ["превет", "wrod"]
    assert "привет" in answer[0]["suggestions"] and "word" in answer[1]["suggestions"] and all(len(one["suggestions"]) <= 8 for one in answer)
    assert jmap.call("Spelling/check", words=["wrod"], languages=["en-GB"])["wrong"] == [{"word": "wrod", "suggestions": None}]
    assert len(wrong(jmap, [f"{chr(97 + at // 26)}qzx{chr(97 + at % 26)}" for at in range(600)], *ALL)) == 600


def test_ones_own_words(server, person, jmap):
    assert jmap.call("Spelling/words")["words"] == []
    assert jmap.call("Spelling/learn", add=["Pombal", "шмель", "Pombal"])["words"] == ["Pombal", "шмель"]
    second = Jmap(server, person, using=(CORE, MAIL, SPELLING))  # another device
    assert wrong(second, ["pombal", "POMBAL", "Pomball"], "en-US") == ["Pomball"]
    assert second.call("Spelling/learn", add=["zzyzx"], remove=["шмель"])["words"] == ["Pombal", "zzyzx"]
    assert jmap.call("Spelling/words")["words"] == ["Pombal", "zzyzx"]
    second.close()
    other = Jmap(server, "boris", using=(CORE, MAIL, SPELLING))
    assert other.call("Spelling/words")["words"] == [] and wrong(other, ["zzyzx"], "en-US") == ["zzyzx"]
    with pytest.raises(Refused) as refused:
        other.call("Spelling/learn", accountId=jmap.account, add=["x"])
    assert refused.value.type == "accountNotFound"
    other.close()
    # no more than there may be
    def word(number):
        return "".join(chr(97 + number // 26 ** place % 26) for place in range(4))
    for first in range(0, 4900, 100):
        jmap.call("Spelling/learn", add=[word(number) for number in range(first, first + 100)])
    assert len(jmap.call("Spelling/words")["words"]) == 4902
    with pytest.raises(Refused) as refused:
        jmap.call("Spelling/learn", add=[word(number) for number in range(5000, 5099)])
    assert refused.value.type == "overQuota" and len(jmap.call("Spelling/words")["words"]) == 4902


def test_what_is_refused(jmap):
    for name, arguments, kind in (("check", {"words": ["a"]}, "invalidArguments"), ("check", {"words": ["a"], "languages": []}, "invalidArguments"),
                                  ("check", {"words": ["a"], "languages": ["de"]}, "invalidArguments"), ("check", {"languages": ["ru"]}, "invalidArguments"),
                                  ("check", {"words": [1], "languages": ["ru"]}, "invalidArguments"), ("check", {"words": ["a"] * 1001, "languages": ["ru"]}, "requestTooLarge"),
                                  ("check", {"words": ["a"] * 21, "languages": ["ru"], "suggestions": 1}, "requestTooLarge"),
                                  ("check", {"words": ["a"], "languages": ["ru"], "suggestions": 9}, "invalidArguments"), ("learn", {"add": ["a b"]}, "invalidArguments"),
                                  ("learn", {"add": ["a"] * 101}, "requestTooLarge"), ("learn", {"add": "a"}, "invalidArguments"), ("words", {"x": 1}, "invalidArguments")):
        with pytest.raises(Refused) as refused:
            jmap.call("Spelling/" + name, **arguments)
        assert refused.value.type == kind, (name, arguments)
