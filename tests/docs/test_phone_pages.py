"""The pages and files about phone systems are whole, and the 3CX template says what its adapter reads."""

import json
import re
from pathlib import Path

import pytest
from lxml import etree

from handlers.phones import KINDS
from handlers.phones.delivery import Delivery
from handlers.phones.threecx import read
from tests.docs.test_readme import VERBS

PHONES = Path(__file__).parents[2] / "docs" / "phones"
PAGES = sorted(PHONES.glob("*.md"))
TEMPLATE = etree.parse(PHONES.parents[1] / "handlers/phones/xpm-slack-3cx.xml").getroot()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"standard"}))
def test_every_phone_system_has_a_page_with_its_verb_and_what_was_not_verified(kind: str) -> None:
    page = (PHONES / f"{kind}.md").read_text("utf-8")
    assert f"--kind {kind}" in page
    assert "Not verified" in page
    assert ("phones secret" in page) or not KINDS[kind].has_own_secret


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_verb_of_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert not [link for link in links if not (PHONES / link).exists()]
    for said in re.findall(r"xpm-slack((?: [a-z]+)+)(?= --|`|\n|$)", text):
        assert said.strip() in VERBS


def test_overview_names_every_page() -> None:
    text = (PHONES / "README.md").read_text("utf-8")
    assert not [page.name for page in PAGES if page.name != "README.md" and page.name not in text]


def test_3cx_template_posts_to_its_address_with_its_secret() -> None:
    [report] = TEMPLATE.findall(".//Scenario[@Id='ReportCall']/Request")
    assert (report.get("Url"), report.get("RequestType"), report.get("RequestEncoding")) == (
        "[Address]",
        "Post",
        "Json",
    )
    assert report.findtext("Headers/Value[@Key='Authorization']") == "Bearer [Secret]"
    assert {one.get("Name") for one in TEMPLATE.iter("Parameter")} >= {"Address", "Secret"}


def test_3cx_template_sends_every_field_that_the_adapter_reads() -> None:
    sent = {one.get("Key") for one in TEMPLATE.findall(".//PostValues/Value")}
    source = (PHONES.parents[1] / "handlers/phones/threecx.py").read_text("utf-8")
    used = set(re.findall(r'sent(?:\.get\(|\[)"(\w+)"', source))
    assert sent == used


def test_3cx_report_with_nothing_filled_in_is_refused_and_not_an_error() -> None:
    empty = {one.get("Key"): one.text for one in TEMPLATE.findall(".//PostValues/Value")}
    assert read(Delivery({}, json.dumps(empty | {"CallType": "[CallType]"}).encode())) == []
