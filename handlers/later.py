"""Work that goes on after the ack: kept until it is done, each with its own error boundary.

Bolt's own lazy listeners copy the whole context deeply for each, keep no reference to the task, and log an exception
without its trace (slack_bolt 1.30 `lazy_listener/asyncio_runner.py`); so this small set is ours.
"""

import asyncio
from collections.abc import Awaitable, Callable

from handlers.asked import Asked
from handlers.errors import tell

Work = Callable[[Asked], Awaitable[None]]


class Later:
    """Starts work and holds on to it; a task nobody refers to may vanish half-way."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Work, asked: Asked) -> None:
        """Starts work on the running loop."""
        task = asyncio.get_running_loop().create_task(_bounded(work, asked))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self, seconds: float) -> None:
        """Waits for what is running, at most so long; every durable thing is in the database already."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)


async def _bounded(work: Work, asked: Asked) -> None:
    try:
        await work(asked)
    except Exception as error:
        # The last resort: whatever it was, the person hears of it and the trace is kept.
        await tell(asked, error)
