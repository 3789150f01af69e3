"""Where the pretend providers are put together."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.providers.authorize import Authorize
from sandbox.providers.door import Door
from sandbox.providers.endpoints import Endpoints
from sandbox.providers.faults import may_fail
from sandbox.providers.people import PROVIDERS, ProviderName
from sandbox.providers.settings import ProviderSettings
from sandbox.providers.state import Logged, PretendProviders

_PLAIN: Final = (
    *("client_id", "response_type", "response_mode", "scope", "code_challenge_method"),
    *("prompt", "grant_type", "hd", "domain_hint"),
)
"""Parameters whose values are no secret."""


class ProvidersApp(Starlette):
    """A Starlette app that remembers the server's transport, so that a fault can reset it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Notes the transport, which uvicorn's own `send` is bound to, and goes on."""
        owner = getattr(send, "__self__", None)
        scope["sandbox.transport"] = getattr(owner, "transport", None)
        await super().__call__(scope, receive, send)


class _RequestLog:
    """ASGI middleware that logs every request to a provider."""

    def __init__(self, app: ASGIApp, state: PretendProviders) -> None:
        """Stands in front of `app`."""
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and logs it once it is answered or cut."""
        provider = scope.get("path", "").strip("/").partition("/")[0]
        if scope["type"] != "http" or provider not in PROVIDERS:
            await self._app(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        at, path = self._state.settings.now().isoformat(), scope["path"]
        # Kept apart from the scope, which routing copies.
        form: dict[str, str] = {}
        scope["sandbox.form"] = form
        try:
            await self._app(scope, receive, noting)
        finally:
            query = dict(parse_qsl(scope["query_string"].decode("latin-1"), True))
            self._state.log.append(
                _logged({**query, **form}, at, provider, scope["method"], path, status)
            )


def _logged(
    sent: Mapping[str, str], at: str, provider: str, method: str, path: str, status: int
) -> Logged:
    plain = {name: value for name, value in sent.items() if name in _PLAIN}
    return Logged(at, provider, method, path, status, tuple(sorted(sent)), plain)


def create_providers(settings: ProviderSettings) -> Starlette:
    """The pretend Google, Microsoft and Apple as an ASGI app; `app.state.providers` is their state."""
    state = PretendProviders(settings)
    app = ProvidersApp(
        routes=[*(_mounted(state, name) for name in PROVIDERS), Door(state).mount()],
        middleware=[Middleware(_RequestLog, state=state)],
    )
    app.state.providers = state
    return app


def _mounted(state: PretendProviders, name: ProviderName) -> Mount:
    one = state.each[name]
    provider, consent, endpoints = (
        one.provider,
        Authorize(one, state.settings),
        Endpoints(one, state),
    )
    routes = [
        Route(provider.authorize_path, consent.show),
        Route("/consent", consent.answer, methods=["POST"]),
        Route(provider.discovery_path, may_fail(state, name, "discovery", endpoints.discovery)),
        Route(provider.keys_path, may_fail(state, name, "jwks", endpoints.keys)),
        Route(
            provider.token_path,
            may_fail(state, name, "token", endpoints.token),
            methods=["POST"],
        ),
    ]
    if provider.userinfo_path:
        userinfo = may_fail(state, name, "userinfo", endpoints.userinfo)
        routes.append(Route(provider.userinfo_path, userinfo))
    return Mount(f"/{name}", routes=routes)
