"""Everything a message about an entry shows, read at one moment."""

from dataclasses import dataclass, replace

from xpm.directory import JobCard, card_of, staff_of
from xpm.store import Database, known_numbers, mirror
from xpm.store import calls as call_store
from xpm.store import connections as connection_store
from xpm.store import entries as store
from xpm.store import workspaces as workspace_store
from xpm.store.calls import Call
from xpm.store.connections import Connection
from xpm.store.entries import Entry
from xpm.store.known_numbers import KnownNumber
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
    staff_uuid: str | None = None
    known: tuple[KnownNumber, ...] = ()

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


async def read(database: Database, workspace_id: str, entry_id: str) -> EntryView | None:
    """All that a message about the entry shows; None when there is no such entry."""
    async with database.reading() as tx:
        entry = await store.get(tx, workspace_id, entry_id)
        if entry is None:
            return None
        call = await call_store.get(tx, workspace_id, entry.call_id) if entry.call_id else None
        person = await workspace_store.person(tx, workspace_id, entry.slack_user_id)
        minutes, count = await store.sent_on(tx, workspace_id, entry.slack_user_id, entry.date)
        card = await card_of(tx, workspace_id, entry.job_number) if entry.job_number else None
        connection = await connection_store.get(tx, workspace_id)
        connected_by = ""
        if connection is not None:
            connector = await workspace_store.person(tx, workspace_id, connection.connected_by)
            connected_by = connector.name
        staff = await staff_of(tx, workspace_id, person.email)
        numbers = [party.number for party in call.parties] if call else []
        known = await known_numbers.among(tx, workspace_id, numbers) if numbers else []
        view = EntryView(
            entry=entry,
            call=call,
            card=card,
            person=person,
            connection=connection,
            connected_by=connected_by,
            has_staff=staff is not None,
            has_jobs=False,
            client_has_jobs=False,
            minutes_of_day=minutes,
            entries_of_day=count,
            staff_uuid=staff.uuid if staff else None,
            known=tuple(known),
        )
        # One job is enough to tell that there are any; the menu itself is asked for when it is opened.
        clients = [uuid for uuid, _ in view.clients]
        of_client = clients and await mirror.jobs_of_clients(tx, workspace_id, clients, [], 1)
        own = staff and await mirror.jobs_of_staff(tx, workspace_id, staff.uuid, [], 1)
    return replace(view, has_jobs=bool(of_client or own), client_has_jobs=bool(of_client))
