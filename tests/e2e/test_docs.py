"""The commands of docs/ are what they say: each block that is marked as tested is run, page by page in the order of the page, against
an instance of its own.

A block is marked by a comment before it: `<!-- tested -->`. `served` in it: from here on the server runs; `stop`: from here on it
doesn't any more. A page without a block of `pombal init` gets an instance that the same command made.

Pages in other languages have the same blocks (tools/check_translations), so they aren't run again.
"""
import os
import re
import shutil
import subprocess

import pytest

from pombal import PORT_BASE, PORTS, ROOT, Pombal, binary, environment

BLOCK = re.compile(r"^<!-- tested(?P<words>[ a-z]*) -->\n```sh\n(?P<commands>.*?)^```$", re.M | re.S)
INIT = "pombal init --domain example.org --hostname mail.example.org\n"
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


class Instance(Pombal):
    """Made by the page's own commands."""

    def __init__(self):
        super().__init__("example.org", start=False)

    def _make(self, options, accounts):
        self.programs = self.folder / "bin"
        self.programs.mkdir()
        (self.programs / "pombal").symlink_to(binary())
        self.here = self.folder / "here"
        self.here.mkdir()

    def shell(self, commands):
        """As an administrator would type it, but that an error ends it."""
        return subprocess.run(["sh", "-euc", commands], cwd=self.here, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=120, text=True, errors="replace",
                              env=environment(POMBAL_DATA=str(self.data), PATH=f"{self.programs}:{os.environ['PATH']}"))

    def listen_here(self):
        """`init` chose the well-known ports on all addresses, which are not the tests' to take."""
        self.configure(**{f"{name}_listen": [f"{self.address}:{port + PORT_BASE}"] for name, port in PORTS.items()})


def blocks(page):
    return [(found["words"].split(), found["commands"]) for found in BLOCK.finditer((ROOT / "docs" / page).read_text())]


def test_all_blocks_are_understood():
    """A mistyped mark would leave a block untested without a word."""
    for page in PAGES:
        text = (ROOT / "docs" / page).read_text()
        assert text.count("```sh") == len(blocks(page)) == text.count("<!--"), page


