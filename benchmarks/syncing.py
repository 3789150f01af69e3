"""What a sync costs: a full one against its floor, memory and clicks while it runs, and increments at two sizes."""

import asyncio
import datetime as dt
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks import requests, served
from benchmarks.line import Line
from benchmarks.seed import TEAM, seed
from benchmarks.served import Practice, surroundings
from bot.settings import Settings
from xpm import migrations, places
from xpm.api import Http, XeroApp
from xpm.clock import utc_now
from xpm.connections import Connections
from xpm.mirroring import Kind, Mirroring
from xpm.store import Database, copying
from xpm.store import connections as connection_store
from xpm.store.connections import Connection, Sync
from xpm.store.copying import ClientRow, ClientRows, ContactRow, LinkRow, NumberRow
from xpm.vault import Vault, new_key

_CLIENTS = 15_000
_FULL_ROUNDS = 5
_ROUNDS = 15


def _connection(vault: Vault, practice: Practice) -> Connection:
    now = utc_now()
    return Connection(
        TEAM, "c1", practice.tenant, "Kea Accounting", "NZ", "U0MIA", now,
        vault.seal(practice.access, places.access_token(TEAM)),
        vault.seal(practice.refresh, places.refresh_token(TEAM)),
        now + dt.timedelta(days=1), refreshed_at=now,
    )  # fmt: skip


def _download(practice: Practice, path: Path) -> None:
    asked = urllib.request.Request(  # noqa: S310 (loopback)
        f"{practice.url}/practicemanager/3.1/client.api/list",
        headers={"Authorization": f"Bearer {practice.access}", "Xero-tenant-id": practice.tenant},
    )
    with urllib.request.urlopen(asked) as answer:  # noqa: S310
        path.write_bytes(answer.read())


def _floor(how: str, path: Path, database: Path, core: int) -> tuple[float, float, float]:
    printed = subprocess.run(
        [sys.executable, "-m", "benchmarks.sync_floor", how, str(path), str(database)],
        check=True,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    ).stdout
    seconds, megabytes, work = json.loads(printed)
    return seconds, megabytes, work


class Clicker:
    """One connection to the app that clicks, waits for the answer, and notes how long it took."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def click(self, prepared: bytes) -> float:
        """Milliseconds until the whole answer is here."""
        began = time.perf_counter()
        self._socket.sendall(prepared)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        lengths = [
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        while len(body) < length:
            body += self._socket.recv(65536)
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise SystemExit(head.decode())
        return (time.perf_counter() - began) * 1000


def _memory(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return (
        next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        / 1024
    )


def _work(process: int) -> float:
    """Seconds of the processor that it has used: another program on the core does not change these."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Full:
    """One full sync of the running app."""

    seconds: float
    work: float
    megabytes: float
    slowest_idle: float
    slowest: float


def _full(
    environment: dict[str, str], folder: Path, entry: str, core: int, *, with_clicks: bool
) -> Full:
    port = int(environment["XPM_SLACK_PORT"])
    secret = environment["XPM_SLACK_SLACK_SIGNING_SECRET"]
    file = environment["XPM_SLACK_DATABASE_URL"].removeprefix("sqlite:///")
    with (folder / "app.log").open("ab") as log:
        app = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"],
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                    break
            except OSError:
                if app.poll() is not None:
                    raise SystemExit((folder / "app.log").read_text()[-3000:]) from None
                time.sleep(0.05)
        clicker, looking = Clicker(port), sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        idle_clicks = []
        for _ in range(100):
            idle_clicks.append(clicker.click(requests.options(secret, entry, "")))
            time.sleep(0.01)
        idle = peak = _memory(app.pid)
        worked = _work(app.pid)
        clicker.click(requests.command(secret, "sync"))
        clicks = []
        while True:
            if with_clicks:
                clicks.append(clicker.click(requests.options(secret, entry, "")))
            peak = max(peak, _memory(app.pid))
            row = looking.execute(
                "SELECT started_at, finished_at, failure, clients FROM syncs WHERE id != 's1'"
            ).fetchone()
            if row is not None and row[1] is not None:
                break
            time.sleep(0.02)
        worked = _work(app.pid) - worked
        looking.close()
        if row[2] is not None or row[3] < _CLIENTS * 0.95:
            raise SystemExit(
                f"the sync failed: {row}; see {(folder / 'app.log').read_text()[-2000:]}"
            )
        began, ended = (dt.datetime.fromisoformat(one) for one in row[:2])
        return Full(
            seconds=(ended - began).total_seconds(),
            work=worked,
            megabytes=peak - idle,
            slowest_idle=max(idle_clicks),
            slowest=max(clicks, default=0.0),
        )
    finally:
        app.terminate()
        app.wait()


async def _increments(folder: Path, practice: Practice) -> dict[int, float]:
    """Milliseconds of an increment of ten clients on mirrors of two sizes, the practice being the same."""
    vault, found, made = Vault([new_key()]), {}, {}
    async with Http() as http:
        for size in (1_000, 100_000):
            url = f"sqlite:///{folder}/of-{size}.db"
            migrations.upgrade(url)
            database = Database(url)
            xero = XeroApp(
                "-", "-", "-", practice.url, practice.url, practice.url, http=http, now=utc_now
            )
            connections = Connections(
                database, vault, xero, http, api_url=practice.url, clock=utc_now
            )
            now = utc_now()
            async with database.transaction() as tx:
                await connection_store.save(tx, _connection(vault, practice))
                await connection_store.start_sync(tx, Sync(TEAM, "s1", now, now, clients=size))
            for start in range(0, size, 5000):
                rows = ClientRows()
                for n in range(start, min(size, start + 5000)):
                    uuid = f"{n:032x}"
                    of = (TEAM, "s1", uuid)
                    rows.clients.append(ClientRow(*of, f"Kea {n}", False, uuid))
                    rows.contacts[uuid] = ContactRow(*of, "Ana Example", None)
                    rows.links.append(LinkRow(*of, uuid, None, True))
                    rows.numbers.append(NumberRow(*of, uuid, f"+6495{n:06}"))
                async with database.transaction() as tx:
                    await copying.replace_clients(tx, TEAM, rows, [])
            made[size] = (database, Mirroring(database, connections, utc_now))
            found[size] = list[float]()
        for number in range(_ROUNDS):
            _change_ten(practice, number)
            for size, (_, mirroring) in made.items():
                began = time.perf_counter()
                await mirroring.sync(TEAM, f"i{number}", _tell_nobody, Kind.CLIENTS)
                found[size].append((time.perf_counter() - began) * 1000)
        for database, _ in made.values():
            await database.close()
    # The first finds everything cold.
    return {size: statistics.median(times[3:]) for size, times in found.items()}


