"""One consent at Xero that covers several practices: the person says which, and nothing of the others is kept."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import sqlalchemy as sa

from tests.xpm.kea import KEA, TUI, Kea, Opened, until
from xpm.connecting import CannotConnect, Question, Refusal
from xpm.consented import Consented
from xpm.store import audit, links
from xpm.store import connections as store
from xpm.store import tables as t
from xpm.store.connections import Connection
from xpm.store.links import ConnectLink

BOTH = [KEA, TUI]


async def ask(kea: Kea, workspace: str = "T1", person: str = "U1") -> tuple[str, Question]:
    """Consents to both practices; the browser and the question it is asked."""
    opened = await kea.open(workspace, person)
    return opened.browser, await asked_of(kea, opened)


async def asked_of(kea: Kea, opened: Opened) -> Question:
    # As people do: some seconds pass between opening the link and allowing access.
    kea.clock.turn(seconds=5)
    assert await kea.bring(await kea.consent(opened, practice=BOTH)) is None
    return await kea.connecting.question(opened.browser)


async def refusal(work: Coroutine[Any, Any, Any]) -> Refusal:
    with pytest.raises(CannotConnect) as caught:
        await work
    return caught.value.refusal


async def stored(kea: Kea, workspace: str = "T1") -> Connection | None:
    async with kea.database.reading() as tx:
        return await store.get(tx, workspace)


async def link_of(kea: Kea, question: Question) -> ConnectLink:
    async with kea.database.reading() as tx:
        found = await links.get(tx, question.link.link)
    assert found is not None
    return found


async def text_of_everything(kea: Kea) -> str:
    """Every row of every table of ours, but the audit's."""
    async with kea.database.reading() as tx:
        rows: list[str] = []
        for table in t.metadata.sorted_tables:
            if table.name != "audit":
                found = await tx.execute(sa.text(f"select * from {table.name}"))  # noqa: S608
                rows += map(str, found.all())
    return "\n".join(rows)


async def events(kea: Kea, workspace: str = "T1") -> list[tuple[str, str | None]]:
    async with kea.database.reading() as tx:
        facts = await audit.since(tx, workspace, kea.clock.moment.replace(year=2020))
    return [(fact.event, fact.subject) for fact in facts if not fact.event.startswith("signin")]


def at_xero(kea: Kea) -> list[str]:
    """The practices that Xero lists for this app, whoever's."""
    return sorted(one.tenant_id for _, one in kea.xero.grants.connections())


def has_grant(kea: Kea) -> bool:
    """Whether a refresh token lives at Xero."""
    return any(grant.families for grant in kea.xero.grants._by_person.values())


async def works(kea: Kea, workspace: str = "T1") -> bool:
    async with kea.connections.practice(workspace) as practice:
        return bool(await practice.staff())


# -- the question ----------------------------------------------------------------------------------------------------


async def test_who_allowed_several_practices_is_asked_which_and_nothing_is_connected_yet(
    stranger_on_both: Kea,
) -> None:
    kea = stranger_on_both
    browser, question = await ask(kea)
    assert [(one.tenant_name, one.tenant_id) for one in question.practices] == [
        ("Kea Accounting", KEA),
        ("Tui Advisory", TUI),
    ]
    assert await stored(kea) is None
    assert kea.made == []
    assert await kea.connecting.outcome_for(browser) is None
    # Looking again, or in a second tab, asks the same.
    assert await kea.connecting.question(browser) == question


async def test_meanwhile_tokens_and_names_stand_sealed_on_the_link_and_nowhere_else(
    stranger_on_both: Kea,
) -> None:
    kea = stranger_on_both
    browser, question = await ask(kea)
    text = await text_of_everything(kea)
    canaries = [*kea.live_tokens(), KEA, TUI, "Kea Accounting", "Tui Advisory", browser]
    assert len(canaries) == 7
    for canary in [*canaries, question.proof]:
        assert canary not in text
    link = await link_of(kea, question)
    consented = kea.withdrawing.open(link)
    assert consented is not None
    assert consented.tokens is not None
    assert consented.tokens.refresh_token in kea.live_tokens()
    assert "canary" not in repr(Consented(consented.tokens, question.practices)), "prints nothing"


