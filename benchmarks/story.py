"""A call ends and its message is posted: how long that takes us, and what we ask of XPM for it.

Slack's own time is taken out: the pretend Slack here answers at once, and the clock stops when our post arrives there.
"""

import asyncio
import json
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing

from benchmarks import requests
from benchmarks.line import Line
from benchmarks.load import Load, answer_of
from benchmarks.seed import Seeded
from benchmarks.served import Practice

_CALLS = 60
_ADD = "time.api/add"


@asynccontextmanager
async def slack(port: int, posted: Callable[[str], None]) -> AsyncIterator[None]:
    """A Slack that says yes at once and hands on the body of each message that is posted."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                )
                said = await reader.readexactly(length)
                if b"chat.postMessage" in head:
                    posted(said.decode())
                body = json.dumps({"ok": True, "ts": "1.0", "channel": "D1"}).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body) + body
                )
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield


async def saved(
    port: int, slack_port: int, database: str, clicks: Sequence[bytes], practice: Practice
) -> float:
    """Saves some entries and waits until XPM has them all: how often XPM was asked to write, for each."""

    def count(path: str) -> int:
        return sum(one.endswith(path) for one in practice.requests())

    before = count(_ADD)
    async with slack(slack_port, lambda _: None):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for click in clicks:
            writer.write(click)
            await answer_of(reader, 200)
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(60):
            while _sent(database) < len(clicks):  # noqa: ASYNC110 (of another process)
                await asyncio.sleep(0.2)
    return (count(_ADD) - before) / len(clicks)


def _sent(database: str) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found: int = connection.execute(
            "select count(*) from entries where state = 'sent'"
        ).fetchone()[0]
    return found


async def call_to_message(port: int, slack_port: int, seeded: Seeded) -> Load:
    """Calls one after the other, each from its first byte to the arrival of its message at Slack."""
    times = []
    at: list[float] = []
    arrived = asyncio.Event()

    def posted(_: str) -> None:
        at.append(time.perf_counter())
        arrived.set()

    async with slack(slack_port, posted):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in requests.calls(seeded, _CALLS, ended_at="2026-01-05T01:12:00Z"):
            arrived.clear()
            began = time.perf_counter()
            writer.write(body)
            await answer_of(reader, 202)
            async with asyncio.timeout(20):
                await arrived.wait()
            times.append(at[-1] - began)
        writer.close()
        await writer.wait_closed()
        # What follows each message, the jobs fetched anew for one, is let finish.
        await asyncio.sleep(2)
    cuts = statistics.quantiles(times, n=100)
    return Load(len(times) / sum(times), cuts[49] * 1000, cuts[98] * 1000)


def lines(load: Load, floor: Load, practice: Practice, writes: float) -> list[Line]:
    """What came of it. XPM's calls before a time is written: what is asked to pre-load the menu."""
    asked = [one for one in practice.requests() if "practicemanager" in one]
    preloaded = [one for one in asked if not one.endswith(_ADD)]
    calls = len(preloaded) / _CALLS
    return [
        Line("call to message posted: p50 against F2", load.p50, "ms", floor.p50, load.p50 / floor.p50, 0, "lower"),
        Line("call to message posted: p99 against F2", load.p99, "ms", floor.p99, load.p99 / floor.p99, 0, "lower"),
        Line("XPM calls to pre-load a call's menu", calls, "calls", 1, calls, 1, "lower"),
        Line("XPM calls to write a logged call", writes, "calls", 1, writes, 1, "lower"),
    ]  # fmt: skip
