"""A pretend telephone: it ends calls and tells the app so, as a phone system with signed webhooks would.

It knows the app's public format only: Standard Webhooks around a `call.ended` event.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import aiohttp
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from yarl import URL

from sandbox.phones import KINDS, Line, tell

LOG_LENGTH = 500
NO_ANSWER = 0
"""The status in an answer when the app did not answer at all."""


class NotACallError(ValueError):
    """The request describes no call; its words are for the person who asked."""


class Signer(Protocol):
    """What is used of the `standardwebhooks` package, which has no types of its own."""

    def sign(self, msg_id: str, timestamp: datetime, data: str) -> str:
        """Return `v1,` and the signature; `timestamp` is taken as UTC."""


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class TelephoneSettings:
    """Where the app listens for calls and the secret it gave; both may be told later.

    `url` is the app's call address, `secret` is `whsec_` and base64. `answer_seconds` is how long
    the app's answer is waited for (Standard Webhooks suggests 15 to 30 s).
    """

    url: str | None = None
    secret: str | None = field(default=None, repr=False)
    internal_number: str = "+6495550100"
    answer_seconds: float = 15.0
    now: Callable[[], datetime] = utc_now


@dataclass(frozen=True, slots=True)
class Spoken:
    """A call as a person describes it; lengths are whole seconds."""

    user_email: str
    external_number: str | None
    external_name: str | None
    direction: str
    is_answered: bool
    talk_seconds: int
    ring_seconds: int
    ended_at: datetime
    is_internal: bool
    id: str
    notes: str | None
    others: tuple[str, ...]

    def event(self, internal_number: str) -> dict[str, Any]:
        """Return the `call.ended` event; times are ISO 8601 in UTC, null where nothing happened.

        `external_number` is null when it was withheld; `external_numbers` stands beside it only
        when more than one outside number took part.
        """
        talk = self.talk_seconds if self.is_answered else 0
        answered_at = self.ended_at - timedelta(seconds=talk)
        started_at = answered_at - timedelta(seconds=self.ring_seconds)
        told: dict[str, Any] = {
            "id": self.id,
            "direction": self.direction,
            "external_number": self.external_number,
            "external_name": self.external_name,
            "internal_number": internal_number,
            "user_email": self.user_email,
            "started_at": iso(started_at),
            "answered_at": iso(answered_at) if self.is_answered else None,
            "ended_at": iso(self.ended_at),
        }
        if self.others:
            first = (self.external_number,) if self.external_number else ()
            told["external_numbers"] = [*first, *self.others]
        if self.is_internal:
            told["internal"] = True
        if self.notes:
            told["notes"] = self.notes
        return {"type": "call.ended", "timestamp": iso(self.ended_at), "data": told}


def iso(moment: datetime) -> str:
    """Return ISO 8601 in UTC to the second, with a Z."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read_call(body: Mapping[str, Any], now: datetime) -> Spoken:
    """Return the call that a request describes, with what it left out filled in.

    Raises NotACallError when a field has a value that no call can have.
    """
    direction = body.get("direction", "inbound")
    if direction not in ("inbound", "outbound"):
        raise NotACallError("direction is inbound or outbound")
    ended_at = now
    if body.get("ended_at") is not None:
        try:
            ended_at = datetime.fromisoformat(str(body["ended_at"]))
        except ValueError as error:
            raise NotACallError("ended_at is not an ISO 8601 time") from error
        if ended_at.tzinfo is None:
            raise NotACallError("ended_at needs a zone, such as Z or +13:00")
    return Spoken(
        user_email=str(body.get("user_email") or ""),
        external_number=text_or_none(body, "external_number"),
        external_name=text_or_none(body, "external_name"),
        direction=direction,
        is_answered=bool(body.get("answered", True)),
        talk_seconds=seconds(body, "talk_seconds", 720),
        ring_seconds=seconds(body, "ring_seconds", 8),
        ended_at=ended_at,
        is_internal=bool(body.get("internal", False)),
        id=text_or_none(body, "id") or f"call-{uuid.uuid4()}",
        notes=text_or_none(body, "notes"),
        others=tuple(str(one) for one in body.get("others") or ()),
    )


def text_or_none(body: Mapping[str, Any], name: str) -> str | None:
    """Return a field's text; empty is None."""
    value = body.get(name)
    return str(value) if value not in (None, "") else None


