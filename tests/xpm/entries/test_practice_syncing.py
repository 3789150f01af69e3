"""Syncs are begun once for each reason and carried through; standings tell how things are."""

import contextlib
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from xpm.mirroring import Kind
from xpm.standing import Standings
from xpm.store import connections as connection_store
from xpm.store.connections import Sync
from xpm.store.entries import State
from xpm.syncing import SYNC, Syncing

from .world import KEA, MIA, SAM, START, WORKSPACE, World


def _syncing(world: World) -> Syncing:
    return Syncing(world.database, world.mirroring, world.durable, world.notices, world.clock)


async def _run(world: World) -> None:
    await world.fly(_syncing(world).run(WORKSPACE, "s2") for _ in itertools.count())


async def _last(world: World, *, finished: bool = True) -> Sync | None:
    async with world.database.reading() as tx:
        return await connection_store.last_sync(tx, WORKSPACE, finished=finished)


async def test_connecting_enqueues_the_first_sync_with_the_connection(world: World) -> None:
    connection = await world.connections.of(WORKSPACE)
    assert connection is not None
    for _ in range(2):
        async with world.database.transaction() as tx:
            await _syncing(world).connected(tx, connection)
    assert world.durable.names() == [SYNC]
    [(_, key, arguments)] = world.durable.queue
    assert arguments == (WORKSPACE, key)
    later = replace(connection, connected_at=world.clock.moment.replace(hour=5))
    with contextlib.suppress(LookupError):
        async with world.database.transaction() as tx:
            await _syncing(world).connected(tx, later)
            raise LookupError
    assert world.durable.names() == [SYNC]


async def test_one_tick_of_the_clock_begins_one_sync_however_many_replicas_tick(
    world: World,
) -> None:
    for _ in range(3):
        await _syncing(world).begin_slot(WORKSPACE, Kind.JOBS, "2026-11-23T01")
    assert len(world.durable.queue) == 1
    await _syncing(world).begin_slot(WORKSPACE, Kind.JOBS, "2026-11-23T02")
    await _syncing(world).begin_slot("T2", Kind.JOBS, "2026-11-23T02")
    assert len(world.durable.queue) == 3


async def test_somebody_who_asks_gets_a_sync_each_time(world: World) -> None:
    for _ in range(2):
        await _syncing(world).begin(WORKSPACE)
    assert len(world.durable.queue) == 2


async def test_a_sync_copies_and_tells_how_far_it_is(world: World) -> None:
    await world.clock.sleep(60)
    await _run(world)
    told = world.notices.progresses
    assert told[0] is None
    last = await _last(world)
    assert last is not None
    assert told[-1] == last
    kea = world.state.practices[KEA]
    assert (last.id, last.failure, last.staff) == ("s2", None, len(kea.staff))
    assert last.clients == sum(not client.is_deleted for client in kea.clients.values())
    assert last.jobs == sum(job.is_open for job in kea.jobs.values())
    assert last.clients_expected == last.clients
    assert world.notices.changes == [WORKSPACE]


async def test_a_sync_tries_again_while_xpm_is_away_and_then_succeeds(world: World) -> None:
    world.fault("rate", times=2, problem="day", seconds=0)
    await world.clock.sleep(60)
    await _run(world)
    last = await _last(world)
    assert last is not None
    assert last.id == "s2"
    # The pause is ours when XPM names none.
    assert (world.clock() - START).total_seconds() == 60 + 2 * 60
    assert world.notices.changes == [WORKSPACE] * 3


async def test_a_sync_gives_up_after_half_a_day_and_keeps_the_old_mirror(world: World) -> None:
    before = await world.directory.counts(WORKSPACE)
    await world.clock.sleep(60)
    world.fault("rate", times=-1, problem="day", seconds=0)
    await _run(world)
    assert 10 <= world.calls("staff.api/list") <= 50
    assert timedelta(hours=12) <= world.clock() - START < timedelta(hours=16)
    latest, last = await _last(world, finished=False), await _last(world)
    assert latest is not None
    assert (latest.id, latest.failure) == ("s2", "TryLater")
    assert last is not None
    assert last.id == "s1"
    assert await world.directory.counts(WORKSPACE) == before


