"""`python -m sandbox demo` for a page to click through, `python -m sandbox play` for the story without a browser."""

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from sandbox.story import play
from sandbox.world import Ports, install_every_phone_system, world

_DEMO = Ports(app=8400, page=8401, practice=8402, telephone=8403, providers=8404)


def _fresh(folder: Path) -> Path:
    """The folder, emptied: the pretend practice forgets everything with its process, so the app must as well."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


async def _demo() -> int:
    folder = _fresh(Path(".sandbox/demo"))
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, ended.set)
    print(
        "Starting a pretend Slack, a pretend practice, a pretend telephone, and the app …",
        flush=True,
    )
    try:
        async with world(folder, ports=_DEMO) as made:
            # Some seconds of programs that start and end; the page is of use before.
            adding = asyncio.create_task(install_every_phone_system(made))
            print(
                f"\n  Open {made.page.replace('127.0.0.1', 'localhost')}/?team=T0KEA&user=U0SAM&conversation=app\n\n"
                "  1. Type /xpm connect, press Connect, sign in, allow access, come back.\n"
                "  2. On the right, under Telephone, end a call.\n"
                "  3. Choose a job, press Save time, and look at Times in XPM.\n\n"
                "  Ctrl+C ends it.\n",
                flush=True,
            )
            try:
                await ended.wait()
            finally:
                adding.cancel()
                await asyncio.gather(adding, return_exceptions=True)
    except OSError as error:
        print(
            f"A port between 8400 and 8404 is taken ({error}). End what uses it, then try again.",
            file=sys.stderr,
        )
        return 1
    return 0


async def _play() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="xpm-slack-") as folder:
        async with world(Path(folder)) as made:
            is_as_told = await play(made, lambda line: print(line, flush=True))
            if not is_as_told:
                print(f"\nWhat the app wrote last:\n{made.process.log_text()[-3000:]}")
    print(f"\n{'As told' if is_as_told else 'Not as told'}, in {time.monotonic() - began:.1f} s")
    return 0 if is_as_told else 1


def main() -> int:
    """Runs the verb of the command line."""
    verbs = {"demo": _demo, "play": _play}
    verb = verbs.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if verb is None:
        print("usage: python -m sandbox demo|play", file=sys.stderr)
        return 2
    return asyncio.run(verb())


if __name__ == "__main__":
    sys.exit(main())
