"""The index that jobs are found by: the words of each, and the slips by which a misspelt word is found.

It is made of the jobs' own `search` text and kept beside them; what it finds is only a hint, `xpm.ranking` judges it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from xpm.ranking import is_forgiven, is_written_so, misfit, slips, words_in
from xpm.store import tables as t
from xpm.store.database import Transaction, one_of
from xpm.store.mirror import JOB, Job, Rows, job_of, write

MOST = 500
"""Jobs looked at for one typed word; a word that more jobs have tells too little to be looked up by itself."""

OF_COMMON = 200
"""Jobs of a common word that are looked at where every typed word is common: more would be read than shown."""

CHOSEN_FROM = 150
"""Jobs that are read and sorted."""

_FEW = 30
_ENOUGH = 40
"""So many jobs of words that are all common; further ones would be as many again that somebody must choose from."""

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
    """What one typed word means: the jobs with one of these words or, while it `is_beginning`, with one that begins so.

    It `is_few` while hardly any job has it, and `is_common` when more have it than are looked up by it.
    """

    words: tuple[str, ...]
    is_beginning: bool = True
    is_known: bool = True
    is_few: bool = False
    is_common: bool = False
    is_itself_rare: bool = False
    """Only what begins with the word is common, not the word itself: 77, and all of 770 to 779."""

    @property
    def narrow(self) -> "_Meant":
        """The word itself, where that is less."""
        return _Meant(self.words, is_beginning=False) if self.is_itself_rare else self

    def asked(self, at: int) -> dict[str, str]:
        """The values of `_having`'s parameters."""
        if self.is_beginning:
            return {f"first_{at}": self.words[0], f"last_{at}": self.words[0] + _LAST}
        filled = (*self.words, *[self.words[-1]] * _SPELLINGS)[:_SPELLINGS]
        return {f"word_{at}_{nth}": word for nth, word in enumerate(filled)}


def _having(at: int, *, is_beginning: bool) -> sa.Select[tuple[str, str]]:
    """The index's lines for the word asked at this place; of a beginning in the key's order: the word itself stands
    before those that begin with it, open jobs before closed ones.
    """
    c = t.job_words.c
    lines = sa.select(c.word, c.job_number).where(c.workspace_id == _WORKSPACE)
    if is_beginning:
        is_so = c.word >= sa.bindparam(f"first_{at}"), c.word < sa.bindparam(f"last_{at}")
        return lines.where(*is_so).order_by(*t.job_words.primary_key)
    return lines.where(c.word.in_([sa.bindparam(f"word_{at}_{n}") for n in range(_SPELLINGS)]))


# Making a statement costs more than its answer, so that each form of one is made once.
@lru_cache(maxsize=64)
def _weighing(kinds: tuple[bool, ...]) -> sa.Select[Any]:
    """For each word, by whether it is a beginning: the words that stand first, `_FEW` lines on, and `MOST` lines on."""
    columns = []
    for at, is_beginning in enumerate(kinds):
        for offset in (0, _FEW, MOST):
            line = _having(at, is_beginning=is_beginning).with_only_columns(t.job_words.c.word)
            columns.append(line.limit(1).offset(offset).scalar_subquery())
    return sa.select(*columns)


async def _weighed(tx: Transaction, workspace_id: str, asked: Sequence[_Meant]) -> list[_Meant]:
    """These with how many jobs have them; skipping lines is ten times as quick as counting them."""
    values = {"workspace_id": workspace_id}
    for at, one in enumerate(asked):
        values |= one.asked(at)
    row = (await tx.execute(_weighing(tuple(one.is_beginning for one in asked)), values)).one()
    found = []
    for at, one in enumerate(asked):
        first, after_few, after_most = row[3 * at : 3 * at + 3]
        found.append(
            _Meant(
                one.words,
                one.is_beginning,
                is_known=first is not None,
                is_few=after_few is None,
                is_common=after_most is not None,
                is_itself_rare=one.is_beginning
                and first == one.words[0]
                and after_most not in (None, first),
            )
        )
    return found


async def _meant(tx: Transaction, workspace_id: str, words: Sequence[str]) -> list[_Meant]:
    """What each of these words means: those that begin so, or where there are none those that are spelt nearly so."""
    meant = await _weighed(tx, workspace_id, [_Meant((word,)) for word in words])
    misspelt = {
        at: _Meant(spellings, is_beginning=False)
        for at, one in enumerate(meant)
        if not one.is_known
        and is_forgiven(words[at])
        and (spellings := tuple(await _spellings(tx, workspace_id, words[at])))
    }
    if misspelt:
        weighed = await _weighed(tx, workspace_id, [*misspelt.values()])
        for at, one in zip(misspelt, weighed, strict=True):
            meant[at] = one
    return meant


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


