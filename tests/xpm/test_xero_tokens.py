"""Xero's tokens: refreshed once for everybody, through every crash, and kept alive when nobody asks."""

import asyncio
import signal
from datetime import timedelta

import pytest

from tests.replicas import Replica, Replicas
from tests.xpm import asker
from tests.xpm.kea import KEA, TUI, Kea
from xpm.api import Disconnected, TryLater
from xpm.connecting import CannotConnect, Refusal
from xpm.connections import IDLE, LEASE, REFRESH_SECONDS, Connections
from xpm.store import audit, workspaces
from xpm.store import connections as store
from xpm.store.connections import Connection
from xpm.store.workspaces import Person


async def stored(kea: Kea, workspace: str = "T1") -> Connection:
    async with kea.database.reading() as tx:
        found = await store.get(tx, workspace)
    assert found is not None
    return found


async def events(kea: Kea, workspace: str = "T1") -> list[str]:
    async with kea.database.reading() as tx:
        facts = await audit.since(tx, workspace, kea.clock.moment.replace(year=2020))
    return [fact.event for fact in facts]


async def facts_of(kea: Kea, event: str, workspace: str = "T1") -> list[audit.Fact]:
    async with kea.database.reading() as tx:
        facts = await audit.since(tx, workspace, kea.clock.moment.replace(year=2020))
    return [fact for fact in facts if fact.event == event]


async def works(kea: Kea, connections: Connections | None = None, workspace: str = "T1") -> bool:
    async with (connections or kea.connections).practice(workspace) as practice:
        return await practice.job("J000123") is not None


async def started(replicas: Replicas, kea: Kea, where: str, callers: int = 1) -> Replica:
    """Another process of ours with callers of its own, on the same database."""
    url = kea.database.url.set(drivername=kea.database.url.get_backend_name())
    return await replicas.start(
        "tests.xpm.asker:ask",
        database=url.render_as_string(hide_password=False),
        xero=kea.url,
        keys=kea.keys,
        now=kea.clock.moment.isoformat(),
        callers=callers,
        where=where,
    )


def fresh_connections(kea: Kea) -> Connections:
    """What a process that starts now makes of the same database."""
    before = kea.connections
    return Connections(
        kea.database, kea.vault, before._xero, before._http, api_url=kea.url, clock=kea.clock
    )


# -- once ------------------------------------------------------------------------------------------------------------


def test_the_lease_outlives_the_call_it_protects() -> None:
    assert timedelta(seconds=2 * REFRESH_SECONDS) < LEASE < timedelta(minutes=5)


async def test_three_processes_with_many_callers_each_refresh_once(
    kea_on_both: Kea, replicas: Replicas
) -> None:
    kea = kea_on_both
    kea.clock.turn(minutes=29)
    before = kea.asked("/connect/token")
    processes = [await started(replicas, kea, asker.NOWHERE, callers=17) for _ in range(3)]
    assert [await one.said() for one in processes] == ["found 17"] * 3
    assert [await one.ended() for one in processes] == [0, 0, 0]
    assert kea.asked("/connect/token") - before == 1
    assert await works(kea)
    assert kea.asked("/connect/token") - before == 1


async def test_a_caller_who_gives_up_takes_nothing_from_the_others(kea: Kea) -> None:
    kea.clock.turn(minutes=29)
    kea.fault("late", "connect/token", seconds=0.3)
    impatient = asyncio.create_task(works(kea))
    await asyncio.sleep(0.1)
    patient = asyncio.create_task(works(kea))
    impatient.cancel()
    assert await patient
    assert kea.asked("/connect/token") == 2
    assert (await stored(kea)).lease is None


async def test_a_failure_gives_the_lease_back_at_once_and_is_noted(kea: Kea) -> None:
    kea.clock.turn(hours=1)
    kea.fault("503", "connect/token", times=2)
    with pytest.raises(TryLater):
        await works(kea)
    assert (await stored(kea)).lease is None
    failures = await facts_of(kea, "tokens.not_refreshed")
    assert [(one.detail["why"], one.detail["status"]) for one in failures] == [
        ("TryLater", 503)
    ] * 2
    assert await works(kea)


