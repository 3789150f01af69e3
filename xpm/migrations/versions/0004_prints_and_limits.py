"""prints of clients and jobs, syncs of several kinds, and limits that replicas share

Revision: 0004
After: 0003
"""

import sqlalchemy as sa
from alembic import op

from xpm.store import tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("syncs") as batch:
        batch.add_column(
            sa.Column("kind", sa.String(length=16), nullable=False, server_default="full")
        )
        batch.add_column(sa.Column("region", sa.String(length=2), nullable=True))
    for name in ("clients", "jobs"):
        with op.batch_alter_table(name) as batch:
            batch.add_column(
                sa.Column("print", sa.String(length=32), nullable=False, server_default="")
            )
    for name in ("clients", "staff"):
        with op.batch_alter_table(name) as batch:
            batch.add_column(sa.Column("jobs_at", tables.Instant(), nullable=True))
    with op.batch_alter_table("entries") as batch:
        batch.add_column(sa.Column("waiting_until", tables.Instant(), nullable=True))
    op.create_index(
        "ix_client_contacts_contact", "client_contacts", ["workspace_id", "contact_uuid"]
    )
    op.create_index("ix_phone_numbers_client", "phone_numbers", ["workspace_id", "client_uuid"])
    op.create_table(
        "practice_limits",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("day_left", sa.Integer(), nullable=True),
        sa.Column("day_left_at", tables.Instant(), nullable=True),
        sa.Column("day_until", tables.Instant(), nullable=True),
        sa.Column("paused_until", tables.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_practice_limits")),
    )
    op.create_table(
        "practice_calls",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("started_at", tables.Instant(), nullable=False),
        sa.Column("leased_until", tables.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_practice_calls")),
    )


def downgrade() -> None:
    op.drop_table("practice_calls")
    op.drop_table("practice_limits")
    op.drop_index("ix_phone_numbers_client", "phone_numbers")
    op.drop_index("ix_client_contacts_contact", "client_contacts")
    with op.batch_alter_table("entries") as batch:
        batch.drop_column("waiting_until")
    for name in ("clients", "staff"):
        with op.batch_alter_table(name) as batch:
            batch.drop_column("jobs_at")
    for name in ("clients", "jobs"):
        with op.batch_alter_table(name) as batch:
            batch.drop_column("print")
    with op.batch_alter_table("syncs") as batch:
        batch.drop_column("region")
        batch.drop_column("kind")
