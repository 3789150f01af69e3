"""Which views Slack takes: https://docs.slack.dev/reference/views"""

from __future__ import annotations

import json
from typing import Any

from sandbox.workspace.blockkit.blocks import check_blocks
from sandbox.workspace.blockkit.check import Check

MOST_VIEW_BYTES = 250_000
_MODAL = {"title", "close", "submit", "clear_on_close", "notify_on_close", "submit_disabled"}
_BOTH = {"private_metadata", "callback_id", "external_id"}


def check_view(check: Check, view: Any, kind: str, at: str = "/view") -> None:
    """A modal or home view with every limit; problems are noted, nothing is raised."""
    if not check.an_object(view, at):
        return
    if view.get("type") != kind:
        check.wrong(f"{at}/type", f"must be {kind}")
        return
    required = {"type", "blocks"} | ({"title"} if kind == "modal" else set())
    check.keys(view, at, required, _BOTH | (_MODAL if kind == "modal" else {"title"}))
    for name in ("title", "close", "submit"):
        # A null close or submit is the same as none.
        if view.get(name) is not None:
            check.text(view[name], f"{at}/{name}", 24)
    for name, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if view.get(name) is not None:
            check.string(view[name], f"{at}/{name}", most)
    for name in ("clear_on_close", "notify_on_close", "submit_disabled"):
        if name in view:
            check.boolean(view[name], f"{at}/{name}")
    if "blocks" in view:
        check_blocks(check, view["blocks"], f"{at}/blocks", "modal" if kind == "modal" else "home")
        has_input = any(
            isinstance(block, dict) and block.get("type") == "input"
            for block in (view["blocks"] if isinstance(view["blocks"], list) else [])
        )
        if kind == "modal" and has_input and not view.get("submit"):
            check.wrong(f"{at}/submit", "submit must be present if blocks contain an input block")


def is_too_large(view: Any) -> bool:
    """Whether the view passes 250 kB of JSON (`view_too_large`)."""
    return len(json.dumps(view, ensure_ascii=False).encode()) > MOST_VIEW_BYTES
