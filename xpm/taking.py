"""Takes what phone systems tell: what one system tells while the database is busy is written together.

A commit waits for the disk and every writer waits for the one before, so that a flood of events, each written alone,
would leave no room for anybody else's. Here each system waits for its turn once, however much it has told.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from xpm.calls import Told
from xpm.store import Database, Transaction
from xpm.store.workspaces import PhoneSystem

log = logging.getLogger(__name__)

_MOST_TOGETHER = 100
# What comes in so long shares a commit: every other writer has its turn meanwhile, and a flood costs half as much.
_PAUSE = 0.05
_SHORTEST_PAUSE = 0.02

Take = Callable[[Transaction, PhoneSystem, Sequence[Told]], Awaitable[int]]
"""Writes what a system told; how many calls of people are new."""


def pause(left: int, took: float) -> float:
    """The seconds for which a system leaves the database to others, after a turn that took `took` and left so many.

    What is no flood leaves it free for half of the time.
    """
    return _PAUSE if left >= _MOST_TOGETHER else min(max(took, _SHORTEST_PAUSE), _PAUSE)


@dataclass(slots=True)
class _Waiting:
    system: PhoneSystem
    told: Sequence[Told]
    taken: "asyncio.Future[int]" = field(default_factory=asyncio.Future)


class Taking:
    """Writes by `take`, for each system one transaction after the other."""

    def __init__(
        self,
        database: Database,
        take: Take,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._take = take
        self._sleep = sleep
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, system: PhoneSystem, told: Sequence[Told]) -> int:
        """Returns once this is committed: how many calls are new, of all that were written together the first is told.

        Raises what `take` raises.
        """
        one = _Waiting(system, told)
        waiting = self._waiting.get(system.id)
        if waiting is not None:
            waiting.append(one)
        else:
            self._waiting[system.id] = deque([one])
            # Not in the request's own task: somebody who hangs up takes nobody else's events along.
            task = asyncio.create_task(self._turns(system.id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await one.taken

    async def _turns(self, system_id: str) -> None:
        waiting = self._waiting[system_id]
        try:
            while waiting:
                began = time.monotonic()
                await self._turn(waiting)
                if waiting and self._database.is_sqlite:
                    await self._sleep(pause(len(waiting), time.monotonic() - began))
        finally:
            del self._waiting[system_id]
            for one in waiting:
                one.taken.cancel()

    async def _turn(self, waiting: deque[_Waiting]) -> None:
        together: list[_Waiting] = []
        try:
            async with self._database.transaction() as tx:
                # Drawn only now: what came while we waited for the database comes along.
                while waiting and len(together) < _MOST_TOGETHER:
                    together.append(waiting.popleft())
                told = [one for each in together for one in each.told]
                new = await self._take(tx, together[0].system, told)
            for nth, one in enumerate(together):
                if not one.taken.done():
                    one.taken.set_result(new if nth == 0 else 0)
        except Exception as error:
            if len(together) > 1:
                # One that cannot be written is not to keep the others out.
                log.warning("calls.taken_apart", extra={"count": len(together)})
                for one in together:
                    await self._turn(deque([one]))
                return
            (one,) = together or (waiting.popleft(),)
            # Whoever hung up hears nothing; an error that nobody hears would be complained of.
            if not one.taken.done():
                one.taken.set_exception(error)
        finally:
            for one in together:
                one.taken.cancel()
