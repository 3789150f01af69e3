"""What stands before the replicas: hands each connection to one that lives."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Relay:
    """Carries connections to the ports it knows, in turn; none that refuses."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self._turn = itertools.count()

    @asynccontextmanager
    async def standing(self, bound: socket.socket) -> AsyncIterator[None]:
        """Stands at a bound socket until the block ends."""
        server = await asyncio.start_server(self._carry, sock=bound)
        try:
            yield
        finally:
            server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            found = await self._open()
            if found is None:
                return
            there, to = found
            both = [
                asyncio.create_task(_pump(reader, to)),
                asyncio.create_task(_pump(there, writer)),
            ]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            to.close()
        finally:
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(self._turn)
        for number in range(len(self.ports)):
            port = self.ports[(first + number) % len(self.ports)]
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    except OSError:
        return
