"""Practice Manager 3.1 for one practice: lists are streamed, writes are sent once.

https://developer.xero.com/documentation/api/practice-manager-3-1/overview-practice-manager
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

from xpm.api import xml
from xpm.api.errors import Rejected, TryLater, Unknown
from xpm.api.http import CLICK_SECONDS, LIST_SECONDS, STREAM_BYTES, Http, secure_base
from xpm.api.limits import Limiter, Priority
from xpm.api.models import Client, Job, NewTime, Staff, Time
from xpm.api.reading import (
    fields,
    read_client,
    read_job,
    read_staff,
    read_time,
    web_url,
)
from xpm.api.retry import RetryRule, backing_off
from xpm.api.wire import AccessToken, BeforeSending, Wire

log = logging.getLogger(__name__)

T = TypeVar("T")
API_PATH: Final = "/practicemanager/3.1/"
SHORT_LIST_BYTES: Final = 64 * 1024 * 1024
"""The most a list for one click unpacks to: a client's jobs, a person's times."""
LIST_WHOLE_SECONDS: Final = 1800.0
SHORT_WHOLE_SECONDS: Final = 60.0
LONGEST_DAYS: Final = 365


def _uncounted(_: str) -> None:
    """Nobody counts."""


class Practice:
    """One practice in Practice Manager, asked on behalf of a click or of a sync.

    ``access_token(was_refused)`` gives a bearer token, a fresh one when the last was refused.
    Reads raise Rejected, Disconnected or TryLater; writes also Unknown, and are never repeated
    here. A ``http`` passed in stays open; without one, one is made and closed at the end. ``count``
    hears of each call what came of it: ok, or the error's name.
    """

    def __init__(
        self,
        http: Http | None,
        tenant_id: str,
        access_token: AccessToken,
        api_url: str = "https://api.xero.com",
        limiter: Limiter | None = None,
        priority: Priority = Priority.CLICK,
        *,
        retry: RetryRule | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        count: Callable[[str], None] = _uncounted,
    ) -> None:
        self._own_http: Http | None = None
        if http is None:
            http = self._own_http = Http()
        if retry is None:
            # A sync can wait for a minute's limit to pass; a person cannot.
            retry = (
                backing_off(2, 0.3, 2.0, random.random)
                if priority is Priority.CLICK
                else backing_off(5, 1.0, 90.0, random.random)
            )
        self._wire = Wire(
            http,
            secure_base(api_url) + API_PATH,
            tenant_id,
            access_token,
            limiter or Limiter(),
            priority,
            retry,
            sleep,
            count,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._own_http is not None:
            await self._own_http.close()

    @property
    def correlation_id(self) -> str | None:
        """Xero's handle of the last answer, for its support desk."""
        return self._wire.correlation_id

    # Reading

    def clients(self, modified_since: datetime | None = None) -> AsyncGenerator[Client, None]:
        """Yield every client with its contacts, archived and deleted ones marked.

        ``modified_since`` is aware and sent in UTC, the only instant of this API; overlap polls
        by some minutes. https://developer.xero.com/documentation/api/practice-manager-3-1/clients
        """
        params = {}
        if modified_since is not None:
            if modified_since.tzinfo is None:
                raise ValueError("modified_since needs a time zone")
            params["modifiedsince"] = modified_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return self._long("client.api/list", params, "Client", read_client)

    async def staff(self) -> list[Staff]:
        """Return everyone who works at the practice."""
        return await self._short("staff.api/list", {}, "Staff", read_staff)

    def open_jobs(self) -> AsyncGenerator[Job, None]:
        """Yield the practice's current jobs with their tasks."""
        return self._long("job.api/current", {"detailed": "true"}, "Job", read_job)

    async def jobs_of_client(self, uuid: str) -> list[Job]:
        """Return all jobs of a client, finished ones too."""
        return await self._short(f"job.api/client/{_segment(uuid)}", {}, "Job", read_job)

    async def jobs_of_staff(self, uuid: str) -> list[Job]:
        """Return the current jobs a person is assigned to, perhaps without tasks."""
        return await self._short(f"job.api/staff/{_segment(uuid)}", {}, "Job", read_job)

    async def job(self, number: str) -> Job | None:
        """Return a job with tasks and link, or None when XPM does not know the number."""
        root = await self._get("job.api/get", number)
        return None if root is None else _found(root, "Job", read_job)

    async def client(self, uuid: str) -> Client | None:
        """Return a client with contacts and link, or None when XPM does not know it."""
        root = await self._get("client.api/get", uuid)
        return None if root is None else _found(root, "Client", read_client)

    async def time(self, uuid: str) -> Time | None:
        """Return a time, or None when XPM does not know it (any more)."""
        root = await self._get("time.api/get", uuid)
        return None if root is None else _found(root, "Time", lambda row, _: read_time(row))

    async def times_of_staff(self, uuid: str, from_date: date, to_date: date) -> list[Time]:
        """Return a person's times from one day to another, both included, at most a year.

        A row that cannot be read raises TryLater: overlooking a time would let it be sent twice.
        https://developer.xero.com/documentation/api/practice-manager-3-1/time#get-staffuuid
        """
        if not 0 <= (to_date - from_date).days < LONGEST_DAYS:
            raise ValueError("the days must be in order and less than a year apart")
        params = {"from": f"{from_date:%Y%m%d}", "to": f"{to_date:%Y%m%d}"}
        return await self._short(f"time.api/staff/{_segment(uuid)}", params, "Time", _whole_time)

    # Writing

    async def add_time(self, new: NewTime, before_sending: BeforeSending | None = None) -> Time:
        """Write a time and return it as it stands.

        There is no idempotency key: after `Unknown`, look with `times_of_staff` first. `before_sending`
        is for noting, before anything can have been written, that it may be.
        https://developer.xero.com/documentation/api/practice-manager-3-1/time#post-add
        """
        root = await self._wire.write("POST", "time.api/add", timesheet(new), before_sending)
        return _echo(root, new, None)

    async def update_time(
        self, uuid: str, new: NewTime, before_sending: BeforeSending | None = None
    ) -> Time:
        """Change a time and return it as it stands; every field is sent, as the docs do."""
        root = await self._wire.write(
            "PUT", "time.api/update", timesheet(new, uuid), before_sending
        )
        return _echo(root, new, uuid)

    async def delete_time(self, uuid: str, before_sending: BeforeSending | None = None) -> None:
        """Remove a time; one that is gone already raises Rejected."""
        path = f"time.api/delete/{_segment(uuid)}"
        await self._wire.write("DELETE", path, before_sending=before_sending)

    async def add_note(self, job_number: str, title: str, text: str) -> None:
        """Put a note on a job.

        https://developer.xero.com/documentation/api/practice-manager-3-1/jobs#post-note
        """
        note = xml.document("Note", {"Job": job_number, "Title": title, "Text": text})
        await self._wire.write("POST", "job.api/note", note)

    # How

    def _long(
        self,
        path: str,
        params: Mapping[str, str],
        tag: str,
        read: Callable[[xml.Element], T | None],
    ) -> AsyncGenerator[T, None]:
        return self._wire.rows(
            path,
            params,
            tag,
            read,
            read_seconds=LIST_SECONDS,
            cap=STREAM_BYTES,
            whole_seconds=LIST_WHOLE_SECONDS,
        )

    async def _short(
        self,
        path: str,
        params: Mapping[str, str],
        tag: str,
        read: Callable[[xml.Element], T | None],
    ) -> list[T]:
        rows = self._wire.rows(
            path,
            params,
            tag,
            read,
            read_seconds=CLICK_SECONDS,
            cap=SHORT_LIST_BYTES,
            whole_seconds=SHORT_WHOLE_SECONDS,
        )
        async with aclosing(rows):
            return [row async for row in rows]

    async def _get(self, path: str, identity: str) -> xml.Element | None:
        try:
            segment = _segment(identity)
        except ValueError:
            return None
        try:
            return await self._wire.one(f"{path}/{segment}")
        except Rejected as rejected:
            # "Invalid job identifier" comes as 200 with status ERROR, an unknown path as 404.
            # What is none of these three is not an answer to "do you know it?".
            if rejected.status in {200, 400, 404}:
                return None
            raise


