"""The pretend Google: https://developers.google.com/identity/openid-connect/openid-connect."""

from collections.abc import Mapping
from typing import ClassVar

from starlette.requests import Request

from sandbox.providers.clients import shows_secret
from sandbox.providers.keys import half_hash
from sandbox.providers.people import stable_number
from sandbox.providers.provider import Grant, Json, OAuthError, Provider, Wish, Words
from sandbox.providers.settings import SecretApp


class Google(Provider):
    """Sends email_verified as a boolean, and hd for accounts of an organisation only."""

    name = "google"
    title = "Google"
    words = Words("Error 401: invalid_client", "Error 400: redirect_uri_mismatch")
    scope_words: ClassVar[Mapping[str, str]] = {
        "openid": "that it is you",
        "email": "your e-mail address",
        "profile": "your name",
    }
    cancelled: ClassVar[Json] = {"error": "access_denied"}
    # Google's codes hold a slash, which must be encoded on its way.
    code_start = "4/0A"
    discovery_path = "/.well-known/openid-configuration"
    authorize_path = "/o/oauth2/v2/auth"
    token_path = "/token"
    keys_path = "/oauth2/v3/certs"
    userinfo_path = "/v1/userinfo"

    @property
    def app(self) -> SecretApp:
        """The app it knows."""
        return self.settings.google

    def discovery(self, tenant: str) -> Json:
        """The discovery document."""
        return {
            "issuer": self.base,
            "authorization_endpoint": self.base + self.authorize_path,
            "token_endpoint": self.base + self.token_path,
            "userinfo_endpoint": self.base + self.userinfo_path,
            "jwks_uri": self.base + self.keys_path,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": list(self.scope_words),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "claims_supported": [
                *("aud", "email", "email_verified", "exp", "family_name", "given_name"),
                *("iat", "iss", "name", "picture", "sub"),
            ],
            "code_challenge_methods_supported": ["plain", "S256"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
        }

    def claims(self, grant: Grant, access_token: str, now: int) -> dict[str, object]:
        """The claims of an id token, which lives an hour."""
        return {
            "iss": self.base,
            "azp": self.app.client_id,
            "aud": self.app.client_id,
            **self.userinfo(grant),
            "at_hash": half_hash(access_token),
            **({"nonce": grant.wish.nonce} if grant.wish.nonce else {}),
            "iat": now,
            "exp": now + 3600,
        }

    def userinfo(self, grant: Grant) -> Json:
        """Who the person is; the subject is the same for every app."""
        account, scopes = grant.account, grant.wish.scopes
        hd = account.claims.get("hd")
        return {
            # 21 digits: too many for a JSON number to keep.
            "sub": f"1{stable_number('google', account.id) % 10**20:020d}",
            **({"hd": hd} if hd else {}),
            **(
                {"email": account.email, "email_verified": account.claims["email_verified"]}
                if "email" in scopes
                else {}
            ),
            **(
                {
                    "name": account.name,
                    "given_name": account.given_name,
                    "family_name": account.family_name,
                }
                if "profile" in scopes
                else {}
            ),
        }

    def check_client(self, request: Request, form: Mapping[str, str]) -> None:
        """Lets the app through. Raises OAuthError."""
        if not shows_secret(request, form, self.app):
            raise OAuthError("invalid_client", "Unauthorized", 401)

    def token_reply(self, grant: Grant, access_token: str, token: str) -> Json:
        """The answer of the token endpoint."""
        return {
            "access_token": access_token,
            "expires_in": 3599,
            "scope": " ".join(grant.wish.scopes),
            "token_type": "Bearer",
            "id_token": token,
        }

    def answer_extras(self, wish: Wish) -> Json:
        """Google repeats the scopes and says which of the browser's accounts it was."""
        return {"scope": " ".join(wish.scopes), "authuser": "0", "prompt": "consent"}
