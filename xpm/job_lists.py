"""The lists of jobs that menus are filled from, kept in memory for as long as the practice's jobs stay as they are.

They are asked for again with every letter that somebody types, and again after every call, while jobs change a few
times an hour. The mark that stands beside them in the database (`xpm.store.job_marks`) tells when they have.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from xpm.store import Database, Transaction

_MOST_LISTS, _MOST_PRACTICES = 1000, 200

T = TypeVar("T")


class Lists:
    """The lists of one opening of a menu: kept ones, and those that have to be read, all in one transaction."""

    def __init__(
        self, kept: dict[Hashable, Any], open_: Callable[[], Awaitable[Transaction]]
    ) -> None:
        self._kept = kept
        self._open = open_

    @classmethod
    def read(cls, tx: Transaction) -> "Lists":
        """Lists of which none is kept."""

        async def opened() -> Transaction:
            return tx

        return cls({}, opened)

    async def of(self, key: Hashable, read: Callable[[Transaction], Awaitable[T]]) -> T:
        """A list by its key; nobody may change what comes back."""
        if key not in self._kept:
            found = await read(await self._open())
            if len(self._kept) >= _MOST_LISTS:
                self._kept.clear()
            self._kept[key] = found
        known: T = self._kept[key]
        return known


class JobLists:
    """Keeps the lists of every practice; stale ones are never used, so it may be forgotten at any time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[str, tuple[str, dict[Hashable, Any]]] = {}

    @asynccontextmanager
    async def under(self, workspace_id: str, mark: str | None) -> AsyncIterator[Lists]:
        """The lists of a practice whose jobs are as this mark says; the database is asked only for what is missing."""
        kept: dict[Hashable, Any] = {}
        if mark is not None:
            known, lists = self._kept.get(workspace_id, ("", kept))
            if known == mark:
                kept = lists
            else:
                if len(self._kept) >= _MOST_PRACTICES:
                    self._kept.clear()
                self._kept[workspace_id] = mark, kept
        async with AsyncExitStack() as stack:
            opened: list[Transaction] = []

            async def open_() -> Transaction:
                if not opened:
                    opened.append(await stack.enter_async_context(self._database.reading()))
                return opened[0]

            yield Lists(kept, open_)
