"""A terminal for programs that want one. Its description is the tests' own: a minimal system may lack those of xterm and the like."""
import functools
import os
import pty
import re
import select
import subprocess
import tempfile
import termios
import time

from pombal import environment

DESCRIPTION = r"""pombal-test|terminal of the tests,
	am, cols#80, lines#24,
	bel=^G, clear=\E[H\E[2J, cr=\r, cub1=^H, cud1=\n, cuf1=\E[C, cup=\E[%i%p1%d;%p2%dH, cuu1=\E[A,
	ed=\E[J, el=\E[K, home=\E[H, ht=^I, ind=\n, kcub1=\E[D, kcud1=\E[B, kcuf1=\E[C, kcuu1=\E[A,
	rmso=\E[m, sgr0=\E[m, smso=\E[7m,
"""


@functools.cache
def described():
    """The folder with the compiled description; kept until the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="pombal-terminal-")
    source = os.path.join(folder.name, "source")
    with open(source, "w") as file:
        file.write(DESCRIPTION)
    subprocess.run(["tic", "-o", folder.name, source], check=True, stdin=subprocess.DEVNULL)
    return folder


def in_terminal(command, home, answers=(), deadline=60):
    """Runs a program in a terminal of its own; gives its exit status and what it wrote. `answers`: pairs of a pattern to wait for in
    what is written since the last answer, and the keys to press then."""
    where = described().name
    pid, master = pty.fork()
    if pid == 0:
        termios.tcsetwinsize(0, (24, 80))  # ncurses of Debian 13 opens no terminal without a size
        os.chdir(home)
        os.execvpe(command[0], [str(word) for word in command],
                   environment(HOME=str(home), TERM="pombal-test", TERMINFO=where))
    output, seen, waiting, end = b"", 0, list(answers), time.monotonic() + deadline
    try:
        while time.monotonic() < end:
            if select.select([master], [], [], 0.5)[0]:
                try:
                    data = os.read(master, 65536)
                except OSError:
                    break
                if not data:
                    break
                output += data
            if waiting and re.search(waiting[0][0].encode(), output[seen:]):
                seen = len(output)
                os.write(master, waiting.pop(0)[1].encode())
        else:
            os.kill(pid, 9)
    finally:
        os.close(master)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), output.decode(errors="replace")
