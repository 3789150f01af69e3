"""The message after a call, in each of its states: offered, chosen, sending, waiting, saved, refused, closed."""

import datetime as dt

from handlers.messages import connect, kit, menus, overdue, refusals, remarks, waiting
from handlers.messages.kit import Block, Message
from xpm.choices import (
    NOTE_LIMIT,
    WAITING_FOR_CONNECTION,
    Problem,
    can_recall,
    parse_minutes,
    problems,
)
from xpm.directory import is_open, job_url
from xpm.entry_view import EntryView
from xpm.matching import for_people
from xpm.store.calls import Call
from xpm.store.entries import Act, Difference, Entry, State
from xpm.store.mirror import Job

MINUTES = "post_call.minutes"
NOTE = "post_call.note"
DATE = "post_call.date"
SAVE = "post_call.save"
ENTER_ID = "post_call.enter_job_id"
DISMISS = "post_call.dismiss"
REOPEN = "post_call.reopen"
EDIT = "post_call.edit"
KEEP = "post_call.keep"
UNDO = "post_call.undo"
RECALL = "post_call.recall"
LEAVE = "post_call.leave"
OPEN_IN_XPM = "post_call.open_in_xpm"
CONNECT = connect.BEGIN

_MOST_ASKED = 3

_TEST = (
    "A test sent from `/xpm phones`: nobody called, and nothing of it can be saved in XPM. "
    "A real call looks like this and has *Save time* once a job is chosen."
)
NOT_YOURS = "This is not your call, so nothing was changed."

_PROBLEMS = {
    Problem.NO_JOB: "Choose a job, then save.",
    Problem.NO_TASK: "Choose a task, then save.",
    Problem.TASK_OF_OTHER_JOB: "That task is not on this job. Choose one of the tasks below.",
    Problem.MINUTES: "Minutes are a whole number from 1 to 1440.",
    Problem.NOTE_TOO_LONG: f"The note is longer than {NOTE_LIMIT:,} characters. Shorten it, then save.",
    Problem.UNSURE: "It is not known whether XPM has this time. Look there first, and save only if it is missing.",
    Problem.TEST: "This call is a test: nothing of it can be saved in XPM.",
    Problem.FUTURE: "The date is in the future. Choose today or earlier.",
}


def entry_of_block(block_id: str) -> str:
    """The entry's id out of a block's id; a claim, to be looked up under the clicker."""
    parts = block_id.split(":")
    return parts[1] if len(parts) > 1 else ""


# -- one message, by state -------------------------------------------------------------------------------------------


def message(view: EntryView, now: dt.datetime) -> Message:
    """The entry's message as it stands at `now`."""
    match view.entry.state:
        case State.OFFERED | State.REFUSED:
            return _form(view, now)
        case State.SENDING:
            return _sending(view, now)
        case State.SENT:
            return _sent(view, now)
        case State.NOT_LOGGED:
            return _closed(view, now, "Not logged", "Log it after all")
        case State.REMOVED:
            return _closed(view, now, "Removed", "Log again")


def refused(view: EntryView) -> Message:
    """The sentence that goes to the person alone when XPM refuses."""
    title, what_to_do = refusals.refusal(view)
    return Message(f"{title} {what_to_do}", [kit.section(f"*{title}*\n{what_to_do}")])


def title(view: EntryView) -> str:
    """Who the call was with."""
    call = view.call
    if call is None:
        return "Time without a call"
    if call.is_test:
        return "Test call"
    people = list(dict.fromkeys(party.contact_name for party in call.parties if party.contact_name))
    clients = list(dict.fromkeys(party.client_name for party in call.parties if party.client_name))
    unknown = [_number(party.number, view) for party in call.parties if party.client_uuid is None]
    if not call.parties:
        if call.caller_name:
            return f"Call with {call.caller_name}"
        return (
            f"Call with {listed}"
            if (listed := kit.listed(list(call.numbers)))
            else "Call from a withheld number"
        )
    who = people + unknown if people or unknown else clients[:1]
    firm = f", {clients[0]}" if len(clients) == 1 and clients[0] not in who else ""
    return f"Call with {kit.listed(who)}{firm}"


