"""The least a full sync can cost: `python -m benchmarks.sync_floor HOW FILE DATABASE`; prints seconds and megabytes.

`floor` parses as it would arrive, parses each different number once, and writes the same rows with the driver alone.
The others read and write nothing: `ours` as the app reads, `pull` as the floor does, `lxml` and `elementtree` by the
whole tree, `xmltodict` by dictionaries.
"""

import json
import sqlite3
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import phonenumbers
from lxml import etree

_CHUNK = 65536
_COMMIT_EVERY = 1000
Told = tuple[dict[str, str | None], list[dict[str, str | None]]]


def _told(client: Any) -> Told:
    own: dict[str, str | None] = {}
    people: list[dict[str, str | None]] = []
    for child in client:
        if child.tag == "Contacts":
            people = [{one.tag: one.text for one in contact} for contact in child]
        else:
            own[child.tag] = child.text
    return own, people


def _pulled(path: str) -> Iterator[Told]:
    parser = etree.XMLPullParser(events=("end",), tag=("Client",))
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            parser.feed(chunk)
            for _, client in parser.read_events():
                yield _told(client)
                _free(client)


def _free(client: Any) -> None:
    client.clear()
    while client.getprevious() is not None:
        del client.getparent()[0]


def _tree(how: str, path: str) -> Iterator[Told]:
    content = Path(path).read_bytes()
    # Our own practice wrote it.
    root: Any = etree.fromstring(content) if how == "lxml" else ET.fromstring(content)  # noqa: S314
    return (_told(client) for client in root.iter("Client"))


def _dictionaries(path: str) -> Iterator[Told]:
    # Imported by name, because it has no types; nothing but this comparison uses it.
    xmltodict: Any = import_module("xmltodict")
    root = xmltodict.parse(Path(path).read_bytes(), force_list=("Client", "Contact"))
    for client in root["Response"]["Clients"]["Client"]:
        contacts = client.pop("Contacts", None) or {}
        yield client, contacts.get("Contact", [])


def _write(clients: Iterable[Told], database: str) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    known: dict[str, str | None] = {}

    def number(text: str) -> str | None:
        if text not in known:
            known[text] = None
            with suppress(phonenumbers.NumberParseException):
                read = phonenumbers.parse(text, "NZ")
                known[text] = f"+{read.country_code}{read.national_number}"
        return known[text]

    rows: tuple[list[Any], list[Any], list[Any], list[Any]] = ([], [], [], [])

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        for table, columns, some in zip(_TABLES, _COLUMNS, rows, strict=True):
            marks = ",".join("?" * len(columns.split(",")))
            statement = f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
            connection.executemany(statement, some)
            some.clear()
        connection.execute("COMMIT")

    for own, people in clients:
        if own.get("IsDeleted") == "Yes":
            continue
        uuid = own["UUID"]
        rows[0].append(
            ("T", uuid, (own["Name"] or "").strip(), own.get("IsArchived") == "Yes", "-" * 32, "s")
        )
        for owner, text in [
            ("", own.get("Phone")),
            *((one["UUID"], one.get("Mobile")) for one in people),
        ]:
            if text and (found := number(text)):
                rows[3].append(("T", found, uuid, owner, "s"))
        for one in people:
            rows[1].append(("T", one["UUID"], one["Name"], one.get("Email"), "s"))
            rows[2].append(
                ("T", uuid, one["UUID"], one.get("Position"), one.get("IsPrimary") == "Yes", "s")
            )
        if len(rows[0]) >= _COMMIT_EVERY:
            commit()
    commit()
    connection.close()


_TABLES = ("clients", "contacts", "client_contacts", "phone_numbers")
_COLUMNS = (
    "workspace_id,uuid,name,is_archived,print,sync_id",
    "workspace_id,uuid,name,email,sync_id",
    "workspace_id,client_uuid,contact_uuid,position,is_primary,sync_id",
    "workspace_id,e164,client_uuid,contact_uuid,sync_id",
)


def _megabytes() -> float:
    # getrusage would tell of the process that started this one.
    status = Path("/proc/self/status").read_text()
    return (
        next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        / 1024
    )


def main(how: str, path: str, database: str) -> None:
    """Does it once."""
    if how == "ours":
        # Here, so that the floor does not carry what the app imports.
        from benchmarks.sync_reading import read
    before, began, worked = _megabytes(), time.perf_counter(), time.process_time()
    if how == "floor":
        _write(_pulled(path), database)
    elif how == "ours":
        read(path)
    else:
        ways = {"pull": _pulled, "xmltodict": _dictionaries}
        for _ in ways[how](path) if how in ways else _tree(how, path):
            pass
    took, work = time.perf_counter() - began, time.process_time() - worked
    print(json.dumps([took, _megabytes() - before, work]))


if __name__ == "__main__":
    main(*sys.argv[1:])
