"""The whole story once, with the log at DEBUG: then its database, its log and its audit are read for secrets.

Also the verbs that work on them: `keys rotate` and `audit`.
"""

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.visitor import Visitor, address_of
from sandbox.world import AppDied, AppProcess, World, world
from tests.forked import launch
from tests.handlers.inside import KEA, TUI, chosen, in_a_thread, shows, task_of
from tests.replicas import Replicas
from xpm import places
from xpm.store import Database, sealed
from xpm.vault import Vault, new_key

KEYS = "XPM_SLACK_ENCRYPTION_KEYS"
NOTE = "A note about nobody in particular"


class Watching(Visitor):
    """Somebody whose browser remembers every one-time secret it was handed: states, codes, links and cookies."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.secrets: set[str] = set()

    def _keep(self, answer: Any) -> None:
        super()._keep(answer)
        for address in (str(answer.url), answer.headers.get("location", "")):
            query = parse_qs(urlsplit(address).query)
            self.secrets |= {one for name in ("state", "code") for one in query.get(name, [])}
        self.secrets |= {
            cookie.value for name, cookie in answer.cookies.items() if name.endswith("connect")
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, replicas: Replicas) -> Iterator[World]:
    """The whole world, the app in its own process, logging all it may."""
    with in_a_thread(
        world(
            tmp_path_factory.mktemp("records"),
            settings={"XPM_SLACK_LOG_LEVEL": "DEBUG"},
            workspace={"has_rate_limits": False},
            launch=launch(replicas),
        )
    ) as running:
        yield running


def dump(made: World) -> str:
    """Every row of every table, the engine's own included, as text."""
    path = Path(made.environment["XPM_SLACK_DATABASE_URL"].removeprefix("sqlite:///"))
    connection = sqlite3.connect(path)
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()


async def opened(made: World, keys: str) -> set[str]:
    """Every secret that the database holds, opened with the keys."""
    database, vault = Database(made.environment["XPM_SLACK_DATABASE_URL"]), Vault(keys.split(","))
    found = set()
    async with database.reading() as tx:
        for column in sealed.columns():
            for row in await sealed.after(tx, column, None, 1000):
                found.add(vault.open(row.sealed, places.BY_COLUMN[column.name](row.values)))
    await database.close()
    return found


def tokens_of_consent(secrets: set[str]) -> set[str]:
    """The tokens within what is kept of a consent while its person is asked which practice is meant."""
    [consented] = [one for one in secrets if one.startswith('{"tokens"')]
    tokens = json.loads(consented)["tokens"]
    return {tokens["access"], tokens["refresh"]}


def while_asked(made: World) -> Path:
    """Where the dump of that moment is kept."""
    return made.process.folder / "while-asked.sql"


@pytest.fixture(scope="module")
def story(made: World) -> set[str]:
    """Connects with each provider in turn, saves and removes a call's time; every secret that was seen on the way."""
    return asyncio.run(_live(made))


async def _live(made: World) -> set[str]:
    async with Watching(made.page, "U0SAM", "T0KEA") as sam, made.visitor("U0MIA") as mia:
        found: set[str] = set()
        for label in ("Google", "Microsoft", "Apple"):
            url = await _link(sam)
            found.add(url.rpartition("/")[2])
            _, where, html = await sam.sign_in(url, label)
            practices = [KEA, TUI] if label == "Google" else [KEA]
            _, where, html = await sam.fill(where, html, practice=practices, answer="allow")
            if label == "Google":
                # Asked which practice: meanwhile what Xero gave is kept, and a dump of this moment is looked at too.
                found |= tokens_of_consent(await opened(made, made.environment[KEYS])) | {TUI}
                while_asked(made).write_text(dump(made))
                _, where, html = await sam.fill(where, html, practice=KEA)
            assert "Connected to" in html, html
            await sam.message("In sync:", seconds=30)
            found |= await opened(made, made.environment[KEYS])
            if label != "Apple":
                await sam.type("/xpm disconnect")
                await sam.submit(await sam.modal("Disconnect Kea Accounting?"))
                modal = await sam.modal("Disconnected from Kea Accounting")
                await sam.do("close", view_id=modal["id"])
        body = {
            "user_email": "mia@example.com",
            "external_number": "+64215550123",
            "talk_seconds": 720,
        }
        await sam.post(f"{made.telephone}/calls", body)
        message = await chosen(mia, await mia.message("Call with Ana Example", seconds=10))
        await mia.press(message, "Save time", fields={"task": task_of(message), "note": NOTE})
        message = await shows(mia, message, "12 min on J000123", "Undo", seconds=15)
        await mia.press(message, "Undo")
        await shows(mia, message, "Removed", seconds=15)
        return found | sam.secrets


