"""Sends prepared requests over kept-alive connections and measures each answer; raw HTTP/1.1, which costs little."""

import asyncio
import os
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

SECONDS = float(os.environ.get("XPM_SLACK_BENCH_SECONDS", "4"))
"""How long each measurement takes."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: answers a second, and the 50th and 99th percentile of an answer's time in milliseconds."""

    throughput: float
    p50: float
    p99: float


class BadAnswer(Exception):
    """An answer had another status than expected: the benchmark would measure a failure."""


def request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole HTTP/1.1 request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass(slots=True)
class Times:
    """Answers of one or several measurements: the seconds that each took, and all of them together."""

    each: list[float] = field(default_factory=list)
    took: float = 0.0

    def __iadd__(self, other: "Times") -> "Times":
        self.each += other.each
        self.took += other.took
        return self

    @property
    def load(self) -> Load:
        """What came of them."""
        cuts = statistics.quantiles(self.each, n=100)
        return Load(len(self.each) / self.took, cuts[49] * 1000, cuts[98] * 1000)


async def send(
    port: int, requests: Iterable[bytes], *, connections: int, seconds: float, status: int = 200
) -> Load:
    """Sends the requests in turn, each connection one at a time, until time or requests run out.

    Raises BadAnswer.
    """
    sent = await timed(port, requests, connections=connections, seconds=seconds, status=status)
    return sent.load


async def timed(
    port: int, requests: Iterable[bytes], *, connections: int, seconds: float, status: int = 200
) -> Times:
    """The same, each answer's own time. Raises BadAnswer."""
    times: list[float] = []
    following = iter(requests)
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for body in following:
                began = time.perf_counter()
                if began > end:
                    return
                writer.write(body)
                await answer_of(reader, status)
                times.append(time.perf_counter() - began)
        finally:
            writer.close()
            await writer.wait_closed()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return Times(times, time.perf_counter() - began)


async def answer_of(reader: asyncio.StreamReader, status: int) -> None:
    """Reads one answer. Raises BadAnswer."""
    head = await reader.readuntil(b"\r\n\r\n")
    said = int(head.split(b" ", 2)[1])
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body = await reader.readexactly(length) if length else b""
    if said != status:
        raise BadAnswer(f"answered {said}, not {status}: {body[:200]!r}")
