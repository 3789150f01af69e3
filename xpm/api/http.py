"""The one place that knows the HTTP library: send a request, get an answer or one of four errors.

Everything above sees `Answer`, `Stream` and the leaves of `errors`; a successor of httpx can be
put in by changing this file alone.
"""

import asyncio
import logging
import ssl
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

from xpm.api.errors import TryLater, Unknown, XpmError

CLICK_SECONDS: Final = 20.0
"""How long a person's click waits for the next byte."""
LIST_SECONDS: Final = 180.0
"""How long a long list may stay silent: big practices report minutes for client.api/list."""
ANSWER_BYTES: Final = 8 * 1024 * 1024
"""The most one single answer may unpack to."""
STREAM_BYTES: Final = 512 * 1024 * 1024
"""The most a streamed list may unpack to."""
CHUNK_BYTES: Final = 64 * 1024
"""The most one chunk holds; parsing it stalls the loop for about 2 ms."""

NOT_SENT: Final = TryLater
"""The request never left: nothing can have been written."""
IN_DOUBT: Final = Unknown
"""The request may have arrived: only looking can tell."""

OUTCOMES: Final[Mapping[type[Exception], type[TryLater] | type[Unknown]]] = {
    # Before a byte of the request was sent.
    httpx.ConnectError: NOT_SENT,
    httpx.ConnectTimeout: NOT_SENT,
    httpx.PoolTimeout: NOT_SENT,
    httpx.ProxyError: NOT_SENT,
    httpx.UnsupportedProtocol: NOT_SENT,
    httpx.InvalidURL: NOT_SENT,
    # While sending or waiting: the other side may have acted already.
    httpx.ReadTimeout: IN_DOUBT,
    httpx.WriteTimeout: IN_DOUBT,
    httpx.ReadError: IN_DOUBT,
    httpx.WriteError: IN_DOUBT,
    httpx.CloseError: IN_DOUBT,
    httpx.LocalProtocolError: IN_DOUBT,
    httpx.RemoteProtocolError: IN_DOUBT,
    httpx.DecodingError: IN_DOUBT,
    httpx.TooManyRedirects: IN_DOUBT,
    httpx.HTTPStatusError: IN_DOUBT,
    # Families: a new member nobody thought of is in doubt until somebody looks at it.
    httpx.HTTPError: IN_DOUBT,
    httpx.RequestError: IN_DOUBT,
    httpx.TransportError: IN_DOUBT,
    httpx.TimeoutException: IN_DOUBT,
    httpx.NetworkError: IN_DOUBT,
    httpx.ProtocolError: IN_DOUBT,
    httpx.StreamError: IN_DOUBT,
    httpx.StreamConsumed: IN_DOUBT,
    httpx.StreamClosed: IN_DOUBT,
    httpx.ResponseNotRead: IN_DOUBT,
    httpx.RequestNotRead: IN_DOUBT,
    httpx.CookieConflict: IN_DOUBT,
}
"""Every exception class of the library, and what it says about the request."""

_FOREIGN: Final = tuple(OUTCOMES)


def translate(error: Exception) -> XpmError:
    """Return our error for one of the library's, the most specific entry of the table winning.

    The library's own text is left out: it can hold a header's value, and so a token.
    """
    kind = type(error)
    outcome = next((OUTCOMES[base] for base in kind.__mro__ if base in OUTCOMES), IN_DOUBT)
    if outcome is TryLater:
        return TryLater(reason=f"Xero could not be reached ({kind.__name__})")
    return Unknown(f"The connection to Xero broke before the answer was read ({kind.__name__})")


