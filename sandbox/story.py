"""The story, step by step, through the HTTP doors: each step is a sentence and a check that can fail.

`make play` prints it; a test plays it as well.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from sandbox.visitor import Json, NotThere, Visitor, address_of, has_button, text_of
from sandbox.world import World

JOB = "post_call.job"
TASK = "post_call.task"


class NotAsTold(Exception):
    """A step did not go as the story tells it."""


def ensure(claim: object, otherwise: str) -> None:
    """Raises NotAsTold unless the claim is true."""
    if not claim:
        raise NotAsTold(otherwise)


@dataclass
class Stage:
    """The world with the people of the story, and what they hold from step to step."""

    world: World
    sam: Visitor
    mia: Visitor
    notes: dict[str, str] = field(default_factory=dict)

    async def call(
        self, user: str = "mia@example.com", number: str | None = "+64215550123", **more: object
    ) -> Json:
        """A call ends; the telephone tells the app. Answers what the app said."""
        body: Json = {
            "user_email": user,
            "external_number": number,
            "direction": "inbound",
            "answered": True,
            "talk_seconds": 720,
            "ring_seconds": 8,
            **more,
        }
        return await self.sam.post(f"{self.world.telephone}/calls", body)

    async def practice(self) -> Json:
        """What the practice holds."""
        return await self.sam.get(f"{self.world.practice}/sandbox/state")

    async def times(self) -> list[Json]:
        """The times in XPM, newest first."""
        found: list[Json] = (await self.practice())["times"]
        return found

    async def fault(
        self, kind: str, on: str = "time.api/add", times: int = 1, seconds: float = 1.0
    ) -> None:
        """Makes XPM fail."""
        body = {"kind": kind, "on": on, "times": times, "seconds": seconds}
        await self.sam.post(f"{self.world.practice}/sandbox/faults", body)

    async def job_becomes(self, number: str, state: str) -> None:
        """Changes a job's state in XPM."""
        await self.sam.post(f"{self.world.practice}/sandbox/jobs/{number}/state", {"state": state})


async def option(person: Visitor, message: Json, number: str, typed: str = "") -> Json:
    """An option of the job menu. Raises NotAsTold when the menu does not offer that job."""
    for group in await person.options(message, JOB, typed):
        for one in group["options"]:
            if one["value"] == number:
                found: Json = one
                return found
    raise NotAsTold(f"the job menu does not offer {number}")


async def choose(person: Visitor, message: Json, number: str, *words: str) -> Json:
    """Chooses a job of the menu; the message as it is afterwards."""
    await person.choose(message, JOB, await option(person, message, number))
    return await person.message(number, "Minutes", *words)


# -- the steps -------------------------------------------------------------------------------------------------------


async def help_is_there(stage: Stage) -> None:
    """Sam types /xpm and /xpm help, and reads what the app does, what is connected and what to type."""
    for typed in ("/xpm", "/xpm help"):
        await stage.sam.type(typed)
        said = await stage.sam.message("time in Xero Practice Manager")
        ensure("/xpm connect" in text_of(said) and "not connected" in text_of(said), text_of(said))
    await stage.sam.type("/xpm frobnicate")
    await stage.sam.message("There is no `/xpm frobnicate`")


async def forms_need_a_connection(stage: Stage) -> None:
    """Before anything is connected, /xpm log and /xpm job say so and offer to connect."""
    for typed in ("/xpm log", "/xpm job J000123", "/xpm sync"):
        before = len((await stage.sam.see())["messages"])
        await stage.sam.type(typed)
        said = await stage.sam.until(partial(_newer, before), f"answer to {typed}")
        ensure("not connected" in text_of(said) and has_button(said[-1], "Connect"), text_of(said))


def _newer(before: int, seen: Json) -> list[Json]:
    found: list[Json] = seen["messages"][before:]
    return found


async def fresh_link(person: Visitor) -> str:
    """Types /xpm connect and waits for a link that was not there before, for this person alone."""

    def links(seen: Json) -> list[str]:
        return [
            address_of(one, "Connect")
            for one in seen["messages"]
            if one["ephemeral"] and "works once, until" in text_of(one)
        ]

    before = len(links(await person.see()))
    await person.type("/xpm connect")
    found: list[str] = await person.until(lambda seen: links(seen)[before:], "fresh link")
    return found[-1]


