"""Finding any job of the practice: in the menu, by /xpm job and by /xpm log."""

from handlers.messages import menus
from sandbox.visitor import has_button, text_of
from tests.handlers.inside import JOB, Inside, newest, option, says_beside, settled, shows


async def test_a_job_of_neither_client_nor_person_is_found_misspelt(kea: Inside) -> None:
    async with kea.visitor("U0LEE") as lee:
        message = await kea.offered(lee, "+6495550177")
        await settled(kea)
        found = await option(lee, message, "J000127", "ratta payrol")
        assert "Rata Cafe" in found["text"]["text"]
        groups = await lee.options(message, JOB, "ratta payrol")
        assert [group["label"] for group in groups] == ["All jobs"]


async def test_a_completed_job_that_nobody_looked_up_is_found_by_its_id_in_the_menu(
    kea: Inside,
) -> None:
    async with kea.visitor("U0LEE") as lee:
        message = await kea.offered(lee, "+6495550177")
        assert "Completed" in (await option(lee, message, "J000130", "j000130"))["text"]["text"]


async def test_xpm_job_with_words_lists_jobs_and_each_can_be_logged_on(kea: Inside) -> None:
    async with kea.visitor("U0LEE") as lee:
        before = newest(await lee.see())
        await lee.type("/xpm job kea ltd")
        said = await says_beside(lee, before, "Jobs like “kea ltd”", "J000124")
        assert "J000123" in text_of(said)
        await lee.type("/xpm job zzzz qqqq")
        await lee.message("No job of Kea Accounting is like “zzzz qqqq”")


async def test_xpm_log_with_the_words_of_one_job_opens_the_form_on_it(kea: Inside) -> None:
    async with kea.visitor("U0LEE") as lee:
        await lee.type("/xpm log weka bas")
        await lee.message("Time without a call", "J000126 · Weka Builders Pty")


async def test_the_last_line_of_a_menu_that_holds_no_more_says_how_to_find_the_others(
    kea: Inside,
) -> None:
    async with kea.visitor("U0LEE") as lee:
        message = await kea.offered(lee, "+6495550177")
        before = newest(await lee.see())
        more = {"text": {"type": "plain_text", "text": "… and 9 more"}, "value": menus.MORE}
        await lee.choose(message, JOB, more)
        await says_beside(lee, before, "type part of the job's name")
        # The choice of a job is still to be made.
        assert "Save time" not in text_of(await lee.message("Call with"))


async def test_an_id_that_there_is_not_offers_those_one_slip_away(kea: Inside) -> None:
    async with kea.visitor("U0LEE") as lee:
        message = await kea.offered(lee, "+6495550177")
        await lee.press(message, "Enter job ID")
        asking = await lee.modal("Find a job by ID")
        await lee.submit(asking, {"job_id": "J00126"})
        found = await lee.modal("No job J00126 in Kea Accounting", "Did you mean", "J000126")
        # What was typed is still there.
        assert found["view"]["blocks"][0]["element"]["initial_value"] == "J00126"
        await lee.press({**found["view"], "id": found["id"]}, "Use this job")
        # The suggestion says the same of the job, so wait for it to be gone.
        chosen = await lee.until(
            lambda seen: next(
                (one for one in seen["modals"][-1:] if "Did you mean" not in text_of(one["view"])),
                None,
            ),
            "modal with the job that was meant",
        )
        await lee.submit(chosen)
        await shows(lee, message, "J000126", "Save time")


async def test_xpm_job_with_an_id_that_there_is_not_lists_those_one_slip_away(
    kea: Inside,
) -> None:
    async with kea.visitor("U0LEE") as lee:
        await lee.type("/xpm job J00127")
        said = await lee.message("No job J00127 in Kea Accounting", "J000127", "Rata Cafe")
        assert has_button(said, "Log time on it")
