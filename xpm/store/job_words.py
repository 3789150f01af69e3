"""The index that jobs are found by: the words of each, and the slips by which a misspelt word is found.

It is made of the jobs' own `search` text and kept beside them; what it finds is only a hint, `xpm.ranking` judges it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from xpm.ranking import is_forgiven, is_written_so, misfit, slips, words_in
from xpm.store import tables as t
from xpm.store.database import Transaction, one_of
from xpm.store.mirror import JOB, Job, Rows, job_of, write

MOST = 1000
"""Jobs looked at for one typed word; a word that more jobs have tells too little to be looked up by itself."""

OF_COMMON = 300
"""Jobs of each common word that are looked at where every typed word is common: more would be read than shown."""

CHOSEN_FROM = 150
"""Jobs that are read and sorted."""

_SPELLINGS = 6
_SLIPS_READ = 120
_LAST = "\U0010ffff"

Posting = tuple[str, bool, str]
"""A word, whether the job is closed, and its number."""


# -- keeping ---------------------------------------------------------------------------------------------------------


def _postings(search: str, number: str, *, is_open: bool) -> set[Posting]:
    return {(word, not is_open, number) for word in words_in(search)}


async def _known(tx: Transaction, workspace_id: str, numbers: Collection[str]) -> set[Posting]:
    c = t.jobs.c
    rows = await tx.execute(
        sa.select(c.search, c.number, c.is_open).where(
            c.workspace_id == workspace_id, one_of(tx, c.number, numbers)
        )
    )
    found: set[Posting] = set()
    for search, number, is_open in rows:
        found |= _postings(search, number, is_open=is_open)
    return found


async def replace(tx: Transaction, workspace_id: str, jobs: Rows) -> None:
    """Brings the index in step with jobs that are about to be written."""
    before = await _known(tx, workspace_id, [job["number"] for job in jobs])
    now: set[Posting] = set()
    for job in jobs:
        now |= _postings(job["search"], job["number"], is_open=job["is_open"])
    await add(tx, workspace_id, now - before)
    await _remove(tx, workspace_id, before - now)


async def forget(tx: Transaction, workspace_id: str, numbers: Collection[str]) -> None:
    """Takes jobs that are about to be deleted out of the index."""
    await _remove(tx, workspace_id, await _known(tx, workspace_id, numbers))


async def add(tx: Transaction, workspace_id: str, postings: Collection[Posting]) -> None:
    """Adds to the index, in its own order, which is twice as quick."""
    await write(
        tx,
        t.job_words,
        [
            {"workspace_id": workspace_id, "word": word, "is_closed": closed, "job_number": number}
            for word, closed, number in sorted(postings)
        ],
    )
    await write(
        tx,
        t.job_word_slips,
        [
            {"workspace_id": workspace_id, "slip": slip, "word": word}
            for slip, word in sorted(_slips({word for word, _, _ in postings}))
        ],
    )


def _slips(words: Iterable[str]) -> set[tuple[str, str]]:
    return {(slip, word) for word in words for slip in slips(word)}


async def _remove(tx: Transaction, workspace_id: str, postings: Collection[Posting]) -> None:
    if not postings:
        return
    c, s = t.job_words.c, t.job_word_slips.c
    await tx.execute(
        sa.delete(t.job_words).where(
            c.workspace_id == sa.bindparam("of"),
            c.word == sa.bindparam("a_word"),
            c.is_closed == sa.bindparam("closed"),
            c.job_number == sa.bindparam("number"),
        ),
        [
            {"of": workspace_id, "a_word": word, "closed": closed, "number": number}
            for word, closed, number in postings
        ],
    )
    # A word that no job has any more is no spelling to offer.
    of_words = _slips({word for word, _, _ in postings})
    if of_words:
        is_used = sa.exists().where(
            c.workspace_id == sa.bindparam("of"), c.word == sa.bindparam("a_word")
        )
        await tx.execute(
            sa.delete(t.job_word_slips).where(
                s.workspace_id == sa.bindparam("of"),
                s.slip == sa.bindparam("a_slip"),
                s.word == sa.bindparam("a_word"),
                ~is_used,
            ),
            [{"of": workspace_id, "a_slip": slip, "a_word": word} for slip, word in of_words],
        )


# -- finding ---------------------------------------------------------------------------------------------------------

_WORKSPACE: sa.BindParameter[str] = sa.bindparam("workspace_id")
_BEGINNING = (
    sa.select(t.job_words.c.word, t.job_words.c.job_number)
    .where(
        t.job_words.c.workspace_id == _WORKSPACE,
        t.job_words.c.word >= sa.bindparam("first"),
        t.job_words.c.word < sa.bindparam("last"),
    )
    # The key's own order: the word itself stands before those that begin with it, open jobs before closed ones.
    .order_by(*t.job_words.primary_key)
    .limit(sa.bindparam("most"))
)
_SPELT = (
    sa.select(t.job_words.c.word, t.job_words.c.job_number)
    .where(
        t.job_words.c.workspace_id == _WORKSPACE,
        t.job_words.c.word.in_(sa.bindparam("words", expanding=True)),
    )
    .limit(sa.bindparam("most"))
)
_SAME_SLIP = (
    sa.select(t.job_word_slips.c.word)
    .distinct()
    .where(
        t.job_word_slips.c.workspace_id == _WORKSPACE,
        t.job_word_slips.c.slip.in_(sa.bindparam("slips", expanding=True)),
    )
    .limit(_SLIPS_READ)
)
_SLIP_BEGINS = (
    sa.select(t.job_word_slips.c.word)
    .distinct()
    .where(
        t.job_word_slips.c.workspace_id == _WORKSPACE,
        t.job_word_slips.c.slip >= sa.bindparam("first"),
        t.job_word_slips.c.slip < sa.bindparam("last"),
    )
    .limit(_SLIPS_READ)
)


@dataclass(frozen=True, slots=True)
class _Meant:
    """The jobs that one typed word means; `is_common` says that these are only the first of many, of which `exact` are
    all those with that very word.
    """

    beginnings: tuple[str, ...]
    numbers: tuple[str, ...]
    is_common: bool
    exact: tuple[str, ...] = ()

    @property
    def narrow(self) -> "_Meant":
        """The word itself where only what begins with it is common: 77, and all of 770 to 779."""
        return _Meant(self.beginnings, self.exact, is_common=False) if self.exact else self


async def _meant(tx: Transaction, workspace_id: str, word: str, most: int) -> _Meant:
    """The jobs with a word that begins so, or with one that is spelt nearly so."""
    asked = {"workspace_id": workspace_id, "most": most + 1}
    rows = (await tx.execute(_BEGINNING, {**asked, "first": word, "last": word + _LAST})).all()
    beginnings: tuple[str, ...] = (word,)
    if not rows and is_forgiven(word):
        beginnings = tuple(await _spellings(tx, workspace_id, word))
        if beginnings:
            rows = (await tx.execute(_SPELT, {**asked, "words": beginnings})).all()
    is_common = len(rows) > most
    exact = [row.job_number for row in rows if row.word == word]
    return _Meant(
        beginnings,
        tuple(dict.fromkeys(row.job_number for row in rows)),
        is_common,
        tuple(exact) if is_common and len(exact) < len(rows) else (),
    )


async def _spellings(tx: Transaction, workspace_id: str, word: str) -> list[str]:
    """The practice's words that somebody who typed this one may have meant, the nearest first."""
    asked: dict[str, object] = {"workspace_id": workspace_id}
    rows = await tx.execute(_SAME_SLIP, {**asked, "slips": sorted(slips(word))})
    fits = _fitting(word, rows.scalars())
    for slip in () if fits else sorted(slips(word), key=len, reverse=True):
        # The word is not typed to its end yet.
        rows = await tx.execute(_SLIP_BEGINS, {**asked, "first": slip, "last": slip + _LAST})
        fits |= _fitting(word, rows.scalars())
    return [found for _, found in sorted((fit, found) for found, fit in fits.items())][:_SPELLINGS]


