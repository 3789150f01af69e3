"""A replica of its own: calls the practice as often and as fast as its limits let it, then says how it went.

Run in replicas by tests/xpm/test_sharing.py.
"""

import asyncio
import sys
from functools import partial

from xpm.api import Http, Limiter, Limits, Practice, Priority, TryLater
from xpm.clock import utc_now
from xpm.sharing import SharedLimit
from xpm.store import Database


async def call(
    database: str, practice: str, tenant: str, token: str, calls: int, priority: str
) -> None:
    """Says that it is ready, calls as often as it was told once it hears a line, and prints the outcomes."""
    opened = Database(database)
    limits = Limits(partial(Limiter, click_wait=4.0), share=partial(SharedLimit, opened, utc_now))

    async def access_token(_: bool) -> str:
        return token

    async def one(xpm: Practice) -> str:
        try:
            await xpm.job("J000123")
        except TryLater as error:
            return f"later:{error.status}"
        return "answered"

    async with Http() as http:
        xpm = Practice(
            http,
            tenant,
            access_token,
            api_url=practice,
            limiter=limits.of(tenant),
            priority=Priority[priority],
        )
        print("ready", flush=True)
        sys.stdin.readline()
        print(*await asyncio.gather(*(one(xpm) for _ in range(calls))), flush=True)
    await opened.close()
