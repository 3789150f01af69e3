"""The store's SQLite in the thread that asks: a history costs a quarter of what it does with a thread in between.

The same statements on the same file; only who runs them differs.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from typing import Any

import aiosqlite
from sqlalchemy.ext.asyncio import create_async_engine

from xpm.store.database import Database, _mind_sqlite


class _AtOnce:
    """In the place of the queue to a thread."""

    def put_nowait(self, asked: tuple["asyncio.Future[Any] | None", Callable[[], Any]]) -> None:
        """Does what is asked."""
        future, function = asked
        result = function()
        if future is not None:
            future.set_result(result)


class _Connection(aiosqlite.Connection):
    def __init__(self, path: str) -> None:
        super().__init__(lambda: sqlite3.connect(path, check_same_thread=False), 64)
        self._tx = _AtOnce()  # type: ignore[assignment]

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        # No thread is started.
        return self._connect().__await__()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Others may come between two statements, as they do when a thread runs them.
        await asyncio.sleep(0)
        return fn(*args, **kwargs)


class HereDatabase(Database):
    """A database of SQLite's without threads."""

    def __init__(self, path: str) -> None:
        super().__init__(f"sqlite:///{path}")

        async def connect(*_: Any, **__: Any) -> aiosqlite.Connection:
            return await _Connection(path)

        self.engine = create_async_engine(self.url, async_creator=connect)
        _mind_sqlite(self.engine)
