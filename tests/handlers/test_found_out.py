"""What is said later: a time that XPM has otherwise comes back as a new message with its buttons, and no copy stays."""

import datetime as dt
from typing import Any

import pytest

from sandbox.visitor import Json, Visitor, has_button, text_of
from tests.handlers.inside import KEA, Inside, chosen, newest, settled, shows, task_of
from tests.handlers.test_clicks import click, saved
from xpm.clock import utc_now
from xpm.comparing import Comparing
from xpm.rhythm import Rhythm
from xpm.store import Transaction, entries
from xpm.store.entries import Entry, State

SAVED = "12 min on J000123"


async def compare(inside: Inside) -> None:
    """What a morning does for Mia's practice, and what follows."""
    made = inside.made
    comparing = Comparing(made.database, made.services.connections, made.durable, utc_now, Rhythm())
    began = (utc_now() + dt.timedelta(seconds=1)).isoformat()
    await inside.on_its_loop(comparing.run("T0KEA", began))


async def found(
    inside: Inside, person: Visitor, how: str, fault: tuple[str, str] | None = None
) -> tuple[Json, Json]:
    """A time of theirs that XPM has otherwise: the message there was, and the one that says so."""
    before = await saved(inside, person)
    times = inside.xero.practices[KEA].times
    last = list(times)[-1]
    if how == "missing":
        del times[last]
    else:
        times[last].minutes = 30
    await settled(inside)
    if fault is not None:
        await inside.slack_fault(*fault)
    await compare(inside)
    words = "any more" if how == "missing" else "otherwise"
    after = await person.until(
        lambda seen: next(
            (one for one in seen["messages"] if one["ts"] > before["ts"] and words in text_of(one)),
            None,
        ),
        "what was found",
    )
    return before, after


async def stands(person: Visitor, message: Json) -> bool:
    return any(one["ts"] == message["ts"] for one in (await person.see())["messages"])


async def is_taken_away(person: Visitor, message: Json) -> None:
    """Waits until a message is gone: the new one is there a moment before."""
    await person.until(
        lambda seen: all(one["ts"] != message["ts"] for one in seen["messages"]) or None,
        "the old message taken away",
    )


async def rows(inside: Inside, ts: str) -> int:
    return int(await inside.one("select count(*) from entries where message_ts = :ts", ts=ts))


async def test_a_missing_time_comes_back_at_the_end_and_is_logged_again(
    kea: Inside, mia: Visitor
) -> None:
    before, after = await found(kea, mia, "missing")
    await is_taken_away(mia, before)
    assert "somebody took it out in XPM" in text_of(after)
    assert has_button(after, "Log again")
    assert has_button(after, "Leave it out")
    count = len(kea.times())
    await compare(kea)
    await settled(kea)
    assert newest(await mia.see()) == after["ts"], "it was said again"
    await mia.press(after, "Log again")
    form = await shows(mia, after, "Save time", "Minutes")
    await mia.press(form, "Save time", fields={"task": task_of(form)})
    await shows(mia, after, SAVED, "Undo")
    assert len(kea.times()) == count + 1


async def test_a_missing_time_is_left_out_however_often_it_is_pressed(
    kea: Inside, mia: Visitor
) -> None:
    _, after = await found(kea, mia, "missing")
    count = len(kea.times())
    for _ in range(2):
        await mia.press(after, "Leave it out")
    await shows(mia, after, "Removed: 12 min on J000123")
    await settled(kea)
    assert len(kea.times()) == count


async def test_a_changed_time_is_left_as_it_is_and_the_message_says_what_xpm_has(
    kea: Inside, mia: Visitor
) -> None:
    _, after = await found(kea, mia, "changed")
    assert "XPM now has 30 min on J000123" in text_of(after)
    assert has_button(after, "Edit")
    assert not has_button(after, "Undo")
    await mia.press(after, "Leave it so")
    await shows(mia, after, "30 min on J000123", "Undo")


async def test_somebody_elses_click_on_what_was_found_changes_nothing(
    kea: Inside, mia: Visitor
) -> None:
    _, after = await found(kea, mia, "missing")
    await settled(kea)
    query = "select id, version, state from entries where message_ts = :ts"
    entry = (await kea.rows(query, ts=after["ts"]))[0]
    for action in ("leave", "reopen", "edit"):
        payload = click(after, f"post_call.{action}", entry[0])
        for team, user in (("T0KEA", "U0TOM"), ("T0KEA", "U0SAM")):
            answer = await kea.raw("action", team=team, user=user, payload=payload)
            assert answer["status"] == 200
    await settled(kea)
    assert (await kea.rows(query, ts=after["ts"]))[0] == entry
    assert await stands(mia, after), "somebody else's click took the message away"


