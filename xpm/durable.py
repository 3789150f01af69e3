"""The durable engine: what is enqueued in a transaction runs after its commit, and again after a crash.

DBOS keeps queue and workflows in the same database, SQLite or PostgreSQL. A workflow is enqueued by name and key; a
key that is known already is not enqueued again, which makes a double click, a re-delivery and a clock that ticks on
three replicas harmless. Workflows take ids, never secrets, and read everything else from their rows.

A workflow never sleeps: it says after how many seconds it wants to run again and is put back into the queue, where
whoever is alive then takes it. So waiting costs nothing, survives every replica, and what runs is always short.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, Serializer

from xpm.precedence import Precedence
from xpm.store import Database, Transaction, sqlite
from xpm.store.compiled_once import CompiledOnce
from xpm.store.turns import in_turn

log = logging.getLogger(__name__)

QUEUE: Final = "xpm-slack"
"""For what a person waits for."""

CROWD: Final = "xpm-slack-crowd"
"""For calls of a system that tells very many: a few at once, so that they take no turn from anybody else's."""

COURTESY: Final = "xpm-slack-courtesy"
"""For what nobody waits for and what may wait for XPM itself."""

LONG_QUEUE: Final = "xpm-slack-long"
"""For workflows of minutes, so that they never stand in the way of a person's entry."""

# Constant on purpose: recovery skips workflows of another version, so a deployment would strand what is under way.
VERSION: Final = "1"

KEPT: Final = timedelta(days=7)

_AT_ONCE = {QUEUE: 64, CROWD: 8, COURTESY: 8, LONG_QUEUE: 4}
_PATIENT_POLL_SECONDS = 1.0
# Each look into a queue takes some milliseconds of processor time, also when nothing waits there.
_SMALLEST_PACE = 0.5
_SHORT, _SHORT_TURNS = 1.0, 20
"""Pauses of up to so many seconds, and so many of them, are not worth going through the queue."""

_FIRST_BACK_OFF, _LONGEST_BACK_OFF = 10.0, 3600.0
_WAITING = ["ENQUEUED", "DELAYED"]
_UNFINISHED = [*_WAITING, "PENDING"]
_FINISHED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_BATCH = 500
_FORGOTTEN_AGAIN, _A_TURN_SECONDS = 20, 0.1

Workflow = Callable[..., Awaitable[float | None]]
"""Does one short step. Returns the seconds after which it wants to run again, None when there is nothing left to do."""


