"""Connecting, the download, status, and disconnecting with a second confirmation."""

import datetime as dt

from handlers.messages import kit, region
from handlers.messages.kit import Block, Message
from xpm.standing import Standing
from xpm.store.connections import Connection, Sync
from xpm.store.entries import State

BEGIN = "connect.begin"
OPEN_LINK = "connect.open_link"
SYNC_NOW = "connect.sync_now"
DISCONNECT = "connect.disconnect"
DISCONNECT_MODAL = "connect.disconnect_modal"

_BAR = 12


def link(url: str, expires_at: dt.datetime, time_zone: str, now: dt.datetime) -> Message:
    """The way to Xero's consent, for one person alone."""
    until = expires_at.astimezone(kit.zone(time_zone))
    text = (
        "*Connect Xero Practice Manager*\nYou will sign in with Google, Microsoft or Apple, "
        "then allow access in Xero."
    )
    blocks = [
        kit.section(text),
        kit.actions("connect", kit.button("Connect", OPEN_LINK, style="primary", url=url)),
        kit.context(f"This link is yours alone and works once, until {until:%H:%M}."),
    ]
    return Message(
        f"Connect Xero Practice Manager. The link works once, until {until:%H:%M}.", blocks
    )


def already(standing: Standing) -> Message:
    """Somebody types connect while a practice is connected."""
    practice = standing.connection.practice if standing.connection else ""
    text = f"*Connected to {kit.escape(practice)}*\nTo connect another practice, disconnect this one first."
    return Message(f"Already connected to {practice}.", [kit.section(text)])


def not_connected() -> Message:
    """Something that needs XPM was asked for and nothing is connected."""
    blocks = [
        kit.section("*XPM is not connected*\nConnect it to see jobs and log time."),
        kit.actions("connect", kit.button("Connect", BEGIN, style="primary")),
    ]
    return Message("XPM is not connected. Type /xpm connect to connect it.", blocks)


def no_sign_in() -> Message:
    """Nobody may connect, because no way to sign in is set up."""
    title = "XPM cannot be connected yet"
    lines = (
        "Xero allows connecting only to people who sign in with Google, Microsoft or Apple, and none of them is set "
        "up for this app.\nTell whoever runs it: `xpm-slack doctor` says what is missing."
    )
    return Message(f"{title}. {lines}", [kit.section(f"*{title}*\n{lines}")])


def guests_may_not() -> Message:
    """A guest tries to connect."""
    return Message(
        "Guests cannot connect XPM.",
        [
            kit.section(
                "*Guests cannot connect XPM*\nAsk a full member of this workspace to type `/xpm connect`."
            )
        ],
    )


def progress(connection: Connection, sync: Sync | None, resumed: int = 0) -> Message:
    """The direct message after connecting: Connected, then the download, updated in place."""
    head = f"*Connected to {kit.escape(connection.practice)}*"
    blocks: list[Block] = [kit.section(head)]
    text = f"Connected to {connection.practice}."
    if sync is None:
        line = "Downloading staff, jobs and clients …"
    elif sync.failure is not None:
        line = f"The download stopped after {sync.seconds} s: XPM did not answer. It starts again by itself."
    elif sync.finished_at is None:
        line = f"{downloading(sync)} {_bar(sync)}"
    else:
        line = in_sync(sync)
    blocks.append(kit.section(kit.escape(line)))
    if resumed:
        blocks.append(kit.context(f"{kit.several(resumed, 'waiting time')} will be saved now."))
    return Message(f"{text} {line}", blocks)


def downloading(sync: Sync) -> str:
    """How far a sync is."""
    if sync.clients_expected:
        return f"Downloading clients: {sync.clients:,} of {sync.clients_expected:,}"
    if sync.clients:
        return (
            f"Downloading clients: {sync.clients:,} so far, {kit.several(sync.contacts, 'contact')}"
        )
    if sync.jobs:
        return f"Downloading jobs: {sync.jobs:,} so far"
    return f"Downloading staff: {sync.staff:,} so far"


