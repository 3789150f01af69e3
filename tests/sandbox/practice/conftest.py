"""A pretend Xero on loopback, and an app that is connected to it."""

import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from lxml import etree

from sandbox.practice import PracticeSettings, PretendXero, served_practice

KEA = "11111111-1111-4111-8111-111111111111"
TUI = "22222222-2222-4222-8222-222222222222"
CALLBACK = "http://localhost:9999/xero/done"
SCOPES = (
    "openid profile email offline_access practicemanager.client.read practicemanager.job "
    "practicemanager.staff.read practicemanager.time"
)
AUTH = httpx.BasicAuth("app-1", "secret-1")
Server = Literal["h11", "httptools"]


@dataclass
class Clock:
    """A clock that tests move."""

    moment: datetime = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment it stands at."""
        return self.moment

    def move(self, **by: float) -> None:
        """Go forward."""
        self.moment += timedelta(**by)


@dataclass
class Xero:
    """A served pretend Xero as an app sees it."""

    http: httpx.AsyncClient
    state: PretendXero
    clock: Clock
    tokens: dict[str, Any] = field(default_factory=dict)
    tenant: str = KEA

    async def consent(self, person: str = "sam@example.com", **more: str) -> httpx.Response:
        """Open the consent page as a browser does."""
        query = {
            "response_type": "code",
            "client_id": "app-1",
            "redirect_uri": CALLBACK,
            "scope": SCOPES,
            "state": "s t&1",
            "person": person,
        }
        wanted = {name: value for name, value in {**query, **more}.items() if value}
        return await self.http.get("/identity/connect/authorize", params=wanted)

    async def press(
        self, page: httpx.Response, answer: str = "allow", practice: str | list[str] = KEA
    ) -> httpx.Response:
        """Press a button on the consent page."""
        form = re.search(r'name="form" value="([^"]+)"', page.text)
        assert form is not None, page.text
        sent = {"form": form[1], "answer": answer, "practice": practice}
        return await self.http.post("/identity/connect/authorize", data=sent)

    async def code(self, person: str = "sam@example.com", practice: str = KEA, **more: str) -> str:
        """Consent and return the code that comes back."""
        back = await self.press(await self.consent(person, **more), practice=practice)
        return parse_qs(urlsplit(back.headers["location"]).query)["code"][0]

    async def redeem(self, code: str, **more: str) -> httpx.Response:
        """Exchange a code."""
        sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return await self.http.post("/connect/token", data={**sent, **more}, auth=AUTH)

    async def refresh(self, token: str) -> httpx.Response:
        """Exchange a refresh token."""
        sent = {"grant_type": "refresh_token", "refresh_token": token}
        return await self.http.post("/connect/token", data=sent, auth=AUTH)

    async def connect(self, person: str = "sam@example.com", practice: str = KEA) -> None:
        """Go through consent and keep the tokens."""
        self.tenant = practice
        self.tokens = (await self.redeem(await self.code(person, practice))).json()

    async def call(
        self, method: str, endpoint: str, body: str = "", **query: str
    ) -> httpx.Response:
        """Call Practice Manager with the kept tokens."""
        return await self.http.request(
            method,
            f"/practicemanager/3.1/{endpoint}",
            params=query,
            content=body.encode(),
            headers={
                "Authorization": f"Bearer {self.tokens['access_token']}",
                "Xero-tenant-id": self.tenant,
                "Content-Type": "application/xml",
            },
        )

    async def get(self, endpoint: str, **query: str) -> etree._Element:
        """Call, and return the XML that came with 200 and OK."""
        answer = await self.call("GET", endpoint, **query)
        assert answer.status_code == 200, answer.text
        root = etree.fromstring(answer.content)
        assert root.findtext("Status") == "OK", answer.text
        return root

    async def refused(self, method: str, endpoint: str, body: str = "") -> str:
        """Call, and return the words of the refusal that came with 200 and ERROR."""
        answer = await self.call(method, endpoint, body)
        assert answer.status_code == 200
        root = etree.fromstring(answer.content)
        assert root.findtext("Status") == "ERROR", answer.text
        return root.findtext("ErrorDescription") or ""

    async def fault(self, kind: str, **more: object) -> None:
        """Set a fault through the door."""
        answer = await self.http.post("/sandbox/faults", json={"kind": kind, **more})
        assert answer.status_code == 201, answer.text

    async def seen(self) -> dict[str, Any]:
        """Return what the door shows."""
        answer = await self.http.get("/sandbox/state")
        shown: dict[str, Any] = answer.json()
        return shown

    def uuid_of_staff(self, first_name: str) -> str:
        """Return the UUID of the one at Kea with that first name."""
        staff = self.state.practices[KEA].staff.values()
        return next(s.uuid for s in staff if s.name.startswith(first_name + " "))

    def uuid_of_task(self, number: str, name: str) -> str:
        """Return the UUID of a task of a job of Kea."""
        kea = self.state.practices[KEA]
        return next(t.uuid for t in kea.tasks_of(kea.jobs[number]) if t.name == name)

    def sheet(self, **changed: str) -> str:
        """Return a timesheet that is accepted as it is; an empty text leaves an element out."""
        fields = {
            "Job": "J000123",
            "TaskUUID": self.uuid_of_task("J000123", "Individual tax"),
            "StaffUUID": self.uuid_of_staff("Mia"),
            "Date": "20261123",
            "Minutes": "12",
            "Note": "Call with Ana Example",
        }
        rows = {**fields, **changed}.items()
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in rows if value)
        return f"<Timesheet>{inner}</Timesheet>"

    async def add(self, **changed: str) -> str:
        """Add a time and return its UUID."""
        answer = await self.call("POST", "time.api/add", self.sheet(**changed))
        uuid = etree.fromstring(answer.content).findtext("Time/UUID")
        assert uuid, answer.text
        return uuid


Serve = Callable[..., Awaitable[Xero]]


@asynccontextmanager
async def served(server: Server, **options: Any) -> AsyncIterator[Xero]:
    """Serve a pretend Xero on a free port of loopback with a clock of its own."""
    clock = Clock()
    settings = PracticeSettings(
        client_id="app-1",
        client_secret="secret-1",
        redirect_uris=(CALLBACK,),
        public_url="",
        now=clock.now,
        **{"minute_limit": 1000, **options},
    )
    # An empty TLS context: nothing here speaks TLS, and loading certificates is slow.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with (
        served_practice(settings, server) as practice,
        httpx.AsyncClient(base_url=practice.url, timeout=10, trust_env=False, verify=tls) as client,
    ):
        yield Xero(client, practice.state, clock)


@pytest.fixture
async def xero() -> AsyncIterator[Xero]:
    """Serve a small pretend Xero that nobody is connected to."""
    async with served("httptools") as one:
        yield one


@pytest.fixture
async def kea(xero: Xero) -> Xero:
    """Connect Sam's Kea Accounting."""
    await xero.connect()
    return xero


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Return how to serve one with other settings."""
    return served
