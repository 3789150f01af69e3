"""PostgreSQL databases like a template, lent to one test after the other.

Making a database copies three hundred files, which takes a tenth of a second of processor time; emptying one that a
test has used takes a few milliseconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.postgres import Postgres

# Of tables and of indexes.
_COLUMNS: LiteralString = """
    select c.relkind, n.nspname, c.relname, a.attname, a.atttypid::bigint
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid
    where c.relkind in ('r', 'i') and a.attnum > 0 and not a.attisdropped
    and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
    order by 2, 3, a.attnum
"""
_SEQUENCES: LiteralString = "select schemaname, sequencename from pg_sequences order by 1, 2"
_OTHERS = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)

Rows = list[tuple[Any, ...]]


class Copies:
    """Lends databases that are as the template was when this was made."""

    def __init__(self, server: Postgres, template: str) -> None:
        self._server = server
        self._template = template
        self._spare: list[str] = []
        with psycopg.connect(server.url(template), autocommit=True) as connection:
            self._columns: Rows = connection.execute(_COLUMNS).fetchall()
            self._tables = [
                sql.Identifier(*name)
                for name in dict.fromkeys(row[1:3] for row in self._columns if row[0] == "r")
            ]
            self._filled = [
                (table, held) for table in self._tables if (held := _copied_out(connection, table))
            ]
            self._sequences = [
                (str(name), *_standing(connection, name))
                for name in (
                    sql.Identifier(*row).as_string() for row in connection.execute(_SEQUENCES)
                )
            ]

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The address of a database that is the block's own."""
        name = self._spare.pop() if self._spare else self._server.create(self._template)
        yield self._server.url(name)
        if self._is_as_before(name):
            self._spare.append(name)
        else:
            self._server.drop(name)

    def _is_as_before(self, name: str) -> bool:
        """Makes it so; False where somebody made tables of their own, as the engine does, or changed ours."""
        with psycopg.connect(self._server.url(name), autocommit=True) as connection:
            connection.execute(_OTHERS)
            if connection.execute(_COLUMNS).fetchall() != self._columns:
                return False
            # Neither the order of foreign keys nor the trigger that guards the audit holds here.
            connection.execute("set session_replication_role = replica")
            with connection.transaction():
                connection.execute(
                    sql.SQL("; ").join(sql.SQL("delete from {}").format(t) for t in self._tables)
                )
                for table, held in self._filled:
                    with connection.cursor().copy(
                        sql.SQL("copy {} from stdin").format(table)
                    ) as to:
                        to.write(held)
                for sequence in self._sequences:
                    connection.execute("select setval(%s, %s, %s)", sequence)
        return True


def _copied_out(connection: psycopg.Connection[Any], table: sql.Identifier) -> bytes:
    with connection.cursor().copy(sql.SQL("copy {} to stdout").format(table)) as found:
        return b"".join(found)


def _standing(connection: psycopg.Connection[Any], name: str) -> tuple[Any, ...]:
    query = sql.SQL("select last_value, is_called from {}").format(sql.SQL(name))
    (row,) = connection.execute(query).fetchall()
    return tuple(row)
