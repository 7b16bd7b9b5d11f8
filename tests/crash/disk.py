"""A file system of the tests' own, for which the power can go at any moment; and small ones in memory."""
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest


def run(*command, check=True):
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)


def need_root():
    if os.geteuid() != 0:
        pytest.skip("needs root, for mounting")


class CutDisk:
    """ext4, with a journal, on a loop device over an image on a second ext4, which can be frozen. While it is, nothing more
    gets onto the image: what it holds is what was on disk at that moment, and what the kernel had not written yet is lost.
    (Making the device fail instead, by cutting its size, is closer to a pulled plug, but the kernel's ext4 may hang on it.)"""

    def __init__(self, megabytes=384):
        need_root()
        self.folder = Path(tempfile.mkdtemp(prefix="pombal-disk-"))
        self.outer, self.mount_point = self.folder / "outer", self.folder / "disk"
        self.image, self.kept = self.outer / "image", self.folder / "kept"
        self.mounted = []
        try:
            self._mount(self._make(self.folder / "outer-image", megabytes + 64), self.outer)
            self._make(self.image, megabytes)
            self.mount()
        except (subprocess.CalledProcessError, FileNotFoundError) as problem:
            self.close()
            pytest.skip(f"no loop device can be had here: {getattr(problem, 'output', problem)}")

    def _make(self, path, megabytes):
        with open(path, "wb") as image:
            image.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-F", "-O", "has_journal", "-E", "lazy_itable_init=1", path)
        return path

    def _mount(self, image, where, options="noatime"):
        where.mkdir(exist_ok=True)
        run("mount", "-o", "loop," + options, image, where)
        self.mounted.append(where)

    def mount(self):
        # commit: the journal's own rhythm must not be what keeps the mail
        self._mount(self.image, self.mount_point, "commit=60")

    def cut(self, kill):
        """`kill` ends the processes that use the disk. When they are told so nothing is written any more; whoever waits for
        the disk then ends when it goes on, before learning anything."""
        run("fsfreeze", "-f", self.outer)
        try:
            run("cp", "--sparse=always", self.image, self.kept)
            kill()
        finally:
            run("fsfreeze", "-u", self.outer)

    def mount_again(self):
        """After the cut, when the processes have ended: what was on disk."""
        self._unmount(self.mount_point)
        run("cp", "--sparse=always", self.kept, self.image)
        self.mount()

    def _unmount(self, where):
        for _ in range(100):
            if run("umount", where, check=False).returncode == 0:
                self.mounted.remove(where)
                return
            time.sleep(0.1)
        raise AssertionError(f"{where} is still in use")

    def close(self):
        for where in reversed(self.mounted):
            run("umount", "-l", where, check=False)
        run("rm", "-rf", "--one-file-system", self.folder, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class SmallDisk:
    """A few megabytes of memory."""

    def __init__(self, megabytes):
        need_root()
        self.mount_point = Path(tempfile.mkdtemp(prefix="pombal-small-"))
        done = run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", self.mount_point, check=False)
        if done.returncode:
            os.rmdir(self.mount_point)
            pytest.skip("no tmpfs can be mounted here: " + done.stdout)

    def fill(self):
        """Takes all the room that is left, or that has become free since; gives back what frees it."""
        path = self.mount_point / "filler"
        with open(path, "ab", buffering=0) as filler:
            for step in (1 << 20, 4096):
                try:
                    while True:
                        filler.write(b"x" * step)
                except OSError:
                    pass
        return path.unlink

    def __enter__(self):
        return self

    def __exit__(self, *_):
        run("umount", "-l", self.mount_point, check=False)
        os.rmdir(self.mount_point)
