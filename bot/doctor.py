"""Checks what the app needs, one line each: what is wrong and how to mend it."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import sqlalchemy as sa

from bot import manifest
from bot.bolt import slack_of
from bot.providers import providers_of, unfinished
from bot.settings import PREFIX, BadSettings, Settings, load
from bot.xero import xero_app
from handlers.signin.identity import NotProven
from handlers.signin.providers import SignIn
from handlers.signin.routes import provider_callback
from handlers.slack import Slack
from xpm import migrations
from xpm.api import Disconnected, Http, Rejected, XpmError
from xpm.clock import utc_now
from xpm.store import Database
from xpm.store import workspaces as store
from xpm.vault import CannotOpen, Vault

Say = Callable[[str], None]


class Wrong(Exception):
    """A check failed; the text says what is wrong and how to mend it."""


async def run(say: Say) -> bool:
    """Runs every check; whether all is well."""
    try:
        settings = load()
    except BadSettings as error:
        for line in str(error).splitlines():
            say(f"✗ Setting {line}")
        return False
    say("✓ Settings: all are there and make sense")
    checks: list[tuple[str, Callable[[Settings], Awaitable[str]]]] = [
        ("Database", _database),
        ("Public address", _address),
        ("Slack", _slack),
        ("Xero", _xero),
        ("Sign-in", _sign_in),
    ]
    is_well = True
    for name, check in checks:
        try:
            say(f"✓ {name}: {await check(settings)}")
        except Wrong as error:
            is_well = False
            say(f"✗ {name}: {error}")
    return is_well


async def _database(settings: Settings) -> str:
    try:
        is_current = await asyncio.to_thread(migrations.is_current, settings.database_url)
    except (sa.exc.SQLAlchemyError, OSError):
        raise Wrong(
            "it cannot be opened. Check XPM_SLACK_DATABASE_URL, and that the server runs"
        ) from None
    if not is_current:
        raise Wrong("it is not up to date. Run `xpm-slack migrate`")
    return "open and up to date"


async def _address(settings: Settings) -> str:
    if settings.socket_mode:
        return "not needed in socket mode, but for connecting XPM a browser must reach it"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(f"{settings.public_url}/healthz", allow_redirects=False) as answer,
        ):
            if answer.status == 200 and await answer.text() == "ok":
                return f"{settings.public_url} reaches this app"
            raise Wrong(
                f"{settings.public_url}/healthz answers {answer.status}. Check the proxy in front of "
                f"{settings.host}:{settings.port}, and that `xpm-slack serve` runs"
            )
    except (TimeoutError, aiohttp.ClientError, OSError):
        raise Wrong(
            f"{settings.public_url} cannot be reached from here. Check the name, the certificate, and that "
            "`xpm-slack serve` runs"
        ) from None


async def _slack(settings: Settings) -> str:
    database = Database(settings.database_url)
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    slack = slack_of(settings, database, vault, utc_now, _leave_it)
    await slack.start()
    try:
        async with database.reading() as tx:
            ids = await store.every_id(tx)
        if not ids:
            raise Wrong(
                f"the app is installed in no workspace yet. Open {settings.public_url}/slack/install"
            )
        needed = set(manifest.bot_scopes())
        for workspace_id in ids:
            await _workspace(settings, slack, workspace_id, needed)
        return f"installed in {len(ids)} workspace(s), with every scope"
    except sa.exc.SQLAlchemyError:
        raise Wrong("unknown, because the database is not ready") from None
    finally:
        await slack.stop()
        await database.close()


async def _leave_it(holder_id: str) -> None:
    """Looking changes nothing."""


async def _workspace(settings: Settings, slack: Slack, workspace_id: str, needed: set[str]) -> None:
    holder = await slack.tokens.holder(workspace_id)
    if holder is not None and slack.tokens.is_lost(holder):
        end = f"{holder.token_expires_at:%Y-%m-%d %H:%M} UTC"
        raise Wrong(
            f"Slack gives {workspace_id} no next token, and the present one ends {end}. "
            f"An admin of the workspace opens {settings.public_url}/slack/install again; nothing is lost"
        )
    try:
        token = await slack.token(workspace_id)
    except CannotOpen:
        raise Wrong(
            f"the token of {workspace_id} was sealed with a key that is not in XPM_SLACK_ENCRYPTION_KEYS. Add that "
            "key, or install the app again"
        ) from None
    session = slack.client.session
    if session is None:
        raise Wrong("no connection")
    try:
        async with session.post(
            f"{settings.slack_api_url}auth.test", headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            body = await answer.json(content_type=None)
            granted = set((answer.headers.get("x-oauth-scopes") or "").replace(" ", "").split(","))
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        raise Wrong("Slack does not answer. Check the way out to https://slack.com") from None
    if not body.get("ok"):
        raise Wrong(
            f"the token of {workspace_id} is refused. Open {settings.public_url}/slack/install again"
        )
    missing = sorted(needed - granted)
    if missing:
        raise Wrong(
            f"{workspace_id} has not granted {', '.join(missing)}. Update the app's manifest with "
            f"`xpm-slack manifest`, then open {settings.public_url}/slack/install again"
        )


async def _xero(settings: Settings) -> str:
    async with Http() as http:
        app = xero_app(settings, http, utc_now)
        try:
            # A refresh token that never was: Xero checks who asks first and says invalid_grant only to a known app.
            await app.refresh("xpm-slack-doctor")
        except Disconnected:
            return "the client id and secret are right"
        except Rejected:
            raise Wrong(
                "the client id or secret is wrong. Copy both from developer.xero.com, My Apps, Configuration"
            ) from None
        except XpmError:
            raise Wrong(
                "Xero does not answer. Check the way out to https://identity.xero.com"
            ) from None
    return "the client id and secret are right"


async def _sign_in(settings: Settings) -> str:
    if half := unfinished(settings):
        raise Wrong(f"{half[0]} is missing, so that way to sign in is not offered. Set it")
    providers = providers_of(settings)
    if not providers:
        raise Wrong(
            "nobody can connect XPM, because Xero asks for a sign-in with Google, Microsoft or Apple and none has its "
            f"credentials. Set {PREFIX}GOOGLE_CLIENT_ID and {PREFIX}GOOGLE_CLIENT_SECRET, or those of another one "
            "that is allowed"
        )
    async with Http() as http:
        sign_in = SignIn(http, providers, utc_now)
        for name, provider in providers.items():
            callback = settings.public_url + provider_callback(name)
            try:
                is_known = await sign_in.knows_us(provider, callback)
            except NotProven:
                raise Wrong(
                    f"{provider.label} does not answer. Check the way out to {provider.discovery_url}"
                ) from None
            if not is_known:
                raise Wrong(
                    f"{provider.label} does not know the client id or secret. Copy them again; the redirect address "
                    f"there is {callback}"
                )
    return f"with {', '.join(one.label for one in providers.values())}"
