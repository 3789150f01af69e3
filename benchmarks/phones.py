"""What phone systems cost: each one's events, and a flood from one while another's calls come: `python -m
benchmarks phones` alone.

The flood is 10,000 events in a minute, each a call of its own that is too short to be asked about, so that each is
proven, read and kept; the other system's calls come meanwhile, twice a second, and each is asked about.
"""

import asyncio
import datetime as dt
import hmac
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_plus

from benchmarks import requests
from benchmarks.line import Line
from benchmarks.load import answer_of, request
from benchmarks.seed import TEAM, WEBHOOK_SECRET, Tokens, seed, words
from benchmarks.served import practice, served, surroundings
from benchmarks.story import slack
from bot.settings import Settings
from handlers.phones import KINDS
from handlers.phones.delivery import Delivery
from sandbox.phones import KINDS as TOLD
from sandbox.phones import Line as Telephone
from sandbox.phones import tell
from xpm import places
from xpm.clock import utc_now
from xpm.store import Database
from xpm.store import workspaces as workspace_store
from xpm.store.workspaces import PhoneSystem
from xpm.vault import Vault

_EVENTS, _MINUTE = 10_000, 60.0
_LINES = 64
"""Connections on which the flood comes, as a vendor's servers open them."""

_EACH = 0.5
"""Seconds between two calls of the other system."""

_ALONE, _MEANWHILE = 60, 110
"""How many of them come before the flood, and in it."""

_ON_TIME = 3000.0
"""Milliseconds: the strictest limit of the phone systems, RingCentral's and Zoom's; docs/calls.md."""

_REPEATS = 1500
_BATCHES = 5
_SECRET = "a secret of thirty-two characters"  # noqa: S105 (of nobody)
_FLOODING, _FLOODING_SECRET = "flooding", "the flooding system's own secret"


# -- one system after the other --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Call:
    """An incoming call of twelve minutes."""

    user_email: str
    external_number: str | None
    ended_at: dt.datetime
    id: str
    external_name: str | None = "Ana Example"
    direction: str = "inbound"
    is_answered: bool = True
    talk_seconds: int = 720
    ring_seconds: int = 8
    is_internal: bool = False
    notes: str | None = None


def _adapters() -> Iterator[Line]:
    """Each system's proof and reading, against reading the JSON and one HMAC of the same bytes."""
    now = utc_now()
    for kind, system in KINDS.items():
        delivery, secret = _delivery(kind, now)
        assert system.read(delivery)

        def ours(
            verify: Callable[[Delivery, str], None] = system.verify,
            read: Callable[[Delivery], object] = system.read,
            delivery: Delivery = delivery,
            secret: str = secret,
        ) -> None:
            verify(delivery, secret)
            read(delivery)

        event = json.dumps({"body": delivery.body.decode()}).encode()

        def bare(event: bytes = event, secret: bytes = secret.encode()) -> None:
            hmac.digest(secret, event, "sha256")
            json.loads(event)

        rates = [(_a_second(ours), _a_second(bare)) for _ in range(_BATCHES)]
        value, floor = (statistics.median(rate) for rate in zip(*rates, strict=True))
        yield Line(f"adapter {kind}: proven and read, against JSON and HMAC", value, "events/s",
                   floor, value / floor, 0.0, "higher")  # fmt: skip


def _delivery(kind: str, now: dt.datetime) -> tuple[Delivery, str]:
    url = f"https://xpm.example.com/calls/{kind}/0123456789abcdef01234567"
    call = _Call("mia@example.com", "+6495000100", now, uuid.uuid4().hex)
    if kind in TOLD:
        secret = _SECRET
        sent = tell(kind, call, Telephone(url, secret, "+6495550100", now))[-1]
        return Delivery(sent.headers, sent.body, f"{url}{sent.query}", now), secret
    ended = "2026-01-05T01:12:00Z"
    body, headers = requests.standard_event(WEBHOOK_SECRET, "+6495000100", ended)
    lower = {name.lower(): value for name, value in headers.items()}
    return Delivery(lower, body, url, now), WEBHOOK_SECRET


