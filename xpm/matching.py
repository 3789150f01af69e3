"""Phone numbers: one form for what XPM keeps as free text and for what phone systems send. Pure.

Rules measured with libphonenumber (https://github.com/google/libphonenumber/blob/master/FALSEHOODS.md): a number
without its country is read in the practice's region, never guessed; withheld codes are caught before parsing,
because some of them parse as valid mobiles.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

import phonenumbers
from phonenumbers import Leniency, PhoneNumber, PhoneNumberFormat, PhoneNumberMatcher

# Keypad spellings of ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE, which Twilio sends as numbers.
_WITHHELD_DIGITS = frozenset({"266696687", "7378742833", "2562533", "8656696", "86282452253"})
_WITHHELD_WORDS = frozenset(
    {"", "anonymous", "restricted", "blocked", "unknown", "unavailable", "private", "withheld"}
)
_NOT_DIGIT = re.compile(r"\D")
_IN_BRACKETS = re.compile(r"\([^)]*\)")
_BETWEEN_NUMBERS = re.compile(r"[/;,|\n]| or | and ")
_FULL_LENGTH = 9
_FEWEST_VOTES = 5

PRACTICES_OF = ("NZ", "AU", "GB")
"""Where Practice Manager is sold: https://www.xero.com/practice-manager/"""


def is_withheld(number: str | None) -> bool:
    """Whether this stands for a caller who hides: an empty text, a word such as "anonymous", or a keypad code."""
    text = (number or "").strip().casefold()
    if text in _WITHHELD_WORDS:
        return True
    digits = _NOT_DIGIT.sub("", text)
    return digits in _WITHHELD_DIGITS or digits.removeprefix("1") in _WITHHELD_DIGITS


def _usable(number: PhoneNumber) -> str | None:
    code, national = number.country_code or 0, phonenumbers.national_significant_number(number)
    if not _is_possible(code, len(national)):
        return None
    # Without its area code ("555 1234") a number is possible but could be anybody's. Reserved and very new ranges
    # are not "valid" either, so a full-length number passes; asking about it takes longer than everything else here.
    if len(str(number.national_number)) < _FULL_LENGTH and not phonenumbers.is_valid_number(number):
        return None
    return f"+{code}{national}"


@cache
def _is_possible(country_code: int, length: int) -> bool:
    """The library asks nothing but these two; answered anew for each number it takes a tenth of a sync."""
    return phonenumbers.is_possible_number(
        PhoneNumber(country_code=country_code, national_number=10 ** (length - 1))
    )


def _without_remarks(text: str) -> str:
    """The text without "(mobile)" and the like: words after a number turn into keypad digits when parsed."""
    # Up to the last bracket that closes, so that each "(" meets its ")" at once: no field takes more than linear time.
    closed, bracket, rest = text.rpartition(")")
    return _IN_BRACKETS.sub(_remark, closed + bracket) + rest


def _remark(found: re.Match[str]) -> str:
    return " " if re.search("[A-Za-z]", found[0]) else found[0]


def to_e164(text: str | None, region: str) -> str | None:
    """One number in E.164 such as +6421555123, read in a region such as NZ; None when it cannot be used to match."""
    return None if text is None or is_withheld(text) else _read(text, region)


def _read(text: str, region: str) -> str | None:
    try:
        return _usable(phonenumbers.parse(_without_remarks(text), region))
    except phonenumbers.NumberParseException:
        return None


def numbers_in(text: str | None, region: str) -> list[str]:
    """All numbers of a free-text field ("09 555 0150 / 021 555 0151"), in E.164, each once."""
    if not text or is_withheld(text):
        return []
    found: dict[str, None] = {}
    for part in _BETWEEN_NUMBERS.split(text):
        if (number := (_read if part == text else to_e164)(part, region)) is not None:
            found[number] = None
    if not found:
        for match in PhoneNumberMatcher(text, region, leniency=Leniency.POSSIBLE):
            if (number := _usable(match.number)) is not None:
                found[number] = None
    return list(found)


def outside_numbers(numbers: Iterable[str | None], region: str) -> list[str]:
    """The numbers of a call that can be matched, in E.164, each once, in the call's order."""
    return list(
        dict.fromkeys(e164 for number in numbers if (e164 := to_e164(number, region)) is not None)
    )


def region_votes(texts: Iterable[str | None]) -> Counter[str]:
    """How many numbers speak for each region: by being valid in one of ours alone, or else by their country code.

    A number with its country code tells where a client lives, which need not be where the practice is; so those count
    only where nearly all are written so.
    """
    local: Counter[str] = Counter()
    coded: Counter[str] = Counter()
    for text in texts:
        if text is None or is_withheld(text):
            continue
        found = _regions(text)
        if len(found) == 1:
            (coded if text.lstrip().startswith("+") else local)[found[0]] += 1
    return local if local.total() >= _FEWEST_VOTES else coded


def _regions(text: str) -> list[str]:
    try:
        if text.lstrip().startswith("+"):
            code = phonenumbers.parse(text, None).country_code or 0
            return [phonenumbers.region_code_for_country_code(code)]
    except phonenumbers.NumberParseException:
        return []
    return [region for region in PRACTICES_OF if _is_valid_in(text, region)]


def _is_valid_in(text: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def region_of(votes: Mapping[str, int], otherwise: str) -> str:
    """The region of a practice: what more than half of at least five numbers say, else what was set."""
    total = sum(votes.values())
    if total < _FEWEST_VOTES:
        return otherwise
    region, most = max(votes.items(), key=lambda vote: vote[1])
    return region if most * 2 > total and region in PRACTICES_OF else otherwise


def for_people(number: str, region: str) -> str:
    """A number as people of the region write it; what cannot be parsed stays as it came."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return number
    same_country = parsed.country_code == phonenumbers.country_code_for_region(region)
    return phonenumbers.format_number(
        parsed, PhoneNumberFormat.NATIONAL if same_country else PhoneNumberFormat.INTERNATIONAL
    )


def is_region(code: str) -> bool:
    """Whether numbers can be read in this region, such as NZ."""
    return code in phonenumbers.SUPPORTED_REGIONS
