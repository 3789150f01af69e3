"""An app whose settings hold no credentials of any provider leads nobody anywhere, and says so."""

from collections.abc import Iterator

import pytest

from sandbox.visitor import text_of
from tests.handlers.inside import Inside, running

NOTHING = {
    **{f"{name}_client_id": "" for name in ("google", "microsoft", "apple")},
    **{f"{name}_client_secret": "" for name in ("google", "microsoft")},
    **{f"apple_{name}": "" for name in ("team_id", "key_id", "private_key")},
}


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A world of its own."""
    with running(tmp_path_factory.mktemp("nobody"), settings=NOTHING) as made:
        yield made


async def test_connect_says_what_is_missing_and_makes_no_link(nobody: Inside) -> None:
    async with nobody.visitor() as sam:
        await sam.type("/xpm connect")
        said = await sam.message("Google, Microsoft or Apple")
        assert "works once" not in text_of(said)
    assert await nobody.one("select count(*) from connect_links") == 0


async def test_no_address_leads_to_a_provider(nobody: Inside) -> None:
    async with nobody.visitor() as sam:
        for provider in ("google", "microsoft", "apple"):
            for path in ("", "/callback?code=x&state=y"):
                url = f"{nobody.app}/connect/sign-in/{provider}{path}"
                assert (await sam.open(url))[0] == 404
