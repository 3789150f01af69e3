"""The mirror of the practice: what a sync copies, what it forgets, and what people read from it."""

import asyncio
import datetime as dt

import pytest
import sqlalchemy as sa

from tests.xpm.kea import KEA, TUI, Kea, until
from xpm.api import Disconnected, TryLater
from xpm.store import connections as store
from xpm.store import tables as t
from xpm.store.calls import Party
from xpm.store.connections import Sync

NUMBER = "+64215550123"


@pytest.fixture
async def synced(kea: Kea) -> Kea:
    """A workspace whose mirror holds Kea Accounting."""
    await kea.sync("s0")
    kea.told.clear()
    kea.clock.turn(minutes=10)
    return kea


async def _column(kea: Kea, column: sa.Column[str], workspace: str = "T1") -> list[str]:
    async with kea.database.reading() as tx:
        of_workspace = column.table.c.workspace_id == workspace
        rows = await tx.execute(sa.select(column).where(of_workspace).order_by(column))
        return list(rows.scalars())


async def _copy(kea: Kea) -> dict[str, list[str]]:
    """The whole mirror but for the marks of the syncs."""
    found = {}
    async with kea.database.reading() as tx:
        for table in (*t.MIRROR, *t.BESIDE_MIRROR):
            columns = [column for column in table.columns if column.name != "sync_id"]
            found[table.name] = sorted(map(repr, await tx.execute(sa.select(*columns))))
    return found


async def _last(kea: Kea, *, finished: bool = True) -> Sync | None:
    async with kea.database.reading() as tx:
        return await store.last_sync(tx, "T1", finished=finished)


async def _numbers(kea: Kea, text: str = "", **more: object) -> list[list[str]]:
    groups = await kea.directory.menu("T1", [], kea.staff_uuid("Mia"), text)
    return [[job.number for job in group.jobs] for group in groups]


# -- what a sync copies --------------------------------------------------------------------------------------------


async def test_a_sync_copies_the_practice_and_counts_it(kea_on_both: Kea) -> None:
    kea = kea_on_both
    await kea.sync()
    practice = kea.xero.practices[KEA]
    living = [one for one in practice.clients.values() if not one.is_deleted]
    people = {link.contact.uuid for one in living for link in one.links}
    running = [job for job in practice.jobs.values() if job.is_open]
    counts = await kea.directory.counts("T1")
    assert counts == {
        "clients": len(living),
        "contacts": len(people),
        "staff": len(practice.staff),
        "jobs": len(running),
    }
    last = await _last(kea)
    assert last is not None
    assert (last.clients, last.contacts, last.staff, last.jobs) == tuple(counts.values())
    assert (last.failure, last.finished_at) == (None, kea.clock.moment)
    assert kea.told[-1] == last


async def test_a_number_on_client_and_contact_names_the_contact(kea: Kea) -> None:
    contact = {"name": "Pat Sample", "mobile": "021 555 0222", "position": "Owner"}
    await kea.door("clients", name="Same Number", phone="(021) 555-0222", contacts=[contact])
    await kea.sync()
    found = await kea.directory.parties("T1", ["+64215550222"])
    assert [(one.client_name, one.contact_name) for one in found] == [("Same Number", "Pat Sample")]


async def test_a_sync_tells_how_many_clients_to_expect_from_the_second_on(kea: Kea) -> None:
    await kea.sync("s1")
    assert kea.told[-1].clients_expected == 0
    kea.clock.turn(hours=1)
    await kea.sync("s2")
    assert kea.told[-1].clients_expected == kea.told[-1].clients > 0


async def test_syncing_again_changes_nothing_where_nothing_changed(synced: Kea) -> None:
    before = await _copy(synced)
    await synced.sync("s1")
    assert await _copy(synced) == before


async def test_each_workspace_has_its_own_practice(kea: Kea) -> None:
    await kea.connect("T2", "U9", TUI)
    await kea.sync("s1", "T1")
    await kea.sync("s1", "T2")
    assert await kea.directory.card("T2", "J000123") is None
    assert await kea.directory.card("T1", "J000900") is None
    assert await kea.directory.card("T2", "J000900") is not None
    assert await kea.directory.parties("T2", [NUMBER]) == [Party(NUMBER)]


# -- what a sync forgets -------------------------------------------------------------------------------------------


