"""What a status other than success says: was it written, and who acts next?

The order is status, content type, root, Status; nothing at or above 400 is trusted to be XML, and
its JSON is not trusted to be JSON.
https://developer.xero.com/documentation/api/practice-manager-3-1/overview-practice-manager
"""

import json
from collections.abc import Mapping

from xpm.api import xml
from xpm.api.errors import Disconnected, Rejected, TryLater, Unknown, XpmError
from xpm.api.http import correlation_id

DETAIL_LETTERS = 300


async def judge(
    status: int, headers: Mapping[str, str], body: bytes, *, is_write: bool
) -> XpmError:
    """Return the error for an answer that is neither a success nor a rate limit.

    ``body`` is the first part of the answer, perhaps empty.
    """
    correlation = correlation_id(headers)
    if status == 401:
        return Disconnected(
            "Xero did not accept our access", status=status, correlation_id=correlation
        )
    if status == 403:
        # A disconnected practice and a missing scope look alike from here.
        return Disconnected(
            "Xero does not let us into this practice", status=status, correlation_id=correlation
        )
    if 400 <= status < 500 and status not in {408, 425}:
        reason = await xml.refusal(body) or json_detail(body)
        if reason is None:
            reason = "XPM does not know it" if status == 404 else "XPM did not accept the request"
        return Rejected(reason, status=status, correlation_id=correlation)
    if is_write:
        return Unknown(
            "Xero failed before saying how it went", status=status, correlation_id=correlation
        )
    return TryLater(
        retry_after(headers), "Xero is not answering", status=status, correlation_id=correlation
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return Retry-After in seconds, None where it is absent or a date."""
    said = headers.get("retry-after", "").strip()
    return float(said) if said.isascii() and said.isdigit() and len(said) < 7 else None


def json_detail(body: bytes) -> str | None:
    """Return the sentence of one of Xero's JSON errors, bounded, None when there is none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    for name in ("Detail", "Message", "Title"):
        text = said.get(name)
        if isinstance(text, str) and text.strip():
            return " ".join(text.split())[:DETAIL_LETTERS]
    return None
