"""A connection in use, its end, and its secrets."""

import asyncio
import logging
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.xpm.kea import CLIENT_SECRET, KEA, TUI, Kea, Opened, until
from xpm.api import Disconnected, Priority, TryLater
from xpm.connecting import CannotConnect
from xpm.connections import OtherPractice
from xpm.store import Database, audit, links, mirror
from xpm.store import connections as store
from xpm.store import tables as t
from xpm.store.connections import Connection


async def _stored(kea: Kea, workspace: str = "T1") -> Connection | None:
    async with kea.database.reading() as tx:
        return await store.get(tx, workspace)


async def _events(kea: Kea, workspace: str = "T1") -> list[str]:
    async with kea.database.reading() as tx:
        facts = await audit.since(tx, workspace, kea.clock.moment.replace(year=2020))
    return [fact.event for fact in facts]


async def _refused(kea: Kea, secret: str) -> CannotConnect:
    with pytest.raises(CannotConnect) as caught:
        await kea.connecting.open_link(secret)
    return caught.value


# -- using ---------------------------------------------------------------------------------------------------------


async def test_a_workspace_that_is_not_connected_has_no_practice(stranger: Kea) -> None:
    with pytest.raises(Disconnected):
        async with stranger.connections.practice("T1"):
            pass


async def test_a_practice_is_lent_for_the_tenant_that_is_meant_only(kea: Kea) -> None:
    async with kea.connections.practice("T1", tenant_id=KEA) as practice:
        assert await practice.job("J000123") is not None
    with pytest.raises(OtherPractice):
        async with kea.connections.practice("T1", tenant_id=TUI):
            pass


async def test_fifty_callers_with_an_old_token_refresh_it_once(kea_on_both: Kea) -> None:
    kea = kea_on_both
    kea.clock.turn(minutes=29)
    before = kea.asked("/connect/token")

    async def ask() -> bool:
        async with kea.connections.practice("T1") as practice:
            return await practice.job("J000123") is not None

    assert all(await asyncio.gather(*(ask() for _ in range(50))))
    assert kea.asked("/connect/token") - before == 1


async def test_callers_whose_token_is_refused_refresh_it_once(kea: Kea) -> None:
    for token in kea.live_tokens():
        kea.xero.grants.kill(token)
    before = kea.asked("/connect/token")

    async def ask() -> bool:
        async with kea.connections.practice("T1") as practice:
            return await practice.job("J000123") is not None

    assert all(await asyncio.gather(*(ask() for _ in range(20))))
    assert kea.asked("/connect/token") - before == 1


async def test_a_token_is_kept_while_it_lives_and_replaced_before_it_ends(kea: Kea) -> None:
    async def ask() -> None:
        async with kea.connections.practice("T1") as practice:
            await practice.job("J000123")

    await ask()
    kea.clock.turn(minutes=27)
    await ask()
    assert kea.asked("/connect/token") == 1
    kea.clock.turn(minutes=2)
    await ask()
    await ask()
    assert kea.asked("/connect/token") == 2


async def test_refresh_tokens_rotate_for_days(kea: Kea) -> None:
    seen = set()
    for _ in range(5):
        kea.clock.turn(days=20)
        async with kea.connections.practice("T1") as practice:
            await practice.job("J000123")
        stored = await _stored(kea)
        assert stored is not None
        seen.add(kea.vault.open(stored.refresh_token, "connections.refresh_token:T1"))
    assert len(seen) == 5


async def test_xero_away_while_refreshing_ends_nothing(kea: Kea) -> None:
    kea.clock.turn(hours=1)
    kea.fault("503", "connect/token")
    with pytest.raises(TryLater):
        async with kea.connections.practice("T1") as practice:
            await practice.add_note("J000123", "t", "t")
    stored = await _stored(kea)
    assert stored is not None
    assert stored.ended_at is None
    async with kea.connections.practice("T1") as practice:
        assert await practice.job("J000123") is not None


