"""What every test stands on: a closed network, and databases of both kinds.

`database_url` and `database` run each test that asks for them twice, on SQLite and on PostgreSQL.
"""

import gc
import ipaddress
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bot.__main__ import collect_seldom
from tests import shared
from tests.copies import Copies
from tests.made_once import migrate, migrated
from tests.postgres import Postgres, served_postgres
from tests.replicas import Replicas, served_replicas
from xpm.store import Database

# Slow, and its warnings about slow callbacks would fail tests on a busy machine.
os.environ.pop("PYTHONASYNCIODEBUG", None)

# How long a busy machine takes to think of an example or to try it says nothing about what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# The browser, for the tests that click.
pytest_plugins = ["tests.chromium"]

SQLITE, POSTGRES = "sqlite", "postgres"
_ADDRESSED = ("socket.connect", "socket.sendto", "socket.sendmsg")


# The files that take longest begin first, so that no worker is left alone with one of them at the end; those that
# mostly wait in turn with those that mostly compute, so that no core is.
_LONG = (
    "reliability/test_every_history.py",
    "browser/test_clicking_the_story.py",
    "xpm/entries/test_durable_engine.py",
    "handlers/test_forgeries.py",
    "xpm/test_directory.py",
    "xpm/test_mirroring.py",
    "handlers/signin/test_who_may_connect.py",
    "handlers/test_two_workspaces.py",
    "xpm/test_job_search.py",
    "bot/test_process.py",
    "xpm/test_migrations.py",
    "handlers/test_clicks.py",
    "handlers/phones/test_fuzz.py",
    "handlers/test_removal.py",
    "handlers/signin/test_provider_trouble.py",
    "xpm/entries/test_entry_crashes.py",
    "handlers/test_phone_setup.py",
    "browser/test_signing_in.py",
    "xpm/test_resealing.py",
    "bot/test_records.py",
    "reliability/test_crash_matrix.py",
    "handlers/test_organisations.py",
    "handlers/test_found_out.py",
    "handlers/test_workspaces.py",
    "sandbox/page/test_messages.py",
    "handlers/test_connection_ends.py",
    "sandbox/page/test_frame.py",
    "xpm/test_store_isolation.py",
    "reliability/test_soak.py",
    "handlers/test_phone_people.py",
    "sandbox/page/test_panel.py",
    "xpm/entries/test_flood.py",
    "browser/test_keyboard_alone.py",
    "handlers/test_tokens.py",
    "xpm/test_sharing.py",
    "xpm/test_store_once.py",
    "reliability/test_redeliveries.py",
)


_IN_MEMORY = Path("/dev/shm")  # noqa: S108 (a directory of this run's own is made in it)
_ENOUGH_BYTES = 2 * 1024**3


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before the workers are there: where their files go, and what they share."""
    if hasattr(config, "workerinput"):
        return
    _keep_files_in_memory(config)
    if config.getoption("numprocesses", None):
        _share(config)


def _keep_files_in_memory(config: pytest.Config) -> None:
    """Where there is room: thousands of commits would wait for the disk."""
    if config.option.basetemp or not _IN_MEMORY.is_dir():
        return
    if shutil.disk_usage(_IN_MEMORY).free > _ENOUGH_BYTES:
        made = tempfile.mkdtemp(prefix="xpm-slack-tests-", dir=_IN_MEMORY)
        config.option.basetemp = made
        config.add_cleanup(lambda: shutil.rmtree(made, ignore_errors=True))


def _share(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="xpm-slack-shared-"))
    process = shared.begin(folder)

    def end() -> None:
        process.communicate()
        shutil.rmtree(folder)

    config.add_cleanup(end)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long files first; needs xdist's own reordering off."""
    here = Path(__file__).parent
    rank = {here / name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spares the garbage collector what thousands of tests hold: it lives to the end anyway."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        collect_seldom()


class NetworkIsClosed(OSError):
    """A test reached for an address that is not on this machine."""


class _Network:
    """Refuses, below every library, to leave this machine; keeps what was tried."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _ADDRESSED:
            address = arguments[1]
            # Unix sockets have a path, and a message on a connected socket has no address.
            if isinstance(address, tuple) and not _is_here(address[0]):
                self._refuse(str(address))
        elif event == "socket.getaddrinfo" and not _is_here(arguments[0]):
            # Asking for a name is already a question to somebody outside.
            self._refuse(str(arguments[0]))

    def _refuse(self, address: str) -> None:
        self.tried.append(address)
        raise NetworkIsClosed(f"the network is closed to tests: {address}")


def _is_here(host: object) -> bool:
    if host is None or host in ("", b"", "localhost", b"localhost"):
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


_network = _Network()
sys.addaudithook(_network)


@pytest.fixture(autouse=True)
def network() -> Iterator[list[str]]:
    """What this test tried to reach outside; anything left in it fails the test, however well it was caught."""
    _network.tried.clear()
    yield _network.tried
    assert not _network.tried, f"reached for {_network.tried}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this run."""
    if (port := shared.given(shared.POSTGRES)) is not None:
        yield Postgres(int(port.read_text()), os.environ["PYTEST_XDIST_WORKER"])
        return
    with served_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def replicas() -> Iterator[Replicas]:
    """Other processes of ours, for tests of what several do at once and of what a killed one leaves."""
    if (port := shared.given(shared.REPLICAS)) is not None:
        yield Replicas(int(port.read_text()))
        return
    with served_replicas() as served:
        yield served


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """A database on the server with every migration done, to make copies of."""
    if (made := shared.given(shared.TEMPLATE)) is not None:
        return made.read_text()
    name = postgres.create()
    migrate(postgres.url(name))
    return name


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A migrated SQLite file of this test's own."""
    return migrated(tmp_path / "xpm-slack.db")


@pytest.fixture(scope="session")
def postgres_copies(postgres: Postgres, postgres_template: str) -> Copies:
    """Migrated PostgreSQL databases to lend."""
    return Copies(postgres, postgres_template)


@pytest.fixture
def postgres_url(postgres_copies: Copies) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own."""
    with postgres_copies.lent() as url:
        yield url


@pytest.fixture(params=[SQLITE, POSTGRES])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own, of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=[SQLITE, POSTGRES])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test's own with nothing in it, of each kind in turn."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The store on a migrated database, of each kind in turn."""
    opened = Database(database_url)
    yield opened
    await opened.close()
