"""`manifest.yml` with the addresses filled in; the scopes the app asks for are read from it, so they cannot drift."""

from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).resolve().parent.parent / "manifest.yml"
PLACEHOLDER = "https://xpm.example.com"


def read() -> dict[str, Any]:
    """The manifest as it stands in the repository."""
    found: dict[str, Any] = yaml.safe_load(PATH.read_text("utf-8"))
    return found


def bot_scopes() -> list[str]:
    """What the app asks a workspace for."""
    scopes: list[str] = read()["oauth_config"]["scopes"]["bot"]
    return scopes


def filled(url: str) -> dict[str, Any]:
    """The manifest for an app at `url`."""
    return {name: _replaced(value, url.rstrip("/")) for name, value in read().items()}


def _replaced(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(one, url) for name, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, url) for one in value]
    return value.replace(PLACEHOLDER, url) if isinstance(value, str) else value


def dumped(url: str) -> str:
    """The filled manifest as YAML, to paste into Slack's "Create an app from a manifest"."""
    return str(yaml.safe_dump(filled(url), sort_keys=False, allow_unicode=True, width=1000))
