"""Every table. The workspace begins nearly every key; secrets have a column type that refuses plaintext."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from xpm.vault import Sealed


class Instant(sa.TypeDecorator[datetime]):
    """An aware UTC datetime, on SQLite too. Refuses naive ones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


class SealedText(sa.TypeDecorator[Sealed]):
    """A sealed secret. Writing anything but a Sealed raises TypeError, so that no plaintext can slip in."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Sealed | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise TypeError("this column takes sealed values only")
        return value.text

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Sealed | None:
        return None if value is None else Sealed(str(value))


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _workspace(*, primary_key: bool = True) -> sa.Column[str]:
    return sa.Column("workspace_id", sa.String(32), primary_key=primary_key, nullable=False)


workspaces = sa.Table(
    "workspaces",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("enterprise_id", sa.String(32)),
    sa.Column("app_id", sa.String(32), nullable=False),
    sa.Column("bot_id", sa.String(32), nullable=False),
    sa.Column("bot_user_id", sa.String(32), nullable=False),
    # None where the organisation's token serves, and after the app was removed.
    sa.Column("bot_token", SealedText),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("installed_by", sa.String(32), nullable=False),
    sa.Column("installed_at", Instant, nullable=False),
    sa.Column(
        "is_organisation", sa.Boolean, nullable=False, default=False, server_default=sa.false()
    ),
    sa.Column("refresh_token", SealedText),
    sa.Column("token_expires_at", Instant),
    sa.Column("token_version", sa.Integer, nullable=False, default=1, server_default="1"),
    sa.Column("rotating_until", Instant),
    sa.Column("removed_at", Instant),
    sa.Index("ix_workspaces_enterprise", "enterprise_id"),
)

install_states = sa.Table(
    "install_states",
    metadata,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("expires_at", Instant, nullable=False),
)

people = sa.Table(
    "people",
    metadata,
    _workspace(),
    sa.Column("slack_user_id", sa.String(32), primary_key=True),
    sa.Column("email", sa.Text),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column("time_zone", sa.String(64), nullable=False, default="UTC"),
    sa.Column("is_admin", sa.Boolean, nullable=False, default=False),
    sa.Column("is_guest", sa.Boolean, nullable=False, default=False),
    sa.Column("has_left", sa.Boolean, nullable=False, default=False),
    sa.Column("channel", sa.String(32)),
    sa.Column("has_seen_home", sa.Boolean, nullable=False, default=False),
    sa.Column("learned_at", Instant),
    sa.Index("ix_people_email", "workspace_id", "email"),
)

connect_links = sa.Table(
    "connect_links",
    metadata,
    sa.Column("link", sa.String(64), primary_key=True),
    _workspace(primary_key=False),
    sa.Column("slack_user_id", sa.String(32), nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("opened_at", Instant),
    sa.Column("browser", sa.String(64)),
    # The sign-in at Google, Microsoft or Apple, then the consent at Xero: each with a state and a verifier of its own.
    sa.Column("signin_state", sa.String(64), unique=True),
    sa.Column("signin_provider", sa.String(16)),
    sa.Column("signin_verifier", SealedText),
    sa.Column("signin_code", SealedText),
    sa.Column("signed_in_as", sa.Text),
    sa.Column("state", sa.String(64), unique=True),
    sa.Column("verifier", SealedText),
    # What Xero gave, while the person has not said which of several practices they mean.
    sa.Column("consented", SealedText),
    sa.Column("answered_at", Instant),
    sa.Column("outcome", sa.Text),
)

connections = sa.Table(
    "connections",
    metadata,
    _workspace(),
    sa.Column("id", sa.String(64), nullable=False),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("practice", sa.Text, nullable=False),
    sa.Column("region", sa.String(2), nullable=False),
    sa.Column("connected_by", sa.String(32), nullable=False),
    sa.Column("connected_at", Instant, nullable=False),
    sa.Column("access_token", SealedText, nullable=False),
    sa.Column("refresh_token", SealedText, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("refreshed_at", Instant),
    # Counts refreshes; sealing the same token anew (a key's rotation) does not count.
    sa.Column("token_version", sa.Integer, nullable=False, default=0, server_default="0"),
    # Who refreshes just now, and when that claim is worth nothing any more.
    sa.Column("lease", sa.String(32)),
    sa.Column("lease_until", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("ended_why", sa.Text),
    sa.Column("told_ended_at", Instant),
    sa.Column("notice_channel", sa.String(32)),
    sa.Column("notice_ts", sa.String(32)),
)

syncs = sa.Table(
    "syncs",
    metadata,
    _workspace(),
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("failure", sa.Text),
    sa.Column("clients", sa.Integer, nullable=False, default=0),
    sa.Column("contacts", sa.Integer, nullable=False, default=0),
    sa.Column("staff", sa.Integer, nullable=False, default=0),
    sa.Column("jobs", sa.Integer, nullable=False, default=0),
    sa.Column("clients_expected", sa.Integer, nullable=False, default=0),
    sa.Column("kind", sa.String(16), nullable=False, default="full", server_default="full"),
    # The region that a full sync has read every number in.
    sa.Column("region", sa.String(2)),
)

clients = sa.Table(
    "clients",
    metadata,
    _workspace(),
    sa.Column("uuid", sa.String(64), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_archived", sa.Boolean, nullable=False, default=False),
    # Tells whether anything changed since it was written; empty when nobody knows.
    sa.Column("print", sa.String(32), nullable=False, default="", server_default=""),
    # When the jobs of this client alone were last asked for.
    sa.Column("jobs_at", Instant),
    sa.Column("sync_id", sa.String(64), nullable=False),
)

contacts = sa.Table(
    "contacts",
    metadata,
    _workspace(),
    sa.Column("uuid", sa.String(64), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("sync_id", sa.String(64), nullable=False),
)

client_contacts = sa.Table(
    "client_contacts",
    metadata,
    _workspace(),
    sa.Column("client_uuid", sa.String(64), primary_key=True),
    sa.Column("contact_uuid", sa.String(64), primary_key=True),
    sa.Column("position", sa.Text),
    sa.Column("is_primary", sa.Boolean, nullable=False, default=False),
    sa.Column("sync_id", sa.String(64), nullable=False),
    # Whether a contact is left with no client is asked by contact.
    sa.Index("ix_client_contacts_contact", "workspace_id", "contact_uuid"),
)

phone_numbers = sa.Table(
    "phone_numbers",
    metadata,
    _workspace(),
    sa.Column("e164", sa.String(20), primary_key=True),
    sa.Column("client_uuid", sa.String(64), primary_key=True),
    # Empty for the client's own number: part of a primary key is never null.
    sa.Column("contact_uuid", sa.String(64), primary_key=True, default=""),
    sa.Column("sync_id", sa.String(64), nullable=False),
    sa.Index("ix_phone_numbers_client", "workspace_id", "client_uuid"),
)

staff = sa.Table(
    "staff",
    metadata,
    _workspace(),
    sa.Column("uuid", sa.String(64), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("jobs_at", Instant),
    sa.Column("sync_id", sa.String(64), nullable=False),
    sa.Index("ix_staff_email", "workspace_id", "email"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    _workspace(),
    sa.Column("number", sa.String(64), primary_key=True),
    sa.Column("uuid", sa.String(64)),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("client_uuid", sa.String(64)),
    sa.Column("client_name", sa.Text, nullable=False),
    sa.Column("manager_name", sa.Text),
    sa.Column("due_date", sa.Date),
    sa.Column("web_url", sa.Text),
    sa.Column("search", sa.Text, nullable=False),
    sa.Column("print", sa.String(32), nullable=False, default="", server_default=""),
    sa.Column("sync_id", sa.String(64), nullable=False),
    sa.Index("ix_jobs_client", "workspace_id", "client_uuid"),
)

job_staff = sa.Table(
    "job_staff",
    metadata,
    _workspace(),
    # In this order, so that somebody's jobs are found by the key itself.
    sa.Column("staff_uuid", sa.String(64), primary_key=True),
    sa.Column("job_number", sa.String(64), primary_key=True),
    sa.Column("sync_id", sa.String(64), nullable=False),
    sa.Index("ix_job_staff_job", "workspace_id", "job_number"),
)

tasks = sa.Table(
    "tasks",
    metadata,
    _workspace(),
    sa.Column("job_number", sa.String(64), primary_key=True),
    sa.Column("uuid", sa.String(64), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_completed", sa.Boolean, nullable=False, default=False),
    sa.Column("position", sa.Integer, nullable=False, default=0),
    sa.Column("assigned", sa.JSON, nullable=False, default=list),
    sa.Column("sync_id", sa.String(64), nullable=False),
)

# The same order on both databases, that of the bytes: words are found by their beginning.
Word = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")

job_words = sa.Table(
    "job_words",
    metadata,
    _workspace(),
    sa.Column("word", Word, primary_key=True),
    sa.Column("is_closed", sa.Boolean, primary_key=True),
    sa.Column("job_number", sa.String(64), primary_key=True),
)

job_word_slips = sa.Table(
    "job_word_slips",
    metadata,
    _workspace(),
    # A word with one of its letters missing; two spellings of a word have one in common.
    sa.Column("slip", Word, primary_key=True),
    sa.Column("word", Word, primary_key=True),
)

job_marks = sa.Table(
    "job_marks",
    metadata,
    _workspace(),
    # Another one whenever the practice's jobs change, so that what was read of them may be kept until then.
    sa.Column("mark", sa.String(32), nullable=False),
)

known_numbers = sa.Table(
    "known_numbers",
    metadata,
    _workspace(),
    # Whose a number is that the practice has not in XPM, as a person said; XPM is not written to.
    sa.Column("e164", sa.String(20), primary_key=True),
    sa.Column("client_uuid", sa.String(64), nullable=False),
    sa.Column("slack_user_id", sa.String(32), nullable=False),
    sa.Column("said_at", Instant, nullable=False),
)

phone_systems = sa.Table(
    "phone_systems",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    _workspace(primary_key=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("secret", SealedText, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    # Noted at most once a minute: a flood must not wait for one row.
    sa.Column("last_call_at", Instant),
    sa.Column("refused_at", Instant),
    sa.Column("refused_why", sa.String(32)),
    # What people call it, where several send our own event and are one kind.
    sa.Column("chosen", sa.String(32), nullable=False, default="", server_default=""),
)

phone_people = sa.Table(
    "phone_people",
    metadata,
    _workspace(),
    sa.Column("phone_system_id", sa.String(32), primary_key=True),
    # The phone system's own name for somebody: "extension 103".
    sa.Column("staff", sa.String(255), primary_key=True),
    sa.Column("email", sa.Text),
    sa.Column("name", sa.Text, nullable=False, default="", server_default=""),
    # A menu or a queue that answers calls is nobody.
    sa.Column("is_nobody", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    # Said by a person, so what the phone system says later does not change it.
    sa.Column("is_mended", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    sa.Column("seen_at", Instant, nullable=False),
)

call_rules = sa.Table(
    "call_rules",
    metadata,
    _workspace(),
    # None: as the app's settings say.
    sa.Column("minimum_seconds", sa.Integer),
    sa.Column("asks_missed", sa.Boolean, nullable=False, default=False),
    sa.Column("asks_voicemail", sa.Boolean, nullable=False, default=False),
    sa.Column("asks_internal", sa.Boolean, nullable=False, default=False),
    sa.Column("own_numbers", sa.JSON, nullable=False, default=list),
    sa.Column("ignored_numbers", sa.JSON, nullable=False, default=list),
)

call_tellings = sa.Table(
    "call_tellings",
    metadata,
    _workspace(),
    sa.Column("phone_system_id", sa.String(32), primary_key=True),
    sa.Column("source_id", sa.String(255), primary_key=True),
    # Of what was told, so that a telling that comes again is known.
    sa.Column("print", sa.String(64), primary_key=True),
    sa.Column("told", sa.JSON, nullable=False),
    sa.Column("told_at", Instant, nullable=False),
    sa.Index("ix_call_tellings_told_at", "told_at"),
)

calls = sa.Table(
    "calls",
    metadata,
    _workspace(),
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("phone_system_id", sa.String(32), nullable=False),
    sa.Column("source_id", sa.String(255), nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("direction", sa.String(16), nullable=False),
    sa.Column("numbers", sa.JSON, nullable=False),
    sa.Column("caller_name", sa.Text),
    sa.Column("is_answered", sa.Boolean, nullable=False),
    sa.Column("is_internal", sa.Boolean, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("ended_at", Instant, nullable=False),
    sa.Column("seconds", sa.Integer, nullable=False),
    sa.Column("includes_ringing", sa.Boolean, nullable=False, default=False),
    sa.Column("notes", sa.Text),
    sa.Column("received_at", Instant, nullable=False),
    # What became of it: waiting, offered, or why nobody was asked.
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("parties", sa.JSON, nullable=False, default=list),
    # The phone system's own name for the person, where it gave one.
    sa.Column("staff", sa.String(255), nullable=False, default="", server_default=""),
    sa.Column("system_kind", sa.String(32), nullable=False, default="", server_default=""),
    sa.Column("remarks", sa.JSON, nullable=False, default=list, server_default="[]"),
    sa.Column("is_voicemail", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    # Counts what the phone system told later.
    sa.Column("version", sa.Integer, nullable=False, default=1, server_default="1"),
    # Until then somebody who spoke on the line may still turn up.
    sa.Column("offer_at", Instant),
    sa.UniqueConstraint("phone_system_id", "source_id", "email", "staff"),
    sa.Index("ix_calls_outcome", "workspace_id", "outcome"),
)

# In words that both databases take, and the same in every question, or SQLite would not see that the index answers it.
ENTRIES_MOVING = sa.text(
    "(state = 'sending' OR has_news OR shown_version < version AND (state <> 'offered' OR message_ts IS NOT NULL)"
    " OR message_ts IS NULL AND call_id IS NOT NULL)"
)
"""Of an entry: something is yet to be done without its person, be it only to be shown."""

entries = sa.Table(
    "entries",
    metadata,
    _workspace(),
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("slack_user_id", sa.String(32), nullable=False),
    sa.Column("call_id", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("act", sa.String(8), nullable=False, default="add"),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Column("shown_version", sa.Integer, nullable=False, default=0),
    sa.Column("channel", sa.String(32)),
    sa.Column("message_ts", sa.String(32)),
    sa.Column("client_uuid", sa.String(64)),
    sa.Column("job_number", sa.String(64)),
    sa.Column("task_uuid", sa.String(64)),
    sa.Column("staff_uuid", sa.String(64)),
    sa.Column("tenant_id", sa.String(64)),
    sa.Column("minutes", sa.Text, nullable=False, default=""),
    sa.Column("note", sa.Text, nullable=False, default=""),
    sa.Column("date", sa.Date, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("doubtful_since", Instant),
    sa.Column("waiting_since", Instant),
    sa.Column("waiting_for", sa.String(16)),
    sa.Column("waiting_until", Instant),
    sa.Column("tries", sa.Integer, nullable=False, default=0, server_default="0"),
    sa.Column("has_news", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    sa.Column("reminded_at", Instant),
    sa.Column("finding", sa.JSON),
    sa.Column("xpm_time_uuid", sa.String(64)),
    sa.Column("saved", sa.JSON),
    sa.Column("sent_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.UniqueConstraint("workspace_id", "slack_user_id", "call_id"),
    sa.UniqueConstraint("workspace_id", "xpm_time_uuid"),
    # Two doubtful entries that look alike cannot both claim one time of XPM, be they of two workspaces.
    sa.Index("ix_entries_time", "tenant_id", "xpm_time_uuid", unique=True),
    sa.Index("ix_entries_state", "workspace_id", "state"),
    sa.Index("ix_entries_person_date", "workspace_id", "slack_user_id", "date"),
    # With all that the last jobs of somebody are told by, so that their entries need not be read for it.
    sa.Index(
        "ix_entries_person_state",
        "workspace_id",
        "slack_user_id",
        "state",
        "date",
        "job_number",
        "sent_at",
    ),
    # Small however many entries there are: nearly all are at rest.
    sa.Index(
        "ix_entries_moving",
        "changed_at",
        sqlite_where=ENTRIES_MOVING,
        postgresql_where=ENTRIES_MOVING,
    ),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", Instant, nullable=False),
    _workspace(primary_key=False),
    sa.Column("slack_user_id", sa.String(32)),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("detail", sa.JSON, nullable=False, default=dict),
    sa.Index("ix_audit_workspace_at", "workspace_id", "at"),
)

practice_limits = sa.Table(
    "practice_limits",
    metadata,
    # A practice's and not a workspace's: Xero counts by app and practice, whoever asks.
    sa.Column("tenant_id", sa.String(64), primary_key=True),
    sa.Column("day_left", sa.Integer),
    sa.Column("day_left_at", Instant),
    sa.Column("day_until", Instant),
    sa.Column("paused_until", Instant),
)

practice_calls = sa.Table(
    "practice_calls",
    metadata,
    sa.Column("tenant_id", sa.String(64), primary_key=True),
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("started_at", Instant, nullable=False),
    # A call under way holds one of the practice's places until then, or until it has ended.
    sa.Column("leased_until", Instant),
)

replicas = sa.Table(
    "replicas",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    # Told apart by it: two processes that were given the same name.
    sa.Column("mark", sa.String(32), nullable=False),
    sa.Column("beat_at", Instant, nullable=False),
)

MIRROR = (
    clients,
    contacts,
    client_contacts,
    phone_numbers,
    staff,
    jobs,
    job_staff,
    tasks,
)
"""What is copied from the practice and forgotten when it is disconnected."""

BESIDE_MIRROR = (job_marks, job_words, job_word_slips, known_numbers)
"""What was made of it or said about it, and is forgotten with it."""
