"""Changes from the command line where a practice's numbers without a country code are read."""

from bot.settings import Settings
from xpm import regions
from xpm.clock import utc_now
from xpm.store import Database


async def change(settings: Settings, workspace_id: str, region: str) -> str | None:
    """Sets the region of a workspace's connection; the practice's name, or None when nothing is connected."""
    database = Database(settings.database_url)
    try:
        connection = await regions.change(database, workspace_id, region, utc_now())
    finally:
        await database.close()
    return None if connection is None else connection.practice
