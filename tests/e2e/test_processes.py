"""Roles that are killed come back, sessions survive a reload, SIGTERM drains, and nothing that was acknowledged is lost."""
import base64
import imaplib
import os
import re
import signal
import smtplib
import socket
import ssl
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

import letters
from jmap import CORE, Jmap
from pombal import ON_DEMAND, ROLES, ROOT, STARTED, Pombal, binary, children, tls_context, wait_for
from wire import Imap, Pop3, Smtp


@pytest.fixture(scope="module")
def own():
    with Pombal() as server:
        server.expected_noise.append(r"event=role\.ended.*signal 9")
        yield server


def kill_role(server, role):
    pid = server.role_of(role)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: server.role_pids().get(role) not in (None, pid), f"{role} to be restarted", 15)


def test_every_role_is_a_process(own):
    wait_for(lambda: set(own.role_pids()) == set(STARTED), "all roles but those on demand")
    states = {line["role"]: line["state"] for line in own.json("status") if "role" in line}
    assert states == {role: "resting" if role in ON_DEMAND else "ready" for role in ROLES}


def test_a_library_is_loaded_by_who_uses_it(own):
    """What a role never calls costs it no memory: no DNS before the first look-up, no SASL mechanisms but in auth."""
    linked = subprocess.run(["ldd", binary()], check=True, capture_output=True, text=True).stdout
    for library, users in (("libunbound", set()), ("libcurl", set()), ("libgsasl", {"auth"}), ("libzstd", set()), ("libz.so", set())):
        if library in linked:  # Debian 13's OpenSSL has it anyway
            continue
        loaded = {role for role, pid in own.role_pids().items() if library in Path(f"/proc/{pid}/maps").read_text()}
        assert loaded == users, library


@pytest.mark.parametrize("role", STARTED)
def test_a_killed_role_comes_back(own, token, role):
    offset = own.log_size()
    kill_role(own, role)
    own.wait_log(r"event=role\.ended.*signal 9", offset)

    def works():
        try:
            own.submit(letters.simple(token, own.name("boris"), own.name("anna")), own.name("boris"))
            return True
        except (OSError, smtplib.SMTPException, EOFError):
            return False
    wait_for(works, "submission to work again", 20)
    wait_for(lambda: mail_count(own, token) >= 1, "the letter", 20)


def mail_count(server, token, account="boris"):
    try:
        return server.count_mail(token, account)
    except (OSError, EOFError, imaplib.IMAP4.error):
        return 0


def test_a_role_on_demand_is_there_when_it_is_asked(own):
    jmap = Jmap(own, "anna", using=(CORE, "urn:pombal:params:jmap:spelling"))
    def wrong():
        return jmap.call("Spelling/check", words=["wrod"], languages=["en-US"])["wrong"]
    assert wrong() and own.role_of("speller")
    kill_role(own, "speller")
    wait_for(wrong, "the speller again")
    jmap.close()


def test_others_go_on_while_a_role_is_away(own):
    with Imap(own.address, own.ports["imaps"], tls=True) as imap:
        imap.ok(f"LOGIN {own.name('anna')} \"{own.password('anna')}\"")
        imap.ok("SELECT INBOX")
        for role in ("smtp", "queue", "courier", "auth"):
            kill_role(own, role)
            imap.ok("NOOP")
            imap.ok("STATUS Drafts (MESSAGES)")


