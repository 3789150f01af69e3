"""Questions that are asked again and again, made once: on SQLite they cost little more than SQLite's own answer.

Stock SQLAlchemy takes ten times as long over an indexed read as SQLite does, on opening and closing a connection of
its pool, on finding the statement in its cache and on wrapping the rows. Here the words, the order of the values and
what is to be done with each value and column are worked out when the module is imported, and the driver is asked
directly, in the transaction that is open. On PostgreSQL the same statement goes through SQLAlchemy, where the way to
the server costs more than all that.
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
        compiled = statement.compile(dialect=_SQLITE)
        self._sql = str(compiled)
        # For each place: the name of the value that is asked with or None, the value it has otherwise, and what makes
        # it SQLite's.
        self._places: list[tuple[str | None, Any, _Mend]] = []
        for place in compiled.positiontup or ():
            bind = compiled.binds[place]
            mend = bind.type.dialect_impl(_SQLITE).bind_processor(_SQLITE) or _as_it_is
            own = None if bind.required else mend(compiled.params[place])
            self._places.append((bind.key if bind.required else None, own, mend))
        mends = [
            column.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None)
            for column in statement.selected_columns
        ]
        self._mends = [(at, mend) for at, mend in enumerate(mends) if mend is not None]

    async def rows(self, tx: Asking, **values: Any) -> Sequence[Sequence[Any]]:
        """The answer: rows of plain values, in the statement's order of columns."""
        asked_of = _driver(tx)
        if isinstance(asked_of, AsyncConnection):
            return (await asked_of.execute(self.statement, values)).all()
        asked = tuple(
            [own if name is None else mend(values[name]) for name, own, mend in self._places]
        )
        found = await asked_of.ask(self._sql, asked)
        return [self._mended(row) for row in found] if self._mends else found

    async def row(self, tx: Asking, **values: Any) -> Sequence[Any] | None:
        """The first row of the answer."""
        return next(iter(await self.rows(tx, **values)), None)

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
