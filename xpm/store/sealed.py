"""Every sealed column, walked in small steps: what key rotation reads and writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.vault import Sealed


@dataclass(frozen=True, slots=True)
class Column:
    """A column of sealed values; `name` is table and column, as `xpm.places` knows it."""

    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row with a sealed value; `values` holds everything in it that is not sealed."""

    key: tuple[Any, ...]
    values: Mapping[str, Any]
    sealed: Sealed


def columns() -> list[Column]:
    """Every sealed column of every table."""
    return [
        Column(f"{table.name}.{column.name}")
        for table in t.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, t.SealedText)
    ]


async def after(
    tx: Transaction, column: Column, key: tuple[Any, ...] | None, limit: int
) -> list[Row]:
    """The next rows, by key, that hold a value in this column; of all workspaces, for key rotation only."""
    table, kept = _parts(column)
    keys = list(table.primary_key.columns)
    plain = [one for one in table.columns if not isinstance(one.type, t.SealedText)]
    statement = (
        sa.select(*plain, kept.label("sealed_value"))
        .where(kept.is_not(None))
        .order_by(*keys)
        .limit(limit)
    )
    if key is not None:
        statement = statement.where(sa.tuple_(*keys) > sa.tuple_(*key))
    found = []
    for row in await tx.execute(statement):
        values = dict(row._mapping)
        sealed = values.pop("sealed_value")
        found.append(Row(tuple(values[one.name] for one in keys), values, sealed))
    return found


async def replace(tx: Transaction, column: Column, row: Row, sealed: Sealed) -> bool:
    """Puts the same secret, sealed anew, in place; False when somebody has changed it meanwhile."""
    table, kept = _parts(column)
    keys = zip(table.primary_key.columns, row.key, strict=True)
    statement = (
        sa.update(table)
        .where(kept == row.sealed, *(one == value for one, value in keys))
        .values({kept: sealed})
    )
    return (await tx.execute(statement.returning(*table.primary_key.columns))).first() is not None


def _parts(column: Column) -> tuple[sa.Table, sa.Column[Any]]:
    table_name, _, column_name = column.name.partition(".")
    table = t.metadata.tables[table_name]
    return table, table.c[column_name]
