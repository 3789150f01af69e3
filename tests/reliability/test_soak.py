"""Calls upon calls by many people, every tenth disturbed, processes killed among them: one time each, none lost.

A few in `make test`; 5,000 by 50 people in `make soak`, which prints its table.
"""

import asyncio
import contextlib
import datetime as dt
import os
import random
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox.practice.faults import Fault
from sandbox.workspace.model import Fault as SlackFault
from tests.handlers.inside import KEA
from tests.postgres import Postgres
from tests.reliability.crowd import Desk, LoggedCall, hire
from tests.reliability.standing import Standing, standing
from tests.replicas import Replicas

CALLS = int(os.environ.get("SOAK", "0"))
"""How many calls the whole soak has; 0 for the small one."""

SPEED = 10.0 if CALLS else 20.0
"""Windows, leases and pauses are divided by it."""

_AT_ONCE = 8
_TENTH = 3
_SLOWED_SECONDS = 1.0

pytestmark = [
    pytest.mark.timeout(7200 if CALLS else 60),
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated"),
]

WRITES = (
    "late", "late_write", "cut_before", "cut_after", "rate", "500", "500_after", "503", "half", "malformed",
    "dead_token",
)  # fmt: skip
LOOKS = ("cut_before", "503", "half", "rate")
SLACK = ("429", "500", "slow", "late", "cut")


@dataclass
class Soak:
    """What happens in one soak, and what came of it."""

    made: Standing
    chance: random.Random
    calls: list[LoggedCall] = field(default_factory=list)
    desks: list[Desk] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    _killing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def play(self, count: int, people: int, kills: int) -> None:
        """So many calls, some at once."""
        crowd = hire(self.made, people)
        self.calls = [LoggedCall(f"Soak {n:05}", crowd[n % people]) for n in range(count)]
        waiting = list(enumerate(self.calls))
        when = {count * (n + 1) // (kills + 1) for n in range(kills)}

        async def take_calls() -> None:
            while waiting:
                number, call = waiting.pop(0)
                if number % 10 == _TENTH:
                    self.disturb()
                if number in when:
                    await self.kill()
                desk = Desk(self.made, call)
                self.desks.append(desk)
                await desk.log()

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, people)):
                group.create_task(take_calls())

    def disturb(self) -> None:
        """Breaks something once: most often a write to XPM, else a look there, or Slack."""
        which = self.chance.random()
        seconds = self.chance.choice([1.0, 2.0, 3.0])
        if which < 0.7:
            kind = self.chance.choice(WRITES)
            self.made.xero.faults.append(Fault(kind, "time.api/add", seconds=seconds))
            self.faults[f"XPM, writing: {kind}"] += 1
        elif which < 0.8:
            kind = self.chance.choice(LOOKS)
            self.made.xero.faults.append(Fault(kind, "time.api/staff", seconds=seconds))
            self.faults[f"XPM, looking: {kind}"] += 1
        else:
            slack = self.chance.choice(SLACK)
            method = self.chance.choice(["chat.postMessage", "chat.update"])
            fault = SlackFault(method, slack, 1, seconds, self.chance.random() < 0.5)  # type: ignore[arg-type]
            self.made.slack.faults.append(fault)
            self.faults[f"Slack, {method}: {slack}"] += 1

    async def kill(self) -> None:
        """Ends one process in the middle of whatever it does, and starts it again."""
        async with self._killing:
            name = self.chance.choice(list(self.made.running))
            await self.made.kill(name)
            self.kills += 1
            await self.made.start(name)

    async def waits(self) -> list[float]:
        """Seconds from each click on Save to the moment at which XPM was known to have it."""
        rows = await self.made.rows(
            "select c.source_id, e.sent_at from entries e join calls c on c.id = e.call_id"
        )
        sent = {name: _unix(at) for name, at in rows}
        return [sent[one.name] - one.clicked_at for one in self.calls]

    def report(self, waits: list[float], copies: int) -> str:
        """The table."""
        rows = Counter(self.made.notes())
        slowed = sorted(one for one in waits if one > _SLOWED_SECONDS)
        found = Counter(rows[f"Call with {one.name}"] for one in self.calls)
        people = len({one.person.id for one in self.calls})
        median = statistics.median(slowed) * SPEED if slowed else 0.0
        p99 = slowed[int(len(slowed) * 0.99)] * SPEED if slowed else 0.0
        seconds = f"{median:.0f} s, {p99:.0f} s"
        lines = [
            ("calls, by how many people", f"{len(self.calls)}, {people}"),
            ("disturbed, killed", f"{sum(self.faults.values())}, {self.kills}"),
            ("times in XPM: exactly one", str(found[1])),
            ("lost", str(found[0])),
            ("double", str(sum(count for times, count in found.items() if times > 1))),
            ("copies of a message", str(copies)),
            ("found standing still, and moved", str(self.made.said("work.begun_anew"))),
            ("slowed by more than 10 s", str(len(slowed))),
            (
                f"their median and p99, times {SPEED:.0f} as the app's time ran so much faster",
                seconds,
            ),
        ]
        of_each = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        table = "\n".join(f"| {name} | {value} |" for name, value in lines)
        return f"| soak | |\n| --- | --- |\n{table}\n\nFaults: {of_each}"


