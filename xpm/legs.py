"""Puts together what a phone system told of one call, in whatever order it came: one part for each person. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from xpm.calls import JOINED, LONGEST_SECONDS, EndedCall, Late, Remark, Step, Told

_MOST_NUMBERS = 20
_MOST_REMARKS = 40
_AHEAD = timedelta(minutes=2)
# Whoever hands a caller over may be heard of for a moment after the caller came.
_HANDED_OVER = timedelta(seconds=3)


def together(told: Sequence[Told]) -> list[EndedCall]:
    """The parts of the people who were on one call, each with all of their legs; none while nobody's part is over.

    The order of `told` does not matter, nor does telling something twice. Legs that run at the same time are counted
    once. A line gives way to the people who spoke on it.
    """
    steps = [one for one in told if isinstance(one, Step)]
    parts = [*(one for one in told if isinstance(one, EndedCall)), *_stepped(steps)]
    people = [_one_person(legs) for legs in _by_person(parts)]
    if any(one.is_answered and not one.is_line for one in people):
        people = [one for one in people if not one.is_line]
    late = [one for one in told if isinstance(one, Late)]
    return [_with_remarks(one, late) for one in people]


def remarks_of(told: Sequence[Told]) -> tuple[Remark, ...]:
    """Everything that was remarked about one call, by whomever."""
    return _once(remark for one in told if not isinstance(one, Step) for remark in one.remarks)


def on_time(one: Told, now: datetime) -> Told:
    """The same, moved back when the phone system's clock is ahead of ours: no call ends in the future."""
    if isinstance(one, Late):
        return one
    if isinstance(one, Step):
        return replace(one, at=min(one.at, now)) if one.at > now + _AHEAD else one
    ahead = one.ended_at - now
    if ahead <= _AHEAD:
        return one
    try:
        return replace(
            one,
            started_at=one.started_at - ahead,
            answered_at=one.answered_at - ahead if one.answered_at else None,
            ended_at=now,
        )
    except OverflowError:
        return replace(one, started_at=now, answered_at=None, ended_at=now)


# -- legs ------------------------------------------------------------------------------------------------------------


def _latest(parts: Iterable[EndedCall]) -> list[EndedCall]:
    """One part a leg of a person: the last one told, with what only earlier ones knew."""
    found: dict[str, EndedCall] = {}
    for part in sorted(parts, key=_order):
        before = found.get(part.leg)
        found[part.leg] = _corrected(before, part) if before else _in_order(part)
    return list(found.values())


def _order(part: EndedCall) -> tuple[int, datetime, str]:
    # The text makes the order of two that claim the same place always the same.
    return part.sequence, part.ended_at, repr(part)


def _in_order(part: EndedCall) -> EndedCall:
    """The part with times that can follow each other, whatever the clocks said."""
    answered, started = part.answered_at, part.started_at
    if started > part.ended_at:
        started = min(answered or part.ended_at, part.ended_at)
    if answered is not None:
        answered = min(max(answered, started), part.ended_at)
    seconds = part.seconds
    if seconds is not None:
        seconds = min(max(0, seconds), LONGEST_SECONDS)
    return replace(part, started_at=started, answered_at=answered, seconds=seconds)


def _corrected(before: EndedCall, after: EndedCall) -> EndedCall:
    later = _in_order(after)
    return replace(
        later,
        email=later.email or before.email,
        numbers=later.numbers or before.numbers,
        caller_name=later.caller_name or before.caller_name,
        notes=later.notes or before.notes,
        staff=_joined(before.staff, later.staff),
        staff_name=later.staff_name or before.staff_name,
        answered_at=later.answered_at or (before.answered_at if later.is_answered else None),
        seconds=before.seconds if later.seconds is None else later.seconds,
        remarks=(*before.remarks, *later.remarks),
    )


