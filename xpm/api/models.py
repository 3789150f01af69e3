"""What Practice Manager holds, as frozen values with our names and stated units.

An absent element, an empty one and one of blanks are all None. Names keep inner blanks and lose
outer ones. Dates are calendar days in the practice's zone, never instants.
https://developer.xero.com/documentation/api/practice-manager-3-1/
"""

from dataclasses import dataclass
from datetime import date, time


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at a client; the same one may stand under several clients."""

    uuid: str
    """UUID"""
    name: str | None
    """Name"""
    phone: str | None
    """Phone: free text, perhaps with an extension or two numbers"""
    mobile: str | None
    """Mobile: free text"""
    email: str | None
    """Email"""
    position: str | None
    """Position, for example Director; belongs to the link between contact and client"""
    is_primary: bool
    """IsPrimary (Yes/No); belongs to the link between contact and client"""
    is_deleted: bool
    """IsDeleted (Yes/No)"""


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the practice; it has a phone and no mobile, mobiles stand on its contacts."""

    uuid: str
    """UUID"""
    name: str
    """Name"""
    phone: str | None
    """Phone: free text, perhaps with an extension or two numbers"""
    email: str | None
    """Email"""
    is_archived: bool
    """IsArchived (Yes/No)"""
    is_deleted: bool
    """IsDeleted (Yes/No)"""
    contacts: tuple[Contact, ...]
    """Contacts/Contact"""
    account_manager_name: str | None = None
    """AccountManager/Name"""
    job_manager_uuid: str | None = None
    """JobManager/UUID"""
    job_manager_name: str | None = None
    """JobManager/Name"""
    web_url: str | None = None
    """WebUrl, only from ``client(uuid)`` and only when it leads to xero.com"""


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works at the practice; whether they are disabled is not told."""

    uuid: str
    """UUID"""
    name: str
    """Name"""
    email: str | None
    """Email: may be empty, shared, or another than the one in Slack"""
    phone: str | None
    """Phone: free text"""
    mobile: str | None
    """Mobile: free text"""


@dataclass(frozen=True, slots=True)
class StaffRef:
    """A mention of somebody who works at the practice."""

    uuid: str
    """UUID"""
    name: str | None
    """Name"""


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work on one job."""

    uuid: str
    """UUID: of this task on this job"""
    task_uuid: str | None
    """TaskUUID: of the definition, which a job can hold twice"""
    name: str | None
    """Name: the label on this job"""
    is_completed: bool
    """Completed (true/false)"""
    is_billable: bool
    """Billable (true/false)"""
    estimated_minutes: int | None
    """EstimatedMinutes, minutes"""
    assigned: tuple[StaffRef, ...]
    """Assigned/Staff; empty means whoever is assigned to the job"""

    @property
    def for_time(self) -> str:
        """The UUID a `NewTime` carries: the one line to change should a live practice disagree.

        The docs name the element TaskUUID and do not say which; production code of the sibling
        API sends the task on the job, which alone is unambiguous.
        https://developer.xero.com/documentation/api/practice-manager-3-1/time#post-add
        """
        return self.uuid


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the practice."""

    number: str
    """ID, for example J000309: what people type; opaque, case matters"""
    uuid: str | None
    """UUID: some lists leave it out"""
    name: str | None
    """Name"""
    state: str | None
    """State: the practice's own display name, for example In Progress"""
    client_uuid: str | None
    """Client/UUID"""
    client_name: str | None
    """Client/Name"""
    start_date: date | None
    """StartDate"""
    due_date: date | None
    """DueDate"""
    completed_date: date | None
    """CompletedDate"""
    manager_name: str | None
    """Manager/Name"""
    manager_uuid: str | None
    """Manager/UUID"""
    assigned: tuple[StaffRef, ...]
    """Assigned/Staff"""
    tasks: tuple[Task, ...]
    """Tasks/Task; empty also where a list leaves tasks out"""
    web_url: str | None = None
    """WebUrl, only from ``job(number)`` and only when it leads to xero.com"""


@dataclass(frozen=True, slots=True)
class NewTime:
    """A time to be written."""

    job_number: str
    """Job: the number, not the UUID"""
    task_uuid: str
    """TaskUUID: take it from ``Task.for_time``"""
    staff_uuid: str
    """StaffUUID"""
    date: date
    """Date: a calendar day in the practice's zone"""
    minutes: int
    """Minutes"""
    note: str
    """Note: what XML cannot hold is left out on the way"""


@dataclass(frozen=True, slots=True)
class Time:
    """A time that stands in the practice."""

    uuid: str
    """UUID: the handle for changing and deleting it"""
    job_number: str
    """Job/ID"""
    job_name: str | None
    """Job/Name"""
    task_uuid: str | None
    """Task/UUID"""
    task_name: str | None
    """Task/Name"""
    staff_uuid: str
    """Staff/UUID"""
    staff_name: str | None
    """Staff/Name"""
    date: date
    """Date: a calendar day in the practice's zone"""
    minutes: int
    """Minutes; may be negative"""
    note: str | None
    """Note; line ends are line feeds"""
    is_billable: bool
    """Billable (true/false): follows from the task"""
    start: time | None
    """Start, HH:mm, only when it was recorded so"""
    end: time | None
    """End, HH:mm, only when it was recorded so"""
    is_invoiced: bool
    """InvoiceTaskUUID is there: XPM no longer lets it change"""
