"""The one place that constructs things and joins them."""

from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings

from bot.manifest import bot_scopes
from bot.settings import Settings
from bot.timetable import Timetable
from handlers import listeners
from handlers.installations import Authorize, Installations, InstallStates
from handlers.later import Later
from handlers.notices import SlackHomes, SlackNotices
from handlers.people import People
from handlers.services import Services
from handlers.signin.routes import CALLBACK_PATH
from handlers.slack import Slack
from xpm.api import Http, Limits, XeroApp
from xpm.calls import Rules
from xpm.clock import Clock, utc_now
from xpm.connections import Connections
from xpm.directory import Directory
from xpm.durable import Durable
from xpm.entries import SETTLE, Entries
from xpm.reception import OFFER, REFRESH, Reception
from xpm.settling import Settling
from xpm.standing import Standings
from xpm.store import Database, Transaction
from xpm.store.connections import Connection
from xpm.syncing import SYNC, Syncing
from xpm.vault import Vault

INSTALL_PATH = "/slack/install"
INSTALLED_PATH = "/slack/oauth_redirect"
EVENTS_PATH = "/slack/events"


@dataclass(frozen=True, slots=True)
class App:
    """The whole app, joined and not yet started."""

    settings: Settings
    database: Database
    vault: Vault
    http: Http
    durable: Durable
    timetable: Timetable
    services: Services
    bolt: AsyncApp
    later: Later

    async def start(self) -> None:
        """Opens connections, recovers what a crash cut, starts the clock."""
        await self.services.slack.start()
        await self.durable.start()
        self.timetable.start()

    async def stop(self) -> None:
        """Lets the way to an ack finish and leaves the rest to the next process."""
        self.timetable.stop()
        await self.later.finish(5.0)
        await self.durable.stop()
        await self.services.slack.stop()
        await self.http.close()
        await self.database.close()


def build(settings: Settings, clock: Clock = utc_now, limits: Limits | None = None) -> App:
    """Constructs everything from the settings; nothing is opened yet."""
    database = Database(settings.database_url)
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    http = Http()
    durable = Durable(database, settings.replica)
    slack = Slack(
        database, vault, api_url=settings.slack_api_url, hooks_url=settings.slack_hooks_url
    )
    people = People(database, slack, clock)
    xero = XeroApp(
        settings.xero_client_id,
        settings.xero_client_secret.get_secret_value(),
        settings.xero_scopes,
        settings.xero_login_url,
        settings.xero_identity_url,
        settings.xero_api_url,
        http=http,
        now=clock,
    )

    async def on_connected(tx: Transaction, connection: Connection) -> None:
        await syncing.connected(tx, connection)
        await entries.resume(tx, connection.workspace_id)

    connections = Connections(
        database,
        vault,
        xero,
        http,
        api_url=settings.xero_api_url,
        redirect_uri=settings.public_url + CALLBACK_PATH,
        region=settings.region,
        clock=clock,
        on_connected=on_connected,
        limits=limits,
    )
    directory = Directory(database, connections, clock)
    entries = Entries(database, connections, directory, durable, clock)
    standings = Standings(database, clock)
    homes = SlackHomes(database, slack, people, standings, clock)
    notices = SlackNotices(database, slack, people, clock, entries, homes)
    settling = Settling(database, connections, notices, clock, durable.sleep)
    syncing = Syncing(database, directory, durable, notices, durable.sleep)
    reception = Reception(
        database,
        connections,
        directory,
        entries,
        durable,
        notices,
        people.find,
        clock,
        Rules(settings.minimum_call_seconds),
        durable.sleep,
    )
    durable.register(SETTLE, settling.run)
    durable.register(OFFER, reception.offer)
    durable.register(REFRESH, reception.refresh)
    durable.register(SYNC, syncing.run)
    services = Services(
        database=database,
        connections=connections,
        directory=directory,
        entries=entries,
        reception=reception,
        syncing=syncing,
        standings=standings,
        people=people,
        slack=slack,
        notices=notices,
        homes=homes,
        clock=clock,
        public_url=settings.public_url,
    )
    bolt = _bolt(settings, database, vault, slack, clock)
    later = Later()
    listeners.register(bolt, services, later)
    return App(
        settings=settings,
        database=database,
        vault=vault,
        http=http,
        durable=durable,
        timetable=Timetable(database, syncing, clock, settings.sync_minutes),
        services=services,
        bolt=bolt,
        later=later,
    )


def _bolt(
    settings: Settings, database: Database, vault: Vault, slack: Slack, clock: Clock
) -> AsyncApp:
    flow = AsyncOAuthFlow(
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
            installation_store=Installations(database, vault, clock),
            state_store=InstallStates(database, clock),
        ),
    )
    return AsyncApp(
        name="xpm-slack",
        # The ack is the answer to the request: 40 times quicker than Bolt's default, which polls for it every 10 ms.
        process_before_response=True,
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        client=slack.client,
        authorize=Authorize(database, vault),  # type: ignore[arg-type]  # Bolt takes its own class as well
        oauth_flow=flow,
        raise_error_for_unhandled_request=False,
    )
