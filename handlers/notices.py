"""How the practice side tells a person that something happened later: the entry's own message, a word beside it, the
progress of a download, App Home. Always renders from the row as it stands, and shows an entry again that has moved on
meanwhile, so that of two replicas the slower one does not leave an old state behind.
"""

import asyncio
import logging
from weakref import WeakValueDictionary

from handlers.messages import connect, home, overdue, post_call
from handlers.messages.kit import Message
from handlers.people import People
from handlers.slack import Slack, SlackRefused
from xpm.api import TryLater
from xpm.clock import Clock
from xpm.entries import Entries
from xpm.entry_view import EntryView
from xpm.standing import Standings
from xpm.store import Database
from xpm.store import connections as connection_store
from xpm.store import entries as entry_store
from xpm.store import workspaces as workspace_store
from xpm.store.connections import Connection, Sync
from xpm.store.entries import Entry, State

log = logging.getLogger(__name__)

# Slack will never take these, however often we try; the entry itself is safe in its row.
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class SlackHomes:
    """Publishes App Home for those who look at it."""

    def __init__(
        self, database: Database, slack: Slack, people: People, standings: Standings, clock: Clock
    ) -> None:
        self._database = database
        self._slack = slack
        self._people = people
        self._standings = standings
        self._clock = clock

    async def publish(self, workspace_id: str, slack_user_id: str) -> None:
        """Publishes one person's App Home. Raises TryLater, SlackRefused."""
        person = await self._people.learn(workspace_id, slack_user_id)
        await self._people.saw_home(person)
        view = home.view(await self._standings.of(person), self._clock())
        await self._slack.call(workspace_id, "views.publish", user_id=slack_user_id, view=view)

    async def follow(self, workspace_id: str) -> None:
        """Publishes App Home anew for everybody who has looked at theirs; Slack being away is only logged."""
        async with self._database.reading() as tx:
            people = await workspace_store.people_who_saw_home(tx, workspace_id)
        for person in people:
            try:
                await self.publish(workspace_id, person.slack_user_id)
            except (SlackRefused, TryLater) as error:
                log.warning("notice.refused", extra={"workspace": workspace_id, "why": str(error)})


