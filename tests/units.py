"""Runs the unit test programs that meson knows, and counts their cases (cmocka speaks TAP, as Node does); adds up all results."""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TIMEOUT = 300


def run(test, build):
    """Runs one program; gives (its name, cases that passed, cases that failed, its output)."""
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1", **test.get("env") or {})
    try:
        done = subprocess.run(test["cmd"], cwd=test.get("workdir") or build, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)
        output, status = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        output, status = (late.stdout or b"").decode(errors="replace") + f"\nstill running after {TIMEOUT} s\n", None
    # cmocka says "not ok … # SKIP" of what it skips.
    passed = len(re.findall(r"^ok \d+ (?!.*# SKIP)", output, re.M))
    failed = len(re.findall(r"^not ok \d+ (?!.*# SKIP)", output, re.M))
    if status != 0 and failed == 0:
        failed = 1  # it crashed, leaked or hung
    if passed + failed == 0:
        passed = 1  # no cmocka program, and content
    return test["name"], passed, failed, output


def run_all(build, result, *more):
    """Those of a build folder, and further programs by their paths."""
    tests = json.loads(subprocess.run(["meson", "introspect", build, "--tests"], check=True, stdout=subprocess.PIPE).stdout)
    tests += [{"name": program, "cmd": [os.path.abspath(program)]} for program in more]
    passed = failed = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for name, good, bad, output in pool.map(lambda test: run(test, build), tests):
            passed += good
            failed += bad
            print(f"unit tests of {name}: {good} passed, {bad} failed")
            if bad:
                print(output)
            sys.stdout.flush()
    Path(result).write_text(f"{passed} {failed}")
    return failed == 0


def run_tap(result, *command):
    """Runs what speaks TAP, and shows what it says as it says it."""
    passed = failed = 0
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
            passed += bool(re.match(rb"ok \d+ (?!.*# SKIP)", line))
            failed += line.startswith(b"not ok ")
    if failed == 0 and (process.returncode != 0 or passed == 0):
        failed = 1
    Path(result).write_text(f"{passed} {failed}")
    return failed == 0


def add_up(folder):
    passed = failed = 0
    for kind in ("unit", "web-types", "web-unit", "web-end"):
        if Path(folder, kind).exists():
            good, bad = map(int, Path(folder, kind).read_text().split())
            passed, failed = passed + good, failed + bad
    for kind in ("e2e", "crash"):
        suites = Path(folder, kind + ".xml")
        if suites.exists():
            for suite in xml.etree.ElementTree.parse(suites).getroot().iter("testsuite"):
                bad = int(suite.get("failures")) + int(suite.get("errors"))
                failed += bad
                passed += int(suite.get("tests")) - bad - int(suite.get("skipped"))
        elif Path(folder, kind + "-wanted").exists():
            failed += 1  # pytest itself broke down
    print(f"{passed} passed, {failed} failed")
    return failed == 0 and passed > 0


if __name__ == "__main__":
    done = {"--sum": add_up, "--tap": run_tap}.get(sys.argv[1])
    sys.exit(0 if (done(*sys.argv[2:]) if done else run_all(*sys.argv[1:])) else 1)