# -- through every crash ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [asker.BEFORE, asker.ANSWERED, asker.SAVED])
async def test_a_process_killed_while_refreshing_strands_nothing(
    kea_on_both: Kea, replicas: Replicas, where: str
) -> None:
    kea = kea_on_both
    kea.clock.turn(minutes=29)
    process = await started(replicas, kea, where)
    first = await process.said()
    if where == asker.SAVED:
        assert first == "found 1"
        first = await process.said()
    assert first == "stopped"
    process.kill()
    assert await process.ended() == -signal.SIGKILL
    kea.clock.turn(seconds=LEASE.total_seconds() + 1)
    assert await works(kea, fresh_connections(kea))
    connection = await stored(kea)
    assert (connection.ended_at, connection.lease, connection.token_version) == (None, None, 1)
    kea.clock.turn(days=20)
    assert await works(kea)


async def test_who_waits_for_a_dead_process_goes_on_when_its_lease_is_over(
    kea: Kea, replicas: Replicas
) -> None:
    kea.clock.turn(minutes=29)
    process = await started(replicas, kea, asker.BEFORE)
    assert await process.said() == "stopped"
    process.kill()
    assert await process.ended() == -signal.SIGKILL
    waiting = asyncio.create_task(works(kea))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    kea.clock.turn(seconds=LEASE.total_seconds() + 1)
    assert await asyncio.wait_for(waiting, 5)


async def test_a_slow_process_does_not_overwrite_who_took_over(kea: Kea) -> None:
    kea.clock.turn(minutes=29)
    before = await stored(kea)
    other = "somebody else"
    async with kea.database.transaction() as tx:
        now = kea.clock.moment
        assert await store.claim_refresh(tx, before, "slow", now, now + LEASE)
    kea.clock.turn(seconds=LEASE.total_seconds() + 1)
    assert await works(kea)
    after = await stored(kea)
    async with kea.database.transaction() as tx:
        for lease in ("slow", other):
            assert not await store.keep_tokens(
                tx, before, lease,
                access_token=before.access_token, refresh_token=before.refresh_token,
                expires_at=before.expires_at, refreshed_at=now,
            )  # fmt: skip
    assert await stored(kea) == after


async def test_disconnecting_while_somebody_refreshes_keeps_no_token(kea: Kea) -> None:
    kea.clock.turn(minutes=29)
    kea.fault("late", "connect/token", seconds=0.4)
    refreshing = asyncio.create_task(works(kea))
    await asyncio.sleep(0.1)
    async with kea.database.transaction() as tx:
        await store.forget(tx, "T1")
    with pytest.raises(Disconnected):
        await refreshing
    async with kea.database.reading() as tx:
        assert await store.get(tx, "T1") is None


# -- unused ------------------------------------------------------------------------------------------------------------


async def test_a_connection_nobody_uses_lives_on_for_a_year(kea_on_both: Kea) -> None:
    kea = kea_on_both
    for _ in range(365):
        kea.clock.turn(days=1)
        async with kea.database.reading() as tx:
            idle = await store.idle_since(tx, kea.clock.moment - IDLE)
        for workspace_id in idle:
            await kea.connections.keep_alive(workspace_id)
    assert 11 <= kea.asked("/connect/token") <= 13
    assert await works(kea)


async def test_a_connection_in_use_is_left_alone(kea: Kea) -> None:
    kea.clock.turn(days=29)
    before = kea.asked("/connect/token")
    await kea.connections.keep_alive("T1")
    await kea.connections.keep_alive("T9")
    assert kea.asked("/connect/token") == before


