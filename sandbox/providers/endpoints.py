"""What the app itself calls: discovery, keys, token and userinfo of any provider."""

import hashlib
import secrets
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.providers.keys import b64
from sandbox.providers.provider import Grant, OAuthError
from sandbox.providers.state import PretendProviders, ProviderState
from sandbox.providers.wrong import id_token

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Endpoints:
    """One provider's answers in JSON."""

    def __init__(self, state: ProviderState, all_: PretendProviders) -> None:
        """Answers from `state`; defects come from `all_`."""
        self._state = state
        self._all = all_

    async def discovery(self, request: Request) -> Response:
        """Where everything is."""
        tenant = str(request.path_params.get("tenant", ""))
        if refusal := self._state.provider.tenant_refusal(tenant):
            return self._refused(OAuthError("invalid_tenant", refusal))
        return JSONResponse(self._state.provider.discovery(tenant))

    async def keys(self, request: Request) -> Response:
        """The public keys."""
        headers = {"Cache-Control": "public, max-age=3600"}
        return JSONResponse({"keys": self._state.keys.published()}, headers=headers)

    async def token(self, request: Request) -> Response:
        """Exchanges a code, once."""
        form = await request.form()
        told = {name: value for name, value in form.items() if isinstance(value, str)}
        # For the log, which shows names and plain values only.
        request.scope["sandbox.form"].update(told)
        try:
            return JSONResponse(self._exchanged(request, told), headers=_NO_STORE)
        except OAuthError as error:
            return self._refused(error)

    async def userinfo(self, request: Request) -> Response:
        """Who the person behind an access token is."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self._state.access.get(token) if kind.lower() == "bearer" else None
        if grant is None or grant.expires <= self._all.settings.now():
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return JSONResponse({"error": "invalid_token"}, status_code=401, headers=headers)
        return JSONResponse(self._state.provider.userinfo(grant), headers=_NO_STORE)

    def _exchanged(self, request: Request, form: Mapping[str, str]) -> Mapping[str, object]:
        provider = self._state.provider
        if form.get("grant_type") != "authorization_code":
            raise OAuthError("unsupported_grant_type", "Only authorization_code is supported here.")
        provider.check_client(request, form)
        # A code is used up by the first try of the right app, a failed one included.
        grant = self._state.take_code(form.get("code", ""))
        if grant is None:
            raise OAuthError("invalid_grant", "The code has expired or was redeemed already.")
        if form.get("redirect_uri") != grant.wish.redirect_uri:
            raise OAuthError("invalid_grant", "The redirect_uri is another one.")
        _check_verifier(grant, form.get("code_verifier", ""))
        access = self._state.keep_access(grant)
        claims = provider.claims(grant, access, int(self._all.settings.now().timestamp()))
        wrong = self._all.take_wrong(provider.name)
        token = id_token(self._state.keys, provider.header, claims, wrong)
        return provider.token_reply(grant, access, token)

    def _refused(self, error: OAuthError) -> Response:
        body = self._state.provider.error_reply(error)
        return JSONResponse(body, status_code=error.status, headers=_NO_STORE)


def _check_verifier(grant: Grant, verifier: str) -> None:
    """Lets the right verifier through, and none where no challenge was. Raises OAuthError.

    RFC 9700, section 2.1.1: a verifier without a challenge is a sign of a downgrade.
    """
    challenge = grant.wish.challenge
    if not challenge and not verifier:
        return
    hashed = b64(hashlib.sha256(verifier.encode()).digest())
    if not challenge or not secrets.compare_digest(hashed.encode(), challenge.encode()):
        raise OAuthError("invalid_grant", "The code_verifier does not match the code_challenge.")
