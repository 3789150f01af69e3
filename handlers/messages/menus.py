"""The menus of the form: client, job and task, each option within Slack's 75 characters."""

from handlers.messages import kit
from handlers.messages.kit import Block
from xpm.directory import JobCard
from xpm.job_menu import Group
from xpm.store.entries import Entry
from xpm.store.mirror import Job

JOB = "post_call.job"
CLIENT = "post_call.client"
TASK = "post_call.task"


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


def task_menu(entry: Entry, card: JobCard) -> Block:
    """The job's tasks, or why there is nothing to choose."""
    if not card.tasks:
        return kit.section(
            "This job has no tasks, and XPM writes time on a task. Choose another job, or add one in XPM."
        )
    options = [
        kit.option(
            f"{kit.cut(task.name, 60)}{' (completed)' if task.is_completed else ''}", task.uuid
        )
        for task in card.tasks[:100]
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


def job_groups(groups: list[Group]) -> list[kit.Element]:
    """The option groups of the job menu; the label tells how many more there are."""
    return [
        {
            "label": kit.plain(_group_label(group)),
            "options": [job_option(job) for job in group.jobs],
        }
        for group in groups
    ]


def _group_label(group: Group) -> str:
    if group.has_more:
        return f"{group.label} (the nearest {len(group.jobs)}, type another word for others)"
    if not group.hidden:
        return group.label
    hint = f" ({len(group.jobs)} of {len(group.jobs) + group.hidden}, type to find)"
    return kit.cut(group.label, 75 - len(hint)) + hint
