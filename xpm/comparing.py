"""The next morning: what was saved yesterday is held against what XPM has, and a difference is said aloud.

The net under a window that nobody can know: how late XPM may still write is unpublished. It finds a time that is
missing or there twice, and one that somebody changed or deleted in XPM itself.
"""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Final

from xpm.api import Disconnected, Practice, Priority, Rejected, Time, TryLater
from xpm.clock import Clock
from xpm.connections import Connections, OtherPractice
from xpm.durable import Durable
from xpm.entries import SETTLE
from xpm.likeness import is_like, is_twin
from xpm.rhythm import Rhythm
from xpm.store import Database, audit, syncs, times
from xpm.store import entries as store
from xpm.store.entries import Difference, Entry, Finding, State

log = logging.getLogger(__name__)

COMPARE: Final = "compare_with_xpm"
"""Begins a practice's comparison: (workspace id, the moment it began)."""

COMPARE_ONE: Final = "compare_one_with_xpm"
"""Compares one person's times: (workspace id, tenant id, staff id, the moment it began)."""

LATELY: Final = dt.timedelta(hours=60)
"""So far back: two mornings look at each time, so that one on which XPM was away is made up for by the next."""

GIVES_UP: Final = dt.timedelta(hours=8)
"""From a morning to its noon."""

_AGAIN_AFTER = 900.0
_SPELL = dt.timedelta(days=14)


def compare(
    entries: Sequence[Entry],
    found: Sequence[Time],
    known: set[str],
    unsettled: Sequence[Entry] = (),
) -> dict[str, Finding]:
    """What differs, by entry; `found` are all times of one person on the entries' days, `known` those that are ours.

    A time that looks like one of the `unsettled` is theirs, though nobody has found out yet.
    """
    by_uuid = {time.uuid: time for time in found}
    spare = [
        time
        for time in found
        if time.uuid not in known and not any(is_like(one, time) for one in unsettled)
    ]
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
        twin = next((one for one in spare if is_twin(saved, one)), None)
        if twin is not None:
            spare.remove(twin)
            findings[entry.id] = Finding(
                Difference.DOUBLE, twin.job_number, twin.minutes, twin.date
            )
    return findings


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

    async def run(self, workspace_id: str, begun: str) -> None:
        """The workflow: enqueues the comparison of everybody who saved something lately."""
        entries = await self._saved_lately(workspace_id, dt.datetime.fromisoformat(begun))
        people = sorted({(entry.tenant_id or "", entry.staff_uuid or "") for entry in entries})
        for tenant_id, staff in people:
            # One for each, so that what was compared is not asked for again when XPM goes away in the middle.
            async with self._database.transaction() as tx:
                key = f"{workspace_id}:{tenant_id}:{staff}:{begun}"
                await self._durable.enqueue(
                    tx, COMPARE_ONE, key, workspace_id, tenant_id, staff, begun
                )
        log.info("entries.compared", extra={"workspace": workspace_id, "count": len(people)})

    async def one(self, workspace_id: str, tenant_id: str, staff: str, begun: str) -> float | None:
        """The workflow: looks at one person's times, XPM's limits permitting, and says what differs."""
        began = dt.datetime.fromisoformat(begun)
        entries = [
            entry
            for entry in await self._saved_lately(workspace_id, began)
            if (entry.tenant_id, entry.staff_uuid) == (tenant_id, staff)
        ]
        if not entries:
            return None
        try:
            async with self._connections.practice(
                workspace_id, Priority.SYNC, tenant_id=tenant_id
            ) as practice:
                for spell in spells(entries):
                    await self._compare(practice, workspace_id, staff, spell)
        except (Disconnected, OtherPractice):
            return None
        except Rejected as refusal:
            # Somebody who left the practice, say; XPM's words may name them, so only its status is logged.
            log.warning("entries.not_compared", extra={"why": str(refusal)})
        except TryLater as error:
            pause = max(error.after or 0, _AGAIN_AFTER)
            return pause if self._clock() - began < GIVES_UP else None
        return None

    async def _saved_lately(self, workspace_id: str, began: dt.datetime) -> list[Entry]:
        async with self._database.reading() as tx:
            sent = await store.sent_since(tx, workspace_id, began - LATELY)
        # What is saved while we look may be missing from a list that XPM made before.
        return [entry for entry in sent if entry.sent_at is not None and entry.sent_at < began]

    async def _compare(
        self, practice: Practice, workspace_id: str, staff: str, entries: list[Entry]
    ) -> None:
        days = [entry.saved.date for entry in entries if entry.saved is not None]
        found = await practice.times_of_staff(staff, min(days), max(days))
        async with self._database.reading() as tx:
            tenant_id = entries[0].tenant_id or ""
            known = await times.known(tx, tenant_id, [time.uuid for time in found])
            unsettled = await store.in_state(tx, workspace_id, State.SENDING)
        findings = compare(entries, found, known, unsettled)
        for entry in entries:
            finding = findings.get(entry.id)
            if finding is not None and finding.kind is Difference.MISSING:
                finding = await self._look_elsewhere(practice, entry, finding)
            if finding is not None:
                await self._say(entry, finding)

    async def _look_elsewhere(
        self, practice: Practice, entry: Entry, missing: Finding
    ) -> Finding | None:
        """A time that is not among the person's of its days may be on another day, or another person's by now."""
        time, saved = await practice.time(entry.xpm_time_uuid or ""), entry.saved
        if time is None or saved is None:
            return missing
        there = (time.job_number, time.minutes, time.date)
        is_same = there == (saved.job_number, saved.minutes, saved.date)
        if is_same and time.staff_uuid.lower() == (entry.staff_uuid or "").lower():
            # The list was behind.
            return None
        return Finding(Difference.CHANGED, *there)

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


def spells(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The entries by days that lie together: one that was dated back months is asked for alone."""
    found: list[list[Entry]] = []
    begins: dt.date | None = None
    for day, entry in sorted(
        ((entry.saved.date, entry) for entry in entries if entry.saved is not None),
        key=lambda one: one[0],
    ):
        if begins is None or day - begins > _SPELL:
            begins = day
            found.append([])
        found[-1].append(entry)
    return found
