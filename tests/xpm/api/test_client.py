import asyncio
import logging
from contextlib import aclosing
from datetime import date, datetime, timedelta, timezone

import httpx
import pytest
from lxml import etree

from xpm.api import (
    Disconnected,
    Http,
    Limiter,
    NewTime,
    Practice,
    Priority,
    Rejected,
    TryLater,
    Unknown,
    XpmError,
    never,
    timesheet,
)

from .fakes import API, TENANT, Naps, Prepared, Tokens, Xero, fixture, ok, practice, raw_server, xml

NEW = NewTime(
    job_number="J000123",
    task_uuid="d0000000-0000-4000-8000-000000000001",
    staff_uuid="50000000-0000-4000-8000-000000000001",
    date=date(2026, 11, 23),
    minutes=12,
    note="Call with Ana Example",
)
OK = "<Response><Status>OK</Status></Response>"
BASE = "/practicemanager/3.1"


async def test_every_request_says_who_asks_for_which_practice() -> None:
    xero = Xero(ok("staff"))
    async with practice(xero) as asked:
        assert [person.name for person in await asked.staff()] == ["Sam Rivers", "Mia Chen"]
    headers = xero.requests[0].headers
    assert headers["authorization"] == "Bearer token-1"
    assert headers["xero-tenant-id"] == TENANT
    assert headers["accept"] == "text/xml"
    assert xero.paths == [f"{BASE}/staff.api/list"]


async def test_clients_stream_and_rows_without_identity_are_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    xero = Xero(ok("clients"))
    async with practice(xero, priority=Priority.SYNC) as asked:
        names = [client.name async for client in asked.clients()]
    assert names == ["Kea Ltd", "Old & Gone Ltd"]
    assert xero.paths == [f"{BASE}/client.api/list"]
    assert [entry.message for entry in caplog.records] == ["xpm.rows_without_identity"]


async def test_what_changed_since_is_asked_in_utc() -> None:
    xero = Xero(ok("clients"))
    since = datetime(2026, 11, 23, 14, 5, tzinfo=timezone(timedelta(hours=13)))
    async with practice(xero) as asked:
        assert [client async for client in asked.clients(since)]
        with pytest.raises(ValueError, match="zone"):
            asked.clients(datetime(2026, 11, 23))  # noqa: DTZ001 - the point
    assert xero.requests[0].url.params["modifiedsince"] == "2026-11-23T01:05:00"


async def test_jobs_are_asked_for_with_their_tasks() -> None:
    xero = Xero(ok("jobs"), ok("jobs"), ok("jobs"))
    async with practice(xero) as asked:
        assert [job.number async for job in asked.open_jobs()] == ["J000123", "J000124"]
        assert len((await asked.jobs_of_client("c-1"))[0].tasks) == 2
        assert len(await asked.jobs_of_staff("s-1")) == 2
    assert xero.paths == [
        f"{BASE}/job.api/current?detailed=true",
        f"{BASE}/job.api/client/c-1",
        f"{BASE}/job.api/staff/s-1",
    ]


async def test_a_job_comes_with_its_link() -> None:
    async with practice(Xero(ok("job"))) as asked:
        job = await asked.job("J000123")
    assert job is not None
    assert job.web_url == "https://app.practicemanager.xero.com/job/jobview.aspx?id=J000123"


async def test_a_client_comes_with_its_link() -> None:
    async with practice(Xero(ok("client"))) as asked:
        client = await asked.client("c-1")
    assert client is not None
    assert client.web_url == "https://practicemanager.xero.com/Client/123/Detail"
    assert client.contacts[0].name == "Ana Example"


@pytest.mark.parametrize("answer", [ok("refused"), xml("", 404), xml("", 400)])
async def test_a_job_xpm_does_not_know_is_none(answer: httpx.Response) -> None:
    async with practice(Xero(answer)) as asked:
        assert await asked.job("J999999") is None


