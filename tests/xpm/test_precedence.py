"""Whoever waits for an answer goes first; work that nobody waits for goes on all the same."""

import asyncio
import time

import pytest

from xpm.precedence import Precedence


async def at_once(precedence: Precedence) -> bool:
    """Whether a step is let through without a turn of the loop."""
    step = asyncio.ensure_future(precedence.stand_back())
    await asyncio.sleep(0)
    is_through = step.done()
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)
    return is_through


async def test_work_goes_on_at_once_while_nobody_waits() -> None:
    precedence = Precedence()
    assert await at_once(precedence)


async def test_work_stands_back_while_somebody_is_answered() -> None:
    precedence = Precedence()
    with precedence.answering():
        assert precedence.is_busy
        assert not await at_once(precedence)


async def test_an_answer_that_fails_holds_nobody_up_for_ever() -> None:
    precedence = Precedence()
    with pytest.raises(LookupError), precedence.answering():
        raise LookupError
    async with asyncio.timeout(5):
        await precedence.stand_back()
    assert not precedence.is_busy


async def test_work_waits_for_a_pause_and_not_for_the_end_of_one_answer() -> None:
    now = 0.0
    precedence = Precedence(lambda: now)
    with precedence.answering(), precedence.answering():
        pass
    assert precedence.is_busy
    now = 0.019
    assert precedence.is_busy
    with precedence.answering():
        now = 5.0
    assert precedence.is_busy
    now = 5.021
    assert not precedence.is_busy


async def test_work_comes_after_answers_that_come_one_upon_the_other() -> None:
    precedence = Precedence()
    order: list[str] = []

    async def step() -> None:
        await precedence.stand_back()
        order.append("work")

    with precedence.answering():
        working = asyncio.ensure_future(step())
        for _ in range(3):
            await asyncio.sleep(0)
    with precedence.answering():
        order.append("answer")
    await working
    assert order == ["answer", "work"]


async def test_work_is_let_through_in_turn_however_long_people_are_answered() -> None:
    precedence = Precedence()
    done: list[int] = []

    async def step(number: int) -> None:
        await precedence.stand_back()
        done.append(number)

    with precedence.answering():
        began = time.monotonic()
        async with asyncio.timeout(20):
            await asyncio.gather(*(step(number) for number in range(6)))
        took = time.monotonic() - began
    assert done == [0, 1, 2, 3, 4, 5]
    # One in fifty milliseconds: neither none of them nor all together.
    assert took > 0.25


async def test_a_crowd_stands_behind_whoever_comes_meanwhile() -> None:
    precedence = Precedence()
    done: list[str] = []

    async def step(name: str, *, goes_last: bool) -> None:
        await precedence.stand_back(goes_last=goes_last)
        done.append(name)

    with precedence.answering():
        crowd = [asyncio.create_task(step(f"{n}", goes_last=True)) for n in range(50)]
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await asyncio.gather(*(step("somebody's", goes_last=False) for _ in range(3)))
        # At most one of the crowd had its turn while three others came and had theirs.
        assert len(done) <= 4
    async with asyncio.timeout(20):
        await asyncio.gather(*crowd)
    assert len(done) == 53


async def test_in_a_pause_too_each_waits_until_the_one_before_lets_the_loop_go() -> None:
    precedence = Precedence()
    said: list[str] = []

    async def step() -> None:
        await precedence.stand_back()
        said.append("step")
        # What a step does between two waits, holding the loop.
        time.sleep(0.03)  # noqa: ASYNC251

    async def others() -> None:
        while True:
            said.append("other")
            await asyncio.sleep(0.001)

    beside = asyncio.ensure_future(others())
    async with asyncio.timeout(20):
        await asyncio.gather(*(step() for _ in range(6)))
    beside.cancel()
    between = "".join(one[0] for one in said).strip("o").split("s")[1:-1]
    assert len(between) == 5
    # Once because the loop is free again, and then while nothing else is done.
    assert min(len(each) for each in between) >= 2


async def test_somebody_who_gives_up_waiting_holds_up_nobody_behind_them() -> None:
    precedence = Precedence()
    with precedence.answering():
        first = asyncio.ensure_future(precedence.stand_back())
        second = asyncio.ensure_future(precedence.stand_back())
        await asyncio.sleep(0)
        first.cancel()
        async with asyncio.timeout(5):
            await second
    assert first.cancelled()
