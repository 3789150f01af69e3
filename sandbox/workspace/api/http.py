"""How a Web API call comes in and its answer goes out."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.workspace.api.access import ACCESS, exchange
from sandbox.workspace.api.chat import CHAT
from sandbox.workspace.api.errors import SlackError, rate_limited
from sandbox.workspace.api.method import Asked, Method
from sandbox.workspace.api.people import PEOPLE
from sandbox.workspace.api.views import VIEWS
from sandbox.workspace.model import Fault, Installation, JsonObject
from sandbox.workspace.state import Workspace

METHODS: dict[str, Method] = {**ACCESS, **CHAT, **PEOPLE, **VIEWS}


async def answer_api(request: Request) -> Response:
    """One Web API call: read, judge, do, log; faults ordered at the door come in between."""
    workspace: Workspace = request.app.state.workspace
    name = str(request.path_params["method"])
    fault = _next_fault(workspace, name)
    entry: JsonObject = {
        "method": name,
        "team": None,
        "channel": None,
        "ok": False,
        "error": None,
        "at": datetime.fromtimestamp(workspace.clock(), UTC).isoformat(),
    }
    workspace.calls.append(entry)
    if fault is not None:
        entry["fault"] = fault.kind
    if fault is not None and fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    if fault is not None and (fault.kind in ("429", "500") or not fault.is_done):
        entry["error"] = f"fault_{fault.kind}"
        answer = _refusal(fault)
    else:
        answer = await _answer(workspace, request, name, entry)
    if fault is not None and fault.kind == "late":
        await asyncio.sleep(fault.seconds)
    if fault is not None and fault.kind == "cut":
        return CutResponse()
    return answer


async def _answer(workspace: Workspace, request: Request, name: str, entry: JsonObject) -> Response:
    headers: dict[str, str] = {}
    status = 200
    try:
        arguments = await _arguments(request)
        entry["channel"] = arguments.get("channel")
        if name == "oauth.v2.access":
            body = exchange(workspace, arguments, request.headers.get("authorization", ""))
            entry["team"] = (body["team"] or body["enterprise"])["id"]
        else:
            method = _method(workspace, name)
            installation = _installation(workspace, request, arguments)
            entry["team"] = installation.team_id
            headers["x-oauth-scopes"] = ",".join(installation.scopes)
            headers["x-accepted-oauth-scopes"] = ",".join(method.scopes)
            body = await _do(workspace, name, method, installation, arguments)
        body = {"ok": True, **body}
        entry["ok"] = True
    except SlackError as error:
        entry["error"] = error.code
        if error.messages:
            entry["messages"] = error.messages
        body, status = error.body(), error.status
        if error.retry_after is not None:
            headers["retry-after"] = str(error.retry_after)
    return JSONResponse(body, status, headers)


def _method(workspace: Workspace, name: str) -> Method:
    method = METHODS.get(name)
    if method is None:
        workspace.refuse("a Web API call", {"unknown_method": name})
        raise SlackError("unknown_method", req_method=name)
    return method


async def _do(
    workspace: Workspace,
    name: str,
    method: Method,
    installation: Installation,
    arguments: JsonObject,
) -> JsonObject:
    if method.scopes and not set(method.scopes) & set(installation.scopes):
        raise SlackError(
            "missing_scope",
            needed=",".join(method.scopes[:1]),
            provided=",".join(installation.scopes),
        )
    if method.tier is not None:
        wait = workspace.rates.take_tier((name, installation.team_id), method.tier)
        if wait:
            raise rate_limited(wait)
    return await method.work(Asked(workspace, installation, arguments))


def _installation(workspace: Workspace, request: Request, arguments: JsonObject) -> Installation:
    header = request.headers.get("authorization", "")
    token = header[7:].strip() if header.lower().startswith("bearer ") else arguments.get("token")
    if not token:
        raise SlackError("not_authed")
    installation = workspace.installations.get(str(token))
    if installation is None:
        raise SlackError("invalid_auth")
    if installation.state == "revoked" or (
        installation.state == "live" and installation.token != token
    ):
        raise SlackError("token_revoked")
    if installation.expires_at is not None and workspace.clock() >= installation.expires_at:
        raise SlackError("token_expired")
    if installation.state == "uninstalled":
        raise SlackError("account_inactive")
    return installation


async def _arguments(request: Request) -> JsonObject:
    arguments: JsonObject = dict(request.query_params)
    body = await request.body()
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json" and body:
        try:
            given: Any = json.loads(body)
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(given, dict):
            raise SlackError("json_not_object")
        arguments |= given
    elif kind == "application/x-www-form-urlencoded":
        arguments |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif kind == "multipart/form-data":
        async with request.form() as form:
            arguments |= {key: value for key, value in form.items() if isinstance(value, str)}
    return arguments


def _next_fault(workspace: Workspace, name: str) -> Fault | None:
    for fault in workspace.faults:
        if fault.method in (name, "*"):
            fault.times -= 1
            if fault.times <= 0:
                workspace.faults.remove(fault)
            return fault
    return None


def _refusal(fault: Fault) -> Response:
    if fault.kind == "429":
        return JSONResponse(
            {"ok": False, "error": "ratelimited"}, 429, {"retry-after": str(int(fault.seconds))}
        )
    if fault.kind == "500":
        return Response("<html><body>Server Error</body></html>", 500, media_type="text/html")
    return JSONResponse({"ok": False, "error": "fatal_error"}, 500)


class CutResponse(Response):
    """An answer that breaks off: fewer bytes than promised, then the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a head that promises more than comes."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"ok":', "more_body": True})
