"""A mark for each practice that is another one whenever its jobs are: what was read under the same mark is still so.

Read the mark before what it stands for: then a list may be newer than its mark, never older.
"""

import uuid

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.questions import Asking, Question
from xpm.store.workspaces import upsert

_OF = sa.select(t.job_marks.c.mark).where(
    t.job_marks.c.workspace_id == sa.bindparam("workspace_id")
)
_MARK = Question(_OF)
_TURN = Question(_OF.with_for_update())


async def of(tx: Asking, workspace_id: str) -> str | None:
    """The mark of now; None when nothing may be kept."""
    row = await _MARK.row(tx, workspace_id=workspace_id)
    return None if row is None else str(row[0])


async def take_turn(tx: Transaction, workspace_id: str) -> None:
    """Lets one at a time change the jobs of a practice, until the transaction ends."""
    await _TURN.rows(tx, workspace_id=workspace_id)


async def change(tx: Transaction, workspace_id: str) -> None:
    """Says that the jobs, or who is on them, are not what they were."""
    values = {"workspace_id": workspace_id, "mark": uuid.uuid4().hex}
    await tx.execute(upsert(tx, t.job_marks, values))
