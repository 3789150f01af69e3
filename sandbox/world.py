"""The whole world of the sandbox: a practice, a workspace and a telephone in this process, and the app in its own.

The app is started as anybody would start it, with nothing but settings: its addresses point here instead of at Slack
and Xero.
"""

import asyncio
import base64
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import yaml
from joserfc.jwk import ECKey

from sandbox.phones import KINDS
from sandbox.practice import PracticeSettings, create_practice
from sandbox.providers import AppleApp, ProviderSettings, SecretApp, create_providers
from sandbox.serving import address, listen, serving
from sandbox.telephone import TelephoneSettings, create_telephone
from sandbox.visitor import Visitor
from sandbox.workspace import WorkspaceSettings, create_workspace

_START_SECONDS = 30.0
TEAM = "T0KEA"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen; 0 means any free port."""

    app: int = 0
    page: int = 0
    practice: int = 0
    telephone: int = 0
    providers: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """The addresses of everything, and the settings the app was started with."""

    app: str
    page: str
    practice: str
    telephone: str
    providers: str
    environment: Mapping[str, str]
    process: "AppProcess"

    def visitor(self, user: str = "U0SAM", team: str = TEAM) -> Visitor:
        """Somebody at the page."""
        return Visitor(self.page, user, team)


class AppDied(Exception):
    """The app's process ended before it answered."""


class Running(Protocol):
    """A process, as asyncio has it."""

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""

    def terminate(self) -> None:
        """Asks it to end."""

    def kill(self) -> None:
        """Ends it as `kill -9` does."""

    async def wait(self) -> int:
        """Waits for its end."""

    async def communicate(self, typed: bytes) -> tuple[bytes, bytes]:
        """Types this, waits for its end; what it printed."""


class Launch(Protocol):
    """Starts the app's command line with these words."""

    async def __call__(
        self, words: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path | None
    ) -> Running:
        """A process of its own in the folder, which writes to the file or else to `communicate`."""


async def launch(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path | None
) -> Running:
    """The program as anybody would start it."""
    with log.open("ab") if log else nullcontext() as written:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *words,
            env=environment,
            cwd=folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=written or asyncio.subprocess.PIPE,
            stderr=written or asyncio.subprocess.STDOUT,
        )


