"""The pages of /xpm phones as values: within Slack's limits, the steps of the documentation, a sentence a reason."""

import ast
import datetime as dt
import html
import re
from pathlib import Path

import pytest

from handlers.messages import call_rules, phone_adding, phone_people, phone_setups, phone_systems
from handlers.messages.kit import Element
from handlers.messages.phone_setups import REASONS, SETUPS, called, reason
from handlers.phones import KINDS
from sandbox.visitor import text_of
from sandbox.workspace.blockkit.check import Check
from sandbox.workspace.blockkit.views import check_view, is_too_large
from tests.handlers.test_messages_pure import is_polite
from xpm.calls import Rules
from xpm.phone_systems import Added, Known, Named
from xpm.standing import Standing
from xpm.store.phones import PhonePerson
from xpm.store.workspaces import PhoneSystem
from xpm.vault import Sealed

ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 11, 23, 1, 5, tzinfo=dt.UTC)
ZONE = "Pacific/Auckland"
HOSTILE = "<!channel> & *bold* `" + "x" * 200


def standing(**more: object) -> Standing:
    values: dict[str, object] = {
        "connection": None, "connected_by": "", "last_sync": None, "running_sync": None, "own": {}, "everyone": {},
        "nobodys_calls": [], "may_mend": True, "time_zone": ZONE,
    }  # fmt: skip
    return Standing(**{**values, **more})  # type: ignore[arg-type]


def known(kind: str = "vxt", number: int = 1, **more: object) -> Known:
    values: dict[str, object] = {"last_call_at": None, **more}
    unknown = int(str(values.pop("unknown", 0)))
    has_secret = bool(values.pop("has_secret", True))
    system = PhoneSystem(
        f"{number:024x}",
        "T1",
        kind,
        Sealed("v1.a.b"),
        NOW - dt.timedelta(days=2),
        **values,  # type: ignore[arg-type]
    )
    address = f"https://xpm.example.com/calls/{kind}/{system.id}"
    return Known(system, address, has_secret, unknown, "0123456789abcdef")


def said(view: Element) -> str:
    return re.sub(r"\s+", " ", repr(view))


def listed(every: list[Known], **more: object) -> Element:
    return phone_systems.listed(every, standing(), NOW, rules_action="phones.rules", **more)  # type: ignore[arg-type]


def named(number: int, **more: object) -> Named:
    waiting = int(str(more.pop("waiting", 3)))
    staff = f"extension {number} {HOSTILE}"[:255]
    return Named(PhonePerson("T1", "p1", staff, NOW, name=HOSTILE, **more), waiting)  # type: ignore[arg-type]


MANY = [
    known(kind, number, refused_at=NOW, refused_why="bad_signature", unknown=12, has_secret=False)
    for number, kind in enumerate(list(KINDS) * 15)
]
RULES = Rules(60, True, True, True, tuple(f"+6495550{n:03}" for n in range(300)), ("103",))

