"""The connection ends, by Xero's hand or a person's: said once, nothing typed is lost, and all goes on afterwards."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sandbox.visitor import Json, Visitor, has_button, text_of
from tests.handlers.inside import (
    KEA,
    Inside,
    chosen,
    newest,
    settled,
    shows,
    task_of,
)
from xpm import places
from xpm.connections import IDLE
from xpm.store import connections as connection_store
from xpm.store import tables as t

ENDED = "Xero ended the connection to Kea Accounting"


@pytest.fixture(autouse=True)
async def connected(inside: Inside) -> AsyncIterator[None]:
    """Kea's practice is connected by Sam when a test begins."""
    query = "select count(*) from connections where workspace_id = 'T0KEA' and ended_at is null"
    if not await inside.one(query):
        await inside.connect()
    await settled(inside)
    yield
    await inside.no_faults()


async def said_to(person: Visitor, words: str, after: str = "0") -> list[Json]:
    """This person's messages with these words."""
    seen = await person.see()
    return [one for one in seen["messages"] if words in text_of(one) and one["ts"] > after]


async def sent(inside: Inside, mia: Visitor) -> Json:
    """A call of Mia's, with a job chosen and saved."""
    message = await chosen(mia, await inside.offered(mia))
    await mia.press(message, "Save time", fields={"task": task_of(message), "note": "kept note"})
    return message


