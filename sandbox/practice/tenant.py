"""One practice: its staff, clients, jobs and times."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from sandbox.practice.records import Client, Contact, Job, JobTask, Staff, Time, new_uuid


@dataclass(slots=True)
class Practice:
    """One practice and everything in it, by the identifiers its API uses."""

    tenant_id: str
    name: str
    country: str
    chance: Random
    created: datetime
    staff: dict[str, Staff] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    jobs_of_client: dict[str, list[Job]] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    """Task name to the UUID of its definition."""
    times: dict[str, Time] = field(default_factory=dict)
    """In the order written, oldest first."""
    settings_seed: int = 1

    def add_client(self, client: Client) -> Client:
        """Keep a client and the contacts it links to."""
        self.clients[client.uuid] = client
        for link in client.links:
            self.contacts[link.contact.uuid] = link.contact
        return client

    def add_job(self, job: Job) -> Job:
        """Keep a job."""
        self.jobs[job.number] = job
        self.jobs_of_client.setdefault(job.client.uuid, []).append(job)
        return job

    def definition(self, name: str) -> str:
        """Return the UUID of the task definition called `name`, made when it is new."""
        if name not in self.definitions:
            self.definitions[name] = new_uuid(self.chance)
        return self.definitions[name]

    def tasks_of(self, job: Job) -> list[JobTask]:
        """Return the tasks of a job; a generated job gets its tasks when first looked at.

        They depend on the seed and the job's number alone, so the order of looking does not matter.
        """
        if job.tasks is None:
            chance = Random(f"{self.settings_seed}:{job.number}")
            names = chance.sample(sorted(self.definitions), k=chance.randint(1, 4))
            job.tasks = [
                JobTask(
                    uuid=new_uuid(chance),
                    definition=self.definitions[name],
                    name=name,
                    estimated_minutes=chance.choice((0, 30, 60, 120, 240, 480)),
                    is_completed=chance.random() < (0.15 if job.is_open else 0.9),
                    is_billable=chance.random() < 0.9,
                    assigned=(chance.choice(job.assigned),)
                    if job.assigned and chance.random() < 0.15
                    else (),
                )
                for name in names
            ]
        return job.tasks

    def client_named(self, name: str) -> Client | None:
        """Return the client whose name is `name`, blanks at the ends aside."""
        return next((c for c in self.clients.values() if c.name.strip() == name.strip()), None)

    def staff_with_email(self, email: str) -> Staff | None:
        """Return the first member of staff with that e-mail address."""
        return next((s for s in self.staff.values() if s.email.lower() == email.lower()), None)
