"""Adds a phone system from the command line, and makes the secret that proves its calls."""

import base64
import secrets
from dataclasses import dataclass

from bot.settings import Settings
from xpm import places
from xpm.clock import utc_now
from xpm.store import Database, audit
from xpm.store import workspaces as store
from xpm.store.workspaces import PhoneSystem
from xpm.vault import Vault

KIND = "standard"


@dataclass(frozen=True, slots=True)
class Added:
    """Where a phone system sends its calls, and the secret it signs them with."""

    address: str
    secret: str

    def __repr__(self) -> str:
        return f"Added({self.address!r})"


async def add(settings: Settings, workspace_id: str) -> Added | None:
    """Adds a phone system to a workspace; None when the app is not installed there."""
    database = Database(settings.database_url)
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    # 32 bytes: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    system_id = secrets.token_hex(12)
    try:
        async with database.transaction() as tx:
            if await store.get(tx, workspace_id) is None:
                return None
            sealed = vault.seal(secret, places.phone_secret(system_id))
            await store.add_phone_system(
                tx, PhoneSystem(system_id, workspace_id, KIND, sealed, utc_now())
            )
            await audit.note(
                tx, audit.Fact(utc_now(), workspace_id, "phones.added", None, system_id)
            )
    finally:
        await database.close()
    return Added(f"{settings.public_url}/calls/{KIND}/{system_id}", secret)
