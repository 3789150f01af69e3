"""Keeps what phone systems tell and makes of it one call for each person, however often and in what order it comes."""

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from xpm.calls import EndedCall, Rules, Told, talk_seconds, why_not_offered
from xpm.calls import minutes as call_minutes
from xpm.durable import Durable
from xpm.legs import on_time, together
from xpm.share import Share
from xpm.store import Transaction
from xpm.store import calls as store
from xpm.store import connections as connection_store
from xpm.store import entries as entry_store
from xpm.store import phones as phone_store
from xpm.store.calls import Call
from xpm.store.entries import State
from xpm.store.phones import PhonePerson
from xpm.store.workspaces import PhoneSystem

log = logging.getLogger(__name__)

OFFER = "offer_call"
"""The workflow that asks a call's person: (workspace id, call id)."""

OFFER_IN_TURN = "offer_calls_in_turn"
"""The same for calls of a system that tells very many, one after the other: (workspace id, call ids)."""

RETELL = "retell_call"
"""The workflow that shows what was told later in the messages that are there: (workspace id, call id)."""

NOBODY = "nobody"
"""The outcome of a call that a menu or a queue answered."""

GIVEN_WAY = "of another"
"""The outcome of a call that turned out to be somebody else's: a line's, once it is known who spoke on it."""

_KEPT_DAYS = 30
# So many calls of a crowd are one workflow: to enqueue one costs more than to keep the call.
_PORTION = 10
# So long somebody who spoke on a line, or picked up after others were rung, may still be told of.
_WAIT = timedelta(seconds=15)
_TOLD = (
    "direction", "numbers", "caller_name", "is_answered", "is_internal", "started_at", "ended_at", "seconds",
    "includes_ringing", "notes", "is_voicemail", "remarks",
)  # fmt: skip


