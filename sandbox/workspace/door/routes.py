"""The door's addresses; every POST waits for the app's answer, but for events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.workspace.api.access import give_to, remove_app, take_from
from sandbox.workspace.door.asks import Ask, DoorError
from sandbox.workspace.door.picture import people_picture, state_picture
from sandbox.workspace.door.raw import send_raw
from sandbox.workspace.model import Fault, FaultKind
from sandbox.workspace.outgoing.commands import type_text
from sandbox.workspace.outgoing.events import tell_home_opened
from sandbox.workspace.outgoing.interactions import act, close, submit, suggest
from sandbox.workspace.state import Workspace

PING_SECONDS = 15.0


async def people(request: Request) -> Response:
    """Everybody one may be."""
    return JSONResponse(people_picture(request.app.state.workspace))


async def addresses(request: Request) -> Response:
    """Where the other pretend servers are."""
    workspace: Workspace = request.app.state.workspace
    return JSONResponse(dict(workspace.settings.addresses))


async def state(request: Request) -> Response:
    """What one person sees."""
    ask = Ask.query(request)
    conversation = ask.text("conversation", "app")
    return JSONResponse(state_picture(ask.workspace, ask.team, ask.person, conversation))


async def changes(request: Request) -> Response:
    """A stream that says `changed` whenever anything this person sees has changed."""
    ask = Ask.query(request)
    team, person = ask.team, ask.person
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _changes(ask.workspace, team.id, person.id),
        media_type="text/event-stream",
        headers=headers,
    )


async def _changes(workspace: Workspace, team_id: str, user_id: str) -> AsyncIterator[str]:
    watcher = workspace.watch(team_id, user_id)
    try:
        yield ": hello\n\n"
        while not workspace.is_stopped:
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await watcher.changed.wait()
            except TimeoutError:
                yield ": ping\n\n"
                continue
            watcher.changed.clear()
            yield "data: changed\n\n"
    finally:
        workspace.unwatch(watcher)


async def command(request: Request) -> Response:
    """A person types into a conversation."""
    ask = await Ask.read(request)
    person = ask.active_person
    channel = ask.workspace.channel(ask.team, ask.text("conversation", "app"), person.id)
    if channel is None:
        raise DoorError("channel_not_found")
    return JSONResponse(
        await type_text(ask.workspace, ask.team, person, channel, ask.text("text").strip())
    )


async def action(request: Request) -> Response:
    """A person clicks, chooses or types in a message or view."""
    ask = await Ask.read(request)
    return JSONResponse(
        await act(
            ask.workspace,
            ask.team,
            ask.active_person,
            ask.container(),
            ask.text("block_id"),
            ask.text("action_id"),
            ask.body.get("value"),
            ask.body.get("state"),
        )
    )


async def options(request: Request) -> Response:
    """A person opens an external menu or types into it."""
    ask = await Ask.read(request)
    return JSONResponse(
        await suggest(
            ask.workspace,
            ask.team,
            ask.active_person,
            ask.container(),
            ask.text("block_id"),
            ask.text("action_id"),
            ask.text("value", ""),
        )
    )


async def submission(request: Request) -> Response:
    """A person sends a modal."""
    ask = await Ask.read(request)
    view = ask.view(ask.body.get("view_id"))
    if view.body["type"] != "modal":
        raise DoorError("view_not_found")
    return JSONResponse(
        await submit(ask.workspace, ask.team, ask.active_person, view, ask.body.get("state"))
    )


async def closing(request: Request) -> Response:
    """A person closes a modal."""
    ask = await Ask.read(request)
    view = ask.view(ask.body.get("view_id"))
    return JSONResponse(await close(ask.workspace, ask.team, ask.active_person, view))


async def home(request: Request) -> Response:
    """A person opens the app's home or messages tab."""
    ask = await Ask.read(request)
    tab = ask.text("tab", "home")
    if tab not in ("home", "messages"):
        raise DoorError("unknown_tab", 400)
    person = ask.active_person
    if ask.team.installation is None:
        return JSONResponse({"ok": False, "error": "not_installed"})
    tell_home_opened(ask.workspace, ask.team, person.id, tab)
    return JSONResponse({"ok": True})


