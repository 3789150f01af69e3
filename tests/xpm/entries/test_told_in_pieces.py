"""What phone systems tell in pieces, late or twice: one call a person, one message, and nothing typed is lost."""

import asyncio
import datetime as dt
from dataclasses import replace

import pytest_asyncio

from xpm.calls import EndedCall, Late, Remark, Rules, Step
from xpm.choices import Draft
from xpm.gathering import GIVEN_WAY, NOBODY, OFFER, RETELL
from xpm.store import audit
from xpm.store import calls as call_store
from xpm.store import phones as phone_store
from xpm.store.entries import State

from .test_call_reception import SYSTEM, Desk
from .world import MIA, SAM, START, WORKSPACE, World, ended_call

COMMENT = Remark("comment", "Wants a call back", "Sam", "1")
MENDED = "extension 103"


@pytest_asyncio.fixture
async def desk(world: World) -> Desk:
    return Desk(world)


async def retell(desk: Desk) -> None:
    """Runs what was enqueued to show what came late."""
    for _, _, (_, call_id) in [one for one in desk.world.durable.queue if one[0] == RETELL]:
        await desk.reception.retell(WORKSPACE, call_id)


def unnamed(**values: object) -> EndedCall:
    """A call of somebody known by an extension alone."""
    return ended_call(**{"email": "", "staff": (MENDED,), "staff_name": "Mia C", **values})


async def test_late_comment_is_added_to_the_message_that_is_there(desk: Desk) -> None:
    await desk.receive(ended_call())
    await desk.offer()
    [entry] = await desk.entries()
    await desk.world.entries.choose_job(MIA, entry.id, "J000123", Draft(note="My own words"))
    assert await desk.reception.receive(SYSTEM, [Late("c1", (COMMENT,))]) == 0
    await retell(desk)
    [call] = await desk.calls()
    assert call.remarks == (COMMENT,)
    [entry] = await desk.entries()
    assert (entry.note, entry.job_number) == ("My own words", "J000123")
    assert len([one for one in desk.world.notices.shown if one[0] == entry.id]) == 2
    assert desk.world.durable.names().count(OFFER) == 1


async def test_late_comment_told_twice_changes_nothing_the_second_time(desk: Desk) -> None:
    await desk.receive(ended_call())
    await desk.offer()
    for _ in range(3):
        await desk.reception.receive(SYSTEM, [Late("c1", (COMMENT,))])
    assert desk.world.durable.names().count(RETELL) == 1


async def test_comment_that_comes_before_the_call_waits_for_it(desk: Desk) -> None:
    assert await desk.reception.receive(SYSTEM, [Late("c1", (COMMENT,))]) == 0
    assert await desk.receive(ended_call()) == 1
    [call] = await desk.calls()
    assert call.remarks == (COMMENT,)


async def test_corrected_length_changes_minutes_that_nobody_has_seen(desk: Desk) -> None:
    await desk.receive(ended_call())
    await desk.offer()
    await desk.receive(ended_call(seconds=600, sequence=2))
    assert [entry.minutes for entry in await desk.entries()] == ["10"]
    assert [call.seconds for call in await desk.calls()] == [600]


async def test_corrected_length_leaves_minutes_that_a_person_has_before_them(desk: Desk) -> None:
    await desk.receive(ended_call())
    await desk.offer()
    [entry] = await desk.entries()
    await desk.world.entries.choose_job(MIA, entry.id, "J000123", Draft(minutes="12"))
    await desk.receive(ended_call(seconds=600, sequence=2))
    assert [entry.minutes for entry in await desk.entries()] == ["12"]


async def test_steps_are_nothing_until_they_are_a_call_and_then_one(desk: Desk) -> None:
    def step(state: str, minutes: float, sequence: int) -> Step:
        return Step("s1", "p3", state, START + dt.timedelta(minutes=minutes), sequence,
                    staff=("extension 103",), email="mia@example.com", numbers=("+64215550123",))  # fmt: skip

    steps = [step("gone", 0, 9), step("talking", -12, 3), step("ringing", -13, 1)]
    assert await desk.reception.receive(SYSTEM, [steps[2]]) == 0
    assert await desk.reception.receive(SYSTEM, [steps[0]]) == 1
    assert [call.outcome for call in await desk.calls()] == ["missed"]
    # The message in the middle was late: now they talked, and are asked.
    assert await desk.reception.receive(SYSTEM, [steps[1]]) == 0
    [call] = await desk.calls()
    assert (call.outcome, call.seconds) == (call_store.WAITING, 720)
    await desk.offer()
    await desk.offer()
    assert [entry.minutes for entry in await desk.entries()] == ["12"]


