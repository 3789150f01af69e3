"""A pretend practice of many clients in a process of its own: `python -m benchmarks.practice CLIENTS`.

Prints where it is and the tokens of a connection, then serves until it is ended.
"""

import asyncio
import json
import sys
from datetime import date

from benchmarks.seed import PEOPLE
from sandbox.practice import PracticeSettings, create_practice
from sandbox.practice.records import Job, JobTask, Staff
from sandbox.practice.seed import KEA
from sandbox.practice.tenant import Practice
from sandbox.serving import address, listen, serving

CALLBACK = "http://127.0.0.1:9/connect/xero/callback"
SCOPES = frozenset(
    [
        "offline_access",
        "practicemanager.client.read",
        "practicemanager.job",
        "practicemanager.staff.read",
        "practicemanager.time",
    ]
)


def _employ(kea: Practice) -> None:
    """Lets the practice know the people whose entries are saved, and the job that they choose."""
    for number in range(PEOPLE):
        one = f"staff-{number}"
        kea.staff[one] = Staff(one, "Mia Chen", f"p{number}@example.com", "")
    owner = next(iter(kea.clients.values()))
    task = JobTask("d0", "d0", "Client queries")
    kea.add_job(
        Job(
            "J000000",
            f"{0:032x}",
            "Tax return",
            owner,
            "In Progress",
            date(2026, 4, 1),
            date(2027, 3, 31),
            tuple(f"staff-{number}" for number in range(PEOPLE)),
            tasks=[task],
        )
    )


async def _main(clients: int) -> None:
    bound = listen()
    app = create_practice(
        PracticeSettings(
            client_id="sandbox-xero-app",
            client_secret="-",
            redirect_uris=(CALLBACK,),
            public_url=address(bound),
            clients=clients,
            long_rows=True,
            token_seconds=86_400,
            minute_limit=100_000,
            day_limit=100_000,
        )
    )
    _employ(app.state.practice.practices[KEA])
    grants = app.state.practice.grants
    sam = app.state.practice.people["sam@example.com"]
    tokens = grants.redeem(
        grants.consent(sam, KEA, scopes=SCOPES, redirect_uri=CALLBACK), CALLBACK, ""
    )
    async with serving((app, bound)):
        said = {
            "url": address(bound),
            "tenant": KEA,
            "access": tokens.access,
            "refresh": tokens.refresh,
        }
        print(json.dumps(said), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
