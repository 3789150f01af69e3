"""/xpm phones: the list, one phone system, adding, its secret, a test call, and removing it."""

import re
import secrets
from typing import Any

from handlers.messages import phone_adding as adding_messages
from handlers.messages import phone_systems as messages
from handlers.messages.call_rules import RULES
from handlers.messages.kit import Element
from handlers.messages.phone_people import PEOPLE
from handlers.messages.phone_setups import SETUPS, called, set_up
from handlers.phone_pages import Turn, errors, instead
from xpm.phone_systems import Known, UnfitSecret

_SYSTEM_ID = re.compile(r"[0-9a-f]{24}")


async def _known(turn: Turn, system_id: str) -> Known | None:
    return await turn.asked.services.phone_systems.one(turn.workspace_id, system_id)


# -- pages -----------------------------------------------------------------------------------------------------------


async def every(turn: Turn, said: str = "") -> Element:
    """All phone systems; a button may say which page of them."""
    found = await turn.asked.services.phone_systems.every(turn.workspace_id)
    page = int(turn.value) if turn.value.isascii() and turn.value.isdigit() else 0
    return messages.listed(
        found,
        turn.standing,
        turn.asked.services.clock(),
        page=page,
        rules_action=RULES,
        said=said,
    )


async def one(turn: Turn) -> Element:
    """One phone system."""
    return await _one(turn, turn.value)


async def _one(turn: Turn, system_id: str, said: str = "") -> Element:
    known = await _known(turn, system_id)
    if known is None:
        return messages.gone()
    now = turn.asked.services.clock()
    return messages.one(known, turn.standing, now, people_action=PEOPLE, said=said)


async def add(turn: Turn) -> Element:
    """Asks which phone system; its id is made here, so that a second click adds no second one."""
    return adding_messages.adding(secrets.token_hex(12))


async def how_to(turn: Turn) -> Element:
    """The steps once more."""
    known = await _known(turn, turn.value)
    if known is None:
        return messages.gone()
    setup = set_up(known.system)
    return adding_messages.how_to(known, setup, turn.asked.services.public_url)


async def ask_secret(turn: Turn) -> Element:
    """Asks for the phone system's secret, or whether to make a new one."""
    known = await _known(turn, turn.value)
    return messages.gone() if known is None else adding_messages.new_secret(known)


async def ask_remove(turn: Turn) -> Element:
    """Asks once more."""
    known = await _known(turn, turn.value)
    if known is None:
        return messages.gone()
    people = await turn.asked.services.phone_systems.people(turn.workspace_id, known.system.id)
    return messages.removing(known, sum(one.waiting for one in people if one.is_unknown))


async def test(turn: Turn) -> Element:
    """Sends a test call to whoever clicked; the same click delivered twice is one call."""
    asked = turn.asked
    known = await _known(turn, turn.value)
    if known is None:
        return messages.gone()
    if not asked.person.email:
        return await _one(turn, known.system.id, messages.no_email())
    key = str((asked.body.get("actions") or [{}])[0].get("action_ts") or secrets.token_hex(8))
    await asked.services.reception.test(
        known.system, asked.person, f"{asked.person.slack_user_id}:{key}"
    )
    return await _one(turn, known.system.id, messages.test_sent())


# -- submissions -----------------------------------------------------------------------------------------------------


async def added(turn: Turn) -> dict[str, Any]:
    """Adds the phone system that was chosen, and shows its address, its secret and the steps."""
    services, system_id = turn.asked.services, turn.system_id
    field = turn.field(adding_messages.SYSTEM_BLOCK, adding_messages.SYSTEM_FIELD) or {}
    chosen = str((field.get("selected_option") or {}).get("value") or "")
    setup = SETUPS.get(chosen)
    if setup is None:
        return errors(**{adding_messages.SYSTEM_BLOCK: adding_messages.choose_one()})
    if not _SYSTEM_ID.fullmatch(system_id):
        return instead(await add(turn))
    made = await services.phone_systems.add(
        turn.workspace_id,
        setup.kind,
        chosen=chosen,
        has_own_secret=bool(setup.secret),
        system_id=system_id,
        by=turn.asked.person.slack_user_id,
    )
    known = await _known(turn, system_id)
    if known is None:
        return instead(messages.gone())
    if made is None:
        return instead(await _one(turn, system_id, adding_messages.added_before(known)))
    return instead(adding_messages.added(setup, made, known.mark, services.public_url))


async def secret_given(turn: Turn) -> dict[str, Any]:
    """Keeps the secret that was typed, or makes a new one and shows it this once."""
    asked, services = turn.asked, turn.asked.services
    known = await _known(turn, turn.system_id)
    if known is None:
        return instead(messages.gone())
    field = turn.field(adding_messages.SECRET_BLOCK, adding_messages.SECRET_FIELD) or {}
    typed = str(field.get("value") or "").strip()
    is_theirs = bool(set_up(known.system).secret)
    try:
        made = await services.phone_systems.change_secret(
            turn.workspace_id,
            known.system.id,
            typed if typed or is_theirs else None,
            mark=str(turn.metadata.get("mark") or "-"),
            by=asked.person.slack_user_id,
        )
    except UnfitSecret as refusal:
        return errors(**{adding_messages.SECRET_BLOCK: adding_messages.unfit(refusal.why)})
    if made is None:
        said = adding_messages.secret_changed_meanwhile()
        now = await _known(turn, known.system.id)
        if typed and now is not None:
            # What was typed stays in its field.
            return instead(adding_messages.new_secret(now, said))
        return instead(await _one(turn, known.system.id, said))
    if typed:
        return instead(await _one(turn, known.system.id, adding_messages.secret_kept(known)))
    return instead(adding_messages.secret_made(known, made))


async def removed(turn: Turn) -> dict[str, Any]:
    """Removes the phone system; a second click finds it gone."""
    services = turn.asked.services
    known = await _known(turn, turn.system_id)
    if known is None or not await services.phone_systems.remove(
        turn.workspace_id, known.system.id, by=turn.asked.person.slack_user_id
    ):
        return instead(messages.gone())
    name = called(known.system)
    return instead(await every(turn, messages.removed(name)))
