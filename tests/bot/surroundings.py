"""An environment of a test's own: good settings, and a folder without a .env."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.settings import PREFIX
from xpm.vault import new_key

GOOD = {
    "PUBLIC_URL": "https://xpm.example.com",
    "SLACK_CLIENT_ID": "1.2",
    "SLACK_CLIENT_SECRET": "canary-client",
    "SLACK_SIGNING_SECRET": "canary-signing",
    "XERO_CLIENT_ID": "xero",
    "XERO_CLIENT_SECRET": "canary-xero-secret",
    "ENCRYPTION_KEYS": new_key(),
}


@contextmanager
def environment(folder: Path, **changes: str | None) -> Iterator[None]:
    """The environment with these settings and no other of ours, in a folder without a .env."""
    before, here = dict(os.environ), Path.cwd()
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    wanted: dict[str, str | None] = {**GOOD, **changes}
    os.environ.update({PREFIX + name: text for name, text in wanted.items() if text is not None})
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
