"""The app as a program of its own, on the sandbox: its verbs, its doctor, its log at DEBUG, its end."""

import asyncio
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bot import doctor
from bot.__main__ import cli
from bot.settings import PREFIX
from sandbox.visitor import address_of
from sandbox.world import Launch, World, launch, world
from tests import forked
from tests.bot.surroundings import environment
from tests.handlers.inside import KEA, chosen, in_a_thread, task_of
from tests.replicas import Replicas
from xpm.vault import Vault

# Where this checkout is, when it is not the installed one.
OURS = {"PATH": "/usr/bin:/bin"} | {
    name: value for name, value in os.environ.items() if name == "PYTHONPATH"
}
KINDS = ("Settings", "Database", "Public address", "Slack", "Xero", "Sign-in")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, replicas: Replicas) -> Iterator[World]:
    """The whole world, the app in its own process, logging all it may."""
    with in_a_thread(
        world(
            tmp_path_factory.mktemp("process"),
            settings={"XPM_SLACK_LOG_LEVEL": "DEBUG"},
            workspace={"has_rate_limits": False},
            launch=forked.launch(replicas),
        )
    ) as running:
        yield running


@pytest.fixture
def quick(replicas: Replicas) -> Launch:
    """Starts the program where how it starts is not the question."""
    return forked.launch(replicas)


async def run(
    environment: Mapping[str, str], *words: str, cwd: Path, launch: Launch = launch
) -> tuple[int, str]:
    """A verb of the command line: how it ends and what it prints."""
    process = await launch(words, {**OURS, **environment}, cwd, None)
    printed, _ = await asyncio.wait_for(process.communicate(b""), 50)
    return process.returncode or 0, printed.decode()


async def doctor_says(settings: Mapping[str, str], folder: Path) -> tuple[bool, list[str]]:
    """Whether the doctor finds all well with these settings, and its lines."""
    said: list[str] = []
    given = {name.removeprefix(PREFIX): value for name, value in settings.items()}
    with environment(folder, **given):
        return await doctor.run(said.append), said


async def test_doctor_finds_all_well_on_the_sandbox(
    made: World, quick: Launch, tmp_path: Path
) -> None:
    status, printed = await run(made.environment, "doctor", cwd=tmp_path, launch=quick)
    assert status == 0, printed
    lines = printed.splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"✓ {kind}" for kind in KINDS]
    for name, value in made.environment.items():
        assert not name.endswith(("SECRET", "KEYS")) or value not in printed
    assert await doctor_says(made.environment, tmp_path) == (True, lines)


NOWHERE = "http://127.0.0.1:9"
"""Nobody listens there: the port "discard" of loopback."""


NO_GOOGLE = {"SIGN_IN_PROVIDERS": "google", "GOOGLE_CLIENT_ID": "", "GOOGLE_CLIENT_SECRET": ""}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"PUBLIC_URL": "nonsense"}, r"✗ Setting XPM_SLACK_PUBLIC_URL it must be an address"),
        ({"DATABASE_URL": "postgresql://u:p@127.0.0.1:9/x"}, r"✗ Database: it cannot be opened\. Check XPM_"),
        ({"DATABASE_URL": "sqlite:///fresh.db"}, r"✗ Database: it is not up to date\. Run `xpm-slack migrate`"),
        ({"PUBLIC_URL": NOWHERE}, r"✗ Public address: .* cannot be reached from here\. Check the name"),
        ({"SLACK_API_URL": NOWHERE}, r"✗ Slack: Slack does not answer\. Check the way out"),
        ({"XERO_IDENTITY_URL": NOWHERE}, r"✗ Xero: Xero does not answer\. Check the way out"),
        ({"XERO_CLIENT_SECRET": "a wrong secret"}, r"✗ Xero: the client id or secret is wrong\. Copy both"),
        ({"GOOGLE_CLIENT_SECRET": "a wrong secret"}, r"✗ Sign-in: Google does not know the client id or secret\. Copy"),
        ({"GOOGLE_CLIENT_SECRET": ""}, r"✗ Sign-in: XPM_SLACK_GOOGLE_CLIENT_SECRET is missing, so that way"),
        ({"MICROSOFT_AUTHORITY": NOWHERE}, r"✗ Sign-in: Microsoft does not answer\. Check the way out"),
        ({"APPLE_KEY_ID": "KEY0000002"}, r"✗ Sign-in: Apple does not know the client id or secret\."),
        (NO_GOOGLE, r"✗ Sign-in: nobody can connect XPM, .* Set XPM_SLACK_GOOGLE_CLIENT_ID"),
        ({"APPLE_PRIVATE_KEY": "nonsense"}, r"✗ Setting XPM_SLACK_APPLE_PRIVATE_KEY it must be the text of the \.p8"),
        ({"SIGN_IN_PROVIDERS": "facebook"}, r"✗ Setting XPM_SLACK_SIGN_IN_PROVIDERS only google, microsoft, apple"),
        ({"ENCRYPTION_KEYS": "A" * 43 + "="}, r"✗ Slack: the token of T0KEA was sealed with a key that is not"),
    ],
    ids=str,
)  # fmt: skip
async def test_doctor_says_in_one_line_what_is_wrong_and_how_to_mend_it(
    made: World, tmp_path: Path, changes: dict[str, str], line: str
) -> None:
    settings = {**made.environment, **{PREFIX + name: value for name, value in changes.items()}}
    is_well, said = await doctor_says(settings, tmp_path)
    assert not is_well
    assert len([one for one in said if re.match(line, one)]) == 1, said


