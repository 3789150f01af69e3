"""/xpm phones: the pages of its modal. The list, one phone system, adding, its secret, removing it."""

import datetime as dt
import json
from collections.abc import Callable, Sequence

from handlers.messages import kit
from handlers.messages.phone_setups import called, reason, set_up
from xpm.phone_systems import Known
from xpm.standing import Standing

ALL = "phones.all"
ALL_NEXT = "phones.all_next"
SHOW = "phones.show"
ADD = "phones.add"
HOW = "phones.how"
NEW_SECRET = "phones.new_secret"  # noqa: S105 (a button)
TEST = "phones.test"
REMOVE = "phones.remove"
REMOVING = "phones.removing"


A_PAGE = 15
"""Phone systems on a page; Slack takes 100 blocks a view."""

_TITLE = "Phone systems"


def modal(
    blocks: list[kit.Block],
    *,
    callback: str = "",
    submit: str = "",
    metadata: str = "",
) -> kit.Element:
    """A page of the modal; one without `submit` has buttons alone."""
    view: kit.Element = {
        "type": "modal",
        "callback_id": callback or "phones.page.plain",
        "title": kit.plain(_TITLE, 24),
        "close": kit.plain("Close", 24),
        "private_metadata": metadata,
        "blocks": blocks,
    }
    if submit:
        view["submit"] = kit.plain(submit, 24)
    return view


def opening() -> kit.Element:
    """What the modal shows for the moment before its facts are read."""
    return modal([kit.section("One moment …")])


def may_not(standing: Standing) -> kit.Element:
    """Says who may see and change phone systems."""
    if standing.connection is not None:
        who = f"{kit.escape(standing.connected_by or 'who connected XPM')} or an admin"
    else:
        who = "an admin"
    return modal(
        [
            kit.section(
                f"*Only {who} of this workspace can see and change the phone systems*\n"
                "Nothing was changed. Calls reach their people as before."
            )
        ]
    )


def gone() -> kit.Element:
    """Says that the phone system a page was about is not there any more."""
    return modal(
        [
            kit.section(
                "*This phone system is not here any more*\n"
                "It was removed meanwhile. Nothing was changed, and its calls are refused."
            ),
            kit.actions("back", kit.button("All phone systems", ALL)),
        ]
    )


def title(known: Known, every: Sequence[Known] = ()) -> str:
    """What people call a phone system; the end of its address where there are several of its name."""
    name = called(known.system)
    same = [one for one in every if called(one.system) == name]
    return f"{name} …{known.system.id[-4:]}" if len(same) > 1 else name


# -- the list --------------------------------------------------------------------------------------------------------