async def connects(stage: Stage) -> None:
    """Sam types /xpm connect, opens the link, signs in with Google, allows access at Xero, and is connected."""
    stage.notes["link"] = await fresh_link(stage.sam)
    status, where, html = await stage.sam.open(stage.notes["link"])
    ensure(status == 200 and "Kea Accounting" in html and "sam@example.com" in html, html)
    ensure(stage.notes["link"] not in where, "the link's secret stays in the address bar")
    status, where, html = await stage.sam.follow(where, html, "Sign in with Google")
    status, where, html = await stage.sam.fill(where, html, person="sam")
    ensure(status == 200 and "wants access" in html, f"no consent page ({status})")
    status, where, html = await stage.sam.fill(where, html, practice=KEA, answer="allow")
    ensure(status == 200 and "Connected to Kea Accounting" in html, html)
    ensure("Back to Slack" in html and "code=" not in where, f"the last address is {where}")


async def others_cannot_connect(stage: Stage) -> None:
    """Whoever signs in as somebody else, hides the address or uses a personal account is told so and not connected."""
    _, start, choose = await stage.sam.open(await fresh_link(stage.sam))
    for label, person, sentence in (
        ("Google", "mia", "You signed in as mia@example.com"),
        ("Google", "sam-unverified", "That address is not proven"),
        ("Microsoft", "sam-edov-false", "That address is not proven"),
        ("Apple", "sam-relay", "Apple hides your address"),
    ):
        _, where, html = await stage.sam.follow(start, choose, f"Sign in with {label}")
        status, where, html = await stage.sam.fill(where, html, person=person)
        if label == "Apple":
            status, where, html = await stage.sam.fill(where, html)
        ensure(status == 200 and sentence in html, f"{label} as {person}: {status} {html}")
    _, _, html = await stage.sam.follow(start, choose, "password only")
    ensure("Xero asks for Google, Microsoft or Apple sign-in" in html, html)


async def is_asked_which_practice(stage: Stage) -> None:
    """Sam allows two practices at Xero, is asked which one, cancels, and Xero has nothing of either."""
    _, where, html = await stage.sam.sign_in(await fresh_link(stage.sam))
    status, where, html = await stage.sam.fill(where, html, practice=[KEA, TUI], answer="allow")
    ensure(status == 200 and "Which practice?" in html, f"no question ({status}) {html}")
    for name in ("Kea Accounting", "Tui Advisory"):
        ensure(f"Connect {name}" in html, f"{name} is missing: {html}")
    status, where, html = await stage.sam.fill(where, html, answer="cancel")
    ensure(status == 200 and "You chose no practice" in html, f"{status} {html}")
    ensure((await stage.practice())["connections"] == [], "Xero still has a connection")


KEA = "11111111-1111-4111-8111-111111111111"
TUI = "22222222-2222-4222-8222-222222222222"


async def link_works_once(stage: Stage) -> None:
    """The same link again, and a forged one, say so and what to do."""
    status, _, html = await stage.sam.open(stage.notes["link"])
    ensure(status == 410 and "used already" in html and "/xpm connect" in html, f"{status}")
    status, _, html = await stage.sam.open(
        f"{stage.world.app}/connect/forged-and-quite-long-enough"
    )
    ensure(status == 404 and "does not work" in html, f"{status}")


async def downloads(stage: Stage) -> None:
    """A direct message says Connected, and shows the download up to "In sync", in one message."""
    said = await stage.sam.message("Connected to Kea Accounting", "In sync:", seconds=15)
    ensure(" 8 staff" in text_of(said), text_of(said))
    seen = await stage.sam.see()
    count = sum("Connected to Kea Accounting" in text_of(one) for one in seen["messages"])
    ensure(count == 1, f"said {count} times")


async def home_says_connected(stage: Stage) -> None:
    """App Home shows Connected, the practice, who connected it and when, the last sync, and the buttons."""
    await stage.sam.do("home", tab="home")
    home = await stage.sam.home("Connected to Kea Accounting", "By Sam Rivers", "Last sync")
    ensure(has_button(home, "Sync now") and has_button(home, "Disconnect"), "buttons are missing")


