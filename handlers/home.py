"""App Home: published when somebody looks at it; it follows the connection afterwards."""

from handlers.asked import Asked


async def opened(asked: Asked) -> None:
    """Publishes the Home tab of whoever opened it."""
    event = asked.body.get("event") or {}
    if event.get("tab") == "home":
        await asked.services.homes.publish(asked.person.workspace_id, asked.person.slack_user_id)
