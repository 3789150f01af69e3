"""Who was this: an unknown number gets its client from whoever knows, once for the whole practice."""

import asyncio

from handlers.messages import menus
from sandbox.visitor import Json, Visitor, has_button, text_of
from tests.handlers.inside import JOB, Inside, block_of, chosen, menu_of, shows, task_of

WHO = "post_call.who"
UNKNOWN = "+64215550198"


async def _options(person: Visitor, message: Json, typed: str) -> list[Json]:
    (group,) = await person.options(message, WHO, typed)
    found: list[Json] = group["options"]
    return found


async def _says(person: Visitor, message: Json, typed: str, name: str) -> Json:
    (found,) = [
        one for one in await _options(person, message, typed) if one["text"]["text"] == name
    ]
    await person.choose(message, WHO, found)
    return await shows(person, message, f"Call with {name}")


async def test_the_answer_is_remembered_for_the_practice_and_can_be_taken_back(kea: Inside) -> None:
    async with kea.visitor("U0LEE") as lee:
        message = await kea.offered(lee, UNKNOWN)
        assert "Who was this?" in text_of(message)
        shown = await _says(lee, message, "moa frams", "Moa Farms")
        assert "as somebody of your practice said here" in text_of(shown)
    async with kea.visitor("U0MIA") as mia:
        message = await kea.offered(mia, UNKNOWN)
        assert "Call with Moa Farms" in text_of(message)
        await mia.press(message, "Not so: forget it")
        shown = await shows(mia, message, "Who was this?")
        assert not has_button(shown, "Not so: forget it")
    assert await kea.rows("select * from known_numbers") == []


async def test_a_client_is_found_by_part_of_its_name_and_nothing_by_rubbish(kea: Inside) -> None:
    async with kea.visitor("U0LEE") as lee:
        message = await kea.offered(lee, "+64215550197")
        assert menu_of(message, WHO)["min_query_length"] == 2
        names = [one["text"]["text"] for one in await _options(lee, message, "wek")]
        assert names == ["Weka Builders Pty"]
        for typed in ("zzqq", "%%", "__"):
            assert await _options(lee, message, typed) == []
        # An archived client takes no calls.
        assert await _options(lee, message, "pukeko") == []


async def test_a_number_that_was_not_on_the_call_is_not_remembered(kea: Inside) -> None:
    async with kea.visitor("U0LEE") as lee:
        message = await kea.offered(lee, "+64215550196")
        (moa,) = await _options(lee, message, "moa farms")
        entry = block_of(message, JOB).split(":")[1]
        for user, number in (
            ("U0LEE", "+6495550100"),
            ("U0MIA", "+64215550196"),
            ("U0LEE", "+64215550196"),
        ):
            assert await kea.rows("select * from known_numbers") == []
            action = {
                "type": "external_select",
                "action_id": WHO,
                "block_id": f"who:{entry}:{number}",
                "selected_option": moa,
            }
            await kea.raw(
                "action",
                team="T0KEA",
                user=user,
                payload={
                    "actions": [action],
                    "container": {
                        "type": "message",
                        "message_ts": message["ts"],
                        "channel_id": "D0",
                    },
                    "channel": {"id": "D0", "name": "directmessage"},
                    "state": {"values": {}},
                },
            )
    # The last one was right: what kept the others out was not a mistake of this test.
    (kept,) = await kea.rows("select e164, slack_user_id from known_numbers")
    assert tuple(kept) == ("+64215550196", "U0LEE")


async def test_of_two_clients_the_one_logged_on_last_is_first_and_its_job_is_recent(
    kea: Inside,
) -> None:
    async with kea.visitor("U0MIA") as mia:
        message = await kea.offered(mia)
        assert _clients(message) == ["Huia Trust", "Kea Ltd"]
        message = await chosen(mia, message, "J000124")
        await mia.press(message, "Save time", fields={"task": task_of(message)})
        await shows(mia, message, "on J000124", "Undo")
        again = await kea.offered(mia)
        assert _clients(again) == ["Kea Ltd", "Huia Trust"]
        elsewhere = await kea.offered(mia, "+6495550177")
        groups = {group["label"]: group["options"] for group in await mia.options(elsewhere, JOB)}
        assert [one["value"] for one in groups["Recent"]] == ["J000124"]
        assert "J000124" not in [one["value"] for one in groups["Your jobs"]]


def _clients(message: Json) -> list[str]:
    return [one["text"]["text"] for one in menu_of(message, menus.CLIENT)["options"]]


async def test_a_job_made_just_now_for_the_client_that_was_named_is_in_the_menu(
    kea: Inside,
) -> None:
    async with kea.visitor("U0LEE") as lee:
        message = await kea.offered(lee, "+64215550195")
        await kea.practice_does("jobs", client="Weka Builders Pty", name="Made just now", staff=[])
        message = await _says(lee, message, "weka builders", "Weka Builders Pty")
        async with asyncio.timeout(10):
            shown = ""
            while "Made just now" not in shown:
                shown = await _jobs_of(lee, message, "Jobs of Weka Builders Pty")
        await lee.press(message, "Not so: forget it")


async def _jobs_of(person: Visitor, message: Json, label: str) -> str:
    groups = {group["label"]: group["options"] for group in await person.options(message, JOB)}
    return " ".join(one["text"]["text"] for one in groups.get(label, []))
