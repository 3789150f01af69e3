"""The message after a call: job menu, task, minutes, note, save, undo, don't log.

Every click is two functions: one commits what the person chose and is the ack, one shows the entry as it then stands.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from handlers.asked import Asked
from handlers.messages import connect as connect_messages
from handlers.messages import job_id as job_id_messages
from handlers.messages import menus
from handlers.messages import post_call as messages
from handlers.messages.kit import Element, Message
from xpm.api import Disconnected, TryLater
from xpm.choices import Draft, TaskChoice
from xpm.directory import job_id
from xpm.entries import NotYours
from xpm.job_menu import Group
from xpm.store.entries import Entry, State

log = logging.getLogger(__name__)

Act = Callable[[Asked], Awaitable[Entry]]

# "Saving …" is worth saying only when it takes longer than this.
_NOTICEABLE = 1.0


# -- what stands in the form -----------------------------------------------------------------------------------------


def _states(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The form's values by the first word of their block's id."""
    found = {}
    for block_id, values in ((body.get("state") or {}).get("values") or {}).items():
        for value in values.values():
            found[block_id.partition(":")[0]] = value
    return found


def draft(body: dict[str, Any]) -> Draft:
    """Minutes, note and date as they stand in the message's fields; an emptied field is an empty text."""
    states = _states(body)
    minutes, note, date = states.get("minutes"), states.get("note"), states.get("date")
    return Draft(
        minutes=None if minutes is None else str(minutes.get("value") or ""),
        note=None if note is None else str(note.get("value") or ""),
        date=_date(date.get("selected_date")) if date else None,
    )


def _date(text: Any) -> dt.date | None:
    try:
        return dt.date.fromisoformat(str(text))
    except ValueError:
        return None


def _task(body: dict[str, Any]) -> TaskChoice | None:
    """The task in the form, with the job whose tasks the menu showed: it stands in the block's id."""
    for block_id, values in ((body.get("state") or {}).get("values") or {}).items():
        name, _, rest = block_id.partition(":")
        for value in values.values():
            if name == "task" and value.get("selected_option"):
                return TaskChoice(rest.partition(":")[2], str(value["selected_option"]["value"]))
    return None


def _action(body: dict[str, Any]) -> dict[str, Any]:
    actions = body.get("actions") or [{}]
    found: dict[str, Any] = actions[0]
    return found


def entry_id(body: dict[str, Any]) -> str:
    """The entry that a click is about: a button carries it as value, a menu in its block's id."""
    action = _action(body)
    if action.get("type") == "button":
        return str(action.get("value") or "")
    return messages.entry_of_block(str(action.get("block_id") or ""))


def _selected(body: dict[str, Any]) -> str | None:
    option = _action(body).get("selected_option")
    return str(option["value"]) if option else None


# -- clicks: the part before the ack ---------------------------------------------------------------------------------


async def choose_job(asked: Asked) -> Entry:
    """A job of the menu."""
    entries, number = asked.services.entries, _selected(asked.body) or ""
    return await entries.choose_job(asked.person, entry_id(asked.body), number, draft(asked.body))


async def choose_client(asked: Asked) -> Entry:
    """Which of the call's clients it was."""
    body = asked.body
    return await asked.services.entries.choose_client(
        asked.person, entry_id(body), _selected(body), draft(body)
    )


async def say_who(asked: Asked) -> Entry:
    """Who was this: a client for a number that nobody has; the number stands in the block's id."""
    body = asked.body
    number = str(_action(body).get("block_id") or "").split(":")[-1]
    return await asked.services.naming.say(
        asked.person, entry_id(body), number, _selected(body) or "", draft(body)
    )


async def forget_number(asked: Asked) -> Entry:
    """Not so: forget it."""
    return await asked.services.naming.forget(asked.person, entry_id(asked.body), draft(asked.body))


async def save(asked: Asked) -> Entry:
    """Save time, and Save changes."""
    body = asked.body
    return await asked.services.entries.send(asked.person, entry_id(body), draft(body), _task(body))


async def dismiss(asked: Asked) -> Entry:
    """Don't log."""
    return await asked.services.entries.dismiss(
        asked.person, entry_id(asked.body), draft(asked.body)
    )


async def reopen(asked: Asked) -> Entry:
    """Log it after all, and Log again."""
    return await asked.services.entries.reopen(asked.person, entry_id(asked.body))


async def edit(asked: Asked) -> Entry:
    """Edit of a saved time."""
    return await asked.services.entries.edit(asked.person, entry_id(asked.body))


async def keep(asked: Asked) -> Entry:
    """Keep as it was."""
    return await asked.services.entries.keep(asked.person, entry_id(asked.body))


async def undo(asked: Asked) -> Entry:
    """Undo of a saved time."""
    return await asked.services.entries.undo(asked.person, entry_id(asked.body))


async def recall(asked: Asked) -> Entry:
    """Edit of a time that waits."""
    return await asked.services.entries.recall(asked.person, entry_id(asked.body))


async def leave(asked: Asked) -> Entry:
    """Leave it so, and Leave it out."""
    return await asked.services.entries.leave(asked.person, entry_id(asked.body))


