"""What a process of its own does with the real engine until somebody kills it: it settles entries."""

import asyncio

from sandbox.practice import PretendXero
from xpm.durable import Durable
from xpm.entries import SETTLE
from xpm.settling import Settling
from xpm.store import Database

from .world import WORKSPACE, Clock, World, practice_settings


async def settle(database_url: str, practice_url: str, key: str, entry_id: str) -> None:
    """Settles what is in the queue; with an entry's id, its settling is enqueued first."""
    clock, database = Clock(), Database(database_url)
    world = World(database, PretendXero(practice_settings(clock)), practice_url, clock, key)
    durable = Durable(database, "replica-1")
    settling = Settling(database, world.connections, world.notices, clock)
    durable.register(SETTLE, settling.advance)
    await durable.start()
    if entry_id:
        async with database.transaction() as tx:
            await durable.enqueue(tx, SETTLE, entry_id, WORKSPACE, entry_id)
    # Whoever started this ends it.
    await asyncio.Event().wait()
