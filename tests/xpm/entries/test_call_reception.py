"""Ended calls: kept once, offered to their person once, and asked about only when worth it."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
import sqlalchemy as sa

from sandbox.practice.records import fresh_uuid
from xpm.api import TryLater
from xpm.calls import EndedCall, Rules
from xpm.choices import Draft
from xpm.reception import OFFER, OFFER_IN_TURN, REFRESH, Reception
from xpm.standing import Standings
from xpm.store import calls as call_store
from xpm.store import entries as store
from xpm.store import tables as t
from xpm.store import workspaces as workspace_store
from xpm.store.calls import Call
from xpm.store.entries import Entry, State
from xpm.store.workspaces import Person, PhoneSystem
from xpm.vault import Sealed

from .world import KEA, MIA, SAM, START, WORKSPACE, World, ended_call

SYSTEM = PhoneSystem("P1", WORKSPACE, "standard", Sealed("v1.x.y"), START)


class Desk:
    """Reception, with what a test wants to see of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slack_is_away = 0
        self.reception = Reception(
            world.database, world.connections, world.directory, world.entries, world.durable,
            world.notices, self.find, world.clock, Rules(30),
        )  # fmt: skip

    async def find(self, workspace_id: str, email: str) -> Person | None:
        """Finds somebody among those we know."""
        if self.slack_is_away:
            self.slack_is_away -= 1
            raise TryLater(7.0, "Slack is away")
        async with self.world.database.reading() as tx:
            return await workspace_store.person_by_email(tx, workspace_id, email)

    async def receive(self, *ended: EndedCall) -> int:
        """Takes calls in."""
        return await self.reception.receive(SYSTEM, ended)

    async def calls(self) -> list[Call]:
        """The calls that were kept."""
        async with self.world.database.reading() as tx:
            ids = (
                await tx.execute(sa.select(t.calls.c.id).order_by(t.calls.c.source_id))
            ).scalars()
            found = [await call_store.get(tx, WORKSPACE, one) for one in list(ids)]
        return [call for call in found if call is not None]

    async def entries(self) -> list[Entry]:
        """The entries that were made."""
        async with self.world.database.reading() as tx:
            return await store.in_state(tx, WORKSPACE, *State)

    async def offer(self) -> None:
        """Runs the workflow of every call that is to be offered."""
        ways = {OFFER: self.reception.offer, OFFER_IN_TURN: self.reception.offer_in_turn}
        for name, _, (_, given) in [one for one in self.world.durable.queue if one[0] in ways]:
            await self.world.fly(ways[name](WORKSPACE, given) for _ in itertools.count())


@pytest_asyncio.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    """Reception at one workspace."""
    yield Desk(world)


async def test_a_call_becomes_one_entry_with_its_message(desk: Desk) -> None:
    assert await desk.receive(ended_call()) == 1
    await desk.offer()
    [call] = await desk.calls()
    assert (call.outcome, call.email, call.seconds) == ("offered", "mia@example.com", 720)
    names = [(party.client_name, party.contact_name) for party in call.parties]
    assert names == [("Huia Trust", "Ana Example"), ("Kea Ltd", "Ana Example")]
    [entry] = await desk.entries()
    assert (entry.slack_user_id, entry.minutes, entry.client_uuid) == ("U2", "12", None)
    assert entry.note == "Call with Ana Example"
    assert desk.world.notices.shown == [(entry.id, State.OFFERED, None)]
    assert desk.world.durable.names() == [OFFER, REFRESH]


async def test_calls_of_a_flood_stand_behind_the_first_of_another_system(desk: Desk) -> None:
    await desk.receive(*(ended_call(source_id=f"flood-{nth}") for nth in range(50)))
    await desk.reception.receive(replace(SYSTEM, id="quiet"), [ended_call(source_id="quiet-1")])
    durable, calls = desk.world.durable, {call.id: call.source_id for call in await desk.calls()}
    at_once = [calls[given] for name, _, (_, given) in durable.queue if name == OFFER]
    assert len(at_once) == 21
    assert "quiet-1" in at_once
    portions = {
        key: [calls[one] for one in given]
        for name, key, (_, given) in durable.queue
        if name == OFFER_IN_TURN
    }
    assert [len(portion) for portion in portions.values()] == [10, 10, 10]
    assert [durable.places[OFFER_IN_TURN, key] for key in portions] == [1, 1, 2]
    assert sorted(at_once + [one for each in portions.values() for one in each]) == sorted(
        calls.values()
    )
    # All are asked about, once; only for those of a usual day are jobs fetched afresh.
    await desk.offer()
    await desk.offer()
    assert len(await desk.entries()) == len(desk.world.notices.shown) == 51
    assert durable.names().count(REFRESH) == 21


