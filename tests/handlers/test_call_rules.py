"""/xpm phones: which calls are asked about, said in Slack."""

from sandbox.visitor import Json, Visitor, text_of
from tests.handlers.inside import Inside, newest, settled
from tests.handlers.phone_desk import go, open_phones, submission
from xpm.calls import Rules


async def form(person: Visitor) -> Json:
    page = await open_phones(person)
    return await go(person, page, "Which calls are asked about", "Save rules", "Your own numbers")


async def rules(inside: Inside) -> Rules:
    return await inside.on_its_loop(inside.made.services.phone_systems.rules("T0KEA"))


async def set_rules(inside: Inside, wanted: Rules) -> None:
    systems = inside.made.services.phone_systems
    await inside.on_its_loop(systems.change_rules("T0KEA", lambda _: wanted, by="U0LEE"))


async def test_rules_saved_in_slack_decide_about_the_next_call(
    kea: Inside, sam: Visitor, mia: Visitor
) -> None:
    await set_rules(kea, Rules())
    page = await form(sam)
    typed = {
        "minimum": "60",
        "kinds": ["missed"],
        "own": "09 555 0100\n103",
        "ignored": "021 555 0177, 0800 555 000",
    }
    await sam.submit(page, typed)
    await sam.modal(
        "The rules are saved",
        "Answered calls of 60 seconds or more are asked about, and missed calls.",
        "2 numbers of your own and 2 numbers never asked about",
    )
    saved = await rules(kea)
    assert (saved.minimum_seconds, saved.asks_missed, saved.asks_voicemail) == (60, True, False)
    assert saved.own_numbers == ("+6495550100", "103")
    assert saved.ignored_numbers == ("+64215550177", "+64800555000")
    before = newest(await mia.see())
    await kea.call("mia@example.com", "+64215550123", talk_seconds=45)
    await kea.call("mia@example.com", "+64215550177", talk_seconds=600)
    await settled(kea)
    assert newest(await mia.see()) == before
    await kea.call("mia@example.com", "+64215550123", talk_seconds=61)
    await settled(kea)
    assert newest(await mia.see()) > before
    facts = await kea.rows("select slack_user_id from audit where event = 'phones.rules_changed'")
    assert "U0SAM" in [row[0] for row in facts]
    # Opened again it shows what is there, and can be emptied.
    page = await form(sam)
    assert "+64215550177" in text_of(page["view"])
    await sam.submit(page, {"minimum": "0", "kinds": [], "own": None, "ignored": None})
    await sam.modal("The rules are saved", "Every answered call is asked about.")
    assert await rules(kea) == Rules(0)


async def test_what_is_wrong_stands_under_its_field_and_nothing_typed_is_lost(
    kea: Inside, sam: Visitor
) -> None:
    await set_rules(kea, Rules())
    page = await form(sam)
    typed = {"minimum": "45", "own": "09 555 0100\nreception", "ignored": "+64 9 555 0100\n12"}
    answer = await sam.submit(page, typed)
    assert answer["errors"] == {
        "own": "“reception” is no phone number. One a line, such as +64 9 555 0100.",
        "ignored": "“12” is no phone number. One a line, such as +64 9 555 0100.",
    }
    page = await sam.modal("is no phone number")
    assert page["state"]["own"]["phones.own"]["value"] == typed["own"]
    answer = await sam.submit(page, {**typed, "own": "09 555 0100", "ignored": "+64 9 555 0100"})
    assert "one of your own numbers" in answer["errors"]["ignored"]
    many = "\n".join(f"+64 21 555 {number:04}" for number in range(151))
    answer = await sam.submit(page, {**typed, "own": None, "ignored": many})
    assert answer["errors"] == {"ignored": "At most 150 numbers fit here."}
    assert await rules(kea) == Rules()


async def test_forged_seconds_are_refused(kea: Inside, sam: Visitor) -> None:
    await set_rules(kea, Rules())
    page = await form(sam)
    for seconds in ("-1", "3601", "1e3", "٣", "", None, "99999999999"):
        values = {"minimum": {"phones.minimum": {"value": seconds}}}
        answer = await kea.raw("submit", user="U0SAM", payload=submission(page, values))
        assert "whole number from 0 to 3600" in answer["body"], seconds
    assert await rules(kea) == Rules()


async def test_of_two_admins_the_second_sees_the_firsts_rules_and_keeps_what_was_typed(
    kea: Inside, sam: Visitor
) -> None:
    await set_rules(kea, Rules())
    page = await form(sam)
    await set_rules(kea, Rules(90, asks_voicemail=True))
    await sam.submit(page, {"minimum": "120", "own": "09 555 0100"})
    page = await sam.modal(
        "somebody else changed the rules meanwhile", "of 90 seconds or more", "voicemails"
    )
    assert await rules(kea) == Rules(90, asks_voicemail=True)
    state = page["state"]
    assert state["minimum"]["phones.minimum"]["value"] == "120"
    assert state["own"]["phones.own"]["value"] == "09 555 0100"
    await sam.submit(page, {"minimum": "120", "own": "09 555 0100"})
    await sam.modal("The rules are saved")
    assert (await rules(kea)).minimum_seconds == 120


async def test_numbers_that_the_command_line_set_and_are_more_than_fit_stay(
    kea: Inside, sam: Visitor
) -> None:
    own = tuple(f"+6421555{number:04}" for number in range(400))
    await set_rules(kea, Rules(30, own_numbers=own, ignored_numbers=("Anonymous",)))
    page = await form(sam)
    assert "400 numbers, more than fit here" in text_of(page["view"])
    await sam.submit(page, {"minimum": "31"})
    await sam.modal("The rules are saved")
    saved = await rules(kea)
    assert (saved.minimum_seconds, saved.own_numbers) == (31, own)
    assert saved.ignored_numbers == ("Anonymous",)
    await set_rules(kea, Rules())
