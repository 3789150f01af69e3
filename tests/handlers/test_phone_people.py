"""/xpm phones: the names of a phone system, and who stands behind each, said in Slack."""

import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from sandbox.visitor import Json, Visitor, text_of
from tests.handlers.inside import Inside, newest, settled
from tests.handlers.phone_desk import go, open_phones, submission
from xpm.calls import EndedCall
from xpm.store import phones as phone_store
from xpm.store.phones import PhonePerson
from xpm.store.workspaces import PhoneSystem

MENU = "extension 800"


@pytest_asyncio.fixture
async def system(kea: Inside) -> AsyncIterator[PhoneSystem]:
    """A phone system that knows people by extension, and is gone after the test."""
    systems = kea.made.services.phone_systems
    made = await kea.on_its_loop(systems.add("T0KEA", "3cx", has_own_secret=False))
    assert made is not None
    known = await kea.on_its_loop(systems.one("T0KEA", made.system_id))
    assert known is not None
    yield known.system
    await kea.on_its_loop(systems.remove("T0KEA", made.system_id))


async def calls_of(inside: Inside, system: PhoneSystem, staff: str, count: int) -> None:
    """Calls of somebody whom nobody knows come in."""
    now = inside.made.services.clock()
    for number in range(count):
        ended = EndedCall(
            source_id=f"{staff} {number}",
            email="",
            direction="inbound",
            numbers=("+64215550123",),
            caller_name=None,
            is_answered=True,
            is_internal=False,
            started_at=now - dt.timedelta(minutes=12),
            answered_at=now - dt.timedelta(minutes=12),
            ended_at=now,
            staff=(staff,),
            staff_name="Front desk",
        )
        await inside.on_its_loop(inside.made.services.reception.receive(system, [ended]))
    await settled(inside)


async def names(person: Visitor) -> Json:
    """The page of names."""
    page = await open_phones(person)
    page = await go(person, page, "Open 3CX", "Send a test call")
    return await go(person, page, "Names", "Back")


async def known(inside: Inside, system: PhoneSystem) -> dict[str, tuple[str | None, bool]]:
    rows = await inside.rows(
        "select staff, email, is_nobody from phone_people where phone_system_id = :id", id=system.id
    )
    return {row[0]: (row[1], bool(row[2])) for row in rows}


async def test_name_nobody_knows_is_listed_and_once_it_is_said_its_calls_are_asked_about(
    kea: Inside, sam: Visitor, mia: Visitor, system: PhoneSystem
) -> None:
    await calls_of(kea, system, "extension 103", 2)
    page = await open_phones(sam)
    assert "1 name is nobody's" in text_of(page["view"])
    page = await names(sam)
    said = text_of(page["view"])
    assert "extension 103 · Front desk" in said
    assert "2 calls wait · last seen today" in said
    page = await go(
        sam, page, "Say who this is", "Who is extension 103", "2 calls of the last week"
    )
    before = newest(await mia.see())
    await sam.submit(page, {"person": "U0MIA"})
    page = await sam.modal("extension 103 is Mia Chen", "2 calls that waited are asked about now")
    assert "mia@example.com" in text_of(page["view"])
    await settled(kea)
    messages = [one for one in (await mia.see())["messages"] if one["ts"] > before]
    assert len(messages) == 2
    # What was told of the name stays, and the next call is asked about at once.
    rows = await kea.rows("select name from phone_people where phone_system_id = :id", id=system.id)
    assert [row[0] for row in rows] == ["Front desk"]
    facts = await kea.rows(
        "select slack_user_id, subject from audit where event = 'phones.person_named'"
    )
    assert ("U0SAM", system.id) in [(row[0], row[1]) for row in facts]


async def test_menu_is_nobody_and_can_be_somebody_again(
    kea: Inside, sam: Visitor, system: PhoneSystem
) -> None:
    await calls_of(kea, system, MENU, 1)
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    await sam.submit(page, {"nobody": ["nobody"]})
    page = await sam.modal("extension 800 is nobody", "Nobody: a menu or a queue")
    assert await known(kea, system) == {MENU: (None, True)}
    page = await go(sam, page, "Change", "Who is extension 800")
    await sam.submit(page, {"nobody": [], "person": "U0MIA"})
    await sam.modal("extension 800 is Mia Chen", "1 call that waited is asked about now")
    await settled(kea)


async def test_nothing_chosen_or_both_is_told_under_the_field_and_stays(
    kea: Inside, sam: Visitor, system: PhoneSystem
) -> None:
    await calls_of(kea, system, MENU, 1)
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    answer = await sam.submit(page)
    assert answer["errors"] == {"person": "Choose a person, or tick that it is nobody."}
    answer = await sam.submit(page, {"person": "U0MIA", "nobody": ["nobody"]})
    assert answer["errors"] == {"nobody": "Choose a person or nobody, not both."}
    page = await sam.modal("not both")
    assert page["state"]["person"]["phones.person"]["selected_user"] == "U0MIA"
    assert await known(kea, system) == {MENU: (None, False)}


@pytest.mark.parametrize(
    ("user", "why"),
    [("U0GUS", "is a guest or an app"), ("U0LEFT", "has left"), ("U0TIA", "has left")],
)
async def test_guest_somebody_who_left_and_a_stranger_cannot_stand_behind_a_name(
    kea: Inside, sam: Visitor, system: PhoneSystem, user: str, why: str
) -> None:
    await calls_of(kea, system, MENU, 1)
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    await sam.submit(page, {"person": user})
    page = await sam.modal("Not saved", why)
    assert page["state"]["person"]["phones.person"]["selected_user"] == user
    assert await known(kea, system) == {MENU: (None, False)}


