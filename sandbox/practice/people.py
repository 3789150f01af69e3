"""People who can sign in to the pretend Xero."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a Xero login.

    `may_connect` lists the tenants in which the person has the privilege "Connect third-party
    add-ons"; without it the consent page offers no practice.
    Source: https://github.com/XeroAPI/xeropracticemanager-dotnetcore-oauth2-sample
    """

    uuid: str
    given_name: str
    family_name: str
    email: str
    may_connect: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the full name."""
        return f"{self.given_name} {self.family_name}"
