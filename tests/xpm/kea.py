"""A workspace and a pretend practice on loopback: what most tests of the practice side stand on."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from sandbox.practice import PracticeSettings, PretendXero, served_practice
from sandbox.practice.faults import Fault
from xpm.api import Http, XeroApp
from xpm.connecting import Connecting
from xpm.connections import Connections
from xpm.directory import Directory
from xpm.mirroring import Kind, Mirroring
from xpm.store import Database, Transaction
from xpm.store.connections import Connection, Sync
from xpm.vault import Vault, new_key
from xpm.withdrawing import Withdrawing

KEA = "11111111-1111-4111-8111-111111111111"
TUI = "22222222-2222-4222-8222-222222222222"
CALLBACK = "http://localhost:9999/connect/xero/callback"
CLIENT_SECRET = "canary-client-secret"  # looked for in logs and files
SCOPES = (
    "openid profile email offline_access practicemanager.client.read practicemanager.job "
    "practicemanager.staff.read practicemanager.time"
)


@dataclass
class HandClock:
    """A clock turned by hand."""

    moment: datetime = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def turn(self, **by: float) -> None:
        """Goes forward."""
        self.moment += timedelta(**by)


@dataclass(frozen=True)
class Opened:
    """A browser that opened a link and signed in, on its way to Xero's consent."""

    browser: str
    consent_url: str


@dataclass(frozen=True)
class Answered:
    """What Xero's consent page sent back to the browser's address."""

    state: str
    code: str | None
    browser: str


@dataclass
class Kea:
    """Everything between a workspace and its practice, for one test."""

    url: str
    xero: PretendXero
    browser: httpx.AsyncClient
    database: Database
    vault: Vault
    connecting: Connecting
    withdrawing: Withdrawing
    connections: Connections
    directory: Directory
    mirroring: Mirroring
    clock: HandClock
    keys: list[str]
    made: list[Connection] = field(default_factory=list)
    told: list[Sync] = field(default_factory=list)

    async def open(self, workspace: str = "T1", person: str = "U1") -> Opened:
        """A fresh link, opened by somebody who then signs in."""
        secret, _ = await self.connecting.new_link(workspace, person)
        browser = await self.connecting.open_link(secret)
        return Opened(browser, await self.sign_in(browser))

    async def sign_in(self, browser: str) -> str:
        """Signs the browser in as the provider would have proven it; where it goes next."""
        taken = await self.connecting.begin_sign_in(browser, "google")
        await self.connecting.take_sign_in(browser, "google", taken.state)
        return await self.connecting.signed_in(browser, "google:1234567890")

    async def consent(
        self,
        opened: Opened,
        *,
        practice: str | list[str] = KEA,
        answer: str = "allow",
        who: str = "sam@example.com",
    ) -> Answered:
        """Answers Xero's consent page as a person in a browser does."""
        page = await self.browser.get(f"{opened.consent_url}&person={who}")
        form = re.search(r'name="form" value="([^"]+)"', page.text)
        assert form is not None, page.text
        sent = {"form": form[1], "answer": answer, "practice": practice}
        back = await self.browser.post("/identity/connect/authorize", data=sent)
        query = parse_qs(urlsplit(back.headers["location"]).query)
        return Answered(query["state"][0], query.get("code", [None])[0], opened.browser)

    async def finish(self, answered: Answered) -> Connection:
        """Brings Xero's answer back to us."""
        made = await self.bring(answered)
        assert made is not None, "the person is asked which practice"
        return made

    async def bring(self, answered: Answered) -> Connection | None:
        """Brings Xero's answer back to us, whatever comes of it."""
        return await self.connecting.finish(
            state=answered.state, browser=answered.browser, code=answered.code
        )

    async def connect(
        self, workspace: str = "T1", person: str = "U1", practice: str = KEA
    ) -> Connection:
        """Goes the whole way from a link to a connection."""
        opened = await self.open(workspace, person)
        return await self.finish(await self.consent(opened, practice=practice))

    def fault(self, kind: str, on: str = "", *, times: int = 1, seconds: float = 5) -> None:
        """Makes Xero misbehave."""
        self.xero.faults.append(Fault(kind, on, times, seconds))

    def asked(self, path: str) -> int:
        """How many requests Xero has answered under a path."""
        return sum(one.path.startswith(path) for one in self.xero.log)

    async def tell(self, workspace: str, sync: Sync) -> None:
        """Hears how far a sync is."""
        self.told.append(sync)

    async def sync(
        self, sync_id: str = "s1", workspace: str = "T1", kind: Kind = Kind.FULL
    ) -> None:
        """Copies the practice."""
        await self.mirroring.sync(workspace, sync_id, self.tell, kind)

    async def door(self, path: str, **sent: Any) -> Any:
        """Changes the practice through the sandbox's door."""
        answer = await self.browser.post(f"/sandbox/{path}", json=sent)
        assert answer.is_success, answer.text
        return answer.json()

    async def has_jobs(self) -> bool:
        """Whether a sync has written the first jobs."""
        return (await self.directory.counts("T1"))["jobs"] > 0

    def client_uuid(self, name: str) -> str:
        """The UUID of a client of Kea Accounting."""
        found = self.xero.practices[KEA].client_named(name)
        assert found is not None, name
        return str(found.uuid)

    def staff_uuid(self, first_name: str) -> str:
        """The UUID of somebody at Kea Accounting."""
        staff = self.xero.practices[KEA].staff.values()
        return next(one.uuid for one in staff if one.name.startswith(first_name + " "))

    def live_tokens(self) -> list[str]:
        """Every access and refresh token that Xero has given out, as it keeps them itself."""
        grants = self.xero.grants
        refresh = [
            token
            for grant in grants._by_person.values()
            for family in grant.families
            for token in (family.current, family.previous)
            if token
        ]
        return [*grants._bearers, *refresh]


