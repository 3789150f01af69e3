"""What is said of times that have waited for a day, and of times that XPM has otherwise than they were saved."""

import datetime as dt
from collections.abc import Sequence

from handlers.messages import connect, kit
from handlers.messages.kit import Message
from xpm.choices import WAITING_FOR_CONNECTION, parse_minutes
from xpm.store.entries import Act, Difference, Entry


def reminder(waiting: Sequence[Entry], time_zone: str, now: dt.datetime) -> Message:
    """One message for all that has waited for a day: how much, since when, what for, what to do."""
    minutes = sum(parse_minutes(entry.minutes) or 0 for entry in waiting)
    oldest = min(entry.waiting_since or entry.changed_at for entry in waiting)
    title = f"Still not saved: {kit.several(len(waiting), 'time')}, {kit.duration(minutes)}."
    if all(entry.act is Act.REMOVE for entry in waiting):
        title = title.replace("saved", "removed")
    since = f"The oldest has waited since {kit.moment(oldest, time_zone, now)}."
    safe = "Nothing of it is lost."
    is_disconnected = any(entry.waiting_for == WAITING_FOR_CONNECTION for entry in waiting)
    if is_disconnected:
        what = (
            "XPM is not connected. Connect it, or ask whoever connected it, and this will be done."
        )
    else:
        what = "XPM has not answered since. It will be done when XPM does; each can be changed in its own message."
    blocks = [kit.section(f"*{title}*\n{since} {safe} {what}")]
    if is_disconnected:
        button = kit.button("Connect", connect.BEGIN, style="primary")
        blocks.append(kit.actions("overdue", button))
    return Message(f"{title} {what}", blocks)


def found(entry: Entry, time_zone: str, now: dt.datetime) -> str | None:
    """What XPM was found to have instead of what was saved, as mrkdwn; None when there is nothing to say."""
    finding, saved = entry.finding, entry.saved
    if finding is None or saved is None or finding.kind is Difference.LEFT:
        return None
    today = now.astimezone(kit.zone(time_zone)).date()
    ours = f"{kit.duration(saved.minutes)} on {saved.job_number}"
    match finding.kind:
        case Difference.MISSING:
            return (
                f"*XPM does not have this time any more.*\nYou saved {kit.escape(ours)}; somebody took it out in XPM. "
                "Log it again, or leave it out."
            )
        case Difference.CHANGED:
            theirs = f"{kit.duration(finding.minutes)} on {finding.job_number}"
            if finding.date is not None and finding.date != saved.date:
                theirs += f", {kit.day(finding.date, today)}"
            if theirs == ours:
                theirs += ", under another person"
            return (
                f"*XPM has this time otherwise.*\nYou saved {kit.escape(ours)}; XPM now has {kit.escape(theirs)}. "
                "Leave it so, or edit it."
            )
        case _:
            return (
                f"*XPM has this time twice.*\nYou saved {kit.escape(ours)} once. Open XPM and take one of them out, "
                "or leave both when the second is yours too."
            )
