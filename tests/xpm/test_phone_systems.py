"""A workspace's phone systems: secrets sealed and shown once, changes made once, each workspace its own."""

import asyncio
import datetime as dt
from dataclasses import replace

import pytest
import pytest_asyncio
import sqlalchemy as sa

from xpm import places
from xpm.calls import Rules
from xpm.phone_systems import Added, PhoneSystems, Unfit, mark_of, new_secret, why_unfit
from xpm.store import Database, audit
from xpm.store import phones as store
from xpm.store import workspaces as workspace_store
from xpm.store.phones import PhonePerson
from xpm.store.workspaces import Workspace
from xpm.vault import Sealed, Vault, new_key

NOW = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)
OURS, THEIRS = "T1", "T2"
SEALED = Sealed("v1.a.b")


@pytest.fixture
def vault() -> Vault:
    return Vault([new_key()])


@pytest_asyncio.fixture
async def systems(database: Database, vault: Vault) -> PhoneSystems:
    async with database.transaction() as tx:
        for one in (OURS, THEIRS):
            workspace = Workspace(one, one, None, "A1", "B1", "UB", SEALED, "chat:write", "U1", NOW)
            await workspace_store.save(tx, workspace)
    return PhoneSystems(database, vault, lambda: NOW, "https://xpm.example.com", Rules(45))


async def added(systems: PhoneSystems, kind: str = "vxt", *, own: bool = False) -> Added:
    found = await systems.add(OURS, kind, has_own_secret=own, by="U1")
    assert found is not None
    return found


async def test_secret_is_sealed_for_its_row_and_never_printed(
    systems: PhoneSystems, database: Database, vault: Vault
) -> None:
    made = await added(systems)
    assert made.address == f"https://xpm.example.com/calls/vxt/{made.system_id}"
    assert made.secret not in repr(made)
    async with database.reading() as tx:
        row = await store.one(tx, OURS, made.system_id)
        facts = await audit.since(tx, OURS, NOW)
    assert row is not None
    assert made.secret not in row.secret.text
    assert vault.open(row.secret, places.phone_secret(made.system_id)) == made.secret
    assert made.secret not in repr(facts)
    assert [(fact.event, fact.slack_user_id, fact.subject) for fact in facts] == [
        ("phones.added", "U1", made.system_id)
    ]


async def test_same_system_added_at_the_same_moment_is_one_with_one_secret(
    systems: PhoneSystems,
) -> None:
    tried = await asyncio.gather(
        *(
            systems.add(OURS, "vxt", has_own_secret=False, system_id="a" * 24, by="U1")
            for _ in range(5)
        )
    )
    assert len([one for one in tried if one is not None]) == 1
    assert await systems.add(THEIRS, "vxt", has_own_secret=False, system_id="a" * 24) is None
    assert len(await systems.every(OURS)) == 1
    assert await systems.every(THEIRS) == []


async def test_workspace_without_the_app_gets_no_phone_system(systems: PhoneSystems) -> None:
    assert await systems.add("T9", "vxt", has_own_secret=False) is None


async def test_system_that_makes_its_own_secret_has_none_until_it_is_brought(
    systems: PhoneSystems,
) -> None:
    made = await added(systems, "aircall", own=True)
    assert made.secret == ""
    known = await systems.one(OURS, made.system_id)
    assert known is not None
    assert not known.has_secret
    assert await systems.change_secret(OURS, made.system_id, "brought-by-sam") == "brought-by-sam"
    known = await systems.one(OURS, made.system_id)
    assert known is not None
    assert known.has_secret


async def test_of_two_new_secrets_on_one_ground_only_one_is_made(systems: PhoneSystems) -> None:
    made = await added(systems)
    known = await systems.one(OURS, made.system_id)
    assert known is not None
    tried = await asyncio.gather(
        *(systems.change_secret(OURS, made.system_id, mark=known.mark) for _ in range(5))
    )
    [secret] = [one for one in tried if one is not None]
    assert secret != made.secret
    now = await systems.one(OURS, made.system_id)
    assert now is not None
    assert now.mark != known.mark
    assert await systems.change_secret(OURS, made.system_id, mark=known.mark) is None


async def is_held_up(database: Database) -> None:
    """Waits until a transaction waits for another one; on SQLite it waits before it begins."""
    query = sa.text(
        "select count(*) from pg_stat_activity "
        "where wait_event_type = 'Lock' and datname = current_database()"
    )
    for _ in range(0 if database.is_sqlite else 500):
        async with database.reading() as tx:
            if (await tx.execute(query)).scalar():
                return
        await asyncio.sleep(0.01)
    assert database.is_sqlite, "nothing waited"


async def test_new_secret_made_while_another_is_being_kept_is_not_made(
    systems: PhoneSystems, database: Database, vault: Vault
) -> None:
    made = await added(systems)
    known = await systems.one(OURS, made.system_id)
    assert known is not None
    sealed = vault.seal("of another replica", places.phone_secret(made.system_id))
    async with database.transaction() as tx:
        assert await store.change_secret(tx, OURS, made.system_id, sealed)
        late = asyncio.create_task(
            systems.change_secret(OURS, made.system_id, mark=known.mark, by="U2")
        )
        await is_held_up(database)
    assert await late is None
    async with database.reading() as tx:
        row = await store.one(tx, OURS, made.system_id)
    assert row is not None
    assert row.secret == sealed