def _fitting(word: str, words: Iterable[str]) -> dict[str, int]:
    return {found: fit for found in words if (fit := misfit(word, found)) is not None}


async def likely(tx: Transaction, workspace_id: str, words: Sequence[str]) -> list[Job]:
    """Jobs that may fit these typed words, at most `CHOSEN_FROM` and in no order; one word may be missing of three."""
    if not words:
        return []
    most = MOST if len(words) > 1 else CHOSEN_FROM
    meant = [await _meant(tx, workspace_id, word, most) for word in words]
    if len(meant) == 1:
        return await _read(tx, workspace_id, meant[0].numbers, [])
    if any(one.exact for one in meant) and (
        jobs := await _of_all(tx, workspace_id, [one.narrow for one in meant])
    ):
        return jobs
    return await _of_all(tx, workspace_id, meant)


async def _of_all(tx: Transaction, workspace_id: str, meant: Sequence[_Meant]) -> list[Job]:
    rare = [one for one in meant if not one.is_common]
    # Words that too many jobs have narrow by being looked for in the text of what the others found.
    common = [one for one in meant if one.is_common]
    if not rare:
        found: dict[str, Job] = {}
        for one in common:
            others = [other for other in common if other is not one]
            for job in await _read(tx, workspace_id, one.numbers[:OF_COMMON], others):
                found[job.number] = job
            if len(found) >= CHOSEN_FROM:
                break
        return list(found.values())
    both = set(rare[0].numbers).intersection(*(one.numbers for one in rare[1:]))
    if jobs := await _read(tx, workspace_id, sorted(both), common):
        return jobs
    if len(meant) <= 2:
        return []
    # All but one of the words: the jobs that most of the lists have.
    counts = Counter(number for one in rare for number in one.numbers)
    least = max(1, len(rare) - 1)
    near = sorted(number for number, count in counts.items() if count >= least)
    return await _read(tx, workspace_id, near, common if least < len(rare) else [])


async def _read(
    tx: Transaction, workspace_id: str, numbers: Sequence[str], words: Sequence[_Meant]
) -> list[Job]:
    if not numbers:
        return []
    c = t.jobs.c
    statement = sa.select(*JOB).where(
        c.workspace_id == workspace_id,
        c.number.in_(numbers[:MOST]),
        *(
            sa.or_(*(c.search.contains(one, autoescape=True) for one in word.beginnings))
            for word in words
            if all(is_written_so(one) for one in word.beginnings)
        ),
    )
    rows = await tx.execute(statement.limit(CHOSEN_FROM))
    return [job_of(row) for row in rows]
