"""From a link in Slack through Xero's consent to a connection: every way it can go."""

import asyncio

import pytest

from tests.xpm.kea import KEA, TUI, Kea
from xpm.api import Disconnected
from xpm.connecting import CannotConnect, Refusal
from xpm.store import audit
from xpm.store import connections as store
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


# -- the link ------------------------------------------------------------------------------------------------------


async def test_a_link_leads_through_consent_to_a_connection(stranger_on_both: Kea) -> None:
    made = await stranger_on_both.connect()
    assert (made.tenant_id, made.practice, made.region) == (KEA, "Kea Accounting", "NZ")
    assert (made.workspace_id, made.connected_by) == ("T1", "U1")
    assert made.connected_at == stranger_on_both.clock.moment
    assert await _stored(stranger_on_both) == made
    assert stranger_on_both.made == [made]
    assert await _events(stranger_on_both) == ["signin.proven", "connection.made"]


async def test_a_link_opens_once(stranger: Kea) -> None:
    secret, _ = await stranger.connecting.new_link("T1", "U1")
    await stranger.connecting.open_link(secret)
    error = await _refused(stranger, secret)
    assert (error.refusal, error.workspace_id) == (Refusal.USED, "T1")


async def test_a_used_link_stays_used_when_it_is_old_too(stranger: Kea) -> None:
    secret, _ = await stranger.connecting.new_link("T1", "U1")
    await stranger.connecting.open_link(secret)
    stranger.clock.turn(hours=1)
    assert (await _refused(stranger, secret)).refusal is Refusal.USED


async def test_a_link_lives_ten_minutes(stranger: Kea) -> None:
    young, _ = await stranger.connecting.new_link("T1", "U1")
    old, _ = await stranger.connecting.new_link("T1", "U1")
    stranger.clock.turn(minutes=9, seconds=59)
    await stranger.connecting.open_link(young)
    stranger.clock.turn(seconds=1)
    error = await _refused(stranger, old)
    assert (error.refusal, error.workspace_id) == (Refusal.EXPIRED, "T1")


@pytest.mark.parametrize("secret", ["", "x", "' OR 1=1 --", "é" * 43, "A" * 5000])
async def test_a_forged_link_says_nothing_of_any_workspace(stranger: Kea, secret: str) -> None:
    await stranger.connecting.new_link("T1", "U1")
    error = await _refused(stranger, secret)
    assert (error.refusal, error.workspace_id) == (Refusal.FORGED, None)


async def test_what_is_stored_of_a_link_does_not_open_it(stranger: Kea) -> None:
    _, link = await stranger.connecting.new_link("T1", "U1")
    assert (await _refused(stranger, link.link)).refusal is Refusal.FORGED


async def test_of_two_who_open_a_link_at_once_one_gets_in(stranger_on_both: Kea) -> None:
    secret, _ = await stranger_on_both.connecting.new_link("T1", "U1")
    opened = await asyncio.gather(
        *(stranger_on_both.connecting.open_link(secret) for _ in range(6)), return_exceptions=True
    )
    refused = [one.refusal for one in opened if isinstance(one, CannotConnect)]
    assert refused == [Refusal.USED] * 5


async def test_each_opening_has_its_own_state_and_browser(stranger: Kea) -> None:
    first, second = await stranger.open(), await stranger.open()
    assert first.browser != second.browser
    assert first.consent_url != second.consent_url
    assert first.browser not in first.consent_url
    assert "code_challenge_method=S256" in first.consent_url


# -- Xero's answer -------------------------------------------------------------------------------------------------


async def test_an_answer_from_another_browser_connects_nothing(stranger: Kea) -> None:
    answered = await stranger.consent(await stranger.open())
    other = await stranger.open("T2", "U2")
    for browser in (other.browser, "", "guess"):
        with pytest.raises(CannotConnect) as caught:
            await stranger.connecting.finish(
                state=answered.state, browser=browser, code=answered.code
            )
        assert caught.value.refusal is Refusal.FORGED
    assert await _stored(stranger) is None
    assert await _stored(stranger, "T2") is None
    assert (await stranger.finish(answered)).workspace_id == "T1"


async def test_an_answer_with_a_made_up_state_connects_nothing(stranger: Kea) -> None:
    answered = await stranger.consent(await stranger.open())
    for state in ("", "guess", answered.browser):
        with pytest.raises(CannotConnect) as caught:
            await stranger.connecting.finish(
                state=state, browser=answered.browser, code=answered.code
            )
        assert caught.value.refusal is Refusal.FORGED
    assert stranger.asked("/connect/token") == 0


async def test_an_answer_brought_twice_counts_once(stranger: Kea) -> None:
    answered = await stranger.consent(await stranger.open())
    made = await stranger.finish(answered)
    with pytest.raises(CannotConnect) as caught:
        await stranger.finish(answered)
    assert caught.value.refusal is Refusal.FORGED
    assert await _stored(stranger) == made


