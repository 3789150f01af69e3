"""/xpm connect, status, sync and disconnect: commands, buttons and the second confirmation."""

import asyncio

from handlers.asked import Asked
from handlers.messages import connect as messages
from handlers.messages.kit import Element, Message
from xpm.standing import Standing

# Slack applies our answer to a submission and then our update; this lets the answer arrive first.
ANSWER_FIRST = 0.4


async def connect(asked: Asked) -> None:
    """Sends the person a link of their own to Xero's consent."""
    services = asked.services
    person = await services.people.learn(asked.person.workspace_id, asked.person.slack_user_id)
    if person.is_guest:
        await asked.answer(messages.guests_may_not())
        return
    standing = await services.standings.of(person)
    if standing.is_connected:
        await asked.answer(messages.already(standing))
        return
    if not services.can_sign_in:
        await asked.answer(messages.no_sign_in())
        return
    secret, link = await services.connecting.new_link(person.workspace_id, person.slack_user_id)
    url = f"{services.public_url}/connect/{secret}"
    await asked.answer(messages.link(url, link.expires_at, person.time_zone, services.clock()))


async def status(asked: Asked) -> Message:
    """The connection, the last sync, what waits."""
    return messages.status(await asked.services.standings.of(asked.person), asked.services.clock())


async def sync(asked: Asked) -> Message:
    """Begins a sync, durably, before saying so."""
    standing = await asked.services.standings.of(asked.person)
    if not standing.is_connected:
        return messages.not_connected()
    await asked.services.syncing.begin(asked.person.workspace_id)
    return messages.syncing()


async def sync_now(asked: Asked) -> None:
    """The button on App Home."""
    await sync(asked)
    await asked.services.homes.publish(asked.person.workspace_id, asked.person.slack_user_id)


async def ask_disconnect(asked: Asked) -> None:
    """Opens the second confirmation."""
    view_id = await asked.open_modal(messages.opening())
    person = await asked.services.people.learn(
        asked.person.workspace_id, asked.person.slack_user_id
    )
    await asked.update_modal(view_id, _confirmation(await asked.services.standings.of(person)))


def _confirmation(standing: Standing) -> Element:
    if standing.connection is None:
        return messages.nothing_to_disconnect()
    if not standing.may_mend:
        return messages.may_not_disconnect(standing.connected_by)
    return messages.disconnect_modal(standing.connection, standing.unsaved)


async def disconnecting(asked: Asked) -> Element:
    """What the modal shows once Disconnect is pressed."""
    standing = await asked.services.standings.of(asked.person)
    if standing.connection is None or not standing.may_mend:
        return _confirmation(standing)
    return messages.disconnecting(standing.connection.practice)


async def disconnect(asked: Asked) -> None:
    """Disconnects, if the person may and the confirmation was for this connection and no later one."""
    services, workspace_id = asked.services, asked.person.workspace_id
    person = await services.people.learn(workspace_id, asked.person.slack_user_id)
    standing = await services.standings.of(person)
    connection, view = standing.connection, asked.body["view"]
    if connection is None or not standing.may_mend:
        return
    if view.get("private_metadata") != connection.connected_at.isoformat():
        await asyncio.sleep(ANSWER_FIRST)
        await asked.update_modal(str(view["id"]), _confirmation(standing))
        return
    gone, _ = await asyncio.gather(
        services.connections.disconnect(workspace_id, person.slack_user_id),
        asyncio.sleep(ANSWER_FIRST),
    )
    if gone is not None:
        await asked.update_modal(str(view["id"]), messages.disconnected_modal(gone.practice))
        await services.notices.disconnected(gone)
        await services.homes.follow(workspace_id)