async def test_what_is_sealed_on_one_link_does_not_open_on_another(stranger: Kea) -> None:
    browser, question = await ask(stranger)
    other, theirs = await ask(stranger, "T2", "U2")
    link = await link_of(stranger, question)
    async with stranger.database.transaction() as tx:
        await links.narrow_consent(tx, theirs.link.link, link.consented)
    assert await refusal(stranger.connecting.question(other)) is Refusal.UNAVAILABLE
    await stranger.connecting.question(browser)


async def test_a_practice_that_was_connected_before_may_be_chosen_too(stranger: Kea) -> None:
    await stranger.connect("T2", "U2", TUI)
    browser, question = await ask(stranger)
    assert [one.tenant_id for one in question.practices] == BOTH
    made = await stranger.connecting.choose(browser, question.proof, TUI)
    assert (made.workspace_id, made.tenant_id, made.practice) == ("T1", TUI, "Tui Advisory")
    # Two workspaces on one practice, and the one nobody chose was made by this consent alone.
    assert at_xero(stranger) == [TUI]
    assert await works(stranger, "T1")
    assert await works(stranger, "T2")


async def test_one_practice_is_connected_without_a_question_though_the_person_has_others(
    stranger: Kea,
) -> None:
    await stranger.connect("T2", "U2", TUI)
    stranger.clock.turn(minutes=1)
    made = await stranger.connect()
    assert made.tenant_id == KEA
    assert at_xero(stranger) == BOTH


async def test_when_xero_does_not_tell_what_was_consented_the_person_is_asked(
    stranger: Kea,
) -> None:
    await stranger.connect("T2", "U2", TUI)
    await stranger.connect("T3", "U3", KEA)
    # The clock stands still, so neither the event nor the time of change tells.
    opened = await stranger.open()
    assert await stranger.bring(await stranger.consent(opened, practice=KEA)) is None
    question = await stranger.connecting.question(opened.browser)
    made = await stranger.connecting.choose(opened.browser, question.proof, KEA)
    assert made.tenant_id == KEA
    assert at_xero(stranger) == BOTH


# -- the answer ------------------------------------------------------------------------------------------------------


async def test_the_chosen_practice_is_connected_and_nothing_of_the_other_is_kept(
    stranger_on_both: Kea,
) -> None:
    kea = stranger_on_both
    browser, question = await ask(kea)
    made = await kea.connecting.choose(browser, question.proof, KEA)
    assert (made.tenant_id, made.practice, made.connected_by) == (KEA, "Kea Accounting", "U1")
    assert await stored(kea) == made
    assert kea.made == [made]
    assert at_xero(kea) == [KEA]
    assert (await link_of(kea, question)).consented is None
    text = await text_of_everything(kea)
    for canary in (TUI, "Tui Advisory", *kea.live_tokens()):
        assert canary not in text
    assert await works(kea)
    found = await kea.connecting.outcome_for(browser)
    assert found is not None
    assert found[0].outcome == "connected"
    assert await events(kea) == [
        ("practice.asked", "2"),
        ("connection.made", KEA),
        ("consent.narrowed", "deleted"),
    ]


async def test_a_practice_another_workspace_stands_on_stays_at_xero(stranger: Kea) -> None:
    browser, question = await ask(stranger)
    # The connection was made by the first consent, and another workspace came to use it meanwhile.
    opened = await stranger.open("T2", "U2")
    stranger.clock.turn(seconds=5)
    await stranger.finish(await stranger.consent(opened, practice=TUI))
    await stranger.connecting.choose(browser, question.proof, KEA)
    assert at_xero(stranger) == BOTH
    assert await works(stranger, "T1")
    assert await works(stranger, "T2")


