"""Send → settle: carries one entry to XPM exactly once, though XPM knows no idempotency key.

The intent is committed right before the act: `doubtful_since` stands in the row before anything is sent, so a crash
anywhere afterwards begins in doubt, never in ignorance. While in doubt we look every 15 seconds, and send again only
after a window longer than the latest moment at which the first write could still land.
"""

import datetime as dt
import logging
import zlib
from dataclasses import dataclass

from xpm.api import Disconnected, Practice, Rejected, Time, TryLater, Unknown
from xpm.choices import (
    AT_REST,
    UNCLEAR,
    WAITING_FOR_ANSWER,
    WAITING_FOR_CONNECTION,
    WAITING_FOR_TOMORROW,
    WAITING_FOR_XPM,
    Problem,
)
from xpm.clock import Clock
from xpm.connections import Connections, OtherPractice
from xpm.likeness import are_alike, is_about, is_changed, is_like, new_time, saved_time
from xpm.notices import Notices
from xpm.store import Database, audit, times
from xpm.store import entries as store
from xpm.store.entries import Act, Entry, State

log = logging.getLogger(__name__)

LOOK_EVERY = dt.timedelta(seconds=15)
FRESH = dt.timedelta(seconds=20)
WINDOW = dt.timedelta(seconds=120)
"""From the intent: FRESH, then at most 50 s to reach XPM, then its slowest late write, which is unpublished."""

MOST_TRIES = 5
"""Sendings without a clear answer, each found not to have arrived, before a person is asked."""

