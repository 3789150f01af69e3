import pytest

from xpm.api import Disconnected, Rejected, TryLater, Unknown, XpmError, backing_off, never

rule = backing_off(4, 1.0, 10.0, lambda: 1.0)


@pytest.mark.parametrize("error", [Rejected("no"), Disconnected("gone")])
def test_what_will_fail_again_is_not_asked_again(error: XpmError) -> None:
    assert rule(error, 1) is None


def test_each_wait_is_twice_the_last_until_the_attempts_are_used_up() -> None:
    assert [rule(Unknown(), made) for made in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, None]


def test_half_of_a_wait_is_left_to_chance() -> None:
    assert backing_off(4, 1.0, 10.0, lambda: 0.0)(Unknown(), 2) == 1.0


def test_what_the_vendor_states_is_obeyed() -> None:
    assert rule(TryLater(7.0), 1) == 7.0


def test_nobody_waits_beyond_the_ceiling() -> None:
    assert rule(TryLater(11.0), 1) is None
    assert rule(TryLater(1.0, day_spent=True), 1) is None


def test_never_is_a_rule_too() -> None:
    assert never(TryLater(1.0), 1) is None
