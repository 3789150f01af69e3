"""The sandbox's world with the app in this process, so that a test can look inside and coverage sees it.

It runs on a loop of its own in a thread of its own: the engine needs a loop that never pauses, and pytest's loops do
between two tests.
"""

import asyncio
import base64
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from bot import app as app_module
from bot import manifest, phone_systems, web
from bot.app import App
from bot.settings import PREFIX, Settings
from sandbox import world as sandbox_world
from sandbox.practice import PracticeSettings, PretendXero, create_practice
from sandbox.providers import PretendProviders, create_providers
from sandbox.serving import address, listen, serving
from sandbox.telephone import TelephoneSettings, create_telephone
from sandbox.visitor import Json, NotThere, Visitor, address_of, text_of
from sandbox.workspace import WorkspaceSettings, create_workspace
from sandbox.workspace.state import Workspace
from tests.made_once import migrated, rsa_keys
from xpm.api import Limiter, Limits

T = TypeVar("T")
V = TypeVar("V")

KEA = "11111111-1111-4111-8111-111111111111"
TUI = "22222222-2222-4222-8222-222222222222"
JOB, TASK, CLIENT = "post_call.job", "post_call.task", "post_call.client"
SIGNING_SECRET = "a signing secret for tests"
METRICS_TOKEN = "a metrics token for tests"
# Slack gives up after three seconds, which is the sandbox's own to test; a machine that is busy takes longer.
_WORKSPACE: dict[str, Any] = {
    "has_rate_limits": False,
    "event_retry_delays": (),
    "answer_seconds": 15.0,
    "trigger_seconds": 15.0,
}
# Three seconds until the next look become 0.15; how long each pause is has tests of its own.
PACE = 0.05