def _a_second(what: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(_REPEATS):
        what()
    return _REPEATS / (time.perf_counter() - began)


# -- a flood ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Waited:
    """How long each call of the other system took to be taken and to be asked about, in milliseconds."""

    taken: list[float]
    asked: list[float]


@dataclass(frozen=True, slots=True)
class _Flood:
    """The other system's calls before and in the flood; events a second that were taken of it, and each one's wait."""

    alone: _Waited
    meanwhile: _Waited
    taken: float
    waits: list[float]


async def _add_flooding_system(settings: Settings) -> None:
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    sealed = vault.seal(_FLOODING_SECRET, places.phone_secret(_FLOODING))
    database = Database(settings.database_url)
    async with database.transaction() as tx:
        await workspace_store.add_phone_system(
            tx, PhoneSystem(_FLOODING, TEAM, "aircall", sealed, utc_now())
        )
    await database.close()


def _flooding() -> list[bytes]:
    now = utc_now()
    line = Telephone("", _FLOODING_SECRET, "+6495550100", now)
    made = []
    for _ in range(_EVENTS):
        call = _Call("mia@example.com", "+6495000001", now, uuid.uuid4().hex, talk_seconds=10)
        (sent,) = tell("aircall", call, line)
        made.append(request(f"/calls/aircall/{_FLOODING}", dict(sent.headers), sent.body))
    return made


async def _flood(port: int, prepared: list[bytes]) -> tuple[float, list[float]]:
    """Each event at its moment of the minute, or when a connection is free; taken a second, and milliseconds waited."""
    began = time.perf_counter()
    following = iter(enumerate(prepared))
    waits = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for nth, event in following:
            due = began + nth * _MINUTE / len(prepared)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(event)
            await answer_of(reader, 202)
            waits.append((time.perf_counter() - due) * 1000)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(one() for _ in range(_LINES)))
    return len(prepared) / (time.perf_counter() - began), waits


class _Board:
    """What Slack was told: the clients whose call somebody was asked about, and when."""

    def __init__(self, clients: range) -> None:
        self._names = {f"{words(number)} Ltd": number for number in clients}
        self.asked = {number: asyncio.Event() for number in clients}
        self.at: dict[int, float] = {}

    def posted(self, body: str) -> None:
        said = unquote_plus(body)
        for name, number in self._names.items():
            if number not in self.at and f" {name}" in said:
                self.at[number] = time.perf_counter()
                self.asked[number].set()


async def _calls(port: int, board: _Board, clients: range) -> _Waited:
    """Calls of these clients, each on a connection of its own and at its moment."""
    began = time.perf_counter()
    taken, asked = [], []

    async def one(nth: int, number: int) -> None:
        due = began + nth * _EACH
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(requests.call(WEBHOOK_SECRET, f"+6495{number:06d}"))
        await answer_of(reader, 202)
        taken.append((time.perf_counter() - due) * 1000)
        writer.close()
        await writer.wait_closed()
        # One that was not asked about in a minute counts as one minute.
        with suppress(TimeoutError):
            async with asyncio.timeout(_MINUTE):
                await board.asked[number].wait()
        asked.append((board.at.get(number, due + _MINUTE) - due) * 1000)

    await asyncio.gather(*(one(nth, number) for nth, number in enumerate(clients)))
    return _Waited(taken, asked)


async def _under_flood(port: int, slack_port: int) -> _Flood:
    alone, meanwhile = range(_ALONE), range(_ALONE, _ALONE + _MEANWHILE)
    board = _Board(range(_ALONE + _MEANWHILE))
    prepared = _flooding()
    async with slack(slack_port, board.posted):
        before = await _calls(port, board, alone)
        (taken, waits), within = await asyncio.gather(
            _flood(port, prepared), _calls(port, board, meanwhile)
        )
    return _Flood(before, within, taken, waits)


def _flood_lines(flood: _Flood) -> Iterator[Line]:
    yield Line("flood: events taken a second, of those that came", flood.taken, "events/s", _EVENTS / _MINUTE,
               flood.taken / (_EVENTS / _MINUTE), 0, "higher")  # fmt: skip
    waited = _p99(flood.waits)
    yield Line("flood: its own event to 202, p99 against 3 s", waited, "ms", _ON_TIME,
               waited / _ON_TIME, 0, "lower")  # fmt: skip
    for what, before, within in (
        ("call to 202", flood.alone.taken, flood.meanwhile.taken),
        ("call to message", flood.alone.asked, flood.meanwhile.asked),
    ):
        for percentile, of in (("p50", statistics.median), ("p99", _p99)):
            quiet, loud = of(before), of(within)
            yield Line(f"another's {what} in a flood: {percentile} against none", loud, "ms", quiet,
                       loud / quiet, 0, "lower")  # fmt: skip
        loud = _p99(within)
        yield Line(f"another's {what} in a flood: p99 against 3 s", loud, "ms", _ON_TIME, loud / _ON_TIME,
                   1, "lower")  # fmt: skip


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[98]


def lines() -> list[Line]:
    """The lines of the table."""
    with tempfile.TemporaryDirectory(prefix="xpm-slack-phones-") as name, practice(100) as xpm:
        folder = Path(name) / "app"
        environment, settings = surroundings(folder, practice=xpm.url)
        slack_port = int(environment["XPM_SLACK_SLACK_API_URL"].split(":")[2].split("/")[0])
        tokens = Tokens(xpm.tenant, xpm.access, xpm.refresh)
        asyncio.run(seed(settings, clients=1000, jobs=1000, entries=1, tokens=tokens))
        asyncio.run(_add_flooding_system(settings))
        with served(["bot", "serve"], environment, folder):
            flood = asyncio.run(_under_flood(settings.port, slack_port))
    return [*_adapters(), *_flood_lines(flood)]
