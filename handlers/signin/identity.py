"""Who somebody is, judged from a provider's claims: pure, and strict where each provider leaves room.

Xero forbids password-only logins to products that use the practice API, so only these three count:
https://developer.xero.com/partner/security-standard-for-xero-api-consumers
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Microsoft's tenant of all personal accounts:
# https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
PERSONAL_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
RELAY_DOMAIN = "privaterelay.appleid.com"

_CLOCK_SKEW = dt.timedelta(seconds=60)
_OLDEST = dt.timedelta(minutes=10)


class Doubt(StrEnum):
    """Why a sign-in proves nothing to us; each has its page."""

    UNPROVEN = "unproven"
    EXPIRED = "expired"
    PERSONAL_ACCOUNT = "personal_account"
    UNVERIFIED_EMAIL = "unverified_email"
    RELAY_ADDRESS = "relay_address"
    NO_EMAIL = "no_email"
    OTHER_EMAIL = "other_email"
    OTHER_DOMAIN = "other_domain"
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"


class NotProven(Exception):
    """The sign-in does not prove who this is. `email` is what the provider said, where that helps the person."""

    def __init__(self, doubt: Doubt, email: str | None = None) -> None:
        super().__init__(doubt.value)
        self.doubt = doubt
        self.email = email


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who signed in: `subject` never changes at the provider, an e-mail address may."""

    provider: str
    subject: str
    email: str


def check_token(claims: Mapping[str, Any], *, client_id: str, nonce: str, now: dt.datetime) -> None:
    """Raises NotProven unless the token was made now, for us, for this very sign-in.

    The audience must be ours alone: one of somebody else with `azp` of ours is another app's token
    (https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation).
    """
    audience = claims.get("aud")
    if audience not in (client_id, [client_id]) or claims.get("azp", client_id) != client_id:
        raise NotProven(Doubt.UNPROVEN)
    if not isinstance(claims.get("nonce"), str) or claims["nonce"] != nonce:
        raise NotProven(Doubt.UNPROVEN)
    expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
    if expires is None or issued is None:
        raise NotProven(Doubt.UNPROVEN)
    not_before = _moment(claims.get("nbf")) or issued
    if max(issued, not_before) > now + _CLOCK_SKEW:
        raise NotProven(Doubt.UNPROVEN)
    if expires <= now - _CLOCK_SKEW or issued < now - _OLDEST - _CLOCK_SKEW:
        raise NotProven(Doubt.EXPIRED)


def _moment(value: Any) -> dt.datetime | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return dt.datetime.fromtimestamp(value, dt.UTC)
    except (OverflowError, OSError, ValueError):
        return None


def google(claims: Mapping[str, Any], issuer: str) -> Identity:
    """A Google account whose e-mail address Google answers for; keyed on `sub`.

    https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
    """
    # Google writes its issuer in both ways.
    if claims.get("iss") not in (issuer, issuer.removeprefix("https://")):
        raise NotProven(Doubt.UNPROVEN)
    email = _email(claims)
    # Google answers for an address only at gmail.com, or at a Workspace that it hosts (`hd`); elsewhere it once saw a
    # mail arrive, perhaps years ago.
    is_google_the_authority = email.endswith("@gmail.com") or bool(claims.get("hd"))
    if claims.get("email_verified") is not True or not is_google_the_authority:
        raise NotProven(Doubt.UNVERIFIED_EMAIL, email)
    return Identity("google", _subject(claims, "sub"), email)


def microsoft(claims: Mapping[str, Any], authority: str) -> Identity:
    """A work account whose e-mail domain its tenant owns; keyed on tenant and object.

    `authority` is the issuer without its tenant, https://login.microsoftonline.com. The e-mail of a work account is
    whatever its admin types unless `xms_edov` says that the domain was verified (the nOAuth hole):
    https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
    """
    tenant = _subject(claims, "tid")
    if claims.get("iss") != f"{authority}/{tenant}/v2.0":
        raise NotProven(Doubt.UNPROVEN)
    if tenant == PERSONAL_TENANT:
        raise NotProven(Doubt.PERSONAL_ACCOUNT)
    email = _email(claims)
    if claims.get("xms_edov") not in (True, 1, "1", "true"):
        raise NotProven(Doubt.UNVERIFIED_EMAIL, email)
    return Identity("microsoft", f"{tenant}:{_subject(claims, 'oid')}", email)


def apple(claims: Mapping[str, Any], issuer: str) -> Identity:
    """An Apple account with its real, verified address; a relay address can never be a work address.

    https://developer.apple.com/documentation/signinwithapple/authenticating-users-with-sign-in-with-apple
    """
    if claims.get("iss") != issuer:
        raise NotProven(Doubt.UNPROVEN)
    email = _email(claims)
    is_relay = claims.get("is_private_email") in (True, "true") or email.endswith(
        f"@{RELAY_DOMAIN}"
    )
    if is_relay:
        raise NotProven(Doubt.RELAY_ADDRESS)
    if claims.get("email_verified") not in (True, "true"):
        raise NotProven(Doubt.UNVERIFIED_EMAIL, email)
    return Identity("apple", _subject(claims, "sub"), email)


def _subject(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise NotProven(Doubt.UNPROVEN)
    return value


def _email(claims: Mapping[str, Any]) -> str:
    value = claims.get("email")
    if not isinstance(value, str) or value.count("@") != 1 or len(value) > 254:
        raise NotProven(Doubt.NO_EMAIL)
    return folded(value)


def folded(address: str) -> str:
    """An e-mail address with its ASCII letters in lower case, and no other letter changed.

    Python's casefold() would make ß into ss, and a Kelvin sign into k: addresses of different people would meet.
    """
    return "".join(one.lower() if one.isascii() else one for one in address.strip())


def check_person(identity: Identity, slack_email: str | None, domains: Sequence[str]) -> None:
    """Raises NotProven unless the signed-in address is the person's in Slack, in an allowed domain (empty: any)."""
    if slack_email is None or identity.email != folded(slack_email):
        raise NotProven(Doubt.OTHER_EMAIL, identity.email)
    if domains and identity.email.rpartition("@")[2] not in domains:
        raise NotProven(Doubt.OTHER_DOMAIN, identity.email)
