"""Alembic's entry: one transaction for all steps, one replica at a time."""

from typing import Any

import sqlalchemy as sa
from alembic import context
from sqlalchemy.engine import Connection

from xpm.store.tables import metadata

# Any constant number: replicas that migrate at the same moment queue behind this lock.
_LOCK = 8_147_250_331


def _is_ours(_: Any, name: str | None, kind: str, is_reflected: bool, __: Any) -> bool:
    """The durable engine keeps its own tables in the same database."""
    return not (kind == "table" and is_reflected and name not in metadata.tables)


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        include_object=_is_ours,
        compare_type=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        context.run_migrations()


def _mind_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        # SQLite's DDL is transactional only when the driver does not begin by itself; and recreating a table with
        # foreign keys on would delete what refers to it.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("PRAGMA busy_timeout=30000")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


engine = sa.create_engine(context.config.attributes["url"], poolclass=sa.pool.NullPool)
if engine.dialect.name == "sqlite":
    _mind_sqlite(engine)
with engine.connect() as connection:
    if connection.dialect.name == "sqlite":
        with connection.begin():
            _migrate(connection)
    else:
        _migrate(connection)
        connection.commit()
engine.dispose()
