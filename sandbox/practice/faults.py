"""Faults on request: the ways in which a vendor misbehaves, put in front of everything else."""

import asyncio
import contextlib
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from sandbox.practice.state import PretendXero

XPM_PATH = "/practicemanager/3.1/"
EVERYTHING = "*"
KINDS: Final = (
    "late",
    "late_write",
    "cut_before",
    "cut_after",
    "rate",
    "500",
    "500_after",
    "503",
    "half",
    "malformed",
    "dead_token",
    "dead_grant",
    "down",
)


@dataclass(slots=True)
class Fault:
    """One misbehaviour, for `times` requests whose endpoint starts with `on`.

    `on` is "" for all of XPM, "*" for this whole server, else the start of an endpoint such as
    "time.api/add" or "connect/token". `times` is -1 until cleared. `seconds` is the wait of late
    and late_write and the Retry-After of rate, `problem` its X-Rate-Limit-Problem.
    """

    kind: str
    on: str = ""
    times: int = 1
    seconds: float = 5
    problem: str = "minute"

    def meets(self, path: str) -> bool:
        """Tell whether a request to that path gets this fault."""
        if self.times == 0:
            return False
        if self.kind == "dead_grant":
            return path == "/connect/token"
        if self.on == EVERYTHING:
            return True
        return endpoint_of(path).startswith(self.on) and (
            bool(self.on) or path.startswith(XPM_PATH)
        )


def endpoint_of(path: str) -> str:
    """Return the endpoint of a path: "time.api/add", or "connect/token" outside XPM."""
    return path.removeprefix(XPM_PATH).lstrip("/")


@dataclass(slots=True)
class Taken:
    """A reply of the app inside, kept instead of sent."""

    start: Message | None = None
    body: bytearray = field(default_factory=bytearray)

    async def send(self, message: Message) -> None:
        """Keep one message."""
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")


class Faults:
    """ASGI middleware that lets requests through unless a fault meets them."""

    def __init__(self, app: ASGIApp, state: "PretendXero") -> None:
        """Stand in front of `app`."""
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or misbehave."""
        if scope["type"] != "http" or scope["path"].startswith("/sandbox"):
            await self._app(scope, receive, send)
            return
        fault = self._take(scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._misbehave(fault, scope, receive, send)

    def _take(self, path: str) -> Fault | None:
        for fault in self._state.faults:
            # A token's end is the business of the token endpoint, which sees the grant type.
            if fault.kind != "dead_grant" and fault.meets(path):
                spend(self._state.faults, fault)
                return fault
        return None

    async def _misbehave(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        kind = fault.kind
        if kind == "dead_token":
            self._state.grants.kill(bearer_of(scope))
            await self._app(scope, receive, send)
        elif kind == "cut_before":
            await cut(scope, receive, send)
        elif kind == "late_write":
            await self._write_later(fault.seconds, scope, receive, send)
        elif kind in ("rate", "500", "503", "down"):
            await _refuse(fault, send)
        else:
            taken = Taken()
            await self._app(scope, receive, taken.send)
            if kind == "late":
                # A call that waits for its answer still takes one of the five places.
                with self._state.limits.place(tenant_of(scope)):
                    await asyncio.sleep(fault.seconds)
            await _spoil(fault, taken, scope, receive, send)

    async def _write_later(
        self, seconds: float, scope: Scope, receive: Receive, send: Send
    ) -> None:
        body = await _read(receive)

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def land() -> None:
            await asyncio.sleep(seconds)
            await self._app(scope, replay, Taken().send)

        task = asyncio.create_task(land())
        self._state.later.add(task)
        task.add_done_callback(self._state.later.discard)
        await cut(scope, receive, send)


def spend(faults: list[Fault], fault: Fault) -> None:
    """Count one use of a fault, and drop it when it is used up."""
    if fault.times > 0:
        fault.times -= 1
        if fault.times == 0:
            faults.remove(fault)


def bearer_of(scope: Scope) -> str:
    """Return the bearer token of a request, or an empty text."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if kind.lower() == "bearer" else ""
    return ""


def tenant_of(scope: Scope) -> str:
    """Return the tenant a request names, in lower case, or an empty text."""
    for name, value in scope["headers"]:
        if name == b"xero-tenant-id":
            return str(value.decode("latin-1")).lower()
    return ""


async def cut(scope: Scope, receive: Receive, send: Send) -> None:
    """Reset the TCP connection, so that the caller never learns what happened.

    Works under uvicorn with h11 and httptools alike; behind a server that shows no transport, the
    reply stops short of its stated length instead.
    """
    transport: asyncio.Transport | None = scope.get("sandbox.transport")
    if transport is None:
        await _half(send, 200, [(b"content-length", b"1000")], b"")
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # Linger of zero makes the close a reset; the option belongs to the socket, not the copy.
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _spoil(fault: Fault, taken: Taken, scope: Scope, receive: Receive, send: Send) -> None:
    start = taken.start or {"status": 500, "headers": []}
    status, headers, body = start["status"], start["headers"], bytes(taken.body)
    match fault.kind:
        case "cut_after":
            await cut(scope, receive, send)
        case "500_after":
            await _refuse(fault, send)
        case "half":
            sized = [pair for pair in headers if pair[0].lower() != b"content-length"]
            sized.append((b"content-length", str(len(body)).encode()))
            await _half(send, status, sized, body[: len(body) // 2])
            transport: asyncio.Transport | None = scope.get("sandbox.transport")
            if transport is not None:
                transport.close()
                while (await receive())["type"] != "http.disconnect":
                    pass
        case "malformed":
            broken = body.replace(b"</Status>", b"</Statu>", 1) if body else b"<Response>"
            if broken == body:
                broken = body[:-1] + b"<"
            await _whole(send, status, _without_length(headers), broken)
        case _:  # late
            await _whole(send, status, _without_length(headers), body)


async def _refuse(fault: Fault, send: Send) -> None:
    match fault.kind:
        case "rate":
            headers = [
                (b"retry-after", str(int(fault.seconds)).encode()),
                (b"x-rate-limit-problem", fault.problem.encode()),
                (b"x-minlimit-remaining", b"0"),
            ]
            await _whole(send, 429, headers, b"")
        case "500" | "500_after":
            body = (
                b"<Response><Status>ERROR</Status>"
                b"<ErrorDescription>An unexpected error occurred</ErrorDescription></Response>"
            )
            await _whole(send, 500, [(b"content-type", b"text/xml; charset=utf-8")], body)
        case _:
            # The recorded outage is JSON that does not parse.
            body = b'{"Title":"Service Unavailable",Status":503}'
            await _whole(send, 503, [(b"content-type", b"application/json")], body)


def _without_length(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [pair for pair in headers if pair[0].lower() != b"content-length"]


async def _whole(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    sized = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": body})


async def _half(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)
