"""What the phone system said about a call besides its times: a line of its own, apart from what the person types."""

from urllib.parse import urlsplit

from handlers.messages import kit
from handlers.messages.kit import Block
from xpm.calls import Remark
from xpm.store.calls import Call

NAMES = {
    "3cx": "3CX",
    "aircall": "Aircall",
    "dialpad": "Dialpad",
    "ringcentral": "RingCentral",
    "standard": "The phone system",
    "twilio": "Twilio",
    "vxt": "VXT",
    "zoom": "Zoom Phone",
}
"""What people call each kind of phone system."""

_MOST_LINES = 8
_LINKS = {"recording": "Recording", "link": "Call log"}


def blocks(call: Call | None) -> list[Block]:
    """One paragraph of small print with a line for each remark; none when nothing was said."""
    if call is None or not call.remarks:
        return []
    name = NAMES.get(call.system_kind, "The phone system")
    lines = [line for remark in call.remarks if (line := _line(name, remark))]
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"{len(lines) - _MOST_LINES + 1} more in {name}"]
    return [kit.context("\n".join(lines))] if lines else []


def _line(name: str, remark: Remark) -> str | None:
    if remark.kind in _LINKS:
        url = _address(remark.text)
        return f"{name}: <{url}|{_LINKS[remark.kind]}>" if url else None
    by = f" ({kit.escape(kit.cut(remark.by, 60))})" if remark.by else ""
    words = kit.quoted(remark.text)
    match remark.kind:
        case "tag":
            return f"{name} says: tagged {words}{by}"
        case "summary":
            return f"{name} says, as a summary: {words}{by}"
        case "transcript":
            return f"{name} says, as a transcript: {words}{by}"
        case _:
            return f"{name} says: {words}{by}"


def _address(text: str) -> str | None:
    """An address that can stand in a link; None for anything that could be read as something else."""
    if len(text) > 500 or any(char in "<>|" or ord(char) < 33 for char in text):
        return None
    try:
        parts = urlsplit(text)
        is_good = parts.scheme == "https" and bool(parts.hostname)
    except ValueError:
        return None
    return kit.escape(text) if is_good else None
