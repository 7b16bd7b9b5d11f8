"""The web mail shows what strangers write: in Debian's Chromium, by web/tests/read.js and web/tests/attacks.js, and against a whole server, to which such letters come over SMTP."""
import re
import subprocess

import pytest

from pombal import ROOT

WEB = ROOT / "web"


def run(script, *arguments):
    done = subprocess.run(["node", f"tests/{script}", *arguments], cwd=WEB, capture_output=True, text=True, timeout=1800)
    counts = re.search(r"^# tests (\d+)\n# pass (\d+)\n# fail (\d+)$", done.stdout, re.M)
    assert counts, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.returncode == 0 and counts[3] == "0", "\n".join(re.findall(r"^not ok.*\n(?:  #.*\n)*", done.stdout, re.M))
    return int(counts[1])


@pytest.fixture(scope="module", autouse=True)
def packages():
    """What the pages are built with is there."""
    subprocess.run([ROOT / "tools/build_web"], check=True)


def test_attacks():
    assert run("attacks.js") >= 40


def test_views():
    assert run("read.js") >= 17
