"""What the pretend providers are made from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from joserfc.jwk import RSAKey


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def new_rsa_key() -> RSAKey:
    """A fresh private key of 2048 bits, which takes some 50 ms to make."""
    return RSAKey.generate_key(2048)


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretApp:
    """An app as Google or Microsoft registers it: it shows a shared secret."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    """Addresses a browser may be sent back to; compared exactly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AppleApp:
    """An app as Apple registers it: it shows a JWT that it signs with a key of its team.

    https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
    """

    team_id: str
    services_id: str
    """What the others call the client id."""
    key_id: str
    public_key: str
    """PEM of the P-256 key whose private half signs the client secrets."""
    redirect_uris: tuple[str, ...]

    @property
    def client_id(self) -> str:
        """The services id under its OAuth name."""
        return self.services_id


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSettings:
    """The address of the server, the app each provider knows, and the clock."""

    public_url: str
    """Origin under which this server is reached, without a slash at the end."""
    google: SecretApp
    microsoft: SecretApp
    apple: AppleApp
    app_name: str = "XPM for Slack"
    """Name of the app that the consent pages show."""
    now: Callable[[], datetime] = utc_now
    """The clock; must return aware UTC times."""
    new_key: Callable[[], RSAKey] = new_rsa_key
    """Where signing keys come from; each must be another one."""
