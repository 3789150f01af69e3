"""RingCentral: telephony sessions, put together from the steps of their parties.

https://developers.ringcentral.com/guide/notifications/webhooks/creating-webhooks and
https://developers.ringcentral.com/guide/voice/telephony-session-notifications
Event filter: `/restapi/v1.0/account/~/telephony/sessions`. Proof: `Verification-Token`, the subscription's own (the
guide shows it as `Validation-Token` too). It covers neither body nor time, so a replay is known by what it says. When a
subscription is made the address has to answer with the `Validation-Token` it was sent, within 3 seconds; an address
that fails is given up for good.

Every message tells one step of some parties, ordered by `sequence`, not by arrival. The call menu's party ends in the
middle of the call and the outside has a party of its own, so a call is over for each party with an extension. Talk is
what was Answered, less Hold. People are known by their extension's id alone: a table says who that is.

An attended transfer may take two sessions, the caller's and the one in which a colleague was asked first. A party that
is Gone names the session it is linked with (`peerId`); where that party is the caller, the colleague who stays there
talks with the caller from then on, and is asked about that time alone.

Not verified against a live delivery: which session goes on after an attended transfer; a menu or queue cannot be told
from a person until the table says so.
"""

import re
from typing import Any

from handlers.phones.delivery import Delivery, Greeting, Unproven, Unreadable, is_same
from handlers.phones.values import (
    first,
    identity,
    iso,
    json_of,
    names,
    number,
    numbers,
    objects,
    text,
    within,
)
from xpm.calls import JOINED, Step, Told

_STATES = {
    "setup": "ringing",
    "proceeding": "ringing",
    "answered": "talking",
    "hold": "held",
    "parked": "held",
    "voicemail": "voicemail",
    "gone": "gone",
    "disconnected": "gone",
}
_TOKEN = re.compile(r"[\x21-\x7e]{1,255}")


def greet(delivery: Delivery, secret: str) -> Greeting | None:
    """Sends the validation token back while a subscription is made: such a request has no event."""
    token = delivery.headers.get("validation-token", "")
    if delivery.body.strip() not in (b"", b"{}") or is_same(token, secret):
        return None
    if not _TOKEN.fullmatch(token):
        return None
    return Greeting({"validation-token": token, "content-type": "application/json"})


def verify(delivery: Delivery, secret: str) -> None:
    """Raises Unproven unless the subscription's own token stands in a header."""
    given = [delivery.headers.get(name, "") for name in ("verification-token", "validation-token")]
    if not any(is_same(one, secret) for one in given):
        raise Unproven("bad_token" if any(given) else "no_token")


def read(delivery: Delivery) -> list[Told]:
    """The steps that a message tells; nothing for other events. Raises Unreadable."""
    event = json_of(delivery)
    if "telephony/sessions" not in text(event.get("event"), 500):
        return []
    session = within(event, "body")
    parties = session.get("parties")
    if not isinstance(parties, list):
        raise Unreadable("parties")
    source_id = identity(session.get("telephonySessionId") or session.get("sessionId"), "sessionId")
    at = first(iso(session.get("eventTime")), iso(event.get("timestamp")), delivery.at)
    said = number(session.get("sequence"))
    steps: list[Told] = []
    for party in objects(parties, 50):
        status = text(within(party, "status").get("code")).casefold()
        leg = text(party.get("id"))
        if status not in _STATES or not leg or at is None:
            continue
        peer = _peer(party) if status == "gone" else ""
        is_outgoing = party.get("direction") == "Outbound"
        caller, called = within(party, "from"), within(party, "to")
        ours, other = (caller, called) if is_outgoing else (called, caller)
        extension = party.get("extensionId")
        steps.append(
            Step(
                source_id=source_id,
                leg=leg,
                state=_STATES[status],
                at=at,
                sequence=int(said) if said is not None and 0 <= said < 10**12 else 0,
                staff=names(**{"extension id": extension})
                + (names(extension=ours.get("extensionNumber")) if text(extension) else ()),
                staff_name=text(ours.get("name")) if text(extension) else "",
                direction="outbound" if is_outgoing else "inbound",
                numbers=numbers(other.get("phoneNumber")),
                caller_name=text(other.get("name")) or None,
                is_internal=_is_internal(other),
            )
        )
        if peer not in ("", source_id) and not text(extension):
            # The caller is handed over to another session: who talks there talks with them from now on.
            steps.append(
                Step(
                    source_id=peer,
                    leg=f"{JOINED}{source_id}/{leg}",
                    state="talking",
                    at=at,
                    numbers=numbers(ours.get("phoneNumber")),
                    caller_name=text(ours.get("name")) or None,
                    direction="inbound",
                )
            )
    return steps


def _peer(party: dict[str, Any]) -> str:
    """The telephony session that a party which is gone went to."""
    peer = within(within(party, "status"), "peerId")
    return text(peer.get("telephonySessionId")) or text(peer.get("sessionId"))


def _is_internal(other: dict[str, Any]) -> bool:
    """Whether the other side is an extension: it has one, or a number as short as one."""
    told = text(other.get("phoneNumber"))
    if told.startswith("+"):
        return False
    is_short = told.isascii() and told.isdigit() and len(told) <= 6
    return is_short or (bool(text(other.get("extensionId"))) and not told)