async def test_doctor_says_that_another_page_answers_at_the_public_address(
    made: World, tmp_path: Path
) -> None:
    settings = {**made.environment, "XPM_SLACK_PUBLIC_URL": made.page}
    is_well, said = await doctor_says(settings, tmp_path)
    assert not is_well
    assert re.match(r"✗ Public address: .*/healthz answers 404\. Check the proxy", said[2]), said


async def test_doctor_says_that_scopes_or_the_token_are_missing(
    made: World, tmp_path: Path
) -> None:
    settings = {**made.environment, "XPM_SLACK_SLACK_API_URL": f"{made.page}/nothing/"}
    is_well, said = await doctor_says(settings, tmp_path)
    assert not is_well
    assert said[3].startswith("✗ Slack: "), said


async def test_doctor_says_that_slack_gives_no_next_token_and_that_the_app_is_added_again(
    made: World, tmp_path: Path
) -> None:
    source = made.environment["XPM_SLACK_DATABASE_URL"].removeprefix("sqlite:///")
    with sqlite3.connect(source) as opened, sqlite3.connect(tmp_path / "copy.db") as copy:
        opened.backup(copy)
        copy.execute("update workspaces set token_expires_at = '2030-01-01 09:30:00.000000'")
    opened.close()
    copy.close()
    url = f"sqlite:///{tmp_path / 'copy.db'}"
    is_well, said = await doctor_says({**made.environment, PREFIX + "DATABASE_URL": url}, tmp_path)
    assert not is_well
    assert re.match(
        r"✗ Slack: Slack gives T0KEA no next token, and the present one ends 2030-01-01 09:30 UTC\. "
        rf"An admin of the workspace opens {made.app}/slack/install again; nothing is lost",
        said[3],
    ), said


async def test_doctor_says_that_the_app_is_installed_nowhere_yet(
    made: World, quick: Launch, tmp_path: Path
) -> None:
    settings = {**made.environment, "XPM_SLACK_DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}"}
    for _ in range(2):  # the second time is harmless
        ended = await run(settings, "migrate", cwd=tmp_path, launch=quick)
        assert ended == (0, "The database is up to date.\n")
    is_well, said = await doctor_says(settings, tmp_path)
    assert not is_well
    assert said[3].startswith("✗ Slack: the app is installed in no workspace yet. Open "), said


async def test_manifest_needs_no_settings_and_has_the_address_filled_in(tmp_path: Path) -> None:
    status, said = await run({}, "manifest", "--url", "https://time.example.com", cwd=tmp_path)
    assert status == 0
    assert "xpm.example.com" not in said
    url = yaml.safe_load(said)["settings"]["interactivity"]["request_url"]
    assert url == "https://time.example.com/slack/events"


async def test_new_keys_differ_and_are_ones_that_are_taken(tmp_path: Path) -> None:
    keys = [(await run({}, "keys", "new", cwd=tmp_path))[1].strip() for _ in range(2)]
    assert keys[0] != keys[1]
    Vault(keys)


async def test_telephone_for_a_workspace_without_the_app_is_refused(
    made: World, quick: Launch, tmp_path: Path
) -> None:
    words = ("phones", "add", "--workspace", "T0NONE")
    status, said = await run(made.environment, *words, cwd=tmp_path, launch=quick)
    assert status == 1
    assert "The app is not installed in T0NONE. Open " in said


