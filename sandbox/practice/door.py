"""The door for tests and the panel: look at the pretend Xero, change it, and break it. JSON."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from sandbox.practice.faults import KINDS, Fault
from sandbox.practice.records import (
    STATES,
    Client,
    Contact,
    ContactLink,
    Job,
    JobTask,
    Time,
    fresh_uuid,
)
from sandbox.practice.seed import KEA
from sandbox.practice.state import PretendXero
from sandbox.practice.tenant import Practice
from sandbox.practice.view import job_seen, state_seen, time_seen

MOST_JOBS_AT_ONCE = 10_000


class Door:
    """Everything under /sandbox."""

    def __init__(self, state: PretendXero) -> None:
        """Open onto `state`."""
        self._state = state

    def mount(self) -> Mount:
        """Return what to mount; any page may call it."""
        anyone = Middleware(
            CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"]
        )
        routes = [
            Route("/state", self.state),
            Route("/requests", self.requests),
            Route("/faults", self.faults),
            Route("/faults", self.add_fault, methods=["POST"]),
            Route("/faults", self.clear_faults, methods=["DELETE"]),
            Route("/clients", self.put_client, methods=["POST"]),
            Route("/jobs", self.add_jobs, methods=["POST"]),
            Route("/jobs/{number}/state", self.set_job_state, methods=["POST"]),
            Route("/times/{uuid}/invoice", self.invoice, methods=["POST"]),
            Route("/disconnect", self.disconnect, methods=["POST"]),
            Route("/reset", self.reset, methods=["POST"]),
        ]
        return Mount("/sandbox", routes=routes, middleware=[anyone])

    async def state(self, request: Request) -> Response:
        """Show what is there; `limit` bounds the clients, jobs and times shown (60)."""
        limit = request.query_params.get("limit", "60")
        return JSONResponse(state_seen(self._state, int(limit) if limit.isdecimal() else 60))

    async def requests(self, request: Request) -> Response:
        """Show the log of requests, oldest first."""
        return JSONResponse({"requests": self._state.requests()})

    async def faults(self, request: Request) -> Response:
        """Show the faults that are set."""
        return JSONResponse({"faults": [asdict(fault) for fault in self._state.faults]})

    async def add_fault(self, request: Request) -> Response:
        """Set a fault."""
        asked = await _asked(request)
        if asked.get("kind") not in KINDS:
            raise HTTPException(400, f"kind is one of {', '.join(KINDS)}")
        try:
            fault = Fault(
                kind=str(asked["kind"]),
                on=str(asked.get("on", "")),
                times=int(asked.get("times", 1)),
                seconds=float(asked.get("seconds", 5)),
                problem=str(asked.get("problem", "minute")),
            )
        except (TypeError, ValueError):
            raise HTTPException(400, "times and seconds are numbers") from None
        self._state.faults.append(fault)
        return JSONResponse(asdict(fault), status_code=201)

    async def clear_faults(self, request: Request) -> Response:
        """Clear all faults, or those of one `kind`."""
        kind = request.query_params.get("kind", "")
        kept = [f for f in self._state.faults if kind and f.kind != kind]
        self._state.faults[:] = kept
        return JSONResponse({"faults": [asdict(fault) for fault in kept]})

    async def put_client(self, request: Request) -> Response:
        """Change the client called `name`, or make it; its modified time becomes now.

        Takes name, phone, country, archived, deleted, and contacts: a list of name, mobile, phone,
        position.
        """
        asked = await _asked(request)
        practice = self._practice(asked)
        client = practice.client_named(str(asked.get("name", "")))
        if client is None:
            client = self._new_client(practice, str(asked.get("name", "")))
        client.phone = str(asked.get("phone", client.phone))
        client.country = str(asked.get("country", client.country))
        client.is_archived = bool(asked.get("archived", client.is_archived))
        client.is_deleted = bool(asked.get("deleted", client.is_deleted))
        if "contacts" in asked:
            client.links = [
                ContactLink(
                    Contact(
                        fresh_uuid(),
                        str(one.get("name", "")),
                        str(one.get("mobile", "")),
                        str(one.get("phone", "")),
                    ),
                    str(one.get("position", "")),
                    is_primary=place == 0,
                )
                for place, one in enumerate(asked["contacts"])
            ]
        client.modified = self._state.settings.now()
        practice.add_client(client)
        return JSONResponse({"uuid": client.uuid, "name": client.name}, status_code=201)

    async def add_jobs(self, request: Request) -> Response:
        """Make `count` open jobs called `name` for a client, assigned to staff by e-mail."""
        asked = await _asked(request)
        practice = self._practice(asked)
        client = practice.client_named(str(asked.get("client", "")))
        if client is None:
            raise HTTPException(404, "No client of that name")
        staff = [practice.staff_with_email(str(email)) for email in asked.get("staff", [])]
        if None in staff:
            raise HTTPException(404, "No staff with that e-mail address")
        count = min(int(asked.get("count", 1)), MOST_JOBS_AT_ONCE)
        assigned = tuple(one.uuid for one in staff if one is not None)
        today = self._state.settings.now().date()
        made = []
        for _ in range(count):
            names = [str(name) for name in asked.get("tasks", ["Client queries", "Review"])]
            job = Job(
                number=_next_number(practice),
                uuid=fresh_uuid(),
                name=str(asked.get("name", "New job")),
                client=client,
                state=str(asked.get("state", "In Progress")),
                created=today,
                due=today + timedelta(days=90),
                assigned=assigned,
                manager=assigned[0] if assigned else "",
                tasks=[JobTask(fresh_uuid(), practice.definition(name), name) for name in names],
            )
            made.append(job_seen(practice, practice.add_job(job)))
        return JSONResponse({"jobs": made}, status_code=201)

    async def set_job_state(self, request: Request) -> Response:
        """Move a job to another state."""
        number, asked = request.path_params["number"], await _asked(request)
        practice = self._state.practice_with_job(number)
        if practice is None:
            raise HTTPException(404, "No such job")
        if asked.get("state") not in STATES:
            raise HTTPException(400, f"state is one of {', '.join(STATES)}")
        job = practice.jobs[number]
        job.state = str(asked["state"])
        is_completed = job.state == "Completed"
        job.completed = self._state.settings.now().date() if is_completed else None
        return JSONResponse(job_seen(practice, job))

    async def invoice(self, request: Request) -> Response:
        """Mark a time as invoiced: it can be neither changed nor deleted any more."""
        for practice in self._state.practices.values():
            time: Time | None = practice.times.get(request.path_params["uuid"])
            if time is not None:
                time.invoice_task_uuid = fresh_uuid()
                return JSONResponse(time_seen(practice, time))
        raise HTTPException(404, "No such time")

    async def disconnect(self, request: Request) -> Response:
        """Remove a practice from Xero's side: its calls answer 403 from now on."""
        tenant = str((await _asked(request)).get("tenant", KEA))
        return JSONResponse({"removed": self._state.grants.disconnect_everywhere(tenant)})

    async def reset(self, request: Request) -> Response:
        """Put everything back to the seed; `keep_connections` keeps grants and tokens."""
        asked = await _asked(request)
        self._state.reset(keep_connections=bool(asked.get("keep_connections", False)))
        return JSONResponse({"reset": True})

    def _practice(self, asked: dict[str, Any]) -> Practice:
        practice = self._state.practices.get(str(asked.get("tenant", KEA)))
        if practice is None:
            raise HTTPException(404, "No such practice")
        return practice

    def _new_client(self, practice: Practice, name: str) -> Client:
        if not name.strip():
            raise HTTPException(400, "name is required")
        return Client(
            uuid=fresh_uuid(),
            number=900_000 + len(practice.clients),
            name=name,
            phone="",
            country=practice.country,
            modified=self._state.settings.now(),
        )


async def _asked(request: Request) -> dict[str, Any]:
    body = await request.body()
    if not body.strip():
        return {}
    try:
        asked = await request.json()
    except ValueError:
        raise HTTPException(400, "The body is not JSON") from None
    if not isinstance(asked, dict):
        raise HTTPException(400, "The body is not a JSON object")
    return asked


def _next_number(practice: Practice) -> str:
    # Numbers are never used twice; after a large seed the count alone would run into them.
    highest = max((int(n[1:]) for n in practice.jobs if n[1:].isdecimal()), default=0)
    return f"J{max(highest, 500_000) + 1:06}"
