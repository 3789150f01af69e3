"""The log: an allow-list of fields, one line a fact, no text that somebody typed."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bot import log


class Lines:
    """What was written, each line as JSON."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The log set up as `serve` does, into a text; everything as before afterwards."""
    root = logging.getLogger()
    names = [*log._QUIET]
    before = root.handlers, root.level
    kept = {
        name: (logging.getLogger(name).level, logging.getLogger(name).handlers) for name in names
    }
    log.set_up("DEBUG")
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield Lines(stream)
    root.handlers, level = before
    root.setLevel(level)
    for name, (old, handlers) in kept.items():
        logging.getLogger(name).setLevel(old)
        logging.getLogger(name).handlers = handlers


@contextmanager
def at_debug(name: str) -> Iterator[logging.Logger]:
    """A logger that a library has told to write everything, as Bolt does with its own."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        yield logger
    finally:
        logger.setLevel(before)


def test_fields_that_are_not_named_are_not_written(lines: Lines) -> None:
    extra = {"workspace": "T1", "email": "mia@example.com", "token": "xoxb-1", "note": "typed"}
    logging.getLogger("xpm.any").warning("entry.sent", extra=extra)
    [one] = lines.all
    assert one["event"] == "entry.sent"
    assert one["workspace"] == "T1"
    assert one["level"] == "warning"
    assert one["logger"] == "xpm.any"
    assert one["timestamp"].endswith("Z")
    assert set(one) == {"event", "workspace", "level", "logger", "timestamp"}


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", 'x"}\n{"event": "forged"', "\x1b[31m", "a\u2028b"]
)
def test_fact_is_one_line_whatever_is_in_it(lines: Lines, text: str) -> None:
    logging.getLogger("xpm.any").error("one.fact", extra={"why": text})
    assert lines.text.count("\n") == 1
    assert "\x1b" not in lines.text
    assert json.loads(lines.text)["why"] == text


def test_exception_is_where_it_happened_and_never_its_words(lines: Lines) -> None:
    try:
        int("somebody typed xoxb-secret")
    except ValueError:
        logging.getLogger("xpm.any").exception("it.failed")
    [one] = lines.all
    assert one["exception"].startswith("ValueError: test_log.py:")
    assert "xoxb-secret" not in lines.text


@pytest.mark.parametrize(
    "name",
    [
        "httpx",
        "slack_sdk.web.async_base_client",
        "aiohttp.access",
        "uvicorn.access",
        "sqlalchemy.engine",
    ],
)
def test_libraries_that_write_bodies_are_quiet_even_at_debug(lines: Lines, name: str) -> None:
    with at_debug(name) as logger:
        logger.debug("Bearer xoxb-secret")
        logger.info("code=secret")
    assert lines.text == ""


def test_bolts_warning_about_a_request_that_nobody_answers_is_not_written(lines: Lines) -> None:
    with at_debug("slack_bolt.AsyncApp") as logger:
        logger.warning("Unhandled request (%s)", {"text": "typed"})
    assert lines.text == ""


def test_fields_of_the_allow_list_hold_no_word_for_something_personal() -> None:
    personal = {
        "name",
        "email",
        "number",
        "note",
        "text",
        "body",
        "url",
        "token",
        "user",
        "person",
        "address",
    }
    assert not log.FIELDS & personal
