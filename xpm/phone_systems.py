"""A workspace's phone systems: adds them, keeps their secrets, tells how they do, and keeps the practice's rules.

A change made twice, or on the ground of what somebody else has changed meanwhile, changes nothing the second time.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from xpm import places
from xpm.calls import Rules
from xpm.clock import Clock
from xpm.gathering import asked_since
from xpm.store import Database, audit
from xpm.store import calls as call_store
from xpm.store import phones as store
from xpm.store import workspaces as workspace_store
from xpm.store.phones import PhonePerson
from xpm.store.workspaces import PhoneSystem
from xpm.vault import CannotOpen, Vault

STANDARD = "standard"
"""The kind of our own event, which any system can send."""

_NONE_YET = "none-yet:"
_SHORTEST, _LONGEST = 8, 255
_WHSEC = "whsec_"


class Unfit(StrEnum):
    """Why a text cannot be a phone system's secret."""

    LENGTH = "length"
    CHARACTERS = "characters"
    NO_WHSEC = "no_whsec"


class UnfitSecret(ValueError):
    """A text that cannot be a phone system's secret; `why` says what is wrong with it, the text is not kept."""

    def __init__(self, why: Unfit) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Added:
    """Where a phone system sends its calls, and the secret it proves them with.

    The secret is empty when the phone system makes one itself, which is to be brought here.
    """

    address: str
    secret: str
    system_id: str

    def __repr__(self) -> str:
        return f"Added({self.address!r})"


@dataclass(frozen=True, slots=True)
class Known:
    """A phone system and how it does: its address, whether it has its secret, how many names nobody is known for.

    `mark` changes whenever the secret does, and tells nothing of it.
    """

    system: PhoneSystem
    address: str
    has_secret: bool
    unknown_names: int
    mark: str


@dataclass(frozen=True, slots=True)
class Named:
    """A name that a phone system uses for somebody, with the calls of the last week that wait for its person."""

    person: PhonePerson
    waiting: int

    @property
    def is_unknown(self) -> bool:
        """Whether somebody has to say who that is."""
        return not self.person.is_nobody and (self.person.email is None or self.waiting > 0)


