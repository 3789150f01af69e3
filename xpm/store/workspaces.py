"""Workspaces, their people and their phone systems."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.questions import Asking, Question, columns_of
from xpm.vault import Sealed


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Slack workspace in which the app is installed, or a whole organisation (`id` is E…, not T…).

    A workspace without a token of its own is served by its organisation's. A token that Slack rotates has a
    `refresh_token` and `token_expires_at`; `token_version` counts the tokens; until `rotating_until` somebody is busy
    fetching the next. Removed workspaces have `removed_at` and no token; only this module sees them.
    """

    id: str
    name: str
    enterprise_id: str | None
    app_id: str
    bot_id: str
    bot_user_id: str
    bot_token: Sealed | None
    scopes: str
    installed_by: str
    installed_at: datetime
    is_organisation: bool = False
    refresh_token: Sealed | None = None
    token_expires_at: datetime | None = None
    token_version: int = 1
    rotating_until: datetime | None = None
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a workspace. `channel` is the direct message between them and the app, once known."""

    workspace_id: str
    slack_user_id: str
    email: str | None = None
    name: str = ""
    time_zone: str = "UTC"
    is_admin: bool = False
    is_guest: bool = False
    has_left: bool = False
    channel: str | None = None
    has_seen_home: bool = False
    learned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PhoneSystem:
    """Where calls come from; the secret proves that they do.

    `chosen` is what somebody chose where several are of one kind, empty where nobody did. `refused_why` is why a
    delivery was refused last, in our words. Both times are noted at most once a minute.
    """

    id: str
    workspace_id: str
    kind: str
    secret: Sealed
    created_at: datetime
    last_call_at: datetime | None = None
    refused_at: datetime | None = None
    refused_why: str | None = None
    chosen: str = ""


def upsert(
    tx: Transaction,
    table: sa.Table,
    values: dict[str, Any] | list[dict[str, Any]],
    *,
    keep: tuple[str, ...] = (),
) -> sa.Executable:
    """Insert, or update every column that is not part of the key nor in `keep`; the same words on both databases."""
    one = values if isinstance(values, dict) else values[0]
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    keys = [column.name for column in table.primary_key]
    statement: Any = insert(table)
    if isinstance(values, dict):
        statement = statement.values(values)
    changes = {
        name: statement.excluded[name] for name in one if name not in keys and name not in keep
    }
    if not changes:
        return cast(sa.Executable, statement.on_conflict_do_nothing(index_elements=keys))
    return cast(sa.Executable, statement.on_conflict_do_update(index_elements=keys, set_=changes))


async def save(tx: Transaction, workspace: Workspace) -> None:
    """Remembers an installation; a reinstall replaces the token and undoes a removal.

    An organisation brings back the workspaces that were removed with it.
    """
    c = t.workspaces.c
    statement = sa.select(c.token_version, c.removed_at).where(c.id == workspace.id)
    before = (await tx.execute(statement.with_for_update())).first()
    values = {column.name: getattr(workspace, column.name) for column in t.workspaces.columns}
    if before is not None:
        values["token_version"] = before.token_version + 1
        if workspace.is_organisation and before.removed_at is not None:
            await tx.execute(
                sa.update(t.workspaces)
                .where(c.enterprise_id == workspace.id, c.removed_at == before.removed_at)
                .values(removed_at=None)
            )
    await tx.execute(upsert(tx, t.workspaces, values))


async def get(tx: Transaction, workspace_id: str) -> Workspace | None:
    """The workspace or organisation, or None when the app is not installed there, or not any more."""
    c = t.workspaces.c
    statement = sa.select(t.workspaces).where(c.id == workspace_id, c.removed_at.is_(None))
    row = (await tx.execute(statement)).first()
    return None if row is None else Workspace(**row._mapping)


async def every_id(tx: Transaction) -> list[str]:
    """The ids of all workspaces where the app is, without organisations; for the clock and the command line only."""
    c = t.workspaces.c
    statement = sa.select(c.id).where(c.removed_at.is_(None), c.is_organisation.is_(False))
    return list((await tx.execute(statement)).scalars())


async def new_install_state(tx: Transaction, fingerprint: str, expires_at: datetime) -> None:
    """Remembers the fingerprint of an installation's state and purges the expired ones."""
    await tx.execute(
        sa.delete(t.install_states).where(
            t.install_states.c.expires_at < expires_at - timedelta(days=1)
        )
    )
    await tx.execute(
        sa.insert(t.install_states).values(fingerprint=fingerprint, expires_at=expires_at)
    )


