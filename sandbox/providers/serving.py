"""Serve the pretend providers on a free port of loopback, for a test that calls them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

from sandbox.providers.app import create_providers
from sandbox.providers.settings import ProviderSettings
from sandbox.providers.state import PretendProviders
from sandbox.serving import address, listen, serving


@dataclass(frozen=True, slots=True)
class ServedProviders:
    """Pretend providers that answer under `url`; `state` is what they hold."""

    url: str
    state: PretendProviders


@asynccontextmanager
async def served_providers(
    settings: ProviderSettings, *, host: Literal["127.0.0.1", "localhost"] = "127.0.0.1"
) -> AsyncIterator[ServedProviders]:
    """Serves on the running loop until the block ends; the address replaces `public_url`.

    Under localhost a browser takes an app at 127.0.0.1 for another site, as the real ones are.
    """
    bound = listen()
    url = address(bound).replace("127.0.0.1", host)
    app = create_providers(replace(settings, public_url=url))
    async with serving((app, bound)):
        yield ServedProviders(url, app.state.providers)
