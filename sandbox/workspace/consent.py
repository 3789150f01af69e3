"""The page on which a person lets the app into their team: /oauth/v2/authorize."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.workspace.model import Grant
from sandbox.workspace.state import Workspace

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;background:#f6f5f2;color:#1d1c1a;margin:0}
main{max-width:30rem;margin:8vh auto;background:#fff;border:1px solid #dedbd4;border-radius:12px;
padding:2rem}h1{font-size:1.35rem;margin-top:0}li{margin:.25rem 0}
select,button{font:inherit;padding:.55rem .9rem;border-radius:8px;border:1px solid #9b968c}
select{width:100%;margin:.35rem 0 1.25rem;background:#fff}button{background:#fff;cursor:pointer}
button[value=allow]{background:#1f6f5c;border-color:#1f6f5c;color:#fff;font-weight:600}
p.quiet{color:#6b665d;font-size:.9rem}
"""


@dataclass(frozen=True)
class _Wanted:
    """What the app asks for, judged; `problem` is a Slack error code when it is not allowed."""

    scopes: tuple[str, ...]
    redirect_uri: str | None
    target: str
    state: str
    problem: str | None


def _judge(workspace: Workspace, query: Mapping[str, str]) -> _Wanted:
    manifest = workspace.manifest
    scopes = tuple(one for one in query.get("scope", "").replace(" ", ",").split(",") if one)
    given = query.get("redirect_uri") or None
    target = given or (manifest.redirect_urls[0] if manifest.redirect_urls else "")
    problem = None
    if query.get("client_id") != workspace.settings.client_id:
        problem = "invalid_client_id"
    elif not target or not any(_is_below(target, one) for one in manifest.redirect_urls):
        problem = "bad_redirect_uri"
    elif not scopes or not manifest.scopes.issuperset(scopes) or query.get("user_scope"):
        problem = "invalid_scope"
    return _Wanted(scopes, given, target, query.get("state", ""), problem)


def _is_below(url: str, registered: str) -> bool:
    """https://docs.slack.dev/authentication/installing-with-oauth#redirect_urls"""
    return url == registered or url.startswith((registered.rstrip("/") + "/", registered + "?"))


async def show_consent(request: Request) -> Response:
    """Ask who one is and whether the app may come in."""
    workspace: Workspace = request.app.state.workspace
    wanted = _judge(workspace, request.query_params)
    if wanted.problem:
        return _refused(wanted.problem)
    return HTMLResponse(_page(workspace, wanted, request.query_params))


async def take_consent(request: Request) -> Response:
    """Send the person back to the app with a code, or with access_denied."""
    workspace: Workspace = request.app.state.workspace
    body = (await request.body()).decode("utf-8", "replace")
    form = dict(request.query_params) | dict(parse_qsl(body, keep_blank_values=True))
    wanted = _judge(workspace, form)
    if wanted.problem:
        return _refused(wanted.problem)
    back: dict[str, str] = {}
    if form.get("decision") != "allow":
        back["error"] = "access_denied"
    else:
        team_id, _, user_id = form.get("person", "").partition(":")
        organisation = workspace.organisations.get(team_id)
        if organisation is not None and not workspace.manifest.is_org_ready:
            return _refused("not_allowed", 403)
        home = workspace.team_of(user_id) if organisation is not None else None
        person = workspace.person(home.id if home is not None else team_id, user_id)
        if person is None or person.is_deleted:
            return _refused("user_not_found")
        if person.is_guest:
            return _refused("not_allowed", 403)
        code = f"{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        workspace.grants[code] = Grant(
            team_id, user_id, wanted.scopes, wanted.redirect_uri, workspace.clock()
        )
        back["code"] = code
    if wanted.state or "code" in back:
        back["state"] = wanted.state
    joint = "&" if "?" in wanted.target else "?"
    return RedirectResponse(f"{wanted.target}{joint}{urlencode(back)}", 302)


def _refused(problem: str, status: int = 400) -> Response:
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Not possible</title>"
        f"<style>{_STYLE}</style><main><h1>Something went wrong</h1>"
        f"<p>The app could not be added: <code>{escape(problem)}</code></p></main></html>",
        status,
    )


def _page(workspace: Workspace, wanted: _Wanted, query: Mapping[str, str]) -> str:
    app = escape(workspace.manifest.app_name)
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(query[name])}">'
        for name in ("client_id", "scope", "state", "redirect_uri")
        if name in query
    )
    teams = [one for one in workspace.teams.values() if query.get("team") in (None, "", one.id)]
    chosen = query.get("person", "")
    groups = "".join(
        f'<optgroup label="{escape(team.name)}">'
        + "".join(
            f'<option value="{team.id}:{person.id}"'
            f"{' selected' if chosen == f'{team.id}:{person.id}' else ''}>"
            f"{escape(person.name)} ({person.role})</option>"
            for person in team.people.values()
            if not person.is_deleted
        )
        + "</optgroup>"
        for team in teams
    )
    if workspace.manifest.is_org_ready:
        groups += "".join(
            f'<optgroup label="{escape(one.name)}, the whole organisation">'
            + "".join(
                f'<option value="{one.id}:{person.id}">{escape(person.name)}</option>'
                for team_id in one.team_ids
                for person in workspace.teams[team_id].people.values()
                if person.is_admin
            )
            + "</optgroup>"
            for one in workspace.organisations.values()
        )
    scopes = "".join(f"<li><code>{escape(one)}</code></li>" for one in wanted.scopes)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8>"
        f'<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>Add {app}</title><style>{_STYLE}</style><main>"
        f"<h1>{app} asks to be added to your workspace</h1>"
        f"<p>It may then:</p><ul>{scopes}</ul>"
        f'<form method="post" action="/oauth/v2/authorize">{hidden}'
        f'<label for="person">You are</label>'
        f'<select id="person" name="person">{groups}</select>'
        f'<button name="decision" value="allow">Allow</button> '
        f'<button name="decision" value="cancel">Cancel</button></form>'
        f'<p class="quiet">A pretend Slack on this computer. Nothing here reaches Slack.</p>'
        f"</main></html>"
    )
