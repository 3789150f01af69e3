"""`make bench`: prints the table of ratios and writes benchmarks/results.json.

The server runs on one core and the load on the other; every figure stands beside a floor of the same run.
"""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks import floors, phones, replicas, requests, search, story, syncing
from benchmarks.line import Line
from benchmarks.load import Load, send
from benchmarks.seed import Seeded, Tokens, seed
from benchmarks.served import LAST_CORE, Practice, practice, served
from bot import settings as app_settings
from sandbox.serving import address, listen
from sandbox.world import app_settings as environment_of
from xpm import migrations

RESULTS = Path(__file__).parent / "results.json"
_SECONDS = float(os.environ.get("XPM_SLACK_BENCH_SECONDS", "4"))
_CLIENTS, _JOBS, _ENTRIES = 15_000, 100_000, 30_000
_SAVED = 20


def _run(port: int, prepared: Iterable[bytes], connections: int, status: int = 200) -> Load:
    return asyncio.run(
        send(port, prepared, connections=connections, seconds=_SECONDS, status=status)
    )


def many(make: Callable[[], bytes]) -> list[bytes]:
    """Enough different requests for one measurement."""
    return requests.many(make, int(_SECONDS * 8000))


def _measure_floors(
    environment: dict[str, str], folder: Path, secret: str
) -> tuple[dict[tuple[str, int], Load], float, float]:
    """The floors, and what F0's server needs to get ready and at rest: seconds and megabytes."""
    port = int(environment["XPM_SLACK_PORT"])
    found = {}
    with served(["benchmarks.floors"], environment, folder) as server:
        memory = server.memory_at_rest()
        for name in (floors.F0, floors.F1, floors.F2):
            for connections in (1, 16):
                found[name, connections] = _run(
                    port, many(partial(requests.action, secret, name)), connections
                )
    return found, server.ready, memory


def _measure_app(
    environment: dict[str, str], folder: Path, secret: str, seeded: Seeded, entries: range
) -> dict[tuple[str, int], Load]:
    """The ways to an ack; `entries` are the numbers of those that may be saved."""
    port = int(environment["XPM_SLACK_PORT"])
    found = {}
    half = entries.start + len(entries) // 2
    with served(["bot", "serve"], environment, folder):
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
        for connections, some in ((1, range(entries.start, half)), (16, range(half, entries.stop))):
            found["save", connections] = _run(
                port, requests.saves(secret, seeded, some), connections
            )
    return found


def _measure_story(
    environment: dict[str, str], folder: Path, secret: str, seeded: Seeded, answering: Practice
) -> tuple[Load, float, float, float]:
    """A call up to its message; what the app needs to get ready and at rest: seconds and megabytes; XPM's writes."""
    slack_port = int(environment["XPM_SLACK_SLACK_API_URL"].split(":")[2].split("/")[0])
    with served(["bot", "serve"], environment, folder) as server:
        memory = server.memory_at_rest()
        port = int(environment["XPM_SLACK_PORT"])
        load = asyncio.run(story.call_to_message(port, slack_port, seeded))
        # The last ones, which no other measurement comes to.
        clicks = requests.saves(secret, seeded, range(_ENTRIES - _SAVED, _ENTRIES))
        file = environment["XPM_SLACK_DATABASE_URL"].removeprefix("sqlite:///")
        writes = asyncio.run(story.saved(port, slack_port, file, clicks, answering))
    return load, server.ready, memory, writes


def _copied(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """The same surroundings with a copy of the database, which nobody has open."""
    copy = folder / "copy.db"
    for end in ("", "-wal"):
        file = Path(environment["XPM_SLACK_DATABASE_URL"].removeprefix("sqlite:///") + end)
        if file.exists():
            shutil.copyfile(file, f"{copy}{end}")
    return {**environment, "XPM_SLACK_DATABASE_URL": f"sqlite:///{copy}"}


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


def _dead_lines(well: dict[tuple[str, int], Load], dead: dict[tuple[str, int], Load]) -> list[Line]:
    return [
        Line(f"{name}, {connections} at a time: p50 with XPM dead against well", load.p50, "ms",
             well[name, connections].p50, load.p50 / well[name, connections].p50, 1.2, "lower")
        for (name, connections), load in dead.items()
    ]  # fmt: skip


def main() -> None:
    """Measures, prints, writes."""
    os.sched_setaffinity(0, {LAST_CORE})
    with tempfile.TemporaryDirectory(prefix="xpm-slack-bench-") as name:
        folder = Path(name)
        bound = {place: listen() for place in ("app", "page", "providers")}
        urls = {place: address(one) for place, one in bound.items()}
        for one in bound.values():
            # Nobody answers there: Slack is away, so that only the way to the ack is measured.
            one.close()
        with practice(100) as answering:
            environment = environment_of({**urls, "practice": answering.url}, folder)
            os.environ.update(environment)
            settings = app_settings.load()
            migrations.upgrade(settings.database_url)
            print(f"Mirroring {_CLIENTS:,} clients and {_JOBS:,} jobs …", flush=True)
            tokens = Tokens(answering.tenant, answering.access, answering.refresh)
            seeded = asyncio.run(
                seed(settings, clients=_CLIENTS, jobs=_JOBS, entries=_ENTRIES, tokens=tokens)
            )
            secret = settings.slack_signing_secret.get_secret_value()
            base, bare_ready, bare_memory = _measure_floors(environment, folder, secret)
            # What the first app leaves undone would be the second one's work: each has a database of its own.
            other = _copied(environment, folder)
            told, ready, memory, writes = _measure_story(
                environment, folder, secret, seeded, answering
            )
            lines = story.lines(told, base[floors.F2, 1], answering, writes)
            app = _measure_app(environment, folder, secret, seeded, range(_ENTRIES - _SAVED))
        dead = _measure_app(other, folder, secret, seeded, range(_ENTRIES - _SAVED))
    lines += [
        *_lines(base, app),
        *_dead_lines(app, dead),
        Line("start-up to ready against F0", ready, "s", bare_ready, ready / bare_ready, 0, "lower"),
        Line("memory at rest against F0", memory, "MB", bare_memory, memory / bare_memory, 0, "lower"),
    ]  # fmt: skip
    lines += syncing.lines()
    lines += search.lines()
    lines += phones.lines()
    lines += replicas.lines()
    for (name_, connections), load in {**base, **app}.items():
        print(
            f"{name_:14} {connections:>3} at a time {load.throughput:>9.0f}/s"
            f"  p50 {load.p50:7.2f} ms  p99 {load.p99:7.2f} ms"
        )
    print()
    for line in lines:
        print(line)
    RESULTS.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")


if __name__ == "__main__":
    main()
