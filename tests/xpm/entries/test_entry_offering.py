"""What an entry holds when a person first sees it, and what its message shows."""

import asyncio
import contextlib
import datetime as dt
from dataclasses import replace

import pytest

from xpm.choices import Draft, call_note
from xpm.store import entries as store
from xpm.store.calls import Party
from xpm.store.entries import State

from .world import KEA, MIA, SAM, START, WORKSPACE, World

ANA = "+64215550123"


async def _party(world: World, client: str, contact: str | None, number: str = ANA) -> Party:
    return Party(number, await world.client(client), client, contact, None)


async def test_a_call_is_offered_with_its_minutes_client_and_note(world: World) -> None:
    call = await world.call(await _party(world, "Kea Ltd", "Ana Example"))
    entry = await world.offered(call)
    assert entry is not None
    assert (entry.state, entry.version, entry.call_id) == (State.OFFERED, 1, call.id)
    assert (entry.minutes, entry.note) == ("12", "Call with Ana Example")
    assert entry.client_uuid == await world.client("Kea Ltd")
    assert (entry.job_number, entry.task_uuid) == (None, None)
    assert entry == await world.now(entry)


async def test_a_call_is_offered_once_to_each_person(each_world: World) -> None:
    world = each_world
    call = await world.call()
    first, second = await asyncio.gather(world.offered(call), world.offered(call))
    assert (first is None) is not (second is None)
    assert await world.offered(call) is None
    assert await world.offered(call, SAM) is not None
    async with world.database.reading() as tx:
        assert len(await store.unshown_of_call(tx, WORKSPACE, call.id)) == 2


async def test_an_offer_that_is_rolled_back_leaves_nothing(world: World) -> None:
    call = await world.call()
    with contextlib.suppress(LookupError):
        async with world.database.transaction() as tx:
            assert await world.entries.offer(tx, call, MIA, "NZ") is not None
            raise LookupError
    assert await world.offered(call) is not None


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [(0, "1"), (29, "1"), (89, "1"), (90, "2"), (720, "12"), (99_999, "1440")],
)
async def test_minutes_come_from_the_length_of_the_call(
    world: World, seconds: int, minutes: str
) -> None:
    entry = await world.offered(await world.call(seconds=seconds))
    assert entry is not None
    assert entry.minutes == minutes


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Auckland", 23), ("America/Los_Angeles", 22), ("No/Zone", 23)]
)
async def test_the_date_is_the_day_on_which_the_call_began_where_the_person_is(
    world: World, zone: str, day: int
) -> None:
    entry = await world.offered(await world.call(), replace(MIA, time_zone=zone))
    assert entry is not None
    assert entry.date == dt.date(2026, 11, day)


async def test_a_call_that_began_before_midnight_belongs_to_that_day(world: World) -> None:
    # Midnight in Auckland is 11:00 UTC.
    begun = dt.datetime(2026, 11, 22, 10, 59, tzinfo=dt.UTC)
    entry = await world.offered(await world.call(started_at=begun))
    assert entry is not None
    assert entry.date == dt.date(2026, 11, 22)


@pytest.mark.parametrize(
    ("parties", "caller", "note"),
    [
        ([Party(ANA, "c1", "Kea Ltd", "Ana Example")], None, "Call with Ana Example"),
        ([Party(ANA, "c1", "Kea Ltd", None)], None, "Call with Kea Ltd"),
        ([Party(ANA)], None, "Call with 021 555 0123"),
        ([Party("+442079460958")], None, "Call with +44 20 7946 0958"),
        (
            [Party(ANA, "c1", "Kea Ltd", "Ana Example"), Party("+6495550100", "c1", "Kea Ltd")],
            None,
            "Call with Ana Example and Kea Ltd",
        ),
        (
            [Party(ANA, "c1", "Kea Ltd", "Ana"), Party(ANA, "c2", "Huia Trust", "Ana")],
            None,
            "Call with Ana",
        ),
        ([], "Reception", "Call with Reception"),
        ([], None, "Call from a withheld number"),
    ],
)
async def test_the_note_names_who_called(
    world: World, parties: list[Party], caller: str | None, note: str
) -> None:
    assert call_note(await world.call(*parties, caller_name=caller), "NZ") == note


