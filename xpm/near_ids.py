"""Pure: the job IDs that somebody may have meant who typed one that there is not."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

_FORM = re.compile(r"(.*?)(\d+)(\D*)")
_MOST_DIGITS = 12
_WIDEST = 9


def near_ids(typed: str, known: Sequence[str]) -> list[str]:
    """IDs that are one slip away from this one, the likeliest slip first; `known` are some that the practice has.

    Zeros missing or too many, capitals, the letters in front left out, two digits swapped, one wrong, missing or too
    many. Nothing when the ID has no digits or more than 12 of them in a row.
    """
    found = _FORM.fullmatch(typed)
    if found is None or len(found[2]) > _MOST_DIGITS:
        return []
    front, digits, rest = found.groups()
    fronts = [front, *(form[1] for one in known if (form := _FORM.fullmatch(one)))]
    near = [
        f"{one}{digits.lstrip('0').zfill(width)}{rest}"
        for one in dict.fromkeys(fronts)
        for width in (len(digits), *range(1, _WIDEST + 1))
    ]
    near += [typed.upper(), typed.lower()]
    near += [f"{front}{one}{rest}" for one in _slips(digits)]
    return [one for one in dict.fromkeys(near) if one != typed]


def _slips(digits: str) -> Iterator[str]:
    for at, (one, other) in enumerate(pairwise(digits)):
        yield digits[:at] + other + one + digits[at + 2 :]
    # Numbers that differ at the end were given one after the other, often for the same client.
    for at in reversed(range(len(digits))):
        for digit in "0123456789":
            yield digits[:at] + digit + digits[at + 1 :]
    for at in reversed(range(len(digits) + 1)):
        for digit in "0123456789":
            yield digits[:at] + digit + digits[at:]
    for at in range(len(digits)):
        if len(digits) > 1:
            yield digits[:at] + digits[at + 1 :]
