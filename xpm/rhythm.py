"""Pure: when the clock copies what, for each workspace at a minute of its own, so that the calls are spread."""

import datetime as dt
from dataclasses import dataclass
from hashlib import blake2b
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xpm.mirroring import Kind
from xpm.store.syncs import Connected

NIGHT = dt.timedelta(hours=4)
"""How long the nights are over which full syncs are spread."""

_LATEST = dt.timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often each kind of sync comes; `night_hour` is the hour at which the night begins for who connected."""

    clients: dt.timedelta = dt.timedelta(minutes=10)
    jobs: dt.timedelta = dt.timedelta(minutes=30)
    staff: dt.timedelta = dt.timedelta(hours=6)
    night_hour: int = 1

    def due(self, workspace: Connected, now: dt.datetime) -> list[tuple[Kind, str]]:
        """The kinds of sync that are due, with their slots; the same slot has the same name on every replica."""
        full = self._full(workspace, now)
        if full is not None:
            return [(Kind.FULL, full)]
        if workspace.full_began is None:
            return []
        due = []
        for kind, every in (
            (Kind.CLIENTS, self.clients),
            (Kind.JOBS, self.jobs),
            (Kind.STAFF, self.staff),
        ):
            seconds = every.total_seconds()
            shift = _share(workspace.workspace_id, kind) * seconds
            slot = int((now.timestamp() + shift) // seconds)
            began = dt.datetime.fromtimestamp(slot * seconds - shift, dt.UTC)
            # What a full sync has just copied is not copied again.
            if began > workspace.full_began:
                due.append((kind, str(slot)))
        return due

    def morning(self, workspace: Connected, now: dt.datetime) -> str | None:
        """The day whose morning it is where the practice is, None at any other time."""
        local = now.astimezone(_zone(workspace.time_zone))
        begins = (self.night_hour + 3) % 24
        return local.date().isoformat() if begins <= local.hour < begins + 4 else None

    def _full(self, workspace: Connected, now: dt.datetime) -> str | None:
        began = workspace.full_began
        if began is None:
            # The first one was begun by connecting; these are for one that gave up.
            hours = int((now - workspace.connected_at).total_seconds() // 3600)
            return f"first:{workspace.connected_at.isoformat()}:{hours}" if hours else None
        if workspace.full_region not in (None, workspace.region):
            return f"region:{workspace.region}:{began.isoformat()}"
        night = self._night(workspace, now)
        if began < night <= now < night + _LATEST:
            return f"night:{night.date().isoformat()}"
        return None

    def _night(self, workspace: Connected, now: dt.datetime) -> dt.datetime:
        """The last moment at which this workspace's full sync was due."""
        shift = NIGHT * _share(workspace.workspace_id, Kind.FULL)
        local = now.astimezone(_zone(workspace.time_zone))
        begins = local.replace(hour=self.night_hour, minute=0, second=0, microsecond=0) + shift
        return begins if begins <= local else begins - dt.timedelta(days=1)


def _zone(name: str) -> dt.tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return dt.UTC


def _share(workspace_id: str, kind: Kind) -> float:
    """A number from 0 to 1 that is the workspace's own and always the same."""
    digest = blake2b(f"{kind}:{workspace_id}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 2**32
