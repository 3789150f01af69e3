"""The durable engine: what is enqueued in a transaction runs after its commit, and again after a crash.

DBOS keeps queue and workflows in the same database, SQLite or PostgreSQL. A workflow is enqueued by name and key; a
key that is known already is not enqueued again, which makes a double click, a re-delivery and a clock that ticks on
three replicas harmless. Workflows take ids, never secrets, and read everything else from their rows.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, Serializer

from xpm.store import Database, Transaction

QUEUE = "xpm-slack"
# Constant on purpose: recovery skips workflows of another version, so a deployment would strand what is under way.
VERSION = "1"

Workflow = Callable[..., Awaitable[None]]


class _Json(Serializer):
    """JSON in the database instead of the engine's default, pickle."""

    def serialize(self, data: Any) -> str:
        # An error that ended a workflow is kept as its kind alone: its text may hold what somebody typed.
        return json.dumps(data, default=lambda value: type(value).__name__)

    def deserialize(self, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "json"


def _plain(workflow: Workflow) -> Workflow:
    """A function of its own: the engine writes an attribute on what it registers, which a bound method refuses."""

    async def run(*arguments: Any) -> None:
        await workflow(*arguments)

    return run


class Durable:
    """Enqueues workflows inside transactions and runs them. One per process, as the engine allows.

    `replica` must differ between processes on one database: an executor that shares its name steals work.
    """

    def __init__(self, database: Database, replica: str, *, poll_seconds: float = 0.05) -> None:
        drivers = {"sqlite": "sqlite", "postgresql": "postgresql"}
        url = database.url.set(drivername=drivers[database.url.get_backend_name()])
        self._database = database
        self._url = url.render_as_string(hide_password=False)
        self._replica = replica
        self._poll_seconds = poll_seconds
        self._workflows: dict[str, Workflow] = {}
        self._client: DBOSClient | None = None

    def register(self, name: str, workflow: Workflow) -> None:
        """Names a workflow; call before `start`. Its arguments must be JSON."""
        self._workflows[name] = workflow

    async def start(self) -> None:
        """Launches the engine on the running loop: recovers what a crash cut, then takes from the queue."""
        DBOS(
            config={
                "name": "xpm-slack",
                "system_database_url": self._url,
                "executor_id": self._replica,
                "application_version": VERSION,
                "log_level": "WARNING",
                "serializer": _Json(),
                "enable_otlp": False,
            }
        )
        for name, workflow in self._workflows.items():
            DBOS.workflow(name=name)(_plain(workflow))
        DBOS.launch()
        await DBOS.register_queue_async(QUEUE, polling_interval_sec=self._poll_seconds)
        self._client = DBOSClient(
            system_database_url=self._url, serializer=_Json(), application_name="xpm-slack"
        )

    @property
    def is_running(self) -> bool:
        """Whether work is taken from the queue."""
        return self._client is not None

    async def stop(self) -> None:
        """Stops taking work; what is under way goes on in the next process."""
        if self._client is not None:
            self._client.destroy()
            self._client = None
        DBOS.destroy(destroy_registry=True)

    async def enqueue(self, tx: Transaction, name: str, key: str, *arguments: Any) -> None:
        """Enqueues a workflow with the transaction: both happen or neither. The same key twice runs once."""
        client = self._client
        if client is None:
            raise RuntimeError("the durable engine is not running")

        def within(connection: sa.Connection) -> None:
            client.enqueue_in_transaction(
                connection,
                {
                    "queue_name": QUEUE,
                    "workflow_name": name,
                    "workflow_id": f"{name}:{key}",
                    "app_version": VERSION,
                },
                *arguments,
            )

        await tx.run_sync(within)

    async def forget(self, workspace_id: str) -> None:
        """Forgets every workflow that was given this workspace: what waits is cancelled, what is done is deleted.

        The engine's own rows hold ids alone, but they would tell who was here.
        """
        client = self._client
        if client is None:
            raise RuntimeError("the durable engine is not running")
        schema = "" if self._database.is_sqlite else "dbos."
        query = (
            f"select s.workflow_uuid from {schema}workflow_status s "  # noqa: S608 (two constants)
            f"left join {schema}workflow_input i on i.workflow_uuid = s.workflow_uuid "
            "where coalesce(s.inputs, i.inputs) like :given"
        )
        async with self._database.reading() as tx:
            given = {"given": f'%"{workspace_id}"%'}
            ids = list((await tx.execute(sa.text(query), given)).scalars())
        if ids:
            await client.cancel_workflows_async(ids)
            await client.delete_workflows_async(ids)

    @staticmethod
    async def sleep(seconds: float) -> None:
        """Sleeps inside a workflow; after a crash only what is left of it."""
        await DBOS.sleep_async(seconds)
