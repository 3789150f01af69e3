"""Adding a phone system in Slack: which, the steps to do there, and the secrets, each shown once or never."""

import json

from handlers.messages import kit
from handlers.messages.phone_setups import SETUPS, SetUp, called, set_up
from handlers.messages.phone_systems import ALL, SHOW, modal
from xpm.phone_systems import Added, Known, Unfit

ADDING = "phones.adding"
KEEPING = "phones.keeping"

SYSTEM_FIELD = "phones.system"
SECRET_FIELD = "phones.secret"  # noqa: S105 (a field)

SYSTEM_BLOCK = "system"
SECRET_BLOCK = "secret"  # noqa: S105 (a block)

_UNFIT = {
    Unfit.LENGTH: "A secret has 8 to 255 characters. Copy it again, whole.",
    Unfit.CHARACTERS: "A secret has no blanks, accents or line breaks. Copy it again, without what stands around it.",
    Unfit.NO_WHSEC: (
        "The secret of Standard Webhooks is whsec_ and 24 to 64 bytes in base64. "
        "Leave this empty and the app makes one."
    ),
}


# -- adding ----------------------------------------------------------------------------------------------------------


def adding(system_id: str) -> kit.Element:
    """Asks which phone system; `system_id` is what it will be called, so that a second click adds no second one."""
    return modal(
        [
            {
                "type": "input",
                "block_id": SYSTEM_BLOCK,
                "label": kit.plain("Which phone system do you have?"),
                "hint": kit.plain(
                    "Not in the list? Choose “Any other system”: it can send the app's own event.",
                    150,
                ),
                "element": {
                    "type": "static_select",
                    "action_id": SYSTEM_FIELD,
                    "placeholder": kit.plain("Choose a phone system"),
                    "options": [kit.option(one.name, key) for key, one in SETUPS.items()],
                },
            },
            kit.context(
                "Next you get an address to paste at your phone system, with the steps to do there."
            ),
            kit.actions("back", kit.button("All phone systems", ALL)),
        ],
        callback=ADDING,
        submit="Next",
        metadata=json.dumps({"system": system_id}),
    )


def choose_one() -> str:
    """Stands under the field when none was chosen."""
    return "Choose the phone system you have."


def added(setup: SetUp, made: Added, mark: str, public_url: str) -> kit.Element:
    """The phone system is there: its address, its secret shown this once or asked for, and the steps."""
    blocks = [
        kit.section(
            f"*{setup.name} is added*\nIts calls reach your people once you have done these steps there."
        ),
        *_address_and_secret(made.address, made.secret),
        *_steps(setup, public_url),
    ]
    if setup.secret:
        return _asking(setup, blocks, made.system_id, mark)
    return modal([*blocks, _to_one(made.system_id)])


def added_before(known: Known) -> str:
    """A second click on Next."""
    name = called(known.system)
    return f"*{name} is added already*\nIts secret was shown once. If you did not copy it, make a new one below."


def how_to(known: Known, setup: SetUp, public_url: str) -> kit.Element:
    """The steps of a phone system that is there, without its secret."""
    blocks = [
        kit.section(f"*How to set up {setup.name}*"),
        *_address_and_secret(known.address, ""),
        *_steps(setup, public_url),
    ]
    if not setup.secret:
        blocks.append(
            kit.context(
                "The secret was shown once. If it is lost, make a new one: the old one ends at that moment."
            )
        )
    if setup.secret and not known.has_secret:
        return _asking(setup, blocks, known.system.id, known.mark)
    return modal([*blocks, _to_one(known.system.id)])


def _address_and_secret(address: str, secret: str) -> list[kit.Block]:
    blocks = [kit.section(f"The address to paste:\n`{address}`")]
    if secret:
        blocks.append(
            kit.section(
                f"The secret, shown this once:\n`{secret}`\n"
                "Whoever has both can tell the app of calls, so give it to nobody but the phone system."
            )
        )
    return blocks


def _steps(setup: SetUp, public_url: str) -> list[kit.Block]:
    template = f"{public_url}/calls/3cx/template.xml"
    lines = [
        f"{number}. {step.replace('{template}', template)}"
        for number, step in enumerate(setup.steps, 1)
    ]
    blocks = [kit.section("\n".join(lines))]
    if setup.good_to_know:
        blocks.append(kit.context(setup.good_to_know))
    return blocks


def _to_one(system_id: str) -> kit.Block:
    return kit.actions("back", kit.button("Done", SHOW, system_id))


# -- secrets ---------------------------------------------------------------------------------------------------------


def _asking(setup: SetUp, blocks: list[kit.Block], system_id: str, mark: str) -> kit.Element:
    return modal(
        [*blocks, _secret_field(setup), _to_one(system_id)],
        callback=KEEPING,
        submit="Keep secret",
        metadata=json.dumps({"system": system_id, "mark": mark}),
    )


def _secret_field(setup: SetUp) -> kit.Block:
    is_theirs = bool(setup.secret)
    block = kit.text_input(
        SECRET_BLOCK,
        SECRET_FIELD,
        f"{setup.secret} of {setup.name}" if is_theirs else "A secret of your own",
        "",
        most=300,
        optional=not is_theirs,
    )
    hint = (
        "It is sealed and never shown again."
        if is_theirs
        else f"Leave it empty and the app makes one. Only for a secret that {setup.name} made."
    )
    return {**block, "hint": kit.plain(hint, 150)}


def new_secret(known: Known, said: str = "") -> kit.Element:
    """Asks for the secret that the phone system made, or whether to make another one of ours."""
    setup = set_up(known.system)
    if setup.secret:
        first = (
            f"*The secret of {called(known.system)}*\n"
            "The one that is here ends at that moment: calls proven with it are refused from then on."
            if known.has_secret
            else f"*The secret of {called(known.system)}*\nIts calls are refused until the secret is here."
        )
    else:
        first = (
            f"*A new secret for {called(known.system)}*\n"
            "The old one ends at that moment: calls are refused until you have entered the new one there. Its address "
            "stays."
        )
    blocks = [kit.section(said)] if said else []
    return modal(
        [
            *blocks,
            kit.section(first),
            _secret_field(setup),
            kit.actions("back", kit.button("Back", SHOW, known.system.id)),
        ],
        callback=KEEPING,
        submit="Keep secret" if setup.secret else "Make new secret",
        metadata=json.dumps({"system": known.system.id, "mark": known.mark}),
    )


def secret_made(known: Known, secret: str) -> kit.Element:
    """The new secret, shown this once."""
    name = called(known.system)
    return modal(
        [
            kit.section(
                f"*{name} has a new secret*\nCalls are refused until you have entered it there."
            ),
            *_address_and_secret(known.address, secret),
            _to_one(known.system.id),
        ]
    )


def secret_kept(known: Known) -> str:
    """A secret that the phone system made is here."""
    name = called(known.system)
    return (
        f"*The secret of {name} is kept*\n"
        "It is sealed and never shown again. Calls proven with it are taken from now on."
    )


def secret_changed_meanwhile() -> str:
    """Somebody else, or a second click, was sooner."""
    return (
        "*The secret was changed a moment ago*\n"
        "Somebody else was sooner, or it was your own second click. Nothing more was changed. "
        "Do this again only if you need another one."
    )


def unfit(why: Unfit) -> str:
    """Stands under the field."""
    return _UNFIT[why]
