"""One frozen settings class, read from the environment and `.env`; no secret has a default."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from joserfc.jwk import ECKey
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from xpm.matching import is_region
from xpm.store.database import async_url
from xpm.vault import Vault

PREFIX = "XPM_SLACK_"

DEFAULT_SCOPES = (
    "openid profile email offline_access practicemanager.client.read practicemanager.job.read "
    "practicemanager.staff.read practicemanager.time"
)
"""The least this app needs: https://developer.xero.com/documentation/guides/oauth2/scopes"""


class BadSettings(Exception):
    """A setting is missing or nonsense; each line of the text names one and says how to mend it."""


class Settings(BaseSettings):
    """Every setting of the app; the environment variable is the field's name in capitals behind XPM_SLACK_."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", frozen=True, extra="ignore"
    )

    public_url: str = Field(
        description="Where Slack, Xero and browsers reach the app, such as https://xpm.example.com"
    )
    slack_client_id: str = Field(
        min_length=1, description="Slack app: Basic Information, Client ID"
    )
    slack_client_secret: SecretStr = Field(
        min_length=8, description="Slack app: Basic Information, Client Secret"
    )
    slack_signing_secret: SecretStr = Field(
        min_length=8, description="Slack app: Basic Information, Signing Secret"
    )
    xero_client_id: str = Field(min_length=1, description="Xero app: Configuration, Client id")
    xero_client_secret: SecretStr = Field(
        min_length=8, description="Xero app: Configuration, Client secret"
    )
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="Keys that seal tokens, newest first, separated by commas; `xpm-slack keys new` makes one"
    )

    database_url: str = Field(
        "sqlite:///xpm-slack.db",
        description="sqlite:///file.db, or postgresql://user:password@host/name",
    )
    replica: str = Field(
        "one", min_length=1, description="This process's name; different for each on one database"
    )
    host: str = Field("127.0.0.1", description="The address to listen on")
    port: int = Field(8400, ge=1, le=65535, description="The port to listen on")
    metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Who shows it as a Bearer token may read /metrics (Prometheus); without it nobody may",
    )
    socket_mode: bool = Field(
        False,
        description="For developers without a public address: Slack's events come over a socket",
    )
    slack_app_token: SecretStr | None = Field(
        None, description="Only for socket mode: an app-level token with connections:write"
    )
    xero_scopes: str = Field(
        DEFAULT_SCOPES, description="What Xero's consent asks for; an approved app may differ"
    )
    region: str = Field(
        "NZ", description="Where numbers without a country code are read: NZ, AU, GB, …"
    )
    minimum_call_seconds: int = Field(
        30, ge=0, le=3600, description="Shorter calls are not asked about"
    )
    sync_clients_minutes: int = Field(
        10, ge=5, le=1440, description="How often changed clients are fetched, in minutes"
    )
    sync_jobs_minutes: int = Field(
        30, ge=5, le=1440, description="How often the open jobs are fetched, in minutes"
    )
    sync_staff_hours: int = Field(
        6, ge=1, le=168, description="How often the staff is fetched, in hours"
    )
    sync_night_hour: int = Field(
        1,
        ge=0,
        le=23,
        description="When the night begins in which everything is fetched, for the person who connected",
    )
    erase_after_days: int = Field(
        3,
        ge=0,
        le=30,
        description="How long the data of a workspace that removed the app is kept, in case it comes back",
    )
    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much is logged"
    )

    google_client_id: str = Field(
        "", description="Google Cloud: Credentials, OAuth client of type web"
    )
    google_client_secret: SecretStr | None = Field(
        None, description="Google Cloud: the same client's secret"
    )
    microsoft_client_id: str = Field(
        "", description="Entra: App registrations, Application (client) ID"
    )
    microsoft_client_secret: SecretStr | None = Field(
        None,
        description="Entra: Certificates & secrets; add the optional ID token claims email and xms_edov",
    )
    apple_client_id: str = Field("", description="Apple Developer: the Services ID")
    apple_team_id: str = Field("", description="Apple Developer: the Team ID")
    apple_key_id: str = Field(
        "", description="Apple Developer: the Key ID of the Sign in with Apple key"
    )
    apple_private_key: SecretStr | None = Field(
        None, description="Apple Developer: the key file's text; line ends may be written as \\n"
    )
    sign_in_providers: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Only these of google, microsoft, apple, separated by commas; empty means all",
    )
    sign_in_domains: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Only addresses of these domains may connect, separated by commas; empty means any",
    )

    slack_api_url: str = Field(
        "https://slack.com/api/", description="Only the sandbox needs another"
    )
    slack_web_url: str = Field("https://slack.com", description="Only the sandbox needs another")
    slack_hooks_url: str = Field(
        "https://hooks.slack.com", description="Only the sandbox needs another"
    )
    xero_login_url: str = Field(
        "https://login.xero.com", description="Only the sandbox needs another"
    )
    xero_identity_url: str = Field(
        "https://identity.xero.com", description="Only the sandbox needs another"
    )
    google_issuer: str = Field(
        "https://accounts.google.com", description="Only the sandbox needs another"
    )
    microsoft_authority: str = Field(
        "https://login.microsoftonline.com", description="Only the sandbox needs another"
    )
    apple_issuer: str = Field(
        "https://appleid.apple.com", description="Only the sandbox needs another"
    )
    xero_api_url: str = Field("https://api.xero.com", description="Only the sandbox needs another")

    @field_validator("encryption_keys", "sign_in_providers", "sign_in_domains", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("encryption_keys")
    @classmethod
    def _usable(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        Vault([key.get_secret_value() for key in value])
        return value

    @field_validator("apple_private_key")
    @classmethod
    def _apple_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        # An environment variable holds a key on one line.
        text = value.get_secret_value().replace("\\n", "\n")
        try:
            key = ECKey.import_key(text)
        except Exception as error:
            raise ValueError("it must be the text of the .p8 file that Apple gave") from error
        if key.curve_name != "P-256" or not key.is_private:
            raise ValueError("it must be the private key of the .p8 file that Apple gave")
        return SecretStr(text)

    @field_validator("sign_in_providers")
    @classmethod
    def _known_providers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = ("google", "microsoft", "apple")
        if not all(one.casefold() in known for one in value):
            raise ValueError(f"only {', '.join(known)} are known")
        return tuple(one.casefold() for one in value)

    @field_validator("sign_in_domains")
    @classmethod
    def _folded(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one.casefold().removeprefix("@") for one in value)

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        try:
            async_url(value)
        except Exception as error:
            raise ValueError(
                "it must look like sqlite:///file.db or postgresql://user:password@host/name"
            ) from error
        return value

    @field_validator("region")
    @classmethod
    def _known_region(cls, value: str) -> str:
        if not is_region(value.upper()):
            raise ValueError("it must be a country's two letters, such as NZ")
        return value.upper()

    @field_validator(
        "public_url",
        "slack_web_url",
        "slack_hooks_url",
        "xero_login_url",
        "xero_identity_url",
        "xero_api_url",
        "google_issuer",
        "microsoft_authority",
        "apple_issuer",
    )
    @classmethod
    def _secure_address(cls, value: str) -> str:
        return _address(value).rstrip("/")

    @field_validator("slack_api_url")
    @classmethod
    def _api_address(cls, value: str) -> str:
        return _address(value).rstrip("/") + "/"

    @model_validator(mode="after")
    def _apple_is_whole(self) -> "Settings":
        parts = (
            self.apple_client_id,
            self.apple_team_id,
            self.apple_key_id,
            self.apple_private_key,
        )
        if any(parts) and not all(parts):
            raise ValueError(
                f"{PREFIX}APPLE_CLIENT_ID, _TEAM_ID, _KEY_ID and _PRIVATE_KEY belong together"
            )
        return self

    @model_validator(mode="after")
    def _socket_needs_token(self) -> "Settings":
        token = self.slack_app_token
        if self.socket_mode and (token is None or not token.get_secret_value()):
            raise ValueError(f"{PREFIX}SLACK_APP_TOKEN is needed for socket mode")
        return self


def _address(value: str) -> str:
    parts = urlsplit(value)
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    try:
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        has_port = False
    is_plain = parts.scheme in ("http", "https") and not (parts.query or parts.fragment)
    if not parts.hostname or not is_plain or not has_port:
        raise ValueError("it must be an address such as https://xpm.example.com")
    if parts.scheme == "http" and not is_local:
        raise ValueError("it must begin with https://")
    return value


def load() -> Settings:
    """The settings. Raises BadSettings, which names each setting that is wrong and never shows its value."""
    try:
        return Settings()  # type: ignore[call-arg]  # pydantic-settings fills the fields from the environment
    except ValidationError as error:
        lines = []
        for one in error.errors(include_input=False, include_url=False, include_context=False):
            name = PREFIX + str(one["loc"][0]).upper() if one["loc"] else ""
            what = (
                "is missing"
                if one["type"] == "missing"
                else one["msg"].removeprefix("Value error, ")
            )
            field = Settings.model_fields.get(str(one["loc"][0])) if one["loc"] else None
            hint = f" ({field.description})" if field is not None and field.description else ""
            lines.append(f"{name} {what}{hint}".strip())
        raise BadSettings("\n".join(lines)) from None
