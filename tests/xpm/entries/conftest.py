"""A workspace with its practice copied, fresh for each test."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.copies import Copies
from tests.made_once import migrated
from tests.postgres import Postgres

from .world import World, world_on


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def copied_practice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the practice copied into it; made once, because the seed is the same each time."""
    file = tmp_path_factory.mktemp("practice") / "practice.db"
    async with world_on(migrated(file), is_new=True):
        pass
    return file


@pytest.fixture
def file_url(copied_practice: Path, tmp_path: Path) -> str:
    """A SQLite file of the test's own with the practice in it."""
    file = shutil.copyfile(copied_practice, tmp_path / "xpm.db")
    return f"sqlite:///{file}"


@pytest_asyncio.fixture
async def world(file_url: str) -> AsyncIterator[World]:
    """One workspace, connected to a practice that is served on loopback."""
    async with world_on(file_url) as one:
        yield one


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def practice_copies(postgres: Postgres, postgres_template: str) -> Copies:
    """The same on PostgreSQL, to lend."""
    name = postgres.create(postgres_template)
    async with world_on(postgres.url(name), is_new=True):
        pass
    return Copies(postgres, name)


@pytest.fixture
def server_url(practice_copies: Copies) -> Iterator[str]:
    """A PostgreSQL database of the test's own with the practice in it."""
    with practice_copies.lent() as url:
        yield url


@pytest.fixture(params=["file", "server"], ids=["sqlite", "postgres"])
def each_url(request: pytest.FixtureRequest) -> str:
    """A database with the practice in it, of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest_asyncio.fixture
async def each_world(each_url: str) -> AsyncIterator[World]:
    """The workspace on each kind of database in turn, for what hangs on the database."""
    async with world_on(each_url) as one:
        yield one
