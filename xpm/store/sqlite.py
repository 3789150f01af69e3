"""SQLite without needless hops between the loop and a connection's thread.

Stock aiosqlite under SQLAlchemy hops four times for a statement (open a cursor, execute, fetch, close), three times to
begin and twice to end: nine times for one indexed read of some 20 µs, each hop several times that and at the mercy of
the interpreter's lock. Here a statement is one hop at most and beginning is none.

A question is begun on the loop, where an indexed read costs less than a hop, and it cannot block it: SQLite stops it
after `_STEPS` of its steps, some half a millisecond, and would rather fail than wait for a lock (in WAL a reader hardly
ever meets one); in both cases the thread does it anew, in the same snapshot. So is the beginning of what writes, which
nearly always finds the file free because our writers take turns, and an insert of one row, or an `Instruction` that
changes one by its key, which are no longer than a read. What else changes rows that it must find first cannot be
stopped half-way (SQLite would take the whole transaction back), and a commit waits for the disk: those are the
thread's.
"""

import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import lru_cache, partial
from typing import Any, Self, TypeVar

import aiosqlite
import sqlalchemy as sa

# Steps of SQLite's virtual machine: https://www.sqlite.org/c3ref/progress_handler.html
_STEPS = 8000
# Of one row, by its length: one that selects what it inserts may be as long as it likes.
_ROW = re.compile(r"\s*insert\s(?!.*\sselect\s)", re.IGNORECASE | re.DOTALL)
_QUESTION = re.compile(r"\s*select\s", re.IGNORECASE)
_SAVEPOINT = re.compile(r"\s*(savepoint|release|rollback\s+to)\s", re.IGNORECASE)
_PATIENT, _IMPATIENT = "PRAGMA busy_timeout=10000", "PRAGMA busy_timeout=0"
_NOT_NOW = frozenset({sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY})
# The low byte tells the kind: https://www.sqlite.org/rescode.html#extrc
_KIND = 0xFF

_SEEN_TO = (
    # Bringing the log into the file stops the writer; four times the usual length, as seldom.
    "wal_autocheckpoint=4000",
    "foreign_keys=ON",
)
_THREADS = 20
_WAL_SECONDS, _WAL_EVERY = 10.0, 0.01

_T = TypeVar("_T")


class _Pace(Enum):
    """How long a statement may take: as long as SQLite's steps allow, a moment by its nature, or nobody knows."""

    BOUNDED = "bounded"
    SHORT = "short"
    LONG = "long"


@lru_cache(maxsize=1000)
def _pace(sql: str) -> _Pace:
    if _QUESTION.match(sql):
        return _Pace.BOUNDED
    return _Pace.SHORT if _ROW.match(sql) or _SAVEPOINT.match(sql) else _Pace.LONG


def _stop() -> bool:
    return True


