"""The README and .env.example say what the code says: settings, commands, files."""

import re
from pathlib import Path

import pytest
import typer
from pydantic_core import PydanticUndefined

from bot.__main__ import cli
from bot.settings import PREFIX, Settings
from xpm.vault import new_key

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = {page.name: page.read_text("utf-8") for page in (ROOT / "docs").glob("*.md")} | {
    "README.md": README
}
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")
FIELDS = Settings.model_fields


def default_of(name: str) -> str:
    """A setting's default as it is written in the environment; empty when there is none."""
    value = FIELDS[name].default
    if value is PydanticUndefined or value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def row(name: str) -> str:
    """The row of the README's table for a setting."""
    default = default_of(name)
    said = "needed" if FIELDS[name].is_required() else f"`{default}`" if default else "none"
    return f"| `{PREFIX}{name.upper()}` | {said} | {FIELDS[name].description} |"


def test_the_table_of_settings_is_that_of_the_code() -> None:
    shown = [line for line in README.splitlines() if line.startswith(f"| `{PREFIX}")]
    assert shown == [row(name) for name in FIELDS]


def test_the_example_names_every_setting_with_its_description_and_default() -> None:
    expected = [
        (FIELDS[name].description, f"{PREFIX}{name.upper()}={default_of(name)}") for name in FIELDS
    ]
    found = re.findall(rf"^# (.+)\n(?:# )?({PREFIX}\w+=.*)$", EXAMPLE, re.MULTILINE)
    assert found == expected
    # What has a default or may be absent is commented out, so that an empty line never replaces it.
    for name, field in FIELDS.items():
        is_active = f"\n{PREFIX}{name.upper()}=" in EXAMPLE
        assert is_active is field.is_required(), name


def test_the_example_filled_in_starts_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {name: "long-enough-value" for name in FIELDS if FIELDS[name].is_required()}
    values |= {"public_url": "https://xpm.example.com", "encryption_keys": new_key()}
    text = EXAMPLE
    for name, value in values.items():
        text = text.replace(f"\n{PREFIX}{name.upper()}=\n", f"\n{PREFIX}{name.upper()}={value}\n")
    file = tmp_path / ".env"
    file.write_text(text, "utf-8")
    for name in FIELDS:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)
    settings = Settings(_env_file=file)  # type: ignore[call-arg]  # the rest comes from the file
    assert settings.encryption_keys[0].get_secret_value() == values["encryption_keys"]
    assert settings.port == FIELDS["port"].default


def verbs_of(app: typer.Typer) -> set[str]:
    """Every verb of the command line, such as `keys new`."""
    own = {
        one.name or one.callback.__name__
        for one in app.registered_commands
        if one.callback is not None
    }
    for group in app.registered_groups:
        assert group.typer_instance is not None
        own |= {f"{group.name} {verb}" for verb in verbs_of(group.typer_instance)}
    return own


VERBS = verbs_of(cli)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_verb_that_a_page_names_exists(page: str) -> None:
    for said in re.findall(r"xpm-slack((?: [a-z]+)+)(?= --|`|\n|$)", PAGES[page]):
        assert said.strip() in VERBS, f"{page}: xpm-slack{said}"


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", PAGES[page], re.MULTILINE)) <= targets


def test_the_readme_names_every_verb_and_the_four_targets() -> None:
    assert not [verb for verb in VERBS if f"xpm-slack {verb}" not in README]
    assert not [one for one in ("demo", "play", "test", "check") if f"make {one}" not in README]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_file_that_a_page_names_exists(page: str) -> None:
    here = ROOT if page == "README.md" else ROOT / "docs"
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", PAGES[page])
    assert not [link for link in links if not (here / link).exists()]
    named = re.findall(r"`((?:bot|handlers|xpm|sandbox|tests|docs|\.ci)/[\w./-]*)`", PAGES[page])
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_setting_that_a_page_names_exists(page: str) -> None:
    named = set(re.findall(rf"{PREFIX}([A-Z_]+)", PAGES[page]))
    assert {name.lower() for name in named} <= set(FIELDS)
