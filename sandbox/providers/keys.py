"""Signing keys, and tokens signed with them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping

from joserfc import jws
from joserfc.jwk import RSAKey


class KeyRing:
    """The two published keys of a provider; the younger one signs. Keys are made when first needed."""

    def __init__(self, new_key: Callable[[], RSAKey], has_alg: bool) -> None:
        """Takes keys from `new_key`; `has_alg` says whether the published keys name their algorithm."""
        self._new_key = new_key
        self._has_alg = has_alg
        self._published: list[RSAKey] = []
        self._stranger: RSAKey | None = None

    def published(self) -> list[dict[str, object]]:
        """The public halves as JWKs."""
        extra = {"use": "sig", **({"alg": "RS256"} if self._has_alg else {})}
        return [
            {**key.as_dict(private=False), **extra, "kid": key.thumbprint()} for key in self._keys()
        ]

    def rotate(self) -> str:
        """Drops the older key and signs with a fresh one, whose kid it returns.

        Whoever kept the old list does not know the fresh key; tokens of just before still verify.
        """
        self._published = [self._keys()[1], self._new_key()]
        return self._published[1].thumbprint()

    def kid(self) -> str:
        """The kid of the key that signs."""
        return self._keys()[1].thumbprint()

    def sign(self, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
        """A token under the key that signs; RS256."""
        return _signed(self._keys()[1], {**header, "kid": self.kid(), "alg": "RS256"}, claims)

    def sign_as_stranger(
        self, header: Mapping[str, object], claims: Mapping[str, object], *, has_known_kid: bool
    ) -> str:
        """A token under a key that was never published, with its own kid or a published one."""
        if self._stranger is None:
            self._stranger = self._new_key()
        kid = self.kid() if has_known_kid else self._stranger.thumbprint()
        return _signed(self._stranger, {**header, "kid": kid, "alg": "RS256"}, claims)

    def sign_with_public_half(
        self, header: Mapping[str, object], claims: Mapping[str, object]
    ) -> str:
        """A token under HS256 whose secret is the published key's PEM, which anybody has.

        By hand, because joserfc rightly refuses to: RFC 8725, section 2.1.
        """
        signed = compact({**header, "kid": self.kid(), "alg": "HS256"}, claims)
        secret = self._keys()[1].as_pem(private=False)
        return f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"

    def _keys(self) -> list[RSAKey]:
        if not self._published:
            self._published = [self._new_key(), self._new_key()]
        return self._published


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """The first two parts of a token."""
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"


def half_hash(value: str) -> str:
    """The at_hash of an access token: OpenID Connect Core 1.0, section 3.1.3.6."""
    return b64(hashlib.sha256(value.encode()).digest()[:16])


def _signed(key: RSAKey, header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    payload = json.dumps(claims).encode()
    return jws.serialize_compact(dict(header), payload, key, algorithms=["RS256"])
