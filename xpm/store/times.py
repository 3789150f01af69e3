"""Which of a practice's times are ours: a practice's matter and no workspace's, since two may be connected to one."""

from collections.abc import Iterable

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction


async def known(tx: Transaction, tenant_id: str, uuids: Iterable[str]) -> set[str]:
    """Which of these times an entry holds, so that looking for a doubtful one passes them over.

    Whatever day or person stands on the entry now: one that is being edited still holds its old time.
    """
    c = t.entries.c
    rows = await tx.execute(
        sa.select(c.xpm_time_uuid).where(c.tenant_id == tenant_id, c.xpm_time_uuid.in_(list(uuids)))
    )
    return set(rows.scalars())
