"""A Pombal whose data are on a given file system, and whose log is not."""
import os
import signal
import tempfile
from pathlib import Path

from pombal import Pombal, children, wait_for


class PlacedPombal(Pombal):
    def __init__(self, place, **more):
        handle, self._log = tempfile.mkstemp(prefix="pombal-log-")
        os.close(handle)
        before, tempfile.tempdir = tempfile.tempdir, str(place)
        try:
            super().__init__(**more)
        finally:
            tempfile.tempdir = before

    @property
    def log_path(self):
        return Path(self._log)

    @log_path.setter
    def log_path(self, _):
        pass

    def kill_now(self):
        """As crash(), but doesn't wait: the processes may hang in the file system."""
        self._dying = [self.process.pid, *children(self.process.pid)]
        for pid in self._dying:
            os.kill(pid, signal.SIGKILL)

    def reap(self):
        process, self.process = self.process, None
        process.wait()
        for pid in self._dying[1:]:
            wait_for(lambda: not Path(f"/proc/{pid}").exists(), f"process {pid} to end")

    def close(self):
        try:
            super().close()
        finally:
            if not os.environ.get("POMBAL_TEST_KEEP"):
                os.unlink(self._log)
