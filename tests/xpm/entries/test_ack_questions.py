"""The way to an ack asks the database as seldom as it can; what is slow there, a person waits for."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
import sqlalchemy as sa

from xpm.choices import Draft, TaskChoice
from xpm.standing import Standings
from xpm.store.entries import State

from .world import MIA, SAM, World, world_on


@pytest_asyncio.fixture
async def world(server_url: str) -> AsyncIterator[World]:
    """On PostgreSQL, where every question is counted; on SQLite the driver is asked directly, with the same ones."""
    async with world_on(server_url) as one:
        yield one


@dataclass(slots=True)
class Asked:
    """How many transactions there were, and how many statements in them."""

    transactions: int = 0
    statements: int = 0


@contextmanager
def counted(world: World) -> Iterator[Asked]:
    """Counts what the app asks its database for meanwhile."""
    engine, asked = world.database.engine.sync_engine, Asked()

    def begin(*_: Any) -> None:
        asked.transactions += 1

    def execute(*_: Any) -> None:
        asked.statements += 1

    sa.event.listen(engine, "begin", begin)
    sa.event.listen(engine, "after_cursor_execute", execute)
    yield asked
    sa.event.remove(engine, "begin", begin)
    sa.event.remove(engine, "after_cursor_execute", execute)


async def test_status_is_one_transaction_of_three_questions(world: World) -> None:
    with counted(world) as asked:
        standing = await Standings(world.database, world.clock).of(SAM)
    assert standing.is_connected
    assert standing.may_mend
    assert (asked.transactions, asked.statements) == (1, 3)


async def test_the_job_menu_is_two_transactions_once_its_lists_are_known(world: World) -> None:
    entry = await world.chosen()
    found = []
    for transactions in (3, 2):
        with counted(world) as asked:
            clients, staff = await world.entries.job_menu_of(MIA, entry.id)
            found.append(await world.directory.menu(MIA.workspace_id, clients, staff, ""))
        assert asked.transactions == transactions
    assert found[0] == found[1] != []
    # The entry and the staff, the mark and the last jobs.
    assert asked.statements <= 4


async def test_save_is_one_reading_and_one_commit(world: World) -> None:
    entry = await world.chosen()
    choice = TaskChoice("J000123", world.task("J000123", "Individual tax"))
    with counted(world) as asked:
        sent = await world.entries.send(MIA, entry.id, Draft(), choice)
    assert sent.state is State.SENDING
    assert asked.transactions == 2
    # Entry, connection, staff, job and tasks; then the change and its fact. The engine's own two are not counted here.
    assert asked.statements == 7


async def test_a_message_about_an_entry_is_read_in_one_transaction(world: World) -> None:
    entry = await world.chosen()
    with counted(world) as asked:
        view = await world.entries.view(MIA.workspace_id, entry.id)
    assert view is not None
    assert view.has_jobs
    assert asked.transactions == 1