def _unix(at: object) -> float:
    moment = dt.datetime.fromisoformat(at) if isinstance(at, str) else at
    assert isinstance(moment, dt.datetime)
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


async def _soak(made: Standing, count: int, people: int, kills: int, seed: int) -> Soak:
    soak = Soak(made, random.Random(seed))
    await soak.play(count, people, kills)
    return soak


@contextlib.contextmanager
def _printing(request: pytest.FixtureRequest) -> Iterator[None]:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if CALLS else contextlib.nullcontext():
        yield


async def _check(soak: Soak, request: pytest.FixtureRequest) -> None:
    made = soak.made
    for desk in soak.desks:
        assert len(desk.saved()) == 1, desk.messages()
    copies = sum(len(desk.messages()) - 1 for desk in soak.desks)
    waits = await soak.waits()
    with _printing(request):
        print(f"\n\n{soak.report(waits, copies)}\n")
    # Slack shows a message a moment before we note that it did, and whoever was killed between is taken over.
    async with asyncio.timeout(30):
        while await made.one("select count(*) from entries where version != shown_version"):  # noqa: ASYNC110 (of another process)
            await asyncio.sleep(0.05)
    notes = Counter(made.notes())
    assert {notes[f"Call with {one.name}"] for one in soak.calls} == {1}
    assert sum(notes.values()) == len(soak.calls)
    rows = await made.rows("select state, xpm_time_uuid, version, shown_version from entries")
    assert len(rows) == len(soak.calls)
    there = set(made.xero.practices[KEA].times)
    for state, uuid, version, shown in rows:
        assert state == "sent"
        assert uuid in there
        assert version == shown
    assert len({uuid for _, uuid, _, _ in rows}) == len(rows)
    assert soak.faults
    assert soak.kills


async def test_every_call_becomes_one_time_though_every_tenth_is_disturbed(
    replicas: Replicas, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    count, people, kills = (CALLS // 5, 50, 20) if CALLS else (30, 6, 1)
    url = f"sqlite:///{tmp_path / 'xpm.db'}"
    async with standing(
        tmp_path, url, replicas, ("one",), speed=SPEED, practice={"extra_staff": people}
    ) as made:
        await _check(await _soak(made, count, people, kills, 1), request)


if CALLS:

    async def test_every_call_becomes_one_time_on_three_replicas(
        replicas: Replicas,
        postgres: Postgres,
        postgres_template: str,
        tmp_path: Path,
        request: pytest.FixtureRequest,
    ) -> None:
        url = postgres.url(postgres.create(postgres_template))
        names = ("one", "two", "three")
        async with standing(
            tmp_path, url, replicas, names, speed=SPEED, practice={"extra_staff": 50}
        ) as made:
            await _check(await _soak(made, CALLS, 50, 60, 2), request)
