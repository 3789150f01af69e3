"""users.*, team.info and conversations.*: who is there and where one can speak to them."""

from __future__ import annotations

from sandbox.workspace.api.errors import SlackError
from sandbox.workspace.api.method import Asked, Method
from sandbox.workspace.model import Channel, JsonObject, Person
from sandbox.workspace.shapes import person_json

_EMAIL = "users:read.email"


def _shown(asked: Asked, person: Person, *, has_email: bool) -> JsonObject:
    return person_json(person, has_email=has_email, enterprise_id=asked.team.enterprise_id)


async def users_info(asked: Asked) -> JsonObject:
    """One person of the token's own team; those who left are there, marked deleted."""
    person = asked.team.people.get(asked.required("user"))
    if person is None:
        raise SlackError("user_not_found")
    return {"user": _shown(asked, person, has_email=_EMAIL in asked.installation.scopes)}


async def users_lookup_by_email(asked: Asked) -> JsonObject:
    """The active person with this address, capitals or not."""
    email = asked.required("email").strip().lower()
    for person in asked.team.people.values():
        if person.email == email and not person.is_deleted:
            return {"user": _shown(asked, person, has_email=True)}
    raise SlackError("users_not_found")


async def team_info(asked: Asked) -> JsonObject:
    """The token's own team."""
    team = asked.team
    if asked.optional("team") not in (None, team.id):
        raise SlackError("team_not_found")
    return {
        "team": {
            "id": team.id,
            "name": team.name,
            "domain": team.domain,
            "url": f"{asked.workspace.settings.public_url}/?team={team.id}",
            "email_domain": "",
            "icon": {"image_default": True},
        }
    }


async def conversations_open(asked: Asked) -> JsonObject:
    """The app's direct message with one person, opened if need be."""
    given, users = asked.optional("channel"), asked.arguments.get("users")
    if given is not None:
        channel = asked.team.channels.get(given)
        if channel is None or channel.kind != "app":
            raise SlackError("channel_not_found")
        return {"channel": _brief(asked, channel), "no_op": True, "already_open": True}
    ids = [
        one for one in (users if isinstance(users, list) else str(users or "").split(",")) if one
    ]
    if not ids:
        raise SlackError("users_list_not_supplied")
    if len(ids) > 1:
        raise SlackError(
            "missing_scope", needed="mpim:write", provided=",".join(asked.installation.scopes)
        )
    person = asked.team.people.get(str(ids[0]))
    if person is None:
        raise SlackError("user_not_found")
    if person.is_deleted:
        raise SlackError("user_disabled")
    was_open = person.id in asked.team.app_channels
    channel = asked.workspace.app_channel(asked.team, person.id)
    return {"channel": _brief(asked, channel), "no_op": was_open, "already_open": was_open}


def _brief(asked: Asked, channel: Channel) -> JsonObject:
    if str(asked.arguments.get("return_im", "")).lower() in ("true", "1"):
        return channel_json(asked, channel)
    return {"id": channel.id}


async def conversations_info(asked: Asked) -> JsonObject:
    """A channel or direct message the app may know of."""
    channel = asked.team.channels.get(asked.required("channel"))
    if channel is None:
        raise SlackError("channel_not_found")
    return {"channel": channel_json(asked, channel)}


def channel_json(asked: Asked, channel: Channel) -> JsonObject:
    """A conversation object. https://docs.slack.dev/reference/objects/conversation-object"""
    is_im = channel.kind == "app"
    shape: JsonObject = {
        "id": channel.id,
        "created": 1_760_000_000,
        "is_im": is_im,
        "is_channel": not is_im,
        "is_archived": False,
        "context_team_id": channel.team_id,
    }
    if is_im:
        bot = asked.team.bot_user_id
        return shape | {"user": next(one for one in channel.members if one != bot)}
    is_member = asked.team.bot_user_id in channel.members
    return shape | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_general": True,
        "is_private": False,
        "is_member": is_member,
        "num_members": len(channel.members),
    }


PEOPLE = {
    "users.info": Method(users_info, ("users:read",), 4),
    "users.lookupByEmail": Method(users_lookup_by_email, (_EMAIL,), 3),
    "team.info": Method(team_info, ("team:read",), 3),
    "conversations.open": Method(conversations_open, ("im:write", "mpim:write"), 3),
    "conversations.info": Method(
        conversations_info, ("channels:read", "groups:read", "im:read", "mpim:read"), 3
    ),
}
