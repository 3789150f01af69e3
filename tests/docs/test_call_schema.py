"""docs/phones/standard.schema.json and handlers/phones/standard.py say the same, and docs/calls.md shows it."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from standardwebhooks.webhooks import Webhook

from handlers.phones.delivery import Delivery, Unreadable
from handlers.phones.standard import read, verify
from xpm.calls import EndedCall, Told

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/phones/standard.schema.json").read_text("utf-8"))
PAGE = (ROOT / "docs/calls.md").read_text("utf-8")
SCHEMA_SAYS = Draft202012Validator(SCHEMA)

CALL: dict[str, Any] = {
    "id": "call-1",
    "direction": "inbound",
    "user_email": "mia@example.com",
    "external_number": "+64215550123",
    "external_name": "Ana Example",
    "started_at": "2026-11-23T01:05:00Z",
    "answered_at": "2026-11-23T01:05:08Z",
    "ended_at": "2026-11-23T01:17:08Z",
}
GONE = object()


def changed(**fields: Any) -> dict[str, Any]:
    """A call.ended event with some fields changed; GONE leaves one out."""
    data = {name: value for name, value in {**CALL, **fields}.items() if value is not GONE}
    return {"type": "call.ended", "timestamp": "2026-11-23T01:17:09Z", "data": data}


def updated(**fields: Any) -> dict[str, Any]:
    """A call.updated event with these fields; GONE leaves one out."""
    data = {name: value for name, value in {"id": "call-1", **fields}.items() if value is not GONE}
    return {"type": "call.updated", "data": data}


def code_takes(event: object) -> bool:
    """Whether the app reads the event."""
    try:
        read(Delivery({}, json.dumps(event).encode()))
    except Unreadable:
        return False
    return True


def schema_takes(event: object) -> bool:
    """Whether the schema allows the event."""
    return bool(SCHEMA_SAYS.is_valid(cast(Any, event)))


GOOD: list[object] = [
    changed(),
    changed(id=12345),
    changed(external_number=None, external_name=None),
    changed(external_number=GONE, external_name=GONE),
    changed(external_numbers=["+64215550123", "+6495550101"]),
    changed(external_numbers=None),
    changed(external_numbers=[]),
    changed(answered_at=None),
    changed(answered_at=GONE, is_answered=True),
    changed(internal=True),
    changed(notes="Asked about GST."),
    changed(notes="x" * 5000),
    changed(notes=None),
    changed(started_at="2026-11-23T14:05:00.123+13:00"),
    changed(something_new={"a": 1}),
    changed(user_email=GONE, staff_id="103"),
    changed(staff_id=103, staff_name="Mia Chen"),
    changed(talk_seconds=700),
    changed(talk_seconds=None),
    changed(voicemail=True, answered_at=None),
    changed(summary="GST", transcript="Hello", recording_url="https://example.com/r/1"),
    updated(),
    updated(user_email="mia@example.com", comment="Call back", comment_by="Sam"),
    updated(id=7, summary="GST", transcript="Hello", recording_url="https://example.com/r/1"),
    {"type": "call.started"},
    {"type": "call.started", "data": 7},
]
BAD: list[object] = [
    None,
    [],
    "call.ended",
    {},
    {"type": 1},
    {"type": "call.ended"},
    {"type": "call.ended", "data": []},
    changed(id=GONE),
    changed(id=""),
    changed(id="\x00"),
    changed(id=None),
    changed(id=True),
    changed(id=1.5),
    changed(id="x" * 256),
    changed(direction=GONE),
    changed(direction="in"),
    changed(direction=None),
    changed(user_email=GONE),
    changed(user_email=""),
    changed(user_email=7),
    changed(user_email="x" * 256),
    changed(external_number=640),
    changed(external_number="1" * 256),
    changed(external_name=["Ana"]),
    changed(external_numbers="+64215550123"),
    changed(external_numbers=[1]),
    changed(external_numbers=["1"] * 21),
    changed(started_at=GONE),
    changed(started_at=None),
    changed(started_at=1764000000),
    changed(started_at="yesterday"),
    changed(started_at="2026-11-23T01:05:00"),
    changed(started_at="2026-13-23T01:05:00Z"),
    changed(ended_at=GONE),
    changed(ended_at="2026-11-23"),
    changed(answered_at="soon"),
    changed(is_answered="yes"),
    changed(is_answered=None),
    changed(notes=3),
    changed(user_email=GONE, staff_id=""),
    changed(user_email=GONE, staff_id=None),
    changed(user_email="", staff_id="103"),
    changed(staff_id=True),
    changed(staff_name=3),
    changed(talk_seconds=-1),
    changed(talk_seconds=86_401),
    changed(talk_seconds="700"),
    changed(voicemail="yes"),
    changed(voicemail=None),
    changed(summary=1),
    changed(transcript=[]),
    changed(recording_url="http://example.com/r/1"),
    changed(recording_url="https://"),
    changed(recording_url="https://example.com/" + "x" * 500),
    changed(recording_url=1),
    updated(id=GONE),
    updated(id=""),
    updated(user_email=""),
    updated(comment=1),
    updated(comment_by="x" * 256),
    updated(recording_url="javascript:alert(1)"),
    {"type": "call.updated"},
]


@pytest.mark.parametrize("event", GOOD)
def test_what_the_schema_allows_the_app_reads(event: object) -> None:
    assert (schema_takes(event), code_takes(event)) == (True, True)


@pytest.mark.parametrize("event", BAD)
def test_what_the_schema_refuses_the_app_refuses(event: object) -> None:
    assert (schema_takes(event), code_takes(event)) == (False, False)


@pytest.mark.parametrize(
    "event",
    [
        changed(started_at="2026-11-23T01:05:09Z"),
        changed(ended_at="2026-11-23T01:05:01Z"),
        changed(started_at="2026-11-21T01:05:00Z"),
        changed(started_at="2026-02-30T01:05:00Z"),
    ],
)
def test_times_out_of_order_are_refused_though_a_schema_cannot_say_so(event: object) -> None:
    assert not code_takes(event)


@pytest.mark.parametrize(
    "event", [changed(started_at="20261123T010500Z"), changed(internal="yes"), changed(id=1.0)]
)
def test_only_these_differ_on_purpose_or_by_json(event: object) -> None:
    # Another spelling of ISO 8601 is read, "internal" counts only when true, and to JSON 1.0 is an integer.
    assert schema_takes(event) is not code_takes(event)


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=300),
    st.lists(st.text(max_size=20), max_size=25),
    st.sampled_from(["inbound", "outbound", "2026-11-23T01:05:08Z", "2026-11-23T01:05:08+13:00"]),
)
_FIELDS = sorted(set(SCHEMA["$defs"]["call"]["properties"]) - {"internal"})


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(_FIELDS), _VALUES | st.just(GONE), max_size=3))
def test_schema_and_app_agree_on_events_nobody_thought_of(fields: dict[str, Any]) -> None:
    event = changed(**fields)
    is_about_times = bool(fields.keys() & {"started_at", "answered_at", "ended_at"})
    # Which moment comes first is not in the schema's power.
    if not (is_about_times and schema_takes(event)):
        assert schema_takes(event) is code_takes(event)


def test_every_field_the_app_reads_is_in_the_schema_and_on_the_page() -> None:
    source = (ROOT / "handlers/phones/standard.py").read_text("utf-8")
    used = set(re.findall(r'_(?:text|moment)\(data, "(\w+)"', source))
    used |= set(re.findall(r'data\.get\("(\w+)"', source))
    in_schema = {*SCHEMA["$defs"]["call"]["properties"], *SCHEMA["$defs"]["update"]["properties"]}
    assert used == in_schema
    assert not [name for name in used if f"`{name}`" not in PAGE]


def _event_on_the_page() -> str:
    found = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1].strip()


def test_the_event_on_the_page_is_one_the_app_reads() -> None:
    event = _event_on_the_page()
    assert schema_takes(json.loads(event))
    calls = [one for one in read(Delivery({}, event.encode())) if isinstance(one, EndedCall)]
    assert calls[0] == EndedCall(
        source_id="call-2041",
        email="mia@example.com",
        direction="inbound",
        numbers=("+64215550123",),
        caller_name="Ana Example",
        is_answered=True,
        is_internal=False,
        started_at=calls[0].started_at,
        answered_at=calls[0].answered_at,
        ended_at=calls[0].ended_at,
        notes="Asked about the GST return.",
    )


def test_the_signature_on_the_page_is_what_its_recipe_and_the_library_make() -> None:
    secret, sent_id, stamp, body, signature = re.findall(
        r"^    [a-z]+: (\S.*)$", PAGE, re.MULTILINE
    )
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{sent_id}.{stamp}.{body}".encode()
    made = "v1," + base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
    library = Webhook(secret).sign(sent_id, dt.datetime.fromtimestamp(int(stamp), dt.UTC), body)
    assert made == library == signature


def test_the_python_example_on_the_page_sends_what_the_app_takes() -> None:
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    took: list[Told] = []

    class Door(BaseHTTPRequestHandler):
        """Proves and reads one request as the app does."""

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            delivery = Delivery(headers, self.rfile.read(int(headers["content-length"])))
            verify(delivery, secret)
            took.extend(read(delivery))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's)
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        Thread(target=server.handle_request, daemon=True).start()
        ran = subprocess.run(
            [sys.executable, "-c", found[1]],
            input=_event_on_the_page().encode(),
            env={"ADDRESS": f"http://127.0.0.1:{server.server_port}/", "SECRET": secret},
            capture_output=True,
            timeout=20,
            check=False,
        )
    assert (ran.stdout, [one.source_id for one in took]) == (b"202\n", ["call-2041"]), ran.stderr
