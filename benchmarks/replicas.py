"""Three replicas against one on PostgreSQL: `python -m benchmarks replicas` alone.

All of them share the one core that the server has in every other line, so three can hardly be quicker than one. What is
asked is that sharing a database and looking after each other costs little, and that nothing is done twice when the same
click and the same event come to all three at the same moment. PostgreSQL is the tests' own, which waits for no disk.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from benchmarks import requests
from benchmarks.line import Line
from benchmarks.load import SECONDS, Times, answer_of, timed
from benchmarks.seed import Seeded, Tokens, seed
from benchmarks.served import practice, served, surroundings
from bot import settings as app_settings
from sandbox.serving import address, listen
from tests.postgres import Postgres, served_postgres
from xpm import migrations

_ROUNDS = 2
_CONNECTIONS = 15
"""A multiple of three, for each replica to have as many."""

_ROWS = 1000
_ENTRIES = int(_ROUNDS * SECONDS * 1500)
_TWICE = 60
"""So many clicks, and so many calls, come to every replica at once."""

_OFFERED = "select count(*) from entries where call_id is not null"
_OFFERED_SECONDS = 30.0


async def _load(ports: Sequence[int], prepared: Sequence[bytes], status: int) -> Times:
    """The requests over connections that are spread evenly."""
    following = iter(prepared)
    each = await asyncio.gather(
        *(
            timed(port, following, connections=_CONNECTIONS // len(ports), seconds=SECONDS, status=status)
            for port in ports
        )
    )  # fmt: skip
    whole = Times(took=max(one.took for one in each))
    for one in each:
        whole.each += one.each
    return whole


async def _to_all(ports: Sequence[int], prepared: Sequence[bytes], status: int) -> None:
    """Every request to all replicas at the same moment."""

    async def one(port: int, body: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(body)
        await answer_of(reader, status)
        writer.close()
        await writer.wait_closed()

    for body in prepared:
        await asyncio.gather(*(one(port, body) for port in ports))


@contextmanager
def _running(
    environment: dict[str, str], url: str, count: int, folder: Path
) -> Iterator[list[int]]:
    """So many replicas on one database: their ports."""
    with ExitStack() as stack:
        ports = []
        for number in range(count):
            with listen() as bound:
                port = address(bound).rpartition(":")[2]
            own = {
                "XPM_SLACK_DATABASE_URL": url,
                "XPM_SLACK_PORT": port,
                "XPM_SLACK_REPLICA": f"r{number}",
            }
            stack.enter_context(served(["bot", "serve"], {**environment, **own}, folder))
            ports.append(int(port))
        yield ports


def _count(url: str, question: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    return int(row[0]) if row else 0


def _once(
    environment: dict[str, str], url: str, folder: Path, secret: str, seeded: Seeded
) -> Iterator[Line]:
    """How often each thing was done that all three were told at once."""
    calls = requests.calls(seeded, _TWICE, ended_at="2026-01-05T01:12:00Z")
    clicks = requests.saves(secret, seeded, range(_TWICE))
    with _running(environment, url, 3, folder) as ports:
        asyncio.run(_to_all(ports, calls, 202))
        asyncio.run(_to_all(ports, clicks, 200))
        until = time.monotonic() + _OFFERED_SECONDS
        while _count(url, _OFFERED) < _TWICE and time.monotonic() < until:
            time.sleep(0.2)
    for what, question in (
        ("calls kept", "select count(*) from calls"),
        ("entries offered", _OFFERED),
        (
            "workflows of a saved entry",
            "select count(*) from dbos.workflow_status where workflow_uuid like 'settle_entry:%' "
            "and workflow_uuid not like '%~%'",
        ),
    ):
        done = _count(url, question) / _TWICE
        yield Line(f"three replicas told at once: {what}, each", done, "rows", 1, done, 1, "lower")


def _measured(
    server: Postgres, template: str, environment: dict[str, str], folder: Path, secret: str, seeded: Seeded
) -> Iterator[Line]:  # fmt: skip
    found: dict[tuple[str, int], Times] = {
        (what, count): Times() for what in ("save", "call") for count in (1, 3)
    }
    each = _ENTRIES // _ROUNDS
    for nth in range(_ROUNDS):
        some = range(nth * each, (nth + 1) * each)
        for count in (1, 3):
            # What one leaves undone would be the others' work: each has a copy that nobody has worked on.
            name = server.create(template)
            with _running(environment, server.url(name), count, folder) as ports:
                clicks = requests.saves(secret, seeded, some)
                found["call", count] += asyncio.run(
                    _load(ports, requests.calls(seeded, 20_000), 202)
                )
                found["save", count] += asyncio.run(_load(ports, clicks, 200))
            server.drop(name)
    for what in ("save", "call"):
        one, three = found[what, 1].load, found[what, 3].load
        where = f"{what} on PostgreSQL, three replicas on one core"
        yield Line(f"{where}: throughput against one replica", three.throughput, "answers/s",
                   one.throughput, three.throughput / one.throughput, 0.8, "higher")  # fmt: skip
        yield Line(f"{where}: p99 against one replica", three.p99, "ms", one.p99, three.p99 / one.p99,
                   0, "lower")  # fmt: skip


def lines() -> list[Line]:
    """The lines of the table."""
    with (
        tempfile.TemporaryDirectory(prefix="xpm-slack-replicas-") as name,
        practice(100) as xpm,
        served_postgres() as server,
    ):
        folder = Path(name) / "app"
        environment, _ = surroundings(folder, practice=xpm.url)
        template = server.create()
        url = server.url(template)
        os.environ["XPM_SLACK_DATABASE_URL"] = url
        settings = app_settings.load()
        migrations.upgrade(url)
        tokens = Tokens(xpm.tenant, xpm.access, xpm.refresh)
        seeded = asyncio.run(
            seed(settings, clients=_ROWS, jobs=_ROWS, entries=_ENTRIES, tokens=tokens)
        )
        secret = settings.slack_signing_secret.get_secret_value()
        twice = server.create(template)
        once = list(_once(environment, server.url(twice), folder, secret, seeded))
        measured = list(_measured(server, template, environment, folder, secret, seeded))
    return [*measured, *once]
