"""Writing time, and every reason for which it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree

if TYPE_CHECKING:
    from tests.sandbox.practice.conftest import Xero


async def test_an_added_time_comes_back_in_full(kea: Xero) -> None:
    answer = await kea.call("POST", "time.api/add", kea.sheet(Note="R&amp;D &lt;call&gt; é"))
    assert answer.text.startswith('<Response api-method="Add"><Status>OK</Status><Time><UUID>')
    time = etree.fromstring(answer.content).find("Time")
    assert time is not None
    assert time.findtext("Job/ID") == "J000123"
    assert time.findtext("Job/Name") == "Tax return 2026"
    assert time.findtext("Task/Name") == "Individual tax"
    assert time.findtext("Staff/Name") == "Mia Chen"
    assert time.findtext("Date") == "2026-11-23T00:00:00"
    assert time.findtext("Minutes") == "12"
    assert time.findtext("Note") == "R&D <call> é"
    assert time.findtext("Billable") == "true"


async def test_the_same_time_sent_twice_is_written_twice(kea: Xero) -> None:
    assert await kea.add() != await kea.add()
    assert len((await kea.seen())["times"]) == 2


async def test_a_time_shows_where_it_is_looked_for(kea: Xero) -> None:
    uuid = await kea.add()
    mia = kea.uuid_of_staff("Mia")
    span = {"from": "20261123", "to": "20261123"}
    for endpoint in (f"time.api/staff/{mia}", "time.api/list", "time.api/job/J000123"):
        assert (await kea.get(endpoint, **span)).findtext("Times/Time/UUID") == uuid
    assert (await kea.get(f"time.api/get/{uuid}")).findtext("Time/UUID") == uuid
    other = await kea.call("GET", f"time.api/staff/{kea.uuid_of_staff('Sam')}", **span)
    assert "<Times />" in other.text
    before = await kea.call("GET", "time.api/list", **{"from": "20261101", "to": "20261122"})
    assert "<Times />" in before.text
    job = await kea.get("job.api/get/J000123")
    assert job.findtext("Job/Tasks/Task/ActualMinutes") == "12"


async def test_start_and_end_make_minutes(kea: Xero) -> None:
    uuid = await kea.add(Minutes="", Start="14:05", End="14:17")
    time = await kea.get(f"time.api/get/{uuid}")
    assert time.findtext("Time/Minutes") == "12"
    assert time.findtext("Time/Start") == "14:05"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"Job": "J999999"}, "Invalid job identifier"),
        ({"Job": "j000123"}, "Invalid job identifier"),
        ({"Job": ""}, "Invalid job identifier"),
        ({"Job": "J000900"}, "Invalid job identifier"),
        ({"Job": "J000130"}, "Job is completed"),
        ({"Job": "J000131"}, "Job is cancelled"),
        ({"Job": "J000124"}, "Invalid task identifier"),
        ({"TaskUUID": ""}, "Invalid task identifier"),
        ({"StaffUUID": "nobody"}, "Invalid staff identifier"),
        ({"Date": "2026-11-23"}, "Invalid date"),
        ({"Date": "20261131"}, "Invalid date"),
        ({"Date": "20251231"}, "The date is in a locked period"),
        ({"Minutes": ""}, "Minutes is required"),
        ({"Minutes": "12.5"}, "Minutes must be a whole number"),
        ({"Minutes": "", "Start": "14:05"}, "Invalid start or end time"),
        ({"Minutes": "", "Start": "14:05", "End": "14:05"}, "End time must be after start time"),
    ],
)
async def test_a_time_that_breaks_a_rule_is_refused_with_the_reason(
    kea: Xero, changed: dict[str, str], words: str
) -> None:
    assert await kea.refused("POST", "time.api/add", kea.sheet(**changed)) == words
    assert (await kea.seen())["times"] == []


async def test_staff_who_are_not_on_the_job_are_refused(kea: Xero) -> None:
    task = kea.uuid_of_task("J000132", "Advisory")
    refused = await kea.refused("POST", "time.api/add", kea.sheet(Job="J000132", TaskUUID=task))
    assert refused == "Staff member is not assigned to this job"


async def test_a_task_with_staff_of_its_own_refuses_the_others(kea: Xero) -> None:
    review = {"Job": "J000133", "TaskUUID": kea.uuid_of_task("J000133", "Review")}
    refused = await kea.refused("POST", "time.api/add", kea.sheet(**review))
    assert refused == "Staff member is not assigned to this job"
    assert await kea.add(**review, StaffUUID=kea.uuid_of_staff("Lee"))


async def test_a_timesheet_names_the_task_on_the_job_not_its_definition(
    kea: Xero, serve: Any
) -> None:
    definition = kea.state.practices[kea.tenant].definitions["Individual tax"]
    refused = await kea.refused("POST", "time.api/add", kea.sheet(TaskUUID=definition))
    assert refused == "Invalid task identifier"
    async with serve("h11", timesheet_task="definition") as other:
        await other.connect()
        assert await other.refused("POST", "time.api/add", other.sheet()) == refused
        assert await other.add(TaskUUID=definition)


async def test_a_definition_that_a_job_holds_twice_is_told_apart(kea: Xero) -> None:
    job = await kea.get("job.api/get/J000129")
    tasks = job.findall("Job/Tasks/Task")
    assert len({task.findtext("TaskUUID") for task in tasks}) == 1
    till = tasks[1].findtext("UUID") or ""
    uuid = await kea.add(Job="J000129", TaskUUID=till)
    time = await kea.get(f"time.api/get/{uuid}")
    assert time.findtext("Time/Task/Name") == "Bookkeeping – till"


async def test_an_update_replaces_the_fields(kea: Xero) -> None:
    uuid = await kea.add()
    sheet = kea.sheet(UUID=uuid, Minutes="20", Note="Longer")
    answer = etree.fromstring((await kea.call("PUT", "time.api/update", sheet)).content)
    assert answer.findtext("Time/UUID") == uuid
    assert answer.findtext("Time/Minutes") == "20"
    assert (await kea.seen())["times"][0]["note"] == "Longer"
    job = await kea.get("job.api/get/J000123")
    assert job.findtext("Job/Tasks/Task/ActualMinutes") == "20"


async def test_an_update_follows_the_rules_of_adding(kea: Xero) -> None:
    uuid = await kea.add()
    assert await kea.refused("PUT", "time.api/update", kea.sheet(UUID=uuid, Job="J000130")) == (
        "Job is completed"
    )
    assert await kea.refused("PUT", "time.api/update", kea.sheet()) == "Invalid time identifier"


async def test_a_deleted_time_is_gone(kea: Xero) -> None:
    uuid = await kea.add()
    answer = await kea.call("DELETE", f"time.api/delete/{uuid}")
    assert answer.text == '<Response api-method="Delete"><Status>OK</Status></Response>'
    assert await kea.refused("DELETE", f"time.api/delete/{uuid}") == "Invalid time identifier"
    assert (await kea.seen())["times"] == []


async def test_an_invoiced_time_stays_as_it_is(kea: Xero) -> None:
    uuid = await kea.add()
    assert (await kea.http.post(f"/sandbox/times/{uuid}/invoice")).json()["invoiced"]
    words = "Time has been invoiced"
    assert await kea.refused("DELETE", f"time.api/delete/{uuid}") == words
    assert await kea.refused("PUT", "time.api/update", kea.sheet(UUID=uuid)) == words
    assert (await kea.get(f"time.api/get/{uuid}")).findtext("Time/InvoiceTaskUUID")


@pytest.mark.parametrize(
    "span",
    [
        {},
        {"from": "20261101"},
        {"from": "20250101", "to": "20261101"},
        {"from": "20261102", "to": "20261101"},
        {"from": "1 Nov", "to": "20261101"},
    ],
)
async def test_a_bad_range_of_dates_is_400(kea: Xero, span: dict[str, str]) -> None:
    assert (await kea.call("GET", "time.api/list", **span)).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<Timesheet>",
        "<Time></Time>",
        '<!DOCTYPE t [<!ENTITY a "J000123">]><Timesheet><Job>&a;</Job></Timesheet>',
        '<!DOCTYPE t SYSTEM "file:///etc/passwd"><Timesheet></Timesheet>',
        "<Timesheet><Note>" + "x" * 1_000_001 + "</Note></Timesheet>",
    ],
)
async def test_xml_that_cannot_be_trusted_is_400(kea: Xero, body: str) -> None:
    assert (await kea.call("POST", "time.api/add", body)).status_code == 400
