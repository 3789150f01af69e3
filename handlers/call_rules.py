"""/xpm phones: which calls of the practice are asked about."""

import re
from dataclasses import replace
from typing import Any

from handlers.messages import call_rules as messages
from handlers.messages.kit import Element
from handlers.messages.region import name_of
from handlers.phone_pages import Turn, errors, instead
from handlers.phone_systems import every
from xpm.calls import Rules
from xpm.matching import to_e164

_BETWEEN = re.compile(r"[\n;,]+")
# An extension or a short number, which only its own digits tell.
_SHORT = re.compile(r"\d{3,15}")


async def form(turn: Turn) -> Element:
    """The rules as they are."""
    rules = await turn.asked.services.phone_systems.rules(turn.workspace_id)
    return messages.form(rules, name_of(_region(turn)))


def _region(turn: Turn) -> str:
    connection = turn.standing.connection
    return connection.region if connection is not None else "NZ"


async def saved(turn: Turn) -> dict[str, Any]:
    """Saves the rules, unless something typed is wrong or somebody else saved others meanwhile."""
    systems = turn.asked.services.phone_systems
    before = await systems.rules(turn.workspace_id)
    read = _typed(turn, before)
    if isinstance(read, dict):
        return errors(**read)
    changed = await systems.change_rules(
        turn.workspace_id,
        lambda _: read,
        mark=str(turn.metadata.get("rules") or "-"),
        by=turn.asked.person.slack_user_id,
    )
    if changed is None:
        return instead(await every(turn))
    now, is_saved = changed
    if not is_saved:
        view = messages.form(now, name_of(_region(turn)), said=messages.changed_meanwhile(now))
        return instead(view)
    return instead(await every(turn, messages.saved(now)))


def _typed(turn: Turn, before: Rules) -> Rules | dict[str, str]:
    """The rules that stand in the form, or what is wrong, by block."""
    wrong: dict[str, str] = {}
    minimum = turn.field(messages.MINIMUM_BLOCK, messages.MINIMUM_FIELD) or {}
    seconds = str(minimum.get("value") or "").strip()
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 4 and int(seconds) <= 3600):
        wrong[messages.MINIMUM_BLOCK] = messages.MINIMUM
    boxes = turn.field(messages.KINDS_BLOCK, messages.KINDS_FIELD) or {}
    kinds = {str(one.get("value")) for one in boxes.get("selected_options") or ()}
    own = _numbers(turn, messages.OWN_BLOCK, messages.OWN_FIELD, before.own_numbers, wrong)
    ignored = _numbers(
        turn, messages.IGNORED_BLOCK, messages.IGNORED_FIELD, before.ignored_numbers, wrong
    )
    both = [number for number in ignored if number in own]
    if both and messages.IGNORED_BLOCK not in wrong and ignored != before.ignored_numbers:
        wrong[messages.IGNORED_BLOCK] = messages.own_as_well(both[0])
    if wrong:
        return wrong
    return replace(
        before,
        minimum_seconds=int(seconds),
        asks_missed="missed" in kinds,
        asks_voicemail="voicemail" in kinds,
        asks_internal="internal" in kinds,
        own_numbers=own,
        ignored_numbers=ignored,
    )


def _numbers(
    turn: Turn, block: str, field: str, before: tuple[str, ...], wrong: dict[str, str]
) -> tuple[str, ...]:
    """The numbers of a field, each once, in E.164 where they are such; what stood there before may stay as it is."""
    held = turn.field(block, field)
    if held is None:
        return before
    found: dict[str, None] = {}
    for part in _BETWEEN.split(str(held.get("value") or "")):
        typed = part.strip()
        if not typed:
            continue
        number = typed if typed in before else to_e164(typed, _region(turn))
        if number is None and _SHORT.fullmatch(typed):
            number = typed
        if number is None:
            wrong.setdefault(block, messages.no_number(typed))
            continue
        found[number] = None
    if len(found) > messages.MOST_NUMBERS and tuple(found) != before:
        wrong.setdefault(block, messages.too_many())
    return tuple(found)
