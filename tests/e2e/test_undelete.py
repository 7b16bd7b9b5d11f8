"""pombal account expunged, undelete: what a client removed comes back, seen by those who are connected."""
import letters
from pombal import wait_for


def test_removed_mail_comes_back(server, token):
    letter = letters.simple(f"=?utf-8?Q?Gr=C3=BC=C3=9Fe?= {token}", to=server.name("boris"))
    server.deliver(letter, "boris")
    server.wait_mail(token, "boris")
    session = server.imap("boris", mailbox="INBOX")
    number = session.search(None, "HEADER", "Subject", token)[1][0].split()[0]
    before = session.fetch(number, "(BODY.PEEK[])")[1][0][1]
    session.store(number, "+FLAGS", "\\Deleted")
    session.expunge()
    assert server.count_mail(token, "boris") == 0

    removed = [one for one in server.json("account", "expunged", server.name("boris")) if token in one["subject"]]
    assert len(removed) == 1 and removed[0]["subject"].startswith("Grüße ")
    assert removed[0]["size"] == len(before) and removed[0]["from"] == "someone@elsewhere.example"
    assert token in server.run("account", "expunged", server.name("boris"), "--limit", "1").stdout

    session.select("Archive", readonly=True)
    server.run("account", "undelete", server.name("boris"), removed[0]["id"], "--mailbox", "Archive")

    def back():
        session.noop()
        return session.search(None, "HEADER", "Subject", token)[1][0].split()
    assert session.fetch(wait_for(back, "the message in Archive")[0], "(BODY.PEEK[])")[1][0][1] == before
    session.logout()
    assert not [one for one in server.json("account", "expunged", server.name("boris")) if token in one["subject"]]


def test_what_cannot_come_back(server):
    name = server.name("boris")
    assert "is not an id" in server.run("account", "undelete", name, "nonsense", status=1).stderr
    assert "no expunged message" in server.run("account", "undelete", name, "0000000000001", status=1).stderr
    assert server.run("account", "undelete", name, "0000000000001", "--mailbox", "Nowhere", status=1).stderr
    server.run("account", "undelete", name, status=2)
    assert server.run("account", "expunged", f"nobody@{server.domain}", status=1).stderr
