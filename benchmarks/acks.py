"""How long people and phone systems wait for an answer, against bare Bolt: `python -m benchmarks acks`."""

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path

from benchmarks import floors, requests, story
from benchmarks.line import Line
from benchmarks.load import SECONDS, Load, send
from benchmarks.seed import Seeded, Tokens, seed
from benchmarks.served import Practice, practice, served, surroundings
from bot.settings import PREFIX

_CLIENTS, _JOBS, _ENTRIES = 15_000, 100_000, 30_000
_SAVED = 20
_SETTLED_SECONDS = 2.0
"""After its start: what the clock has to catch up with is not what is measured."""
_XERO = ("LOGIN", "IDENTITY", "API")
_NOWHERE = "http://127.0.0.1:9"


def _run(port: int, prepared: Iterable[bytes], connections: int, status: int = 200) -> Load:
    return asyncio.run(
        send(port, prepared, connections=connections, seconds=SECONDS, status=status)
    )


def many(make: Callable[[], bytes]) -> list[bytes]:
    """Enough different requests for one measurement."""
    return requests.many(make, int(SECONDS * 8000))


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
    environment: dict[str, str], folder: Path, secret: str, seeded: Seeded
) -> tuple[dict[tuple[str, int], Load], dict[tuple[str, int], Load]]:
    """The ways to an ack with XPM well, and with XPM dead right after.

    Each has a copy of the database: what one leaves undone would be the next one's work.
    """
    port = int(environment["XPM_SLACK_PORT"])
    entry = seeded.entries[0]
    ways: dict[str, tuple[Callable[[], Sequence[bytes]], int]] = {
        "status": (lambda: many(partial(requests.status, secret)), 200),
        "menu, empty": (lambda: many(partial(requests.options, secret, entry, "")), 200),
        "menu, a word": (lambda: many(partial(requests.options, secret, entry, "tax")), 200),
        "call": (lambda: requests.calls(seeded, 20_000), 202),
        "save": (lambda: requests.saves(secret, seeded, range(_ENTRIES - _SAVED)), 200),
    }
    nowhere = dict.fromkeys((f"{PREFIX}XERO_{each}_URL" for each in _XERO), _NOWHERE)
    well: dict[tuple[str, int], Load] = {}
    dead: dict[tuple[str, int], Load] = {}
    for connections in (1, 16):
        for name, (prepared, status) in ways.items():
            for found, changed in ((well, {}), (dead, nowhere)):
                of_its_own = _copied(environment, folder) | changed
                with served(["bot", "serve"], of_its_own, folder):
                    time.sleep(_SETTLED_SECONDS)
                    found[name, connections] = _run(port, prepared(), connections, status)
    return well, dead


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
    for end in ("", "-wal", "-shm"):
        Path(f"{copy}{end}").unlink(missing_ok=True)
        file = Path(environment["XPM_SLACK_DATABASE_URL"].removeprefix("sqlite:///") + end)
        if end != "-shm" and file.exists():
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


def _mean(before: Load, after: Load) -> Load:
    """A machine is not as quick now as it was some minutes ago."""
    return Load(
        *(statistics.mean(pair) for pair in zip(astuple(before), astuple(after), strict=True))
    )


def lines() -> list[Line]:
    """Measures everything, the floors before and after."""
    with tempfile.TemporaryDirectory(prefix="xpm-slack-bench-") as name:
        folder = Path(name)
        with practice(100) as answering:
            # Slack is away, so that only the way to the ack is measured.
            environment, settings = surroundings(folder / "app", practice=answering.url)
            print(f"Mirroring {_CLIENTS:,} clients and {_JOBS:,} jobs …", flush=True)
            tokens = Tokens(answering.tenant, answering.access, answering.refresh)
            seeded = asyncio.run(
                seed(settings, clients=_CLIENTS, jobs=_JOBS, entries=_ENTRIES, tokens=tokens)
            )
            secret = settings.slack_signing_secret.get_secret_value()
            before, bare_ready, bare_memory = _measure_floors(environment, folder, secret)
            app, dead = _measure_app(environment, folder, secret, seeded)
            after, _, _ = _measure_floors(environment, folder, secret)
            base = {which: _mean(load, after[which]) for which, load in before.items()}
            told, ready, memory, writes = _measure_story(
                _copied(environment, folder), folder, secret, seeded, answering
            )
            story_lines = story.lines(told, base[floors.F2, 1], answering, writes)
    for (name_, connections), load in {**base, **app}.items():
        print(
            f"{name_:14} {connections:>3} at a time {load.throughput:>9.0f}/s"
            f"  p50 {load.p50:7.2f} ms  p99 {load.p99:7.2f} ms"
        )
    return [
        *story_lines,
        *_lines(base, app),
        *_dead_lines(app, dead),
        Line("start-up to ready against F0", ready, "s", bare_ready, ready / bare_ready, 0, "lower"),
        Line("memory at rest against F0", memory, "MB", bare_memory, memory / bare_memory, 0, "lower"),
    ]  # fmt: skip
