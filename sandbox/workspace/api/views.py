"""views.*: modals and home tabs. https://docs.slack.dev/reference/methods/views.open"""

from __future__ import annotations

from sandbox.workspace.api.errors import SlackError
from sandbox.workspace.api.method import Asked, Method
from sandbox.workspace.modals import change_view, open_view, publish_home, push_view
from sandbox.workspace.model import JsonObject, Trigger, View
from sandbox.workspace.shapes import view_json


async def views_open(asked: Asked) -> JsonObject:
    """Open a modal for whoever caused the trigger, within its three seconds."""
    spec = asked.decoded("view", "invalid_arguments")
    trigger = _trigger(asked)
    view = open_view(asked.workspace, trigger.team_id, trigger.user_id, spec)
    return {"view": view_json(asked.workspace, view)}


async def views_push(asked: Asked) -> JsonObject:
    """Put a modal on top of the open one."""
    spec = asked.decoded("view", "invalid_arguments")
    trigger = _trigger(asked)
    view = push_view(asked.workspace, trigger.team_id, trigger.user_id, spec)
    return {"view": view_json(asked.workspace, view)}


async def views_update(asked: Asked) -> JsonObject:
    """Change an open modal by view_id or external_id."""
    view = _find(asked)
    spec = asked.decoded("view", "invalid_arguments")
    change_view(asked.workspace, view, spec, asked.optional("hash"))
    return {"view": view_json(asked.workspace, view)}


async def views_publish(asked: Asked) -> JsonObject:
    """Show a person a home tab."""
    if not asked.workspace.manifest.has_home_tab:
        raise SlackError("not_enabled")
    user_id = asked.required("user_id")
    person = asked.team.people.get(user_id)
    if person is None or person.is_deleted:
        raise SlackError(
            "invalid_arguments", messages=["[ERROR] invalid user_id [json-pointer:/user_id]"]
        )
    spec = asked.decoded("view", "invalid_arguments")
    view = publish_home(asked.workspace, asked.team.id, user_id, spec, asked.optional("hash"))
    return {"view": view_json(asked.workspace, view)}


def _trigger(asked: Asked) -> Trigger:
    trigger = asked.workspace.triggers.get(asked.required("trigger_id"))
    if trigger is None or trigger.team_id != asked.team.id:
        raise SlackError("invalid_trigger_id")
    if trigger.is_used:
        raise SlackError("exchanged_trigger_id")
    if asked.workspace.clock() - trigger.issued_at > asked.workspace.settings.trigger_seconds:
        raise SlackError("expired_trigger_id")
    trigger.is_used = True
    return trigger


def _find(asked: Asked) -> View:
    view_id, external_id = asked.optional("view_id"), asked.optional("external_id")
    if view_id is None and external_id is None:
        raise SlackError(
            "invalid_arguments", messages=["[ERROR] must provide one of view_id, external_id"]
        )
    for view in asked.workspace.views.values():
        if view.team_id == asked.team.id and (
            view.id == view_id
            or (external_id is not None and view.body.get("external_id") == external_id)
        ):
            return view
    raise SlackError("not_found")


VIEWS = {
    "views.open": Method(views_open),
    "views.push": Method(views_push),
    "views.update": Method(views_update),
    "views.publish": Method(views_publish),
}
