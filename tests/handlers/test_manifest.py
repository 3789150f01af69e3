"""manifest.yml against what the app registers, against Slack's own schema, and against what Slack has."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import jsonschema
import pytest
from slack_bolt.async_app import AsyncApp

from bot import manifest
from handlers import listeners
from handlers.later import Later
from handlers.messages import (
    call_rules,
    connect,
    errors,
    home,
    job_id,
    kit,
    menus,
    phone_adding,
    phone_people,
    phone_systems,
    post_call,
    refusals,
    region,
)
from handlers.messages import help as help_
from handlers.services import Services

SCHEMA = Path(__file__).parent.parent / "fixtures/slack/slack-manifest-2.0.0.schema.json"
MODULES: tuple[ModuleType, ...] = (
    call_rules,
    connect,
    errors,
    help_,
    home,
    job_id,
    kit,
    menus,
    phone_adding,
    phone_people,
    phone_systems,
    post_call,
    refusals,
    region,
)

# https://docs.slack.dev/reference/events, as far as an app like this may go.
KNOWN_EVENTS = {
    "app_home_opened", "app_mention", "app_uninstalled", "link_shared", "member_joined_channel", "message.im",
    "team_access_granted", "team_access_revoked", "team_join", "tokens_revoked", "user_change",
}  # fmt: skip

# Fields that stand in a silent input block: their values travel with the button.
SILENT = {
    menus.TASK,
    post_call.MINUTES,
    post_call.NOTE,
    post_call.DATE,
    job_id.INPUT,
    region.COUNTRY,
    phone_adding.SYSTEM_FIELD,
    phone_adding.SECRET_FIELD,
    phone_people.PERSON_FIELD,
    phone_people.NOBODY_FIELD,
    call_rules.MINIMUM_FIELD,
    call_rules.KINDS_FIELD,
    call_rules.OWN_FIELD,
    call_rules.IGNORED_FIELD,
}


class Recorder:
    """Takes what an AsyncApp takes and notes the ids."""

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = {}

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def note(identity: Any) -> Callable[[Any], Any]:
            if isinstance(identity, str):
                self.ids.setdefault(kind, []).append(identity)
            return lambda function: function

        return note


@pytest.fixture(scope="module")
def registered() -> dict[str, list[str]]:
    recorder = Recorder()
    # Registering only keeps the services for later, so none is needed.
    listeners.register(cast("AsyncApp", recorder), cast("Services", None), Later())
    return recorder.ids


def constants() -> set[str]:
    return {
        value
        for module in MODULES
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", value)
    }


def test_commands_of_the_manifest_are_the_registered_ones(registered: dict[str, list[str]]) -> None:
    said = [one["command"] for one in manifest.read()["features"]["slash_commands"]]
    assert said == registered["command"] == [listeners.COMMAND]


def test_events_of_the_manifest_are_the_registered_ones_and_events_that_slack_has(
    registered: dict[str, list[str]],
) -> None:
    said = manifest.read()["settings"]["event_subscriptions"]["bot_events"]
    assert sorted(said) == sorted(registered["event"])
    assert set(said) <= KNOWN_EVENTS


def test_every_id_of_the_messages_is_registered_and_every_registered_id_is_theirs(
    registered: dict[str, list[str]],
) -> None:
    answered = [*registered["action"], *registered["options"], *registered["view"]]
    assert constants() - SILENT == set(answered)
    assert not SILENT & set(answered)


def test_no_id_is_registered_twice(registered: dict[str, list[str]]) -> None:
    for kind, ids in registered.items():
        assert len(ids) == len(set(ids)), kind


def test_a_menu_that_loads_is_both_filled_and_answered(registered: dict[str, list[str]]) -> None:
    assert registered["options"] == [menus.JOB, menus.WHO]
    assert {menus.JOB, menus.WHO} <= set(registered["action"])
    assert manifest.read()["settings"]["interactivity"]["message_menu_options_url"]


def test_manifest_is_valid_against_slacks_own_schema() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    validator = jsonschema.validators.validator_for(schema)
    for one in (manifest.read(), manifest.filled("https://time.example.com/")):
        # Slack's file holds a pattern that Python reads otherwise only in parts that we do not use.
        found = [error.message for error in validator(schema).iter_errors(one)]
        assert found == []


def test_manifest_with_an_unknown_word_is_refused_by_slacks_schema() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    wrong = manifest.read()
    wrong["settings"]["interactivity"]["is_enabled"] = "yes"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


def test_every_address_of_the_filled_manifest_is_ours() -> None:
    text = manifest.dumped("https://time.example.org/")
    assert manifest.PLACEHOLDER not in text
    addresses = re.findall(r"https?://\S+", text)
    assert addresses
    assert all(one.startswith("https://time.example.org/slack/") for one in addresses)


def test_words_of_the_usage_hint_are_the_commands_there_are() -> None:
    hint = manifest.read()["features"]["slash_commands"][0]["usage_hint"]
    words = {word.split()[0] for word in hint.strip("[]").split("|")}
    words_of_help = set(re.findall(r"`/xpm (\w+)", help_.COMMANDS)) | {"help"}
    assert words == words_of_help == set(listeners.COMMANDS) - {""}


def test_manifest_is_within_slacks_lengths() -> None:
    # https://docs.slack.dev/reference/app-manifest
    said = manifest.read()
    assert len(said["display_information"]["name"]) <= 35
    assert len(said["display_information"]["description"]) <= 140
    assert 174 <= len(said["display_information"]["long_description"]) <= 4000
    assert len(said["features"]["slash_commands"][0]["usage_hint"]) <= 1000
