"""A client of Xero Practice Manager 3.1 that a stranger could publish.

It owns the vendor's names, XML, limits, sign-in and errors, and turns them into values. It must
not know the database, Slack, a workspace or an entry: it imports nothing else of the project.

    async with Http() as http:
        app = XeroApp(client_id, client_secret, scopes, http=http, now=now)
        async with Practice(http, tenant_id, access_token, limiter=limits.of(tenant_id)) as xpm:
            jobs = await xpm.jobs_of_client(uuid)
"""

from xpm.api.auth import PracticeConnection, Tokens, XeroApp
from xpm.api.client import Practice, timesheet
from xpm.api.errors import Disconnected, Rejected, TryLater, Unknown, XpmError
from xpm.api.http import Answer, Http
from xpm.api.limits import Heard, Limiter, Limits, Priority, Shared
from xpm.api.models import Client, Contact, Job, NewTime, Staff, StaffRef, Task, Time
from xpm.api.retry import RetryRule, backing_off, never

__all__ = [
    "Answer",
    "Client",
    "Contact",
    "Disconnected",
    "Heard",
    "Http",
    "Job",
    "Limiter",
    "Limits",
    "NewTime",
    "Practice",
    "PracticeConnection",
    "Priority",
    "Rejected",
    "RetryRule",
    "Shared",
    "Staff",
    "StaffRef",
    "Task",
    "Time",
    "Tokens",
    "TryLater",
    "Unknown",
    "XeroApp",
    "XpmError",
    "backing_off",
    "never",
    "timesheet",
]
