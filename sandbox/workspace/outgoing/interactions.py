"""What a person does in messages and views: clicks, choices, menus, sent and closed modals."""

from __future__ import annotations

from typing import Any

from sandbox.workspace.api.errors import SlackError
from sandbox.workspace.blockkit.blocks import complete_texts
from sandbox.workspace.blockkit.check import Check
from sandbox.workspace.blockkit.elements import check_option_groups, check_options
from sandbox.workspace.blockkit.values import (
    BadValueError,
    current_values,
    entered_from,
    find_block,
    find_element,
    input_errors,
    value_of,
)
from sandbox.workspace.modals import change_view, push_view, take_all_away, take_away
from sandbox.workspace.model import Entered, JsonObject, Person, Team, View
from sandbox.workspace.outgoing.delivery import Answer, send_payload
from sandbox.workspace.outgoing.payloads import (
    Container,
    block_actions,
    block_suggestion,
    view_closed,
    view_submission,
)
from sandbox.workspace.state import Workspace

_TYPED = ("plain_text_input", "number_input", "email_text_input", "url_text_input")


def entered_by(container: Container, person: Person) -> Entered:
    """What this person has entered in the container."""
    if container.view is not None:
        return container.view.entered
    if container.message is not None:
        return container.message.entered.setdefault(person.id, {})
    return {}


def remember(container: Container, person: Person, raw_state: Any) -> None:
    """Keep what a page reports of all inputs; raises BadValueError."""
    after = entered_from(container.blocks, entered_by(container, person), raw_state)
    if container.view is not None:
        container.view.entered = after
    elif container.message is not None:
        container.message.entered[person.id] = after


async def act(
    workspace: Workspace,
    team: Team,
    person: Person,
    container: Container,
    block_id: str,
    action_id: str,
    raw: Any,
    raw_state: Any,
) -> JsonObject:
    """Send block_actions and wait; an input without dispatch_action only keeps its value."""
    block = find_block(container.blocks, block_id)
    element = find_element(container.blocks, block_id, action_id)
    if block is None or element is None:
        return {"ok": False, "status": None, "error": "no_such_element"}
    try:
        remember(container, person, raw_state)
        value = None
        if element["type"] not in ("button", "workflow_button"):
            value = value_of(element, raw)
            if element["type"] != "overflow":
                remember(container, person, {block_id: {action_id: raw}})
    except BadValueError as error:
        return {"ok": False, "status": None, "error": str(error)}
    is_silent = block["type"] == "input" and not block.get("dispatch_action")
    url = workspace.manifest.interactivity_url
    if is_silent or url is None:
        return {"ok": is_silent, "status": None}
    if team.installation is None:
        workspace.toast(team.id, person.id, "This app is no longer installed")
        return {"ok": False, "status": None, "error": "not_installed"}
    payload = block_actions(workspace, team, person, container, block_id, element, value)
    answer = await send_payload(workspace, url, payload)
    if not answer.is_ok:
        _complain(workspace, team, person, answer)
    return {"ok": answer.is_ok, "status": answer.status}


def _complain(workspace: Workspace, team: Team, person: Person, answer: Answer) -> None:
    name = workspace.manifest.app_name
    if answer.reason == "http_timeout":
        workspace.toast(team.id, person.id, f"{name} did not answer in time")
    else:
        workspace.toast(team.id, person.id, f"{name} could not be reached or refused")


async def suggest(
    workspace: Workspace,
    team: Team,
    person: Person,
    container: Container,
    block_id: str,
    action_id: str,
    value: str,
) -> JsonObject:
    """Ask the app for a menu's options; an answer Slack would not take is an error."""
    element = find_element(container.blocks, block_id, action_id)
    if element is None or not element["type"].endswith("external_select"):
        return {"error": "no_such_element"}
    if len(value) < element.get("min_query_length", 3):
        return {"options": []}
    url = workspace.manifest.options_url
    if url is None or team.installation is None:
        return {"error": "no_options_url"}
    payload = block_suggestion(workspace, team, person, container, block_id, action_id, value)
    answer = await send_payload(workspace, url, payload)
    if not answer.is_ok:
        return {"error": answer.reason or "http_error"}
    return _judged_options(workspace, answer)


