"""The way to an ack asks the database as seldom as it can; what is slow there, a person waits for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from xpm.choices import Draft, TaskChoice
from xpm.standing import Standings
from xpm.store.entries import State

from .world import MIA, SAM, World


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


async def test_the_job_menu_is_two_transactions(world: World) -> None:
    entry = await world.chosen()
    with counted(world) as asked:
        clients, staff = await world.entries.job_menu_of(MIA, entry.id)
        assert await world.directory.menu(MIA.workspace_id, clients, staff, "")
    assert asked.transactions == 2
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