async def test_what_vanished_from_the_practice_vanishes_here(synced: Kea) -> None:
    practice = synced.xero.practices[KEA]
    gone_client, gone_job = practice.client_named("Moa Farms"), practice.jobs.pop("J000124")
    assert gone_client is not None
    await synced.door("clients", name="Moa Farms", deleted=True)
    await synced.door("clients", name="Kea Ltd", phone="", contacts=[])
    await synced.door("jobs/J000132/state", state="Completed")
    await synced.sync("s1")
    assert gone_client.uuid not in await _column(synced, t.clients.c.uuid)
    assert "Dan Sample" not in await _column(synced, t.contacts.c.name)
    numbers = await _column(synced, t.phone_numbers.c.e164)
    assert not {"+6495550177", "+6495550100", "+6495550101"} & set(numbers)
    found = await synced.directory.parties("T1", [NUMBER])
    assert [one.client_name for one in found] == ["Huia Trust"]
    kept = set(await _column(synced, t.jobs.c.number))
    assert gone_job.number not in kept
    assert "J000132" not in kept
    for column in (t.tasks.c.job_number, t.job_staff.c.job_number, t.job_words.c.job_number):
        assert set(await _column(synced, column)) <= kept


async def test_a_changed_name_number_and_task_is_taken_over(synced: Kea) -> None:
    practice = synced.xero.practices[KEA]
    practice.jobs["J000123"].name = "Renamed"
    tasks = practice.jobs["J000123"].tasks
    assert tasks is not None
    removed = tasks.pop(0)
    practice.jobs["J000123"].assigned = (synced.staff_uuid("Lee"),)
    await synced.door("clients", name="Kea Ltd", phone="09 555 0199")
    await synced.sync("s1")
    card = await synced.directory.card("T1", "J000123")
    assert card is not None
    assert card.job.name == "Renamed"
    assert removed.uuid not in {task.uuid for task in card.tasks}
    assert [one.client_name for one in await synced.directory.parties("T1", ["+6495550199"])] == [
        "Kea Ltd"
    ]
    assert await synced.directory.parties("T1", ["+6495550100"]) == [Party("+6495550100")]
    (group,) = await synced.directory.menu("T1", [], synced.staff_uuid("Mia"), "J000123")
    assert group.label == "All jobs"


async def test_a_closed_job_that_somebody_looked_up_outlives_a_sync(synced: Kea) -> None:
    assert await synced.directory.look_up("T1", "J000130") is not None
    await synced.sync("s1")
    card = await synced.directory.card("T1", "J000130")
    assert card is not None
    assert not card.job.is_open


# -- a sync that does not end well ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "endpoint"),
    [
        ("half", "job.api/current"),
        ("half", "client.api/list"),
        ("dead_grant", "connect/token"),
    ],
)
async def test_a_sync_cut_in_the_middle_leaves_the_old_mirror_whole(
    synced: Kea, kind: str, endpoint: str
) -> None:
    synced.clock.turn(hours=1)
    before = await _copy(synced)
    synced.fault(kind, endpoint, times=-1)
    with pytest.raises((TryLater, Disconnected)) as caught:
        await synced.sync("s1")
    assert await _copy(synced) == before
    failed, last = await _last(synced, finished=False), await _last(synced)
    assert failed is not None
    assert last is not None
    assert (failed.id, failed.failure) == ("s1", type(caught.value).__name__)
    assert failed.finished_at == synced.clock.moment
    assert last.id == "s0"


async def test_a_sync_that_was_cut_begins_again_under_the_same_name(synced: Kea) -> None:
    before = await _copy(synced)
    began = synced.clock.moment
    synced.fault("half", "client.api/list")
    with pytest.raises(TryLater):
        await synced.sync("s2")
    synced.clock.turn(minutes=1)
    await synced.sync("s2")
    last = await _last(synced)
    assert last is not None
    # Whoever waits for it counts from the first try.
    assert (last.id, last.failure, last.started_at) == ("s2", None, began)
    assert last.clients == (await synced.directory.counts("T1"))["clients"]
    assert await _copy(synced) == before


async def test_a_workspace_that_is_not_connected_is_not_synced(stranger: Kea) -> None:
    with pytest.raises(Disconnected):
        await stranger.sync()
    failed = await _last(stranger, finished=False)
    assert failed is not None
    assert failed.failure == "Disconnected"


async def test_a_job_looked_up_while_a_sync_runs_is_not_swept_away(kea_on_both: Kea) -> None:
    kea = kea_on_both
    kea.fault("late", "client.api/list", seconds=0.5)
    syncing = asyncio.create_task(kea.sync())
    await until(kea.has_jobs)
    new = (await kea.door("jobs", client="Kea Ltd", name="Made just now"))["jobs"][0]["number"]
    assert await kea.directory.look_up("T1", new) is not None
    assert await kea.directory.look_up("T1", "J000123") is not None
    await kea.directory.refresh_jobs("T1", [kea.client_uuid("Huia Trust")], kea.staff_uuid("Mia"))
    await syncing
    for number in (new, "J000123", "J000124", "J000125"):
        card = await kea.directory.card("T1", number)
        assert card is not None, number
        assert card.tasks, number


