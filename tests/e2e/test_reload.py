"""A reload does what it says, option by option; what is stopped has stopped."""
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

import letters
from peers import ScriptedServer
from pombal import Pombal, binary, environment, is_open, new_address, tls_context, wait_for
from wire import Imap, Smtp

NETWORK = "the roles that connect to other machines start anew"
EFFECTS = {"at once", "when the server is started the next time", "the smtp role starts anew", "the courier role starts anew", "the reader role starts anew", "the web role starts anew", "the policy role starts anew", NETWORK}


@pytest.fixture(scope="module")
def own():
    with Pombal() as server:
        yield server


def reload(server, **options):
    """Sets options and reloads; gives {option: effect} as it was said."""
    server.configure(**options)
    return dict(line.split(": ", 1) for line in server.run("reload").stdout.splitlines() if ": " in line)


def roles(server):
    """{role: process} as `status` has it; nobody has been started again unbidden."""
    listed = [one for one in server.json("status") if "role" in one]
    assert all(one["restarts"] == 0 and one["state"] in ("ready", "resting") for one in listed), listed
    return {one["role"]: one["pid"] for one in listed}


def test_each_option_has_its_class(own):
    """Another value for each option in turn: what the listing says of it, the reload says, and just that role is another process."""
    listed = dict(re.findall(r"^(\w+) = .*# a change: (.*)$", own.run("config").stdout, re.M))
    assert set(listed) == set(own.json("config")) and set(listed.values()) == EFFECTS
    before, own_file = roles(own), own.conf_path.read_text()
    live = {name: value for name, value in own.json("config").items() if listed[name] == "at once" and type(value) is int and value > 1}
    assert len(live) > 25
    assert reload(own, **{name: value - 1 for name, value in live.items()}) == {name: "at once" for name in live}
    assert roles(own) == before, "nobody has started anew"
    restarting = {"lmtp_listen": [f"{new_address()}:2424"], "pop3_listen": [f"{new_address()}:1110"], "http_listen": [f"{new_address()}:8080"], "trust_anchors": ["none"], "resolver": "127.0.0.1@5353",
                  "engines": ["clamd 127.0.0.1:9"]}
    for name, value in restarting.items():
        expected = {"acme", "courier", "policy"} if listed[name] == NETWORK else {re.fullmatch(r"the (\w+) role starts anew", listed[name])[1]}
        before = roles(own)
        assert reload(own, **{name: value}) == {name: listed[name]}
        assert {one for one, pid in roles(own).items() if pid != before[one]} == expected, name
    assert "no option has changed" in own.run("reload").stdout
    assert "started again" not in own.run("check", "--no-dns", status=None).stdout
    own.conf_path.write_text(own_file)
    own.run("reload")


def test_limits_of_connections(own):
    reload(own, connections=10)
    sessions = [Smtp(own.address, own.ports["smtp"]) for _ in range(10)]
    with socket.create_connection((own.address, own.ports["smtp"]), timeout=10) as eleventh:
        assert eleventh.recv(100).startswith(b"421")
    assert reload(own, connections=11) == {"connections": "at once"}
    sessions.append(Smtp(own.address, own.ports["smtp"]))
    reload(own, connections=1000, connections_per_address=11)
    with socket.create_connection((own.address, own.ports["smtp"]), timeout=10) as twelfth:
        assert twelfth.recv(100).startswith(b"421")
    reload(own, connections_per_address=0)
    sessions.append(Smtp(own.address, own.ports["smtp"]))
    for session in sessions:
        session.close()


def test_workers(own):
    assert own.json("config")["workers"] == 64
    assert reload(own, workers=1) == {"workers": "at once"}
    with Imap(own.address, own.ports["imap"]) as one, Imap(own.address, own.ports["imap"]) as other:
        for session in (one, other):
            session.ok("CAPABILITY")
    reload(own, workers=64)


def test_size_of_an_open_imap_session(own, token):
    with Imap(own.address, own.ports["imaps"], tls=True) as imap:
        imap.ok(f"LOGIN {own.name('anna')} \"{own.password('anna')}\"")
        assert reload(own, max_message="2K") == {"max_message": "at once"}
        assert imap.command("APPEND INBOX {3000+}\r\n" + "x" * 3000)[0].startswith("NO [TOOBIG]")
        reload(own, max_message="80M")
        imap.ok("APPEND INBOX {3000+}\r\n" + f"Subject: {token}\r\n\r\n".ljust(3000, "x"))


