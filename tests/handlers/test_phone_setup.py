"""/xpm phones: phone systems added, changed and removed in Slack by those who may, each once and each in their own
workspace.
"""

import asyncio
import datetime as dt
import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from bot import phone_systems
from sandbox.visitor import Visitor, has_button, text_of
from tests.handlers.inside import Inside, install, newest, settled
from tests.handlers.phone_desk import (
    SECRET,
    add,
    end,
    go,
    had_page,
    open_phones,
    secret_on,
    submission,
    system_of,
    tell_telephone,
)
from xpm import places
from xpm.phone_systems import Unfit, UnfitSecret
from xpm.store import phones as phone_store
from xpm.store import workspaces as workspace_store
from xpm.vault import Sealed, Vault, new_key


@pytest_asyncio.fixture(autouse=True)
async def _alone(inside: Inside) -> AsyncIterator[None]:
    """Every test begins with the one phone system that came with the world."""
    yield
    for known in (await inside.on_its_loop(inside.made.services.phone_systems.every("T0KEA")))[1:]:
        await inside.on_its_loop(
            inside.made.services.phone_systems.remove("T0KEA", known.system.id)
        )


async def count(inside: Inside, table: str = "phone_systems") -> int:
    return int(await inside.one(f"select count(*) from {table} where workspace_id = 'T0KEA'"))  # noqa: S608


async def facts(inside: Inside, event: str) -> list[tuple[str, str]]:
    rows = await inside.rows(
        "select slack_user_id, subject from audit where event = :event order by id", event=event
    )
    return [(str(row[0]), str(row[1])) for row in rows]


