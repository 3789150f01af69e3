"""Finding a job by its exact ID: the modal behind Enter job ID, and /xpm job."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from handlers.asked import Asked
from handlers.connect import ANSWER_FIRST
from handlers.messages import connect as connect_messages
from handlers.messages import job_id as messages
from handlers.messages.kit import Element, Message
from handlers.post_call import entry_id, open_form
from xpm.api import Disconnected, TryLater
from xpm.choices import Draft
from xpm.directory import JobCard, job_id
from xpm.entries import NotYours
from xpm.store.mirror import Job

# "Looking …" is worth saying only when it takes longer than this.
_NOTICEABLE = 1.5


async def open_modal(asked: Asked) -> None:
    """Enter job ID: opens the modal at once, because a trigger lives three seconds."""
    await asked.open_modal(messages.asking(json.dumps({"entry": entry_id(asked.body)})))


def _metadata(body: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = json.loads(body["view"].get("private_metadata") or "{}")
    return found


def _typed(body: dict[str, Any]) -> str | None:
    values = body["view"]["state"]["values"].get(messages.BLOCK) or {}
    field = values.get(messages.INPUT)
    return None if field is None else str(field.get("value") or "")


async def submitted(ack: Any, body: dict[str, Any], context: Any) -> None:
    """The ack of the modal: an error under the field, "Looking …", or the job put on the entry."""
    typed = _typed(body)
    if typed is None:
        asked, metadata = Asked.of(body, context), _metadata(body)
        with suppress(NotYours):
            await asked.services.entries.choose_job(
                asked.person, metadata["entry"], metadata["job"], Draft()
            )
        await ack()
    elif (number := job_id(typed)) is None:
        near = await _search(Asked.of(body, context), typed)
        await ack(response_action="errors", errors={messages.BLOCK: messages.malformed(near)})
    else:
        await ack(
            response_action="update",
            view=messages.looking(body["view"]["private_metadata"], number),
        )


async def after_submit(asked: Asked) -> None:
    """Asks XPM for the typed ID and shows the outcome in the modal; or shows the entry with its new job."""
    metadata, typed = _metadata(asked.body), _typed(asked.body)
    if typed is None:
        entry = await asked.services.entries.own(asked.person, metadata["entry"])
        if entry is not None:
            await asked.services.following.show(entry.workspace_id, entry.id)
        return
    number = job_id(typed)
    if number is None:
        return
    outcome, _ = await asyncio.gather(
        _outcome(asked, metadata, number), asyncio.sleep(ANSWER_FIRST)
    )
    await asked.update_modal(str(asked.body["view"]["id"]), outcome)


async def _outcome(asked: Asked, metadata: dict[str, str], number: str) -> Element:
    connection = await asked.services.connections.of(asked.person.workspace_id)
    if connection is None or connection.ended_at is not None:
        return messages.not_connected()
    try:
        card = await look_up(asked, number)
    except Disconnected:
        return messages.not_connected()
    except TryLater:
        return messages.asking(json.dumps(metadata), number, messages.away(number))
    if card is None:
        sentence = messages.unknown(number, connection.practice)
        near = await asked.services.directory.near(asked.person.workspace_id, number)
        return messages.asking(json.dumps(metadata), number, sentence, near)
    return messages.found(json.dumps({**metadata, "job": card.job.number}), card)


async def use_near(asked: Asked) -> None:
    """Use this job, beside an ID like the one that was typed: shows it as if its ID had been typed."""
    view = asked.body.get("view") or {}
    number = str((asked.body.get("actions") or [{}])[0].get("value") or "")
    card = await asked.services.directory.card(asked.person.workspace_id, number)
    if card is not None and view.get("callback_id") == messages.MODAL:
        metadata = json.dumps({**_metadata(asked.body), "job": card.job.number})
        await asked.update_modal(str(view["id"]), messages.found(metadata, card))


async def look_up(asked: Asked, number: str) -> JobCard | None:
    """The job as XPM has it now; as the mirror has it when XPM is away. Raises Disconnected, TryLater."""
    directory, workspace_id = asked.services.directory, asked.person.workspace_id
    try:
        return await directory.look_up(workspace_id, number)
    except TryLater:
        card = await directory.card(workspace_id, number)
        if card is None:
            raise
        return card


async def job(asked: Asked) -> Message | None:
    """/xpm job: what can be said at once; None when XPM is to be asked."""
    words = asked.text.split(maxsplit=1)
    if len(words) < 2:
        return messages.sentence(
            "Type the job's ID or name as well, for example /xpm job J000123 or /xpm job kea tax."
        )
    connection = await asked.services.connections.of(asked.person.workspace_id)
    if connection is None or connection.ended_at is not None:
        return connect_messages.not_connected()
    if job_id(words[1]) is None:
        return _listed(words[1], await _search(asked, words[1]), connection.practice)
    return None


async def _search(asked: Asked, typed: str) -> list[Job]:
    person = asked.person
    return await asked.services.directory.search(person.workspace_id, typed, person.slack_user_id)


def _listed(typed: str, jobs: list[Job], practice: str) -> Message:
    if not jobs:
        return messages.sentence(messages.none_like(typed, practice))
    return messages.several(typed, jobs)


async def log(asked: Asked) -> None:
    """/xpm log: the form, with the job when the words mean one alone; a list to choose from when they mean several."""
    words = asked.text.split(maxsplit=1)
    connection = await asked.services.connections.of(asked.person.workspace_id)
    if len(words) < 2 or connection is None or connection.ended_at is not None:
        await open_form(asked, None)
        return
    jobs = await _search(asked, words[1])
    exact = [job for job in jobs if job.number == job_id(words[1])]
    if len(exact or jobs) == 1:
        await open_form(asked, (exact or jobs)[0].number)
        return
    await asked.answer(_listed(words[1], jobs, connection.practice))


async def after_job(asked: Asked) -> None:
    """/xpm job: the job; a word between only when XPM takes its time, because Slack lets nothing replace it."""
    words = asked.text.split(maxsplit=1)
    number = job_id(words[1]) if len(words) > 1 else None
    connection = await asked.services.connections.of(asked.person.workspace_id)
    if number is None or connection is None or connection.ended_at is not None:
        return
    looking = asyncio.create_task(look_up(asked, number))
    done, _ = await asyncio.wait({looking}, timeout=_NOTICEABLE)
    if not done:
        await asked.answer(messages.searching(number))
    try:
        card = await looking
    except Disconnected:
        answer = connect_messages.not_connected()
    except TryLater:
        answer = messages.sentence(messages.away(number))
    else:
        unknown = messages.sentence(messages.unknown(number, connection.practice))
        answer = messages.card(card) if card is not None else unknown
        if card is None and (
            like := await asked.services.directory.near(asked.person.workspace_id, number)
        ):
            answer = messages.near(number, connection.practice, like)
        elif card is None and (near := await _search(asked, words[1])):
            answer = messages.several(words[1], near)
    await asked.answer(answer)