class Gathering:
    """Takes tellings in, inside the caller's transaction."""

    def __init__(self, durable: Durable, rules: Rules) -> None:
        self._durable = durable
        self._rules = rules
        self._share = Share()

    async def take(
        self, tx: Transaction, system: PhoneSystem, told: Sequence[Told], now: datetime
    ) -> int:
        """Keeps what is new, and enqueues asking and showing; how many calls of people are new."""
        if not told:
            return 0
        connection = await connection_store.get(tx, system.workspace_id)
        region = connection.region if connection else "NZ"
        rules = await phone_store.rules(tx, system.workspace_id, self._rules)
        ids = sorted({one.source_id for one in told})
        await phone_store.take_turn(tx, system.id, *ids)
        news = await phone_store.keep_tellings(
            tx, system.workspace_id, system.id, [(one, on_time(one, now)) for one in told], now
        )
        new = await self._put_together(tx, system, news, rules, region, now) if news else 0
        # A call that somebody made up says nothing of the phone system.
        if system.kind != store.TEST:
            await phone_store.heard(tx, system, now)
        return new

    async def mended(
        self,
        tx: Transaction,
        workspace_id: str,
        phone_system_id: str,
        staff: str,
        email: str,
        now: datetime,
    ) -> int:
        """Asks about the calls of the last week that were nobody's until this name was given an address; how many."""
        waiting = await store.of_staff_unknown(
            tx, workspace_id, phone_system_id, staff, asked_since(now)
        )
        for call in waiting:
            await store.change(tx, call, email=email.casefold(), outcome=store.WAITING)
            await self._ask(tx, now, replace(call, version=call.version + 1))
        return len(waiting)

    # -- within ------------------------------------------------------------------------------------------------------

    async def _put_together(
        self,
        tx: Transaction,
        system: PhoneSystem,
        source_ids: Collection[str],
        rules: Rules,
        region: str,
        now: datetime,
    ) -> int:
        told = await phone_store.tellings(tx, system.workspace_id, system.id, source_ids)
        there = await store.of_sources(tx, system.workspace_id, system.id, source_ids)
        parts = {source_id: together(told[source_id]) for source_id in sorted(source_ids)}
        names = {staff for each in parts.values() for part in each for staff in part.staff}
        known = await phone_store.known_as(tx, system.workspace_id, system.id, names)
        added: list[Call] = []
        for source_id, each in parts.items():
            named = [await self._named(tx, system, part, known, now) for part in each]
            calls = self._calls(system, named, rules, region, now)
            added += await self._compare(tx, there.get(source_id, []), calls)
        new = await store.add(tx, *added)
        kept = [call for call in added if call.id in new]
        for call in kept:
            log.info("call.received", extra={"call": call.id, "outcome": call.outcome})
        await self._ask(tx, now, *(call for call in kept if call.outcome == store.WAITING))
        return len(kept)

    async def _compare(
        self, tx: Transaction, there: Sequence[Call], calls: Sequence[tuple[EndedCall, Call]]
    ) -> list[Call]:
        """Brings the calls that are there up to what was told by now; those that are not there yet."""
        seen: set[str] = set()
        added = []
        for part, call in calls:
            before = _same_person(there, part)
            if before is None:
                added.append(call)
            elif before.id not in seen:
                seen.add(before.id)
                await self._change(tx, before, call)
        for call in there:
            if call.id not in seen and call.outcome == store.WAITING:
                await store.change(tx, call, outcome=GIVEN_WAY)
        return added

    async def _named(
        self,
        tx: Transaction,
        system: PhoneSystem,
        part: EndedCall,
        everybody: dict[str, PhonePerson],
        now: datetime,
    ) -> tuple[EndedCall, bool]:
        """The part with the address of its person where we know it, and whether it is nobody's.

        What it teaches about `everybody` is noted there too.
        """
        known = [everybody[staff] for staff in sorted(part.staff) if staff in everybody]
        mended = [one.email for one in known if one.email and one.is_mended]
        learned = [one.email for one in known if one.email]
        # Who stands there by hand is right, whatever the phone system says.
        email = next(iter([*mended, *filter(None, [part.email.casefold()]), *learned]), "")
        for staff in part.staff:
            if staff.casefold() != email:
                person = PhonePerson(
                    system.workspace_id, system.id, staff, now, email or None, part.staff_name
                )
                everybody[staff] = await phone_store.learn(tx, person, everybody.get(staff))
        return replace(part, email=email), any(one.is_nobody for one in known)

    def _calls(
        self,
        system: PhoneSystem,
        parts: Sequence[tuple[EndedCall, bool]],
        rules: Rules,
        region: str,
        now: datetime,
    ) -> list[tuple[EndedCall, Call]]:
        """What each person had of one call."""
        somebody_answered = any(part.is_answered and not part.is_line for part, _ in parts)
        found = []
        for part, is_nobody in parts:
            why_not = NOBODY if is_nobody else why_not_offered(part, rules, region)
            if why_not is None and not part.is_answered and somebody_answered:
                why_not = "missed"
            found.append((part, self._call(system, part, why_not, now)))
        return found

    def _call(
        self, system: PhoneSystem, part: EndedCall, why_not: str | None, now: datetime
    ) -> Call:
        seconds, includes_ringing = talk_seconds(part)
        is_answered = part.is_answered
        return Call(
            workspace_id=system.workspace_id,
            id=uuid.uuid4().hex,
            phone_system_id=system.id,
            source_id=part.source_id,
            email=part.email,
            direction=part.direction,
            numbers=part.numbers,
            caller_name=part.caller_name,
            is_answered=is_answered,
            is_internal=part.is_internal,
            started_at=part.started_at,
            ended_at=part.ended_at,
            seconds=seconds,
            includes_ringing=includes_ringing and is_answered,
            notes=part.notes,
            received_at=now,
            outcome=why_not or store.WAITING,
            staff=part.staff[0] if part.staff else "",
            system_kind=system.kind,
            remarks=part.remarks,
            is_voicemail=part.is_voicemail,
            offer_at=now + _WAIT if part.is_line or not is_answered else None,
        )

    async def _change(self, tx: Transaction, before: Call, now_told: Call) -> None:
        """Brings a call up to what was told meanwhile; what its person has typed stays."""
        values: dict[str, Any] = {
            name: getattr(now_told, name)
            for name in _TOLD
            if getattr(now_told, name) != getattr(before, name)
        }
        if before.outcome == store.UNKNOWN_PERSON:
            is_known_now = now_told.email not in ("", before.email)
            outcome = store.WAITING if is_known_now and now_told.outcome == store.WAITING else None
        else:
            is_over = before.outcome == store.OFFERED or before.outcome == now_told.outcome
            outcome = None if is_over else now_told.outcome
        if now_told.email not in ("", before.email):
            values["email"] = now_told.email
        if outcome is not None:
            values["outcome"] = outcome
            values["offer_at"] = now_told.offer_at
        if not values:
            return
        await store.change(tx, before, **values)
        changed = replace(before, **values, version=before.version + 1)
        if outcome == store.WAITING:
            await self._ask(tx, now_told.received_at, changed)
        elif before.outcome == store.OFFERED:
            await self._retell(tx, before, changed)

    async def _ask(self, tx: Transaction, now: datetime, *calls: Call) -> None:
        """Enqueues asking about calls; those of a crowd in portions, behind everybody else's."""
        crowd: list[tuple[int, Call]] = []
        for call in calls:
            place = self._share.place(call.phone_system_id, now)
            if place == 0:
                await self._durable.enqueue(tx, OFFER, _key(call), call.workspace_id, call.id)
            else:
                crowd.append((place, call))
        # One that must not be asked about yet would hold up the others of its portion.
        portions = [[one] for one in crowd if one[1].offer_at is not None]
        at_once = [one for one in crowd if one[1].offer_at is None]
        portions += [at_once[at : at + _PORTION] for at in range(0, len(at_once), _PORTION)]
        for portion in portions:
            place, first = portion[0]
            ids = [call.id for _, call in portion]
            await self._durable.enqueue(
                tx, OFFER_IN_TURN, _key(first), first.workspace_id, ids, place=place
            )

    async def _retell(self, tx: Transaction, before: Call, after: Call) -> None:
        if before.seconds != after.seconds:
            for entry in await entry_store.of_call(tx, before.workspace_id, before.id):
                # Minutes that nobody has seen yet follow; they stand in the form from the choice of a job on.
                is_untouched = (
                    entry.state is State.OFFERED
                    and entry.job_number is None
                    and entry.minutes == str(call_minutes(before.seconds))
                )
                if is_untouched:
                    await entry_store.change(tx, entry, minutes=str(call_minutes(after.seconds)))
        key = f"{after.id}:{after.version}"
        await self._durable.enqueue(tx, RETELL, key, after.workspace_id, after.id)


def _key(call: Call) -> str:
    return call.id if call.version == 1 else f"{call.id}:{call.version}"


def _same_person(there: Sequence[Call], part: EndedCall) -> Call | None:
    """The call that this person has of it already."""
    for call in there:
        if call.email and call.email == part.email:
            return call
    for call in there:
        if call.staff and call.staff in part.staff:
            return call
    if not part.email and not part.staff:
        return next((call for call in there if not call.email and not call.staff), None)
    return None


def asked_since(now: datetime) -> datetime:
    """Calls since then are still asked about once their person is known."""
    return now - timedelta(days=7)


def forgotten_before(now: datetime) -> datetime:
    """Tellings older than this are forgotten: nothing is told so late."""
    return now - timedelta(days=_KEPT_DAYS)
