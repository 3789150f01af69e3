"""The consent page as HTML: values in, a page out. It is plainly a pretend one."""

from collections.abc import Sequence
from html import escape

from sandbox.practice.people import Person

STYLE = """
:root{color-scheme:light dark;--ink:#1c2a33;--soft:#5b6b75;--line:#d5dde2;--page:#eef2f4;
--card:#fff;--main:#0b5f8a}
@media (prefers-color-scheme:dark){:root{--ink:#e8eef1;--soft:#a3b1ba;--line:#3a4952;--page:#121a1f;
--card:#1b262d;--main:#1f78a8}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:26rem;margin:2rem auto;padding:1.5rem;background:var(--card);
border:1px solid var(--line);border-radius:12px}
h1{font-size:1.3rem;line-height:1.3;margin:.25rem 0 1rem}
h2,legend{font-size:1rem;font-weight:600;margin:1.25rem 0 .5rem;padding:0}
p{margin:.5rem 0}.soft{color:var(--soft);font-size:.9rem}
ul{margin:0;padding-left:1.2rem}fieldset{border:0;margin:1.25rem 0 0;padding:0}
legend{margin:0 0 .5rem}.others a{display:inline-block;padding:.4rem 1rem .4rem 0}
label{display:flex;gap:.75rem;align-items:center;min-height:44px;padding:.25rem .75rem;
border:1px solid var(--line);border-radius:8px;margin:.4rem 0;cursor:pointer}
input[type=checkbox]{width:1.2rem;height:1.2rem;margin:0}
.buttons{display:flex;gap:.75rem;margin-top:1.5rem}
button{flex:1;min-height:44px;border-radius:8px;font:inherit;font-weight:600;cursor:pointer;
border:1px solid var(--line);background:transparent;color:inherit}
button.main{background:var(--main);border-color:var(--main);color:#fff}
a{color:inherit}:focus-visible{outline:3px solid var(--main);outline-offset:2px}
@media (max-width:28rem){main{margin:0;min-height:100vh;border:0;border-radius:0}}
"""


def consent_page(
    app_name: str,
    person: Person,
    others: Sequence[tuple[str, str]],
    scopes: Sequence[str],
    practices: Sequence[tuple[str, str]],
    token: str,
) -> str:
    """Return the page.

    `others` are (name, address) of people to sign in as instead, `practices` (tenant id, name) to
    choose from, `scopes` in words, `token` the single-use token of the form.
    """
    switch = "".join(
        f'<a href="{escape(address)}">Sign in as {escape(name)}</a>' for name, address in others
    )
    rows = "".join(f"<li>{escape(words)}</li>" for words in scopes)
    if practices:
        only = len(practices) == 1
        legend = "Choose a practice" if only else "Choose one practice or more"
        boxes = "".join(
            f'<label><input type="checkbox" name="practice" value="{escape(tenant)}"'
            f"{' checked' if only else ''}> {escape(name)}</label>"
            for tenant, name in practices
        )
        choice = f"<fieldset><legend>{legend}</legend>{boxes}</fieldset>"
        allow = "Allow access"
    else:
        choice = (
            "<h2>Choose a practice</h2><p>You have no practice to connect. Somebody with the "
            "privilege “Connect third-party add-ons” can.</p>"
        )
        allow = "Continue"
    return _page(
        f"{app_name} wants access",
        f"""
<p class="soft">Pretend Xero, for trying things out</p>
<h1>{escape(app_name)} wants access to Practice Manager</h1>
<p>Signed in as <strong>{escape(person.name)}</strong> ({escape(person.email)})</p>
<p class="soft others">{switch}</p>
<h2>It will be able to</h2>
<ul>{rows}</ul>
<form method="post" action="/identity/connect/authorize">
<input type="hidden" name="form" value="{escape(token)}">
{choice}
<div class="buttons">
<button name="answer" value="cancel" formnovalidate>Cancel</button>
<button class="main" name="answer" value="allow">{allow}</button>
</div>
</form>
""",
    )


def refusal_page(reason: str) -> str:
    """Return the page for a request that cannot be answered to the app."""
    return _page(
        "Not allowed",
        f'<p class="soft">Pretend Xero, for trying things out</p>'
        f"<h1>This request cannot be completed</h1><p>{escape(reason)}</p>",
    )


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{content}</main></body></html>"
    )
