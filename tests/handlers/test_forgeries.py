"""Ten thousand proofs that are almost right, at both doors: none is accepted, and each is answered 401.

The app is called as the server calls it, without a server, so that no client or parser tidies a header up.
"""

import base64
import datetime as dt
import hashlib
import hmac
import random
import string
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio
import sqlalchemy as sa
from starlette.types import ASGIApp, Message

from bot import app as app_module
from bot import phone_systems, web
from bot.settings import Settings
from sandbox.workspace.outgoing.delivery import signature
from tests.handlers.inside import SIGNING_SECRET, values
from xpm.store import Database
from xpm.store import tables as t

FORGERIES = 5_000
"""For each of the two doors."""

HERE = dict.fromkeys(("app", "page", "practice", "providers"), "http://127.0.0.1:9")
Headers = dict[str, str]
Change = Callable[[str, random.Random], str]


class Door:
    """The app without a server: a request goes in and a status comes out."""

    def __init__(self, app: ASGIApp, database: Database, path: str, secret: str) -> None:
        self.app, self.database, self.path, self.secret = app, database, path, secret

    async def post(self, path: str, headers: Headers, body: bytes) -> int:
        """The status of the answer."""
        status = 0

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        raw = [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "scheme": "http", "server": ("127.0.0.1", 9), "client": ("127.0.0.1", 9),
            "http_version": "1.1", "headers": raw,
        }  # fmt: skip
        await self.app(scope, receive, send)
        return status

    async def counts(self) -> list[int]:
        """How much there is of what a request could make."""
        tables = (t.calls, t.entries, t.audit, t.connect_links)
        async with self.database.reading() as tx:
            found = [
                await tx.execute(sa.select(sa.func.count()).select_from(one)) for one in tables
            ]
            return [int(one.scalar_one()) for one in found]


@pytest_asyncio.fixture
async def door(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings takes it, its types do not say so
        **{**values(HERE, tmp_path), "database_url": sqlite_url},
    )
    made = app_module.build(settings)
    async with made.database.transaction() as tx:
        await tx.execute(
            sa.insert(t.workspaces).values(
                id="T1", name="Kea", app_id="A", bot_id="B", bot_user_id="U", scopes="",
                installed_by="U1", installed_at=dt.datetime.now(dt.UTC),
            )
        )  # fmt: skip
    added = await phone_systems.add(settings, "T1")
    assert added is not None
    path = "/" + added.address.split("/", 3)[3]
    yield Door(web.create(made), made.database, path, added.secret)
    await made.http.close()
    await made.database.close()


# -- what is almost right ----------------------------------------------------------------------------------------------


