"""sign in before Xero's consent

Revision: 0002
After: 0001
"""

import sqlalchemy as sa
from alembic import op

from xpm.store import tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("connect_links") as batch:
        batch.add_column(sa.Column("signin_state", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("signin_provider", sa.String(length=16), nullable=True))
        batch.add_column(sa.Column("signin_verifier", tables.SealedText(), nullable=True))
        batch.add_column(sa.Column("signin_code", tables.SealedText(), nullable=True))
        batch.add_column(sa.Column("signed_in_as", sa.Text(), nullable=True))
        batch.create_unique_constraint(op.f("uq_connect_links_signin_state"), ["signin_state"])


def downgrade() -> None:
    with op.batch_alter_table("connect_links") as batch:
        batch.drop_constraint(op.f("uq_connect_links_signin_state"), type_="unique")
        for name in (
            "signed_in_as",
            "signin_code",
            "signin_verifier",
            "signin_provider",
            "signin_state",
        ):
            batch.drop_column(name)