async def test_a_lost_answer_to_a_refresh_does_not_end_the_connection(kea: Kea) -> None:
    # The previous refresh token works half an hour on: https://developer.xero.com/faq/oauth2
    kea.clock.turn(hours=1)
    kea.fault("cut_after", "connect/token")
    with pytest.raises(TryLater):
        async with kea.connections.practice("T1") as practice:
            await practice.add_note("J000123", "t", "t")
    async with kea.connections.practice("T1") as practice:
        assert await practice.job("J000123") is not None


async def test_a_dead_grant_ends_the_connection_once(kea_on_both: Kea) -> None:
    kea = kea_on_both
    kea.clock.turn(hours=1)
    kea.fault("dead_grant", times=-1)

    async def ask() -> None:
        async with kea.connections.practice("T1") as practice:
            await practice.job("J000123")

    ended = await asyncio.gather(*(ask() for _ in range(10)), return_exceptions=True)
    assert all(isinstance(one, Disconnected) for one in ended)
    stored = await _stored(kea)
    assert stored is not None
    assert (stored.ended_at, stored.ended_why) == (kea.clock.moment, "xero")
    assert (await _events(kea)).count("connection.ended") == 1


async def test_a_practice_removed_inside_xero_ends_the_connection_once(kea: Kea) -> None:
    await kea.door("disconnect", tenant=KEA)
    for _ in range(3):
        with pytest.raises(Disconnected):
            async with kea.connections.practice("T1", Priority.SYNC) as practice:
                await practice.staff()
    assert (await _events(kea)).count("connection.ended") == 1
    assert kea.asked("/practicemanager") == 1


async def test_an_ended_connection_comes_back_by_connecting_again(kea: Kea) -> None:
    await kea.door("disconnect", tenant=KEA)
    with pytest.raises(Disconnected):
        async with kea.connections.practice("T1") as practice:
            await practice.staff()
    again = await kea.connect()
    assert again.ended_at is None
    async with kea.connections.practice("T1") as practice:
        assert await practice.staff()


async def test_an_old_failure_does_not_end_a_new_connection(kea: Kea) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with kea.connections.practice("T1"):
            reached.set()
            await go_on.wait()
            raise Disconnected("an answer from before")

    task = asyncio.create_task(slow())
    await reached.wait()
    kea.clock.turn(minutes=1)
    await kea.connect()
    go_on.set()
    with pytest.raises(Disconnected):
        await task
    stored = await _stored(kea)
    assert stored is not None
    assert stored.ended_at is None


# -- disconnecting -------------------------------------------------------------------------------------------------


async def test_disconnecting_ends_it_at_xero_and_forgets_everything_copied(
    kea_on_both: Kea,
) -> None:
    kea = kea_on_both
    await kea.sync()
    gone = await kea.connections.disconnect("T1", "U2")
    assert gone is not None
    assert gone.practice == "Kea Accounting"
    assert gone.access_token.text == gone.refresh_token.text == ""
    assert kea.xero.grants.connections() == []
    assert kea.asked("/connections/") == 1
    assert kea.asked("/connect/revocation") == 1
    assert kea.live_tokens() == []
    assert await _stored(kea) is None
    async with kea.database.reading() as tx:
        for table in (*t.MIRROR, *t.BESIDE_MIRROR, t.syncs):
            assert await tx.scalar(sa.select(sa.func.count()).select_from(table)) == 0, table.name
    assert await _events(kea) == ["signin.proven", "connection.made", "connection.deleted"]


async def test_disconnecting_twice_does_nothing_more(kea: Kea) -> None:
    await kea.connections.disconnect("T1", "U1")
    assert await kea.connections.disconnect("T1", "U1") is None
    assert (await _events(kea)).count("connection.deleted") == 1


async def test_ours_is_forgotten_even_when_xero_does_not_answer(kea: Kea) -> None:
    kea.fault("503", "*", times=-1)
    assert await kea.connections.disconnect("T1", "U1") is not None
    assert await _stored(kea) is None
    assert await _events(kea) == [
        "signin.proven",
        "connection.made",
        "connection.left_at_xero",
        "connection.deleted",
    ]


async def test_disconnecting_an_old_token_refreshes_it_to_say_goodbye(kea: Kea) -> None:
    kea.clock.turn(days=3)
    await kea.connections.disconnect("T1", "U1")
    assert kea.xero.grants.connections() == []
    assert kea.live_tokens() == []


