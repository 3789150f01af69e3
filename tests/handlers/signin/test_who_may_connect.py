"""Only somebody who signs in as the person of the link, with an account that proves it, goes on to Xero."""

import pytest

from sandbox.providers.people import PROVIDERS as NAMES
from sandbox.providers.people import Account, accounts
from tests.handlers.inside import Inside
from tests.handlers.signin.walk import Browser, door, events

UNPROVEN, EXPIRED = "unproven", "expired"
WRONG = [
    *(
        (provider, what, UNPROVEN)
        for provider in NAMES
        for what in (
            *("audience", "azp_only", "issuer", "nonce", "missing_nonce", "key", "forged"),
            *("not_yet", "alg_none", "hs256", "tampered", "missing_sub"),
        )
    ),
    *((provider, "expired", EXPIRED) for provider in NAMES),
    *((provider, "no_email", "no_email") for provider in NAMES),
    *((provider, "unverified", "unverified_email") for provider in NAMES),
    ("microsoft", "other_tenant", UNPROVEN),
    ("microsoft", "personal", "personal_account"),
]
REFUSED = {
    ("google", "eve"): "other_email",
    ("google", "sam-unverified"): "unverified_email",
    ("google", "sam-consumer"): "unverified_email",
    ("microsoft", "eve"): "other_email",
    # The address is the upn, but without xms_edov nothing says that the domain was verified.
    ("microsoft", "sam-no-edov"): "unverified_email",
    ("microsoft", "sam-edov-false"): "unverified_email",
    ("microsoft", "sam-other-upn"): "unverified_email",
    ("microsoft", "eve-as-sam"): "unverified_email",
    ("apple", "eve"): "other_email",
    ("apple", "sam-relay"): "relay_address",
    ("apple", "mia-relay"): "relay_address",
    ("apple", "sam-unverified"): "unverified_email",
}
EVERYBODY = [
    (provider, account)
    for provider in NAMES
    for account in accounts(provider).values()
    # Microsoft itself lets no personal account in where we ask.
    if account.id != "sam-personal"
]


@pytest.mark.parametrize(
    ("provider", "account"), EVERYBODY, ids=[f"{name}-{one.id}" for name, one in EVERYBODY]
)
async def test_an_account_that_proves_the_address_goes_on_to_xero_and_no_other(
    inside: Inside, browser: Browser, provider: str, account: Account
) -> None:
    person = account.id.partition("-")[0]
    await browser.open("U0" + (person if person != "eve" else "sam").upper())
    before = await events(inside)
    answer = await browser.sign_in(provider, account.id)
    doubt = REFUSED.get((provider, account.id))
    noted = (await events(inside))[len(before) :]
    if doubt is None:
        assert account.is_accepted
        assert browser.went_to_xero(answer), answer.location
        assert noted == [("signin.proven", provider)]
        return
    assert browser.doubt(answer) == doubt
    assert noted == [("signin.refused", f"{provider}:{doubt}")]
    assert await inside.one("select count(*) from connections") == 0
    # The link is still good: the right account goes on.
    sam = await browser.sign_in(provider, person if person != "eve" else "sam")
    assert browser.went_to_xero(sam)


@pytest.mark.parametrize(("provider", "what", "doubt"), WRONG)
async def test_a_token_with_any_wrong_claim_or_signature_proves_nothing(
    inside: Inside, browser: Browser, provider: str, what: str, doubt: str
) -> None:
    await browser.open()
    await door(inside, "wrong", provider=provider, what=what)
    answer = await browser.sign_in(provider)
    assert not inside.signing.wrongs, "the defect was not used"
    assert browser.doubt(answer) == doubt
    page = await browser.get(answer.location)
    assert page.status == 200
    assert "Back to sign-in" in page.text
    assert (await events(inside))[-1] == ("signin.refused", f"{provider}:{doubt}")
    assert browser.went_to_xero(await browser.sign_in(provider))


async def test_whoever_signs_in_as_somebody_else_reads_both_addresses_and_what_to_do(
    browser: Browser,
) -> None:
    await browser.open("U0SAM")
    answer = await browser.sign_in("google", "mia")
    assert browser.doubt(answer) == "other_email"
    assert "mia" not in answer.location
    page = await browser.get(answer.location)
    assert "You signed in as somebody else" in page.text
    assert "You signed in as mia@example.com. In Slack you are sam@example.com." in page.text
    assert "Sign in with the address you have in Slack" in page.text


async def test_another_persons_link_is_of_no_use_to_whoever_was_lured_to_it(
    inside: Inside, browser: Browser
) -> None:
    # Mia makes a link and sends it to Sam, who has the privilege at Xero.
    page = await browser.open("U0MIA")
    assert "as mia@example.com" in page.text
    assert browser.doubt(await browser.sign_in("microsoft", "sam")) == "other_email"
    assert await inside.one("select count(*) from connections") == 0


@pytest.mark.parametrize(
    "email",
    [
        "sam@例え.example",
        "sam@faß.example",
        "sam@example.com\r\nSet-Cookie: a=b",
        'sam@"; x=1; "example.com',
        "<b>sam</b>@example.com",
        "\u212aim@example.com",
    ],
)
async def test_a_strange_address_is_shown_as_it_is_and_breaks_nothing(
    inside: Inside, browser: Browser, email: str
) -> None:
    await browser.open()
    await door(
        inside,
        "wrong",
        provider="google",
        what="claims",
        claims={"email": email, "hd": "x.example"},
    )
    answer = await browser.sign_in("google")
    assert browser.doubt(answer) == "other_email"
    assert set(answer.cookies) <= {"xpm_connect_as"}
    page = await browser.get(answer.location)
    assert page.status == 200
    assert "<b>" not in page.text
    assert "In Slack you are sam@example.com." in page.text


async def test_capital_letters_of_an_address_make_no_difference(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    await door(
        inside, "wrong", provider="google", what="claims", claims={"email": "Sam@EXAMPLE.com"}
    )
    assert browser.went_to_xero(await browser.sign_in("google"))


async def test_google_answers_for_every_domain_of_an_organisation_and_for_gmail(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    # An organisation's main domain need not be that of the address.
    await door(inside, "wrong", provider="google", what="other_tenant")
    assert browser.went_to_xero(await browser.sign_in("google"))


async def test_somebody_without_an_address_in_slack_is_told_so(
    inside: Inside, browser: Browser
) -> None:
    lee = inside.slack.teams["T0KEA"].people["U0LEE"]
    email, lee.email = lee.email, ""
    try:
        page = await browser.open("U0LEE")
        assert "as somebody without e-mail" in page.text
        answer = await browser.sign_in("google", "sam")
        assert browser.doubt(answer) == "other_email"
        page = await browser.get(answer.location)
        assert "In Slack you are without an e-mail address." in page.text
    finally:
        lee.email = email


@pytest.mark.parametrize("provider", NAMES)
async def test_cancelling_at_a_provider_says_so_and_the_link_stays_good(
    inside: Inside, browser: Browser, provider: str
) -> None:
    await browser.open()
    answer = await browser.sign_in(provider, "cancel")
    assert browser.doubt(answer) == "cancelled"
    page = await browser.get(answer.location)
    assert "You did not sign in" in page.text
    assert "Nothing was changed" in page.text
    assert browser.went_to_xero(await browser.sign_in(provider))
