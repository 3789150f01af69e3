"""The modal of /xpm phones: who may, and how one page takes the place of another.

Every click and every submission asks anew whether the person may, and looks everything up in their own workspace. A
click is answered at once and the page follows, under the hash of the page that was clicked: of two clicks at the same
moment the second page stands, and one that comes late changes nothing.
"""

import datetime as dt
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from handlers.asked import Asked
from handlers.later import Work
from handlers.messages import phone_systems as messages
from handlers.messages.kit import Element
from handlers.slack import SlackRefused
from xpm.standing import Standing

log = logging.getLogger(__name__)

# Slack tells nobody that an admin is none any more, so whoever opens this is looked up anew.
_FRESH = dt.timedelta(minutes=5)
# The person closed the modal, or looks at another page of it by now.
_TOO_LATE = frozenset({"not_found", "hash_conflict"})


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody who may change the phone systems, and what they clicked or submitted."""

    asked: Asked
    standing: Standing

    @property
    def workspace_id(self) -> str:
        """Their own workspace, whatever the payload's ids say."""
        return self.asked.person.workspace_id

    @property
    def value(self) -> str:
        """What the button carries; a claim."""
        actions = self.asked.body.get("actions") or [{}]
        return str(actions[0].get("value") or "")

    @property
    def values(self) -> list[Any]:
        """What a button with several values carries; empty for anything else."""
        found: list[Any] = _parsed(self.value, list)
        return found

    @property
    def metadata(self) -> dict[str, Any]:
        """What the page remembers; a claim."""
        text = str(self.asked.body["view"].get("private_metadata") or "")
        found: dict[str, Any] = _parsed(text, dict)
        return found

    @property
    def system_id(self) -> str:
        """The phone system that a page is about; a claim."""
        return str(self.metadata.get("system") or "")

    def field(self, block_id: str, action_id: str) -> dict[str, Any] | None:
        """What stands in a field; None where the page has no such field."""
        values = self.asked.body["view"]["state"]["values"]
        found: dict[str, Any] | None = (values.get(block_id) or {}).get(action_id)
        return found


def _parsed(text: str, kind: type[Any]) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return kind()
    return found if isinstance(found, kind) else kind()


Page = Callable[[Turn], Awaitable[Element]]
"""Makes the page that a click leads to."""

Answer = Callable[[Turn], Awaitable[dict[str, Any]]]
"""Does what was submitted, and answers what Slack is to do with the modal."""


def click(page: Page) -> Work:
    """The work after a click: the page in the place of the one clicked, or in a new modal."""

    async def work(asked: Asked) -> None:
        view = asked.body.get("view") or {}
        is_open = view.get("type") == "modal"
        # A trigger lives three seconds: the modal comes before anything is asked.
        view_id = str(view["id"]) if is_open else await asked.open_modal(messages.opening())
        services = asked.services
        person = await services.people.learn(
            asked.person.workspace_id, asked.person.slack_user_id, within=_FRESH
        )
        standing = await services.standings.of(person)
        turn = Turn(replace(asked, person=person), standing)
        shown = await page(turn) if standing.may_mend else messages.may_not(standing)
        await show(asked, view_id, shown, view.get("hash") if is_open else None)

    return work


def submission(
    answer: Answer,
) -> Callable[[Any, dict[str, Any], Any], Awaitable[None]]:
    """The ack of a submission: what it changes is in the database before Slack hears of it."""

    async def first(ack: Any, body: dict[str, Any], context: Any) -> None:
        asked = Asked.of(body, context)
        standing = await asked.services.standings.of(asked.person)
        if standing.may_mend:
            said = await answer(Turn(asked, standing))
        else:
            said = instead(messages.may_not(standing))
        await ack(**said)

    return first


def instead(view: Element) -> dict[str, Any]:
    """The answer that puts another page in the place of this one."""
    return {"response_action": "update", "view": view}


def errors(**under: str) -> dict[str, Any]:
    """The answer that keeps what was typed and puts a sentence under a field, by the field's block."""
    return {"response_action": "errors", "errors": under}


async def show(asked: Asked, view_id: str, view: Element, view_hash: str | None = None) -> None:
    """Shows a page; the person may have gone on or closed the modal meanwhile."""
    try:
        await asked.update_modal(view_id, view, view_hash)
    except SlackRefused as refusal:
        if refusal.code not in _TOO_LATE:
            raise
        log.info("page.too_late", extra={"why": refusal.code})
