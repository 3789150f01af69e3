"""Send → settle: carries one entry to XPM exactly once, though XPM knows no idempotency key.

The intent is committed before the act: `doubtful_since` stands in the row before anything is sent, so a crash
anywhere afterwards begins in doubt, never in ignorance. While in doubt we look every 15 seconds, and send again only
after a window longer than the latest moment at which the first write could still land.
"""

import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from xpm.api import Disconnected, NewTime, Practice, Rejected, Time, TryLater, Unknown
from xpm.api.xml import clean
from xpm.choices import (
    WAITING_FOR_CONNECTION,
    WAITING_FOR_TOMORROW,
    WAITING_FOR_XPM,
    Problem,
    parse_minutes,
)
from xpm.clock import Clock
from xpm.connections import Connections, OtherPractice
from xpm.store import Database, audit
from xpm.store import entries as store
from xpm.store.entries import Act, Entry, Saved, State

log = logging.getLogger(__name__)

LOOK_EVERY = dt.timedelta(seconds=15)
FRESH = dt.timedelta(seconds=20)
WINDOW = dt.timedelta(seconds=120)
"""WINDOW must exceed FRESH + the client's read timeout (20 s) + the slowest late write of XPM's (unpublished)."""

_AGAIN_AFTER = 15.0
_LONGEST_PAUSE = 300.0
_SAME_TO_PEOPLE = dt.timedelta(minutes=5)


class Notices(Protocol):
    """How a person hears of what happened later; kept by the edge, which knows Slack.

    Both raise TryLater when Slack does not take the message now.
    """

    async def show(self, workspace_id: str, entry_id: str) -> None:
        """Makes the entry's message show the entry as it stands."""
        ...

    async def refused(self, workspace_id: str, entry_id: str) -> None:
        """Says once more, to the person alone, that the entry was not saved and why."""
        ...


