"""An entry: what a person wants written as time, and how far that is."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where an entry is in its story; the rules of moving between them live in `xpm.entries`."""

    OFFERED = "offered"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    NOT_LOGGED = "not_logged"
    REMOVED = "removed"


UNFINISHED = (State.OFFERED, State.SENDING, State.REFUSED)
"""What still wants something of a person or of us."""


class Act(StrEnum):
    """What sending the entry does to XPM."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Saved:
    """What XPM holds for an entry, as it last answered."""

    job_number: str
    job_name: str
    task_uuid: str
    task_name: str
    minutes: int
    note: str
    date: dt.date

    def to_json(self) -> dict[str, Any]:
        """As it stands in the database."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "date"} | {
            "date": self.date.isoformat()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Saved":
        """The reverse of `to_json`."""
        return cls(**{**values, "date": dt.date.fromisoformat(values["date"])})


class Difference(StrEnum):
    """How XPM was found to differ from what was saved; LEFT when the person said to leave it so."""

    MISSING = "missing"
    CHANGED = "changed"
    DOUBLE = "double"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Finding:
    """What XPM was found to have instead of what was saved; the values are XPM's, where it has the time."""

    kind: Difference
    job_number: str = ""
    minutes: int = 0
    date: dt.date | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in the database."""
        date = self.date.isoformat() if self.date else None
        return {
            "kind": self.kind.value,
            "job_number": self.job_number,
            "minutes": self.minutes,
            "date": date,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Finding":
        """The reverse of `to_json`."""
        date = dt.date.fromisoformat(values["date"]) if values["date"] else None
        return cls(Difference(values["kind"]), values["job_number"], values["minutes"], date)


@dataclass(frozen=True, slots=True)
class Entry:
    """One person's time for one call (or for none): what they chose and how far it is.

    `minutes` and `note` are what they typed, `date` the day of the work in their time zone. `version` counts the
    changes, `shown_version` is the last that Slack has shown. `tries` counts the sendings that got no clear answer,
    `has_news` says that a refusal is yet to be told, `finding` what XPM was found to have instead of what was saved.
    """

    workspace_id: str
    id: str
    slack_user_id: str
    call_id: str | None
    state: State
    date: dt.date
    created_at: dt.datetime
    changed_at: dt.datetime
    act: Act = Act.ADD
    version: int = 1
    shown_version: int = 0
    channel: str | None = None
    message_ts: str | None = None
    client_uuid: str | None = None
    job_number: str | None = None
    task_uuid: str | None = None
    staff_uuid: str | None = None
    tenant_id: str | None = None
    minutes: str = ""
    note: str = ""
    reason: str | None = None
    doubtful_since: dt.datetime | None = None
    waiting_since: dt.datetime | None = None
    waiting_for: str | None = None
    waiting_until: dt.datetime | None = None
    tries: int = 0
    has_news: bool = False
    reminded_at: dt.datetime | None = None
    finding: Finding | None = None
    xpm_time_uuid: str | None = None
    saved: Saved | None = None
    sent_at: dt.datetime | None = None

    @property
    def is_editing(self) -> bool:
        """Whether XPM holds this entry and the person is changing it."""
        return self.xpm_time_uuid is not None and self.state in (State.OFFERED, State.REFUSED)