class Connection(aiosqlite.Connection):
    """A connection that begins with its first statement; the rest is aiosqlite's."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # It must not keep a process alive that is ending.
        self._thread.daemon = True
        self._begin: str | None = None
        self._is_reading = False
        self._is_patient: bool | None = None
        self._under_way = 0

    def cursor(self) -> Any:
        """A cursor, opened by its first statement."""
        return _Cursor(self)

    def begin(self, *, writes: bool) -> None:
        """Notes that a transaction begins; SQLite hears of it together with the first statement."""
        self._begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        self._is_reading = not writes

    async def ask(self, sql: str, parameters: tuple[Any, ...]) -> Sequence[Any]:
        """The rows that answer a question."""
        rows, *_ = await self.run(partial(_one, sql, parameters), _Pace.BOUNDED)
        found: Sequence[Any] = rows
        return found

    async def write_row(self, sql: str, parameters: tuple[Any, ...]) -> Sequence[Any]:
        """Writes one row that is known by its key, and answers what the statement returns."""
        rows, *_ = await self.run(partial(_one, sql, parameters), _Pace.SHORT)
        found: Sequence[Any] = rows
        return found

    async def run(self, work: Callable[[sqlite3.Connection], _T], pace: _Pace = _Pace.LONG) -> _T:
        """Does something, after beginning if that is still to be done."""
        begin, self._begin = self._begin, None
        if not self._under_way and (self._is_reading or pace is not _Pace.LONG):
            try:
                return self._glance(begin, work, is_bounded=pace is not _Pace.SHORT)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _KIND not in _NOT_NOW:
                    raise
        return await self._hop(begin, work)

    def _glance(
        self,
        begin: str | None,
        work: Callable[[sqlite3.Connection], _T],
        *,
        is_bounded: bool,
    ) -> _T:
        connection = self._conn
        self._be_patient(connection, is_patient=False)
        if begin is not None:
            connection.execute(begin)
        if not is_bounded:
            return work(connection)
        connection.set_progress_handler(_stop, _STEPS)
        try:
            return work(connection)
        finally:
            connection.set_progress_handler(None, 0)

    async def _hop(
        self,
        begin: str | None,
        work: Callable[[sqlite3.Connection], _T],
        *,
        is_patient: bool = True,
    ) -> _T:
        self._under_way += 1
        within = partial(self._work, begin, work, is_patient)
        found: _T = await self._execute(within)  # type: ignore[no-untyped-call]
        return found

    def _work(
        self, begin: str | None, work: Callable[[sqlite3.Connection], _T], is_patient: bool
    ) -> _T:
        try:
            connection = self._conn
            if is_patient:
                self._be_patient(connection, is_patient=True)
            if begin is not None and not connection.in_transaction:
                connection.execute(begin)
            return work(connection)
        finally:
            self._under_way -= 1

    def _be_patient(self, connection: sqlite3.Connection, *, is_patient: bool) -> None:
        """Says whether to wait for a lock; only the thread may."""
        if self._is_patient is not is_patient:
            self._is_patient = is_patient
            connection.execute(_PATIENT if is_patient else _IMPATIENT)

    async def commit(self) -> None:
        """Commits; the end of a reading is a few microseconds and needs no hop."""
        await self._end(sqlite3.Connection.commit)

    async def rollback(self) -> None:
        """The same, taking back."""
        await self._end(sqlite3.Connection.rollback)

    async def _end(self, how: Callable[[sqlite3.Connection], None]) -> None:
        self._begin = None
        # Somebody who gave up waiting may have left a statement running in the thread: then we queue behind it.
        if self._under_way or (self._conn.in_transaction and not self._is_reading):
            # Whoever wrote holds the lock already, so there is nothing to be patient for.
            await self._hop(None, how, is_patient=False)
        elif self._conn.in_transaction:
            how(self._conn)
        self._is_reading = False


class _Cursor:
    """What SQLAlchemy needs of a cursor: a statement and its rows in one hop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        """Executes, and fetches what there is."""
        return await self._take(partial(_one, sql, parameters), _pace(sql))

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Self:
        """Executes once for each."""
        return await self._take(partial(_many, sql, parameters), _Pace.LONG)

    async def _take(
        self, work: Callable[[sqlite3.Connection], "tuple[Any, ...]"], pace: _Pace
    ) -> Self:
        self._rows, self.description, self.rowcount, self.lastrowid = await self._connection.run(
            work, pace
        )
        return self

    async def fetchall(self) -> Sequence[Any]:
        """The rows."""
        return self._rows

    async def close(self) -> None:
        """Nothing is open: every row was fetched."""


def _one(sql: str, parameters: Iterable[Any], connection: sqlite3.Connection) -> tuple[Any, ...]:
    cursor = connection.execute(sql, tuple(parameters))
    return _outcome(cursor)


def _many(
    sql: str, parameters: Iterable[Sequence[Any]], connection: sqlite3.Connection
) -> tuple[Any, ...]:
    return _outcome(connection.executemany(sql, parameters))


def _outcome(cursor: sqlite3.Cursor) -> tuple[Any, ...]:
    rows = cursor.fetchall() if cursor.description else ()
    return rows, cursor.description, cursor.rowcount, cursor.lastrowid


async def connect(file: str, **options: Any) -> Connection:
    """Opens a database file, in WAL; the options are `sqlite3.connect`'s."""
    # The end of a reading comes from the loop's thread, never while the connection's own is at work.
    options["check_same_thread"] = False
    connection = Connection(partial(sqlite3.connect, file, **options))
    await connection
    try:
        await connection.run(_enter_wal)
    except BaseException:
        await connection.close()
        raise
    return connection


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Puts the file into WAL, without which no reader stands beside a writer, whoever comes first.

    SQLite needs the file for itself to do so, and says at once that it is locked however patient the connection is
    (https://www.sqlite.org/pragma.html#pragma_journal_mode). In WAL already it needs nothing.
    """
    until = time.monotonic() + _WAL_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        except sqlite3.OperationalError as error:
            is_locked = error.sqlite_errorcode & _KIND == sqlite3.SQLITE_BUSY
            if not is_locked or time.monotonic() > until:
                raise
            time.sleep(_WAL_EVERY)
        else:
            return


def engine_for_threads(url: sa.URL) -> sa.Engine:
    """The durable engine's own way in, which writes from its threads; it is whoever made it who disposes of it.

    As the engine would make it (dbos 3.4 `_sys_db_sqlite.py`), but that its commits do not wait for the disk: what the
    power takes along is always the latest, so that of its own notes a workflow may be "running" again, which is then
    done again as after any crash. What people were told stands in our own commits, which do wait.
    """
    engine = sa.create_engine(
        url.set(drivername="sqlite"), pool_size=_THREADS, max_overflow=0, pool_timeout=30
    )

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("busy_timeout=30000", *_SEEN_TO, "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
        _enter_wal(connection)

    return engine


def mind(connection: Any) -> None:
    """What every connection that writes for people is told."""
    # The driver must not begin transactions itself: we choose IMMEDIATE or DEFERRED.
    connection.isolation_level = None
    cursor = connection.cursor()
    # A commit is on the disk before anybody hears of it: NORMAL could lose it with the power.
    for pragma in (*_SEEN_TO, "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
