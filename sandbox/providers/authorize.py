"""The authorization endpoint of any provider: from an app's wish to a person's yes."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox.providers.pages import consent_page, post_page, refusal_page
from sandbox.providers.provider import Wish
from sandbox.providers.settings import ProviderSettings
from sandbox.providers.state import ProviderState


class Authorize:
    """The two halves of the consent page."""

    def __init__(self, state: ProviderState, settings: ProviderSettings) -> None:
        """Answers from `state`."""
        self._state = state
        self._settings = settings

    async def show(self, request: Request) -> Response:
        """The page, or why there is none; the app hears of its fault only where the provider says so."""
        provider, query = self._state.provider, request.query_params
        if refusal := self._refusal(request):
            return refusal_page(provider.title, refusal)
        wish = _wish(request)
        if fault := self._fault(wish, query):
            if provider.shows_errors_itself:
                return refusal_page(
                    provider.title, f"{fault['error']}: {fault['error_description']}"
                )
            return self._back(wish, fault)
        if refusal := provider.wish_refusal(wish):
            return refusal_page(provider.title, refusal)
        return consent_page(
            provider.title,
            self._settings.app_name,
            [provider.scope_words[scope] for scope in wish.scopes if scope in provider.scope_words],
            self._state.accounts.values(),
            f"/{provider.name}/consent",
            self._state.keep_form(wish),
        )

    async def answer(self, request: Request) -> Response:
        """Takes the person's choice or Cancel; a form works once."""
        provider, state = self._state.provider, self._state
        form = await request.form()
        token = str(form.get("form", ""))
        shown = state.forms.get(token)
        if shown is None or shown.expires <= self._settings.now():
            return refusal_page(provider.title, "This page was answered already, or is too old.")
        wish = shown.wish
        if form.get("answer") == "cancel":
            del state.forms[token]
            return self._back(wish, {name: str(v) for name, v in provider.cancelled.items()})
        account = state.accounts.get(str(form.get("person", "")))
        if account is None:
            return refusal_page(provider.title, "Choose an account.")
        if refusal := provider.account_refusal(account, wish):
            return refusal_page(provider.title, refusal)
        del state.forms[token]
        told: dict[str, object] = {
            "code": state.keep_code(account, wish),
            **provider.answer_extras(wish),
        }
        if account.id not in state.known:
            told |= provider.first_time_extras(account, wish)
            state.known.add(account.id)
        return self._back(wish, {name: str(value) for name, value in told.items()})

    def _back(self, wish: Wish, answer: Mapping[str, str]) -> Response:
        """The browser on its way to the app, with the app's state as it was."""
        told = {**answer, **({"state": wish.state} if wish.state else {})}
        if wish.is_posted:
            return post_page(self._state.provider.title, wish.redirect_uri, told)
        mark = "&" if "?" in wish.redirect_uri else "?"
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return RedirectResponse(f"{wish.redirect_uri}{mark}{urlencode(told)}", 302, headers)

    def _refusal(self, request: Request) -> str:
        """Why there is no app to be told anything; an empty text when there is one."""
        provider, query = self._state.provider, request.query_params
        if refusal := provider.tenant_refusal(str(request.path_params.get("tenant", ""))):
            return refusal
        if query.get("client_id") != provider.app.client_id:
            return provider.words.unknown_app
        redirect_uri = query.get("redirect_uri", "")
        if redirect_uri not in provider.app.redirect_uris:
            return f"{provider.words.unknown_redirect} ({redirect_uri})"
        return ""

    def _fault(self, wish: Wish, query: Mapping[str, str]) -> dict[str, str]:
        provider = self._state.provider
        known = {*provider.scope_words, "offline_access"}
        if query.get("response_type") != "code":
            return _said("unsupported_response_type", "response_type must be code.")
        if query.get("response_mode", "query") not in ("query", "form_post"):
            return _said("invalid_request", "response_mode must be query or form_post.")
        if provider.must_ask_openid and "openid" not in wish.scopes:
            return _said("invalid_scope", "scope must contain openid.")
        if unknown := [scope for scope in wish.scopes if scope not in known]:
            return _said("invalid_scope", f"Unknown scope: {' '.join(unknown)}.")
        if wish.challenge and query.get("code_challenge_method") != "S256":
            return _said("invalid_request", "code_challenge_method must be S256.")
        if wish.challenge and len(wish.challenge) != 43:
            return _said("invalid_request", "code_challenge must be a SHA-256 in base64url.")
        return {}


def _said(name: str, words: str) -> dict[str, str]:
    return {"error": name, "error_description": words}


def _wish(request: Request) -> Wish:
    query = request.query_params
    return Wish(
        redirect_uri=query["redirect_uri"],
        state=query.get("state", ""),
        scopes=tuple(dict.fromkeys(query.get("scope", "").split())),
        nonce=query.get("nonce", ""),
        challenge=query.get("code_challenge", ""),
        is_posted=query.get("response_mode") == "form_post",
        tenant=str(request.path_params.get("tenant", "")),
    )
