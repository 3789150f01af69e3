"""Who people are: Slack's profiles, learned once and looked up again when they are a day old."""

import datetime as dt
from dataclasses import replace
from typing import Any

from handlers.slack import Slack, SlackRefused
from xpm.api import TryLater
from xpm.clock import Clock
from xpm.store import Database
from xpm.store import workspaces as store
from xpm.store.workspaces import Person

_STALE = dt.timedelta(days=1)
_MENDED_AFTER = 300.0
# There is no such person, or no workspace any more to ask.
_NOBODY = frozenset(
    {"users_not_found", "not_installed", "account_inactive", "invalid_auth", "token_revoked"}
)
_PROFILE = ("email", "name", "time_zone", "is_admin", "is_guest", "has_left", "learned_at")


class People:
    """Finds people by id or e-mail address, and the direct message with each."""

    def __init__(self, database: Database, slack: Slack, clock: Clock) -> None:
        self._database = database
        self._slack = slack
        self._clock = clock

    async def known(self, workspace_id: str, slack_user_id: str) -> Person:
        """The person as we know them, without asking Slack: for the way to an ack."""
        async with self._database.asking() as tx:
            return await store.person(tx, workspace_id, slack_user_id)

    async def learn(
        self, workspace_id: str, slack_user_id: str, *, within: dt.timedelta = _STALE
    ) -> Person:
        """The person with a profile at most a day old, or as old as said. Raises TryLater, SlackRefused."""
        person = await self.known(workspace_id, slack_user_id)
        if not self._is_stale(person, within):
            return person
        answer = await self._slack.call(workspace_id, "users.info", user=slack_user_id)
        user = answer.get("user") or {}
        if not belongs(user, workspace_id):
            raise SlackRefused("user_not_found")
        return await self._keep(workspace_id, user)

    async def known_by_email(self, workspace_id: str, email: str) -> Person | None:
        """The one person with this address as we know them, without asking Slack."""
        async with self._database.reading() as tx:
            return await store.person_by_email(tx, workspace_id, email)

    async def find(self, workspace_id: str, email: str) -> Person | None:
        """The member of the workspace with this e-mail address; None for nobody, a guest's or a bot's included.

        Raises TryLater when Slack does not answer.
        """
        person = await self.known_by_email(workspace_id, email)
        if person is None or self._is_stale(person):
            try:
                answer = await self._slack.call(workspace_id, "users.lookupByEmail", email=email)
            except SlackRefused as refusal:
                if refusal.code in _NOBODY:
                    return None
                # A missing scope, say: mended by an admin, so the call waits instead of being nobody's.
                raise TryLater(_MENDED_AFTER, f"Slack refuses ({refusal.code})") from None
            user = answer.get("user") or {}
            if not belongs(user, workspace_id):
                return None
            person = await self._keep(workspace_id, user)
        return person

    async def channel(self, person: Person) -> str:
        """The direct message between the person and the app. Raises TryLater, SlackRefused."""
        if person.channel is not None:
            return person.channel
        answer = await self._slack.call(
            person.workspace_id, "conversations.open", users=person.slack_user_id
        )
        channel = str(answer["channel"]["id"])
        async with self._database.transaction() as tx:
            await store.save_person(tx, replace(person, channel=channel), "channel")
        return channel

    async def saw_home(self, person: Person) -> None:
        """Notes that this person's App Home should follow what happens."""
        if not person.has_seen_home:
            async with self._database.transaction() as tx:
                await store.save_person(tx, replace(person, has_seen_home=True), "has_seen_home")

    def _is_stale(self, person: Person, within: dt.timedelta = _STALE) -> bool:
        return person.learned_at is None or self._clock() - person.learned_at > within

    async def _keep(self, workspace_id: str, user: dict[str, Any]) -> Person:
        profile = user.get("profile") or {}
        person = Person(
            workspace_id=workspace_id,
            slack_user_id=str(user["id"]),
            email=(profile.get("email") or "").casefold() or None,
            name=str(user.get("real_name") or profile.get("real_name") or user.get("name") or ""),
            time_zone=str(user.get("tz") or "UTC"),
            is_admin=bool(user.get("is_admin") or user.get("is_owner")),
            is_guest=bool(
                user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_bot")
            ),
            has_left=bool(user.get("deleted")),
            learned_at=self._clock(),
        )
        async with self._database.transaction() as tx:
            await store.save_person(tx, person, *_PROFILE)
            return await store.person(tx, workspace_id, person.slack_user_id)


def belongs(user: dict[str, Any], workspace_id: str) -> bool:
    """Whether Slack's user is in a workspace: an organisation's token finds the people of all its workspaces.

    https://docs.slack.dev/reference/objects/user-object
    """
    own = user.get("team_id")
    whole = (user.get("enterprise_user") or {}).get("teams") or []
    return own == workspace_id or workspace_id in whole
