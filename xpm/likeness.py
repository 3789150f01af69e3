"""Pure: a time as we send it, and whether one that XPM has is that one."""

import datetime as dt

from xpm.api import NewTime, Time
from xpm.api.xml import clean
from xpm.choices import parse_minutes
from xpm.store.entries import Entry, Saved

_SAME_TO_PEOPLE = dt.timedelta(minutes=5)


def new_time(entry: Entry) -> NewTime:
    """What is sent for an entry."""
    return NewTime(
        job_number=entry.job_number or "",
        task_uuid=entry.task_uuid or "",
        staff_uuid=entry.staff_uuid or "",
        date=entry.date,
        minutes=parse_minutes(entry.minutes) or 0,
        note=clean(entry.note),
    )


def saved_time(entry: Entry, time: Time) -> Saved:
    """What XPM holds for an entry, by the time it answered with."""
    return Saved(
        job_number=entry.job_number or "",
        job_name=time.job_name or "",
        task_uuid=entry.task_uuid or "",
        task_name=time.task_name or "",
        minutes=parse_minutes(entry.minutes) or 0,
        note=entry.note,
        date=entry.date,
    )


def is_like(entry: Entry, time: Time) -> bool:
    """Whether this time is the one we sent: job, day, minutes and note, white space aside."""
    return (
        time.job_number == entry.job_number
        and time.date == entry.date
        and time.minutes == parse_minutes(entry.minutes)
        and _is_same_note(entry.note, time.note)
    )


def is_changed(entry: Entry, time: Time) -> bool:
    """Whether our change arrived; here the task counts too, because changing the same again does no harm."""
    return (
        is_like(entry, time) and (time.task_uuid or "").lower() == (entry.task_uuid or "").lower()
    )


def is_twin(saved: Saved, time: Time) -> bool:
    """Whether this time is what was saved once more; a task that XPM does not tell is no difference."""
    return (
        (time.job_number, time.minutes, time.date) == (saved.job_number, saved.minutes, saved.date)
        and _is_same_note(saved.note, time.note)
        and (time.task_uuid is None or time.task_uuid.lower() == saved.task_uuid.lower())
    )


def are_alike(one: Entry, other: Entry) -> bool:
    """Whether two entries write, or wrote, the same time: what XPM then has may be the one's or the other's."""
    return _written(one) == _written(other)


def is_about(told: dt.datetime | None, now: dt.datetime | None) -> bool:
    """Whether two ends of waiting are the same to a person: a message is not changed for less."""
    if told is None or now is None:
        return told is now
    return abs(told - now) < _SAME_TO_PEOPLE


def _written(entry: Entry) -> tuple[object, ...]:
    saved = entry.saved if entry.xpm_time_uuid is not None else None
    if saved is not None:
        return saved.job_number, saved.date, saved.minutes, clean(saved.note).split()
    minutes = parse_minutes(entry.minutes)
    return entry.job_number, entry.date, minutes, clean(entry.note).split()


def _is_same_note(ours: str, theirs: str | None) -> bool:
    return (theirs or "").split() == clean(ours).split()
