"""Pure: which jobs somebody means by what they typed, misspellings forgiven, and in which order they stand.

A *word* is a run of letters and digits in lower case and without accents. A *slip* of a word is the word with one of
its letters missing: two words of which one is misspelt share a slip, so that slips can be looked up in an index
(the idea of SymSpell, https://github.com/wolfgarbe/SymSpell).
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Protocol, TypeVar

LONGEST_WORD = 40
MOST_WORDS = 8
"""How many of the typed words are looked at."""

_SLIPS_OF = 7
_FORGIVEN_FROM = 4
_TWICE_FORGIVEN_FROM = 8
_WORD = re.compile(r"\w+")
_WITH_LETTERS = re.compile(r"[a-z]{1,3}(0*([1-9]\d*))")
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
# Written in as many ways as there are people; a firm called "And" is still found by its other words.
_SAME = {"limited": "ltd", "company": "co", "brothers": "bros", "proprietary": "pty"}
_EMPTY = frozenset({"and", "the", "of", "for"})


class Findable(Protocol):
    """What of a job is searched and sorted."""

    @property
    def number(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def client_name(self) -> str: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def due_date(self) -> dt.date | None: ...


def fold(text: str) -> str:
    """The text in lower case and without accents: Pūkeko and PUKEKO are the same."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))


def search_text(number: str, name: str, client: str) -> str:
    """What of a job is searched: its ID, name and client."""
    return fold(f"{number} {name} {client}")


def _split(text: str) -> tuple[str, ...]:
    words = _WORD.findall(_APOSTROPHES.sub("", text))
    return tuple(_SAME.get(word, word)[:LONGEST_WORD] for word in words)


def typed_words(typed: str) -> tuple[str, ...]:
    """The words of what somebody typed, each once; the little ones only where there is nothing else."""
    words = tuple(dict.fromkeys(_split(fold(typed))))
    return (tuple(word for word in words if word not in _EMPTY) or words)[:MOST_WORDS]


# Each letter typed asks for much the same jobs again.
@lru_cache(maxsize=4096)
def words_in(search: str) -> frozenset[str]:
    """The words that a job with this `search_text` is found by: O'Brien by obrien and brien, J000123 by 123 too."""
    words = set(_split(search))
    if _APOSTROPHES.search(search):
        words.update(word[:LONGEST_WORD] for word in _WORD.findall(search))
    for word in words.copy():
        if found := _WITH_LETTERS.fullmatch(word):
            words.update(found.groups())
    return frozenset(words)


def is_written_so(word: str) -> bool:
    """Whether a word stands in a job's text as it is: "ltd" is also found where the text says Limited."""
    return word not in _SAME.values()


def is_forgiven(word: str) -> bool:
    """Whether a misspelling of this word is forgiven: not in short ones, and never in IDs and years."""
    return len(word) >= _FORGIVEN_FROM and not any(one.isdigit() for one in word)


def slips(word: str) -> frozenset[str]:
    """The word's beginning as it is and with each one of its letters missing; none where nothing is forgiven."""
    if not is_forgiven(word):
        return frozenset()
    head = word[:_SLIPS_OF]
    return frozenset({head, *(head[:at] + head[at + 1 :] for at in range(len(head)))})


# -- how well a word fits --------------------------------------------------------------------------------------------


def _distances(typed: str, word: str) -> tuple[int, int]:
    """How many letters are wrong, missing, too many or swapped: against the word, and against its best beginning."""
    before: list[int] = []
    row = list(range(len(word) + 1))
    for i, letter in enumerate(typed, 1):
        before_that, before, row = before, row, [i]
        for j, other in enumerate(word, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == word[j - 2] and typed[i - 2] == other:
                cost = min(cost, before_that[j - 2] + 1)
            row.append(cost)
    return row[-1], min(row)


@lru_cache(maxsize=20_000)
def misfit(typed: str, word: str) -> int | None:
    """How badly a typed word fits one of a job: 0 the same, 1 its beginning, 3 and more misspelt, None not at all."""
    if word.startswith(typed):
        return 0 if typed == word else 1
    if not is_forgiven(typed) or any(one.isdigit() for one in word):
        return None
    if typed in word:
        return 2
    allowed = 2 if len(typed) >= _TWICE_FORGIVEN_FROM else 1
    if len(typed) > len(word) + allowed:
        return None
    whole, beginning = _distances(typed, word)
    # A wrong first letter is rare, and kea is not tea: it is forgiven only in a whole word.
    if whole <= allowed:
        return 2 + whole + (typed[0] != word[0])
    if beginning <= allowed and typed[0] == word[0] and len(typed) > _FORGIVEN_FROM:
        return 4 + beginning
    return None


# -- the order -------------------------------------------------------------------------------------------------------

J = TypeVar("J", bound=Findable)

_MISSING = 8
Rank = tuple[bool, bool, int, int, bool, int, str]


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed, and the jobs they logged on lately."""

    text: str
    words: tuple[str, ...]
    recent: frozenset[str] = frozenset()
    today: dt.date = dt.date.min

    @classmethod
    def of(cls, text: str, recent: Collection[str] = (), today: dt.date = dt.date.min) -> "Typed":
        """Reads it."""
        return cls(fold(text.strip()), typed_words(text), frozenset(recent), today)


def rank(typed: Typed, job: Findable, *, may_lack: int = 0) -> Rank | None:
    """Where a job stands, the smallest first; None when more than `may_lack` of the typed words do not fit it.

    The exact ID, then open jobs, then by how well the words fit, then what the person logged on lately, then by the day
    it is due that is nearest.
    """
    search = search_text(job.number, job.name, job.client_name)
    words = words_in(search)
    total = lacking = 0
    for one in typed.words:
        fits = [fit for word in words if (fit := misfit(one, word)) is not None]
        if fits:
            total += min(fits)
        else:
            lacking += 1
            total += _MISSING
    if lacking > may_lack or lacking == len(typed.words):
        return None
    away = 10_000 if job.due_date is None else abs((job.due_date - typed.today).days)
    return (
        fold(job.number) != typed.text,
        not job.is_open,
        total,
        _disorder(typed.words, search),
        job.number not in typed.recent,
        away,
        job.number,
    )


def _disorder(words: Sequence[str], search: str) -> int:
    """How many pairs of neighbours were typed the other way round than they stand, 0 for one word."""
    places = [search.find(word) for word in words]
    return sum(1 for first, second in pairwise(places) if not 0 <= first < second)


def ranked(typed: Typed, jobs: Sequence[J]) -> list[J]:
    """The jobs that fit, best first; where none has three words or more, those that lack one of them."""
    return [job for _, job in placed(typed, jobs)]


def placed(typed: Typed, jobs: Sequence[J]) -> list[tuple[Rank, J]]:
    """The same, each with its place."""
    for may_lack in (0, 1) if len(typed.words) > 2 else (0,):
        found = [(place, job) for job in jobs if (place := rank(typed, job, may_lack=may_lack))]
        if found:
            return sorted(found, key=_place)
    return []


def with_recent(found: Sequence[tuple[Rank, J]], recent: Collection[str]) -> list[J]:
    """The jobs that were `placed` for nobody, in the order for somebody who logged on these lately."""
    if any(job.number in recent for _, job in found):
        found = sorted(
            [((*place[:4], job.number not in recent, *place[5:]), job) for place, job in found],
            key=_place,
        )
    return [job for _, job in found]


def _place(one: tuple[Rank, Findable]) -> Rank:
    return one[0]
