"""What the three providers have in common, and where each may differ."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from starlette.requests import Request

from sandbox.providers.people import Account, ProviderName
from sandbox.providers.settings import AppleApp, ProviderSettings, SecretApp

Json = Mapping[str, object]


class OAuthError(ValueError):
    """The token endpoint refuses: an OAuth name, the provider's words and an HTTP status."""

    def __init__(self, name: str, words: str, status: int = 400) -> None:
        """Keeps what to say."""
        super().__init__(f"{name}: {words}")
        self.name = name
        self.words = words
        self.status = status


@dataclass(frozen=True, slots=True)
class Wish:
    """What an app asks the person to allow, checked."""

    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    nonce: str
    challenge: str
    """The PKCE challenge (S256), or an empty text."""
    is_posted: bool
    """Whether the answer is a form that the browser posts."""
    tenant: str
    """Microsoft: the tenant in the address; else an empty text."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A person's yes to a wish."""

    account: Account
    wish: Wish
    expires: datetime


@dataclass(frozen=True, slots=True)
class Words:
    """What a provider says when it refuses an app."""

    unknown_app: str
    unknown_redirect: str


class Provider(ABC):
    """One provider: its addresses, its claims and its manners."""

    name: ClassVar[ProviderName]
    title: ClassVar[str]
    words: ClassVar[Words]
    scope_words: ClassVar[Mapping[str, str]]
    """The scopes it knows, with what each shares."""
    header: ClassVar[Json] = {"typ": "JWT"}
    """The token's header beside alg and kid."""
    must_ask_openid: ClassVar[bool] = True
    shows_errors_itself: ClassVar[bool] = True
    """Whether a faulty request ends on the provider's page instead of the app's."""
    cancelled: ClassVar[Json]
    """The answer when the person presses Cancel."""
    code_life: ClassVar[timedelta] = timedelta(minutes=10)
    code_start: ClassVar[str]
    keys_name_alg: ClassVar[bool] = True

    discovery_path: ClassVar[str]
    authorize_path: ClassVar[str]
    token_path: ClassVar[str]
    keys_path: ClassVar[str]
    userinfo_path: ClassVar[str] = ""

    def __init__(self, settings: ProviderSettings) -> None:
        """Stands at `settings.public_url` under its own name."""
        self.settings = settings
        self.base = f"{settings.public_url}/{self.name}"

    @property
    @abstractmethod
    def app(self) -> SecretApp | AppleApp:
        """The app it knows."""

    @abstractmethod
    def discovery(self, tenant: str) -> Json:
        """The discovery document."""

    @abstractmethod
    def claims(self, grant: Grant, access_token: str, now: int) -> dict[str, object]:
        """The claims of an id token; `now` in seconds since 1970."""

    @abstractmethod
    def check_client(self, request: Request, form: Mapping[str, str]) -> None:
        """Lets the app's own calls to the token endpoint through. Raises OAuthError."""

    @abstractmethod
    def token_reply(self, grant: Grant, access_token: str, token: str) -> Json:
        """The answer of the token endpoint around an id token."""

    def tenant_refusal(self, tenant: str) -> str:
        """Why there is no such tenant; an empty text when there is."""
        return ""

    def wish_refusal(self, wish: Wish) -> str:
        """Which of the provider's own rules a wish breaks; an empty text when it keeps them."""
        return ""

    def account_refusal(self, account: Account, wish: Wish) -> str:
        """Why an account may not sign in here; an empty text when it may."""
        return ""

    def userinfo(self, grant: Grant) -> Json:
        """The answer of the userinfo endpoint."""
        raise NotImplementedError

    def error_reply(self, error: OAuthError) -> Json:
        """The body of a refusal of the token endpoint."""
        return {"error": error.name, "error_description": error.words}

    def answer_extras(self, wish: Wish) -> Json:
        """What the answer to the app holds beside code and state."""
        return {}

    def first_time_extras(self, account: Account, wish: Wish) -> Json:
        """What only a person's first answer to the app holds."""
        return {}