def test_nothing_is_lost_when_roles_are_killed(own, token):
    """Letters flow from several clients while roles die; every one that got its 250 is read, once (or twice, where the 250 got lost)."""
    taken, stop, lock = set(), threading.Event(), threading.Lock()

    def send(client):
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{token}-{client}-{number}"
            try:
                with Smtp(own.address, own.ports["smtp"]) as smtp:
                    smtp.envelope("a@b.example", own.name("boris"))
                    if smtp.data(letters.simple(f"{token} {name}", body="x" * 2000 + "\r\n")).startswith("250"):
                        with lock:
                            taken.add(name)
            except (OSError, EOFError, AssertionError):
                time.sleep(0.05)
    threads = [threading.Thread(target=send, args=(client,)) for client in range(4)]
    for thread in threads:
        thread.start()
    try:
        for role in ("smtp", "courier", "queue", "auth", "courier", "queue", "smtp", "reader"):
            enough = len(taken) + 5
            wait_for(lambda: len(taken) >= enough, "letters to flow")
            kill_role(own, role)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    own.wait_queue_empty(60)
    session = own.imap("boris", mailbox="INBOX")
    numbers = session.search(None, "HEADER", "Subject", f'"{token}"')[1][0].decode().replace(" ", ",")
    answers = session.fetch(numbers, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    session.logout()
    arrived = [re.search(rb"(\S+)\r\n", answer[1])[1].decode() for answer in answers if isinstance(answer, tuple)]
    assert taken <= set(arrived), f"lost: {sorted(taken - set(arrived))}"
    assert all(arrived.count(name) == 1 for name in taken), "delivered twice: " + str([name for name in taken if arrived.count(name) > 1])


def test_master_killed(token):
    with Pombal(accounts=["anna"]) as own:
        for number in range(20):
            own.deliver(letters.simple(f"{token} {number}"))
        with Smtp(own.address, own.ports["smtp"]) as smtp:
            smtp.envelope("a@b.example", own.name("anna"))
            assert smtp.data(letters.simple(f"{token} last")).startswith("250")
        pids = children(own.process.pid)
        own.process.kill()
        own.process.wait()
        for pid in pids:
            wait_for(lambda: not Path(f"/proc/{pid}").exists(), "orphaned roles to end", 10)
        own.process = None
        own.start()
        assert len(own.wait_mail(token, count=21)) == 21


def test_everything_killed_at_once(token):
    with Pombal(accounts=["anna"]) as own:
        session = own.imap("anna", mailbox="INBOX")
        assert session.append("INBOX", None, None, letters.simple(f"{token} appended"))[0] == "OK"
        uidnext = re.search(rb"UIDNEXT (\d+)", session.status("INBOX", "(UIDNEXT)")[1][0])[1]
        with Smtp(own.address, own.ports["smtp"]) as smtp:
            for number in range(10):
                smtp.envelope("a@b.example", own.name("anna"))
                assert smtp.data(letters.simple(f"{token} {number}")).startswith("250")
        own.crash()
        own.start()
        own.wait_mail(token, count=11)
        session = own.imap("anna")
        after = re.search(rb"UIDNEXT (\d+)", session.status("INBOX", "(UIDNEXT)")[1][0])[1]
        session.logout()
        assert int(after) >= int(uidnext)
        assert "problem" not in own.run("fsck").stdout.lower().replace("0 problems", "").replace("no problems", "")


def test_sigterm_drains(token):
    with Pombal(accounts=["anna"]) as own:
        waiting = Smtp(own.address, own.ports["smtp"])
        amid = Smtp(own.address, own.ports["smtp"])
        amid.envelope("a@b.example", own.name("anna"))
        amid.expect("DATA", 354)
        imap = Imap(own.address, own.ports["imap"])
        pop3 = Pop3(own.address, own.ports["pop3"])
        own.process.send_signal(signal.SIGTERM)
        assert imap.rest().startswith(b"* BYE")
        assert waiting.rest().startswith(b"421")
        assert pop3.rest()[:4] in (b"-ERR", b"")
        # Who is in the middle of a letter gets a clear answer, or none: never a 250 without the letter being kept.
        try:
            amid.send(letters.simple(token) + b".\r\n")
            answer = amid.rest()
        except OSError:
            answer = b""
        own.process.wait(30)
        own.stop()
        own.start()
        if b"250" in answer:
            own.wait_mail(token)


def test_sigterm_amid_imap_idle():
    with Pombal(accounts=["anna"]) as own:
        with Imap(own.address, own.ports["imaps"], tls=True) as imap:
            imap.ok(f"LOGIN {own.name('anna')} \"{own.password('anna')}\"")
            imap.ok("SELECT INBOX")
            imap.send("i IDLE\r\n")
            assert imap.line().startswith("+")
            own.process.send_signal(signal.SIGTERM)
            assert b"* BYE" in imap.rest()


def served_certificate(server, port):
    with socket.create_connection((server.address, server.ports[port]), timeout=10) as plain:
        with tls_context().wrap_socket(plain, server_hostname=server.hostname) as secured:
            return secured.getpeercert(binary_form=True)


def make_certificate(chain, key, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", chain], check=True, stderr=subprocess.DEVNULL)


def test_reload_keeps_sessions_and_brings_a_new_certificate(token):
    with Pombal(accounts=["anna"]) as own:
        before = served_certificate(own, "imaps")
        with Imap(own.address, own.ports["imaps"], tls=True) as imap, Smtp(own.address, own.ports["smtp"]) as smtp:
            imap.ok(f"LOGIN {own.name('anna')} \"{own.password('anna')}\"")
            imap.ok("SELECT INBOX")
            smtp.envelope("a@b.example", own.name("anna"))
            pids = own.role_pids()
            chain, key = own.certificate
            make_certificate(chain, key, own.hostname)
            own.configure(max_message="100K")
            own.reload()
            wait_for(lambda: served_certificate(own, "imaps") != before, "the new certificate")
            assert served_certificate(own, "imaps") == ssl.PEM_cert_to_DER_cert(chain.read_text())
            wait_for(lambda: served_certificate(own, "submissions") != before, "the new certificate for submission")
            # Both sessions go on, in the same processes.
            assert smtp.data(letters.simple(token)).startswith("250")
            imap.ok("NOOP")
            assert own.role_pids() == pids
            with Smtp(own.address, own.ports["smtp"]) as later:
                assert "SIZE 102400" in later.hello, later.hello
        own.wait_mail(token)


def test_reload_with_a_mistake_changes_nothing(token):
    with Pombal(accounts=["anna"]) as own:
        good = own.conf_path.read_text()
        own.conf_path.write_text(good + "\nmax_message = twelve\n")
        offset = own.log_size()
        own.process.send_signal(signal.SIGHUP)
        line = own.wait_log(r"event=reload\.failed.*", offset)[0]
        assert re.search(r"pombal\.conf:\d+", line), line
        own.deliver(letters.simple(token))
        own.wait_mail(token)
        own.conf_path.write_text(good)
        own.reload()


def test_sni(token):
    with Pombal(accounts=[], start=False) as own:
        make_certificate(own.data / "second.pem", own.data / "second.key", "second.example")
        chain, key = own.certificate
        own.configure(certificates=[f"{chain.relative_to(own.data)} {key.relative_to(own.data)}", "second.pem second.key"])
        own.start()
        for name, expected in (("second.example", own.data / "second.pem"), (own.hostname, chain), ("third.example", chain)):
            with socket.create_connection((own.address, own.ports["imaps"])) as plain:
                with tls_context().wrap_socket(plain, server_hostname=name) as secured:
                    assert secured.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(expected.read_text()), name


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version,minimum,welcome", [("TLSv1_1", "1.2", False), ("TLSv1_2", "1.2", True), ("TLSv1_2", "1.3", False), ("TLSv1_3", "1.3", True)])
def test_tls_versions(version, minimum, welcome):
    if minimum not in _versions:
        _versions[minimum] = Pombal(accounts=[], options={"tls_minimum": minimum})
    own = _versions[minimum]
    context = tls_context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = getattr(ssl.TLSVersion, version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection((own.address, own.ports["imaps"])) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=own.hostname) as secured:
                assert secured.recv(4) == b"* OK"
                assert welcome
        except ssl.SSLError:
            assert not welcome


_versions = {}


@pytest.fixture(scope="module", autouse=True)
def close_versions():
    yield
    for server in _versions.values():
        server.close()


def test_two_servers_cannot_share_a_folder(own):
    done = own.run("serve", status=1, timeout=20)
    assert len(done.stderr.strip().splitlines()) >= 1


def test_a_port_in_use_is_named(own):
    with Pombal(accounts=[], start=False, address=own.address) as second:
        done = second.run("serve", status=1, timeout=20)
        assert str(second.ports["smtp"]) in done.stderr or str(second.ports["lmtp"]) in done.stderr or "in use" in done.stderr, done.stderr


def test_logs_are_logfmt_and_hold_no_secrets(own, token):
    own.submit(letters.simple(token, own.name("boris"), own.name("anna"), body="SECRETBODY\r\n"), own.name("boris"))
    own.wait_mail(token, "boris")
    lines = [line for line in own.log().splitlines() if line != "ready"]
    events = [line for line in lines if re.match(r'time=\S+ level=\w+ (role=\w+ )?event=[a-z_]+(\.[a-z_]+)* ?(\w+=("([^"\\]|\\.)*"|[^ "]*) ?)*$', line)]
    assert len(events) >= 0.95 * len(lines), [line for line in lines if line not in events][:5]
    assert any("event=message.accepted" in line and " id=" in line for line in events)
    assert any("event=delivery." in line and " id=" in line for line in events)
    log = own.log()
    assert "SECRETBODY" not in log and own.password("anna") not in log and own.password("boris") not in log


def test_files_are_private():
    """Whatever the umask of who makes and serves it; a letter's way, an append, a copy, a larger one that has a file in the queue."""
    former = os.umask(0)
    try:
        with Pombal(accounts=["anna"], options={"relay_networks": ["127.0.0.0/8"], "smarthost": "127.0.0.1:1", "log_level": "debug"}) as own:
            own.deliver(letters.simple("private"))
            own.deliver(letters.with_attachment("larger", 300000))
            session = own.smtp()
            session.sendmail("a@b.example", ["c@far.example"], letters.with_attachment("waiting", 300000))
            session.quit()
            wait_for(lambda: len(own.queue()) == 1, "local deliveries")
            session = own.imap(mailbox="INBOX")
            session.create("Work/Now")
            session.append("Work/Now", None, None, letters.simple("appended"))
            session.copy("1", "Archive")
            checked = [own.data, *own.data.rglob("*")]
            session.logout()
            for path in checked:
                try:
                    mode = path.lstat().st_mode
                except FileNotFoundError:  # a temporary one
                    continue
                if not path.is_symlink():
                    assert mode & 0o077 == 0, f"{path} is {mode & 0o777:o}"
            kinds = {path.suffix for path in checked}
            assert {".db", ".eml", ".log", ".conf"} <= kinds, kinds
            assert any(path.parent.name == "body" for path in checked), "the large letter has a file in the queue"
    finally:
        os.umask(former)


def test_passwords_are_nowhere_to_be_seen(token):
    """Not in a command line, not in the environment, not in the log however much it says, and there is no core file."""
    secret = "Unmistakable-" + token
    with Pombal(accounts=[], options={"log_level": "debug"}) as own:
        own.expected_noise.append(r"event=role\.ended.*signal")
        own.add_account(own.name("carla"), secret)
        with Imap(own.address, own.ports["imaps"], tls=True) as imap, Pop3(own.address, own.ports["pop3s"], tls=True) as pop3:
            imap.ok(f"LOGIN {own.name('carla')} \"{secret}\"")
            pop3.send(f"USER {own.name('carla')}\r\nPASS {secret}\r\nPASS {secret}\r\n")
            wrong = base64.b64encode(f"\0{own.name('carla')}\0{secret}x".encode()).decode()
            assert own.submission(own.name("carla"), secret).docmd("AUTH", "PLAIN " + wrong)[0] >= 500
            imap.send(f"x LOGIN {own.name('carla')} {secret}\r\ny AUTHENTICATE PLAIN {wrong}\r\nz LOGIN {own.name('carla')}x {secret}x\r\n")
            pids = [own.process.pid, *own.role_pids().values()]
            for pid in pids:
                assert secret not in Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/environ").read_text()
                limits = Path(f"/proc/{pid}/limits").read_text()
                assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.M), limits
        reader = own.role_of("reader")
        os.kill(reader, signal.SIGABRT)  # which would leave a core file
        wait_for(lambda: own.role_pids().get("reader") not in (None, reader), "the reader to be restarted")
        log = own.log() + (own.data / "log/events.log").read_text()
        assert secret not in log and wrong not in log
        assert not list(own.folder.rglob("core*")) and not any(secret.encode() in path.read_bytes() for path in own.data.rglob("*") if path.is_file())


def test_sandbox_of_the_optimised_program(token, monkeypatch):
    """The program as it is shipped (sanitizers need more system calls than the roles are left)."""
    optimised = ROOT / "build/pombal"
    if not optimised.exists():
        pytest.skip("no optimised program was built")
    monkeypatch.setenv("POMBAL", str(optimised))
    with Pombal(accounts=["anna", "boris"]) as own:
        for role in STARTED:
            status = Path(f"/proc/{own.role_of(role)}/status").read_text()
            assert re.search(r"^NoNewPrivs:\s*1", status, re.M), role
            assert re.search(r"^Seccomp:\s*2", status, re.M), role
            assert re.search(r"^CapEff:\s*0+$", status, re.M), role
        own.submit(letters.with_attachment(token, 300000, own.name("boris"), own.name("anna")), own.name("boris"))
        own.wait_mail(token, "boris")
        session = own.pop3("boris")
        assert session.stat()[0] == 1
        session.dele(1)
        session.quit()
        with Imap(own.address, own.ports["imap"]) as imap:
            imap.ok("STARTTLS")
            imap.start_tls()
            imap.ok(f"LOGIN {own.name('anna')} \"{own.password('anna')}\"")
            imap.ok("CREATE Work")
        own.submit(letters.simple(token, "x@nowhere.invalid", own.name("anna")), "x@nowhere.invalid")
        wait_for(lambda: "nowhere.invalid" in own.log(), "a remote delivery to be tried")
        own.reload()
        own.submit(letters.simple(token + " again", own.name("boris"), own.name("anna")), own.name("boris"))
        own.wait_mail(token + " again", "boris")


def test_event_files_are_put_aside_and_the_oldest_removed(token):
    """By size, and so many of them as configured; `trace` reads them all, and every role goes on in the new one."""
    with Pombal(options={"log_size": 65536, "log_keep": 2}) as own:
        log = own.data / "log/events.log"
        for number in range(4):
            own.deliver(letters.simple(f"{token} {number}"), "anna", sender=f"{token}{number}@elsewhere.example")
            wait_for(lambda: "delivery.done" in own.run("trace", f"{token}{number}@elsewhere.example", status=None).stdout, "the trace of a delivery")
            assert log.stat().st_size < 65536
            with open(log, "a") as events:
                events.write("time=2026-11-22T10:00:00.000Z level=info role=test event=test.filler text=nothing\n" * 1000)
            wait_for(lambda: own.run("status") and log.stat().st_size < 65536, "a new event file")
        assert len(list((own.data / "log").glob("events-*.log"))) == 2
        assert {stat.S_IMODE(path.stat().st_mode) for path in (own.data / "log").iterdir()} == {0o600}
        own.run("trace", f"{token}0@elsewhere.example", status=1)
        assert "delivery.done" in own.run("trace", f"{token}2@elsewhere.example").stdout
        assert "delivery.done" in own.run("trace", f"{token}3@elsewhere.example").stdout
