"""a consent that covers several practices waits, sealed, on its link for the person to choose

Revision: 0006
After: 0005
"""

import sqlalchemy as sa
from alembic import op

from xpm.store import tables

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("connect_links") as batch:
        batch.add_column(sa.Column("consented", tables.SealedText(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("connect_links") as batch:
        batch.drop_column("consented")
