"""Who was this: a person says whose an unknown number is, and the practice remembers. XPM is never written to."""

from dataclasses import replace

from xpm.choices import Draft, call_note, can_change, filled_in
from xpm.clock import Clock
from xpm.durable import Durable
from xpm.entries import NotYours
from xpm.reception import REFRESH
from xpm.store import Database, Transaction, audit, known_numbers
from xpm.store import calls as call_store
from xpm.store import connections as connection_store
from xpm.store import entries as store
from xpm.store.calls import Call, Party
from xpm.store.entries import Entry
from xpm.store.known_numbers import KnownNumber
from xpm.store.mirror import Client
from xpm.store.workspaces import Person

MENU_LIMIT = 100


class Naming:
    """Remembers and forgets whose a number is."""

    def __init__(self, database: Database, durable: Durable, clock: Clock) -> None:
        self._database = database
        self._durable = durable
        self._clock = clock

    async def search(self, workspace_id: str, typed: str) -> list[Client]:
        """Clients by name."""
        async with self._database.reading() as tx:
            return await known_numbers.clients_like(tx, workspace_id, typed, MENU_LIMIT)

    async def say(
        self, person: Person, entry_id: str, number: str, client_uuid: str, draft: Draft
    ) -> Entry:
        """Says which client a number of the person's own call is; the number must be one that nobody has.

        The client's jobs are fetched anew, as at the end of a call with somebody known. Raises NotYours.
        """
        async with self._database.transaction() as tx:
            entry, call = await self._own(tx, person, entry_id)
            client = await known_numbers.client(tx, person.workspace_id, client_uuid)
            nobody = Party(number)
            if (
                client is None
                or call is None
                or nobody not in call.parties
                or not can_change(entry)
            ):
                return entry
            await known_numbers.say(
                tx,
                KnownNumber(
                    person.workspace_id, number, client.uuid, person.slack_user_id, self._clock()
                ),
            )
            await audit.note(tx, self._fact(person, "number.said", entry_id))
            # Each answer is another version of the call: what was said, forgotten and said again is fetched again.
            key = f"{call.id}:{call.version}"
            await self._durable.enqueue(tx, REFRESH, key, person.workspace_id, call.id)
            return await self._become(
                tx, entry, call, nobody, Party(number, client.uuid, client.name), draft
            )

    async def forget(self, person: Person, entry_id: str, draft: Draft) -> Entry:
        """Forgets what was said of the numbers of the person's own call. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry, call = await self._own(tx, person, entry_id)
            if call is None or not can_change(entry):
                return entry
            numbers = [party.number for party in call.parties]
            for known in await known_numbers.among(tx, person.workspace_id, numbers):
                await known_numbers.forget(tx, person.workspace_id, known.e164)
                await audit.note(tx, self._fact(person, "number.forgotten", entry_id))
                for party in call.parties:
                    if (party.number, party.client_uuid) == (known.e164, known.client_uuid):
                        entry = await self._become(
                            tx, entry, call, party, Party(party.number), draft
                        )
                        call = await call_store.get(tx, person.workspace_id, call.id) or call
            return entry

    async def _own(
        self, tx: Transaction, person: Person, entry_id: str
    ) -> tuple[Entry, Call | None]:
        entry = await store.of_person(
            tx, person.workspace_id, person.slack_user_id, entry_id, to_change=True
        )
        if entry is None or person.has_left:
            raise NotYours(entry_id)
        call = (
            await call_store.get(tx, person.workspace_id, entry.call_id) if entry.call_id else None
        )
        return entry, call

    async def _become(
        self, tx: Transaction, entry: Entry, call: Call, before: Party, after: Party, draft: Draft
    ) -> Entry:
        parties = tuple(after if party == before else party for party in call.parties)
        await call_store.change(tx, call, parties=parties)
        connection = await connection_store.get(tx, entry.workspace_id)
        region = connection.region if connection else "NZ"
        filled = filled_in(entry, draft, None)
        clients = {party.client_uuid for party in parties if party.client_uuid}
        # The note follows while it is the one that we wrote.
        is_ours = filled.note == call_note(call, region)
        note = call_note(replace(call, parties=parties), region) if is_ours else filled.note
        changed = await store.change(
            tx,
            entry,
            changed_at=self._clock(),
            minutes=filled.minutes,
            date=filled.date,
            note=note,
            client_uuid=next(iter(clients)) if len(clients) == 1 else None,
        )
        return changed or entry

    def _fact(self, person: Person, event: str, entry_id: str) -> audit.Fact:
        return audit.Fact(self._clock(), person.workspace_id, event, person.slack_user_id, entry_id)
