"""A domain's keys are changed step by step: dkimpy verifies each letter with the keys that the DNS shows when it is sent, before, during and after."""
import re
import sqlite3

import dkim
import pytest

from pombal import Pombal, new_address
from peers import ScriptedServer

DOMAIN = "turning.example"
LETTER = f"From: <anna@{DOMAIN}>\r\nTo: who@far.example\r\nSubject: signed\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@{DOMAIN}>\r\n\r\nHi.\r\n"


@pytest.fixture
def server(names):
    with Pombal(DOMAIN, options={"resolver": names.resolver, "mx_port": 22525}) as own:
        yield own


def keys_of(text):
    """The keys' records in what a command has printed, by their names, as Knot takes them."""
    return {name: [record] for name, record in re.findall(r"^(\S+\._domainkey\.\S+)\. (TXT \(.*\))$", text, re.M)}


def wanted(server):
    """What `domain dns` says must be published."""
    return keys_of(server.run("domain", "dns", DOMAIN).stdout)


def publish(names, keys, former=()):
    names.set(**{**{name: [] for name in former}, **keys})


def text_of(records):
    return "".join(re.findall(r'"([^"]*)"', records[0])).encode()


@pytest.fixture
def selectors(server, names, token):
    """Sends a letter, and gives the names of the keys that it is signed with; all must be in `shown`, and verify."""
    def send(shown):
        before = len(peer.letters)
        server.submit(LETTER.encode(), f"who@{token}.example")
        letter = peer.wait_letters(before + 1)[before]["letter"]
        used = [f"{selector}._domainkey.{DOMAIN}" for selector in re.findall(r"\bs=([^;]+);", letter.partition(b"\r\n\r\n")[0].decode())]
        assert len(used) == 2 and set(used) <= set(shown)
        found = [dkim.DKIM(letter).verify(idx=number, dnsfunc=lambda name, timeout=5: text_of(shown[name.decode().rstrip(".")])) for number in range(2)]
        assert found == [True, True]
        return set(used)

    with ScriptedServer(new_address(), 22525) as peer:
        names.domain(f"{token}.example", peer.address)
        yield send


def rotate(server, *more, status=0):
    return server.run("domain", "rotate", DOMAIN, *more, status=status)


def test_the_whole_way(server, names, selectors):
    first = wanted(server)
    publish(names, first)
    assert selectors(first) == set(first)
    second = keys_of(rotate(server).stdout)
    assert len(second) == 2 and not set(second) & set(first)
    assert wanted(server) == {**first, **second} and "; new: nothing is signed with it yet" in server.run("domain", "dns", DOMAIN).stdout
    assert selectors(first) == set(first)
    # Not shown: nothing changes, however often and however urgently it is asked.
    for more in ((), ("--now",)):
        refused = rotate(server, *more, status=1)
        assert "doesn't show what it must" in refused.stderr and keys_of(refused.stdout) == second
    one, other = sorted(second)
    publish(names, {one: second[one], other: ['TXT "v=DKIM1; p=AAAA"']})
    assert keys_of(rotate(server, "--now", status=1).stdout) == {other: second[other]}
    assert selectors(first) == set(first)
    publish(names, second)
    waits = rotate(server).stdout
    assert "shows the new records" in waits and "from 20" in waits
    assert selectors(first) == set(first)
    assert "sign from now on" in rotate(server, "--now").stdout
    assert selectors({**first, **second}) == set(second)
    assert wanted(server) == {**first, **second} and "; retired: it must stay until 20" in server.run("domain", "dns", DOMAIN).stdout
    assert "--abort takes the former ones back" in rotate(server).stdout
    with sqlite3.connect(server.data / "directory/directory.db") as db:
        assert db.execute("SELECT count(*) FROM signing_key WHERE pem LIKE '%PRIVATE%'").fetchone() == (4,)
    assert "are gone" in rotate(server, "--now").stdout
    with sqlite3.connect(server.data / "directory/directory.db") as db:
        assert db.execute("SELECT count(*) FROM signing_key WHERE pem LIKE '%PRIVATE%'").fetchone() == (2,)
    assert wanted(server) == {**first, **second}
    rotate(server, "--abort", status=1)
    assert "must stay until then" in rotate(server).stdout
    ended = keys_of(rotate(server, "--now").stdout)
    assert set(ended) == set(first) and all(text_of(record) == b"v=DKIM1; p=" for record in ended.values())
    assert wanted(server) == second
    publish(names, second, former=first)
    assert selectors(second) == set(second)
    events = server.run("trace", DOMAIN, status=None).stdout + server.log_path.read_text() + (server.data / "log/events.log").read_text()
    assert [step for step in ("publish", "wait", "sign", "retire", "end") if f"step={step}" not in events and f'"step":"{step}"' not in events] == []
    assert "rotate" not in server.run("check", "--no-dns", status=None).stdout
    assert "don't verify" not in server.run("check", "--dns", status=None).stdout
    one = sorted(second)[0]
    names.set(**{one: []})
    assert f"signatures of {DOMAIN} don't verify: the record {one}. TXT is missing" in server.run("check", "--dns", status=None).stdout


