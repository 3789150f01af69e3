"""What the workers of one run have in common: a migrated SQLite file, a PostgreSQL server with a migrated database in
it, and the process that replicas are forked from. Each takes seconds of processor time to make.

As a program this makes them, says so in files of the folder it is given, and keeps them until its input ends. A run
without workers makes what it needs by itself, when it needs it.
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

_FOLDER = "TESTS_SHARED"
_SECONDS = 90.0
TEMPLATE_FILE, TEMPLATE, POSTGRES, REPLICAS = "template.db", "template", "postgres", "replicas"


def begin(folder: Path) -> subprocess.Popen[bytes]:
    """Has it made for all workers that are started from now on; to end, close its input and wait for it."""
    os.environ[_FOLDER] = str(folder)
    return subprocess.Popen([sys.executable, "-m", "tests.shared", folder], stdin=subprocess.PIPE)


def given(what: str) -> Path | None:
    """The file that tells where it is, as soon as it is there; None in a run that shares nothing."""
    folder = os.environ.get(_FOLDER)
    if folder is None:
        return None
    file, deadline = Path(folder) / what, time.monotonic() + _SECONDS
    while not file.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"nobody has made the workers' {what}")
        time.sleep(0.05)
    return file


def _tell(folder: Path, what: str, told: str | bytes) -> None:
    """A file that is whole as soon as it is seen."""
    written = folder / f"{what}.part"
    written.write_bytes(told if isinstance(told, bytes) else told.encode())
    written.rename(folder / what)


def _make(folder: Path) -> None:
    # Imported here, for they ask what is given.
    from tests.made_once import migrate, migrated_here
    from tests.postgres import served_postgres
    from tests.replicas import served_replicas

    with ExitStack() as stack:
        _tell(folder, TEMPLATE_FILE, migrated_here())
        server = stack.enter_context(served_postgres())
        name = server.create()
        migrate(server.url(name))
        _tell(folder, TEMPLATE, name)
        _tell(folder, POSTGRES, str(server.port))
        _tell(folder, REPLICAS, str(stack.enter_context(served_replicas()).port))
        sys.stdin.read()


if __name__ == "__main__":
    del os.environ[_FOLDER]
    _make(Path(sys.argv[1]))
