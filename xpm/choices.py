"""What a person may choose, and what keeps it from being sent: the pure rules behind `xpm.entries`."""

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xpm.directory import JobCard
from xpm.matching import for_people
from xpm.store.calls import Call
from xpm.store.connections import Connection
from xpm.store.entries import Entry, State

NOTE_LIMIT = 3000
"""Characters; Slack's own limit of a text field, XPM publishes none."""

_MOST_MINUTES = 24 * 60


WAITING_FOR_XPM = "xpm"
WAITING_FOR_CONNECTION = "connection"
WAITING_FOR_TOMORROW = "tomorrow"
WAITING_FOR_ANSWER = "answer"
"""What an unsent entry waits for: XPM to be back, somebody to reconnect, the day's calls to be free again, or to find
out whether it arrived."""

UNCLEAR = "xpm-slack:unclear"
"""The reason of an entry that XPM never answered clearly, in the place of XPM's own words."""

OVERDUE = dt.timedelta(days=1)
"""Nothing waits longer in silence."""

AT_REST: dict[str, Any] = {
    "reason": None,
    "doubtful_since": None,
    "waiting_since": None,
    "waiting_for": None,
    "waiting_until": None,
    "tries": 0,
    "has_news": False,
    "reminded_at": None,
    "finding": None,
}
"""The fields of an entry for which nothing is under way."""


def resting(entry: Entry) -> dict[str, Any]:
    """The same for one that holds a time of XPM, which remembers that a write of its own may still land."""
    is_held = entry.xpm_time_uuid is not None
    return {**AT_REST, "doubtful_since": entry.doubtful_since if is_held else None}


class Problem(StrEnum):
    """What keeps an entry from being sent; each has its sentence in the messages."""

    NOT_CONNECTED = "not_connected"
    NO_STAFF = "no_staff"
    NO_JOB = "no_job"
    NO_TASK = "no_task"
    TASK_OF_OTHER_JOB = "task_of_other_job"
    MINUTES = "minutes"
    NOTE_TOO_LONG = "note_too_long"
    FUTURE = "future"
    OTHER_PRACTICE = "other_practice"
    DISCONNECTED = "disconnected"
    UNSURE = "unsure"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form's fields; None where the form has no such field."""

    minutes: str | None = None
    note: str | None = None
    date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class TaskChoice:
    """A task out of the menu that was shown for a job; the job may have been changed since."""

    job_number: str
    task_uuid: str


def problems(entry: Entry) -> list[Problem]:
    """What keeps an offered entry from being sent, as found when it was last tried."""
    if entry.state is not State.OFFERED or not entry.reason:
        return []
    return [Problem(word) for word in entry.reason.split(",")]


def parse_minutes(text: str) -> int | None:
    """Whole minutes from 1 to 1440 as typed, or None."""
    typed = text.strip()
    if not typed.isascii() or not typed.isdigit() or len(typed) > 4:
        return None
    minutes = int(typed)
    return minutes if 1 <= minutes <= _MOST_MINUTES else None


def local_date(moment: dt.datetime, time_zone: str) -> dt.date:
    """The calendar day of a moment where the person is; XPM's dates are days, never instants."""
    try:
        return moment.astimezone(ZoneInfo(time_zone)).date()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # OSError: the name of a folder of zones, such as "Europe", or one too long for a file.
        return moment.date()


def find_problems(
    entry: Entry,
    card: JobCard | None,
    connection: Connection | None,
    *,
    has_staff: bool,
    today: dt.date,
) -> list[Problem]:
    """What keeps an entry, filled in as it is, from being sent; `card` is its job, `today` the person's day."""
    if connection is None or connection.ended_at is not None:
        return [Problem.NOT_CONNECTED]
    if not has_staff:
        return [Problem.NO_STAFF]
    found = []
    if card is None:
        found.append(Problem.NO_JOB)
    elif entry.task_uuid is None:
        found.append(Problem.NO_TASK)
    elif entry.task_uuid not in {task.uuid for task in card.tasks}:
        found.append(Problem.TASK_OF_OTHER_JOB)
    if parse_minutes(entry.minutes) is None:
        found.append(Problem.MINUTES)
    if len(entry.note) > NOTE_LIMIT:
        found.append(Problem.NOTE_TOO_LONG)
    if entry.date > today:
        found.append(Problem.FUTURE)
    if entry.xpm_time_uuid is not None and entry.tenant_id != connection.tenant_id:
        found.append(Problem.OTHER_PRACTICE)
    return found


def can_change(entry: Entry) -> bool:
    return entry.state in (State.OFFERED, State.REFUSED)


def can_recall(entry: Entry, now: dt.datetime) -> bool:
    """Only what waits and was certainly not written: a doubtful entry is found out first, for a day."""
    is_waiting = entry.waiting_for is not None and entry.doubtful_since is None
    return entry.state is State.SENDING and (is_waiting or is_overdue(entry, now))


def is_overdue(entry: Entry, now: dt.datetime) -> bool:
    """Whether an entry has waited so long that its person should see to it; `xpm.store.watch` asks the same."""
    return (
        entry.state is State.SENDING and now - (entry.waiting_since or entry.changed_at) > OVERDUE
    )


def kept_reason(entry: Entry) -> str | None:
    # XPM's refusal stays in sight until the next try, and so does that it may have the time already; our other
    # remarks are answered by choosing.
    is_kept = entry.state is State.REFUSED or Problem.UNSURE in problems(entry)
    return entry.reason if is_kept else None


def filled_in(entry: Entry, draft: Draft, task: TaskChoice | None) -> Entry:
    is_current = task is not None and task.job_number == entry.job_number
    return replace(
        entry,
        # PostgreSQL's texts hold no NUL; in a note it is not missed, in minutes it stays a mistake to be shown.
        minutes=entry.minutes
        if draft.minutes is None
        else draft.minutes.replace("\0", "\ufffd").strip(),
        note=entry.note if draft.note is None else draft.note.replace("\0", ""),
        date=draft.date or entry.date,
        task_uuid=task.task_uuid if task is not None and is_current else entry.task_uuid,
    )


def likely_task(card: JobCard, last: str | None) -> str | None:
    """The task used last for this job while it is there, else the only open one."""
    if last in {task.uuid for task in card.tasks}:
        return last
    usable = [task for task in card.tasks if not task.is_completed]
    return usable[0].uuid if len(usable) == 1 else None


def call_note(call: Call, region: str) -> str:
    """What the note says until the person changes it: who it was, then what was noted in the phone system."""
    names = [
        party.contact_name or party.client_name or for_people(party.number, region)
        for party in call.parties
    ]
    who = " and ".join(dict.fromkeys(names)) or call.caller_name
    first = f"Call with {who}" if who else "Call from a withheld number"
    return f"{first}\n{call.notes}"[:NOTE_LIMIT] if call.notes else first
