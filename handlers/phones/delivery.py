"""What a phone system sent, and the words with which its adapter takes or refuses it."""

import datetime as dt
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from xpm.calls import Told
from xpm.clock import utc_now


class Unproven(Exception):
    """The request does not prove that it comes from the phone system."""


class Unreadable(Exception):
    """The request is proven but is not what the phone system sends; the message says which field, never its value."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a phone system sent: its headers in lower case and the raw body that its proof covers.

    `url` is the public address it was sent to, query included, as some signatures cover it; `at` is when it came.
    """

    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    at: dt.datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer to a phone system that tries an address before it uses it."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class PhoneSystemKind:
    """How deliveries of a kind of phone system are proven and read.

    `verify(delivery, secret)` raises Unproven; `read(delivery)` raises Unreadable and answers nothing for events that
    are none of ours. `greet(delivery, secret)` answers a handshake, None for everything else. `has_own_secret` says
    that the phone system makes the secret, so that somebody has to bring it here.
    """

    verify: Callable[[Delivery, str], None]
    read: Callable[[Delivery], list[Told]]
    name: str = "The phone system"
    greet: Callable[[Delivery, str], Greeting | None] | None = None
    has_own_secret: bool = False


def is_same(given: str, secret: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell where they differ."""
    return bool(secret) and hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), secret.encode()
    )