async def test_two_syncs_at_once_leave_the_mirror_whole(synced: Kea) -> None:
    before = await _copy(synced)
    # The first has copied the jobs and waits for the clients while the second copies everything.
    synced.fault("late", "client.api/list", seconds=0.5)
    first = asyncio.create_task(synced.sync("s1"))

    async def has_the_jobs() -> bool:
        return synced.asked("/practicemanager/3.1/job.api/current") == 2

    await until(has_the_jobs)
    synced.clock.turn(seconds=1)
    await synced.sync("s2")
    synced.clock.turn(seconds=1)
    await first
    assert await _copy(synced) == before


# -- looking up and refreshing -------------------------------------------------------------------------------------


async def test_an_exact_id_finds_a_job_that_was_made_just_now(synced: Kea) -> None:
    made = await synced.door("jobs", client="Kea Ltd", name="Made just now", tasks=["Review"])
    number = made["jobs"][0]["number"]
    assert await synced.directory.card("T1", number) is None
    found = await synced.directory.look_up("T1", number)
    assert found is not None
    assert (found.job.name, found.job.client_name) == ("Made just now", "Kea Ltd")
    assert [task.name for task in found.tasks] == ["Review"]
    assert found.job.is_open
    assert await synced.directory.card("T1", number) == found


@pytest.mark.parametrize("number", ["J999999", "J000900", "j000123", "../J000123", "..", "%2e", ""])
async def test_an_id_that_the_practice_does_not_have_finds_nothing(
    synced: Kea, number: str
) -> None:
    before = await _copy(synced)
    assert await synced.directory.look_up("T1", number) is None
    assert await _copy(synced) == before


@pytest.mark.parametrize(("number", "state"), [("J000130", "Completed"), ("J000131", "Cancelled")])
async def test_a_closed_job_is_found_and_says_so(synced: Kea, number: str, state: str) -> None:
    found = await synced.directory.look_up("T1", number)
    assert found is not None
    assert (found.job.state, found.job.is_open) == (state, False)
    (group,) = await synced.directory.menu("T1", [], None, number)
    assert (group.label, group.jobs) == ("All jobs", (found.job,))


async def test_a_job_that_was_closed_meanwhile_leaves_the_opened_menu_when_it_is_looked_up(
    synced: Kea,
) -> None:
    await synced.door("jobs/J000123/state", state="Completed")
    assert "J000123" in (await _numbers(synced))[0]
    await synced.directory.look_up("T1", "J000123")
    assert "J000123" not in (await _numbers(synced))[0]
    (group,) = await synced.directory.menu("T1", [], synced.staff_uuid("Mia"), "J000123")
    assert [(job.number, job.is_open) for job in group.jobs] == [("J000123", False)]


async def test_a_look_up_says_when_xpm_is_away_or_disconnected(synced: Kea) -> None:
    synced.fault("down", times=-1)
    with pytest.raises(TryLater):
        await synced.directory.look_up("T1", "J000123")
    synced.xero.faults.clear()
    await synced.connections.disconnect("T1", "U1")
    with pytest.raises(Disconnected):
        await synced.directory.look_up("T1", "J000123")


async def test_refreshing_brings_new_jobs_into_the_menu_and_keeps_the_tasks(synced: Kea) -> None:
    before = await synced.directory.card("T1", "J000123")
    made = await synced.door("jobs", client="Kea Ltd", name="Made just now")
    number = made["jobs"][0]["number"]
    await synced.door("jobs/J000124/state", state="Completed")
    uuid = synced.client_uuid("Kea Ltd")
    await synced.directory.refresh_jobs("T1", [uuid], None)
    groups = await synced.directory.menu("T1", [(uuid, "Kea Ltd")], None, "")
    numbers = [job.number for job in groups[0].jobs]
    assert number in numbers
    assert "J000124" not in numbers
    assert await synced.directory.card("T1", "J000123") == before
    # The list leaves the people out; those we know stay.
    assert "J000123" in (await _numbers(synced, "J000123"))[0]


async def test_refreshing_a_person_puts_them_on_their_new_jobs(synced: Kea) -> None:
    made = await synced.door("jobs", client="Rata Cafe", name="Zebra", staff=["mia@example.com"])
    number = made["jobs"][0]["number"]
    await synced.directory.refresh_jobs("T1", [], synced.staff_uuid("Mia"))
    assert await _numbers(synced, "zebra") == [[number]]


async def test_the_most_urgent_job_comes_first_and_undated_ones_last(synced: Kea) -> None:
    practice = synced.xero.practices[KEA]
    practice.jobs["J000132"].due = dt.date(2026, 12, 1)
    practice.jobs["J000124"].due = dt.date(2027, 1, 1)
    await synced.sync("s1")
    async with synced.database.transaction() as tx:
        await tx.execute(
            sa.update(t.jobs).where(t.jobs.c.number == "J000123").values(due_date=None)
        )
    kea_ltd = (synced.client_uuid("Kea Ltd"), "Kea Ltd")
    (group,) = await synced.directory.menu("T1", [kea_ltd], None, "")
    assert [job.number for job in group.jobs] == ["J000132", "J000124", "J000123"]
