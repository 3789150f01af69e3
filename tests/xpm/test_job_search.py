"""Typing in the job menu: every job of the practice, misspelt or not, the likely ones first."""

from typing import Any

import pytest

from tests.xpm.kea import Kea
from xpm.ranking import search_text, typed_words
from xpm.store import Database, job_words, mirror
from xpm.store import tables as t


@pytest.fixture
async def synced(kea_on_both: Kea) -> Kea:
    """A workspace whose mirror holds Kea Accounting."""
    await kea_on_both.sync("s0")
    return kea_on_both


async def _first(kea: Kea, typed: str) -> str | None:
    found = await kea.directory.search("T1", typed)
    return found[0].number if found else None


async def test_a_job_of_nobody_one_knows_is_found_by_what_people_type(synced: Kea) -> None:
    for typed, number in (
        ("weka bas", "J000126"),
        ("BAS jul sep weka builders", "J000126"),
        ("wekka bas", "J000126"),
        ("bas biulders", "J000126"),
        ("totora vat", "J000128"),
        ("rāta payrol", "J000127"),
        ("J000127", "J000127"),
        ("j000127", "J000127"),
        ("000127", "J000127"),
        ("127", "J000127"),
        ("trust accounts huia 2026 xyz", "J000125"),
    ):
        assert await _first(synced, typed) == number, typed


async def test_nothing_is_found_where_nothing_is_like_it(synced: Kea) -> None:
    for typed in ("zzzz", "%", "_", "'", "  ", "weka vat", "\0", "x" * 3000):
        assert await synced.directory.search("T1", typed) == [], typed


async def test_all_jobs_stand_behind_those_of_the_client_and_ones_own(synced: Kea) -> None:
    rata = (synced.client_uuid("Rata Cafe"), "Rata Cafe")
    await synced.door("jobs", client="Moa Farms", name="Payroll of Moa", staff=["ruby@example.com"])
    await synced.sync("s1")
    groups = await synced.directory.menu("T1", [rata], synced.staff_uuid("Ruby"), "payrol")
    named = [(group.label, [job.client_name for job in group.jobs]) for group in groups]
    assert named[0] == ("Jobs of Rata Cafe", ["Rata Cafe"])
    assert named[1] == ("Your jobs", ["Moa Farms"])
    numbers = [job.number for group in groups for job in group.jobs]
    assert len(numbers) == len(set(numbers))


async def test_a_renamed_job_is_found_by_its_new_name_alone(synced: Kea) -> None:
    synced.xero.practices["11111111-1111-4111-8111-111111111111"].jobs["J000126"].name = "Zebra"
    await synced.sync("s1")
    assert await _first(synced, "zerba") == "J000126"
    assert await _first(synced, "weka bas") is None


async def test_the_index_of_another_workspace_finds_nothing_here(synced: Kea) -> None:
    async with synced.database.reading() as tx:
        assert await job_words.likely(tx, "T2", ["weka"]) == job_words.Likely()


async def test_disconnecting_forgets_the_index(synced: Kea) -> None:
    await synced.connections.disconnect("T1", "U1")
    assert await synced.directory.search("T1", "weka") == []


# -- an ID that the mirror does not know ---------------------------------------------------------------------------


async def test_an_id_unknown_here_is_looked_up_in_xpm_and_kept(synced: Kea) -> None:
    assert await synced.directory.card("T1", "J000130") is None
    job = await synced.directory.find_id("T1", "j000130")
    assert job is not None
    assert (job.number, job.is_open) == ("J000130", False)
    assert await _first(synced, "J000130") == "J000130"


async def test_xpm_is_not_asked_for_half_an_id_nor_twice_for_one_it_has_not(synced: Kea) -> None:
    before = synced.asked("")
    assert await synced.directory.find_id("T1", "J0001") is None
    assert synced.asked("") == before
    assert await synced.directory.find_id("T1", "J099999") is None
    once = synced.asked("")
    assert once > before
    assert await synced.directory.find_id("T1", "J099999") is None
    assert synced.asked("") == once


@pytest.mark.parametrize("kind", ["down", "half"])
async def test_an_id_is_simply_not_found_while_xpm_is_away(synced: Kea, kind: str) -> None:
    synced.fault(kind, times=-1)
    assert await synced.directory.find_id("T1", "J000130") is None


# -- words that many jobs have --------------------------------------------------------------------------------------


def _many(count: int) -> list[dict[str, Any]]:
    """Jobs of which every word is common; each kind of job is one client's alone."""
    kinds, clients = ("Tax return", "GST return", "Payroll"), ("Totara", "Rimu", "Kauri")
    made = []
    for n in range(count):
        number, name, client = f"J{n:06}", kinds[n % 3], clients[n % 3]
        made.append(
            {
                "workspace_id": "T1",
                "number": number,
                "name": name,
                "state": "Planned",
                "is_open": n >= 300,
                "client_name": client,
                "search": search_text(number, name, client),
                "sync_id": "s1",
            }
        )
    return made


@pytest.fixture
async def crowded(database: Database) -> Database:
    """A workspace with a job more than is looked up by one word, of each kind."""
    rows = _many(3 * (job_words.MOST + 1) + 300)
    async with database.transaction() as tx:
        await job_words.replace(tx, "T1", rows)
        await mirror.write(tx, t.jobs, rows)
    return database


async def _likely(database: Database, typed: str) -> job_words.Likely:
    async with database.reading() as tx:
        return await job_words.likely(tx, "T1", typed_words(typed))


async def test_of_common_words_the_open_jobs_that_have_all_of_them_are_found(
    crowded: Database,
) -> None:
    for typed in ("totara return", "totaro retrun", "tax totara", "totara"):
        found = await _likely(crowded, typed)
        assert len(found.jobs) >= 100, typed
        assert len({job.number for job in found.jobs}) == len(found.jobs), typed
        assert {(job.client_name, job.name, job.is_open) for job in found.jobs} == {
            ("Totara", "Tax return", True)
        }, typed
        assert found.has_more, typed
    assert (await _likely(crowded, "totara gst")).jobs == ()
    # An underscore is a letter, and not any letter.
    assert (await _likely(crowded, "totara ta_")).jobs == ()
    # A rare word finds its job among the common ones.
    for typed in ("tax return 1200", "totaro J001200", "001200"):
        found = await _likely(crowded, typed)
        assert [job.number for job in found.jobs] == ["J001200"], typed
        assert not found.has_more, typed
    assert (await _likely(crowded, "rimu J001200")).jobs == ()
    # Of three words the one that fits no job is left out.
    for typed, clients in (
        ("kauri payroll xyzzy", {"Kauri"}),
        ("gst retrun kauri", {"Rimu"}),
    ):
        found = await _likely(crowded, typed)
        assert {job.client_name for job in found.jobs} == clients, typed