async def use_install_state(tx: Transaction, fingerprint: str, now: datetime) -> bool:
    """Whether the state was ours, unused and young; it is gone afterwards, so that two callbacks cannot both win."""
    c = t.install_states.c
    statement = sa.delete(t.install_states).where(c.fingerprint == fingerprint, c.expires_at > now)
    return (await tx.execute(statement.returning(c.fingerprint))).first() is not None


_PERSON = Question(
    sa.select(*columns_of(t.people, Person)).where(
        t.people.c.workspace_id == sa.bindparam("workspace_id"),
        t.people.c.slack_user_id == sa.bindparam("slack_user_id"),
    )
)


async def person(tx: Asking, workspace_id: str, slack_user_id: str) -> Person:
    """The person as we know them; somebody we have never met has no e-mail yet."""
    row = await _PERSON.row(tx, workspace_id=workspace_id, slack_user_id=slack_user_id)
    return Person(workspace_id, slack_user_id) if row is None else Person(*row)


async def person_by_email(tx: Transaction, workspace_id: str, email: str) -> Person | None:
    """The one person with this e-mail address (case folded), or None."""
    c = t.people.c
    rows = (
        await tx.execute(
            sa.select(t.people).where(
                c.workspace_id == workspace_id, c.email == email.casefold(), c.has_left.is_(False)
            )
        )
    ).all()
    return Person(**rows[0]._mapping) if len(rows) == 1 else None


async def save_person(tx: Transaction, person: Person, *fields: str) -> None:
    """Remembers somebody; only `fields` change when they are known already (all, when none is named)."""
    values = {column.name: getattr(person, column.name) for column in t.people.columns}
    if values["email"]:
        values["email"] = values["email"].casefold()
    keep = tuple(name for name in values if fields and name not in fields)
    await tx.execute(upsert(tx, t.people, values, keep=keep))


async def people_who_saw_home(tx: Transaction, workspace_id: str) -> list[Person]:
    """Those whose App Home should follow a change of the connection."""
    c = t.people.c
    rows = await tx.execute(
        sa.select(t.people).where(
            c.workspace_id == workspace_id, c.has_seen_home.is_(True), c.has_left.is_(False)
        )
    )
    return [Person(**row._mapping) for row in rows]


async def add_phone_system(tx: Transaction, system: PhoneSystem) -> bool:
    """Remembers a phone system; False, and nothing is changed, when its id is taken."""
    insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    statement: Any = insert(t.phone_systems).values(
        {column.name: getattr(system, column.name) for column in t.phone_systems.columns}
    )
    statement = statement.on_conflict_do_nothing().returning(t.phone_systems.c.id)
    return (await tx.execute(statement)).first() is not None


_PHONE_SYSTEM = Question(
    sa.select(*columns_of(t.phone_systems, PhoneSystem)).where(
        t.phone_systems.c.id == sa.bindparam("system_id"),
        t.phone_systems.c.kind == sa.bindparam("kind"),
        ~sa.exists().where(
            t.workspaces.c.id == t.phone_systems.c.workspace_id,
            t.workspaces.c.removed_at.is_not(None),
        ),
    )
)


async def phone_system(tx: Asking, kind: str, system_id: str) -> PhoneSystem | None:
    """The phone system behind an address; its id is the only key a webhook has, so no workspace is asked for.

    None when the app was removed from its workspace.
    """
    row = await _PHONE_SYSTEM.row(tx, system_id=system_id, kind=kind)
    return None if row is None else PhoneSystem(*row)
