"""Finding a job by its exact ID: the modal, and /xpm job."""

from collections.abc import Sequence

from handlers.messages import kit
from handlers.messages.kit import Message
from xpm.directory import JobCard, is_open, job_url
from xpm.store.mirror import Job

MODAL = "job_id.modal"
INPUT = "job_id.input"
BLOCK = "job_id"
OPEN_IN_XPM = "job_id.open_in_xpm"
LOG_TIME = "job_id.log_time"
NEAR = "job_id.near"

MALFORMED = "A job ID looks like J000123."
"""Stands under the field."""


MOST_SHOWN = 8
MOST_NEAR = 3


def asking(
    metadata: str, typed: str = "", sentence: str = "", near: Sequence[Job] = ()
) -> kit.Element:
    """The modal with its field; `sentence` stands under the field, and what was typed stays; then jobs of `near` IDs,
    each with a button.
    """
    element: kit.Element = {
        "type": "plain_text_input",
        "action_id": INPUT,
        "max_length": 60,
        "focus_on_load": True,
    }
    if typed:
        element["initial_value"] = typed
    blocks: list[kit.Block] = [
        {
            "type": "input",
            "block_id": BLOCK,
            "label": kit.plain("Job ID"),
            "hint": kit.plain("As it stands in XPM, for example J000123", 150),
            "element": element,
        }
    ]
    if sentence:
        blocks.append(kit.section(f"*{kit.escape(sentence)}*"))
    if near:
        blocks.append(kit.section("Did you mean one of these?"))
    for job in near[:MOST_NEAR]:
        button = kit.button("Use this job", NEAR, job.number)
        blocks.append(kit.section(_line(job), accessory=button))
    return _modal(metadata, "Find job", blocks)


def looking(metadata: str, number: str) -> kit.Element:
    """The modal while XPM is asked."""
    view = _modal(metadata, None, [kit.section(f"Looking for {kit.escape(number)} in XPM …")])
    view["callback_id"] = f"{MODAL}.looking"
    return view


def found(metadata: str, card: JobCard) -> kit.Element:
    """The modal with the job found, and what using it means."""
    return _modal(metadata, "Use this job", [kit.section(_facts(card)), *_warning(card)])


def unknown(number: str, practice: str) -> str:
    """The sentence under the field for an ID the practice does not have."""
    return f"No job {number} in {practice}."


def away(number: str) -> str:
    """The sentence under the field when XPM could not be asked."""
    return f"XPM is not answering, so {number} could not be looked up. Try again in a minute."


def not_connected() -> kit.Element:
    """The modal when there is no XPM to look in."""
    return _modal(
        "", None, [kit.section("*XPM is not connected*\nType `/xpm connect` to connect it.")]
    )


def card(card: JobCard) -> Message:
    """The answer to /xpm job."""
    tasks = [task for task in card.tasks if not task.is_completed]
    shown = ", ".join(kit.escape(task.name) for task in tasks[:12])
    more = f" and {len(tasks) - 12} more" if len(tasks) > 12 else ""
    blocks = [
        kit.section(_facts(card)),
        *_warning(card),
        kit.context(f"Open tasks: {shown}{more}" if tasks else "No open tasks"),
        kit.actions(
            "job",
            kit.button("Log time on it", LOG_TIME, card.job.number),
            kit.button("Open in XPM", OPEN_IN_XPM, card.job.number, url=job_url(card.job)),
        ),
    ]
    job = card.job
    return Message(f"{job.number} {job.name}, {job.client_name}, {job.state}", blocks)


def several(typed: str, jobs: Sequence[Job]) -> Message:
    """The answer to /xpm job and /xpm log with some words: the jobs that may be meant, each with its button."""
    shown = jobs[:MOST_SHOWN]
    more = " Type another word to narrow it down." if len(jobs) > len(shown) else ""
    first = f"Jobs like “{kit.cut(typed, 60)}”, the nearest first.{more}"
    blocks = [kit.section(kit.escape(first))]
    for job in shown:
        button = kit.button("Log time on it", LOG_TIME, job.number)
        blocks.append(kit.section(_line(job), accessory=button))
    return Message(" ".join([first, *(f"{job.number} {job.name}." for job in shown)]), blocks)


def near(number: str, practice: str, jobs: Sequence[Job]) -> Message:
    """The answer to /xpm job for an ID the practice does not have, where there are IDs like it."""
    first = f"{unknown(number, practice)} Did you mean one of these?"
    blocks = [kit.section(kit.escape(first))]
    for job in jobs[:MOST_NEAR]:
        button = kit.button("Log time on it", LOG_TIME, job.number)
        blocks.append(kit.section(_line(job), accessory=button))
    text = " ".join([first, *(f"{job.number} {job.name}." for job in jobs[:MOST_NEAR])])
    return Message(text, blocks)


def _line(job: Job) -> str:
    due = f" · due {job.due_date.day} {job.due_date:%b %Y}" if job.due_date else ""
    name = kit.escape(f"{job.number} {job.name}")
    return f"*{name}*\n" + kit.escape(f"{job.client_name} · {job.state}{due}")


def none_like(typed: str, practice: str) -> str:
    """The sentence for words that no job has."""
    return f"No job of {practice} is like “{kit.cut(typed, 60)}”. Try fewer words, or the client's name."


def malformed(jobs: Sequence[Job]) -> str:
    """Stands under the field when a name was typed there: the ID wanted, and the jobs of such a name."""
    if not jobs:
        return MALFORMED
    near = "; ".join(f"{job.number} {kit.cut(job.name, 30)}" for job in jobs[:3])
    return f"{MALFORMED} Did you mean {near}?"


def searching(number: str) -> Message:
    """The answer to /xpm job while XPM is asked."""
    text = f"Looking for {number} in XPM …"
    return Message(text, [kit.section(kit.escape(text))])


def sentence(text: str) -> Message:
    """One sentence alone."""
    return Message(text, [kit.section(kit.escape(text))])


def _facts(card: JobCard) -> str:
    job = card.job
    lines = [
        f"*{kit.escape(f'{job.number} {job.name}')}*",
        kit.escape(f"{job.client_name} · {job.state}"),
    ]
    if job.due_date is not None:
        lines.append(f"Due {job.due_date:%a} {job.due_date.day} {job.due_date:%b %Y}")
    if job.manager_name:
        lines.append(f"Job manager: {kit.escape(job.manager_name)}")
    return "\n".join(lines)


def _warning(card: JobCard) -> list[kit.Block]:
    if is_open(card.job.state):
        return []
    return [
        kit.section(f"This job is {kit.escape(card.job.state.lower())}: XPM may refuse time on it.")
    ]


def _modal(metadata: str, submit: str | None, blocks: list[kit.Block]) -> kit.Element:
    view: kit.Element = {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": metadata,
        "title": kit.plain("Find a job by ID", 24),
        "close": kit.plain("Cancel", 24),
        "blocks": blocks,
    }
    if submit is not None:
        view["submit"] = kit.plain(submit, 24)
    return view
