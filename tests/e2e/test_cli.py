"""The command line as DESIGN's contract has it: what is done, what is said, and with which exit status."""
import getpass
import json
import os
import pty
import re
import select
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import letters
from pombal import PORTS, Pombal, binary, environment, wait_for

SUBCOMMANDS = ["init", "setup", "serve", "check", "config", "domain", "account", "alias", "queue", "trace", "sendmail", "import", "export", "fsck"]


def run(*arguments, stdin=b"", status=0, **more):
    done = subprocess.run([binary(), *map(str, arguments)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, env=environment(**more))
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    assert status is None or done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def one_line(done):
    """A refusal is one clear line on standard error, and nothing on standard output."""
    assert len(done.stderr.strip().splitlines()) == 1 and done.stdout == "", (done.stdout, done.stderr)
    return done.stderr


@pytest.fixture(scope="module")
def made():
    """A data directory that nobody serves."""
    with Pombal(start=False, accounts=["anna"]) as own:
        yield own


@pytest.fixture
def open_folder():
    """One that every user of the machine can reach; pytest keeps its own closed."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        yield Path(folder)


# ---- Usage ----

def test_help():
    told = run("--help").stdout
    for name in SUBCOMMANDS:
        assert re.search(rf"\b{name}\b", told), name


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_of_each(name):
    done = run(name, "--help")
    assert name in done.stdout and done.stderr == ""


def test_version():
    assert re.search(r"\d+\.\d+", run("--version").stdout)


@pytest.mark.parametrize("arguments", [
    [], ["nonsense"], ["--nonsense"], ["queue", "nonsense"], ["account", "nonsense"], ["account", "add"], ["domain", "add"], ["alias", "add", "x@y.example"],
    ["queue", "show"], ["init"], ["serve", "--nonsense"], ["--data"], ["config", "--nonsense"], ["trace"], ["init", "--domain"],
])
def test_usage_errors(arguments, tmp_path):
    done = run(*arguments, status=2, POMBAL_DATA=str(tmp_path))
    assert done.stderr and done.stdout == ""


def test_data_before_and_after(made):
    for arguments in (["--data", made.data, "account", "list"], ["account", "list", "--data", made.data],
                      ["account", "list", f"--data={made.data}"]):
        assert made.name("anna") in run(*arguments).stdout, arguments
    assert made.name("anna") in run("account", "list", POMBAL_DATA=str(made.data)).stdout


def test_without_data():
    assert run("account", "list", status=None).returncode in (1, 2)


def test_data_that_isnt_there(tmp_path):
    one_line(run("account", "list", "--data", tmp_path / "none", status=1))
    assert not (tmp_path / "none").exists()


# ---- Wrong uses: status 2, 1 or 0, and one line ----

ANNA, CARL = "anna@example.test", "carl@example.test"
# Each with what it needs, in an order in which they all can be done; whether a second time is refused.
EVERY = [
    ("status", [], None), ("reload", [], None), ("stop", [], None), ("metrics", [], None), ("metrics history", [], False), ("backup note", ["here"], False), ("backup state", [], False), ("backup verify", ["/nowhere"], None), ("check", ["--no-dns"], False), ("config options", [], False), ("config set", ["workers=63"], True), ("config history", [], False),
    ("config undo", ["1"], True), ("config confirm", [], None), ("config", [], False), ("admin key add", ["k"], True), ("admin key list", [], False), ("admin key remove", ["38h38gajqhrdn"], None),
    ("domain add", ["d2.example"], True), ("domain list", [], False), ("domain show", ["d2.example"], False), ("domain dns", ["d2.example"], False),
    ("domain rotate", ["d2.example", "--abort"], None), ("dns name", ["192.0.2.1"], None), ("dns publish", ["d2.example"], None),
    ("domain set", ["d2.example", "--catch-all", ANNA], False), ("domain remove", ["d2.example"], True),
    ("account add", [CARL, "--password-stdin"], True), ("account list", [], False), ("account show", [CARL], False),
    ("account set", [CARL, "--quota", "1G"], False), ("account password", [CARL, "--password-stdin"], False),
    ("account grant", [CARL, "q@example.test"], False), ("account revoke", [CARL, "q@example.test"], True), ("account expunged", [CARL], False), ("account use", [CARL], False), ("account vacation", [CARL], False),
    ("account undelete", [CARL, "38h38gajqhrdn"], None), ("account import", ["/nowhere"], None), ("contacts import", [CARL, "/nowhere"], None), ("contacts export", [CARL], False), ("session list", [], None), ("session end", [CARL], None),
    ("alias add", ["al@example.test", ANNA], False), ("alias list", [], False), ("alias show", ["al@example.test"], False),
    ("alias set", ["al@example.test", ANNA], False), ("alias remove", ["al@example.test"], True),
    ("queue list", [], False), ("queue show", ["x@y.example"], None), ("queue flush", [], False), ("queue hold", ["x@y.example"], None),
    ("quarantine list", [], False), ("quarantine show", ["x"], None), ("quarantine release", ["x"], None), ("quarantine learn", ["--ham", "x"], None), ("quarantine remove", ["x"], None),
    ("queue release", ["x@y.example"], None), ("queue return", ["x@y.example"], None), ("queue edit", ["38h38gajqhrdn", "--via", "mx.example"], None), ("queue remove", ["x@y.example"], None), ("trace", ["nobody@nowhere.example"], None),
    ("spam learn", ["--ham", "/nowhere"], None), ("spam forget", ["/nowhere"], None), ("spam score", ["/nowhere"], None), ("spam replay", ["/nowhere", "--config", "/nowhere"], None),
    ("explain", ["/nowhere"], None), ("verify", ["/nowhere"], None), ("reports", ["d2.example"], False), ("reports sent", ["d2.example"], False), ("reports send", [], None), ("greylist list", [], False), ("greylist shutout", [], False), ("push list", [], False), ("push key", [], False),
    ("certificate list", [], False), ("certificate renew", ["mx.example.test"], None),
    ("import", [CARL, "/nowhere"], None), ("export", [CARL, "OUT"], False), ("fsck", [], False), ("account remove", [CARL], True),
]  # None: refused the first time
OF_FILES = ("verify", "spam learn", "spam forget", "spam score", "spam replay", "explain")  # which look at messages in files alone
STOPPED = ("status", "reload", "stop", "metrics", "session list", "session end", "certificate renew")
WORD = b"a word or two\n"


def test_every_subcommand_is_here():
    listed = set(re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", run("--help").stdout, re.M))
    assert listed - {"init", "serve", "setup", "sendmail"} <= {name for name, _, _ in EVERY}


@pytest.mark.parametrize("name,arguments,_", EVERY, ids=[name for name, _, _ in EVERY])
def test_wrong_arguments(made, name, arguments, _):
    """Status 2 and a line that says what is wrong and where help is; nothing is done."""
    words = name.split()
    usage = run(*words, "--help").stdout.splitlines()[0].replace("[--data DIR]", "")
    wrong = [["--nonsense"], ["-z"]]
    if "..." not in usage:
        wrong.append(["x@example.test", "y@example.test", "z@example.test"])
    for option in re.findall(r"\[(--[a-z-]+) [A-Z|a-z]+\]", usage):
        wrong.append([option])
    for option in re.findall(r"\[(--[a-z-]+)\]", usage):
        wrong += [[option + "=value"], [option, option]]
    for more in wrong:
        if more == ["--json", "--json"] or (more[0] in arguments and len(more) == 1):
            continue
        said = one_line(run(*words, *arguments, *more, "--data", made.data, status=2))
        assert f"pombal {name}: " in said and f"pombal {name} --help" in said, more
    if re.sub(r"\[[^]]*\]", "", usage).split() != ["usage:", "pombal", *words]:  # something is needed
        assert "too few arguments" in one_line(run(*words, "--data", made.data, status=2))


def test_each_twice_on_a_stopped_server(tmp_path):
    """What can be done is done without a word of error; again, it is the same or refused; what needs a server says that there is none."""
    with Pombal(start=False, accounts=["anna"]) as own:
        for name, arguments, refused_again in EVERY:
            arguments = [str(tmp_path / "out") if one == "OUT" else one for one in arguments]
            for again in (False, True):
                status = 1 if refused_again is None or (refused_again and again) else 0
                done = own.run(*name.split(), *arguments, stdin=WORD, status=status)
                lines = done.stderr.strip().splitlines()
                assert len(lines) == 1 if status else len(lines) <= 1, (name, done.stderr)
                assert not status or lines[0].startswith(f"pombal {name}: ") and done.stdout == "", (name, done.stdout, done.stderr)
                assert (name in STOPPED) == any("no server is running on " in line for line in lines), name


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_each_by_a_user_whose_it_isnt(made, everybodys_binary):
    for name, arguments, _ in [*EVERY, ("serve", [], None), ("init", ["--domain", "x.example"], None)]:
        if name in ("account import", "verify"):  # which read their file as the user who names it, first
            arguments = ["/etc/passwd"]
        done = subprocess.run([everybodys_binary, *name.split(), *arguments, "--data", str(made.data)], user="nobody", group="nogroup", extra_groups=[], cwd="/",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, env=environment())
        assert done.returncode == 1 and "belongs to user root" in one_line(done), name


def test_data_of_a_later_version(tmp_path):
    """Left alone: nothing reads it as if it were damaged, least of all fsck --repair."""
    with Pombal(accounts=["anna"]) as own:
        own.deliver(letters.simple("kept"))
        own.wait_mail("kept")
        with own.imap(mailbox="INBOX") as session:
            session.store("1", "+FLAGS", "(\\Flagged)")
        own.stop()
        for path in own.data.rglob("*.db"):
            with sqlite3.connect(path) as db:
                former = db.execute("PRAGMA user_version").fetchone()[0]
                db.execute(f"PRAGMA user_version={former + 90}")
            db.close()
        for name, arguments, _ in [*EVERY, ("fsck", ["--repair"], None), ("fsck", [ANNA, "--repair"], None), ("serve", [], None)]:
            if name in (*STOPPED, *OF_FILES, "config", "reports", "reports sent", "reports send", "greylist list", "greylist shutout", "push list", "trace", "certificate list", "dns name", "account import", "metrics history") or name.startswith(("config ", "backup ")):  # the last looks for its file first
                continue
            arguments = [ANNA if one == CARL and name != "account add" else one for one in arguments]
            done = subprocess.run([binary(), *name.split(), *arguments, "--data", str(own.data)], input=WORD, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=60, env=environment())
            said = (done.stdout if name == "check" else done.stderr).decode()
            assert done.returncode == 1 and "was made by a later version" in said, (name, said)
            if name not in ("check", "serve"):
                assert len(said.strip().splitlines()) == 1, (name, said)
        for path in own.data.rglob("*.db"):
            with sqlite3.connect(path) as db:
                former = db.execute("PRAGMA user_version").fetchone()[0]
                assert former > 90, path
                db.execute(f"PRAGMA user_version={former - 90}")
            db.close()
        own.start()
        with own.imap(mailbox="INBOX") as session:
            assert b"Flagged" in session.fetch("1", "(FLAGS)")[1][0]


def test_settings_that_change_nothing(made):
    for arguments in (["account", "set", ANNA], ["domain", "set", "example.test"], ["account", "set", ANNA, "--enabled", "--disabled"],
                      ["account", "set", ANNA, "--quota", "1G", "--quota", "2G"]):
        one_line(run(*arguments, "--data", made.data, status=2))


# ---- init ----

def test_init(tmp_path):
    data = tmp_path / "data"
    done = run("init", "--data", data, "--domain", "example.org", "--hostname", "mail.example.org")
    conf = (data / "pombal.conf").read_text()
    assert "mail.example.org" in conf and re.search(r":25\b", conf) and re.search(r":993\b", conf)
    assert "postmaster@example.org" in done.stdout + done.stderr
    assert stat.S_IMODE(data.stat().st_mode) & 0o007 == 0
    accounts = json.loads(run("account", "list", "--json", "--data", data).stdout)
    assert "postmaster@example.org" in str(accounts)
    # Again: refused, and nothing is changed.
    one_line(run("init", "--data", data, "--domain", "other.example", status=1))
    assert (data / "pombal.conf").read_text() == conf


def test_init_in_a_folder_with_other_files(tmp_path):
    """Such a folder isn't closed to its other users; where anybody may write, there is no place for mail."""
    data = tmp_path / "home"
    data.mkdir()
    data.chmod(0o755)
    (data / "other").touch()
    run("init", "--data", data, "--domain", "example.org")
    assert stat.S_IMODE(data.stat().st_mode) == 0o755 and stat.S_IMODE((data / "accounts").stat().st_mode) == 0o700
    data = tmp_path / "open"
    data.mkdir()
    data.chmod(0o1777)
    (data / "other").touch()
    assert "other files" in one_line(run("init", "--data", data, "--domain", "example.org", status=1))
    assert stat.S_IMODE(data.stat().st_mode) == 0o1777 and [path.name for path in data.iterdir()] == ["other"]


def test_init_with_names_of_any_language(tmp_path):
    data = tmp_path / "data"
    run("init", "--data", data, "--domain", "почта.example", "--hostname", "мх.почта.example")
    assert "xn--" in run("config", "hostname", "--data", data).stdout
    assert "postmaster@почта.example" in run("account", "list", "--data", data).stdout
    run("check", "--no-dns", "--data", data, status=None)


def test_where_there_is_no_instance(tmp_path):
    for command in (["account", "list"], ["serve"], ["queue", "list"]):
        assert "pombal init" in one_line(run(*command, "--data", tmp_path, status=1))


@pytest.fixture(scope="module")
def everybodys_binary():
    """The program where every user reaches it, wherever the checkout may be."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield shutil.copy(binary(), folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("command", [["account", "list"], ["check"], ["serve"], ["queue", "list"]])
def test_by_a_user_whose_it_isnt(made, everybodys_binary, command):
    done = subprocess.run([everybodys_binary, *command, "--data", str(made.data)], user="nobody", group="nogroup", extra_groups=[], cwd="/", stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, env=environment())
    assert done.returncode == 1 and "belongs to user" in one_line(done)


@pytest.mark.parametrize("domain", ["", "exa mple.org", "-x.example", "a..b", "x" * 300 + ".example", "../../etc"])
def test_init_with_a_bad_domain(tmp_path, domain):
    done = run("init", "--data", tmp_path / "data", "--domain", domain, status=None)
    assert done.returncode in (1, 2) and done.stderr
    assert not (tmp_path / "data/pombal.conf").exists()


def test_init_says_how_to_go_on(tmp_path):
    """As it was installed: here it is a program of a build, and no service of the system."""
    data = tmp_path / "data"
    said = run("init", "--data", data, "--domain", "example.org").stdout
    assert f"to serve it: {Path(binary()).resolve()} serve --data {data}\n" in said and f"check --data {data}" in said and "guide.md" in said


def test_init_dev_to_the_letter(tmp_path):
    """Ports as the contract has them, plus the base; alice and bob with printed passwords that work."""
    base = next(base for base in range(11000, 20000, 37) if all(port_is_free(base + port) for port in [*PORTS.values()]))
    data = tmp_path / "data"
    done = run("init", "--data", data, "--domain", "example.test", "--dev", "--port-base", base)
    conf = (data / "pombal.conf").read_text()
    for name, port in PORTS.items():
        assert re.search(rf"^\s*{name}_listen\s*=.*127\.0\.0\.1:{port + base}\b", conf, re.M), name
    printed = done.stdout + done.stderr
    passwords = {}
    for name in ("alice", "bob"):
        found = re.search(rf"{name}@example\.test\W+(?:password\W+)?(\S{{6,}})", printed)
        assert found, printed
        passwords[name] = found[1]
    assert passwords["alice"] != passwords["bob"]
    server = Pombal.__new__(Pombal)
    server.data, server.folder, server.domain, server.address = data, tmp_path, "example.test", "127.0.0.1"
    server.log_path, server.process, server.expected_noise, server.hostname = tmp_path / "log", None, [], "mail.example.test"
    server.ports = {name: port + base for name, port in PORTS.items()}
    server.log_path.touch()
    with server:
        server.start()
        subject = letters.token()
        with server.submission("alice", passwords["alice"]) as session:
            session.sendmail("alice@example.test", ["bob@example.test"], letters.simple(subject, sender="alice@example.test"))
        import pombal
        pombal.PASSWORDS["bob"] = passwords["bob"]
        server.wait_mail(subject, "bob")
        assert server.run("check", status=None).returncode in (0, 1)


def port_is_free(port):
    import socket
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
        return True
    except OSError:
        return False


# ---- check and config ----

def test_check(made):
    made.run("check")


@pytest.mark.parametrize("line,word", [
    ("max_message = \"twelve\"", "max_message"), ("no_such_option = 1", "no_such_option"), ("mx_port = 70000", "mx_port"),
    ("smtp_listen = {\"nonsense\"}", "smtp_listen"), ("hostname = \"a b\"", "hostname"), ("mx_port = ", ""), ("relay_networks = {\"1.2.3.4/99\"}", "relay_networks"),
    ("retry_schedule = {\"5x\"}", "retry_schedule"), ("log_level = \"loud\"", "log_level"), ("hostname = \"unfinished", ""), ("tls_minimum = \"1.0\"", "tls_minimum"),
    ("smarthost = \"nowhere:99999\"", "smarthost"), ("certificates = {\"missing.pem missing.key\"}", "missing"),
])
def test_mistakes_in_the_configuration(line, word):
    with Pombal(start=False, accounts=[]) as own:
        name = line.split()[0]
        kept = [text for text in own.conf_path.read_text().splitlines() if not re.match(rf"\s*{name}\s*=", text)]
        own.conf_path.write_text("\n".join([*kept, line]) + "\n")
        for command in (["check"], ["serve"]):
            done = own.run(*command, status=1, timeout=30)
            assert word in done.stdout + done.stderr
            if "missing" not in line:
                found = re.search(r"pombal\.conf:(\d+)", done.stdout + done.stderr)
                assert found and abs(int(found[1]) - len(kept) - 1) <= 1, done.stdout + done.stderr


def test_check_names_a_missing_certificate_file():
    with Pombal(start=False, accounts=[]) as own:
        chain, _ = own.certificate
        chain.unlink()
        done = own.run("check", status=1)
        assert chain.name in done.stdout + done.stderr


def test_config(made):
    text = made.run("config").stdout
    assert re.search(rf"hostname\W+{re.escape(made.hostname)}", text) and "retry_schedule" in text
    options = made.json("config")
    assert made.hostname in json.dumps(options) and "retry_schedule" in json.dumps(options)


# ---- domain, account, alias ----

def names_of(listing):
    return {str(one.get("name") or one.get("address") or one.get("domain")) if isinstance(one, dict) else one for one in as_list(listing)}


def as_list(listing):
    return listing if isinstance(listing, list) else next(value for value in listing.values() if isinstance(value, list))


def test_domains(made):
    made.run("domain", "add", "second.example")
    assert {"example.test", "second.example"} <= names_of(made.json("domain", "list"))
    assert "second.example" in made.run("domain", "list").stdout
    assert "second.example" in made.run("domain", "show", "SECOND.example").stdout
    one_line(made.run("domain", "add", "second.example", status=1))
    one_line(made.run("domain", "add", "bad domain", status=1))
    made.run("domain", "remove", "second.example")
    assert "second.example" not in names_of(made.json("domain", "list"))
    one_line(made.run("domain", "remove", "second.example", status=1))
    one_line(made.run("domain", "remove", "example.test", status=1))
    one_line(made.run("domain", "show", "second.example", status=1))


def test_accounts(made):
    made.run("account", "add", "Carol@Example.Test", "--password-stdin", stdin="pass word\n")
    assert "carol@example.test" in names_of(made.json("account", "list"))
    shown = made.run("account", "show", "carol@example.test").stdout
    assert "carol@example.test" in shown and "pass word" not in shown and "argon2" not in shown.lower()
    assert "carol@example.test" in str(made.json("account", "show", "carol@example.test"))
    one_line(made.run("account", "add", "carol@example.test", "--password-stdin", stdin="x\n", status=1))
    made.run("account", "set", "carol@example.test", "--password-stdin", stdin="another word\n")
    made.run("account", "remove", "carol@example.test")
    assert "carol@example.test" not in names_of(made.json("account", "list"))
    one_line(made.run("account", "remove", "carol@example.test", status=1))
    one_line(made.run("account", "show", "carol@example.test", status=1))


@pytest.mark.parametrize("address", ["nobody@nowhere.example", "no-domain", "@example.test", "a b@example.test", "a@b@example.test", "x" * 300 + "@example.test", ""])
def test_bad_accounts(made, address):
    done = made.run("account", "add", address, "--password-stdin", stdin="a word or two\n", status=None)
    assert done.returncode in (1, 2) and len(done.stderr.strip().splitlines()) >= 1


def test_empty_password(made):
    one_line(made.run("account", "add", "empty@example.test", "--password-stdin", stdin="\n", status=1))
    assert "empty@example.test" not in names_of(made.json("account", "list"))


def test_names_with_slashes_stay_in_their_folder(made):
    made.run("account", "add", "../../escape@example.test", "--password-stdin", stdin="a word or two\n", status=None)
    assert not list(made.folder.parent.glob("escape*")) and not list(made.folder.glob("escape*")) and not list(made.data.glob("escape*"))


def test_aliases(made):
    made.run("alias", "add", "team@example.test", "anna@example.test", "someone@far.example")
    assert "team@example.test" in names_of(made.json("alias", "list"))
    assert "someone@far.example" in made.run("alias", "show", "team@example.test").stdout
    made.run("alias", "remove", "team@example.test")
    assert "team@example.test" not in names_of(made.json("alias", "list"))
    one_line(made.run("alias", "remove", "team@example.test", status=1))
    one_line(made.run("alias", "add", "team@nowhere.example", "anna@example.test", status=1))


# ---- While the server runs ----

def recipient(server, address):
    with server.smtp() as session:
        session.ehlo()
        session.mail("a@b.example")
        return session.rcpt(address)[0]


def test_changes_are_seen_at_once(server, token):
    address = f"{token}@{server.domain}"
    assert recipient(server, address) == 550
    server.add_account(address, "first word")
    assert recipient(server, address) == 250
    server.submission(address, "first word").quit()
    server.run("account", "set", address, "--password-stdin", stdin="second word\n")
    server.submission(address, "second word").quit()
    import smtplib
    with pytest.raises(smtplib.SMTPAuthenticationError):
        server.submission(address, "first word")
    server.run("account", "remove", address)
    assert recipient(server, address) == 550
    with pytest.raises(smtplib.SMTPAuthenticationError):
        server.submission(address, "second word")


def test_an_alias_with_a_wrong_target(server, token):
    """The others get their mail, the postmaster hears of it, and so does who makes the alias."""
    alias = f"{token}@{server.domain}"
    warning = server.run("alias", "add", alias, server.name("anna"), f"gone{token}@{server.domain}").stderr
    assert f"warning: {alias} leads to gone{token}@{server.domain}, which is nobody's address" in warning
    server.deliver(letters.simple(token, alias), alias)
    server.wait_mail(token)
    server.wait_log(rf"event=alias\.wrong_target .*target=gone{token}@")
    server.wait_log(r"event=alias\.notice_queued .*to=postmaster@")
    assert f"the alias {alias} leads to gone{token}@{server.domain}, which is nobody's address" in server.run("check", status=None).stdout
    server.run("alias", "remove", alias)


def test_alias_delivers_to_each(server, token):
    server.run("alias", "add", f"{token}@{server.domain}", server.name("anna"), server.name("boris"))
    server.deliver(letters.simple(token), token)
    server.wait_mail(token, "anna")
    server.wait_mail(token, "boris")
    server.run("alias", "remove", f"{token}@{server.domain}")
    assert recipient(server, f"{token}@{server.domain}") == 550


def test_alias_loop_ends(server, token):
    one, two = f"{token}a@{server.domain}", f"{token}b@{server.domain}"
    server.run("alias", "add", one, two, server.name("anna"))
    server.run("alias", "add", two, one, status=None)
    server.deliver(letters.simple(token), token + "a")
    server.wait_mail(token, "anna")


def test_domain_alias_and_catch_all(server, token):
    alias, caught = f"{token}a.example", f"{token}c.example"
    server.run("domain", "add", alias, "--alias-of", server.domain)
    server.run("domain", "add", caught, "--catch-all", server.name("boris"))
    assert recipient(server, f"anna@{alias}") == 250 and recipient(server, f"nobody@{alias}") == 550
    server.deliver(letters.simple(token + " one"), f"anna@{alias}")
    server.wait_mail(token + " one", "anna")
    server.deliver(letters.simple(token + " two"), f"whoever@{caught}")
    server.wait_mail(token + " two", "boris")
    server.run("domain", "set", caught, "--catch-all", "")
    assert recipient(server, f"whoever@{caught}") == 550
    server.run("domain", "remove", caught)
    server.run("domain", "remove", alias)


# ---- trace ----

def test_trace_tells_who_signed_in_over_what(server, token):
    """Each message of a session has the session's sign-in; nobody else's does."""
    with server.submission("anna") as session:
        for number in range(2):
            session.sendmail(server.name("anna"), [server.name("boris")], f"Subject: {token}\r\nMessage-ID: <{token}.{number}@test>\r\n\r\nText\r\n".encode())
    server.submission("boris").quit()
    for number in range(2):
        for asked in (f"{token}.{number}@test", f"<{token}.{number}@test>"):
            wait_for(lambda: "delivery.done" in server.run("trace", asked, status=None).stdout, f"the trace of {asked}")
            [story] = server.json("trace", asked)
            assert [event["event"] for event in story["events"]] == ["sign_in.done", "message.accepted", "message.judged", "delivery.done"]
            assert story["events"][0]["account"] == server.name("anna") and story["events"][0]["mechanism"] == "PLAIN"
            assert story["events"][1]["tls"].startswith("TLSv1.") and story["events"][1]["cipher"].startswith("TLS_")


# ---- Words ----

@pytest.mark.parametrize("password,word", [("x", "too short"), ("1234567", "8 characters"), ("пароль!", "too short"), ("short@example.test", "own name"), ("SHORT", "own name")])
def test_bad_passwords(made, password, word):
    for command in (["account", "add", "short@example.test"], ["account", "password", made.name("anna")]):
        if command[-1] == made.name("anna") and "own name" in word:
            continue
        assert word in one_line(made.run(*command, "--password-stdin", stdin=password + "\n", status=1))
    assert "short@example.test" not in names_of(made.json("account", "list"))


def test_password_minimum_is_an_option():
    with Pombal(start=False, accounts=[], options={"password_minimum": 3}) as own:
        own.run("account", "add", "short@example.test", "--password-stdin", stdin="abc\n")
        assert "3 characters" in one_line(own.run("account", "password", "short@example.test", "--password-stdin", stdin="ab\n", status=1))


def at_terminal(arguments, answers, deadline=30):
    """Runs the program at a terminal of its own; `answers`: (what it says, what is typed then) in turn. Gives status and all that it said."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(binary(), [binary(), *map(str, arguments)], environment())
    said, ended = b"", time.monotonic() + deadline
    answers = list(answers)
    while time.monotonic() < ended:
        try:
            data = os.read(terminal, 4096) if select.select([terminal], [], [], 0.2)[0] else None
        except OSError:
            break
        if data == b"":
            break
        said += data or b""
        if answers and answers[0][0].encode() in said:
            os.write(terminal, answers.pop(0)[1].encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()


def test_a_password_is_asked_for_when_it_can_be_used(made):
    """What keeps an account from being made is said first."""
    data = ["--data", made.data]
    for name, word in (("x@nowhere.example", "no domain"), (made.name("anna"), "already")):
        status, said = at_terminal(["account", "add", name, *data], [])
        assert status == 1 and word in said and "Password" not in said
    status, said = at_terminal(["account", "add", "typed@example.test", *data], [("Password:", "a word or two"), ("again:", "a word or two")])
    assert status == 0 and "a word" not in said, said
    assert "typed@example.test" in names_of(made.json("account", "list"))


def test_removal_is_asked_about_at_a_terminal(made, tmp_path):
    made.add_account("leaver@example.test", "a word or two")
    old_maildir(tmp_path / "old")
    made.run("import", "leaver@example.test", tmp_path / "old")
    data = ["--data", made.data]
    status, said = at_terminal(["account", "remove", "leaver@example.test", *data], [("yes or no", "no")])
    assert status == 1 and "6 messages" in said and "nothing was removed" in said, said
    status, said = at_terminal(["account", "remove", "leaver@example.test", "--keep-mail", *data], [("yes or no", "")])
    assert status == 1 and "stays where it is" in said, said
    status, said = at_terminal(["account", "remove", "nobody@example.test", *data], [])
    assert status == 1 and "yes or no" not in said
    status, said = at_terminal(["account", "remove", "leaver@example.test", *data], [("yes or no", "yes")])
    assert status == 0 and "leaver@example.test" not in names_of(made.json("account", "list"))
    made.add_account("leaver@example.test", "a word or two")
    assert at_terminal(["account", "remove", "leaver@example.test", "--yes", *data], [])[0] == 0


def test_catch_all_as_an_alias(made):
    """*@domain and @domain mean what nobody there has, not the one letter."""
    made.run("domain", "add", "all.example")
    made.run("alias", "add", "*@all.example", made.name("anna"))
    assert made.json("domain", "show", "all.example")["catch_all"] == made.name("anna")
    assert f"*@all.example -> {made.name('anna')}" in made.run("alias", "list").stdout
    assert made.json("alias", "show", "@All.Example") == {"address": "*@all.example", "targets": [made.name("anna")]}
    assert "alias set" in one_line(made.run("alias", "add", "@all.example", "x@far.example", status=1))
    made.run("alias", "set", "@all.example", "x@far.example")
    assert made.json("domain", "show", "all.example")["catch_all"] == "x@far.example"
    assert "one target" in one_line(made.run("alias", "set", "*@all.example", "x@far.example", "y@far.example", status=1))
    made.run("alias", "remove", "*@all.example")
    for act in (["remove", "*@all.example"], ["show", "*@all.example"], ["set", "*@all.example", "x@far.example"]):
        assert "no catch-all" in one_line(made.run("alias", *act, status=1))
    one_line(made.run("alias", "add", "*@nowhere.example", "x@far.example", status=1))
    made.run("domain", "remove", "all.example")


def test_an_alias_that_hides_an_account(made):
    made.add_account("hidden@example.test", "a word or two")
    said = made.run("alias", "add", "hidden@example.test", made.name("anna"))
    assert "hidden@example.test gets no mail" in said.stderr
    assert "hides the account" in made.run("check", "--no-dns", status=None).stdout
    said = made.run("alias", "add", "hidden@example.test", "hidden@example.test")
    assert said.stderr == ""
    assert "hides the account" not in made.run("check", "--no-dns", status=None).stdout
    made.run("account", "remove", "hidden@example.test")
    said = made.run("account", "add", "hidden@example.test", "--password-stdin", stdin="a word or two\n")
    assert "there is an alias of that name" in said.stderr
    made.run("alias", "remove", "hidden@example.test")
    made.run("account", "remove", "hidden@example.test")


def test_empty_listings_say_so(made):
    for command, word in ((["queue", "list"], "the queue is empty"), (["queue", "list", "@x.example"], "nothing in the queue"), (["alias", "list"], "no aliases"),
                          (["account", "list", "second.example"], "no accounts"), (["account", "expunged", made.name("anna")], "no removed messages")):
        done = made.run(*command)
        assert word in done.stderr and done.stdout == "", command
        assert made.json(*command) == []


def test_no_sessions():
    with Pombal(accounts=[]) as own:
        done = own.run("session", "list")
        assert done.stdout == "" and done.stderr == "nobody is signed in\n" and own.json("session", "list") == []


def test_times_name_their_zone(made):
    shown = run("account", "show", made.name("anna"), "--data", made.data, TZ="Asia/Kathmandu").stdout
    assert re.search(r"made \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0545,", shown), shown


def test_options_that_stand_twice():
    with Pombal(start=False, accounts=[]) as own:
        count = len(own.conf_path.read_text().splitlines())
        own.conf_path.write_text(own.conf_path.read_text() + 'log_keep = 3\nlog_keep = 4\n')
        for command in (["check"], ["serve"], ["config"]):
            done = own.run(*command, status=1)
            assert f"pombal.conf:{count + 2}: log_keep" in done.stdout + done.stderr and f"line {count + 1}" in done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_why_a_key_cannot_be_read(open_folder):
    """Whose it is and what to do, not that it should be put there."""
    data = open_folder / "data"
    data.mkdir()
    shutil.chown(data, "nobody", "nogroup")
    run("init", "--data", data, "--domain", "example.test", "--dev")
    key = data / "certificates/self-signed.key"
    shutil.chown(key, "root", "root")
    told = run("check", "--no-dns", "--data", data, status=1).stdout
    assert f"{key} can't be read by the user nobody: it belongs to root, mode 600" in told and f"chown nobody {key}" in told
    key.rename(data / "certificates/real.key")
    key.symlink_to("real.key")
    assert f"{key} can't be read by the user nobody: it belongs to root" in run("check", "--no-dns", "--data", data, status=1).stdout
    shutil.chown(data / "certificates/real.key", "nobody")
    assert str(key) not in run("check", "--no-dns", "--data", data).stdout
    (data / "certificates/real.key").rename(data / "certificates/gone.key")
    assert f"{key} is a symbolic link that leads to no file" in run("check", "--no-dns", "--data", data, status=1).stdout
    key.unlink()
    told = run("check", "--no-dns", "--data", data, status=1).stdout
    assert f"there is no file {key}" in told and "Put the file there" in told


# ---- What administrators do is written down ----

def events(server, since=0):
    """The event file's lines from `since` on, each as a dictionary."""
    with open(server.data / "log/events.log") as log:
        log.seek(since)
        return [{name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S*)', line)} for line in log]


def test_acts_are_events(tmp_path):
    with Pombal() as own:
        log = own.data / "log/events.log"
        address, domain, alias = own.name("carla"), "further.example", own.name("team")
        (tmp_path / "one.mbox").write_text("From x Mon Jan  1 00:00:00 2024\nSubject: x\n\nx\n")
        acts = [
            (["domain", "add", domain], "domain_added", {"domain": domain}),
            (["domain", "set", domain, "--catch-all", own.name("anna")], "domain_changed", {"domain": domain, "catch_all": own.name("anna")}),
            (["domain", "remove", domain], "domain_removed", {"domain": domain}),
            (["account", "add", address, "--password-stdin"], "account_added", {"account": address}),
            (["account", "set", address, "--quota", "1G", "--disabled"], "account_changed", {"account": address, "options": "quota disabled"}),
            (["account", "password", address, "--password-stdin"], "password_set", {"account": address}),
            (["account", "grant", address, alias], "sender_granted", {"account": address, "sender": alias}),
            (["account", "revoke", address, alias], "sender_revoked", {"account": address, "sender": alias}),
            (["import", address, tmp_path / "one.mbox"], "imported", {"account": address, "added": "1"}),
            (["export", address, tmp_path / "out"], "exported", {"account": address, "messages": "1"}),
            (["account", "remove", address], "account_removed", {"account": address}),
            (["alias", "add", alias, own.name("anna"), own.name("boris")], "alias_added", {"alias": alias, "targets": f"{own.name('anna')} {own.name('boris')}"}),
            (["alias", "set", alias, own.name("anna")], "alias_changed", {"alias": alias, "targets": own.name("anna")}),
            (["alias", "remove", alias], "alias_removed", {"alias": alias}),
            (["queue", "flush"], "queue_flushed", {"messages": "0"}),
            (["fsck", "--repair"], "repaired", {"problems": "0"}),
            (["reload"], "reloaded", {}),
            (["stop"], "stopped", {}),
        ]
        for arguments, event, fields in acts:
            since = log.stat().st_size
            own.run(*arguments, stdin="Ein langes Wort\n")
            [found] = [one for one in events(own, since) if one["event"].startswith("admin.")]
            assert found["event"] == "admin." + event and fields.items() <= found.items(), found
            assert (found["by"], found["uid"], found["role"]) == (getpass.getuser(), str(os.getuid()), "command")
            words = [str(word) for word in arguments if not str(word).startswith("-")]
            assert " ".join(words).startswith(found["command"]), found
            assert "langes" not in str(found)
        own.process.wait(5)
        own.process = None
        # What is refused is no act.
        since = log.stat().st_size
        own.run("alias", "remove", alias, status=1)
        assert events(own, since) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_act_of_root_is_roots(open_folder):
    """Though the command becomes the owner of the data directory before it does anything."""
    data = open_folder / "data"
    data.mkdir()
    shutil.chown(data, "nobody", "nogroup")
    run("init", "--data", data, "--domain", "example.test", "--dev")
    run("domain", "add", "second.example", "--data", data)
    lines = (data / "log/events.log").read_text().splitlines()
    assert [re.search(r"event=(\S+)", line)[1] for line in lines] == ["admin.initialised", "admin.domain_added"]
    assert all(" by=root uid=0 " in line for line in lines) and (data / "log/events.log").owner() == "nobody"


# ---- sendmail ----

def test_mail_to_the_machines_users_comes_to_the_postmaster(server, token):
    """As cron calls it; a name that neither the machine nor the server knows is refused."""
    to_root = ["sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"]
    letter = f"From: root (Cron Daemon)\nTo: root\nSubject: {token}\n\nDone.\n"
    run(*to_root, stdin=letter.encode(), POMBAL_DATA=str(server.data))
    server.run("trace", f"postmaster@{server.domain}")
    wait_for(lambda: "delivery.done" in server.run("trace", f"postmaster@{server.domain}").stdout, "the letter to root")
    server.add_account(f"root@{server.domain}", "a word or two")
    run(*to_root, stdin=letter.encode(), POMBAL_DATA=str(server.data))
    wait_for(lambda: server.json("account", "show", f"root@{server.domain}")["messages"] == 1, "root's own mail")
    server.run("account", "remove", f"root@{server.domain}")
    one_line(run("sendmail", "no-such-user", stdin=letter.encode(), status=1, POMBAL_DATA=str(server.data)))


def test_sendmail_quotes_names_and_loses_nothing(server, token):
    """Names with a comma, in any language; a lone CR ends no letter; what stands behind the dot isn't dropped in silence."""
    def send(letter, *options, status=0):
        return run("sendmail", *options, f"anna@{server.domain}", stdin=letter, status=status, POMBAL_DATA=str(server.data))
    assert send(f"Subject: {token} 1\n\none\r.\rtwo\n".encode(), "-F", "Doe, John").stderr == ""
    assert send(f"Subject: {token} 2\n\none\n.\ntwo\n".encode(), "-F", "Юрий, Ж.", "-i").stderr == ""
    assert "4 bytes behind it were not sent" in send(f"Subject: {token} 3\n\none\n.\ntwo\n".encode()).stderr
    assert "NUL" in send(f"Subject: {token} 4\n\none\n\0.\ntwo\n".encode(), "-i", status=1).stderr
    found = sorted((letters.parse(letter) for letter in server.wait_mail(token, count=3)), key=lambda letter: letter["Subject"])
    assert [letter["From"].addresses[0].display_name for letter in found][:2] == ["Doe, John", "Юрий, Ж."]
    assert [letter.get_content().split() for letter in found] == [["one", ".", "two"], ["one", ".", "two"], ["one"]]


# ---- Import and export ----

def old_maildir(path):
    """As Dovecot writes it: keywords, folders of both layouts, names in modified UTF-7."""
    for folder in ("", ".Projects.Old", ".&BB8EQAQ4BDIENQRC-", "Tree", "Tree/Leaf 1.0"):
        for sub in ("cur", "new", "tmp"):
            (path / folder / sub).mkdir(parents=True, exist_ok=True)
        (path / folder / "cur/1000000000.M1P1.host:2,S").write_text(f"Subject: in [{folder}]\n\nx\n")
    (path / "cur/1000000001.M2P1.host,S=30:2,FSab").write_text("Subject: words\n\nx\n")
    (path / "dovecot-keywords").write_text("0 $Forwarded\n1 Work\n2 not(one\n")
    return path


def listed(path):
    return sorted(str(one.relative_to(path).parent) + one.name[one.name.index(":2,"):] for one in path.rglob("*:2,*"))


def test_import_of_folders_and_keywords(made, tmp_path):
    made.add_account("mover@example.test", "a word or two")
    source = old_maildir(tmp_path / "old")
    assert "6 messages added" in made.run("import", "mover@example.test", source).stdout
    made.run("export", "mover@example.test", tmp_path / "out")
    assert listed(tmp_path / "out") == sorted([".&BB8EQAQ4BDIENQRC-/cur:2,S", ".Projects.Old/cur:2,S", ".Tree/cur:2,S", ".Tree.Leaf 1&AC4-0/cur:2,S",
                                               "cur:2,FSab", "cur:2,S"])
    assert (tmp_path / "out/dovecot-keywords").read_text() == "0 $Forwarded\n1 Work\n"
    made.add_account("again@example.test", "a word or two")
    made.run("import", "again@example.test", tmp_path / "out")
    made.run("export", "again@example.test", tmp_path / "twice")
    assert listed(tmp_path / "twice") == listed(tmp_path / "out")


def test_import_follows_no_link(made, tmp_path):
    source = old_maildir(tmp_path / "old")
    (source / ".Elsewhere").symlink_to(source / ".Projects.Old")
    made.add_account("linked@example.test", "a word or two")
    assert ".Elsewhere" in made.run("import", "linked@example.test", source, status=1).stderr
    (source / ".Elsewhere").unlink()
    (source / "link.to.none").symlink_to("/etc")
    made.run("import", "linked@example.test", source)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_imports_and_exports_what_only_root_may_touch(open_folder):
    """The data directory is another user's, as a package sets it up; what root names is root's."""
    data, closed = open_folder / "data", open_folder / "closed"
    data.mkdir()
    shutil.chown(data, "nobody", "nogroup")
    closed.mkdir(mode=0o700)
    run("init", "--data", data, "--domain", "example.test", "--dev")
    source = old_maildir(closed / "old")
    for path in source.rglob("*:2,*"):
        path.chmod(0o600)
    assert "6 messages added" in run("import", "alice@example.test", source, "--data", data).stdout
    run("export", "alice@example.test", closed / "out", "--data", data)
    assert len(listed(closed / "out")) == 6
    run("export", "alice@example.test", closed / "in.mbox", "--format", "mbox", "--mailbox", "INBOX", "--data", data)
    one_line(run("export", "alice@example.test", closed / "in.mbox", "--format", "mbox", "--mailbox", "INBOX", "--data", data, status=1))
    assert "2 messages added" in run("import", "bob@example.test", closed / "in.mbox", "--data", data).stdout
    assert {path.owner() for path in data.rglob("*")} == {"nobody"}
    one_line(run("export", "alice@example.test", closed, "--data", data, status=1))
