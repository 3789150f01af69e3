"""The one place where unexpected errors end: the person reads a sentence with a reference, the log has the rest."""

import logging
import secrets
from typing import Any

from slack_bolt import BoltResponse

from handlers.asked import Asked
from handlers.messages import errors as messages
from handlers.slack import SlackRefused
from xpm.api import XpmError

log = logging.getLogger(__name__)

# Easy to read aloud and to type: no 0 and O, no 1 and I.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def reference() -> str:
    """Four characters that the person and the log have in common."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(4))


async def tell(asked: Asked, error: Exception) -> None:
    """Says to the person that what they asked for failed afterwards, and logs it under the same reference."""
    mark = reference()
    log.error(
        "listener.failed",
        extra={
            "reference": mark,
            "workspace": asked.person.workspace_id,
            "why": type(error).__name__,
        },
        exc_info=error if not isinstance(error, (SlackRefused, XpmError)) else None,
    )
    try:
        await asked.answer(messages.unexpected(mark))
    except (SlackRefused, XpmError) as silent:
        log.warning(
            "listener.cannot_answer", extra={"reference": mark, "why": type(silent).__name__}
        )


async def on_error(error: Exception, body: dict[str, Any], context: Any) -> BoltResponse:
    """What Slack hears when a listener fails before its ack: 200 with a sentence, so that no red triangle is added."""
    mark = reference()
    log.error(
        "listener.failed", extra={"reference": mark, "why": type(error).__name__}, exc_info=error
    )
    message = messages.unexpected(mark)
    if body.get("command"):
        text = {"response_type": "ephemeral", "text": message.text}
        return BoltResponse(status=200, body=text)
    if body.get("type") == "block_actions" and "person" in context:
        try:
            await Asked.of(body, context).answer(message)
        except (SlackRefused, XpmError) as silent:
            log.warning(
                "listener.cannot_answer", extra={"reference": mark, "why": type(silent).__name__}
            )
        return BoltResponse(status=200, body="")
    # A modal stays open with what was typed when its submission is not answered with 200.
    return BoltResponse(status=500, body="")
