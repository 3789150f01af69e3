"""Rate limits: what is left, what is refused, and when it opens again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sandbox.practice.conftest import Xero


async def test_headers_say_what_is_left(kea: Xero) -> None:
    first = await kea.call("GET", "staff.api/list")
    second = await kea.call("GET", "staff.api/list")
    assert first.headers["x-daylimit-remaining"] == "4999"
    assert second.headers["x-daylimit-remaining"] == "4998"
    assert second.headers["x-minlimit-remaining"] == "998"
    assert second.headers["x-appminlimit-remaining"] == "9998"


async def test_the_minute_limit_says_when_to_come_back(serve: Any) -> None:
    async with serve("h11", minute_limit=2) as xero:
        await xero.connect()
        await xero.call("GET", "staff.api/list")
        xero.clock.move(seconds=38)
        await xero.call("GET", "staff.api/list")
        refused = await xero.call("POST", "time.api/add", xero.sheet())
        assert refused.status_code == 429
        assert refused.content == b""
        assert refused.headers["retry-after"] == "22"
        assert refused.headers["x-rate-limit-problem"] == "minute"
        assert refused.headers["x-minlimit-remaining"] == "0"
        xero.clock.move(seconds=22)
        assert await xero.add()


async def test_the_day_limit_is_far_away(serve: Any) -> None:
    async with serve("h11", day_limit=1) as xero:
        await xero.connect()
        await xero.call("GET", "staff.api/list")
        xero.clock.move(minutes=10)
        refused = await xero.call("GET", "staff.api/list")
        assert refused.headers["x-rate-limit-problem"] == "day"
        assert refused.headers["retry-after"] == str(24 * 3600 - 600)


async def test_a_limit_of_one_practice_leaves_the_other_alone(serve: Any) -> None:
    async with serve("h11", minute_limit=1) as xero:
        await xero.connect()
        await xero.call("GET", "staff.api/list")
        assert (await xero.call("GET", "staff.api/list")).status_code == 429
        await xero.connect(practice="22222222-2222-4222-8222-222222222222")
        assert (await xero.call("GET", "staff.api/list")).status_code == 200


async def test_too_many_at_once_are_refused_without_a_time_to_wait(serve: Any) -> None:
    async with serve("h11", clients=3000, concurrent_limit=2) as xero:
        await xero.connect()
        answers = await asyncio.gather(*(xero.call("GET", "client.api/list") for _ in range(6)))
        refused = [a for a in answers if a.status_code == 429]
        assert refused
        assert len(answers) - len(refused) >= 2
        assert refused[0].headers["x-rate-limit-problem"] == "concurrent"
        assert "retry-after" not in refused[0].headers
        assert (await xero.call("GET", "staff.api/list")).status_code == 200
