"""Phone numbers as they really stand in practices and come from phone systems.

Numbers are of ranges reserved for fiction, or of their form: NZ 555, ACMA 5550/7010/0491 570, Ofcom 7946 0958 and
07700 900, NANP 555-01xx.
"""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpm.matching import (
    for_people,
    is_region,
    is_withheld,
    numbers_in,
    outside_numbers,
    to_e164,
)

# region, as somebody wrote it, every number in it
FORMS: list[tuple[str, str, list[str]]] = [
    # New Zealand, landlines
    ("NZ", "(09) 555 0100", ["+6495550100"]),
    ("NZ", "09 555 0100", ["+6495550100"]),
    ("NZ", "095550100", ["+6495550100"]),
    ("NZ", "09-555-0100", ["+6495550100"]),
    ("NZ", "09.555.0100", ["+6495550100"]),
    ("NZ", "(09)5550100", ["+6495550100"]),
    ("NZ", "+64 9 555 0100", ["+6495550100"]),
    ("NZ", "+64 (0)9 555 0100", ["+6495550100"]),
    ("NZ", "+64 (09) 555 0100", ["+6495550100"]),
    ("NZ", "0064 9 555 0100", ["+6495550100"]),
    ("NZ", "64 9 555 0100", ["+6495550100"]),
    ("NZ", "+6495550100", ["+6495550100"]),
    ("NZ", "  09 555 0100  ", ["+6495550100"]),
    ("NZ", "09\u00a0555\u00a00100", ["+6495550100"]),
    ("NZ", "09 555‑0100", ["+6495550100"]),
    ("NZ", "09 555–0100", ["+6495550100"]),
    ("NZ", "tel:+64-9-555-0100", ["+6495550100"]),
    ("NZ", "Ph: 09 555 0100", ["+6495550100"]),
    ("NZ", "Phone 09 555 0100", ["+6495550100"]),
    ("NZ", "09 555 0101 ext 12", ["+6495550101"]),
    ("NZ", "09 555 0101 x12", ["+6495550101"]),
    ("NZ", "09 555 0101 ext. 12", ["+6495550101"]),
    ("NZ", "09 555 0101 #12", ["+6495550101"]),
    ("NZ", "09 555 0101;ext=12", ["+6495550101"]),
    # New Zealand, mobiles and freephone
    ("NZ", "021 555 0123", ["+64215550123"]),
    ("NZ", "0215550123", ["+64215550123"]),
    ("NZ", "021-555-0123", ["+64215550123"]),
    ("NZ", "(021) 555 0123", ["+64215550123"]),
    ("NZ", "+64 21 555 0123", ["+64215550123"]),
    ("NZ", "+64 (0) 21 555 0123", ["+64215550123"]),
    ("NZ", "021 555 0123 (mobile)", ["+64215550123"]),
    ("NZ", "021 555 0123 (Ana)", ["+64215550123"]),
    ("NZ", "0800 555 012", ["+64800555012"]),
    # several in one field
    ("NZ", "09 555 0150 / 021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150/021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150; 021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150, 021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150 or 021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150 and 021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150 & 021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150\n021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150\r\n021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150 | 021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "W 09 555 0150 M 021 555 0151", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0150 (home), 021 555 0151 (Ana)", ["+6495550150", "+64215550151"]),
    ("NZ", "09 555 0100 / +64 9 555 0100", ["+6495550100"]),
    # Australia
    ("AU", "(02) 5550 1234", ["+61255501234"]),
    ("AU", "02 5550 1234", ["+61255501234"]),
    ("AU", "+61 2 5550 1234", ["+61255501234"]),
    ("AU", "+61 (0)2 5550 1234", ["+61255501234"]),
    ("AU", "0011 64 9 555 0100", ["+6495550100"]),
    ("AU", "0491 570 156", ["+61491570156"]),
    ("AU", "0491570156", ["+61491570156"]),
    ("AU", "+61 491 570 156", ["+61491570156"]),
    ("NZ", "+61 491 570 156", ["+61491570156"]),
    ("NZ", "0061 2 5550 1234", ["+61255501234"]),
    # United Kingdom
    ("GB", "020 7946 0958", ["+442079460958"]),
    ("GB", "(020) 7946 0958", ["+442079460958"]),
    ("GB", "+44 20 7946 0958", ["+442079460958"]),
    ("GB", "+44 (0)20 7946 0958", ["+442079460958"]),
    ("GB", "07700 900123", ["+447700900123"]),
    ("GB", "07700 900 123", ["+447700900123"]),
    ("GB", "0044 7700 900123", ["+447700900123"]),
    ("GB", "01632 960123", ["+441632960123"]),
    # elsewhere
    ("US", "(212) 555-0123", ["+12125550123"]),
    ("NZ", "+1 212-555-0123", ["+12125550123"]),
    ("NZ", "+1 (212) 555-0123", ["+12125550123"]),
    ("NZ", "+353 20 910 1234", ["+353209101234"]),
    # nothing that could be matched
    ("NZ", "", []),
    ("NZ", "   ", []),
    ("NZ", "n/a", []),
    ("NZ", "N/A", []),
    ("NZ", "-", []),
    ("NZ", "none", []),
    ("NZ", "TBA", []),
    ("NZ", "call office", []),
    ("NZ", "555 0100", []),
    ("NZ", "5550100", []),
    ("NZ", "111", []),
    ("NZ", "0", []),
    ("NZ", "12", []),
    ("NZ", "ana@example.com", []),
    ("NZ", "https://example.com/", []),
    ("NZ", "anonymous", []),
    ("NZ", "Private", []),
    ("NZ", "+266696687", []),
    ("NZ", "1234567890123456789012345", []),
    ("NZ", "+", []),
    ("NZ", "+999 123 456 789", []),
]


