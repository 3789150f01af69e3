"""Everything people read, from values alone: within Slack's limits, whatever the names are."""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.messages import connect, errors, home, job_id, kit, menus, post_call
from handlers.messages import help as help_
from handlers.messages.kit import Message
from sandbox.visitor import text_of
from sandbox.workspace.blockkit.blocks import check_blocks
from sandbox.workspace.blockkit.check import Check
from sandbox.workspace.blockkit.elements import check_option_groups
from sandbox.workspace.blockkit.views import check_view
from xpm.choices import WAITING_FOR_CONNECTION, WAITING_FOR_TOMORROW, WAITING_FOR_XPM, Problem
from xpm.directory import JobCard
from xpm.directory import job_id as job_id_of
from xpm.entry_view import EntryView
from xpm.job_menu import Group
from xpm.standing import Standing
from xpm.store.calls import Call, Party
from xpm.store.connections import Connection, Sync
from xpm.store.entries import Act, Entry, Saved, State
from xpm.store.mirror import Job, Task
from xpm.store.workspaces import Person
from xpm.vault import Sealed

NOW = dt.datetime(2026, 11, 23, 1, 30, tzinfo=dt.UTC)
"""14:30 in Auckland."""

odd = st.text(
    st.one_of(
        st.sampled_from(list("<>&*_~`|@#!:; \n\t\"'“”—")),
        st.characters(codec="utf-8", exclude_characters="\x00"),
    ),
    min_size=1,
    max_size=300,
).filter(lambda text: bool(text.strip()))
long = st.sampled_from(["x" * 300, "<&>" * 100, "שלום " * 60, "😀" * 150, "Kea & Sons <Pty> Ltd"])
names = st.one_of(odd, long)
numbers = st.from_regex(r"J[0-9]{1,8}", fullmatch=True)
states = st.sampled_from(["In Progress", "Planned", "Completed", "Cancelled", "<& odd state>"])
maybe: Callable[[Any], Any] = lambda strategy: st.one_of(st.none(), strategy)  # noqa: E731

jobs = st.builds(
    Job,
    number=numbers,
    name=names,
    state=states,
    is_open=st.booleans(),
    client_uuid=st.just("c1"),
    client_name=st.one_of(names, st.just("")),
    manager_name=maybe(names),
    due_date=maybe(st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1))),
)
tasks = st.integers(0, 130).flatmap(
    lambda count: names.map(
        lambda name: tuple(Task(f"task-{n}", f"{name} {n}", n % 3 == 0) for n in range(count))
    )
)
cards = st.builds(JobCard, job=jobs, tasks=tasks)
parties = st.lists(
    st.builds(
        Party,
        number=st.sampled_from(["+64215550123", "+442079460958", "+61491570156"]),
        client_uuid=maybe(st.sampled_from([f"client-{n}" for n in range(5)])),
        client_name=names,
        contact_name=maybe(names),
        position=maybe(names),
    ),
    max_size=4,
).map(tuple)
zones = st.sampled_from(
    ["Pacific/Auckland", "Europe/London", "UTC", "No/Such", "", "Europe", "../x"]
)


def call(**changes: Any) -> Call:
    made = Call(
        workspace_id="T1",
        id="call",
        phone_system_id="p",
        source_id="s",
        email="mia@example.com",
        direction="inbound",
        numbers=("+64215550123",),
        caller_name=None,
        is_answered=True,
        is_internal=False,
        started_at=NOW - dt.timedelta(minutes=12),
        ended_at=NOW,
        seconds=720,
        includes_ringing=False,
        notes=None,
        received_at=NOW,
    )
    return replace(made, **changes)


def entry(**changes: Any) -> Entry:
    made = Entry(
        workspace_id="T1",
        id="0" * 32,
        slack_user_id="U1",
        call_id="call",
        state=State.OFFERED,
        date=dt.date(2026, 11, 23),
        created_at=NOW,
        changed_at=NOW,
        minutes="12",
    )
    return replace(made, **changes)


