"""App Home, disconnecting, installing again, removal, and what is said when something of ours fails."""

import asyncio
import logging
import re

import pytest

from sandbox.visitor import Json, Visitor, has_button, text_of
from tests.handlers.inside import (
    KEA,
    Inside,
    chosen,
    install,
    newest,
    settled,
    shows,
)
from xpm.clock import utc_now
from xpm.store import replicas


async def connected(inside: Inside) -> bool:
    return bool(
        await inside.one(
            "select count(*) from connections where workspace_id = 'T0KEA' and ended_at is null"
        )
    )


async def make_sure(inside: Inside) -> None:
    """Installs and connects where an earlier test has undone it."""
    if inside.slack.teams["T0KEA"].installation is None:
        await install(inside)
    if not await connected(inside):
        await inside.connect()
    await settled(inside)


async def open_home(person: Visitor, *words: str, seconds: float = 5) -> Json:
    await person.do("home", tab="home")
    return await person.home(*words, seconds=seconds)


async def test_home_before_connecting_offers_to_connect(inside: Inside, sam: Visitor) -> None:
    home = await open_home(sam, "Not connected", "What you can type")
    assert has_button(home, "Connect")
    assert not has_button(home, "Disconnect")
    await sam.press_home("Connect")
    await sam.message("works once, until")


async def test_opening_the_messages_tab_publishes_nothing(inside: Inside, mia: Visitor) -> None:
    await mia.do("home", tab="messages")
    await asyncio.sleep(0.2)
    assert (await mia.see())["home"] is None


