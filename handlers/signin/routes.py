"""The pages and redirects under /connect: open the link, sign in, allow access at Xero, read how it ended.

    /connect/<secret> ─▶ /connect/sign-in ─▶ provider ─▶ …/callback ─▶ Xero ─▶ /connect/xero/callback ─▶ /connect/done
                                                               when several were allowed └─▶ /connect/practice ─┘

Every address that receives a code answers with a redirect, never with HTML:
https://developer.xero.com/partner/security-standard-for-xero-api-consumers
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qsl, quote, unquote, urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from handlers.messages.kit import zone
from handlers.services import Services
from handlers.signin import pages
from handlers.signin.identity import Doubt, NotProven, check_person
from handlers.signin.providers import Provider, SignIn
from xpm.connecting import CONNECTED, LINK_LIFE, Answered, CannotConnect, Refusal
from xpm.store import workspaces as store
from xpm.store.links import ConnectLink

log = logging.getLogger(__name__)

COOKIE = "xpm_connect"
XERO_CALLBACK = "/connect/xero/callback"
DONE = "/connect/done"
PRACTICE = "/connect/practice"
SIGN_IN = "/connect/sign-in"

_STATUS = {
    Refusal.FORGED: 404,
    Refusal.USED: 410,
    Refusal.EXPIRED: 410,
    Refusal.NOT_OFFERED: 400,
}
_MOST_FORM_BYTES = 16 * 1024


def provider_callback(name: str) -> str:
    """Where a provider sends the browser back to."""
    return f"{SIGN_IN}/{name}/callback"


def routes(
    services: Services, sign_in: SignIn, *, slack_web_url: str, domains: Sequence[str]
) -> list[Route]:
    """The routes. `slack_web_url` is where "Back to Slack" leads; `domains` are the allowed e-mail domains, or none."""
    walk = _Walk(services, sign_in, slack_web_url, domains)

    def get(path: str, page: Callable[[Request], Awaitable[Response]]) -> Route:
        route = Route(path, page, methods=["GET"])
        # Starlette adds HEAD: a scanner that only looks must not use up a link.
        route.methods = {"GET"}
        return route

    return [
        get(XERO_CALLBACK, walk.xero_callback),
        get(PRACTICE, walk.which),
        Route(PRACTICE, walk.decide, methods=["POST"]),
        get(DONE, walk.done),
        get(SIGN_IN, walk.choose),
        get(f"{SIGN_IN}/password", walk.password),
        get(f"{SIGN_IN}/refused/{{doubt}}", walk.refused),
        get(f"{SIGN_IN}/{{provider}}", walk.go_to_provider),
        get(f"{SIGN_IN}/{{provider}}/callback", walk.callback),
        # Apple posts its answer from its own page.
        Route(f"{SIGN_IN}/{{provider}}/callback", walk.posted, methods=["POST"]),
        get("/connect/{secret}", walk.open_link),
    ]


class _Walk:
    """One browser's way; each method is a page or a redirect."""

    def __init__(
        self, services: Services, sign_in: SignIn, slack_web_url: str, domains: Sequence[str]
    ) -> None:
        self._services = services
        self._sign_in = sign_in
        self._slack_web_url = slack_web_url
        self._domains = domains
        self._is_secure = services.public_url.startswith("https://")

    # -- the link --------------------------------------------------------------------------------------------------

    async def open_link(self, request: Request) -> Response:
        """Opens the link and moves on, so that its secret does not stay in the address bar."""
        try:
            browser = await self._services.connecting.open_link(request.path_params["secret"])
        except CannotConnect as error:
            log.info("connect.link_refused", extra={"why": error.refusal.value})
            return await self._refusal_page(error)
        response = _redirect(SIGN_IN)
        response.set_cookie(
            COOKIE,
            browser,
            max_age=int(LINK_LIFE.total_seconds()),
            path="/connect",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )
        return response

    # -- the sign-in -----------------------------------------------------------------------------------------------

    async def choose(self, request: Request) -> Response:
        """Says whom and what this link connects, and offers the ways to sign in."""
        try:
            link = await self._services.connecting.link_of(_browser(request))
        except CannotConnect as error:
            return await self._refusal_page(error)
        workspace, email = await self._whom(link)
        ways = [(one.label, f"{SIGN_IN}/{one.name}") for one in self._sign_in.providers.values()]
        return pages.answer(pages.sign_in(workspace, email, ways, f"{SIGN_IN}/password"))

    async def password(self, _: Request) -> Response:
        """For somebody who only has a password."""
        labels = [one.label for one in self._sign_in.providers.values()]
        return pages.answer(pages.password_only(labels, SIGN_IN))

    async def go_to_provider(self, request: Request) -> Response:
        """Sends the browser to the provider with a state, a nonce and a challenge of its own."""
        provider = self._provider(request)
        if provider is None:
            return await self._refusal_page(CannotConnect(Refusal.FORGED))
        try:
            taken = await self._services.connecting.begin_sign_in(_browser(request), provider.name)
            url = await self._sign_in.authorize_url(
                provider,
                redirect_uri=self._redirect_uri(provider),
                state=taken.state,
                nonce=taken.nonce,
                verifier=taken.verifier,
            )
        except CannotConnect as error:
            return await self._refusal_page(error)
        except NotProven as error:
            return _redirect(f"{SIGN_IN}/refused/{error.doubt.value}")
        return _redirect(url)

    async def posted(self, request: Request) -> Response:
        """Keeps what a provider's page posts: no cookie of ours comes with it, so the browser comes by once more."""
        provider = self._provider(request)
        form = await _form(request)
        if provider is None or not provider.posts_its_answer or form is None:
            return await self._refusal_page(CannotConnect(Refusal.FORGED))
        state, code = form.get("state", ""), form.get("code", "")
        if "error" in form or not code:
            return _redirect(f"{SIGN_IN}/refused/{Doubt.CANCELLED.value}")
        await self._services.connecting.keep_code(state, provider.name, code)
        return _redirect(f"{provider_callback(provider.name)}?{urlencode({'state': state})}")

    async def callback(self, request: Request) -> Response:
        """Takes the provider's answer; whoever is proven goes on to Xero."""
        provider, query = self._provider(request), request.query_params
        if provider is None:
            return await self._refusal_page(CannotConnect(Refusal.FORGED))
        browser = _browser(request)
        try:
            answered = await self._services.connecting.take_sign_in(
                browser, provider.name, query.get("state", "")
            )
        except CannotConnect:
            return _redirect(f"{DONE}?refused=1")
        try:
            consent_url = await self._prove(provider, answered, query.get("code"), browser)
        except NotProven as error:
            log.info("signin.refused", extra={"why": error.doubt.value})
            await self._services.connecting.refuse(
                answered.link, f"{provider.name}:{error.doubt.value}"
            )
            said = {"as": error.email} if error.email and error.doubt is Doubt.OTHER_EMAIL else {}
            response = _redirect(f"{SIGN_IN}/refused/{error.doubt.value}")
            if said:
                # The address they signed in with is shown back to this browser alone, never put in an address.
                response.set_cookie(
                    f"{COOKIE}_as", quote(error.email or ""), max_age=60, path=f"{SIGN_IN}/refused",
                    secure=self._is_secure, httponly=True, samesite="lax",
                )  # fmt: skip
            return response
        except CannotConnect as error:
            return await self._refusal_page(error)
        return _redirect(consent_url)

    async def _prove(
        self, provider: Provider, answered: Answered, code: str | None, browser: str
    ) -> str:
        code = answered.code or code
        if not code:
            raise NotProven(Doubt.CANCELLED)
        found = await self._sign_in.identity(
            provider,
            code=code,
            redirect_uri=self._redirect_uri(provider),
            nonce=answered.secrets.nonce,
            verifier=answered.secrets.verifier,
        )
        link = answered.link
        person = await self._services.people.known(link.workspace_id, link.slack_user_id)
        check_person(found, person.email, self._domains)
        return await self._services.connecting.signed_in(
            browser, f"{found.provider}:{found.subject}"
        )

    async def refused(self, request: Request) -> Response:
        """Why a sign-in was not enough, and what to do; the link is still good for another try."""
        try:
            doubt = Doubt(request.path_params["doubt"])
            link = await self._services.connecting.link_of(_browser(request))
        except ValueError:
            return await self._refusal_page(CannotConnect(Refusal.FORGED))
        except CannotConnect as error:
            return await self._refusal_page(error)
        _, email = await self._whom(link)
        signed_in_as = unquote(request.cookies.get(f"{COOKIE}_as", ""))
        return pages.answer(pages.doubted(doubt, email, signed_in_as, self._domains, SIGN_IN))

    # -- Xero ------------------------------------------------------------------------------------------------------

    async def xero_callback(self, request: Request) -> Response:
        """Takes Xero's answer and moves on, so that the code does not stay in the address bar."""
        query = request.query_params
        try:
            made = await self._services.connecting.finish(
                state=query.get("state", ""),
                browser=_browser(request),
                code=None if "error" in query else query.get("code"),
            )
        except CannotConnect as error:
            log.info("connect.refused", extra={"why": error.refusal.value})
            # A wrong state says nothing about the flow of this browser, so it must not show that flow's outcome.
            if error.refusal is Refusal.FORGED:
                return _redirect(f"{DONE}?refused=1")
            return _redirect(DONE)
        return _redirect(DONE if made is not None else PRACTICE)

    async def which(self, request: Request) -> Response:
        """Asks which of several practices is meant; what is settled already is shown as it ended."""
        try:
            question = await self._services.connecting.question(_browser(request))
        except CannotConnect as error:
            return await self._no_question(error)
        link = question.link
        workspace, _ = await self._whom(link)
        person = await self._services.people.known(link.workspace_id, link.slack_user_id)
        until = f"{link.expires_at.astimezone(zone(person.time_zone)):%H:%M}"
        names = [(one.tenant_name, one.tenant_id) for one in question.practices]
        return pages.answer(pages.which_practice(workspace, names, PRACTICE, question.proof, until))

    async def decide(self, request: Request) -> Response:
        """Takes the person's choice, or Cancel, once, and moves on."""
        # A form too large to be ours proves nothing, as one without our proof does.
        browser, form = _browser(request), await _form(request) or {}
        connecting, proof = self._services.connecting, form.get("proof", "")
        try:
            if form.get("answer") == "cancel":
                await connecting.decline(browser, proof)
            else:
                await connecting.choose(browser, proof, form.get("practice", ""))
        except CannotConnect as error:
            log.info("connect.refused", extra={"why": error.refusal.value})
            return await self._no_question(error)
        return _redirect(DONE)

    async def _no_question(self, error: CannotConnect) -> Response:
        """A second click, or one that came too late for the practice, reads how it ended; others why it is refused."""
        if error.refusal in (Refusal.USED, Refusal.TAKEN):
            return _redirect(DONE)
        if error.refusal is Refusal.NOT_OFFERED:
            return pages.answer(pages.not_offered(PRACTICE), _STATUS[error.refusal])
        return await self._refusal_page(error)

    async def done(self, request: Request) -> Response:
        """How it ended, and the way back to Slack."""
        found = None
        if "refused" not in request.query_params:
            found = await self._services.connecting.outcome_for(_browser(request))
        if found is None:
            return await self._refusal_page(CannotConnect(Refusal.FORGED))
        link, connection = found
        if link.outcome != CONNECTED or connection is None:
            refusal = Refusal(link.outcome) if link.outcome in set(Refusal) else Refusal.FORGED
            return await self._refusal_page(CannotConnect(refusal, link.workspace_id))
        return pages.answer(
            pages.connected(connection.practice, await self._back_to_slack(link.workspace_id))
        )

    # -- within ----------------------------------------------------------------------------------------------------

    def _provider(self, request: Request) -> Provider | None:
        return self._sign_in.providers.get(request.path_params["provider"])

    def _redirect_uri(self, provider: Provider) -> str:
        return self._services.public_url + provider_callback(provider.name)

    async def _whom(self, link: ConnectLink) -> tuple[str, str]:
        """The workspace's name and the person's address in Slack, which the page names so that nobody is lured."""
        async with self._services.database.reading() as tx:
            workspace = await store.get(tx, link.workspace_id)
            person = await store.person(tx, link.workspace_id, link.slack_user_id)
        return workspace.name if workspace else "", person.email or ""

    async def _back_to_slack(self, workspace_id: str | None) -> str | None:
        if workspace_id is None:
            return None
        async with self._services.database.reading() as tx:
            workspace = await store.get(tx, workspace_id)
        if workspace is None:
            return None
        # https://docs.slack.dev/interactivity/deep-linking
        query = urlencode({"app": workspace.app_id, "team": workspace.id})
        return f"{self._slack_web_url}/app_redirect?{query}"

    async def _refusal_page(self, error: CannotConnect) -> Response:
        slack = await self._back_to_slack(error.workspace_id)
        return pages.answer(pages.refused(error.refusal, slack), _STATUS.get(error.refusal, 200))


def _browser(request: Request) -> str:
    return request.cookies.get(COOKIE, "")


def _redirect(where: str) -> RedirectResponse:
    return RedirectResponse(where, status_code=303, headers=pages.HEADERS)


async def _form(request: Request) -> dict[str, str] | None:
    """A small posted form; None when it is too large or no text."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_FORM_BYTES:
                return None
        return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True))
    except (ClientDisconnect, UnicodeDecodeError):
        return None
