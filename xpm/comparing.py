"""The next morning: what was saved yesterday is held against what XPM has, and a difference is said aloud.

The net under a window that nobody can know: how late XPM may still write is unpublished. It finds a time that is
missing or there twice, and one that somebody changed or deleted in XPM itself.
"""

import datetime as dt
import logging
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from xpm.api import Disconnected, Priority, Rejected, Time, TryLater
from xpm.api.xml import clean
from xpm.clock import Clock
from xpm.connections import Connections, OtherPractice
from xpm.durable import Durable
from xpm.entries import SETTLE
from xpm.rhythm import Rhythm
from xpm.store import Database, audit, syncs, times
from xpm.store import entries as store
from xpm.store.entries import Difference, Entry, Finding

log = logging.getLogger(__name__)

COMPARE: Final = "compare_with_xpm"
"""Compares what was saved lately with XPM: (workspace id, the morning)."""

LATELY: Final = dt.timedelta(hours=36)
"""So far back: a day and what was saved in the night before, each looked at once or twice."""

_AGAIN_AFTER = 900.0


def compare(entries: Sequence[Entry], found: Sequence[Time], known: set[str]) -> dict[str, Finding]:
    """What differs, by entry; `found` are all times of one person on the entries' days, `known` those that are ours."""
    by_uuid = {time.uuid: time for time in found}
    spare = [time for time in found if time.uuid not in known]
    findings: dict[str, Finding] = {}
    for entry in entries:
        saved, time = entry.saved, by_uuid.get(entry.xpm_time_uuid or "")
        if saved is None:
            continue
        if time is None:
            findings[entry.id] = Finding(Difference.MISSING)
            continue
        there = (time.job_number, time.minutes, time.date)
        if there != (saved.job_number, saved.minutes, saved.date):
            findings[entry.id] = Finding(Difference.CHANGED, *there)
            continue
        twin = next((one for one in spare if _is_twin(entry, one)), None)
        if twin is not None:
            spare.remove(twin)
            findings[entry.id] = Finding(
                Difference.DOUBLE, twin.job_number, twin.minutes, twin.date
            )
    return findings


def _is_twin(entry: Entry, time: Time) -> bool:
    saved = entry.saved
    return saved is not None and (
        (time.job_number, time.minutes, time.date) == (saved.job_number, saved.minutes, saved.date)
        and (time.note or "").split() == clean(saved.note).split()
        and (time.task_uuid is None or time.task_uuid.lower() == saved.task_uuid.lower())
    )


class Comparing:
    """Compares each practice once a morning, by its own time."""

    def __init__(
        self,
        database: Database,
        connections: Connections,
        durable: Durable,
        clock: Clock,
        rhythm: Rhythm,
    ) -> None:
        self._database = database
        self._connections = connections
        self._durable = durable
        self._clock = clock
        self._rhythm = rhythm

    async def begin(self) -> None:
        """The tick: enqueues the comparison of each connected practice whose morning it is."""
        now = self._clock()
        async with self._database.reading() as tx:
            connected = await syncs.connected(tx)
        for workspace in connected:
            morning = self._rhythm.morning(workspace, now)
            if morning is not None:
                key = f"{workspace.workspace_id}:{morning}"
                async with self._database.transaction() as tx:
                    await self._durable.enqueue(
                        tx, COMPARE, key, workspace.workspace_id, now.isoformat()
                    )

    async def run(self, workspace_id: str, begun: str) -> float | None:
        """The workflow: looks at each person's times, XPM's limits permitting, and says what differs."""
        began = dt.datetime.fromisoformat(begun)
        async with self._database.reading() as tx:
            sent = await store.sent_since(tx, workspace_id, began - LATELY)
        settled = [entry for entry in sent if entry.sent_at is not None and entry.sent_at < began]
        for (tenant_id, staff), group in groupby(sorted(settled, key=_whose), key=_whose):
            try:
                await self._compare(workspace_id, tenant_id, staff, list(group))
            except (Disconnected, OtherPractice):
                return None
            except Rejected as refusal:
                # A person who left the practice, say: the others are looked at all the same.
                log.warning("entries.not_compared", extra={"why": refusal.reason})
            except TryLater as error:
                is_still_morning = self._clock() - began < dt.timedelta(hours=12)
                return max(error.after or 0, _AGAIN_AFTER) if is_still_morning else None
        log.info("entries.compared", extra={"workspace": workspace_id, "count": len(settled)})
        return None

    async def _compare(
        self, workspace_id: str, tenant_id: str, staff: str, entries: list[Entry]
    ) -> None:
        days = [entry.saved.date for entry in entries if entry.saved is not None]
        async with self._connections.practice(
            workspace_id, Priority.SYNC, tenant_id=tenant_id
        ) as practice:
            found = await practice.times_of_staff(staff, min(days), max(days))
            async with self._database.reading() as tx:
                known = await times.known(tx, tenant_id, [time.uuid for time in found])
            findings = compare(entries, found, known)
            for entry in entries:
                finding = findings.get(entry.id)
                if finding is None:
                    continue
                if finding.kind is Difference.MISSING:
                    # It may have been moved to another day.
                    time = await practice.time(entry.xpm_time_uuid or "")
                    if time is not None:
                        there = (time.job_number, time.minutes, time.date)
                        finding = Finding(Difference.CHANGED, *there)
                await self._say(entry, finding)

    async def _say(self, entry: Entry, finding: Finding) -> None:
        now = self._clock()
        async with self._database.transaction() as tx:
            changed = await store.change(tx, entry, finding=finding, has_news=True, changed_at=now)
            if changed is None:
                # Its person is changing it at this moment.
                return
            await audit.note(
                tx,
                audit.Fact(
                    now,
                    entry.workspace_id,
                    "time.differs",
                    entry.slack_user_id,
                    entry.id,
                    {"time": entry.xpm_time_uuid, "how": finding.kind.value},
                ),
            )
            key = f"{changed.id}:{changed.version}"
            await self._durable.enqueue(tx, SETTLE, key, changed.workspace_id, changed.id)


def _whose(entry: Entry) -> tuple[str, str]:
    return entry.tenant_id or "", entry.staff_uuid or ""