async def test_slack_refusing_to_delete_leaves_an_old_message_that_goes_when_it_is_clicked(
    kea: Inside, mia: Visitor
) -> None:
    before, after = await found(kea, mia, "changed", ("chat.delete", "500"))
    # Slack shows the new message a moment before its place is noted.
    await settled(kea)
    assert await stands(mia, before)
    assert await rows(kea, after["ts"]) == 1
    await mia.press(before, "Edit")
    await mia.until(
        lambda seen: all(one["ts"] != before["ts"] for one in seen["messages"]), "no old message"
    )
    await shows(mia, after, "Save changes")


async def test_a_message_that_its_person_deleted_comes_back_with_what_was_found(
    kea: Inside, mia: Visitor
) -> None:
    before = await saved(kea, mia)
    channel = (await mia.see())["conversation"]["id"]
    await mia.do("delete", channel=channel, ts=before["ts"])
    del kea.xero.practices[KEA].times[list(kea.xero.practices[KEA].times)[-1]]
    await compare(kea)
    await mia.until(
        lambda seen: any("any more" in text_of(one) for one in seen["messages"][-1:]), "finding"
    )


async def test_a_crash_between_post_and_note_leaves_one_message_that_is_found(
    kea: Inside, mia: Visitor
) -> None:
    """Slack posts, we do not hear of it: it is posted again, the old one goes, and of the two new ones one stays."""
    before, first = await found(kea, mia, "changed", ("chat.postMessage", "cut"))
    # A post that Slack did not answer is tried again after 15 s.
    last = await mia.until(
        lambda seen: next((one for one in seen["messages"] if one["ts"] > first["ts"]), None),
        "second post",
        seconds=30,
    )
    await settled(kea)
    assert not await stands(mia, before)
    assert (await rows(kea, first["ts"]), await rows(kea, last["ts"])) == (0, 1)
    # Whoever clicks in the copy is left with one.
    await mia.press(first, "Leave it so")
    await shows(mia, last, "30 min on J000123", "Undo")
    await mia.until(
        lambda seen: all(one["ts"] != first["ts"] for one in seen["messages"]), "no copy"
    )


async def test_the_copy_of_a_message_whose_answer_came_too_late_goes_when_it_is_clicked(
    kea: Inside, mia: Visitor
) -> None:
    await kea.slack_fault("chat.postMessage", "cut")
    copy = await kea.offered(mia)
    await settled(kea)
    last = await _the_last(mia)
    assert last["ts"] > copy["ts"]
    assert (await rows(kea, copy["ts"]), await rows(kea, last["ts"])) == (0, 1)
    await mia.press(copy, "Don't log")
    await shows(mia, last, "Not logged")
    await mia.until(
        lambda seen: all(one["ts"] != copy["ts"] for one in seen["messages"]), "no copy"
    )
    assert await stands(mia, last)


async def _the_last(person: Visitor) -> Json:
    found: Json = max((await person.see())["messages"], key=lambda one: str(one["ts"]))
    return found


@pytest.mark.parametrize("is_connected", [True, False])
async def test_what_waits_for_a_day_is_said_in_one_message(
    kea: Inside, mia: Visitor, is_connected: bool
) -> None:
    await chosen(mia, await kea.offered(mia))
    made = kea.made

    async def wait(tx: Transaction) -> list[Entry]:
        some = (await entries.in_state(tx, "T0KEA", State.OFFERED))[-1]
        values: dict[str, Any] = {
            "state": State.SENDING,
            "waiting_for": "xpm" if is_connected else "connection",
            "waiting_since": utc_now() - dt.timedelta(hours=30),
        }
        changed = await entries.change(tx, some, **values)
        assert changed is not None
        await entries.change(tx, changed, **{**values, "state": State.NOT_LOGGED})
        return [changed]

    async def remind() -> None:
        async with made.database.transaction() as tx:
            waiting = await wait(tx)
        await made.services.notices.still_waiting("T0KEA", "U0MIA", waiting)

    await kea.on_its_loop(remind())
    said = await _the_last(mia)
    assert "Still not saved: 1 time, 12 min." in text_of(said)
    assert "Nothing of it is lost." in text_of(said)
    assert has_button(said, "Connect") is not is_connected
