"""the index that jobs are found by, made of the jobs that are there; whose an unknown number was said to be

Revision: 0009
After: 0008
"""

import sqlalchemy as sa
from alembic import op

from xpm.ranking import search_text, slips, words_in
from xpm.store import tables

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_PAGE = 2000


def upgrade() -> None:
    words = op.create_table(
        "job_words",
        sa.Column("workspace_id", sa.String(32), primary_key=True),
        sa.Column("word", tables.Word, primary_key=True),
        sa.Column("is_closed", sa.Boolean(), primary_key=True),
        sa.Column("job_number", sa.String(64), primary_key=True),
    )
    of_slips = op.create_table(
        "job_word_slips",
        sa.Column("workspace_id", sa.String(32), primary_key=True),
        sa.Column("slip", tables.Word, primary_key=True),
        sa.Column("word", tables.Word, primary_key=True),
    )
    op.create_table(
        "known_numbers",
        sa.Column("workspace_id", sa.String(32), primary_key=True),
        sa.Column("e164", sa.String(20), primary_key=True),
        sa.Column("client_uuid", sa.String(64), nullable=False),
        sa.Column("slack_user_id", sa.String(32), nullable=False),
        sa.Column("said_at", tables.Instant(), nullable=False),
    )
    _index(words, of_slips)


def _index(words: sa.Table, of_slips: sa.Table) -> None:
    """Indexes the jobs that are there: until a practice changes them no sync would."""
    connection = op.get_bind()
    jobs = sa.table(
        "jobs",
        *(
            sa.column(name)
            for name in ("workspace_id", "number", "name", "client_name", "is_open", "search")
        ),
    )
    key = sa.tuple_(jobs.c.workspace_id, jobs.c.number)
    known: set[tuple[str, str]] = set()
    last: tuple[str, str] | None = None
    while True:
        page = sa.select(jobs).order_by(jobs.c.workspace_id, jobs.c.number).limit(_PAGE)
        rows = connection.execute(page if last is None else page.where(key > last)).all()
        if not rows:
            return
        last = (rows[-1].workspace_id, rows[-1].number)
        found = []
        for row in rows:
            search = search_text(row.number, row.name, row.client_name)
            connection.execute(
                jobs.update()
                .where(jobs.c.workspace_id == row.workspace_id, jobs.c.number == row.number)
                .values(search=search)
            )
            found += [
                (row.workspace_id, word, not row.is_open, row.number) for word in words_in(search)
            ]
        names = ("workspace_id", "word", "is_closed", "job_number")
        connection.execute(sa.insert(words), [dict(zip(names, one, strict=True)) for one in found])
        new = {(one[0], one[1]) for one in found} - known
        known |= new
        made = [
            {"workspace_id": workspace_id, "slip": slip, "word": word}
            for workspace_id, word in new
            for slip in slips(word)
        ]
        if made:
            connection.execute(sa.insert(of_slips), made)


def downgrade() -> None:
    for name in ("known_numbers", "job_word_slips", "job_words"):
        op.drop_table(name)
