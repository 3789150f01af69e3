"""Opening, pushing, changing and closing views; the same rules for views.* and for answers."""

from __future__ import annotations

import copy
import secrets

from sandbox.workspace.api.errors import SlackError
from sandbox.workspace.blockkit.blocks import complete_blocks, complete_texts
from sandbox.workspace.blockkit.check import Check
from sandbox.workspace.blockkit.values import keep_entered
from sandbox.workspace.blockkit.views import check_view, is_too_large
from sandbox.workspace.model import JsonObject, View
from sandbox.workspace.state import Workspace, block_id, new_id

MOST_STACKED = 3


def judged_view(workspace: Workspace, spec: object, kind: str, at: str = "/view") -> JsonObject:
    """A view as Slack keeps it; raises invalid_arguments with what is wrong, view_too_large."""
    if is_too_large(spec):
        raise SlackError("view_too_large")
    check = Check()
    check_view(check, spec, kind, at)
    if check.problems or not isinstance(spec, dict):
        raise SlackError("invalid_arguments", messages=check.problems)
    body = copy.deepcopy(spec)
    body["blocks"] = complete_blocks(body["blocks"], block_id)
    for name in ("title", "close", "submit"):
        complete_texts(body.get(name))
    return body


def _check_external_id(workspace: Workspace, team_id: str, body: JsonObject, own: str) -> None:
    external_id = body.get("external_id")
    if external_id and any(
        view.team_id == team_id and view.id != own and view.body.get("external_id") == external_id
        for view in workspace.views.values()
    ):
        raise SlackError("duplicate_external_id")


def open_view(workspace: Workspace, team_id: str, user_id: str, spec: object) -> View:
    """Begin a new stack; one that was open is gone."""
    body = judged_view(workspace, spec, "modal")
    _check_external_id(workspace, team_id, body, "")
    stack = workspace.stack(team_id, user_id)
    for view in stack:
        workspace.views.pop(view.id, None)
    stack.clear()
    return _place(workspace, team_id, user_id, body)


def push_view(workspace: Workspace, team_id: str, user_id: str, spec: object) -> View:
    """Put a view on top of the stack: three at most (push_limit_reached)."""
    stack = workspace.stack(team_id, user_id)
    if not stack:
        # A trigger that came from no modal has nothing to be pushed onto.
        raise SlackError("not_found")
    if len(stack) >= MOST_STACKED:
        raise SlackError("push_limit_reached")
    body = judged_view(workspace, spec, "modal")
    _check_external_id(workspace, team_id, body, "")
    return _place(workspace, team_id, user_id, body)


def _place(workspace: Workspace, team_id: str, user_id: str, body: JsonObject) -> View:
    stack = workspace.stack(team_id, user_id)
    view_id = new_id("V")
    view = View(
        id=view_id,
        team_id=team_id,
        user_id=user_id,
        body=body,
        hash=new_hash(workspace),
        root_id=stack[0].root_id if stack else view_id,
        previous_id=stack[-1].id if stack else None,
    )
    stack.append(view)
    workspace.views[view_id] = view
    workspace.changed(team_id, user_id)
    return view


def change_view(workspace: Workspace, view: View, spec: object, view_hash: str | None) -> None:
    """Give a view new content in place; a hash that is no longer its own is a hash_conflict."""
    body = judged_view(workspace, spec, view.body["type"])
    _check_external_id(workspace, view.team_id, body, view.id)
    if view_hash is not None and view_hash != view.hash:
        raise SlackError("hash_conflict")
    view.body = body
    view.hash = new_hash(workspace)
    view.entered = keep_entered(view.entered, view.blocks)
    view.errors = {}
    workspace.changed(view.team_id, view.user_id)


def publish_home(
    workspace: Workspace, team_id: str, user_id: str, spec: object, view_hash: str | None
) -> View:
    """Show a person a new home tab; the view's id stays the same."""
    key = (team_id, user_id)
    home = workspace.homes.get(key)
    if home is not None:
        change_view(workspace, home, spec, view_hash)
        return home
    body = judged_view(workspace, spec, "home")
    _check_external_id(workspace, team_id, body, "")
    view_id = new_id("V")
    home = View(view_id, team_id, user_id, body, new_hash(workspace), view_id)
    workspace.homes[key] = home
    workspace.views[view_id] = home
    workspace.changed(team_id, user_id)
    return home


def take_away(workspace: Workspace, view: View) -> list[View]:
    """Close a view and what lies on it; gives the closed ones, the top one first."""
    stack = workspace.stack(view.team_id, view.user_id)
    if view not in stack:
        return []
    closed = stack[stack.index(view) :]
    del stack[stack.index(view) :]
    for one in closed:
        workspace.views.pop(one.id, None)
    workspace.changed(view.team_id, view.user_id)
    return closed[::-1]


def take_all_away(workspace: Workspace, team_id: str, user_id: str) -> list[View]:
    """Close every modal of a person; gives the closed ones, the top one first."""
    stack = workspace.stack(team_id, user_id)
    return take_away(workspace, stack[0]) if stack else []


def new_hash(workspace: Workspace) -> str:
    """A view's hash, new with every change."""
    return f"{int(workspace.clock())}.{secrets.token_hex(4)}"