async def test_a_portion_goes_on_where_slack_or_a_crash_cut_it(desk: Desk) -> None:
    await desk.receive(*(ended_call(source_id=f"flood-{nth:02}") for nth in range(24)))
    [given] = [given for name, _, (_, given) in desk.world.durable.queue if name == OFFER_IN_TURN]
    in_turn = desk.reception.offer_in_turn
    assert await in_turn(WORKSPACE, given) == 0.0
    desk.slack_is_away = 1
    assert await in_turn(WORKSPACE, given) == 7.0
    assert len(desk.world.notices.shown) == 1
    # Cut between making the entry and showing it.
    desk.world.notices.away = 1
    assert await in_turn(WORKSPACE, given) is not None
    assert len(await desk.entries()) == 2
    for left in (0.0, 0.0, None):
        assert await in_turn(WORKSPACE, given) == left
    assert len(await desk.entries()) == len(desk.world.notices.shown) == len(given) == 4


async def test_a_call_told_again_is_kept_once_and_asked_about_once(each_world: World) -> None:
    desk = Desk(each_world)
    told = await asyncio.gather(desk.receive(ended_call()), desk.receive(ended_call()))
    assert sorted(told) == [0, 1]
    assert await desk.receive(ended_call(notes="changed")) == 0
    assert desk.world.durable.names() == [OFFER]
    await desk.offer()
    await desk.offer()
    assert len(await desk.entries()) == 1
    assert len(desk.world.notices.shown) == 1


async def test_a_call_of_two_people_is_asked_of_both(desk: Desk) -> None:
    assert await desk.receive(ended_call(), ended_call(email="sam@example.com")) == 2
    await desk.offer()
    assert sorted(entry.slack_user_id for entry in await desk.entries()) == ["U1", "U2"]


async def test_calls_that_came_together_are_each_judged_alone(desk: Desk) -> None:
    assert await desk.receive(ended_call(), ended_call(), ended_call(source_id="c2")) == 2


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"is_answered": False, "answered_at": None}, "missed"),
        ({"is_internal": True}, "internal"),
        ({"ended_at": ended_call().answered_at}, "short"),
    ],
)
async def test_calls_not_worth_asking_about_are_kept_and_nobody_is_asked(
    desk: Desk, values: dict[str, object], why: str
) -> None:
    assert await desk.receive(ended_call(**values)) == 1
    assert [call.outcome for call in await desk.calls()] == [why]
    assert desk.world.durable.queue == []


@pytest.mark.parametrize("why", ["nobody knows", "left"])
async def test_a_call_of_somebody_we_cannot_ask_is_kept_and_listed_for_those_who_may_mend_it(
    desk: Desk, why: str
) -> None:
    if why == "left":
        async with desk.world.database.transaction() as tx:
            await workspace_store.save_person(tx, replace(MIA, has_left=True))
        email = "mia@example.com"
    else:
        email = "ghost@example.com"
    await desk.receive(ended_call(email=email), ended_call(email=email, source_id="c2"))
    await desk.offer()
    assert await desk.entries() == []
    assert desk.world.notices.shown == []
    standings = Standings(desk.world.database, desk.world.clock)
    assert (await standings.of(SAM)).nobodys_calls == [(email, 2)]
    nosy = replace(MIA, is_admin=False)
    assert (await standings.of(nosy)).nobodys_calls == []
    assert (await standings.of(replace(nosy, is_admin=True))).nobodys_calls == [(email, 2)]
    await desk.world.clock.sleep(8 * 86_400)
    assert (await standings.of(SAM)).nobodys_calls == []


async def test_slack_being_away_delays_the_message_and_makes_one_entry(desk: Desk) -> None:
    await desk.receive(ended_call())
    desk.slack_is_away, desk.world.notices.away = 2, 2
    await desk.offer()
    assert len(await desk.entries()) == 1
    assert len(desk.world.notices.shown) == 1
    assert (desk.world.clock() - START).total_seconds() == 2 * 7 + 2 * 3


async def test_a_crash_between_the_entry_and_its_message_shows_it_afterwards(desk: Desk) -> None:
    await desk.receive(ended_call())
    [call] = await desk.calls()
    desk.world.notices.away = 1
    assert await desk.reception.offer(WORKSPACE, call.id) == 3.0
    [entry] = await desk.entries()
    assert entry.message_ts is None
    again = Desk(desk.world)
    assert await again.reception.offer(WORKSPACE, call.id) is None
    assert desk.world.notices.shown == [(entry.id, State.OFFERED, None)]
    assert await again.reception.offer(WORKSPACE, call.id) is None
    assert len(desk.world.notices.shown) == 1
    assert len(await desk.entries()) == 1