VIEWS: dict[str, Element] = {
    "opening": phone_systems.opening(),
    "may not": phone_systems.may_not(standing()),
    "gone": phone_systems.gone(),
    "no system": listed([]),
    "many systems": listed(MANY, page=3, said="*VXT is removed*"),
    "one": phone_systems.one(MANY[0], standing(), NOW, people_action="phones.people", said=phone_systems.test_sent()),
    "adding": phone_adding.adding("a" * 24),
    "removing": phone_systems.removing(MANY[0], 7),
    "new secret of ours": phone_adding.new_secret(known("vxt")),
    "new secret of theirs": phone_adding.new_secret(known("zoom"), phone_adding.secret_changed_meanwhile()),
    "secret made": phone_adding.secret_made(known("vxt"), "s" * 60),
    "no names": phone_people.listed(known(), [], standing(), NOW),
    "many names": phone_people.listed(
        known(),
        [named(number) for number in range(200)],
        standing(nobodys_calls=[(f"{HOSTILE}{n}@example.com", 4) for n in range(50)]),
        NOW,
        page=2,
        said=phone_people.said_person(HOSTILE, HOSTILE, 3),
    ),
    "naming": phone_people.naming(
        known(), named(1), said=phone_people.cannot_be(HOSTILE, "no_email"), initial_user="U1"
    ),
    "naming nobody": phone_people.naming(known(), named(1, is_nobody=True)),
    "saving": phone_people.saving(),
    "rules": call_rules.form(RULES, "New Zealand", said=call_rules.changed_meanwhile(RULES)),
    "first rules": call_rules.form(Rules(), "New Zealand"),
    **{
        f"{word} {key}": view
        for key, setup in SETUPS.items()
        for word, view in (
            (
                "added",
                phone_adding.added(
                    setup, Added(known(setup.kind).address, "" if setup.secret else "s" * 60, "a" * 24), "m",
                    "https://xpm.example.com",
                ),
            ),
            ("how to", phone_adding.how_to(known(setup.kind, has_secret=False), setup, "https://xpm.example.com")),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_page_is_one_that_slack_takes(name: str) -> None:
    check = Check()
    check_view(check, VIEWS[name], "modal")
    assert check.problems == []
    assert not is_too_large(VIEWS[name])


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_what_phone_systems_and_people_are_called_can_ping_nobody(name: str) -> None:
    texts = re.findall(
        r"'mrkdwn', 'text': (?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")", repr(VIEWS[name])
    )
    assert not [one for pair in texts for one in pair if "<!channel" in one]


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_page_is_said_in_the_houses_way(name: str) -> None:
    is_polite(text_of(VIEWS[name]).replace("&lt;!channel", ""))


def test_every_phone_system_there_is_can_be_chosen_and_none_besides() -> None:
    assert {setup.kind for setup in SETUPS.values()} == set(KINDS)
    for setup in SETUPS.values():
        assert bool(setup.secret) == KINDS[setup.kind].has_own_secret, setup.name
    for kind, one in KINDS.items():
        if kind != "standard":
            assert SETUPS[kind].kind == kind
            assert called(known(kind).system) == one.name


def _plain(text: str) -> str:
    return re.sub(r"[\s`*“”\"\[\]]+", " ", html.unescape(html.unescape(text))).casefold()


@pytest.mark.parametrize("key", sorted(SETUPS))
def test_steps_in_slack_are_those_of_the_documentation(key: str) -> None:
    """What one reads at the phone system, in bold, and what one copies, as code, stand on its page as well."""
    setup = SETUPS[key]
    page = _plain((ROOT / "docs/phones" / f"{setup.page}.md").read_text("utf-8"))
    words = re.findall(r"\*([^*]+)\*|`([^`]+)`", " ".join((*setup.steps, setup.good_to_know)))
    assert words or key == "standard"
    missing = [one or other for one, other in words if _plain(one or other).strip() not in page]
    assert missing == []


def reasons() -> set[str]:
    """Every word with which an adapter refuses a proof, out of its source."""
    found = set()
    for file in (ROOT / "handlers/phones").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Unproven":
                found |= {
                    one.value
                    for one in ast.walk(node)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return found


def test_every_reason_to_refuse_a_proof_has_its_sentence() -> None:
    assert reasons() <= set(REASONS)
    assert len(reasons()) > 5


@pytest.mark.parametrize("why", [*sorted(REASONS), "callLog", ""])
def test_reason_is_said_without_its_code_and_with_what_to_do(why: str) -> None:
    sentence = reason(why, "VXT")
    assert why not in REASONS or why not in sentence
    assert sentence.endswith(".")
    assert "{" not in sentence


def test_several_of_a_kind_are_told_apart_by_the_end_of_their_address() -> None:
    view = said(listed([known("vxt", 0xABCD), known("vxt", 0x1234), known("zoom", 5)]))
    assert "Open VXT …abcd" in view
    assert "Open VXT …1234" in view
    assert "Open Zoom Phone'" in view


def test_long_list_is_paged_and_every_system_is_on_one_page() -> None:
    pages = [said(listed(MANY, page=number)) for number in range(8)]
    for one in MANY:
        assert sum(f"'{one.system.id}'" in page for page in pages) == 1
    assert said(listed(MANY, page=99)) == pages[-1]
    assert "More" not in pages[-1]
    assert "Earlier ones" not in pages[0]


def test_how_a_system_does_is_said_with_times_of_the_reader() -> None:
    one = known(
        last_call_at=NOW, refused_at=NOW - dt.timedelta(days=1), refused_why="no_token", unknown=1
    )
    lines = phone_systems.how_it_does(one, ZONE, NOW)
    assert lines == [
        "Last call today 14:05.",
        "Refused yesterday 14:05: it came without the secret. Enter the secret in VXT.",
        "1 name is nobody's: their calls wait for you to say who that is.",
    ]


def test_missing_secret_is_entered_where_the_system_makes_it_and_made_anew_where_we_do() -> None:
    for kind, button, sentence in (
        ("zoom", "Enter its secret", "Its secret is missing"),
        ("vxt", "New secret", "Its secret cannot be opened any more"),
    ):
        page = phone_systems.one(
            known(kind, has_secret=False), standing(), NOW, people_action="phones.people"
        )
        assert button in said(page)
        assert sentence in said(page)


def test_removing_says_what_becomes_of_calls_that_wait() -> None:
    assert "of the last week" not in said(phone_systems.removing(known(), 0))
    assert "1 call of the last week waits" in said(phone_systems.removing(known(), 1))
    assert "can still be saved" in said(phone_systems.removing(known(), 1))


def test_secret_is_in_the_text_of_its_page_and_in_nothing_the_page_remembers() -> None:
    for setup in SETUPS.values():
        made = Added(known(setup.kind).address, "" if setup.secret else "s3cret" * 6, "a" * 24)
        view = phone_adding.added(setup, made, "m", "https://xpm.example.com")
        assert "s3cret" not in view["private_metadata"]
        assert ("s3cret" in repr(view["blocks"])) != bool(setup.secret)
    assert phone_setups.SETUPS is SETUPS
