"""`kill -9` at every commit point: a call still becomes one time, one final message, and no token is lost.

Each row is a call from its end to its time, in which one process dies at one point. It is started again, or on
PostgreSQL one of three dies and the others go on. `make test` runs some rows, `make crash` all.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import aiohttp
import pytest
import pytest_asyncio

from sandbox.visitor import Json, NotThere, Visitor, has_button, text_of
from tests.handlers.inside import chosen, task_of
from tests.postgres import Postgres
from tests.reliability.mortal import ACKS, COMMITS
from tests.reliability.standing import Standing, standing
from tests.replicas import Replicas

OFFER_POSTED = "after the offer was posted, before its place is kept"
XPM_TOOK_IT = "after XPM took it, before the outcome is kept"
CLICK_ACKED = "after the click was acknowledged"
POINTS = [*COMMITS, *ACKS]
TOKENS = [point for point in POINTS if "token" in point]

SQLITE, POSTGRES, THREE = (
    "one process, SQLite",
    "one process, PostgreSQL",
    "one of three, PostgreSQL",
)
QUICK = {SQLITE: [OFFER_POSTED, XPM_TOOK_IT], THREE: [CLICK_ACKED, XPM_TOOK_IT]}
ALL = "CRASHES" in os.environ
"""Whether all rows are run."""

ACCEPTED = 202
_SECONDS = 60.0

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120 if ALL else 60),
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated"),
]


@dataclass
class Table:
    """What every row came to; printed at the end."""

    rows: list[tuple[str, str, int, int, int, float]] = field(default_factory=list)

    def text(self) -> str:
        """The table in Markdown."""
        lines = ["| killed | on | XPM times | final messages | copies of the offer | saved after |"]
        lines.append("| --- | --- | --- | --- | --- | --- |")
        lines += [
            f"| {point} | {kind} | {times} | {messages} | {copies} | {seconds:.1f} s |"
            for kind, point, times, messages, copies, seconds in self.rows
        ]
        return "\n".join(lines)


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    made = Table()
    yield made
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if ALL else contextlib.nullcontext():
        print(f"\n\n{made.text()}\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_sqlite(
    replicas: Replicas, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Standing]:
    """The world with one process of the app, which lives on from row to row, killed and started again."""
    folder = tmp_path_factory.mktemp("sqlite")
    async with standing(folder, f"sqlite:///{folder / 'xpm.db'}", replicas, ("one",)) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_postgres(
    replicas: Replicas,
    postgres: Postgres,
    postgres_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Standing]:
    """The same on PostgreSQL."""
    url = postgres.url(postgres.create(postgres_template))
    async with standing(tmp_path_factory.mktemp("postgres"), url, replicas, ("one",)) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three_replicas(
    replicas: Replicas,
    postgres: Postgres,
    postgres_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Standing]:
    """Three of them, which go on when one dies."""
    url, names = postgres.url(postgres.create(postgres_template)), ("one", "two", "three")
    async with standing(tmp_path_factory.mktemp("three"), url, replicas, names) as made:
        yield made


class Row:
    """One call's story, in which somebody dies."""

    def __init__(self, made: Standing, mia: Visitor, point: str) -> None:
        self.made, self.mia, self.point = made, mia, point
        self.whom = f"Row {len(made.slack.calls)}"

    async def tell(self) -> None:
        """From the call to the message that says saved, as a telephone and a person go about it."""
        made, mia = self.made, self.mia
        if self.point in TOKENS:
            made.fault("dead_token", "time.api/add")
        if self.point != CLICK_ACKED:
            made.doom(self.point)
        # A telephone delivers again what was not acknowledged.
        call = {"id": self.whom, "external_number": None, "external_name": self.whom}
        while await made.ring(**call) != ACCEPTED:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        if self.point == OFFER_POSTED:
            # The one that died knew where its post stands; the one that came after it did not, and posted again.
            await mia.until(
                lambda seen: len(self.of_this_call(seen)) == 2, "copy", seconds=_SECONDS
            )
        message = await mia.message(self.whom, seconds=_SECONDS)
        form = await self._choose(message)
        if self.point == CLICK_ACKED:
            made.doom(self.point)
        while await self.entry("state") == "offered":
            # A person clicks again when Slack says that it did not work.
            with contextlib.suppress(aiohttp.ClientError):
                await mia.press(form, "Save time", fields={"task": task_of(form)})
            await asyncio.sleep(0.1)
        await mia.until(lambda seen: self.saved(seen), "message that it is saved", seconds=_SECONDS)

    def saved(self, seen: Json) -> list[Json]:
        """The messages that say of this call that it is saved; such a one can be undone."""
        return [one for one in self.of_this_call(seen) if has_button(one, "Undo")]

    def of_this_call(self, seen: Json) -> list[Json]:
        """The messages about this call."""
        return [
            one for one in seen["messages"] if self.whom in text_of(one) and not one["ephemeral"]
        ]

    async def _choose(self, message: Json) -> Json:
        for _ in range(200):
            with contextlib.suppress(NotThere, aiohttp.ClientError):
                return await chosen(self.mia, message)
            # Slack says that the app does not answer.
            await asyncio.sleep(0.1)
        raise NotThere("the job cannot be chosen")

    async def entry(self, column: str) -> object:
        """A value of the call's one entry."""
        found = await self.made.rows(
            f"select e.{column} from entries e join calls c on c.id = e.call_id "  # noqa: S608
            "where c.source_id = :id",
            id=self.whom,
        )
        assert len(found) <= 1, "two entries of one call"
        return found[0][0] if found else None


