"""The line in which calls wait, fair to every phone system."""

from xpm.share import Share


def test_whoever_tells_little_stands_first_while_another_floods() -> None:
    share = Share(lambda: 0.0)
    assert [share.place("flood") for _ in range(20)] == [0] * 20
    assert [share.place("flood") for _ in range(25)] == [1] * 20 + [2] * 5
    assert share.place("quiet") == 0


def test_a_minute_later_a_flood_is_forgotten() -> None:
    now = [0.0]
    share = Share(lambda: now[0])
    for _ in range(100):
        share.place("flood")
    now[0] = 59.9
    assert share.place("flood") == 5
    now[0] = 60.0
    assert share.place("flood") == 0