async def test_a_typed_job_number_stays_one_segment() -> None:
    xero = Xero(ok("job"))
    async with practice(xero) as asked:
        await asked.job(" A/B ?x=1#é ")
        assert await asked.job("..") is None
        assert await asked.job(" ") is None
    assert xero.paths == [f"{BASE}/job.api/get/A%2FB%20%3Fx%3D1%23%C3%A9"]


async def test_an_answer_without_its_job_is_tried_later() -> None:
    async with practice(Xero(xml(OK))) as asked:
        with pytest.raises(TryLater):
            await asked.job("J000123")


async def test_a_time_is_read_by_its_handle() -> None:
    async with practice(Xero(ok("time"), ok("refused"))) as asked:
        time = await asked.time("f-1")
        assert time is not None
        assert time.minutes == 12
        assert await asked.time("f-2") is None


async def test_times_of_a_person_are_asked_by_days() -> None:
    xero = Xero(ok("times"))
    async with practice(xero) as asked:
        times = await asked.times_of_staff("s-1", date(2026, 11, 22), date(2026, 11, 23))
    assert [time.minutes for time in times] == [12, -15]
    assert xero.paths == [f"{BASE}/time.api/staff/s-1?from=20261122&to=20261123"]


@pytest.mark.parametrize("days", [-1, 365])
async def test_days_are_in_order_and_within_a_year(days: int) -> None:
    async with practice(Xero()) as asked:
        with pytest.raises(ValueError, match="days"):
            await asked.times_of_staff("s", date(2026, 1, 1), date(2026, 1, 1) + timedelta(days))


async def test_a_time_that_cannot_be_read_is_not_overlooked() -> None:
    odd = "<Response><Status>OK</Status><Times><Time><UUID>1</UUID></Time></Times></Response>"
    async with practice(Xero(xml(odd)), retry=never) as asked:
        with pytest.raises(TryLater):
            await asked.times_of_staff("s", date(2026, 1, 1), date(2026, 1, 1))


# Writing


async def test_a_time_is_written_once_and_comes_back_with_its_handle() -> None:
    xero = Xero(ok("time"))
    async with practice(xero) as asked:
        time = await asked.add_time(NEW)
    assert time.uuid == "f0000000-0000-4000-8000-000000000001"
    assert xero.paths == [f"{BASE}/time.api/add"]
    assert xero.requests[0].method == "POST"
    assert xero.requests[0].headers["content-type"] == "application/xml; charset=utf-8"
    sent = etree.fromstring(xero.bodies[0])
    assert [(child.tag, child.text) for child in sent] == [
        ("Job", "J000123"),
        ("TaskUUID", NEW.task_uuid),
        ("StaffUUID", NEW.staff_uuid),
        ("Date", "20261123"),
        ("Minutes", "12"),
        ("Note", "Call with Ana Example"),
    ]


def test_a_changed_time_names_itself_first() -> None:
    assert etree.fromstring(timesheet(NEW, "f-1"))[0].text == "f-1"


async def test_a_time_is_changed_and_deleted_by_its_handle() -> None:
    xero = Xero(ok("time"), xml(OK), httpx.Response(204))
    async with practice(xero) as asked:
        await asked.update_time("f0000000-0000-4000-8000-000000000001", NEW)
        await asked.delete_time("f-1")
        await asked.delete_time("f-2")
    assert [(r.method, p) for r, p in zip(xero.requests, xero.paths, strict=True)] == [
        ("PUT", f"{BASE}/time.api/update"),
        ("DELETE", f"{BASE}/time.api/delete/f-1"),
        ("DELETE", f"{BASE}/time.api/delete/f-2"),
    ]


async def test_a_note_is_put_on_a_job() -> None:
    xero = Xero(xml(OK))
    async with practice(xero) as asked:
        await asked.add_note("J000123", "Call", "Ana & Ben\x00")
    assert xero.paths == [f"{BASE}/job.api/note"]
    assert [child.text for child in etree.fromstring(xero.bodies[0])] == [
        "J000123",
        "Call",
        "Ana & Ben",
    ]


