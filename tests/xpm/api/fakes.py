"""Stand-ins for Xero: a list of prepared answers, a raw socket that misbehaves, a clock by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from xpm.api import Http, Limiter, Practice, Priority, RetryRule, backing_off

TENANT = "11111111-1111-4111-8111-111111111111"
API = "https://api.example.com"

Prepared = httpx.Response | Exception


def fixture(name: str) -> bytes:
    return (Path(__file__).parent / "fixtures" / f"{name}.xml").read_bytes()


def ok(name: str) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/xml"}, content=fixture(name))


def xml(body: str, status: int = 200) -> httpx.Response:
    return httpx.Response(status, headers={"content-type": "text/xml"}, content=body.encode())


class Xero:
    """Answers each request with the next prepared answer and remembers what was asked."""

    def __init__(self, *answers: Prepared) -> None:
        self.answers: Iterator[Prepared] = iter(answers)
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(await request.aread())
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def paths(self) -> list[str]:
        return [request.url.raw_path.decode() for request in self.requests]


class Tokens:
    """Gives token-1, and the next one each time the last was refused."""

    def __init__(self) -> None:
        self.number = 1
        self.asked: list[bool] = []

    async def __call__(self, was_refused: bool) -> str:
        self.asked.append(was_refused)
        self.number += was_refused
        return f"token-{self.number}"


class Naps:
    """Notes the seconds somebody wanted to sleep, and wakes them at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def practice(
    xero: Xero,
    *,
    tokens: Callable[[bool], Awaitable[str]] | None = None,
    limiter: Limiter | None = None,
    priority: Priority = Priority.CLICK,
    retry: RetryRule | None = None,
    naps: Naps | None = None,
) -> AsyncIterator[Practice]:
    transport = httpx.MockTransport(xero)
    async with (
        Http(transport=transport) as http,
        Practice(
            http,
            TENANT,
            tokens or Tokens(),
            API,
            limiter or Limiter(),
            priority,
            retry=retry or backing_off(3, 0.1, 2.0, lambda: 1.0),
            sleep=naps or Naps(),
        ) as asked,
    ):
        yield asked


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(script: Script) -> AsyncIterator[str]:
    """Serve each connection with a script over bytes; gives the base address."""
    writers: list[asyncio.StreamWriter] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.append(writer)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Clock:
    """Time that moves only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:  # noqa: ASYNC110 - time stands still here
            await asyncio.sleep(0)

    async def settle(self) -> None:
        for _ in range(25):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        await self.settle()
        self.now += seconds
        await self.settle()
