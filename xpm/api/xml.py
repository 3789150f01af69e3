"""Safe, incremental reading of XPM's XML, and the little XML we write.

Nothing foreign is believed: no entity is resolved, no document type is accepted, nothing is
fetched, depth and size are bounded, and an answer counts only when its root is ``Response`` and
its ``Status`` is ``OK``. HTTP 200 alone means nothing: a refusal comes as 200 with status ERROR.
https://developer.xero.com/documentation/api/practice-manager-3-1/overview-practice-manager
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from typing import Final

from lxml import etree

from xpm.api.errors import Rejected, Unknown

Element = etree._Element
"""One XML element; lxml offers no public name for its type."""

ELEMENT_BYTES: Final = 8 * 1024 * 1024
"""The most that may arrive before one more element ends: what bounds memory."""
REASON_LETTERS: Final = 1000
"""The most of a vendor's sentence that is kept."""
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Everything XML 1.0 cannot hold. https://www.w3.org/TR/xml/#charsets"""


async def elements(
    chunks: AsyncIterable[bytes], tag: str, cap: int = ELEMENT_BYTES
) -> AsyncGenerator[Element, None]:
    """Yield each ``<tag>`` directly under the root or under its list, and free it afterwards.

    Take what you need before asking for the next one. The verdict may stand after the list, so
    an error can follow elements that were already yielded.
    Raises Rejected (status ERROR, XPM's words) or Unknown (unreadable, cut short, an attack).
    """
    parser = etree.XMLPullParser(
        events=("end",),
        tag=(tag, "Status", "ErrorDescription"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    verdict = _Verdict()
    pending = 0
    try:
        async for chunk in chunks:
            pending += len(chunk)
            if pending > cap:
                raise Unknown(f"Xero's answer holds an element larger than {cap} bytes")
            parser.feed(chunk)
            for element in _ended(parser, verdict):
                if element.tag == tag and _is_listed(element):
                    pending = 0
                    yield element
                    _free(element)
            # A large answer that is already here must not keep the loop from other people.
            await asyncio.sleep(0)
        root = parser.close()
        for element in _ended(parser, verdict):
            if element.tag == tag and _is_listed(element):
                yield element
                _free(element)
    except etree.XMLSyntaxError:
        # lxml's text quotes the document, so it stays out of the error.
        raise Unknown("Xero's answer is not readable XML") from None
    _refuse_doctype(root)
    verdict.judge(root)


async def whole(content: bytes) -> Element:
    """Return the root of a whole answer with status OK.

    Raises Rejected (status ERROR, XPM's words) or Unknown (unreadable, cut short, an attack).
    """
    parser = etree.XMLPullParser(
        events=("end",),
        tag=("Status", "ErrorDescription"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    verdict = _Verdict()
    try:
        for start in range(0, len(content), 65536):
            parser.feed(content[start : start + 65536])
            for _ in _ended(parser, verdict):
                pass
            await asyncio.sleep(0)
        root = parser.close()
        for _ in _ended(parser, verdict):
            pass
    except etree.XMLSyntaxError:
        raise Unknown("Xero's answer is not readable XML") from None
    _refuse_doctype(root)
    verdict.judge(root)
    return root


async def refusal(content: bytes) -> str | None:
    """Return the ErrorDescription of a refused request's body, None when there is none."""
    try:
        await whole(content)
    except Rejected as rejected:
        return rejected.reason
    except Unknown:
        return None
    return None


def document(root: str, fields: dict[str, str]) -> bytes:
    """Return a small XML document, its texts escaped and freed of what XML cannot hold.

    The order of ``fields`` is kept: whether XPM minds the order is not documented.
    """
    element = etree.Element(root)
    for name, text in fields.items():
        etree.SubElement(element, name).text = clean(text)
    return etree.tostring(element, encoding="utf-8", xml_declaration=True)


def clean(text: str) -> str:
    """Return the text without the characters XML 1.0 cannot hold."""
    return _NOT_XML.sub("", text)


class _Verdict:
    """What Status and ErrorDescription said, wherever they stood under the root."""

    def __init__(self) -> None:
        self.has_begun = False
        self.status: str | None = None
        self.description: str | None = None

    def hear(self, element: Element) -> None:
        if element.tag == "Status":
            self.status = (element.text or "").strip().upper()
        else:
            self.description = " ".join((element.text or "").split())[:REASON_LETTERS]

    def judge(self, root: Element) -> None:
        """Raise unless the answer is an OK of Practice Manager."""
        if root.tag != "Response":
            raise Unknown("Xero's answer is not one of Practice Manager's")
        if self.status == "ERROR":
            raise Rejected(self.description or "XPM gave no reason")
        if self.status != "OK":
            raise Unknown("Xero's answer does not say how it went")


def _ended(parser: etree.XMLPullParser, verdict: _Verdict) -> Iterator[Element]:
    for _, element in parser.read_events():
        if not isinstance(element, etree._Element):  # pragma: no cover - only "end" is asked for
            continue
        if not verdict.has_begun:
            # A document type stands before the root, so the first element tells for all.
            _refuse_doctype(element)
            verdict.has_begun = True
        parent = element.getparent()
        if (
            parent is not None
            and parent.getparent() is None
            and element.tag in {"Status", "ErrorDescription"}
        ):
            verdict.hear(element)
        yield element


def _is_listed(element: Element) -> bool:
    """Whether it is the answer's own row, and not a namesake deeper inside one."""
    parent = element.getparent()
    if parent is None:
        return False
    above = parent.getparent()
    return above is None or above.getparent() is None


def _free(element: Element) -> None:
    element.clear()
    parent = element.getparent()
    if parent is not None:
        while (before := element.getprevious()) is not None and before is not parent:
            parent.remove(before)


def _refuse_doctype(element: Element) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise Unknown("Xero's answer carries a document type, which no honest one does")
