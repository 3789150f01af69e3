"""How long people and phone systems wait for an answer, against bare Bolt: `python -m benchmarks acks`."""

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
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

# What each way is held against: the floor, and the share of its throughput that is aimed at.
_FLOORS = {
    "status": (floors.F1, 0.7),
    "menu, empty": (floors.F1, 0.7),
    "menu, a word": (floors.F1, 0.7),
    "call": (floors.F2, 0.5),
    "save": (floors.F2, 0.5),
}


@dataclass(frozen=True, slots=True)
class Floors:
    """F0 and the floor that something is held against, of one moment or the mean of two."""

    bare: Load
    own: Load

    def mean(self, other: "Floors") -> "Floors":
        """The mean of two moments."""
        return Floors(_mean(self.bare, other.bare), _mean(self.own, other.own))


@dataclass(frozen=True, slots=True)
class Way:
    """One way to an ack: its floors, and itself with XPM well and with XPM dead."""

    floors: Floors
    well: Load
    dead: Load

    @property
    def loads(self) -> tuple[Load, ...]:
        """F0, the floor, with XPM well and with XPM dead."""
        return self.floors.bare, self.floors.own, self.well, self.dead


def _mean(one: Load, other: Load) -> Load:
    return Load(*(statistics.mean(pair) for pair in zip(astuple(one), astuple(other), strict=True)))


def _run(port: int, prepared: Iterable[bytes], connections: int, status: int = 200) -> Load:
    return asyncio.run(
        send(port, prepared, connections=connections, seconds=SECONDS, status=status)
    )


def many(make: Callable[[], bytes]) -> list[bytes]:
    """Enough different requests for one measurement."""
    return requests.many(make, int(SECONDS * 8000))


def _measure_bare(environment: dict[str, str], folder: Path) -> tuple[float, float]:
    """What F0's server needs to get ready and at rest: seconds and megabytes."""
    with served(["benchmarks.floors"], environment, folder) as server:
        return server.ready, server.memory_at_rest()


def _measure_floors(
    environment: dict[str, str], folder: Path, secret: str, floor: str, connections: int
) -> Floors:
    """F0 and the floor that something is held against, as they are now."""
    port = int(environment["XPM_SLACK_PORT"])
    with served(["benchmarks.floors"], environment, folder):
        bare, own = (
            _run(port, many(partial(requests.action, secret, name)), connections)
            for name in (floors.F0, floor)
        )
    return Floors(bare, own)


def _measure_app(
    environment: dict[str, str], folder: Path, secret: str, seeded: Seeded
) -> dict[tuple[str, int], Way]:
    """The ways to an ack with XPM well, and with XPM dead right after; their floors right before and right after.

    A machine is not as quick now as it was a minute ago. Each way has a copy of the database: what one leaves undone
    would be the next one's work.
    """
    entry = seeded.entries[0]
    ways: dict[str, tuple[Callable[[], Sequence[bytes]], int]] = {
        "status": (lambda: many(partial(requests.status, secret)), 200),
        "menu, empty": (lambda: many(partial(requests.options, secret, entry, "")), 200),
        "menu, a word": (lambda: many(partial(requests.options, secret, entry, "tax")), 200),
        "call": (lambda: requests.calls(seeded, 20_000), 202),
        "save": (lambda: requests.saves(secret, seeded, range(_ENTRIES - _SAVED)), 200),
    }
    nowhere = dict.fromkeys((f"{PREFIX}XERO_{each}_URL" for each in _XERO), _NOWHERE)
    found: dict[tuple[str, int], Way] = {}
    for connections in (1, 16):
        for name, (prepared, status) in ways.items():
            floor = partial(
                _measure_floors, environment, folder, secret, _FLOORS[name][0], connections
            )
            before = floor()
            well, dead = (
                _measure_once(environment | changed, folder, prepared(), connections, status)
                for changed in ({}, nowhere)
            )
            found[name, connections] = Way(before.mean(floor()), well, dead)
    return found


def _measure_once(
    environment: dict[str, str],
    folder: Path,
    prepared: Sequence[bytes],
    connections: int,
    status: int,
) -> Load:
    """One line, on a copy of the database."""
    with served(["bot", "serve"], _copied(environment, folder), folder):
        time.sleep(_SETTLED_SECONDS)
        return _run(int(environment["XPM_SLACK_PORT"]), prepared, connections, status)


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


def _lines(app: dict[tuple[str, int], Way]) -> list[Line]:
    lines = []
    for (name, connections), way in app.items():
        floor_name, target = _FLOORS[name]
        load, floor, bare = way.well, way.floors.own, way.floors.bare
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


def _dead_lines(app: dict[tuple[str, int], Way]) -> list[Line]:
    return [
        Line(f"{name}, {connections} at a time: p50 with XPM dead against well", way.dead.p50, "ms",
             way.well.p50, way.dead.p50 / way.well.p50, 1.2, "lower")
        for (name, connections), way in app.items()
    ]  # fmt: skip


def lines() -> list[Line]:
    """Measures everything, each thing between its floors."""
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
            bare_ready, bare_memory = _measure_bare(environment, folder)
            app = _measure_app(environment, folder, secret, seeded)
            durable = _measure_floors(environment, folder, secret, floors.F2, 1)
            told, ready, memory, writes = _measure_story(
                _copied(environment, folder), folder, secret, seeded, answering
            )
            story_lines = story.lines(told, durable.own, answering, writes)
    for (name_, connections), way in app.items():
        for what, load in zip(("F0", "floor", "well", "dead"), way.loads, strict=True):
            print(
                f"{name_:14} {connections:>3} at a time  {what:5} {load.throughput:>9.0f}/s"
                f"  p50 {load.p50:7.2f} ms  p99 {load.p99:7.2f} ms"
            )
    return [
        *story_lines,
        *_lines(app),
        *_dead_lines(app),
        Line("start-up to ready against F0", ready, "s", bare_ready, ready / bare_ready, 0, "lower"),
        Line("memory at rest against F0", memory, "MB", bare_memory, memory / bare_memory, 0, "lower"),
    ]  # fmt: skip
