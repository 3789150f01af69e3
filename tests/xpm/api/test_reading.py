from datetime import date
from datetime import time as clock_time

import pytest
from lxml import etree

from xpm.api import Client, Contact, Job, NewTime, StaffRef, Task, Time
from xpm.api.reading import (
    clock,
    day,
    flag,
    number,
    read_client,
    read_job,
    read_staff,
    read_time,
    text,
    web_url,
)

from .fakes import fixture


def rows(name: str, tag: str) -> list[etree._Element]:
    return list(etree.fromstring(fixture(name)).iterfind(f".//{tag}"))


def element(body: str) -> etree._Element:
    return etree.fromstring(body)


def test_a_client_is_read_with_its_contacts() -> None:
    assert read_client(rows("clients", "Client")[0]) == Client(
        uuid="c0000000-0000-4000-8000-000000000001",
        name="Kea Ltd",
        phone="(09) 555 0100",
        email=None,
        is_archived=False,
        is_deleted=False,
        contacts=(
            Contact(
                uuid="a0000000-0000-4000-8000-000000000001",
                name="Ana Example",
                phone=None,
                mobile="021 555 0123",
                email="ana@example.com",
                position="Director",
                is_primary=True,
                is_deleted=False,
            ),
            Contact(
                uuid="a0000000-0000-4000-8000-000000000002",
                name="Ben Example",
                phone="09 555 0101 ext 12",
                mobile=None,
                email=None,
                position=None,
                is_primary=False,
                is_deleted=True,
            ),
        ),
        account_manager_name="Sam Rivers",
        job_manager_uuid="50000000-0000-4000-8000-000000000002",
        job_manager_name="Mia Chen",
    )


def test_the_first_of_two_fields_of_a_name_counts_and_one_deeper_inside_does_not() -> None:
    client = read_client(
        element(
            "<Client><Type><Name>Standard 20 days</Name></Type><UUID>c1</UUID>"
            "<Name>Kea Ltd</Name><Name>Tui Ltd</Name></Client>"
        )
    )
    assert client is not None
    assert client.name == "Kea Ltd"


def test_an_archived_client_is_marked() -> None:
    client = read_client(rows("clients", "Client")[1])
    assert client is not None
    assert client.is_archived
    assert client.is_deleted
    assert client.contacts == ()


def test_a_job_is_read_with_its_tasks() -> None:
    sam = StaffRef("50000000-0000-4000-8000-000000000001", "Sam Rivers")
    mia = StaffRef("50000000-0000-4000-8000-000000000002", "Mia Chen")
    definition = "e0000000-0000-4000-8000-000000000001"
    assert read_job(rows("jobs", "Job")[0]) == Job(
        number="J000123",
        uuid="b0000000-0000-4000-8000-000000000001",
        name="Tax return 2026",
        state="In Progress",
        client_uuid="c0000000-0000-4000-8000-000000000001",
        client_name="Kea Ltd",
        start_date=date(2026, 4, 1),
        due_date=date(2026, 12, 20),
        completed_date=None,
        manager_name="Sam Rivers",
        manager_uuid="50000000-0000-4000-8000-000000000001",
        assigned=(sam, mia),
        tasks=(
            Task(
                uuid="d0000000-0000-4000-8000-000000000001",
                task_uuid=definition,
                name="Individual tax",
                is_completed=False,
                is_billable=True,
                estimated_minutes=120,
                assigned=(),
            ),
            Task(
                uuid="d0000000-0000-4000-8000-000000000002",
                task_uuid=definition,
                name="Planning",
                is_completed=True,
                is_billable=False,
                estimated_minutes=None,
                assigned=(sam,),
            ),
        ),
    )


def test_a_time_names_the_task_on_the_job_and_not_its_definition() -> None:
    job = read_job(rows("jobs", "Job")[0])
    assert job is not None
    assert job.tasks[0].for_time == "d0000000-0000-4000-8000-000000000001"


