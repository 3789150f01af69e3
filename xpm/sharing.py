"""A practice's limits among several processes: places are leased in the database, and what one hears all know."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Sequence

from xpm.api import Heard, TryLater
from xpm.clock import Clock
from xpm.store import Database
from xpm.store import limits as store
from xpm.store.limits import Limit, Started

# A second more than Xero's minute: a call that began first may arrive later, and clocks differ a little.
_MINUTE = dt.timedelta(seconds=61)
_LEASE = dt.timedelta(seconds=60)
_RENEW_SECONDS = 20.0
_LOOK_AGAIN = 0.1


def wait_for(started: Sequence[Started], now: dt.datetime, places: int, calls: int) -> float | None:
    """Seconds until another call may begin, None when it may now."""
    running = [one for one in started if one.leased_until is not None and one.leased_until > now]
    if len(running) >= places:
        return _LOOK_AGAIN
    counted = [one.started_at for one in started if now - one.started_at < _MINUTE]
    if len(counted) < calls:
        return None
    # The earliest moment at which enough of what was counted no longer counts.
    opens = sorted(counted)[len(counted) - calls] + _MINUTE
    return max(_LOOK_AGAIN, (opens - now).total_seconds())


class SharedLimit:
    """One practice's door, as every process on the database sees it."""

    def __init__(self, database: Database, clock: Clock, tenant_id: str) -> None:
        self._database = database
        self._clock = clock
        self._tenant_id = tenant_id
        self._renewing: dict[str, asyncio.Task[None]] = {}

    async def enter(self, ticket: str, places: int, calls: int) -> float | None:
        """Takes a place, or returns the seconds to wait for one. Raises TryLater when the day is spent."""
        async with self._database.transaction() as tx:
            limit = await store.hold(tx, self._tenant_id)
            # Only now: others may have begun while we waited for the row.
            now = self._clock()
            if limit.day_until is not None and limit.day_until > now:
                raise TryLater(
                    (limit.day_until - now).total_seconds(),
                    "The practice's calls of the day are used up",
                    day_spent=True,
                )
            if limit.paused_until is not None and limit.paused_until > now:
                return (limit.paused_until - now).total_seconds()
            started = await store.started(tx, self._tenant_id, now - _MINUTE)
            wait = wait_for(started, now, places, calls)
            if wait is not None:
                return wait
            await store.start(tx, self._tenant_id, ticket, now, now + _LEASE)
        self._renewing[ticket] = asyncio.create_task(self._renew(ticket))
        return None

    async def leave(self, ticket: str, heard: Heard | None) -> None:
        """Gives the place back and passes on what was heard; a place never taken is no matter."""
        renewing = self._renewing.pop(ticket, None)
        if renewing is not None:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
        if renewing is None and heard is None:
            return
        async with self._database.transaction() as tx:
            limit = await store.hold(tx, self._tenant_id)
            await store.lease(tx, self._tenant_id, ticket, None)
            if heard is not None:
                await store.hear(tx, self._with(limit, heard))

    async def day_left(self) -> int | None:
        """The calls left today as last heard by any process."""
        async with self._database.reading() as tx:
            limit = await store.get(tx, self._tenant_id)
        return None if limit is None else limit.day_left

    def _with(self, limit: Limit, heard: Heard) -> Limit:
        now = self._clock()

        def later(known: dt.datetime | None, seconds: float) -> dt.datetime | None:
            told = now + dt.timedelta(seconds=seconds) if seconds > 0 else None
            return max((at for at in (known, told) if at is not None), default=None)

        return Limit(
            limit.tenant_id,
            limit.day_left if heard.day_left is None else heard.day_left,
            limit.day_left_at if heard.day_left is None else now,
            later(limit.day_until, heard.day_spent_for),
            later(limit.paused_until, heard.paused_for),
        )

    async def _renew(self, ticket: str) -> None:
        """Keeps a long call's place; a process that dies gives its places back by renewing them no more."""
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            async with self._database.transaction() as tx:
                await store.lease(tx, self._tenant_id, ticket, self._clock() + _LEASE)
