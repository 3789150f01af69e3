"""Seals every secret of the database anew under the newest key, while the app runs."""

from dataclasses import dataclass

from xpm import places
from xpm.store import Database
from xpm.store import sealed as store
from xpm.store.sealed import Column, Row
from xpm.vault import CannotOpen, Sealed, Vault

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Count:
    """What was found in one column; `closed` ones open with none of our keys, or were sealed for another row."""

    column: str
    resealed: int = 0
    current: int = 0
    closed: int = 0


async def reseal(database: Database, vault: Vault) -> list[Count]:
    """Goes through every sealed column in small transactions and says what it found; safe to repeat.

    A value that somebody replaces meanwhile (a token refreshed) is left as they wrote it, which is under the newest
    key of their process.
    """
    return [await _column(database, vault, column) for column in store.columns()]


async def _column(database: Database, vault: Vault, column: Column) -> Count:
    place = places.BY_COLUMN[column.name]
    resealed = current = closed = 0
    last: tuple[object, ...] | None = None
    while True:
        async with database.reading() as tx:
            rows = await store.after(tx, column, last, _AT_ONCE)
        if not rows:
            return Count(column.name, resealed, current, closed)
        last = rows[-1].key
        anew: list[tuple[Row, Sealed]] = []
        for row in rows:
            bound_to = place(row.values)
            try:
                secret = vault.open(row.sealed, bound_to)
            except CannotOpen:
                closed += 1
                continue
            if vault.is_current(row.sealed):
                current += 1
            else:
                anew.append((row, vault.seal(secret, bound_to)))
        if anew:
            resealed += await _write(database, column, anew)


async def _write(database: Database, column: Column, anew: list[tuple[Row, Sealed]]) -> int:
    async with database.transaction() as tx:
        kept = [await store.replace(tx, column, row, sealed) for row, sealed in anew]
    return sum(kept)