def connection(**changes: Any) -> Connection:
    made = Connection(
        workspace_id="T1",
        id="c",
        tenant_id="t",
        practice="Kea Accounting",
        region="NZ",
        connected_by="U0SAM",
        connected_at=NOW - dt.timedelta(days=1),
        access_token=Sealed("x"),
        refresh_token=Sealed("x"),
        expires_at=NOW,
    )
    return replace(made, **changes)


def view(**changes: Any) -> EntryView:
    card = JobCard(
        Job("J000123", "Tax return 2026", "In Progress", True, "k", "Kea Ltd", "Sam Rivers"),
        (Task("task-1", "Individual tax", False), Task("task-2", "Planning", True)),
    )
    party = Party("+64215550123", "client-1", "Kea Ltd", "Ana Example", "Director")
    made = EntryView(
        entry=entry(),
        call=call(parties=(party,)),
        card=card,
        person=Person("T1", "U1", "mia@example.com", "Mia Chen", "Pacific/Auckland"),
        connection=connection(),
        connected_by="Sam Rivers",
        has_staff=True,
        has_jobs=True,
        client_has_jobs=True,
        minutes_of_day=12,
        entries_of_day=1,
    )
    return replace(made, **changes)


SAVED = Saved(
    "J000123", "Tax return 2026", "task-1", "Individual tax", 12, "About GST", dt.date(2026, 11, 23)
)

ENTRIES: dict[str, dict[str, Any]] = {
    "offered": {},
    "chosen": {"job_number": "J000123", "task_uuid": "task-1", "note": "Call with Ana"},
    "refused": {"state": State.REFUSED, "reason": "Job is completed", "job_number": "J000123"},
    "refused without a word": {"state": State.REFUSED, "reason": " "},
    "refused change": {"state": State.REFUSED, "reason": "Time has been invoiced",
        "xpm_time_uuid": "t", "saved": SAVED},
    "sending": {"state": State.SENDING, "job_number": "J000123"},
    "removing": {"state": State.SENDING, "act": Act.REMOVE, "xpm_time_uuid": "t", "saved": SAVED, "job_number": "J1"},
    "doubtful": {"state": State.SENDING, "doubtful_since": NOW - dt.timedelta(seconds=5), "job_number": "J1"},
    "long doubtful": {"state": State.SENDING, "doubtful_since": NOW - dt.timedelta(minutes=5), "job_number": "J1"},
    "waiting for XPM": {"state": State.SENDING, "waiting_for": WAITING_FOR_XPM, "job_number": "J1"},
    "waiting for connection": {"state": State.SENDING, "waiting_for": WAITING_FOR_CONNECTION, "job_number": "J1"},
    "waiting for tomorrow": {"state": State.SENDING, "waiting_for": WAITING_FOR_TOMORROW, "job_number": "J1"},
    "sent": {"state": State.SENT, "saved": SAVED, "xpm_time_uuid": "t"},
    "sent, undo refused": {"state": State.SENT, "saved": SAVED, "xpm_time_uuid": "t",
        "reason": "Time has been invoiced"},
    "sent, unknown": {"state": State.SENT},
    "editing": {"saved": SAVED, "xpm_time_uuid": "t", "job_number": "J000123"},
    "not logged": {"state": State.NOT_LOGGED},
    "removed": {"state": State.REMOVED, "saved": SAVED, "job_number": "J000123"},
    "without a call": {"call_id": None, "job_number": "J000123"},
    **{f"problem {one}": {"reason": one.value, "job_number": "J000123"} for one in Problem},
    "every problem": {"reason": ",".join(one.value for one in Problem)},
}  # fmt: skip


def is_fine(message: Message) -> None:
    """Slack would take it, and somebody who cannot see blocks reads something."""
    assert message.text.strip()
    # https://docs.slack.dev/reference/methods/chat.postMessage: text beyond 40,000 characters is cut.
    assert len(message.text) < 40_000
    check = Check()
    check_blocks(check, message.blocks, "/blocks", "message")
    assert check.problems == []


def is_fine_view(made: dict[str, Any]) -> None:
    check = Check()
    check_view(check, made, made["type"])
    assert check.problems == []


