"""VXT: its call log event, versions 2 and 3.

Described by the types that VXT publishes, `vxt-webhook-payload.d.ts`; set up under Settings → Integrations → Webhooks.
Event: `callLog`. Proof: `Authorization: Bearer` and a token that both sides hold. It covers neither body nor time, so
a replay is known by the call's id alone. VXT follows no redirect.

Not verified against a live delivery: the names of the direction and of the fields that hold user and other parties
(found here by their shape), the body of `voicemail` events (ignored), whether and how VXT tries again, where the token
is set.
"""

from collections.abc import Iterable
from typing import Any

from handlers.phones.delivery import Delivery, Unproven, Unreadable, is_same
from handlers.phones.values import (
    email,
    identity,
    json_of,
    link,
    names,
    numbers,
    text,
    times,
    unix,
    within,
)
from xpm.calls import EndedCall, Told

_OUTGOING = frozenset({"outbound", "outgoing", "out"})
_DEEPEST = 4


def verify(delivery: Delivery, secret: str) -> None:
    """Raises Unproven unless the bearer token is ours."""
    scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "bearer" or not is_same(token.strip(), secret):
        raise Unproven("bad_token" if token else "no_token")


def read(delivery: Delivery) -> list[Told]:
    """The call of a `callLog` event; nothing for others. Raises Unreadable."""
    event = json_of(delivery)
    if event.get("event") != "callLog":
        return []
    log = within(event, "callLog")
    if not log:
        raise Unreadable("callLog")
    result = within(log, "result")
    kind = result.get("type")
    if kind not in ("answered", "missed"):
        raise Unreadable("result")
    answered_at = unix(result.get("answerTimestamp"), per_second=1000)
    started, answered, ended = times(
        unix(result.get("startTimestamp"), per_second=1000),
        answered_at if kind == "answered" else None,
        unix(result.get("hangupTimestamp"), per_second=1000),
        None,
        delivery.at,
    )
    alone = [one for one in log.values() if isinstance(one, dict)]
    others = [one for value in log.values() if isinstance(value, list) for one in _parties(value)]
    ours = [one for one in alone if one.get("type") in ("user", "sharedPhoneNumber")]
    # Without a list of others, whoever is no user of VXT's and no shared line is outside.
    others = others or [one for one in alone if one.get("type") in ("phoneNumber", "unknown")]
    user = next((one for one in ours if one.get("type") == "user"), {})
    line = next((one for one in ours if one.get("type") == "sharedPhoneNumber"), {})
    outside = [one for one in others if one.get("type") in ("phoneNumber", "unknown", "other")]
    is_outgoing = any(
        isinstance(value, str) and value.casefold() in _OUTGOING
        for name, value in log.items()
        if name not in ("id", "url")
    )
    return [
        EndedCall(
            source_id=identity(log.get("id"), "id"),
            email=email(user.get("email")),
            direction="outbound" if is_outgoing else "inbound",
            numbers=numbers(*(one.get("phoneNumberE164") for one in outside))[:20],
            caller_name=None,
            is_answered=kind == "answered",
            is_internal=bool(others) and not outside,
            started_at=started,
            answered_at=answered,
            ended_at=ended,
            staff=names(user=user.get("uid"), line=None if user else line.get("phoneNumberE164")),
            staff_name=text(user.get("name")),
            is_line=not user,
            remarks=tuple(link("link", log.get("url"))),
        )
    ]


def _parties(values: Iterable[Any], depth: int = 0) -> list[dict[str, Any]]:
    """The objects with a type in a list, however deep a later version puts them."""
    found: list[dict[str, Any]] = []
    for one in values:
        if not isinstance(one, dict) or depth > _DEEPEST:
            continue
        if isinstance(one.get("type"), str):
            found.append(one)
        else:
            found += _parties(one.values(), depth + 1)
    return found[:100]