async def test_pieces_at_the_same_moment_from_two_replicas_make_one_call(each_world: World) -> None:
    desk, other = Desk(each_world), Desk(each_world)
    legs = [ended_call(leg=f"leg {n}") for n in range(6)]
    told = await asyncio.gather(
        *(one.reception.receive(SYSTEM, [leg]) for one in (desk, other) for leg in legs)
    )
    assert sum(told) == 1
    [call] = await desk.calls()
    assert call.seconds == 720
    await desk.offer()
    assert len(await desk.entries()) == 1


async def test_extension_nobody_knows_is_listed_and_asked_about_once_it_is_named(
    desk: Desk,
) -> None:
    await desk.receive(unnamed())
    await desk.offer()
    assert [call.outcome for call in await desk.calls()] == [call_store.UNKNOWN_PERSON]
    async with desk.world.database.reading() as tx:
        assert await call_store.of_nobody(tx, WORKSPACE, START) == [("extension 103", 1)]
        [listed] = await phone_store.people(tx, WORKSPACE, SYSTEM.id)
    assert (listed.staff, listed.name, listed.email) == ("extension 103", "Mia C", None)
    assert await desk.reception.mend(SYSTEM, MENDED, "Mia@Example.com") == 1
    await desk.offer()
    assert [entry.slack_user_id for entry in await desk.entries()] == ["U2"]
    # And the next call is known at once.
    await desk.receive(unnamed(source_id="c2"))
    await desk.offer()
    assert len(await desk.entries()) == 2


async def test_extension_named_on_the_command_line_is_asked_about_by_the_clock(desk: Desk) -> None:
    await desk.receive(unnamed())
    await desk.offer()
    async with desk.world.database.transaction() as tx:
        await phone_store.mend(tx, WORKSPACE, SYSTEM.id, MENDED, "mia@example.com", START)
    for _ in range(2):
        await desk.reception.ask_mended()
    await desk.offer()
    assert len(await desk.entries()) == 1


async def test_naming_somebody_keeps_what_the_phone_system_said_of_the_name_and_when(
    desk: Desk,
) -> None:
    await desk.receive(unnamed())
    desk.world.clock.moment += dt.timedelta(days=2)
    await desk.reception.mend(SYSTEM, MENDED, "mia@example.com", by="U1")
    async with desk.world.database.reading() as tx:
        [named] = await phone_store.people(tx, WORKSPACE, SYSTEM.id)
        facts = await audit.since(tx, WORKSPACE, START)
    assert (named.name, named.seen_at, named.email) == ("Mia C", START, "mia@example.com")
    assert [(fact.event, fact.slack_user_id, fact.subject) for fact in facts] == [
        ("phones.person_named", "U1", SYSTEM.id)
    ]


async def test_menu_that_answers_is_nobody_once_somebody_said_so(desk: Desk) -> None:
    await desk.reception.mend(SYSTEM, MENDED, None)
    await desk.receive(unnamed())
    assert [call.outcome for call in await desk.calls()] == [NOBODY]
    assert OFFER not in desk.world.durable.names()


async def test_table_of_people_fills_itself_from_events_that_know_more(desk: Desk) -> None:
    await desk.receive(ended_call(staff=(MENDED,)))
    await desk.receive(unnamed(source_id="c2"))
    assert [call.email for call in await desk.calls()] == ["mia@example.com", "mia@example.com"]


async def test_what_was_mended_by_hand_stands_against_the_phone_system(desk: Desk) -> None:
    await desk.reception.mend(SYSTEM, MENDED, "sam@example.com")
    await desk.receive(ended_call(staff=(MENDED,)))
    await desk.receive(unnamed(source_id="c2"))
    assert {call.email for call in await desk.calls()} == {"sam@example.com"}


async def test_name_of_one_phone_system_says_nothing_of_another(desk: Desk) -> None:
    await desk.receive(ended_call(staff=(MENDED,)))
    await desk.reception.receive(replace(SYSTEM, id="P2"), [unnamed()])
    assert sorted(call.email for call in await desk.calls()) == ["", "mia@example.com"]