class Settling:
    """Moves entries that are being sent, one small step at a time; every step may be repeated after a crash."""

    def __init__(
        self,
        database: Database,
        connections: Connections,
        notices: Notices,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._database = database
        self._connections = connections
        self._notices = notices
        self._clock = clock
        self._sleep = sleep

    async def run(self, workspace_id: str, entry_id: str) -> None:
        """The workflow: steps until the entry rests and its message says so."""
        while (pause := await self.advance(workspace_id, entry_id)) is not None:
            await self._sleep(pause)

    async def advance(self, workspace_id: str, entry_id: str) -> float | None:
        """One step. Returns the seconds to wait before the next, or None when there is nothing left to do."""
        async with self._database.reading() as tx:
            entry = await store.get(tx, workspace_id, entry_id)
        if entry is None:
            return None
        pause = None
        if entry.state is State.SENDING and entry.waiting_for != WAITING_FOR_CONNECTION:
            pause = await (self._find_out(entry) if entry.doubtful_since else self._send(entry))
        try:
            await self._tell(workspace_id, entry_id)
        except TryLater as error:
            return error.after or _AGAIN_AFTER
        return pause

    async def _tell(self, workspace_id: str, entry_id: str) -> None:
        async with self._database.reading() as tx:
            entry = await store.get(tx, workspace_id, entry_id)
        if entry is None or entry.shown_version >= entry.version:
            return
        is_news = entry.state is State.REFUSED or (
            entry.state is State.SENT and entry.reason is not None
        )
        if is_news:
            await self._notices.refused(workspace_id, entry_id)
        await self._notices.show(workspace_id, entry_id)

    # -- sending ---------------------------------------------------------------------------------------------------

    async def _send(self, entry: Entry) -> float | None:
        try:
            async with self._connections.practice(
                entry.workspace_id, tenant_id=entry.tenant_id
            ) as practice:
                since = self._clock()
                intent = await self._change(entry, doubtful_since=since)
                if intent is None:
                    return 0.0
                # A process that slept between intent and act must not act: somebody may have looked meanwhile.
                if self._clock() - since > FRESH:
                    return LOOK_EVERY.total_seconds()
                return await self._act(intent, practice)
        except OtherPractice:
            return await self._other_practice(entry)
        except Disconnected:
            return await self._without_connection(entry)
        except TryLater as error:
            return await self._later(entry, error)

    async def _act(self, entry: Entry, practice: Practice) -> float | None:
        try:
            match entry.act:
                case Act.ADD:
                    time = await practice.add_time(_new_time(entry))
                case Act.CHANGE:
                    time = await practice.update_time(entry.xpm_time_uuid or "", _new_time(entry))
                case Act.REMOVE:
                    await practice.delete_time(entry.xpm_time_uuid or "")
                    return await self._removed(entry, practice.correlation_id)
        except Rejected as refusal:
            if entry.act is Act.REMOVE and await practice.time(entry.xpm_time_uuid or "") is None:
                # Somebody took it out in XPM itself, or our own first try arrived late.
                return await self._removed(entry, practice.correlation_id)
            return await self._refused(entry, refusal)
        except Unknown as doubt:
            log.warning("entry.doubtful", extra={"entry": entry.id, "why": str(doubt)})
            return LOOK_EVERY.total_seconds()
        return await self._sent(entry, time, practice.correlation_id)

    # -- finding out -----------------------------------------------------------------------------------------------

    async def _find_out(self, entry: Entry) -> float | None:
        """Looks whether a doubtful write arrived; never sends by itself."""
        try:
            async with self._connections.practice(
                entry.workspace_id, tenant_id=entry.tenant_id
            ) as practice:
                match entry.act:
                    case Act.ADD:
                        if (found := await self._find_added(entry, practice)) is not None:
                            return await self._sent(entry, found, practice.correlation_id)
                    case Act.CHANGE:
                        time = await practice.time(entry.xpm_time_uuid or "")
                        if time is not None and _is_changed(entry, time):
                            return await self._sent(entry, time, practice.correlation_id)
                    case Act.REMOVE:
                        if await practice.time(entry.xpm_time_uuid or "") is None:
                            return await self._removed(entry, practice.correlation_id)
        except OtherPractice:
            return await self._other_practice(entry)
        except Disconnected:
            return await self._without_connection(entry)
        except TryLater as error:
            return await self._later(entry, error)
        since = entry.doubtful_since
        if since is not None and self._clock() - since > WINDOW:
            await self._change(entry, doubtful_since=None)
            return 0.0
        return LOOK_EVERY.total_seconds()

    async def _find_added(self, entry: Entry, practice: Practice) -> Time | None:
        times = await practice.times_of_staff(entry.staff_uuid or "", entry.date, entry.date)
        async with self._database.reading() as tx:
            known = await store.known_times(tx, entry.workspace_id, [time.uuid for time in times])
        return next(
            (time for time in times if time.uuid not in known and _is_like(entry, time)), None
        )

    # -- settling --------------------------------------------------------------------------------------------------

    async def _sent(self, entry: Entry, time: Time, xero: str | None) -> float | None:
        saved = Saved(
            job_number=entry.job_number or "",
            job_name=time.job_name or "",
            task_uuid=entry.task_uuid or "",
            task_name=time.task_name or "",
            minutes=parse_minutes(entry.minutes) or 0,
            note=entry.note,
            date=entry.date,
        )
        changed = await self._change(
            entry,
            "time.changed" if entry.act is Act.CHANGE else "time.written",
            xero,
            state=State.SENT,
            act=Act.ADD,
            xpm_time_uuid=time.uuid,
            saved=saved,
            sent_at=self._clock(),
            doubtful_since=None,
            waiting_since=None,
            waiting_for=None,
            waiting_until=None,
            reason=None,
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
            doubtful_since=None,
            waiting_since=None,
            waiting_for=None,
            waiting_until=None,
            reason=None,
        )
        return None if changed is not None else 0.0

    async def _refused(self, entry: Entry, refusal: Rejected) -> float | None:
        # A time that could not be removed is still there: the entry is what it was, with XPM's words beside it.
        state = State.SENT if entry.act is Act.REMOVE else State.REFUSED
        changed = await self._change(
            entry,
            "time.refused",
            refusal.correlation_id,
            state=state,
            reason=refusal.reason,
            doubtful_since=None,
            waiting_since=None,
            waiting_for=None,
            waiting_until=None,
        )
        return None if changed is not None else 0.0

    async def _other_practice(self, entry: Entry) -> float | None:
        """The workspace is now connected to another practice, where the same job ID is another job."""
        await self._change(
            entry,
            state=State.OFFERED,
            reason=Problem.OTHER_PRACTICE.value,
            job_number=None,
            task_uuid=None,
            doubtful_since=None,
            waiting_since=None,
            waiting_for=None,
            waiting_until=None,
        )
        return None

    async def _later(self, entry: Entry, error: TryLater) -> float | None:
        log.info("entry.waits", extra={"entry": entry.id, "why": str(error)})
        after = min(error.after or _AGAIN_AFTER, _LONGEST_PAUSE)
        if not error.day_spent:
            return await self._wait(entry, WAITING_FOR_XPM, after)
        until = self._clock() + dt.timedelta(seconds=error.after) if error.after else None
        return await self._wait(entry, WAITING_FOR_TOMORROW, after, until)

    async def _without_connection(self, entry: Entry) -> float | None:
        pause = await self._wait(entry, WAITING_FOR_CONNECTION, None)
        connection = await self._connections.of(entry.workspace_id)
        if pause is None and connection is not None and connection.ended_at is None:
            # Somebody reconnected before the row said that it waits, so nobody else sends it on.
            return await self._wait(entry, WAITING_FOR_XPM, 0.0)
        return pause

    async def _wait(
        self,
        entry: Entry,
        waiting_for: str,
        after: float | None,
        until: dt.datetime | None = None,
    ) -> float | None:
        """Notes what the entry waits for. What was doubtful before stays so; what we just refrained from is not."""
        async with self._database.reading() as tx:
            now = await store.get(tx, entry.workspace_id, entry.id)
        if now is None or now.state is not State.SENDING:
            return None
        is_known = now.waiting_for == waiting_for and now.doubtful_since == entry.doubtful_since
        if is_known and _is_about(now.waiting_until, until):
            return after
        changed = await self._change(
            now,
            waiting_for=waiting_for,
            waiting_until=until,
            waiting_since=now.waiting_since or self._clock(),
            doubtful_since=entry.doubtful_since,
        )
        return after if changed is not None else 0.0

    async def _change(
        self,
        entry: Entry,
        event: str | None = None,
        xero: str | None = None,
        **values: object,
    ) -> Entry | None:
        async with self._database.transaction() as tx:
            changed = await store.change(tx, entry, changed_at=self._clock(), **values)
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


def _is_about(told: dt.datetime | None, now: dt.datetime | None) -> bool:
    """Whether two ends of waiting are the same to a person: a message is not changed for less."""
    if told is None or now is None:
        return told is now
    return abs(told - now) < _SAME_TO_PEOPLE


def _new_time(entry: Entry) -> NewTime:
    return NewTime(
        job_number=entry.job_number or "",
        task_uuid=entry.task_uuid or "",
        staff_uuid=entry.staff_uuid or "",
        date=entry.date,
        minutes=parse_minutes(entry.minutes) or 0,
        note=clean(entry.note),
    )


def _is_like(entry: Entry, time: Time) -> bool:
    """Whether this time is the one we sent: job, day, minutes and note, white space aside."""
    return (
        time.job_number == entry.job_number
        and time.date == entry.date
        and time.minutes == parse_minutes(entry.minutes)
        and (time.note or "").split() == clean(entry.note).split()
    )


def _is_changed(entry: Entry, time: Time) -> bool:
    """Whether our change arrived; here the task counts too, because changing the same again does no harm."""
    return (
        _is_like(entry, time) and (time.task_uuid or "").lower() == (entry.task_uuid or "").lower()
    )
