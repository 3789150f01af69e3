"""The command line. Verbs that need little import little, so that help and manifest answer at once."""

import asyncio
import gc
import importlib.util
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bot.settings import Settings

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Log phone calls as time in Xero Practice Manager, from Slack.",
)
keys = typer.Typer(no_args_is_help=True, help="Keys that seal tokens in the database.")
phones = typer.Typer(no_args_is_help=True, help="Phone systems that send ended calls.")
cli.add_typer(keys, name="keys")
cli.add_typer(phones, name="phones")


@cli.command()
def demo() -> None:
    """Try everything on the sandbox: a pretend Slack, a pretend practice, a pretend telephone."""
    if importlib.util.find_spec("sandbox") is None:
        typer.echo(
            "The sandbox is not part of this installation. Clone the repository and run `make demo`.",
            err=True,
        )
        raise typer.Exit(1)
    # The sandbox stands outside the app and is started as a program of its own.
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", "demo"])  # noqa: S606 (our own module)


@cli.command()
def serve() -> None:
    """Run the app with the settings of the environment and `.env`; brings the database up to date first."""
    settings = _settings()
    import uvicorn

    from bot import app, log, web
    from xpm import migrations

    log.set_up(settings.log_level)
    migrations.upgrade(settings.database_url)
    served = web.create(app.build(settings))
    collect_seldom()
    uvicorn.run(
        served,
        host=settings.host,
        port=settings.port,
        log_config=None,
        # Addresses hold links' secrets, so they are never written down.
        access_log=False,
        server_header=False,
        # Longer than a proxy keeps one (nginx a minute, Caddy two): of an idle connection that we close while the proxy
        # sends a click down it, the person sees an error.
        timeout_keep_alive=130,
        timeout_graceful_shutdown=10,
    )


def collect_seldom() -> None:
    """Lets Python look for garbage where there may be some: what is built by now lives as long as the process.

    Walking all of it stopped everybody for 100 ms in the middle of a sync, and looking after every 700th object took a
    tenth of a sync's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@cli.command()
def doctor() -> None:
    """Check every setting, the database, the public address, Slack and Xero; say what is wrong and how to mend it."""
    from bot import doctor as checks

    raise typer.Exit(0 if asyncio.run(checks.run(typer.echo)) else 1)


@cli.command()
def migrate() -> None:
    """Bring the database up to date; safe for several replicas at once."""
    settings = _settings()
    from xpm import migrations

    migrations.upgrade(settings.database_url)
    typer.echo("The database is up to date.")


@cli.command()
def manifest(
    url: Annotated[
        str, typer.Option(help="Where the app is reached, such as https://xpm.example.com")
    ],
) -> None:
    """Print manifest.yml with your address filled in, to create the Slack app from."""
    from bot import manifest as slack_manifest

    typer.echo(slack_manifest.dumped(url), nl=False)


@keys.command("new")
def new_key() -> None:
    """Print a fresh key for XPM_SLACK_ENCRYPTION_KEYS."""
    from xpm.vault import new_key as make

    typer.echo(make())


@keys.command("rotate")
def rotate_keys() -> None:
    """Seal everything in the database anew under the first key, while the app runs; safe to repeat."""
    settings = _settings()
    from bot import records

    is_whole = True
    for count in asyncio.run(records.rotate(settings)):
        is_whole = is_whole and count.closed == 0
        typer.echo(
            f"{count.column}: {count.resealed} sealed anew, {count.current} were under the first key already"
            + (f", {count.closed} open with none of the keys" if count.closed else "")
        )
    if not is_whole:
        typer.echo(
            "Keep the old keys: some values do not open with the keys in the settings.", err=True
        )
        raise typer.Exit(1)
    typer.echo("Everything is under the first key. The others may be taken out of the settings.")


@cli.command()
def audit(
    since: Annotated[
        datetime,
        typer.Option(help="The first day, in UTC, such as 2026-01-01", formats=["%Y-%m-%d"]),
    ],
    workspace: Annotated[
        str | None, typer.Option(help="Only this Slack workspace, such as T0123456789")
    ] = None,
) -> None:
    """Print the log of who did what, one JSON object a line, oldest first."""
    settings = _settings()
    from bot import records

    first = since.replace(tzinfo=UTC)
    asyncio.run(records.export(settings, first, workspace, typer.echo))


@cli.command()
def region(
    code: Annotated[str, typer.Argument(help="A country's two letters, such as AU")],
    workspace: Annotated[str, typer.Option(help="The Slack workspace's id, such as T0123456789")],
) -> None:
    """Say where a practice's numbers without a country code are read; all are read again within minutes."""
    settings = _settings()
    from bot import regions
    from xpm.matching import is_region

    code = code.upper()
    if not is_region(code):
        typer.echo(f"{code} is no country. Give two letters, such as NZ, AU or GB.", err=True)
        raise typer.Exit(1)
    practice = asyncio.run(regions.change(settings, workspace, code))
    if practice is None:
        typer.echo(f"{workspace} is not connected to XPM. Nothing was changed.", err=True)
        raise typer.Exit(1)
    typer.echo(f"Numbers of {practice} are read as of {code}. Its clients are copied again now.")


Team = Annotated[str, typer.Option(help="The Slack workspace's id, such as T0123456789")]
System = Annotated[str, typer.Option(help="The phone system's id, the end of its address")]