async def test_a_practice_somebody_else_is_being_asked_about_stays_until_they_answer(
    stranger: Kea,
) -> None:
    browser, question = await ask(stranger)
    other, theirs = await ask(stranger, "T2", "U2")
    await stranger.connecting.choose(browser, question.proof, KEA)
    assert at_xero(stranger) == BOTH
    await stranger.connecting.choose(other, theirs.proof, TUI)
    assert at_xero(stranger) == BOTH
    assert await works(stranger, "T1")
    assert await works(stranger, "T2")


async def test_of_clicks_at_the_same_moment_one_counts(stranger_on_both: Kea) -> None:
    kea = stranger_on_both
    browser, question = await ask(kea)
    came = await asyncio.gather(
        *(kea.connecting.choose(browser, question.proof, one) for one in BOTH * 2),
        kea.connecting.decline(browser, question.proof),
        return_exceptions=True,
    )
    made = [one for one in came if isinstance(one, Connection)]
    refused = [one.refusal for one in came if isinstance(one, CannotConnect)]
    assert len(made) <= 1
    assert refused == [Refusal.USED] * len(refused)
    now = await stored(kea)
    if made:
        assert now == made[0]
        assert at_xero(kea) == [made[0].tenant_id]
        assert await works(kea)
    else:
        assert now is None
        assert at_xero(kea) == []
    assert (await link_of(kea, question)).consented is None


async def test_a_second_click_changes_nothing(stranger: Kea) -> None:
    browser, question = await ask(stranger)
    made = await stranger.connecting.choose(browser, question.proof, KEA)
    for tenant in BOTH:
        again = stranger.connecting.choose(browser, question.proof, tenant)
        assert await refusal(again) is Refusal.USED
    assert await refusal(stranger.connecting.decline(browser, question.proof)) is Refusal.USED
    assert await refusal(stranger.connecting.question(browser)) is Refusal.USED
    assert await stored(stranger) == made
    assert await works(stranger)


async def test_a_practice_that_was_not_offered_is_refused_and_the_person_may_choose_again(
    stranger: Kea,
) -> None:
    browser, question = await ask(stranger)
    for forged in ("", "guess", "33333333-3333-4333-8333-333333333333", question.practices[0].id):
        choice = stranger.connecting.choose(browser, question.proof, forged)
        assert await refusal(choice) is Refusal.NOT_OFFERED
    assert await stored(stranger) is None
    assert at_xero(stranger) == BOTH
    assert (await stranger.connecting.choose(browser, question.proof, TUI)).tenant_id == TUI


async def test_an_answer_without_the_pages_proof_or_from_another_browser_changes_nothing(
    stranger: Kea,
) -> None:
    browser, question = await ask(stranger)
    other, theirs = await ask(stranger, "T2", "U2")
    signing_in = await stranger.open("T3", "U3")
    for who, proof in (
        (browser, ""),
        (browser, "é"),
        (browser, theirs.proof),
        (other, question.proof),
        (signing_in.browser, question.proof),
        ("", question.proof),
        ("guess", question.proof),
    ):
        assert await refusal(stranger.connecting.choose(who, proof, KEA)) is Refusal.FORGED
        assert await refusal(stranger.connecting.decline(who, proof)) is Refusal.FORGED
    assert [await stored(stranger, one) for one in ("T1", "T2", "T3")] == [None] * 3
    assert at_xero(stranger) == BOTH
    assert (await stranger.connecting.choose(browser, question.proof, KEA)).workspace_id == "T1"


async def test_another_practice_connected_meanwhile_is_not_replaced_and_keeps_its_grant(
    stranger: Kea,
) -> None:
    browser, question = await ask(stranger)
    opened = await stranger.open()
    stranger.clock.turn(seconds=5)
    before = await stranger.finish(await stranger.consent(opened, practice=KEA))
    taken = stranger.connecting.choose(browser, question.proof, TUI)
    assert await refusal(taken) is Refusal.TAKEN
    assert await stored(stranger) == before
    assert at_xero(stranger) == [KEA]
    assert await works(stranger)
    found = await stranger.connecting.outcome_for(browser)
    assert found is not None
    assert found[0].outcome == "taken"


