"""The accounts people can choose on the consent pages; all of them are invented."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

ProviderName = Literal["google", "microsoft", "apple"]
PROVIDERS: Final[tuple[ProviderName, ...]] = ("google", "microsoft", "apple")

TENANT_KEA: Final = "7a1c5e30-0000-4000-8000-00000000a001"
TENANT_ELSEWHERE: Final = "7a1c5e30-0000-4000-8000-00000000b002"
TENANT_PERSONAL: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts.

https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference
"""
Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Account:
    """One account at one provider: `claims` are what it adds to an id token beside the usual ones.

    A claim of None is left out of the token.
    """

    id: str
    given_name: str
    family_name: str
    email: str
    purpose: str
    """What the account is there to try."""
    is_accepted: bool
    """Whether an app that follows the provider's rules signs in the Slack person of this address."""
    claims: Claims = field(default_factory=dict)
    tenant: str = ""

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.given_name} {self.family_name}"


def stable_number(*parts: str) -> int:
    """The same 128 bits for the same parts."""
    return int(hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32], 16)


def stable_uuid(*parts: str) -> str:
    """The same UUID for the same parts."""
    return str(uuid.UUID(int=stable_number(*parts), version=4))


def accounts(provider: ProviderName) -> dict[str, Account]:
    """The accounts of a provider by their id, in the order of the page."""
    made = {"google": _google, "microsoft": _microsoft, "apple": _apple}[provider]()
    return {account.id: account for account in made}


def _google() -> list[Account]:
    kea = {"hd": "example.com", "email_verified": True}
    return [
        Account("sam", "Sam", "Rivers", "sam@example.com", "work account", True, kea),
        Account("mia", "Mia", "Chen", "mia@example.com", "work account", True, kea),
        Account("tom", "Tom", "Patel", "tom@example.com", "work account", True, kea),
        Account("nina", "Nina", "Vale", "nina@example.com", "work account", True, kea),
        Account(
            "eve",
            "Eve",
            "Stranger",
            "eve@elsewhere.example",
            "a stranger of another organisation",
            False,
            {"hd": "elsewhere.example", "email_verified": True},
        ),
        Account(
            "sam-unverified",
            "Sam",
            "Rivers",
            "sam@example.com",
            "email_verified is false",
            False,
            {"email_verified": False},
        ),
        Account(
            "sam-consumer",
            "Sam",
            "Rivers",
            "sam@example.com",
            "a private Google account under the work address: verified, no hd",
            False,
            {"email_verified": True},
        ),
    ]


def _microsoft() -> list[Account]:
    def work(
        id_: str, given: str, family: str, purpose: str, verified: object, ok: bool, upn: str = ""
    ) -> Account:
        email = f"{id_.partition('-')[0]}@example.com"
        claims = {"xms_edov": verified, "upn": upn or email, "preferred_username": upn or email}
        return Account(id_, given, family, email, purpose, ok, claims, TENANT_KEA)

    other_upn = "sam@keaaccounting.example"
    return [
        work("sam", "Sam", "Rivers", "work account, xms_edov true", True, True),
        work("mia", "Mia", "Chen", "work account, xms_edov the number 1", 1, True),
        work("tom", "Tom", "Patel", 'work account, xms_edov the text "1"', "1", True),
        work("nina", "Nina", "Vale", "work account, xms_edov true", True, True),
        Account(
            "eve",
            "Eve",
            "Stranger",
            "eve@elsewhere.example",
            "a stranger of another tenant",
            False,
            {
                "xms_edov": True,
                "upn": "eve@elsewhere.example",
                "preferred_username": "eve@elsewhere.example",
            },
            TENANT_ELSEWHERE,
        ),
        work("sam-no-edov", "Sam", "Rivers", "no xms_edov; the upn is the address", None, True),
        work(
            "sam-edov-false", "Sam", "Rivers", "xms_edov false, other upn", False, False, other_upn
        ),
        work("sam-other-upn", "Sam", "Rivers", "no xms_edov, other upn", None, False, other_upn),
        work("sam-alias", "Sam", "Rivers", "xms_edov true, other upn", True, True, other_upn),
        Account(
            "eve-as-sam",
            "Eve",
            "Stranger",
            "sam@example.com",
            "another tenant's admin wrote Sam's address into Eve's account (nOAuth)",
            False,
            {"upn": "eve@elsewhere.example", "preferred_username": "eve@elsewhere.example"},
            TENANT_ELSEWHERE,
        ),
        Account(
            "sam-personal",
            "Sam",
            "Rivers",
            "sam@example.com",
            "a personal account under the work address; refused here under organizations",
            False,
            {"preferred_username": "sam@example.com"},
            TENANT_PERSONAL,
        ),
    ]


def _apple() -> list[Account]:
    relay = "x7k2m9q4t1@privaterelay.appleid.com"
    yes = {"email_verified": True}
    return [
        Account("sam", "Sam", "Rivers", "sam@example.com", "email_verified true", True, yes),
        Account(
            "mia",
            "Mia",
            "Chen",
            "mia@example.com",
            'email_verified the text "true", is_private_email the text "false"',
            True,
            {"email_verified": "true", "is_private_email": "false"},
        ),
        Account("tom", "Tom", "Patel", "tom@example.com", "email_verified true", True, yes),
        Account("nina", "Nina", "Vale", "nina@example.com", "email_verified true", True, yes),
        Account("eve", "Eve", "Stranger", "eve@elsewhere.example", "a stranger", False, yes),
        Account(
            "sam-relay",
            "Sam",
            "Rivers",
            relay,
            "hides the address: is_private_email true",
            False,
            {"email_verified": True, "is_private_email": True},
        ),
        Account(
            "mia-relay",
            "Mia",
            "Chen",
            "p3w8z5n6c0@privaterelay.appleid.com",
            'hides the address: both claims the text "true"',
            False,
            {"email_verified": "true", "is_private_email": "true"},
        ),
        Account(
            "sam-unverified",
            "Sam",
            "Rivers",
            "sam@example.com",
            'email_verified the text "false"',
            False,
            {"email_verified": "false"},
        ),
    ]
