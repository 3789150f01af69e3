"""The mirror between full syncs: increments write what changed and nothing else, and reach back when one was cut."""

from urllib.parse import parse_qs

import pytest
import sqlalchemy as sa

from tests.xpm.kea import KEA, Kea, served_kea
from xpm.api import TryLater
from xpm.mirroring import OVERLAP, Kind
from xpm.store import Database
from xpm.store import connections as store
from xpm.store import tables as t
from xpm.store.calls import Party

ANA = "+64215550123"


@pytest.fixture
async def synced(kea_on_both: Kea) -> Kea:
    """A workspace whose mirror holds Kea Accounting since ten minutes ago, on each kind of database in turn."""
    await kea_on_both.sync("s0")
    kea_on_both.clock.turn(minutes=30)
    return kea_on_both


async def _written_by(kea: Kea, sync_id: str, *tables: sa.Table) -> dict[str, int]:
    found = {}
    async with kea.database.reading() as tx:
        for table in tables or t.MIRROR:
            count = sa.select(sa.func.count()).where(table.c.sync_id == sync_id)
            found[table.name] = (await tx.execute(count)).scalar_one()
    return {name: number for name, number in found.items() if number}


async def _region(kea: Kea) -> str:
    connection = await kea.connections.of("T1")
    assert connection is not None
    return connection.region


def _queries(kea: Kea) -> list[dict[str, list[str]]]:
    return [parse_qs(one.query) for one in kea.xero.log if one.path.endswith("client.api/list")]


async def test_an_increment_writes_the_client_that_changed_and_no_other(synced: Kea) -> None:
    await synced.door("clients", name="Rata Cafe", phone="09 555 0199 / 021 555 0198")
    await synced.sync("i1", kind=Kind.CLIENTS)
    assert (await _written_by(synced, "i1"))["clients"] == 1
    for number in ("+6495550199", "+64215550198"):
        [party] = await synced.directory.parties("T1", [number])
        assert party.client_name == "Rata Cafe"
    assert await synced.directory.parties("T1", ["+6495550150"]) == [Party("+6495550150")]


async def test_an_increment_asks_since_the_last_one_with_an_overlap(synced: Kea) -> None:
    await synced.sync("i1", kind=Kind.CLIENTS)
    began = synced.clock.moment
    synced.clock.turn(minutes=10)
    await synced.sync("i2", kind=Kind.CLIENTS)
    full, _, last = _queries(synced)
    assert full == {}
    assert last["modifiedsince"] == [f"{began - OVERLAP:%Y-%m-%dT%H:%M:%S}"]


async def test_what_the_overlap_brings_again_is_not_written_again(synced: Kea) -> None:
    await synced.door("clients", name="Rata Cafe", phone="09 555 0199")
    await synced.sync("i1", kind=Kind.CLIENTS)
    synced.clock.turn(minutes=5)
    await synced.sync("i2", kind=Kind.CLIENTS)
    assert (await _written_by(synced, "i1"))["clients"] == 1
    assert await _written_by(synced, "i2") == {}


async def test_a_cut_increment_is_made_up_for_by_the_next(synced: Kea) -> None:
    await synced.door("clients", name="Rata Cafe", phone="09 555 0199")
    synced.fault("half", "client.api/list", times=-1)
    with pytest.raises(TryLater):
        await synced.sync("i1", kind=Kind.CLIENTS)
    synced.xero.faults.clear()
    synced.clock.turn(hours=3)
    await synced.sync("i2", kind=Kind.CLIENTS)
    [party] = await synced.directory.parties("T1", ["+6495550199"])
    assert party.client_name == "Rata Cafe"


async def test_an_increment_forgets_a_deleted_client_and_silences_an_archived_one(
    synced: Kea,
) -> None:
    await synced.door("clients", name="Moa Farms", deleted=True)
    await synced.door("clients", name="Rata Cafe", archived=True)
    before = await synced.directory.counts("T1")
    await synced.sync("i1", kind=Kind.CLIENTS)
    after = await synced.directory.counts("T1")
    assert after["clients"] == before["clients"] - 1
    for number in ("+6495550177", "+6495550150"):
        assert await synced.directory.parties("T1", [number]) == [Party(number)]


async def test_a_shared_contact_stays_with_its_other_client(synced: Kea) -> None:
    both = await synced.directory.parties("T1", [ANA])
    assert [one.client_name for one in both] == ["Huia Trust", "Kea Ltd"]
    await synced.door("clients", name="Kea Ltd", contacts=[])
    await synced.sync("i1", kind=Kind.CLIENTS)
    [party] = await synced.directory.parties("T1", [ANA])
    assert (party.client_name, party.contact_name) == ("Huia Trust", "Ana Example")
    await synced.door("clients", name="Huia Trust", contacts=[])
    await synced.sync("i2", kind=Kind.CLIENTS)
    async with synced.database.reading() as tx:
        names = (await tx.execute(sa.select(t.contacts.c.name))).scalars().all()
    assert "Ana Example" not in names


