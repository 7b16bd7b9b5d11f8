"""The commands of docs/ are what they say: each block that is marked as tested is run, page by page in the order of the page, against
an instance of its own.

A block is marked by a comment before it: `<!-- tested -->`. `served` in it: from here on the server runs; `stop`: from here on it
doesn't any more. A page without a block of `pombal init` gets an instance that the same command made.
"""
import os
import re
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
