"""Everything a message about an entry shows, read at one moment."""

from dataclasses import dataclass, replace

from xpm.connections import Connections
from xpm.directory import Directory, JobCard
from xpm.store import Database
from xpm.store import calls as call_store
from xpm.store import entries as store
from xpm.store import workspaces as workspace_store
from xpm.store.calls import Call
from xpm.store.connections import Connection
from xpm.store.entries import Entry
from xpm.store.workspaces import Person


@dataclass(frozen=True, slots=True)
class EntryView:
    """Everything a message about an entry shows, read at one moment."""

    entry: Entry
    call: Call | None
    card: JobCard | None
    person: Person
    connection: Connection | None
    connected_by: str
    has_staff: bool
    has_jobs: bool
    client_has_jobs: bool
    minutes_of_day: int
    entries_of_day: int

    @property
    def clients(self) -> list[tuple[str, str]]:
        """The clients on the call: (uuid, name), each once; just the chosen one when a choice was made."""
        found = {
            party.client_uuid: party.client_name or ""
            for party in (self.call.parties if self.call else ())
            if party.client_uuid
        }
        chosen = self.entry.client_uuid
        return [(uuid, name) for uuid, name in found.items() if chosen in (None, uuid)]


async def read(
    database: Database,
    connections: Connections,
    directory: Directory,
    workspace_id: str,
    entry_id: str,
) -> EntryView | None:
    """All that a message about the entry shows; None when there is no such entry."""
    async with database.reading() as tx:
        entry = await store.get(tx, workspace_id, entry_id)
        if entry is None:
            return None
        call = await call_store.get(tx, workspace_id, entry.call_id) if entry.call_id else None
        person = await workspace_store.person(tx, workspace_id, entry.slack_user_id)
        minutes, count = await store.sent_on(tx, workspace_id, entry.slack_user_id, entry.date)
    card = await directory.card(workspace_id, entry.job_number) if entry.job_number else None
    connection = await connections.of(workspace_id)
    connected_by = ""
    if connection is not None:
        async with database.reading() as tx:
            connected_by = (
                await workspace_store.person(tx, workspace_id, connection.connected_by)
            ).name
    staff = await directory.staff_member(workspace_id, person.email)
    view = EntryView(
        entry,
        call,
        card,
        person,
        connection,
        connected_by,
        staff is not None,
        False,
        False,
        minutes,
        count,
    )
    groups = await directory.menu(workspace_id, view.clients, staff.uuid if staff else None, "")
    of_clients = [group for group in groups if not group.is_own]
    return replace(view, has_jobs=bool(groups), client_has_jobs=bool(of_clients))