async def test_person_without_an_address_cannot_stand_behind_a_name(
    kea: Inside, sam: Visitor, system: PhoneSystem
) -> None:
    await calls_of(kea, system, MENU, 1)
    person = kea.slack.teams["T0KEA"].people["U0NINA"]
    address, person.email = person.email, ""
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    await sam.submit(page, {"person": "U0NINA"})
    await sam.modal("Not saved", "Nina Vale has no e-mail address in Slack")
    assert await known(kea, system) == {MENU: (None, False)}
    person.email = address


async def test_slack_that_does_not_answer_loses_nothing_that_was_chosen(
    kea: Inside, sam: Visitor, system: PhoneSystem
) -> None:
    await calls_of(kea, system, MENU, 1)
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    await kea.slack_fault("users.info", "500", times=9)
    await sam.submit(page, {"person": "U0TOM"})
    page = await sam.modal("Not saved: Slack did not answer")
    await kea.no_faults()
    await sam.submit(page, {"person": "U0TOM"})
    await sam.modal("extension 800 is Tom Patel")
    await settled(kea)


async def test_of_two_admins_the_second_is_told_what_the_first_said(
    kea: Inside, sam: Visitor, system: PhoneSystem
) -> None:
    await calls_of(kea, system, MENU, 1)
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    reception = kea.made.services.reception
    await kea.on_its_loop(reception.mend(system, MENU, "tom@example.com", by="U0LEE"))
    await sam.submit(page, {"person": "U0MIA"})
    page = await sam.modal("somebody else changed this meanwhile", "is now tom@example.com")
    assert await known(kea, system) == {MENU: ("tom@example.com", False)}
    await sam.submit(page, {"person": "U0MIA"})
    await sam.modal("extension 800 is Mia Chen")
    assert await known(kea, system) == {MENU: ("mia@example.com", False)}
    await settled(kea)


async def test_saved_twice_asks_once(
    kea: Inside, sam: Visitor, mia: Visitor, system: PhoneSystem
) -> None:
    await calls_of(kea, system, MENU, 1)
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    before = newest(await mia.see())
    values = {
        "person": {"phones.person": {"selected_user": "U0MIA"}},
        "nobody": {"phones.nobody": {"selected_options": []}},
    }
    for _ in range(2):
        answer = await kea.raw("submit", user="U0SAM", payload=submission(page, values))
        assert "Saving" in answer["body"]
    await settled(kea)
    messages = [one for one in (await mia.see())["messages"] if one["ts"] > before]
    assert len([one for one in messages if not one["ephemeral"]]) == 1


async def test_name_of_a_removed_system_and_a_name_that_is_gone_change_nothing(
    kea: Inside, sam: Visitor, system: PhoneSystem
) -> None:
    await calls_of(kea, system, MENU, 1)
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    metadata = {**json.loads(page["view"]["private_metadata"]), "staff": "extension 1"}
    values = {"person": {"phones.person": {"selected_user": "U0MIA"}}}
    forged = submission(page, values, json.dumps(metadata))
    await kea.raw("submit", user="U0SAM", payload=forged)
    await sam.modal("extension 1 is not among the names")
    assert await known(kea, system) == {MENU: (None, False)}
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    await kea.on_its_loop(kea.made.services.phone_systems.remove("T0KEA", system.id))
    await sam.submit(page, {"person": "U0MIA"})
    await sam.modal("This phone system is not here any more")
    assert await known(kea, system) == {}


async def test_member_names_nobody(
    kea: Inside, sam: Visitor, mia: Visitor, system: PhoneSystem
) -> None:
    await calls_of(kea, system, MENU, 1)
    page = await go(sam, await names(sam), "Say who this is", "Who is extension 800")
    values = {"person": {"phones.person": {"selected_user": "U0MIA"}}}
    answer = await kea.raw("submit", user="U0MIA", payload=submission(page, values))
    assert "Only Sam Rivers or an admin" in answer["body"]
    await settled(kea)
    assert await known(kea, system) == {MENU: (None, False)}


async def test_long_list_of_names_has_pages(kea: Inside, sam: Visitor, system: PhoneSystem) -> None:
    now = kea.made.services.clock()

    async def fill() -> None:
        async with kea.made.database.transaction() as tx:
            for number in range(95):
                one = PhonePerson("T0KEA", system.id, f"extension {number:03}", now)
                await phone_store.learn(tx, replace(one, name="x" * 200), None)

    await kea.on_its_loop(fill())
    page = await names(sam)
    assert "95 names of 3CX are nobody's" in text_of(page["view"])
    seen = set()
    for number in (1, 2, 3):
        page = await sam.modal(f"Page {number} of 3")
        assert len(page["view"]["blocks"]) <= 100
        said = text_of(page["view"])
        seen |= {one for one in range(95) if f"extension {one:03}" in said}
        if number < 3:
            await sam.press_modal(page, "More")
    assert len(seen) == 95
    page = await go(sam, page, "Earlier ones", "Page 2 of 3")
    await go(sam, page, "Back", "Send a test call")