def timesheet(new: NewTime, uuid: str | None = None) -> bytes:
    """Return the body of time.api/add, or of time.api/update with ``uuid``.

    Billable is not among the fields: it follows from the task.
    https://developer.xero.com/documentation/api/practice-manager-3-1/time#post-add
    """
    body = {} if uuid is None else {"UUID": uuid}
    body |= {
        "Job": new.job_number,
        "TaskUUID": new.task_uuid,
        "StaffUUID": new.staff_uuid,
        "Date": f"{new.date:%Y%m%d}",
        "Minutes": str(new.minutes),
        "Note": new.note,
    }
    return xml.document("Timesheet", body)


def _segment(identity: str) -> str:
    """Return an id as one path segment; ValueError for one that would climb out of it."""
    stripped = identity.strip()
    if not stripped.strip("."):
        raise ValueError("an id is more than dots")
    return quote(stripped, safe="")


def _found(root: xml.Element, tag: str, read: Callable[[xml.Element, str | None], T | None]) -> T:
    element = fields(root).get(tag)
    found = None if element is None else read(element, web_url(root))
    if found is None:
        raise TryLater(reason=f"Xero's answer holds no readable {tag.lower()}", status=200)
    return found


def _whole_time(element: xml.Element) -> Time:
    time = read_time(element)
    if time is None:
        raise Unknown("Xero's answer holds a time that cannot be read")
    return time


def _echo(root: xml.Element | None, sent: NewTime, uuid: str | None) -> Time:
    element = None if root is None else fields(root).get("Time")
    time = None if element is None else read_time(element, sent)
    if time is None:
        raise Unknown("XPM accepted the time and did not say which it is", status=200)
    differs = [
        name
        for name, is_same in {
            "uuid": uuid is None or time.uuid.lower() == uuid.lower(),
            "job": time.job_number == sent.job_number,
            "task": time.task_uuid is None or time.task_uuid.lower() == sent.task_uuid.lower(),
            "staff": time.staff_uuid.lower() == sent.staff_uuid.lower(),
            "date": time.date == sent.date,
            "minutes": time.minutes == sent.minutes,
        }.items()
        if not is_same
    ]
    if differs:
        # It is written all the same; a task that differs tells which UUID XPM answers with.
        log.warning("xpm.time_differs", extra={"time": time.uuid, "fields": ",".join(differs)})
    return time
