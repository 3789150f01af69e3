"""Phone systems from the command line: adds them with their secrets, says who their people are, sets the rules."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.settings import Settings
from handlers.messages.phone_setups import SETUPS
from handlers.phones import KINDS
from xpm.calls import Rules
from xpm.clock import utc_now
from xpm.phone_systems import STANDARD, Added, PhoneSystems
from xpm.store import Database
from xpm.store import phones as phone_store
from xpm.store.phones import PhonePerson
from xpm.store.workspaces import PhoneSystem
from xpm.vault import Vault


async def add(settings: Settings, workspace_id: str, chosen: str = STANDARD) -> Added | None:
    """Adds a phone system to a workspace, as the menu in Slack has it; None when the app is not installed there."""
    kind = SETUPS[chosen].kind
    async with _opened(settings) as (_, systems):
        return await systems.add(
            workspace_id, kind, has_own_secret=KINDS[kind].has_own_secret, chosen=chosen
        )


async def bring_secret(settings: Settings, workspace_id: str, system_id: str, secret: str) -> bool:
    """Keeps the secret that a phone system made; False when there is no such phone system. Raises UnfitSecret."""
    async with _opened(settings) as (_, systems):
        return await systems.change_secret(workspace_id, system_id, secret) is not None


async def remove(settings: Settings, workspace_id: str, system_id: str) -> bool:
    """Removes a phone system; its calls and their messages stay. False when there was none."""
    async with _opened(settings) as (_, systems):
        return await systems.remove(workspace_id, system_id)


async def listed(
    settings: Settings, workspace_id: str
) -> list[tuple[PhoneSystem, list[PhonePerson]]]:
    """The workspace's phone systems, each with the people it has named."""
    async with _opened(settings) as (database, _), database.reading() as tx:
        return [
            (system, await phone_store.people(tx, workspace_id, system.id))
            for system in await phone_store.of_workspace(tx, workspace_id)
        ]


async def name_person(
    settings: Settings, workspace_id: str, system_id: str, staff: str, email: str | None
) -> bool:
    """Says who stands behind a phone system's own name, None for nobody; False when there is no such phone system."""
    async with _opened(settings) as (database, _), database.transaction() as tx:
        if await phone_store.one(tx, workspace_id, system_id) is None:
            return False
        await phone_store.mend(tx, workspace_id, system_id, staff, email, utc_now())
    return True


async def change_rules(
    settings: Settings, workspace_id: str, change: Callable[[Rules], Rules]
) -> Rules | None:
    """The practice's rules after a change; None when the app is not installed there."""
    async with _opened(settings) as (_, systems):
        made = await systems.change_rules(workspace_id, change)
        return None if made is None else made[0]


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Database, PhoneSystems]]:
    database = Database(settings.database_url)
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    otherwise = Rules(settings.minimum_call_seconds)
    try:
        yield database, PhoneSystems(database, vault, utc_now, settings.public_url, otherwise)
    finally:
        await database.close()
