"""Clicks on an entry's message: the right person's once, everybody else's never."""

import asyncio

import pytest

from sandbox.visitor import Json, Visitor, has_button, text_of
from tests.handlers.inside import (
    JOB,
    Inside,
    block_of,
    chosen,
    newest,
    option,
    says_beside,
    settled,
    shows,
    task_of,
)

ODD_NOTES = {
    "emoji": ("Call 😀 👩‍👩‍👧 about tax", "Call 😀 👩‍👩‍👧 about tax"),
    "marks": ("<b>R&D</b> <@U0SAM> <!channel> &amp;", "<b>R&D</b> <@U0SAM> <!channel> &amp;"),
    "right to left": ("שיחה عن الضرائب", "שיחה عن الضرائب"),
    "control": ("be\x00ep \x07bell\x1b[31m end", "beep bell[31m end"),
    "lines": ("first\nsecond\n\nthird", "first\nsecond\n\nthird"),
    "cdata": ("]]> <![CDATA[ &#0; <!DOCTYPE x>", "]]> <![CDATA[ &#0; <!DOCTYPE x>"),
    "format": ("*bold* _it_ `code` ~gone~", "*bold* _it_ `code` ~gone~"),
}


async def saved(inside: Inside, person: Visitor, **fields: str) -> Json:
    """A call that this person has saved on J000123; its message."""
    message = await chosen(person, await inside.offered(person))
    await person.press(message, "Save time", fields={"task": task_of(message), **fields})
    return await shows(person, message, "on J000123 Tax return 2026 ·", "Undo")


async def picture(inside: Inside) -> list[object]:
    entries = await inside.rows(
        "select id, version, state, job_number, note from entries order by id"
    )
    return [*map(tuple, entries), len(inside.times())]


def click(message: Json, action_id: str, value: str) -> Json:
    """The payload of a click that the page would never make."""
    button = {"type": "button", "action_id": action_id, "block_id": "do", "value": value}
    return {
        "actions": [button],
        "container": {"type": "message", "message_ts": message["ts"], "channel_id": "D0"},
        "channel": {"id": "D0", "name": "directmessage"},
        "state": {"values": {}},
    }


def entry_of(message: Json) -> str:
    return block_of(message, JOB).split(":")[1]


ACTIONS = (
    "save", "dismiss", "reopen", "edit", "keep", "undo", "recall", "leave", "enter_job_id",
)  # fmt: skip


@pytest.mark.parametrize(
    ("team", "user"), [("T0KEA", "U0TOM"), ("T0TUI", "U0TIA"), ("T0KEA", "U0LEFT")]
)
async def test_clicks_of_anybody_else_change_nothing(
    kea: Inside, mia: Visitor, team: str, user: str
) -> None:
    if team == "T0TUI" and kea.slack.teams[team].installation is None:
        async with kea.visitor(user, team) as tia:
            await tia.install(f"{kea.app}/slack/install")
    message = await chosen(mia, await kea.offered(mia))
    await settled(kea)
    before = await picture(kea)
    for action in ACTIONS:
        payload = click(message, f"post_call.{action}", entry_of(message))
        answer = await kea.raw("action", team=team, user=user, payload=payload)
        assert answer["status"] == 200
    for action in ("job", "client"):
        payload = click(message, f"post_call.{action}", "")
        payload["actions"][0] |= {
            "type": "static_select",
            "block_id": f"{action}:{entry_of(message)}:",
            "selected_option": {"value": "J000124"},
        }
        answer = await kea.raw("action", team=team, user=user, payload=payload)
        assert answer["status"] == 200
    await settled(kea)
    assert await picture(kea) == before


async def test_job_menu_of_somebody_else_is_empty(kea: Inside, mia: Visitor) -> None:
    message = await kea.offered(mia)
    asked = {"action_id": JOB, "block_id": block_of(message, JOB), "value": ""}
    own = await kea.raw("options", user="U0MIA", payload=asked)
    assert "J000123" in own["body"]
    for team, user in (("T0KEA", "U0SAM"), ("T0TUI", "U0TIA")):
        other = await kea.raw("options", team=team, user=user, payload=asked)
        assert "J0" not in other["body"]


