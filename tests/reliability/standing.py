"""Pretend Slack, Xero and telephone in this process; the app in processes that can be killed, behind a relay."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa

from bot import manifest, phone_systems
from bot.settings import PREFIX, Settings
from sandbox.practice import PracticeSettings, PretendXero, create_practice
from sandbox.practice.faults import Fault
from sandbox.providers import create_providers
from sandbox.serving import address, listen, serving
from sandbox.telephone import Telephone, TelephoneSettings, create_telephone
from sandbox.visitor import Visitor
from sandbox.workspace import WorkspaceSettings, create_workspace
from sandbox.workspace.state import Workspace
from sandbox.world import TEAM, app_settings, provider_settings
from tests.handlers.inside import KEA, link
from tests.reliability.mortal import DIE, DIED
from tests.reliability.relay import Relay
from tests.replicas import Replica, Replicas
from xpm import migrations
from xpm.store import Database

KILLED = -9
_START_SECONDS = 30.0


@dataclass
class Standing:
    """Everything that stands around the app, and the app's processes by name."""

    urls: Mapping[str, str]
    environment: Mapping[str, str]
    folder: Path
    database: Database
    slack: Workspace
    xero: PretendXero
    telephone: Telephone
    relay: Relay
    speed: float
    epoch: float
    replicas: Replicas
    running: dict[str, tuple[Replica, int]] = field(default_factory=dict)

    # -- the app's processes ---------------------------------------------------------------------------------------

    async def start(self, *names: str) -> None:
        """Starts processes of these names and waits until each is ready."""
        for name in names:
            bound = listen()
            port = int(bound.getsockname()[1])
            bound.close()
            own = {f"{PREFIX}REPLICA": name, f"{PREFIX}PORT": str(port)}
            started = await self.replicas.start(
                "tests.reliability.mortal:serve",
                environment={**self.environment, **own},
                folder=str(self.folder),
                epoch=self.epoch,
                speed=self.speed,
            )
            self.running[name] = started, port
        async with aiohttp.ClientSession() as session:
            for name in names:
                await self._ready(session, name)
        self._point_relay()

    def _point_relay(self) -> None:
        self.relay.ports = [port for _, port in self.running.values()]

    async def _ready(self, session: aiohttp.ClientSession, name: str) -> None:
        _, port = self.running[name]
        for _ in range(int(_START_SECONDS / 0.02)):
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.02)
        raise AssertionError(f"{name} did not get ready: {self.log(name)[-2000:]}")

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.folder / f"{name}.log").read_text()

    def said(self, event: str) -> int:
        """How often the processes have logged this event."""
        return sum(log.read_text().count(f'"{event}"') for log in self.folder.glob("*.log"))

    async def kill(self, name: str) -> None:
        """Ends a process as `kill -9` does."""
        process, _ = self.running.pop(name)
        self._point_relay()
        process.kill()
        assert await process.ended() == KILLED

    # -- dying at a point ------------------------------------------------------------------------------------------

    def doom(self, point: str) -> None:
        """From now on whoever comes first to that point dies there."""
        (self.folder / DIED).unlink(missing_ok=True)
        (self.folder / DIE).write_text(point)

    @property
    def has_struck(self) -> bool:
        """Whether somebody died at the point."""
        return (self.folder / DIED).exists()

    async def bury(self) -> str:
        """Waits for the end of the one that died; its name. It was killed and did not end by itself."""
        await self.until(lambda: self.has_struck, "somebody's death")
        for _ in range(500):
            for name, (process, _) in list(self.running.items()):
                if _is_gone(process.pid):
                    del self.running[name]
                    self._point_relay()
                    assert await process.ended() == KILLED
                    return name
            await asyncio.sleep(0.01)
        raise AssertionError("nobody is dead")

    # -- around ----------------------------------------------------------------------------------------------------

    async def until(self, claim: Any, what: str, seconds: float = 30.0) -> None:
        """Waits for what other processes do."""
        deadline = time.monotonic() + seconds
        while not claim():
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} within {seconds:g} s")
            await asyncio.sleep(0.02)

    async def rows(self, query: str, **values: Any) -> list[Any]:
        """Rows of the app's database."""
        async with self.database.reading() as tx:
            return list((await tx.execute(sa.text(query), values)).all())

    async def one(self, query: str, **values: Any) -> Any:
        """The only value of a query."""
        return (await self.rows(query, **values))[0][0]

    def visitor(self, user: str = "U0SAM") -> Visitor:
        """Somebody at the page."""
        return Visitor(self.urls["page"], user, TEAM)

    def fault(self, kind: str, on: str, **more: Any) -> None:
        """Breaks the practice once."""
        self.xero.faults.append(Fault(kind, on, **more))

    def notes(self) -> list[str]:
        """The notes of all times in Kea's XPM."""
        return [time.note for time in self.xero.practices[KEA].times.values()]

    async def ring(self, **call: Any) -> int:
        """A call ends; the status of the answer, 0 when there was none."""
        body = {"user_email": "mia@example.com", "external_number": "+64215550123"}
        return int((await self.telephone.end_call({**body, "talk_seconds": 720, **call}))["status"])


