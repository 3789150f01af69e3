"""What a pretend workspace is told: who the app is, and where the app listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class WorkspaceSettings:
    """One app in one pretend Slack; `manifest` is the app's own, with real addresses filled in.

    `public_url` is this server's own address without a trailing slash. `addresses` is what
    `GET /client/addresses` answers. `event_retry_delays` are the waits in seconds before the
    first, second and third re-delivery of an event the app did not accept. `has_organisation`
    adds an organisation of two teams. `token_seconds` is how long a token lives with rotation.
    """

    public_url: str
    app_id: str
    client_id: str
    client_secret: str = field(repr=False)
    signing_secret: str = field(repr=False)
    manifest: Mapping[str, Any] = field(repr=False)
    addresses: Mapping[str, str] = field(default_factory=dict)
    answer_seconds: float = 3.0
    event_retry_delays: tuple[float, ...] = (0, 60, 300)
    trigger_seconds: float = 3.0
    has_rate_limits: bool = True
    has_organisation: bool = False
    token_seconds: float = 43_200.0


@dataclass(frozen=True)
class CommandHint:
    """What the composer shows of a slash command; `examples` are the words one may type behind it."""

    command: str
    about: str
    examples: tuple[str, ...]

    @classmethod
    def read(cls, one: Mapping[str, Any]) -> CommandHint:
        """A command of a manifest; a usage hint like "[status | log]" is taken apart into its words.

        https://docs.slack.dev/reference/app-manifest#features
        """
        usage = str(one.get("usage_hint", "")).strip().removeprefix("[").removesuffix("]")
        words = tuple(word.strip() for word in usage.split("|")) if "|" in usage else ("",)
        return cls(str(one["command"]), str(one.get("description", "")), words)


@dataclass(frozen=True)
class Manifest:
    """The parts of an app manifest that a workspace acts on.

    https://docs.slack.dev/reference/app-manifest
    """

    app_name: str
    bot_name: str
    commands: Mapping[str, str]
    hints: tuple[CommandHint, ...]
    interactivity_url: str | None
    options_url: str | None
    events_url: str | None
    events: frozenset[str]
    scopes: frozenset[str]
    redirect_urls: tuple[str, ...]
    has_home_tab: bool
    has_messages_tab: bool
    is_messages_tab_read_only: bool
    is_org_ready: bool
    has_token_rotation: bool

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> Manifest:
        """A manifest as Slack would keep it; a part that is absent is off."""
        features = manifest.get("features", {})
        settings = manifest.get("settings", {})
        oauth = manifest.get("oauth_config", {})
        interactivity = settings.get("interactivity", {})
        subscriptions = settings.get("event_subscriptions", {})
        home = features.get("app_home", {})
        commands = features.get("slash_commands", [])
        name = str(manifest.get("display_information", {}).get("name", "App"))
        is_interactive = bool(interactivity.get("is_enabled", False))
        return cls(
            app_name=name,
            bot_name=str(features.get("bot_user", {}).get("display_name", name)),
            commands={str(one["command"]): str(one["url"]) for one in commands},
            hints=tuple(CommandHint.read(one) for one in commands),
            interactivity_url=interactivity.get("request_url") if is_interactive else None,
            options_url=interactivity.get("message_menu_options_url") if is_interactive else None,
            events_url=subscriptions.get("request_url"),
            events=frozenset(subscriptions.get("bot_events", [])),
            scopes=frozenset(oauth.get("scopes", {}).get("bot", [])),
            redirect_urls=tuple(oauth.get("redirect_urls", [])),
            has_home_tab=bool(home.get("home_tab_enabled", False)),
            has_messages_tab=bool(home.get("messages_tab_enabled", True)),
            is_messages_tab_read_only=bool(home.get("messages_tab_read_only_enabled", False)),
            is_org_ready=bool(settings.get("org_deploy_enabled", False)),
            has_token_rotation=bool(settings.get("token_rotation_enabled", False)),
        )