# -- steps -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Walk:
    """One leg, walked through its steps in their order."""

    started_at: datetime
    answered_at: datetime | None = None
    talking_since: datetime | None = None
    gone_at: datetime | None = None
    talked: timedelta = timedelta()
    is_voicemail: bool = False

    def take(self, step: Step) -> None:
        if self.talking_since is not None and step.state != "talking":
            self.talked += max(timedelta(), step.at - self.talking_since)
            self.talking_since = None
        if step.state == "talking":
            self.talking_since = self.talking_since or step.at
        if step.state in ("talking", "held"):
            # Held without having been answered: that message was lost.
            self.answered_at = self.answered_at or step.at
        self.is_voicemail = self.is_voicemail or step.state == "voicemail"
        if step.state == "gone":
            self.gone_at = step.at


def _stepped(steps: Sequence[Step]) -> list[EndedCall]:
    """The legs of people that are over, out of single steps."""
    legs: dict[str, list[Step]] = {}
    for step in sorted(set(steps), key=lambda one: (one.sequence, one.at, repr(one))):
        legs.setdefault(step.leg, []).append(step)
    walks = {leg: _walked(each) for leg, each in legs.items()}
    joined = min(
        (each[0] for leg, each in legs.items() if leg.startswith(JOINED)),
        key=lambda one: one.at,
        default=None,
    )
    outside = [walks[leg] for leg, each in legs.items() if not _who(each)[1]]
    outside_gone = [walk.gone_at for walk in outside]
    # When everybody outside is gone the call is over, even if a message about our own leg was lost.
    last_outside = max((at for at in outside_gone if at), default=None)
    if None in outside_gone:
        last_outside = None
    found = []
    for leg, each in legs.items():
        email, staff = _who(each)
        if not staff:
            continue
        walk = walks[leg]
        ended_at = walk.gone_at or last_outside
        if ended_at is None:
            continue
        if walk.talking_since is not None:
            walk.talked += max(timedelta(), ended_at - walk.talking_since)
            walk.talking_since = None
        last = each[-1]
        is_internal = all(one.is_internal for one in each)
        came = joined if is_internal and walk.answered_at is not None else None
        if came is not None and ended_at - came.at > _HANDED_OVER:
            found.append(_with_caller(came, each, walk, ended_at))
            continue
        found.append(
            EndedCall(
                source_id=last.source_id,
                email=email,
                direction=last.direction,
                numbers=_joined(*(one.numbers for one in each)),
                caller_name=next((one.caller_name for one in each if one.caller_name), None),
                is_answered=walk.answered_at is not None,
                is_internal=is_internal,
                started_at=walk.started_at,
                answered_at=walk.answered_at,
                ended_at=max(ended_at, walk.started_at),
                staff=staff,
                staff_name=next((one.staff_name for one in each if one.staff_name), ""),
                seconds=round(walk.talked.total_seconds()) if walk.answered_at else None,
                is_voicemail=walk.is_voicemail,
                leg=leg,
            )
        )
    return found


def _with_caller(caller: Step, steps: Sequence[Step], walk: _Walk, ended_at: datetime) -> EndedCall:
    """The part of somebody who was asked by a colleague and was handed the caller: the time with the caller alone."""
    email, staff = _who(steps)
    before = _walked([one for one in steps if one.at < caller.at])
    if before.talking_since is not None:
        before.talked += caller.at - before.talking_since
    return EndedCall(
        source_id=caller.source_id,
        email=email,
        direction=caller.direction,
        numbers=caller.numbers,
        caller_name=caller.caller_name,
        is_answered=True,
        is_internal=False,
        started_at=max(caller.at, walk.started_at),
        answered_at=max(caller.at, walk.answered_at or caller.at),
        ended_at=ended_at,
        staff=staff,
        staff_name=next((one.staff_name for one in steps if one.staff_name), ""),
        seconds=round(max(timedelta(), walk.talked - before.talked).total_seconds()),
        leg=steps[0].leg,
    )


def _walked(steps: Sequence[Step]) -> _Walk:
    walk = _Walk(min(step.at for step in steps))
    for step in steps:
        walk.take(step)
    return walk


def _who(steps: Sequence[Step]) -> tuple[str, tuple[str, ...]]:
    email = next((one.email for one in steps if one.email), "")
    staff = _joined(*(one.staff for one in steps))
    return email, staff or ((email,) if email else ())