def is_polite(text: str) -> None:
    """No exclamation marks, no "please", no "sorry": the house's way of speaking."""
    bare = re.sub(r"<!?[^>]*>", "", text)
    assert "!" not in bare, text
    assert not re.search(r"\b(please|sorry|oops|unfortunately)\b", bare, re.IGNORECASE), text


def standing(**changes: Any) -> Standing:
    made = Standing(
        connection=connection(),
        connected_by="Sam Rivers",
        last_sync=Sync("T1", "s", NOW - dt.timedelta(minutes=3), NOW, None, 38, 43, 8, 52, 38),
        running_sync=None,
        own={},
        everyone={},
        nobodys_calls=[],
        may_mend=True,
        time_zone="Pacific/Auckland",
    )
    return replace(made, **changes)


STANDINGS: dict[str, dict[str, Any]] = {
    "connected": {},
    "connected, a member": {"may_mend": False},
    "never connected": {"connection": None, "connected_by": "", "last_sync": None},
    "ended": {"connection": connection(ended_at=NOW, ended_why="xero"), "everyone": {State.SENDING: 3}},
    "syncing": {"running_sync": Sync("T1", "s", NOW)},
    "syncing clients": {"running_sync": Sync("T1", "s", NOW, clients=5, clients_expected=10)},
    "never synced": {"last_sync": None},
    "much to do": {
        "own": {State.SENDING: 2, State.REFUSED: 1, State.OFFERED: 4},
        "everyone": {State.SENDING: 9},
        "nobodys_calls": [(f"n{n}@example.com", n) for n in range(1, 40)],
    },
}  # fmt: skip


def every_message() -> Iterator[tuple[str, Message]]:
    for name, changes in ENTRIES.items():
        shown = view(entry=entry(**changes))
        if changes.get("call_id", "") is None:
            shown = replace(shown, call=None)
        yield f"entry {name}", post_call.message(shown, NOW)
        yield f"beside {name}", post_call.refused(shown)
    views: dict[str, dict[str, Any]] = {
        "no connection": {"connection": None},
        "ended connection": {"connection": connection(ended_at=NOW)},
        "no staff": {"has_staff": False},
        "no jobs": {"has_jobs": False, "client_has_jobs": False},
        "client without jobs": {"client_has_jobs": False},
        "nothing chosen": {"card": None},
        "withheld": {"call": call(numbers=(), parties=())},
        "no tasks": {"card": JobCard(Job("J1", "n", "Completed", False, None, ""), ())},
    }
    for name, changes in views.items():
        yield f"view {name}", post_call.message(view(**changes), NOW)
    for name, changes in STANDINGS.items():
        yield f"status {name}", connect.status(standing(**changes), NOW)
        yield f"help {name}", help_.message(standing(**changes))
    yield "unknown word", help_.message(standing(), "frob<>&" * 20)
    yield "already", connect.already(standing())
    yield "link", connect.link("https://xpm.example.com/connect/x", NOW, "Pacific/Auckland", NOW)
    yield "not connected", connect.not_connected()
    yield "guests", connect.guests_may_not()
    yield "syncing", connect.syncing()
    yield "disconnected", connect.disconnected("Kea Accounting")
    yield "unexpected", errors.unexpected("AB23")
    yield "left", errors.left()
    for sync in (
        None,
        Sync("T1", "s", NOW),
        Sync("T1", "s", NOW, staff=8, jobs=3),
        Sync("T1", "s", NOW, clients=20, clients_expected=10),
        Sync("T1", "s", NOW, NOW, clients=1),
        Sync("T1", "s", NOW, NOW, failure="away"),
    ):
        yield f"progress {sync}", connect.progress(connection(), sync, resumed=2)
    found = view().card
    assert found is not None
    yield "job", job_id.card(found)
    yield "searching", job_id.searching("J000123")
    yield "away", job_id.sentence(job_id.away("J000123"))