async def test_line_waits_for_the_person_who_spoke_on_it_and_then_gives_way(desk: Desk) -> None:
    await desk.reception.mend(SYSTEM, "line +6495550100", "sam@example.com")
    line = unnamed(staff=("line +6495550100",), is_line=True, leg="parent")
    await desk.receive(line)
    [call] = await desk.calls()
    pause = await desk.reception.offer(WORKSPACE, call.id)
    assert pause is not None
    assert 0 < pause <= 15
    await desk.receive(ended_call(leg="child"))
    await desk.offer()
    assert [entry.slack_user_id for entry in await desk.entries()] == ["U2"]
    assert GIVEN_WAY in {call.outcome for call in await desk.calls()}


async def test_line_alone_is_asked_about_after_the_wait(desk: Desk) -> None:
    await desk.reception.mend(SYSTEM, "line +6495550100", "mia@example.com")
    await desk.receive(unnamed(staff=("line +6495550100",), is_line=True))
    await desk.offer()
    assert len(await desk.entries()) == 1


async def test_person_with_two_names_on_one_call_is_asked_once(desk: Desk) -> None:
    for staff in ("extension 103", "extension 104"):
        await desk.reception.mend(SYSTEM, staff, "mia@example.com")
    await desk.receive(unnamed(staff=("extension 103",), leg="a"))
    await desk.receive(unnamed(staff=("extension 104",), leg="b"))
    await desk.offer()
    assert len(await desk.entries()) == 1


async def test_queue_that_rang_four_and_one_picked_up_asks_one_even_where_missed_calls_count(
    desk: Desk,
) -> None:
    async with desk.world.database.transaction() as tx:
        await phone_store.save_rules(tx, WORKSPACE, Rules(30, asks_missed=True))
    rang = ended_call(email="sam@example.com", is_answered=False, answered_at=None, leg="a")
    await desk.receive(rang)
    await desk.receive(ended_call(leg="b"))
    await desk.offer()
    assert [entry.slack_user_id for entry in await desk.entries()] == ["U2"]


async def test_practices_own_rules_decide_and_others_keep_theirs(desk: Desk) -> None:
    async with desk.world.database.transaction() as tx:
        await phone_store.save_rules(tx, WORKSPACE, Rules(3600, ignored_numbers=("021 555 0123",)))
        await phone_store.save_rules(tx, "T2", Rules(1))
    await desk.receive(ended_call(), ended_call(source_id="c2", numbers=("+6495550101",)))
    assert [call.outcome for call in await desk.calls()] == ["ignored", "short"]


async def test_call_by_a_clock_that_is_ahead_ends_now(desk: Desk) -> None:
    ahead = dt.timedelta(hours=12)
    call = ended_call()
    answered = call.answered_at
    assert answered is not None
    await desk.receive(
        replace(call, started_at=call.started_at + ahead, answered_at=answered + ahead,
                ended_at=call.ended_at + ahead)
    )  # fmt: skip
    [kept] = await desk.calls()
    assert (kept.ended_at, kept.seconds) == (desk.world.clock(), 720)


async def test_one_call_cannot_fill_the_database(desk: Desk) -> None:
    told = [Late("c1", (Remark("tag", f"tag {n}"),)) for n in range(phone_store.MOST_TELLINGS + 20)]
    await desk.reception.receive(SYSTEM, told)
    async with desk.world.database.reading() as tx:
        kept = await phone_store.tellings(tx, WORKSPACE, SYSTEM.id, ["c1"])
    assert len(kept["c1"]) == phone_store.MOST_TELLINGS


async def test_tellings_are_forgotten_after_a_month_and_the_call_stays(desk: Desk) -> None:
    await desk.receive(ended_call())
    desk.world.clock.moment += dt.timedelta(days=31)
    await desk.reception.purge()
    async with desk.world.database.reading() as tx:
        assert await phone_store.tellings(tx, WORKSPACE, SYSTEM.id, ["c1"]) == {}
    assert len(await desk.calls()) == 1
    # The phone system tells it once more: the call is known all the same.
    assert await desk.receive(ended_call()) == 0


async def test_late_word_about_a_call_that_was_not_logged_brings_it_back_to_nobody(
    desk: Desk,
) -> None:
    await desk.receive(ended_call())
    await desk.offer()
    [entry] = await desk.entries()
    await desk.world.entries.dismiss(MIA, entry.id, Draft())
    await desk.reception.receive(SYSTEM, [Late("c1", (COMMENT,))])
    assert [entry.state for entry in await desk.entries()] == [State.NOT_LOGGED]
    assert SAM.slack_user_id not in {entry.slack_user_id for entry in await desk.entries()}
