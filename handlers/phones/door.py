"""POST /calls/{kind}/{id}: size, address, proof and form are checked in this order, then the calls are stored.

GET /calls/3cx/template.xml is the file that 3CX imports.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from handlers.phones.counting import Counts
from handlers.phones.delivery import Delivery, PhoneSystemKind, Unproven, Unreadable
from handlers.services import Services
from xpm import places
from xpm.store import phones as phone_store
from xpm.store import workspaces as store
from xpm.store.workspaces import PhoneSystem
from xpm.vault import CannotOpen, Vault

log = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024
# Whoever sets 3CX up downloads it from us: it holds no secret and nothing of a practice.
_TEMPLATE = Path(__file__).with_name("xpm-slack-3cx.xml")


def routes(
    services: Services,
    vault: Vault,
    kinds: Mapping[str, PhoneSystemKind],
    counts: Counts | None = None,
) -> list[Route]:
    """The door for all phone systems. Reasons stand in the log, never in an answer."""
    counted = counts or Counts()

    def refuse(status: int, why: str, kind: str, system_id: str) -> Response:
        # The kind comes from the address, so only ours are counted by name.
        counted.refused[(kind if kind in kinds else "", why)] += 1
        log.warning("call.refused", extra={"status": status, "why": why, "phone_system": system_id})
        return Response(status_code=status)

    async def refuse_known(status: int, why: str, kind: str, system: PhoneSystem) -> Response:
        now = services.clock()
        if phone_store.is_refusal_due(system, why, now):
            async with services.database.transaction() as tx:
                await phone_store.refused(tx, system, why, now)
        return refuse(status, why, kind, system.id)

    async def receive(request: Request) -> Response:
        kind_name, system_id = request.path_params["kind"], request.path_params["id"]
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return refuse(413, "too_large", kind_name, system_id)
        kind = kinds.get(kind_name)
        async with services.database.asking() as tx:
            system = await store.phone_system(tx, kind_name, system_id)
        if kind is None or system is None:
            return refuse(404, "unknown_address", kind_name, "")
        # Behind a proxy the request's own address is another one than the phone system used.
        query = f"?{request.url.query}" if request.url.query else ""
        delivery = Delivery(
            {name.lower(): value for name, value in request.headers.items()},
            body,
            f"{services.public_url}{request.url.path}{query}",
            services.clock(),
        )
        try:
            secret = vault.open(system.secret, places.phone_secret(system.id))
        except CannotOpen:
            # Nobody can say whether it is genuine: with the key back, a phone system that tries again loses nothing.
            return await refuse_known(503, "secret_lost", kind_name, system)
        try:
            if kind.greet is not None and (greeting := kind.greet(delivery, secret)) is not None:
                log.info("phone_system.greeted", extra={"phone_system": system.id})
                return Response(greeting.body, 200, dict(greeting.headers))
            kind.verify(delivery, secret)
            told = kind.read(delivery)
        except Unproven as error:
            return await refuse_known(401, str(error), kind_name, system)
        except Unreadable as error:
            return await refuse_known(400, str(error), kind_name, system)
        (counted.taken if told else counted.ignored)[kind_name] += 1
        await services.reception.receive(system, told)
        return Response(status_code=202)

    template = _TEMPLATE.read_bytes()

    async def download(_: Request) -> Response:
        saved_as = f'attachment; filename="{_TEMPLATE.name}"'
        headers = {"content-disposition": saved_as, "cache-control": "no-cache"}
        return Response(template, media_type="application/xml", headers=headers)

    return [
        Route("/calls/3cx/template.xml", download, methods=["GET"]),
        Route("/calls/{kind}/{id}", receive, methods=["POST"]),
    ]


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