def every_view() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, changes in STANDINGS.items():
        yield f"home {name}", home.view(standing(**changes), NOW)
    yield "disconnect", connect.disconnect_modal(connection(), 3)
    yield "disconnecting", connect.disconnecting("Kea")
    yield "disconnected", connect.disconnected_modal("Kea")
    yield "nothing", connect.nothing_to_disconnect()
    yield "may not", connect.may_not_disconnect("")
    yield "opening", connect.opening()
    yield "asking", job_id.asking("{}")
    yield "asking again", job_id.asking("{}", "J9", job_id.unknown("J9", "Kea"))
    yield "looking", job_id.looking("{}", "J9")
    card = view().card
    assert card is not None
    yield "asking, with some like it", job_id.asking("{}", "J9", "No job J9.", [card.job] * 5)
    yield "found", job_id.found("{}", card)
    yield "no XPM", job_id.not_connected()


MESSAGES, VIEWS = dict(every_message()), dict(every_view())


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_one_that_slack_takes_and_is_plain(name: str) -> None:
    is_fine(MESSAGES[name])
    is_polite(MESSAGES[name].text)
    is_polite(text_of(MESSAGES[name].blocks))


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_one_that_slack_takes_and_is_plain(name: str) -> None:
    is_fine_view(VIEWS[name])
    is_polite(text_of(VIEWS[name]))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    which=st.sampled_from(sorted(ENTRIES)),
    card=maybe(cards),
    parties=parties,
    name=names,
    zone=zones,
    note=st.one_of(st.just("&" * 3000), st.text(st.characters(codec="utf-8"), max_size=400)),
    flags=st.tuples(*[st.booleans()] * 3),
)
def test_message_with_any_names_is_one_that_slack_takes(
    which: str,
    card: JobCard | None,
    parties: tuple[Party, ...],
    name: str,
    zone: str,
    note: str,
    flags: tuple[bool, bool, bool],
) -> None:
    changes = {"note": note, **ENTRIES[which]}
    saved = changes.get("saved")
    if saved is not None:
        changes["saved"] = replace(saved, job_name=name, task_name=name, note=note)
    if changes.get("reason") and changes.get("state") is not None:
        changes["reason"] = name
    shown = view(
        entry=entry(**changes),
        call=call(parties=parties, caller_name=name, numbers=tuple(p.number for p in parties)),
        card=card,
        person=Person("T1", "U1", f"{name}@example.com", name, zone),
        connection=connection(practice=name),
        connected_by=name,
        has_staff=flags[0],
        has_jobs=flags[1],
        client_has_jobs=flags[2],
    )
    is_fine(post_call.message(shown, NOW))
    is_fine(post_call.refused(shown))


def _groups(groups: list[Group]) -> list[kit.Element]:
    found: list[kit.Element] = json.loads(menus.job_groups_text(groups))["option_groups"]
    return found


def test_a_menu_without_jobs_has_no_groups_because_slack_refuses_empty_ones() -> None:
    assert json.loads(menus.job_groups_text([])) == {"options": []}


@settings(max_examples=60, deadline=None)
@given(job=jobs)
def test_option_of_a_job_is_at_most_75_characters_and_never_cuts_its_id(job: Job) -> None:
    made = menus.job_option(job)
    assert len(made["text"]["text"]) <= 75
    assert made["text"]["text"].startswith(f"{job.number} ")
    assert made["value"] == job.number


@settings(max_examples=40, deadline=None)
@given(label=names, many=st.lists(jobs, min_size=1, max_size=100), hidden=st.integers(0, 100_000))
def test_groups_of_the_job_menu_are_ones_that_slack_takes(
    label: str, many: list[Job], hidden: int
) -> None:
    check = Check()
    made = _groups([Group(f"Jobs of {label}", tuple(many), hidden)])
    check_option_groups(check, made, "/option_groups")
    assert check.problems == []
    shown = made[0]["options"]
    if hidden:
        missing = hidden + len(many) - (len(shown) - 1)
        assert shown[-1]["text"]["text"] == f"… and {missing:,} more: type a few letters"
        assert made[0]["label"]["text"].endswith(f" of {len(many) + hidden:,})")
    assert [one["value"] for one in shown if one["value"] != menus.MORE] == [
        job.number for job in many[: 99 if hidden else 100]
    ]