def _is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


@asynccontextmanager
async def standing(
    folder: Path,
    database_url: str,
    replicas: Replicas,
    names: tuple[str, ...],
    *,
    speed: float = 10.0,
    practice: Mapping[str, Any] | None = None,
) -> AsyncIterator[Standing]:
    """Starts everything, installs the app in Kea's team and connects Kea's practice."""
    bound = {name: listen() for name in ("app", "page", "practice", "telephone", "providers")}
    urls = {name: address(one) for name, one in bound.items()}
    urls["providers"] = urls["providers"].replace("127.0.0.1", "localhost")
    environment = {**app_settings(urls, folder), f"{PREFIX}DATABASE_URL": database_url}
    await asyncio.to_thread(migrations.upgrade, database_url)
    slack = create_workspace(
        WorkspaceSettings(
            public_url=urls["page"],
            app_id="A0XPM",
            client_id=environment[f"{PREFIX}SLACK_CLIENT_ID"],
            client_secret=environment[f"{PREFIX}SLACK_CLIENT_SECRET"],
            signing_secret=environment[f"{PREFIX}SLACK_SIGNING_SECRET"],
            manifest=manifest.filled(urls["app"]),
            has_rate_limits=False,
        )
    )
    xero = create_practice(
        PracticeSettings(
            client_id=environment[f"{PREFIX}XERO_CLIENT_ID"],
            client_secret=environment[f"{PREFIX}XERO_CLIENT_SECRET"],
            redirect_uris=(f"{urls['app']}/connect/xero/callback",),
            public_url=urls["practice"],
            **{"minute_limit": 10**6, "day_limit": 10**7, "app_minute_limit": 10**6, **(practice or {})},
        )
    )  # fmt: skip
    telephone = create_telephone(TelephoneSettings())
    providers = create_providers(provider_settings(urls, environment))
    relay = Relay()
    database = Database(database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await stack.enter_async_context(relay.standing(bound["app"]))
        await stack.enter_async_context(
            serving(
                (slack, bound["page"]),
                (xero, bound["practice"]),
                (telephone, bound["telephone"]),
                (providers, bound["providers"]),
            )
        )
        made = Standing(
            urls, environment, folder, database, slack.state.workspace, xero.state.practice,
            telephone.state.telephone, relay, speed, time.time(), replicas,
        )  # fmt: skip
        try:
            await made.start(*names)
            await _connect(made)
            yield made
        finally:
            for name in list(made.running):
                await made.kill(name)
            made.slack.stop()


def _as_fields(environment: Mapping[str, str]) -> dict[str, Any]:
    return {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}


async def _connect(made: Standing) -> None:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings takes it, its types do not say so
        **_as_fields(made.environment),
    )
    async with made.visitor() as sam:
        await sam.install(f"{made.urls['app']}/slack/install")
        added = await phone_systems.add(settings, TEAM)
        assert added is not None
        made.telephone.url, made.telephone.secret = added.address, added.secret
        status, where, html = await sam.sign_in(await link(sam))
        assert status == 200, html
        status, where, html = await sam.fill(where, html, practice=KEA, answer="allow")
        assert "Connected to" in html, html
        await sam.message("In sync:", seconds=20)