async def call_is_offered(stage: Stage) -> None:
    """A call with Ana Example ends; within a second Mia has a message with a filled job menu."""
    began = time.monotonic()
    answer = await stage.call()
    ensure(answer["status"] == 202, f"the app answered {answer}")
    message = await stage.mia.message("Call with Ana Example", seconds=5)
    took = time.monotonic() - began
    ensure(took < 1.0, f"it took {took:.2f} s")
    said = text_of(message)
    # Just after Mia's midnight the call began yesterday.
    ensure("Incoming, today" in said or "Incoming, yesterday" in said, said)
    ensure("12 min" in said, said)
    groups = await stage.mia.options(message, JOB)
    labels = [group["label"] for group in groups]
    ensure(
        {"Jobs of Huia Trust", "Jobs of Kea Ltd"} <= set(labels), f"the menu's groups are {labels}"
    )
    ensure(labels[-1].startswith("Your jobs"), f"the menu's groups are {labels}")
    narrowed = await stage.mia.options(message, JOB, "gst")
    found = [one["value"] for group in narrowed for one in group["options"]]
    ensure("J000124" in found and "J000123" not in found, f"typing gst shows {found}")


async def time_is_saved(stage: Stage) -> None:
    """Mia chooses job and task, corrects minutes and note, saves; XPM has exactly one time, and the message says so."""
    message = await stage.mia.message("Call with Ana Example")
    message = await choose(stage.mia, message, "J000123", "Task", "Note")
    ensure("Kea Ltd · In Progress" in text_of(message), text_of(message))
    ensure(has_button(message, "Save time"), "there is no Save time")
    task = next(one for one in _tasks(message) if one["text"]["text"] == "Individual tax")
    fields = {"task": task["value"], "minutes": "12", "note": "Call with Ana <about> GST & tax 😀"}
    await stage.mia.press(message, "Save time", fields=fields)
    saved = await stage.mia.message("12 min on J000123 Tax return 2026 · Individual tax")
    ensure(
        all(has_button(saved, label) for label in ("Edit", "Undo", "Open in XPM")),
        "buttons are missing",
    )
    # "Yesterday" just after Mia's midnight.
    ensure("day: 12 min on 1 call" in text_of(saved), text_of(saved))
    times = await stage.times()
    ensure(len(times) == 1 and times[0]["minutes"] == 12, f"XPM has {times}")
    ensure(
        times[0]["note"] == "Call with Ana <about> GST & tax 😀",
        f"the note is {times[0]['note']!r}",
    )
    await stage.mia.press(message, "Save time", fields=fields)
    await asyncio.sleep(0.3)
    ensure(len(await stage.times()) == 1, "a second click wrote a second time")


def _tasks(message: Json) -> list[Json]:
    for block in message["blocks"]:
        if block.get("type") == "input" and block["element"]["action_id"] == TASK:
            found: list[Json] = block["element"]["options"]
            return found
    raise NotAsTold("there is no task menu")


async def time_is_edited(stage: Stage) -> None:
    """Mia edits the saved time; XPM has the same time with the new minutes."""
    saved = await stage.mia.message("12 min on J000123 Tax return 2026")
    before = (await stage.times())[0]["uuid"]
    await stage.mia.press(saved, "Edit")
    form = await stage.mia.message("Save changes", "Keep as it was")
    await stage.mia.press(form, "Save changes", fields={"minutes": "18"})
    await stage.mia.message("18 min on J000123 Tax return 2026")
    times = await stage.times()
    ensure(
        len(times) == 1 and times[0]["uuid"] == before and times[0]["minutes"] == 18,
        f"XPM has {times}",
    )


async def time_is_undone(stage: Stage) -> None:
    """Mia presses Undo; the time is gone from XPM, and Log again opens the form with what she chose."""
    saved = await stage.mia.message("18 min on J000123 Tax return 2026")
    await stage.mia.press(saved, "Undo")
    removed = await stage.mia.message("Removed: 18 min on J000123")
    ensure(await stage.times() == [], "the time is still in XPM")
    await stage.mia.press(removed, "Log again")
    form = await stage.mia.message("Save time", "J000123")
    await stage.mia.press(form, "Save time")
    await stage.mia.message("18 min on J000123 Tax return 2026")
    ensure(len(await stage.times()) == 1, "XPM does not have exactly one time")


async def job_is_found_by_id(stage: Stage) -> None:
    """A job that is not in the menu is found by its exact ID; a wrong ID gets a sentence under the field."""
    await stage.call(number="+6495550177")
    message = await stage.mia.message("Moa Farms", "no open jobs")
    await stage.mia.press(message, "Enter job ID")
    modal = await stage.mia.modal("Job ID")
    await stage.mia.submit(modal, {"job_id": "tax return"})
    modal = await stage.mia.modal("A job ID looks like J000123.")
    for wrong in ("J999999", "J000900"):
        await stage.mia.submit(modal, {"job_id": wrong})
        modal = await stage.mia.modal(f"No job {wrong} in Kea Accounting.")
        ensure(wrong in text_of(modal["view"]), "what was typed is gone")
    await stage.mia.submit(modal, {"job_id": "j000140"})
    modal = await stage.mia.modal("J000140", "Moa Farms", "Completed", "may refuse")
    await stage.mia.submit(modal)
    message = await stage.mia.message(
        "Moa Farms", "J000140", "This job is completed: XPM may refuse time on it."
    )
    ensure((await stage.mia.see())["modals"] == [], "the modal is still open")