async def test_clicks_of_a_person_who_left_since_change_nothing(kea: Inside) -> None:
    person = kea.slack.teams["T0KEA"].people["U0TOM"]
    async with kea.visitor("U0TOM") as tom:
        message = await chosen(tom, await kea.offered(tom))
        person.is_deleted = True
        try:
            refused = await tom.press(message, "Save time", fields={"task": task_of(message)})
        finally:
            person.is_deleted = False
        assert refused == {"ok": False, "error": "account_inactive"}
        assert kea.times() == [] or all(one.note != "never" for one in kea.times())


async def test_save_twice_at_the_same_moment_is_one_time(kea: Inside, mia: Visitor) -> None:
    message = await chosen(mia, await kea.offered(mia))
    before = len(kea.times())
    fields = {"task": task_of(message)}
    await asyncio.gather(*(mia.press(message, "Save time", fields=fields) for _ in range(4)))
    await shows(mia, message, "12 min on J000123", "Undo")
    await settled(kea)
    assert len(kea.times()) == before + 1


async def test_save_and_dont_log_at_the_same_moment_end_in_one_of_both(
    kea: Inside, mia: Visitor
) -> None:
    message = await chosen(mia, await kea.offered(mia))
    before = len(kea.times())
    await asyncio.gather(
        mia.press(message, "Save time", fields={"task": task_of(message)}),
        mia.press(message, "Don't log"),
    )
    await settled(kea)
    seen = await shows(mia, message, "")
    is_saved = has_button(seen, "Undo")
    assert is_saved != has_button(seen, "Log it after all")
    assert len(kea.times()) == before + is_saved


async def test_save_on_a_saved_message_changes_nothing(kea: Inside, mia: Visitor) -> None:
    message = await chosen(mia, await kea.offered(mia))
    await mia.press(message, "Save time", fields={"task": task_of(message)})
    await shows(mia, message, "Undo")
    await settled(kea)
    before = await picture(kea)
    payload = click(message, "post_call.save", entry_of(message))
    assert (await kea.raw("action", user="U0MIA", payload=payload))["status"] == 200
    payload = click(message, "post_call.dismiss", entry_of(message))
    assert (await kea.raw("action", user="U0MIA", payload=payload))["status"] == 200
    await settled(kea)
    assert await picture(kea) == before


@pytest.mark.parametrize("name", ODD_NOTES)
async def test_odd_note_arrives_in_xpm_as_typed_and_is_shown_safely(
    kea: Inside, mia: Visitor, name: str
) -> None:
    typed, wanted = ODD_NOTES[name]
    message = await saved(kea, mia, note=typed)
    assert kea.times()[-1].note.replace("\r\n", "\n") == wanted
    shown = text_of(message)
    assert "<!channel>" not in shown
    assert "<@U0SAM>" not in shown
    await mia.press(message, "Edit")
    form = await shows(mia, message, "Save changes")
    # A field shows what was typed, letter by letter; mrkdwn is only for reading.
    await mia.press(form, "Keep as it was")
    await shows(mia, message, "Undo")
    assert list(kea.slack.refusals) == []


async def test_note_of_exactly_3000_characters_arrives_whole(kea: Inside, mia: Visitor) -> None:
    note = ("0123456789 äöü <&> 😀 " * 200)[:2999] + "."
    message = await saved(kea, mia, note=note)
    assert kea.times()[-1].note == note
    await mia.press(message, "Edit")
    await shows(mia, message, "Save changes")


async def test_note_over_3000_characters_is_said_to_be_too_long_and_nothing_is_sent(
    kea: Inside, mia: Visitor
) -> None:
    message = await chosen(mia, await kea.offered(mia))
    before = len(kea.times())
    payload = click(message, "post_call.save", entry_of(message))
    payload["state"]["values"] = {
        f"note:{entry_of(message)}": {"post_call.note": {"value": "x" * 3001}},
        block_of(message, "post_call.task"): {
            "post_call.task": {"selected_option": {"value": task_of(message)}}
        },
    }
    assert (await kea.raw("action", user="U0MIA", payload=payload))["status"] == 200
    await shows(mia, message, "The note is longer than 3,000 characters.")
    await settled(kea)
    assert len(kea.times()) == before


