"""What listeners may call, in one frozen value; `bot.app` makes it and nobody else."""

from dataclasses import dataclass

from handlers.installations import Organisations
from handlers.notices import SlackHomes, SlackNotices
from handlers.people import People
from handlers.slack import Slack
from xpm.clock import Clock
from xpm.connecting import Connecting
from xpm.connections import Connections
from xpm.directory import Directory
from xpm.entries import Entries
from xpm.following import Following
from xpm.leaving import Leaving
from xpm.naming import Naming
from xpm.phone_systems import PhoneSystems
from xpm.precedence import Precedence
from xpm.reception import Reception
from xpm.standing import Standings
from xpm.store import Database
from xpm.syncing import Syncing


@dataclass(frozen=True, slots=True)
class Services:
    """The practice's services and the ways to reach people. `public_url` is where browsers find us;
    `can_sign_in` says whether any provider is set up, without which nobody may connect.
    """

    database: Database
    connecting: Connecting
    connections: Connections
    directory: Directory
    entries: Entries
    naming: Naming
    reception: Reception
    phone_systems: PhoneSystems
    syncing: Syncing
    standings: Standings
    people: People
    slack: Slack
    notices: SlackNotices
    following: Following
    homes: SlackHomes
    leaving: Leaving
    organisations: Organisations
    clock: Clock
    public_url: str
    can_sign_in: bool
    precedence: Precedence