def test_a_bare_job_is_a_job() -> None:
    job = read_job(rows("jobs", "Job")[1])
    assert job is not None
    assert (job.uuid, job.client_uuid, job.assigned, job.tasks) == (None, None, (), ())


def test_staff_may_have_no_address() -> None:
    staff = [read_staff(row) for row in rows("staff", "Staff")]
    assert [person and person.email for person in staff] == ["sam@example.com", None]
    assert [person and person.name for person in staff] == ["Sam Rivers", "Mia Chen"]


def test_a_time_is_read_with_its_day_and_minutes() -> None:
    assert read_time(rows("times", "Time")[1]) == Time(
        uuid="f0000000-0000-4000-8000-000000000002",
        job_number="J000124",
        job_name="GST return",
        task_uuid="d0000000-0000-4000-8000-000000000003",
        task_name="GST",
        staff_uuid="50000000-0000-4000-8000-000000000001",
        staff_name="Sam Rivers",
        date=date(2026, 11, 23),
        minutes=-15,
        note=None,
        is_billable=False,
        start=clock_time(9, 0),
        end=clock_time(8, 45),
        is_invoiced=True,
    )


def test_line_ends_in_a_note_are_line_feeds() -> None:
    time = read_time(rows("times", "Time")[0])
    assert time is not None
    assert time.note == "Call <with> Ana\n& Ben"


def test_a_thin_echo_is_filled_from_what_was_sent() -> None:
    sent = NewTime("J000123", "task", "staff", date(2026, 11, 23), 12, "note")
    assert read_time(element("<Time><UUID>1</UUID></Time>")) is None
    time = read_time(element("<Time><UUID>1</UUID></Time>"), sent)
    assert time is not None
    assert (time.job_number, time.staff_uuid, time.date, time.minutes) == (
        "J000123",
        "staff",
        date(2026, 11, 23),
        12,
    )
    assert read_time(element("<Time><Minutes>12</Minutes></Time>"), sent) is None


def test_absent_empty_and_blank_are_one() -> None:
    assert text(None) is text(element("<a/>")) is text(element("<a> \n</a>")) is None
    assert text(element("<a> Chris Spence </a>")) == "Chris Spence"


def test_both_kinds_of_yes_are_yes() -> None:
    assert [flag(element(f"<a>{word}</a>")) for word in ("Yes", "true", "TRUE", "No", "")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("said", "meant"),
    [("15", 15), ("-15", -15), ("15.00", 15), ("15.5", None), ("", None), ("many", None)],
)
def test_minutes_are_whole(said: str, meant: int | None) -> None:
    assert number(element(f"<a>{said}</a>")) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-11-23T00:00:00", date(2026, 11, 23)),
        ("2026-11-23", date(2026, 11, 23)),
        ("23/11/2026", None),
        ("", None),
    ],
)
def test_a_day_has_no_zone(said: str, meant: date | None) -> None:
    assert day(element(f"<a>{said}</a>")) == meant


def test_a_time_of_day_that_is_none_is_none() -> None:
    assert clock(element("<a>09:05</a>")) == clock_time(9, 5)
    assert clock(element("<a>soon</a>")) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://app.practicemanager.xero.com/job",
        "https://xero.com.example.com/",
        "https://examplexero.com/",
        "https://sam@app.xero.com/",
        "https://app.xero.com:8443/",
        "https://app.xero.com\\.example.com/",
        "https://app.xero.com/|click",
        "javascript:alert(1)",
        "https://[::1/",
        "",
    ],
)
def test_a_link_leads_to_xero_or_nowhere(address: str) -> None:
    root = etree.Element("Response")
    etree.SubElement(root, "WebUrl").text = address
    assert web_url(root) is None


def test_the_link_of_an_answer_stands_beside_its_entity() -> None:
    link = web_url(etree.fromstring(fixture("client")))
    assert link == "https://practicemanager.xero.com/Client/123/Detail"
