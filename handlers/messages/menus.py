"""The menus of the form: client, job and task, each option within Slack's 75 characters."""

import json
from collections.abc import Sequence
from functools import lru_cache

from handlers.messages import kit
from handlers.messages.kit import Block
from xpm.directory import JobCard
from xpm.job_menu import Group
from xpm.store.entries import Entry
from xpm.store.mirror import Client, Job, Task

JOB = "post_call.job"
CLIENT = "post_call.client"
TASK = "post_call.task"
WHO = "post_call.who"
FORGET = "post_call.forget_number"

MORE = "-more-"
"""What the last line of a group stands for: no job, and no ID that a job can have."""

MORE_LIKE_THIS = "… and more like these: type another word"
MORE_CHOSEN = (
    "There are more jobs than the menu holds. Open it again and type part of the job's name, its client or its ID: "
    "all jobs of the practice are searched."
)


def client_menu(entry: Entry, clients: dict[str, str]) -> Block:
    """Which of the call's clients it was; left alone it means all of them."""
    options = [kit.option(name, uuid) for uuid, name in list(clients.items())[:100]]
    element: kit.Element = {
        "type": "static_select",
        "action_id": CLIENT,
        "placeholder": kit.plain("All of them"),
        "options": options,
    }
    if entry.client_uuid in clients:
        element["initial_option"] = kit.option(clients[entry.client_uuid], entry.client_uuid)
    return {
        "type": "input",
        "block_id": f"client:{entry.id}:{(entry.client_uuid or '')[:8]}",
        "dispatch_action": True,
        "optional": True,
        "label": kit.plain("Client"),
        "element": element,
    }


def who_menu(entry: Entry, number: str, written: str) -> Block:
    """Who was this: a search of the practice's clients by name, for a number that none of them has."""
    return {
        "type": "input",
        "block_id": f"who:{entry.id}:{number}",
        "dispatch_action": True,
        "optional": True,
        "label": kit.plain(f"Who was this? ({written})"),
        "hint": kit.plain("The app remembers it for the practice. XPM is not changed.", 150),
        "element": {
            "type": "external_select",
            "action_id": WHO,
            "placeholder": kit.plain("Search clients by name"),
            "min_query_length": 2,
        },
    }


def client_options(clients: Sequence[Client]) -> list[kit.Element]:
    """Clients found by name, as many as a menu holds."""
    return [kit.option(client.name, client.uuid) for client in clients[:100]]


def job_menu(entry: Entry, card: JobCard | None) -> Block:
    """The job menu: opens filled and filters as one types."""
    element: kit.Element = {
        "type": "external_select",
        "action_id": JOB,
        "placeholder": kit.plain("Choose a job"),
        "min_query_length": 0,
    }
    if card is not None:
        element["initial_option"] = job_option(card.job)
    return {
        "type": "input",
        # A menu keeps its old choice while its block keeps its id, so a job found by ID makes a new one.
        "block_id": f"job:{entry.id}:{entry.job_number or ''}",
        "dispatch_action": True,
        "label": kit.plain("Job"),
        "element": element,
    }


def are_tasks_of_others(card: JobCard, staff_uuid: str | None) -> bool:
    """Whether there are open tasks and each is assigned to other people alone."""
    usable = [task for task in card.tasks if not task.is_completed]
    return bool(usable) and all(
        task.assigned and staff_uuid not in task.assigned for task in usable
    )


def _task_text(task: Task, staff_uuid: str | None) -> str:
    mark = " (completed)" if task.is_completed else ""
    if staff_uuid is not None and staff_uuid in task.assigned:
        mark = f" (yours{', completed' if task.is_completed else ''})"
    return f"{kit.cut(task.name, 75 - len(mark))}{mark}"


def task_menu(entry: Entry, card: JobCard, staff_uuid: str | None = None) -> Block:
    """The job's tasks, open ones first and the person's own marked; or why there is nothing to choose."""
    if not card.tasks:
        return kit.section(
            "This job has no tasks, and XPM writes time on a task. Choose another job, or add one in XPM."
        )
    options = [
        kit.option(_task_text(task, staff_uuid), task.uuid)
        for task in sorted(card.tasks, key=lambda task: task.is_completed)[:100]
    ]
    element: kit.Element = {
        "type": "static_select",
        "action_id": TASK,
        "placeholder": kit.plain("Choose a task"),
        "options": options,
    }
    chosen = next((one for one in options if one["value"] == entry.task_uuid), None)
    if chosen is not None:
        element["initial_option"] = chosen
    return {
        "type": "input",
        "block_id": f"task:{entry.id}:{entry.job_number or ''}",
        "label": kit.plain("Task"),
        "element": element,
    }


def job_option(job: Job) -> kit.Element:
    """A job in a menu: its ID, name, client, state and due date in 75 characters; the ID is never cut."""
    room = 75 - len(job.number) - 1
    facts = " · ".join(
        word
        for word in (
            kit.cut(job.state, 12),
            f"{job.due_date.day} {job.due_date:%b %y}" if job.due_date else "",
        )
        if word
    )
    tail = f" · {facts}" if facts and len(facts) < room - 30 else ""
    room -= len(tail)
    client = f" · {job.client_name}" if job.client_name else ""
    name = kit.cut(job.name, max(12, room - min(len(client), 25)))
    middle = kit.cut(client, max(0, room - len(name))) if client else ""
    return kit.option(f"{job.number} {name}{middle}{tail}", job.number)


def job_groups_text(groups: list[Group]) -> str:
    """The option groups of the job menu, as the JSON that Slack is answered; where there are more jobs than fit, the
    last line of their group says so.

    Slack takes 100 options a group, and the line is one of them:
    https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element
    A hundred options are some 20 kB, most of them the same each time: the text of each is kept.
    """
    if not groups:
        return '{"options":[]}'
    return f'{{"option_groups":[{",".join(map(_group_text, groups))}]}}'


def _group_text(group: Group) -> str:
    is_whole = not group.hidden and not group.has_more
    shown = group.jobs if is_whole else group.jobs[:99]
    options = [_option_text(job) for job in shown]
    label = group.label
    if not is_whole:
        hidden = group.hidden + len(group.jobs) - len(shown)
        # With some that nobody counted there is no number to say.
        text = MORE_LIKE_THIS if group.has_more else f"… and {hidden:,} more: type a few letters"
        options.append(json.dumps(kit.option(text, MORE)))
        if not group.has_more:
            count = f" ({len(shown)} of {len(shown) + hidden:,})"
            label = kit.cut(label, 75 - len(count)) + count
    return f'{{"label":{json.dumps(kit.plain(label))},"options":[{",".join(options)}]}}'


@lru_cache(maxsize=20_000)
def _option_text(job: Job) -> str:
    return json.dumps(job_option(job), separators=(",", ":"))
