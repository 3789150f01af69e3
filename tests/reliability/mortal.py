"""The app as a process of its own that dies of `kill -9` at a named point, and whose time runs faster.

Nothing of the app is changed: it is built as always, and what happens at its database's commits is listened to. Where
to die stands in a file, so that one process can be told while it runs, and of several only one obeys.

A lease of 90 seconds, a window of 120 and a grace of 30 are too long for tests. All of them, and every pause, are
divided by `speed`; what the network takes is not.
"""

import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot import app as app_module
from bot import log, web
from bot.app import App
from bot.settings import load
from xpm.api import Limiter, Limits
from xpm.clock import Clock, utc_now
from xpm.entries import SETTLE
from xpm.replicas import BEAT, GRACE, Replicas
from xpm.settling import FRESH, WINDOW, Pace, Settling
from xpm.sharing import SharedLimit
from xpm.store import Database
from xpm.watching import EVERY

DIE, DIED = "die", "died"
"""The file that names the point, and what it is called once somebody died there."""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Commit:
    """A commit, recognised by a statement in it; the process dies right before it or right after."""

    statement: str
    wants: Callable[[Values], bool] = lambda _: True
    is_before: bool = False


def _has(name: str) -> Callable[[Values], bool]:
    return lambda values: values.get(name) is not None


def _is_state(state: str) -> Callable[[Values], bool]:
    return lambda values: values.get("state") == state


ENTRY, TOKENS = r"UPDATE entries\b", r"UPDATE connections\b"
COMMITS: Mapping[str, Commit] = {
    "after the call was kept": Commit(r"INSERT INTO calls\b"),
    "after the offer was posted, before its place is kept": Commit(
        ENTRY, _has("message_ts"), is_before=True
    ),
    "after the choice was committed": Commit(ENTRY, _is_state("sending")),
    "after the intent was committed": Commit(ENTRY, _has("doubtful_since")),
    "after XPM took it, before the outcome is kept": Commit(
        ENTRY, _is_state("sent"), is_before=True
    ),
    "after the outcome was kept, before Slack shows it": Commit(ENTRY, _is_state("sent")),
    "before a token is asked for": Commit(TOKENS, _has("lease")),
    "after a token was given, before it is kept": Commit(
        TOKENS, _has("access_token"), is_before=True
    ),
    "after a token was kept": Commit(TOKENS, _has("access_token")),
}
ACKS: Mapping[str, str] = {
    "after the call was acknowledged": "/calls/",
    "after the click was acknowledged": "/slack/events",
}
"""Points that are answers, by what their address begins with."""


def _values(statement: str) -> dict[str, Any]:
    """What an UPDATE sets, out of the words that SQLite carries out, values and all."""
    found = re.findall(
        r"(\w+)\s*=\s*(NULL|'(?:[^']|'')*'|[-\d.]+)", statement.partition(" WHERE ")[0]
    )
    return {name: None if value == "NULL" else value.strip("'") for name, value in found}


class Fate:
    """Knows from a file where to die, and does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def named(self) -> str:
        """The point that is in the file; empty when there is none."""
        try:
            return (self._folder / DIE).read_text()
        except OSError:
            return ""

    def strike(self) -> None:
        """Ends this process as `kill -9` does, unless another was quicker."""
        try:
            os.rename(self._folder / DIE, self._folder / DIED)
        except OSError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    def listen_to(self, engine: sa.Engine) -> None:
        """Dies at commits."""

        @sa.event.listens_for(engine, "before_cursor_execute")
        def _executes(
            connection: sa.Connection, _: Any, statement: str, __: Any, context: Any, ___: bool
        ) -> None:
            point = COMMITS.get(self.named())
            if point is None or not re.match(point.statement, statement.strip()):
                return
            if any(point.wants(values) for values in context.compiled_parameters):
                connection.info[DIE] = "before" if point.is_before else "after"

        @sa.event.listens_for(engine, "connect")
        def _connects(connection: Any, record: Any) -> None:
            # What is put straight to SQLite passes SQLAlchemy by, but not SQLite itself.
            if engine.dialect.name == "sqlite":
                connection.driver_connection._conn.set_trace_callback(partial(_traced, record.info))

        def _traced(info: dict[Any, Any], statement: str) -> None:
            point = COMMITS.get(self.named())
            if point is None or not re.match(point.statement, statement.strip()):
                return
            if point.wants(_values(statement)):
                info[DIE] = "before" if point.is_before else "after"

        @sa.event.listens_for(engine, "commit")
        def _commits(connection: sa.Connection) -> None:
            if connection.info.get(DIE) == "before":
                self.strike()
            elif DIE in connection.info:
                connection.info[DIE] = "committed"

        @sa.event.listens_for(engine, "checkin")
        def _is_committed(_: Any, record: Any) -> None:
            # A connection comes back to the pool right after its transaction's end, before anybody goes on.
            if record.info.pop(DIE, None) == "committed":
                self.strike()

    def around(self, served: ASGIApp) -> ASGIApp:
        """Dies after answers."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            async def sent(message: Message) -> None:
                await send(message)
                is_end = message["type"] == "http.response.body" and not message.get("more_body")
                begins = ACKS.get(self.named())
                if is_end and begins is not None and scope["path"].startswith(begins):
                    self.strike()

            await served(scope, receive, sent if scope["type"] == "http" else send)

        return app


def quick(epoch: float, speed: float) -> Clock:
    """A clock that has run `speed` times as fast since an epoch, the same in every process."""
    began = datetime.fromtimestamp(epoch, utc_now().tzinfo)
    return lambda: began + (utc_now() - began) * speed


def build(epoch: float, speed: float, per_minute: int) -> App:
    """The app by its settings, at another speed."""
    settings = load()
    clock = quick(epoch, speed)
    share = None
    if settings.database_url.startswith("postgresql"):
        share = partial(SharedLimit, Database(settings.database_url), clock)
    limits = Limits(partial(Limiter, per_minute=per_minute), share=share)
    made = app_module.build(settings, clock, limits, pace=1 / speed)
    # Doubt and life are counted by the database's time, which no speed changes; so they are given shorter spans.
    replicas = Replicas(
        made.database, made.durable, utc_now, beat=BEAT / speed, grace=GRACE / speed
    )
    pace = Pace(fresh=FRESH / speed, window=WINDOW / speed)
    services = made.services
    settling = Settling(made.database, services.connections, services.notices, replicas.now, pace)
    made.durable.register(SETTLE, settling.advance)
    made.timetable.also(made.watching.look, every=EVERY / speed)
    return replace(made, replicas=replicas)


async def serve(
    environment: dict[str, str],
    folder: str,
    epoch: float,
    speed: float,
    per_minute: int = 100_000,
) -> None:
    """Serves until somebody ends it; what it says goes into a file beside the others'."""
    os.environ.update(environment)
    written = Path(folder) / f"{environment['XPM_SLACK_REPLICA']}.log"
    with written.open("ab", buffering=0) as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    log.set_up("INFO")
    logging.captureWarnings(capture=True)
    made = build(epoch, speed, per_minute)
    fate = Fate(Path(folder))
    fate.listen_to(made.database.engine.sync_engine)
    config = uvicorn.Config(
        fate.around(web.create(made)),
        host="127.0.0.1",
        port=made.settings.port,
        log_config=None,
        access_log=False,
    )
    sys.stdout.flush()
    await uvicorn.Server(config).serve()
