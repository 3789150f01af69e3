"""Every way of misbehaving, as a real HTTP client sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from lxml import etree

if TYPE_CHECKING:
    from tests.sandbox.practice.conftest import Xero


@pytest.mark.parametrize("server", ["h11", "httptools"])
@pytest.mark.parametrize(("kind", "written"), [("cut_before", 0), ("cut_after", 1)])
async def test_a_cut_is_a_reset_before_or_after_the_write(
    serve: Any, server: str, kind: str, written: int
) -> None:
    async with serve(server) as xero:
        await xero.connect()
        await xero.fault(kind, on="time.api/add")
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await xero.call("POST", "time.api/add", xero.sheet())
        assert len((await xero.seen())["times"]) == written
        assert await xero.add()
        assert [r["status"] for r in xero.state.requests()][-2:] == [0, 200]


@pytest.mark.parametrize("server", ["h11", "httptools"])
async def test_half_an_answer_is_cut_in_the_middle_of_the_body(serve: Any, server: str) -> None:
    async with serve(server) as xero:
        await xero.connect()
        await xero.fault("half", on="client.api/list")
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await xero.call("GET", "client.api/list")
        assert (await xero.call("GET", "client.api/list")).status_code == 200


async def test_a_late_answer_was_written_at_once(kea: Xero) -> None:
    await kea.fault("late", on="time.api/add", seconds=0.4)
    sending = asyncio.create_task(kea.call("POST", "time.api/add", kea.sheet()))
    await asyncio.sleep(0.2)
    assert len(kea.state.practices[kea.tenant].times) == 1
    assert not sending.done()
    assert (await sending).status_code == 200


async def test_a_late_answer_keeps_its_place_among_the_calls_under_way(serve: Any) -> None:
    async with serve("h11", concurrent_limit=1) as xero:
        await xero.connect()
        await xero.fault("late", seconds=0.3)
        sending = asyncio.create_task(xero.call("GET", "staff.api/list"))
        await asyncio.sleep(0.1)
        assert (await xero.call("GET", "staff.api/list")).status_code == 429
        assert (await sending).status_code == 200
        assert (await xero.call("GET", "staff.api/list")).status_code == 200


async def test_a_late_write_lands_after_the_connection_was_cut(kea: Xero) -> None:
    await kea.fault("late_write", on="time.api/add", seconds=0.2)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await kea.call("POST", "time.api/add", kea.sheet())
    assert not (await kea.seen())["times"]
    await asyncio.sleep(0.4)
    assert len((await kea.seen())["times"]) == 1


async def test_reset_forgets_a_late_write(kea: Xero) -> None:
    await kea.fault("late_write", on="time.api/add", seconds=0.1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await kea.call("POST", "time.api/add", kea.sheet())
    await kea.http.post("/sandbox/reset", json={"keep_connections": True})
    await asyncio.sleep(0.2)
    assert not (await kea.seen())["times"]
    assert (await kea.call("GET", "staff.api/list")).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "written"),
    [("500", 500, 0), ("500_after", 500, 1), ("503", 503, 0), ("down", 503, 0), ("rate", 429, 0)],
)
async def test_a_refusal_has_its_status_and_writes_what_its_name_says(
    kea: Xero, kind: str, status: int, written: int
) -> None:
    await kea.fault(kind, seconds=22)
    answer = await kea.call("POST", "time.api/add", kea.sheet())
    assert answer.status_code == status
    assert len((await kea.seen())["times"]) == written
    if kind == "rate":
        assert answer.headers["retry-after"] == "22"
        assert answer.headers["x-rate-limit-problem"] == "minute"
        assert answer.content == b""


async def test_malformed_xml_comes_with_200(kea: Xero) -> None:
    await kea.fault("malformed", on="time.api/add")
    answer = await kea.call("POST", "time.api/add", kea.sheet())
    assert answer.status_code == 200
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(answer.content)
    assert len((await kea.seen())["times"]) == 1


async def test_a_dead_token_works_again_after_a_refresh(kea: Xero) -> None:
    await kea.fault("dead_token")
    assert (await kea.call("GET", "staff.api/list")).status_code == 401
    assert (await kea.call("GET", "staff.api/list")).status_code == 401
    kea.tokens = (await kea.refresh(kea.tokens["refresh_token"])).json()
    assert (await kea.call("GET", "staff.api/list")).status_code == 200


async def test_a_dead_grant_refuses_the_refresh_for_good(kea: Xero) -> None:
    await kea.fault("dead_grant")
    for _ in range(2):
        answer = await kea.refresh(kea.tokens["refresh_token"])
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})
    await kea.connect()
    assert (await kea.call("GET", "staff.api/list")).status_code == 200


async def test_a_fault_meets_its_endpoint_only_and_as_often_as_asked(kea: Xero) -> None:
    await kea.fault("503", on="time.api", times=2)
    statuses = [
        (await kea.call("GET", "staff.api/list")).status_code,
        (await kea.call("POST", "time.api/add", kea.sheet())).status_code,
        (await kea.call("GET", "time.api/job/J000123")).status_code,
        (await kea.call("POST", "time.api/add", kea.sheet())).status_code,
    ]
    assert statuses == [200, 503, 503, 200]


async def test_a_fault_without_end_lasts_until_cleared_and_spares_identity(kea: Xero) -> None:
    await kea.fault("down", times=-1)
    for _ in range(3):
        assert (await kea.call("GET", "staff.api/list")).status_code == 503
    kea.tokens = (await kea.refresh(kea.tokens["refresh_token"])).json()
    await kea.http.delete("/sandbox/faults")
    assert (await kea.call("GET", "staff.api/list")).status_code == 200


async def test_a_star_takes_identity_down_as_well(kea: Xero) -> None:
    await kea.fault("down", on="*")
    assert (await kea.refresh(kea.tokens["refresh_token"])).status_code == 503
    assert (await kea.refresh(kea.tokens["refresh_token"])).status_code == 200


async def test_a_fault_may_stand_on_the_token_endpoint(kea: Xero) -> None:
    await kea.fault("cut_after", on="connect/token")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await kea.refresh(kea.tokens["refresh_token"])
    # The answer was lost, so the old one may be tried again.
    assert (await kea.refresh(kea.tokens["refresh_token"])).status_code == 200


async def test_an_unknown_kind_is_refused(xero: Xero) -> None:
    assert (await xero.http.post("/sandbox/faults", json={"kind": "gremlin"})).status_code == 400