async def test_disconnecting_what_xero_ended_asks_xero_nothing(kea: Kea) -> None:
    await kea.door("disconnect", tenant=KEA)
    with pytest.raises(Disconnected):
        async with kea.connections.practice("T1") as practice:
            await practice.staff()
    assert await kea.connections.disconnect("T1", "U1") is not None
    assert kea.asked("/connections/") == 0
    assert await _stored(kea) is None


async def test_another_workspace_stays_connected(kea: Kea) -> None:
    await kea.connect("T2", "U9", TUI)
    await kea.sync("s2", "T2")
    await kea.connections.disconnect("T1", "U1")
    assert await _stored(kea, "T2") is not None
    async with kea.database.reading() as tx:
        assert await mirror.job(tx, "T2", "J000900") is not None


async def test_what_a_sync_brings_after_disconnecting_is_not_kept(kea_on_both: Kea) -> None:
    kea = kea_on_both
    kea.fault("late", "client.api/list", seconds=0.5)
    syncing = asyncio.create_task(kea.sync())
    await until(kea.has_jobs)
    await kea.connections.disconnect("T1", "U1")
    with pytest.raises(Disconnected):
        await syncing
    assert set((await kea.directory.counts("T1")).values()) == {0}


# -- secrets -------------------------------------------------------------------------------------------------------


async def test_no_secret_is_logged_printed_or_stored_plain(
    stranger: Kea, sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret, link = await stranger.connecting.new_link("T1", "U1")
    browser = await stranger.connecting.open_link(secret)
    taken = await stranger.connecting.begin_sign_in(browser, "apple")
    assert await stranger.connecting.keep_code(taken.state, "apple", "canary-code-of-apple")
    async with sqlite.reading() as tx:
        kept = [await links.get(tx, link.link)]
    provider_answer = await stranger.connecting.take_sign_in(browser, "apple", taken.state)
    assert provider_answer.code == "canary-code-of-apple"
    identity = "apple:001234.canary"
    opened = Opened(browser, await stranger.connecting.signed_in(browser, identity))
    answered = await stranger.consent(opened)
    async with sqlite.reading() as tx:
        kept.append(await links.get(tx, link.link))
    assert kept[1] is not None
    assert kept[1].verifier is not None
    verifier = stranger.vault.open(kept[1].verifier, f"connect_links.verifier:{link.link}")
    made = await stranger.finish(answered)
    tokens = stranger.live_tokens()
    stranger.clock.turn(minutes=29)
    async with stranger.connections.practice("T1") as practice:
        await practice.job("J000123")
        printed = [repr(practice)]
    stranger.fault("dead_token")
    async with stranger.connections.practice("T1") as practice:
        await practice.job("J000123")
    for path in (answered.state, "guess"):
        with pytest.raises(CannotConnect) as caught:
            await stranger.connecting.finish(
                state=path, browser=answered.browser, code=answered.code
            )
        printed.append(repr(caught.value))
    tokens += stranger.live_tokens()
    async with sqlite.reading() as tx:
        facts = await audit.since(tx, "T1", stranger.clock.moment.replace(year=2020))
    printed += [repr(made), repr(opened.consent_url is None), repr(kept), repr(facts), repr(link)]
    printed += [repr(taken), repr(provider_answer)]
    written = b"".join(
        path.read_bytes() for path in Path(str(sqlite.url.database)).parent.glob("*.db*")
    )
    assert len(tokens) >= 4
    canaries = [
        *tokens,
        secret,
        opened.browser,
        answered.state,
        str(answered.code),
        verifier,
        taken.state,
        taken.verifier,
        "canary-code-of-apple",
        CLIENT_SECRET,
    ]
    # The pretend Xero runs in this process too, and its server logs whole addresses.
    logged = "\n".join(
        f"{record.getMessage()} {record.__dict__}"
        for record in caplog.records
        if not record.name.startswith("uvicorn")
    )
    for canary in canaries:
        assert len(canary) >= 16
        assert canary not in logged
        assert canary not in "\n".join(printed)
        assert canary.encode() not in written
    assert b"Kea Accounting" in written
