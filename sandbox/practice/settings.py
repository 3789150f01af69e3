"""What a pretend Xero is made from."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class PracticeSettings:
    """Everything that decides what the pretend Xero holds and how strict it is.

    The same settings always make the same practices, people, jobs and identifiers.
    """

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    """Addresses the consent page may send the browser back to; compared exactly."""
    public_url: str
    """Origin under which this server is reached, without a slash at the end."""
    app_name: str = "XPM for Slack"
    """Name of the app that the consent page shows."""
    seed: int = 1
    clients: int = 40
    """Clients of Kea Accounting, the fixed ones included."""
    jobs: int = 80
    """Jobs of Kea Accounting, the fixed ones included."""
    extra_staff: int = 0
    """Staff of Kea Accounting beyond its fixed eight."""
    day_limit: int = 5000
    """Calls a practice in any 24 hours; 1000 is the free tier."""
    minute_limit: int = 60
    """Calls a practice in any 60 seconds."""
    app_minute_limit: int = 10_000
    """Calls of the app over all practices in any 60 seconds."""
    concurrent_limit: int = 5
    """Calls a practice answered at the same time."""
    token_seconds: int = 1800
    """Life of an access token."""
    locked_before: date | timedelta = date(2026, 1, 1)
    """Time dated before this is refused; a timedelta counts back from today (UTC)."""
    timesheet_task: Literal["instance", "definition", "either"] = "instance"
    """Which identifier a timesheet's TaskUUID must carry: the one open question of the real API."""
    long_rows: bool = False
    """Whether the list of clients has every field of the documentation: 15,000 clients weigh 50 MB."""
    uuid_in_job_lists: bool = False
    """Whether the rows of job lists carry the job's UUID; the vendor's own sample omits it."""
    now: Callable[[], datetime] = utc_now
    """The clock; must return aware UTC times."""

    def lock_date(self) -> date:
        """Return the first day that is not locked."""
        if isinstance(self.locked_before, timedelta):
            return (self.now() - self.locked_before).date()
        return self.locked_before
