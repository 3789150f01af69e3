"""/xpm phones: the names that a phone system uses for people, and who stands behind each."""

import datetime as dt
import json
from collections.abc import Sequence

from handlers.messages import kit
from handlers.messages.phone_setups import called
from handlers.messages.phone_systems import SHOW, modal, pager
from xpm.phone_systems import Known, Named
from xpm.standing import Standing

PEOPLE = "phones.people"
PEOPLE_NEXT = "phones.people_next"
WHO = "phones.who"
NAMING = "phones.naming"

PERSON_FIELD = "phones.person"
NOBODY_FIELD = "phones.nobody"

PERSON_BLOCK = "person"
NOBODY_BLOCK = "nobody"

A_PAGE = 40
"""Names on a page; Slack takes 100 blocks a view."""


def listed(
    known: Known,
    people: Sequence[Named],
    standing: Standing,
    now: dt.datetime,
    *,
    page: int = 0,
    said: str = "",
) -> kit.Element:
    """The names of a phone system, those nobody is known for first."""
    system = known.system
    name = called(system)
    pages = max(1, (len(people) + A_PAGE - 1) // A_PAGE)
    page = min(max(page, 0), pages - 1)
    unknown = sum(one.is_unknown for one in people)
    blocks = [kit.section(said), {"type": "divider"}] if said else []
    blocks.append(kit.section(_head(name, len(people), unknown)))
    for one in people[page * A_PAGE : (page + 1) * A_PAGE]:
        label = "Say who this is" if one.is_unknown else "Change"
        value = json.dumps([system.id, one.person.staff], ensure_ascii=False)
        blocks.append(
            kit.section(
                f"*{kit.escape(_called(one))}*\n{kit.escape(_line(one, standing, now))}",
                accessory=kit.button(label, WHO, value),
            )
        )
    blocks += pager(
        page, pages, PEOPLE, PEOPLE_NEXT, lambda number: json.dumps([system.id, number])
    )
    emails = [(who, count) for who, count in standing.nobodys_calls if "@" in who]
    if emails:
        said_so = "; ".join(f"{who} ({kit.several(count, 'call')})" for who, count in emails[:10])
        blocks.append(
            kit.context(
                f"Addresses that nobody in Slack has, this week: {kit.escape(said_so)}. Correct the address at the "
                "phone system or in Slack."
            )
        )
    blocks.append(kit.actions("back", kit.button("Back", SHOW, system.id)))
    return modal(blocks)


def _head(name: str, total: int, unknown: int) -> str:
    name = kit.escape(name)
    if not total:
        return (
            f"*{name} has used no names yet*\n"
            "It names people by their e-mail address, or no call has come. There is nothing to say here."
        )
    if not unknown:
        return f"*Everybody whom {name} names is known*\nTheir calls are asked about."
    verb = "is" if unknown == 1 else "are"
    return (
        f"*{kit.several(unknown, 'name')} of {name} {verb} nobody's*\n"
        "Their calls wait, and nobody is asked. Say who each is; menus and queues are nobody."
    )


def _called(one: Named) -> str:
    person = one.person
    return f"{person.staff} · {person.name}" if person.name else person.staff


def _line(one: Named, standing: Standing, now: dt.datetime) -> str:
    person = one.person
    seen = f"last seen {kit.moment(person.seen_at, standing.time_zone, now)}"
    if person.is_nobody:
        return f"Nobody: a menu or a queue · {seen}"
    parts = [person.email] if person.email else []
    if one.is_unknown:
        if person.email:
            parts = [f"{person.email}, whom nobody in Slack is"]
        if one.waiting:
            parts.append(
                f"{kit.several(one.waiting, 'call')} {'waits' if one.waiting == 1 else 'wait'}"
            )
    return " · ".join([*parts, seen if parts else kit.beginning(seen)])


def naming(known: Known, named: Named, *, said: str = "", initial_user: str = "") -> kit.Element:
    """Asks who stands behind a name."""
    person = named.person
    select: kit.Element = {
        "type": "users_select",
        "action_id": PERSON_FIELD,
        "placeholder": kit.plain("Choose a person"),
    }
    if initial_user:
        select["initial_user"] = initial_user
    nobody = kit.option("Nobody: it is a menu or a queue", "nobody")
    box: kit.Element = {"type": "checkboxes", "action_id": NOBODY_FIELD, "options": [nobody]}
    if person.is_nobody:
        box["initial_options"] = [nobody]
    waits = (
        f" {kit.several(named.waiting, 'call')} of the last week "
        f"{'waits' if named.waiting == 1 else 'wait'} for this."
        if named.waiting
        else ""
    )
    blocks = [kit.section(said)] if said else []
    blocks += [
        kit.section(
            f"*Who is {kit.escape(_called(named))}?*\n"
            f"That is what {kit.escape(called(known.system))} calls somebody.{waits}"
        ),
        {
            "type": "input",
            "block_id": PERSON_BLOCK,
            "optional": True,
            "label": kit.plain("Person in Slack"),
            "element": select,
        },
        {
            "type": "input",
            "block_id": NOBODY_BLOCK,
            "optional": True,
            "label": kit.plain("Or nobody"),
            "element": box,
        },
        kit.context("What you say here stays, whatever the phone system sends."),
        kit.actions("back", kit.button("Back", PEOPLE, json.dumps([known.system.id, 0]))),
    ]
    return modal(
        blocks,
        callback=NAMING,
        submit="Save",
        metadata=metadata(known.system.id, person.staff, state(named)),
    )


def metadata(system_id: str, staff: str, was: str) -> str:
    """What the modal remembers: the name, and what was known of it when it was opened."""
    return json.dumps({"system": system_id, "staff": staff, "was": was}, ensure_ascii=False)


def state(named: Named) -> str:
    """What is known of a name, to see whether somebody else said something meanwhile."""
    person = named.person
    return "nobody" if person.is_nobody else f"is:{person.email or ''}"


def saving() -> kit.Element:
    """What the modal shows while the person's profile is read."""
    return modal([kit.section("Saving …")])


NEITHER = "Choose a person, or tick that it is nobody."
BOTH = "Choose a person or nobody, not both."


def said_person(staff: str, name: str, asked: int) -> str:
    """Who it is, and what becomes of the calls that waited."""
    if asked:
        calls = f"{kit.several(asked, 'call')} that waited {'is' if asked == 1 else 'are'} asked about now."
    else:
        calls = "No call waited for this. The next one is asked about."
    return f"*{kit.escape(staff)} is {kit.escape(name)}*\n{calls}"


def said_nobody(staff: str) -> str:
    """It is nobody."""
    return f"*{kit.escape(staff)} is nobody*\nIts calls are kept, and nobody is asked about them."


def cannot_be(name: str, why: str) -> str:
    """Why a person cannot stand behind a name; `why` is guest, left or no_email."""
    reasons = {
        "guest": "is a guest or an app, and those are not asked about calls. Choose a member of the workspace.",
        "left": "has left the workspace. Choose somebody who is there.",
        "no_email": "has no e-mail address in Slack, and by that the app knows who took a call. Add one first.",
    }
    return f"*Not saved*\n{kit.escape(name)} {reasons[why]}"


def slack_away() -> str:
    """Slack did not say who the person is."""
    return "*Not saved: Slack did not answer*\nNothing was changed. Save again in a minute."


def said_meanwhile(named: Named) -> str:
    """Somebody else said who it is while the modal was open."""
    person = named.person
    now = "nobody" if person.is_nobody else person.email or "not known"
    return (
        f"*Not saved: somebody else changed this meanwhile*\n{kit.escape(person.staff)} is now {kit.escape(now)}. "
        "Save again to have it your way."
    )


def name_gone(staff: str) -> str:
    """The phone system does not use the name any more."""
    return f"*Not saved*\n{kit.escape(staff)} is not among the names any more."
