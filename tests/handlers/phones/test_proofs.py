"""Each phone system's proof: what is let in, and what is not, each with its reason."""

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from handlers.phones import KINDS
from handlers.phones.delivery import Delivery, Unproven
from tests.handlers.phones.samples import (
    EVENTS,
    NOW,
    URL,
    compact,
    dialpad,
    s,
    secret_of,
    signed,
    twilio,
    zoom,
)

SECRET = secret_of("zoom")


def refusal(kind: str, delivery: Delivery, secret: str | None = None) -> str:
    """Why a delivery is not let in; empty when it is."""
    try:
        KINDS[kind].verify(delivery, secret_of(kind) if secret is None else secret)
    except Unproven as error:
        return str(error)
    return ""


def headers(delivery: Delivery, **changes: str | None) -> Delivery:
    """The delivery with headers changed; None leaves one out."""
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    kept: Mapping[str, str | None] = {**delivery.headers, **changed}
    return replace(
        delivery, headers={name: value for name, value in kept.items() if value is not None}
    )


PROOFS = {
    "standard": "webhook_signature",
    "vxt": "authorization",
    "3cx": "authorization",
    "twilio": "x_twilio_signature",
    "ringcentral": "verification_token",
    "zoom": "x_zm_signature",
}


def test_every_phone_system_has_its_samples() -> None:
    assert set(EVENTS) == set(KINDS)


@pytest.mark.parametrize("kind", EVENTS)
def test_right_proof_is_let_in(kind: str) -> None:
    assert refusal(kind, signed(kind, EVENTS[kind])) == ""


@pytest.mark.parametrize("kind", EVENTS)
def test_proof_by_another_phone_systems_secret_is_not_let_in(kind: str) -> None:
    foreign = "whsec_" + base64.b64encode(b"x" * 32).decode() if kind == "standard" else "y" * 32
    assert refusal(kind, signed(kind, EVENTS[kind], foreign))


@pytest.mark.parametrize("kind", sorted(set(EVENTS) - {"standard", "dialpad"}))
def test_empty_secret_lets_nobody_in(kind: str) -> None:
    assert refusal(kind, signed(kind, EVENTS[kind], ""), "")


@pytest.mark.parametrize("kind", PROOFS)
@pytest.mark.parametrize(
    "given", [None, "", "x", "é", "\udce9", "v0=", "Bearer", "Bearer ", "v1,", "0" * 5000]
)
def test_missing_or_malformed_proof_is_not_let_in(kind: str, given: str | None) -> None:
    assert refusal(kind, headers(signed(kind, EVENTS[kind]), **{PROOFS[kind]: given}))


@pytest.mark.parametrize("kind", ["standard", "twilio", "zoom", "dialpad"])
def test_proof_of_another_body_is_not_let_in(kind: str) -> None:
    delivery = signed(kind, EVENTS[kind])
    other = delivery.body.replace(b"555", b"556")
    if kind == "dialpad":
        token = delivery.body.split(b".")
        other = (
            token[0] + b"." + signed(kind, dialpad(call_id=1)).body.split(b".")[1] + b"." + token[2]
        )
    assert other != delivery.body
    assert refusal(kind, replace(delivery, body=other))


# -- tokens ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["Basic {}", "{}", "Token {}", "Bearer {}x", "Bearer x{}"])
@pytest.mark.parametrize("kind", ["vxt", "3cx"])
def test_only_the_very_token_of_a_bearer_is_let_in(kind: str, given: str) -> None:
    delivery = headers(signed(kind, EVENTS[kind]), authorization=given.format(secret_of(kind)))
    assert refusal(kind, delivery)


def test_word_bearer_may_be_written_in_any_case() -> None:
    delivery = headers(signed("vxt", EVENTS["vxt"]), authorization=f"bearer {secret_of('vxt')}")
    assert refusal("vxt", delivery) == ""


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 9999, b"{}", b'{"token": null}',
                                  b'{"token": 7}', b'{"token": ["x"]}', b'{"token": "\\ud800"}'])  # fmt: skip
def test_aircall_body_without_its_token_is_not_let_in(body: bytes) -> None:
    assert refusal("aircall", Delivery({}, body))


