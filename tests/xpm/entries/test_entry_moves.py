"""Every move of an entry, allowed or refused, and who may make it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from xpm.choices import Draft, TaskChoice
from xpm.entries import NotYours
from xpm.store.entries import Act, Entry, State
from xpm.store.workspaces import Person

from .world import ADD, KEA, MIA, NOTE, SAM, WORKSPACE, World

Arrange = Callable[[World], Awaitable[Entry]]
Move = Callable[[World, Person, str], Awaitable[Entry]]


async def _offered(world: World) -> Entry:
    entry = await world.chosen()
    return await world.put(entry, task_uuid=world.task("J000123", "Individual tax"))


async def _refused(world: World) -> Entry:
    job = world.state.practices[KEA].jobs["J000123"]
    job.state = "Completed"
    entry = await world.settle(await world.sending())
    job.state = "In Progress"
    assert entry.state is State.REFUSED
    return entry


async def _waiting(world: World) -> Entry:
    entry = await world.sending()
    world.fault("rate", ADD, seconds=0)
    await world.step(entry)
    entry = await world.now(entry)
    assert entry.waiting_for is not None
    return entry


async def _doubtful(world: World) -> Entry:
    entry = await world.sending()
    world.fault("cut_after", ADD)
    await world.step(entry)
    return await world.put(entry, waiting_for="xpm")


async def _sending(world: World) -> Entry:
    return await world.sending()


async def _sent(world: World) -> Entry:
    return await world.saved()


async def _editing(world: World) -> Entry:
    entry = await world.entries.edit(MIA, (await world.saved()).id)
    assert entry.is_editing
    return entry


async def _removing(world: World) -> Entry:
    entry = await world.saved()
    world.state.grants.disconnect_everywhere(KEA)
    await world.entries.undo(MIA, entry.id)
    entry = await world.settle(entry)
    await world.connect()
    return await world.put(entry, waiting_for="xpm")


async def _removed(world: World) -> Entry:
    entry = await world.saved()
    await world.entries.undo(MIA, entry.id)
    return await world.settle(entry)


async def _not_logged(world: World) -> Entry:
    return await world.entries.dismiss(MIA, (await world.chosen()).id, Draft())


STATES: dict[str, Arrange] = {
    "offered": _offered,
    "refused": _refused,
    "sending": _sending,
    "waiting": _waiting,
    "doubtful": _doubtful,
    "sent": _sent,
    "editing": _editing,
    "removing": _removing,
    "removed": _removed,
    "not logged": _not_logged,
}
MOVES: dict[str, Move] = {
    "choose job": lambda w, who, entry: w.entries.choose_job(who, entry, "J000123", Draft()),
    "choose client": lambda w, who, entry: w.entries.choose_client(who, entry, "c1", Draft()),
    "send": lambda w, who, entry: w.entries.send(who, entry, Draft()),
    "undo": lambda w, who, entry: w.entries.undo(who, entry),
    "edit": lambda w, who, entry: w.entries.edit(who, entry),
    "keep": lambda w, who, entry: w.entries.keep(who, entry),
    "dismiss": lambda w, who, entry: w.entries.dismiss(who, entry, Draft()),
    "recall": lambda w, who, entry: w.entries.recall(who, entry),
    "reopen": lambda w, who, entry: w.entries.reopen(who, entry),
}
# What each move makes of each state; what is not here changes nothing.
ALLOWED: dict[str, dict[str, tuple[State, Act]]] = {
    "offered": {
        "choose job": (State.OFFERED, Act.ADD),
        "choose client": (State.OFFERED, Act.ADD),
        "send": (State.SENDING, Act.ADD),
        "dismiss": (State.NOT_LOGGED, Act.ADD),
    },
    "refused": {
        "choose job": (State.REFUSED, Act.ADD),
        "choose client": (State.REFUSED, Act.ADD),
        "send": (State.SENDING, Act.ADD),
        "dismiss": (State.NOT_LOGGED, Act.ADD),
    },
    "sending": {},
    "waiting": {"dismiss": (State.NOT_LOGGED, Act.ADD), "recall": (State.OFFERED, Act.ADD)},
    "doubtful": {},
    "sent": {"undo": (State.SENDING, Act.REMOVE), "edit": (State.OFFERED, Act.ADD)},
    "editing": {
        "choose job": (State.OFFERED, Act.ADD),
        "choose client": (State.OFFERED, Act.ADD),
        "send": (State.SENDING, Act.CHANGE),
        "keep": (State.SENT, Act.ADD),
    },
    "removing": {"recall": (State.SENT, Act.REMOVE)},
    "removed": {"reopen": (State.OFFERED, Act.ADD)},
    "not logged": {"reopen": (State.OFFERED, Act.ADD)},
}


@pytest.mark.parametrize("state", STATES)
async def test_each_state_allows_its_moves_and_no_other(world: World, state: str) -> None:
    before = await STATES[state](world)
    queue, facts = list(world.durable.queue), await world.facts()
    refused = [name for name in MOVES if name not in ALLOWED[state]]
    for name in refused:
        assert await MOVES[name](world, MIA, before.id) == before, name
    assert await world.now(before) == before
    assert world.durable.queue == queue
    assert await world.facts() == facts


@pytest.mark.parametrize(
    ("state", "name"), [(state, name) for state, moves in ALLOWED.items() for name in moves]
)
async def test_an_allowed_move_is_made_once_and_the_second_click_changes_nothing(
    world: World, state: str, name: str
) -> None:
    before = await STATES[state](world)
    already = len(world.durable.queue)
    moved = await MOVES[name](world, MIA, before.id)
    assert (moved.state, moved.act) == ALLOWED[state][name]
    assert moved.version == before.version + 1
    assert await world.now(before) == moved
    sent = [("settle_entry", f"{before.id}:{moved.version}", (WORKSPACE, before.id))]
    expected = sent if moved.state is State.SENDING else []
    assert world.durable.queue[already:] == expected
    if not name.startswith("choose"):
        assert await MOVES[name](world, MIA, before.id) == moved
        assert world.durable.queue[already:] == expected


@pytest.mark.parametrize("name", ["send", "undo", "edit", "keep", "dismiss", "recall", "reopen"])
async def test_of_two_clicks_at_the_same_moment_one_counts(each_world: World, name: str) -> None:
    world = each_world
    state = next(state for state, moves in ALLOWED.items() if name in moves)
    before = await STATES[state](world)
    already, facts = len(world.durable.queue), await world.facts()
    first, second = await asyncio.gather(*(MOVES[name](world, MIA, before.id) for _ in range(2)))
    assert first == second
    assert first.version == before.version + 1
    assert len(world.durable.queue) - already == (first.state is State.SENDING)
    assert len(await world.facts()) - len(facts) == (first.state is State.SENDING)


async def test_save_counts_though_something_changes_the_entry_at_the_same_moment(
    each_world: World,
) -> None:
    world = each_world
    for _ in range(5):
        entry = await world.chosen()
        choice = TaskChoice("J000123", world.task("J000123", "Individual tax"))
        # The tasks of a job arrive by themselves a moment after it was chosen.
        await asyncio.gather(
            world.entries.choose_job(MIA, entry.id, "J000123", Draft()),
            world.entries.send(MIA, entry.id, Draft(), choice),
        )
        assert (await world.now(entry)).state is State.SENDING


async def test_two_different_clicks_at_the_same_moment_end_in_one_of_them(
    each_world: World,
) -> None:
    world = each_world
    before = await _offered(world)
    await asyncio.gather(*(MOVES[name](world, MIA, before.id) for name in ("send", "dismiss")))
    entry = await world.settle(before)
    assert entry.state in (State.SENT, State.NOT_LOGGED)
    assert len(world.times()) == (entry.state is State.SENT)


STRANGERS = {
    "a colleague": SAM,
    "the same id in another workspace": replace(MIA, workspace_id="T2"),
    "somebody who left": replace(MIA, has_left=True),
}


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("state", ["offered", "waiting", "sent", "not logged"])
async def test_nobody_else_may_move_it(world: World, who: str, state: str) -> None:
    before = await STATES[state](world)
    for move in MOVES.values():
        with pytest.raises(NotYours):
            await move(world, STRANGERS[who], before.id)
    with pytest.raises(NotYours):
        await world.entries.job_menu_of(STRANGERS[who], before.id)
    assert await world.now(before) == before


@pytest.mark.parametrize("who", ["a colleague", "the same id in another workspace"])
async def test_nobody_else_may_read_it(world: World, who: str) -> None:
    entry = await world.chosen()
    assert await world.entries.own(STRANGERS[who], entry.id) is None
    assert await world.entries.own(MIA, entry.id) == entry


async def test_an_id_that_nobody_has_is_not_yours(world: World) -> None:
    for move in MOVES.values():
        with pytest.raises(NotYours):
            await move(world, MIA, "nothing")
    assert await world.entries.own(MIA, "nothing") is None
    assert await world.entries.view(WORKSPACE, "nothing") is None
    assert await world.entries.view("T2", (await world.chosen()).id) is None


async def test_an_edit_that_is_dropped_is_as_xpm_has_it(world: World) -> None:
    saved = await world.saved()
    await world.entries.edit(MIA, saved.id)
    changed = await world.entries.choose_job(MIA, saved.id, "J000125", Draft("90", "Other"))
    assert (changed.job_number, changed.minutes, changed.note) == ("J000125", "90", "Other")
    kept = await world.entries.keep(MIA, saved.id)
    assert kept.saved == saved.saved
    names = ("state", "job_number", "task_uuid", "minutes", "note", "date", "xpm_time_uuid")
    assert [getattr(kept, name) for name in names] == [getattr(saved, name) for name in names]
    assert world.times() == [("J000123", "Individual tax", 12, NOTE)]


async def test_what_was_typed_is_kept_when_it_is_not_logged(world: World) -> None:
    entry = await world.chosen()
    closed = await world.entries.dismiss(MIA, entry.id, Draft("33", "Wrong number?"))
    again = await world.entries.reopen(MIA, closed.id)
    assert (again.minutes, again.note, again.job_number) == ("33", "Wrong number?", "J000123")


async def test_a_click_on_a_message_whose_job_changed_meanwhile_sends_nothing(
    world: World,
) -> None:
    entry = await _offered(world)
    sending, choosing = await asyncio.gather(
        world.entries.send(MIA, entry.id, Draft()),
        world.entries.choose_job(MIA, entry.id, "J000125", Draft()),
    )
    assert {sending.state, choosing.state} <= {State.OFFERED, State.SENDING}
    settled = await world.settle(entry)
    assert [time[0] for time in world.times()] == (
        [settled.job_number] if settled.state is State.SENT else []
    )