def seconds(body: Mapping[str, Any], name: str, default: int) -> int:
    """Return a length in whole seconds; raises NotACallError when it is none."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise NotACallError(f"{name} is a whole number of seconds")
    return value


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to the app: its status (0 when there was no answer) and the answer's first words."""

    webhook_id: str
    call_id: str | None
    kind: str
    status: int
    answer: str
    at: str

    def shown(self) -> dict[str, Any]:
        """Return the delivery as the door's log shows it."""
        return {
            "webhook_id": self.webhook_id,
            "id": self.call_id,
            "kind": self.kind,
            "status": self.status,
            "answer": self.answer,
            "at": self.at,
        }


class Telephone:
    """The live telephone: where it rings through to, and what it has said."""

    def __init__(self, settings: TelephoneSettings) -> None:
        self.settings = settings
        self.url = settings.url
        self.secret = settings.secret
        # Besides its own format it speaks as other vendors' systems, each with its address and secret.
        self.others: dict[str, tuple[str, str]] = {}
        self.deliveries: deque[Delivery] = deque(maxlen=LOG_LENGTH)
        self.session: aiohttp.ClientSession | None = None

    def signed(self, webhook_id: str, at: datetime, body: bytes) -> str:
        """Return the signature header for a body that may be no UTF-8 at all."""
        if self.secret is None:
            raise NotACallError("the telephone has no secret yet: POST /sandbox/address")
        signer: Signer = Webhook(self.secret)
        return signer.sign(webhook_id, at, body.decode(errors="replace"))

    async def deliver(
        self,
        body: bytes,
        webhook_id: str,
        *,
        call_id: str | None,
        kind: str = "call",
        offset: timedelta = timedelta(),
        headers: Mapping[str, str | None] | None = None,
    ) -> Delivery:
        """Return what became of one signed POST; `headers` replace ours, None leaves one out."""
        if self.url is None or self.session is None:
            raise NotACallError("the telephone has no address yet: POST /sandbox/address")
        now = self.settings.now()
        attempt = now + offset
        sent = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(attempt.timestamp())),
            "webhook-signature": self.signed(webhook_id, attempt, body),
        }
        for name, value in (headers or {}).items():
            if value is None:
                sent.pop(name.lower(), None)
            else:
                sent[name.lower()] = value
        status, answer = NO_ANSWER, ""
        try:
            async with self.session.post(
                self.url, data=body, headers=sent, allow_redirects=False
            ) as response:
                status = response.status
                answer = (await response.text(errors="replace"))[:300]
        except (aiohttp.ClientError, TimeoutError) as error:
            answer = type(error).__name__
        delivery = Delivery(webhook_id, call_id, kind, status, answer, iso(now))
        self.deliveries.append(delivery)
        return delivery

    async def end_call(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the app's status and the call's id after telling the app that a call ended.

        The webhook's id follows from the call's id, so that the same call is the same event.
        """
        call = read_call(asked, self.settings.now())
        body = json.dumps(call.event(self.settings.internal_number)).encode()
        delivery = await self.deliver(body, f"msg_{call.id}", call_id=call.id)
        return {"status": delivery.status, "id": call.id}

    async def end_call_as(self, kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the app's last status and all of them after telling of a call as a vendor's system would."""
        if kind not in self.others or self.session is None:
            raise NotACallError(f"no {kind} here: POST /sandbox/address with its kind")
        call = read_call(asked, self.settings.now())
        url, secret = self.others[kind]
        line = Line(url, secret, self.settings.internal_number, self.settings.now())
        statuses = []
        for sent in tell(kind, call, line):
            status, answer = NO_ANSWER, ""
            try:
                # As it was signed: the library would write its %40 as @.
                async with self.session.post(
                    URL(url + sent.query, encoded=True),
                    data=sent.body,
                    headers=sent.headers,
                    allow_redirects=False,
                ) as response:
                    status = response.status
                    answer = (await response.text(errors="replace"))[:300]
            except (aiohttp.ClientError, TimeoutError) as error:
                answer = type(error).__name__
            self.deliveries.append(
                Delivery("", call.id, kind, status, answer, iso(self.settings.now()))
            )
            statuses.append(status)
        return {"status": statuses[-1], "statuses": statuses, "id": call.id}

    async def raw(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the app's statuses after sending what no honest telephone sends.

        Options: `body` (text as it goes, or JSON), else `call` as for a call; `bad_signature`,
        `timestamp_offset` (seconds), `repeat` (deliveries of the same event), `concurrent` (all
        at once), `webhook_id`, `headers` ({name: value or null}).
        """
        call = read_call(asked.get("call") or {}, self.settings.now())
        given = asked.get("body", call.event(self.settings.internal_number))
        body = given.encode() if isinstance(given, str) else json.dumps(given).encode()
        headers: dict[str, str | None] = dict(asked.get("headers") or {})
        if asked.get("bad_signature"):
            headers.setdefault(
                "webhook-signature", "v1,Zm9yZ2VkIHNpZ25hdHVyZSwgMzIgYnl0ZXMgbG9uZw=="
            )
        webhook_id = text_or_none(asked, "webhook_id") or f"msg_{call.id}"
        offset = timedelta(seconds=int(asked.get("timestamp_offset") or 0))

        async def once() -> int:
            sent = await self.deliver(
                body, webhook_id, call_id=call.id, kind="raw", offset=offset, headers=headers
            )
            return sent.status

        times = max(1, int(asked.get("repeat") or 1))
        if asked.get("concurrent"):
            statuses = list(await asyncio.gather(*(once() for _ in range(times))))
        else:
            statuses = [await once() for _ in range(times)]
        return {"status": statuses[-1], "statuses": statuses, "id": call.id}


async def asked_for(request: Request) -> Mapping[str, Any]:
    """Return a request's JSON object; raises NotACallError when it is none."""
    try:
        body = await request.json()
    except ValueError as error:
        raise NotACallError("the body is not JSON") from error
    if not isinstance(body, dict):
        raise NotACallError("the body is not a JSON object")
    return body


def telephone_of(request: Request) -> Telephone:
    """Return the telephone that this server is."""
    telephone: Telephone = request.app.state.telephone
    return telephone


async def post_call(request: Request) -> Response:
    """End a call."""
    asked = await asked_for(request)
    kind = text_or_none(asked, "system") or "standard"
    telephone = telephone_of(request)
    if kind == "standard":
        return JSONResponse(await telephone.end_call(asked))
    return JSONResponse(await telephone.end_call_as(kind, asked))


async def post_raw(request: Request) -> Response:
    """Send something malformed or forged."""
    return JSONResponse(await telephone_of(request).raw(await asked_for(request)))


async def post_address(request: Request) -> Response:
    """Learn where the app listens and the secret it gave."""
    telephone = telephone_of(request)
    body = await asked_for(request)
    kind = text_or_none(body, "kind") or "standard"
    if kind in KINDS:
        telephone.others[kind] = (str(body.get("url") or ""), str(body.get("secret") or ""))
        return JSONResponse({"url": body.get("url"), "has_secret": bool(body.get("secret"))})
    telephone.url = text_or_none(body, "url") or telephone.url
    telephone.secret = text_or_none(body, "secret") or telephone.secret
    return JSONResponse({"url": telephone.url, "has_secret": telephone.secret is not None})


async def get_calls(request: Request) -> Response:
    """Show what was sent, newest first."""
    shown = [one.shown() for one in reversed(telephone_of(request).deliveries)]
    return JSONResponse({"calls": shown})


async def get_systems(request: Request) -> Response:
    """Show which phone systems it can speak as."""
    return JSONResponse({"systems": ["standard", *telephone_of(request).others]})


async def refuse(_request: Request, error: Exception) -> Response:
    """Answer 422 with the sentence that says what is wrong."""
    return JSONResponse({"error": str(error)}, status_code=422)


def create_telephone(settings: TelephoneSettings) -> Starlette:
    """Return the telephone's server; `app.state.telephone` is the live telephone."""
    telephone = Telephone(settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        limit = aiohttp.ClientTimeout(total=settings.answer_seconds)
        async with aiohttp.ClientSession(timeout=limit) as session:
            telephone.session = session
            yield
        telephone.session = None

    app = Starlette(
        routes=[
            Route("/calls", post_call, methods=["POST"]),
            Route("/calls/raw", post_raw, methods=["POST"]),
            Route("/sandbox/address", post_address, methods=["POST"]),
            Route("/sandbox/calls", get_calls),
            Route("/sandbox/systems", get_systems),
        ],
        # The page is served from another port of this computer.
        middleware=[
            Middleware(
                CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"]
            )
        ],
        exception_handlers={NotACallError: refuse},
        lifespan=lifespan,
    )
    app.state.telephone = telephone
    return app