def test_ringcentral_token_may_come_under_its_older_name() -> None:
    delivery = signed("ringcentral", EVENTS["ringcentral"])
    token = secret_of("ringcentral")
    assert (
        refusal("ringcentral", headers(delivery, verification_token=None, validation_token=token))
        == ""
    )


# -- Twilio ------------------------------------------------------------------------------------------------------------

VECTOR = {
    "CallSid": "CA1234567890ABCDE", "Digits": "1234", "From": "+14158675309", "To": "+18005551212",
    "Caller": "+14158675309",
}  # fmt: skip


def test_twilio_signature_of_its_own_documentation_is_let_in() -> None:
    from urllib.parse import urlencode

    delivery = Delivery(
        {"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
        urlencode(VECTOR).encode(),
        "https://mycompany.com/myapp.php?foo=1&bar=2",
    )
    assert refusal("twilio", delivery, "12345") == ""
    assert refusal("twilio", replace(delivery, url=delivery.url + "&baz=3"), "12345")


@pytest.mark.parametrize(
    ("signed_as", "seen_as"),
    [
        ("https://xpm.example.com/calls/twilio/1", "https://xpm.example.com:443/calls/twilio/1"),
        ("https://xpm.example.com:443/calls/twilio/1", "https://xpm.example.com/calls/twilio/1"),
        ("https://xpm.example.com/calls/twilio/1", "https://xpm.example.com:8443/calls/twilio/1"),
        ("http://xpm.example.com:80/calls/twilio/1", "http://xpm.example.com/calls/twilio/1"),
    ],
)
def test_twilio_may_have_signed_with_the_port_or_without(signed_as: str, seen_as: str) -> None:
    delivery = signed("twilio", twilio())
    fields = twilio()
    text = signed_as + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.digest(secret_of("twilio").encode(), text.encode(), hashlib.sha1)
    proof = base64.b64encode(mac).decode()
    assert (
        refusal("twilio", headers(replace(delivery, url=seen_as), x_twilio_signature=proof)) == ""
    )


def test_twilio_signature_for_another_address_is_not_let_in() -> None:
    delivery = replace(signed("twilio", twilio()), url="https://xpm.example.com/calls/twilio/other")
    assert refusal("twilio", delivery) == "bad_signature"


def test_twilio_json_is_proven_by_its_hash_in_the_address() -> None:
    body = b'{"CallSid": "CA1"}'
    url = f"{URL.format(kind='twilio')}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    mac = hmac.digest(secret_of("twilio").encode(), url.encode(), hashlib.sha1)
    delivery = Delivery({"x-twilio-signature": base64.b64encode(mac).decode()}, body, url)
    assert refusal("twilio", delivery) == ""
    assert refusal("twilio", replace(delivery, body=b"{}")) == "bad_body_hash"


@pytest.mark.parametrize("body", [b"\xff=1", b"a=%ff", b"&".join([b"a=1"] * 400)])
def test_twilio_body_that_is_no_form_is_not_let_in(body: bytes) -> None:
    assert refusal("twilio", replace(signed("twilio", twilio()), body=body)) == "malformed_body"


# -- Dialpad -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        json.dumps(dialpad()).encode(),
        b"",
        b".",
        b"..",
        b"...",
        b"a.b.c",
        b"\xff.\xff.\xff",
        base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=") + b".e30.",
        base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=") + b".e30.e30",
        base64.urlsafe_b64encode(b'{"alg":["HS256"]}').rstrip(b"=") + b".e30.e30",
        base64.urlsafe_b64encode(b"[" * 900).rstrip(b"=") + b".e30.e30",
    ],
)
def test_dialpad_takes_no_plain_json_no_other_algorithm_and_no_half_token(token: bytes) -> None:
    assert refusal("dialpad", replace(signed("dialpad", dialpad()), body=token))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_dialpad_token_by_the_right_secret_and_another_algorithm_is_not_let_in(
    algorithm: str,
) -> None:
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm}).encode()).rstrip(b"=")
    text = head + b"." + base64.urlsafe_b64encode(b"{}").rstrip(b"=")
    mac = hmac.digest(secret_of("dialpad").encode(), text, algorithm.replace("HS", "sha"))
    token = text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
    assert refusal("dialpad", replace(signed("dialpad", dialpad()), body=token)) == "bad_signature"