def test_it_can_be_taken_back(server, names, selectors):
    first = wanted(server)
    publish(names, first)
    rotate(server, "--abort", status=1)
    second = keys_of(rotate(server).stdout)
    assert keys_of(rotate(server, "--abort").stdout) == second and wanted(server) == first
    second = keys_of(rotate(server).stdout)
    publish(names, second)
    rotate(server, "--now")
    assert selectors(second) == set(second)
    # The former ones sign again only if others find them.
    names.set(**{name: [] for name in first})
    assert "doesn't show" in rotate(server, "--abort", status=1).stderr
    assert selectors(second) == set(second)
    publish(names, first)
    assert keys_of(rotate(server, "--abort").stdout) == second
    assert selectors(first) == set(first)
    assert wanted(server) == {**first, **second}  # the second have signed: their records stay


def test_a_silent_dns_changes_nothing(server, names, selectors):
    first = wanted(server)
    publish(names, first)
    second = keys_of(rotate(server).stdout)
    publish(names, second)
    server.configure(resolver="127.0.0.1@1")
    assert "unknown" in rotate(server, "--now", status=1).stdout
    server.configure(resolver=names.resolver)
    assert selectors(first) == set(first)


def test_one_that_is_forgotten_is_told_of(server, names):
    publish(names, wanted(server))
    rotate(server)
    assert "rotate" not in server.run("check", "--no-dns", status=None).stdout
    with sqlite3.connect(server.data / "directory/directory.db") as db:
        db.execute("UPDATE signing_key SET since = since - 4 * 86400 WHERE state = 1")
    said = server.run("check", "--no-dns", status=None).stdout
    assert f"the change of the keys of {DOMAIN} has stopped half-way" in said and f"pombal domain rotate {DOMAIN}" in said


def test_it_goes_on_by_itself(server, names, selectors):
    """A person begins; the server takes every further step when its time has come, and `check` says where it stands."""
    def again(seconds, column, step):
        """Lets that much time pass, as the directory has it, and waits for a step after the next start."""
        server.stop()
        with sqlite3.connect(server.data / "directory/directory.db") as db:
            db.execute(f"UPDATE signing_key SET {column} = {column} - {seconds} WHERE state <> 0")
        offset = server.log_size()
        server.start()
        server.wait_log(f"event=keys.changed domain={DOMAIN} step={step}", offset, 60)

    def checked(words):
        assert f"note: the keys of {DOMAIN} are being changed: {words}" in server.run("check", "--no-dns", status=None).stdout

    first = wanted(server)
    publish(names, first)
    second = keys_of(rotate(server).stdout)
    checked("the DNS doesn't show the new ones' records yet")
    publish(names, second)
    again(0, "since", "wait")
    checked("the DNS shows the new ones' records, which sign when all its servers have them, since 20")
    assert selectors(first) == set(first)
    again(2 * 3600, "seen", "sign")
    checked("the new ones sign, and the former ones can be taken back until 20")
    assert selectors({**first, **second}) == set(second)
    again(3 * 86400, "since", "retire")
    checked("the new ones sign, and the former ones' records must stay until 20")
    again(11 * 86400, "since", "end")
    assert "are being changed" not in server.run("check", "--no-dns", status=None).stdout
    assert wanted(server) == second and selectors(second) == set(second)