async def test_rules_saved_while_others_are_being_saved_do_not_overwrite_them(
    systems: PhoneSystems, database: Database
) -> None:
    mark = mark_of(await systems.rules(OURS))
    async with database.transaction() as tx:
        await store.take_turn(tx, OURS, "rules")
        await store.save_rules(tx, OURS, Rules(60))
        late = asyncio.create_task(
            systems.change_rules(OURS, lambda _: Rules(90), mark=mark, by="U2")
        )
        await is_held_up(database)
    assert await late == (Rules(60), False)


async def test_another_workspace_sees_changes_and_removes_nothing(systems: PhoneSystems) -> None:
    made = await added(systems)
    assert await systems.one(THEIRS, made.system_id) is None
    assert await systems.change_secret(THEIRS, made.system_id, "something-else") is None
    assert not await systems.remove(THEIRS, made.system_id)
    assert await systems.people(THEIRS, made.system_id) == []
    assert len(await systems.every(OURS)) == 1


async def test_removing_twice_removes_once(systems: PhoneSystems) -> None:
    made = await added(systems)
    assert await systems.remove(OURS, made.system_id, by="U1")
    assert not await systems.remove(OURS, made.system_id, by="U1")
    assert await systems.every(OURS) == []


async def test_names_nobody_is_known_for_come_first_and_the_last_seen_of_them(
    systems: PhoneSystems, database: Database
) -> None:
    made = await added(systems)
    async with database.transaction() as tx:
        for staff, minutes, more in (
            ("extension 1", 0, {}),
            ("extension 2", 5, {}),
            ("extension 0", 9, {"email": "mia@example.com"}),
            ("extension 9", 9, {"is_nobody": True}),
        ):
            seen = NOW + dt.timedelta(minutes=minutes)
            one = PhonePerson(OURS, made.system_id, staff, seen)
            await store.learn(tx, replace(one, **more), None)
    people = await systems.people(OURS, made.system_id)
    assert [one.person.staff for one in people] == [
        "extension 2",
        "extension 1",
        "extension 0",
        "extension 9",
    ]
    assert [one.is_unknown for one in people] == [True, True, False, False]
    known = await systems.one(OURS, made.system_id)
    assert known is not None
    assert known.unknown_names == 2


async def test_rules_changed_meanwhile_are_not_overwritten(systems: PhoneSystems) -> None:
    mark = mark_of(await systems.rules(OURS))
    first = await systems.change_rules(OURS, lambda _: Rules(60), mark=mark, by="U1")
    assert first == (Rules(60), True)
    second = await systems.change_rules(OURS, lambda _: Rules(90), mark=mark, by="U2")
    assert second == (Rules(60), False)
    # The same once more is no quarrel.
    assert await systems.change_rules(OURS, lambda _: Rules(60), mark=mark) == (Rules(60), True)
    assert await systems.rules(THEIRS) == Rules(45)


async def test_of_several_rules_at_the_same_moment_one_stands(systems: PhoneSystems) -> None:
    mark = mark_of(await systems.rules(OURS))

    async def change(seconds: int) -> bool:
        made = await systems.change_rules(OURS, lambda _: Rules(seconds), mark=mark)
        assert made is not None
        return made[1]

    tried = await asyncio.gather(*(change(60 + n) for n in range(5)))
    assert sum(tried) == 1


@pytest.mark.parametrize(
    ("kind", "secret", "why"),
    [
        ("aircall", "short", Unfit.LENGTH),
        ("aircall", "x" * 256, Unfit.LENGTH),
        ("aircall", "with a blank in it", Unfit.CHARACTERS),
        ("aircall", "línea-secreta", Unfit.CHARACTERS),
        ("aircall", "line\nbreak-in-it", Unfit.CHARACTERS),
        ("aircall", "none-yet:0123456789", Unfit.CHARACTERS),
        ("aircall", "0123456789abcdef", None),
        ("standard", "0123456789abcdef", Unfit.NO_WHSEC),
        ("standard", "whsec_not base64".replace(" ", "!"), Unfit.NO_WHSEC),
        ("standard", "whsec_YWJj", Unfit.NO_WHSEC),
        ("standard", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", None),
    ],
)
def test_secret_that_could_never_prove_a_call_is_not_taken(
    kind: str, secret: str, why: Unfit | None
) -> None:
    assert why_unfit(kind, secret) is why


@pytest.mark.parametrize("kind", ["standard", "vxt"])
def test_secret_of_our_own_is_one_that_we_would_take_and_never_the_same(kind: str) -> None:
    made = {new_secret(kind) for _ in range(20)}
    assert len(made) == 20
    assert {why_unfit(kind, one) for one in made} == {None}
