"""A phone system that tells very many calls at once: another's are asked about before, and its own each once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from xpm.calls import Rules
from xpm.durable import COURTESY, CROWD, Durable
from xpm.entries import Entries
from xpm.reception import OFFER, OFFER_IN_TURN, REFRESH, Reception
from xpm.store import calls as call_store
from xpm.store import entries as store
from xpm.store import workspaces as workspace_store
from xpm.store.workspaces import Person

from .test_call_reception import SYSTEM
from .world import WORKSPACE, Notices, World, ended_call, until

QUIET = replace(SYSTEM, id="P2")
MANY = 40


class Slack(Notices):
    """Slack, which keeps a flood's messages waiting until it is told to take them."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database)
        self.free = asyncio.Event()
        self.waiting = 0
        self.asked: list[str] = []

    async def show(self, workspace_id: str, entry_id: str) -> None:
        async with self.database.reading() as tx:
            entry = await store.get(tx, workspace_id, entry_id)
            assert entry is not None
            assert entry.call_id is not None
            call = await call_store.get(tx, workspace_id, entry.call_id)
        assert call is not None
        if call.phone_system_id == SYSTEM.id:
            self.waiting += 1
            await self.free.wait()
        await super().show(workspace_id, entry_id)
        self.asked.append(call.source_id)


@asynccontextmanager
async def running(world: World, slack: Slack) -> AsyncIterator[Reception]:
    """A process that receives calls and asks about them, while XPM answers nobody."""
    durable = Durable(world.database, "replica-1", poll_seconds=0.05, pace=0.05)
    entries = Entries(world.database, world.directory, durable, world.clock)

    async def find(workspace_id: str, email: str) -> Person | None:
        async with world.database.reading() as tx:
            return await workspace_store.person_by_email(tx, workspace_id, email)

    async def refresh(_: str, __: str) -> None:
        await asyncio.Event().wait()

    reception = Reception(
        world.database, world.connections, world.directory, entries, durable, slack, find,
        world.clock, Rules(30),
    )  # fmt: skip
    durable.register(OFFER, reception.offer)
    durable.register(OFFER_IN_TURN, reception.offer_in_turn, queue=CROWD)
    durable.register(REFRESH, refresh, queue=COURTESY)
    await durable.start()
    try:
        yield reception
    finally:
        await durable.stop(0)


async def test_anothers_calls_are_asked_about_while_none_of_a_flood_can_be(
    each_world: World,
) -> None:
    slack = Slack(each_world)
    flood = [f"flood-{nth:03}" for nth in range(MANY)]
    quiet = [f"quiet-{nth}" for nth in range(3)]
    async with running(each_world, slack) as reception:
        new = await asyncio.gather(
            *(reception.receive(SYSTEM, [ended_call(source_id=one)]) for one in flood)
        )
        assert sum(new) == MANY
        # The first of them, and the first of each portion of the others, wait for Slack.
        await until(lambda: slack.waiting == 22)
        for one in quiet:
            await reception.receive(QUIET, [ended_call(source_id=one)])
        await until(lambda: sorted(slack.asked) == quiet)
    # The process ends in the middle of it, and the next one goes on.
    slack.free.set()
    async with running(each_world, slack):
        await until(lambda: len(slack.asked) >= MANY + len(quiet), seconds=60)
    assert sorted(slack.asked) == sorted(flood + quiet)
    async with each_world.database.reading() as tx:
        assert len(await store.in_state(tx, WORKSPACE, *store.State)) == MANY + len(quiet)