def new_secret(kind: str) -> str:
    """A secret that somebody may have to type, or `whsec_` and 32 bytes where Standard Webhooks wants those.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    if kind == STANDARD:
        return f"{_WHSEC}{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return secrets.token_urlsafe(32)


def why_unfit(kind: str, secret: str) -> Unfit | None:
    """Why a text cannot be the secret of this kind of phone system, or None when it can."""
    if not _SHORTEST <= len(secret) <= _LONGEST:
        return Unfit.LENGTH
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        return Unfit.CHARACTERS
    if secret.startswith(_NONE_YET):
        return Unfit.CHARACTERS
    return Unfit.NO_WHSEC if kind == STANDARD and not _is_whsec(secret) else None


def _is_whsec(secret: str) -> bool:
    # The specification wants 24 to 64 bytes.
    try:
        raw = base64.b64decode(secret.removeprefix(_WHSEC), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith(_WHSEC) and 24 <= len(raw) <= 64


class PhoneSystems:
    """Adds, changes, tells of and removes; every look-up takes the workspace, so an id is a claim and no right.

    `by` is the person in Slack who does it, None on the command line.
    """

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, public_url: str, otherwise: Rules
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._public_url = public_url
        self._otherwise = otherwise

    # -- adding and removing ---------------------------------------------------------------------------------------

    async def add(
        self,
        workspace_id: str,
        kind: str,
        *,
        has_own_secret: bool,
        chosen: str = "",
        system_id: str | None = None,
        by: str | None = None,
    ) -> Added | None:
        """Adds a phone system; None when the app is not installed in the workspace or `system_id` is taken.

        `chosen` is the word it was chosen under from the menu, where several are of one kind. With `has_own_secret` the
        phone system makes the secret: until it is brought, one that nobody knows keeps the door shut.
        """
        system_id = system_id or secrets.token_hex(12)
        secret = new_secret(kind)
        sealed = self._vault.seal(
            f"{_NONE_YET}{secret}" if has_own_secret else secret, places.phone_secret(system_id)
        )
        now = self._clock()
        system = PhoneSystem(system_id, workspace_id, kind, sealed, now, chosen=chosen)
        async with self._database.transaction() as tx:
            if await workspace_store.get(tx, workspace_id) is None:
                return None
            if not await workspace_store.add_phone_system(tx, system):
                return None
            await audit.note(tx, audit.Fact(now, workspace_id, "phones.added", by, system_id))
        return Added(self._address(system), "" if has_own_secret else secret, system_id)

    async def remove(self, workspace_id: str, system_id: str, *, by: str | None = None) -> bool:
        """Removes a phone system with its names; its calls and their messages stay. False when there was none."""
        async with self._database.transaction() as tx:
            if not await store.remove(tx, workspace_id, system_id):
                return False
            fact = audit.Fact(self._clock(), workspace_id, "phones.removed", by, system_id)
            await audit.note(tx, fact)
        return True

    # -- how they do -----------------------------------------------------------------------------------------------

    async def every(self, workspace_id: str) -> list[Known]:
        """The workspace's phone systems, oldest first."""
        async with self._database.reading() as tx:
            systems = await store.of_workspace(tx, workspace_id)
            unknown = await store.unknown_names(tx, workspace_id)
        return [self._known(system, unknown) for system in systems]

    async def one(self, workspace_id: str, system_id: str) -> Known | None:
        """One of the workspace's phone systems; None for any other."""
        async with self._database.reading() as tx:
            system = await store.one(tx, workspace_id, system_id)
            unknown = await store.unknown_names(tx, workspace_id)
        return None if system is None else self._known(system, unknown)

    async def people(self, workspace_id: str, system_id: str) -> list[Named]:
        """The names a phone system uses: those nobody is known for first, the last seen of them first."""
        since = asked_since(self._clock())
        async with self._database.reading() as tx:
            people = await store.people(tx, workspace_id, system_id)
            waiting = await call_store.waiting_by_name(tx, workspace_id, system_id, since)
        named = [Named(person, waiting.get(person.staff, 0)) for person in people]
        unknown = sorted(
            (one for one in named if one.is_unknown),
            key=lambda one: one.person.seen_at,
            reverse=True,
        )
        return unknown + [one for one in named if not one.is_unknown]

    async def waiting(self, workspace_id: str, system_id: str) -> int:
        """How many calls of the last week wait for a person to be known."""
        async with self._database.reading() as tx:
            found = await call_store.waiting_by_name(
                tx, workspace_id, system_id, asked_since(self._clock())
            )
        return sum(found.values())

    def _known(self, system: PhoneSystem, unknown: dict[str, int]) -> Known:
        return Known(
            system=system,
            address=self._address(system),
            has_secret=self._has_secret(system),
            unknown_names=unknown.get(system.id, 0),
            mark=_mark(system),
        )

    def _address(self, system: PhoneSystem) -> str:
        return f"{self._public_url}/calls/{system.kind}/{system.id}"

    def _has_secret(self, system: PhoneSystem) -> bool:
        try:
            found = self._vault.open(system.secret, places.phone_secret(system.id))
        except CannotOpen:
            return False
        return not found.startswith(_NONE_YET)

    # -- secrets ---------------------------------------------------------------------------------------------------

    async def change_secret(
        self,
        workspace_id: str,
        system_id: str,
        secret: str | None = None,
        *,
        mark: str | None = None,
        by: str | None = None,
    ) -> str | None:
        """Keeps the secret that a phone system made, or a new one of ours, and returns it; the old one ends at once.

        None when the workspace has no such phone system, and with `mark` also when somebody changed the secret since:
        of two clicks at the same moment only one makes a secret. Raises UnfitSecret.
        """
        async with self._database.transaction() as tx:
            system = await store.one(tx, workspace_id, system_id)
            if system is None or (mark is not None and mark != _mark(system)):
                return None
            if secret is not None and (why := why_unfit(system.kind, secret)) is not None:
                raise UnfitSecret(why)
            place = places.phone_secret(system_id)
            found = new_secret(system.kind) if secret is None else secret
            sealed = self._vault.seal(found, place)
            changed = await store.change_secret(
                tx, workspace_id, system_id, sealed, before=system.secret if mark else None
            )
            if not changed:
                return None
            fact = audit.Fact(self._clock(), workspace_id, "phones.secret_changed", by, system_id)
            await audit.note(tx, fact)
        return found

    # -- rules -----------------------------------------------------------------------------------------------------

    async def rules(self, workspace_id: str) -> Rules:
        """Which calls of the practice are asked about."""
        async with self._database.reading() as tx:
            return await store.rules(tx, workspace_id, self._otherwise)

    async def change_rules(
        self,
        workspace_id: str,
        change: Callable[[Rules], Rules],
        *,
        mark: str | None = None,
        by: str | None = None,
    ) -> tuple[Rules, bool] | None:
        """The rules after a change, and whether it was made; None when the app is not installed in the workspace.

        With `mark` it is not made when somebody else changed the rules since.
        """
        async with self._database.transaction() as tx:
            if await workspace_store.get(tx, workspace_id) is None:
                return None
            await store.take_turn(tx, workspace_id, "rules")
            before = await store.rules(tx, workspace_id, self._otherwise)
            after = change(before)
            if after == before:
                return before, True
            if mark is not None and mark != mark_of(before):
                return before, False
            await store.save_rules(tx, workspace_id, after)
            fact = audit.Fact(self._clock(), workspace_id, "phones.rules_changed", by)
            await audit.note(tx, fact)
        return after, True


def mark_of(rules: Rules) -> str:
    """A few characters that are others for other rules."""
    return hashlib.sha256(repr(rules).encode()).hexdigest()[:16]


def _mark(system: PhoneSystem) -> str:
    return hashlib.sha256(system.secret.text.encode()).hexdigest()[:16]
