"""The pretend Microsoft: https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, Final

from starlette.requests import Request

from sandbox.providers.clients import shows_secret
from sandbox.providers.keys import b64
from sandbox.providers.people import (
    TENANT_ELSEWHERE,
    TENANT_KEA,
    TENANT_PERSONAL,
    Account,
    stable_number,
    stable_uuid,
)
from sandbox.providers.provider import (
    Grant,
    Json,
    OAuthError,
    Provider,
    Wish,
    Words,
)
from sandbox.providers.settings import SecretApp

_MANY: Final = ("common", "organizations")
_TENANTS: Final = (*_MANY, "consumers", TENANT_KEA, TENANT_ELSEWHERE, TENANT_PERSONAL)
_CODES: Final = {
    "invalid_client": 7000215,
    "invalid_grant": 70008,
    "invalid_request": 900144,
    "unsupported_grant_type": 70003,
}


class Microsoft(Provider):
    """Sends no email_verified; the issuer of the token holds the person's tenant."""

    name = "microsoft"
    title = "Microsoft"
    words = Words(
        "AADSTS700016: Application was not found in the directory.",
        "AADSTS50011: The redirect URI specified in the request does not match.",
    )
    scope_words: ClassVar[Mapping[str, str]] = {
        "openid": "that it is you",
        "email": "your e-mail address",
        "profile": "your name",
    }
    shows_errors_itself = False
    cancelled: ClassVar[Json] = {
        "error": "access_denied",
        "error_subcode": "cancel",
        "error_description": "AADSTS65004: User declined to consent to access the app.",
    }
    code_life = timedelta(minutes=10)
    code_start = "1.A"
    # Microsoft's keys name no algorithm.
    keys_name_alg = False
    discovery_path = "/{tenant}/v2.0/.well-known/openid-configuration"
    authorize_path = "/{tenant}/oauth2/v2.0/authorize"
    token_path = "/{tenant}/oauth2/v2.0/token"
    keys_path = "/{tenant}/discovery/v2.0/keys"
    userinfo_path = "/oidc/userinfo"

    @property
    def app(self) -> SecretApp:
        """The app it knows."""
        return self.settings.microsoft

    def issuer(self, tenant: str) -> str:
        """The issuer of a tenant's tokens."""
        return f"{self.base}/{tenant}/v2.0"

    def discovery(self, tenant: str) -> Json:
        """The discovery document; for many tenants its issuer is a template, literally."""
        named = "{tenantid}" if tenant in _MANY else _tid(tenant)
        return {
            "token_endpoint": self.base + self.token_path.format(tenant=tenant),
            "token_endpoint_auth_methods_supported": [
                *("client_secret_post", "private_key_jwt", "client_secret_basic")
            ],
            "jwks_uri": self.base + self.keys_path.format(tenant=tenant),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": self.issuer(named),
            "request_uri_parameter_supported": False,
            "userinfo_endpoint": self.base + self.userinfo_path,
            "authorization_endpoint": self.base + self.authorize_path.format(tenant=tenant),
            "http_logout_supported": False,
            "claims_supported": [
                *("sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name"),
                *("tid", "ver", "at_hash", "c_hash", "email"),
            ],
            "tenant_region_scope": None,
        }

    def claims(self, grant: Grant, access_token: str, now: int) -> dict[str, object]:
        """The claims of an id token, which seems to be five minutes old and lives another hour."""
        account, scopes = grant.account, grant.wish.scopes
        optional = {
            "email": account.email if "email" in scopes else None,
            "name": account.name if "profile" in scopes else None,
            "nonce": grant.wish.nonce or None,
            **account.claims,
        }
        if "profile" not in scopes:
            optional["preferred_username"] = None
        return {
            "aud": self.app.client_id,
            "iss": self.issuer(account.tenant),
            "iat": now - 300,
            "nbf": now - 300,
            "exp": now + 3600,
            **{name: value for name, value in optional.items() if value is not None},
            "oid": _oid(account),
            "sub": self._sub(account),
            "tid": account.tenant,
            "uti": secrets.token_urlsafe(16),
            "ver": "2.0",
        }

    def userinfo(self, grant: Grant) -> Json:
        """Who the person is."""
        account = grant.account
        return {
            "sub": self._sub(account),
            "name": account.name,
            "given_name": account.given_name,
            "family_name": account.family_name,
            **({"email": account.email} if "email" in grant.wish.scopes else {}),
        }

    def tenant_refusal(self, tenant: str) -> str:
        """Why there is no such tenant; an empty text when there is."""
        return "" if tenant in _TENANTS else f"AADSTS90002: Tenant '{tenant}' not found."

    def account_refusal(self, account: Account, wish: Wish) -> str:
        """Why an account may not sign in at the address asked; an empty text when it may."""
        if wish.tenant == "organizations" and account.tenant == TENANT_PERSONAL:
            return (
                "You can't sign in here with a personal account. "
                "Use your work or school account instead."
            )
        if wish.tenant not in _MANY and account.tenant != _tid(wish.tenant):
            return f"AADSTS50020: User account '{account.email}' does not exist in this tenant."
        return ""

    def check_client(self, request: Request, form: Mapping[str, str]) -> None:
        """Lets the app through. Raises OAuthError."""
        if not shows_secret(request, form, self.app):
            raise OAuthError("invalid_client", "Invalid client secret provided.", 401)

    def token_reply(self, grant: Grant, access_token: str, token: str) -> Json:
        """The answer of the token endpoint."""
        return {
            "token_type": "Bearer",
            "scope": " ".join(grant.wish.scopes),
            "expires_in": 3599,
            "ext_expires_in": 3599,
            "access_token": access_token,
            "id_token": token,
        }

    def error_reply(self, error: OAuthError) -> Json:
        """The body of a refusal, with Microsoft's number."""
        number = _CODES.get(error.name, 900000)
        return {
            "error": error.name,
            "error_description": f"AADSTS{number}: {error.words}",
            "error_codes": [number],
            "timestamp": f"{self.settings.now():%Y-%m-%d %H:%M:%SZ}",
            "trace_id": stable_uuid("trace", error.words),
            "correlation_id": stable_uuid("correlation", error.words),
        }

    def answer_extras(self, wish: Wish) -> Json:
        """Microsoft adds the session, which nobody needs."""
        return {"session_state": secrets.token_hex(16)}

    def _sub(self, account: Account) -> str:
        # Pairwise: another one for every app.
        number = stable_number("microsoft", account.id, self.app.client_id)
        return b64(number.to_bytes(16, "big") * 2)


def _tid(tenant: str) -> str:
    return TENANT_PERSONAL if tenant == "consumers" else tenant


def _oid(account: Account) -> str:
    if account.tenant == TENANT_PERSONAL:
        # Personal accounts show their 64-bit id in a UUID's clothes.
        low = f"{stable_number('personal', account.id) % 2**64:016x}"
        return f"00000000-0000-0000-{low[:4]}-{low[4:]}"
    return stable_uuid("microsoft", account.id)
