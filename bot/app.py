"""The one place that constructs things and joins them."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from slack_bolt.async_app import AsyncApp

from bot.bolt import bolt_of, grace_of, slack_of
from bot.metrics import Metrics
from bot.providers import providers_of
from bot.settings import Settings
from bot.timetable import Timetable
from bot.xero import xero_app
from handlers import listeners
from handlers.installations import LEARN, Organisations
from handlers.later import Later
from handlers.notices import SlackHomes, SlackNotices
from handlers.people import People
from handlers.services import Services
from handlers.signin.providers import SignIn
from handlers.signin.routes import XERO_CALLBACK
from xpm.api import Http, Limits
from xpm.calls import Rules
from xpm.clock import Clock, utc_now
from xpm.comparing import COMPARE, COMPARE_ONE, Comparing
from xpm.connecting import Connecting
from xpm.connections import Connections
from xpm.directory import Directory
from xpm.durable import COURTESY, CROWD, LONG_QUEUE, Durable
from xpm.entries import SETTLE, Entries
from xpm.following import SAY_ENDED, SHOW_ENTRY, SHOW_OPEN, Following
from xpm.keeping import KEEP, Keeping
from xpm.leaving import LEAVE, Leaving
from xpm.mirroring import Mirroring
from xpm.naming import Naming
from xpm.phone_systems import PhoneSystems
from xpm.precedence import Precedence
from xpm.reception import OFFER, OFFER_IN_TURN, REFRESH, RETELL, Reception
from xpm.replicas import Replicas
from xpm.rhythm import Rhythm
from xpm.settling import Settling
from xpm.sharing import SharedLimit
from xpm.standing import Standings
from xpm.store import Database, Transaction
from xpm.store.connections import Connection
from xpm.syncing import SYNC, Syncing
from xpm.vault import Vault
from xpm.watching import EVERY, REMIND, Watching
from xpm.withdrawing import Withdrawing


@dataclass(frozen=True, slots=True)
class App:
    """The whole app, joined and not yet started."""

    settings: Settings
    database: Database
    vault: Vault
    http: Http
    metrics: Metrics
    durable: Durable
    replicas: Replicas
    timetable: Timetable
    services: Services
    sign_in: SignIn
    bolt: AsyncApp
    later: Later
    following: Following
    watching: Watching
    keeping: Keeping

    async def start(self) -> None:
        """Opens connections, recovers what a crash cut, starts the clock."""
        await self.services.slack.start()
        # The name is ours before anything runs under it, or others would take it for a dead one's.
        await self.replicas.start()
        await self.durable.start()
        self.timetable.start()

    async def stop(self) -> None:
        """Lets the way to an ack finish and leaves the rest to the next process."""
        self.timetable.stop()
        await self.later.finish(5.0)
        await self.durable.stop()
        await self.replicas.stop()
        await self.services.slack.stop()
        await self.http.close()
        await self.database.close()


def build(
    settings: Settings, clock: Clock = utc_now, limits: Limits | None = None, *, pace: float = 1.0
) -> App:
    """Constructs everything from the settings; nothing is opened yet.

    Whoever waits before trying or looking again waits `pace` times as long; tests wait less.
    """
    database = Database(settings.database_url)
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    http = Http()
    metrics = Metrics(database, clock)
    precedence = Precedence()
    durable = Durable(database, settings.replica, pace=pace, precedence=precedence)

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds * pace)

    async def on_gone(holder_id: str) -> None:
        await leaving.remove(holder_id)

    slack = slack_of(settings, database, vault, clock, on_gone)
    people = People(database, slack, clock)
    xero = xero_app(settings, http, clock)

    async def on_connected(tx: Transaction, connection: Connection) -> None:
        await syncing.connected(tx, connection)
        await entries.resume(tx, connection.workspace_id)
        await following.made(tx, connection)

    async def on_ended(tx: Transaction, connection: Connection) -> None:
        await following.ended(tx, connection)

    async def on_deleted(tx: Transaction, connection: Connection) -> None:
        await following.deleted(tx, connection)

    if limits is None:
        # One process knows all its calls; several tell each other through the database.
        share = None if database.is_sqlite else partial(SharedLimit, database, clock)
        limits = Limits(share=share)
    connections = Connections(
        database,
        vault,
        xero,
        http,
        api_url=settings.xero_api_url,
        clock=clock,
        limits=limits,
        on_ended=on_ended,
        on_deleted=on_deleted,
        sleep=wait,
        count=metrics.called_xpm,
    )
    withdrawing = Withdrawing(database, vault, xero, clock, connections.access_token)
    connecting = Connecting(
        database,
        vault,
        xero,
        withdrawing,
        redirect_uri=settings.public_url + XERO_CALLBACK,
        region=settings.region,
        clock=clock,
        on_connected=on_connected,
    )
    sign_in = SignIn(http, providers_of(settings), clock)
    directory = Directory(database, connections, clock)
    entries = Entries(database, directory, durable, clock)
    standings = Standings(database, clock, limits)
    homes = SlackHomes(database, slack, people, standings, clock)
    notices = SlackNotices(database, slack, people, clock, entries, homes)
    following = Following(database, durable, notices, clock)
    keeping = Keeping(database, durable, connections, clock)
    leaving = Leaving(database, durable, connections, withdrawing, clock, grace_of(settings))
    organisations = Organisations(database, slack, durable, clock)
    comparing = Comparing(database, connections, durable, clock, _rhythm(settings))
    watching = Watching(database, durable, entries, notices, clock)
    replicas = Replicas(database, durable, clock)
    settling = Settling(database, connections, notices, replicas.now)
    mirroring = Mirroring(database, connections, clock)
    syncing = Syncing(database, mirroring, durable, notices, clock)
    rules = Rules(settings.minimum_call_seconds)
    reception = Reception(
        database,
        connections,
        directory,
        entries,
        durable,
        notices,
        people.find,
        clock,
        rules,
    )
    durable.register(SAY_ENDED, following.say_ended)
    durable.register(SHOW_OPEN, following.show_open)
    durable.register(SHOW_ENTRY, following.show_entry)
    durable.register(KEEP, keeping.run)
    durable.register(LEAVE, leaving.leave)
    durable.register(LEARN, organisations.run)
    durable.register(SETTLE, settling.advance)
    durable.register(OFFER, reception.offer)
    durable.register(OFFER_IN_TURN, reception.offer_in_turn, queue=CROWD)
    durable.register(REFRESH, reception.refresh, queue=COURTESY)
    durable.register(RETELL, reception.retell)
    durable.register(SYNC, syncing.run, queue=LONG_QUEUE)
    durable.register(COMPARE, comparing.run, queue=LONG_QUEUE)
    durable.register(COMPARE_ONE, comparing.one, queue=LONG_QUEUE)
    durable.register(REMIND, watching.remind)
    services = Services(
        database=database,
        connecting=connecting,
        connections=connections,
        directory=directory,
        entries=entries,
        naming=Naming(database, durable, clock),
        reception=reception,
        phone_systems=PhoneSystems(database, vault, clock, settings.public_url, rules),
        syncing=syncing,
        standings=standings,
        people=people,
        slack=slack,
        notices=notices,
        following=following,
        homes=homes,
        leaving=leaving,
        organisations=organisations,
        clock=clock,
        public_url=settings.public_url,
        can_sign_in=bool(sign_in.providers),
        precedence=precedence,
    )
    timetable = Timetable(database, syncing, clock, _rhythm(settings))
    timetable.also(keeping.begin)
    timetable.also(leaving.erase_due)
    timetable.also(comparing.begin)
    timetable.also(watching.look, every=EVERY)
    timetable.also(durable.forget_finished)
    timetable.also(withdrawing.tidy, every=timedelta(minutes=1))
    timetable.also(reception.purge)
    timetable.also(reception.ask_mended)
    bolt = bolt_of(settings, database, vault, slack, organisations, clock)
    later = Later()
    listeners.register(bolt, services, later)
    return App(
        settings=settings,
        database=database,
        vault=vault,
        http=http,
        metrics=metrics,
        durable=durable,
        replicas=replicas,
        timetable=timetable,
        services=services,
        sign_in=sign_in,
        bolt=bolt,
        later=later,
        following=following,
        watching=watching,
        keeping=keeping,
    )


def _rhythm(settings: Settings) -> Rhythm:
    return Rhythm(
        clients=timedelta(minutes=settings.sync_clients_minutes),
        jobs=timedelta(minutes=settings.sync_jobs_minutes),
        staff=timedelta(hours=settings.sync_staff_hours),
        night_hour=settings.sync_night_hour,
    )