class AppProcess:
    """The app as a program of its own, which can be killed and started again."""

    def __init__(
        self, url: str, environment: Mapping[str, str], folder: Path, launch: Launch = launch
    ) -> None:
        self._url = url
        self._environment = {**_clean(os.environ), **environment}
        self._launch = launch
        self.folder = folder
        self._log = folder / "app.log"
        self._process: Running | None = None

    async def start(self) -> None:
        """Starts the app and waits until it is ready. Raises AppDied."""
        self._process = await self._launch(["serve"], self._environment, self.folder, self._log)
        async with aiohttp.ClientSession() as session:
            for _ in range(int(_START_SECONDS / 0.05)):
                if self._process.returncode is not None:
                    raise AppDied(f"the app ended with {self._process.returncode}; see {self._log}")
                try:
                    async with session.get(f"{self._url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)
        raise AppDied(f"the app did not get ready in {_START_SECONDS:.0f} s; see {self._log}")

    async def run(self, *words: str, typed: str = "") -> str:
        """What another verb of the command line prints when this is typed. Raises AppDied when it fails."""
        process = await self._launch(words, self._environment, self.folder, None)
        printed, _ = await process.communicate(f"{typed}\n".encode())
        if process.returncode != 0:
            raise AppDied(printed.decode())
        return printed.decode()

    async def stop(self, *, kill: bool = False) -> None:
        """Ends the process, gently or with kill -9."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()

    def log_text(self) -> str:
        """Everything the app has written."""
        return self._log.read_text("utf-8") if self._log.exists() else ""


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of a real app and without Slack's own variables, which Bolt would read."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("XPM_SLACK_", "SLACK_"))
    }


def app_settings(urls: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment of an app whose vendors stand at `urls` (app, page, practice, providers), with fresh secrets."""
    slack_secret, signing_secret, xero_secret = (secrets.token_hex(16) for _ in range(3))
    apple_key = ECKey.generate_key("P-256")
    return {
        "XPM_SLACK_PUBLIC_URL": urls["app"],
        "XPM_SLACK_PORT": urls["app"].rpartition(":")[2],
        "XPM_SLACK_DATABASE_URL": f"sqlite:///{os.path.abspath(folder)}/xpm-slack.db",
        "XPM_SLACK_SLACK_CLIENT_ID": "1000.2000",
        "XPM_SLACK_SLACK_CLIENT_SECRET": slack_secret,
        "XPM_SLACK_SLACK_SIGNING_SECRET": signing_secret,
        "XPM_SLACK_SLACK_API_URL": f"{urls['page']}/api/",
        "XPM_SLACK_SLACK_WEB_URL": urls["page"],
        "XPM_SLACK_SLACK_HOOKS_URL": urls["page"],
        "XPM_SLACK_XERO_CLIENT_ID": "sandbox-xero-app",
        "XPM_SLACK_XERO_CLIENT_SECRET": xero_secret,
        "XPM_SLACK_XERO_LOGIN_URL": urls["practice"],
        "XPM_SLACK_XERO_IDENTITY_URL": urls["practice"],
        "XPM_SLACK_XERO_API_URL": urls["practice"],
        "XPM_SLACK_GOOGLE_CLIENT_ID": "sandbox-google-app",
        "XPM_SLACK_GOOGLE_CLIENT_SECRET": secrets.token_hex(16),
        "XPM_SLACK_GOOGLE_ISSUER": f"{urls['providers']}/google",
        "XPM_SLACK_MICROSOFT_CLIENT_ID": "sandbox-microsoft-app",
        "XPM_SLACK_MICROSOFT_CLIENT_SECRET": secrets.token_hex(16),
        "XPM_SLACK_MICROSOFT_AUTHORITY": f"{urls['providers']}/microsoft",
        "XPM_SLACK_APPLE_CLIENT_ID": "com.example.xpm",
        "XPM_SLACK_APPLE_TEAM_ID": "TEAM000001",
        "XPM_SLACK_APPLE_KEY_ID": "KEY0000001",
        "XPM_SLACK_APPLE_PRIVATE_KEY": apple_key.as_pem(private=True).decode(),
        "XPM_SLACK_APPLE_ISSUER": f"{urls['providers']}/apple",
        "XPM_SLACK_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def provider_settings(urls: Mapping[str, str], environment: Mapping[str, str]) -> ProviderSettings:
    """The pretend Google, Microsoft and Apple as an app with this environment expects them."""

    def callback(name: str) -> tuple[str, ...]:
        return (f"{urls['app']}/connect/sign-in/{name}/callback",)

    def secret_app(name: str) -> SecretApp:
        prefix = f"XPM_SLACK_{name.upper()}_CLIENT"
        return SecretApp(
            client_id=environment[f"{prefix}_ID"],
            client_secret=environment[f"{prefix}_SECRET"],
            redirect_uris=callback(name),
        )

    key = ECKey.import_key(environment["XPM_SLACK_APPLE_PRIVATE_KEY"])
    return ProviderSettings(
        public_url=urls["providers"],
        google=secret_app("google"),
        microsoft=secret_app("microsoft"),
        apple=AppleApp(
            team_id=environment["XPM_SLACK_APPLE_TEAM_ID"],
            services_id=environment["XPM_SLACK_APPLE_CLIENT_ID"],
            key_id=environment["XPM_SLACK_APPLE_KEY_ID"],
            public_key=key.as_pem(private=False).decode(),
            redirect_uris=callback("apple"),
        ),
    )


@asynccontextmanager
async def world(
    folder: Path,
    *,
    ports: Ports = Ports(),
    practice: Mapping[str, Any] | None = None,
    workspace: Mapping[str, Any] | None = None,
    settings: Mapping[str, str] | None = None,
    is_installed: bool = True,
    launch: Launch = launch,
) -> AsyncIterator[World]:
    """Starts everything in a folder that is there; `practice`, `workspace` and `settings` change its parts.

    With `is_installed` the app is added to the first team, a telephone included, as an admin would do by hand.
    """
    bound = {
        name: listen(getattr(ports, name))
        for name in ("page", "practice", "telephone", "providers", "app")
    }
    urls = {name: address(one) for name, one in bound.items()}
    # Under another name they are another site to a browser, as the real ones are: no cookie comes with Apple's form.
    urls["providers"] = urls["providers"].replace("127.0.0.1", "localhost")
    # Only the number was wanted: the app binds it itself.
    bound.pop("app").close()
    environment = {**app_settings(urls, folder), **(settings or {})}
    process = AppProcess(urls["app"], environment, folder, launch)
    manifest = yaml.safe_load(await process.run("manifest", "--url", urls["app"]))
    slack = create_workspace(
        replace(
            WorkspaceSettings(
                public_url=urls["page"],
                app_id="A0XPM",
                client_id=environment["XPM_SLACK_SLACK_CLIENT_ID"],
                client_secret=environment["XPM_SLACK_SLACK_CLIENT_SECRET"],
                signing_secret=environment["XPM_SLACK_SLACK_SIGNING_SECRET"],
                manifest=manifest,
                addresses={
                    "practice": urls["practice"],
                    "telephone": urls["telephone"],
                    "install": f"{urls['app']}/slack/install",
                },
            ),
            **(workspace or {}),
        )
    )
    xero = create_practice(
        replace(
            PracticeSettings(
                client_id=environment["XPM_SLACK_XERO_CLIENT_ID"],
                client_secret=environment["XPM_SLACK_XERO_CLIENT_SECRET"],
                redirect_uris=(f"{urls['app']}/connect/xero/callback",),
                public_url=urls["practice"],
            ),
            **(practice or {}),
        )
    )
    telephone = create_telephone(TelephoneSettings())
    providers = create_providers(provider_settings(urls, environment))
    async with serving(
        (slack, bound["page"]),
        (xero, bound["practice"]),
        (telephone, bound["telephone"]),
        (providers, bound["providers"]),
    ):
        try:
            await process.start()
            made = World(**urls, environment=environment, process=process)
            if is_installed:
                await install(made)
            yield made
        finally:
            await process.stop()
            slack.state.workspace.stop()


async def install(made: World, team: str = TEAM, person: str = "U0SAM") -> None:
    """Adds the app to a team through its own pages, then a telephone through the command line."""
    async with made.visitor(person, team) as visitor:
        await visitor.install(f"{made.app}/slack/install")
        said = await _add_phone_system(made, "standard", team)
        await visitor.post(f"{made.telephone}/sandbox/address", said)


async def install_every_phone_system(made: World, team: str = TEAM) -> None:
    """Adds one phone system of each vendor, for the panel's choice of who sends a call."""

    async def one(kind: str) -> None:
        said = await _add_phone_system(made, kind, team)
        system = ("--workspace", team, "--system", said["url"].rpartition("/")[2])
        if not said["secret"]:
            said["secret"] = secrets.token_urlsafe(24)
            await made.process.run("phones", "secret", *system, typed=said["secret"])
        if kind == "ringcentral":
            # RingCentral tells nothing but the extension's id.
            who = ("--staff", "extension id 4711", "--email", "mia@example.com")
            await made.process.run("phones", "person", *system, *who)
        async with made.visitor() as visitor:
            await visitor.post(f"{made.telephone}/sandbox/address", {**said, "kind": kind})

    await asyncio.gather(*(one(kind) for kind in KINDS))


async def _add_phone_system(made: World, kind: str, team: str) -> dict[str, str]:
    """The address and the secret of a new phone system; the secret is empty when its vendor makes it."""
    printed = await made.process.run("phones", "add", "--workspace", team, "--kind", kind)
    said = dict(line.split(" ", 1) for line in printed.splitlines())
    return {"url": said["address"], "secret": said.get("secret", "")}
