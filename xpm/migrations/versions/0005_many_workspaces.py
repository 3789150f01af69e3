"""organisations, tokens that rotate, and removal with a time to come back

Revision: 0005
After: 0004
"""

import sqlalchemy as sa
from alembic import op

from xpm.store import tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("workspaces") as batch:
        batch.alter_column("bot_token", existing_type=tables.SealedText(), nullable=True)
        batch.add_column(
            sa.Column("is_organisation", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.add_column(sa.Column("refresh_token", tables.SealedText(), nullable=True))
        batch.add_column(sa.Column("token_expires_at", tables.Instant(), nullable=True))
        batch.add_column(
            sa.Column("token_version", sa.Integer(), nullable=False, server_default="1")
        )
        batch.add_column(sa.Column("rotating_until", tables.Instant(), nullable=True))
        batch.add_column(sa.Column("removed_at", tables.Instant(), nullable=True))
    op.create_index(op.f("ix_workspaces_enterprise"), "workspaces", ["enterprise_id"])


def downgrade() -> None:
    # Without a token of its own a workspace meant nothing before.
    op.execute(sa.text("DELETE FROM workspaces WHERE bot_token IS NULL"))
    op.drop_index(op.f("ix_workspaces_enterprise"), "workspaces")
    with op.batch_alter_table("workspaces") as batch:
        for name in (
            "removed_at",
            "rotating_until",
            "token_version",
            "token_expires_at",
            "refresh_token",
            "is_organisation",
        ):
            batch.drop_column(name)
        batch.alter_column("bot_token", existing_type=tables.SealedText(), nullable=False)
