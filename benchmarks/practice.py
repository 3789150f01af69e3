"""A pretend practice of many clients in a process of its own: `python -m benchmarks.practice CLIENTS`.

Prints where it is and the tokens of a connection, then serves until it is ended.
"""

import asyncio
import json
import sys

from sandbox.practice import PracticeSettings, create_practice
from sandbox.practice.seed import KEA
from sandbox.serving import address, listen, serving

CALLBACK = "http://127.0.0.1:9/connect/xero/callback"
SCOPES = frozenset(
    [
        "offline_access",
        "practicemanager.client.read",
        "practicemanager.job",
        "practicemanager.staff.read",
    ]
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
