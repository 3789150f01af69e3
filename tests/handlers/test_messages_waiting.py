"""What is said of a time on its way: true for a saving, a change and a removal, with the buttons for it."""

import datetime as dt
from typing import Any

import pytest

from handlers.messages import overdue, post_call, waiting
from handlers.messages.kit import Message
from sandbox.visitor import text_of
from tests.handlers.test_messages_pure import NOW, entry, view
from xpm.choices import (
    WAITING_FOR_ANSWER,
    WAITING_FOR_CONNECTION,
    WAITING_FOR_TOMORROW,
    WAITING_FOR_XPM,
    Problem,
)
from xpm.store.entries import Act, Difference, Entry, Finding, Saved, State

ZONE = "Pacific/Auckland"
SAVED = Saved("J1", "Tax", "t1", "Review", 12, "note", dt.date(2026, 11, 23))
A_DAY = NOW - dt.timedelta(hours=25)
A_MINUTE = NOW - dt.timedelta(minutes=1)


def sending(act: Act = Act.ADD, since: dt.datetime = A_MINUTE, **more: Any) -> Entry:
    held = None if act is Act.ADD else "x1"
    return entry(
        state=State.SENDING, act=act, job_number="J1", xpm_time_uuid=held, waiting_since=since,
        **more,
    )  # fmt: skip


def said(one: Entry) -> str:
    return waiting.line(one, "12 min", ZONE, NOW)


def buttons(message: Message) -> list[str]:
    found = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [button["text"]["text"] for elements in found for button in elements]


def message_of(one: Entry) -> Message:
    return post_call.message(view(entry=one), NOW)


@pytest.mark.parametrize("why", [WAITING_FOR_XPM, WAITING_FOR_CONNECTION, WAITING_FOR_TOMORROW])
def test_a_removal_that_waits_is_never_said_to_be_saved(why: str) -> None:
    removal, saving = said(sending(Act.REMOVE, waiting_for=why)), said(sending(waiting_for=why))
    assert "Your 12 min on J1 are still there and will be removed" in removal
    assert "saved" not in removal
    assert "Your 12 min on J1 are safe and will be saved" in saving
    assert buttons(message_of(sending(Act.REMOVE, waiting_for=why)))[-1] == "Keep it"


@pytest.mark.parametrize("why", [None, WAITING_FOR_ANSWER, WAITING_FOR_XPM])
def test_what_is_doubtful_has_nothing_to_press_before_a_day_is_over(why: str | None) -> None:
    for act in Act:
        one = sending(act, doubtful_since=A_MINUTE, waiting_for=why)
        assert buttons(message_of(one)) == []


def test_a_doubtful_time_without_a_connection_offers_to_connect_and_does_not_claim_to_look() -> (
    None
):
    one = sending(doubtful_since=A_MINUTE, waiting_for=WAITING_FOR_CONNECTION)
    assert said(one).startswith(
        "XPM is not connected, so it is not known whether your 12 min on J1"
    )
    assert buttons(message_of(one)) == ["Connect"]


@pytest.mark.parametrize(
    ("act", "words", "pressed"),
    [
        (Act.ADD, "if it is there, choose Don't log; if not, choose Edit", ["Edit", "Don't log"]),
        (Act.CHANGE, "choose Edit and save it again", ["Edit"]),
        (Act.REMOVE, "choose Keep it here", ["Keep it"]),
    ],
)
def test_after_a_day_of_doubt_the_message_says_what_to_do_and_has_the_buttons_for_it(
    act: Act, words: str, pressed: list[str]
) -> None:
    one = sending(act, A_DAY, doubtful_since=A_DAY, waiting_for=WAITING_FOR_XPM)
    assert said(one).startswith("XPM has not told since yesterday 13:30 whether your 12 min on J1")
    assert words in said(one)
    assert buttons(message_of(one)) == pressed


def test_what_fails_for_a_day_for_reasons_of_ours_can_be_had_back() -> None:
    one = sending(since=A_DAY)
    assert (
        said(one) == "Your 12 min on J1 could not be saved since yesterday 13:30. We go on trying."
    )
    assert buttons(message_of(one)) == ["Edit", "Don't log"]
    assert buttons(message_of(sending())) == []


def test_a_time_that_may_be_in_xpm_already_says_so_above_the_form() -> None:
    one = entry(job_number="J1", reason=Problem.UNSURE.value)
    words = "It is not known whether XPM has this time."
    assert words in message_of(one).text
    assert words in " ".join(map(text_of, [{"blocks": message_of(one).blocks}]))


def found(kind: Difference, **values: Any) -> str | None:
    one = entry(state=State.SENT, saved=SAVED, finding=Finding(kind, **values))
    return overdue.found(one, ZONE, NOW)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"minutes": 30}, "XPM now has 30 min on J1."),
        ({"minutes": 12, "date": dt.date(2026, 11, 20)}, "12 min on J1, "),
        ({"minutes": 12, "date": SAVED.date}, "XPM now has 12 min on J1, under another person."),
    ],
)
def test_a_time_that_was_changed_in_xpm_is_told_with_what_differs(
    values: dict[str, Any], words: str
) -> None:
    assert words in (found(Difference.CHANGED, job_number="J1", **values) or "")


def test_what_a_person_left_so_is_not_spoken_of() -> None:
    assert found(Difference.LEFT) is None
    assert "twice" in (found(Difference.DOUBLE) or "")
    assert "any more" in (found(Difference.MISSING) or "")


def test_a_reminder_of_removals_does_not_speak_of_saving() -> None:
    removals = [sending(Act.REMOVE, A_DAY, waiting_for=WAITING_FOR_XPM) for _ in range(2)]
    assert overdue.reminder(removals, ZONE, NOW).text.startswith(
        "Still not removed: 2 times, 24 min."
    )
    both = [*removals, sending(since=A_DAY, waiting_for=WAITING_FOR_XPM)]
    assert overdue.reminder(both, ZONE, NOW).text.startswith("Still not saved: 3 times, 36 min.")
