"""What one consent at Xero gave, as it is kept sealed on its link until one practice is connected. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from xpm.api import PracticeConnection, Tokens


@dataclass(frozen=True, slots=True)
class Consented:
    """The tokens of a consent and the practices it covers, which are none while Xero has not been asked for them.

    `events` are Xero's names of this consent and of those it took the place of, `made` the connections these made.
    Without tokens it is what is left of a consent whose tokens a connection has taken: `made` is to be left at Xero.
    """

    tokens: Tokens | None
    practices: tuple[PracticeConnection, ...] = ()
    events: tuple[str, ...] = ()
    made: tuple[PracticeConnection, ...] = ()

    def __repr__(self) -> str:
        return "Consented(…)"

    def by_tenant(self, tenant_id: str) -> PracticeConnection | None:
        """The practice of this id, if the consent covers it."""
        return next((one for one in self.practices if one.tenant_id == tenant_id), None)

    def without(self, chosen: PracticeConnection) -> "Consented | None":
        """What is to be left at Xero once one is chosen: only what the consent made; None when nothing is."""
        rest = tuple(one for one in self.made if one.id != chosen.id)
        return Consented(None, made=rest) if rest else None

    def has_made(self, practice: PracticeConnection) -> bool:
        """Whether this consent made the connection; one that was there before keeps its older event."""
        return practice.auth_event_id in self.events

    def to_text(self) -> str:
        """The text that is sealed."""
        tokens = None
        if self.tokens is not None:
            tokens = {
                "access": self.tokens.access_token,
                "refresh": self.tokens.refresh_token,
                "expires_at": self.tokens.expires_at.isoformat(),
                "scopes": list(self.tokens.scopes),
                "event": self.tokens.auth_event_id,
            }
        kept: dict[str, object] = {"tokens": tokens, "events": list(self.events)}
        for name, practices in (("practices", self.practices), ("made", self.made)):
            kept[name] = [
                [one.id, one.tenant_id, one.tenant_name, one.auth_event_id] for one in practices
            ]
        return json.dumps(kept)

    @classmethod
    def from_text(cls, text: str) -> "Consented":
        """What `to_text` wrote; when a connection was made and changed at Xero is not kept."""
        said = json.loads(text)
        kept = said["tokens"]
        tokens = None
        if kept is not None:
            tokens = Tokens(
                kept["access"],
                kept["refresh"],
                datetime.fromisoformat(kept["expires_at"]),
                tuple(kept["scopes"]),
                kept["event"],
            )
        practices, made = (
            tuple(
                PracticeConnection(identity, tenant, called, event, None, None)
                for identity, tenant, called, event in said[name]
            )
            for name in ("practices", "made")
        )
        return cls(tokens, practices, tuple(said["events"]), made)


def covered(
    listed: Sequence[PracticeConnection], event_id: str | None, since: datetime | None
) -> tuple[PracticeConnection, ...]:
    """The practices that a consent covers, of all that the person's tokens open, in the order of their names.

    A practice connected before keeps its old event and only its time of change moves, so what changed `since` the
    person set out counts as well. When neither tells, it may be any of them: the person says which.
    """
    found = [
        one
        for one in listed
        if (event_id is not None and one.auth_event_id == event_id)
        or (since is not None and one.updated_at is not None and one.updated_at > since)
    ]
    return tuple(sorted(found or listed, key=lambda one: (one.tenant_name.casefold(), one.id)))
