"""Claims in, an identity or NotProven out: whatever a token says, nothing else happens."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.signin import identity
from handlers.signin.identity import (
    PERSONAL_TENANT,
    Doubt,
    Identity,
    NotProven,
    check_person,
    check_token,
    folded,
)

NOW = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)
SECONDS = int(NOW.timestamp())
GOOGLE = {
    "iss": "https://accounts.google.com",
    "sub": "1234567890",
    "email": "sam@example.com",
    "email_verified": True,
    "hd": "example.com",
}
MICROSOFT = {
    "iss": "https://login.microsoftonline.com/tenant-1/v2.0",
    "tid": "tenant-1",
    "oid": "object-1",
    "sub": "pairwise",
    "email": "sam@example.com",
    "xms_edov": True,
}
APPLE = {
    "iss": "https://appleid.apple.com",
    "sub": "001234.abc",
    "email": "sam@example.com",
    "email_verified": "true",
    "is_private_email": "false",
}
TOKEN = {"aud": "us", "nonce": "n", "iat": SECONDS, "exp": SECONDS + 3600}

Judge = Callable[[Mapping[str, Any]], Identity]
JUDGES: dict[str, tuple[Judge, dict[str, Any]]] = {
    "google": (lambda claims: identity.google(claims, "https://accounts.google.com"), GOOGLE),
    "microsoft": (
        lambda claims: identity.microsoft(claims, "https://login.microsoftonline.com"),
        MICROSOFT,
    ),
    "apple": (lambda claims: identity.apple(claims, "https://appleid.apple.com"), APPLE),
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=300)
    | st.sampled_from(
        [
            *("true", "false", "1", "us", "n", "sam@example.com", "@", "a@b@c", PERSONAL_TENANT),
            *(1, 0, 1e400, -1e400, float("nan"), 10**30, SECONDS, -SECONDS, SECONDS + 0.5),
        ]
    )
)
odd = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def doubt_of(act: Callable[[], object]) -> Doubt:
    """Why nothing is proven."""
    with pytest.raises(NotProven) as caught:
        act()
    return caught.value.doubt


def token(**changed: Any) -> None:
    """Checks a token that is right but for what is changed; None takes a claim out."""
    claims = {name: value for name, value in {**TOKEN, **changed}.items() if value is not None}
    check_token(claims, client_id="us", nonce="n", now=NOW)


# -- odd claims ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", JUDGES)
@given(changed=st.dictionaries(st.sampled_from(sorted(GOOGLE | MICROSOFT | APPLE)), odd))
def test_no_claims_make_a_judge_do_anything_but_prove_or_doubt(
    provider: str, changed: dict[str, Any]
) -> None:
    judge, right = JUDGES[provider]
    try:
        found = judge({**right, **changed})
    except NotProven:
        return
    assert found.provider == provider
    assert found.email.count("@") == 1
    assert 0 < len(found.subject) <= 600


@given(changed=st.dictionaries(st.sampled_from(["aud", "azp", "nonce", "iat", "nbf", "exp"]), odd))
def test_no_claims_make_the_check_of_a_token_do_anything_but_pass_or_doubt(
    changed: dict[str, Any],
) -> None:
    try:
        check_token({**TOKEN, **changed}, client_id="us", nonce="n", now=NOW)
    except NotProven:
        return
    claims = {**TOKEN, **changed}
    assert claims["aud"] in ("us", ["us"])
    assert claims["nonce"] == "n"
    assert claims["exp"] > SECONDS - 61


@given(claims=st.dictionaries(st.text(max_size=8), odd))
def test_claims_of_anything_prove_nobody(claims: dict[str, Any]) -> None:
    for judge, _ in JUDGES.values():
        with pytest.raises(NotProven):
            judge(claims)


# -- the token -----------------------------------------------------------------------------------------------------


def test_a_token_made_now_for_us_passes() -> None:
    token()
    token(aud=["us"], azp="us", nbf=SECONDS - 300, iat=SECONDS - 300)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "others"},
        {"aud": "others", "azp": "us"},
        {"aud": ["us", "others"]},
        {"aud": ["us", "others"], "azp": "us"},
        {"aud": []},
        {"aud": None},
        {"azp": "others"},
        {"nonce": "other"},
        {"nonce": None},
        {"nonce": ["n"]},
        {"iat": SECONDS + 61},
        {"nbf": SECONDS + 61},
        {"iat": None},
        {"exp": None},
        {"exp": str(SECONDS + 3600)},
        {"exp": True},
        {"iat": "now"},
    ],
    ids=str,
)
def test_a_token_for_others_of_another_sign_in_or_of_no_time_is_unproven(
    changed: dict[str, Any],
) -> None:
    assert doubt_of(lambda: token(**changed)) is Doubt.UNPROVEN


@pytest.mark.parametrize(
    "changed",
    [{"exp": SECONDS - 60}, {"exp": 0}, {"iat": SECONDS - 661}, {"iat": 0}],
    ids=str,
)
def test_a_token_of_earlier_has_expired_though_its_exp_may_be_far(changed: dict[str, Any]) -> None:
    assert doubt_of(lambda: token(**changed)) is Doubt.EXPIRED


def test_clocks_may_differ_by_a_minute() -> None:
    token(iat=SECONDS + 60, nbf=SECONDS + 60)
    token(exp=SECONDS - 59)


# -- each provider -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "changed", "doubt"),
    [
        ("google", {"iss": "accounts.google.com"}, None),
        ("google", {"iss": "https://accounts.google.com.evil.example"}, Doubt.UNPROVEN),
        ("google", {"email_verified": "true"}, Doubt.UNVERIFIED_EMAIL),
        ("google", {"email_verified": 1}, Doubt.UNVERIFIED_EMAIL),
        ("google", {"hd": None}, Doubt.UNVERIFIED_EMAIL),
        ("google", {"hd": ""}, Doubt.UNVERIFIED_EMAIL),
        ("google", {"hd": None, "email": "sam@gmail.com"}, None),
        ("google", {"hd": None, "email": "sam@gmail.com.evil.example"}, Doubt.UNVERIFIED_EMAIL),
        ("google", {"sub": ""}, Doubt.UNPROVEN),
        ("google", {"sub": "1" * 256}, Doubt.UNPROVEN),
        ("google", {"email": "sam"}, Doubt.NO_EMAIL),
        ("microsoft", {"xms_edov": 1}, None),
        ("microsoft", {"xms_edov": "1"}, None),
        ("microsoft", {"xms_edov": "true"}, None),
        ("microsoft", {"xms_edov": 0}, Doubt.UNVERIFIED_EMAIL),
        ("microsoft", {"xms_edov": "false"}, Doubt.UNVERIFIED_EMAIL),
        ("microsoft", {"xms_edov": None}, Doubt.UNVERIFIED_EMAIL),
        ("microsoft", {"xms_edov": None, "email_verified": True}, Doubt.UNVERIFIED_EMAIL),
        ("microsoft", {"tid": "tenant-2"}, Doubt.UNPROVEN),
        ("microsoft", {"tid": None}, Doubt.UNPROVEN),
        ("microsoft", {"oid": None}, Doubt.UNPROVEN),
        ("microsoft", {"email": None, "preferred_username": "sam@example.com"}, Doubt.NO_EMAIL),
        (
            "microsoft",
            {
                "tid": PERSONAL_TENANT,
                "iss": f"https://login.microsoftonline.com/{PERSONAL_TENANT}/v2.0",
            },
            Doubt.PERSONAL_ACCOUNT,
        ),
        ("microsoft", {"iss": "https://login.microsoftonline.com/{tenantid}/v2.0"}, Doubt.UNPROVEN),
        ("apple", {"email_verified": True}, None),
        ("apple", {"email_verified": "false"}, Doubt.UNVERIFIED_EMAIL),
        ("apple", {"email_verified": None}, Doubt.UNVERIFIED_EMAIL),
        ("apple", {"is_private_email": True}, Doubt.RELAY_ADDRESS),
        ("apple", {"is_private_email": "true"}, Doubt.RELAY_ADDRESS),
        ("apple", {"email": "x1@privaterelay.appleid.com"}, Doubt.RELAY_ADDRESS),
        ("apple", {"email": "X1@PrivateRelay.AppleID.com"}, Doubt.RELAY_ADDRESS),
        ("apple", {"iss": "https://account.apple.com"}, Doubt.UNPROVEN),
    ],
    ids=str,
)  # fmt: skip
def test_each_provider_is_judged_by_its_own_rules(
    provider: str, changed: dict[str, Any], doubt: Doubt | None
) -> None:
    judge, right = JUDGES[provider]
    claims = {name: value for name, value in {**right, **changed}.items() if value is not None}
    if doubt is None:
        assert judge(claims).provider == provider
    else:
        assert doubt_of(lambda: judge(claims)) is doubt


# -- the person ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "slack", "domains", "doubt"),
    [
        ("sam@example.com", "sam@example.com", (), None),
        ("sam@example.com", "Sam@Example.com", (), None),
        ("sam@example.com", "sam@example.com", ("example.com",), None),
        ("sam@example.com", "mia@example.com", (), Doubt.OTHER_EMAIL),
        ("sam@example.com", "", (), Doubt.OTHER_EMAIL),
        ("sam@example.com", None, (), Doubt.OTHER_EMAIL),
        ("sam@example.com", "sam+xero@example.com", (), Doubt.OTHER_EMAIL),
        ("s.am@example.com", "sam@example.com", (), Doubt.OTHER_EMAIL),
        ("sam@example.com", "sam@example.com", ("other.example",), Doubt.OTHER_DOMAIN),
        ("sam@example.com", "sam@example.com", ("ample.com", "com"), Doubt.OTHER_DOMAIN),
        ("sam@sub.example.com", "sam@sub.example.com", ("example.com",), Doubt.OTHER_DOMAIN),
    ],
)
def test_the_address_must_be_the_persons_and_of_an_allowed_domain(
    theirs: str, slack: str | None, domains: tuple[str, ...], doubt: Doubt | None
) -> None:
    who = Identity("google", "1", theirs)
    if doubt is None:
        check_person(who, slack, domains)
    else:
        assert doubt_of(lambda: check_person(who, slack, domains)) is doubt


@pytest.mark.parametrize(
    "other",
    ["sam@faß.example", "\u017fam@fass.example", "sam@\ufb00.example", "\u212aim@k.example"],
)
def test_letters_that_python_would_fold_together_stay_apart(other: str) -> None:
    assert other.casefold().isascii()
    assert folded(other) == other
    assert folded(other.casefold()) != folded(other)


@given(st.text())
def test_folding_twice_is_folding_once_and_changes_no_foreign_letter(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert [one for one in once if not one.isascii()] == [
        one for one in text.strip() if not one.isascii()
    ]
