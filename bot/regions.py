"""Changes from the command line where a practice's numbers without a country code are read."""

from bot.settings import Settings
from xpm.clock import utc_now
from xpm.store import Database, audit
from xpm.store import connections as store


async def change(settings: Settings, workspace_id: str, region: str) -> str | None:
    """Sets the region of a workspace's connection; the practice's name, or None when nothing is connected.

    The clock sees that the last full sync read another region, and begins one that reads every number again.
    """
    database = Database(settings.database_url)
    try:
        async with database.transaction() as tx:
            connection = await store.get(tx, workspace_id)
            if connection is None:
                return None
            await store.change(tx, workspace_id, region=region)
            await audit.note(
                tx, audit.Fact(utc_now(), workspace_id, "region.changed", None, region)
            )
    finally:
        await database.close()
    return connection.practice
