"""XPM's times as a value behind the real client: it answers as time.api does, and fails in every way it can.

A write is carried out before its answer, long after it, or never, and the answer is told, lost or spoilt: any of the
one with any of the other.
"""

import datetime as dt
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

import httpx
from lxml import etree

READ_TIMEOUT = 20
"""Seconds until the client gives an answer up."""

NEVER, AT_ONCE, LATE = "never", "at once", "late"

XML = {"content-type": "text/xml"}


@dataclass(frozen=True)
class Fault:
    """What becomes of one write: whether it is carried out, and what the app hears of it."""

    answer: str = "ok"
    carried_out: str = AT_ONCE

    def __str__(self) -> str:
        return f"{self.answer}, carried out {self.carried_out}"


WELL = Fault()
CLEAR = [Fault(answer, NEVER) for answer in ("unreachable", "429", "refused", "403")]
"""Nothing was written, and the app can know it."""

UNCLEAR = [
    Fault(answer, carried_out)
    for answer in ("silence", "cut", "500", "503", "half", "malformed")
    for carried_out in (NEVER, AT_ONCE, LATE)
]
"""Whether it was written cannot be told from the answer."""


@dataclass(frozen=True)
class Row:
    """A time in XPM."""

    uuid: str
    job: str
    task: str
    staff: str
    date: str
    minutes: str
    note: str


class Clock:
    """Stands until a test turns it."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += dt.timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Sleeps by letting time pass."""
        self.turn(seconds)


class Broken(httpx.AsyncByteStream):
    """An answer that ends in its middle."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx.RemoteProtocolError("cut")


class Books:
    """One practice's times. The next write meets `fault`; `late_by` is when a late one lands."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[str, Row] = {}
        self._coming: list[tuple[dt.datetime, Callable[[], None]]] = []
        self._numbers = itertools.count(1)
        self._token = "token-0"
        self.adding = 0
        self.fault = WELL
        self.late_by = 0.0
        self.looks_fail = False
        self.has_grant = True
        self.after_writing: Callable[[], Awaitable[None]] | None = None

    # -- what is so ------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> dict[str, Row]:
        """What stands in XPM now."""
        due = sorted(
            (one for one in self._coming if one[0] <= self._clock()), key=lambda one: one[0]
        )
        self._coming = [one for one in self._coming if one not in due]
        for _, land in due:
            land()
        return self._rows

    def count(self) -> int:
        """The times that stand there, and those that are still to land."""
        return len(self.rows) + self.adding

    def refuse_token(self) -> None:
        """The access token that the app has is worth nothing any more."""
        self._token += "x"

    # -- what is asked ---------------------------------------------------------------------------------------------

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """The transport's handler."""
        path = request.url.path.removeprefix("/practicemanager/3.1/")
        if path == "/connect/token":
            return self._refresh()
        if request.headers["authorization"] != f"Bearer {self._token}":
            return httpx.Response(401)
        if request.method == "GET":
            return self._look(path)
        return await self._write(request, path)

    def _refresh(self) -> httpx.Response:
        if not self.has_grant:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self._token = f"token-{next(self._numbers)}"
        said = {"access_token": self._token, "refresh_token": "r", "expires_in": 1800, "scope": ""}
        return httpx.Response(200, json=said | {"token_type": "Bearer"})

    def _look(self, path: str) -> httpx.Response:
        if self.looks_fail:
            # The stated time keeps the client from asking once more itself, which would take real seconds.
            return httpx.Response(503, headers={"retry-after": "10"})
        uuid = path.rpartition("/")[2]
        if path.startswith("time.api/get/"):
            row = self.rows.get(uuid)
            return _said(_time(row)) if row else _refused()
        found = "".join(_time(row) for row in self.rows.values() if row.staff == uuid)
        return _said(f"<Times>{found}</Times>")

    async def _write(self, request: httpx.Request, path: str) -> httpx.Response:
        fault, self.fault = self.fault, WELL
        if fault.answer == "unreachable":
            raise httpx.ConnectError("refused")
        if fault.answer == "429":
            return httpx.Response(
                429, headers={"retry-after": "20", "x-rate-limit-problem": "minute"}
            )
        if fault.answer == "403":
            return httpx.Response(403)
        if fault.answer == "refused":
            return _refused()
        answer = self._carry_out(request, path, fault)
        if self.after_writing is not None:
            await self.after_writing()
        return self._spoil(fault, answer)

    def _carry_out(self, request: httpx.Request, path: str, fault: Fault) -> httpx.Response:
        done = self._row(request, path)
        if isinstance(done, httpx.Response):
            return done
        uuid, row = done
        is_new = uuid not in self.rows
        if fault.carried_out == AT_ONCE:
            self._keep(uuid, row)
        elif fault.carried_out == LATE:
            self.adding += is_new

            def land() -> None:
                self.adding -= is_new
                if is_new or uuid in self._rows:
                    self._keep(uuid, row)

            self._coming.append((self._clock() + dt.timedelta(seconds=self.late_by), land))
        return _said(_time(row)) if row else _said("")

    def _row(self, request: httpx.Request, path: str) -> tuple[str, Row | None] | httpx.Response:
        if request.method == "DELETE":
            uuid = path.rpartition("/")[2]
            return (uuid, None) if uuid in self.rows else _refused()
        said = {child.tag: child.text or "" for child in etree.fromstring(request.content)}
        uuid = said.get("UUID", f"time-{next(self._numbers)}")
        if "UUID" in said and uuid not in self.rows:
            return _refused()
        date = f"{said['Date'][:4]}-{said['Date'][4:6]}-{said['Date'][6:]}"
        return uuid, Row(
            uuid, said["Job"], said["TaskUUID"], said["StaffUUID"], date, said["Minutes"], said["Note"]
        )  # fmt: skip

    def _keep(self, uuid: str, row: Row | None) -> None:
        if row is None:
            self._rows.pop(uuid, None)
        else:
            self._rows[uuid] = replace(row, uuid=uuid)

    def _spoil(self, fault: Fault, answer: httpx.Response) -> httpx.Response:
        match fault.answer:
            case "silence":
                self._clock.turn(READ_TIMEOUT)
                raise httpx.ReadTimeout("silent")
            case "cut":
                raise httpx.ReadError("reset")
            case "500" | "503":
                return httpx.Response(int(fault.answer))
            case "half":
                return httpx.Response(200, headers=XML, stream=Broken(answer.content))
            case "malformed":
                return httpx.Response(200, headers=XML, content=answer.content[:-5])
            case _:
                return answer


def _said(inside: str) -> httpx.Response:
    return httpx.Response(
        200, headers=XML, text=f"<Response><Status>OK</Status>{inside}</Response>"
    )


def _refused() -> httpx.Response:
    words = "<Status>ERROR</Status><ErrorDescription>XPM says no</ErrorDescription>"
    return httpx.Response(200, headers=XML, text=f"<Response>{words}</Response>")


def _time(row: Row) -> str:
    return (
        f"<Time><UUID>{row.uuid}</UUID><Job><ID>{row.job}</ID><Name>Job</Name></Job>"
        f"<Task><UUID>{row.task}</UUID><Name>Task</Name></Task>"
        f"<Staff><UUID>{row.staff}</UUID><Name>Mia</Name></Staff><Date>{row.date}T00:00:00</Date>"
        f"<Minutes>{row.minutes}</Minutes><Note>{escape(row.note)}</Note><Billable>true</Billable></Time>"
    )
