"""Which calls become a message, and what it says."""

import pytest

from sandbox.visitor import NotThere, Visitor, has_button, text_of
from tests.handlers.inside import (
    CLIENT,
    JOB,
    Inside,
    block_of,
    menu_of,
    newest,
    option,
    settled,
    shows,
)


async def _nothing_is_offered(kea: Inside, mia: Visitor, outcome: str, **call: object) -> None:
    before, entries = newest(await mia.see()), await kea.one("select count(*) from entries")
    answer = await kea.call("mia@example.com", "+64215550123", **call)
    assert answer["status"] == 202
    await settled(kea)
    assert newest(await mia.see()) == before
    assert await kea.one("select count(*) from entries") == entries
    last = "select outcome from calls where source_id = :id"
    assert await kea.one(last, id=answer["id"]) == outcome


async def test_missed_call_is_kept_and_nobody_is_asked(kea: Inside, mia: Visitor) -> None:
    await _nothing_is_offered(kea, mia, "missed", answered=False)


async def test_internal_call_is_kept_and_nobody_is_asked(kea: Inside, mia: Visitor) -> None:
    await _nothing_is_offered(kea, mia, "internal", internal=True)


async def test_call_shorter_than_the_limit_is_kept_and_nobody_is_asked(
    kea: Inside, mia: Visitor
) -> None:
    await _nothing_is_offered(kea, mia, "short", talk_seconds=29)


async def test_call_of_exactly_the_limit_is_offered(kea: Inside, mia: Visitor) -> None:
    said = text_of(await kea.offered(mia, talk_seconds=30))
    assert "30 s" in said


async def test_call_from_a_withheld_number_is_offered_with_the_persons_own_jobs(
    kea: Inside, mia: Visitor
) -> None:
    message = await kea.offered(mia, None)
    assert "Call from a withheld number" in text_of(message)
    labels = [group["label"] for group in await mia.options(message, JOB)]
    assert len(labels) == 1
    assert labels[0].startswith("Your jobs")


async def test_call_from_an_unknown_number_names_the_number(kea: Inside, mia: Visitor) -> None:
    said = text_of(await kea.offered(mia, "+64215550199"))
    assert "Call with 021 555 0199" in said
    assert "Jobs of" not in said


async def test_contact_of_two_clients_offers_both_and_choosing_one_narrows_the_menu(
    kea: Inside, mia: Visitor
) -> None:
    message = await kea.offered(mia, "+64215550123")
    assert "One of" in text_of(message)
    labels = [group["label"] for group in await mia.options(message, JOB)]
    assert {"Jobs of Kea Ltd", "Jobs of Huia Trust"} <= set(labels)
    kea_ltd = next(
        one["value"]
        for one in menu_of(message, CLIENT)["options"]
        if one["text"]["text"] == "Kea Ltd"
    )
    await mia.choose(message, CLIENT, kea_ltd)
    await settled(kea)
    message = await shows(mia, message, "Call with Ana Example")
    labels = [group["label"] for group in await mia.options(message, JOB)]
    assert "Jobs of Kea Ltd" in labels
    assert "Jobs of Huia Trust" not in labels


async def test_choosing_no_client_again_offers_the_jobs_of_all(kea: Inside, mia: Visitor) -> None:
    message = await kea.offered(mia, "+64215550123")
    huia = next(
        one["value"]
        for one in menu_of(message, CLIENT)["options"]
        if one["text"]["text"] == "Huia Trust"
    )
    await mia.choose(message, CLIENT, huia)
    await settled(kea)
    message = await shows(mia, message, "Call with Ana Example")
    await mia.choose(message, CLIENT, None)
    await settled(kea)
    message = await shows(mia, message, "One of")
    labels = {group["label"] for group in await mia.options(message, JOB)}
    assert {"Jobs of Kea Ltd", "Jobs of Huia Trust"} <= labels


async def test_client_with_no_open_jobs_is_said_to_have_none(kea: Inside, mia: Visitor) -> None:
    message = await kea.offered(mia, "+6495550177")
    assert "Moa Farms has no open jobs." in text_of(message)
    assert has_button(message, "Enter job ID")


async def test_person_without_a_staff_record_is_told_whom_to_ask(kea: Inside) -> None:
    kea.slack.teams["T0KEA"].people["U0NINA"].email = "nina@example.com"
    async with kea.visitor("U0NINA") as nina:
        message = await kea.offered(nina, "+64215550123")
        said = text_of(message)
        assert "You have no staff record in Kea Accounting's XPM under nina@example.com" in said
        assert "Tell Sam Rivers" in said
        assert not has_button(message, "Enter job ID")
        assert has_button(message, "Don't log")
        await nina.press(message, "Don't log")
        await shows(nina, message, "Not logged: call with Ana Example")


