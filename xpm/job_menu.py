"""What stands in the job menu and in which order: jobs of the call's clients, recent ones, one's own, all others."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xpm.ranking import Typed, fold, ranked
from xpm.store import Transaction, job_words, mirror
from xpm.store.mirror import Job

MENU_LIMIT = 100
"""Slack shows at most 100 options in a group: https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element"""

RECENT_LIMIT = 5
_LATELY = dt.timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who opens the menu, and on which day."""

    workspace_id: str
    staff_uuid: str | None
    slack_user_id: str
    today: dt.date


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the job menu. `hidden` counts the jobs that typing would find but the menu has no room for;
    `has_more` says that there are some more that nobody counted.
    """

    label: str
    jobs: tuple[Job, ...]
    hidden: int = 0
    is_own: bool = False
    has_more: bool = False


async def menu_of(
    tx: Transaction, who: Asker, clients: Sequence[tuple[str, str]], typed: str
) -> list[Group]:
    """A group for each client (uuid, name), then Recent and the person's own jobs; then, once something is `typed`,
    every job of the practice that it may mean. No job stands twice.
    """
    words = fold(typed).split()
    of_clients, seen = await _of_clients(tx, who.workspace_id, clients, words)
    if not words:
        recent = [job for job in await _recent(tx, who) if job.number not in seen][:RECENT_LIMIT]
        own, _ = await _own(tx, who, words, seen | {job.number for job in recent})
        return [one for one in (*of_clients, Group("Recent", tuple(recent)), own) if one.jobs]
    own, of_own = await _own(tx, who, words, seen)
    found, has_more = await search_of(tx, who, typed)
    others = [job for job in found if job.number not in seen | of_own]
    # A job of the call's client stays with the client, however it was spelt and closed or not.
    groups = []
    for (uuid, _), group in zip(clients, of_clients, strict=True):
        groups.append(_with(group, [job for job in others if job.client_uuid == uuid]))
    others = [job for job in others if job.client_uuid not in dict(clients)]
    mine: set[str] = set()
    if who.staff_uuid is not None and others:
        numbers = [job.number for job in others]
        mine = await mirror.own_among(tx, who.workspace_id, who.staff_uuid, numbers)
    groups.append(_with(own, [job for job in others if job.number in mine]))
    rest = [job for job in others if job.number not in mine]
    hidden = max(0, len(rest) - MENU_LIMIT)
    groups.append(Group("All jobs", tuple(rest[:MENU_LIMIT]), hidden, has_more=has_more))
    return [group for group in groups if group.jobs]


def _with(group: Group, more: Sequence[Job]) -> Group:
    return replace(group, jobs=(*group.jobs, *more)[:MENU_LIMIT])


async def search_of(tx: Transaction, who: Asker, typed: str) -> tuple[list[Job], bool]:
    """The jobs of the practice that somebody may mean, the likeliest first; and whether some were not looked at."""
    asked = Typed.of(typed)
    if not asked.words:
        return [], False
    recent = {job.number for job in await _recent(tx, who)}
    likely = await job_words.likely(tx, who.workspace_id, asked.words)
    return ranked(Typed.of(typed, recent, who.today), likely.jobs), likely.has_more


async def _recent(tx: Transaction, who: Asker) -> list[Job]:
    if not who.slack_user_id:
        return []
    since = who.today - _LATELY
    return await mirror.jobs_logged_on(
        tx, who.workspace_id, who.slack_user_id, since, 4 * RECENT_LIMIT
    )


async def _of_clients(
    tx: Transaction, workspace_id: str, clients: Sequence[tuple[str, str]], words: list[str]
) -> tuple[list[Group], set[str]]:
    groups = []
    seen: set[str] = set()
    for uuid, name in clients:
        jobs = await mirror.jobs_of_clients(tx, workspace_id, [uuid], words, MENU_LIMIT)
        total = len(jobs)
        if not words and total == MENU_LIMIT:
            total = await mirror.count_jobs_of_client(tx, workspace_id, uuid)
        groups.append(Group(f"Jobs of {name}", tuple(jobs), total - len(jobs)))
        seen |= {job.number for job in jobs}
    return groups, seen


async def _own(
    tx: Transaction, who: Asker, words: list[str], seen: set[str]
) -> tuple[Group, set[str]]:
    if who.staff_uuid is None:
        return Group("Your jobs", (), is_own=True), set()
    jobs = await mirror.jobs_of_staff(
        tx, who.workspace_id, who.staff_uuid, words, MENU_LIMIT + len(seen)
    )
    unseen = [job for job in jobs if job.number not in seen]
    own = unseen[:MENU_LIMIT]
    total = len(own)
    if not words and len(own) == MENU_LIMIT:
        total = await mirror.count_jobs_of_staff(tx, who.workspace_id, who.staff_uuid) - (
            len(jobs) - len(unseen)
        )
    group = Group("Your jobs", tuple(own), max(0, total - len(own)), is_own=True)
    return group, {job.number for job in unseen}
