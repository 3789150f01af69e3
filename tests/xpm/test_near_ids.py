"""Job IDs that somebody may have meant who typed one that there is not."""

import pytest

from xpm.near_ids import near_ids

KNOWN = ("J000001", "J000999")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("J00123", "J000123"),
        ("J0000123", "J000123"),
        ("J123", "J000123"),
        ("123", "J000123"),
        ("000123", "J000123"),
        ("J000132", "J000123"),
        ("J000124", "J000123"),
        ("J00012", "J000123"),
        ("J0001233", "J000123"),
        ("tax-7", "TAX-7"),
        ("2026-12/A", "2026-21/A"),
    ],
)
def test_one_slip_away_is_near(typed: str, meant: str) -> None:
    near = near_ids(typed, KNOWN)
    assert meant in near
    assert typed not in near
    assert len(near) == len(set(near)) < 500


def test_a_missing_zero_is_likelier_than_a_wrong_digit() -> None:
    near = near_ids("J00123", KNOWN)
    assert near.index("J000123") < near.index("J00132") < near.index("J00124")


def test_two_slips_are_another_job_and_no_number_is_near_nothing() -> None:
    assert "J000123" not in near_ids("J000456", KNOWN)
    for typed in ("", "tax", "J" + "9" * 13):
        assert near_ids(typed, KNOWN) == []
    assert near_ids("7", ()) != []
