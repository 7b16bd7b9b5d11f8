"""Other mail servers, by the hundred: for the tests, and for bench/."""
import asyncio
import contextlib
import threading
import time

PORT = 22525


class Crowd:
    """Mail servers by the hundred, in one thread: at each address one that takes mail, after a pause before each of its replies."""

    def __init__(self, addresses, greets=True, pause=0):
        self.greets, self.pause = greets, pause
        self.taken = {}  # by address: when the last letter was taken
        self.loop = asyncio.new_event_loop()
        self.servers = [self.loop.run_until_complete(asyncio.start_server(self._serve, address, PORT)) for address in addresses]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        self.loop.run_forever()
        for server in self.servers:
            server.close()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))

    async def _serve(self, reader, writer):
        say = {b"EHLO": b"250-crowd\r\n250 PIPELINING\r\n", b"DATA": b"354 Go on\r\n", b"QUIT": b"221 Bye\r\n"}
        writer.write(b"220 crowd\r\n")
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                await asyncio.sleep(3600 if not self.greets else self.pause)
                writer.write(say.get(line[:4].upper(), b"250 OK\r\n"))
                if line[:4].upper() == b"DATA":
                    await reader.readuntil(b"\r\n.\r\n")
                    self.taken[writer.get_extra_info("sockname")[0]] = time.monotonic()
                    writer.write(b"250 Taken\r\n")
        writer.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
