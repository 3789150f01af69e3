"""A browser on its way from a link to Xero's consent, one step at a time, with its cookies in the open."""

import re
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp

from tests.handlers.inside import Inside

PROVIDERS = ("google", "microsoft", "apple")
COOKIE = "xpm_connect"


@dataclass(frozen=True)
class Page:
    """One answer, nothing followed."""

    url: str
    status: int
    headers: dict[str, str]
    text: str

    @property
    def location(self) -> str:
        """Where it sends the browser; empty when it does not."""
        where = self.headers.get("Location", self.headers.get("location", ""))
        return urljoin(self.url, where) if where else ""

    @property
    def cookies(self) -> SimpleCookie:
        """What it asks the browser to keep."""
        return SimpleCookie(self.headers.get("Set-Cookie", ""))

    @property
    def query(self) -> dict[str, str]:
        """The parameters of where it sends the browser."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}


@dataclass(frozen=True)
class Brought:
    """What a provider tells the app through the browser: by an address, or by a form that is posted."""

    url: str
    form: dict[str, str] = field(default_factory=dict)

    @property
    def told(self) -> dict[str, str]:
        """Code and state, or the error."""
        query = parse_qs(urlsplit(self.url).query)
        return self.form or {name: values[0] for name, values in query.items()}


class Browser:
    """Follows nothing by itself; every answer is kept in `seen`."""

    def __init__(self, inside: Inside, session: aiohttp.ClientSession) -> None:
        self.inside = inside
        self.session = session
        self.cookies: dict[str, str] = {}
        self.seen: list[Page] = []

    async def get(self, url: str, *, with_cookies: bool = True) -> Page:
        """One GET, with the cookies where they belong."""
        return await self._send("GET", url, with_cookies)

    async def post(self, url: str, data: Any, *, with_cookies: bool = True) -> Page:
        """One POST of a form, or of bytes."""
        return await self._send("POST", url, with_cookies, data=data)

    async def _send(self, method: str, url: str, with_cookies: bool, **more: Any) -> Page:
        url = urljoin(self.inside.app, url)
        is_ours = with_cookies and url.startswith(f"{self.inside.app}/connect")
        headers = (
            {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            if is_ours and self.cookies
            else {}
        )
        async with self.session.request(
            method, url, headers=headers, allow_redirects=False, **more
        ) as answer:
            page = Page(url, answer.status, dict(answer.headers), await answer.text())
            if is_ours:
                for name, morsel in answer.cookies.items():
                    self.cookies[name] = morsel.value
        self.seen.append(page)
        return page

    # -- the way ---------------------------------------------------------------------------------------------------

    async def open(self, user: str = "U0SAM", team: str = "T0KEA") -> Page:
        """Opens a fresh link of somebody; the sign-in page."""
        opened = await self.get(await fresh_link(self.inside, user, team))
        assert opened.status == 303, opened.text
        self.cookies |= {name: one.value for name, one in opened.cookies.items()}
        return await self.get(opened.location)

    async def go(self, provider: str) -> Page:
        """Presses the provider's button; the provider's page."""
        sent = await self.get(f"/connect/sign-in/{provider}")
        assert sent.status == 303, sent.text
        assert sent.location.startswith(f"{self.inside.providers}/{provider}/"), sent.location
        return await self.get(sent.location)

    async def choose(self, page: Page, person: str = "sam") -> Brought:
        """Chooses an account, or "cancel"; what the browser is to bring to the app."""
        action = re.search(r'action="([^"]+)"', page.text)
        form = re.search(r'name="form" value="([^"]+)"', page.text)
        assert action is not None, page.text
        assert form is not None
        pressed = {"answer": "cancel"} if person == "cancel" else {"person": person}
        answer = await self.post(urljoin(page.url, action[1]), {"form": form[1], **pressed})
        if answer.location:
            return Brought(answer.location)
        target = re.search(r'action="([^"]+)"', answer.text)
        fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text)
        assert target is not None, answer.text
        return Brought(unescape(target[1]), {name: unescape(value) for name, value in fields})

    async def at_provider(self, provider: str, person: str = "sam") -> Brought:
        """Goes to a provider and chooses somebody there."""
        return await self.choose(await self.go(provider), person)

    async def bring(self, brought: Brought) -> Page:
        """Brings the provider's answer to the app, as a browser does: a cookie does not travel with a foreign form."""
        if not brought.form:
            return await self.get(brought.url)
        posted = await self.post(brought.url, brought.form, with_cookies=False)
        assert posted.status == 303, posted.text
        if "/callback" not in posted.location:
            return posted
        return await self.get(posted.location)

    async def sign_in(self, provider: str, person: str = "sam") -> Page:
        """The whole way after the link is open; the app's answer to the provider's."""
        return await self.bring(await self.at_provider(provider, person))

    def went_to_xero(self, page: Page) -> bool:
        """Whether an answer leads on to Xero's consent."""
        return page.location.startswith(f"{self.inside.practice}/identity/connect/authorize?")

    def doubt(self, page: Page) -> str:
        """Why an answer leads back to the sign-in."""
        assert page.status == 303, page.text
        found = re.fullmatch(r"/connect/sign-in/refused/([a-z_]+)", urlsplit(page.location).path)
        assert found is not None, page.location
        return found[1]

    def is_turned_away(self, page: Page) -> bool:
        """Whether an answer says that this browser has no business here."""
        return page.status == 303 and page.location.endswith("/connect/done?refused=1")


async def fresh_link(inside: Inside, user: str = "U0SAM", team: str = "T0KEA") -> str:
    """A link for somebody, made as the command makes it, without typing it."""

    async def make() -> str:
        await inside.made.services.people.learn(team, user)
        secret, _ = await inside.made.services.connecting.new_link(team, user)
        return secret

    return f"{inside.app}/connect/{await inside.on_its_loop(make())}"


async def door(inside: Inside, path: str, **asked: Any) -> None:
    """Asks something at the providers' door."""
    async with inside.visitor() as somebody:
        await somebody.post(f"{inside.providers}/sandbox/{path}", asked)


async def events(inside: Inside) -> list[tuple[str, str]]:
    """The audit's events with their subjects, oldest first."""
    rows = await inside.rows("select event, subject from audit order by id")
    return [(str(row[0]), str(row[1])) for row in rows]