@settings(max_examples=40, deadline=None)
@given(card=cards, practice=names, zone=zones)
def test_cards_homes_and_modals_with_any_names_are_ones_that_slack_takes(
    card: JobCard, practice: str, zone: str
) -> None:
    is_fine(job_id.card(card))
    is_fine_view(job_id.found("{}", card))
    is_fine_view(connect.disconnect_modal(connection(practice=practice), 1))
    is_fine_view(connect.may_not_disconnect(practice))
    shown = standing(
        connection=connection(practice=practice), connected_by=practice, time_zone=zone
    )
    is_fine_view(home.view(shown, NOW))
    is_fine(connect.status(shown, NOW))
    is_fine(connect.link("https://xpm.example.com/connect/x", NOW, zone, NOW))


@pytest.mark.parametrize(
    "name", ["<!channel>", "<@U0SAM>", "<https://evil.example.com|Kea>", "a & b"]
)
def test_names_are_text_and_never_slacks_own_marks(name: str) -> None:
    card = JobCard(Job("J1", name, "Planned", True, "c", name, name), ())
    shown = view(
        card=card,
        call=call(parties=(Party("+64215550123", "c", name, name, name),)),
        connection=connection(practice=name),
        entry=entry(state=State.REFUSED, reason=name, job_number="J1"),
    )
    for blocks in (
        post_call.message(shown, NOW).blocks,
        post_call.refused(shown).blocks,
        job_id.card(card).blocks,
        home.view(standing(connection=connection(practice=name), connected_by=name), NOW)["blocks"],
    ):
        for text in mrkdwn(blocks):
            assert name not in text


def mrkdwn(thing: Any) -> Iterator[str]:
    """Every text that Slack reads marks in."""
    if isinstance(thing, dict):
        if thing.get("type") == "mrkdwn":
            yield thing["text"]
        for value in thing.values():
            yield from mrkdwn(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from mrkdwn(value)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Pacific/Auckland", "today 14:18 to 14:30"),
        ("Europe/London", "today 01:18 to 01:30"),
        ("America/Los_Angeles", "today 17:18 to 17:30"),
        ("No/Such", "today 01:18 to 01:30"),
        ("Europe", "today 01:18 to 01:30"),
    ],
)
def test_times_are_in_the_persons_own_zone(zone: str, said: str) -> None:
    shown = view(person=Person("T1", "U1", None, "", zone))
    assert said in text_of(post_call.message(shown, NOW).blocks)


def test_days_are_said_as_people_say_them() -> None:
    today = dt.date(2026, 1, 1)
    assert kit.day(today, today) == "today"
    assert kit.day(dt.date(2025, 12, 31), today) == "yesterday"
    assert kit.day(dt.date(2026, 3, 2), today) == "Mon 2 Mar"
    assert kit.day(dt.date(2025, 3, 2), today) == "Sun 2 Mar 2025"


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(1, "1 min"), (59, "59 min"), (60, "1 h"), (108, "1 h 48 min"), (1440, "24 h")],
)
def test_minutes_are_said_as_people_say_them(minutes: int, said: str) -> None:
    assert kit.duration(minutes) == said


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("Job is completed", "reopen"),
        ("Staff member is not assigned to this job", "put you on it"),
        ("The date is in a locked period", "unlock the date"),
        ("Invalid task identifier", "Choose another task"),
        ("Time has been invoiced", "keeps the time"),
        ("Something new", "Change what you chose"),
        ("", "XPM gave no reason"),
    ],
)
def test_refusal_says_xpms_words_and_what_to_do(words: str, hint: str) -> None:
    shown = view(entry=entry(state=State.REFUSED, reason=words, job_number="J000123"))
    said = text_of(post_call.message(shown, NOW).blocks)
    assert hint in said
    assert words in said
    assert hint in text_of(post_call.refused(shown).blocks)


