"""Xero's identity service and its list of connections, over HTTP."""

import base64
import binascii
import secrets
from urllib.parse import unquote_plus

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.practice.faults import bearer_of, spend
from sandbox.practice.grants import Bearer, Grants, InvalidGrantError, Tokens
from sandbox.practice.settings import PracticeSettings
from sandbox.practice.state import PretendXero

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Identity:
    """Tokens, revocation, connections and discovery."""

    def __init__(self, state: PretendXero) -> None:
        """Answer from `state`."""
        self._state = state

    def routes(self) -> list[Route]:
        """Return what to mount at the root."""
        return [
            Route("/connect/token", self.token, methods=["POST"]),
            Route("/connect/revocation", self.revocation, methods=["POST"]),
            Route("/connect/userinfo", self.user_info),
            Route("/connections", self.connections),
            Route("/connections/{id}", self.disconnect, methods=["DELETE"]),
            Route("/.well-known/openid-configuration", self.discovery),
            Route("/.well-known/openid-configuration/jwks", self.keys),
        ]

    async def token(self, request: Request) -> Response:
        """Exchange a code or a refresh token; errors are JSON with the OAuth name."""
        if not _is_the_app(request, self._state.settings):
            return _error("invalid_client", 401)
        form = await request.form()
        try:
            match _text(form, "grant_type"):
                case "authorization_code":
                    tokens = self._state.grants.redeem(
                        _text(form, "code"),
                        _text(form, "redirect_uri"),
                        _text(form, "code_verifier"),
                    )
                case "refresh_token":
                    tokens = self._refreshed(_text(form, "refresh_token"))
                case _:
                    return _error("unsupported_grant_type", 400)
        except InvalidGrantError:
            return _error("invalid_grant", 400)
        return JSONResponse(_token_reply(tokens), headers=NO_STORE)

    async def revocation(self, request: Request) -> Response:
        """End the grant of a refresh token; always 200 for the app itself."""
        if not _is_the_app(request, self._state.settings):
            return _error("invalid_client", 401)
        self._state.grants.revoke(_text(await request.form(), "token"))
        return Response(status_code=200)

    async def user_info(self, request: Request) -> Response:
        """Say who the token's person is."""
        bearer = self._bearer(request)
        if bearer is None or "openid" not in bearer.scopes:
            return _unauthorised()
        person = bearer.grant.person
        return JSONResponse({"sub": person.uuid, "name": person.name, "email": person.email})

    async def connections(self, request: Request) -> Response:
        """List the tenants the token opens; `authEventId` keeps those of one consent."""
        bearer = self._bearer(request)
        if bearer is None:
            return _unauthorised()
        event_id = request.query_params.get("authEventId", "")
        return JSONResponse(
            [
                {
                    "id": connection.id,
                    "authEventId": connection.event_id,
                    "tenantId": connection.tenant_id,
                    "tenantType": "PRACTICEMANAGER",
                    "tenantName": self._state.practices[connection.tenant_id].name,
                    # Seven digits and no zone, as the vendor writes them.
                    "createdDateUtc": f"{connection.created:%Y-%m-%dT%H:%M:%S.%f}0",
                    "updatedDateUtc": f"{connection.updated:%Y-%m-%dT%H:%M:%S.%f}0",
                }
                for connection in bearer.grant.connections.values()
                if event_id in ("", connection.event_id)
            ]
        )

    async def disconnect(self, request: Request) -> Response:
        """Remove one connection by its own id: 204, or 404 when there is none."""
        bearer = self._bearer(request)
        if bearer is None:
            return _unauthorised()
        kept = bearer.grant.connections
        for tenant_id, connection in list(kept.items()):
            if connection.id == request.path_params["id"]:
                del kept[tenant_id]
                return Response(status_code=204)
        return Response(status_code=404)

    async def discovery(self, request: Request) -> Response:
        """Say where everything is."""
        base = self._state.settings.public_url
        return JSONResponse(
            {
                "issuer": base,
                "authorization_endpoint": f"{base}/identity/connect/authorize",
                "token_endpoint": f"{base}/connect/token",
                "revocation_endpoint": f"{base}/connect/revocation",
                "userinfo_endpoint": f"{base}/connect/userinfo",
                "jwks_uri": f"{base}/.well-known/openid-configuration/jwks",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def keys(self, request: Request) -> Response:
        """Offer no keys: the tokens of a pretend Xero are not signed."""
        return JSONResponse({"keys": []})

    def _refreshed(self, token: str) -> Tokens:
        grants: Grants = self._state.grants
        for fault in self._state.faults:
            if fault.kind == "dead_grant":
                spend(self._state.faults, fault)
                grants.end_line(token)
                break
        return grants.refresh(token)

    def _bearer(self, request: Request) -> Bearer | None:
        return self._state.grants.bearer(bearer_of(request.scope))


def _token_reply(tokens: Tokens) -> dict[str, object]:
    reply: dict[str, object] = {
        "access_token": tokens.access,
        "expires_in": tokens.seconds,
        "token_type": "Bearer",
        "scope": " ".join(tokens.scopes),
    }
    if tokens.identity:
        reply["id_token"] = tokens.identity
    if tokens.refresh:
        reply["refresh_token"] = tokens.refresh
    return reply


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _is_the_app(request: Request, settings: PracticeSettings) -> bool:
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return False
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return False
    # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    return any(
        secrets.compare_digest(n.encode(), settings.client_id.encode())
        and secrets.compare_digest(s.encode(), settings.client_secret.encode())
        for n, s in ((name, secret), (unquote_plus(name), unquote_plus(secret)))
    )


def _error(name: str, status: int) -> Response:
    return JSONResponse({"error": name}, status_code=status, headers=NO_STORE)


def _unauthorised() -> Response:
    body = {"Title": "Unauthorized", "Status": 401, "Detail": "AuthenticationUnsuccessful"}
    return JSONResponse(
        body, status_code=401, headers={"WWW-Authenticate": "Bearer error=invalid_token"}
    )
