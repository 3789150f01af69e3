"""The app's command line as a process of its own, forked from one that has imported everything already.

For the sandbox's world: a test that is not about how the program starts need not wait for its imports.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Imported for those who are forked.
import bot.app
import bot.doctor
import bot.phone_systems
import bot.records
import bot.web  # noqa: F401
from bot.__main__ import cli
from sandbox.world import Launch, Running
from tests.replicas import Replica, Replicas


def run(words: Sequence[str], environment: Mapping[str, str], folder: str, log: str | None) -> None:
    """What the forked process does; never returns."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    written = 1 if log is None else os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for descriptor in {1, 2} - {written}:
        os.dup2(written, descriptor)
    sys.argv = ["xpm-slack", *words]
    cli()


class Forked:
    """A forked process, as asyncio has one of its own."""

    def __init__(self, replica: Replica, *, is_heard: bool) -> None:
        self._replica = replica
        self._returncode: int | None = None
        # Of one that writes to a file only the end is heard here.
        self._end = None if is_heard else asyncio.create_task(self.communicate(b""))

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._returncode

    def terminate(self) -> None:
        """Asks it to end."""
        os.kill(self._replica.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        self._replica.kill()

    async def wait(self) -> int:
        """Waits for its end."""
        if self._end is not None:
            await asyncio.shield(self._end)
        return self._returncode or 0

    async def communicate(self, typed: bytes) -> tuple[bytes, bytes]:
        """Types this, waits for its end; what it printed."""
        self._returncode, printed = await self._replica.communicate(typed)
        return printed, b""


def launch(replicas: Replicas) -> Launch:
    """Starts the app's command line so."""

    async def start(
        words: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path | None
    ) -> Running:
        replica = await replicas.start(
            "tests.forked:run",
            words=[*words],
            environment={**environment},
            folder=str(folder),
            log=log and str(log),
        )
        return Forked(replica, is_heard=log is None)

    return start