async def test_system_added_in_slack_tells_of_calls_and_the_list_says_when(
    kea: Inside, sam: Visitor, mia: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = await add(sam, "vxt")
    assert "Settings" in text_of(page["view"])
    address, secret = system_of(page), secret_on(page)
    assert address.startswith(f"{kea.app}/calls/vxt/")
    system_id = address.rpartition("/")[2]
    assert ("U0SAM", system_id) in await facts(kea, "phones.added")
    await tell_telephone(kea, "vxt", address, secret)
    before = newest(await mia.see())
    assert set(await end(kea, "vxt")) == {202}
    await settled(kea)
    assert [one for one in (await mia.see())["messages"] if one["ts"] > before]
    page = await go(sam, page, "Done", "Last call today")
    page = await go(sam, page, "All phone systems", "Add a phone system", "Last call today")
    # The secret was shown on one page and is nowhere else: on no other page, in nothing that pages remember, in no log.
    page = await go(sam, page, "Open VXT", "Send a test call")
    page = await go(sam, page, "How to set it up", "The secret was shown once", address)
    assert secret not in json.dumps(page)
    rows = repr(await kea.rows("select * from phone_systems")) + repr(
        await kea.rows("select * from audit")
    )
    assert secret not in rows
    assert secret not in caplog.text + repr([vars(record) for record in caplog.records])


async def test_secret_that_the_system_made_is_asked_for_and_judged_under_its_field(
    kea: Inside, sam: Visitor
) -> None:
    page = await add(sam, "aircall")
    address = system_of(page)
    await tell_telephone(kea, "aircall", address, SECRET)
    assert set(await end(kea, "aircall")) == {401}
    for typed, sentence in (
        ("short", "8 to 255 characters"),
        ("with a blank in the middle", "no blanks"),
    ):
        answer = await sam.submit(page, {"secret": typed})
        assert sentence in answer["errors"]["secret"]
        page = await sam.modal(sentence)
        state = page["state"]["secret"]["phones.secret"]
        assert state["value"] == typed
        assert SECRET not in page["view"]["private_metadata"]
    await sam.submit(page, {"secret": f"  {SECRET} "})
    page = await sam.modal("The secret of Aircall is kept")
    assert SECRET not in json.dumps(page)
    assert set(await end(kea, "aircall")) == {202}
    page = await go(sam, page, "All phone systems", "Add a phone system")
    assert "Its secret is missing" not in text_of(page["view"])


async def test_system_left_half_way_says_that_its_secret_is_missing(
    kea: Inside, sam: Visitor
) -> None:
    page = await add(sam, "zoom")
    await sam.do("close", view_id=page["id"])
    page = await open_phones(sam)
    page = await go(sam, page, "Open Zoom Phone", "Its secret is missing", "Its address")
    page = await go(sam, page, "How to set it up", "Validate", "Secret token of Zoom Phone")
    await sam.submit(page, {"secret": SECRET})
    page = await sam.modal("The secret of Zoom Phone is kept")
    assert "Its secret is missing" not in text_of(page["view"])


async def test_refusal_stands_in_the_list_in_words_that_say_what_to_do(
    kea: Inside, sam: Visitor
) -> None:
    page = await add(sam, "dialpad")
    await tell_telephone(kea, "dialpad", system_of(page), "another secret altogether, and long")
    assert set(await end(kea, "dialpad")) == {401}
    page = await open_phones(sam)
    said = text_of(page["view"])
    assert re.search(r"Refused today \d\d:\d\d: its proof does not fit\.", said)
    assert "bad_signature" not in said


async def test_system_is_called_what_was_chosen_also_where_several_are_of_one_kind(
    kea: Inside, sam: Visitor
) -> None:
    for chosen, name in (
        ("teams", "Microsoft Teams"),
        ("8x8", "8x8"),
        ("standard", "Other system"),
    ):
        page = await add(sam, chosen)
        assert "/calls/standard/" in system_of(page)
        page = await go(sam, page, "Done", f"*{name}*", "Send a test call")
        if chosen != "standard":
            await go(sam, page, "How to set it up", f"How to set up {name}", "bridge")
    said = text_of((await open_phones(sam))["view"])
    # Each by its name alone: none needs the end of its address beside it but those that came with the world.
    assert "*Microsoft Teams*" in said
    assert "*8x8*" in said


async def test_lost_key_of_a_secret_is_said_and_nothing_is_lost_by_it(
    kea: Inside, sam: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    page = await add(sam, "vxt")
    address = system_of(page)
    system_id = address.rpartition("/")[2]
    await tell_telephone(kea, "vxt", address, secret_on(page))
    [known] = [
        one
        for one in await kea.on_its_loop(kea.made.services.phone_systems.every("T0KEA"))
        if one.system.id == system_id
    ]
    before = await count(kea, "calls")

    async def keep(secret: Sealed) -> None:
        async with kea.made.database.transaction() as tx:
            assert await phone_store.change_secret(tx, "T0KEA", system_id, secret)

    await kea.on_its_loop(keep(Vault([new_key()]).seal(SECRET, places.phone_secret(system_id))))
    assert set(await end(kea, "vxt")) == {503}
    assert await count(kea, "calls") == before
    [said] = [vars(one) for one in caplog.records if one.message == "call.refused"]
    assert (said["status"], said["why"], said["phone_system"]) == (503, "secret_lost", system_id)
    said_there = text_of((await open_phones(sam))["view"])
    assert "Its secret cannot be opened any more: calls are refused. Make a new one." in said_there
    assert re.search(r"Refused today \d\d:\d\d: the app cannot open its secret\.", said_there)
    # With the key back, what the phone system sends again is taken.
    await kea.on_its_loop(keep(known.system.secret))
    assert set(await end(kea, "vxt")) == {202}
    assert await count(kea, "calls") == before + 1


async def test_command_line_takes_no_unfit_secret_and_notes_who_was_named(
    kea: Inside, sam: Visitor
) -> None:
    address = system_of(await add(sam, "aircall"))
    system_id = address.rpartition("/")[2]
    settings = kea.made.settings
    bring = phone_systems.bring_secret
    for unfit, why in (("short", Unfit.LENGTH), ("with a blank in it", Unfit.CHARACTERS)):
        with pytest.raises(UnfitSecret) as refused:
            await bring(settings, "T0KEA", system_id, unfit)
        assert refused.value.why is why
        assert unfit not in str(refused.value)
    assert await bring(settings, "T0WEKA", system_id, SECRET) is False
    changed = await facts(kea, "phones.secret_changed")
    assert system_id not in [subject for _, subject in changed]
    assert await bring(settings, "T0KEA", system_id, SECRET) is True
    await tell_telephone(kea, "aircall", address, SECRET)
    assert set(await end(kea, "aircall")) == {202}
    name = phone_systems.name_person
    assert await name(settings, "T0KEA", system_id, "user 1", "mia@example.com")
    assert not await name(settings, "T0WEKA", system_id, "user 1", "mia@example.com")
    named = await facts(kea, "phones.person_named")
    assert [one for one in named if one[1] == system_id] == [("None", system_id)]


async def test_new_secret_is_shown_once_and_ends_the_old_one(kea: Inside, sam: Visitor) -> None:
    page = await add(sam, "3cx")
    address, old = system_of(page), secret_on(page)
    page = await go(sam, page, "Done", "Send a test call")
    page = await go(sam, page, "New secret", "The old one ends at that moment")
    double = submission(page, {"secret": {"phones.secret": {"value": None}}})
    await sam.submit(page)
    page = await sam.modal("has a new secret")
    new = secret_on(page)
    assert new != old
    for secret, status in ((old, 401), (new, 202)):
        await tell_telephone(kea, "3cx", address, secret)
        assert set(await end(kea, "3cx")) == {status}
    # The same submission once more, as after a double click, makes no third secret.
    answer = await kea.raw("submit", user="U0SAM", payload=double)
    assert "The secret was changed a moment ago" in answer["body"]
    assert set(await end(kea, "3cx")) == {202}


async def test_secret_of_ones_own_is_taken_where_the_system_shows_one(
    kea: Inside, sam: Visitor
) -> None:
    page = await add(sam, "ringcentral")
    address = system_of(page)
    page = await go(sam, page, "Done", "Send a test call")
    page = await go(sam, page, "New secret", "A secret of your own")
    await sam.submit(page, {"secret": SECRET})
    await sam.modal("The secret of RingCentral is kept")
    await tell_telephone(kea, "ringcentral", address, SECRET)
    assert set(await end(kea, "ringcentral")) == {202}


async def test_next_pressed_twice_adds_one_phone_system(kea: Inside, sam: Visitor) -> None:
    page = await open_phones(sam)
    page = await go(sam, page, "Add a phone system", "Which phone system do you have?")
    chosen = {"system": {"phones.system": {"selected_option": {"value": "vxt"}}}}
    before = await count(kea)
    payload = submission(page, chosen)
    first = await kea.raw("submit", user="U0SAM", payload=payload)
    second = await kea.raw("submit", user="U0SAM", payload=payload)
    assert await count(kea) == before + 1
    assert "shown this once" in first["body"]
    assert "is added already" in second["body"]
    assert "shown this once" not in second["body"]


async def test_nothing_chosen_and_a_forged_choice_add_nothing(kea: Inside, sam: Visitor) -> None:
    page = await open_phones(sam)
    page = await go(sam, page, "Add a phone system", "Which phone system do you have?")
    before = await count(kea)
    for value, system in ((None, None), ("made-up", None), ("vxt", "../x"), ("vxt", None)):
        option = None if value is None else {"value": value}
        payload = submission(page, {"system": {"phones.system": {"selected_option": option}}})
        if value != "vxt" or system:
            if system:
                payload["view"]["private_metadata"] = json.dumps({"system": system})
            answer = await kea.raw("submit", user="U0SAM", payload=payload)
            assert answer["status"] == 200
            expected = "Which phone system" if system else "Choose the phone system you have."
            assert expected in answer["body"]
    assert await count(kea) == before


async def test_every_system_of_the_menu_can_be_added(kea: Inside, sam: Visitor) -> None:
    page = await open_phones(sam)
    page = await go(sam, page, "Add a phone system", "Which phone system do you have?")
    [menu] = [one["element"] for one in page["view"]["blocks"] if one["type"] == "input"]
    for option in menu["options"]:
        added = await add(sam, option["value"])
        assert "/calls/" in system_of(added)
    query = "select count(distinct kind) from phone_systems where workspace_id = 'T0KEA'"
    assert await kea.one(query) == 8


async def test_removing_asks_once_more_and_what_was_told_stays(
    kea: Inside, sam: Visitor, mia: Visitor
) -> None:
    page = await add(sam, "vxt")
    address, secret = system_of(page), secret_on(page)
    system_id = address.rpartition("/")[2]
    await tell_telephone(kea, "vxt", address, secret)
    await end(kea, "vxt")
    await settled(kea)
    page = await go(sam, page, "Done", "Send a test call")
    confirmation = await go(sam, page, "Remove", "Remove VXT?", "refused", "can still be saved")
    double = submission(confirmation, {})
    before = await count(kea)
    await sam.submit(confirmation)
    await sam.modal("VXT is removed", "Add a phone system")
    assert await count(kea) == before - 1
    assert ("U0SAM", system_id) in await facts(kea, "phones.removed")
    # What it sends late is refused; the call's message can be saved as before.
    assert set(await end(kea, "vxt")) == {404}
    query = "select count(*) from entries e join calls c on c.id = e.call_id where c.phone_system_id = :id"
    assert await kea.one(query, id=system_id) == 1
    answer = await kea.raw("submit", user="U0SAM", payload=double)
    assert "This phone system is not here any more" in answer["body"]
    assert len([one for one in await facts(kea, "phones.removed") if one[1] == system_id]) == 1


@pytest.mark.parametrize(
    "label", ["How to set it up", "New secret", "Names", "Send a test call", "Remove"]
)
async def test_page_of_a_system_that_somebody_removed_meanwhile_says_so(
    kea: Inside, sam: Visitor, label: str
) -> None:
    page = await add(sam, "vxt")
    system_id = system_of(page).rpartition("/")[2]
    page = await go(sam, page, "Done", "Send a test call")
    await kea.on_its_loop(kea.made.services.phone_systems.remove("T0KEA", system_id))
    page = await go(sam, page, label, "This phone system is not here any more")
    await go(sam, page, "All phone systems", "Add a phone system")


async def test_secret_for_a_system_that_somebody_removed_meanwhile_says_so(
    kea: Inside, sam: Visitor
) -> None:
    page = await add(sam, "aircall")
    system_id = system_of(page).rpartition("/")[2]
    await kea.on_its_loop(kea.made.services.phone_systems.remove("T0KEA", system_id))
    await sam.submit(page, {"secret": SECRET})
    await sam.modal("This phone system is not here any more")


# -- who may ---------------------------------------------------------------------------------------------------------


async def test_member_reads_who_may_and_has_no_button(
    kea: Inside, sam: Visitor, mia: Visitor
) -> None:
    await mia.type("/xpm phones")
    page = await mia.modal("Only Sam Rivers or an admin of this workspace can see and change")
    assert "Add a phone system" not in text_of(page["view"])
    await mia.do("home", tab="home")
    assert not has_button(await mia.home("What you can type"), "Phone systems")
    await sam.do("home", tab="home")
    await sam.home("Where your calls come from")
    await sam.press_home("Phone systems")
    await sam.modal("Add a phone system")


async def test_clicks_and_submissions_of_a_member_change_nothing(
    kea: Inside, sam: Visitor, mia: Visitor
) -> None:
    page = await add(sam, "aircall")
    system_id = system_of(page).rpartition("/")[2]
    sent = []
    sent.append(submission(page, {"secret": {"phones.secret": {"value": SECRET}}}))
    for label, words in (("Remove", "Remove Aircall?"), ("Enter its secret", "The secret of")):
        one = await go(sam, await had_page(sam, system_id), label, words)
        sent.append(submission(one, {"secret": {"phones.secret": {"value": SECRET}}}))
    rules = await go(sam, await open_phones(sam), "Which calls are asked about", "Save rules")
    sent.append(submission(rules, {"minimum": {"phones.minimum": {"value": "77"}}}))
    adding = await go(sam, await open_phones(sam), "Add a phone system", "Which phone system")
    vxt = {"system": {"phones.system": {"selected_option": {"value": "vxt"}}}}
    sent.append(submission(adding, vxt))
    before = await state(kea)
    for payload in sent:
        answer = await kea.raw("submit", user="U0MIA", payload=payload)
        assert "Only Sam Rivers or an admin" in answer["body"]
    for action in ("phones.test", "phones.show", "phones.new_secret", "phones.how"):
        click = {
            "actions": [{"type": "button", "action_id": action, "value": system_id}],
            "container": {"type": "view"},
        }
        before_click = newest(await mia.see())
        assert (await kea.raw("action", user="U0MIA", payload=click))["status"] == 200
        seen = await mia.modal("Only Sam Rivers or an admin")
        assert system_id not in json.dumps(seen)
        assert newest(await mia.see()) == before_click
        await mia.do("close", view_id=seen["id"])
    assert await state(kea) == before


async def state(inside: Inside) -> list[Any]:
    return [
        await inside.rows(f"select * from {table} order by 1, 2")  # noqa: S608
        for table in ("phone_systems", "phone_people", "call_rules", "calls")
    ]


async def test_admin_who_is_none_any_more_changes_nothing(kea: Inside) -> None:
    lee_in_slack = kea.slack.teams["T0KEA"].people["U0LEE"]
    lee_in_slack.is_admin = True
    async with kea.visitor("U0LEE") as lee:
        page = await add(lee, "vxt")
        page = await go(lee, page, "Done", "Send a test call")
        removing = await go(lee, page, "Remove", "Remove VXT?")
        sent = submission(removing, {})
        before = await count(kea)
        lee_in_slack.is_admin = False
        # Who opens it anew is looked up anew once the last look is some minutes old, and from then on nothing is taken.
        await kea.on_its_loop(profile_ages(kea, "U0LEE", dt.timedelta(minutes=6)))
        await lee.type("/xpm phones")
        await lee.modal("Only Sam Rivers or an admin")
        answer = await kea.raw("submit", user="U0LEE", payload=sent)
        assert "Only Sam Rivers or an admin" in answer["body"]
        assert await count(kea) == before


async def profile_ages(inside: Inside, user: str, age: dt.timedelta) -> None:
    services = inside.made.services
    person = await services.people.known("T0KEA", user)
    aged = replace(person, learned_at=services.clock() - age)
    async with inside.made.database.transaction() as tx:
        await workspace_store.save_person(tx, aged, "learned_at")


async def forget_profile(inside: Inside, user: str) -> None:
    await inside.made.services.people.learn("T0KEA", user, within=dt.timedelta())


# -- the test call ---------------------------------------------------------------------------------------------------


async def test_test_call_comes_to_who_sent_it_and_cannot_be_saved(
    kea: Inside, sam: Visitor, mia: Visitor
) -> None:
    page = await add(sam, "vxt")
    page = await go(sam, page, "Done", "Send a test call")
    others = newest(await mia.see())
    before = newest(await sam.see())
    page = await go(sam, page, "Send a test call", "A test call is on its way to you")
    assert "No call yet" in text_of(page["view"])
    message = await sam.until(
        lambda seen: next((one for one in seen["messages"] if one["ts"] > before), None),
        "test call",
    )
    assert "Test call" in text_of(message)
    assert "nothing of it can be saved in XPM" in text_of(message)
    times = len(kea.times())
    job = await sam.options(message, "post_call.job", "J000123")
    await sam.choose(message, "post_call.job", job[0]["options"][0])
    message = await sam.message("Test call", "J000123", "Minutes")
    assert not has_button(message, "Save time")
    # Somebody presses it all the same.
    entry = message["blocks"][-1]["elements"][0]["value"]
    forged = {
        "actions": [{"type": "button", "action_id": "post_call.save", "value": entry}],
        "container": {"type": "message", "message_ts": message["ts"]},
    }
    assert (await kea.raw("action", user="U0SAM", payload=forged))["status"] == 200
    await settled(kea)
    await sam.message("Not saved yet", "This call is a test")
    assert len(kea.times()) == times
    assert newest(await mia.see()) == others


async def test_click_that_slack_tells_twice_is_one_test_call(kea: Inside, sam: Visitor) -> None:
    page = await add(sam, "vxt")
    system_id = system_of(page).rpartition("/")[2]
    click = {
        "actions": [
            {"type": "button", "action_id": "phones.test", "value": system_id, "action_ts": "1.2"}
        ],
        "view": {**page["view"], "id": page["id"]},
        "container": {"type": "view", "view_id": page["id"]},
    }
    before = await count(kea, "calls")
    for _ in range(2):
        assert (await kea.raw("action", user="U0SAM", payload=click))["status"] == 200
        await settled(kea)
    assert await count(kea, "calls") == before + 1


async def test_who_connected_xpm_may_without_being_an_admin(kea: Inside, sam: Visitor) -> None:
    person = kea.slack.teams["T0KEA"].people["U0SAM"]
    person.is_admin = person.is_owner = False
    try:
        await kea.on_its_loop(forget_profile(kea, "U0SAM"))
        page = await add(sam, "vxt")
        await go(sam, page, "Done", "Send a test call")
    finally:
        person.is_admin = person.is_owner = True
        await kea.on_its_loop(forget_profile(kea, "U0SAM"))


async def test_person_without_an_address_in_slack_is_told_why_no_test_call_comes(
    kea: Inside, sam: Visitor
) -> None:
    page = await add(sam, "vxt")
    page = await go(sam, page, "Done", "Send a test call")
    person = kea.slack.teams["T0KEA"].people["U0SAM"]
    address, person.email = person.email, ""
    before = await count(kea, "calls")
    try:
        await kea.on_its_loop(forget_profile(kea, "U0SAM"))
        await go(sam, page, "Send a test call", "No test call was sent", "no e-mail address")
        assert await count(kea, "calls") == before
    finally:
        person.email = address
        await kea.on_its_loop(forget_profile(kea, "U0SAM"))


# -- races and Slack -------------------------------------------------------------------------------------------------


async def test_click_on_a_page_that_is_another_by_now_does_not_take_its_place(
    kea: Inside, sam: Visitor
) -> None:
    page = await open_phones(sam)
    late = {
        "actions": [{"type": "button", "action_id": "phones.all", "value": "0"}],
        "view": {**page["view"], "id": page["id"]},
        "container": {"type": "view", "view_id": page["id"]},
    }
    await go(sam, page, "Add a phone system", "Which phone system do you have?")
    assert (await kea.raw("action", user="U0SAM", payload=late))["status"] == 200
    await settled(kea)
    await sam.modal("Which phone system do you have?")


async def test_modal_that_was_closed_early_is_no_error(kea: Inside, sam: Visitor) -> None:
    page = await open_phones(sam)
    click = {
        "actions": [{"type": "button", "action_id": "phones.all", "value": "0"}],
        "view": {**page["view"], "id": page["id"]},
        "container": {"type": "view", "view_id": page["id"]},
    }
    await sam.do("close", view_id=page["id"])
    before = newest(await sam.see())
    assert (await kea.raw("action", user="U0SAM", payload=click))["status"] == 200
    await settled(kea)
    assert newest(await sam.see()) == before


async def test_click_is_answered_before_slack_is_asked_for_anything(
    kea: Inside, sam: Visitor
) -> None:
    page = await open_phones(sam)
    await kea.slack_fault("views.update", "late", seconds=1.5)
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await sam.press_modal(page, "Add a phone system")
    assert answer["ok"]
    assert loop.time() - began < 1.2
    await sam.modal("Which phone system do you have?")
    await kea.no_faults()


async def test_template_for_3cx_is_there_to_download(kea: Inside, sam: Visitor) -> None:
    page = await add(sam, "3cx")
    [address] = re.findall(r"<(\S+)\|the template for 3CX>", text_of(page["view"]))
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(address)
    assert answer.status_code == 200
    assert 'filename="xpm-slack-3cx.xml"' in answer.headers["content-disposition"]
    assert b'Scenario Id="ReportCall"' in answer.content


async def test_unconnected_workspace_lets_its_admins_in_and_nobody_else(kea: Inside) -> None:
    await install(kea, "T0TUI", "U0TIA")
    async with kea.visitor("U0TIA", "T0TUI") as tia, kea.visitor("U0TED", "T0TUI") as ted:
        await ted.type("/xpm phones")
        page = await ted.modal("Only an admin of this workspace can see and change")
        assert "Kea" not in text_of(page["view"])
        await tia.type("/xpm phones")
        page = await tia.modal("Add a phone system", "Open ")
        assert len(re.findall("Open ", text_of(page["view"]))) == 1
