"""Two hundred things a bookkeeper might type over the seeded practice, each with the job that was meant."""

from pathlib import Path

from sandbox.practice import PracticeSettings
from sandbox.practice.seed import KEA, practices
from xpm.job_lists import Lists
from xpm.job_menu import Asker, recent_of, search_of
from xpm.ranking import search_text
from xpm.store import Database, job_words, mirror
from xpm.store import tables as t

QUERIES = Path(__file__).parent / "job_queries.txt"
"""A line each: what is typed, a tab, the job's ID."""

# Shares of 200; what was reached when this was written. Never lowered.
FIRST, IN_FIRST_TEN = 0.97, 0.99


async def test_the_job_meant_is_found_first_or_among_the_first_ten(sqlite: Database) -> None:
    settings = PracticeSettings(
        client_id="search",
        client_secret="-",
        redirect_uris=("http://127.0.0.1/callback",),
        public_url="http://127.0.0.1",
        clients=600,
        jobs=3000,
    )
    practice = practices(settings)[KEA]
    rows = [
        {
            "workspace_id": "T1",
            "number": job.number,
            "name": job.name,
            "state": job.state,
            "is_open": job.is_open,
            "client_name": job.client.name,
            "due_date": job.due,
            "search": search_text(job.number, job.name, job.client.name),
            "sync_id": "s1",
        }
        for job in practice.jobs.values()
    ]
    async with sqlite.transaction() as tx:
        await job_words.replace(tx, "T1", rows)
        await mirror.write(tx, t.jobs, rows)
    who = Asker("T1", None, "", practice.jobs["J000123"].due.replace(year=2026, month=11, day=23))
    first = ten = 0
    missed = []
    lines = QUERIES.read_text().splitlines()
    assert len(lines) == 200
    async with sqlite.reading() as tx:
        for line in lines:
            typed, meant = line.split("\t")
            found, _ = await search_of(Lists.read(tx), who, typed, await recent_of(tx, who))
            numbers = [job.number for job in found[:10]]
            first += numbers[:1] == [meant]
            ten += meant in numbers
            if meant not in numbers:
                missed.append((typed, meant, numbers[:3]))
    print(f"\nfound first {first / 200:.1%}, among the first ten {ten / 200:.1%}")
    for one in missed[:20]:
        print("  not found:", *one)
    assert first / 200 >= FIRST
    assert ten / 200 >= IN_FIRST_TEN
