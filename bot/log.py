"""Structured logs from an allow-list of fields: what is not named here is not written, whatever a caller passes."""

import logging
import sys
from typing import Any

import structlog

FIELDS = frozenset(
    {
        "after", "call", "correlation_id", "count", "entry", "failures", "job", "method", "outcome", "phone_system",
        "reference", "replica", "seconds", "skipped", "status", "sync", "tenant", "tick", "todo", "url_host", "why",
        "workflow", "workspace",
    }
)  # fmt: skip
"""Ids, counts and our own words; never a name, a number, an address, a text somebody typed, or a token."""

# Each of these writes request bodies, codes or queries at some level.
_QUIET = {
    "slack_bolt": logging.ERROR,
    "slack_sdk": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "aiohttp": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "apscheduler": logging.WARNING,
    "dbos": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "uvicorn.access": logging.CRITICAL,
}


def _only_allowed(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    kept = {
        "timestamp",
        "level",
        "logger",
        "event",
        "exception",
        "_record",
        "_from_structlog",
    } | FIELDS
    return {name: value for name, value in event.items() if name in kept}


class _Quietly(logging.Filter):
    """Holds back what `_QUIET` names, children included: Bolt gives its own loggers the root's level, whatever we say
    of their parent, and writes whole bodies at debug and unanswered ones as a warning.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return all(
            record.levelno >= least
            for name, least in _QUIET.items()
            if record.name == name or record.name.startswith(f"{name}.")
        )


def set_up(level: str) -> None:
    """Sends everything to standard error, one JSON object a line; newlines in values are escaped by JSON."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.processors.ExceptionRenderer(_frames),
            _only_allowed,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_Quietly())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logger = logging.getLogger(name)
        logger.setLevel(max(least, root.level))
        logger.handlers = []
        logger.propagate = True


def _frames(exc_info: structlog.typing.ExcInfo) -> str:
    """Where it happened and the error's class; never its text, which may hold what somebody typed."""
    kind, _, trace = exc_info
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return f"{kind.__name__}: " + " > ".join(lines)
