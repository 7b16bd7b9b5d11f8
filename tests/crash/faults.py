"""System calls that fail or take long in one role, clocks that jump (both by shim.c, which is preloaded into the server), and
a process whose descriptors are used up."""
import atexit
import errno
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

import pombal

FIELDS = ("clock_offset", "role", "calls", "error", "delay_us", "tampered", "lie")
CALLS = {"sync": 1, "pwrite": 2, "write": 4, "name": 8}


class Shim:
    """From its making to close(), servers that are started do what it says."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-shim-"))
        os.chmod(self.folder, 0o755)
        library, path = self.folder / "shim.so", self.folder / "plan"
        built = subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-I", pombal.ROOT / "src", "-o", library, Path(__file__).with_name("shim.c"), "-ldl"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert built.returncode == 0, built.stdout
        path.write_bytes(bytes(8 * len(FIELDS)))
        os.chmod(path, 0o666)
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 8 * len(FIELDS))
        self.usual = pombal.environment
        # A sanitizer's library would like to be the first.
        asan = os.environ.get("ASAN_OPTIONS", "quarantine_size_mb=8") + ":verify_asan_link_order=0"
        pombal.environment = lambda **more: {**self.usual(**more), "LD_PRELOAD": str(library), "SHIM_FILE": str(path), "ASAN_OPTIONS": asan}
        atexit.register(shutil.rmtree, self.folder, True)

    def close(self):
        pombal.environment = self.usual
        shutil.rmtree(self.folder, True)

    def set(self, **values):
        for name, value in values.items():
            struct.pack_into("<q", self.memory, 8 * FIELDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("<q", self.memory, 8 * FIELDS.index(name))[0]

    def fault(self, role, calls, error=None, delay=0):
        return Fault(self, role, calls, error, delay)


class Fault:
    """While it lasts, the role's calls of these kinds fail with `error` ("EIO"), after `delay` seconds; or only take so long."""

    def __init__(self, shim, role, calls, error, delay):
        self.shim, self.tampered = shim, 0
        self.role = pombal.ROLES.index(role) + 1
        self.calls = sum(CALLS[kind] for kind in calls.split(","))
        self.error, self.delay_us = getattr(errno, error) if error else 0, int(delay * 1e6)

    def __enter__(self):
        self.shim.set(role=self.role, error=self.error, delay_us=self.delay_us, tampered=0, calls=self.calls)
        return self

    def __exit__(self, *_):
        self.shim.set(calls=0)
        self.tampered = self.shim.get("tampered")


@pytest.fixture(scope="module")
def shim():
    made = Shim()
    yield made
    made.close()


def limit_files(pid, limit):
    """Sets the soft limit of open files; gives the former one."""
    before = subprocess.run(["prlimit", "--pid", str(pid), "--nofile", "--output", "SOFT", "--noheadings"], check=True, capture_output=True, text=True)
    subprocess.run(["prlimit", "--pid", str(pid), f"--nofile={limit}:"], check=True)
    return before.stdout.strip()


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory_of(pid):
    """Resident anonymous memory in KiB: what the process has taken for itself."""
    return int(next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon")).split()[1])