def secure_base(url: str) -> str:
    """Return a base URL without its trailing slash, refusing one that would show a token.

    Plain http is for this machine and for single-label names (a container beside us) only.
    Raises ValueError.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    nearby = host in {"127.0.0.1", "::1"} or (host != "" and "." not in host and ":" not in host)
    if parts.scheme == "https" or (parts.scheme == "http" and nearby):
        return url.rstrip("/")
    raise ValueError("a Xero address must be https, or http on this machine")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers (looked up regardless of case) and unpacked body."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


class Stream:
    """An answer whose body is still arriving; read `chunks` once."""

    def __init__(
        self, response: httpx.Response, cap: int, deadline: float, clock: Callable[[], float]
    ) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._cap = cap
        self._deadline = deadline
        self._clock = clock

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the unpacked body in pieces of at most 64 kB; raises Unknown or TryLater."""
        total = 0
        async with aclosing(self._unpacked()) as pieces:
            async for piece in pieces:
                total += len(piece)
                if total > self._cap:
                    raise self._unreadable(f"is larger than {self._cap} bytes")
                if self._clock() > self._deadline:
                    raise self._unreadable("did not end in time")
                yield piece

    async def read(self) -> Answer:
        """Read the rest and return it whole; raises Unknown or TryLater."""
        async with aclosing(self.chunks()) as pieces:
            content = b"".join([piece async for piece in pieces])
        return Answer(self.status, self.headers, content)

    async def _unpacked(self) -> AsyncGenerator[bytes, None]:
        """Yield slices of the body, inflating gzip under a bound.

        The library unpacks a network read in one go, so 64 kB of a gzip bomb would become 64 MB.
        """
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"", "identity", "gzip", "x-gzip"}:
            raise self._unreadable("came in a coding nobody asked for")
        inflater = zlib.decompressobj(wbits=31) if "gzip" in coding else None
        async with aclosing(self._raw()) as arriving:
            async for raw in arriving:
                if inflater is None:
                    for start in range(0, len(raw), CHUNK_BYTES):
                        yield raw[start : start + CHUNK_BYTES]
                    continue
                rest = raw
                while rest and not inflater.eof:
                    try:
                        piece = inflater.decompress(rest, CHUNK_BYTES)
                    except zlib.error:
                        raise self._unreadable("is not what its header says") from None
                    rest = inflater.unconsumed_tail
                    if piece:
                        yield piece
        if inflater is not None and not inflater.eof:
            raise self._unreadable("was cut short")

    async def _raw(self) -> AsyncGenerator[bytes, None]:
        stream = self._response.stream
        if not isinstance(stream, httpx.AsyncByteStream):  # pragma: no cover - async client only
            raise self._unreadable("cannot be streamed")
        failure: XpmError | None = None
        try:
            async for raw in stream:
                yield raw
        except _FOREIGN as error:
            failure = translate(error)
        if failure is not None:
            # Raised outside the handler, so the library's text is not carried along as context.
            failure.status = self.status
            failure.correlation_id = correlation_id(self.headers)
            raise failure

    def _unreadable(self, what: str) -> Unknown:
        return Unknown(
            f"Xero's answer {what}",
            status=self.status,
            correlation_id=correlation_id(self.headers),
        )


def correlation_id(headers: Mapping[str, str]) -> str | None:
    """Return Xero's own id of this answer, bounded, for logs and for its support desk."""
    value = headers.get("xero-correlation-id", "").strip()
    return value[:64] if value and value.isprintable() else None


class Http:
    """A shared connection pool for every practice; verifies TLS and follows no redirect.

    Use as ``async with Http() as http``. A ``client`` passed in is used as it is and left open;
    otherwise one is made (over ``transport``, if given) and closed at the end.
    """

    def __init__(
        self,
        *,
        client: httpx.AsyncClient | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        connections: int = 50,
        opening_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Both log addresses with their queries at INFO, and httpcore logs headers at DEBUG.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        self._ours = client is None
        self._opening_seconds = opening_seconds
        self._clock = clock
        self._client = client or _client(transport, connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the pool, if this object made it."""
        if self._ours:
            await self._client.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        read_seconds: float = CLICK_SECONDS,
        cap: int = ANSWER_BYTES,
    ) -> Answer:
        """Send one request and return its whole answer, whatever the status.

        Seconds are for the next byte; the whole takes at most twice that.
        Raises TryLater (never left) or Unknown (may have arrived).
        """
        async with self.stream(
            method,
            url,
            headers=headers,
            content=content,
            read_seconds=read_seconds,
            whole_seconds=read_seconds * 2,
            cap=cap,
        ) as answer:
            return await answer.read()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        read_seconds: float = LIST_SECONDS,
        cap: int = STREAM_BYTES,
        whole_seconds: float = 1800.0,
    ) -> AsyncIterator[Stream]:
        """Send one request and hand over the answer while its body arrives.

        Raises TryLater (never left) or Unknown (may have arrived).
        """
        deadline = self._clock() + whole_seconds
        response = await self._open(method, url, headers, content, read_seconds)
        try:
            yield Stream(response, cap, deadline, self._clock)
        finally:
            await response.aclose()

    async def _open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        read_seconds: float,
    ) -> httpx.Response:
        failure: XpmError
        try:
            request = self._client.build_request(
                method,
                url,
                headers={"Accept-Encoding": "gzip", **(headers or {})},
                content=content,
                timeout=httpx.Timeout(read_seconds, connect=5.0, pool=5.0, write=20.0),
            )
            # A server that drips its headers byte by byte never trips a read timeout; this does.
            async with asyncio.timeout(read_seconds * 2 + self._opening_seconds):
                return await self._client.send(request, stream=True, follow_redirects=False)
        except _FOREIGN as error:
            failure = translate(error)
        except TimeoutError:
            failure = Unknown("Xero did not answer in time")
        raise failure


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed; to read them takes 35 ms, so once in a process."""
    return httpx.create_ssl_context()


def _client(transport: httpx.AsyncBaseTransport | None, connections: int) -> httpx.AsyncClient:
    client = httpx.AsyncClient(
        transport=transport,
        verify=_trusted(),
        follow_redirects=False,
        # An idle connection the other side closes under us turns a write into a doubt, and a sign-in's code into a used
        # one. No server in common use closes after less than five seconds, which is what Node and uvicorn wait.
        limits=httpx.Limits(
            max_connections=connections, max_keepalive_connections=20, keepalive_expiry=4.0
        ),
        headers={"User-Agent": "xpm-slack"},
    )
    # One pool serves all practices: a cookie of one must never travel with another.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client
