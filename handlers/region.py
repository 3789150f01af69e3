"""Changing the country in which numbers without a country code are read: by who connected, and by admins."""

from typing import Any

from handlers.asked import Asked
from handlers.messages import region as messages
from xpm import regions


async def ask(asked: Asked) -> None:
    """Opens the modal with the country there is."""
    view_id = await asked.open_modal(messages.opening())
    person = await asked.services.people.learn(
        asked.person.workspace_id, asked.person.slack_user_id
    )
    await asked.update_modal(view_id, messages.modal(await asked.services.standings.of(person)))


async def save(ack: Any, body: dict[str, Any], context: Any) -> None:
    """Changes the country before the ack says so, if the person may and the modal was for this connection."""
    asked = Asked.of(body, context)
    services, view = asked.services, body["view"]
    standing = await services.standings.of(asked.person)
    connection = standing.connection
    chosen = view["state"]["values"].get(messages.BLOCK, {}).get(messages.COUNTRY, {})
    code = str((chosen.get("selected_option") or {}).get("value", ""))
    if (
        connection is None
        or not standing.may_mend
        or view.get("private_metadata") != connection.connected_at.isoformat()
        or code not in messages.choices(connection.region)
    ):
        shown = messages.modal(standing)
    elif code == connection.region:
        shown = messages.unchanged(code)
    else:
        person = asked.person
        await regions.change(
            services.database,
            person.workspace_id,
            code,
            services.clock(),
            by=person.slack_user_id,
        )
        shown = messages.saved(connection.practice, code)
    await ack(response_action="update", view=shown)


async def follow(asked: Asked) -> None:
    """Lets App Home follow."""
    await asked.services.homes.follow(asked.person.workspace_id)
