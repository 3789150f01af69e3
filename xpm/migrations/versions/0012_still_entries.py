"""the index by which the clock finds entries that stand still

Revision: 0012
After: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text(
        "(state = 'sending' OR has_news OR shown_version < version AND (state <> 'offered' OR message_ts IS NOT NULL)"
        " OR message_ts IS NULL AND call_id IS NOT NULL)"
    )
    op.create_index(
        "ix_entries_moving", "entries", ["changed_at"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    op.drop_index("ix_entries_moving", "entries")
