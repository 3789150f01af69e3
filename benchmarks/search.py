"""What typing in the job menu and matching a call cost as the practice grows: `python -m benchmarks search` alone.

Each answer is asked for over HTTP as Slack asks, of three apps and of bare Bolt in turn, so that what else the machine
does falls on all of them.
"""

import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import floors, requests, seed
from benchmarks.line import Line
from benchmarks.load import SECONDS, Load, Times, timed
from benchmarks.served import served, surroundings
from xpm import migrations
from xpm.store import Database, mirror
from xpm.store import tables as t

SIZES = (1_000, 10_000, 100_000)
NUMBERS = (1_000, 150_000)
TIMES = 500

QUERIES = {
    "empty": "",
    "one letter": "k",
    "two words": "tax return",
    "misspelt": "totaro advisry",
    "ID": "j000501",
}
_FLOOR = "F0"

_ROUNDS = 4
# Of each query in each round, at one connection and at sixteen.
_SECONDS = SECONDS / 16
_FASTEST = 6000

Measured = dict[tuple[int, str, int], Load]
"""By jobs (0 is the floor), query and connections."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A server, and how to make what is put to it by the name of the query."""

    port: int
    queries: Mapping[str, Callable[[], bytes]]


@contextmanager
def _floor(folder: Path) -> Iterator[_Asked]:
    environment, settings = surroundings(folder)
    secret = settings.slack_signing_secret.get_secret_value()
    with served(["benchmarks.floors"], environment, folder):
        yield _Asked(settings.port, {_FLOOR: partial(requests.action, secret, floors.F0)})


@contextmanager
def _app(folder: Path, jobs: int) -> Iterator[_Asked]:
    environment, settings = surroundings(folder)
    asyncio.run(seed.seed(settings, clients=jobs * 15 // 100, jobs=jobs, entries=50))
    # With as many jobs of their own in each practice: none. What is measured is the search.
    person = seed.person_of(1)
    entry = asyncio.run(seed.call_of_first_client(settings, person))
    secret = settings.slack_signing_secret.get_secret_value()
    with served(["bot", "serve"], environment, folder):
        asks = {
            name: partial(requests.options, secret, entry, typed, person)
            for name, typed in QUERIES.items()
        }
        yield _Asked(settings.port, asks)


def _menus(folder: Path) -> Measured:
    found: dict[tuple[int, str, int], Times] = defaultdict(Times)
    with ExitStack() as stack:
        servers = {jobs: stack.enter_context(_app(folder / str(jobs), jobs)) for jobs in SIZES}
        servers[0] = stack.enter_context(_floor(folder / "floor"))
        for _ in range(_ROUNDS):
            for connections in (1, 16):
                for name in (_FLOOR, *QUERIES):
                    for jobs, server in servers.items():
                        if name in server.queries:
                            prepared = requests.many(server.queries[name], int(_SECONDS * _FASTEST))
                            found[jobs, name, connections] += asyncio.run(
                                timed(
                                    server.port,
                                    prepared,
                                    connections=connections,
                                    seconds=_SECONDS,
                                )
                            )
    return {place: times.load for place, times in found.items()}


def _menu_lines(menus: Measured) -> Iterator[Line]:
    bare, crowded = menus[0, _FLOOR, 1], menus[0, _FLOOR, 16]
    for name in QUERIES:
        few = menus[SIZES[0], name, 1]
        for jobs in SIZES:
            one, many = menus[jobs, name, 1], menus[jobs, name, 16]
            where = f"menu, {name}, {jobs:,} jobs"
            target = 1.5 if jobs == SIZES[-1] else 0.0
            yield from (
                Line(f"{where}: p50 against {SIZES[0]:,}", one.p50, "ms", few.p50, one.p50 / few.p50, target, "lower"),
                Line(f"{where}: p50 against F0", one.p50, "ms", bare.p50, one.p50 / bare.p50, 0.0, "lower"),
                Line(f"{where}: p99 against F0", one.p99, "ms", bare.p99, one.p99 / bare.p99, 0.0, "lower"),
                Line(f"{where}: throughput, 16 at a time, against F0", many.throughput, "answers/s",
                     crowded.throughput, many.throughput / crowded.throughput, 0.0, "higher"),
            )  # fmt: skip


@asynccontextmanager
async def _numbers(folder: Path, numbers: int) -> AsyncIterator[Database]:
    """A practice of so many clients, each with a number of its own."""
    url = f"sqlite:///{folder / f'numbers-{numbers}.db'}"
    await asyncio.to_thread(migrations.upgrade, url)
    database = Database(url)
    of = {"workspace_id": seed.TEAM, "sync_id": "s1"}
    for start in range(0, numbers, 5000):
        some = range(start, min(numbers, start + 5000))
        clients = [
            {**of, "uuid": f"c{n}", "name": f"Client {n}", "is_archived": False} for n in some
        ]
        theirs = [
            {**of, "e164": f"+6495{n:06d}", "client_uuid": f"c{n}", "contact_uuid": ""}
            for n in some
        ]
        async with database.transaction() as tx:
            await mirror.write(tx, t.clients, clients)
            await mirror.write(tx, t.phone_numbers, theirs)
    yield database
    await database.close()


async def _matching(folder: Path) -> list[float]:
    """The median of looking a caller up among few numbers and among many, in turn; microseconds."""
    took: dict[int, list[float]] = {numbers: [] for numbers in NUMBERS}
    async with AsyncExitStack() as stack:
        places = {
            numbers: await stack.enter_async_context(_numbers(folder, numbers))
            for numbers in NUMBERS
        }
        for nth in range(TIMES):
            for numbers, database in places.items():
                began = time.perf_counter()
                async with database.reading() as tx:
                    found = await mirror.parties(tx, seed.TEAM, f"+6495{nth:06d}")
                took[numbers].append(time.perf_counter() - began)
                assert found[0].client_uuid == f"c{nth}"
    return [statistics.median(took[numbers]) * 1_000_000 for numbers in NUMBERS]


def _matching_line(folder: Path) -> Line:
    few, many = asyncio.run(_matching(folder))
    return Line(f"matching a call, {NUMBERS[1]:,} numbers against {NUMBERS[0]:,}", many, "µs", few,
                many / few, 1.5, "lower")  # fmt: skip


def lines() -> list[Line]:
    """The lines of the table."""
    with tempfile.TemporaryDirectory(prefix="xpm-slack-search-") as name:
        folder = Path(name)
        return [*_menu_lines(_menus(folder)), _matching_line(folder)]
