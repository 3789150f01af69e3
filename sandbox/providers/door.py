"""The door for tests and people: who there is, wrong tokens, faults, new keys and the log. JSON."""

from dataclasses import asdict
from typing import cast

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from sandbox.providers.faults import KINDS, WHERE
from sandbox.providers.people import PROVIDERS, ProviderName
from sandbox.providers.state import Fault, PretendProviders
from sandbox.providers.wrong import WHAT, Wrong, is_possible


class Door:
    """Everything under /sandbox."""

    def __init__(self, state: PretendProviders) -> None:
        """Opens onto `state`."""
        self._state = state

    def mount(self) -> Mount:
        """What to mount; any page may call it."""
        anyone = Middleware(
            CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"]
        )
        routes = [
            Route("/people", self.people),
            Route("/requests", self.requests),
            Route("/wrong", self.wrongs),
            Route("/wrong", self.add_wrong, methods=["POST"]),
            Route("/wrong", self.clear_wrongs, methods=["DELETE"]),
            Route("/fail", self.faults),
            Route("/fail", self.add_fault, methods=["POST"]),
            Route("/fail", self.clear_faults, methods=["DELETE"]),
            Route("/rotate_keys", self.rotate, methods=["POST"]),
            Route("/reset", self.reset, methods=["POST"]),
        ]
        return Mount("/sandbox", routes=routes, middleware=[anyone])

    async def people(self, request: Request) -> Response:
        """The accounts of each provider, in the order of its page."""
        shown = {
            name: [
                {
                    "id": account.id,
                    "name": account.name,
                    "email": account.email,
                    "purpose": account.purpose,
                    "accepted": account.is_accepted,
                }
                for account in one.accounts.values()
            ]
            for name, one in self._state.each.items()
        }
        return JSONResponse(shown)

    async def requests(self, request: Request) -> Response:
        """The log, oldest first."""
        return JSONResponse({"requests": [asdict(entry) for entry in self._state.log]})

    async def wrongs(self, request: Request) -> Response:
        """The defects that are set, and those there are."""
        return JSONResponse({"wrong": [asdict(w) for w in self._state.wrongs], "what": WHAT})

    async def add_wrong(self, request: Request) -> Response:
        """Sets a defect: provider, what, times (1) and, for what "claims", claims."""
        asked = await _asked(request)
        provider, what, claims = _provider(asked), asked.get("what"), asked.get("claims", {})
        if not isinstance(what, str) or not is_possible(provider, what):
            possible = [name for name in WHAT if is_possible(provider, name)]
            raise HTTPException(400, f"what is one of {', '.join(possible)} for {provider}")
        if not isinstance(claims, dict):
            raise HTTPException(400, "claims is an object")
        wrong = Wrong(provider, what, _times(asked), claims)
        self._state.wrongs.append(wrong)
        return JSONResponse(asdict(wrong), status_code=201)

    async def clear_wrongs(self, request: Request) -> Response:
        """Clears all defects."""
        self._state.wrongs.clear()
        return JSONResponse({"wrong": []})

    async def faults(self, request: Request) -> Response:
        """The faults that are set."""
        return JSONResponse({"fail": [asdict(fault) for fault in self._state.faults]})

    async def add_fault(self, request: Request) -> Response:
        """Sets a fault: provider, where, kind, times (1) and, for slow, seconds (5)."""
        asked = await _asked(request)
        where, kind, seconds = asked.get("where"), asked.get("kind"), asked.get("seconds", 5)
        if where not in WHERE or kind not in KINDS:
            raise HTTPException(
                400, f"where is one of {', '.join(WHERE)}; kind is one of {', '.join(KINDS)}"
            )
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise HTTPException(400, "seconds is a number")
        fault = Fault(_provider(asked), str(where), str(kind), _times(asked), float(seconds))
        self._state.faults.append(fault)
        return JSONResponse(asdict(fault), status_code=201)

    async def clear_faults(self, request: Request) -> Response:
        """Clears all faults."""
        self._state.faults.clear()
        return JSONResponse({"fail": []})

    async def rotate(self, request: Request) -> Response:
        """Gives one `provider` a fresh signing key, or all of them."""
        asked = await _asked(request)
        names = [_provider(asked)] if "provider" in asked else list(PROVIDERS)
        return JSONResponse({name: self._state.each[name].keys.rotate() for name in names})

    async def reset(self, request: Request) -> Response:
        """Puts everything back, keys and first consents included."""
        self._state.reset()
        return JSONResponse({})


async def _asked(request: Request) -> dict[str, object]:
    try:
        asked = await request.json() if await request.body() else {}
    except ValueError:
        raise HTTPException(400, "not JSON") from None
    if not isinstance(asked, dict):
        raise HTTPException(400, "not a JSON object")
    return asked


def _provider(asked: dict[str, object]) -> ProviderName:
    if asked.get("provider") not in PROVIDERS:
        raise HTTPException(400, f"provider is one of {', '.join(PROVIDERS)}")
    return cast(ProviderName, asked["provider"])


def _times(asked: dict[str, object]) -> int:
    times = asked.get("times", 1)
    if isinstance(times, bool) or not isinstance(times, int) or (times < 1 and times != -1):
        raise HTTPException(400, "times is a count, or -1 until cleared")
    return times
