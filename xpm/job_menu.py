"""What stands in the job menu and in which order: jobs of the call's clients, recent ones, one's own, all others."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xpm.job_lists import Lists
from xpm.ranking import Rank, Typed, fold, placed, with_recent
from xpm.store import Asking, Transaction, job_words, mirror
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
    lists: Lists,
    who: Asker,
    clients: Sequence[tuple[str, str]],
    typed: str,
    recent: Sequence[Job],
) -> list[Group]:
    """A group for each client (uuid, name), then Recent and the person's own jobs; then, once something is `typed`,
    every job of the practice that it may mean. No job stands twice.
    """
    words = tuple(fold(typed).split())
    of_clients, seen = await _of_clients(lists, who.workspace_id, clients, words)
    if not words:
        last = [job for job in recent if job.number not in seen][:RECENT_LIMIT]
        own, _ = await _own(lists, who, words, seen | {job.number for job in last})
        return [one for one in (*of_clients, Group("Recent", tuple(last)), own) if one.jobs]
    own, of_own = await _own(lists, who, words, seen)
    found, has_more = await search_of(lists, who, typed, recent)
    others = [job for job in found if job.number not in seen | of_own]
    # A job of the call's client stays with the client, however it was spelt and closed or not.
    groups = []
    for (uuid, _), group in zip(clients, of_clients, strict=True):
        groups.append(_with(group, [job for job in others if job.client_uuid == uuid]))
    others = [job for job in others if job.client_uuid not in dict(clients)]
    mine = await _own_among(lists, who, found) if others else frozenset()
    groups.append(_with(own, [job for job in others if job.number in mine]))
    rest = [job for job in others if job.number not in mine]
    hidden = max(0, len(rest) - MENU_LIMIT)
    groups.append(Group("All jobs", tuple(rest[:MENU_LIMIT]), hidden, has_more=has_more))
    return [group for group in groups if group.jobs]


def _with(group: Group, more: Sequence[Job]) -> Group:
    return replace(group, jobs=(*group.jobs, *more)[:MENU_LIMIT])


async def search_of(
    lists: Lists, who: Asker, typed: str, recent: Sequence[Job]
) -> tuple[list[Job], bool]:
    """The jobs of the practice that somebody may mean, the likeliest first; and whether some were not looked at."""
    asked = Typed.of(typed, today=who.today)
    if not asked.words:
        return [], False

    async def read(tx: Transaction) -> tuple[list[tuple[Rank, Job]], bool]:
        likely = await job_words.likely(tx, who.workspace_id, asked.words)
        return placed(asked, likely.jobs), likely.has_more

    found, has_more = await lists.of(("found", asked), read)
    return with_recent(found, {job.number for job in recent}), has_more


async def recent_of(tx: Asking, who: Asker) -> list[Job]:
    """The jobs that somebody logged on lately, the last one first."""
    if not who.slack_user_id:
        return []
    since = who.today - _LATELY
    return await mirror.jobs_logged_on(
        tx, who.workspace_id, who.slack_user_id, since, 4 * RECENT_LIMIT
    )


async def _of_clients(
    lists: Lists,
    workspace_id: str,
    clients: Sequence[tuple[str, str]],
    words: tuple[str, ...],
) -> tuple[list[Group], set[str]]:
    groups = []
    seen: set[str] = set()
    for uuid, name in clients:

        async def read(tx: Transaction, uuid: str = uuid) -> tuple[tuple[Job, ...], int]:
            jobs = await mirror.jobs_of_clients(tx, workspace_id, [uuid], words, MENU_LIMIT)
            total = len(jobs)
            if not words and total == MENU_LIMIT:
                total = await mirror.count_jobs_of_client(tx, workspace_id, uuid)
            return tuple(jobs), total

        jobs, total = await lists.of(("client", uuid, words), read)
        groups.append(Group(f"Jobs of {name}", jobs, total - len(jobs)))
        seen |= {job.number for job in jobs}
    return groups, seen


async def _own(
    lists: Lists, who: Asker, words: tuple[str, ...], seen: set[str]
) -> tuple[Group, set[str]]:
    staff_uuid = who.staff_uuid
    if staff_uuid is None:
        return Group("Your jobs", (), is_own=True), set()
    # In hundreds, so that the same list serves whatever else stands in the menu.
    most = MENU_LIMIT * (1 + -(-len(seen) // MENU_LIMIT))

    async def read(tx: Transaction) -> tuple[list[Job], int]:
        jobs = await mirror.jobs_of_staff(tx, who.workspace_id, staff_uuid, words, most)
        total = len(jobs)
        if not words and total == most:
            total = await mirror.count_jobs_of_staff(tx, who.workspace_id, staff_uuid)
        return jobs, total

    jobs, total = await lists.of(("staff", staff_uuid, words, most), read)
    unseen = [job for job in jobs if job.number not in seen]
    own = tuple(unseen[:MENU_LIMIT])
    hidden = 0
    if not words and len(own) == MENU_LIMIT:
        hidden = total - (len(jobs) - len(unseen)) - len(own)
    return Group("Your jobs", own, hidden, is_own=True), {job.number for job in unseen}


async def _own_among(lists: Lists, who: Asker, found: Sequence[Job]) -> frozenset[str]:
    """Those of the jobs found that are the person's own, closed ones included."""
    staff_uuid = who.staff_uuid
    if staff_uuid is None:
        return frozenset()
    numbers = tuple(sorted(job.number for job in found))

    async def read(tx: Transaction) -> frozenset[str]:
        return frozenset(await mirror.own_among(tx, who.workspace_id, staff_uuid, numbers))

    return await lists.of(("own", staff_uuid, numbers), read)
