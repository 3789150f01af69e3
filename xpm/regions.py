"""Where a practice's numbers without a country code are read: changed by a person or from the command line.

The clock sees that the last full sync read another region, and begins one that reads every number anew.
"""

from datetime import datetime

from xpm.matching import is_region
from xpm.store import Database, audit
from xpm.store import connections as store
from xpm.store.connections import Connection


async def change(
    database: Database, workspace_id: str, region: str, now: datetime, *, by: str | None = None
) -> Connection | None:
    """Sets the region of a workspace's connection, which is returned; None when nothing is connected.

    The same region again changes and notes nothing. Raises ValueError when numbers cannot be read there.
    """
    if not is_region(region):
        raise ValueError(f"{region!r} is no country")
    async with database.transaction() as tx:
        connection = await store.get(tx, workspace_id)
        if connection is not None and connection.region != region:
            await store.change(tx, workspace_id, region=region)
            await audit.note(tx, audit.Fact(now, workspace_id, "region.changed", by, region))
    return connection
