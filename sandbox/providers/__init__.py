"""Pretend Google, Microsoft and Apple sign-in (OpenID Connect) on one origin, with a door for tests.

It owns what the three would own (accounts, consent, codes, keys, id tokens) and every way in which
they can be wrong, in memory. It must not know the app it is used to try: it imports nothing of bot,
handlers or xpm.
"""

from sandbox.providers.app import create_providers
from sandbox.providers.people import TENANT_ELSEWHERE, TENANT_KEA, TENANT_PERSONAL
from sandbox.providers.serving import ServedProviders, served_providers
from sandbox.providers.settings import AppleApp, ProviderSettings, SecretApp
from sandbox.providers.state import PretendProviders

__all__ = [
    "TENANT_ELSEWHERE",
    "TENANT_KEA",
    "TENANT_PERSONAL",
    "AppleApp",
    "PretendProviders",
    "ProviderSettings",
    "SecretApp",
    "ServedProviders",
    "create_providers",
    "served_providers",
]