def _bar(sync: Sync) -> str:
    # The first time XPM does not say how many clients there are: then the bar shows the stage.
    if sync.clients_expected:
        share = min(1.0, sync.clients / sync.clients_expected)
    else:
        share = 0.75 if sync.clients else 0.4 if sync.jobs else 0.15
    full = round(share * _BAR)
    return "▓" * full + "░" * (_BAR - full)


def in_sync(sync: Sync) -> str:
    """What a finished sync copied, and how long it took."""
    return (
        f"In sync: {kit.several(sync.clients, 'client')}, {kit.several(sync.contacts, 'contact')}, "
        f"{sync.staff:,} staff, {kit.several(sync.jobs, 'job')} ({sync.seconds} s)."
    )


def syncing() -> Message:
    """A sync was asked for."""
    return Message(
        "Syncing with XPM now.",
        [
            kit.section(
                "*Syncing with XPM now*\nNothing waits for it; /xpm status says when it is done."
            )
        ],
    )


def status(standing: Standing, now: dt.datetime) -> Message:
    """The connection, the last sync, the queue, and calls that belong to nobody."""
    lines = [*connection_lines(standing, now), *queue_lines(standing)]
    blocks = [kit.section("\n".join(lines))]
    if standing.nobodys_calls and standing.may_mend:
        blocks.append(kit.section(_nobody(standing.nobodys_calls)))
    if not standing.is_connected:
        blocks.append(
            kit.actions("connect", kit.button(_connect_word(standing), BEGIN, style="primary"))
        )
    return Message(" ".join(lines).replace("*", ""), blocks)


def _connect_word(standing: Standing) -> str:
    return "Reconnect" if standing.connection is not None else "Connect"


def connection_lines(standing: Standing, now: dt.datetime) -> list[str]:
    """The state of the connection in one to three lines of mrkdwn."""
    connection = standing.connection
    if connection is None:
        return ["*Not connected*", "Connect Xero Practice Manager to see jobs and log time."]
    if connection.ended_at is not None:
        when = kit.moment(connection.ended_at, standing.time_zone, now)
        waiting = standing.everyone.get(State.SENDING, 0)
        safe = (
            f"{kit.several(waiting, 'time')} will be saved after you reconnect." if waiting else ""
        )
        return [
            f"*Xero ended the connection to {kit.escape(connection.practice)}*, {when}.",
            safe or "Reconnect to log time.",
        ]
    by = kit.escape(standing.connected_by or "somebody who has left")
    lines = [
        f"*Connected to {kit.escape(connection.practice)}*",
        f"By {by}, {kit.moment(connection.connected_at, standing.time_zone, now)}.",
    ]
    if standing.running_sync is not None:
        lines.append(kit.escape(downloading(standing.running_sync)) + ".")
    elif standing.last_sync is not None and standing.last_sync.finished_at is not None:
        when = kit.moment(standing.last_sync.finished_at, standing.time_zone, now)
        lines.append(f"Last sync {when}. {in_sync(standing.last_sync)}")
    else:
        lines.append("Not synced yet.")
    lines.append(
        f"Phone numbers without a country code are read as: {kit.escape(region.name_of(connection.region))}."
    )
    if standing.calls_left is not None:
        lines.append(f"XPM takes {standing.calls_left:,} more requests from this app today.")
    return lines


def queue_lines(standing: Standing) -> list[str]:
    """What waits to be saved, and what was refused."""
    own, lines = standing.own, []
    waiting, refused = own.get(State.SENDING, 0), own.get(State.REFUSED, 0)
    open_ones = own.get(State.OFFERED, 0)
    if waiting:
        lines.append(f"{kit.several(waiting, 'time')} of yours waiting to be saved.")
    if refused:
        lines.append(
            f"{kit.several(refused, 'time')} of yours not saved: XPM refused, see the messages."
        )
    if open_ones:
        lines.append(f"{kit.several(open_ones, 'call')} of yours not logged yet.")
    others = standing.everyone.get(State.SENDING, 0) - waiting
    if others > 0 and standing.may_mend:
        lines.append(f"{kit.several(others, 'time')} of others waiting to be saved.")
    return lines or ["Nothing is waiting to be saved."]


