"""A replica of its own: calls the practice as often and as fast as its limits let it, then says how it went.

Started as a program by tests/xpm/test_sharing.py: database, practice, tenant, token, how many calls, priority.
"""

import asyncio
import sys
from functools import partial

from xpm.api import Http, Limiter, Limits, Practice, Priority, TryLater
from xpm.clock import utc_now
from xpm.sharing import SharedLimit
from xpm.store import Database


async def _main(url: str, practice: str, tenant: str, token: str, calls: int, name: str) -> None:
    database = Database(url)
    limits = Limits(partial(Limiter, click_wait=4.0), share=partial(SharedLimit, database, utc_now))

    async def access_token(_: bool) -> str:
        return token

    async def call(xpm: Practice) -> str:
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
            priority=Priority[name],
        )
        print("ready", flush=True)
        sys.stdin.readline()
        print(*await asyncio.gather(*(call(xpm) for _ in range(calls))), flush=True)
    await database.close()


if __name__ == "__main__":
    _, DATABASE, PRACTICE, TENANT, TOKEN, CALLS, PRIORITY = sys.argv
    asyncio.run(_main(DATABASE, PRACTICE, TENANT, TOKEN, int(CALLS), PRIORITY))