@pytest.mark.parametrize(
    ("until", "said"),
    [
        (NOW + dt.timedelta(hours=2, minutes=35), "from this app until 17:05."),
        (NOW + dt.timedelta(hours=12), "from this app until Tue 24 Nov 02:30."),
        (NOW + dt.timedelta(days=3), "from this app until Thu 26 Nov 14:30."),
        # Over, or not told: the time is not made up.
        (NOW, "from this app today."),
        (None, "from this app today."),
    ],
)
def test_a_spent_day_is_said_with_the_time_it_ends_in_the_persons_zone(
    until: dt.datetime | None, said: str
) -> None:
    waiting = entry(
        state=State.SENDING,
        job_number="J000123",
        waiting_for=WAITING_FOR_TOMORROW,
        waiting_until=until,
    )
    shown = post_call.message(view(entry=waiting), NOW)
    assert f"XPM takes no more requests {said} Your 12 min on J000123 are safe" in shown.text
    assert "Edit" in text_of(shown.blocks)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (4321, "XPM takes 4,321 more requests from this app today."),
        (0, "XPM takes 0 more requests from this app today."),
        (None, ""),
    ],
)
def test_status_and_home_say_how_many_calls_are_left_once_xpm_has_said_so(
    left: int | None, said: str
) -> None:
    for blocks in (
        connect.status(standing(calls_left=left), NOW).blocks,
        home.view(standing(calls_left=left), NOW)["blocks"],
    ):
        text = text_of(blocks)
        assert (said in text) if said else ("more requests" not in text)
    ended = standing(calls_left=5, connection=connection(ended_at=NOW))
    assert "more requests" not in text_of(connect.status(ended, NOW).blocks)


def test_options_tell_two_years_of_a_job_apart() -> None:
    made = [
        menus.job_option(
            Job(f"J00012{year}", "Annual accounts and tax of the whole family group", "In Progress", True, "c",
                "Totara Imports and Exports (UK) Limited", None, dt.date(2020 + year, 3, 31))
        )["text"]["text"]
        for year in (6, 7)
    ]  # fmt: skip
    assert made[0].endswith("· In Progress · 31 Mar 26")
    assert made[1].endswith("· In Progress · 31 Mar 27")
    assert "Totara" in made[0]


def test_the_menu_says_that_more_jobs_are_found_by_another_word() -> None:
    some = (Job("J1", "Tax", "Planned", True, "c", "Kea Ltd"),)
    (made,) = _groups([Group("All jobs", some, has_more=True)])
    assert made["label"]["text"] == "All jobs"
    assert "type another word" in made["options"][-1]["text"]["text"]
    assert made["options"][-1]["value"] == menus.MORE
    # No ID can be like it.
    assert job_id_of(menus.MORE) is None


def test_tasks_are_open_ones_first_and_ones_own_are_marked() -> None:
    tasks = (
        Task("t1", "Done", True),
        Task("t2", "Review", False, ("mia",)),
        Task("t3", "Planning", False),
    )
    card = JobCard(Job("J1", "Tax", "Planned", True, "c", "Kea Ltd"), tasks)
    menu = menus.task_menu(entry(job_number="J1"), card, "mia")
    texts = [one["text"]["text"] for one in menu["element"]["options"]]
    assert texts == ["Review (yours)", "Planning", "Done (completed)"]
    assert not menus.are_tasks_of_others(card, "sam")
    only = replace(card, tasks=tasks[:2])
    assert menus.are_tasks_of_others(only, "sam")
    assert not menus.are_tasks_of_others(only, "mia")


def test_several_jobs_found_are_a_list_with_a_button_each_that_slack_takes() -> None:
    many = [Job(f"J{n}", "Tax <return>", "Planned", True, "c", "Kea & Co") for n in range(20)]
    made = job_id.several("kea <!channel>", many)
    is_fine(made)
    assert [one["accessory"]["value"] for one in made.blocks[1:]] == [f"J{n}" for n in range(8)]
    assert "Type another word" in made.text
    assert "Did you mean J0 Tax <return>; J1" in job_id.malformed(many)
