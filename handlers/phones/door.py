"""POST /calls/{kind}/{id}: size, address, proof and form are checked in this order, then the calls are stored."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from handlers.services import Services
from xpm import places
from xpm.calls import EndedCall
from xpm.store import workspaces as store
from xpm.vault import Vault

log = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024


class Unproven(Exception):
    """The request does not prove that it comes from the phone system."""


class Unreadable(Exception):
    """The request is proven but is not what the phone system sends; the message says which field, never its value."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a phone system sent: its headers in lower case and the raw body that its proof covers."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class PhoneSystemKind:
    """How deliveries of a kind of phone system are proven and read.

    `verify(delivery, secret)` raises Unproven; `read(delivery)` raises Unreadable and answers no calls for events that
    are none of ours.
    """

    verify: Callable[[Delivery, str], None]
    read: Callable[[Delivery], list[EndedCall]]


def routes(services: Services, vault: Vault, kinds: Mapping[str, PhoneSystemKind]) -> list[Route]:
    """The door for all phone systems. Reasons stand in the log, never in an answer."""

    async def receive(request: Request) -> Response:
        kind_name, system_id = request.path_params["kind"], request.path_params["id"]
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return _refuse(413, "too_large", system_id)
        kind = kinds.get(kind_name)
        async with services.database.reading() as tx:
            system = await store.phone_system(tx, kind_name, system_id)
        if kind is None or system is None:
            return _refuse(404, "unknown_address", "")
        delivery = Delivery({name.lower(): value for name, value in request.headers.items()}, body)
        try:
            kind.verify(delivery, vault.open(system.secret, places.phone_secret(system.id)))
            calls = kind.read(delivery)
        except Unproven as error:
            return _refuse(401, str(error), system_id)
        except Unreadable as error:
            return _refuse(400, str(error), system_id)
        await services.reception.receive(system, calls)
        return Response(status_code=202)

    return [Route("/calls/{kind}/{id}", receive, methods=["POST"])]


def _refuse(status: int, why: str, system_id: str) -> Response:
    log.warning("call.refused", extra={"status": status, "why": why, "phone_system": system_id})
    return Response(status_code=status)


async def _body(request: Request) -> bytes | None:
    """The body, or None when it is larger than we take; never reads more than that."""
    said = request.headers.get("content-length", "0")
    if said.isdigit() and int(said) > MOST_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)
