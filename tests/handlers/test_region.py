"""The country of numbers without a country code, changed in Slack by those who may mend the connection."""

from sandbox.visitor import Json, Visitor, has_button, text_of
from tests.handlers.inside import Inside, settled
from xpm import regions

LINE = "Phone numbers without a country code are read as: "


async def open_home(person: Visitor, *words: str) -> Json:
    await person.do("home", tab="home")
    return await person.home(*words)


async def region(inside: Inside) -> str:
    return str(await inside.one("select region from connections"))


async def changes(inside: Inside) -> list[tuple[str, str]]:
    rows = await inside.rows(
        "select slack_user_id, subject from audit where event = 'region.changed' order by id"
    )
    return [(str(row[0]), str(row[1])) for row in rows]


def submission(view: Json, code: str, metadata: str | None = None) -> Json:
    values = {
        "country": {"region.country": {"type": "static_select", "selected_option": {"value": code}}}
    }
    sent = {
        **view["view"],
        "id": view["id"],
        "callback_id": "region.modal",
        "state": {"values": values},
    }
    if metadata is not None:
        sent["private_metadata"] = metadata
    return {"type": "view_submission", "view": sent}


async def test_who_connected_changes_the_country_and_numbers_are_read_anew(
    kea: Inside, sam: Visitor
) -> None:
    before = await kea.one("select count(*) from syncs")
    await open_home(sam, f"{LINE}New Zealand.")
    await sam.press_home("Change country of numbers")
    modal = await sam.modal("Country of numbers", "Save country", "New Zealand", "Australia")
    await sam.submit(modal, {"country": "AU"})
    said = await sam.modal("Numbers of Kea Accounting are now read as: Australia")
    await sam.home(f"{LINE}Australia.")
    assert await region(kea) == "AU"
    assert await changes(kea) == [("U0SAM", "AU")]
    await sam.do("close", view_id=said["id"])
    # The clock finds that the last full copy read another country, and begins one that reads every number again.
    await kea.on_its_loop(kea.made.timetable.sync_all())
    await settled(kea)
    assert await kea.one("select count(*) from syncs") == before + 1
    last = "select region from syncs where kind = 'full' order by started_at desc limit 1"
    assert await kea.one(last) == "AU"
    # Saved once more as it is, it changes nothing.
    await sam.press_home("Change country of numbers")
    modal = await sam.modal("Country of numbers", "Save country")
    await sam.submit(modal)
    said = await sam.modal("Numbers are read as: Australia", "as before")
    await sam.do("close", view_id=said["id"])
    assert await changes(kea) == [("U0SAM", "AU")]


async def test_a_member_who_may_not_mend_sees_no_button_and_changes_nothing(
    kea: Inside, sam: Visitor, mia: Visitor
) -> None:
    home = await open_home(mia, LINE)
    assert not has_button(home, "Change country of numbers")
    before = await region(kea)
    await open_home(sam, LINE)
    await sam.press_home("Change country of numbers")
    modal = await sam.modal("Save country")
    answer = await kea.raw("submit", user="U0MIA", payload=submission(modal, "GB"))
    assert answer["status"] == 200
    assert "Only Sam Rivers or an admin of this workspace can change this" in answer["body"]
    await sam.do("close", view_id=modal["id"])
    assert await region(kea) == before


async def test_a_forged_country_and_a_modal_of_an_older_connection_change_nothing(
    kea: Inside, sam: Visitor
) -> None:
    before = await region(kea)
    await open_home(sam, LINE)
    await sam.press_home("Change country of numbers")
    modal = await sam.modal("Save country")
    for code, metadata in (("XX", None), ("", None), ("FR", None), ("GB", "2020-01-01T00:00:00")):
        payload = submission(modal, code, metadata)
        answer = await kea.raw("submit", user="U0SAM", payload=payload)
        assert answer["status"] == 200
        assert "Save country" in answer["body"]
    await sam.do("close", view_id=modal["id"])
    assert await region(kea) == before


async def test_a_country_beyond_the_list_stands_in_it_while_it_is_chosen(
    kea: Inside, sam: Visitor
) -> None:
    before = await region(kea)
    await kea.on_its_loop(_set(kea, "FR"))
    await open_home(sam, f"{LINE}FR.")
    await sam.press_home("Change country of numbers")
    modal = await sam.modal("Save country")
    assert "FR" in text_of(modal["view"])
    await sam.submit(modal, {"country": before})
    said = await sam.modal("are now read as")
    await sam.do("close", view_id=said["id"])
    assert await region(kea) == before


async def _set(inside: Inside, code: str) -> None:
    services = inside.made.services
    await regions.change(services.database, "T0KEA", code, services.clock())
