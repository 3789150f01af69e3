"""Somebody at the page, without a browser: types, clicks, chooses and looks, through the same HTTP doors."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp
import lxml.html

Json = dict[str, Any]

# What somebody waits for may also depend on more than what is seen: every so often one looks without being told to.
_LOOKS_SECONDS = 0.25


class NotThere(Exception):
    """What somebody looked for did not appear, with what was there instead."""


class Visitor:
    """One person in one team; a browser's cookies are kept, Secure ones on loopback too, as browsers do."""

    def __init__(self, page: str, user: str, team: str) -> None:
        self.page = page
        self.user = user
        self.team = team
        self._cookies: dict[str, str] = {}
        self._changes: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=30), cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._changes is not None:
            self._changes.close()
        await self._session.close()

    # -- the page's door -------------------------------------------------------------------------------------------

    async def post(self, url: str, body: Json) -> Json:
        """Posts JSON somewhere in the sandbox."""
        async with self._session.post(url, json=body) as answer:
            found: Json = await answer.json(content_type=None) or {}
            return found

    async def get(self, url: str) -> Json:
        """Gets JSON from somewhere in the sandbox."""
        async with self._session.get(url) as answer:
            found: Json = await answer.json(content_type=None)
            return found

    async def delete(self, url: str) -> None:
        """Deletes something in the sandbox, a fault for example."""
        async with self._session.delete(url) as answer:
            await answer.read()

    async def do(self, what: str, **more: Any) -> Json:
        """Does something at the page as this person."""
        return await self.post(
            f"{self.page}/client/{what}", {"team": self.team, "user": self.user, **more}
        )

    async def see(self, conversation: str = "app") -> Json:
        """What this person sees."""
        query = f"team={self.team}&user={self.user}&conversation={conversation}"
        return await self.get(f"{self.page}/client/state?{query}")

    async def type(self, text: str, conversation: str = "app") -> Json:
        """Types a message or a slash command."""
        return await self.do("command", conversation=conversation, text=text)

    # -- waiting ---------------------------------------------------------------------------------------------------

    async def until(
        self,
        wanted: Callable[[Json], Any],
        what: str,
        *,
        conversation: str = "app",
        seconds: float = 15.0,
    ) -> Any:
        """Looks until `wanted` finds something true in what is seen, and returns that. Raises NotThere."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            seen = await self.see(conversation)
            found = wanted(seen)
            if found:
                return found
            if asyncio.get_running_loop().time() > deadline:
                last = "\n".join(text_of(message) for message in seen["messages"][-4:])
                modal = "\n".join(text_of(one["view"]) for one in seen["modals"])
                raise NotThere(
                    f"no {what} within {seconds:g} s; last there was:\n{last}\n{modal}".rstrip()
                )
            await self._change()

    async def _change(self) -> None:
        """Waits until the page says that something changed, as the page's own script does; at most a while."""
        if self._changes is None:
            query = f"team={self.team}&user={self.user}"
            # The first thing said is a greeting, so the next look comes after the listening has begun.
            self._changes = await self._session.get(
                f"{self.page}/client/changes?{query}", timeout=aiohttp.ClientTimeout(total=None)
            )
        try:
            async with asyncio.timeout(_LOOKS_SECONDS):
                said = await self._changes.content.readany()
        except TimeoutError:
            return
        if not said:
            # The workspace ended the stream: an ended one would answer at once, again and again.
            self._changes.close()
            self._changes = None
            await asyncio.sleep(_LOOKS_SECONDS)

    async def message(self, *words: str, conversation: str = "app", seconds: float = 15.0) -> Json:
        """The newest message that holds all the words, once it is there."""

        def find(seen: Json) -> Json | None:
            for message in reversed(seen["messages"]):
                if all(word in text_of(message) for word in words):
                    found: Json = message
                    return found
            return None

        found: Json = await self.until(
            find, f"message with {' and '.join(words)}", conversation=conversation, seconds=seconds
        )
        return found

    async def modal(self, *words: str, seconds: float = 15.0) -> Json:
        """The modal on top, once it holds all the words."""

        def find(seen: Json) -> Json | None:
            if not seen["modals"]:
                return None
            top: Json = seen["modals"][-1]
            said = text_of(top["view"]) + " " + " ".join(top["errors"].values())
            return top if all(word in said for word in words) else None

        found: Json = await self.until(find, f"modal with {' and '.join(words)}", seconds=seconds)
        return found

    async def home(self, *words: str, seconds: float = 15.0) -> Json:
        """App Home, once it holds all the words."""
        found: Json = await self.until(
            lambda seen: (
                seen["home"] if all(word in text_of(seen["home"] or {}) for word in words) else None
            ),
            f"App Home with {' and '.join(words)}",
            seconds=seconds,
        )
        return found

    # -- messages and modals ---------------------------------------------------------------------------------------

    async def press(self, message: Json, label: str, *, fields: Json | None = None) -> Json:
        """Presses a button of a message; `fields` are what stands in its inputs, by the first word of their block."""
        block, element = _button(message["blocks"], label)
        return await self._act(message, block, element, None, fields)

    async def choose(
        self, message: Json, action_id: str, value: Any, *, fields: Json | None = None
    ) -> Json:
        """Chooses an option of a menu: an option object for one that loads, a value for another."""
        block, element = _element(message["blocks"], action_id)
        return await self._act(message, block, element, value, fields)

    async def options(self, message: Json, action_id: str, typed: str = "") -> list[Json]:
        """The groups a menu shows for what is typed; a menu without groups shows one with an empty label."""
        block, element = _element(message["blocks"], action_id)
        found = await self.do(
            "options",
            container=await self._container(message),
            block_id=block["block_id"],
            action_id=element["action_id"],
            value=typed,
        )
        if "option_groups" in found:
            return [
                {"label": group["label"]["text"], "options": group["options"]}
                for group in found["option_groups"]
            ]
        return [{"label": "", "options": found.get("options", [])}]

    async def _act(
        self, message: Json, block: Json, element: Json, value: Any, fields: Json | None
    ) -> Json:
        return await self.do(
            "action",
            container=await self._container(message),
            block_id=block["block_id"],
            action_id=element["action_id"],
            value=value,
            state=_fields(message["blocks"], fields or {}),
        )

    async def _container(self, message: Json) -> Json:
        if "ts" not in message:
            return {"type": "view", "view_id": message["id"]}
        return {
            "type": "message",
            "channel": (await self.see())["conversation"]["id"],
            "ts": message["ts"],
        }

    async def press_home(self, label: str) -> Json:
        """Presses a button of App Home."""
        home = (await self.see())["home"]
        return await self.press(home, label)

    async def press_modal(self, modal: Json, label: str, *, beside: str = "") -> Json:
        """Presses a button of a modal; `beside` is a text in the same block where several have the label."""
        blocks = [one for one in modal["view"]["blocks"] if not beside or beside in text_of(one)]
        return await self.press({"id": modal["id"], "blocks": blocks}, label)

    async def submit(self, modal: Json, fields: Json | None = None) -> Json:
        """Submits a modal with what stands in its fields."""
        return await self.do(
            "submit", view_id=modal["id"], state=_fields(modal["view"]["blocks"], fields or {})
        )

    # -- the browser -----------------------------------------------------------------------------------------------

    async def open(self, url: str) -> tuple[int, str, str]:
        """Opens an address and follows redirects: the status, the last address, and the page."""
        for _ in range(10):
            async with self._session.get(
                url, allow_redirects=False, headers=self._cookie_header()
            ) as answer:
                self._keep(answer)
                if answer.status not in (301, 302, 303, 307):
                    return answer.status, url, await answer.text()
                url = urljoin(url, answer.headers["location"])
        raise NotThere("too many redirects")

    async def fill(self, url: str, html: str, **fields: str | list[str]) -> tuple[int, str, str]:
        """Fills the page's form, sends it, and follows where it leads; a list ticks several boxes of one name."""
        form: Any = lxml.html.document_fromstring(html).find(".//form")
        values = [(name, value) for name, value in form.form_values() if name not in fields]
        for name, given in fields.items():
            values += [(name, one) for one in ([given] if isinstance(given, str) else given)]
        target = urljoin(url, form.action or url)
        async with self._session.post(
            target, data=values, allow_redirects=False, headers=self._cookie_header()
        ) as answer:
            self._keep(answer)
            if answer.status in (301, 302, 303):
                return await self.open(urljoin(target, answer.headers["location"]))
            return answer.status, target, await answer.text()

    async def follow(self, url: str, html: str, words: str) -> tuple[int, str, str]:
        """Follows the page's link with these words."""
        page: Any = lxml.html.document_fromstring(html)
        for link in page.iter("a"):
            if words in (link.text_content() or ""):
                return await self.open(urljoin(url, link.get("href")))
        raise NotThere(f"no link {words!r} on {url.partition('?')[0]}")

    async def sign_in(
        self, link: str, label: str = "Google", person: str = ""
    ) -> tuple[int, str, str]:
        """Opens a link to connect and signs in; without `person` as the one at the page."""
        status, where, html = await self.open(link)
        if status != 200:
            raise NotThere(f"the link answers {status}: {html}")
        status, where, html = await self.follow(where, html, f"Sign in with {label}")
        chosen = person or self.user.removeprefix("U0").lower()
        status, where, html = await self.fill(where, html, person=chosen)
        # A provider that posts its answer does so by a page that sends its form itself.
        return await self.fill(where, html) if "One moment" in html else (status, where, html)

    async def install(self, url: str) -> None:
        """Adds the app to this person's team."""
        status, where, html = await self.open(url)
        if status != 200:
            raise NotThere(f"the installation page answers {status}")
        status, where, html = await self.fill(
            where, html, person=f"{self.team}:{self.user}", decision="allow"
        )
        if status != 200:
            raise NotThere(f"the installation ends with {status}")

    def _cookie_header(self) -> dict[str, str]:
        return (
            {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
            if self._cookies
            else {}
        )

    def _keep(self, answer: aiohttp.ClientResponse) -> None:
        for name, morsel in answer.cookies.items():
            self._cookies[name] = morsel.value


def text_of(thing: Any) -> str:
    """Every text a person reads in blocks, a message or a view, with mrkdwn's marks left in."""
    if isinstance(thing, dict):
        own = [thing["text"]] if thing.get("type") in ("mrkdwn", "plain_text") else []
        inside = [
            text_of(value)
            for name, value in thing.items()
            if name not in ("type", "private_metadata", "state")
        ]
        if "ts" in thing and not thing.get("blocks"):
            own.append(str(thing.get("text", "")))
        initial = [str(thing["initial_value"])] if "initial_value" in thing else []
        return " ".join(part for part in own + initial + inside if part)
    if isinstance(thing, list):
        return " ".join(filter(None, map(text_of, thing)))
    return ""


def has_button(message: Json, label: str) -> bool:
    """Whether a message has a button with this text."""
    try:
        _button(message["blocks"], label)
    except NotThere:
        return False
    return True


def address_of(message: Json, label: str) -> str:
    """Where a link button leads."""
    return str(_button(message["blocks"], label)[1]["url"])


def _elements(blocks: list[Json]) -> list[tuple[Json, Json]]:
    return [
        (block, element)
        for block in blocks or []
        for element in [*block.get("elements", []), block.get("accessory"), block.get("element")]
        if isinstance(element, dict) and "action_id" in element
    ]


def _button(blocks: list[Json], label: str) -> tuple[Json, Json]:
    for block, element in _elements(blocks):
        if element["type"] == "button" and element["text"]["text"] == label:
            return block, element
    there = [
        element["text"]["text"] for _, element in _elements(blocks) if element["type"] == "button"
    ]
    raise NotThere(f"no button {label!r}; there are {there}")


def _element(blocks: list[Json], action_id: str) -> tuple[Json, Json]:
    for block, element in _elements(blocks):
        if element["action_id"] == action_id:
            return block, element
    raise NotThere(f"no element {action_id!r}")


def _fields(blocks: list[Json], changes: Json) -> Json:
    """What stands in every input: its initial value, or what the person changed it to."""
    state: Json = {}
    for block, element in _elements(blocks):
        if block.get("type") != "input":
            continue
        value = (
            element.get("initial_value")
            or element.get("initial_date")
            or element.get("initial_user")
            or [one["value"] for one in element.get("initial_options", [])]
            or (element.get("initial_option") or {}).get("value")
        )
        if element["type"] == "external_select":
            value = element.get("initial_option")
        word = block["block_id"].partition(":")[0]
        state[block["block_id"]] = {element["action_id"]: changes.get(word, value)}
    return state