@pytest.mark.parametrize("numbers", [(), ("anonymous",), ("266696687",)])
async def test_a_withheld_number_is_offered_without_client(
    desk: Desk, numbers: tuple[str, ...]
) -> None:
    await desk.receive(ended_call(numbers=numbers))
    await desk.offer()
    [entry] = await desk.entries()
    assert (entry.client_uuid, entry.note) == (None, "Call from a withheld number")


async def test_a_number_that_nobody_has_is_named(desk: Desk) -> None:
    await desk.receive(ended_call(numbers=("+64215559999",)))
    await desk.offer()
    [entry] = await desk.entries()
    assert (entry.client_uuid, entry.note) == (None, "Call with 021 555 9999")


async def test_a_number_of_one_client_puts_it_on_the_entry(desk: Desk) -> None:
    await desk.receive(ended_call(numbers=("09 555 0150",)))
    await desk.offer()
    [entry] = await desk.entries()
    assert entry.client_uuid == await desk.world.client("Rata Cafe")


async def test_without_a_connection_the_call_is_offered_all_the_same(desk: Desk) -> None:
    await desk.world.connections.disconnect(WORKSPACE, "U1")
    await desk.receive(ended_call())
    await desk.offer()
    [entry] = await desk.entries()
    assert (entry.client_uuid, entry.note) == (None, "Call with 021 555 0123")


async def test_a_call_that_is_gone_is_passed_over(desk: Desk) -> None:
    assert await desk.reception.offer(WORKSPACE, "nothing") is None
    await desk.reception.refresh(WORKSPACE, "nothing")
    assert desk.world.notices.shown == []


async def test_whatever_a_phone_system_writes_is_kept(each_world: World) -> None:
    desk = Desk(each_world)
    odd = ended_call(caller_name="A\x07na ‮ 😀", notes="<b>" * 900, source_id="ü" * 255)
    assert await desk.receive(odd) == 1
    await desk.offer()
    assert len(await desk.entries()) == 1


# -- refreshing --------------------------------------------------------------------------------------------------------


def _new_job(world: World) -> str:
    kea = world.state.practices[KEA]
    job = kea.jobs["J000123"]
    kea.add_job(replace(job, number="J700001", uuid=fresh_uuid(), name="Made just now"))
    return "J700001"


async def test_a_job_made_just_now_is_in_the_menu_of_the_next_call(desk: Desk) -> None:
    number = _new_job(desk.world)
    assert await desk.world.directory.card(WORKSPACE, number) is None
    await desk.receive(ended_call())
    await desk.offer()
    [call] = await desk.calls()
    await desk.reception.refresh(WORKSPACE, call.id)
    clients = [(await desk.world.client("Kea Ltd"), "Kea Ltd")]
    menu = await desk.world.directory.menu(WORKSPACE, clients, None, "just now")
    assert [job.number for group in menu for job in group.jobs] == [number]
    # These lists bring no tasks: those of the other jobs are still there.
    card = await desk.world.directory.card(WORKSPACE, "J000123")
    assert card is not None
    assert len(card.tasks) == 4


async def test_a_refresh_that_xpm_does_not_answer_is_tried_again_for_some_minutes(
    desk: Desk,
) -> None:
    number = _new_job(desk.world)
    await desk.receive(ended_call())
    await desk.offer()
    [call] = await desk.calls()
    desk.world.fault("503", times=-1)
    assert await desk.reception.refresh(WORKSPACE, call.id) == 15
    desk.world.state.faults.clear()
    assert await desk.reception.refresh(WORKSPACE, call.id) is None
    assert await desk.world.directory.card(WORKSPACE, number) is not None
    desk.world.fault("503", times=-1)
    await desk.world.clock.sleep(600)
    assert await desk.reception.refresh(WORKSPACE, call.id) is None


@pytest.mark.parametrize("why", ["disconnected", "day spent", "refused"])
async def test_a_refresh_gives_up_quietly_and_leaves_the_mirror(desk: Desk, why: str) -> None:
    await desk.receive(ended_call())
    await desk.offer()
    [call] = await desk.calls()
    if why == "day spent":
        desk.world.fault("rate", times=-1, problem="day", seconds=36000)
    elif why == "refused":
        # The client was deleted in XPM since the last sync.
        desk.world.state.practices[KEA].clients.clear()
    else:
        desk.world.state.grants.disconnect_everywhere(KEA)
    assert await desk.reception.refresh(WORKSPACE, call.id) is None
    [entry] = await desk.entries()
    chosen = await desk.world.entries.choose_job(MIA, entry.id, "J000123", Draft())
    assert chosen.job_number == "J000123"
