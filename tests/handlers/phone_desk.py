"""Somebody at /xpm phones: opens it, goes from page to page, and reads what stands there."""

import re
from typing import Any

from sandbox.visitor import Json, NotThere, Visitor, text_of
from tests.handlers.inside import Inside

SECRET = "a-secret-that-the-vendor-made-0123"


async def open_phones(person: Visitor) -> Json:
    """Types /xpm phones; the list. What was open before is closed, so that nothing else is taken for it."""
    for modal in (await person.see())["modals"]:
        await person.do("close", view_id=modal["id"])
    await person.type("/xpm phones")
    return await person.modal("Add a phone system")


async def go(person: Visitor, page: Json, label: str, *words: str, beside: str = "") -> Json:
    """Presses a button of a page; the page that comes, by its words."""
    answer = await person.press_modal(page, label, beside=beside)
    assert answer["ok"], answer
    return await person.modal(*words)


async def add(person: Visitor, system: str) -> Json:
    """Adds a phone system out of the menu; the page with its address."""
    page = await go(person, await open_phones(person), "Add a phone system", "Which phone system")
    await person.submit(page, {"system": system})
    return await person.modal("is added", "The address to paste")


async def had_page(person: Visitor, system_id: str) -> Json:
    """The page of a phone system that is there."""
    page = await open_phones(person)
    for block in page["view"]["blocks"]:
        accessory = block.get("accessory") or {}
        if accessory.get("value") == system_id:
            here = {"id": page["id"], "blocks": [block]}
            await person.press(here, accessory["text"]["text"])
            return await person.modal("Send a test call", system_id)
    raise NotThere(f"{system_id} is not listed")


def system_of(page: Json) -> str:
    """The address that stands on a page."""
    return str(re.findall(r"`(http\S+/calls/\S+)`", text_of(page["view"]))[0])


def secret_on(page: Json) -> str:
    """The secret that stands on a page."""
    return str(re.findall(r"shown this once:\s*`(\S+)`", text_of(page["view"]))[0])


def submission(page: Json, values: Json, metadata: str | None = None) -> Json:
    """A page submitted with these values, as Slack would tell it."""
    view = {**page["view"], "id": page["id"], "state": {"values": values}}
    if metadata is not None:
        view["private_metadata"] = metadata
    return {"type": "view_submission", "view": view}


async def tell_telephone(inside: Inside, kind: str, address: str, secret: str) -> None:
    """Gives the pretend phone system of a kind its address and its secret."""
    async with inside.visitor() as somebody:
        told = {"kind": kind, "url": address, "secret": secret}
        await somebody.post(f"{inside.telephone}/sandbox/address", told)


async def end(inside: Inside, kind: str, **asked: Any) -> list[int]:
    """A call ends on a phone system of a kind; the app's answers."""
    body = {
        "system": kind,
        "user_email": "mia@example.com",
        "external_number": "+64215550123",
        "talk_seconds": 720,
        **asked,
    }
    async with inside.visitor() as somebody:
        found: list[int] = (await somebody.post(f"{inside.telephone}/calls", body))["statuses"]
        return found