async def _link(sam: Visitor) -> str:
    before = max((one["ts"] for one in (await sam.see())["messages"]), default="0")
    await sam.type("/xpm connect")

    def find(seen: Any) -> Any:
        for one in seen["messages"]:
            if one["ts"] > before and "works once, until" in str(one):
                return one
        return None

    return address_of(await sam.until(find, "link"), "Connect")


def test_no_secret_of_the_whole_story_stands_in_the_database_or_the_log(
    made: World, story: set[str]
) -> None:
    text, log = dump(made) + while_asked(made).read_text(), made.process.log_text()
    configured = {
        value for name, value in made.environment.items() if re.search("SECRET|KEYS|PRIVATE", name)
    }
    canaries = {one for one in story | configured if len(one) >= 16}
    assert len(canaries) > 25
    for canary in canaries:
        assert canary not in text
        assert canary not in log
    for pattern in ("xoxb-", "xoxe", "xoxp-", "whsec_", "Bearer ", "eyJ"):
        assert pattern not in text, pattern
        assert pattern not in log, pattern
    assert NOTE in text
    for personal in (NOTE, "Ana", "example.com", "J000123", "Kea Ltd"):
        assert personal not in log, personal


async def exported(made: World, *words: str) -> list[dict[str, Any]]:
    return [json.loads(one) for one in (await made.process.run("audit", *words)).splitlines()]


async def test_audit_prints_who_did_what_with_the_ids_of_xpm_and_xero(
    made: World, story: set[str]
) -> None:
    facts = await exported(made, "--since", "2026-01-01")
    assert story
    events = [one["event"] for one in facts]
    for event in (
        "workspace.installed", "phones.added", "signin.proven", "connection.made", "connection.deleted",
        "entry.chosen", "time.written", "entry.undo_chosen", "time.deleted",
    ):  # fmt: skip
        assert event in events, event
    assert [one["subject"] for one in facts if one["event"] == "signin.proven"] == [
        "google", "microsoft", "apple"
    ]  # fmt: skip
    written = next(one for one in facts if one["event"] == "time.written")
    assert (written["workspace"], written["person"], written["job"]) == (
        "T0KEA",
        "U0MIA",
        "J000123",
    )
    assert written["time"]
    assert written["xero"]
    assert datetime.fromisoformat(written["at"]).tzinfo == UTC
    assert [one["id"] for one in facts] == sorted(one["id"] for one in facts)
    assert await exported(made, "--since", "2026-01-01", "--workspace", "T0KEA") == facts
    assert await exported(made, "--since", "2026-01-01", "--workspace", "T0TUI") == []
    assert await exported(made, "--since", "2099-01-01") == []
    with pytest.raises(AppDied):
        await made.process.run("audit", "--since", "yesterday")


def verbs(made: World, folder: Path, keys: str, replicas: Replicas) -> AppProcess:
    """The command line with other keys than the app that runs."""
    return AppProcess(made.app, {**made.environment, KEYS: keys}, folder, launch(replicas))


async def test_keys_rotate_while_the_app_runs_and_the_old_key_may_go(
    made: World, story: set[str], tmp_path: Path, replicas: Replicas
) -> None:
    old, new = made.environment[KEYS], new_key()
    before = await opened(made, old)
    assert story
    assert before
    words = verbs(made, tmp_path, f"{new},{old}", replicas)
    printed = await words.run("keys", "rotate")
    assert "connections.refresh_token: 1 sealed anew, 0 were under" in printed
    assert "Everything is under the first key." in printed
    assert await opened(made, new) == before
    again = await words.run("keys", "rotate")
    assert "connections.refresh_token: 0 sealed anew, 1 were under" in again
    with pytest.raises(AppDied, match="Keep the old keys"):
        await made.process.run("keys", "rotate")
    # Back under the old key, which is the only one that the running app knows.
    await verbs(made, tmp_path, f"{old},{new}", replicas).run("keys", "rotate")
    assert await opened(made, old) == before
