"""Clients, jobs and staff, with the quirks of their XML."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

if TYPE_CHECKING:
    from tests.sandbox.practice.conftest import Xero


def rows(root: etree._Element, path: str) -> dict[str, etree._Element]:
    """Return elements by their stripped name."""
    return {(row.findtext("Name") or "").strip(): row for row in root.findall(path)}


async def test_the_list_of_clients_holds_the_fixed_points(kea: Xero) -> None:
    clients = rows(await kea.get("client.api/list"), "Clients/Client")
    assert len(clients) == 40
    found = clients["Kea Ltd"]
    assert found.findtext("Phone") == "(09) 555 0100"
    ana, ben = found.findall("Contacts/Contact")
    assert ana.findtext("Mobile") == "021 555 0123"
    assert (ana.findtext("IsPrimary"), ana.findtext("Position")) == ("Yes", "Director")
    assert ben.findtext("Phone") == "09 555 0101 ext 12"
    trustee = clients["Huia Trust"].find("Contacts/Contact")
    assert trustee is not None
    assert trustee.findtext("UUID") == ana.findtext("UUID")
    assert [c.findtext("IsArchived") for c in clients.values()].count("Yes") >= 1
    assert [c.findtext("IsDeleted") for c in clients.values()].count("Yes") >= 1


async def test_replies_have_the_quirks_of_the_real_ones(kea: Xero) -> None:
    answer = await kea.call("GET", "client.api/list", detailed="true")
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert answer.headers["xero-correlation-id"]
    text = answer.text
    assert text.startswith('<Response api-method="List"><Status>OK</Status><Clients>')
    assert "<Email></Email>" in text
    assert "<Email />" in text
    assert text.count("<Email") < text.count("<Name>")  # and left out altogether
    assert "Prefers a call.\r\nSecond line: &lt;GST&gt; &amp; PAYE." in text
    assert " </Name>" in text
    assert "<Contacts />" in text


async def test_detail_adds_notes_and_groups(kea: Xero) -> None:
    plain = rows(await kea.get("client.api/list"), "Clients/Client")["Kea Ltd"]
    full = rows(await kea.get("client.api/list", detailed="true"), "Clients/Client")["Kea Ltd"]
    assert plain.find("Notes") is None
    assert full.findtext("Groups/Group/Name") == "Example family"


async def test_modified_since_lists_what_changed_in_utc(kea: Xero) -> None:
    kea.clock.move(minutes=1)
    since = kea.clock.now().strftime("%Y-%m-%dT%H:%M:%S")
    empty = await kea.call("GET", "client.api/list", modifiedsince=since)
    assert "<Clients />" in empty.text
    sent = {"name": "Moa Farms", "phone": "09 555 0178", "archived": True}
    await kea.http.post("/sandbox/clients", json=sent)
    changed = rows(await kea.get("client.api/list", modifiedSince=since), "Clients/Client")
    assert list(changed) == ["Moa Farms"]
    assert changed["Moa Farms"].findtext("IsArchived") == "Yes"
    assert changed["Moa Farms"].findtext("Phone") == "09 555 0178"
    assert (await kea.call("GET", "client.api/list", modifiedsince="soon")).status_code == 400


async def test_pages_cover_all_active_clients_and_hold_no_contacts(kea: Xero) -> None:
    seen: list[str] = []
    query = {"pageSize": "15"}
    while True:
        root = await kea.get("client.api/paged-list", **query)
        assert root.find(".//Contacts") is None
        seen += [c.findtext("UUID") or "" for c in root.findall("Clients/Client")]
        following = root.findtext("Pagination/Links/Next")
        if not following:
            break
        assert following.startswith(kea.state.settings.public_url)
        query = {name: value[0] for name, value in parse_qs(urlsplit(following).query).items()}
    active = [c.uuid for c in kea.state.practices[kea.tenant].clients.values() if c.is_active]
    assert seen == active
    too_many = await kea.call("GET", "client.api/paged-list", pageSize="501")
    assert too_many.status_code == 400


async def test_search_get_and_contacts_find_the_same_client(kea: Xero) -> None:
    found = await kea.get("client.api/search", query="weka")
    uuid = found.findtext("Clients/Client/UUID") or ""
    single = await kea.get(f"client.api/get/{uuid}")
    assert single.findtext("Client/Name") == "Weka Builders Pty"
    assert (single.findtext("WebUrl") or "").startswith("https://practicemanager.xero.com/Client/")
    people = rows(await kea.get("client.api/contacts", pageSize="500"), "Contacts/Contact")
    assert people["Cara Sample"].findtext("Mobile") == "0491 570 156"
    assert await kea.refused("GET", "client.api/get/none") == "Invalid client identifier"


async def test_current_jobs_are_the_open_ones_and_hold_tasks_only_in_detail(kea: Xero) -> None:
    jobs = (await kea.get("job.api/current")).findall("Jobs/Job")
    states = {job.findtext("State") for job in jobs}
    assert states == {"Planned", "In Progress", "On Hold", "Ready for Review"}
    assert all(job.find("Tasks") is None and job.find("UUID") is None for job in jobs)
    full = (await kea.get("job.api/current", detailed="true")).findall("Jobs/Job")
    assert all(job.find("Tasks") is not None for job in full)
    assert "J000123" in {job.findtext("ID") for job in full}
    assert len(kea.state.practices[kea.tenant].jobs) == 80


async def test_a_job_has_its_tasks_staff_and_notes(kea: Xero) -> None:
    answer = await kea.call("GET", "job.api/get/J000123")
    assert "\r\nDue with extension" in answer.text
    job = etree.fromstring(answer.content).find("Job")
    assert job is not None
    assert [s.findtext("Name") for s in job.findall("Assigned/Staff")] == ["Sam Rivers", "Mia Chen"]
    tasks = rows(job, "Tasks/Task")
    assert list(tasks) == ["Individual tax", "Review", "Client queries", "Planning"]
    assert tasks["Planning"].findtext("Completed") == "true"
    assert tasks["Review"].findtext("UUID") != tasks["Review"].findtext("TaskUUID")
    assert tasks["Review"].find("Assigned") is None
    assert job.findtext("Notes/Note/Title") == "Records"
    assert await kea.refused("GET", "job.api/get/J999999") == "Invalid job identifier"


async def test_jobs_of_a_client_include_finished_ones(kea: Xero) -> None:
    kea_ltd = kea.state.practices[kea.tenant].client_named("Kea Ltd")
    assert kea_ltd is not None
    jobs = (await kea.get(f"job.api/client/{kea_ltd.uuid}")).findall("Jobs/Job")
    numbers = {job.findtext("ID") for job in jobs}
    assert numbers == {"J000123", "J000124", "J000130", "J000131", "J000132"}
    huia = kea.state.practices[kea.tenant].client_named("Pukeko Print (closed)")
    assert huia is not None
    assert "<Jobs />" in (await kea.call("GET", f"job.api/client/{huia.uuid}")).text


async def test_moa_farms_has_no_open_job(kea: Xero) -> None:
    moa = kea.state.practices[kea.tenant].client_named("Moa Farms")
    assert moa is not None
    jobs = (await kea.get(f"job.api/client/{moa.uuid}")).findall("Jobs/Job")
    assert [(j.findtext("ID"), j.findtext("State")) for j in jobs] == [("J000140", "Completed")]


async def test_jobs_of_staff_are_current_and_theirs(kea: Xero) -> None:
    mia = kea.uuid_of_staff("Mia")
    jobs = (await kea.get(f"job.api/staff/{mia}")).findall("Jobs/Job")
    numbers = {job.findtext("ID") for job in jobs}
    assert {"J000123", "J000124", "J000125"} <= numbers
    assert not {"J000130", "J000132"} & numbers


async def test_jobs_by_date_of_creation_need_a_range(kea: Xero) -> None:
    span = {"from": "20260401", "to": "20260401"}
    jobs = (await kea.get("job.api/list", **span)).findall("Jobs/Job")
    assert "J000123" in {job.findtext("ID") for job in jobs}
    assert (await kea.call("GET", "job.api/list")).status_code == 400


async def test_staff_have_the_gaps_of_a_real_practice(kea: Xero) -> None:
    staff = rows(await kea.get("staff.api/list"), "StaffList/Staff")
    assert list(staff)[:4] == ["Sam Rivers", "Mia Chen", "Tom Patel", "Lee Long"]
    assert len(staff) == 8
    emails = [member.findtext("Email") or "" for member in staff.values()]
    assert emails.count("") == 1
    assert emails.count("office@example.com") == 2
    assert all(member.findtext("Mobile") for member in staff.values())
    one = await kea.get(f"staff.api/get/{kea.uuid_of_staff('Sam')}")
    assert one.findtext("Staff/Email") == "sam@example.com"


async def test_a_note_is_added_to_a_job(kea: Xero) -> None:
    body = "<Note><Job>J000124</Job><Title>Call</Title><Text>Rang back</Text></Note>"
    answer = etree.fromstring((await kea.call("POST", "job.api/note", body)).content)
    assert answer.findtext("Job/Notes/Note/Text") == "Rang back"
    unknown = body.replace("J000124", "J9")
    assert await kea.refused("POST", "job.api/note", unknown) == "Invalid job identifier"


async def test_states_have_names_alone(kea: Xero) -> None:
    names = [s.findtext("Name") for s in (await kea.get("jobstate.api/list")).iter("JobState")]
    assert "In Progress" in names


async def test_another_practice_and_a_path_that_is_none_are_refused(kea: Xero) -> None:
    assert (await kea.call("GET", "task.api/nothing")).status_code == 404
    assert (await kea.call("GET", "job.api/get")).status_code == 404
    kea.tenant = "22222222-2222-4222-8222-222222222222"
    assert (await kea.call("GET", "staff.api/list")).status_code == 403


@pytest.mark.parametrize(
    ("scope", "endpoint", "status"),
    [
        ("practicemanager.read", "client.api/list", 200),
        ("practicemanager.read", "job.api/staff/{mia}", 403),
        ("practicemanager.job.read", "job.api/staff/{mia}", 200),
        ("practicemanager.job.read", "client.api/list", 403),
        ("practicemanager.time", "time.api/job/J000123", 200),
    ],
)
async def test_a_scope_opens_its_endpoints(
    xero: Xero, scope: str, endpoint: str, status: int
) -> None:
    xero.tokens = (await xero.redeem(await xero.code(scope=scope))).json()
    path = endpoint.format(mia=xero.uuid_of_staff("Mia"))
    assert (await xero.call("GET", path)).status_code == status


async def test_reading_time_does_not_open_writing(xero: Xero) -> None:
    xero.tokens = (await xero.redeem(await xero.code(scope="practicemanager.time.read"))).json()
    answer = await xero.call("POST", "time.api/add", xero.sheet())
    assert answer.status_code == 403
    assert answer.json()["Detail"] == "InsufficientPermissions"


async def test_fifteen_thousand_clients_stream_without_stalling_the_server(serve: Any) -> None:
    async with serve("httptools", clients=15_000, jobs=100) as xero:
        await xero.connect()
        worst = 0.0
        listing = asyncio.create_task(xero.call("GET", "client.api/list", detailed="true"))
        while not listing.done():
            started = time.thread_time()
            await asyncio.sleep(0)
            worst = max(worst, time.thread_time() - started)
        answer = listing.result()
        assert answer.headers["transfer-encoding"] == "chunked"
        assert len(etree.fromstring(answer.content).findall("Clients/Client")) == 15_000
        assert worst < 0.25


async def test_a_hundred_thousand_jobs_are_made_in_seconds(serve: Any) -> None:
    # Of the processor, so that a busy machine does not count.
    started = time.process_time()
    async with serve("httptools", clients=200, jobs=100_000) as xero:
        assert time.process_time() - started < 15
        await xero.connect()
        jobs = (await xero.get("job.api/current")).findall("Jobs/Job")
        assert 1000 < len(jobs) < 5000
        assert len((await xero.seen())["jobs"]) <= 61