# -- people ----------------------------------------------------------------------------------------------------------


def _by_person(parts: Sequence[EndedCall]) -> list[list[EndedCall]]:
    """The parts of each person: those that share an e-mail address or one of the phone system's own names."""
    groups: list[tuple[set[str], list[EndedCall]]] = []
    for part in parts:
        names = {*part.staff, *([f"@{part.email.casefold()}"] if part.email else [])}
        same = [group for group in groups if group[0] & names or not (group[0] or names)]
        merged_names, merged = set(names), []
        for group in same:
            merged_names |= group[0]
            merged += group[1]
            groups.remove(group)
        groups.append((merged_names, [*merged, part]))
    return [parts for _, parts in groups]


def _one_person(told: Sequence[EndedCall]) -> EndedCall:
    """One part out of a person's legs; what was not answered counts only when nothing was."""
    ordered = sorted(_latest(told), key=lambda one: (one.started_at, _order(one)))
    staff = _joined(*(one.staff for one in ordered))
    email = next((one.email for one in ordered if one.email), "")
    name = next((one.staff_name for one in ordered if one.staff_name), "")
    remarks = _once(remark for one in ordered for remark in one.remarks)
    answered = [one for one in ordered if one.is_answered and not one.is_voicemail]
    counted = answered or ordered
    first = counted[0]
    if len(counted) == 1:
        return replace(
            first, staff=staff, email=email, staff_name=name, remarks=remarks, leg="", sequence=0
        )
    seconds, includes_ringing = _talk(counted)
    return replace(
        first,
        email=email,
        staff=staff,
        staff_name=name,
        numbers=_joined(*(one.numbers for one in counted))[:_MOST_NUMBERS],
        caller_name=next((one.caller_name for one in counted if one.caller_name), None),
        is_internal=all(one.is_internal for one in counted),
        is_line=all(one.is_line for one in counted),
        ended_at=max(one.ended_at for one in counted),
        notes=next((one.notes for one in counted if one.notes), None),
        seconds=seconds if answered else None,
        includes_ringing=includes_ringing if answered else False,
        remarks=remarks,
        leg="",
        sequence=0,
    )


def _talk(legs: Sequence[EndedCall]) -> tuple[int, bool]:
    """Seconds of talk on all legs, counted once where legs run at the same time, and whether ringing is in them."""
    spans = sorted((one.answered_at or one.started_at, one.ended_at) for one in legs)
    apart = all(late[0] >= early[1] for early, late in pairwise(spans))
    measured = [_measured(one) for one in legs]
    includes_ringing = any(rings for _, rings in measured)
    if apart:
        return min(LONGEST_SECONDS, sum(seconds for seconds, _ in measured)), includes_ringing
    covered, until = timedelta(), spans[0][0]
    for since, ended in spans:
        covered += max(timedelta(), ended - max(since, until))
        until = max(until, ended)
    return min(LONGEST_SECONDS, round(covered.total_seconds())), includes_ringing


def _measured(part: EndedCall) -> tuple[int, bool]:
    if part.seconds is not None:
        return part.seconds, part.includes_ringing
    since = part.answered_at or part.started_at
    return max(0, round((part.ended_at - since).total_seconds())), part.answered_at is None


def _with_remarks(part: EndedCall, late: Sequence[Late]) -> EndedCall:
    mine = [one for one in late if not one.email or one.email.casefold() == part.email.casefold()]
    return replace(
        part, remarks=_once([*part.remarks, *(remark for one in mine for remark in one.remarks)])
    )


def _once(remarks: Iterable[Remark]) -> tuple[Remark, ...]:
    """Each remark once; one that came again under the same key in other words stands corrected."""
    found: dict[tuple[str, str], Remark] = {}
    for remark in remarks:
        found[(remark.kind, remark.key or remark.text)] = remark
    return tuple(found.values())[:_MOST_REMARKS]


def _joined(*several: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for each in several for one in each))