def listed(
    every: Sequence[Known],
    standing: Standing,
    now: dt.datetime,
    *,
    page: int = 0,
    rules_action: str,
    said: str = "",
) -> kit.Element:
    """All phone systems of the practice, each with how it does; `said` is what was done just now."""
    pages = max(1, (len(every) + A_PAGE - 1) // A_PAGE)
    page = min(max(page, 0), pages - 1)
    shown = every[page * A_PAGE : (page + 1) * A_PAGE]
    blocks = [kit.section(said)] if said else []
    if not every:
        blocks.append(
            kit.section(
                "*No phone system is here yet*\n"
                "Calls reach the app once a phone system tells of them. Add the one you have."
            )
        )
    for known in shown:
        name = title(known, every)
        blocks += [
            {"type": "divider"},
            kit.section(
                "\n".join([f"*{kit.escape(name)}*", *how_it_does(known, standing.time_zone, now)]),
                accessory=kit.button(f"Open {name}", SHOW, known.system.id),
            ),
        ]
    if shown:
        blocks.append({"type": "divider"})
    blocks.append(
        kit.actions(
            "all",
            kit.button("Add a phone system", ADD, style="primary"),
            kit.button("Which calls are asked about", rules_action),
        )
    )
    blocks += pager(page, pages, ALL, ALL_NEXT, str)
    return modal(blocks)


def how_it_does(known: Known, time_zone: str, now: dt.datetime) -> list[str]:
    """When its last call came, what it was refused for, and whom it names that nobody knows."""
    system, name = known.system, called(known.system)
    lines = []
    if not known.has_secret and set_up(system).secret:
        lines.append(
            f"Its secret is missing: calls are refused until you enter it. {name} makes it."
        )
    elif not known.has_secret:
        lines.append("Its secret cannot be opened any more: calls are refused. Make a new one.")
    if system.last_call_at is None:
        added = kit.moment(system.created_at, time_zone, now)
        lines.append(f"No call yet. Added {added}.")
    else:
        lines.append(f"Last call {kit.moment(system.last_call_at, time_zone, now)}.")
    if system.refused_at is not None:
        at = kit.moment(system.refused_at, time_zone, now)
        why = reason(system.refused_why or "", name)
        lines.append(f"Refused {at}: {kit.escape(why)}")
    if known.unknown_names:
        verb = "is" if known.unknown_names == 1 else "are"
        lines.append(
            f"{kit.several(known.unknown_names, 'name')} {verb} nobody's: their calls wait for you to say who that is."
        )
    return lines


def pager(
    page: int, pages: int, back: str, forth: str, value: Callable[[int], str]
) -> list[kit.Block]:
    """The way to the other pages of a long list; none when there is one."""
    if pages == 1:
        return []
    buttons = []
    if page > 0:
        buttons.append(kit.button("Earlier ones", back, value(page - 1)))
    if page + 1 < pages:
        buttons.append(kit.button("More", forth, value(page + 1)))
    return [kit.context(f"Page {page + 1} of {pages}"), kit.actions("pager", *buttons)]


# -- one phone system ------------------------------------------------------------------------------------------------


def one(
    known: Known, standing: Standing, now: dt.datetime, *, people_action: str, said: str = ""
) -> kit.Element:
    """One phone system: how it does, its address, and what can be done with it."""
    system = known.system
    blocks = [kit.section(said), {"type": "divider"}] if said else []
    is_asked = set_up(system).secret and not known.has_secret
    secret = "Enter its secret" if is_asked else "New secret"
    blocks += [
        kit.section(
            "\n".join(
                [
                    f"*{kit.escape(called(system))}*",
                    *how_it_does(known, standing.time_zone, now),
                ]
            )
        ),
        kit.section(f"Its address:\n`{known.address}`"),
        kit.actions(
            "one",
            kit.button("Send a test call", TEST, system.id),
            kit.button("Names", people_action, json.dumps([system.id, 0])),
            kit.button("How to set it up", HOW, system.id),
            kit.button(secret, NEW_SECRET, system.id),
            kit.button("Remove", REMOVE, system.id, style="danger"),
        ),
        kit.context(
            "A test call comes to you alone, as a message marked as a test. Nothing of it can be saved in XPM. It "
            "tries the way from here to you; a call of your own tries the way from the phone system."
        ),
        kit.actions("back", kit.button("All phone systems", ALL)),
    ]
    return modal(blocks)


def test_sent() -> str:
    """A test call is on its way."""
    return (
        "*A test call is on its way to you*\n"
        "It comes as a message in a few seconds. Nothing of it can be saved in XPM."
    )


def no_email() -> str:
    """Why no test call can come to this person."""
    return (
        "*No test call was sent*\nYour Slack profile has no e-mail address, and by that the app knows who took a call. "
        "Add one in Slack, then send it again."
    )


# -- removing --------------------------------------------------------------------------------------------------------


def removing(known: Known, waiting: int) -> kit.Element:
    """Asks once more, and says what becomes of its calls."""
    name = called(known.system)
    lines = [
        f"*Remove {name}?*",
        "• Calls it told of already stay: their messages can still be saved, edited and undone.",
        "• What it sends from now on is refused, late comments and recordings as well. Its address and its secret end "
        "for good: added again, it gets others.",
        "• Who its names are is forgotten.",
    ]
    if waiting:
        calls = kit.several(waiting, "call")
        lines.append(
            f"• {calls} of the last week {'waits' if waiting == 1 else 'wait'} for you to say who took "
            f"{'it' if waiting == 1 else 'them'}: nobody is asked any more."
        )
    lines.append(f"Switch it off in {name} as well, or it goes on trying.")
    return modal(
        [
            kit.section("\n".join(lines)),
            kit.context(f"Its address: `{known.address}`"),
            kit.actions("back", kit.button("Back", SHOW, known.system.id)),
        ],
        callback=REMOVING,
        submit="Remove",
        metadata=json.dumps({"system": known.system.id}),
    )


def removed(name: str) -> str:
    """It is gone."""
    return (
        f"*{name} is removed*\nWhat it sends from now on is refused. Switch it off there as well."
    )