def _nobody(calls: list[tuple[str, int]]) -> str:
    listed = "\n".join(
        f"• {kit.escape(email)}: {kit.several(count, 'call')}" for email, count in calls[:20]
    )
    return (
        f"*Calls of people nobody here knows, last 7 days*\n{listed}\nTheir phone e-mail must be their Slack e-mail. "
        "Who an extension is, you say in `/xpm phones` under Names."
    )


def disconnect_modal(connection: Connection, unsaved: int) -> kit.Element:
    """The second confirmation: what is forgotten, what is kept, what happens to unsaved times."""
    practice = kit.escape(connection.practice)
    lines = [
        f"*Disconnect {practice}?*",
        "• The connection is deleted at Xero, and the app's access with its last one.",
        "• Clients, contacts, staff and jobs downloaded from XPM are forgotten here.",
        "• Times already saved stay in XPM. Calls not logged yet keep what was chosen.",
        "• The log of who did what is kept.",
    ]
    if unsaved:
        lines.append(
            f"• {kit.several(unsaved, 'time')} not yet saved will wait until this practice is connected again."
        )
    return {
        "type": "modal",
        "callback_id": DISCONNECT_MODAL,
        "title": kit.plain("Disconnect XPM", 24),
        "submit": kit.plain("Disconnect", 24),
        "close": kit.plain("Cancel", 24),
        "private_metadata": connection.connected_at.isoformat(),
        "blocks": [kit.section("\n".join(lines))],
    }


def disconnecting(practice: str) -> kit.Element:
    """The modal while Xero is being told."""
    return _plain_modal(f"Disconnecting {kit.escape(practice)} …")


def disconnected_modal(practice: str) -> kit.Element:
    """The modal after disconnecting."""
    return _plain_modal(
        f"*Disconnected from {kit.escape(practice)}*\nTo connect again, type `/xpm connect`."
    )


def nothing_to_disconnect() -> kit.Element:
    """The modal when nothing is connected (any more)."""
    return _plain_modal("*XPM is not connected*\nThere is nothing to disconnect.")


def may_not_disconnect(connected_by: str) -> kit.Element:
    """The modal for somebody who may not disconnect."""
    return _plain_modal(
        f"*Only {kit.escape(connected_by or 'who connected XPM')} or an admin of this workspace can disconnect XPM*\n"
        "Nothing was changed."
    )


def opening() -> kit.Element:
    """What a modal shows for the moment before its facts are read: a trigger lives three seconds."""
    return _plain_modal("One moment …")


def _plain_modal(mrkdwn: str) -> kit.Element:
    return {
        "type": "modal",
        "callback_id": f"{DISCONNECT_MODAL}.plain",
        "title": kit.plain("Disconnect XPM", 24),
        "close": kit.plain("Close", 24),
        "blocks": [kit.section(mrkdwn)],
    }


def ended(connection: Connection, waiting: int) -> Message:
    """Xero ended the connection: said once, to whoever connected."""
    title = f"Xero ended the connection to {connection.practice}"
    if waiting:
        verb = "is" if waiting == 1 else "are"
        line = (
            f"{kit.several(waiting, 'time')} {verb} waiting and will be saved after you reconnect."
        )
    else:
        line = "No time can be logged until somebody reconnects. Nothing that was typed is lost."
    blocks = [
        kit.section(f"*{kit.escape(title)}*\n{line}"),
        kit.actions("connect", kit.button("Reconnect", BEGIN, style="primary")),
    ]
    return Message(f"{title}. {line}", blocks)


def disconnected(practice: str) -> Message:
    """The direct message that said Connected, afterwards."""
    blocks = [
        kit.section(
            f"*Disconnected from {kit.escape(practice)}*\nIts clients and jobs are forgotten here."
        ),
        kit.actions("connect", kit.button("Connect", BEGIN)),
    ]
    return Message(f"Disconnected from {practice}.", blocks)