def test_dialpad_token_signed_by_somebodys_own_key_pair_is_not_let_in() -> None:
    token = jwt.encode({"alg": "RS256"}, {}, RSAKey.generate_key(2048)).encode()
    assert refusal("dialpad", replace(signed("dialpad", dialpad()), body=token)) == "bad_signature"


def test_dialpad_token_over_anything_is_proven_by_its_signature_alone() -> None:
    assert refusal("dialpad", Delivery({}, compact(b"7", secret_of("dialpad")))) == ""


# -- Zoom Phone --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "why"),
    [(0, ""), (-200, ""), (6000, ""), (7300, "replayed"), (-400, "replayed"), (10**6, "replayed")],
)
def test_zoom_proof_is_good_for_as_long_as_zoom_tries_again_and_not_for_ever(
    late: int, why: str
) -> None:
    delivery = signed("zoom", zoom(), at=NOW)
    assert refusal("zoom", replace(delivery, at=NOW + dt.timedelta(seconds=late))) == why


@pytest.mark.parametrize("stamp", ["", "soon", "1e400", "-1", "9" * 30, "nan", "١٢٣"])
def test_zoom_time_that_is_none_is_not_let_in(stamp: str) -> None:
    assert refusal("zoom", headers(signed("zoom", zoom()), x_zm_request_timestamp=stamp))


def test_zoom_proof_is_over_the_raw_body_and_its_time() -> None:
    delivery = signed("zoom", zoom())
    assert (
        refusal("zoom", replace(delivery, body=delivery.body.replace(b": ", b":")))
        == "bad_signature"
    )
    assert (
        refusal("zoom", headers(delivery, x_zm_request_timestamp=str(s(NOW) + 1)))
        == "bad_signature"
    )


def greeted(kind: str, delivery: Delivery) -> Any:
    """What the kind answers to a handshake."""
    greet = KINDS[kind].greet
    assert greet is not None
    return greet(delivery, secret_of(kind))


def test_zoom_is_shown_that_we_know_the_secret() -> None:
    event = {
        "event": "endpoint.url_validation",
        "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"},
    }
    answer = json.loads(greeted("zoom", Delivery({}, json.dumps(event).encode())).body)
    mac = hmac.digest(SECRET.encode(), b"qgg8vlvZRS6UYooatFL8Aw", "sha256").hex()
    assert answer == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": mac}


@pytest.mark.parametrize(
    "token", [f"v0:{s(NOW)}:{{}}", "a b", "", None, 7, "x" * 129, ["a"], "é", "a:b"]
)
def test_nobody_gets_a_deliverys_signature_out_of_the_handshake(token: Any) -> None:
    event = {"event": "endpoint.url_validation", "payload": {"plainToken": token}}
    assert greeted("zoom", Delivery({}, json.dumps(event).encode())) is None


@pytest.mark.parametrize("body", [b"endpoint.url_validation", b'["endpoint.url_validation"]',
                                  b'{"event": "phone.x", "y": "endpoint.url_validation"}', b"{}"])  # fmt: skip
def test_what_only_looks_like_zooms_handshake_is_none(body: bytes) -> None:
    assert greeted("zoom", Delivery({}, body)) is None


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_ringcentral_gets_its_validation_token_back(body: bytes) -> None:
    answer = greeted("ringcentral", Delivery({"validation-token": "3f0c-Token"}, body))
    assert answer.headers["validation-token"] == "3f0c-Token"
    assert len(answer.body) + sum(map(len, answer.headers.values())) < 1024


@pytest.mark.parametrize(
    ("token", "body"),
    [
        ("", b""),
        ("x" * 256, b""),
        ("a b", b""),
        ("é", b""),
        ("t", b'{"event": "x"}'),
        (secret_of("ringcentral"), b""),
    ],
)
def test_ringcentral_handshake_echoes_nothing_else(token: str, body: bytes) -> None:
    assert greeted("ringcentral", Delivery({"validation-token": token}, body)) is None
