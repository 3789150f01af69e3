"""/xpm phones: who stands behind the names that a phone system uses."""

import asyncio
from typing import Any

from handlers.asked import Asked
from handlers.connect import ANSWER_FIRST
from handlers.messages import phone_people as messages
from handlers.messages import phone_systems as system_messages
from handlers.messages.kit import Element
from handlers.phone_pages import Turn, errors, instead, show
from handlers.slack import SlackRefused
from xpm.api import TryLater
from xpm.phone_systems import Known, Named
from xpm.store.workspaces import Person


async def listed(turn: Turn) -> Element:
    """The names of a phone system; the button says of which, and which page of them."""
    system_id, page = _two(turn.values)
    return await _listed(turn, str(system_id), page if isinstance(page, int) else 0)


async def _listed(turn: Turn, system_id: str, page: int = 0, said: str = "") -> Element:
    services = turn.asked.services
    known = await services.phone_systems.one(turn.workspace_id, system_id)
    if known is None:
        return system_messages.gone()
    people = await services.phone_systems.people(turn.workspace_id, system_id)
    return messages.listed(known, people, turn.standing, services.clock(), page=page, said=said)


async def ask(turn: Turn) -> Element:
    """Asks who stands behind a name, with whom it is now."""
    system_id, staff = _two(turn.values)
    known, named = await _named(turn, str(system_id), str(staff))
    if known is None:
        return system_messages.gone()
    if named is None:
        return await _listed(turn, known.system.id, said=messages.name_gone(str(staff)))
    person = None
    if named.person.email:
        person = await turn.asked.services.people.known_by_email(
            turn.workspace_id, named.person.email
        )
    return messages.naming(known, named, initial_user=person.slack_user_id if person else "")


def _two(values: list[Any]) -> tuple[Any, Any]:
    return (values[0], values[1]) if len(values) == 2 else ("", "")


async def _named(turn: Turn, system_id: str, staff: str) -> tuple[Known | None, Named | None]:
    services = turn.asked.services
    known = await services.phone_systems.one(turn.workspace_id, system_id)
    if known is None:
        return None, None
    people = await services.phone_systems.people(turn.workspace_id, system_id)
    return known, next((one for one in people if one.person.staff == staff), None)


def _chosen(turn: Turn) -> tuple[str, bool]:
    """The person chosen, and whether "nobody" is ticked."""
    person = turn.field(messages.PERSON_BLOCK, messages.PERSON_FIELD) or {}
    box = turn.field(messages.NOBODY_BLOCK, messages.NOBODY_FIELD) or {}
    return str(person.get("selected_user") or ""), bool(box.get("selected_options"))


async def submitted(turn: Turn) -> dict[str, Any]:
    """The ack: a sentence under the field, or "Saving …" while the person's profile is read."""
    user, is_nobody = _chosen(turn)
    if not user and not is_nobody:
        return errors(**{messages.PERSON_BLOCK: messages.NEITHER})
    if user and is_nobody:
        return errors(**{messages.NOBODY_BLOCK: messages.BOTH})
    return instead(messages.saving())


async def save(asked: Asked) -> None:
    """Says who it is once the person's profile is known, and shows what becomes of the calls that waited."""
    standing = await asked.services.standings.of(asked.person)
    turn = Turn(asked, standing)
    user, is_nobody = _chosen(turn)
    if not standing.may_mend or bool(user) == is_nobody:
        return
    shown, _ = await asyncio.gather(_saved(turn, user), asyncio.sleep(ANSWER_FIRST))
    await show(asked, str(asked.body["view"]["id"]), shown)


async def _saved(turn: Turn, user: str) -> Element:
    services, by = turn.asked.services, turn.asked.person.slack_user_id
    staff = str(turn.metadata.get("staff") or "")
    known, named = await _named(turn, turn.system_id, staff)
    if known is None:
        return system_messages.gone()
    if named is None:
        return await _listed(turn, known.system.id, said=messages.name_gone(staff))
    person: Person | None = None
    if user:
        try:
            person = await services.people.learn(turn.workspace_id, user)
        except SlackRefused:
            person = None
        except TryLater:
            said = messages.slack_away()
            return messages.naming(known, named, said=said, initial_user=user)
        why = _why_not(person)
        if why or person is None:
            name = person.name if person else "This person"
            said = messages.cannot_be(name, why or "left")
            return messages.naming(known, named, said=said, initial_user=user)
    email = person.email if person else None
    if messages.state(named) != turn.metadata.get("was") and not _is_so(named, email):
        said = messages.said_meanwhile(named)
        return messages.naming(known, named, said=said, initial_user=user)
    asked = await services.reception.mend(known.system, staff, email, by=by)
    if person is None:
        return await _listed(turn, known.system.id, said=messages.said_nobody(staff))
    said = messages.said_person(staff, person.name, asked)
    return await _listed(turn, known.system.id, said=said)


def _why_not(person: Person | None) -> str:
    if person is None or person.has_left:
        return "left"
    if person.is_guest:
        return "guest"
    return "" if person.email else "no_email"


def _is_so(named: Named, email: str | None) -> bool:
    """Whether somebody else said the very same."""
    return named.person.is_nobody if email is None else named.person.email == email
