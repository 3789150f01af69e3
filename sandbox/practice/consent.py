"""The consent page: who is signed in, what the app asks for, and which practice it may reach."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.practice.consent_page import consent_page, refusal_page
from sandbox.practice.people import Person
from sandbox.practice.state import PretendXero

SCOPE_WORDS: Final = {
    "openid": "Know that it is you",
    "profile": "See your name",
    "email": "See your e-mail address",
    "offline_access": "Keep access while you are away",
    "practicemanager": "View and manage everything in Practice Manager",
    "practicemanager.read": "View everything in Practice Manager",
    "practicemanager.client": "View and manage clients and contacts",
    "practicemanager.client.read": "View clients and contacts",
    "practicemanager.job": "View and manage jobs",
    "practicemanager.job.read": "View jobs",
    "practicemanager.staff": "View and manage staff",
    "practicemanager.staff.read": "View staff",
    "practicemanager.time": "View and manage time entries",
    "practicemanager.time.read": "View time entries",
}
FORM_LIFE = timedelta(minutes=10)
MOST_FORMS = 500


class RefusedError(ValueError):
    """The request cannot be answered to the app; the person reads why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an app asks the person to allow, checked."""

    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    challenge: str
    nonce: str

    def back(self, **answer: str) -> Response:
        """Send the browser back to the app with an answer, and with its state as it was."""
        if self.state:
            answer["state"] = self.state
        mark = "&" if "?" in self.redirect_uri else "?"
        return RedirectResponse(f"{self.redirect_uri}{mark}{urlencode(answer)}", status_code=302)


@dataclass(frozen=True, slots=True)
class Form:
    """A page that was shown and waits for its answer, once."""

    wish: Wish
    person: Person
    expires: datetime


class Consent:
    """The two halves of the consent page."""

    def __init__(self, state: PretendXero) -> None:
        """Answer from `state`."""
        self._state = state
        self._forms: dict[str, Form] = {}

    def routes(self) -> list[Route]:
        """Return what to mount at the root."""
        path = "/identity/connect/authorize"
        return [
            Route(path, self.show, methods=["GET"]),
            Route(path, self.answer, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the page, or say why not; `person` in the query chooses who is signed in."""
        try:
            wish, error = self._wish(request.query_params)
        except RefusedError as refusal:
            return _page(refusal_page(str(refusal)), 400)
        if error:
            return wish.back(error=error)
        people = self._state.people
        person = people.get(request.query_params.get("person", "")) or next(iter(people.values()))
        return self._shown(wish, person, request.query_params)

    async def answer(self, request: Request) -> Response:
        """Take Allow or Cancel; a form's token works once, for the person it was shown to."""
        form = await request.form()
        shown = self._forms.pop(str(form.get("form", "")), None)
        if shown is None or shown.expires <= self._state.settings.now():
            return _page(refusal_page("This page was answered already, or is too old."), 400)
        if form.get("answer") != "allow":
            return shown.wish.back(error="access_denied")
        tenants = list(dict.fromkeys(str(one) for one in form.getlist("practice") if one))
        may = shown.person.may_connect
        if any(one not in may for one in tenants) or (may and not tenants):
            return _page(refusal_page("Choose a practice."), 400)
        code = self._state.grants.consent(
            shown.person,
            *tenants,
            scopes=frozenset(shown.wish.scopes),
            redirect_uri=shown.wish.redirect_uri,
            challenge=shown.wish.challenge,
            nonce=shown.wish.nonce,
        )
        return shown.wish.back(code=code, scope=" ".join(shown.wish.scopes))

    def _shown(self, wish: Wish, person: Person, query: QueryParams) -> Response:
        if len(self._forms) >= MOST_FORMS:
            self._forms.pop(next(iter(self._forms)))
        token = secrets.token_urlsafe(24)
        self._forms[token] = Form(wish, person, self._state.settings.now() + FORM_LIFE)
        others = [
            (other.name, "?" + urlencode({**query, "person": other.email}))
            for other in self._state.people.values()
            if other is not person
        ]
        practices = [(tenant, self._state.practices[tenant].name) for tenant in person.may_connect]
        words = [SCOPE_WORDS[scope] for scope in wish.scopes]
        app_name = self._state.settings.app_name
        return _page(consent_page(app_name, person, others, words, practices, token))

    def _wish(self, query: QueryParams) -> tuple[Wish, str]:
        settings = self._state.settings
        if query.get("client_id") != settings.client_id:
            raise RefusedError("This app is not known (client_id).")
        redirect_uri = query.get("redirect_uri", "")
        if redirect_uri not in settings.redirect_uris:
            raise RefusedError(f"This address is not registered for the app: {redirect_uri}")
        scopes = tuple(dict.fromkeys(query.get("scope", "").split()))
        wish = Wish(
            redirect_uri,
            query.get("state", ""),
            scopes,
            query.get("code_challenge", ""),
            query.get("nonce", ""),
        )
        if query.get("response_type") != "code":
            return wish, "unsupported_response_type"
        if not scopes or any(scope not in SCOPE_WORDS for scope in scopes):
            return wish, "invalid_scope"
        if wish.challenge and query.get("code_challenge_method") != "S256":
            return wish, "invalid_request"
        return wish, ""


def _page(html: str, status: int = 200) -> Response:
    headers = {
        "Cache-Control": "no-store",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "frame-ancestors 'none'; base-uri 'none'",
    }
    return HTMLResponse(html, status_code=status, headers=headers)
