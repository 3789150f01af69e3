"""job.api: jobs, their tasks and their notes."""

from collections.abc import Iterable, Iterator

from sandbox.practice.answer import Answer, Ask, date_range, error, midnight, web_url
from sandbox.practice.records import STATES, Job, JobNote, JobTask, fresh_uuid
from sandbox.practice.tenant import Practice
from sandbox.practice.xml import (
    UnreadableXmlError,
    element,
    listed,
    maybe,
    read_flat,
    reply,
    streamed,
    style_of,
)


def current(ask: Ask) -> Answer:
    """Answer `job.api/current`: jobs that are neither completed nor cancelled."""
    return _listed(ask, (job for job in list(ask.practice.jobs.values()) if job.is_open))


def list_jobs(ask: Ask) -> Answer:
    """Answer `job.api/list`: jobs created from `from` to `to`, at most a year apart."""
    found = date_range(ask.query, is_required=True)
    first, last = found or (None, None)
    return _listed(
        ask,
        (
            job
            for job in list(ask.practice.jobs.values())
            if first is not None and last is not None and first <= job.created <= last
        ),
    )


def get_job(ask: Ask) -> Answer:
    """Answer `job.api/get/{number}`; numbers are compared with their case."""
    job = ask.practice.jobs.get(ask.argument)
    if job is None:
        return error(ask.method, "Invalid job identifier")
    return Answer(200, reply(ask.method, *_single(ask.practice, job)))


def jobs_of_client(ask: Ask) -> Answer:
    """Answer `job.api/client/{uuid}`: all jobs of the client, finished ones included."""
    if ask.argument not in ask.practice.clients:
        return error(ask.method, "Invalid client identifier")
    return _listed(ask, list(ask.practice.jobs_of_client.get(ask.argument, [])))


def jobs_of_staff(ask: Ask) -> Answer:
    """Answer `job.api/staff/{uuid}`: current jobs assigned to one person."""
    if ask.argument not in ask.practice.staff:
        return error(ask.method, "Invalid staff identifier")
    return _listed(
        ask,
        (
            job
            for job in list(ask.practice.jobs.values())
            if job.is_open and ask.argument in job.assigned
        ),
    )


def states(ask: Ask) -> Answer:
    """Answer `jobstate.api/list`: names alone, no code and no open or closed."""
    rows = ["<JobState>" + element("Name", state) + "</JobState>" for state in STATES]
    return Answer(200, reply(ask.method, listed("JobStates", rows)))


def add_note(ask: Ask) -> Answer:
    """Answer POST `job.api/note` and return the job as `get` does."""
    try:
        fields = read_flat(ask.body, "Note")
    except UnreadableXmlError as problem:
        return error(ask.method, str(problem), status=400)
    job = ask.practice.jobs.get(fields.get("Job", ""))
    if job is None:
        return error(ask.method, "Invalid job identifier")
    if not fields.get("Title") or not fields.get("Text"):
        return error(ask.method, "Title and Text are required")
    note = JobNote(
        uuid=fresh_uuid(),
        title=fields["Title"],
        text=fields["Text"],
        day=ask.settings.now().date(),
        author="Sam Rivers",
    )
    job.notes = [*(job.notes or []), note]
    return Answer(200, reply(ask.method, *_single(ask.practice, job)))


def _listed(ask: Ask, jobs: Iterable[Job]) -> Answer:
    is_detailed, has_uuid = ask.is_detailed(), ask.settings.uuid_in_job_lists

    def rows() -> Iterator[str]:
        for job in jobs:
            yield job_row(ask.practice, job, is_detailed=is_detailed, has_uuid=has_uuid)

    return Answer(200, streamed(ask.method, "Jobs", rows()))


def _single(practice: Practice, job: Job) -> tuple[str, str]:
    row = job_row(practice, job, is_detailed=True, has_uuid=True)
    return web_url(f"job/jobview.aspx?id={job.number}"), row


def job_row(practice: Practice, job: Job, *, is_detailed: bool, has_uuid: bool) -> str:
    """Return one job as XML; tasks, milestones and notes only when detailed."""
    style = style_of(job.uuid)
    parts = [
        "<Job>",
        element("ID", job.number),
        element("UUID", job.uuid) if has_uuid else "",
        element("Name", job.name),
        maybe("Description", job.description, style),
        element("State", job.state),
        maybe("ClientOrderNumber", "", style),
        maybe("Budget", "", style),
        maybe("Type", job.kind, style),
        element("StartDate", midnight(job.created)),
        element("DueDate", midnight(job.due)),
        maybe("CompletedDate", midnight(job.completed) if job.completed else "", style),
        "<Client>"
        + element("UUID", job.client.uuid)
        + element("Name", job.client.name)
        + "</Client>",
        _manager(practice, job, style),
        listed("Assigned", (_assigned(practice, uuid) for uuid in job.assigned)),
    ]
    if is_detailed:
        parts.append(listed("Tasks", (_task(practice, t) for t in practice.tasks_of(job))))
        parts.append("<Milestones />")
        parts.append(listed("Notes", (_note(note) for note in job.notes or [])))
    parts.append("</Job>")
    return "".join(parts)


def _manager(practice: Practice, job: Job, style: int) -> str:
    staff = practice.staff.get(job.manager)
    if staff is None:
        return maybe("Manager", "", style)
    return f"<Manager>{element('UUID', staff.uuid)}{element('Name', staff.name)}</Manager>"


def _assigned(practice: Practice, uuid: str) -> str:
    return f"<Staff>{element('UUID', uuid)}{element('Name', practice.staff[uuid].name)}</Staff>"


def _task(practice: Practice, task: JobTask) -> str:
    return (
        "<Task>"
        + element("UUID", task.uuid)
        + element("TaskUUID", task.definition)
        + element("Name", task.name)
        + maybe("Description", "", style_of(task.uuid))
        + element("EstimatedMinutes", str(task.estimated_minutes))
        + element("ActualMinutes", str(task.actual_minutes))
        + element("Completed", "true" if task.is_completed else "false")
        + element("Billable", "true" if task.is_billable else "false")
        # Left out when inherited from the job.
        + (
            listed("Assigned", (_assigned(practice, uuid) for uuid in task.assigned))
            if task.assigned
            else ""
        )
        + "</Task>"
    )


def _note(note: JobNote) -> str:
    return (
        "<Note>"
        + element("UUID", note.uuid)
        + element("Title", note.title)
        + element("Text", note.text)
        + "<Folder />"
        + element("Date", midnight(note.day))
        + element("CreatedBy", note.author)
        + "</Note>"
    )
