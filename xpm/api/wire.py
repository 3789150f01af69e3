"""One practice's line to Practice Manager: token, turn, request, verdict; reads may be repeated."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

from xpm.api import xml
from xpm.api.errors import TryLater, Unknown, XpmError
from xpm.api.http import ANSWER_BYTES, CLICK_SECONDS, Http, Stream, correlation_id
from xpm.api.limits import Limiter, Priority
from xpm.api.retry import RetryRule
from xpm.api.verdict import judge

log = logging.getLogger(__name__)

T = TypeVar("T")
BeforeSending = Callable[[], Awaitable[None]]
"""Called with token and turn in hand, right before a write goes out, and again before it is sent with a fresh token.

Whatever it raises goes to the caller, and nothing was sent by this attempt.
"""

AccessToken = Callable[[bool], Awaitable[str]]
"""Gives a bearer token; True says the last one was refused, so a fresh one is wanted."""

ERROR_BYTES = 64 * 1024
ERROR_SECONDS = 5.0


class Wire:
    """Carries one practice's calls; knows nothing of clients, jobs or times."""

    def __init__(
        self,
        http: Http,
        base: str,
        tenant_id: str,
        access_token: AccessToken,
        limiter: Limiter,
        priority: Priority,
        retry: RetryRule,
        sleep: Callable[[float], Awaitable[None]],
        count: Callable[[str], None],
    ) -> None:
        self._http = http
        self._base = base
        self._tenant_id = tenant_id
        self._access_token = access_token
        self._limiter = limiter
        self._priority = priority
        self._retry = retry
        self._sleep = sleep
        self._count = count
        self.correlation_id: str | None = None
        """Xero's handle of the last answer, for its support desk."""

    async def rows(
        self,
        path: str,
        params: Mapping[str, str],
        tag: str,
        read: Callable[[xml.Element], T | None],
        *,
        read_seconds: float,
        cap: int,
        whole_seconds: float,
    ) -> AsyncGenerator[T, None]:
        """Yield a list's rows as they arrive, leaving out those without identity.

        It is asked again only while nothing was yielded. Raises Rejected, Disconnected, TryLater.
        """
        attempts = 0
        while True:
            attempts += 1
            has_yielded = False
            left_out = 0
            try:
                async with (
                    self._answer(
                        "GET", path, params, read_seconds=read_seconds, cap=cap, whole=whole_seconds
                    ) as answer,
                    aclosing(answer.chunks()) as chunks,
                    aclosing(xml.elements(chunks, tag)) as elements,
                ):
                    async for element in elements:
                        row = read(element)
                        if row is None:
                            left_out += 1
                            continue
                        has_yielded = True
                        yield row
            except XpmError as error:
                failure = error
            else:
                if left_out:
                    log.warning("xpm.rows_without_identity", extra={"row": tag, "count": left_out})
                return
            if has_yielded:
                raise _for_a_read(failure)
            await self._wait_or_raise(failure, attempts)

    async def one(self, path: str) -> xml.Element:
        """Return the root of a single answer. Raises Rejected, Disconnected, TryLater."""
        attempts = 0
        while True:
            attempts += 1
            try:
                async with self._answer("GET", path, {}) as answer:
                    return await _root(answer)
            except XpmError as error:
                failure = error
            await self._wait_or_raise(failure, attempts)

    async def write(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        before_sending: BeforeSending | None = None,
    ) -> xml.Element | None:
        """Send a write once and return the root of its answer, None for 204.

        Raises Rejected, Disconnected, TryLater (none of them written) or Unknown (perhaps).
        """
        async with self._answer(
            method, path, {}, content=content, before_sending=before_sending
        ) as answer:
            return None if answer.status == 204 else await _root(answer)

    async def _wait_or_raise(self, failure: XpmError, attempts: int) -> None:
        wait = self._retry(failure, attempts)
        if wait is None:
            raise _for_a_read(failure)
        log.info("xpm.asked_again", extra={"attempt": attempts, "after": round(wait, 2)})
        await self._sleep(wait)

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, params: Mapping[str, str], **how: Any
    ) -> AsyncIterator[Stream]:
        """The answer to one call, counted by what came of it."""
        try:
            async with self._asked(method, path, params, **how) as answer:
                yield answer
        except XpmError as error:
            self._count(type(error).__name__.lower())
            raise
        else:
            self._count("ok")

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        *,
        content: bytes | None = None,
        read_seconds: float = CLICK_SECONDS,
        cap: int = ANSWER_BYTES,
        whole: float = CLICK_SECONDS * 2,
        before_sending: BeforeSending | None = None,
    ) -> AsyncIterator[Stream]:
        url = f"{self._base}{path}" + (f"?{urlencode(params)}" if params else "")
        is_write = method != "GET"
        was_refused = False
        while True:
            headers = {
                "Authorization": f"Bearer {await self._access_token(was_refused)}",
                "Xero-tenant-id": self._tenant_id,
                "Accept": "text/xml",
            }
            if content is not None:
                headers["Content-Type"] = "application/xml; charset=utf-8"
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self._limiter.slot(self._priority))
                if before_sending is not None:
                    await before_sending()
                answer = await stack.enter_async_context(
                    self._http.stream(
                        method,
                        url,
                        headers=headers,
                        content=content,
                        read_seconds=read_seconds,
                        cap=cap,
                        whole_seconds=whole,
                    )
                )
                self.correlation_id = correlation_id(answer.headers)
                limited = self._limiter.learn(answer.status, answer.headers)
                if limited is not None:
                    raise limited
                if answer.status == 401 and not was_refused:
                    # A refused token means the request was not carried out, so even a write may
                    # be sent again with a fresh one.
                    # https://developer.xero.com/documentation/guides/oauth2/auth-flow/#refreshing
                    was_refused = True
                    continue
                if answer.status == 200 or (answer.status == 204 and method == "DELETE"):
                    yield answer
                    return
                raise await judge(
                    answer.status, answer.headers, await _beginning(answer), is_write=is_write
                )


async def _root(answer: Stream) -> xml.Element:
    whole = await answer.read()
    try:
        return await xml.whole(whole.content)
    except XpmError as error:
        error.status = whole.status
        error.correlation_id = correlation_id(whole.headers)
        raise


async def _beginning(answer: Stream) -> bytes:
    """Return the first part of an error's body; the status counts even when it cannot be read."""
    body = b""
    try:
        async with asyncio.timeout(ERROR_SECONDS), aclosing(answer.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > ERROR_BYTES:
                    break
    except (XpmError, TimeoutError):
        pass
    return body[:ERROR_BYTES]


def _for_a_read(error: XpmError) -> XpmError:
    """Return the error as it holds for a read, which leaves nothing in doubt."""
    if isinstance(error, Unknown):
        return TryLater(
            reason=error.reason, status=error.status, correlation_id=error.correlation_id
        )
    return error
