"""The few pages a person sees in the browser: pure, one template, nothing loaded from elsewhere."""

import base64
import hashlib
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from xpm.connections import Refusal


@dataclass(frozen=True, slots=True)
class Page:
    """What happened, what it means, and the one way on."""

    title: str
    lines: tuple[str, ...]
    button: str | None = None
    address: str | None = None
    is_good: bool = False


_environment = Environment(
    loader=PackageLoader("handlers.signin", "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
)
_STYLE = _environment.get_template("style.css").render()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    # The address of a page may hold a link's secret: it must not travel on.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_AGAIN = "In Slack, type /xpm connect to get a fresh link."

_REFUSED: dict[Refusal, tuple[str, tuple[str, ...]]] = {
    Refusal.USED: (
        "This link was used already",
        ("A link works once, so that nobody else can use yours. Nothing was changed.", _AGAIN),
    ),
    Refusal.EXPIRED: (
        "This link has expired",
        ("A link works for ten minutes. Nothing was changed.", _AGAIN),
    ),
    Refusal.FORGED: (
        "This link does not work",
        ("It is incomplete, or it was begun in another browser. Nothing was changed.", _AGAIN),
    ),
    Refusal.CANCELLED: (
        "Not connected",
        ("Access was not allowed at Xero. Nothing was changed.", _AGAIN),
    ),
    Refusal.NO_PRACTICE: (
        "Xero showed no practice to connect",
        (
            "Your Xero login opens no practice to this app. Nothing was changed.",
            "In XPM, an admin gives you the privilege “Connect third-party add-ons” (older name: “Authorise 3rd "
            "Party Full Access”). " + _AGAIN,
        ),
    ),
    Refusal.SEVERAL: (
        "Xero opened several practices at once",
        (
            "We could not tell which one you mean, so none was connected.",
            "Allow one practice only. " + _AGAIN,
        ),
    ),
    Refusal.UNAVAILABLE: (
        "Xero did not answer",
        ("Nothing was changed.", "Wait a minute. " + _AGAIN),
    ),
    Refusal.TAKEN: (
        "Another practice is connected already",
        (
            "This Slack workspace is connected to another practice. Nothing was changed.",
            "To change it, disconnect first: type /xpm disconnect in Slack.",
        ),
    ),
}


def connected(practice: str, slack: str | None) -> Page:
    """The end of the way."""
    lines = (
        "Clients, contacts and jobs are being downloaded now. Slack tells you when they are there.",
    )
    return Page(
        f"Connected to {practice}", lines, "Back to Slack" if slack else None, slack, is_good=True
    )


def refused(refusal: Refusal, slack: str | None) -> Page:
    """Why it did not work, and what to do."""
    title, lines = _REFUSED[refusal]
    return Page(title, lines, "Back to Slack" if slack else None, slack)


def answer(page: Page, status: int = 200) -> HTMLResponse:
    """The page as an answer, with headers that let it load nothing."""
    html = _environment.get_template("page.html").render(page=page, style=_STYLE)
    return HTMLResponse(html, status_code=status, headers=HEADERS)