async def test_an_answer_brought_twice_at_once_counts_once(stranger_on_both: Kea) -> None:
    answered = await stranger_on_both.consent(await stranger_on_both.open())
    came = await asyncio.gather(
        *(stranger_on_both.finish(answered) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, Connection) for one in came) == 1
    assert len(stranger_on_both.made) == 1
    assert stranger_on_both.asked("/connect/token") == 1


async def test_an_answer_that_comes_after_the_link_expired_connects_nothing(stranger: Kea) -> None:
    answered = await stranger.consent(await stranger.open())
    stranger.clock.turn(minutes=11)
    with pytest.raises(CannotConnect) as caught:
        await stranger.finish(answered)
    assert caught.value.refusal is Refusal.FORGED


async def test_the_answer_connects_the_workspace_and_person_of_the_link(stranger: Kea) -> None:
    first, second = await stranger.open("T1", "U1"), await stranger.open("T2", "U2")
    answered = [
        await stranger.consent(first, practice=KEA),
        await stranger.consent(second, practice=TUI),
    ]
    for one in reversed(answered):
        await stranger.finish(one)
    ours, theirs = await _stored(stranger, "T1"), await _stored(stranger, "T2")
    assert ours is not None
    assert theirs is not None
    assert (ours.tenant_id, ours.connected_by) == (KEA, "U1")
    assert (theirs.tenant_id, theirs.connected_by) == (TUI, "U2")


async def test_somebody_who_cancels_at_xero_connects_nothing(stranger: Kea) -> None:
    answered = await stranger.consent(await stranger.open(), answer="cancel")
    assert answered.code is None
    with pytest.raises(CannotConnect) as caught:
        await stranger.finish(answered)
    assert (caught.value.refusal, caught.value.workspace_id) == (Refusal.CANCELLED, "T1")
    assert await _stored(stranger) is None
    assert await _events(stranger) == ["signin.proven", "connect.refused"]


async def test_somebody_without_the_privilege_connects_no_practice(stranger: Kea) -> None:
    opened = await stranger.open()
    answered = await stranger.consent(opened, who="tom@example.com", practice="")
    with pytest.raises(CannotConnect) as caught:
        await stranger.finish(answered)
    assert caught.value.refusal is Refusal.NO_PRACTICE
    assert await _stored(stranger) is None
    found = await stranger.connecting.outcome_for(opened.browser)
    assert found is not None
    assert found[0].outcome == "no_practice"


async def test_consenting_again_keeps_the_practice_connected(kea: Kea) -> None:
    before = await _stored(kea)
    kea.clock.turn(days=1)
    after = await kea.connect()
    assert before is not None
    assert (after.id, after.tenant_id) == (before.id, before.tenant_id)
    assert (after.connected_by, after.connected_at) == ("U1", kea.clock.moment)
    async with kea.connections.practice("T1") as practice:
        assert await practice.staff()


async def test_another_practice_does_not_take_the_place_of_a_connected_one(kea: Kea) -> None:
    before = await _stored(kea)
    with pytest.raises(CannotConnect) as caught:
        await kea.connect(practice=TUI)
    assert caught.value.refusal is Refusal.TAKEN
    assert await _stored(kea) == before


async def test_another_practice_after_an_ended_one_does_not_inherit_its_mirror(kea: Kea) -> None:
    await kea.sync()
    await kea.directory.look_up("T1", "J000130")
    await kea.door("disconnect", tenant=KEA)
    with pytest.raises(Disconnected):
        async with kea.connections.practice("T1") as practice:
            await practice.staff()
    await kea.connect(practice=TUI)
    assert set((await kea.directory.counts("T1")).values()) == {0}


async def test_an_unreachable_xero_leaves_the_link_spent_and_nothing_connected(
    stranger: Kea,
) -> None:
    opened = await stranger.open()
    answered = await stranger.consent(opened)
    stranger.fault("503", "connect/token", times=-1)
    with pytest.raises(CannotConnect) as caught:
        await stranger.finish(answered)
    assert (caught.value.refusal, caught.value.workspace_id) == (Refusal.UNAVAILABLE, "T1")
    assert await _stored(stranger) is None


async def test_a_code_of_somebody_elses_flow_is_refused_by_its_verifier(stranger: Kea) -> None:
    mine = await stranger.consent(await stranger.open("T1", "U1"))
    theirs = await stranger.consent(await stranger.open("T2", "U2"))
    with pytest.raises(CannotConnect):
        await stranger.connecting.finish(state=mine.state, browser=mine.browser, code=theirs.code)
    assert await _stored(stranger) is None


async def test_a_browser_learns_how_its_own_connecting_ended(stranger: Kea) -> None:
    opened = await stranger.open()
    assert await stranger.connecting.outcome_for(opened.browser) is None
    await stranger.finish(await stranger.consent(opened))
    found = await stranger.connecting.outcome_for(opened.browser)
    assert found is not None
    link, connection = found
    assert link.outcome == "connected"
    assert connection is not None
    assert connection.practice == "Kea Accounting"
    assert await stranger.connecting.outcome_for("") is None
    assert await stranger.connecting.outcome_for("guess") is None