def test_log_level(own):
    offset = own.log_size()
    assert reload(own, log_level="warning") == {"log_level": "at once"}
    Smtp(own.address, own.ports["smtp"]).close()
    session = own.imap()
    session.logout()
    assert "imap.signed_in" not in own.log(offset)
    reload(own, log_level="info")
    session = own.imap()
    session.logout()
    own.wait_log("imap.signed_in", offset)


def test_listeners(own):
    """New ones are open when the reload is done, former ones closed; a port that somebody has is refused, and all stays."""
    port, former = own.ports["smtp"], own.json("config")["smtp_listen"]
    other = new_address()
    assert reload(own, smtp_listen=[*former, f"{other}:{port}"]) == {"smtp_listen": "the smtp role starts anew"}
    assert Smtp(other, port).greeting.startswith("220") and Smtp(own.address, port).greeting.startswith("220")
    # Any address in the place of some, on the same port: the two overlap.
    reload(own, smtp_listen=[f"0.0.0.0:{port + 7}"])
    assert not is_open(own.address, port) and is_open(other, port + 7)
    reload(own, smtp_listen=[f"{own.address}:{port + 7}"])
    assert not is_open(other, port + 7) and is_open(own.address, port + 7)
    with socket.socket() as taken:
        taken.bind((own.address, port + 8))
        taken.listen()
        own.configure(smtp_listen=[f"{own.address}:{port + 8}"], max_message="9M")
        done = own.run("reload", status=1)
        assert f"{port + 8}" in done.stderr and "smtp_listen" in done.stderr and len(done.stderr.splitlines()) == 1
        with Smtp(own.address, port + 7) as smtp:
            assert f"SIZE {9 << 20}" not in smtp.hello, "of a reload that is refused nothing counts"
    reload(own, smtp_listen=former)
    assert is_open(own.address, port) and not is_open(own.address, port + 7)


def offers_tls(server):
    with Smtp(server.address, server.ports["smtp"]) as smtp:
        return "STARTTLS" in smtp.hello


def test_the_first_certificate():
    with Pombal(accounts=["anna"], start=False) as own:
        entry = own.json("config", "certificates")["certificates"]
        own.configure(certificates=[])
        own.start()
        assert not offers_tls(own)
        assert reload(own, certificates=entry) == {"certificates": "the smtp, reader and web roles start anew"}
        assert offers_tls(own)
        own.imap().logout()
        assert reload(own, certificates=[]) == {"certificates": "the smtp, reader and web roles start anew"}
        assert not offers_tls(own)


def served_certificate(server):
    with socket.create_connection((server.address, server.ports["imaps"]), 10) as plain, tls_context().wrap_socket(plain) as tls:
        return tls.getpeercert(binary_form=True)


def test_a_certificate_that_is_none():
    """What is no certificate, or a key of another, is found out before anybody works by it: at a reload the former stays, and a start says why."""
    with Pombal(start=False) as own:
        chain, key = (own.data / name for name in own.json("config", "certificates")["certificates"][0].split())
        good = key.read_bytes()
        own.start()
        served = served_certificate(own)
        other = subprocess.run(["openssl", "genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], check=True, capture_output=True).stdout
        own.expected_noise.append("event=reload.failed")
        for bad in (b"no key\n", other):
            key.write_bytes(bad)
            assert re.search(r"key|certificate", own.run("reload", status=1).stderr)
            assert served_certificate(own) == served
        own.stop()
        refused = subprocess.run([binary(), "serve", "--data", own.data], capture_output=True, text=True, timeout=30, env=environment())
        assert refused.returncode == 1 and re.search(r"key|certificate", refused.stderr)
        key.write_bytes(good)
        own.start()
        assert served_certificate(own) == served


def test_a_certificate_behind_a_symbolic_link():
    """As certbot keeps them, live/ leading to archive/: followed at the start, by check, and at a reload wherever it leads then."""
    with Pombal(start=False) as own:
        live, archive = own.data / "live", own.data / "archive"
        live.mkdir()
        archive.mkdir()
        for number in "12":
            for name, path in zip(("chain", "key"), (archive / f"chain{number}.pem", archive / f"key{number}.pem")):
                path.touch(mode=0o600)
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                            f"/CN=number{number}", "-addext", f"subjectAltName=DNS:mail.{own.domain}", "-keyout", archive / f"key{number}.pem",
                            "-out", archive / f"chain{number}.pem"], check=True, capture_output=True)

        def lead_to(number):
            for name in ("chain", "key"):
                (live / name).unlink(missing_ok=True)
                (live / name).symlink_to(f"../archive/{name}{number}.pem")

        def der(number):
            return ssl.PEM_cert_to_DER_cert((archive / f"chain{number}.pem").read_text())

        lead_to(1)
        own.configure(certificates=["live/chain live/key"])
        own.start()
        assert served_certificate(own) == der(1)
        assert "live/" not in own.run("check", "--no-dns").stdout
        lead_to(2)
        own.run("reload")
        wait_for(lambda: served_certificate(own) == der(2), "the new certificate")
        (live / "key").unlink()
        os.mkfifo(live / "key")
        assert "is not a file" in own.run("reload", status=1).stderr, "and nobody waits for a pipe's other end"
        assert "is not a file" in own.run("check", "--no-dns", status=1).stdout
        assert served_certificate(own) == der(2)
        own.expected_noise.append("is not a file")