def _other_letter(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    letters = string.ascii_letters + string.digits + "+/=,. é\x00"
    other = chance.choice([one for one in letters if one != text[place]])
    return text[:place] + other + text[place + 1 :]


def _without_one(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return text[:place] + text[place + 1 :]


def _with_one_more(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text) + 1)
    return text[:place] + chance.choice("0aA=+_-. ,\té١") + text[place:]


def _cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


def _twice(text: str, _: random.Random) -> str:
    return text + text


def _in_capitals(text: str, _: random.Random) -> str:
    return text.swapcase()


def _made_up(text: str, chance: random.Random) -> str:
    return "".join(chance.choices(string.printable, k=len(text)))


def _made_up_alike(text: str, chance: random.Random) -> str:
    digits = "".join(chance.choices(string.hexdigits.lower(), k=64))
    known = base64.b64encode(chance.randbytes(32)).decode()
    return chance.choice([f"v0={digits}", f"v1,{known}", f"v1a,{known}", f"v2,{text[3:]}"])


def _none(_: str, __: random.Random) -> str:
    return ""


SIGNATURES: list[Change] = [
    _other_letter, _other_letter, _without_one, _with_one_more, _with_one_more, _cut, _in_capitals, _made_up,
    _made_up_alike, _none,
]  # fmt: skip
STAMPS: list[Change] = [
    _other_letter, _without_one, _with_one_more, _cut, _twice, _made_up, _none,
    lambda text, chance: str(int(text) + chance.choice([-400, -301, -1, 1, 299, 301, 10**6])),
    lambda text, chance: chance.choice(["+", "-", "0", " ", "00", "\t"]) + text,
    lambda text, chance: text + chance.choice([".0", ".9", "e0", " ", "L", "_0"]),
    lambda text, _: f"{text[:3]}_{text[3:]}",
    lambda text, _: f"{float(text):e}",
    lambda text, _: hex(int(text)),
    lambda text, _: text.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
    lambda _, chance: chance.choice(["nan", "inf", "-inf", "1e400", "9" * 300, "null", "[]"]),
]  # fmt: skip


def forged(good: Headers, stamp: str, proof: str, chance: random.Random) -> Headers:
    """The good headers with the time, the proof or both of them spoilt, or one left out."""
    headers = dict(good)
    if chance.random() < 0.03:
        del headers[chance.choice([stamp, proof])]
        return headers
    which = chance.choice([[stamp], [proof], [proof], [stamp, proof]])
    for name in which:
        changes = STAMPS if name == stamp else SIGNATURES
        headers[name] = chance.choice(changes)(good[name], chance)
    return headers if headers != good else forged(good, stamp, proof, chance)


# -- the doors ---------------------------------------------------------------------------------------------------------


async def test_none_of_5000_forged_proofs_of_slack_is_accepted(door: Door) -> None:
    chance = random.Random(20261123)
    body = b"team_id=T1&user_id=U1&command=%2Fxpm&text=connect&trigger_id=1.2.3"
    before, statuses = await door.counts(), Counter[int]()
    for _ in range(FORGERIES):
        at = str(int(time.time()))
        good = {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": at,
            "x-slack-signature": signature(SIGNING_SECRET, at, body),
        }
        headers = forged(good, "x-slack-request-timestamp", "x-slack-signature", chance)
        statuses[await door.post("/slack/events", headers, body)] += 1
    assert statuses == {401: FORGERIES}
    assert await door.counts() == before


async def test_none_of_5000_forged_proofs_of_a_phone_system_is_accepted(door: Door) -> None:
    chance = random.Random(20261124)
    body = b'{"type":"call.ended","data":{"id":"c-1"}}'
    key = base64.b64decode(door.secret.removeprefix("whsec_"))
    before, statuses = await door.counts(), Counter[int]()
    accepted = []
    for _ in range(FORGERIES):
        at = str(int(time.time()))
        digest = hmac.new(key, f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()
        good = {
            "webhook-id": "msg_1",
            "webhook-timestamp": at,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }
        headers = forged(good, "webhook-timestamp", "webhook-signature", chance)
        status = await door.post(door.path, headers, body)
        statuses[status] += 1
        if status != 401:
            accepted.append(headers)
    assert statuses == {401: FORGERIES}, accepted[:3]
    assert await door.counts() == before


async def test_the_same_requests_are_let_in_with_the_right_proof(door: Door) -> None:
    at = str(int(time.time()))
    body = b'{"type":"call.started","data":{}}'
    key = base64.b64decode(door.secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()
    proof = "v1," + base64.b64encode(digest).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": at}
    # Two keys while they rotate, and a version that is not ours beside it, as the specification has it.
    for signatures in (proof, f"v1a,x {proof}", f"v1,{'A' * 43}= {proof}"):
        given = {**headers, "webhook-signature": signatures}
        assert await door.post(door.path, given, body) == 202
    spoken = b"team_id=T1&user_id=U1&command=%2Fnothing&text=&trigger_id=1.2.3"
    slack = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": at,
        "x-slack-signature": signature(SIGNING_SECRET, at, spoken),
    }
    assert await door.post("/slack/events", slack, spoken) != 401
