"""The pretend Apple: https://developer.apple.com/documentation/signinwithapplerestapi."""

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.requests import Request

from sandbox.providers.keys import half_hash
from sandbox.providers.people import Account, stable_number
from sandbox.providers.provider import (
    Grant,
    Json,
    OAuthError,
    Provider,
    Wish,
    Words,
)
from sandbox.providers.settings import AppleApp

SECRET_LIFE_SECONDS: Final = 15_777_000
"""Six months: the longest life of a client secret.

https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
"""
_SLACK_SECONDS: Final = 60


class Apple(Provider):
    """Answers by form_post when a name or an address is asked for, and tells the name once."""

    name = "apple"
    title = "Apple"
    words = Words("invalid_client", "invalid_request: Invalid web redirect url.")
    scope_words: ClassVar[Mapping[str, str]] = {
        "openid": "that it is you",
        "email": "your e-mail address",
        "name": "your name",
    }
    # Apple's tokens name no type.
    header: ClassVar[Json] = {}
    must_ask_openid = False
    cancelled: ClassVar[Json] = {"error": "user_cancelled_authorize"}
    code_life = timedelta(minutes=5)
    code_start = "c"
    discovery_path = "/.well-known/openid-configuration"
    authorize_path = "/auth/authorize"
    token_path = "/auth/token"
    keys_path = "/auth/keys"

    @property
    def app(self) -> AppleApp:
        """The app it knows."""
        return self.settings.apple

    def discovery(self, tenant: str) -> Json:
        """The discovery document, which names no userinfo: there is none."""
        return {
            "issuer": self.base,
            "authorization_endpoint": self.base + self.authorize_path,
            "token_endpoint": self.base + self.token_path,
            "revocation_endpoint": f"{self.base}/auth/revoke",
            "jwks_uri": self.base + self.keys_path,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "email", "name"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "claims_supported": [
                *("aud", "email", "email_verified", "exp", "iat", "is_private_email", "iss"),
                *("nonce", "nonce_supported", "real_user_status", "sub", "transfer_sub"),
            ],
        }

    def claims(self, grant: Grant, access_token: str, now: int) -> dict[str, object]:
        """The claims of an id token, which lives a day."""
        account = grant.account
        email = {"email": account.email, **account.claims} if "email" in grant.wish.scopes else {}
        return {
            "iss": self.base,
            "aud": self.app.services_id,
            "exp": now + 86_400,
            "iat": now,
            "sub": _sub(account, self.app.team_id),
            **({"nonce": grant.wish.nonce} if grant.wish.nonce else {}),
            "at_hash": half_hash(access_token),
            **email,
            "auth_time": now,
            "nonce_supported": True,
        }

    def wish_refusal(self, wish: Wish) -> str:
        """Why names and addresses are not told: they are told by form_post only."""
        if not {"name", "email"} & set(wish.scopes) or wish.is_posted:
            return ""
        return (
            "invalid_request: response_mode must be form_post "
            "when name or email scope is requested."
        )

    def check_client(self, request: Request, form: Mapping[str, str]) -> None:
        """Lets through who signs as the team. Raises OAuthError, whose words Apple would not say."""
        app, now = self.app, self.settings.now().timestamp()
        try:
            secret = jwt.decode(
                form.get("client_secret", ""), ECKey.import_key(app.public_key), ["ES256"]
            )
        except (JoseError, ValueError) as error:
            raise OAuthError("invalid_client", "the client secret does not verify") from error
        claims = secret.claims
        expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
        faults = {
            "client_id": form.get("client_id") != app.services_id,
            "kid": secret.header.get("kid") != app.key_id,
            "iss": claims.get("iss") != app.team_id,
            "sub": claims.get("sub") != app.services_id,
            "aud": claims.get("aud") not in (self.base, [self.base]),
            "iat": issued is None or issued > now + _SLACK_SECONDS,
            "exp": expires is None or not now < expires <= now + SECRET_LIFE_SECONDS,
        }
        wrong = [name for name, is_wrong in faults.items() if is_wrong]
        if wrong:
            raise OAuthError("invalid_client", f"wrong in the client secret: {', '.join(wrong)}")

    def token_reply(self, grant: Grant, access_token: str, token: str) -> Json:
        """The answer of the token endpoint; its refresh token is good for nothing here."""
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": f"r{secrets.token_urlsafe(32)}",
            "id_token": token,
        }

    def first_time_extras(self, account: Account, wish: Wish) -> Json:
        """The person's name, which Apple tells with the first consent and never again."""
        if not {"name", "email"} & set(wish.scopes):
            return {}
        name = {"firstName": account.given_name, "lastName": account.family_name}
        told = {
            **({"name": name} if "name" in wish.scopes else {}),
            **({"email": account.email} if "email" in wish.scopes else {}),
        }
        return {"user": json.dumps(told)}


def _sub(account: Account, team_id: str) -> str:
    number = stable_number("apple", account.id, team_id)
    return f"{number % 10**6:06d}.{number:032x}.{number % 10**4:04d}"


def _moment(claim: object) -> float | None:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        return None
    return float(claim)
