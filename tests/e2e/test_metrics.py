"""`pombal metrics`: what the running server counts, in the form that Prometheus reads."""
import os
import re
import signal
import socket
import time

import pytest

import letters
from pombal import ON_DEMAND, ROLES, STARTED, Pombal, wait_for

LINE = re.compile(r'^(\w+)(?:\{(\w+="[^"\\]*"(?:,\w+="[^"\\]*")*)\})? (-?\d+(?:\.\d+)?)$')


def read(text):
    """{(family, (("label", "value"), …)): number}; asserts that each line is well-formed, and each family declared once, before its
    samples, and in one piece."""
    types, samples, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# "):
            kind, family, what = re.match(r"# (HELP|TYPE) (\w+) (.+)", line).groups()
            if kind == "TYPE":
                assert what in ("counter", "gauge") and family not in types
                types[family] = what
                current = family
            continue
        family, labels, number = LINE.match(line).groups()
        assert family == current, f"{line} stands under {current}"
        key = (family, tuple(sorted(tuple(one.split("=", 1)) for one in (labels or "").split(",") if one)))
        assert key not in samples, line
        samples[key] = float(number)
    for family, what in types.items():
        assert (what == "counter") == family.endswith("_total"), family
    return samples


def number(samples, family, **labels):
    wanted = {(name, f'"{value}"') for name, value in labels.items()}
    found = [value for (name, present), value in samples.items() if name == family and wanted <= set(present)]
    assert len(found) == 1, f"{family} {labels}: {found}"
    return found[0]


@pytest.fixture(scope="module")
def own():
    with Pombal("metrics.example") as shared:
        yield shared


def test_numbers(own, token):
    before = read(own.run("metrics").stdout)
    own.submit(letters.simple(token, sender=own.name("anna")), own.name("boris"))
    own.wait_mail(token, "boris")
    with own.smtp() as session:
        session.ehlo()
        session.mail("a@elsewhere.example")
        assert session.rcpt(f"nobody@{own.domain}")[0] == 550
        after = read(own.run("metrics").stdout)
        assert number(after, "pombal_connections_open", role="smtp") >= 1

    def grown(family, **labels):
        return number(after, family, **labels) - number(before, family, **labels)
    assert grown("pombal_messages_accepted_total", role="smtp") == 1
    assert grown("pombal_recipients_refused_total", role="smtp") == 1
    assert grown("pombal_deliveries_total", role="courier", outcome="done") == 1
    assert grown("pombal_deliveries_total", role="courier", outcome="failed") == 0
    assert grown("pombal_sign_ins_total", outcome="done") >= 1
    assert grown("pombal_connections_accepted_total", role="smtp") == 2
    assert number(after, "pombal_events_total", role="smtp", event="message.accepted") == number(after, "pombal_messages_accepted_total")
    assert number(after, "pombal_queue_messages") == number(after, "pombal_queue_recipients") == 0
    for role in ON_DEMAND:
        assert number(after, "pombal_up", role=role) == 1
    for role in ["master", *STARTED]:
        assert number(after, "pombal_up", role=role) == 1
        assert 0 <= time.time() - number(after, "pombal_start_time_seconds", role=role) < 3600
        assert 100_000 < number(after, "pombal_memory_pss_bytes", role=role) < 10**9
        assert grown("pombal_cpu_seconds_total", role=role) >= 0


def test_json(own):
    numbers = own.json("metrics")
    assert set(numbers) == {"master", *ROLES}
    assert numbers["courier"]["value"]["queue_messages"] == 0
    assert numbers["master"]["event"]["server.ready"] == 1


def test_roles_that_end_and_roles_that_hang(own):
    before = read(own.run("metrics").stdout)
    own.expected_noise.append(r"event=role\.ended")
    os.kill(own.role_of("reader"), signal.SIGKILL)
    wait_for(lambda: number(read(own.run("metrics").stdout), "pombal_restarts_total", role="reader") ==
             number(before, "pombal_restarts_total", role="reader") + 1, "the restart to be counted")
    wait_for(lambda: number(read(own.run("metrics").stdout), "pombal_up", role="reader") == 1, "the reader to be up")
    hanging = own.role_of("courier")
    os.kill(hanging, signal.SIGSTOP)
    try:
        began = time.monotonic()
        samples = read(own.run("metrics").stdout)
        assert time.monotonic() - began < 10
        assert number(samples, "pombal_messages_accepted_total", role="smtp") >= 0
        assert not [key for key in samples if key[0] == "pombal_queue_messages"]  # what isn't known isn't said
    finally:
        os.kill(hanging, signal.SIGCONT)
    assert number(read(own.run("metrics").stdout), "pombal_queue_messages") == 0


def test_no_server():
    with Pombal("still.example", start=False) as still:
        assert "no server is running" in still.run("metrics", status=1).stderr


def test_a_question_with_a_nul(own):
    """It is refused, and the server that was asked goes on."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(20)
        control.connect(str(own.data / "run" / "control"))
        control.sendall(b"end nobody\0@example.test\n")
        assert control.recv(4096).startswith(b"error ")
    assert own.run("status").returncode == 0