async def test_home_after_connecting_says_who_and_when_and_follows(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    await open_home(mia, "Not connected")
    await make_sure(inside)
    home = await mia.home("Connected to Kea Accounting", "By Sam Rivers, today", "Last sync today")
    assert has_button(home, "Sync now")
    assert not has_button(home, "Disconnect"), "Mia did not connect and is no admin"
    assert has_button(await open_home(sam, "Connected to Kea Accounting"), "Disconnect")


async def test_sync_now_on_home_begins_a_sync(inside: Inside, sam: Visitor) -> None:
    await make_sure(inside)
    before = await inside.one("select count(*) from syncs where finished_at is not null")
    await open_home(sam, "Connected")
    await sam.press_home("Sync now")
    await settled(inside)
    assert await inside.one("select count(*) from syncs where finished_at is not null") > 0
    assert before > 0
    await sam.home("Last sync today")


async def test_home_counts_what_is_not_logged_and_what_was_refused(
    inside: Inside, mia: Visitor
) -> None:
    await make_sure(inside)
    message = await chosen(mia, await inside.offered(mia))
    await open_home(mia, "of yours not logged yet.")
    await mia.press(message, "Don't log")
    await shows(mia, message, "Not logged")
    await open_home(mia, "Nothing is waiting to be saved.")


async def test_member_who_did_not_connect_may_not_disconnect(inside: Inside, mia: Visitor) -> None:
    await make_sure(inside)
    await mia.type("/xpm disconnect")
    modal = await mia.modal("Only Sam Rivers or an admin of this workspace can disconnect XPM")
    assert not modal["view"].get("submit")
    view = modal["view"]
    payload = {
        "type": "view_submission",
        "view": {
            **view,
            "callback_id": "connect.disconnect_modal",
            "private_metadata": "",
            "id": modal["id"],
        },
    }
    answer = await inside.raw("submit", user="U0MIA", payload=payload)
    assert answer["status"] == 200
    await asyncio.sleep(0.6)
    assert await connected(inside)
    await mia.do("close", view_id=modal["id"])


async def test_confirmation_of_an_older_connection_disconnects_nothing(
    inside: Inside, sam: Visitor
) -> None:
    await make_sure(inside)
    await sam.type("/xpm disconnect")
    old = await sam.modal("Disconnect Kea Accounting?")
    await sam.do("close", view_id=old["id"])
    await sam.type("/xpm disconnect")
    newer = await sam.modal("Disconnect Kea Accounting?")
    await sam.submit(newer)
    await sam.modal("Disconnected from Kea Accounting")
    await settled(inside)
    await inside.connect()
    payload = {
        "type": "view_submission",
        "view": {**old["view"], "id": old["id"], "state": {"values": {}}},
    }
    assert (await inside.raw("submit", user="U0SAM", payload=payload))["status"] == 200
    await asyncio.sleep(0.6)
    await settled(inside)
    assert await connected(inside)
    assert inside.xero.grants.connections()
    for modal in (await sam.see())["modals"]:
        await sam.do("close", view_id=modal["id"])


async def test_disconnecting_forgets_at_xero_and_here_and_says_so_everywhere(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    await make_sure(inside)
    await open_home(mia, "Connected to Kea Accounting")
    message = await chosen(mia, await inside.offered(mia))
    await sam.type("/xpm disconnect")
    await sam.submit(await sam.modal("Disconnect Kea Accounting?", "forgotten", "kept"))
    await sam.modal("Disconnected from Kea Accounting")
    await sam.message("Disconnected from Kea Accounting")
    await mia.home("Not connected")
    assert inside.xero.grants.connections() == []
    for table in ("connections", "clients", "contacts", "phone_numbers", "staff", "jobs", "tasks"):
        query = f"select count(*) from {table} where workspace_id = 'T0KEA'"  # noqa: S608
        assert await inside.one(query) == 0, table
    events = [
        row[0] for row in await inside.rows("select event from audit where workspace_id = 'T0KEA'")
    ]
    assert "connection.deleted" in events
    # What stands on an open message is closed kindly, and kept.
    message = await shows(mia, message, "XPM was disconnected", "What you chose is kept")
    assert not has_button(message, "Save time")
    await sam.type("/xpm disconnect")
    await sam.modal("There is nothing to disconnect")
    for modal in (await sam.see())["modals"]:
        await sam.do("close", view_id=modal["id"])


@pytest.mark.parametrize("typed", ["/xpm log", "/xpm job J000123", "/xpm sync"])
async def test_commands_without_a_connection_offer_to_connect(
    inside: Inside, mia: Visitor, typed: str
) -> None:
    if await connected(inside):
        await inside.on_its_loop(inside.made.services.connections.disconnect("T0KEA", "U0SAM"))
    before = newest(await mia.see())
    await mia.type(typed)
    said = await mia.until(
        lambda seen: next((one for one in seen["messages"] if one["ts"] > before), None), typed
    )
    assert "XPM is not connected" in text_of(said)
    assert has_button(said, "Connect")


async def test_connection_that_xero_ended_is_said_on_home_and_in_status_and_heals(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    await make_sure(inside)
    await open_home(mia, "Connected to Kea Accounting")
    await inside.practice_does("disconnect", tenant=KEA)
    await sam.type("/xpm sync")
    await settled(inside)
    home = await mia.home("Xero ended the connection to Kea Accounting")
    assert has_button(home, "Reconnect")
    await sam.type("/xpm status")
    said = await sam.message("Xero ended the connection to Kea Accounting")
    assert has_button(said, "Reconnect")
    await sam.type("/xpm help")
    await sam.message("Type `/xpm connect` to reconnect.")
    await inside.connect()
    await mia.home("Connected to Kea Accounting")


JOB_ID_FIELD = "job_id"


async def ask_for_job(person: Visitor, inside: Inside) -> tuple[Json, Json]:
    message = await inside.offered(person)
    await person.press(message, "Enter job ID")
    return message, await person.modal("Job ID")


@pytest.mark.parametrize("typed", ["tax return", "J", "a b c", "J000123;drop", "😀1", "-" * 60])
async def test_malformed_job_id_gets_a_sentence_under_the_field(
    inside: Inside, mia: Visitor, typed: str
) -> None:
    await make_sure(inside)
    _, modal = await ask_for_job(mia, inside)
    await mia.submit(modal, {JOB_ID_FIELD: typed})
    modal = await mia.modal("A job ID looks like J000123.")
    assert JOB_ID_FIELD in modal["errors"]
    await mia.do("close", view_id=modal["id"])


@pytest.mark.parametrize("typed", ["J999999", "J000900"])
async def test_job_that_is_not_in_this_practice_is_unknown_and_what_was_typed_stays(
    inside: Inside, mia: Visitor, typed: str
) -> None:
    await make_sure(inside)
    message, modal = await ask_for_job(mia, inside)
    await mia.submit(modal, {JOB_ID_FIELD: typed})
    modal = await mia.modal(f"No job {typed} in Kea Accounting.")
    assert typed in text_of(modal["view"])
    assert typed not in text_of(await shows(mia, message, "Call with"))
    await mia.do("close", view_id=modal["id"])


@pytest.mark.parametrize("typed", [" j000124 ", "J000124"])
async def test_job_id_puts_the_job_on_the_message(inside: Inside, mia: Visitor, typed: str) -> None:
    await make_sure(inside)
    message, modal = await ask_for_job(mia, inside)
    await mia.submit(modal, {JOB_ID_FIELD: typed})
    modal = await mia.modal("J000124", "Kea Ltd")
    await mia.submit(modal)
    await shows(mia, message, "J000124", "Minutes")
    assert (await mia.see())["modals"] == []


async def test_closed_jobs_are_found_by_id_with_a_warning(inside: Inside, mia: Visitor) -> None:
    await make_sure(inside)
    for number, word in (("J000130", "completed"), ("J000131", "cancelled")):
        message, modal = await ask_for_job(mia, inside)
        await mia.submit(modal, {JOB_ID_FIELD: number})
        modal = await mia.modal(number, f"This job is {word}: XPM may refuse time on it.")
        await mia.submit(modal)
        await shows(mia, message, number, f"This job is {word}")


async def test_job_id_while_xpm_is_away_says_so_and_keeps_what_was_typed(
    inside: Inside, mia: Visitor
) -> None:
    await make_sure(inside)
    _, modal = await ask_for_job(mia, inside)
    await inside.fault("down", "", times=-1)
    try:
        await mia.submit(modal, {JOB_ID_FIELD: "J777777"})
        modal = await mia.modal(
            "XPM is not answering, so J777777 could not be looked up", seconds=15
        )
        assert "J777777" in text_of(modal["view"])
    finally:
        await inside.no_faults()
    await mia.do("close", view_id=modal["id"])


async def test_modal_of_somebody_elses_entry_changes_nothing(
    inside: Inside, mia: Visitor, sam: Visitor
) -> None:
    await make_sure(inside)
    message = await inside.offered(mia)
    entry = message["blocks"][-1]["block_id"].split(":")[1]
    metadata = f'{{"entry": "{entry}", "job": "J000123"}}'
    view = {
        "callback_id": "job_id.modal",
        "private_metadata": metadata,
        "id": "V0",
        "type": "modal",
        "state": {"values": {}},
    }
    answer = await inside.raw("submit", user="U0SAM", payload={"view": view})
    assert answer["status"] == 200
    await settled(inside)
    assert await inside.one("select job_number from entries where id = :id", id=entry) is None


async def test_unexpected_error_is_a_sentence_with_a_reference_that_is_in_the_log(
    inside: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    await make_sure(inside)
    async with inside.visitor("U0LEE") as lee:
        await inside.slack_fault("users.info", "500", times=-1)
        try:
            with caplog.at_level(logging.ERROR):
                await lee.type("/xpm log")
                said = text_of(await lee.message("That did not work", seconds=15))
        finally:
            await inside.no_faults()
    found = re.search(r"noted it as ([2-9A-HJ-NP-Z]{4})", said)
    assert found is not None, said
    logged = [vars(one) for one in caplog.records if one.message == "listener.failed"]
    assert [one["reference"] for one in logged] == [found.group(1)]
    assert logged[0]["workspace"] == "T0KEA"


async def test_expired_trigger_is_said_and_opens_nothing(inside: Inside, sam: Visitor) -> None:
    await make_sure(inside)
    before = newest(await sam.see())
    await inside.raw("command", text="disconnect", fields={"trigger_id": "1.2.gone"})
    said = await sam.until(
        lambda seen: next((one for one in seen["messages"] if one["ts"] > before), None), "word"
    )
    assert "That did not work" in text_of(said)
    assert (await sam.see())["modals"] == []


async def test_response_url_that_is_not_slacks_is_never_called(
    inside: Inside, sam: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    await make_sure(inside)
    requests = len(inside.xero.requests())
    address = f"{inside.practice}/connect/token"
    with caplog.at_level(logging.WARNING):
        await inside.raw("command", text="connect", fields={"response_url": address})
        await asyncio.sleep(0.3)
    new = inside.xero.requests()[requests:]
    assert [one for one in new if one["path"] == "/connect/token" and one["method"] == "POST"] == []


async def test_installing_again_replaces_the_token_and_keeps_the_connection(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    await make_sure(inside)
    before = await inside.one("select bot_token from workspaces where id = 'T0KEA'")
    await sam.install(f"{inside.app}/slack/install")
    assert await inside.one("select bot_token from workspaces where id = 'T0KEA'") != before
    assert await connected(inside)
    await inside.offered(mia)


async def test_cancelled_installation_changes_nothing(inside: Inside) -> None:
    before = await inside.rows("select id, installed_at from workspaces order by id")
    async with inside.visitor("U0SAM") as somebody:
        _, where, html = await somebody.open(f"{inside.app}/slack/install")
        status, where, html = await somebody.fill(
            where, html, person="T0KEA:U0SAM", decision="cancel"
        )
        assert status in (200, 400, 401)
        status, _, _ = await somebody.open(f"{inside.app}/slack/oauth_redirect?code=x&state=forged")
        assert status in (400, 401)
    assert await inside.rows("select id, installed_at from workspaces order by id") == before


async def test_users_revoked_token_removes_nothing(inside: Inside, sam: Visitor) -> None:
    await make_sure(inside)
    event = {"type": "tokens_revoked", "tokens": {"oauth": ["U0SAM"], "bot": []}}
    assert (await inside.raw("event", event=event))["status"] == 200
    assert await inside.one("select count(*) from workspaces where id = 'T0KEA'") == 1


@pytest.mark.parametrize("way", ["app_uninstalled", "tokens_revoked", "uninstall"])
async def test_removed_app_leaves_xpm_at_once_and_keeps_the_log_of_who_did_what(
    inside: Inside, sam: Visitor, mia: Visitor, way: str
) -> None:
    await make_sure(inside)
    await inside.offered(mia)
    if way == "uninstall":
        await sam.do("uninstall")
    else:
        tokens = {"tokens": {"oauth": [], "bot": ["U0BOTKEA"]}} if way == "tokens_revoked" else {}
        assert (await inside.raw("event", event={"type": way, **tokens}))["status"] == 200
        inside.slack.teams["T0KEA"].installation = None
    for _ in range(100):
        if await inside.one("select removed_at from workspaces where id = 'T0KEA'") is not None:
            break
        await asyncio.sleep(0.05)
    await settled(inside)
    # What is kept until the grace is over: test_removal.py.
    for table in (
        "connections", "connect_links", "clients", "contacts", "phone_numbers", "staff", "jobs",
        "tasks",
    ):  # fmt: skip
        query = f"select count(*) from {table} where workspace_id = 'T0KEA'"  # noqa: S608
        assert await inside.one(query) == 0, table
    assert await inside.one("select count(*) from audit where event = 'workspace.removed'") > 0
    # A call for a telephone that is gone, and a click that was under way, find nobody.
    assert (await inside.call("mia@example.com", "+64215550123"))["status"] == 404
    answer = await inside.raw("command", text="status")
    assert answer["status"] == 200
    assert "Connected" not in answer["body"]


async def test_health_and_readiness_are_said_to_anybody(inside: Inside) -> None:
    async with inside.visitor() as somebody:
        status, _, text = await somebody.open(f"{inside.app}/healthz")
        assert (status, text) == (200, "ok")
        status, _, text = await somebody.open(f"{inside.app}/readyz")
        assert status == 200


async def test_a_replica_whose_name_another_took_is_not_ready(inside: Inside) -> None:
    made, name = inside.made, inside.made.settings.replica

    async def other(act: str) -> None:
        async with made.database.transaction() as tx:
            if act == "enter":
                await replicas.enter(tx, name, "another", utc_now())
            else:
                await replicas.leave(tx, name, "another")
        await made.replicas.look()

    async with inside.visitor() as somebody:
        for act, status in (("enter", 503), ("leave", 200)):
            await inside.on_its_loop(other(act))
            assert (await somebody.open(f"{inside.app}/readyz"))[0] == status
