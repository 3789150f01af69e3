"""Phone systems: one file each with `verify(request, secret)` and `read(request)`, and the door they share.

The door stores and then answers; nothing here waits for Slack or XPM.
"""

from handlers.phones import standard
from handlers.phones.door import PhoneSystemKind, routes

KINDS: dict[str, PhoneSystemKind] = {"standard": PhoneSystemKind(standard.verify, standard.read)}
"""The phone systems we understand, by the word in their address."""

__all__ = ["KINDS", "PhoneSystemKind", "routes"]
