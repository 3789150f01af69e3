"""The ways in which an id token can be wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sandbox.providers.keys import KeyRing, compact
from sandbox.providers.people import TENANT_ELSEWHERE, TENANT_PERSONAL, ProviderName

WHAT: Final = {
    "audience": "aud (and azp) is another app",
    "azp_only": "aud is another app, azp is this one",
    "issuer": "iss is somebody else",
    "nonce": "the nonce is another one",
    "missing_nonce": "there is no nonce",
    "key": "signed with a key that is not published, under its own kid",
    "forged": "signed with a key that is not published, under a published kid",
    "expired": "exp was an hour ago",
    "not_yet": "iat and nbf are an hour ahead",
    "alg_none": "alg none and no signature",
    "hs256": "HS256 with the public key as the secret",
    "tampered": "the payload was changed after signing",
    "other_tenant": "Microsoft: tid does not match iss; Google: hd is another organisation",
    "personal": "Microsoft: tid and iss are those of personal accounts",
    "no_email": "no address",
    "unverified": "nothing vouches for the address",
    "missing_sub": "no sub (and no oid)",
    "claims": "the given claims instead; null leaves one out",
}
_ONLY: Final[Mapping[str, tuple[ProviderName, ...]]] = {
    "other_tenant": ("google", "microsoft"),
    "personal": ("microsoft",),
}
_HOUR: Final = 3600
OTHER_APP: Final = "another-app"
OTHER_ISSUER: Final = "https://issuer.elsewhere.example"


@dataclass(slots=True)
class Wrong:
    """One defect for the next `times` id tokens of a provider; -1 until cleared."""

    provider: ProviderName
    what: str
    times: int = 1
    claims: Mapping[str, object] = field(default_factory=dict)


def is_possible(provider: ProviderName, what: str) -> bool:
    """Tells whether that provider's tokens can have that defect."""
    return what in WHAT and provider in _ONLY.get(what, (provider,))


def id_token(
    keys: KeyRing, header: Mapping[str, object], claims: Mapping[str, object], wrong: Wrong | None
) -> str:
    """The signed token, with its defect when there is one."""
    if wrong is None:
        return keys.sign(header, claims)
    match wrong.what:
        case "key" | "forged":
            is_forged = wrong.what == "forged"
            return keys.sign_as_stranger(header, claims, has_known_kid=is_forged)
        case "alg_none":
            return compact({**header, "alg": "none"}, claims) + "."
        case "hs256":
            return keys.sign_with_public_half(header, claims)
        case "tampered":
            signature = keys.sign(header, claims).rpartition(".")[2]
            changed = {**claims, "sub": f"{claims['sub']}0"}
            parts = compact({**header, "kid": keys.kid(), "alg": "RS256"}, changed)
            return f"{parts}.{signature}"
        case _:
            return keys.sign(header, _spoilt(claims, wrong))


def _spoilt(claims: Mapping[str, object], wrong: Wrong) -> dict[str, object]:
    changed = {**claims, **_changes(claims, wrong)}
    return {name: value for name, value in changed.items() if value is not None}


def _changes(claims: Mapping[str, object], wrong: Wrong) -> Mapping[str, object]:
    """The claims to set; None takes one out."""
    match wrong.what:
        case "audience":
            return {"aud": OTHER_APP, **({"azp": OTHER_APP} if "azp" in claims else {})}
        case "azp_only":
            return {"aud": OTHER_APP, "azp": claims["aud"]}
        case "issuer":
            return {"iss": OTHER_ISSUER}
        case "nonce":
            return {"nonce": "another-nonce"}
        case "missing_nonce":
            return {"nonce": None}
        case "expired":
            return _moved(claims, -_HOUR - _life(claims))
        case "not_yet":
            return _moved({"nbf": claims["iat"], **claims}, _HOUR + 600)
        case "other_tenant":
            return _other_tenant(wrong.provider)
        case "personal":
            issuer = str(claims["iss"]).replace(str(claims["tid"]), TENANT_PERSONAL)
            return {"tid": TENANT_PERSONAL, "iss": issuer}
        case "no_email":
            return {"email": None, "email_verified": None, "xms_edov": None}
        case "unverified":
            return _unverified(claims, wrong.provider)
        case "missing_sub":
            return {"sub": None, "oid": None}
        case _:
            return wrong.claims


def _life(claims: Mapping[str, object]) -> int:
    return _number(claims, "exp") - _number(claims, "iat")


def _moved(claims: Mapping[str, object], seconds: int) -> dict[str, object]:
    times = ("iat", "nbf", "exp", "auth_time")
    return {name: _number(claims, name) + seconds for name in times if name in claims}


def _number(claims: Mapping[str, object], name: str) -> int:
    value = claims[name]
    return value if isinstance(value, int) else 0


def _other_tenant(provider: ProviderName) -> Mapping[str, object]:
    if provider == "microsoft":
        return {"tid": TENANT_ELSEWHERE}
    return {"hd": "elsewhere.example"}


def _unverified(claims: Mapping[str, object], provider: ProviderName) -> Mapping[str, object]:
    if provider == "microsoft":
        # Microsoft sends no email_verified; a upn of the same domain would vouch for the address.
        other = "somebody@elsewhere.example"
        return {"xms_edov": False, "upn": other, "preferred_username": other}
    return {"email_verified": "false" if provider == "apple" else False}
