"""How Google and Microsoft tell the app from others: a shared secret, in the body or as Basic."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from urllib.parse import unquote_plus

from starlette.requests import Request

from sandbox.providers.settings import SecretApp


def shows_secret(request: Request, form: Mapping[str, str], app: SecretApp) -> bool:
    """Tells whether the request carries the app's id and secret."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return _equal((form.get("client_id", ""), form.get("client_secret", "")), app)
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return False
    # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    return _equal((unquote_plus(name), unquote_plus(secret)), app) or _equal((name, secret), app)


def _equal(shown: tuple[str, str], app: SecretApp) -> bool:
    pairs = zip(shown, (app.client_id, app.client_secret), strict=True)
    return all(secrets.compare_digest(a.encode(), b.encode()) for a, b in pairs)
