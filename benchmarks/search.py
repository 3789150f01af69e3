"""What typing in the job menu and matching a call cost as the practice grows; each against the smallest practice."""

import asyncio
import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks import seed
from benchmarks.line import Line
from xpm import migrations
from xpm.job_lists import Lists
from xpm.job_menu import Asker, menu_of, recent_of
from xpm.store import Database, mirror
from xpm.store import tables as t

SIZES = (1_000, 10_000, 100_000)
NUMBERS = (1_000, 150_000)
TIMES = 25

QUERIES = {
    "empty": "",
    "one letter": "k",
    "two words": "tax return",
    "misspelt": "totaro advisry",
    "ID": "j000501",
}


async def _p50(times: int, ask: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


async def _menus(folder: Path, jobs: int) -> dict[str, float]:
    url = f"sqlite:///{folder / f'jobs-{jobs}.db'}"
    await asyncio.to_thread(migrations.upgrade, url)
    database = Database(url)
    await seed.fill(database, jobs * 15 // 100, jobs)
    # With as many jobs of their own in each practice: none. What is measured is the search.
    who = Asker(seed.TEAM, "staff-1", seed.USER, dt.date(2026, 11, 23))
    found = {}
    for name, typed in QUERIES.items():

        async def ask(typed: str = typed) -> object:
            async with database.reading() as tx:
                lists, recent = Lists.read(tx), await recent_of(tx, who)
                return await menu_of(lists, who, [("c0", "Kea 0 Ltd")], typed, recent)

        found[name] = await _p50(TIMES, ask)
    await database.close()
    return found


async def _matching(folder: Path, numbers: int) -> float:
    url = f"sqlite:///{folder / f'numbers-{numbers}.db'}"
    await asyncio.to_thread(migrations.upgrade, url)
    database = Database(url)
    for start in range(0, numbers, 5000):
        some = range(start, min(numbers, start + 5000))
        of = {"workspace_id": seed.TEAM, "sync_id": "s1"}
        async with database.transaction() as tx:
            await mirror.write(
                tx,
                t.clients,
                [
                    {**of, "uuid": f"c{n}", "name": f"Client {n}", "is_archived": False}
                    for n in some
                ],
            )
            await mirror.write(
                tx,
                t.phone_numbers,
                [
                    {**of, "e164": f"+6495{n:06d}", "client_uuid": f"c{n}", "contact_uuid": ""}
                    for n in some
                ],
            )

    async def ask() -> object:
        async with database.reading() as tx:
            return await mirror.parties(tx, seed.TEAM, "+6495000500")

    took = await _p50(TIMES * 5, ask)
    await database.close()
    return took * 1000


async def _measure(folder: Path) -> list[Line]:
    lines = []
    menus = {jobs: await _menus(folder, jobs) for jobs in SIZES}
    for name in QUERIES:
        floor = menus[SIZES[0]][name]
        for jobs in SIZES:
            took = menus[jobs][name]
            target = 1.5 if jobs == SIZES[-1] else 0.0
            lines.append(
                Line(f"menu, {name}, {jobs:,} jobs: p50 against {SIZES[0]:,}", took, "ms", floor,
                     took / floor, target, "lower")
            )  # fmt: skip
    few, many = [await _matching(folder, numbers) for numbers in NUMBERS]
    lines.append(
        Line(f"matching a call, {NUMBERS[1]:,} numbers against {NUMBERS[0]:,}", many, "µs", few,
             many / few, 1.5, "lower")
    )  # fmt: skip
    return lines


def lines() -> list[Line]:
    """The lines of the table."""
    with tempfile.TemporaryDirectory(prefix="xpm-slack-search-") as name:
        return asyncio.run(_measure(Path(name)))


if __name__ == "__main__":
    for line in lines():
        print(f"{line.name:60} {line.value:10.2f} {line.unit} ratio {line.ratio:5.2f}")