def _change_ten(practice: Practice, number: int) -> None:
    for place in range(10):
        body = json.dumps(
            {"name": f"Changed {place}", "phone": f"09 555 {number:02}{place:02}"}
        ).encode()
        asked = urllib.request.Request(f"{practice.url}/sandbox/clients", data=body, method="POST")  # noqa: S310
        with urllib.request.urlopen(asked):  # noqa: S310
            pass


async def _tell_nobody(_: str, __: Sync) -> None:
    """Nobody waits for these."""


def lines() -> list[Line]:
    """Measures everything, each beside its floor."""
    cores = range(os.cpu_count() or 1)
    os.sched_setaffinity(0, set(cores))
    with tempfile.TemporaryDirectory(prefix="xpm-slack-bench-") as name:
        folder = Path(name)
        with served.practice(_CLIENTS) as practice:
            _download(practice, folder / "clients.xml")
            megabytes = (folder / "clients.xml").stat().st_size / 1e6
            print(f"Copying {_CLIENTS:,} clients, {megabytes:.0f} MB …", flush=True)
            floors: list[tuple[float, float, float]] = []
            syncs: list[Full] = []
            for number in range(_FULL_ROUNDS):
                # One after the other, because a machine is not as quick now as it was a minute ago.
                migrations.upgrade(f"sqlite:///{folder}/floor-{number}.db")
                floors.append(
                    _floor(
                        "floor",
                        folder / "clients.xml",
                        folder / f"floor-{number}.db",
                        cores[0],
                    )
                )
                # Clicks take the core's time, so the wall time is that of a sync without them.
                syncs.append(
                    _prepared(practice, folder / f"alone-{number}", cores[0], with_clicks=False)
                )
                print(f"  {syncs[-1].seconds:.2f} s, its floor {floors[-1][0]:.2f} s", flush=True)
            clicked = _prepared(practice, folder / "clicked", cores[0], with_clicks=True)
            parses = {
                how: _floor(how, folder / "clients.xml", folder / "none", cores[0])
                for how in ("ours", *_others())
            }
        with served.practice(40) as practice:
            increments = asyncio.run(_increments(folder, practice))
    small, large = increments[1_000], increments[100_000]
    floor, floor_work = (statistics.median(one[place] for one in floors) for place in (0, 2))
    wall, work = (
        statistics.median(getattr(one, name) for one in syncs) for name in ("seconds", "work")
    )
    most = max(one.megabytes for one in syncs)
    title = f"full sync, {_CLIENTS:,} clients, {megabytes:.0f} MB"
    found = [
        Line(f"{title}: wall time", wall, "s", floor, wall / floor, 1.5, "lower"),
        Line(f"{title}: processor time", work, "s", floor_work, work / floor_work, 1.5, "lower"),
        Line(f"{title}: memory over idle", most, "MB", 60, most / 60, 1, "lower"),
        Line(f"{title}: slowest click", clicked.slowest, "ms", 100, clicked.slowest / 100, 1, "lower"),
        Line("slowest click with no sync", clicked.slowest_idle, "ms", 100, clicked.slowest_idle / 100, 1, "lower"),
        Line("increment of 10: at 100,000 against 1,000", large, "ms", small, large / small, 1.5, "lower"),
    ]  # fmt: skip
    seconds, memory, _ = parses["ours"]
    for how, what in _others().items():
        tree_seconds, tree_memory, _ = parses[how]
        name = f"reading as it arrives against {what}"
        found += [
            Line(f"{name}: time", seconds, "s", tree_seconds, seconds / tree_seconds, 1.5, "lower"),
            Line(f"{name}: memory", memory, "MB", tree_memory, memory / tree_memory, 0.5, "lower"),
        ]
    return found


def _others() -> dict[str, str]:
    """Other ways to read the same bytes, and what each builds."""
    ways = {"lxml": "lxml's fromstring", "elementtree": "ElementTree's fromstring"}
    if find_spec("xmltodict") is None:
        print("xmltodict is not installed, so it is not compared: install requirements-dev.lock.")
        return ways
    return ways | {"xmltodict": "xmltodict"}


def _prepared(practice: Practice, folder: Path, core: int, *, with_clicks: bool) -> Full:
    # Slack is away, so that only our own work is measured.
    environment, settings = surroundings(folder, practice=practice.url)
    entry = asyncio.run(_seed(settings, practice))
    return _full(environment, folder, entry, core, with_clicks=with_clicks)


async def _seed(settings: Settings, practice: Practice) -> str:
    seeded = await seed(settings, clients=100, jobs=200, entries=1)
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    database = Database(settings.database_url)
    async with database.transaction() as tx:
        await connection_store.save(tx, _connection(vault, practice))
    await database.close()
    return seeded.entries[0]
