"""what phone systems tell in pieces, who their people are, and each practice's rules

Revision: 0007
After: 0006
"""

import sqlalchemy as sa
from alembic import op

from xpm.store import tables

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BEFORE = "uq_calls_phone_system_id_source_id_email"
_AFTER = "uq_calls_phone_system_id_source_id_email_staff"


def upgrade() -> None:
    with op.batch_alter_table("phone_systems") as batch:
        batch.add_column(sa.Column("last_call_at", tables.Instant(), nullable=True))
        batch.add_column(sa.Column("refused_at", tables.Instant(), nullable=True))
        batch.add_column(sa.Column("refused_why", sa.String(32), nullable=True))
    op.create_table(
        "phone_people",
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("phone_system_id", sa.String(32), nullable=False),
        sa.Column("staff", sa.String(255), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
        sa.Column("is_nobody", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("is_mended", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("seen_at", tables.Instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id", "phone_system_id", "staff", name=op.f("pk_phone_people")
        ),
    )
    op.create_table(
        "call_rules",
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("minimum_seconds", sa.Integer(), nullable=True),
        sa.Column("asks_missed", sa.Boolean(), nullable=False),
        sa.Column("asks_voicemail", sa.Boolean(), nullable=False),
        sa.Column("asks_internal", sa.Boolean(), nullable=False),
        sa.Column("own_numbers", sa.JSON(), nullable=False),
        sa.Column("ignored_numbers", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_call_rules")),
    )
    op.create_table(
        "call_tellings",
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("phone_system_id", sa.String(32), nullable=False),
        sa.Column("source_id", sa.String(255), nullable=False),
        sa.Column("print", sa.String(64), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("told_at", tables.Instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace_id",
            "phone_system_id",
            "source_id",
            "print",
            name=op.f("pk_call_tellings"),
        ),
    )
    op.create_index(op.f("ix_call_tellings_told_at"), "call_tellings", ["told_at"])
    with op.batch_alter_table("calls") as batch:
        batch.add_column(sa.Column("staff", sa.String(255), nullable=False, server_default=""))
        batch.add_column(sa.Column("system_kind", sa.String(32), nullable=False, server_default=""))
        batch.add_column(sa.Column("remarks", sa.JSON(), nullable=False, server_default="[]"))
        batch.add_column(
            sa.Column("is_voicemail", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        batch.add_column(sa.Column("offer_at", tables.Instant(), nullable=True))
        batch.drop_constraint(op.f(_BEFORE), type_="unique")
        batch.create_unique_constraint(
            op.f(_AFTER), ["phone_system_id", "source_id", "email", "staff"]
        )


def downgrade() -> None:
    # Where one call knew two people by their extensions alone, one of them stays.
    op.execute(
        sa.text(
            "DELETE FROM calls WHERE EXISTS (SELECT 1 FROM calls other WHERE "
            "other.phone_system_id = calls.phone_system_id AND other.source_id = calls.source_id "
            "AND other.email = calls.email AND other.staff < calls.staff)"
        )
    )
    with op.batch_alter_table("calls") as batch:
        batch.drop_constraint(op.f(_AFTER), type_="unique")
        batch.create_unique_constraint(op.f(_BEFORE), ["phone_system_id", "source_id", "email"])
        for name in ("staff", "system_kind", "remarks", "is_voicemail", "version", "offer_at"):
            batch.drop_column(name)
    op.drop_index(op.f("ix_call_tellings_told_at"), table_name="call_tellings")
    for table in ("call_tellings", "call_rules", "phone_people"):
        op.drop_table(table)
    with op.batch_alter_table("phone_systems") as batch:
        for name in ("last_call_at", "refused_at", "refused_why"):
            batch.drop_column(name)
