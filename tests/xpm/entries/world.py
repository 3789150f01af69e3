"""A practice on loopback, a database and the services between them, with a clock that tests turn."""

import asyncio
import datetime as dt
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import sqlalchemy as sa

from sandbox.practice import PracticeSettings, PretendXero, served_practice
from sandbox.practice.faults import Fault
from sandbox.practice.records import Time, fresh_uuid
from xpm.api import Http, Limiter, Limits, TryLater, XeroApp
from xpm.calls import EndedCall
from xpm.choices import Draft, TaskChoice
from xpm.connections import Connections
from xpm.directory import Directory
from xpm.durable import Durable
from xpm.entries import Entries
from xpm.mirroring import Mirroring
from xpm.settling import Settling
from xpm.store import Database, Transaction, audit
from xpm.store import calls as call_store
from xpm.store import connections as connection_store
from xpm.store import entries as store
from xpm.store import workspaces as workspace_store
from xpm.store.calls import Call, Party
from xpm.store.connections import Connection, Sync
from xpm.store.entries import Entry, State
from xpm.store.workspaces import Person
from xpm.vault import Vault, new_key

KEA = "11111111-1111-4111-8111-111111111111"
TUI = "22222222-2222-4222-8222-222222222222"
WORKSPACE, ELSEWHERE = "T1", "T2"
START = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)
CALLBACK = "http://localhost:9999/xero/done"
SCOPES = frozenset(
    {"openid", "profile", "email", "offline_access", "practicemanager.client.read"}
    | {"practicemanager.job", "practicemanager.staff.read", "practicemanager.time"}
)
MIA = Person(WORKSPACE, "U2", "mia@example.com", "Mia Chen", "Pacific/Auckland")
SAM = Person(WORKSPACE, "U1", "sam@example.com", "Sam Rivers", "Pacific/Auckland", is_admin=True)
ADD, UPDATE, DELETE = "time.api/add", "time.api/update", "time.api/delete"
LOOK = "time.api/staff"
NOTE = "Call with Ana Example"


@dataclass
class Clock:
    """A clock that stands until somebody moves it."""

    moment: dt.datetime = START

    def __call__(self) -> dt.datetime:
        """The moment it stands at."""
        return self.moment

    async def sleep(self, seconds: float) -> None:
        """Sleeps by turning the hands."""
        self.moment += dt.timedelta(seconds=seconds)