async def dismiss(request: Request) -> Response:
    """A person is done with a toast."""
    ask = await Ask.read(request)
    person, toast_id = ask.person, ask.text("toast")
    workspace = ask.workspace
    workspace.toasts = [
        one for one in workspace.toasts if (one.id, one.user_id) != (toast_id, person.id)
    ]
    workspace.changed(person.team_id, person.id)
    return JSONResponse({"ok": True})


async def delete(request: Request) -> Response:
    """A person takes a message away."""
    ask = await Ask.read(request)
    person = ask.active_person
    channel = ask.workspace.channel(ask.team, ask.text("channel"), person.id)
    message = channel.message(ask.text("ts"), person.id) if channel else None
    if channel is None or message is None:
        raise DoorError("message_not_found")
    ask.workspace.erase(channel, message)
    return JSONResponse({"ok": True})


async def uninstall(request: Request) -> Response:
    """An owner takes the app out of the team."""
    ask = await Ask.read(request)
    was_installed = ask.team.installation is not None
    remove_app(ask.workspace, ask.team, "uninstalled")
    return JSONResponse({"ok": was_installed})


async def give(request: Request) -> Response:
    """An organisation gives its app to one of its teams, or takes it away."""
    ask = await Ask.read(request)
    change = give_to if ask.body.get("is_given", True) else take_from
    change(ask.workspace, ask.team)
    return JSONResponse({"ok": True})


async def raw(request: Request) -> Response:
    """Send the app a request that Slack would never send."""
    return JSONResponse(await send_raw(await Ask.read(request)))


async def calls(request: Request) -> Response:
    """What the app has asked of the Web API; no tokens."""
    workspace: Workspace = request.app.state.workspace
    if request.method == "DELETE":
        workspace.calls.clear()
        workspace.refusals.clear()
    return JSONResponse({"calls": list(workspace.calls), "refusals": list(workspace.refusals)})


async def faults(request: Request) -> Response:
    """Order a Web API misbehaviour, or take all orders back."""
    workspace: Workspace = request.app.state.workspace
    if request.method == "DELETE":
        workspace.faults.clear()
        return JSONResponse({"ok": True})
    ask = await Ask.read(request)
    if ask.text("kind") not in get_args(FaultKind):
        raise DoorError("unknown_kind", 400)
    workspace.faults.append(
        Fault(
            method=ask.text("method", "*"),
            kind=cast(FaultKind, ask.text("kind")),
            times=int(ask.body.get("times", 1)),
            seconds=float(ask.body.get("seconds", 1)),
            is_done=bool(ask.body.get("done", True)),
        )
    )
    return JSONResponse({"ok": True})


def door_routes() -> list[Route]:
    """All of `/client/*`."""
    return [
        Route("/client/people", people),
        Route("/client/addresses", addresses),
        Route("/client/state", state),
        Route("/client/changes", changes),
        Route("/client/command", command, methods=["POST"]),
        Route("/client/action", action, methods=["POST"]),
        Route("/client/options", options, methods=["POST"]),
        Route("/client/submit", submission, methods=["POST"]),
        Route("/client/close", closing, methods=["POST"]),
        Route("/client/home", home, methods=["POST"]),
        Route("/client/dismiss", dismiss, methods=["POST"]),
        Route("/client/delete", delete, methods=["POST"]),
        Route("/client/uninstall", uninstall, methods=["POST"]),
        Route("/client/give", give, methods=["POST"]),
        Route("/client/raw", raw, methods=["POST"]),
        Route("/client/calls", calls, methods=["GET", "DELETE"]),
        Route("/client/faults", faults, methods=["POST", "DELETE"]),
    ]
