"""The entry's real code under a clock that rules turn: three entries of one person, two processes, one XPM.

What is replaced is outside of it: XPM (`books`), Slack (a row that says what is shown), the engine (a queue that rules
work off) and time. A process can fall asleep between its intent and its act or between its act and its record, and die
or wake there. One database serves all histories, each in a workspace of its own, so that a history costs
milliseconds.
"""

import asyncio
import contextlib
import datetime as dt
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import sqlalchemy as sa

from handlers.messages import post_call
from tests.made_once import migrated
from tests.reliability.books import Books, Clock
from tests.xpm.entries.world import Recorded
from xpm import places
from xpm.api import Http, Limiter, Limits, TryLater, XeroApp
from xpm.choices import Draft
from xpm.connections import Connections
from xpm.directory import Directory
from xpm.entries import SETTLE, Entries
from xpm.settling import Pace, Settling
from xpm.store import Database, Transaction
from xpm.store import connections as connection_store
from xpm.store import entries as store
from xpm.store import tables as t
from xpm.store import workspaces as workspace_store
from xpm.store.connections import Connection
from xpm.store.entries import Entry, State
from xpm.store.workspaces import Person
from xpm.vault import Vault, new_key
from xpm.watching import EVERY, Watching

T = TypeVar("T")

START = dt.datetime(2026, 11, 23, 1, tzinfo=dt.UTC)
STAFF, JOB, TASK, NOTE = "staff-1", "J1", "task-1", "Call with Ana"
ENTRIES = {"one": "6", "twin": "6", "other": "9"}
"""The minutes of each; two of them are alike in everything."""


class Stalling(Database):
    """The same database, after whose next commit a process falls asleep."""

    def __init__(self, real: Database) -> None:
        self.__dict__.update(real.__dict__)
        self.stall: Stall | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as tx:
            yield tx
        if self.stall is not None:
            stall, self.stall = self.stall, None
            await stall.here()


class Stall:
    """A place where a process sleeps until it is woken."""

    def __init__(self) -> None:
        self.is_reached = asyncio.Event()
        self._wakes = asyncio.Event()

    async def here(self) -> None:
        """Sleeps."""
        self.is_reached.set()
        await self._wakes.wait()

    def wake(self) -> None:
        """Lets it go on."""
        self._wakes.set()


