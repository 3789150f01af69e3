"""A workspace beside a pretend practice, on loopback."""

from collections.abc import AsyncIterator

import pytest

from tests.xpm.kea import Kea, served_kea
from xpm.store import Database


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    """The store on SQLite alone, where the kind of database makes no difference."""
    opened = Database(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
async def stranger(sqlite: Database) -> AsyncIterator[Kea]:
    """A workspace that is connected to nothing yet, on SQLite."""
    async with served_kea(sqlite) as one:
        yield one


@pytest.fixture
async def kea(stranger: Kea) -> Kea:
    """A workspace connected to Kea Accounting, on SQLite."""
    await stranger.connect()
    return stranger


@pytest.fixture
async def stranger_on_both(database: Database) -> AsyncIterator[Kea]:
    """A workspace that is connected to nothing yet, on each kind of database in turn."""
    async with served_kea(database) as one:
        yield one


@pytest.fixture
async def kea_on_both(stranger_on_both: Kea) -> Kea:
    """A workspace connected to Kea Accounting, on each kind of database in turn."""
    await stranger_on_both.connect()
    return stranger_on_both