async def test_call_of_a_person_nobody_knows_is_accepted_kept_and_listed_for_the_owner_alone(
    kea: Inside, sam: Visitor, mia: Visitor
) -> None:
    answer = await kea.call("stranger@example.com", "+64215550123")
    assert answer["status"] == 202
    await settled(kea)
    query = "select outcome from calls where source_id = :id"
    assert await kea.one(query, id=answer["id"]) == "unknown person"
    await sam.type("/xpm status")
    await sam.message("stranger@example.com: 1 call")
    before = newest(await mia.see())
    await mia.type("/xpm status")
    seen = await mia.see()
    assert newest(seen) > before
    assert "stranger@example.com" not in text_of(seen["messages"])


@pytest.mark.parametrize("email", ["olga@example.com", "OLGA@example.com"])
async def test_call_of_a_person_who_left_belongs_to_nobody(kea: Inside, email: str) -> None:
    answer = await kea.call(email, "+64215550123")
    await settled(kea)
    query = "select outcome from calls where source_id = :id"
    assert await kea.one(query, id=answer["id"]) == "unknown person"


async def test_same_delivery_four_times_is_one_call_and_one_message(
    kea: Inside, mia: Visitor
) -> None:
    before = [one["ts"] for one in (await mia.see())["messages"]]
    call = {
        "user_email": "mia@example.com",
        "external_number": "+6495550100",
        "talk_seconds": 61,
        "id": "told-four-times",
    }
    assert await kea.raw_call(call=call, repeat=4, concurrent=True) == [202] * 4
    assert await kea.raw_call(call=call, repeat=2) == [202] * 2
    await settled(kea)
    assert await kea.one("select count(*) from calls where source_id = 'told-four-times'") == 1
    new = [one for one in (await mia.see())["messages"] if one["ts"] not in before]
    assert len(new) == 1


async def test_ringing_is_said_to_be_included_when_the_phone_system_does_not_say_who_answered_when(
    kea: Inside, mia: Visitor
) -> None:
    before = newest(await mia.see())
    event = {
        "type": "call.ended",
        "data": {
            "id": "with-ringing",
            "direction": "inbound",
            "external_number": "+6495550100",
            "user_email": "mia@example.com",
            "started_at": "2026-11-20T01:00:00Z",
            "is_answered": True,
            "ended_at": "2026-11-20T01:05:00Z",
        },
    }
    assert await kea.raw_call(body=event) == [202]
    message = await mia.until(
        lambda seen: next((one for one in seen["messages"] if one["ts"] > before), None), "message"
    )
    said = text_of(message)
    assert "5 min, ringing included" in said
    # 01:00 UTC in November is 14:00 in Auckland.
    assert "14:00 to 14:05" in said


async def test_several_outside_people_are_all_named(kea: Inside, mia: Visitor) -> None:
    message = await kea.offered(mia, "+6495550177", others=["+61255501234", "+64215550198"])
    said = text_of(message)
    assert "Dan Sample" in said or "Moa Farms" in said
    assert "Weka Builders Pty" in said
    assert "021 555 0198" in said


async def test_person_with_300_jobs_finds_the_last_by_typing_and_no_menu_is_too_long(
    kea: Inside,
) -> None:
    made = await kea.practice_does(
        "jobs", client="Kea Ltd", name="Bulk job", staff=["lee@example.com"], count=300
    )
    last = made["jobs"][-1]["number"]
    async with kea.visitor("U0LEE") as lee:
        message = await kea.offered(lee, "+6495550100")
        await settled(kea)
        groups = await lee.options(message, JOB)
        # https://docs.slack.dev/reference/block-kit/composition-objects/option-group-object
        assert all(len(group["options"]) <= 100 for group in groups)
        last_lines = [group["options"][-1]["text"]["text"] for group in groups]
        assert any("more: type a few letters" in line for line in last_lines)
        assert (await option(lee, message, last, last.lower()))["value"] == last
        with pytest.raises(NotThere):
            await option(lee, message, last, "no such job at all")
        # The pretend Slack refuses a menu that Slack would refuse.
        assert list(kea.slack.refusals) == []
    assert block_of(message, JOB)


async def test_scopes_of_the_manifest_are_what_the_calls_of_a_day_need(kea: Inside) -> None:
    # https://docs.slack.dev/reference/methods: the scope each method needs of a bot.
    needs = {
        "chat.postMessage": "chat:write",
        "chat.update": "chat:write",
        "chat.postEphemeral": "chat:write",
        "conversations.open": "im:write",
        "users.info": "users:read",
        "users.lookupByEmail": "users:read.email",
        "views.open": None,
        "views.update": None,
        "views.publish": None,
        "oauth.v2.access": None,
        "auth.test": None,
    }
    used = {call["method"] for call in kea.slack.calls}
    assert used <= needs.keys()
    scopes = {needs[method] for method in used} - {None}
    commands = {"commands"}  # the manifest has a slash command
    assert scopes | commands == set(kea.slack.teams["T0KEA"].installation.scopes)  # type: ignore[union-attr]
    from bot.manifest import bot_scopes

    assert scopes | commands == set(bot_scopes())
