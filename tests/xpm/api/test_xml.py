import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from xpm.api import Rejected, Unknown
from xpm.api import xml as reading

from .fakes import fixture

HEAD = b"<Response><Status>OK</Status><Clients>"
TAIL = b"</Clients></Response>"


async def cut(content: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def names(content: bytes, size: int = 65536) -> list[str | None]:
    return [row.findtext("Name") async for row in reading.elements(cut(content, size), "Client")]


ATTACKS = {
    "bomb": b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><Response><Status>OK</Status><Clients><Client><Name>&j;</Name></Client></Clients></Response>",
    "quadratic": b'<!DOCTYPE r [<!ENTITY a "'
    + b"a" * 100_000
    + b'">]><Response><Status>OK</Status>'
    b"<Clients><Client><Name>" + b"&a;" * 10_000 + b"</Name></Client></Clients></Response>",
    "file": b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    b"<Response><Status>OK</Status><Clients><Client><Name>&x;</Name></Client></Clients></Response>",
    "external type": b'<!DOCTYPE r SYSTEM "http://127.0.0.1:9/evil.dtd">' + HEAD + TAIL,
    "any type": b"<!DOCTYPE Response>" + HEAD + TAIL,
    "parameter entity": b'<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:9/e"> %x;]>'
    + HEAD
    + TAIL,
    "deep": HEAD + b"<a>" * 200_000,
    "ten megabytes in one": HEAD
    + b"<Client><Name>"
    + b"a" * 10_000_000
    + b"</Name></Client>"
    + TAIL,
    "ten megabytes of nothing": HEAD + b"<x/>" * 2_500_000 + TAIL,
    "cut short": fixture("clients")[:-20],
    "wrong charset": HEAD + "<Client><Name>Kéa</Name></Client>".encode("latin-1") + TAIL,
    "claims utf-16": b'<?xml version="1.0" encoding="utf-16"?>' + HEAD + TAIL,
    "page": b"<html><body><h1>We are doing maintenance</h1></body></html>",
    "empty": b"",
    "blank": b"   \n",
    "json": b'{"Status":"OK"}',
    "no status": b"<Response><Clients /></Response>",
    "two roots": HEAD + TAIL + HEAD + TAIL,
    "control character": HEAD + b"<Client><Name>\x01</Name></Client>" + TAIL,
    "undeclared entity": HEAD + b"<Client><Name>&nbsp;</Name></Client>" + TAIL,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_what_no_honest_answer_holds_is_refused_quickly(attack: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Unknown) as caught:
        await names(attack)
    assert time.process_time() - began < 5
    assert caught.value.__cause__ is None


WHOLE = {name: attack for name, attack in ATTACKS.items() if "ten megabytes" not in name}


@pytest.mark.parametrize("attack", WHOLE.values(), ids=WHOLE.keys())
async def test_a_whole_answer_is_held_to_the_same(attack: bytes) -> None:
    with pytest.raises(Unknown):
        await reading.whole(attack)


@pytest.mark.parametrize("size", [1, 7, 65536])
async def test_rows_come_however_the_network_cuts_them(size: int) -> None:
    assert await names(fixture("clients"), size) == [
        "Kea Ltd ",
        "Old & Gone Ltd",
        "Row without identity",
    ]


async def test_a_namesake_deeper_down_is_no_row() -> None:
    inner = (
        b"<Client><Name>Kea Ltd</Name><Related><Client><Name>No</Name></Client></Related></Client>"
    )
    assert await names(HEAD + inner + TAIL) == ["Kea Ltd"]


async def test_an_empty_list_is_an_answer() -> None:
    assert (
        await names(b'<Response api-method="List"><Status>OK</Status><Clients /></Response>') == []
    )


async def test_the_verdict_counts_wherever_it_stands() -> None:
    late = (
        b"<Response><Clients><Client><Name>Kea Ltd</Name></Client></Clients>"
        b"<ErrorDescription>Too many</ErrorDescription><Status>ERROR</Status></Response>"
    )
    rows = reading.elements(cut(late), "Client")
    assert (await anext(rows)).findtext("Name") == "Kea Ltd"
    with pytest.raises(Rejected) as caught:
        await anext(rows)
    assert caught.value.reason == "Too many"


async def test_a_status_inside_a_row_is_not_the_verdict() -> None:
    odd = HEAD + b"<Client><Name>Kea Ltd</Name><Status>ERROR</Status></Client>" + TAIL
    assert await names(odd) == ["Kea Ltd"]


async def test_a_refusal_keeps_the_vendors_words() -> None:
    with pytest.raises(Rejected) as caught:
        await reading.whole(fixture("refused"))
    assert caught.value.reason == "Job is “completed” & closed"


async def test_a_refusal_without_words_still_says_something() -> None:
    with pytest.raises(Rejected) as caught:
        await reading.whole(b"<Response><Status>ERROR</Status></Response>")
    assert caught.value.reason


async def test_a_long_list_is_freed_as_it_goes() -> None:
    row = b"<Client><Name>Kea Ltd</Name></Client>"
    most = 0
    async for element in reading.elements(cut(HEAD + row * 20_000 + TAIL), "Client"):
        parent = element.getparent()
        assert parent is not None
        most = max(most, len(parent))
    assert most < 4_000  # one chunk's worth, not the list


async def test_a_long_list_lets_others_run() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    await names(HEAD + b"<Client><Name>Kea Ltd</Name></Client>" * 20_000 + TAIL)
    task.cancel()
    assert turns > 5


@given(st.text())
def test_any_note_survives_being_written_and_read(note: str) -> None:
    root = etree.fromstring(reading.document("Timesheet", {"Note": note}))
    assert (root.findtext("Note") or "") == reading.clean(note)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"])))
def test_nothing_that_people_type_is_lost(note: str) -> None:
    assert reading.clean(note) == note


def test_what_xml_cannot_hold_is_left_out() -> None:
    assert reading.clean("a\x00b\x0b\ud800c\ufffe\tд\n🙂") == "abc\tд\n🙂"


def test_markup_in_a_note_stays_text() -> None:
    written = reading.document("Timesheet", {"Note": "</Note><Minutes>600</Minutes>"})
    root = etree.fromstring(written)
    assert [child.tag for child in root] == ["Note"]
