"""The door: looking in, and changing what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.practice import PracticeSettings, PretendXero

if TYPE_CHECKING:
    from tests.sandbox.practice.conftest import Xero


def made(**options: Any) -> PretendXero:
    """Make a state without a server."""
    return PretendXero(
        PracticeSettings(
            client_id="a", client_secret="b", redirect_uris=(), public_url="", **options
        )
    )


async def test_the_state_shows_everything_a_panel_needs(kea: Xero) -> None:
    await kea.add()
    await kea.add(Note="Second")
    seen = await kea.seen()
    assert [p["name"] for p in seen["practices"]] == ["Kea Accounting", "Tui Advisory"]
    assert [t["note"] for t in seen["times"]] == ["Second", "Call with Ana Example"]
    assert seen["times"][0]["client"] == "Kea Ltd"
    assert seen["connections"][0]["by"] == "sam@example.com"
    assert seen["requests"]["time.api/add"] == 2
    assert seen["clients"][0]["contacts"][0]["mobile"] == "021 555 0123"
    numbers = [j["number"] for j in seen["jobs"]]
    assert "J000123" in numbers
    assert "J000900" in numbers


async def test_the_door_is_open_to_any_page(xero: Xero) -> None:
    seen = await xero.http.get("/sandbox/state", headers={"Origin": "http://localhost:1"})
    assert seen.headers["access-control-allow-origin"] == "*"
    asked = await xero.http.options(
        "/sandbox/faults",
        headers={
            "Origin": "http://localhost:1",
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert asked.status_code == 200


async def test_jobs_are_made_for_a_client_and_take_time(kea: Xero) -> None:
    sent = {"client": "Moa Farms", "name": "New herd", "staff": ["mia@example.com"], "count": 3}
    jobs = (await kea.http.post("/sandbox/jobs", json=sent)).json()["jobs"]
    assert len({job["number"] for job in jobs}) == 3
    task = jobs[0]["tasks"][0]["uuid"]
    assert await kea.add(Job=jobs[0]["number"], TaskUUID=task)
    for wrong in ({"client": "Nobody"}, {"client": "Moa Farms", "staff": ["no@example.com"]}):
        assert (await kea.http.post("/sandbox/jobs", json=wrong)).status_code == 404


async def test_a_job_that_is_completed_takes_no_more_time(kea: Xero) -> None:
    await kea.add()
    path = "/sandbox/jobs/J000123/state"
    assert (await kea.http.post(path, json={"state": "Completed"})).json()["state"] == "Completed"
    assert await kea.refused("POST", "time.api/add", kea.sheet()) == "Job is completed"
    await kea.http.post(path, json={"state": "In Progress"})
    assert await kea.add()
    assert (await kea.http.post(path, json={"state": "Odd"})).status_code == 400


async def test_reset_puts_everything_back(kea: Xero) -> None:
    before = await kea.seen()
    await kea.add()
    await kea.fault("down", times=-1)
    await kea.http.post("/sandbox/reset")
    after = await kea.seen()
    assert after["times"] == []
    assert after["faults"] == []
    assert after["connections"] == []
    assert after["jobs"] == before["jobs"]
    assert after["clients"] == before["clients"]


async def test_what_is_not_there_is_404_and_what_is_not_json_is_400(xero: Xero) -> None:
    assert (await xero.http.post("/sandbox/times/none/invoice")).status_code == 404
    assert (await xero.http.post("/sandbox/jobs/J9/state", json={})).status_code == 404
    assert (await xero.http.post("/sandbox/jobs", content=b"{")).status_code == 400


def test_the_same_seed_makes_the_same_practice() -> None:
    first, again, other = made(), made(), made(seed=2)
    (kea, kea_again, kea_other) = (s.practices for s in (first, again, other))
    tenant = next(iter(kea))
    assert list(kea[tenant].clients) == list(kea_again[tenant].clients)
    assert list(kea[tenant].clients) != list(kea_other[tenant].clients)


def test_tasks_of_a_grown_job_do_not_depend_on_who_looks_first() -> None:
    forward, backward = made(), made()
    tenant = next(iter(forward.practices))
    kea, kea_again = forward.practices[tenant], backward.practices[tenant]
    numbers = list(kea.jobs)
    tasks = {n: kea.tasks_of(kea.jobs[n]) for n in numbers}
    again = {n: kea_again.tasks_of(kea_again.jobs[n]) for n in reversed(numbers)}
    assert tasks == again


def test_no_two_clients_share_a_landline_up_to_fifteen_thousand() -> None:
    state = made(clients=15_000)
    phones = [c.phone for p in state.practices.values() for c in p.clients.values() if c.phone]
    digits = ["".join(ch for ch in phone if ch.isdigit()).removeprefix("61") for phone in phones]
    stripped = [number.removeprefix("0") for number in digits]
    assert len(stripped) == len(set(stripped))


def test_every_state_is_there_in_eighty_jobs() -> None:
    state = made()
    kea = next(iter(state.practices.values()))
    states = {job.state for job in kea.jobs.values()}
    assert states == {
        "Planned",
        "In Progress",
        "On Hold",
        "Ready for Review",
        "Completed",
        "Cancelled",
    }
    assert len(kea.jobs) == 80