async def refusal_reaches_the_person(stage: Stage) -> None:
    """XPM refuses; Mia reads its words beside the message, which keeps everything and can be saved again."""
    message = await stage.mia.message("Moa Farms", "J000140")
    task = _tasks(message)[0]
    fields = {"task": task["value"], "minutes": "7", "note": "About the farm"}
    await stage.mia.press(message, "Save time", fields=fields)

    def told(seen: Json) -> Json | None:
        found = [
            one for one in seen["messages"] if one["ephemeral"] and "Not saved" in text_of(one)
        ]
        return found[-1] if found else None

    beside = await stage.mia.until(told, "ephemeral message with the refusal")
    ensure("XPM says “" in text_of(beside) and "reopen" in text_of(beside), text_of(beside))
    message = await stage.mia.message("Moa Farms", "Not saved: XPM says")
    said = text_of(message)
    ensure("About the farm" in said and "J000140" in said and "7" in said, said)
    ensure(has_button(message, "Save time"), "it cannot be saved again")
    await stage.job_becomes("J000140", "In Progress")
    await stage.mia.press(message, "Save time", fields=fields)
    await stage.mia.message("7 min on J000140 Farm accounts 2025")


async def other_refusals(stage: Stage) -> None:
    """A person who is not on the job, and a job that completes while the menu is open, are told in XPM's own words."""
    await stage.call(number="+6495550100", talk_seconds=360)
    message = await stage.mia.message("Call with Kea Ltd", "6 min")
    message = await choose(stage.mia, message, "J000132")
    await stage.mia.press(message, "Save time", fields={"task": _tasks(message)[0]["value"]})
    message = await stage.mia.message("Call with Kea Ltd", "Not saved", "not assigned")
    await stage.job_becomes("J000124", "Completed")
    message = await choose(stage.mia, message, "J000124")
    await stage.mia.press(message, "Save time", fields={"task": _tasks(message)[0]["value"]})
    message = await stage.mia.message("Call with Kea Ltd", "Not saved", "completed")
    await stage.job_becomes("J000124", "In Progress")


async def bad_fields_are_told(stage: Stage) -> None:
    """Minutes that are no whole number from 1 to 1440 are said to be so, and what was typed stays."""
    message = await stage.mia.message("Call with Kea Ltd", "Not saved")
    for wrong in ("0", "1441", "ten", "1.5", ""):
        await stage.mia.press(message, "Save time", fields={"minutes": wrong, "note": "kept text"})
        message = await stage.mia.message("Minutes are a whole number from 1 to 1440.", "kept text")
    await stage.mia.press(message, "Save time", fields={"minutes": "6"})
    await stage.mia.message("6 min on J000124 GST return")


async def call_is_not_logged(stage: Stage) -> None:
    """Don't log closes the message; it can be reopened."""
    await stage.call(number="+61255501234", direction="outbound", talk_seconds=95)
    message = await stage.mia.message("Weka Builders", "Outgoing")
    await stage.mia.press(message, "Don't log")
    closed = await stage.mia.message("Not logged: call with", "Weka Builders")
    await stage.mia.press(closed, "Log it after all")
    message = await stage.mia.message("Weka Builders", "Don't log")
    await stage.mia.press(message, "Don't log")
    await stage.mia.message("Not logged")


async def looks_at_a_job(stage: Stage) -> None:
    """/xpm job shows a job, its state and tasks; a wrong ID gets a sentence."""
    await stage.mia.type("/xpm job J000123")
    await stage.mia.message(
        "J000123 Tax return 2026", "Kea Ltd · In Progress", "Open tasks", "Open in XPM"
    )
    await stage.mia.type("/xpm job J999999")
    await stage.mia.message("No job J999999 in Kea Accounting.")
    await stage.mia.type("/xpm job")
    await stage.mia.message("Type the job's ID or name as well")


