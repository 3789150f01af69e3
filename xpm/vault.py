"""Seals and opens secrets, and prints nothing.

A sealed value is AES-256-GCM under the newest key, bound to the row it belongs to: moved to another row it does
not open. The key's fingerprint stands in front, so that old values open while keys rotate.
Xero's security standard asks for encrypted refresh tokens with the key kept apart from the data:
https://developer.xero.com/partner/security-standard-for-xero-api-consumers
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """The value was sealed with a key we no longer have, or for another row. Carries neither."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext as it stands in the database; the column type accepts nothing else."""

    text: str

    def __repr__(self) -> str:
        return "Sealed(…)"


def new_key() -> str:
    """A fresh key as it goes into the settings: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


class Vault:
    """Opens with any of its keys and seals with the first.

    `keys` are URL-safe base64 of 32 bytes each, newest first. Raises ValueError on a key of another size: a short
    secret is refused, never padded.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one encryption key is needed")
        self._keys: dict[str, AESGCM] = {}
        for text in keys:
            try:
                key = base64.urlsafe_b64decode(text)
            except (binascii.Error, ValueError) as error:
                raise ValueError("an encryption key is not URL-safe base64") from error
            if len(key) != KEY_BYTES:
                raise ValueError(f"an encryption key has {len(key)} bytes; it needs {KEY_BYTES}")
            self._keys[hashlib.sha256(key).hexdigest()[:8]] = AESGCM(key)
        self._newest = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Vault({len(self._keys)} keys)"

    def seal(self, secret: str, bound_to: str) -> Sealed:
        """Seals for one place; `bound_to` names table, column and row, for example `connections.refresh_token:T1`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._keys[self._newest].encrypt(nonce, secret.encode(), bound_to.encode())
        return Sealed(f"v1.{self._newest}.{base64.urlsafe_b64encode(sealed).decode()}")

    def open(self, sealed: Sealed, bound_to: str) -> str:
        """The secret. Raises CannotOpen for another row's value, an unknown key or a damaged text."""
        try:
            version, fingerprint, body = sealed.text.split(".")
            raw = base64.urlsafe_b64decode(body)
            if version != "v1":
                raise CannotOpen("sealed in an unknown form")
            key = self._keys[fingerprint]
            return key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to.encode()).decode()
        except (ValueError, KeyError, InvalidTag) as error:
            raise CannotOpen(
                f"a sealed value does not open for {bound_to.split(':')[0]}"
            ) from error

    def is_current(self, sealed: Sealed) -> bool:
        """Whether the value is sealed with the newest key; if not, rotation re-seals it."""
        return sealed.text.startswith(f"v1.{self._newest}.")


def fingerprint(secret: str) -> str:
    """What we store of a secret we only need to recognise (a link, a state): its SHA-256, in hex.

    Only for secrets of 128 bits or more from a CSPRNG, which need no slow hash.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
