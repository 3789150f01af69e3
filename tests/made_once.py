"""What takes long to make and can be the same for every test of a process."""

import tempfile
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

from dbos import run_dbos_database_migrations
from joserfc.jwk import RSAKey

from tests import shared
from xpm import migrations

_KEYS = 12


def migrate(url: str) -> None:
    """Does every migration, the durable engine's own included, so that any start finds what all but the first find."""
    migrations.upgrade(url)
    run_dbos_database_migrations(system_database_url=url)


@cache
def _migrated() -> bytes:
    made = shared.given(shared.TEMPLATE_FILE)
    return migrated_here() if made is None else made.read_bytes()


def migrated_here() -> bytes:
    """What is in a SQLite file after every migration; takes a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "template.db"
        migrate(f"sqlite:///{file}")
        return file.read_bytes()


def migrated(file: Path) -> str:
    """Makes a SQLite file with every migration done; its address."""
    file.write_bytes(_migrated())
    return f"sqlite:///{file}"


@cache
def _rsa_key(nth: int) -> RSAKey:
    return RSAKey.generate_key(2048)


def rsa_keys() -> Callable[[], RSAKey]:
    """Gives another key each time, a dozen in turn: to make one takes a tenth of a second of processor time."""
    at = count()
    return lambda: _rsa_key(next(at) % _KEYS)
