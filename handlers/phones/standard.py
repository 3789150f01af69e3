"""Our own generic event, signed by Standard Webhooks: for any phone system, 8x8, Teams, Zapier and Make.

Specification of the signature: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
Events: `call.ended`, and `call.updated` for what is known later; described in docs/calls.md.
Unverified: no phone system sends it of itself.
"""

import datetime as dt
import json
import re
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from handlers.phones.delivery import Delivery, Unproven, Unreadable
from xpm.calls import EndedCall, Late, Remark, Told

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


def read(delivery: Delivery) -> list[Told]:
    """What a `call.ended` or `call.updated` event says; nothing for other types. Raises Unreadable."""
    try:
        event = json.loads(delivery.body)
    except (ValueError, RecursionError):
        raise Unreadable("not_json") from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Unreadable("no_type")
    if event["type"] not in ("call.ended", "call.updated"):
        return []
    data = event.get("data")
    if not isinstance(data, dict):
        raise Unreadable("no_data")
    return [_ended(data)] if event["type"] == "call.ended" else [_updated(data)]


def _ended(data: dict[str, Any]) -> EndedCall:
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
    is_voicemail = data.get("voicemail", False)
    if not isinstance(is_voicemail, bool):
        raise Unreadable("voicemail")
    is_by_address = "user_email" in data or "staff_id" not in data
    staff = _text(data, "staff_id", required=True) if "staff_id" in data else None
    talked = data.get("talk_seconds")
    if talked is not None and (
        isinstance(talked, bool) or not isinstance(talked, int) or not 0 <= talked <= 86_400
    ):
        raise Unreadable("talk_seconds")
    return EndedCall(
        source_id=_text(data, "id", required=True) or "",
        email=(_text(data, "user_email", required=True) or "") if is_by_address else "",
        direction=direction,
        numbers=_numbers(data),
        caller_name=_text(data, "external_name"),
        is_answered=is_answered,
        is_internal=data.get("internal") is True,
        started_at=started_at,
        answered_at=answered_at,
        ended_at=ended_at,
        notes=_text(data, "notes", most=3000),
        staff=(f"user {staff}"[:_LONGEST_TEXT],) if staff else (),
        staff_name=_text(data, "staff_name") or "",
        seconds=talked if is_answered else None,
        is_voicemail=is_voicemail,
        remarks=_remarks(data),
    )


def _updated(data: dict[str, Any]) -> Late:
    address = _text(data, "user_email", required=True) if "user_email" in data else None
    return Late(_text(data, "id", required=True) or "", _remarks(data), address or "")


def _remarks(data: dict[str, Any]) -> tuple[Remark, ...]:
    """What there is to say besides; of each kind the last one told stands, but every comment stays."""
    by = _text(data, "comment_by") or ""
    said = [
        Remark("comment", _text(data, "comment", most=3000) or "", by),
        Remark("summary", _text(data, "summary", most=3000) or "", key="summary"),
        Remark("transcript", _text(data, "transcript", most=3000) or "", key="transcript"),
    ]
    address = data.get("recording_url")
    if address is not None:
        if not isinstance(address, str) or not 9 <= len(address) <= 500:
            raise Unreadable("recording_url")
        if not address.startswith("https://"):
            raise Unreadable("recording_url")
        said.append(Remark("recording", _storable(address), key="recording"))
    return tuple(one for one in said if one.text)


def _text(
    data: dict[str, Any], name: str, *, required: bool = False, most: int = _LONGEST_TEXT
) -> str | None:
    value = data.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and name in ("id", "staff_id"):
        value = _digits(value, name)
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


def _digits(value: int, name: str) -> str:
    # Python refuses to write out an integer of thousands of digits.
    if abs(value) >= 10**_LONGEST_TEXT:
        raise Unreadable(name)
    return str(value)


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
    one = _text(data, "external_number")
    several = data.get("external_numbers")
    if several is None:
        return (one,) if one else ()
    if (
        not isinstance(several, list)
        or len(several) > 20
        or not all(isinstance(one, str) for one in several)
    ):
        raise Unreadable("external_numbers")
    return tuple(_short(one, "external_numbers") for one in several if one)
