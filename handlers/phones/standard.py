"""Our own generic event, signed by Standard Webhooks: for any phone system, Zapier and Make.

Specification of the signature: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
The event is described in docs/calls.md. Unverified: no phone system sends it of itself.
"""

import datetime as dt
import json
import re
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from handlers.phones.door import Delivery, Unproven, Unreadable
from xpm.calls import EndedCall

_LONGEST_TEXT = 255
_LONGEST_CALL = dt.timedelta(days=1)

# The library takes whatever comes to the same number or the same bytes, such as "+1.7e9" and base64 with remarks. One
# request is to have one proof, so only what the specification writes is read.
_STAMP = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")


def verify(delivery: Delivery, secret: str) -> None:
    """Raises Unproven unless the three headers prove the body within five minutes.

    The library answers a malformed signature header or body with other exceptions than its own; each means no.
    """
    headers = delivery.headers
    if not _STAMP.fullmatch(headers.get("webhook-timestamp", "")):
        raise Unproven("malformed_timestamp")
    signatures = headers.get("webhook-signature", "").split(" ")
    if not all(_SIGNATURE.fullmatch(one) for one in signatures if not _is_other_version(one)):
        raise Unproven("malformed_signature")
    try:
        Webhook(secret).verify(delivery.body, dict(delivery.headers))
    except WebhookVerificationError:
        raise Unproven("bad_signature") from None
    except (json.JSONDecodeError, RecursionError):
        # The signature is compared before the body is parsed, so it was right: the body is what is wrong.
        return
    except (ValueError, TypeError):
        raise Unproven("malformed_signature") from None


def _is_other_version(signature: str) -> bool:
    version, comma, _ = signature.partition(",")
    return bool(comma) and version != "v1"


def read(delivery: Delivery) -> list[EndedCall]:
    """The ended call of a `call.ended` event; nothing for other types. Raises Unreadable."""
    try:
        event = json.loads(delivery.body)
    except (ValueError, RecursionError):
        raise Unreadable("not_json") from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Unreadable("no_type")
    if event["type"] != "call.ended":
        return []
    data = event.get("data")
    if not isinstance(data, dict):
        raise Unreadable("no_data")
    ended_at = _moment(data, "ended_at")
    started_at = _moment(data, "started_at")
    if ended_at is None or started_at is None:
        raise Unreadable("no_times")
    answered_at = _moment(data, "answered_at")
    if (
        not started_at <= (answered_at or started_at) <= ended_at
        or ended_at - started_at > _LONGEST_CALL
    ):
        raise Unreadable("times_out_of_order")
    direction = data.get("direction")
    if direction not in ("inbound", "outbound"):
        raise Unreadable("direction")
    is_answered = data.get("is_answered", answered_at is not None)
    if not isinstance(is_answered, bool):
        raise Unreadable("is_answered")
    return [
        EndedCall(
            source_id=_text(data, "id", required=True) or "",
            email=_text(data, "user_email", required=True) or "",
            direction=direction,
            numbers=_numbers(data),
            caller_name=_text(data, "external_name"),
            is_answered=is_answered,
            is_internal=data.get("internal") is True,
            started_at=started_at,
            answered_at=answered_at,
            ended_at=ended_at,
            notes=_text(data, "notes", most=3000),
        )
    ]


def _text(
    data: dict[str, Any], name: str, *, required: bool = False, most: int = _LONGEST_TEXT
) -> str | None:
    value = data.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and name == "id":
        value = str(value)
    if value is None or value == "":
        if required:
            raise Unreadable(name)
        return None
    if not isinstance(value, str):
        raise Unreadable(name)
    text = _storable(value)[:most] if most > _LONGEST_TEXT else _short(value, name)
    if required and not text:
        raise Unreadable(name)
    return text or None


def _short(value: str, name: str) -> str:
    if len(value) > _LONGEST_TEXT:
        raise Unreadable(name)
    return _storable(value)


def _storable(value: str) -> str:
    # A NUL is text to JSON and an error to PostgreSQL; half a surrogate pair is text to JSON and to no database.
    return value.replace("\x00", "").encode("utf-8", "ignore").decode()


def _moment(data: dict[str, Any], name: str) -> dt.datetime | None:
    value = data.get(name)
    if value is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Unreadable(name) from None
    if moment.tzinfo is None:
        raise Unreadable(name)
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise Unreadable(name) from None


def _numbers(data: dict[str, Any]) -> tuple[str, ...]:
    several = data.get("external_numbers")
    if several is None:
        one = _text(data, "external_number")
        return (one,) if one else ()
    if (
        not isinstance(several, list)
        or len(several) > 20
        or not all(isinstance(one, str) for one in several)
    ):
        raise Unreadable("external_numbers")
    return tuple(_short(one, "external_numbers") for one in several if one)
