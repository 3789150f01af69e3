"""The live state: forms shown, codes given, tokens, defects, faults and the log of requests."""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sandbox.providers.apple import Apple
from sandbox.providers.google import Google
from sandbox.providers.keys import KeyRing
from sandbox.providers.microsoft import Microsoft
from sandbox.providers.people import Account, ProviderName, accounts
from sandbox.providers.provider import Grant, Provider, Wish
from sandbox.providers.settings import ProviderSettings
from sandbox.providers.wrong import Wrong

_FORM_LIFE: Final = timedelta(minutes=10)
_MOST: Final = 500
_LOG_LENGTH: Final = 1000
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class Form:
    """A page that was shown and waits for its answer, once."""

    wish: Wish
    expires: datetime


@dataclass(slots=True)
class Fault:
    """One misbehaviour of an endpoint for `times` requests; `seconds` is the wait of slow."""

    provider: ProviderName
    where: str
    kind: str
    times: int = 1
    seconds: float = 5


@dataclass(frozen=True, slots=True)
class Logged:
    """One request as the log keeps it: no code, state, nonce, secret or token."""

    at: str
    provider: str
    method: str
    path: str
    status: int
    """0 when the connection was cut before a status was sent."""
    sent: tuple[str, ...]
    """Names of the parameters, sorted."""
    plain: Mapping[str, str]
    """Values of the parameters that are no secret."""


_Counted = TypeVar("_Counted", Wrong, Fault)


class ProviderState:
    """What one provider holds."""

    def __init__(self, provider: Provider, settings: ProviderSettings) -> None:
        """Starts with nobody signed in."""
        self.provider = provider
        self.accounts: dict[str, Account] = accounts(provider.name)
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Forgets everybody who signed in, and makes new keys."""
        self.keys = KeyRing(self._settings.new_key, self.provider.keys_name_alg)
        self.forms: dict[str, Form] = {}
        self.codes: dict[str, Grant] = {}
        self.access: dict[str, Grant] = {}
        self.known: set[str] = set()
        """Ids of the people who consented before."""

    def _now(self) -> datetime:
        return self._settings.now()

    def keep_form(self, wish: Wish) -> str:
        """The token of a page that was shown; of very many the oldest is forgotten."""
        return _keep(self.forms, secrets.token_urlsafe(24), Form(wish, self._now() + _FORM_LIFE))

    def keep_code(self, account: Account, wish: Wish) -> str:
        """A code for a person's yes."""
        code = self.provider.code_start + secrets.token_urlsafe(40)
        return _keep(self.codes, code, Grant(account, wish, self._now() + self.provider.code_life))

    def keep_access(self, grant: Grant) -> str:
        """An access token, which opens userinfo for an hour."""
        lasting = Grant(grant.account, grant.wish, self._now() + timedelta(hours=1))
        return _keep(self.access, secrets.token_urlsafe(40), lasting)

    def take_code(self, code: str) -> Grant | None:
        """The yes behind a code, which is used up; None when it is unknown, used or too old."""
        grant = self.codes.pop(code, None)
        return grant if grant is not None and grant.expires > self._now() else None


class PretendProviders:
    """All state of the three; `reset` puts it back, keys and all."""

    def __init__(self, settings: ProviderSettings) -> None:
        """Makes what the settings describe."""
        self.settings = settings
        made: list[Provider] = [kind(settings) for kind in (Google, Microsoft, Apple)]
        self.each = {one.name: ProviderState(one, settings) for one in made}
        self.wrongs: list[Wrong] = []
        self.faults: list[Fault] = []
        self.log: deque[Logged] = deque(maxlen=_LOG_LENGTH)

    def reset(self) -> None:
        """Forgets everything that happened."""
        for one in self.each.values():
            one.reset()
        for kept in (self.wrongs, self.faults, self.log):
            kept.clear()

    def take_wrong(self, provider: ProviderName) -> Wrong | None:
        """The next defect of that provider's tokens, counted as used."""
        return _spend(self.wrongs, next((w for w in self.wrongs if w.provider == provider), None))

    def take_fault(self, provider: ProviderName, where: str) -> Fault | None:
        """The next fault of that endpoint, counted as used."""
        found = (f for f in self.faults if f.provider == provider and f.where == where)
        return _spend(self.faults, next(found, None))


def _keep(kept: dict[str, _Kept], key: str, value: _Kept) -> str:
    if len(kept) >= _MOST:
        kept.pop(next(iter(kept)))
    kept[key] = value
    return key


def _spend(all_: list[_Counted], one: _Counted | None) -> _Counted | None:
    if one is not None and one.times > 0:
        one.times -= 1
        if one.times == 0:
            all_.remove(one)
    return one