@pytest.mark.parametrize("typed", ["", "0", "1441", "-5", "1.5", "ten", "12 min", "１２", "1" * 20])
async def test_minutes_that_are_no_whole_number_are_said_to_be_so(
    kea: Inside, mia: Visitor, typed: str
) -> None:
    message = await chosen(mia, await kea.offered(mia))
    before = len(kea.times())
    fields = {"task": task_of(message), "minutes": typed, "note": "kept"}
    await mia.press(message, "Save time", fields=fields)
    await shows(mia, message, "Minutes are a whole number from 1 to 1440.", "kept")
    await settled(kea)
    assert len(kea.times()) == before


async def test_refusal_is_said_beside_the_message_for_the_person_alone(
    kea: Inside, mia: Visitor, sam: Visitor
) -> None:
    before = newest(await mia.see())
    message = await chosen(mia, await kea.offered(mia), "J000125")
    await kea.practice_does("jobs/J000125/state", state="Cancelled")
    await mia.press(message, "Save time", fields={"task": task_of(message), "note": "About a deed"})
    beside = await says_beside(mia, before, "Not saved: XPM says “")
    assert "reopen" in text_of(beside)
    await shows(mia, message, "Not saved", "About a deed", "J000125")
    assert "About a deed" not in text_of((await sam.see())["messages"])
    await kea.practice_does("jobs/J000125/state", state="In Progress")
    form = await shows(mia, message, "Not saved")
    await mia.press(form, "Save time", fields={"task": task_of(form)})
    await shows(mia, message, "on J000125", "Undo")


async def test_refused_entry_comes_back_as_a_new_message_when_its_own_was_deleted(
    kea: Inside, mia: Visitor
) -> None:
    message = await chosen(mia, await kea.offered(mia), "J000125")
    await kea.practice_does("jobs/J000125/state", state="Completed")
    await kea.fault("late", "time.api/add", seconds=0.6)
    await mia.press(message, "Save time", fields={"task": task_of(message), "note": "Still here"})
    channel = (await mia.see())["conversation"]["id"]
    assert (await mia.do("delete", channel=channel, ts=message["ts"]))["ok"]
    back = await mia.message("Not saved", "Still here", "J000125")
    assert back["ts"] != message["ts"]
    await kea.practice_does("jobs/J000125/state", state="In Progress")


async def test_saved_entry_whose_message_was_deleted_is_saved_in_silence(
    kea: Inside, mia: Visitor
) -> None:
    message = await chosen(mia, await kea.offered(mia))
    before = len(kea.times())
    await kea.fault("late", "time.api/add", seconds=0.5)
    await mia.press(message, "Save time", fields={"task": task_of(message)})
    channel = (await mia.see())["conversation"]["id"]
    await mia.do("delete", channel=channel, ts=message["ts"])
    count = len((await mia.see())["messages"])
    await settled(kea)
    assert len(kea.times()) == before + 1
    assert len((await mia.see())["messages"]) == count


async def test_slack_that_limits_updates_for_a_while_shows_the_entry_in_the_end(
    kea: Inside, mia: Visitor
) -> None:
    message = await chosen(mia, await kea.offered(mia))
    before = len(kea.times())
    # A library retry takes two; the workflow must bring the rest.
    await kea.slack_fault("chat.update", "429", times=4, seconds=1)
    await mia.press(message, "Save time", fields={"task": task_of(message)})
    await shows(mia, message, "12 min on J000123", "Undo", seconds=25)
    await settled(kea)
    assert len(kea.times()) == before + 1


async def test_open_menu_finds_a_job_that_was_made_a_moment_ago(kea: Inside, mia: Visitor) -> None:
    made = await kea.practice_does(
        "jobs", client="Rata Cafe", name="Made just now", staff=["mia@example.com"]
    )
    number = made["jobs"][0]["number"]
    message = await kea.offered(mia, "+6495550150")
    await settled(kea)
    found = await option(mia, message, number)
    await mia.choose(message, JOB, found)
    # Its tasks are not in XPM's lists of jobs, so they are fetched and then shown.
    message = await shows(mia, message, number, "Choose a task")
    assert task_of(message)
