"""The ASGI app: mounts what handlers offer, guards what comes in, tells whether it lives."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.app import App
from bot.bolt import EVENTS_PATH, INSTALL_PATH, INSTALLED_PATH
from bot.metrics import Measured, endpoint
from handlers import phones
from handlers.signin.routes import routes as signin_routes

log = logging.getLogger(__name__)

# Slack's largest view is 250 kB, form-encoded at most three times that.
_MOST_SLACK_BYTES = 1024 * 1024


def create(app: App) -> Starlette:
    """The app as ASGI; its lifespan starts and stops everything."""
    slack = AsyncSlackRequestHandler(app.bolt)
    proofs = _Proofs(app.settings.slack_signing_secret.get_secret_value())

    async def events(request: Request) -> Response:
        refusal = await _guard(request) or proofs.refusal(request, await request.body())
        if refusal is not None:
            return refusal
        response = await slack.handle(request)
        if response.status_code >= 500:
            proofs.forget(request)
        return response

    async def install(request: Request) -> Response:
        return await slack.handle(request)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        try:
            async with app.database.reading() as tx:
                await tx.execute(sa.text("select 1"))
            is_ready = app.timetable.is_running and app.durable.is_running and app.replicas.is_well
        except (sa.exc.SQLAlchemyError, OSError):
            is_ready = False
        return JSONResponse({"ready": is_ready}, status_code=200 if is_ready else 503)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await app.start()
        socket = await _socket(app)
        try:
            yield
        finally:
            if socket is not None:
                await socket.close_async()  # type: ignore[no-untyped-call]
            await app.stop()

    return Starlette(
        routes=[
            Route(EVENTS_PATH, events, methods=["POST"]),
            Route(INSTALL_PATH, install, methods=["GET"]),
            Route(INSTALLED_PATH, install, methods=["GET"]),
            *phones.routes(app.services, app.vault, phones.KINDS, app.metrics.deliveries),
            *signin_routes(
                app.services,
                app.sign_in,
                slack_web_url=app.settings.slack_web_url,
                domains=app.settings.sign_in_domains,
            ),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", endpoint(app.metrics, app.settings.metrics_token), methods=["GET"]),
        ],
        middleware=[Middleware(Measured, metrics=app.metrics, precedence=app.services.precedence)],
        lifespan=lifespan,
    )


async def _socket(app: App) -> AsyncSocketModeHandler | None:
    """Slack's events over a socket, for developers without a public address."""
    token = app.settings.slack_app_token
    if not app.settings.socket_mode or token is None:
        return None
    handler = AsyncSocketModeHandler(app.bolt, token.get_secret_value())
    await handler.connect_async()  # type: ignore[no-untyped-call]
    return handler


async def _guard(request: Request) -> Response | None:
    """Answers 401 where Bolt would answer 500: a timestamp that is no number, a signature or body that is no text.

    Measured in slack_sdk 3.47 `signature/__init__.py` and slack_bolt 1.30 `adapter/starlette/async_handler.py`.
    """
    stamp = request.headers.get("x-slack-request-timestamp", "")
    signature = request.headers.get("x-slack-signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 and signature.isascii()):
        return _refuse(401, "malformed_headers")
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > _MOST_SLACK_BYTES:
        return _refuse(413, "too_large")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_SLACK_BYTES:
                return _refuse(413, "too_large")
        body.decode("utf-8")
    except UnicodeDecodeError:
        return _refuse(401, "not_text")
    except ClientDisconnect:
        return Response(status_code=400)
    # Bolt's adapter reads the body once more; Starlette hands it what was read here.
    request._body = bytes(body)
    return None


class _Proofs:
    """Slack's signatures: each proves one request once, within five minutes.

    Bolt would let a recorded request in again until it is five minutes old, and answers `ssl_check` unproven
    (slack_bolt 1.30 `middleware/ssl_check`). The memory is this process's: on several replicas a replay can get as far
    as the entry's compare-and-set, no further. https://docs.slack.dev/authentication/verifying-requests-from-slack
    """

    # A stamp may be five minutes old or five minutes ahead.
    _KEEP_SECONDS = 600.0

    def __init__(self, signing_secret: str) -> None:
        self._verifier = SignatureVerifier(signing_secret)
        self._seen: dict[str, float] = {}

    def refusal(self, request: Request, body: bytes) -> Response | None:
        """Answers 401 to a forged, late or repeated request; None lets it in."""
        stamp, signature = self._proof(request)
        if not self._verifier.is_valid(body, stamp, signature):
            return _refuse(401, "bad_signature")
        now = time.monotonic()
        while self._seen and now - next(iter(self._seen.values())) > self._KEEP_SECONDS:
            del self._seen[next(iter(self._seen))]
        if signature in self._seen and not self._may_repeat(request, body):
            return _refuse(401, "replayed")
        self._seen[signature] = now
        return None

    @staticmethod
    def _may_repeat(request: Request, body: bytes) -> bool:
        """A menu opened twice within a second is asked for in the very same words, and Slack re-delivers events."""
        return b"block_suggestion" in body or "x-slack-retry-num" in request.headers

    def forget(self, request: Request) -> None:
        """Lets a request in again that we failed to take, because Slack may send it again."""
        self._seen.pop(self._proof(request)[1], None)

    @staticmethod
    def _proof(request: Request) -> tuple[str, str]:
        headers = request.headers
        return headers["x-slack-request-timestamp"], headers.get("x-slack-signature", "")


def _refuse(status: int, why: str) -> Response:
    log.warning("slack.refused", extra={"status": status, "why": why})
    return Response(status_code=status)
