"""Bolt, joined to our installation store, our authorisation and our pages."""

from datetime import timedelta

from slack_bolt.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings

from bot.manifest import bot_scopes
from bot.settings import Settings
from handlers.install_pages import InstallFlow
from handlers.installations import Authorize, Installations, InstallStates, Organisations
from handlers.slack import OnGone, Slack
from handlers.tokens import SlackApp
from xpm.clock import Clock
from xpm.store import Database
from xpm.vault import Vault

INSTALL_PATH = "/slack/install"
INSTALLED_PATH = "/slack/oauth_redirect"
EVENTS_PATH = "/slack/events"


def slack_of(
    settings: Settings, database: Database, vault: Vault, clock: Clock, on_gone: OnGone
) -> Slack:
    """Slack's Web API as this app calls it."""
    return Slack(
        database,
        vault,
        api_url=settings.slack_api_url,
        hooks_url=settings.slack_hooks_url,
        app=SlackApp(
            settings.slack_client_id,
            settings.slack_client_secret.get_secret_value(),
            settings.public_url + INSTALL_PATH,
        ),
        clock=clock,
        on_gone=on_gone,
    )


def grace_of(settings: Settings) -> timedelta:
    """How long the data of a workspace that removed the app is kept."""
    return timedelta(days=settings.erase_after_days)


def bolt_of(
    settings: Settings,
    database: Database,
    vault: Vault,
    slack: Slack,
    organisations: Organisations,
    clock: Clock,
) -> AsyncApp:
    """Bolt, with nothing registered yet."""
    flow = InstallFlow(
        client=slack.client,
        settings=AsyncOAuthSettings(
            client_id=settings.slack_client_id,
            client_secret=settings.slack_client_secret.get_secret_value(),
            scopes=bot_scopes(),
            redirect_uri=settings.public_url + INSTALLED_PATH,
            install_path=INSTALL_PATH,
            redirect_uri_path=INSTALLED_PATH,
            install_page_rendering_enabled=False,
            authorization_url=f"{settings.slack_web_url}/oauth/v2/authorize",
            installation_store=Installations(database, vault, clock, organisations.begin),
            state_store=InstallStates(database, clock),
            callback_options=InstallFlow.options(settings.slack_web_url, INSTALL_PATH),
        ),
    )
    return AsyncApp(
        name="xpm-slack",
        # The ack is the answer to the request: 40 times quicker than Bolt's default, which polls for it every 10 ms.
        process_before_response=True,
        # `bot.web` proves every request, more strictly than Bolt's own would a second time; a socket proves itself.
        request_verification_enabled=False,
        attaching_function_token_enabled=False,
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        client=slack.client,
        authorize=Authorize(database, slack.tokens),  # type: ignore[arg-type]  # Bolt takes its own class as well
        oauth_flow=flow,
        raise_error_for_unhandled_request=False,
        user_facing_authorize_error_message=(
            "This app is not in this workspace any more, or Slack ended its access. Nothing was changed. An admin can "
            f"add it again: {settings.public_url}{INSTALL_PATH}"
        ),
    )
