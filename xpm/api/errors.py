"""What can go wrong with Xero, said as an answer to: was it written, and who acts next?

    XpmError
    ├── Rejected       not written      the person acts, with XPM's own words
    ├── Disconnected   not written      somebody reconnects the practice
    ├── TryLater       not written      we act, after the stated time
    └── Unknown        PERHAPS written  we look before anything is sent again

Exactly four leaves: every exception of the HTTP library, every status and every unreadable
answer becomes one of them (their names answer the question, so they carry no "Error").
``str()`` is for logs and holds no body, no query and no token;
``reason`` is for people, and for a `Rejected` it holds XPM's own words.
"""


class XpmError(Exception):
    """The base of every error this package raises; its leaves are the vocabulary.

    ``reason``: one sentence. ``status``: HTTP status, None when no answer came.
    ``correlation_id``: Xero's handle for its support desk (header ``xero-correlation-id``).
    """

    reason: str
    status: int | None
    correlation_id: str | None

    def __init__(
        self,
        reason: str = "",
        *,
        status: int | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.correlation_id = correlation_id

    def evidence(self) -> str:
        """Return what an engineer needs: status and correlation id, or an empty string."""
        facts = []
        if self.status is not None:
            facts.append(f"status {self.status}")
        if self.correlation_id is not None:
            facts.append(f"correlation {self.correlation_id}")
        return f" ({', '.join(facts)})" if facts else ""

    def __str__(self) -> str:
        return f"{self.reason}{self.evidence()}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Rejected(XpmError):
    """Nothing was written, and sending the same again will be refused again.

    ``reason`` is the vendor's own text where there is one, so it may name clients or staff:
    show it to the person, keep it out of logs (``str()`` leaves it out).
    """

    def __str__(self) -> str:
        return f"Xero refused the request{self.evidence()}"


class Disconnected(XpmError):
    """Nothing was written, and nothing will be until somebody reconnects the practice."""


class TryLater(XpmError):
    """Nothing was written; the same request may succeed later.

    ``after``: seconds to wait, None when nobody said. ``day_spent``: the practice's calls of the
    day are used up, so ``after`` may be hours.
    """

    after: float | None
    day_spent: bool

    def __init__(
        self,
        after: float | None = None,
        reason: str = "Xero asks to be called later",
        *,
        day_spent: bool = False,
        status: int | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(reason, status=status, correlation_id=correlation_id)
        self.after = after
        self.day_spent = day_spent


class Unknown(XpmError):
    """The request may have been carried out: look before sending it again.

    A read has nothing to be in doubt about, so the client raises `TryLater` for it instead.
    """
