"""The telephone and the practice on the right, with the door's answers put down by the stub."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.chromium import OPENING

from .stub import Stub

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

KEA = "11111111-1111-4111-8111-111111111111"


def practice() -> dict[str, Any]:
    """Return a practice's view with one client, one job and one time."""
    return {
        "practices": [{"tenant": KEA, "name": "Kea Accounting", "clients": 1}],
        "staff": [{"tenant": KEA, "name": "Zoe Extra", "email": "zoe@example.com"}],
        "clients": [
            {
                "name": "Kea Ltd",
                "phone": "(09) 555 0100",
                "contacts": [{"name": "Ana Example", "mobile": "021 555 0123", "phone": ""}],
            }
        ],
        "jobs": [{"number": "J000123", "name": "Tax return 2026", "state": "In Progress"}],
        "times": [
            {
                "uuid": "t-1",
                "job": "J000123",
                "job_name": "Tax return 2026",
                "task": "Individual tax",
                "staff": "Sam Rivers",
                "date": "2026-11-23",
                "minutes": 12,
                "note": "Call with Ana Example",
                "invoiced": False,
            }
        ],
        "faults": [],
        "connections": [{"tenant": KEA, "name": "Kea Accounting", "by": "sam@example.com"}],
    }


@pytest_asyncio.fixture(loop_scope="session")
async def panel(stub: Stub, opened: Page) -> Page:
    """The page with a telephone and a practice."""
    stub.addresses = {"practice": stub.address, "telephone": stub.address}
    stub.practice = practice()
    await opened.goto(f"{stub.address}/?team=T0KEA&user=U0SAM")
    await opened.get_by_test_id("times-count").wait_for(timeout=OPENING)
    return opened


async def sent(stub: Stub, path: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while not stub.bodies(path):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return stub.bodies(path)[-1]


async def test_end_the_call_rings_as_the_person_with_the_first_contact(
    stub: Stub, panel: Page
) -> None:
    await panel.get_by_test_id("end-call").click()
    assert await sent(stub, "/calls") == {
        "user_email": "sam@example.com",
        "external_number": "021 555 0123",
        "direction": "inbound",
        "answered": True,
        "talk_seconds": 720,
        "ring_seconds": 8,
    }
    await expect(panel.get_by_test_id("call-said")).to_have_text(
        "The call ended and the app was told."
    )


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("withheld", {"external_number": None}),
        ("unknown", {"external_number": "021 555 0999"}),
        ("internal", {"external_number": "204", "internal": True}),
    ],
)
async def test_the_other_kinds_of_caller(
    stub: Stub, panel: Page, who: str, told: dict[str, Any]
) -> None:
    await panel.get_by_test_id("call-with").select_option(who)
    await panel.get_by_role("radio", name="Outgoing").check(force=True)
    await panel.get_by_test_id("call-staff").select_option("mia@example.com")
    await panel.get_by_test_id("call-minutes").fill("3")
    await panel.get_by_test_id("call-seconds").fill("30")
    await panel.get_by_test_id("end-call").click()
    body = await sent(stub, "/calls")
    assert body == {
        "user_email": "mia@example.com",
        "direction": "outbound",
        "answered": True,
        "talk_seconds": 210,
        "ring_seconds": 8,
        **told,
    }


async def test_a_missed_call_has_no_length(stub: Stub, panel: Page) -> None:
    await panel.get_by_role("radio", name="Missed").check(force=True)
    await expect(panel.get_by_test_id("call-minutes")).to_be_disabled()
    await panel.get_by_test_id("end-call").click()
    body = await sent(stub, "/calls")
    assert (body["answered"], body["talk_seconds"]) == (False, 0)


async def test_staff_without_a_slack_account_can_take_calls(stub: Stub, panel: Page) -> None:
    await panel.get_by_test_id("call-staff").select_option("zoe@example.com")
    await panel.get_by_test_id("end-call").click()
    assert (await sent(stub, "/calls"))["user_email"] == "zoe@example.com"


async def test_times_in_xpm_follow_the_practice(stub: Stub, panel: Page) -> None:
    row = panel.get_by_test_id("time")
    await expect(row).to_contain_text("12 min")
    await expect(row).to_contain_text("J000123 Tax return 2026")
    again = practice()
    again["times"].insert(0, again["times"][0] | {"uuid": "t-2", "minutes": 30})
    stub.practice = again
    await expect(panel.get_by_test_id("times-count")).to_have_text("2")
    await expect(row.first).to_contain_text("30 min")


async def test_a_fault_is_set_and_cleared(stub: Stub, panel: Page) -> None:
    await panel.get_by_test_id("fault-kind").select_option("cut_after")
    await panel.get_by_test_id("fault-start").click()
    assert await sent(stub, "/sandbox/faults") == {
        "kind": "cut_after",
        "on": "time.api/add",
        "times": 1,
        "seconds": 5,
    }
    await expect(panel.get_by_test_id("practice-said")).to_contain_text(
        "Set: Cuts after writing. Save a time now and watch its message: within half a minute"
    )
    stub.practice = practice() | {
        "faults": [{"kind": "cut_after", "on": "time.api/add", "times": 1, "seconds": 5}]
    }
    await expect(panel.get_by_test_id("fault-clear")).to_be_enabled()
    await panel.get_by_test_id("fault-clear").click()
    await expect(panel.get_by_test_id("practice-said")).to_have_text("XPM is well again.")
    assert stub.sent[-1] == ("/sandbox/faults", {})


async def test_a_job_is_completed_and_xero_disconnected(stub: Stub, panel: Page) -> None:
    await panel.get_by_test_id("job-change").click()
    assert await sent(stub, "/sandbox/jobs/J000123/state") == {"state": "Completed"}
    await panel.get_by_test_id("xero-disconnect").click()
    assert await sent(stub, "/sandbox/disconnect") == {"tenant": KEA}


async def test_a_time_is_marked_as_invoiced(stub: Stub, panel: Page) -> None:
    await panel.get_by_role("button", name="Mark as invoiced").click()
    assert await sent(stub, "/sandbox/times/t-1/invoice") == {}


async def test_the_app_is_removed_only_after_a_question(stub: Stub, panel: Page) -> None:
    await panel.get_by_test_id("uninstall").click()
    question = panel.get_by_role("alertdialog", name="Remove the app?")
    await question.get_by_role("button", name="Remove").click()
    assert await sent(stub, "/client/uninstall") == {"team": "T0KEA"}


async def test_without_addresses_there_is_no_telephone(stub: Stub, page: Page) -> None:
    await expect(page.get_by_test_id("end-call")).to_have_count(0)
    await expect(page.get_by_test_id("times")).to_have_count(0)
