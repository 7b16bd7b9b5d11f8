"""Tests of what must not be lost. They share the servers of tests/e2e; each makes a server of its own, since it breaks it.

Environment: CRASH_MESSAGES, CRASH_KILLS, CRASH_SESSIONS, CRASH_CUTS, CRASH_QUEUED, CRASH_JMAP, CRASH_WEB_KILLS and CRASH_TOGETHER make the tests long, CRASH_SEED repeats
a run (as far as threads can be repeated).
"""
import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(autouse=True)
def seed():
    chosen = int(os.environ.get("CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 10 ** 9)
    random.seed(chosen)
    print("CRASH_SEED", chosen)  # shown when the test fails
    return chosen