@dataclass(frozen=True, slots=True)
class Likely:
    """Jobs that may be meant, in no order; `has_more` says that there are some that were not looked at."""

    jobs: tuple[Job, ...] = ()
    has_more: bool = False


async def likely(tx: Transaction, workspace_id: str, words: Sequence[str]) -> Likely:
    """Jobs that may fit these typed words, at most `CHOSEN_FROM`; one word may be missing of three.

    What it costs grows with what is shown and not with the practice: the jobs that have all the words are found inside
    the database, which stops once there are enough.
    """
    if not words:
        return Likely()
    meant = await _meant(tx, workspace_id, words)
    narrow = [one.narrow for one in meant] if len(meant) > 1 else meant
    for tried in (narrow, meant) if narrow != meant else (meant,):
        found = await _of_all(tx, workspace_id, tried, CHOSEN_FROM)
        if found.jobs:
            return found
    # All but one of the words; one that no job has is the one that is left out.
    jobs: dict[str, Job] = {}
    has_more = False
    for without in [one for one in meant if not one.is_known] or meant if len(meant) > 2 else ():
        others = [one for one in meant if one is not without]
        found = await _of_all(tx, workspace_id, others, CHOSEN_FROM // len(meant))
        jobs |= {job.number: job for job in found.jobs}
        has_more |= found.has_more
    return Likely(tuple(jobs.values()), has_more)


async def _of_all(tx: Transaction, workspace_id: str, meant: Sequence[_Meant], most: int) -> Likely:
    if not all(one.is_known for one in meant):
        return Likely()
    rare = sorted((one for one in meant if not one.is_common), key=lambda one: not one.is_few)
    # Words that too many jobs have narrow by being looked for in the text of what the others found.
    common = [one for one in meant if one.is_common]
    if rare:
        return await _read(tx, workspace_id, rare, common, most)
    jobs: dict[str, Job] = {}
    for one in common:
        others = [other for other in common if other is not one]
        found = await _read(tx, workspace_id, [one], others, most)
        jobs |= {job.number: job for job in found.jobs}
        if len(jobs) >= _ENOUGH:
            break
    return Likely(tuple(jobs.values()), has_more=True)


async def _read(
    tx: Transaction,
    workspace_id: str,
    listed: Sequence[_Meant],
    in_text: Sequence[_Meant],
    most: int,
) -> Likely:
    """The first jobs that have the listed words and whose text holds the others."""
    held = [one.words for one in in_text if all(is_written_so(word) for word in one.words)]
    is_sample = listed[0].is_common and bool(held)
    values: dict[str, object] = {
        "workspace_id": workspace_id,
        "looked_at": OF_COMMON if is_sample else MOST,
        "most": most,
    }
    for at, one in enumerate(listed):
        values |= one.asked(at)
    for at, word in enumerate(word for words in held for word in words):
        values[f"like_{at}"] = f"%{word.replace('_', '/_')}%"
    form = tuple(one.is_beginning for one in listed), tuple(len(words) for words in held)
    rows = (await tx.execute(_reading(*form), values)).all()
    return Likely(tuple({row.number: job_of(row) for row in rows}.values()), len(rows) >= most)


@lru_cache(maxsize=256)
def _reading(kinds: tuple[bool, ...], held: tuple[int, ...]) -> sa.Select[Any]:
    """Jobs by lists, each of a beginning or not, and by texts, each one of so many."""
    c = t.jobs.c
    drawn = _having(0, is_beginning=kinds[0]).limit(sa.bindparam("looked_at")).subquery()
    others = [
        _having(at, is_beginning=is_beginning).limit(MOST).subquery()
        for at, is_beginning in enumerate(kinds[1:], 1)
    ]
    texts = iter(range(sum(held)))
    return (
        sa.select(*JOB)
        .join_from(drawn, t.jobs, c.number == drawn.c.job_number)
        .where(
            c.workspace_id == _WORKSPACE,
            *(c.number.in_(sa.select(other.c.job_number)) for other in others),
            *(
                sa.or_(
                    *(
                        c.search.like(sa.bindparam(f"like_{next(texts)}"), escape="/")
                        for _ in range(many)
                    )
                )
                for many in held
            ),
        )
        .limit(sa.bindparam("most"))
    )
