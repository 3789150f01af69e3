"""a mark that changes with a practice's jobs; the index that somebody's last jobs are told by

Revision: 0010
After: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_PERSON = ["workspace_id", "slack_user_id", "state"]


def upgrade() -> None:
    marks = op.create_table(
        "job_marks",
        sa.Column("workspace_id", sa.String(32), primary_key=True),
        sa.Column("mark", sa.String(32), nullable=False),
    )
    jobs = sa.table("jobs", sa.column("workspace_id"))
    # Jobs that never change again would never be marked.
    op.execute(
        sa.insert(marks).from_select(
            ["workspace_id", "mark"], sa.select(jobs.c.workspace_id, sa.literal("0010")).distinct()
        )
    )
    op.drop_index("ix_entries_person_state", "entries")
    op.create_index(
        "ix_entries_person_state", "entries", [*_PERSON, "date", "job_number", "sent_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_entries_person_state", "entries")
    op.create_index("ix_entries_person_state", "entries", _PERSON)
    op.drop_table("job_marks")
