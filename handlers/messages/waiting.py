"""What is said of a time on its way to XPM or out of it: why it is not there yet, and what becomes of it."""

import datetime as dt

from handlers.messages import kit
from xpm.choices import WAITING_FOR_CONNECTION, WAITING_FOR_TOMORROW, is_overdue
from xpm.store.entries import Act, Entry


def line(entry: Entry, amount: str, time_zone: str, now: dt.datetime) -> str:
    """The sentence of an entry that is being sent, as plain text; `amount` is its minutes in words."""
    job, is_removal = entry.job_number or "", entry.act is Act.REMOVE
    what = f"Your {amount} on {job}"
    if entry.doubtful_since is not None:
        return _doubtful(entry, amount, time_zone, now)
    safe = f"{what} are still there" if is_removal else f"{what} are safe"
    done = "removed" if is_removal else "saved"
    if entry.waiting_for == WAITING_FOR_CONNECTION:
        return f"XPM is not connected. {safe} and will be {done} after somebody reconnects."
    if entry.waiting_for == WAITING_FOR_TOMORROW:
        until = "today"
        if entry.waiting_until is not None and entry.waiting_until > now:
            until = f"until {_moment(entry.waiting_until, time_zone, now)}"
        return f"XPM takes no more requests from this app {until}. {safe} and will be {done} when it does."
    if entry.waiting_for is not None:
        return f"XPM is not answering. {safe} and will be {done} when it is back."
    if is_overdue(entry, now):
        return f"{what} could not be {done} since {_since(entry, time_zone, now)}. We go on trying."
    return f"Removing {amount} from {job} …" if is_removal else f"Saving {amount} on {job} …"


def _doubtful(entry: Entry, amount: str, time_zone: str, now: dt.datetime) -> str:
    job, is_removal = entry.job_number or "", entry.act is Act.REMOVE
    happened = "were removed" if is_removal else "arrived"
    if is_overdue(entry, now):
        since = _since(entry, time_zone, now)
        asked = f"XPM has not told since {since} whether your {amount} on {job} {happened}. We go on asking."
        return f"{asked} If you cannot wait, {_way_out(entry)}"
    if entry.waiting_for == WAITING_FOR_CONNECTION:
        return (
            f"XPM is not connected, so it is not known whether your {amount} on {job} {happened}. "
            "We look after somebody reconnects; nothing is lost."
        )
    if entry.waiting_for is not None:
        return f"Checking with XPM whether your {amount} {happened}."
    return f"Removing {amount} from {job} …" if is_removal else f"Saving {amount} on {job} …"


def _way_out(entry: Entry) -> str:
    if entry.act is Act.REMOVE:
        return "look in XPM, then choose Keep it here; if it is still there, you can undo again."
    if entry.xpm_time_uuid is not None:
        # The same change twice does no harm.
        return "choose Edit and save it again."
    return "look in XPM: if it is there, choose Don't log; if not, choose Edit and save it again."


def _since(entry: Entry, time_zone: str, now: dt.datetime) -> str:
    return _moment(entry.waiting_since or entry.changed_at, time_zone, now)


def _moment(moment: dt.datetime, time_zone: str, now: dt.datetime) -> str:
    return kit.moment(moment, time_zone, now).removeprefix("today ")