@phones.command("add")
def add_phone_system(
    workspace: Team,
    kind: Annotated[
        str,
        typer.Option(
            help="standard, vxt, aircall, twilio, dialpad, ringcentral, zoom, 3cx, 8x8, teams or zapier"
        ),
    ] = "standard",
) -> None:
    """Add a phone system; print the address and the secret to give it. docs/phones tells where they go."""
    from handlers.messages.phone_setups import SETUPS

    if kind not in SETUPS:
        typer.echo(
            f"{kind} is no phone system we know. Give one of: {', '.join(SETUPS)}.", err=True
        )
        raise typer.Exit(1)
    settings = _settings()
    from bot import phone_systems

    added = asyncio.run(phone_systems.add(settings, workspace, kind))
    if added is None:
        typer.echo(
            f"The app is not installed in {workspace}. Open {settings.public_url}/slack/install first.",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(f"address {added.address}")
    if added.secret:
        typer.echo(f"secret {added.secret}")
    else:
        typer.echo(
            f"{SETUPS[kind].name} makes the secret itself. Bring it with `xpm-slack phones secret`; "
            "until then its calls are refused."
        )


@phones.command("secret")
def bring_secret(workspace: Team, system: System) -> None:
    """Keep the secret that a phone system made; it is asked for and not shown."""
    secret = typer.prompt("Secret", hide_input=True).strip()
    settings = _settings()
    from bot import phone_systems
    from handlers.messages.phone_adding import unfit
    from xpm.phone_systems import UnfitSecret

    try:
        kept = asyncio.run(phone_systems.bring_secret(settings, workspace, system, secret))
    except UnfitSecret as refusal:
        typer.echo(f"Not kept. {unfit(refusal.why)}", err=True)
        raise typer.Exit(1) from None
    _found(kept, system)
    typer.echo("Kept. Calls proven with it are taken from now on.")


@phones.command("remove")
def remove_phone_system(workspace: Team, system: System) -> None:
    """Remove a phone system; its calls are refused from now on, and messages that are there stay."""
    settings = _settings()
    from bot import phone_systems

    _found(asyncio.run(phone_systems.remove(settings, workspace, system)), system)
    typer.echo("Removed.")


@phones.command("list")
def list_phone_systems(workspace: Team) -> None:
    """Show the phone systems of a workspace: the last call, the last refusal and why, and who its people are."""
    settings = _settings()
    from bot import phone_systems

    for one, people in asyncio.run(phone_systems.listed(settings, workspace)):
        typer.echo(f"{one.chosen or one.kind} {settings.public_url}/calls/{one.kind}/{one.id}")
        said = f"{one.last_call_at:%Y-%m-%d %H:%M} UTC" if one.last_call_at else "never"
        typer.echo(f"  last call {said}")
        if one.refused_at is not None:
            typer.echo(f"  last refused {one.refused_at:%Y-%m-%d %H:%M} UTC: {one.refused_why}")
        for person in people:
            who = "nobody" if person.is_nobody else person.email or "not known"
            typer.echo(f"  {person.staff} {person.name}".rstrip() + f": {who}")


@phones.command("person")
def name_person(
    workspace: Team,
    system: System,
    staff: Annotated[str, typer.Option(help="As `phones list` shows it, such as 'extension 103'")],
    email: Annotated[
        str | None, typer.Option(help="Their address in Slack; without it, nobody is asked")
    ] = None,
) -> None:
    """Say who stands behind an extension; calls of the last week are asked about within the hour."""
    settings = _settings()
    from bot import phone_systems

    found = asyncio.run(phone_systems.name_person(settings, workspace, system, staff, email))
    _found(found, system)
    typer.echo(f"{staff} is {email or 'nobody'}.")


@phones.command("rules")
def call_rules(
    workspace: Team,
    minimum_seconds: Annotated[
        int | None, typer.Option(min=0, max=3600, help="Shorter calls are not asked about")
    ] = None,
    missed: Annotated[bool | None, typer.Option(help="Ask about missed calls")] = None,
    voicemail: Annotated[bool | None, typer.Option(help="Ask about voicemails")] = None,
    internal: Annotated[bool | None, typer.Option(help="Ask about calls of colleagues")] = None,
    own: Annotated[
        list[str] | None, typer.Option(help="A line of the practice; all of them each time")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="A number never asked about; all of them each time")
    ] = None,
) -> None:
    """Show which calls are asked about, after changing what is given."""
    settings = _settings()
    from dataclasses import asdict

    from bot import phone_systems
    from xpm.calls import Rules

    def change(before: Rules) -> Rules:
        return Rules(
            before.minimum_seconds if minimum_seconds is None else minimum_seconds,
            before.asks_missed if missed is None else missed,
            before.asks_voicemail if voicemail is None else voicemail,
            before.asks_internal if internal is None else internal,
            tuple(own) if own else before.own_numbers,
            tuple(ignore) if ignore else before.ignored_numbers,
        )

    rules = asyncio.run(phone_systems.change_rules(settings, workspace, change))
    if rules is None:
        typer.echo(f"The app is not installed in {workspace}. Nothing was changed.", err=True)
        raise typer.Exit(1)
    for name, value in asdict(rules).items():
        shown = ", ".join(value) if isinstance(value, tuple) else str(value).lower()
        typer.echo(f"{name.replace('_', ' ')}: {shown or 'none'}")


def _found(is_found: bool, system: str) -> None:
    if not is_found:
        typer.echo(f"There is no phone system {system} there. Nothing was changed.", err=True)
        raise typer.Exit(1)


def _settings() -> "Settings":
    # The database holds names and numbers: nobody else on the machine reads the file we make.
    os.umask(0o077)
    from bot import settings

    try:
        return settings.load()
    except settings.BadSettings as error:
        typer.echo(f"These settings are wrong, so nothing was started:\n{error}", err=True)
        raise typer.Exit(2) from None


def main() -> None:
    """The entry point `xpm-slack`."""
    cli()


if __name__ == "__main__":
    main()
