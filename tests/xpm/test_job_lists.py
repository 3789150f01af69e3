"""The lists behind the job menu: kept while the jobs stay as they are, never longer, and nobody else's."""

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from tests.xpm.kea import Kea
from xpm.job_lists import JobLists, Lists
from xpm.job_menu import Asker, Group, menu_of, recent_of
from xpm.store import Database, Transaction, copying, job_marks
from xpm.store import connections as connection_store
from xpm.store import tables as t

TODAY = dt.date(2026, 11, 23)
MIA = Asker("T1", "mia", "U1", TODAY)


def rows(number: str, name: str, *staff: str, workspace: str = "T1", **more: Any) -> Any:
    """A job as a sync writes it."""
    whose = {"workspace_id": workspace, "sync_id": "s1"}
    job = {
        **whose,
        "number": number,
        "uuid": None,
        "name": name,
        "state": "In Progress",
        "is_open": True,
        "client_uuid": "kea",
        "client_name": "Kea Ltd",
        "manager_name": None,
        "due_date": None,
        "search": f"{number} {name} kea ltd".casefold(),
        **more,
    }
    people = [{**whose, "job_number": number, "staff_uuid": one} for one in staff]
    return [job], people, []


async def tell(database: Database, *job: Any, with_tasks: bool = True, **more: Any) -> None:
    async with database.transaction() as tx:
        await copying.replace_jobs(tx, "T1", *rows(*job, **more), with_tasks=with_tasks)


async def opened(
    database: Database,
    lists: JobLists,
    typed: str = "",
    who: Asker = MIA,
    clients: tuple[tuple[str, str], ...] = (),
) -> list[Group]:
    async with database.asking() as asking:
        mark = await job_marks.of(asking, who.workspace_id)
        recent = await recent_of(asking, who)
    async with lists.under(who.workspace_id, mark) as found:
        return await menu_of(found, who, clients, typed, recent)


def numbers(groups: list[Group]) -> list[str]:
    return [job.number for group in groups for job in group.jobs]


def counted(database: Database) -> list[str]:
    """Grows with each transaction that reads a list."""
    begun = []

    @sa.event.listens_for(database.engine.sync_engine, "begin")
    def begins(_: sa.Connection) -> None:
        begun.append("read")

    return begun


@pytest.mark.parametrize("typed", ["", "tax", "j1", "retrun"])
async def test_the_second_opening_reads_no_list_again(sqlite: Database, typed: str) -> None:
    await tell(sqlite, "J1", "Tax return", "mia")
    await tell(sqlite, "J2", "Tax advice")
    lists = JobLists(sqlite)
    clients = (("kea", "Kea Ltd"),)
    first = await opened(sqlite, lists, typed, clients=clients)
    assert "J1" in numbers(first)
    reads = counted(sqlite)
    assert await opened(sqlite, lists, typed, clients=clients) == first
    assert reads == []


@pytest.mark.parametrize("typed", ["", "tax"])
async def test_a_job_that_is_told_stands_in_the_very_next_menu(
    database: Database, typed: str
) -> None:
    await tell(database, "J1", "Tax return", "mia")
    lists = JobLists(database)
    assert numbers(await opened(database, lists, typed)) == ["J1"]
    await tell(database, "J2", "Tax advice", "mia", with_tasks=False)
    assert sorted(numbers(await opened(database, lists, typed))) == ["J1", "J2"]
    await tell(database, "J2", "Payroll", "mia", with_tasks=False)
    found = {job.name for group in await opened(database, lists, typed) for job in group.jobs}
    assert found == ({"Tax return"} if typed else {"Tax return", "Payroll"})


async def test_a_job_that_is_given_to_somebody_becomes_theirs_at_once(database: Database) -> None:
    await tell(database, "J1", "Tax return", "other")
    lists = JobLists(database)
    assert await opened(database, lists) == []
    await tell(database, "J1", "Tax return", "mia", with_tasks=False)
    assert numbers(await opened(database, lists)) == ["J1"]


async def test_a_job_that_is_gone_or_a_practice_that_is_left_stands_in_no_menu(
    database: Database,
) -> None:
    await tell(database, "J1", "Tax return", "mia")
    await tell(database, "J2", "Tax advice", "mia")
    lists = JobLists(database)
    assert numbers(await opened(database, lists)) == ["J1", "J2"]
    async with database.transaction() as tx:
        await copying.forget_jobs(tx, "T1", ["J2"], "s9")
    assert numbers(await opened(database, lists)) == ["J1"]
    async with database.transaction() as tx:
        await connection_store.forget(tx, "T1")
    assert await opened(database, lists) == []
    await tell(database, "J9", "Audit", "mia")
    assert numbers(await opened(database, lists)) == ["J9"]


