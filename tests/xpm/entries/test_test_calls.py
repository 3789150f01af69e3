"""Calls that somebody made up to see what comes: they go the way of every call, and never reach XPM."""

import asyncio
import dataclasses

import pytest_asyncio

from xpm.calls import Rules
from xpm.choices import Draft, Problem, TaskChoice, problems
from xpm.reception import OFFER
from xpm.store import calls as call_store
from xpm.store import phones as phone_store
from xpm.store import workspaces as workspace_store
from xpm.store.entries import State

from .test_call_reception import SYSTEM, Desk
from .world import MIA, WORKSPACE, World, ended_call


@pytest_asyncio.fixture
async def desk(world: World) -> Desk:
    async with world.database.transaction() as tx:
        await workspace_store.add_phone_system(tx, SYSTEM)
    return Desk(world)


async def chosen(world: World, entry_id: str) -> TaskChoice:
    """A task of the job that was chosen for an entry."""
    await world.entries.choose_job(MIA, entry_id, "J000123", Draft())
    card = await world.directory.card(WORKSPACE, "J000123")
    assert card is not None
    return TaskChoice("J000123", card.tasks[0].uuid)


async def test_test_call_is_offered_to_whoever_sent_it_and_is_marked(desk: Desk) -> None:
    await desk.reception.test(SYSTEM, MIA, "click 1")
    await desk.offer()
    [call] = await desk.calls()
    assert (call.is_test, call.seconds, call.numbers, call.email) == (True, 720, (), MIA.email)
    [entry] = await desk.entries()
    assert (entry.slack_user_id, entry.state) == ("U2", State.OFFERED)
    assert len(desk.world.notices.shown) == 1


async def test_same_click_told_twice_is_one_test_call(desk: Desk) -> None:
    for _ in range(2):
        await desk.reception.test(SYSTEM, MIA, "click 1")
    assert len(await desk.calls()) == 1
    assert desk.world.durable.names().count(OFFER) == 1


async def test_nothing_of_a_test_call_is_ever_sent_to_xpm(desk: Desk) -> None:
    await desk.reception.test(SYSTEM, MIA, "click 1")
    await desk.offer()
    [entry] = await desk.entries()
    entries = desk.world.entries
    task = await chosen(desk.world, entry.id)
    for _ in range(2):
        sent = await entries.send(MIA, entry.id, Draft(minutes="12", note="x"), task)
        assert (sent.state, problems(sent)) == (State.OFFERED, [Problem.TEST])
    await entries.dismiss(MIA, entry.id, Draft())
    await entries.reopen(MIA, entry.id)
    sent = await entries.send(MIA, entry.id, Draft(), task)
    assert (sent.state, sent.xpm_time_uuid) == (State.OFFERED, None)
    assert set(desk.world.durable.names()) <= {OFFER, "refresh_jobs"}


async def test_the_very_same_choice_of_a_real_call_is_sent(desk: Desk) -> None:
    """Or the test before would prove nothing."""
    await desk.reception.test(SYSTEM, MIA, "click 1")
    [made_up] = await desk.calls()
    async with desk.world.database.transaction() as tx:
        await call_store.change(tx, made_up, system_kind="standard")
    await desk.offer()
    [entry] = await desk.entries()
    task = await chosen(desk.world, entry.id)
    sent = await desk.world.entries.send(MIA, entry.id, Draft(), task)
    assert sent.state is State.SENDING


async def test_test_call_does_not_look_like_a_call_of_the_phone_system(desk: Desk) -> None:
    await desk.reception.test(SYSTEM, MIA, "click 1")
    async with desk.world.database.reading() as tx:
        system = await phone_store.one(tx, WORKSPACE, SYSTEM.id)
    assert system == dataclasses.replace(SYSTEM, last_call_at=None)


async def test_test_call_comes_whatever_the_practice_is_asked_about(desk: Desk) -> None:
    async with desk.world.database.transaction() as tx:
        await phone_store.save_rules(tx, WORKSPACE, Rules(3600))
    await desk.reception.test(SYSTEM, MIA, "click 1")
    await desk.offer()
    assert len(await desk.entries()) == 1


async def test_test_call_in_a_flood_of_real_ones_makes_none_of_them_a_test(desk: Desk) -> None:
    async with desk.world.database.transaction():
        # The database is busy, so that what the phone system tells meanwhile is written together.
        told = [desk.receive(ended_call(source_id=f"real {n}")) for n in range(2)]
        made_up = [desk.reception.test(SYSTEM, MIA, f"click {n}") for n in range(2)]
        works = [asyncio.ensure_future(one) for one in (made_up[0], told[0], made_up[1], told[1])]
        await asyncio.wait(works, timeout=0.05)
    await asyncio.gather(*works)
    calls = {call.source_id: call.is_test for call in await desk.calls()}
    assert calls == {
        "real 0": False,
        "real 1": False,
        "test:click 0": True,
        "test:click 1": True,
    }
