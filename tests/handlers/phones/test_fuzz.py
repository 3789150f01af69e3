"""No input may cause anything but a call, nothing, or a refusal: mutated samples and what nobody thought of."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.phones import KINDS
from handlers.phones.delivery import Delivery, Unproven, Unreadable
from tests.handlers.phones.samples import (
    END,
    EVENTS,
    NOW,
    START,
    URL,
    aircall,
    dialpad,
    ms,
    party,
    ringcentral,
    s,
    secret_of,
    signed,
    zoom,
    zoom_ended,
)
from xpm.calls import Rules, Told, talk_seconds, why_not_offered
from xpm.legs import on_time, together
from xpm.store.phones import _plain, _told

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SAMPLES: dict[str, list[Any]] = {kind: [event] for kind, event in EVENTS.items()}
SAMPLES["aircall"].append(
    aircall(
        "call.tagged",
        tags=[{"id": 1, "name": "VIP"}],
        comments=[{"content": "x", "posted_by": {"name": "Sam"}}],
    )
)
SAMPLES["dialpad"].append(
    dialpad(state="recording", recording_details=[{"id": 1, "url": "https://example.com/r"}])
)
SAMPLES["ringcentral"].append(
    ringcentral(3, START, party("p-1", "Hold"), party("p-3", "Disconnected"))
)
SAMPLES["zoom"] += [zoom("phone.caller_call_element_completed"), zoom_ended()]

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**301),
    st.floats(),
    st.text(max_size=20),
    st.text(min_size=300, max_size=400),
    st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3), max_size=2),
    st.sampled_from(
        ["\x00", "\ud800", "+266696687", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "Infinity", "-0",
         "1e999", "NaN", ms(END), s(END), -s(END), "٣", "https://[", "[[x]]", "99:99:99", "inbound", "user"]
    ),
)  # fmt: skip


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in an event."""
    found: list[tuple[Any, ...]] = []
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, one in inner:
        found += [(*at, name), *paths(one, (*at, name))]
    return found


def mutated(draw: Any, sample: Any) -> Any:
    """The sample with one to four of its values changed or left out."""
    event = copy.deepcopy(sample)
    for _ in range(draw(st.integers(1, 4))):
        every = paths(event)
        if not every:
            return event
        *way, last = draw(st.sampled_from(every))
        holder = event
        for step in way:
            holder = holder[step]
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = draw(VALUES)
    return event


def taken(kind: str, body: bytes, **headers: str) -> list[Told]:
    """What the adapter reads, held to what storing and judging need; nothing when it refuses."""
    delivery = Delivery(headers, body, URL.format(kind=kind), NOW)
    try:
        told = KINDS[kind].read(delivery)
    except Unreadable:
        return []
    for one in told:
        assert 0 < len(one.source_id) <= 255
        # As the database keeps it: text without half characters and NUL, and the same again when read.
        kept = json.dumps(_plain(one))
        json.dumps(json.loads(kept), ensure_ascii=False).encode()
        assert "\\u0000" not in kept
        assert json.dumps(_plain(_told(json.loads(kept)))) == kept
    for part in together([on_time(one, NOW) for one in told]):
        seconds, _ = talk_seconds(part)
        assert 0 <= seconds <= 10**9
        assert all(len(name) <= 255 for name in (*part.staff, *part.numbers, part.email))
        why_not_offered(part, Rules(30, own_numbers=("+6495550100",)), "NZ")
    return told


@pytest.mark.parametrize("kind", EVENTS)
@QUICK
@given(data=st.data())
def test_no_changed_sample_breaks_an_adapter(kind: str, data: st.DataObject) -> None:
    event = mutated(data.draw, data.draw(st.sampled_from(SAMPLES[kind])))
    if kind in ("twilio", "dialpad"):
        body = signed(kind, {name: str(value).encode("utf-8", "ignore").decode() for name, value in event.items()}
                      if kind == "twilio" else json.dumps(event).encode()).body  # fmt: skip
    else:
        body = json.dumps(event).encode()
    taken(kind, body)


@pytest.mark.parametrize("kind", EVENTS)
@QUICK
@given(
    body=st.binary(max_size=300)
    | st.recursive(VALUES, st.lists, max_leaves=5).map(lambda v: json.dumps(v).encode())
)
def test_no_body_at_all_breaks_an_adapter(kind: str, body: bytes) -> None:
    taken(kind, body)


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        name: st.text(max_size=60)
        for name in (
            "authorization", "x-twilio-signature", "verification-token", "validation-token", "x-zm-signature",
            "x-zm-request-timestamp", "webhook-id", "webhook-timestamp", "webhook-signature",
        )
    },
)  # fmt: skip


@pytest.mark.parametrize("kind", EVENTS)
@QUICK
@given(
    headers=HEADERS,
    body=st.binary(max_size=100),
    url=st.text(max_size=60) | st.just(URL + "?bodySHA256=é"),
)
def test_no_headers_break_a_proof_and_none_of_them_is_one(
    kind: str, headers: dict[str, str], body: bytes, url: str
) -> None:
    delivery = Delivery(headers, body, url, NOW)
    if (greet := KINDS[kind].greet) is not None:
        greet(delivery, secret_of(kind))
    with pytest.raises(Unproven):
        KINDS[kind].verify(delivery, secret_of(kind))