def _judged_options(workspace: Workspace, answer: Answer) -> JsonObject:
    said = answer.parsed()
    check = Check()
    if said is None or ("options" in said) == ("option_groups" in said):
        check.wrong("", "must provide one of options, option_groups")
    elif "options" in said:
        # No options is a legitimate answer here: the menu says "No results".
        if said["options"] != []:
            check_options(check, said["options"], "/options")
    elif said["option_groups"] != []:
        check_option_groups(check, said["option_groups"], "/option_groups", least=0)
    if check.problems or said is None:
        workspace.refuse("options", {"messages": check.problems})
        return {"error": "invalid_options", "messages": check.problems}
    complete_texts(said)
    return {key: said[key] for key in ("options", "option_groups") if key in said}


async def submit(
    workspace: Workspace, team: Team, person: Person, view: View, raw_state: Any
) -> JsonObject:
    """Send view_submission and do what the answer says; on failure everything typed stays."""
    try:
        remember(Container(view=view), person, raw_state)
    except BadValueError as error:
        return {"ok": False, "status": None, "error": str(error)}
    view.errors = input_errors(view.blocks, current_values(view.blocks, view.entered))
    workspace.changed(team.id, person.id)
    url = workspace.manifest.interactivity_url
    if view.errors or url is None or view.is_busy:
        return {"ok": False, "status": None, "errors": view.errors}
    view.is_busy = True
    try:
        answer = await send_payload(workspace, url, view_submission(workspace, team, person, view))
    finally:
        view.is_busy = False
        workspace.changed(team.id, person.id)
    if not answer.is_ok:
        _complain(workspace, team, person, answer)
        return {"ok": False, "status": answer.status}
    try:
        _obey(workspace, view, answer)
    except SlackError as error:
        workspace.refuse("a view_submission's answer", error.body())
        workspace.toast(team.id, person.id, "We had some trouble connecting. Try again?")
        return {"ok": False, "status": answer.status, "error": error.code, **error.extra}
    return {"ok": not view.errors, "status": answer.status, "errors": view.errors}


def _obey(workspace: Workspace, view: View, answer: Answer) -> None:
    """https://docs.slack.dev/surfaces/modals#updating_response"""
    said = answer.parsed()
    if said is None:
        raise SlackError("invalid_response")
    action = said.get("response_action")
    if action is None:
        take_away(workspace, view)
    elif action == "clear":
        take_all_away(workspace, view.team_id, view.user_id)
    elif action == "errors":
        view.errors = _errors(view, said.get("errors"))
        workspace.changed(view.team_id, view.user_id)
    elif action == "update":
        change_view(workspace, view, said.get("view"), None)
    elif action == "push":
        push_view(workspace, view.team_id, view.user_id, said.get("view"))
    else:
        raise SlackError("invalid_response_action")


def _errors(view: View, errors: Any) -> dict[str, str]:
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not errors.keys() <= inputs:
        # Slack shows nothing but "trouble connecting" for an error at no input block.
        raise SlackError("invalid_errors")
    return {str(block_id): str(text) for block_id, text in errors.items()}


async def close(workspace: Workspace, team: Team, person: Person, view: View) -> JsonObject:
    """Close a modal as its person does; view_closed goes out where it was asked for."""
    is_cleared = bool(view.body.get("clear_on_close", False))
    stack = workspace.stack(team.id, person.id)
    closed = take_away(workspace, stack[0] if is_cleared and view in stack else view)
    url = workspace.manifest.interactivity_url
    for one in closed:
        if one.body.get("notify_on_close") and url is not None and team.installation is not None:
            await send_payload(
                workspace, url, view_closed(workspace, team, person, one, is_cleared)
            )
    return {"ok": bool(closed)}