async def test_of_several_clients_none_is_chosen_and_the_person_may_say_which(
    world: World,
) -> None:
    kea, huia = [await _party(world, name, "Ana Example") for name in ("Kea Ltd", "Huia Trust")]
    entry = await world.offered(await world.call(kea, huia))
    assert entry is not None
    assert entry.client_uuid is None
    both = [(kea.client_uuid, "Kea Ltd"), (huia.client_uuid, "Huia Trust")]
    clients, staff = await world.entries.job_menu_of(MIA, entry.id)
    assert (clients, staff) == (both, world.staff())
    narrowed = await world.entries.choose_client(MIA, entry.id, huia.client_uuid, Draft(note="n"))
    assert (narrowed.client_uuid, narrowed.note) == (huia.client_uuid, "n")
    assert (await world.entries.job_menu_of(MIA, entry.id))[0] == both[1:]
    view = await world.entries.view(WORKSPACE, entry.id)
    assert view is not None
    assert view.clients == both[1:]
    await world.entries.choose_client(MIA, entry.id, None, Draft())
    assert (await world.entries.job_menu_of(MIA, entry.id))[0] == both


async def test_one_client_with_two_numbers_is_one_client(world: World) -> None:
    ana = await _party(world, "Kea Ltd", "Ana Example")
    ben = await _party(world, "Kea Ltd", "Ben Example", "+6495550101")
    entry = await world.offered(await world.call(ana, ben))
    assert entry is not None
    assert entry.client_uuid == ana.client_uuid
    assert entry.note == "Call with Ana Example and Ben Example"


@pytest.mark.parametrize("parties", [[], [Party("+64215559999")]], ids=["withheld", "unknown"])
async def test_a_call_with_nobody_we_know_offers_the_persons_own_jobs(
    world: World, parties: list[Party]
) -> None:
    entry = await world.offered(await world.call(*parties))
    assert entry is not None
    assert entry.client_uuid is None
    view = await world.entries.view(WORKSPACE, entry.id)
    assert view is not None
    assert (view.clients, view.client_has_jobs, view.has_jobs) == ([], False, True)


async def test_the_view_of_a_call_shows_what_a_message_needs(world: World) -> None:
    entry = await world.offered(await world.call(await _party(world, "Kea Ltd", "Ana Example")))
    assert entry is not None
    await world.entries.choose_job(MIA, entry.id, "J000123", Draft())
    view = await world.entries.view(WORKSPACE, entry.id)
    assert view is not None
    assert view.call is not None
    assert view.card is not None
    assert view.card.job.name == "Tax return 2026"
    assert [task.name for task in view.card.tasks][-1] == "Planning"  # the completed one
    assert view.person == MIA
    assert view.connection is not None
    assert view.connected_by == "Sam Rivers"
    assert (view.has_staff, view.has_jobs, view.client_has_jobs) == (True, True, True)


async def test_a_client_without_open_jobs_leaves_the_persons_own(world: World) -> None:
    entry = await world.offered(await world.call(await _party(world, "Moa Farms", "Dan Sample")))
    assert entry is not None
    view = await world.entries.view(WORKSPACE, entry.id)
    assert view is not None
    assert (view.client_has_jobs, view.has_jobs) == (False, True)


async def test_somebody_without_staff_record_and_client_has_no_jobs(world: World) -> None:
    stranger = replace(MIA, slack_user_id="U9", email="nobody@example.com")
    form = await world.entries.open_form(stranger)
    view = await world.entries.view(WORKSPACE, form.id)
    assert view is not None
    assert (view.has_staff, view.has_jobs, view.client_has_jobs) == (False, False, False)
    assert await world.entries.job_menu_of(stranger, form.id) == ([], None)


async def test_the_view_counts_what_the_person_saved_that_day(world: World) -> None:
    await world.saved()
    second = await world.saved()
    await world.settle(await world.sending(person=SAM))
    await world.sending()
    view = await world.entries.view(WORKSPACE, second.id)
    assert view is not None
    assert (view.minutes_of_day, view.entries_of_day) == (24, 2)
    await world.entries.undo(MIA, second.id)
    await world.settle(second)
    view = await world.entries.view(WORKSPACE, second.id)
    assert view is not None
    assert (view.minutes_of_day, view.entries_of_day) == (12, 1)


async def test_without_a_connection_the_view_says_so_and_has_no_jobs(world: World) -> None:
    entry = await world.chosen()
    await world.connections.disconnect(WORKSPACE, "U1")
    view = await world.entries.view(WORKSPACE, entry.id)
    assert view is not None
    assert (view.connection, view.connected_by, view.card) == (None, "", None)
    assert (view.has_staff, view.has_jobs) == (False, False)
    assert view.entry.job_number == "J000123"
    assert world.state.practices[KEA].jobs["J000123"].is_open
    assert view.entry.created_at == START