_AGAIN_AFTER = 15.0
_LONGEST_PAUSE = 300.0
_SAID_AFTER = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a doubt is looked into before anything is sent again.

    `window` must exceed `fresh`, the client's longest call and XPM's slowest late write together.
    """

    look_every: dt.timedelta = LOOK_EVERY
    fresh: dt.timedelta = FRESH
    window: dt.timedelta = WINDOW


class Overtaken(Exception):
    """Another process has moved the entry on, so what this one was about to do is not its to do."""


class Stale(Exception):
    """This process slept between its intent and the act, and others may have looked meanwhile."""


class _Attempt:
    """One try to write: commits the intent at the last moment, and knows the entry as it then stands."""

    def __init__(self, settling: "Settling", entry: Entry) -> None:
        self._settling = settling
        self.entry = entry

    async def begin(self) -> None:
        """Names the intent. Raises Overtaken or Stale, and then nothing may be sent."""
        self.entry = await self._settling.intend(self.entry)


class Settling:
    """Moves entries that are being sent, one small step at a time; every step may be repeated after a crash."""

    def __init__(
        self,
        database: Database,
        connections: Connections,
        notices: Notices,
        clock: Clock,
        pace: Pace = Pace(),
    ) -> None:
        self._database = database
        self._connections = connections
        self._notices = notices
        self._clock = clock
        self._pace = pace

    async def advance(self, workspace_id: str, entry_id: str) -> float | None:
        """The workflow, one step of it: the seconds until the next, or None when there is nothing left to do."""
        async with self._database.asking() as tx:
            entry = await store.get(tx, workspace_id, entry_id)
        if entry is None:
            return None
        pause = None
        if entry.state is State.SENDING and entry.waiting_for != WAITING_FOR_CONNECTION:
            pause = await (self._find_out(entry) if entry.doubtful_since else self._send(entry))
        try:
            await self._tell(workspace_id, entry_id)
        except TryLater as error:
            # However long Slack wants to be left alone, XPM is asked in its own time.
            return min(error.after or _AGAIN_AFTER, _LONGEST_PAUSE)
        return pause

    async def _tell(self, workspace_id: str, entry_id: str) -> None:
        async with self._database.asking() as tx:
            entry = await store.get(tx, workspace_id, entry_id)
        if entry is None:
            return
        if entry.has_news and entry.finding is not None:
            await self._notices.bring_up(workspace_id, entry_id)
            return
        if entry.shown_version < entry.version:
            await self._notices.show(workspace_id, entry_id)
        if entry.has_news:
            await self._notices.refused(workspace_id, entry_id)
            async with self._database.transaction() as tx:
                await store.told(tx, entry)

    # -- sending ---------------------------------------------------------------------------------------------------

    async def intend(self, entry: Entry) -> Entry:
        """Commits that the entry may be written from now on. Raises Overtaken, Stale."""
        since = self._clock()
        intent = await self._change(
            entry,
            is_seen=False,
            doubtful_since=since,
            waiting_since=entry.waiting_since or since,
        )
        if intent is None:
            raise Overtaken
        if self._clock() - since > self._pace.fresh:
            raise Stale
        return intent

    async def _send(self, entry: Entry) -> float | None:
        attempt = _Attempt(self, entry)
        try:
            async with self._connections.practice(
                entry.workspace_id, tenant_id=entry.tenant_id
            ) as practice:
                return await self._act(attempt, practice)
        except Overtaken:
            return 0.0
        except Stale:
            return self._pace.look_every.total_seconds()
        except OtherPractice:
            return await self._other_practice(attempt.entry)
        except Disconnected:
            return await self._without_connection(attempt.entry, doubtful_since=None)
        except TryLater as error:
            return await self._later(attempt.entry, error, doubtful_since=None)

    async def _act(self, attempt: _Attempt, practice: Practice) -> float | None:
        entry = attempt.entry
        try:
            match entry.act:
                case Act.ADD:
                    time = await practice.add_time(new_time(entry), attempt.begin)
                case Act.CHANGE:
                    uuid = entry.xpm_time_uuid or ""
                    time = await practice.update_time(uuid, new_time(entry), attempt.begin)
                case Act.REMOVE:
                    await practice.delete_time(entry.xpm_time_uuid or "", attempt.begin)
                    return await self._removed(attempt.entry, practice.correlation_id)
        except Rejected as refusal:
            if entry.act is Act.REMOVE and await practice.time(entry.xpm_time_uuid or "") is None:
                # Somebody took it out in XPM itself, or our own first try arrived late.
                return await self._removed(attempt.entry, practice.correlation_id)
            return await self._refused(attempt.entry, refusal)
        except Unknown as doubt:
            log.warning("entry.doubtful", extra={"entry": entry.id, "why": str(doubt)})
            return self._pace.look_every.total_seconds()
        return await self._sent(attempt.entry, time, practice.correlation_id)

    # -- finding out -----------------------------------------------------------------------------------------------

    async def _find_out(self, entry: Entry) -> float | None:
        """Looks whether a doubtful write arrived; never sends by itself."""
        since = entry.doubtful_since or self._clock()
        began = self._clock()
        try:
            async with self._connections.practice(
                entry.workspace_id, tenant_id=entry.tenant_id
            ) as practice:
                match entry.act:
                    case Act.ADD:
                        if (found := await self._find_added(entry, practice)) is not None:
                            return await self._found(entry, found, practice.correlation_id)
                    case Act.CHANGE:
                        time = await practice.time(entry.xpm_time_uuid or "")
                        if time is not None and is_changed(entry, time):
                            return await self._sent(entry, time, practice.correlation_id)
                    case Act.REMOVE:
                        if await practice.time(entry.xpm_time_uuid or "") is None:
                            return await self._removed(entry, practice.correlation_id)
        except OtherPractice:
            return await self._other_practice(entry)
        except Disconnected:
            return await self._without_connection(entry, doubtful_since=since)
        except TryLater as error:
            return await self._later(entry, error, doubtful_since=since)
        # What counts is when we began to look: a slow answer may tell of a moment within the window.
        if began - since > self._pace.window and not await self._has_twin(entry, began):
            return await self._not_there(entry)
        if entry.waiting_for is None and began - since > _SAID_AFTER:
            await self._change(entry, waiting_for=WAITING_FOR_ANSWER)
        return self._pace.look_every.total_seconds()

    async def _not_there(self, entry: Entry) -> float | None:
        """It certainly did not arrive: it is sent again, or its person is asked when that has failed too often."""
        tries = entry.tries + 1
        if tries < MOST_TRIES:
            await self._change(entry, is_seen=False, doubtful_since=None, tries=tries)
            return 0.0
        return await self._give_back(entry, UNCLEAR, None)

    async def _find_added(self, entry: Entry, practice: Practice) -> Time | None:
        found = await practice.times_of_staff(entry.staff_uuid or "", entry.date, entry.date)
        async with self._database.reading() as tx:
            known = await times.known(tx, entry.tenant_id or "", [time.uuid for time in found])
        return next(
            (time for time in found if time.uuid not in known and is_like(entry, time)), None
        )

    async def _has_twin(self, entry: Entry, at: dt.datetime) -> bool:
        """Whether another entry that writes the same has a write that may still land.

        A time that two alike were looking for may have been taken by the one though the other wrote it. So neither
        is sent again before the writes of both have landed, for each to find one.
        """
        if entry.act is not Act.ADD:
            return False
        async with self._database.reading() as tx:
            doubtful = await store.in_doubt_since(tx, entry, at - self._pace.window)
        return any(are_alike(entry, one) for one in doubtful)

    async def _found(self, entry: Entry, time: Time, xero: str | None) -> float | None:
        """Takes a time for the entry's own; where it may be a twin's, it stays known that ours may still land."""
        kept = entry.doubtful_since if await self._has_twin(entry, self._clock()) else None
        return await self._sent(entry, time, xero, doubtful_since=kept)

    # -- settling --------------------------------------------------------------------------------------------------

    async def _sent(
        self,
        entry: Entry,
        time: Time,
        xero: str | None,
        *,
        doubtful_since: dt.datetime | None = None,
    ) -> float | None:
        changed = await self._change(
            entry,
            "time.changed" if entry.act is Act.CHANGE else "time.written",
            xero,
            state=State.SENT,
            act=Act.ADD,
            xpm_time_uuid=time.uuid,
            saved=saved_time(entry, time),
            sent_at=self._clock(),
            **{**AT_REST, "doubtful_since": doubtful_since},
        )
        return None if changed is not None else 0.0

    async def _removed(self, entry: Entry, xero: str | None) -> float | None:
        changed = await self._change(
            entry,
            "time.deleted",
            xero,
            state=State.REMOVED,
            act=Act.ADD,
            xpm_time_uuid=None,
            **AT_REST,
        )
        return None if changed is not None else 0.0

    async def _refused(self, entry: Entry, refusal: Rejected) -> float | None:
        return await self._give_back(entry, refusal.reason, refusal.correlation_id)

    async def _give_back(self, entry: Entry, reason: str, xero: str | None) -> float | None:
        # A time that could not be removed is still there: the entry is what it was, with the words beside it.
        state = State.SENT if entry.act is Act.REMOVE else State.REFUSED
        resting = {**AT_REST, "reason": reason, "has_news": True}
        changed = await self._change(entry, "time.refused", xero, state=state, **resting)
        return None if changed is not None else 0.0

    async def _other_practice(self, entry: Entry) -> float | None:
        """The workspace is now connected to another practice, where the same job ID is another job."""
        await self._change(
            entry,
            state=State.OFFERED,
            job_number=None,
            task_uuid=None,
            **{**AT_REST, "reason": Problem.OTHER_PRACTICE.value},
        )
        return None

    # -- waiting ---------------------------------------------------------------------------------------------------

    async def _later(
        self, entry: Entry, error: TryLater, *, doubtful_since: dt.datetime | None
    ) -> float | None:
        log.info("entry.waits", extra={"entry": entry.id, "why": str(error)})
        if not error.day_spent:
            after = min(error.after or self._pause(entry), _LONGEST_PAUSE)
            return await self._wait(entry, WAITING_FOR_XPM, after, doubtful_since)
        after = min(error.after or _LONGEST_PAUSE, _LONGEST_PAUSE)
        until = self._clock() + dt.timedelta(seconds=error.after) if error.after else None
        return await self._wait(entry, WAITING_FOR_TOMORROW, after, doubtful_since, until)

    def _pause(self, entry: Entry) -> float:
        """The longer it has waited, the more rarely it is tried; a little apart from others that wait as long."""
        waited = (self._clock() - (entry.waiting_since or self._clock())).total_seconds()
        apart = 1 + zlib.crc32(entry.id.encode()) % 1000 / 5000
        return max(_AGAIN_AFTER, waited / 4) * apart

    async def _without_connection(
        self, entry: Entry, *, doubtful_since: dt.datetime | None
    ) -> float | None:
        pause = await self._wait(entry, WAITING_FOR_CONNECTION, None, doubtful_since)
        connection = await self._connections.of(entry.workspace_id)
        if pause is None and connection is not None and connection.ended_at is None:
            # Somebody reconnected before the row said that it waits, so nobody else sends it on.
            async with self._database.asking() as tx:
                now = await store.get(tx, entry.workspace_id, entry.id)
            if now is not None and now.waiting_for == WAITING_FOR_CONNECTION:
                return await self._wait(now, WAITING_FOR_XPM, 0.0, doubtful_since)
        return pause

    async def _wait(
        self,
        entry: Entry,
        waiting_for: str,
        after: float | None,
        doubtful_since: dt.datetime | None,
        until: dt.datetime | None = None,
    ) -> float | None:
        """Notes what the entry waits for. What was doubtful before stays so; what we just refrained from is not.

        Nothing when the entry was changed since we read it: another process may have written meanwhile.
        """
        is_said = entry.waiting_for == waiting_for and is_about(entry.waiting_until, until)
        if is_said and entry.doubtful_since == doubtful_since:
            return after
        changed = await self._change(
            entry,
            is_seen=not is_said,
            waiting_for=waiting_for,
            waiting_until=until,
            waiting_since=entry.waiting_since or self._clock(),
            doubtful_since=doubtful_since,
        )
        return after if changed is not None else 0.0

    async def _change(
        self,
        entry: Entry,
        event: str | None = None,
        xero: str | None = None,
        *,
        is_seen: bool = True,
        **values: object,
    ) -> Entry | None:
        if is_seen:
            values = {**values, "changed_at": self._clock()}
        async with self._database.transaction() as tx:
            changed = await store.change(tx, entry, is_seen=is_seen, **values)
            if changed is not None and event is not None:
                ids = {
                    "time": changed.xpm_time_uuid or entry.xpm_time_uuid,
                    "job": entry.job_number,
                    "xero": xero,
                }
                await audit.note(
                    tx,
                    audit.Fact(
                        self._clock(),
                        entry.workspace_id,
                        event,
                        entry.slack_user_id,
                        entry.id,
                        {name: one for name, one in ids.items() if one is not None},
                    ),
                )
        return changed