@pytest.mark.parametrize(("region", "text", "expected"), FORMS)
def test_every_number_of_a_field_is_found_and_nothing_else(
    region: str, text: str, expected: list[str]
) -> None:
    assert numbers_in(text, region) == expected


@pytest.mark.parametrize(
    ("region", "text", "expected"),
    [
        (region, text, found[0])
        for region, text, found in FORMS
        if len(found) == 1 and "/" not in text
    ],
)
def test_a_number_of_a_call_meets_the_number_of_the_field(
    region: str, text: str, expected: str
) -> None:
    # Most phone systems send E.164; it must be the same whatever the region is.
    assert outside_numbers([expected], "NZ") == [expected]
    assert outside_numbers([expected], region) == [expected]


@pytest.mark.parametrize(
    "number",
    [
        None,
        "",
        "  ",
        "anonymous",
        "Anonymous",
        "RESTRICTED",
        "blocked",
        "Unknown",
        "unavailable",
        "private",
        "withheld",
        "266696687",
        "+266696687",
        "7378742833",
        "+17378742833",
        "2562533",
        "+12562533",
        "8656696",
        "+18656696",
        "86282452253",
        "+86282452253",
    ],
)
def test_a_caller_who_hides_is_nobody(number: str | None) -> None:
    assert is_withheld(number)
    assert to_e164(number, "NZ") is None
    assert outside_numbers([number], "NZ") == []


@pytest.mark.parametrize("number", ["+64215550123", "021 555 0123", "0", "Ana", "+12125550123"])
def test_a_caller_with_a_number_or_a_name_does_not_hide(number: str) -> None:
    assert not is_withheld(number)


def test_a_number_without_its_country_is_read_where_the_practice_is() -> None:
    assert to_e164("09 555 0100", "NZ") == "+6495550100"
    assert to_e164("020 7946 0958", "GB") == "+442079460958"
    assert to_e164("02 5550 1234", "AU") == "+61255501234"


def test_the_numbers_of_a_call_keep_their_order_and_come_once() -> None:
    numbers = ["+64215550123", "anonymous", None, "09 555 0100", "+64 21 555 0123", "+6495550100"]
    assert outside_numbers(numbers, "NZ") == ["+64215550123", "+6495550100"]


@pytest.mark.parametrize(
    ("number", "region", "expected"),
    [
        ("+64215550123", "NZ", "021 555 0123"),
        ("+6495550100", "NZ", "09 555 0100"),
        ("+61491570156", "NZ", "+61 491 570 156"),
        ("+61491570156", "AU", "0491 570 156"),
        ("+442079460958", "NZ", "+44 20 7946 0958"),
        ("withheld", "NZ", "withheld"),
        ("", "NZ", ""),
    ],
)
def test_people_read_a_number_as_it_is_written_where_they_are(
    number: str, region: str, expected: str
) -> None:
    assert for_people(number, region) == expected


def test_a_region_is_known_or_not() -> None:
    assert all(is_region(code) for code in ("NZ", "AU", "GB", "US", "IE"))
    assert not any(is_region(code) for code in ("", "nz", "XX", "New Zealand", "001"))


@given(st.text(max_size=200), st.sampled_from(["NZ", "AU", "GB"]))
def test_whatever_stands_in_the_field_what_is_found_is_a_number(text: str, region: str) -> None:
    for number in numbers_in(text, region):
        assert number.startswith("+")
        assert number[1:].isascii()
        assert number[1:].isdigit()
        assert 8 <= len(number) <= 16
        assert to_e164(number, region) == number


@given(st.lists(st.one_of(st.none(), st.text(max_size=30)), max_size=5))
def test_no_number_of_a_call_breaks_anything(numbers: list[str | None]) -> None:
    found = outside_numbers(numbers, "NZ")
    assert len(found) == len(set(found))
    for number in found:
        assert for_people(number, "NZ")


@pytest.mark.parametrize(
    "text", ["(" * 20_000, ")" + "(" * 20_000, "9" * 100_000, "ext" * 20_000, "(a)" * 20_000]
)
def test_a_very_long_field_does_not_stop_a_sync(text: str) -> None:
    # XPM states no length; a quadratic search took half a minute for one such field.
    began = time.process_time()
    assert numbers_in(text, "NZ") == []
    assert time.process_time() - began < 3


def test_a_field_with_a_number_thousands_of_times_gives_it_once() -> None:
    assert numbers_in("09 555 0100 / " * 2000, "NZ") == ["+6495550100"]
