"""The log of who did what: it only grows, it is complete, and it can be exported."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

import xpm
from bot.records import line
from xpm.store import Database, audit
from xpm.store.audit import Fact

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


async def note(database: Database, *facts: Fact) -> None:
    async with database.transaction() as tx:
        for fact in facts:
            await audit.note(tx, fact)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET event = 'other'", "DELETE FROM audit", "DELETE FROM audit WHERE id = 1"],
)
async def test_the_database_itself_refuses_to_change_what_is_noted(
    database: Database, statement: str
) -> None:
    await note(database, Fact(NOW, "T1", "time.written"))
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.transaction() as tx:
            await tx.execute(sa.text(statement))
    async with database.reading() as tx:
        assert [one.event for one in await audit.since(tx, "T1", NOW)] == ["time.written"]


def test_no_code_of_ours_changes_or_deletes_what_is_noted() -> None:
    changing = re.compile(
        r"(update|delete|upsert)\([^)]*\baudit\b|(UPDATE|DELETE FROM|TRUNCATE) audit"
    )
    for path in Path(xpm.__file__).parent.rglob("*.py"):
        assert "versions" in path.parts or not changing.search(path.read_text()), path


async def test_the_last_of_some_events_is_found(database: Database) -> None:
    later = NOW + timedelta(hours=1)
    await note(database, Fact(NOW, "T1", "a"), Fact(later, "T1", "b"), Fact(later, "T2", "c"))
    async with database.reading() as tx:
        assert await audit.last(tx, "T1", ["a", "b"]) == later
        assert await audit.last(tx, "T1", ["a"]) == NOW
        assert await audit.last(tx, "T1", ["c"]) is None


async def test_pages_hold_each_fact_once_of_one_workspace_or_of_all(database: Database) -> None:
    await note(database, *(Fact(NOW, f"T{n % 2}", f"event.{n}") for n in range(7)))
    await note(database, Fact(NOW - timedelta(days=9), "T1", "too.old"))
    seen: list[str] = []
    last = 0
    async with database.reading() as tx:
        while page := await audit.page(tx, NOW, None, last, 3):
            seen += [fact.event for _, fact in page]
            last = page[-1][0]
        ours = await audit.page(tx, NOW, "T1", 0, 99)
    assert seen == [f"event.{n}" for n in range(7)]
    assert [fact.event for _, fact in ours] == ["event.1", "event.3", "event.5"]


def test_a_line_says_when_where_what_who_and_the_ids() -> None:
    fact = Fact(NOW, "T1", "time.written", "U1", "entry", {"time": "t1", "xero": "c1"})
    assert json.loads(line(7, fact)) == {
        "id": 7,
        "at": "2026-11-23T01:00:00+00:00",
        "workspace": "T1",
        "event": "time.written",
        "person": "U1",
        "subject": "entry",
        "time": "t1",
        "xero": "c1",
    }