@dataclass
class Notices:
    """Writes down what people would be told; with `away`, Slack takes that many messages later."""

    database: Database
    shown: list[tuple[str, State, str | None]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    brought_up: list[str] = field(default_factory=list)
    reminded: list[tuple[str, int]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    progresses: list[Sync | None] = field(default_factory=list)
    away: int = 0
    away_for: float = 3.0

    async def show(self, workspace_id: str, entry_id: str) -> None:
        """Shows an entry as it stands."""
        self._take()
        async with self.database.transaction() as tx:
            entry = await store.get(tx, workspace_id, entry_id)
            assert entry is not None
            await store.shown(tx, entry, "D1", "1.000001")
        self.shown.append((entry_id, entry.state, entry.waiting_for))

    async def refused(self, workspace_id: str, entry_id: str) -> None:
        """Says that it was not saved."""
        self._take()
        self.said.append(entry_id)

    async def bring_up(self, workspace_id: str, entry_id: str) -> None:
        """Posts an entry's message anew."""
        await self.show(workspace_id, entry_id)
        async with self.database.transaction() as tx:
            entry = await store.get(tx, workspace_id, entry_id)
            assert entry is not None
            await store.told(tx, entry)
        self.brought_up.append(entry_id)

    async def still_waiting(
        self, workspace_id: str, slack_user_id: str, waiting: list[Entry]
    ) -> None:
        """Reminds somebody."""
        self._take()
        self.reminded.append((slack_user_id, len(waiting)))

    async def progress(self, workspace_id: str, sync: Sync | None) -> None:
        """Shows how far a sync is."""
        self.progresses.append(sync)

    async def connection_changed(self, workspace_id: str) -> None:
        """Lets App Home follow."""
        self.changes.append(workspace_id)

    def _take(self) -> None:
        if self.away:
            self.away -= 1
            raise TryLater(self.away_for, "Slack is away")


class Recorded(Durable):
    """Records what is enqueued, with the commit that makes it so; runs nothing."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "test")
        self.queue: list[tuple[str, str, tuple[Any, ...]]] = []
        self.places: dict[tuple[str, str], int] = {}
        self.under_way: set[str] = set()
        self._open: dict[sa.Connection, list[tuple[str, str, tuple[Any, ...]]]] = {}
        engine = database.engine.sync_engine
        sa.event.listen(engine, "commit", self._committed)
        sa.event.listen(engine, "rollback", lambda connection: self._open.pop(connection, None))

    async def enqueue(
        self, tx: Transaction, name: str, key: str, *arguments: Any, place: int = 0
    ) -> None:
        """Records it for the commit."""
        assert tx.sync_connection is not None
        self.places[name, key] = place
        self._open.setdefault(tx.sync_connection, []).append((name, key, arguments))

    async def is_under_way(self, name: str, key: str) -> bool:
        """Whether a test put such a workflow into `under_way`."""
        return any(one.startswith(f"{name}:{key}") for one in self.under_way)

    async def arguments_of(self, name: str) -> list[tuple[Any, ...]]:
        """What was enqueued so far and a test did not take away."""
        return [arguments for one, _, arguments in self.queue if one == name]

    def names(self) -> list[str]:
        """What was enqueued so far."""
        return [name for name, _, _ in self.queue]

    def lose(self) -> None:
        """What an engine would look like that lost everything."""
        self.queue.clear()

    def _committed(self, connection: sa.Connection) -> None:
        for one in self._open.pop(connection, []):
            if one[:2] not in [known[:2] for known in self.queue]:
                self.queue.append(one)


async def until(claim: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for what another task or the practice does, at most some seconds."""
    async with asyncio.timeout(seconds):
        while not claim():  # noqa: ASYNC110 - what is waited for knows no event
            await asyncio.sleep(0.005)


async def _briefly(seconds: float) -> None:
    """What the client sleeps between two readings, a thousandth as long."""
    await asyncio.sleep(seconds / 1000)


class World:
    """One workspace connected to one practice."""

    def __init__(
        self, database: Database, state: PretendXero, url: str, clock: Clock, key: str
    ) -> None:
        self.database, self.state, self.url, self.clock = database, state, url, clock
        self.key = key
        self.vault = Vault([key])
        self.durable = Recorded(database)
        self.notices = Notices(database)
        self.clients: list[httpx.AsyncClient] = []
        self.start_again()

    def start_again(self) -> None:
        """What a new process has: nothing but the database."""
        # An empty TLS context: nothing here speaks TLS, and loading certificates is slow.
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client = httpx.AsyncClient(trust_env=False, verify=tls)
        self.clients.append(client)
        http = Http(client=client)
        xero = XeroApp(
            "app-1", "secret-1", sorted(SCOPES), self.url, self.url, self.url,
            http=http, now=self.clock,
        )  # fmt: skip
        self.connections = Connections(
            self.database, self.vault, xero, http,
            api_url=self.url, clock=self.clock, sleep=_briefly,
            # As many as the practice takes: the minute of these tests is a real one.
            limits=Limits(lambda: Limiter(per_minute=1000)),
        )  # fmt: skip
        self.directory = Directory(self.database, self.connections, self.clock)
        self.mirroring = Mirroring(self.database, self.connections, self.clock)
        self.entries = Entries(self.database, self.directory, self.durable, self.clock)
        self.settling = Settling(self.database, self.connections, self.notices, self.clock)

    # -- Xero's side -----------------------------------------------------------------------------------------------

    async def connect(self, tenant: str = KEA, workspace: str = WORKSPACE) -> int:
        """Sam consents and the connection is kept, in the place of another; how many entries went on."""
        grants = self.state.grants
        sam = self.state.people["sam@example.com"]
        code = grants.consent(sam, tenant, scopes=SCOPES, redirect_uri=CALLBACK)
        tokens = grants.redeem(code, CALLBACK, "")
        link = next(link for _, link in grants.connections() if link.tenant_id == tenant)
        connection = Connection(
            workspace, link.id, tenant, self.state.practices[tenant].name, "NZ", "U1",
            self.clock(),
            self.vault.seal(tokens.access, f"connections.access_token:{workspace}"),
            self.vault.seal(tokens.refresh, f"connections.refresh_token:{workspace}"),
            self.clock() + dt.timedelta(seconds=tokens.seconds),
        )  # fmt: skip
        async with self.database.transaction() as tx:
            await connection_store.save(tx, connection)
            return await self.entries.resume(tx, workspace)

    def fault(self, kind: str, on: str = "", **more: Any) -> None:
        """Breaks the practice."""
        self.state.faults.append(Fault(kind, on, **more))

    def times(self, tenant: str = KEA) -> list[tuple[str, str, int, str]]:
        """What stands in the practice: (job, task, minutes, note)."""
        found = self.state.practices[tenant].times.values()
        return [(time.job.number, time.task.name, time.minutes, time.note) for time in found]

    def calls(self, endpoint: str) -> int:
        """How often the practice was asked."""
        return self.state.counts[endpoint]

    def task(self, number: str, name: str) -> str:
        """The id of a task of a job."""
        kea = self.state.practices[KEA]
        return next(task.uuid for task in kea.tasks_of(kea.jobs[number]) if task.name == name)

    def staff(self, email: str = "mia@example.com") -> str:
        """The id of somebody at Kea."""
        found = self.state.practices[KEA].staff_with_email(email)
        assert found is not None
        return found.uuid

    def write_by_hand(self, minutes: int = 12, note: str = NOTE) -> Time:
        """Somebody types a time into XPM itself."""
        kea = self.state.practices[KEA]
        job = kea.jobs["J000123"]
        uuid = fresh_uuid()
        kea.times[uuid] = Time(
            uuid, job, kea.tasks_of(job)[0], kea.staff[self.staff()], dt.date(2026, 11, 23),
            minutes, note, self.clock(),
        )  # fmt: skip
        return kea.times[uuid]

    # -- the person's side -----------------------------------------------------------------------------------------

    async def chosen(self, number: str = "J000123", person: Person = MIA) -> Entry:
        """A form with a job, minutes and a note, ready to be sent."""
        form = await self.entries.open_form(person)
        draft = Draft("12", NOTE)
        return await self.entries.choose_job(person, form.id, number, draft)

    async def sending(
        self, number: str = "J000123", task: str = "Individual tax", person: Person = MIA
    ) -> Entry:
        """One that was just sent off and waits for its workflow."""
        entry = await self.chosen(number, person)
        choice = TaskChoice(number, self.task(number, task))
        return await self.entries.send(person, entry.id, Draft(), choice)

    async def saved(self, person: Person = MIA) -> Entry:
        """One that stands in XPM."""
        return await self.settle(await self.sending(person=person))

    async def in_another_workspace(self, entry: Entry, **values: Any) -> Entry:
        """The like of it in a second workspace that is connected to the same practice."""
        other = replace(entry, workspace_id=ELSEWHERE, id=f"other-{entry.id}", **values)
        async with self.database.transaction() as tx:
            for person in (MIA, SAM):
                await workspace_store.save_person(tx, replace(person, workspace_id=ELSEWHERE))
            await store.add(tx, other)
        return other

    async def step(self, entry: Entry) -> float | None:
        """One step of its workflow."""
        return await self.settling.advance(WORKSPACE, entry.id)

    async def settle(self, entry: Entry) -> Entry:
        """Runs its workflow to the end, time flying."""
        await self.fly(self.settling.advance(WORKSPACE, entry.id) for _ in itertools.count())
        return await self.now(entry)

    async def fly(self, turns: Iterable[Awaitable[float | None]]) -> None:
        """Runs a workflow to the end: each time it says when it wants to run again, the clock is put there."""
        for turn in turns:
            if (pause := await turn) is None:
                return
            await self.clock.sleep(pause)

    async def now(self, entry: Entry) -> Entry:
        """The entry as it stands."""
        async with self.database.reading() as tx:
            found = await store.get(tx, entry.workspace_id, entry.id)
        assert found is not None
        return found

    async def put(self, entry: Entry, **values: Any) -> Entry:
        """Puts an entry where a test wants it."""
        async with self.database.transaction() as tx:
            changed = await store.change(tx, await self.now(entry), **values)
        assert changed is not None
        return changed

    async def call(self, *parties: Party, person: Person = MIA, **values: Any) -> Call:
        """A call that this person took, with these people outside."""
        call = Call(
            WORKSPACE, fresh_uuid(), "P1", fresh_uuid(), person.email or "", "inbound",
            tuple(party.number for party in parties), None, True, False,
            START - dt.timedelta(minutes=15), START - dt.timedelta(minutes=3), 720, False, None,
            START,
        )  # fmt: skip
        call = replace(call, **values)
        async with self.database.transaction() as tx:
            await call_store.add(tx, call)
            await call_store.conclude(tx, WORKSPACE, call.id, call_store.OFFERED, parties)
        return replace(call, parties=parties)

    async def offered(self, call: Call, person: Person = MIA) -> Entry | None:
        """Offers a call."""
        async with self.database.transaction() as tx:
            return await self.entries.offer(tx, call, person, "NZ")

    async def facts(self) -> list[str]:
        """The events of the audit log."""
        async with self.database.reading() as tx:
            return [fact.event for fact in await audit.since(tx, WORKSPACE, START)]

    async def client(self, name: str) -> str:
        """The id of a client at Kea."""
        found = self.state.practices[KEA].client_named(name)
        assert found is not None
        return found.uuid


def ended_call(**values: Any) -> EndedCall:
    """A call of twelve minutes that Mia took from Ana."""
    call = EndedCall(
        "c1", "Mia@Example.com", "inbound", ("+64215550123",), None, True, False,
        START - dt.timedelta(minutes=13), START - dt.timedelta(minutes=12), START,
    )  # fmt: skip
    return replace(call, **values)


def practice_settings(clock: Clock) -> PracticeSettings:
    """A small practice with the limits out of the way."""
    return PracticeSettings(
        client_id="app-1",
        client_secret="secret-1",
        redirect_uris=(CALLBACK,),
        public_url="",
        minute_limit=1000,
        clients=12,
        jobs=20,
        now=clock,
    )


async def _tell_nobody(_: str, __: Sync) -> None:
    """A sync nobody watches."""


@asynccontextmanager
async def world_on(url: str, *, is_new: bool = False) -> AsyncIterator[World]:
    """Serves a practice, connected to the workspace of this database; a new one is filled."""
    clock = Clock()
    database = Database(url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        served = await stack.enter_async_context(served_practice(practice_settings(clock)))
        world = World(database, served.state, served.url, clock, new_key())
        try:
            await world.connect()
            if is_new:
                async with database.transaction() as tx:
                    for person in (MIA, SAM):
                        await workspace_store.save_person(tx, person)
                await world.mirroring.sync(WORKSPACE, "s1", _tell_nobody)
            yield world
        finally:
            for client in world.clients:
                await client.aclose()