async def test_the_same_jobs_told_again_leave_the_lists_as_they_are(database: Database) -> None:
    async def mark() -> str | None:
        async with database.reading() as tx:
            return await job_marks.of(tx, "T1")

    assert await mark() is None
    await tell(database, "J1", "Tax return", "mia", web_url="https://example.com/j1")
    before = await mark()
    assert before is not None
    # XPM's lists leave the address out, and sometimes the people.
    await tell(database, "J1", "Tax return", "mia", with_tasks=False)
    await tell(database, "J1", "Tax return", with_tasks=False)
    async with database.transaction() as tx:
        await copying.replace_jobs(tx, "T1", [], [], [], with_tasks=False)
        await copying.forget_jobs(tx, "T1", ["J7"], "s9")
    assert await mark() == before
    await tell(database, "J1", "Tax return", "mia", "ruby", with_tasks=False)
    assert await mark() != before


async def test_two_practices_and_two_people_never_see_each_others_lists(
    database: Database,
) -> None:
    await tell(database, "J1", "Tax return", "mia")
    async with database.transaction() as tx:
        theirs = rows("J1", "Their tax", "mia", workspace="T2")
        await copying.replace_jobs(tx, "T2", *theirs, with_tasks=True)
    lists = JobLists(database)
    for typed in ("", "tax"):
        for _ in range(2):
            [[ours]] = [one.jobs for one in await opened(database, lists, typed)]
            [[other]] = [
                one.jobs
                for one in await opened(database, lists, typed, Asker("T2", "mia", "U1", TODAY))
            ]
            assert (ours.name, other.name) == ("Tax return", "Their tax")
    assert await opened(database, lists, "", Asker("T1", "ruby", "U2", TODAY)) == []


async def test_nothing_is_kept_of_a_practice_without_a_mark(sqlite: Database) -> None:
    await tell(sqlite, "J1", "Tax return", "mia")
    async with sqlite.transaction() as tx:
        await tx.execute(sa.delete(t.job_marks))
    lists = JobLists(sqlite)
    await opened(sqlite, lists)
    reads = counted(sqlite)
    await opened(sqlite, lists)
    assert reads


async def test_what_is_kept_has_an_end(sqlite: Database) -> None:
    lists = JobLists(sqlite)

    async def read(_: Transaction) -> str:
        return "read"

    for practice in range(450):
        async with lists.under(f"T{practice}", "mark") as one:
            await one.of("a", read)
    async with lists.under("T449", "mark") as one:
        for number in range(2500):
            await one.of(number, read)
    kept = [len(known) for _, known in lists._kept.values()]
    assert len(kept) <= 200
    assert max(kept) <= 1000


async def test_recent_jobs_come_first_among_equals_though_the_list_is_kept(
    database: Database,
) -> None:
    for number in ("J1", "J2", "J3"):
        await tell(database, number, "Tax return", due_date=dt.date(2027, 1, 1))
    lists = JobLists(database)
    assert numbers(await opened(database, lists, "tax")) == ["J1", "J2", "J3"]
    async with database.transaction() as tx:
        now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
        entry = {"workspace_id": "T1", "id": "e1", "slack_user_id": "U1", "state": "sent"}
        times = {"date": TODAY, "created_at": now, "changed_at": now, "sent_at": now}
        await tx.execute(sa.insert(t.entries).values(**entry, **times, job_number="J3"))
    assert numbers(await opened(database, lists, "tax")) == ["J3", "J1", "J2"]
    [recent] = await opened(database, lists)
    assert (recent.label, numbers([recent])) == ("Recent", ["J3"])


async def test_the_menu_of_a_job_looked_up_by_its_id_knows_it_at_once(kea: Kea) -> None:
    assert await kea.directory.menu("T1", [], None, "J000123") == []
    assert await kea.directory.look_up("T1", "J000123") is not None
    assert numbers(await kea.directory.menu("T1", [], None, "J000123")) == ["J000123"]


async def test_lists_of_one_transaction_are_read_once(sqlite: Database) -> None:
    reads = []

    async def read(tx: Transaction) -> int:
        reads.append(tx)
        return len(reads)

    async with sqlite.reading() as tx:
        lists = Lists.read(tx)
        assert [await lists.of("a", read) for _ in range(3)] == [1, 1, 1]
    assert reads == [tx]