async def _play(made: Standing, kind: str, point: str, table: Table) -> None:
    async with made.visitor("U0MIA") as mia:
        row = Row(made, mia, point)
        began = time.monotonic()
        dead, _ = await asyncio.gather(_see_to_the_dead(made, kind), row.tell())
        seconds = time.monotonic() - began
        seen = await mia.see()
        shown = row.saved(seen)
        copies = [one for one in row.of_this_call(seen) if one not in shown]
        times = made.notes().count(f"Call with {row.whom}")
        table.rows.append((kind, point, times, len(shown), len(copies), seconds))
        assert times == 1
        assert len(shown) == 1
        # Slack has no key for a post: where its answer is lost the post is made again, and the copy must do no harm.
        assert len(copies) == (point == OFFER_POSTED)
        for copy in copies:
            await _try_the_copy(row, copy)
        assert await row.entry("state") == "sent"
        # That Slack shows it is noted a moment after it does.
        async with asyncio.timeout(_SECONDS):
            while await row.entry("version") != await row.entry("shown_version"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await made.one("select count(*) from connections where ended_at is null") == 1
    if kind == THREE:
        await made.start(dead)


async def _see_to_the_dead(made: Standing, kind: str) -> str:
    """Waits for the death, and starts the process again where no other goes on."""
    name = await made.bury()
    if kind != THREE:
        await made.start(name)
    return name


async def _try_the_copy(row: Row, copy: Json) -> None:
    """Whatever is clicked in a copy, XPM keeps the one time, and the copy goes."""
    assert has_button(copy, "Don't log")
    await row.mia.press(copy, "Don't log")
    await row.mia.until(
        lambda seen: copy["ts"] not in {one["ts"] for one in seen["messages"]}, "end of the copy"
    )
    assert await row.entry("state") == "sent"
    assert row.made.notes().count(f"Call with {row.whom}") == 1
    assert len(row.of_this_call(await row.mia.see())) == 1


def _rows(kind: str) -> list[str]:
    return POINTS if ALL else QUICK[kind]


@pytest.mark.parametrize("point", _rows(SQLITE))
async def test_call_becomes_one_time_though_the_process_dies(
    on_sqlite: Standing, point: str, table: Table
) -> None:
    await _play(on_sqlite, SQLITE, point, table)


@pytest.mark.parametrize("point", _rows(THREE))
async def test_call_becomes_one_time_though_one_of_three_dies(
    three_replicas: Standing, point: str, table: Table
) -> None:
    await _play(three_replicas, THREE, point, table)


if ALL:

    @pytest.mark.parametrize("point", _rows(POSTGRES))
    async def test_call_becomes_one_time_though_the_process_dies_on_postgresql(
        on_postgres: Standing, point: str, table: Table
    ) -> None:
        await _play(on_postgres, POSTGRES, point, table)
