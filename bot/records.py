"""What the command line does with the database's secrets and its audit log."""

import json
from collections.abc import Callable
from datetime import datetime

from bot.settings import Settings
from xpm.resealing import Count, reseal
from xpm.store import Database, audit
from xpm.store.audit import Fact
from xpm.vault import Vault

_AT_ONCE = 500


async def rotate(settings: Settings) -> list[Count]:
    """Seals everything anew under the newest key; what was found, by column."""
    database = Database(settings.database_url)
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    try:
        return await reseal(database, vault)
    finally:
        await database.close()


async def export(
    settings: Settings, since: datetime, workspace_id: str | None, write: Callable[[str], None]
) -> None:
    """Writes each fact of the audit log since a time as one line of JSON, oldest first."""
    database = Database(settings.database_url)
    last = 0
    try:
        while True:
            async with database.reading() as tx:
                found = await audit.page(tx, since, workspace_id, last, _AT_ONCE)
            if not found:
                return
            for number, fact in found:
                write(line(number, fact))
            last = found[-1][0]
    finally:
        await database.close()


def line(number: int, fact: Fact) -> str:
    """One fact as JSON: when, where, what, who, about what, and the ids of XPM and Xero."""
    said = {
        "id": number,
        "at": fact.at.isoformat(),
        "workspace": fact.workspace_id,
        "event": fact.event,
        "person": fact.slack_user_id,
        "subject": fact.subject,
        **fact.detail,
    }
    return json.dumps({name: one for name, one in said.items() if one is not None})
