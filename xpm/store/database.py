"""One engine, one way in: `reading()` and `transaction()`, on SQLite (WAL) and PostgreSQL alike."""

import json
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from xpm.store import sqlite
from xpm.store.questions import Asking
from xpm.store.turns import Turns

# Each has a thread of its own; more are only needed where many questions are long at the same moment.
_MOST_IDLE = 8

Transaction = AsyncConnection
"""An open transaction; queries take it as their first argument and never commit it."""


def async_url(url: str) -> sa.URL:
    """The address with the driver we use: aiosqlite, or psycopg 3 (which the durable engine needs anyway)."""
    parsed = sa.make_url(url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    backend = parsed.get_backend_name()
    if backend not in driver:
        raise ValueError(f"the database must be sqlite or postgresql, not {backend}")
    return parsed.set(drivername=driver[backend])


class Database:
    """Opens connections to one database; commits in one place.

    `url` is an SQLAlchemy address: `sqlite:///file.db` or `postgresql://user:password@host/name`.
    """

    def __init__(self, url: str) -> None:
        self.url = async_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_size": 20, "pool_pre_ping": True}
        if self.is_sqlite:
            options = {"connect_args": {"async_creator_fn": sqlite.connect}}
        self.engine: AsyncEngine = create_async_engine(self.url, **options)
        # SQLite has one writer and no fairness: waiting our turn here is 50 times quicker at the 99th percentile
        # than finding the file locked. The durable engine waits in the same line.
        self.turns = Turns() if self.is_sqlite else None
        if self.is_sqlite:
            _mind_sqlite(self.engine)
        self._idle: list[sqlite.Connection] = []
        self._opened: list[sqlite.Connection] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction that may write: commits at the end of the block, rolls back when the block raises.

        It must not span a network call: commit the intent, make the call, commit the outcome.
        """
        async with AsyncExitStack() as stack:
            if self.turns is not None:
                await self.turns.take()
                stack.callback(self.turns.give)
            connection = await stack.enter_async_context(self.engine.connect())
            if self.is_sqlite:
                await connection.execution_options(xpm_writes=True)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A transaction that only reads; waits for no writer. It begins with its first question and ends unsaid."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Asking]:
        """The same for `Question`s alone, which on SQLite then need nothing of SQLAlchemy's."""
        if not self.is_sqlite:
            async with self.reading() as tx:
                yield tx
            return
        connection = self._idle.pop() if self._idle else await self._open()
        connection.begin(writes=False)
        try:
            yield connection
        finally:
            # What is cut here is not used again: its last words may still be to come.
            await connection.rollback()
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
            else:
                self._opened.remove(connection)
                await connection.close()

    async def _open(self) -> sqlite.Connection:
        where, options = self.engine.dialect.create_connect_args(self.url)
        connection = await sqlite.connect(*where, **options, isolation_level=None)
        self._opened.append(connection)
        await connection.ask("PRAGMA query_only=ON", ())
        return connection

    async def close(self) -> None:
        """Closes every connection."""
        self._idle.clear()
        while self._opened:
            await self._opened.pop().close()
        await self.engine.dispose()


def _mind_sqlite(engine: AsyncEngine) -> None:
    @sa.event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        sqlite.mind(connection)

    @sa.event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("xpm_writes", False)
        driver: Any = connection.connection.driver_connection
        driver.begin(writes=writes)


def one_of(
    tx: Transaction, column: sa.ColumnElement[str], keys: Collection[str]
) -> sa.ColumnElement[bool]:
    """`column.in_(keys)` with all keys in one value: hundreds of parameters take longer to write than to look up."""
    if tx.dialect.name == "postgresql":
        return column == sa.any_(sa.literal([*keys], postgresql.ARRAY(sa.Text)))
    each = sa.func.json_each(json.dumps([*keys])).table_valued("value")
    return column.in_(sa.select(each.c.value))
