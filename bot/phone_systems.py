"""Phone systems from the command line: adds them with their secrets, says who their people are, sets the rules."""

import base64
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.settings import Settings
from handlers.phones import KINDS
from xpm import places
from xpm.calls import Rules
from xpm.clock import utc_now
from xpm.store import Database, Transaction, audit
from xpm.store import phones as phone_store
from xpm.store import workspaces as store
from xpm.store.phones import PhonePerson
from xpm.store.workspaces import PhoneSystem
from xpm.vault import Vault

KIND = "standard"


@dataclass(frozen=True, slots=True)
class Added:
    """Where a phone system sends its calls, and the secret it proves them with.

    The secret is empty when the phone system makes one itself, which is to be brought here.
    """

    address: str
    secret: str

    def __repr__(self) -> str:
        return f"Added({self.address!r})"


def new_secret(kind: str) -> str:
    """A secret that somebody may have to type, or `whsec_` and 32 bytes where Standard Webhooks wants those.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    if kind == KIND:
        return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return secrets.token_urlsafe(32)


async def add(settings: Settings, workspace_id: str, kind: str = KIND) -> Added | None:
    """Adds a phone system to a workspace; None when the app is not installed there."""
    # Until the phone system's own secret is brought, one that nobody knows keeps the door shut.
    secret = new_secret(kind)
    system_id = secrets.token_hex(12)
    async with _transaction(settings) as (tx, vault):
        if await store.get(tx, workspace_id) is None:
            return None
        sealed = vault.seal(secret, places.phone_secret(system_id))
        await store.add_phone_system(
            tx, PhoneSystem(system_id, workspace_id, kind, sealed, utc_now())
        )
        await audit.note(tx, audit.Fact(utc_now(), workspace_id, "phones.added", None, system_id))
    address = f"{settings.public_url}/calls/{kind}/{system_id}"
    return Added(address, "" if KINDS[kind].has_own_secret else secret)


async def bring_secret(settings: Settings, workspace_id: str, system_id: str, secret: str) -> bool:
    """Keeps the secret that a phone system made; False when the workspace has no such phone system."""
    async with _transaction(settings) as (tx, vault):
        sealed = vault.seal(secret, places.phone_secret(system_id))
        if not await phone_store.change_secret(tx, workspace_id, system_id, sealed):
            return False
        await audit.note(
            tx, audit.Fact(utc_now(), workspace_id, "phones.secret_changed", None, system_id)
        )
    return True


async def remove(settings: Settings, workspace_id: str, system_id: str) -> bool:
    """Removes a phone system; its calls and their messages stay. False when there was none."""
    async with _transaction(settings) as (tx, _):
        if not await phone_store.remove(tx, workspace_id, system_id):
            return False
        await audit.note(tx, audit.Fact(utc_now(), workspace_id, "phones.removed", None, system_id))
    return True


async def listed(
    settings: Settings, workspace_id: str
) -> list[tuple[PhoneSystem, list[PhonePerson]]]:
    """The workspace's phone systems, each with the people it has named."""
    async with _transaction(settings) as (tx, _):
        return [
            (system, await phone_store.people(tx, workspace_id, system.id))
            for system in await phone_store.of_workspace(tx, workspace_id)
        ]


async def name_person(
    settings: Settings, workspace_id: str, system_id: str, staff: str, email: str | None
) -> bool:
    """Says who stands behind a phone system's own name, None for nobody; False when there is no such phone system."""
    async with _transaction(settings) as (tx, _):
        systems = await phone_store.of_workspace(tx, workspace_id)
        if system_id not in {system.id for system in systems}:
            return False
        await phone_store.mend(
            tx,
            PhonePerson(
                workspace_id,
                system_id,
                staff,
                utc_now(),
                email.casefold() if email else None,
                is_nobody=email is None,
            ),
        )
    return True


async def change_rules(
    settings: Settings, workspace_id: str, change: Callable[[Rules], Rules]
) -> Rules | None:
    """The practice's rules after a change; None when the app is not installed there."""
    otherwise = Rules(settings.minimum_call_seconds)
    async with _transaction(settings) as (tx, _):
        if await store.get(tx, workspace_id) is None:
            return None
        before = await phone_store.rules(tx, workspace_id, otherwise)
        after = change(before)
        if after != before:
            await phone_store.save_rules(tx, workspace_id, after)
    return after


@asynccontextmanager
async def _transaction(settings: Settings) -> AsyncIterator[tuple[Transaction, Vault]]:
    database = Database(settings.database_url)
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    try:
        async with database.transaction() as tx:
            yield tx, vault
    finally:
        await database.close()
