"""what was chosen from the menu of phone systems, where several are of one kind

Revision: 0011
After: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "phone_systems", sa.Column("chosen", sa.String(32), nullable=False, server_default="")
    )


def downgrade() -> None:
    with op.batch_alter_table("phone_systems") as table:
        table.drop_column("chosen")
