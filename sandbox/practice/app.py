"""Where the pretend Xero is put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.practice.consent import Consent
from sandbox.practice.door import Door
from sandbox.practice.faults import XPM_PATH, Faults, endpoint_of, tenant_of
from sandbox.practice.gateway import Gateway
from sandbox.practice.identity import Identity
from sandbox.practice.settings import PracticeSettings
from sandbox.practice.state import Logged, PretendXero


class PracticeApp(Starlette):
    """A Starlette app that remembers the server's transport, so that a fault can reset it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the transport, which uvicorn's own `send` is bound to, and go on."""
        owner = getattr(send, "__self__", None)
        scope["sandbox.transport"] = getattr(owner, "transport", None)
        await super().__call__(scope, receive, send)


class RequestLog:
    """ASGI middleware that logs every request but those to the door."""

    def __init__(self, app: ASGIApp, state: PretendXero) -> None:
        """Stand in front of `app`."""
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log it with its status, once it is answered or cut."""
        if scope["type"] != "http" or scope["path"].startswith("/sandbox"):
            await self._app(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path: str = scope["path"]
        is_xpm = path.startswith(XPM_PATH)
        name = "/".join(endpoint_of(path).split("/")[:2])
        self._state.counts[name] += 1
        try:
            await self._app(scope, receive, noting)
        finally:
            entry = Logged(
                at=self._state.settings.now().isoformat(),
                method=scope["method"],
                path=path,
                # Queries outside XPM carry codes and states.
                query=scope["query_string"].decode("latin-1") if is_xpm else "",
                status=status,
                tenant=tenant_of(scope),
            )
            self._state.log.append(entry)


def create_practice(settings: PracticeSettings) -> PracticeApp:
    """Return the pretend Xero as an ASGI app; `app.state.practice` is its live PretendXero."""
    state = PretendXero(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        state.stop_later()

    app = PracticeApp(
        routes=[
            *Consent(state).routes(),
            *Identity(state).routes(),
            Mount(XPM_PATH.rstrip("/"), app=Gateway(state)),
            Door(state).mount(),
        ],
        middleware=[Middleware(RequestLog, state=state), Middleware(Faults, state=state)],
        lifespan=lifespan,
    )
    app.state.practice = state
    return app