@asynccontextmanager
async def served_kea(database: Database, **options: Any) -> AsyncIterator[Kea]:
    """Serves a pretend Xero and joins what speaks to it, on a database; nobody is connected yet."""
    clock = HandClock()
    settings = PracticeSettings(
        client_id="app-1",
        client_secret=CLIENT_SECRET,
        redirect_uris=(CALLBACK,),
        public_url="",
        now=clock,
        **{"minute_limit": 1000, **options},
    )
    # An empty TLS context: nothing here speaks TLS, and loading certificates for each test is slow.
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with (
        served_practice(settings) as served,
        httpx.AsyncClient(base_url=served.url, trust_env=False, verify=no_tls) as browser,
        Http(transport=httpx.AsyncHTTPTransport(verify=no_tls)) as http,
    ):
        keys = [new_key()]
        vault = Vault(keys)
        made: list[Connection] = []

        async def on_connected(tx: Transaction, connection: Connection) -> None:
            made.append(connection)

        xero = XeroApp(
            "app-1",
            CLIENT_SECRET,
            SCOPES,
            served.url,
            served.url,
            served.url,
            http=http,
            now=clock,
        )
        connections = Connections(
            database, vault, xero, http, api_url=served.url, clock=clock, sleep=_nap
        )
        withdrawing = Withdrawing(database, vault, xero, clock, connections.access_token)
        connecting = Connecting(
            database,
            vault,
            xero,
            withdrawing,
            redirect_uri=CALLBACK,
            region="NZ",
            clock=clock,
            on_connected=on_connected,
        )
        yield Kea(
            url=served.url,
            xero=served.state,
            browser=browser,
            database=database,
            vault=vault,
            connecting=connecting,
            withdrawing=withdrawing,
            connections=connections,
            directory=Directory(database, connections, clock),
            mirroring=Mirroring(database, connections, clock),
            clock=clock,
            keys=keys,
            made=made,
        )


async def _nap(seconds: float) -> None:
    """Waits between two attempts a hundredth as long; how long it is has tests of its own."""
    await asyncio.sleep(seconds / 100)


async def until(claim: Callable[[], Awaitable[bool]]) -> None:
    """Waits, a few seconds at most, for something that happens in another task."""
    async with asyncio.timeout(10):
        while True:
            if await claim():
                return
            await asyncio.sleep(0.01)
