import asyncio
import gzip
import inspect
import logging
import socket
import struct
import time

import httpx
import pytest

from xpm.api import Http, TryLater, Unknown
from xpm.api.http import CHUNK_BYTES, OUTCOMES, secure_base, translate

from .fakes import Script, Xero, raw_server


def every_exception() -> list[type[Exception]]:
    """All exception classes httpx defines, however deep."""
    seen: set[type[Exception]] = set()
    named = [kind for _, kind in inspect.getmembers(httpx, inspect.isclass)]
    waiting = [kind for kind in named if issubclass(kind, Exception)]
    while waiting:
        kind = waiting.pop()
        if kind not in seen:
            seen.add(kind)
            waiting += kind.__subclasses__()
    return sorted(seen, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", every_exception(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_library_is_mapped(kind: type[Exception]) -> None:
    assert kind in OUTCOMES


def test_a_new_exception_is_in_doubt() -> None:
    class Invented(httpx.ReadError):
        pass

    assert type(translate(Invented("x"))) is Unknown
    assert type(translate(RuntimeError("x"))) is Unknown


@pytest.mark.parametrize(
    ("error", "leaf"),
    [
        (httpx.ConnectError("x"), TryLater),
        (httpx.ConnectTimeout("x"), TryLater),
        (httpx.PoolTimeout("x"), TryLater),
        (httpx.ReadTimeout("x"), Unknown),
        (httpx.WriteTimeout("x"), Unknown),
        (httpx.RemoteProtocolError("x"), Unknown),
        (httpx.ReadError("x"), Unknown),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_the_library_is_translated_in_one_place(
    error: Exception, leaf: type[Exception]
) -> None:
    async with Http(transport=httpx.MockTransport(Xero(error))) as http:
        with pytest.raises(leaf) as caught:
            await http.send("POST", "https://api.example.com/")
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


async def test_a_token_never_reaches_an_error() -> None:
    async with (
        raw_server(answer_with(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")) as base,
        Http() as http,
    ):
        with pytest.raises(Unknown) as caught:
            await http.send("GET", base, headers={"Authorization": "Bearer s3cret\n"})
    assert "s3cret" not in f"{caught.value!r}{caught.value.__context__!r}"


def answer_with(data: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return script


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def drip_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.02)


async def test_nobody_listening_means_it_never_left() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with Http() as http:
            with pytest.raises(TryLater):
                await http.send("POST", f"http://127.0.0.1:{port}/")


async def test_a_reset_after_the_request_is_in_doubt() -> None:
    async with raw_server(reset) as base, Http() as http:
        with pytest.raises(Unknown):
            await http.send("POST", base, content=b"<Timesheet/>")


async def test_half_an_answer_is_in_doubt() -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nxero-correlation-id: abc\r\n\r\n<Resp"
    async with raw_server(answer_with(half)) as base, Http() as http:
        with pytest.raises(Unknown) as caught:
            await http.send("POST", base)
    assert caught.value.status == 200
    assert caught.value.correlation_id == "abc"


async def test_silence_is_in_doubt() -> None:
    async with raw_server(silence) as base, Http() as http:
        with pytest.raises(Unknown):
            await http.send("POST", base, read_seconds=0.1)


@pytest.mark.parametrize("drip", [drip_headers, drip_body], ids=["headers", "body"])
async def test_an_answer_that_drips_ends_in_time(drip: Script) -> None:
    began = time.monotonic()
    async with raw_server(drip) as base, Http(opening_seconds=0.1) as http:
        with pytest.raises(Unknown):
            await http.send("GET", base, read_seconds=0.5)
    assert time.monotonic() - began < 5


async def test_not_http_at_all_is_in_doubt() -> None:
    async with raw_server(answer_with(b"SSH-2.0-OpenSSH\r\n")) as base, Http() as http:
        with pytest.raises(Unknown):
            await http.send("GET", base)


async def test_a_packed_answer_is_unpacked() -> None:
    body = gzip.compress(b"<Response/>" * 10_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"
    async with raw_server(answer_with(head + body)) as base, Http() as http:
        assert (await http.send("GET", base)).content == b"<Response/>" * 10_000


async def test_a_packed_bomb_stops_at_the_cap() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"
    sizes = []
    async with raw_server(answer_with(head + bomb)) as base, Http() as http:
        with pytest.raises(Unknown, match="larger than"):
            async with http.stream("GET", base, cap=1_000_000) as answer:
                sizes.extend([len(chunk) async for chunk in answer.chunks()])
    assert all(size <= CHUNK_BYTES for size in sizes)


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", gzip.compress(b"x" * 1000)[:-9]), ("gzip", b"plain"), ("br", b"x")],
    ids=["cut short", "not packed", "not asked for"],
)
async def test_a_wrongly_packed_answer_is_in_doubt(coding: str, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\nconnection: close\r\n\r\n".encode()
    async with raw_server(answer_with(head + body)) as base, Http() as http:
        with pytest.raises(Unknown):
            await http.send("GET", base)


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    xero = Xero(httpx.Response(302, headers={"location": "https://elsewhere.example.com/"}))
    async with Http(transport=httpx.MockTransport(xero)) as http:
        answer = await http.send("GET", "https://api.example.com/")
    assert answer.status == 302
    assert len(xero.requests) == 1


async def test_a_cookie_of_one_practice_does_not_travel_with_another() -> None:
    xero = Xero(
        httpx.Response(200, headers={"set-cookie": "session=1; Path=/"}), httpx.Response(200)
    )
    async with Http(transport=httpx.MockTransport(xero)) as http:
        await http.send("GET", "https://api.example.com/")
        await http.send("GET", "https://api.example.com/")
    assert "cookie" not in xero.requests[1].headers


async def test_a_pool_passed_in_stays_open() -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(Xero())) as client:
        async with Http(client=client):
            pass
        assert not client.is_closed


async def test_the_library_logs_no_address() -> None:
    async with Http():
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
        assert not logging.getLogger("httpcore").isEnabledFor(logging.DEBUG)


async def test_an_answer_prints_without_its_body() -> None:
    xero = Xero(httpx.Response(200, content=b"Kea Ltd"))
    async with Http(transport=httpx.MockTransport(xero)) as http:
        assert "Kea" not in repr(await http.send("GET", "https://api.example.com/"))


@pytest.mark.parametrize(
    "url",
    ["https://api.xero.com", "http://127.0.0.1:9000/", "http://localhost:1", "http://sandbox:9000"],
)
def test_a_token_may_go_there(url: str) -> None:
    assert secure_base(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["http://api.xero.com", "ftp://localhost", "api.xero.com", "http://10.0.0.1", ""]
)
def test_a_token_never_goes_over_a_plain_line(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        secure_base(url)
