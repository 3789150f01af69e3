"""Brings the database up to date; run by `xpm-slack migrate`, safe for several replicas at once."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from xpm.store.database import async_url


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    # SQLAlchemy's own drivers are synchronous here: a migration runs alone, before anything else.
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    parsed = async_url(url)
    plain = parsed.set(drivername=drivers[parsed.get_backend_name()])
    config.attributes["url"] = plain
    return config


def upgrade(url: str, to: str = "head") -> None:
    """Upgrades the database at `url` to a revision, by default the newest."""
    command.upgrade(_config(url), to)


def downgrade(url: str, to: str) -> None:
    """Downgrades the database at `url` to a revision; `base` is an empty one."""
    command.downgrade(_config(url), to)


def check(url: str) -> None:
    """Raises when the tables in the code and in the database differ."""
    command.check(_config(url))


def is_current(url: str) -> bool:
    """Whether the database is at the newest revision; connects and writes nothing."""
    config = _config(url)
    file = config.attributes["url"].database
    if config.attributes["url"].get_backend_name() == "sqlite" and not Path(file or "").is_file():
        return False
    engine = sa.create_engine(config.attributes["url"], poolclass=sa.pool.NullPool)
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    return found == ScriptDirectory.from_config(config).get_current_head()


def new(url: str, message: str) -> None:
    """Writes a new revision out of the difference between code and database."""
    command.revision(_config(url), message, autogenerate=True)


__all__ = ["check", "downgrade", "is_current", "new", "upgrade"]
