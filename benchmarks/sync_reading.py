"""Reads a client list as a sync does: arriving in chunks, each client taken out and freed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from xpm.api import xml
from xpm.api.http import CHUNK_BYTES
from xpm.api.reading import read_client


def read(path: str) -> None:
    """Reads the whole file and keeps nothing."""
    with Path(path).open("rb") as file:
        asyncio.run(_read(file))


async def _read(file: BinaryIO) -> None:
    async for element in xml.elements(_arriving(file), "Client"):
        read_client(element)


async def _arriving(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