def _number(number: str, view: EntryView) -> str:
    return for_people(number, view.connection.region if view.connection else "NZ")


def _when(view: EntryView, now: dt.datetime) -> str:
    call, zone = view.call, view.person.time_zone
    if call is None:
        today = now.astimezone(kit.zone(zone)).date()
        return kit.beginning(kit.day(view.entry.date, today))
    direction = "Incoming" if call.direction == "inbound" else "Outgoing"
    if not call.is_answered:
        what = "Voicemail" if call.is_voicemail else "Missed"
        if call.direction == "outbound":
            what = "Not answered"
        return f"{what}, {kit.moment(call.started_at, zone, now)}"
    end = call.ended_at.astimezone(kit.zone(zone))
    ringing = ", ringing included" if call.includes_ringing else ""
    return f"{direction}, {kit.moment(call.started_at, zone, now)} to {end:%H:%M}, {_length(call)}{ringing}"


def _length(call: Call) -> str:
    return f"{call.seconds} s" if call.seconds < 60 else kit.duration((call.seconds + 30) // 60)


def _head(view: EntryView, now: dt.datetime) -> list[Block]:
    clients = list(
        dict.fromkeys(
            p.client_name for p in (view.call.parties if view.call else ()) if p.client_name
        )
    )
    positions = [p.position for p in (view.call.parties if view.call else ()) if p.position]
    lines = [f"*{kit.escape(title(view))}*", kit.escape(_when(view, now))]
    if len(clients) > 1:
        lines.append(f"One of {kit.escape(kit.listed(clients))}")
    elif positions:
        lines[1] += f" · {kit.escape(positions[0])}"
    return [kit.section("\n".join(lines)), *remarks.blocks(view.call)]


# -- the form --------------------------------------------------------------------------------------------------------


def _form(view: EntryView, now: dt.datetime) -> Message:
    entry = view.entry
    blocks = _head(view, now)
    text = f"{title(view)}. {_when(view, now)}."
    trouble = _trouble(view)
    if trouble is not None:
        blocks.append(kit.section(trouble[1]))
        text = f"{trouble[0]} {text}"
    if view.connection is None or view.connection.ended_at is not None:
        said, lines = _not_connected(entry)
        blocks.append(kit.section(f"*{said}*\n{lines}"))
        blocks.append(
            kit.actions(
                f"do:{entry.id}",
                kit.button("Connect", CONNECT, style="primary"),
                kit.button("Don't log", DISMISS, entry.id),
            )
        )
        return Message(f"{said}. {text}", blocks)
    if not view.has_staff:
        email = view.person.email or "your Slack e-mail address"
        lines = (
            f"*You have no staff record in {kit.escape(view.connection.practice)}'s XPM under {kit.escape(email)}*\n"
            f"Time is written under a staff record. Tell {kit.escape(view.connected_by or 'the person')}, "
            "who connected XPM."
        )
        blocks += [
            kit.section(lines),
            kit.actions(f"do:{entry.id}", kit.button("Don't log", DISMISS, entry.id)),
        ]
        return Message(f"You have no staff record in XPM. {text}", blocks)
    blocks += _fields(view)
    buttons = [kit.button("Enter job ID", ENTER_ID, entry.id)]
    if view.call is not None and view.call.is_test:
        blocks.append(kit.context(_TEST))
    elif view.card is not None:
        save = "Save changes" if entry.is_editing else "Save time"
        buttons.insert(0, kit.button(save, SAVE, entry.id, style="primary"))
    if entry.is_editing:
        buttons.append(kit.button("Keep as it was", KEEP, entry.id))
    else:
        buttons.append(kit.button("Don't log", DISMISS, entry.id))
    blocks.append(kit.actions(f"do:{entry.id}", *buttons))
    return Message(text, blocks)


def _not_connected(entry: Entry) -> tuple[str, str]:
    if Problem.DISCONNECTED in problems(entry):
        return (
            "XPM was disconnected",
            "This is not logged. What you chose is kept: connect XPM again, then log it here.",
        )
    return "XPM is not connected", "Connect it, then log this call here."


def _fields(view: EntryView) -> list[Block]:
    entry, card = view.entry, view.card
    blocks: list[Block] = []
    all_clients = {
        p.client_uuid: p.client_name or ""
        for p in (view.call.parties if view.call else ())
        if p.client_uuid
    }
    parties = view.call.parties if view.call and not entry.is_editing else ()
    unknown = dict.fromkeys(party.number for party in parties if party.client_uuid is None)
    # A conference of strangers does not push the job out of sight.
    asked = [*unknown][:_MOST_ASKED]
    blocks += [menus.who_menu(entry, number, _number(number, view)) for number in asked]
    blocks += _said(view)
    if len(all_clients) > 1:
        blocks.append(menus.client_menu(entry, all_clients))
    if not view.has_jobs or (view.call is not None and view.clients and not view.client_has_jobs):
        blocks.append(kit.context(_no_jobs(view)))
    blocks.append(menus.job_menu(entry, card))
    if card is None:
        return blocks
    job = card.job
    blocks.append(kit.context(kit.escape(f"{job.number} · {job.client_name} · {job.state}")))
    # After a refusal XPM's own words say it.
    if not is_open(job.state) and entry.state is not State.REFUSED:
        state = job.state.lower()
        blocks.append(kit.section(f"This job is {kit.escape(state)}: XPM may refuse time on it."))
    if menus.are_tasks_of_others(card, view.staff_uuid):
        blocks.append(
            kit.context(
                "The open tasks of this job are assigned to others: XPM may refuse your time."
            )
        )
    blocks.append(menus.task_menu(entry, card, view.staff_uuid))
    if entry.call_id is None or entry.is_editing:
        blocks.append(
            {
                "type": "input",
                "block_id": f"date:{entry.id}",
                "label": kit.plain("Date"),
                "element": {
                    "type": "datepicker",
                    "action_id": DATE,
                    "initial_date": entry.date.isoformat(),
                },
            }
        )
    blocks.append(kit.text_input(f"minutes:{entry.id}", MINUTES, "Minutes", entry.minutes, most=20))
    blocks.append(
        kit.text_input(
            f"note:{entry.id}",
            NOTE,
            "Note",
            entry.note,
            multiline=True,
            most=NOTE_LIMIT,
            optional=True,
        )
    )
    return blocks


def _said(view: EntryView) -> list[Block]:
    """Whose a number is because somebody here said so, and the way to take that back."""
    said = {(known.e164, known.client_uuid) for known in view.known}
    lines = [
        f"{_number(party.number, view)} is {party.client_name}, as somebody of your practice said here."
        for party in (view.call.parties if view.call else ())
        if (party.number, party.client_uuid) in said
    ]
    if not lines:
        return []
    button = kit.button("Not so: forget it", menus.FORGET, view.entry.id)
    return [kit.section(kit.escape("\n".join(lines)), accessory=button)]


def _no_jobs(view: EntryView) -> str:
    clients = kit.listed([name for _, name in view.clients])
    if not clients:
        return "You have no open jobs in XPM. Type a name or an ID in the menu to find any job."
    verb = "has" if len(view.clients) == 1 else "have"
    rest = (
        "Your own jobs are in the menu; type a name or an ID to find any other."
        if view.has_jobs
        else "Type a name or an ID in the menu to find any job."
    )
    return kit.escape(f"{clients} {verb} no open jobs. {rest}")


def _trouble(view: EntryView) -> tuple[str, str] | None:
    """What stands above the form when it was not saved: (plain text, mrkdwn)."""
    if view.entry.state is State.REFUSED:
        title, what_to_do = refusals.refusal(view)
        return f"{title} {what_to_do}", f"*{title}*\n{what_to_do}"
    sentences = []
    for problem in problems(view.entry):
        if problem is Problem.OTHER_PRACTICE:
            practice = view.connection.practice if view.connection else "another practice"
            sentences.append(f"XPM is now connected to {kit.escape(practice)}. Choose a job there.")
        elif problem in _PROBLEMS:
            sentences.append(_PROBLEMS[problem])
    if not sentences:
        return None
    return f"Not saved yet. {' '.join(sentences)}", f"*Not saved yet*\n{' '.join(sentences)}"


# -- after the choice ------------------------------------------------------------------------------------------------


def _amount(view: EntryView) -> str:
    saved = view.entry.saved
    minutes = parse_minutes(view.entry.minutes) or (saved.minutes if saved else 0)
    return kit.duration(minutes)


def _sending(view: EntryView, now: dt.datetime) -> Message:
    entry = view.entry
    line = waiting.line(entry, _amount(view), view.person.time_zone, now)
    blocks = [*_head(view, now), kit.section(kit.escape(line))]
    buttons = []
    if entry.waiting_for == WAITING_FOR_CONNECTION:
        buttons.append(kit.button("Connect", CONNECT, style="primary"))
    if can_recall(entry, now):
        label = "Keep it" if entry.act is Act.REMOVE else "Edit"
        buttons.append(kit.button(label, RECALL, entry.id))
        if entry.xpm_time_uuid is None:
            buttons.append(kit.button("Don't log", DISMISS, entry.id))
    if buttons:
        blocks.append(kit.actions(f"do:{entry.id}", *buttons))
    return Message(line, blocks)


def _sent(view: EntryView, now: dt.datetime) -> Message:
    entry, saved = view.entry, view.entry.saved
    if saved is None:
        return _closed(view, now, "Saved", "Log again")
    line = (
        f"{kit.duration(saved.minutes)} on {saved.job_number} {saved.job_name} · {saved.task_name}"
    )
    blocks = [
        kit.section(
            f"*{kit.escape(line)}*\n{kit.escape(title(view))} · {kit.escape(_when(view, now))}"
        ),
        *remarks.blocks(view.call),
    ]
    if entry.reason is not None:
        words, what_to_do = refusals.refusal(view)
        blocks.append(kit.section(f"*{words}*\n{what_to_do}"))
    found = overdue.found(entry, view.person.time_zone, now)
    if found is not None:
        blocks.insert(0, kit.section(found))
    today = now.astimezone(kit.zone(view.person.time_zone)).date()
    day = kit.beginning(kit.day(entry.date, today))
    total = (
        f"{day}: {kit.duration(view.minutes_of_day)} on {kit.several(view.entries_of_day, 'call')}"
    )
    note = kit.escape(kit.cut(" ".join(saved.note.split()), 300))
    blocks.append(kit.context("\n".join([note, total] if note else [total])))
    url = job_url(view.card.job) if view.card else job_url(_bare_job(saved.job_number))
    blocks.append(kit.actions(f"do:{entry.id}", *_buttons_of_sent(entry, url)))
    return Message(found.replace("*", "") if found else line, blocks)


def _buttons_of_sent(entry: Entry, url: str) -> list[kit.Element]:
    edit, undo = kit.button("Edit", EDIT, entry.id), kit.button("Undo", UNDO, entry.id)
    leave = kit.button("Leave it so", LEAVE, entry.id)
    open_in_xpm = kit.button("Open in XPM", OPEN_IN_XPM, entry.id, url=url)
    match entry.finding.kind if entry.finding else None:
        case Difference.MISSING:
            again = kit.button("Log again", REOPEN, entry.id, style="primary")
            return [again, kit.button("Leave it out", LEAVE, entry.id)]
        case Difference.CHANGED:
            return [leave, edit]
        case Difference.DOUBLE:
            return [open_in_xpm, leave]
        case _:
            return [edit, undo, open_in_xpm]


def _bare_job(number: str) -> Job:
    return Job(number, "", "", True, None, "")


def _closed(view: EntryView, now: dt.datetime, what: str, again: str) -> Message:
    entry = view.entry
    if what == "Removed":
        number = entry.saved.job_number if entry.saved else entry.job_number
        line = f"Removed: {_amount(view)} on {number}"
    else:
        length = f", {_length(view.call)}" if view.call else ""
        name = title(view)
        line = f"{what}: {name[0].lower()}{name[1:]}{length}"
    blocks = [
        kit.section(f"*{kit.escape(line)}*\n{kit.escape(_when(view, now))}"),
        *remarks.blocks(view.call),
        kit.actions(f"do:{entry.id}", kit.button(again, REOPEN, entry.id)),
    ]
    return Message(line, blocks)
