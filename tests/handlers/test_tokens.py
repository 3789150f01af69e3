"""Slack's rotating tokens: fetched once for however many ask, and no answer that is lost costs a workspace its app."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from handlers.slack import Slack, SlackRefused
from handlers.tokens import EARLY, SlackApp
from sandbox.serving import address, listen, serving
from sandbox.workspace import WorkspaceSettings, create_workspace
from sandbox.workspace.api.access import install
from sandbox.workspace.model import Fault
from sandbox.workspace.state import Workspace as PretendSlack
from xpm import places
from xpm.api import TryLater
from xpm.store import Database, audit, installed
from xpm.store import tables as t
from xpm.store import workspaces as store
from xpm.store.workspaces import Workspace
from xpm.vault import Vault, new_key

TEAM = "T0KEA"
SCOPES = ("chat:write", "users:read", "users:read.email", "im:write")
LIFE = 43_200.0
INSTALL = "https://xpm.example.com/slack/install"
MANIFEST = {"settings": {"token_rotation_enabled": True}}


@dataclass
class Bench:
    """A pretend Slack with rotation, a database, and as many processes of the app as a test wants."""

    url: str
    slack: PretendSlack
    database: Database
    vault: Vault
    gone: list[str] = field(default_factory=list)
    ahead: dt.timedelta = dt.timedelta(0)
    opened: list[Slack] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def wait(self, span: dt.timedelta) -> None:
        self.ahead += span

    async def process(self, secret: str = "secret") -> Slack:  # noqa: S107 (a pretend one)
        async def on_gone(holder_id: str) -> None:
            self.gone.append(holder_id)

        made = Slack(
            self.database,
            self.vault,
            api_url=f"{self.url}/api/",
            hooks_url=self.url,
            app=SlackApp("1.2", secret, INSTALL),
            clock=self.now,
            on_gone=on_gone,
        )
        await made.start()
        self.opened.append(made)
        return made

    async def install(self) -> str:
        """The app is added at Slack; what Slack gave is in the row."""
        given = install(self.slack, TEAM, "U0SAM", SCOPES)
        assert given.refresh_token is not None
        row = Workspace(
            TEAM, "Kea", None, "A1", "B1", "U1",
            self.vault.seal(given.token, places.bot_token(TEAM)),
            ",".join(SCOPES), "U0SAM", self.now(),
            refresh_token=self.vault.seal(given.refresh_token, places.bot_refresh_token(TEAM)),
            token_expires_at=self.now() + dt.timedelta(seconds=LIFE),
        )  # fmt: skip
        async with self.database.transaction() as tx:
            await store.save(tx, row)
        return given.token

    async def row(self) -> Workspace:
        async with self.database.reading() as tx:
            found = await store.get(tx, TEAM)
        assert found is not None
        return found

    def fetches(self, error: str | None = None) -> int:
        return sum(
            one["method"] == "oauth.v2.access" and one["error"] == error for one in self.slack.calls
        )


@pytest_asyncio.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    bound = listen()
    app: Any = create_workspace(
        WorkspaceSettings(
            public_url=address(bound),
            app_id="A1",
            client_id="1.2",
            client_secret="secret",
            signing_secret="signing",
            manifest=MANIFEST,
            has_rate_limits=False,
        ),
        lambda: made.now().timestamp(),
    )
    made = Bench(address(bound), app.state.workspace, database, Vault([new_key()]))
    async with serving((app, bound)):
        try:
            yield made
        finally:
            for one in made.opened:
                await one.stop()
            made.slack.stop()


async def speak(slack: Slack) -> str:
    answer = await slack.call(TEAM, "users.info", user="U0MIA")
    return str(answer["user"]["id"])


async def test_young_token_is_used_as_it_is(bench: Bench) -> None:
    token = await bench.install()
    slack = await bench.process()
    assert await slack.token(TEAM) == token
    assert await speak(slack) == "U0MIA"
    assert bench.fetches() == 0


async def test_next_token_is_fetched_once_for_fifty_callers_in_each_of_three_processes(
    bench: Bench,
) -> None:
    old = await bench.install()
    processes = [await bench.process() for _ in range(3)]
    bench.wait(dt.timedelta(seconds=LIFE + 60))
    said = await asyncio.gather(*(speak(one) for one in processes for _ in range(50)))
    assert set(said) == {"U0MIA"}
    assert bench.fetches() == 1
    assert bench.fetches("invalid_refresh_token") == 0
    row = await bench.row()
    assert row.token_version == 2
    assert row.rotating_until is None
    assert await processes[0].token(TEAM) not in (old, None)


async def test_nobody_waits_for_the_next_token_while_the_present_one_lives(bench: Bench) -> None:
    old = await bench.install()
    slack = await bench.process()
    bench.wait(dt.timedelta(seconds=LIFE) - EARLY + dt.timedelta(seconds=1))
    bench.slack.faults.append(Fault("oauth.v2.access", "late", seconds=0.5))
    begun = asyncio.get_running_loop().time()
    assert await slack.token(TEAM) == old
    assert asyncio.get_running_loop().time() - begun < 0.4
    await slack.tokens.finish()
    assert bench.fetches() == 1
    assert await slack.token(TEAM) != old


async def test_call_under_way_while_its_token_is_exchanged_is_made_again_with_the_next(
    bench: Bench,
) -> None:
    await bench.install()
    one, other = await bench.process(), await bench.process()
    stale = await one.token(TEAM)
    bench.wait(dt.timedelta(seconds=LIFE) - EARLY + dt.timedelta(seconds=1))
    bench.slack.faults.append(Fault("oauth.v2.access", "late", seconds=0.3))
    # The first one takes the old token along; Slack has exchanged it when the call arrives.
    said = await asyncio.gather(*(speak(process) for process in (one, other) for _ in range(10)))
    assert set(said) == {"U0MIA"}
    assert await one.token(TEAM) != stale or bench.fetches() == 1
    assert bench.gone == []


@pytest.mark.parametrize("kind", ["500", "cut", "429"])
async def test_slack_away_before_it_took_the_refresh_token_costs_nothing(
    bench: Bench, kind: Any
) -> None:
    await bench.install()
    slack = await bench.process()
    bench.wait(dt.timedelta(seconds=LIFE + 60))
    bench.slack.faults.append(Fault("oauth.v2.access", kind, times=3, seconds=0.01, is_done=False))
    if kind != "429":
        with pytest.raises(TryLater):
            await slack.call(TEAM, "users.info", user="U0MIA")
        bench.slack.faults.clear()
        bench.wait(dt.timedelta(seconds=11))
    else:
        bench.slack.faults[0].times = 1
    assert await speak(slack) == "U0MIA"
    assert bench.fetches() == 1


async def test_lost_answer_leaves_the_present_token_until_its_end_and_then_asks_for_a_reinstall(
    bench: Bench,
) -> None:
    """The strictest Slack: the old refresh token is spent though we never saw the new one."""
    await bench.install()
    slack = await bench.process()
    bench.wait(dt.timedelta(seconds=LIFE) - EARLY + dt.timedelta(seconds=1))
    bench.slack.faults.append(Fault("oauth.v2.access", "cut"))
    assert await slack.token(TEAM) is not None
    await slack.tokens.finish()
    bench.wait(dt.timedelta(seconds=11))
    assert await slack.token(TEAM) is not None
    await slack.tokens.finish()
    assert bench.fetches("invalid_refresh_token") == 1
    row = await bench.row()
    assert row.refresh_token is None
    assert row.bot_token is not None
    async with bench.database.reading() as tx:
        events = [
            one.event for one in await audit.since(tx, TEAM, datetime(2020, 1, 1, tzinfo=UTC))
        ]
    assert events == ["workspace.token_refused"]
    # Asked no more: it cannot help.
    assert await slack.token(TEAM) is not None
    bench.wait(EARLY)
    assert await slack.token(TEAM) is None
    # Nobody gives up: what is to be said waits, since somebody may add the app again.
    with pytest.raises(TryLater) as waits:
        await speak(slack)
    assert waits.value.after == 300
    await bench.install()
    assert await speak(slack) == "U0MIA"


async def test_lost_token_is_said_once_with_what_to_do(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.install()
    processes = [await bench.process() for _ in range(3)]
    bench.wait(dt.timedelta(seconds=LIFE) - EARLY + dt.timedelta(seconds=1))
    bench.slack.faults.append(Fault("oauth.v2.access", "cut"))
    assert await processes[0].token(TEAM) is not None
    await processes[0].tokens.finish()
    for _ in range(3):
        bench.wait(dt.timedelta(seconds=11))
        for slack in processes:
            assert await slack.token(TEAM) is not None
            await slack.tokens.finish()
    [said] = [one for one in caplog.records if one.getMessage() == "slack.token_dead"]
    assert said.levelname == "ERROR"
    assert vars(said)["workspace"] == TEAM
    assert vars(said)["todo"].endswith(f"adds the app again: {INSTALL}")


async def test_process_that_died_after_its_claim_holds_nobody_up_for_long(bench: Bench) -> None:
    await bench.install()
    bench.wait(dt.timedelta(seconds=LIFE + 60))
    async with bench.database.transaction() as tx:
        row = await bench.row()
        assert await installed.claim_rotation(
            tx, row, bench.now(), bench.now() + dt.timedelta(seconds=45)
        )
    slack = await bench.process()
    waiting = asyncio.create_task(speak(slack))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    assert bench.fetches() == 0
    bench.wait(dt.timedelta(seconds=46))
    assert await waiting == "U0MIA"
    assert bench.fetches() == 1


async def test_caller_who_gives_up_takes_no_answer_along(bench: Bench) -> None:
    await bench.install()
    slack = await bench.process()
    bench.wait(dt.timedelta(seconds=LIFE + 60))
    bench.slack.faults.append(Fault("oauth.v2.access", "late", seconds=0.3))
    impatient = asyncio.create_task(speak(slack))
    await asyncio.sleep(0.1)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    await slack.stop()
    assert (await bench.row()).token_version == 2
    assert await speak(await bench.process()) == "U0MIA"


async def test_reinstall_during_the_exchange_wins(bench: Bench) -> None:
    await bench.install()
    slack = await bench.process()
    bench.wait(dt.timedelta(seconds=LIFE) - EARLY + dt.timedelta(seconds=1))
    bench.slack.faults.append(Fault("oauth.v2.access", "late", seconds=0.3))
    assert await slack.token(TEAM) is not None
    await asyncio.sleep(0.1)
    new = await bench.install()
    await slack.tokens.finish()
    assert await slack.token(TEAM) == new
    assert await speak(slack) == "U0MIA"


async def test_removal_during_the_exchange_brings_no_token_back(bench: Bench) -> None:
    await bench.install()
    slack = await bench.process()
    bench.wait(dt.timedelta(seconds=LIFE) - EARLY + dt.timedelta(seconds=1))
    bench.slack.faults.append(Fault("oauth.v2.access", "late", seconds=0.3))
    assert await slack.token(TEAM) is not None
    await asyncio.sleep(0.1)
    async with bench.database.transaction() as tx:
        assert await installed.remove(tx, TEAM, bench.now()) == [TEAM]
    await slack.tokens.finish()
    assert await slack.token(TEAM) is None
    async with bench.database.reading() as tx:
        rows = (await tx.execute(t.workspaces.select())).all()
    assert [(one.bot_token, one.refresh_token) for one in rows] == [(None, None)]


async def test_wrong_client_secret_is_tried_again_and_kills_nothing(bench: Bench) -> None:
    await bench.install()
    slack = await bench.process("another secret")
    bench.wait(dt.timedelta(seconds=LIFE + 60))
    with pytest.raises(TryLater):
        await speak(slack)
    assert (await bench.row()).refresh_token is not None
    bench.wait(dt.timedelta(seconds=11))
    assert await speak(await bench.process()) == "U0MIA"


@pytest.mark.parametrize(
    ("rotates", "state", "is_gone"),
    [
        (True, "uninstalled", True),
        (True, "revoked", False),  # an exchange revokes as well: no proof
        (False, "uninstalled", True),
        (False, "revoked", True),
    ],
)
async def test_slack_saying_that_the_app_is_gone_is_noticed_at_the_next_call(
    bench: Bench, rotates: bool, state: Any, is_gone: bool
) -> None:
    token = await bench.install()
    if not rotates:
        async with bench.database.transaction() as tx:
            values = {"refresh_token": None, "token_expires_at": None}
            await tx.execute(t.workspaces.update().values(values))
    slack = await bench.process()
    bench.slack.installations[token].state = state
    with pytest.raises(SlackRefused):
        await speak(slack)
    assert bench.gone == ([TEAM] if is_gone else [])


async def test_unknown_token_is_no_removal(bench: Bench) -> None:
    token = await bench.install()
    slack = await bench.process()
    del bench.slack.installations[token]
    with pytest.raises(SlackRefused, match="invalid_auth"):
        await speak(slack)
    assert bench.gone == []


async def test_token_without_an_end_is_never_exchanged(bench: Bench) -> None:
    bench.slack.manifest = replace(bench.slack.manifest, has_token_rotation=False)
    given = install(bench.slack, TEAM, "U0SAM", SCOPES)
    row = Workspace(
        TEAM, "Kea", None, "A1", "B1", "U1",
        bench.vault.seal(given.token, places.bot_token(TEAM)), "", "U0SAM", bench.now(),
    )  # fmt: skip
    async with bench.database.transaction() as tx:
        await store.save(tx, row)
    slack = await bench.process()
    bench.wait(dt.timedelta(days=400))
    assert await speak(slack) == "U0MIA"
    assert bench.fetches() == 0
