"""Pure: what XPM told, as rows of the mirror, each with a print that tells whether anything changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import Any

from xpm import api
from xpm.matching import numbers_in
from xpm.ranking import search_text
from xpm.store.copying import ClientRow, ClientRows, ContactRow, LinkRow, NumberRow
from xpm.store.mirror import Rows

_REMEMBERED = 50_000

JobRows = tuple[Rows, Rows, Rows]
"""Rows of jobs, of the people assigned to them, and of their tasks."""


def _print(*values: object) -> str:
    return blake2b(repr(values).encode(), digest_size=16).hexdigest()


def client_print(client: api.Client, region: str) -> str:
    """The print of everything we keep of a client; the region belongs to it, because numbers are read in it."""
    return _print(
        region,
        client.name,
        client.phone,
        client.is_archived,
        [
            (one.uuid, one.name, one.email, one.phone, one.mobile, one.position, one.is_primary)
            for one in client.contacts
            if not one.is_deleted
        ],
    )


@dataclass(slots=True)
class Numbers:
    """Reads numbers of a region, each different text once: half of a practice's fields repeat."""

    region: str
    _read: dict[str, list[str]] = field(default_factory=dict)

    def of(self, text: str | None) -> list[str]:
        """The numbers of a free-text field in E.164."""
        if text is None:
            return []
        known = self._read.get(text)
        if known is None:
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            known = self._read[text] = numbers_in(text, self.region)
        return known


def add_client(
    rows: ClientRows,
    workspace_id: str,
    sync_id: str,
    client: api.Client,
    print_: str,
    numbers_of: Callable[[str | None], list[str]],
) -> None:
    """Adds the rows of a client, of its contacts, of the links between, and of the numbers of both."""
    of = (workspace_id, sync_id)
    rows.clients.append(ClientRow(*of, client.uuid, client.name, client.is_archived, print_))
    rows.numbers += (NumberRow(*of, client.uuid, "", one) for one in numbers_of(client.phone))
    for contact in client.contacts:
        if contact.is_deleted:
            continue
        uuid = contact.uuid
        rows.contacts[uuid] = ContactRow(*of, uuid, contact.name or "", contact.email)
        rows.links.append(LinkRow(*of, client.uuid, uuid, contact.position, contact.is_primary))
        numbers = dict.fromkeys(chain(numbers_of(contact.mobile), numbers_of(contact.phone)))
        rows.numbers += (NumberRow(*of, client.uuid, uuid, one) for one in numbers)


def staff_row(workspace_id: str, sync_id: str, staff: api.Staff) -> dict[str, Any]:
    """The row of a staff member."""
    return {
        "workspace_id": workspace_id,
        "uuid": staff.uuid,
        "name": staff.name,
        "email": staff.email.casefold() if staff.email else None,
        "sync_id": sync_id,
    }


def job_print(job: api.Job, *, is_open: bool) -> str:
    """The print of everything a list tells of a job; its web address comes from a look-up alone and stays out."""
    return _print(
        job.uuid,
        job.name,
        job.state,
        is_open,
        job.client_uuid,
        job.client_name,
        job.manager_name,
        job.due_date,
        sorted(one.uuid for one in job.assigned),
        [
            (one.for_time, one.name, one.is_completed, [staff.uuid for staff in one.assigned])
            for one in job.tasks
        ],
    )


def job_rows(
    workspace_id: str,
    sync_id: str,
    jobs: Sequence[tuple[api.Job, bool, str]],
    *,
    assigned_to: str = "",
) -> JobRows:
    """Rows of jobs, each given with whether it is open and with its print."""
    rows: JobRows = ([], [], [])
    for job, is_open, print_ in jobs:
        rows[0].append(_job_row(workspace_id, sync_id, job, is_open, print_))
        marks = {"workspace_id": workspace_id, "job_number": job.number, "sync_id": sync_id}
        for uuid in {one.uuid for one in job.assigned} | {assigned_to} - {""}:
            rows[1].append({**marks, "staff_uuid": uuid})
        for position, task in enumerate(job.tasks):
            rows[2].append(
                {
                    **marks,
                    "uuid": task.for_time,
                    "name": task.name or "Task",
                    "is_completed": task.is_completed,
                    "position": position,
                    "assigned": [one.uuid for one in task.assigned],
                }
            )
    return rows


def _job_row(
    workspace_id: str, sync_id: str, job: api.Job, is_open: bool, print_: str
) -> dict[str, Any]:
    name, client = job.name or job.number, job.client_name or ""
    row = {
        "workspace_id": workspace_id,
        "number": job.number,
        "uuid": job.uuid,
        "name": name,
        "state": job.state or "",
        "is_open": is_open,
        "client_uuid": job.client_uuid,
        "client_name": client,
        "manager_name": job.manager_name,
        "due_date": job.due_date,
        "search": search_text(job.number, name, client),
        "print": print_,
        "sync_id": sync_id,
    }
    # Lists leave the address out; the one we have stays.
    return row if job.web_url is None else {**row, "web_url": job.web_url}
