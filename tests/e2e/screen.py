"""A screen that nobody sees, for programs that want one; a picture can be had of it."""
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

from pombal import environment


class Screen:
    """An X server that keeps its picture in a file. `name`: as $DISPLAY has it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="pombal-screen-")
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1280x1024x24", "-fbdir", self.folder.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
        self.name = ":" + self.process.stdout.readline().decode().strip()

    def picture(self, path):
        """Writes what is to be seen now as a PNG file; gives its path."""
        raw = (Path(self.folder.name) / "Xvfb_screen0").read_bytes()  # as xwd writes it: a head of numbers, colours, lines
        head = struct.unpack(">25I", raw[:100])
        start, width, height, line = head[0] + 12 * head[19], head[4], head[5], head[12]
        lines = bytearray()
        for at in range(start, start + height * line, line):
            dots = raw[at:at + 4 * width]  # blue, green, red, nothing
            colours = bytearray(3 * width)
            colours[0::3], colours[1::3], colours[2::3] = dots[2::4], dots[1::4], dots[0::4]
            lines += b"\0" + colours
        parts = [(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b"")]
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts))
        return path

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
        self.folder.cleanup()
