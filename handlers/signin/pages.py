"""The few pages a person sees in the browser: pure, one template, nothing loaded from elsewhere."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from handlers.signin.identity import Doubt
from xpm.connecting import Refusal


@dataclass(frozen=True, slots=True)
class Page:
    """What happened, what it means, and the ways on: (words, address), the first of them the main one."""

    title: str
    lines: tuple[str, ...]
    ways: tuple[tuple[str, str], ...] = ()
    aside: tuple[str, str] | None = None
    is_good: bool = False
    form: "Form | None" = None


@dataclass(frozen=True, slots=True)
class Form:
    """Buttons that decide something: (words, name, value) each; `proof` comes back with whichever is pressed."""

    action: str
    proof: str
    buttons: tuple[tuple[str, str, str], ...]
    cancel: tuple[str, str, str]


_environment = Environment(
    loader=PackageLoader("handlers.signin", "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
)
_STYLE = _environment.get_template("style.css").render()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def _policy(forms: str) -> str:
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action {forms}; "
        "frame-ancestors 'none'"
    )


HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _policy("'none'"),
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
        (
            "It is incomplete, was begun in another browser, or more than ten minutes ago. Nothing was changed.",
            _AGAIN,
        ),
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
    Refusal.DECLINED: (
        "Not connected",
        (
            "You chose no practice. What you had allowed at Xero is forgotten here, and nothing was changed.",
            _AGAIN,
        ),
    ),
    Refusal.NOT_OFFERED: (
        "That practice cannot be chosen",
        ("It is not among those you allowed at Xero. Nothing was changed.",),
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
    return Page(f"Connected to {practice}", lines, _to_slack(slack), is_good=True)


def refused(refusal: Refusal, slack: str | None) -> Page:
    """Why it did not work, and what to do."""
    title, lines = _REFUSED[refusal]
    return Page(title, lines, _to_slack(slack))


def which_practice(
    workspace: str, names: Sequence[tuple[str, str]], action: str, proof: str, until: str
) -> Page:
    """Xero's consent covered several: (name, tenant id) each. Which one `workspace` is to be connected to."""
    lines = (
        f"You allowed several practices at Xero. {workspace}’s Slack works with one of them.",
        f"Choose before {until}. The others are not connected, and nothing of them is kept.",
    )
    buttons = tuple(
        (f"Connect {name or 'the practice without a name'}", "practice", tenant)
        for name, tenant in names
    )
    form = Form(action, proof, buttons, ("Cancel: connect none", "answer", "cancel"))
    return Page("Which practice?", lines, is_good=True, form=form)


def not_offered(back: str) -> Page:
    """Somebody sent the id of a practice that their consent does not cover; the right ones are still there."""
    title, lines = _REFUSED[Refusal.NOT_OFFERED]
    return Page(title, lines, (("Back to the practices", back),))


def _to_slack(slack: str | None) -> tuple[tuple[str, str], ...]:
    return (("Back to Slack", slack),) if slack else ()


def sign_in(workspace: str, email: str, ways: Sequence[tuple[str, str]], password: str) -> Page:
    """Whose Slack is being connected, as whom, and how to sign in."""
    lines = (
        f"You are connecting {workspace}’s Slack to Xero Practice Manager, as {email or 'somebody without e-mail'}.",
        "If that is not you, close this page. Otherwise sign in with that address; Xero asks for it.",
    )
    buttons = tuple((f"Sign in with {label}", address) for label, address in ways)
    return Page(
        "Sign in first", lines, buttons, ("I sign in with a password only", password), is_good=True
    )


_STEPS = {
    "Google": "If your firm’s mail is with Google Workspace, choose Google and sign in with your work address.",
    "Microsoft": "If your firm’s mail is with Microsoft 365, choose Microsoft and your work or school account.",
    "Apple": "If your firm’s mail is elsewhere, make an Apple account with your work address at account.apple.com, "
    "confirm the address, choose Apple and share that address.",
}


def password_only(labels: Sequence[str], back: str) -> Page:
    """For somebody who has only a password login: Xero's rule, and how to get another."""
    lines = (
        "Xero lets nobody use Practice Manager from another product with a password alone.",
        # A private Google or Microsoft account under a work address does not prove it, so none is advised.
        *(_STEPS[label] for label in labels if label in _STEPS),
        "Your IT person knows which it is. Then come back here, or type /xpm connect in Slack for a fresh link.",
    )
    return Page(
        "Xero asks for Google, Microsoft or Apple sign-in", lines, (("Back to sign-in", back),)
    )


_DOUBTS: dict[Doubt, tuple[str, str]] = {
    Doubt.UNPROVEN: (
        "That sign-in could not be proven",
        "The answer was not made for this page, or not just now. Nothing was changed.",
    ),
    Doubt.EXPIRED: ("That sign-in took too long", "Nothing was changed. Try once more."),
    Doubt.PERSONAL_ACCOUNT: (
        "That is a personal Microsoft account",
        "Only a work or school account proves a work address. Choose your work account.",
    ),
    Doubt.UNVERIFIED_EMAIL: (
        "That address is not proven",
        "The account does not prove that its e-mail address is yours. With Microsoft, an admin adds the optional claim "
        "xms_edov to the app; with Google, use the account of your firm. Or choose another way to sign in.",
    ),
    Doubt.RELAY_ADDRESS: (
        "Apple hides your address",
        "You chose “Hide My Email”, and a relay address can never be your work address. Sign in once more and share "
        "your real address.",
    ),
    Doubt.NO_EMAIL: (
        "That account tells no e-mail address",
        "Choose an account with your work address.",
    ),
    Doubt.OTHER_DOMAIN: ("That address is not of an allowed domain", "Choose your work account."),
    Doubt.CANCELLED: ("You did not sign in", "Nothing was changed."),
    Doubt.UNAVAILABLE: (
        "The sign-in page does not answer",
        "Nothing was changed. Wait a minute, then try again.",
    ),
}


def doubted(doubt: Doubt, email: str, signed_in_as: str, domains: Sequence[str], back: str) -> Page:
    """Why a sign-in was not enough; `email` is the person's in Slack, `signed_in_as` the account's."""
    if doubt is Doubt.OTHER_EMAIL:
        title = "You signed in as somebody else"
        told = (
            f"You signed in as {signed_in_as}."
            if signed_in_as
            else "You signed in with another address."
        )
        lines: tuple[str, ...] = (
            f"{told} In Slack you are {email or 'without an e-mail address'}.",
            "Sign in with the address you have in Slack, or have your Slack address changed, then type /xpm connect.",
        )
    else:
        title, line = _DOUBTS[doubt]
        allowed = f"Allowed: {', '.join(domains)}." if doubt is Doubt.OTHER_DOMAIN else ""
        lines = tuple(filter(None, (line, allowed)))
    return Page(title, lines, (("Back to sign-in", back),))


def answer(page: Page, status: int = 200) -> HTMLResponse:
    """The page as an answer, with headers that let it load nothing, and send forms to us alone where it has one."""
    headers = HEADERS
    if page.form is not None:
        headers = {**HEADERS, "Content-Security-Policy": _policy("'self'")}
    html = _environment.get_template("page.html").render(page=page, style=_STYLE)
    return HTMLResponse(html, status_code=status, headers=headers)
