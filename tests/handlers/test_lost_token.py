"""Slack gives no next token: nothing is given up, and adding the app again mends it all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa

from tests.handlers.inside import Inside, chosen, running, settled, shows, task_of
from xpm.api import TryLater

TEAM = "T0KEA"


@pytest_asyncio.fixture
async def lost(tmp_path: Path) -> AsyncIterator[Inside]:
    """A connected workspace whose token has ended, with no next one; Mia's entry is chosen and not saved."""
    with running(tmp_path) as inside:
        await inside.connect()
        yield inside
        # What waits for Slack would be looked at again in five minutes.
        await inside.on_its_loop(inside.made.durable.forget(TEAM))


async def lose_token(inside: Inside) -> None:
    async def change() -> None:
        async with inside.made.database.transaction() as tx:
            await tx.execute(
                sa.text(
                    "update workspaces set refresh_token = null, "
                    "token_expires_at = '2020-01-01 00:00:00.000000'"
                )
            )

    await inside.on_its_loop(change())


async def newest_call(inside: Inside) -> tuple[str, str]:
    rows = await inside.rows("select id, outcome from calls order by received_at desc limit 1")
    return str(rows[0][0]), str(rows[0][1])


async def test_calls_and_messages_wait_for_the_new_token_and_go_on_with_it(lost: Inside) -> None:
    inside = lost
    async with inside.visitor("U0MIA") as mia:
        message = await chosen(mia, await inside.offered(mia))
        await settled(inside)
        await lose_token(inside)
        # A command is answered without a token.
        answer = await inside.raw("command", user="U0MIA", text="status")
        assert (answer["status"], "Connected to Kea Accounting" in answer["body"]) == (200, True)
        # A call ends meanwhile: it is kept and waits, and is nobody's call less than ever.
        assert (await inside.call("lee@example.com", "+64215550123"))["status"] == 202
        call_id, outcome = await newest_call(inside)
        assert outcome == "waiting"
        reception, notices = inside.made.services.reception, inside.made.services.notices
        assert await inside.on_its_loop(reception.offer(TEAM, call_id)) == 300.0
        assert (await newest_call(inside))[1] == "waiting"
        # What an entry's message is to show waits as well, instead of counting as shown.
        entry = await inside.one("select id from entries where job_number = 'J000123'")
        with pytest.raises(TryLater):
            await inside.on_its_loop(notices.show(TEAM, entry))

        async with inside.visitor("U0SAM") as sam:
            await sam.install(f"{inside.app}/slack/install")
        assert await inside.one("select token_expires_at from workspaces") is None
        assert await inside.on_its_loop(reception.offer(TEAM, call_id)) is None
        async with inside.visitor("U0LEE") as lee:
            await lee.message("Call with Ana Example")
        await mia.press(message, "Save time", fields={"task": task_of(message)})
        await shows(mia, message, "12 min on J000123", "Undo", seconds=15)
        # Nobody has to connect XPM again.
        assert await inside.one("select count(*) from connections where ended_at is null") == 1
