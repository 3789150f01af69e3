"""The pages people see, as HTML: values in, a page out. They are plainly pretend ones, without logos."""

import secrets
from collections.abc import Iterable, Mapping
from html import escape

from starlette.responses import HTMLResponse

from sandbox.providers.people import Account

_STYLE = """
:root{color-scheme:light dark;--ink:#22262b;--soft:#5d6670;--line:#d7dbe0;--page:#f0f2f4;--card:#fff;
--main:#2b5fb3}
@media (prefers-color-scheme:dark){:root{--ink:#e9ecef;--soft:#a7afb8;--line:#3d454d;--page:#14181c;
--card:#1d2227;--main:#8db4f2}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:26rem;margin:2rem auto;padding:1.5rem;background:var(--card);
border:1px solid var(--line);border-radius:12px}
h1{font-size:1.3rem;line-height:1.3;margin:.25rem 0 1rem}
p{margin:.5rem 0}.soft,small{color:var(--soft);font-size:.875rem}
button{display:block;width:100%;min-height:44px;padding:.6rem .9rem;margin:.5rem 0;text-align:left;
border:1px solid var(--line);border-radius:8px;background:transparent;color:inherit;font:inherit;
cursor:pointer;overflow-wrap:anywhere}
button strong,button span,button small{display:block}
button:hover{border-color:var(--main)}button.cancel{text-align:center;margin-top:1.25rem}
:focus-visible{outline:3px solid var(--main);outline-offset:2px}
@media (max-width:28rem){main{margin:0;min-height:100vh;border:0;border-radius:0}}
"""


def consent_page(
    title: str,
    app_name: str,
    shared: Iterable[str],
    accounts: Iterable[Account],
    action: str,
    token: str,
) -> HTMLResponse:
    """The page on which a person chooses an account; `token` lets its form be sent once."""
    rows = "".join(
        f'<button name="person" value="{escape(account.id)}"><strong>{escape(account.name)}</strong>'
        f"<span>{escape(account.email)}</span><small>{escape(account.purpose)}</small></button>"
        for account in accounts
    )
    return _page(
        title,
        f"Sign in to {app_name}",
        f"<p>{escape(app_name)} will know {escape(', '.join(shared))}. Choose an account.</p>"
        f'<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="form" value="{escape(token)}">{rows}'
        '<button class="cancel" name="answer" value="cancel">Cancel</button></form>',
    )


def refusal_page(title: str, reason: str) -> HTMLResponse:
    """The page for a request that cannot be answered to the app; status 400."""
    return _page(title, "You cannot sign in like this", f"<p>{escape(reason)}</p>", status=400)


def post_page(title: str, action: str, answer: Mapping[str, str]) -> HTMLResponse:
    """A page that posts the answer to the app by itself, from this origin.

    https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html
    """
    nonce = secrets.token_urlsafe(16)
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in answer.items()
    )
    return _page(
        title,
        "One moment",
        f'<form method="post" action="{escape(action)}">{fields}'
        '<noscript><button class="cancel">Continue</button></noscript></form>'
        f'<script nonce="{nonce}">document.forms[0].submit()</script>',
        script=f"; script-src 'nonce-{nonce}'",
    )


def _page(
    title: str, heading: str, content: str, *, status: int = 200, script: str = ""
) -> HTMLResponse:
    headers = {
        "Cache-Control": "no-store",
        "X-Frame-Options": "DENY",
        # The origin must stay: an app may look at it when a form is posted from here.
        "Referrer-Policy": "strict-origin",
        # No form-action: Chromium holds it against the redirect to the app as well.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        f"frame-ancestors 'none'; base-uri 'none'{script}",
    }
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(heading)} – pretend {escape(title)}</title><style>{_STYLE}</style></head>"
        f'<body><main><p class="soft">Pretend {escape(title)}, for trying things out</p>'
        f"<h1>{escape(heading)}</h1>{content}</main></body></html>"
    )
    return HTMLResponse(html, status_code=status, headers=headers)
