"""A collector of problems and the checks that every part of Block Kit shares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

PLAIN = ("plain_text",)
ANY_TEXT = ("plain_text", "mrkdwn")
TEXT_KEYS = {"plain_text": {"type", "text", "emoji"}, "mrkdwn": {"type", "text", "verbatim"}}


@dataclass
class Check:
    """What is wrong with a payload, in Slack's wording: `[ERROR] why [json-pointer:/where]`."""

    problems: list[str] = field(default_factory=list)

    def wrong(self, at: str, why: str) -> None:
        """Note one problem."""
        self.problems.append(f"[ERROR] {why} [json-pointer:{at}]")

    def an_object(self, value: Any, at: str) -> bool:
        """Whether the value is a JSON object; noted when it is not."""
        if isinstance(value, dict):
            return True
        self.wrong(at, "must be an object")
        return False

    def a_list(self, value: Any, at: str, least: int, most: int) -> bool:
        """Whether the value is a list of `least` to `most` items."""
        if not isinstance(value, list):
            self.wrong(at, "must be an array")
            return False
        if len(value) < least:
            self.wrong(at, f"must provide at least {least} items")
            return False
        if len(value) > most:
            self.wrong(at, f"no more than {most} items allowed [given {len(value)}]")
            return False
        return True

    def keys(self, value: dict[str, Any], at: str, required: set[str], optional: set[str]) -> None:
        """Every required key is there and no key is unknown."""
        for key in sorted(required - value.keys()):
            self.wrong(at, f"missing required field: {key}")
        for key in sorted(value.keys() - required - optional):
            self.wrong(at, f"invalid additional property: {key}")

    def string(self, value: Any, at: str, most: int, least: int = 0) -> bool:
        """A string of `least` to `most` characters; a number is not a string."""
        if not isinstance(value, str):
            self.wrong(at, "must be a string")
            return False
        if len(value) > most:
            self.wrong(at, f"must be less than {most + 1} characters")
            return False
        if len(value) < least:
            self.wrong(at, f"must be more than {least - 1} characters")
            return False
        return True

    def text(self, value: Any, at: str, most: int, kinds: Sequence[str] = PLAIN) -> None:
        """A text object of an allowed kind, not empty.

        https://docs.slack.dev/reference/block-kit/composition-objects/text-object
        """
        if not self.an_object(value, at):
            return
        kind = value.get("type")
        if kind not in kinds:
            self.wrong(f"{at}/type", f"must be one of: {', '.join(kinds)}")
            return
        self.keys(value, at, {"type", "text"}, TEXT_KEYS[kind])
        if "text" in value:
            self.string(value["text"], f"{at}/text", most, least=1)

    def url(self, value: Any, at: str) -> None:
        """An address of at most 3,000 characters; Slack takes http and https."""
        if self.string(value, at, 3000, least=1) and not re.match(r"https?://[^\s/]+", value):
            self.wrong(at, "must be a valid URL")

    def boolean(self, value: Any, at: str) -> None:
        """True or false, nothing that merely looks like it."""
        if not isinstance(value, bool):
            self.wrong(at, "must be a boolean")

    def number(self, value: Any, at: str, least: int, most: int) -> None:
        """A whole number between two bounds."""
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(at, "must be an integer")
        elif not least <= value <= most:
            self.wrong(at, f"must be between {least} and {most}")

    def one_of(self, value: Any, at: str, words: Sequence[str]) -> None:
        """One of a closed set of words."""
        if value not in words:
            self.wrong(at, f"must be one of: {', '.join(words)}")

    def matches(self, value: Any, at: str, pattern: str, shape: str) -> None:
        """A string in a fixed form, such as a date."""
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.wrong(at, f"must be in the form {shape}")