async def test_xero_ending_it_is_said_once_and_everything_goes_on_after_reconnecting(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    await mia.do("home", tab="home")
    await mia.home("Connected to Kea Accounting")
    before, times = newest(await sam.see()), len(inside.times())
    draft = await chosen(mia, await inside.offered(mia))
    await inside.fault("rate", "time.api", times=-1)
    waiting = [await sent(inside, mia) for _ in range(3)]
    for message in waiting:
        await shows(mia, message, "XPM is not answering")
    await inside.practice_does("disconnect", tenant=KEA)
    await inside.no_faults()
    notice = await sam.until(
        lambda seen: next(
            (o for o in seen["messages"] if ENDED in text_of(o) and o["ts"] > before), None
        ),
        "notice",
        seconds=30,
    )
    assert "3 times are waiting and will be saved after you reconnect." in text_of(notice)
    assert has_button(notice, "Reconnect")
    await mia.home(ENDED)
    for message in waiting:
        await shows(
            mia, message, "are safe and will be saved after somebody reconnects", seconds=30
        )
    # More people notice the same; it stays said once.
    await sam.type("/xpm sync")
    await settled(inside)
    assert len(await said_to(sam, ENDED, before)) == 1
    assert not await said_to(mia, ENDED, before)
    await sam.press(notice, "Reconnect")
    await inside.connect()
    for message in waiting:
        await shows(mia, message, "12 min on J000123", "Undo", seconds=20)
    await settled(inside)
    assert len(inside.times()) == times + 3
    await mia.home("Connected to Kea Accounting")
    # The draft that was open all the while is saved as if nothing had happened.
    await mia.press(draft, "Save time", fields={"task": task_of(draft), "note": "a draft"})
    await shows(mia, draft, "12 min on J000123", "Undo")


async def test_a_dead_grant_is_said_once_to_the_one_who_connected(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    before = newest(await sam.see())
    await inside.fault("dead_grant", times=-1)
    await inside.fault("dead_token")
    message = await sent(inside, mia)
    await shows(mia, message, "will be saved after somebody reconnects")
    await settled(inside)
    (notice,) = await said_to(sam, ENDED, before)
    assert "1 time is waiting and will be saved after you reconnect." in text_of(notice)
    await inside.no_faults()
    await inside.connect()
    await shows(mia, message, "12 min on J000123", "Undo", seconds=20)


async def test_a_notice_that_slack_does_not_take_now_is_said_later(
    inside: Inside, sam: Visitor
) -> None:
    before = newest(await sam.see())
    await inside.slack_fault("chat.postMessage", "500", times=1, done=False)
    await inside.practice_does("disconnect", tenant=KEA)
    await sam.type("/xpm sync")
    await sam.until(
        lambda seen: any(ENDED in text_of(o) and o["ts"] > before for o in seen["messages"]),
        "notice",
        seconds=45,
    )
    await settled(inside)
    assert len(await said_to(sam, ENDED, before)) == 1


async def test_a_notice_is_not_repeated_when_its_workflow_runs_again(
    inside: Inside, sam: Visitor
) -> None:
    before = newest(await sam.see())
    await inside.practice_does("disconnect", tenant=KEA)
    await sam.type("/xpm sync")
    await settled(inside)
    connection = await inside.on_its_loop(inside.made.services.connections.of("T0KEA"))
    assert connection is not None
    assert connection.told_ended_at is not None
    await inside.on_its_loop(
        inside.made.following.say_ended("T0KEA", connection.connected_at.isoformat())
    )
    assert len(await said_to(sam, ENDED, before)) == 1


async def test_the_clock_refreshes_an_idle_connection_once_however_many_replicas_tick(
    inside: Inside,
) -> None:
    async def make_idle() -> None:
        async with inside.made.database.transaction() as tx:
            long_ago = datetime.now(UTC) - IDLE - timedelta(hours=1)
            await connection_store.change(tx, "T0KEA", refreshed_at=long_ago)

    async def refreshes() -> int:
        seen = await inside.rows(
            "select token_version from connections where workspace_id = 'T0KEA'"
        )
        return int(seen[0][0])

    before = await refreshes()
    for _ in range(3):
        await inside.on_its_loop(make_idle())
        await inside.on_its_loop(inside.made.keeping.begin())
        await settled(inside)
    assert await refreshes() == before + 1
    connection = await inside.on_its_loop(inside.made.services.connections.of("T0KEA"))
    assert connection is not None
    assert connection.is_live
    assert inside.made.timetable.is_running


async def test_open_calls_say_that_it_was_disconnected_and_come_back_as_they_were(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    plain = await inside.offered(mia)
    draft = await chosen(mia, await inside.offered(mia))
    await sam.type("/xpm disconnect")
    words = ("are forgotten", "keep what was chosen", "log of who did what is kept")
    await sam.submit(await sam.modal("Disconnect Kea Accounting?", *words))
    await sam.modal("Disconnected from Kea Accounting")
    for message in (plain, draft):
        message = await shows(mia, message, "XPM was disconnected", "What you chose is kept")
        assert has_button(message, "Connect")
        assert not has_button(message, "Save time")
    later = await inside.offered(mia)
    await shows(mia, later, "XPM is not connected")
    await inside.connect()
    await settled(inside)
    await shows(mia, plain, "Call with", "Enter job ID")
    await shows(mia, later, "Call with", "Enter job ID")
    draft = await shows(mia, draft, "J000123", "Minutes")
    assert "disconnected" not in text_of(draft)
    await inside.no_faults()
    await mia.press(draft, "Save time", fields={"task": task_of(draft), "note": "after all"})
    await shows(mia, draft, "12 min on J000123", "Undo")


async def test_an_old_call_says_how_it_stands_when_it_is_clicked_and_follows_from_then_on(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    old = await chosen(mia, await inside.offered(mia))
    untouched = await chosen(mia, await inside.offered(mia))
    await settled(inside)
    long_ago = datetime.now(UTC) - timedelta(days=15)

    async def age() -> None:
        async with inside.made.database.transaction() as tx:
            await tx.execute(
                sa.update(t.entries)
                .where(t.entries.c.message_ts.in_([old["ts"], untouched["ts"]]))
                .values(created_at=long_ago, changed_at=long_ago)
            )

    await inside.on_its_loop(age())
    await sam.type("/xpm disconnect")
    await sam.submit(await sam.modal("Disconnect Kea Accounting?"))
    await sam.modal("Disconnected from Kea Accounting")
    await settled(inside)
    for message in (old, untouched):
        assert has_button(await shows(mia, message, "J000123"), "Save time")
    await mia.press(old, "Save time", fields={"task": task_of(old), "note": "late but kept"})
    await shows(mia, old, "XPM is not connected", "Connect it, then log this call here")
    await inside.connect()
    await settled(inside)
    for message, note in ((old, "late but kept"), (untouched, "Call with Ana Example")):
        message = await shows(mia, message, "J000123", "Minutes", note)
        assert "not connected" not in text_of(message)
        await mia.press(message, "Save time", fields={"task": task_of(message)})
        await shows(mia, message, "12 min on J000123", "Undo")


async def test_after_disconnecting_no_table_holds_a_token_or_a_row_of_the_mirror(
    inside: Inside, sam: Visitor
) -> None:
    connection = await inside.on_its_loop(inside.made.services.connections.of("T0KEA"))
    assert connection is not None
    secret = inside.made.vault.open(connection.refresh_token, places.refresh_token("T0KEA"))
    sealed = [connection.access_token.text, connection.refresh_token.text]
    await inside.on_its_loop(inside.made.services.connections.disconnect("T0KEA", "U0SAM"))
    await settled(inside)
    tables = [
        row[0] for row in await inside.rows("select name from sqlite_master where type = 'table'")
    ]
    assert len(tables) > 20, "the engine's own tables are read too"
    kept = ("audit", "calls", "entries", "people", "workspaces")
    for table in tables:
        rows = repr(await inside.rows(f"select * from {table}"))  # noqa: S608 (names of the database itself)
        for text in (*sealed, secret):
            assert text not in rows, table
        if table not in kept:
            for name in ("Kea Ltd", "Ana Example", "J000123", "Individual tax"):
                assert name not in rows, (table, name)
    found = {row[0] for row in await inside.rows("select event from audit")}
    assert "connection.deleted" in found


async def test_what_is_noted_tells_the_whole_story_with_xpms_and_xeros_ids(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    last = await inside.one("select max(id) from audit")
    message = await sent(inside, mia)
    message = await shows(mia, message, "12 min on J000123", "Undo")
    await mia.press(message, "Undo")
    await shows(mia, message, "Removed")
    await settled(inside)
    rows = await inside.rows(
        "select event, slack_user_id, detail from audit where id > :last order by id", last=last
    )
    events = [row[0] for row in rows]
    assert events == ["entry.chosen", "time.written", "entry.undo_chosen", "time.deleted"]
    assert {row[1] for row in rows} == {"U0MIA"}
    for event, _, detail in rows:
        if event.startswith("time."):
            assert '"time"' in detail
            assert '"xero"' in detail, detail
