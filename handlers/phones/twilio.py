"""Twilio Voice: status callbacks of calls that are over.

https://www.twilio.com/docs/voice/twiml#callstatus-values, https://www.twilio.com/docs/usage/security#validating-requests
Event: the status callback `completed` of a number or, better, of each <Number>, <Client> or <Sip> inside <Dial>, by
POST. Proof: `X-Twilio-Signature`, HMAC-SHA1 by the account's auth token over the public address and the fields; Twilio
itself signs it with the port or without. It holds no time, so a replay is known by `CallSid` alone.

Twilio knows no people. `?email=mia@example.com` in the callback's address names the person (the signature covers it);
otherwise `client:mia`, `sip:…` or the number stands for them. The legs of a call share `ParentCallSid`. A child leg is
talk from its answer on; the parent includes ringing. `Duration` is minutes rounded up and never read.

Not verified against a live delivery: calls that a browser client makes, SIP domains, and whether the fragment of a
connection override (`#rc=3`) is ever signed.
"""

import base64
import datetime as dt
import hashlib
import hmac
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

from handlers.phones.delivery import Delivery, Unproven, Unreadable
from handlers.phones.values import email, identity, link, names, numbers, seconds, text
from xpm.calls import EndedCall, Told

_OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_PORTS = {"https": 443, "http": 80}
_MOST_FIELDS = 300


def verify(delivery: Delivery, secret: str) -> None:
    """Raises Unproven unless Twilio's signature stands, over the address with or without its port."""
    given = delivery.headers.get("x-twilio-signature", "")
    if not given:
        raise Unproven("no_signature")
    try:
        split = urlsplit(delivery.url)
        hashed = parse_qs(split.query).get("bodySHA256")
        if hashed is not None:
            is_whole = hmac.compare_digest(
                hashlib.sha256(delivery.body).hexdigest().encode(), hashed[0].lower().encode()
            )
            if not is_whole:
                raise Unproven("bad_body_hash")
            signed = ""
        else:
            fields = _fields(delivery)
            signed = "".join(
                name + value for name in sorted(fields) for value in sorted(set(fields[name]))
            )
    except ValueError:
        raise Unproven("malformed_body") from None
    right = False
    for url in _spellings(delivery.url):
        made = hmac.digest(secret.encode(), (url + signed).encode(), hashlib.sha1)
        right |= hmac.compare_digest(base64.b64encode(made), given.encode("utf-8", "replace"))
    if not right or not secret:
        raise Unproven("bad_signature")


def _spellings(url: str) -> set[str]:
    """The address with its port, without, and as it is."""
    split = urlsplit(url)
    host = split.netloc.rpartition("@")[2]
    name = split.hostname or ""
    name = f"[{name}]" if ":" in name else name
    port = split.port or _PORTS.get(split.scheme)
    return {urlunsplit(split._replace(netloc=netloc)) for netloc in (host, name, f"{name}:{port}")}


def _fields(delivery: Delivery) -> dict[str, list[str]]:
    """The form's fields. Raises ValueError for what is no form."""
    return parse_qs(
        delivery.body.decode("utf-8"),
        keep_blank_values=True,
        max_num_fields=_MOST_FIELDS,
        errors="strict",
    )


def read(delivery: Delivery) -> list[Told]:
    """The leg that is over; nothing while it goes on. Raises Unreadable."""
    try:
        fields = {name: values[0] for name, values in _fields(delivery).items()}
    except ValueError:
        raise Unreadable("not_a_form") from None
    if "CallSid" not in fields or "CallStatus" not in fields:
        raise Unreadable("CallSid" if "CallStatus" in fields else "CallStatus")
    if fields["CallStatus"] not in _OVER:
        return []
    leg = identity(fields["CallSid"], "CallSid")
    parent = text(fields.get("ParentCallSid"))
    caller, called = text(fields.get("From"), 200), text(fields.get("To"), 200)
    asked = dict(parse_qsl(urlsplit(delivery.url).query))
    # A client of the account that calls is ours, and so is whoever calls out by the API.
    is_outgoing = _is_client(caller) or fields.get("Direction", "").startswith("outbound-api")
    ours, outside = (caller, called) if is_outgoing else (called, caller)
    if asked.get("outside") == "to":
        ours, outside, is_outgoing = caller, called, True
    lasted = seconds(fields.get("CallDuration"))
    is_answered = fields["CallStatus"] == "completed" and bool(lasted)
    is_machine = text(fields.get("AnsweredBy")).startswith("machine")
    ended = _moment(fields.get("Timestamp")) or delivery.at
    started = ended - dt.timedelta(seconds=lasted or 0)
    person = email(asked.get("email"))
    word = "client" if ours.startswith("client:") else "sip" if ours.startswith("sip:") else "line"
    return [
        EndedCall(
            source_id=parent or leg,
            email=person,
            direction="outbound" if is_outgoing else "inbound",
            numbers=() if _is_client(outside) else numbers(outside),
            caller_name=text(fields.get("CallerName")) or None,
            is_answered=is_answered and not is_machine,
            is_internal=_is_client(outside) and _is_client(ours),
            started_at=started,
            # A parent rings inside Twilio while it is up already, so only a child says when somebody answered.
            answered_at=started if is_answered and parent else None,
            ended_at=ended,
            # Beside a named person a line says nothing: many may share it.
            staff=()
            if person and word == "line"
            else names(**{word: ours.removeprefix("client:").removeprefix("sip:")}),
            is_voicemail=is_answered and is_machine,
            is_line=not person and word == "line",
            leg=leg,
            remarks=tuple(link("recording", fields.get("RecordingUrl"))),
        )
    ]


def _is_client(name: str) -> bool:
    return name.startswith(("client:", "sip:"))


def _moment(value: str | None) -> dt.datetime | None:
    """A moment out of RFC 2822; None for one that is none, such as the "Thurs" of an old sample."""
    try:
        found = parsedate_to_datetime(text(value))
        found = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
        found = found.astimezone(dt.UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return found if 2000 <= found.year < 2100 else None