def test_trusted_certificates(own, token, tmp_path):
    """A server whose certificate nobody has signed is trusted as soon as the reload says so."""
    chain, key = own.certificate
    with ScriptedServer("127.0.0.1", 0, certificate=(chain, key)) as peer:
        reload(own, smarthost=f"127.0.0.1:{peer.port}", retry_schedule=["1h"])
        own.submit(letters.simple(token, "far@elsewhere.example", own.name("anna")), "far@elsewhere.example")
        wait_for(lambda: any(one["recipients"][0]["attempts"] for one in own.queue()), "an attempt")
        assert not peer.letters
        assert reload(own, trusted_certificates=str(chain)) == {"trusted_certificates": NETWORK}
        own.run("queue", "flush")
        peer.wait_letters()
    reload(own, smarthost="", trusted_certificates="")


def test_a_role_that_cannot_follow(own):
    before = own.json("config", "trust_anchors")["trust_anchors"]
    own.configure(trust_anchors=["/no/such/file"])
    offset = own.log_size()
    own.expected_noise.append(r"event=role\.ended.*name=courier.*exit status 1")
    done = own.run("reload", status=1)
    assert "courier can't start" in done.stderr and "/no/such/file" in done.stderr, done.stderr
    assert "event=reload.done" not in own.log(offset)
    reload(own, trust_anchors=before)
    assert wait_for(lambda: next(one for one in own.json("status") if one.get("role") == "courier")["state"] == "ready", "the courier")


def test_a_mistake_is_refused_with_its_line(own):
    good = own.conf_path.read_text()
    own.conf_path.write_text(good + "max_message = twelve\n")
    done = own.run("reload", status=1)
    assert re.search(r"pombal\.conf:\d+: max_message", done.stderr) and len(done.stderr.splitlines()) == 1
    own.conf_path.write_text(good)


# ---- Stopping ----

def test_stop_returns_when_it_has_stopped():
    """Idle sessions that don't hang up at the goodbye don't hold it up; there is no process left when it returns."""
    with Pombal(accounts=["anna"], options={"drain_time": "120s"}) as own:
        idle = [Imap(own.address, own.ports["imaps"], tls=True) for _ in range(3)] + [Imap(own.address, own.ports["imap"])]
        for session in idle[:2]:
            session.ok(f"LOGIN {own.name('anna')} \"{own.password('anna')}\"")
            session.ok("SELECT INBOX")
        idle[0].send("i IDLE\r\n")
        assert idle[0].line().startswith("+")
        smtp, pop3 = Smtp(own.address, own.ports["smtp"]), own.pop3()
        pids = list(roles(own).values())
        began = time.monotonic()
        own.run("stop")
        took = time.monotonic() - began
        assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
        assert own.process.wait(20) == 0
        own.process = None
        assert took < 60, f"took {took} s (drain_time is 120 s)"
        for session in idle:
            assert b"* BYE" in session.rest()
        assert smtp.rest().startswith(b"421")
        pop3.close()
        done = own.run("stop", status=1)
        assert "no server is running" in done.stderr


def test_sigterm_stops_as_fast():
    with Pombal(accounts=["anna"], options={"drain_time": "120s"}) as own:
        idle = own.imap()
        own.process.send_signal(signal.SIGTERM)
        own.process.wait(60)
        own.process = None
        idle.shutdown()