async def asks_for_status(stage: Stage) -> None:
    """/xpm status shows the connection, the last sync and the queue; /xpm sync syncs now."""
    await stage.sam.type("/xpm status")
    await stage.sam.message(
        "Connected to Kea Accounting", "Last sync today", "Nothing is waiting to be saved."
    )
    await stage.sam.type("/xpm sync")
    await stage.sam.message("Syncing with XPM now")


async def logs_without_a_call(stage: Stage) -> None:
    """/xpm log opens the same form with no call; a date in the future is refused before XPM is asked."""
    await stage.mia.type("/xpm log")
    message = await stage.mia.message("Time without a call")
    message = await choose(stage.mia, message, "J000125", "Date")
    fields = {
        "task": _tasks(message)[0]["value"],
        "minutes": "30",
        "note": "Reading the deed",
        "date": "2099-01-01",
    }
    await stage.mia.press(message, "Save time", fields=fields)
    message = await stage.mia.message("The date is in the future", "Reading the deed")
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    await stage.mia.press(message, "Save time", fields={**fields, "date": today})
    await stage.mia.message("30 min on J000125 Trust accounts 2026")


async def waits_while_xpm_is_away(stage: Stage) -> None:
    """XPM takes no time just now: Mia reads that her minutes are safe; when it does again they are saved, once."""
    await stage.call(number="+6495550100", talk_seconds=300)
    message = await stage.mia.message("Call with Kea Ltd", "5 min", "Choose a job")
    message = await choose(stage.mia, message, "J000123")
    before = len(await stage.times())
    await stage.fault("rate", "time.api/add", times=1)
    await stage.mia.press(message, "Save time", fields={"task": _tasks(message)[0]["value"]})
    await stage.mia.message("Your 5 min on J000123 are safe")
    await stage.mia.message("5 min on J000123 Tax return 2026", seconds=20)
    ensure(len(await stage.times()) == before + 1, "XPM does not have exactly one more time")


async def cut_write_is_found(stage: Stage) -> None:
    """The line is cut just after XPM wrote the time: the app looks instead of sending again, and finds it."""
    await stage.call(number="+6495550100", talk_seconds=540)
    message = await stage.mia.message("Call with Kea Ltd", "9 min", "Choose a job")
    message = await choose(stage.mia, message, "J000123")
    before = len(await stage.times())
    await stage.fault("cut_after")
    await stage.mia.press(message, "Save time", fields={"task": _tasks(message)[0]["value"]})
    await stage.mia.message("Saving 9 min on J000123")
    await stage.mia.message("9 min on J000123 Tax return 2026", seconds=25)
    ensure(len(await stage.times()) == before + 1, "XPM does not have exactly one more time")


async def unknown_people_are_listed(stage: Stage) -> None:
    """A call of somebody nobody knows is accepted, kept, and listed in /xpm status for Sam, not for Mia."""
    answer = await stage.call(user="nobody@example.com")
    ensure(answer["status"] == 202, f"the app answered {answer}")
    await asyncio.sleep(0.5)
    await stage.sam.type("/xpm status")
    await stage.sam.message("nobody@example.com: 1 call")
    await stage.mia.type("/xpm status")
    said = await stage.mia.message("Connected to Kea Accounting", "Last sync")
    ensure("nobody@example.com" not in text_of(said), "Mia reads what concerns Sam")


async def phone_system_is_set_up(stage: Stage) -> None:
    """Sam adds VXT in /xpm phones, sees its secret once, sends a test call, and is told of VXT's first call."""
    sam = stage.sam
    await stage.mia.type("/xpm phones")
    await stage.mia.modal("Only Sam Rivers or an admin")
    await sam.type("/xpm phones")
    page = await sam.modal("Add a phone system")
    await sam.press_modal(page, "Add a phone system")
    page = await sam.modal("Which phone system do you have?")
    await sam.submit(page, {"system": "vxt"})
    said = text_of((await sam.modal("VXT is added", "shown this once"))["view"])
    address, secret = (
        re.findall(words, said)[0] for words in (r"`(http\S+/vxt/\S+)`", r"this once:\s+`(\S+)`")
    )
    told = {"kind": "vxt", "url": address, "secret": secret}
    await sam.post(f"{stage.world.telephone}/sandbox/address", told)
    await stage.call(system="vxt", talk_seconds=300)
    await sam.press_modal(await sam.modal("VXT is added"), "Done")
    page = await sam.modal("Last call today", "Send a test call")
    ensure(secret not in text_of(page["view"]), "the secret is shown twice")
    times = await stage.times()
    await sam.press_modal(page, "Send a test call")
    page = await sam.modal("A test call is on its way")
    test = await sam.message("Test call", "nothing of it can be saved in XPM")
    ensure(not has_button(test, "Save time"), "a test call can be saved")
    ensure(await stage.times() == times, "a test call reached XPM")
    await sam.press_modal(page, "Remove")
    await sam.submit(await sam.modal("Remove VXT?", "can still be saved"))
    page = await sam.modal("VXT is removed")
    answer = await stage.call(system="vxt", talk_seconds=300)
    ensure(answer["statuses"] == [404], f"answered {answer['statuses']} after it was removed")
    await sam.do("close", view_id=page["id"])