def test_unfit_secret_is_refused_on_the_command_line_with_what_to_do(
    made: World, tmp_path: Path
) -> None:
    given = {name.removeprefix(PREFIX): value for name, value in made.environment.items()}
    terminal = CliRunner()
    with environment(tmp_path, **given):
        words = ["phones", "add", "--workspace", "T0KEA", "--kind", "zoom"]
        added = terminal.invoke(cli, words)
        assert "Zoom Phone makes the secret itself." in added.stdout
        system_id = added.stdout.split()[1].rpartition("/")[2]
        words = ["phones", "secret", "--workspace", "T0KEA", "--system", system_id]
        refused = terminal.invoke(cli, words, input="short\n")
        assert (refused.exit_code, refused.stderr.strip()) == (
            1,
            "Not kept. A secret has 8 to 255 characters. Copy it again, whole.",
        )
        kept = terminal.invoke(cli, words, input="a-secret-that-the-vendor-made-0123\n")
        assert (kept.exit_code, "Kept. Calls proven with it" in kept.stdout) == (0, True)
        assert terminal.invoke(cli, ["phones", "remove", *words[2:]]).exit_code == 0


async def test_help_names_every_verb(tmp_path: Path) -> None:
    status, said = await run({}, "--help", cwd=tmp_path)
    assert status == 0
    for verb in ("demo", "serve", "doctor", "migrate", "manifest", "keys", "phones"):
        assert verb in said


async def test_log_of_connecting_and_saving_at_debug_holds_nothing_personal_and_no_secret(
    made: World,
) -> None:
    note = "Canary note about a trust"
    async with made.visitor("U0SAM") as sam, made.visitor("U0MIA") as mia:
        await sam.type("/xpm connect")
        url = address_of(await sam.message("works once, until"), "Connect")
        _, where, html = await sam.sign_in(url)
        _, where, html = await sam.fill(where, html, practice=KEA, answer="allow")
        assert "Connected to" in html
        await sam.message("In sync:", seconds=30)
        body = {
            "user_email": "mia@example.com",
            "external_number": "+64215550123",
            "talk_seconds": 720,
            "notes": note,
        }
        await sam.post(f"{made.telephone}/calls", body)
        message = await chosen(mia, await mia.message("Call with Ana Example", seconds=10))
        fields = {"task": task_of(message), "note": note}
        await mia.press(message, "Save time", fields=fields)
        await mia.message("12 min on J000123 Tax return 2026", seconds=15)
        await sam.post(f"{made.app}/slack/events", {"payload": "canary body"})
    text = made.process.log_text()
    assert '"connection.made"' in text
    assert '"call.received"' in text
    for line in text.splitlines():
        assert line.startswith("{"), line
    canaries = [
        value for name, value in made.environment.items() if "SECRET" in name or "KEYS" in name
    ]
    canaries += [
        "xoxb-", "xoxp-", "whsec_", "Bearer", "code=", "eyJ", "example.com", "5550123", "555 0123",
        note, "canary", "Canary",
        "Ana", "Mia", "Kea Ltd", "J000123", url.rpartition("/")[2], "state=", "refresh_token", "GST",
    ]  # fmt: skip
    for canary in canaries:
        assert canary not in text, canary


async def test_an_idle_connection_of_a_proxy_is_kept(made: World) -> None:
    """uvicorn alone lets go after five seconds, a proxy later: a click sent in between would get no answer."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: proxy\r\n\r\n"
    host, _, port = made.app.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for idle_seconds in (5.5, 0.0):
        writer.write(ask)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert await reader.readexactly(2) == b"ok"
        await asyncio.sleep(idle_seconds)
    writer.close()
    await writer.wait_closed()


async def test_serve_ends_cleanly_when_it_is_asked_to(tmp_path: Path, made: World) -> None:
    settings = {
        **made.environment,
        "XPM_SLACK_DATABASE_URL": f"sqlite:///{tmp_path / 'own.db'}",
    }
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve",
        env={**OURS, **settings, "XPM_SLACK_PORT": str(port)}, cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with made.visitor() as somebody:
        for _ in range(400):
            try:
                if (await somebody.open(f"http://127.0.0.1:{port}/readyz"))[0] == 200:
                    break
            except OSError:
                await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    printed, _ = await asyncio.wait_for(process.communicate(), 15)
    # uvicorn takes the signal, stops gently, and then lets it end the process.
    assert process.returncode in (0, -signal.SIGTERM), printed.decode()
    assert b"Traceback" not in printed
    assert b'"level": "error"' not in printed


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
