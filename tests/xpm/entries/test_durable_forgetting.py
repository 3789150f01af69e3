"""What the engine remembers of a workspace goes with the workspace, on both databases."""

import asyncio

import sqlalchemy as sa

from xpm.durable import Durable
from xpm.store import Database

from .world import until


async def _ids(database: Database) -> set[str]:
    schema = "" if database.is_sqlite else "dbos."
    query = f"select workflow_uuid from {schema}workflow_status"  # noqa: S608
    async with database.reading() as tx:
        return set((await tx.execute(sa.text(query))).scalars())


async def test_workflows_of_a_workspace_are_forgotten_and_those_of_another_stay(
    database: Database,
) -> None:
    durable = Durable(database, "one")
    done: list[str] = []

    async def work(workspace_id: str, entry_id: str) -> float | None:
        done.append(workspace_id)
        return 600 if entry_id == "waits" else None

    durable.register("work", work)
    await durable.start()
    try:
        async with database.transaction() as tx:
            for key, workspace_id, entry_id in (
                ("a", "T1", "e1"),
                ("b", "T1", "waits"),
                ("c", "T11", "e1"),
            ):
                await durable.enqueue(tx, "work", key, workspace_id, entry_id)
        # What waits for its next turn belongs to the workspace as well.
        await until(lambda: len(done) == 3)
        assert sorted(done) == ["T1", "T1", "T11"]
        async with asyncio.timeout(10):
            while "work:b~1" not in (found := await _ids(database)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert {"work:a", "work:b", "work:c"} <= found
        await durable.forget("T1")
        left = await _ids(database)
        assert "work:c" in left
        assert not {"work:a", "work:b", "work:b~1"} & left
        await durable.forget("T1")
    finally:
        await durable.stop()
