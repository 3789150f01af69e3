"""A connection for somebody who makes the same inserts anew each time: on SQLite each is compiled once.

SQLAlchemy keeps no compiled INSERT … ON CONFLICT, and the durable engine makes two of them to enqueue a workflow: on
SQLite compiling takes several times as long as inserting, and stood in every click's way to its ack. The engine takes
the caller's connection and executes there (`DBOSClient.enqueue_in_transaction`); it is given this one.

Two inserts count as the same when they go into the same table, with the same columns, and return the same. That is what
the engine itself goes by on PostgreSQL (dbos 3.4 `_sys_db.py`, `_execute_prepared`); `tests/xpm/test_compiled_once.py`
holds the words and the rows against what the engine does by itself, in the version that is pinned.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.util import await_only

from xpm.store import sqlite
from xpm.store.questions import Words


class CompiledOnce:
    """Keeps the words of inserts; one for each engine that inserts."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], _Insert] = {}

    def on(self, connection: sa.Connection) -> "_Connection":
        """The connection as it is, but that inserts are compiled once."""
        return _Connection(connection, self._known)


class _Insert:
    """An insert as the driver takes it, and what the columns it returns are called."""

    def __init__(self, statement: Any, names: list[str], connection: sa.Connection) -> None:
        dialect = connection.dialect
        compiled = statement.compile(
            dialect=dialect,
            column_keys=names,
            schema_translate_map=connection.get_execution_options().get("schema_translate_map"),
            render_schema_translate=True,
        )
        self.words = Words(compiled)
        self.returned = SimpleResultMetaData(_returned(statement))
        # What is not plain text and numbers is left to SQLAlchemy.
        self.are_plain = not any(
            one["type"].dialect_impl(dialect).result_processor(dialect, None)
            for one in statement.returning_column_descriptions
        )


def _returned(statement: sa.Insert) -> tuple[str, ...]:
    return tuple([one["name"] for one in statement.returning_column_descriptions])


class _Connection:
    """What the engine sees: all of SQLAlchemy's connection, with `execute` made quicker."""

    def __init__(self, connection: sa.Connection, known: dict[tuple[object, ...], _Insert]) -> None:
        self._connection = connection
        self._known = known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: Any, values: Any = None, **options: Any) -> Any:
        """As SQLAlchemy's own; an insert of one row goes by the words it had before, straight to SQLite."""
        connection = self._connection
        driver = connection.connection.driver_connection
        is_one_row = isinstance(statement, sa.Insert) and isinstance(values, dict)
        if not is_one_row or options or not isinstance(driver, sqlite.Connection):
            return connection.execute(statement, values, **options)
        key = (statement.table, tuple(values), _returned(statement))
        insert = self._known.get(key)
        if insert is None:
            insert = self._known[key] = _Insert(statement, list(values), connection)
        if not insert.are_plain:
            return connection.execute(statement, values)
        words = insert.words
        rows = await_only(driver.write_row(words.sql, words.values(values)))
        return IteratorResult(insert.returned, iter(rows))