CLICKS: dict[str, Act] = {
    menus.JOB: choose_job,
    menus.CLIENT: choose_client,
    menus.WHO: say_who,
    menus.FORGET: forget_number,
    messages.SAVE: save,
    messages.DISMISS: dismiss,
    messages.REOPEN: reopen,
    messages.EDIT: edit,
    messages.KEEP: keep,
    messages.UNDO: undo,
    messages.RECALL: recall,
    messages.LEAVE: leave,
}
"""The map from action id to what it does."""


def committing(act: Act) -> Callable[[Any, dict[str, Any], Any], Awaitable[None]]:
    """The ack of a click: the choice is in the database before Slack hears yes."""

    async def ack_click(ack: Any, body: dict[str, Any], context: Any) -> None:
        try:
            context["entry"] = await act(Asked.of(body, context))
        except NotYours:
            log.warning("entry.not_theirs", extra={"workspace": context["person"].workspace_id})
        await ack()

    return ack_click


# -- clicks: the part after the ack ----------------------------------------------------------------------------------


async def show(asked: Asked) -> None:
    """Shows the entry as it stands now; an entry of somebody else is not shown but said to be."""
    services, entry = asked.services, asked.entry
    if entry is None:
        await asked.answer(
            Message(messages.NOT_YOURS, job_id_messages.sentence(messages.NOT_YOURS).blocks)
        )
        return
    if _selected(asked.body) == menus.MORE:
        await asked.answer(job_id_messages.sentence(menus.MORE_CHOSEN))
        return
    if entry.state is State.SENDING and entry.waiting_for is None:
        # The workflow shows the outcome; a word between is only for when it takes long.
        await asyncio.sleep(_NOTICEABLE)
        await services.precedence.stand_back()
        entry = await services.entries.own(asked.person, entry.id)
        if entry is None or entry.state is not State.SENDING:
            return
    await services.following.show(entry.workspace_id, entry.id)
    await _take_copy_away(asked, entry)
    if _action(asked.body).get("action_id") == menus.JOB:
        await _fetch_tasks(asked, entry)


async def _take_copy_away(asked: Asked, entry: Entry) -> None:
    """A post whose answer was lost is posted again; whoever clicks in the first copy is left with one."""
    clicked = (asked.body.get("container") or {}).get("message_ts")
    now = await asked.services.entries.own(asked.person, entry.id)
    if clicked and now is not None and now.channel and clicked != now.message_ts:
        await asked.services.notices.take_away(entry.workspace_id, now.channel, str(clicked))


async def _fetch_tasks(asked: Asked, entry: Entry) -> None:
    """Asks XPM for the tasks of a job that is new to us; XPM's lists of jobs bring none."""
    services, number = asked.services, entry.job_number
    card = await services.directory.card(entry.workspace_id, number) if number else None
    if card is None or card.tasks:
        return
    try:
        card = await services.directory.look_up(entry.workspace_id, card.job.number)
    except (Disconnected, TryLater) as error:
        log.info("tasks.not_fetched", extra={"entry": entry.id, "why": type(error).__name__})
        return
    if card is not None and card.tasks:
        await services.entries.choose_job(asked.person, entry.id, card.job.number, Draft())
        await services.following.show(entry.workspace_id, entry.id)


# -- the job menu ----------------------------------------------------------------------------------------------------


async def job_menu(asked: Asked) -> list[Group]:
    """The groups of jobs for what was typed so far; somebody else's menu is empty."""
    body = asked.body
    identity = messages.entry_of_block(str(body.get("block_id") or ""))
    try:
        clients, staff_uuid = await asked.services.entries.job_menu_of(asked.person, identity)
    except NotYours:
        return []
    typed = str(body.get("value") or "")
    directory, workspace_id = asked.services.directory, asked.person.workspace_id
    groups = await directory.menu(
        workspace_id, clients, staff_uuid, typed, asked.person.slack_user_id
    )
    number = job_id(typed)
    if number and not any(job.number == number for group in groups for job in group.jobs):
        job = await directory.find_id(workspace_id, number)
        if job is not None:
            groups.insert(0, Group("Found in XPM", (job,)))
    return groups


async def client_menu(asked: Asked) -> list[Element]:
    """The clients of the practice that a name typed into "Who was this?" may mean."""
    typed = str(asked.body.get("value") or "")
    return menus.client_options(
        await asked.services.naming.search(asked.person.workspace_id, typed)
    )


# -- a form with no call ---------------------------------------------------------------------------------------------


async def log_time_on_job(asked: Asked) -> None:
    """The button under /xpm job: the same form with that job chosen."""
    await open_form(asked, str(_action(asked.body).get("value") or ""))


async def open_form(asked: Asked, number: str | None) -> None:
    """Posts a form for a time without a call."""
    services = asked.services
    person = await services.people.learn(asked.person.workspace_id, asked.person.slack_user_id)
    connection = await services.connections.of(person.workspace_id)
    if connection is None or connection.ended_at is not None:
        await asked.answer(connect_messages.not_connected())
        return
    entry = await services.entries.open_form(person)
    if number:
        await services.entries.choose_job(person, entry.id, number, Draft())
    await services.following.show(person.workspace_id, entry.id)
    channel = asked.body.get("channel_id") or (asked.body.get("channel") or {}).get("id")
    if channel != (await services.people.known(person.workspace_id, person.slack_user_id)).channel:
        await asked.answer(job_id_messages.sentence("The form is in your messages with this app."))
