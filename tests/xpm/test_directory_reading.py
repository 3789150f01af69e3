"""What people read from the mirror: numbers, staff, tasks and the job menu. Nothing here changes anything."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
import sqlalchemy as sa

from tests.made_once import migrated
from tests.xpm.kea import KEA, Kea, served_kea
from xpm.directory import is_open, job_id, job_url
from xpm.job_menu import MENU_LIMIT
from xpm.store import Database, mirror
from xpm.store import tables as t
from xpm.store.calls import Party

# One practice serves the whole file, so its loop does as well.
on_one_loop = pytest.mark.asyncio(loop_scope="module")
NUMBER = "+64215550123"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mirrored(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kea]:
    """A workspace whose mirror holds Kea Accounting."""
    async with _opened(tmp_path_factory) as database, served_kea(database) as kea:
        await kea.connect()
        await kea.sync()
        yield kea


@asynccontextmanager
async def _opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    database = Database(migrated(tmp_path_factory.mktemp("mirror") / "xpm-slack.db"))
    yield database
    await database.close()


async def _column(kea: Kea, column: sa.Column[str]) -> list[str]:
    async with kea.database.reading() as tx:
        rows = await tx.execute(sa.select(column).order_by(column))
        return list(rows.scalars())


async def _mine(kea: Kea) -> list[str]:
    (group,) = await kea.directory.menu("T1", [], kea.staff_uuid("Mia"), "")
    return [job.number for job in group.jobs]


@on_one_loop
async def test_names_come_without_their_trailing_blanks(mirrored: Kea) -> None:
    assert "Lee Long" in await _column(mirrored, t.staff.c.name)
    assert "Dan Sample" in await _column(mirrored, t.contacts.c.name)
    for column in (t.staff.c.name, t.contacts.c.name, t.clients.c.name, t.jobs.c.name):
        assert all(name == name.strip() for name in await _column(mirrored, column))


@on_one_loop
@pytest.mark.parametrize(
    ("number", "client", "contact", "position"),
    [
        ("+6495550100", "Kea Ltd", None, None),
        ("+6495550101", "Kea Ltd", "Ben Example", "Accounts"),
        ("+61255501234", "Weka Builders Pty", None, None),
        ("+61491570156", "Weka Builders Pty", "Cara Sample", "Office"),
        ("+6495550177", "Moa Farms", None, None),
        ("+6495550150", "Rata Cafe", None, None),
        ("+64215550151", "Rata Cafe", None, None),
    ],
)
async def test_a_number_of_a_field_finds_its_client_and_contact(
    mirrored: Kea, number: str, client: str, contact: str | None, position: str | None
) -> None:
    uuid = mirrored.client_uuid(client)
    expected = [Party(number, uuid, client, contact, position)]
    if (number, client) == ("+61491570156", "Weka Builders Pty"):
        # 0491 570 156 of an Australian client: in a practice of New Zealand it is read as one of New Zealand's,
        # unless it carries its country.
        assert await mirrored.directory.parties("T1", [number]) in ([Party(number)], expected)
        return
    assert await mirrored.directory.parties("T1", [number]) == expected


@on_one_loop
async def test_a_contact_of_two_clients_brings_both(mirrored: Kea) -> None:
    found = await mirrored.directory.parties("T1", [NUMBER])
    assert [(one.client_name, one.contact_name, one.position) for one in found] == [
        ("Huia Trust", "Ana Example", "Trustee"),
        ("Kea Ltd", "Ana Example", "Director"),
    ]
    assert (await _column(mirrored, t.contacts.c.name)).count("Ana Example") == 1


@on_one_loop
async def test_a_number_that_nobody_has_stands_alone(mirrored: Kea) -> None:
    assert await mirrored.directory.parties("T1", ["+64215559999"]) == [Party("+64215559999")]
    assert await mirrored.directory.parties("T1", []) == []


@on_one_loop
async def test_an_archived_client_is_kept_but_answers_no_call(mirrored: Kea) -> None:
    assert "Pukeko Print (closed)" in await _column(mirrored, t.clients.c.name)
    assert await mirrored.directory.parties("T1", ["+6495550180"]) == [Party("+6495550180")]


@on_one_loop
async def test_a_deleted_client_is_not_copied(mirrored: Kea) -> None:
    assert "Takahe Tours (entered twice)" not in await _column(mirrored, t.clients.c.name)
    assert await mirrored.directory.parties("T1", ["+6495550181"]) == [Party("+6495550181")]


@on_one_loop
async def test_staff_are_found_by_email_whatever_its_case_when_it_is_theirs_alone(
    mirrored: Kea,
) -> None:
    lee = await mirrored.directory.staff_member("T1", "lee@EXAMPLE.com")
    assert lee is not None
    assert lee.uuid == mirrored.staff_uuid("Lee")
    for email in ("office@example.com", "nobody@example.com", "", None):
        assert await mirrored.directory.staff_member("T1", email) is None


@on_one_loop
async def test_tasks_stand_in_the_practices_order_with_finished_ones_last(mirrored: Kea) -> None:
    card = await mirrored.directory.card("T1", "J000123")
    assert card is not None
    assert [(task.name, task.is_completed) for task in card.tasks] == [
        ("Individual tax", False),
        ("Review", False),
        ("Client queries", False),
        ("Planning", True),
    ]


@on_one_loop
async def test_one_definition_twice_on_a_job_is_two_tasks(mirrored: Kea) -> None:
    card = await mirrored.directory.card("T1", "J000129")
    assert card is not None
    assert [task.name for task in card.tasks] == ["Bookkeeping – bank", "Bookkeeping – till"]
    assert len({task.uuid for task in card.tasks}) == 2


@on_one_loop
async def test_a_task_with_people_of_its_own_says_who(mirrored: Kea) -> None:
    card = await mirrored.directory.card("T1", "J000133")
    assert card is not None
    assert {task.name: task.assigned for task in card.tasks} == {
        "Bookkeeping": (),
        "Review": (mirrored.staff_uuid("Lee"),),
    }


# -- the menu ------------------------------------------------------------------------------------------------------


@on_one_loop
async def test_the_menu_has_a_group_for_each_client_and_one_for_the_person(mirrored: Kea) -> None:
    clients = [(mirrored.client_uuid(name), name) for name in ("Kea Ltd", "Huia Trust")]
    groups = await mirrored.directory.menu("T1", clients, mirrored.staff_uuid("Mia"), "")
    assert [(group.label, group.is_own) for group in groups] == [
        ("Jobs of Kea Ltd", False),
        ("Jobs of Huia Trust", False),
        ("Your jobs", True),
    ]
    assert {job.number for job in groups[0].jobs} == {"J000123", "J000124", "J000132"}
    assert "J000125" in {job.number for job in groups[1].jobs}
    shown = Counter(job.number for group in groups for job in group.jobs)
    assert set(shown.values()) == {1}
    assert all(job.is_open for group in groups for job in group.jobs)


@on_one_loop
async def test_a_client_with_no_open_jobs_has_no_group(mirrored: Kea) -> None:
    moa = (mirrored.client_uuid("Moa Farms"), "Moa Farms")
    assert await mirrored.directory.menu("T1", [moa], None, "") == []
    assert await mirrored.directory.menu("T1", [], None, "") == []


@on_one_loop
async def test_a_person_sees_their_own_jobs_only(mirrored: Kea) -> None:
    mine = await _mine(mirrored)
    practice = mirrored.xero.practices[KEA]
    mia = mirrored.staff_uuid("Mia")
    assert set(mine) == {
        job.number for job in practice.jobs.values() if job.is_open and mia in job.assigned
    }
    assert "J000132" not in mine


@on_one_loop
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("tax", {"J000123"}),
        ("TAX", {"J000123"}),
        ("  tax   return ", {"J000123"}),
        ("return tax", {"J000123"}),
        ("j00012", {"J000123", "J000124"}),
        ("kea ltd gst", {"J000124"}),
        ("may–jun", {"J000124"}),
        ("tax gst", set()),
        ("%", set()),
        ("_", set()),
        ("j00012_", set()),
        ("\\", set()),
        ("'", set()),
        ("zzz", set()),
    ],
)
async def test_typing_filters_by_every_word_in_id_name_and_client(
    mirrored: Kea, typed: str, expected: set[str]
) -> None:
    kea_ltd = (mirrored.client_uuid("Kea Ltd"), "Kea Ltd")
    groups = await mirrored.directory.menu("T1", [kea_ltd], None, typed)
    of_client = [group for group in groups if group.label == "Jobs of Kea Ltd"]
    assert {job.number for group in of_client for job in group.jobs} == expected


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kea]:
    """Ruby, who has 300 jobs of Rata Cafe and nothing else, and a client with 130 jobs that are not hers."""
    async with (
        _opened(tmp_path_factory) as database,
        served_kea(database, jobs=0) as kea,
    ):
        for job in kea.xero.practices[KEA].jobs.values():
            job.assigned = (kea.staff_uuid("Sam"),)
        await kea.door(
            "jobs", client="Rata Cafe", name="Hers", staff=["ruby@example.com"], count=300
        )
        await kea.door(
            "jobs", client="Moa Farms", name="Not hers", staff=["sam@example.com"], count=130
        )
        await kea.connect()
        await kea.sync()
        yield kea


@on_one_loop
async def test_a_person_with_300_jobs_sees_100_is_told_of_200_and_finds_each(busy: Kea) -> None:
    ruby = busy.staff_uuid("Ruby")
    (group,) = await busy.directory.menu("T1", [], ruby, "")
    assert (len(group.jobs), group.hidden) == (MENU_LIMIT, 200)
    async with busy.database.reading() as tx:
        numbers = {job.number for job in await mirror.jobs_of_staff(tx, "T1", ruby, [], 999)}
    (beyond, *_) = sorted(numbers - {job.number for job in group.jobs})
    (found,) = await busy.directory.menu("T1", [], ruby, beyond)
    assert [job.number for job in found.jobs] == [beyond]
    assert found.hidden == 0


@on_one_loop
async def test_jobs_shown_with_a_client_are_neither_repeated_nor_counted_as_hidden(
    busy: Kea,
) -> None:
    ruby = busy.staff_uuid("Ruby")
    rata = (busy.client_uuid("Rata Cafe"), "Rata Cafe")
    of_client, own = await busy.directory.menu("T1", [rata], ruby, "")
    assert len(of_client.jobs) == len(own.jobs) == MENU_LIMIT
    assert not {job.number for job in of_client.jobs} & {job.number for job in own.jobs}
    assert 95 <= own.hidden <= 105  # a job of Rata Cafe that is not hers may stand among the first


@on_one_loop
async def test_jobs_of_others_beside_ones_own_change_no_count(busy: Kea) -> None:
    moa = (busy.client_uuid("Moa Farms"), "Moa Farms")
    of_client, own = await busy.directory.menu("T1", [moa], busy.staff_uuid("Ruby"), "")
    assert len(of_client.jobs) == MENU_LIMIT
    assert (len(own.jobs), own.hidden) == (MENU_LIMIT, 200)


@on_one_loop
async def test_a_client_with_more_jobs_than_fit_says_how_many_are_hidden(busy: Kea) -> None:
    moa = (busy.client_uuid("Moa Farms"), "Moa Farms")
    (group,) = await busy.directory.menu("T1", [moa], None, "")
    assert (len(group.jobs), group.hidden) == (MENU_LIMIT, 30)


# -- words and addresses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("J000123", "J000123"),
        ("j000123", "J000123"),
        ("  j000123 ", "J000123"),
        ("J1", "J1"),
        ("2026-001", "2026-001"),
        ("ab-12", "ab-12"),
        ("Ab.12/3", "Ab.12/3"),
        ("job 12", "job 12"),
        ("a_1", "a_1"),
        ("7", "7"),
        ("x" * 29 + "1", "x" * 29 + "1"),
        ("x" * 30 + "1", None),
        ("", None),
        ("   ", None),
        ("Tax return", None),
        ("J", None),
        ("-12", None),
        ("12-", None),
        ("../12", None),
        ("12/..", None),
        ("J000123?x=1", None),
        ("J000123#1", None),
        ("J000123%2e", None),
        ("J000123\nJ000124", None),
        ("J000123\t", "J000123"),
        ("<J000123>", None),
        ("J000123 & J000124", None),
        ("Ｊ０００１２３", None),
        ("١٢٣", None),
        ("J000\u202e123", None),
    ],
)
def test_a_typed_id_is_taken_as_it_is_or_not_at_all(typed: str, expected: str | None) -> None:
    assert job_id(typed) == expected


@pytest.mark.parametrize(
    "state", ["Completed", "completed", "Job Complete", "Cancelled", "Canceled", "Closed"]
)
def test_usual_names_of_the_end_close_a_job(state: str) -> None:
    assert not is_open(state)


@pytest.mark.parametrize("state", ["", "Planned", "In Progress", "On Hold", "Waiting for client"])
def test_other_states_leave_a_job_open(state: str) -> None:
    assert is_open(state)


@on_one_loop
async def test_a_jobs_address_is_xpms_own_and_never_breaks(mirrored: Kea) -> None:
    found = await mirrored.directory.look_up("T1", "J000123")
    assert found is not None
    assert job_url(found.job).startswith("https://")
    assert "J000123" in job_url(found.job)
    odd = replace(found.job, number="a/b c&d=é", web_url=None)
    address = job_url(odd)
    assert address.startswith("https://app.practicemanager.xero.com/")
    assert address.isascii()
    assert not set(" &/") & set(address.partition("?id=")[2])