def values(urls: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Settings that point the app at the pretend servers."""
    return {
        "public_url": urls["app"],
        "port": int(urls["app"].rpartition(":")[2]),
        "database_url": f"sqlite:///{folder / 'xpm-slack.db'}",
        "slack_client_id": "1000.2000",
        "slack_client_secret": "a client secret for tests",
        "slack_signing_secret": SIGNING_SECRET,
        "metrics_token": METRICS_TOKEN,
        "slack_api_url": f"{urls['page']}/api/",
        "slack_web_url": urls["page"],
        "slack_hooks_url": urls["page"],
        "xero_client_id": "sandbox-xero-app",
        "xero_client_secret": "a xero secret for tests",
        "xero_login_url": urls["practice"],
        "xero_identity_url": urls["practice"],
        "xero_api_url": urls["practice"],
        "encryption_keys": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        **{
            name.removeprefix(PREFIX).lower(): value
            for name, value in sandbox_world.app_settings(urls, folder).items()
            if name.removeprefix(PREFIX).startswith(("GOOGLE_", "MICROSOFT_", "APPLE_"))
        },
    }


@dataclass(frozen=True, slots=True)
class Inside:
    """The addresses, the app itself, and the live state of the pretend servers."""

    app: str
    page: str
    practice: str
    telephone: str
    providers: str
    made: App
    slack: Workspace
    xero: PretendXero
    signing: PretendProviders
    loop: asyncio.AbstractEventLoop

    async def on_its_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits something of the app's where its connections live."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def visitor(self, user: str = "U0SAM", team: str = "T0KEA") -> Visitor:
        """Somebody at the page."""
        return Visitor(self.page, user, team)

    async def call(
        self, user: str = "mia@example.com", number: str | None = None, **more: Any
    ) -> Json:
        """A call ends; what the app answered. Without a number it was withheld."""
        body = {"user_email": user, "external_number": number, "talk_seconds": 720, **more}
        async with self.visitor() as somebody:
            return await somebody.post(f"{self.telephone}/calls", body)

    async def raw_call(self, **asked: Any) -> list[int]:
        """The telephone sends what no honest one sends; the statuses."""
        async with self.visitor() as somebody:
            found: list[int] = (await somebody.post(f"{self.telephone}/calls/raw", asked))[
                "statuses"
            ]
            return found

    async def offered(
        self, person: Visitor, number: str | None = "+64215550123", **more: Any
    ) -> Json:
        """A call of this person ends; the message that asks about it."""
        before = newest(await person.see())
        email = self.slack.teams[person.team].people[person.user].email
        answer = await self.call(email, number, **more)
        assert answer["status"] == 202, answer
        found: Json = await person.until(
            lambda seen: next(
                (one for one in seen["messages"] if one["ts"] > before and not one["ephemeral"]),
                None,
            ),
            "message after the call",
        )
        return found

    async def practice_does(self, path: str, **asked: Any) -> Json:
        """Asks the practice's own door to change something."""
        async with self.visitor() as somebody:
            return await somebody.post(f"{self.practice}/sandbox/{path}", asked)

    async def fault(self, kind: str, on: str = "", times: int = 1, seconds: float = 1.0) -> None:
        """Makes XPM fail."""
        await self.practice_does("faults", kind=kind, on=on, times=times, seconds=seconds)

    async def no_faults(self) -> None:
        """Ends every fault."""
        async with self.visitor() as somebody:
            await somebody.delete(f"{self.practice}/sandbox/faults")
            await somebody.delete(f"{self.page}/client/faults")

    async def slack_fault(
        self, method: str, kind: str, times: int = 1, seconds: float = 1.0, *, done: bool = True
    ) -> None:
        """Makes Slack's Web API fail."""
        async with self.visitor() as somebody:
            asked = {
                "method": method,
                "kind": kind,
                "times": times,
                "seconds": seconds,
                "done": done,
            }
            await somebody.post(f"{self.page}/client/faults", asked)

    def times(self) -> list[Any]:
        """The times in Kea's XPM."""
        return list(self.xero.practices[KEA].times.values())

    async def rows(self, query: str, **values: Any) -> list[Any]:
        """Rows straight from the app's database."""

        async def read() -> list[Any]:
            async with self.made.database.reading() as tx:
                return list((await tx.execute(sa.text(query), values)).all())

        return await self.on_its_loop(read())

    async def one(self, query: str, **values: Any) -> Any:
        """The only value of a query."""
        return (await self.rows(query, **values))[0][0]

    async def raw(self, kind: str, **asked: Any) -> Json:
        """Sends the app a request as the workspace's test door makes it."""
        async with self.visitor() as somebody:
            return await somebody.post(f"{self.page}/client/raw", {"kind": kind, **asked})

    async def connect(self, user: str = "U0SAM", tenant: str = KEA, team: str = "T0KEA") -> None:
        """Connects a practice through the link and Xero's consent, and waits for the first sync."""
        async with self.visitor(user, team) as person:
            status, where, html = await person.sign_in(await link(person))
            assert status == 200, html
            status, where, html = await person.fill(where, html, practice=tenant, answer="allow")
            assert "Connected to" in html, html
            await person.message("In sync:", seconds=20)


def newest(seen: Json) -> str:
    """The newest message's timestamp."""
    return max((one["ts"] for one in seen["messages"]), default="0")


async def link(person: Visitor) -> str:
    """Types /xpm connect; where its button leads."""
    before = newest(await person.see())
    await person.type("/xpm connect")
    said: Json = await person.until(
        lambda seen: next(
            (
                one
                for one in seen["messages"]
                if one["ts"] > before and "works once" in text_of(one)
            ),
            None,
        ),
        "link",
    )
    return address_of(said, "Connect")


async def shows(person: Visitor, message: Json, *words: str, seconds: float = 15.0) -> Json:
    """The same message, once it holds all the words."""

    def find(seen: Json) -> Json | None:
        for one in seen["messages"]:
            if one["ts"] == message["ts"] and all(word in text_of(one) for word in words):
                found: Json = one
                return found
        return None

    found: Json = await person.until(find, f"message with {words}", seconds=seconds)
    return found


async def says_beside(person: Visitor, after: str, *words: str) -> Json:
    """An ephemeral message newer than `after` that holds all the words."""
    found: Json = await person.until(
        lambda seen: next(
            (
                one
                for one in seen["messages"]
                if one["ephemeral"]
                and one["ts"] > after
                and all(word in text_of(one) for word in words)
            ),
            None,
        ),
        f"ephemeral message with {words}",
    )
    return found


async def option(person: Visitor, message: Json, number: str, typed: str = "") -> Json:
    """An option of the job menu. Raises NotThere."""
    for group in await person.options(message, JOB, typed):
        for one in group["options"]:
            if one["value"] == number:
                found: Json = one
                return found
    raise NotThere(f"the menu does not offer {number}")


async def chosen(person: Visitor, message: Json, number: str = "J000123") -> Json:
    """The message after a job was chosen from its menu."""
    await person.choose(message, JOB, await option(person, message, number, number))
    return await shows(person, message, number, "Minutes")


def task_of(message: Json, place: int = 0) -> str:
    """A task's id in the message's task menu."""
    return str(menu_of(message, TASK)["options"][place]["value"])


def menu_of(message: Json, action_id: str) -> Json:
    """A field of the message."""
    for block in message["blocks"]:
        if block.get("type") == "input" and block["element"]["action_id"] == action_id:
            found: Json = block["element"]
            return found
    raise NotThere(f"no {action_id}")


def block_of(message: Json, action_id: str) -> str:
    """The block in which an element stands."""
    for block in message["blocks"]:
        for element in [block.get("element"), *block.get("elements", [])]:
            if element and element.get("action_id") == action_id:
                return str(block["block_id"])
    raise NotThere(f"no {action_id}")


async def settled(inside: Inside) -> None:
    """Waits until no workflow is under way and nothing works after an ack."""
    query = (
        "select count(*) from workflow_status where status in ('ENQUEUED', 'PENDING', 'DELAYED')"
    )
    for _ in range(400):
        await inside.on_its_loop(inside.made.later.finish(5))
        if await inside.one(query) == 0:
            return
        await asyncio.sleep(0.02)
    stuck = await inside.rows(
        "select workflow_uuid, status from workflow_status "
        "where status in ('ENQUEUED', 'PENDING', 'DELAYED')"
    )
    raise AssertionError(f"workflows are still under way: {stuck}")


@asynccontextmanager
async def world(
    folder: Path,
    *,
    practice: Mapping[str, Any] | None = None,
    workspace: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Inside]:
    """Starts everything in this process and installs the app in Kea's team, a telephone included."""
    bound = {name: listen() for name in ("app", "page", "practice", "telephone", "providers")}
    urls = {name: address(one) for name, one in bound.items()}
    urls["providers"] = urls["providers"].replace("127.0.0.1", "localhost")
    given = values(urls, folder)
    chosen_settings = Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings takes it, its types do not say so
        **{**given, **(settings or {})},
    )
    migrated(folder / "xpm-slack.db")
    slack = create_workspace(
        WorkspaceSettings(
            public_url=urls["page"],
            app_id="A0XPM",
            client_id=chosen_settings.slack_client_id,
            client_secret=chosen_settings.slack_client_secret.get_secret_value(),
            signing_secret=SIGNING_SECRET,
            manifest=manifest.filled(urls["app"]),
            **{**_WORKSPACE, **(workspace or {})},
        )
    )
    providers = create_providers(
        replace(
            sandbox_world.provider_settings(
                urls, {f"{PREFIX}{name.upper()}": value for name, value in given.items()}
            ),
            new_key=rsa_keys(),
        )
    )
    limits = {"minute_limit": 100_000, "day_limit": 1_000_000}
    xero = create_practice(
        PracticeSettings(
            client_id=chosen_settings.xero_client_id,
            client_secret=chosen_settings.xero_client_secret.get_secret_value(),
            redirect_uris=(f"{urls['app']}/connect/xero/callback",),
            public_url=urls["practice"],
            **{**limits, **(practice or {})},
        )
    )
    # A module's tests ask XPM more than sixty times a minute; the limiter has tests of its own.
    made = app_module.build(
        chosen_settings,
        limits=Limits(lambda: Limiter(concurrent=5, per_minute=100_000)),
        pace=PACE,
    )
    inside = Inside(
        **urls,
        made=made,
        slack=slack.state.workspace,
        xero=xero.state.practice,
        signing=providers.state.providers,
        loop=asyncio.get_running_loop(),
    )
    async with serving(
        (slack, bound["page"]),
        (xero, bound["practice"]),
        (create_telephone(TelephoneSettings()), bound["telephone"]),
        (providers, bound["providers"]),
        (web.create(made), bound["app"]),
    ):
        logging.getLogger("dbos").setLevel(logging.WARNING)
        await install(inside)
        try:
            yield inside
        finally:
            await settled(inside)
            slack.state.workspace.stop()


async def install(inside: Inside, team: str = "T0KEA", user: str = "U0SAM") -> None:
    """Adds the app to a team through its own pages, and gives it a telephone."""
    async with inside.visitor(user, team) as visitor:
        await visitor.install(f"{inside.app}/slack/install")
        added = await phone_systems.add(inside.made.settings, team)
        assert added is not None
        await visitor.post(
            f"{inside.telephone}/sandbox/address", {"url": added.address, "secret": added.secret}
        )


@contextmanager
def in_a_thread(made: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Something that lives on a loop of its own in a thread of its own, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="world")
    thread.start()

    def run(work: Coroutine[Any, Any, V]) -> V:
        return asyncio.run_coroutine_threadsafe(work, loop).result(50)

    async def leave() -> None:
        await made.__aexit__(None, None, None)

    async def enter() -> T:
        return await made.__aenter__()

    try:
        yield run(enter())
    finally:
        try:
            run(leave())
        finally:
            run(loop.shutdown_default_executor())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Inside]:
    """The world in a thread of its own; `options` as for `world`."""
    with in_a_thread(world(folder, **options)) as made:
        yield made
