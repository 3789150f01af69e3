"""Aircall: the end of a call, and comments and tags that come later.

https://developer.aircall.io/docs/webhooks-overview and https://developer.aircall.io/tutorials/webhooks-guide
Events: `call.ended` (about 30 seconds after the end, with everything), `call.commented`, `call.tagged`. Proof: the
webhook's own `token` in the body; no signature and no time, so a replay is known by the call's id alone. Aircall wants
200 to 299 within 5 seconds and switches a webhook off that keeps failing.

`duration` includes ringing, so talk is `ended_at` less `answered_at`. `raw_digits` is the outside party in both
directions, with blanks. `recording` is an address that expires, so `asset` is kept.

Not verified against a live delivery: what a withheld number looks like ("anonymous"), and whether a transferred call
names anybody but its last user.
"""

import json
from typing import Any

from handlers.phones.delivery import Delivery, Unproven, Unreadable, is_same
from handlers.phones.values import (
    email,
    identity,
    joined,
    json_of,
    link,
    names,
    number,
    numbers,
    objects,
    remark,
    seconds,
    text,
    times,
    unix,
    within,
)
from xpm.calls import EndedCall, Remark, Told
from xpm.matching import is_region, to_e164

_EVENTS = frozenset({"call.ended", "call.commented", "call.tagged"})


def verify(delivery: Delivery, secret: str) -> None:
    """Raises Unproven unless the body holds the webhook's token."""
    try:
        found = json.loads(delivery.body)
    except (ValueError, RecursionError):
        raise Unproven("no_token") from None
    token = found.get("token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not is_same(token, secret):
        raise Unproven("bad_token" if token else "no_token")


def read(delivery: Delivery) -> list[Told]:
    """The call of one of our three events, whole each time; nothing for others. Raises Unreadable."""
    event = json_of(delivery)
    name = text(event.get("event"))
    if name not in _EVENTS:
        return []
    call = event.get("data")
    if not isinstance(call, dict):
        raise Unreadable("data")
    source_id = identity(call.get("id"), "id")
    ended_at = unix(call.get("ended_at"))
    if name != "call.ended" and ended_at is None:
        # Tagged while they talk: the end will tell it again.
        return []
    lasted = seconds(call.get("duration"))
    answered_at = unix(call.get("answered_at"))
    started, answered, ended = times(
        unix(call.get("started_at")), answered_at, ended_at, lasted, delivery.at
    )
    user, contact, line = (within(call, name) for name in ("user", "contact", "number"))
    said = number(event.get("timestamp"))
    return [
        EndedCall(
            source_id=source_id,
            email=email(user.get("email")),
            direction="outbound" if call.get("direction") == "outbound" else "inbound",
            numbers=numbers(_outside(call.get("raw_digits"), line.get("country"))),
            caller_name=joined([contact.get("first_name"), contact.get("last_name")])
            or text(contact.get("company_name"))
            or None,
            is_answered=answered_at is not None,
            is_internal=False,
            started_at=started,
            answered_at=answered,
            ended_at=ended,
            staff=names(user=user.get("id")),
            staff_name=text(user.get("name")),
            is_voicemail=answered_at is None and bool(text(call.get("voicemail"))),
            sequence=int(said) if said is not None and 0 < said < 10**12 else 0,
            remarks=_remarks(call),
        )
    ]


def _outside(digits: Any, country: Any) -> str:
    """The outside number; one without its country is read in that of the line."""
    found, region = text(digits, 64), text(country, 2).upper()
    if found.startswith("+") or not is_region(region):
        return found
    return to_e164(found, region) or found


def _remarks(call: dict[str, Any]) -> tuple[Remark, ...]:
    said: list[Remark] = []
    for one in objects(call.get("comments")):
        by = within(one, "posted_by").get("name") or one.get("posted_by")
        said += remark("comment", one.get("content"), by=by, key=one.get("id"))
    for one in objects(call.get("tags")):
        by = within(one, "tagged_by").get("name") or one.get("tagged_by")
        said += remark("tag", one.get("name"), by=by, key=one.get("id"))
    return (*said, *link("recording", call.get("asset")))
