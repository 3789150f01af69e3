"""What stands still is found among any number of entries at rest, by an index that holds nothing else."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from xpm.store import Database, watch
from xpm.store import tables as t

NOW = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
BEFORE, SINCE = NOW - dt.timedelta(minutes=10), NOW - dt.timedelta(days=1)
_AT_REST = {"state": "sent", "shown_version": 1, "message_ts": "1.0"}
_OLD = NOW - dt.timedelta(days=30)
STILL: dict[str, dict[str, Any]] = {
    "sending": {"state": "sending"},
    "sending for a month": {"state": "sending", "changed_at": _OLD},
    "not shown": {"version": 2},
    "offered, not shown": {"state": "offered", "version": 2},
    "refusal not told": {"state": "refused", "has_news": True},
    "offered for a call, not posted": {"state": "offered", "message_ts": None, "call_id": "c1"},
}
LEFT: dict[str, dict[str, Any]] = {
    "at rest": {},
    "waits for a connection": {"state": "sending", "waiting_for": "connection"},
    "moved just now": {"state": "sending", "changed_at": NOW},
    "not shown for a month": {"version": 2, "changed_at": _OLD},
    "a form that nobody posted": {"state": "offered", "message_ts": None, "shown_version": 0},
    "offered and shown": {"state": "offered"},
}


async def fill(database: Database) -> None:
    """An entry of each kind, between two thousand at rest."""
    rows = [
        {
            "workspace_id": "T1", "id": name, "slack_user_id": "U1", "call_id": None, "date": NOW.date(), "version": 1,
            "waiting_for": None, "has_news": False, "created_at": _OLD, "changed_at": NOW - dt.timedelta(hours=1),
            **_AT_REST, **values,
        }
        for name, values in [*STILL.items(), *LEFT.items(), *((f"{n}", {}) for n in range(2000))]
    ]  # fmt: skip
    async with database.transaction() as tx:
        await tx.execute(sa.insert(t.entries), rows)


async def test_what_stands_still_is_found_and_nothing_else(database: Database) -> None:
    await fill(database)
    async with database.reading() as tx:
        found = await watch.still_entries(tx, BEFORE, SINCE)
    assert {name for _, name, _ in found} == set(STILL)
    assert found[0] == ("T1", "sending for a month", 1)


async def test_it_is_found_by_the_index_of_what_moves(database: Database) -> None:
    await fill(database)
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    async with database.transaction() as tx:
        if not database.is_sqlite:
            await tx.exec_driver_sql("ANALYZE entries")
        asked: list[tuple[str, Any]] = []

        def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            asked.append((statement, parameters))

        engine = database.engine.sync_engine
        sa.event.listen(engine, "before_cursor_execute", note)
        await watch.still_entries(tx, BEFORE, SINCE)
        sa.event.remove(engine, "before_cursor_execute", note)
        [(statement, parameters)] = asked
        plan = [str(row) for row in await tx.exec_driver_sql(f"{explain}{statement}", parameters)]
    assert "ix_entries_moving" in "\n".join(plan)
    # In its order too: nothing is sorted or read from one end to the other.
    assert not any(word in line.upper() for line in plan for word in ("TEMP B-TREE", "SEQ SCAN"))


async def test_the_index_holds_what_moves_alone(sqlite: Database) -> None:
    await fill(sqlite)
    async with sqlite.transaction() as tx:
        await tx.exec_driver_sql("ANALYZE")
        found = await tx.exec_driver_sql(
            "select stat from sqlite_stat1 where idx = 'ix_entries_moving'"
        )
        count = int(found.scalar_one().split()[0])
    # Of those that are left alone it holds what waits, what moved just now and what was not shown for a month.
    assert count == len(STILL) + 3