async def test_a_sync_without_a_connection_ends_at_once(world: World) -> None:
    world.state.grants.disconnect_everywhere(KEA)
    await world.clock.sleep(60)
    await _run(world)
    connection = await world.connections.of(WORKSPACE)
    assert connection is not None
    assert connection.ended_at == world.clock()
    latest = await _last(world, finished=False)
    assert latest is not None
    assert latest.failure == "Disconnected"
    assert world.notices.changes == [WORKSPACE]


async def test_a_refused_sync_is_noted_and_not_repeated(world: World) -> None:
    connection = await world.connections.of(WORKSPACE)
    assert connection is not None
    # Our own credentials no longer count at Xero, and the token has expired.
    await world.clock.sleep(3600)
    world.state.settings = replace(world.state.settings, client_secret="another")
    await _run(world)
    latest = await _last(world, finished=False)
    assert latest is not None
    assert latest.failure == "Rejected"
    assert world.notices.changes == [WORKSPACE]


# -- standing ----------------------------------------------------------------------------------------------------------


async def test_a_standing_tells_the_connection_the_sync_and_the_queue(world: World) -> None:
    await world.saved()
    await world.sending()
    await world.sending(person=SAM)
    await world.chosen()
    standing = await Standings(world.database, world.clock).of(MIA)
    assert standing.is_connected
    assert standing.connection is not None
    assert (standing.connection.practice, standing.connected_by) == ("Kea Accounting", "Sam Rivers")
    assert standing.last_sync is not None
    assert (standing.last_sync.id, standing.running_sync) == ("s1", None)
    # What is finished only grows and is not counted.
    assert standing.own == {State.SENDING: 1, State.OFFERED: 1}
    # Of everybody's only what is being sent is said to anybody.
    assert standing.everyone == {State.SENDING: 2}
    assert standing.unsaved == 2
    assert standing.time_zone == "Pacific/Auckland"


async def test_those_who_connected_and_admins_may_mend(world: World) -> None:
    standings = Standings(world.database, world.clock)
    assert (await standings.of(replace(SAM, is_admin=False))).may_mend
    assert (await standings.of(replace(MIA, is_admin=True))).may_mend
    assert not (await standings.of(MIA)).may_mend


async def test_a_standing_shows_a_sync_that_is_under_way(world: World) -> None:
    await world.clock.sleep(60)
    async with world.database.transaction() as tx:
        await connection_store.start_sync(tx, Sync(WORKSPACE, "s2", world.clock()))
    standing = await Standings(world.database, world.clock).of(MIA)
    assert standing.running_sync is not None
    assert standing.running_sync.id == "s2"
    assert standing.last_sync is not None
    assert standing.last_sync.id == "s1"


@pytest.mark.parametrize("how", ["in slack", "at xero"])
async def test_a_standing_after_the_end_of_a_connection(world: World, how: str) -> None:
    if how == "at xero":
        world.state.grants.disconnect_everywhere(KEA)
        await world.settle(await world.sending())
    else:
        await world.connections.disconnect(WORKSPACE, "U1")
    standing = await Standings(world.database, world.clock).of(SAM)
    assert not standing.is_connected
    assert (standing.connection is None) is (how == "in slack")
    assert (standing.last_sync is None) is (how == "in slack")


async def test_a_standing_shows_nothing_of_another_workspace(world: World) -> None:
    await world.saved()
    standing = await Standings(world.database, world.clock).of(replace(SAM, workspace_id="T2"))
    assert (standing.connection, standing.last_sync) == (None, None)
    assert (standing.own, standing.everyone, standing.unsaved) == ({}, {}, 0)
