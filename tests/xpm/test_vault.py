"""Secrets at rest."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpm.vault import CannotOpen, Sealed, Vault, fingerprint, new_key

OLD, NEW = new_key(), new_key()
CANARY = "canary-5d1f0c"


@given(secret=st.text(max_size=2000), place=st.text(max_size=80))
def test_what_is_sealed_opens_in_its_own_place(secret: str, place: str) -> None:
    vault = Vault([OLD])
    assert vault.open(vault.seal(secret, place), place) == secret


def test_the_same_secret_never_looks_the_same_twice() -> None:
    vault = Vault([OLD])
    assert len({vault.seal(CANARY, "a:1").text for _ in range(20)}) == 20


def test_a_sealed_value_does_not_open_in_another_row() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(CANARY, "connections.refresh_token:T1")
    for elsewhere in ("connections.refresh_token:T2", "connections.access_token:T1", ""):
        with pytest.raises(CannotOpen):
            vault.open(sealed, elsewhere)


def test_a_sealed_value_shows_nothing_of_the_secret() -> None:
    sealed = Vault([OLD]).seal(CANARY, "a:1")
    raw = base64.urlsafe_b64decode(sealed.text.split(".")[2])
    assert CANARY not in sealed.text
    assert CANARY.encode() not in raw


def test_any_changed_character_is_noticed() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(CANARY, "a:1")
    head, body = sealed.text.rsplit(".", 1)
    raw = bytearray(base64.urlsafe_b64decode(body))
    for index in range(len(raw)):
        changed = bytearray(raw)
        changed[index] ^= 1
        with pytest.raises(CannotOpen):
            vault.open(Sealed(f"{head}.{base64.urlsafe_b64encode(changed).decode()}"), "a:1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "v1",
        "v1..",
        "v1.x.y",
        "v1.00000000.AAAA",
        "v2.a.b",
        "v1.a.b.c",
        "v1.é.ü",
        CANARY,
    ],
)
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    with pytest.raises(CannotOpen) as caught:
        Vault([OLD]).open(Sealed(text), "connections.refresh_token:T1")
    if text:
        assert text not in str(caught.value)


def test_a_value_of_a_newer_form_does_not_open() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(CANARY, "a:1")
    with pytest.raises(CannotOpen):
        vault.open(Sealed(sealed.text.replace("v1.", "v2.", 1)), "a:1")


def test_a_truncated_value_does_not_open() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(CANARY, "a:1")
    for length in range(len(sealed.text)):
        with pytest.raises(CannotOpen):
            vault.open(Sealed(sealed.text[:length]), "a:1")


def test_an_old_key_still_opens_and_the_new_one_seals() -> None:
    before = Vault([OLD]).seal(CANARY, "a:1")
    vault = Vault([NEW, OLD])
    assert vault.open(before, "a:1") == CANARY
    assert not vault.is_current(before)
    after = vault.seal(CANARY, "a:1")
    assert vault.is_current(after)
    assert Vault([NEW]).open(after, "a:1") == CANARY


def test_a_key_that_was_taken_away_opens_nothing() -> None:
    before = Vault([OLD]).seal(CANARY, "a:1")
    with pytest.raises(CannotOpen):
        Vault([NEW]).open(before, "a:1")


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [""],
        ["short"],
        ["!!! not base64 !!!"],
        [base64.urlsafe_b64encode(b"x" * 16).decode()],
        [base64.urlsafe_b64encode(b"x" * 33).decode()],
        [OLD, "short"],
    ],
)
def test_a_key_of_another_size_is_refused_and_not_repeated(keys: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        Vault(keys)
    assert not any(key in str(caught.value) for key in keys if key)


def test_a_new_key_has_32_bytes_and_is_never_the_same() -> None:
    keys = {new_key() for _ in range(10)}
    assert len(keys) == 10
    assert all(len(base64.urlsafe_b64decode(key)) == 32 for key in keys)


def test_printing_shows_neither_key_nor_secret() -> None:
    vault = Vault([OLD, NEW])
    sealed = vault.seal(CANARY, "a:1")
    for printed in (repr(vault), str(vault), repr(sealed), str(sealed), f"{[sealed]}"):
        assert OLD not in printed
        assert NEW not in printed
        assert CANARY not in printed
        assert sealed.text not in printed


def test_a_failure_to_open_says_the_table_and_not_the_row_or_the_value() -> None:
    sealed = Vault([OLD]).seal(CANARY, "connections.refresh_token:T1SECRETROW")
    with pytest.raises(CannotOpen) as caught:
        Vault([NEW]).open(sealed, "connections.refresh_token:T1SECRETROW")
    said = str(caught.value)
    assert "connections.refresh_token" in said
    assert "T1SECRETROW" not in said
    assert sealed.text not in said


def test_a_fingerprint_recognises_a_secret_and_does_not_hold_it() -> None:
    secret = base64.urlsafe_b64encode(os.urandom(32)).decode()
    assert fingerprint(secret) == fingerprint(secret)
    assert fingerprint(secret) != fingerprint(secret + "x")
    assert secret not in fingerprint(secret)
    assert len(fingerprint(secret)) == 64
