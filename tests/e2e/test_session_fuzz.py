"""The whole-server fuzzer (tests/fuzz/sessions.py) for a moment, always with the same sessions; `make fuzz` runs it at length."""
import random
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "fuzz"))

import grammar
import sessions


def test_the_server_outlives_what_a_grammar_makes():
    done, problems = sessions.fuzz("every day the same", count=100, clients=4)
    assert problems == [] and done == 100


def test_a_session_follows_from_its_seed():
    assert grammar.session(random.Random("1/2")) == grammar.session(random.Random("1/2"))
    assert grammar.session(random.Random("1/2")) != grammar.session(random.Random("1/3"))
