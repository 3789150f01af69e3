"""What may be typed and chosen, what keeps an entry from being sent, and what is filled in beforehand."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from xpm.choices import (
    NOTE_LIMIT,
    Draft,
    Problem,
    TaskChoice,
    likely_task,
    local_date,
    parse_minutes,
    problems,
)
from xpm.directory import JobCard
from xpm.store.entries import Entry, State
from xpm.store.mirror import Job, Task
from xpm.store.workspaces import Person

from .world import KEA, MIA, NOTE, SAM, START, TUI, WORKSPACE, World

# -- minutes and dates -------------------------------------------------------------------------------------------------


@given(st.integers(-2_000, 100_000))
def test_whole_minutes_of_a_day_are_taken_and_no_others(minutes: int) -> None:
    assert parse_minutes(str(minutes)) == (minutes if 1 <= minutes <= 1440 else None)
    assert parse_minutes(f"  {minutes}\n") == parse_minutes(str(minutes))


@example("1\x1f")  # trailing blanks that int() itself does not forgive
@given(st.text(max_size=12))
def test_whatever_is_typed_becomes_minutes_of_a_day_or_nothing(typed: str) -> None:
    minutes = parse_minutes(typed)
    assert minutes is None or (1 <= minutes <= 1440 and minutes == int(typed.strip()))


@pytest.mark.parametrize(
    "typed", ["", " ", "0", "1441", "-5", "+5", "1.5", "1,5", "1e2", "12 min", "１２", "²", "0x10"]
)
def test_what_is_not_whole_minutes_is_not_taken(typed: str) -> None:
    assert parse_minutes(typed) is None


@given(st.datetimes(timezones=st.just(dt.UTC)), st.text(max_size=300))
def test_any_text_as_a_time_zone_gives_a_day(moment: dt.datetime, zone: str) -> None:
    if dt.datetime(2, 1, 1, tzinfo=dt.UTC) < moment < dt.datetime(9998, 1, 1, tzinfo=dt.UTC):
        assert abs((local_date(moment, zone) - moment.date()).days) <= 1


@pytest.mark.parametrize("zone", ["Europe", "", "Mars/Base", "../etc", "x" * 300, "a\0b"])
def test_a_zone_that_is_none_counts_as_utc(zone: str) -> None:
    assert local_date(START, zone) == START.date()


@pytest.mark.parametrize(
    ("zone", "day", "is_future"),
    [
        ("Pacific/Auckland", 23, False),
        ("Pacific/Auckland", 24, True),
        ("America/Los_Angeles", 22, False),
        ("America/Los_Angeles", 23, True),
        ("Nowhere/At_All", 23, False),
        ("Nowhere/At_All", 24, True),
    ],
)
async def test_a_date_is_in_the_future_by_the_persons_own_calendar(
    world: World, zone: str, day: int, is_future: bool
) -> None:
    # It is one in the morning of the 23rd in UTC.
    there = replace(MIA, time_zone=zone)
    entry = await world.chosen("J000128", there)
    sent = await world.entries.send(there, entry.id, Draft(date=dt.date(2026, 11, day)))
    assert problems(sent) == ([Problem.FUTURE] if is_future else [])
    assert (sent.state is State.SENDING) is not is_future


async def test_a_form_is_for_today_where_the_person_is(world: World) -> None:
    here = await world.entries.open_form(MIA)
    there = await world.entries.open_form(replace(MIA, time_zone="America/Los_Angeles"))
    assert (here.date, there.date) == (dt.date(2026, 11, 23), dt.date(2026, 11, 22))
    assert (here.call_id, here.state, here.minutes, here.note) == (None, State.OFFERED, "", "")


# -- problems ----------------------------------------------------------------------------------------------------------


async def _refused(world: World, person: Person, entry: Entry, draft: Draft) -> list[Problem]:
    already = len(world.durable.queue)
    tried = await world.entries.send(person, entry.id, draft)
    assert tried.state is State.OFFERED
    assert world.durable.queue[already:] == []
    assert world.times() == []
    return problems(tried)


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        (Draft(minutes=""), [Problem.MINUTES]),
        (Draft(minutes="0"), [Problem.MINUTES]),
        (Draft(minutes="1441"), [Problem.MINUTES]),
        (Draft(minutes="ten"), [Problem.MINUTES]),
        (Draft(note="x" * (NOTE_LIMIT + 1)), [Problem.NOTE_TOO_LONG]),
        (Draft(date=dt.date(2026, 11, 24)), [Problem.FUTURE]),
        (
            Draft("x", "x" * (NOTE_LIMIT + 1), dt.date(2027, 1, 1)),
            [Problem.MINUTES, Problem.NOTE_TOO_LONG, Problem.FUTURE],
        ),
    ],
)
async def test_what_is_wrong_is_said_kept_as_typed_and_can_be_mended(
    world: World, draft: Draft, expected: list[Problem]
) -> None:
    entry = await world.chosen("J000128")
    assert await _refused(world, MIA, entry, draft) == expected
    kept = await world.now(entry)
    for name in ("minutes", "note", "date"):
        typed = getattr(draft, name)
        assert getattr(kept, name) == (getattr(entry, name) if typed is None else typed)
    mended = await world.entries.send(MIA, entry.id, Draft("12", NOTE, entry.date))
    assert (mended.state, mended.reason) == (State.SENDING, None)


async def test_a_note_of_the_longest_length_is_written_whole(world: World) -> None:
    entry = await world.chosen("J000128")
    await world.entries.send(MIA, entry.id, Draft(note="é" * NOTE_LIMIT))
    assert (await world.settle(entry)).state is State.SENT
    assert world.times()[0][3] == "é" * NOTE_LIMIT


async def test_without_a_job_there_is_nothing_to_send(world: World) -> None:
    form = await world.entries.open_form(MIA)
    assert await _refused(world, MIA, form, Draft("12")) == [Problem.NO_JOB]


async def test_a_job_that_is_not_in_the_mirror_is_not_put_on_the_entry(world: World) -> None:
    entry = await world.chosen()
    assert await world.entries.choose_job(MIA, entry.id, "J999999", Draft()) == entry


async def test_a_job_with_several_open_tasks_needs_one_chosen(world: World) -> None:
    entry = await world.chosen("J000123")
    assert entry.task_uuid is None
    assert await _refused(world, MIA, entry, Draft()) == [Problem.NO_TASK]


async def test_a_task_of_another_job_is_refused(world: World) -> None:
    entry = await world.chosen("J000123")
    choice = TaskChoice("J000123", world.task("J000125", "Annual accounts"))
    tried = await world.entries.send(MIA, entry.id, Draft(), choice)
    assert problems(tried) == [Problem.TASK_OF_OTHER_JOB]
    assert world.durable.queue == []


async def test_a_task_chosen_for_the_job_before_is_passed_over(world: World) -> None:
    entry = await world.chosen("J000123")
    stale = TaskChoice("J000124", world.task("J000124", "GST return"))
    tried = await world.entries.send(MIA, entry.id, Draft(), stale)
    assert problems(tried) == [Problem.NO_TASK]
    assert tried.task_uuid is None


@pytest.mark.parametrize("email", ["nobody@example.com", "office@example.com", None])
async def test_a_person_without_one_staff_record_cannot_send(
    world: World, email: str | None
) -> None:
    stranger = replace(MIA, email=email)
    entry = await world.chosen("J000128", stranger)
    assert await _refused(world, stranger, entry, Draft()) == [Problem.NO_STAFF]


async def test_a_staff_record_is_found_whatever_the_case_of_its_address(world: World) -> None:
    lee = replace(MIA, slack_user_id="U4", email="lee@EXAMPLE.com")
    entry = await world.sending("J000133", "Review", lee)
    assert (await world.settle(entry)).state is State.SENT


@pytest.mark.parametrize("how", ["in slack", "at xero"])
async def test_without_a_connection_nothing_is_sent_and_the_work_is_kept(
    world: World, how: str
) -> None:
    entry = await world.chosen("J000128")
    if how == "at xero":
        world.state.grants.disconnect_everywhere(KEA)
        await world.settle(await world.sending())
    else:
        await world.connections.disconnect(WORKSPACE, "U1")
    assert await _refused(world, MIA, entry, Draft("45")) == [Problem.NOT_CONNECTED]
    kept = await world.now(entry)
    assert (kept.job_number, kept.minutes, kept.note) == ("J000128", "45", NOTE)


async def test_a_saved_entry_is_never_changed_in_another_practice(world: World) -> None:
    saved = await world.settle(await world.sending(person=SAM))
    await world.entries.edit(SAM, saved.id)
    await world.connections.disconnect(WORKSPACE, "U1")
    await world.connect(TUI)
    await world.mirroring.sync(WORKSPACE, "s2", _unwatched)
    chosen = await world.entries.choose_job(SAM, saved.id, "J000900", Draft())
    assert chosen.job_number == "J000900"
    tui = world.state.practices[TUI]
    task = TaskChoice("J000900", tui.tasks_of(tui.jobs["J000900"])[0].uuid)
    tried = await world.entries.send(SAM, saved.id, Draft(), task)
    assert problems(tried) == [Problem.OTHER_PRACTICE]
    assert world.times(TUI) == []
    assert len(world.times()) == 1


async def _unwatched(_: str, __: object) -> None:
    """A sync nobody watches."""


async def test_problems_are_those_of_the_last_try_and_go_when_a_job_is_chosen(
    world: World,
) -> None:
    form = await world.entries.open_form(MIA)
    await _refused(world, MIA, form, Draft("x"))
    chosen = await world.entries.choose_job(MIA, form.id, "J000128", Draft())
    assert problems(chosen) == []
    assert problems(replace(chosen, state=State.REFUSED, reason="Job is completed")) == []


async def test_xpms_refusal_stays_in_sight_while_another_job_is_chosen(world: World) -> None:
    entry = await world.sending("J000123", "Review")
    await world.put(entry, state=State.REFUSED, reason="Job is completed")
    chosen = await world.entries.choose_job(MIA, entry.id, "J000128", Draft())
    assert (chosen.state, chosen.reason) == (State.REFUSED, "Job is completed")


# -- notes -------------------------------------------------------------------------------------------------------------


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(note=st.text(max_size=200), minutes=st.text(max_size=6))
@example(note="a\0b", minutes="12")
@example(note="", minutes="1\0")
@example(note="<&>\u202eab\x1b[31m", minutes="१२")
async def test_anything_typed_is_kept_by_the_database_and_answered(
    each_world: World, note: str, minutes: str
) -> None:
    world = each_world
    entry = await world.chosen("J000128")
    tried = await world.entries.send(MIA, entry.id, Draft(minutes, note))
    is_whole = parse_minutes(minutes) is not None
    assert tried.state is (State.SENDING if is_whole else State.OFFERED)
    assert problems(tried) == ([] if is_whole else [Problem.MINUTES])


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(note=st.text(max_size=100))
@example(note="a\0b\x0b c\r\nd\re\ufffe")
@example(note=" \u00a0 ]]> &amp; <b/> ")
async def test_any_note_in_doubt_is_recognised_in_xpm_and_written_once(
    world: World, note: str
) -> None:
    entry = await world.chosen("J000128")
    await world.entries.send(MIA, entry.id, Draft(note=note))
    world.fault("cut_after", "time.api/add")
    before = len(world.times())
    assert (await world.settle(entry)).state is State.SENT
    assert len(world.times()) == before + 1


# -- the likely task ---------------------------------------------------------------------------------------------------


async def test_the_task_used_last_for_a_job_is_chosen_beforehand(world: World) -> None:
    await world.settle(await world.sending("J000123", "Individual tax"))
    await world.clock.sleep(60)
    await world.settle(await world.sending("J000123", "Review"))
    assert (await world.chosen("J000123")).task_uuid == world.task("J000123", "Review")
    # Not what a colleague used, nor what was used for another job, nor what was only tried.
    assert (await world.chosen("J000123", SAM)).task_uuid is None
    assert (await world.chosen("J000125")).task_uuid is None
    await world.sending("J000123", "Individual tax")
    assert (await world.chosen("J000123")).task_uuid == world.task("J000123", "Review")


async def test_the_only_open_task_is_chosen_beforehand(world: World) -> None:
    assert (await world.chosen("J000128")).task_uuid == world.task("J000128", "GST return")


def test_a_task_that_is_gone_or_one_of_several_is_not_guessed() -> None:
    job = Job("J1", "Job", "Open", True, None, "")
    open_one, other, closed = (
        Task("t1", "A", is_completed=False),
        Task("t2", "B", is_completed=False),
        Task("t3", "C", is_completed=True),
    )
    assert likely_task(JobCard(job, (open_one, closed)), "gone") == "t1"
    assert likely_task(JobCard(job, (open_one, other)), "gone") is None
    assert likely_task(JobCard(job, (open_one, closed)), "t3") == "t3"
    assert likely_task(JobCard(job, (closed,)), None) is None
    assert likely_task(JobCard(job, ()), None) is None
