"""What one phone system tells while the database is busy is written together, and stands in nobody's way."""

import asyncio
import datetime as dt
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from xpm.calls import Late, Told
from xpm.store import Database, Transaction
from xpm.store import tables as t
from xpm.store.workspaces import PhoneSystem
from xpm.taking import Taking, pause
from xpm.vault import Vault, new_key

NOW = dt.datetime(2026, 11, 23, 1, 5, tzinfo=dt.UTC)


def _system(name: str) -> PhoneSystem:
    return PhoneSystem(name, "T1", "standard", Vault([new_key()]).seal("a secret", name), NOW)


class _Written:
    """Writes each as a job, so that what was taken back can be seen; `turns` are what was written together."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.turns: list[list[str]] = []
        self.has_begun = asyncio.Event()
        self.pauses: list[float] = []
        self.taking = Taking(database, self._take, self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(seconds)

    async def _take(self, tx: Transaction, system: PhoneSystem, told: Sequence[Told]) -> int:
        for one in told:
            await tx.execute(
                sa.insert(t.known_numbers).values(
                    workspace_id="T1",
                    e164=one.source_id,
                    client_uuid=system.id,
                    slack_user_id="U1",
                    said_at=NOW,
                )
            )
        if any(one.source_id == "bad" for one in told):
            raise ValueError("it cannot be written")
        self.turns.append([one.source_id for one in told])
        self.has_begun.set()
        return len(told)

    async def take(self, system: str, name: str) -> int:
        """One event."""
        return await self.taking.take(_system(system), [Late(name, ())])

    async def kept(self) -> set[str]:
        """What was committed."""
        async with self.database.reading() as tx:
            return set((await tx.execute(sa.select(t.known_numbers.c.e164))).scalars())


@pytest.fixture
def written(database: Database) -> _Written:
    """Nothing yet."""
    return _Written(database)


async def test_what_comes_while_the_database_is_busy_is_written_together(
    written: _Written,
) -> None:
    names = [f"{n}" for n in range(40)]
    new = await asyncio.gather(*(written.take("one", name) for name in names))
    assert sum(new) == len(names)
    assert await written.kept() == set(names)
    assert [name for turn in written.turns for name in turn] == names
    assert len(written.turns) <= 4
    # Alone it is told of itself.
    assert await written.take("one", "alone") == 1


async def test_one_that_cannot_be_written_keeps_no_other_out(written: _Written) -> None:
    names = ["a", "bad", "c", "d"]
    told = await asyncio.gather(
        *(written.take("one", name) for name in names), return_exceptions=True
    )
    assert [isinstance(one, ValueError) for one in told] == [False, True, False, False]
    assert await written.kept() == {"a", "c", "d"}


async def test_anothers_event_does_not_wait_for_the_end_of_a_flood(written: _Written) -> None:
    flood = [asyncio.create_task(written.take("flooding", f"{n}")) for n in range(200)]
    await written.has_begun.wait()
    await written.take("other", "on time")
    assert not flood[-1].done()
    await asyncio.gather(*flood)
    assert "on time" in await written.kept()


async def test_between_its_turns_a_system_leaves_the_database_to_others(sqlite: Database) -> None:
    written = _Written(sqlite)
    async with sqlite.transaction():
        told = [asyncio.create_task(written.take("one", f"{n}")) for n in range(240)]
        await asyncio.sleep(0)
    await asyncio.gather(*told)
    # In turns of at most a hundred: the first left a flood, the second a few.
    first, second = written.pauses
    assert first == pause(140, 0.0)
    assert second <= first


def test_a_flood_pauses_for_long_and_a_burst_for_as_long_as_it_wrote() -> None:
    assert pause(100, 0.001) == pause(1000, 0.5) == 0.05
    assert pause(99, 0.04) == 0.04
    assert 0.005 < pause(1, 0.001) < 0.03
    assert pause(99, 5.0) == pause(100, 5.0)


async def test_whoever_hangs_up_takes_nobody_elses_events_along(written: _Written) -> None:
    first, second = (asyncio.create_task(written.take("one", name)) for name in ("a", "b"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second >= 0
    assert await written.kept() >= {"b"}


async def test_each_hears_that_there_is_no_database() -> None:
    # Nobody listens there.
    nowhere = Database("postgresql://postgres@127.0.0.1:9/none")
    written = _Written(nowhere)
    told = await asyncio.gather(
        *(written.take("one", name) for name in "abc"), return_exceptions=True
    )
    assert all(isinstance(one, sa.exc.OperationalError) for one in told)
    await nowhere.close()
