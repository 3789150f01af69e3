"""The things a practice holds, as plain records."""

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random

CLOSED_STATES = frozenset({"Completed", "Cancelled"})
STATES = ("Planned", "In Progress", "On Hold", "Ready for Review", "Completed", "Cancelled")


def new_uuid(chance: Random) -> str:
    """Return a version 4 UUID drawn from `chance`, so that a seed repeats it."""
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def fresh_uuid() -> str:
    """Return a UUID that no seed and no reset repeats, for what is written while running."""
    return str(uuid.uuid4())


@dataclass(slots=True)
class Staff:
    """A member of the practice's staff."""

    uuid: str
    name: str
    email: str
    mobile: str
    phone: str = ""
    payroll_code: str = ""
    number: int = 0


@dataclass(slots=True)
class Contact:
    """A person at one or more clients; the same record may be linked from several."""

    uuid: str
    name: str
    mobile: str = ""
    phone: str = ""
    email: str = ""
    is_deleted: bool = False


@dataclass(slots=True)
class ContactLink:
    """What a contact is to one client."""

    contact: Contact
    position: str = ""
    is_primary: bool = False


@dataclass(slots=True)
class Client:
    """A client; `modified` is UTC."""

    uuid: str
    number: int
    name: str
    phone: str
    country: str
    modified: datetime
    email: str = ""
    city: str = ""
    links: list[ContactLink] = field(default_factory=list)
    group: str = ""
    note: str = ""
    is_archived: bool = False
    is_deleted: bool = False

    @property
    def is_active(self) -> bool:
        """Tell whether the client is neither archived nor deleted."""
        return not (self.is_archived or self.is_deleted)


@dataclass(slots=True)
class JobTask:
    """A task as it stands on one job; `definition` is the practice-wide task."""

    uuid: str
    definition: str
    name: str
    estimated_minutes: int = 0
    actual_minutes: int = 0
    is_completed: bool = False
    is_billable: bool = True
    assigned: tuple[str, ...] = ()
    """Staff UUIDs; empty means that the job's staff are meant."""


@dataclass(slots=True)
class JobNote:
    """A note on a job."""

    uuid: str
    title: str
    text: str
    day: date
    author: str


@dataclass(slots=True)
class Job:
    """A job of the practice; `tasks` is None until somebody looks at a generated job."""

    number: str
    uuid: str
    name: str
    client: Client
    state: str
    created: date
    due: date
    assigned: tuple[str, ...]
    """Staff UUIDs."""
    manager: str = ""
    kind: str = ""
    description: str = ""
    completed: date | None = None
    tasks: list[JobTask] | None = None
    notes: list[JobNote] | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the job is neither completed nor cancelled."""
        return self.state not in CLOSED_STATES


@dataclass(slots=True)
class Time:
    """A time entry; `day` is a calendar date of the practice, `minutes` may be negative."""

    uuid: str
    job: Job
    task: JobTask
    staff: Staff
    day: date
    minutes: int
    note: str
    written_at: datetime
    start: str = ""
    end: str = ""
    invoice_task_uuid: str = ""
