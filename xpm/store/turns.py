"""Whose turn it is to write: SQLite has one writer, and lets in whoever happens to look when the file is free."""

import asyncio
import re
import threading
from collections import deque
from concurrent.futures import Future
from typing import Any

import sqlalchemy as sa

_WRITES = re.compile(r"\s*(insert|update|delete|replace)\s", re.IGNORECASE)
_LONGEST_SECONDS = 30.0
"""Longer than any turn takes: whoever waited so long tries without, as another process's would."""

_HAS_TURN = "xpm_turn"


class Turns:
    """A lock in the order of asking, for coroutines and threads of one process together."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_taken = False
        self._waiting: deque[Future[None]] = deque()

    async def take(self) -> None:
        """Waits for one's turn."""
        turn = self._ask()
        if turn.done():
            return
        try:
            await asyncio.wrap_future(turn)
        except asyncio.CancelledError:
            if not turn.cancel():
                # It came at that moment.
                self.give()
            raise

    def take_in_thread(self, seconds: float) -> bool:
        """The same in a thread of its own, never on a loop; False when it did not come in so many seconds."""
        turn = self._ask()
        try:
            turn.result(seconds)
        except TimeoutError:
            return not turn.cancel()
        return True

    def give(self) -> None:
        """Gives it to whoever asked next."""
        with self._guard:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    turn.set_result(None)
                    return
            self._is_taken = False

    def _ask(self) -> "Future[None]":
        turn: Future[None] = Future()
        with self._guard:
            if self._is_taken:
                self._waiting.append(turn)
            else:
                self._is_taken = True
                turn.set_result(None)
        return turn


def in_turn(engine: sa.Engine, turns: Turns) -> None:
    """Lets the transactions of an engine for threads take their turn before they write.

    Otherwise they would find the file locked and look again after up to 100 ms (sqliteDefaultBusyCallback in SQLite's
    main.c), and so would whoever finds them at work.
    """

    @sa.event.listens_for(engine, "before_cursor_execute")
    def _take(connection: sa.Connection, _: object, statement: str, *__: object) -> None:
        if _WRITES.match(statement) and not connection.info.get(_HAS_TURN) and not _is_on_loop():
            connection.info[_HAS_TURN] = turns.take_in_thread(_LONGEST_SECONDS)

    @sa.event.listens_for(engine, "checkin")
    def _give(_: object, record: Any) -> None:
        if record.info.pop(_HAS_TURN, False):
            turns.give()


def _is_on_loop() -> bool:
    """Whether waiting here would keep whoever has the turn from ending it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