async def test_keeping_alive_notices_a_practice_that_is_missing_at_xero(kea: Kea) -> None:
    await kea.door("disconnect", tenant=KEA)
    kea.clock.turn(days=31)
    await kea.connections.keep_alive("T1")
    assert (await stored(kea)).ended_at == kea.clock.moment
    assert await events(kea) == ["signin.proven", "connection.made", "connection.ended"]


async def test_keeping_alive_notices_a_dead_grant_once(kea: Kea) -> None:
    kea.fault("dead_grant", times=-1)
    kea.clock.turn(days=31)
    for _ in range(2):
        await kea.connections.keep_alive("T1")
    assert (await events(kea)).count("connection.ended") == 1


# -- leaving -----------------------------------------------------------------------------------------------------------


async def test_the_grant_is_revoked_with_its_last_connection_only(kea: Kea) -> None:
    await kea.connect("T2", "U9", TUI)
    await kea.connections.disconnect("T1", "U1")
    assert kea.asked("/connect/revocation") == 0
    (deleted,) = await facts_of(kea, "connection.deleted")
    assert deleted.detail == {"at_xero": "deleted"}
    async with kea.connections.practice("T2") as practice:
        assert await practice.staff()
    await kea.connections.disconnect("T2", "U9")
    assert kea.asked("/connect/revocation") == 1
    assert kea.live_tokens() == []


async def test_a_practice_connected_to_two_workspaces_stays_in_the_other(kea: Kea) -> None:
    await kea.connect("T2", "U9", KEA)
    await kea.connections.disconnect("T1", "U1")
    assert await works(kea, workspace="T2")
    await kea.connections.disconnect("T2", "U9")
    assert kea.xero.grants.connections() == []


# -- who may take whose place ------------------------------------------------------------------------------------------


async def make_admin(kea: Kea, person: str) -> None:
    async with kea.database.transaction() as tx:
        await workspaces.save_person(tx, Person("T1", person, is_admin=True))


async def end(kea: Kea) -> None:
    await kea.door("disconnect", tenant=KEA)
    with pytest.raises(Disconnected):
        await works(kea)


async def refused(kea: Kea, person: str, practice: str) -> bool:
    kea.clock.turn(seconds=1)
    try:
        await kea.connect("T1", person, practice)
    except CannotConnect as error:
        return error.refusal is Refusal.TAKEN
    return False


async def test_a_member_may_mend_an_ended_connection_but_not_change_the_practice(kea: Kea) -> None:
    await end(kea)
    assert await refused(kea, "U2", TUI)
    assert (await stored(kea)).tenant_id == KEA
    assert not await refused(kea, "U2", KEA)
    assert (await stored(kea)).connected_by == "U2"


async def test_an_admin_may_put_another_practice_after_an_ended_one(kea: Kea) -> None:
    await end(kea)
    await make_admin(kea, "U3")
    assert not await refused(kea, "U3", TUI)
    assert (await stored(kea)).tenant_id == TUI


async def test_a_member_does_not_take_over_a_connection_that_lives(kea: Kea) -> None:
    assert await refused(kea, "U2", KEA)
    assert (await stored(kea)).connected_by == "U1"
    assert not await refused(kea, "U1", KEA)


async def test_of_two_who_connect_different_practices_at_once_one_does(
    stranger_on_both: Kea,
) -> None:
    kea = stranger_on_both
    async with kea.database.transaction() as tx:
        await workspaces.save(tx, workspaces.Workspace(
            "T1", "Kea", None, "A1", "B1", "UB", kea.vault.seal("x", "y"), "", "U1", kea.clock.moment,
        ))  # fmt: skip
    answered = [
        await kea.consent(await kea.open("T1", "U1"), practice=KEA),
        await kea.consent(await kea.open("T1", "U2"), practice=TUI),
    ]
    came = await asyncio.gather(*(kea.finish(one) for one in answered), return_exceptions=True)
    assert sum(isinstance(one, Connection) for one in came) == 1
    (lost,) = [one for one in came if isinstance(one, CannotConnect)]
    assert lost.refusal is Refusal.TAKEN
