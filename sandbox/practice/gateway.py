"""The gateway in front of Practice Manager 3.1: who may call what, how often, and who answers."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from sandbox.practice import clients, jobs, staff, times
from sandbox.practice.answer import Answer, Ask, BadRequestError, problem
from sandbox.practice.faults import bearer_of, endpoint_of
from sandbox.practice.grants import Bearer
from sandbox.practice.state import PretendXero

BROAD = ("practicemanager", "practicemanager.read")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint: who answers, and the scopes of which any one is enough."""

    answer: Callable[[Ask], Answer]
    method: str
    scopes: frozenset[str]
    has_argument: bool = False


def _read(area: str, *, has_broad: bool = True) -> frozenset[str]:
    own = (f"practicemanager.{area}", f"practicemanager.{area}.read")
    return frozenset((*BROAD, *own) if has_broad else own)


def _write(area: str) -> frozenset[str]:
    return frozenset(("practicemanager", f"practicemanager.{area}"))


ENDPOINTS: Final[Mapping[tuple[str, str], Endpoint]] = {
    ("GET", "client.api/list"): Endpoint(clients.list_clients, "List", _read("client")),
    ("GET", "client.api/paged-list"): Endpoint(clients.paged_list, "PagedList", _read("client")),
    ("GET", "client.api/search"): Endpoint(clients.search, "Search", _read("client")),
    ("GET", "client.api/get"): Endpoint(clients.get_client, "Get", _read("client"), True),
    ("GET", "client.api/contacts"): Endpoint(clients.contacts, "Contacts", _read("client")),
    ("GET", "job.api/current"): Endpoint(jobs.current, "Current", _read("job")),
    ("GET", "job.api/list"): Endpoint(jobs.list_jobs, "List", _read("job")),
    ("GET", "job.api/get"): Endpoint(jobs.get_job, "Get", _read("job"), True),
    ("GET", "job.api/client"): Endpoint(jobs.jobs_of_client, "Client", _read("job"), True),
    # The one read that the broad scopes do not open.
    ("GET", "job.api/staff"): Endpoint(
        jobs.jobs_of_staff, "Staff", _read("job", has_broad=False), True
    ),
    ("POST", "job.api/note"): Endpoint(jobs.add_note, "Note", _write("job")),
    ("GET", "jobstate.api/list"): Endpoint(jobs.states, "List", _read("job")),
    ("GET", "staff.api/list"): Endpoint(staff.list_staff, "List", _read("staff")),
    ("GET", "staff.api/get"): Endpoint(staff.get_staff, "Get", _read("staff"), True),
    ("POST", "time.api/add"): Endpoint(times.add, "Add", _write("time")),
    ("PUT", "time.api/update"): Endpoint(times.update, "Update", _write("time")),
    ("DELETE", "time.api/delete"): Endpoint(times.delete, "Delete", _write("time"), True),
    ("GET", "time.api/get"): Endpoint(times.get_time, "Get", _read("time"), True),
    ("GET", "time.api/job"): Endpoint(times.times_of_job, "Job", _read("time"), True),
    ("GET", "time.api/list"): Endpoint(times.list_times, "List", _read("time")),
    ("GET", "time.api/staff"): Endpoint(times.times_of_staff, "Staff", _read("time"), True),
}


class Gateway:
    """The ASGI app under /practicemanager/3.1."""

    def __init__(self, state: PretendXero) -> None:
        """Answer from `state`."""
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; long replies go out in pieces with the loop free in between."""
        instance = str(uuid.uuid4())
        request = Request(scope, receive)
        body = await request.body()
        tenant = request.headers.get("xero-tenant-id", "").lower()
        bearer = self._state.grants.bearer(bearer_of(scope))
        answer = self._refused(scope, bearer, tenant, instance)
        if answer is not None:
            await _send(answer, instance, {}, send)
            return
        limits = self._state.limits
        refusal = limits.admit(tenant)
        if refusal is not None:
            headers = {"X-Rate-Limit-Problem": refusal.problem}
            if refusal.retry_after_seconds is not None:
                headers["Retry-After"] = str(refusal.retry_after_seconds)
            limited = Answer(429, [], headers=headers)
            await _send(limited, instance, limits.headers(tenant), send)
            return
        try:
            answer = self._answer(request, tenant, body, instance)
            await _send(answer, instance, limits.headers(tenant), send)
        finally:
            limits.release(tenant)

    def _refused(
        self, scope: Scope, bearer: Bearer | None, tenant: str, instance: str
    ) -> Answer | None:
        if bearer is None:
            expired = self._state.grants.expired_at(bearer_of(scope))
            detail = (
                f"TokenExpired: token expired at {expired:%m/%d/%Y %H:%M:%S}"
                if expired
                else "AuthenticationUnsuccessful"
            )
            refused = problem(401, "Unauthorized", detail, instance)
            return Answer(
                401,
                refused.pieces,
                refused.content_type,
                {"WWW-Authenticate": "Bearer error=invalid_token"},
            )
        if tenant not in bearer.grant.connections:
            return problem(403, "Forbidden", "AuthenticationUnsuccessful", instance)
        found = _endpoint(scope)
        if found is None:
            return problem(404, "Not Found", "The resource does not exist", instance)
        if not found[0].scopes & bearer.scopes:
            return problem(403, "Forbidden", "InsufficientPermissions", instance)
        return None

    def _answer(self, request: Request, tenant: str, body: bytes, instance: str) -> Answer:
        found = _endpoint(request.scope)
        assert found is not None  # noqa: S101 - `_refused` looked
        endpoint, argument = found
        ask = Ask(
            settings=self._state.settings,
            practice=self._state.practices[tenant],
            method=endpoint.method,
            argument=argument,
            query={name.lower(): value for name, value in request.query_params.items()},
            body=body,
        )
        try:
            return endpoint.answer(ask)
        except BadRequestError as refusal:
            return problem(400, "Bad Request", str(refusal), instance)


def _endpoint(scope: Scope) -> tuple[Endpoint, str] | None:
    parts = endpoint_of(scope["path"]).split("/")
    endpoint = ENDPOINTS.get((scope["method"], "/".join(parts[:2])))
    argument = "/".join(parts[2:])
    if endpoint is None or endpoint.has_argument != bool(argument):
        return None
    return endpoint, argument


async def _send(answer: Answer, instance: str, limits: Mapping[str, str], send: Send) -> None:
    headers = {"xero-correlation-id": instance, **limits, **answer.headers}
    pieces = answer.pieces if isinstance(answer.pieces, list) else None
    if pieces != []:
        headers["Content-Type"] = answer.content_type
    if pieces is not None:
        headers["Content-Length"] = str(sum(len(piece) for piece in pieces))
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    for piece in answer.pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})
