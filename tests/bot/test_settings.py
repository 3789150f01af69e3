"""Settings that are missing or nonsense: the process says which, never what, and does not start."""

import os
from pathlib import Path

import pytest

from bot.settings import PREFIX, BadSettings, Settings, load
from tests import forked
from tests.bot.surroundings import GOOD, environment
from tests.replicas import Replicas
from xpm.vault import new_key


def wrong(folder: Path, **changes: str | None) -> str:
    """What is said about settings that are wrong."""
    with environment(folder, **changes), pytest.raises(BadSettings) as found:
        load()
    return str(found.value)


def test_good_settings_are_read_and_no_secret_is_shown(tmp_path: Path) -> None:
    with environment(tmp_path):
        settings = load()
    assert settings.public_url == "https://xpm.example.com"
    assert "canary" not in repr(settings)
    assert GOOD["ENCRYPTION_KEYS"] not in repr(settings)


@pytest.mark.parametrize("name", GOOD)
def test_missing_setting_is_named_with_where_to_find_it(tmp_path: Path, name: str) -> None:
    said = wrong(tmp_path, **{name: None})
    assert said.startswith(f"{PREFIX}{name} is missing (")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PUBLIC_URL", "xpm.example.com"),
        ("PUBLIC_URL", "http://xpm.example.com"),
        ("PUBLIC_URL", "ftp://xpm.example.com"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://xpm.example.com/?a=canary"),
        ("PUBLIC_URL", "http://127.0.0.1.example.com"),
        ("PUBLIC_URL", "https://[canary"),
        ("PUBLIC_URL", "https://xpm.example.com:canary"),
        ("XERO_API_URL", "http://api.example.com"),
        ("SLACK_API_URL", "http://slack.example.com/api/"),
        ("SLACK_SIGNING_SECRET", "canary"),
        ("SLACK_CLIENT_SECRET", ""),
        ("ENCRYPTION_KEYS", "canary"),
        ("ENCRYPTION_KEYS", "Y2FuYXJ5"),
        ("ENCRYPTION_KEYS", ""),
        ("ENCRYPTION_KEYS", " , "),
        ("DATABASE_URL", "canary"),
        ("DATABASE_URL", "mysql://canary@host/x"),
        ("REGION", "canary"),
        ("REGION", "ZZ"),
        ("PORT", "canary"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("SYNC_CLIENTS_MINUTES", "1"),
        ("SYNC_JOBS_MINUTES", "1"),
        ("SYNC_STAFF_HOURS", "0"),
        ("SYNC_NIGHT_HOUR", "24"),
        ("MINIMUM_CALL_SECONDS", "-1"),
        ("LOG_LEVEL", "canary"),
        ("REPLICA", ""),
        ("SOCKET_MODE", "canary"),
    ],
)
def test_nonsense_is_named_and_its_value_is_not_shown(tmp_path: Path, name: str, text: str) -> None:
    said = wrong(tmp_path, **{name: text})
    assert said.startswith(f"{PREFIX}{name} ")
    assert "canary" not in said
    assert len(said.splitlines()) == 1


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    said = wrong(tmp_path, PUBLIC_URL=None, REGION="ZZ", ENCRYPTION_KEYS="short")
    assert len(said.splitlines()) == 3


def test_socket_mode_needs_its_token(tmp_path: Path) -> None:
    assert "SLACK_APP_TOKEN" in wrong(tmp_path, SOCKET_MODE="true")
    with environment(tmp_path, SOCKET_MODE="true", SLACK_APP_TOKEN="xapp-canary"):
        assert load().socket_mode


@pytest.mark.parametrize("host", ["localhost:8400", "127.0.0.1:8400", "[::1]:8400"])
def test_plain_http_is_taken_on_this_computer_alone(tmp_path: Path, host: str) -> None:
    with environment(tmp_path, PUBLIC_URL=f"http://{host}"):
        assert load().public_url == f"http://{host}"


def test_slash_at_the_end_of_an_address_makes_no_difference(tmp_path: Path) -> None:
    with environment(
        tmp_path, PUBLIC_URL="https://x.example.com/", SLACK_API_URL="https://s.example.com/api"
    ):
        settings = load()
    assert settings.public_url == "https://x.example.com"
    assert settings.slack_api_url == "https://s.example.com/api/"


def test_several_keys_are_read_newest_first(tmp_path: Path) -> None:
    first, second = new_key(), new_key()
    with environment(tmp_path, ENCRYPTION_KEYS=f" {first}, {second} ,"):
        keys = [key.get_secret_value() for key in load().encryption_keys]
    assert keys == [first, second]


def test_settings_of_a_file_are_read_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{PREFIX}REGION=au\n", "utf-8")
    with environment(tmp_path):
        assert load().region == "AU"


def test_every_setting_says_what_it_is_and_no_secret_has_a_value_of_its_own() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        if any(word in name for word in ("secret", "token", "keys")):
            assert field.is_required() or field.default is None, name


@pytest.mark.parametrize("verb", [["serve"], ["phones", "add", "--workspace", "T1"]])
async def test_process_with_wrong_settings_says_which_and_ends_with_2(
    tmp_path: Path, verb: list[str], replicas: Replicas
) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith((PREFIX, "SLACK_"))}
    settings = {PREFIX + name: text for name, text in GOOD.items() if name != "PUBLIC_URL"}
    settings[PREFIX + "ENCRYPTION_KEYS"] = "canary-key"
    process = await forked.launch(replicas)(verb, clean | settings, tmp_path, None)
    printed, _ = await process.communicate(b"")
    assert process.returncode == 2
    said = printed.decode()
    assert f"{PREFIX}PUBLIC_URL is missing" in said
    assert f"{PREFIX}ENCRYPTION_KEYS" in said
    assert "canary" not in said
    assert "Traceback" not in said
    assert os.listdir(tmp_path) == []
