"""leases on refreshing, and an audit log that only grows

Revision: 0003
After: 0002
"""

import sqlalchemy as sa
from alembic import op

from xpm.store import tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Whoever reaches the database with the app's own rights cannot rewrite what is noted.
_SQLITE = """
CREATE TRIGGER audit_no_{what} BEFORE {WHAT} ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END
"""
_FUNCTION = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$
"""
_POSTGRES = """
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
"""


def upgrade() -> None:
    with op.batch_alter_table("connections") as batch:
        batch.add_column(sa.Column("refreshed_at", tables.Instant(), nullable=True))
        batch.add_column(
            sa.Column("token_version", sa.Integer(), nullable=False, server_default="0")
        )
        batch.add_column(sa.Column("lease", sa.String(length=32), nullable=True))
        batch.add_column(sa.Column("lease_until", tables.Instant(), nullable=True))
        batch.add_column(sa.Column("told_ended_at", tables.Instant(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_FUNCTION)
        op.execute(_POSTGRES)
    else:
        for what in ("update", "delete"):
            op.execute(_SQLITE.format(what=what, WHAT=what.upper()))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_append_only ON audit")
        op.execute("DROP FUNCTION audit_is_append_only()")
    else:
        for what in ("update", "delete"):
            op.execute(f"DROP TRIGGER audit_no_{what}")
    with op.batch_alter_table("connections") as batch:
        for name in ("told_ended_at", "lease_until", "lease", "token_version", "refreshed_at"):
            batch.drop_column(name)
