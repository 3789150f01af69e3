"""What Prometheus is told: how quickly Slack is answered, how XPM answers, and what waits.

https://prometheus.io/docs/practices/naming/
"""

import hmac
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from datetime import datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as written
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handlers.phones.counting import Counts
from xpm.clock import Clock
from xpm.precedence import Precedence
from xpm.store import Database, figures
from xpm.store.entries import UNFINISHED

_DOORS = frozenset({"slack", "calls", "connect", "healthz", "readyz", "metrics"})
_WAITING = frozenset({"slack", "calls"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)


class Metrics:
    """One process's counters, and the figures of the database that all replicas tell alike."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.registry = CollectorRegistry()
        self.deliveries = Counts()
        self.registry.register(_Deliveries(self.deliveries))
        self._acks = Histogram(
            "xpm_slack_ack_seconds",
            "How long Slack and the phone systems waited for our answer",
            ["door"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._answers = Counter(
            "xpm_slack_answers_total", "Our answers by status", ["door", "status"],
            registry=self.registry,
        )  # fmt: skip
        self._calls = Counter(
            "xpm_slack_xpm_calls_total", "Calls to XPM by what came of them", ["result"],
            registry=self.registry,
        )  # fmt: skip
        self._entries = self._gauge("entries", "Entries that are not finished", ["state"])
        self._ages = self._gauge(
            "oldest_entry_seconds", "Since the oldest of them was last changed", ["state"]
        )
        self._waiting = self._gauge("longest_waiting_seconds", "How long the longest waiting waits")
        self._connections = self._gauge("connections", "Connections to practices", ["state"])
        self._sync_age = self._gauge(
            "oldest_sync_seconds", "Since the practice furthest behind was last copied whole"
        )
        self._left = self._gauge(
            "xpm_calls_left_today", "What XPM takes today of the practice that has least left"
        )

    def _gauge(self, name: str, what: str, labels: list[str] | None = None) -> Gauge:
        return Gauge(f"xpm_slack_{name}", what, labels or [], registry=self.registry)

    def called_xpm(self, result: str) -> None:
        """Counts a call to XPM: ok, or the kind of its failure."""
        self._calls.labels(result).inc()

    def answered(self, door: str, status: int, seconds: float) -> None:
        """Counts an answer of ours."""
        self._acks.labels(door).observe(seconds)
        self._answers.labels(door, str(status)).inc()

    async def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        now = self._clock()
        async with self._database.reading() as tx:
            found = await figures.read(tx)
        for state in UNFINISHED:
            count, oldest = found.entries.get(state, (0, now))
            self._entries.labels(state.value).set(count)
            self._ages.labels(state.value).set((now - oldest).total_seconds())
        self._waiting.set(_age(found.waiting_since, now))
        self._connections.labels("live").set(found.connected)
        self._connections.labels("ended").set(found.ended)
        self._sync_age.set(_age(found.synced_at, now))
        self._left.set(float("nan") if found.calls_left is None else found.calls_left)
        return written(self.registry)


class _Deliveries(Collector):
    """What came through the phone systems' door; a reason is a word of ours, never what was sent."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One series for each kind, result and reason that there was."""
        family = CounterMetricFamily(
            "xpm_slack_phone_deliveries",
            "What phone systems sent, by kind and what came of it",
            labels=["kind", "result", "reason"],
        )
        for kind, count in sorted(self._counts.taken.items()):
            family.add_metric([kind, "taken", ""], count)
        for kind, count in sorted(self._counts.ignored.items()):
            family.add_metric([kind, "ignored", ""], count)
        for (kind, why), count in sorted(self._counts.refused.items()):
            family.add_metric([kind or "other", "refused", why], count)
        yield family


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()


def endpoint(metrics: Metrics, token: SecretStr | None) -> Callable[[Request], Awaitable[Response]]:
    """GET /metrics for whoever has the token; nobody is told that it is there without one in the settings."""

    async def answer(request: Request) -> Response:
        if token is None:
            return Response(status_code=404)
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode()):
            return Response(status_code=401, headers={"www-authenticate": "Bearer"})
        return Response(await metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return answer


class Measured:
    """ASGI middleware: how long each answer took, until its last byte was handed over.

    Whom Slack or a phone system answers to goes before work that nobody waits for.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, precedence: Precedence) -> None:
        self._app = app
        self._metrics = metrics
        self._precedence = precedence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on and looks at the clock before and after."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # By kind of door and not by path, which anybody may make up.
        first = scope["path"].split("/", 2)[1]
        door = first if first in _DOORS else "other"
        began, status = time.perf_counter(), 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        # Browsers' pages wait for others themselves.
        waits = self._precedence.answering() if door in _WAITING else nullcontext()
        try:
            with waits:
                await self._app(scope, receive, seen)
        finally:
            self._metrics.answered(door, status, time.perf_counter() - began)
