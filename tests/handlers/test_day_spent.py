"""XPM takes no more calls today: the person reads until when, and what was left before."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handlers.inside import Inside, chosen, running, shows, task_of


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Inside]:
    """A connected practice whose limit a day is small enough to be read."""
    with running(tmp_path, practice={"day_limit": 1000}) as inside:
        yield inside


async def test_status_says_what_is_left_and_a_time_that_waits_says_until_when(
    limited: Inside,
) -> None:
    inside = limited
    await inside.connect()
    async with inside.visitor("U0MIA") as mia:
        await mia.type("/xpm status")
        said = await mia.message("more requests from this app today")
        left = re.search(r"XPM takes (\d+) more requests", str(said["blocks"]))
        assert left is not None
        assert 900 < int(left[1]) < 1000
        message = await chosen(mia, await inside.offered(mia))
        await inside.practice_does(
            "faults", kind="rate", on="time.api", times=-1, seconds=7200, problem="day"
        )
        asked_at = dt.datetime.now(dt.UTC)
        await mia.press(message, "Save time", fields={"task": task_of(message)})
        await shows(mia, message, "XPM takes no more requests from this app until", "are safe")
        # To the minute, give or take the one that passes meanwhile.
        until = await inside.one("select waiting_until from entries where job_number = 'J000123'")
        moment = dt.datetime.fromisoformat(until).replace(tzinfo=dt.UTC)
        assert abs((moment - asked_at).total_seconds() - 7200) < 60
    # What waits would be sent in two hours.
    await inside.on_its_loop(inside.made.durable.forget("T0KEA"))