class _Json(Serializer):
    """JSON in the database instead of the engine's default, pickle."""

    def serialize(self, data: Any) -> str:
        # An error that ended a workflow is kept as its kind alone: its text may hold what somebody typed.
        return json.dumps(data, default=lambda value: type(value).__name__)

    def deserialize(self, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "json"


class Durable:
    """Enqueues workflows inside transactions and runs them. One per process, as the engine allows.

    `replica` must differ between processes on one database: an executor that shares its name steals work. Every pause
    is `pace` times as long as the workflow asks for; tests wait less. Each step stands back where `precedence` says
    that people are being answered.
    """

    def __init__(
        self,
        database: Database,
        replica: str,
        *,
        poll_seconds: float = 0.1,
        pace: float = 1.0,
        precedence: Precedence | None = None,
    ) -> None:
        url = database.url.set(drivername=database.url.get_backend_name())
        self._database = database
        self._url = url.render_as_string(hide_password=False)
        self._poll_seconds = poll_seconds
        self._pace = pace
        self._precedence = precedence or Precedence()
        self._workflows: dict[str, Workflow] = {}
        self._queues: dict[str, str] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._is_stopping = False
        self._client: DBOSClient | None = None
        self._engine: sa.Engine | None = None
        self._inserts = CompiledOnce()
        self.replica = replica

    def register(self, name: str, workflow: Workflow, *, queue: str = QUEUE) -> None:
        """Names a workflow and the queue it waits in; call before `start`. Its arguments must be JSON."""
        self._workflows[name] = workflow
        self._queues[name] = queue

    # -- life ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Launches the engine on the running loop: recovers what a crash cut, then takes from the queues."""
        if self._database.turns is not None:
            self._engine = sqlite.engine_for_threads(self._database.url)
            in_turn(self._engine, self._database.turns)
        DBOS(
            config={
                "name": "xpm-slack",
                "system_database_url": self._url,
                "system_database_engine": self._engine,
                "executor_id": self.replica,
                "application_version": VERSION,
                "log_level": "WARNING",
                "serializer": _Json(),
                "enable_otlp": False,
                # Nobody listens, so a look costs nothing; stopping waits for the next one.
                "notification_listener_polling_interval_sec": 0.1,
            }
        )
        for name, workflow in self._workflows.items():
            DBOS.workflow(name=name)(self._again_and_again(name, workflow))
        DBOS.launch()
        patient = _PATIENT_POLL_SECONDS * max(self._pace, _SMALLEST_PACE)
        for queue, at_once in _AT_ONCE.items():
            await DBOS.register_queue_async(
                queue,
                polling_interval_sec=self._poll_seconds if queue == QUEUE else patient,
                worker_concurrency=at_once,
            )
        self._client = DBOSClient(
            system_database_url=self._url,
            system_database_engine=self._engine,
            serializer=_Json(),
            application_name="xpm-slack",
        )

    @property
    def is_running(self) -> bool:
        """Whether work is taken from the queues."""
        return self._client is not None and not self._is_stopping

    async def stop(self, seconds: float = 5.0) -> None:
        """Takes no more work, lets what runs finish for some seconds, leaves the rest to the next process."""
        client = self._client
        if client is None:
            return
        self._is_stopping = True
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        cut = list(self._running)
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        self._client = None
        client.destroy()
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    # -- enqueueing ------------------------------------------------------------------------------------------------

    async def enqueue(
        self, tx: Transaction, name: str, key: str, *arguments: Any, place: int = 0
    ) -> None:
        """Enqueues a workflow with the transaction: both happen or neither. The same key twice runs once.

        Where many wait, those with the smallest `place` are taken first, and of these the oldest.
        """
        await self._enqueue(tx, name, f"{name}:{key}", None, [0, 0, *arguments], place)

    async def _enqueue(
        self,
        tx: Transaction,
        name: str,
        workflow_id: str,
        delay: float | None,
        arguments: list[Any],
        place: int = 0,
    ) -> None:
        client = self._usable()
        options: dict[str, Any] = {
            "queue_name": self._queue_of(name),
            "workflow_name": name,
            "workflow_id": workflow_id,
            "app_version": VERSION,
        }
        if delay is not None:
            options["delay_seconds"] = delay
        if place:
            options["priority"] = place

        def within(connection: sa.Connection) -> None:
            quick: Any = self._inserts.on(connection)
            client.enqueue_in_transaction(quick, options, *arguments)  # type: ignore[arg-type]

        await tx.run_sync(within)

    # -- running ---------------------------------------------------------------------------------------------------

    def _again_and_again(self, name: str, workflow: Workflow) -> Callable[..., Awaitable[None]]:
        """The function the engine runs; one of its own, because the engine writes an attribute on what it registers."""

        async def run(turn: int, failures: int, *arguments: Any) -> None:
            task = asyncio.current_task()
            if task is None or self._is_stopping:
                # Cancelled, the engine leaves the workflow as it stands in the database, to be recovered.
                raise asyncio.CancelledError
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            pause, failures = await self._turns(name, workflow, failures, arguments)
            if pause is None:
                return
            first = str(DBOS.workflow_id).partition("~")[0]
            # The same turn has the same name: cut after this and run again, it is not enqueued twice.
            async with self._database.transaction() as tx:
                await self._enqueue(
                    tx,
                    name,
                    f"{first}~{turn + 1}",
                    pause,
                    [turn + 1, failures, *arguments],
                )

        return run

    async def _turns(
        self, name: str, workflow: Workflow, failures: int, arguments: tuple[Any, ...]
    ) -> tuple[float | None, int]:
        """Runs it until it is done or wants a longer pause; that pause in seconds, and the failures in a row so far."""
        for _ in range(_SHORT_TURNS):
            await self._precedence.stand_back(goes_last=self._queue_of(name) != QUEUE)
            if self._is_stopping:
                # Whoever stood back has begun nothing: the next process does it, as above.
                raise asyncio.CancelledError
            try:
                pause = await workflow(*arguments)
                failures = 0
            except Exception:
                # Nobody foresaw it, so nobody is to lose by it: it is tried again, ever more slowly.
                log.exception("workflow.failed", extra={"workflow": name, "failures": failures + 1})
                pause = min(_FIRST_BACK_OFF * 2**failures, _LONGEST_BACK_OFF)
                failures += 1
            if pause is None:
                return None, 0
            pause *= self._pace
            if pause > _SHORT:
                return pause, failures
            await asyncio.sleep(pause)
        return _SHORT, failures

    # -- looking after it ------------------------------------------------------------------------------------------

    async def is_under_way(self, name: str, key: str) -> bool:
        """Whether a workflow whose key begins so waits or runs."""
        found = await self._usable().list_workflows_async(
            workflow_id_prefix=f"{name}:{key}",
            status=_UNFINISHED,
            load_input=False,
            load_output=False,
            limit=1,
        )
        return bool(found)

    async def arguments_of(self, name: str) -> list[tuple[Any, ...]]:
        """What each workflow of this name was given that waits or runs."""
        found = await self._usable().list_workflows_async(
            workflow_id_prefix=f"{name}:", status=_UNFINISHED, load_output=False
        )
        # Its turn and its failures come first.
        return [tuple(one.input["args"][2:]) for one in found if one.input is not None]

    async def running_on(self) -> dict[str, list[str]]:
        """The workflows that run, by the replica that runs them."""
        found: dict[str, list[str]] = {}
        for one in await self._usable().list_workflows_async(
            status="PENDING", load_input=False, load_output=False
        ):
            found.setdefault(str(one.executor_id), []).append(one.workflow_id)
        return found

    async def take_over(self, workflow_ids: list[str]) -> None:
        """Puts workflows that a dead replica ran back into the queue."""
        for workflow_id in workflow_ids:
            queue = self._queue_of(workflow_id.partition(":")[0])
            await self._usable().resume_workflow_async(workflow_id, queue_name=queue)

    async def purge(self, older_than: timedelta) -> int:
        """Forgets what was finished so long ago; with it goes the memory of its key. How many that were."""
        client, count = self._usable(), 0
        before = (datetime.now(UTC) - older_than).isoformat()
        while True:
            done = await client.list_workflows_async(
                status=_FINISHED,
                end_time=before,
                limit=_BATCH,
                load_input=False,
                load_output=False,
            )
            if not done:
                return count
            await client.delete_workflows_async([one.workflow_id for one in done])
            count += len(done)

    async def forget_finished(self) -> None:
        """Forgets what was finished a week ago; no re-delivery comes so late. A tick of the clock."""
        count = await self.purge(KEPT)
        if count:
            log.info("workflows.forgotten", extra={"count": count})

    async def forget(self, workspace_id: str) -> None:
        """Forgets every workflow that was given this workspace: what waits is cancelled, what is done is deleted.

        The engine's own rows hold ids alone, but they would tell who was here.
        """
        client = self._usable()
        schema = "" if self._database.is_sqlite else "dbos."
        query = (
            f"select s.workflow_uuid from {schema}workflow_status s "  # noqa: S608 (two constants)
            f"left join {schema}workflow_input i on i.workflow_uuid = s.workflow_uuid "
            "where coalesce(s.inputs, i.inputs) like :given"
        )
        given = {"given": f'%"{workspace_id}"%'}
        for _ in range(_FORGOTTEN_AGAIN):
            async with self._database.reading() as tx:
                ids = list((await tx.execute(sa.text(query), given)).scalars())
            if not ids:
                return
            await client.cancel_workflows_async(ids)
            await client.delete_workflows_async(ids)
            # One that runs at this moment may yet ask for another turn.
            await asyncio.sleep(_A_TURN_SECONDS)

    def _queue_of(self, name: str) -> str:
        return self._queues.get(name, QUEUE)

    def _usable(self) -> DBOSClient:
        if self._client is None:
            raise RuntimeError("the durable engine is not running")
        return self._client
