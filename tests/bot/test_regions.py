"""The command line changes where a practice's numbers are read; the clock then reads them again."""

import datetime as dt
from asyncio import to_thread
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import cli
from tests.bot.surroundings import environment
from tests.made_once import migrated
from xpm.mirroring import Kind
from xpm.rhythm import Rhythm
from xpm.store import Database, syncs
from xpm.store import connections as store
from xpm.store.connections import Connection, Sync
from xpm.vault import Vault, new_key

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


async def _connected(url: str) -> None:
    database, sealed = Database(url), Vault([new_key()]).seal("x", "y")
    async with database.transaction() as tx:
        await store.save(
            tx, Connection("T1", "c", "t", "Kea Accounting", "NZ", "U1", NOW, sealed, sealed, NOW)
        )
        await store.start_sync(tx, Sync("T1", "s1", NOW, finished_at=NOW, region="NZ"))
    await database.close()


async def test_a_changed_region_makes_the_clock_copy_every_client_again(tmp_path: Path) -> None:
    url = migrated(tmp_path / "region.db")
    await _connected(url)
    with environment(tmp_path, DATABASE_URL=url):
        # The command runs a loop of its own.
        said = await to_thread(CliRunner().invoke, cli, ["region", "--workspace", "T1", "au"])
    assert (said.exit_code, "Kea Accounting are read as of AU" in said.output) == (0, True)
    database = Database(url)
    async with database.reading() as tx:
        [workspace] = await syncs.connected(tx)
    await database.close()
    assert workspace.region == "AU"
    [(kind, slot)] = Rhythm().due(workspace, NOW + dt.timedelta(minutes=1))
    assert (kind, slot.startswith("region:AU:")) == (Kind.FULL, True)


@pytest.mark.parametrize(
    ("workspace", "code", "why"),
    [("T1", "XX", "XX is no country"), ("T9", "AU", "T9 is not connected")],
)
async def test_a_wrong_country_or_workspace_changes_nothing_and_says_so(
    tmp_path: Path, workspace: str, code: str, why: str
) -> None:
    url = migrated(tmp_path / "region.db")
    await _connected(url)
    with environment(tmp_path, DATABASE_URL=url):
        said = await to_thread(CliRunner().invoke, cli, ["region", "--workspace", workspace, code])
    assert (said.exit_code, why in said.output) == (1, True)
