"""Endpoints that misbehave on request."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.practice.faults import cut
from sandbox.providers.people import ProviderName
from sandbox.providers.state import PretendProviders

WHERE: Final = ("discovery", "jwks", "token", "userinfo")
KINDS: Final = ("500", "slow", "cut", "garbage")
Endpoint = Callable[[Request], Awaitable[Response]]


class _Cut(Response):
    """An answer that never comes: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Resets the connection."""
        await cut(scope, receive, send)


def may_fail(
    state: PretendProviders, provider: ProviderName, where: str, endpoint: Endpoint
) -> Endpoint:
    """The endpoint, which misbehaves while a fault meets it."""

    async def answer(request: Request) -> Response:
        fault = state.take_fault(provider, where)
        match fault.kind if fault is not None else "":
            case "500":
                return JSONResponse({"error": "server_error"}, status_code=500)
            case "cut":
                return _Cut()
            case "garbage":
                return Response('{"keys": [<html>', media_type="application/json")
            case "slow":
                await asyncio.sleep(fault.seconds if fault is not None else 0)
        return await endpoint(request)

    return answer