async def test_a_second_question_takes_the_place_of_the_first_and_one_answer_settles_both(
    stranger: Kea,
) -> None:
    first, old = await ask(stranger)
    browser, question = await ask(stranger)
    assert await refusal(stranger.connecting.question(first)) is Refusal.USED
    assert (await link_of(stranger, old)).consented is None
    await stranger.connecting.choose(browser, question.proof, KEA)
    # The first consent made the other connection, and nobody else would ever delete it.
    assert at_xero(stranger) == [KEA]


# -- no answer -------------------------------------------------------------------------------------------------------


async def test_cancelling_drops_the_grant_and_forgets_the_tokens(stranger_on_both: Kea) -> None:
    kea = stranger_on_both
    browser, question = await ask(kea)
    await kea.connecting.decline(browser, question.proof)
    assert at_xero(kea) == []
    assert not has_grant(kea)
    assert (await link_of(kea, question)).consented is None
    assert await stored(kea) is None
    found = await kea.connecting.outcome_for(browser)
    assert found is not None
    assert found[0].outcome == "declined"
    assert await events(kea) == [
        ("practice.asked", "2"),
        ("connect.refused", "declined"),
        ("consent.withdrawn", "deleted and revoked"),
    ]


async def test_cancelling_a_second_question_drops_what_the_first_consent_made(
    stranger: Kea,
) -> None:
    await ask(stranger)
    browser, question = await ask(stranger)
    await stranger.connecting.decline(browser, question.proof)
    assert at_xero(stranger) == []
    assert not has_grant(stranger)


async def test_cancelling_leaves_what_another_workspace_stands_on(stranger: Kea) -> None:
    await stranger.connect("T2", "U2", TUI)
    browser, question = await ask(stranger)
    await stranger.connecting.decline(browser, question.proof)
    assert at_xero(stranger) == [TUI]
    assert await works(stranger, "T2")


async def test_cancelling_while_xero_is_away_forgets_the_tokens_all_the_same(
    stranger: Kea,
) -> None:
    browser, question = await ask(stranger)
    stranger.fault("503", "connections", times=-1)
    await stranger.connecting.decline(browser, question.proof)
    assert (await link_of(stranger, question)).consented is None
    assert ("consent.withdrawn", "left") in await events(stranger)


async def test_a_late_answer_is_refused_and_the_grant_dropped(stranger: Kea) -> None:
    browser, question = await ask(stranger)
    stranger.clock.turn(minutes=10)
    late = stranger.connecting.choose(browser, question.proof, KEA)
    assert await refusal(late) is Refusal.EXPIRED
    assert await stored(stranger) is None
    assert (await link_of(stranger, question)).consented is None
    assert at_xero(stranger) == []
    assert not has_grant(stranger)


async def test_a_question_nobody_answers_is_dropped_by_the_clock_once(
    stranger_on_both: Kea,
) -> None:
    kea = stranger_on_both
    _, question = await ask(kea)
    kea.clock.turn(minutes=10)
    await kea.withdrawing.tidy()
    assert at_xero(kea) == BOTH, "an answer of the last second may be under way"
    kea.clock.turn(minutes=1)
    await asyncio.gather(*(kea.withdrawing.tidy() for _ in range(3)))
    assert at_xero(kea) == []
    assert not has_grant(kea)
    assert (await link_of(kea, question)).consented is None
    told = await events(kea)
    assert told.count(("connect.refused", "expired")) == 1
    assert [event for event, _ in told].count("consent.withdrawn") == 1


async def test_after_a_long_stop_the_clock_still_drops_what_nobody_answered(stranger: Kea) -> None:
    await ask(stranger)
    stranger.clock.turn(days=2)
    await stranger.withdrawing.tidy()
    assert at_xero(stranger) == []
    assert not has_grant(stranger)


async def test_a_consent_sealed_with_a_key_that_is_gone_is_forgotten(stranger: Kea) -> None:
    _, question = await ask(stranger)
    foreign = stranger.vault.seal("anything", "another place")
    async with stranger.database.transaction() as tx:
        await links.narrow_consent(tx, question.link.link, foreign)
    stranger.clock.turn(minutes=11)
    await stranger.withdrawing.tidy()
    assert (await link_of(stranger, question)).consented is None


