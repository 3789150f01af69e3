"""The same thing told four times, in any order, at once, to two processes on one database: it has one effect."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from sandbox.telephone import read_call
from sandbox.visitor import has_button, text_of
from tests.handlers.inside import chosen, task_of
from tests.postgres import Postgres
from tests.reliability.standing import Standing, standing
from tests.replicas import Replicas

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated"),
]

ORDERS = ["in order", "reversed", "at once"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(
    replicas: Replicas, postgres: Postgres, postgres_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Standing]:  # fmt: skip
    """Two processes of the app."""
    url = postgres.url(postgres.create(postgres_template))
    folder = tmp_path_factory.mktemp("two")
    async with standing(folder, url, replicas, ("one", "two")) as made:
        yield made


async def _deliver(made: Standing, whom: str, order: str) -> list[int]:
    """One call's event, in four attempts some seconds apart, each to the other process than the last."""
    telephone = made.telephone
    now = dt.datetime.now(dt.UTC)
    call = read_call({"user_email": "mia@example.com", "external_name": whom, "id": whom}, now)
    body = json.dumps(call.event("+6495550100")).encode()
    path = str(telephone.url).split("/", 3)[3]
    ports = [port for _, port in made.running.values()]

    async def attempt(number: int) -> int:
        at = now - dt.timedelta(seconds=30 - 5 * number)
        headers = {
            "content-type": "application/json",
            "webhook-id": f"msg_{whom}",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": telephone.signed(f"msg_{whom}", at, body),
        }
        url = f"http://127.0.0.1:{ports[number % 2]}/{path}"
        async with session.post(url, data=body, headers=headers) as answer:
            return answer.status

    async with aiohttp.ClientSession() as session:
        if order == "at once":
            return list(await asyncio.gather(*map(attempt, range(4))))
        numbers = range(4) if order == "in order" else reversed(range(4))
        return [await attempt(number) for number in numbers]


@pytest.mark.parametrize("order", ORDERS)
async def test_call_that_is_delivered_four_times_to_two_processes_is_asked_about_once(
    two: Standing, order: str
) -> None:
    whom = f"Somebody {order}"
    assert await _deliver(two, whom, order) == [202] * 4
    async with two.visitor("U0MIA") as mia:
        await mia.message(whom, seconds=20)
        await _nothing_is_under_way(two)
        seen = await mia.see()
    assert sum(whom in text_of(one) for one in seen["messages"]) == 1
    query = "select count(*) from calls where source_id = :id"
    assert await two.one(query, id=whom) == 1
    query = (
        "select count(*) from entries e join calls c on c.id = e.call_id where c.source_id = :id"
    )
    assert await two.one(query, id=whom) == 1


@pytest.mark.parametrize("order", ["in order", "at once"])
async def test_click_that_comes_four_times_to_two_processes_is_one_time(
    two: Standing, order: str
) -> None:
    whom = f"A click {order}"
    await _deliver(two, whom, "in order")
    async with two.visitor("U0MIA") as mia:
        form = await chosen(mia, await mia.message(whom, seconds=20))

        async def press() -> None:
            await mia.press(form, "Save time", fields={"task": task_of(form)})

        # The relay gives each connection to the other process than the last.
        clicks = [press() for _ in range(4)]
        if order == "at once":
            await asyncio.gather(*clicks)
        else:
            for click in clicks:
                await click
        saved = await mia.until(
            lambda seen: [
                one for one in seen["messages"] if whom in text_of(one) and has_button(one, "Undo")
            ],
            "message that it is saved",
            seconds=20,
        )
        await _nothing_is_under_way(two)
    assert len(saved) == 1
    assert two.notes().count(f"Call with {whom}") == 1


async def _nothing_is_under_way(made: Standing) -> None:
    query = (
        "select count(*) from dbos.workflow_status "
        "where status in ('ENQUEUED', 'PENDING', 'DELAYED') and name = any(:names)"
    )
    async with asyncio.timeout(20):
        while await made.one(query, names=["offer_call", "settle_entry"]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
