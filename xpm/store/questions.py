"""Questions and instructions that are put again and again, made once: on SQLite little more than its own work is left.

Stock SQLAlchemy takes ten times as long over an indexed read as SQLite does, on opening and closing a connection of
its pool, on finding the statement in its cache and on wrapping the rows; an insert with ON CONFLICT it compiles anew
each time. Here the words, the order of the values and what is to be done with each value and column are worked out when
the module is imported, and the driver is asked directly, in the transaction that is open. On PostgreSQL the same
statement goes through SQLAlchemy, where the way to the server costs more than all that.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.sqlite import aiosqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from xpm.store import sqlite

Asking = AsyncConnection | sqlite.Connection
"""Whom a question can be put to: an open transaction, or what `Database.asking` gives."""

Transaction = AsyncConnection

_Mend = Callable[[Any], Any]

_SQLITE = aiosqlite.dialect()


def _as_it_is(value: Any) -> Any:
    return value


class _Keys(sa.TypeDecorator[list[str]]):
    """Any number of texts as one value, so that the words of a question do not change with their number."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """PostgreSQL has lists."""
        return dialect.type_descriptor(
            postgresql.ARRAY(sa.Text) if dialect.name == "postgresql" else sa.Text()
        )

    def process_bind_param(self, value: Iterable[str] | None, dialect: sa.Dialect) -> Any:
        """SQLite takes them as JSON."""
        keys = list(value or ())
        return keys if dialect.name == "postgresql" else json.dumps(keys)


class among(FunctionElement[bool]):  # noqa: N801 (read as a function, like SQLAlchemy's own)
    """`among(column, "names")`: whether the column is one of the texts that are asked with under that name."""

    inherit_cache = True
    type = sa.Boolean()

    def __init__(self, column: sa.ColumnElement[str], name: str) -> None:
        super().__init__(column, sa.bindparam(name, type_=_Keys))


@compiles(among, "sqlite")
def _among_json(element: among, compiler: SQLCompiler, **how: Any) -> str:
    column, keys = (compiler.process(one, **how) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 (a column and a parameter)


@compiles(among, "postgresql")
def _among_list(element: among, compiler: SQLCompiler, **how: Any) -> str:
    column, keys = (compiler.process(one, **how) for one in element.clauses)
    return f"{column} = ANY ({keys})"


class Question:
    """A statement that selects, with every value that changes as a named parameter; of lists, only texts: `among`."""

    def __init__(self, statement: sa.Select[*tuple[Any, ...]] | sa.CompoundSelect[Any]) -> None:
        self.statement = statement
        self._words = Words(statement.compile(dialect=_SQLITE))
        self._answers = _Answers(statement.selected_columns)

    async def rows(self, tx: Asking, **values: Any) -> Sequence[Sequence[Any]]:
        """The answer: rows of plain values, in the statement's order of columns."""
        asked_of = _driver(tx)
        if isinstance(asked_of, AsyncConnection):
            return (await asked_of.execute(self.statement, values)).all()
        found = await asked_of.ask(self._words.sql, self._words.values(values))
        return self._answers.mended(found)

    async def row(self, tx: Asking, **values: Any) -> Sequence[Any] | None:
        """The first row of the answer."""
        return next(iter(await self.rows(tx, **values)), None)


class Instruction:
    """A statement that writes one row, known by its key: on SQLite no longer than a read, so it is done on the loop.

    Every value that changes is a named parameter or, for an insert or update, a column's name; those that are given
    are written, and no column may have a default of Python's. With `returning` it answers the row as it then is. An
    error is SQLite's own there and SQLAlchemy's on PostgreSQL, so whoever foresees one uses SQLAlchemy.
    """

    def __init__(
        self,
        sqlite_statement: sa.Insert | sa.Update,
        postgresql_statement: sa.Insert | sa.Update | None = None,
        *,
        returning: Iterable[sa.ColumnElement[Any]] = (),
    ) -> None:
        columns = list(returning)
        self._sqlite: Any = sqlite_statement
        self._postgresql: Any = (
            sqlite_statement if postgresql_statement is None else postgresql_statement
        )
        if columns:
            self._sqlite = self._sqlite.returning(*columns)
            self._postgresql = self._postgresql.returning(*columns)
        self._answers = _Answers(columns)
        self._words: dict[tuple[str, ...], Words] = {}

    async def carry_out(self, tx: Transaction, **values: Any) -> Sequence[Any] | None:
        """Writes; the row that came of it, None where nothing did or nothing is returned."""
        told = _driver(tx)
        if isinstance(told, AsyncConnection):
            result = await told.execute(self._postgresql, values)
            return result.first() if self._answers.are_any else None
        names = tuple(values)
        words = self._words.get(names)
        if words is None:
            words = Words(self._sqlite.compile(dialect=_SQLITE, column_keys=list(names)))
            self._words[names] = words
        rows = await told.write_row(words.sql, words.values(values))
        return next(iter(self._answers.mended(rows)), None)

    async def each(self, tx: Transaction, rows: Sequence[dict[str, Any]]) -> list[Sequence[Any]]:
        """Writes one after the other; the rows that came of them. All have the same names."""
        told = _driver(tx)
        if not isinstance(told, AsyncConnection):
            each = [await self.carry_out(tx, **values) for values in rows]
            return [row for row in each if row is not None]
        if not rows:
            return []
        result = await told.execute(self._postgresql, [*rows])
        return list(result) if self._answers.are_any else []


class Words:
    """A statement as SQLite takes it: its text, and what stands in each place of it."""

    def __init__(self, compiled: Any) -> None:
        self.sql = str(compiled)
        if getattr(compiled, "insert_prefetch", ()) or getattr(compiled, "update_prefetch", ()):
            raise ValueError(f"a default of Python's is not for this: {self.sql}")
        # For each place: the name of the value that is asked with or None, the value it has otherwise, and what makes
        # it SQLite's.
        self._places: list[tuple[str | None, Any, _Mend]] = []
        dialect = compiled.dialect
        for place in compiled.positiontup or ():
            bind = compiled.binds[place]
            mend = bind.type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is
            own = None if bind.required else mend(compiled.params[place])
            self._places.append((bind.key if bind.required else None, own, mend))

    def values(self, given: dict[str, Any]) -> tuple[Any, ...]:
        """What stands in each place."""
        return tuple(
            [own if name is None else mend(given[name]) for name, own, mend in self._places]
        )


class _Answers:
    """What is to be done with the columns of an answer."""

    def __init__(self, columns: Iterable[sa.ColumnElement[Any]]) -> None:
        mends = [
            column.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None) for column in columns
        ]
        self.are_any = bool(mends)
        self._mends = [(at, mend) for at, mend in enumerate(mends) if mend is not None]

    def mended(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """The rows as Python's values."""
        return [self._mended(row) for row in rows] if self._mends else rows

    def _mended(self, row: Sequence[Any]) -> list[Any]:
        whole = list(row)
        for at, mend in self._mends:
            whole[at] = mend(whole[at])
        return whole


def columns_of(table: sa.FromClause, kind: type[Any]) -> list[sa.ColumnElement[Any]]:
    """The columns that a dataclass is made of, in the order of its fields."""
    return [table.c[field.name] for field in fields(kind)]


def _driver(tx: Asking) -> Asking:
    """SQLite's own connection, where a transaction of it has been begun."""
    if isinstance(tx, sqlite.Connection):
        return tx
    if tx.dialect.name != "sqlite" or not tx.in_transaction() or tx.sync_connection is None:
        return tx
    found = tx.sync_connection.connection.driver_connection
    return found if isinstance(found, sqlite.Connection) else tx