# -- refusals after the consent, and crashes ---------------------------------------------------------------------------


async def test_a_consent_to_another_practice_than_the_connected_one_is_given_back(kea: Kea) -> None:
    opened = await kea.open()
    kea.clock.turn(seconds=5)
    answered = await kea.consent(opened, practice=TUI)
    assert await refusal(kea.bring(answered)) is Refusal.TAKEN
    assert at_xero(kea) == [KEA]
    assert await works(kea)


async def test_a_consent_that_opens_no_practice_is_revoked(stranger: Kea) -> None:
    opened = await stranger.open()
    answered = await stranger.consent(opened, who="tom@example.com", practice="")
    assert await refusal(stranger.bring(answered)) is Refusal.NO_PRACTICE
    assert not has_grant(stranger)


async def dies_over(kea: Kea, work: Coroutine[Any, Any, Any]) -> None:
    """Ends the work as a crash does, while it waits for Xero to answer what it asked about connections."""
    kea.fault("late", "connections", seconds=0.5)
    task = asyncio.create_task(work)

    async def is_waiting() -> bool:
        return not any(one.times for one in kea.xero.faults)

    await until(is_waiting)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_crash_after_the_tokens_came_leaves_a_grant_that_the_clock_drops(
    stranger: Kea,
) -> None:
    opened = await stranger.open()
    answered = await stranger.consent(opened, practice=BOTH)
    await dies_over(stranger, stranger.bring(answered))
    assert has_grant(stranger)
    question = stranger.connecting.question(opened.browser)
    assert await refusal(question) is Refusal.UNAVAILABLE
    stranger.clock.turn(minutes=11)
    await stranger.withdrawing.tidy()
    assert at_xero(stranger) == []
    assert not has_grant(stranger)


async def test_a_crash_after_the_choice_leaves_the_others_to_the_clock_and_no_token(
    stranger: Kea,
) -> None:
    browser, question = await ask(stranger)
    choice = stranger.connecting.choose(browser, question.proof, KEA)
    await dies_over(stranger, choice)
    assert await works(stranger)
    left = stranger.withdrawing.open(await link_of(stranger, question))
    assert left is not None
    assert left.tokens is None
    assert left.practices == ()
    await stranger.withdrawing.tidy()
    assert at_xero(stranger) == [KEA]
    assert (await link_of(stranger, question)).consented is None
    assert await works(stranger)


async def test_others_that_xero_does_not_let_go_of_are_left_when_it_answers_again(
    stranger: Kea,
) -> None:
    browser, question = await ask(stranger)
    stranger.fault("503", "connections", times=-1)
    await stranger.connecting.choose(browser, question.proof, KEA)
    stranger.xero.faults.clear()
    assert at_xero(stranger) == BOTH
    await stranger.withdrawing.tidy()
    assert at_xero(stranger) == [KEA]
    assert (await link_of(stranger, question)).consented is None
    assert await works(stranger)


async def test_others_that_xero_does_not_let_go_of_are_tried_for_an_hour(stranger: Kea) -> None:
    browser, question = await ask(stranger)
    stranger.fault("503", "connections", times=-1)
    assert (await stranger.connecting.choose(browser, question.proof, KEA)).tenant_id == KEA
    await stranger.withdrawing.tidy()
    assert (await link_of(stranger, question)).consented is not None
    stranger.clock.turn(minutes=75)
    await stranger.withdrawing.tidy()
    assert (await link_of(stranger, question)).consented is None
    assert ("consent.narrowed", "left") in await events(stranger)


async def test_a_crash_while_cancelling_is_finished_by_the_clock(stranger: Kea) -> None:
    browser, question = await ask(stranger)
    choice = stranger.connecting.decline(browser, question.proof)
    await dies_over(stranger, choice)
    assert at_xero(stranger) == BOTH
    await stranger.withdrawing.tidy()
    assert at_xero(stranger) == []
    assert not has_grant(stranger)
    assert (await link_of(stranger, question)).consented is None