class Place:
    """What all histories share: a loop, a migrated database in memory, a vault."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")  # noqa: S108 - nobody shares it: the folder within has a name of its own
        self._folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        file = Path(self._folder.name) / "histories.db"
        migrated(file)
        self.runner = asyncio.Runner()
        self.database = Database(f"sqlite:///{file}")
        self.queue = Recorded(self.database)
        self.vault = Vault([new_key()])
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.histories = 0

    def close(self) -> None:
        """Leaves nothing behind."""
        self.runner.run(self.database.close())
        self.runner.close()
        self._folder.cleanup()
        shutil.rmtree(self._folder.name, ignore_errors=True)


@dataclass
class Slack:
    """What the person sees of each entry; while `is_away` nothing new."""

    database: Database
    is_away: bool = False
    shown: dict[str, State] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    async def show(self, workspace_id: str, entry_id: str) -> None:
        """Shows the entry as it stands."""
        self._take()
        async with self.database.transaction() as tx:
            entry = await store.get(tx, workspace_id, entry_id)
            if entry is not None:
                await store.shown(tx, entry, "D1", "1.0")
                self.shown[entry_id] = entry.state

    async def refused(self, workspace_id: str, entry_id: str) -> None:
        """Says that it was not saved."""
        self._take()
        self.told.append(entry_id)

    async def still_waiting(
        self, workspace_id: str, slack_user_id: str, waiting: list[Entry]
    ) -> None:
        """Reminds somebody."""
        self._take()

    async def bring_up(self, workspace_id: str, entry_id: str) -> None:
        """Posts it anew."""
        await self.show(workspace_id, entry_id)

    def _take(self) -> None:
        if self.is_away:
            raise TryLater(3.0, "Slack is away")


@dataclass
class Work:
    """A workflow that waits for its turn."""

    entry_id: str
    due: dt.datetime


@dataclass
class Sleeper:
    """A worker that fell asleep in the middle of a step."""

    task: "asyncio.Task[float | None]"
    stall: Stall
    work: Work


class OneProcess:
    """What one process holds in memory."""

    def __init__(self, story: "Story", connections: type[Connections], pace: Pace) -> None:
        place, clock = story.place, story.clock
        client = httpx.AsyncClient(
            transport=httpx.MockTransport(story.books.answer), verify=place.tls, trust_env=False
        )
        http = Http(client=client)
        self.connections = connections(
            place.database,
            place.vault,
            XeroApp("app", "secret-secret", "x", http=http, now=clock),
            http,
            api_url="https://api.xero.com",
            clock=clock,
            sleep=clock.sleep,
            limits=Limits(
                lambda: Limiter(
                    per_minute=10**6, clock=lambda: clock().timestamp(), sleep=clock.sleep
                )
            ),
        )
        self.database = Stalling(place.database)
        self.settling = Settling(self.database, self.connections, story.slack, clock, pace)


class Story:
    """One history: its clock, its XPM, its entries, and who works on them."""

    def __init__(
        self, place: Place, pace: Pace, connections: type[Connections] = Connections
    ) -> None:
        self.place, self._pace, self._kind = place, pace, connections
        place.histories += 1
        self.team = f"T{place.histories}"
        self.mia = Person(self.team, "U1", "mia@example.com", "Mia", "UTC")
        self.clock = Clock(START)
        self.books = Books(self.clock)
        self.slack = Slack(place.database)
        self.processes = [self._process(), self._process()]
        first = self.processes[0].connections
        directory = Directory(place.database, first, self.clock)
        self.entries = Entries(place.database, directory, place.queue, self.clock)
        self.watching = Watching(place.database, place.queue, self.entries, self.slack, self.clock)
        self.work: list[Work] = []
        self.sleepers: list[Sleeper] = []
        # The entries of every history have the same names, so their keys are known from the last one.
        place.queue.queue.clear()
        self._taken = 0
        self.run(self._begin())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs something to its end on the loop that all histories share."""
        return self.place.runner.run(work)

    def _process(self) -> OneProcess:
        return OneProcess(self, self._kind, self._pace)

    async def _begin(self) -> None:
        team, mark = {"workspace_id": self.team}, {"sync_id": "s"}
        async with self.place.database.transaction() as tx:
            await workspace_store.save_person(tx, self.mia)
            await connection_store.save(tx, self._connection())
            for table, row in (
                (t.staff, {"uuid": STAFF, "name": "Mia", "email": self.mia.email}),
                (t.jobs, {"number": JOB, "name": "Job", "state": "Open", "is_open": True,
                          "client_name": "", "search": "j1"}),
                (t.tasks, {"job_number": JOB, "uuid": TASK, "name": "Task"}),
            ):  # fmt: skip
                await tx.execute(sa.insert(table).values(**team, **mark, **row))
            for name, minutes in ENTRIES.items():
                entry = Entry(
                    self.team, name, self.mia.slack_user_id, None, State.OFFERED, START.date(), START, START,
                    job_number=JOB, task_uuid=TASK, minutes=minutes, note=NOTE,
                )  # fmt: skip
                await store.add(tx, entry)

    def _connection(self) -> Connection:
        seal = self.place.vault.seal
        return Connection(
            self.team, "c", f"tenant-{self.team}", "Kea", "NZ", "U1", self.clock(),
            seal("token-0", places.access_token(self.team)),
            seal("refresh", places.refresh_token(self.team)),
            self.clock() + dt.timedelta(days=999),
        )  # fmt: skip

    # -- the person ------------------------------------------------------------------------------------------------

    async def press(self, what: str, entry_id: str) -> Entry:
        """The person presses a button of the entry's message, which then shows what became of it."""
        entry = await self._press(what, entry_id)
        if entry.state is not State.SENDING or entry.waiting_for is not None:
            with contextlib.suppress(TryLater):
                await self.slack.show(self.team, entry_id)
        return entry

    async def _press(self, what: str, entry_id: str) -> Entry:
        match what:
            case "save":
                return await self.entries.send(self.mia, entry_id, Draft())
            case "change and save":
                await self.entries.edit(self.mia, entry_id)
                return await self.entries.send(self.mia, entry_id, Draft(minutes="7"))
            case "undo":
                return await self.entries.undo(self.mia, entry_id)
            case "recall":
                return await self.entries.recall(self.mia, entry_id)
            case "dismiss":
                return await self.entries.dismiss(self.mia, entry_id, Draft())
            case "reopen":
                return await self.entries.reopen(self.mia, entry_id)
        raise LookupError(what)

    async def reconnect(self) -> None:
        """Somebody consents anew; what waited for it goes on."""
        self.books.has_grant = True
        async with self.place.database.transaction() as tx:
            now = await connection_store.get(tx, self.team)
            if now is not None and now.ended_at is not None:
                await connection_store.save(tx, self._connection())
                await self.entries.resume(tx, self.team)

    # -- the engine ------------------------------------------------------------------------------------------------

    def take_work(self) -> None:
        """Puts what was enqueued with a commit among the work."""
        new, self._taken = self.place.queue.queue[self._taken :], len(self.place.queue.queue)
        self.work += [
            Work(entry_id, self.clock())
            for name, _, (team, entry_id, *_) in new
            if name == SETTLE and team == self.team
        ]

    def pick(self, entry_id: str) -> Work:
        """The entry's workflow; one too many, as after a take-over, when none waits."""
        found = next((one for one in self.work if one.entry_id == entry_id), None)
        if found is None:
            return Work(entry_id, self.clock())
        self.work.remove(found)
        return found

    async def step(self, process: int, work: Work) -> None:
        """A worker takes one step, whole."""
        await self._finish(self._advance(process, work), work)

    async def _advance(self, process: int, work: Work) -> float | None:
        return await self.processes[process].settling.advance(self.team, work.entry_id)

    async def _finish(self, step: Coroutine[Any, Any, float | None], work: Work) -> None:
        pause = await step
        if pause is not None:
            after = dt.timedelta(seconds=max(pause, 1.0))
            self.work.append(Work(work.entry_id, self.clock() + after))

    async def fall_asleep(self, process: int, work: Work, where: str) -> None:
        """A worker begins a step and falls asleep after its first commit, or after XPM has taken its write."""
        stall, database = Stall(), self.processes[process].database
        if where == "after the intent":
            database.stall = stall
        else:
            self.books.after_writing = stall.here
        task = asyncio.create_task(self._advance(process, work))
        reached = asyncio.create_task(stall.is_reached.wait())
        await asyncio.wait((task, reached), return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        database.stall, self.books.after_writing = None, None
        sleeper = Sleeper(task, stall, work)
        if stall.is_reached.is_set():
            self.sleepers.append(sleeper)
        else:
            await self._end(sleeper)

    async def wake(self) -> None:
        """The worker that sleeps longest goes on where it stood."""
        sleeper = self.sleepers.pop(0)
        sleeper.stall.wake()
        await self._end(sleeper)

    async def _end(self, sleeper: Sleeper) -> None:
        async def ended() -> float | None:
            return await sleeper.task

        await self._finish(ended(), sleeper.work)

    async def die(self) -> None:
        """Every worker that sleeps dies there; the engine begins their workflows again."""
        for sleeper in self.sleepers:
            sleeper.task.cancel()
            await asyncio.wait([sleeper.task])
            self.work.append(Work(sleeper.work.entry_id, self.clock()))
        self.sleepers.clear()
        self.processes = [self._process(), self._process()]

    # -- what is so ------------------------------------------------------------------------------------------------

    async def now(self) -> dict[str, Entry]:
        """The entries as they stand."""
        async with self.place.database.reading() as tx:
            found = await store.in_state(tx, self.team, *State)
        return {one.id: one for one in found}

    async def words(self, entry_id: str) -> str:
        """What the entry's message says, in the app's own words."""
        view = await self.entries.view(self.team, entry_id)
        assert view is not None
        return post_call.message(view, self.clock()).text

    async def end_well(self) -> None:
        """Everything is well again and time passes: the engine works until nothing is left to do.

        What sleeping workers hold is taken over, and when all is done they wake.
        """
        self.books.looks_fail = self.slack.is_away = False
        await self.reconnect()
        self.work += [Work(one.work.entry_id, self.clock()) for one in self.sleepers]
        await self._work_off()
        while self.sleepers:
            await self.wake()
        await self._work_off()
        # The net under it all: what Slack did not take while somebody clicked.
        self.clock.turn(2 * EVERY.total_seconds())
        await self.watching.look()
        await self._work_off()

    async def _work_off(self) -> None:
        self.take_work()
        for _ in range(300):
            if not self.work:
                return
            await self._next()
        raise AssertionError("the work never ends")

    async def work_until(self, seconds: float) -> None:
        """Time passes, and each workflow runs when it is due."""
        end = self.clock() + dt.timedelta(seconds=seconds)
        while any(one.due <= end for one in self.work):
            await self._next()
        self.clock.now = max(self.clock.now, end)

    async def _next(self) -> None:
        work = min(self.work, key=lambda one: one.due)
        self.work.remove(work)
        self.clock.now = max(self.clock.now, work.due)
        await self.step(0, work)
        self.take_work()

    async def leave(self) -> None:
        """Ends what is still under way."""
        await self.die()
