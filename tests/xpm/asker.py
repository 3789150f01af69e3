"""Another process of ours, for tests: many callers ask the practice at once, and it stops dead where it is told to.

A replica runs `ask`, which prints a line for each thing that happened.
"""

import asyncio
import ssl
from datetime import datetime
from typing import Any

import httpx

from tests.xpm.kea import CLIENT_SECRET, SCOPES
from xpm.api import Http, XeroApp
from xpm.connections import Connections
from xpm.store import Database
from xpm.vault import Vault

BEFORE, ANSWERED, SAVED, NOWHERE = "before", "answered", "saved", "nowhere"
"""Where it stops: before Xero is asked for tokens, when it has answered, when the answer is kept, or not at all."""


class Stopping(httpx.AsyncHTTPTransport):
    """Carries requests, and stops for ever around the one for tokens."""

    def __init__(self, where: str, **options: Any) -> None:
        super().__init__(**options)
        self._where = where

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_refresh = request.url.path == "/connect/token"
        if is_refresh and self._where == BEFORE:
            await stop()
        answer = await super().handle_async_request(request)
        if is_refresh and self._where == ANSWERED:
            await answer.aread()
            await stop()
        return answer


async def stop() -> None:
    """Says that this is the place, and waits to be killed."""
    print("stopped", flush=True)
    await asyncio.sleep(3600)


async def ask(
    database: str, xero: str, keys: list[str], now: str, callers: int, where: str
) -> None:
    """Asks for a job from as many tasks at once as it was told."""
    moment = datetime.fromisoformat(now)
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    opened = Database(database)
    async with Http(transport=Stopping(where, verify=no_tls)) as http:
        app = XeroApp(
            "app-1", CLIENT_SECRET, SCOPES, xero, xero, xero, http=http, now=lambda: moment
        )
        connections = Connections(
            opened, Vault(keys), app, http, api_url=xero, clock=lambda: moment
        )

        async def one() -> bool:
            async with connections.practice("T1") as practice:
                return await practice.job("J000123") is not None

        found = await asyncio.gather(*(one() for _ in range(callers)))
        print(f"found {sum(found)}", flush=True)
        if where == SAVED:
            await stop()
    await opened.close()