async def test_a_refusal_comes_with_xpms_own_words() -> None:
    refused = ok("refused")
    refused.headers["xero-correlation-id"] = "abc"
    async with practice(Xero(refused)) as asked:
        with pytest.raises(Rejected) as caught:
            await asked.add_time(NEW)
    assert caught.value.reason == "Job is “completed” & closed"
    assert (caught.value.status, caught.value.correlation_id) == (200, "abc")


WRITES: list[tuple[Prepared, type[XpmError]]] = [
    (xml("", 500), Unknown),
    (httpx.Response(500, content=fixture("refused")), Unknown),
    (httpx.Response(503, content=b'{Status":500}'), Unknown),
    (httpx.Response(408), Unknown),
    (httpx.Response(302, headers={"location": "https://elsewhere.example.com"}), Unknown),
    (httpx.Response(200, content=b""), Unknown),
    (httpx.Response(200, content=b"<html><p>Maintenance</p></html>"), Unknown),
    (httpx.Response(204), Unknown),
    (xml(OK), Unknown),
    (httpx.ReadTimeout("x"), Unknown),
    (httpx.RemoteProtocolError("x"), Unknown),
    (httpx.ConnectError("x"), TryLater),
    (httpx.PoolTimeout("x"), TryLater),
    (httpx.Response(429, headers={"retry-after": "22"}), TryLater),
    (httpx.Response(400), Rejected),
    (httpx.Response(404), Rejected),
    (httpx.Response(409), Rejected),
    (httpx.Response(403, json={"Detail": "AuthenticationUnsuccessful"}), Disconnected),
]


@pytest.mark.parametrize(("answer", "leaf"), WRITES)
async def test_a_failed_write_is_sent_once_and_says_whether_it_was_written(
    answer: Prepared, leaf: type[XpmError]
) -> None:
    xero = Xero(answer)
    async with practice(xero) as asked:
        with pytest.raises(leaf):
            await asked.add_time(NEW)
    assert len(xero.requests) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (fixture("refused"), "Job is “completed” & closed"),
        (b'{"Title": "Bad", "Detail": "The range is too long"}', "The range is too long"),
        (b"[]", "XPM did not accept the request"),
        (b'{"Detail": null}', "XPM did not accept the request"),
        (b"<html>", "XPM did not accept the request"),
        (b"[" * 50_000, "XPM did not accept the request"),
    ],
)
async def test_a_bad_request_says_what_xpm_said(body: bytes, reason: str) -> None:
    async with practice(Xero(httpx.Response(400, content=body))) as asked:
        with pytest.raises(Rejected) as caught:
            await asked.add_time(NEW)
    assert caught.value.reason == reason


async def test_a_written_time_that_differs_is_noted_and_stays_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = fixture("time").replace(b"J000123", b"J000124")
    async with practice(Xero(httpx.Response(200, content=other))) as asked:
        time = await asked.add_time(NEW)
    assert time.job_number == "J000124"
    assert [(entry.message, entry.fields) for entry in caplog.records] == [  # type: ignore[attr-defined]
        ("xpm.time_differs", "job")
    ]


# Access


async def test_a_refused_token_is_renewed_once_even_for_a_write() -> None:
    xero, tokens = Xero(httpx.Response(401), ok("time")), Tokens()
    async with practice(xero, tokens=tokens) as asked:
        await asked.add_time(NEW)
    assert tokens.asked == [False, True]
    assert [r.headers["authorization"] for r in xero.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]
    assert xero.bodies[0] == xero.bodies[1]


async def test_a_token_refused_twice_means_disconnected() -> None:
    xero = Xero(httpx.Response(401), httpx.Response(401))
    async with practice(xero) as asked:
        with pytest.raises(Disconnected):
            await asked.staff()
    assert len(xero.requests) == 2


async def test_a_practice_that_was_taken_away_means_disconnected() -> None:
    xero = Xero(httpx.Response(403))
    async with practice(xero) as asked:
        with pytest.raises(Disconnected):
            await asked.job("J000123")
    assert len(xero.requests) == 1