async def test_a_full_sync_writes_nothing_where_nothing_changed(synced: Kea) -> None:
    await synced.sync("s1")
    assert await _written_by(synced, "s1") == {}


async def test_increments_of_jobs_and_staff_copy_those_alone(synced: Kea) -> None:
    practice = synced.xero.practices[KEA]
    practice.jobs["J000123"].name = "Renamed"
    practice.jobs.pop("J000124")
    mia = practice.staff[synced.staff_uuid("Mia")]
    mia.email = "mia.chen@example.com"
    await synced.sync("j1", kind=Kind.JOBS)
    card = await synced.directory.card("T1", "J000123")
    assert card is not None
    assert card.job.name == "Renamed"
    assert await synced.directory.card("T1", "J000124") is None
    assert await synced.directory.staff_member("T1", "mia.chen@example.com") is None
    await synced.sync("p1", kind=Kind.STAFF)
    assert await synced.directory.staff_member("T1", "mia.chen@example.com") is not None
    assert (await _written_by(synced, "j1", t.jobs), len(_queries(synced))) == ({"jobs": 1}, 1)
    assert await _written_by(synced, "p1") == {"staff": 1}


async def test_status_keeps_telling_of_the_last_full_sync(synced: Kea) -> None:
    await synced.sync("i1", kind=Kind.CLIENTS)
    async with synced.database.reading() as tx:
        last = await store.last_sync(tx, "T1")
    assert last is not None
    assert last.id == "s0"


async def test_an_increment_before_any_full_sync_copies_every_client(kea: Kea) -> None:
    await kea.sync("i1", kind=Kind.CLIENTS)
    assert _queries(kea) == [{}]
    assert (await kea.directory.counts("T1"))["clients"] > 30


# -- the region ----------------------------------------------------------------------------------------------------


def _moves_to_australia(kea: Kea) -> None:
    for place, client in enumerate(kea.xero.practices[KEA].clients.values()):
        client.phone = f"02 5550 {place:04}"
        for link in client.links:
            link.contact.mobile = ""


async def test_the_first_sync_reads_the_region_from_the_practices_own_numbers(kea: Kea) -> None:
    _moves_to_australia(kea)
    await kea.sync()
    assert await _region(kea) == "AU"
    [party] = await kea.directory.parties("T1", ["+61255500003"])
    assert party.client_uuid is not None


async def test_the_region_is_chosen_once_and_numbers_are_read_again_when_it_is_changed(
    synced: Kea,
) -> None:
    _moves_to_australia(synced)
    await synced.sync("s1")
    assert await _region(synced) == "NZ"
    async with synced.database.transaction() as tx:
        await store.change(tx, "T1", region="AU")
    await synced.sync("s2")
    [party] = await synced.directory.parties("T1", ["+61255500003"])
    assert party.client_uuid is not None
    assert await synced.directory.parties("T1", ["+64255500003"]) == [Party("+64255500003")]


async def test_reconnecting_the_same_practice_keeps_its_region(kea: Kea) -> None:
    _moves_to_australia(kea)
    await kea.sync()
    kea.clock.turn(minutes=1)
    async with kea.database.transaction() as tx:
        await store.change(tx, "T1", ended_at=kea.clock.moment, ended_why="xero")
    await kea.connect()
    assert await _region(kea) == "AU"


# -- asking after a call -------------------------------------------------------------------------------------------


async def test_jobs_asked_for_a_moment_ago_are_not_asked_for_again(synced: Kea) -> None:
    kea_ltd, huia = synced.client_uuid("Kea Ltd"), synced.client_uuid("Huia Trust")
    mia, path = synced.staff_uuid("Mia"), "/practicemanager/3.1/job.api/"

    async def requests(*clients: str) -> int:
        before = synced.asked(path)
        await synced.directory.refresh_jobs("T1", clients, mia)
        return synced.asked(path) - before

    assert await requests(kea_ltd) == 2
    assert await requests(kea_ltd) == 0
    assert await requests(kea_ltd, huia) == 1
    synced.clock.turn(minutes=11)
    assert await requests(kea_ltd, huia) == 3


async def test_the_last_five_hundred_calls_of_a_day_are_kept_from_asking_after_a_call(
    sqlite: Database,
) -> None:
    async with served_kea(sqlite, day_limit=400) as kea:
        await kea.connect()
        await kea.sync()
        with pytest.raises(TryLater) as refused:
            await kea.directory.refresh_jobs("T1", [kea.client_uuid("Kea Ltd")], None)
        assert not refused.value.day_spent
        assert await kea.directory.look_up("T1", "J000123") is not None