class SlackNotices:
    """Shows entries, refusals, downloads and App Home in Slack."""

    def __init__(
        self,
        database: Database,
        slack: Slack,
        people: People,
        clock: Clock,
        entries: Entries,
        homes: SlackHomes,
    ) -> None:
        self._database = database
        self._slack = slack
        self._people = people
        self._clock = clock
        self._entries = entries
        self._homes = homes
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # -- an entry --------------------------------------------------------------------------------------------------

    async def show(self, workspace_id: str, entry_id: str) -> None:
        """Makes the entry's message show the entry as it stands; posts it when there is none. Raises TryLater."""
        async with self._turn(entry_id):
            await self._show(workspace_id, entry_id)

    async def _show(self, workspace_id: str, entry_id: str) -> None:
        while (view := await self._entries.view(workspace_id, entry_id)) is not None:
            entry = view.entry
            channel, ts = await self._put(view)
            async with self._database.transaction() as tx:
                version = await entry_store.shown(tx, entry, channel, ts)
            if version == entry.version:
                return
            # Another process moved the entry on or placed its message, and Slack may have heard the two of us in
            # either order: whoever comes last shows it once more.
            if version is None and channel is not None and ts not in (None, entry.message_ts):
                await self.take_away(workspace_id, channel, str(ts))

    async def _put(self, view: EntryView) -> tuple[str | None, str | None]:
        """Makes Slack show the entry; where its message stands. What Slack will never take is only logged."""
        entry = view.entry
        message = post_call.message(view, self._clock())
        workspace_id, channel, ts = entry.workspace_id, entry.channel, entry.message_ts
        try:
            if channel is None or ts is None:
                channel = await self._people.channel(view.person)
                return channel, await self._post(workspace_id, channel, message)
            try:
                await self._update(workspace_id, channel, ts, message)
            except SlackRefused as refusal:
                # The person deleted the message. What needs them comes back as a new one; the rest is done.
                if refusal.code not in _GONE:
                    raise
                if entry.state is State.REFUSED:
                    return channel, await self._post(workspace_id, channel, message)
        except SlackRefused as refusal:
            log.warning("notice.refused", extra={"entry": entry.id, "why": refusal.code})
        return channel, ts

    async def refused(self, workspace_id: str, entry_id: str) -> None:
        """Says beside the message, to the person alone, that the entry was not saved and why.

        Raises TryLater; what Slack will never take is only logged, because the message itself says so too.
        """
        view = await self._entries.view(workspace_id, entry_id)
        if view is None or view.entry.channel is None:
            return
        message = post_call.refused(view)
        try:
            await self._slack.call(
                workspace_id,
                "chat.postEphemeral",
                channel=view.entry.channel,
                user=view.entry.slack_user_id,
                text=message.text,
                blocks=message.blocks,
            )
        except SlackRefused as refusal:
            log.warning("notice.refused", extra={"entry": entry_id, "why": refusal.code})

    async def bring_up(self, workspace_id: str, entry_id: str) -> None:
        """Posts the entry's message anew, at the end where the person sees it, and takes the old one away.

        That the person was told is kept with where the new one stands, so that no crash makes it be posted once more
        afterwards; what Slack will never take is only logged. Raises TryLater.
        """
        async with self._turn(entry_id):
            view = await self._entries.view(workspace_id, entry_id)
            if view is None:
                return
            entry = view.entry
            channel = ts = None
            try:
                channel = await self._people.channel(view.person)
                ts = await self._post(workspace_id, channel, post_call.message(view, self._clock()))
            except SlackRefused as refusal:
                log.warning("notice.refused", extra={"entry": entry_id, "why": refusal.code})
            async with self._database.transaction() as tx:
                version = await entry_store.shown(tx, entry, channel, ts)
                await entry_store.told(tx, entry)
            if version is None:
                # Another process brought it up at the same moment, so ours is the copy.
                gone = channel, ts
            else:
                gone = (entry.channel, entry.message_ts) if ts is not None else (None, None)
            if gone[0] is not None and gone[1] is not None:
                await self.take_away(workspace_id, gone[0], gone[1])
            if version != entry.version:
                await self._show(workspace_id, entry_id)

    async def take_away(self, workspace_id: str, channel: str, ts: str) -> None:
        """Takes a message away in whose place another stands; one that stays does no harm."""
        try:
            await self._slack.call(workspace_id, "chat.delete", channel=channel, ts=ts)
        except (SlackRefused, TryLater) as error:
            log.info("message.not_taken_away", extra={"why": str(error)})

    async def still_waiting(
        self, workspace_id: str, slack_user_id: str, waiting: list[Entry]
    ) -> None:
        """Says to somebody that these have waited for a day or more. Raises TryLater."""
        try:
            person = await self._people.learn(workspace_id, slack_user_id)
            channel = await self._people.channel(person)
            message = overdue.reminder(waiting, person.time_zone, self._clock())
            await self._post(workspace_id, channel, message)
        except SlackRefused as refusal:
            log.warning("notice.refused", extra={"workspace": workspace_id, "why": refusal.code})

    def _turn(self, entry_id: str) -> asyncio.Lock:
        return self._turns.setdefault(entry_id, asyncio.Lock())

    # -- the connection --------------------------------------------------------------------------------------------

    async def progress(self, workspace_id: str, sync: Sync | None) -> None:
        """Posts "Connected" to the person who connected, then updates that message with the download."""
        async with self._database.reading() as tx:
            connection = await connection_store.get(tx, workspace_id)
        if connection is None or (sync is None and connection.notice_ts is not None):
            return
        await self._tell_connector(connection, connect.progress(connection, sync))

    async def connection_changed(self, workspace_id: str) -> None:
        """Lets App Home follow."""
        await self._homes.follow(workspace_id)

    async def disconnected(self, connection: Connection) -> None:
        """Turns the message that said Connected into Disconnected."""
        await self._tell_connector(connection, connect.disconnected(connection.practice))

    async def ended(self, connection: Connection, waiting: int) -> tuple[str, str]:
        """Tells whoever connected that Xero ended it, or who installed the app when they have left.

        Returns where it stands, empty when Slack will never take it. Raises TryLater.
        """
        workspace_id = connection.workspace_id
        try:
            person = await self._people.learn(workspace_id, connection.connected_by)
            if person.has_left:
                async with self._database.reading() as tx:
                    workspace = await workspace_store.get(tx, workspace_id)
                if workspace is not None:
                    person = await self._people.learn(workspace_id, workspace.installed_by)
            channel = await self._people.channel(person)
            return channel, await self._post(
                workspace_id, channel, connect.ended(connection, waiting)
            )
        except SlackRefused as refusal:
            log.warning("notice.refused", extra={"workspace": workspace_id, "why": refusal.code})
            return "", ""

    async def _tell_connector(self, connection: Connection, message: Message) -> None:
        workspace_id = connection.workspace_id
        try:
            if connection.notice_channel is not None and connection.notice_ts is not None:
                await self._update(
                    workspace_id, connection.notice_channel, connection.notice_ts, message
                )
                return
            person = await self._people.learn(workspace_id, connection.connected_by)
            channel = await self._people.channel(person)
            ts = await self._post(workspace_id, channel, message)
            async with self._database.transaction() as tx:
                await connection_store.change(
                    tx, workspace_id, notice_channel=channel, notice_ts=ts
                )
        except (SlackRefused, TryLater) as error:
            log.warning("notice.refused", extra={"workspace": workspace_id, "why": str(error)})

    async def _post(self, workspace_id: str, channel: str, message: Message) -> str:
        answer = await self._slack.call(
            workspace_id,
            "chat.postMessage",
            channel=channel,
            text=message.text,
            blocks=message.blocks,
            unfurl_links=False,
        )
        return str(answer["ts"])

    async def _update(self, workspace_id: str, channel: str, ts: str, message: Message) -> None:
        # Text alone would drop the blocks: https://docs.slack.dev/reference/methods/chat.update
        await self._slack.call(
            workspace_id,
            "chat.update",
            channel=channel,
            ts=ts,
            text=message.text,
            blocks=message.blocks,
        )
