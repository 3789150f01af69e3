"""One world a module: the engine is one per process, so the world of a module ends before the next begins."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.visitor import Visitor
from tests.handlers.inside import Inside, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets slack_sdk use aiohttp's BasicAuth, which aiohttp wants gone in its version 4."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:BasicAuth is deprecated"))


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """The whole world with the app installed in Kea's team and nothing connected."""
    with running(tmp_path_factory.mktemp("inside")) as made:
        yield made


@pytest.fixture(scope="module")
def kea(inside: Inside) -> Inside:
    """The same world with Kea's practice connected by Sam and synced."""
    asyncio.run(inside.connect())
    return inside


@pytest_asyncio.fixture
async def sam(inside: Inside) -> AsyncIterator[Visitor]:
    """Sam Rivers, the owner, who connects."""
    async with inside.visitor("U0SAM") as visitor:
        yield visitor


@pytest_asyncio.fixture
async def mia(inside: Inside) -> AsyncIterator[Visitor]:
    """Mia Chen, a member, who takes calls."""
    async with inside.visitor("U0MIA") as visitor:
        yield visitor