async def forged_calls_do_nothing(stage: Stage) -> None:
    """A forged or late call is answered 401, a broken one 400, a huge one 413, and nothing happens."""
    raw = f"{stage.world.telephone}/calls/raw"
    call = {"user_email": "mia@example.com", "external_number": "+64215550123", "direction": "inbound",
            "answered": True, "talk_seconds": 600}  # fmt: skip
    for body, wanted in (
        ({"call": call, "bad_signature": True}, 401),
        ({"call": call, "timestamp_offset": -3600}, 401),
        ({"body": "{"}, 400),
        ({"body": "x" * 300_000}, 413),
    ):
        answer = await stage.sam.post(raw, body)
        ensure(answer["status"] == wanted, f"answered {answer['status']}, not {wanted}")


async def disconnects(stage: Stage) -> None:
    """Sam types /xpm disconnect and confirms once more; the connection is gone at Xero and here, and it says so."""
    await stage.sam.type("/xpm disconnect")
    modal = await stage.sam.modal("Disconnect Kea Accounting?", "forgotten", "kept")
    await stage.sam.submit(modal)
    await stage.sam.modal("Disconnected from Kea Accounting")
    await stage.sam.message("Disconnected from Kea Accounting")
    await stage.sam.home("Not connected")
    ensure((await stage.practice())["connections"] == [], "Xero still has the connection")


async def nothing_works_unconnected(stage: Stage) -> None:
    """Afterwards everything that needs XPM says that it is not connected and offers to connect."""
    await stage.call(number="+64215550123", talk_seconds=200)
    message = await stage.mia.message("XPM is not connected", "021 555 0123")
    ensure(has_button(message, "Connect"), "it does not offer to connect")
    await stage.mia.type("/xpm log")
    await stage.mia.message("XPM is not connected")


async def nothing_was_refused_by_slack(stage: Stage) -> None:
    """In all this Slack refused none of the app's answers, messages and modals."""
    log = await stage.sam.get(f"{stage.world.page}/client/calls")
    ensure(log["refusals"] == [], f"refused: {log['refusals']}")
    bad = [
        one
        for one in log["calls"]
        if not one["ok"] and one["error"] not in ("ratelimited", "users_not_found")
    ]
    ensure(bad == [], f"refused: {bad}")


Step = Callable[[Stage], Awaitable[None]]

STEPS: tuple[Step, ...] = (
    help_is_there,
    forms_need_a_connection,
    others_cannot_connect,
    is_asked_which_practice,
    connects,
    link_works_once,
    downloads,
    home_says_connected,
    call_is_offered,
    time_is_saved,
    time_is_edited,
    time_is_undone,
    job_is_found_by_id,
    refusal_reaches_the_person,
    other_refusals,
    bad_fields_are_told,
    call_is_not_logged,
    looks_at_a_job,
    asks_for_status,
    logs_without_a_call,
    waits_while_xpm_is_away,
    cut_write_is_found,
    unknown_people_are_listed,
    phone_system_is_set_up,
    forged_calls_do_nothing,
    disconnects,
    nothing_works_unconnected,
    nothing_was_refused_by_slack,
)


async def play(world: World, say: Callable[[str], None]) -> bool:
    """Plays every step in order and says each as a sentence; stops at the first that is not as told."""
    async with world.visitor("U0SAM") as sam, world.visitor("U0MIA") as mia:
        stage = Stage(world, sam, mia)
        for step in STEPS:
            sentence = (step.__doc__ or step.__name__).strip()
            began = time.monotonic()
            try:
                await step(stage)
            except (NotAsTold, NotThere) as error:
                say(f"✗ {sentence}\n  {error}")
                return False
            say(f"✓ {sentence} ({time.monotonic() - began:.1f} s)")
    return True
