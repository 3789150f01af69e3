"""replicas and their beat; how an entry's tries went, what its person was told of, what XPM has instead

Revision: 0010
After: 0006
"""

import sqlalchemy as sa
from alembic import op

from xpm.store import tables

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("entries") as batch:
        batch.add_column(sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(
            sa.Column("has_news", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.add_column(sa.Column("reminded_at", tables.Instant(), nullable=True))
        batch.add_column(sa.Column("finding", sa.JSON(), nullable=True))
    op.create_index("ix_entries_time", "entries", ["tenant_id", "xpm_time_uuid"], unique=True)
    op.create_table(
        "replicas",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("mark", sa.String(32), nullable=False),
        sa.Column("beat_at", tables.Instant(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("replicas")
    op.drop_index("ix_entries_time", "entries")
    with op.batch_alter_table("entries") as batch:
        for name in ("finding", "reminded_at", "has_news", "tries"):
            batch.drop_column(name)
