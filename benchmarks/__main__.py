"""`make bench`: prints the table of ratios and writes benchmarks/results.json.

The server runs on one core and the load on the other; every figure stands beside a floor of the same run.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks import floors, requests, syncing
from benchmarks.line import Line
from benchmarks.load import Load, send
from benchmarks.seed import Seeded, seed
from bot import settings as app_settings
from sandbox.serving import address, listen
from sandbox.world import app_settings as environment_of
from xpm import migrations

RESULTS = Path(__file__).parent / "results.json"
_SECONDS = float(os.environ.get("XPM_SLACK_BENCH_SECONDS", "4"))
_CLIENTS, _JOBS, _ENTRIES = 15_000, 100_000, 30_000


@contextmanager
def served(module: Sequence[str], environment: dict[str, str], folder: Path) -> Iterator[float]:
    """A server on the first core; gives the seconds it took to get ready."""
    cores = sorted(os.sched_getaffinity(0))
    began = time.perf_counter()
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            env={**os.environ, **environment},
            cwd=Path(__file__).parent.parent,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, {cores[0]}),
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
        yield time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def _run(port: int, prepared: Iterable[bytes], connections: int, status: int = 200) -> Load:
    return asyncio.run(
        send(port, prepared, connections=connections, seconds=_SECONDS, status=status)
    )


def many(make: Callable[[], bytes]) -> list[bytes]:
    """Enough different requests for one measurement."""
    return requests.many(make, int(_SECONDS * 8000))


def _measure_floors(
    environment: dict[str, str], folder: Path, secret: str
) -> dict[tuple[str, int], Load]:
    port = int(environment["XPM_SLACK_PORT"])
    found = {}
    with served(["benchmarks.floors"], environment, folder):
        for name in (floors.F0, floors.F1, floors.F2):
            for connections in (1, 16):
                found[name, connections] = _run(
                    port, many(partial(requests.action, secret, name)), connections
                )
    return found


def _measure_app(
    environment: dict[str, str], folder: Path, secret: str, seeded: Seeded
) -> tuple[dict[tuple[str, int], Load], float]:
    port = int(environment["XPM_SLACK_PORT"])
    found = {}
    half = len(seeded.entries) // 2
    with served(["bot", "serve"], environment, folder) as ready:
        entry = seeded.entries[0]
        for connections in (1, 16):
            found["status", connections] = _run(
                port, many(partial(requests.status, secret)), connections
            )
            found["menu, empty", connections] = _run(
                port, many(partial(requests.options, secret, entry, "")), connections
            )
            found["menu, a word", connections] = _run(
                port, many(partial(requests.options, secret, entry, "tax")), connections
            )
            found["call", connections] = _run(
                port, requests.calls(seeded, 20_000), connections, 202
            )
        for connections, some in ((1, seeded.entries[:half]), (16, seeded.entries[half:])):
            prepared = requests.saves(secret, Seeded(some, ""))
            found["save", connections] = _run(port, prepared, connections)
    return found, ready


def _lines(base: dict[tuple[str, int], Load], app: dict[tuple[str, int], Load]) -> list[Line]:
    floor_of = {"status": (floors.F1, 0.7), "menu, empty": (floors.F1, 0.7), "menu, a word": (floors.F1, 0.7),
                "call": (floors.F2, 0.5), "save": (floors.F2, 0.5)}  # fmt: skip
    lines = []
    for (name, connections), load in app.items():
        floor_name, target = floor_of[name]
        floor, bare = base[floor_name, connections], base[floors.F0, connections]
        where = f"{name}, {connections} at a time"
        lines += [
            Line(f"{where}: throughput against {floor_name[-2:].upper()}", load.throughput, "answers/s",
                 floor.throughput, load.throughput / floor.throughput, target, "higher"),
            Line(f"{where}: p99 against {floor_name[-2:].upper()}", load.p99, "ms",
                 floor.p99, load.p99 / floor.p99, 3.0, "lower"),
            Line(f"{where}: throughput against F0", load.throughput, "answers/s",
                 bare.throughput, load.throughput / bare.throughput, 0.0, "higher"),
        ]  # fmt: skip
    return lines


def main() -> None:
    """Measures, prints, writes."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="xpm-slack-bench-") as name:
        folder = Path(name)
        bound = {place: listen() for place in ("app", "page", "practice", "providers")}
        urls = {place: address(one) for place, one in bound.items()}
        for one in bound.values():
            # Nobody answers there: Slack and XPM are away, so that only the way to the ack is measured.
            one.close()
        environment = environment_of(urls, folder)
        os.environ.update(environment)
        settings = app_settings.load()
        migrations.upgrade(settings.database_url)
        print(f"Mirroring {_CLIENTS:,} clients and {_JOBS:,} jobs …", flush=True)
        seeded = asyncio.run(seed(settings, clients=_CLIENTS, jobs=_JOBS, entries=_ENTRIES))
        secret = settings.slack_signing_secret.get_secret_value()
        os.sched_setaffinity(0, {cores[-1]})
        base = _measure_floors(environment, folder, secret)
        app, ready = _measure_app(environment, folder, secret, seeded)
    for (name_, connections), load in {**base, **app}.items():
        print(
            f"{name_:14} {connections:>3} at a time {load.throughput:>9.0f}/s"
            f"  p50 {load.p50:7.2f} ms  p99 {load.p99:7.2f} ms"
        )
    lines = _lines(base, app) + syncing.lines()
    print(f"\nready after {ready:.2f} s\n")
    for line in lines:
        mark = "✓" if line.is_met else "✗"
        print(
            f"{mark} {line.name:58} {line.value:>10.2f} {line.unit:10}"
            f" floor {line.floor:>10.2f}  ratio {line.ratio:5.2f}"
        )
    RESULTS.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")


if __name__ == "__main__":
    main()
