"""time.api: time entries, and the rules by which the practice refuses them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sandbox.practice.answer import Answer, Ask, compact_date, date_range, error, midnight
from sandbox.practice.records import Job, JobTask, Staff, Time, fresh_uuid
from sandbox.practice.xml import (
    UnreadableXmlError,
    element,
    maybe,
    read_flat,
    reply,
    streamed,
    style_of,
)

CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class RefusedError(ValueError):
    """The practice refuses the entry; the text is the ErrorDescription."""


@dataclass(frozen=True, slots=True)
class Timesheet:
    """A request to write time that passed every rule."""

    job: Job
    task: JobTask
    staff: Staff
    day: date
    minutes: int
    start: str
    end: str
    note: str


def add(ask: Ask) -> Answer:
    """Answer POST `time.api/add`: every accepted request writes one more time, repeated or not."""
    try:
        sheet = _checked(ask, read_flat(ask.body, "Timesheet"))
    except UnreadableXmlError as problem:
        return error(ask.method, str(problem), status=400)
    except RefusedError as refusal:
        return error(ask.method, str(refusal))
    time = Time(
        uuid=fresh_uuid(),
        job=sheet.job,
        task=sheet.task,
        staff=sheet.staff,
        day=sheet.day,
        minutes=sheet.minutes,
        note=sheet.note,
        written_at=ask.settings.now(),
        start=sheet.start,
        end=sheet.end,
    )
    ask.practice.times[time.uuid] = time
    time.task.actual_minutes += time.minutes
    return Answer(200, reply(ask.method, time_row(time)))


def update(ask: Ask) -> Answer:
    """Answer PUT `time.api/update`, which needs the full set of fields and the UUID."""
    try:
        fields = read_flat(ask.body, "Timesheet")
        time = _changeable(ask, fields.get("UUID", ""))
        sheet = _checked(ask, fields)
    except UnreadableXmlError as problem:
        return error(ask.method, str(problem), status=400)
    except RefusedError as refusal:
        return error(ask.method, str(refusal))
    time.task.actual_minutes -= time.minutes
    time.job, time.task, time.staff = sheet.job, sheet.task, sheet.staff
    time.day, time.minutes, time.note = sheet.day, sheet.minutes, sheet.note
    time.start, time.end = sheet.start, sheet.end
    time.task.actual_minutes += time.minutes
    return Answer(200, reply(ask.method, time_row(time)))


def delete(ask: Ask) -> Answer:
    """Answer DELETE `time.api/delete/{uuid}` with a status alone."""
    try:
        time = _changeable(ask, ask.argument)
    except RefusedError as refusal:
        return error(ask.method, str(refusal))
    time.task.actual_minutes -= time.minutes
    del ask.practice.times[time.uuid]
    return Answer(200, reply(ask.method))


def get_time(ask: Ask) -> Answer:
    """Answer `time.api/get/{uuid}`."""
    time = ask.practice.times.get(ask.argument)
    if time is None:
        return error(ask.method, "Invalid time identifier")
    return Answer(200, reply(ask.method, time_row(time)))


def times_of_job(ask: Ask) -> Answer:
    """Answer `time.api/job/{number}`; the date range is optional here."""
    if ask.argument not in ask.practice.jobs:
        return error(ask.method, "Invalid job identifier")
    return _listed(ask, job=ask.argument, is_required=False)


def list_times(ask: Ask) -> Answer:
    """Answer `time.api/list`: everybody's, for at most a year."""
    return _listed(ask, is_required=True)


def times_of_staff(ask: Ask) -> Answer:
    """Answer `time.api/staff/{uuid}`: one person's, for at most a year."""
    if ask.argument not in ask.practice.staff:
        return error(ask.method, "Invalid staff identifier")
    return _listed(ask, staff=ask.argument, is_required=True)