def test_the_page_about_http_is_what_the_program_prints():
    printed = subprocess.run([binary(), "manual", "http"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment(), check=True).stdout
    assert printed.decode() == (ROOT / "docs/http.md").read_text(), "docs/http.md is made by: pombal manual http > docs/http.md"


def translations(root, *arguments):
    done = subprocess.run([ROOT / "tools/check_translations", "--root", root, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment(), check=False, text=True)
    return done.returncode, done.stdout


def test_translations():
    """Pages and manual pages in other languages: the same commands, and not too old."""
    status, said = translations(ROOT, "--program", binary())
    assert status == 0, f"{said}\nWhat to do says: tools/check_translations --help"


def test_what_is_said_of_translations(tmp_path):
    """An older paragraph is named and no error; other commands are one, and copied with --code; what was translated anew must be stamped."""
    for path in (ROOT / "README.md", *ROOT.glob("README.*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("originals.txt"), *(ROOT / "docs/pictures").iterdir()):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    for name in ("ARCHITECTURE.md", "web/README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    before = translations(tmp_path, "--list")[1]
    english, russian = tmp_path / "docs/backup.md", tmp_path / "docs/ru/backup.md"
    text = english.read_text()
    english.write_text(text.replace("## Restoring\n", "## Restoring\n\nSomething new.\n").replace("Stop the server, put", "Stop it, put").replace("pombal fsck --data copy", "pombal fsck --data elsewhere"))
    status, said = translations(tmp_path, "--list")
    assert status == 1 and said.count("not the commands of docs/backup.md") == 2, said
    assert said.count("missing: docs/backup.md:") == before.count("missing: docs/backup.md:") + 2 and said.count("Something new.") == 2
    assert re.search(r"^docs/ru/backup.md:\d+: older than docs/backup.md:\d+: Stop it, put", said, re.M), said
    status, said = translations(tmp_path, "--code", "--list")
    assert status == 0 and "pombal fsck --data elsewhere" in russian.read_text(), said
    russian.write_text(russian.read_text().replace("## Восстановление\n", "## Восстановление\n\nКое-что новое.\n"))
    status, said = translations(tmp_path)
    assert status == 1 and "was changed: is it right? (--stamp): Кое-что новое." in said
    status, said = translations(tmp_path, "--stamp", "--list")
    assert status == 0 and "docs/ru/backup.md: missing" not in said and "docs/pt/backup.md: missing" in said, said
    russian.write_text(russian.read_text().replace("](guide.md)", "](guild.md)"))
    assert "there is no guild.md" in translations(tmp_path)[1]


def test_the_page_about_administration_has_the_programs_tables():
    printed = subprocess.run([binary(), "manual", "admin"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment(), check=True).stdout.decode()
    page = (ROOT / "docs/admin-api.md").read_text()
    for table in printed.strip().split("\n\n"):
        assert table in page, "docs/admin-api.md has the tables that `pombal manual admin` prints"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_commands(page):
    with Instance() as instance:
        commands = blocks(page)
        if commands[0][1] != INIT:
            assert instance.shell(INIT).returncode == 0
        for words, text in commands:
            if "served" in words:
                instance.listen_here()
                instance.start()
            if "stop" in words:
                instance.stop()
            done = instance.shell(text)
            assert done.returncode == 0, f"{page}:\n{text}\n{done.stdout}"
            assert "pombal trace" not in text or "delivery.done" in done.stdout, done.stdout


def test_mail_comes_over_by_imap(tmp_path):
    """The page about migration, with Pombal itself as the other server: its file for mbsync, and its commands."""
    page = (ROOT / "docs/migration.md").read_text()
    file = re.search(r"^    IMAPAccount old\n(?:    .*\n|\n)+", page, re.M)[0].replace("\n    ", "\n").strip() + "\n"
    commands = re.search(r"^((?:    .*\n)*    mbsync .*\n(?:    .*\n)*)", page, re.M)[1].replace("\n    ", "\n").strip()
    with Pombal() as old, Instance() as new:
        session = old.imap("anna")
        for folder in ('"Sent Items"', "Calendar", "Projects"):
            session.create(folder)
        for folder, flags in (("INBOX", None), ('"Sent Items"', r"(\Seen)"), ("Calendar", None), ("Projects", r"(\Flagged)")):
            assert session.append(folder, flags, None, f"Subject: {folder.strip(chr(34))}\r\n\r\nText.\r\n".encode())[0] == "OK"
        assert new.shell(INIT + "printf 'a good long password' | pombal account add anna@example.org --password-stdin").returncode == 0
        tunnel = f'Tunnel "bash -c \'exec 3<>/dev/tcp/{old.address}/{old.ports["imaps"]}; cat <&3 & exec cat >&3\'"'
        file = file.replace("Host exchange.example.org\n", f"Host {old.hostname}\n{tunnel}\nSystemCertificates no\nCertificateFile {old.certificate[0]}\n")
        file = file.replace("User anna@example.org\n", f"User {old.name('anna')}\n")
        (new.here / "anna.mbsyncrc").write_text(file)
        (new.here / "anna.password").write_text(old.password("anna"))
        for _ in range(2):
            done = new.shell(commands)
            assert done.returncode == 0, done.stdout
        done = new.shell("pombal export anna@example.org away >&2; cd away; grep -r ^Subject: . | sort")
        found = re.findall(r"^\./(?:\.([\w ]+)/)?(?:cur|new)/\S*?(?::2,(\w*))?:Subject: (.*?)\r?$", done.stdout, re.M)
        assert sorted((name, "F" in flags, subject) for name, flags, subject in found) == [("", False, "INBOX"), ("Projects", True, "Projects"), ("Sent", False, "Sent Items")], done.stdout


def test_commands_that_are_named_exist():
    """`pombal COMMAND` anywhere in a page, in a block or a sentence."""
    known = subprocess.run([binary(), "--help"], stdout=subprocess.PIPE, check=True, text=True).stdout
    names = {line.split("  ")[1].strip() for line in known.splitlines() if line.startswith("  ")}
    for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        for found in re.finditer(r"(?:^|[`|]|sudo |do |then |\$\()\s*pombal (?!--)([a-z]+)(?: ([a-z-]+))?(?: ([a-z]+))?", page.read_text(), re.M):
            assert {found[1], f"{found[1]} {found[2]}", f"{found[1]} {found[2]} {found[3]}"} & names, f"{page.name}: {found[0]}"


def test_options_that_are_named_exist():
    for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        for group in re.findall(r"options? ((?:`\w+`(?:, | and )?)+)", page.read_text()):
            for option in re.findall(r"`(\w+)`", group):
                assert re.search(rf"^OPTION_\w+\({option},", (ROOT / "src/config/options.def").read_text(), re.M), f"{page.name}: {option}"


def test_tests_that_are_named_exist():
    """Each row of the attacks names at least one, and each is there: `FILE::TEST`, a transcript, or a file of the pages' tests."""
    rows = [row for row in (ROOT / "docs/attacks.md").read_text().splitlines() if row.startswith("| ") and not row.startswith(("| attack ", "| **"))]
    assert rows
    for row in rows:
        named = re.findall(r"`([^`]+)`", row)
        assert named, row
        for name in named:
            path, _, test = name.partition("::")
            assert (ROOT / path).is_file(), name
            assert not test or re.search(rf"^(?:def|static void) {test}\(", (ROOT / path).read_text(), re.M), name
            assert test or path.startswith(("tests/transcripts/", "web/")), name
