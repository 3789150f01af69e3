"""Servers to be measured: the app or a floor on the first core, everything else on the last."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot import settings as app_settings
from bot.settings import Settings
from sandbox.serving import address, listen
from sandbox.world import app_settings as environment_of
from xpm import migrations

FIRST_CORE, *_, LAST_CORE = sorted([*os.sched_getaffinity(0)] * 2)
_AT_REST_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Served:
    """A server that is ready: the seconds that took, and its process."""

    ready: float
    process: int

    def memory_at_rest(self) -> float:
        """Its memory in megabytes, some seconds after it was ready."""
        time.sleep(_AT_REST_SECONDS)
        lines = Path(f"/proc/{self.process}/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def surroundings(folder: Path, **urls: str) -> tuple[dict[str, str], Settings]:
    """The settings of an app with a migrated database in this new folder, as environment and read.

    What `urls` does not say (page, practice, providers) stands where nobody answers.
    """
    folder.mkdir()
    free = {place: listen() for place in ("app", "page", "practice", "providers")}
    environment = environment_of(
        {place: address(one) for place, one in free.items()} | urls, folder
    )
    for one in free.values():
        one.close()
    os.environ.update(environment)
    settings = app_settings.load()
    migrations.upgrade(settings.database_url)
    return environment, settings


@contextmanager
def served(module: Sequence[str], environment: dict[str, str], folder: Path) -> Iterator[Served]:
    """A server on the first core, ready to be asked."""
    began = time.perf_counter()
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            env={**os.environ, **environment},
            cwd=Path(__file__).parent.parent,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, {FIRST_CORE}),
        )
    try:
        url = f"http://127.0.0.1:{environment['XPM_SLACK_PORT']}/readyz"
        while True:
            try:
                with urllib.request.urlopen(url, timeout=1):
                    break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit((folder / "server.log").read_text()[-3000:]) from None
                time.sleep(0.02)
        yield Served(time.perf_counter() - began, process.pid)
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True, slots=True)
class Practice:
    """A pretend practice that answers, and the tokens of a connection to it."""

    url: str
    tenant: str
    access: str
    refresh: str

    def requests(self) -> list[str]:
        """What it was asked so far: the method and path of each request."""
        url = f"{self.url}/sandbox/requests"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (loopback)
            said = json.loads(answer.read())["requests"]
        return [f"{one['method']} {one['path']}" for one in said]


@contextmanager
def practice(clients: int) -> Iterator[Practice]:
    """A pretend practice on the last core."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.practice", str(clients)],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {LAST_CORE}),
    )
    try:
        assert process.stdout is not None
        yield Practice(**json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
