"""/xpm phones: which calls of the practice are asked about."""

import json
from collections.abc import Sequence

from handlers.messages import kit
from handlers.messages.phone_systems import ALL, modal
from xpm.calls import Rules
from xpm.phone_systems import mark_of

RULES = "phones.rules"
RULING = "phones.ruling"

MINIMUM_FIELD = "phones.minimum"
KINDS_FIELD = "phones.kinds"
OWN_FIELD = "phones.own"
IGNORED_FIELD = "phones.ignored"

MINIMUM_BLOCK = "minimum"
KINDS_BLOCK = "kinds"
OWN_BLOCK = "own"
IGNORED_BLOCK = "ignored"

MOST_NUMBERS = 150
"""Numbers that may be typed into a field."""

_MOST_TYPED = 3000

_KINDS = {
    "missed": "Missed calls",
    "voicemail": "Voicemails",
    "internal": "Calls between colleagues",
}


def form(rules: Rules, region: str, *, said: str = "") -> kit.Element:
    """The rules as they are, to change them; what somebody typed stays when the form is shown again."""
    options = {key: kit.option(name, key) for key, name in _KINDS.items()}
    chosen = [options[key] for key in asked(rules)]
    boxes: kit.Element = {
        "type": "checkboxes",
        "action_id": KINDS_FIELD,
        "options": list(options.values()),
    }
    if chosen:
        boxes["initial_options"] = chosen
    blocks = [kit.section(said)] if said else []
    blocks += [
        kit.section(
            "*Which calls are asked about*\n"
            "Answered calls with somebody outside always are, unless they are short. Calls that are not asked about "
            "are kept all the same. What you change counts for calls from now on."
        ),
        {
            "type": "input",
            "block_id": MINIMUM_BLOCK,
            "label": kit.plain("Not asked about when shorter than (seconds)"),
            "hint": kit.plain("0 to 3600; 0 asks about every call", 150),
            "element": {
                "type": "number_input",
                "action_id": MINIMUM_FIELD,
                "is_decimal_allowed": False,
                "min_value": "0",
                "max_value": "3600",
                "initial_value": str(rules.minimum_seconds),
            },
        },
        {
            "type": "input",
            "block_id": KINDS_BLOCK,
            "optional": True,
            "label": kit.plain("Also asked about"),
            "element": boxes,
        },
        _numbers(
            OWN_BLOCK,
            OWN_FIELD,
            "Your own numbers",
            rules.own_numbers,
            "One a line. Calls between them are calls between colleagues.",
        ),
        _numbers(
            IGNORED_BLOCK,
            IGNORED_FIELD,
            "Numbers never asked about",
            rules.ignored_numbers,
            "One a line, such as the alarm company's.",
        ),
        kit.context(f"Numbers without a country code are read as in {region}."),
        kit.actions("back", kit.button("All phone systems", ALL)),
    ]
    return modal(
        blocks,
        callback=RULING,
        submit="Save rules",
        metadata=json.dumps({"rules": mark_of(rules)}),
    )


def _numbers(
    block_id: str, action_id: str, label: str, numbers: Sequence[str], hint: str
) -> kit.Block:
    if len("\n".join(numbers)) > _MOST_TYPED:
        count = kit.several(len(numbers), "number")
        return kit.context(f"{label}: {count}, more than fit here. Who runs the app changes them.")
    block = kit.text_input(
        block_id, action_id, label, "\n".join(numbers), multiline=True, optional=True
    )
    return {**block, "hint": kit.plain(hint, 150)}


def asked(rules: Rules) -> list[str]:
    """The kinds of calls that are asked about besides."""
    kinds = {
        "missed": rules.asks_missed,
        "voicemail": rules.asks_voicemail,
        "internal": rules.asks_internal,
    }
    return [key for key, is_asked in kinds.items() if is_asked]


def sentence(rules: Rules) -> str:
    """The rules in a line or two."""
    kinds = [_KINDS[key].lower() for key in asked(rules)]
    besides = f", and {kit.listed(kinds)}" if kinds else ""
    first = (
        f"Answered calls of {rules.minimum_seconds} seconds or more are asked about{besides}."
        if rules.minimum_seconds
        else f"Every answered call is asked about{besides}."
    )
    counts = [
        kit.several(len(rules.own_numbers), "number") + " of your own" if rules.own_numbers else "",
        kit.several(len(rules.ignored_numbers), "number") + " never asked about"
        if rules.ignored_numbers
        else "",
    ]
    rest = kit.listed([one for one in counts if one])
    return f"{first} {kit.beginning(rest)}." if rest else first


def saved(rules: Rules) -> str:
    """They count from now on."""
    return f"*The rules are saved*\n{sentence(rules)}"


def changed_meanwhile(now: Rules) -> str:
    """Somebody else saved other rules while the form was open; what was typed stands below."""
    return (
        "*Not saved: somebody else changed the rules meanwhile*\n"
        f"Theirs: {sentence(now)} Yours stand below: save again to have them instead."
    )


MINIMUM = "Seconds are a whole number from 0 to 3600."


def no_number(typed: str) -> str:
    """Stands under the field."""
    return f"“{kit.cut(typed, 40)}” is no phone number. One a line, such as +64 9 555 0100."


def too_many() -> str:
    """Stands under the field."""
    return f"At most {MOST_NUMBERS} numbers fit here."


def own_as_well(number: str) -> str:
    """Stands under the field."""
    return f"{number} is one of your own numbers above. A number can be one or the other."
