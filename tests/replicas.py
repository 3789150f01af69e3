"""Other processes of ours for tests, each forked from one that has imported everything already.

Importing costs a second of processor time, and the tests need some thirty processes. Each is as separate as any: it
opens its own database and connections, says what it does in lines, and can be killed.

As a program this is the process they are forked from: it is given the modules to import, prints its port and serves a
connection for each replica, which reads there the name of a function, asynchronous or not, and its arguments in JSON.
"""

import asyncio
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

_PRELOADED = (
    "tests.forked",
    "tests.reliability.mortal",
    "tests.xpm.asker",
    "tests.xpm.caller",
    "tests.xpm.entries.worker",
)
_ENDED = "ended "


@dataclass(frozen=True)
class Replica:
    """A running process."""

    pid: int
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def said(self) -> str:
        """The next line it says; the last one is how it ended."""
        return (await asyncio.wait_for(self._reader.readline(), 30)).decode().strip()

    async def tell(self, line: str) -> None:
        """Writes a line to its input."""
        self._writer.write(f"{line}\n".encode())
        await self._writer.drain()

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        os.kill(self.pid, signal.SIGKILL)

    async def communicate(self, typed: bytes) -> tuple[int, bytes]:
        """Types this and nothing more, waits for its end: how it ended, and what it said."""
        self._writer.write(typed)
        self._writer.write_eof()
        said = await self._reader.read()
        self._writer.close()
        await self._writer.wait_closed()
        before, _, status = said.rpartition(_ENDED.encode())
        return int(status), before

    async def ended(self) -> int:
        """Waits for its end: its exit status, or minus the signal that ended it."""
        while not (line := await self.said()).startswith(_ENDED):
            assert line, "the replica's end was not told"
        self._writer.close()
        await self._writer.wait_closed()
        return int(line.removeprefix(_ENDED))


@dataclass(frozen=True)
class Replicas:
    """Starts processes."""

    port: int

    async def start(self, what: str, **told: Any) -> Replica:
        """A process that runs `what`, such as `tests.xpm.asker:ask`."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(json.dumps({"what": what, "told": told}).encode() + b"\n")
        pid = await asyncio.wait_for(reader.readline(), 30)
        return Replica(int(pid), reader, writer)


@contextmanager
def served_replicas() -> Iterator[Replicas]:
    """Starts the process that the others are forked from; they end with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.replicas", *_PRELOADED],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            yield Replicas(int(process.stdout.readline()))
        finally:
            process.terminate()
            process.wait(10)


def _serve() -> None:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    running: dict[int, socket.socket] = {}

    def tell_ends(*_: object) -> None:
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with running.pop(pid) as connection:
                try:
                    # What it left unread would make of the end a reset, and its last words would be lost.
                    connection.setblocking(False)
                    with suppress(BlockingIOError):
                        while connection.recv(65536):
                            pass
                    connection.setblocking(True)
                    connection.sendall(f"{_ENDED}{os.waitstatus_to_exitcode(status)}\n".encode())
                except OSError:
                    # The test that started it did not wait for its end.
                    continue

    def leave(*_: object) -> None:
        for pid in list(running):
            os.kill(pid, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGCHLD, tell_ends)
    signal.signal(signal.SIGTERM, leave)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        # A child that ends at once is told of only when it is known.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM])
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD, signal.SIGTERM])
            listener.close()
            for other in running.values():
                other.close()
            _become(connection)
        running[pid] = connection
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD, signal.SIGTERM])


def _become(connection: socket.socket) -> None:
    """Runs what the connection asks for, which is this process's input and output from here on; never returns."""
    status = 1
    try:
        for descriptor in (0, 1):
            os.dup2(connection.fileno(), descriptor)
        print(os.getpid(), flush=True)
        asked = json.loads(sys.stdin.readline())
        module, _, name = asked["what"].partition(":")
        done = getattr(importlib.import_module(module), name)(**asked["told"])
        if asyncio.iscoroutine(done):
            asyncio.run(done)
        sys.stdout.flush()
        status = 0
    except SystemExit as end:
        sys.stdout.flush()
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


if __name__ == "__main__":
    _serve()
