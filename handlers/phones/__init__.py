"""Phone systems: one file each with `verify(delivery, secret)` and `read(delivery)`, and the door they share.

The door stores and then answers; nothing here waits for Slack or XPM.
"""

from handlers.phones import (
    aircall,
    dialpad,
    ringcentral,
    standard,
    threecx,
    twilio,
    vxt,
    zoom,
)
from handlers.phones.counting import Counts
from handlers.phones.delivery import PhoneSystemKind
from handlers.phones.door import routes

KINDS: dict[str, PhoneSystemKind] = {
    "standard": PhoneSystemKind(standard.verify, standard.read, "Any other system"),
    "vxt": PhoneSystemKind(vxt.verify, vxt.read, "VXT"),
    "aircall": PhoneSystemKind(aircall.verify, aircall.read, "Aircall", has_own_secret=True),
    "twilio": PhoneSystemKind(twilio.verify, twilio.read, "Twilio", has_own_secret=True),
    "dialpad": PhoneSystemKind(dialpad.verify, dialpad.read, "Dialpad"),
    "ringcentral": PhoneSystemKind(
        ringcentral.verify, ringcentral.read, "RingCentral", ringcentral.greet
    ),
    "zoom": PhoneSystemKind(zoom.verify, zoom.read, "Zoom Phone", zoom.greet, has_own_secret=True),
    "3cx": PhoneSystemKind(threecx.verify, threecx.read, "3CX"),
}
"""The phone systems we understand, by the word in their address."""

__all__ = ["KINDS", "Counts", "PhoneSystemKind", "routes"]