# Reading again


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.Response(503),
        httpx.Response(200, content=b"<Response><Sta"),
    ],
)
async def test_a_failed_read_is_asked_again(failure: Prepared) -> None:
    xero, naps = Xero(failure, ok("staff")), Naps()
    async with practice(xero, naps=naps) as asked:
        assert len(await asked.staff()) == 2
    assert naps.seconds == [0.1]


async def test_a_read_is_never_in_doubt() -> None:
    xero = Xero(*[httpx.ReadTimeout("x") for _ in range(6)])
    async with practice(xero) as asked:
        with pytest.raises(TryLater):
            await asked.job("J000123")
        with pytest.raises(TryLater):
            await asked.staff()
    assert len(xero.requests) == 6


async def test_a_refused_read_is_not_asked_again() -> None:
    xero = Xero(ok("refused"))
    async with practice(xero) as asked:
        with pytest.raises(Rejected):
            await asked.staff()
    assert len(xero.requests) == 1


async def test_a_list_that_broke_off_is_not_begun_again() -> None:
    whole = fixture("clients")
    xero = Xero(httpx.Response(200, content=whole[:-20]))
    async with practice(xero) as asked:
        clients = asked.clients()
        assert (await anext(clients)).name == "Kea Ltd"
        assert (await anext(clients)).name == "Old & Gone Ltd"
        with pytest.raises(TryLater):
            await anext(clients)
    assert len(xero.requests) == 1


async def test_what_the_vendor_states_is_waited_for() -> None:
    xero, naps = Xero(httpx.Response(503, headers={"retry-after": "2"}), ok("staff")), Naps()
    async with practice(xero, naps=naps) as asked:
        await asked.staff()
    assert naps.seconds == [2.0]


async def test_a_spent_day_stops_the_next_call_before_it_leaves() -> None:
    spent = {"x-rate-limit-problem": "day", "retry-after": "7200"}
    xero = Xero(httpx.Response(429, headers=spent))
    async with practice(xero) as asked:
        for _ in range(2):
            with pytest.raises(TryLater) as caught:
                await asked.staff()
            assert caught.value.day_spent
    assert len(xero.requests) == 1


async def test_a_list_left_early_gives_its_place_back() -> None:
    limiter = Limiter(concurrent=1, click_wait=0.05)
    async with practice(Xero(ok("clients"), ok("staff")), limiter=limiter) as asked:
        async with aclosing(asked.clients()) as clients:
            await anext(clients)
        assert await asked.staff()


async def test_a_practice_is_reached_over_a_real_socket() -> None:
    body = fixture("staff")

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    async with raw_server(script) as base, Practice(None, TENANT, Tokens(), base) as asked:
        assert len(await asked.staff()) == 2


async def test_a_refusal_counts_even_when_its_words_never_arrive() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 1000\r\n\r\n<Respon")
        await writer.drain()

    async with raw_server(script) as base, Practice(None, TENANT, Tokens(), base) as asked:
        with pytest.raises(Rejected) as caught:
            await asked.add_time(NEW)
    assert caught.value.reason == "XPM did not accept the request"


async def test_nothing_logged_names_a_token_or_a_person(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    xero = Xero(httpx.Response(503), ok("clients"), httpx.Response(429), ok("refused"))
    async with practice(xero) as asked:
        assert [client async for client in asked.clients()]
        for _ in range(2):
            with pytest.raises(XpmError):
                await asked.add_time(NEW)
    written = " ".join(f"{entry.getMessage()} {vars(entry)}" for entry in caplog.records)
    assert "xpm.rate_limited" in written
    assert not any(word in written for word in ("token-1", "Ana", "Kea", "modifiedsince"))


async def test_a_practice_is_only_asked_over_a_safe_line() -> None:
    async with Http() as http:
        with pytest.raises(ValueError, match="https"):
            Practice(http, TENANT, Tokens(), API.replace("https", "http"))
