"""Keys rotate while the app runs: everything opens with the new key alone, and nothing is lost on the way."""

import asyncio
from dataclasses import replace

import pytest

from tests.xpm.kea import Kea
from xpm import places
from xpm.api import Disconnected
from xpm.connections import Connections
from xpm.resealing import Count, reseal
from xpm.store import Database, links, sealed, workspaces
from xpm.store import connections as store
from xpm.store.links import ConnectLink
from xpm.store.workspaces import PhoneSystem, Workspace
from xpm.vault import CannotOpen, Sealed, Vault, new_key


async def fill(kea: Kea, many: int = 3) -> None:
    """Something sealed in every column."""
    vault, now = kea.vault, kea.clock.moment
    async with kea.database.transaction() as tx:
        for number in range(many):
            one = f"W{number:03}"
            made = Workspace(
                one, "Kea", None, "A1", "B1", "UB",
                vault.seal("xoxb-1", places.bot_token(one)), "", "U1", now,
            )  # fmt: skip
            refresh = vault.seal("xoxe-1", places.bot_refresh_token(one))
            await workspaces.save(tx, replace(made, refresh_token=refresh))
            secret = vault.seal("whsec_1", places.phone_secret(one))
            await workspaces.add_phone_system(tx, PhoneSystem(one, one, "standard", secret, now))
            link = ConnectLink(
                f"link{number}", one, "U1", now,
                signin_state=f"state{number}",
                signin_verifier=vault.seal("v", places.signin_verifier(f"link{number}")),
                signin_code=vault.seal("c", places.signin_code(f"state{number}")),
                verifier=vault.seal("w", places.verifier(f"link{number}")),
                consented=vault.seal("t", places.consented(f"link{number}")),
            )  # fmt: skip
            await links.add(tx, link)


async def everything(database: Database) -> list[tuple[str, str, str]]:
    """Every sealed value: its column, its place and its text."""
    found = []
    async with database.reading() as tx:
        for column in sealed.columns():
            for row in await sealed.after(tx, column, None, 10_000):
                bound_to = places.BY_COLUMN[column.name](row.values)
                found.append((column.name, bound_to, row.sealed.text))
    return found


def test_every_sealed_column_has_its_place() -> None:
    assert {column.name for column in sealed.columns()} == set(places.BY_COLUMN)


async def test_after_a_rotation_the_old_key_opens_nothing_and_is_not_needed(
    kea_on_both: Kea,
) -> None:
    kea = kea_on_both
    await fill(kea)
    new = new_key()
    counts = await reseal(kea.database, Vault([new, *kea.keys]))
    found = await everything(kea.database)
    assert {column for column, _, _ in found} == set(places.BY_COLUMN)
    assert sum(count.resealed for count in counts) == len(found)
    alone, old = Vault([new]), Vault(kea.keys)
    for _, bound_to, text in found:
        assert alone.open(Sealed(text), bound_to)
        with pytest.raises(CannotOpen):
            old.open(Sealed(text), bound_to)


async def test_rotating_twice_changes_nothing_the_second_time(kea: Kea) -> None:
    await fill(kea)
    vault = Vault([new_key(), *kea.keys])
    await reseal(kea.database, vault)
    before = await everything(kea.database)
    counts = await reseal(kea.database, vault)
    assert await everything(kea.database) == before
    assert all((count.resealed, count.closed) == (0, 0) for count in counts)
    assert sum(count.current for count in counts) == len(before)


async def test_more_rows_than_one_step_takes_are_all_sealed_anew(kea: Kea) -> None:
    await fill(kea, many=250)
    counts = {one.column: one for one in await reseal(kea.database, Vault([new_key(), *kea.keys]))}
    assert counts["phone_systems.secret"] == Count("phone_systems.secret", 250, 0, 0)


async def test_a_value_moved_to_another_row_is_counted_and_left_alone(kea_on_both: Kea) -> None:
    kea = kea_on_both
    await fill(kea, many=2)
    async with kea.database.transaction() as tx:
        column = sealed.Column("phone_systems.secret")
        first, second = await sealed.after(tx, column, None, 2)
        assert await sealed.replace(tx, column, second, first.sealed)
    counts = {one.column: one for one in await reseal(kea.database, Vault([new_key(), *kea.keys]))}
    assert counts["phone_systems.secret"] == Count("phone_systems.secret", 1, 0, 1)
    async with kea.database.reading() as tx:
        _, second = await sealed.after(tx, column, None, 2)
    assert second.sealed == first.sealed


async def test_tokens_refreshed_during_a_rotation_are_the_ones_that_stay(kea_on_both: Kea) -> None:
    kea = kea_on_both
    await fill(kea, many=120)
    new = new_key()
    both = Vault([new, *kea.keys])
    stop = asyncio.Event()
    before = kea.connections
    # A process that knows the new key and still seals with the old one refreshes all the while.
    running = Connections(
        kea.database, Vault([*kea.keys, new]), before._xero, before._http,
        api_url=kea.url, clock=kea.clock,
    )  # fmt: skip

    async def refresh() -> int:
        rounds = 0
        while not stop.is_set():
            kea.clock.turn(minutes=29)
            async with running.practice("T1") as practice:
                await practice.job("J000123")
            rounds += 1
        return rounds

    refreshing = asyncio.create_task(refresh())
    for _ in range(5):
        await reseal(kea.database, both)
    stop.set()
    assert await refreshing > 0
    counts = await reseal(kea.database, both)
    assert sum(count.closed for count in counts) == 0
    async with kea.database.reading() as tx:
        connection = await store.get(tx, "T1")
    assert connection is not None
    token = Vault([new]).open(connection.refresh_token, places.refresh_token("T1"))
    assert token in kea.live_tokens()
    later = Connections(
        kea.database, Vault([new]), before._xero, before._http, api_url=kea.url, clock=kea.clock
    )
    kea.clock.turn(minutes=29)
    async with later.practice("T1") as practice:
        assert await practice.job("J000123") is not None


async def test_a_token_swapped_between_connections_does_not_open(kea: Kea) -> None:
    await kea.connect("T2", "U9")
    async with kea.database.transaction() as tx:
        theirs = await store.get(tx, "T2")
        assert theirs is not None
        await store.change(tx, "T1", access_token=theirs.access_token)
    with pytest.raises(CannotOpen):
        async with kea.connections.practice("T1") as practice:
            await practice.staff()
    assert not isinstance(CannotOpen("x"), Disconnected)