def time_row(time: Time) -> str:
    """Return one time as XML; Start and End only when it was recorded with them."""
    clocks = element("Start", time.start) + element("End", time.end) if time.start else ""
    invoice = element("InvoiceTaskUUID", time.invoice_task_uuid) if time.invoice_task_uuid else ""
    return (
        "<Time>"
        + element("UUID", time.uuid)
        + f"<Job>{element('ID', time.job.number)}{element('Name', time.job.name)}</Job>"
        + f"<Task>{element('UUID', time.task.uuid)}{element('Name', time.task.name)}</Task>"
        + f"<Staff>{element('UUID', time.staff.uuid)}{element('Name', time.staff.name)}</Staff>"
        + element("Date", midnight(time.day))
        + element("Minutes", str(time.minutes))
        + maybe("Note", time.note, style_of(time.uuid))
        + element("Billable", "true" if time.task.is_billable else "false")
        + clocks
        + invoice
        + "</Time>"
    )


def _listed(ask: Ask, *, job: str = "", staff: str = "", is_required: bool) -> Answer:
    span = date_range(ask.query, is_required=is_required)

    def rows() -> Iterator[str]:
        for time in list(ask.practice.times.values()):
            if span is not None and not span[0] <= time.day <= span[1]:
                continue
            if (not job or time.job.number == job) and (not staff or time.staff.uuid == staff):
                yield time_row(time)

    return Answer(200, streamed(ask.method, "Times", rows()))


def _changeable(ask: Ask, uuid: str) -> Time:
    time = ask.practice.times.get(uuid)
    if time is None:
        raise RefusedError("Invalid time identifier")
    if time.invoice_task_uuid:
        raise RefusedError("Time has been invoiced")
    if time.day < ask.settings.lock_date():
        raise RefusedError("The date is in a locked period")
    return time


def _checked(ask: Ask, fields: dict[str, str]) -> Timesheet:
    practice = ask.practice
    # Numbers are looked up in this practice alone: another's job is as unknown as no job.
    job = practice.jobs.get(fields.get("Job", ""))
    if job is None:
        raise RefusedError("Invalid job identifier")
    if not job.is_open:
        raise RefusedError(f"Job is {job.state.lower()}")
    task = _task(ask, job, fields.get("TaskUUID", ""))
    staff = practice.staff.get(fields.get("StaffUUID", ""))
    if staff is None:
        raise RefusedError("Invalid staff identifier")
    # "Inherit from job": a task's own staff, where it has any, replace the job's.
    if staff.uuid not in (task.assigned or job.assigned):
        raise RefusedError("Staff member is not assigned to this job")
    try:
        day = compact_date(fields.get("Date", ""))
    except ValueError:
        raise RefusedError("Invalid date") from None
    if day < ask.settings.lock_date():
        raise RefusedError("The date is in a locked period")
    start, end = fields.get("Start", ""), fields.get("End", "")
    minutes = _minutes(fields.get("Minutes", ""), start, end)
    return Timesheet(job, task, staff, day, minutes, start, end, fields.get("Note", ""))


def _task(ask: Ask, job: Job, uuid: str) -> JobTask:
    tasks = ask.practice.tasks_of(job)
    if ask.settings.timesheet_task in ("instance", "either"):
        for task in tasks:
            if task.uuid == uuid:
                return task
    if ask.settings.timesheet_task in ("definition", "either"):
        for task in tasks:
            if task.definition == uuid:
                return task
    raise RefusedError("Invalid task identifier")


def _minutes(text: str, start: str, end: str) -> int:
    if start or end:
        begun, ended = CLOCK.fullmatch(start), CLOCK.fullmatch(end)
        if begun is None or ended is None:
            raise RefusedError("Invalid start or end time")
        minutes = (int(ended[1]) - int(begun[1])) * 60 + int(ended[2]) - int(begun[2])
        if minutes <= 0:
            raise RefusedError("End time must be after start time")
        return minutes
    if not text:
        raise RefusedError("Minutes is required")
    if not re.fullmatch(r"-?[0-9]{1,6}", text):
        raise RefusedError("Minutes must be a whole number")
    return int(text)
