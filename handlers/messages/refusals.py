"""What is said when XPM refuses: its own words in quotes, and beside them what to do."""

import re

from handlers.messages import kit
from xpm.choices import UNCLEAR
from xpm.directory import JobCard
from xpm.entry_view import EntryView
from xpm.settling import MOST_TRIES
from xpm.store.entries import State


def refusal(view: EntryView) -> tuple[str, str]:
    """The first line, with XPM's words, and the second, what to do; both mrkdwn."""
    words = view.entry.reason or ""
    if words == UNCLEAR:
        return _unclear(view)
    said = f"XPM says {kit.quoted(words)}." if words.strip() else "XPM gave no reason."
    # A refused removal leaves the entry sent; a refused change leaves the old time in XPM.
    undone = view.entry.state is State.SENT
    title = f"{'Not removed' if undone else 'Not changed' if view.entry.is_editing else 'Not saved'}: {said}"
    return title, _what_to_do(words, view.card, undone=undone)


def _unclear(view: EntryView) -> tuple[str, str]:
    """XPM never said yes or no, and when it was last looked for the time was not there."""
    if view.entry.state is State.SENT:
        return (
            "Not removed: XPM gave no clear answer.",
            "Look in XPM whether the time is still there, then undo again.",
        )
    what = "the change was" if view.entry.is_editing else "the time was"
    return (
        f"Not saved: XPM gave no clear answer to {MOST_TRIES} tries.",
        f"When last looked for, {what} not in XPM. Save again, or ask whoever looks after XPM.",
    )


def _what_to_do(words: str, card: JobCard | None, *, undone: bool) -> str:
    """Our hint beside XPM's words, by loose keywords only: no public list of its texts exists."""
    manager = card.job.manager_name if card else None
    ask = f"ask {kit.escape(manager)} (job manager)" if manager else "ask the job's manager"
    if undone:
        return f"The time is still in XPM. To take it out, {ask}."
    if re.search(r"invoice", words, re.IGNORECASE):
        return f"XPM keeps the time as it was. To change it, {ask}."
    if re.search(r"complete|cancel|closed", words, re.IGNORECASE):
        return f"Choose another job, or {ask} to reopen it."
    if re.search(r"assign|staff|allocat", words, re.IGNORECASE):
        return f"Choose another job or task, or {ask} to put you on it."
    if re.search(r"lock|period|date", words, re.IGNORECASE):
        return f"Choose another job, or {ask} to unlock the date."
    if re.search(r"task", words, re.IGNORECASE):
        return "Choose another task, then save again."
    return f"Change what you chose and save again, or {ask}."
