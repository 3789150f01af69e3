"""Changing and removing what stands in XPM: one time before, one or none after, whatever XPM does."""

import pytest

from xpm.choices import Draft
from xpm.store.entries import Act, Entry, State

from .world import DELETE, KEA, MIA, NOTE, UPDATE, World

ONE = [("J000123", "Individual tax", 12, NOTE)]


async def _edited(world: World, entry: Entry, draft: Draft) -> Entry:
    await world.entries.edit(MIA, entry.id)
    return await world.entries.send(MIA, entry.id, draft)


FAULTS = ["cut_before", "cut_after", "503", "malformed", "dead_token"]


@pytest.mark.parametrize("kind", ["", *FAULTS])
async def test_a_changed_entry_changes_its_one_time(world: World, kind: str) -> None:
    saved = await world.saved()
    sending = await _edited(world, saved, Draft("45", "Longer"))
    assert sending.act is Act.CHANGE
    if kind:
        world.fault(kind, UPDATE)
    entry = await world.settle(sending)
    assert (entry.state, entry.xpm_time_uuid) == (State.SENT, saved.xpm_time_uuid)
    assert world.times() == [("J000123", "Individual tax", 45, "Longer")]
    assert (await world.facts())[-1] == "time.changed"


async def test_a_changed_task_whose_write_was_cut_is_changed_all_the_same(world: World) -> None:
    saved = await world.saved()
    await world.entries.edit(MIA, saved.id)
    await world.put(saved, task_uuid=world.task("J000123", "Review"))
    sending = await world.entries.send(MIA, saved.id, Draft())
    world.fault("cut_before", UPDATE)
    assert (await world.settle(sending)).state is State.SENT
    assert world.times() == [("J000123", "Review", 12, NOTE)]


async def test_a_refused_change_leaves_the_old_time_and_says_why(world: World) -> None:
    saved = await world.saved()
    sending = await _edited(world, saved, Draft("45"))
    world.state.practices[KEA].jobs["J000123"].state = "Completed"
    entry = await world.settle(sending)
    assert (entry.state, entry.reason) == (State.REFUSED, "Job is completed")
    assert entry.is_editing
    assert world.times() == ONE
    kept = await world.entries.keep(MIA, entry.id)
    assert (kept.state, kept.minutes, kept.reason) == (State.SENT, "12", None)


@pytest.mark.parametrize("kind", ["", *FAULTS])
async def test_undo_takes_the_time_out(world: World, kind: str) -> None:
    entry = await world.saved()
    await world.entries.undo(MIA, entry.id)
    if kind:
        world.fault(kind, DELETE)
    entry = await world.settle(entry)
    assert (entry.state, entry.xpm_time_uuid, entry.act) == (State.REMOVED, None, Act.ADD)
    assert world.times() == []
    assert (await world.facts())[-1] == "time.deleted"


async def test_undo_of_an_invoiced_time_stays_saved_with_the_reason(world: World) -> None:
    entry = await world.saved()
    world.state.practices[KEA].times[entry.xpm_time_uuid or ""].invoice_task_uuid = "i1"
    await world.entries.undo(MIA, entry.id)
    entry = await world.settle(entry)
    assert (entry.state, entry.reason) == (State.SENT, "Time has been invoiced")
    assert entry.xpm_time_uuid is not None
    assert world.times() == ONE
    assert world.notices.said == [entry.id]


async def test_undo_of_a_time_that_is_gone_from_xpm_is_done(world: World) -> None:
    entry = await world.saved()
    world.state.practices[KEA].times.clear()
    await world.entries.undo(MIA, entry.id)
    assert (await world.settle(entry)).state is State.REMOVED
    assert world.notices.said == []


async def test_after_undo_it_can_be_logged_again_as_one_new_time(world: World) -> None:
    entry = await world.saved()
    await world.entries.undo(MIA, entry.id)
    await world.settle(entry)
    await world.entries.reopen(MIA, entry.id)
    await world.entries.send(MIA, entry.id, Draft())
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE
