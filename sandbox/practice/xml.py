"""XML as the pretend practice writes and reads it.

Written by hand, because the quirks are the point: no declaration, an `api-method` attribute, and
three ways to say that a value is absent.
"""

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from lxml import etree

LARGEST_REQUEST_BYTES = 1_000_000
ROWS_IN_A_CHUNK = 100


class UnreadableXmlError(ValueError):
    """The request body is not XML that this server reads."""


def element(name: str, value: str) -> str:
    """Return `<name>value</name>` with the value escaped."""
    return f"<{name}>{escape(value)}</{name}>"


def absent(name: str, style: int) -> str:
    """Return an absent value in one of the three ways seen: empty, closed at once, left out."""
    return (f"<{name}></{name}>", f"<{name} />", "")[style % 3]


def maybe(name: str, value: str, style: int) -> str:
    """Return the element, or one of the ways to say that there is none."""
    return element(name, value) if value else absent(name, style)


def style_of(uuid: str) -> int:
    """Return which way of saying "absent" a record uses: 0, 1 or 2, always the same for it."""
    return int(uuid[-2:], 16) % 3


def listed(name: str, rows: Iterable[str]) -> str:
    """Return a list element; an empty list is `<Name />`."""
    inner = "".join(rows)
    return f"<{name}>{inner}</{name}>" if inner else f"<{name} />"


def opening(method: str, status: str = "OK") -> str:
    """Return the start of a reply."""
    return f'<Response api-method="{escape(method)}"><Status>{status}</Status>'


def reply(method: str, *parts: str) -> list[bytes]:
    """Return a whole reply in one piece, UTF-8."""
    return [(opening(method) + "".join(parts) + "</Response>").encode()]


def streamed(method: str, name: str, rows: Iterable[str]) -> Iterator[bytes]:
    """Yield a reply that holds one long list, in pieces of about a hundred rows."""
    held: list[str] = []
    is_empty = True
    for row in rows:
        if is_empty:
            held.append(opening(method) + f"<{name}>")
            is_empty = False
        held.append(row)
        if len(held) >= ROWS_IN_A_CHUNK:
            yield "".join(held).encode()
            held.clear()
    if is_empty:
        yield (opening(method) + f"<{name} /></Response>").encode()
    else:
        held.append(f"</{name}></Response>")
        yield "".join(held).encode()


def read_flat(body: bytes, root: str) -> dict[str, str]:
    """Return the child elements of a request as name to text, blanks at the ends removed.

    An element that is empty is left out. Raises UnreadableXmlError for anything but a well-formed
    document of that root without a DTD: entities are never resolved and nothing is fetched.
    """
    if len(body) > LARGEST_REQUEST_BYTES:
        raise UnreadableXmlError("The request is too large")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        top = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as problem:
        raise UnreadableXmlError("The request is not well-formed XML") from problem
    if etree.ElementTree(top).docinfo.internalDTD is not None:
        raise UnreadableXmlError("A document type is not accepted")
    if top.tag != root:
        raise UnreadableXmlError(f"Expected {root}")
    return {
        str(child.tag): child.text.strip()
        for child in top
        if isinstance(child.tag, str) and child.text and child.text.strip()
    }
